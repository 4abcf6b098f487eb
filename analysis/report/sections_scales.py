"""The sections of a report on measurement: inter-rater reliability and internal consistency."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from doublecode.analysis.consistency.alpha_omega_results import item_columns
from doublecode.analysis.consistency.scale_levels import POOLED
from doublecode.analysis.reliability.reported_form import sentence_facts
from doublecode.analysis.rendering import figures
from doublecode.analysis.rendering.document import Block, Bullets, Paragraph, Section
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Column, Table, bounded_estimate, column, format_number, level_heading
from doublecode.analysis.rendering.wording.icc_sentence import icc_sentence
from doublecode.analysis.rendering.wording.phrases import named
from doublecode.analysis.report.sections_raters import (
    FEWEST,
    agreement_table,
    analysed_table,
    rater_tables,
    too_few,
    without_coefficients,
)
from doublecode.analysis.results.rules import rule_named
from doublecode.analysis.study.labels import label_of, part_places, short_title
from doublecode.schemas.results import DASH, Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.scale_consistency import ConsistencyTable
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.results import Note

RULE = "koo2016"
_KEYS = ("instrument", "level", "name", "phase")


def reliability_frame(run: StudyRun, phase: str) -> pd.DataFrame:
    """Items, then scales, of every instrument in one phase, with labels, in the order of the codebooks."""
    import pandas as pd

    if run.reliability is None:
        return pd.DataFrame()
    frame = run.reliability.frame
    beside = run.quality.agreement.rename(columns={"estimate": "ac"})[[*_KEYS, "equal", "within_one", "ac"]]
    frame = frame.merge(beside, on=list(_KEYS), how="left")
    return labelled_reliability(run, frame[frame["phase"] == phase])


def labelled_reliability(run: StudyRun, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table of reliability with labels and titles of their instruments, in the order of the codebooks."""
    import pandas as pd

    books = run.study.codebooks
    places = part_places(books)
    rows = []
    for record in frame.to_dict("records"):
        row = {str(key): value for key, value in record.items()}
        label = label_of(books, row["instrument"], row["name"])
        row["label"] = f"{label} (scale)" if row["level"] == "scale" else label
        row["title"] = books[row["instrument"]].title
        rows.append((places[row["instrument"], row["name"]], row))
    return pd.DataFrame([row for _, row in sorted(rows, key=lambda pair: pair[0])])


def reliability_section(run: StudyRun) -> Section | None:
    """ICC of items and scales with the forest, the sentences to paste, the warnings."""
    if run.reliability is None or run.reliability.frame.empty:
        return None
    blocks: list[Block] = analysed_table(run, RULE)
    main = reliability_frame(run, "main")
    if len(main):
        blocks += [_reliability_table("reliability", "Inter-rater reliability of items and scales", main)]
        blocks += [*_forests(main), *agreement_table(run)]
    pilot = reliability_frame(run, "pilot")
    if len(pilot):
        blocks.append(_reliability_table("reliability_pilot", "Inter-rater reliability in the pilot phase", pilot))
    blocks += rater_tables(run)
    blocks += [Paragraph(text) for text in scale_sentences(run)]
    blocks.append(Bullets(_shared_notes(run)))
    return Section("reliability", "Inter-rater reliability", tuple(blocks))


def _shared_notes(run: StudyRun) -> tuple[str, ...]:
    """Notes of all ICCs once each; what holds for a whole design is not repeated item by item."""
    if run.reliability is None:
        return ()
    books = run.study.codebooks
    notes: dict[str, None] = {}
    told: dict[tuple[str, str, str], dict[str, None]] = {}
    sets: dict[tuple[str, str], int] = {}
    for instrument, _, phase, result in run.reliability.results:
        read = result.estimates.read
        called = {read.name_of(place): key[0] for place, key in enumerate(read.keys)}
        sets[instrument, phase] = sets.get((instrument, phase), 0) + len(called)
        for note in result.notes:
            numbers = {name: value for name, value in note.numbers.items() if name != "q"}
            of = told.setdefault((instrument, phase, sentence(Note(note.kind, "", numbers))), {})
            known = called.get(note.subject)
            of |= dict.fromkeys(map(str, called.values()) if known is None else [str(known)])
    for (instrument, phase, text), of in told.items():
        about = [] if len(of) == sets[instrument, phase] else [label_of(books, instrument, one) for one in of]
        head = f"{short_title(books[instrument].title)}, {phase}"
        notes[": ".join(filter(None, (head, named(about), text)))] = None
    for note in run.reliability.notes:
        if note.kind == "reliability_refused":
            title = short_title(books[note.numbers["instrument"]].title)
            notes[f"{title}, {note.numbers['phase']}: {note.numbers['reason']}"] = None
    return tuple(notes)


def _reliability_table(name: str, title: str, frame: pd.DataFrame) -> Table:
    few, forms = too_few(frame), frame["form"].drop_duplicates().tolist()
    agreed = tuple(
        column(part, heading, kind="percent", digits=0)
        for part, heading in (("equal", "Equal"), ("within_one", "Within 1 point"))
        if frame[part].notna().any()
    )
    chance = (column("ac", "AC", kind="bounded"),) if frame["ac"].notna().any() else ()
    coefficients = (
        column("k", "*k*", kind="count"), *bounded_estimate("ICC", 0.95),
        column("single", "ICC, one rater", kind="bounded"), *agreed[1:], *chance,
    )  # fmt: skip
    columns = (
        column("label", "Item or scale", kind="text"),
        *(() if few.all() or len(forms) == 1 else (column("form", "Form", kind="text"),)),
        column("n_targets", "Sessions", kind="integer"), column("n_multiply_coded", "Double-coded", kind="integer"),
        *((column("n_raters", "Raters", kind="integer"), *agreed) if few.all() else coefficients),
    )  # fmt: skip
    return Table(
        name, title, without_coefficients(frame), columns, _reliability_notes(few, forms, chance), "title", data=frame
    )


def _reliability_notes(few: pd.Series[bool], forms: list[str], chance: tuple[Column, ...]) -> tuple[str, ...]:
    notes = [] if few.all() else [
        f"{_form(forms)} of the mean of *k* ratings (harmonic mean over sessions), absolute agreement where raters "
        "are told apart, one-way where they are not."
    ]  # fmt: skip
    if few.any():
        notes.append(
            f"Fewer than {FEWEST} sessions with several raters are too few for a coefficient that means anything: none "
            "is printed; the CSV file has what the formulas give."
        )
    if few.all():
        notes.append("Equal, within 1 point: shares of pairs of raters.")
    elif chance:
        notes.append("Within 1 point: share of pairs of raters. AC: AC2 with ordinal weights; of two codes AC1.")
    return tuple(notes)


def _form(forms: list[str]) -> str:
    """The form that all coefficients have; the column says it where there are several."""
    return forms[0] if len(forms) == 1 else "ICC"


def _forests(frame: pd.DataFrame) -> list[Block]:
    """The forest, cut into parts where it is longer than a page."""
    rule = rule_named(RULE)
    shown = frame[frame["estimate"].notna()]
    shown = shown.assign(instrument=[short_title(title) for title in shown["title"]])
    low = min(0.0, float(shown["conf_low"].min())) if len(shown) else 0.0
    text = f"Intraclass correlations with 95% intervals. Dotted: the cut-offs of {rule.citation}."
    if low < -0.5:
        text += " Limits below −.50 are cut off at the edge; the table has them."
    parts = figures.forest_parts(shown, group="instrument")
    blocks: list[Block] = []
    for number, part in enumerate(parts, 1):
        axes = figures.forest(
            part, group="instrument", references=list(zip(rule.cuts, rule.words[1:], strict=True)),
            limits=(max(-0.5, low), 1.02),
        )  # fmt: skip
        suffix, of = ("", "") if len(parts) == 1 else (f"_{number}", f", part {number} of {len(parts)}")
        title = f"Inter-rater reliability of items and scales{of}"
        blocks.append(picture(axes, f"icc_forest{suffix}", title, text))
    return blocks


def scale_sentences(run: StudyRun, phase: str = "main") -> list[str]:
    """The sentences to paste, one per scale (per item where an instrument has none)."""
    if run.reliability is None:
        return []
    of_phase = [(name, level, result) for name, level, at, result in run.reliability.results if at == phase]
    with_scales = {name for name, level, _ in of_phase if level == "scale"}
    texts = []
    for instrument, level, result in of_phase:
        if level == "item" and instrument in with_scales:
            continue
        book = run.study.codebooks[instrument]
        rule, lines = rule_named(RULE), {}
        for entry in result.design["sets"]:
            name = entry["set"][level]
            facts = sentence_facts(result.frame, result.estimates, result.spec, entry, None)
            called = _in_instrument(book.title, label_of(run.study.codebooks, instrument, name))
            lines[name] = icc_sentence(replace(facts, called=called), rule)
        places = part_places({book.name: book})
        texts += [lines[name] for name in sorted(lines, key=lambda name: places[book.name, name])]
    return texts


def consistency_section(run: StudyRun) -> Section | None:
    """Omega with interval, pooled and per session; item–total correlations."""
    table = run.consistency
    if table is None:
        return None
    level = float(table.spec["conf_level"])
    pooled = table.frame.assign(
        label=_scale_labels(run, table.frame),
        r_range=_ranges(table.frame, "r_drop_min", "r_drop_max"),
        session_range=_by_session(table.frame),
    )
    counts = (column("n_rows", "Sessions", kind="integer"), column("n_patients", "Patients", kind="integer"))
    columns = (
        column("label", "Scale", kind="text"), column("n_items", "Items", kind="integer"), *counts,
        column("omega", "ω", kind="bounded"),
        column("conf_low", level_heading(level), kind="bounded", upper="conf_high"),
        column("alpha", "α", kind="bounded"),
        column("r_range", "*r* item–total"),
        column("session_range", "ω per session"),
    )  # fmt: skip
    note = (
        "ω total of a one-factor model, interval over patients. *r*: lowest and highest corrected item–total "
        "correlation; last column: lowest and highest ω of a single session (number of sessions)."
    )
    blocks: list[Block] = [Table("omega", "Internal consistency", pooled, columns, (note,), data=table.frame)]
    # a study's rows are sessions, also where each patient has only one
    blocks += [Paragraph(text) for text in table.statements(list(pooled["label"]), sessions=True)]
    blocks += _sessions(run, table, level) + _items(run, table, level)
    single = [note for note in table.notes if note.numbers.get("level", POOLED) != POOLED]
    blocks.append(Bullets(_pooled_notes(run, table, [note for note in table.notes if note not in single])))
    n_single = len(single)
    if n_single:
        blocks.append(Paragraph(f"{n_single} remarks on single sessions are in `results.json` (consistency, notes)."))
    return Section("consistency", "Internal consistency", tuple(blocks))


def _ranges(frame: pd.DataFrame, low: str, high: str) -> list[str]:
    """Lowest and highest value of each row in words."""
    ends = zip(frame[low], frame[high], strict=True)
    return [f"{format_number(a, 'bounded')} to {format_number(b, 'bounded')}" if a == a else DASH for a, b in ends]


def _by_session(frame: pd.DataFrame) -> list[str]:
    """Lowest and highest value of a single session, and on how many sessions that stands."""
    ranges = _ranges(frame, "session_min", "session_max")
    counts = zip(ranges, frame["n_sessions"], frame["n_sessions_rated"], strict=True)
    return [f"{text} ({n if n == of else f'{n} of {of}'})" if text != DASH else DASH for text, n, of in counts]


def _in_instrument(title: str, label: str) -> str:
    """Name a scale with its instrument, once."""
    return label if label.startswith(short_title(title)) else f"{short_title(title)}: {label}"


def _scale_labels(run: StudyRun, frame: pd.DataFrame) -> list[str]:
    """Name instrument and scale; the pairing only where a scale is printed in both."""
    names = []
    for row in frame.to_dict("records"):
        book = run.study.codebooks[row["instrument"]]
        label = label_of(run.study.codebooks, row["instrument"], row["scale"])
        several = any(scale.lagged for scale in book.scales) and row["pairing"] not in label
        pairing = f" ({row['pairing']})" if several else ""
        names.append(f"{_in_instrument(book.title, label)}{pairing}")
    return names


def _pooled_notes(run: StudyRun, table: ConsistencyTable, notes: Iterable[Note]) -> tuple[str, ...]:
    """Notes on the pooled scales by their labels; where a patient has one session, rows are independent indeed."""
    labels: dict[tuple[str, ...], str] = {}
    once = set()
    for row, label in zip(table.frame.to_dict("records"), _scale_labels(run, table.frame), strict=True):
        labels[row["instrument"], row["scale"], row["pairing"]] = label
        if row["n_rows"] == row["n_patients"]:
            once.add(label)
    said = []
    for note in notes:
        names = tuple(str(note.numbers.get(name)) for name in ("instrument", "scale", "pairing"))
        label = labels.get(names, "")
        if note.kind == "rows_independent" and label in once:
            continue
        level = [str(note.numbers["level"])] if "level" in note.numbers else []
        said.append(sentence(replace(note, subject=": ".join([label, *level]) if label else note.subject)))
    return tuple(said)


def _sessions(run: StudyRun, table: ConsistencyTable, level: float) -> list[Block]:
    rows = table.levels[table.levels["by"] == "session"] if len(table.levels) else table.levels
    if rows.empty:
        return []
    rows = rows.assign(label=_scale_labels(run, rows), session=rows["level"].astype(int))
    shown = rows.assign(status=_session_remarks(table, rows))
    remark = [column("status", "Remark", kind="text")] if shown["status"].any() else []
    columns = (column("session"), column("n_rows", "*n*", kind="integer"), *bounded_estimate("ω", level), *remark)
    blocks: list[Block] = []
    drawn = shown[shown["estimate"].notna()]
    if len(drawn):
        axes = figures.by_session(drawn, series="label")
        text = f"ω with {100 * level:g}% intervals over patients."
        blocks.append(picture(axes, "omega_by_session", "Internal consistency by session", text))
    return [
        *blocks,
        Table("omega_by_session", "Internal consistency by session", shown, columns, (), "label", folded=True),
    ]


def _session_remarks(table: ConsistencyTable, rows: pd.DataFrame) -> list[str]:
    """Why a session has no coefficient, or none of its limits; empty where it has both."""
    names = ("instrument", "scale", "pairing", "level")
    without = {
        tuple(str(note.numbers[name]) for name in names): sentence(replace(note, subject=""))
        for note in table.notes
        if note.kind == "jackknife_without_solution"
    }
    remarks = []
    for row in rows.to_dict("records"):
        key = (str(row["instrument"]), str(row["scale"]), str(row["pairing"]), str(row["session"]))
        lost = without.get(key, "") if math.isnan(row["conf_low"]) else ""
        remarks.append(lost if math.isfinite(row["estimate"]) else str(row["status"]))
    return remarks


def _items(run: StudyRun, table: ConsistencyTable, level: float) -> list[Block]:
    if table.items.empty:
        return []
    first = table.items["level"].iloc[0]
    rows = table.items[table.items["level"] == first]
    books = run.study.codebooks
    shown = rows.assign(
        label=_scale_labels(run, rows),
        item=[label_of(books, name, item) for name, item in zip(rows["instrument"], rows["item"], strict=True)],
    )
    title = "Items of the scales: corrected item–total correlations, loadings, ω if dropped"
    return [
        Table("omega_items", title, shown, item_columns(shown, level), group="label", data=table.items, folded=True)
    ]
