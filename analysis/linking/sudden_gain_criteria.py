r"""Sudden gains: large, lasting improvements from one session to the next, by Tang and DeRubeis.

Between sessions n and n + 1 there is a sudden gain where

1. the gain is at least a cut-off in points (7 on the BDI; or the smallest reliable change of the measure),
2. it is at least a quarter of the value in session n,
3. the means of the three sessions up to n and of the three from n + 1 on differ by more than
   :math:`t \sqrt{((n_1 − 1)s_1^2 + (n_2 − 1)s_2^2)/(n_1 + n_2 − 2)}`, with t for :math:`n_1 + n_2 − 2` degrees of
   freedom: 2.776 with all six sessions, more where one of three is missing on a side; with two missing there it cannot
   be checked.

A gain is *reversed* where a later session has lost half of it or more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from doublecode.analysis.mixed.model_rows import require_columns, require_numbers
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

CALLER: Final = "sudden_gains"
WINDOW, FEWEST = 3, 2
Better = Literal["lower", "higher"]
STEP: Final = (
    "patient", "session", "before", "after", "gain", "share", "mean_before", "mean_after", "n_before", "n_after",
    "critical", "large", "relative", "stable", "sudden", "reversed", "reversed_at",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class SuddenGains(Answer):
    """Sudden gains, and every step that was checked.

    Attributes
    ----------
    spec : dict
        Every argument.
    frame : DataFrame
        One row per sudden gain: ``patient``, ``session`` (n, before the gain), ``before``, ``after``, ``gain``,
        ``share`` (of the value before), ``mean_before``, ``mean_after``, ``critical`` (what their difference had to
        exceed), ``reversed``, ``reversed_at``.
    steps : DataFrame
        The same of every step, with ``large``, ``relative``, ``stable``: 1 where the criterion holds, 0 where not, NaN
        where it cannot be checked; ``sudden``.
    patients : DataFrame
        One row per patient: ``patient``, ``n_sessions``, ``n_gains``, ``first`` (session before the first),
        ``reversed`` (how many of them).
    design : dict
        ``n_patients``, ``n_with``, ``n_gains``, ``n_steps``, ``n_unchecked``.
    notes : tuple of Note
    rows : Index
        Rows with a value.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    steps: pd.DataFrame
    patients: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("patient", "session")

    def tables(self) -> tuple[Table, ...]:
        """The gains."""
        columns = (
            column("patient", "Patient", kind="text"), column("session", "After session", kind="integer"),
            column("before", "Before"), column("after", "After"), column("gain", "Gain"),
            column("share", "%", kind="percent", digits=0), column("mean_before", "*M* before"),
            column("mean_after", "*M* after"), column("reversed", "Reversed", kind="text"),
        )  # fmt: skip
        return (Table("sudden_gains", f"Sudden gains in {self.spec['outcome']}", self.frame, columns),)

    def counted(self) -> str:
        """Say patients, gains and steps."""
        found = self.design
        gains = f"{found['n_gains']} sudden gain{'' if found['n_gains'] == 1 else 's'}"
        checked = f"{found['n_steps'] - found['n_unchecked']} of {found['n_steps']} steps checked"
        return f"{found['n_with']} of {found['n_patients']} patients with {gains}; {checked}"


def sudden_gains(
    data: pd.DataFrame | IntoDataFrame,
    outcome: str,
    *,
    cutoff: float,
    share: float = 0.25,
    better: Better = "lower",
    patient: str = "patient",
    session: str = "session",
) -> SuddenGains:
    """Find sudden gains in the course of each patient.

    Parameters
    ----------
    data : DataFrame
        One row per session; sessions go by number, a missing one is missing and is never jumped.
    outcome : str
        Numeric column.
    cutoff : float
        Smallest gain in points: 7 on the BDI (Tang & DeRubeis 1999), or the smallest reliable change,
        ``reliable_change(...).design["smallest"]``.
    share : float
        Smallest gain as a share of the value before; only for outcomes whose 0 means none.
    better : {"lower", "higher"}
    patient, session : str
        Columns of the ids; session numbers are whole.

    Returns
    -------
    SuddenGains

    Raises
    ------
    UsageError, ContractError, DuplicateError
    NotEstimable
        No patient has two sessions in a row.

    References
    ----------
    Tang & DeRubeis (1999), *Journal of Consulting and Clinical Psychology* 67, 894–904. Wiedemann, Thew, Stott & Ehlers
    (2020), *PLOS ONE* 15 (R's suddengains: t adjusted to the sessions present).

    Examples
    --------
    >>> course = pd.DataFrame({"patient": "A", "session": range(1, 8), "bdi": [30, 29, 31, 18, 17, 16, 15]})
    >>> sudden_gains(course, "bdi", cutoff=7).frame[["session", "gain", "reversed"]].values.tolist()
    [[3, 13.0, 'no']]
    """
    data = as_pandas(data)
    _check(data, outcome, cutoff, share, better, patient, session)
    held = data[data[outcome].notna()]
    sign = 1.0 if better == "lower" else -1.0
    rows, people = [], []
    for name, part in held.groupby(patient, sort=False, observed=True):
        values = dict(zip(part[session].astype(int), part[outcome].astype(float), strict=True))
        steps = [_step(values, n, sign, cutoff, share) for n in sorted(values) if n + 1 in values]
        rows += [{"patient": name, **one} for one in steps]
        gains = [one for one in steps if one["sudden"]]
        people.append(
            {"patient": name, "n_sessions": len(values), "n_gains": len(gains),
             "first": gains[0]["session"] if gains else math.nan,
             "reversed": sum(one["reversed"] == "yes" for one in gains)}
        )  # fmt: skip
    if not rows:
        raise NotEstimable(f"{CALLER}: no patient has {outcome} in two sessions in a row.")
    table = pd.DataFrame(rows, columns=list(STEP))
    return _answer(table, pd.DataFrame(people), held.index, outcome, cutoff, share, better)


def _answer(
    table: pd.DataFrame,
    people: pd.DataFrame,
    rows: pd.Index[Any],
    outcome: str,
    cutoff: float,
    share: float,
    better: str,
) -> SuddenGains:
    left_out = ["n_before", "n_after", "large", "relative", "stable", "sudden"]
    gains = table[table["sudden"]].drop(columns=left_out).reset_index(drop=True)
    counts = {"n_patients": len(people), "n_with": int((people["n_gains"] > 0).sum()), "n_gains": len(gains),
              "n_steps": len(table), "n_unchecked": int(table["stable"].isna().sum())}  # fmt: skip
    notes = [Note("gains_criteria", numbers={"cutoff": cutoff, "share": share})]
    if counts["n_unchecked"]:
        notes.append(Note("gains_unchecked", numbers={"n": counts["n_unchecked"], "of": len(table)}))
    if gains.empty:
        notes.append(Note("gains_none"))
    spec = {"outcome": outcome, "cutoff": cutoff, "share": share, "better": better}
    return SuddenGains(spec, gains, table, people, counts, tuple(notes), rows)


def _check(
    data: pd.DataFrame, outcome: str, cutoff: float, share: float, better: str, patient: str, session: str
) -> None:
    if better not in ("lower", "higher"):
        raise UsageError(f"{CALLER}: better is {better!r}; allowed: 'lower' and 'higher'.")
    if isinstance(cutoff, bool) or not 0 < cutoff < math.inf:
        raise UsageError(f"{CALLER}: cutoff is {cutoff!r}; points, above 0.")
    if not 0 <= share < 1:
        raise UsageError(f"{CALLER}: share is {share!r}; from 0 on and below 1, a quarter is 0.25.")
    require_columns(data, [patient, session, outcome], CALLER)
    require_numbers(data, [outcome], CALLER)
    numbers = data[session]
    if numbers.dtype.kind not in "iuf" or bool((numbers.isna() | (numbers != numbers.round())).any()):
        raise ContractError(f"{CALLER}: {session!r} must hold whole session numbers in every row.")
    twice = data[data.duplicated([patient, session])]
    if len(twice):
        one = twice.iloc[0]
        raise DuplicateError(f"{CALLER}: {one[patient]} session {one[session]} stands twice; keep one row.")


def _step(values: dict[int, float], n: int, sign: float, cutoff: float, share: float) -> dict[str, Any]:
    """The three criteria of the step from session n to the next, whose values are both there."""
    before, after = values[n], values[n + 1]
    gain = sign * (before - after)
    first = [values[one] for one in range(n - WINDOW + 1, n + 1) if one in values]
    second = [values[one] for one in range(n + 1, n + WINDOW + 1) if one in values]
    relative = gain / abs(before) if before else math.nan
    middle, later = float(np.mean(first)), float(np.mean(second))
    row: dict[str, Any] = {
        "session": n, "before": before, "after": after, "gain": gain, "share": relative,
        "mean_before": middle, "mean_after": later, "n_before": len(first),
        "n_after": len(second), "critical": math.nan, "large": float(gain >= cutoff),
        "relative": float(gain >= share * abs(before)), "stable": math.nan, "sudden": False, "reversed": "",
        "reversed_at": math.nan,
    }  # fmt: skip
    if min(len(first), len(second)) < FEWEST:
        return row
    df = len(first) + len(second) - 2
    within = (np.var(first, ddof=1) * (len(first) - 1) + np.var(second, ddof=1) * (len(second) - 1)) / df
    row["critical"] = float(stdtrit(df, 0.975)) * math.sqrt(within)
    row["stable"] = float(sign * (middle - later) > row["critical"])
    if row["large"] and row["relative"] and row["stable"]:
        lost = [one for one in sorted(values) if one > n + 1 and sign * (values[one] - after) >= gain / 2]
        row |= {"sudden": True, "reversed": "yes" if lost else "no", "reversed_at": lost[0] if lost else math.nan}
    return row
