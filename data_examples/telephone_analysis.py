"""The analysis whose answers are planted in the telephone study: the real pipeline, without the workbooks.

Used for three things: what the analysis gives on very many patients (the estimand),
whether the mean over many studies meets it, and what the shipped study gives.
"""

from __future__ import annotations

from typing import Literal

import pandas as pd

from doublecode.analysis.consistency.alpha_omega import omega
from doublecode.analysis.linking.splitting import within_between
from doublecode.analysis.mixed import fit_mixed
from doublecode.analysis.reliability.interrater import icc
from doublecode.coding.scoring import pool_ratings, score, score_raters, scored_items
from doublecode.data_examples.telephone_study import TelephoneStudy
from doublecode.schemas.study import Study

# quantity: outcome's other columns, formula, term
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
ESTIMATE = ["estimate", "conf_low", "conf_high"]
NO_LIMITS = (float("nan"), float("nan"))
Ddf = Literal["auto", "z"]
Row = tuple[str, float, float, float]


def row_of(quantity: str, found: pd.DataFrame, key: int | str) -> Row:
    """One line of the table of estimates: the row `key` of a result's frame."""
    estimate, low, high = map(float, found.loc[[key], ESTIMATE].to_numpy(dtype=float)[0])
    return quantity, estimate, low, high


def pooled_items(study: TelephoneStudy, declared: Study) -> pd.DataFrame:
    """Items of raters (without the pilot) and outcomes, one value per session, as scoring makes them."""
    outcomes = study.outcomes.melt(id_vars=["patient", "session"], var_name="item", value_name="value")
    held = study.sessions[["patient", "session", "therapist", "session_id"]]
    outcomes = outcomes.merge(held, on=["patient", "session"]).assign(
        study=declared.name, instrument="phq9", n_raters=float("nan"), reason=None
    )
    outcomes["value"] = outcomes["value"].astype(float)
    pooled = pool_ratings(study.ratings[study.ratings["phase"] == "main"], declared)
    return pd.concat([pooled, outcomes[list(pooled.columns)]], ignore_index=True)


def main_frame(study: TelephoneStudy, declared: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pooled items, and the analysis frame: one row per session."""
    items = pooled_items(study, declared)
    scores = score(items, declared.codebooks)
    keys = ["patient", "session"]
    frame = study.sessions.loc[study.sessions["phase"] == "main", keys]
    for one in declared.variables:
        own = scores[(scores["instrument"] == one.instrument) & (scores["scale"] == one.scale)]
        frame = frame.merge(own[[*keys, "value"]].rename(columns={"value": one.name}), on=keys, how="left")
    return items, frame.sort_values(keys, kind="stable", ignore_index=True)


def estimate_scores(study: TelephoneStudy, declared: Study, *, ddf: Ddf = "auto") -> pd.DataFrame:
    """Estimate what rests on pooled scores: shares, slopes, consistency; quantity, estimate, conf_low, conf_high."""
    rows = estimate_frame(*main_frame(study, declared), declared, ddf=ddf)
    return pd.DataFrame(rows, columns=["quantity", *ESTIMATE])


def estimate_frame(items: pd.DataFrame, frame: pd.DataFrame, declared: Study, *, ddf: Ddf = "auto") -> list[Row]:
    """The same of a study's items and frame."""
    return [*estimate_slopes(frame, ddf), *_consistencies(items, declared)]


def estimate_slopes(frame: pd.DataFrame, ddf: Ddf) -> list[Row]:
    """Shares of variance and slopes of a frame with patient, session, he, tbh, phq9; standard errors and p values."""
    return [*_shares(frame), *_slopes(frame, ddf)]


def _shares(frame: pd.DataFrame) -> list[Row]:
    """Between-patient shares of variance in the models without predictors, on the rows of their series."""
    rows = []
    for outcome, needed in (("he", ["he"]), ("tbh", ["tbh"]), ("phq9", ["phq9", "he", "tbh"])):
        complete = frame.dropna(subset=needed)
        one_way = icc(complete, targets="patient", raters=None, ratings=outcome, k=(1,)).frame
        rows.append(row_of(f"{outcome}: share between patients", one_way, 0))
    return rows


def _slopes(frame: pd.DataFrame, ddf: Ddf) -> list[Row]:
    rows, fits = [], {}
    for name, (formula, term) in SLOPES.items():
        if formula not in fits:
            needed = next(columns for start, columns in SERIES_ROWS.items() if name.startswith(start))
            complete = frame.dropna(subset=needed)
            varying = [column for column in ("he", "tbh") if f"{column}_within" in formula]
            data = within_between(complete, varying, centre=None) if varying else complete
            fits[formula] = fit_mixed(formula, data, ddf=ddf).frame.set_index("term")
        rows.append(row_of(name, fits[formula], term))
        for column, label in (("std_error", "SE"), ("p_value", "p")):
            rows.append((f"{name}: {label}", float(fits[formula].loc[term, column]), *NO_LIMITS))
    return rows


def reliabilities(study: TelephoneStudy, declared: Study) -> list[Row]:
    """Agreement of the raters of both scales in the main phase, for one rater and for two."""
    rows = []
    for instrument, scale in (("ghes", "he"), ("sthar", "same_tape")):
        main = study.ratings[(study.ratings["phase"] == "main") & (study.ratings["instrument"] == instrument)]
        scored = score_raters(main, [declared.codebooks[instrument]])
        complete = scored[(scored["scale"] == scale) & scored["value"].notna()]
        found = icc(complete, targets="session_id", raters="rater", ratings="value", k=(1,)).frame.set_index("form")
        single = row_of(f"{instrument} {scale}: ICC(A,1)", found, "ICC(A,1)")
        # two raters: the profile likelihood does not mind the transformation, so neither do its limits
        estimate, low, high = (2 * value / (1 + value) for value in single[1:])
        rows += [single, (f"{instrument} {scale}: ICC(A,2)", estimate, low, high)]
    return rows


def _consistencies(items: pd.DataFrame, declared: Study) -> list[Row]:
    rows = []
    for instrument, scale in (("ghes", "he"), ("sthar", "same_tape")):
        book = declared.codebooks[instrument]
        wide = scored_items(items, book, book.scale(scale))
        found = omega(wide.dropna(), items=list(book.scale(scale).items), clusters="patient").frame
        rows.append(row_of(f"{instrument} {scale}: omega", found, 0))
    return rows
