"""The shipped folders are what the generators make from their seeds, and every file says synthetic."""

import csv
import json
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from doublecode.coding.workbooks.layout import RATE, READ_ME, STAMP
from doublecode.data_examples import generate_adolescent_cbt as adolescent
from doublecode.data_examples import generate_telephone_cbt as telephone
from doublecode.data_examples.printed_values import FILE, distances

SIMULATIONS = Path(__file__).parents[1] / "simulations"
README = Path(__file__).parents[2] / "README.md"
FOLDERS = (telephone.SHIPPED, adolescent.SHIPPED)


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """Both folders made again, without LibreOffice, which changes no value."""
    folder = tmp_path_factory.mktemp("again")
    telephone.write_telephone_cbt(folder / telephone.SHIPPED.name, libreoffice=False)
    adolescent.write_adolescent_cbt(folder / adolescent.SHIPPED.name, libreoffice=False)
    return folder


@cache
def opened(path: Path) -> openpyxl.Workbook:
    """A workbook, read once; nothing here writes into one."""
    return openpyxl.load_workbook(path)


def cells(path: Path, sheet: str) -> list[list[object]]:
    """Values of a sheet without empty rows at its end; numbers as numbers, however they were saved."""
    workbook = opened(path)
    rows = [[float(v) if isinstance(v, int | float) else v for v in row] for row in workbook[sheet].values]
    while rows and not any(value is not None for value in rows[-1]):
        rows.pop()
    width = max((i + 1 for row in rows for i, value in enumerate(row) if value is not None), default=0)
    return [(row + [None] * width)[:width] for row in rows]


def without_segments(rows: list[list[object]]) -> list[list[object]]:
    """Rows without empty columns for a stretch to be heard, which every workbook had when the shipped ones went out."""
    top = next(at for at, row in enumerate(rows) if "session_id" in row)
    named = [i for i, head in enumerate(rows[top]) if head in ("start", "stop")]
    bare = [i for i in named if not any(row[i] for row in rows[top + 1 :])]
    return [[value for i, value in enumerate(row) if i not in bare] for row in rows]


def comments(path: Path) -> dict[tuple[object, int], str]:
    rate = opened(path)[RATE]
    heads = {cell.column: cell.value for cell in rate[4]}
    cells = [cell for row in rate.iter_rows(min_row=5) for cell in row if cell.comment]
    return {(heads[cell.column], cell.row): cell.comment.text for cell in cells}


def through_libreoffice(path: Path) -> bool:
    with zipfile.ZipFile(path) as package:
        return b"LibreOffice" in package.read("docProps/app.xml")


@pytest.mark.parametrize("shipped", FOLDERS, ids=lambda f: f.name)
def test_tables_are_made_again_byte_for_byte(shipped, again):
    tables = sorted(path.relative_to(shipped) for path in shipped.rglob("*.csv") if path.name != FILE)
    made = sorted(path.relative_to(again / shipped.name) for path in (again / shipped.name).rglob("*.csv"))
    assert tables == made
    for table in tables:
        assert (shipped / table).read_bytes() == (again / shipped.name / table).read_bytes(), table


@pytest.mark.parametrize("shipped", FOLDERS, ids=lambda f: f.name)
def test_workbooks_are_made_again_cell_for_cell(shipped, again):
    names = sorted(path.name for path in (shipped / "incoming").iterdir())
    assert names == sorted(path.name for path in (again / shipped.name / "incoming").iterdir())
    for name in names:
        there, made = shipped / "incoming" / name, again / shipped.name / "incoming" / name
        # row 1 is a formula that counts finished sessions; LibreOffice writes it in its own way
        assert without_segments(cells(there, RATE)[1:]) == cells(made, RATE)[1:], name
        assert cells(there, STAMP) == cells(made, STAMP), name
        if not through_libreoffice(there):
            assert comments(there) == comments(made), name


def test_another_seed_makes_other_codes(tmp_path, again):
    adolescent.write_adolescent_cbt(tmp_path / "other", seed=adolescent.SEED + 1, libreoffice=False)
    one = again / adolescent.SHIPPED.name / "patients.csv"
    assert (tmp_path / "other" / "patients.csv").read_bytes() != one.read_bytes()


@pytest.mark.parametrize("shipped", FOLDERS, ids=lambda f: f.name)
def test_every_file_says_that_it_is_synthetic(shipped):
    files = [path for path in shipped.rglob("*") if path.is_file() and "report" not in path.parts]
    assert len(files) > 10
    for path in files:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as stream:
                assert {row["synthetic"] for row in csv.DictReader(stream)} == {"yes"}, path.name
        elif path.suffix == ".xlsx":
            workbook = opened(path)
            read_me = " ".join(str(cell) for row in workbook[READ_ME].values for cell in row if cell)
            assert "SYNTHETIC DATA" in read_me, path.name
            assert workbook.properties.keywords == "synthetic", path.name
            assert "synthetic" in workbook.properties.title, path.name
        elif path.name == "published_values.json":
            assert json.loads(path.read_text(encoding="utf-8"))["citation"]  # what the paper prints
        elif path.suffix == ".json":
            assert "SYNTHETIC" in json.loads(path.read_text(encoding="utf-8"))["synthetic"]
        elif path.suffix == ".toml":
            assert tomllib.loads(path.read_text(encoding="utf-8"))["synthetic"] is True
        else:
            assert path.suffix in (".md", ".sqlite"), path.name
            assert path.suffix == ".sqlite" or "synthetic" in path.read_text(encoding="utf-8")


def test_a_third_went_through_libreoffice_and_a_few_are_untidy():
    books = [path for folder in FOLDERS for path in (folder / "incoming").iterdir()]
    libreoffice = [path for path in books if through_libreoffice(path)]
    assert 0.28 <= len(libreoffice) / len(books) <= 0.38
    texts = sum(
        any(isinstance(v, str) and v.strip().isdigit() for row in cells(path, RATE)[4:] for v in row) for path in books
    )
    blanks = sum(any(not any(row) for row in cells(path, RATE)[4:]) for path in books)
    moved = sum(cells(path, RATE)[3].index("notes") == 4 for path in books)
    assert min(texts, blanks, moved, sum(bool(comments(path)) for path in books)) >= 2


def test_the_folders_are_small():
    sizes = [
        path.stat().st_size for folder in FOLDERS for path in folder.rglob("*") if path.suffix in (".csv", ".xlsx")
    ]
    assert sum(sizes) < 2_000_000


@pytest.mark.parametrize("shipped", FOLDERS, ids=lambda f: f.name)
def test_what_2000_seeds_do_not_hold_is_named_with_its_cause(shipped):
    found = json.loads((shipped / "planted_truth.json").read_text(encoding="utf-8"))["recovery"]
    assert found["seeds"] == 2000
    assert found["held"] + len(found["not_held"]) == found["quantities"]
    enough = found["intervals covering 0.92 or more"]
    assert enough + len(found["low_coverage"]) == found["intervals"]
    for one in (*found["not_held"], *found["low_coverage"]):
        assert len(one["cause"]) > 40, one["quantity"]
    table = (SIMULATIONS / f"recovery_{shipped.name.removesuffix('_cbt')}.txt").read_text(encoding="utf-8")
    readme = README.read_text(encoding="utf-8")
    assert f"held: {found['held']} of {found['quantities']} quantities" in table
    assert f"{found['held']} of {found['quantities']} quantities" in readme
    for one in found["low_coverage"]:
        assert f"{one['quantity']} ({one['coverage']:.3f})" in table
        assert f"{one['coverage']:.3f}".removeprefix("0") in readme


def test_the_seed_nearest_to_the_printed_numbers_is_chosen():
    samples = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [5.0, 5.0, 8.0], "other": [9.0, 0.0, 0.0]}, index=[1, 2, 3])
    found = distances(samples, {"a": 1.5, "b": 5.0})
    assert found.idxmin() == 2
    assert found[2] == pytest.approx((0.5**2 / 1 + 0) / 2)
