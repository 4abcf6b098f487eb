"""What should be said of a table that was read: hidden rows, unseen letters, labels alike, sums, values far off."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from doublecode.coding.reading.cells import show_number, show_text
from doublecode.coding.reading.sheet_grid import Sheet
from doublecode.coding.reading.sheet_shape import cell_name, column_letter, split_range
from doublecode.schemas.csv_rows import CsvRows
from doublecode.schemas.letters import clean, unseen_in
from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    import pandas as pd

_MOST_NAMED, _FEWEST, _MOST_LABELS = 12, 8, 20_000
_WHOLE = re.compile(r"\d{1,15}(?:[.,]0{1,15})?|\d(?:[.,]\d{1,15})?e\+?\d\d?", re.ASCII)
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
USUAL_CODES = frozenset(
    {-1.0, -7.0, -8.0, -9.0, -77.0, -88.0, -99.0, 77.0, 88.0, 99.0, 777.0, 888.0, 999.0, -999.0, 9999.0, -9999.0}
)
"""Numbers that often stand for a missing value."""
_OF_ONE_DIGIT = frozenset({-1.0, -8.0, -9.0, 8.0, 9.0})
_FEWEST_OF_SCALE, _LONGEST_SCALE = 20, 7
LIKE_MISSING = frozenset({
    "nan", "null", "n/a", "#n/a", "<na>", "nat", "-", "–", "—", ".", "?",
    "#ref!", "#value!", "#div/0!", "#name?", "#num!", "#null!", "#spill!", "#calc!", "#field!",
})  # fmt: skip
"""Labels, in small letters, that often stand for a missing value."""
_OF_A_SUMMARY = frozenset({
    "mean", "means", "average", "avg", "sum", "total", "totals", "subtotal", "median", "sd", "std", "stdev", "stddev",
    "count", "minimum", "maximum", "variance", "grand total", "grand mean", "std dev", "standard deviation",
    "mittelwert", "mittelwerte", "mittel", "durchschnitt", "summe", "gesamt", "gesamtsumme", "gesamtergebnis",
    "zwischensumme", "standardabweichung", "anzahl", "varianz", "moyenne", "somme", "media", "promedio", "suma",
})  # fmt: skip
"""Labels, in small letters, of rows that programs and people put below a table."""
_FEWEST_BESIDE_SUMMARY, _LAST_ROWS, _MOST_SUMMARIES, _LONGEST_INITIALS = 4, 6, 20, 3
_LOOK_ALIKE = str.maketrans(
    "‐‑‒–—―−АВЕКМНОРСТХЅЈІУасеорхуѕіјΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "-------ABEKMHOPCTXSJIYaceopxysijABEZHIKMNOPTYXo"
)
"""Dashes, and Cyrillic and Greek letters, to the letter of the keyboard that they look like."""


def csv_remarks(found: CsvRows, file: str) -> list[Problem]:
    """Letters that were taken out of a text file, and rows in whose stead Excel wrote no last cells."""
    problems = [
        Problem("unseen_letters", file, "", f"line {line}", found=letters)
        for line, letters in found.unseen[:_MOST_NAMED]
    ]
    if found.short:
        (line, n_cells), *others = found.short
        said = f"{n_cells} in line {line}" + (f", and {len(others)} more" if others else "")
        width = str(max(map(len, found.rows)))
        problems.append(Problem("short_rows", file, "", f"line {line}", found=said, allowed=width))
    return problems


def hidden_in(sheet: Sheet, file: str, name: str) -> list[Problem]:
    """Rows and columns that nobody sees, and that were read all the same."""
    grid, shape = sheet.grid, sheet.shape
    rows = [row for row in shape.hidden_rows if row <= len(grid) and any(cell != "" for cell in grid[row - 1])]
    problems = []
    if rows:
        more = f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else ""
        found = f"{len(rows)} row(s): {', '.join(map(str, rows[:_MOST_NAMED]))}{more}"
        problems.append(Problem("hidden_rows", file, name, f"A{rows[0]}", found=found))
    width = len(grid[0]) if grid else 0
    columns = [at for first, last in shape.hidden_columns for at in range(first, min(last, width) + 1)]
    if columns:
        letters = ", ".join(column_letter(at) for at in columns[:_MOST_NAMED])
        problems.append(Problem("hidden_rows", file, name, f"{column_letter(columns[0])}1", found=f"column {letters}"))
    return problems


def merged_in(sheet: Sheet, file: str, name: str) -> list[Problem]:
    """Merged cells below the heads: what they say stands in the first of them alone."""
    filled = [[column for column, cell in enumerate(cells) if cell != ""] for cells in sheet.grid]
    head = next((row for row, columns in enumerate(filled) if len(columns) > 1), len(filled))
    below = []
    for cells in sheet.shape.merged:
        top, left, bottom, right = split_range(cells)
        if head < top < len(filled) and left in filled[top] and (top, left) != (bottom, right):
            below.append(cells)
    more = f" and {len(below) - _MOST_NAMED} more" if len(below) > _MOST_NAMED else ""
    found = ", ".join(below[:_MOST_NAMED]) + more
    return [Problem("merged_read", file, name, below[0].partition(":")[0], found=found)] if below else []


def unseen_in_cells(grid: Sequence[Sequence[Any]], file: str, name: str) -> list[Problem]:
    """Cells that hold invisible letters, the first ones by name."""
    problems = []
    for row, cells in enumerate(grid):
        for column, cell in enumerate(cells):
            if isinstance(cell, str) and not cell.isascii() and (letters := unseen_in(cell)):
                problems.append(Problem("unseen_letters", file, name, cell_name(row, column), found=", ".join(letters)))
                if len(problems) == _MOST_NAMED:
                    return problems
    return problems


def remarks_on(frame: pd.DataFrame, file: str) -> Iterator[Problem]:
    """Labels that are nearly alike or of a row of sums, and numbers far outside the others of their column."""
    for name in frame.columns:
        if frame[name].dtype.kind == "f":
            yield from far_values(frame[name], file, str(name))
        else:
            yield from odd_labels(frame[name], file, str(name))
            yield from like_summary(frame[name], file, str(name))


def odd_labels(labels: pd.Series[Any], file: str, name: str) -> Iterator[Problem]:
    """Labels that are nearly alike, and labels that often stand for a missing value."""
    yield from _alike(labels, file, name)
    yield from _like_missing(labels, file, name)


def _like_missing(labels: pd.Series[Any], file: str, name: str) -> Iterator[Problem]:
    """Labels that programs write for a missing value: ``nan``, ``null``, ``#N/A``, a dash."""
    odd = [label for label in labels.dropna().unique() if str(label).strip().casefold() in LIKE_MISSING]
    if odd and len(odd) < len(labels.dropna().unique()):
        found = ", ".join(f"{show_text(label)} × {int((labels == label).sum())}" for label in odd)
        yield Problem("label_like_missing", file, subject=name, found=found)


def summary_rows(
    rows: Sequence[Sequence[Any]],
    body: Sequence[int],
    read: Collection[int],
    file: str,
    place: Callable[[int, int], str],
) -> Iterator[Problem]:
    """A row of means or sums at the end of a table, where the column that says so is not among those `read`."""
    for row in body[-_LAST_ROWS:] if len(body) > _FEWEST_BESIDE_SUMMARY else ():
        cells = rows[row]
        first = next((column for column, cell in enumerate(cells) if cell != ""), 0)
        label, beside = (
            cells[first] if cells else "",
            any(column < len(cells) and cells[column] != "" for column in read),
        )
        if first not in read and beside and isinstance(label, str) and _is_summary(label):
            yield Problem("label_like_summary", file, "", place(row, first), found=show_text(label))


def _is_summary(label: object) -> bool:
    return str(label).strip(" .:*=Øø").casefold() in _OF_A_SUMMARY


def like_summary(labels: pd.Series[Any], file: str, name: str) -> Iterator[Problem]:
    """Labels of a row of means or sums below the table, beside the labels of what was rated.

    SD among AB, CD and EF are the initials of somebody, and a label of many rows that is no more frequent than the
    others is a level of a factor, such as a scale called total.
    """
    counts = labels.value_counts(sort=False)  # in the order in which they come
    if all(len(str(label)) <= _LONGEST_INITIALS and str(label).isalpha() for label in counts.index):
        return
    summaries = [label for label in counts.index if _is_summary(label)]
    beside = counts.drop(summaries)
    if len(beside) < _FEWEST_BESIDE_SUMMARY:
        return
    of_factor = max(_MOST_SUMMARIES, beside.median())  # a level as frequent as the others
    odd = [label for label in summaries if counts[label] <= _MOST_SUMMARIES or counts[label] > of_factor]
    if odd:
        found = ", ".join(f"{show_text(label)} × {int(counts[label])}" for label in odd)
        yield Problem("label_like_summary", file, subject=name, found=found)


def _alike(labels: pd.Series[Any], file: str, name: str) -> Iterator[Problem]:
    found = alike(map(str, labels.dropna().unique()[:_MOST_LABELS]))
    if found:
        yield Problem("labels_alike", file, subject=name, found=found)


def alike(labels: Iterable[str]) -> str:
    """Name the different labels that differ only in case, blanks, zeros, or letters that look alike.

    ``1.0`` and ``1`` are alike too, and ``1E5`` and ``100000``: a spreadsheet turns one into the other.

    Examples
    --------
    >>> alike(["j1", "J1", "j2", "02", "2", "1E5", "100000.0"])
    '"j1" / "J1"; "02" / "2"; "1E5" / "100000.0"'
    """
    groups: dict[str, list[str]] = {}
    for label in labels:
        seen = clean(label) if label.isascii() else unicodedata.normalize("NFKC", clean(label)).translate(_LOOK_ALIKE)
        key = "".join(seen.casefold().split())
        groups.setdefault(_as_number(key) or _ZEROS.sub("", key), []).append(label)
    found = [" / ".join(show_text(one) for one in group) for group in groups.values() if len(group) > 1]
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return "; ".join(found[:_MOST_NAMED]) + more


def _as_number(key: str) -> str:
    """A label that a spreadsheet takes for a whole number, as that number; nothing for others, as 1.1 and 1.10 are."""
    if not _WHOLE.fullmatch(key):
        return ""
    number = float(key.replace(",", "."))
    return f"{number:.0f}" if number.is_integer() else repr(number)


def far_in(values: pd.Series[Any], *, is_scale: bool = True) -> list[float]:
    """Numbers beyond ten times the middle half's width, or beyond three times where they are usual codes.

    Of a scale also a seldom 9 or -1 close beside it.
    """
    present = values.dropna()
    if len(present) < _FEWEST:
        return []
    low, high = float(present.quantile(0.25)), float(present.quantile(0.75))
    width = (high - low) or float((present - present.median()).abs().mean()) or 1.0
    beyond = present[(present < low - 3 * width) | (present > high + 3 * width)]
    far = [
        value
        for value in map(float, beyond.unique())
        if value in USUAL_CODES or not low - 10 * width <= value <= high + 10 * width
    ]
    return far or (_code_beside_scale(present) if is_scale else [])


def _code_beside_scale(present: pd.Series[Any]) -> list[float]:
    """A seldom 8, 9, -1, -8 or -9 beside a scale of few whole numbers that are all in use: 9 among 1 to 5 is no 5.

    The scale ends at least two points before it, and it is at most half as frequent as the number in the middle, so
    that chosen sessions (1, 2, 3 and 9) are none.
    """
    counts = present.value_counts()
    seldom = counts[counts <= counts.median() / 2]
    codes = [value for value in map(float, seldom.index) if value in _OF_ONE_DIGIT]
    scale = counts.drop(codes)
    if not codes or not len(scale) or scale.sum() < _FEWEST_OF_SCALE:
        return []
    low, high = float(scale.index.min()), float(scale.index.max())
    is_scale = len(scale) == high - low + 1 <= _LONGEST_SCALE and low.is_integer()
    return [value for value in codes if is_scale and not low - 2 < value < high + 2]


def far_values(values: pd.Series[Any], file: str, name: str, *, is_scale: bool = True) -> Iterator[Problem]:
    """Say which numbers lie far outside the others, and where the others lie."""
    present, far = values.dropna(), far_in(values, is_scale=is_scale)
    if far and len(far) <= _MOST_NAMED:
        rest = present[~present.isin(far)]
        between = f"{show_number(float(rest.min()))} to {show_number(float(rest.max()))}" if len(rest) else "none"
        found = ", ".join(f"{show_number(value)} × {int((present == value).sum())}" for value in far)
        yield Problem("far_value", file, subject=name, found=found, allowed=between)
