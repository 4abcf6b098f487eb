"""Gibbs sampler of the joint multilevel model that fills missing values: normal within and between patients.

For row j of patient i the r variables y are ``y_ij = f_ij B + z_ij b_i + e_ij`` with fixed effects B of complete
columns f, patient effects ``vec(b_i) ~ N(0, Psi)`` of the columns z, and ``e_ij ~ N(0, Sigma)``: the model of Schafer &
Yucel (2002), Journal of Computational and Graphical Statistics, 11, 437–457 (R's pan; jomo with the same covariance
matrix for all patients). Several chains, also of several data sets of one layout, are drawn at once as arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_SHARE: Final = 0.05
"""The prior's variance between patients is at least this share of a variable's variance."""
SLOPE_SHARE: Final = 0.1
"""Of the variance within patients: the prior's variance of slopes per standard deviation of their column."""


@dataclass(frozen=True)
class Layout:
    """Rows in the order of their patients, with complete columns.

    Attributes
    ----------
    fixed : array, shape (n, p)
        Columns of the fixed effects; the first q are those of `random`.
    q : int
        How many of them have patient effects.
    starts : array, shape (N,)
        First row of each patient; rows of one patient stand together.
    codes : array, shape (n,)
        Number of each row's patient.
    """

    fixed: Floats
    q: int
    starts: NDArray[np.intp]
    codes: NDArray[np.intp]

    @property
    def random(self) -> Floats:
        """Columns of the patient effects, shape (n, q)."""
        return self.fixed[:, : self.q]

    def summed(self, rows: Floats) -> Floats:
        """Sum rows, shape (..., n, k), over each patient: shape (..., N, k)."""
        return np.asarray(np.add.reduceat(rows, self.starts, axis=-2))


@dataclass(frozen=True)
class Prior:
    """Inverse-Wishart priors whose means are crude components of variance.

    ``Sigma ~ IW(r + 2, diag(within))`` and ``Psi ~ IW(r q + 2, diag(between))``: the prior means are the diagonal
    matrices, and each weighs as little as a matrix with a mean can.

    Attributes
    ----------
    within : array, shape (C, r)
    between : array, shape (C, q r)
        In the order of the patient effects: all variables of the first column, then of the next.
    """

    within: Floats
    between: Floats


@dataclass(frozen=True)
class Draws:
    """What the chains gave.

    Attributes
    ----------
    completed : array, shape (keep, C, n, r)
        Data with drawn values in the empty cells.
    trace : array, shape (iterations after burn-in, C, k)
        Every fixed effect, then the lower triangles of Sigma and of Psi.
    """

    completed: Floats
    trace: Floats


def crude_prior(values: Floats, layout: Layout) -> Prior:
    """Components of variance by one-way analysis of variance of the observed values, free of the fixed columns."""
    there = ~np.isnan(values)
    rest = np.where(there, values - _least_squares(values, layout.fixed), 0.0)
    n, total = layout.summed(there.astype(float)), layout.summed(rest)
    n_all, n_patients = n.sum(axis=-2), (n > 0).sum(axis=-2)
    mean_square = np.divide(total**2, n, out=np.zeros_like(total), where=n > 0).sum(axis=-2)
    within = ((rest**2).sum(axis=-2) - mean_square) / np.maximum(n_all - n_patients, 1)
    per_patient = (n_all - (n**2).sum(axis=-2) / n_all) / np.maximum(n_patients - 1, 1)
    grand = total.sum(axis=-2) ** 2 / n_all
    between = ((mean_square - grand) / np.maximum(n_patients - 1, 1) - within) / per_patient
    whole = within + np.maximum(between, 0.0)
    within = np.maximum(within, LEAST_SHARE * whole)
    first = np.maximum(between, LEAST_SHARE * whole)
    return Prior(within, np.concatenate([first, *[SLOPE_SHARE * within] * (layout.q - 1)], axis=-1))


def _least_squares(values: Floats, fixed: Floats) -> Floats:
    """Fitted values of each variable from its own complete rows, shape of `values`."""
    there = (~np.isnan(values)).astype(float)
    cross = np.einsum("np,cnr,nq->crpq", fixed, there, fixed)
    right = np.einsum("np,cnr->crp", fixed, np.nan_to_num(values))
    slopes = np.linalg.pinv(cross) @ right[..., None]
    return np.asarray(np.einsum("np,crp->cnr", fixed, slopes[..., 0]))


def draw(
    values: Floats, layout: Layout, prior: Prior, *, burn_in: int, thin: int, keep: int, rng: np.random.Generator
) -> Draws:
    """Run the chains and keep every `thin`-th completed data set after `burn_in` iterations.

    Parameters
    ----------
    values : array, shape (C, n, r)
        One layer per chain, NaN where a value is missing; of about unit variance.
    layout : Layout
    prior : Prior
    burn_in, thin, keep : int
    rng : Generator
    """
    state = _State(values, layout, prior, rng)
    kept, trace = [], []
    for number in range(1, burn_in + thin * keep + 1):
        state.step()
        if number > burn_in:
            trace.append(state.parameters())
            if (number - burn_in) % thin == 0:
                kept.append(state.y.copy())
    return Draws(np.array(kept), np.array(trace))


class _State:
    """The current draw of every chain, and one turn of the sampler."""

    def __init__(self, values: Floats, layout: Layout, prior: Prior, rng: np.random.Generator) -> None:
        self.layout, self.prior, self.rng = layout, prior, rng
        self.gaps = _Gaps(np.isnan(values))
        chains, n, r = values.shape
        spread = np.sqrt(prior.within)[:, None, :] * rng.standard_normal(values.shape)
        self.y = np.where(np.isnan(values), _least_squares(values, layout.fixed) + spread, values)
        gram = layout.fixed.T @ layout.fixed
        self.inverse = np.linalg.inv(gram)
        self.root = np.linalg.cholesky(self.inverse)
        self.sigma, self.precision = _diagonals(prior.within)
        self.psi, self.between_precision = _diagonals(prior.between)
        self.b = np.zeros((chains, len(layout.starts), layout.q, r))
        self.slopes = self.inverse @ (layout.fixed.T @ self.y)
        products = layout.random[:, :, None] * layout.random[:, None, :]
        per_patient = layout.summed(products.reshape(n, -1)).reshape(-1, layout.q, layout.q)
        self.designs, self.design_of = np.unique(per_patient, axis=0, return_inverse=True)
        self.design_of = self.design_of.reshape(-1)

    def step(self) -> None:
        """Draw patient effects, fixed effects, covariance matrices and missing values in turn."""
        self._patient_effects()
        self._recentre()
        by_patient = self._of_patients()
        self._fixed_effects(self.y - by_patient)
        mean = self.layout.fixed @ self.slopes + by_patient
        rest = self.y - mean
        self.sigma, self.precision = self._covariance(rest, self.prior.within, rest.shape[1])
        flat = self.b.reshape(len(self.b), len(self.layout.starts), -1)
        self.psi, self.between_precision = self._covariance(flat, self.prior.between, flat.shape[1])
        if self.gaps.n:
            rows = self.gaps.fill(rest, self.precision, self.rng)
            at, empty = (self.gaps.chain, self.gaps.row), self.gaps.empty
            self.y[at] = np.where(empty, mean[at] + rows, self.y[at])

    def _of_patients(self) -> Floats:
        """What the patient effects add to each row, shape (C, n, r)."""
        each = self.b[:, self.layout.codes]
        return np.asarray(np.einsum("nq,cnqr->cnr", self.layout.random, each) if self.layout.q > 1 else each[:, :, 0])

    def _patient_effects(self) -> None:
        chains, n_patients, q, r = self.b.shape
        rest = self.y - self.layout.fixed @ self.slopes
        sums = [self.layout.summed(self.layout.random[:, [k]] * rest) for k in range(q)]
        right = np.stack([one @ self.precision for one in sums], axis=2).reshape(chains, n_patients, q * r)
        likelihood = np.einsum("uij,cab->cuiajb", self.designs, self.precision).reshape(chains, -1, q * r, q * r)
        cov = np.linalg.inv(likelihood + self.between_precision[:, None])
        root = np.linalg.cholesky((cov + np.swapaxes(cov, -1, -2)) / 2)
        noise = self.rng.standard_normal(right.shape)
        if len(self.designs) == 1:
            drawn = right @ cov[:, 0] + noise @ np.swapaxes(root[:, 0], -1, -2)
        else:
            drawn = (cov[:, self.design_of] @ right[..., None] + root[:, self.design_of] @ noise[..., None])[..., 0]
        self.b = drawn.reshape(self.b.shape)

    def _recentre(self) -> None:
        """Draw the means of the patient effects anew with the effects moved along: both chains mix where one does not.

        Yu & Meng (2011), Journal of Computational and Graphical Statistics, 20, 531–570.
        """
        chains, n_patients, q, r = self.b.shape
        whole = self.b + self.slopes[:, None, :q]
        root = np.linalg.cholesky(self.psi / n_patients)
        noise = root @ self.rng.standard_normal((chains, q * r, 1))
        self.slopes[:, :q] = whole.mean(axis=1) + noise.reshape(chains, q, r)
        self.b = whole - self.slopes[:, None, :q]

    def _fixed_effects(self, rest: Floats) -> None:
        noise = self.rng.standard_normal(self.slopes.shape)
        spread = np.swapaxes(np.linalg.cholesky(self.sigma), -1, -2)
        self.slopes = self.inverse @ (self.layout.fixed.T @ rest) + self.root @ noise @ spread

    def _covariance(self, rest: Floats, prior: Floats, n: int) -> tuple[Floats, Floats]:
        """Draw a covariance matrix and its inverse given n rows of deviations (Bartlett's decomposition)."""
        k = rest.shape[-1]
        scale = np.swapaxes(rest, -1, -2) @ rest + prior[:, :, None] * np.eye(k)
        lower = np.zeros_like(scale)
        below = np.tril_indices(k, -1)
        lower[:, *below] = self.rng.standard_normal((len(scale), len(below[0])))
        lower[:, range(k), range(k)] = np.sqrt(self.rng.chisquare(n + k + 2 - np.arange(k), (len(scale), k)))
        factor = np.linalg.cholesky(np.linalg.inv(scale)) @ lower
        precision = factor @ np.swapaxes(factor, -1, -2)
        return np.asarray(np.linalg.inv(precision)), np.asarray(precision)

    def parameters(self) -> Floats:
        """Fixed effects and the lower triangles of both covariance matrices, shape (C, k)."""
        chains = len(self.y)
        lower = [one[:, *np.tril_indices(one.shape[-1])] for one in (self.sigma, self.psi)]
        return np.concatenate([self.slopes.reshape(chains, -1), *lower], axis=1)


class _Gaps:
    """The rows with empty cells, by chain, and what they have in common."""

    def __init__(self, missing: NDArray[np.bool_]) -> None:
        self.chain, self.row = np.nonzero(missing.any(axis=-1))
        self.empty = missing[self.chain, self.row]
        self.n = len(self.chain)
        self.patterns, which = np.unique(self.empty, axis=0, return_inverse=True)
        self.pattern = which.reshape(-1)

    def fill(self, rest: Floats, precision: Floats, rng: np.random.Generator) -> Floats:
        """Draw deviations of the empty cells given the observed ones of their rows, shape (rows with gaps, r)."""
        free = self.patterns.astype(float)
        both = free[:, :, None] * free[:, None, :]
        held = (1.0 - free)[:, :, None] * np.eye(free.shape[1])
        cov = np.linalg.inv(precision[:, None] * both + held)
        root = np.linalg.cholesky((cov + np.swapaxes(cov, -1, -2)) / 2)
        known = np.where(self.empty, 0.0, rest[self.chain, self.row])
        pull = -np.where(self.empty, (precision[self.chain] @ known[..., None])[..., 0], 0.0)
        noise = rng.standard_normal(known.shape)
        at = (self.chain, self.pattern)
        return np.asarray((cov[at] @ pull[..., None] + root[at] @ noise[..., None])[..., 0])


def _diagonals(variances: Floats) -> tuple[Floats, Floats]:
    """Diagonal matrices of variances and their inverses."""
    unit = np.eye(variances.shape[-1])
    return variances[:, :, None] * unit, unit / variances[:, :, None]


def split_r_hat(trace: Floats) -> Floats:
    """Return the split R-hat of each parameter; about 1 where chains agree with one another and with their own halves.

    Each chain is cut in two; with W the mean variance within halves, B/n the variance of their means,
    ``R = sqrt(((n - 1)/n W + B/n) / W)`` (Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., 11.4).

    Parameters
    ----------
    trace : array, shape (iterations, chains, k)

    Returns
    -------
    array, shape (k,)

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> split_r_hat(rng.standard_normal((400, 2, 1))).round(1).tolist()
    [1.0]
    """
    half = len(trace) // 2
    parts = np.concatenate([trace[:half], trace[len(trace) - half :]], axis=1)
    within = parts.var(axis=0, ddof=1).mean(axis=0)
    between: Any = parts.mean(axis=0).var(axis=0, ddof=1)
    return np.asarray(np.sqrt((half - 1) / half + between / within))
