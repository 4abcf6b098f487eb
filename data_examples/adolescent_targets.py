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
    Floats,
    ranks,
)
from doublecode.schemas.study import Study
from doublecode.schemas.study_parts import ModerationModel

Ends = Mapping[str, tuple[float, float]]
Prepared = list[tuple[ModerationModel, dict[str, Floats]]]
POPULATION = 20_000
POPULATION_SEED = 5000


def conditional_targets(population: Columns, fences: Fences, declared: Study) -> dict[str, Floats]:
    """Every quantity of the population under the fences of each study, arrays of shape (n_studies,).

    Parameters
    ----------
    population : mapping of str to array of shape (1, n)
        Before the outlier rule.
    """
    flat = {name: values[0] for name, values in population.items()}
    models = [(model, _rows_of_model(model, flat)) for model in declared.moderations]
    known = {name: flat[name][np.isfinite(flat[name])] for name in fences.low}
    pairs = [{name: flat[name][np.isfinite(flat[a]) & np.isfinite(flat[b])] for name in (a, b)} for a, b in PAIRS]
    always = _without_rule(flat, models)
    found: dict[str, list[float]] = {}
    for i in range(len(fences.low["ir"])):
        ends = {name: (float(fences.low[name][i]), float(fences.high[name][i])) for name in fences.low}
        of_this = always | dict(_regressions(models, ends)) | dict(_of_variables(known, pairs, ends))
        for name, value in of_this.items():
            found.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in found.items()}


def _rows_of_model(model: ModerationModel, flat: Columns) -> dict[str, Floats]:
    """The columns of a regression on its rows; its subset is judged before the rule."""
    moderator = [model.moderator] if model.moderator else []
    names = [model.outcome, model.predictor, *moderator, *model.covariates]
    rows = np.all([np.isfinite(flat[name]) for name in names], axis=0)
    if model.subset:
        rows &= flat["hw2"] > 0
    return {name: flat[name][rows] for name in names}


def _moved(columns: Columns, ends: Ends) -> dict[str, Floats]:
    return {name: np.clip(values, *ends[name]) if name in ends else values for name, values in columns.items()}


def _coefficients(model: ModerationModel, columns: Columns) -> tuple[list[str], Floats, Floats]:
    """Terms, b and beta of one regression; the same numbers as :func:`regress`."""
    terms = {name: values - values.mean() for name, values in columns.items() if name != model.outcome}
    if model.moderator is not None:
        product = terms[model.predictor] * terms[model.moderator]
        terms[f"{model.predictor}:{model.moderator}"] = product - product.mean()
    x, y = np.column_stack(list(terms.values())), columns[model.outcome] - columns[model.outcome].mean()
    cross = x.T @ x
    b: Floats = np.linalg.solve(cross, x.T @ y)
    return list(terms), b, b * np.sqrt(np.diag(cross) / (y @ y))


def _regressions(models: Prepared, ends: Ends) -> Iterator[tuple[str, float]]:
    for model, columns in models:
        for term, b, beta in zip(*_coefficients(model, _moved(columns, ends)), strict=True):
            yield f"{model.name}: {term} (b)", float(b)
            yield f"{model.name}: {term} (beta)", float(beta)


def _without_rule(flat: Columns, models: Prepared) -> dict[str, float]:
    """What no fence touches: the printed interactions before the rule, and the rank correlation."""
    both = np.isfinite(flat["hispanic"]) & np.isfinite(flat["hw2"])
    ranked = (ranks(flat[name][both][None])[0] for name in ("hispanic", "hw2"))
    found = {"rho(hispanic, hw2)": float(np.corrcoef(*ranked)[0, 1])}
    for model, columns in models:
        if model.name in PRINTED_INTERACTIONS:
            terms, b, _ = _coefficients(model, columns)
            found[f"{model.name}: {terms[-1]} before the rule (b)"] = float(b[-1])
    return found


def _of_variables(known: Columns, pairs: list[dict[str, Floats]], ends: Ends) -> Iterator[tuple[str, float]]:
    for pair in pairs:
        one, other = _moved(pair, ends).items()
        yield f"r({one[0]}, {other[0]})", float(np.corrcoef(one[1], other[1])[0, 1])
    adjusted = _moved(known, ends)
    for name in ("hw2", "hw3", "ir"):
        yield f"{name}: mean", float(adjusted[name].mean())
        yield f"{name}: SD", float(adjusted[name].std(ddof=1))
    for name, (low, high) in ends.items():
        yield f"{name}: share winsorised", float(((known[name] < low) | (known[name] > high)).mean())


def standard_errors(population: Columns, fences: Fences, declared: Study, parts: int = 20) -> Mapping[str, float]:
    """Standard error of the population's part in a target: the spread over 20 parts of it, under the first fences."""
    first = fences.first(1)
    size = population["ir"].shape[1] // parts
    each = [
        conditional_targets({name: v[:, i * size : (i + 1) * size] for name, v in population.items()}, first, declared)
        for i in range(parts)
    ]
    return {name: float(np.std([one[name][0] for one in each], ddof=1) / np.sqrt(parts)) for name in each[0]}
