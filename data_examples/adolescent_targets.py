"""What a sample of the adolescent study aims at: the same analysis of 20,000 with *this sample's* fences.

Fences come from quartiles, and with some forty discrete codes they differ from sample to sample; a slope after the
outlier rule is as steep as what was winsorised makes it. An interval therefore aims at what its own fences give in the
population: the target *conditional on this sample's fences*. The mean of the targets over samples is the *population
value*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from doublecode.data_examples.adolescent_analysis import PAIRS, PRINTED_INTERACTIONS
from doublecode.data_examples.least_squares import (
    Columns,
    Fences,
    Flags,
    Floats,
    brought_in,
    correlation,
    ranks,
    regress,
    rows_of,
)
from doublecode.schemas.study import ModerationModel, Study

Prepared = list[tuple[ModerationModel, dict[str, Floats]]]
POPULATION = 20_000
POPULATION_SEED = 5000


def conditional_targets(population: Columns, fences: Fences, declared: Study) -> dict[str, Floats]:
    """Every quantity of the population under the fences of each study, arrays of shape (n_studies,)."""
    n_studies = len(next(iter(fences.low.values())))
    own = [
        Fences(*({name: ends[name][i : i + 1] for name in ends} for ends in (fences.low, fences.high)))
        for i in range(n_studies)
    ]
    found: dict[str, list[float]] = {}
    prepared = [(model, _complete(population, rows_of(model, population)[0])) for model in declared.moderations]
    always = _without_rule(population, prepared)
    for one in own:
        of_this = always | dict(_regressions(prepared, one)) | dict(_of_variables(population, one))
        for name, value in of_this.items():
            found.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in found.items()}


def _complete(columns: Columns, rows: Flags) -> dict[str, Floats]:
    return {name: values[:, rows] for name, values in columns.items()}


def _regressions(prepared: Prepared, fences: Fences) -> Iterator[tuple[str, float]]:
    for model, columns in prepared:
        after = regress(model, brought_in(columns, fences), _subset(model, columns), errors=False)
        for j, term in enumerate(after.terms):
            yield f"{model.name}: {term} (b)", float(after.b[0, j])
            yield f"{model.name}: {term} (beta)", float(after.beta[0, j])


def _subset(model: ModerationModel, columns: Columns) -> Flags | None:
    return columns["hw2"] > 0 if model.subset else None


def _without_rule(population: Columns, prepared: Prepared) -> dict[str, float]:
    """What no fence touches: the printed interactions before the rule, and the rank correlation."""
    hispanic, hw2 = population["hispanic"], population["hw2"]
    both = np.isfinite(hispanic) & np.isfinite(hw2)
    found = {"rho(hispanic, hw2)": float(correlation(*(ranks(v[both][None]) for v in (hispanic, hw2)))[0][0])}
    for model, columns in prepared:
        if model.name in PRINTED_INTERACTIONS:
            before = regress(model, columns, errors=False)
            found[f"{model.name}: {before.terms[-1]} before the rule (b)"] = float(before.b[0, -1])
    return found


def _of_variables(population: Columns, fences: Fences) -> Iterator[tuple[str, float]]:
    adjusted = brought_in(population, fences)
    for one, other in PAIRS:
        yield f"r({one}, {other})", float(correlation(adjusted[one], adjusted[other])[0][0])
    for name in ("hw2", "hw3", "ir"):
        yield f"{name}: mean", float(np.nanmean(adjusted[name]))
        yield f"{name}: SD", float(np.nanstd(adjusted[name], ddof=1))
    for name, low in fences.low.items():
        known = population[name][np.isfinite(population[name])]
        yield f"{name}: share winsorised", float(((known < low) | (known > fences.high[name])).mean())


def standard_errors(population: Columns, fences: Fences, declared: Study, parts: int = 20) -> Mapping[str, float]:
    """Standard error of the population's part in a target: the spread over 20 parts of it, under the first fences."""
    first = fences.first(1)
    size = population["ir"].shape[1] // parts
    each = [
        conditional_targets({name: v[:, i * size : (i + 1) * size] for name, v in population.items()}, first, declared)
        for i in range(parts)
    ]
    return {name: float(np.std([one[name][0] for one in each], ddof=1) / np.sqrt(parts)) for name in each[0]}
