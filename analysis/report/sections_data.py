"""The sections of a report on what was read: files, problems, rows, sample, descriptives, homework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.analysis.rendering.coded_warnings import joined, problem_of
from doublecode.analysis.rendering.document import Block, Bullets, Callout, Paragraph, Section
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, column, frame_of
from doublecode.analysis.report.headlines import ratings_in_words
from doublecode.analysis.report.row_reasons import main_reasons, model_titles, not_estimated_models
from doublecode.analysis.report.session_ranges import RANGES, session_ranges
from doublecode.analysis.study.labels import label_of, short_title
from doublecode.schemas.results import DASH, Note, is_missing

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.results.coded_warnings import CodedWarning
    from doublecode.analysis.study.study_run import Intake, StudyRun

_COUNTED: Final = (
    "Missing: rows that were read and have no value. A session without a row, because it was not rated or its outcome "
    "was not filled in, is not among them: the table *From sessions held to rows in the models* counts it."
)
_CLOCK: Final = "Durations are printed as minutes:seconds; the CSV file has seconds."
MINUTE: Final = 60
MOST_NAMED: Final = 10
"""More patients than these are counted in a callout, and named in a file."""
_MOMENTS = tuple(column(name) for name in ("n", "n_missing", "mean", "sd", "min", "max", "skew", "kurtosis"))


def data_section(run: StudyRun) -> Section:
    """What was read, what was wrong with it, and what was left out."""
    files = [] if run.intake.files.empty else [_files_table(run.intake)]
    return Section("data", "What was read", (*files, *_replaced(run), *_problem_blocks(run.intake)))


def warnings_section(run: StudyRun) -> Section:
    """What the estimates are to be read with."""
    return Section("warnings", "Warnings of the analysis", tuple(_warnings(run)))


def _files_table(intake: Intake) -> Table:
    files = intake.files
    by = files.groupby(["instrument", "rater"], sort=True)
    counts = by.agg(n_files=("file", "size"), n_rows=("n_rows", "sum")).reset_index()
    titles = {name: book.title for name, book in intake.study.codebooks.items()}
    counts = counts.assign(title=[titles.get(name, name) for name in counts["instrument"]])
    columns = (
        column("rater", "Rater", kind="text"), column("n_files", "Workbooks", kind="integer"),
        column("n_rows", "Ratings", kind="integer"),
    )  # fmt: skip
    note = f"{len(files)} workbooks in all; the CSV file lists each with its SHA-256."
    read = intake.rating_counts
    became = f" ({ratings_in_words(read).removesuffix('; ')})" if ratings_in_words(read) else ""
    said = (
        "A rating is one cell: an item of a session by a rater, a missing code or a text as well as a number; "
        f"{read['read']:,} were read{became}."
    )
    title = "Workbooks read, by instrument and rater"
    return Table("files", title, counts, columns, (note, said), "title", data=files)


def _replaced(run: StudyRun) -> list[Block]:
    """What became of files after they were taken in: two reports may differ by it."""
    if run.replaced is None or run.replaced.empty:
        return []
    columns = (
        column("file", "File", kind="text"), column("taken_in", "Taken in", kind="text"),
        column("what", "Since then", kind="text"), column("reason", "Why", kind="text"),
        column("n_changed", "Ratings changed", kind="integer"),
    )  # fmt: skip
    rows = run.replaced.to_dict("records")
    what = [f"{row['state']} on {row['on']}{row['by'] and ' by ' + row['by']}" for row in rows]
    said = [row["reason"] or "no reason was given" for row in rows]
    note = "Reports of before such a day stand on the earlier codes; the ledger has both: doublecode ledger history."
    title = "Files that were replaced or withdrawn after they had been taken in"
    return [Table("replaced", title, run.replaced.assign(what=what, reason=said), columns, (note,), data=run.replaced)]


def _problem_blocks(intake: Intake) -> list[Block]:
    import pandas as pd

    rows = [
        {
            "severity": problem.severity, "code": problem.code, "place": problem.place, "sentence": problem.sentence,
            "next_step": problem.next_step,
        }
        for problem in (one.in_report for one in intake.problems)
    ]  # fmt: skip
    listed = frame_of(rows, ("severity", "code", "place", "sentence", "next_step"))
    if listed.empty:
        return [Paragraph("No problem of any kind was found in the files.")]
    counts = listed.groupby(["severity", "code"], sort=False).size().rename("n").reset_index()
    firsts = listed.drop_duplicates("code").set_index("code")
    counts["example"] = [f"{firsts.loc[code, 'place']}: {firsts.loc[code, 'sentence']}" for code in counts["code"]]
    order = pd.Categorical(counts["severity"], ["error", "warning", "info"], ordered=True)
    counts = counts.assign(order=order).sort_values(["order", "n"], ascending=[True, False], kind="stable")
    columns = (
        column("code", "Code", kind="text"), column("severity", "Weight", kind="text"), column("n"),
        column("example", "First one", kind="text"),
    )  # fmt: skip
    title = "Warnings and notes from reading, none of which stops the analysis"
    return [Table("problems", title, counts, columns, ("The CSV file lists every one.",), data=listed)]


def _warnings(run: StudyRun) -> list[Block]:
    """Warnings of the analysis, one row for all that say the same."""
    if not run.warnings:
        return [Paragraph("The analysis gives no warning.")]
    shown, each = _warning_rows(joined(run.warnings)), _warning_rows(run.warnings)
    columns = (
        column("code", "Code", kind="text"), column("sentence", "Warning", kind="text"),
        column("next_step", "Next step", kind="text"),
    )  # fmt: skip
    title = "Warnings of the analysis, none of which changes a number"
    return [Table("warnings", title, shown, columns, ("The CSV file has a row for each subject.",), data=each)]


def _warning_rows(warnings: Sequence[CodedWarning]) -> pd.DataFrame:
    names = ("code", "subject", "sentence", "next_step")
    return frame_of([{name: getattr(one, name) for name in names} for one in map(problem_of, warnings)], names)


def attention_callouts(run: StudyRun) -> list[Callout]:
    """Answers that somebody must look at, for the top of the report."""
    flagged = _flagged(run)
    if flagged.empty:
        return []
    n = len(flagged[["patient", "session"]].drop_duplicates())
    books = run.study.codebooks
    names = sorted(
        {
            f"{short_title(books[instrument].title)}: {label_of(books, instrument, item)}"
            for instrument, item in zip(flagged["instrument"], flagged["item"], strict=True)
        }
    )
    who = sorted(flagged["patient"].unique())
    few = len(who) <= MOST_NAMED
    of = f"patients {', '.join(who)}" if few else f"{len(who)} patients, all of them in `tables/attention.csv`"
    text = f"Answers that ask for attention ({'; '.join(names)}): {n} sessions of {of}. "
    return [Callout(text + "Make sure that somebody has looked at them.")]


def _flagged(run: StudyRun) -> pd.DataFrame:
    from doublecode.coding.scoring import flagged_answers

    return flagged_answers(run.items, run.study.codebooks)


def _attention_table(run: StudyRun) -> list[Block]:
    """The answers that ask for attention, where they are of more patients than a callout names."""
    flagged = _flagged(run)
    return [_attention(flagged, run)] if flagged["patient"].nunique() > MOST_NAMED else []


def _attention(flagged: pd.DataFrame, run: StudyRun) -> Table:
    """How many answers of each item ask for attention; the CSV file has every one."""
    groups = flagged.groupby(["instrument", "item"], sort=False)
    counts = groups.agg(n=("session", "size"), n_patients=("patient", "nunique")).reset_index()
    books = run.study.codebooks
    counts["label"] = [label_of(books, *names) for names in zip(counts["instrument"], counts["item"], strict=True)]
    columns = (
        column("label", "Item", kind="text"), column("n", "Sessions", kind="integer"),
        column("n_patients", "Patients", kind="integer"),
    )  # fmt: skip
    note = "The CSV file lists every one."
    return Table("attention", "Answers that ask for attention", counts, columns, (note,), data=flagged)


def rows_section(run: StudyRun) -> Section:
    """The row ledger in short: from held to in the model."""
    study = run.study
    failed = not_estimated_models(run)
    titles = {
        name: f"{title} (not estimated)" if name in failed else title for name, title in model_titles(study).items()
    }
    labels = {StageKind.SCORED: run.labels, StageKind.KNOWN: run.labels, StageKind.IN_MODEL: titles}
    stages = [Stage(one.kind, labels.get(one.kind, {}).get(one.name, one.name)) for one in run.frame.stages]
    flow = run.frame.flow
    shown = flow.assign(
        stage=list(map(str, stages)),
        reasons=main_reasons(run),
    )
    columns = (
        column("stage", "Stage", kind="text"), column("unit", "Counted in", kind="text"),
        column("kept", "Kept", kind="integer"), column("lost", "Lost", kind="integer"),
        column("reasons", "Why", kind="text"),
    )  # fmt: skip
    note = "`row_ledger.csv` names every row at every stage with its reason."
    table = Table("flow", "From sessions held to rows in the models", shown, columns, (note,), data=flow)
    return Section("rows", "Row ledger", (table, *(Paragraph(note) for note in run.frame.note_texts())))


def sample_section(run: StudyRun) -> Section | None:
    """Who the patients, therapists and raters are; nothing where nothing is declared of them."""
    blocks = [*_sample_tables(run), *_raters(run)]
    return Section("sample", "Sample", tuple(blocks)) if blocks else None


def _raters(run: StudyRun) -> list[Block]:
    """Training or task of the raters, as the study describes them, and who has left."""
    gone = {limit.rater for limit in run.study.allocation.limits if limit.left}
    said = {one.id: [one.description] if one.description else [] for one in run.study.raters}
    for name in gone & said.keys():
        said[name].append("has left")
    lines = tuple(f"{name}: {'; '.join(parts)}." for name, parts in said.items() if parts)
    return [Paragraph("Raters."), Bullets(lines)] if lines else []


def _sample_tables(run: StudyRun) -> list[Block]:
    if run.sample.frame.empty:
        return []
    frame = run.sample.frame.sort_values("unit", kind="stable")
    names = {one.column: one.label for one in run.study.variables if one.column and one.label and one.equals is None}
    labels = [
        names.get(variable, variable.replace("_", " "))
        + ("" if is_missing(level) or level in ("", "1") else f": {level}")
        for variable, level in zip(frame["variable"], frame["level"], strict=True)
    ]
    shown = frame.assign(label=labels, unit=[str(unit).capitalize() for unit in frame["unit"]])
    moments = [column(name, digits=1) for name in ("mean", "sd", "min", "max")]
    columns = (
        column("label", "Characteristic", kind="text"),
        column("n"),
        column("percent"),
        *moments,
        column("n_missing"),
    )
    notes = tuple(sentence(_by_label(note, names)) for note in run.sample.notes)
    return [Table("sample", "Sample", shown, columns, notes, "unit", data=frame)]


def _by_label(note: Note, labels: Mapping[str, str]) -> Note:
    """Name the variables of a note by their labels, and the column of missing values by its heading."""
    found = dict(note.numbers)
    if "variables" in found:
        found["variables"] = tuple((unit, labels.get(name, name)) for unit, name in found["variables"])
    if "column" in found:
        found["column"] = "the column *missing*"
    return Note(note.kind, note.subject, found)


def descriptives_section(run: StudyRun) -> Section:
    """Items and scores: overall in a table, scores per session too."""
    blocks: list[Block] = []
    titles = {name: book.title for name, book in run.study.codebooks.items()}
    for name, result in (("items", run.described_items), ("scores", run.described_scores)):
        frame = result.frame
        overall = frame[frame["session"] == "all"]
        overall = overall.assign(title=overall["instrument"].map(titles))
        heading = {"items": "Item", "scores": "Scale"}[name]
        title = {"items": "Items over all sessions", "scores": "Scale scores over all sessions"}[name]
        overall = overall.assign(means=session_ranges(frame, overall))
        several = bool((overall["means"] != "").any())
        timed = _durations(overall, run) if name == "items" else []
        overall = _as_clock(overall, timed)
        ranges = [column("means", "*M* by session", kind="text")] if several else []
        columns = (column("label", heading, kind="text"), *_MOMENTS, *ranges)
        notes = (*result.note_texts(), *([RANGES] if several else []), *([_CLOCK] if any(timed) else []), _COUNTED)
        blocks.append(Table(f"described_{name}", title, overall, columns, notes, "title", data=frame))
    blocks += [*_bands(run), *_attention_table(run)]
    by_session = run.described_scores.frame
    by_session = by_session[by_session["session"] != "all"]
    if len(by_session["session"].unique()) > 1:
        title = "Scale scores by session"
        blocks.append(
            Table(
                "scores_by_session",
                title,
                by_session,
                (column("session", kind="text"), *_MOMENTS),
                (),
                "label",
                folded=True,
            )
        )
    return Section("descriptives", "Descriptive statistics", tuple(blocks))


def _durations(items: pd.DataFrame, run: StudyRun) -> list[bool]:
    """Which rows are of items in seconds whose mean is a minute or more."""
    books = run.study.codebooks
    seconds = {
        (name, item.name) for name, book in books.items() for item in book.columns if item.type == "duration"
    }  # fmt: skip
    keys = zip(items["instrument"], items["item"], items["mean"], strict=True)
    return [(book, item) in seconds and mean >= MINUTE for book, item, mean in keys]


def _as_clock(frame: pd.DataFrame, timed: Sequence[bool]) -> pd.DataFrame:
    """The moments of some rows, which are in seconds, as minutes and seconds."""
    if not any(timed):
        return frame
    parts = {
        name: [clock(value) if here else value for here, value in zip(timed, frame[name], strict=True)]
        for name in ("mean", "sd", "min", "max")
    }
    return frame.assign(**parts)


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds.

    Examples
    --------
    >>> clock(161.94), clock(55.0)
    ('2:42', '0:55')
    """
    if is_missing(seconds):
        return DASH
    minutes, rest = divmod(round(seconds), MINUTE)
    return f"{minutes}:{rest:02d}"


def _bands(run: StudyRun) -> list[Block]:
    """Scores in each band, of all sessions together; nothing where no scale declares bands."""
    from doublecode.analysis.description.bands import band_counts

    counts = band_counts(run.scores, run.study.codebooks.values())
    if counts.empty:
        return []
    columns = (
        column("band", "Band", kind="text"), column("n"), column("n_base", "of", kind="integer"), column("percent"),
    )  # fmt: skip
    shown = counts[counts["session"] == "all"]
    note = "Scores of all sessions; the CSV file counts each session."
    return [Table("score_bands", "Scores by band", shown, columns, (note,), "label", data=counts)]


def homework_section(run: StudyRun) -> Section | None:
    """Homework counts, completion and difficulties."""
    if not run.logs:
        return None
    blocks: list[Block] = []
    for number, result in enumerate(run.logs, 1):
        suffix = f"_{number}" if len(run.logs) > 1 else ""
        count = result.design
        blocks.append(
            Paragraph(
                f"{count['n_assignments']} homework assignments in {count['n_sessions_with_homework']} of "
                f"{count['n_sessions_logged']} logged sessions, {count['assignments_per_session']:.1f} per session."
            )
        )
        shown = result.frame.assign(
            heading=[
                f"{table.capitalize()}, per cent of {base}"
                for table, base in zip(result.frame["table"], result.frame["base"], strict=True)
            ]
        )
        columns = (
            column("label", "Code", kind="text"),
            column("n"),
            column("n_base", "of", kind="integer"),
            column("percent"),
        )
        blocks.append(
            Table(f"homework{suffix}", "Homework", shown, columns, result.note_texts(), "heading", data=result.frame)
        )
        title = "Completion by type of homework"
        blocks.append(Table(f"homework_by_type{suffix}", title, result.by_type, result.type_columns))
    return Section("homework", "Homework", tuple(blocks))


def not_estimated_section(run: StudyRun) -> Section | None:
    """What could not be computed, and why."""
    reasons = [sentence(note) for note in run.not_estimated]
    if run.consistency is not None:
        rows = run.consistency.not_estimated
        reasons += [f"{row['instrument']}, {row['scale']}: ω: {row['status']}" for row in rows.to_dict("records")]
    if not reasons:
        return None
    return Section("not-estimated", "What could not be estimated", (Bullets(tuple(reasons)),))
