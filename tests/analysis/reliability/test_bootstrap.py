"""Bootstrap over targets: each resample is the ICC of the resampled rows; labelled raters fixed."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.reliability.interrater import icc
from doublecode.schemas.errors import NotEstimable, UsageError

NAMES = {"targets": "session", "raters": "rater", "ratings": "score"}


def ratings(n=25, k=3, items=2, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(items, n, 1)) + 0.3 * rng.normal(size=(items, 1, k)) + 0.6 * rng.normal(size=(items, n, k))
    index = pd.MultiIndex.from_product([range(items), range(n), list("ABC")[:k]], names=["item", "session", "rater"])
    return pd.DataFrame({"score": y.ravel()}, index=index).reset_index()


def test_estimates_equal_icc():
    found = icc(ratings(), **NAMES, by="item").bootstrap(draws=100).frame
    theirs = icc(ratings(), **NAMES, by="item").frame
    assert found["form"].tolist() == theirs["form"].tolist()
    np.testing.assert_allclose(found["estimate"], theirs["estimate"], rtol=1e-10)


def test_a_resample_is_the_icc_of_its_rows():
    data = ratings(items=1)
    found = icc(data, **NAMES).bootstrap(draws=100, seed=5)
    weights = np.random.default_rng(5).multinomial(25, np.full(25, 1 / 25), size=100)
    table = data["score"].to_numpy().reshape(25, 3)
    for b in (0, 41, 99):
        rows = np.repeat(table, weights[b], axis=0)
        again = pd.DataFrame(
            {"session": np.repeat(range(25), 3), "rater": np.tile(list("ABC"), 25), "score": rows.ravel()}
        )
        np.testing.assert_allclose(found.draws[b, 0], icc(again, **NAMES).frame["estimate"], rtol=1e-9)


def test_label_seed_and_percentiles():
    first = icc(ratings(), **NAMES, by="item").bootstrap(draws=400, seed=3)
    assert [note.kind for note in first.notes] == ["bootstrap_raters_fixed"]
    assert set(first.frame["method"]) == {"percentile bootstrap over targets, raters fixed"}
    pd.testing.assert_frame_equal(first.frame, icc(ratings(), **NAMES, by="item").bootstrap(draws=400, seed=3).frame)
    row = first.frame.iloc[1]
    assert row["conf_low"] == pytest.approx(np.quantile(first.draws[:, 0, 1], 0.025))
    assert row["std_error"] == pytest.approx(first.draws[:, 0, 1].std(ddof=1))


def test_refusals():
    with pytest.raises(NotEstimable, match="profile-likelihood interval holds for incomplete"):
        icc(ratings(items=1).iloc[1:], **NAMES).bootstrap()
    with pytest.raises(UsageError, match="draws is 10"):
        icc(ratings(items=1), **NAMES).bootstrap(draws=10)
