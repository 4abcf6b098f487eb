"""The numbers that Haller & Watzke (2021) print in their text, each with the quantity that answers it."""

from __future__ import annotations

from collections.abc import Mapping

from doublecode.data_examples.printed_values import CALIBRATED, Printed

_SAMPLE = (
    ("screened", 152), ("randomised", 54), ("treated", 24), ("analysed", 22), ("female, %", 77), ("raters", 5),
    ("therapists", 3), ("therapists, age: mean", 34), ("therapists, age: SD", 5.9),
    ("therapists, training_years: mean", 4.3), ("therapists, training_years: SD", 1.5),
    ("sessions per patient: lowest", 8), ("sessions per patient: highest", 12), ("sessions held", 210),
    ("sessions rated", 194), ("sessions rated, %", 92.4), ("sessions rated, pilot too", 197),
    ("lost to protocol deviation", 4), ("lost recordings", 12), ("pilot sessions", 3), ("double-coded, %", 40),
    ("sessions per rater, first ratings: lowest", 32), ("sessions per rater, first ratings: highest", 38),
    ("sessions per rater, pilot and second ratings too: lowest", 57),
    ("sessions per rater, pilot and second ratings too: highest", 62),
)  # fmt: skip
_AGE = (("abstract", "mean", 54.1), ("abstract", "SD", 18.8), ("text", "mean", 56), ("text", "SD", 18.1))
_DYADS = {
    "GHES": {"lowest": 0.41, "highest": 0.81, "mean": 0.68, "median": 0.70},
    "StHAR": {"lowest": 0.45, "highest": 0.83, "mean": 0.64, "median": 0.64},
}
_PILOT = {"GHES": {"mean": 0.91, "median": 0.93}, "StHAR": {"mean": 0.81, "median": 0.88}}
_CONSISTENCY = (
    ("GHES, item-total r: lowest", 0.46), ("GHES, item-total r: highest", 0.78),
    ("StHAR, item-total r: lowest", 0.39), ("StHAR, item-total r: highest", 0.61),
    ("GHES, omega of a session: lowest", 0.79), ("GHES, omega of a session: highest", 0.91),
    ("StHAR, omega of a session: lowest", 0.63), ("StHAR, omega of a session: highest", 0.87),
    ("StH-A: omega", 0.73), ("StH-R: omega", 0.68),
)  # fmt: skip
_HOMEWORK = (
    ("homework assigned", 411), ("homework PE", 142), ("homework BE", 138), ("homework CO", 76), ("homework SM", 36),
    ("homework RP", 29), ("homework PE, %", 35), ("homework BE, %", 31), ("homework CO, %", 18), ("homework SM, %", 9),
    ("homework RP, %", 7), ("homework completed", 380), ("homework completed, %", 92.5),
    ("sessions with difficulties, %", 75), ("difficulties NE, %", 34.1), ("difficulties DS, %", 29.7),
    ("difficulties LS, %", 13.7), ("difficulties LT, %", 8.2), ("difficulties TD, %", 8.2), ("difficulties OT, %", 6.0),
    ("difficulties, code: mean", 1.53), ("difficulties, code: SD", 1.10),
)  # fmt: skip
_COURSES: tuple[tuple[str, float], ...] = (
    ("he: mean", 2.71), ("he: SD", 0.74), ("tbh: mean", 2.1), ("tbh: SD", 0.73), ("he: share between patients", 0.25),
    ("tbh: share between patients", 0.148), ("phq9: share between patients", 0.62), ("he: intercept", 3.00),
    ("he: session", -0.05), ("tbh: intercept", 2.32), ("tbh: session", -0.04), ("he on tbh (conflated)", 0.24),
    ("phq9 on he (conflated)", -0.83), ("phq9 on tbh, he held (conflated)", 0.23), ("ghes he: omega", 0.87),
    ("sthar same_tape: omega", 0.80),
)  # fmt: skip
_TESTS = (
    ("he, average", 2.70), ("he, average: SE", 0.09), ("he: intercept: SE", 0.13), ("he: session: p", 0.011),
    ("tbh: intercept: SE", 0.13), ("tbh: session: p", 0.307), ("he on tbh (conflated): SE", 0.07),
    ("he on tbh (conflated): p", 0.032), ("phq9 on he (conflated): SE", 0.35), ("phq9 on he (conflated): p", 0.015),
    ("phq9 on tbh, he held (conflated): SE", 0.30), ("phq9 on tbh, he held (conflated): p", 0.437),
    ("r(he, tbh), mean over sessions", 0.28),
)  # fmt: skip
_LIKELIHOODS = {
    "comparison 1, without he": (-451.37, 910.74, 923.3),
    "comparison 1, with he": (-448.05, 906.10, 921.8),
    "comparison 2, without tbh": (-444.69, 903.4, 925.4),
    "comparison 2, with tbh": (-444.24, 904.5, 929.6),
}

PRINTED: tuple[Printed, ...] = (
    *(Printed("design and sample", name, value) for name, value in _SAMPLE),
    *(Printed(f"design and sample, {where}", f"age: {part}", value) for where, part, value in _AGE),
    Printed("design and sample", "minutes: mean", 43, CALIBRATED),
    Printed("design and sample", "minutes: SD", 9.6, CALIBRATED),
    Printed("design and sample", "phq9 at start: lowest", 6, CALIBRATED),
    Printed("design and sample", "phq9 at start: highest", 20, CALIBRATED),
    *(
        Printed("reliability", f"{scale}, ICC(2,2) of pairs, {how}: {part}", value)
        for how in ("scale scores", "items stacked")
        for scale, parts in _DYADS.items()
        for part, value in parts.items()
    ),
    *(
        Printed("reliability", f"{scale}, ICC(2,2) of pairs, pilot: {part}", value)
        for scale, parts in _PILOT.items()
        for part, value in parts.items()
    ),
    *(Printed("reliability", name, value) for name, value in _CONSISTENCY),
    *(Printed("homework", name, value) for name, value in _HOMEWORK),
    *(Printed("courses and models", name, value, CALIBRATED) for name, value in _COURSES),
    *(Printed("courses and models", name, value) for name, value in _TESTS),
    *(
        Printed("courses and models", f"{name}: {part}", value)
        for name, values in _LIKELIHOODS.items()
        for part, value in zip(("loglik", "AIC", "BIC"), values, strict=True)
    ),
    Printed("courses and models", "comparison 1: p", 0.009),
    Printed("courses and models", "comparison 2: p", 0.346),
    Printed("courses and models", "phq9: rows of the series", "171 or 172, implied by BIC"),
)
HEADLINE: Mapping[str, float] = {name: float(value) for name, value in _COURSES} | {
    "GHES, ICC(2,2) of pairs, scale scores: mean": 0.68,
    "StHAR, ICC(2,2) of pairs, scale scores: mean": 0.64,
    "r(he, tbh), mean over sessions": 0.28,
}
