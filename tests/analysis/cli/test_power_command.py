"""``doublecode power``: flags, lists, pictures and what is refused."""

import json
import sys

import docx
import pytest

from doublecode.analysis import PlannedStudy, power
from doublecode.analysis.cli import app as cli

PLAN = ("--patients", "12", "--sessions", "5", "--studies", "100")
RATED = (*PLAN, "--for", "icc", "--raters", "3", "--double", ".5", "--icc-rating", ".6")


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["doublecode", "power", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code or 0, out, " ".join(err.split())

    return call


def test_every_flag_acts(run):
    def frame(*more):
        code, out, _ = run(*PLAN, "--within", ".3", "--json", *more)
        assert code == 0
        return json.loads(out)

    plain = frame("--raters", "3", "--icc-rating", ".6")
    assert plain["spec"]["plan"]["raters"] == 3
    changes = {
        "--double": ".5", "--severity": ".6", "--points": "5", "--therapists": "4", "--dropout": ".3", "--lost": ".2",
        "--icc-outcome": ".6", "--icc-predictor": ".5", "--slope-sd": ".3", "--alpha": ".01", "--scale": "sd",
        "--ddf": "z", "--seed": "4", "--formula": "outcome ~ within + (1 | patient)", "--minutes": "30",
    }  # fmt: skip
    for flag, value in changes.items():
        other = frame("--raters", "3", "--icc-rating", ".6", flag, value)
        assert other["frame"] != plain["frame"], flag
    both = frame("--raters", "3", "--icc-rating", ".6", "--therapists", "4", "--icc-therapist", ".2")
    assert both["frame"] != frame("--raters", "3", "--icc-rating", ".6", "--therapists", "4")["frame"]


def test_a_list_is_a_curve_and_is_drawn(run, tmp_path):
    picture = tmp_path / "power.svg"
    code, out, _ = run(
        "--patients", "10,14", "--sessions", "4,5", "--within", ".3", "--studies", "100", "--plot", picture
    )
    assert code == 0
    assert out.count("within patients") == 4
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    code, _, err = run("--patients", "10,14", "--sessions", "4", "--within", ".3", "--plot", picture)
    assert code == 2
    assert "Add --overwrite" in err


def test_the_proposal_has_the_cheapest_that_was_asked_for(run, tmp_path):
    """The smaller design has power of .80 and not of .99; the figure shows both, and stands also where none does."""
    words = ("--patients", "10,40", "--sessions", "6", "--within", ".5", "--studies", "100")
    file = tmp_path / "power.docx"
    code, out, _ = run(*words, "--cheapest", ".99", "--text", "--figure", file)
    assert code == 0
    told = "\n".join(one.text for one in docx.Document(str(file)).paragraphs)
    for text in (" ".join(out.split()), told):
        assert "Of 2 designs the cheapest with power of .99 is that with 40 patients" in text
        assert "(seed 1) it is" in text
        assert "power of .80 is that" not in text
    short = tmp_path / "short.svg"
    code, _, err = run("--patients", "6,7", *words[2:], "--cheapest", ".99", "--figure", short)
    assert (code, "none of 2 designs has power 0.99" in err) == (1, True), err
    assert short.is_file()


def test_the_cheapest_of_a_grid(run):
    words = ("--patients", "10,40", "--sessions", "6", "--within", ".5", "--studies", "100")
    code, out, _ = run(*words, "--cheapest", ".8", "--json")
    assert code == 0
    answer = json.loads(out)
    assert [row["patients"] for row in answer["frame"]] == [10]
    alone = power(PlannedStudy(patients=10, sessions=6), within=0.5, studies=100, seed=1).frame.iloc[0]
    assert alone["power"] != answer["frame"][0]["power"]
    found, low, high = (f"{alone[name]:.2f}"[1:] for name in ("power", "power_low", "power_high"))
    assert f"drawn anew, with seed 1, give power {found} [{low}, {high}]" in answer["notes"][1]
    assert answer["notes"][0].startswith("the cheapest of 2")
    code, _, err = run(*words, "--icc-width", ".3")
    assert code == 2
    assert "give --cheapest .8 with it" in err
    code, _, err = run(*words, "--cheapest", ".8", "--icc-width", ".3")
    assert code == 2
    assert "--icc-width: no session is coded twice" in err


@pytest.mark.parametrize(("words", "message"), [
    ((*PLAN,), "no effect is stated"),
    (("--patients", "many", "--sessions", "5", "--within", ".3"), "--patients: found 'many', allowed a number"),
    ((*PLAN, "--within", ".3", "--double", ".4"), "double is given without raters"),
    ((*PLAN, "--within", ".3", "--raters", "3"), "give the ICC"),
    ((*PLAN, "--within", ".3", "--plot", "p.svg"), "nothing is varied"),
    ((*PLAN, "--within", ".3", "--plot", "p.gif"), "ends in .png, .pdf, .svg, .docx"),
    (("--patients", "10,20", "--sessions", "4,5", "--within", ".2,.3", "--figure", "p.svg"), "give one or two lists"),
    (("--patients", "10,20", "--sessions", "4", "--within", ".2", "--between", "0", "--figure", "p.svg"),
     "two figures"),
    (("--within", ".3"), "--patients and --sessions are missing"),
    ((*PLAN, "--within", ".3", "--model", "m"), "are of a study folder"),
    ((*PLAN, "--within", ".3", "--cheapest", ".8"), "nothing is varied"),
    ((*PLAN, "--within", ".3", "--seed", "-1"), "seed is -1; allowed: a whole number from 0 on"),
    ((*PLAN, "--within", ".3", "--alpha", "5"), "alpha is 5.0; it lies between 0 and 1"),
    ((*PLAN, "--within", ".3", "--dropout", "20%"), "a share as .4, not 40%"),
    ((*PLAN, "--within", ".3", "--minutes", "30"), "nobody rates"),
    ((*PLAN, "--within", ".3", "--shape", "map"), "are of a figure"),
    ((*PLAN, "--within", ".3", "--overwrite"), "are of a figure"),
    ((*PLAN, "--trend", "0,5"), "--trend: found '0,5'; a comma stands between values"),
    ((*PLAN, "--within", ".3", "--double", "0,4"), "Write 0.4 if that is the number, and 0,4.0 for two values"),
    ((*PLAN, "--within", "-0,3"), "Write -0.3"),
    ((*PLAN, "--within", ".3", "--lost", "0,1,0,2"), "Write 0.1"),
    ((*PLAN, "--within", ".3", "--slope-sd", "1,5"), "Write 1.5"),
    ((*PLAN, "--within", ".3", "--raters", "2.5"), "--raters: found '2.5', allowed a whole number"),
    ((*RATED[:2], "--sessions", "5.5", *RATED[4:]), "--sessions: found '5.5', allowed a whole number"),
    ((*RATED, "--each", "1"), "each is 1; allowed: 2 or more"),
    ((*RATED, "--keep", "answers"), "--keep would not act"),
    ((*PLAN, "--within", ".3", "--each", "2"), "are of --for icc"),
    ((*RATED, "--seed", "-1"), "seed is -1"),
    ((*RATED, "--family", "poisson"), "--family would not act"),
    ((*RATED, "--ddf", "z"), "--ddf would not act"),
    ((*RATED, "--scale", "sd"), "--scale would not act"),
    ((*RATED, "--jobs", "2"), "--jobs would not act"),
])  # fmt: skip
def test_what_is_refused(run, words, message):
    code, _, err = run(*words)
    assert code == 2
    assert message in err


def test_lists_with_a_nought_are_read_as_they_are_meant(run):
    code, out, _ = run("--patients", "12", "--sessions", "5", "--studies", "100", "--within", "0,.3", "--raters", "0,3",
                       "--double", "0,1.0", "--icc-rating", ".6", "--json")  # fmt: skip
    assert code == 0
    assert json.loads(out)["spec"]["vary"] == {"raters": [0, 3], "double": [0.0, 1.0], "within": [0.0, 0.3]}


def test_widths_of_the_raters_icc(run):
    words = ("--for", "icc", "--patients", "10", "--sessions", "6", "--raters", "3,5", "--double", ".5,1",
             "--icc-rating", ".6", "--studies", "40")  # fmt: skip
    code, out, _ = run(*words, "--items", "7", "--omega", ".85", "--dropout", ".2", "--json")
    frame = json.loads(out)["frame"]
    assert code == 0
    assert {(row["targets"], row["raters"], row["share"]) for row in frame} == {
        (54, raters, share) for raters in (3, 5) for share in (0.5, 1.0)
    }
    code, out, _ = run(*words, "--icc-width", ".9")
    assert code == 0
    assert "the cheapest of 4 designs" in out
    refused = {
        ("--within", ".3"): "--within would not act", ("--lost", "0,.1"): "--lost has 2 values",
        ("--figure", "p.png"): "--figure would not act",
    }  # fmt: skip
    for more, message in refused.items():
        code, _, err = run(*words, *more)
        assert code == 2
        assert message in err
    code, _, err = run(*words[:6], "--raters", "0,3", *words[8:])
    assert (code, "without raters there is no ICC" in err) == (2, True)
    code, _, err = run(*words[:6])
    assert code == 2
    assert "--raters, --double, --icc-rating are missing" in err
    code, _, err = run(*PLAN, "--within", ".3", "--items", "7")
    assert "are of --for icc" in err


def test_an_outcome_that_is_done_or_not(run):
    words = (*PLAN, "--family", "binomial", "--base", ".4", "--within", ".8", "--json")
    code, out, _ = run(*words)
    assert code == 0
    spec = json.loads(out)["spec"]
    assert (spec["plan"]["family"], spec["plan"]["base"], spec["scale"], spec["ddf"]) == ("binomial", 0.4, "link", "z")
    code, _, err = run(*PLAN, "--family", "poisson", "--trend", ".1")
    assert code == 2
    assert "mean count" in err


def test_an_outcome_in_ordered_categories(run):
    words = ("--patients", "10", "--sessions", "4", "--studies", "100", "--family", "ordinal", "--within", ".8")
    code, out, _ = run(*words, "--base", ".2,.3,.3,.2", "--json")
    plan = json.loads(out)["spec"]["plan"]
    assert (code, plan["family"], plan["base"]) == (0, "ordinal", [0.2, 0.3, 0.3, 0.2])
    code, _, err = run(*words, "--base", ".2,.3,.3")
    assert code != 0
    assert "add up to 0.8; allowed: 1" in err
