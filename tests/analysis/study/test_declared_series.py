"""Series of any form as study.toml declares them: each key acts, or is refused when the study is loaded."""

import pytest

from doublecode.analysis import read_study
from doublecode.analysis.report.folder import build_document
from doublecode.analysis.report.records import results_record
from doublecode.analysis.study.declared_models import declared_series
from doublecode.analysis.study.run import analyse, frame_of, score_study
from doublecode.schemas import load_study
from doublecode.schemas.errors import StudyError

SUBSCALES = """
[[variables]]
name = "sth_a"
label = "Assigning, session before"
instrument = "sthar"
scale = "assigning"
lag = 1

[[variables]]
name = "sth_r"
label = "Reviewing, same tape"
instrument = "sthar"
scale = "reviewing"

[[variables]]
name = "late"
phase_from = 5

[[variables]]
name = "weeks"
time = "weeks"

[[series]]
name = "subscales"
title = "Engagement on assigning and reviewing"
steps = [
    "he ~ session + (1 | patient)",
    "he ~ session + sth_a + (1 | patient)",
    "he ~ session + sth_r + (1 | patient)",
    "he ~ session + sth_a + sth_r + (1 | patient)",
]
split = ["sth_a", "sth_r"]
differences = [["sth_a", "sth_r"]]
latent_means = true

[[series]]
name = "residuals"
title = "Symptoms with correlated residuals"
steps = ["phq9 ~ session + he + (1 | patient)"]
split = ["he"]
correlation = "ar1(session | patient)"
variance_by = "late"
interval = "profile"

[[series]]
name = "printed"
title = "Symptoms as printed"
steps = [
    "phq9 ~ session + (1 | patient)",
    "phq9 ~ session + he + (1 | patient)",
    "phq9 ~ session + he + (session | patient)",
    "phq9 ~ session + he + tbh + (session | patient)",
]
intercept_at = 0
reproduces = "Haller & Watzke (2021), text of table 6"

[[series]]
name = "times"
title = "Symptoms over time"
steps = [
    "phq9 ~ weeks + (1 | patient)",
    "phq9 ~ log(session) + late + (1 | patient)",
    "phq9 ~ bs(session, df=4) + (1 | patient)",
]
"""


def declare(folder, text):
    toml = folder / "study.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    import shutil

    from doublecode.analysis.report.demo_folder import copy_example

    folder = tmp_path_factory.mktemp("declared") / "study"
    copy_example("telephone_cbt", folder)
    try:
        intake = read_study(declare(folder, SUBSCALES))
        items, scores = score_study(intake)
        frame = frame_of(intake, scores, items).frame
        named = {one.name: one for one in intake.study.series}
        yield {
            name: declared_series(named[name], frame, intake.study.times)
            for name in ("subscales", "residuals", "printed", "times")
        }
    finally:
        shutil.rmtree(folder)


def test_subscales_side_by_side(series):
    found = series["subscales"]
    rows = found.hypotheses[found.hypotheses["first"].str.startswith("sth_a_") & (found.hypotheses["second"] != "")]
    pairs = [(row["first"], row["second"]) for row in rows.to_dict("records") if "sth_r" in row["second"]]
    assert pairs == [("sth_a_within", "sth_r_within"), ("sth_a_between", "sth_r_between")]
    fit = found.model(4, declared=False).result
    b, V = fit.fixed.set_index("term")["estimate"], fit.vcov
    tested = rows[rows["second"] == "sth_r_within"].iloc[0]
    assert tested["estimate"] == pytest.approx(b["sth_a_within"] - b["sth_r_within"])
    variance = V.loc["sth_a_within", "sth_a_within"] + V.loc["sth_r_within", "sth_r_within"]
    variance -= 2 * V.loc["sth_a_within", "sth_r_within"]
    assert tested["std_error"] == pytest.approx(variance**0.5)
    assert set(found.frame["nobs"]) == {found.design["n_rows"]}
    steps = found.latent.frame.groupby("step")["term"].agg(list).to_dict()
    assert steps[2] == ["sth_a_within", "sth_a_between"]
    said = [note for note in found.note_texts() if "latent patient means" in note]
    assert len(said) == 3  # each split model: warned of, or without variance between patients


def test_means_and_deviations_are_of_the_rows_after_lagging(series):
    found = series["subscales"].model(4, declared=False).result.model
    data = found.frame
    by = data.groupby(data["patient"] if "patient" in data else found.terms[0].codes)
    assert by["sth_a_within"].mean().abs().max() < 1e-12
    assert by["sth_a_between"].first().mean() == pytest.approx(0, abs=1e-12)  # the mean of the patients' means


def test_residuals_and_limits(series):
    found = series["residuals"]
    assert set(found.residuals["term"]) == {"phi", "sd"}
    assert {"profile", "profile (ML)", "profile (REML)"} & set(found.limits["method"])
    assert {"sd", "fixed", "phi"} <= set(found.limits["parameter"])


def test_the_papers_models_as_printed(series):
    printed = series["printed"].printed
    assert printed["k"].tolist() == [4, 5, 7, 8]
    assert printed["nobs"].nunique() == 1
    assert series["printed"].spec["intercept_at"] is None


def test_times(series):
    found = series["times"]
    assert found.frame["remark"].tolist() == ["", "", ""]
    assert not any("is not split" in note for note in found.note_texts())


WRONG = {
    'differences = [["he", "he"]]': "does not differ from itself",
    'differences = [["he", "phq9"]]': "no step has both 'he' and 'phq9'",
    'correlation = "ar2(session | patient)"': "correlation",
    'correlation = "ar1(week | patient)"': "correlation: 'week' is no column of the frame",
    'variance_by = "phase"': "variance_by: 'phase' is no column of the frame",
    'interval = "credible"': "interval",
    "latent_means = true": "latent_means are those of the predictors in split",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_declarations_are_refused_when_the_study_is_loaded(telephone, line):
    step = 'steps = ["he ~ session + tbh + (1 | patient)"]'
    declare(telephone, f'\n[[series]]\nname = "doubt"\ntitle = "A doubt"\n{step}\n{line}\n')
    with pytest.raises(StudyError, match=WRONG[line].replace("(", "\\(")):
        load_study(telephone).check_variables()


PATIENTS = """
[[variables]]
name = "first_phq"
instrument = "phq9"
scale = "total"
session = 1

[[variables]]
name = "last_phq"
instrument = "phq9"
scale = "total"
session = 8

[[patient_outcomes]]
name = "early_he"
title = "Symptoms at session 8 on early engagement"
outcome = "last_phq"
predictor = "he"
sessions = [1, 2, 3]
baseline = "first_phq"
"""


class TestPatients:
    def test_declared_and_run(self, telephone):
        run = analyse(read_study(declare(telephone, PATIENTS)))
        (found,) = run.patient_outcomes
        assert found.frame["term"].tolist() == ["Intercept", "he_mean", "first_phq"]
        assert found.design["n_sessions"][1] == 3
        assert 0 < found.design["reliability"] < 1
        document = build_document(run)
        assert "Outcomes of patients" in [section.title for section in document.sections]
        assert results_record(run)["patient_outcomes"][0]["spec"]["therapists"] == "CR2"

    def test_with_therapists_as_fixed_effects(self, telephone):
        text = PATIENTS + 'therapists = "fixed"\n'
        intake = read_study(declare(telephone, text))
        assert intake.study.patient_outcomes[0].therapists == "fixed"

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('outcome = "last_phq"', 'outcome = "phq9"', "'phq9' differs from session to session"),
            ('baseline = "first_phq"', 'baseline = "last_phq"', "twice"),
            ("sessions = [1, 2, 3]", "sessions = [1, 1]", "sessions name 1 twice"),
            ('predictor = "he"', 'predictor = "hee"', "'hee' is not declared"),
        ],
    )
    def test_refused_when_loaded(self, telephone, old, new, said):
        declare(telephone, PATIENTS.replace(old, new))
        with pytest.raises(StudyError, match=said):
            load_study(telephone).check_variables()
