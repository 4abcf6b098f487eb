"""What a breaker found in tables of models, correlations, families of tests and products."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import correlate, family_of_tests, fit_mixed, fit_series, moderation, side_by_side
from doublecode.analysis.rendering.notes import sentence
from doublecode.schemas.errors import UsageError


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

    @pytest.mark.parametrize("given", [{"labels": ["x"]}, {"refused": ["abc"]}])
    def test_labels_that_are_none(self, data, given):
        with pytest.raises(UsageError, match="labels is a mapping of variable to label, refused a list of Note"):
            side_by_side(moderation("y ~ he", data), **given)


KEYS = {"patient": "patient", "session": "session", "n_boot": 200}


def said(result):
    return {note.kind: sentence(note) for note in result.notes}


class TestMeanCorrelationOverSessions:
    def test_a_session_with_r_of_one_is_said(self, data):
        given = data.assign(tbh=data["he"].where(data["session"].eq(2), data["tbh"]))
        found = correlate(given, ["he", "tbh"], **KEYS)
        row = found.frame.set_index("level").loc["mean over sessions"]
        rest = given[given["session"] != 2].groupby("session")
        z = [np.arctanh(part["he"].corr(part["tbh"])) for _, part in rest]
        assert (row["n"], row["r"]) == (80, pytest.approx(np.tanh(np.mean(z)), abs=1e-12))
        assert said(found)["sessions_without_z"] == (
            "Not in the mean over sessions, since r is 1 or −1 there and has no Fisher z: "
            "he with tbh: 1 session(s), 16 rows."
        )

    def test_nothing_of_rounding_where_r_is_one_in_every_session(self, data):
        found = correlate(data.assign(tbh=-2.3 * data["he"]), ["he", "tbh"], **KEYS)
        row = found.frame.set_index("level").loc["mean over sessions"]
        assert row["n"] == 0
        assert np.isnan(row["r"])
        assert "6 session(s), 96 rows" in said(found)["sessions_without_z"]

    def test_limits_do_not_depend_on_the_order_of_the_rows(self, data):
        columns = ["r", "conf_low", "conf_high", "p_value"]
        one, other = (
            correlate(part, ["he", "tbh"], **KEYS).frame[columns].to_numpy(dtype=float)
            for part in (data, data.sample(frac=1, random_state=3))
        )
        np.testing.assert_allclose(one, other, rtol=1e-10)

    def test_rows_without_a_patient_are_left_out_alike_and_said(self, data):
        without = data.assign(patient=data["patient"].where(data["patient"] > 1))
        found = correlate(without, ["he", "tbh"], **KEYS)
        counts = found.frame.set_index("level")["n"]
        assert (counts["pooled"], counts["mean over sessions"]) == (84, 84)
        assert found.by_session["n"].sum() == 84
        assert said(found)["rows_without_patient"].startswith("12 row(s) have no value of 'patient'")

    @pytest.mark.parametrize("named", [{"patient": "he"}, {"patient": "session", "session": "session"}])
    def test_one_column_for_two_things(self, data, named):
        with pytest.raises(UsageError, match="columns of their own"):
            correlate(data, ["he", "tbh"], **named)

    def test_a_column_that_stands_twice(self, data):
        with pytest.raises(UsageError, match="'he' stands 2 times"):
            correlate(pd.concat([data, data[["he"]]], axis=1), ["he", "tbh"])


def family(*p_values):
    return [{"model": "m", "term": f"x{i}", "estimate": 1.0, "p_value": p} for i, p in enumerate(p_values)]


class TestFamilies:
    @pytest.mark.parametrize("p", [-0.1, 1.2, "0.03", np.inf])
    def test_a_p_that_is_none(self, p):
        with pytest.raises(UsageError, match="test 2 has p_value = "):
            family_of_tests(family(0.01, p))

    def test_a_test_that_lacks_a_key(self):
        with pytest.raises(UsageError, match="test 1 lacks term, estimate"):
            family_of_tests([{"model": "m", "p_value": 0.01}])

    def test_a_frame(self):
        with pytest.raises(UsageError, match=r"found a DataFrame; .*to_dict"):
            family_of_tests(pd.DataFrame(family(0.01)))

    def test_a_test_without_p_does_not_count(self):
        """R: p.adjust(c(.03, NA, .01), "holm") is .03, NA, .02."""
        found = family_of_tests(family(0.03, np.nan, 0.01))
        assert found.frame["p_adjusted"].tolist() == pytest.approx([0.03, np.nan, 0.02], nan_ok=True)
        assert found.design == {"n_tests": 2, "bonferroni_alpha": 0.025}
        assert said(found)["family_of_tests"].endswith("1 more have no p-value and do not count.")


class TestProducts:
    @pytest.mark.parametrize("product", ["he*he", "he:he", "tbh + he ** 2", "`he` * `he`"])
    def test_a_variable_times_itself(self, data, product):
        with pytest.raises(UsageError, match="does not interact with itself"):
            moderation(f"y ~ {product}", data)

    def test_a_square_by_a_function(self, data):
        assert moderation("y ~ he + I(he*he)", data).frame["term"].tolist()[1:] == ["he", "I(he * he)"]
