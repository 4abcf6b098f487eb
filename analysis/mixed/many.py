"""Thousands of mixed models at once: bootstraps, power and coverage studies stand on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.columns import ColumnOrArray
from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.bare_fit import explained
from doublecode.analysis.mixed.engine.derivatives import differentiate
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.moments import Moments
from doublecode.analysis.mixed.engine.nesting import lay_out
from doublecode.analysis.mixed.engine.optimise import OTHER_STARTS, Optimum, covariance, minimise
from doublecode.analysis.mixed.engine.starts import default_start, moment_start
from doublecode.analysis.mixed.formula import ModelFormula
from doublecode.analysis.mixed.hypotheses import two_sided
from doublecode.analysis.mixed.inference import fixed_effects, small_sample
from doublecode.analysis.mixed.many_designs import Sets, sets_of
from doublecode.analysis.mixed.many_result import ManyResult
from doublecode.analysis.mixed.many_screen import of_one_value, reasons_against
from doublecode.analysis.mixed.variances import SINGULAR, relative_spectrum
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
ManyDdf = Literal["z", "satterthwaite", "kenward-roger"] | None

CHUNK_CELLS = 150_000
"""Cells of the largest working array of one batch; a few of them fit in a processor's cache."""


def fit_many(
    formula: str | ModelFormula,
    data: pd.DataFrame,
    responses: npt.ArrayLike,
    *,
    predictors: Mapping[str, npt.ArrayLike] | None = None,
    reml: bool = True,
    ddf: ManyDdf = None,
    family: str | None = None,
    link: str | None = None,
    nagq: int | Literal["auto"] = "auto",
    trials: ColumnOrArray = None,
    weights: ColumnOrArray = None,
    offset: ColumnOrArray = None,
    prior_sd: float | None = None,
    thresholds: Literal["flexible", "equidistant"] = "flexible",
) -> ManyResult:
    """Fit one mixed model to many outcomes by vectorised linear algebra.

    Parameters
    ----------
    formula
        As for :func:`fit_mixed` or :func:`fit_generalized`; its response names the outcome but need not be a column of
        `data`.
    data
        Predictors and groups, one row per observation.
    responses
        (n_rows, n_sets) outcomes in the rows of `data`; NaN is a missing row in that set, so that the
        sets may differ in their designs.
    predictors
        Columns of `data` that differ by set too, by name: (n_rows, n_sets) values that take their place, NaN for a row
        that the set lacks. Groups are the same in all sets.
    ddf
        None gives estimates and standard errors only; ``"z"``, ``"satterthwaite"`` and
        ``"kenward-roger"`` add degrees of freedom and p values (the last with REML only). Generalised models have *z*.
    family, link, nagq, trials, weights, offset, prior_sd, thresholds
        As for :func:`fit_generalized`, whose fits these are; ``family=None`` is the linear model, which takes none of
        them. One scalar random term with a logit or counts is fitted in batches, everything else, ordered
        categories among it, and what a batch does not solve, one by one, which is slower.

    Returns
    -------
    ManyResult
        Arrays terms × sets; `.converged` and `.singular` per set. With a family a :class:`ManyGeneralizedResult`,
        which has `.separated`, too; of ordered categories a :class:`ManyOrdinalResult` with `.thresholds`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> data = pd.DataFrame({"patient": np.repeat(np.arange(10), 6), "x": rng.normal(size=60)})
    >>> y = rng.normal(size=(10, 200))[data.patient] + rng.normal(size=(60, 200))
    >>> many = fit_many("y ~ x + (1 | patient)", data, y, ddf="kenward-roger")
    >>> many.estimate.shape, int(many.converged.sum())
    ((2, 200), 200)
    >>> done = (y > 0).astype(float)
    >>> many = fit_many("done ~ x + (1 | patient)", data, done, family="binomial")
    >>> many.estimate.shape, many.spec["nagq"], int(many.fitted.sum())
    ((2, 200), 15, 200)
    """
    data = as_pandas(data)
    extra = {"trials": trials, "weights": weights, "offset": offset}
    if family is not None:
        from doublecode.analysis.mixed.generalized.many_sets import many_generalized

        return many_generalized(
            formula, data, responses, predictors or {}, family=family, link=link, nagq=nagq, prior_sd=prior_sd, ddf=ddf,
            thresholds=thresholds, **extra,
        )  # fmt: skip
    _refuse_without_family(extra | {"link": link, "prior_sd": prior_sd, "nagq": None if nagq == "auto" else nagq}
                            | {"thresholds": None if thresholds == "flexible" else thresholds})  # fmt: skip
    if ddf not in (None, "z", "satterthwaite", "kenward-roger"):
        raise UsageError(f"ddf={ddf!r} is not one of None, 'z', 'satterthwaite', 'kenward-roger'")
    if ddf == "kenward-roger" and not reml:
        raise UsageError("Kenward–Roger is defined for REML; use reml=True or ddf='satterthwaite'")
    sets = sets_of(formula, data, responses, predictors or {})
    store = _Store.empty(sets.design, sets.Y.shape[1])
    for chunk in _chunks(sets):
        _fit_chunk(sets, chunk, store, reml=reml, ddf=ddf)
    return store.result(sets.design, sets.Y, reml=reml, ddf=ddf)


def _refuse_without_family(given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value is not None:
            raise UsageError(
                f"fit_many: {name}= acts with a family; give family='binomial' or another, or leave it out"
            )


def _chunks(sets: Sets) -> Iterator[Ints]:
    """Sets in batches that share their pattern of missing rows if possible, small enough for the cache."""
    design, missing = sets.design, np.isnan(sets.Y)
    layout = lay_out(design.terms, design.X.shape[1]).layout
    r = layout.q2 + layout.p
    varying = bool(sets.own) or (bool(missing.any()) and not (missing == missing[:, :1]).all())
    stacked = varying or bool(layout.finer)
    factors = ((layout.n_inner, layout.width), *layout.finer)
    per_set = sum(J * width * ((r if stacked else 1) + 3 * width) for J, width in factors) + r * r
    if sets.own:
        per_set = max(per_set, design.nobs * (r + layout.width))
    size = int(np.clip(CHUNK_CELLS // max(per_set, 1), 1, 4096))
    every = np.arange(missing.shape[1])
    for start in range(0, len(every), size):
        yield every[start : start + size]


@dataclass
class _Store:
    """Arrays that the chunks fill in."""

    estimate: Floats
    std_error: Floats
    df: Floats
    vcov: Floats
    sigma2: Floats
    covariances: list[Floats]
    theta: Floats
    loglik: Floats
    converged: Bools
    singular: Bools
    problem: list[Note | None]

    @classmethod
    def empty(cls, design: Design, N: int) -> _Store:
        p = design.X.shape[1]
        m = sum(t.size * (t.size + 1) // 2 for t in design.terms)
        return cls(
            estimate=np.full((p, N), np.nan),
            std_error=np.full((p, N), np.nan),
            df=np.full((p, N), np.nan),
            vcov=np.full((N, p, p), np.nan),
            sigma2=np.full(N, np.nan),
            covariances=[np.full((N, t.size, t.size), np.nan) for t in design.terms],
            theta=np.full((N, m), np.nan),
            loglik=np.full(N, np.nan),
            converged=np.zeros(N, dtype=bool),
            singular=np.zeros(N, dtype=bool),
            problem=[None] * N,
        )

    def result(self, design: Design, Y: Floats, *, reml: bool, ddf: ManyDdf) -> ManyResult:
        tested = ddf is not None
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = self.estimate / self.std_error if tested else np.full_like(self.estimate, np.nan)
        fitted = np.isfinite(self.loglik)
        diagonals = [np.diagonal(V, axis1=1, axis2=2).T for V in self.covariances]
        names = [(t.group, c) for t in design.terms for c in t.columns]
        N = Y.shape[1]
        counts = {
            "n_rows": len(design.rows) + len(design.lost), "n_used": design.nobs, "n_sets": N,
            "n_fitted": int(fitted.sum()), "n_converged": int(self.converged.sum()),
            "n_singular": int(self.singular.sum()), "n_groups": design.n_groups,
        }  # fmt: skip
        kept = {name: counts[name] for name in ("n_converged", "n_sets", "n_singular")}
        notes: list[Note] = [*design.notes, Note("sets_converged", numbers=kept)]
        if len(design.lost):
            notes.append(Note("sets_rows_dropped", numbers={"n_dropped": len(design.lost)}))
        return ManyResult(
            spec={"formula": design.formula.text, "reml": reml, "ddf": ddf, "n_sets": N},
            terms=design.x_names, components=(*names, ("Residual", "")), estimate=self.estimate,
            std_error=self.std_error, df=self.df, statistic=statistic,
            p_value=two_sided(statistic, self.df) if tested else np.full_like(statistic, np.nan),
            vcov=self.vcov, variances=np.vstack([*diagonals, self.sigma2[None]]),
            covariances=tuple(self.covariances), theta=self.theta, loglik=self.loglik,
            nobs=(~np.isnan(Y)).sum(axis=0), converged=self.converged, singular=self.singular,
            fitted=fitted, problem=tuple(self.problem), design=counts, notes=tuple(notes),
            rows=design.index,
        )  # fmt: skip


def _fit_chunk(sets: Sets, chunk: Ints, store: _Store, *, reml: bool, ddf: ManyDdf) -> None:
    usable = _screen(sets, chunk, store)
    if not len(usable):
        return
    moments = sets.moments(usable)
    which = np.arange(len(usable))
    if (lost := explained(moments, np.nanmax(np.abs(sets.Y[:, usable]), axis=0))).any():
        for i in usable[lost]:
            store.problem[i] = Note("set_explained")
        _fit_chunk(sets, usable[~lost], store, reml=reml, ddf=ddf)
        return
    end = search(moments, reml=reml)
    state = evaluate(moments, end.theta, which, reml=reml)
    beta, vcov = fixed_effects(state)
    store.estimate[:, usable], store.vcov[usable] = beta.T, vcov
    error = np.diagonal(vcov, axis1=1, axis2=2)
    if ddf is not None:
        tests = small_sample(differentiate(state), ddf)
        error = np.diagonal(tests.vcov, axis1=1, axis2=2)
        store.df[:, usable] = tests.dof(np.eye(beta.shape[1])).T
    store.std_error[:, usable] = np.sqrt(error).T
    _store_variances(moments, end, state.sigma2, usable, store)
    store.loglik[usable] = -0.5 * state.deviance
    store.converged[usable] = end.converged
    for i in usable[~end.converged]:
        store.problem[i] = Note("set_not_converged")


def _store_variances(moments: Moments, end: Optimum, sigma2: Floats, at: Ints, store: _Store) -> None:
    residual = sigma2 * moments.conditioning.scale**2
    store.sigma2[at], store.theta[at] = residual, end.theta
    blocks = moments.layout.blocks
    for V, block, R in zip(store.covariances, blocks, moments.conditioning.term_roots, strict=True):
        back = np.linalg.inv(R)
        V[at] = back @ covariance(block, end.theta) @ back.T * residual[:, None, None]
    spectrum = relative_spectrum(blocks, end.theta)
    store.singular[at] = np.any([values[:, 0] <= SINGULAR**2 for values, _ in spectrum], axis=0)


def search(moments: Moments, *, reml: bool) -> Optimum:
    """Newton from the moments' start for every set; those that fail, from two other starts."""
    end = minimise(moments, moment_start(moments), np.arange(moments.n_sets), reml=reml, scoring=True)
    for scale in OTHER_STARTS:
        again = np.flatnonzero(~end.converged)
        if not len(again):
            break
        more = minimise(moments, np.tile(default_start(moments, scale), (len(again), 1)), again, reml=reml)
        better = more.converged | (more.deviance < end.deviance[again])
        rows = again[better]
        for name in ("theta", "deviance", "gradient", "converged", "iterations"):
            getattr(end, name)[rows] = getattr(more, name)[better]
    return end


def _screen(sets: Sets, chunk: Ints, store: _Store) -> Ints:
    """Sets of a chunk that can be fitted; the others get their reason."""
    reasons = reasons_against(sets, chunk, of_one_value(sets.Y[:, chunk]))
    usable = np.array([reason is None for reason in reasons])
    for i in np.flatnonzero(~usable):
        store.problem[chunk[i]] = reasons[i]
    return np.asarray(chunk[usable])
