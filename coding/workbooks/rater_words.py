"""What a marked copy says of a problem, in the language of its workbook; in English where that language does not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from doublecode.coding.workbooks.layout import OwnWords
from doublecode.schemas.instrument import Instrument, load_instrument, shipped_instruments
from doublecode.schemas.phrases import in_words
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study
from doublecode.schemas.workbook_texts import WorkbookTexts, languages, shipped_texts

_NUMBER: Final = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True)
class RaterWords:
    """The words of a marked copy.

    Attributes
    ----------
    texts : WorkbookTexts
        Of the workbook's language.
    allowed : mapping of str to str
        What may stand in a cell, in English → in the language.
    """

    texts: WorkbookTexts
    allowed: Mapping[str, str] = field(default_factory=dict)

    def of(self, problem: Problem) -> tuple[str, str]:
        """What is wrong, and what is to be done."""
        words = self.texts.problems.get(problem.code)
        if words is None:
            return problem.sentence, problem.next_step
        facts = {"found": self._said(problem.found), "allowed": self._said(problem.allowed)}
        said, subject = words.sentence.format(**facts), self._said(problem.subject)
        return f"{subject}: {said}" if subject else said, words.next_step.format(**facts)

    def _said(self, text: str) -> str:
        return in_words(text, self.texts.phrases, self._plain)

    def _plain(self, text: str) -> str:
        """What may stand in a cell in the words of the language, a number with its decimal mark."""
        if _NUMBER.fullmatch(text):
            return text.replace(".", self.texts.decimal)
        return self.allowed.get(text, text)

    def kind(self, code: str) -> str:
        """What a kind of problem is called in the language, with its code."""
        words = self.texts.problems.get(code)
        return code if words is None else f"{words.name} ({code})"

    @property
    def heads(self) -> tuple[str, ...]:
        """Heads of the list of problems."""
        said = self.texts
        return said.problem_place, said.problem_kind, said.problem_found, said.problem_todo


def rater_words(own: OwnWords, stamped: Mapping[str, str], study: Study | None) -> RaterWords:
    """Find the words for a workbook.

    Parameters
    ----------
    own : OwnWords
        Names of its sheets: by them its language is known.
    stamped : mapping of str to str
        Its hidden stamp.
    study : Study or None
        For texts of a language of its own, and for its codebooks.
    """
    known = [] if study is None else [study.workbook_texts]
    known += [shipped_texts(one) for one in languages()]
    sheets = (own.read_me, own.rate, own.anchors, own.problems)
    same = [
        one for one in known if (one.sheet_read_me, one.sheet_rate, one.sheet_anchors, one.sheet_problems) == sheets
    ]
    texts = same[0] if same else shipped_texts("en")
    book = _book(stamped.get("instrument", ""), study)
    said = {} if book is None else {book.allowed(one): book.allowed(one, texts) for one in book.columns}
    return RaterWords(texts, {_without_na(one): _without_na(other) for one, other in said.items()} | said)


def _without_na(text: str) -> str:
    """What may stand in a cell where NA may not: from the second session on."""
    return text.replace("NA/", "", 1) if "NA/" in text else text.replace("/NA", "", 1)


def _book(name: str, study: Study | None) -> Instrument | None:
    if study is not None:
        return study.codebooks.get(name)
    return load_instrument(name) if name in shipped_instruments() else None
