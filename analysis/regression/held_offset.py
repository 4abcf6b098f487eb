"""The known part of a linear predictor where marginal means are asked for: an offset, held at one value and said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

KEY: Final = "offset"
"""Name of the offset in `at`, beside that of its column."""


@dataclass(frozen=True)
class HeldOffset:
    """An offset and the value it is held at.

    Attributes
    ----------
    name : str
        Its column, or where its values come from.
    value : float
        On the scale of the linear predictor; the mean over the rows unless `given`.
    is_log : bool
        Whether it is the logarithm of an exposure: of a model with a log link.
    given : bool
        Whether it was asked for.
    """

    name: str
    value: float
    is_log: bool = False
    given: bool = False

    @property
    def note(self) -> Note:
        """Say at which value means stand."""
        exposure = float(np.exp(self.value)) if self.is_log else None
        numbers = {"offset": self.name, "value": self.value, "given": self.given, "exposure": exposure}
        return Note("marginal_offset", numbers=numbers)


def hold_offset(
    known: HeldOffset | None, variables: Collection[str], at: Mapping[str, Any] | None
) -> tuple[HeldOffset | None, dict[str, Any]]:
    """A model's offset held where `at` says, and what else `at` names; `variables` of that name go before.

    Raises
    ------
    UsageError
        The model has no offset; it is named twice; its value is no single finite number.
    """
    given = dict(at or {})
    names = {KEY} | (set() if known is None else {known.name})
    asked = [name for name in given if str(name).strip("`") in names - set(variables)]
    if not asked:
        return known, given
    if known is None:
        raise UsageError(f"marginal_means: at names {KEY!r}, and the model was fitted without one; leave it out.")
    if len(asked) > 1:
        raise UsageError(f"marginal_means: at names the offset twice ({' and '.join(map(repr, asked))}); give it once.")
    value = given.pop(asked[0])
    if isinstance(value, str | bool) or np.ndim(value) or not np.isfinite(value):
        raise UsageError(
            f"marginal_means: at[{asked[0]!r}] is {value!r}; an offset is held at one finite number, on the scale of "
            "the linear predictor (of counts log(exposure): 0 for one unit)."
        )
    return replace(known, value=float(value), given=True), given
