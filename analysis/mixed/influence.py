r"""Influence of single groups: leave one out, without fitting from scratch.

The rows of the group are taken out of the sufficient statistics only, all left-out sets stand
in one batch, and Newton's method starts at the full fit; two or three steps suffice. With Φ the
covariance of β̂ and b₍ᵢ₎, Φ₍ᵢ₎ those without group i (Demidenko & Stukel 2005; Loy & Hofmann 2014):

.. math::
   D_i = (b − b_{(i)})^⊤ Φ^{-1} (b − b_{(i)})/p, \quad
   MDFFITS_i = (b − b_{(i)})^⊤ Φ_{(i)}^{-1} (b − b_{(i)})/p,

COVTRACE = |tr(Φ⁻¹Φ₍ᵢ₎) − p| and COVRATIO = |Φ₍ᵢ₎|/|Φ|. Φ is the model-based covariance, not the
adjusted one of Kenward and Roger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.components import components, measure_all
from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.moments import make_moments
from doublecode.analysis.mixed.engine.nesting import lay_out, sets_at_once
from doublecode.analysis.mixed.engine.optimise import minimise
from doublecode.analysis.mixed.engine.profiles import measure_at
from doublecode.analysis.mixed.engine.starts import default_start
from doublecode.analysis.mixed.fitted import FittedModel
from doublecode.analysis.mixed.inference import fixed_effects
from doublecode.analysis.mixed.variances import SINGULAR, relative_spectrum
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_CELLS = 20_000_000
"""Rows × left-out sets that are held in memory at once."""


@dataclass(frozen=True, eq=False, repr=False)
class InfluenceResult(Answer):
    """What the fit becomes without each group.

    Attributes
    ----------
    spec
        formula, reml, group.
    frame
        One row per left-out level: level, n_rows, cooks_distance, mdffits, covtrace, covratio,
        converged, singular.
    fixed
        One row per level and fixed effect: level, term, estimate, std_error, change (without minus
        with all groups), change_in_se (change over the full fit's standard error).
    variances
        One row per level and variance parameter: level, parameter (sd, corr), group, term, estimate, change.
    design
        Counts of the full fit.
    notes
        Levels that cannot be left out, and why.
    rows
        Labels of the rows behind the full fit.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    fixed: pd.DataFrame
    variances: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("level",)

    def tables(self) -> tuple[Table, ...]:
        """Measures of every level, the most influential first."""
        shown = self.frame.sort_values("cooks_distance", ascending=False, kind="stable").reset_index(drop=True)
        columns = (
            column("level", str(self.spec["group"]), kind="text"), column("n_rows", "Rows", kind="integer"),
            column("cooks_distance", "Cook's *D*", kind="estimate"), column("mdffits", "MDFFITS", kind="estimate"),
            column("covtrace", "COVTRACE", kind="estimate"), column("covratio", "COVRATIO"),
            column("converged", "Converged", kind="text"), column("singular", "Singular", kind="text"),
        )  # fmt: skip
        return (Table("influence", f"{self.spec['formula']}, one {self.spec['group']} left out", shown, columns),)

    def counted(self) -> str:
        """Say how many levels were left out, one after the other."""
        left = int(self.frame["cooks_distance"].notna().sum())
        return (
            f"{left} of {len(self.frame)} levels of {self.spec['group']} left out one at a time; {len(self.rows)} rows"
        )


def leave_one_out(result: FittedModel, group: str | None = None) -> InfluenceResult:
    """Leave out one level of `group` at a time.

    Parameters
    ----------
    result
        A fitted model.
    group
        A grouping factor of the model, or a column that the model uses; default the first
        grouping factor.

    Returns
    -------
    InfluenceResult
        A level without which the model is not identified (fixed effects collinear, one group left)
        has NaN and a note.

    Raises
    ------
    UsageError
        `group` is neither; or it cuts through the series of a residual correlation.
    NotEstimable
        `group` has one level.

    References
    ----------
    Loy & Hofmann (2014), Journal of Statistical Software 58(5).
    """
    name = result.model.terms[0].group if group is None else group
    codes, levels = _levels(result.model, name)
    if len(levels) < 2:
        raise NotEstimable(f"{name!r} has one level ({levels[0]!r}); nothing is left without it")
    _refuse_cut_series(result, name, codes)
    parts = [_leave(result, codes, batch) for batch in _batches(len(levels), result.fit.design)]
    beta, vcov, values, converged, singular = (np.concatenate(part) for part in zip(*parts, strict=True))
    counts = np.bincount(codes, minlength=len(levels))
    measures = _measures(result, beta, vcov)
    columns = {"level": levels, "n_rows": counts, **measures, "converged": converged, "singular": singular}
    return InfluenceResult(
        spec={"formula": result.spec["formula"], "reml": result.fit.reml, "group": name},
        frame=pd.DataFrame(columns),
        fixed=_fixed(result, levels, beta, vcov),
        variances=_variances(result, levels, values),
        design=result.model.counts,
        rows=result.model.index,
        notes=_notes(result, name, levels, beta, converged),
    )


def _levels(design: Design, name: str) -> tuple[npt.NDArray[np.intp], pd.Index[Any]]:
    for term in design.terms:
        if term.group == name:
            return np.asarray(term.codes, dtype=np.intp), term.levels
    if name not in design.frame.columns:
        raise UsageError(
            f"{name!r} is neither a grouping factor ({', '.join(design.n_groups)}) nor a column of the model "
            f"({', '.join(map(str, design.frame.columns))})"
        )
    codes, levels = pd.factorize(design.frame[name], sort=True)
    return np.asarray(codes, dtype=np.intp), pd.Index(levels)


def _refuse_cut_series(result: FittedModel, name: str, codes: npt.NDArray[np.intp]) -> None:
    """Whitened rows mix with the row before: a group must hold whole series."""
    if result.whitening is None or not result.whitening.series:
        return
    labels = result.model.frame.groupby(list(result.whitening.series), observed=True).ngroup().to_numpy()
    pairs = np.unique(np.stack([labels, codes]), axis=1)
    if pairs.shape[1] > labels.max() + 1:
        raise UsageError(f"leaving out {name} would cut through the series of {result.whitening.label}")


def _batches(n_levels: int, design: Design) -> Iterator[npt.NDArray[np.intp]]:
    size = max(1, _CELLS // max(design.nobs, 1))
    size = min(size, sets_at_once(lay_out(design.terms, design.X.shape[1]).layout) or size)
    for start in range(0, n_levels, size):
        yield np.arange(start, min(start + size, n_levels))


def _leave(
    result: FittedModel, codes: npt.NDArray[np.intp], batch: npt.NDArray[np.intp]
) -> tuple[Floats, Floats, Floats, Bools, Bools]:
    """Fixed effects, covariances, variance parameters, converged and singular of one batch."""
    design, fit = result.fit.design, result.fit
    named = components(result.model)
    N, p = len(batch), design.X.shape[1]
    beta, vcov = np.full((N, p), np.nan), np.full((N, p, p), np.nan)
    values = np.full((N, len(named)), np.nan)
    converged, singular = np.zeros(N, dtype=bool), np.zeros(N, dtype=bool)
    good = np.flatnonzero([_identified(design, codes != level) for level in batch])
    if not len(good):
        return beta, vcov, values, converged, singular
    Y = np.where(codes[:, None] == batch[good], np.nan, design.y[:, None])
    moments, which = make_moments(design, Y), np.arange(len(good))
    end = minimise(moments, np.tile(fit.theta, (len(good), 1)), which, reml=fit.reml)
    theta, done = end.theta.copy(), end.converged.copy()
    again = np.flatnonzero(~done)
    if len(again):
        more = minimise(moments, np.tile(default_start(moments), (len(again), 1)), again, reml=fit.reml)
        theta[again], done[again] = more.theta, more.converged
    state = evaluate(moments, theta, which, reml=fit.reml)
    beta[good], vcov[good] = fixed_effects(state)
    for j, c in enumerate(named):
        values[good, j] = c.report(measure_at(moments, theta, c.target.measure, reml=fit.reml))
    converged[good] = done
    spectrum = relative_spectrum(moments.layout.blocks, theta)
    singular[good] = np.any([shares[:, 0] <= SINGULAR**2 for shares, _ in spectrum], axis=0)
    return beta, vcov, values, converged, singular


def _identified(design: Design, keep: Bools) -> bool:
    """Whether the rows that are left determine the fixed effects and have two levels of every factor."""
    X = design.X[keep]
    if X.shape[1]:
        if len(X) <= X.shape[1]:
            return False
        lengths = np.linalg.norm(X, axis=0)
        if (lengths == 0).any() or np.linalg.svd(X / lengths, compute_uv=False)[-1] < 1e-7:
            return False
    left = [(len(np.unique(term.codes[keep])), term.size) for term in design.terms]
    return all(levels >= 2 and levels * size < keep.sum() for levels, size in left)


def _measures(result: FittedModel, beta: Floats, vcov: Floats) -> dict[str, Floats]:
    """Cook's distance and its companions, (levels,) each; NaN where the level cannot be left out."""
    own, full = (a[0] for a in fixed_effects(result.fit.state))
    N, p = beta.shape
    out = {name: np.full(N, np.nan) for name in ("cooks_distance", "mdffits", "covtrace", "covratio")}
    ok = np.isfinite(beta).all(axis=1)
    if not p or not ok.any():
        return out
    delta, V = own - beta[ok], vcov[ok]
    out["cooks_distance"][ok] = np.einsum("ni,ni->n", delta, np.linalg.solve(full, delta.T).T) / p
    out["mdffits"][ok] = np.einsum("ni,ni->n", delta, np.linalg.solve(V, delta[:, :, None])[:, :, 0]) / p
    out["covtrace"][ok] = np.abs(np.trace(np.linalg.solve(full, V), axis1=1, axis2=2) - p)
    out["covratio"][ok] = np.exp(np.linalg.slogdet(V)[1] - np.linalg.slogdet(full)[1])
    return out


def _fixed(result: FittedModel, levels: pd.Index[Any], beta: Floats, vcov: Floats) -> pd.DataFrame:
    own, full = (a[0] for a in fixed_effects(result.fit.state))
    N, p = beta.shape
    change = beta - own
    return pd.DataFrame(
        {
            "level": np.repeat(np.asarray(levels), p),
            "term": np.tile(np.array(result.model.x_names, dtype=object), N),
            "estimate": beta.ravel(),
            "std_error": np.sqrt(np.diagonal(vcov, axis1=1, axis2=2)).ravel(),
            "change": change.ravel(),
            "change_in_se": (change / np.sqrt(np.diag(full))).ravel(),
        }
    )


def _variances(result: FittedModel, levels: pd.Index[Any], values: Floats) -> pd.DataFrame:
    named = components(result.model)
    own, N = np.array(measure_all(result.fit, named)), len(values)
    return pd.DataFrame(
        {
            "level": np.repeat(np.asarray(levels), len(named)),
            "parameter": [c.parameter for c in named] * N,
            "group": [c.group for c in named] * N,
            "term": [c.term for c in named] * N,
            "estimate": values.ravel(),
            "change": (values - own).ravel(),
        }
    )


def _notes(result: FittedModel, name: str, levels: pd.Index[Any], beta: Floats, converged: Bools) -> tuple[Note, ...]:
    lost: Bools = np.asarray(~np.isfinite(beta).all(axis=1))
    notes = []
    if lost.any():
        notes.append(Note("levels_not_identified", numbers={"group": name, "levels": tuple(levels[lost])}))
    failed = ~converged & ~lost
    if failed.any():
        notes.append(Note("refits_not_converged", numbers={"n_failed": int(failed.sum()), "n_levels": len(levels)}))
    if result.whitening is not None:
        notes.append(Note("structure_held", numbers={"structure": result.whitening.label}))
    return tuple(notes)
