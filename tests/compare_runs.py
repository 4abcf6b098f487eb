"""Compare two report folders number by number: the script behind the promise that a change moved none.

    python tests/compare_runs.py BEFORE AFTER          # folders (report/), or packed runs (.json.xz)
    python tests/compare_runs.py --pack REPORT FILE    # keep a run, as tests/reference/runs/*.json.xz are

results.json, every table and the row ledger are read. Counts, rows, ids and texts must be equal; closed forms to 1e-12
of the larger number, iterated estimates, log-likelihoods and degrees of freedom to 1e-8, their limits to 1e-6; p values
absolutely, as a relative change of a statistic of 20 is two hundred times as large in its p. What is new (a file, a
column, an entry, a row of a name of its own between the old ones) is listed and is no difference; versions are not
compared.
"""

from __future__ import annotations

import csv
import io
import json
import lzma
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMITS = ("conf_low", "conf_high", "low", "high", "lower", "upper", "session_min", "session_max")
CLOSED = (
    "correlations", "described_", "files", "flow", "group_comparisons", "johnson_neyman", "moderations", "outlier",
    "problems", "sample", "simple_slopes", "warnings", "row_ledger", "study", "descriptives", "homework", "rows",
)  # fmt: skip
"""Tables and sections whose numbers are formulas; all others come from an iteration."""
NOT_COMPARED = ("versions",)
NAMED_BY = ("code", "subject", "name", "variable", "stage", "session_id", "patient", "session")
"""What rows are called in tables that grow with what a study declares."""


@dataclass(frozen=True)
class Tolerance:
    """Largest difference relative to the larger of two numbers, by the kind of number."""

    closed: float = 1e-12
    iterated: float = 1e-8
    limits: float = 1e-6

    def of(self, place: tuple[str, ...]) -> float:
        section = place[1] if place[0] == "results.json" and len(place) > 1 else place[0].removeprefix("tables/")
        if section.startswith(CLOSED):
            return self.closed
        return self.limits if place[-1].startswith(LIMITS) else self.iterated

    def allows(self, place: tuple[str, ...], before: float, after: float) -> bool:
        if math.isnan(before) or math.isnan(after):
            return math.isnan(before) and math.isnan(after)
        scale = 1.0 if place[-1].startswith("p_") else max(abs(before), abs(after), 1e-6)
        return abs(before - after) <= self.of(place) * scale


@dataclass(frozen=True)
class Difference:
    place: tuple[str, ...]
    before: Any
    after: Any
    added: bool = False

    def __str__(self) -> str:
        where = " › ".join(self.place)
        return f"new  {where}" if self.added else f"DIFF {where}: {short(self.before)} → {short(self.after)}"


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}…"


def read_run(path: Path) -> dict[str, Any]:
    """Files of a run by name: results.json as read, each table as column → cells."""
    if path.is_file():
        packed: dict[str, Any] = json.loads(lzma.decompress(path.read_bytes()))
        return packed
    tables = [*sorted((path / "tables").glob("*.csv")), path / "row_ledger.csv"]
    run = {table.relative_to(path).as_posix(): columns_of(table) for table in tables}
    return {"results.json": json.loads((path / "results.json").read_text(encoding="utf-8")), **run}


def columns_of(table: Path) -> dict[str, list[Any]]:
    head, *rows = csv.reader(io.StringIO(table.read_text(encoding="utf-8-sig")))
    return {name: [number_or_text(row[place]) for row in rows] for place, name in enumerate(head)}


def number_or_text(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell


def pack(run: dict[str, Any]) -> bytes:
    return lzma.compress(json.dumps(run, ensure_ascii=False).encode("utf-8"), preset=9 | lzma.PRESET_EXTREME)


def compare(before: Any, after: Any, tolerance: Tolerance, place: tuple[str, ...] = ()) -> Iterator[Difference]:
    """Every difference of two runs, or of two parts of them."""
    before, after, grown = without_new_rows(before, after)
    if grown:
        yield Difference((*place, f"{grown} rows"), None, grown, added=True)
    if isinstance(before, dict) and isinstance(after, dict):
        yield from compare_entries(before, after, tolerance, place)
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield Difference((*place, "rows"), len(before), len(after))
        for number, (one, other) in enumerate(zip(before, after, strict=False), 1):
            # the name of a column stays last in the place: the tolerance goes by it
            inner = (*place[:-1], str(number), *place[-1:]) if not isinstance(one, dict) else (*place, str(number))
            yield from compare(one, other, tolerance, inner)
    elif is_number(before) and is_number(after):
        if not tolerance.allows(place, before, after):
            yield Difference(place, before, after)
    elif before != after:
        yield Difference(place, before, after)


def without_new_rows(before: Any, after: Any) -> tuple[Any, Any, int]:
    """Both, the second without rows of names of their own that stand between the old ones; and how many these are.

    Only where every old row is still there, in the old order: else nothing is taken out.
    """
    old, new = row_names(before), row_names(after)
    known = set(old)
    if (not old and before != []) or len(new) <= len(old) or [one for one in new if one in known] != old:
        return before, after, 0
    kept = [at for at, name in enumerate(new) if name in known]
    if isinstance(after, list):
        return before, [after[at] for at in kept], len(new) - len(old)
    return before, {name: [cells[at] for at in kept] for name, cells in after.items()}, len(new) - len(old)


def row_names(part: Any) -> list[tuple[Any, ...]]:
    """What the rows of a table or of a list of records are called; empty where they have no names."""
    if isinstance(part, list) and part and all(isinstance(one, dict) for one in part):
        names = [name for name in NAMED_BY if all(name in one for one in part)]
        return [tuple(str(one[name]) for name in names) for one in part] if names else []
    if isinstance(part, dict) and part and all(isinstance(cells, list) for cells in part.values()):
        columns = [part[name] for name in NAMED_BY if name in part]
        same = len({len(cells) for cells in part.values()}) == 1
        return list(zip(*columns, strict=True)) if columns and same else []
    return []


def compare_entries(
    before: dict[str, Any], after: dict[str, Any], tolerance: Tolerance, place: tuple[str, ...]
) -> Iterator[Difference]:
    for name, value in before.items():
        if name in NOT_COMPARED:
            continue
        if name not in after:
            yield Difference((*place, name), value, None)
        else:
            yield from compare(value, after[name], tolerance, (*place, name))
    yield from (Difference((*place, name), None, after[name], added=True) for name in after if name not in before)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def main(arguments: list[str]) -> int:
    if len(arguments) == 3 and arguments[0] == "--pack":
        Path(arguments[2]).write_bytes(pack(read_run(Path(arguments[1]))))
        return 0
    if len(arguments) != 2:
        print(__doc__)
        return 2
    found = list(compare(*(read_run(Path(name)) for name in arguments), Tolerance()))
    for one in found:
        print(one)
    moved = sum(not one.added for one in found)
    print(f"{moved} difference(s), {len(found) - moved} new: " + ("the runs differ" if moved else "no number moved"))
    return int(moved > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
