"""Words that a second newcomer did not understand: options with a range, cells with a range, a note per item."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from doublecode.analysis.cli import app as cli
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.study.frame_codebook import _of_variable
from doublecode.analysis.study.joined_notes import joined_notes
from doublecode.coding.reading.cells import make_codec, read_cell
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import Item
from doublecode.schemas.problems import Problem
from doublecode.schemas.results import Note
from doublecode.schemas.scale import Scale
from doublecode.schemas.study_parts import Variable


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["doublecode", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        return " ".join("".join(capsys.readouterr()).replace("│", " ").split())

    return call


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("allocate", "s", "--share", "40"), "'--share': found '40'; give a number from 0 to 1; 40 % is 0.4."),
        (("allocate", "s", "--share", "40%"), "'--share': found '40%'; give a number from 0 to 1; 40 % is 0.4."),
        (("allocate", "s", "--share", "nan"), "'--share': found 'nan'; give a number from 0 to 1; 40 % is 0.4."),
        (("allocate", "s", "--batches", "0"), "'--batches': found '0'; give a whole number from 1 on."),
        (("allocate", "s", "--batches", "1.5"), "'--batches': found '1.5'; give a whole number from 1 on."),
        (("allocate", "s", "--seed", "x"), "'--seed': found 'x'; give a whole number."),
        (("drift", "s", "--top", "-1"), "'--top': found '-1'; give a whole number from 0 on."),
        (("drift", "s", "--by-date", "two"), "'--by-date': found 'two'; give a whole number."),
        (("icc", "s", "--conf-level", "95"), "found '95'; give a number from 0.5 to 0.9999; 95 % is 0.95."),
    ],
)
def test_an_option_out_of_its_range_says_what_to_give(
    refused: Callable[..., str], words: tuple[str, ...], said: str
) -> None:
    assert said in refused(*words)


def book_of_minutes() -> Instrument:
    minutes = Item(name="minutes", label="Minutes", type="minutes", minimum=0, maximum=60)
    done = tuple(Item(name=name, label=name, type="yes_no") for name in ("c1", "c2", "c3"))
    talks = Item(name="talks", label="Talks", type="count")
    total = Scale(name="total", label="Total", items=("c1", "c2", "c3"), score="sum")
    mean = Scale(name="mean", label="Mean", items=("c1", "c2", "c3"), score="mean")
    open_end = Scale(name="open_end", label="Open", items=("c1", "talks"), score="sum")
    return Instrument(
        name="own", title="Own", version="1", citation="None (2026)", rights="free", missing_codes={"NR": "not rated"},
        items=(minutes, *done, talks), scales=(total, mean, open_end),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "code", "step"),
    [
        (70.0, "out_of_range", "Type an allowed value."),
        ("many", "not_a_number", "Type an allowed value."),
        ("12,5", "half_point", "Type a whole number, without decimals."),
    ],
)
def test_the_next_step_fits_an_item_of_minutes(value: object, code: str, step: str) -> None:
    book = book_of_minutes()
    read = read_cell(value, make_codec(book, book.item("minutes")))
    problem = Problem(read.problem, found=read.found, allowed=read.allowed)
    assert (problem.code, problem.next_step) == (code, step)
    assert "whole minutes from 0 to 60" in problem.sentence


@pytest.mark.parametrize(
    ("column", "low", "high", "unit"),
    [
        ({"scale": "total"}, 0, 3, "points"),
        ({"scale": "mean"}, 0, 1, "mean of the items"),
        ({"scale": "open_end"}, 0, None, "points"),
        ({"item": "c1"}, 0, 1, None),
        ({"item": "minutes"}, 0, 60, None),
        ({"item": "talks"}, 0, None, None),
        ({"scale": "total", "change": "previous"}, -3, 3, "points"),
        ({"scale": "open_end", "change": "previous"}, None, None, "points"),
    ],
)
def test_the_codebook_of_a_frame_has_the_range_of_items_without_declared_ends(
    column: dict[str, str], low: float | None, high: float | None, unit: str | None
) -> None:
    study = SimpleNamespace(codebooks={"own": book_of_minutes()}, events=())
    row = _of_variable(Variable(name="v", instrument="own", **column), study, "")
    assert (row["lowest"], row["highest"], row["unit"]) == (low, high, unit)


def test_notes_of_several_items_are_one_line_that_names_them() -> None:
    names = {"targets": "session", "raters": "rater"}
    notes = [Note("different_raters", f"item = a{n}", {**names, "q": 0.55 + n / 100}) for n in (1, 2, 3)]
    (one,) = joined_notes(notes)
    assert one.subject == "item = a1; item = a2; item = a3"
    assert "(q = 0.560 to 0.580)" in sentence(one)
    assert joined_notes(notes[:1]) == tuple(notes[:1])
    other = replace(notes[0], numbers={**notes[0].numbers, "targets": "tape"})
    assert len(joined_notes([*notes, other])) == 2
