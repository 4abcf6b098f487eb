"""What the paper prints of its sample, ratings and scales, of one generated telephone study.

The mixed models are in :mod:`doublecode.data_examples.telephone_analysis`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.consistency.factor import fit_factors
from doublecode.analysis.consistency.item_statistics import one_factor_formulas, r_drop_of
from doublecode.analysis.reliability.anova import mean_squares, point_estimates
from doublecode.data_examples.telephone_analysis import Coded, Scores
from doublecode.data_examples.telephone_log import draw_log
from doublecode.data_examples.telephone_study import TelephoneStudy

Floats = NDArray[np.float64]
Fact = tuple[str, float]
LAST_SESSION = 9  # the paper's second phase ends there; later sessions have too few patients
NAMES = {"ghes": "GHES", "sthar": "StHAR"}


def facts(study: TelephoneStudy, scores: Scores) -> dict[str, float]:
    """All facts of one study by name."""
    found = dict(_sample(study))
    found |= dict(_homework(study, scores)) | dict(_scores(scores.frame))
    for instrument, label in NAMES.items():
        coded = scores.coded[instrument]
        found |= dict(_dyads(label, coded))
        found |= dict(_consistency(label, coded))
    sthar = scores.coded["sthar"]
    for name, start in (("StH-A", "a_"), ("StH-R", "r_")):
        wide = sthar.pooled[[item for item in sthar.items if item.startswith(start)]].dropna()
        found[f"{name}: omega"] = float(_omegas([wide.to_numpy(dtype=float)])[0])
    return found


def headline_facts(scores: Scores) -> dict[str, float]:
    """Those of the facts, and omega, that the choice of the shipped seed asks for."""
    found = dict(_scores(scores.frame))
    for instrument, label in NAMES.items():
        found |= dict(_dyads(label, scores.coded[instrument], ("scale scores",)))
    parts = [scores.coded[name].pooled[list(scores.coded[name].items)].dropna() for name in NAMES]
    for name, part in zip(("ghes he: omega", "sthar same_tape: omega"), parts, strict=True):
        found[name] = float(_omegas([part.to_numpy(dtype=float)])[0])
    return found


def _sample(study: TelephoneStudy) -> Iterator[Fact]:
    people, main = study.patients, study.sessions[study.sessions["phase"] == "main"]
    analysed = people[people["status"] == "completed"]
    age, minutes = analysed["age"].astype(float), main["minutes"].astype(float)
    yield "screened", float(len(people))
    yield "randomised", float((people["randomised"] == "yes").sum())
    yield "treated", float((people["arm"] == "telephone CBT").sum())
    yield "analysed", float(len(analysed))
    yield "female, %", 100 * float((analysed["gender"] == "female").mean())
    yield "age: mean", float(age.mean())
    yield "age: SD", float(age.std())
    yield "therapists", float(len(study.therapists))
    for column in ("age", "training_years"):
        values = study.therapists[column].astype(float)
        yield f"therapists, {column}: mean", float(values.mean())
        yield f"therapists, {column}: SD", float(values.std())
    held = main.groupby("patient").size()
    yield "sessions per patient: lowest", float(held.min())
    yield "sessions per patient: highest", float(held.max())
    yield "sessions held", float(len(main))
    yield "sessions rated", float((main["status"] == "held").sum())
    yield "sessions rated, pilot too", float((study.sessions["status"] == "held").sum())
    yield "sessions rated, %", 100 * float((main["status"] == "held").mean())
    yield "lost to protocol deviation", float((main["reason"] == "protocol deviation").sum())
    yield "lost recordings", float((main["reason"] == "recording missing or unusable").sum())
    yield "minutes: mean", float(minutes.mean())
    yield "minutes: SD", float(minutes.std())
    yield "pilot sessions", float((study.sessions["phase"] == "pilot").sum())
    own = study.assignments[study.assignments["instrument"] == "ghes"]
    yield "raters", float(own["rater"].nunique())
    rated = own[own["role"] != "pilot"]
    primary, loads = (part.groupby("rater").size() for part in (rated[rated["role"] == "primary"], own))
    yield "sessions per rater, first ratings: lowest", float(primary.min())
    yield "sessions per rater, first ratings: highest", float(primary.max())
    yield "sessions per rater, pilot and second ratings too: lowest", float(loads.min())
    yield "sessions per rater, pilot and second ratings too: highest", float(loads.max())
    yield "double-coded, %", 100 * float((rated["role"] == "second").sum() / rated["session_id"].nunique())


def _homework(study: TelephoneStudy, scores: Scores) -> Iterator[Fact]:
    log = draw_log(study.seed, study.truth)
    yield "homework assigned", float(len(log.type))
    for kind in ("PE", "BE", "CO", "SM", "RP"):
        yield f"homework {kind}", float((log.type == kind).sum())
        yield f"homework {kind}, %", 100 * float((log.type == kind).mean())
    yield "homework completed", float(log.completed.sum())
    yield "homework completed, %", 100 * float(log.completed.mean())
    kinds = pd.Series(log.difficulties[log.difficulties != ""]).str.split(",").explode()
    for kind in ("NE", "DS", "LS", "LT", "TD", "OT"):
        yield f"difficulties {kind}, %", 100 * float((kinds == kind).mean())
    sessions = pd.Series(log.row[log.difficulties != ""]).nunique()
    yield "sessions with difficulties, %", 100 * sessions / len(np.unique(log.row))
    coded = 4 - scores.coded["ghes"].pooled["difficulties"]  # as it is coded
    yield "difficulties, code: mean", float(coded.mean())
    yield "difficulties, code: SD", float(coded.std())
    first = study.outcomes[study.outcomes["session"] == 1].iloc[:, 2:].sum(axis=1)
    yield "phq9 at start: lowest", float(first.min())
    yield "phq9 at start: highest", float(first.max())


def _scores(frame: pd.DataFrame) -> Iterator[Fact]:
    for name in ("he", "tbh"):
        yield f"{name}: mean", float(frame[name].mean())
        yield f"{name}: SD", float(frame[name].std())
    both = frame[["session", "he", "tbh"]].dropna()
    parts = [part[["he", "tbh"]].to_numpy() for _, part in both.groupby("session") if len(part) > 3]
    r = [np.corrcoef(part, rowvar=False)[0, 1] for part in parts]
    weight = [len(part) - 3 for part in parts]
    yield "r(he, tbh), mean over sessions", float(np.tanh(np.average(np.arctanh(r), weights=weight)))


def _dyads(
    label: str, coded: Coded, wanted: tuple[str, ...] = ("scale scores", "items stacked", "pilot")
) -> Iterator[Fact]:
    """ICC(2,2) over the pairs of raters, of scale scores and with the items stacked; the latter of the pilot too."""
    items = list(coded.items)
    ratings = coded.ratings.assign(score=coded.ratings[items].mean(axis=1, skipna=False))
    twice = ratings.loc[ratings["role"] == "second", "session_id"]
    main, pilot = ratings[ratings["session_id"].isin(twice)], ratings[ratings["phase"] == "pilot"]
    for name, part, columns in (
        ("scale scores", main, ["score"]), ("items stacked", main, items), ("pilot", pilot, items),
    ):  # fmt: skip
        if name not in wanted:
            continue
        found = list(_of_pairs(part, columns))
        yield f"{label}, ICC(2,2) of pairs, {name}: mean", float(np.mean(found))
        yield f"{label}, ICC(2,2) of pairs, {name}: median", float(np.median(found))
        yield f"{label}, ICC(2,2) of pairs, {name}: lowest", float(np.min(found))
        yield f"{label}, ICC(2,2) of pairs, {name}: highest", float(np.max(found))


def _of_pairs(ratings: pd.DataFrame, columns: list[str]) -> Iterator[float]:
    """Each pair of raters over the sessions that both rated; every column of every session is a target."""
    by_rater = {rater: part.set_index("session_id")[columns] for rater, part in ratings.groupby("rater")}
    for one, other in combinations(by_rater, 2):
        shared = by_rater[one].index.intersection(by_rater[other].index)
        first, second = (by_rater[rater].loc[shared].to_numpy(dtype=float).ravel() for rater in (one, other))
        table = np.column_stack([first, second])
        table = table[np.isfinite(table).all(axis=1)]
        if len(table) > 1:
            yield _agreement_of_two(table[None])


def _agreement_of_two(tables: Floats) -> float:
    single = float(point_estimates(mean_squares(tables))["A"][0])
    return 2 * single / (1 + single)


def _consistency(label: str, coded: Coded) -> Iterator[Fact]:
    names = list(coded.items)
    wide = coded.pooled.dropna()
    with_rest = r_drop_of(np.cov(wide[names].to_numpy(dtype=float), rowvar=False)[None])[0]
    yield f"{label}, item-total r: lowest", float(with_rest.min())
    yield f"{label}, item-total r: highest", float(with_rest.max())
    sessions = [
        wide.loc[wide["session"] == number, names].to_numpy(dtype=float) for number in range(1, LAST_SESSION + 1)
    ]
    omegas = _omegas([part for part in sessions if len(part) > len(names) + 1])
    yield f"{label}, omega of a session: lowest", float(np.nanmin(omegas))
    yield f"{label}, omega of a session: highest", float(np.nanmax(omegas))


def _omegas(parts: list[Floats]) -> Floats:
    """Omega total of one-factor solutions by maximum likelihood; NaN where there is none."""
    cov = np.stack([np.cov(part, rowvar=False) for part in parts])
    usable = np.linalg.eigvalsh(cov)[:, 0] > 1e-9
    found = np.full(len(cov), np.nan)
    if usable.any():
        fit = fit_factors(cov[usable])
        values = one_factor_formulas(fit.first, fit.uniqueness, cov[usable])[:, 0]
        found[usable] = np.where(fit.converged, values, np.nan)
    return found
