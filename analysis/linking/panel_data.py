"""From a frame of sessions to a panel of two variables, and the regressions that stand beside its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from doublecode.analysis.linking.panel_models import Panel
from doublecode.analysis.linking.splitting import within_between
from doublecode.analysis.mixed.fit import fit_mixed
from doublecode.analysis.mixed.formula_names import quoted
from doublecode.analysis.mixed.model_rows import refuse_infinite, require_columns, require_numbers
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError

if TYPE_CHECKING:
    import pandas as pd

CALLER: Final = "cross_lagged"
FEWEST_SESSIONS, FEWEST_PATIENTS, FEWEST_PAIRS = 3, 8, 8
SINCE, THIS = "since last session", "this session"


@dataclass(frozen=True, eq=False)
class PanelData:
    """The sessions of the patients.

    Attributes
    ----------
    panel : Panel
    data : DataFrame
        The rows with a value of x or y.
    n_given : int
        Rows of the frame.
    x, y, patient, session : str
        Columns.
    trend : bool
        Time is a line, else a mean per session.
    """

    panel: Panel
    data: pd.DataFrame
    n_given: int
    x: str
    y: str
    patient: str
    session: str
    trend: bool

    @property
    def time(self) -> str:
        """Time as a term of a formula."""
        return quoted(self.session) if self.trend else f"C({quoted(self.session)})"


def read_panel(
    data: pd.DataFrame, x: str, y: str, patient: str, session: str, *, trend: bool, y_first: bool,
    error_variance: Mapping[str, float],
) -> PanelData:  # fmt: skip
    """Lay the sessions of every patient side by side, by session number: a session that is not there is missing.

    Raises
    ------
    UsageError
        A column is absent, or x and y are one.
    ContractError
        Values or session numbers are no (whole) numbers, a session stands twice.
    NotEstimable
        Fewer than three sessions, eight patients or eight consecutive sessions of a path; more session numbers empty
        than held; a variable without spread.
    """
    require_columns(data, (patient, session, x, y), CALLER)
    if x == y:
        raise UsageError(f"{CALLER}: x and y are both {x!r}; name two variables.")
    require_numbers(data, (x, y, session), CALLER)
    rows = data[data[[x, y]].notna().any(axis=1)]
    refuse_infinite(rows, (x, y), CALLER)
    _check_keys(rows, patient, session)
    span = int(rows[session].max() - rows[session].min()) + 1 if len(rows) else 0
    if span < FEWEST_SESSIONS or rows[patient].nunique() < FEWEST_PATIENTS:
        raise NotEstimable(
            f"{CALLER}: {rows[patient].nunique()} patients and {span} sessions hold {x} or {y}; "
            f"{FEWEST_PATIENTS} patients and {FEWEST_SESSIONS} sessions are the least."
        )
    _refuse_apart(rows, (x, y), patient, session, y_first=y_first)
    _refuse_gap(rows[session], span)
    numbers = np.arange(rows[session].min(), rows[session].max() + 1)
    by_key = rows.set_index([patient, session])
    wide = {name: by_key[name].unstack(session).reindex(columns=numbers) for name in (x, y)}  # noqa: PD010
    values = [wide[name].to_numpy(dtype=float) for name in (x, y)]
    sd = [float(np.nanstd(one)) for one in values]
    for name, one in zip((x, y), sd, strict=True):
        if not one > 0:
            raise NotEstimable(f"{CALLER}: {name} has the same value in all rows; nothing can lead or follow it.")
    error = _errors(error_variance, (x, y), sd)
    panel = Panel(values[0] / sd[0], values[1] / sd[1], numbers.astype(float), (sd[0], sd[1]), error, y_first)
    return PanelData(panel, rows, len(data), x, y, patient, session, trend)


def _check_keys(rows: pd.DataFrame, patient: str, session: str) -> None:
    if rows[patient].isna().any() or rows[session].isna().any():
        raise ContractError(f"{CALLER}: a row has a value and no {patient} or no {session}; give both.")
    if (rows[session] % 1 != 0).any():
        raise ContractError(f"{CALLER}: {session!r} must hold whole numbers, lags go by them.")
    twice = rows[rows.duplicated([patient, session])]
    if len(twice):
        one = twice.iloc[0]
        raise ContractError(f"{CALLER}: {one[patient]} session {one[session]:g} stands twice; keep one row.")


def _refuse_apart(rows: pd.DataFrame, names: tuple[str, str], patient: str, session: str, *, y_first: bool) -> None:
    """Refuse paths between sessions that nobody has next to each other: the form of the model alone would make them."""
    keys = [patient, session]
    before = rows[[*keys, *names]].assign(**{session: rows[session] + 1})
    for led in names:
        for outcome in names:
            held = rows if y_first and (led, outcome) == (names[1], names[0]) else before
            first, second = held[held[led].notna()][keys], rows[rows[outcome].notna()][keys]
            n = len(second.merge(first, on=keys))
            if n < FEWEST_PAIRS:
                raise NotEstimable(
                    f"{CALLER}: {n} sessions with {outcome} follow one with {led} by number ({session!r}: t and t + 1);"
                    f" {FEWEST_PAIRS} are the least for a path. Number consecutive sessions 1, 2, 3."
                )


def _refuse_gap(sessions: pd.Series[Any], span: int) -> None:
    """Refuse numbers of which more are empty than held: one mistyped number would make hundreds of empty sessions."""
    held = np.unique(sessions.to_numpy(dtype=float))
    if span > 2 * len(held):
        at = int(np.argmax(np.diff(held)))
        raise NotEstimable(
            f"{CALLER}: {len(held)} session numbers hold a value, from {held[0]:g} to {held[-1]:g}; none lies between "
            f"{held[at]:g} and {held[at + 1]:g}. Mend the number, or leave sessions beyond the gap out."
        )


def _errors(given: Mapping[str, float], names: tuple[str, str], sd: list[float]) -> tuple[float, float]:
    if not isinstance(given, Mapping) or any(not isinstance(one, Real) for one in given.values()):
        raise UsageError(
            f"{CALLER}: error_variance is {given!r}; give numbers by variable, such as {{{names[0]!r}: 0.2}}."
        )
    stray = [name for name in given if name not in names]
    if stray:
        raise UsageError(f"{CALLER}: error_variance names {stray[0]!r}; allowed: {names[0]!r} and {names[1]!r}.")
    shares = [float(given.get(name, 0.0)) / one**2 for name, one in zip(names, sd, strict=True)]
    for name, share in zip(names, shares, strict=True):
        if not 0 <= share < 1:
            raise UsageError(
                f"{CALLER}: the error variance of {name} is {given[name]:g}; it lies between 0 and Var({name})."
            )
    return shares[0], shares[1]


def same_interval(panel: PanelData) -> pd.Series[Any]:
    """Slope within patients of y on the x of the same session, time beside it: the association that papers print."""
    rows = panel.data.dropna(subset=[panel.x, panel.y])
    split = within_between(rows, panel.x, by=panel.patient)
    within, between = (quoted(f"{panel.x}_{part}") for part in ("within", "between"))
    formula = f"{quoted(panel.y)} ~ {panel.time} + {within} + {between} + (1 | {quoted(panel.patient)})"
    return _row(fit_mixed(formula, split).frame, f"{panel.x}_within")


def centred_lag(panel: PanelData, outcome: str, predictor: str, lag: int = 1) -> pd.Series[Any]:
    """Slope of an outcome on a predictor before it, with the outcome's own last value, both centred at patients' means.

    The classic way, kept to show its bias: the mean of the outcome holds what came later (Nickell 1981).
    """
    keys = [panel.patient, panel.session]
    table = panel.data[[*keys, outcome, predictor]]
    before = table.assign(**{panel.session: table[panel.session] + 1})
    rows = table[[*keys, outcome]].merge(
        before[[*keys, outcome]].rename(columns={outcome: "own_before"}), on=keys
    )  # fmt: skip
    led = before if lag else table
    rows = rows.merge(led[[*keys, predictor]].rename(columns={predictor: "led_by"}), on=keys).dropna()
    rows = within_between(rows, ["own_before", "led_by"], by=panel.patient)
    formula = f"{quoted(outcome)} ~ {panel.time} + own_before_within + led_by_within + (1 | {quoted(panel.patient)})"
    return _row(fit_mixed(formula, rows).frame, "led_by_within")


def _row(frame: pd.DataFrame, term: str) -> pd.Series[Any]:
    return frame[frame["term"] == term].iloc[0]


def nickell(carry: float, n: float) -> float:
    """The carry-over that a centred lagged outcome tends to, of a true one, with n pairs of sessions per patient.

    ρ + bias, bias = −(1 + ρ)/(n − 1) · k / [1 − 2ρ k/((1 − ρ)(n − 1))], k = 1 − (1 − ρⁿ)/(n(1 − ρ)) (Nickell 1981,
    equation 18). A mean number of pairs lies between two whole ones, of which a carry-over below 0 has powers only.

    Examples
    --------
    >>> round(nickell(0.3, 8), 2), round(nickell(-0.15, 6.9), 2)
    (0.13, -0.27)
    """
    whole = np.array([max(np.floor(n), 2.0), max(np.ceil(n), 2.0)])
    k = 1 - (1 - carry**whole) / (whole * (1 - carry))
    tends = carry - (1 + carry) / (whole - 1) * k / (1 - 2 * carry * k / ((1 - carry) * (whole - 1)))
    return float(tends[0] + (n - np.floor(n)) * (tends[1] - tends[0]))
