"""Bland–Altman: bias and limits of agreement of each two raters, in scale points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from doublecode.analysis.ratings.design import RatingSets
from doublecode.analysis.ratings.frames import as_names, rated_rows, read_ratings
from doublecode.analysis.ratings.id_codes import id_codes, object_array
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.analysis.rendering.wording.phrases import plural
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from doublecode.analysis.rendering.figures import Axes

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class BlandAltmanResult(Answer):
    """Bias and limits of agreement.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        Per (set and) pair: ``rater_1, rater_2, n, bias, bias_low, bias_high, sd, loa_low, loa_high,
        loa_low_low, loa_low_high, loa_high_low, loa_high_high`` (limits of agreement with their own limits).
    points : DataFrame
        Per shared target: ``rater_1, rater_2, target, mean, difference`` (rater_1 − rater_2).
    design : dict
    notes : tuple of Note
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    points: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("rater_1", "rater_2")

    def tables(self) -> tuple[Table, ...]:
        """Bias and limits of agreement of each pair, with their own limits."""
        level = level_heading(self.spec["conf_level"])
        columns = (
            *(column(name, kind="text") for name in self.spec["by"]),
            column("rater_1", "Rater", kind="text"), column("rater_2", "Minus", kind="text"), column("n"),
            column("bias", "Bias"), column("bias_low", level, upper="bias_high"), column("sd"),
            column("loa_low", "Lower"), column("loa_low_low", level, upper="loa_low_high"),
            column("loa_high", "Upper"), column("loa_high_low", level, upper="loa_high_high"),
        )  # fmt: skip
        return (Table("bland_altman", "Bias and 95% limits of agreement, in scale points", self.frame, columns),)

    def counted(self) -> str:
        """Count pairs and targets."""
        return f"{self.design['n_pairs']} pair(s) of raters, {self.design['n_targets']} {plural(self.spec['targets'])}"

    def plot(self, rater_1: object = None, rater_2: object = None, *, ax: Axes | None = None) -> Axes:
        """Draw differences against means of one pair, with bias and limits of agreement and their own limits.

        Parameters
        ----------
        rater_1, rater_2 : labels of raters, optional
            Which pair, in either order; not needed where there is one.
        ax : matplotlib Axes, optional
            Where to draw; a figure of its own by default.

        Raises
        ------
        UsageError
            No pair, or more than one, is meant.
        """
        from doublecode.analysis.rendering.reliability_figures import bland_altman_plot

        frame, points = self.frame, self.points
        if rater_1 is not None:
            frame, points = (part[_is_pair(part, rater_1, rater_2)] for part in (frame, points))
        if len(frame) != 1:
            pairs = ", ".join(f"{a} and {b}" for a, b in zip(self.frame["rater_1"], self.frame["rater_2"], strict=True))
            raise UsageError(f"plot: name one pair (rater_1, rater_2) of one set; the result holds {pairs}.")
        return bland_altman_plot({str(name): value for name, value in frame.iloc[0].items()}, points, ax=ax)


def _is_pair(table: pd.DataFrame, one: object, two: object) -> pd.Series[bool]:
    given = (table["rater_1"] == one) & (table["rater_2"] == two)
    return given | ((table["rater_1"] == two) & (table["rater_2"] == one))


def bland_altman(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str,
    ratings: str,
    by: str | Sequence[str] | None = None,
    conf_level: float = 0.95,
) -> BlandAltmanResult:
    """Bias and 95 % limits of agreement of every two raters that share three targets or more.

    Parameters
    ----------
    data : DataFrame
        Long: one row per target × rater (× `by`).
    targets, raters, ratings : str
    by : str or sequence of str, optional
    conf_level : float
        Of the intervals around bias and limits; the limits of agreement themselves are at 95 %.

    Notes
    -----
    Limits: bias ± 1.96 SD of the differences; their standard error is SD·√(1/n + 1.96²/(2(n − 1))),
    t on n − 1 df (Bland & Altman 1986, Lancet 327:307; 1999, Stat Methods Med Res 8:135).

    Examples
    --------
    >>> import pandas as pd
    >>> long = pd.DataFrame(
    ...     {"s": [1, 1, 2, 2, 3, 3, 4, 4], "r": list("ABABABAB"), "y": [3, 2, 4, 4, 1, 1, 2, 1]}
    ... )
    >>> bland_altman(long, targets="s", raters="r", ratings="y").frame["bias"].tolist()
    [0.5]
    """
    data = as_pandas(data)
    check_conf_level(conf_level, "bland_altman")
    names = as_names(by)
    read = read_ratings(data, targets=targets, raters=raters, ratings=ratings, by=names or None, caller="bland_altman")
    held, _ = rated_rows(data, ratings, "bland_altman")
    tables, points = [], []
    for group in read.groups:
        for s, index in enumerate(group.index.tolist()):
            key = dict(zip(names, read.keys[index], strict=True))
            own = held
            for name, value in key.items():
                own = own[own[name] == value]
            labels = object_array(id_codes(own[targets], "bland_altman")[1])  # in the order of the layout's targets
            for summary, cloud in _pairs(group, group.values[s], conf_level):
                tables.append(key | summary)
                points.append(cloud.assign(**key, target=labels[cloud["target"]]))
    if not tables:
        raise NotEstimable(
            f"bland_altman: no two {plural(raters)} share three {plural(targets)}; there is nothing to compare."
        )
    spec = {"targets": targets, "raters": raters, "ratings": ratings, "by": list(names), "conf_level": conf_level}
    design = {
        "n_sets": read.n_sets,
        "n_pairs": len(tables),
        "n_targets": int(held[targets].nunique()),
        "dropped": {"missing rating": read.n_missing},
    }
    frame = pd.DataFrame(tables)
    cloud = pd.concat(points, ignore_index=True)
    cloud = cloud[[*names, *(c for c in cloud.columns if c not in names)]]
    return BlandAltmanResult(spec, frame, cloud, design, (*read.missing_notes, Note("codes_on_a_lattice")), read.rows)


def _pairs(group: RatingSets, values: Floats, conf_level: float) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    layout = group.layout
    table = np.full((layout.n_targets, layout.n_raters), np.nan)
    table[layout.target, layout.rater] = values
    found = []
    for one, two in combinations(range(layout.n_raters), 2):
        both = ~np.isnan(table[:, one]) & ~np.isnan(table[:, two])
        if both.sum() < 3:
            continue
        pair = {"rater_1": layout.rater_names[one], "rater_2": layout.rater_names[two]}
        first, second = table[both, one], table[both, two]
        cloud = pd.DataFrame(
            pair | {"target": np.flatnonzero(both), "mean": (first + second) / 2.0, "difference": first - second}
        )
        found.append((pair | _summary(first - second, conf_level), cloud))
    return found


def _summary(gap: Floats, conf_level: float) -> dict[str, Any]:
    n = len(gap)
    bias, sd = float(gap.mean()), float(gap.std(ddof=1))
    reach = float(special.stdtrit(n - 1, 1.0 - (1.0 - conf_level) / 2.0))
    z = 1.959963984540054
    own, limit = reach * sd / np.sqrt(n), reach * sd * np.sqrt(1.0 / n + z**2 / (2.0 * (n - 1)))
    low, high = bias - z * sd, bias + z * sd
    return {
        "n": n, "bias": bias, "bias_low": bias - own, "bias_high": bias + own, "sd": sd,
        "loa_low": low, "loa_high": high,
        "loa_low_low": low - limit, "loa_low_high": low + limit,
        "loa_high_low": high - limit, "loa_high_high": high + limit,
    }  # fmt: skip
