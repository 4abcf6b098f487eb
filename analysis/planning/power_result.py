"""The answer of :func:`doublecode.analysis.power`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Column, Table, column, format_number, level_heading
from doublecode.analysis.rendering.wording.power_words import (
    PowerFacts,
    again_words,
    caption,
    chosen_words,
    design_words_of,
    failed_words,
    found_between,
    found_of_several,
    found_words,
    paragraph,
)
from doublecode.analysis.results.versions import version_of
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADINGS: Final = {
    "patients": "Patients", "sessions": "Sessions", "therapists": "Therapists", "raters": "Raters",
    "double": "Coded twice", "icc_rating": "ICC of a rating", "dropout": "Drop-out", "lost": "Lost sessions",
    "severity": "Severity", "points": "Points", "minutes": "Minutes", "slope_sd": "*SD* of slopes",
    "dispersion": "Dispersion", "icc_outcome": "Outcome’s ICC", "icc_predictor": "Predictor’s ICC",
    "icc_therapist": "Therapists’ ICC",
}  # fmt: skip
MOST_SAID: Final = 3
"""Of more designs the text gives the range of power, and the cheapest that has enough."""
ENOUGH: Final = 0.8
MANY_FAILED: Final = 0.1
EFFECTS: Final = {"within": "within patients", "between": "between patients", "trend": "per session"}


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
        seen; ``failed, singular, separated`` (shares of the studies; separated ones are among the failed), ``studies``,
        ``hours`` of rating, ``icc_width`` (median width of the interval of ICC(A,1) of one rating by the sessions coded
        twice; NaN without any).
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
        title = f"Power at α = {self.spec['alpha']:g}, {self.spec['formula']}"
        if self.frame["failed"].max() > MANY_FAILED:
            title += f": {failed_words(self.frame['failed'].tolist())}"
        return (Table("power", title, shown, columns),)

    def _scale_heading(self) -> str:
        return {"r": "Stated: *r*", "sd": "Stated: *SD*", "f2": "Stated: *f*²", "link": "Stated"}[self.spec["scale"]]

    def counted(self) -> str:
        """Say the plan that all rows share."""
        plan, varied = self.spec["plan"], self.spec["vary"]
        idle = ("minutes",) if not (plan["raters"] or "raters" in varied) else ()
        told = ", ".join(f"{name} {_shown(value)}" for name, value in plan.items()
                         if value and name not in varied and name not in idle)  # fmt: skip
        units = {None: "standard deviations of the outcome’s residual", "binomial": "log odds", "ordinal": "log odds"}
        unit = units.get(plan["family"], "log of the rate")
        return f"{told}; slopes: {unit} per standard deviation of true scores of that level"

    def cheapest(self, power: float = 0.8, icc_width: float | None = None) -> PowerResult:
        """The cheapest of the simulated designs that does what is asked for; a note says of how many, and its costs.

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
        Costs are hours of rating; of designs that cost as many, and without raters, the one of the fewest sessions is
        taken. Power is as simulated: near the limit asked for, its Monte Carlo limits say how sure it is. That of a
        design that was chosen for it is on average too high; ``doublecode power --cheapest`` draws its studies anew
        and says both.
        """
        if not self.spec["vary"]:
            raise UsageError("cheapest: nothing was varied; give vary={'patients': [20, 30, 40]}.")
        if not 0 < power < 1:
            raise UsageError(f"cheapest: power is {power!r}; allowed: above 0 and below 1.")
        if icc_width is not None and not icc_width > 0:
            raise UsageError(f"cheapest: icc_width is {icc_width!r}; allowed: above 0, as .2.")
        if icc_width is not None and self.frame["icc_width"].isna().all():
            raise UsageError("cheapest: icc_width would not act: no session is coded twice; give raters and double.")
        found = cheapest_rows(self.frame, list(self.spec["vary"]), self.spec["plan"], power, icc_width)
        effects = found[found["effect"] != 0]
        first = records(effects.sort_values("power", kind="stable"))[0]
        told = Note("power_cheapest", numbers={
            "n": self.design["n_cells"], "asked": power, "asked_width": icc_width,
            "design": {name: float(first[name]) for name in self.spec["vary"]},
            **{name: float(first[name]) for name in ("power", "power_low", "power_high", "icc_width", "hours")},
        })  # fmt: skip
        return replace(self, frame=found, notes=(told, *self.notes))

    def plot(self, ax: Axes | None = None, *, shape: Literal["lines", "map"] = "lines") -> Axes:
        """Draw power over what was varied, with limits of the simulation.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; else a figure of its own, 8 cm wide.
        shape : {"lines", "map"}
            A curve, or one per value of the second part that was varied; or a map of both.

        Raises
        ------
        UsageError
            Nothing was varied, or too much; or two effects were asked for, which are two figures.
        """
        from doublecode.analysis.rendering.power_figures import power_curve

        varied = list(self.spec["vary"])
        if not varied:
            raise UsageError("plot: nothing was varied; give vary={'patients': [20, 30, 40]}.")
        if len(varied) > 2:
            raise UsageError(f"plot: {len(varied)} parts were varied ({', '.join(varied)}); a figure shows one or two.")
        if len(set(self.frame["term"])) > 1:
            raise UsageError("plot: two effects are two figures; state one of within and between.")
        if shape not in ("lines", "map"):
            raise UsageError(f"plot: shape is {shape!r}; allowed: 'lines', 'map'.")
        if shape == "map" and len(varied) == 1:
            raise UsageError(f"plot: a map shows two parts, and {varied[0]} alone was varied; take lines.")
        return power_curve(self.frame, varied, [_heading(name) for name in varied], ax=ax, shape=shape)

    def caption(self, *, shape: Literal["lines", "map"] = "lines") -> str:
        """What stands under the figure: effect with level and divisor, design, model, studies, seed."""
        return caption(self._facts(), shape)

    def text(self) -> str:
        """The paragraph for a proposal: how power was found, what was assumed, and what came out.

        That of many designs has the range of power and the cheapest with power of .80, that of :meth:`cheapest` the
        design that was asked for.

        Examples
        --------
        >>> from doublecode.analysis import PlannedStudy, power
        >>> found = power(PlannedStudy(patients=22, sessions=9), within=0.3, studies=100)
        >>> print(found.text()[:81])
        Power was determined by simulating the study as it will be rated and analysed. We
        """
        raters = bool(self.spec["plan"]["raters"] or "raters" in self.spec["vary"])
        return paragraph(self._facts(), " ".join(self._found(raters)))

    def _found(self, raters: bool) -> list[str]:
        """What came out, a sentence per effect; of many designs the range, and the cheapest with power of .80."""
        level, varied = self.spec["conf_level"], list(self.spec["vary"])
        if not varied:
            return [found_words(row, level, with_raters=raters) for row in records(self.frame)]
        notes = {note.kind: note.numbers for note in self.notes}
        if "power_cheapest" in notes:
            effects = self.frame[self.frame["effect"] != 0]
            chosen = design_words_of({name: float(self.frame[name].iloc[0]) for name in varied})
            return [chosen_words(notes["power_cheapest"], chosen),
                    *(found_words(row, level, with_raters=raters) for row in records(self.frame)),
                    again_words(notes.get("power_again"), len(effects))]  # fmt: skip
        own = [self._named(rows) for _, rows in self.frame.groupby("term", sort=False, observed=True)]
        lost = self.frame["failed"]
        failed = [f"Of each design {failed_words(lost.tolist())}."] if (lost > 0).any() else []
        if self.design["n_cells"] <= MOST_SAID:
            return [*(found_of_several(rows, with_raters=raters) for rows in own), *failed]
        said = [*(found_between(rows) for rows in own), *failed]
        if set(EFFECTS) & set(varied) or not (self.frame["effect"] != 0).any():
            return said
        asked = format_number(ENOUGH, "bounded")
        try:
            best = cheapest_rows(self.frame, varied, self.spec["plan"], ENOUGH, None)
        except NotEstimable:
            return [*said, f"None of the designs has power of {asked}."]
        rows = self._named(best)
        return [*said, f"The cheapest with power of {asked} is that with {rows[0][0]}; as it was chosen for its power, "
                "that is on average somewhat too high.",
                *(found_words(row, level, with_raters=raters) for _, row in rows)]  # fmt: skip

    def _named(self, rows: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
        return [(design_words_of({name: row[name] for name in self.spec["vary"]}), row) for row in records(rows)]

    def _facts(self) -> PowerFacts:
        spec = self.spec
        stated = self.frame.drop_duplicates("term")
        effects = tuple(
            (str(one["term"]), float(one["effect"]), float(one["slope"])) for one in stated.to_dict("records")
        )
        return PowerFacts(
            plan=spec["plan"], varied=spec["vary"], effects=effects, scale=spec["scale"], formula=spec["formula"],
            ddf=spec["ddf"], alpha=spec["alpha"], studies=spec["studies"], fewest=int(self.frame["studies"].min()),
            seed=spec["seed"], version=version_of("doublecode"),
        )  # fmt: skip

    def write_figure(
        self, path: str | Path, *, shape: Literal["lines", "map"] = "lines", text: str = "", overwrite: bool = False
    ) -> Path:
        """Write the figure, 8 cm wide, with its caption: ``.svg``, ``.png``, ``.pdf``; as ``.docx`` with the text.

        Parameters
        ----------
        path : path
        shape : {"lines", "map"}
        text : str
            What stands below it in Word, such as ``found.cheapest(0.9).text()``; without it :meth:`text`.
        overwrite : bool
            Replace an earlier figure.

        Raises
        ------
        UsageError
            It cannot be drawn or written.
        """
        from doublecode.analysis.rendering.power_file import check_figure_file, power_file

        target = check_figure_file("write_figure", Path(path), overwrite=overwrite)
        power_file(self.plot(shape=shape), self.caption(shape=shape), text or self.text(), target)
        return target


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as mappings."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


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
    sessions = size["patients"] * size["sessions"]
    fits = designs["power"] >= power
    if icc_width is not None:
        fits &= designs["width"] <= icc_width
    if not fits.any():
        raise NotEstimable(_none_does_it(designs, varied, power, icc_width))
    ordered = designs.assign(sessions_in_all=sessions)[fits].sort_values(["hours", "sessions_in_all"], kind="stable")
    chosen = ordered.iloc[0][varied]
    return frame[(frame[varied] == chosen).all(axis=1)].reset_index(drop=True)


def _none_does_it(designs: pd.DataFrame, varied: list[str], power: float, icc_width: float | None) -> str:
    """Say which design comes nearest: of those with the power the one of the narrowest interval, else the strongest."""
    strong = designs[designs["power"] >= power]
    narrowest = icc_width is not None and bool(strong["width"].notna().any())
    ordered = strong.sort_values("width") if narrowest else designs.sort_values("power", ascending=False)
    best = ordered.iloc[0]
    said = ", ".join(f"{name} {best[name]:g}" for name in varied)
    asked = f"power {power:g}" + ("" if icc_width is None else f" and an ICC within {icc_width:g}")
    width = "" if icc_width is None or best["width"] != best["width"] else f" and a width of {best['width']:.2f}"
    return (
        f"cheapest: none of {len(designs)} designs has {asked}; the nearest ({said}) has power {best['power']:.2f}"
        f"{width}. Vary further"
        + ("; of few raters the ICC stays uncertain however much they rate." if narrowest else ".")
    )


def _shown(value: object) -> str:
    """A part of a plan as it was given; probabilities of categories with strokes between."""
    if isinstance(value, (tuple, list)):
        return " | ".join(format(one, "g") for one in value)
    return value if isinstance(value, str) else format(value, "g")


def _heading(name: str) -> str:
    """What a table and an axis call something that was varied."""
    return f"Effect {EFFECTS[name]}" if name in EFFECTS else HEADINGS.get(name, name)
