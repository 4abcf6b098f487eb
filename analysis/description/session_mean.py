"""The mean correlation over sessions, with an interval that takes the patient as the unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LARGEST = 1 - 1e-12
"""A correlation beyond it has no Fisher z that means anything."""


@dataclass(frozen=True, eq=False)
class SessionRows:
    """The rows of one session that have both variables.

    Attributes
    ----------
    x, y : ndarray, shape (n,)
    who : ndarray, shape (n,)
        Number of the patient of each row, 0 … P − 1.
    """

    x: Floats
    y: Floats
    who: NDArray[np.intp]


def mean_z(sessions: Sequence[SessionRows], counts: Floats, ranks: bool) -> Floats:
    """Fisher's mean over sessions for B samples of patients.

    z̄ = Σ (n_s − 3) artanh(r_s) / Σ (n_s − 3) over the sessions with more than three rows and an r below 1 in size.

    Parameters
    ----------
    sessions : sequence of SessionRows
    counts : ndarray, shape (B, P)
        How often each patient stands in each sample.
    ranks : bool
        Whether r is of ranks, which are taken anew in each sample.

    Returns
    -------
    ndarray, shape (B,)
        NaN where no session of a sample can be used.
    """
    total, weight = np.zeros(len(counts)), np.zeros(len(counts))
    for one in sessions:
        w = counts[:, one.who]
        n = w.sum(axis=1)
        x, y = (_ranks(one.x, w), _ranks(one.y, w)) if ranks else (one.x[None, :], one.y[None, :])
        r = _weighted_r(x, y, w)
        used = (n > 3) & (np.abs(r) < LARGEST)
        total += np.where(used, (n - 3) * np.arctanh(np.where(used, r, 0.0)), 0.0)
        weight += np.where(used, n - 3, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(weight > 0, total / weight, np.nan))


def mean_over(each: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Fisher's mean of the sessions that have an r below 1 in size and more than three rows: ``n``, ``df``, ``r``."""
    used = [one for one in each if one["n"] > 3 and abs(one["r"]) < LARGEST]
    weights = np.array([one["n"] - 3 for one in used], dtype=np.float64)
    found = {"n": sum(one["n"] for one in used), "df": int(weights.sum())}
    if not used:
        return found
    z = np.arctanh([one["r"] for one in used])
    return found | {"r": float(np.tanh(np.average(z, weights=weights)))}


def _without_z(each: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str, int, int], ...]:
    """Pairs with sessions of r = 1 or −1, which has no Fisher z: x, y, how many sessions, how many rows."""
    perfect = [one for one in each if one["n"] > 3 and abs(one["r"]) >= LARGEST]
    pairs = dict.fromkeys((str(one["x"]), str(one["y"])) for one in perfect)
    rows = {pair: [int(one["n"]) for one in perfect if (one["x"], one["y"]) == pair] for pair in pairs}
    return tuple((*pair, len(n), sum(n)) for pair, n in rows.items())


def _ranks(values: Floats, w: Floats) -> Floats:
    """(B, n) midranks of n values that stand w (B, n) times in each sample."""
    below = (values[None, :] < values[:, None]) + 0.5 * (values[None, :] == values[:, None])
    return np.asarray(w @ below.T)


def _weighted_r(x: Floats, y: Floats, w: Floats) -> Floats:
    """(B,) correlation of x and y, (B or 1, n), with frequencies w (B, n); NaN where one does not vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        n = w.sum(axis=1, keepdims=True)
        dx, dy = x - (w * x).sum(axis=1, keepdims=True) / n, y - (w * y).sum(axis=1, keepdims=True) / n
        xx, yy, xy = (w * dx**2).sum(axis=1), (w * dy**2).sum(axis=1), (w * dx * dy).sum(axis=1)
        flat = (xx <= 1e-12 * (w * x**2).sum(axis=1)) | (yy <= 1e-12 * (w * y**2).sum(axis=1))
        return np.asarray(np.where(flat, np.nan, xy / np.sqrt(xx * yy)))


def patient_bootstrap(
    sessions: Sequence[SessionRows], n_patients: int, *, ranks: bool, conf_level: float, n_boot: int, seed: int
) -> dict[str, Any]:
    """Interval and p of the mean correlation over sessions, patients drawn with replacement.

    A patient brings all his sessions, so that r of different sessions hang together as they do. With s the standard
    deviation of z̄ over the samples: limits tanh(z̄ ± t(P − 1)·s), p of t = z̄/s on P − 1 df; the percentile interval is
    too narrow with 22 patients (``tests/simulations/session_mean.txt``).

    Returns
    -------
    dict
        ``conf_low``, ``conf_high``, ``p_value``; NaN with fewer than four patients, or where fewer than half the
        samples can be used.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 6 and 12. Field, C. A., & Welsh, A. H. (2007),
    Journal of the Royal Statistical Society B, 69, 369–390 (clusters).
    """
    from scipy.special import stdtr, stdtrit

    blank = dict.fromkeys(("conf_low", "conf_high", "p_value"), np.nan)
    here = float(mean_z(sessions, np.ones((1, n_patients)), ranks)[0])
    if n_patients < 4 or not np.isfinite(here):
        return blank
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n_patients, np.full(n_patients, 1 / n_patients), size=n_boot).astype(float)
    drawn = mean_z(sessions, counts, ranks)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < n_boot / 2 or np.ptp(drawn) == 0:
        return blank
    spread, df = float(drawn.std(ddof=1)), n_patients - 1
    reach = float(stdtrit(df, 0.5 + conf_level / 2)) * spread
    return {
        "conf_low": float(np.tanh(here - reach)), "conf_high": float(np.tanh(here + reach)),
        "p_value": float(2 * stdtr(df, -abs(here) / spread)),
    }  # fmt: skip


def limits_by_patients(
    both: pd.DataFrame,
    pair: tuple[str, str],
    keys: tuple[str, str],
    method: Literal["pearson", "spearman"],
    conf_level: float,
    n_boot: int,
    seed: int,
) -> dict[str, Any]:
    """Limits and p of the mean r of a pair over sessions; see :func:`patient_bootstrap`.

    Parameters
    ----------
    both : DataFrame
        The rows that have both variables of the `pair` and both `keys`, session and patient.
    """
    import pandas as pd

    (x, y), (session, patient) = pair, keys
    who, people = pd.factorize(both[patient], sort=True)  # the draws do not depend on the order of the rows
    values = [both[name].to_numpy(dtype=float) for name in (x, y)]
    places = both.groupby(session, sort=True, observed=True).indices.values()
    parts = [SessionRows(values[0][at], values[1][at], who[at]) for at in places]
    return patient_bootstrap(
        parts, len(people), ranks=method == "spearman", conf_level=conf_level, n_boot=n_boot, seed=seed
    )


def left_out_notes(
    frame: pd.DataFrame, variables: Sequence[str], patient: str | None, single: list[dict[str, Any]]
) -> tuple[Note, ...]:
    """What no correlation or no mean over sessions holds: rows without a patient, sessions without a Fisher z."""
    notes = []
    nobody = 0 if patient is None else int((frame[patient].isna() & frame[list(variables)].notna().any(axis=1)).sum())
    if nobody:
        notes.append(Note("rows_without_patient", numbers={"n": nobody, "patient": patient}))
    if found := _without_z(single):
        notes.append(Note("sessions_without_z", numbers={"pairs": found}))
    return tuple(notes)
