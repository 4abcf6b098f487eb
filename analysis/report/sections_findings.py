"""The sections of a report on what was asked beyond the models: marginal means, families of tests, missing data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from doublecode.analysis.rendering.document import Block, Bullets, Section
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.rendering.marginal_figures import marginal_courses
from doublecode.analysis.study.labels import Labels, label_term

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.description.covariate_screen import CovariateScreenResult
    from doublecode.analysis.description.manual_fidelity import FidelityResult
    from doublecode.analysis.description.missing_comparison import MissingComparisonResult
    from doublecode.analysis.regression.families import FamilyResult
    from doublecode.analysis.regression.marginal_result import MarginalResult
    from doublecode.analysis.rendering.tables import Column, Table


def marginal_section(results: Sequence[MarginalResult], labels: Labels) -> Section | None:
    """Marginal means and slopes with their contrasts, and a figure of each."""
    if not results:
        return None
    blocks: list[Block] = []
    for result in results:
        name, title = str(result.spec["name"]), str(result.spec["title"])
        blocks.append(_named(result.means_table(), f"means_{name}", title, labels))
        if len(result.contrasts):
            blocks.append(_named(result.contrast_table(), f"contrasts_{name}", f"{title}: contrasts", labels))
        blocks.append(Bullets(result.note_texts()))
        if 1 <= len(result.label_columns) <= 2 and len(result.frame) > 1:
            blocks.append(_picture(result, labels))
    return Section("marginal_means", "Marginal means", tuple(blocks))


def _named(table: Table, name: str, title: str, labels: Labels) -> Table:
    """A table of a result under its declared title, variables by their labels."""
    columns: list[Column] = [replace(one, heading=labels.get(one.heading, one.heading)) for one in table.columns]
    return replace(table, name=name, title=title, columns=tuple(columns))


def _picture(result: MarginalResult, labels: Labels) -> Block:
    over, *by = result.label_columns
    slope = result.spec["slope"]
    outcome = labels.get(str(result.spec["outcome"]), str(result.spec["outcome"]))
    y_label = f"slope of {labels.get(slope, slope)}" if slope else outcome
    frame, legend = result.frame, by[0] if by else None
    if legend is not None and legend in labels:
        frame, legend = frame.rename(columns={legend: labels[legend]}), labels[legend]
    axes = marginal_courses(frame, over, legend, x_label=labels.get(over, over), y_label=y_label)
    level = f"{100 * result.spec['conf_level']:g}"
    shown = picture(
        axes, f"means_{result.spec['name']}", str(result.spec["title"]),
        f"Estimates with {level}% limits of each by itself; limits that overlap say little of a difference, which is "
        "tested in the table of contrasts.",
    )  # fmt: skip
    return replace(shown, half=True)


def family_section(results: Sequence[FamilyResult], labels: Labels) -> Section | None:
    """Declared families of tests, raw and adjusted."""
    if not results:
        return None
    blocks: list[Block] = []
    for result in results:
        (table,) = result.tables()
        shown = result.frame.assign(term=[label_term(str(term), labels) for term in result.frame["term"]])
        title = str(result.spec["title"])
        blocks.append(replace(table, name=f"family_{result.spec['name']}", title=title, frame=shown, data=result.frame))
        blocks.append(Bullets(result.note_texts()))
    return Section("families", "Families of tests", tuple(blocks))


def screening_section(
    screen: CovariateScreenResult | None, missing: MissingComparisonResult | None, labels: Labels
) -> Section | None:
    """Who lacks data, and which covariates go with the outcomes."""
    blocks: list[Block] = []
    for result, names in ((missing, ("variable",)), (screen, ("outcome", "covariate"))):
        if result is not None:
            (table,) = result.tables()
            blocks += [replace(table, frame=_labelled(result.frame, names, labels), data=result.frame)]
            blocks.append(Bullets(result.note_texts()))
    return Section("covariates", "Covariates and missing data", tuple(blocks)) if blocks else None


def fidelity_section(result: FidelityResult | None, labels: Labels) -> Section | None:
    """Components of the manual that were delivered, in all sessions, each by itself, and by therapist."""
    if result is None:
        return None
    (table,) = result.tables()
    shown = replace(table, frame=_labelled(result.frame, ("name",), labels), data=result.frame)
    return Section("fidelity", "Fidelity to the manual", (shown, Bullets(result.note_texts())))


def _labelled(frame: pd.DataFrame, names: Sequence[str], labels: Labels) -> pd.DataFrame:
    return frame.assign(**{name: [labels.get(str(one), str(one)) for one in frame[name]] for name in names})
