"""Why slopes of the adolescent study are not the same in samples of 50 as in a large one: is it the outlier rule?

20,000 adolescents (a seed of their own) are cut into 400 panels of 50. Each declared regression with an interaction is
estimated on all of them, and as the mean over panels: once with the fences of all, once with each panel's own. Where
only the latter mean is off, the rule is the reason; where both are, it is the size of the sample.

Run: OMP_NUM_THREADS=1 python tests/simulations/small_samples_adolescent.py (seconds); the table is kept beside it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.data_examples.adolescent_model import PANEL
from doublecode.data_examples.adolescent_population import draw_population, population_frame
from doublecode.data_examples.generate_adolescent_cbt import SHIPPED
from doublecode.data_examples.least_squares import Columns, Fences, brought_in, find_fences, regress
from doublecode.schemas.study import load_study

SEED, N = 6000, 20_000


def main() -> None:
    declared = load_study(SHIPPED)
    whole = population_frame(draw_population(SEED, N), declared)
    panels = {name: values.reshape(-1, PANEL) for name, values in whole.items()}
    fences = find_fences(whole, declared.outliers)
    many = len(panels["ir"])
    of_all = Fences(*({name: np.repeat(ends[name], many) for name in ends} for ends in (fences.low, fences.high)))
    own = find_fences(panels, declared.outliers)
    models = [model for model in declared.moderations if model.moderator]

    def every(columns: Columns, which: Fences) -> pd.DataFrame:
        adjusted, found = brought_in(columns, which), {}
        for model in models:
            one = regress(model, adjusted, errors=False)
            for kind, values in (("b", one.b), ("beta", one.beta)):
                found |= {f"{model.name}: {term} ({kind})": values[:, j] for j, term in enumerate(one.terms)}
        return pd.DataFrame(found)

    table = every(whole, fences).T.set_axis(["of 20,000"], axis=1)
    for name, which in (("fences of all", of_all), ("own fences", own)):
        found = every(panels, which)
        table[name] = found.mean()
        table[f"{name}: off by SE"] = (found.mean() - table["of 20,000"]) / found.sem()
    table["own fences: off by %"] = 100 * (table["own fences"] / table["of 20,000"] - 1)
    text = f"{N:,} adolescents of seed {SEED}, {many} panels of {PANEL}\n\n{table.round(4).to_string()}\n"
    Path(__file__).with_suffix(".txt").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
