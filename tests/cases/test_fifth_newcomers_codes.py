"""Nominal items without values are counted, with the agreement of double-coded sessions. All data are synthetic."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import agreement
from doublecode.analysis.report.sections_codes import codes_section
from doublecode.analysis.report.traced_tables import TracedTables
from doublecode.analysis.study.code_counts import WHOLE, code_counts
from doublecode.schemas import load_study
from doublecode.schemas.frames import RATINGS

BOOK = """
name = "coach"
title = "Coaching (synthetic)"
version = "1"
citation = "made up"
rights = "none"
[[items]]
name = "module"
label = "Module"
type = "nominal"
categories = { 1 = "Mindfulness", 2 = "Distress", 3 = "Emotion", 4 = "Others" }
[[items]]
name = "degree"
label = "Degree"
type = "nominal"
categories = { J = "yes", N = "no" }
values = { J = 1, N = 0 }
[[items]]
name = "tools"
label = "Tools"
type = "nominal"
multiple = true
categories = { a = "chain", b = "card" }
[[items]]
name = "site"
label = "Site"
type = "nominal"
given = true
categories = { x = "ward", y = "home" }
[[items]]
name = "note"
label = "Note"
type = "text"
optional = true
"""
STUDY = """
name = "toy"
title = "Toy"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }, { id = "R3" }]
[[instruments]]
name = "coach.toml"
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "coach.toml").write_text(BOOK, encoding="utf-8")
    return load_study(tmp_path)


def rows(item, cells, phase="main"):
    """Ratings of an item: {(session, rater): text}."""
    blank = dict.fromkeys(RATINGS.columns)
    return [
        blank | {"study": "toy", "session_id": s, "rater": r, "instrument": "coach", "item": item, "text": text,
                 "value": np.nan, "phase": phase}
        for (s, r), text in cells.items()
    ]  # fmt: skip


def counted(study, *parts):
    found = code_counts(study, pd.DataFrame([row for part in parts for row in part]))
    return found if found is None else found.frame


def test_codes_called_by_numbers_are_counted_and_compared(study):
    cells = {(f"S{n}", r): str(1 + (n + (n % 3 == 0 and r == "R2")) % 3) for n in range(12) for r in ("R1", "R2")}
    cells |= {(f"S{n}", "R3"): "2" for n in range(12, 15)} | {("S15", "R3"): None}
    found = counted(study, rows("module", cells))
    assert found["code"].tolist() == ["1", "2", "3", "4", WHOLE]
    assert found["category"].tolist()[:4] == ["Mindfulness", "Distress", "Emotion", "Others"]
    assert found["n_codes"].tolist()[-2:] == [0, 27]
    assert found["n_codes"].sum() == 2 * 27
    assert found["percent"].iloc[:4].sum() == pytest.approx(100)
    whole = found.iloc[-1]
    assert (whole["n_sessions"], whole["n_multiply_coded"]) == (15, 12)
    assert whole["agreement"] == pytest.approx(8 / 12)
    data = pd.DataFrame(rows("module", {key: f"m{code}" for key, code in cells.items() if code}))
    same = agreement(data, targets="session_id", raters="rater", ratings="text").frame.set_index("coefficient")
    assert whole["kappa"] == pytest.approx(same.loc["Fleiss' kappa", "estimate"])
    assert whole["conf_low"] == pytest.approx(same.loc["Fleiss' kappa", "conf_low"])


def test_items_with_values_texts_and_blank_ones_are_not_in_it(study):
    assert counted(study, rows("degree", {("S1", "R1"): "J"}), rows("note", {("S1", "R1"): "good"})) is None
    assert counted(study, rows("module", {("S1", "R1"): None})) is None


def test_several_answers_in_a_cell_by_code_alone(study):
    cells = {("S1", "R1"): "a,b", ("S1", "R2"): "a", ("S2", "R1"): "b", ("S2", "R2"): "b"}
    found = counted(study, rows("tools", cells)).set_index("code")
    assert found["n_codes"].tolist() == [2, 3, 5]
    assert found["percent"].tolist() == [50, 75, 125]
    assert found.loc[["a", "b"], "agreement"].tolist() == [1.0, 0.5]
    assert np.isnan(found.loc[WHOLE, "agreement"])


def test_once_coded_and_filled_in_beforehand_have_counts_alone(study):
    once = counted(study, rows("module", {("S1", "R1"): "1", ("S2", "R2"): "3"}))
    given = counted(study, rows("site", {("S1", "R1"): "x", ("S1", "R2"): "x"}))
    assert once["n_codes"].tolist() == [1, 0, 1, 0, 2]
    assert given["n_sessions"].tolist() == [1, 0, 1]
    assert once["agreement"].isna().all()
    assert given["agreement"].isna().all()


def test_phases_stand_apart_and_the_section_shows_them(study):
    pilot = rows("module", {("P1", "R1"): "4", ("P1", "R2"): "4"}, phase="pilot")
    main = rows("module", {("S1", "R1"): "1", ("S1", "R2"): "1", ("S2", "R1"): "2", ("S2", "R2"): "1"})
    found = code_counts(study, pd.DataFrame([*pilot, *main]))
    assert found.frame["phase"].tolist() == ["main"] * 5 + ["pilot"] * 5
    (table,) = codes_section(found).blocks
    assert table.frame["item_of"].unique().tolist() == [
        "Coaching (synthetic): Module, main", "Coaching (synthetic): Module, pilot",
    ]  # fmt: skip
    assert "Mindfulness" in table.frame["category"].tolist()
    assert codes_section(None) is None


def test_the_kept_studies_have_no_codes_beside_their_log(adolescent_run, telephone_run):
    assert adolescent_run.codes is None
    assert telephone_run.codes is None


def test_the_counts_are_traced_to_their_ratings(study):
    cells = {("S1", "R1"): "1", ("S1", "R2"): "2", ("S2", "R1"): "1", ("S3", "R1"): None}
    data = pd.DataFrame(rows("module", cells))
    run = SimpleNamespace(intake=SimpleNamespace(ratings=data))
    held = SimpleNamespace(run=run, origins=SimpleNamespace(ratings={n: n for n in range(4)}))
    own = {"instrument": "coach", "item": "module", "phase": "main"}
    for code, column, expected in (("1", "n_codes", {0, 2}), ("1", "kappa", {0, 1, 2}), (WHOLE, "n_codes", {0, 1, 2})):
        found = TracedTables._codes(held, own | {"code": code}, column)
        assert {cell for cell, _ in found} == expected
