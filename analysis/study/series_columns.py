"""Mixed models as lines of a table of models side by side, linear and generalised ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.mixed.generalized.ordinal_result import OrdinalResult
from doublecode.analysis.mixed.result import MixedResult
from doublecode.analysis.study.labels import Labels, label_term

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.generalized_models import GeneralizedModel
    from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
    from doublecode.analysis.linking.series_models import LabelledModel
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.analysis.mixed.generalized.result import GeneralizedResult

Line = dict[str, Any]
PATIENTS: Final = "Patients"
LEVELS: Final = "Levels of "


def line_of(table: str, model: str, part: str, row: str, **numbers: float) -> Line:
    """One cell of a table: which, and its numbers."""
    return {"table": table, "model": model, "part": part, "row": row, **numbers}


def fixed_lines(title: str, label: str, frame: pd.DataFrame, called: Callable[[Mapping[Any, Any]], str]) -> list[Line]:
    """Coefficients of a model, a row of the frame each; `called` gives the name of a row."""
    numbers = [name for name in ("estimate", "std_error", "p_value") if name in frame.columns]
    return [
        line_of(title, label, "fixed", called(one), **{name: one[name] for name in numbers})
        for one in frame.to_dict("records")
    ]


def series_lines(title: str, series: SeriesResult | GeneralizedSeriesResult, labels: Labels) -> Iterator[Line]:
    """Every model of a series, line by line.

    Parameters
    ----------
    title : str
        Of the table.
    series : SeriesResult or GeneralizedSeriesResult
    labels : mapping
        The label of a term.
    """
    models: Sequence[LabelledModel | GeneralizedModel] = series.models
    for model, row in zip(models, series.frame.to_dict("records"), strict=True):
        if model.result is None:
            yield line_of(title, f"{title}: {model.label}", "not estimated", model.remark)
            continue
        yield from mixed_lines(title, model.label, model.result, labels)
        if row["compared_with"]:
            yield ratio_line(title, model.label, "χ² (ML)", row)


def ratio_line(title: str, label: str, name: str, row: Mapping[Any, Any]) -> Line:
    """The likelihood ratio of a row of a comparison."""
    return line_of(title, label, "fit", name, estimate=row["chi2"], df=row["df"], p_value=row["p_value"])


def mixed_lines(title: str, label: str, fit: MixedResult | GeneralizedResult, labels: Labels) -> Iterator[Line]:
    """A mixed model: coefficients, thresholds, standard deviations, then what it stands on.

    Parameters
    ----------
    title, label : str
        Of the table and of the model.
    fit : MixedResult or GeneralizedResult
    labels : mapping
        The label of a term.
    """
    yield from fixed_lines(title, label, fit.fixed, lambda one: label_term(str(one["term"]), labels))
    if isinstance(fit, OrdinalResult):
        yield from fixed_lines(title, label, fit.thresholds, lambda one: f"Threshold {one['threshold']}")
    for one in fit.variances.to_dict("records"):
        effect = f"{label_term(str(one['term']), labels)} | {one['group']}"
        of_rows = one["group"] == "Residual"
        part, row = ("residual", "SD (residual)") if of_rows else ("random", f"SD ({effect})")
        yield line_of(title, label, part, row, estimate=one["sd"])
    criterion = "log L (REML)" if isinstance(fit, MixedResult) else "log L"
    measures: dict[str, float] = {"Rows": fit.nobs}
    measures |= {PATIENTS if group == "patient" else f"{LEVELS}{group}": n for group, n in fit.n_groups.items()}
    measures |= {"Parameters": fit.n_parameters, criterion: fit.loglik, "AIC": fit.aic, "BIC": fit.bic}
    yield from (line_of(title, label, "fit", name, estimate=float(value)) for name, value in measures.items())
