"""Likelihood-ratio tests across generalised models: what is nested, what stands on the same data, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import compare, fit_generalized
from doublecode.analysis.mixed.generalized.result import GeneralizedResult
from doublecode.schemas.errors import UsageError

ROW = np.arange(120)
SCORE = np.sin(ROW * 1.7) + 0.8 * np.cos((ROW // 6) * 2.3) + 0.9 * np.sin(ROW * ROW * 0.37)
DATA = pd.DataFrame({
    "patient": ROW // 6, "x": np.sin(ROW * 1.7), "z": np.cos(ROW * 0.9), "w": np.cos(ROW * 2.9), "v": np.sin(ROW * 5.1),
    "felt": np.digitize(SCORE, [-1.5, -0.4, 0.3, 1.4]), "done": np.digitize(SCORE, [-1.2, -0.3, 0.4, 1.3]), "given": 4,
})  # fmt: skip


def fit(formula: str, family: str = "binomial", **options: Any) -> GeneralizedResult:
    return fit_generalized(f"{formula} + (1 | patient)", DATA, family=family, nagq=1, **options)


def test_flexible_thresholds_are_no_part_of_equidistant_ones() -> None:
    flexible = fit("felt ~ x", "ordinal")
    spaced = fit("felt ~ x", "ordinal", thresholds="equidistant")
    nested = compare(spaced, flexible)
    assert nested.frame["df"].tolist()[1:] == [2.0]
    assert nested.frame["model"].str.contains("equidistant thresholds").tolist() == [True, False]
    assert nested.notes == ()
    larger = fit("felt ~ x + z + w + v", "ordinal", thresholds="equidistant")
    across = compare(flexible, larger)
    assert across.frame["p_value"].isna().all()
    assert [note.kind for note in across.notes] == ["not_nested"]


def test_trials_are_compared_by_their_values() -> None:
    small = fit("done ~ 1", trials="given")
    same = compare(small, fit("done ~ x", trials=np.full(len(DATA), 4.0)))
    assert same.frame["p_value"].notna().tolist() == [False, True]
    with pytest.raises(UsageError, match="use different trials"):
        compare(small, fit("done ~ x", trials=np.full(len(DATA), 6.0)))
    with pytest.raises(UsageError, match=r"differ in family \(binomial and poisson\)"):
        compare(small, fit("done ~ x", "poisson"))


def test_other_numbers_of_nodes_are_refused_with_the_way_on() -> None:
    fifteen = fit_generalized("done ~ x + (1 | patient)", DATA, family="poisson")
    with pytest.raises(UsageError, match=r"differ in nagq \(15 and 1\).*nagq=1 serves every random part"):
        compare(fifteen, fit("done ~ x + z", "poisson"))


def test_a_prior_and_a_fit_that_did_not_converge_are_said() -> None:
    pair = [fit(formula, trials="given", prior_sd=2.0) for formula in ("done ~ 1", "done ~ x")]
    assert [note.kind for note in compare(*pair).notes] == ["compared_under_prior"]
    small, large = (fit(formula, trials="given") for formula in ("done ~ 1", "done ~ x"))
    found = replace(large.fit.found, end=replace(large.fit.end, converged=False))
    short = replace(large, fit=replace(large.fit, found=found))
    notes = compare(small, short).notes
    assert [note.kind for note in notes] == ["compared_not_converged"]
    assert notes[0].numbers["models"] == ("done ~ x + (1 | patient)",)


@pytest.mark.parametrize("family", ["binomial", "poisson", "ordinal"])
def test_new_data_that_are_no_frame_are_refused_by_every_family(family: str) -> None:
    outcome = {"binomial": "done > 1", "poisson": "done", "ordinal": "felt"}[family]
    frame = DATA.assign(y=DATA.eval(outcome).astype(int))
    found = fit_generalized("y ~ x + (1 | patient)", frame, family=family, nagq=1)
    with pytest.raises(UsageError, match="new data must be a pandas DataFrame, not dict"):
        found.predict({"x": [1.0], "patient": [1]})  # type: ignore[arg-type]
