"""Writing a study folder: tables, and workbooks as raters send them back.

Every file says that it is synthetic: tables in a column of that name, workbooks
on their first sheet and in their properties.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.coding.reading.study_tables import read_study_table
from doublecode.coding.workbooks.fill import CellValue, fill_workbook
from doublecode.coding.workbooks.layout import NOTES, RECORDING, SESSION, STOP, rate_columns
from doublecode.coding.workbooks.write import has_segments, write_workbooks
from doublecode.data_examples.streams import stream
from doublecode.schemas.errors import UsageError
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.study import Study, load_study

SYNTHETIC = "SYNTHETIC DATA: made by a generator, no patient, rater or therapist is real."


def write_folder(
    folder: Path,
    shipped: Path,
    tables: Mapping[str, pd.DataFrame],
    ratings: pd.DataFrame,
    *,
    seed: int,
    libreoffice: bool,
) -> None:
    """Write a study folder: its tables, and its ratings as the workbooks that raters send back.

    What is written by hand (``study.toml``, ``README.md``, ``planted_truth.json``) is copied from the
    `shipped` folder where that is another one; ``incoming/`` is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("study.toml", "README.md", "planted_truth.json"):
        if folder.resolve() != shipped.resolve() and (shipped / name).is_file():
            shutil.copyfile(shipped / name, folder / name)
    for name, table in tables.items():
        write_table(table, folder / f"{name}.csv")
    shutil.rmtree(folder / "incoming", ignore_errors=True)
    assignments = tables["assignments"]
    write_returns(load_study(folder), returns_of(ratings, assignments, seed), assignments, libreoffice=libreoffice)


def generator_arguments(description: str | None, shipped: Path, seed: int) -> argparse.Namespace:
    """Parse the command line of a generator: folder, seed, without_libreoffice."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", nargs="?", default=shipped, type=Path)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--without-libreoffice", action="store_true")
    return parser.parse_args()


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table of a study as CSV, marked in a last column ``synthetic``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.assign(synthetic="yes").to_csv(path, index=False, lineterminator="\n", float_format="%g")


@dataclass(frozen=True)
class Habits:
    """What a rater does to a workbook besides rating.

    Attributes
    ----------
    libreoffice : bool
        She saves it with LibreOffice.
    text_numbers : bool
        Some codes are typed as text, with a space behind.
    comment, blank_row, moved_columns : bool
        A comment on a cell; an empty row; the notes moved to the front of the items.
    """

    libreoffice: bool = False
    text_numbers: bool = False
    comment: bool = False
    blank_row: bool = False
    moved_columns: bool = False


@dataclass(frozen=True)
class Return:
    """One workbook that comes back: what is in its cells, and in what state."""

    name: str
    instrument: str
    cells: Mapping[tuple[str, str], CellValue]
    habits: Habits = field(default_factory=Habits)


def habits_of(seed: int, names: Sequence[str]) -> dict[str, Habits]:
    """Deal out habits: a third of the workbooks through LibreOffice, a tenth with each of the others."""
    rng = stream(seed, "habits")

    def some(share: float) -> set[str]:
        return set(rng.permutation(np.array(sorted(names)))[: max(1, round(share * len(names)))])

    libreoffice, texts, comments, blanks, moved = some(1 / 3), some(0.12), some(0.1), some(0.1), some(0.1)
    return {
        name: Habits(name in libreoffice, name in texts, name in comments, name in blanks, name in moved)
        for name in names
    }


def returns_of(ratings: pd.DataFrame, assignments: pd.DataFrame, seed: int) -> list[Return]:
    """Turn ratings into the cells of the workbooks to which they were assigned, with each rater's habits."""
    keys = [SESSION, "rater", "instrument"]
    placed = ratings.merge(assignments[[*keys, "batch"]], on=keys, how="left", validate="many_to_one")
    names = placed["rater"] + "_" + placed["instrument"] + "_" + placed["batch"] + ".xlsx"
    habits = habits_of(seed, sorted(names.unique()))
    returns = []
    for name, rows in placed.groupby(names, sort=True):
        cells = {
            (str(session), str(item)): _cell(value, text, code)
            for session, item, value, text, code in zip(
                rows[SESSION], rows["item"], rows["value"], rows["text"], rows["missing_code"], strict=True
            )
        }
        returns.append(Return(str(name), str(rows["instrument"].iloc[0]), cells, habits[str(name)]))
    return returns


def _cell(value: float, text: str | None, code: str | None) -> CellValue:
    if not pd.isna(value):
        return int(value)
    return code if isinstance(code, str) else text


def write_returns(study: Study, returns: Sequence[Return], assignments: pd.DataFrame, *, libreoffice: bool) -> None:
    """Write the study's workbooks and fill ``incoming/`` with them as they come back.

    Without `libreoffice` no workbook goes through it; the cells are the same.
    """
    incoming = study.folder / "incoming"
    with tempfile.TemporaryDirectory() as scratch:
        outgoing = {path.name: path for path in write_workbooks(study, assignments, Path(scratch) / "outgoing")}
        for one in returns:
            _fill(outgoing[one.name], incoming / one.name, one, study)
    if libreoffice:
        save_with_libreoffice([incoming / one.name for one in returns if one.habits.libreoffice])


def _fill(source: Path, target: Path, one: Return, study: Study) -> None:
    rng = stream(study.seed, f"cells of {one.name}")
    sessions = sorted({session for session, _ in one.cells})
    numbers = sorted(place for place, value in one.cells.items() if isinstance(value, int))
    cells = dict(one.cells)
    if one.habits.text_numbers and numbers:
        for place in rng.choice(len(numbers), size=3, replace=False):
            cells[numbers[place]] = f"{cells[numbers[place]]} "
    place = sorted(cells)[int(rng.integers(len(cells)))]
    target.parent.mkdir(parents=True, exist_ok=True)
    fill_workbook(
        source,
        target,
        cells,
        comments={place: "Not sure here: heard twice."} if one.habits.comment else None,
        blank_rows_after=[sessions[len(sessions) // 2]] if one.habits.blank_row else (),
        column_order=_notes_first(study, study.codebooks[one.instrument]) if one.habits.moved_columns else None,
        synthetic=SYNTHETIC,
    )


def _notes_first(study: Study, book: Instrument) -> list[str]:
    """The columns of a workbook with ``notes`` moved before the items."""
    segments = has_segments(book, read_study_table(study, "sessions"))
    heads = [name for name in rate_columns(book, segments=segments) if name != NOTES]
    after = heads.index(STOP if segments else RECORDING) + 1
    return [*heads[:after], NOTES, *heads[after:]]


def save_with_libreoffice(paths: Sequence[Path]) -> None:
    """Open each workbook in LibreOffice without a window and save it in place.

    Raises
    ------
    UsageError
        LibreOffice is not installed, or did not write a file.
    """
    program = shutil.which("soffice")
    if program is None:
        raise UsageError("LibreOffice (soffice) is not installed. Install it, or generate without it.")
    with tempfile.TemporaryDirectory() as scratch:
        command = [program, f"-env:UserInstallation=file://{scratch}/profile", "--headless", "--convert-to", "xlsx"]
        subprocess.run(
            [*command, "--outdir", f"{scratch}/saved", *map(str, paths)], check=True, capture_output=True, timeout=600
        )
        for path in paths:
            saved = Path(scratch) / "saved" / path.name
            if not saved.is_file():
                raise UsageError(f"{path.name}: LibreOffice did not write it. Run the generator again.")
            shutil.copyfile(saved, path)
