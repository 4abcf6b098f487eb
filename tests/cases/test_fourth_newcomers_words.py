"""What the fourth newcomer did not find said, or found said in the wrong words. All data are synthetic."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis import fit_series, mediation, patient_outcome
from doublecode.analysis.cli.app import app
from doublecode.analysis.report import headlines as headline_module
from doublecode.analysis.report.methods_asked import asked_paragraph
from doublecode.coding.reading.study_tables import read_study_table
from doublecode.schemas import load_study
from doublecode.schemas.errors import ContractError

KEPT = Path(__file__).parent / "study_before_store"


def panel():
    """24 patients of 6 therapists in 8 sessions; x goes before m, m before y."""
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"patient": np.repeat(np.arange(24), 8), "session": np.tile(np.arange(1, 9), 24)})
    data["therapist"] = data["patient"] % 6
    data["late"] = (data["session"] > 4) * 1.0
    data["x"] = rng.normal(size=192)
    data["m"] = 0.5 * data["x"] + rng.normal(size=192)
    data["y"] = 0.5 * data["m"] + rng.normal(size=192)
    data["end"] = data.groupby("patient")["y"].transform("mean") + rng.normal(size=24)[data["patient"]]
    return data


def asked(**has):
    """A run in which nothing but this was asked."""
    nothing = {"patient_outcomes": (), "process": None, "marginals": (), "families": (), "moderations": (),
               "fidelity": None, "patient_changes": ()}  # fmt: skip
    return SimpleNamespace(**{**nothing, **has})


def test_methods_say_what_was_asked_beyond_the_models_and_nothing_else():
    data = panel()
    by = mediation(data, "x", "m", "y", clusters="patient")
    ways = SimpleNamespace(rater_corrections=(), cross_lagged=(), mediations=(SimpleNamespace(result=by),))
    outcome = patient_outcome(data, "end", "x")
    holm = SimpleNamespace(spec={"method": "holm"})
    means = SimpleNamespace(spec={"adjust": "tukey", "slope": None}, design={"tests": 3})
    said = asked_paragraph(asked(patient_outcomes=(outcome,), process=ways, marginals=(means,), families=(holm,)))
    for words in ("CR2", "Pustejovsky", "MacKinnon", "1-1-1 of sessions", "Marginal means", "Tukey", "Holm (1979)"):
        assert words in said
    for words in ("baseline", "error of raters", "Cross-lagged", "fixed effects", "Figures", "slopes"):
        assert words not in said
    fixed = patient_outcome(data, "end", "x", therapists="fixed")
    assert asked_paragraph(asked(patient_outcomes=(fixed,))).endswith("with therapists as fixed effects.")
    found = SimpleNamespace(result=object())
    process = SimpleNamespace(rater_corrections=(found,), cross_lagged=(found,), mediations=())
    assert "Fuller, 1987" in asked_paragraph(asked(process=process))
    assert "Hamaker" in asked_paragraph(asked(process=process))
    lost = SimpleNamespace(result=None)
    refused = SimpleNamespace(rater_corrections=(lost,), cross_lagged=(lost,), mediations=(lost,))
    assert asked_paragraph(asked(process=refused)) == ""


def test_figures_are_named_in_the_methods(adolescent_run):
    said = asked_paragraph(adolescent_run)
    assert "Figures of interactions draw the expected outcome at values of the moderator inside the data" in said
    assert "one family of tests" in said
    assert asked_paragraph(replace(adolescent_run, moderations=())) == ""


def test_the_headline_is_of_the_series_without_an_interaction():
    data = panel()
    plain = fit_series(["y ~ x + (1 | patient)"], data, split=["x"], name="plain", title="Plain")
    late = fit_series(["y ~ x * late + (1 | patient)"], data, split=["x"], name="late", title="Late")
    other = fit_series(["y ~ m * late + (1 | patient)"], data, split=["m"], name="other", title="Other")
    run = SimpleNamespace(series=(plain, late), moderations=(), labels={})
    first = headline_module._slope(SimpleNamespace(series=(plain,), moderations=(), labels={}))
    assert headline_module._slope(run) == first
    assert "late" not in first.detail
    run.series = (plain, other)
    assert "late" in headline_module._slope(run).detail  # another predictor


def test_the_note_of_mediation_names_what_a_study_declares():
    said = " ".join(mediation(panel(), "x", "m", "y", clusters="patient").note_texts())
    assert "lag = 1" in said
    assert "lags=" not in said


def test_patients_without_a_status_are_told_what_the_file_has_and_the_way_out(tmp_path):
    folder = Path(shutil.copytree(KEPT, tmp_path / "study"))
    people = pd.read_csv(folder / "patients.csv", dtype=str)
    people[["patient"]].assign(age="30").to_csv(folder / "patients.csv", index=False)
    with pytest.raises(ContractError) as wrong:
        read_study_table(load_study(folder), "patients")
    assert "'status' is missing; found: patient, age. Add it, or say in study.toml" in str(wrong.value)
    assert "[tables.patients] map. status: completed, dropped_out" in str(wrong.value)


@pytest.mark.parametrize("withdrew", [False, True])
def test_erase_keeps_apart_what_holds_others_too(tmp_path, withdrew):
    folder = Path(shutil.copytree(KEPT, tmp_path / "study"))
    if withdrew:
        people = pd.read_csv(folder / "patients.csv", dtype=str)
        people.loc[people["patient"] == "P3", "status"] = "consent_withdrawn"
        people.to_csv(folder / "patients.csv", index=False)
    done = CliRunner().invoke(
        app, ["ledger", "erase", "--patient", "P3", "--reason", "consent", "--study", str(folder), "--yes"]
    )
    assert done.exit_code == 0
    said = " ".join(done.output.split())
    destroy, shared = said.split("Hold rows of others, too: save each without the rows of P3")
    assert "R1_warmth_b2.xlsx" in shared.replace(" ", "")
    assert "R1_warmth_b2.xlsx" not in destroy.replace(" ", "")
    assert ("Write consent_withdrawn" in said) is not withdrew
