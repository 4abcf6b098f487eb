"""No English stands in the German sentences of a marked copy: not in the words of a problem, not inside its facts."""

import ast
import copy
import pickle
import re
from pathlib import Path

import pytest

import doublecode.coding.reading as reading
from doublecode.coding.workbooks.layout import OwnWords
from doublecode.coding.workbooks.rater_words import RaterWords, rater_words
from doublecode.schemas.instrument import load_instrument
from doublecode.schemas.phrases import PHRASES, Phrase
from doublecode.schemas.problems import Problem
from doublecode.schemas.workbook_texts import WorkbookTexts, shipped_texts

GERMAN = shipped_texts("de")
ENGLISH = """
the and or row rows column columns cell cells sheet workbook whole session sessions stands stand elsewhere too here with
other another what was said only nothing keep found allowed empty which that this these your you it is are not no by
from file formula read head heads missing second time look put type them patient take out of
"""
HIT = re.compile(rf"(?<![A-Za-zÄÖÜäöüß_'])({'|'.join(ENGLISH.split())})(?![A-Za-zÄÖÜäöüß_'])")
IN_MARKED_COPIES = (
    "rate_rows", "one_workbook", "cells", "sheet_checks", "stamped_book", "expectations", "copy_and_original",
)  # fmt: skip


def english_in(text):
    return HIT.findall(re.sub(r"\b(was|an|in|so|die|man|war|hat|gang)\b", "", text))


@pytest.mark.parametrize("key", PHRASES)
def test_each_phrase_has_german_words(key):
    assert key in GERMAN.phrases
    assert not english_in(GERMAN.phrases[key]), GERMAN.phrases[key]


@pytest.mark.parametrize("code", GERMAN.problems)
def test_a_problem_is_said_in_german_whatever_phrase_it_holds(code):
    words = RaterWords(GERMAN)
    for key in PHRASES:
        phrase = Phrase(key, "S-1", "2", "A3")
        for said in words.of(Problem(code, "a.xlsx", "Bewerten", "A1", "S-1", phrase, phrase)):
            assert not english_in(said), said


def test_the_facts_of_problems_of_workbooks_are_phrases_or_no_words():
    """Every text in what was found or is allowed, in the modules whose problems reach marked copies."""
    folder = Path(reading.__file__).parent
    loose = []
    for name in IN_MARKED_COPIES:
        tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            loose += [f"{name}:{value.lineno} {text}" for value in _facts(node) for text in _texts(value)]
    known = {
        "one_workbook": ("damaged (",),  # no copy can be made of it
        "stamped_book": ("a text file", "damaged ("),
        "expectations": ("no rated instrument",),
    }
    left = [one for one in loose if not any(text in one for text in known.get(one.partition(":")[0], ()))]
    assert not left


def _facts(node):
    """What a problem, or a variable that becomes part of one, is given as found or allowed."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Problem", "Reading"):
        yield from (one.value for one in node.keywords if one.arg in ("found", "allowed"))
        yield from node.args[5:] if node.func.id == "Problem" else ()
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("found", "allowed", "twice", "more"):
        yield node.value


def _texts(value):
    """Words of ours in an expression, but for those that a phrase is made of."""
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "Phrase":
        return
    if isinstance(value, ast.Constant):
        if isinstance(value.value, str) and re.search(r"[a-z]{2}", value.value):
            yield value.value
        return
    if isinstance(value, (ast.Call, ast.Subscript, ast.Attribute, ast.Compare)):
        return
    for child in ast.iter_child_nodes(value):
        yield from _texts(child)


def test_numbers_and_what_may_stand_in_a_cell_are_german():
    book = load_instrument("thabs")
    own = OwnWords(*(getattr(GERMAN, f"sheet_{name}") for name in ("read_me", "rate", "anchors", "problems")))
    words = rater_words(own, {"instrument": "thabs"}, None)
    allowed = book.allowed(book.item("rationale"))
    said, todo = words.of(Problem("half_point", "a.xlsx", "Bewerten", "G5", "S-1, rationale", "1.5", allowed))
    assert "1,5" in said
    assert not english_in(said + todo)
    hidden = Problem("hidden_rows", "a.xlsx", "Bewerten", "A9", found=Phrase("rows", "9"))
    assert words.of(hidden)[0] == "ausgeblendet: Zeile 9; wurde trotzdem gelesen"
    assert hidden.sentence == "hidden: row 9; they were read all the same"
    twice = Problem("duplicate_rating", "a.xlsx", found=Phrase("workbook_too", "b.xlsx"))
    assert words.of(twice)[0] == "ist zweimal bewertet: die ganze Mappe steht auch in b.xlsx"


def test_phrases_keep_their_key_wherever_they_go():
    whole = Phrase("na_in_first", "0–4")
    for other in (copy.deepcopy(whole), pickle.loads(pickle.dumps(whole)), copy.copy(whole)):
        assert (other, other.key, other.parts) == (whole, "na_in_first", ("0–4",))
    assert whole == "0–4 (NA only in session 1)"


def test_phrases_of_a_language_are_held_to_ours():
    for phrases, message in (({"rowz": "x"}, "there is no 'rowz'"), ({"rows": "Zeile"}, "the braces of 'Zeile'")):
        with pytest.raises(ValueError, match=message):
            WorkbookTexts.model_validate(GERMAN.model_dump() | {"phrases": phrases})
