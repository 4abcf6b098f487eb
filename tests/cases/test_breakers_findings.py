"""What a breaker found in tables of models, correlations, families of tests and products."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import (
    fit_mixed,
    fit_series,
    moderation,
    side_by_side,
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(9)
    patient = np.repeat(np.arange(16), 6)
    frame = pd.DataFrame({"patient": patient, "session": np.tile(np.arange(1, 7), 16), "he": rng.normal(3, 1, 96)})
    frame["tbh"] = 0.4 * frame["he"] + rng.normal(2, 1, 96)
    return frame.assign(y=10 - frame["he"] + rng.normal(size=16)[patient] + rng.normal(size=96))


class TestModelsOfTheSameNameSideBySide:
    def test_regressions_of_one_predictor_are_columns_of_their_own(self, data):
        fits = [moderation("y ~ he * tbh + session", data), moderation("y ~ he + tbh", data)]
        found = side_by_side(*fits)
        (table,) = found.tables()
        assert [one.heading for one in table.columns] == ["Term", "he", "he (2)"]
        for name, fit in zip(("he", "he (2)"), fits, strict=True):
            own = found.frame[(found.frame["model"] == name) & (found.frame["part"] == "fixed")]
            assert own["estimate"].tolist() == fit.frame["estimate"].tolist()
        assert list(found.design["n_rows"]) == ["he", "he (2)"]

    def test_one_formula_on_two_sets_of_rows(self, data):
        formula = "y ~ he + (1 | patient)"
        fits = [fit_mixed(formula, part) for part in (data, data[data["patient"] < 9], data[data["patient"] > 3])]
        assert side_by_side(*fits).design["n_rows"] == {formula: 96, f"{formula} (2)": 54, f"{formula} (3)": 72}

    def test_two_series_without_a_title_are_two_tables(self, data):
        steps = ["y ~ session + (1 | patient)"]
        found = side_by_side(fit_series(steps, data), fit_series(steps, data[data["patient"] < 9]))
        assert [table.title for table in found.tables()] == ["series", "series (2)"]
        assert [*found.design["n_rows"].values()] == [96, 54]
        same = [note.subject for note in found.notes if note.kind == "series_criteria"]
        assert same == ["series", "series (2)"]  # each says of its own models that their rows are the same
