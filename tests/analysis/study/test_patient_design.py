"""A planned regression over patients from a study folder, and its power with rating error."""

import json
import shutil
import sys
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from doublecode.analysis import patient_design, regression_power, study_design
from doublecode.analysis.cli import app as cli
from doublecode.schemas import load_study
from doublecode.schemas.errors import UsageError


@pytest.fixture(scope="module")
def adolescent():
    with as_file(files("doublecode.data_examples") / "adolescent_cbt") as folder:
        yield folder


def t_of_last(X, y):
    """t of the last column of regressions (sets, n, k)."""
    inverse = np.linalg.inv(X.transpose(0, 2, 1) @ X)
    b = (inverse @ (X.transpose(0, 2, 1) @ y[:, :, None]))[:, :, 0]
    left = y - (X @ b[:, :, None])[:, :, 0]
    return b[:, -1] / np.sqrt((left**2).sum(axis=1) / (X.shape[1] - X.shape[2]) * inverse[:, -1, -1])


def test_what_rating_error_leaves_of_f2_is_what_a_large_sample_shows():
    """Partial r² of the product of two independent scores with error, outcome with error, 400,000 patients: to .005."""
    rng, n, f2 = np.random.default_rng(8), 400_000, 0.3
    x, z = rng.normal(size=(2, 1, n))
    y = np.sqrt(f2) * x * z + rng.normal(size=(1, n))
    x, z = (one + np.sqrt(1 / rel - 1) * rng.normal(size=(1, n)) for one, rel in ((x, 0.7), (z, 0.8)))
    y = y + np.sqrt((1 / 0.6 - 1) * (1 + f2)) * rng.normal(size=(1, n))
    t = t_of_last(np.stack([np.ones_like(x), x, z, x * z], axis=2), y)[0]
    found = regression_power(60, predictors=3, f2=f2, reliability=0.7 * 0.8 * 0.6).frame.iloc[0]
    assert found["f2_observed"] == pytest.approx(t**2 / n, abs=0.005)
    assert regression_power(60, predictors=3, f2=f2).frame["f2_observed"].iloc[0] == f2
    with pytest.raises(UsageError, match="reliability is 0; allowed: above 0"):
        regression_power(60, predictors=3, f2=f2, reliability=0)


def test_power_of_a_score_with_rating_error_is_that_of_simulated_studies():
    """One predictor with reliability .7, outcome .6, 60 patients, 20,000 studies: to .02 (x is random)."""
    rng, n, sets, f2 = np.random.default_rng(9), 60, 20_000, 0.3
    x = rng.normal(size=(sets, n))
    y = np.sqrt(f2) * x + rng.normal(size=(sets, n)) + np.sqrt((1 / 0.6 - 1) * (1 + f2)) * rng.normal(size=(sets, n))
    seen = x + np.sqrt(1 / 0.7 - 1) * rng.normal(size=(sets, n))
    share = (np.abs(t_of_last(np.stack([np.ones_like(x), seen], axis=2), y)) > stats.t.ppf(0.975, n - 2)).mean()
    found = regression_power(n, predictors=1, f2=f2, reliability=0.7 * 0.6).frame.iloc[0]
    assert found["power"] == pytest.approx(share, abs=0.02)


def test_hc3_errors_take_from_power_what_the_note_says():
    """Four predictors, f² .15, 6,000 studies each: .05 of 40 patients and .03 of 80, to .02."""
    rng, sets = np.random.default_rng(10), 6_000
    for n, expected in ((40, 0.05), (80, 0.03)):
        X = np.concatenate([np.ones((sets, n, 1)), rng.normal(size=(sets, n, 4))], axis=2)
        y = np.sqrt(0.15) * X[:, :, -1] + rng.normal(size=(sets, n))
        inverse = np.linalg.inv(X.transpose(0, 2, 1) @ X)
        to_last = (inverse[:, -1:, :] @ X.transpose(0, 2, 1))[:, 0]
        hat = ((X @ inverse) * X).sum(axis=2)
        b = (inverse @ (X.transpose(0, 2, 1) @ y[:, :, None]))[:, :, 0]
        left = y - (X @ b[:, :, None])[:, :, 0]
        robust = b[:, -1] / np.sqrt(((to_last * left / (1 - hat)) ** 2).sum(axis=1))
        most = stats.t.ppf(0.975, n - 5)
        less = (abs(t_of_last(X, y)) > most).mean() - (abs(robust) > most).mean()
        assert less == pytest.approx(expected, abs=0.02)


def test_a_sample_that_cannot_be_told_is_assumed_with_the_reason(adolescent, tmp_path):
    folder = Path(shutil.copytree(adolescent, tmp_path / "study"))
    toml = folder / "study.toml"
    toml.write_text(
        toml.read_text(encoding="utf-8").replace('subset = "', 'subset = "ir > 1000 and '), encoding="utf-8"
    )
    name = next(one.name for one in load_study(folder).moderations if one.subset is not None)
    design = patient_design(folder, model=name)
    assert design.frame.set_index("part")["origin"]["patients"] == "declared"
    assert "leaves no row" in next(note.numbers["reason"] for note in design.notes if note.kind == "design_not_scored")


def test_the_example_is_planned_with_what_its_data_show(adolescent):
    design = patient_design(adolescent)
    found = design.frame.set_index("part")["value"]
    origin = design.frame.set_index("part")["origin"]
    assert (found["patients"], design.spec["predictors"], design.spec["tested"]) == (41, 4, "rationale_s1:ir")
    assert (origin["patients"], origin["raters"], origin["minutes"]) == ("data", "declared", "default")
    mean = 1 / (1 + (1 / found["icc_rating"] - 1) * (1 - found["double"] / 2))
    others = found["reliability of ir"] * found["reliability of hw2"]
    assert design.design["reliability"] == pytest.approx(mean * others)
    assert design.design["hours"] == pytest.approx(41 * 2 * (1 + found["double"]))
    expected = regression_power(41, predictors=4, f2=0.15, reliability=design.design["reliability"]).frame
    pd.testing.assert_frame_equal(design.power(0.15, scale="f2").frame, expected)
    assert {note.kind for note in design.notes} >= {"design_product", "design_robust"}
    assert design.power(0.3).frame["f2"].iloc[0] == pytest.approx(0.09 / 0.91)
    stated = design.stating({"icc_rating": 1.0, "patients": 60})
    assert stated.design["reliability"] > design.design["reliability"]
    assert stated.power(0.3, patients=[60, 90]).frame["n"].tolist() == [60, 90]


def test_patients_are_those_of_the_subset_with_all_that_the_model_asks_for(adolescent, adolescent_run):
    design = patient_design(adolescent, model="praise_s2")
    frame = adolescent_run.frame.frame
    names = ["hw3", "praise_s2", "hw2", "ir", "hispanic"]
    complete = frame[names].notna().all(axis=1)
    found = design.frame.set_index("part")["value"]["patients"]
    assert found == (complete & (frame["hw2"] > 0)).sum() < complete.sum()


def test_without_data_and_what_is_refused(adolescent):
    design = patient_design(adolescent, from_data=False, model="praise_s2")
    assert "data" not in set(design.frame["origin"])
    assert design.frame.set_index("part")["value"]["patients"] == 50
    assert (design.spec["tested"], design.spec["predictors"]) == ("praise_s2", 4)
    with pytest.raises(UsageError, match="dropout does not act"):
        design.stating({"dropout": 0.1})
    with pytest.raises(UsageError, match=r"one value .* patient_design\(\) plans it"):
        study_design(adolescent)
    with (
        as_file(files("doublecode.data_examples") / "telephone_cbt") as folder,
        pytest.raises(UsageError, match=r"study_design\(\) plans it"),
    ):
        patient_design(folder)


def test_the_command_prints_the_closed_form(adolescent, monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["doublecode", "power", str(adolescent), *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code or 0, out, " ".join(err.split())

    code, out, _ = run("--between", ".15", "--scale", "f2", "--patients", "41,80", "--json")
    record = json.loads(out)
    assert code == 0
    assert [row["n"] for row in record["frame"]] == [41, 80]
    assert record["design"]["planned"]["spec"]["tested"] == "rationale_s1:ir"
    assert record["design"]["planned"]["frame"][0]["source"] == "varied"
    refused = {
        ("--within", ".3"): "state the effect by --between", (): "no effect is stated; give --between",
        ("--between", ".3", "--cheapest", ".8"): "--cheapest: patients have one value each",
        ("--between", ".3", "--double", ".2,.4"): "a list is of --patients alone",
        ("--between", ".3", "--lost", ".2"): "lost does not act",
    }  # fmt: skip
    for words, message in refused.items():
        code, _, err = run(*words)
        assert code == 2
        assert message in err
