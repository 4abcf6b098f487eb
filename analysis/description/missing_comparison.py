"""Units without complete data beside those that have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from doublecode.analysis.mixed.model_rows import refuse_infinite, require_columns
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.results.complete_rows import has_all
from doublecode.analysis.results.multiplicity import adjust_p
from doublecode.analysis.results.proportions import wilson_limits
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    import pandas as pd

WELCH, FISHER, CHI2 = "Welch's t", "Fisher's exact", "chi-square"


@dataclass(frozen=True, eq=False, repr=False)
class MissingComparisonResult(Answer):
    """Units with and without complete data.

    Attributes
    ----------
    spec : dict
        ``complete``, ``compare``, ``unit``, ``conf_level``.
    frame : DataFrame
        One row per variable: ``variable``, ``n_complete``, ``n_missing`` (with a value in each group),
        ``mean_complete``, ``mean_missing``, ``sd_complete``, ``sd_missing`` (of a code the share of its higher value),
        ``difference`` (complete − missing), ``conf_low``, ``conf_high``, ``test``, ``statistic``, ``df``, ``p_value``,
        ``p_holm``, ``g`` (Hedges, of numbers).
    design : dict
        ``n_complete``, ``n_missing``, ``lacking`` (units without each of the variables).
    notes : tuple of Note
    rows : Index
        Labels of the rows that were compared.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("variable",)

    def tables(self) -> tuple[Table, ...]:
        """Both groups, their difference and its test."""
        columns = (
            column("variable", "Variable", kind="text"), column("n_complete", "*n* complete", kind="integer"),
            column("mean_complete", "*M* or share"), column("n_missing", "*n* missing", kind="integer"),
            column("mean_missing", "*M* or share"), column("difference", "Difference"),
            column("conf_low", f"{100 * self.spec['conf_level']:g}% CI"), column("g", "*g*"),
            column("test", "Test", kind="text"), column("statistic"), column("p_value"),
            column("p_holm", "*p* Holm", kind="p"),
        )  # fmt: skip
        return (Table("missing_comparison", "Complete and missing data", self.frame, columns),)

    def counted(self) -> str:
        """Say how many units are complete."""
        counts = self.design
        return f"{counts['n_complete']} {self.spec['unit']} complete, {counts['n_missing']} not"


def compare_missing(
    frame: pd.DataFrame,
    complete: Sequence[str],
    compare: Sequence[str],
    *,
    patient: str | None = None,
    conf_level: float = 0.95,
) -> MissingComparisonResult:
    """Compare units that have every one of some variables with those that lack any.

    Numbers by Welch's t (unequal variances) with Hedges' g = J·(M₁ − M₂)/s, J = 1 − 3/(4(n₁ + n₂) − 9); codes of two
    values by Fisher's exact test, with the difference of shares and Newcombe's (1998, method 10) limits; texts of more
    levels by χ² of the table. Holm's p over the variables stands beside the raw one.

    Parameters
    ----------
    frame : DataFrame
        One row per unit; with `patient` several rows of each.
    complete : sequence of str
        Variables that a unit must have.
    compare : sequence of str
        Variables on which the groups are compared; units that lack one are left out of its row.
    patient : str, optional
        Column of the patients where they have several rows: a patient is complete whose rows all are; numbers are
        compared by the patient's mean, texts by the first value.
    conf_level : float
        Of the limits of the difference.

    Raises
    ------
    UsageError
        A column is not there, stands in both lists, or is to be compared and holds infinite values.
    NotEstimable
        All units are complete, or none is.

    References
    ----------
    Welch (1947), Biometrika, 34, 28–35. Hedges (1981), Journal of Educational Statistics, 6, 107–128. Newcombe (1998),
    Statistics in Medicine, 17, 873–890.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"hw3": [5.0, 4, 6, None, None, 3], "age": [14.0, 15, 16, 14, 17, 15]})
    >>> found = compare_missing(frame, ["hw3"], ["age"]).frame
    >>> found[["n_complete", "n_missing", "difference", "p_value"]].round(2).to_dict("records")
    [{'n_complete': 4, 'n_missing': 2, 'difference': -0.5, 'p_value': 0.8}]
    """
    import pandas as pd

    frame = as_pandas(frame)
    check_conf_level(conf_level, "compare_missing")
    require_columns(frame, (*complete, *compare, *([patient] if patient else [])), "compare_missing")
    refuse_infinite(frame, compare, "compare_missing")
    both = [name for name in complete if name in compare]
    if both:
        raise UsageError(f"compare_missing: {both[0]!r} stands in complete and in compare; compare other variables.")
    lacks = pd.DataFrame({name: ~has_all(frame, [name], len(frame)) for name in complete}, index=frame.index)
    values = frame[list(compare)]
    if patient is not None:
        lacks = lacks.groupby(frame[patient], observed=True).any()
        values = _by_patient(frame, compare, patient)
    whole = ~lacks.any(axis=1).to_numpy()
    if whole.all() or not whole.any():
        kind = "has" if whole.all() else "lacks"
        raise NotEstimable(f"every one of {len(whole)} units {kind} {', '.join(complete)}: there are no two groups.")
    table = pd.DataFrame([_compared(values[name], whole, name, conf_level) for name in compare])
    table = table.assign(p_holm=adjust_p(table["p_value"].to_numpy(dtype=float), "holm"))
    unit = "patients" if patient is not None or "patient" in frame.columns else "rows"
    return MissingComparisonResult(
        spec={"complete": list(complete), "compare": list(compare), "unit": unit, "conf_level": conf_level},
        frame=table,
        design={"n_complete": int(whole.sum()), "n_missing": int((~whole).sum()),
                "lacking": {str(name): int(n) for name, n in lacks.sum().items()}},
        notes=(Note("missing_compared", numbers={"complete": tuple(complete), "n_tests": len(table)}),),
        rows=frame.index,
    )  # fmt: skip


def _by_patient(frame: pd.DataFrame, names: Sequence[str], patient: str) -> pd.DataFrame:
    import pandas as pd

    groups = frame.groupby(patient, observed=True)
    return pd.DataFrame(
        {name: groups[name].mean() if frame[name].dtype.kind in "iufb" else groups[name].first() for name in names}
    )


def _compared(
    values: pd.Series[Any], whole: np.ndarray[Any, np.dtype[np.bool_]], name: str, level: float
) -> dict[str, Any]:
    """One variable in both groups."""
    there = has_all({name: values}, [name], len(values))
    first, second = values[whole & there], values[~whole & there]
    head = {"variable": name, "n_complete": len(first), "n_missing": len(second)}
    blank = dict.fromkeys(
        ("mean_complete", "mean_missing", "sd_complete", "sd_missing", "difference", "conf_low", "conf_high"), np.nan
    )
    rest: dict[str, Any] = {"test": "", "statistic": np.nan, "df": np.nan, "p_value": np.nan, "g": np.nan}
    levels = sorted(values[there].unique(), key=str)
    if min(len(first), len(second)) < 1 or len(levels) < 2:
        return head | blank | rest
    if len(levels) == 2:
        return head | blank | rest | _codes(first == levels[1], second == levels[1], level)
    if values.dtype.kind not in "iufb":
        return head | blank | rest | _levels(first, second, levels)
    return head | blank | rest | _numbers(first.to_numpy(dtype=float), second.to_numpy(dtype=float), level)


def _numbers(a: Any, b: Any, level: float) -> dict[str, Any]:
    """Welch's t and Hedges' g."""
    from scipy.special import stdtr, stdtrit

    gap = float(a.mean() - b.mean())
    found: dict[str, Any] = {"mean_complete": float(a.mean()), "mean_missing": float(b.mean()), "test": WELCH,
                             "difference": gap}  # fmt: skip
    if min(len(a), len(b)) < 2:
        return found
    va, vb = float(a.var(ddof=1)) / len(a), float(b.var(ddof=1)) / len(b)
    found |= {"sd_complete": float(a.std(ddof=1)), "sd_missing": float(b.std(ddof=1))}
    if va + vb <= 0:
        return found
    df = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    error = float(np.sqrt(va + vb))
    t = gap / error
    reach = float(stdtrit(df, 0.5 + level / 2)) * error
    n = len(a) + len(b)
    pooled = np.sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (n - 2))
    g = (1 - 3 / (4 * n - 9)) * gap / pooled
    return found | {"statistic": t, "df": df, "p_value": float(2 * stdtr(df, -abs(t))), "g": float(g),
                    "conf_low": gap - reach, "conf_high": gap + reach}  # fmt: skip


def _codes(a: pd.Series[bool], b: pd.Series[bool], level: float) -> dict[str, Any]:
    """Shares of the higher value, Newcombe's limits of their difference, Fisher's exact test."""
    from scipy.stats import fisher_exact

    x, y, n, m = int(a.sum()), int(b.sum()), len(a), len(b)
    p, q = x / n, y / m
    (p_low, p_high), (q_low, q_high) = wilson_limits(x, n, level), wilson_limits(y, m, level)
    exact = fisher_exact(np.array([[x, n - x], [y, m - y]]))
    return {
        "mean_complete": p, "mean_missing": q, "difference": p - q, "test": FISHER, "p_value": float(exact[1]),
        "conf_low": p - q - float(np.hypot(p - p_low, q_high - q)),
        "conf_high": p - q + float(np.hypot(p_high - p, q - q_low)),
    }  # fmt: skip


def _levels(a: pd.Series[Any], b: pd.Series[Any], levels: Sequence[Any]) -> dict[str, Any]:
    """χ² of the table of levels by group."""
    from scipy.special import chdtrc

    counts = np.array([[(part == one).sum() for one in levels] for part in (a, b)], dtype=float)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    chi2, df = float(((counts - expected) ** 2 / expected).sum()), len(levels) - 1
    return {"test": CHI2, "statistic": chi2, "df": float(df), "p_value": float(chdtrc(df, chi2))}
