"""What a coordinator found in a report: per cent of a wrong unit, items as1, as10, as11, counts that disagree."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import icc
from doublecode.analysis.report.headlines import ratings_in_words
from doublecode.analysis.report.records import results_record
from doublecode.analysis.report.sections_recodes import recode_section
from doublecode.analysis.study.recodes import TOGETHER, recode_table
from doublecode.analysis.study.scale_consistency import consistency_table
from doublecode.analysis.study.study_scales import reliability_of
from doublecode.schemas.instrument import Instrument, load_instrument

ITEMS = [f"as{n}" for n in range(1, 13)]


HEAD = """name = "style"
title = "Style (synthetic)"
version = "1"
citation = "none"
rights = "ours"
[missing_codes]
NR = "not heard"
"""
ITEM = """[[items]]
name = "{name}"
label = "Label of {name}"
minimum = 0
maximum = 6
anchors = {{ 0 = "no" }}
anchor_source = "ours"
"""
SCALE = """[[scales]]
name = "{name}"
label = "{name}"
items = {items}
score = "mean"
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Instrument:
    scales = (SCALE.format(name="structure", items=ITEMS[:6]), SCALE.format(name="bond", items=ITEMS[6:]))
    path = tmp_path_factory.mktemp("book") / "style.toml"
    path.write_text(HEAD + "".join(ITEM.format(name=name) for name in ITEMS) + "".join(scales), encoding="utf-8")
    return load_instrument(path)


@pytest.fixture(scope="module")
def study(book):
    use = SimpleNamespace(source="raters", reliability="two-way", reliability_interval="model")
    raters = tuple(SimpleNamespace(id=name) for name in ("Zoe", "Anna", "Ben"))
    return SimpleNamespace(codebooks={"style": book}, raters=raters, use=lambda _: use, due={})


def rated(raters: tuple[str, ...], seed: int, sessions: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, 6, sessions)
    return pd.DataFrame(
        [
            {"study": "s", "session_id": f"S-{s}", "patient": f"P{s % 6}", "session": s // 6 + 1, "rater": rater,
             "instrument": "style", "item": item, "value": float(truth[s] + rng.integers(-1, 2)), "phase": "main",
             "occasion": 1}
            for s in range(sessions) for rater in raters for item in ITEMS
        ]
    )  # fmt: skip


@pytest.fixture(scope="module")
def recodes(study):
    again = rated(("Ben", "Zoe"), 1, sessions=5).assign(occasion=2)
    return recode_table(study, rated(("Anna", "Ben", "Zoe"), 1), again)


def test_recodes_stand_as_in_the_codebook_raters_as_declared_and_together_last(recodes):
    frame = recodes.frame
    assert list(dict.fromkeys(frame["part"])) == [*ITEMS, "structure", "bond"]
    assert frame["rater"].tolist() == ["Zoe", "Ben", TOGETHER] * 14


def test_the_row_of_all_raters_adds_their_recodes_up(recodes):
    for _, rows in recodes.frame.groupby("part"):
        alone, together = rows[rows["rater"] != TOGETHER], rows[rows["rater"] == TOGETHER].iloc[0]
        assert together["n_sessions"] == alone["n_sessions"].sum() == 10
        for column in ("percent_equal", "mean_change"):
            weighed = np.average(alone[column], weights=alone["n_sessions"])
            assert together[column] == pytest.approx(weighed, abs=1e-12)
        assert -1 <= together["conf_low"] < together["estimate"] < together["conf_high"] <= 1
        assert alone["estimate"].notna().all()


def test_one_rater_alone_has_no_row_of_all(study):
    found = recode_table(study, rated(("Anna",), 2), rated(("Anna",), 3).assign(occasion=2))
    assert set(found.frame["rater"]) == {"Anna"}
    (table,) = recode_section(found).blocks
    assert len(table.notes) == 2  # how it is counted; that nobody knows the days between


def test_equal_per_cent_is_shown_as_per_cent(recodes):
    (table,) = recode_section(recodes).blocks
    place = [column.heading for column in table.columns].index("Equal (%)")
    shown = [float(row[place]) for row in table.body() if len(row) > 1]
    assert shown == pytest.approx(recodes.frame["percent_equal"].tolist(), abs=0.05)
    assert len(table.notes) == 4  # few sessions rated again, the row of all raters, days that nobody knows


@pytest.mark.parametrize("written", ["telephone_document", "adolescent_document"])
def test_no_table_of_a_report_shows_per_cent_of_a_wrong_unit(written, request):
    """A share is a *percent* column, what is in per cent already a *number*: none beyond 100, none all below 1."""
    n_columns = 0
    for table in request.getfixturevalue(written).tables():
        rows = [row for row in table.body() if len(row) > 1]
        for place, column in enumerate(table.columns):
            shares = column.kind == "percent"
            if not shares and "%" not in column.heading.replace("95% CI", ""):
                continue
            n_columns += 1
            cells = [row[place] for row in rows if re.search(r"\d", row[place])]
            ends = [cell[1:-1].split(", ") if cell.startswith("[") and cell.endswith("]") else [cell] for cell in cells]
            values = [float(end.rstrip(" %").replace("−", "-")) for both in ends for end in both]
            assert all(0 <= value <= 100 for value in values), (table.name, column.heading)
            assert not values or max(values) > 1, (table.name, column.heading)
    assert n_columns


def test_items_and_scales_of_reliability_stand_as_in_the_codebook(study):
    found = reliability_of(study, rated(("Anna", "Ben"), 4).sample(frac=1.0, random_state=1))
    assert found.frame["name"].tolist() == [*ITEMS, "structure", "bond"]
    said = [re.search(r"\((?:item|scale) (\w+)\)", line)[1] for line in found.sentence().splitlines()]
    assert said == [*ITEMS, "structure", "bond"]


def test_scales_by_session_stand_as_in_the_codebook(book):
    one = rated(("Anna",), 5, sessions=48).drop(columns="rater")
    found = consistency_table(one, [book])
    for table in found.tables():
        assert list(dict.fromkeys(table.frame["scale"])) == ["structure", "bond"]


def two_raters(first: list[float], second: list[float]) -> pd.DataFrame:
    n = len(first)
    return pd.DataFrame({"tape": [*range(n)] * 2, "rater": ["A"] * n + ["B"] * n, "y": [*first, *second]})


def spread_notes(data: pd.DataFrame) -> list[str]:
    return [one for one in icc(data, targets="tape", raters="rater", ratings="y").note_texts() if "spread" in one]


def yes_no(n_yes: int, n_no: int, n_apart: int) -> pd.DataFrame:
    """Pairs that agree on yes, on no, and that do not (the raters in turn)."""
    apart = [1.0, 0.0] * (n_apart // 2)
    return two_raters([1.0] * n_yes + [0.0] * n_no + apart, [1.0] * n_yes + [0.0] * n_no + [1 - one for one in apart])


def test_a_yes_no_item_of_57_per_cent_has_all_the_spread_it_can_have():
    data = yes_no(42, 28, 24)  # agreement 74 %, 57 % yes, ICC .48: as the coordinator's item was
    assert data["y"].mean() == pytest.approx(0.574, abs=0.001)
    assert spread_notes(data) == []


@pytest.mark.parametrize(("code", "other"), [(0.0, 1.0), (1.0, 2.0), (0.0, 10.0)])
def test_a_yes_no_item_of_95_per_cent_has_little_and_nothing_is_near(code, other):
    data = yes_no(90, 2, 8)
    data["y"] = data["y"].map({1.0: code, 0.0: other})
    (said,) = spread_notes(data)
    assert "agree exactly on 92% of 100 pairs; 94% of the ratings are" in said
    assert "within" not in said
    assert "report agreement (AC1) beside it" in said


@pytest.mark.parametrize(("counts", "warns"), [((30, 40, 30), False), ((25, 52, 23), False), ((4, 92, 4), True)])
def test_items_of_three_codes_are_judged_by_their_variance(counts, warns):
    rng = np.random.default_rng(3)
    first = np.repeat([0.0, 1.0, 2.0], counts)
    second = np.where(rng.random(100) < (0.6 if warns else 0.24), rng.permutation(first), first)
    assert bool(spread_notes(two_raters(first.tolist(), second.tolist()))) is warns


def test_counts_of_ratings_add_up_and_are_named():
    counts = {"read": 6947, "in_numbers": 6403, "rated_again": 240, "kept_out": 304}
    assert ratings_in_words(counts) == "6,403 in the numbers, 240 rated again, 304 kept out; "
    assert ratings_in_words({"read": 9, "in_numbers": 9, "rated_again": 0, "kept_out": 0}) == ""


@pytest.mark.parametrize("name", ["telephone", "adolescent"])
def test_tile_table_and_results_count_the_same_ratings(name, request):
    run, written = (request.getfixturevalue(f"{name}_{one}") for one in ("run", "document"))
    counts = run.intake.rating_counts
    assert counts["read"] == run.intake.files["n_rows"].sum()
    (tile,) = [one for one in written.headlines if one.label.endswith("read")]
    assert tile.value == f"{len(run.intake.files)} with {counts['read']:,} ratings"
    assert results_record(run)["ratings"] == counts
