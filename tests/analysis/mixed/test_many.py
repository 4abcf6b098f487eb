"""fit_many against fit_mixed one by one, which is tested against R."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_many, fit_mixed
from doublecode.schemas.errors import UsageError

FORMULA = "y ~ within + time + between + (time | patient)"


def simulate(n_sets: int, slope: float = 0.1, seed: int = 3) -> tuple[pd.DataFrame, np.ndarray]:
    """22 patients × 9 unbalanced sessions (synthetic)."""
    rng = np.random.default_rng(seed)
    patient, session = np.divmod(np.arange(198), 9)
    keep = (rng.random(198) < 0.85) | (session == 0)
    data = pd.DataFrame({"patient": patient, "time": session - 4.0})[keep].reset_index(drop=True)
    data["within"], data["between"] = rng.normal(size=len(data)), rng.normal(size=22)[data.patient]
    u, v = 0.7 * rng.normal(size=(22, n_sets)), slope * rng.normal(size=(22, n_sets))
    Y = 0.3 * data.within.to_numpy()[:, None] + u[data.patient] + v[data.patient] * data.time.to_numpy()[:, None]
    return data, Y + 0.8 * rng.normal(size=Y.shape)


def same(many, data, Y, formula, ddf, sets, *, reml=True):
    for i in sets:
        one = fit_mixed(formula, data.assign(y=Y[:, i]), ddf=ddf, reml=reml)
        assert many.loglik[i] == pytest.approx(one.loglik, abs=1e-8)
        assert bool(many.singular[i]) == one.singular
        assert many.nobs[i] == one.nobs
        np.testing.assert_allclose(many.estimate[:, i], one.fixed.estimate, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(many.std_error[:, i], one.fixed.std_error, rtol=1e-6)
        np.testing.assert_allclose(many.df[:, i], one.fixed.df, rtol=1e-4)
        np.testing.assert_allclose(many.p_value[:, i], one.fixed.p_value, rtol=1e-4, atol=1e-12)
        np.testing.assert_allclose(many.variances[:, i], one.variances.variance, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(("ddf", "reml"), [("kenward-roger", True), ("satterthwaite", False), ("z", True)])
@pytest.mark.parametrize("slope", [0.1, 0.0])
def test_one_design(ddf, reml, slope):
    data, Y = simulate(150, slope)
    many = fit_many(FORMULA, data, Y, ddf=ddf, reml=reml)
    assert many.converged.all()
    assert many.design["n_converged"] == 150
    assert many.singular.any()
    same(many, data, Y, FORMULA, ddf, [*range(6), *np.flatnonzero(many.singular)[:4]], reml=reml)


def test_designs_that_differ_by_missing_rows():
    data, Y = simulate(120)
    Y[np.random.default_rng(1).random(Y.shape) < 0.15] = np.nan
    many = fit_many(FORMULA, data, Y, ddf="kenward-roger")
    assert many.converged.all()
    same(many, data, Y, FORMULA, "kenward-roger", range(8))


def test_rows_missing_in_every_set():
    data, Y = simulate(5)
    Y[10:20] = np.nan
    many = fit_many(FORMULA, data, Y, ddf="satterthwaite")
    same(many, data, Y, FORMULA, "satterthwaite", range(5))
    data.loc[40, "within"] = np.nan
    assert fit_many(FORMULA, data, Y).design["n_used"] == len(data) - 1


def test_small_crossed_designs_with_their_own_pattern():
    """Forty targets × five raters, two raters each in every set."""
    rng = np.random.default_rng(8)
    target, rater = np.divmod(np.arange(200), 5)
    data = pd.DataFrame({"target": target, "rater": rater})
    Y = rng.normal(size=(40, 60))[target] + 0.5 * rng.normal(size=(5, 60))[rater] + rng.normal(size=(200, 60))
    for i in range(60):
        chosen = np.argsort(rng.random((40, 5)), axis=1)[:, :2]
        keep = np.zeros((40, 5), dtype=bool)
        keep[np.arange(40)[:, None], chosen] = True
        Y[~keep.ravel(), i] = np.nan
    formula = "y ~ 1 + (1 | target) + (1 | rater)"
    many = fit_many(formula, data, Y, ddf="satterthwaite")
    assert many.converged.all()
    same(many, data, Y, formula, "satterthwaite", range(8))


def test_offset_free_of_chunks(monkeypatch):
    data, Y = simulate(37)
    whole = fit_many(FORMULA, data, Y)
    monkeypatch.setattr("doublecode.analysis.mixed.many.CHUNK_CELLS", 1000)
    parts = fit_many(FORMULA, data, Y)
    np.testing.assert_allclose(parts.loglik, whole.loglik, atol=1e-10)


def test_sets_that_cannot_be_fitted_are_counted_and_say_why():
    data, Y = simulate(6)
    Y[:, 1] = 2.0
    Y[:, 2] = np.nan
    Y[data.patient != 3, 3] = np.nan
    Y[data.within > np.sort(data.within)[2], 4] = np.nan
    many = fit_many(FORMULA, data, Y, ddf="satterthwaite")
    assert many.fitted.tolist() == [True, False, False, False, False, True]
    assert many.converged.tolist() == [True, False, False, False, False, True]
    kinds = [None if problem is None else problem.kind for problem in many.problem]
    assert kinds[:4] == [None, "set_outcome_constant", "set_few_rows", "set_few_levels"]
    assert kinds[5] is None
    assert many.problem[3].numbers == {"group": "patient"}
    assert np.isnan(many.estimate[:, 1:5]).all()
    assert many.design["n_sets"] == 6
    assert many.design["n_fitted"] == 2
    assert "2 of 6 sets converged" in many.note_texts()[-1]


def test_frame_and_summary():
    data, Y = simulate(40)
    many = fit_many(FORMULA, data, Y, ddf="satterthwaite")
    assert list(many.frame.columns) == [
        "set", "term", "estimate", "std_error", "df", "statistic", "p_value", "converged", "singular",
    ]  # fmt: skip
    assert len(many.frame) == 160
    within = many.frame.query("term == 'within'")
    np.testing.assert_array_equal(within.estimate, many.estimate[1])
    assert many.per_term().n_sets.tolist() == [40] * 4
    assert "| within |" in many.to_markdown()
    assert np.isnan(fit_many(FORMULA, data, Y).df).all()
    np.testing.assert_allclose(np.diagonal(many.vcov, axis1=1, axis2=2).T, many.std_error**2)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"ddf": "auto"}, "is not one of None"), ({"ddf": "kenward-roger", "reml": False}, "defined for REML")],
)
def test_options(options, message):
    data, Y = simulate(2)
    with pytest.raises(UsageError, match=message):
        fit_many(FORMULA, data, Y, **options)


def test_shape_and_infinite_responses():
    data, Y = simulate(2)
    with pytest.raises(UsageError, match="must be \\(n_rows, n_sets\\)"):
        fit_many(FORMULA, data, Y[:-1])
    Y[3, 1] = np.inf
    with pytest.raises(UsageError, match="responses must be numbers, with NaN"):
        fit_many(FORMULA, data, np.full((len(data), 2), "a"))
    with pytest.raises(UsageError, match="responses\\[3, 1\\] is infinite"):
        fit_many(FORMULA, data, Y)


def test_fixed_effects_that_reproduce_an_outcome_are_named():
    data, Y = simulate(3)
    Y[:, 1] = 2 + 3 * data.within - data.time
    many = fit_many(FORMULA, data, Y)
    assert many.fitted.tolist() == [True, False, True]
    assert many.problem[1].kind == "set_explained"
