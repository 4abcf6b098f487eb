"""Which covariates go with an outcome: rank correlations, each on the rows that have both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from doublecode.analysis.description.correlation_checks import check_variables
from doublecode.analysis.description.correlations import Method, pair_correlation, rows_with
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.analysis.results.multiplicity import adjust_p
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class CovariateScreenResult(Answer):
    """Covariates against outcomes.

    Attributes
    ----------
    spec : dict
        Outcomes, covariates, method, alpha, conf_level, patient.
    frame : DataFrame
        ``outcome``, ``covariate``, ``n`` (patients, or rows without a column of them), ``r``, ``conf_low``,
        ``conf_high``, ``p_value``, ``p_holm`` (over all pairs),
        ``marked`` (raw p below alpha).
    design : dict
        ``n_rows``, ``n_patients``, ``n_tests``, ``marked`` (covariates that are marked for any outcome).
    notes : tuple of Note
    rows : Index
        Labels of the rows that have any pair.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("outcome", "covariate")

    def tables(self) -> tuple[Table, ...]:
        """Every pair."""
        columns = (
            column("outcome", "Outcome", kind="text"), column("covariate", "Covariate", kind="text"), column("n"),
            column("r", "*r*ₛ" if self.spec["method"] == "spearman" else "*r*"),
            column("conf_low", level_heading(self.spec["conf_level"]), kind="bounded"), column("p_value"),
            column("p_holm", "*p* Holm", kind="p"), column("marked", "Candidate", kind="text"),
        )  # fmt: skip
        title = f"Covariates and outcomes, {self.spec['method'].capitalize()}"
        return (Table("covariate_screen", title, self.frame, columns),)


def screen_covariates(
    frame: pd.DataFrame,
    outcomes: Sequence[str],
    covariates: Sequence[str],
    *,
    method: Method = "spearman",
    alpha: float = 0.05,
    patient: str | None = None,
    conf_level: float = 0.95,
) -> CovariateScreenResult:
    """Correlate every covariate with every outcome, as a paper does before it names its control variables.

    The rank correlation asks for no form of the relation, and takes a code of two values too. Covariates that are
    chosen because they are significant make later tests too good; those chosen before the data do not (Harrell 2015,
    chapter 4), so the raw p is a mark and no decision, and Holm's p over all pairs stands beside it.

    Parameters
    ----------
    frame : DataFrame
        One row per patient; with `patient` several rows of each.
    outcomes, covariates : sequence of str
        Numeric columns, each named once.
    method : {"spearman", "pearson"}
    alpha : float
        A raw p below it is marked.
    patient : str, optional
        Column of the patients where they have several rows: each pair is correlated on one row per patient, the means
        of the rows that have both, so that what stands in all sessions of a patient counts once.
    conf_level : float
        Between 0 and 1; the interval is that of :func:`doublecode.analysis.correlate`.

    Raises
    ------
    UsageError
        A column is not there or named twice, or `alpha` is outside (0, 1).
    ContractError
        A column does not hold numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"hw2": [1.0, 2, 3, 4, 5, 6], "age": [12.0, 13, 15, 14, 16, 17]})
    >>> screen_covariates(frame, ["hw2"], ["age"]).frame[["r", "marked"]].round(2).to_dict("records")
    [{'r': 0.94, 'marked': True}]
    """
    import pandas as pd

    frame = as_pandas(frame)
    check_variables(frame, (*outcomes, *covariates), method, (patient,), conf_level)
    if not 0 < alpha < 1:
        raise UsageError(f"screen_covariates: found alpha = {alpha!r}; it lies between 0 and 1.")
    rows = []
    for outcome in outcomes:
        for covariate in covariates:
            both = rows_with(frame, [covariate, outcome, *([] if patient is None else [patient])])
            pair = both if patient is None else both.groupby(patient, observed=True)[[covariate, outcome]].mean()
            found = pair_correlation(pair, covariate, outcome, method, conf_level)
            rows.append({"outcome": outcome, "covariate": covariate, **found})
    columns = ["outcome", "covariate", "n", "r", "conf_low", "conf_high", "p_value"]
    table = pd.DataFrame(rows)[columns]
    raw = table["p_value"].to_numpy(dtype=np.float64)
    table = table.assign(p_holm=adjust_p(raw, "holm"), marked=raw < alpha)
    people = len(frame) if patient is None else int(frame[patient].nunique())
    marked = list(dict.fromkeys(table.loc[table["marked"], "covariate"]))
    return CovariateScreenResult(
        spec={"outcomes": list(outcomes), "covariates": list(covariates), "method": method, "alpha": alpha,
              "conf_level": conf_level, "patient": patient},
        frame=table,
        design={"n_rows": len(frame), "n_patients": people, "n_tests": len(table), "marked": marked},
        notes=(
            Note(
                "covariates_screened",
                numbers={
                    "n_tests": len(table), "alpha": alpha, "marked": tuple(marked), "by_patient": people < len(frame)
                },
            ),
        ),
        rows=frame.index[frame[[*outcomes, *covariates]].notna().sum(axis=1) > 1],
    )  # fmt: skip
