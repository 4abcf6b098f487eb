"""What every public answer looks like: in the terminal, in a notebook, as Markdown.

One small classic or seeded input for every result that a public door opens on; what it is to look like stands in
``reference/shown``. After a change that is meant to change the looks, write the texts again with
``python tests/test_shown.py`` (or ``DOUBLECODE_SHOW=write pytest tests/test_shown.py``) and read the difference before
it is committed.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import cache
from html.parser import HTMLParser
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import docx
import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook

from doublecode.analysis import (
    PlannedStudy,
    agreement,
    alpha,
    audit,
    beside_published,
    bland_altman,
    build_frame,
    certify,
    compare,
    convert_effect,
    correlate,
    d_study,
    describe,
    drift,
    dyad_icc,
    fit_generalized,
    fit_ladder,
    fit_many,
    fit_mixed,
    fit_series,
    g_study,
    group_anova,
    icc,
    icc_widths,
    interaction_family,
    intra_rater,
    log_counts,
    mahalanobis,
    moderation,
    omega,
    ordinal_severity,
    patient_design,
    patient_outcome,
    pool,
    power,
    published_effects,
    regression_power,
    reliable_change,
    sample_table,
    screen_ratings,
    side_by_side,
    study_design,
    study_status,
    sudden_gains,
    winsorise,
)  # fmt: skip
from doublecode.analysis.rendering.answers import Answer
from doublecode.coding import allocate
from doublecode.schemas import load_instrument
from doublecode.schemas.errors import UsageError
from doublecode.schemas.marks import bare
from doublecode.schemas.results import Note, Result
from doublecode.schemas.study_parts import Variable

SHOWN = Path(__file__).parent / "reference" / "shown"
WRITE = os.environ.get("DOUBLECODE_SHOW") == "write"
VOID = {"br", "hr", "img"}
KEPT_BY_LENGTH = 100
REFERENCE = Path(__file__).parent / "reference"
NAMES: dict[str, Any] = {"targets": "session", "raters": "rater", "ratings": "score"}
CASES: dict[str, Callable[[], Any]] = {}


def case(make: Callable[[], Any]) -> Callable[[], Any]:
    kept: Callable[[], Any] = cache(make)
    CASES[make.__name__] = kept
    return kept


def classic() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "shrout_fleiss_long.csv")


def rotating() -> pd.DataFrame:
    """Sixty sessions of twenty patients, two of three raters each, a third coded once; two items."""
    rng = np.random.default_rng(11)
    severe = {"Ann": 0.0, "Ben": 0.4, "Cem": -0.3}
    rows = []
    for item in ("agenda", "homework"):
        for session in range(60):
            quality = rng.normal(3.5, 1.2)
            for rater in (("Ann", "Ben"), ("Ben", "Cem"), ("Ann",))[session % 3]:
                score = int(np.clip(round(quality + severe[rater] + rng.normal(0, 0.6)), 0, 6))
                rows.append((item, f"P{session // 3:02d}", f"S{session:02d}", session // 30 + 1, rater, score))
    return pd.DataFrame(rows, columns=["item", "patient", "session", "period", "rater", "score"])


def paired() -> pd.DataFrame:
    data = rotating()
    return data[data["item"] == "homework"]


def recoded() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = []
    for rater in ("Ann", "Ben"):
        for session in range(12):
            first = int(rng.integers(0, 7))
            rows += [(session, rater, 1, first), (session, rater, 2, int(np.clip(first + rng.integers(-1, 2), 0, 6)))]
    return pd.DataFrame(rows, columns=["session", "rater", "occasion", "score"])


def items() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "rel_sim8.csv")


def nested() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "two_level_22.csv")


def homework() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "hw229_a.csv")


def sleep() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "sleepstudy.csv", dtype={"Subject": str})


def regression() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "data" / "lm_a.csv")


def ordinal(name: str) -> pd.DataFrame:
    """Ratings 0 to 4 of 22 × 9 sessions, or of sessions by five raters."""
    return pd.read_csv(REFERENCE / "ordinal.csv").query("set == @name").reset_index(drop=True)


@case
def icc_complete() -> Any:
    return icc(classic(), targets="target", raters="judge", ratings="rating")


@case
def icc_incomplete() -> Any:
    return icc(paired(), **NAMES)


@case
def icc_sets() -> Any:
    return icc(rotating(), **NAMES, by="item")


@case
def icc_clusters() -> Any:
    return icc(paired(), **NAMES, clusters="patient")


@case
def icc_oneway() -> Any:
    return icc(paired(), targets="session", raters=None, ratings="score")


@case
def icc_jackknife() -> Any:
    return icc(paired(), **NAMES, interval="jackknife")


@case
def icc_bootstrap() -> Any:
    return icc_complete().bootstrap(draws=200, seed=1)


@case
def intra_rater_twice() -> Any:
    return intra_rater(recoded(), **NAMES, occasions="occasion")


@case
def dyads() -> Any:
    return dyad_icc(rotating(), **NAMES, by="item")


@case
def drift_periods() -> Any:
    return drift(paired(), **NAMES, periods="period", top=3)


@case
def g_study_crossed() -> Any:
    data = pd.read_csv(REFERENCE / "classics" / "brennan_3_2.csv")
    return g_study("Score ~ (1 | Person) + (1 | Task) + (1 | Task:Rater) + (1 | Person:Task)", data)


@case
def d_study_facets() -> Any:
    return d_study(g_study_crossed(), n={"Task": [1, 3, 6], "Rater": [2, 4]})


@case
def d_study_raters() -> Any:
    return d_study(icc_incomplete(), raters=(2, 3), share=(0.2, 1.0), studies=20)


@case
def agreement_scale() -> Any:
    return agreement(paired(), **NAMES)


@case
def agreement_nominal() -> Any:
    wide = pd.read_csv(REFERENCE / "classics" / "fleiss_1971_diagnoses.csv")
    long = wide.rename_axis("session").reset_index().melt("session", var_name="rater", value_name="score")
    return agreement(long, **NAMES)


@case
def agreement_codes() -> Any:
    rng = np.random.default_rng(4)
    rows = []
    for session in range(30):
        kinds = [kind for kind in ("diary", "exposure", "reading") if rng.random() < 0.4]
        seen = [";".join(kind for kind in kinds if rng.random() < 0.85) for _ in range(2)]
        rows += [(session, "Ann", seen[0]), (session, "Ben", seen[1])]
    return agreement(pd.DataFrame(rows, columns=["session", "rater", "score"]), **NAMES, separator=";")


@case
def bland_altman_pairs() -> Any:
    return bland_altman(paired(), **NAMES)


@case
def alpha_items() -> Any:
    return alpha(items())


@case
def omega_total() -> Any:
    return omega(items())


@case
def omega_categorical() -> Any:
    return omega(items(), kind="categorical", n_boot=100, interval="bootstrap", seed=1)


@case
def omega_hierarchical() -> Any:
    return omega(items(), kind="hierarchical")


@case
def omega_multilevel() -> Any:
    return omega(nested(), kind="multilevel", clusters="patient")


@case
def omega_psych_default() -> Any:
    return omega(items(), kind="psych_default")


@case
def omega_factors() -> Any:
    halves = {"first": ["I1", "I2", "I3", "I4"], "second": ["I5", "I6", "I7", "I8"]}
    return omega_total().compare_factors(halves)


@case
def mixed_sleepstudy() -> Any:
    return fit_mixed("Reaction ~ Days + (Days | Subject)", sleep())


@case
def mixed_errors() -> Any:
    return fit_mixed("homework ~ behaviour + sess_c + (1 | patient)", homework(), correlation="ar1(session | patient)")


@case
def mixed_ladder() -> Any:
    return fit_ladder("homework ~ behaviour + sess_c + (sess_c | patient)", homework())


@case
def mixed_many() -> Any:
    rng = np.random.default_rng(3)
    data = sleep()
    outcomes = data[["Reaction"]].to_numpy() + rng.normal(0, 10, (len(data), 3))
    return fit_many("Reaction ~ Days + (1 | Subject)", data, outcomes, ddf="satterthwaite")


@case
def mixed_compared() -> Any:
    one, two, three = "Reaction ~ 1 + (1 | Subject)", "Reaction ~ Days + (1 | Subject)", mixed_sleepstudy()
    return compare(fit_mixed(one, sleep()), fit_mixed(two, sleep()), three)


@case
def mixed_influence() -> Any:
    return fit_mixed("Reaction ~ Days + (1 | Subject)", sleep()).influence()


@case
def generalized_done() -> Any:
    data = pd.read_csv(REFERENCE / "generalized" / "homework.csv")
    return fit_generalized("done ~ x + z + (1 | patient)", data, family="binomial")


@case
def generalized_counts() -> Any:
    data = pd.read_csv(REFERENCE / "generalized" / "homework.csv")
    return fit_generalized("nb ~ x + (1 | patient)", data, family="negative-binomial")


@case
def ordinal_ratings() -> Any:
    return fit_generalized("y ~ x + w + (1 | g)", ordinal("plain"), family="ordinal")


@case
def ordinal_raters() -> Any:
    return ordinal_severity(ordinal("crossed"), targets="g", raters="h", ratings="y")


@case
def series() -> Any:
    steps = {
        "null": "homework ~ 1 + (1 | patient)",
        "behaviour": "homework ~ behaviour + (1 | patient)",
        "session": "homework ~ behaviour + sess_c + (1 | patient)",
    }
    return fit_series(steps, homework(), split=("behaviour",), name="homework", title="Homework")


@case
def series_forms() -> Any:
    steps = ["homework ~ session + (1 | patient)", "homework ~ session + behaviour * alliance + (1 | patient)"]
    return fit_series(
        [*steps, "homework ~ session + behaviour + alliance + (1 | patient)"], homework(),
        split=("behaviour", "alliance"), differences=[("behaviour", "alliance")], latent_means=True, intercept_at=1,
        correlation="ar1(session | patient)", interval="profile", reproduces="A paper (2021)", name="homework",
    )  # fmt: skip


@case
def models_side_by_side() -> Any:
    return side_by_side(series())


@case
def outcome_of_patients() -> Any:
    return patient_outcome(pd.read_csv(REFERENCE / "patient_level.csv"), "post", "he", baseline="base")


@case
def frame_built() -> Any:
    rng = np.random.default_rng(2)
    rows = [(f"P{p}", s) for p in range(1, 5) for s in range(1, 4)]
    sessions = pd.DataFrame(rows, columns=["patient", "session"]).assign(
        study="toy", therapist="T1", session_id=lambda d: d["patient"] + "-" + d["session"].astype(str),
        date=None, minutes=50.0, phase="main", status="held", reason=None, recording=None,
    )  # fmt: skip
    sessions.loc[[10, 11], "status"] = "not_rated"
    sessions.loc[[10, 11], "reason"] = ["recording missing", "dropped out"]
    scores = sessions.loc[:9, ["study", "patient", "therapist", "session", "session_id"]].assign(
        instrument="hab",
        scale="quality",
        value=rng.normal(3, 1, 10).round(1),
        n_valid=4,
        n_items=4,
        n_raters=1.0,
        reason=None,
    )
    quality = Variable(name="quality", instrument="hab", scale="quality")
    return build_frame(scores, sessions, variables=[quality])


@case
def moderated() -> Any:
    return moderation("homework ~ behaviour * alliance + age", regression(), keys=())


@case
def family() -> Any:
    two = moderation("homework ~ age * alliance", regression(), keys=())
    return interaction_family([moderation("homework ~ behaviour * alliance", regression(), keys=()), two])


@case
def anova() -> Any:
    return group_anova(homework(), "homework", "therapist")


@case
def correlations() -> Any:
    return correlate(homework(), ["homework", "behaviour", "symptom"], patient="patient", session="session")


@case
def correlations_rank() -> Any:
    return correlate(regression(), ["homework", "behaviour", "alliance"], method="spearman")


@case
def described() -> Any:
    return describe(homework(), ["homework", "behaviour", "alliance"], by="therapist")


@case
def sample() -> Any:
    patients = pd.DataFrame(
        {
            "patient": [f"P{i}" for i in range(1, 9)], "age": ["50", "61", "34", "27", "45", None, "39", "52"],
            "female": ["1", "0", "1", "1", "0", "1", "1", "0"],
            "comorbid": ["GAD;SAD", "GAD", None, "SAD", "GAD", "PTSD", None, "GAD"],
            "education": ["school", "degree", "degree", "school", "school", "degree", None, "degree"],
        }
    )  # fmt: skip
    therapists = pd.DataFrame({"therapist": ["T1", "T2", "T3"], "years": ["4", "11", "2"]})
    return sample_table(patients, therapists, ["age", "female", "comorbid", "education", "years"])


@case
def logs() -> Any:
    rows = [
        ("P1", 1, 1, "PE", "Y", None), ("P1", 1, 2, "BE", "Y", "NE,DS"), ("P1", 2, 1, "BE", "N", "NE"),
        ("P2", 1, 1, "CO", "Y", None), ("P2", 2, 1, "SM", None, "DS"),
    ]  # fmt: skip
    long = [
        (patient, session, f"S-{patient}{session}", f"{item}_{slot}", text)
        for patient, session, slot, *cells in rows
        for item, text in zip(("type", "completed", "difficulties"), cells, strict=True)
    ]
    frame = pd.DataFrame(long, columns=["patient", "session", "session_id", "item", "text"]).assign(
        study="toy", therapist="T1", rater="R1", role="primary", instrument="homework_log", value=np.nan,
        missing_code=None, phase="main", source_file="R1.xlsx", source_sheet="Rate", source_cell="C5",
    )  # fmt: skip
    return log_counts(frame, load_instrument("homework_log"))


@case
def outliers() -> Any:
    return winsorise(regression().assign(homework=lambda d: d["homework"].where(d.index != 3, 40.0)), ["homework"])


@case
def distances() -> Any:
    return mahalanobis(regression().head(20), ["homework", "behaviour", "alliance"], alpha=0.05)


@case
def instrument_card() -> Any:
    return load_instrument("ghes")


@case
def certification() -> Any:
    rng = np.random.default_rng(8)
    key = pd.DataFrame(
        [(s, t, (3 * t + s) % 7) for s in (1, 2) for t in range(12)], columns=["scale", "session", "score"]
    )
    error = {"Ann": rng.choice([-1, 0, 0, 0, 1], 24), "Ben": rng.choice([1, 1, 2], 24), "Cem": rng.integers(-6, 7, 24)}
    given = [key.assign(rater=name, score=np.clip(key["score"] + added, 0, 6)) for name, added in error.items()]
    names = {1: "structure", 2: "support"}
    trainees, master = (one.assign(scale=one["scale"].map(names)) for one in (pd.concat(given, ignore_index=True), key))
    marks = {"bias": 0.5, "within_one": 0.8, "kappa": 0.6, "icc": 0.7}
    return certify(trainees.iloc[:-1], master, **NAMES, by="scale", top=3, **marks)


@case
def screens() -> Any:
    rng = np.random.default_rng(1)
    true = rng.normal(size=(40, 1)) + 0.5 * rng.normal(size=(40, 8))
    codes = {r: np.clip(np.round(2 + true + 0.5 * rng.normal(size=true.shape)), 0, 4) for r in ("R1", "R2", "R3")}
    codes["R2"][:14] = codes["R1"][:14]
    codes["R3"][20:] = 3.0
    book = load_instrument("sthar")
    rows = [
        (f"S{s:02d}", rater, item.name, given[s, j])
        for rater, given in codes.items() for s in range(40) for j, item in enumerate(book.items)
    ]  # fmt: skip
    return screen_ratings(pd.DataFrame(rows, columns=["session_id", "rater", "item", "value"]), book)


def correlations_of_studies() -> pd.DataFrame:
    data = pd.read_csv(REFERENCE / "data" / "meta_molloy2014.csv")
    return data.assign(z=np.arctanh(data["ri"]), v=1 / (data["ni"] - 3))


@case
def pooled_correlations() -> Any:
    return pool("z", "v", data=correlations_of_studies(), labels="study", measure="r")


@case
def pooled_by_age() -> Any:
    return pool("z", "v", data=correlations_of_studies().head(8), moderators="meanage", test="z")


@case
def pooled_fixed() -> Any:
    return pool([0.1, 0.3, None, 0.2], [0.02, 0.04, 0.03, 0.01], labels=list("ABCD"), method="FE")


@case
def pooled_three_levels() -> Any:
    data = pd.read_csv(REFERENCE / "data" / "meta_konstantopoulos.csv").head(14)
    return pool("yi", "vi", data=data, studies="district")


@case
def pooled_eggers() -> Any:
    return pooled_correlations().egger()


@case
def pooled_ranks() -> Any:
    return pooled_correlations().rank_test()


@case
def pooled_trimmed() -> Any:
    return pooled_correlations().trim_and_fill()


@case
def pooled_left_out() -> Any:
    return pool("z", "v", data=correlations_of_studies().head(6), labels="study").leave_one_out()


@case
def pooled_at_ages() -> Any:
    found = pool("z", "v", data=correlations_of_studies().head(8), moderators="meanage", measure="r")
    return found.predict(pd.DataFrame({"meanage": [30, 60]}))


@case
def power_of_a_plan() -> Any:
    plan = PlannedStudy(patients=20, sessions=6, raters=4, double=0.3, icc_rating=0.6)
    return power(plan, within=0.3, between=0, vary={"patients": [15, 20]}, studies=100, seed=1)


@case
def widths_of_planned_ratings() -> Any:
    return icc_widths([60, 120], 4, 0.5, icc=0.6, items=7, omega=0.85, studies=20).cheapest(0.5)


@case
def study_planned_by_its_folder() -> Any:
    with as_file(files("doublecode.data_examples") / "telephone_cbt") as folder:
        return study_design(folder, from_data=False).stating({"patients": 30})


@case
def regression_planned_by_its_folder() -> Any:
    with as_file(files("doublecode.data_examples") / "adolescent_cbt") as folder:
        return patient_design(folder, from_data=False)


@case
def power_of_a_regression_with_rating_error() -> Any:
    return regression_power([33, 60], predictors=5, f2=0.15, reliability=0.6)


@case
def power_of_a_regression() -> Any:
    return regression_power([33, 60], predictors=5, f2=0.15)


@case
def effects_converted() -> Any:
    return convert_effect([0.22, 0.26, 0.36], "r", "odds_ratio", n=1702)


@case
def published_results() -> Any:
    return published_effects()


@case
def published_beside() -> Any:
    return beside_published(0.31, 22, level="between")


@case
def changed_reliably() -> Any:
    people = pd.DataFrame({"patient": list("ABCDE"), "phq9": [20, 14, 14, 9, 14], "end": [12, 7, 9, 2, None]})
    return reliable_change(people, "phq9", "end", reliability=0.8, sd=5.0, source="made-up norms", cutoff=10)


@case
def gained_suddenly() -> Any:
    values = [30, 29, 31, 18, 17, 16, 25, 12]
    return sudden_gains(pd.DataFrame({"patient": "A", "session": range(1, 9), "bdi": values}), "bdi", cutoff=7)


@case
def audited_statements() -> Any:
    return audit(
        "Sessions differed, t(20) = 2.31, p = .032, and raters, t(20) = 2.31, p = .023. Tasks were 411 in total, "
        "classed as reading (n = 142; 35%), acting (n = 138; 31%), thinking (n = 76; 18%), and others (n = 65; 16%)."
    )


@case
def coding_status() -> Any:
    with as_file(files("doublecode.data_examples") / "telephone_cbt") as folder:
        return study_status(folder, today=dt.date(2021, 5, 1))


@case
def allocation() -> Any:
    rows = [(f"P{p}", s) for p in range(1, 9) for s in range(1, 6)]
    sessions = pd.DataFrame(rows, columns=["patient", "session"]).assign(
        study="toy", therapist="T1", session_id=lambda d: d["patient"] + "-" + d["session"].astype(str),
        date=None, minutes=50.0, phase="main", status="held", reason=None, recording=None,
    )  # fmt: skip
    return allocate(sessions, raters=["Ann", "Ben", "Cem"], instruments=["ghes"], share=0.25, seed=1)


def study_elsewhere(run: Any) -> Any:
    """The declaration without its tables: their folder moves from run to run, tests/schemas asks for their counts."""
    study = run.study.model_copy()
    study._folder = Path("a_study_folder")
    return study


STUDY: dict[str, Callable[[Any], Any]] = {
    "study_run": lambda run: run,
    "study_card": study_elsewhere,
    "study_frame": lambda run: run.frame,
    "study_ledger": lambda run: run.frame.row_ledger,
    "study_reliability": lambda run: run.reliability,
    "study_consistency": lambda run: run.consistency,
    "study_sample": lambda run: run.sample,
    "study_items": lambda run: run.described_items,
    "study_correlations": lambda run: run.correlations,
    "study_logs": lambda run: run.logs[0],
    "study_series": lambda run: run.series[0],
}

ANSWERS = [*CASES, *STUDY]
DECLARED = ("instrument_card", "study_card")  # their repr is pydantic's


class Tags(HTMLParser):
    """Opening and closing tags; what is left open, and what was closed without having been opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.stray: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.stray.append(tag)


@pytest.fixture
def answer(request: pytest.FixtureRequest) -> Any:
    name = request.param
    return CASES[name]() if name in CASES else STUDY[name](request.getfixturevalue("telephone_run"))


def compare_text(name: str, found: str) -> None:
    path = SHOWN / name
    if WRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(found + "\n", encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == found + "\n"


def every(names: list[str]) -> Any:
    return pytest.mark.parametrize(("name", "answer"), [(one, one) for one in names], indirect=["answer"], ids=names)


@every(ANSWERS)
def test_it_looks_as_it_looked(name: str, answer: Any) -> None:
    compare_text(f"{name}.txt", str(answer))
    compare_text(f"{name}.html", answer._repr_html_())
    if isinstance(answer, Result):
        compare_text(f"{name}.md", answer.to_markdown())


@every(ANSWERS)
def test_it_prints_in_a_hundred_columns_without_raw_values(name: str, answer: Any) -> None:
    text = str(answer)
    if name not in DECLARED:
        assert repr(answer) == text
    assert [line for line in text.splitlines() if len(line) > KEPT_BY_LENGTH] == []
    assert re.findall(r"\bnan\b|\bNone\b|\bNaN\b|<NA>|np\.float|Note\(|\bTrue\b|\bFalse\b", text) == []


@every(ANSWERS)
def test_its_html_is_well_formed(name: str, answer: Any) -> None:
    tags = Tags()
    tags.feed(answer._repr_html_())
    assert (tags.open, tags.stray) == ([], [])
    assert tags.seen <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "i", "p", "ul", "li", "h3", "h4", "b",
                         "dl", "dt", "dd", "div", "strong", "a"}  # fmt: skip


@every(ANSWERS)
def test_its_parts_are_the_parts_of_every_answer(name: str, answer: Any) -> None:
    if not isinstance(answer, Result):
        pytest.skip("a card, not an answer")
    assert is_dataclass(answer)
    settings = type(answer).__dataclass_params__  # type: ignore[attr-defined]
    assert (settings.frozen, settings.eq) == (True, False)
    assert isinstance(answer.frame, pd.DataFrame)
    assert isinstance(answer.rows, pd.Index)
    assert answer.spec is not None
    assert answer.design is not None
    assert [note for note in answer.notes if not isinstance(note, Note)] == []
    assert [text for text in answer.note_texts() if not text or text[0] in "<{["] == []
    assert answer.summary() is answer


@every(ANSWERS)
def test_its_tables_hold_something(name: str, answer: Any) -> None:
    if not isinstance(answer, Result):
        pytest.skip("a card, not an answer")
    for table in answer.plain_tables():
        assert table.rows, table.title
        assert len(set(map(len, table.rows)) - {1, len(table.headings)}) == 0
        for i, heading in enumerate(table.headings):
            cells = {row[i] for row in table.rows if len(row) == len(table.headings)}
            assert cells != {"–"}, f"{table.title}: {heading}"
            assert not re.fullmatch(r"[a-z]+(_[a-z]+)+|df\d", heading), heading
    assert not re.search(r"\| *(?!1\.000)\d+\.000 *\|", answer.to_markdown())  # a p may be 1.000


@every(ANSWERS)
def test_estimates_and_limits_by_label_or_a_refusal_that_says_why(name: str, answer: Any) -> None:
    if not isinstance(answer, Result):
        pytest.skip("a card, not an answer")
    own = type(answer).params is not Result.params  # r, M
    for column, ask, known in (("estimate", lambda: answer.params, own), ("conf_low", answer.conf_int, False)):
        if known or column in answer.frame.columns:
            assert len(ask()) == len(answer.frame)
        else:
            with pytest.raises(UsageError, match=column):
                ask()


@every(ANSWERS)
def test_every_answer_of_the_researcher_is_written_for_a_manuscript(name: str, answer: Any, tmp_path: Path) -> None:
    if not isinstance(answer, Answer):
        pytest.skip("a card, or an answer of the coordinator")
    printed = answer.printed_tables()
    assert len(printed) == len(answer.tables())
    if not printed:
        pytest.skip("nothing differs, so there is no table")
    file = docx.Document(str(answer.to_docx(tmp_path / "t.docx")))
    book = load_workbook(answer.to_xlsx(tmp_path / "t.xlsx"))
    assert (len(file.tables), len(book.worksheets)) == (len(printed), 2 * len(printed))
    assert answer.to_latex().count(r"\toprule") == len(printed)
    for table, shown in zip(file.tables, answer.plain_tables(), strict=True):
        cells = [cell.text for row in table.rows for cell in row.cells]
        assert {bare(text) for row in shown.rows for text in row} <= set(cells)


def test_names_of_the_user_are_no_markup() -> None:
    from doublecode.analysis import describe

    evil = describe(pd.DataFrame({"<script>alert(1)</script>": [1.0, 2.0, 4.0], "a|b": [1.0, 2.0, 3.0]}))
    assert "<script" not in evil._repr_html_()
    assert "&lt;script&gt;" in evil._repr_html_()
    assert "a\\|b" in evil.to_markdown()


def test_every_reference_text_belongs_to_an_answer() -> None:
    assert {path.stem for path in SHOWN.iterdir()} == set(ANSWERS)


if __name__ == "__main__":
    os.environ["DOUBLECODE_SHOW"] = "write"
    sys.exit(pytest.main([__file__, "-q", "-k", "looks_as_it_looked", "-p", "no:cacheprovider"]))
