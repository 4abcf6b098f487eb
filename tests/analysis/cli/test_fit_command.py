"""`doublecode fit` as a student uses it: own files with heads of every kind, all families, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.mixed import fit_generalized
from doublecode.schemas.errors import DoublecodeError

REFERENCE = Path(__file__).parents[2] / "reference"
HEADS = {"patient": "Pat.-Nr.", "x": "HA besprochen (0-4)", "done": "erledigt?", "items": "Aufgaben fertig",
         "trials": "Aufgaben", "count": "Fehlzeiten"}  # fmt: skip
GROUP, X = "(1 | `Pat.-Nr.`)", "`HA besprochen (0-4)`"
WORDS = ("gar nicht", "etwas", "sehr")


def table() -> pd.DataFrame:
    data = pd.read_csv(REFERENCE / "generalized" / "homework.csv").rename(columns=HEADS)
    data["ja/nein"] = np.where(data["erledigt?"] == 1, "ja", "nein")
    data["dritt"] = data["ja/nein"].where(data.index % 17 > 0, "k.A.")
    data["Wort"] = np.array(WORDS)[np.minimum(data["Fehlzeiten"], 2)]
    data["Log Minuten"] = np.log(data["Aufgaben"]).round(4)
    return data.assign(Null=0, Eins=1, negativ=data["Fehlzeiten"] - 2, halb=data["Fehlzeiten"] + 0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("student")
    table().to_csv(path / "daten.csv", sep=";", decimal=",", index=False)
    table().to_excel(path / "daten.xlsx", index=False)
    return path


def run(folder: Path, formula: str, *options: str, name: str = "daten.csv") -> tuple[int, str]:
    answer = CliRunner().invoke(app, ["fit", formula, str(folder / name), *options])
    said = str(answer.exception) if isinstance(answer.exception, DoublecodeError) else ""
    return answer.exit_code, " ".join((answer.output + said).split())


@pytest.mark.parametrize(("outcome", "family", "options", "keywords"), [
    ("`erledigt?`", "binomial", ("--link", "probit"), {"link": "probit"}),
    ("`Aufgaben fertig`", "binomial", ("--trials", "`Aufgaben`"), {"trials": "Aufgaben"}),
    ("Fehlzeiten", "poisson", ("--offset", "`Log Minuten`", "--nagq", "1"), {"offset": "Log Minuten", "nagq": 1}),
    ("nb", "negative-binomial", (), {}),
    ("`erledigt?`", "binomial", ("--prior-sd", "2.5", "--conf-level", ".9"), {"prior_sd": 2.5, "conf_level": 0.9}),
])  # fmt: skip
def test_every_family_of_a_csv_and_an_excel_file(folder, outcome, family, options, keywords) -> None:
    formula = f"{outcome} ~ {X} + {GROUP}"
    wanted = fit_generalized(formula, table(), family=family, **keywords).fixed
    for name in ("daten.csv", "daten.xlsx"):
        answer = CliRunner().invoke(app, ["fit", formula, str(folder / name), "--family", family, *options, "--json"])
        assert answer.exit_code == 0, answer.output
        found = pd.DataFrame(json.loads(answer.stdout)["frame"])
        np.testing.assert_allclose(found[["estimate", "conf_low"]], wanted[["estimate", "conf_low"]], rtol=1e-4)


def test_words_are_a_success_or_stand_in_an_order(folder) -> None:
    formula = f"{{}} ~ {X} + {GROUP}"
    answer = CliRunner().invoke(app, ["fit", formula.format("`ja/nein`"), str(folder / "daten.csv"), "--family",
                                      "binomial", "--success", "ja", "--json"])  # fmt: skip
    record = json.loads(answer.stdout)
    assert "ja/nein: 1 is ja; 0 is nein" in record["notes"]
    wanted = fit_generalized(formula.format("`erledigt?`"), table(), family="binomial").fixed["estimate"]
    np.testing.assert_allclose([row["estimate"] for row in record["frame"]], wanted, rtol=1e-6)
    named = {}
    for options in (("--failure", "nein,k.A."), ("--missing", "k.A.")):
        answer = CliRunner().invoke(app, ["fit", formula.format("dritt"), str(folder / "daten.csv"), "--family",
                                          "binomial", "--success", "ja", *options, "--json"])  # fmt: skip
        named[options[0]] = [row["estimate"] for row in json.loads(answer.stdout)["frame"]]
    third = table()["dritt"].map({"ja": 1.0, "nein": 0.0})
    for option, values in (("--failure", third.fillna(0.0)), ("--missing", third)):
        wanted = fit_generalized(f"y ~ {X} + {GROUP}", table().assign(y=values), family="binomial").fixed["estimate"]
        np.testing.assert_allclose(named[option], wanted, rtol=1e-6)
    code, text = run(folder, formula.format("Wort"), "--family", "ordinal", "--order", "gar nicht,etwas,sehr",
                     "--thresholds", "equidistant")  # fmt: skip
    assert code == 0
    assert "gar nicht|etwas" in text


def test_figure_and_tables_are_written_and_not_twice(folder, tmp_path) -> None:
    formula = f"Fehlzeiten ~ {X} + z + {GROUP}"
    files = [tmp_path / name for name in ("f.svg", "t.xlsx", "t.tex")]
    for table_file in files[1:]:
        options = ("--family", "poisson", "--plot", str(files[0]), "--over", X, "--table", str(table_file))
        assert run(folder, formula, *options, "--overwrite")[0] == 0
    assert "Predicted mean of Fehlzeiten over HA besprochen (0-4)" in files[0].read_text(encoding="utf-8")
    assert load_workbook(files[1]).sheetnames
    assert "\\begin{table}" in files[2].read_text(encoding="utf-8")
    code, said = run(folder, formula, "--family", "poisson", "--table", str(files[1]))
    assert code != 0
    assert "--overwrite" in said
    assert run(folder, formula, "--plot", str(tmp_path / "linear.png"))[0] == 0
    assert (tmp_path / "linear.png").exists()


@pytest.mark.parametrize(("outcome", "options", "said"), [
    ("Null", ("--family", "binomial"), "one category only; allowed: both 0 and 1"),
    ("Null", ("--family", "poisson"), "There is nothing to model"),
    ("Eins", ("--family", "ordinal"), "one category only"),
    ("negativ", ("--family", "poisson"), "counts cannot be negative"),
    ("halb", ("--family", "negative-binomial"), "needs whole counts"),
    ("halb", ("--family", "ordinal"), "categories are whole numbers"),
    ("Aufgaben", ("--family", "binomial", "--trials", "Aufgaben fertig"), "trials must be whole numbers from 1"),
    ("`ja/nein`", ("--family", "binomial"), '--success "ja"'),
    ("`ja/nein`", ("--family", "binomial", "--success", "jaa"), "did you mean 'ja'?"),
    ("`ja/nein`", ("--family", "binomial", "--success", "ja", "--trials", "Aufgaben"),
     "with --trials the outcome is a number of successes"),
    ("`ja/nein`", (), 'a linear model needs numbers. A model of words: --family binomial --success "ja"'),
    ("`ja/nein`", ("--family", "poisson"), "family 'poisson' needs numbers"),
    ("Wort", (), "A model of words: --family ordinal --order"),
    ("dritt", ("--family", "binomial"), '--success "ja" --failure "nein" --missing "k.A."'),
    ("dritt", ("--family", "binomial", "--success", "ja"), "also holds 'k.A.', 'nein'. Name those that count as 0"),
    ("dritt", ("--family", "binomial", "--success", "ja", "--failure", "neni"), "did you mean 'nein'?"),
    ("dritt", ("--family", "binomial", "--success", "ja", "--failure", "ja,nein"), "'ja' stands twice"),
    ("dritt", ("--family", "binomial", "--failure", "nein"), "it goes with --success"),
    ("Wort", ("--family", "ordinal", "--failure", "sehr"), "--failure: it belongs to --family binomial"),
    ("Wort", ("--family", "ordinal", "--order", "gar nicht,etwas,sehr,sehr"), "--order: 'sehr' stands twice"),
    ("Fehlzeiten", ("--overwrite",), "--overwrite: there is no file to replace"),
    ("Wort", ("--family", "ordinal"), "which have no order. Say it, lowest first: --order"),
    ("Wort", ("--family", "ordinal", "--order", "gar nicht,sehr"), "also holds 'etwas'"),
    ("Wort", ("--family", "binomial", "--order", "gar nicht,sehr"), "--order: it belongs to --family ordinal"),
    ("Fehlzeiten", ("--family", "poison"), "Did you mean 'poisson'?"),
    ("Fehlzeiten", ("--family", "poisson", "--ml"), "--ml: it belongs to a linear model"),
    ("Fehlzeiten", ("--family", "poisson", "--ddf", "z"), "--ddf: it belongs to a linear model"),
    ("Fehlzeiten", ("--family", "poisson", "--thresholds", "equidistant"), "thresholds= belongs to family 'ordinal'"),
    ("Fehlzeiten", ("--nagq", "3"), "it belongs to a model by --family"),
    ("Fehlzeiten", ("--success", "ja"), "it belongs to --family binomial"),
    ("Fehlzeiten", ("--family", "poisson", "--over", "z"), "give --plot FILE.svg with it"),
    ("Fehlzeiten", ("--family", "poisson", "--plot", "f.svg", "--over", "w"), "--over: found 'w'; allowed: "),
    ("Fehlzeiten", ("--family", "poisson", "--plot", "f.pdf"), "ends in .svg or .png"),
    ("Fehlzeiten", ("--family", "poisson", "--table", "t.pdf"), "ends in .docx, .xlsx, .tex"),
])  # fmt: skip
def test_each_refusal_names_the_next_step(folder, outcome, options, said) -> None:
    code, text = run(folder, f"{outcome} ~ {X} + {GROUP}", *options)
    assert code != 0
    assert said in text


def test_limits_of_all_parameters_on_the_command_line(folder, tmp_path) -> None:
    """As in Python; two processes and what they kept give the same; the file of tables has them too."""
    formula, name = f"`Aufgaben fertig` ~ {X} + {GROUP}", str(folder / "daten.csv")
    asked = ["fit", formula, name, "--family", "poisson", "--interval"]
    model = fit_generalized(formula, table(), family="poisson")
    drawn = ["bootstrap", "--n-boot", "60", "--seed", "4", "--json"]
    for options, limits in (
        (["profile", "--json"], model.confint("profile")),
        (drawn, model.confint("bootstrap", n_boot=60, seed=4)),
        ([*drawn, "--jobs", "2", "--keep", str(tmp_path / "kept")], model.confint("bootstrap", n_boot=60, seed=4)),
    ):
        answer = CliRunner().invoke(app, [*asked, *options])
        assert answer.exit_code == 0, answer.output
        found = pd.DataFrame(json.loads(answer.stdout)["limits"]["frame"])
        assert found["parameter"].tolist() == limits["parameter"].tolist()
        np.testing.assert_allclose(found["conf_high"], limits["conf_high"], rtol=1e-5)
    assert len(list((tmp_path / "kept").iterdir())) == 2
    code, text = run(
        folder, formula, "--family", "poisson", "--interval", "profile", "--table", str(tmp_path / "t.xlsx")
    )
    assert (code, "Profile-likelihood limits of all parameters" in text) == (0, True)
    cells = [str(cell.value) for sheet in load_workbook(tmp_path / "t.xlsx") for row in sheet for cell in row]
    assert any("Profile-likelihood limits" in cell for cell in cells)


@pytest.mark.parametrize(("options", "said"), [
    (("--jobs", "2"), "--jobs belongs to --interval bootstrap"),
    (("--interval", "profile", "--n-boot", "100"), "--n-boot belongs to --interval bootstrap"),
    (("--interval", "wald", "--keep", "x"), "--keep belongs to --interval bootstrap"),
    (("--interval", "bootstrap", "--n-boot", "5"), "--n-boot: found 5, allowed 20 or more"),
    (("--interval", "bootstrap", "--jobs", "2", "--scheduler", "tcp://a:1"), "take one of them"),
])  # fmt: skip
def test_flags_of_resamples_that_would_not_act(folder, options, said) -> None:
    code, text = run(folder, f"Fehlzeiten ~ {X} + {GROUP}", *options)
    assert code != 0
    assert said in text


@pytest.mark.parametrize(("options", "said"), [
    (("--kind", "multilevel", "--jobs", "2"), "--jobs has no effect for --kind multilevel"),
    (("--n-boot", "300"), "--n-boot belongs to --interval bootstrap"),
    (("--interval", "bootstrap", "--n-boot", "100", "--seed", "2", "--jobs", "2"), "100 resamples, seed 2"),
    (("--kind", "hierarchical", "--interval", "percentile", "--n-boot", "100"), "percentile, 100 resamples"),
])  # fmt: skip
def test_omega_by_resamples(tmp_path, options, said) -> None:
    rng = np.random.default_rng(8)
    codes = pd.DataFrame(rng.normal(size=(60, 1)) + rng.normal(size=(60, 6)), columns=list("abcdef"))
    codes.assign(patient=np.repeat(np.arange(12), 5)).to_csv(tmp_path / "o.csv", index=False)
    words = ["omega", str(tmp_path / "o.csv"), "--items", "a,b,c,d,e,f", "--clusters", "patient", *options]
    answer = CliRunner().invoke(app, words)
    assert said in " ".join((answer.output + str(answer.exception or "")).split())
