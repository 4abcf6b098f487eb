"""How raters, patients and an assistant turn the truth of the telephone study into codes.

One code of rater r on item j of a session::

    x = level + item offset + loading · (truth - level + halo) + item's own truth
        + severity of r + severity of r on j + error        code = round(x), kept within 0–4

The halo is what one rater makes of one tape as a whole: it touches all items of an
instrument, and those of GHES and StHAR are correlated, since both are rated from
the same tape. Severities belong to raters and last through the study.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doublecode.data_examples.streams import stream
from doublecode.data_examples.telephone_model import Floats, Integers, Truth

RATERS = 5
DOUBLE_CODED = 0.4
PHQ_ITEMS = (
    "interest", "mood", "sleep", "energy", "appetite", "self_worth", "concentration", "psychomotor", "self_harm",
)  # fmt: skip
# how soon each PHQ-9 item is endorsed when symptoms rise; the last one hardly ever
PHQ_ORDER = np.array([0.6, 0.7, 0.5, 0.9, -0.2, 0.2, 0.3, -0.7, -1.9])


@dataclass(frozen=True)
class ScalePlan:
    """Planted parameters of one instrument; SDs in points of a code.

    `item_truth` are the SDs of what is truly particular to an item in one session, `error` that of
    a single code; `severity` and `item_severity` are SDs between raters.
    """

    items: tuple[str, ...]
    offsets: tuple[float, ...]
    loadings: tuple[float, ...]
    level: float
    item_truth: tuple[float, ...]
    severity: float
    item_severity: float
    halo: float
    error: float


GHES = ScalePlan(
    items=("extent", "as_agreed", "applied", "intensity", "difficulties", "benefit", "time_spent"),
    offsets=(0.25, 0.15, -0.35, 0.05, -0.24, 0.05, 0.09),
    loadings=(1.15, 1.08, 0.88, 1.15, 0.72, 1.0, 1.02),
    level=2.71,
    item_truth=(0.53, 0.53, 0.53, 0.53, 0.82, 0.53, 0.53),  # difficulties vary most
    severity=0.18,
    item_severity=0.10,
    halo=0.46,
    error=0.58,
)
STHAR = ScalePlan(
    items=(
        "a_rationale", "a_tailoring", "a_challenges", "a_specifying", "a_comprehension",
        "r_discussing", "r_conclusions", "r_self_efficacy",
    ),
    offsets=(0.0, -0.2, -0.5, 0.35, 0.25, 0.4, -0.05, -0.25),
    loadings=(1.0, 1.05, 0.95, 1.05, 0.95, 1.0, 1.1, 0.9),
    level=2.1,
    item_truth=(0.98,) * 8,
    severity=0.20,
    item_severity=0.12,
    halo=0.58,
    error=0.66,
)  # fmt: skip
HALO_CORRELATION = 0.3


@dataclass(frozen=True)
class Assigned:
    """Who rates which session: one entry per rating; `rater` is numbered through the panels."""

    row: Integers
    rater: Integers


def draw_codes(
    seed: int, name: str, plan: ScalePlan, levels: Floats, assigned: Assigned, halo: Floats
) -> NDArray[np.int64]:
    """Draw the codes of one instrument, shape (n_ratings, n_items).

    Parameters
    ----------
    levels : array of shape (n_sessions, n_items)
        The true level behind each item.
    halo : array of shape (n_ratings,)
        Standard normal.
    """
    propensity = item_propensity(seed, name, plan, levels)[assigned.row]
    severity = rater_severity(seed, name, plan, int(assigned.rater.max()) + 1)
    error = stream(seed, f"errors in {name}").normal(0, plan.error, propensity.shape)
    x = propensity + severity[assigned.rater] + np.asarray(plan.loadings) * plan.halo * halo[:, None] + error
    return np.clip(np.rint(x), 0, 4).astype(np.int64)


def rater_severity(seed: int, name: str, plan: ScalePlan, n_raters: int) -> Floats:
    """How much higher each rater codes each item, shape (n_raters, n_items)."""
    rng = stream(seed, f"severity in {name}")
    drawn = rng.normal(size=(n_raters, 1 + len(plan.items)))
    return plan.severity * drawn[:, :1] + plan.item_severity * drawn[:, 1:]


def item_propensity(seed: int, name: str, plan: ScalePlan, levels: Floats) -> Floats:
    """What each item of each session would be coded without any rater's doing, before rounding."""
    own = stream(seed, f"items of {name}").normal(0, np.asarray(plan.item_truth), levels.shape)
    return plan.level + np.asarray(plan.offsets) + np.asarray(plan.loadings) * (levels - plan.level) + own


def draw_halos(seed: int, n_ratings: int) -> tuple[Floats, Floats]:
    """Standard normal halos of GHES and StHAR for each rating, correlated."""
    drawn = stream(seed, "halo").normal(size=(n_ratings, 2))
    return drawn[:, 0], HALO_CORRELATION * drawn[:, 0] + np.sqrt(1 - HALO_CORRELATION**2) * drawn[:, 1]


def ghes_levels(truth: Truth) -> Floats:
    """The true level behind each GHES item, shape (n_sessions, 7)."""
    return np.repeat(truth.he[:, None], len(GHES.items), axis=1)


def sthar_levels(truth: Truth) -> Floats:
    """The true level behind each StHAR item, shape (n_sessions, 8): five assigning, three reviewing."""
    return np.column_stack([truth.assigning] * 5 + [truth.reviewing] * 3)


def draw_phq_items(seed: int, truth: Truth) -> NDArray[np.int64]:
    """Draw PHQ-9 answers, shape (n_sessions, 9), whose sum is the rounded severity within 0–27.

    Each item is a ladder of three steps; a severity of S takes the S lowest of the 27 steps, where
    an item's ladder hangs higher or lower for the item, the patient and the day.
    """
    total = np.clip(np.rint(truth.phq), 0, 27).astype(np.int64)
    rng = stream(seed, "phq items")
    habit = rng.normal(0, 0.5, (int(truth.patient[-1]) + 1, 9))[truth.patient]
    height = -PHQ_ORDER - habit + rng.normal(0, 0.4, habit.shape)
    steps = (height[:, :, None] + np.arange(3)[None, None, :]).reshape(len(total), 27)
    taken = np.argsort(np.argsort(steps, axis=1), axis=1) < total[:, None]
    answers: NDArray[np.int64] = taken.reshape(len(total), 9, 3).sum(axis=2)
    return answers
