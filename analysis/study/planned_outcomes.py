"""Design values of an outcome in ordered categories, or counted with spread of its own; never an effect on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from doublecode.analysis.planning.planned_study import PARTS
from doublecode.analysis.study.planned_values import DesignValue, Origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import pandas as pd

BY_MODEL: Final = ("ordinal", "negative-binomial")
"""Families whose base takes a model of the outcome to be told."""
AS_POISSON: Final = 1e6
"""A dispersion beyond which counts are as good as Poisson."""
FEWEST: Final = 10
MOST_SHARE: Final = 0.95


def part_of(name: str) -> str:
    """The part of a plan that a row is of: shares of categories are one part, and a row each.

    Examples
    --------
    >>> part_of("base_2"), part_of("icc_outcome")
    ('base', 'icc_outcome')
    """
    return "base" if name.startswith("base_") else name


def as_rows(part: str, value: float | tuple[float, ...], origin: Origin, source: str) -> list[DesignValue]:
    """A part of a plan in rows, one per category where it is their shares."""
    if not isinstance(value, (tuple, list)):
        return [DesignValue(part, float(value), origin, source)]
    return [DesignValue(f"{part}_{at}", float(one), origin, source) for at, one in enumerate(value, start=1)]


def as_plan(values: Mapping[str, float]) -> dict[str, Any]:
    """Parts of a plan by their rows, shares of categories as one value.

    Examples
    --------
    >>> as_plan({"patients": 20, "base_1": 0.4, "base_2": 0.6})
    {'patients': 20, 'base': (0.4, 0.6)}
    """
    plan: dict[str, Any] = {name: value for name, value in values.items() if part_of(name) == name}
    shares = tuple(value for name, value in values.items() if part_of(name) != name)
    return {**plan, "base": shares} if shares else plan


def last_of_each(values: Iterable[DesignValue]) -> list[DesignValue]:
    """The last value of each row, in the order of a plan."""
    last = {one.part: one for one in values}
    return sorted(last.values(), key=lambda one: PARTS.index(part_of(one.part)))


def stated_values(values: Mapping[str, float | tuple[float, ...]], varied: Collection[str]) -> list[DesignValue]:
    """Parts that the one who asks has stated; of those that are `varied` one of several."""
    rows = [as_rows(name, value, "stated", "varied" if name in varied else "stated") for name, value in values.items()]
    return [one for part in rows for one in part]


def model_values(frame: pd.DataFrame, outcome: str, therapists: int, family: str) -> list[DesignValue]:
    """Base, dispersion and shares of variance by a model of the outcome on the course alone; none of few rows.

    Parameters
    ----------
    frame : DataFrame
        One row per session.
    outcome : str
    therapists : int
        0 where the model has none.
    family : str
        One of `BY_MODEL`.

    Raises
    ------
    DoublecodeError
        The model cannot be fitted.

    Notes
    -----
    The base is that of a patient in the middle at the middle session: the thresholds' shares, or the mean count.
    Shares of variance are those on the scale of the linear predictor (Nakagawa, Johnson & Schielzeth 2017).
    """
    from doublecode.analysis.mixed.generalized.fit import fit_generalized

    groups = ["patient", *(["therapist"] if therapists else [])]
    rows = frame[[outcome, "session", *groups]].dropna()
    if len(rows) < FEWEST or rows["patient"].nunique() == len(rows) or rows[outcome].nunique() < 2:
        return []
    rows = rows.assign(session=rows["session"].astype(float) - rows["session"].astype(float).mean())
    random = " + ".join(f"(1 | {group})" for group in groups)
    found = fit_generalized(f"{outcome} ~ session + {random}", rows, family=family)
    if family == "ordinal":
        below = 1 / (1 + np.exp(-found.thresholds["estimate"].to_numpy()))  # type: ignore[attr-defined]
        base: float | tuple[float, ...] = tuple(map(float, np.diff(below, prepend=0.0, append=1.0)))
        own = np.pi**2 / 3
    else:
        fixed = dict(zip(found.fixed["term"], found.fixed["estimate"], strict=True))
        base = float(np.exp(fixed["Intercept"]))
        own = float(np.log1p(1 / base + 1 / _spread(found.dispersion)))
    values = as_rows("base", base, "data", "by_model")
    if family == "negative-binomial":
        values.append(DesignValue("dispersion", _spread(found.dispersion), "data", "by_model"))
    variances = found.variances.groupby("group", sort=False)["variance"].first()
    total = float(variances.sum()) + own
    names = {"patient": "icc_outcome", "therapist": "icc_therapist"}
    return [*values, *(DesignValue(names[group], min(float(variances[group]) / total, MOST_SHARE), "data", names[group])
                       for group in groups)]  # fmt: skip


def _spread(dispersion: float | None) -> float:
    """φ as it was found, and where counts have no spread beyond Poisson's a large one."""
    return AS_POISSON if dispersion is None or not dispersion < AS_POISSON else float(dispersion)
