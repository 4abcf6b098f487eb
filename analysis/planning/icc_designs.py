"""How wide the intervals of reliability will be: sessions × raters × double-coded share, closed forms beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

from doublecode.analysis.planning.icc_closed_forms import bonett_width, exact_width
from doublecode.analysis.planning.planned_study import check_seed, is_whole
from doublecode.analysis.reliability.forms import spearman_brown
from doublecode.analysis.reliability.planned_limits import Kind, planned_limits
from doublecode.analysis.reliability.planned_pairs import rotating_layout
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.results import Note, check_conf_level

CALLER: Final = "icc_widths"
KINDS: Final[tuple[Kind, ...]] = ("A", "C")
LEAST: Final = 20
LEAST_TARGETS: Final = 4


@dataclass(frozen=True, eq=False, repr=False)
class IccWidths(Answer):
    """Expected widths of intervals of reliability, a row per design and form.

    Attributes
    ----------
    spec : dict
        Every argument.
    frame : DataFrame
        ``targets, raters, share``; ``form`` and ``k``; ``true``, the coefficient that was assumed; ``conf_low``,
        ``conf_high`` and ``width`` (medians of the simulated limits), ``width_high`` (in nine of ten studies at most
        this); ``bonett`` and ``exact``, the closed forms for the targets coded several times as if the same raters
        rated all; ``ratings``, ``hours``. A row "alpha, omega" has closed forms alone.
    design : dict
        ``n_designs``, ``n_studies``.
    notes : tuple of Note
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("form",)

    def tables(self) -> tuple[Table, ...]:
        """Widths by design."""
        columns = (
            column("targets", "Sessions", kind="count"), column("raters", "Raters", kind="count"),
            column("share", "Coded several times", kind="percent", digits=0), column("form", "Form", kind="text"),
            column("true", "Assumed", kind="bounded"),
            column("conf_low", "Expected CI", kind="bounded", upper="conf_high"),
            column("width", "Width", kind="bounded"), column("width_high", "Width, 90 %", kind="bounded"),
            column("bonett", "Bonett", kind="bounded"), column("exact", "Exact *F*", kind="bounded"),
            column("hours", "Hours of rating", kind="number", digits=0),
        )  # fmt: skip
        return (Table("icc_widths", "Expected widths of intervals of reliability", self.frame, columns),)

    def counted(self) -> str:
        """Say what was assumed."""
        spec = self.spec
        return (
            f"ICC(A,1) {spec['icc']:.3g}, {100 * spec['severity']:.3g} % of its error severity, {spec['each']} raters "
            f"of a session coded several times, {spec['minutes']:g} minutes per rating, {spec['studies']} simulated "
            f"studies of each design, seed {spec['seed']}"
        )

    def cheapest(self, width: float = 0.2, form: str = "ICC(A,1)") -> IccWidths:
        """The design of the fewest hours of rating whose interval of a form is expected to be no wider.

        Raises
        ------
        UsageError
            No such form.
        NotEstimable
            None of them does it; the message names the nearest.
        """
        known = list(dict.fromkeys(self.frame["form"]))
        if form not in known:
            raise UsageError(f"cheapest: form is {form!r}; {ended(allowed(form, known))}")
        own = self.frame[self.frame["form"] == form]
        fits = own[own["width"] <= width].sort_values(["hours", "width"], kind="stable")
        if fits.empty:
            nearest = own.sort_values("width", kind="stable").iloc[0]
            said = "" if np.isnan(nearest["width"]) else (
                f" The narrowest, {nearest['width']:.2f}, has {nearest['targets']:g} sessions, {nearest['raters']:g} "
                f"raters and {100 * nearest['share']:g} % coded several times."
            )  # fmt: skip
            raise NotEstimable(
                f"cheapest: none of {len(own)} designs has an interval of {form} within {width:g}.{said} Vary further: "
                "of few raters the variance of raters itself is known badly, however many sessions they rate."
            )
        best = fits.iloc[0]
        names = ["targets", "raters", "share"]
        told = Note("icc_cheapest", numbers={
            "n": len(own), "form": form, "asked": width,
            **{name: float(best[name]) for name in (*names, "width", "hours")},
        })  # fmt: skip
        kept = self.frame[(self.frame[names] == best[names]).all(axis=1)].reset_index(drop=True)
        return replace(self, frame=kept, notes=(told, *self.notes))


def icc_widths(
    targets: int | Sequence[int],
    raters: int | Sequence[int],
    share: float | Sequence[float],
    *,
    icc: float,
    severity: float = 0.2,
    each: int = 2,
    items: int = 0,
    omega: float | None = None,
    minutes: float = 60.0,
    conf_level: float = 0.95,
    studies: int = 200,
    seed: int = 0,
) -> IccWidths:
    r"""How wide the intervals of ICC(A,·) and ICC(C,·) will be, for every combination of sessions, raters and share.

    Parameters
    ----------
    targets, raters : int or sequence of int
        Sessions that are rated, and by how many raters in rotation.
    share : float or sequence of float
        Of the sessions that several raters code; the others are coded once.
    icc : float
        ICC(A,1) that is assumed, above 0 and below 1.
    severity : float
        Share of a rating's error that is a rater's own severity.
    each : int
        Raters of a session that is coded several times.
    items, omega : int, float, optional
        Items of the scale and its reliability, for the width of the interval of alpha, or of omega where items are
        parallel.
    minutes : float
        What one rating of one session takes.
    conf_level : float
    studies : int
        Simulated studies of each design, 20 or more.
    seed : int
        Draws depend on it and on the design alone.

    Returns
    -------
    IccWidths

    Raises
    ------
    UsageError
        What cannot be; the message says what is allowed.

    Notes
    -----
    Ratings are drawn as target + rater + error, normal, and limits are those of :func:`doublecode.analysis.icc`;
    limits and widths are medians over the studies. The closed forms take the targets that are coded several times as
    rated by the same `each` raters: Bonett's approximation knows no raters, and the exact F is of consistency. Where
    few raters rotate, agreement is wider than both, since the variance of raters has few degrees of freedom.

    References
    ----------
    Bonett (2002), *Statistics in Medicine* 21:1331; Shrout & Fleiss (1979); Feldt (1965), *Psychometrika* 30:357.

    Examples
    --------
    >>> found = icc_widths([60, 120], 3, 1.0, icc=0.6, studies=40)
    >>> found.frame.query("form == 'ICC(C,1)'")[["targets", "exact"]].round(2).values.tolist()
    [[60.0, 0.3], [120.0, 0.21]]
    """
    check_conf_level(conf_level, CALLER)
    check_seed(seed, CALLER)
    grid = [_listed(one) for one in (targets, raters, share)]
    _check(grid, icc, severity, each, items, omega, minutes, studies)
    error = 1 / icc - 1
    variances = (1.0, severity * error, (1 - severity) * error)
    rows = []
    for n, r, s in product(*grid):
        made = _Design(int(n), int(r), float(s), each, minutes)
        rows += made.rows(variances, conf_level, studies, seed)
        if items and omega is not None:
            rows.append(made.alpha_row(items, omega, conf_level))
    spec = {
        "targets": grid[0], "raters": grid[1], "share": grid[2], "icc": icc, "severity": severity, "each": each,
        "items": items, "omega": omega, "minutes": minutes, "conf_level": conf_level, "studies": studies, "seed": seed,
    }  # fmt: skip
    frame = pd.DataFrame(rows)
    n_designs = len(grid[0]) * len(grid[1]) * len(grid[2])
    simulated = frame[frame["form"].str.startswith("ICC")]
    notes = [Note("icc_closed_forms")]
    if simulated["width"].isna().any():
        apart = simulated[simulated["width"].isna()].drop_duplicates(["targets", "raters", "share"])
        notes.append(Note("icc_not_connected", numbers={"n": len(apart)}))
    return IccWidths(spec, frame, {"n_designs": n_designs, "n_studies": n_designs * studies}, tuple(notes), frame.index)


@dataclass(frozen=True)
class _Design:
    targets: int
    raters: int
    share: float
    each: int
    minutes: float

    @property
    def several(self) -> int:
        """Targets that are coded several times."""
        return round(self.share * self.targets)

    def head(self) -> dict[str, Any]:
        """What names the design, and what it costs."""
        ratings = self.targets + self.several * (self.each - 1)
        return {"targets": self.targets, "raters": self.raters, "share": self.share, "ratings": ratings,
                "hours": ratings * self.minutes / 60}  # fmt: skip

    def rows(
        self, variances: tuple[float, float, float], conf_level: float, studies: int, seed: int
    ) -> list[dict[str, Any]]:
        """One row per form: agreement and consistency, of one rating and of the mean of `each`."""
        layout = rotating_layout(self.targets, self.raters, self.share, self.each)
        rng = np.random.default_rng([seed, self.targets, self.raters, round(1e6 * self.share), self.each])
        limits = planned_limits(layout, variances, KINDS, conf_level, studies, rng)
        target, rater, residual = variances
        single = {"A": target / (target + rater + residual), "C": target / (target + residual)}
        return [
            {**self.head(), "form": f"ICC({kind},{k})", "k": k, **_medians(limits[kind], single[kind], k),
             **self._closed(kind, single[kind], k, conf_level)}
            for kind in KINDS for k in (1, self.each)
        ]  # fmt: skip

    def _closed(self, kind: Kind, single: float, k: int, conf_level: float) -> dict[str, float]:
        bonett = bonett_width(single, self.several, self.each, mean_of=k, conf_level=conf_level)
        exact = exact_width(single, self.several, self.each, mean_of=k, conf_level=conf_level)
        return {"bonett": bonett, "exact": exact if kind == "C" else float("nan")}

    def alpha_row(self, items: int, omega: float, conf_level: float) -> dict[str, Any]:
        """Alpha is ICC(C,k) of the items."""
        one = omega / (omega + items * (1 - omega))
        width = {"bonett": bonett_width(one, self.targets, items, mean_of=items, conf_level=conf_level),
                 "exact": exact_width(one, self.targets, items, mean_of=items, conf_level=conf_level)}  # fmt: skip
        nothing = dict.fromkeys(("conf_low", "conf_high", "width", "width_high"), float("nan"))
        return {**self.head(), "form": f"alpha, omega ({items} items)", "k": items, "true": omega, **nothing, **width}


def _medians(limits: tuple[Any, Any], single: float, k: int) -> dict[str, float]:
    low, high = (part if k == 1 else spearman_brown(part, float(k)) for part in limits)
    true = single if k == 1 else float(spearman_brown(np.array([single]), float(k))[0])
    if np.isnan(low).all():
        return {"true": true, **dict.fromkeys(("conf_low", "conf_high", "width", "width_high"), float("nan"))}
    return {
        "true": true, "conf_low": float(np.nanmedian(low)), "conf_high": float(np.nanmedian(high)),
        "width": float(np.nanmedian(high - low)), "width_high": float(np.nanquantile(high - low, 0.9)),
    }  # fmt: skip


def _listed(given: float | Sequence[float]) -> list[float]:
    values: list[float] = np.atleast_1d(given).tolist()
    return values


def _check(
    grid: list[list[float]], icc: float, severity: float, each: int, items: int, omega: float | None, minutes: float,
    studies: int,
) -> None:  # fmt: skip
    def refuse(name: str, found: object, said: str) -> None:
        raise UsageError(f"{CALLER}: {name} is {found!r}; allowed: {said}.")

    if not 0 < icc < 1:
        refuse("icc", icc, "above 0 and below 1")
    if not 0 <= severity < 1:
        refuse("severity", severity, "0 to below 1")
    if not is_whole(each) or each < 2:
        refuse("each", each, "2 or more raters of a session that is coded several times")
    if not is_whole(studies) or studies < LEAST:
        refuse("studies", studies, f"a whole number from {LEAST} on")
    if not minutes >= 0:
        refuse("minutes", minutes, "0 or more")
    if bool(items) != (omega is not None) or (omega is not None and (items < 2 or not 0 < omega < 1)):
        refuse("items, omega", (items, omega), "both or none: 2 or more items, omega above 0 and below 1")
    for name, values, least in (("targets", grid[0], LEAST_TARGETS), ("raters", grid[1], each)):
        for value in values:
            if not is_whole(value) or value < least:
                refuse(name, value, f"whole numbers from {least} on")
    for value in grid[2]:
        if not 0 < value <= 1 or min(round(value * n) for n in grid[0]) < 2:
            refuse("share", value, "above 0 and up to 1, so that two sessions or more are coded several times")
