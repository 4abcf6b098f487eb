"""Moments against psych::describe(type = 2), tables against counts by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.description.descriptives import describe, describe_items, describe_scores, moments
from doublecode.analysis.description.sample import sample_table
from doublecode.coding.scoring import score
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.instrument import load_instrument

REFERENCE = Path(__file__).parents[2] / "reference"


class TestMoments:
    @pytest.mark.parametrize("column", ["behaviour", "alliance", "age", "homework"])
    def test_against_psych(self, column):
        expected = json.loads((REFERENCE / "descriptives.json").read_text())["describe"][column]
        found = moments(pd.read_csv(REFERENCE / "data" / "lm_a.csv")[column])
        # 1e-10: moments of 120 values
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-10, abs=1e-10)

    def test_undefined_is_missing_not_zero(self):
        assert math.isnan(moments([3.0])["sd"])
        assert math.isnan(moments([1.0, 2.0])["skew"])
        assert not math.isnan(moments([1.0, 2.0, 4.0])["skew"])
        assert math.isnan(moments([1.0, 2.0, 4.0])["kurtosis"])
        constant = moments([0.1] * 10)
        assert constant["sd"] == pytest.approx(0, abs=1e-15)
        assert math.isnan(constant["skew"])
        assert moments([math.nan, math.nan]) | {"n": 0, "n_missing": 2} == moments([math.nan] * 2)

    def test_shift_and_scale_do_not_matter(self):
        x = np.random.default_rng(1).gamma(2, size=50)
        for name in ("skew", "kurtosis"):
            assert moments(1000 + 0.001 * x)[name] == pytest.approx(moments(x)[name], rel=1e-6)


@pytest.fixture(scope="module")
def books():
    return {name: load_instrument(name) for name in ("ghes", "thabs")}


@pytest.fixture(scope="module")
def items(books):
    """Synthetic items of two instruments, three patients, two sessions; praise not applicable in session 1."""
    rng = np.random.default_rng(5)
    rows = [
        {"patient": p, "session": s, "session_id": f"S-{p}{s}", "instrument": book.name, "item": item.name,
         "value": float(rng.integers(0, 5)), "reason": None}
        for p in "ABC" for s in (1, 2) for book in books.values() for item in book.columns if item.is_numeric
    ]  # fmt: skip
    frame = pd.DataFrame(rows).assign(study="toy", therapist="T1", n_raters=1.0)
    first = (frame["item"] == "praise") & (frame["session"] == 1)
    frame.loc[first, "value"] = np.nan
    frame["reason"] = frame["reason"].astype(object).mask(first, "NA: not applicable")
    return frame


class TestTables:
    def test_items_over_all_sessions_and_in_each(self, items, books):
        result = describe_items(items, books)
        table = result.frame.set_index(["item", "session"])
        values = items[items["item"] == "extent"]
        assert table.loc[("extent", "all"), "mean"] == pytest.approx(values["value"].mean())
        assert table.loc[("extent", "2"), "sd"] == pytest.approx(values[values["session"] == 2]["value"].std())
        assert table.loc[("praise", "1"), ["n", "n_missing"]].tolist() == [0, 3]
        assert table.loc[("praise", "all"), ["n", "n_missing"]].tolist() == [3, 3]
        assert result.missing.to_dict("records") == [
            {"instrument": "thabs", "item": "praise", "reason": "NA: not applicable", "n": 3}
        ]
        counts = {"n_sessions": 6, "n_patients": 3, "n_values": len(items) - 3, "n_missing": 3}
        assert result.design == counts | {"missing_rule": "each variable on the rows that have it"}

    def test_order_and_labels_of_the_codebook(self, items, books):
        table = describe_items(items, books).frame
        names = [item.name for book in books.values() for item in book.columns if item.is_numeric]
        assert table.loc[table["session"] == "all", "item"].tolist() == names
        assert table.loc[table["item"] == "extent", "label"].iloc[0] == books["ghes"].item("extent").label

    def test_sessions_in_the_order_of_their_numbers(self, items, books):
        many = pd.concat([items.assign(session=number) for number in (10, 2, 1)])
        many = many.drop_duplicates(["patient", "session", "instrument", "item"])
        sessions = describe_items(many, books).frame.query("item == 'extent'")["session"].tolist()
        assert sessions == ["all", "1", "2", "10"]

    def test_scores(self, items, books):
        scores = score(items, books)
        table = describe_scores(scores, books).frame.set_index(["scale", "session"])
        he = scores[(scores["scale"] == "he") & (scores["session"] == 1)]["value"]
        assert table.loc[("he", "1"), "mean"] == pytest.approx(he.mean())
        assert table.loc[("he", "all"), "label"] == books["ghes"].scale("he").label
        assert describe_scores(scores).frame["label"].tolist() == describe_scores(scores).frame["scale"].tolist()


class TestSample:
    @pytest.fixture
    def patients(self):
        return pd.DataFrame(
            {
                "patient": ["P1", "P2", "P3", "P4"],
                "age": ["50", "60", None, "70"],
                "sex": ["f", "m", "f", "f"],
                "minority": ["1", "0", "0", "1"],
                "comorbid": ["GAD; SAD", "GAD", None, "none;GAD"],
                "mixed": ["1", "two", "3", "4"],
            }
        )

    @pytest.fixture
    def therapists(self):
        return pd.DataFrame({"therapist": ["T1", "T2"], "age": ["40", "44"], "degree": ["PhD", "PhD"]})

    def test_numbers(self, patients, therapists):
        rows = sample_table(patients, therapists, ["age"]).frame.set_index("unit")
        row = rows.loc["patients"]
        assert row[["n", "mean", "sd", "min", "max", "n_missing"]].tolist() == pytest.approx([3, 60, 10, 50, 70, 1])
        assert rows.loc["therapists", "mean"] == 42

    def test_categories_by_frequency(self, patients, therapists):
        table = sample_table(patients, therapists, ["sex", "degree"]).frame
        assert table[["unit", "level", "n", "percent"]].to_numpy().tolist() == [
            ["patients", "f", 3, 75.0], ["patients", "m", 1, 25.0], ["therapists", "PhD", 2, 100.0],
        ]  # fmt: skip

    def test_multi_response_counts_persons(self, patients, therapists):
        result = sample_table(patients, therapists, ["comorbid"])
        assert result.frame[["level", "n"]].to_numpy().tolist() == [["GAD", 3], ["SAD", 1], ["none", 1]]
        assert result.frame["percent"].tolist() == pytest.approx([100, 100 / 3, 100 / 3])
        assert result.frame["n_missing"].tolist() == [1, 1, 1]
        assert any("may exceed 100" in text for text in result.note_texts())

    def test_coded_zero_one(self, patients, therapists):
        result = sample_table(patients, therapists, ["minority"])
        assert result.frame[["level", "n", "percent"]].to_numpy().tolist() == [["1", 2, 50.0]]
        assert result.design["kinds"] == {"patients: minority": "0/1"}

    def test_empty_column_keeps_its_row(self, patients, therapists):
        row = sample_table(patients.assign(ses=None), therapists, ["ses"]).frame.iloc[0]
        assert (row["n"], row["n_missing"]) == (0, 4)

    def test_misuse(self, patients, therapists):
        with pytest.raises(UsageError, match="no column 'height'; allowed: patient, age"):
            sample_table(patients, therapists, ["height"])
        with pytest.raises(ContractError, match="found 'two' among numbers"):
            sample_table(patients, therapists, ["mixed"])


class TestPlainFrame:
    def test_columns_of_numbers_overall_and_by_a_column(self):
        frame = pd.DataFrame({"phase": [1, 1, 2, 2], "he": [1.0, 2.0, 4.0, np.nan], "who": list("abcd")})
        result = describe(frame, by="phase")
        assert result.frame[["variable", "phase", "n", "n_missing"]].to_numpy().tolist() == [
            ["he", "all", 3, 1],
            ["he", "1", 2, 0],
            ["he", "2", 1, 1],
        ]
        assert result.frame["mean"].iloc[0] == pytest.approx(7 / 3)
        assert result.missing.to_dict("records") == [{"variable": "he", "reason": "no reason given", "n": 1}]
        assert result.design["missing_rule"] == "each variable on the rows that have it"
        assert result.params[("he", "1")] == 1.5
        assert "4 rows, 3 values, 1 missing." in str(result)

    def test_misuse_is_named(self):
        frame = pd.DataFrame({"he": [1.0], "who": ["a"]})
        with pytest.raises(UsageError, match="found 'tbh'; allowed: he, who"):
            describe(frame, ["tbh"])
        with pytest.raises(ContractError, match="'who' must hold numbers"):
            describe(frame, ["who"])
        with pytest.raises(UsageError, match="no column of numbers"):
            describe(frame[["who"]])
        with pytest.raises(UsageError, match="long frame has a column item or scale"):
            describe(frame, codebooks=())
