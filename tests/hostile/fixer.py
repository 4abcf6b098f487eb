"""A rater who follows the notes and nothing else: does she bring a damaged workbook to clean, and what else changes?

    python tests/hostile/fixer.py [WORKBOOKS [SEED]]        200 unless said otherwise; prints what stands in fixer.txt

Each workbook bears one to six kinds of damage (those of ``damage.py`` whose advice a rater can follow by herself; the
advice of the others is to ask the coordinator, or to send another file). Every third one is as Excel saves it: its
drop-downs lie in an extension. The fixer sees the marked copy alone: the notes of the marked cells and the sheet
*Problems*; she knows neither what was done nor which code stood there. She mends, the copy is checked again, and comes
back marked again until nothing is wrong. Then everything in the workbooks is laid side by side: sent and marked; sent
and mended; and mended and never damaged.
"""

from __future__ import annotations

import io
import random
import re
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import damage
from damage import Reader
from everything_in import Place, everything_in
from openpyxl import load_workbook
from small_study import CODED, FIRST_ROW, HEADS, book_of, make_small

from doublecode.coding.workbooks.mark import write_redpen
from doublecode.coding.workbooks.restored import restore
from doublecode.schemas.study import load_study

MOST_ROUNDS = 6
NOT_HERS = {
    "not_assigned": "ask the coordinator", "wrong_version": "ask the coordinator",
    "wrong_instrument": "send the right workbook", "no_stamp": "copy the codes into the workbook that was sent",
    "stamp_differs": "the coordinator finds out", "": "nothing is reported",
}  # fmt: skip
KINDS = [kind for kind in damage.KINDS if kind.code not in NOT_HERS]
MARKED = ("note", "box", "fill")
"""What a mark changes at a cell; the live formats of the sheet besides."""
NOTHING_TO_MEND = ("Nothing", "Look whether it says who a patient is")
"""How advice begins that asks for no change here: she looks, and no damage of ours names anybody."""


@dataclass
class Fixer:
    """What she does with one marked copy.

    Attributes
    ----------
    workbook : Workbook
        The marked copy.
    rng : Random
        She types whichever of the allowed codes.
    touched : set of (str, str)
        Sheet and cell of what she changed; the cell is empty where it is the sheet, or a row that she was told of.
    puzzled : list of str
        Advice that she did not understand.
    renamed : dict of str to str
        Sheets that got another name, and which.
    """

    workbook: Any
    rng: random.Random
    touched: set[tuple[str, str]] = field(default_factory=set)
    puzzled: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)

    def mend(self) -> None:
        """Follow every line of the list, rows that are to be put back last; a cell's note says the same as its line."""
        lines = sorted(self._lines(), key=lambda line: line[2].startswith("Put the row back"))
        gone = (re.search(r"the assigned session (\S+) has no row", said) for _, said, _ in lines)
        self.missing = [found[1] for found in gone if found]
        for place, said, todo in lines:
            sheet, _, cell = place.partition("!")
            if sheet in self.workbook.sheetnames and cell:
                self._check_note(sheet, cell, said, todo)
            self._follow(sheet, cell, said, todo)

    def _lines(self) -> Iterator[tuple[str, str, str]]:
        """Place, what is wrong and what to do of each line that asks for something."""
        for place, code, said, todo in self.workbook["Problems"].iter_rows(min_row=2, max_col=4, values_only=True):
            if code != "formula" and not todo.startswith(NOTHING_TO_MEND):
                yield place, said, todo

    def _check_note(self, sheet: str, cell: str, said: str, todo: str) -> None:
        """The note of the cell says the same as the list."""
        page = self.workbook[sheet]
        merged = next((one for one in page.merged_cells.ranges if cell in one), None)
        note = (page[cell] if merged is None else page.cell(merged.min_row, merged.min_col)).comment
        if note is None or todo not in note.text:
            self.puzzled.append(f"{sheet}!{cell} bears no note: {said}. {todo}")

    def _follow(self, sheet: str, cell: str, said: str, todo: str) -> None:
        for pattern, act in ADVICE:
            if re.match(pattern, todo):
                act(self, sheet, cell, said)
                return
        self.puzzled.append(f"{sheet}!{cell} {said}. {todo}")

    def write(self, sheet: str, cell: str, value: Any, style: str | None = None) -> None:
        """Type something into a cell."""
        one = self.workbook[sheet][cell]
        if style is not None:
            one.number_format = style
        one.value = value
        self.touched.add((sheet, cell))

    def code_for(self, said: str) -> Any:
        """One of the codes that are allowed."""
        found = re.search(r"allowed (\d+)–(\d+)", said)
        if found:
            return self.rng.randint(int(found[1]), int(found[2]))
        found = re.search(r"allowed ([\w/]+)", said)
        if found is None:
            self.puzzled.append(f"no code is named: {said}")
            return None
        return found[1].split("/")[0]

    def row_of(self, cell: str) -> int:
        return int(re.sub(r"\D", "", cell))

    def clear_row(self, sheet: str, cell: str) -> None:
        """Empty the whole row."""
        for one in self.workbook[sheet][self.row_of(cell)]:
            if one.value is not None:
                one.value = None
                self.touched.add((sheet, one.coordinate))


def _type_code(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    fixer.write(sheet, cell, fixer.code_for(said))


def _as_text(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    fixer.write(sheet, cell, str(fixer.code_for(said)), "@")


def _as_number(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    fixer.write(sheet, cell, fixer.code_for(said), "General")


def _choose_status(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    """The first of the drop-down under *status*."""
    heads = {one.value: one.column_letter for one in fixer.workbook[sheet][HEADS]}
    status = f"{heads['status']}{fixer.row_of(cell)}"
    for choices in fixer.workbook[sheet].data_validations.dataValidation:
        if status in choices.sqref:
            name, _, box = choices.formula1.lstrip("=").partition("!")
            fixer.write(sheet, status, fixer.workbook[name][box.replace("$", "").split(":")[0]].value)
            return
    fixer.puzzled.append(f"{sheet}!{status} has no drop-down")


def _put_id(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    """The nearest that is named; else the one of the missing sessions whose recording stands in the row."""
    nearest = re.search(r"the nearest is (\S+)", said)
    tape = str(fixer.workbook[sheet].cell(fixer.row_of(cell), 2).value or "")
    named = [one for one in fixer.missing if one in tape]
    meant = nearest[1] if nearest else next(iter([*named, *fixer.missing]), None)
    if meant is None:
        fixer.clear_row(sheet, cell)
        return
    fixer.missing = [one for one in fixer.missing if one != meant]
    fixer.write(sheet, cell, meant)


def _put_row(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    """Into the first row without an id, or below the last."""
    session = re.search(r"the assigned session (\S+) has no row", said)
    if session is None or session[1] not in fixer.missing:
        return
    page = fixer.workbook[sheet or "Rate"]
    row = FIRST_ROW
    while page.cell(row, 1).value is not None:
        row += 1
    fixer.write(page.title, f"A{row}", session[1])


def _keep_one(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    fixer.clear_row(sheet, cell)


def _unmerge(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    merged = re.search(r"the cells (\S+) are merged", said)
    if merged is not None:
        fixer.workbook[sheet].unmerge_cells(merged[1])
        first, _, last = merged[1].partition(":")
        fixer.touched |= {(sheet, first), (sheet, last), (sheet, "")}


def _put_head(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    named = re.search(r'expected the column "(\w+)"', said)
    if named is not None and cell:
        fixer.write(sheet, cell, named[1])
    else:
        fixer.puzzled.append(f"which head, and where: {said}")


def _put_back(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    named = re.search(r'the study "([^"]+)"', said)
    if named is not None:
        fixer.write(sheet, cell, named[1])


def _remove(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    if cell:
        fixer.write(sheet, cell, None)
    else:
        fixer.workbook.remove(fixer.workbook[sheet])
        fixer.touched.add((sheet, ""))


def _name_sheet(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    """The only one that is not called as those of every workbook."""
    wanted = re.search(r'has no sheet "([^"]+)"', said)
    own = ("Problems", "Read me", "Anchors", "Lists", "Stamp")
    strange = next((name for name in fixer.workbook.sheetnames if name not in own), None)
    if wanted is not None and strange is not None:
        fixer.workbook[strange].title = wanted[1]
        fixer.renamed[strange] = wanted[1]


def _unhide(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    page = fixer.workbook[sheet]
    for one in (*page.row_dimensions.values(), *page.column_dimensions.values()):
        one.hidden = False
    fixer.touched.add((sheet, ""))


def _look(fixer: Fixer, sheet: str, cell: str, said: str) -> None:
    pass


Act = Callable[[Fixer, str, str, str], None]
ADVICE: Sequence[tuple[str, Act]] = (
    (r"Type an allowed value\.|Type a whole number|Type the code|Rate it, or type", _type_code),
    (r"Set the format of the cell to Text", _as_text),
    (r"Set the format of the cell to General", _as_number),
    (r"Replace the formula by its value", _type_code),
    (r"Rate the session, or choose under status", _choose_status),
    (r"Clear the status", lambda fixer, sheet, cell, said: fixer.write(sheet, cell, None)),
    (r"Write the reason in the notes", lambda fixer, sheet, cell, said: fixer.write(sheet, cell, "the tape broke off")),
    (r"Put the id back", _put_id),
    (r"Put the row back", _put_row),
    (r"Keep one of the two", _keep_one),
    (r"Unmerge them", _unmerge),
    (r"Put the header back", _put_head),
    (r"Were rows sorted or pasted", _put_back),
    (r"Remove it", _remove),
    (r"Give the sheet its name back", _name_sheet),
    (r"Unhide them", _unhide),
    (r"Look whether codes stand there|Read it", _look),
)
"""What the advice begins with, and what she does."""


def as_excel_saves(data: bytes) -> bytes:
    """The same workbook with its drop-downs in the extension where Excel keeps those whose list is on another sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, _extended(part.decode()).encode() if name.startswith("xl/worksheets/sheet") else part)
    return out.getvalue()


def _extended(text: str) -> str:
    found = re.search(r"<dataValidations\b.*?</dataValidations>", text, re.DOTALL)
    if found is None:
        return text
    made = []
    for tag, inside in re.findall(r"<dataValidation\b([^>]*?)(?:/>|>(.*?)</dataValidation>)", found[0], re.DOTALL):
        where = re.search(r' sqref="([^"]*)"', tag)
        formula = re.search(r"<formula1>=?(.*?)</formula1>", inside)
        told = f"<x14:formula1><xm:f>{formula[1]}</xm:f></x14:formula1>" if formula else ""
        rest = re.sub(r' sqref="[^"]*"', "", tag)
        cells = f"<xm:sqref>{where[1] if where else ''}</xm:sqref>"
        made.append(f"<x14:dataValidation{rest}>{told}{cells}</x14:dataValidation>")
    main = "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"
    head = f'<extLst><ext uri="{{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}}" xmlns:x14="{main}">'
    more = f'<x14:dataValidations count="{len(made)}" xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main">'
    tail = f"{head}{more}{''.join(made)}</x14:dataValidations></ext></extLst></worksheet>"
    return text.replace(found[0], "").replace("</worksheet>", tail)


def spoiled(source: Path, rng: random.Random, *, by_excel: bool) -> tuple[bytes, list[str]]:
    """A workbook with one to six kinds of damage, each at another row, and their names."""
    data = source.read_bytes()
    workbook = load_workbook(io.BytesIO(data))
    restore(workbook, data)
    sheet = workbook["Rate"]
    columns = {cell.value: cell.column for cell in sheet[HEADS]}
    rows = rng.sample(range(FIRST_ROW, sheet.max_row - 1, 2), 5)
    chosen = rng.sample(KINDS, rng.randint(1, 5))
    chosen.sort(key=lambda kind: (kind.name in LATE, kind.name == "row deleted"))
    for kind, row in zip(chosen, sorted(rows, reverse=True), strict=False):
        own = [column for item in CODED if isinstance(sheet.cell(row, column := columns[item]).value, int)]
        kind.spoil(sheet, row, rng.choice(own))
    held = io.BytesIO()
    workbook.save(held)
    return (as_excel_saves(held.getvalue()) if by_excel else held.getvalue()), [kind.name for kind in chosen]


LATE = ("sheet renamed",)


@dataclass
class Outcome:
    """What became of one workbook."""

    kinds: list[str]
    n_rounds: int = 0
    left: list[str] = field(default_factory=list)
    puzzled: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)


def differences(one: dict[Place, Any], other: dict[Place, Any]) -> Iterator[Place]:
    for place in one.keys() | other.keys():
        if one.get(place) != other.get(place):
            yield place


def is_mark(place: Place, marked: set[tuple[str, str]]) -> bool:
    """Whether a difference is what a red pen does: the list, and the look of the cells that it names."""
    sheet, cell, what = place
    if sheet == "Problems" or what == "sheets":
        return True
    return (sheet, cell) in marked and (what in MARKED or what.startswith("live "))


def fix(number: int, seed: int, sources: Sequence[Path], reader: Reader, folder: Path) -> Outcome:
    """Damage, mark, mend and compare one workbook."""
    rng = random.Random(f"{seed}/{number}")
    source = sources[number % len(sources)]
    data, kinds = spoiled(source, rng, by_excel=number % 3 == 0)
    outcome = Outcome(kinds)
    sent = folder / source.name
    sent.write_bytes(data)
    before = everything_in(sent)
    path, marked, touched = sent, set[tuple[str, str]](), set[tuple[str, str]]()
    while True:
        problems = reader.read(path)[1]
        errors = [one for one in problems if one.severity == "error"]
        if not errors or outcome.n_rounds == MOST_ROUNDS:
            outcome.left = [f"{one.code} {one.cell}: {one.sentence}" for one in errors]
            break
        copy = write_redpen(path, problems, folder / f"{outcome.n_rounds}" / source.name)
        marked |= {(one.sheet, one.cell) for one in problems if one.cell and one.severity != "info"}
        now = everything_in(copy)
        if path == sent:
            outcome.unasked += [f"marked: {place}" for place in differences(before, now) if not is_mark(place, marked)]
        fixer = Fixer(_opened(copy), rng)
        fixer.mend()
        fixer.workbook.save(copy)
        outcome.puzzled += fixer.puzzled
        touched |= fixer.touched
        before = {(fixer.renamed.get(sheet, sheet), *place): value for (sheet, *place), value in before.items()}
        outcome.n_rounds += 1
        path = copy
    after = everything_in(path)
    for name, first in (("mended", before), ("beside the undamaged", everything_in(source))):
        outcome.unasked += [
            f"{name}: {place}" for place in differences(first, after)
            if not is_mark(place, marked) and place[:2] not in touched and not is_row_of(place, touched)
            and not (name != "mended" and place in set(differences(first, before)))
        ]  # fmt: skip
    return outcome


def is_row_of(place: Place, touched: set[tuple[str, str]]) -> bool:
    """Whether it is a sheet that she was told to change as a whole: its hidden rows, merged cells, its name."""
    return (place[0], "") in touched and place[1] == ""


def _opened(path: Path) -> Any:
    data = path.read_bytes()
    workbook = load_workbook(io.BytesIO(data))
    restore(workbook, data)
    return workbook


def run(numbers: Sequence[int], seed: int = 14) -> list[Outcome]:
    """Fix workbooks by their numbers."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        study = load_study(make_small(folder / "study"))
        sources = [study.folder / "incoming" / book_of(rater) for rater in ("R1", "R2", "R3")]
        reader = Reader(study)
        return [fix(number, seed, sources, reader, folder) for number in numbers]


def main(arguments: Sequence[str]) -> None:
    """Print what became of the workbooks."""
    count, seed = (int(arguments[at]) if len(arguments) > at else default for at, default in enumerate((200, 14)))
    outcomes = run(range(count), seed)
    clean = [one for one in outcomes if not one.left]
    rounds = Counter(one.n_rounds for one in clean)
    n_kinds = len({name for one in outcomes for name in one.kinds})
    n_damages = sum(len(one.kinds) for one in outcomes)
    print(f"{count} damaged workbooks, {n_damages} damages of {n_kinds} of {len(KINDS)} kinds, seed {seed}")
    print(f"clean after the advice: {len(clean)}; rounds {', '.join(f'{n}: {rounds[n]}' for n in sorted(rounds))}")
    print(f"with advice that was not understood: {sum(bool(one.puzzled) for one in outcomes)}")
    print(f"with a difference beside marks, the list and what was asked: {sum(bool(one.unasked) for one in outcomes)}")
    for number, one in enumerate(outcomes):
        for text in (*one.left, *one.puzzled, *one.unasked):
            print(f"  {number} {one.kinds}: {text}")
    print("left out, since the advice is not the rater's to follow alone:")
    for code, why in NOT_HERS.items():
        names = [kind.name for kind in damage.KINDS if kind.code == code]
        print(f"  {code or '(nothing can find it)'} ({why}): {', '.join(names)}")


if __name__ == "__main__":
    main(sys.argv[1:])
