"""The page of one therapist: facts become a document, which the page and the Word file render."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from doublecode.analysis.rendering.document import Block, Bullets, Callout, Document, Headline, Paragraph, Section
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.rendering.tables import Table, column, format_number
from doublecode.analysis.rendering.wording.phrases import named
from doublecode.analysis.results.versions import version_of
from doublecode.analysis.study.therapist_estimates import Verdict
from doublecode.analysis.study.therapist_facts import NO_LIMITS, TOO_FEW
from doublecode.schemas.therapist_checks import behaviour_range

if TYPE_CHECKING:
    from doublecode.analysis.rendering.document import Picture
    from doublecode.analysis.study.therapist_facts import TherapistResult
    from doublecode.schemas.study import Study

_WHY: Final = {
    "lowest": "among the lowest of this therapist",
    "highest": "among the highest of this therapist",
    "raters apart": "two raters lie far apart",
    "flagged": "a rating that the codebook flags",
    "remark": "a rater wrote something beside the codes",
}
_STATES: Final = {TOO_FEW: "too few patients", NO_LIMITS: "no interval"}


def therapist_document(found: TherapistResult, study: Study, therapist: str) -> Document:
    """Lay one therapist's facts out."""
    rows = found.frame[found.frame["therapist"] == therapist].reset_index(drop=True)
    callouts = []
    if study.synthetic:
        callouts.append(Callout("Synthetic data: no therapist, patient or rater is real."))
    texts = found.remarks.loc[found.remarks["therapist"] == therapist, "text"].tolist()
    if texts:
        callouts.append(Callout(
            "Read *What raters wrote* before you hand this page on: ids and dates are masked, but no program finds the "
            "name of a patient or what gives him or her away."
        ))  # fmt: skip
    return Document(
        title=f"Therapist {therapist}",
        subtitle=f"Coded behaviors in the study {study.title}",
        callouts=tuple(callouts),
        headlines=tuple(_headlines(found, rows, therapist)),
        sections=tuple(_sections(found, study, rows, therapist, texts)),
        colophon=(
            f"Made by doublecode {version_of('doublecode')}. No patient, rater, colleague or date stands on this page; "
            f"no mean, interval or trend on it rests on fewer than {found.spec['fewest_patients']} patients."
        ),
        has_files=False,
    )


def _headlines(found: TherapistResult, rows: pd.DataFrame, therapist: str) -> Iterator[Headline]:
    counts = found.design["therapists"][therapist]
    if counts["n_patients"] is None:
        yield Headline("Rests on", "too few patients", f"fewer than {found.spec['fewest_patients']}: no value is shown")
        return
    yield Headline(
        "Rests on", f"{counts['n_sessions']} sessions", f"coded recordings of {counts['n_patients']} patients"
    )
    for name, against in (("team", "the other therapists"), ("threshold", "the declared threshold")):
        verdicts = rows.loc[rows[f"{name}_verdict"] != str(Verdict.NONE), f"{name}_verdict"]
        if len(verdicts):
            n_above, n_below, n_open = (
                int((verdicts == str(side)).sum()) for side in (Verdict.ABOVE, Verdict.BELOW, Verdict.UNDECIDED)
            )
            more = f"and {n_open} of {len(verdicts)} not decided: the interval reaches across"
            yield Headline(
                f"Against {against}", f"{n_above} above, {n_below} below", more if n_open else "all of them decided"
            )


def _sections(
    found: TherapistResult, study: Study, rows: pd.DataFrame, therapist: str, texts: list[str]
) -> Iterator[Section]:
    yield Section("behaviors", "Each behavior", tuple(_behaviours(found, study, rows, therapist)))
    yield Section("sessions", "Over the sessions", tuple(_trends(found, rows)))
    again = found.recordings[found.recordings["therapist"] == therapist]
    if found.spec["hear_again"]:
        yield Section("hear-again", "Sessions to hear again", tuple(_again(again)))
    if found.spec["comments"]:
        said: Block = Bullets(tuple(texts), "Remarks", to_read=True) if texts else Paragraph("Nobody wrote anything.")
        yield Section("remarks", "What raters wrote", (said,))
    yield Section("reading", "How to read this page", (Bullets(tuple(_reading(found, rows)), to_read=True),))


def _behaviours(found: TherapistResult, study: Study, rows: pd.DataFrame, therapist: str) -> Iterator[Block]:
    yield Paragraph(_in_words(rows, found))
    courses = found.courses[found.courses["therapist"] == therapist]
    yield from _pictures(study, rows, courses)
    shown = rows.assign(said=[_STATES.get(state, "") for state in rows["state"]])
    columns = [
        column("label", "Behavior", kind="text"), column("n_sessions", "Sessions", kind="integer"),
        column("n_patients", "Patients", kind="integer"), column("mean", "*M*"),
        column("mean_low", "95% CI", upper="mean_high"),
    ]  # fmt: skip
    if (shown["said"] != "").any():
        columns.append(column("said", "Remark", kind="text"))
    yield Table("means", "Means of this therapist", shown, tuple(columns), group="title")
    if rows["team"].notna().any():
        yield _against_team(rows[rows["team"].notna()])
    held = rows[rows["threshold"].notna()]
    if len(held):
        columns = [
            column("label", "Behavior", kind="text"), column("threshold", "Threshold"), column("mean", "*M*"),
            column("mean_low", "95% CI", upper="mean_high"), column("threshold_verdict", "Verdict", kind="text"),
            column("threshold_source", "Who set it", kind="text"),
        ]  # fmt: skip
        both = ", with the raters as they were and held equal" if held["equal_mean"].notna().any() else ""
        notes = (f"A verdict needs the whole interval on one side{both}.",)
        yield Table("thresholds", "Against declared thresholds", held, tuple(columns), notes, "title")


def _against_team(rows: pd.DataFrame) -> Table:
    """The others and the difference; with raters held equal only where that could be done."""
    columns = [
        column("label", "Behavior", kind="text"), column("team", "Others"),
        column("difference", "Difference"), column("difference_low", "95% CI", upper="difference_high"),
    ]  # fmt: skip
    note = "Others: mean of the other therapists, each counting alike. "
    if rows["equal_difference"].notna().any():
        columns += [
            column("equal_difference", "Difference, raters equal"),
            column("equal_difference_low", "95% CI", upper="equal_difference_high"),
        ]
        note += (
            "Raters equal: with the severity of the raters held equal. A verdict needs both intervals on one side of 0."
        )
    else:
        note += "A verdict needs the whole interval on one side of 0."
    columns.append(column("team_verdict", "Verdict", kind="text"))
    return Table("team", "Against the other therapists", rows, tuple(columns), (note,), "title")


def _pictures(study: Study, rows: pd.DataFrame, courses: pd.DataFrame) -> Iterator[Picture]:
    """Strips of each codebook's behaviours, at most nine in a figure."""
    from doublecode.analysis.rendering.therapist_figures import MOST_ROWS, behaviour_strips

    for instrument, of_book in rows.groupby("instrument", sort=False):
        book = study.codebooks[str(instrument)]
        named_so = zip(of_book["level"], of_book["name"], strict=True)
        ends = [behaviour_range(book, level, name) for level, name in named_so]
        drawn = of_book.assign(low=[low for low, _ in ends], high=[high for _, high in ends])
        drawn = drawn[drawn["mean"].notna()].reset_index(drop=True)
        n_figures = -(-len(drawn) // MOST_ROWS)
        for at, part in enumerate(np.array_split(np.arange(len(drawn)), n_figures) if n_figures else ()):
            some = drawn.iloc[part]
            course = courses[courses["instrument"] == instrument].merge(some[["level", "name"]], on=["level", "name"])
            title = f"{some['title'].iloc[0]}: means and course{f' ({at + 1} of {n_figures})' if n_figures > 1 else ''}"
            yield picture(behaviour_strips(some, course), f"{instrument}_{at + 1}", title, _described(some))


def _described(rows: pd.DataFrame) -> str:
    """What is to be seen in a figure of strips."""
    means = "; ".join(f"{row['label']} {format_number(row['mean'])}" for row in rows.to_dict("records"))
    team = " and of the other therapists (open diamond)" if rows["team"].notna().any() else ""
    cut = " The dashed line is the threshold." if rows["threshold"].notna().any() else ""
    return (
        f"Left the mean of this therapist (filled circle){team} with the 95% interval, right the mean of each session "
        f"number with the trend.{cut} Means: {means}."
    )


def _in_words(rows: pd.DataFrame, found: TherapistResult) -> str:
    """Verdicts in a sentence or two."""
    said, undecided = [], []
    for name, than in (("threshold", "the threshold"), ("team", "the other therapists")):
        for side in (Verdict.ABOVE, Verdict.BELOW):
            labels = rows.loc[rows[f"{name}_verdict"] == str(side), "label"].tolist()
            if labels:
                said.append(f"{side.capitalize()} {than}: {named(labels)}.")
        n_held = int((rows[f"{name}_verdict"] != str(Verdict.NONE)).sum())
        n_open = int((rows[f"{name}_verdict"] == str(Verdict.UNDECIDED)).sum())
        if n_open:
            undecided.append(f"{n_open} of {n_held} against {than}")
    if undecided:
        said.append(f"Not decided: {' and '.join(undecided)}, where the interval reaches to both sides.")
    n_few = int((rows["state"] == TOO_FEW).sum())
    if found.design["n_therapists"] == 1:
        said.append("No session of another therapist was coded.")
    elif n_few < len(rows) and rows["n_colleagues"].isna().all():
        said.append(
            f"The team is not shown: fewer than {found.spec['fewest_colleagues']} other therapists have "
            f"{found.spec['fewest_patients']} patients or more, and each could be recognised."
        )
    if n_few:
        said.append(f"Not shown for fewer than {found.spec['fewest_patients']} patients: {n_few} of {len(rows)}.")
    return " ".join(said)


def _trends(found: TherapistResult, rows: pd.DataFrame) -> Iterator[Block]:
    known = rows[rows["slope"].notna()]
    if known.empty:
        yield Paragraph(
            f"No trend: fewer than {found.spec['fewest_patients']} patients have two coded sessions of a behavior."
        )
        return
    said = [
        f"{word}: {named(labels)}."
        for word, labels in (
            ("Rising", known.loc[known["slope_low"] > 0, "label"].tolist()),
            ("Falling", known.loc[known["slope_high"] < 0, "label"].tolist()),
        )
        if labels
    ]
    yield Paragraph(" ".join(said or ["No trend is decided: every interval reaches to both sides of 0."]))
    columns = (
        column("label", "Behavior", kind="text"), column("n_trend", "Patients", kind="integer"),
        column("slope", "Per session"), column("slope_low", "95% CI", upper="slope_high"),
    )  # fmt: skip
    notes = ("Change per session within patients of whom two sessions or more were coded.",)
    yield Table("trends", "Trend over sessions", known, columns, notes, "title")


def _again(rows: pd.DataFrame) -> Iterator[Block]:
    if rows.empty:
        yield Paragraph("No session stands out.")
        return
    yield Paragraph(
        "Which recordings these are says the laboratory's key, not this page: a single session is a single patient. "
        "The numbers follow the reasons, not time."
    )
    shown = rows.assign(why=[_WHY[why] for why in rows["why"]], label=rows["label"].where(rows["label"] != ""))
    columns = (
        column("recording", "No.", kind="integer"), column("why", "Why", kind="text"),
        column("label", "Behavior", kind="text"),
    )  # fmt: skip
    yield Table("hear_again", "Sessions to hear again", shown, columns)


def _reading(found: TherapistResult, rows: pd.DataFrame) -> Iterator[str]:
    yield (
        "*M* is the mean over the coded sessions, its interval that of a model in which sessions of one patient belong "
        "together (Kenward–Roger): few patients make it wide, however many sessions they had. It may reach beyond the "
        "ends of a scale."
    )
    if (rows["team_verdict"] != str(Verdict.NONE)).any() or rows["threshold"].notna().any():
        yield (
            "*Above* and *below* say where the interval lies; they praise and blame nobody. Who has the harder "
            "patients can look worse. *Not decided* does not mean *equal*."
        )
        n = len(rows)
        yield (
            f"Of twenty intervals about one misses by chance alone, and there are {n} behaviors on this page: a "
            "pattern says more than a single verdict."
        )
    shown = rows[rows["mean"].notna()]
    if len(shown):
        yield _raters(shown.loc[shown["equal_mean"].isna(), "label"].tolist(), len(shown))
    yield (
        f"No mean, interval or trend is shown that rests on fewer than {found.spec['fewest_patients']} patients (a "
        "session to hear again is one of them, without its codes), and no team of fewer "
        f"than {found.spec['fewest_colleagues']} others: who knows one of two would know the other."
    )


def _raters(unequal: list[str], n: int) -> str:
    """What the severity of the raters has to do with the means, and where it could not be held equal."""
    said = "Some raters are more severe than others. The means are as rated"
    if len(unequal) == n:
        return (
            f"{said}, and severity could not be held equal (one rater alone, raters who share no therapist, or a scale "
            "of two tapes): it is in every mean and verdict."
        )
    said += "; a verdict must hold with the severity of the raters held equal, too."
    return f"{said} This could {f'not be done for {named(unequal)}' if unequal else 'be done for every behavior'}."
