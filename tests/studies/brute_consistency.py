"""Alpha and omega of a random study's scales by their formulas: covariances by a plain EM, one factor by a search.

Nothing of doublecode is imported here. The rows of a scale are its sessions; items that are missing stay in
(`fiml`): alpha from the covariances of the saturated normal model, omega from the most likely one-factor model
whose uniquenesses are no smaller than 0.5 % of an item's variance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from brute_force import Reference
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]
FLOOR, STARTS, ROUNDS = 0.005, 12, 20_000
NEAR, UNTOLD, SLOW = 1e-4, 0.01, 3000
SETTLED, DEGENERATE, AS_LIKELY = 1e-11, 1e-5, 1e-5


@dataclass(frozen=True)
class Consistency:
    """What the formulas give: alpha and the omega of every model as likely as the best, or `why` there is none.

    `slow`: the EM took thousands of rounds, and the product may give up.
    """

    n_rows: int
    alpha: float = float("nan")
    omegas: tuple[float, ...] = ()
    why: str = ""
    slow: bool = False

    def is_omega(self, omega: float) -> bool:
        """Whether it is one of these; where they differ, the data do not tell it, and any will do."""
        if not self.omegas or omega != omega:
            return not self.omegas and omega != omega
        low, high = min(self.omegas), max(self.omegas)
        return high - low > UNTOLD or low - NEAR < omega < high + NEAR


def scales_of(reference: Reference) -> Iterator[tuple[tuple[str, str, str], Consistency]]:
    """Every scale of two items and more that has a row: as it is scored and, if it is lagged, on the same tape."""
    for name, book in reference.books.items():
        for scale in book["scales"]:
            lagged = scale.get("lagged", [])
            others = [one for one in book["scales"] if not one.get("lagged")]
            is_plain_elsewhere = any(set(one["items"]) == set(scale["items"]) for one in others)
            pairings = {"same tape": []} if not lagged or not is_plain_elsewhere else {}
            for pairing, before in {**pairings, **({"lagged": lagged} if lagged else {})}.items():
                rows = _rows(reference, name, scale["items"], before)
                if len(scale["items"]) > 1 and len(rows):
                    yield (name, scale["name"], pairing), of_rows(rows)


def _rows(reference: Reference, book: str, items: list[str], lagged: list[str]) -> Array:
    """A row per session, reversed items turned, NaN where an item is missing; with a lag, after the session before."""
    rows = []
    for patient, number in sorted({key for key, of, _ in reference.items if of == book}):
        row = []
        for name in items:
            found = reference.items.get(((patient, number - (name in lagged)), book, name))
            there = found is not None and found.value is not None
            row.append(reference.turned(book, _item(reference, book, name), found.value) if there else np.nan)
        rows.append(row)
    found = np.array(rows, dtype=float).reshape(-1, len(items))
    before = [name in lagged for name in items]
    found = found[~np.isnan(found[:, before]).all(axis=1)] if lagged else found
    return found[~np.isnan(found).all(axis=1)]


def _item(reference: Reference, book: str, name: str) -> dict[str, Any]:
    from random_study import columns_of

    return next(one for one in columns_of(reference.books[book]) if one["name"] == name)


def of_rows(rows: Array) -> Consistency:
    """Alpha and omega of some rows, or the reason why there are none."""
    n, p = rows.shape
    if n < p + 1:
        return Consistency(n, why="rows")
    if any(len(set(column[~np.isnan(column)])) < 2 for column in rows.T):
        return Consistency(n, why="spread")
    together = (~np.isnan(rows)).T.astype(int) @ (~np.isnan(rows)).astype(int)
    if not together.all():
        return Consistency(n, why="pairs")
    S, rounds = saturated(rows)
    if S is None and np.isnan(rows).any():
        return Consistency(n, why="degenerate")
    if S is None:  # alpha of complete items needs no inverse; the one-factor model has no maximum
        S = np.cov(rows.T, bias=True)
        return Consistency(n, float(p / (p - 1) * (1 - np.trace(S) / S.sum())), why="degenerate")
    alpha = p / (p - 1) * (1 - np.trace(S) / S.sum())
    return Consistency(n, float(alpha), () if p < 3 else omegas(rows, S), slow=rounds > SLOW)


def saturated(rows: Array) -> tuple[Array | None, int]:
    """Covariances of the saturated normal model by EM, and its rounds; None where they run to a singular matrix."""
    mean, S = np.nanmean(rows, axis=0), np.diag(np.nanvar(rows, axis=0))
    for done in range(ROUNDS if np.isnan(rows).any() else 3):
        total, square = np.zeros_like(mean), np.zeros_like(S)
        for row in rows:
            o, m = ~np.isnan(row), np.isnan(row)
            full, spare = row.copy(), np.zeros_like(S)
            if m.any():
                slope = S[np.ix_(m, o)] @ np.linalg.pinv(S[np.ix_(o, o)])
                full[m] = mean[m] + slope @ (row[o] - mean[o])
                spare[np.ix_(m, m)] = S[np.ix_(m, m)] - slope @ S[np.ix_(o, m)]
            total += full
            square += np.outer(full, full) + spare
        new_mean = total / len(rows)
        new = square / len(rows) - np.outer(new_mean, new_mean)
        moved = np.abs(new - S).max() / np.abs(new).max()
        mean, S = new_mean, new
        d = np.sqrt(np.diag(S))
        if np.linalg.eigvalsh(S / np.outer(d, d))[0] < DEGENERATE:
            return None, done
        if moved < SETTLED:
            return S, done
    return (None, ROUNDS) if np.isnan(rows).any() else (S, 1)


def omegas(rows: Array, S: Array) -> tuple[float, ...]:
    """Omega of each one-factor model that a search from many starts finds as likely as the best."""
    p, d = rows.shape[1], np.sqrt(np.diag(S))
    patterns = [~np.isnan(row) for row in rows]
    standard = (rows - np.nanmean(rows, axis=0)) / d
    rng = np.random.default_rng(0)

    def deviance(theta: Array) -> tuple[float, Array]:
        mean, load, psi = theta[:p], theta[p : 2 * p], theta[2 * p :]
        value, slope = 0.0, np.zeros(3 * p)
        for row, o in zip(standard, patterns, strict=True):
            at = np.flatnonzero(o)
            C = np.outer(load[o], load[o]) + np.diag(psi[o])
            inverse = np.linalg.inv(C)
            r = inverse @ (row[o] - mean[o])
            value += np.linalg.slogdet(C)[1] + float((row[o] - mean[o]) @ r)
            G = inverse - np.outer(r, r)
            slope[at] -= 2 * r
            slope[p + at] += 2 * G @ load[o]
            slope[2 * p + at] += np.diag(G)
        return value, slope

    bounds = [(None, None)] * (2 * p) + [(FLOOR, None)] * p
    found = []
    for start in range(STARTS):
        load = rng.uniform(-0.9, 0.9, p) if start else np.full(p, 0.5)
        if 0 < start <= p:  # one item alone carries the factor
            load = np.where(np.arange(p) == start - 1, 0.99, 0.1)
        theta = np.concatenate([np.zeros(p), load, np.maximum(1 - load**2, 0.05)])
        options = {"maxiter": 3000, "maxfun": 9000, "ftol": 1e-14, "gtol": 1e-9}
        end = minimize(deviance, theta, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        load, psi = end.x[p : 2 * p] * d, end.x[2 * p :] * d**2
        found.append((float(end.fun), float(load.sum() ** 2 / (load.sum() ** 2 + psi.sum()))))
    best = min(value for value, _ in found)
    return tuple(omega for value, omega in found if value < best + AS_LIKELY)
