"""Pictures of reliability: each takes a frame and returns Axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.rendering.figures import (
    COLOURS,
    GREY,
    INK,
    LINES,
    MARKERS,
    figure_of,
    forest,
    legend_beside,
    own_or_given,
)
from doublecode.analysis.results.rules import Rule, rule_named
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def icc_forest(rows: pd.DataFrame, rule: str | Rule = "koo2016", *, ax: Axes | None = None) -> Axes:
    """Draw ICCs with their limits, by phase where there are phases.

    Parameters
    ----------
    rows : DataFrame
        ``label, phase, estimate, conf_low, conf_high``, one row per item or scale; `phase` may be empty texts.
    rule : str or Rule
        Its cut-offs are drawn as thin lines.
    ax : Axes, optional
        Where to draw; a figure of its own by default.
    """
    chosen = rule_named(rule) if isinstance(rule, str) else rule
    drawn = rows[rows["estimate"].notna()]
    if drawn.empty:
        raise UsageError("icc_forest: no coefficient of this result could be estimated; there is nothing to draw.")
    lines = [(cut, word) for cut, word in zip(chosen.cuts, chosen.words[1:], strict=True)]
    low = min(0.0, float(drawn["conf_low"].min()))
    group = "phase" if any(drawn["phase"]) else None
    return forest(drawn, labels="label", group=group, references=lines, limits=(max(low - 0.03, -1.0), 1.02), ax=ax)


def severity_over_time(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw each rater's severity by period with its limits.

    Parameters
    ----------
    table : DataFrame
        ``rater, estimate, conf_low, conf_high``, and ``period`` where ratings were made in several, of one set.
    ax : Axes, optional
    """
    axes = own_or_given(ax)
    dated = "period" in table.columns
    shown = table if dated else table.assign(period=1)
    names = list(dict.fromkeys(shown["rater"]))
    labels = list(pd.unique(shown["period"].sort_values()))
    for i, name in enumerate(names):
        own = shown[shown["rater"] == name]
        at = np.array([labels.index(p) for p in own["period"]]) + (i - (len(names) - 1) / 2) * 0.08
        style: dict[str, Any] = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        gap = np.abs(np.stack([own["estimate"] - own["conf_low"], own["conf_high"] - own["estimate"]]))
        style |= {"linestyle": LINES[i % len(LINES)], "linewidth": 1.2, "markersize": 5, "elinewidth": 0.9}
        axes.errorbar(at, own["estimate"].to_numpy(float), yerr=gap, label=str(name), **style)
    axes.axhline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_xticks(range(len(labels)), [str(label) for label in labels] if dated else [""])
    axes.set_xlabel("Period" if dated else "All ratings")
    axes.set_ylabel("Severity (scale points, mean of raters = 0)")
    legend_beside(axes, inside=ax is not None, title="Rater")
    return axes


def pair_heat_map(
    pairs: pd.DataFrame, *, value: str = "n_targets", label: str = "Targets shared", ax: Axes | None = None
) -> Axes:
    """Draw a number for each pair of raters.

    Parameters
    ----------
    pairs : DataFrame
        ``rater_1, rater_2`` and `value`, as in ``DyadResult.dyads`` or ``BlandAltmanResult.frame``.
    value : str
        Column to draw: ``n_targets``, ``estimate``, ``bias`` …
    label : str
        Name of the colour bar.
    ax : Axes, optional
    """
    missing = [name for name in ("rater_1", "rater_2", value) if name not in pairs.columns]
    if missing:
        raise UsageError(f"pair_heat_map: the frame has no column {missing[0]!r}; it has {', '.join(pairs.columns)}.")
    twice = pairs.duplicated(["rater_1", "rater_2"])
    if twice.any():
        raise UsageError("pair_heat_map: a pair of raters stands more than once; draw one set at a time.")
    names = sorted({*pairs["rater_1"], *pairs["rater_2"]}, key=str)
    table = np.full((len(names), len(names)), np.nan)
    for row in pairs.itertuples():
        i, j = names.index(row.rater_1), names.index(row.rater_2)
        table[i, j] = table[j, i] = float(getattr(row, value))
    axes = own_or_given(ax, height=1.2 + 0.5 * len(names))
    picture = axes.imshow(table, cmap="cividis", aspect="equal")
    whole = bool(np.all(np.mod(table[~np.isnan(table)], 1.0) == 0.0))
    middle = np.nanmean([np.nanmin(table), np.nanmax(table)])
    for (i, j), number in np.ndenumerate(table):
        if not np.isnan(number):
            colour = "white" if number <= middle else "black"
            axes.text(j, i, f"{number:.0f}" if whole else f"{number:.2f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(names)), [str(name) for name in names])
    axes.set_yticks(range(len(names)), [str(name) for name in names])
    figure_of(axes).colorbar(picture, ax=axes, label=label)
    return axes


def bland_altman_plot(pair: Mapping[str, Any], points: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw differences against means of one pair, with bias and limits of agreement and their own limits.

    Parameters
    ----------
    pair : mapping
        ``rater_1, rater_2``, and ``bias, loa_low, loa_high``, each with ``…_low, …_high``.
    points : DataFrame
        ``mean, difference`` of each shared target.
    ax : Axes, optional
    """
    axes = own_or_given(ax)
    sizes = points.groupby(["mean", "difference"]).size().reset_index(name="count")
    axes.scatter(sizes["mean"], sizes["difference"], s=18 * sizes["count"], color=COLOURS[0], alpha=0.7, linewidths=0)
    style: dict[str, Any]
    for name, line in (("bias", "-"), ("loa_low", "--"), ("loa_high", "--")):
        axes.axhline(pair[name], color=COLOURS[1], linestyle=line, linewidth=1.2)
        axes.axhspan(pair[f"{name}_low"], pair[f"{name}_high"], color=COLOURS[1], alpha=0.12, linewidth=0)
        word = {"bias": "bias", "loa_low": "−1.96 SD", "loa_high": "+1.96 SD"}[name]
        style = {"xytext": (-2, 2), "textcoords": "offset points", "ha": "right", "va": "bottom", "fontsize": 8.5}
        text = f"{word}: {pair[name]:.2f}".replace("-", "−")
        axes.annotate(text, (1.0, pair[name]), xycoords=("axes fraction", "data"), **style)
    axes.set_xlabel(f"Mean of {pair['rater_1']} and {pair['rater_2']} (dot size: number of targets)")
    axes.set_ylabel(f"{pair['rater_1']} − {pair['rater_2']} (scale points)")
    return axes


def planned_pairs_curve(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the expected ICC and its limits by raters and double-coding share.

    Parameters
    ----------
    frame : DataFrame
        ``n_raters, share, estimate, conf_low, conf_high``, one row per planned design.
    ax : Axes, optional
    """
    axes = own_or_given(ax)
    middle = frame.drop_duplicates("share")
    axes.plot(middle["share"], middle["estimate"], color=INK, linewidth=2.0, label="expected ICC")
    for i, (raters, own) in enumerate(frame.groupby("n_raters")):
        style: dict[str, Any] = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        style |= {"linestyle": LINES[i % len(LINES)], "linewidth": 1.1, "markersize": 4}
        axes.plot(own["share"], own["conf_low"], label=f"limits, {raters} raters", **style)
        axes.plot(own["share"], own["conf_high"], **style)
    axes.set_xlabel("Share of targets coded by more than one rater")
    axes.set_ylabel("Expected ICC(A,k_eff) and its interval")
    axes.set_ylim(0.0, 1.0)
    legend_beside(axes, inside=ax is not None)
    return axes


def facets_curve(frame: pd.DataFrame, tried: Mapping[str, Sequence[int]], *, ax: Axes | None = None) -> Axes:
    """Draw expected coefficients along the facet with most levels tried.

    Parameters
    ----------
    frame : DataFrame
        A column per facet, and ``relative, absolute``, one row per planned design.
    tried : mapping
        Levels of each facet.
    ax : Axes, optional
    """
    axes = own_or_given(ax)
    along = max(tried, key=lambda name: len(tried[name]))
    others = [name for name in tried if name != along]
    groups = frame.groupby(others) if others else [((), frame)]
    for i, (key, own) in enumerate(groups):
        named = ", ".join(f"{value} {name}" for name, value in zip(others, key, strict=True))
        style: dict[str, Any] = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        axes.plot(own[along], own["relative"], label=f"Eρ² {named}", linestyle="-", **style)
        axes.plot(own[along], own["absolute"], label=f"Φ {named}", linestyle="--", fillstyle="none", **style)
    axes.set_xlabel(f"Levels of {along}")
    axes.set_ylabel("Expected coefficient")
    axes.set_ylim(0.0, 1.0)
    legend_beside(axes, inside=ax is not None)
    return axes
