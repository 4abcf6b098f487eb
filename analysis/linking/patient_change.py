r"""Reliable and clinically significant change of patients, by Jacobson and Truax.

A change is *reliable* where it is larger than the measure's error makes likely:
:math:`RCI = (x_{post} − x_{pre}) / S_{diff}` with :math:`S_{diff} = \sqrt2\,SD\,\sqrt{1 − r_{xx}}` lies beyond the
normal quantile (1.96 for 95 %). It is *clinically significant* where it also crosses the cut-off between patients and
others:

=  ================================================================
a  two standard deviations from the patients' mean, towards health
b  two standard deviations from the healthy mean, towards illness
c  :math:`(s_0 M_1 + s_1 M_0)/(s_0 + s_1)`, where both are as likely
=  ================================================================

with :math:`M_1, s_1` of patients and :math:`M_0, s_0` of others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np
import pandas as pd
from scipy.special import ndtri

from doublecode.analysis.mixed.model_rows import common_rows, require_columns, require_numbers
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.analysis.results.proportions import wilson_limits
from doublecode.schemas.errors import DuplicateError, NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from narwhals.typing import IntoDataFrame
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CALLER: Final = "reliable_change"
Better = Literal["lower", "higher"]
Moments = tuple[float, float]
RECOVERED, IMPROVED, UNCHANGED, WORSE = "recovered", "improved", "unchanged", "deteriorated"
NOT_BEFORE, NOT_AFTER = "no value before", "no value after"
FEW: Final = 30
"""Fewer patients than these, and a note says how much one of them weighs."""


@dataclass(frozen=True, eq=False, repr=False)
class ReliableChange(Answer):
    """Who changed reliably, and who crossed the cut-off.

    Attributes
    ----------
    spec : dict
        Every argument; ``sd`` and ``cutoff`` as numbers.
    frame : DataFrame
        One row per kind of change: ``category``, ``n``, ``proportion`` (share of the patients with both values),
        ``conf_low``, ``conf_high`` (Wilson's limits); below them, without a share, who lacks a value.
    patients : DataFrame
        One row per patient: ``patient, before, after, change`` (positive is better), ``rci``, ``crossed`` (from the
        patients' side of the cut-off to the other), ``category``.
    design : dict
        ``n_patients``, ``n_given``, ``lost`` (patients, and why), ``sem`` (standard error of measurement),
        ``s_diff`` (of a difference), ``smallest`` (smallest reliable change).
    notes : tuple of Note
    rows : Index
        Rows in use.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    patients: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("category",)

    def tables(self) -> tuple[Table, ...]:
        """Counts by kind of change."""
        limits = column("conf_low", level_heading(self.spec["conf_level"]), kind="percent", digits=0)
        columns = (column("category", "Change", kind="text"), column("n"), column("proportion"), limits)
        title = f"{self.spec['pre']} to {self.spec['post']}"
        return (Table("reliable_change", title, self.frame, columns),)

    def counted(self) -> str:
        """Say the patients and the smallest reliable change."""
        cut = self.spec["cutoff"]
        said = "" if cut is None else f"; cut-off {cut:.2f}"
        n, given, smallest = (self.design[name] for name in ("n_patients", "n_given", "smallest"))
        return f"{n} of {given} patients; a change of {smallest:.2f} or more is reliable{said}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw values after against values before, with the band of no reliable change and the cut-off."""
        from doublecode.analysis.rendering.change_figures import before_and_after

        return before_and_after(
            self.patients,
            self.design["smallest"],
            self.spec["cutoff"],
            names=(self.spec["pre"], self.spec["post"]),
            ax=ax,
        )


def reliable_change(
    data: pd.DataFrame | IntoDataFrame,
    pre: str,
    post: str,
    *,
    reliability: float,
    sd: float | Literal["sample"],
    source: str,
    cutoff: float | None = None,
    clinical: Moments | None = None,
    norm: Moments | None = None,
    better: Better = "lower",
    patient: str = "patient",
    conf_level: float = 0.95,
) -> ReliableChange:
    """Sort patients into recovered, improved, unchanged and deteriorated.

    Parameters
    ----------
    data : DataFrame
        One row per patient.
    pre, post : str
        Columns of the outcome before and after.
    reliability : float
        Of the measure, between 0 and 1: a published one, over a time without treatment or internal consistency.
    sd : float or "sample"
        Standard deviation of the norm, in units of the outcome; ``"sample"`` takes that of `pre` in these patients, and
        a note says so.
    source : str
        Where reliability, SD and cut-off are from; it is printed.
    cutoff : float, optional
        Between patients and others, in units of the outcome; a score on it is one of patients, as with "10 or more".
    clinical, norm : (mean, SD), optional
        Of patients and of others, in place of `cutoff`: both give cut-off c, one alone a or b.
    better : {"lower", "higher"}
        Which values are better.
    patient : str
        Column of the patients.
    conf_level : float
        A change is reliable beyond the two-sided normal quantile of this level.

    Returns
    -------
    ReliableChange

    Raises
    ------
    UsageError, ContractError, DuplicateError, NotEstimable

    References
    ----------
    Jacobson & Truax (1991), *Journal of Consulting and Clinical Psychology* 59, 12–19.

    Examples
    --------
    Their own example: from 32.5 to 47.5 with SD 7.5 and reliability .80 is an RCI of 3.16, and cut-off c is 50.

    >>> people = pd.DataFrame({"patient": ["A", "B"], "pre": [32.5, 44.0], "post": [47.5, 58.0]})
    >>> found = reliable_change(people, "pre", "post", reliability=0.80, sd=7.5, source="Jacobson & Truax 1991",
    ...                         clinical=(40, 7.5), norm=(60, 7.5), better="higher")
    >>> found.patients[["rci", "category"]].round(2).values.tolist()
    [[3.16, 'improved'], [2.95, 'recovered']]
    """
    check_conf_level(conf_level, CALLER)
    data = as_pandas(data)
    _check(reliability, sd, source, better)
    _refuse_same(pre, post)
    require_columns(data, [patient, pre, post], CALLER)
    require_numbers(data, [pre, post], CALLER)
    _refuse_twice(data, patient)
    kept = common_rows(data, [pre, post], [patient])
    before, after = (kept.data[name].to_numpy(float) for name in (pre, post))
    deviation = float(np.std(before, ddof=1)) if sd == "sample" and len(before) > 1 else sd
    if isinstance(deviation, str) or deviation <= 0:
        raise NotEstimable(f"{CALLER}: {pre} has no spread in these patients; give sd as a number.")
    error = math.sqrt(2.0) * deviation * math.sqrt(1.0 - reliability)
    line = _cutoff(cutoff, clinical, norm, better)
    reach = float(ndtri(0.5 + conf_level / 2))
    people = pd.DataFrame(
        {"patient": kept.data[patient].to_numpy(), "before": before, "after": after,
         **_sorted(before, after, error, reach, line, better)},
        index=kept.data.index,
    )  # fmt: skip
    spec = {"pre": pre, "post": post, "reliability": reliability, "sd": float(deviation), "source": source,
            "cutoff": line, "better": better, "conf_level": conf_level}  # fmt: skip
    lost = [NOT_BEFORE if pre in row.missing else NOT_AFTER for row in kept.lost]
    counts = {"n_patients": len(people), "n_given": len(data), "lost": kept.lost_records,
              "sem": deviation * math.sqrt(1.0 - reliability), "s_diff": error, "smallest": reach * error}  # fmt: skip
    notes = tuple(_notes(spec, people, len(lost), is_own=sd == "sample"))
    return ReliableChange(spec, _counts(people, line, lost, conf_level), people, counts, notes, people.index)


def _sorted(
    before: Floats, after: Floats, error: float, reach: float, line: float | None, better: str
) -> dict[str, NDArray[Any]]:
    """Change (positive is better), RCI, whether the cut-off was crossed, and the kind of change."""
    sign = -1.0 if better == "lower" else 1.0
    gain = after - before if sign > 0 else before - after
    crossed = np.zeros(len(gain), dtype=bool)
    if line is not None:
        crossed = (sign * (before - line) <= 0) & (sign * (after - line) > 0)
    rci = gain / error
    kinds = [(rci > reach) & crossed, rci > reach, rci < -reach]
    category = np.select(kinds, [RECOVERED, IMPROVED, WORSE], UNCHANGED)
    return {"change": gain, "rci": rci, "crossed": crossed, "category": category}


def _notes(spec: dict[str, Any], people: pd.DataFrame, n_lost: int, *, is_own: bool) -> Iterator[Note]:
    yield Note("change_source", numbers={name: spec[name] for name in ("source", "reliability", "sd", "cutoff")})
    if is_own:
        yield Note("change_sample_sd", numbers={"pre": spec["pre"]})
    if spec["cutoff"] is None:
        yield Note("change_without_cutoff")
    else:
        before = people["before"]
        started = int((before < spec["cutoff"] if spec["better"] == "lower" else before > spec["cutoff"]).sum())
        if started:
            yield Note("change_healthy_before", numbers={"n": started, "of": len(people)})
    if n_lost:
        yield Note("change_lost", numbers={"n": n_lost})
    if len(people) < FEW:
        yield Note("change_few", numbers={"n": len(people)})


def _check(reliability: float, sd: float | str, source: str, better: str) -> None:
    if isinstance(reliability, bool) or not 0.0 < reliability < 1.0:
        raise UsageError(f"{CALLER}: reliability is {reliability!r}; it lies between 0 and 1, without these.")
    if sd != "sample" and (isinstance(sd, (str, bool)) or not 0.0 < sd < math.inf):
        raise UsageError(f"{CALLER}: sd is {sd!r}; the standard deviation of the norm, above 0, or 'sample'.")
    if not isinstance(source, str) or not source.strip():
        raise UsageError(f"{CALLER}: source is {source!r}; say where reliability, SD and cut-off are from.")
    if better not in ("lower", "higher"):
        raise UsageError(f"{CALLER}: better is {better!r}; allowed: 'lower' and 'higher'.")


def _refuse_same(pre: str, post: str) -> None:
    if pre == post:
        raise UsageError(f"{CALLER}: pre and post are both {pre!r}; name the column before and the one after.")


def _refuse_twice(data: pd.DataFrame, patient: str) -> None:
    twice = data.loc[data[patient].duplicated(), patient]
    if len(twice):
        raise DuplicateError(f"{CALLER}: {twice.iloc[0]} has two rows; give one row per patient.")


def _cutoff(cutoff: float | None, clinical: Moments | None, norm: Moments | None, better: str) -> float | None:
    """The cut-off as given, or a, b, c of the two groups."""
    if cutoff is not None:
        if clinical is not None or norm is not None:
            raise UsageError(f"{CALLER}: cutoff is given, and clinical or norm too; one of them is enough.")
        return float(cutoff)
    for name, one in (("clinical", clinical), ("norm", norm)):
        if one is not None and (not isinstance(one, Sequence) or len(one) != 2 or not one[1] > 0):
            raise UsageError(f"{CALLER}: {name} is {one!r}; a mean and a standard deviation above 0.")
    towards = -1.0 if better == "lower" else 1.0
    if clinical is not None and norm is not None and towards * (norm[0] - clinical[0]) <= 0:
        raise UsageError(
            f"{CALLER}: {better} is better, and the mean of clinical is {clinical[0]:g}, that of norm {norm[0]:g}; "
            "patients lie on the other side of the healthy. Exchange the two, or better."
        )
    if clinical is not None and norm is not None:
        return (norm[1] * clinical[0] + clinical[1] * norm[0]) / (norm[1] + clinical[1])
    if clinical is not None:
        return clinical[0] + towards * 2.0 * clinical[1]
    return None if norm is None else norm[0] - towards * 2.0 * norm[1]


def _counts(people: pd.DataFrame, line: float | None, lost: Sequence[str], conf_level: float) -> pd.DataFrame:
    kinds = [RECOVERED, IMPROVED, UNCHANGED, WORSE] if line is not None else [IMPROVED, UNCHANGED, WORSE]
    n = len(people)
    rows = []
    for kind in kinds:
        held = int((people["category"] == kind).sum())
        low, high = wilson_limits(held, n, conf_level)
        rows.append({"category": kind, "n": held, "proportion": held / n, "conf_low": low, "conf_high": high})
    missing = {"proportion": math.nan, "conf_low": math.nan, "conf_high": math.nan}
    rows += [{"category": kind, "n": lost.count(kind), **missing} for kind in (NOT_BEFORE, NOT_AFTER) if kind in lost]
    return pd.DataFrame(rows)
