"""Pooling: one effect over studies, how much the true ones differ, and what goes with it (meta-regression)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri

from doublecode.analysis.meta_analysis.effect_measures import back, measure_named
from doublecode.analysis.meta_analysis.heterogeneity import ESTIMATORS, Effects, Tau2, tau2_of, weighted
from doublecode.analysis.meta_analysis.pool_result import PoolResult
from doublecode.analysis.meta_analysis.pooled_components import Estimated, independent, several
from doublecode.analysis.meta_analysis.pooled_fit import NAN, TESTS, PooledFit, Test, omnibus
from doublecode.analysis.meta_analysis.pooled_inputs import CALLER, Given, Inputs, Moderators, read_inputs
from doublecode.analysis.meta_analysis.small_study_effects import coefficient_lines
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

FEW, MANY = 5, 20


def pool(
    estimates: Given,
    variances: Given,
    *,
    method: Tau2 = "REML",
    test: Test | None = None,
    moderators: Moderators = None,
    labels: Given | None = None,
    studies: Given | None = None,
    measure: str | None = None,
    data: pd.DataFrame | IntoDataFrame | None = None,
    conf_level: float = 0.95,
) -> PoolResult:
    r"""Pool effects of studies: random effects with Hartung–Knapp limits and a prediction interval.

    The model is :math:`y_i = x_i^Tβ + u_i + e_i`, :math:`u_i \sim N(0, τ^2)`, :math:`e_i \sim N(0, v_i)` with known
    :math:`v_i`; :math:`b = (X^TWX)^{-1}X^TWy` with :math:`W = \mathrm{diag}(1/(v_i + τ^2))`.

    Parameters
    ----------
    estimates, variances : sequence of float, shape (k,), or name of a column of `data`
        Effects on a scale on which they are about normal (d, Fisher's z, log odds ratio), and their sampling variances
        (squared standard errors). Rows that lack one are left out and named.
    method : {"REML", "DL", "PM", "ML", "FE"}
        How τ² is estimated; ``"FE"`` takes one true effect for granted.
    test : {"hksj", "hksj-adhoc", "z", "CR2", "t"}, optional
        Hartung & Knapp with t(k − p), the same with a factor of at least 1, or normal limits; with `studies` CR2
        standard errors, t with (studies − p) degrees of freedom, or z. By default Hartung & Knapp, z for a fixed effect
        and CR2 with `studies`.
    moderators : str, DataFrame, Series or mapping, optional
        Meta-regression: a formula of columns of `data` (``"age + C(setting)"``), or the columns themselves.
    labels : sequence or name of a column, optional
        Names of the studies, each of them once.
    studies : sequence or name of a column, optional
        Who belongs together, where a study has several effects: three levels by REML or ML.
    measure : str, optional
        Whose scale results are brought back to, where effects are on its own scale: ``"r"`` for Fisher's z,
        ``"odds_ratio"`` for logarithms.
    data : DataFrame, optional
        Where columns are named.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    PoolResult
        ``.frame``, ``.tau2``, ``.i2`` (per cent), ``.q``, ``.prediction``; ``.egger()``, ``.rank_test()``,
        ``.trim_and_fill()``, ``.leave_one_out()``, ``.predict(moderators)``, ``.plot("forest" | "funnel")``.

    Raises
    ------
    UsageError, ContractError, DuplicateError
        What was given cannot be: texts, variances of 0, a label twice; the message names row and study.
    NotEstimable
        Fewer than two studies, or moderators that cannot be told apart.

    References
    ----------
    Borenstein, Hedges, Higgins & Rothstein (2009), *Introduction to Meta-Analysis*. DerSimonian & Laird (1986),
    *Controlled Clinical Trials* 7. Hartung & Knapp (2001), *Statistics in Medicine* 20. Knapp & Hartung (2003),
    *Statistics in Medicine* 22. Paule & Mandel (1982), *Journal of Research of the NBS* 87. Viechtbauer (2005, 2007),
    *Journal of Educational and Behavioral Statistics* 30, *Statistics in Medicine* 26; (2010), *Journal of Statistical
    Software* 36, R's metafor, with which everything here agrees.

    Examples
    --------
    >>> found = pool([0.10, 0.30, 0.35, 0.65], [0.02, 0.02, 0.03, 0.04], labels=["A", "B", "C", "D"])
    >>> found.frame[["estimate", "conf_low", "conf_high"]].round(2).values.tolist()
    [[0.32, -0.02, 0.66]]
    >>> round(found.tau2, 3), round(found.q, 2)
    (0.017, 5.14)
    """
    check_conf_level(conf_level, CALLER)
    used = _options(method, test, studies is not None)
    scale = None if measure is None else measure_named(measure, CALLER).name
    inputs = read_inputs(estimates, variances, moderators, labels, studies, data)
    spec = {"method": method, "test": used, "moderators": _said(moderators), "measure": scale, "conf_level": conf_level,
            "several": studies is not None}  # fmt: skip
    if studies is None:
        return _result(inputs, independent(inputs.effects, method, used, conf_level), spec)
    return _result(inputs, several(inputs.effects, inputs.studies["study"].tolist(), method, used, conf_level), spec)


def _options(method: str, test: str | None, many: bool) -> Test:
    if method not in ESTIMATORS:
        raise UsageError(f"{CALLER}: method is {method!r}; {allowed(method, ESTIMATORS)}.")
    if many and method not in ("REML", "ML"):
        raise UsageError(f"{CALLER}: method is {method!r} with several effects of a study; allowed: 'REML' and 'ML'.")
    if test is None:
        return "CR2" if many else "z" if method == "FE" else "hksj"
    if test not in TESTS:
        raise UsageError(f"{CALLER}: test is {test!r}; {allowed(test, TESTS)}.")
    if many != (test in ("CR2", "t")) and test != "z":
        asked = "several effects of a study" if many else "one effect per study"
        fit = "'CR2', 't' and 'z'" if many else "'hksj', 'hksj-adhoc' and 'z'"
        raise UsageError(f"{CALLER}: test is {test!r} with {asked}; allowed: {fit}.")
    if method == "FE" and test != "z":
        raise UsageError(
            f"{CALLER}: test is {test!r} with a fixed effect; Hartung and Knapp's is a test of random effects. Take "
            'test="z", or a random-effects method.'
        )
    return next(one for one in TESTS if one == test)


def _said(moderators: Moderators) -> str | None:
    if moderators is None or isinstance(moderators, str):
        return moderators
    names = [moderators.name or "moderator"] if isinstance(moderators, pd.Series) else list(moderators)
    return " + ".join(map(str, names))


def _result(inputs: Inputs, found: Estimated, spec: dict[str, Any]) -> PoolResult:
    effects, fit, fixed = inputs.effects, found.fit, weighted(inputs.effects, 0.0)
    tested, r2 = _moderation(inputs, fit, spec)
    return PoolResult(
        spec=spec, frame=_frame(inputs, fit, spec), variances=found.components,
        studies=_studies(inputs, fit, spec["conf_level"]), tau2=found.variance(0), se_tau2=found.error(),
        tau2_within=found.variance(1) if spec["several"] else NAN, i2=found.i2, h2=found.h2, q=fixed.rss,
        q_p=float(chdtrc(effects.df, fixed.rss)) if effects.df else NAN,
        prediction=fit.predicted(spec["conf_level"]) if spec["method"] != "FE" else (NAN, NAN), omnibus=tested, r2=r2,
        loglik=found.loglik, design=_counts(inputs), notes=_notes(inputs, found, spec, r2), rows=inputs.studies.index,
        effects=effects, fit=fit, formula=inputs.formula, recipe=inputs.recipe,
    )  # fmt: skip


def _frame(inputs: Inputs, fit: PooledFit, spec: dict[str, Any]) -> pd.DataFrame:
    terms = ("pooled",) if inputs.terms == ("Intercept",) else inputs.terms
    frame = pd.DataFrame(coefficient_lines(fit, terms, spec["conf_level"]))
    if spec["measure"] is not None and len(terms) == 1:
        for name, of in (("effect", "estimate"), ("effect_low", "conf_low"), ("effect_high", "conf_high")):
            frame[name] = back(spec["measure"], frame[of].to_numpy(float))
    elif spec["measure"] is not None:
        frame = frame.assign(effect=NAN, effect_low=NAN, effect_high=NAN)
    return frame


def _studies(inputs: Inputs, fit: PooledFit, conf_level: float) -> pd.DataFrame:
    held = inputs.studies[["label", "study", "estimate", "variance"]].copy()
    held["std_error"] = np.sqrt(held["variance"])
    reach = float(ndtri(0.5 + conf_level / 2)) * held["std_error"]
    held["conf_low"], held["conf_high"] = held["estimate"] - reach, held["estimate"] + reach
    held["weight"] = 100.0 * fit.fit.w / fit.fit.w.sum()
    return held


def _moderation(inputs: Inputs, fit: PooledFit, spec: dict[str, Any]) -> tuple[dict[str, float], float]:
    """The test of all moderators, and the per cent of τ² that they explain."""
    if spec["moderators"] is None or inputs.terms == ("Intercept",):
        return {}, NAN
    places = [place for place, term in enumerate(inputs.terms) if term != "Intercept"]
    tested = omnibus(fit, places)
    if spec["method"] == "FE" or spec["several"]:
        return tested, NAN
    without = tau2_of(Effects(inputs.effects.y, inputs.effects.v, np.ones((inputs.effects.k, 1))), spec["method"])
    return tested, 100.0 * max(0.0, (without - fit.tau2) / without) if without > 0 else NAN


def _counts(inputs: Inputs) -> dict[str, Any]:
    return {"k": inputs.effects.k, "n_studies": int(inputs.studies["study"].nunique()), "n_given": inputs.n_given,
            "dropped": inputs.dropped}  # fmt: skip


def _notes(inputs: Inputs, found: Estimated, spec: dict[str, Any], r2: float) -> tuple[Note, ...]:
    k, fit, random = inputs.effects.k, found.fit, spec["method"] != "FE"
    told = {
        "pool_dropped": bool(inputs.dropped),
        "pool_several": spec["several"] and spec["test"] != "CR2",
        "pool_cr2": spec["test"] == "CR2",
        "pool_cr2_few": spec["test"] == "CR2" and float(fit.df.min()) < FEW - 1,
        "pool_cr2_joint": spec["test"] == "CR2" and len(inputs.terms) > 2,
        "pool_narrower_than_z": spec["test"] == "hksj" and fit.scale < 1.0,
        "pool_few_studies": spec["test"].startswith("hksj") and k - len(inputs.terms) < FEW - 1,
        "pool_z_of_few": spec["test"] == "z" and random and k < MANY,
        "pool_fixed_effect": not random,
        "pool_no_variance": random and not spec["several"] and fit.tau2 == 0.0,
        "pool_moderators": spec["moderators"] is not None,
        "pool_r2_undefined": spec["moderators"] is not None and bool(np.isnan(r2)) and random and not spec["several"],
    }
    high = float(found.components["conf_high"].iloc[0]) if len(found.components) else NAN
    numbers = {"lost": inputs.dropped, "k": k, "scale": fit.scale, "high": high, "df": float(fit.df.min())}
    return tuple(Note(kind, numbers=numbers) for kind, holds in told.items() if holds)
