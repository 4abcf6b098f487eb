"""The figures of a paper, as ``[[papers.figures]]`` declares them: drawn as printed, as SVG, PDF and PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.document import Picture
from doublecode.analysis.rendering.tables import format_number
from doublecode.analysis.study.labels import short_labels
from doublecode.schemas.errors import NotEstimable, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.rendering.figures import Axes
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.paper_figures import PaperFigure

SUFFIXES: Final = (".svg", ".pdf", ".png")
_SPLIT: Final = (
    "Parting {moderator} into two groups is an illustration; tests stand on the regression with the product. Beside it "
    "the report's figure of that regression, with limits."
)


@dataclass(frozen=True)
class PrintedFigure:
    """A figure of the paper, drawn.

    Parameters
    ----------
    number, title : str
    description : str
        What is to be seen, in words and numbers; the text alternative.
    note : str
        How the lines were made, and the study's own sentence.
    svg, pdf, png : str and bytes
        Empty where it could not be drawn: the note says why.
    beside : str
        Name of the report's figure of the same model, or empty.
    """

    number: str
    title: str
    description: str
    note: str
    svg: str = ""
    pdf: bytes = b""
    png: bytes = b""
    beside: str = ""

    @property
    def name(self) -> str:
        """Its files, without suffix."""
        return f"figure_{self.number}"


def printed_figures(run: StudyRun, pictures: Mapping[str, Picture] | None = None) -> dict[str, PrintedFigure]:
    """Draw the figures of the paper that a study declares.

    Parameters
    ----------
    run : StudyRun
    pictures : mapping of str to Picture, optional
        Figures of the report that are drawn already, by name: a flow is not drawn twice.

    Returns
    -------
    dict of str to PrintedFigure
        By number, in the order of ``[[papers.figures]]``.
    """
    drawn = {}
    for one in run.study.papers.figures:
        try:
            drawn[one.number] = _interaction(run, one) if one.kind == "interaction" else _flow(run, one, pictures or {})
        except (NotEstimable, UsageError) as reason:
            drawn[one.number] = PrintedFigure(one.number, one.title, "", f"Not drawn: {reason}")
    return drawn


def write_figures(figures: Mapping[str, PrintedFigure], folder: Path) -> None:
    """Write every figure in every form."""
    for one in figures.values():
        if one.svg:
            (folder / f"{one.name}.svg").write_text(one.svg, encoding="utf-8", newline="\n")
            (folder / f"{one.name}.pdf").write_bytes(one.pdf)
            (folder / f"{one.name}.png").write_bytes(one.png)


def figure_html(one: PrintedFigure, beside: Picture | None = None) -> str:
    """A figure for the page of the paper, with the report's figure of the same model beside it."""
    parts = [f'<div class="drawn">{one.svg}</div>'] if one.svg else []
    if beside is not None:
        parts.append(f'<div class="drawn">{beside.svg}<p>In the report: {escape(beside.title)}.</p></div>')
    forms = (
        " · ".join(f'<a href="{escape(one.name)}{suffix}">{suffix[1:]}</a>' for suffix in SUFFIXES) if one.svg else ""
    )
    place = f' Cells behind it: <a href="../index.html#figure-{escape(one.beside)}">the report</a>.' if beside else ""
    return (
        f'<figure class="apa" id="{escape(one.name)}"><p class="head"><b>Figure {escape(one.number)}</b><br>'
        f'<i>{escape(one.title)}</i></p><div class="side">{"".join(parts)}</div>'
        f"<figcaption><p><i>Note.</i> {escape(one.description)} {escape(one.note)}</p></figcaption></figure>"
        f'<p class="below">{forms}{"." if forms else ""}{place}</p>'
    )


def is_figure(name: str) -> bool:
    """Whether a file of this name is a figure of the paper.

    Examples
    --------
    >>> is_figure("figure_1.pdf"), is_figure("figure_1.docx")
    (True, False)
    """
    return name.startswith("figure_") and name.endswith(SUFFIXES)


def _interaction(run: StudyRun, asked: PaperFigure) -> PrintedFigure:
    from doublecode.analysis.rendering.interaction_figures import interaction

    result = next((one for one in run.moderations if one.spec["name"] == asked.model), None)
    if result is None:
        raise NotEstimable(f"the regression {asked.model!r} could not be computed.")
    labels = short_labels(run.labels)
    predictor, moderator = str(result.spec["predictor"]), str(result.spec["moderator"])
    lines, groups, said = _lines(run, asked)
    axes = interaction(
        result.points, lines, predictor=predictor, outcome=result.outcome, moderator=labels.get(moderator, moderator),
        groups=groups, x_label=labels.get(predictor, predictor), y_label=labels.get(result.outcome, result.outcome),
    )  # fmt: skip
    note = " ".join(filter(None, [_SPLIT.format(moderator=labels.get(moderator, moderator)), asked.note]))
    return _drawn(axes, asked, said, note, f"interaction_{asked.model}")


def _lines(run: StudyRun, asked: PaperFigure) -> tuple[pd.DataFrame, Any, str]:
    """Lines, the group of each row, and both in words."""
    from doublecode.analysis.regression.group_lines import group_lines

    model = next(one for one in run.study.moderations if one.name == asked.model)
    result = next(one for one in run.moderations if one.spec["name"] == asked.model)
    labels = short_labels(run.labels)
    outcome, predictor, moderator = (labels.get(str(n), str(n)) for n in (model.outcome, model.predictor,
                                                                          model.moderator))  # fmt: skip
    covariates = list(model.covariates) if asked.lines == "groups" else []
    found = group_lines(
        result.points, outcome=model.outcome, predictor=model.predictor, moderator=str(model.moderator),
        covariates=covariates, cut=asked.cut, heads=asked.heads,
    )  # fmt: skip
    split = f"at its median, {found.at:g}" if asked.cut is None else f"below {found.at:g} and from it on"
    held = f", {' and '.join(labels.get(one, one) for one in covariates)} held at the mean" if covariates else ""
    groups = found.groups.to_dict("records")
    if asked.lines == "model":
        drawn = result.drawn("median" if asked.cut is None else "cut", asked.cut)
        names = dict(zip(dict.fromkeys(drawn.lines["label"]), (one["label"] for one in groups), strict=True))
        lines = drawn.lines.assign(label=drawn.lines["label"].map(names))
        how = "Lines: the regression with the product at the mean of each group, covariates at their means"
        parts = [f"{one['label']} (n = {one['n']}, M = {format_number(one['moderator_mean'])})" for one in groups]
    else:
        lines = found.lines
        how = f"Lines: a least-squares regression within each group{held}"
        parts = [f"{one['label']} (n = {one['n']}): b = {format_number(one['slope'], 'estimate')}" for one in groups]
    said = (
        f"{outcome} on {predictor}, {moderator} parted {split}. {how}: {'; '.join(parts)}. Points: the analysed rows."
    )
    return lines, found.member, said


def _flow(run: StudyRun, asked: PaperFigure, pictures: Mapping[str, Picture]) -> PrintedFigure:
    from doublecode.analysis.rendering.flow_figures import flow_chart
    from doublecode.analysis.report.sections_flow import boxes_of, flow_in_words

    flow = None if run.reported is None else run.reported.flow
    if flow is None:
        raise NotEstimable("the flow could not be counted.")
    lanes = (("", flow.patients),) if asked.of == "patients" else flow.sessions
    if not lanes:
        raise NotEstimable("no instrument of raters has sessions to count.")
    axes = flow_chart([(head, boxes_of(boxes)) for head, boxes in lanes], asked.of)
    known = None if f"flow_{asked.of}_2" in pictures else pictures.get(f"flow_{asked.of}")
    return _drawn(axes, asked, flow_in_words(lanes, asked.of), asked.note, "", known)


def _drawn(
    axes: Axes, asked: PaperFigure, said: str, note: str, beside: str, known: Picture | None = None
) -> PrintedFigure:
    """Draw in the three forms; what the report has drawn already is taken."""
    from doublecode.analysis.rendering.figures import figure_of, picture, render_pdf

    shown = known or picture(axes, f"figure_{asked.number}".replace(".", "-"), asked.title, said)
    pdf = render_pdf(figure_of(axes))
    return PrintedFigure(asked.number, asked.title, said, note, shown.svg, pdf, shown.png, beside)


def figure_blocks(figures: Mapping[str, PrintedFigure], pictures: Mapping[str, Picture]) -> Sequence[str]:
    """The figures for the page of the paper."""
    return [figure_html(one, pictures.get(one.beside)) for one in figures.values()]
