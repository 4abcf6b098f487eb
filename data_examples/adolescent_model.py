"""The latent model of the synthetic adolescent study: what therapists do and what becomes of the homework.

Everything here is invented. Adolescents come in panels of 50, each panel with eight
therapists and raters of its own, so that 50 are one study and 5,000 the same study
again and again. All true levels are in SD units, about 0.

Homework adherence is true as y2 (session 2) and y3 (session 3)::

    y2 = hispanic + resistance + time1 + rationale1 · resistance + time1 · resistance + own part
    y3 = y2 + resistance + rationale2 · y2 + reactions2 · y2 + own part   (y2 counts up to ±1.4)

each with a coefficient of :class:`AdolescentPlan`, and brought back to a variance of about 1.
An adolescent whose true level is below the plan's limit did no homework at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from doublecode.data_examples.streams import shuffled_per_block, stream

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

PANEL = 50
THERAPISTS = 8
HISPANIC = 11
BEFORE_COUNTS_TO = 1.4
# the six resistance items: how often each code comes up; loading, what is an item's own, a rater's severity and error
RESISTANCE_SHARES = (0.72, 0.22, 0.05, 0.009, 0.001)
RESISTANCE_LOADING = 0.88
RESISTANCE_ITEM = 0.34
RESISTANCE_RATER = (0.12, 0.48)
RESISTANCE_COUNTS_TO = 12.0
BEHAVIORS = ("specification", "rationale", "reactions", "review", "praise", "time_assigning")
# how behaviours of one session go together: specifying, rationale and time most
TOGETHER = np.array(
    [
        [1.00, 0.40, 0.20, 0.15, 0.10, 0.55],
        [0.40, 1.00, 0.45, 0.10, 0.15, 0.45],
        [0.20, 0.45, 1.00, 0.15, 0.20, 0.25],
        [0.15, 0.10, 0.15, 1.00, 0.30, 0.10],
        [0.10, 0.15, 0.20, 0.30, 1.00, 0.10],
        [0.55, 0.45, 0.25, 0.10, 0.10, 1.00],
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
    hispanic: float = -1.12
    resistance2: float = -0.4
    time1: float = 0.37
    rationale1_resistance: float = 0.39
    time1_resistance: float = 0.33
    own2: float = 0.4
    scale2: float = 1.02
    adherence2: float = 1.4
    resistance3: float = -0.52
    rationale2_adherence2: float = -1.1
    reactions2_adherence2: float = -0.97
    own3: float = 0.1
    scale3: float = 1.65
    no_homework2: float = -1.5
    no_homework3: float = -1.65


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
    resistance = stream(seed, "resistance").normal(size=n)
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
    """Resistance as it weighs on homework: the total to be expected, counted up to 12; mean 0, SD 1."""
    noise = float(np.hypot(RESISTANCE_ITEM, np.hypot(*RESISTANCE_RATER)))
    spread = NormalDist(0, float(np.hypot(RESISTANCE_LOADING, noise)))
    edges = [spread.inv_cdf(float(share)) for share in np.cumsum(RESISTANCE_SHARES)[:-1]]
    total = 6 + 6 * sum(ndtr((RESISTANCE_LOADING * resistance - edge) / noise) for edge in edges)
    felt: Floats = (np.minimum(total, RESISTANCE_COUNTS_TO) - 7.815) / 2.037
    return felt


def _adherence2(
    rng: np.random.Generator, hispanic: Flags, strain: Floats, behaviors: Floats, plan: AdolescentPlan
) -> Floats:
    rationale, time = behaviors[:, BEHAVIORS.index("rationale")], behaviors[:, BEHAVIORS.index("time_assigning")]
    level = (
        plan.hispanic * (hispanic - HISPANIC / PANEL)
        + plan.resistance2 * strain
        + plan.time1 * time
        + plan.rationale1_resistance * rationale * strain
        + plan.time1_resistance * time * strain
    )
    total: Floats = (level + rng.normal(0, plan.own2, len(strain))) / plan.scale2
    return total


def _adherence3(
    rng: np.random.Generator, adherence2: Floats, strain: Floats, behaviors: Floats, plan: AdolescentPlan
) -> Floats:
    rationale, reactions = behaviors[:, BEHAVIORS.index("rationale")], behaviors[:, BEHAVIORS.index("reactions")]
    before = np.clip(adherence2, -BEFORE_COUNTS_TO, BEFORE_COUNTS_TO)
    level = (
        plan.adherence2 * before
        + plan.resistance3 * strain
        + plan.rationale2_adherence2 * rationale * before
        + plan.reactions2_adherence2 * reactions * before
    )
    total: Floats = (level + rng.normal(0, plan.own3, len(strain))) / plan.scale3
    return total
