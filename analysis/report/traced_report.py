"""A written report asked for the cells of a number, and a cell asked for the numbers that stand on it."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, column, frame_of
from doublecode.analysis.rendering.wording.trace import HOW, shown_value
from doublecode.analysis.report.paper_sources import traced_elsewhere
from doublecode.analysis.report.sensitivity_state import FOLDER as SENSITIVITY
from doublecode.analysis.report.trace_file import TRACE, read_set
from doublecode.analysis.study.trace.cell_states import cell_states
from doublecode.analysis.study.trace.source_cells import SourceCell
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.study import Study

_MOST_NAMED: Final = 12
_COLUMNS: Final = (
    "file", "sheet", "cell", "value", "session_id", "rater", "instrument", "item", "of", "how", "state",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class NumberTrace(Answer):
    """The cells that a number of a report stands on.

    Attributes
    ----------
    spec : dict
        ``table, row, column, value``: the number, as its CSV file holds it; ``line`` of that file, None of a row that
        only the page has.
    frame : DataFrame
        One row per cell and role: ``file, sheet, cell, value, session_id, rater, instrument, item``, ``of`` (the
        variable that the cell makes), ``how`` (what was done with it), ``state`` (what became of it since: corrected,
        withdrawn; empty where it holds).
    design : dict
        ``n_cells, n_files``.
    notes : tuple of Note
        Files that are no longer as they were.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]

    label_columns: ClassVar[tuple[str, ...]] = ("file", "sheet", "cell")

    @property
    def rows(self) -> pd.Index[Any]:
        """The places of the cells in the report's list."""
        return self.frame.index

    def tables(self) -> tuple[Table, ...]:
        """The cells, file by file."""
        heads = {"session_id": "Session", "of": "Makes", "how": "What was done with it", "state": "Since then"}
        columns = tuple(
            column(name, heads.get(name, name.capitalize()), kind="text") for name in _COLUMNS if name != "instrument"
        )
        shown = self.frame.assign(
            value=[shown_value(value) for value in self.frame["value"]],
            how=["; ".join(HOW[one] for one in how.split()) for how in self.frame["how"]],
        )
        title = f"{self.spec['table']} › {' › '.join(self.spec['row'])} › {self.spec['column']}: {self.spec['value']}"
        return (Table("cells", title, shown, columns),)

    def counted(self) -> str:
        """Say on how many cells of how many files the number stands."""
        n, files = self.design["n_cells"], self.design["n_files"]
        return f"{n} cell{'' if n == 1 else 's'} of {files} file{'' if files == 1 else 's'}."


class TracedReport:
    """The trace that a run left in its report folder.

    Parameters
    ----------
    study : Study
    report : path
        The folder ``report/``.

    Raises
    ------
    UsageError
        There is no report, or one of an earlier version that kept no trace.
    """

    def __init__(self, study: Study, report: Path) -> None:
        path = report / TRACE
        if not path.is_file():
            what = "holds no trace" if report.is_dir() else "is not there"
            raise UsageError(f"{report} {what}. Make it: doublecode run {study.folder} --overwrite")
        self.study, self.report = study, report
        self.record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.manifest: dict[str, Any] = json.loads((report / "manifest.json").read_text(encoding="utf-8"))

    @cached_property
    def cells(self) -> list[SourceCell]:
        """All cells that numbers of the report stand on."""
        files, of, held = self.record["files"], self.record["of"], self.record["cells"]
        columns = (held[name] for name in ("file", "cell", "value", "session", "rater", "item"))
        return [
            SourceCell(
                files[file][0],
                files[file][1],
                cell,
                value,
                of["session"][session],
                of["rater"][rater],
                of["item"][item][0],
                of["item"][item][1],
            )
            for file, cell, value, session, rater, item in zip(*columns, strict=True)
        ]

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the files of ratings that the report was made of."""
        return {one["file"]: one["sha256"] for one in self.manifest["ratings"]}

    def number(self, table: str | None, row: Sequence[str], column: str | None) -> NumberTrace:
        """The cells of one number.

        Parameters
        ----------
        table : str
            Name of the table, as its CSV file is called.
        row : sequence of str
            What the row is called; several parts where one is not enough.
        column : str
            Name of the column in the CSV file, or its heading on the page.

        Raises
        ------
        UsageError
            There is no such table, row or column, or several rows are called so; the message says which exist.
        """
        name = self._table(table)
        held = self.record["tables"][name]
        chosen = self._row(name, held["rows"], row)
        asked = self._column(name, held, chosen, column)
        spec = {"table": name, "row": called(chosen), "column": asked, "value": self._value(name, chosen, asked),
                "line": None if chosen["csv"] is None else chosen["csv"] + 2}  # fmt: skip
        pairs = list(read_set(self.record["sets"][chosen["sets"][asked]]))
        frame = self._frame(pairs)
        files = tuple(dict.fromkeys(frame["file"]))
        design = {"n_cells": int(frame.index.nunique()), "n_files": len(files)}
        return NumberTrace(spec, frame, design, tuple(self._changed(files)))

    def _frame(self, pairs: Sequence[tuple[int, int]]) -> pd.DataFrame:
        cells = [self.cells[number] for number, _ in pairs]
        states = cell_states(self.study, cells, self.hashes)
        rows = []
        for cell, (_, role), state in zip(cells, pairs, states, strict=True):
            of, how = self.record["roles"][role]
            values = (
                cell.file, cell.sheet, cell.cell, cell.value, cell.session, cell.rater, cell.instrument, cell.item, of,
                " ".join(how), "; ".join(map(sentence, state)),
            )  # fmt: skip
            rows.append(dict(zip(_COLUMNS, values, strict=True)))
        frame = frame_of(rows, _COLUMNS)
        return frame.set_axis([number for number, _ in pairs], axis=0).sort_index(kind="stable")

    def _table(self, name: str | None) -> str:
        tables = self.record["tables"]
        if name in tables:
            return str(name)
        if name in self.record["not_traced"]:
            raise UsageError(
                f"table {name!r} counts remarks, not cells; tables/{name}.csv lists each with its place. {_of(tables)}"
            )
        elsewhere = traced_elsewhere(self.study, name or "")
        if elsewhere:
            raise UsageError(f"trace: {elsewhere} {_of(tables)}")
        found = "no table was named" if name is None else f"there is no table {name!r} in {self.report}"
        raise UsageError(f"trace: {found}; {ended(allowed(name or '', tables))}")

    def _row(self, table: str, rows: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> Mapping[str, Any]:
        found = best_rows(rows, wanted)
        if len(found) == 1:
            return found[0]
        if not found or not wanted:
            names = dict.fromkeys(" › ".join(called(row)) for row in rows)
            said = f"there is no row {' › '.join(wanted)!r}" if wanted else "no row was named"
            near = allowed(wanted[0], dict.fromkeys(one for row in rows for one in row["names"])) if wanted else ""
            meant = near[near.index("; did") :] if "; did" in near else ""
            raise UsageError(f"trace: {table}: {said}; its rows: {_some(list(names))}{meant or '.'}")
        common = set.intersection(*(set(row["names"]) for row in found))
        own = [" ".join(f'--row "{one}"' for one in row["names"] if one not in common) for row in found]
        raise UsageError(
            f"trace: {table}: {len(found)} rows are called {' › '.join(wanted)!r}. Say which one: {_some(own)}."
        )

    def _column(self, table: str, held: Mapping[str, Any], row: Mapping[str, Any], wanted: str | None) -> str:
        heads = {name.casefold(): name for name, _, _ in held["columns"]}
        heads |= {heading.casefold(): name for name, heading, _ in reversed(held["columns"]) if heading}
        folded = (wanted or "").casefold()
        known = dict.fromkeys(name for one in held["rows"] for name in one["sets"])
        name = next((one for one in known if one.casefold() == folded), heads.get(folded, ""))
        alike = [one for one, heading, _ in held["columns"] if heading.casefold() == folded != ""]
        if len(alike) > 1 and folded != name.casefold():
            raise UsageError(
                f"trace: {table}: {len(alike)} columns are headed {wanted!r}: {', '.join(alike)}. Name one."
            )
        if name in row["sets"]:
            return str(name)
        if name:
            raise UsageError(
                f"trace: {table}, {' › '.join(called(row))}: {name} stands on no cell there: it is empty, nought "
                f"or no number. Columns with cells: {', '.join(row['sets']) or 'none'}."
            )
        said = f"there is no column {wanted!r}" if wanted else "no column was named"
        printed = [heading for _, heading, _ in held["columns"] if heading]
        raise UsageError(f"trace: {table}: {said}; {ended(allowed(wanted or '', dict.fromkeys([*known, *printed])))}")

    def _value(self, table: str, row: Mapping[str, Any], name: str) -> Any:
        """The number, as its CSV file holds it; of a row that only the page shows as the trace does."""
        if row["csv"] is None:
            return row["values"].get(name)
        with (self.report / "tables" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        text = lines[row["csv"]].get(name)
        return float(text) if text else None

    def _changed(self, files: Sequence[str]) -> Iterator[Note]:
        """Tables of the study that are no longer what the report was made of; of workbooks the ledger knows more."""
        then = {one["path"]: one["sha256"] for one in self.manifest["inputs"]}
        for name in files:
            path = self.study.folder / name
            if name in then and (not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != then[name]):
                yield Note("trace_changed_file", numbers={"file": name})


def traced_folder(study: Study, folder: Path, table: str | None) -> TracedReport:
    """The report that holds a table: that of the sensitivity analysis where it does, else ``report/`` in `folder`.

    Raises
    ------
    UsageError
        There is no report.
    """
    if table is not None and (folder / SENSITIVITY / TRACE).is_file():
        beside = TracedReport(study, folder / SENSITIVITY)
        if table in beside.record["tables"]:
            return beside
    return TracedReport(study, folder / "report")


def best_rows(rows: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> list[Mapping[str, Any]]:
    """The rows that are called so: exactly, else by how their names begin, else by what they contain."""
    asked = [one.casefold() for one in wanted]
    for fits in (str.__eq__, str.startswith, str.__contains__):
        found = [
            row
            for row in rows
            if asked and all(any(fits(name.casefold(), one) for name in row["names"]) for one in asked)
        ]
        overall = [row for row in found if "all" in row["names"]]
        if found:
            return overall if len(overall) == 1 else found
    return []


def called(row: Mapping[str, Any]) -> list[str]:
    """What a row is called: group and stub as the page has them; of a row that only the CSV file has all its keys."""
    return list(row["names"][:2] if row["shown"] else row["names"])


def _of(tables: Mapping[str, Any]) -> str:
    return f"Tables with cells: {', '.join(tables)}."


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{'; '.join(names[:_MOST_NAMED])}{more}"
