"""Why slopes of the adolescent study are not the same in samples of 50 as in a large one: is it the outlier rule?

20,000 adolescents (a seed of their own) are cut into 400 panels of 50. Each declared regression with an interaction is
estimated on all of them, and as the mean over panels: once with the fences of all, once with each panel's own. Where
only the latter mean is off, the rule is the reason; where both are, it is the size of the sample.

Run: OMP_NUM_THREADS=1 python tests/simulations/small_samples_adolescent.py (a minute); the table is kept beside it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.analysis.description.outliers import winsorise
from doublecode.data_examples.adolescent_analysis import patient_frame
from doublecode.data_examples.adolescent_model import PANEL
from doublecode.data_examples.adolescent_study import adolescent_study
from doublecode.data_examples.generate_adolescent_cbt import SHIPPED
from doublecode.schemas.study import load_study

SEED, N = 6000, 20_000


def coefficients(data: pd.DataFrame, model) -> pd.Series:
    """Least squares with predictor and moderator centred: b and beta of each term."""
    columns = [model.outcome, model.predictor, model.moderator, *model.covariates]
    own = data[columns].astype(float).dropna()
    one, other = (own[name] - own[name].mean() for name in (model.predictor, model.moderator))
    terms = pd.DataFrame({model.predictor: one, model.moderator: other} | {c: own[c] for c in model.covariates})
    terms[f"{model.predictor}:{model.moderator}"] = one * other
    b = np.linalg.lstsq(np.column_stack([np.ones(len(own)), terms]), own[model.outcome], rcond=None)[0][1:]
    beta = b * terms.std().to_numpy() / own[model.outcome].std()
    found = {f"{model.name}: {term} (b)": value for term, value in zip(terms, b, strict=True)}
    return pd.Series(found | {f"{model.name}: {term} (beta)": v for term, v in zip(terms, beta, strict=True)})


def main() -> None:
    declared = load_study(SHIPPED)
    models = [model for model in declared.moderations if model.moderator]
    frame = patient_frame(adolescent_study(SEED, N), declared)
    adjusted = winsorise(frame, declared.outliers).data
    panels = [slice(start, start + PANEL) for start in range(0, N, PANEL)]

    def every(data: pd.DataFrame) -> pd.Series:
        return pd.concat([coefficients(data, model) for model in models])

    all_fences = pd.DataFrame([every(adjusted.iloc[panel]) for panel in panels])
    own_fences = pd.DataFrame([every(winsorise(frame.iloc[panel], declared.outliers).data) for panel in panels])
    table = pd.DataFrame({"of 20,000": every(adjusted)})
    for name, found in (("fences of all", all_fences), ("own fences", own_fences)):
        table[name] = found.mean()
        table[f"{name}: off by SE"] = (found.mean() - table["of 20,000"]) / found.sem()
    table["own fences: off by %"] = 100 * (table["own fences"] / table["of 20,000"] - 1)
    text = f"{N:,} adolescents of seed {SEED}, {len(panels)} panels of {PANEL}\n\n{table.round(4).to_string()}\n"
    Path(__file__).with_suffix(".txt").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
