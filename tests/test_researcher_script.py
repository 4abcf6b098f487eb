"""The researcher's script of the README: from a plain long frame to tables, with the numbers that `run` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

README = Path(__file__).parents[1] / "README.md"
# Rows come in another order than in the study's frame: sums differ in their last digits, iterations stop elsewhere.
ITERATED = {"rtol": 1e-8, "atol": 1e-10}
LIMITS = {"rtol": 1e-6, "atol": 1e-8}


def script() -> str:
    return README.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]


def plain_ratings(run: Any) -> pd.DataFrame:
    """What a lab would have in one file: the ratings of the main phase, and what patients answered themselves."""
    rated = run.intake.ratings
    rated = rated[(rated["phase"] == "main") & rated["instrument"].isin(["ghes", "sthar"])]
    answered = run.intake.outcomes.assign(rater="patient")
    columns = ["patient", "session", "rater", "instrument", "item", "value"]
    return pd.concat([rated[columns], answered[columns]], ignore_index=True)


@pytest.fixture(scope="module")
def found(telephone_run: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names that the script leaves behind."""
    folder = tmp_path_factory.mktemp("script")
    plain_ratings(telephone_run).to_csv(folder / "ratings.csv", index=False)
    names: dict[str, Any] = {"print": lambda text: printed.append(text)}
    printed: list[str] = names.setdefault("printed", [])
    with pytest.MonkeyPatch.context() as moved:
        moved.chdir(folder)
        exec(compile(script(), "README.md", "exec"), names)
    return names


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert len(found) == len(expected) > 0  # two empty frames would agree on anything
    for column in expected.columns:
        tolerance = LIMITS if column.startswith("conf_") else ITERATED
        if pd.api.types.is_numeric_dtype(expected[column]):
            ours, theirs = (frame[column].to_numpy(dtype=float) for frame in (found, expected))
            np.testing.assert_allclose(ours, theirs, **tolerance, err_msg=column)


def test_the_script_is_short_and_uses_the_doors_only() -> None:
    lines = [line for line in script().splitlines() if line.strip()]
    assert 10 < len(lines) <= 25
    imported = [line for line in lines if line.startswith(("from", "import"))]
    assert {line.split()[1] for line in imported} == {"pandas", "doublecode.analysis", "doublecode.coding"}


def test_scores_are_those_of_the_run(found: dict[str, Any], telephone_run: Any) -> None:
    key = ["patient", "session", "instrument", "scale"]
    ours, theirs = (frame.sort_values(key).reset_index(drop=True) for frame in (found["scores"], telephone_run.scores))
    pd.testing.assert_frame_equal(ours[key], theirs[key], check_dtype=False)
    np.testing.assert_array_equal(ours["value"], theirs["value"])
    assert ours["reason"].isna().tolist() == theirs["reason"].isna().tolist()


def test_reliability_and_consistency_are_those_of_the_run(found: dict[str, Any], telephone_run: Any) -> None:
    of_run = telephone_run.reliability.frame.query("instrument == 'ghes' and level == 'scale' and phase == 'main'")
    columns = ["estimate", "conf_low", "conf_high"]
    same(found["agreed"].frame.set_index("form").loc[of_run["form"], columns], of_run[columns])
    omega_of_run = telephone_run.consistency.frame.query("instrument == 'ghes' and scale == 'he'")
    theirs = omega_of_run[["omega", "conf_low", "conf_high"]].rename(columns={"omega": "estimate"})
    same(found["consistent"].frame.head(1)[columns], theirs)


def test_the_series_and_its_last_model_are_those_of_the_run(found: dict[str, Any], telephone_run: Any) -> None:
    (of_run,) = [one for one in telephone_run.series if one.spec["name"] == "phq9"]
    same(found["series"].frame, of_run.frame)
    last = of_run.models[-1].result
    assert found["model"].frame["term"].tolist() == [t.replace("_from_1", "") for t in last.frame["term"]]
    same(found["model"].frame, last.frame)
    assert found["model"].nobs == last.nobs


def test_every_result_prints_a_table(found: dict[str, Any]) -> None:
    assert len(found["printed"]) == 5
    assert all(text.startswith("|") or "\n|" in text for text in found["printed"])
