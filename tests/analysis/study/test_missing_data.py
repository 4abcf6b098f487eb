"""Missing data of a declared finding: counts of the run, the models by hand, imputations made another way."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import impute, pool_imputed, study_sensitivity
from doublecode.analysis.linking.series import fit_series
from doublecode.analysis.report.sensitivity_folder import sensitivity_record, write_sensitivity
from doublecode.analysis.study.missing_data import missing_data
from doublecode.analysis.study.missing_tables import missing_tables
from doublecode.analysis.study.run import frame_of, score_study
from doublecode.analysis.study.sensitivity_estimate import estimate_of
from doublecode.analysis.study.unlagged_scores import session_scores
from doublecode.schemas.errors import UsageError
from doublecode.schemas.sensitivity import Sensitivity

HEAD = {"model": "phq9", "term": "he_within"}
FEW = {"imputations": 2, "burn_in": 20, "thin": 20, "seed": 4}


def asking(intake, missing, head=HEAD):
    """The same data under another [sensitivity.missing]."""
    sensitivity = Sensitivity.model_validate_json(json.dumps({"headline": head, "missing": missing}))
    study = intake.study.model_copy(update={"sensitivity": sensitivity})
    study.check_variables()
    return replace(intake, study=study)


def answer(run, missing, head=HEAD):
    intake = asking(run.intake, missing, head)
    full = estimate_of(intake.study, run.frame.frame, intake.study.sensitivity.headline, head.get("term"))
    return missing_data(intake, run.frame, score_study(intake), full)


@pytest.fixture(scope="module")
def telephone(telephone_run):
    return answer(telephone_run, {"compare": ["age", "gender", "phq9", "minutes"], "attendance": True, **FEW})


@pytest.fixture(scope="module")
def scores(telephone_run):
    return session_scores(telephone_run.intake, telephone_run.frame, score_study(telephone_run.intake),
                          ["phq9", "he", "tbh"])  # fmt: skip


class TestWhoIsLost:
    def test_counts_are_those_of_the_ledger(self, telephone_run, telephone):
        ledger = telephone_run.frame.flow.set_index("stage")
        flow = telephone.lost.flow.set_index(["unit", "stage"])["n"]
        assert flow["sessions", "analysed"] == ledger.loc["in the model: phq9", "kept"] == 161
        assert flow["sessions", "coded"] == ledger.loc["rated", "kept"]
        assert flow["patients", "declared"] == len(telephone_run.intake.patients)
        assert flow["patients", "analysed"] == 22
        for unit in ("patients", "sessions"):
            part = telephone.lost.flow[telephone.lost.flow["unit"] == unit]
            assert (part["n"].shift(1) - part["n"]).dropna().tolist() == part["lost"].iloc[1:].tolist()

    def test_reasons_are_all_in_the_file_and_the_commonest_on_the_page(self, telephone_run, telephone):
        """Every lost one has one reason; codes of tables and names of variables are words where people read them."""
        flow = telephone.lost.flow
        for row in flow.to_dict("records"):
            why = telephone.lost.why[row["unit"], row["stage"]]
            assert sum(n for _, n in why) == row["lost"]
            assert row["reasons"].count(" × ") == len(why)
        labels = {"he": "Homework engagement", "tbh": "Therapist behaviors"}
        table = next(missing_tables(telephone, labels))
        assert table.data is flow
        shown = table.frame.set_index(["unit", "stage"])["reasons"]
        assert shown["Patients", "with sessions"].startswith("98 × not included, no session was held: not eligible")
        assert shown["Sessions", "analysed"].startswith("20 × Therapist behaviors: ")
        assert shown["Sessions", "analysed"].endswith("7 × other reasons")
        assert table.notes == ("Other reasons: the CSV file of this table has each.",)

    def test_patients_are_compared_by_one_value_each(self, telephone_run, telephone):
        listed = telephone_run.intake.patients.set_index("patient")
        inside = telephone_run.frame.frame["patient"].unique()
        ages = pd.to_numeric(listed["age"])
        age = telephone.lost.patients.set_index("variable").loc["age"]
        assert age["mean_analysed"] == pytest.approx(ages[inside].mean())
        assert age["mean_lost"] == pytest.approx(ages.drop(inside).mean())
        assert (age["n_analysed"], age["n_lost"]) == (22, 2)

    def test_sessions_are_those_of_the_table_of_sessions(self, telephone_run, telephone):
        minutes = telephone.lost.sessions.set_index("variable").loc["minutes"]
        assert minutes[["n_analysed", "n_lost"]].tolist() == [161, 49]
        whole = telephone_run.intake.sessions.query("phase == 'main'")["minutes"].astype(float).mean()
        both = (161 * minutes["mean_analysed"] + 49 * minutes["mean_lost"]) / 210
        assert both == pytest.approx(whole)

    def test_of_a_frame_of_patients_there_are_no_sessions_to_compare(self, adolescent_run):
        found = answer(adolescent_run, {"compare": ["age", "hispanic", "ir"]}, {"model": "rationale_s1"})
        assert found.lost.sessions.empty
        assert found.lost.patients["n_lost"].tolist() == [9, 9, 5]
        assert found.attendance is None

    def test_what_is_no_column_is_refused(self, telephone_run):
        with pytest.raises(UsageError, match=r"compare: 'gendre'.*did you mean 'gender'"):
            answer(telephone_run, {"compare": ["gendre"]})
        with pytest.raises(UsageError, match="compare: 'status'"):
            answer(telephone_run, {"compare": ["status"]})


class TestAttendance:
    def test_without_it_the_finding_is_the_declared_one(self, telephone_run, telephone):
        series = next(one for one in telephone_run.series if one.spec["name"] == "phq9")
        table = series.coefficients
        wanted = table[(table["label"] == "4 within/between") & (table["term"] == "he_within")].iloc[0]
        found = telephone.attendance.headline.iloc[0]
        assert found["estimate"] == pytest.approx(wanted["estimate"], rel=1e-7)
        assert found["df"] == pytest.approx(wanted["df"], rel=1e-5)

    def test_a_patient_s_sessions_are_those_held(self, telephone_run, telephone):
        held = telephone_run.frame.frame.groupby("patient").size()
        found = telephone.attendance
        assert (found.mean, found.low, found.high) == (held.mean(), held.min(), held.max())


class TestImputed:
    def test_lagged_items_are_taken_apart_and_put_together_again(self, telephone_run, scores):
        frame = telephone_run.frame.frame
        again = scores.made_again(scores.frame, frame.assign(tbh=np.nan))
        there = frame["tbh"].notna()
        assert again.loc[there, "tbh"].to_numpy() == pytest.approx(frame.loc[there, "tbh"].to_numpy(), abs=1e-12)
        full = scores.made_again(scores.frame.fillna(1.0), frame)
        assert full.loc[full["session"] == 1, "tbh"].isna().all()
        assert full.loc[full["session"] > 1, "tbh"].notna().all()

    def test_a_lag_is_taken_out_and_in_again_by_session_number(self, telephone_run):
        intake = telephone_run.intake
        he = next(one for one in intake.study.variables if one.name == "he")
        earlier = he.model_copy(update={"name": "he_before", "lag": 2})
        study = intake.study.model_copy(update={"variables": (*intake.study.variables, earlier)})
        changed = replace(intake, study=study)
        items, made = score_study(changed)
        built = frame_of(changed, made, items)
        found = session_scores(changed, built, (items, made), ["he_before"])
        assert found.columns == ["he_before_unlagged"]
        again = found.made_again(found.frame, built.frame.assign(he_before=np.nan))
        pd.testing.assert_series_equal(again["he_before"], built.frame["he_before"])
        full = found.made_again(found.frame.fillna(0.0), built.frame)["he_before"]
        assert full.isna().tolist() == (built.frame["session"] < 3).tolist()

    def test_the_halves_of_a_scale_serve_two_variables(self, telephone_run):
        """tbh, and tbh of the session before: both are put together again from the same two halves."""
        intake = telephone_run.intake
        tbh = next(one for one in intake.study.variables if one.name == "tbh")
        earlier = tbh.model_copy(update={"name": "tbh_earlier", "lag": 1})
        study = intake.study.model_copy(update={"variables": (*intake.study.variables, earlier)})
        changed = replace(intake, study=study)
        items, made = score_study(changed)
        frame = frame_of(changed, made, items)
        found = session_scores(changed, frame, (items, made), ["tbh", "tbh_earlier"])
        assert found.columns == ["tbh_before", "tbh_same"]
        again = found.made_again(found.frame, frame.frame.assign(tbh=np.nan, tbh_earlier=np.nan))
        for name in ("tbh", "tbh_earlier"):
            there = frame.frame[name].notna()
            assert again.loc[there, name].to_numpy() == pytest.approx(
                frame.frame.loc[there, name].to_numpy(), abs=1e-12
            )

    def test_auxiliary_variables_are_drawn_with_the_others(self, telephone_run):
        intake = telephone_run.intake
        minutes = intake.study.variables[0].model_validate({"name": "length", "column": "minutes"})
        study = intake.study.model_copy(update={"variables": (*intake.study.variables, minutes)})
        changed = replace(intake, study=study)
        items, made = score_study(changed)
        found = answer(replace(telephone_run, intake=changed, frame=frame_of(changed, made, items)),
                       {**FEW, "auxiliary": ["length"]})  # fmt: skip
        assert found.imputed.spec["variables"][-1] == "length"

    def test_the_finding_is_that_of_frames_made_by_hand(self, telephone_run, telephone, scores):
        """The assigning items of the session before weigh five eighths; everything through the public doors."""
        names = ["phq9", "he", "tbh_before", "tbh_same"]
        drawn = impute(scores.frame, names, slopes=["session"], m=2, burn_in=20, thin=20, seed=4)
        fits = []
        for one in drawn.frames:
            before = one.assign(session=one["session"] + 1)[["patient", "session", "tbh_before"]]
            data = one.drop(columns="tbh_before").merge(before, on=["patient", "session"], how="left")
            data["tbh"] = 0.625 * data["tbh_before"] + 0.375 * data["tbh_same"]
            series = fit_series("phq9 ~ session + he + tbh + (session | patient)", data, split=["he", "tbh"],
                                intercept_at=1)  # fmt: skip
            fits.append(series.models[-1].result)
        wanted = pool_imputed(fits).frame.set_index("term").loc["he_within"]
        found = telephone.imputed.frame.set_index("analysis").loc["imputed"]
        for name in ("estimate", "std_error", "df", "fmi", "mc_error"):
            assert found[name] == pytest.approx(wanted[name], rel=1e-6), name
        assert found["n_rows"] == len(scores.frame) - 22
        assert telephone.imputed.cells["n_missing"].tolist() == [0, 16, 16, 16]

    def test_a_rater_s_missing_code_is_not_made_up(self, telephone_run):
        built = telephone_run.frame
        coded = built.absences.copy()
        note = next(one for one in coded["tbh"] if one is not None and one.kind == "value_not_scored")
        place = built.frame.index[built.frame["he"].isna()][0]
        coded.loc[place, "he"] = note
        other = replace(built, absences=coded)
        found = session_scores(telephone_run.intake, other, score_study(telephone_run.intake), ["phq9", "he"])
        assert not found.imputable.loc[place, "he"]
        assert np.isnan(found.made_again(found.frame.fillna(0.0), built.frame).loc[place, "he"])

    def test_rows_without_an_outcome_help_and_are_left_out(self, telephone_run):
        built = telephone_run.frame
        gone = built.frame.index[[5, 50, 120]]
        frame = built.frame.copy()
        frame.loc[gone, "phq9"] = np.nan
        absences = built.absences.copy()
        note = next(one for one in absences["he"] if one is not None and one.kind == "session_not_rated")
        absences["phq9"] = [note if at in gone else None for at in frame.index]
        run = replace(telephone_run, frame=replace(built, frame=frame, absences=absences))
        found = answer(run, FEW).imputed
        assert found.n_outcome == 3
        assert found.cells.set_index("variable").loc["phq9", "n_missing"] == 3
        assert found.frame["n_rows"].iloc[1] == 210 - 22 - 3

    def test_a_product_is_refused_with_the_reason(self, telephone_run):
        intake = telephone_run.intake
        series = tuple(
            one.model_copy(update={"steps": (*one.steps[:-1], "phq9 ~ session * he + tbh + (1 | patient)")})
            if one.name == "phq9"
            else one
            for one in intake.study.series
        )
        changed = replace(
            telephone_run, intake=replace(intake, study=intake.study.model_copy(update={"series": series}))
        )
        found = answer(changed, FEW)
        assert found.imputed is None
        assert "product session × he" in found.refusals["imputed"]


def test_page_and_record_hold_all_of_it(telephone_run, tmp_path):
    intake = asking(telephone_run.intake, {"compare": ["age", "phq9"], "attendance": True, **FEW})
    found = study_sensitivity(intake)
    folder = write_sensitivity(found, intake.study, tmp_path)
    page = (folder / "index.html").read_text(encoding="utf-8")
    for said in ("Who and what is missing", "How often patients came", "Missing scores imputed", "missing at random",
                 "items of the session before"):  # fmt: skip
        assert said in page
    written = {one.stem for one in (folder / "tables").glob("*.csv")}
    assert {"missing_flow", "lost_patients", "lost_sessions", "attendance_headline", "attendance_terms",
            "imputed_headline", "imputed_cells", "imputation_convergence"} <= written  # fmt: skip
    record = sensitivity_record(found)["findings"][0]["missing"]
    assert record["imputed"]["headline"][1]["estimate"] == found.findings[0].missing.imputed.frame["estimate"].iloc[1]
    assert record["flow"][0]["n"] == len(intake.patients)
    assert "Missing scores imputed" not in str(found)
    assert "complete rows" in str(found)
