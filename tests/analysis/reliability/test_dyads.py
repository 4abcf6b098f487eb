"""Dyad ICCs equal icc() of each pair; their summary is arithmetic; the label is there."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.reliability.dyads import dyad_icc
from doublecode.analysis.reliability.interrater import icc
from doublecode.schemas.errors import NotEstimable, UsageError

NAMES = {"targets": "session", "raters": "rater", "ratings": "score"}


def ratings(items=1):
    rng = np.random.default_rng(4)
    rows = []
    for s in range(36):
        true = rng.normal(0, 1, items)
        for r in ("AB", "AC", "BC")[s % 3] if s < 24 else "A":
            rows += [(s, r, f"i{i}", true[i] + rng.normal(0, 0.6)) for i in range(items)]
    return pd.DataFrame(rows, columns=["session", "rater", "item", "score"])


def test_each_dyad_is_icc_of_its_own_sessions():
    data = ratings()
    found = dyad_icc(data, **NAMES)
    assert len(found.dyads) == 3
    for row in found.dyads.itertuples():
        pair = data[data["rater"].isin([row.rater_1, row.rater_2])]
        both = pair.groupby("session")["rater"].transform("size") == 2
        alone = icc(pair[both], **NAMES, k=(1, 2)).frame.set_index("form").loc["ICC(A,2)"]
        assert row.estimate == pytest.approx(alone["estimate"], rel=1e-12)
        assert row.conf_low == pytest.approx(alone["conf_low"], rel=1e-10)
        assert row.n_targets == 8


def test_summary_and_label():
    found = dyad_icc(ratings(), **NAMES)
    values = found.dyads["estimate"]
    summary = found.frame.set_index("statistic")["estimate"]
    assert summary["mean"] == pytest.approx(values.mean())
    assert summary["median"] == pytest.approx(values.median())
    assert (summary["minimum"], summary["maximum"]) == (values.min(), values.max())
    assert found.note_texts()[0].startswith("labelled reproduction")
    assert "ICC(A,2)" in set(found.pooled.frame["form"])
    assert found.spec["shrout_fleiss"] == "ICC(2,2)"


def test_items_stacked_or_apart():
    data = ratings(items=3)
    apart = dyad_icc(data, **NAMES, by="item")
    assert len(apart.dyads) == 9
    assert len(apart.frame) == 12
    stacked = dyad_icc(data, **NAMES, stack="item")
    assert set(stacked.dyads["n_targets"]) == {24}
    with pytest.raises(UsageError, match="only one of them"):
        dyad_icc(data, **NAMES, by="item", stack="item")


def test_no_dyad():
    single = ratings().drop_duplicates("session")
    with pytest.raises(NotEstimable, match="no two raters share two sessions"):
        dyad_icc(single, **NAMES)


def test_definition():
    with pytest.raises(UsageError, match="definition is 'B'"):
        dyad_icc(ratings(), **NAMES, definition="B")
