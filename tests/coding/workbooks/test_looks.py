"""What a rater sees and prints: heights, checks, signs, pages, for labels of 170 letters and for the shipped books."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from doublecode.coding.workbooks.content import Sheet
from doublecode.coding.workbooks.formulas import LONGEST, Grid, is_allowed, is_value, progress
from doublecode.coding.workbooks.item_texts import anchor_text, prompt, prompt_title, refusal
from doublecode.coding.workbooks.layout import Stamp, rate_columns, rated_items
from doublecode.coding.workbooks.paper import height_of, lines_of, pieces_of, shortened
from doublecode.coding.workbooks.save import save_fixed
from doublecode.coding.workbooks.write import make_workbook
from doublecode.schemas.codebook_hash import coding_hash
from doublecode.schemas.instrument import Instrument, load_instrument, shipped_instruments
from doublecode.schemas.workbook_texts import languages, shipped_texts

WORDS = "The therapist explained to the patient in plain words why this task between the sessions could help with "
LABEL = f"{WORDS}the difficulty that both had been working on during all of this hour."
BOOK = """
name = "long"
title = "=Twelve & more"
version = "1.0"
citation = "Made up for a test"
rights = "ours"

[missing_codes]
IN = "=insufficient"
"""
ITEM = """
[[items]]
name = "item_{n:02d}"
label = "{label}"
hint = "=only what can be heard counts"
minimum = 0
maximum = 4
anchors = {{ 0 = "=not at all", 2 = "partly, with gaps in the reasoning that any listener notices", 4 = "yes" }}
"""
OTHERS = """
[[items]]
name = "minutes_of_homework_talk"
label = "=1+1"
type = "minutes"
maximum = 90

[[items]]
name = "tasks"
label = "Tasks"
type = "count"
maximum = 90

[[items]]
name = "pulse"
label = "Pulse"
type = "decimal"
minimum = 0.5
maximum = 4
decimals = 1

[[items]]
name = "kind"
label = "Kind"
type = "nominal"
categories = { "=A" = "=one", B = "two" }
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Instrument:
    assert len(LABEL) >= 170
    path = tmp_path_factory.mktemp("long") / "long.toml"
    items = "".join(ITEM.format(n=n, label=LABEL) for n in range(1, 13))
    path.write_text(BOOK + items + OTHERS, encoding="utf-8")
    return load_instrument(path)


def content_of(book: Instrument, language: str = "en", n: int = 12) -> Sheet:
    stamp = Stamp("toy", book.name, book.version, coding_hash(book), "R1", "b01")
    rows = [{"session_id": f"S-{k}", "recording": f"{k}.mp3"} for k in range(n)]
    return Sheet(stamp, book, rows, shipped_texts(language))


def made(book: Instrument, folder: Path, language: str = "en") -> Any:
    return openpyxl.load_workbook(save_fixed(make_workbook(content_of(book, language)), folder / f"{language}.xlsx"))


def test_a_label_of_170_letters_is_seen_whole(book, tmp_path):
    """Independent of our own reckoning: at 1.1 letters per unit of width and 12 points per line it fits."""
    sheet = made(book, tmp_path)["Rate"]
    column = rate_columns(book).index("item_01") + 1
    width = sheet.column_dimensions[sheet.cell(4, column).column_letter].width
    assert sheet.cell(3, column).value == f"{LABEL}\n=only what can be heard counts"
    assert sheet.row_dimensions[3].height >= (math.ceil(len(LABEL) / (1.1 * width)) + 2) * 12
    assert 15 <= width <= 30
    long_name = sheet.cell(4, rate_columns(book).index("minutes_of_homework_talk") + 1)
    assert long_name.alignment.wrap_text
    assert sheet.row_dimensions[4].height >= 2 * 8


def test_nothing_that_a_codebook_says_becomes_a_formula(book, tmp_path):
    workbook = made(book, tmp_path)
    formulas = [
        (sheet.title, cell.coordinate)
        for sheet in workbook
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type in "fe"
    ]
    assert formulas == [("Rate", "A1")]
    assert workbook["Rate"].cell(3, rate_columns(book).index("minutes_of_homework_talk") + 1).value == "=1+1"
    assert workbook["Read me"]["A1"].value.startswith("=Twelve & more: workbook of R1")


def test_nobody_is_credited_with_the_users_own_words(book, tmp_path):
    workbook = made(book, tmp_path)
    named = {row[4] for row in workbook["Anchors"].iter_rows(min_row=2, values_only=True)}
    assert named == {None, "this codebook"}
    authors = {cell.comment.author for cell in workbook["Rate"][4] if cell.comment}
    assert authors == {"=Twelve & more"}


def test_whole_numbers_within_the_declared_range(book):
    item = {one.name: one for one in book.items}
    assert is_value(item["tasks"], "F5") == "IF(ISNUMBER(F5),AND(F5>=0,F5<=90,ROUND(F5,0)=F5),FALSE)"
    assert is_value(item["pulse"], "F5") == "IF(ISNUMBER(F5),AND(F5>=0.5,F5<=4,ROUND(F5,1)=F5),FALSE)"
    assert 'TRIM(F5&"")="=A"' in is_allowed(book, item["kind"], "F5")
    thabs = load_instrument("thabs")
    assert "F5<=7200" in is_value(thabs.item("time_assigning"), "F5")


def test_a_number_written_out_as_text_is_allowed_where_the_reader_takes_it():
    """An apostrophe before a 5: read as 5 by check, and ✗ in the workbook. LibreOffice gave what the reader gives."""
    items = [
        {"name": "few", "label": "Few", "minimum": 0, "maximum": 4},
        {"name": "below", "label": "Below", "minimum": -2, "maximum": 2},
        {"name": "many", "label": "Many", "minimum": 0, "maximum": 100},
        {"name": "dose", "label": "Dose", "type": "decimal", "minimum": 0, "maximum": 4, "decimals": 1},
        {"name": "given", "label": "Given", "type": "yes_no"},
    ]
    about = {"name": "text", "title": "Text", "version": "1.0", "citation": "Made up", "rights": "ours"}
    book = Instrument.model_validate_json(json.dumps({**about, "items": items}))
    rules = {item.name: is_allowed(book, item, "F5") for item in book.items}
    assert 'AND(LEN(TRIM(F5&""))=1,ISNUMBER(FIND(TRIM(F5&""),"01234")))' in rules["few"]
    assert '"|-2|-1|0|1|2|"' in rules["below"]
    assert 'TEXT(VALUE(TRIM(F5&"")),"0")=TRIM(F5&"")' in rules["many"]
    assert '_xlfn.NUMBERVALUE(SUBSTITUTE(TRIM(F5&""),",","."),".","_")' in rules["dose"]
    assert "|0|1|yes|y|ja|j|no|n|nein|" in rules["given"]
    assert all("ISNUMBER" in rule for rule in rules.values())


def test_every_check_says_the_range(book, tmp_path):
    sheet = made(book, tmp_path)["Rate"]
    rules = {str(rule.sqref).split(":")[0].rstrip("0123456789"): rule for rule in sheet.data_validations.dataValidation}
    letter = {cell.value: cell.column_letter for cell in sheet[4]}
    tasks = rules[letter["tasks"]]
    assert tasks.type == "custom"
    assert "<=90" in tasks.formula1
    assert tasks.error == "Allowed: a whole number from 0 to 90 or IN"
    assert tasks.prompt.startswith("Allowed: a whole number from 0 to 90 or IN")
    assert rules[letter["item_01"]].type == "list"
    assert len(tasks.formula1) < 255


EVERY = [(name, language) for name in shipped_instruments() for language in languages()]


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_prompts_keep_to_excels_limits_and_end_with_a_word(name, language):
    book, texts = load_instrument(name), shipped_texts(language)
    for item in rated_items(book):
        said = prompt(book, item, texts)
        assert len(said) <= 255
        end = texts.whole_text.format(anchors=texts.sheet_anchors)
        whole = {*anchor_text(book, item, texts).split("\n"), texts.may_be_empty, end}
        assert set(said.split("\n")) <= whole
        title = prompt_title(item.label)
        assert len(title) <= 32
        assert title == item.label or set(title.removesuffix("…").split()) <= set(item.label.split())
        assert len(refusal(book, item, texts)) <= 225


def test_a_prompt_that_is_too_long_says_where_the_rest_is(book):
    item = book.items[0].model_copy(update={"hint": f"{LABEL} {LABEL}"})
    said = prompt(book, item, shipped_texts("de"))
    assert len(said) <= 255
    assert said.startswith("Erlaubt: 0–4 oder IN\n")
    assert said.endswith("Der ganze Text: Blatt Anker.")
    assert len(prompt(book, item.model_copy(update={"hint": ""}), shipped_texts("en"))) <= 255


@pytest.mark.parametrize("most", [32, 225, 255])
def test_cut_texts_end_with_a_word_as_excel_counts_letters(most):
    for text in (LABEL * 3, "😀 " * 200, "a/" * 400, "Verhaltenstherapie " * 30, "short"):
        cut = shortened(text, most)
        assert len(cut.encode("utf-16-le")) // 2 <= most
        assert cut == text or cut.endswith("…")
        words = {word for one in text.split() for word in (one, *one.split("/"))}
        assert set(cut.removesuffix("…").replace("/", " ").split()) <= words


def test_heights_and_pieces():
    assert lines_of("one\ntwo\nthree", 40) == 3
    assert lines_of("x" * 400, 20) >= 20
    assert height_of([("a", 10)]) < height_of([("a\nb", 10)]) <= 400
    text = " ".join([LABEL] * 40)
    pieces = pieces_of(text, 45)
    assert " ".join(pieces) == text
    assert len(pieces) > 1
    assert all(height_of([(piece, 45)]) < 400 for piece in pieces)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("name", ["thabs", "homework_log", "long"])
def test_the_printed_form(book, name, language, tmp_path):
    own = book if name == "long" else load_instrument(name)
    texts = shipped_texts(language)
    workbook = made(own, tmp_path, language)
    rate = workbook[texts.sheet_rate]
    assert rate.page_setup.orientation == "landscape"
    assert (rate.sheet_properties.pageSetUpPr.fitToPage, rate.page_setup.fitToHeight) == (True, 0)
    assert rate.page_setup.fitToWidth == {"thabs": 1, "homework_log": 2, "long": 3}[name]
    assert (rate.print_title_rows, rate.print_title_cols) == ("$3:$4", "$A:$A")
    assert rate.freeze_panes == "B5"
    assert "&P" in rate.oddFooter.right.text
    assert "&N" in rate.oddFooter.right.text
    for row in rate.iter_rows(min_row=3):
        assert all(cell.border.left.style and cell.border.bottom.style for cell in row)
    read_me = workbook[texts.sheet_read_me]
    assert read_me.max_row == 6
    assert read_me.column_dimensions["A"].width * 7 + 5 <= 680  # A4 between its margins
    for row in range(1, 7):
        text = str(read_me.cell(row, 1).value)
        assert read_me.row_dimensions[row].height >= 12 * math.ceil(len(text) / 105)


@pytest.mark.parametrize("name", ["thabs", "homework_log", "long", "ghes", "sthar"])
def test_the_anchors_of_an_item_stand_on_one_page(book, name, tmp_path):
    own = book if name == "long" else load_instrument(name)
    sheet = made(own, tmp_path)["Anchors"]
    breaks = sorted(one.id for one in sheet.row_breaks.brk)
    items = [sheet.cell(row, 1).value for row in range(1, sheet.max_row + 1)]
    for row in breaks:
        assert sheet.cell(row + 1, 2).value
        assert items[row - 1] != items[row]
    for first, last in itertools.pairwise([1, *breaks, sheet.max_row]):
        assert sum(sheet.row_dimensions[row].height or 14 for row in range(first + 1, last + 1)) <= 480
    wide = sum(sheet.column_dimensions[letter].width * 7 + 5 for letter in "ABCDE")
    assert wide <= 980  # a landscape page of Letter between its margins


def test_slots_of_a_log_share_their_anchors(tmp_path):
    sheet = made(load_instrument("homework_log"), tmp_path)["Anchors"]
    blocks = [(row[0], row[1]) for row in sheet.iter_rows(min_row=2, values_only=True) if row[1]]
    assert blocks == [
        ("type_1 – type_4", "Type of homework"),
        ("completed_1 – completed_4", "Completed"),
        ("difficulties_1 – difficulties_4", "Difficulties met"),
        ("status", "Session not codable because"),
    ]


def test_a_definition_of_pages_is_cut_into_rows(book, tmp_path):
    item = book.items[0].model_copy(update={"definition": f"{LABEL} " * 40, "label": f"{LABEL} " * 20})
    sheet = made(book.model_copy(update={"items": (item,)}), tmp_path)["Anchors"]
    rows = list(sheet.iter_rows(min_row=2))
    for column, text in ((1, item.label), (3, item.definition)):
        said = " ".join(str(row[column].value) for row in rows if row[column].value and LABEL[:9] in row[column].value)
        assert said.split() == text.split()
    for row in rows:
        high = sheet.row_dimensions[row[0].row].height
        assert 12 <= high <= 409
        assert high >= 12 * math.ceil(len(str(row[3].value or "")) / 60)


def test_signs_do_not_stand_on_colour_alone(tmp_path):
    sheet = made(load_instrument("thabs"), tmp_path)["Rate"]
    shown: dict[str, list[Any]] = {}
    for formats in sheet.conditional_formatting:
        shown.setdefault(str(formats.sqref), []).extend(rule.dxf for rule in formats.rules)
    session = [style.numFmt.formatCode[1] for style in shown["A5:A16"]]
    assert session == ["✗", "✓", "…"]
    for column in "EFGHIJ":
        refused, missing, skipped = shown[f"{column}5:{column}16"]
        assert refused.numFmt.formatCode.startswith('"✗ "')
        assert missing.border.left.style == "dashed"
        assert skipped.border is None
    assert len(shown["L5:L16"]) == 1


def test_the_line_on_top_counts_what_is_missing():
    thabs = progress(Grid(load_instrument("thabs"), shipped_texts("de"), 3), 3)
    assert thabs.startswith('"Fertig: "&SUMPRODUCT(')
    assert "in begonnenen Sitzungen noch leer" in thabs
    assert "als Nächstes" in thabs
    log = progress(Grid(load_instrument("homework_log"), shipped_texts("en"), 3), 3)
    assert "next" not in log  # a session without homework leaves its row empty
    assert "still empty" in log
    for name in shipped_instruments():
        assert len(progress(Grid(load_instrument(name), shipped_texts("en"), 500), 500)) <= LONGEST


SIGHT = {
    "all colours": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
"""Machado, Oliveira & Fernandes (2009), severity 1: what is left of red, green and blue light."""


def lightness(colour: str, sight: str) -> float:
    """Relative luminance (WCAG) of a colour as it is seen; on a grey print it is all that is left."""
    parts = [int(colour[-6:][at : at + 2], 16) / 255 for at in (0, 2, 4)]
    light = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    seen = [sum(weight * one for weight, one in zip(row, light, strict=True)) for row in SIGHT[sight]]
    return sum(weight * min(max(one, 0), 1) for weight, one in zip((0.2126, 0.7152, 0.0722), seen, strict=True))


@pytest.mark.parametrize("sight", SIGHT)
def test_signs_differ_in_lightness_with_every_kind_of_colour_blindness(sight, tmp_path):
    sheet = made(load_instrument("thabs"), tmp_path)["Rate"]
    colours = {
        rule.dxf.fill.bgColor.rgb for formats in sheet.conditional_formatting for rule in formats.rules
    }  # done, missing, refused, skipped
    assert len(colours) == 4
    done, missing, refused = ("005B9BD5", "00F8CBAD", "00C00000")
    assert {done, missing, refused} < colours
    for one, other in itertools.combinations((done, missing, refused, "00FFFFFF"), 2):
        low, high = sorted(lightness(colour, sight) for colour in (one, other))
        assert (high + 0.05) / (low + 0.05) >= 1.4, (one, other)
