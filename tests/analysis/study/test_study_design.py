"""A planned study from a study folder: what is declared, what the data show, what is stated, and no effect."""

import json
import re
import sys
from importlib.resources import as_file, files
from types import SimpleNamespace

import pandas as pd
import pytest

from doublecode.analysis import patient_design, study_design
from doublecode.analysis.cli import app as cli
from doublecode.analysis.planning.planned_study import PARTS
from doublecode.analysis.study import design_of_study
from doublecode.analysis.study.planned_variances import frame_values, readable
from doublecode.schemas.errors import NotEstimable, StudyError, UsageError
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.study_parts import Variable
from tests.conftest import script

make_site = script("benchmarks/many_sites.py").make_site

VARIABLES = """
[[instruments]]
name = "ghes"
{use}

[[instruments]]
name = "phq9"
source = "outcomes"

[[variables]]
name = "he"
instrument = "ghes"
scale = "he"

[[variables]]
name = "extent"
instrument = "ghes"
item = "extent"
lag = 1

[[variables]]
name = "phq9"
instrument = "phq9"
scale = "total"

[[variables]]
name = "weeks"
time = "weeks"

[[variables]]
name = "age"
column = "age"
"""


@pytest.fixture(scope="module")
def telephone():
    with as_file(files("doublecode.data_examples") / "telephone_cbt") as folder:
        yield folder


@pytest.fixture
def new(tmp_path):
    """A folder without data: 8 patients of 2 therapists, 6 sessions each, one patient with 3; two raters."""

    def make(models="", use="", more=""):
        rows = [(p, s) for p in range(8) for s in range(1, 4 if p == 7 else 7)]
        frame = pd.DataFrame({
            "session_id": [f"S-{p}{s}" for p, s in rows], "patient": [f"P{p}" for p, _ in rows],
            "therapist": [f"T{p % 2}" for p, _ in rows], "session": [s for _, s in rows], "phase": "main",
            "status": "held", "reason": "", "date": [f"2026-01-{s:02d}" for _, s in rows],
        })  # fmt: skip
        frame.to_csv(tmp_path / "sessions.csv", index=False)
        people = pd.DataFrame({"patient": [f"P{p}" for p in range(8)], "status": "completed", "reason": "", "age": 40})
        people.to_csv(tmp_path / "patients.csv", index=False)
        head = 'name = "new"\ntitle = "New"\nraters = [{ id = "a" }, { id = "b" }]\n'
        (tmp_path / "study.toml").write_text(head + more + VARIABLES.format(use=use) + models, encoding="utf-8")
        return tmp_path

    return make


def series(*steps, more=""):
    return f'[[series]]\nname = "m"\ntitle = "M"\nsteps = {json.dumps(list(steps))}\n{more}\n'


def values(design):
    return design.frame.set_index("part")["value"].to_dict()


def origins(design):
    return design.frame.set_index("part")["origin"].to_dict()


def test_the_parts_of_the_example_are_those_of_its_tables_and_data(telephone, telephone_run):
    design = study_design(telephone)
    assert design.spec["predictor"] == "he"
    assert design.spec["formula"] == "outcome ~ within + between + session + (session | patient)"
    found, made = values(design), origins(design)
    table = pd.read_csv(telephone / "assignments.csv")
    own = table[(table["instrument"] == "ghes") & (table["role"] != "pilot")]
    assert found["double"] == pytest.approx((own.groupby("session_id").size() == 2).mean())
    icc = telephone_run.reliability.frame.query("instrument == 'ghes' and name == 'he' and phase == 'main'")
    assert found["icc_rating"] == pytest.approx(icc["single"].iloc[0])
    assert (found["patients"], found["sessions"], found["raters"], found["points"]) == (22, 9, 5, 29)
    frame = telephone_run.frame.frame
    there = frame[(frame["session"] <= 9)][["he", "phq9"]].notna().all(axis=1).sum()
    assert design.plan.recordings == pytest.approx(there, abs=0.5)
    assert {name for name, origin in made.items() if origin == "data"} == {
        "lost", "icc_rating", "severity", "icc_outcome", "icc_predictor",
    }  # fmt: skip
    assert {note.kind for note in design.notes} == {
        "design_of_headline", "design_other_predictors", "design_courses",
    }  # fmt: skip
    assert "planned is phq9, the model of the study’s headline; by --model there are he_course, tbh_course" in " ".join(
        str(design).split()
    )


def test_variances_are_those_of_models_without_the_effect(telephone, telephone_run):
    """By sums of squares of the balanced part it would be near; here by the model with time alone, to 1e-6."""
    from doublecode.analysis import fit_mixed

    frame = telephone_run.frame.frame
    found = fit_mixed("phq9 ~ session + (1 | patient)", frame).variances["variance"]
    shown = values(study_design(telephone))
    assert shown["icc_outcome"] == pytest.approx(found[0] / found.sum(), abs=1e-6)
    seen = fit_mixed("he ~ 1 + (1 | patient)", frame).variances["variance"]
    true = 1 / (1 + (1 / shown["icc_rating"] - 1) * (1 - shown["double"] / 2))  # a mean of two has half the error
    assert shown["icc_predictor"] == pytest.approx(seen[0] / (true * seen.sum()), abs=1e-6)
    of_he = next(
        result for instrument, level, phase, result in telephone_run.reliability.results
        if (instrument, level, phase) == ("ghes", "scale", "main")
    )  # fmt: skip
    parts = of_he.variances.set_index("component")["variance"]
    assert shown["severity"] == pytest.approx(parts["rater"] / (parts["rater"] + parts["residual"]))


def test_shares_of_therapists_and_the_mean_of_counts_are_those_of_the_data(telephone_run):
    """The course is no variance of patients, and a family's outcome has a mean in place of one (planted shifts)."""
    from doublecode.analysis import fit_mixed

    frame = telephone_run.frame.frame
    shifted = frame.assign(phq9=frame["phq9"] + 6.0 * frame["therapist"].map({"T1": 0, "T2": 1, "T3": 2}) + 20)
    shifted["phq9"] -= 3.0 * shifted["session"]
    who = SimpleNamespace(last_number=9, analysable=198.0)

    def taken(family, therapists):
        planned = SimpleNamespace(outcome="phq9", predictor="he", family=family, trials=None)
        return {one.part: one.value for one in frame_values(shifted, planned, who, therapists, 0.7)[0]}

    found = fit_mixed("phq9 ~ session + (1 | patient) + (1 | therapist)", shifted, ddf="z").variances["variance"]
    own = taken(None, 3)
    assert own["icc_therapist"] == pytest.approx(found[1] / found.sum(), abs=1e-5)
    assert own["icc_outcome"] == pytest.approx(found[0] / found.sum(), abs=1e-5)
    assert own["icc_therapist"] > 0.3
    counted = taken("poisson", 0)
    assert counted["base"] == pytest.approx(shifted["phq9"].mean())
    assert "icc_outcome" not in counted


def test_of_so_many_of_so_many_the_base_is_the_share_of_the_trials(telephone, telephone_run):
    """A mean of 0.9 homeworks done in a session is no probability of .9."""
    frame = telephone_run.frame.frame.dropna(subset=["hw_done", "hw_given"])
    share = frame["hw_done"].sum() / frame["hw_given"].sum()
    assert abs(share - frame["hw_done"].mean()) > 0.05
    shown = study_design(telephone, model="homework_done").frame.set_index("part")
    assert shown.loc["base", "value"] == pytest.approx(share)
    assert shown.loc["base", "source"] == "trials"


def test_from_wrong_data_nothing_is_taken_and_it_is_said(tmp_path):
    folder = make_site(tmp_path / "site", 1, patients=2)
    table = folder / "ratings.csv"
    table.write_text(re.sub(r",\d$", ",9", table.read_text(), count=1, flags=re.MULTILINE))
    intake, notes = readable(folder)
    assert intake is None
    assert [(note.kind, note.numbers) for note in notes] == [("design_problems", {"n": 1})]


def test_of_a_value_of_the_patient_no_share_between_patients_is_taken_from_the_data(
    telephone, telephone_run, monkeypatch
):
    """Each patient has one value, whatever the rows of the data are."""
    study = telephone_run.study
    series = ModelSeries(name="m", title="M", steps=("phq9 ~ session + age + (1 | patient)",))
    more = {"variables": (*study.variables, Variable(name="age", column="age")), "series": (series,)}
    own = study.model_copy(update=more)
    frame = telephone_run.frame.frame
    aged = frame.assign(age=frame["patient"].str[-2:].astype(float))
    monkeypatch.setattr("doublecode.coding.reading.declared_heads.open_study", lambda folder: own)
    monkeypatch.setattr(design_of_study, "readable", lambda folder: (telephone_run.intake, ()))
    monkeypatch.setattr(design_of_study, "scored_rows", lambda intake: (aged, []))
    design = study_design(telephone, model="m", predictor="age")
    assert (values(design)["icc_predictor"], origins(design)["icc_outcome"]) == (0.999, "data")


def test_nothing_of_the_data_is_taken_on_demand_and_never_an_effect(telephone):
    design = study_design(telephone, from_data=False)
    assert "data" not in set(design.frame["origin"])
    assert set(design.frame["part"]) <= set(PARTS)
    table = pd.read_csv(telephone / "sessions.csv")
    assert values(design)["lost"] == pytest.approx(
        (table.loc[table["phase"] == "main", "status"] == "not_rated").mean()
    )
    with pytest.raises(UsageError, match="no effect is stated"):
        design.power(studies=100)


def test_what_the_data_do_not_give_is_assumed_with_the_reason(telephone, monkeypatch):
    """Ratings without an ICC, and a frame that cannot be made or fitted: defaults, and a note why."""

    def fail(*_, **__):
        raise NotEstimable("raters share nothing.\nmore")

    monkeypatch.setattr("doublecode.analysis.reliability.interrater.icc", fail)
    monkeypatch.setattr("doublecode.analysis.mixed.fit.fit_mixed", fail)
    design = study_design(telephone)
    told = [note.numbers for note in design.notes if note.kind in ("design_no_icc", "design_no_shares")]
    assert [one["variable"] for one in told] == ["he", "he", "phq9"]
    assert {one["reason"] for one in told} == {"raters share nothing."}
    assert origins(design)["icc_rating"] == origins(design)["icc_outcome"] == "default"
    assert origins(design)["lost"] == "data"
    assert "the ICC of he is assumed, since its ratings give none: raters share nothing." in " ".join(
        str(design).split()
    )
    monkeypatch.setattr("doublecode.analysis.study.frame_of_study.frame_of", fail)
    design = study_design(telephone)
    assert origins(design)["lost"] == "declared"
    assert "could not be scored: raters share nothing." in " ".join(str(design).split())


def test_a_new_folder_is_enough(new):
    design = study_design(new(series("phq9 ~ session + he + (session | patient)", more='split = ["he"]')))
    found, made = values(design), origins(design)
    assert (found["patients"], found["sessions"], found["raters"], found["double"]) == (8, 6, 2, 0.4)
    assert found["dropout"] == pytest.approx(2 * (1 - 45 / 48))
    assert design.plan.recordings == pytest.approx(45)
    assert made["icc_rating"] == made["icc_outcome"] == made["double"] == "default"
    assert "nobody says; state it" in str(design)
    stated = design.stating({"icc_rating": 0.7, "patients": 30})
    assert (stated.plan.icc_rating, stated.plan.patients) == (0.7, 30)
    assert origins(stated)["patients"] == "stated"
    assert len(stated.power(within=0.3, studies=100).frame) == 1
    with pytest.raises(UsageError, match="did you mean 'patients'"):
        stated.stating({"patient": 3})


@pytest.mark.parametrize(("models", "formula", "kinds"), [
    ("", "outcome ~ within + between + session + (1 | patient)", {"design_no_model"}),
    (series("phq9 ~ he + (1 | patient)"), "outcome ~ within + between + (1 | patient)", {"design_not_split"}),
    (series("phq9 ~ session + he + (he | patient)", more='split = ["he"]'),
     "outcome ~ within + between + session + (within | patient)", set()),
    (series("phq9 ~ session + he + (1 | patient) + (1 | therapist)", more='split = ["he"]'),
     "outcome ~ within + between + session + (1 | patient) + (1 | therapist)", set()),
    (series("phq9 ~ session * age + (1 | patient)"),
     "outcome ~ between + session + (1 | patient)", {"design_products"}),
    (series("phq9 ~ weeks + he + extent + (1 | patient)",
            more='split = ["he"]\ncorrelation = "ar1(session | patient)"'),
     "outcome ~ within + between + (1 | patient)", {"design_other_predictors", "design_residuals"}),
    (series("he ~ phq9 + (1 | patient)", more='split = ["phq9"]\nlatent_means = true'),
     "outcome ~ within + between + (1 | patient)", {"design_latent_means", "design_outcome_rated"}),
])  # fmt: skip
def test_the_declared_model_in_the_names_of_the_simulation(new, models, formula, kinds):
    design = study_design(new(models))
    assert design.spec["formula"] == formula
    assert {note.kind for note in design.notes} == kinds | {"design_no_data"}
    assert str(design)


def test_of_several_models_it_is_said_which_one_is_planned(new):
    """The last series; where rows are patients a regression, whatever series there are."""
    one = series("phq9 ~ he + (1 | patient)", more='split = ["he"]')
    ordered = series("extent ~ he + (1 | patient)", more='split = ["he"]\nfamily = "ordinal"').replace('"m"', '"o"')
    design = study_design(new(ordered + one))
    assert design.spec["model"] == "m"
    assert "planned is m, since no headline names another; by --model there are o" in " ".join(str(design).split())
    assert "design_of_several" not in {note.kind for note in study_design(new(one + ordered), model="m").notes}
    regression = '[[moderations]]\nname = "r"\ntitle = "R"\noutcome = "phq9"\npredictor = "age"\n'
    by_therapist = series("phq9 ~ age + (1 | therapist)").replace('"m"', '"t"')
    folder = new(by_therapist + regression, more='unit = "patient"\n')
    toml = folder / "study.toml"
    text = toml.read_text().replace("lag = 1", "session = 1")
    toml.write_text(text.replace('scale = "he"', 'scale = "he"\nsession = 1').replace(
        'instrument = "phq9"\nscale = "total"', 'instrument = "phq9"\nscale = "total"\nsession = 2'
    ).replace('[[variables]]\nname = "weeks"\ntime = "weeks"\n', ""))  # fmt: skip
    assert patient_design(folder).spec["model"] == "r"
    with pytest.raises(UsageError, match="'t' has a row per patient, and a series is simulated of sessions"):
        study_design(folder, model="t")


def test_a_declared_family_is_simulated(new):
    """Without data its base is asked for, and stated: of ordered categories the share of each, a row of the table."""
    design = study_design(new(series("extent ~ he + (1 | patient)", more='split = ["he"]\nfamily = "ordinal"')))
    with pytest.raises(UsageError, match="base is None with family 'ordinal'; give the probability of each category"):
        design.power(within=0.2, studies=100)
    stated = design.stating({"base": (0.5, 0.2, 0.3)})
    assert stated.plan.base == (0.5, 0.2, 0.3)
    assert stated.stating({"base": (0.4, 0.6)}).plan.base == (0.4, 0.6)
    assert [origins(stated)[f"base_{at}"] for at in (1, 2, 3)] == ["stated"] * 3
    design = study_design(new(series("phq9 ~ he + (1 | patient)", more='split = ["he"]\nfamily = "poisson"')))
    assert "(poisson) on he" in str(design)
    with pytest.raises(UsageError, match="base is None with family 'poisson'; give the mean count"):
        design.power(within=0.2, studies=100)
    found = design.stating({"base": 3}).power(within=0.2, studies=100)
    assert (found.spec["plan"]["family"], found.spec["scale"]) == ("poisson", "link")


def test_what_a_predictor_is_decides_on_raters_sessions_and_level(new):
    folder = new(series("phq9 ~ session + he + extent + age + (1 | patient)", more='split = ["he", "extent"]'))
    lagged = study_design(folder, predictor="extent")
    assert (values(lagged)["sessions"], values(lagged)["points"]) == (5, 5)
    of_patient = study_design(folder, predictor="age")
    assert values(of_patient)["raters"] == 0
    assert of_patient.plan.icc_predictor == 0.999
    assert "within" not in of_patient.spec["formula"]
    assert len(of_patient.power(between=0.5, studies=100).frame) == 1
    folder = new(series("he ~ phq9 + (1 | patient)", more='split = ["phq9"]'))
    asked = values(study_design(folder))
    assert asked["raters"] == 0
    assert not {"double", "icc_rating", "minutes"} & set(asked)


def test_sessions_rules_and_allocation_of_the_declaration_act(new):
    more = '[allocation]\nshare = 0.25\nlimits = [{ rater = "a", hours = 10 }]\nminutes_per_rating = 30\n'
    folder = new('[[drop_rules]]\ninstrument = "ghes"\ndropped = ["extent"]\n' + more, use="sessions = [2, 3, 4]")
    design = study_design(folder)
    found = values(design)
    assert (found["sessions"], found["double"], found["minutes"]) == (3, 0.25, 30)
    assert found["points"] == 6 * 4 + 1
    assert origins(design)["double"] == "declared"


@pytest.mark.parametrize(("models", "asked", "message"), [
    (series("phq9 ~ session + (1 | patient)"), {"model": "m"}, "time alone, and a course is not simulated"),
    (series("phq9 ~ he + (1 | patient)"), {"model": "n"}, "there is no model 'n'; allowed: m"),
    (series("phq9 ~ he + (1 | patient)"), {"predictor": "hee"}, "did you mean 'he'"),
    ("", {"predictor": "hee"}, "did you mean 'he'"),
])  # fmt: skip
def test_what_cannot_be_planned(new, models, asked, message):
    with pytest.raises(UsageError, match=message):
        study_design(new(models), **asked)


def test_one_session_is_no_study_of_sessions(new, tmp_path):
    with pytest.raises(UsageError, match="leaves 1 session of a patient"):
        study_design(new(use="sessions = [2]"))
    with pytest.raises(StudyError, match=r"no study\.toml here"):
        study_design(tmp_path / "nothing")


def test_the_command_takes_the_folder_and_flags_override(new, monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["doublecode", "power", str(folder), *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code or 0, out, " ".join(err.split())

    folder = new(series("phq9 ~ session + he + (1 | patient)", more='split = ["he"]'))
    code, out, _ = run("--within", ".4", "--studies", "100", "--text")
    assert code == 0
    for part in ("codebook: 7 items of 5 points", "nobody says; state it", "within patients", "Power was determined"):
        assert part in out
    code, out, _ = run(
        "--within", ".4", "--studies", "100", "--patients", "20,30", "--icc-rating", ".7", "--raters", "0,3", "--json"
    )
    record = json.loads(out)
    assert code == 0
    assert [(row["patients"], row["raters"]) for row in record["frame"]] == [(20, 0), (20, 3), (30, 0), (30, 3)]
    planned = {row["part"]: row["origin"] for row in record["design"]["planned"]["frame"]}
    sources = {row["part"]: row["source"] for row in record["design"]["planned"]["frame"]}
    assert (sources["patients"], sources["raters"], sources["icc_rating"]) == ("varied", "varied", "stated")
    assert (planned["patients"], planned["icc_rating"], planned["sessions"]) == ("stated", "stated", "declared")
    code, _, err = run("--studies", "100")
    assert code == 2
    assert "What the study has found is not taken" in err
    code, out, _ = run("--for", "icc", "--icc-rating", ".6", "--studies", "20")
    assert code == 0
    assert "Planned ratings" in out
    assert "new: ratings of he" in out
    assert not [part for part in ("Outcome’s ICC", "Predictor’s ICC", "outcome ~", "Points") if part in out]
