"""Pictures of reliability: each takes a result and returns Axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.rendering.figures import COLOURS, GREY, INK, LINES, MARKERS, forest, new_axes
from doublecode.analysis.results.rules import Rule, rule_named
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from doublecode.analysis.concordance.limits_of_agreement import BlandAltmanResult
    from doublecode.analysis.reliability.generalizability import DStudyResult
    from doublecode.analysis.reliability.interrater import ICCResult
    from doublecode.analysis.reliability.severity import DriftResult
    from doublecode.analysis.study.reliability_table import ReliabilityTable


def icc_forest(result: ReliabilityTable | ICCResult, rule: str | Rule = "koo2016") -> Axes:
    """Draw the ICCs with their limits, by item and phase.

    Parameters
    ----------
    result : ReliabilityTable or ICCResult
        Of an ICCResult the coefficient of the scores as the design yields them is drawn, per set.
    rule : str or Rule
        Its cut-offs are drawn as thin lines.
    """
    chosen = rule_named(rule) if isinstance(rule, str) else rule
    rows = _forest_rows(result)
    drawn = rows[rows["estimate"].notna()]
    if drawn.empty:
        raise UsageError("icc_forest: no coefficient of this result could be estimated; there is nothing to draw.")
    lines = [(cut, word) for cut, word in zip(chosen.cuts, chosen.words[1:], strict=True)]
    low = min(0.0, float(drawn["conf_low"].min()))
    group = "phase" if any(drawn["phase"]) else None
    return forest(drawn, labels="label", group=group, references=lines, limits=(max(low - 0.03, -1.0), 1.02))


def _forest_rows(result: ReliabilityTable | ICCResult) -> pd.DataFrame:
    columns = ["label", "phase", "estimate", "conf_low", "conf_high"]
    if "judged" in result.frame.columns:
        frame = result.frame.assign(label=result.frame["instrument"] + " " + result.frame["name"].astype(str))
        return frame.sort_values("phase", kind="stable")[columns].reset_index(drop=True)
    from doublecode.analysis.reliability.sentence import used_form

    rows = []
    for entry in result.design["sets"]:
        own = result.frame
        for name in result.spec["by"]:
            own = own[own[name] == entry["set"][name]]
        row = used_form(own)
        parts = {name: str(value) for name, value in entry["set"].items()}
        phase = parts.pop("phase", "")
        label = ", ".join(parts.values()) or row["form"]
        rows.append({"label": label, "phase": phase, **{c: row[c] for c in columns[2:]}})
    return pd.DataFrame(rows).sort_values("phase", kind="stable").reset_index(drop=True)


def severity_over_time(result: DriftResult) -> Axes:
    """Draw each rater's severity by period with its limits; overall severity where there are no periods."""
    if len(result.spec["by"]):
        raise UsageError("severity_over_time: draw one set at a time; call drift() on the rows of one item.")
    figure, (axes,) = new_axes()
    table = result.periods
    if table.empty:
        table = result.frame.assign(period=1)
    names = list(dict.fromkeys(table["rater"]))
    labels = list(pd.unique(table["period"].sort_values()))
    for i, name in enumerate(names):
        own = table[table["rater"] == name]
        at = np.array([labels.index(p) for p in own["period"]]) + (i - (len(names) - 1) / 2) * 0.08
        style: dict[str, Any] = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        gap = np.abs(np.stack([own["estimate"] - own["conf_low"], own["conf_high"] - own["estimate"]]))
        style |= {"linestyle": LINES[i % len(LINES)], "linewidth": 1.2, "markersize": 5, "elinewidth": 0.9}
        axes.errorbar(at, own["estimate"].to_numpy(float), yerr=gap, label=str(name), **style)
    axes.axhline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_xticks(range(len(labels)), [str(label) for label in labels])
    axes.set_xlabel("Period" if not result.periods.empty else "All ratings")
    axes.set_ylabel("Severity (scale points, mean of raters = 0)")
    figure.legend(loc="outside right center", frameon=False, title="Rater")
    return axes


def pair_heat_map(pairs: pd.DataFrame, *, value: str = "n_targets", label: str = "Sessions shared") -> Axes:
    """Draw a number for each pair of raters.

    Parameters
    ----------
    pairs : DataFrame
        ``rater_1, rater_2`` and `value`, as in ``DyadResult.dyads`` or ``BlandAltmanResult.frame``.
    value : str
        Column to draw: ``n_targets``, ``estimate``, ``bias`` …
    label : str
        Name of the colour bar.
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
    figure, (axes,) = new_axes(height=1.2 + 0.5 * len(names))
    picture = axes.imshow(table, cmap="cividis", aspect="equal")
    whole = bool(np.all(np.mod(table[~np.isnan(table)], 1.0) == 0.0))
    middle = np.nanmean([np.nanmin(table), np.nanmax(table)])
    for (i, j), number in np.ndenumerate(table):
        if not np.isnan(number):
            colour = "white" if number <= middle else "black"
            axes.text(j, i, f"{number:.0f}" if whole else f"{number:.2f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(names)), [str(name) for name in names])
    axes.set_yticks(range(len(names)), [str(name) for name in names])
    figure.colorbar(picture, ax=axes, label=label)
    return axes


def bland_altman_plot(result: BlandAltmanResult, rater_1: object = None, rater_2: object = None) -> Axes:
    """Draw differences against means of one pair, with bias and limits of agreement and their own limits."""
    frame, points = result.frame, result.points
    if rater_1 is not None:
        frame = frame[(frame["rater_1"] == rater_1) & (frame["rater_2"] == rater_2)]
        points = points[(points["rater_1"] == rater_1) & (points["rater_2"] == rater_2)]
    if len(frame) != 1:
        pairs = ", ".join(f"{a} and {b}" for a, b in zip(result.frame["rater_1"], result.frame["rater_2"], strict=True))
        raise UsageError(f"bland_altman_plot: name one pair (rater_1, rater_2) of one set; the result holds {pairs}.")
    row = frame.iloc[0]
    _, (axes,) = new_axes()
    sizes = points.groupby(["mean", "difference"]).size().reset_index(name="count")
    axes.scatter(sizes["mean"], sizes["difference"], s=18 * sizes["count"], color=COLOURS[0], alpha=0.7, linewidths=0)
    style: dict[str, Any]
    for name, line in (("bias", "-"), ("loa_low", "--"), ("loa_high", "--")):
        axes.axhline(row[name], color=COLOURS[1], linestyle=line, linewidth=1.2)
        axes.axhspan(row[f"{name}_low"], row[f"{name}_high"], color=COLOURS[1], alpha=0.12, linewidth=0)
        word = {"bias": "bias", "loa_low": "−1.96 SD", "loa_high": "+1.96 SD"}[name]
        style = {"xytext": (-2, 2), "textcoords": "offset points", "ha": "right", "va": "bottom", "fontsize": 8.5}
        text = f"{word}: {row[name]:.2f}".replace("-", "−")
        axes.annotate(text, (1.0, row[name]), xycoords=("axes fraction", "data"), **style)
    axes.set_xlabel(f"Mean of {row['rater_1']} and {row['rater_2']} (dot size: number of sessions)")
    axes.set_ylabel(f"{row['rater_1']} − {row['rater_2']} (scale points)")
    return axes


def d_study_curve(result: DStudyResult) -> Axes:
    """Draw expected reliability: by raters and double-coding share, or along the facet with most levels tried."""
    figure, (axes,) = new_axes()
    if "share" in result.frame.columns:
        middle = result.frame.drop_duplicates("share")
        axes.plot(middle["share"], middle["estimate"], color=INK, linewidth=2.0, label="expected ICC")
        for i, (raters, own) in enumerate(result.frame.groupby("n_raters")):
            style: dict[str, Any] = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
            style |= {"linestyle": LINES[i % len(LINES)], "linewidth": 1.1, "markersize": 4}
            axes.plot(own["share"], own["conf_low"], label=f"limits, {raters} raters", **style)
            axes.plot(own["share"], own["conf_high"], **style)
        axes.set_xlabel("Share of sessions coded by more than one rater")
        axes.set_ylabel("Expected ICC(A,k_eff) and its interval")
        figure.legend(loc="outside right center", frameon=False)
    else:
        facets = list(result.spec["n"])
        along = max(facets, key=lambda name: len(result.spec["n"][name]))
        others = [name for name in facets if name != along]
        groups = result.frame.groupby(others) if others else [((), result.frame)]
        for i, (key, own) in enumerate(groups):
            named = ", ".join(f"{value} {name}" for name, value in zip(others, key, strict=True))
            style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
            axes.plot(own[along], own["relative"], label=f"Eρ² {named}", linestyle="-", **style)
            axes.plot(own[along], own["absolute"], label=f"Φ {named}", linestyle="--", fillstyle="none", **style)
        axes.set_xlabel(f"Levels of {along}")
        axes.set_ylabel("Expected coefficient")
        figure.legend(loc="outside right center", frameon=False)
    axes.set_ylim(0.0, 1.0)
    return axes
