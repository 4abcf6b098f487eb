"""A stranger's study with series of every family, through ``doublecode run``: what fits is shown, the rest is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis import fit_generalized, study_design
from doublecode.analysis.cli.app import app
from doublecode.analysis.study.frame_of_study import study_frame
from doublecode.analysis.study.frozen_plan import freeze_plan, plan_state
from doublecode.analysis.study.planned_model import planned_model
from doublecode.schemas import load_study
from doublecode.schemas.errors import UsageError

N_PATIENTS, N_SESSIONS = 16, 6
COLUMNS = ("done", "tasks", "parts", "quality", "mood", "never", "sign", "said", "review", "minutes")
HEAD = """name = "own"
title = "A small study (synthetic)"
synthetic = true
raters = [{ id = "R1" }]
[[instruments]]
name = "phq9"
source = "outcomes"
[[variables]]
name = "phq9"
instrument = "phq9"
scale = "total"
"""


def series(name: str, title: str, steps: list[str], *, family: str = "", more: str = "") -> str:
    own = f'family = "{family}"\n' if family else ""
    return f'\n[[series]]\nname = "{name}"\ntitle = "{title}"\nsteps = {json.dumps(steps)}\n{own}{more}'


SERIES = "".join([
    series("course", "Symptoms", ["phq9 ~ session + (1 | patient)"]),
    series("done", "Homework done", ["done ~ 1 + (1 | patient)", "done ~ session + review + (1 | patient)"],
           family="binomial", more='split = ["review"]\ninterval = "profile"\nfigures = ["caterpillar"]\n'),
    series("tasks", "Tasks for the time", ["tasks ~ 1 + (1 | patient)", "tasks ~ review + (review | patient)"],
           family="negative-binomial", more='offset = "log(minutes)"\n'),
    series("quality", "Quality", ["quality ~ review + (1 | patient)"], family="ordinal", more='link = "probit"\n'),
    series("graded", "Quality as done or not", ["quality ~ review + (1 | patient)"], family="binomial"),
    series("negative", "Negative counts", ["sign ~ review + (1 | patient)"], family="poisson"),
    series("mood", "Mood in categories", ["mood ~ review + (1 | patient)"], family="ordinal"),
    series("never", "Never done", ["never ~ review + (1 | patient)"], family="binomial"),
    series("many", "More done than there was", ["tasks ~ review + (1 | patient)"], family="binomial",
           more='trials = "done"\n'),
    series("said", "How well, in words", ["said ~ review + (1 | patient)"], family="ordinal"),
    series("said_done", "In words as done or not", ["said ~ review + (1 | patient)"], family="binomial"),
    series("said_often", "In words as counts", ["said ~ review + (1 | patient)"], family="poisson"),
    series("linear", "Done, linear", ["done ~ review + (1 | patient)"]),
])  # fmt: skip
MORE = """
[[marginal_means]]
name = "ends"
title = "First and last session"
model = "done"
of = ["session"]
at = { session = [1, 6] }

[[marginal_means]]
name = "rate"
title = "Tasks a minute"
model = "tasks"
of = ["review"]
at = { review = [2, 4], offset = 0 }

[[families]]
name = "two"
title = "Two tests"
tests = [{ model = "done", term = "review_within" }, { model = "quality", term = "review" }]
"""
PHQ = (
    "interest", "mood", "sleep", "energy", "appetite", "self_worth", "concentration", "psychomotor", "self_harm",
)  # fmt: skip
REFUSED = {
    "Quality as done or not": ["'quality'", "needs 0 and 1", "keep the scale"],
    "Negative counts": ["'sign'", "counts cannot be negative"],
    "Mood in categories": ["'mood'", "categories are whole numbers", "in study.toml a series without a family"],
    "Never done": ["'never'", "one category only"],
    "How well, in words": [
        "the outcome 'said' is in words ('partly', 'fully', 'not')",
        "0 for the lowest category",
        "one category against all others, with equals =",
    ],
    "In words as done or not": ["family 'binomial' needs 0 and 1", "which of them is 1, with equals ="],
    "In words as counts": ["family 'poisson' needs counts"],
    "More done than there was": ["there cannot be more successes than trials"],
}


def write_study(folder: Path) -> Path:
    rng = np.random.default_rng(3)
    for inside in ("outcomes", "incoming"):
        (folder / inside).mkdir(parents=True)
    sessions, outcomes = [], []
    for patient in range(N_PATIENTS):
        own = rng.normal()
        for number in range(1, N_SESSIONS + 1):
            review = round(float(rng.normal(3, 1)), 2)
            sessions.append({
                "session_id": f"S-{patient:02d}{number}", "patient": f"P{patient:02d}", "therapist": f"T{patient % 4}",
                "session": number, "date": f"2026-01-{number:02d}", "minutes": 40 + number, "phase": "main",
                "status": "held", "reason": "",
                "done": int(rng.uniform() < 1 / (1 + np.exp(2 - 0.7 * review - own))),
                "tasks": int(rng.poisson(np.exp(0.2 * review + 0.3 * own))), "parts": int(rng.integers(2, 5)),
                "quality": int(np.searchsorted([0, 1, 2.5, 4], 0.8 * review + own - 0.5 + rng.logistic())),
                "mood": round(float(rng.normal(5, 1)), 3), "never": 0, "sign": int(rng.integers(-2, 3)),
                "said": ("not", "partly", "fully")[number % 3], "review": review,
            })  # fmt: skip
            answers = dict(zip(PHQ, rng.integers(0, 4, 9).tolist(), strict=True))
            outcomes.append({"patient": f"P{patient:02d}", "session": number, **answers})
    pd.DataFrame(sessions).to_csv(folder / "sessions.csv", index=False)
    pd.DataFrame(outcomes).to_csv(folder / "outcomes" / "phq9.csv", index=False)
    people = pd.DataFrame(
        {"patient": sorted({one["patient"] for one in sessions}), "status": "completed", "reason": ""}
    )
    people.to_csv(folder / "patients.csv", index=False)
    variables = "".join(f'[[variables]]\nname = "{name}"\ncolumn = "{name}"\ntable = "sessions"\n' for name in COLUMNS)
    (folder / "study.toml").write_text(HEAD + variables + SERIES + MORE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study after one run."""
    folder = write_study(tmp_path_factory.mktemp("own") / "study")
    done = CliRunner().invoke(app, ["run", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


def table(study: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(study / "report" / "tables" / f"{name}.csv")


def test_the_ledger_says_which_models_have_no_numbers_and_page_1_does_not_count_their_rows(study):
    page = re.sub(r"<[^>]+>", "", (study / "report" / "index.html").read_text(encoding="utf-8"))
    assert "in the model: Never done (not estimated)" in page
    assert "in the model: Homework done (not estimated)" not in page
    flow = table(study, "flow").set_index("stage")["kept"]
    n_trials = int((pd.read_csv(study / "sessions.csv")["done"] > 0).sum())
    assert flow["in the model: many"] == n_trials < flow["in the model: done"] == N_PATIENTS * N_SESSIONS
    assert f"→ {N_PATIENTS * N_SESSIONS}" in page  # not "n_trials–96": nothing was estimated of these rows
    assert f"{n_trials}–{N_PATIENTS * N_SESSIONS}" not in page


def test_what_these_outcomes_do_not_carry_is_named_and_the_rest_is_there(study):
    record = json.loads((study / "report" / "results.json").read_text(encoding="utf-8"))
    assert set(record["generalized"]) == {"done", "tasks", "quality"}
    (head,) = (one for one in record["headlines"] if one["label"] == "review, within patients")
    assert head["value"].startswith("OR = ")
    said = " ".join(map(str, record["not_estimated"])) if "not_estimated" in record else json.dumps(record)
    page = (study / "report" / "index.html").read_text(encoding="utf-8")
    assert "pandas.Categorical" not in said
    for title, parts in REFUSED.items():
        assert title in said
        assert [part for part in parts if part.replace("'", "") not in re.sub("['’]|&#x27;|&#39;", "", page)] == []
    assert len(table(study, "course_models")) == 2


def test_each_table_holds_what_fit_generalized_gives(study):
    frame = study_frame(study).frame
    mean = frame.groupby("patient")["review"].transform("mean")
    centre = frame.groupby("patient")["review"].mean().mean()
    data = frame.assign(
        review_within=frame["review"] - mean, review_between=mean - centre, session_from_1=frame["session"] - 1,
        time=np.log(frame["minutes"]),
    )  # fmt: skip
    asked = {
        "done": ("done ~ session_from_1 + review_within + review_between + (1 | patient)", {"family": "binomial"}),
        "tasks": (
            "tasks ~ review + (review | patient)", {"family": "negative-binomial", "offset": "time", "nagq": 1},
        ),
        "quality": ("quality ~ review + (1 | patient)", {"family": "ordinal", "link": "probit"}),
    }  # fmt: skip
    for name, (formula, how) in asked.items():
        alone = fit_generalized(formula, data, **how).fixed.set_index("term")
        shown = table(study, f"{name}_split" if name == "done" else f"{name}_models")
        last = shown[shown["model"] == shown["model"].iloc[-1]]
        for column in ("estimate", "std_error", "p_value"):
            assert np.allclose(sorted(last[column]), sorted(alone[column]), atol=1e-6), (name, column)
        assert ("ratio" in last) == (name != "quality")  # a probit is no log of odds
    limits = table(study, "done_limits")
    assert set(limits["method"]) == {"profile"}
    assert limits.loc[limits["term"] == "Intercept", "ratio_low"].isna().all()
    slopes = limits[limits["term"] != "Intercept"]
    assert np.allclose(np.exp(slopes["conf_low"]), slopes["ratio_low"])


def test_means_and_families_of_tests_take_generalised_series(study):
    means, two = table(study, "means_ends"), table(study, "family_two")
    assert list(means["session"]) == [1, 6]
    slope = table(study, "done_split").set_index("label").loc["Session", "estimate"]
    assert means["estimate"].diff().iloc[-1] == pytest.approx(5 * slope, abs=1e-8)
    within = table(study, "done_split").set_index("label").loc["review, within patients", "p_value"]
    assert two["p_value"].iloc[0] == pytest.approx(within, abs=1e-10)


def test_every_number_has_its_cells_and_its_sentence(study):
    asked = ["trace", str(study), "--table", "tasks_models", "--column", "ratio", "--row", "review"]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0, told.output
    assert "sessions.csv" in told.output
    page = (study / "report" / "index.html").read_text(encoding="utf-8")
    assert "Within patients, higher review went with higher odds of done" in page
    assert "the random effects integrated out by adaptive Gauss–Hermite quadrature with 15 points" in page
    assert "done has two values, and a linear model predicts outside of them; family =" in page
    drawn = {path.stem for path in (study / "report" / "figures").glob("*.svg")}
    assert {"done_caterpillar", "done_predicted", "tasks_predicted", "quality_predicted"} <= drawn
    assert "done over review, within patients, model 2 within/between" in page
    assert CliRunner().invoke(app, ["models", str(study)]).output.count("log L") >= 3


def test_power_of_a_study_knows_the_family_of_a_series(study):
    assert planned_model(load_study(study), "done").family == "binomial"
    assert planned_model(load_study(study)).model == load_study(study).series[-1].name


def test_a_plan_takes_categories_and_dispersion_from_a_model_without_the_effect(study):
    """Base, dispersion and the patients' share are those of the outcome on the course alone, at its middle."""
    frame = study_frame(study).frame
    frame = frame.assign(session=frame["session"] - frame["session"].mean())
    design = study_design(study, model="quality")
    found = design.frame.set_index("part")["value"]
    fit = fit_generalized("quality ~ session + (1 | patient)", frame, family="ordinal")
    below = np.cumsum(design.plan.base)[:-1]
    np.testing.assert_allclose(np.log(below / (1 - below)), fit.thresholds["estimate"], atol=1e-6)
    variance = fit.variances["variance"].iloc[0]
    assert found["icc_outcome"] == pytest.approx(variance / (variance + np.pi**2 / 3), abs=1e-6)
    assert "left out of the simulated studies: link;" in " ".join(str(design).split())
    assert "Outcome’s category 1, middle patient" in str(design)
    counts = study_design(study, model="tasks")
    fit = fit_generalized("tasks ~ session + (1 | patient)", frame, family="negative-binomial")
    assert counts.plan.base == pytest.approx(np.exp(fit.fixed["estimate"].iloc[0]), rel=1e-6)
    assert counts.plan.dispersion == pytest.approx(min(fit.dispersion, 1e6), rel=1e-6)
    assert "left out of the simulated studies: offset;" in " ".join(str(counts).split())
    done = study_design(study, model="done").plan
    fit = fit_generalized("done ~ session + (1 | patient)", frame, family="binomial")
    assert np.log(done.base / (1 - done.base)) == pytest.approx(fit.fixed["estimate"].iloc[0], abs=1e-6)
    with pytest.raises(UsageError, match=r"the base of 'said' must be stated \(--base\), .* text has no order"):
        study_design(study, model="said").power(within=0.3, studies=100)


def test_shares_that_are_stated_go_before_those_of_the_folder(study):
    """--base is one value there as well, though it holds several numbers."""
    asked = [
        "power",
        str(study),
        "--model",
        "quality",
        "--within",
        ".5",
        "--studies",
        "100",
        "--patients",
        "8",
        "--json",
    ]
    told = CliRunner().invoke(app, [*asked, "--base", ".5,.3,.2"])
    assert told.exit_code == 0, told.output
    record = json.loads(told.output)
    assert (record["spec"]["plan"]["base"], record["spec"]["vary"]) == ([0.5, 0.3, 0.2], {})
    assert len(record["frame"]) == 1
    planned = {row["part"]: row["origin"] for row in record["design"]["planned"]["frame"]}
    assert {name for name in planned if name.startswith("base")} == {"base_1", "base_2", "base_3"}
    assert (planned["base_1"], planned["icc_outcome"]) == ("stated", "data")


def test_a_plan_holds_the_family_and_names_its_change(study):
    plan = freeze_plan(load_study(study), 0)
    kept = plan.declared["series"]["tasks"]
    assert (kept["family"], kept["offset"]) == ("negative-binomial", "log(minutes)")
    toml = study / "study.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('"negative-binomial"', '"poisson"'), encoding="utf-8")
    state = plan_state(load_study(study))
    assert state is not None
    assert [one.entry for one in state.deviations] == ["series.tasks.family"]
