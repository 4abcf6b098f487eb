"""fit_many of a family: against fit_generalized one by one, which is tested against R; and the batch's derivatives."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_generalized, fit_many
from doublecode.analysis.mixed.generalized.fit import generalized_design
from doublecode.analysis.mixed.generalized.many_objective import evaluate_sets
from doublecode.analysis.mixed.generalized.many_outcomes import read_outcomes
from doublecode.analysis.mixed.generalized.many_rows import (
    OwnColumns,
    SetProblem,
    SharedColumns,
    hermite,
    places_of,
)
from doublecode.analysis.mixed.generalized.objective import Problem, evaluate
from doublecode.analysis.mixed.generalized.random_part import make_random_part
from doublecode.analysis.mixed.generalized.response import read_outcome
from doublecode.analysis.mixed.generalized.search import hessian
from doublecode.schemas.errors import NotEstimable, UsageError

FORMULA = "y ~ x + b + t + (1 | g)"


def world(seed: int, groups: int, most: int, n_sets: int, family: str, *, base: float = 0.0, sd: float = 1.0):
    """Unbalanced groups of 1 to `most` rows in any order, and outcomes (synthetic)."""
    rng = np.random.default_rng(seed)
    size = rng.integers(1, most + 1, groups)
    g = rng.permutation(np.repeat(np.arange(groups), size))
    n = len(g)
    data = pd.DataFrame({"g": g, "x": rng.normal(size=n), "b": rng.normal(size=groups)[g], "t": rng.uniform(0, 3, n)})
    eta = (base + 0.4 * data.x + 0.3 * data.b - 0.2 * data.t).to_numpy()[:, None] + sd * rng.normal(
        size=(groups, n_sets)
    )[g]
    if family == "binomial":
        return data, (rng.uniform(size=eta.shape) < 1 / (1 + np.exp(-eta))).astype(float), rng
    spread = rng.gamma(2.0, 0.5, eta.shape) if family == "negative-binomial" else 1.0
    return data, rng.poisson(np.exp(eta) * spread).astype(float), rng


def same(many, data: pd.DataFrame, Y: np.ndarray, sets, formula: str, own=None, **how: Any) -> None:
    """Set by set: fitted or refused alike, log-likelihood to 1e-6, b to 1e-5 standard errors, SE to 1e-4."""
    rows = {name: how.pop(name) for name in ("trials", "weights", "offset") if name in how}
    for i in sets:
        keep = ~np.isnan(Y[:, i])
        one_set = data.assign(y=Y[:, i], **({} if own is None else {name: X[:, i] for name, X in own.items()}))
        try:
            one = fit_generalized(formula, one_set[keep], **how, **{k: v[keep] for k, v in rows.items()})
        except NotEstimable:
            assert not many.fitted[i]
            assert many.problem[i] is not None
            assert np.isnan(many.estimate[:, i]).all()
            continue
        assert many.fitted[i]
        assert many.converged[i] == one.converged
        assert many.singular[i] == one.singular
        assert many.nobs[i] == one.nobs
        assert many.loglik[i] == pytest.approx(one.loglik, abs=1e-6)
        error = one.fixed["std_error"].to_numpy()
        np.testing.assert_allclose(many.estimate[:, i] / error, one.beta / error, atol=1e-5)
        np.testing.assert_allclose(many.std_error[:, i], error, rtol=1e-4)
        np.testing.assert_allclose(many.p_value[:, i], one.fixed["p_value"], atol=1e-5)
        np.testing.assert_allclose(many.variances[:, i], one.variances["variance"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
@pytest.mark.parametrize(("n_nodes", "term"), [(1, "(1 | g)"), (2, "(0 + t | g)"), (7, "(1 | g)")])
def test_value_gradient_and_hessian_are_those_of_the_single_objective(family, n_nodes, term):
    data, Y, rng = world(3, 12, 9, 1, family)
    w, offset = rng.integers(1, 3, len(data)).astype(float), rng.normal(0, 0.3, len(data))
    design, _ = generalized_design(f"y ~ x + t + {term}", data.assign(y=Y[:, 0]), trials=None, weights=w, offset=offset)
    part, outcome = make_random_part(design.terms), read_outcome(design, family, "logit", None)
    X, order = design.x_factors[0], part.order
    density = outcome.density()
    single = Problem(part, X[order], offset[order], w[order], density.subset(order), n_nodes)
    x = np.array([0.8, 0.1, 0.3, -0.2])
    point = evaluate(single, x)
    places = places_of(design.terms[0].codes, 12)
    link, one = "logit" if family == "binomial" else "log", np.array([0])
    outcomes, at = read_outcomes(Y, family, link, None, w), places.spread(offset)[..., None]
    Z = None if term == "(1 | g)" else places.spread(design.terms[0].factors[0], 1.0)
    shared = SharedColumns(places.spread(X))
    own = OwnColumns(places.spread(X).transpose(2, 0, 1)[..., None])
    for columns in (shared, own):
        many = SetProblem(columns, Z, at, outcomes.density(places, one), outcomes.constants(one), hermite(n_nodes))
        found = evaluate_sets(many, x[None], np.zeros((12, 1)))
        assert found.value[0] == pytest.approx(point.value, abs=1e-10)
        np.testing.assert_allclose(found.gradient[0], point.gradient, atol=1e-9)
        np.testing.assert_allclose(found.hessian[0], hessian(single, point), atol=1e-4)


@pytest.mark.parametrize(("family", "nagq", "seed"), [("binomial", "auto", 1), ("binomial", 1, 2), ("poisson", 5, 3)])
def test_unbalanced_designs_with_missing_rows_of_their_own(family, nagq, seed):
    data, Y, rng = world(seed, 16, 9, 40, family)
    Y[rng.random(Y.shape) < 0.12] = np.nan
    many = fit_many(FORMULA, data, Y, family=family, nagq=nagq)
    assert not many.single.any()
    same(many, data, Y, range(12), FORMULA, family=family, nagq=nagq)


def test_trials_weights_and_offset():
    data, _, rng = world(5, 12, 9, 30, "binomial")
    n = len(data)
    rows = {"trials": rng.integers(1, 6, n).astype(float), "weights": rng.integers(1, 4, n).astype(float),
            "offset": rng.normal(0, 0.4, n)}  # fmt: skip
    p = 1 / (1 + np.exp(-rows["offset"][:, None] - rng.normal(size=(12, 30))[data.g]))
    Y = rng.binomial(rows["trials"].astype(int)[:, None], p).astype(float)
    many = fit_many(FORMULA, data, Y, family="binomial", nagq=1, **rows)
    same(many, data, Y, range(10), FORMULA, family="binomial", nagq=1, **rows)
    shown = fit_many(FORMULA, data, Y / rows["trials"][:, None], family="binomial", nagq=1, **rows)
    np.testing.assert_allclose(shown.loglik, many.loglik, atol=1e-9)


def test_predictors_of_their_own():
    data, _, rng = world(6, 14, 8, 40, "poisson", sd=0.4)
    X = rng.normal(size=(len(data), 40))
    Y = rng.poisson(np.exp(0.3 * X + 0.4 * rng.normal(size=(14, 40))[data.g])).astype(float)
    Y[rng.random(Y.shape) < 0.1] = np.nan
    many = fit_many(FORMULA, data, Y, predictors={"x": X}, family="poisson")
    assert many.singular.any()
    assert not many.single.any()
    same(many, data, Y, [*range(6), *np.flatnonzero(many.singular)[:4]], FORMULA, own={"x": X}, family="poisson")


def test_rare_outcomes_in_few_groups_are_refused_as_one_by_one():
    data, Y, _ = world(7, 8, 6, 40, "binomial", base=-2.0)
    many = fit_many(FORMULA, data, Y, family="binomial", nagq=1)
    assert many.separated.sum() > 3
    assert many.singular.sum() > 10
    assert (many.fitted | np.array([note is not None for note in many.problem])).all()
    same(many, data, Y, range(20), FORMULA, family="binomial", nagq=1)
    assert "separation" in str(many)


def test_a_planted_separation_is_named_and_a_prior_leads_on():
    data, Y, _ = world(8, 12, 8, 6, "binomial")
    Y[:, 2] = data.x > 0
    many = fit_many(FORMULA, data, Y, family="binomial")
    assert many.separated.tolist() == [False, False, True, False, False, False]
    assert many.problem[2].kind == "set_separated"
    assert "x" in many.problem[2].numbers["which"]
    assert not many.single.any()  # the batch itself has found it, before any search
    held = fit_many(FORMULA, data, Y, family="binomial", prior_sd=2.5)
    assert held.converged.all()
    assert not held.single.any()
    same(held, data, Y, [0, 2], FORMULA, family="binomial", prior_sd=2.5)


@pytest.mark.parametrize(
    ("family", "formula", "how"),
    [
        ("binomial", "y ~ x + t + (t | g)", {}),
        ("binomial", FORMULA, {"link": "probit"}),
        ("poisson", "y ~ x + (1 | g) + (0 + t | g)", {}),
    ],
)
def test_what_no_batch_takes_goes_one_by_one(family, formula, how):
    data, Y, _ = world(9, 14, 8, 3, family)
    many = fit_many(formula, data, Y, family=family, **how)
    assert many.single.all()
    same(many, data, Y, range(3), formula, family=family, **how)


def test_negative_binomial_counts_with_their_dispersion():
    data, Y, rng = world(31, 16, 9, 24, "negative-binomial")
    Y[rng.random(Y.shape) < 0.1] = np.nan
    many = fit_many(FORMULA, data, Y, family="negative-binomial", nagq=5)
    assert many.single.mean() < 0.2
    same(many, data, Y, range(6), FORMULA, family="negative-binomial", nagq=5)
    keep = ~np.isnan(Y[:, 0])
    one = fit_generalized(FORMULA, data.assign(y=Y[:, 0])[keep], family="negative-binomial", nagq=5)
    assert many.dispersion[0] == pytest.approx(one.dispersion, rel=1e-4)


def test_counts_without_more_spread_than_poisson_stay_in_the_batch():
    """The dispersion goes up without end there, and what is left is the Poisson model."""
    data, Y, _ = world(41, 16, 9, 40, "poisson", base=1.0)
    many = fit_many(FORMULA, data, Y, family="negative-binomial", nagq=1)
    limit = fit_many(FORMULA, data, Y, family="poisson", nagq=1)
    endless = np.isinf(many.dispersion)
    assert endless.sum() > 10
    assert (many.dispersion[~endless] < 1e5).all()
    first, other = (int(np.flatnonzero(where)[0]) for where in (endless, ~endless))
    for i in (first, other):
        fit = fit_generalized(FORMULA, data.assign(y=Y[:, i]), family="negative-binomial", nagq=1)
        assert fit.dispersion == pytest.approx(many.dispersion[i], rel=1e-3)
    assert many.converged.all()
    assert not many.single.any()
    np.testing.assert_allclose(many.loglik[endless], limit.loglik[endless], atol=1e-6)
    np.testing.assert_allclose(many.estimate[:, endless], limit.estimate[:, endless], atol=1e-5)
    np.testing.assert_allclose(many.std_error[:, endless], limit.std_error[:, endless], rtol=1e-4)
    assert (many.loglik > limit.loglik - 1e-6).all()


@pytest.mark.parametrize(
    ("drawn", "family", "base"),
    [
        ("poisson", "poisson", 11.0),
        ("negative-binomial", "negative-binomial", 14.0),
        ("poisson", "negative-binomial", 11.0),
    ],
)
def test_large_counts(drawn, family, base):
    data, Y, _ = world(42, 10, 8, 4, drawn, base=base, sd=0.5)
    many = fit_many(FORMULA, data, Y, family=family, nagq=1)
    assert many.converged.all()
    same(many, data, Y, [0, 1], FORMULA, family=family, nagq=1)


@pytest.mark.parametrize("n_nodes", [1, 7])
def test_derivatives_by_the_dispersion(n_nodes):
    data, Y, rng = world(3, 12, 9, 1, "negative-binomial")
    w = rng.integers(1, 3, len(data)).astype(float)
    formula, family = "y ~ x + t + (1 | g)", "negative-binomial"
    design, _ = generalized_design(formula, data.assign(y=Y[:, 0]), trials=None, weights=w, offset=None)
    part, outcome = make_random_part(design.terms), read_outcome(design, family, "log", None)
    X, order, density = design.x_factors[0], part.order, outcome.density()
    single = Problem(part, X[order], np.zeros(len(w)), w[order], density.subset(order), n_nodes)
    x = np.array([0.8, 0.1, 0.3, -0.2, 0.6])
    point = evaluate(single, x)
    places = places_of(design.terms[0].codes, 12)
    outcomes, one = read_outcomes(Y, family, "log", None, w), np.array([0])
    many = SetProblem(
        SharedColumns(places.spread(X)), None, places.spread(np.zeros((len(w), 1))), outcomes.density(places, one),
        outcomes.constants(one), hermite(n_nodes),
    )  # fmt: skip
    found = evaluate_sets(many, x[None], np.zeros((12, 1)))
    assert found.value[0] == pytest.approx(point.value, abs=1e-10)
    np.testing.assert_allclose(found.gradient[0], point.gradient, atol=1e-9)
    np.testing.assert_allclose(found.hessian[0], hessian(single, point), atol=1e-4)


def test_sets_that_say_nothing_have_their_reason():
    data, Y, _ = world(10, 12, 8, 4, "poisson")
    Y[:, 1] = 0.0
    Y[4:, 2] = np.nan
    many = fit_many(FORMULA, data, Y, family="poisson")
    assert [note and note.kind for note in many.problem] == [None, "set_outcome_constant", "set_few_rows", None]
    assert many.design["n_fitted"] == 2


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"family": "poison"}, "Did you mean 'poisson'"),
        ({"family": "poisson", "link": "logit"}, "none of family 'poisson'"),
        ({"family": "binomial", "nagq": 0}, "allowed: 'auto'"),
        ({"family": "binomial", "ddf": "kenward-roger"}, "allowed: 'z'"),
        ({"family": "binomial", "prior_sd": -1.0}, "positive"),
        ({"trials": "t"}, "trials= acts with a family"),
        ({"family": "poisson", "trials": "t"}, "belongs to family 'binomial'"),
    ],
)
def test_what_is_wrong_is_said(how, said):
    data, Y, _ = world(11, 12, 8, 3, "binomial")
    with pytest.raises(UsageError, match=said) as refused:
        fit_many(FORMULA, data, Y, **how)
    assert str(refused.value).startswith("fit_many: ")


@pytest.mark.parametrize(
    ("family", "value", "said"),
    [("binomial", 2.0, "needs 0 and 1"), ("poisson", -1.0, "negative"), ("poisson", 0.5, "whole")],
)
def test_impossible_outcomes_name_their_place(family, value, said):
    data, Y, _ = world(12, 12, 8, 3, "binomial")
    Y[3, 1] = value
    with pytest.raises(UsageError, match=f"{said}.*row 3 of set 1"):
        fit_many(FORMULA, data, Y, family=family)
