"""Outcomes that a file holds as words: which of them is a success, or in which order they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doublecode.schemas.column_types import Role
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.near_names import allowed

if TYPE_CHECKING:
    import pandas as pd

MOST_WORDS = 12
"""More different words than these are no categories of an outcome."""


@dataclass(frozen=True)
class OutcomeWords:
    """What is said of the words of an outcome.

    Attributes
    ----------
    family
        Of the model, or None.
    success
        Words that count as 1; all others as 0.
    order
        Words from the lowest category to the highest.
    """

    family: str | None
    success: tuple[str, ...] = ()
    order: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is not of the family."""
        for option, words, whose in (("success", self.success, "binomial"), ("order", self.order, "ordinal")):
            if words and self.family is not None and self.family != whose:
                raise UsageError(f"--{option}: it belongs to --family {whose}, not {self.family}. Leave it out.")

    @property
    def given(self) -> bool:
        """Whether words are to be turned."""
        return bool(self.success or self.order)

    def role(self, outcome: str, read: Callable[[Mapping[str, Role]], pd.DataFrame]) -> dict[str, Role]:
        """How the outcome is read; `read` reads it alone.

        Raises
        ------
        UsageError
            It holds words, and nothing is said of them.
        """
        if self.given:
            return {outcome: Role.LABEL}
        if self.family not in ("binomial", "ordinal"):
            return {}
        try:
            column = read({outcome: Role.TERM})[outcome]
        except ContractError:
            return {}  # words beside numbers: reading names the cell
        found = list(dict.fromkeys(map(str, column.dropna())))
        if column.dtype.kind in "biufc" or not 1 < len(found) <= MOST_WORDS:
            return {}
        listed = ", ".join(found)
        if self.family == "binomial":
            from doublecode.analysis.mixed.generalized.response import POSITIVE

            meant = next((word for word in found if word.casefold() in POSITIVE), found[0])
            raise UsageError(
                f'the outcome {outcome!r} holds words ({listed}). Say which count as a success: --success "{meant}"'
            )
        raise UsageError(
            f"the outcome {outcome!r} holds words ({listed}), which have no order. Say it, lowest first: --order "
            f'"{",".join(found)}"'
        )

    def said(self, outcome: str, column: pd.Series[Any]) -> str:
        """Say what the words were turned into."""
        if self.order:
            return f"{outcome}: categories in the order {', '.join(self.order)}"
        others = sorted(set(column.dropna().map(_text)) - set(self.success))
        hint = " (does one of these stand for missing? then --missing)" if len(others) > 1 else ""
        return f"{outcome}: 1 is {', '.join(self.success)}; 0 is {', '.join(others)}{hint}"

    def read(self, column: pd.Series[Any]) -> pd.Series[Any]:
        """The words as 0 and 1, or as ordered categories; a missing one stays missing.

        Raises
        ------
        UsageError
            A word that nobody wrote, or one of which nothing is said.
        """
        import pandas as pd

        texts = column.map(_text, na_action="ignore")
        found = sorted(set(texts.dropna()))
        stray = next((word for word in self.success if word not in found), None)
        if stray is not None:
            raise UsageError(f"--success: found {stray!r}; {allowed(stray, found)}.")
        if self.success:
            return texts.isin(self.success).astype(float).where(texts.notna())
        unsaid = [word for word in found if word not in self.order]
        if unsaid:
            raise UsageError(f"--order: {column.name!r} also holds {unsaid[0]!r}; say where it stands, or --missing.")
        return pd.Series(pd.Categorical(texts, categories=list(self.order), ordered=True), index=texts.index)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
