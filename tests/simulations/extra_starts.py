"""Does a fit ever end lower for having searched from fewer starts?

A fit searches from the moments' start, and from three more only where that end is doubtful
(`doublecode.analysis.mixed.engine.optimise.doubtful`). Here every set is searched from all four, and from seven
random points where these disagree: *lost* counts sets whose end would have been higher by more than 1e-7 under the
rule. Ten synthetic designs, each set with rows missing of its own, variances from nought to many times the
residual's, REML and ML in turn; the last four are made to be hard: few groups of very unlike sizes, heavy tails.
Run: ``python tests/simulations/extra_starts.py [sets per design, 2000]``; answer in ``extra_starts.txt``, run last of
all, with 600 (of 2,000 per design under the rule before the first step by scoring none was lost either). The rule was
made with these designs in sight; ``… extra_starts.py 2500 fresh`` asks eight others, which were written down when the
rule stood, with seeds of their own: ``extra_starts_fresh.txt``; ``… extra_starts.py 2500 nested`` eight designs with
nested factors: ``extra_starts_nested.txt``. These two were run before small models were made quicker, which has moved
no estimate of 2,000 fits by more than 3e-12 of itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.engine.moments import Moments, make_moments
from doublecode.analysis.mixed.engine.optimise import doubtful, minimise
from doublecode.analysis.mixed.engine.starts import default_start, moment_start

BATCH = 100
HIGHER = 1e-7


@dataclass(frozen=True)
class Model:
    """A design: formula, its rows, share of rows missing, tails of errors and effects (degrees of freedom), seed."""

    name: str
    formula: str
    rows: pd.DataFrame
    missing: float
    tails: float = 50.0
    seed: tuple[int, ...] = ()


def grid(groups: int, sessions: int, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of every group at every session."""
    patient, session = np.divmod(np.arange(groups * sessions), sessions)
    data = pd.DataFrame({"patient": patient, "session": session, "time": session - (sessions - 1) / 2})
    data["within"], data["between"] = rng.normal(size=len(data)), rng.normal(size=groups)[patient]
    return data.assign(rater=rng.integers(0, 5, len(data)), g=patient % 4)


def unlike(groups: int, rng: np.random.Generator, *, largest: int, spread: float) -> pd.DataFrame:
    """Groups from one to `largest` rows, a predictor that differs between them."""
    size = np.clip(np.round(5 * np.exp(spread * rng.normal(size=groups))), 1, largest).astype(int)
    patient = np.repeat(np.arange(groups), size)
    time = rng.normal(size=len(patient)) + 1.5 * rng.normal(size=groups)[patient]
    return pd.DataFrame({"patient": patient, "time": time, "g": rng.integers(0, 5, len(patient))})


def models() -> list[Model]:
    """The ten designs."""
    rng = np.random.default_rng(20261127)
    study, slope = grid(22, 9, rng), "y ~ within + time + between + (time | patient)"
    return [
        Model("22 x 9, intercept", "y ~ within + time + between + (1 | patient)", study, 0.15),
        Model("22 x 9, slope", slope, study, 0.15),
        Model("22 x 9, slope without correlation", "y ~ within + time + (time || patient)", study, 0.15),
        Model("22 x 9, slope and raters", slope + " + (1 | rater)", study, 0.15),
        Model("40 x 5, crossed", "y ~ 1 + (1 | patient) + (1 | rater)", grid(40, 5, rng), 0.4),
        Model("10 x 6, slope", "y ~ time + (time | patient)", grid(10, 6, rng), 0.2),
        Model("15 unlike groups, heavy tails", "y ~ time + (1 | patient)", unlike(15, rng, largest=30, spread=0.7),
              0.1, 1.5),
        Model("8 unlike groups, slope, heavy tails", "y ~ time + (time | patient)",
              unlike(8, rng, largest=60, spread=1.0), 0.1, 1.5),
        Model("8 unlike groups, slope ||, heavy tails", "y ~ time + (time || patient)",
              unlike(8, rng, largest=60, spread=1.0), 0.1, 1.5),
        Model("6 unlike groups, slope and a crossed factor", "y ~ time + (time | patient) + (1 | g)",
              unlike(6, rng, largest=40, spread=1.0), 0.1, 2.0),
    ]  # fmt: skip


def fresh_models() -> list[Model]:
    """Eight designs that the rule was not made with."""
    rng = np.random.default_rng(20261128)
    wide, long, short = grid(30, 12, rng), grid(12, 15, rng), grid(60, 4, rng)
    nested, study = grid(48, 6, rng), grid(18, 8, rng)
    nested["therapist"] = nested["patient"] // 6
    few, more = unlike(9, rng, largest=50, spread=1.2), unlike(14, rng, largest=25, spread=0.6)
    answers = [
        Model("30 x 12, intercept, a third missing", "y ~ within + time + (1 | patient)", wide, 0.33),
        Model("12 x 15, slope", "y ~ time + between + (time | patient)", long, 0.25),
        Model("60 x 4, slope", "y ~ time + (time | patient)", short, 0.2),
        Model("48 x 6, patients in therapists", "y ~ time + (1 | therapist / patient)", nested, 0.2),
        Model("48 x 6, slope, patients in therapists", "y ~ time + (time | patient) + (1 | therapist)", nested, 0.3),
        Model("18 x 8, two slopes", "y ~ time + within + (time + within | patient)", study, 0.15),
        Model("9 unlike groups, intercept, heavy tails", "y ~ time + (1 | patient)", few, 0.2, 2.0),
        Model("14 unlike groups, slope and a crossed factor", "y ~ time + (time | patient) + (1 | g)", more, 0.2, 3.0),
    ]
    return [replace(model, seed=(1128, place)) for place, model in enumerate(answers)]


def nested_models() -> list[Model]:
    """Eight designs whose factors nest, most of them small; two with heavy tails."""
    rng = np.random.default_rng(20261129)
    few, many = nest(6, 3, 4, rng), nest(10, 5, 5, rng)
    coded, unlike_sizes = nest(12, 4, 8, rng), unlike(16, rng, largest=25, spread=0.8)
    for data in (few, many, coded):
        data["visit"] = 100 * data["patient"] + data["session"] // 2
    unlike_sizes["therapist"] = unlike_sizes["patient"] // 4
    answers = [
        Model("6 x 3 x 4, patients in therapists", "y ~ time + (1 | therapist) + (1 | patient)", few, 0.2),
        Model("6 x 3 x 4, the same, heavy tails", "y ~ time + (1 | therapist) + (1 | patient)", few, 0.2, 2.0),
        Model("10 x 5 x 5, patients in therapists", "y ~ time + within + (1 | therapist / patient)", many, 0.3),
        Model("10 x 5 x 5, slope of patients", "y ~ time + (time | patient) + (1 | therapist)", many, 0.2),
        Model("10 x 5 x 5, slope of therapists", "y ~ time + (time | therapist) + (1 | patient)", many, 0.2),
        Model("12 x 4 x 8, visits in patients", "y ~ time + (1 | visit) + (1 | patient)", coded, 0.2),
        Model("12 x 4 x 8, three factors", "y ~ within + (1 | visit) + (1 | patient) + (1 | therapist)", coded, 0.3),
        Model("16 unlike patients in therapists, heavy tails", "y ~ time + (1 | therapist) + (1 | patient)",
              unlike_sizes, 0.2, 2.0),
    ]  # fmt: skip
    return [replace(model, seed=(1129, place)) for place, model in enumerate(answers)]


def nest(therapists: int, patients: int, sessions: int, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of every patient of every therapist at every session."""
    data = grid(therapists * patients, sessions, rng)
    return data.assign(therapist=data["patient"] // patients)


def outcomes(model: Model, number: int) -> np.ndarray:
    """(rows, BATCH) outcomes of batch `number`, NaN where a row is missing."""
    rng = np.random.default_rng([len(model.name), number, *model.seed])
    rows, who = model.rows, model.rows["patient"].to_numpy()
    u = rng.standard_t(model.tails, (2, who.max() + 1, BATCH))
    level, slope = rng.choice([0.0, 0.1, 0.3, 1.0, 3.0], BATCH), rng.choice([0.0, 0.0, 0.05, 0.2, 0.5], BATCH)
    third = rows[
        next((name for name in ("g", "rater", "visit", "therapist") if f"| {name}" in model.formula), "patient")
    ].to_numpy()
    v = rng.normal(size=(third.max() + 1, BATCH)) * rng.choice([0.0, 0.2, 1.0], BATCH) * (third is not who)
    y = level * u[0][who] + slope * u[1][who] * rows[["time"]].to_numpy() + v[third]
    y += rng.standard_t(model.tails, y.shape)
    y[rng.random(y.shape) < model.missing] = np.nan
    return y


@dataclass(frozen=True)
class Ends:
    """Deviance (N,) by the first search, by all, whether the rule asks for all, and the smallest variance."""

    first: np.ndarray
    best: np.ndarray
    asked: np.ndarray


def search(moments: Moments, *, reml: bool, seed: int) -> Ends:
    """From the moments' start; from three more; from seven random ones where these do not agree."""
    which = np.arange(moments.n_sets)
    first = minimise(moments, moment_start(moments), which, reml=reml, scoring=True)
    asked = doubtful(moments.layout.blocks, first) | ~first.converged
    ends = [first.deviance]
    for scale in (0.3, 1.0, 3.0):
        end = minimise(moments, np.tile(default_start(moments, scale), (len(which), 1)), which, reml=reml)
        ends.append(np.where(end.converged, end.deviance, np.inf))
    apart = np.flatnonzero(~(np.ptp(ends, axis=0) < 1e-6))
    best = np.min(ends, axis=0)
    rng, base = np.random.default_rng(seed), default_start(moments)
    for _ in range(7 if len(apart) else 0):
        noise = (base == 0) * rng.normal(0, 0.3, (len(apart), len(base)))
        points = base * rng.lognormal(0.0, 1.0, (len(apart), len(base))) + noise
        end = minimise(moments, points, apart, reml=reml)
        best[apart] = np.minimum(best[apart], np.where(end.converged, end.deviance, np.inf))
    return Ends(first.deviance, best, asked)


def batches(model: Model, sets: int) -> Iterator[tuple[int, Ends]]:
    """The searches of all batches, REML and ML in turn."""
    design = build_design(model.formula, model.rows.assign(y=0.0), with_outcome=False)
    for number in range(sets // BATCH):
        moments = make_moments(design, outcomes(model, number)[design.rows])
        yield number, search(moments, reml=number % 2 == 0, seed=number)


def main(sets: int = 2000, designs: str = "") -> None:
    """Print per design how often all starts are asked for, were needed, and were needed but not asked for."""
    total = lost = 0
    print("sets: all starts asked for; another start ended lower; lost, for it was not asked for (by at most)")
    for model in {"": models, "fresh": fresh_models, "nested": nested_models}[designs]():
        found = list(batches(model, sets))
        first, best, asked = (np.concatenate([getattr(e, n) for _, e in found]) for n in ("first", "best", "asked"))
        lower = first - best > HIGHER
        missed = lower & ~asked
        total, lost = total + len(first), lost + int(missed.sum())
        most = float((first - best)[missed].max()) if missed.any() else 0.0
        counts = f"{int(lower.sum()):5d} {int(missed.sum()):5d} ({most:.1e})"
        print(f"{model.name:45s}{len(first):6d}: {asked.mean():5.0%} {counts}", flush=True)
    print(f"all: {total} sets, {lost} lost")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
