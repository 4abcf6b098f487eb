"""Workbooks in German, and in a language of one's own: written, filled in, read, handed back."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import tomli_w

from doublecode.analysis.cli import app as cli
from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.mark import write_redpen
from doublecode.coding.workbooks.write import write_workbooks
from doublecode.schemas.errors import StudyError
from doublecode.schemas.instrument import load_instrument, shipped_instruments
from doublecode.schemas.problems import CATALOGUE, Problem
from doublecode.schemas.study import Study, load_study
from doublecode.schemas.workbook_texts import (
    WorkbookTexts,
    languages,
    load_texts,
    shipped_texts,
    texts_to_translate,
)

NAME = "R1_thabs_batch01.xlsx"


def in_language(study: Study, language: str) -> tuple[Study, Path]:
    """The toy study with a language, and its empty workbook."""
    path = study.folder / "study.toml"
    path.write_text(f'language = "{language}"\n{path.read_text(encoding="utf-8")}', encoding="utf-8")
    declared = load_study(study.folder)
    rows = pd.read_csv(study.folder / "assignments.csv", dtype=str)
    own = rows[(rows[["rater", "instrument", "batch"]] == ["R1", "thabs", "batch01"]).all(axis=1)]
    write_workbooks(declared, own, study.folder / "outgoing", overwrite=True)
    return declared, study.folder / "outgoing" / NAME


def french(folder: Path) -> None:
    """Texts that differ from English in what comes back with a workbook."""
    text = texts_to_translate()
    for old, new in (
        ('sheet_rate = "Rate"', 'sheet_rate = "Coter"'),
        ('poor_sound = "poor_sound"', 'poor_sound = "son mauvais"'),
        ('allowed = "Allowed: {allowed}"', 'allowed = "Permis : {allowed}"'),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "fr.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("language", "sheet", "poor_sound", "other"),
    [
        ("de", "Bewerten", "schlechter Ton", "anderes"),
        ("fr.toml", "Coter", "son mauvais", "other"),
        ("en", "Rate", "poor_sound", "other"),
    ],
)
def test_what_is_written_in_a_language_is_read_back(study, language, sheet, poor_sound, other):
    french(study.folder)
    declared, source = in_language(study, language)
    ids = [row[0] for row in openpyxl.load_workbook(source)[sheet].iter_rows(min_row=5, values_only=True)]
    items = [item.name for item in load_instrument("thabs").columns]
    cells: dict[tuple[str, str], object] = {(session, item): 1 for session in ids[4:] for item in items}
    cells |= {(ids[0], "status"): poor_sound, (ids[1], "status"): poor_sound.upper(), (ids[2], "status"): "poor_sound"}
    cells |= {(ids[3], "status"): other, (ids[4], "rationale"): 7}
    path = fill_workbook(source, study.folder / "incoming" / NAME, cells)
    ratings, problems = read_workbook(path, study=declared)
    assert [(one.code, one.sheet, one.cell) for one in problems] == [
        ("text_number", sheet, "K6"),
        ("reason_missing", sheet, "L8"),
        ("out_of_range", sheet, "F9"),
    ]
    assert set(ratings["source_sheet"]) == {sheet}
    told = ratings.set_index(["session_id", "item"])["missing_code"]
    assert {told[ids[row], "praise"] for row in range(3)} == {"poor_sound"}
    copy = write_redpen(path, problems)
    marked = openpyxl.load_workbook(copy)
    assert marked[sheet]["F9"].fill.fgColor.rgb == "00FF9999"
    assert marked.sheetnames[0] == shipped_texts("de" if language == "de" else "en").sheet_problems
    marked[sheet]["F9"], marked[sheet]["L8"] = 3, "a power cut"
    marked.save(copy)
    again, problems = read_workbook(copy, study=declared)
    assert {one.code for one in problems} == {"text_number", "note_found"}
    assert len(again) == len(ids) * len(items)
    assert dict(told[told.notna()]).items() <= dict(again.set_index(["session_id", "item"])["missing_code"]).items()


def test_an_english_workbook_is_stamped_as_it_always_was(study):
    english = openpyxl.load_workbook(in_language(study, "en")[1])["Stamp"].max_row
    german = openpyxl.load_workbook(study.folder / "outgoing" / NAME)
    assert english == 6
    assert german.sheetnames[0] == "Read me"


def test_a_german_workbook_without_its_stamp_is_named_as_that(study):
    declared, path = in_language(study, "de")
    workbook = openpyxl.load_workbook(path)
    del workbook["Stamp"]
    workbook.save(path)
    assert [one.code for one in read_workbook(path, study=declared)[1]] == ["no_stamp"]
    workbook["Bewerten"].title = "Tabelle1"
    workbook.save(path)
    assert [one.code for one in read_workbook(path, study=declared)[1]] == ["sheet_missing"]


def test_a_renamed_sheet_is_asked_for_by_its_own_name(study):
    declared, path = in_language(study, "de")
    workbook = openpyxl.load_workbook(path)
    workbook["Bewerten"].title = "Rate"
    workbook.save(path)
    (problem,) = read_workbook(path, study=declared)[1]
    assert (problem.code, problem.allowed) == ("sheet_missing", '"Bewerten"')


def test_every_language_says_the_same_with_the_same_braces(tmp_path):
    english = tomllib.loads(texts_to_translate())
    for language in languages():
        texts = shipped_texts(language)
        assert set(texts.model_dump()) == set(english)
        (tmp_path / "own.toml").write_text(tomli_w.dumps(texts.model_dump()), encoding="utf-8")
        assert load_texts("own.toml", tmp_path) == texts


def test_english_texts_are_the_words_of_the_catalogue():
    for name in shipped_instruments():
        book = load_instrument(name)
        for item in book.columns:
            assert book.allowed(item) == book.allowed(item, shipped_texts("en"))
            assert not item.is_numeric or " or " not in book.allowed(item, shipped_texts("de"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('head_notes = "Notes"\n', "", "head_notes: is missing; add the line head_notes"),
        ('head_notes = "Notes"', 'head_nots = "Notes"', "head_nots.*did you mean 'head_notes'"),
        ('done = "Done: {done} of {all} sessions"', 'done = "Fini: {done}"', "done: the braces .* {all}, {done}"),
        ('done = "Done: {done} of {all} sessions"', 'done = "{done.x} {all}"', "done: the braces"),
        ('done = "Done: {done} of {all} sessions"', 'done = "{done {all}"', "done: the braces"),
        ('sheet_rate = "Rate"', 'sheet_rate = "a/b"', "the sheet 'a/b' cannot be made"),
        ('sheet_rate = "Rate"', 'sheet_rate = "STAMP"', "the sheet name 'STAMP' is taken"),
        ('sheet_rate = "Rate"', 'sheet_rate = "anchors"', "the sheet name 'anchors' is taken"),
        ('other = "other"', 'other = "Incomplete"', "also another reason"),
        ('no = "no"', 'no = " "', "is empty"),
        ('no = "no"', f'no = "{"n" * 300}"', "no has 300 letters; allowed: 240"),
    ],
)  # fmt: skip
def test_a_wrong_text_is_named_when_the_study_is_loaded(study, old, new, message):
    text = texts_to_translate()
    assert old in text
    (study.folder / "fr.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(StudyError, match=message):
        in_language(study, "fr.toml")


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("german", "allowed: de, en, the name of"),
        ("no.toml", "no such file"),
        ("../x.toml", "leads out"),
        (" ", "is empty"),
    ],
)
def test_a_language_that_is_not_there(study, language, message):
    with pytest.raises(StudyError, match=message):
        in_language(study, language)


def test_the_texts_to_translate_are_written_once(study, capsys, monkeypatch):
    def run(name: str) -> int:
        monkeypatch.setattr(sys, "argv", ["doublecode", "template", str(study.folder), "--new-language", name])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return int(left.value.code or 0)

    assert run("fr.toml") == 0
    assert 'language = "fr.toml"' in capsys.readouterr().out.replace("\n", " ")
    english = load_texts("fr.toml", study.folder)
    assert english.model_copy(update={"problems": {}}) == shipped_texts("en")
    assert {code: (one.sentence, one.next_step) for code, one in english.problems.items()} == {
        code: (CATALOGUE[code].sentence, CATALOGUE[code].next_step) for code in shipped_texts("de").problems
    }
    assert [run(name) for name in ("fr.toml", "fr", "../fr.toml")] == [2, 2, 2]


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_marked_copy_speaks_the_language_of_its_workbook(study, language):
    """A German workbook came back with English heads, codes and advice."""
    declared, path = in_language(study, language)
    texts, book = shipped_texts(language), load_instrument("thabs")
    rate, allowed = texts.sheet_rate, book.allowed(book.item("rationale"))
    problems = [
        Problem("out_of_range", path.name, rate, "G5", "S-1, rationale", "7", allowed),
        Problem("excel_date", path.name, rate, "H5", "S-1, review", "2024-03-02", allowed),
        *(Problem("row_empty", path.name, rate, f"G{row}", f"S-{row}") for row in range(6, 11)),
    ]
    copy = openpyxl.load_workbook(write_redpen(path, problems, study=declared))
    heads, first, *lines = copy[texts.sheet_problems].iter_rows(values_only=True)
    note = copy[rate]["G5"].comment.text
    if language == "en":
        assert (heads[0], first[0]) == ("place", "the file")
        assert "S-1, rationale: found 7, allowed 0–4 or IN/NR. Type an allowed value." in note
        return
    assert heads == ("Stelle", "Problem", "was gefunden wurde", "was zu tun ist")
    assert first[0] == "die Datei"
    assert first[2].startswith("5 Zeilen sind leer")
    assert "S-1, rationale: gefunden 7, erlaubt 0–4 oder IN/NR. Gib einen erlaubten Wert ein." in note
    said = "S-1, review: Excel hat aus der Eingabe das Datum 2024-03-02 gemacht, erlaubt 0–4 oder IN/NR"
    assert ("Datum statt Code (excel_date)", said) in [line[1:3] for line in lines]


def test_words_of_problems_are_held_to_the_catalogue():
    german = shipped_texts("de").model_dump()
    for code, sentence, said in (("out_of_rage", "x", "did you mean 'out_of_range'?"),
                                 ("out_of_range", "{fund}", "the braces of '{fund}' are not known"),
                                 ("out_of_range", "{found", "are not known; allowed: {allowed}, {found}")):  # fmt: skip
        wrong = german | {"problems": {code: {"name": "n", "sentence": sentence, "next_step": "x"}}}
        with pytest.raises(ValueError, match=re.escape(said)):
            WorkbookTexts.model_validate(wrong)


def test_the_texts_to_be_translated_hold_what_is_said_of_problems():
    given = tomllib.loads(texts_to_translate())
    assert given["problems"].keys() == shipped_texts("de").problems.keys()
    assert WorkbookTexts.model_validate(given).problems["row_empty"].sentence == "nothing is rated in this row"
