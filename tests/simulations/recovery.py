"""What the two recovery scripts share: the judgement of many estimates against what they aim at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COLUMNS = (
    "quantity", "population", "se", "n", "mean", "mc_se", "off_by_se", "off_by_pct", "coverage", "width", "verdict",
)  # fmt: skip
LEAST_COVERAGE = 0.92
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """One quantity in many studies: estimates, limits (NaN without), and what each study aims at."""

    estimate: Floats
    conf_low: Floats
    conf_high: Floats
    target: Floats
    se: float


def judge(found: Mapping[str, Judged], known: Mapping[str, str]) -> pd.DataFrame:
    """Hold the mean estimate and the coverage of each quantity to its target.

    Held where the mean is within three Monte-Carlo standard errors of the target (that of the mean difference and
    that of the population behind the target, combined) or within 2 % of it; a known small-sample bias is named by its
    letter. Coverage of the 95 % intervals must be at least 92 %.
    """
    rows = []
    for quantity, one in found.items():
        there = np.isfinite(one.estimate) & np.isfinite(one.target)
        apart = one.estimate[there] - one.target[there]
        mc_se = float(apart.std(ddof=1) / np.sqrt(len(apart)))
        value = float(one.target[there].mean())
        off = float(apart.mean() / np.hypot(mc_se, one.se))
        percent = 100 * float(apart.mean()) / abs(value)
        limited = there & np.isfinite(one.conf_low) & np.isfinite(one.conf_high)
        inside = (one.conf_low <= one.target) & (one.target <= one.conf_high)
        covered = float(inside[limited].mean()) if limited.any() else np.nan
        width = float(np.median((one.conf_high - one.conf_low)[limited])) if limited.any() else np.nan
        held = abs(off) <= 3 or abs(percent) <= 2
        verdict = "held" if held else f"bias {known[quantity]}" if quantity in known else "OFF"
        verdict += ", LOW COVERAGE" if covered < LEAST_COVERAGE else ""
        mean = float(one.estimate[there].mean())
        rows.append((quantity, value, one.se, int(there.sum()), mean, mc_se, off, percent, covered, width, verdict))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def table(judged: pd.DataFrame) -> str:
    """Render the judgement as text."""
    digits = {
        "population": 4, "se": 4, "mean": 4, "mc_se": 4, "off_by_se": 1, "off_by_pct": 1, "coverage": 3, "width": 3,
    }  # fmt: skip
    shown = judged.assign(**{name: judged[name].map(f"{{:.{n}f}}".format) for name, n in digits.items()})
    return shown.to_string(index=False)


def counts(judged: pd.DataFrame) -> str:
    """How many quantities are held, which are not, and how often the intervals cover."""
    held = judged["verdict"].str.startswith("held")
    biased = judged[~held]
    covered = judged["coverage"].dropna()
    low = judged[judged["coverage"] < LEAST_COVERAGE]
    named = "; ".join(f"{row.quantity} ({row.off_by_se:.1f} SE, {row.verdict})" for row in biased.itertuples())
    below = "; ".join(f"{row.quantity} ({row.coverage:.3f})" for row in low.itertuples())
    return (
        f"held: {held.sum()} of {len(judged)} quantities; not held: {named or 'none'}\n"
        f"95 % intervals: {len(covered)}, covering {covered.min():.3f} to {covered.max():.3f} (median "
        f"{covered.median():.3f}); below {LEAST_COVERAGE}: {below or 'none'}"
    )


def summary(judged: pd.DataFrame, seeds: int, biased: Mapping[str, str], below: Mapping[str, str]) -> dict[str, Any]:
    """The counts, and each quantity that is not held or not covered with its cause; one without a cause fails."""
    held, covered = judged["verdict"].str.startswith("held"), judged["coverage"].dropna()
    return {
        "seeds": seeds,
        "quantities": len(judged),
        "held": int(held.sum()),
        "intervals": len(covered),
        "covering": [round(float(covered.min()), 3), round(float(covered.max()), 3)],
        f"intervals covering {LEAST_COVERAGE} or more": int((covered >= LEAST_COVERAGE).sum()),
        "not_held": [
            {"quantity": row.quantity, "off_by_se": round(row.off_by_se, 1), "cause": biased[row.quantity]}
            for row in judged[~held].itertuples()
        ],
        "low_coverage": [
            {"quantity": row.quantity, "coverage": round(row.coverage, 3), "cause": below[row.quantity]}
            for row in judged[judged["coverage"] < LEAST_COVERAGE].itertuples()
        ],
    }


def keep(shipped: Path, found: Mapping[str, Any]) -> None:
    """Put the summary into the study's planted_truth.json, whose own script leaves it out."""
    path = shipped / "planted_truth.json"
    content = json.loads(path.read_text(encoding="utf-8")) | {"recovery": found}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
