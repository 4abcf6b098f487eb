"""Models on single ratings, with raters crossed in them: what stands beside a corrected slope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.linking.coded_columns import CodedPart, Floats
from doublecode.analysis.linking.splitting import within_between
from doublecode.analysis.mixed.fit import fit_mixed
from doublecode.analysis.mixed.formula import RandomTerm
from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    from doublecode.analysis.linking.coded_model import CodedModel
    from doublecode.analysis.mixed.result import MixedResult


def rating_level_model(model: CodedModel, conf_level: float) -> MixedResult:
    """Fit the model with calibrated predictors and, where the outcome is coded, one row per rating of it.

    A coded predictor is replaced by what its ratings say of the session: the prediction, raters left out, of
    ``rating ~ 1 + (1 | patient) + (1 | session of the patient) + (1 | rater)`` by REML, which draws a session coded
    once further to its patient's mean than one coded twice (regression calibration: Carroll, Ruppert, Stefanski &
    Crainiceanu 2006, chapter 4). A coded outcome enters rating by rating, with ``(1 | session of the patient)`` and
    ``(1 | rater)`` beside the random terms of the formula. Error that one rater puts into both stays in it, and the
    standard errors take the calibration as known.
    """
    data = model.data.copy()
    bases = [name for name in model.parts if name != model.response]
    for name in bases:
        data[name] = sum(part.weight * _calibrated(model, part) for part in model.parts[name])
    made = [name + end for name in bases for end in ("_within", "_between") if name + end in data.columns]
    data = within_between(
        data.drop(columns=made), [name for name in bases if f"{name}_within" in made], by=model.patient
    )
    formula = model.formula
    parts = () if model.response is None else model.parts[model.response]
    if len(parts) == 1:
        data = _by_rating(model, data, parts[0])
        extra = (RandomTerm("1", (PLACE,)), RandomTerm("1", (RATER,)))
        formula = formula.with_parts(formula.fixed, (*formula.terms, *extra))
    return fit_mixed(formula, data, conf_level=conf_level)


PLACE, RATER = "session of the patient", "rater of the outcome"


def _calibrated(model: CodedModel, part: CodedPart) -> Floats:
    """(n,) predictions of the sessions of the rows."""
    rated = model.rated
    held = np.flatnonzero((rated.instrument == rated.instruments.index(part.instrument)) & (model.rating_code >= 0))
    table = pd.DataFrame(
        {"value": rated.value[held], "patient": model.rating_code[held], "place": rated.place[held],
         "rater": rated.rater[held]}
    )  # fmt: skip
    fit = fit_mixed("value ~ 1 + (1 | patient) + (1 | place) + (1 | rater)", table, ddf="z")
    said = pd.Series(fit.predict(random=("patient", "place")).to_numpy(), index=table["place"])
    of = [rated.places[who, when - part.lag] for who, when in zip(*_keys(model), strict=True)]
    return np.asarray(said[~said.index.duplicated()].reindex(of), dtype=np.float64)


def _keys(model: CodedModel) -> tuple[list[Any], list[Any]]:
    return list(model.data[model.patient]), list(model.data[model.session])


def _by_rating(model: CodedModel, data: pd.DataFrame, part: CodedPart) -> pd.DataFrame:
    """One row per rating of the outcome."""
    row, rating = np.nonzero(model.weights[str(model.response)])
    out = data.iloc[row].reset_index(drop=True)
    out[model.response] = model.rated.value[rating] * part.weight
    out[PLACE], out[RATER] = model.rated.place[rating].astype(str), model.rated.rater[rating].astype(str)
    return out


def cross_rater_slopes(model: CodedModel) -> pd.DataFrame:
    """Slopes of what one rater coded on what another rater coded of the same session, which no error is shared in.

    Every ordered pair of raters of a double-coded session is a row: predictor from one, outcome from the other. The
    slope is as small as the reliability of single ratings makes it; its standard error leaves out one patient at a
    time (jackknife).

    Returns
    -------
    DataFrame
        ``term, estimate, std_error, n_sessions, n_patients``; no rows where predictor and outcome were not coded from
        the same sessions by two raters.
    """
    bases = [name for name in model.parts if name != model.response]
    if model.response is None or len(bases) != 1:
        return _no_slopes()
    parts = [model.parts[name] for name in (bases[0], model.response)]
    if any(len(one) != 1 or one[0].lag for one in parts):
        return _no_slopes()
    data = _crossed(model, bases[0])
    if data[model.patient].nunique() < 3:
        return _no_slopes()
    terms = [name for name, _, _ in model.slopes]
    who = data[model.patient]
    try:
        whole = _slopes(model, data, bases[0], terms)
        without = np.stack([_slopes(model, data[who != one], bases[0], terms) for one in who.unique()])
    except NotEstimable:
        return _no_slopes()
    P = len(without)
    error = np.sqrt((P - 1) / P * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    counts = {"n_sessions": data[PLACE].nunique(), "n_patients": P}
    return pd.DataFrame({"term": terms, "estimate": whole, "std_error": error, **counts})


def _crossed(model: CodedModel, predictor: str) -> pd.DataFrame:
    """Rows of the model once per ordered pair of raters."""
    W = {name: model.weights[name] > 0 for name in (predictor, str(model.response))}
    parts = []
    for row in range(len(model.data)):
        x, y = (np.flatnonzero(held[row]) for held in W.values())
        pairs = [(i, j) for i in x for j in y if model.rated.rater[i] != model.rated.rater[j]]
        if pairs and len(np.intersect1d(model.rated.rater[x], model.rated.rater[y])):
            i, j = map(list, zip(*pairs, strict=True))
            part = model.data.iloc[[row] * len(pairs)].copy()
            part[predictor], part[str(model.response)] = model.rated.value[i], model.rated.value[j]
            parts.append(part.assign(**{PLACE: str(row)}))
    return pd.concat(parts, ignore_index=True) if parts else model.data.iloc[:0]


def _slopes(model: CodedModel, data: pd.DataFrame, base: str, terms: Sequence[str]) -> Floats:
    made = [base + end for end in ("_within", "_between")]
    if any(name in data.columns for name in made):
        data = within_between(data.drop(columns=made), base, by=model.patient)
    found = fit_mixed(model.formula, data, ddf="z").frame.set_index("term")["estimate"]
    return found.reindex(list(terms)).to_numpy(dtype=float)


def _no_slopes() -> pd.DataFrame:
    return pd.DataFrame(columns=["term", "estimate", "std_error", "n_sessions", "n_patients"])
