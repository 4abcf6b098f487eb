"""The page of a sensitivity analysis: the finding, without each unit, under other rules, and how it was done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.document import (
    Block,
    Bullets,
    Callout,
    Document,
    Headline,
    Paragraph,
    Picture,
    Section,
)
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.rendering.tables import Table, column, format_number, format_p
from doublecode.analysis.rendering.wording.phrases import named
from doublecode.analysis.report.sections_missing import (
    b_of,
    limits_of,
    missing_headlines,
    missing_methods,
    missing_sections,
)
from doublecode.analysis.results.versions import version_of
from doublecode.analysis.study.sensitivity_estimate import ALPHA

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.sensitivity_answer import SensitivityResult
    from doublecode.analysis.study.sensitivity_of_study import StudySensitivity
    from doublecode.schemas.study import Study

_HOW: Final = {
    "patient": "Without a patient everything was computed once more from the rows of the others; an outlier rule found "
    "its fences without him or her.",
    "therapist": "Without a therapist the sessions of his or her patients with him or her were left out.",
    "rater": "Without a rater his or her ratings were dropped before pooling and scoring, so that scores of "
    "double-coded sessions change too; sessions that nobody else rated are lost.",
}

ROBUST: Final = frozenset({"robust_few_clusters", "robust_not_estimated"})
"""Notes that stand beside the standard errors."""
_ROBUST: Final = (
    "Beside the declared tests stand cluster-robust ones: CR2 standard errors with Satterthwaite degrees of freedom "
    "(Bell & McCaffrey, 2002; Pustejovsky & Tipton, 2018). The estimate stays, and so do a mixed model's variances, as "
    "its working model; what is asked is whether the test survives where that model of the dependence is wrong. "
    "Patients are the clusters of a multilevel model; in a regression over patients each row is its own (HC2). "
    "Therapists as clusters allow for whatever their patients share."
)


def sensitivity_document(found: StudySensitivity, study: Study) -> Document:
    """Lay the answer out as a page of its own: the findings beside one another, then each by itself."""
    callouts = []
    if study.synthetic:
        callouts.append(Callout("Synthetic data: every number here comes from a generator, none from a patient."))
    n = len(found.findings)
    return Document(
        title=f"How far does it hold? {study.title}",
        subtitle=f"Sensitivity of {'one finding' if n == 1 else f'{n} findings'} of the study `{study.name}`",
        callouts=tuple(callouts),
        headlines=tuple(_headlines(found.findings[0])),
        sections=tuple(_sections(found)),
        colophon=(
            f"Made by doublecode {version_of('doublecode')}. Numbers are rounded for the eye; `tables/` and "
            "`results.json` hold them with full precision."
        ),
    )


def _headlines(found: SensitivityResult) -> Iterator[Headline]:
    head, place = found.design["headline"], found.design["among"]
    yield Headline(
        found.spec["label"], f"*{found.spec['measure']}* {found.declared()}",
        f"as declared, *p* {format_p(head['p_value'])}, {head['n_rows']} rows of {head['n_patients']} patients",
    )  # fmt: skip
    if len(found.robust) > 1:
        row = found.robust.to_dict("records")[1]
        yield Headline(
            "Cluster-robust (CR2)", f"*p* {format_p(row['p_value'])}",
            f"{row['n_clusters']:.0f} {row['errors']}s as clusters, *df* = {row['df']:.1f}",
        )  # fmt: skip
    for one in found.summary_left_out.to_dict("records"):
        other, sign = int(one["significance_changes"]), int(one["sign_changes"])
        signs = "" if len(found.spec["terms"]) > 1 else f"; the sign changes {_times(sign)}"
        yield Headline(
            f"Without one {one['unit']}", f"*{found.spec['measure']}* from {b_of(one['low'])} to {b_of(one['high'])}",
            f"{one['n']} left out one at a time{signs}; the side of .05 changes {_times(other)}",
        )  # fmt: skip
    if len(found.frame) > 1 and "median" in place:
        yield Headline(
            f"Under {place['n']} specifications", f"median *{found.spec['measure']}* = {b_of(place['median'])}",
            f"from {b_of(place['low'])} to {b_of(place['high'])}; {_with_sign(found)}{_share(place['significant'])} "
            "with *p* < .05",
        )  # fmt: skip
    if found.missing is not None:
        yield from missing_headlines(found.missing)


def _with_sign(found: SensitivityResult) -> str:
    """The share with the declared sign; of F, which has none, nothing."""
    return "" if len(found.spec["terms"]) > 1 else f"{_share(found.design['among']['same_sign'])} with this sign, "


def _sections(found: StudySensitivity) -> Iterator[Section]:
    several = len(found.findings) > 1
    if several:
        notes = (
            "As declared with 95% interval and *p*; the range of the estimate leaving one out; *p* under CR2 by "
            "patient; shares of the specifications; the unit or choice that changes it most, a choice by its mean "
            "change.",
        )
        yield Section("findings", "All findings", (replace(found.summary_table(), notes=notes),))
    for number, one in enumerate(found.findings, start=1):
        part = f"{one.spec['label']}: {one.spec['title']}" if several else ""
        for section in _of_finding(one, number, found.suffix(number)):
            yield replace(section, part=part) if several else section
    yield Section("methods", "How this was done", tuple(_methods(found)), "Methods" if several else "")


def _of_finding(found: SensitivityResult, number: int, suffix: str) -> Iterator[Section]:
    """What was computed of one finding; names of sections, tables and figures end in `suffix`."""
    tables = {table.name: table for table in found.tables()}

    def section(anchor: str, title: str, blocks: Iterator[Block]) -> Section:
        return Section(f"{anchor}{suffix}", title, tuple(_renamed(one, suffix) for one in blocks))

    if "cluster_robust" in tables:
        yield section("errors", "Other standard errors", _robust(found, tables["cluster_robust"]))
    if len(found.left_out):
        yield section("left-out", "One left out at a time", _left_out(found, tables["left_out"]))
    if len(found.frame) > 1:
        yield section("multiverse", "Other rules", _multiverse(found, tables, number))
    if found.missing is not None:
        for one in missing_sections(found.missing, found.spec["labels"]):
            yield section(one.anchor, one.title, iter(one.blocks))


def _renamed(block: Block, suffix: str) -> Block:
    return replace(block, name=f"{block.name}{suffix}") if isinstance(block, Table | Picture) else block


def _robust(found: SensitivityResult, table: Table) -> Iterator[Block]:
    rows = found.robust.drop_duplicates("errors").to_dict("records")
    own, others = rows[0], rows[1:]
    said = "; ".join(
        f"with {row['n_clusters']:.0f} {row['errors']}s as clusters *p* {format_p(row['p_value'])} "
        f"(*df* = {row['df']:.1f})"
        for row in others
    )
    yield Paragraph(f"As declared *p* {format_p(own['p_value'])}; {said}.")
    yield replace(table, notes=(
        "CR2: cluster-robust, the model's own variances as the working model, Satterthwaite *df*. A regression over "
        "patients has every row as its own cluster, which is HC2."
        + (" Several coefficients at once: the test HTZ." if len(found.spec["terms"]) > 1 else ""),
    ))  # fmt: skip
    texts = tuple(text for note, text in zip(found.notes, found.note_texts(), strict=True) if note.kind in ROBUST)
    if texts:
        yield Bullets(texts, to_read=True)


def _left_out(found: SensitivityResult, summary: Table) -> Iterator[Block]:
    yield summary
    for unit, rows in found.left_out.groupby("unit", sort=False):
        yield Paragraph(_in_words(str(unit), rows, found))
        drawn: Any = unit
        if rows["estimate"].notna().any():
            text = (
                f"*{found.spec['measure']}* of {found.spec['label']} with its 95% interval without each {unit}, "
                f"sorted; the band is the interval with all. Squares: without this {unit} the sign "
                "changes, or *p* crosses .05."
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
    b = f"*{found.spec['measure']}*"
    said = (
        f"Without one {unit}, {b} lies between {b_of(known['estimate'].min())} and {b_of(known['estimate'].max())}. "
        f"{most['level']} moves it most: without {most['level']} {b} = {b_of(most['estimate'])}"
    )
    in_se = f", a change of {format_number(abs(most['change_in_se']))} of its standard error"
    said += f" {limits_of(most)}{in_se}." if most["change_in_se"] == most["change_in_se"] else "."
    for key, what in (("sign_changes", "has the other sign"), ("significance_changes", _other_side(found))):
        levels = known.loc[known[key], "level"].tolist()
        said += f" It {what} without {_each(levels)}." if levels else ""
    changes = known["sign_changes"].any() or known["significance_changes"].any()
    if len(found.spec["terms"]) == 1 and not changes:
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


def _multiverse(found: SensitivityResult, tables: dict[str, Table], at: int) -> Iterator[Block]:
    place, measure = found.design["among"], found.spec["measure"]
    if "median" not in place:
        yield Paragraph(f"None of {place['n']} specifications could be estimated.")
    else:
        yield Paragraph(
            f"{place['n_estimated']} of {place['n']} specifications were estimated: every combination of the declared "
            f"choices. *{measure}* lies between {b_of(place['low'])} and {b_of(place['high'])}, median "
            f"{b_of(place['median'])}; the declared one is number {place['rank']} from the smallest. "
            f"{_with_sign(found)}{_share(place['significant'])} with *p* < .05."
        )
        text = (
            f"Above *{measure}* of {found.spec['label']} with its 95% interval under every specification, sorted; "
            "below which have *p* < .05, and the choices of each. Filled: *p* < .05; the diamond is the study as "
            "declared."
        )
        yield picture(found.plot(), "specification_curve", "Specification curve", text)
    moves = replace(tables["moves"], notes=(
        f"Change of *{measure}* with the choice instead of the declared one, mean and range over all pairs of "
        "specifications that differ in nothing else; *p* < .05: the share of these pairs, as declared and then "
        "instead. Of the variance: the share of the choice's own means in the variance of all estimates; what is left "
        "to 100 % are choices that matter together.",
    ))  # fmt: skip
    yield moves
    number = int(found.frame["specification"].iloc[-1])
    of = "" if at == 1 else f" --finding {at}"
    yield replace(tables["specifications"], notes=(
        f"`doublecode sensitivity STUDY{of} --specification {number} --write FOLDER` makes a study folder that "
        "declares the specification of that number; `doublecode run FOLDER` gives its number.",
    ))  # fmt: skip
    texts = tuple(text for note, text in zip(found.notes, found.note_texts(), strict=True) if note.kind not in ROBUST)
    if texts:
        yield Bullets(texts)


def _methods(found: StudySensitivity) -> Iterator[Block]:
    for one in found.findings:
        spec = one.spec
        step = "" if spec["step"] is None else f", step {spec['step']}"
        what = "all levels at once of" if len(spec["terms"]) > 1 else "the coefficient"
        yield Paragraph(
            f"{'A' if len(found.findings) > 1 else 'The'} finding is {what} `{spec['term']}` of the model "
            f"`{spec['model']}`{step} ({spec['title']}).{_choices_in_words(spec['choices'])}"
        )
    for unit in dict.fromkeys(unit for one in found.findings for unit in one.spec["leave_out"]):
        yield Paragraph(_HOW[unit])
    if any(len(one.robust) > 1 for one in found.findings):
        yield Paragraph(_ROBUST)
    if any(one.spec["choices"] for one in found.findings):
        yield Paragraph(
            "Each combination of choices is a declaration of its own and was run by the functions of the declared run "
            "(multiverse: Steegen, Tuerlinckx, Gelman & Vanpaemel, 2016; curve after Simonsohn, Simmons & Nelson, "
            "2020). Models of different covariates may stand on different rows."
        )
    for one in found.findings:
        if one.missing is not None:
            yield from missing_methods(one.missing)


def _choices_in_words(choices: Mapping[str, Sequence[str]]) -> str:
    if not choices:
        return ""
    said = "; ".join(f"{name}: {', '.join(map(str, values))}" for name, values in choices.items())
    return f" Choices, the declared one first: {said}."


def _share(value: float) -> str:
    return f"{value:.0%}".replace("%", " %")


def _times(n: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(n, f"{n} times")
