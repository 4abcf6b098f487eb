r"""Studies drawn from a plan: ratings with their error, sessions lost, outcomes; as many at once as a batch takes.

True scores have variance 1, :math:`ρ_x` of it between patients: :math:`x_{ij} = b_i + w_{ij}`. The outcome is

.. math:: y_{ij} = β_b \frac{b_i}{\sqrt{ρ_x}} τ + (β_w + s_i) \frac{w_{ij}}{\sqrt{1 − ρ_x}} + t_{k(i)} + u_i + e_{ij}

with residuals of variance 1 and patients of variance τ², so that :math:`β_w` is in residual standard deviations per
standard deviation within patients and :math:`β_b` in standard deviations between patients of both. A rating adds
severity of its rater and an error of its own; what is analysed is the mean of a session's ratings, split into the
patient's mean over the sessions that are there, and the deviation from it. With a trend γ the mean moves by γ with each
session, counted from the middle one.

With a family the same without :math:`e_{ij}` is the linear predictor, from the logit or the log of the base on (of
ordered categories from 0 on, between the logits of their cumulated probabilities), and the outcome is drawn from it;
:math:`β_b` is then not multiplied by τ: both are log odds, or logs of a rate, per standard deviation of true scores of
their level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.planning.planned_study import PlannedStudy

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LARGEST = 20.0
"""Log of the largest mean count that is drawn from."""


@dataclass(frozen=True)
class Drawn:
    """Studies drawn: rows × studies.

    Attributes
    ----------
    outcome
        (n, N), NaN where a session is lost.
    within, between
        (n, N) what raters' scores say of the session, and of the patient; NaN where a session is lost.
    """

    outcome: Floats
    within: Floats
    between: Floats


def plan_rows(plan: PlannedStudy) -> pd.DataFrame:
    """The rows of the plan: ``patient``, ``session`` (centred), and ``therapist`` where there are some."""
    patient = np.repeat(np.arange(plan.patients), plan.sessions)
    session = np.tile(np.arange(plan.sessions) - (plan.sessions - 1) / 2, plan.patients)
    rows = pd.DataFrame({"patient": patient, "session": session, "within": 0.0, "between": 0.0, "outcome": 0.0})
    return rows.assign(therapist=patient % plan.therapists) if plan.therapists else rows


def draw(
    plan: PlannedStudy, within: float, between: float, n_studies: int, rng: np.random.Generator, trend: float = 0.0
) -> Drawn:
    """Draw studies.

    Parameters
    ----------
    plan
    within, between, trend
        Slopes, see above.
    n_studies
    rng
    """
    n, patient = plan.patients * plan.sessions, np.repeat(np.arange(plan.patients), plan.sessions)
    lost = _lost(plan, n_studies, rng)
    level = rng.normal(size=(plan.patients, n_studies))[patient]
    moment = rng.normal(size=(n, n_studies))
    slope = within + plan.slope_sd * rng.normal(size=(plan.patients, n_studies))[patient] if plan.slope_sd else within
    scale = np.sqrt(plan.residual_variance)
    tau = np.sqrt(plan.patient_variance) * scale
    y = between * level * (tau if plan.family is None else 1.0) + slope * moment
    if plan.family is None:
        y += rng.normal(size=(n, n_studies))
    if trend:
        y += trend * plan_rows(plan)["session"].to_numpy()[:, None]
    y += tau * rng.normal(size=(plan.patients, n_studies))[patient]
    if plan.therapists:
        own = scale * np.sqrt(plan.therapist_variance) * rng.normal(size=(plan.therapists, n_studies))
        y += own[patient % plan.therapists]
    truth = np.sqrt(plan.icc_predictor) * level + np.sqrt(1 - plan.icc_predictor) * moment
    score = np.where(lost, np.nan, _rated(plan, truth, rng))
    mean = _patient_means(score, plan)[patient]
    if plan.family is not None:
        y = _from_predictor(plan, plan.intercept + y, rng)
    return Drawn(np.where(lost, np.nan, y), score - mean, np.where(lost, np.nan, mean))


def _from_predictor(plan: PlannedStudy, eta: Floats, rng: np.random.Generator) -> Floats:
    """Outcomes of the family at a linear predictor."""
    if plan.family == "binomial":
        return (rng.random(eta.shape) < 1 / (1 + np.exp(-eta))).astype(float)
    if plan.family == "ordinal":
        return np.searchsorted(plan.thresholds, eta + rng.logistic(size=eta.shape)).astype(float)
    if plan.dispersion is not None:
        mean = np.exp(np.minimum(eta, LARGEST))
        return rng.poisson(mean * rng.gamma(plan.dispersion, 1 / plan.dispersion, eta.shape)).astype(float)
    return rng.poisson(np.exp(np.minimum(eta, LARGEST))).astype(float)


def _lost(plan: PlannedStudy, n_studies: int, rng: np.random.Generator) -> Bools:
    """(n, N) which sessions are not there: after the patient left, or lost at random."""
    shape = (plan.patients, n_studies)
    leaves = rng.random(shape) < plan.dropout
    last = np.where(leaves, rng.integers(1, plan.sessions, shape), plan.sessions)
    gone = np.arange(plan.sessions)[None, :, None] >= last[:, None, :]
    failed = rng.random((plan.patients, plan.sessions, n_studies)) < plan.lost
    return np.asarray((gone | failed).reshape(-1, n_studies))


def _rated(plan: PlannedStudy, truth: Floats, rng: np.random.Generator) -> Floats:
    """The mean of a session's ratings: one rater each, a second one in the declared share of the sessions."""
    if not plan.raters:
        return truth
    severity, error = (float(np.sqrt(one)) for one in plan.error_variances)
    n, N = truth.shape
    severe = severity * rng.normal(size=(plan.raters, N))
    first = rng.integers(0, plan.raters, (n, N))
    rating = _on_scale(plan, truth + np.take_along_axis(severe, first, axis=0) + error * rng.normal(size=(n, N)))
    twice = rng.permuted(np.tile(np.arange(n)[:, None] < round(plan.double * n), (1, N)), axis=0)
    if not twice.any():
        return rating
    second = (first + rng.integers(1, plan.raters, (n, N))) % plan.raters
    other = _on_scale(plan, truth + np.take_along_axis(severe, second, axis=0) + error * rng.normal(size=(n, N)))
    return np.where(twice, (rating + other) / 2, rating)


def _on_scale(plan: PlannedStudy, values: Floats) -> Floats:
    """Whole points of the scale, in standard deviations of true scores: the ends lie two of them from its middle."""
    if not plan.points:
        return values
    step = 4.0 / (plan.points - 1)
    return np.clip(np.round((values + 2.0) / step), 0, plan.points - 1) * step - 2.0


def _patient_means(score: Floats, plan: PlannedStudy) -> Floats:
    """(patients, N) means over the sessions that are there; NaN of a patient who has none."""
    cube = score.reshape(plan.patients, plan.sessions, -1)
    there = ~np.isnan(cube)
    count = there.sum(axis=1)
    return np.where(count, np.where(there, cube, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
