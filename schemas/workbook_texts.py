"""The texts of a rater's workbook, one table per language: English and German are shipped, others are files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Final, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared, load_toml
from doublecode.schemas.errors import StudyError
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.item import Item
from doublecode.schemas.names import Label
from doublecode.schemas.near_names import allowed, ended, nearest
from doublecode.schemas.phrases import PHRASES
from doublecode.schemas.problem_kinds import CATALOGUE

REASONS: Final = ("no_recording", "poor_sound", "incomplete", "off_manual", "other")
"""Why a session cannot be coded, as tables have it."""
HIDDEN_SHEETS: Final = ("Lists", "Stamp")
LONGEST_SHEET, LONGEST_TEXT = 31, 240
_IN_ENGLISH: Final = {"de": "German"}
_NO_SHEET: Final = re.compile(r"[:\\/?*\[\]]|^'|'$")


class ProblemWords(Declared):
    """What one kind of problem is called in a language, what is said of it, and what is to be done.

    Attributes
    ----------
    name : str
    sentence, next_step : str
        With the fields ``{found}`` and ``{allowed}`` of the English ones, or without.
    """

    name: Label
    sentence: Label
    next_step: Label


class WorkbookTexts(Declared):
    """Every text of a workbook that is not the codebook's own; what stands in braces is filled in.

    Attributes
    ----------
    name : str
        The language, in its own words.
    sheet_read_me, sheet_rate, sheet_anchors, sheet_problems : str
        Names of the sheets.
    read_me_segment : str
        Follows ``read_me_open`` where the study says from where to where a recording is heard; a language may do
        without.
    problem_place, problem_kind, problem_found, problem_todo : str
        Heads of the list of problems in a marked copy; ``problem_file``, ``problem_unfinished`` and
        ``problem_formula`` stand in its lines.
    decimal : str
        The decimal mark of the language.
    phrases : dict of str to str
        Words inside of what was found, by the keys of :data:`doublecode.schemas.phrases.PHRASES`; one that is left out
        is said in English.
    problems : dict of str to ProblemWords
        Code of a problem → its words; a code that is left out is said in English.
    no_recording, poor_sound, incomplete, off_manual, other : str
        What the reasons are called in the drop-down; ``…_means`` says it at length.
    """

    name: Label
    sheet_read_me: Label
    sheet_rate: Label
    sheet_anchors: Label
    sheet_problems: Label
    read_me_title: Label
    read_me_open: Label
    read_me_segment: Label = ""
    read_me_fill: Label
    read_me_reason: Label
    read_me_status: Label
    read_me_return: Label
    no_codes: Label
    subtitle: Label
    done: Label
    open_cells: Label
    next_session: Label
    head_session: Label
    head_recording: Label
    head_start: Label
    head_stop: Label
    head_status: Label
    head_notes: Label
    status_note: Label
    status_prompt: Label
    notes_prompt: Label
    no_recording: Label
    poor_sound: Label
    incomplete: Label
    off_manual: Label
    other: Label
    no_recording_means: Label
    poor_sound_means: Label
    incomplete_means: Label
    off_manual_means: Label
    other_means: Label
    values_text: Label
    values_count: Label
    values_count_to: Label
    values_minutes: Label
    values_minutes_to: Label
    values_duration: Label
    values_duration_to: Label
    values_one_decimal: Label
    values_decimals: Label
    values_by_commas: Label
    values_by_semicolons: Label
    values_or_missing: Label
    yes: Label
    no: Label
    allowed: Label
    may_be_empty: Label
    not_a_code: Label
    whole_text: Label
    anchors_item: Label
    anchors_label: Label
    anchors_code: Label
    anchors_meaning: Label
    anchors_credit: Label
    definition: Label
    hint: Label
    this_codebook: Label
    own_words: Label
    authors: Label
    page: Label
    problem_place: Label = "place"
    problem_kind: Label = "problem"
    problem_found: Label = "what was found"
    problem_todo: Label = "what to do"
    problem_file: Label = "the file"
    problem_unfinished: Label = "{n} rows are empty: was the right file sent, and was it saved?"
    problem_formula: Label = "the formula {formula} became its saved value {value}"
    problem_formula_todo: Label = "Nothing; the file you sent keeps its formula."
    decimal: Label = "."
    phrases: dict[str, Label] = Field(default_factory=dict)
    problems: dict[str, ProblemWords] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sheets_can_be_made(self) -> Self:
        names = [self.sheet_read_me, self.sheet_rate, self.sheet_anchors, self.sheet_problems]
        for name in names:
            if len(name) > LONGEST_SHEET or _NO_SHEET.search(name):
                raise ValueError(
                    f"the sheet {name!r} cannot be made; allowed: at most {LONGEST_SHEET} letters, none of them one of "
                    ": \\ / ? * [ ]"
                )
        folded = [name.casefold() for name in (*names, *HIDDEN_SHEETS, "history")]  # Excel keeps the last for itself
        twice = [name for name in names if folded.count(name.casefold()) > 1]
        if twice:
            raise ValueError(f"the sheet name {twice[0]!r} is taken; give each sheet a name of its own")
        return self

    @model_validator(mode="after")
    def _reasons_differ(self) -> Self:
        words = {code: getattr(self, code).strip().casefold() for code in REASONS}
        for code, word in words.items():
            others = {*REASONS, *words.values()} - {code, word}
            if list(words.values()).count(word) > 1 or (word != code and word in REASONS) or word in others:
                raise ValueError(f"{code}: {getattr(self, code)!r} is also another reason; choose another word")
        return self

    @model_validator(mode="after")
    def _short_enough(self) -> Self:
        for key, text in self.model_dump(exclude={"problems", "phrases"}).items():
            if len(text) > LONGEST_TEXT:
                raise ValueError(f"{key} has {len(text)} letters; allowed: {LONGEST_TEXT}")
        return self

    @model_validator(mode="after")
    def _problems_are_known(self) -> Self:
        wrong = Gathered()
        for code, words in self.problems.items():
            with wrong.one():
                _check_words(code, words)
        for key, text in self.phrases.items():
            with wrong.one():
                _check_phrase(key, text)
        wrong.refuse()
        return self

    @property
    def reasons(self) -> dict[str, str]:
        """Reason → what the drop-down calls it."""
        return {code: getattr(self, code).strip() for code in REASONS}

    @property
    def meanings(self) -> dict[str, str]:
        """Reason → what it means, at length."""
        return {code: getattr(self, f"{code}_means") for code in REASONS}

    @property
    def yes_no(self) -> Mapping[str, str]:
        """What 1 and 0 mean where a codebook does not say it."""
        return {"1": self.yes, "0": self.no}

    def credit(self, source: str) -> str:
        """Who is credited with the words beside the codes, by an item's `anchor_source`."""
        return {"authors": self.authors, "own words": self.own_words}.get(source, source)


def _check_words(code: str, words: ProblemWords) -> None:
    """Refuse words for a code that no problem has, and braces that its English words have not."""
    kind = CATALOGUE.get(code)
    if kind is None:
        raise ValueError(f"problems: there is no code {code!r}; {ended(allowed(code, CATALOGUE))}")
    for text in (words.sentence, words.next_step):
        found, known = _braces(text), (_braces(kind.sentence) or set()) | (_braces(kind.next_step) or set())
        if found is None or not found <= known:
            braces = ", ".join(f"{{{name}}}" for name in sorted(known)) or "none"
            raise ValueError(f"problems.{code}: the braces of {text!r} are not known; allowed: {braces}")


def _check_phrase(key: str, text: str) -> None:
    """Refuse a phrase of no key of ours, or with other braces."""
    if key not in PHRASES:
        raise ValueError(f"phrases: there is no {key!r}; {ended(allowed(key, PHRASES))}")
    if _braces(text) != _braces(PHRASES[key]):
        raise ValueError(f"phrases.{key}: the braces of {text!r} are not those of {PHRASES[key]!r}")


def languages() -> tuple[str, ...]:
    """The languages that are shipped."""
    folder = resources.files("doublecode.schemas.languages")
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


@cache
def shipped_texts(language: str) -> WorkbookTexts:
    """The texts of a shipped language.

    Examples
    --------
    >>> shipped_texts("de").sheet_rate
    'Bewerten'
    """
    with resources.as_file(resources.files("doublecode.schemas.languages") / f"{language}.toml") as path:
        texts = load_toml(path, WorkbookTexts, StudyError)
    return texts.model_copy(update={"phrases": dict(PHRASES)}) if language == "en" else texts


def texts_to_translate() -> str:
    """The file of the English texts, to be translated; what is said of problems of workbooks at its end."""
    text = (resources.files("doublecode.schemas.languages") / "en.toml").read_text(encoding="utf-8")
    text += "\n[phrases]\n"
    text += "".join(f"{key} = {json.dumps(said, ensure_ascii=False)}\n" for key, said in PHRASES.items())
    for code in shipped_texts("de").problems:
        words = {"name": code.replace("_", " ")}
        words |= {"sentence": CATALOGUE[code].sentence, "next_step": CATALOGUE[code].next_step}
        lines = "".join(f"{key} = {json.dumps(said, ensure_ascii=False)}\n" for key, said in words.items())
        text += f"\n[problems.{code}]\n{lines}"
    return text


def load_texts(language: str, folder: Path) -> WorkbookTexts:
    """The texts of a shipped language, or those of a file in the study folder.

    Raises
    ------
    StudyError
        There is no such language or file, or a text of it is wrong: the message names it and what is allowed.
    """
    if not language.endswith(".toml"):
        if language not in languages():
            said = allowed(language, (*languages(), "the name of a .toml file in the study folder"))
            named = [
                one for one in languages() if nearest(language, [shipped_texts(one).name, _IN_ENGLISH.get(one, "")])
            ]
            said += f"; did you mean {named[0]!r}?" if named and "did you mean" not in said else ""
            raise StudyError(
                f"study.toml: language = {language!r}: there are no texts in it; {ended(said)} For one of your own, "
                "doublecode template STUDY --new-language FILE.toml writes the texts to be translated."
            )
        return shipped_texts(language)
    path = folder / language
    if not path.resolve().is_relative_to(folder.resolve()):
        raise StudyError(f"study.toml: language = {language!r} leads out of the study folder. Copy the file into it.")
    texts = load_toml(path, WorkbookTexts, StudyError)
    english = shipped_texts("en").model_dump()
    for key, text in texts.model_dump(exclude_unset=True, exclude={"problems", "phrases"}).items():
        wanted = _braces(english[key])
        if _braces(text) != wanted:
            braces = ", ".join(f"{{{name}}}" for name in sorted(wanted or ())) or "none"
            raise StudyError(
                f"{language}: {key}: the braces are not those of the English text (found {text!r}); allowed: {braces}."
            )
    return texts


def _braces(text: str) -> set[str] | None:
    """What is filled in; None where the braces do not close, or ask for more than a name."""
    try:
        pieces = [(name, spec, how) for _, name, spec, how in Formatter().parse(text) if name is not None]
    except ValueError:
        return None
    return None if any(spec or how for _, spec, how in pieces) else {name for name, _, _ in pieces}


def values_said(item: Item, texts: WorkbookTexts) -> str:
    """What may stand in a cell beside missing codes, in words."""
    if item.type == "ordinal":
        return f"{item.low:g}–{item.high:g}"
    if item.type == "decimal":
        places = texts.values_one_decimal if item.decimals == 1 else texts.values_decimals
        span = f"{item.low:g}–{item.high:g}"
        return span if item.decimals is None else places.format(values=span, n=item.decimals)
    if item.type == "yes_no":
        return "1/0"
    if item.type == "nominal":
        marked = any(map(str.isdigit, item.categories))  # 1,3 is a number in half of Europe
        several = texts.values_by_semicolons if marked else texts.values_by_commas
        codes = "/".join(item.categories)
        return several.format(values=codes) if item.multiple else codes
    if item.type == "text":
        return texts.values_text
    said: str = getattr(texts, f"values_{item.type}" if item.maximum is None else f"values_{item.type}_to")
    return said.format(low=f"{item.low:g}", high=f"{item.high:g}")
