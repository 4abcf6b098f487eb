"""Series of generalised models as lines of a table of models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from doublecode.analysis.mixed.generalized.ordinal_result import OrdinalResult
from doublecode.analysis.study.labels import Labels, label_term

if TYPE_CHECKING:
    from doublecode.analysis.linking.generalized_models import GeneralizedModel
    from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
    from doublecode.analysis.mixed.generalized.result import GeneralizedResult

Line = dict[str, Any]


def series_lines(title: str, series: GeneralizedSeriesResult, labels: Labels) -> Iterator[Line]:
    """Every model of a series, line by line.

    Parameters
    ----------
    title : str
        Of the table.
    series : GeneralizedSeriesResult
    labels : mapping
        The label of a term.
    """
    for model, row in zip(series.models, series.frame.to_dict("records"), strict=True):
        if model.result is None:
            yield {"table": title, "model": f"{title}: {model.label}", "part": "not estimated", "row": model.remark}
        else:
            yield from _model_lines(title, model, model.result, row, labels)


def _model_lines(
    title: str, model: GeneralizedModel, fit: GeneralizedResult, row: Mapping[Any, Any], labels: Labels
) -> Iterator[Line]:
    head = {"table": title, "model": model.label}
    numbers = ("estimate", "std_error", "p_value")
    for one in fit.fixed.to_dict("records"):
        named = {"part": "fixed", "row": label_term(str(one["term"]), labels)}
        yield head | named | {name: one[name] for name in numbers}
    if isinstance(fit, OrdinalResult):
        for one in fit.thresholds.to_dict("records"):
            yield (
                head
                | {"part": "fixed", "row": f"Threshold {one['threshold']}"}
                | {name: one[name] for name in numbers[:2]}
            )
    for one in fit.variances.to_dict("records"):
        effect = f"{label_term(str(one['term']), labels)} | {one['group']}"
        yield head | {"part": "random", "row": f"SD ({effect})", "estimate": one["sd"]}
    measures: dict[str, float] = {"Rows": fit.nobs}
    measures |= {"Patients" if group == "patient" else f"Levels of {group}": n for group, n in fit.n_groups.items()}
    measures |= {"Parameters": fit.n_parameters, "log L": fit.loglik, "AIC": fit.aic, "BIC": fit.bic}
    for name, value in measures.items():
        yield head | {"part": "fit", "row": name, "estimate": float(value)}
    if row["compared_with"]:
        tested = {"estimate": row["chi2"], "df": row["df"], "p_value": row["p_value"]}
        yield head | {"part": "fit", "row": "χ² (ML)"} | tested
