"""The tables beside the ICCs: scores that are analysed, agreement of codes, each rater's codes, pairs, severity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.document import Block, Bullets
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Column, Table, bounded_estimate, column, level_heading
from doublecode.analysis.results.rules import judge, rule_named
from doublecode.analysis.study.labels import label_of, part_places
from doublecode.analysis.study.ordinal_raters import SAID_BY_TABLE, item_columns, rater_columns
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.ordinal_raters import StudyLatentSeverity
    from doublecode.analysis.study.study_run import StudyRun

FEWEST: Final = 5
"""Sessions of several raters below which a coefficient says nothing."""
_ANALYSED: Final = (
    "variable", "label", "instrument", "level", "name", "phase", "form", "n_targets", "n_multiply_coded", "k",
    "estimate", "conf_low", "conf_high", "single", "judged",
)  # fmt: skip
_JOINED: Final = "joins two tapes"


def analysed_table(run: StudyRun, rule: str) -> list[Block]:
    """Reliability of every variable that raters coded, as the analyses take it; nothing where none is declared."""
    rows = [row for variable in run.study.variables for row in _analysed(run, variable, rule)]
    if not rows:
        return []
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(_ANALYSED))
    columns = (
        column("label", "Variable", kind="text"), column("form", "Form", kind="text"),
        column("n_targets", "Sessions", kind="integer"), column("n_multiply_coded", "Double-coded", kind="integer"),
        column("k", "*k*", kind="count"), *bounded_estimate("ICC", 0.95),
        column("single", "ICC, one rater", kind="bounded"), column("judged", "By its interval", kind="text"),
    )  # fmt: skip
    notes = ["Over all sessions of the instrument, main phase, absolute agreement where raters are told apart."]
    if _JOINED in set(frame["form"]):
        notes.append(
            f"A score that {_JOINED} is no rater's own: its error is put together from that of its halves, estimated "
            "from tapes coded twice; limits by the jackknife over patients."
        )
    reasons = dict.fromkeys(run.quality.composites["reason"].dropna())
    notes += [f"Not estimated: {reason}" for reason in reasons if reason]
    return [Table("analysed", "Inter-rater reliability of the scores that are analysed", frame, columns, tuple(notes))]


def _analysed(run: StudyRun, variable: Any, rule: str) -> list[dict[str, Any]]:
    """The row of one variable: that of its item or scale, or of the composite."""
    if variable.instrument is None or run.reliability is None or variable.count is not None:
        return []
    head = {"variable": variable.name, "label": run.labels[variable.name], "phase": "main"}
    joined = run.quality.composites
    own = joined[(joined["variable"] == variable.name) & joined["estimate"].notna()].to_dict("records")
    if own:
        row = {str(key): value for key, value in own[0].items()}
        judged = judge(row["conf_low"], row["conf_high"], rule_named(rule))
        return [head | row | {"level": "scale", "form": _JOINED, "judged": judged}]
    table = run.reliability.frame
    level, name = ("scale", variable.scale) if variable.scale is not None else ("item", variable.item)
    at = (table["instrument"] == variable.instrument) & (table["level"] == level) & (table["name"] == name)
    return [
        head | {str(k): v for k, v in row.items()} for row in table[at & (table["phase"] == "main")].to_dict("records")
    ]


def agreement_table(run: StudyRun) -> list[Block]:
    """Agreement of every item in the main phase, over the sessions of several raters."""
    frame = with_labels(run, run.quality.agreement)
    frame = frame[(frame["phase"] == "main") & (frame["n_multiply_coded"] >= FEWEST)]
    if frame.empty:
        return []
    kappa = (column("kappa", "κ", kind="bounded"),) if frame["kappa"].notna().any() else ()
    columns = (
        column("label", "Item", kind="text"), column("n_multiply_coded", "Sessions", kind="integer"),
        column("equal", "Equal", kind="percent", digits=0),
        column("within_one", "Within 1 point", kind="percent", digits=0), *kappa,
        column("coefficient", "Coefficient", kind="text"), column("estimate", "Estimate", kind="bounded"),
        column("conf_low", level_heading(0.95), kind="bounded", upper="conf_high"),
    )  # fmt: skip
    note = (
        "Of the sessions with several raters: shares of pairs of raters; AC2 with ordinal weights over all codes of an "
        "item (Gwet, 2014); of two codes AC1 and Fleiss' κ. High agreement with a low ICC: little spread."
    )
    return [Table("agreement", "Agreement of the raters' codes", frame, columns, (note,), "title", folded=True)]


def rater_tables(run: StudyRun) -> list[Block]:
    """Codes of each rater, pairs, severity and its change; nothing where no instrument has several raters."""
    quality, pairs = run.quality, _main_pairs(run)
    if quality.raters.empty:
        return []
    blocks: list[Block] = [_codes_table(run)]
    if len(pairs) > 1:
        blocks.append(_pairs_table(run, pairs))
    if len(quality.severity):
        blocks.append(_severity_table(run))
    kept = [replace(note, subject="") for note in quality.notes if note.kind != "rows_without_rating"]
    if quality.latent is not None:
        blocks += _latent_tables(run, quality.latent)
        kept += [note for note in quality.latent.notes if note.kind not in SAID_BY_TABLE]
    said = tuple(dict.fromkeys(map(sentence, kept)))
    return [*blocks, Bullets(said)] if said else blocks


def _main_pairs(run: StudyRun) -> pd.DataFrame:
    """How many sessions of the main phase any two raters share."""
    import pandas as pd

    pairs = pd.DataFrame() if run.reported is None else run.reported.pairs
    return pairs[pairs["phase"] == "main"] if len(pairs) else pairs


def _codes_table(run: StudyRun) -> Table:
    frame = with_titles(run, run.quality.raters)
    columns = (
        column("rater", "Rater", kind="text"), column("n_sessions", "Sessions", kind="integer"),
        column("n_double", "Double-coded", kind="integer"), column("n_codes", "Codes", kind="integer"),
        column("mean"), column("sd"), column("lowest", "Lowest", kind="percent", digits=0),
        column("highest", "Highest", kind="percent", digits=0),
    )  # fmt: skip
    note = "Codes of ordinal items as they were given, before any reversal; shares of the lowest and the highest code."
    return Table("raters", "Codes of each rater, main phase", frame, columns, (note,), "title")


def _pairs_table(run: StudyRun, held: pd.DataFrame) -> Table:
    """A square of raters with the sessions that two share; the CSV file has a row for each pair."""
    import pandas as pd

    pairs = with_titles(run, held)
    names = sorted({*pairs["rater_1"], *pairs["rater_2"]})
    rows = []
    for (instrument, title), own in pairs.groupby(["instrument", "title"], sort=False):
        found = {(a, b): n for a, b, n in own[["rater_1", "rater_2", "n_sessions"]].itertuples(index=False)}
        for rater in sorted({*own["rater_1"], *own["rater_2"]}):
            shared = {f"with {name}": found.get((min(rater, name), max(rater, name))) for name in names}
            rows.append({"instrument": instrument, "title": title, "rater": rater, **shared})
    heads = tuple(Column(f"with {name}", name, "integer") for name in names)
    columns = (column("rater", "Rater", kind="text"), *heads)
    note = "Sessions of the main phase that two raters share."
    title = "Pairs of raters"
    return Table("pairs", title, pd.DataFrame(rows), columns, (note,), "title", held, folded=len(names) > 6)


def _severity_table(run: StudyRun) -> Table:
    frame = _in_place(run, run.quality.severity).drop(columns=["book", "label"])
    change = (
        column("change", "Change", kind="number"),
        column("change_low", level_heading(0.95), kind="number", upper="change_high"),
    )  # fmt: skip
    columns = (
        column("rater", "Rater", kind="text"), column("n_ratings", "Ratings", kind="integer"),
        column("estimate", "Severity", kind="number"),
        column("conf_low", level_heading(0.95), kind="number", upper="conf_high"), column("p_value"),
        *(change if frame["change"].notna().any() else ()),
    )  # fmt: skip
    notes = ["Points above (+) or below (−) the mean of all raters on the same sessions, by a mixed model."]
    if frame["change"].notna().any():
        notes.append("Change: from the first batch of workbooks to the last (drift).")
    return Table("severity", "Severity of raters", frame, columns, tuple(notes), "title", folded=True)


def _in_place(run: StudyRun, frame: pd.DataFrame) -> pd.DataFrame:
    """Add the titles and labels of scales and items, in the order of the codebooks."""
    books, places = run.study.codebooks, part_places(run.study.codebooks)
    keys = list(zip(frame["instrument"], frame["scale"], strict=True))
    labels = [label_of(books, *key) for key in keys]
    shown = frame.assign(
        title=[f"{books[book].title}: {label}" for (book, _), label in zip(keys, labels, strict=True)],
        book=[books[book].title for book, _ in keys], label=labels, place=[places[key] for key in keys],
    )  # fmt: skip
    return shown.sort_values("place", kind="stable").drop(columns="place")


def _latent_tables(run: StudyRun, found: StudyLatentSeverity) -> list[Block]:
    """Severity on the latent scale with fair averages, and the latent ICC of items beside the ordinary one."""
    severity = Table(
        "latent_severity", "Severity of raters on the latent scale",
        _in_place(run, found.frame).drop(columns=["book", "label"]), rater_columns(found.spec["conf_level"]),
        (
            "Latent: log-odds of a higher code against the mean of all raters on the same sessions (above 0: rates "
            "higher), by a cumulative mixed model (Linacre, 1989). Fair average: the code that the rater gives the "
            "average session. Points: the same severity in points, by a linear model.",
        ),
        "title", folded=True,
    )  # fmt: skip
    items = Table(
        "latent_icc", "Raters and reliability of ordinal items",
        _in_place(run, found.items).drop(columns="title").rename(columns={"book": "title"}),
        (column("label", "Item", kind="text"), *item_columns()),
        (
            "χ²: likelihood-ratio test that raters differ. ICC(A,1) of a single rating, of the codes as numbers and on "
            f"the latent scale: {sentence(Note('latent_icc_caution'))}.",
        ),
        "title",
    )  # fmt: skip
    return [severity, items]


def with_titles(run: StudyRun, frame: pd.DataFrame) -> pd.DataFrame:
    """Add the titles of instruments, in the order of the codebooks."""
    order: Mapping[str, int] = {name: at for at, name in enumerate(run.study.codebooks)}
    titles = {name: book.title for name, book in run.study.codebooks.items()}
    shown = frame.assign(title=frame["instrument"].map(titles), place=frame["instrument"].map(order))
    return shown.sort_values("place", kind="stable").drop(columns="place")


def with_labels(run: StudyRun, frame: pd.DataFrame) -> pd.DataFrame:
    """Add the labels of items and the titles of instruments, in the order of the codebooks."""
    books, places = run.study.codebooks, part_places(run.study.codebooks)
    keys = list(zip(frame["instrument"], frame["name"], strict=True))
    shown = frame.assign(
        label=[label_of(books, *key) for key in keys],
        title=[books[book].title for book, _ in keys],
        place=[places[key] for key in keys],
    )
    return shown.sort_values("place", kind="stable").drop(columns="place")


def too_few(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which rows have coefficients that say nothing, by the number of sessions with several raters."""
    return frame["n_multiply_coded"].fillna(0) < FEWEST


def without_coefficients(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of too few sessions say so instead of a coefficient."""
    few, counts = too_few(frame), frame["n_multiply_coded"].fillna(0)
    cells = zip(few, counts, frame["estimate"], strict=True)
    shown = frame.assign(estimate=[f"too few: {int(n)}" if here else value for here, n, value in cells])
    return shown.assign(**{name: frame[name].mask(few) for name in ("conf_low", "conf_high", "single")})
