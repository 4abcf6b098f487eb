"""Every codebook that is shipped: its card, its source, and the way from a workbook to scores."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.scoring import score
from doublecode.coding.workbooks.content import Sheet
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.layout import Stamp
from doublecode.coding.workbooks.write import make_workbook
from doublecode.schemas.codebook_hash import coding_hash
from doublecode.schemas.instrument import Instrument, load_instrument, shipped_instruments
from doublecode.schemas.item import Item

SESSIONS = ("S-1", "S-2", "S-3")


def value_for(item: Item, place: int) -> Any:
    """A value that the item allows, another one in each session."""
    if item.codes:
        return item.codes[place % len(item.codes)]
    if item.categories:
        return list(item.categories)[place % len(item.categories)]
    return "words" if item.type == "text" else 10 + place


def counted(item: Item, value: Any) -> float:
    """What a value counts in a score, by the codebook."""
    number = item.values[value] if item.values else float(value)
    return item.low + item.high - number if item.reversed else number


def filled(book: Instrument, folder: Path) -> tuple[Path, dict[tuple[str, str], Any]]:
    """A workbook of the codebook, as a rater sends it back."""
    stamp = Stamp("toy", book.name, book.version, coding_hash(book), "R1", "batch01")
    given = {item.name: "before" for item in book.columns if item.given}
    rows = [{"session_id": one, "recording": f"{one}.mp3", **given} for one in SESSIONS]
    sent = folder / "sent.xlsx"
    make_workbook(Sheet(stamp, book, rows)).save(sent)
    cells = {
        (session, item.name): value_for(item, row + place)
        for row, session in enumerate(SESSIONS)
        for place, item in enumerate(book.columns)
        if not item.given
    }
    return fill_workbook(sent, folder / f"R1_{book.name}_batch01.xlsx", cells), cells


@pytest.mark.parametrize("name", shipped_instruments())
def test_a_shipped_instrument_from_its_card_to_its_scores(name: str, tmp_path: Path) -> None:
    book = load_instrument(name)
    card = " ".join(str(book).split())
    assert re.search(r"\((19|20)\d\d\)", book.citation)
    assert all(" ".join(text.split()) in card for text in (book.title, book.citation, book.rights))
    for item in book.items:
        assert item.name in card
    path, cells = filled(book, tmp_path)
    ratings, problems = read_workbook(path)
    assert [one for one in problems if one.severity == "error"] == []
    assert len(ratings) == len(cells) + len(SESSIONS) * sum(item.given for item in book.columns)
    if not book.scales:
        return
    numbers = ratings.drop(columns=["patient", "session"])
    scores = score(numbers, book).set_index(["session_id", "scale"])["value"]
    for scale in (scale for scale in book.scales if not scale.lagged):
        for session in SESSIONS:
            members = [counted(book.item(name), cells[session, name]) for name in scale.items]
            total = sum(members) / (len(members) if scale.score == "mean" else 1)
            assert scores[session, scale.name] == pytest.approx(total, abs=1e-12), scale.name


@pytest.mark.parametrize("name", shipped_instruments())
def test_a_crosswalk_names_items_that_there_are(name: str) -> None:
    for item in load_instrument(name).items:
        for other, names in item.crosswalk.items():
            for one in names.split(", "):
                assert load_instrument(other).item(one)
