"""The table of a study says per item, scale and phase what icc() says of these rows alone."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.reliability.interrater import icc
from doublecode.analysis.study.reliability_table import drop_unreliable, reliability_table
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError


def study():
    """Synthetic: complete pilot of five raters, rotating pairs afterwards; scale = mean of items."""
    rng = np.random.default_rng(8)
    severity = dict(zip("ABCDE", rng.normal(0, 0.2, 5), strict=True))
    rows = []
    for p in range(14):
        for s in range(4):
            pilot = p < 2
            double = (p * 4 + s) % 5 < 2
            raters = "ABCDE" if pilot else rng.permutation(list("ABCDE"))[: 2 if double else 1]
            for item, noise in (("effort", 0.4), ("depth", 0.5), ("praise", 3.0)):
                true = rng.normal()
                for r in raters:
                    value = true + severity[r] + rng.normal(0, noise)
                    rows.append((f"P{p:02d}", s, r, "GHES", item, value, "pilot" if pilot else "main"))
    return pd.DataFrame(rows, columns=["patient", "session", "rater", "instrument", "item", "value", "phase"])


def scores_of(ratings):
    keys = ["patient", "session", "rater", "instrument", "phase"]
    return ratings.groupby(keys, sort=False)["value"].mean().reset_index().assign(scale="total")


@pytest.fixture(scope="module")
def table():
    return reliability_table(study(), scores=scores_of(study()))


def test_rows_and_designs(table):
    frame = table.frame
    assert len(frame) == 8
    assert set(frame.loc[frame["phase"] == "pilot", "design"]) == {"complete"}
    assert set(frame.loc[frame["phase"] == "main", "design"]) == {"incomplete"}
    assert set(frame.loc[frame["phase"] == "main", "form"]) == {"ICC(A,k_eff)"}
    assert set(frame.loc[frame["phase"] == "pilot", "form"]) == {"ICC(A,k)"}
    assert frame["judged"].ne("not judged").all()


def test_numbers_are_icc_of_those_rows(table):
    ratings = study()
    part = ratings[(ratings["item"] == "effort") & (ratings["phase"] == "main")]
    part = part.assign(target=part["patient"] + part["session"].astype(str))
    alone = icc(part, targets="target", raters="rater", ratings="value").frame.set_index("form")
    row = table.frame[(table.frame["name"] == "effort") & (table.frame["phase"] == "main")].iloc[0]
    for column in ("estimate", "conf_low", "conf_high"):
        assert row[column] == pytest.approx(alone.loc["ICC(A,k_eff)", column], rel=1e-6)
    assert row["single"] == pytest.approx(alone.loc["ICC(A,1)", "estimate"], rel=1e-6)


def test_sentences_name_instrument_and_phase(table):
    lines = table.sentence().splitlines()
    assert len(lines) == 8
    assert sum(line.startswith("GHES, pilot: Inter-rater reliability of session scores (item") for line in lines) == 3
    assert any("(scale total)" in line for line in lines)


def test_jackknife_for_the_instruments_that_ask_for_it():
    data = study()
    both = pd.concat([data, data.assign(instrument="THABS")])
    found = reliability_table(both, jackknife=["GHES"])
    methods = found.frame.groupby("instrument")["method"].agg(lambda words: set(words.str.split(", ").str[1]))
    assert methods["GHES"] == {"jackknife over targets"}
    assert "jackknife over targets" not in methods["THABS"]
    assert found.spec["jackknife"] == ["GHES"]
    ghes, thabs = (found.frame[found.frame["instrument"] == name].reset_index() for name in ("GHES", "THABS"))
    pd.testing.assert_series_equal(ghes["estimate"], thabs["estimate"])
    assert not np.allclose(ghes["conf_low"], thabs["conf_low"], atol=1e-3)


def test_one_way_instrument():
    found = reliability_table(study(), one_way=["GHES"]).frame
    assert set(found["form"]) == {"ICC(1,k_eff)", "ICC(1,k)"}


def test_what_cannot_be_estimated_keeps_a_row():
    extra = (
        study()
        .query("rater == 'A'")
        .assign(instrument="OTHER", phase="main")
        .drop_duplicates(["patient", "session", "item"])
    )
    found = reliability_table(pd.concat([study(), extra]))
    lost = found.frame[found.frame["instrument"] == "OTHER"]
    assert len(lost) == 3
    assert lost["estimate"].isna().all()
    assert lost["method"].str.contains("one rater only").all()
    with pytest.raises(NotEstimable, match="nothing can be estimated"):
        reliability_table(extra)


def test_missing_column():
    with pytest.raises(ContractError, match="no column 'phase'"):
        reliability_table(study().drop(columns="phase"))


def test_declared_drop_rule_leaves_a_trace():
    data = study().query("phase == 'main'")
    data = data.assign(target=data["patient"] + data["session"].astype(str))
    found = icc(data, targets="target", raters="rater", ratings="value", by="item")
    rule = drop_unreliable(found, below=0.40, declared="protocol of 2012, p. 7")
    assert rule.dropped == ("praise",)
    assert set(rule.kept) == {"effort", "depth"}
    row = rule.frame.set_index("item").loc["praise"]
    assert row["reason"].endswith("< 0.4")
    assert rule.note_texts()[0] == "declared: protocol of 2012, p. 7"
    assert "2 of 3 items kept" in str(rule)
    cautious = drop_unreliable(found, below=0.0, on="conf_high")
    assert cautious.dropped == ()
    with pytest.raises(UsageError, match="not split by 'scale'"):
        drop_unreliable(found, below=0.4, item="scale")
    with pytest.raises(UsageError, match="holds no form 'ICC'"):
        drop_unreliable(found, below=0.4, form="ICC")


def test_undecided_item():
    data = pd.concat(
        [
            study().query("phase == 'main'"),
            study().query("phase == 'main' and item == 'depth'").assign(item="flat", value=1.0),
        ]
    )
    data = data.assign(target=data["patient"] + data["session"].astype(str))
    rule = drop_unreliable(icc(data, targets="target", raters="rater", ratings="value", by="item"), below=0.4)
    assert rule.undecided == ("flat",)
    assert rule.frame.set_index("item").loc["flat", "reason"] == "undefined: all ratings are equal"
