"""The cheapest design once more, its studies drawn anew: of many powers the one that was chosen is too high."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from doublecode.analysis.planning.planned_study import PlannedStudy
from doublecode.analysis.planning.power_result import PowerResult
from doublecode.analysis.planning.simulated_power import EFFECTS, power
from doublecode.analysis.results.spread_work import Progress, Workers
from doublecode.schemas.results import Note

AS_BEFORE: Final = ("scale", "formula", "ddf", "alpha", "studies", "half_width")


def cheapest_again(
    found: PowerResult,
    asked: float = 0.8,
    icc_width: float | None = None,
    *,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> PowerResult:
    """The cheapest design of a grid, and in a note its power by studies that had no say in the choice.

    Parameters
    ----------
    found : PowerResult
        Of a grid.
    asked, icc_width : float
        As of :meth:`PowerResult.cheapest`.
    workers : Workers, optional
    progress : callable, optional

    Notes
    -----
    The design is simulated as before with the next seed; the frame has the studies by which it was chosen.

    Raises
    ------
    UsageError, NotEstimable
        As of :meth:`PowerResult.cheapest`.
    """
    best, spec = found.cheapest(asked, icc_width), found.spec
    seed = spec["seed"] + 1
    vary = {name: best.frame[name].tolist()[:1] for name in spec["vary"]}
    stated = {name: spec[name] for name in EFFECTS if name not in vary}
    how = {name: spec[name] for name in AS_BEFORE}
    again = power(PlannedStudy(**spec["plan"]), **stated, vary=vary, seed=seed, workers=workers, progress=progress,
                  **how).frame  # fmt: skip
    least = again[again["effect"] != 0].sort_values("power", kind="stable").iloc[0]
    numbers = {name: float(least[name]) for name in ("power", "power_low", "power_high")}
    told = Note("power_again", numbers={**numbers, "asked": asked, "seed": seed})
    chosen, *rest = best.notes
    return replace(best, notes=(chosen, told, *rest))
