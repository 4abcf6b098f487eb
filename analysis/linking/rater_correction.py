"""The slope that error-free codes would show, beside the naive one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.linking.coded_columns import CALLER, CodedPart, parts_of, read_rated, refuse_twice
from doublecode.analysis.linking.coded_model import ENDINGS, CodedModel, coded_model
from doublecode.analysis.linking.coded_reliability import component_frame, gain_frame, reliability_frame
from doublecode.analysis.linking.error_matrix import corrected_system
from doublecode.analysis.linking.rater_correction_result import Estimates, RaterCorrection
from doublecode.analysis.linking.rater_moments import ErrorMoments, PairSums, error_moments, pair_sums
from doublecode.analysis.linking.ratio_limits import Ratio, fieller, jackknifed, partialled
from doublecode.analysis.mixed.formula import parse_mixed
from doublecode.analysis.mixed.model_rows import require_columns
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from doublecode.analysis.linking.coded_columns import Coded, Floats
    from doublecode.analysis.mixed.formula import ModelFormula

FEWEST_PATIENTS, FEW_RATERS, FEW_DOUBLE = 5, 10, 20


def correct_for_raters(
    ratings: pd.DataFrame,
    frame: pd.DataFrame,
    formula: str | ModelFormula,
    *,
    coded: Coded | None = None,
    split: str | Sequence[str] = (),
    patient: str = "patient",
    session: str = "session",
    rater: str = "rater",
    instrument: str = "instrument",
    value: str = "value",
    conf_level: float = 0.95,
) -> RaterCorrection:
    r"""Estimate the slopes of coded predictors that codes without error would show (regression calibration).

    The error that raters put into predictors, and into the outcome where it is coded too, is estimated from the
    sessions that two raters or more coded, and taken out of the moments of the mixed model: with [X y] the coded
    columns and the outcome, U their errors, and Q = V⁻¹ − V⁻¹Z(Z'V⁻¹Z)⁻¹Z'V⁻¹ (V as the naive model has it, Z the
    columns without error), β solves the normal equations of [X y]'Q[X y] − E[U'QU]. For one predictor within patients
    this is the naive slope over λ_w = 1 − [σ²_e·mean(1/k) + σ²_r·q_w]/s²_within, q_w = Σ (w_ir − w̄_patient,r)²/
    Σ (n_p − 1): a rater who codes all sessions of a patient adds no error to their differences. Errors that one rater
    puts into two codes of a tape enter by their covariance. Everything, the variances of the errors too, is computed
    again without each patient (jackknife); limits are Fieller's with Student's t on P − 1 df, the test that of the
    numerator.

    Parameters
    ----------
    ratings : DataFrame
        Scale scores by rater: one row per patient × session × rater × instrument. An empty value is no rating.
    frame : DataFrame
        One row per session, with the pooled scores: the mean of the session's raters.
    formula : str
        lme4's syntax; ``he_within`` and ``he_between`` are made from a coded ``he``.
    coded : mapping, optional
        Columns of `frame` that are codes, and of what: ``{"he": "ghes"}``, or several parts with lags,
        ``{"sthar": [CodedPart("sth_a", lag=1, weight=0.5), CodedPart("sth_r", weight=0.5)]}``. Without it the
        columns of the formula that bear the name of an instrument.
    split : str or sequence of str
        Coded predictors to be put into the formula as parts within and between, as in ``fit_series``.
    patient, session, rater, instrument, value : str
        Columns; the first two in both frames.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    RaterCorrection
        ``.frame``: first the naive model, then the corrected slopes; ``.reliability``, ``.errors``, ``.gain``;
        ``.rating_level`` and ``.cross_rater`` are computed when asked for.

    Raises
    ------
    UsageError
        No coded predictor; a random term that joins patients; scores that do not come from the ratings; a coded
        column inside a function or multiplied with another one; split or coded with a name that is not in the formula.
    ContractError
        A session stands twice in `frame`, a rater rated one twice, values are no numbers.
    NotEstimable
        Fewer than five patients; no session coded twice.

    Notes
    -----
    Errors have mean zero, do not depend on the truth or on the session, and raters are drawn to sessions without
    regard to what is on them. Random slopes of coded predictors are left out of V. In 2,000 simulated studies of 22
    patients × 9 sessions, five raters and 40 % double-coded sessions (naive slope halved) the median corrected slope
    was within 4 % of the true one and the limits covered .935 to .944, see tests/simulations/rater_noise.txt.

    References
    ----------
    Carroll, Ruppert, Stefanski & Crainiceanu (2006), *Measurement Error in Nonlinear Models*, chapters 4 and 5.
    Fuller (1987), *Measurement Error Models*, section 2.2. Buonaccorsi (2010), *Measurement Error*. Fieller (1954),
    *Journal of the Royal Statistical Society B* 16. Putka, Le, McCloy & Diaz (2008), *Journal of Applied Psychology*
    93.

    Examples
    --------
    >>> rng = np.random.default_rng(4)
    >>> who, when = np.repeat(np.arange(20), 8), np.tile(np.arange(1, 9), 20)
    >>> he = rng.normal(size=160)
    >>> coders = [rng.permutation(4)[: 1 + (i % 2)] for i in range(160)]
    >>> ratings = pd.DataFrame([(who[i], when[i], f"R{r}", "he", he[i] + rng.normal(0, 0.8))
    ...                         for i in range(160) for r in coders[i]],
    ...                        columns=["patient", "session", "rater", "instrument", "value"])
    >>> frame = ratings.groupby(["patient", "session"], as_index=False)["value"].mean().rename(columns={"value": "he"})
    >>> frame["phq9"] = 10 - 2 * he + rng.normal(size=160)
    >>> result = correct_for_raters(ratings, frame, "phq9 ~ he_within + (1 | patient)")
    >>> result.frame.loc[result.frame["term"] == "he_within", ["model", "estimate"]].round(1).values.tolist()
    [['naive', -1.4], ['corrected', -2.3]]
    """
    check_conf_level(conf_level, CALLER)
    ratings, frame = as_pandas(ratings), as_pandas(frame)
    require_columns(frame, (patient, session), CALLER)
    refuse_twice(frame, patient, session)
    split = (split,) if isinstance(split, str) else tuple(split)
    names = {"patient": patient, "session": session, "rater": rater, "instrument": instrument, "value": value}
    parts = _parts(ratings, frame, formula, coded, instrument)
    used = dict.fromkeys(part.instrument for one in parts.values() for part in one)
    rated = read_rated(ratings, names, list(used))
    model = coded_model(rated, frame, formula, parts, split, patient, session, conf_level)
    spec = {"formula": model.formula.text, "coded": {name: [asdict(p) for p in parts[name]] for name in model.parts},
            "split": split, "conf_level": conf_level}  # fmt: skip
    return _corrected(model, spec, conf_level)


def _parts(
    ratings: pd.DataFrame, frame: pd.DataFrame, formula: str | ModelFormula, coded: Coded | None, instrument: str
) -> dict[str, tuple[CodedPart, ...]]:
    parsed = parse_mixed(formula)
    require_columns(ratings, (instrument,), CALLER)
    named = {name.removesuffix(end) for name in parsed.names for end in ("", *ENDINGS)}
    found = sorted(map(str, ratings[instrument].dropna().unique()))
    if coded is None:
        coded = {name: name for name in found if name in named}
        if not coded:
            raise UsageError(
                f"{CALLER}: no column of {parsed.text!r} bears the name of an instrument ({', '.join(found)}). Say "
                "which columns are codes: coded={'he': 'ghes'}."
            )
    if not isinstance(coded, Mapping):
        raise UsageError(f"{CALLER}: coded is {coded!r}; give a mapping of columns, such as {{'he': 'ghes'}}.")
    parts = parts_of(coded)
    require_columns(frame, parts, CALLER)
    stray = next((name for name in parts if name not in named), None)
    if stray is not None:
        raise UsageError(
            f"{CALLER}: coded names {stray!r}, which {parsed.text!r} does not; "
            f"{ended(allowed(stray, sorted(named.intersection(frame.columns))))}"
        )
    return parts


def _corrected(model: CodedModel, spec: dict[str, Any], conf_level: float) -> RaterCorrection:
    P = len(model.patients)
    if P < FEWEST_PATIENTS:
        raise NotEstimable(f"{CALLER}: {P} patients; leaving each out in turn needs {FEWEST_PATIENTS} at least.")
    known = model.rating_code >= 0
    sums = pair_sums(model.rated.some(known), model.rating_code[known], P)
    W = np.vstack([np.ones(P), 1.0 - np.eye(P)])
    errors = error_moments(sums, W, len(model.rated.instruments))
    estimates = _estimates(model, errors, W, conf_level)
    reliability = reliability_frame(model, errors)
    slopes = {name: float(estimates.ratios[term].estimate) for term, derived, _ in model.slopes
              for name in model.parts if derived in (name, f"{name}_within")}  # fmt: skip
    components = component_frame(model, errors, {one.pair: one.n_sessions for one in sums if not one.apart})
    return RaterCorrection(
        spec=spec, frame=_frame(model, estimates), reliability=reliability, errors=components,
        gain=gain_frame(model, errors, reliability, slopes), design=_design(model, sums), model=model,
        notes=_notes(model, sums, estimates, components),
    )  # fmt: skip


def _estimates(model: CodedModel, errors: ErrorMoments, W: Floats, conf_level: float) -> Estimates:
    """Corrected slopes, and the error-free coefficients that go with them."""
    corrected, _, onto = corrected_system(model.moments(), errors, W)
    names = [name for name, _, _ in model.slopes]
    ratios: dict[str, Ratio] = {}
    beta = np.empty((len(W), len(names)))
    for j, name in enumerate(names):
        numerator, denominator = partialled(corrected, j)
        ratios[name] = fieller(numerator, denominator, conf_level)
        with np.errstate(divide="ignore", invalid="ignore"):
            beta[:, j] = numerator / denominator
    rest = onto[:, :, -1] - np.einsum("bfc,bc->bf", onto[:, :, :-1], beta)
    free = [name for name in model.naive.model.x_names if name not in names]
    ratios |= {name: jackknifed(rest[:, j], conf_level) for j, name in enumerate(free)}
    return Estimates(ratios, tuple(names))


def _frame(model: CodedModel, estimates: Estimates) -> pd.DataFrame:
    naive = model.naive.frame.assign(model="naive")
    rows = [{"term": name, **asdict(estimates.ratios[name])} for name in model.naive.model.x_names]
    both = pd.concat([naive, pd.DataFrame(rows).assign(model="corrected")], ignore_index=True)
    return both[["model", *(name for name in both.columns if name != "model")]]


def _design(model: CodedModel, sums: tuple[PairSums, ...]) -> dict[str, Any]:
    names = model.rated.instruments
    return {
        "n_given": len(model.rows.data) + len(model.rows.lost), "n_rows": len(model.rows.data),
        "n_patients": len(model.patients), "n_raters": len(model.rated.raters),
        "n_double": {names[a]: one.n_sessions for one in sums for a, b in [one.pair] if a == b},
        "lost": model.rows.lost_records,
    }  # fmt: skip


def _notes(
    model: CodedModel, sums: tuple[PairSums, ...], estimates: Estimates, components: pd.DataFrame
) -> tuple[Note, ...]:
    notes = [Note("rater_correction")]
    doubled = _design(model, sums)["n_double"]
    notes += [
        Note("rater_few_double", name, {"n": n, "fewest": FEW_DOUBLE}) for name, n in doubled.items() if n < FEW_DOUBLE
    ]
    n = len(model.rated.raters)
    notes += [Note("rater_few_raters", numbers={"n": n})] if n < FEW_RATERS else []
    apart = [tuple(model.rated.instruments[code] for code in one.pair) for one in sums if one.apart]
    notes += [Note("rater_apart", numbers={"first": a, "second": b}) for a, b in apart]
    shared = components[components["first"] != components["second"]] if len(components) else components
    notes += [Note("rater_shared", numbers=_shared(row)) for row in shared.to_dict("records")]
    notes += [Note("rater_not_mean", name, {"n": n}) for name, n in model.n_off.items() if n]
    notes += [Note("rater_slope_weights", numbers={"terms": model.left_out})] if model.left_out else []
    for name in estimates.slopes:
        one = estimates.ratios[name]
        if not np.isfinite(one.estimate):
            notes.append(Note("rater_all_error", name))
        elif not np.isfinite(one.conf_low):
            notes.append(Note("rater_unbounded", name))
    return tuple(notes)


def _shared(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("first", "second", "correlation", "n_double")}
