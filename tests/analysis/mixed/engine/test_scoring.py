"""The step of scoring: its equations written out with V, and that balanced data need no other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_mixed
from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.engine.derivatives import differentiate
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.moments import make_moments
from doublecode.analysis.mixed.engine.optimise import covariance, minimise
from doublecode.analysis.mixed.engine.scoring import scored

ONE = np.zeros(1, dtype=np.intp)


def rated_visits(seed: int = 3, *, share: float = 1.0) -> pd.DataFrame:
    """Two ratings of three visits of twelve patients of four therapists, synthetic."""
    rng = np.random.default_rng(seed)
    patient, visit, _ = (a.ravel() for a in np.indices((12, 3, 2)))
    data = pd.DataFrame({"therapist": patient // 3, "patient": patient, "visit": 10 * patient + visit})
    data["x"] = rng.normal(size=len(data))
    data["y"] = (
        2.0 * rng.normal(size=4)[data.therapist] + rng.normal(size=12)[patient] + 0.3 * data.x
        + 0.7 * rng.normal(size=(12, 3))[patient, visit] + rng.normal(size=len(data))
    )  # fmt: skip
    return data[rng.random(len(data)) < share].reset_index(drop=True)


@pytest.mark.parametrize("reml", [True, False])
def test_the_step_solves_the_equations_of_mivque(reml):
    """V, P and the projections as whole matrices; the relative covariance that solves them (rounding, 1e-9)."""
    data = rated_visits(share=0.9)
    data["y"] += 1.5 * np.random.default_rng(2).normal(size=12)[data.patient] * data.x  # slopes that differ
    design = build_design("y ~ x + (x | patient) + (1 | therapist)", data)
    moments = make_moments(design)
    theta = np.array([[0.9, 0.1, 0.4, 0.5]])
    derivatives = differentiate(evaluate(moments, theta, ONE, reml=reml))
    found, promise = scored(derivatives)

    roots = moments.conditioning.term_roots
    Z = [term.Z @ np.linalg.inv(R) for term, R in zip(design.terms, roots, strict=True)]
    same = [(term.codes[:, None] == term.codes).astype(float) for term in design.terms]
    a, b = Z[0].T
    parts = [
        np.outer(a, a) * same[0], (np.outer(a, b) + np.outer(b, a)) * same[0], np.outer(b, b) * same[0],
        np.outer(Z[1][:, 0], Z[1][:, 0]) * same[1], np.eye(len(data)),
    ]  # fmt: skip
    D = covariance(moments.layout.blocks[0], theta)[0]
    d = [D[0, 0], D[1, 0], D[1, 1], theta[0, 3] ** 2, 1.0]
    V = sum(c * part for c, part in zip(d, parts, strict=True))
    inverse, X = np.linalg.inv(V), design.X
    P = inverse - inverse @ X @ np.linalg.solve(X.T @ inverse @ X, X.T @ inverse)
    T = P if reml else inverse
    system = np.array([[np.trace(T @ one @ T @ other) for other in parts] for one in parts])
    solution = np.linalg.solve(system, [design.y @ P @ part @ P @ design.y for part in parts])
    psi = solution[:4] / solution[4]
    new = covariance(moments.layout.blocks[0], found)[0]
    towards = np.array([new[0, 0], new[1, 0], new[1, 1], found[0, 3] ** 2]) - d[:4]
    assert promise[0] == pytest.approx(-0.5 * derivatives.gradient_cov[0] @ towards, rel=1e-9)
    assert promise[0] > 0.0
    np.testing.assert_allclose([new[0, 0], new[1, 0], new[1, 1], found[0, 3] ** 2], psi, rtol=1e-9)


def test_of_balanced_data_one_step_is_the_answer_from_anywhere():
    data = rated_visits()
    moments = make_moments(build_design("y ~ 1 + (1 | visit) + (1 | patient) + (1 | therapist)", data))
    for start in ([0.1, 3.0, 0.2], [2.0, 0.5, 1.0]):
        state = evaluate(moments, np.array([start]), ONE, reml=True)
        theta, promise = scored(differentiate(state))
        assert promise[0] > 0.0
        at_end = differentiate(evaluate(moments, theta, ONE, reml=True))
        np.testing.assert_allclose(at_end.gradient(), 0.0, atol=1e-8)


def test_a_step_to_a_negative_variance_is_none():
    data = rated_visits().assign(y=lambda d: d.y - d.groupby("patient").y.transform("mean"))
    moments = make_moments(build_design("y ~ 1 + (1 | patient)", data))
    start = np.array([[1.0]])
    theta, promise = scored(differentiate(evaluate(moments, start, ONE, reml=True)))
    assert promise[0] == 0.0
    np.testing.assert_array_equal(theta, start)


def test_nested_factors_take_few_steps_and_one_search():
    """Their moments, each by itself, lie far away: without the step seven evaluations and more, and three starts."""
    data = rated_visits(share=0.85)
    formula = "y ~ x + (1 | therapist / patient / visit)"
    log = fit_mixed(formula, data, ddf="z").log
    assert len(log) == 1
    assert log.evaluations[0] <= 5
    moments = make_moments(build_design(formula, data))
    plain = minimise(moments, np.full((1, 3), 3.0), ONE, reml=True)
    helped = minimise(moments, np.full((1, 3), 3.0), ONE, reml=True, scoring=True)
    assert plain.deviance[0] == pytest.approx(helped.deviance[0], abs=1e-8)
    assert helped.iterations[0] < plain.iterations[0]
