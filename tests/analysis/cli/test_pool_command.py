"""``doublecode pool FILE``: the ways to give effects, what is said of odd files, pictures and exit codes."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import pool
from doublecode.analysis.cli import app as cli

DATA = Path(__file__).parents[2] / "reference" / "data"
MOLLOY = DATA / "meta_molloy2014.csv"


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["doublecode", "pool", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code or 0, out, " ".join(err.split())

    return call


def studies():
    data = pd.read_csv(MOLLOY)
    return data.assign(z=np.arctanh(data["ri"]), v=1 / (data["ni"] - 3), e=(data["ni"] - 3) ** -0.5)


def test_three_ways_to_give_effects_are_one(run, tmp_path):
    path = tmp_path / "studies.xlsx"
    studies().to_excel(path, index=False)
    ways = (("--r", "ri", "--n", "ni"), ("--estimate", "z", "--variance", "v"), ("--estimate", "z", "--se", "e"))
    answers = []
    for way in ways:
        code, out, _ = run(path, *way, "--labels", "study", "--measure", "r", "--json")
        assert code == 0
        answers.append(json.loads(out))
    expected = pool("z", "v", data=studies())
    for answer in answers:
        assert answer["frame"][0]["estimate"] == pytest.approx(expected.frame["estimate"].iloc[0], rel=1e-9)
        assert answer["frame"][0]["effect"] == pytest.approx(np.tanh(expected.frame["estimate"].iloc[0]), rel=1e-9)
        assert (answer["tau2"], answer["i2"]) == pytest.approx((expected.tau2, expected.i2), rel=1e-8)
        assert answer["prediction"] == pytest.approx(list(expected.prediction), rel=1e-8)
        assert [one["label"] for one in answer["studies"]] == studies()["study"].tolist()


def test_what_is_asked_beside_it_and_the_pictures(run, tmp_path):
    forest, funnel = tmp_path / "forest.svg", tmp_path / "funnel.png"
    words = (MOLLOY, "--r", "ri", "--n", "ni", "--labels", "study", "--small-studies", "--leave-one-out")
    code, out, _ = run(*words, "--plot", forest, "--funnel", funnel, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["trim_and_fill"]["design"]["n_missing"] == 2
    assert len(answer["leave_one_out"]["frame"]) == 16
    assert len(answer["egger"]["frame"]) == 4
    assert "Pooled" in forest.read_text(encoding="utf-8")
    assert funnel.read_bytes().startswith(b"\x89PNG")
    code, _, err = run(*words, "--plot", forest)
    assert (code, "Add --overwrite" in err) == (2, True)
    code, out, _ = run(MOLLOY, "--r", "ri", "--n", "ni")
    assert code == 0
    assert "the pooled r was .15, 95% CI [.08, .22]" in " ".join(out.split())


def test_moderators_and_several_effects(run):
    code, out, _ = run(MOLLOY, "--r", "ri", "--n", "ni", "--moderators", "meanage", "--json")
    assert code == 0
    assert json.loads(out)["omnibus"]["df2"] == 14
    file = DATA / "meta_konstantopoulos.csv"
    code, out, _ = run(file, "--estimate", "yi", "--variance", "vi", "--studies", "district", "--json")
    answer = json.loads(out)
    assert code == 0
    assert [one["component"] for one in answer["variances"]] == ["between studies", "within studies"]


@pytest.mark.parametrize(
    ("cells", "words", "code", "said"),
    [
        ({"v": {1: "0"}}, (), 1, "row 3, column 'v': found 0; a sampling variance is above 0"),
        ({"v": {1: "-1", 2: "0"}}, (), 1, "row 3, column 'v': found -1 (and 1 more)"),
        ({"z": {1: "n.s."}}, (), 1, 'line 3: z: found "n.s.", allowed a number'),
        ({"study": {1: "A"}}, (), 1, "'A' stands in rows 2, 3"),
        ({"study": {1: ""}}, (), 1, "study, row 3: there is no name"),
        ({}, ("--method", "FE", "--test", "hksj"), 2, "test of random effects"),
        ({}, ("--moderators", "z ~ n"), 2, "only what stands after ~"),
        ({}, ("--moderators", "n + (1 | study)"), 2, "studies are random already"),
        ({}, ("--moderators", "n", "--plot", "a.svg"), 2, "leave out --moderators"),
        ({}, ("--plot", "a.pdf"), 2, "ends in .svg or .png"),
        ({}, ("--r", "z"), 2, "found --estimate --variance --r; allowed --estimate with --variance"),
        ({}, ("--moderators", "age"), 2, "the column 'age' is missing"),
    ],
)
def test_odd_files_and_wrong_use_are_said_by_row_and_column(run, tmp_path, cells, words, code, said):
    table = pd.DataFrame(
        {"study": list("ABCD"), "z": ["0.1", "0.2", "0.4", "0.3"], "v": ["0.02"] * 4, "n": [5, 6, 7, 8]}
    )
    for column, changes in cells.items():
        for row, text in changes.items():
            table.loc[row, column] = text
    path = tmp_path / "studies.csv"
    table.to_csv(path, index=False)
    left, out, err = run(path, "--estimate", "z", "--variance", "v", "--labels", "study", *words)
    assert (left, out) == (code, "")
    assert said in err


def test_one_study_two_studies_and_missing_cells(run, tmp_path):
    path = tmp_path / "studies.csv"
    rows = ["study,r,n", "A,.2,40", "B,,50", "C,.4,60"]
    path.write_text("\n".join(rows[:2]), encoding="utf-8")
    code, _, err = run(path, "--r", "r", "--n", "n")
    assert code == 1
    assert "one study has an estimate and a variance; two are the least" in err
    path.write_text("\n".join(rows), encoding="utf-8")
    code, out, _ = run(path, "--r", "r", "--n", "n", "--labels", "study")
    assert code == 0
    assert "1 row not pooled, for want of a value: row 3 (B): Fisher's z of r" in " ".join(out.split())
    path.write_text("\n".join([*rows, "D,1.2,30", "E,.1,3"]), encoding="utf-8")
    code, _, err = run(path, "--r", "r", "--n", "n")
    assert code == 1
    assert "row 5, column 'r': found 1.2; a correlation lies between −1 and 1" in err
