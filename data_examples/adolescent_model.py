"""The latent model of the synthetic adolescent study: what therapists do and what becomes of the homework.

Everything here is invented. Adolescents come in panels of 50, each panel with eight
therapists and raters of its own, so that 50 are one study and 20,000 the same study
again and again. All true levels are in SD units, about 0.

Homework adherence is true as y2 (session 2) and y3 (session 3)::

    y2 = hispanic + resistance + time1 + rationale1 · resistance + time1 · resistance + own part
    y3 = y2 + resistance + rationale2 · y2 + reactions2 · y2 + own part

each with a coefficient of :class:`AdolescentPlan`, and brought back to a variance of about 1. What
moderates counts up to a limit (``COUNTS_TO``), which keeps the part that a model leaves out about
equally large for everybody. An adolescent below the plan's limit did no homework at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from doublecode.data_examples.streams import shuffled_per_block, stream

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

PANEL = 50
THERAPISTS = 8
HISPANIC = 11
# how far resistance (session 1) and adherence before (session 2) from their mean count where they moderate
COUNTS_TO = (0.5, 0.8)
# the six resistance items: how often each code comes up; loading, what is an item's own, a rater's severity and error;
# nobody's level is above the highest, so that no few adolescents decide a slope
RESISTANCE_SHARES = (0.60, 0.325, 0.07, 0.004, 0.001)
RESISTANCE_LOADING = 0.88
RESISTANCE_ITEM = 0.30
RESISTANCE_RATER = (0.08, 0.42)
RESISTANCE_HIGHEST = 1.4
BEHAVIORS = ("specification", "rationale", "reactions", "review", "praise", "time_assigning")
# how behaviours of one session go together: specifying, rationale and time most
TOGETHER = np.array(
    [
        [1.00, 0.40, 0.20, 0.15, 0.10, 0.55],
        [0.40, 1.00, 0.45, 0.10, 0.15, 0.55],
        [0.20, 0.45, 1.00, 0.15, 0.20, 0.25],
        [0.15, 0.10, 0.15, 1.00, 0.30, 0.10],
        [0.10, 0.15, 0.20, 0.30, 1.00, 0.10],
        [0.55, 0.55, 0.25, 0.10, 0.10, 1.00],
    ]
)
# what becomes of each place of a (shuffled) panel of 50
DROPOUT_2 = (0, 1)
DROPOUT_3 = (2, 3, 4, 5, 6)
TAPE_1_MECHANICAL = (0, 7)
TAPE_1_FORGOTTEN = (8, 9)
TAPE_2_FORGOTTEN = (10,)
UNCLEAR_2 = (11, 12, 13)
TAPE_3_MECHANICAL = (14,)
TAPE_3_FORGOTTEN = (15,)
UNCLEAR_3 = (16,)


@dataclass(frozen=True)
class AdolescentPlan:
    """Planted coefficients on the scale of the true levels, calibrated to the printed betas.

    `carries_over` is the correlation of one behaviour between sessions 1 and 2; `no_homework` the
    true level below which nothing was done.
    """

    carries_over: float = 0.3
    hispanic_on_rationale2: float = 0.8
    hispanic: float = -1.08
    resistance2: float = -0.34
    time1: float = 0.42
    rationale1_resistance: float = 0.75
    time1_resistance: float = 0.65
    own2: float = 0.4
    scale2: float = 1.12
    adherence2: float = 1.75
    resistance3: float = -0.42
    rationale2_adherence2: float = -1.24
    reactions2_adherence2: float = -1.1
    own3: float = 0.3
    scale3: float = 1.6
    no_homework2: float = -1.08
    no_homework3: float = -1.08


@dataclass(frozen=True)
class AdolescentTruth:
    """What is true of each adolescent; arrays of length n, behaviours (n, 6) in the order of ``BEHAVIORS``.

    `resistance` is the level behind the six items, `place` the adolescent's place in the shuffled panel,
    which says who dropped out and whose tapes are gone.
    """

    hispanic: Flags
    resistance: Floats
    behaviors1: Floats
    behaviors2: Floats
    adherence2: Floats
    adherence3: Floats
    place: Integers
    therapist: Integers

    @property
    def panel(self) -> Integers:
        """Which study of 50 an adolescent belongs to."""
        return np.arange(len(self.place)) // PANEL


def draw_adolescents(seed: int, n: int, plan: AdolescentPlan) -> AdolescentTruth:
    """Draw the truth of `n` adolescents."""
    rng = stream(seed, "behaviors")
    root = np.linalg.cholesky(TOGETHER)
    first, fresh = rng.normal(size=(2, n, len(BEHAVIORS))) @ root.T
    second = plan.carries_over * first + np.sqrt(1 - plan.carries_over**2) * fresh
    places = np.arange(PANEL)
    hispanic = shuffled_per_block(stream(seed, "hispanic"), places, n) < HISPANIC
    rationale = BEHAVIORS.index("rationale")
    second[:, rationale] += plan.hispanic_on_rationale2 * (hispanic - HISPANIC / PANEL)
    resistance: Floats = ndtri(stream(seed, "resistance").random(n) * ndtr(RESISTANCE_HIGHEST))
    strain = felt_resistance(resistance)
    adherence2 = _adherence2(stream(seed, "adherence 2"), hispanic, strain, first, plan)
    return AdolescentTruth(
        hispanic,
        resistance,
        first,
        second,
        adherence2,
        _adherence3(stream(seed, "adherence 3"), adherence2, strain, second, plan),
        shuffled_per_block(stream(seed, "places"), places, n),
        shuffled_per_block(stream(seed, "therapists"), places % THERAPISTS, n) + THERAPISTS * (np.arange(n) // PANEL),
    )


def felt_resistance(resistance: Floats) -> Floats:
    """Resistance as it weighs on homework: the total to be expected at that level; mean 0, SD 1."""
    everybody = _expected_total(_levels())
    felt: Floats = (_expected_total(resistance) - everybody.mean()) / everybody.std()
    return felt


def _levels() -> Floats:
    """The distribution of resistance, as its quantiles."""
    levels: Floats = ndtri((np.arange(2000) + 0.5) / 2000 * ndtr(RESISTANCE_HIGHEST))
    return levels


def _resistance_noise() -> float:
    """SD of an item's impression at one level of resistance."""
    return float(np.hypot(RESISTANCE_ITEM, np.hypot(*RESISTANCE_RATER)))


def _expected_total(resistance: Floats) -> Floats:
    steps = [ndtr((RESISTANCE_LOADING * resistance - edge) / _resistance_noise()) for edge in resistance_edges()]
    total: Floats = 6 + 6 * np.sum(steps, axis=0)
    return total


@cache
def resistance_edges() -> tuple[float, ...]:
    """Impressions at which one code of an item ends and the next begins, so that each comes up as often as planned."""
    grid = np.linspace(-6, 6, 6001)
    below = ndtr((grid[:, None] - RESISTANCE_LOADING * _levels()) / _resistance_noise()).mean(axis=1)
    return tuple(float(edge) for edge in np.interp(np.cumsum(RESISTANCE_SHARES)[:-1], below, grid))


def _adherence2(
    rng: np.random.Generator, hispanic: Flags, strain: Floats, behaviors: Floats, plan: AdolescentPlan
) -> Floats:
    rationale, time = behaviors[:, BEHAVIORS.index("rationale")], behaviors[:, BEHAVIORS.index("time_assigning")]
    moderator = np.clip(strain, -COUNTS_TO[0], COUNTS_TO[0])
    level = (
        plan.hispanic * (hispanic - HISPANIC / PANEL)
        + plan.resistance2 * strain
        + plan.time1 * time
        + plan.rationale1_resistance * rationale * moderator
        + plan.time1_resistance * time * moderator
    )
    total: Floats = (level + rng.normal(0, plan.own2, len(strain))) / plan.scale2
    return total


def _adherence3(
    rng: np.random.Generator, adherence2: Floats, strain: Floats, behaviors: Floats, plan: AdolescentPlan
) -> Floats:
    rationale, reactions = behaviors[:, BEHAVIORS.index("rationale")], behaviors[:, BEHAVIORS.index("reactions")]
    before = np.clip(adherence2, -COUNTS_TO[1], COUNTS_TO[1])
    level = (
        plan.adherence2 * before
        + plan.resistance3 * strain
        + plan.rationale2_adherence2 * rationale * before
        + plan.reactions2_adherence2 * reactions * before
    )
    total: Floats = (level + rng.normal(0, plan.own3, len(strain))) / plan.scale3
    return total
