r"""How homework goes with change: in sessions before a sudden gain, and in patients who improved reliably.

Sessions of one patient are alike, so that they are never taken as independent. Within patients, each patient who has
sessions before a sudden gain and other ones is one difference of two means, and the limits are those of the mean of
these differences. Between patients, each patient is one mean over sessions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from doublecode.analysis.linking.mean_differences import cohens_d
from doublecode.analysis.linking.patient_change import IMPROVED, RECOVERED
from doublecode.analysis.mixed.model_rows import require_columns, require_numbers
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.patient_change import ReliableChange
    from doublecode.analysis.linking.sudden_gain_criteria import SuddenGains

FEW: Final = 10
"""Fewer patients than these within a comparison, or in one of its groups, and a note says so."""


@dataclass(frozen=True, eq=False, repr=False)
class HomeworkBeforeGains(Answer):
    """Scores in the session before a sudden gain, and in the same patients' other sessions.

    Attributes
    ----------
    spec : dict
        ``outcome``, ``columns``, ``conf_level``.
    frame : DataFrame
        One row per column: ``variable``, ``n_patients`` (with sessions of both kinds), ``n_before_gain``, ``n_other``
        (their sessions), ``mean_before_gain``, ``mean_other`` (means over patients), ``difference``, ``conf_low``,
        ``conf_high``, ``df``.
    patients : DataFrame
        One row per column and patient: ``variable``, ``patient``, ``before_gain``, ``other``, ``n_before_gain``,
        ``n_other``.
    sessions : DataFrame
        The sessions compared: ``variable``, ``patient``, ``session``, ``before_gain``, ``value``.
    design : dict
        ``n_with_gain`` (patients with a sudden gain).
    notes : tuple of Note
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    patients: pd.DataFrame
    sessions: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]

    label_columns: ClassVar[tuple[str, ...]] = ("variable",)

    @property
    def rows(self) -> pd.Index[Any]:
        """One label per variable and session compared."""
        return self.sessions.index

    def tables(self) -> tuple[Table, ...]:
        """Both means and their difference."""
        columns = (
            column("variable", "Variable", kind="text"), column("n_patients", "Patients", kind="integer"),
            column("n_before_gain", "Sessions before a gain", kind="integer"),
            column("mean_before_gain", "*M*"), column("n_other", "Other sessions", kind="integer"),
            column("mean_other", "*M*"), column("difference", "Difference"),
            column("conf_low", level_heading(self.spec["conf_level"]), kind="number"),
        )  # fmt: skip
        return (Table("homework_before_gains", "Sessions before a sudden gain", self.frame, columns),)

    def counted(self) -> str:
        """Say how many patients have a sudden gain."""
        return f"{self.design['n_with_gain']} patient(s) with a sudden gain"


@dataclass(frozen=True, eq=False, repr=False)
class HomeworkByChange(Answer):
    """Mean scores of patients who improved reliably, and of the others.

    Attributes
    ----------
    spec : dict
        ``columns``, ``conf_level``.
    frame : DataFrame
        One row per column: ``variable``, ``n_improved``, ``mean_improved``, ``sd_improved``, ``n_other``,
        ``mean_other``, ``sd_other``, ``difference``, ``d``, ``conf_low``, ``conf_high`` (limits of d).
    patients : DataFrame
        One row per column and patient: ``variable``, ``patient``, ``improved``, ``mean``, ``n_sessions``.
    design : dict
        ``n_without``: per column the patients with a known change and no value of it.
    notes : tuple of Note
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    patients: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]

    label_columns: ClassVar[tuple[str, ...]] = ("variable",)

    @property
    def rows(self) -> pd.Index[Any]:
        """One label per variable and patient compared."""
        return self.patients.index

    @property
    def is_over_sessions(self) -> bool:
        """Whether any patient's value is the mean over several sessions."""
        return bool((self.patients["n_sessions"] > 1).any())

    def tables(self) -> tuple[Table, ...]:
        """Both groups and d."""
        columns = (
            column("variable", "Variable", kind="text"), column("n_improved", "Improved, *n*", kind="integer"),
            column("mean_improved", "*M*"), column("sd_improved", "*SD*"),
            column("n_other", "Others, *n*", kind="integer"), column("mean_other", "*M*"),
            column("sd_other", "*SD*"), column("d", "*d*"),
            column("conf_low", level_heading(self.spec["conf_level"]), kind="number"),
        )  # fmt: skip
        return (Table("homework_by_change", "Patients who improved reliably, and others", self.frame, columns),)

    def counted(self) -> str:
        """Nothing more: the table has all counts."""
        return ""


def homework_before_gains(
    gains: SuddenGains,
    data: pd.DataFrame,
    columns: Sequence[str],
    *,
    patient: str = "patient",
    session: str = "session",
    conf_level: float = 0.95,
) -> HomeworkBeforeGains:
    r"""Compare sessions before a sudden gain with other sessions of the same patients.

    Of every patient with a sudden gain: the mean over the sessions before one, less the mean over the other sessions of
    which the step to the next was checked and is none. Over these differences
    :math:`\bar d \pm t_{n−1} s_d/\sqrt n`, n patients. Sessions whose step cannot be checked (the first and the last
    of a patient) are in neither mean, since no gain could have been seen after them.

    Parameters
    ----------
    gains : SuddenGains
    data : DataFrame
        One row per session.
    columns : sequence of str
        Numeric columns of `data`.
    patient, session : str
        Columns of the ids.
    conf_level : float

    Returns
    -------
    HomeworkBeforeGains
        Limits are NaN where fewer than two patients can be compared.

    Raises
    ------
    UsageError
        A column is not there.
    ContractError
        It holds no numbers.
    """
    import pandas as pd
    from scipy.special import stdtrit

    caller = "homework_before_gains"
    check_conf_level(conf_level, caller)
    require_columns(data, [patient, session, *columns], caller)
    require_numbers(data, columns, caller)
    checked = gains.steps[gains.steps["stable"].notna()]
    whose = gains.patients.loc[gains.patients["n_gains"] > 0, "patient"].tolist()
    steps = checked.loc[checked["patient"].isin(whose), ["patient", "session", "sudden"]]
    rows, people, used = [], [], []
    for name in columns:
        values = data[[patient, session, name]].set_axis(["patient", "session", "value"], axis=1)
        values = values[values["value"].notna()]
        held = steps.merge(values, on=["patient", "session"], how="inner")
        mine = _means_of_patients(held)
        row: dict[str, Any] = {
            "variable": name, "n_patients": len(mine), "n_before_gain": int(mine["n_before_gain"].sum()),
            "n_other": int(mine["n_other"].sum()),
        }  # fmt: skip
        gaps = (mine["before_gain"] - mine["other"]).to_numpy(float)
        middle = {"mean_before_gain": mine["before_gain"], "mean_other": mine["other"]}
        row |= {key: float(one.mean()) if len(one) else math.nan for key, one in middle.items()}
        reach = math.nan
        if len(gaps) > 1:
            reach = float(stdtrit(len(gaps) - 1, 0.5 + conf_level / 2) * gaps.std(ddof=1) / math.sqrt(len(gaps)))
        gap = float(gaps.mean()) if len(gaps) else math.nan
        row |= {"difference": gap, "conf_low": gap - reach, "conf_high": gap + reach, "df": max(len(gaps) - 1, 0)}
        rows.append(row)
        people.append(mine.assign(variable=name))
        compared = held[held["patient"].isin(mine["patient"])]
        used.append(compared.rename(columns={"sudden": "before_gain"}).assign(variable=name))
    frame = pd.DataFrame(rows)
    fewest = int(frame["n_patients"].min())
    notes = (Note("homework_few_gains", numbers={"n": fewest}),) if fewest < FEW else ()
    spec = {"outcome": gains.spec["outcome"], "columns": tuple(columns), "conf_level": conf_level}
    return HomeworkBeforeGains(
        spec, frame, pd.concat(people, ignore_index=True), pd.concat(used, ignore_index=True),
        {"n_with_gain": len(whose)}, notes,
    )  # fmt: skip


def _means_of_patients(held: pd.DataFrame) -> pd.DataFrame:
    """Per patient the mean of both kinds of sessions; only of those who have both."""
    import pandas as pd

    found = []
    for name, part in held.groupby("patient", sort=False, observed=True):
        first, other = part.loc[part["sudden"], "value"], part.loc[~part["sudden"], "value"]
        if len(first) and len(other):
            found.append((name, float(first.mean()), float(other.mean()), len(first), len(other)))
    return pd.DataFrame(found, columns=["patient", "before_gain", "other", "n_before_gain", "n_other"])


def homework_by_change(
    change: ReliableChange,
    data: pd.DataFrame,
    columns: Sequence[str],
    *,
    patient: str = "patient",
    conf_level: float = 0.95,
) -> HomeworkByChange:
    """Compare patients who improved reliably with the others on their means over sessions.

    d and its limits are those of :func:`doublecode.analysis.linking.mean_differences.cohens_d`. Others are unchanged
    or deteriorated; who has no known change is in neither group.

    Parameters
    ----------
    change : ReliableChange
    data : DataFrame
        One row per session, or per patient.
    columns : sequence of str
        Numeric columns of `data`.
    patient : str
        Column of the patients.
    conf_level : float

    Returns
    -------
    HomeworkByChange
        d is NaN where a group has fewer than two patients, or nobody differs from anybody.

    Raises
    ------
    UsageError
        A column is not there.
    ContractError
        It holds no numbers.
    """
    import pandas as pd

    caller = "homework_by_change"
    check_conf_level(conf_level, caller)
    require_columns(data, [patient, *columns], caller)
    require_numbers(data, columns, caller)
    improved = dict(
        zip(change.patients["patient"], change.patients["category"].isin([RECOVERED, IMPROVED]), strict=True)
    )
    rows, people, without = [], [], {}
    for name in columns:
        held = data.loc[data[name].notna() & data[patient].isin(list(improved)), [patient, name]]
        means = held.groupby(patient, sort=False, observed=True)[name].agg(["mean", "size"])
        mine = pd.DataFrame(
            {"variable": name, "patient": list(means.index), "improved": [improved[one] for one in means.index],
             "mean": means["mean"].to_numpy(float), "n_sessions": means["size"].to_numpy()}
        )  # fmt: skip
        rows.append({"variable": name, **_compared(mine, conf_level)})
        people.append(mine)
        without[name] = len(improved) - len(mine)
    frame = pd.DataFrame(rows)
    counts = [(int(row["n_improved"]), int(row["n_other"])) for row in rows]
    n = dict(zip(("n_improved", "n_other"), min(counts, key=min), strict=True))
    notes = (Note("homework_few_patients", numbers=n),) if min(n.values()) < FEW else ()
    spec = {"columns": tuple(columns), "conf_level": conf_level}
    return HomeworkByChange(spec, frame, pd.concat(people, ignore_index=True), {"n_without": without}, notes)


def _compared(mine: pd.DataFrame, conf_level: float) -> dict[str, Any]:
    a, b = (mine.loc[mine["improved"] == one, "mean"].to_numpy(float) for one in (True, False))
    found: dict[str, Any] = {}
    for name, group in (("improved", a), ("other", b)):
        found |= {
            f"n_{name}": len(group), f"mean_{name}": float(group.mean()) if len(group) else math.nan,
            f"sd_{name}": float(group.std(ddof=1)) if len(group) > 1 else math.nan,
        }  # fmt: skip
    known = (a, b) if min(len(a), len(b)) > 1 else (a[:0], b[:0])  # of one patient alone there is no spread
    return found | {"difference": found["mean_improved"] - found["mean_other"], **cohens_d(*known, conf_level)}
