"""Steps of multilevel series side by side, as a paper prints them: fixed part, random part, fit, comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.printed_parts import EMPTY, Cell, Row
from doublecode.analysis.rendering.printed_table import PrintedTable
from doublecode.analysis.rendering.tables import Kind
from doublecode.analysis.report.paper_cells import MISSING, cells, heads, in_order, number, records, spanned
from doublecode.analysis.report.paper_sources import sources_of
from doublecode.analysis.study.labels import label_term, short_labels, term_labels

if TYPE_CHECKING:
    from doublecode.analysis.linking.series_models import LabelledModel
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.paper_tables import PaperTable

_DDF: Final = {
    "kenward-roger": "*df* and tests of Kenward–Roger",
    "satterthwaite": "*df* and tests of Satterthwaite",
    "z": "tests by the normal distribution",
}
_RESIDUAL: Final = "Residual"
_INTERCEPT: Final = "Intercept"


@dataclass(frozen=True)
class _Column:
    """One model of the table: its series, the model, its row of fit, what stands above it."""

    series: SeriesResult
    model: LabelledModel
    fit: Mapping[str, Any]
    head: str

    @property
    def variances(self) -> list[dict[str, Any]]:
        frame = self.series.variances
        if frame.empty:
            return []
        own = frame[frame["label"] == self.model.label]
        return records(own)

    @property
    def is_there(self) -> bool:
        return self.model.result is not None


def series_table(run: StudyRun, asked: PaperTable) -> PrintedTable | None:
    """One group of columns per step; None where no series could be fitted."""
    found = {str(one.spec["name"]): one for one in run.series}
    columns = _columns([found[name] for name in asked.series if name in found], asked, run)
    if not columns:
        return None
    labels = term_labels(short_labels(run.labels), [name for one in columns for name in one.series.spec["split"]])
    rows = [
        Row("Fixed part"), *_fixed(columns, asked.shown, labels),
        Row("Random part"), *_random(columns, len(asked.shown), labels),
        Row("Fit"), *_fit(columns, len(asked.shown)),
    ]  # fmt: skip
    every = [head for column in columns for head in heads(asked.shown, column.head)]
    return PrintedTable(
        asked.number, asked.title, "Parameter", tuple(every), tuple(rows),
        general=" ".join(filter(None, (*_general(columns, asked), asked.note))),
        source=sources_of(run.study, asked),
    )  # fmt: skip


def _columns(series: Sequence[SeriesResult], asked: PaperTable, run: StudyRun) -> list[_Column]:
    labels, found = short_labels(run.labels), []
    for one in series:
        fits = {row["label"]: row for row in records(one.frame)}
        steps = asked.steps or sorted({model.step for model in one.models})
        for step in steps:
            versions = [model for model in one.models if model.step == step]
            split = [model for model in versions if not model.declared]
            model = (split if asked.split and split else versions)[0]
            response = model.formula.response
            name = f"Model {step}"
            head = f"{labels.get(response, response)}: model {step}" if len(series) > 1 else name
            found.append(_Column(one, model, fits[model.label], head))
    if asked.heads and len(asked.heads) == len(found):
        found = [_Column(one.series, one.model, one.fit, head) for one, head in zip(found, asked.heads, strict=True)]
    return found


def _fixed(columns: Sequence[_Column], shown: Sequence[str], labels: Mapping[str, str]) -> list[Row]:
    terms = []
    for column in columns:
        result = column.model.result
        rows = [] if result is None else records(result.frame)
        terms.append({str(row["term"]): row for row in rows})
    return [
        Row(
            label_term(term, labels),
            tuple(
                cell
                for column, own in zip(columns, terms, strict=True)
                for cell in (cells(shown, own.get(term)) if column.is_there else [MISSING] * len(shown))
            ),
            1,
        )
        for term in in_order([list(one) for one in terms])
    ]


def _random(columns: Sequence[_Column], width: int, labels: Mapping[str, str]) -> list[Row]:
    """Variances by group and term, the correlation of two, the residual, the share between."""
    held: list[dict[str, float]] = []
    for column in columns:
        own: dict[str, float] = {}
        for row in column.variances:
            group, term = str(row["group"]), row["term"]
            if group == _RESIDUAL:
                continue
            name = _INTERCEPT.lower() if term == _INTERCEPT else f"slope of {label_term(str(term), labels).lower()}"
            own[f"Variance of the {name}, {group}"] = number(row["variance"])
            if number(row["corr"]) == number(row["corr"]):
                own[f"Correlation with the intercept: {name}"] = number(row["corr"])
        residual = [number(row["variance"]) for row in column.variances if row["group"] == _RESIDUAL]
        own |= {"Residual variance": residual[0]} if residual else {}
        share = column.series.share_between
        if share is not None and share[0].label == column.model.label:
            own["ICC (share between patients)"] = share[1]
        held.append(own)
    rows = []
    for label in in_order([list(one) for one in held]):
        kind: Kind = "bounded" if label.startswith(("Correlation", "ICC")) else "estimate"
        rows.append(_across(label, [one.get(label) for one in held], width, kind, 2))
    return rows


def _fit(columns: Sequence[_Column], width: int) -> list[Row]:
    fits = [column.fit if column.is_there else None for column in columns]
    rows: list[tuple[str, str, Kind, int]] = [
        ("Log-likelihood (REML)", "loglik", "number", 2), ("AIC (REML)", "aic", "number", 1),
        ("BIC (REML)", "bic", "number", 1), ("Parameters", "k", "integer", 0), ("Rows", "nobs", "integer", 0),
    ]  # fmt: skip
    made = [
        _across(label, [None if one is None else number(one[name]) for one in fits], width, kind, digits)
        for label, name, kind, digits in rows
    ]
    patients = [float(one.series.design["n_patients"]) if one.is_there else None for one in columns]
    made.append(_across("Patients", patients, width, "integer", 0))
    if any(one is not None and number(one["chi2"]) == number(one["chi2"]) for one in fits):
        made.append(_across("χ² to the step before", [_if_there(one, "chi2") for one in fits], width, "number", 2))
        made.append(_across("*df*", [_if_there(one, "df") for one in fits], width, "integer", 0))
        made.append(_across("*p*", [_if_there(one, "p_value") for one in fits], width, "p", 3))
    return made


def _if_there(fit: Mapping[str, Any] | None, name: str) -> float | None:
    """A number of the comparison; None for the first step, which is compared with none."""
    value = float("nan") if fit is None else number(fit[name])
    return value if value == value else None


def _across(label: str, values: Iterable[float | None], width: int, kind: Kind, digits: int) -> Row:
    row: list[Cell] = []
    for value in values:
        row += [EMPTY] * width if value is None else spanned(value, width, kind, digits)
    return Row(label, tuple(row), 1)


def _general(columns: Sequence[_Column], asked: PaperTable) -> list[str]:
    ddf = dict.fromkeys(
        _DDF.get(column.model.result.ddf, column.model.result.ddf) for column in columns if column.model.result
    )
    texts = [f"Restricted maximum likelihood; {' and '.join(ddf)}."] if ddf else []
    if any(number(column.fit["chi2"]) == number(column.fit["chi2"]) for column in columns):
        texts.append("χ²: likelihood ratio of refits by maximum likelihood on the same rows.")
    at = {column.series.spec["intercept_at"] for column in columns} - {None}
    if len(at) == 1:
        texts.append(f"Intercepts are those of session {at.pop()}.")
    for column in columns:
        if not column.is_there:
            texts.append(f"{column.head} could not be estimated; the report says why.")
        elif not column.fit["converged"]:
            texts.append(f"{column.head} did not converge; do not interpret it.")
        elif column.fit["singular"]:
            texts.append(f"{column.head}: a variance is zero or a correlation is at its bound (singular fit).")
    return texts
