"""Printed numbers beside what the synthetic studies give: one table per study, ``printed_values.csv`` of its folder.

For each number of the paper that the study can give: what is printed, the *population* value, the spread over seeds,
what the shipped study gives, z = (printed − population) / SD over seeds, and how the number came about: *calibrated*
(the generator was tuned to it), *by design* (the same in every study) or *emerged* (nobody tuned it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.data_examples.folder import write_table

CALIBRATED, BY_DESIGN, EMERGED = "calibrated", "by design", "emerged"
FILE = "printed_values.csv"
RULE = "smallest mean of ((sample - printed) / SD over seeds)^2"


@dataclass(frozen=True)
class Printed:
    """A printed number and the quantity of the study that answers it.

    `value` is a number, or a text where the paper gives a bound (``"> .4"``); `place` says where it stands.
    """

    place: str
    quantity: str
    value: float | str
    origin: str = EMERGED


def numbers(named: pd.Series[float]) -> dict[str, float]:
    """A series of numbers by name."""
    return {str(name): float(value) for name, value in named.items()}


@dataclass(frozen=True)
class OverSeeds:
    """What a quantity is over many seeds: its population value, the mean and the SD of samples; by quantity."""

    population: Mapping[str, float]
    mean: Mapping[str, float]
    sd: Mapping[str, float]


def table_of(printed: Sequence[Printed], over: OverSeeds, shipped: Mapping[str, float]) -> pd.DataFrame:
    """The table of one study."""
    rows = []
    for one in printed:
        population = over.population.get(one.quantity, over.mean[one.quantity])
        sd = over.sd[one.quantity]
        fixed = not sd > 1e-12
        z = np.nan if fixed or isinstance(one.value, str) else (one.value - population) / sd
        rows.append(
            {"place": one.place, "quantity": one.quantity, "printed": one.value, "population": round(population, 4),
             "sd_over_seeds": 0.0 if fixed else round(sd, 4), "shipped": round(shipped[one.quantity], 4),
             "z": round(z, 2), "origin": BY_DESIGN if fixed else one.origin}
        )  # fmt: skip
    return pd.DataFrame(rows)


def write_printed(table: pd.DataFrame, folder: Path) -> None:
    """Write the table into a study's folder."""
    write_table(table, folder / FILE)


def distances(samples: pd.DataFrame, headline: Mapping[str, float]) -> pd.Series[float]:
    """Mean over the headline numbers of ((sample − printed) / SD over seeds)², by seed.

    `samples` has one row per seed and one column per quantity. The smallest is the study that is shipped.
    """
    named = samples[list(headline)]
    apart = (named - pd.Series(headline)) / named.std()
    distance: pd.Series[float] = (apart**2).mean(axis=1, skipna=False)
    return distance


def choice_text(distance: pd.Series[float], headline: Mapping[str, float], samples: pd.DataFrame) -> str:
    """The rule and its choice, to be kept with the simulation."""
    best = distance.nsmallest(5)
    chosen = best.index[0]
    lines = [
        f"The shipped seed: {RULE} over the numbers below, of the seeds "
        f"{distance.index.min()} to {distance.index.max()} ({distance.notna().sum()} of which have all of them).",
        f"Chosen: seed {chosen}, {best.iloc[0]:.3f} (median of all {distance.median():.3f}); next "
        + ", ".join(f"{seed} ({value:.3f})" for seed, value in best.iloc[1:].items()),
        "",
    ]
    rows = [
        (name, value, samples[name].mean(), samples[name].std(), samples.loc[chosen, name])
        for name, value in headline.items()
    ]
    shown = pd.DataFrame(rows, columns=["headline number", "printed", "mean", "sd", f"seed {chosen}"])
    return "\n".join(lines) + shown.round(3).to_string(index=False) + "\n"
