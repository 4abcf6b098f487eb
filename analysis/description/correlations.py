"""Correlations of the frame: pooled, within patients, between patients.

Coefficients, tests and limits by their formulas (:func:`pair_correlation`); a library that prints them all would
cost a second to import.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.description.correlation_checks import check_samples, check_variables
from doublecode.analysis.description.correlation_triangle import Stars, triangle_of
from doublecode.analysis.description.missing_rules import EACH_PAIR
from doublecode.analysis.description.session_mean import left_out_notes, limits_by_patients, mean_over
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.analysis.results.complete_rows import has_all
from doublecode.analysis.results.multiplicity import adjust_p
from doublecode.analysis.results.row_levels import of_patients
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

Method = Literal["pearson", "spearman"]
POOLED, WITHIN, BETWEEN = "pooled", "within patients", "between patients"
MEAN = "mean over sessions"
_COLUMNS = ["x", "y", "level", "method", "n", "n_patients", "r", "df", "conf_low", "conf_high", "p_value"]


@dataclass(frozen=True, eq=False, repr=False)
class CorrelationResult(Answer):
    """Correlations of every pair.

    Attributes
    ----------
    spec : dict
        Variables, method, patient and session columns, conf_level.
    frame : DataFrame
        ``x``, ``y``, ``level`` ("pooled", "within patients", "between patients", "mean over sessions"),
        ``method``, ``n`` (rows with both; patients where the r is of patients), ``n_patients``, ``r``, ``df``,
        ``conf_low``, ``conf_high``, ``p_value``, ``p_holm`` (Holm 1979, over the pairs of a level).
    descriptives : DataFrame
        ``level``, ``variable``, ``n``, ``mean``, ``sd``: of the rows (pooled), of the deviations from the patient's
        mean (within: no mean, and the *SD* has rows − patients in its denominator), of the patients' means (between).
    by_session : DataFrame
        The estimate columns of each session by itself, with ``session``; empty without a session column.
    design : dict
        ``n_rows``, ``n_patients``, ``missing`` per variable, ``missing_rule``.
    notes : tuple of Note
    rows : Index
        Labels of the rows that have two variables or more.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    descriptives: pd.DataFrame
    by_session: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("level", "x", "y")

    def tables(self) -> tuple[Table, ...]:
        """Every pair at each level, and the moments of the variables."""
        level = [column("level")] if len(self.frame["level"].unique()) > 1 else []
        pairs = (
            column("x", "Variable", kind="text"), column("y", "With", kind="text"), *level, column("n"),
            column("r"), column("conf_low", level_heading(self.spec["conf_level"]), kind="bounded"),
            column("p_value"), column("p_holm", "*p* Holm", kind="p"),
        )  # fmt: skip
        moments = (column("variable", "Variable", kind="text"), *level, column("n"), column("mean"), column("sd"))
        own = self.descriptives[self.descriptives["level"] != MEAN]  # which has no one mean and SD
        return (
            Table("correlations", f"Correlations, {self.spec['method'].capitalize()}", self.frame, pairs),
            Table("variables", "Variables", own, moments),
        )

    def counted(self) -> str:
        """Rows and patients."""
        of = f" of {self.design['n_patients']} patients" if self.spec["patient"] else ""
        return f"{self.design['n_rows']} rows{of}."

    @property
    def params(self) -> pd.Series[Any]:
        """Coefficients by level and pair."""
        return self._labelled(["r"])["r"]

    def matrix(self, level: str = POOLED) -> pd.DataFrame:
        """Return r of one level as a square table, 1 on the diagonal."""
        import pandas as pd

        names = list(self.spec["variables"])
        rows = self.frame[self.frame["level"] == level]
        if rows.empty:
            allowed = ", ".join(self.frame["level"].unique())
            raise UsageError(f"correlations: there is no level {level!r}; allowed: {allowed}.")
        square = pd.DataFrame(np.eye(len(names)), index=names, columns=names)
        for x, y, r in zip(rows["x"], rows["y"], rows["r"], strict=True):
            square.loc[x, y] = square.loc[y, x] = r
        return square

    def triangle(self, level: str = POOLED, *, stars: Stars = None, counts: bool = False) -> pd.DataFrame:
        """Lower triangle of one level as texts, as papers print it.

        Parameters
        ----------
        level : str
        stars : {"raw", "holm"}, optional
            ``*`` p < .05, ``**`` p < .01, ``***`` p < .001, of the raw p or of Holm's; without it none.
        counts : bool
            The rows of each pair behind its r, ``.45 (38)``.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"he": [1.0, 2, 3, 4, 5], "tbh": [2.0, 1, 4, 3, 5]})
        >>> correlate(frame, ["he", "tbh"]).triangle(stars="raw", counts=True).loc["tbh", "he"]
        '.80 (5)'
        """
        self.matrix(level)  # refuses a level that is not there
        return triangle_of(self.frame[self.frame["level"] == level], self.spec["variables"], stars, counts)

    @property
    def largest(self) -> pd.DataFrame:
        """The pair with the largest r in size at each level: ``level``, ``x``, ``y``, ``r``, ``n``."""
        known = self.frame[self.frame["r"].notna()]
        best = known["r"].abs().groupby(known["level"], sort=False, observed=True).idxmax()
        return known.loc[best, ["level", "x", "y", "r", "n"]].reset_index(drop=True)


def correlate(
    frame: pd.DataFrame,
    variables: Sequence[str],
    *,
    method: Method = "pearson",
    patient: str | None = None,
    session: str | None = None,
    conf_level: float = 0.95,
    n_boot: int = 2000,
    seed: int = 0,
) -> CorrelationResult:
    """Correlate every pair of variables on the rows that have both.

    Parameters
    ----------
    frame : DataFrame
        One row per session or patient.
    variables : sequence of str
        At least two numeric columns.
    method : {"pearson", "spearman"}
    patient : str, optional
        Column of the patients where they have several rows. Then the pooled r, which mixes two
        questions, is joined by the r within patients (the common slope of deviations, "repeated
        measures correlation", always of Pearson's kind) and the r of the patients' means. A variable with one value
        per patient has nothing within them, and its rows are copies: then the pooled r is that of the patients' means.
    session : str, optional
        Column of the session numbers. Then r is also taken in each session and averaged, as papers
        print it: the mean of artanh r, weighted by n − 3, turned back. Its interval and p stand on samples of patients
        (:func:`doublecode.analysis.description.session_mean.patient_bootstrap`), since the same patients stand in every
        session; without `patient` it has none.
    conf_level : float
        Between 0 and 1.
    n_boot, seed : int
        Samples of patients, at least 200, and their seed.

    Returns
    -------
    CorrelationResult

    Raises
    ------
    UsageError
        Fewer than two variables, one twice, an unknown column or method.
    ContractError
        A column does not hold numbers.

    Notes
    -----
    Interval: tanh(artanh r ± z·s) with s² = 1/(n − 3) for Pearson's r (Fisher 1921),
    (1 + r²/2)/(n − 3) for Spearman's (Bonett & Wright 2000) and 1/(df − 1) within patients, where
    df = rows − patients − 1 (Bakdash & Marusich 2017).

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"he": [1.0, 2, 3, 4, 5], "tbh": [2.0, 1, 4, 3, 5]})
    >>> correlate(frame, ["he", "tbh"]).frame[["n", "r", "p_value"]].round(3).to_dict("records")
    [{'n': 5, 'r': 0.8, 'p_value': 0.104}]
    """
    frame = as_pandas(frame)
    check_variables(frame, variables, method, (patient, session), conf_level)
    check_samples(n_boot)
    rows: list[dict[str, Any]] = []
    single: list[dict[str, Any]] = []
    alone: dict[str, None] = {}
    for x, y in combinations(variables, 2):
        both = rows_with(frame, [x, y] if patient is None else [x, y, patient])
        people = both[patient].nunique() if patient else len(both)
        head = {"x": x, "y": y, "n_patients": people}
        means = both if patient is None else both.groupby(patient, observed=True)[[x, y]].mean()
        copied = () if patient is None else of_patients([x, y], both, patient)
        alone |= dict.fromkeys(copied)
        rows.append(head | {"level": POOLED, **pair_correlation(means if copied else both, x, y, method, conf_level)})
        if patient is not None:
            rows.append(head | {"level": WITHIN, **_within(both, x, y, patient, conf_level)})
            rows.append(head | {"level": BETWEEN, **pair_correlation(means, x, y, method, conf_level)})
        if session is not None:
            keyed = rows_with(frame, [x, y, session, *([] if patient is None else [patient])])
            each = _each_session(keyed, x, y, session, method, conf_level)
            single += each
            drawn = {}
            if patient is not None:
                drawn = limits_by_patients(keyed, (x, y), (session, patient), method, conf_level, n_boot, seed)
            rows.append(head | {"level": MEAN, "method": method, **_nothing(), **mean_over(each), **drawn})
    table = _adjust(rows)
    return CorrelationResult(
        spec={
            "variables": list(variables),
            "method": method,
            "patient": patient,
            "session": session,
            "conf_level": conf_level,
            **({} if patient is None or session is None else {"n_boot": n_boot, "seed": seed}),
        },
        frame=table,
        descriptives=_descriptives(frame, variables, patient, session),
        by_session=_by_session(single),
        design={
            "n_rows": len(frame),
            "n_patients": int(frame[patient].nunique()) if patient else len(frame),
            "missing": {name: int(frame[name].isna().sum()) for name in variables},
            "missing_rule": EACH_PAIR,
        },
        rows=frame.index[frame[list(variables)].notna().sum(axis=1) > 1],
        notes=_notes(table, method, patient, session, tuple(alone)) + left_out_notes(frame, variables, patient, single),
    )


def rows_with(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The columns `names` of the rows that have all of them."""
    return frame.loc[has_all(frame, names, len(frame)), names]


def pair_correlation(both: pd.DataFrame, x: str, y: str, method: Method, conf_level: float) -> dict[str, Any]:
    """The r of a pair with p and limits: ``method``, ``n``, ``df``, ``r``, ``p_value``, ``conf_low``, ``conf_high``.

    Spearman's is the r of the ranks, ties sharing their mean; p of both is that of t = r·√(df / (1 − r²)), df = n − 2.
    """
    n = len(both)
    blank = {"method": method, "n": n, "df": max(n - 2, 0), **_nothing()}
    if n < 3 or both[x].nunique() < 2 or both[y].nunique() < 2:
        return blank
    pair = both[[x, y]] if method == "pearson" else both[[x, y]].rank()
    r = _product_moment(pair[x].to_numpy(dtype=float), pair[y].to_numpy(dtype=float))
    spread = 1 + r**2 / 2 if method == "spearman" else 1.0
    low, high = _limits(r, spread, n - 3, conf_level)
    return blank | {"r": r, "p_value": _p_value(r, n - 2), "conf_low": low, "conf_high": high}


def _within(both: pd.DataFrame, x: str, y: str, patient: str, conf_level: float) -> dict[str, Any]:
    """The r of deviations from the patient's means; its df are those of the ANCOVA with patients as a factor."""
    df = len(both) - both[patient].nunique() - 1
    blank = {"method": "pearson", "n": len(both), "df": max(df, 0), **_nothing()}
    deviations = both[[x, y]] - both.groupby(patient, observed=True)[[x, y]].transform("mean")
    moves = (deviations.abs().max() > 1e-12 * both[[x, y]].abs().max()).all()
    if df < 1 or not moves:
        return blank
    r = _product_moment(deviations[x].to_numpy(dtype=float), deviations[y].to_numpy(dtype=float))
    low, high = _limits(r, 1.0, df - 1, conf_level)
    return blank | {"r": r, "p_value": _p_value(r, df), "conf_low": low, "conf_high": high}


def _p_value(r: float, df: int) -> float:
    """Two-sided p of t = r·√(df / (1 − r²))."""
    from scipy.special import stdtr

    rest = 1 - r**2
    return float(2 * stdtr(df, -abs(r) * np.sqrt(df / rest))) if rest > 1e-15 else 0.0


def _each_session(
    keyed: pd.DataFrame, x: str, y: str, session: str, method: Method, conf_level: float
) -> list[dict[str, Any]]:
    groups = keyed.groupby(session, sort=True, observed=True)
    return [
        {"x": x, "y": y, "session": key, **pair_correlation(part, x, y, method, conf_level)} for key, part in groups
    ]


def _by_session(single: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(single, columns=["x", "y", "session", *(c for c in _COLUMNS[3:] if c != "n_patients")])


def _nothing() -> dict[str, float]:
    return dict.fromkeys(("r", "p_value", "conf_low", "conf_high"), np.nan)


def _limits(r: float, spread: float, freedom: int, conf_level: float) -> tuple[float, float]:
    from scipy.special import ndtri

    if freedom < 1:
        return np.nan, np.nan
    if abs(r) >= 1 - 1e-15:
        return r, r
    reach = float(ndtri((1 + conf_level) / 2)) * np.sqrt(spread / freedom)
    return float(np.tanh(np.arctanh(r) - reach)), float(np.tanh(np.arctanh(r) + reach))


def _product_moment(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Pearson's r of two columns (n,), neither of them constant."""
    x, y = (about / np.linalg.norm(about) for about in (x - x.mean(), y - y.mean()))
    return float(np.clip(x @ y, -1.0, 1.0))


def _adjust(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows)[_COLUMNS]
    adjusted = [
        adjust_p(part["p_value"].to_numpy(dtype=float), "holm")
        for _, part in table.groupby("level", sort=False, observed=True)
    ]
    places = [part.index.to_numpy() for _, part in table.groupby("level", sort=False, observed=True)]
    return table.assign(p_holm=pd.Series(np.concatenate(adjusted), index=np.concatenate(places)))


def _descriptives(
    frame: pd.DataFrame, variables: Sequence[str], patient: str | None, session: str | None
) -> pd.DataFrame:
    """Moments of each variable at each level of the table."""
    import pandas as pd

    levels = [POOLED, *([WITHIN, BETWEEN] if patient else []), *([MEAN] if session else [])]
    rows = [(level, name, *_moments(frame, name, level, patient)) for level in levels for name in variables]
    return pd.DataFrame(rows, columns=["level", "variable", "n", "mean", "sd"])


def _moments(frame: pd.DataFrame, name: str, level: str, patient: str | None) -> tuple[int, float, float]:
    """Count, mean and SD of what is correlated at a level.

    Within: √(Σ (x − x̄ of the patient)² / (rows − patients)), the SD of a one-way analysis of variance; deviations have
    mean 0. Pooled: of the patients, where the variable has one value per patient. The r that is averaged over sessions
    has no one mean and SD.
    """
    if patient is not None and level == POOLED and of_patients([name], frame, patient):
        level = BETWEEN
    if level == POOLED or patient is None:
        values = frame[name]
        known = int(values.notna().sum())
        return (known, np.nan, np.nan) if level == MEAN else (known, float(values.mean()), float(values.std(ddof=1)))
    rows = rows_with(frame, [name, patient])
    by_patient = rows.groupby(patient, observed=True)[name]
    if level == MEAN:
        return len(rows), np.nan, np.nan
    if level == BETWEEN:
        means = by_patient.mean()
        return len(means), float(means.mean()), float(means.std(ddof=1))
    free = len(rows) - by_patient.ngroups
    squares = float(((rows[name] - by_patient.transform("mean")) ** 2).sum())
    return len(rows), np.nan, float(np.sqrt(squares / free)) if free else np.nan


def _notes(
    table: pd.DataFrame, method: str, patient: str | None, session: str | None, alone: tuple[str, ...]
) -> tuple[Note, ...]:
    notes = [Note("pairs_differ_in_n")]
    if alone:
        notes.append(Note("pairs_of_patients", numbers={"names": alone}))
    if patient is not None:
        notes.append(Note("pooled_r_mixes_levels"))
        if method == "spearman":
            notes.append(Note("within_r_is_pearsons"))
    if session is not None:
        notes.append(Note("mean_r_over_sessions", numbers={"by_patients": patient is not None}))
    blank = table.loc[table["r"].isna(), ["x", "y", "level", "n"]]
    if len(blank):
        notes.append(Note("r_undefined", numbers={"pairs": tuple(blank.itertuples(index=False, name=None))}))
    return tuple(notes)
