from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doublecode.coding.reading.container import calls_out, open_book, open_package
from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.reading.safe_xml import TooLarge
from doublecode.coding.reading.sheet_shape import cell_name, column_letter, split_cell, split_range

REFERENCE = Path(__file__).parents[2] / "reference"
SOURCES = (REFERENCE / "libreoffice_ghes.xlsx", REFERENCE / "libreoffice_ghes.ods")
INSERTS = (b"<", b">", b'"', b"9999999999", b'<c r="ZZZ9"><v>1</v></c>', b"&amp;", b"\0", b' hidden="1"', b"<f>1</f>")


@given(st.integers(0, 1_048_575), st.integers(0, 16_383))
def test_cell_names_go_there_and_back(row, column):
    assert split_cell(cell_name(row, column)) == (row, column)


def test_names_of_columns_and_ranges():
    assert [column_letter(number) for number in (1, 26, 27, 702, 703)] == ["A", "Z", "AA", "ZZ", "AAA"]
    assert split_cell("line 3") == split_cell("") == (-1, -1)
    assert split_range("B2:C4") == (1, 1, 3, 2)
    assert split_range("B2") == (1, 1, 1, 1)


def spoil(data: bytes, rng: random.Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(rng.choice([1, 3, 20])):
        at = rng.randrange(len(spoilt) + 1)
        chance = rng.random()
        if chance < 0.4:
            spoilt[at : at + 1] = bytes([rng.randrange(256)])
        elif chance < 0.7:
            del spoilt[at : at + rng.randrange(1, 30)]
        else:
            spoilt[at:at] = rng.choice(INSERTS)
    return bytes(spoilt)


def rebuilt(source: Path, rng: random.Random) -> bytes:
    """The same package with one part spoilt, or the package itself spoilt."""
    if rng.random() < 0.2:
        return spoil(source.read_bytes(), rng)
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice([name for name in parts if name.endswith((".xml", ".rels"))])
    parts[name] = spoil(parts[name], rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
    return out.getvalue()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SOURCES), st.integers(0, 10**9))
def test_a_spoilt_file_is_a_problem_and_never_a_crash(tmp_path, source, seed):
    path = tmp_path / f"spoilt{source.suffix}"
    path.write_bytes(rebuilt(source, random.Random(seed)))
    ratings, problems = read_workbook(path)
    assert len(ratings) or problems


def test_kinds_are_told_by_content_not_by_name(tmp_path):
    for source in SOURCES:
        renamed = tmp_path / "codes.dat"
        renamed.write_bytes(source.read_bytes())
        assert open_package(renamed).kind == source.suffix.removeprefix(".")


def test_an_ods_that_repeats_a_cell_without_end(tmp_path):
    with zipfile.ZipFile(SOURCES[1]) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    content = parts["content.xml"]
    at = content.index(b"<table:table-cell", content.index(b'table:name="Rate"'))
    more = b' table:number-columns-repeated="16000"'
    parts["content.xml"] = (
        content[: at + 17]
        + more
        + content[at + 17 :].replace(b"<table:table-row ", b'<table:table-row table:number-rows-repeated="100000" ', 5)
    )
    path = tmp_path / "bomb.ods"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    with pytest.raises(TooLarge):
        open_book(open_package(path)).sheet("Rate")
    assert [one.code for one in read_workbook(path)[1]] == ["too_large"]


def test_a_locked_ods(tmp_path):
    path = tmp_path / "locked.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest:encryption-data/>")
    assert [one.code for one in open_package(path).problems] == ["password_protected"]


@pytest.mark.parametrize(
    ("formula", "is_outward"),
    [
        ("=1+2", False), ('=COUNTIF(A1:A4,"x")', False), ('=WEBSERVICE("http://x")', True),
        ("=[1]Sheet1!A1", True), ("=cmd|' /c calc'!A0", True), ("=SUM(A1)", False),
    ],
)  # fmt: skip
def test_formulas_that_call_out(formula, is_outward):
    assert calls_out(formula) is is_outward
