"""What therapists' pages say: means against R and formulas, planted therapists, small cells, remarks."""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import read_study, therapist_pages
from doublecode.analysis.study.therapist_estimates import therapist_contrasts, trend, verdict
from doublecode.analysis.study.therapist_facts import course_of
from doublecode.analysis.study.therapist_remarks import masked
from doublecode.analysis.study.therapist_values import page_of
from doublecode.schemas.errors import UsageError
from doublecode.schemas.problems import Problem
from doublecode.schemas.therapist_page import TherapistPage

REFERENCE = Path(__file__).parents[2] / "reference"
STUDIES = Path(str(files("doublecode.data_examples")))
LIMITS = ["estimate", "conf_low", "conf_high", "df"]


@pytest.fixture(scope="module")
def intake():
    return read_study(STUDIES / "adolescent_cbt")


def asking(intake, **changes):
    page = TherapistPage(**{"instruments": ("thabs",), **changes})
    return replace(intake, study=intake.study.model_copy(update={"therapist_page": page}))


def of(found, therapist, name="specification"):
    rows = found.frame[(found.frame["therapist"] == therapist) & (found.frame["name"] == name)]
    return rows.iloc[0]


def keep(intake, therapist, n_patients, n_sessions=99):
    """The study with no more than so many patients of one therapist, and sessions of each."""
    own = intake.sessions[intake.sessions["therapist"] == therapist]
    kept = own["patient"].drop_duplicates().head(n_patients)
    own = own[own["patient"].isin(kept) & (own["session"] <= n_sessions)]
    gone = (intake.ratings["therapist"] == therapist) & ~intake.ratings["session_id"].isin(own["session_id"])
    return replace(intake, ratings=intake.ratings[~gone])


@pytest.fixture(scope="module")
def planted(intake):
    """The specification of T3 two points lower than it was."""
    ratings = intake.ratings.copy()
    low = (ratings["therapist"] == "T3") & (ratings["item"] == "specification")
    ratings.loc[low, "value"] = (ratings.loc[low, "value"] - 2).clip(lower=0)
    cut = {"instrument": "thabs", "item": "specification", "value": 1.5, "source": "here"}
    return therapist_pages(asking(replace(intake, ratings=ratings), thresholds=(cut,)))


@pytest.fixture(scope="module")
def chosen(intake):
    return therapist_pages(asking(intake)).recordings


@pytest.fixture(scope="module")
def remarked(intake):
    row = intake.ratings[intake.ratings["therapist"] == "T1"].iloc[0]
    patient = row["patient"].lower()
    told = [
        Problem("comment_found", row["source_file"], "Rate", f"H{row['source_cell'][1:]}", found=f'"{patient} cries"'),
        Problem("note_found", "x.xlsx", "Rate", "K9", row["session_id"], f'"as on 3.4.2020 with {row["rater"]}"'),
        Problem("note_found", "x.xlsx", "Rate", "K9", "S-NONE", '"of no session"'),
    ]
    return replace(intake, problems=(*intake.problems, *told))


class TestMeans:
    @pytest.mark.parametrize("held", ["plain", "equal"])
    def test_are_those_of_lme4_with_kenward_roger(self, held):
        rows = pd.read_csv(REFERENCE / "therapist_means.csv")
        if held == "plain":
            rows = rows.groupby(["therapist", "patient", "session_id"], as_index=False)["value"].mean()
        wanted = {"mean": {"A": 1.0}, "team": dict.fromkeys("BCD", 1 / 3)}
        wanted["difference"] = {"A": 1.0, **dict.fromkeys("BCD", -1 / 3)}
        found = therapist_contrasts(rows, wanted)
        expected = json.loads((REFERENCE / "therapist_means.json").read_text())[held]
        for name, values in expected.items():  # lmer stops at 1e-5 of its criterion, hence the tolerance
            assert found.loc[name, LIMITS].tolist() == pytest.approx([values[key] for key in LIMITS], abs=2e-3)

    def test_of_one_session_per_patient_are_least_squares(self):
        rows = pd.DataFrame({"therapist": list("AAABBB"), "patient": range(6), "session_id": range(6)})
        rows["value"] = [1.0, 2, 3, 5, 5, 8]
        found = therapist_contrasts(rows, {"A": {"A": 1.0}})
        half = 2.7764451 * np.sqrt((2 + 6) / 4 / 3)  # t(4), pooled variance by the patients of A
        assert found.loc["A"].tolist() == pytest.approx([2, 2 - half, 2 + half, 4])

    def test_raters_who_share_no_therapist_are_not_held_equal(self):
        rows = pd.read_csv(REFERENCE / "therapist_means.csv")
        apart = rows.assign(rater=np.where(rows["therapist"] == "A", "R1", "R2"))
        assert therapist_contrasts(apart, {"A": {"A": 1.0}}).isna().all(axis=None)

    def test_without_spread_have_no_limits(self):
        rows = pd.DataFrame({"therapist": list("AABB"), "patient": range(4), "session_id": range(4), "value": 2.0})
        assert therapist_contrasts(rows, {"A": {"A": 1.0}}).isna().all(axis=None)


class TestTrend:
    def test_of_as_many_sessions_is_the_mean_of_the_patients_slopes(self):
        rng = np.random.default_rng(3)
        rows = pd.DataFrame({"patient": np.repeat(list("abcde"), 4), "session": np.tile([1, 2, 3, 4], 5)})
        rows["value"] = rows["session"] * np.repeat([0.1, 0.5, 0.2, 0.9, 0.3], 4) + rng.normal(0, 0.2, 20).round(3)
        slopes = [np.polyfit(own["session"], own["value"], 1)[0] for _, own in rows.groupby("patient")]
        half = 2.7764451 * np.std(slopes, ddof=1) / np.sqrt(5)  # t(4)
        found = trend(rows)
        expected = [np.mean(slopes), np.mean(slopes) - half, np.mean(slopes) + half, 4]
        assert [found[key] for key in LIMITS] == pytest.approx(expected)

    def test_is_none_of_whose_late_sessions_were_coded(self):
        rows = pd.DataFrame({"patient": list("aabbcc"), "session": [1, 2, 5, 6, 8, 9], "value": [1.0, 1, 2, 2, 3, 3]})
        assert trend(rows)["estimate"] == pytest.approx(0)
        one_each = pd.DataFrame({"patient": list("abc"), "session": [1, 5, 9], "value": [1.0, 2, 3]})
        assert np.isnan(trend(one_each)["estimate"])


class TestVerdicts:
    def test_find_the_planted_therapist_and_nobody_else(self, planted):
        rows = planted.frame[planted.frame["name"] == "specification"].set_index("therapist")
        assert rows.index[rows["team_verdict"] == "below"].tolist() == ["T3"]
        assert rows.loc["T3", "threshold_verdict"] == "below"
        assert "below" not in rows["threshold_verdict"].drop("T3").tolist()

    def test_team_is_the_others_each_counting_alike(self, planted):
        rows = planted.frame[planted.frame["name"] == "specification"].set_index("therapist")
        assert rows.loc["T3", "team"] == pytest.approx(rows["mean"].drop("T3").mean(), abs=1e-9)
        assert (rows["n_colleagues"] == 7).all()
        assert rows["difference"].tolist() == pytest.approx((rows["mean"] - rows["team"]).tolist(), abs=1e-9)

    def test_of_a_severe_rater_are_not_given(self):
        rng = np.random.default_rng(5)
        rows = pd.DataFrame({"therapist": np.repeat(list("ABCD"), 24), "patient": np.repeat(range(32), 3)})
        rows["session_id"], rows["rater"] = range(96), "kind"
        severe = (rows["therapist"] == "A") & (rows.index % 6 != 0)
        rows.loc[severe | (rows.index % 12 == 5), "rater"] = "severe"
        rows["value"] = rng.normal(0, 0.3, 96).round(3) - 1.5 * (rows["rater"] == "severe")
        wanted = {"difference": {"A": 1.0, "B": -1 / 3, "C": -1 / 3, "D": -1 / 3}}
        plain = therapist_contrasts(rows.drop(columns="rater"), wanted).iloc[0]
        equal = therapist_contrasts(rows, wanted).iloc[0]
        assert verdict([plain], 0.0) == "below"
        assert verdict([plain, equal], 0.0) == "not decided"


class TestSmallCells:
    def test_of_two_patients_nothing_is_known(self, intake):
        found = therapist_pages(asking(keep(intake, "T2", 2)), therapist="T2")
        row = of(found, "T2")
        numbers = found.frame.drop(columns=["threshold"]).select_dtypes("number")
        assert row["state"] == "too few"
        assert numbers.isna().all(axis=None)
        assert found.courses.empty
        assert found.design["therapists"]["T2"] == {"n_sessions": None, "n_patients": None}

    def test_and_of_three_it_is(self, intake):
        row = of(therapist_pages(asking(keep(intake, "T2", 3)), therapist="T2"), "T2")
        assert (row["state"], row["n_patients"]) == ("estimated", 3)

    def test_one_session_of_one_patient_has_a_page_without_numbers(self, intake):
        found = therapist_pages(asking(keep(intake, "T2", 1, 1)))
        assert set(found.frame.loc[found.frame["therapist"] == "T2", "state"]) == {"too few"}
        assert of(found, "T1")["n_colleagues"] == 6  # the small one is no colleague either

    def test_a_team_of_two_is_shown_only_where_it_is_declared(self, intake):
        three = replace(intake, ratings=intake.ratings[intake.ratings["therapist"].isin(["T1", "T2", "T3"])])
        assert therapist_pages(asking(three)).frame["team"].isna().all()
        assert therapist_pages(asking(three, fewest_colleagues=2)).frame["team"].notna().all()

    def test_a_session_number_of_few_patients_is_in_no_course(self, intake):
        found = therapist_pages(asking(intake, fewest_patients=6)).courses
        assert (found["n_patients"] >= 6).all()
        assert len(found)

    @pytest.mark.parametrize(
        ("coded", "shown"),
        [
            ({1: "abcde", 2: "abcd", 3: "a"}, [1]),  # without 2 the mean less both points is what a did in 3
            ({1: "abcde", 2: "abcd", 3: "ab", 4: "c"}, [1, 2]),  # 3 and 4 are three patients
            ({1: "abc", 2: "abc", 3: "abc"}, [1, 2, 3]),
            ({1: "abc", 2: "ab"}, []),
            ({1: "a", 2: "b"}, []),
        ],
    )
    def test_no_point_is_what_the_mean_and_the_others_leave(self, coded, shown):
        """One number from the page less others must not be the value of fewer than three patients."""
        rows = pd.DataFrame(
            [{"session": session, "patient": patient, "value": float(len(patients) * session)}
             for session, patients in coded.items() for patient in patients]
        )  # fmt: skip
        found = course_of(rows, 3)
        assert found["session"].tolist() == shown
        left = rows[~rows["session"].isin(shown)]
        assert left["patient"].nunique() >= 3 or left.empty or not shown
        assert found["mean"].tolist() == [len(coded[session]) * session for session in shown]


class TestRefusals:
    def test_nothing_declared_says_what_to_add(self, intake):
        study = intake.study.model_copy(update={"therapist_page": None})
        with pytest.raises(UsageError, match=r'Add \[therapist_page\].*"thabs", "homework_adherence"'):
            page_of(study)

    def test_nobody_says_who_the_therapist_was(self, intake):
        blank = replace(intake, sessions=intake.sessions.assign(therapist=None))
        with pytest.raises(UsageError, match="Fill in the column therapist"):
            therapist_pages(asking(blank))

    def test_all_missing(self, intake):
        with pytest.raises(UsageError, match="no session of a known therapist was coded"):
            therapist_pages(asking(replace(intake, ratings=intake.ratings.assign(value=np.nan))))

    def test_a_therapist_who_is_not_there(self, intake):
        with pytest.raises(UsageError, match="did you mean 'T1'"):
            therapist_pages(asking(intake), therapist="T11")


class TestRecordings:
    def test_each_session_once_and_numbered_on_every_page(self, chosen):
        for _, rows in chosen.groupby("therapist"):
            assert rows["session_id"].is_unique
            assert rows["recording"].tolist() == list(range(1, len(rows) + 1))

    def test_lowest_are_low_and_raters_apart_are_apart(self, intake, chosen):
        ratings = intake.ratings.set_index(["session_id", "item"])["value"]
        pooled = intake.ratings.groupby(["therapist", "item", "session_id"])["value"].mean()
        for row in chosen.to_dict("records"):
            values = ratings.loc[[(row["session_id"], row["name"])]] if row["name"] else None
            if row["why"] == "raters apart":
                assert values.max() - values.min() == row["value"]
                assert row["value"] > 1
            elif row["why"] in ("lowest", "highest"):
                assert values.mean() == pytest.approx(row["value"])
                away = row["value"] - pooled.loc[row["therapist"], row["name"]].mean()
                assert (away < 0) == (row["why"] == "lowest")

    def test_the_lowest_is_the_one_that_lies_farthest_from_the_therapist_s_mean(self, intake, chosen):
        rated = intake.ratings[intake.ratings["instrument"] == "thabs"]
        pooled = rated.pivot_table(index=["therapist", "session_id"], columns="item", values="value")
        own = pooled.loc["T1"]
        far = (own - own.mean()) / pooled.std()
        rows = chosen[chosen["therapist"] == "T1"].set_index("why")
        assert rows.loc[["lowest"], "session_id"].iloc[0] == far.min(axis=1).idxmin()

    def test_what_a_codebook_flags_is_named(self, intake, monkeypatch):
        asked = asking(intake, hear_again=1)
        book = asked.study.codebooks["thabs"]
        items = [one.model_copy(update={"flag_from": 2 if one.name == "review" else None}) for one in book.items]
        flagging = book.model_copy(update={"items": tuple(items)})
        vars(flagging).pop("columns", None)  # cached of the items before
        monkeypatch.setitem(vars(asked.study), "codebooks", {**asked.study.codebooks, "thabs": flagging})
        row = therapist_pages(asked, therapist="T1").recordings.set_index("why").loc["flagged"]
        rated = intake.ratings[intake.ratings["session_id"] == row["session_id"]]
        assert rated.loc[rated["item"] == "review", "value"].max() == row["value"] >= 2
        assert row["name"] == "review"

    def test_none_is_named_where_none_is_asked_for(self, intake):
        assert therapist_pages(asking(intake, hear_again=0)).recordings.empty


class TestRemarks:
    def test_are_kept_out_unless_asked_for(self, remarked):
        assert therapist_pages(asking(remarked)).remarks.empty
        assert len(therapist_pages(asking(remarked), comments=True).remarks)

    def test_find_their_session_and_lose_their_ids(self, remarked):
        found = therapist_pages(asking(remarked, comments=True), therapist="T1")
        assert found.remarks["text"].tolist() == ["[…] cries", "as on […] with […]"]
        assert "remark" in found.recordings["why"].tolist()

    @pytest.mark.parametrize(
        ("text", "ids", "said"),
        [
            ("12 minutes with 12", ["12"], "[…] minutes with […]"),  # rather too much than too little
            ("a123 stays", ["12"], "a123 stays"),
            ("120 stays, 12a does not", ["12"], "120 stays, […]a does not"),
            ("p07s3, P 07, P_07_x; P070", ["P07"], "[…]s3, […], […]_x; P070"),
            ("Annas note, Hannas", ["anna"], "[…] note, Hannas"),
            ("Jo\u0308rg, JÖRG", ["jörg"], "[…], […]"),  # as a Mac writes it
            ("with S-7K…", ["S-7KQ"], "with […]"),  # a long remark, cut within an id
            ("it was long…", ["P07"], "it was long…"),
            ("Frau Maier-Groß called", ["MAIER-GROSS", "maier-groß"], "Frau […] called"),
            ("C++ (P.1)", ["P.1"], "C++ ([…])"),
            ("2020-04-03, 3. April 2020, 3 Mar, a@b.de", [], "[…], […], […], […]"),
            ("session 4, minute 31: 2-3 points", [], "session 4, minute 31: 2-3 points"),
            ("nothing", ["", " "], "nothing"),
        ],
    )
    def test_masks(self, text, ids, said):
        assert masked(text, ids) == said
