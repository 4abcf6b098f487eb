"""Moderated regressions side by side, as a paper prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.printed_parts import EMPTY, Cell, Head, Row
from doublecode.analysis.rendering.printed_table import PrintedTable
from doublecode.analysis.report.paper_cells import cells, heads, in_order, number, records, spanned
from doublecode.analysis.report.paper_sources import sources_of
from doublecode.analysis.study.labels import label_term, short_labels

if TYPE_CHECKING:
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.paper_tables import PaperTable

_PREDICTOR: Final = "the predictor"
_INTERCEPT: Final = "Intercept"
Terms = Mapping[str, Mapping[str, Any]]


def regressions_table(run: StudyRun, asked: PaperTable) -> PrintedTable | None:
    """One group of columns per declared moderation; None where none of them could be estimated."""
    found = {str(one.spec["name"]): one for one in run.moderations}
    declared = {one.name: one for one in run.study.moderations}
    if not any(name in found for name in asked.models):
        return None
    labels = short_labels(run.labels)
    terms = {name: _terms(found[name], declared[name].predictor, asked) for name in asked.models if name in found}
    above = asked.heads or tuple(labels.get(declared[name].predictor, name) for name in asked.models)
    rows = []
    for key in in_order([list(one) for one in terms.values()]):
        row = [cell for name in asked.models for cell in cells(asked.shown, terms.get(name, {}).get(key))]
        rows.append(Row(_label(key, asked, labels), tuple(row)))
    rows += _foot(asked, found)
    columns: list[Head] = []
    for head in above:
        columns += heads(asked.shown, head)
    missing = [head for name, head in zip(asked.models, above, strict=True) if name not in found]
    parts = [_general(run, asked, [found[name] for name in asked.models if name in found])]
    parts += [f"{', '.join(missing)}: could not be estimated; the report says why."] if missing else []
    return PrintedTable(
        asked.number, asked.title, "Predictor", tuple(columns), tuple(rows),
        general=" ".join(filter(None, (*parts, asked.note))),
        source=sources_of(run.study, asked),
    )  # fmt: skip


def _terms(result: ModerationResult, predictor: str, asked: PaperTable) -> Terms:
    """The rows of one regression by what they are: the predictor of each model, where all share a label."""
    frame = {"declared": result.frame, "least-squares": result.least_squares, "robust": result.robust}[asked.errors]
    betas = dict(zip(result.frame["term"], result.frame["beta_posthoc"], strict=True))
    found = {}
    for row in records(frame):
        term = str(row["term"])
        shared = asked.predictor_label is not None
        key = ":".join(_PREDICTOR if shared and part == predictor else part for part in term.split(":"))
        row["beta"] = None if term == _INTERCEPT else number(betas[term])
        found[key] = row
    return found


def _label(key: str, asked: PaperTable, labels: Mapping[str, str]) -> str:
    return label_term(key, {**labels, _PREDICTOR: asked.predictor_label or ""})


_FOOT: Final[tuple[tuple[str, str, Callable[[dict[str, Any]], Cell]], ...]] = (
    ("*n*", "n_rows", lambda design: Cell(number(design["n_rows"]), "integer")),
    ("*R*²", "r_squared", lambda design: Cell(number(design["r_squared"]), "bounded")),
    ("*F*", "f_statistic", lambda design: Cell(number(design["f_statistic"]))),
    ("*df*", "df1", lambda design: Cell(f"{design['df1']:g}, {design['df2']:g}", "text")),
    ("*p*", "p_value", lambda design: Cell(number(design["p_value"]), "p")),
    ("*R*² change by the interaction", "delta_r_squared",
     lambda design: Cell(number(design.get("delta_r_squared")), "bounded")),
)  # fmt: skip
"""Label, what of a design it stands on, and its cell."""


def _foot(asked: PaperTable, found: Mapping[str, ModerationResult]) -> list[Row]:
    width, rows = len(asked.shown), []
    designs = [found[name].design if name in found else None for name in asked.models]
    for at, (label, needed, cell_of) in enumerate(_FOOT):
        if not any(one and needed in one for one in designs):
            continue
        row: list[Cell] = []
        for design in designs:
            cell = EMPTY if design is None else cell_of(design)
            value = "" if cell.value is None else cell.value
            row += spanned(value, width, cell.kind, cell.digits)
        rows.append(Row(label, tuple(row), rule=at == 0))
    return rows


def _general(run: StudyRun, asked: PaperTable, results: list[ModerationResult]) -> str:
    texts = []
    outcomes = {run.labels.get(one.outcome, one.outcome) for one in results}
    if len(outcomes) == 1:
        texts.append(f"Outcome: {outcomes.pop()}.")
    if any(one.spec["moderator"] for one in results):
        texts.append("Predictor and moderator are centred; the interaction is their product.")
    decided = {"robust": str(results[0].spec["robust"]), "least-squares": "least squares"}
    kind = asked.errors if asked.errors != "declared" else str(results[0].spec["errors"])
    if {"se", "interval", "t", "p"} & {*asked.shown}:
        texts.append(f"Standard errors: {decided.get(kind, kind)}.")
    if "beta" in asked.shown:
        texts.append("β = *b* × *SD* of the term / *SD* of the outcome, as SPSS prints it; an intercept has none.")
    return " ".join([*texts, *_dependence(run, asked)])


def _dependence(run: StudyRun, asked: PaperTable) -> Iterator[str]:
    """Rows that are no independent ones, as the report warns of them too."""
    found = [one.note for one in run.warnings if one.code == "dependent_rows" and one.subject in asked.models]
    if found:
        yield f"{sentence(found[0])}: take standard errors and *p* values as too small."
