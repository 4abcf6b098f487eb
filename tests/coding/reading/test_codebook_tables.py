"""Codebooks that labs have, as declarations: spreadsheet, REDCap data dictionary, XLSForm (all made up here)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.coding.reading.cells import make_codec, read_cell
from doublecode.coding.reading.codebook_tables import read_codebook
from doublecode.schemas import load_instrument
from doublecode.schemas.errors import UsageError

SPREADSHEET = [
    ("Item", "Text", "Bereich", "Anker", "umgepolt", "Skala", "Fehlend"),
    ("a1", "Ziele besprochen", "1-7", "1 = gar nicht; 7 = sehr", "", "Bündnis", "99 = nicht beurteilbar"),
    ("a2", "Spannung", "1–7", "", "x", "Bündnis", "99 = nicht beurteilbar"),
    ("Plan gemacht?", "Plan für die Woche", "", "J = ja; N = nein", "", "", "99 = nicht beurteilbar"),
]
REDCAP = """"Variable / Field Name","Form Name","Section Header","Field Type","Field Label","Choices, Calculations, OR \
Slider Labels","Field Note","Text Validation Type OR Show Slider Number","Text Validation Min","Text Validation Max",\
Identifier?,"Branching Logic (Show field only if...)","Required Field?"
warmth,rating,,radio,"<b>Warmth</b>","0, none | 1, some | 2, much | 9, not ratable",,,,,,,y
pace,rating,,radio,Pace,"0, slow | 1, right | 2, fast | 9, not ratable",,,,,,,y
done,rating,,yesno,Homework done,,,,,,,,
kinds,rating,,checkbox,Kinds of homework,"1, reading | 2, exposure",,,,,,,
minutes,rating,,text,Minutes of homework,,,integer,,120,,,
remarks,rating,,notes,Remarks,,,,,,,,
seen_on,rating,,text,Date of rating,,,date_ymd,,,,,
total,rating,,calc,Warmth and pace,"sum([warmth],[pace])",,,,,,,
picture,rating,,descriptive,Look at this,,,,,,,,
"""


def saved(path: Path, **sheets: list[tuple[Any, ...]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def made(path: Path, *options: str) -> Any:
    arguments = ["instrument", "new", str(path), "--name", "own", "--folder", str(path.parent), *options]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0, (answer.output, answer.exception)
    return load_instrument(path.parent / "own.toml"), answer.output


def test_a_spreadsheet(tmp_path: Path) -> None:
    book, _ = made(saved(tmp_path / "codebook.xlsx", Kodierung=SPREADSHEET), "--title", "Bündnis", "--score", "sum")
    assert [item.name for item in book.items] == ["a1", "a2", "plan_gemacht"]
    assert [(item.minimum, item.maximum, item.reversed) for item in book.items[:2]] == [(1, 7, False), (1, 7, True)]
    assert book.item("a1").anchors == {"1": "gar nicht", "7": "sehr"}
    assert book.item("plan_gemacht").categories == {"J": "ja", "N": "nein"}
    assert book.missing_codes == {"99": "nicht beurteilbar"}
    assert [(scale.name, scale.label, scale.items, scale.score) for scale in book.scales] == [
        ("buendnis", "Bündnis", ("a1", "a2"), "sum")
    ]


def test_a_data_dictionary_of_redcap(tmp_path: Path) -> None:
    path = tmp_path / "dictionary.csv"
    path.write_text(REDCAP, encoding="utf-8")
    book, said = made(path)
    assert book.item("warmth").label == "Warmth"
    assert (book.item("warmth").minimum, book.item("warmth").maximum) == (0, 2)
    assert book.item("warmth").anchors == {"0": "none", "1": "some", "2": "much"}
    assert book.missing_codes == {"9": "not ratable"}
    assert [book.missing_for(book.item(name)) for name in ("warmth", "minutes")] == [("9",), ()]
    assert (book.item("done").type, book.item("done").meanings) == ("yes_no", {"1": "yes", "0": "no"})
    assert book.item("kinds").multiple
    assert (book.item("minutes").type, book.item("minutes").maximum) == ("count", 120)
    assert book.item("remarks").optional
    assert [(scale.name, scale.items, scale.score) for scale in book.scales] == [("total", ("warmth", "pace"), "sum")]
    assert "seen_on is a field of the type text (date_ymd)" in said
    assert "picture is a field of the type descriptive" in said


def test_an_xlsform(tmp_path: Path) -> None:
    survey = [
        ("type", "name", "label", "constraint", "parameters"),
        ("begin_group", "g", "Ratings", "", ""),
        ("select_one often", "empathy", "Empathy", "", ""),
        ("select_multiple kinds", "kinds", "Kinds", "", ""),
        ("integer", "tasks", "Tasks", ". >= 0 and . < 7", ""),
        ("integer", "minutes", "Minutes", "", ""),
        ("range", "rapport", "Rapport", "", "start=0 end=10 step=1"),
        ("text", "why", "Why", "", ""),
        ("geopoint", "where", "Where", "", ""),
        ("end_group", "g", "", "", ""),
    ]
    choices = [
        ("list_name", "name", "label"),
        ("often", "0", "never"), ("often", "1", "at times"), ("often", "2", "always"), ("often", "-99", "no answer"),
        ("kinds", "r", "reading"), ("kinds", "e", "exposure"),
    ]  # fmt: skip
    book, said = made(saved(tmp_path / "form.xlsx", survey=survey, choices=choices))
    assert (book.item("empathy").minimum, book.item("empathy").maximum) == (0, 2)
    assert book.missing_codes == {"-99": "no answer"}
    assert book.item("kinds").categories == {"r": "reading", "e": "exposure"}
    assert (book.item("tasks").minimum, book.item("tasks").maximum) == (0, 6)
    assert (book.item("rapport").minimum, book.item("rapport").maximum) == (0, 10)
    assert book.item("minutes").type == "count"
    assert book.item("why").optional
    assert "where is a question of the type geopoint" in said


def test_a_numeric_missing_code_is_read_as_it_is_typed(tmp_path: Path) -> None:
    book, _ = made(saved(tmp_path / "codebook.xlsx", Kodierung=SPREADSHEET))
    codec = make_codec(book, book.item("a1"))
    assert [read_cell(value, codec).missing for value in (99.0, "99", "99 ", 7.0)] == ["99", "99", "99", None]
    assert read_cell(9.0, codec).problem == "out_of_range"


def test_a_file_without_items_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no item was found"):
        read_codebook(saved(tmp_path / "empty.xlsx", Sheet=[("Item", "Range")]))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = saved(tmp_path / "codebook.xlsx", Kodierung=SPREADSHEET)
    made(path)
    arguments = ["instrument", "new", str(path), "--name", "own", "--folder", str(tmp_path)]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code != 0


SAME = {
    "empathy": ("ordinal", 0, 4, None, {"0": "none", "1": "little", "2": "some", "3": "much", "4": "full"}, {}, False),
    "severity": ("decimal", 0, 4, 2, {}, {}, False),
    "plan": ("yes_no", None, None, None, {}, {}, False),
    "tasks": ("count", None, 12, None, {}, {}, False),
    "kind": ("nominal", None, None, None, {}, {"r": "reading", "e": "exposure"}, False),
    "kinds": ("nominal", None, None, None, {}, {"1": "reading", "2": "exposure", "3": "diary"}, True),
    "remark": ("text", None, None, None, {}, {}, False),
}
LABELS = {
    "empathy": "Empathy", "severity": "Severity", "plan": "A plan was made", "tasks": "Tasks", "kind": "Kind",
    "kinds": "Kinds", "remark": "Remark",
}  # fmt: skip
HINT = "as heard on the tape"


def as_spreadsheet(folder: Path) -> Path:
    """The codebook of `SAME`, as a lab keeps it."""
    rows: list[tuple[Any, ...]] = [
        ("Variable", "Label", "Type", "Min", "Max", "Decimals", "Codes", "Missing", "Hint", "Optional")
    ]
    words = {"count": "count", "yes_no": "yes/no", "nominal": "nominal", "text": "text", "decimal": "decimal"}
    for name, (kind, low, high, decimals, anchors, categories, several) in SAME.items():
        codes = "; ".join(f"{code} = {text}" for code, text in (anchors | categories).items())
        of = "multiple" if several else words.get(kind, "rating")
        ends = (0 if kind == "count" else low, high)
        missing = "9 = not ratable" if name == "empathy" else ""
        rows.append((name, LABELS[name], of, *ends, decimals, codes, missing, HINT if name == "empathy" else "", ""))
    return saved(folder / "codebook.xlsx", Codebook=rows)


def as_redcap(folder: Path) -> Path:
    """The same as a data dictionary."""
    heads = (
        "field_name", "field_type", "field_label", "select_choices_or_calculations", "field_note",
        "text_validation_type_or_show_slider_number", "text_validation_min", "text_validation_max", "required_field",
    )  # fmt: skip
    kinds = {"ordinal": "radio", "nominal": "radio", "yes_no": "yesno", "text": "notes"}
    rows: list[tuple[Any, ...]] = [heads]
    for name, (kind, low, high, _, anchors, categories, several) in SAME.items():
        codes = (anchors | categories) | ({"9": "not ratable"} if name == "empathy" else {})
        choices = " | ".join(f"{code}, {text}" for code, text in codes.items())
        validated = {"decimal": "number_2dp", "count": "integer"}.get(kind, "")
        of = "checkbox" if several else kinds.get(kind, "text")
        ends = (low, high) if validated else ("", "")
        hint = HINT if name == "empathy" else ""
        rows.append((name, of, f"<b>{LABELS[name]}</b>", choices, hint, validated, *ends, ""))
    return saved(folder / "dictionary.xlsx", Sheet1=rows)


def as_xlsform(folder: Path) -> Path:
    """The same as a form."""
    survey: list[tuple[Any, ...]] = [("type", "name", "label", "hint", "constraint", "parameters")]
    choices: list[tuple[Any, ...]] = [("list_name", "name", "label")]
    for name, (kind, _, high, _, anchors, categories, several) in SAME.items():
        codes = (anchors | categories) | ({"9": "not ratable"} if name == "empathy" else {})
        codes |= {"1": "Yes", "0": "No"} if kind == "yes_no" else {}
        choices += [(f"list_{name}", code, text) for code, text in codes.items()]
        of = f"{'select_multiple' if several else 'select_one'} list_{name}" if codes else kind
        of, steps = ("range", "start=0 end=4 step=0.01") if kind == "decimal" else (of, "")
        of, limit = ("integer", f". <= {high}") if kind == "count" else (of, "")
        survey.append((of, name, LABELS[name], HINT if name == "empathy" else "", limit, steps))
    return saved(folder / "form.xlsx", survey=survey, choices=choices)


@pytest.mark.parametrize("make", [as_spreadsheet, as_redcap, as_xlsform])
def test_the_same_codebook_from_three_kinds_of_files(make: Any, tmp_path: Path) -> None:
    book, _ = made(make(tmp_path))
    assert [item.name for item in book.items] == list(SAME)
    for item in book.items:
        kind, low, high, decimals, anchors, categories, several = SAME[item.name]
        assert item.label == LABELS[item.name]
        assert (item.type, item.maximum, item.decimals, item.multiple) == (kind, high, decimals, several), item.name
        assert item.low == (low or 0)
        assert item.categories == categories
        if kind == "yes_no":
            assert {code: text.casefold() for code, text in item.meanings.items()} == {"1": "yes", "0": "no"}
        else:
            assert item.anchors == anchors
        assert book.missing_for(item) == (("9",) if item.name == "empathy" else ())
        assert item.hint == (HINT if item.name == "empathy" else "")
    assert book.missing_codes == {"9": "not ratable"}


def test_what_a_codebook_cannot_hold_is_named_with_its_row(tmp_path: Path) -> None:
    rows = [("Item", "Label", "Type", "Range"), ("weight", "Weight", "decimal", ""), ("warmth", "Warmth", "", "1-7")]
    book, said = made(saved(tmp_path / "codebook.xlsx", Codes=rows))
    assert [item.name for item in book.items] == ["warmth"]
    assert "Codes, A2: weight is a decimal number and has no range; give it one" in " ".join(said.split())


def test_limits_of_forms_with_decimals(tmp_path: Path) -> None:
    survey = [
        ("type", "name", "label", "constraint"),
        ("decimal", "gsi", "GSI", ". >= 0 and . <= 4.5"),
        ("integer", "n", "N", ". > 0 and . < 7"),
        ("decimal", "kg", "Weight", ""),
    ]
    choices = [("list_name", "name", "label"), ("x", "1", "y")]
    book, said = made(saved(tmp_path / "form.xlsx", survey=survey, choices=choices))
    assert (book.item("gsi").type, book.item("gsi").low, book.item("gsi").high) == ("decimal", 0, 4.5)
    assert (book.item("n").low, book.item("n").high) == (1, 6)
    assert "kg is a question of the type decimal" in said


@pytest.mark.parametrize("mark", [";", ",", "\t"])
@pytest.mark.parametrize("case", [str.lower, str.title, str.upper])
def test_a_text_file_with_heads_in_any_case_and_any_mark(mark: str, case: Any, tmp_path: Path) -> None:
    lines = [["item", "bezeichnung", "von", "bis"], ["warmth", "Warmth", "1", "7"]]
    rows = [mark.join(map(case, lines[0])), mark.join(lines[1])]
    path = tmp_path / "codebook.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    book, _ = made(path)
    assert [(item.label, item.low, item.high) for item in book.items] == [("Warmth", 1, 7)]


HEADS_OF_LABS = [
    "Polung", "negativ gepolt", "Negativ", "Recodiert", "Umzupolen", "Umkodieren", "R", "Revers", "reverse-scored",
    "Invers", "Reversed?", "REVERSE CODED",
]  # fmt: skip


@pytest.mark.parametrize("head", HEADS_OF_LABS)
@pytest.mark.parametrize("cell", ["x", "neg.", "-", "invertiert", "R"])
def test_a_reversed_item_however_it_is_called(head: str, cell: str, tmp_path: Path) -> None:
    rows = [("Item", "Min", "Max", head, "Unterskala"), ("a", 1, 7, "", "S"), ("b", 1, 7, cell, "S")]
    book, answer = made(saved(tmp_path / "own.xlsx", Blatt=rows))
    assert [item.reversed for item in book.items] == [False, True]
    assert [scale.items for scale in book.scales] == [("a", "b")]
    assert "Look at:" not in answer


def test_a_column_that_is_not_read_is_named(tmp_path: Path) -> None:
    rows = [("Item", "Min", "Max", "Revrsed", "Seite"), ("a", 1, 7, "x", ""), ("b", 1, 7, "", "")]
    _, answer = made(saved(tmp_path / "own.xlsx", Blatt=rows))
    said = [line for line in answer.splitlines() if line.startswith("Look at:")]
    assert said == [
        "Look at: own.xlsx › Blatt: the column 'Revrsed' is not read (1 cell, such as 'x'); did you mean 'reversed'?"
    ]


def test_cells_that_say_nothing_known_stop_it(tmp_path: Path) -> None:
    rows = [
        ("Item", "Typ", "Min", "Max", "Polung", "Ausprägungen", "Optional", "Decimals", "Bereich"),
        ("a", "Likertt", 1, 7, "vielleicht", "1 = nie; immer", "", "", ""),
        ("b", "", "eins", 7, "+", "", "manchmal", "zwei", "eins bis vier"),
        ("c", "", 1, "", "", "", "", "", ""),
        ("d", "minutes", "", 90, "", "", "", "", ""),
    ]
    with pytest.raises(UsageError) as said:
        read_codebook(saved(tmp_path / "own.xlsx", Blatt=rows))
    head, *lines = str(said.value).splitlines()
    assert head == "own.xlsx: 8 cells cannot be read; correct or empty them."
    assert lines[0] == (
        "  own.xlsx › Blatt, A2: reversed: found 'vielleicht', "
        "allowed x (it counts from the other end) or an empty cell."
    )
    assert lines[1].endswith("multiple, text; did you mean 'likert'?")
    assert [line.split(": ")[1] for line in lines] == [
        "reversed", "type", "codes", "optional", "decimals", "range", "minimum", "maximum",
    ]  # fmt: skip


def test_ranges_and_words_under_one_head(tmp_path: Path) -> None:
    rows = [("Item", "Antwortformat", "Type", "Max"), ("a", "1-5", "", ""), ("b", "0 nie … 3 immer", "", ""),
            ("c", "", "minutes", 90)]  # fmt: skip
    draft = read_codebook(saved(tmp_path / "own.xlsx", Blatt=rows))
    assert (draft.items[0]["minimum"], draft.items[0]["maximum"]) == (1, 5)
    assert (draft.items[1]["minimum"], draft.items[1]["maximum"]) == (0, 3)  # nominal codes 0 and 3 refused a 1
    assert draft.items[1]["anchors"] == {"0": "nie", "3": "immer"}
    assert draft.items[2]["maximum"] == 90


def test_what_a_larger_dictionary_of_redcap_holds_beside_its_items(tmp_path: Path) -> None:
    """Branching, sliders with labels, a record id, annotations, a field that is called as a column of ours."""
    rows = (
        REDCAP.splitlines()[0].replace('"Required Field?"', '"Required Field?","Field Annotation"')
        + """
record_id,sess,,text,Record ID,,,,,,,,,
warm,sess,,slider,Warmth,cold | neutral | warm,,number,0,100,,,,
phase,sess,,dropdown,Phase,"a, opening | b, work",,,,,,[warm]>1,,
gsi,sess,,text,GSI,,,number_2dp,0,4,,,,@HIDDEN
"""
    )
    (tmp_path / "dictionary.csv").write_text(rows, encoding="utf-8")
    draft = read_codebook(tmp_path / "dictionary.csv")
    assert [item["name"] for item in draft.items] == ["warm", "phase_2", "gsi"]
    assert draft.items[0]["anchors"] == {"0": "cold", "50": "neutral", "100": "warm"}
    assert [reason.partition(" (")[0] for _, reason in draft.passed_over] == [
        "the column 'Branching Logic", "the column 'Field Annotation' is not read",
        "record_id is the record's own id and no item",
        "phase is a column of workbooks or stands twice; the item is called phase_2",
    ]  # fmt: skip


def test_a_form_in_two_languages_with_open_limits(tmp_path: Path) -> None:
    survey = [
        ("type", "name", "label::Deutsch (de)", "label::English (en)", "constraint", "relevant"),
        ("select_one agree", "clear", "Ziele klar", "Clear goals", "", ""),
        ("select_multiple kinds or_other", "kinds", "Arten", "Kinds", "", "${clear} > 1"),
        ("decimal", "hours", "Stunden", "Hours", ". > 0 and . < 24", ""),
    ]
    lists = [("list_name", "name", "label::Deutsch (de)"), ("agree", 1, "nein"), ("agree", 2, "teils"),
             ("agree", 3, "ja"), ("kinds", "r", "Lesen"), ("kinds", "e", "Exposition")]  # fmt: skip
    draft = read_codebook(saved(tmp_path / "form.xlsx", survey=survey, choices=lists))
    assert [item["label"] for item in draft.items] == ["Ziele klar", "Arten", "Stunden"]
    assert draft.items[1]["categories"] == {"r": "Lesen", "e": "Exposition"}
    assert (draft.items[2]["minimum"], draft.items[2]["maximum"]) == (0, 24)
    assert len(draft.passed_over) == 3
    survey[1] = ("select_one agre", "clear", "Ziele klar", "Clear goals", "", "")
    with pytest.raises(UsageError, match=r"A2: type: found the list 'agre' \(sheet choices\), allowed: agree, kinds"):
        read_codebook(saved(tmp_path / "form.xlsx", survey=survey, choices=lists))


FOUR = ("Erklärt", "Fragt nach", "Lässt Aufgaben vage", "Wärme")


def four(heads: tuple[Any, ...], *columns: Any) -> list[tuple[Any, ...]]:
    """Four items below their heads; a column is a value for all of them, or one for each."""
    lists = [column if isinstance(column, list) else [column] * 4 for column in columns]
    return [heads, *zip(*lists, strict=True)]


NAMES = ["e1", "e2", "e3", "e4"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            four(("Item", "Label", "Min", "Max", "Skala"), ["e1", "e2", "e3 (-)", "e4"], list(FOUR), 1, 7, "Stil"),
            "'e3' was written 'e3 (-)': it is taken as reversed",
        ),
        (
            four(("Item", "Label", "Min", "Max", "Polung", "Skala"), NAMES,
                 [*FOUR[:2], "Lässt Aufgaben vage [umgepolt]", FOUR[3]], 1, 7, "", "Stil"),
            "'Lässt Aufgaben vage' was written 'Lässt Aufgaben vage [umgepolt]': it is taken as reversed",
        ),
        (
            four(("Nr.", "Item", "Label", "Stufen", "umgepolt?", "Subskala"), [1, 2, 3, 4], NAMES, list(FOUR),
                 "1 (gar nicht) – 7 (völlig)", ["", "", "x", ""], "Stil"),
            "the column 'Nr.' is not read (4 cells, running numbers from 1)",
        ),
        (
            four(("Item", "Label", "Skala", "Polung", "Subskala"), NAMES, list(FOUR), "1-7", ["", "", "-", "+"],
                 "Stil"),
            "the column 'Skala' holds ranges and is taken for them",
        ),
        (
            [("Kodierbuch Stil (AG)",), (),
             *four(("Item", "Label", "Bereich", "rekodiert", "Faktor"), NAMES, list(FOUR),
                   "1 = gar nicht bis 7 = völlig", ["", "", "R", ""], "Stil")],
            "A3: the heads are taken from here; what stands above them is not read ('Kodierbuch Stil (AG)')",
        ),
    ],
)  # fmt: skip
def test_how_labs_write_ranges_reversal_and_heads(rows: list[tuple[Any, ...]], said: str, tmp_path: Path) -> None:
    book, output = made(saved(tmp_path / "codebook.xlsx", Sheet=rows))
    assert said in output
    assert "did you mean" not in output
    assert [(item.name, item.label, item.minimum, item.maximum) for item in book.items] == [
        (name, label, 1, 7) for name, label in zip(NAMES, FOUR, strict=True)
    ]
    assert [item.name for item in book.items if item.reversed] == ["e3"]
    assert book.scale("stil").items == tuple(NAMES)
    words = [dict(item.anchors) for item in book.items]
    assert words == [{"1": "gar nicht", "7": "völlig"} if "gar nicht" in str(rows) else {}] * 4


@pytest.mark.parametrize(
    ("heads", "cells", "said"),
    [
        (("Item", "Label", "Stufen", "Polung"), ("e1", "Wärme", "ja", "x"), "codes: found 'ja'"),
        (("Item", "Label", "Codes"), ("e1", "Wärme", "1 = ja"), "codes: found one code alone, '1 = ja'"),
        (("Item", "Label", "Codes", "Polung"), ("e1", "Wärme", "a = ja; b = nein", "x"),
         "e1 is to be reversed, and no range was read for it; allowed a range such as 1-7"),
        (("Item", "Label", "Bereich"), ("e1", "Wärme", "7-1"),
         "range: found 7 to 1, allowed the lower number first, such as 1-7"),
        (("Item", "Label", "Min", "Max", "Polung"), ("e1", "Wärme (R)", 1, 7, "positiv"),
         "reversed: found a contradiction, 'Wärme (R)' says that it is reversed, and the column of reversed items says "
         "'positiv'"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_stops_a_codebook(
    heads: tuple[str, ...], cells: tuple[Any, ...], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="cannot be read") as stopped:
        read_codebook(saved(tmp_path / "codebook.xlsx", Sheet=[heads, cells]))
    assert said in str(stopped.value)


def test_marks_and_members_that_lead_to_nothing_are_said(tmp_path: Path) -> None:
    rows = [
        ("Item", "Label", "Bereich", "Codes", "Skala"),
        ("e1*", "Wärme", "1-7", None, "Stil"),
        ("e2", "Art", None, "a = eins; b = zwei", "Stil"),
        ("e3", "Affekt (negativ)", "1-7", None, None),
        ("e4", "Ort", None, "a = hier; b = dort", "Orte"),
    ]
    book, output = made(saved(tmp_path / "codebook.xlsx", Sheet=rows))
    assert "e1 was written 'e1*'; nothing was made of the '*'" in output
    assert "scale 'Stil': e2 is no number and is not in it." in output
    assert "scale 'Orte': e4 is no number and is not in it; no item of it is left, and it is not made." in output
    assert [scale.name for scale in book.scales] == ["stil"]
    assert not any(item.reversed for item in book.items)


def test_a_refusal_names_the_column_that_was_not_read(tmp_path):
    """*No range was read* for a reversed item; the head of the ranges was not known, and nothing said so."""
    file = tmp_path / "book.csv"
    file.write_text("Item;Label;Spannbreite der Skala;umgepolt\na;A;1-5;x\nb;B;1-5;\n", encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        read_codebook(file)
    assert str(refused.value).startswith("book.csv: 1 cell cannot be read")
    assert "the column 'Spannbreite der Skala' is not read (2 cells, such as '1-5')" in str(refused.value)


@pytest.mark.parametrize("head", ["von-bis", "Skala von-bis", "Min-Max"])
def test_heads_of_a_range(tmp_path, head):
    file = tmp_path / "book.csv"
    file.write_text(f"Item;Label;{head};umgepolt\na;A;1-5;x\nb;B;1-5;\n", encoding="utf-8")
    assert [(item["minimum"], item["maximum"]) for item in read_codebook(file).items] == [(1, 5), (1, 5)]
