"""The telephone study of many seeds: what the declared analysis finds in each, kept so that it is done only once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from doublecode.analysis.mixed import fit_mixed
from doublecode.data_examples.generate_telephone_cbt import SHIPPED
from doublecode.data_examples.seed_cache import extend
from doublecode.data_examples.telephone_analysis import (
    ESTIMATE,
    NO_LIMITS,
    SLOPES,
    Row,
    Scores,
    consistencies,
    reliabilities,
    scores_of,
    shares,
    slopes,
)
from doublecode.data_examples.telephone_facts import Fact, facts, headline_facts
from doublecode.data_examples.telephone_printed import HEADLINE
from doublecode.data_examples.telephone_study import TelephoneStudy, telephone_study
from doublecode.schemas.study import Study, load_study

BLOCK = 50
declared = cache(lambda: load_study(SHIPPED))
# the paper's comparisons by likelihood, from its numbers of parameters; ML on the rows of the series
COMPARED = {
    "comparison 1, without he": "phq9 ~ session + (1 | patient)",
    "comparison 1, with he": "phq9 ~ session + he + (1 | patient)",
    "comparison 2, without tbh": "phq9 ~ session + he + (session | patient)",
    "comparison 2, with tbh": "phq9 ~ session + he + tbh + (session | patient)",
}


def block_of_seeds(block: int) -> pd.DataFrame:
    """The studies of 50 seeds, the first block those of 1 to 50; without homework's texts, which changes no number."""
    seeds = range(BLOCK * (block - 1) + 1, BLOCK * block + 1)
    return of_studies([telephone_study(seed, texts=False) for seed in seeds], declared())


def of_studies(studies: Sequence[TelephoneStudy], declared: Study) -> pd.DataFrame:
    """Every quantity of every study: quantity, estimate, conf_low, conf_high (NaN where there are none), seed."""
    scored = [scores_of(study, declared) for study in studies]
    together = zip(studies, scored, shares([one.frame for one in scored]), reliabilities(scored), strict=True)
    parts = [
        pd.DataFrame([*share, *agreement, *_alone(study, one)], columns=["quantity", *ESTIMATE]).assign(seed=study.seed)
        for study, one, share, agreement in together
    ]
    return pd.concat(parts, ignore_index=True)


def headline_of(block: int) -> pd.DataFrame:
    """The headline numbers alone of 50 seeds, one row per seed; without intervals, which take most of the time."""
    seeds = range(BLOCK * (block - 1) + 1, BLOCK * block + 1)
    studies = [telephone_study(seed, texts=False) for seed in seeds]
    scored = [scores_of(study, declared()) for study in studies]
    printed = [name for name in SLOPES if name in HEADLINE]
    rows = []
    for one, share in zip(scored, shares([one.frame for one in scored]), strict=True):
        found = [*share, *slopes(one.frame, "z", printed)]
        rows.append({name: estimate for name, estimate, *_ in found} | headline_facts(one))
    return pd.DataFrame(rows, index=pd.Index(seeds, name="seed"))[list(HEADLINE)]


def _alone(study: TelephoneStudy, scores: Scores) -> Iterator[Row]:
    """What is estimated study by study."""
    yield from slopes(scores.frame)
    yield from consistencies(scores)
    found = facts(study, scores) | dict(_average(scores.frame)) | dict(_likelihoods(scores.frame))
    for name, value in found.items():
        yield (name, value, *NO_LIMITS)


def _average(frame: pd.DataFrame) -> Iterator[Fact]:
    """The intercept of the model without predictors, which the paper prints beside the mean."""
    found = fit_mixed("he ~ 1 + (1 | patient)", frame).frame
    yield "he, average", float(found["estimate"].iloc[0])
    yield "he, average: SE", float(found["std_error"].iloc[0])


def _likelihoods(frame: pd.DataFrame) -> Iterator[Fact]:
    from scipy.stats import chi2

    rows = frame.dropna(subset=["phq9", "he", "tbh"])
    yield "phq9: rows of the series", float(len(rows))
    fits = {name: fit_mixed(formula, rows, reml=False, ddf="z") for name, formula in COMPARED.items()}
    for name, fit in fits.items():
        yield f"{name}: loglik", float(fit.loglik)
        yield f"{name}: AIC", float(fit.aic)
        yield f"{name}: BIC", float(fit.bic)
    for number, (without, including) in (("1", ("without he", "with he")), ("2", ("without tbh", "with tbh"))):
        pair = (fits[f"comparison {number}, {part}"].loglik for part in (without, including))
        small, large = pair
        yield f"comparison {number}: p", float(chi2.sf(max(0.0, 2 * (large - small)), 1))


def many_seeds(n_seeds: int, cache_file: Path) -> pd.DataFrame:
    """The studies of seeds 1 to `n_seeds` (a multiple of 50); those in `cache_file` are not analysed again."""
    return pd.concat(extend(cache_file, n_seeds // BLOCK, block_of_seeds), ignore_index=True)


def many_headlines(n_seeds: int, cache_file: Path) -> pd.DataFrame:
    """The headline numbers of seeds 1 to `n_seeds` (a multiple of 50)."""
    return pd.concat(extend(cache_file, n_seeds // BLOCK, headline_of))
