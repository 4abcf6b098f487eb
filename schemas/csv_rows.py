"""Reads the rows of a CSV file as they stand: every cell a text, every row with its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from doublecode.schemas.errors import ContractError
from doublecode.schemas.letters import clean, composed, unseen_in

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"[=+@\t\r\n]|-(?!(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z)", re.ASCII)
_HINT = re.compile(r"sep=([^\w\s]|\t)", re.IGNORECASE)
DELIMITERS = (",", ";", "\t", "|")
_BLOCK = 16
"""Excel leaves out the delimiters of last cells that are empty in sixteen lines together."""
MOST_LETTERS = 1_000_000
_MOST_TITLES = 20
_ZIP = b"PK\x03\x04"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BY_MARK = {**dict.fromkeys(UTF16_MARKS, "utf-16"), b"\xef\xbb\xbf": "utf-8-sig"}


@dataclass(frozen=True)
class CsvRows:
    r"""The rows of a CSV file, blank ones included.

    Attributes
    ----------
    rows : list of list of str
    lines : list of int
        For each row the line of the file on which it ends, from 1.
    delimiter : str
        Comma, semicolon, tab or ``|``; another one only where the file's first line names it (``sep=:``).
    unseen : list of (int, str)
        Line and names of the invisible letters that were taken out.
    short : list of (int, int)
        Line and number of cells of rows in whose stead Excel wrote no last cells; these are read as empty.
    """

    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    unseen: list[tuple[int, str]] = field(default_factory=list)
    short: list[tuple[int, int]] = field(default_factory=list)


def read_csv_rows(data: bytes, wanted: Collection[str], name: str) -> CsvRows:
    r"""Split a CSV file into its rows.

    Parameters
    ----------
    data : bytes
        UTF-8, UTF-16 with its mark, or what Excel writes on Windows (cp1252).
    wanted : collection of str
        Columns that are looked for: the delimiter is the one with which the first filled row
        holds most of them.
    name : str
        The file, for messages.

    Raises
    ------
    ContractError
        The text cannot be decoded, a quotation mark is left open, another sign parts the cells, or a row is
        longer or shorter than the heads.

    Examples
    --------
    >>> read_csv_rows(b"patient;minutes\nP1;50\n", ["patient", "minutes"], "sessions.csv").rows
    [['patient', 'minutes'], ['P1', '50']]
    """
    if data.startswith(_ZIP):
        raise ContractError(
            f"{name}: is a workbook under the name of a text file. Call it by its own ending (.xlsx, .ods), or save it "
            "as CSV."
        )
    text = decoded(data)
    if text is None:
        raise ContractError(f"{name}: the text is in an encoding that is not known here. Save it as CSV UTF-8.")
    if "\0" in text:
        raise ContractError(f"{name}: is no text but another kind of file. Open it in its program and save it as CSV.")
    if "\n" not in text and "\r" not in text and len(text.splitlines()) > 1:
        raise ContractError(
            f"{name}: the lines end with a sign that only some programs take for the end of a line. Open the file in a "
            "text editor or spreadsheet, and save it again as CSV."
        )
    first, newline, _ = text.partition("\n")
    hint = _HINT.fullmatch(first.strip('\r"\ufeff'))
    if hint is not None:  # line 1 tells Excel what stands between the cells
        text = newline + text[len(first) + 1 :]
    delimiter = hint[1] if hint else _delimiter(_heads(text, set(wanted)), set(wanted), name)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found = CsvRows([], [], delimiter)
    limit = csv.field_size_limit(MOST_LETTERS)
    try:
        for row in reader:
            found.rows.append(row)
            found.lines.append(reader.line_num)
    except csv.Error as wrong:
        start = found.lines[-1] + 1 if found.lines else 1
        raise ContractError(
            f"{name}, from line {start} on: the quotation marks do not match ({wrong}). "
            "Close or remove them, or save the table again as CSV."
        ) from None
    finally:
        csv.field_size_limit(limit)
    _clean(found, name)
    _refuse_titles(found, set(wanted), name)
    _check_lengths(found, name)
    return found


def _refuse_titles(found: CsvRows, wanted: set[str], name: str) -> None:
    """Refuse a title above the heads, where a later line holds all columns looked for and the first none."""
    filled = [(line, row) for line, row in zip(found.lines, found.rows, strict=True) if any(row)][:_MOST_TITLES]
    held = [len({cell.strip() for cell in row} & wanted) for _, row in filled]
    if wanted and held and not held[0] and max(held) == len(wanted):
        heads = filled[held.index(max(held))][0]
        raise ContractError(
            f"{name}: the heads stand in line {heads}. Delete the lines above them, from {filled[0][0]} on."
        )


def _clean(found: CsvRows, name: str) -> None:
    """Take the invisible letters out, and refuse letters that command a terminal or a printer."""
    for row, line in zip(found.rows, found.lines, strict=True):
        for place, cell in enumerate(row):
            if cell.isprintable() or not (names := unseen_in(cell) or _commands_in(cell)):
                continue
            if not unseen_in(cell):
                raise ContractError(f"{name}, line {line}: found the control character {names[0]}. Remove it.")
            row[place] = clean(cell)
            found.unseen.append((line, ", ".join(names)))


def _commands_in(cell: str) -> tuple[str, ...]:
    odd = (letter for letter in cell if (letter < " " and letter not in "\t\r\n") or "\x7f" <= letter < "\xa0")
    return tuple(dict.fromkeys(f"U+{ord(letter):04X}" for letter in odd))


def _heads(text: str, wanted: set[str]) -> str:
    """The first filled line; below a title that holds none of the columns looked for the line that holds them all."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    lines = [first, *(line for line in text[:MOST_LETTERS].splitlines()[:_MOST_TITLES] if line.strip())]
    held = [max(len(_cells(line, mark) & wanted) for mark in DELIMITERS) for line in lines]
    return lines[0] if not wanted or held[0] or max(held) < len(wanted) else lines[held.index(max(held))]


def _delimiter(head: str, wanted: set[str], name: str) -> str:
    """What parts the cells: with it the heads hold most of the columns that are looked for."""
    found = {mark: len(_cells(head, mark) & wanted) for mark in (*DELIMITERS, *_odd_signs(head))}
    best = max(DELIMITERS, key=lambda mark: found[mark])
    odd = next((mark for mark in found if mark not in DELIMITERS and found[mark] > found[best]), best)
    if odd != best and best not in head:
        what = "blanks" if odd == " " else repr(odd)
        raise ContractError(
            f"{name}: the cells of the first row are parted by {what}; allowed are a comma, a semicolon, a tab or |. "
            f"Save the table as CSV{'' if odd == ' ' else f', or write sep={odd} as the first line'}."
        )
    return best


def _odd_signs(head: str) -> list[str]:
    """Signs other than the usual delimiters that may part the heads."""
    return [mark for mark in dict.fromkeys(head) if not mark.isalnum() and mark not in (*DELIMITERS, "_", '"', "'")]


def _check_lengths(found: CsvRows, name: str) -> None:
    """Refuse a row longer or shorter than the heads: it was shifted, and its values stand under wrong heads.

    Excel alone may leave the last cells out, and then of sixteen lines together: such rows are listed.
    """
    filled = [any(cell.strip() for cell in row) for row in found.rows]
    heads = next((row for row, there in zip(found.rows, filled, strict=True) if there), [])
    width = next((place for place in range(len(heads), 0, -1) if heads[place - 1].strip()), 0)
    for at, (row, line) in enumerate(zip(found.rows, found.lines, strict=True)):
        beyond = [cell.strip() for cell in row[len(heads) :] if cell.strip()]
        if beyond:
            raise ContractError(
                f"{name}, line {line}: found {beyond[0]!r} under no head; the row has {len(row)} cells, the heads "
                f"{len(heads)}. Put a text that holds the delimiter in quotation marks, or name the column."
            )
        if not filled[at] or len(row) >= width:
            continue
        start = at - at % _BLOCK
        if any(len(other) > len(row) for other in found.rows[start : start + _BLOCK]):
            raise ContractError(
                f"{name}, line {line}: the row has {len(row)} cells, the heads {width}. Put in the missing cell; "
                f"where the last ones are empty, end the line with {_said(found.delimiter)} for each."
            )
        found.short.append((line, len(row)))


def _said(delimiter: str) -> str:
    return "a tab" if delimiter == "\t" else repr(delimiter)


def decoded(data: bytes) -> str | None:
    """A text in UTF-8, UTF-16 with its mark, or what Windows writes (cp1252); None if it is none of them.

    Letters with accents are one letter each, as macOS does not write them.
    """
    encoding = next((known for mark, known in _BY_MARK.items() if data.startswith(mark)), "utf-8")
    for attempt in (encoding, "cp1252"):
        try:
            return composed(data.decode(attempt))
        except UnicodeDecodeError:
            continue
    return None


def _cells(line: str, delimiter: str) -> set[str]:
    return {cell.strip().strip('"').strip() for cell in line.split(delimiter)}


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with an apostrophe before each text that a spreadsheet would take for a formula.

    These are texts that begin with ``=``, ``+``, ``@``, a tab or a line break, and with ``-`` unless they are
    numbers; a carriage return within a text becomes a line break, which every reader of CSV keeps in its cell.
    """
    texts = [name for name in frame.columns if frame[name].dtype.kind not in "iufb"]
    return frame.assign(**{str(name): frame[name].map(_no_formula) for name in texts})


def without_apostrophe(text: str) -> str:
    """The text as it was before :func:`without_formulas` put an apostrophe before it."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def _no_formula(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    marked = f"'{value}" if _FORMULA.match(value) else value
    return marked.replace("\r\n", "\n").replace("\r", "\n")
