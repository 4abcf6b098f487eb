"""One coefficient of a declared model, as the declared run computes it, for any declaration and any frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from doublecode.analysis.linking.series_models import Version
from doublecode.analysis.mixed.hypotheses import upper_f
from doublecode.analysis.regression.regression_tables import focal_term
from doublecode.analysis.study.declared_models import declared_series, series_rows
from doublecode.analysis.study.run import regressions_of
from doublecode.analysis.study.sensitivity_specifications import headline_model, step_of
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.variable_checks import names_in_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from doublecode.analysis.mixed.result import MixedResult
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.schemas.results import Note
    from doublecode.schemas.sensitivity import SensitivityHeadline
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import ModerationModel

    Floats = NDArray[np.float64]
    Numbers = dict[str, Any]

ALPHA: Final = 0.05
NUMBERS: Final = ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high")


@dataclass(frozen=True)
class Estimate:
    """One coefficient, or why there is none.

    Attributes
    ----------
    term : str
        As the model calls it.
    terms : tuple of str
        The coefficients: one, or all levels of a factor at once.
    estimate, std_error, df, p_value, conf_low, conf_high : float
        With 95 % limits; NaN where there is none. Of several coefficients at once `estimate` is F and `df` its second
        degrees of freedom.
    n_rows, n_patients : int
        Behind the model.
    converged, singular : bool
    refusal : str
        Why it could not be estimated.
    rows : Index or None
        Labels of the rows of the frame behind it.
    fit : MixedResult, ModerationResult or None
        The model, where it is asked for.
    """

    term: str = ""
    terms: tuple[str, ...] = ()
    estimate: float = float("nan")
    std_error: float = float("nan")
    df: float = float("nan")
    p_value: float = float("nan")
    conf_low: float = float("nan")
    conf_high: float = float("nan")
    n_rows: int = 0
    n_patients: int = 0
    converged: bool = False
    singular: bool = False
    refusal: str = ""
    rows: pd.Index[Any] | None = None
    fit: MixedResult | ModerationResult | None = None

    @property
    def record(self) -> dict[str, Any]:
        """All of it but rows, terms and model, as a row of a table."""
        return {name: value for name, value in vars(self).items() if name not in ("rows", "term", "terms", "fit")}

    @property
    def plain(self) -> dict[str, Any]:
        """All of it but the model, as texts, numbers and lists."""
        rows = None if self.rows is None else self.rows.tolist()
        return {**self.record, "term": self.term, "terms": list(self.terms), "rows": rows}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Estimate:
        """The estimate that :attr:`plain` was made of, without its model."""
        rows = None if plain["rows"] is None else pd.Index(plain["rows"])
        return cls(**{**plain, "terms": tuple(plain["terms"]), "rows": rows})


def estimate_of(
    study: Study, frame: pd.DataFrame, head: SensitivityHeadline, term: str | None, *, keep: bool = False
) -> Estimate:
    """Estimate the headline's coefficient as the run of `study` does.

    Parameters
    ----------
    study : Study
        The declaration.
    frame : DataFrame
        Its analysis frame, or some of its rows.
    head : SensitivityHeadline
        Model and step.
    term : str or None
        What the coefficient is called in this study; None for the focal one of a regression.
    keep : bool
        Whether the model is kept with its number.
    """
    model = headline_model(study, head)
    try:
        if isinstance(model, ModelSeries):
            found = _of_series(study, model, step_of(model, head), frame, str(term))
        else:
            found = _of_regression(study, model, frame, term)
        return found if keep else replace(found, fit=None)
    except (NotEstimable, UsageError) as reason:
        return Estimate(refusal=str(reason))


def _of_series(study: Study, series: ModelSeries, step: int, frame: pd.DataFrame, term: str) -> Estimate:
    """The step alone, on the rows that all steps of the series have: the same fit as in the whole series."""
    there = names_in_step(series.steps[step])
    alone = series.model_copy(
        update={
            "steps": (series.steps[step],), "split": tuple(one for one in series.split if one in there),
            "differences": (), "latent_means": False, "interval": "wald", "explained": False,
        }
    )  # fmt: skip
    found = declared_series(alone, series_rows(series, frame), study.times)
    fitted = {one.version: one for one in found.models}
    model = fitted.get(Version.SPLIT) or next(iter(fitted.values()))
    if model.result is None:
        raise NotEstimable(model.refusal)
    origin = found.spec["intercept_at"]
    called = term if origin is None else _counted_from(term, origin)
    fit = model.result
    called = called if _coefficients(list(fit.fixed["term"]), called) else term

    def joint(C: Floats) -> tuple[float, float]:
        F, df = fit.tests.f_test(fit.beta[None], C)
        return float(F[0]), float(df[0])

    return Estimate(
        **_numbers(fit.fixed, called, series.title, joint), n_rows=int(found.design["n_rows"]),
        n_patients=int(found.design["n_patients"]), converged=bool(fit.converged), singular=bool(model.singular),
        rows=found.rows, fit=fit,
    )  # fmt: skip


def _counted_from(term: str, origin: int) -> str:
    """The name that a term has where sessions are counted from another than 0."""
    return ":".join(f"session_from_{origin}" if one == "session" else one for one in term.split(":"))


def _of_regression(study: Study, model: ModerationModel, frame: pd.DataFrame, term: str | None) -> Estimate:
    """The regression by itself, after the outlier rule as it stands for all variables."""
    alone = study.model_copy(
        update={"moderations": (model,), "correlations": None, "group_comparisons": (), "patient_outcomes": ()}
    )
    refused: list[Note] = []
    found = regressions_of(alone, frame, refused)["moderations"]
    if not found:
        raise NotEstimable(next(str(one.numbers["reason"]) for one in refused if one.subject == model.title))
    fit = found[0]
    pair = (fit.spec["predictor"], fit.spec["moderator"])
    called = term or str(focal_term(tuple(fit.frame["term"]), pair if all(pair) else None))
    rows, linear = frame.loc[fit.rows], fit.linear

    def joint(C: Floats) -> tuple[float, float]:
        b = C @ linear.beta
        return float(b @ np.linalg.solve(C @ linear.covariance @ C.T, b)) / len(C), float(linear.df)

    return Estimate(
        **_numbers(fit.frame, called, model.title, joint), n_rows=int(fit.design["n_rows"]),
        n_patients=int(rows["patient"].nunique()), converged=True, rows=fit.rows, fit=fit,
    )  # fmt: skip


def _coefficients(names: Sequence[str], term: str) -> list[str]:
    """The coefficient itself, or all of a factor: ``phase[late]:he`` is one of ``phase:he``."""
    if term in names:
        return [term]
    of = [[part.partition("[")[0] for part in name.split(":")] for name in names]
    return [name for name, parts in zip(names, of, strict=True) if "[" in name and parts == term.split(":")]


def _numbers(table: pd.DataFrame, term: str, title: str, joint: Callable[[Floats], tuple[float, float]]) -> Numbers:
    """One coefficient with its test, or F of all coefficients of a factor."""
    names = [str(one) for one in table["term"]]
    terms = _coefficients(names, term)
    if not terms:
        raise NotEstimable(f"{title}: there is no term {term!r}; its terms are {', '.join(names)}")
    places = [names.index(one) for one in terms]
    if len(terms) == 1:
        row = table.iloc[places[0]]
        return {"term": terms[0], "terms": tuple(terms), **{name: float(row[name]) for name in NUMBERS}}
    C = np.eye(len(names))[places]
    F, df = joint(C)
    p_value = float(upper_f(np.array([F]), len(C), np.array([df]))[0])
    return {"term": term, "terms": tuple(terms), "estimate": F, "df": df, "p_value": p_value}
