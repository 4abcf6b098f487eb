"""Sentences of the notes of ``analysis/linking``, and the reasons of the row ledger.

A reason stands in a cell of ``row_ledger.csv``: it begins in lower case, and no full stop ends it.
"""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.tables import format_number
from doublecode.analysis.rendering.wording.declared_order import declared_order
from doublecode.analysis.rendering.wording.phrases import Wording, filled, named
from doublecode.schemas.results import Note


def _not_held(note: Note) -> str:
    left = note.numbers["left"]
    return f"session {note.numbers['session']} was not held" + (f" ({left})" if left else "")


def _not_rated(note: Note) -> str:
    return f"not rated: {note.numbers['given'] or 'no reason given'}"


def _of_patient(text: str) -> Wording:
    """Say a patient's status and what patients.csv gives as its reason."""

    def said(note: Note) -> str:
        given = note.numbers["given"]
        return f"{note.numbers['status']}{text}" + (f": {given}" if given else "")

    return said


def _not_used(note: Note) -> str:
    return f"{note.numbers['instrument']} is used in session {', '.join(map(str, note.numbers['sessions']))} only"


def _cells_missing(note: Note) -> str:
    return "; ".join(f"{', '.join(names)}: {_said(why)}" for names, why in note.numbers["parts"])


def _no_session_before(note: Note) -> str:
    session, lag = note.numbers["session"], note.numbers["lag"]
    far = "no session before" if lag == 1 else f"no session {lag} before"
    return f"session {session} has {far}"


def _mean_of_no_session(note: Note) -> str:
    n, sessions, first = note.numbers["n"], note.numbers["sessions"], note.numbers["first"]
    among = "" if sessions is None else f" {', '.join(map(str, sessions))}"
    if not n:
        return f"no session{among} was held" if among else "no session was held"
    return f"no value in {n} session{'' if n == 1 else 's'}{among and ' of' + among}; first: {_said(first)}"


REASONS: Final[dict[str, Wording]] = {
    "patient_left_out": _of_patient(", in no number"),
    "patient_without_session": _of_patient(", no session was held"),
    "instrument_not_used": _not_used,
    "column_empty": "{table}: {column} is empty",
    "session_not_held": _not_held,
    "no_such_session": "there is no session {session} of any patient",
    "session_in_pilot": "session {session} was of the pilot",
    "session_not_rated": _not_rated,
    "no_session_before": _no_session_before,
    "lagged_missing": lambda note: f"of session {note.numbers['session']}: {_said(note.numbers['why'])}",
    "change_unknown": lambda note: f"no change from {note.numbers['change']}: {_said(note.numbers['why'])}",
    "date_missing": "sessions.csv: date of session {session} is empty",
    "therapist_missing": "sessions.csv: therapist of session {session} is empty",
    "therapist_unclear": "the patient has not one therapist",
    "event_not_read": "no {instrument}.{name} at {event} was read",
    "rating_not_read": "held, but no rating was read",
    "value_not_read": "no {instrument}.{name} of session {session} was read",
    "value_not_scored": "{reason}",
    "cell_unknown": "{column} is unknown",
    "cells_missing": _cells_missing,
    "mean_of_no_session": _mean_of_no_session,
    "outside_subset": "outside the subset {subset}",
}


def _said(note: Note) -> str:
    wording = REASONS[note.kind]
    return wording(note) if callable(wording) else filled(wording, note.numbers)


def _listed(what: str) -> Wording:
    return lambda note: f"{what}: {named(note.numbers['named'])}."


def _stray_scores(note: Note) -> str:
    stray = note.numbers["sessions"]
    listed = named([f"{patient} session {session}" for patient, session in stray])
    return f"Scores of sessions that sessions.csv does not list as held in the main phase: {listed}."


def _empty_variable(note: Note) -> str:
    why = note.numbers["why"]
    return f"{note.subject} has no value in any row" + (f" (first row: {_said(why)})." if why is not None else ".")


def _constant_variable(note: Note) -> str:
    value, n = note.numbers["value"], note.numbers["n"]
    said = f"{value:g}" if isinstance(value, int | float) else str(value)
    return f"{note.subject} is {said} in all {n} rows that have a value, so nothing can depend on it."


FRAMES: Final[dict[str, Wording]] = {
    "variable_empty": _empty_variable,
    "variable_constant": _constant_variable,
    "sessions_not_read": _listed("Listed as held in sessions.csv, but no rating was read"),
    "sessions_not_listed": _listed("Listed as not rated in sessions.csv, but ratings were read"),
    "several_therapists": _listed("More than one therapist in the held sessions, so no therapist is given"),
    "stray_scores": _stray_scores,
    "late_starts": _listed("Session 1 is not listed in sessions.csv, so the first listed one counts as the first"),
}


def remark(note: Note) -> str:
    """Say what became of a model, for a cell of the table of models."""
    if note.kind == "series_not_estimable":
        return f"not estimable: {note.numbers['reason']}"
    return f"did not converge ({' and '.join(one.upper() for one in note.numbers['failed'])})"


def _trouble(note: Note) -> str:
    return f"{note.subject}: {remark(note)}."


def _singular(note: Note) -> str:
    """Name the singular fits, and those beside which no simpler one stands."""
    models, alone = note.numbers["models"], note.numbers["alone"]
    text = f"Singular, a random effect has no variance left: {'; '.join(models)}."
    if len(alone) < len(models):
        text += " The fit with the next simpler random part stands beside"
        text += " each." if not alone else f" each but {'; '.join(alone)}, where none can be simpler."
    return text


def _adds_random(note: Note) -> str:
    pairs = "; ".join(f"{model!r} with {against!r}" for model, against in note.numbers["pairs"])
    return (
        f"The comparison of {pairs} adds random effects, whose variance cannot fall below 0: "
        "the p-value of χ² is then too large (Self & Liang 1987)."
    )


OBSTACLES: Final[dict[str, str]] = {
    "no fit": "one of the two has no converged fit",
    "not nested": "it does not contain that model",
    "same size": "both have as many parameters",
}


def _not_compared(note: Note) -> str:
    why = OBSTACLES[note.numbers["obstacle"]]
    return f"{note.numbers['model']!r} is not compared with {note.numbers['against']!r}: {why}."


def _inside_call(note: Note) -> str:
    names = ", ".join(note.numbers["columns"])
    return (
        f"Step {note.numbers['step']}: {names} stands inside a function, which cannot be split; compute a column first."
    )


def _unsplit(note: Note) -> str:
    names = ", ".join(note.numbers["columns"])
    return f"{names}: varies within patients and is not split, so its slope mixes two questions."


def _double_centred(note: Note) -> str:
    pairs = ", ".join(" × ".join(names) for names in note.numbers["products"])
    return (
        f"{pairs} within patients: the product of the deviations, centred once more within patients, so that it holds "
        "nothing that differs between them (Giesselmann & Schmidt-Catran 2022)."
    )


_NO_LATENT: Final = {
    "product": "a split predictor stands in a product",
    "group": "patients are no grouping factor of it",
    "part": "it does not hold both parts of a split predictor",
}


def _latent_not_estimable(note: Note) -> str:
    return f"{note.subject}: no latent patient means, since {_NO_LATENT[note.numbers['why']]}."


def _latent_no_variance(note: Note) -> str:
    names = note.numbers["names"]
    what = (
        f"{names[0]} shows no variance" if len(names) == 1 else f"{' and '.join(names)} show no variances of their own"
    )
    return (
        f"{note.subject}: no latent patient means, since {what} between patients beyond what sessions make of "
        f"{'it' if len(names) == 1 else 'them'}."
    )


def _latent_few(note: Note) -> str:
    n, term, reliability = (note.numbers[key] for key in ("n", "term", "reliability"))
    low, high = (f"{note.numbers[key]:.2f}".replace("-", "−") for key in ("conf_low", "conf_high"))
    return (
        f"{note.subject}: latent patient means of {n} patients spread widely ({term}: [{low}, {high}]; reliability of "
        f"the manifest mean {reliability:.2f}). Below 50 patients no single estimate is to be leaned on (Lüdtke et al. "
        "2008)."
    )


SERIES: Final[dict[str, Wording]] = {
    "latent_not_estimable": _latent_not_estimable,
    "latent_no_variance": _latent_no_variance,
    "latent_not_converged": "no latent patient means: the search did not converge.",
    "latent_few_patients": _latent_few,
    "series_reproduces": (
        "Labelled reproduction of {source}: its steps as declared, with REML criteria as it prints them. The answer is "
        "that of a series with split predictors and of the refits by maximum likelihood."
    ),
    "series_double_centred": _double_centred,
    "series_product_open": (
        "{split} × {other}: {other} varies within patients and is not split, so that this product holds differences "
        "between patients too; put {other} into split for one that is centred twice."
    ),
    "series_criteria": (
        "Estimates, log-likelihood, AIC and BIC are by REML; the likelihood ratio (χ²) compares refits by maximum "
        "likelihood, since REML likelihoods of different fixed effects do not compare. All models have the same rows."
    ),
    "series_conflated": (
        "A conflated slope mixes the slope within and the slope between patients; read the within/between model. "
        "Patient means and deviations are taken over these rows; the means are centred at the mean of the patients' "
        "means."
    ),
    "session_origin": (
        "`{column}` is the session number less {session}: intercepts, and slopes in an interaction with it, are those "
        "of session {session}."
    ),
    "session_origin_kept": (
        "The session number stands inside a function, or without its lower-order terms, so that another zero would "
        "make another model: intercepts are those of session 0, which was never held."
    ),
    "series_singular": _singular,
    "series_not_estimable": _trouble,
    "series_not_converged": _trouble,
    "series_not_compared": _not_compared,
    "series_adds_random": _adds_random,
    "series_inside_call": _inside_call,
    "series_unsplit": _unsplit,
    "series_unused_split": "{column} is declared to be split but stands in no step.",
    "series_repeated_sessions": (
        "{n} rows repeat the session of another row, first patient {patient} session {session}: every row counts as a "
        "session of its own. Keep one row of each, unless the rows are no sessions."
    ),
}

_OF_THERAPISTS: Final = {
    "CR2": "Standard errors are CR2 with Satterthwaite degrees of freedom, patients of one therapist together "
    "(Pustejovsky & Tipton 2018).",
    "fixed": "Therapists are fixed effects.",
    "ignored": "Patients of one therapist count as independent.",
}


def _patient_mean(note: Note) -> str:
    reliability = note.numbers["reliability"]
    known = reliability == reliability  # NaN is not itself
    drawn = (
        f" The mean has reliability {reliability:.2f}: its slope is drawn towards 0 by about that factor."
        if known
        else ""
    )
    return f"Least squares over patients.{drawn} {_OF_THERAPISTS[note.numbers['therapists']]}"


PATIENTS: Final[dict[str, Wording]] = {
    "patient_mean": _patient_mean,
    "patient_mean_of_one": "Each patient has one session: the reliability of a mean cannot be told from these data.",
    "patient_mean_unknown": "The reliability of the mean is not estimable: {reason}.",
    "patient_few_clusters": (
        "{n} therapists: CR2 keeps its level, and its few degrees of freedom say how little is known; beside it "
        "therapists as fixed effects."
    ),
}


def _shared(note: Note) -> str:
    a, b, n = (note.numbers[name] for name in ("first", "second", "n_double"))
    r = format_number(note.numbers["correlation"], "bounded")
    return (
        f"The same raters coded {a} and {b}: their errors correlate {r} in {n} double-coded sessions. The shared error "
        "is taken out, with its uncertainty."
    )


RATER_ERROR: Final[dict[str, Wording]] = {
    "rater_correction": (
        "Naive slopes come first. Corrected ones take the raters' error, estimated from sessions coded twice, out of "
        "the moments of the model; every patient is left out in turn for standard errors (jackknife), limits of slopes "
        "are Fieller's. The median of a corrected slope is unbiased, its mean is not. Rating level: predictors "
        "calibrated by a model of the ratings with raters crossed in it, a coded outcome rating by rating."
    ),
    "rater_few_double": (
        "{n} sessions were coded twice (fewer than {fewest}): their error variance is hardly known, and the limits "
        "show it."
    ),
    "rater_few_raters": "{n} raters: the variance of their severity is a guess (fewer than 10).",
    "rater_apart": "Nobody coded both {first} and {second} of one session: they share no error of raters.",
    "rater_shared": _shared,
    "rater_not_mean": (
        "Scores that are not the mean of their raters' scores (pooled item by item, with missing items): {n}. The "
        "weights 1/k stand for them."
    ),
    "rater_slope_weights": lambda note: (
        f"{named(note.numbers['terms'])}: random slopes of coded predictors stand in the naive model and not in the "
        "weights of the corrected one."
    ),
    "rater_all_error": "The error is estimated larger than the variance of the codes: no slope can be corrected.",
    "rater_unbounded": "The reliability may be 0 for all these data say, so the limits are infinite.",
}


def _cross_lagged(note: Note) -> str:
    time = "a mean of its own in every session" if note.numbers["time"] == "means" else "a line over the sessions"
    return (
        f"Time is in the model: {time}, of each variable. RI-CLPM and ML-SEM take stable differences between patients "
        "out; paths are the same in all sessions, standard errors by the observed information. An association over "
        "time is no proof of a cause: what changes both alike stays in it."
    )


def _neglected(note: Note) -> str:
    return (
        f"Error of measurement of {named(note.numbers['names'])} is neglected: it draws carry-over to 0 and lets paths "
        "between the variables stand in for it. error_variance= takes it in."
    )


def _few_patients(note: Note) -> str:
    n, width = note.numbers["n"], format_number(note.numbers["width"])
    return f"{n} patients: the widest interval of a path is {width} wide. Read the intervals, not the p-values."


def _nickell(note: Note) -> str:
    carry, to = (format_number(note.numbers[name], "bounded") for name in ("carry", "tends_to"))
    return (
        f"*centred lagged outcome* carries Nickell's bias (1981): of a carry-over of {carry} it finds about {to} in "
        f"{format_number(note.numbers['pairs'], digits=1)} pairs of sessions, and the other slopes shift with it."
    )


CROSS_LAGGED: Final[dict[str, Wording]] = {
    "cross_lagged": _cross_lagged,
    "cross_lagged_error_neglected": _neglected,
    "cross_lagged_order": (
        "{first} speaks of the time before a session and {second} of the session: they share no interval, and {second} "
        "answers to the {first} of the same session."
    ),
    "cross_lagged_few": _few_patients,
    "cross_lagged_inadmissible": (
        "The covariance matrix between patients is inadmissible (a variance below 0, or a correlation beyond 1): "
        "stable differences are hardly there, or the patients too few to tell."
    ),
    "nickell_bias": _nickell,
}


def _order(note: Note) -> str:
    x, m, y = (note.numbers[name] for name in ("x", "m", "y"))
    first, second = note.numbers["lags"]
    return (
        f"{m} is {_later(first)} {x}, {y} {_later(second)} {m}, by session number. What goes before may still share a "
        "cause with what follows: an indirect effect is no proof."
    )


def _later(lag: int) -> str:
    if lag == 0:
        return "of the same session as"
    return f"{lag} session{'s' if lag > 1 else ''} later than"


def _levels(note: Note) -> str:
    if note.numbers["kind"] == "2-1-1":
        return (
            f"x is one value per {note.numbers['clusters']}: the indirect effect is one between them only. Their means "
            "of m and y are latent; b within stands apart and is no part of it."
        )
    clusters = note.numbers["clusters"]
    return f"Within and between {clusters}s are two effects, never added: the means of the latter are latent."


MEDIATION: Final[dict[str, Wording]] = {
    "mediation_monte_carlo": (
        "Limits of indirect and total effects are Monte Carlo ({draws:,} draws, seed {seed}); *z* and *p* of products "
        "stand on the delta method, read the limits."
    ),
    "mediation_levels": _levels,
    "mediation_few_clusters": (
        "{n} clusters (fewer than 50): maximum likelihood makes intervals between them too short."
    ),
    "mediation_varying_slopes": (
        "a and b vary between clusters: the indirect effect within is a·b + Cov(a, b). Standard errors leave out one "
        "cluster at a time."
    ),
    "mediation_slopes_singular": (
        "The covariance matrix of the varying slopes is singular: Cov(a, b) is hardly known; fixed slopes are the "
        "simpler answer."
    ),
    "mediation_same_row": (
        "{x}, {m} and {y} stand in one row: nothing here says that {x} comes before {m} and {m} before {y}. What "
        "comes first is to be a variable of the session before (lag = 1)."
    ),
    "mediation_order": _order,
    "mediation_declared_order": declared_order,
}

SENTENCES: Final = {**REASONS, **FRAMES, **SERIES, **PATIENTS, **RATER_ERROR, **CROSS_LAGGED, **MEDIATION}
