"""Models side by side: one column per model, with its rows; what could not be run is a row with its reason."""

import json

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_mixed, fit_series, moderation, side_by_side
from doublecode.analysis.cli import app as cli
from doublecode.analysis.study.model_columns import study_models
from doublecode.schemas.errors import UsageError


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    patient = np.repeat(np.arange(15), 6)
    out = pd.DataFrame({"patient": patient, "session": np.tile(np.arange(1.0, 7), 15), "he": rng.normal(2.5, 0.7, 90)})
    out["phq9"] = 12 - out["he"] - 0.4 * out["session"] + rng.normal(0, 2, 15)[patient] + rng.normal(0, 1, 90)
    out.loc[3, "he"] = np.nan
    return out


def cells(table):
    return table.frame.set_index("row")


class TestColumns:
    def test_series(self, data):
        steps = ["phq9 ~ 1 + (1 | patient)", "phq9 ~ session + he + (session | patient)"]
        series = fit_series(steps, data, split=["he"], name="phq", title="Symptoms")
        found = side_by_side(series, labels={"he": "Engagement (GHES)"})
        (table,) = found.tables()
        assert table.title == "Symptoms"
        assert [one.heading for one in table.columns] == ["Term", *series.frame["label"]]
        shown = cells(table)
        assert shown.loc["Rows"].tolist() == ["89", "89", "89"]
        assert shown.loc["Patients"].tolist() == ["15", "15", "15"]
        assert shown.loc["Parameters"].tolist() == ["3", "7", "8"]
        assert shown.loc["Engagement, within patients"].tolist()[:2] == ["–", "–"]
        row = series.model(2, declared=False).result.fixed.set_index("term").loc["he_within"]
        text = f"{row['estimate']:.2f} ({row['std_error']:.2f}), ".replace("-", "−")
        assert shown.loc["Engagement, within patients"].iloc[2].startswith(text)
        assert list(shown.index).index("SD (residual)") > list(shown.index).index("SD (Session | patient)")
        assert found.design["n_rows"] == dict.fromkeys(series.frame["label"], 89)
        chi2 = found.frame[(found.frame["row"] == "χ² (ML)")]["estimate"].tolist()
        assert chi2 == pytest.approx(series.frame["chi2"].dropna().tolist())

    def test_mixed_models_and_regressions(self, data):
        fits = [fit_mixed(f"phq9 ~ {x} + (1 | patient)", data) for x in ("session", "session + he")]
        flat = data.groupby("patient", as_index=False).mean()
        regressions = [
            moderation("phq9 ~ he * session", flat.assign(session=flat.index % 5)),
            moderation("phq9 ~ he", flat),
        ]
        tables = side_by_side(*fits, *regressions).tables()
        assert [table.title for table in tables] == ["Mixed models of phq9", "Regressions of phq9"]
        assert cells(tables[0]).loc["Rows"].tolist() == ["90", "89"]
        assert "Predictor × moderator" in cells(tables[1]).index

    def test_a_model_that_cannot_be_estimated_is_a_row_with_its_reason(self, data):
        steps = ["phq9 ~ session + (1 | patient)", "phq9 ~ session + I(2 * session) + (1 | patient)"]
        found = side_by_side(fit_series(steps, data, title="Symptoms"))
        (row,) = found.frame[found.frame["part"] == "not estimated"].to_dict("records")
        assert row["model"] == "Symptoms: 2 as declared"
        assert "not estimable" in row["row"]
        assert found.tables()[-1].title == "Not estimated"
        assert found.counted() == "1 models, 1 not estimated"

    def test_wrong_use(self, data):
        with pytest.raises(UsageError, match="no model"):
            side_by_side()
        with pytest.raises(UsageError, match="found a DataFrame"):
            side_by_side(data)


def of_cells(found):
    return found.frame.loc[found.frame["row"] == "Rows", "estimate"].astype(int).tolist()


class TestStudies:
    """The papers' models in both example studies, with their rows: issue 15, acceptance 3."""

    def test_telephone(self, telephone_run):
        found = study_models(telephone_run.intake)
        assert of_cells(found) == [194] * 2 + [161] * 16
        assert [len(table.columns) for table in found.tables()] == [3, 3, 5, 7, 5]

    def test_adolescents(self, adolescent_run):
        found = study_models(adolescent_run.intake)
        assert of_cells(found) == [46] * 2 + [41] * 4 + [33] * 4 + [31]
        assert [len(table.columns) for table in found.tables()] == [3, 5, 6]

    def test_the_same_numbers_as_the_report(self, telephone_run):
        found = study_models(telephone_run.intake).frame
        for series in telephone_run.all_series:
            mine = found[(found["table"] == series.spec["title"]) & (found["part"] == "fixed")]
            assert mine["estimate"].tolist() == series.coefficients["estimate"].tolist()


def test_a_declared_analysis_that_cannot_be_run_is_a_row_and_the_rest_runs(telephone, capsys, monkeypatch):
    toml = telephone / "study.toml"
    head, *series = toml.read_text(encoding="utf-8").split("[[series]]")
    bad = series[0].replace('name = "he_course"', 'name = "he_doubt"\ncorrelation = "ar1(session | therapist)"')
    bad = bad.replace("Course of homework engagement", "A doubtful series")
    toml.write_text("[[series]]".join([head, bad, *series[:1]]), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["doublecode", "models", str(telephone), "--json"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    record = json.loads(capsys.readouterr().out)
    assert not left.value.code
    assert (record["design"]["n_models"], record["design"]["n_refused"]) == (2, 1)
    (row,) = [one for one in record["frame"] if one["part"] == "not estimated"]
    assert row["model"] == "A doubtful series"
    assert "session" in row["row"]
