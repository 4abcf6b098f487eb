"""Workbooks that are out there stay right when a model gets a new field."""

from __future__ import annotations

import pytest

from doublecode.schemas.codebook_hash import CODING_1, CONTENT_1, coding_hash, content_hash
from doublecode.schemas.instrument import Instrument, Segment, load_instrument, shipped_instruments
from doublecode.schemas.item import Item
from doublecode.schemas.scale import Band, Scale

PINNED = {
    "alliance_model": ("c5abcdecf1c4dba8ce03019848bb74b7687db301ea755265fecc2b5d3ded0251", "ee84480b6593"),
    "ghes": ("a1abe5e22d9973cff772ce5a63f4325f496aef0fd0f2f38fb4193b474efe2e83", "5b5c53e604c3"),
    "homework_adherence": ("4cf5ba7ddd157347636c402ae3aeded658460a3670571e49c46eb0dd5ca8a609", "d079d0c3c96b"),
    "homework_degrees": ("2bbf905bc748a2e5af70e85b147869f66ccf591d827ef728193cc425e5a6e9a0", "a3176d3f1b27"),
    "homework_difficulties": ("7f618373a3b87d6ff810f8499bee54060f5c8376131f98668e82b681faa27d40", "3ae6f94f431f"),
    "homework_log": ("f3bb74aa76c9d96338eef37e418ab1f120ba0b8828f4aada3eb2c11e55314d09", "dd1d4be0dc68"),
    "homework_planning": ("40ef6df875c869eb52da9e4a403f1644ebdbd5018accf7d06056c073ed98674e", "6a2210078d24"),
    "homework_procedures": ("c9911699e69837258ac60410d8043c62e7f1bd5e99e6712297a41fc1aa9d8c38", "52730533923b"),
    "homework_quantity_quality": ("5a73a1e435c5c095019a40d4f1f8532892502df28062603e7a78ce014bbb39c2", "d5259d2596b7"),
    "initial_resistance": ("0e54dfe5b75331d435a4c63d79fa8e230b3c6b8199d6262208859c3cdd0417a5", "6cec548e00cb"),
    "phq9": ("04f2024f3d293a4334c53c98aeb39e8724e978bc14e245932234d64749c1ebcc", "3f668c0d3f06"),
    "sthar": ("cff4da301514d3f61a20e1cf5c392f11e9bff463a6c95f338504968bbc2eef3b", "84bdc4c12db9"),
    "thabs": ("43d9a21b5ed37291b7a351cec791dfafcf7c86720a90944c28c46aecb5abde0f", "215d2addf632"),
}


def test_the_hash_of_each_shipped_codebook_is_what_workbooks_bear():
    books = {name: load_instrument(name) for name in shipped_instruments()}
    assert {name: (coding_hash(book), book.content_hash[:12]) for name, book in books.items()} == PINNED


class LaterItem(Item):
    """An item with a field that came later."""

    colour: str = ""


class LaterInstrument(Instrument):
    """A codebook with two."""

    language: str = "en"
    items: tuple[LaterItem, ...]


LaterItem.__name__, LaterInstrument.__name__ = "Item", "Instrument"


@pytest.mark.parametrize("name", PINNED)
def test_a_field_with_a_default_changes_no_hash(name):
    old = load_instrument(name)
    new = LaterInstrument.model_validate_json(old.model_dump_json())
    assert coding_hash(new) == coding_hash(old)
    assert content_hash(new) == content_hash(old)
    other = new.model_copy(update={"language": "de"})
    assert content_hash(other) != content_hash(old)
    assert coding_hash(other) == coding_hash(old)


@pytest.mark.parametrize("model", [Instrument, Item, Scale, Band, Segment])
def test_every_listed_field_is_there(model):
    for listed in (CODING_1, CONTENT_1):
        assert set(listed.get(model.__name__, ())) <= set(model.model_fields)


def test_what_raters_meet_changes_the_hash():
    book = load_instrument("thabs")
    first, *rest = book.items
    renamed = book.model_copy(update={"items": (first.model_copy(update={"label": "x"}), *rest)})
    assert coding_hash(renamed) != coding_hash(book)
    flagged = book.model_copy(update={"items": (first.model_copy(update={"flag_from": 3}), *rest)})
    assert coding_hash(flagged) == coding_hash(book)
    assert content_hash(flagged) != content_hash(book)


def test_fields_that_came_later_count_where_they_are_set():
    book = load_instrument("thabs")
    first, *rest = book.items
    for field, value in (("hint", "x"), ("definition", "x"), ("one_column_per_code", True), ("values", {"a": 1.0})):
        other = book.model_copy(update={"items": (first.model_copy(update={field: value}), *rest)})
        assert coding_hash(other) != coding_hash(book), field
        assert content_hash(other) != content_hash(book), field
    shown_only = book.model_copy(update={"items": (first.model_copy(update={"crosswalk": {"sthar": "x"}}), *rest)})
    assert coding_hash(shown_only) == coding_hash(book)
    assert content_hash(shown_only) != content_hash(book)
