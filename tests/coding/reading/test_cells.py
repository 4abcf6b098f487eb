from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doublecode.coding.reading.cells import Reading, make_codec, read_cell
from doublecode.schemas.instrument import Instrument, load_instrument
from doublecode.schemas.item import Item
from doublecode.schemas.problems import CATALOGUE

BOOKS = [load_instrument(name) for name in ("thabs", "ghes", "homework_log", "initial_resistance")]
PAIRS = [(book, item) for book in BOOKS for item in book.columns]

cell_values = st.one_of(
    st.none(), st.booleans(), st.floats(), st.text(max_size=12), st.dates(), st.datetimes(), st.times(),
    st.timedeltas(), st.integers(-5, 9).map(float), st.integers(-5, 9).map(str),
    st.sampled_from(["NA", "in", " NR ", "PE", "pe,be", "1:30"]),
)  # fmt: skip


def is_allowed(reading: Reading, book: Instrument, item: Item) -> bool:
    if reading.missing is not None:
        return reading.missing in book.missing_for(item)
    if item.is_numeric:
        high = math.inf if item.maximum is None else item.maximum
        return (item.minimum or 0) <= reading.value <= high and reading.value.is_integer()
    if item.type == "nominal":
        return reading.text is not None and set(reading.text.split(",")) <= set(item.categories)
    return reading.text is not None and bool(reading.text.strip())


@given(st.sampled_from(PAIRS), cell_values, st.sampled_from([None, 1, 4]))
def test_whatever_stands_in_a_cell_is_an_allowed_code_or_a_problem(pair, value, session):
    book, item = pair
    reading = read_cell(value, make_codec(book, item), session)
    if reading.problem:
        assert reading.problem in CATALOGUE
    if reading.problem in ("", "text_number"):
        assert (reading.is_empty and (item.optional or item.given)) or is_allowed(reading, book, item)
    else:
        assert math.isnan(reading.value)
        assert reading.text is None
        assert reading.missing is None


@given(st.sampled_from(PAIRS), st.integers(-3, 12))
def test_a_number_and_its_text_are_read_alike(pair, number):
    book, item = pair
    codec = make_codec(book, item)
    typed, written = read_cell(float(number), codec), read_cell(str(number), codec)
    assert typed.text == written.text
    assert (typed.value == written.value) or (math.isnan(typed.value) and math.isnan(written.value))
    if item.type == "ordinal":
        assert (typed.problem == "") == (item.minimum <= number <= item.maximum)


def test_true_is_not_one_and_false_is_not_zero():
    book = load_instrument("thabs")
    codec = make_codec(book, book.item("rationale"))
    assert read_cell(1.0, codec).value == 1
    assert read_cell(True, codec).problem == read_cell(False, codec).problem == "boolean_cell"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (dt.date(2026, 3, 2), "2026-03-02"), (dt.datetime(2026, 3, 2), "2026-03-02"),
        (dt.datetime(2026, 3, 2, 1, 30), "2026-03-02 01:30:00"), (dt.time(1, 30), "01:30:00"),
        (True, "TRUE"), (2.5, "2.5"), (7.0, "7"), ("a\x07b", '"a⟨U+0007⟩b"'), ("x" * 60, '"' + "x" * 39 + '…"'),
    ],
)  # fmt: skip
def test_what_was_found_is_shown_as_a_person_would_write_it(value, found):
    book = load_instrument("thabs")
    assert read_cell(value, make_codec(book, book.item("rationale"))).found == found
