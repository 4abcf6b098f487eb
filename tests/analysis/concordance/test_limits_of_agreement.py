import numpy as np
import pandas as pd
import pytest
from scipy import stats

from doublecode.analysis.concordance.limits_of_agreement import bland_altman
from doublecode.schemas.errors import NotEstimable


def test_pair_by_the_formulas():
    rng = np.random.default_rng(1)
    a = rng.normal(3, 1, 25)
    b = a + rng.normal(0.2, 0.4, 25)
    data = pd.DataFrame(
        {"s": np.repeat(range(25), 2), "r": np.tile(["A", "B"], 25), "y": np.column_stack([a, b]).ravel()}
    )
    found = bland_altman(data, targets="s", raters="r", ratings="y")
    row = found.frame.iloc[0]
    gap = a - b
    assert row["bias"] == pytest.approx(gap.mean())
    assert row["loa_high"] == pytest.approx(gap.mean() + stats.norm.ppf(0.975) * gap.std(ddof=1))
    assert (row["bias_low"], row["bias_high"]) == pytest.approx(
        stats.t.interval(0.95, 24, gap.mean(), gap.std(ddof=1) / 5)
    )
    error = gap.std(ddof=1) * np.sqrt(1 / 25 + stats.norm.ppf(0.975) ** 2 / 48)
    assert row["loa_low_high"] == pytest.approx(row["loa_low"] + stats.t.ppf(0.975, 24) * error)
    np.testing.assert_allclose(found.points["difference"], gap)
    assert found.points["target"].tolist() == list(range(25))
    lines = [line for line in found.to_markdown().splitlines() if line.startswith("| A | B | 25 | −0.17 |")]
    assert len(lines) == 1
    assert "1 pair(s) of raters, 25 s" in str(found)
    assert [note.kind for note in found.notes] == ["codes_on_a_lattice"]


def test_every_pair_that_shares_enough():
    rows = [(s, r, float(s % 4 + (r == "C"))) for s in range(12) for r in ("AB", "BC", "AC")[s % 3]]
    data = pd.DataFrame(rows, columns=["s", "r", "y"])
    found = bland_altman(data, targets="s", raters="r", ratings="y").frame
    assert list(zip(found["rater_1"], found["rater_2"], strict=True)) == [("A", "B"), ("A", "C"), ("B", "C")]
    assert found["bias"].tolist() == [0.0, -1.0, -1.0]
    with pytest.raises(NotEstimable, match="no two r share three s;"):
        bland_altman(data.head(4), targets="s", raters="r", ratings="y")
