"""The analysis whose answers are planted in the telephone study: what ``run`` computes, without workbooks and ledgers.

Used for three things: what the analysis gives on very many patients (the estimand), whether the mean over many
studies meets it, and what the shipped study gives. That the scores are those of :mod:`doublecode.coding.scoring`, and
the answers those of ``run``, is tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.consistency.alpha_omega import omega
from doublecode.analysis.linking.splitting import within_between
from doublecode.analysis.mixed import fit_mixed
from doublecode.analysis.reliability.interrater import icc
from doublecode.data_examples.telephone_study import TelephoneStudy
from doublecode.schemas.study import Study

# quantity: formula, term
SLOPES = {
    "he: intercept": ("he ~ session + (session | patient)", "Intercept"),
    "he: session": ("he ~ session + (session | patient)", "session"),
    "tbh: intercept": ("tbh ~ session + (session | patient)", "Intercept"),
    "tbh: session": ("tbh ~ session + (session | patient)", "session"),
    "he on tbh (conflated)": ("he ~ tbh + session + (session | patient)", "tbh"),
    "he on tbh (within)": ("he ~ tbh_within + tbh_between + session + (session | patient)", "tbh_within"),
    "he on tbh (between)": ("he ~ tbh_within + tbh_between + session + (session | patient)", "tbh_between"),
    "phq9: session": ("phq9 ~ session + (session | patient)", "session"),
    "phq9 on he (conflated)": ("phq9 ~ session + he + (session | patient)", "he"),
    "phq9 on he (within)": ("phq9 ~ session + he_within + he_between + (session | patient)", "he_within"),
    "phq9 on he (between)": ("phq9 ~ session + he_within + he_between + (session | patient)", "he_between"),
    "phq9 on tbh, he held (conflated)": ("phq9 ~ session + he + tbh + (session | patient)", "tbh"),
}
# the columns that are split, and so the rows, per first word of the formula's series
SERIES_ROWS = {"he: ": ["he"], "tbh: ": ["tbh"], "he on tbh": ["he", "tbh"], "phq9": ["phq9", "he", "tbh"]}
SCALES = (("ghes", "he"), ("sthar", "same_tape"))
ESTIMATE = ["estimate", "conf_low", "conf_high"]
NO_LIMITS = (float("nan"), float("nan"))
Ddf = Literal["auto", "z"]
Floats = NDArray[np.float64]
Row = tuple[str, float, float, float]


@dataclass(frozen=True)
class Coded:
    """Codes of one instrument, reversed as they are scored.

    Attributes
    ----------
    ratings : DataFrame
        One row per rating: session_id, rater, role, phase, and one column per item.
    pooled : DataFrame
        One row per rated session of the main phase: patient, session, and the mean of its raters per item.
    items : tuple of str
    """

    ratings: pd.DataFrame
    pooled: pd.DataFrame
    items: tuple[str, ...]


@dataclass(frozen=True)
class Scores:
    """Codes by instrument, and the analysis frame: patient, session, he, tbh, phq9; one row per session held."""

    coded: Mapping[str, Coded]
    frame: pd.DataFrame


def row_of(quantity: str, found: pd.DataFrame, key: int | str) -> Row:
    """One line of the table of estimates: the row `key` of a result's frame."""
    estimate, low, high = map(float, found.loc[[key], ESTIMATE].to_numpy(dtype=float)[0])
    return quantity, estimate, low, high


def scores_of(study: TelephoneStudy, declared: Study) -> Scores:
    """Score a generated study: every item required, assigning items of TBH from the session before."""
    coded = {name: _coded(study, declared, name, scale) for name, scale in SCALES}
    keys = ["patient", "session"]
    held = study.sessions.loc[study.sessions["phase"] == "main", keys]
    frame = held.merge(study.outcomes.assign(phq9=study.outcomes.iloc[:, 2:].sum(axis=1))[[*keys, "phq9"]], on=keys)
    he, tbh = coded["ghes"], coded["sthar"]
    frame = frame.merge(_mean(he.pooled, he.items, "he"), on=keys, how="left")
    lagged = declared.codebooks["sthar"].scale("tbh").lagged
    before = tbh.pooled[[*keys, *lagged]].assign(session=tbh.pooled["session"] + 1)
    now = tbh.pooled.drop(columns=list(lagged)).merge(before, on=keys)
    frame = frame.merge(_mean(now, tbh.items, "tbh"), on=keys, how="left")
    return Scores(coded, frame.sort_values(keys, kind="stable", ignore_index=True))


def _coded(study: TelephoneStudy, declared: Study, instrument: str, scale: str) -> Coded:
    book = declared.codebooks[instrument]
    items = book.scale(scale).items
    own = study.ratings[(study.ratings["instrument"] == instrument) & study.ratings["item"].isin(items)]
    ratings = own.iloc[:: len(items)][["patient", "session", "session_id", "rater", "role", "phase"]]
    ratings = ratings.reset_index(drop=True)
    codes = own["value"].to_numpy(dtype=float, copy=True).reshape(-1, len(items))
    for j, name in enumerate(own["item"].iloc[: len(items)]):
        item = book.item(name)
        if item.reversed and item.minimum is not None and item.maximum is not None:
            codes[:, j] = item.minimum + item.maximum - codes[:, j]
        ratings[name] = codes[:, j]
    main = ratings[ratings["phase"] == "main"]
    pooled = main.groupby(["patient", "session"], as_index=False)[list(items)].mean()
    return Coded(ratings, pooled, items)


def _mean(pooled: pd.DataFrame, items: Sequence[str], name: str) -> pd.DataFrame:
    return pooled[["patient", "session"]].assign(**{name: pooled[list(items)].mean(axis=1, skipna=False)})


def estimate_scores(study: TelephoneStudy, declared: Study, *, ddf: Ddf = "auto") -> pd.DataFrame:
    """Estimate what rests on pooled scores: shares, slopes, consistency; quantity, estimate, conf_low, conf_high."""
    scores = scores_of(study, declared)
    rows = [*shares([scores.frame])[0], *slopes(scores.frame, ddf), *consistencies(scores)]
    return pd.DataFrame(rows, columns=["quantity", *ESTIMATE])


def shares(frames: Sequence[pd.DataFrame]) -> list[list[Row]]:
    """Between-patient shares of variance in the models without predictors, on the rows of their series.

    One list per study; many studies are estimated in one go.
    """
    every = pd.concat([frame.assign(study=i) for i, frame in enumerate(frames)], ignore_index=True)
    rows: list[list[Row]] = [[] for _ in frames]
    for outcome, needed in (("he", ["he"]), ("tbh", ["tbh"]), ("phq9", ["phq9", "he", "tbh"])):
        found = icc(
            every.dropna(subset=needed), targets="patient", raters=None, ratings=outcome, by="study", k=(1,)
        ).frame.set_index("study")
        for i in found.index:
            rows[i].append(row_of(f"{outcome}: share between patients", found, i))
    return rows


def slopes(frame: pd.DataFrame, ddf: Ddf = "auto", names: Sequence[str] = tuple(SLOPES)) -> list[Row]:
    """Coefficients of a frame with patient, session, he, tbh, phq9; their standard errors and p values."""
    rows, fits = [], {}
    for name in names:
        formula, term = SLOPES[name]
        if formula not in fits:
            needed = next(columns for start, columns in SERIES_ROWS.items() if name.startswith(start))
            complete = frame.dropna(subset=needed)
            varying = [column for column in ("he", "tbh") if f"{column}_within" in formula]
            data = within_between(complete, varying, centre=None) if varying else complete
            fits[formula] = fit_mixed(formula, data, ddf=ddf).frame.set_index("term")
        rows.append(row_of(name, fits[formula], term))
        for column, label in (("std_error", "SE"), ("p_value", "p")):
            rows.append((f"{name}: {label}", float(fits[formula][column].to_dict()[term]), *NO_LIMITS))
    return rows


def reliabilities(studies: Sequence[Scores]) -> list[list[Row]]:
    """Agreement of the raters of both scales in the main phase, for one rater and for two; one list per study."""
    rows: list[list[Row]] = [[] for _ in studies]
    for instrument, scale in SCALES:
        parts = []
        for i, one in enumerate(studies):
            main = one.coded[instrument].ratings
            main = main[main["phase"] == "main"]
            value = main[list(one.coded[instrument].items)].mean(axis=1, skipna=False)
            parts.append(main[["session_id", "rater"]].assign(value=value, study=i))
        every = pd.concat(parts, ignore_index=True).dropna(subset=["value"])
        found = icc(every, targets="session_id", raters="rater", ratings="value", by="study", k=(1,)).frame
        found = found[found["form"] == "ICC(A,1)"].set_index("study")
        for i in found.index:
            single = row_of(f"{instrument} {scale}: ICC(A,1)", found, i)
            # two raters: the profile likelihood does not mind the transformation, so neither do its limits
            estimate, low, high = (2 * value / (1 + value) for value in single[1:])
            rows[i] += [single, (f"{instrument} {scale}: ICC(A,2)", estimate, low, high)]
    return rows


def consistencies(scores: Scores) -> list[Row]:
    """Omega of both scales, each item the mean of its raters; intervals over patients."""
    rows = []
    for instrument, scale in SCALES:
        coded = scores.coded[instrument]
        found = omega(
            coded.pooled[["patient", *coded.items]].dropna(), items=list(coded.items), clusters="patient"
        ).frame
        rows.append(row_of(f"{instrument} {scale}: omega", found, 0))
    return rows
