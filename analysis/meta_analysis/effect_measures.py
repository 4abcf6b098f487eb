"""The measures of an effect and the ways between them: formula, derivative, and what each way takes for granted.

Every way is one step between neighbours; a conversion walks from one measure to another over them, carries the
variance along by the delta method and collects what the steps assume.

==================  =====================================  ==============================================
step                formula                                source
==================  =====================================  ==============================================
r → z               z = artanh r                           Fisher (1921)
r → d               d = √a · r / √(1 − r²)                 Borenstein et al. (2009, ch. 7)
d → g               g = J d, J = Γ(m/2)/(√(m/2) Γ(m/2−½))  Hedges (1981), m = n₁ + n₂ − 2
d → U3              Φ(d)                                   Cohen (1988, p. 23)
d → common language Φ(d / √2)                              McGraw & Wong (1992); A of Ruscio (2008)
d → log odds ratio  d π / √3                               Hasselblad & Hedges (1995)
==================  =====================================  ==============================================

with a = (n₁ + n₂)² / (n₁ n₂), 4 for groups of one size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, ndtr, ndtri

from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A measure of effect.

    Parameters
    ----------
    name, heading : str
        As a call names it, and as a table does.
    low, high : float
        Ends of its range, which do not belong to it.
    natural : str
        The measure on whose scale its limits are symmetric.
    bounded : bool
        Whether it cannot exceed 1.
    """

    name: str
    heading: str
    low: float
    high: float
    natural: str
    bounded: bool = False


_INF: Final = math.inf
MEASURES: Final[dict[str, Measure]] = {
    one.name: one
    for one in (
        Measure("d", "*d*", -_INF, _INF, "d"),
        Measure("g", "*g*", -_INF, _INF, "g"),
        Measure("r", "*r*", -1.0, 1.0, "z", bounded=True),
        Measure("z", "Fisher’s *z*", -_INF, _INF, "z"),
        Measure("odds_ratio", "OR", 0.0, _INF, "log_odds_ratio"),
        Measure("log_odds_ratio", "log OR", -_INF, _INF, "log_odds_ratio"),
        Measure("u3", "U₃", 0.0, 1.0, "d", bounded=True),
        Measure("common_language", "CL", 0.0, 1.0, "d", bounded=True),
    )
}
_ALSO: Final = {
    "cohen_d": "d", "smd": "d", "hedges_g": "g", "pearson_r": "r", "correlation": "r", "fisher_z": "z", "zcor": "z",
    "or": "odds_ratio", "lor": "log_odds_ratio", "log_or": "log_odds_ratio", "logor": "log_odds_ratio",
    "cohen_u3": "u3", "cl": "common_language", "cles": "common_language", "a": "common_language",
    "auc": "common_language", "probability_of_superiority": "common_language",
}  # fmt: skip
SLOPES: Final = frozenset(
    ["b", "beta", "slope", "within", "within_slope", "slope_within", "within_patient_slope", "within_patient",
     "within_r", "r_within"]
)  # fmt: skip
"""Names under which somebody may hand over what no conversion exists for."""


def measure_named(name: object, caller: str = "convert_effect") -> Measure:
    """Find a measure by its name, whatever its case, blanks or hyphens.

    Raises
    ------
    UsageError
        There is no such measure, or it is a slope.

    Examples
    --------
    >>> measure_named("Odds ratio").name, measure_named("U3").name
    ('odds_ratio', 'u3')
    """
    key = str(name).strip().lower().replace("'s", "").replace("’s", "")
    key = "_".join(key.replace("-", " ").replace("_", " ").split())
    if key in SLOPES:
        raise UsageError(
            f"{caller}: {name!r} is a slope, and no conversion makes it a d or a correlation between patients: a slope "
            "within patients says how sessions of one patient differ, the r of a meta-analysis how patients do, and "
            "either may be anything while the other is 0. Take the correlation of patient means with the outcome."
        )
    found = MEASURES.get(_ALSO.get(key, key))
    if found is None:
        raise UsageError(f"{caller}: there is no measure {name!r}; {allowed(key, MEASURES)}.")
    return found


@dataclass(frozen=True)
class Groups:
    """Sizes of two groups; None where nobody said."""

    first: int | None = None
    second: int | None = None

    @property
    def known(self) -> bool:
        """Whether both are given."""
        return self.first is not None and self.second is not None

    @property
    def ratio(self) -> float:
        """The factor (n₁ + n₂)² / (n₁ n₂) between d and r; 4 for groups of one size."""
        if self.first is None or self.second is None:
            return 4.0
        return (self.first + self.second) ** 2 / (self.first * self.second)

    def correction(self, caller: str) -> float:
        """Hedges' J, by which d of small samples is too large.

        Examples
        --------
        >>> round(Groups(50, 50).correction("pool"), 4)
        0.9923
        """
        if self.first is None or self.second is None:
            raise UsageError(f"{caller}: between d and g stands J, which needs both group sizes. Give n1= and n2=.")
        m = self.first + self.second - 2
        return math.exp(float(gammaln(m / 2)) - float(gammaln((m - 1) / 2)) - 0.5 * math.log(m / 2))


@dataclass(frozen=True)
class Step:
    """One way between neighbours.

    Parameters
    ----------
    to : str
        The measure it leads to.
    value, slope : callable
        Both take values (n,), and give those of `to` and their derivative.
    assumes : str
        Kind of the note that says what it takes for granted; empty for a mere change of scale.
    """

    to: str
    value: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    assumes: str = ""


_LOGISTIC: Final = math.pi / math.sqrt(3.0)
_ROOT2: Final = math.sqrt(2.0)


def _density(x: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * x**2) / math.sqrt(2.0 * math.pi))


def _constant(number: float) -> Callable[[Floats], Floats]:
    return lambda x: np.full_like(x, number)


def steps_from(name: str, groups: Groups, caller: str = "convert_effect") -> tuple[Step, ...]:
    """Every way that leads from a measure to a neighbour."""
    root = math.sqrt(groups.ratio)
    by_size = "effect_group_sizes" if groups.known else "effect_equal_groups"
    if name == "d":
        return (
            Step("r", lambda d: d / np.sqrt(d**2 + root**2), lambda d: root**2 / (d**2 + root**2) ** 1.5, by_size),
            Step("g", lambda d: groups.correction(caller) * d, lambda d: np.full_like(d, groups.correction(caller)),
                 "effect_small_samples"),
            Step("u3", ndtr, _density, "effect_normal_u3"),
            Step("common_language", lambda d: ndtr(d / _ROOT2), lambda d: _density(d / _ROOT2) / _ROOT2,
                 "effect_normal_cl"),
            Step("log_odds_ratio", lambda d: _LOGISTIC * d, _constant(_LOGISTIC), "effect_logistic"),
        )  # fmt: skip
    one: dict[str, tuple[Step, ...]] = {
        "g": (Step("d", lambda g: g / groups.correction(caller),
                   lambda g: np.full_like(g, 1 / groups.correction(caller)), "effect_small_samples"),),
        "r": (Step("z", np.arctanh, lambda r: 1 / (1 - r**2)),
              Step("d", lambda r: root * r / np.sqrt(1 - r**2), lambda r: root / (1 - r**2) ** 1.5, by_size)),
        "z": (Step("r", np.tanh, lambda z: 1 - np.tanh(z) ** 2),),
        "u3": (Step("d", ndtri, lambda u: 1 / _density(ndtri(u)), "effect_normal_u3"),),
        "common_language": (Step("d", lambda p: _ROOT2 * ndtri(p), lambda p: _ROOT2 / _density(ndtri(p)),
                                 "effect_normal_cl"),),
        "log_odds_ratio": (Step("odds_ratio", np.exp, np.exp),
                           Step("d", lambda x: x / _LOGISTIC, _constant(1 / _LOGISTIC), "effect_logistic")),
        "odds_ratio": (Step("log_odds_ratio", np.log, lambda x: 1 / x),),
    }  # fmt: skip
    return one[name]


def way(source: str, target: str, groups: Groups, caller: str = "convert_effect") -> tuple[Step, ...]:
    """The steps from one measure to another; none where they are the same.

    Examples
    --------
    >>> [step.to for step in way("r", "odds_ratio", Groups())]
    ['d', 'log_odds_ratio', 'odds_ratio']
    """
    open_ways: list[tuple[str, tuple[Step, ...]]] = [(source, ())]
    seen = {source}
    while open_ways:
        place, taken = open_ways.pop(0)
        if place == target:
            return taken
        for step in steps_from(place, groups, caller):
            if step.to not in seen:
                seen.add(step.to)
                open_ways.append((step.to, (*taken, step)))
    raise UsageError(f"{caller}: no way leads from {source!r} to {target!r}.")


def back(name: str, values: Floats, groups: Groups | None = None) -> Floats:
    """Values (n,) of the measure that is `name`'s own scale, on the scale of `name`: Fisher's z as r."""
    for step in way(MEASURES[name].natural, name, groups or Groups()):
        values = step.value(values)
    return values
