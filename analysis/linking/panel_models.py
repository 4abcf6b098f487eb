"""Two models of two variables that lead one another, as structural models of the sessions of a patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.linking.path_model import Floats, PathFit, PathModel, fit_paths, read_blocks

CARRY_X, CARRY_Y, X_TO_Y, Y_TO_X = "x → next x", "y → next y", "x → next y", "y → next x"


@dataclass(frozen=True, eq=False)
class Panel:
    """Two variables over the sessions of patients, each in units of its standard deviation.

    Attributes
    ----------
    x, y : ndarray
        (P, T), NaN where missing.
    times : ndarray
        (T,) session numbers, without gaps.
    scale : tuple of float
        Standard deviations of x and y.
    error : tuple of float
        Known error variances in these units.
    y_first : bool
        The y of a session covers what was before its x, so that x answers to the y of the same session.
    """

    x: Floats
    y: Floats
    times: Floats
    scale: tuple[float, float]
    error: tuple[float, float]
    y_first: bool = False

    @property
    def n_times(self) -> int:
        """Sessions, T."""
        return int(self.x.shape[1])

    def turned(self) -> Panel:
        """The panel with x and y in each other's place; of variables of one interval only."""
        return Panel(self.y, self.x, self.times, self.scale[::-1], self.error[::-1])


def mean_design(times: Floats, seen: npt.NDArray[np.bool_], trend: bool) -> Floats:
    """Design (p, m) of the means of two variables: one per session, or a line for each."""
    T = len(times)
    if not trend:
        return np.eye(2 * T)[seen][:, seen]
    line = np.column_stack([np.ones(T), times - times.mean()])
    return np.kron(np.eye(2), line)[seen]


def _seen(scores: Floats) -> npt.NDArray[np.bool_]:
    """Columns that hold a number."""
    return np.asarray((~np.isnan(scores)).any(axis=0), dtype=np.bool_)


def ri_clpm(panel: Panel, *, trend: bool, by_session: bool = False) -> PathFit:
    """Fit the random-intercept cross-lagged panel model.

    x_t = μ_xt + κ + p_t, y_t = μ_yt + ω + q_t; (κ, ω) stable differences between patients, free covariance;
    p_t = α p_{t−1} + β q_{t−1} + u_t, q_t = δ q_{t−1} + γ p_{t−1} + v_t with the same paths and the same covariance of
    (u, v) in all sessions after the first, whose (p₁, q₁) have a covariance of their own (Hamaker, Kuiper & Grasman
    2015). Where y comes first within a session, p_t answers to q_t and u, v are uncorrelated.
    """
    T = panel.n_times
    seen = _seen(np.column_stack([panel.x, panel.y]))
    loading = np.zeros((2 * T, 2 + 2 * T))
    loading[:T, 0] = loading[T:, 1] = 1.0
    loading[:, 2:] = np.eye(2 * T)
    model = PathModel(2 + 2 * T, loading[seen], mean_design(panel.times, seen, trend))
    for t in range(1, T):
        end = f" [{panel.times[t]:g}]" if by_session else ""
        p, q, before, earlier = 2 + t, 2 + T + t, 1 + t, 1 + T + t
        model.path(p, before, CARRY_X + end)
        model.path(p, q if panel.y_first else earlier, Y_TO_X + end)
        model.path(q, earlier, CARRY_Y + end)
        model.path(q, before, X_TO_Y + end)
    _add_covariances(model, T, correlated=not panel.y_first)
    scores = np.column_stack([panel.x, panel.y])[:, seen]
    error = np.repeat(panel.error, T)[seen]
    starts = [_start(model, *guess) for guess in ((0.4, 0.2), (0.15, 0.4), (0.6, 0.0))]
    return fit_paths(model, read_blocks(scores), starts, error)


def _add_covariances(model: PathModel, T: int, *, correlated: bool) -> None:
    model.covariance(0, 0, "ψ_xx")
    model.covariance(1, 0, "ψ_xy")
    model.covariance(1, 1, "ψ_yy")
    for t in range(T):
        name = "φ" if t == 0 else "ω"
        model.covariance(2 + t, 2 + t, f"{name}_xx")
        model.covariance(2 + T + t, 2 + T + t, f"{name}_yy")
        if t == 0 or correlated:
            model.covariance(2 + T + t, 2 + t, f"{name}_xy")


def _start(model: PathModel, share: float, carry: float) -> Floats:
    """Standardised start: `share` of the variance between patients, carry-over `carry`, nothing else."""
    values = {"ψ_xx": share, "ψ_yy": share, "φ_xx": 1 - share, "φ_yy": 1 - share}
    values |= dict.fromkeys(("ω_xx", "ω_yy"), (1 - share) * (1 - carry**2))
    paths = {CARRY_X: carry, CARRY_Y: carry}
    return np.array([values.get(name, paths.get(name.partition(" [")[0], 0.0)) for name in model.names])


def ml_sem(panel: Panel, *, trend: bool, lag: int = 1) -> PathFit:
    """Fit the dynamic panel model of y with predetermined x by maximum likelihood.

    y_t = δ y_{t−1} + γ x_{t−lag} + α + time + ε_t: α covaries freely with y₁ and every x, these freely with one
    another, and ε_s with every x after s, since x may answer to y (Allison, Williams & Moral-Benito 2017). Var(ε) is
    the same in all sessions. Nothing is said of how x comes about.
    """
    T = panel.n_times
    n_x = T if lag == 0 else T - 1
    q = T + n_x + 1
    both = np.column_stack([panel.y, panel.x[:, :n_x]])
    seen = _seen(both)
    design = mean_design(panel.times, np.ones(2 * T, dtype=bool), trend)[: T + n_x][seen]
    model = PathModel(q, np.eye(q)[:-1][seen], design[:, np.abs(design).sum(axis=0) > 0])
    for t in range(1, T):
        model.path(t, t - 1, CARRY_Y)
        model.path(t, T + t - lag, X_TO_Y)
        model.fixed[t, q - 1] = 1.0
        model.covariance(t, t, "ε")
    outside = [0, *(T + t for t in range(n_x) if seen[T + t])]
    outside += [T + t for t in range(n_x) if not seen[T + t]]
    for i, a in enumerate(outside):
        for b in outside[: i + 1]:
            model.covariance(a, b, f"σ_{max(a, b)}_{min(a, b)}")
        model.covariance(q - 1, a, f"α_{a}")
    model.covariance(q - 1, q - 1, "α")
    for s in range(1, T):
        for t in range(s + 1, n_x):
            model.covariance(T + t, s, f"ε_{s}_{t}")
    scores, error = both[:, seen], np.r_[np.full(T, panel.error[1]), np.full(n_x, panel.error[0])][seen]
    return fit_paths(model, read_blocks(scores), [_start_ml(model, share) for share in (0.2, 0.4)], error)


def _start_ml(model: PathModel, share: float) -> Floats:
    values = {"ε": 0.9 - share, "α": share / 2, CARRY_Y: 0.2, X_TO_Y: 0.0}
    out = []
    for name in model.names:
        kind, _, rest = name.partition("_")
        if kind == "σ":
            a, b = rest.split("_")
            out.append(1.0 if a == b else share)
        else:
            out.append(values.get(name, share / 2 if kind == "α" else 0.0))
    return np.array(out)
