"""What each step of a series adds, in sentences, of whichever family the series is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from doublecode.analysis.rendering.document import Block, Bullets, Paragraph
from doublecode.analysis.report.effect_words import Kind, Row, kind_of, names_of, sentence_case
from doublecode.analysis.report.series_blocks import tables_of
from doublecode.analysis.results.states import FitState
from doublecode.analysis.study.labels import Labels, label_term

if TYPE_CHECKING:
    from doublecode.analysis.report.series_blocks import AnyModel, AnySeries

Said = Callable[[Kind, Row, str, tuple[str, ...], str], str]
"""A coefficient in words: kind of its term, row, outcome, predictors, and what stands behind the numbers."""


def series_findings(result: AnySeries, labels: Labels, unit: str, share: str, said: Said) -> tuple[Block, ...]:
    """Say what a series found, and in which of its tables that stands.

    Parameters
    ----------
    result : SeriesResult or GeneralizedSeriesResult
    labels : mapping
        Name of a variable → its label.
    unit : str
        What a row is: "sessions", "rows".
    share : str
        How much of the variance lies between patients; empty where no model says it.
    said : callable
        A coefficient in words.
    """
    counts = result.design
    head = f"{result.spec['title']}, {counts['n_rows']} {unit} of {counts['n_patients']} patients"
    parts = [part for part in (share, *_steps(result, labels, said)) if part]
    see = tuple(f"table {name}" for name in tables_of(result))
    return Paragraph(head, see), Bullets(tuple(map(sentence_case, parts)), to_read=True)


def _steps(result: AnySeries, labels: Labels, said: Said) -> Iterator[str]:
    """What each step adds, in the version that splits its predictors where there is one."""
    known: set[str] = {"Intercept"}
    for step in dict.fromkeys(model.step for model in result.models):
        model = [one for one in result.models if one.step == step][-1]
        if model.result is None:
            yield f"model {model.label} could not be estimated"
            continue
        if model.state is FitState.NOT_CONVERGED:
            yield f"model {model.label} did not converge, and none of its numbers is read here"
            continue
        rows = result.coefficients[result.coefficients["label"] == model.label].to_dict("records")
        yield from _added(model, rows, known, tuple(result.spec["split"]), labels, said)
        known |= {str(row["term"]) for row in rows}


def _added(
    model: AnyModel, rows: Sequence[Row], known: set[str], split: tuple[str, ...], labels: Labels, said: Said
) -> Iterator[str]:
    """The terms of a model that no earlier one has."""
    outcome = label_term(model.formula.response, labels)
    kinds = {str(row["term"]): kind_of(str(row["term"]), split, labels) for row in rows}
    products = [term for term, kind in kinds.items() if kind in (Kind.PRODUCT, Kind.OTHER) and ":" in term]
    more = f"model {model.label}{', singular fit' if model.singular else ''}"
    for row in rows:
        term = str(row["term"])
        if term in known:
            continue
        others = {part for one in products if term in one.split(":") for part in one.split(":")} - {term}
        at = ", ".join(label_term(other, labels) for other in sorted(others))
        where = f", where {at} is 0" if at else ""
        yield said(kinds[term], row, outcome, names_of(term, labels, split), more) + where
