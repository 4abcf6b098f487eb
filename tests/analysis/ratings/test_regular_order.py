"""Full tables in regular order: the same sets as from shuffled rows, and nothing taken for regular that is not."""

from __future__ import annotations

import gc
import weakref
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import icc
from doublecode.analysis.ratings.frames import read_ratings
from doublecode.analysis.ratings.regular_order import full_table
from doublecode.schemas.errors import ContractError, DuplicateError

IDS = ["phase", "item", "session", "rater"]
LABELS = {"phase": ["pre", "mid"], "item": ["plan", "agree", "set"], "session": ["S-9", "S-1", "S-4", "S-2"]}
LABELS["rater"] = ["R2", "R3", "R1"]
SHAPE = [2, 3, 4, 3]


def table_in(order: tuple[str, ...]) -> pd.DataFrame:
    """Every label with every other, rows sorted by the place of the labels of the columns `order`."""
    index = pd.MultiIndex.from_product([LABELS[name] for name in order], names=order)
    frame = pd.DataFrame(index=index).reset_index()
    places = [frame[name].map(LABELS[name].index).to_numpy() for name in IDS]
    return frame.assign(score=np.ravel_multi_index(places, SHAPE).astype(float))


def as_type(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    own = frame.assign(**{name: ["".join(list(text)) for text in frame[name]] for name in IDS})
    if kind == "numbers":
        return frame.assign(**{name: frame[name].map(LABELS[name].index) for name in IDS})
    return {"texts": frame, "own": own, "objects": own.astype(dict.fromkeys(IDS, object))}.get(
        kind, frame.astype(dict.fromkeys(IDS, "category"))
    )


@pytest.mark.parametrize("kind", ["texts", "own", "objects", "categories", "numbers"])
@pytest.mark.parametrize("order", list(permutations(IDS))[::5])
@pytest.mark.parametrize("sort", [True, False])
def test_regular_rows_give_the_sets_that_a_pivot_gives(kind: str, order: tuple[str, ...], sort: bool) -> None:
    frame = as_type(table_in(order), kind)
    columns = [frame[name] for name in IDS]
    assert full_table(columns, frame["score"].to_numpy()) is not None
    asked = {"targets": "session", "raters": "rater", "ratings": "score", "by": ["phase", "item"]}
    read = read_ratings(frame, **asked, sort_targets=sort)
    (group,) = read.groups
    keys = sorted((phase, item) for phase in set(frame["phase"]) for item in set(frame["item"]))
    assert list(read.keys) == keys
    sessions = sorted(set(frame["session"])) if sort else list(dict.fromkeys(frame["session"]))
    for key, values in zip(keys, group.values, strict=True):
        part = frame[(frame["phase"] == key[0]) & (frame["item"] == key[1])].astype(
            {"session": object, "rater": object}
        )
        wide = part.pivot_table(index="session", columns="rater", values="score").loc[sessions]
        assert tuple(wide.columns) == group.layout.rater_names
        assert np.array_equal(values, wide.to_numpy().ravel())


def odd_ones() -> dict[str, pd.DataFrame]:
    frame = as_type(table_in(tuple(IDS)), "objects")
    swapped = frame.iloc[[1, 0, *range(2, len(frame))]]
    late = frame.iloc[[*range(len(frame) - 2), len(frame) - 1, len(frame) - 2]]
    names = ["rater", "session"]
    twice, unknown, number = frame.copy(), frame.copy(), frame.copy()
    twice.loc[4, names] = frame.loc[3, names].to_numpy()
    unknown.loc[40, "rater"] = pd.NA
    number["rater"] = number["rater"].map({"R1": 1, "R2": "1", "R3": "2"})
    return {
        "two rows swapped": swapped, "last rows swapped": late, "a row less": frame.iloc[:-1], "twice": twice,
        "unknown": unknown, "number beside text": number, "blank": frame.replace({"rater": {"R3": " "}}),
        "shuffled": frame.sample(frac=1, random_state=3),
    }  # fmt: skip


@pytest.mark.parametrize("what", list(odd_ones()))
def test_odd_rows_are_not_taken_for_regular(what: str) -> None:
    frame = odd_ones()[what]
    for kind in (object, "str"):
        typed = frame.astype({"rater": kind}) if what not in ("unknown", "number beside text") else frame
        assert full_table([typed[name] for name in IDS], typed["score"].to_numpy()) is None


def test_a_category_without_a_label_is_no_label() -> None:
    sessions = pd.Series(pd.Categorical(["S-1", "S-1", None, None], categories=["S-1", "S-2"]))
    assert full_table([sessions, pd.Series([1, 2, 1, 2])], np.arange(4.0)) is None


def test_what_is_no_full_table_is_refused_as_before() -> None:
    asked = {"targets": "session", "raters": "rater", "ratings": "score", "by": ["phase", "item"]}
    odd = odd_ones()
    with pytest.raises(DuplicateError, match=r"rater 'R2' rated session 'S-1' more than once"):
        icc(odd["twice"].assign(rater=odd["twice"]["rater"].where(odd["twice"].index != 4, "R2")), **asked)
    with pytest.raises(ContractError, match="column 'rater' is blank in row 40"):
        icc(odd["unknown"], **asked)
    with pytest.raises(ContractError, match="stands for a missing label"):
        icc(odd["blank"], **asked)


def test_an_answer_does_not_change_with_its_frame_or_with_another_answer() -> None:
    frame = table_in(tuple(IDS))
    asked = {"targets": "session", "raters": "rater", "ratings": "score", "by": "item"}
    part = frame[frame["phase"] == "pre"].reset_index(drop=True)
    found = icc(part, **asked)
    before = found.estimates.read.groups[0].values.copy()
    part["score"] = 0.0
    part.loc[:, "score"] = 1.0
    found.frame.columns.name = "mine"
    found.frame.loc[0, "form"] = "mine"
    again = icc(frame[frame["phase"] == "pre"], **asked)
    assert np.array_equal(found.estimates.read.groups[0].values, before)
    assert again.frame.columns.name is None
    assert again.frame.loc[0, "form"] == "ICC(1,1)"


@pytest.mark.parametrize("ids", [int, float], ids=["read by pattern", "looked up"])
@pytest.mark.parametrize("rows", [12, 11], ids=["full", "with a gap"])
def test_what_is_read_does_not_see_later_changes_of_the_frame(ids, rows):
    frame = pd.DataFrame({"session": np.repeat(np.arange(4), 3), "rater": np.tile(np.arange(3), 4)}).astype(ids)
    frame = frame.assign(score=np.arange(12.0)).iloc[:rows].copy()
    read = read_ratings(frame, targets="session", raters="rater", ratings="score")
    frame.loc[:, "score"] = -1.0
    frame.index = pd.RangeIndex(100, 100 + rows)
    assert read.groups[0].values.ravel().tolist() == list(range(rows))
    assert read.rows.tolist() == list(range(rows))


@pytest.mark.parametrize("rows", [12, 11], ids=["full", "with a gap"])
def test_a_result_keeps_no_frame_alive_and_looks_only_at_columns_in_use(rows):
    frame = pd.DataFrame({"session": np.repeat(np.arange(4), 3), "rater": list("ABC") * 4, "score": np.arange(12.0)})
    frame = frame.assign(notes=[["a", "b"]] * 12).iloc[:rows].copy()
    asked = {"targets": "session", "raters": "rater", "ratings": "score"}
    with pytest.raises(ContractError, match="the column 'notes' holds several values in one cell"):
        icc(frame, **asked | {"raters": "notes"})
    alive = weakref.ref(frame)
    found = icc(frame, **asked)
    del frame
    gc.collect()
    assert alive() is None
    assert found.rows.tolist() == list(range(rows))


def test_a_column_named_by_a_number_is_a_rater_too():
    frame = pd.DataFrame({1: np.repeat(np.arange(4), 3), 0: np.tile(np.arange(3), 4), 2: np.arange(12.0)})
    assert read_ratings(frame, targets=1, raters=0, ratings=2).groups[0].layout.kind == "complete"
