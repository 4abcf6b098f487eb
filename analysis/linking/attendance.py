"""Pattern mixture: the number of sessions attended beside time and the predictor of a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from doublecode.analysis.linking.series_versions import with_product_columns
from doublecode.analysis.linking.splitting import split_formula, within_between
from doublecode.analysis.linking.time_origin import is_time, move_origin
from doublecode.analysis.mixed.formula import ModelFormula, parse_mixed
from doublecode.analysis.mixed.formula_names import quoted
from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    from doublecode.analysis.mixed.result import MixedResult

ATTENDED: Final = "sessions_attended"
NUMBERS: Final = ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high")
DECLARED, WITH_TIME, WITH_PREDICTOR = "declared", "time", "predictor"


@dataclass(frozen=True)
class Model:
    """Which model is asked.

    Attributes
    ----------
    formula : str or ModelFormula
        One step of a series, as it is declared.
    term : str
        The coefficient that is the finding, in the split model where there is one.
    split : tuple of str
        Predictors with a patient mean and a deviation.
    times : tuple of str
        Columns that are time, beside the number of the session.
    intercept_at : int or None
        As in :func:`doublecode.analysis.fit_series`.
    patient : str
    residuals : mapping
        ``correlation`` and ``variance_by``, as in ``fit_mixed``.
    """

    formula: str | ModelFormula
    term: str
    split: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    intercept_at: int | None = None
    patient: str = "patient"
    residuals: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Attendance:
    """What the number of sessions changes.

    Attributes
    ----------
    headline : DataFrame
        One row per model: ``model`` ("declared", "time": with attendance and attendance × time, "predictor": with
        attendance × predictor, too), ``term``, ``estimate``, ``std_error``, ``df``, ``p_value``, ``conf_low``,
        ``conf_high``, ``converged``, ``singular``. With attendance in it is the coefficient of a patient who came to
        the mean number of sessions.
    terms : DataFrame
        What attendance adds, one row per model and term: ``model``, ``term``, ``role`` ("attendance", "time",
        "predictor") and the same numbers, per session more.
    n_patients : int
    mean, sd, low, high : float
        Of the number of sessions over the patients of the model.
    """

    headline: pd.DataFrame
    terms: pd.DataFrame
    n_patients: int
    mean: float
    sd: float
    low: float
    high: float


def attendance_models(data: pd.DataFrame, attended: Mapping[Any, float], model: Model) -> Attendance:
    r"""Put the number of sessions attended between patients into a model of sessions, with time and with the predictor.

    Patients who leave early are a pattern of missing sessions of their own; with :math:`a_i` the number of sessions of
    patient i less its mean over patients the model becomes

    .. math:: y_{ij} = \ldots + \gamma_0 a_i + \gamma_1 a_i t_{ij} + \gamma_2 a_i x_{ij}

    and :math:`\gamma_1` says how much the course differs, :math:`\gamma_2` how much the finding differs, per session
    more (Hedeker & Gibbons 1997, Psychological Methods, 2, 64–78; Little 1993, Journal of the American Statistical
    Association, 88, 125–134). Tests are those of ``fit_mixed``: t with Kenward–Roger or Satterthwaite df.

    Parameters
    ----------
    data : DataFrame
        The rows of the model, complete.
    attended : mapping of patient to number of sessions
    model : Model

    Raises
    ------
    NotEstimable
        All patients came equally often, or the model has neither time nor another predictor.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(4)
    >>> n = rng.integers(4, 13, size=40)
    >>> number = np.concatenate([np.arange(k) + 1.0 for k in n])
    >>> data = pd.DataFrame({"patient": np.repeat(np.arange(40), n), "session": number})
    >>> slopes = -0.3 + 0.1 * (n - n.mean())
    >>> data["phq9"] = 12 + slopes[data["patient"]] * data["session"] + rng.normal(size=len(data))
    >>> found = attendance_models(data, dict(enumerate(n)), Model("phq9 ~ session + (1 | patient)", "session"))
    >>> found.terms.loc[found.terms["role"] == "time", "estimate"].round(1).tolist()
    [0.1]
    """
    patients = data[model.patient]
    counts = pd.Series({one: float(attended[one]) for one in patients.unique()})
    if counts.nunique() < 2:
        raise NotEstimable(f"all {len(counts)} patients came to {counts.iloc[0]:g} sessions: attendance has no spread.")
    prepared, step = _prepared(data, model)
    prepared = prepared.assign(**{ATTENDED: patients.map(counts).astype(float) - counts.mean()})
    names = [str(name) for name in step.fixed_columns(prepared.columns)]
    time = next((name for name in names if is_time(name) or name in model.times), None)
    added = _added(model, time, names)
    fits = {DECLARED: _fit(step, "", prepared, model)}
    fits |= {called: _fit(step, text, prepared, model) for called, text in added.items()}
    term = _called(model.term, time, fits[DECLARED])
    return Attendance(
        headline=pd.DataFrame([
            {"model": called, **_row(fit, term), "converged": fit.converged, "singular": fit.singular}
            for called, fit in fits.items()
        ]),
        terms=pd.DataFrame([
            {"model": called, **_row(fit, one), "role": _role(one, time)}
            for called, fit in fits.items()
            for one in map(str, fit.fixed["term"]) if ATTENDED in one.split(":")
        ]),
        n_patients=len(counts), mean=float(counts.mean()), sd=float(counts.std()), low=float(counts.min()),
        high=float(counts.max()),
    )  # fmt: skip


def _prepared(data: pd.DataFrame, model: Model) -> tuple[pd.DataFrame, ModelFormula]:
    """The step as the series fits it: split, sessions counted from where intercepts are given."""
    formula = parse_mixed(model.formula)
    columns = formula.columns(data.columns)
    moved = move_origin(
        {"step": formula},
        within_between(data, [one for one in model.split if one in columns], by=model.patient),
        model.intercept_at,
    )
    found = split_formula(moved.steps["step"], model.split)
    ready = with_product_columns(moved.data, [found], model.patient)
    return ready, found.version or moved.steps["step"]


def _added(model: Model, time: str | None, names: Sequence[str]) -> dict[str, str]:
    """What each further model has beside the declared one."""
    factors = [one for one in model.term.split(":") if one in names and one != time]
    if time is None and not factors:
        raise NotEstimable(
            f"the model of {model.term} has no column of time and no predictor that attendance could change"
        )
    steps = {WITH_TIME: f" + {ATTENDED}" + ("" if time is None else f" + {quoted(time)}:{ATTENDED}")}
    if factors:
        products = [f"{quoted(one)}:{ATTENDED}" for one in factors]
        if ":" in model.term:
            products.append(":".join([*map(quoted, model.term.split(":")), ATTENDED]))
        steps[WITH_PREDICTOR] = " + ".join([steps[WITH_TIME], *products])
    return steps


def _fit(step: ModelFormula, added: str, data: pd.DataFrame, model: Model) -> MixedResult:
    from doublecode.analysis.mixed.fit import fit_mixed

    asked: Any = model.residuals or {}
    return fit_mixed(step.with_parts(step.fixed + added, step.terms), data, **asked)


def _called(term: str, time: str | None, fit: MixedResult) -> str:
    """The name of the finding where sessions are counted from another than 0."""
    known = set(map(str, fit.fixed["term"]))
    moved = ":".join(str(time) if one == "session" and time is not None else one for one in term.split(":"))
    found = next((one for one in (term, moved) if one in known), None)
    if found is None:
        raise NotEstimable(f"there is no term {term!r}; the terms are {', '.join(sorted(known))}")
    return found


def _row(fit: MixedResult, term: str) -> dict[str, Any]:
    row = fit.fixed[fit.fixed["term"] == term].iloc[0]
    return {"term": term, **{name: float(row[name]) for name in NUMBERS}}


def _role(term: str, time: str | None) -> str:
    others = [one for one in term.split(":") if one != ATTENDED]
    if not others:
        return "attendance"
    return WITH_TIME if others == [time] else WITH_PREDICTOR
