"""The right values of tables and formulas that once gave another model than was asked for (README.md)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis import agreement, compare, fit_mixed, icc, moderation
from doublecode.analysis.cli.app import app
from doublecode.analysis.mixed.formula_columns import formula_columns
from doublecode.coding.reading.long_table import read_rows
from doublecode.schemas.column_types import Role, typed_texts
from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable, UsageError

HERE = Path(__file__).parent


def ask(*told: object) -> dict[str, list]:
    result = CliRunner().invoke(app, [*map(str, told), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def row(record, term):
    return next(one for one in record["frame"] if one["term"] == term)


def test_a_centred_time_with_an_exponent_is_a_slope():
    found = ask("fit", "phq ~ time_c + (1|patient)", HERE / "prepost.csv")
    slope = row(found, "time_c")
    assert (slope["estimate"], slope["std_error"], slope["df"]) == pytest.approx((-15.75, 2.23, 79), abs=0.005)
    assert row(found, "Intercept")["estimate"] == pytest.approx(12.00, abs=0.005)


def test_a_word_among_numbers_is_refused_or_declared():
    with pytest.raises(ContractError, match=r'line 7: he: found "n/a".*--missing n/a'):
        ask("fit", "phq ~ session + he + (1|patient)", HERE / "na_text.csv")
    found = ask("fit", "phq ~ session + he + (1|patient)", HERE / "na_text.csv", "--missing", "n/a")
    assert row(found, "he")["estimate"] == pytest.approx(-0.80, abs=0.005)
    assert any("read_as_missing" in note for note in found["notes"])


def test_decimal_commas_in_a_tab_file_are_numbers():
    assert len(ask("fit", "phq ~ session + he + (1|patient)", HERE / "comma.tsv")["frame"]) == 3


def test_na_is_missing_in_a_text_column():
    found = ask("fit", "Reaction ~ Days + F + (1 | Subject)", HERE / "text_na.csv")
    assert row(found, "F[T.b]")["estimate"] == pytest.approx(10.91, abs=0.005)
    assert found["design"]["n_used"] == 130
    assert found["design"]["dropped_by_column"] == {"F": 50}


def test_text_codes_agree_as_names():
    found = ask("agreement", HERE / "nom.csv", "--targets", "s", "--raters", "rater", "--ratings", "y")
    values = {one["coefficient"]: one["estimate"] for one in found["frame"]}
    assert values["exact agreement"] == 14 / 16
    assert values["Cohen's kappa"] == pytest.approx(17 / 21)
    assert values["Gwet's AC1"] == pytest.approx(0.8142235, abs=1e-7)


def write(path, *lines):
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_role_decides(tmp_path):
    lines = ("id,x,d,w,m", "03,03,2021-04-03,a,a", "3,1e1,2021-04-04,NA,3", "1E5,.5,2021-04-05,b,b")
    path = write(tmp_path / "a.csv", *lines)
    roles = {"id": Role.TEXT, "x": Role.TERM, "w": Role.TERM}
    table, remarks = read_rows(path, tuple(roles), roles=roles)
    assert table["id"].tolist() == ["03", "3", "1E5"]
    assert table["x"].tolist() == [3, 10, 0.5]
    assert table["w"].isna().tolist() == [False, True, False]
    assert [one.code for one in remarks] == ["read_as_missing", "labels_alike"]
    with pytest.raises(ContractError, match=r"line 2: d: found .*a date or a time.*days"):
        read_rows(path, ("d",), roles={"d": Role.TERM})
    with pytest.raises(ContractError, match=r'line 2: m: found "a".*C\(m\)'):
        read_rows(path, ("m",), roles={"m": Role.TERM})
    assert read_rows(path, ("m",), roles={"m": Role.FACTOR})[0]["m"].tolist() == ["a", "3", "b"]


@pytest.mark.parametrize("cells", [("950", "1.000"), ("950", "2.500", "1.250"), ("1,000", "950")])
def test_thousands_are_refused(tmp_path, cells):
    path = write(tmp_path / "a.csv", "x", *(f'"{cell}"' for cell in cells))
    with pytest.raises(ContractError, match="beyond doubt"):
        read_rows(path, ("x",), roles={"x": Role.NUMBER})


def test_the_columns_of_a_study_follow_the_same_rule():
    assert typed_texts(pd.Series(["24,5", "31", None]), "patients.csv").tolist()[:2] == [24.5, 31]
    with pytest.raises(ContractError, match="line 3: found 'n/a' among numbers"):
        typed_texts(pd.Series(["24", "n/a"], index=pd.Index([2, 3], name="line")), "patients.csv")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"g": np.repeat([f"P{i}" for i in range(12)], 5), "x": rng.normal(size=60)})
    frame["z"] = np.tile(np.arange(5.0), 12)
    frame["arm"] = np.repeat(["u", "v"] * 6, 5)
    frame["y"] = 2 * frame.x + np.repeat(rng.normal(size=12), 5) + rng.normal(size=60)
    return frame


NS = [[-0.105350466457, 0.230016700093, -0.123223232192], [-0.165534804754, 0.356536502547, 0.808998302207]]
BS = [[0.583522297808, 0.118738404453, 0.001443001443, 0, 0], [0, 0, 0, 0, 1]]
NAMES = ("hamd.pre", "a b", "größe", "1st", "Intercept", "it's", 'say "x"', "class", "log", "x:y", "年齢", "a,b")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_in_backticks(data, name):
    frame = data.rename(columns={"x": name}).assign(hamd=np.where(data.index < 10, np.nan, 1.0))
    found = fit_mixed(f"y ~ `{name}` + z + (1 | g)", frame)
    wanted = fit_mixed("y ~ x + z + (1 | g)", data)
    assert found.nobs == 60
    assert found.frame["estimate"].tolist() == pytest.approx(wanted.frame["estimate"].tolist())
    assert found.predict(frame.head(3)).tolist() == pytest.approx(wanted.predict(data.head(3)).tolist())
    assert fit_mixed(f"y ~ z + (`{name}` | g)", frame).nobs == 60
    found = moderation(f"y ~ `{name}` * z", frame, keys=(), subset=f"`{name}` > -9")
    wanted = moderation("y ~ x * z", data, keys=())
    assert found.slopes["estimate"].tolist() == pytest.approx(wanted.slopes["estimate"].tolist())


SAME = [
    ("factor(arm)", "arm"),
    ("as.factor(arm)", "C(arm)"),
    ("sqrt(abs(x))", "np.sqrt(np.abs(x))"),
    ("log(exp(x))", "x"),
    ("ifelse(arm == 'v', 1, 0)", "arm"),
    ("relevel(arm, ref = 'u')", "arm"),
    ("poly(x, 2, raw = TRUE)", "x + I(x**2)"),
]
INSTEAD = [
    (".", "name the columns"),
    ("offset(x)", "offset="),
    ("arm + ifelse(arm %in% c('u'), 1, 0)", "ifelse"),
    ("cut(x, 3)", "a column of their own"),
    ("foo(x)", "functions that are known"),
    ("lag(x)", "patient by patient"),
    ("relevel(arm)", "contr.treatment"),
    ("log(arm)", "cannot be computed"),
    ("bs(x, dg = 3)", "cannot be computed"),
]


@pytest.mark.parametrize(("written", "same"), SAME)
def test_words_of_r_work(data, written, same):
    found, wanted = (fit_mixed(f"y ~ {text} + (1 | g)", data).frame["estimate"].tolist() for text in (written, same))
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize(("written", "instead"), INSTEAD)
def test_words_without_meaning_name_their_substitute(data, written, instead):
    with pytest.raises(FormulaError, match=instead) as raised:
        fit_mixed(f"y ~ {written} + (1 | g)", data)
    assert "formulaic" not in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_splines_are_those_of_r():
    """R 4.2.2: ns(c(1,2,3,5,8,13,21,34,4,6), df = 3) and bs(…, df = 5), rows 2 and 8."""
    x = pd.DataFrame({"x": [1.0, 2, 3, 5, 8, 13, 21, 34, 4, 6]})
    natural = formula_columns("0 + ns(x, df=3)", x)[0]
    assert natural[[1, 7]].tolist() == [pytest.approx(row) for row in NS]
    assert formula_columns("0 + bs(x, df=5)", x)[0][[1, 7]].tolist() == [pytest.approx(row) for row in BS]


def test_what_is_scaled_is_scaled_before_rows_are_dropped():
    """R: lmer(y ~ scale(x) + (1 | g)) on 40 rows, y missing in 2, x in 1: 12.684868595, 6.171208885."""
    k = np.arange(1, 41)
    frame = pd.DataFrame({"g": np.repeat(np.arange(1, 9), 5), "x": (k * 7.0) % 11})
    frame["y"] = 2 * frame.x + frame.g % 3 + ((k * 13) % 7) / 3
    frame.loc[[2, 16], "y"] = np.nan
    frame.loc[4, "x"] = np.nan
    found = fit_mixed("y ~ scale(x) + (1 | g)", frame).frame["estimate"].tolist()
    assert found == pytest.approx([12.68486859535, 6.17120888524], abs=1e-6)


def test_an_empty_cell_leaves_its_column_out_as_lmer_does():
    """R: lmer and lm(y ~ a * b): 14.5556, −3.4530, 2.1752, −2.5556, 2.7863; dropping 1 column."""
    k = np.arange(1, 41)
    frame = pd.DataFrame({"g": np.repeat(np.arange(1, 9), 5), "a": np.where(k % 3 == 0, "u", "v")})
    frame["b"] = np.array(["p", "q", "r"])[(k % 4) % 3]
    frame["y"] = 2 * ((k * 7) % 11) + frame.g % 3 + ((k * 13) % 7) / 3
    frame.loc[[2, 16], "y"] = np.nan
    frame = frame[~((frame.a == "u") & (frame.b == "q"))]
    found = fit_mixed("y ~ a * b + (1 | g)", frame)
    right = [14.55555555556, -3.45299145299, 2.17521367521, -2.55555555556, 2.78632478632]
    assert found.frame["estimate"].tolist() == pytest.approx(right, abs=1e-5)
    assert found.notes[0].kind == "columns_left_out"
    new = pd.DataFrame({"a": ["u", "v"], "b": ["q", "q"], "g": [1, 1]})
    assert found.predict(new).isna().tolist() == [True, False]


@pytest.mark.parametrize("right_side", ["wt + wt:hp", "0 + wt * hp", "wt:hp"])
def test_a_moderation_without_its_parts_is_no_other_model(right_side):
    cars = pd.DataFrame({"mpg": [21.0, 22.8, 21.4, 18.7, 18.1, 14.3], "wt": [2.6, 2.3, 3.2, 3.4, 3.5, 3.6]})
    cars["hp"] = [110.0, 93, 110, 175, 105, 245]
    with pytest.raises(UsageError, match=r"stands without .*write wt \* hp"):
        moderation(f"mpg ~ {right_side}", cars, keys=())


def test_a_product_that_no_row_holds():
    frame = pd.DataFrame({"a": [0.0, 0, 0, 1, 1, 1, 0], "b": [0.0, 1, 1, 0, 0, 0, 0], "y": [1.0, 2, 4, 3, 5, 2, 3]})
    with pytest.raises(NotEstimable, match=r"write a \+ b"):
        moderation("y ~ a * b", frame, keys=())


def test_models_that_are_not_nested_have_no_p_value(data):
    one, other = fit_mixed("y ~ z + (1 | g)", data), fit_mixed("y ~ x + arm + (1 | g)", data)
    found = compare(one, other)
    assert found.frame["p_value"].isna().all()
    assert "not_nested" in [note.kind for note in found.notes]


def test_rows_in_another_order_are_the_same_rows_and_other_groups_are_not(data):
    small, large = fit_mixed("y ~ z + (1 | g)", data), fit_mixed("y ~ z + x + (1 | g)", data)
    turned = fit_mixed("y ~ z + x + (1 | g)", data.iloc[::-1])
    p_values = [compare(small, one).frame["p_value"].iloc[1] for one in (turned, large)]
    assert p_values[0] == pytest.approx(p_values[1])
    other = fit_mixed("y ~ z + x + (1 | g)", data.assign(g=np.tile(data.g.unique(), 5)))
    with pytest.raises(UsageError, match="group the rows by 'g' in different ways"):
        compare(small, other)


def test_a_double_bar_says_that_it_depends_on_the_zero(data):
    assert "zero_of_double_bar" in [note.kind for note in fit_mixed("y ~ z + (z || g)", data).notes]
    assert "zero_of_double_bar" not in [note.kind for note in fit_mixed("y ~ z + (z | g)", data).notes]


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, "", " ", "NA"])
def test_one_rule_for_what_is_missing(data, nothing):
    frame = data.astype({"arm": object, "g": object}).copy()
    frame.loc[0, "arm"], frame.loc[1, "g"] = nothing, nothing
    found = fit_mixed("y ~ arm + (1 | g)", frame)
    assert found.design["dropped_by_column"] == {"arm": 1, "g": 1}
    table = pd.DataFrame({"s": [1, 1, 2, 2, 3, 3], "r": [nothing, "B", "A", "B", "A", "B"], "y": [1.0, 2, 2, 3, 4, 4]})
    for answer in (icc, agreement):
        with pytest.raises(ContractError, match=r"column 'r'.*row 0"):
            answer(table, targets="s", raters="r", ratings="y")


def test_numbers_and_dates_kept_as_text_are_no_categories(data):
    with pytest.raises(ContractError, match=r"numbers as text.*C\(x\)"):
        fit_mixed("y ~ x + (1 | g)", data.assign(x=data.x.astype(str)))
    with pytest.raises(ContractError, match="dates as text"):
        fit_mixed("y ~ x + (1 | g)", data.assign(x=[f"2021-04-{at % 28 + 1:02d}" for at in range(60)]))
    many = fit_mixed("y ~ C(z) + (1 | g)", data.assign(z=np.tile(np.arange(10.0), 6)))
    assert "many_categories" in [note.kind for note in many.notes]
