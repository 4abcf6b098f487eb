"""What papers print of the coding: who coded what, means of ICCs, pairs of raters, the variables as analysed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.document import Block, Section
from doublecode.analysis.rendering.tables import Table, bounded_estimate, column
from doublecode.analysis.study.labels import label_of, part_places, short_title

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.reported import ReportedFacts
    from doublecode.analysis.study.study_run import StudyRun

_TWO: Final = (
    "Of the mean of two raters: ICC(A,2) = 2 ICC(A,1) / (1 + ICC(A,1)). An ICC over the items of an instrument says "
    "nothing of the score that is made of them: papers print it, the table of reliability has the ICC of the score."
)
_PILOT: Final = (
    "A pilot of a few sessions tells next to nothing of an ICC: its interval may span everything from no agreement to "
    "full agreement."
)
_DYADS: Final = (
    "A labelled reproduction of what papers print, not the answer: the mean over pairs of raters runs below the ICC of "
    "all ratings together for as many raters and scatters more, since each pair shares few sessions. Items stacked: "
    "each item of each session is a target of its own, so that differences between items count as differences to be "
    "told apart."
)
_ALONE: Final = (
    "The ICC of all sessions stands on the sessions coded once too, which say how far sessions differ. Papers often "
    "print the ICC of the sessions coded twice alone. Last column: the ICC of one rater from all sessions."
)
_SHAPE: Final = (
    "Skew: G₁; kurtosis: G₂, 0 for a normal variable (Joanes & Gill, 1998: type 2), as SPSS and SAS print them. Values "
    "as the regressions take them, after the outlier rule where one is declared; changed: values that it moved. The "
    "CSV file has both numbers before the rule too, and the missing values."
)
_DISTANCES: Final = (
    "Squared Mahalanobis distance of each row from the middle of all variables of the model, held against χ² at "
    "p < .001 on as many df as variables (Tabachnick & Fidell, 2013). With few rows the largest possible distance is "
    "(n − 1)² / n."
)


def coding_section(run: StudyRun) -> Section | None:
    """Who coded how many sessions, how many were coded twice, and which raters share how many."""
    facts = run.reported
    if facts is None or facts.coding.empty:
        return None
    coding = facts.coding.assign(
        title=_titles(run, facts.coding), load=_ends(facts.coding, "load_min", "load_max"),
        pair=_ends(facts.coding, "pair_min", "pair_max"),
    )  # fmt: skip
    columns = (
        column("title", "Instrument", kind="text"), column("phase", "Phase", kind="text"),
        column("n_sessions", "Sessions coded", kind="integer"), column("n_double", "Coded twice", kind="integer"),
        column("percent_double", "%", digits=1), column("n_raters", "Raters", kind="integer"),
        column("load", "Per rater", kind="text"), column("n_pairs", "Pairs", kind="integer"),
        column("pair", "Per pair", kind="text"),
    )  # fmt: skip
    note = (
        "Coded twice: by two or more raters, with the percentage of the sessions coded. Pairs: any two raters who "
        "share a session. Per rater and per pair: fewest and most sessions."
    )
    table = Table("coding", "What was coded, and how often twice", coding, columns, (note,), data=facts.coding)
    return Section("coding", "How much was coded", (table,))


def reported_reliability_section(run: StudyRun) -> Section | None:
    """Reliability in the forms that papers print beside the ICC of the scores."""
    facts = run.reported
    if facts is None or facts.icc_summary.empty:
        return None
    blocks = [*_dropped(run, facts), _summary(run, facts), *_alone(run, facts), *_pairs_of_raters(run, facts)]
    return Section("reliability-printed", "Reliability as papers print it", tuple(blocks))


def _dropped(run: StudyRun, facts: ReportedFacts) -> list[Block]:
    import pandas as pd

    if not facts.drops:
        return []
    books = run.study.codebooks
    frame = pd.concat([result.frame.assign(instrument=name) for name, result in facts.drops], ignore_index=True)
    places = part_places(books)
    order = [places[names] for names in zip(frame["instrument"], frame["item"], strict=True)]
    frame = frame.assign(place=order).sort_values("place", kind="stable", ignore_index=True).drop(columns="place")
    shown = frame.assign(
        title=_titles(run, frame),
        label=[label_of(books, *names) for names in zip(frame["instrument"], frame["item"], strict=True)],
    )
    columns = (
        column("label", "Item", kind="text"), column("form"), *bounded_estimate("ICC, one rater", 0.95),
        column("decision", "Decision", kind="text"), column("reason", "Why", kind="text"),
    )  # fmt: skip
    notes = tuple(text for _, result in facts.drops for text in result.note_texts())
    return [Table("items_dropped", "Items kept and dropped by the declared rule", shown, columns, notes, "title",
                  data=frame)]  # fmt: skip


def _summary(run: StudyRun, facts: ReportedFacts) -> Block:
    frame, books = facts.icc_summary, run.study.codebooks
    titles = _titles(run, frame)
    shown = frame.assign(
        title=[f"{title}, {phase}" for title, phase in zip(titles, frame["phase"], strict=True)],
        label=[_over(run, *row) for row in zip(frame["instrument"], frame["over"], strict=True)],
        **{end: [label_of(books, *names) for names in zip(frame["instrument"], frame[end], strict=True)]
           for end in ("lowest", "highest")},
    )  # fmt: skip
    numbers = [column(name, head, kind="bounded") for name, head in (
        ("mean", "*M*"), ("median", "Median"), ("min", "Lowest"), ("max", "Highest"),
    )]  # fmt: skip
    columns = (
        column("label", "Items", kind="text"), column("n_items", "*n*", kind="integer"), column("form"), *numbers,
        column("lowest", "Lowest item", kind="text"), column("highest", "Highest item", kind="text"),
    )  # fmt: skip
    notes = (_TWO, *([_PILOT] if (frame["phase"] == "pilot").any() else []))
    title = "Mean, median and range of the ICC over items"
    return Table("icc_summary", title, shown, columns, notes, "title", data=frame)


def _over(run: StudyRun, instrument: str, over: str) -> str:
    """All items, or those that a drop rule keeps, with the names of those that it drops."""
    if over == "all" or run.reported is None:
        return "all items"
    dropped = dict(run.reported.drops)[instrument].dropped
    names = ", ".join(label_of(run.study.codebooks, instrument, one) for one in dropped)
    return f"without {names}" if names else "items kept (all)"


def _alone(run: StudyRun, facts: ReportedFacts) -> list[Block]:
    from doublecode.analysis.report.sections_scales import labelled_reliability

    if facts.double_coded is None or run.reliability is None:
        return []
    keys = ["instrument", "level", "name"]
    every = run.reliability.frame[run.reliability.frame["phase"] == "main"]
    beside = every.set_index(keys)[["n_targets", "single"]].add_suffix("_every")
    frame = facts.double_coded.frame.join(beside, on=keys)
    shown = labelled_reliability(run, frame)
    columns = (
        column("label", "Item or scale", kind="text"), column("n_targets", "Coded twice", kind="integer"),
        column("form", "Form", kind="text"), column("k", "*k*", kind="count"), *bounded_estimate("ICC", 0.95),
        column("single", "One rater", kind="bounded"),
        column("single_every", "Of all sessions", kind="bounded"),
    )  # fmt: skip
    title = "Inter-rater reliability in the sessions coded twice alone"
    return [Table("double_coded", title, shown, columns, (_ALONE,), "title", data=frame, folded=True)]


def _pairs_of_raters(run: StudyRun, facts: ReportedFacts) -> list[Block]:
    if facts.dyads.empty:
        return []
    keys = ["instrument", "level", "name", "n_items", "form", "n_dyads", "n_min", "n_max"]
    wide = facts.dyads.pivot_table(index=keys, columns="statistic", values="estimate", sort=False).reset_index()
    books = run.study.codebooks
    shown = wide.assign(
        title=_titles(run, wide), targets=_ends(wide, "n_min", "n_max"),
        label=[f"{n} items stacked" if name == book else label_of(books, book, name)
               for book, name, n in zip(wide["instrument"], wide["name"], wide["n_items"], strict=True)],
    )  # fmt: skip
    numbers = [column(name, head, kind="bounded") for name, head in (
        ("mean", "*M*"), ("median", "Median"), ("minimum", "Lowest"), ("maximum", "Highest"),
    )]  # fmt: skip
    columns = (
        column("label", "What is compared", kind="text"), column("form"), column("n_dyads", "Pairs", kind="integer"),
        column("targets", "Targets per pair", kind="text"), *numbers,
    )  # fmt: skip
    title = "ICC(A,2) over pairs of raters, a reproduction of what papers print"
    return [Table("dyads", title, shown, columns, (_DYADS,), "title", data=facts.dyads)]


def variables_section(run: StudyRun) -> Section | None:
    """Moments of the variables as they are analysed, and rows far from the others."""
    facts = run.reported
    if facts is None or facts.variables.empty:
        return None
    moments = tuple(column(name) for name in ("n", "mean", "sd", "min", "max", "skew", "kurtosis"))
    moved = bool(facts.variables["n_changed"].any())
    before = (column("n_changed"),) if moved else ()
    columns = (column("label", "Variable", kind="text"), *moments, *before)
    blocks = [Table("variables", "Variables as they are analysed", facts.variables, columns, (_SHAPE,))]
    if len(facts.distances):
        titles = {one.name: one.title for one in run.study.moderations}
        far = facts.distances.assign(label=[titles[name] for name in facts.distances["name"]])
        columns = (
            column("label", "Model", kind="text"), column("n_rows", "Rows", kind="integer"), column("df"),
            column("cutoff", "Cut-off"), column("largest", "Largest *d*²"), column("who", "Of", kind="text"),
            column("n_flagged", "Beyond", kind="integer"), column("flagged", "Who", kind="text"),
        )  # fmt: skip
        title = "Multivariate outliers among the variables of each regression"
        blocks.append(Table("distances", title, far, columns, (_DISTANCES,), data=facts.distances))
    return Section("variables", "Variables as analysed", tuple(blocks))


def _titles(run: StudyRun, frame: pd.DataFrame) -> list[str]:
    return [short_title(run.study.codebooks[name].title) for name in frame["instrument"]]


def _ends(frame: pd.DataFrame, low: str, high: str) -> list[str]:
    """Lowest and highest count of each row: "54 to 55"; empty where there is none."""
    ends = zip(frame[low], frame[high], strict=True)
    return ["" if a != a else f"{a:g}" if a == b else f"{a:g} to {b:g}" for a, b in ends]
