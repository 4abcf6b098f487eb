"""From one measure of effect to another, with its variance and limits, and what the way takes for granted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from doublecode.analysis.meta_analysis.effect_measures import Floats, Groups, Measure, Step, back, measure_named, way
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from doublecode.analysis.rendering.tables import Kind

CALLER: Final = "convert_effect"
Numbers = float | Sequence[float] | npt.NDArray[Any] | pd.Series


@dataclass(frozen=True, eq=False, repr=False)
class ConvertedEffect(Answer):
    """Effects on another scale; ``float(result)`` is the estimate where there is one.

    Attributes
    ----------
    spec : dict
        Every argument.
    frame : DataFrame
        One row per effect: ``given``, ``measure`` (what it is now), ``estimate``, ``variance``, ``std_error`` (delta
        method), ``conf_low``, ``conf_high``; NaN where no variance is known.
    design : dict
        ``n_effects``; ``n1``, ``n2``, ``n``.
    notes : tuple of Note
        What each step takes for granted.
    rows : Index
        Labels of the effects.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("given",)

    def __float__(self) -> float:
        return self.estimate

    @property
    def estimate(self) -> float:
        """The effect, where one was given."""
        if len(self.frame) != 1:
            raise UsageError(f"{CALLER}: {len(self.frame)} effects were converted; take .frame['estimate'].")
        return float(self.frame["estimate"].iloc[0])

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the conversion takes for granted, in words."""
        return self.note_texts()

    def tables(self) -> tuple[Table, ...]:
        """One row per effect."""
        source, target = measure_named(self.spec["source"]), measure_named(self.spec["target"])
        kind: Kind = "bounded" if target.bounded else "number"
        columns = (
            column("given", source.heading, kind="bounded" if source.bounded else "number"),
            column("estimate", target.heading, kind=kind), column("std_error", kind="estimate"),
            column("conf_low", level_heading(self.spec["conf_level"]), kind=kind, upper="conf_high"),
        )  # fmt: skip
        return (Table("effect", f"{source.heading} → {target.heading}", self.frame, columns),)


def convert_effect(
    value: Numbers,
    source: str,
    target: str,
    *,
    variance: Numbers | None = None,
    interval: tuple[float, float] | None = None,
    n1: int | None = None,
    n2: int | None = None,
    n: int | None = None,
    conf_level: float = 0.95,
) -> ConvertedEffect:
    r"""Convert an effect among d, g, r, Fisher's z, odds ratio, U3 and common language.

    Steps: :math:`d = \sqrt{a}\,r/\sqrt{1-r^2}` and :math:`r = d/\sqrt{d^2+a}` with
    :math:`a = (n_1+n_2)^2/(n_1 n_2)`, 4 for groups of one size; :math:`z = \mathrm{artanh}\,r`; :math:`g = J d`;
    :math:`U_3 = Φ(d)`, the share of the lower group that the mean of the upper one exceeds;
    :math:`CL = Φ(d/\sqrt2)`, the chance that one of the upper group exceeds one of the lower;
    :math:`\ln OR = π d/\sqrt3`. Others walk over several. Variances go by the delta method; limits are those of the
    measure's own scale (z for r, logarithm for odds ratios, d for U3 and CL), brought back.

    Parameters
    ----------
    value : float or sequence of float, shape (n,)
        The effect. U3 and CL are shares: 69 % is 0.69.
    source, target : str
        ``"d"``, ``"g"``, ``"r"``, ``"z"``, ``"odds_ratio"``, ``"log_odds_ratio"``, ``"u3"``, ``"common_language"``.
    variance : float or sequence of float, optional
        Sampling variance of `value`, squared units of `source`.
    interval : (low, high), optional
        Limits of one `value`, carried over end by end; in place of `variance`.
    n1, n2 : int, optional
        Sizes of the two groups: they decide between d and r, J between d and g, and the variance of a d or g where
        none is given, (n₁+n₂)/(n₁n₂) + d²/(2(n₁+n₂)).
    n : int, optional
        Size of the sample of r or z; gives their variance where none is, (1−r²)²/(n−1) and 1/(n−3).
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    ConvertedEffect
        ``float(result)``, ``.frame``, and ``.notes`` with what each step takes for granted.

    Raises
    ------
    UsageError
        A measure that does not exist, a value out of its range, a slope within patients (which no conversion makes a
        correlation between patients).

    References
    ----------
    Borenstein, Hedges, Higgins & Rothstein (2009), *Introduction to Meta-Analysis*, ch. 4–7. Cohen (1988), *Statistical
    Power Analysis*, p. 23. Hasselblad & Hedges (1995), *Psychological Bulletin* 117. Hedges (1981), *Journal of
    Educational Statistics* 6. McGraw & Wong (1992), *Psychological Bulletin* 111. Ruscio (2008), *Psychological
    Methods* 13.

    Examples
    --------
    Better than about 70 % of those without homework (Kazantzis et al. 2010) is the U3 of d = 0.48:

    >>> round(float(convert_effect(0.48, "d", "u3")), 3)
    0.684
    >>> convert_effect(0.5, "r", "d", variance=0.0058).frame[["estimate", "variance"]].round(4).values.tolist()
    [[1.1547, 0.055]]
    """
    check_conf_level(conf_level, CALLER)
    given, aim = measure_named(source, CALLER), measure_named(target, CALLER)
    values = _values(value, given)
    groups = Groups(_size(n1, "n1"), _size(n2, "n2"))
    if (n1 is None) != (n2 is None):
        raise UsageError(f"{CALLER}: one of n1 and n2 is missing; give both or neither.")
    size = _size(n, "n", 4)
    variances = _variances(variance, values, given, groups, size, interval)
    steps = way(given.name, aim.name, groups, CALLER)
    known = size if given.name == "r" and variance is None and interval is None else None
    estimate, spread = _walk(values, variances, steps, known)
    low, high = _limits(values, variances, given, aim, groups, known, conf_level, interval)
    frame = pd.DataFrame(
        {"given": values, "measure": aim.name, "estimate": estimate, "variance": spread, "std_error": np.sqrt(spread),
         "conf_low": low, "conf_high": high},
        index=value.index if isinstance(value, pd.Series) else None,
    )  # fmt: skip
    spec = {"source": given.name, "target": aim.name, "variance": variance, "interval": interval, "n1": n1, "n2": n2,
            "n": n, "conf_level": conf_level}  # fmt: skip
    counts = {"n_effects": len(values), "n1": n1, "n2": n2, "n": n}
    return ConvertedEffect(spec=spec, frame=frame, design=counts, notes=_assumptions(steps, groups), rows=frame.index)


def _assumptions(steps: tuple[Step, ...], groups: Groups) -> tuple[Note, ...]:
    kinds = dict.fromkeys(step.assumes for step in steps if step.assumes)
    numbers = {"n1": groups.first, "n2": groups.second}
    return tuple(Note(kind, numbers=numbers if kind == "effect_group_sizes" else {}) for kind in kinds)


def _values(value: Numbers, measure: Measure) -> Floats:
    try:
        values = np.atleast_1d(np.asarray(value, dtype=float))
    except (TypeError, ValueError):
        raise UsageError(f"{CALLER}: found {value!r}, allowed a number or several.") from None
    if values.ndim != 1 or not len(values):
        raise UsageError(f"{CALLER}: found an array of shape {values.shape}, allowed a number or one row of them.")
    wrong = values[~((values > measure.low) & (values < measure.high)) & ~np.isnan(values)]
    if len(wrong):
        share = "; shares, not per cent: 69 % is 0.69" if measure.low == 0.0 and measure.high == 1.0 else ""
        raise UsageError(
            f"{CALLER}: {measure.name} is {wrong[0]:g}; it lies between {measure.low:g} and {measure.high:g}, "
            f"without these{share}."
        )
    return values


def _size(n: int | None, name: str, least: int = 2) -> int | None:
    if n is None:
        return None
    if isinstance(n, bool) or not isinstance(n, Integral) or n < least:
        raise UsageError(f"{CALLER}: {name} is {n!r}; a whole number from {least} on.")
    return int(n)


def _variances(
    variance: Numbers | None,
    values: Floats,
    measure: Measure,
    groups: Groups,
    n: int | None,
    interval: tuple[float, float] | None,
) -> Floats:
    """Sampling variances (n,) as given, or by the sizes; NaN where nothing is known."""
    if variance is not None and interval is not None:
        raise UsageError(f"{CALLER}: variance and interval are both given; one of them is enough.")
    if interval is not None:
        _check_interval(interval, values, measure)
        return np.full_like(values, np.nan)
    if variance is not None:
        given = np.broadcast_to(np.asarray(variance, dtype=float), values.shape).copy()
        if (given < 0).any():
            raise UsageError(f"{CALLER}: variance is {given[given < 0][0]:g}; it is from 0 on.")
        return given
    if measure.name in ("d", "g") and groups.first is not None and groups.second is not None:
        factor = groups.correction(CALLER) if measure.name == "g" else 1.0
        n1, n2 = groups.first, groups.second
        d = values / factor
        return np.asarray(factor**2 * ((n1 + n2) / (n1 * n2) + d**2 / (2 * (n1 + n2))))
    if measure.name == "r" and n is not None:
        return np.asarray((1 - values**2) ** 2 / (n - 1))
    if measure.name == "z" and n is not None:
        return np.full_like(values, 1.0 / (n - 3))
    return np.full_like(values, np.nan)


def _check_interval(interval: tuple[float, float], values: Floats, measure: Measure) -> None:
    ends = _values(np.asarray(interval, dtype=float), measure)
    if len(ends) != 2 or len(values) != 1 or not ends[0] <= values[0] <= ends[1]:
        raise UsageError(f"{CALLER}: interval is {interval!r}; two limits, with the one value between them.")


def _walk(values: Floats, variances: Floats, steps: tuple[Step, ...], n: int | None = None) -> tuple[Floats, Floats]:
    """Walk the steps; of an r from `n` people the variance of z is that of Fisher, 1/(n − 3)."""
    for step in steps:
        variances = variances * step.slope(values) ** 2
        values = step.value(values)
        if step.to == "z" and n is not None:
            variances = np.full_like(values, 1.0 / (n - 3))
    return values, variances


def _limits(
    values: Floats,
    variances: Floats,
    given: Measure,
    aim: Measure,
    groups: Groups,
    n: int | None,
    conf_level: float,
    interval: tuple[float, float] | None,
) -> tuple[Floats, Floats]:
    if interval is not None:
        ends = _walk(np.asarray(interval, dtype=float), np.zeros(2), way(given.name, aim.name, groups, CALLER))[0]
        return ends[:1], ends[1:]
    middle, spread = _walk(values, variances, way(given.name, aim.natural, groups, CALLER), n)
    reach = float(ndtri(0.5 + conf_level / 2)) * np.sqrt(spread)
    return back(aim.name, middle - reach, groups), back(aim.name, middle + reach, groups)
