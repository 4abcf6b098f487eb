"""The latent model of the synthetic telephone study: who, when, and what is true of each session.

Everything here is invented. Patients come in panels of 22, each panel with
three therapists and five raters of its own, so that 22 patients are one study and
5,000 are the same study again and again.

The truth of one session (patient p, session t, numbered from 1)::

    A_pt   = level of assigning = growth + patient + patient slope + g_pt + own part
    R_pt   = level of reviewing = growth + patient + patient slope + g_pt + own part
    TBH_pt = (5 A_p,t-1 + 3 R_pt) / 8
    HE_pt  = growth + patient + patient slope + he_on_tbh (TBH_pt - growth) + own part
    PHQ_pt = growth + patient + patient slope + within · HE (deviation from the patient)
             + between · HE (patient) + phq_on_tbh (TBH_pt - growth) + own part,
             drawn again where the first score is not within 6–20

g_pt, the quality of a session, carries over to the next one (AR(1)). Session 0
is the appointment face to face before the first telephone session: it is not
rated, but homework was assigned there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doublecode.data_examples.streams import shuffled_per_block, stream

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PANEL = 22
PILOT_SESSIONS = 3
THERAPISTS = 3
LAST = 12
MIDDLE = 6.0  # the session at which patients' intercepts and slopes are unrelated
# 8–12 sessions per patient; 22 patients make 210
SESSIONS_HELD = np.repeat(np.array([8, 9, 10, 11, 12]), [5, 7, 5, 3, 2])
PHQ_AT_START = (6, 20)  # printed range in the first telephone session
# 210 held, 194 rated; more than 80 % of each patient's sessions are there
LOST = {"protocol deviation": 4, "recording missing or unusable": 12}


@dataclass(frozen=True)
class TelephonePlan:
    """Planted parameters; SDs in scale points, growth per session.

    They are calibrated: the analysis of the observed scores of 5,000 patients gives the
    printed numbers (``planted_truth.json`` says how nearly).
    """

    he_start: float = 3.15
    he_growth: float = -0.061
    he_patient: float = 0.425
    he_slope: float = 0.05
    he_own: float = 0.44
    he_on_tbh: float = 0.415
    tbh_start: float = 2.41
    tbh_growth: float = -0.0500
    tbh_patient: float = 0.1
    tbh_slope: float = 0.07
    quality: float = 0.65
    quality_carries_over: float = 0.45
    assigning_own: float = 0.2
    reviewing_own: float = 0.42
    phq_start: float = 11.5
    phq_growth: float = -0.35
    phq_patient: float = 4.8
    phq_slope: float = 0.28
    phq_own: float = 2.4
    phq_on_he_within: float = -2.0
    phq_on_he_between: float = -2.2
    phq_on_tbh: float = 0.88


@dataclass(frozen=True)
class Truth:
    """What is true of each session held, in order of patient and session; arrays of shape (n_sessions,).

    `assigning_before` is the assigning level of the session before.
    """

    patient: Integers
    session: Integers
    therapist: Integers
    he: Floats
    assigning: Floats
    assigning_before: Floats
    reviewing: Floats
    phq: Floats
    lost: NDArray[np.str_]
    pilot: NDArray[np.bool_]

    @property
    def rated(self) -> NDArray[np.bool_]:
        """Sessions of the main phase that raters hear."""
        heard: NDArray[np.bool_] = (self.lost == "") & ~self.pilot
        return heard

    @property
    def tbh(self) -> Floats:
        """The lagged level: five assigning items of the session before, three reviewing ones of this."""
        return (5 * self.assigning_before + 3 * self.reviewing) / 8

    @property
    def panel(self) -> Integers:
        """Which study of 22 patients a session belongs to."""
        return self.patient // PANEL


def draw_truth(seed: int, n_patients: int, plan: TelephonePlan, *, pilot: bool = False) -> Truth:
    """Draw the true course of `n_patients` patients.

    With `pilot`, three sessions of two more patients come at the end, seen by the first two therapists.
    """
    main = _draw(seed, n_patients, plan)
    if not pilot:
        return main
    lenders = _draw(seed + 1, 2, plan)
    rows = stream(seed, "pilot").choice(len(lenders.patient), size=PILOT_SESSIONS, replace=False)
    rows = np.sort(rows)
    columns = {name: np.concatenate([getattr(main, name), getattr(lenders, name)[rows]]) for name in vars(main)}
    columns["patient"][-PILOT_SESSIONS:] += n_patients
    columns["lost"][-PILOT_SESSIONS:] = ""
    columns["pilot"][-PILOT_SESSIONS:] = True
    return Truth(**columns)


def _draw(seed: int, n_patients: int, plan: TelephonePlan) -> Truth:
    held = shuffled_per_block(stream(seed, "sessions held"), SESSIONS_HELD, n_patients)
    time = np.arange(LAST + 1.0)[None, :]
    tbh_level, assigning, reviewing = _therapist_behaviour(stream(seed, "therapist behaviour"), n_patients, time, plan)
    before = np.concatenate([np.full((n_patients, 1), np.nan), assigning[:, :-1]], axis=1)
    tbh = (5 * before + 3 * reviewing) / 8 - (plan.tbh_start + plan.tbh_growth * time)
    he_level, he = _engagement(stream(seed, "engagement"), time, tbh_level, tbh, plan)
    phq = _symptoms(stream(seed, "symptoms"), time, tbh, he, he_level, plan)
    took_place = (time >= 1) & (time <= held[:, None])
    patient, session = np.nonzero(took_place)
    growth = plan.he_start + plan.he_growth * time
    return Truth(
        patient,
        session,
        _therapists(stream(seed, "therapists"), n_patients)[patient],
        (he + growth)[took_place],
        assigning[took_place],
        before[took_place],
        reviewing[took_place],
        phq[took_place],
        _lose(stream(seed, "lost sessions"), patient, held),
        np.zeros(len(patient), dtype=bool),
    )


def _course(rng: np.random.Generator, n: int, time: Floats, patient: float, slope: float) -> tuple[Floats, Floats]:
    """Patients' own levels, shape (n, 1), and their courses around the mean course, shape (n, n_times)."""
    level = rng.normal(0, patient, (n, 1))
    return level, level + rng.normal(0, slope, (n, 1)) * (time - MIDDLE)


def _therapist_behaviour(
    rng: np.random.Generator, n: int, time: Floats, plan: TelephonePlan
) -> tuple[Floats, Floats, Floats]:
    level, course = _course(rng, n, time, plan.tbh_patient, plan.tbh_slope)
    quality = rng.normal(0, plan.quality, (n, time.shape[1]))
    fresh = np.sqrt(1 - plan.quality_carries_over**2)
    for t in range(1, time.shape[1]):
        quality[:, t] = plan.quality_carries_over * quality[:, t - 1] + fresh * quality[:, t]
    common = plan.tbh_start + plan.tbh_growth * time + course + quality
    # homework assigned in session t counts in session t + 1, hence one step of growth ahead
    assigning = common + plan.tbh_growth + rng.normal(0, plan.assigning_own, common.shape)
    return level, assigning, common + rng.normal(0, plan.reviewing_own, common.shape)


def _engagement(
    rng: np.random.Generator, time: Floats, tbh_level: Floats, tbh: Floats, plan: TelephonePlan
) -> tuple[Floats, Floats]:
    """The part of engagement that belongs to the patient, and the deviation from the mean course."""
    level, course = _course(rng, len(tbh), time, plan.he_patient, plan.he_slope)
    own = rng.normal(0, plan.he_own, course.shape)
    return level + plan.he_on_tbh * tbh_level, course + plan.he_on_tbh * tbh + own


def _symptoms(
    rng: np.random.Generator, time: Floats, tbh: Floats, he: Floats, he_level: Floats, plan: TelephonePlan
) -> Floats:
    from_he = plan.phq_on_he_within * (he - he_level) + plan.phq_on_he_between * he_level
    given = plan.phq_start + plan.phq_growth * time + from_he + plan.phq_on_tbh * tbh
    phq = np.full(he.shape, np.nan)
    outside = np.ones(len(he), dtype=bool)
    while outside.any():  # whose first score no patient of the trial could have, is drawn again
        _, course = _course(rng, int(outside.sum()), time, plan.phq_patient, plan.phq_slope)
        phq[outside] = given[outside] + course + rng.normal(0, plan.phq_own, course.shape)
        first = np.rint(phq[:, 1])
        outside = (first < PHQ_AT_START[0]) | (first > PHQ_AT_START[1])
    return phq


def _therapists(rng: np.random.Generator, n: int) -> Integers:
    """Therapists of the patients, as evenly as 22 goes into three; numbered through the panels."""
    own = shuffled_per_block(rng, np.arange(PANEL) % THERAPISTS, n)
    return own + THERAPISTS * (np.arange(n) // PANEL)


def _lose(rng: np.random.Generator, patient: Integers, held: Integers) -> NDArray[np.str_]:
    """Sessions that could not be rated, at random, never a fifth of one patient's."""
    reasons = [reason for reason, count in LOST.items() for _ in range(count)]
    lost = np.full(len(patient), "", dtype="<U40")
    spare = (held - 1) // 5
    panels = patient // PANEL
    for panel in range(panels[-1] + 1):
        rows = np.flatnonzero(panels == panel)
        wanted = round(len(reasons) * len(rows) / SESSIONS_HELD.sum())
        left = spare.copy()
        chosen: list[int] = []
        for row in rng.permutation(rows):
            if len(chosen) < wanted and left[patient[row]] > 0:
                left[patient[row]] -= 1
                chosen.append(row)
        lost[chosen] = rng.permutation(np.array(reasons))[: len(chosen)]
    return lost
