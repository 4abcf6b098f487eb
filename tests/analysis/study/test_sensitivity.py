"""One finding without each unit and under other rules: every number has a witness that goes another way."""

import csv
import json
import random
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import read_study, study_sensitivity
from doublecode.analysis.cli import app as cli
from doublecode.analysis.mixed.working_covariance import robust_of_mixed
from doublecode.analysis.regression.linear_model import linear_model
from doublecode.analysis.rendering.page import render_page
from doublecode.analysis.report import sensitivity_state as sensitivity_state_module
from doublecode.analysis.report.folder import build_document
from doublecode.analysis.report.manifest import manifest_of
from doublecode.analysis.report.sections_sensitivity import sensitivity_document
from doublecode.analysis.report.sensitivity_folder import is_of_sensitivity, write_sensitivity, write_specification
from doublecode.analysis.report.sensitivity_state import State, mark_stale, sensitivity_section, sensitivity_state
from doublecode.analysis.report.trace_file import TraceFile, read_set
from doublecode.analysis.report.traced_report import traced_folder
from doublecode.analysis.report.traced_tables import TracedTables
from doublecode.analysis.study.declared_models import declared_series
from doublecode.analysis.study.frame_of_study import study_frame
from doublecode.analysis.study.missing_data import missing_data
from doublecode.analysis.study.run import regressions_of
from doublecode.analysis.study.sensitivity_estimate import estimate_of
from doublecode.analysis.study.sensitivity_left_out import leave_out
from doublecode.analysis.study.sensitivity_multiverse import among, run_specifications, what_moves
from doublecode.analysis.study.sensitivity_robust import robust_beside
from doublecode.analysis.study.sensitivity_specifications import specifications
from doublecode.analysis.study.sensitivity_standing import Made
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import to_json
from doublecode.schemas.sensitivity import Sensitivity, SensitivityHeadline

NUMBERS = ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high")


def asking(intake, **asked):
    """The same data under another [sensitivity]."""
    sensitivity = Sensitivity.model_validate_json(json.dumps(asked))
    study = intake.study.model_copy(update={"sensitivity": sensitivity})
    study.check_variables()
    return replace(intake, study=study)


def run_all(intake):
    return run_specifications(intake, specifications(intake.study))[0]


def full_of(run):
    head = run.study.sensitivity.headline
    return estimate_of(run.study, run.frame.frame, head, head.term)


@pytest.fixture(scope="module")
def answer(telephone_run):
    study = telephone_run.study
    asked = study.sensitivity.model_copy(update={"missing": None})  # which has tests of its own
    return study_sensitivity(replace(telephone_run.intake, study=study.model_copy(update={"sensitivity": asked})))


@pytest.fixture(scope="module")
def telephone(answer):
    return answer.findings[0]


class TestHeadline:
    def test_of_a_series_is_the_run_s(self, telephone_run, telephone):
        series = next(one for one in telephone_run.series if one.spec["name"] == "phq9")
        table = series.coefficients
        row = table[(table["label"] == "4 within/between") & (table["term"] == "he_within")].iloc[0]
        assert [telephone.design["headline"][name] for name in NUMBERS] == pytest.approx(
            row[list(NUMBERS)].tolist(), rel=1e-9
        )
        assert telephone.design["headline"]["n_rows"] == series.design["n_rows"]

    def test_of_a_regression_is_the_run_s(self, adolescent_run):
        fit = next(one for one in adolescent_run.moderations if one.spec["name"] == "rationale_s1")
        row = fit.frame[fit.frame["term"] == "rationale_s1:ir"].iloc[0]
        found = full_of(adolescent_run)
        assert [getattr(found, name) for name in NUMBERS] == pytest.approx(row[list(NUMBERS)].tolist(), rel=1e-12)
        assert (found.n_rows, found.n_patients) == (41, 41)

    def test_that_cannot_be_estimated_stops(self, telephone_run):
        intake = asking(
            telephone_run.intake, headline={"model": "phq9", "term": "he_within:session"}, leave_out=["patient"]
        )
        with pytest.raises(NotEstimable, match="there is no term 'he_within:session'"):
            study_sensitivity(intake)

    def test_nothing_asked(self, telephone_run):
        study = telephone_run.study.model_copy(update={"sensitivity": None})
        with pytest.raises(UsageError, match=r"declares no \[sensitivity\]"):
            study_sensitivity(replace(telephone_run.intake, study=study))


class TestOtherErrors:
    def test_of_a_series_beside_the_declared_one(self, telephone_run, telephone):
        """Patients are clusters of 22, therapists of 3, who are too few; the estimate stays."""
        series = next(one for one in telephone_run.series if one.spec["name"] == "phq9")
        fit = series.model(4, declared=False).result
        witness = robust_of_mixed(fit, telephone_run.frame.frame.loc[fit.rows, "patient"].tolist())
        place = list(fit.model.x_names).index("he_within")
        robust = telephone.robust.set_index("errors")
        assert robust["n_clusters"].tolist()[1:] == [22, 3]
        assert (robust["estimate"] == telephone.design["headline"]["estimate"]).all()
        patient = robust.loc["patient"]
        assert patient["std_error"] == pytest.approx(np.sqrt(witness.vcov[place, place]), rel=1e-9)
        assert patient["df"] == pytest.approx(witness.df(np.eye(len(witness.vcov)))[place], rel=1e-9)
        assert [note.subject for note in telephone.notes if note.kind == "robust_few_clusters"] == ["therapist"]

    def test_of_a_regression_each_patient_is_hc2(self, adolescent_run):
        """By hand: e²/(1 − h) between two inverses of the squares of X."""
        head = adolescent_run.study.sensitivity.headline
        frame = adolescent_run.frame.frame
        full = estimate_of(adolescent_run.study, frame, head, head.term, keep=True)
        robust, _ = robust_beside(full, frame)
        fit = full.fit
        h, e = fit.diagnostics["leverage"].to_numpy(), fit.diagnostics["residual"].to_numpy()
        X = np.asarray(linear_model(fit).rows(fit.linear.points))
        M = np.linalg.inv(X.T @ X)
        error = np.sqrt((M @ (X.T * (e**2 / (1 - h))) @ X @ M)[-1, -1])
        assert fit.linear.frame["term"].iloc[-1] == "rationale_s1:ir"
        assert robust.set_index("errors").loc["patient", "std_error"] == pytest.approx(error, rel=1e-9)

    def test_a_factor_is_tested_at_once(self, telephone_run):
        """F of both coefficients as the fit's own contrast has it; HTZ under CR2."""
        study, frame = telephone_run.study, telephone_run.frame.frame
        frame = frame.assign(part=[["early", "mid", "late"][int(at > 4) + int(at > 8)] for at in frame["session"]])
        series = study.series[0].model_copy(update={"steps": ("he ~ part + (1 | patient)",)})
        study = study.model_copy(update={"series": (series,)})
        head = SensitivityHeadline(model="he_course", term="part")
        full = estimate_of(study, frame, head, "part", keep=True)
        expected = full.fit.anova().set_index("term").loc["part"]
        assert (full.estimate, full.df, full.p_value) == pytest.approx(
            (expected["statistic"], expected["df_den"], expected["p_value"]), rel=1e-9
        )
        assert len(full.terms) == 2
        robust, _ = robust_beside(full, frame)
        joint = robust[(robust["errors"] == "patient") & (robust["term"] == "part")].iloc[0]
        witness = robust_of_mixed(full.fit, frame.loc[full.rows, "patient"].tolist())
        F, _, df = witness.joint(np.eye(3)[1:], full.fit.beta)
        assert (joint["estimate"], joint["df1"], joint["df"]) == pytest.approx((F, 2, df), rel=1e-9)
        assert robust.groupby("errors", observed=True).size().to_dict() == {"declared": 1, "patient": 3, "therapist": 3}


FURTHER = (
    {
        "model": "he_on_tbh", "term": "tbh_within", "leave_out": ["therapist"],
        "choices": {"random": ["(1 | patient)"], "lag": {"tbh": [1]}},
    },
    {"model": "he_course", "term": "session", "leave_out": [], "choices": {"random": ["(1 | patient)"]}},
)  # fmt: skip


@pytest.fixture(scope="module")
def three(telephone_run):
    head = {"model": "phq9", "term": "he_within"}
    return asking(telephone_run.intake, headline=head, leave_out=["therapist"], further=FURTHER)


@pytest.fixture(scope="module")
def found(three):
    return study_sensitivity(three)


class TestSeveralFindings:
    def test_each_as_if_it_stood_alone(self, three, found):
        assert [len(one.frame) for one in found.findings] == [1, 4, 2]
        assert [len(one.left_out) for one in found.findings] == [3, 3, 0]
        alone = asking(three, headline={"model": "he_course", "term": "session"}, choices=FURTHER[1]["choices"])
        assert study_sensitivity(alone).findings[0].frame.equals(found.findings[2].frame)

    def test_the_table_on_top(self, found):
        second, third = found.frame.iloc[1], found.frame.iloc[2]
        one = found.findings[1]
        assert second["estimate"] == one.frame["estimate"].iloc[0]
        assert second["p_cr2"] == one.robust.set_index("errors").loc["patient", "p_value"]
        assert (second["low_without"], second["high_without"]) == (
            one.left_out["estimate"].min(), one.left_out["estimate"].max(),
        )  # fmt: skip
        changes = [*one.left_out["change"], *one.moves["mean_change"]]
        assert second["change"] == max(changes, key=abs)
        assert third["moved_by"] == "random part: (1 | patient)"

    def test_page_and_files(self, three, found, tmp_path):
        target = write_sensitivity(found, three.study, tmp_path)
        tables = {path.stem for path in (target / "tables").iterdir()}
        assert {"findings", "moves_2", "moves_3", "specifications_2", "cluster_robust_3", "left_out_2"} <= tables
        assert {path.stem for path in (target / "figures").iterdir()} == {
            "left_out_therapist_1", "left_out_therapist_2", "specification_curve_2", "specification_curve_3",
        }  # fmt: skip
        page = (target / "index.html").read_text(encoding="utf-8")
        assert "--finding 2 --specification 4" in page

    def test_a_cell_of_another_finding(self, three, found, tmp_path):
        one = write_specification(three.study, 2, tmp_path / "one", 3)
        assert one.study.series[0].steps[-1] == "he ~ session + (1 | patient)"
        with pytest.raises(UsageError, match="--finding: found 4, allowed 1 to 3"):
            write_specification(three.study, 1, tmp_path / "two", 4)


class TestLeftOut:
    def test_patients_as_influence_has_them(self, telephone_run, telephone):
        """The engine takes the patient's rows out of the sufficient statistics and goes on from the full fit."""
        fit = next(one for one in telephone_run.series if one.spec["name"] == "phq9").model(4, declared=False).result
        witness = fit.influence("patient").fixed
        witness = witness[witness["term"] == "he_within"].set_index("level")["estimate"]
        own = telephone.left_out[telephone.left_out["unit"] == "patient"].set_index("level")
        assert len(own) == 22
        np.testing.assert_allclose(own["estimate"], witness[own.index], rtol=1e-5)
        assert own["change"].abs().idxmax() == "P17"
        other = own.index[own["significance_changes"]].tolist()
        assert other == own.index[own["p_value"] >= 0.05].tolist() == ["P06", "P17"]
        row = telephone.summary_left_out.set_index("unit").loc["patient"]
        assert (row["low"], row["high"], row["moves_most"]) == (own["estimate"].min(), own["estimate"].max(), "P17")

    def test_a_rater_as_if_the_workbooks_had_never_come(self, telephone_run, telephone):
        """R3's files are set aside by name; scores of sessions with a second rater change, the others are lost."""
        files = telephone_run.intake.files
        names = files.loc[files["rater"] == "R3", "file"].tolist()
        intake = read_study(telephone_run.study.folder, set_aside=names)
        frame = study_frame(replace(intake, problems=())).frame
        series = next(one for one in intake.study.series if one.name == "phq9")
        table = declared_series(series, frame).coefficients
        row = table[(table["label"] == "4 within/between") & (table["term"] == "he_within")].iloc[0]
        own = telephone.left_out.set_index(["unit", "level"]).loc[("rater", "R3")]
        assert own[list(NUMBERS)].tolist() == pytest.approx(row[list(NUMBERS)].tolist(), rel=1e-9)
        rated = telephone_run.intake.ratings
        rated = rated[(rated["phase"] == "main") & rated["instrument"].isin(["ghes", "sthar"])]
        alone = rated.groupby("session_id")["rater"].agg(lambda names: set(names) == {"R3"})
        assert own["n_lost"] == alone.sum() == 22

    def test_of_a_regression_a_patient_moves_the_fences_too(self, adolescent_run):
        run = adolescent_run
        frame = run.frame.frame
        few = frame[frame["patient"].isin(["A09", "A14"]) | ~frame["hw2"].notna()]
        full = replace(full_of(run), rows=few.index[few["patient"].isin(["A09", "A14"])])
        made = Made(run.intake, run.items, run.scores, run.frame)
        found, _ = leave_out(made, full, ("patient",))
        for row in found.itertuples():
            kept = frame[frame["patient"] != row.level]
            assert row.estimate == pytest.approx(by_hand(kept), rel=1e-9)
        assert found["level"].tolist() == ["A09", "A14"]
        assert found["significance_changes"].tolist() == [True, False]

    def test_the_only_rater_cannot_be_left_out(self, telephone_run):
        intake = telephone_run.intake
        alone = replace(intake, ratings=intake.ratings[intake.ratings["rater"].isin(["R1", "A1"])])
        made = Made(alone, telephone_run.items, telephone_run.scores, telephone_run.frame)
        found, _ = leave_out(made, full_of(telephone_run), ("rater",))
        assert found["refusal"].tolist() == ["nobody else rated ghes, sthar"]
        assert found["estimate"].isna().all()


def by_hand(frame):
    """The product's slope: fences at 1.5 IQR, centred predictors, least squares."""
    data = frame.copy()
    for name in ("rationale_s1", "ir", "hw2"):
        low, high = data[name].quantile([0.25, 0.75])
        data[name] = data[name].clip(low - 1.5 * (high - low), high + 1.5 * (high - low))
    data = data[["hw2", "rationale_s1", "ir", "hispanic"]].dropna()
    x, z = (data[name] - data[name].mean() for name in ("rationale_s1", "ir"))
    design = np.column_stack([np.ones(len(data)), x, z, data["hispanic"], x * z])
    return np.linalg.lstsq(design, data["hw2"].to_numpy(dtype=float), rcond=None)[0][-1]


class TestMultiverse:
    def test_every_combination_once_the_declared_one_first(self, telephone):
        frame = telephone.frame
        choices = list(telephone.spec["choices"])
        assert choices == ["pooling", "reversed in ghes", "centring", "random part"]
        assert len(frame) == 16
        assert not frame.duplicated(choices).any()
        assert frame[choices].iloc[0].tolist() == ["mean", "difficulties", "within", "(session | patient)"]
        assert frame["estimate"].iloc[0] == telephone.design["headline"]["estimate"]

    @pytest.mark.parametrize("number", sorted(random.Random(18).sample(range(2, 17), 3)))
    def test_a_cell_is_made_again_by_its_own_declaration(self, telephone_run, telephone, tmp_path, number):
        out = tmp_path / "one"
        one = write_specification(telephone_run.study, number, out)
        intake = read_study(out)
        series = next(one for one in intake.study.series if one.name == "phq9")
        table = declared_series(series, study_frame(intake).frame).coefficients
        row = table[(table["step"] == 4) & (table["term"] == one.term)].iloc[-1]
        own = telephone.frame.set_index("specification").loc[number]
        assert own[list(NUMBERS)].tolist() == pytest.approx(row[list(NUMBERS)].tolist(), rel=1e-9)
        assert not (out / "report").exists()
        assert f"# Specification {number} of telephone_cbt" in (out / "study.toml").read_text(encoding="utf-8")

    @pytest.mark.parametrize("number", sorted(random.Random(8).sample(range(2, 13), 3)))
    def test_of_a_regression_a_cell_is_made_again(self, adolescent_run, tmp_path, number):
        study = adolescent_run.study
        one = write_specification(study, number, tmp_path / "one")
        own = run_specifications(adolescent_run.intake, [one])[0].iloc[0]
        assert one.number == number
        intake = read_study(tmp_path / "one")
        alone = intake.study.model_copy(update={"moderations": intake.study.moderations[1:2], "correlations": None})
        fit = regressions_of(alone, study_frame(intake).frame, [])["moderations"][0]
        row = fit.frame[fit.frame["term"] == "rationale_s1:ir"].iloc[0]
        assert own[list(NUMBERS)].tolist() == pytest.approx(row[list(NUMBERS)].tolist(), rel=1e-12)

    def test_missing_rule_lag_and_covariates_change_the_declaration(self, telephone_run):
        choices = {"minimum_valid": {"he": [5]}, "lag": {"he": [1]}, "covariates": [["session"]]}
        intake = asking(telephone_run.intake, headline={"model": "phq9", "term": "he_within"}, choices=choices)
        last = specifications(intake.study)[-1]
        (series,) = (one for one in last.study.series if one.name == "phq9")
        assert series.steps[-1] == "phq9 ~ he + session + (session | patient)"
        assert series.split == ("he",)
        assert last.study.codebooks["ghes"].scale("he").required == 5
        assert next(one for one in last.study.variables if one.name == "he").lag == 1
        assert last.study.sensitivity is None
        assert last.choices == {"items needed of he": "5", "lag of he": "1", "covariates": "session"}

    def test_each_kind_of_choice_acts(self, telephone_run):
        """Changed alone, each moves the estimate; the missing rule where no second rater fills a gap."""
        choices = {
            "pooling": ["primary"], "reverse": {"ghes": [[]]}, "minimum_valid": {"he": [5]}, "lag": {"he": [1]},
            "covariates": [["session"]], "centring": ["none"], "random": ["(1 | patient)"],
        }  # fmt: skip
        intake = asking(telephone_run.intake, headline={"model": "phq9", "term": "he_within"}, choices=choices)
        cases = specifications(intake.study)
        changed = [
            {name for name, value in one.choices.items() if value != cases[0].choices[name]} for one in cases
        ]  # fmt: skip
        single = [{name} for name in cases[0].choices if name != "items needed of he"]
        both = [{"pooling", "lag of he"}, {"pooling", "lag of he", "items needed of he"}]
        wanted = [one for one, names in zip(cases, changed, strict=True) if names in [set(), *single, *both]]
        found, _ = run_specifications(intake, wanted)
        assert (len(cases), len(found), found["estimate"].nunique()) == (128, 9, 9)
        assert (found["refusal"] == "").all()

    def test_what_cannot_be_estimated_is_a_row_with_its_reason(self, telephone_run):
        intake = asking(
            telephone_run.intake, headline={"model": "phq9", "term": "he_within"}, choices={"lag": {"he": [40]}}
        )
        found = study_sensitivity(intake).findings[0]
        assert found.frame["estimate"].notna().tolist() == [True, False]
        refusal = found.frame["refusal"].iloc[1]
        assert "he in 0" in refusal
        assert refusal.startswith("lag of he: found 40, allowed 0 to 11, since the last session of any patient is")
        assert found.design["among"]["n_refused"] == 1
        assert "could not be estimated" in found.note_texts()[1]
        assert found.moves["n_pairs"].tolist() == [0]

    def test_what_the_finding_does_not_stand_on_stops_no_specification(self, telephone_run):
        """Change of patients is of phq9 without a lag; a paper's table is of the declared model."""
        study = telephone_run.study
        assert (study.patient_changes[0].outcome, bool(study.papers.tables)) == ("phq9", True)
        head, choices = {"model": "phq9", "term": "he_within"}, {"lag": {"phq9": [1]}}
        found = run_all(asking(telephone_run.intake, headline=head, choices=choices))
        assert (found["refusal"] == "").all()
        assert found["estimate"].nunique() == 2

    @pytest.mark.parametrize(
        ("choices", "said"),
        [
            ({"random": ["(1 + session | patient)", "(session | patient)"]}, r"random: '\(session \| patient\)' is"),
            ({"random": ["(1 | patient) + (0 + session | patient)", "(session || patient)"]}, "written in another way"),
            ({"random": ["(1 + session | patient)"]}, "is what the study declares"),
            ({"covariates": [["tbh", "session"]]}, "covariates: 'tbh, session' is what the study declares"),
            ({"covariates": [["session", "therapist"], ["therapist", "session"]]}, "'session, therapist' written"),
            ({"pooling": ["mean"]}, "pooling: 'mean' is what the study declares.*change no number.*choices of its own"),
            ({"lag": {"he": [0]}}, "lag of he: '0' is what"),
            ({"minimum_valid": {"he": [7]}}, "minimum_valid of he: '7' is what"),
            ({"reverse": {"ghes": [["difficulties"]]}}, "reverse of ghes: 'difficulties' is what"),
            ({"centring": ["within"]}, "centring: 'within' is what"),
        ],
    )
    def test_what_would_change_no_number_is_refused(self, telephone_run, choices, said):
        intake = asking(telephone_run.intake, headline={"model": "phq9", "term": "he_within"}, choices=choices)
        with pytest.raises(UsageError, match=said):
            specifications(intake.study)

    @pytest.mark.parametrize(
        "choices", [{"outliers": [1.5]}, {"regression_errors": ["HC3"]}, {"covariates": [["hispanic"]]}]
    )
    def test_of_a_regression_as_well(self, adolescent_run, choices):
        head = {"model": "rationale_s1"}
        with pytest.raises(UsageError, match="is what the study declares"):
            specifications(asking(adolescent_run.intake, headline=head, choices=choices).study)

    def test_a_rule_that_never_acts_is_said_to_repeat_numbers(self, telephone_run):
        """By the mean of the raters no score of he lacks an item: five of seven are there as often as seven."""
        head, choices = (
            {"model": "phq9", "term": "he_within"},
            {"minimum_valid": {"he": [5]}, "random": ["(1 | patient)"]},
        )
        found = study_sensitivity(asking(telephone_run.intake, headline=head, choices=choices)).findings[0]
        assert found.design["among"]["n_repeated"] == 2
        assert any(
            "2 of 4 estimated specifications repeat exactly the numbers of another one (nothing changes in these data "
            "with items needed of he: 5)" in text
            for text in found.note_texts()
        )

    def test_too_many_are_refused(self, telephone_run):
        lags = list(range(1, 50))
        choices = {"lag": {"he": lags, "tbh": lags}}
        intake = asking(telephone_run.intake, headline={"model": "phq9", "term": "he_within"}, choices=choices)
        with pytest.raises(UsageError, match=r"2,500 specifications \(lag of he: 50, lag of tbh: 50\)"):
            specifications(intake.study)

    def test_what_moves_and_the_place_among_all_by_hand(self):
        frame = pd.DataFrame({
            "pooling": ["a", "a", "a", "b", "b", "b"], "lag": ["0", "1", "2"] * 2,
            "estimate": [1.0, 2.0, -1.0, 1.5, np.nan, 0.5], "p_value": [0.01, 0.2, 0.3, 0.04, np.nan, 0.5],
            "converged": [True, True, True, True, False, False], "singular": False,
            "refusal": ["", "", "", "", "no", ""],
        })  # fmt: skip
        moves = what_moves(frame, ["pooling", "lag"]).set_index(["choice", "instead"])
        assert moves.loc[("pooling", "b"), ["n_pairs", "mean_change"]].tolist() == [1, 0.5]
        assert moves.loc[("lag", "2"), "share"] == pytest.approx(5.0625 / 5.1875)
        assert moves.loc[("lag", "2"), ["n_pairs", "mean_change", "significant_declared"]].tolist() == [1, -2.0, 1.0]
        place = among(frame)
        assert (place["n"], place["n_estimated"], place["n_refused"], place["n_not_converged"]) == (6, 4, 1, 1)
        assert (place["median"], place["low"], place["high"], place["rank"]) == (1.25, -1.0, 2.0, 2)
        assert (place["same_sign"], place["significant"]) == (0.75, 0.5)
        assert place["n_repeated"] == 0


class TestFolder:
    def test_page_tables_figures_and_nothing_else(self, telephone_run, answer, tmp_path):
        telephone = answer.findings[0]
        target = write_sensitivity(answer, telephone_run.study, tmp_path)
        paths = sorted(path.relative_to(tmp_path).as_posix() for path in target.rglob("*") if path.is_file())
        assert all(map(is_of_sensitivity, paths))
        assert [path for path in paths if path.endswith(".svg")] == [
            f"sensitivity/figures/{name}.svg"
            for name in ("left_out_patient", "left_out_rater", "left_out_therapist", "specification_curve")
        ]
        with (target / "tables" / "specifications.csv").open(encoding="utf-8-sig", newline="") as table:
            read = [float(row["estimate"]) for row in csv.DictReader(table)]
        assert read == telephone.frame["estimate"].tolist()
        record = json.loads((target / "results.json").read_text(encoding="utf-8"))
        assert len(record["findings"][0]["left_out"]) == 30
        page = (target / "index.html").read_text(encoding="utf-8")
        assert "without P06 or P17" in page
        assert "22 to 24 sessions are lost that nobody else rated" in page
        with pytest.raises(UsageError, match="Add --overwrite"):
            write_sensitivity(answer, telephone_run.study, tmp_path)
        (target / "mine.txt").touch()
        with pytest.raises(UsageError, match=r"mine\.txt is a file which no sensitivity analysis writes"):
            write_sensitivity(answer, telephone_run.study, tmp_path, overwrite=True)

    def test_a_specification_goes_into_a_folder_of_its_own(self, telephone_run, tmp_path):
        study = telephone_run.study
        for number, out, said in (
            (17, tmp_path / "a", "allowed 1 to 16"),
            (1, tmp_path, "is there already"),
            (1, study.folder / "inside", "lies inside the study folder"),
        ):
            with pytest.raises(UsageError, match=said):
                write_specification(study, number, out)

    def test_the_command(self, telephone_run, tmp_path, monkeypatch, capsys):
        folder = telephone_run.study.folder
        for words, code, said in (
            (["--specification", "3"], 2, "go together; give both"),
            (["--specification", "5", "--write", str(tmp_path / "five")], 0, "doublecode run"),
        ):
            monkeypatch.setattr(sys, "argv", ["doublecode", "sensitivity", str(folder), *words])
            with pytest.raises(SystemExit) as left:
                cli.main()
            printed = " ".join(capsys.readouterr())
            assert (left.value.code or 0, said in " ".join(printed.split())) == (code, True)


def cells_of(trace):
    return {tuple(row) for row in trace.frame[["file", "cell", "of"]].itertuples(index=False)}


class TestTrace:
    @pytest.fixture
    def folder(self, telephone_run, answer, tmp_path):
        write_sensitivity(answer, telephone_run.study, tmp_path)
        return tmp_path

    def test_the_declared_cells_are_the_report_s(self, telephone_run, folder):
        """The step's table of the run's report leads to the same cells, another way."""
        document = build_document(telephone_run)
        traced = TraceFile(telephone_run, document, TracedTables(telephone_run))
        _, rows = traced.tables["phq9_split"]
        row = [one for one in rows if "he_within" in one.names][-1]  # of the last step, which has tbh as well
        pairs = list(read_set(traced.sets[next(iter(row.sets.values()))]))
        witness = {(traced.cells[at].file, traced.cells[at].cell, traced.roles[role].of) for at, role in pairs}
        report = traced_folder(telephone_run.study, folder, "specifications")
        assert cells_of(report.number("specifications", ("1",), "estimate")) == witness

    def test_a_specification_stands_on_what_its_rules_take(self, telephone_run, telephone, folder):
        """Of the primary rater alone there are fewer cells, all of them among those of both raters."""
        report = traced_folder(telephone_run.study, folder, "specifications")
        both, primary = (report.number("specifications", (number,), "estimate") for number in ("1", "9"))
        assert primary.spec["value"] == telephone.frame.set_index("specification").loc[9, "estimate"]
        assert cells_of(primary) < cells_of(both)
        assert primary.frame[primary.frame["of"] == "he"].groupby(["session_id", "item"])["rater"].nunique().max() == 1

    def test_without_a_patient_and_without_a_rater(self, telephone_run, folder):
        report = traced_folder(telephone_run.study, folder, "left_out_levels")
        all_of = report.number("cluster_robust", ("as declared",), "estimate").frame
        patient = report.number("left_out_levels", ("P17",), "estimate").frame
        own = telephone_run.intake.sessions.set_index("session_id")["patient"]
        gone = all_of[~all_of["cell"].isin(patient["cell"]) | ~all_of["file"].isin(patient["file"])]
        assert set(own.reindex(patient["session_id"]).dropna()) == set(own.reindex(all_of["session_id"]).dropna()) - {
            "P17"
        }
        assert set(own.reindex(gone["session_id"]).dropna()) <= {"P17"}
        rater = report.number("left_out_levels", ("R3",), "estimate").frame
        assert "R3" in set(all_of["rater"])
        assert "R3" not in set(rater["rater"])

    def test_other_tables_are_the_report_s(self, telephone_run, folder):
        with pytest.raises(UsageError, match="report is not there"):
            traced_folder(telephone_run.study, folder, "phq9_split")

    def test_no_table_is_called_as_one_of_the_report(self, telephone_run, answer):
        names = {table.name for table in build_document(telephone_run).tables()}
        assert not names & {table.name for table in sensitivity_document(answer, telephone_run.study).tables()}


class TestState:
    def test_of_the_same_declaration_and_of_an_earlier_one(self, telephone_run, answer, tmp_path):
        """A changed ledger of what counts, and a changed study.toml, make it stale; the page says so once."""
        study = telephone_run.study.model_copy()
        study._folder = tmp_path
        moved = replace(telephone_run.intake, study=study)
        assert sensitivity_state(moved) is State.ABSENT
        (tmp_path / "study.toml").write_text("# now\n", encoding="utf-8")
        (tmp_path / "sensitivity").mkdir()
        page = tmp_path / "sensitivity" / "index.html"
        page.write_text(render_page(sensitivity_document(answer, study)), encoding="utf-8")
        assert sensitivity_state(moved) is State.STALE  # of a version that kept no manifest
        (page.parent / "manifest.json").write_text(to_json(manifest_of(moved, ("numpy",))), encoding="utf-8")
        assert sensitivity_state(moved) is State.SAME
        assert not mark_stale(moved)
        others = moved.files.assign(sha256=moved.files["sha256"].iloc[0])
        assert sensitivity_state(replace(moved, files=others)) is State.STALE
        (tmp_path / "study.toml").write_text("# changed\n", encoding="utf-8")
        assert (mark_stale(moved), mark_stale(moved)) == (True, False)
        assert page.read_text(encoding="utf-8").count("This page is of an earlier state") == 1

    def test_the_report_names_the_command_or_the_page(self, telephone_run, monkeypatch):
        section = sensitivity_section(telephone_run)
        assert "doublecode sensitivity telephone_cbt`" in section.blocks[0].text
        monkeypatch.setattr(sensitivity_state_module, "sensitivity_state", lambda intake: State.SAME)
        assert sensitivity_section(telephone_run).blocks[0].links[0].address == "../sensitivity/index.html"
        monkeypatch.setattr(sensitivity_state_module, "sensitivity_state", lambda intake: State.STALE)
        assert "of an earlier state" in sensitivity_section(telephone_run).blocks[0].text


@pytest.fixture(scope="module")
def lost(telephone_run, answer):
    """The answer with what is missing, few imputations."""
    few = {"imputations": 2, "burn_in": 20, "thin": 20}
    asked = telephone_run.study.sensitivity
    asked = asked.model_copy(update={"missing": asked.missing.model_copy(update=few)})
    intake = replace(telephone_run.intake, study=telephone_run.study.model_copy(update={"sensitivity": asked}))
    made, head = answer.made, asked.headline
    full = estimate_of(intake.study, made.built.frame, head, head.term)
    found = missing_data(intake, made.built, (made.items, made.scores), full)
    return replace(answer, findings=(replace(answer.findings[0], missing=found),))


@pytest.fixture(scope="module")
def lost_folder(telephone_run, lost, tmp_path_factory):
    folder = tmp_path_factory.mktemp("missing")
    write_sensitivity(lost, telephone_run.study, folder)
    return folder


class TestTraceOfMissingData:
    def test_missing_data_lead_to_their_cells(self, telephone_run, lost, lost_folder):
        """Counts of cells by the numbers themselves; what was imputed by pandas."""
        report = traced_folder(telephone_run.study, lost_folder, "missing_flow")
        names = {table.name for table in sensitivity_document(lost, telephone_run.study).tables()}
        assert names == set(report.record["tables"])
        for unit, stage, column in (("patients", "coded", "n"), ("sessions", "analysed", "lost")):
            found = report.number("missing_flow", (unit, stage), column)
            assert found.design["n_cells"] == found.spec["value"]
        ages = report.number("lost_patients", ("age",), "mean_lost")
        assert pd.to_numeric(ages.frame["value"]).mean() == ages.spec["value"]
        assert report.number("lost_sessions", ("minutes",), "d").design["n_cells"] == 210
        plain, attended = (report.number("attendance_headline", (one,), "estimate") for one in ("declared", "time"))
        assert cells_of(plain) == cells_of(report.number("specifications", ("1",), "estimate"))
        counted = {cell for cell in cells_of(attended) - cells_of(plain) if cell[2] == "sessions_attended"}
        assert counted == cells_of(attended) - cells_of(plain)
        assert len(counted) == 210

    def test_an_imputed_finding_stands_on_all_that_the_imputation_saw(self, telephone_run, lost_folder):
        report = traced_folder(telephone_run.study, lost_folder, "imputed_headline")
        complete, imputed = (report.number("imputed_headline", (one,), "estimate") for one in ("complete", "imputed"))
        assert {one[:2] for one in cells_of(complete)} < {one[:2] for one in cells_of(imputed)}
        he = report.number("imputed_cells", ("he",), "mean_observed")
        scored = telephone_run.frame.frame
        assert he.frame["session_id"].nunique() == scored["he"].notna().sum() == 194
        with pytest.raises(UsageError, match="n_missing stands on no cell"):
            report.number("imputed_cells", ("he",), "n_missing")
