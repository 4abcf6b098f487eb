"""More inputs of known kinds, made (synthetic) where they are tried: what went wrong and the right value."""

from __future__ import annotations

import shlex

import pandas as pd
import pytest
from openpyxl import Workbook

from doublecode.analysis import agreement
from doublecode.analysis.cli.read_files import read_columns
from doublecode.analysis.mixed.fit import fit_mixed
from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.regression.group_differences import group_anova
from doublecode.coding.reading.table_remarks import alike
from doublecode.schemas.column_types import Role
from doublecode.schemas.dates import read_dates
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.letters import as_typed
from doublecode.schemas.whole_files import replace_folder


@pytest.mark.parametrize(
    ("text", "form"),
    [("4.11.16", "dd.mm.yy"), ("11/04/2016", "dd/mm/yyyy"), ("2016/11/04", "yyyy/mm/dd"), ("4-11-2016", "dd-mm-yyyy")],
)
def test_the_form_that_is_advised_reads_the_date(text, form):
    texts = pd.Series([text])
    with pytest.raises(ContractError, match=f"--dates {form}\\."):
        read_dates(texts, None, ["line 2"], "date")
    assert read_dates(texts, form, ["line 2"], "date").notna().all()


def test_a_share_is_not_below_nought():
    rows = [("a", "J", 1), ("a", "K", 1), ("b", "J", 1), ("b", "K", 3), ("c", "J", 3), ("c", "K", 2)]
    found = agreement(pd.DataFrame(rows, columns=["s", "r", "y"]), targets="s", raters="r", ratings="y").frame
    shares = found[found["coefficient"].isin(["exact agreement", "within 1 point"])]
    assert shares["estimate"].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert (shares["conf_low"] == 0).all()  # Student's limits reach below


def test_a_file_where_a_folder_is_to_be_is_left_alone(tmp_path):
    (tmp_path / "report").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file where a folder is to be"):
        replace_folder(tmp_path / "report", lambda fresh: None)
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert (tmp_path / "report").read_text(encoding="utf-8") == "mine"


def fit_of(folder, formula, column):
    """`fit` on a file whose second column is `column`, by the reader of the one-off commands."""
    rows = [f"{place % 5};{cell};{place * 7 % 11}" for place, cell in enumerate(column)]
    path = folder / "table.csv"
    path.write_text("\n".join(["g;x;PHQ-9", *rows]), encoding="utf-8")
    parsed = parse_formula(formula)
    return fit_mixed(formula, read_columns(path, parsed.names, None, parsed.roles)[0])


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{:.2f} h", "every cell with a sign, a unit or thousands"), ("{:.1f}%", "every cell with a sign"),
        ("1,{:06.2f}", "every cell with a sign"), ("< {:.2f}", "every cell with a sign"),
        ("€ {:.2f}", "every cell with a sign"),
    ],
)  # fmt: skip
def test_numbers_with_a_sign_or_unit_throughout_are_no_factor(tmp_path, written, said):
    column = [written.format(place / 7) for place in range(20)]
    with pytest.raises(ContractError, match=f"table.csv, line 2: x: found .* {said}"):
        fit_of(tmp_path, "`PHQ-9` ~ x + (1 | g)", column)
    doses = [f"{5 + place % 3} mg" for place in range(20)]
    assert len(fit_of(tmp_path, "`PHQ-9` ~ x + (1 | g)", doses).frame) == 3  # three doses are a factor, as in R


@pytest.mark.parametrize("odd", ["5.1", "−5,1", "–5,1", "1 005,1", "1'005"])
def test_another_mark_or_minus_is_named(tmp_path, odd):
    with pytest.raises(ContractError, match=r"line 6: x: found .* the same decimal mark, - for minus"):
        fit_of(tmp_path, "`PHQ-9` ~ x + (1 | g)", ["1,5", "2,5", "3,25", "0,5", odd, *["4,5"] * 15])


def test_a_head_cut_short_by_its_sign_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"Is 'PHQ-9' meant\? In a formula it stands in backticks: `PHQ-9`"):
        fit_of(tmp_path, "PHQ-9 ~ x + (1 | g)", ["1", "2"] * 10)


def test_letters_that_look_alike_are_listed():
    assert alike(["S1", "Ѕ1", "P‑2", "P-2", "А", "A", "Ä"]) == '"S1" / "Ѕ1"; "P‑2" / "P-2"; "А" / "A"'


def test_a_percentage_among_numbers_is_refused_at_its_cell(tmp_path):
    book = Workbook()
    sheet = book.active
    for row in [("s", "y", "share"), ("a", 2, 0.5), ("b", 0.25, 0.75), ("c", 3, 1)]:
        sheet.append(row)
    for cell in ("B3", "C2", "C3", "C4"):
        sheet[cell].number_format = "0%"
    path = tmp_path / "table.xlsx"
    book.save(path)
    share = read_columns(path, ["share"], None, {"share": Role.NUMBER})[0]["share"]
    assert share.tolist() == [0.5, 0.75, 1]  # percentages throughout are numbers
    with pytest.raises(ContractError, match='B3: y: found "25%", allowed a number'):
        read_columns(path, ["y"], None, {"y": Role.NUMBER})


@pytest.mark.parametrize("title", ["Ratings 2021;;", "Ratings 2021", "Zürich, 1. März, 2021", "# made; by; hand"])
def test_a_title_above_the_heads_is_named(tmp_path, title):
    path = tmp_path / "table.csv"
    path.write_text(f"{title}\n\ns;r;y\na;J;1\n", encoding="utf-8")
    with pytest.raises(ContractError, match=r"the heads stand in line 3\. Delete the lines above them, from 1 on"):
        read_columns(path, ["s", "r", "y"], None, {})


def test_a_title_above_the_heads_of_a_sheet_is_named(tmp_path):
    book = Workbook()
    for row in [("Table 1",), ("s", "r", "y"), ("a", "J", 1)]:
        book.active.append(row)
    book.save(tmp_path / "table.xlsx")
    with pytest.raises(UsageError, match=r"The heads stand in the row of A2\. Delete the rows above them, from A1 on"):
        read_columns(tmp_path / "table.xlsx", ["s", "r", "y"], None, {})


@pytest.mark.parametrize(("odd", "advised"), [("k.A., krank", ""), ("n. a.", '--missing "n. a."'), ("1.234,5", "")])
def test_a_missing_value_is_advised_where_the_option_can_say_it(tmp_path, odd, advised):
    with pytest.raises(ContractError) as told:
        fit_of(tmp_path, "`PHQ-9` ~ x + (1 | g)", ["1", "2", "3", odd, *["4"] * 16])
    assert ("--missing" in str(told.value)) == bool(advised)
    assert advised in str(told.value)


def test_a_code_with_another_blank_is_found(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("y\n1\n2\nn.\u202fa.\n", encoding="utf-8")
    assert read_columns(path, ["y"], None, {"y": Role.NUMBER}, ("n.\u202fa.",))[0]["y"].isna().sum() == 1


def test_paths_and_texts_are_quoted_as_a_shell_wants_them():
    for text in ("my d'emo #1", "ö demo [1] %20", ">=3", 'say "no"', "a;b", "$x", "*"):
        assert shlex.split(as_typed(text)) == [text] or "$" in text
    assert [as_typed(text) for text in ("study", "C:\\x\\y", "../a_b-1.csv")] == ["study", "C:\\x\\y", "../a_b-1.csv"]


def test_numbers_that_become_groups_are_named():
    frame = pd.DataFrame({"age": [20.0, 21, 22, 23, 24, 20], "y": [1.0, 2, 3, 4, 5, 7]})
    kinds = [note.kind for note in group_anova(frame, "y", "age").notes]
    assert "groups_by_number" in kinds
    assert "groups_by_number" not in [
        note.kind for note in group_anova(frame.assign(age=list("abcdea")), "y", "age").notes
    ]


def test_every_help_prints_what_it_says():
    from doublecode.analysis.cli.app import app

    for command in app.registered_commands:
        assert "[" not in (command.callback.__doc__ or ""), command.callback.__name__  # rich reads a style in brackets
