"""Options of the commands on any file and on a study that only Python reached before."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import agreement, d_study, icc, omega
from doublecode.analysis.cli import app as cli
from doublecode.analysis.study.planned_ratings import planned_ratings

NAMED = ("--targets", "tape", "--raters", "rater", "--ratings", "score")


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command line in this process; give exit code, standard output, standard error."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["doublecode", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code or 0, out, err

    return call


def rated(n=30, raters="AB", seed=0):
    rng = np.random.default_rng(seed)
    tapes = rng.normal(0, 2, n)
    rows = [(t, r, round(tapes[t] + rng.normal(), 3)) for t in range(n) for r in raters]
    return pd.DataFrame(rows, columns=["tape", "rater", "score"])


@pytest.fixture
def long(tmp_path):
    path = tmp_path / "long.csv"
    rated().to_csv(path, index=False)
    return path


@pytest.fixture
def wide(tmp_path):
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(25), 4)
    trait = rng.normal(size=25)[patient] + rng.normal(size=100)
    codes = np.clip(np.round(2 + trait[:, None] + rng.normal(size=(100, 6))), 0, 4).astype(int)
    table = pd.DataFrame(codes, columns=list("abcdef")).assign(patient=[f"P{n}" for n in patient])
    path = tmp_path / "wide.csv"
    table.to_csv(path, index=False)
    return path, table


def test_the_bootstrap_stands_beside_the_limits_of_the_model(run, long):
    code, out, _ = run("icc", long, *NAMED, "--interval", "bootstrap", "--seed", 4, "--json")
    answer = json.loads(out)
    expected = icc(rated(), targets="tape", raters="rater", ratings="score").bootstrap(seed=4).frame
    assert code == 0
    assert [row["conf_low"] for row in answer["bootstrap"]["frame"]] == pytest.approx(expected["conf_low"].tolist())
    assert answer["frame"][0]["method"] == "anova"
    code, out, _ = run("icc", long, *NAMED, "--interval", "bootstrap")
    assert code == 0
    assert "Bootstrap over targets, raters fixed" in out
    assert "raters fixed: targets alone are resampled" in " ".join(out.split())


def test_what_to_expect_of_more_raters(run, long, monkeypatch):
    from doublecode.analysis.reliability import decision

    plan = decision.d_study
    monkeypatch.setattr(decision, "d_study", lambda *a, **k: plan(*a, **k, raters=(2, 3), share=(1.0,), studies=20))
    code, out, _ = run("icc", long, *NAMED, "--d-study", "--json")
    found = icc(rated(), targets="tape", raters="rater", ratings="score")
    expected = d_study(found, raters=(2, 3), share=(1.0,), studies=20).frame
    assert code == 0
    assert [row["estimate"] for row in json.loads(out)["d_study"]["frame"]] == pytest.approx(expected["estimate"])


def test_a_study_plans_each_of_its_scales(telephone_run):
    plan = planned_ratings(telephone_run.reliability, raters=(2, 4), share=(1.0,), studies=20)
    scales = [
        (instrument, entry["set"]["scale"])
        for instrument, level, phase, result in telephone_run.reliability.results
        if (level, phase) == ("scale", "main")
        for entry in result.design["sets"]
    ]
    assert list(plan.frame[["instrument", "scale"]].drop_duplicates().itertuples(index=False, name=None)) == scales
    assert len(plan.frame) == 2 * len(scales)
    assert "Expected reliability by the number of raters" in str(plan)
    assert plan.note_texts()[0].endswith("of 20 simulated studies (seed 0)")
    for _, rows in plan.frame.groupby(["instrument", "scale"]):
        assert rows["estimate"].between(0, 1).all()


@pytest.mark.parametrize("kind", ["categorical", "hierarchical", "multilevel", "psych_default"])
def test_kinds_of_omega(run, wide, monkeypatch, kind):
    path, table = wide
    clusters = {} if kind == "psych_default" else {"clusters": "patient"}
    from doublecode.analysis.consistency import alpha_omega

    quick = {"n_boot": 100, "interval": "bootstrap"} if kind in ("categorical", "hierarchical") else {}
    estimate = alpha_omega.omega
    monkeypatch.setattr(alpha_omega, "omega", lambda *a, **k: estimate(*a, **k, **quick))
    words = [part for name, value in clusters.items() for part in (f"--{name}", value)]
    code, out, err = run("omega", path, "--items", "a,b,c,d,e,f", "--kind", kind, *words, "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    items = table[[*"abcdef", *clusters.values()]]
    expected = estimate(items, items=list("abcdef"), kind=kind, **clusters, **quick)
    assert answer["spec"]["kind"] == kind
    found = [np.nan if row["estimate"] is None else row["estimate"] for row in answer["frame"]]
    assert found == pytest.approx(expected.frame["estimate"].tolist(), nan_ok=True)


def test_other_kinds_of_omega_know_no_subscales(run, wide):
    path, _ = wide
    code, _, err = run("omega", path, "--items", "a,b,c,d", "--kind", "categorical", "--subscale", "x=a,b,c")
    assert (code, "leave out --by and --subscale" in err) == (2, True)


def test_the_picture_of_differences(run, long, tmp_path):
    for suffix, start in ((".svg", b"<svg"), (".png", b"\x89PNG")):
        target = tmp_path / f"differences{suffix}"
        code, _, err = run("agreement", long, *NAMED, "--plot", target)
        assert (code, err) == (0, "")
        assert target.read_bytes().startswith(start)
    before = target.read_bytes()
    code, _, err = run("agreement", long, *NAMED, "--plot", target)
    assert (code, target.read_bytes()) == (2, before)
    assert "--overwrite" in err
    assert run("agreement", long, *NAMED, "--plot", target, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--plot", "{folder}/picture.gif"), "ends in .svg or .png"),
        (("--plot", "{folder}/picture.svg", "--nominal"), "differences are drawn of one set of numbers"),
    ],
)
def test_a_picture_that_cannot_be_drawn(run, long, tmp_path, words, says):
    code, _, err = run("agreement", long, *NAMED, *(word.replace("{folder}", str(tmp_path)) for word in words))
    assert code == 2
    assert says in " ".join(err.split())


def test_nominal_codes(run, tmp_path):
    rows = [(t, r, "PE" if t % 3 else "BE") for t in range(30) for r in "AB"]
    rows[5] = (2, "B", "CO")
    path = tmp_path / "types.csv"
    pd.DataFrame(rows, columns=["tape", "rater", "score"]).to_csv(path, index=False)
    code, out, err = run("agreement", path, *NAMED, "--nominal", "--json")
    assert (code, err) == (0, "")
    frame = {row["coefficient"]: row for row in json.loads(out)["frame"]}
    assert frame["exact agreement"]["estimate"] == pytest.approx(29 / 30)
    assert {row["weights"] for row in frame.values()} <= {"unweighted", "nominal", None, "–", ""}


def test_numbers_that_are_names_of_codes(run, tmp_path):
    """They were refused, as numbers that are text; the estimates are those of the same codes as letters."""
    codes = [1, 2, 10, 2, 2, 1, 1, 1, 10, 10, 2, 1]
    frame = pd.DataFrame({"tape": [n // 2 for n in range(12)], "rater": list("AB") * 6, "score": codes})
    path = tmp_path / "types.csv"
    answers = []
    for table in (frame, frame.assign(score=frame["score"].map({1: "x", 2: "y", 10: "z"}))):
        table.to_csv(path, index=False)
        code, out, err = run("agreement", path, *NAMED, "--nominal", "--json")
        assert (code, err) == (0, "")
        answers.append({row["coefficient"]: row["estimate"] for row in json.loads(out)["frame"]})
    assert answers[0] == pytest.approx(answers[1], abs=1e-12, nan_ok=True)
    frame.to_csv(path, index=False)
    assert run("agreement", path, *NAMED, "--nominal", "--codes", "1,2,10,11", "--json")[0] == 0
    gaps = frame.assign(score=frame["score"].astype(float).mask(frame.index == 3))
    kwargs = {"targets": "tape", "raters": "rater", "ratings": "score", "nominal": True}
    found = agreement(gaps, **kwargs, categories=[1, 2, 10])
    assert set(found.categories["category"]) == {"1", "2", "10"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--separator", ""), "the separator is empty"),
        (("--separator", ";", "--codes", "a,b"), "of cells with one code"),
        (("--nominal", "--within", "2"), "names have no scale points"),
        (("--raters", "rater,rater"), "'rater' is named twice"),
    ],
)
def test_options_that_had_no_effect_or_ended_in_a_fault(run, long, words, says):
    named = ("--targets", "tape") if "--raters" in words else NAMED
    code, _, err = run("agreement", long, *named, *words)
    assert code == 2
    assert says in " ".join(err.split())


def test_several_codes_in_a_cell(run, tmp_path):
    rows = [(t, r, "a;b" if t % 2 else "b") for t in range(20) for r in "AB"]
    path = tmp_path / "multiple.csv"
    pd.DataFrame(rows, columns=["tape", "rater", "score"]).to_csv(path, index=False)
    code, out, _ = run("agreement", path, *NAMED, "--separator", ";", "--json")
    assert code == 0
    assert {row["category"] for row in json.loads(out)["frame"]} == {"a", "b"}


def test_omega_total_is_what_it_was(run, wide):
    path, table = wide
    code, out, _ = run("omega", path, "--items", "a,b,c,d,e,f", "--kind", "total", "--json")
    assert code == 0
    expected = omega(table[list("abcdef")]).frame.iloc[0]["estimate"]
    assert json.loads(out)["frame"][0]["omega"] == pytest.approx(expected, abs=1e-10)


def test_a_codebook_is_shown_as_its_card(run):
    from doublecode.schemas import load_instrument

    code, out, _ = run("instrument", "show", "sthar")
    assert (code, out.strip()) == (0, str(load_instrument("sthar")))
    code, out, _ = run("instrument", "show", "sthar", "--json")
    shown = json.loads(out)
    assert (code, shown["frame"]) == (0, json.loads(run("instrument", "check", "sthar", "--json")[1])["frame"])
    assert shown["spec"] == {"command": "instrument show", "source": "sthar"}
    code, _, err = run("instrument", "show", "nothing")
    assert (code, "there is no shipped instrument" in err) == (2, True)
