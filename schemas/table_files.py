"""Reads a CSV table of a study, typed by its contract; nothing is inferred."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from doublecode.schemas.column_types import LINE, decimal_mark, is_grouped, number_in_cell, row_word, said_grouped
from doublecode.schemas.csv_rows import read_csv_rows, without_apostrophe
from doublecode.schemas.errors import ContractError
from doublecode.schemas.frames import Contract, check_columns, check_frame, complete


def read_table(path: Path, contract: Contract) -> pd.DataFrame:
    """Read a CSV file of a study, typed by its contract, nothing inferred; the index holds the line of each row.

    Every cell is read as text; an empty cell is missing, and ``NA`` where a cell may be empty; the columns of the
    contract are then converted to their kind, all others stay text. Commas,
    semicolons or tabs may stand between the cells, as spreadsheet programs
    save them; empty rows are passed over.

    Raises
    ------
    ContractError
        The file or a column is missing, a cell is no number or stands under no head; the message
        names the line.
    DuplicateError
        Two rows carry the same key.
    """
    if not path.is_file():
        raise ContractError(f"{path.name}: the file is missing in {path.parent}. {said_columns(contract)}")
    return typed_table(_texts(path, contract), contract, path.name)


def typed_table(texts: pd.DataFrame, contract: Contract, name: str) -> pd.DataFrame:
    """Type the columns of a contract in a frame of texts, and hold the frame to it.

    Parameters
    ----------
    texts : DataFrame
        Texts, empty cells missing; the index holds the line of each row.
    contract : Contract
    name : str
        The file, in messages.
    """
    way_out = f", or say in study.toml which head holds it: [tables.{contract.name}] map"
    check_columns(texts, contract, name, contract.usual, way_out)
    frame = _without_na(complete(texts, contract), contract, name)
    for column, kind in contract.columns.items():
        if kind != "text":
            frame[column] = _whole(to_numbers(frame[column], f"{name}: column {column!r}"), kind)
    for column in contract.optional:
        if column in frame.columns:
            frame[column] = to_numbers(frame[column], f"{name}: column {column!r}").fillna(1)
    return check_frame(frame, contract, name)


def _without_na(frame: pd.DataFrame, contract: Contract, name: str) -> pd.DataFrame:
    """The frame with ``NA`` missing, as R writes it, in columns that may be empty; nobody can be called so."""
    for column, kind in contract.columns.items():
        odd = frame[column].isin(["NA"]).to_numpy() if column in frame.columns else np.zeros(0, dtype=bool)
        if not odd.any():
            continue
        if column not in contract.may_be_empty and kind == "text":
            where = f"{name}: column {column!r}, {row_word(frame.index)} {frame.index[int(odd.argmax())]}"
            raise ContractError(
                f"{where}: found 'NA', which stands for a missing value. Write what it is, or another id."
            )
        if column in contract.may_be_empty and contract.name != "given":
            frame = frame.assign(**{column: frame[column].mask(odd)})
    return frame


def _whole(numbers: pd.Series[Any], kind: str) -> pd.Series[Any]:
    """Session numbers as whole numbers, however they were written (``2.0``); what is none stays for the check."""
    is_whole = kind == "integer" and bool(
        (numbers.notna() & (numbers == numbers.round()) & (numbers.abs() < 1e15)).all()
    )
    return numbers.astype("int64") if is_whole else numbers


def said_columns(contract: Contract) -> str:
    """Say which columns a table needs, and which it may have."""
    needed = ", ".join(name for name in contract.columns if name not in contract.usual)
    also = f"; it may have {', '.join(contract.usual)}" if contract.usual else ""
    return f"Columns: {needed}{also}."


def _texts(path: Path, contract: Contract) -> pd.DataFrame:
    """The filled rows of a CSV file as texts, empty cells missing."""
    found = read_csv_rows(path.read_bytes(), contract.columns, path.name)
    filled = [
        ([without_apostrophe(cell.strip()) for cell in row], line)
        for row, line in zip(found.rows, found.lines, strict=True)
        if any(cell.strip() for cell in row)
    ]
    if not filled:
        raise ContractError(f"{path.name}: the file is empty. {said_columns(contract)}")
    (heads, _), *body = filled
    again = [name for place, name in enumerate(heads) if name and name in heads[:place]]
    if again:
        raise ContractError(f"{path.name}: the column {again[0]!r} stands twice. Remove or rename one of the two.")
    lines = pd.Index([line for _, line in body], name=LINE)
    columns = {
        name: pd.Series([row[place] or None if place < len(row) else None for row, _ in body], lines, dtype="str")
        for place, name in enumerate(heads)
        if name
    }
    return pd.DataFrame(columns, index=lines)


def to_numbers(texts: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Convert a column of texts to numbers; empty stays missing, anything else raises with its line.

    A decimal comma is one where the column has it beyond doubt: ``1,250`` may be a thousand, as may ``1.250``
    beside whole numbers, and is refused.
    """
    comma = texts.notna() & texts.astype("str").str.contains(",", regex=False, na=False)
    cells = texts.where(texts.notna(), None).tolist()
    decimal = decimal_mark(cells)
    unclear = [place for place, cell in enumerate(cells) if is_grouped(cell) and number_in_cell(cell, decimal) is None]
    if unclear:
        where = f"{name}, {row_word(texts.index)} {texts.index[unclear[0]]}"
        raise ContractError(f"{where}: {said_grouped(str(cells[unclear[0]]))}")
    if decimal == ",":
        texts = texts.where(~comma, texts.str.replace(",", ".", regex=False))
    numbers = pd.to_numeric(texts, errors="coerce")
    wrong = ((numbers.isna() | np.isinf(numbers)) & texts.notna()).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise ContractError(
            f"{name}, {row_word(texts.index)} {texts.index[row]}: found {texts.iloc[row]!r}, allowed a number with a "
            "decimal point, or an empty cell. Correct the cell."
        )
    return numbers
