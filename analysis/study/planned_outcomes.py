"""Design values of an outcome that is done or not, counted, or in ordered categories; never an effect on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from doublecode.analysis.planning.planned_study import PARTS, PlannedStudy
from doublecode.analysis.study.planned_values import DesignValue, Origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import pandas as pd

    from doublecode.analysis.mixed.generalized.result import GeneralizedResult

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
        As of :class:`doublecode.analysis.PlannedStudy`.

    Raises
    ------
    DoublecodeError
        The model cannot be fitted.

    Notes
    -----
    The base is that of a patient in the middle at the middle session: a probability, a mean count, or the shares that
    the thresholds cut off.
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
    plan = PlannedStudy(patients=3, sessions=2, family=family, base=_base(found, family), dispersion=_spread(found))
    values = as_rows("base", plan.base or 0.0, "data", "by_model")
    if plan.dispersion is not None:
        values.append(DesignValue("dispersion", plan.dispersion, "data", "by_model"))
    variances = found.variances.groupby("group", sort=False)["variance"].first()
    total = float(variances.sum()) + plan.residual_variance
    names = {"patient": "icc_outcome", "therapist": "icc_therapist"}
    return [*values, *(DesignValue(names[group], min(float(variances[group]) / total, MOST_SHARE), "data", names[group])
                       for group in groups)]  # fmt: skip


def _base(found: GeneralizedResult, family: str) -> float | tuple[float, ...]:
    """Of a patient in the middle at the middle of the course."""
    if family == "ordinal":
        below = 1 / (1 + np.exp(-found.thresholds["estimate"].to_numpy()))  # type: ignore[attr-defined]
        return tuple(map(float, np.diff(below, prepend=0.0, append=1.0)))
    level = dict(zip(found.fixed["term"], found.fixed["estimate"], strict=True))["Intercept"]
    return float(1 / (1 + np.exp(-level)) if family == "binomial" else np.exp(level))


def _spread(found: GeneralizedResult) -> float | None:
    """φ as it was found, and where counts have no spread beyond Poisson's a large one; None of other families."""
    if found.dispersion is None:
        return None
    return min(float(np.nan_to_num(found.dispersion, nan=AS_POISSON)), AS_POISSON)
