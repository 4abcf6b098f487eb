"""CR2 worked by hand, in clusters that the predictors determine, and beside R."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_mixed
from doublecode.analysis.mixed.cluster_robust import cluster_robust, cr2
from doublecode.analysis.mixed.hypotheses import upper_f
from doublecode.analysis.mixed.working_covariance import robust_of_mixed, working_covariance
from doublecode.schemas.errors import NotEstimable


def test_the_mean_of_three_clusters_of_two():
    """By hand: H_gg = 1/6 · 11ᵀ, so A_g 1 = (1 − 2/6)^−½ 1 and V = 6⁻² · 3/2 · Σ (sum of the cluster's residuals)²."""
    y = np.array([1.0, 3, 4, 6, 8, 12])
    sums = np.array([4.0, 10, 20]) - 2 * y.mean()
    vcov, df = cr2(np.ones((6, 1)), y - y.mean(), ["a", "a", "b", "b", "c", "c"])
    assert vcov[0, 0] == pytest.approx(1.5 * (sums**2).sum() / 36, rel=1e-12)
    assert vcov[0, 0] == pytest.approx(np.var([2.0, 5, 10], ddof=1) / 3, rel=1e-12)
    assert df[0] == pytest.approx(2, rel=1e-12)


def test_two_groups_of_clusters():
    """A predictor of clusters, balanced: the two-sample t test of cluster means, with its pooled df."""
    rng = np.random.default_rng(2)
    y, treated = rng.normal(size=24), np.repeat([0.0, 1], 12)
    X = np.column_stack([np.ones(24), treated])
    residual = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    vcov, df = cr2(X, residual, np.repeat(np.arange(8), 3).tolist())
    means = y.reshape(8, 3).mean(axis=1)
    assert vcov[1, 1] == pytest.approx(means[:4].var(ddof=1) / 4 + means[4:].var(ddof=1) / 4, rel=1e-12)
    assert df[1] == pytest.approx(6, rel=1e-12)


def test_a_cluster_that_has_a_coefficient_of_its_own():
    """Its adjustment has no inverse: the pseudo-inverse leaves it out, and nothing is infinite."""
    X = np.column_stack([np.ones(5), [0.0, 0, 0, 0, 1]])
    y = np.array([1.0, 2, 4, 3, 9])
    vcov, df = cr2(X, y - X @ np.linalg.lstsq(X, y, rcond=None)[0], [1, 1, 2, 2, 3])
    assert np.isfinite(vcov).all()
    assert np.isfinite(df).all()


def test_one_cluster():
    with pytest.raises(NotEstimable, match="two clusters"):
        cr2(np.ones((3, 1)), np.zeros(3), [1, 1, 1])


REFERENCE = Path(__file__).parents[2] / "reference"


def reference(name):
    return json.loads((REFERENCE / name).read_text(encoding="utf-8"))


class TestOfRScripts:
    """Dense matrix algebra over all rows at once, in R; of least squares its numbers are clubSandwich's own."""

    data = pd.read_csv(REFERENCE / "sessions_in_patients.csv")
    expected = reference("cluster_robust_mixed.json")
    last = np.eye(5)[3:]

    def check(self, found, beta, expected):
        np.testing.assert_allclose(beta, expected["estimate"], rtol=1e-6)
        np.testing.assert_allclose(np.sqrt(np.diag(found.vcov)), expected["std_error"], rtol=1e-5)
        np.testing.assert_allclose(found.df(np.eye(5)), expected["df"], rtol=1e-5)
        F, df1, df2 = found.joint(self.last, beta)
        joint = expected["joint"]
        assert (F, df1, df2) == pytest.approx((joint["F"], joint["df1"], joint["df2"]), rel=1e-4)
        assert upper_f(F, df1, np.array([df2]))[0] == pytest.approx(joint["p"], rel=1e-4)
        assert found.joint(self.last[:1], beta)[1:] == pytest.approx((1, found.df(self.last)[0]), rel=1e-9)

    def test_mixed_model(self):
        fit = fit_mixed("phq9 ~ session + he + phase + (session | patient)", self.data)
        self.check(robust_of_mixed(fit, self.data["patient"].tolist()), fit.beta, self.expected["mixed"])

    @pytest.mark.parametrize("clusters", ["patient", "row"])
    def test_least_squares(self, clusters):
        data = self.data
        X = np.column_stack([np.ones(len(data)), data["session"], data["he"], data["phase"] == "late",
                             data["phase"] == "mid"]).astype(float)  # fmt: skip
        y = data["phq9"].to_numpy()
        beta = np.linalg.lstsq(X, y, rcond=None)[0]
        ids = data["patient"].tolist() if clusters == "patient" else range(len(data))
        self.check(
            cluster_robust(X, y - X @ beta, ids), beta, self.expected["plain" if clusters == "patient" else "rows"]
        )

    def test_each_row_by_itself_is_hc2(self):
        """1/(1 − h) on the squared residuals, MacKinnon & White (1985)."""
        X = np.column_stack([np.ones(7), [1.0, 2, 4, 4, 7, 9, 15]])
        e = np.array([0.3, -1, 0.8, 1.1, -2, 0.5, 0.3])
        M = np.linalg.inv(X.T @ X)
        h = np.einsum("ij,jk,ik->i", X, M, X)
        expected = M @ (X.T * (e**2 / (1 - h))) @ X @ M
        np.testing.assert_allclose(cluster_robust(X, e, range(7)).vcov, expected, rtol=1e-12)


def test_working_covariance_of_a_residual_structure():
    """By hand: τ² + σ²φ^|lag| and heteroscedastic weights."""
    data = TestOfRScripts.data
    fit = fit_mixed("phq9 ~ session + (1 | patient)", data, correlation="ar1(session | patient)")
    first = working_covariance(fit, data["patient"].tolist())[0]
    phi = fit.residual_parameters()["estimate"].iloc[0]
    lags = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    np.testing.assert_allclose(first, fit.variances["variance"].iloc[0] + fit.sigma**2 * phi**lags, rtol=1e-8)
    weighted = fit_mixed("phq9 ~ session + (1 | patient)", data, weights=np.arange(1.0, len(data) + 1))
    first = np.diag(working_covariance(weighted, data["patient"].tolist())[0])
    assert first[3] == pytest.approx(weighted.variances["variance"].iloc[0] + weighted.sigma**2 / 4, rel=1e-10)


def test_clusters_that_cut_a_patient():
    fit = fit_mixed("phq9 ~ session + (1 | patient)", TestOfRScripts.data)
    with pytest.raises(NotEstimable, match="a level of patient lies in several clusters"):
        robust_of_mixed(fit, TestOfRScripts.data["session"].tolist())


def test_too_few_clusters_for_a_joint_test():
    X = np.column_stack([np.ones(6), [1.0, 2, 3, 1, 5, 2], [0.0, 1, 0, 4, 1, 3], [3.0, 3, 1, 0, 2, 0]])
    found = cluster_robust(X, np.array([1.0, -1, 2, -2, 1, -1]), [1, 1, 2, 2, 3, 3])
    assert np.isnan(found.joint(np.eye(4)[1:], np.ones(4))[0])
