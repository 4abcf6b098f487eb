"""Very many adolescents as arrays, without tables of ratings: the population behind the targets.

Raters are assigned by chance (each session to one rater of its panel, as large a share as in the study to a second)
instead of by strata; this changes no expectation, and takes seconds where the study's own way takes minutes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.consistency.item_statistics import alpha_of
from doublecode.data_examples.adolescent_analysis import RATED_ITEMS
from doublecode.data_examples.adolescent_model import PANEL, AdolescentPlan, AdolescentTruth, draw_adolescents
from doublecode.data_examples.adolescent_people import held_sessions
from doublecode.data_examples.adolescent_ratings import Rated, RaterPlan
from doublecode.data_examples.adolescent_study import CODERS, RATER_SETS, Source
from doublecode.data_examples.least_squares import Floats
from doublecode.data_examples.moments import agreement
from doublecode.data_examples.streams import stream
from doublecode.schemas.study import Study

# sessions that can be rated in a study of 50
SESSIONS = {"thabs": 93, "homework_adherence": 84, "initial_resistance": 46}


@dataclass(frozen=True)
class Population:
    """Codes of many panels of 50.

    Attributes
    ----------
    truth : AdolescentTruth
    rated : mapping of instrument to Rated
    codes : mapping of instrument to DataFrame
        One row per rating, one column per item; NaN where it could not be rated.
    """

    truth: AdolescentTruth
    rated: dict[str, Rated]
    codes: dict[str, pd.DataFrame]


def draw_population(seed: int, n: int, raters: RaterPlan | None = None) -> Population:
    """Draw `n` adolescents and their codes."""
    plan = AdolescentPlan()
    truth = draw_adolescents(seed, n, plan)
    held = held_sessions(seed, truth, np.array([str(i) for i in range(3 * n)]))
    person = np.repeat(np.arange(n), held.groupby("patient", sort=False).size().to_numpy())
    number, heard = held["session"].to_numpy(), (held["status"] == "held").to_numpy()
    source = Source(seed, truth, plan, raters or RaterPlan())
    rated, codes = {}, {}
    for name, (_, numbers, double) in RATER_SETS.items():
        here = heard & np.isin(number, numbers)
        rated[name] = _assigned(stream(seed, f"raters of {name}"), person[here], number[here], double / SESSIONS[name])
        items, values, _ = CODERS[name](source, rated[name])
        codes[name] = pd.DataFrame(values, columns=list(items))
    return Population(truth, rated, codes)


def _assigned(rng: np.random.Generator, person: NDArray[np.int64], session: NDArray[np.int64], share: float) -> Rated:
    """One rater of the panel's three for each session, and a second for a share of them."""
    panel = person // PANEL
    first = rng.integers(0, 3, len(person))
    twice = np.flatnonzero(rng.random(len(person)) < share)
    second = (first[twice] + rng.integers(1, 3, len(twice))) % 3
    rater = np.concatenate([3 * panel + first, 3 * panel[twice] + second])
    return Rated(np.concatenate([person, person[twice]]), np.concatenate([session, session[twice]]), rater)


def population_frame(population: Population, declared: Study) -> dict[str, Floats]:
    """The analysis frame before the outlier rule, arrays of shape (1, n)."""
    n = len(population.truth.place)
    found = {}
    for one in declared.variables:
        if one.instrument is None:
            continue
        rated, codes = population.rated[one.instrument], population.codes[one.instrument]
        values = codes[one.item] if one.item is not None else codes.sum(axis=1, skipna=False)
        own = (rated.session == one.session) & values.notna().to_numpy()
        count = np.bincount(rated.person[own], minlength=n)
        total = np.bincount(rated.person[own], values.to_numpy(dtype=float)[own], n)
        found[one.name] = np.where(count > 0, total / np.where(count > 0, count, 1), np.nan)[None, :]
    return found | {"hispanic": population.truth.hispanic.astype(float)[None, :]}


def population_agreement(population: Population) -> dict[str, tuple[float, float]]:
    """Agreement of raters and alpha of resistance with standard errors, by moments, to which REML converges."""
    found = {}
    for item in RATED_ITEMS:
        found[f"{item}: ICC(A,1)"] = _moments(population.rated["thabs"], population.codes["thabs"][item])
    adherence = population.codes["homework_adherence"]["adherence"]
    found["adherence: ICC(A,1)"] = _moments(population.rated["homework_adherence"], adherence)
    rated, resistance = population.rated["initial_resistance"], population.codes["initial_resistance"]
    found["ir: ICC(1,1)"] = _moments(rated, resistance.sum(axis=1))
    first = resistance.groupby(rated.person).first().to_numpy(dtype=float)
    parts = np.array([float(alpha_of(np.cov(part, rowvar=False)[None])[0]) for part in np.array_split(first, 20)])
    found["ir: alpha"] = (
        float(alpha_of(np.cov(first, rowvar=False)[None])[0]), float(parts.std(ddof=1) / np.sqrt(len(parts)))
    )  # fmt: skip
    return found


def _moments(rated: Rated, values: pd.Series[float]) -> tuple[float, float]:
    sessions = pd.Series(rated.person).astype(str) + "-" + pd.Series(rated.session).astype(str)
    frame = pd.DataFrame({"session_id": sessions, "value": values.to_numpy(dtype=float)})
    return agreement(frame, rated.person // PANEL, 1)
