"""What a command on any file reads: names as they were typed, columns by what they are used as, remarks said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from doublecode.coding.console import say
from doublecode.schemas.column_types import Role, is_date, number_in_cell
from doublecode.schemas.errors import MissingColumn, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.problems import Problem

_NAME = re.compile(r"`[^`]*`|[^,`]+")


def names_in(text: str) -> tuple[str, ...]:
    """Split a list typed with commas; a name in backticks may hold one.

    Examples
    --------
    >>> names_in("a, b,c"), names_in("`a, b`,phq.9,`1st`")
    (('a', 'b', 'c'), ('a, b', 'phq.9', '1st'))
    """
    return tuple(name for name in (bare(part) for part in _NAME.findall(text)) if name)


def bare(name: str) -> str:
    """A name without the backticks and blanks around it."""
    name = name.strip()
    return name[1:-1] if len(name) > 2 and name[0] == name[-1] == "`" else name


class Given(NamedTuple):
    """Ratings in long form, the columns of rater and rating, and what is to be said of the file."""

    data: pd.DataFrame
    raters: str | None
    ratings: str
    remarks: list[Problem]


def with_remarks(record: dict[str, Any], remarks: Sequence[Problem | str]) -> dict[str, Any]:
    """A result's record, in whose notes what was said of the file stands first."""
    return {**record, "notes": [*map(str, remarks), *record["notes"]]}


def read_ratings(
    file: Path,
    targets: str,
    raters: str | None,
    ratings: str | None,
    others: Sequence[str],
    sheet: str | None,
    missing: Sequence[str],
    *,
    as_text: bool = False,
) -> Given:
    """Ratings in long form, and the names of the columns of rater and rating; a wide table is turned."""
    from doublecode.coding.reading.long_table import read_wide

    columns = names_in(raters or "")
    if ratings is not None:
        rater = None if raters is None else bare(raters)
        wanted = tuple(name for name in (targets, rater, ratings, *others) if name)
        roles = {ratings: Role.TEXT if as_text else Role.NUMBER}
        data, remarks = read_columns(file, wanted, sheet, roles, missing)
        return Given(data, rater, ratings, remarks)
    if len(columns) < 2:
        raise UsageError("--ratings: name the column of the rating, or for a wide table all raters: --raters J1,J2,J3.")
    try:
        data, remarks = read_wide(file, targets, columns, sheet, others=others, missing=missing, as_text=as_text)
    except MissingColumn as wrong:
        raise UsageError(str(wrong)) from None
    _say(remarks)
    return Given(data, "rater", "rating", remarks)


def read_codes(
    file: Path,
    targets: str,
    raters: str | None,
    ratings: str | None,
    others: Sequence[str],
    sheet: str | None,
    missing: Sequence[str],
    *,
    as_text: bool,
) -> Given:
    """Ratings as :func:`read_ratings` has them; columns without any number hold names."""
    if ratings is None and not as_text:
        as_text = _hold_names(file, names_in(raters or ""), sheet, missing)
    if ratings is None or as_text:
        return read_ratings(file, targets, raters, ratings, others, sheet, missing, as_text=as_text)
    rater = None if raters is None else bare(raters)
    labels = tuple(name for name in (targets, rater, *others) if name and name != ratings)
    data, remarks = read_columns(file, (*labels, ratings), sheet, {ratings: Role.LABEL}, missing)
    seen = data[ratings].dropna()
    odd = any(number_in_cell(text) is not None or is_date(text) for text in seen.unique())
    if seen.dtype.kind != "f" and (seen.empty or odd):
        # names beside numbers and dates are refused at their cell; --nominal reads them all as names
        data, _ = read_columns(file, (*labels, ratings), sheet, {ratings: Role.NUMBER}, missing, quiet=True)
    return Given(data, rater, ratings, remarks)


def _hold_names(file: Path, columns: Sequence[str], sheet: str | None, missing: Sequence[str]) -> bool:
    """Whether the columns of the raters hold names of codes, and no number or date at all."""
    if len(columns) < 2:
        return False
    data, _ = read_columns(file, columns, sheet, dict.fromkeys(columns, Role.TEXT), missing, quiet=True)
    seen = {text for name in columns for text in data[name].dropna().unique()}
    return bool(seen) and not any(
        number_in_cell(text) is not None or number_in_cell(text, ",") is not None or is_date(text) for text in seen
    )


def read_columns(
    file: Path,
    columns: Sequence[str],
    sheet: str | None,
    roles: Mapping[str, Role],
    missing: Sequence[str] = (),
    *,
    quiet: bool = False,
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read columns, each as what `roles` says, text where it says nothing; remarks are printed beside the answer."""
    from doublecode.coding.reading.long_table import read_rows

    wanted = tuple(dict.fromkeys(columns))
    asked = {name: roles.get(name, Role.TEXT) for name in wanted}
    try:
        data, remarks = read_rows(file, wanted, sheet=sheet, roles=asked, missing=missing, by_line=True)
    except MissingColumn as wrong:
        # a column that was named on the command line and is not there is wrong use, not wrong data
        raise UsageError(str(wrong)) from None
    if not quiet:
        _say(remarks)
    return data, remarks


def _say(remarks: Sequence[Problem]) -> None:
    """Remarks on a table go beside the answer, so that what a program reads stays what it is."""
    for remark in remarks:
        say(str(remark), to_error=True)
