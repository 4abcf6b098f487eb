"""The pass mark: what has to be reached, whether it is, and the verdict on a trainee."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import pandas as pd
from scipy import special

from doublecode.schemas.errors import UsageError

LEAST_TAPES: Final = 10
"""Below so many tapes only bias and the share within one point decide."""
AT_FEW: Final = ("bias", "within_one")
_MOST_LISTED: Final = 4
_WORDS: Final = {"bias": "bias", "within_one": "within 1", "kappa": "κ", "icc": "ICC"}


class Reached(StrEnum):
    """What became of one criterion.

    Attributes
    ----------
    YES, NO
        The mark is reached, or missed.
    UNDEFINED
        A mark is declared, and the estimate or limit that it is for does not exist.
    CANNOT_FAIL
        Ratings of the set span no more than a point, so every one is within one point of the key.
    TOO_FEW
        Fewer than ten tapes.
    NO_MARK
        No mark is declared for it.
    """

    YES = "reached"
    NO = "missed"
    UNDEFINED = "undefined"
    CANNOT_FAIL = "cannot fail"
    TOO_FEW = "too few tapes"
    NO_MARK = "no mark"


class Verdict(StrEnum):
    """Whether a trainee may rate."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class PassMarks:
    """What has to be reached; None where a criterion does not count.

    Parameters
    ----------
    bias : float or None
        Points, at most, either way.
    within_one, kappa, icc : float or None
        At least.
    judge : {"estimate", "limit"}
    """

    bias: float | None = None
    within_one: float | None = None
    kappa: float | None = None
    icc: float | None = None
    judge: str = "estimate"

    def __post_init__(self) -> None:
        """Refuse marks that nobody can reach, or that everybody does."""
        if self.judge not in ("estimate", "limit"):
            raise UsageError(f"certify: judge: found {self.judge!r}, allowed estimate or limit.")
        for name, mark in self.declared.items():
            if name == "bias" and not mark > 0:
                raise UsageError(f"certify: bias: found {mark:g}, allowed a number of points above 0.")
            if name != "bias" and not 0 < mark <= 1:
                raise UsageError(f"certify: {name}: found {mark:g}, allowed a number above 0 and up to 1.")

    @property
    def declared(self) -> dict[str, float]:
        """The marks that count."""
        marks = {"bias": self.bias, "within_one": self.within_one, "kappa": self.kappa, "icc": self.icc}
        return {name: float(mark) for name, mark in marks.items() if mark is not None}

    def tapes_for_limit(self, conf_level: float) -> float:
        """With fewer tapes the limit of the share within one point misses its mark even if every rating is near.

        Of n ratings all of which are near, Wilson's lower limit is n/(n + z²).

        Examples
        --------
        >>> PassMarks(within_one=0.8, judge="limit").tapes_for_limit(0.95)
        16
        """
        if self.judge != "limit" or self.within_one is None:
            return 0
        z = float(special.ndtri((1 + conf_level) / 2))
        return math.inf if self.within_one == 1 else math.ceil(self.within_one * z**2 / (1 - self.within_one))

    def reached(self, criterion: str, row: dict[str, Any]) -> Reached:
        """Say what became of a criterion of one set."""
        mark = self.declared.get(criterion)
        if mark is None:
            return Reached.NO_MARK
        if row["n"] < LEAST_TAPES and criterion not in AT_FEW:
            return Reached.TOO_FEW
        if criterion == "within_one" and row["span"] <= 1.0:
            return Reached.CANNOT_FAIL
        ends = [row["estimate"]] if self.judge == "estimate" else [row["conf_low"], row["conf_high"]]
        if any(math.isnan(end) for end in ends):
            return Reached.UNDEFINED
        enough = max(map(abs, ends)) <= mark + 1e-12 if criterion == "bias" else ends[0] >= mark - 1e-12
        return Reached.YES if enough else Reached.NO


def judge_rows(rows: pd.DataFrame, marks: PassMarks, keys: Sequence[str]) -> pd.DataFrame:
    """Add ``mark`` and ``reached`` to statistics; sets of which nothing is rated have no row of them yet."""
    from doublecode.analysis.training.key_statistics import CRITERIA

    bare = rows["criterion"].isna()
    empty = rows[bare].drop(columns="criterion").merge(pd.DataFrame({"criterion": CRITERIA}), how="cross")
    rows = pd.concat([rows[~bare], empty], ignore_index=True)
    judged = rows.to_dict("records")
    rows = rows.assign(
        mark=rows["criterion"].map(marks.declared).astype(float),
        reached=[marks.reached(str(one["criterion"]), {str(k): v for k, v in one.items()}).value for one in judged],
    )
    order = rows["criterion"].map({name: place for place, name in enumerate(CRITERIA)})
    rows = rows.assign(_order=order).sort_values([*keys, "_order"], kind="stable", ignore_index=True, key=_by_number)
    columns = [*keys, "n", "n_missing", "n_absent", "criterion", "estimate", "conf_low", "conf_high", "mark", "reached"]
    return rows[columns]


def _by_number(values: pd.Series[Any]) -> pd.Series[Any]:
    """Sort texts by the numbers in them: s2 before s10."""
    if values.dtype.kind in "ifb":
        return values
    return values.map(lambda one: re.sub(r"\d+", lambda found: found[0].zfill(9), str(one)))


def verdicts_of(frame: pd.DataFrame, raters: str, by: Sequence[str], apart: Sequence[str]) -> pd.DataFrame:
    """The verdict on every trainee, and what it stands on."""
    inner = [name for name in by if name not in apart]
    rows = []
    for key, own in frame.groupby([raters, *apart], sort=True, observed=True):
        missed, unclear = _listed(own, inner, Reached.NO), _listed(own, inner, Reached.UNDEFINED)
        judged = (
            own["reached"]
            .isin((Reached.YES, Reached.NO))
            .groupby([own[name] for name in inner] or own[raters], observed=True)
        )
        if not judged.any().all():
            unclear = "; ".join(filter(None, [unclear, "no mark can be judged"]))
        total = own["n"] + own["n_missing"]
        too_few = (own["n_missing"] > own["n"]) | (own["n"] < LEAST_TAPES) & (total >= LEAST_TAPES)
        if too_few.any():
            least, of = min(zip(own["n"][too_few], total[too_few], strict=True))
            said = f"missing codes leave {least} of {of} to be compared"
            unclear = "; ".join(filter(None, [unclear, said]))
        if own["n_absent"].any():
            unclear = "; ".join(filter(None, [unclear, "tapes still to be rated"]))
            verdict = Verdict.UNDECIDED
        else:
            verdict = Verdict.FAIL if missed else Verdict.UNDECIDED if unclear else Verdict.PASS
        rows.append((*key, int(own["n"].min()), verdict.value, missed, unclear))
    return pd.DataFrame(rows, columns=[raters, *apart, "tapes", "verdict", "missed", "unclear"])


def _listed(own: pd.DataFrame, inner: Sequence[str], state: Reached) -> str:
    """Sets and criteria in a state: ``he: bias, within 1; tbh: ICC``."""
    rows = own[own["reached"] == state]
    if not inner:
        return ", ".join(_WORDS[name] for name in rows["criterion"])
    parts = []
    for key, part in rows.groupby(list(inner), sort=False, observed=True):
        parts.append(f"{' '.join(map(str, key))}: {', '.join(_WORDS[name] for name in part['criterion'])}")
    more = [f"and {len(parts) - _MOST_LISTED} more, each below"] if len(parts) > _MOST_LISTED + 1 else []
    return "; ".join([*parts[:_MOST_LISTED], *more] if more else parts)
