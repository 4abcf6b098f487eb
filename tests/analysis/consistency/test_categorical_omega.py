"""Polychoric correlations and categorical omega against lavaan and semTools (tests/reference/polychoric.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.consistency.alpha_omega import omega
from doublecode.analysis.consistency.categorical_omega import draw_one_rater
from doublecode.analysis.consistency.item_moments import all_units, read_items
from doublecode.analysis.consistency.polychoric import bivariate_normal_cdf, polychoric
from doublecode.schemas.errors import ContractError, DuplicateError, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
LAVAAN = json.loads((REFERENCE / "polychoric.json").read_text())


def codes() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "rel_sim8.csv")


def test_polychoric_correlations_are_lavaans() -> None:
    """Two-step estimates, 1e-6: lavaan optimises each pair numerically."""
    read = read_items(codes())
    found = polychoric(read, all_units(read.n_units))
    assert found.correlation[0] == pytest.approx(np.array(LAVAAN["correlation"]), abs=1e-6)
    thresholds = found.thresholds[0].ravel()
    assert thresholds[np.abs(thresholds) < 7] == pytest.approx(np.array(list(LAVAAN["thresholds"].values())), abs=1e-8)


def test_categorical_omega_is_semtools() -> None:
    """ULS loadings of lavaan, Green & Yang's omega by semTools::compRelSEM, 1e-6."""
    found = omega(codes(), kind="categorical")
    values = found.frame.set_index("term")["estimate"]
    assert values["omega_categorical"] == pytest.approx(LAVAAN["omega_implied"], abs=1e-6)
    assert values["omega_categorical_observed"] == pytest.approx(LAVAAN["omega_observed"], abs=1e-6)
    assert found.items["loading"].to_numpy() == pytest.approx(np.array(LAVAAN["loadings"]), abs=1e-5)


def test_categorical_omega_is_the_reliability_of_the_sum() -> None:
    """Correlation of two parallel sums of codes in a large synthetic sample."""
    rng = np.random.default_rng(2)
    loading = np.array([0.8, 0.7, 0.6, 0.75, 0.5])
    factor = rng.normal(size=(60000, 1))

    def rate() -> np.ndarray:
        latent = factor * loading + rng.normal(size=(60000, 5)) * np.sqrt(1 - loading**2)
        return np.digitize(latent, [-1.0, 0.2, 1.1])

    first, second = rate(), rate()
    truth = np.corrcoef(first.sum(axis=1), second.sum(axis=1))[0, 1]
    data = pd.DataFrame(first[:20000], columns=list("abcde")).assign(patient=np.arange(20000) % 10)
    values = omega(data, clusters="patient", kind="categorical").frame.set_index("term")["estimate"]
    assert values["omega_categorical"] == pytest.approx(truth, abs=0.01)
    assert values["omega_latent_response"] > truth + 0.02


def test_bivariate_normal_probabilities() -> None:
    """Sheppard's ¼ + asin(ρ)/2π at the origin, and the limits ρ → ±1."""
    rho = np.array([-0.99, -0.5, 0.0, 0.3, 0.9, 0.995])
    zero = np.zeros(6)
    assert bivariate_normal_cdf(zero, zero, rho) == pytest.approx(0.25 + np.arcsin(rho) / (2 * np.pi), abs=1e-12)
    from scipy.stats import multivariate_normal

    for h, k, r in [(0.3, -0.7, 0.6), (1.5, 1.4, 0.95), (-2.0, 0.5, -0.8)]:
        exact = multivariate_normal([0, 0], [[1, r], [r, 1]]).cdf([h, k])
        assert float(bivariate_normal_cdf(np.array(h), np.array(k), np.array(r))) == pytest.approx(exact, abs=1e-7)


def test_interval_over_patients() -> None:
    data = codes().assign(patient=np.arange(180) % 20)
    found = omega(data, clusters="patient", kind="categorical").frame
    assert found["df"].tolist() == [19.0] * 3
    assert (found["conf_low"] < found["estimate"]).all()
    assert (found["estimate"] < found["conf_high"]).all()


def test_half_points_and_many_codes_are_refused() -> None:
    data = codes().astype(float)
    with pytest.raises(UsageError, match="half points"):
        omega(data.assign(I1=data["I1"] + 0.5), kind="categorical")
    with pytest.raises(UsageError, match="12 different codes"):
        omega(pd.DataFrame(np.arange(180 * 3).reshape(180, 3) % 12, columns=list("abc")), kind="categorical")


def ratings() -> pd.DataFrame:
    rows = [
        (patient, session, rater, float(value), float(value))
        for patient in ("P1", "P2")
        for session in (1, 2, 3)
        for rater, value in (("A", 1), ("B", 4))
    ]
    return pd.DataFrame(rows, columns=["patient", "session", "rater", "x", "y"])


KEYS = ["patient", "session"]


def test_one_rater_is_drawn_per_session() -> None:
    long = ratings()
    wide = draw_one_rater(long, KEYS, "rater", seed=3)
    assert wide.groupby(["patient", "session"]).size().tolist() == [1] * 6
    assert (wide["x"] == wide["rater"].map({"A": 1.0, "B": 4.0})).all()
    pd.testing.assert_frame_equal(wide, draw_one_rater(long.sample(frac=1, random_state=1), KEYS, "rater", seed=3))
    draws = pd.concat([draw_one_rater(long, KEYS, "rater", seed=seed)["rater"] for seed in range(40)])
    assert 0.35 < (draws == "A").mean() < 0.65


def test_draw_refuses_doubles_and_absent_columns() -> None:
    with pytest.raises(DuplicateError, match="occur twice"):
        draw_one_rater(pd.concat([ratings(), ratings().head(1)]), KEYS, "rater")
    with pytest.raises(ContractError, match="Not in the ratings: rater"):
        draw_one_rater(ratings().drop(columns="rater"), KEYS, "rater")


def test_omega_draws_one_of_two_raters() -> None:
    first = codes().assign(session=np.arange(180), rater="A")
    second = first.assign(rater="B", I1=codes()["I1"].to_numpy()[::-1])
    both = pd.concat([first, second], ignore_index=True)
    found = omega(both, kind="categorical", targets=["session"], raters="rater", seed=2)
    drawn = draw_one_rater(both, ["session"], "rater", seed=2)
    alone = omega(drawn, items=list(codes().columns), kind="categorical")
    assert found.frame["estimate"].tolist() == pytest.approx(alone.frame["estimate"].tolist(), abs=1e-12)
    assert found.design["n_rows"] == 180
    assert found.rows.tolist() == drawn.index.tolist()
    assert len(found.polychoric) == 28
