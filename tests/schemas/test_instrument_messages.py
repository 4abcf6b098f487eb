"""Mistakes in an instrument's TOML: each message says the entry, what was found, what is allowed and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from doublecode.schemas.errors import InstrumentError
from doublecode.schemas.instrument import load_instrument

GOOD = """name = "warmth"
title = "Warmth"
version = "1.0"
citation = "none"
rights = "none"

[missing_codes]
NR = "not ratable"

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
anchors = { 0 = "never", 3 = "often" }

[[scales]]
name = "total"
label = "Total"
items = ["smiles", "nods"]
score = "sum"
"""
MISTAKES = {
    "wrong key": (
        'anchors = {',
        'anchor = {',
        "items[2].anchor: there is no such entry (found a table); allowed: anchor_source, anchors, ",
        "did you mean 'anchors'?",
    ),
    "key of another table": (
        'score = "sum"',
        'score = "sum"\nreversed = ["nods"]',
        "scales[1].reversed: there is no such entry (found ['nods']); it belongs under [[items]]; allowed here: bands,",
    ),
    "wrong kind of value": (
        "maximum = 3\nanchors",
        'maximum = "3"\nanchors',
        "items[2].maximum: allowed: a number, without quotation marks (found '3')",
    ),
    "a number for a text": (
        'version = "1.0"',
        "version = 1.0",
        'version: is of the wrong kind (found 1.0); allowed: a text in quotation marks; write version = "1.0"',
    ),
    "a text for a list": (
        'items = ["smiles", "nods"]',
        'items = "smiles"',
        "scales[1].items: is of the wrong kind (found 'smiles'); allowed: a list in square brackets, such as "
        '["a", "b"]; write items = ["smiles"]',
    ),
    "a text for yes or no": (
        'label = "Nods"',
        'label = "Nods"\nreversed = "true"',
        "items[2].reversed: is of the wrong kind (found 'true'); allowed: true or false, without quotation marks; "
        "write reversed = true",
    ),
    "an item twice": (
        'name = "nods"',
        'name = "smiles"',
        "item 'smiles' stands twice; give each a name of its own, or remove one",
    ),
    "a scale of an unknown item": (
        '"smiles", "nods"',
        '"smiles", "nod"',
        "scale 'total': 'nod' is no numeric item; allowed: nods, smiles; did you mean 'nods'?",
    ),
    "no label": (
        'label = "Nods"\n',
        "",
        "items[2].label: is missing; add the line label = …",
    ),
    "low above high": (
        "minimum = 0\nmaximum = 3\nanchors",
        "minimum = 4\nmaximum = 3\nanchors",
        "items[2]: item 'nods': minimum must be below maximum; found 4 and 3, exchange the two",
    ),
    "no range": (
        "maximum = 3\nanchors",
        "anchors",
        "items[2]: item 'nods' is ordinal and needs minimum and maximum; add the line maximum = …",
    ),
    "an anchor outside": (
        '3 = "often"',
        '4 = "often"',
        "items[2]: item 'nods': anchor '4' is no code of the item; allowed: 0, 1, 2, 3; take it out, or widen the "
        "range",
    ),
    "a missing code inside": (
        'NR = "not ratable"',
        '3 = "not ratable"',
        "item 'smiles': missing code '3' is also a value of the item; choose one outside its range (0–3), or say which "
        "codes the item has of its own: missing = []",
    ),
    "an unknown missing code": (
        'label = "Nods"',
        'label = "Nods"\nmissing = ["NRX"]',
        "item 'nods': missing code 'NRX' is not declared; allowed: NR; did you mean 'NR'?",
    ),
    "an unknown kind": (
        'label = "Nods"',
        'label = "Nods"\ntype = "ordnial"',
        "items[2].type: this word is not known (found 'ordnial'); allowed: ordinal, decimal, yes_no, count, minutes, "
        "duration, nominal, text; did you mean 'ordinal'?",
    ),
    "decimals of whole numbers": (
        'label = "Nods"',
        'label = "Nods"\ndecimals = 2',
        "item 'nods': decimals belongs to type = \"decimal\", found type = 'ordinal'; change the type, or take it out",
    ),
    "a range that is no whole number": (
        "maximum = 3\nanchors",
        "maximum = 3.5\nanchors",
        "minimum and maximum of type ordinal are whole numbers; write type = \"decimal\" for others",
    ),
    "nominal without categories": (
        "minimum = 0\nmaximum = 3\nanchors = { 0",
        'type = "nominal"\nanchors = { 0',
        "item 'nods' is nominal and needs categories; add the line categories = { code = \"label\", … }",
    ),
    "a name that is none": (
        'name = "nods"',
        'name = "Nods!"',
        "items[2].name: a name begins with a small letter a-z and holds only a-z, 0-9 and _, such as 'nods' (found "
        "'Nods!')",
    ),
    "a bracket left open": (
        "[[scales]]",
        "[[scales",
        "found '[[scales', allowed: key = value, a text in quotation marks, [[name]] in brackets that are closed. "
        "Mend that line.",
    ),
    "a text without marks": (
        'label = "Nods"',
        "label = Nods",
        "found 'label = Nods', allowed: key = value, a text in quotation marks",
    ),
    "credit for nothing": (
        'label = "Smiles"',
        'label = "Smiles"\nanchor_source = "own words"',
        "anchor_source has no effect without anchors, categories or a definition; add them, or leave it out",
    ),
}  # fmt: skip
PYDANTIC = ("Input should", "Field required", "Extra inputs", "String should", "validation error", "pattern", "type=")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_in_words(mistake: str, tmp_path: Path) -> None:
    old, new, *said = MISTAKES[mistake]
    head, found, tail = GOOD.rpartition(old)
    assert found
    path = tmp_path / "warmth.toml"
    path.write_text(head + new + tail, encoding="utf-8")
    with pytest.raises(InstrumentError) as wrong:
        load_instrument(path)
    message = str(wrong.value)
    assert message.startswith("warmth.toml: ")
    for part in said:
        assert part in message, message
    assert not [phrase for phrase in PYDANTIC if phrase in message], message


def test_reversed_items_that_a_study_names_are_held_to_the_codebook() -> None:
    with pytest.raises(InstrumentError, match=r"reverse names 'benefits', which is no item; .*did you mean 'benefit'"):
        load_instrument("ghes").with_reversal(("benefits",))
