"""What the audit asks of statements that carry the numbers of two published papers (in sentences of our own)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from doublecode.analysis import audit
from doublecode.schemas.errors import UsageError

TYPES = (
    "Over all sessions 411 tasks were given in total. Most were classified as psychoeducational (n = 142; 35%) and "
    "behavioural (n = 138; 31%), then cognitive (n = 76; 18%), self-monitoring (n = 36; 9%), and relapse-related "
    "(n = 29; 7%). In total, 380 (92.5%) of the tasks were done."
)
SESSIONS = (
    "Taped sessions (N = 197) of 22 patients (77% female, age: M = 54.1, SD = 18.8) were rated by five raters.\n\n"
    "All therapists were 34 years old on average (SD = 5.9). From 210 sessions in this sample, we could rate 194 "
    "sessions (92.4%); left out were sessions off the manual (n = 4) and lost recordings (n = 12). Prior to the "
    "rating, three therapy sessions from excluded cases were rated by all five raters.\n\n"
    "Each rater got between 32 and 38 sessions for the main rating. 40% of the sessions were drawn for double-ratings, "
    "which made 57 to 62 sessions rated per rater.\n\n"
    "The sample was on average 56 years old (SD = 18.1).\n\n"
)
MODELS = (
    "The new model fitted better (log-likelihood for model 1 = - 451.37 and for model 2 = − 448.05, p = .009; AIC for "
    "model 1 = 910.74 and for model 2 = 906.10; BIC for model 1 = 923.3 and for model 2 = 921.8) for the random "
    "intercept random slope model. Then model 3 did not (log-likelihood for model 2 = − 444.69 and for "
    "model 3 = − 444.24, p = .346; AIC for model 2 = 903.4 and for model 3 = 904.5; BIC for model 2 = 925.4 and for "
    "model 3 = 929.6)."
)


def questions(text: str) -> list[tuple[str, str, str]]:
    frame = audit(text).questions
    return list(zip(frame["check"], frame["printed"], frame["reason"], strict=True))


def verdicts(text: str) -> list[str]:
    return audit(text).frame["verdict"].tolist()


def test_parts_and_their_total_with_the_smallest_repair() -> None:
    found = audit(TYPES)
    assert questions(TYPES) == [("parts", "total 411", "")]
    assert "138 → 128 repairs the sum and the printed 31 %" in found.note_texts()[0]
    assert found.frame["verdict"].tolist() == ["question", "consistent"]  # 380 of 411 is 92.5 %


def test_parts_that_add_up_are_consistent() -> None:
    assert verdicts(TYPES.replace("138", "128")) == ["consistent"] * 7
    exclusions = (
        "A total of 90 were seen; left out were those who declined (n = 20), moved (n = 11) or were lost (n = 9)."
    )
    assert verdicts(exclusions) == ["not checked"]  # reasons need not be all
    assert verdicts("They were 50 (33 girls) with MDD (n =37), dysthymia (n =10), or another one (n =3).") == [
        "consistent"
    ]


def test_sessions_ages_and_loads_name_the_pilot() -> None:
    found = audit(SESSIONS)
    assert [(check, printed) for check, printed, _ in questions(SESSIONS)] == [
        ("printed_twice", "194 sessions"), ("loads", "32 to 38 sessions"), ("loads", "57 to 62 sessions"),
        ("printed_twice", "56 (18.1)"),
    ]  # fmt: skip
    sessions, main, twice, age = found.note_texts()
    assert "The 3 sessions of the pilot would explain it" in sessions
    assert "160 to 190 ratings, of 194 or 197 sessions" in main
    assert "45 to 60 % coded twice; printed 40 %. The pilot (3 sessions × 5 raters)" in twice
    assert "56 (18.1) here and 54.1 (18.8) in line 1" in age


def test_models() -> None:
    found = audit(SESSIONS + MODELS)
    own = found.frame[found.frame["place"] == "line 9"]
    assert own.loc[own["check"] == "parameters", "recomputed"].tolist() == [4, 5, 7, 8]
    rows = own[(own["check"] == "model_rows") & (own["verdict"] == "consistent")]
    assert [round(row) for row in rows["recomputed"]] == [171, 171, 172, 171]
    assert own.loc[own["verdict"] == "question", "check"].tolist() == [
        "likelihood_ratio", "model_name", "printed_twice", "model_rows",
    ]  # fmt: skip
    ratio = own[own["check"] == "likelihood_ratio"]
    assert ratio["recomputed"].tolist() == pytest.approx([0.009972, 0.342782], abs=1e-6)  # χ²(1) of 6.64 and 0.90
    assert ratio["reason"].tolist() == ["by_a_hair", ""]
    said = found.note_texts()
    assert any("171 to 172 rows, which fits 194 less one for each of 22 patients and not 197" in text for text in said)
    assert any("give 5 parameters" in text and "6 already" in text for text in said)


def test_slopes_and_their_p() -> None:
    assert questions("TBH went with HE (0.24, SE = 0.07, p = .032).") == [("coefficient_p", "p = .032", "few_df")]
    assert "only at 3 to 4 df" in audit("TBH went with HE (0.24, SE = 0.07, p = .032).").note_texts()[0]
    assert questions("HE went with symptoms (− 0.83, SD = 0.35, p = .015).") == [
        ("coefficient_p", "p = .015", "by_a_hair")
    ]
    assert verdicts("TBH did not (0.23, SD = 0.30, p = .437).") == ["consistent"]
    assert audit("Age (0.23, SD = 0.30, p = .001).").frame["reason"].tolist() == ["sd_is_no_se"]


def test_what_a_paragraph_says_of_its_sessions() -> None:
    text = (
        "Fifty teens started, with two dropping out before the second session and five more before Session 3.\n\n"
        "ICCs, based on double coding of 21 percent of available sessions (n = 19), ranged from .27 to .84. Four "
        "Session 1 tapes could not be coded because a tape failed (n = 2) or was forgotten (n = 2). One Session 2 tape "
        "could not be coded."
    )
    assert questions(text) == [("percent", "21 %", "")]
    assert "19 of 93 (50 + 48 held − 5 lost) is 20.4 %" in audit(text).note_texts()[0]
    assert verdicts(text.replace("21 percent", "20 percent"))[0] == "consistent"
    adherence = (
        "Of double coding, 30 percent of sessions ( n = 25), it was good. Of the 91 sessions we set out to code, 84 "
        "were rated. The remaining seven sessions (7.7 percent) could not be coded."
    )
    assert verdicts(adherence) == ["consistent", "consistent"]


def test_words_that_claim_what_cannot_be() -> None:
    text = "Initial Resistance\n\nA one-way mixed random ICC was .88. Scores (M =7.54, after outlier adjustment)."
    outliers = "\n\nOutliers were identified for three items (time: 2 outliers), and adherence (Session 2: 5 outliers)."
    assert [check for check, _, _ in questions(text + outliers)] == ["icc_model", "adjusted"]
    assert [
        check for check, _, _ in questions(text.replace("mixed ", "") + outliers.replace("time", "resistance"))
    ] == []


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("t(20) = 2.31, p = .032", "consistent"),
        ("t(20) = 2.31, p = .023", "question"),
        ("t(20) = 2,31; p = 0,032", "consistent"),
        ("*t*(20) = −2.31, *p* = .03", "consistent"),
        ("t20 = 2.31, p < .05", "consistent"),
        ("t81,3 = –0,78; p = 0,935", "question"),
        ("t = 2.31, df = 20, p = n.s.", "question"),
        ("t(29) = 1.80, p = .041 (one-tailed)", "consistent"),
        ("t(29) = 1.80, p = .041", "question"),
        ("F(2, 57) = 4.12, p = .021", "consistent"),
        ("F2,57 = 4.12, p = .021", "consistent"),
        ("F(2,105) = 4.12, p = .21", "question"),
        ("F = 7.90, df = 2,151, p = .041", "question"),
        ("χ²(1, N = 90) = 6.64, p = .009", "question"),
        ("χ2(1, N = 90) = 6.64, p = .010", "consistent"),
        ("Chi-Quadrat = 6,64; df = 1; p = ,010", "consistent"),
        ("z = 1.96, p = .050", "consistent"),
        ("r(48) = .31, p = .028", "consistent"),
        ("r = .31 (n = 50), p = .28", "question"),
        ("r = .31, p = .03", "not checked"),
        ("Spearman r = −.31, p = .03", None),
        ("t(40) = 5.2, p = .000", "consistent"),
        ("b = 0.45, SE = 0.11, p < .001", "consistent"),
        ("b = 0.45, SE = 0.11, t = 4.90", "question"),
        ("b = 0.45, SE = 0.11, 95% CI [0.23, 0.67]", "consistent"),
        ("b = 0.45, SE = 0.11, 95% CI [0.23, 0.76]", "question"),
        ("b = 0.45, SE = 0.11, 95% CI [0.23, 0.76] by bootstrap", "not checked"),
        ("β = .31, p = .03", "not checked"),
        ("OR = 2.4, 95% CI [1.2, 4.8], p = .013", None),
        ("45 of 120 patients (37.5%)", "consistent"),
        ("45/120 (37.7%)", "question"),
        ("The mean sum score was 12.39 (SD = 4.1, n = 28).", "consistent"),
        ("The mean sum score was 12.37 (SD = 4.1, n = 28).", "question"),
        ("The mean rating was 2.37 (SD = 0.4, n = 28).", None),
    ],
)
def test_one_statement(text: str, verdict: str | None) -> None:
    found = verdicts(f"As expected, {text}." if text[0].islower() else text)
    assert set(found) == ({verdict} if verdict else set())


def test_a_matrix_that_no_data_have() -> None:
    head = "Table 2. Correlations\n\n| | 1 | 2 | 3 |\n|---|---|---|---|\n"
    table = head + "| 1. A | – | | |\n| 2. B | .80 | – | |\n| 3. C | {} | .70 | – |\n"
    assert verdicts(table.format(".60")) == ["consistent"]
    assert questions(table.format("−.60")) == [("correlations", "3 correlations", "")]
    a, b, c = 0.8, -0.6, 0.7
    cubic = (-1, 3, a * a + b * b + c * c - 3, 1 + 2 * a * b * c - a * a - b * b - c * c)  # |R − λI|
    least = audit(table.format("-.60")).frame["recomputed"][0]
    assert least == pytest.approx(min(np.roots(cubic)), abs=1e-9)


def test_beta_beyond_what_the_correlations_allow() -> None:
    text = (
        "Praise correlated with adherence (r = .50), time correlated with adherence (r = .40), and praise correlated "
        "with time (r = .50). With praise and time as the only predictors of adherence, praise had β = {}."
    )
    assert verdicts(text.format(".40")) == ["consistent"]  # (.5 − .4 × .5) / (1 − .25)
    assert questions(text.format(".52")) == [("beta", "β = 0.52", "")]


def test_rows_of_a_table_as_pdf_text_has_them() -> None:
    text = "Predictor B SE t p\nTime −0.08 0.03 −2.67 .009\nTBH 0.24 0.07 4.43 .001\n"
    assert questions(text) == [("coefficient_t", "t = 4.43", "")]


def test_an_answer_shows_itself_and_its_places() -> None:
    found = audit("Nothing here.\n\nt(20) = 2.31, p = .023.")
    assert found.frame.columns.tolist() == [
        "place", "statement", "check", "printed", "recomputed", "low", "high", "verdict", "reason",
    ]  # fmt: skip
    assert found.design == {"n_checks": 1, "n_consistent": 0, "n_questions": 1, "n_not_checked": 0}
    assert found.frame["place"].tolist() == ["line 3"]
    assert found.frame["statement"].tolist() == ["t(20) = 2.31, p = .023"]
    assert "line 3: p = .023: this t gives p of .0314 to .0320. Is it p = .032" in " ".join(str(found).split())


@pytest.mark.parametrize(
    "text", ["", "\n\n", "No numbers at all.", "((((((", "= = = p < t(", "p = 1.7, t(0) = 3, p = .1", "n = 0 (0%)"]
)
def test_nothing_to_check_is_no_fault(text: str) -> None:
    assert not (audit(text).frame["verdict"] == "question").any()


def test_no_text_is_refused() -> None:
    with pytest.raises(UsageError, match=r"audit: text is a int; it takes a text"):
        audit(3)  # type: ignore[arg-type]


def test_what_cannot_be_decided_has_no_number() -> None:
    row = audit("r = .31, p = .03").frame.iloc[0]
    assert math.isnan(row["recomputed"])
    assert row["reason"] == "no_df"
