"""The page of a sensitivity analysis: the finding, without each unit, under other rules, and how it was done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.document import Block, Bullets, Callout, Document, Headline, Paragraph, Section
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.rendering.tables import Table, column, format_interval, format_number, format_p
from doublecode.analysis.rendering.wording.phrases import named
from doublecode.analysis.report.sections_missing import missing_headlines, missing_methods, missing_sections
from doublecode.analysis.results.versions import version_of

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.sensitivity_answer import SensitivityResult
    from doublecode.schemas.study import Study

ALPHA: Final = 0.05
_HOW: Final = {
    "patient": "Without a patient everything was computed once more from the rows of the others; an outlier rule found "
    "its fences without him or her.",
    "therapist": "Without a therapist the sessions of his or her patients with him or her were left out.",
    "rater": "Without a rater his or her ratings were dropped before pooling and scoring, so that scores of "
    "double-coded sessions change too; sessions that nobody else rated are lost.",
}


def sensitivity_document(found: SensitivityResult, study: Study) -> Document:
    """Lay the answer out as a page of its own."""
    callouts = []
    if study.synthetic:
        callouts.append(Callout("Synthetic data: every number here comes from a generator, none from a patient."))
    return Document(
        title=f"How far does it hold? {study.title}",
        subtitle=f"Sensitivity of one finding of the study `{study.name}`",
        callouts=tuple(callouts),
        headlines=tuple(_headlines(found)),
        sections=tuple(_sections(found)),
        colophon=(
            f"Made by doublecode {version_of('doublecode')}. Numbers are rounded for the eye; `tables/` and "
            "`results.json` hold them with full precision."
        ),
    )


def _headlines(found: SensitivityResult) -> Iterator[Headline]:
    head, place = found.design["headline"], found.design["among"]
    yield Headline(
        found.spec["label"], f"*b* = {_b(head['estimate'])} {_limits(head)}",
        f"as declared, *p* {format_p(head['p_value'])}, {head['n_rows']} rows of {head['n_patients']} patients",
    )  # fmt: skip
    for row in found.summary_left_out.to_dict("records"):
        other = int(row["significance_changes"])
        yield Headline(
            f"Without one {row['unit']}", f"*b* from {_b(row['low'])} to {_b(row['high'])}",
            f"{row['n']} left out one at a time; the sign changes {_times(int(row['sign_changes']))}, the side of .05 "
            f"{_times(other)}",
        )  # fmt: skip
    if len(found.frame) > 1 and "median" in place:
        yield Headline(
            f"Under {place['n']} specifications", f"median *b* = {_b(place['median'])}",
            f"from {_b(place['low'])} to {_b(place['high'])}; {_share(place['same_sign'])} with this sign, "
            f"{_share(place['significant'])} with *p* < .05",
        )  # fmt: skip
    if found.missing is not None:
        yield from missing_headlines(found.missing)


def _sections(found: SensitivityResult) -> Iterator[Section]:
    tables = {table.name: table for table in found.tables()}
    if len(found.left_out):
        yield Section("left-out", "One left out at a time", tuple(_left_out(found, tables["left_out"])))
    if len(found.frame) > 1:
        yield Section("multiverse", "Other rules", tuple(_multiverse(found, tables)))
    if found.missing is not None:
        yield from missing_sections(found.missing, found.spec["labels"])
    yield Section("methods", "How this was done", tuple(_methods(found)))


def _left_out(found: SensitivityResult, summary: Table) -> Iterator[Block]:
    yield summary
    for unit, rows in found.left_out.groupby("unit", sort=False):
        yield Paragraph(_in_words(str(unit), rows, found))
        drawn: Any = unit
        if rows["estimate"].notna().any():
            text = (
                f"*b* of {found.spec['label']} with its 95% interval without each {unit}, sorted; the band is the "
                f"interval with all. Squares: without this {unit} the sign changes, or *p* crosses .05."
            )
            yield picture(found.plot(drawn), f"left_out_{unit}", f"Without one {unit}", text)
    columns = (
        column("level", "Without", kind="text"), column("estimate"), column("conf_low"), column("p_value"),
        column("n_rows", "Rows", kind="integer"), column("change", "Change", kind="estimate"),
        column("change_in_se", "in *SE*"), column("n_lost", "Sessions lost", kind="integer"),
    )  # fmt: skip
    notes = ("*SE*: the standard error with all. Sessions lost: what nobody but this rater rated.",)
    yield Table("left_out_levels", "Every one left out", found.left_out, columns, notes, "unit", folded=True)


def _in_words(unit: str, rows: pd.DataFrame, found: SensitivityResult) -> str:
    """Range, who moves it most, what changes."""
    known = rows[rows["estimate"].notna()]
    if known.empty:
        return f"Without any one {unit} nothing could be estimated."
    most = known.iloc[int(known["change"].abs().argmax())]
    said = (
        f"Without one {unit}, *b* lies between {_b(known['estimate'].min())} and {_b(known['estimate'].max())}. "
        f"{most['level']} moves it most: without {most['level']} *b* = {_b(most['estimate'])} "
        f"{_limits(most)}, a change of {format_number(abs(most['change_in_se']))} of its standard error."
    )
    for key, what in (("sign_changes", "has the other sign"), ("significance_changes", _other_side(found))):
        levels = known.loc[known[key], "level"].tolist()
        said += f" It {what} without {_each(levels)}." if levels else ""
    if not known["sign_changes"].any() and not known["significance_changes"].any():
        said += f" Neither its sign nor the side of .05 depends on one {unit}."
    if unit == "rater" and rows["n_lost"].any():
        low, high = int(rows["n_lost"].min()), int(rows["n_lost"].max())
        said += (
            f" Without a rater {low if low == high else f'{low} to {high}'} sessions are lost that nobody else rated."
        )
    return said


def _other_side(found: SensitivityResult) -> str:
    is_below = found.design["headline"]["p_value"] < ALPHA
    return f"has *p* {'≥' if is_below else '<'} .05"


def _each(levels: Sequence[str]) -> str:
    """The units one by one, as ``named`` has them, with *or* before the last: each is left out alone."""
    if len(levels) < 2 or len(levels) > 8:
        return named(levels) if len(levels) < 2 else f"any of {len(levels)} of them"
    return f"{', '.join(levels[:-1])} or {levels[-1]}"


def _multiverse(found: SensitivityResult, tables: dict[str, Table]) -> Iterator[Block]:
    place = found.design["among"]
    if "median" not in place:
        yield Paragraph(f"None of {place['n']} specifications could be estimated.")
    else:
        yield Paragraph(
            f"{place['n_estimated']} of {place['n']} specifications were estimated: every combination of the declared "
            f"choices. *b* lies between {_b(place['low'])} and {_b(place['high'])}, median {_b(place['median'])}; the "
            f"declared one is number {place['rank']} from the smallest. {_share(place['same_sign'])} have its sign, "
            f"{_share(place['significant'])} *p* < .05."
        )
        text = (
            f"Above *b* of {found.spec['label']} with its 95% interval under every specification, sorted; below the "
            "choices of each. Filled: *p* < .05; the diamond is the study as declared."
        )
        yield picture(found.plot(), "specification_curve", "Specification curve", text)
    moves = replace(tables["moves"], notes=(
        "Change of *b* with the choice instead of the declared one, mean and range over all pairs of specifications "
        "that differ in nothing else; *p* < .05: the share of these pairs, as declared and then instead.",
    ))  # fmt: skip
    yield moves
    number = int(found.frame["specification"].iloc[-1])
    yield replace(tables["specifications"], notes=(
        f"`doublecode sensitivity STUDY --specification {number} --write FOLDER` makes a study folder that declares "
        "the specification of that number; `doublecode run FOLDER` gives its number.",
    ))  # fmt: skip
    if found.notes:
        yield Bullets(found.note_texts())


def _methods(found: SensitivityResult) -> Iterator[Block]:
    spec = found.spec
    step = "" if spec["step"] is None else f", step {spec['step']}"
    yield Paragraph(
        f"The finding is the coefficient `{spec['term']}` of the model `{spec['model']}`{step} ({spec['title']})."
    )
    for unit in spec["leave_out"]:
        yield Paragraph(_HOW[unit])
    if spec["choices"]:
        said = "; ".join(f"{name}: {', '.join(map(str, values))}" for name, values in spec["choices"].items())
        yield Paragraph(
            f"Choices, the declared one first: {said}. Each combination is a declaration of its own and was run by the "
            "functions of the declared run (multiverse: Steegen, Tuerlinckx, Gelman & Vanpaemel, 2016; curve after "
            "Simonsohn, Simmons & Nelson, 2020). Models of different covariates may stand on different rows."
        )
    if found.missing is not None:
        yield from missing_methods(found.missing)


def _b(value: Any) -> str:
    return format_number(float(value), "estimate")


def _limits(row: Any) -> str:
    return format_interval(float(row["conf_low"]), float(row["conf_high"]), "estimate")


def _share(value: float) -> str:
    return f"{value:.0%}".replace("%", " %")


def _times(n: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(n, f"{n} times")
