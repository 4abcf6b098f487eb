"""The answer of :func:`doublecode.analysis.power`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Column, Table, column, level_heading
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADINGS: Final = {
    "patients": "Patients", "sessions": "Sessions", "therapists": "Therapists", "raters": "Raters",
    "double": "Coded twice", "icc_rating": "ICC of a rating", "dropout": "Drop-out", "lost": "Lost sessions",
}  # fmt: skip
EFFECTS: Final = {"within": "within patients", "between": "between patients"}


@dataclass(frozen=True, eq=False, repr=False)
class PowerResult(Answer):
    """Power of planned studies, a row per study and effect.

    Attributes
    ----------
    spec : dict
        Every argument; ``plan`` as a mapping.
    frame : DataFrame
        What was varied; ``term``; ``effect`` as stated and ``slope``, the same in standard deviations; ``power`` with
        Wilson limits ``power_low, power_high`` of the simulation (95 %); ``mean_estimate`` and ``width``
        (median width of the confidence interval), both in the unit of ``slope``, so that what rating error takes is
        seen; ``failed, singular`` (shares of the studies), ``studies``, ``hours`` of rating, ``icc_width`` (median
        width of the interval of ICC(A,1) of one rating by the sessions coded twice; NaN without any).
    design : dict
        ``n_cells``, ``n_studies`` (all that were drawn), ``n_rows`` of the plan.
    notes : tuple of Note
    rows : Index
        Rows of the plan that is not varied.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("term",)

    def tables(self) -> tuple[Table, ...]:
        """Power and what the estimates will be like."""
        varied = [column(name, _heading(name), kind="count") for name in self.spec["vary"]]
        shown = self.frame.assign(term=self.frame["term"].map(EFFECTS))
        columns = (
            *varied, column("term", "Effect", kind="text"), column("effect", self._scale_heading(), kind="number"),
            column("power", "Power", kind="bounded"),
            Column("power_low", level_heading(0.95), "bounded", upper="power_high"),
            column("slope", "Slope", kind="number"), column("mean_estimate", "*M* of estimates", kind="number"),
            column("width", f"Width of the {100 * self.spec['conf_level']:g}% CI", kind="number"),
            column("failed", "Failed", kind="percent", digits=1),
            column("singular", "Singular", kind="percent", digits=1), column("studies", "Studies", kind="count"),
        )  # fmt: skip
        if self.spec["plan"]["raters"] or "raters" in self.spec["vary"]:
            columns += (column("hours", "Hours of rating", kind="number", digits=0),)
        if self.frame["icc_width"].notna().any():
            columns += (column("icc_width", "Width of the ICC’s CI", kind="bounded"),)
        return (Table("power", f"Power at α = {self.spec['alpha']:g}, {self.spec['formula']}", shown, columns),)

    def _scale_heading(self) -> str:
        return {"r": "Stated: *r*", "sd": "Stated: *SD*", "f2": "Stated: *f*²"}[self.spec["scale"]]

    def counted(self) -> str:
        """Say the plan that all rows share."""
        plan, varied = self.spec["plan"], self.spec["vary"]
        told = ", ".join(f"{name} {value:g}" for name, value in plan.items() if value and name not in varied)
        return f"{told}; slopes: standard deviations of the outcome per standard deviation of true scores of that level"

    def cheapest(self, power: float = 0.8, icc_width: float | None = None) -> PowerResult:
        """The cheapest of the simulated designs that does what is asked for; a note says of how many.

        Parameters
        ----------
        power : float
            Of every effect that is not 0.
        icc_width : float, optional
            Most width of the interval of the ICC.

        Raises
        ------
        UsageError
            Nothing was varied, or a power that is no share.
        NotEstimable
            None of them does it; the message names the nearest.

        Notes
        -----
        Costs are hours of rating; without raters, sessions. Power is as simulated: near the limit asked for, its Monte
        Carlo limits say how sure it is.
        """
        if not self.spec["vary"]:
            raise UsageError("cheapest: nothing was varied; give vary={'patients': [20, 30, 40]}.")
        if not 0 < power < 1:
            raise UsageError(f"cheapest: power is {power!r}; allowed: above 0 and below 1.")
        found = cheapest_rows(self.frame, list(self.spec["vary"]), self.spec["plan"], power, icc_width)
        told = Note("power_cheapest", numbers={"n": self.design["n_cells"], "power": power, "width": icc_width})
        return replace(self, frame=found, notes=(told, *self.notes))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw power over what was varied, with limits of the simulation: a curve, or one per value of the second.

        Raises
        ------
        UsageError
            Nothing was varied, or two effects were asked for, which are two figures.
        """
        from doublecode.analysis.rendering.power_figures import power_curve

        varied = list(self.spec["vary"])
        if not varied:
            raise UsageError("plot: nothing was varied; give vary={'patients': [20, 30, 40]}.")
        if len(set(self.frame["term"])) > 1:
            raise UsageError("plot: two effects are two figures; state one of within and between.")
        return power_curve(self.frame, varied, [_heading(name) for name in varied], ax=ax)


def cheapest_rows(
    frame: pd.DataFrame, varied: list[str], plan: dict[str, Any], power: float, icc_width: float | None
) -> pd.DataFrame:
    """Rows of the design that costs least among those with the power, and the width, asked for.

    Raises
    ------
    NotEstimable
    """
    effects = frame[frame["effect"] != 0]
    if effects.empty:
        raise NotEstimable("cheapest: every effect is 0, and no design has power for none; state an effect.")
    by = effects.groupby(varied, sort=False)
    designs = by.agg(power=("power", "min"), width=("icc_width", "max"), hours=("hours", "first")).reset_index()
    size = {name: designs[name] if name in varied else float(plan[name]) for name in ("patients", "sessions")}
    cost = designs["hours"] if designs["hours"].any() else size["patients"] * size["sessions"] + 0 * designs["hours"]
    fits = designs["power"] >= power
    if icc_width is not None:
        fits &= designs["width"] <= icc_width
    if not fits.any():
        best = designs.iloc[int(designs["power"].to_numpy().argmax())]
        said = ", ".join(f"{name} {best[name]:g}" for name in varied)
        asked = f"power {power:g}" + ("" if icc_width is None else f" and an ICC within {icc_width:g}")
        raise NotEstimable(
            f"cheapest: none of {len(designs)} designs has {asked}; the most powerful ({said}) has {best['power']:.2f}"
            + ("" if icc_width is None else f" and a width of {best['width']:.2f}") + ". Vary further."
        )  # fmt: skip
    chosen = designs.iloc[int(cost.where(fits).to_numpy(dtype=float, na_value=float("inf")).argmin())][varied]
    return frame[(frame[varied] == chosen).all(axis=1)].reset_index(drop=True)


def _heading(name: str) -> str:
    """What a table and an axis call something that was varied."""
    return f"Effect {EFFECTS[name]}" if name in EFFECTS else HEADINGS.get(name, name)
