import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from doublecode.analysis.cli import app as cli
from doublecode.analysis.cli import on_study as cli_study
from doublecode.coding import console
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable, StudyError, UsageError
from doublecode.schemas.results import Note

REFERENCE = Path(__file__).parents[2] / "reference"
FILE = "R3_ghes_batch02.xlsx"
# Shrout & Fleiss (1979), Psychological Bulletin, 86, 420–428, table 2: six targets, four judges
TABLE = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


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


@pytest.fixture
def judges(tmp_path):
    rows = [(f"T{t}", f"J{j}", y) for t, row in enumerate(TABLE, 1) for j, y in enumerate(row, 1)]
    path = tmp_path / "judges.xlsx"
    pd.DataFrame(rows, columns=["target", "judge", "rating"]).to_excel(path, index=False)
    return path


def test_shrout_and_fleiss_from_a_spreadsheet(run, judges):
    code, out, err = run("icc", judges, "--targets", "target", "--raters", "judge", "--ratings", "rating", "--json")
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert set(answer) == {"spec", "frame", "variances", "design", "notes"}
    found = {row["shrout_fleiss"]: row for row in answer["frame"]}
    # estimates as printed in the paper; limits as R's psych::ICC has them, to its two printed decimals
    printed = {
        "ICC(1,1)": (0.17, -0.13, 0.72), "ICC(2,1)": (0.29, 0.02, 0.76), "ICC(3,1)": (0.71, 0.34, 0.95),
        "ICC(1,k)": (0.44, -0.88, 0.91), "ICC(2,k)": (0.62, 0.07, 0.93), "ICC(3,k)": (0.91, 0.68, 0.99),
    }  # fmt: skip
    for form, (estimate, low, high) in printed.items():
        row = found[form]
        assert (row["estimate"], row["conf_low"], row["conf_high"]) == pytest.approx((estimate, low, high), abs=0.0051)


def test_the_table_and_the_sentence_in_the_terminal(run, judges):
    code, out, _ = run("icc", judges, "--targets", "target", "--raters", "judge", "--ratings", "rating")
    assert code == 0
    assert any(line.split()[:2] == ["ICC(A,k)", "ICC(2,k)"] for line in out.splitlines())
    assert "[.07, .93]" in out
    assert "poor to excellent" in " ".join(out.split())


def test_a_warning_has_its_code_and_takes_the_place_of_its_note(run, judges):
    words = ("icc", judges, "--targets", "target", "--raters", "judge", "--ratings", "rating")
    code, out, _ = run(*words)
    said = "only 6 targets carry more than one rating (below 20)"
    assert code == 0
    assert f"Warning: too_few_pairs · rating: {said}. Read the interval before the estimate." in out
    assert out.count(said) == 1
    assert "Note: few raters: " in out
    _, out, _ = run(*words, "--json")
    assert sum(said in note for note in json.loads(out)["notes"]) == 1


def test_a_singular_fit_is_warned_of_by_code(run):
    code, out, _ = run("fit", "homework ~ beh_cw + sess_c + (sess_c | patient)", REFERENCE / "hw229_singular.csv")
    assert code == 0
    assert "Warning: singular_fit · homework ~ beh_cw + sess_c + (sess_c | patient): the fit is singular: " in out
    assert out.count("the correlation of Intercept and sess_c is 1") == 1


def test_the_mean_over_dyads_is_printed_with_its_warning(run, judges):
    words = ("icc", judges, "--targets", "target", "--ratings", "rating", "--dyads")
    code, out, _ = run(*words, "--raters", "judge")
    assert code == 0
    assert "a reproduction of what papers print" in " ".join(out.split())
    assert "Warning: dyad_average · rating: the mean ICC of rater pairs is no estimate of reliability" in out
    _, out, _ = run(*words, "--raters", "judge", "--json")
    dyads = {row["statistic"]: row for row in json.loads(out)["dyads"]["frame"]}
    # mean of ICC2k of the six pairs of judges, each pair's two columns given to R's psych::ICC (2.2.9, lmer = FALSE)
    assert dyads["mean"]["estimate"] == pytest.approx(0.5135268007, abs=1e-10)
    assert dyads["mean"]["n_dyads"] == 6
    code, _, err = run(*words)
    assert code == 2
    assert "--dyads: pairs of raters need --raters" in err


def test_a_file_without_raters_is_one_way(run, judges):
    _, out, _ = run("icc", judges, "--targets", "target", "--ratings", "rating", "--k", "1,4", "--json")
    forms = {row["form"]: row["estimate"] for row in json.loads(out)["frame"]}
    assert forms["ICC(1,1)"] == pytest.approx(0.1657, abs=1e-4)
    assert not any(form.startswith(("ICC(A", "ICC(C")) for form in forms)


def test_limits_by_leaving_out_each_target(run, judges):
    words = ("icc", judges, "--targets", "target", "--raters", "judge", "--ratings", "rating", "--json")
    _, plain, _ = run(*words)
    code, out, _ = run(*words, "--interval", "jackknife")
    model, left_out = (json.loads(text) for text in (plain, out))
    assert code == 0
    assert left_out["spec"]["interval"] == "jackknife"
    assert [row["estimate"] for row in left_out["frame"]] == [row["estimate"] for row in model["frame"]]
    assert {row["method"] for row in left_out["frame"]} == {"anova, jackknife over targets"}


def lmm(name):
    return json.loads((REFERENCE / "lmm.json").read_text(encoding="utf-8"))[name]["REML"]


@pytest.mark.parametrize(
    ("name", "formula", "file"),
    [
        ("sleepstudy_RIS", "Reaction ~ Days + (Days | Subject)", "sleepstudy.csv"),
        ("Penicillin_crossed", "diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin.csv"),
    ],
)
def test_fit_gives_what_lme4_gives(run, name, formula, file):
    code, out, _ = run("fit", formula, REFERENCE / file, "--json")
    answer, expected = json.loads(out), lmm(name)
    assert code == 0
    for row, (term, estimate) in zip(answer["frame"], expected["fixef"].items(), strict=True):
        assert row["term"] in (term, "Intercept")
        # lme4 with a polished optimum; both stop at a gradient below 1e-6 of the deviance
        assert row["estimate"] == pytest.approx(estimate, rel=1e-6)
    ours = [row["variance"] for row in answer["variances"]]
    theirs = [row["vcov"] for row in expected["varcomp"] if row["var2"] is None]
    assert ours == pytest.approx(theirs, rel=1e-4)  # variances are flat near the optimum


def test_agreement_and_omega_of_a_file(run, judges, tmp_path):
    code, out, _ = run("agreement", judges, "--targets", "target", "--raters", "judge", "--ratings", "rating", "--json")
    answer = json.loads(out)
    pairs = [(a, b) for row in TABLE for i, a in enumerate(row) for b in row[i + 1 :]]
    exact = next(row for row in answer["frame"] if row["coefficient"] == "exact agreement")
    assert code == 0
    assert exact["estimate"] == pytest.approx(sum(a == b for a, b in pairs) / len(pairs), abs=1e-12)
    wide = pd.DataFrame(TABLE * 5, columns=list("abcd")).assign(patient=[f"P{n // 3}" for n in range(30)])
    wide.to_csv(tmp_path / "wide.csv", index=False)
    words = ("omega", tmp_path / "wide.csv", "--items", "a,b,c,d", "--clusters", "patient", "--subscale", "abc=a,b,c")
    code, out, _ = run(*words, "--json")
    answer = json.loads(out)
    assert code == 0
    assert [row["scale"] for row in answer["frame"]] == ["all items", "abc"]
    # alpha by its definition: k/(k − 1) · (1 − Σ item variances / variance of the sum)
    part = wide[["a", "b", "c", "d"]]
    expected = 4 / 3 * (1 - part.var().sum() / part.sum(axis=1).var())
    assert answer["frame"][0]["alpha"] == pytest.approx(expected, abs=1e-12)
    assert answer["frame"][0]["conf_low"] < answer["frame"][0]["omega"] < answer["frame"][0]["conf_high"]
    assert answer["variances"] is None
    code, out, _ = run(*words)
    assert code == 0
    assert "corrected item–total correlations from" in out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("icc", "{file}", "--targets", "nobody", "--ratings", "rating"), 2, "the column 'nobody' is missing"),
        (("icc", "nowhere.xlsx", "--targets", "a", "--ratings", "b"), 2, "nowhere.xlsx"),
        (("icc", "{file}", "--targets", "target", "--ratings", "rating", "--k", "two"), 2, "--k: found 'two'"),
        (("icc", "{file}"), 2, "Missing option"),
        (("fit", "rating ~~ 1", "{file}"), 2, "rating ~~ 1"),
        (("fit", "rating ~ 1 + (1 | judge)", "{file}", "--ddf", "between"), 2, "kenward-roger"),
        (("run", "{folder}"), 2, "no study.toml here"),
        (("nonsense",), 2, "No such command"),
        (("instrument", "check", "nothing"), 2, "there is no shipped instrument 'nothing'"),
        (("check", "nowhere.xlsx"), 2, "nowhere.xlsx: there is no such file"),
        (
            ("power", "--within", ".3", "--seed=1", "--within", ".4"),
            2,
            "--within is given 2 times, and takes one value",
        ),
        (("ledger", "history", "--study", "a", "--study", "b"), 2, "--study is given 2 times"),
    ],
)
def test_wrong_use_leaves_with_2_and_says_what_is_allowed(run, judges, tmp_path, words, code, says):
    folder = tmp_path / "empty"
    folder.mkdir()
    found, out, err = run(*(word.format(file=judges, folder=folder) for word in words))
    assert (found, out) == (code, "")
    assert says in " ".join(err.split())


def test_a_duplicate_in_the_data_leaves_with_1(run, judges):
    book = openpyxl.load_workbook(judges)
    book.active.append(["T1", "J1", 9])
    book.save(judges)
    code, out, err = run("icc", judges, "--targets", "target", "--raters", "judge", "--ratings", "rating", "--json")
    assert (code, out) == (1, "")
    assert "T1" in err


def test_exit_codes_of_the_error_tree():
    codes = {DuplicateError: 1, ContractError: 1, NotEstimable: 1, UsageError: 2, StudyError: 2, ZeroDivisionError: 3}
    assert {kind: console.exit_code_of(kind("x")) for kind in codes} == codes


def test_a_path_that_may_not_be_written_is_named(capsys):
    with console.Shell() as shell:
        raise PermissionError(13, "Permission denied", "locked/assignments.csv")
    assert shell.code == 2
    err = " ".join(capsys.readouterr().err.split())
    assert err == "Error: locked/assignments.csv: Permission denied. Look at the path and its rights."


def test_an_internal_fault_is_saved_and_explained(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(console.tempfile, "tempdir", str(tmp_path))
    with console.Shell() as shell:
        raise ZeroDivisionError("inner")
    (saved,) = tmp_path.glob("doublecode-fault-*.txt")
    assert shell.code == 3
    assert "ZeroDivisionError: inner" in saved.read_text(encoding="utf-8")
    err = capsys.readouterr().err
    assert "Internal fault" in err
    assert saved.name in err.replace("\n", "")


def test_help_is_grouped_by_person_and_loads_nothing_heavy(run):
    code, out, _ = run("--help")
    assert code == 0
    for person in (console.COORDINATOR, console.RESEARCHER, console.ANY_FILE):
        assert person in out
    for command in (
        "demo",
        "run",
        "reliability",
        "drift",
        "consistency",
        "check",
        "template",
        "allocate",
        "icc",
        "fit",
    ):
        assert f" {command} " in out
    script = textwrap.dedent(
        """
        import sys
        sys.argv = ["doublecode", "--help"]
        from doublecode.analysis.cli.app import main
        try:
            main()
        except SystemExit:
            pass
        heavy = {"numpy", "pandas", "scipy", "matplotlib", "openpyxl", "statsmodels", "pingouin", "pydantic"}
        sys.stderr.write(",".join(sorted(heavy & set(sys.modules))))
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stderr == ""


def test_a_pipe_that_does_not_speak_utf8_gets_it_all_the_same(judges):
    words = ["icc", str(judges), "--targets", "target", "--raters", "judge", "--ratings", "rating"]
    script = f"import sys; sys.argv = ['doublecode', *{words!r}]; from doublecode.analysis.cli.app import main; main()"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "df₁" in done.stdout.decode("utf-8")


def spoil(study):
    path = study / "incoming" / FILE
    book = openpyxl.load_workbook(path)
    book["Rate"]["G5"].value = 9
    book.save(path)
    return path


def test_a_run_with_errors_writes_no_report_but_a_marked_copy(run, telephone):
    spoil(telephone)
    code, out, err = run("run", telephone)
    assert (code, out) == (1, "")
    assert f"{FILE} › Rate!G5 · out_of_range" in err
    assert "--set-aside FILE" in err
    assert not (telephone / "report").exists()
    marked = telephone / "please_fix" / "R3_ghes_batch02_please_fix.xlsx"
    assert "Problems" in openpyxl.load_workbook(marked).sheetnames
    before = marked.read_bytes()
    _, _, err = run("run", telephone)
    assert "was left as it is" in " ".join(err.split())
    assert marked.read_bytes() == before


def test_a_run_without_workbooks_says_so_and_takes_the_declaration_for_its_folder(run, telephone):
    for path in (telephone / "incoming").iterdir():
        path.unlink()
    declared = (telephone / "study.toml").read_text(encoding="utf-8")
    (telephone / "study.toml").write_text(declared.split("[correlations]")[0], encoding="utf-8")
    code, out, err = run("run", telephone / "study.toml")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    assert "No workbook was read: incoming/ holds none" in text
    assert "Listed as held in sessions.csv, but no rating was read: S-" in text
    page = (telephone / "report" / "index.html").read_text(encoding="utf-8")
    assert "No workbook was read" in page.split("<nav")[0]
    assert 'id="reliability"' not in page
    assert 'id="table-files"' not in page


def test_a_run_says_what_could_not_be_estimated(capsys, telephone_run):
    reasons = tuple(
        Note("not_estimated", name, {"reason": why}) for name, why in (("Model m", "only 3 rows"), ("Model n", "flat"))
    )
    cli_study._print_headlines(replace(telephone_run, not_estimated=reasons), Path("a/report"), is_demo=False)
    out = " ".join(capsys.readouterr().out.split())
    assert "Not estimated: 2 (listed in the report), such as Model m: only 3 rows" in out
    cli_study._print_headlines(telephone_run, Path("a/report"), is_demo=False)
    assert "Not estimated" not in capsys.readouterr().out


def test_check_finds_the_study_upward_and_says_what_it_could_not_check(run, telephone, tmp_path):
    path = spoil(telephone)
    code, out, _ = run("check", path, "--json", "--no-marked")
    answer = json.loads(out)
    assert code == 1
    assert [(row["code"], row["cell"]) for row in answer["frame"] if row["severity"] == "error"] == [
        ("out_of_range", "G5")
    ]
    assert answer["notes"] == []
    alone = tmp_path / "elsewhere" / FILE
    alone.parent.mkdir()
    alone.write_bytes(path.read_bytes())
    code, out, err = run("check", alone)
    assert code == 1
    assert "not checked: whether the sessions exist" in out
    assert "out_of_range" in err
    assert (alone.parent / "R3_ghes_batch02_please_fix.xlsx").is_file()


def test_a_whole_run_prints_the_lines_that_matter(run, telephone, undrawn):
    spoil(telephone)
    declared = (telephone / "study.toml").read_text(encoding="utf-8")
    short = declared.split("[correlations]")[0]  # the models are tested with the run; here it is the command
    (telephone / "study.toml").write_text(short, encoding="utf-8")
    code, out, err = run("run", telephone, "--set-aside", FILE)
    assert (code, err) == (0, "")
    assert "210 → " in out
    assert "ICC = ." in out
    assert f"Set aside: {FILE}" in out
    (line,) = [line for line in out.splitlines() if line.startswith("Warnings of the analysis: ")]
    assert "2 too_few_pairs" in line
    assert "1 few_therapists" in line
    results = json.loads((telephone / "report" / "results.json").read_text(encoding="utf-8"))
    warned = [one["text"] for one in results["problems"] if one["stage"] == "analysis"]
    assert sum(text.startswith("too_few_pairs · ") for text in warned) == 2
    code, out, err = run("run", telephone, "--set-aside", FILE, "--overwrite", "--json")
    assert (code, err) == (0, "")
    assert [note for note in json.loads(out)["notes"] if note in warned] == warned
    page = (telephone / "report" / "index.html").read_text(encoding="utf-8")
    assert f"<code>{FILE}</code>" in page.split("<nav")[0]
    code, _, err = run("run", telephone, "--set-aside", FILE)
    assert code == 2
    assert "Add --overwrite" in err


def test_reliability_of_a_study_as_json(run, telephone):
    code, out, _ = run("reliability", telephone, "--json")
    answer = json.loads(out)
    assert code == 0
    assert {"spec", "frame", "variances", "design", "notes"} <= set(answer)
    assert {row["phase"] for row in answer["frame"]} == {"main", "pilot"}
    assert {row["component"] for row in answer["variances"]} >= {"target", "rater", "residual"}


def test_drift_of_a_study(run, telephone):
    code, out, err = run("drift", telephone, "--json")
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert {"spec", "frame", "periods", "drifts", "tests", "sessions", "design", "notes"} <= set(answer)
    engagement = [row for row in answer["frame"] if row["scale"] == "he"]
    # lmerTest 3.1: value ~ 0 + rater + (1 | session_id), each rater against the mean, Satterthwaite limits (contest1D);
    # to 1e-4, as two optimisers stop
    witness = {"R1": (0.026386, -0.115740, 0.168513), "R5": (0.182547, 0.039372, 0.325721)}
    for row in engagement:
        if row["rater"] in witness:
            found = (row["estimate"], row["conf_low"], row["conf_high"])
            assert found == pytest.approx(witness[row["rater"]], abs=1e-4)
    assert [row["rater"] for row in engagement] == ["R1", "R2", "R3", "R4", "R5"]
    assert {row["period"] for row in answer["periods"]} == {"batch01", "batch02"}
    assert all(row["minimum_detectable"] > 2 * row["std_error"] for row in answer["drifts"])
    code, out, _ = run("drift", telephone, "--by-date", 3, "--top", 2)
    assert code == 0
    assert "Rater severity" in out
    assert "Least detectable" in out
    assert "Worth hearing again" in out
    code, _, err = run("drift", telephone, "--by-date", 1)
    assert code == 2
    assert "at least two" in err


def test_drift_on_the_latent_scale(run, telephone):
    code, out, err = run("drift", telephone, "--latent", "--json")
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert {(row["instrument"], row["scale"]) for row in answer["items"]} >= {
        ("ghes", "extent"),
        ("sthar", "a_rationale"),
    }
    assert len(answer["frame"]) == 5 * len(answer["items"])
    code, _, err = run("drift", telephone, "--latent", "--by-date", 2)
    assert code == 2
    assert "leave out --by-date" in err


def test_the_demo_leaves_what_is_not_its_own_alone(run, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("all of it")
    code, _, err = run("demo", folder)
    assert code == 2
    assert "is there already" in err
    code, _, err = run("demo", folder, "--overwrite")
    assert code == 2
    assert "is no copy of the example study" in " ".join(err.split())
    assert (folder / "thesis.txt").read_text() == "all of it"


def test_workbooks_of_a_new_study(run, telephone):
    (telephone / "assignments.csv").rename(telephone / "old.csv")
    code, out, _ = run("allocate", telephone, "--json")
    answer = json.loads(out)
    assert code == 0
    assert {row["table"] for row in answer["frame"]} >= {"load", "pair"}
    rows = pd.read_csv(telephone / "assignments.csv")
    assert set(rows["instrument"]) == {"ghes", "sthar", "homework_log"}
    assert run("allocate", telephone)[0] == 2
    code, out, _ = run("template", telephone)
    assert code == 0
    written = list((telephone / "outgoing").glob("*.xlsx"))
    assert f"{len(written)} workbooks written" in out
    assert len(written) == len(rows[["instrument", "rater", "batch"]].drop_duplicates())


def test_a_row_is_named_by_its_line_in_the_file(run, tmp_path):
    rows = "T1,J1,3\nT1,J2,4\n\n,J1,2\nT2,J2,2\n"
    (tmp_path / "a.csv").write_text(f"target,judge,rating\n{rows}", encoding="utf-8")
    code, _, err = run("icc", tmp_path / "a.csv", "--targets", "target", "--raters", "judge", "--ratings", "rating")
    assert code == 1
    assert "column 'target' is blank in row 5 " in " ".join(err.split())
