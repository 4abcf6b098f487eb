"""A random study through the product, and every cell of it held against the reference."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from brute_consistency import scales_of
from brute_force import Reason, Reference, Score, Truth
from random_study import Lab, random_study
from write_study import fill_workbooks, long_ratings, write_folder

from doublecode.analysis.report.folder import run_study, write_report
from doublecode.analysis.study.run import analyse, read_study
from doublecode.analysis.study.study_run import StudyRun
from doublecode.schemas.results import Note

KINDS = {
    "column_empty": ("empty", "column"), "session_not_held": ("not held", "session", "left"),
    "session_not_rated": ("not rated", "given"), "rating_not_read": ("not read",), "outside_subset": ("outside",),
    "patient_left_out": ("left out", "status"), "patient_without_session": ("no session", "status"),
    "no_such_session": ("no such session", "session"),
    "instrument_not_used": ("not used", "instrument"), "value_not_read": ("no value", "instrument", "name", "session"),
}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One cell on which product and reference disagree."""

    what: str
    where: Any
    product: Any
    reference: Any

    def __str__(self) -> str:
        return f"{self.what} {self.where}: product {self.product!r}, reference {self.reference!r}"


def run_long(lab: Lab, folder: Path, *, whole: bool = True) -> StudyRun:
    """Analyse a study whose ratings come as a long table; `whole` with the report folder."""
    write_folder(lab, folder)
    run = analyse(replace(read_study(folder), ratings=long_ratings(lab)))
    if whole:
        write_report(run, folder)
    return run


def run_workbooks(lab: Lab, folder: Path) -> StudyRun:
    """Analyse a study whose ratings went through workbooks: written, filled in, read."""
    write_folder(lab, folder)
    fill_workbooks(lab, folder)
    return run_study(folder)


def differences(seed: int, folder: Path, *, workbooks: bool = False, whole: bool = True) -> list[Difference]:
    """Everything that a study of this seed comes out differently in."""
    lab = random_study(seed)
    run = run_workbooks(lab, folder) if workbooks else run_long(lab, folder, whole=whole)
    reference = Reference(lab)
    truth = reference.truth()
    found = [*_items(run, truth), *_scores(run, truth, reference), *_frame(run, truth, lab), *_ledger(run, truth)]
    found += [*_flow(run, truth), *_log(run, truth), *_models(run, truth), *_described(run, truth)]
    found += _consistency(run, reference)
    if whole or workbooks:
        found += _written(run, folder, truth)
    return found


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None or isinstance(one, str) or isinstance(other, str):
        return _gone(one) and _gone(other) if one is None or other is None else one == other
    return bool(math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)) or (_gone(one) and _gone(other))


def _gone(value: Any) -> bool:
    return value is None or value != value


def _items(run: StudyRun, truth: Truth) -> Iterator[Difference]:
    product = {
        ((row["patient"], row["session"]), row["instrument"], row["item"]): row for row in run.items.to_dict("records")
    }
    yield from _keys("items", product, truth.items)
    for key in product.keys() & truth.items.keys():
        row, value = product[key], truth.items[key]
        if not _same(row["value"], value.value) or not _same(row["n_raters"], value.n_raters):
            yield Difference("item", key, (row["value"], row["n_raters"]), value)
        if value.value is None and not all(code in str(row["reason"]) for code in value.codes):
            yield Difference("reason of item", key, row["reason"], value.codes)


def _keys(what: str, product: Any, reference: Any) -> Iterator[Difference]:
    for key in sorted(product.keys() - reference.keys(), key=str):
        yield Difference(what, key, "there", None)
    for key in sorted(reference.keys() - product.keys(), key=str):
        yield Difference(what, key, None, "there")


def _scores(run: StudyRun, truth: Truth, reference: Reference) -> Iterator[Difference]:
    product = {
        ((row["patient"], row["session"]), row["instrument"], row["scale"]): row
        for row in run.scores.to_dict("records")
    }
    yield from _keys("scores", product, truth.scores)
    for key in product.keys() & truth.scores.keys():
        row, score = product[key], truth.scores[key]
        for name in ("value", "n_valid", "n_items", "n_raters"):
            if not _same(row[name], getattr(score, name)):
                yield Difference(f"score, {name}", key, row[name], score)
        if score.value is None and not _says(row["reason"], score):
            yield Difference("reason of score", key, row["reason"], score)


def _says(reason: Any, score: Score) -> bool:
    """Whether the words name each missing item and no other, each code, and the count of items.

    Where a whole session is not there from which items are taken, that is said instead.
    """
    if score.before is not None:
        return f"session {score.before or 1}" in str(reason)
    words = set(re.findall(r"\w+", str(reason)))
    codes = {word for several in score.missing.values() for code in several for word in re.findall(r"\w+", code)}
    named = {name for name in score.missing if name in words}
    return named == set(score.missing) and codes <= words and str(score.n_items) in words


def _at(row: Any, unit: str) -> Any:
    return (row["patient"], row["session"]) if unit == "session" else row["patient"]


def _frame(run: StudyRun, truth: Truth, lab: Lab) -> Iterator[Difference]:
    frame, absences = run.frame.frame, run.frame.absences
    units = [_at(row, lab.unit) for row in frame.to_dict("records")]
    if units != truth.units:
        yield Difference("units", "", units, truth.units)
        return
    for (unit, name), (value, why) in truth.cells.items():
        place = units.index(unit)
        found, note = frame[name].iloc[place], absences[name].iloc[place]
        if not _same(found, value):
            yield Difference("cell", (unit, name), found, value)
        elif not _agrees(note, why):
            yield Difference("reason of cell", (unit, name), note, why)


def _agrees(note: Note | None, why: Reason | None) -> bool:
    """Whether a fact of the product is the reason of the reference."""
    if note is None or why is None:
        return note is None and why is None
    if why[0] == "missing":
        if note.kind != "cells_missing":
            return False
        parts = {name: cause for names, cause in note.numbers["parts"] for name in names}
        return parts.keys() == why[1].keys() and all(_agrees(parts[name], one) for name, one in why[1].items())
    if why[0] == "incomplete":
        return note.kind == "value_not_scored" and _says(note.numbers["reason"], why[1])
    if why[0] == "code":
        return note.kind == "value_not_scored" and all(code in note.numbers["reason"] for code in why[1])
    kind, *names = KINDS.get(note.kind, ("?",))
    return (kind, *(note.numbers[name] or "" for name in names)) == tuple(one or "" for one in why)


def _ledger(run: StudyRun, truth: Truth) -> Iterator[Difference]:
    product = {
        (str(row["stage"]), row["patient"], None if _no_number(row["session"]) else int(row["session"])): row["why"]
        for row in run.frame.row_ledger.facts.to_dict("records")
    }
    yield from _keys("ledger", product, truth.ledger)
    for key in product.keys() & truth.ledger.keys():
        if not _agrees(product[key], truth.ledger[key]):
            yield Difference("ledger", key, product[key], truth.ledger[key])


def _no_number(value: Any) -> bool:
    return value is None or str(value) in ("nan", "<NA>")


def _flow(run: StudyRun, truth: Truth) -> Iterator[Difference]:
    kept: dict[str, int] = {}
    for (stage, _, _), why in truth.ledger.items():
        kept[stage] = kept.get(stage, 0) + (why is None)
    product = {row["stage"]: row["kept"] for row in run.frame.flow.to_dict("records")}
    for stage, n in kept.items():
        if product.get(stage) != n:
            yield Difference("flow", stage, product.get(stage), n)


def _log(run: StudyRun, truth: Truth) -> Iterator[Difference]:
    if truth.log is None:
        if run.logs:
            yield Difference("logs", "", len(run.logs), 0)
        return
    (result,) = run.logs or (None,)
    if result is None:
        if truth.log["n_sessions_logged"]:
            yield Difference("logs", "", 0, 1)
        return
    frame, codes = result.frame, truth.done
    done = frame[(frame["table"] == "completed") & frame["code"].isin(codes)]
    hindered = frame[(frame["table"] == "difficulties") & (frame["code"] == "any")]
    product = {**result.design, "n_completed": int(done["n"].sum()), "n_hindered": int(hindered["n"].sum())}
    for name, n in truth.log.items():
        if product[name] != n:
            yield Difference("log", name, product[name], n)


def _models(run: StudyRun, truth: Truth) -> Iterator[Difference]:
    """Each fit stands on the rows that the ledger keeps for it."""
    for result in (*run.moderations, *run.series):
        name = result.spec["name"]
        kept = sum(why is None for (stage, _, _), why in truth.ledger.items() if stage == f"in the model: {name}")
        if result.design["n_rows"] != kept:
            yield Difference("rows of the model", name, result.design["n_rows"], kept)


def _described(run: StudyRun, truth: Truth) -> Iterator[Difference]:
    for result, cells, what in (
        (run.described_items, truth.items, "item"),
        (run.described_scores, truth.scores, "scale"),
    ):
        values: dict[tuple[str, str], list[float | None]] = {}
        for (_, book, name), one in cells.items():
            values.setdefault((book, name), []).append(one.value)
        frame = result.frame[result.frame["session"] == "all"]
        for row in frame.to_dict("records"):
            given = values.get((row["instrument"], row[what]), [])
            present = [one for one in given if one is not None]
            mean = sum(present) / len(present) if present else None
            if row["n"] != len(present) or not _same(round(row["mean"], 9), None if mean is None else round(mean, 9)):
                yield Difference(
                    "described", (row["instrument"], row[what]), (row["n"], row["mean"]), (len(present), mean)
                )


def _consistency(run: StudyRun, reference: Reference) -> Iterator[Difference]:
    """Alpha and omega of every scale; omega is that of one of the models that are as likely as the best."""
    frame = [] if run.consistency is None else run.consistency.frame.to_dict("records")
    product = {(row["instrument"], row["scale"], row["pairing"]): row for row in frame}
    expected = dict(scales_of(reference))
    if run.consistency is None and all(one.why for one in expected.values()):
        return  # nothing to estimate: the reason stands among what was not estimated
    yield from _keys("consistency", product, expected)
    for key in product.keys() & expected.keys():
        row, one = product[key], expected[key]
        given_up = one.slow and _gone(row["alpha"]) and _gone(row["omega"])
        alike = row["n_rows"] == one.n_rows and _near(row["alpha"], one.alpha, 1e-6) and one.is_omega(row["omega"])
        if not alike and not given_up:
            yield Difference("consistency", key, (row["n_rows"], row["alpha"], row["omega"]), one)


def _near(one: float, other: float, gap: float) -> bool:
    return abs(one - other) < gap or (_gone(one) and _gone(other))


def _written(run: StudyRun, folder: Path, truth: Truth) -> list[Difference]:
    """What the report folder says is what the run holds."""
    record = json.loads((folder / "report" / "results.json").read_text(encoding="utf-8"))
    flow = {row["stage"]: row["kept"] for row in record["rows"]["flow"]}
    own = {row["stage"]: row["kept"] for row in run.frame.flow.to_dict("records")}
    return [] if flow == own else [Difference("results.json", "flow", flow, own)]
