"""The latent model of the synthetic adolescent study: what therapists do and what becomes of the homework.

Everything here is invented. Adolescents come in panels of 50, each panel with eight
therapists and raters of its own, so that 50 are one study and 20,000 the same study
again and again. True levels are in SD units, about 0.

Resistance: a share shows none at all, the others a skewed trait (gamma). It weighs on homework by the total that
raters are expected to give, counted up to a limit (``RESISTANCE_COUNTS_TO``), in SD units: the *strain*.

Homework adherence is true as y2 (session 2) and y3 (session 3)::

    y2 = hispanic + strain + time1 + rationale1 · strain + time1 · strain + own part
    y3 = y2 + strain + own part                                          for those who did the first homework
    y3 = level of its own + strain + own part                            for those who did nothing
         and for all: (rationale2 + reactions2) · y2, where y2 counts between two limits (``ADHERENCE_COUNTS``)

each with a coefficient of :class:`AdolescentPlan`, and brought back to a variance of about 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr

from doublecode.data_examples.streams import shuffled_per_block, stream

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

PANEL = 50
THERAPISTS = 8
HISPANIC = 11
# shows no resistance at all; the trait of the others (gamma: shape, scale)
RESISTANCE_NONE = 0.28
RESISTANCE_TRAIT = (0.46, 1.25)
# SDs of an item: what is the adolescent's own, one rater's impression of one session, error; edges between codes
RESISTANCE_ITEM = 0.69
RESISTANCE_RATER = (0.32, 0.28)
RESISTANCE_EDGES = (0.95, 1.99, 2.97, 3.63)
RESISTANCE_COUNTS_TO = 12.0
ADHERENCE_COUNTS = (-1.5, 0.85)
BEHAVIORS = ("specification", "rationale", "reactions", "review", "praise", "time_assigning")
# how behaviours of one session go together: specifying, rationale and time most
TOGETHER = np.array(
    [
        [1.00, 0.35, 0.20, 0.15, 0.10, 0.44],
        [0.35, 1.00, 0.58, 0.10, 0.15, 0.44],
        [0.20, 0.58, 1.00, 0.15, 0.20, 0.25],
        [0.15, 0.10, 0.15, 1.00, 0.30, 0.10],
        [0.10, 0.15, 0.20, 0.30, 1.00, 0.10],
        [0.44, 0.44, 0.25, 0.10, 0.10, 1.00],
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

    `carries_over` is the correlation of one behaviour between sessions 1 and 2; `nothing_done` the true
    level of y2 below which the first homework counts as not done for y3, `praise_possible` that below which
    no rater finds anything to be praised.
    """

    carries_over: float = 0.3
    hispanic_on_rationale2: float = 0.8
    hispanic: float = -0.88
    resistance2: float = -0.44
    time1: float = 0.38
    rationale1_resistance: float = 0.47
    time1_resistance: float = 0.46
    own2: float = 0.38
    scale2: float = 1.11
    nothing_done: float = -1.15
    adherence2: float = 1.5
    resistance3: float = -0.7
    nothing_level: float = 0.28
    nothing_resistance: float = -0.1
    rationale2_adherence2: float = -0.82
    reactions2_adherence2: float = -0.74
    own3: float = 0.09
    scale3: float = 1.475
    praise_possible: float = -1.4


@dataclass(frozen=True)
class AdolescentTruth:
    """What is true of each adolescent; arrays of length n, behaviours (n, 6) in the order of ``BEHAVIORS``.

    `resistance` is the trait behind the six items, minus infinity where none is shown; `place` the adolescent's
    place in the shuffled panel, which says who dropped out and whose tapes are gone.
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
    resistance = _resistance(stream(seed, "resistance"), n)
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


def _resistance(rng: np.random.Generator, n: int) -> Floats:
    """Traits; minus infinity where none is shown, so that every item is coded 1."""
    shows, trait = rng.random(n) >= RESISTANCE_NONE, rng.gamma(*RESISTANCE_TRAIT, n)
    return np.where(shows, trait, -np.inf)


def felt_resistance(resistance: Floats) -> Floats:
    """Resistance as it weighs on homework: the total to be expected, up to the limit; mean 0, SD 1."""
    mean, sd = _moments_of_totals()
    felt: Floats = (_counted_total(resistance) - mean) / sd
    return felt


@cache
def _moments_of_totals() -> tuple[float, float]:
    """Mean and SD over adolescents of the total that counts, from the quantiles of the trait."""
    shape, scale = RESISTANCE_TRAIT
    totals = _counted_total(np.asarray(scale * gammaincinv(shape, (np.arange(4000) + 0.5) / 4000), dtype=np.float64))
    mean = RESISTANCE_NONE * 6 + (1 - RESISTANCE_NONE) * totals.mean()
    square = RESISTANCE_NONE * 36 + (1 - RESISTANCE_NONE) * np.square(totals).mean()
    return float(mean), float(np.sqrt(square - mean**2))


def _counted_total(resistance: Floats) -> Floats:
    noise = np.hypot(RESISTANCE_ITEM, np.hypot(*RESISTANCE_RATER))
    steps = [ndtr((resistance - edge) / noise) for edge in RESISTANCE_EDGES]
    counted: Floats = np.minimum(6 + 6 * np.sum(steps, axis=0), RESISTANCE_COUNTS_TO)
    return counted


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
    before = np.clip(adherence2, *ADHERENCE_COUNTS)
    did = plan.adherence2 * adherence2 + plan.resistance3 * strain
    did_nothing = plan.nothing_level + plan.nothing_resistance * strain
    helped = (plan.rationale2_adherence2 * rationale + plan.reactions2_adherence2 * reactions) * before
    level = np.where(adherence2 < plan.nothing_done, did_nothing, did) + helped
    total: Floats = (level + rng.normal(0, plan.own3, len(strain))) / plan.scale3
    return total
