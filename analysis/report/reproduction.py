"""A written report made again from what its manifest names, and compared with it cell by cell."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, csv_text
from doublecode.analysis.report.folder import build_document, ledger_with_linked
from doublecode.analysis.report.manifest import manifest_record
from doublecode.analysis.report.records import results_record
from doublecode.analysis.study.run import Progress, StudyProblems, analyse, no_progress, read_study
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note, plain

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.study_run import StudyRun

CLOSE: Final = 1e-8
"""Relative distance below which other versions of libraries, or another processor, may have summed in another order."""
_NO_NUMBERS: Final = frozenset({"versions", "plan", "replaced", "problems"})
"""Entries of results.json that are not estimates: they tell when and with what, which the manifest is compared for."""
_ROW_LEDGER: Final = "row_ledger.csv"
_RESULTS: Final = "results.json"
Cells = dict[str, str]
"""Place within a file → what stands there, as text."""


@dataclass(frozen=True, eq=False, repr=False)
class ReproductionResult(Answer):
    """How a report that was made again compares with the one that stands.

    Attributes
    ----------
    spec : dict
        ``study, report``.
    frame : DataFrame
        One row per cell that differs: ``file, place, stored, now``; a cell that only one of the two has is None in the
        other.
    design : dict
        ``n_files, n_cells, n_equal, n_close`` (within a relative 1e-8), ``n_different``; ``same_inputs``: whether
        everything that the report was made of is as it was.
    notes : tuple of Note
        Inputs, ratings, seed and versions that are not as the manifest has them.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]

    label_columns: ClassVar[tuple[str, ...]] = ("file", "place")

    @property
    def rows(self) -> pd.Index[Any]:
        """The places of the differing cells."""
        return self.frame.index

    @property
    def is_equal(self) -> bool:
        """Whether inputs and numbers are those of the report."""
        return bool(self.design["same_inputs"]) and not self.design["n_different"]

    def tables(self) -> tuple[Table, ...]:
        """The cells that differ; nothing where none does."""
        columns = tuple(column(name, name.capitalize(), kind="text") for name in self.frame.columns)
        return (Table("different", "Cells that differ", self.frame, columns),) if len(self.frame) else ()

    def counted(self) -> str:
        """Say how many cells were compared, and how many are equal."""
        count = self.design
        close = f", {count['n_close']} within a relative {CLOSE:g}" if count["n_close"] else ""
        return (
            f"{count['n_cells']} cells of {count['n_files']} files compared: {count['n_equal']} equal{close}, "
            f"{count['n_different']} different."
        )


def reproduce(
    folder: str | Path, report: str | Path | None = None, progress: Progress = no_progress
) -> ReproductionResult:
    """Run a study again and compare every cell of its tables, row ledger and results with the report that stands.

    Nothing is written: neither into the ledger nor into the report.

    Parameters
    ----------
    folder : path
        The study folder.
    report : path, optional
        The report; the study's own without it.
    progress : callable
        Called with step, done, of.

    Raises
    ------
    UsageError
        There is no report, or one of a version that kept no manifest.
    StudyProblems
        The data as they are now do not permit a run.
    """
    import pandas as pd

    place = Path(report) if report is not None else Path(folder) / "report"
    manifest, results = (_stored(place, name, folder) for name in ("manifest.json", _RESULTS))
    there = [name for name in manifest["set_aside"] if (Path(folder) / "incoming" / name).is_file()]
    intake = read_study(folder, set_aside=there, progress=progress)
    if intake.errors:
        raise StudyProblems(intake.problems)
    run = analyse(intake, progress)
    notes = tuple(_changes(manifest, manifest_record(run)))
    stored = {**_tables(place), _RESULTS: _leaves(results)}
    now = _made_again(run)
    counts = {"n_files": len(stored), "n_cells": 0, "n_equal": 0, "n_close": 0}
    rows: list[tuple[str, str, Any, Any]] = []
    for file in sorted(stored.keys() | now.keys()):
        rows += _compare(file, stored.get(file, {}), now.get(file, {}), counts)
    frame = pd.DataFrame(rows, columns=["file", "place", "stored", "now"], dtype=object)
    same = all(note.kind == "reproduce_version" for note in notes)
    design = counts | {"n_different": len(frame), "same_inputs": same}
    return ReproductionResult({"study": run.study.name, "report": str(place)}, frame, design, notes)


def _stored(report: Path, name: str, folder: str | Path) -> dict[str, Any]:
    path = report / name
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        what = "is not readable" if path.is_file() else "is not there"
        raise UsageError(f"{path} {what}, so nothing can be compared. Make it: doublecode run {folder}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: found a {type(content).__name__}, allowed what doublecode run writes.")
    return content


def _tables(report: Path) -> dict[str, Cells]:
    paths = [*sorted((report / "tables").glob("*.csv")), report / _ROW_LEDGER]
    return {
        path.relative_to(report).as_posix(): _cells(path.read_text(encoding="utf-8"))
        for path in paths
        if path.is_file()
    }


def _made_again(run: StudyRun) -> dict[str, Cells]:
    made = {f"tables/{one.name}.csv": _cells(csv_text(one.csv_frame)) for one in build_document(run).tables()}
    ledger = ledger_with_linked(run.frame.ledger, run.intake.linked)
    return {**made, _ROW_LEDGER: _cells(csv_text(ledger)), _RESULTS: _leaves(plain(results_record(run)))}


def _cells(text: str) -> Cells:
    heads, *rows = csv.reader(io.StringIO(text, newline=""))
    return {
        f"row {place}, {head}": cell for place, row in enumerate(rows, 1) for head, cell in zip(heads, row, strict=True)
    }


def _leaves(record: Mapping[str, Any]) -> Cells:
    return dict(_walk("", {name: value for name, value in record.items() if name not in _NO_NUMBERS}))


def _walk(where: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _walk(f"{where}.{key}".lstrip("."), inner)
    elif isinstance(value, (list, tuple)):
        for place, inner in enumerate(value, 1):
            yield from _walk(f"{where}[{place}]", inner)
    else:
        yield where, value if isinstance(value, str) else json.dumps(value)


def _compare(file: str, stored: Cells, now: Cells, counts: dict[str, int]) -> Iterator[tuple[str, str, Any, Any]]:
    for key in dict.fromkeys((*stored, *now)):
        was, made = stored.get(key), now.get(key)
        counts["n_cells"] += 1
        if was == made:
            counts["n_equal"] += 1
        elif _is_close(was, made):
            counts["n_close"] += 1
        else:
            yield file, key, was, made


def _is_close(one: str | None, other: str | None) -> bool:
    try:
        return math.isclose(float(one or ""), float(other or ""), rel_tol=CLOSE)
    except ValueError:
        return False


def _changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Note]:
    """What the report was made of and is no longer as it was."""
    for part, key in (("inputs", "path"), ("ratings", "file")):
        before, after = ({one[key]: one["sha256"] for one in side[part]} for side in (was, now))
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                came = "reproduce_changed" if name in before else "reproduce_new"
                yield Note("reproduce_missing" if name not in after else came, name)
    for name in sorted(set(was["set_aside"]) - set(now["set_aside"])):
        yield Note("reproduce_missing", name)
    if was["seed"] != now["seed"]:
        yield Note("reproduce_seed", numbers={"was": was["seed"], "now": now["seed"]})
    books = [{one["name"]: one["hash"] for one in side["codebooks"]} for side in (was, now)]
    for name in sorted(books[0].keys() | books[1].keys()):
        if books[0].get(name) != books[1].get(name):
            yield Note("reproduce_codebook", name)
    for name, version in now["versions"].items():
        if was["versions"].get(name) != version:
            yield Note("reproduce_version", name, {"was": was["versions"].get(name, "none"), "now": version})
