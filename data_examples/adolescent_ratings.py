"""How three separate sets of raters turn the truth of the adolescent study into codes.

A rater's impression is the true level plus her severity plus error; codes are cut from
it at fixed thresholds, chosen so that each code comes up as often as planned. Time is the
exponential of an impression, in seconds. Raters of adherence err about 0, *no effort*, as
about any other code; praise is not applicable where clearly nothing was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from doublecode.data_examples.adolescent_model import (
    RESISTANCE_EDGES,
    RESISTANCE_ITEM,
    RESISTANCE_RATER,
    Floats,
    Integers,
)
from doublecode.data_examples.streams import stream

RESISTANCE_ITEMS = ("hostile", "frustrated", "impatient", "intellectualizing", "defensive", "negative_reactions")
# how often each code comes up, from the lowest, per session; quartiles stay clear of the steps between codes, so that
# the fences of the outlier rule are much the same in most samples
SHARES: Mapping[tuple[str, int], tuple[float, ...]] = {
    ("specification", 1): (0.07, 0.07, 0.36, 0.38, 0.12),
    ("rationale", 1): (0.12, 0.04, 0.37, 0.37, 0.11),
    ("reactions", 1): (0.20, 0.30, 0.30, 0.15, 0.05),
    ("specification", 2): (0.04, 0.15, 0.35, 0.34, 0.12),
    ("rationale", 2): (0.07, 0.20, 0.35, 0.28, 0.10),
    ("reactions", 2): (0.16, 0.27, 0.32, 0.19, 0.06),
    ("review", 2): (0.03, 0.12, 0.35, 0.38, 0.12),
    ("praise", 2): (0.10, 0.22, 0.36, 0.24, 0.08),
}
# impressions of adherence at which one code ends and the next begins: an eighth, then a seventh shows no effort; what
# codes 4 to 6 get leaves the quartiles at 4 and 5
ADHERENCE_EDGES: Mapping[int, tuple[float, ...]] = {
    2: (-1.091, -1.078, -1.048, -0.952, 0.033, 0.975),
    3: (-0.730, -0.703, -0.652, -0.539, 0.500, 1.462),
}
SECONDS = {1: (150.0, 0.38), 2: (135.0, 0.38)}


@dataclass(frozen=True)
class RaterPlan:
    """SDs between raters and of a single code's error, beside a true SD of 1."""

    severity: float = 0.08
    specification: float = 0.45
    rationale: float = 0.35
    reactions: float = 0.35
    review: float = 1.60
    praise: float = 0.85
    time_assigning: float = 0.40
    adherence: float = 0.43
    resistance_session: float = RESISTANCE_RATER[0]
    resistance: float = RESISTANCE_RATER[1]


NO_ERROR = RaterPlan(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Rated:
    """Who rates whom in which session: one entry per rating; `rater` is numbered through the panels."""

    person: Integers
    session: Integers
    rater: Integers


def cut(impression: Floats, shares: tuple[float, ...], sd: float, lowest: int) -> Integers:
    """Cut codes from impressions of mean 0 and the given SD, so that each comes up as often as planned."""
    normal = NormalDist(0, sd)
    edges = [normal.inv_cdf(min(share, 1 - 1e-9)) for share in np.cumsum(shares)[:-1] / sum(shares)]
    return np.searchsorted(np.array(edges), impression).astype(np.int64) + lowest


def severities(seed: int, name: str, rated: Rated, plan: RaterPlan) -> Floats:
    """Severity of the rater of each rating."""
    return stream(seed, f"severity in {name}").normal(0, plan.severity, int(rated.rater.max()) + 1)[rated.rater]


def code_behavior(seed: int, name: str, level: Floats, rated: Rated, plan: RaterPlan) -> NDArray[np.float64]:
    """Codes 0–4 of one THABS item; `level` is the true level per rating."""
    error = float(getattr(plan, name))
    noise = stream(seed, f"errors in {name}").normal(0, error, len(level))
    impression = level + severities(seed, name, rated, plan) + noise
    sd = float(np.sqrt(1 + error**2 + plan.severity**2))
    codes = np.full(len(level), np.nan)
    for session in (1, 2):
        if (name, session) in SHARES:
            here = rated.session == session
            codes[here] = cut(impression[here], SHARES[name, session], sd, 0)
    return codes


def code_seconds(seed: int, level: Floats, rated: Rated, plan: RaterPlan) -> NDArray[np.float64]:
    """Seconds spent on assigning, to the nearest five."""
    noise = stream(seed, "errors in time").normal(0, plan.time_assigning, len(level))
    impression = level + severities(seed, "time", rated, plan) + noise
    median, spread = (np.array([SECONDS[session][part] for session in rated.session]) for part in (0, 1))
    return 5 * np.rint(median * np.exp(spread * impression) / 5)


def code_adherence(seed: int, level: Floats, rated: Rated, plan: RaterPlan) -> NDArray[np.float64]:
    """Codes 0–6 of homework adherence."""
    noise = stream(seed, "errors in adherence").normal(0, plan.adherence, len(level))
    impression = level + severities(seed, "adherence", rated, plan) + noise
    codes = np.zeros(len(level))
    for session, edges in ADHERENCE_EDGES.items():
        here = rated.session == session
        codes[here] = np.searchsorted(np.array(edges), impression[here])
    return codes


def code_resistance(seed: int, level: Floats, person: Integers, plan: RaterPlan) -> NDArray[np.float64]:
    """Codes 1–5 of the six resistance items, shape (n_ratings, 6)."""
    shape = (len(level), len(RESISTANCE_ITEMS))
    own = stream(seed, "items of resistance").normal(0, RESISTANCE_ITEM, (int(person.max()) + 1, shape[1]))[person]
    noise = stream(seed, "errors in resistance").normal(0, plan.resistance, shape)
    of_session = stream(seed, "rater of resistance").normal(0, plan.resistance_session, len(level))[:, None]
    impression = level[:, None] + own + of_session + noise
    return np.searchsorted(np.array(RESISTANCE_EDGES), impression).astype(float) + 1
