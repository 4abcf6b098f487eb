from __future__ import annotations

import pytest

from doublecode.schemas.errors import InstrumentError
from doublecode.schemas.instrument import Instrument, load_instrument, shipped_instruments

GOOD = """
name = "warmth"
title = "Warmth"
version = "1.0"
citation = "none"
rights = "none"
[missing_codes]
NR = "not ratable"
IN = "insufficient information"
[[items]]
name = "smiles"
label = "Smiles"
minimum = 0
maximum = 3
[[items]]
name = "nods"
label = "Nods"
minimum = 0
maximum = 3
[[scales]]
name = "total"
label = "Total"
items = ["smiles", "nods"]
score = "sum"
"""


def load(tmp_path, text: str) -> Instrument:
    path = tmp_path / "warmth.toml"
    path.write_text(text, encoding="utf-8")
    return load_instrument(path)


def test_shipped_instruments_are_those_of_the_two_papers_and_six_of_the_field():
    assert shipped_instruments() == (
        "alliance_model", "ghes", "homework_adherence", "homework_degrees", "homework_difficulties", "homework_log",
        "homework_planning", "homework_procedures", "homework_quantity_quality", "initial_resistance", "phq9", "sthar",
        "thabs",
    )  # fmt: skip
    for name in shipped_instruments():
        book = load_instrument(name)
        assert book.name == name
        assert book.citation
        assert book.rights
        assert len(book.content_hash) == 64


@pytest.mark.parametrize(
    ("name", "n_items", "low", "high"),
    [
        ("thabs", 5, 0, 4), ("homework_adherence", 1, 0, 6), ("initial_resistance", 6, 1, 5),
        ("ghes", 7, 0, 4), ("sthar", 8, 0, 4), ("phq9", 9, 0, 3),
    ],
)  # fmt: skip
def test_ranges_are_those_that_the_papers_print(name, n_items, low, high):
    ordinal = [item for item in load_instrument(name).columns if item.type == "ordinal"]
    assert [(item.minimum, item.maximum) for item in ordinal] == [(low, high)] * n_items


def test_applicability_reversal_lag_flag_and_slots():
    thabs = load_instrument("thabs")
    assert [item.name for item in thabs.items if item.not_applicable_when] == ["review", "praise"]
    assert thabs.item("time_assigning").type == "duration"
    assert [item.name for item in load_instrument("ghes").items if item.reversed] == ["difficulties"]
    tbh = load_instrument("sthar").scale("tbh")
    assert len(tbh.lagged) == 5
    assert tbh.required == 8
    assert load_instrument("sthar").scale("same_tape").lagged == ()
    phq9 = load_instrument("phq9")
    assert [item.name for item in phq9.items if item.flag_from == 1] == ["self_harm"]
    assert (phq9.scale("total").bands[-1].low, phq9.scale("total").bands[-1].high) == (20, 27)
    log = [item.name for item in load_instrument("homework_log").columns]
    assert log[:4] == ["type_1", "completed_1", "difficulties_1", "type_2"]
    assert len(log) == 12
    segment = load_instrument("initial_resistance").segment
    assert segment is not None
    assert (segment.start_minute, segment.minutes) == (5, 15)


def test_anchors_name_who_wrote_them():
    for name in shipped_instruments():
        for item in load_instrument(name).items:
            assert item.credit or not item.anchors, f"{name}.{item.name}"
            assert item.meanings or item.definition or not item.credit, f"{name}.{item.name}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "Warmth"', "", "title: is missing; add the line title = …"),
        ("maximum = 3", "", "items.*needs minimum and maximum"),
        ("maximum = 3", "maximum = 0", "minimum must be below maximum"),
        ("maximum = 3", 'maximum = "3"', r"maximum: allowed: a number, without quotation marks \(found '3'\)"),
        ("maximum = 3", "maximum = true", r"maximum: allowed: a number, without quotation marks \(found true\)"),
        ('name = "nods"', 'name = "smiles"', "'smiles' stands twice"),
        ('name = "nods"', 'name = "Nods!"', "a name begins with a small letter a-z.*such as 'nods'"),
        ('"smiles", "nods"', '"smiles", "winks"', "'winks' is no numeric item; allowed: nods, smiles"),
        ('score = "sum"', 'score = "median"', r"this word is not known \(found 'median'\); allowed: mean, sum"),
        ('score = "sum"', 'score = "sum"\nminimum_valid = 1', "set prorate = true"),
        ('score = "sum"', 'score = "mean"\nlagged = ["winks"]', "'winks' is not among its items"),
        ('label = "Nods"', 'label = "Nods"\nmissing = ["ZZ"]', "'ZZ' is not declared; allowed: NR, IN"),
        ('label = "Nods"', 'label = "Nods"\nanchors = { 7 = "often" }', "anchor '7' is no code"),
        ('label = "Nods"', 'label = "Nods"\ncolour = "red"', r"items\[2\]\.colour: there is no such entry"),
        ('version = "1.0"', 'version = "new"', "allowed numbers and dots"),
        ("[[scales]]", "[[scales", "not valid TOML"),
    ],
)
def test_a_wrong_entry_is_named_with_what_is_allowed(tmp_path, old, new, message):
    head, _, tail = GOOD.rpartition(old)
    with pytest.raises(InstrumentError, match=f"(?s)warmth.toml.*{message}"):
        load(tmp_path, head + new + tail)


def test_a_codebook_of_ones_own(tmp_path):
    book = load(tmp_path, GOOD)
    assert book.scale("total").required == 2
    assert book.allowed(book.item("nods")) == "0–3 or NR/IN"
    with pytest.raises(InstrumentError, match="no item 'winks'; allowed: smiles, nods"):
        book.item("winks")
    with pytest.raises(InstrumentError, match="no shipped instrument 'warmth'; allowed: alliance_model, ghes"):
        load_instrument("warmth")
    with pytest.raises(InstrumentError, match="no such file"):
        load_instrument(tmp_path / "gone.toml")


def test_categories_keep_apart_from_separators_and_missing_codes(tmp_path):
    nominal = '[[items]]\nname = "kind"\nlabel = "Kind"\ntype = "nominal"\n'
    with pytest.raises(InstrumentError, match="category 'IN' is also a missing code"):
        load(tmp_path, GOOD.replace("[[scales]]", nominal + 'categories = { IN = "in" }\n[[scales]]'))
    several = 'multiple = true\ncategories = { "A B" = "two words" }\n[[scales]]'
    with pytest.raises(InstrumentError, match="must not hold a separator"):
        load(tmp_path, GOOD.replace("[[scales]]", nominal + several))
