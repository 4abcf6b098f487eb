r"""Outcome of patients at the end or after it, on their mean in the sessions, adjusted for where they began (ANCOVA).

.. math:: Y_j = β_0 + β_1 \bar x_j + β_2 Y_{j0} + γ^⊤ z_j + ε_j

by least squares over patients, :math:`\bar x_j` the mean of the patient's sessions (all, or early ones). Its
reliability :math:`τ^2/(τ^2 + σ^2/\tilde n)`, from a random-intercept model of the same sessions and the harmonic mean
of their numbers, is shown: the slope is drawn towards 0 by about that factor. Patients of one therapist are alike:
therapists as fixed effects, or CR2 standard errors with Satterthwaite degrees of freedom.

References
----------
Van Breukelen (2006), Journal of Clinical Epidemiology, 59, 920–925 (ANCOVA against change scores). Lüdtke et al.
(2008), Psychological Methods, 13, 203–229 (reliability of a mean). Pustejovsky & Tipton (2018), Journal of Business &
Economic Statistics, 36, 672–683 (CR2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from doublecode.analysis.mixed.cluster_robust import cr2
from doublecode.analysis.mixed.hypotheses import quantile, two_sided
from doublecode.analysis.mixed.model_rows import common_rows, require_columns
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.tables import Table, column, format_number
from doublecode.analysis.results.row_levels import varying_within
from doublecode.analysis.results.rules import FEW_THERAPISTS
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Therapists = Literal["CR2", "fixed", "ignored"]
_EXACT: Final = 1e-20
"""Residual sum of squares, as a share of that of the outcome, up to which a fit is exact to rounding."""
_ALLOWED: Final = ("CR2", "fixed", "ignored")


@dataclass(frozen=True, eq=False, repr=False)
class PatientOutcomeResult(Answer):
    """A regression over patients.

    Attributes
    ----------
    spec : dict
        ``outcome, predictor, baseline, covariates, sessions, therapists, conf_level, name, title``.
    frame : DataFrame
        ``term`` (``<predictor>_mean`` is the mean over sessions), ``estimate``, ``std_error``, ``df``, ``statistic``,
        ``p_value``, ``conf_low``, ``conf_high``, ``ols_error`` (the standard error of independent patients). Therapists
        as fixed effects have no rows.
    patients : DataFrame
        The analysed patients: ``patient, therapist``, the variables, ``n_sessions`` behind the mean.
    design : dict
        ``n_rows`` (patients), ``n_therapists``, ``n_sessions`` (fewest and most), ``reliability`` and ``share`` between
        patients of the mean (NaN where patients have one session), ``r_squared``, ``lost`` (patients, and why).
    notes : tuple of Note
    rows : Index
        Ids of the analysed patients.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    patients: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    def tables(self) -> tuple[Table, ...]:
        """The coefficients, and the standard errors of independent patients beside those that decide."""
        columns = [column("term"), *coefficients(self.frame, self.spec["conf_level"])]
        if self.spec["therapists"] == "CR2":
            columns.append(column("ols_error", "*SE*, least squares", kind="estimate"))
        return (Table("patient_outcome", self.heading, self.frame, tuple(columns)),)

    @property
    def heading(self) -> str:
        """Outcome and predictors in one line."""
        terms = [term for term in self.frame["term"] if term != "Intercept"]
        return f"{self.spec['outcome']} ~ {' + '.join(terms)}"

    def counted(self) -> str:
        """Say the patients, therapists and sessions behind it, and the reliability of the mean."""
        fewest, most = self.design["n_sessions"]
        sessions = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        reliability = format_number(self.design["reliability"], "bounded")
        r_squared = format_number(self.design["r_squared"], "bounded")
        return (
            f"{self.design['n_rows']} patients of {self.design['n_therapists']} therapists; mean of {sessions} "
            f"session{'' if most == 1 else 's'}, reliability {reliability}; R² = {r_squared}"
        )


def patient_outcome(
    data: pd.DataFrame,
    outcome: str,
    predictor: str,
    *,
    baseline: str | None = None,
    covariates: Sequence[str] = (),
    sessions: Sequence[int] | None = None,
    therapists: Therapists = "CR2",
    patient: str = "patient",
    session: str = "session",
    therapist: str = "therapist",
    conf_level: float = 0.95,
    name: str = "patient_outcome",
    title: str = "",
) -> PatientOutcomeResult:
    """Regress an outcome of patients on their mean of a variable over sessions, adjusted for the baseline.

    Parameters
    ----------
    data : DataFrame
        One row per session (or per patient), as :func:`doublecode.analysis.build_frame` gives it.
    outcome, baseline : str
        Columns with one value per patient: the outcome at post or follow-up, and before treatment.
    predictor : str
        Column whose mean over the patient's sessions explains the outcome.
    covariates : sequence of str
        Other columns with one value per patient.
    sessions : sequence of int, optional
        Over which sessions the mean is taken: early ones; all by default.
    therapists : {"CR2", "fixed", "ignored"}
        What is made of patients of one therapist: CR2 standard errors, therapists as fixed effects, or nothing.
    patient, session, therapist : str
        Columns of the ids.
    conf_level : float
    name, title : str
        What it is called, for what is printed.

    Returns
    -------
    PatientOutcomeResult

    Raises
    ------
    UsageError
        A column is absent, named twice, holds no numbers, or has several values in one patient.
    DuplicateError
        A session stands twice.
    NotEstimable
        Too few patients, predictors that determine one another, or an exact fit.

    Examples
    --------
    >>> rng = np.random.default_rng(4)
    >>> data = pd.DataFrame({"patient": np.repeat(np.arange(40), 5), "session": np.tile(np.arange(1, 6), 40)})
    >>> data["therapist"] = data["patient"] % 8
    >>> he, base = rng.normal(2.5, 0.5, 40), rng.normal(14, 4, 40)
    >>> data["he"] = he[data["patient"]] + rng.normal(0, 0.5, 200)
    >>> data["base"] = base[data["patient"]]
    >>> data["post"] = (0.5 * base - 2 * he + rng.normal(0, 2, 40))[data["patient"]]
    >>> found = patient_outcome(data, "post", "he", baseline="base")
    >>> found.frame["term"].tolist(), round(found.design["reliability"], 2)
    (['Intercept', 'he_mean', 'base'], 0.84)
    """
    data = as_pandas(data)
    check_conf_level(conf_level, "patient_outcome")
    fixed = [outcome, *filter(None, [baseline]), *covariates]
    needed_therapist = (therapist,) if therapists != "ignored" or therapist in data.columns else ()
    require_columns(data, (patient, *fixed, predictor, *needed_therapist), f"patient_outcome {name!r}")
    if therapists not in _ALLOWED:
        raise UsageError(f"patient_outcome: therapists={therapists!r}; allowed: {', '.join(map(repr, _ALLOWED))}.")
    _refuse_unfit([*fixed, predictor], data)
    _refuse_varying(fixed, data, patient)
    inside = _chosen(data, sessions, session)
    _refuse_repeated(inside[inside[predictor].notna()], patient, session)
    people = _people(data, inside, predictor, fixed, patient, therapist)
    wanted = [*fixed, f"{predictor}_mean", *(needed_therapist if therapists != "ignored" else ())]
    kept = common_rows(people, wanted, (patient,))
    X, terms = _matrix(kept.data, predictor, fixed[1:], therapist if therapists == "fixed" else None)
    frame, r_squared = _estimates(kept.data, outcome, X, terms, therapist if therapists == "CR2" else None, conf_level)
    reliability, share, notes = _reliability(inside, predictor, patient, kept.data[patient].tolist())
    n_therapists = int(kept.data[therapist].nunique()) if therapist in kept.data else 0
    if therapists == "CR2" and n_therapists <= FEW_THERAPISTS:
        notes = (*notes, Note("patient_few_clusters", numbers={"n": n_therapists}))
    counts = kept.data["n_sessions"]
    return PatientOutcomeResult(
        spec={
            "outcome": outcome, "predictor": predictor, "baseline": baseline, "covariates": list(covariates),
            "sessions": None if sessions is None else list(sessions), "therapists": therapists,
            "conf_level": conf_level, "name": name, "title": title,
        },
        frame=frame,
        patients=kept.data.reset_index(drop=True),
        design={
            "n_rows": len(kept.data), "n_therapists": n_therapists,
            "n_sessions": (int(counts.min()), int(counts.max())), "reliability": reliability, "share": share,
            "r_squared": r_squared, "lost": kept.lost_records,
        },
        notes=(Note("patient_mean", numbers={"reliability": reliability, "therapists": therapists}), *notes),
        rows=pd.Index(kept.data[patient]),
    )  # fmt: skip


def _refuse_unfit(names: Sequence[str], data: pd.DataFrame) -> None:
    """Refuse a column in two places, and one that holds no numbers."""
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise UsageError(
            f"patient_outcome: {twice!r} is named twice among outcome, baseline, covariates and predictor; name each "
            "column once."
        )
    for name in names:
        if not pd.api.types.is_numeric_dtype(data[name]):
            raise ContractError(
                f"patient_outcome: {name!r} must hold numbers, found {data[name].dtype}. Give numbers, of groups one "
                "column of 0 and 1 for each but the first."
            )


def _refuse_repeated(data: pd.DataFrame, patient: str, session: str) -> None:
    """Refuse two rows of one session: the mean would weigh it twice."""
    if session not in data.columns:
        return
    keyed = data.dropna(subset=[patient, session])
    twice = keyed[keyed.duplicated([patient, session])]
    if len(twice):
        raise DuplicateError(
            f"patient_outcome: {twice[patient].iloc[0]} session {twice[session].iloc[0]} stands twice; keep one row."
        )


def _refuse_varying(names: Sequence[str], data: pd.DataFrame, patient: str) -> None:
    found = varying_within(dict.fromkeys(names), data, patient)
    if found:
        raise UsageError(
            f"patient_outcome: {found[0]!r} has several values in one patient; name an outcome at an event (post, "
            "follow-up), of one session, or a column of the patients."
        )


def _chosen(data: pd.DataFrame, sessions: Sequence[int] | None, session: str) -> pd.DataFrame:
    """The rows over which the mean is taken."""
    if sessions is None:
        return data
    require_columns(data, (session,), "patient_outcome: sessions")
    return data[data[session].isin(list(sessions))]


def _people(
    data: pd.DataFrame, inside: pd.DataFrame, predictor: str, fixed: Sequence[str], patient: str, therapist: str
) -> pd.DataFrame:
    """One row per patient: the outcome and what it is adjusted for, the mean, and how many sessions are behind it."""
    by = data.groupby(patient, sort=True, observed=True)
    out = by[list(dict.fromkeys(fixed))].first()
    if therapist in data.columns:
        out[therapist] = by[therapist].first().where(by[therapist].nunique().eq(1))
    values = inside.groupby(patient, observed=True)[predictor]
    out[f"{predictor}_mean"] = values.mean()
    out["n_sessions"] = values.count().reindex(out.index, fill_value=0)
    return out.reset_index()


def _matrix(
    people: pd.DataFrame, predictor: str, adjusted: Sequence[str], therapist: str | None
) -> tuple[Floats, list[str]]:
    """Model matrix (n, p) and the names of its columns that are shown; those of therapists come last."""
    shown = [f"{predictor}_mean", *adjusted]
    parts = [np.ones(len(people)), *(people[name].to_numpy(dtype=float) for name in shown)]
    if therapist is not None:
        levels = sorted(people[therapist].unique())
        parts += [(people[therapist] == level).to_numpy(dtype=float) for level in levels[1:]]
    X = np.column_stack(parts)
    if np.linalg.matrix_rank(X) < X.shape[1]:
        raise NotEstimable(
            f"{len(people)} patients do not tell the effects of {', '.join(shown)}"
            f"{' and the therapists' if therapist else ''} apart; take one out"
        )
    if len(people) <= X.shape[1]:
        raise NotEstimable(f"{len(people)} patients are too few for {X.shape[1]} coefficients")
    return X, ["Intercept", *shown]


def _estimates(
    people: pd.DataFrame, outcome: str, X: Floats, terms: Sequence[str], clusters: str | None, conf_level: float
) -> tuple[pd.DataFrame, float]:
    """The table of coefficients, and R²."""
    y = people[outcome].to_numpy(dtype=float)
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    residual, left = y - X @ beta, len(y) - X.shape[1]
    if residual @ residual <= _EXACT * float(y @ y):
        raise NotEstimable(
            f"patient_outcome: {', '.join(terms[1:])} reproduce {outcome} without error (to rounding), or it is "
            "constant, so nothing is left to test; take out what the outcome is made of"
        )
    ols = np.sqrt(np.diag(np.linalg.inv(X.T @ X)) * (residual @ residual) / left)
    error, df = ols, np.full(len(beta), float(left))
    if clusters is not None:
        vcov, df = cr2(X, residual, people[clusters].tolist())
        error = np.sqrt(np.diag(vcov))
    half = quantile(conf_level, df) * error
    statistic = beta / error
    table = {
        "estimate": beta, "std_error": error, "df": df, "statistic": statistic, "p_value": two_sided(statistic, df),
        "conf_low": beta - half, "conf_high": beta + half, "ols_error": ols,
    }  # fmt: skip
    shown = pd.DataFrame({name: values[: len(terms)] for name, values in table.items()})
    shown.insert(0, "term", list(terms))
    return shown, float(1 - (residual @ residual) / ((y - y.mean()) @ (y - y.mean())))


def _reliability(
    inside: pd.DataFrame, predictor: str, patient: str, kept: Sequence[object]
) -> tuple[float, float, tuple[Note, ...]]:
    """Reliability of the patient mean and the share between patients, over the sessions of the analysed patients."""
    from doublecode.analysis.mixed.fit import fit_mixed

    rows = inside[inside[patient].isin(list(kept)) & inside[predictor].notna()]
    sizes = rows.groupby(patient, observed=True).size()
    if len(sizes) < 2 or sizes.max() < 2:
        return float("nan"), float("nan"), (Note("patient_mean_of_one"),)
    numbers = pd.DataFrame(
        {"value": rows[predictor].to_numpy(dtype=float), "person": rows[patient].astype(str).tolist()}
    )
    try:
        between, within = fit_mixed("value ~ 1 + (1 | person)", numbers).variances["variance"]
    except NotEstimable as refused:
        return float("nan"), float("nan"), (Note("patient_mean_unknown", numbers={"reason": str(refused)}),)
    n = 1.0 / float((1.0 / sizes).mean())
    return float(between / (between + within / n)), float(between / (between + within)), ()
