"""Which of two variables leads: the same interval, and both directions with stable differences removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from doublecode.analysis.linking.lead_and_lag_result import CrossLagged, Model
from doublecode.analysis.linking.panel_data import (
    CALLER,
    SINCE,
    THIS,
    PanelData,
    centred_lag,
    nickell,
    read_panel,
    same_interval,
)
from doublecode.analysis.linking.panel_models import CARRY_X, CARRY_Y, X_TO_Y, Y_TO_X, ml_sem, ri_clpm
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from doublecode.analysis.linking.path_model import PathFit

Time = Literal["means", "trend"]
Paths = Literal["constant", "by session"]
FEW: Final = 50
COLUMNS = (
    "interval", "predictor", "outcome", "model", "session", "estimate", "std_error", "df", "statistic", "p_value",
    "conf_low", "conf_high", "standardized", "standardized_low", "standardized_high", "reason",
)  # fmt: skip


def cross_lagged(
    data: pd.DataFrame,
    x: str,
    y: str,
    *,
    patient: str = "patient",
    session: str = "session",
    time: Time = "means",
    refers_to: Mapping[str, str] | None = None,
    error_variance: Mapping[str, float] | None = None,
    paths: Paths = "constant",
    conf_level: float = 0.95,
) -> CrossLagged:
    r"""Ask whether x goes before y or y before x, with stable differences between patients removed.

    RI-CLPM (Hamaker, Kuiper & Grasman 2015): x and y are the sum of time, a stable difference between patients, and
    fluctuations p, q within them, with p_t = α p_{t−1} + β q_{t−1} + u_t and q_t = δ q_{t−1} + γ p_{t−1} + v_t.
    Paths and the covariance of (u, v) are the same in all sessions; the first session's covariance is free. ML-SEM
    (Allison, Williams & Moral-Benito 2017): y_t = δ y_{t−1} + γ x_{t−1} + α_i + ε_t with x predetermined, and the
    other way round; it says nothing of how x comes about and needs more patients. Both by full-information maximum
    likelihood over the sessions that are there, by number: gaps and courses of different length are no obstacle. Time
    stands in the model. Standard errors are by the observed information, tests and limits by Student's t on P − 1 df.

    Beside them: the slope of y on the x of the same interval (mixed model, x split within and between), and the
    regressions on a centred lagged outcome, whose carry-over is biased (Nickell 1981).

    Parameters
    ----------
    data : DataFrame
        One row per session; an empty value is missing (at random, given what is there).
    x, y : str
        Two numeric columns.
    patient, session : str
        Columns; sessions are whole numbers, lags go by them.
    time : {"means", "trend"}
        A mean of its own in every session, or a line over the sessions, of each variable.
    refers_to : mapping, optional
        Which interval a variable's value of a session speaks of: ``"since last session"`` or ``"this session"``, by
        variable; without it both speak of the same. Where one speaks of the time before the session and the other of
        the session itself, they have no interval in common, and the later one answers to the earlier one of the same
        session. Name both or none.
    error_variance : mapping, optional
        Known variance of measurement error within patients, in squared units of the variable, such as ``residual_error
        + rater_error`` of ``correct_for_raters(…).reliability``. Without it the error is neglected, and a note says so.
    paths : {"constant", "by session"}
        Paths of their own for every session; refused where there are fewer patients than parameters.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    CrossLagged
        ``.frame`` has a row per question and model, with a reason where a model cannot be run; ``.plot()`` draws it.

    Raises
    ------
    UsageError, ContractError
        Columns, options or values that cannot be.
    NotEstimable
        Too few patients, sessions or pairs of consecutive ones; session numbers with a gap longer than what is held; no
        spread; paths by session with too few patients; RI-CLPM without a maximum.

    Notes
    -----
    1,000 simulated studies, 6 to 12 sessions with gaps, cross paths −.1 and −.2: tests/simulations/cross_lagged.txt.

    References
    ----------
    Hamaker, Kuiper & Grasman (2015), *Psychological Methods* 20. Allison, Williams & Moral-Benito (2017), *Socius* 3.
    Moral-Benito, Allison & Williams (2019), *Applied Economics* 51. Nickell (1981), *Econometrica* 49.
    Falkenström, Solomonov & Rubel (2020), *Counselling and Psychotherapy Research* 20.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> he, phq = np.zeros((80, 6)), np.zeros((80, 6))
    >>> for t in range(1, 6):
    ...     he[:, t] = 0.3 * he[:, t - 1] + rng.normal(size=80)
    ...     phq[:, t] = 0.3 * phq[:, t - 1] - 0.4 * he[:, t - 1] + rng.normal(size=80)
    >>> he, phq = he + rng.normal(size=(80, 1)), phq + rng.normal(size=(80, 1))
    >>> data = pd.DataFrame({"patient": np.repeat(np.arange(80), 6), "session": np.tile(np.arange(1, 7), 80),
    ...                      "he": he.ravel(), "phq9": phq.ravel()})
    >>> result = cross_lagged(data, "he", "phq9")
    >>> led = result.frame[(result.frame["interval"] == "next") & (result.frame["model"] == "RI-CLPM")]
    >>> led[["predictor", "outcome", "estimate"]].round(1).values.tolist()[0]
    ['he', 'phq9', -0.3]
    """
    check_conf_level(conf_level, CALLER)
    _check_options(time, paths)
    data = as_pandas(data)
    swapped, y_first = _order({} if refers_to is None else refers_to, x, y)
    first, second = (y, x) if swapped else (x, y)
    known = {} if error_variance is None else error_variance
    panel = read_panel(
        data, first, second, patient, session, trend=time == "trend", y_first=y_first, error_variance=known
    )  # fmt: skip
    spec = {"x": x, "y": y, "patient": patient, "session": session, "time": time, "refers_to": dict(refers_to or {}),
            "error_variance": dict(known), "paths": paths, "conf_level": conf_level}  # fmt: skip
    return _answered(panel, spec)


def _check_options(time: str, paths: str) -> None:
    if time not in ("means", "trend"):
        raise UsageError(f"{CALLER}: time is {time!r}; allowed: 'means' (one per session) and 'trend' (a line).")
    if paths not in ("constant", "by session"):
        raise UsageError(f"{CALLER}: paths is {paths!r}; allowed: 'constant' and 'by session'.")


def _order(refers_to: Mapping[str, str], x: str, y: str) -> tuple[bool, bool]:
    """Whether x and y change places so that y is the earlier one, and whether one is earlier within a session."""
    if not isinstance(refers_to, Mapping):
        raise UsageError(f"{CALLER}: refers_to is {refers_to!r}; give a mapping such as {{{x!r}: {THIS!r}}}.")
    for name, said in refers_to.items():
        if name not in (x, y) or said not in (SINCE, THIS):
            raise UsageError(
                f"{CALLER}: refers_to has {name!r}: {said!r}; allowed are {x!r} and {y!r} with {SINCE!r} or {THIS!r}."
            )
    if len(refers_to) == 1:
        silent = y if x in refers_to else x
        raise UsageError(
            f"{CALLER}: refers_to speaks of one variable, so that nothing follows from it. Say of {silent!r}, too, "
            f"whether it speaks of {SINCE!r} or {THIS!r}."
        )
    if not refers_to or refers_to[x] == refers_to[y]:
        return False, False
    return refers_to[x] == SINCE, True


def _answered(panel: PanelData, spec: dict[str, Any]) -> CrossLagged:
    by_session = spec["paths"] == "by session"
    if by_session:
        _refuse_by_session(panel)
    fit = ri_clpm(panel.panel, trend=panel.trend, by_session=by_session)
    if not fit.converged:
        raise NotEstimable(
            f"{CALLER}: the likelihood of the RI-CLPM of {panel.x} and {panel.y} has no maximum inside: "
            f"{len(panel.panel.x)} patients do not carry it. Use time='trend', or more patients."
        )
    rows = [*_of_ri_clpm(panel, fit, spec, by_session=by_session), *_of_others(panel)]
    answer = _Scale(panel, spec["conf_level"])
    frame = pd.DataFrame([answer.completed(row) for row in rows], columns=list(COLUMNS))
    frame = frame.iloc[np.argsort([_place(row, spec) for row in rows], kind="stable")].reset_index(drop=True)
    return CrossLagged(
        spec=spec, frame=frame, variances=_variances(panel, fit), design=_design(panel, fit),
        notes=_notes(panel, fit, spec, frame), rows=panel.data.index,
    )  # fmt: skip


def _place(row: dict[str, Any], spec: dict[str, Any]) -> int:
    """Place of a question in the table: the same interval, x → next y, y → next x, carry-over."""
    x, y = spec["x"], spec["y"]
    questions = [("same", x, y), ("next", x, y), ("next", y, x), ("next", x, x), ("next", y, y)]
    return questions.index((row["interval"], row["predictor"], row["outcome"]))


def _refuse_by_session(panel: PanelData) -> None:
    P, T = panel.panel.x.shape
    n = 4 * (T - 1) + 9 + (4 if panel.trend else 2 * T)
    if n > P:
        raise NotEstimable(
            f"{CALLER}: paths of their own for each of {T} sessions make {n} parameters, and there are {P} patients. "
            "Use paths='constant', or as many patients as parameters at the least."
        )


_ROWS = ((X_TO_Y, 0, 1), (Y_TO_X, 1, 0), (CARRY_X, 0, 0), (CARRY_Y, 1, 1))


def _of_ri_clpm(panel: PanelData, fit: PathFit, spec: dict[str, Any], *, by_session: bool) -> list[dict[str, Any]]:
    names, scale = (panel.x, panel.y), panel.panel.scale
    ends = [f" [{t:g}]" for t in panel.panel.times[1:]] if by_session else [""]
    rows = [_contemporaneous(panel, fit, spec)]
    for path, of, to in _ROWS:
        for t, end in enumerate(ends, 1):
            unit = scale[to] / scale[of]
            error = float(np.sqrt(fit.covariance([path + end])[0, 0]))
            at = panel.panel.times[t] if by_session else np.nan
            rows.append({"interval": "next", "predictor": names[of], "outcome": names[to], "model": Model.RI_CLPM,
                         "session": at, "estimate": fit[path + end] * unit, "std_error": error * unit})  # fmt: skip
    return rows


def _contemporaneous(panel: PanelData, fit: PathFit, spec: dict[str, Any]) -> dict[str, Any]:
    """Slope of the innovation of y on that of x: ω_xy/ω_xx, by the delta method."""
    row = {"interval": "same", "predictor": spec["x"], "outcome": spec["y"], "model": Model.RI_CLPM}
    if panel.panel.y_first:
        return row | {"reason": _APART}
    both, own = fit["ω_xy"], fit["ω_xx"]
    jacobian = np.array([1 / own, -both / own**2])
    error = float(np.sqrt(jacobian @ fit.covariance(["ω_xy", "ω_xx"]) @ jacobian))
    unit = panel.panel.scale[1] / panel.panel.scale[0]
    return {**row, "estimate": both / own * unit, "std_error": error * unit}


_APART = "the two speak of different intervals"


def _of_others(panel: PanelData) -> list[dict[str, Any]]:
    x, y, first = panel.x, panel.y, panel.panel.y_first
    rows: list[dict[str, Any]] = []
    if not first:
        rows.append(_tried({"interval": "same", "predictor": x, "outcome": y, "model": Model.MIXED},
                           lambda: _estimates(same_interval(panel))))  # fmt: skip
    turned = replace(panel, panel=panel.panel.turned(), x=y, y=x)
    for one, lag in ((panel, 1), (turned, 0 if first else 1)):
        row = {"interval": "next", "predictor": one.x, "outcome": one.y}
        rows.append(_tried({**row, "model": Model.ML_SEM}, _ml_sem(one, lag)))
        rows.append(_tried({**row, "model": Model.CENTRED}, _centred(one, lag)))
    return rows


def _centred(panel: PanelData, lag: int) -> Callable[[], dict[str, Any]]:
    return lambda: _estimates(centred_lag(panel, panel.y, panel.x, lag))


def _ml_sem(panel: PanelData, lag: int) -> Callable[[], dict[str, Any]]:
    def fitted() -> dict[str, Any]:
        P, T = panel.panel.x.shape
        if 2 * (2 * T - 1) >= P:
            raise NotEstimable(f"{P} patients are fewer than twice the {2 * T - 1} variables of {T} sessions")
        fit = ml_sem(panel.panel, trend=panel.trend, lag=lag)
        if not fit.converged:
            raise NotEstimable("the likelihood has no maximum inside")
        unit = panel.panel.scale[1] / panel.panel.scale[0]
        error = float(np.sqrt(fit.covariance([X_TO_Y])[0, 0]))
        return {"estimate": fit[X_TO_Y] * unit, "std_error": error * unit}

    return fitted


def _tried(row: dict[str, Any], compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return row | compute()
    except NotEstimable as reason:
        return row | {"reason": str(reason)}


def _estimates(row: pd.Series[Any]) -> dict[str, Any]:
    return {name: float(row[name]) for name in ("estimate", "std_error", "df", "statistic", "p_value")}


@dataclass(frozen=True)
class _Scale:
    """Completes rows: tests, limits, and the path in standard deviations within patients."""

    panel: PanelData
    conf_level: float

    def completed(self, row: dict[str, Any]) -> dict[str, Any]:
        """Add what follows from estimate and standard error."""
        if "estimate" not in row:
            return {"reason": "", **dict.fromkeys(COLUMNS[4:-1], np.nan), **row}
        df = row.get("df", float(len(self.panel.panel.x) - 1))
        t = row["estimate"] / row["std_error"]
        half = float(stdtrit(df, 0.5 + self.conf_level / 2)) * row["std_error"]
        unit = self._sd(row["predictor"]) / self._sd(row["outcome"])
        low, high = row["estimate"] - half, row["estimate"] + half
        made = {"session": np.nan, "df": df, "statistic": t, "p_value": float(2 * stdtr(df, -abs(t))), "conf_low": low,
                "conf_high": high, "standardized": row["estimate"] * unit, "standardized_low": low * unit,
                "standardized_high": high * unit, "reason": ""}  # fmt: skip
        return made | row

    def _sd(self, name: str) -> float:
        rows = self.panel.data.dropna(subset=[name])
        off = rows[name] - rows.groupby(self.panel.patient, observed=True)[name].transform("mean")
        return float(np.sqrt((off**2).sum() / max(len(rows) - rows[self.panel.patient].nunique(), 1)))


def _variances(panel: PanelData, fit: PathFit) -> pd.DataFrame:
    groups = {"ψ": "between patients", "φ": "first session", "ω": "later sessions"}
    names, scale = {"x": panel.x, "y": panel.y}, dict(zip("xy", panel.panel.scale, strict=True))
    rows = []
    for name in fit.names:
        kind, _, pair = name.partition("_")
        if kind in groups:
            unit = scale[pair[0]] * scale[pair[1]]
            error = float(np.sqrt(fit.covariance([name])[0, 0])) * unit
            rows.append({"group": groups[kind], "first": names[pair[0]], "second": names[pair[1]],
                         "estimate": fit[name] * unit, "std_error": error})  # fmt: skip
    return pd.DataFrame(rows)


def _design(panel: PanelData, fit: PathFit) -> dict[str, Any]:
    seen = ~np.isnan(panel.panel.x), ~np.isnan(panel.panel.y)
    counts = sum(one.sum() for one in seen)
    per = (seen[0] | seen[1]).sum(axis=1)
    units = sum(float(one.sum() * np.log(sd)) for one, sd in zip(seen, panel.panel.scale, strict=True))
    return {
        "n_given": panel.n_given, "n_rows": len(panel.data), "n_patients": len(per), "n_sessions": panel.panel.n_times,
        "sessions_per_patient": (int(per.min()), int(per.max())), "n_values": int(counts),
        "n_parameters": len(fit.theta) + len(fit.beta), "loglik": fit.loglik - units,
    }  # fmt: skip


def _notes(panel: PanelData, fit: PathFit, spec: dict[str, Any], frame: pd.DataFrame) -> tuple[Note, ...]:
    P, _T = panel.panel.x.shape
    notes = [Note("cross_lagged", numbers={"time": spec["time"]})]
    neglected = tuple(name for name in (spec["x"], spec["y"]) if not spec["error_variance"].get(name))
    if neglected:
        notes.append(Note("cross_lagged_error_neglected", numbers={"names": neglected}))
    if panel.panel.y_first:
        notes.append(Note("cross_lagged_order", numbers={"first": panel.y, "second": panel.x}))
    if P < FEW:
        widest = float((frame["conf_high"] - frame["conf_low"])[frame["model"] == Model.RI_CLPM].max())
        notes.append(Note("cross_lagged_few", numbers={"n": P, "width": widest}))
    if fit["ψ_xx"] <= 0 or fit["ψ_yy"] <= 0 or fit["ψ_xx"] * fit["ψ_yy"] < fit["ψ_xy"] ** 2:
        notes.append(Note("cross_lagged_inadmissible"))
    pairs = float((~np.isnan(panel.panel.y)).sum(axis=1).mean()) - 1
    for name, path in ((panel.x, CARRY_X), (panel.y, CARRY_Y)):
        carry = fit[path] if spec["paths"] == "constant" else np.nan
        if abs(carry) < 1 and pairs > 1:
            numbers = {"carry": carry, "tends_to": nickell(carry, pairs), "pairs": pairs}
            notes.append(Note("nickell_bias", name, numbers))
    return tuple(notes)
