"""Raters who agree but for constants and a trace (synthetic, said so): found, or a note that says why not."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import g_study, icc


def ratings(error, severity, n_targets=40, n_raters=5, seed=5):
    """Forty per cent coded twice by another rater."""
    rng = np.random.default_rng(seed)
    rows = []
    for target in range(n_targets):
        one, two = rng.choice(n_raters, 2, replace=False)
        rows += [(target, one)] + [(target, two)] * (rng.random() < 0.4)
    found = pd.DataFrame(rows, columns=["target", "rater"])
    level, strict = rng.normal(size=n_targets), severity * rng.normal(size=n_raters)
    return found.assign(y=level[found.target] + strict[found.rater] + error * rng.normal(size=len(found)))


def deviance(data, ratios):
    """REML deviance by dense matrices, for ratios of the variances of target and rater to the residual's."""
    n, one = len(data), np.ones((len(data), 1))
    same = [np.equal.outer(data[c].to_numpy(), data[c].to_numpy()).astype(float) for c in ("target", "rater")]
    V = np.eye(n) + ratios[0] * same[0] + ratios[1] * same[1]
    inverse, y = np.linalg.inv(V), data.y.to_numpy()
    xx = (one.T @ inverse @ one).item()
    r2 = y @ inverse @ y - (one.T @ inverse @ y).item() ** 2 / xx
    return np.linalg.slogdet(V)[1] + np.log(xx) + (n - 1) * np.log(r2)


@pytest.mark.parametrize("severity", [1.0, 10.0])
@pytest.mark.parametrize("error", [1.0, 0.1, 0.01])
def test_no_ratio_is_too_large_for_the_search(error, severity):
    """The end is no higher than any point of a grid around it, and every limit is found."""
    data = ratings(error, severity)
    found = icc(data, targets="target", raters="rater", ratings="y")
    variance = found.variances["variance"].to_numpy()
    ratios = np.maximum(variance[:2] / variance[2], 1e-9)
    grid = [ratios * np.array([a, b]) for a in (0.5, 0.97, 1.03, 2.0) for b in (0.5, 0.97, 1.03, 2.0)]
    assert min(deviance(data, point) for point in grid) > deviance(data, ratios) - 1e-6
    assert found.frame[["estimate", "conf_low", "conf_high"]].notna().all(axis=None)


def test_a_trace_of_residual_is_said():
    """Error far below the trace: the estimates are those of the effects, near those without any error."""
    data = ratings(1e-5, 10.0)
    found = icc(data, targets="target", raters="rater", ratings="y")
    assert "residual_trace" in [note.kind for note in found.notes]
    exact = icc(ratings(0.0, 10.0), targets="target", raters="rater", ratings="y")
    two_way = found.frame["form"].str.contains(r"ICC\([ACQ]")
    np.testing.assert_allclose(found.frame.estimate[two_way], exact.frame.estimate[two_way], rtol=1e-3)
    assert found.frame.conf_low[two_way].isna().all()


def test_a_g_study_leaves_out_rows_by_the_one_rule():
    data = ratings(1.0, 1.0).astype({"rater": object})
    data.loc[3, "y"], data.loc[7, "rater"] = np.nan, None
    found = g_study("y ~ (1 | target) + (1 | rater)", data)
    assert found.design["n_scores"] == len(data) - 2
    assert found.design["dropped_by_column"] == {"y": 1, "rater": 1}
    assert [row.label for row in found.design["lost"]] == [3, 7]
