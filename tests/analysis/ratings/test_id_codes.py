"""Ids of every type and order give the same codes; the truth is pandas' own coding, or a frame read set by set."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.ratings.id_codes import id_codes, set_codes
from doublecode.analysis.reliability.interrater import icc
from doublecode.schemas.errors import ContractError, DuplicateError

NAMES = {"targets": "session", "raters": "rater", "ratings": "score"}
IDS = ["item", "session", "rater"]


@pytest.fixture(scope="module")
def long() -> pd.DataFrame:
    """Synthetic: 40 sessions × 3 raters × 4 items, items not in the order of the alphabet."""
    rng = np.random.default_rng(8)
    sessions = [f"S-{code}" for code in rng.permutation(1000)[:40]]
    index = pd.MultiIndex.from_product([["spec", "agree", "set", "review"], sessions, ["R2", "R1", "R3"]], names=IDS)
    score = rng.normal(size=(4, 40, 1)) + rng.normal(size=(4, 40, 3))
    return pd.DataFrame({"score": score.ravel()}, index=index).reset_index()


def separate(column: pd.Series) -> pd.Series:
    """The same texts, each row with an object of its own."""
    return pd.Series(["".join(list(text)) for text in column], dtype=object, index=column.index)


@pytest.mark.parametrize(
    "labels",
    [
        ["S-9", "S-1", "S-9", "S-1", "S-4"] * 3,
        [3, 1, 3, 2],
        [2.5, 1.0, 2.5],
        list(pd.to_datetime(["2024-03-01", "2024-01-01", "2024-03-01"])),
    ],
)
@pytest.mark.parametrize("kind", ["as they are", "object", "category"])
@pytest.mark.parametrize("sort", [True, False])
def test_codes_are_those_of_pandas(labels, kind, sort):
    series = pd.Series(labels) if kind == "as they are" else pd.Series(labels).astype(kind)
    codes, names = id_codes(series, "icc", sort=sort)
    assert [names[code] for code in codes] == labels
    assert list(names) == (sorted(set(labels)) if sort else list(dict.fromkeys(labels)))


@pytest.mark.parametrize("dtype", ["str", "string", "object"])
def test_texts_are_compared_by_value_whether_rows_share_them_or_not(long, dtype):
    shared, own = long["session"].astype(dtype), separate(long["session"]).astype(dtype)
    for sort in (True, False):
        codes, names = id_codes(shared, "icc", sort=sort)
        again, same = id_codes(own, "icc", sort=sort)
        np.testing.assert_array_equal(codes, again)
        assert names == same
        assert len(names) == 40


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("sort", [True, False])
def test_runs_of_one_text_are_coded_by_the_run(shared, sort):
    labels = [text for text in ("spec", "agree", "set", "agree") for _ in range(300)]
    series = pd.Series(labels, dtype=object) if shared else separate(pd.Series(labels))
    codes, names = id_codes(series, "icc", sort=sort)
    assert [names[code] for code in codes] == labels
    assert list(names) == (sorted(set(labels)) if sort else list(dict.fromkeys(labels)))


@pytest.mark.parametrize("blank", [pd.NA, None, np.nan], ids=["NA", "None", "NaN"])
@pytest.mark.parametrize("column", IDS)
def test_a_blank_among_texts_of_their_own_is_named_by_its_row(long, blank, column):
    ids = long.assign(**{name: separate(long[name]) for name in IDS})
    ids.loc[300, column] = blank
    with pytest.raises(ContractError, match=f"column '{column}' is blank in row 300"):
        icc(ids, **NAMES, by="item")


def test_a_number_and_its_text_are_two_ids():
    codes, names = id_codes(pd.Series([1, "1", 2, 1, "1", 2] * 4, dtype=object), "icc")
    assert len(names) == 3
    assert codes[0] != codes[1]
    assert codes[0] == codes[3]


def test_equal_numbers_of_two_types_are_one_id():
    one, other = 1, 1.0
    codes, names = id_codes(pd.Series([one, other, 2] * 4, dtype=object), "icc")
    assert codes.tolist() == [0, 0, 1] * 4
    assert names == (1, 2)


def test_levels_that_do_not_occur_are_left_out_and_levels_order_the_sets(long):
    levels = ["unused", "set", "review", "agree", "spec", "last"]
    frame = long.assign(item=pd.Categorical(long["item"], categories=levels))
    _, keys = set_codes([frame["item"]], len(frame), "icc")
    assert keys == (("set",), ("review",), ("agree",), ("spec",))
    found = icc(frame, **NAMES, by="item").frame
    plain = icc(long, **NAMES, by="item").frame.set_index(["item", "form"])
    assert found["item"].drop_duplicates().tolist() == ["set", "review", "agree", "spec"]
    pd.testing.assert_frame_equal(
        found.set_index(["item", "form"]).loc[plain.index], plain, rtol=1e-12, check_index_type=False
    )


ORDERS = {
    "set after set": lambda frame: frame,
    "sets alternate": lambda frame: frame.sort_values(["session", "rater"], kind="stable"),
    "shuffled": lambda frame: frame.sample(frac=1, random_state=0),
    "backwards": lambda frame: frame.iloc[::-1],
}
TYPES = {
    "str": lambda frame: frame,
    "own objects": lambda frame: frame.assign(**{name: separate(frame[name]).astype("str") for name in IDS}),
    "object": lambda frame: frame.astype(dict.fromkeys(IDS, object)),
    "string": lambda frame: frame.astype(dict.fromkeys(IDS, "string")),
    "category": lambda frame: frame.astype(dict.fromkeys(IDS, "category")),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("dtype", "holes"), [*((dtype, []) for dtype in TYPES), ("str", [5]), ("own objects", [5, 125, 245, 365])]
)
def test_sets_read_together_are_the_sets_read_one_by_one(long, order, dtype, holes):
    frame = TYPES[dtype](ORDERS[order](long.drop(holes)))
    together = icc(frame, **NAMES, by="item").frame
    for item, part in long.groupby("item"):
        alone = icc(part.loc[part.index.intersection(frame.index)], **NAMES).frame
        own = together[together["item"] == item].drop(columns="item").reset_index(drop=True)
        # Rows in another order are summed in another order; REML limits stop at a tolerance.
        pd.testing.assert_frame_equal(own, alone, rtol=1e-5 if holes else 1e-10, check_dtype=False)


@pytest.mark.parametrize("order", ["set after set", "sets alternate"])
@pytest.mark.parametrize("column", ["session", "rater"])
def test_a_blank_id_in_every_set_is_named_by_its_first_row(long, order, column):
    frame = long.assign(**{column: long[column].where(np.arange(len(long)) % 120 != 7)})
    with pytest.raises(ContractError, match=f"column '{column}' is blank in row 7 although"):
        icc(ORDERS[order](frame), **NAMES, by="item")


@pytest.mark.parametrize("order", ORDERS)
def test_a_repeat_in_every_set_is_counted_in_all_of_them(long, order):
    frame = long.assign(rater=long["rater"].replace({"R3": "R1"}))
    with pytest.raises(DuplicateError, match=r"rater 'R1' rated session .* in agree \(160 repeated row\(s\) in all\)"):
        icc(ORDERS[order](frame), **NAMES, by="item")


def test_one_other_id_keeps_the_sets_apart(long):
    other = long["session"].where(long.index != len(long) - 1, "S-other")
    sets = icc(long.assign(session=other), **NAMES, by="item").design["sets"]
    assert {entry["set"]["item"]: entry["kind"] for entry in sets}["review"] == "incomplete"
    assert [entry["n_targets"] for entry in sets] == [40, 41, 40, 40]
