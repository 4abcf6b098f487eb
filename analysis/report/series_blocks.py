"""What the section of every series has, of whichever family: its rows, coefficients, comparison, variances, notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from doublecode.analysis.linking.time_origin import SESSION, is_time
from doublecode.analysis.rendering.document import Block, Bullets, Paragraph
from doublecode.analysis.rendering.series_tables import compared_table, variances_table
from doublecode.analysis.rendering.tables import Column, Table, column
from doublecode.analysis.study.labels import Labels, label_term, short_labels, term_labels
from doublecode.schemas.marks import code

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.generalized_models import GeneralizedModel
    from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
    from doublecode.analysis.linking.series_models import LabelledModel
    from doublecode.analysis.linking.series_result import SeriesResult

    AnyModel = LabelledModel | GeneralizedModel
    AnySeries = SeriesResult | GeneralizedSeriesResult

_VERSIONS: Final = (
    (True, "models", "Fixed effects, models as declared"),
    (False, "split", "Fixed effects, predictors split within and between patients"),
)
"""Whether it is declared, what its table's name ends in, and the table's title."""
_COMPARED: Final = "χ²: likelihood ratio with the model of the step before (as declared, or split, as the model is)"


def series_blocks(
    result: AnySeries,
    labels: Labels,
    *,
    share: str,
    columns: Callable[[pd.DataFrame], Sequence[Column]],
    note: Mapping[bool, str],
    compared: str = "",
    variances: str = "Variance components",
) -> list[Block]:
    """Make the blocks of a series.

    Parameters
    ----------
    result : SeriesResult or GeneralizedSeriesResult
    labels : mapping
        Name of a variable → its label.
    share : str
        What is said of the variance between patients.
    columns : callable
        Columns of a table of coefficients.
    note : mapping of bool to str
        What the coefficients of the declared models are (True), and those of the split ones.
    compared : str
        How models were refitted to be compared.
    variances : str
        Title of the table of variances.
    """
    name, terms = str(result.spec["name"]), term_labels(labels, result.spec["split"])
    named = partial(label_term, labels=terms)
    blocks: list[Block] = [Paragraph(f"{_rows_in_words(result, labels)}.{share}")]
    for declared, part, title, rows in _versions(result):
        models = [model for model in result.models if model.declared == declared]
        heads = {model.label: model_head(model) for model in models}
        bare = rows.drop(columns=["step", "label", "declared"])
        shown = bare.assign(model=rows["label"].map(heads), label=[named(str(term)) for term in rows["term"]])
        of = (column("label", "Term", kind="text"), *columns(shown))
        blocks.append(
            Table(f"{name}_{part}", title, shown, of, (f"{note[declared]}{_intercepts_in_words(models)}",), "model")
        )
    blocks.append(compared_table(f"{name}_comparison", result.frame, (f"{_COMPARED}{compared}.",)))
    if len(result.variances):  # a step could be estimated
        blocks.append(variances_table(f"{name}_variances", result.variances, named, variances))
    return [*blocks, *result.beside(f"{name}_", named), Bullets(result.note_texts())]


def tables_of(result: AnySeries) -> tuple[str, ...]:
    """Names of the tables of coefficients that a series has, and of its comparison."""
    name = result.spec["name"]
    return (*(f"{name}_{part}" for _, part, *_ in _versions(result)), f"{name}_comparison")


def model_head(model: AnyModel) -> str:
    """Name a model of a series above its coefficients."""
    return f"{model.label}: {code(str(model.formula))}"


def _intercepts_in_words(models: Sequence[AnyModel]) -> str:
    """Say to which session the intercepts belong, where the models have a time."""
    times = {name for one in models for name in one.formula.names if is_time(name)}
    if not times:
        return ""
    at = min(time.rpartition("_")[2] if time != SESSION else "0" for time in times)
    return f" Intercepts are those of session {at}." if at != "0" else " Session number uncentred: intercepts at 0."


def _versions(result: AnySeries) -> Iterator[tuple[bool, str, str, pd.DataFrame]]:
    """Whether declared, end of the name, title and rows of each table of coefficients that is not empty."""
    for declared, part, title in _VERSIONS:
        rows = result.coefficients[result.coefficients["declared"] == declared]
        if len(rows):
            yield declared, part, title, rows.reset_index(drop=True)


def _rows_in_words(result: AnySeries, labels: Labels) -> str:
    """Say the common rows of a series, and the variables that they must have, by their labels."""
    counts, short = result.design, short_labels(labels)
    names = "; ".join(short.get(name, name) for name in counts["columns"])
    of = f"{counts['n_rows']} of {counts['n_given']} rows, of {counts['n_patients']} patients"
    return f"{of}, that have all of {names}"
