"""Parts that are to make up a total."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from doublecode.analysis.auditing.counts import counts_of, labelled_counts, shares_of
from doublecode.analysis.auditing.findings import Check, Finding, Reason, Verdict, undecided
from doublecode.analysis.auditing.paper import Paper, Sentence
from doublecode.analysis.auditing.percentages import gives, held_share
from doublecode.analysis.auditing.printed_numbers import Printed, Span
from doublecode.analysis.auditing.table_cells import TextTable
from doublecode.analysis.auditing.tokens import Kind, Token

_FEWEST: Final = 3
_HEADS_OF_COUNTS: Final = ("n", "count", "anzahl", "frequency", "häufigkeit")
_TOTAL: Final = re.compile(r"\btotal(?:ly)?\b|\bin all\b|\binsgesamt\b|\bgesamt\b|\baltogether\b|\boverall\b")
_ALL_OF_THEM: Final = re.compile(
    r"classified|categori[sz]ed|consisted|comprised|divided|"
    r"these\s+were|namely|as\s+follows|distributed|eingeteilt|zugeordnet|"
    r"diese\s+waren|verteilten\s+sich|setzten\s+sich|nämlich"
)
_SOME_OF_THEM: Final = re.compile(
    r"exclu|reason|drop|lost|missing|includ|such as|e\.g|among|multiple|more than one|some |"
    r"ausgeschlossen|grund|gründe|"
    r"fehl|darunter|u\. ?a\.|mehrfach"
)


@dataclass(frozen=True)
class Parts:
    """Parts with their percentages, where all have one, and the total that they are said to make up."""

    counts: tuple[Printed, ...]
    shares: tuple[Printed, ...]
    place: tuple[int, int]

    @property
    def sum(self) -> int:
        """The sum of the parts."""
        return sum(count.count for count in self.counts)

    @property
    def whole(self) -> bool:
        """Whether the percentages make up a hundred, as far as rounding tells."""
        spans = [share.span for share in self.shares]
        room = Span(sum(span.low for span in spans), sum(span.high for span in spans))
        return bool(spans) and room.meets(Span(100.0, 100.0))

    def fitting(self, total: Printed) -> int:
        """How many of the percentages a total gives."""
        return sum(gives(count, total, share) for count, share in zip(self.counts, self.shares, strict=False))


def checked_parts(paper: Paper) -> Iterator[Finding]:
    """Hold parts against their total, in sentences and in tables."""
    for sentence in paper.sentences:
        parts = _parts_of(paper, sentence)
        if parts is not None:
            yield from _of_sentence(paper, sentence, parts)
    for table in paper.tables:
        yield from _of_table(table)


def _parts_of(paper: Paper, sentence: Sentence) -> Parts | None:
    """``cognitive (n = 76; 18%)``, three of them or more."""
    tokens = paper.tokens_in(sentence)
    counts = [(at, count) for at, count in labelled_counts(tokens) if at > 2 and tokens[at - 3].kind is Kind.OPEN]
    if len(counts) < _FEWEST:
        return None
    after = {share.at: share.number for share in shares_of(tokens)}
    shares = [after.get(at + 2) for at, _ in counts]
    given = tuple(share for share in shares if share is not None)
    return Parts(
        tuple(count for _, count in counts), given if len(given) == len(counts) else (), paper.place_of(sentence)
    )


def _of_sentence(paper: Paper, sentence: Sentence, parts: Parts) -> Iterator[Finding]:
    before = paper.before(sentence)
    own_tokens = paper.tokens_in(sentence)
    tokens = [*(paper.tokens_in(before) if before else ()), *_outside_list(own_tokens)]
    words = (paper.words_of(before) if before else "") + " " + paper.words_of(sentence)
    own = {count.start for count in parts.counts}
    candidates = [count for _, count in counts_of(tokens) if count.start not in own and count.count > 1]
    match = next((one for one in candidates if one.count == parts.sum), None)
    if match is not None:
        yield _said(parts, match, Verdict.CONSISTENT)
        yield from _shares_off(parts, match)
        return
    total = _total(candidates, parts, words)
    if total is None or not _exhaustive(paper, parts, total):
        yield undecided(Check.PARTS, parts.place, str(parts.sum), Reason.NO_TOTAL)
        return
    yield _said(parts, total, Verdict.QUESTION)


def _exhaustive(paper: Paper, parts: Parts, total: Printed) -> bool:
    """Whether parts are said to be all: percentages that make up a hundred, or words from the total to the list."""
    if parts.shares:
        return parts.whole
    start = paper.place_of(paper.sentence_at(total.start))[0]
    words = paper.plain[min(start, parts.place[0]) : parts.place[1]].lower()
    return _ALL_OF_THEM.search(words) is not None and _SOME_OF_THEM.search(words) is None


def _outside_list(tokens: Sequence[Token]) -> Sequence[Token]:
    """What stands before the first part, and the rest after the last one."""
    places = [at for at, _ in labelled_counts(tokens)]
    return [*tokens[: places[0]], *tokens[places[-1] + 4 :]]


def _total(candidates: Sequence[Printed], parts: Parts, words: str) -> Printed | None:
    """The total: what most percentages are of, else the largest count that is called a total."""
    best = max(candidates, key=parts.fitting, default=None)
    if best is not None and parts.shares and parts.fitting(best) >= max(2, (len(parts.shares) + 1) // 2):
        return best
    return max(candidates, key=lambda one: one.count, default=None) if _TOTAL.search(words) else None


def _said(parts: Parts, total: Printed, verdict: Verdict) -> Finding:
    exact = Span(float(parts.sum), float(parts.sum))
    printed = f"total {total.text}"
    return Finding(Check.PARTS, verdict, *parts.place, printed, float(parts.sum), exact, None, _facts(parts, total))


def _facts(parts: Parts, total: Printed) -> dict[str, Any]:
    """The parts, and the smallest repair: one part (or the total) that mends the sum and the percentages."""
    counts = [count.count for count in parts.counts]
    texts = [share.text for share in parts.shares]
    repairs = list(_repairs(parts, total))
    return {"parts": counts, "shares": texts, "total": total.count, "sum": parts.sum, "repairs": repairs}


def _repairs(parts: Parts, total: Printed) -> Iterator[dict[str, Any]]:
    missing = total.count - parts.sum
    if missing == 0 or not parts.shares:
        return
    summed = Printed(str(parts.sum), 0, 0)
    if parts.fitting(summed) == len(parts.shares):
        yield {"what": "total", "old": total.count, "new": parts.sum, "share": ""}
    for place, (count, share) in enumerate(zip(parts.counts, parts.shares, strict=True)):
        mended = Printed(str(count.count + missing), 0, 0) if count.count + missing > 0 else None
        others = parts.fitting(total) - gives(count, total, share)
        if mended is not None and gives(mended, total, share) and others == len(parts.shares) - 1:
            yield {"what": "part", "old": parts.counts[place].count, "new": mended.count, "share": share.text}


def _shares_off(parts: Parts, total: Printed) -> Iterator[Finding]:
    """Percentages of parts that add up, where most are of the total."""
    if not parts.shares or parts.fitting(total) * 2 < len(parts.shares):
        return
    for count, share in zip(parts.counts, parts.shares, strict=True):
        yield held_share(parts.place, count, total, share)


def _of_table(table: TextTable) -> Iterator[Finding]:
    """A column of counts whose last row is called *Total*."""
    last = table.rows[-1]
    if not _TOTAL.fullmatch(last[0].text.lower()) and last[0].text.lower() not in ("sum", "summe", "all", "alle"):
        return
    rows = [row for row in table.rows[1:-1] if len(row) == len(last)]
    heads = [cell.text.lower() for cell in table.rows[0]]
    for column, cell in enumerate(last[1:], start=1):
        head = heads[column] if column < len(heads) else ""
        counts = [row[column].number for row in rows]
        whole = tuple(count for count in counts if count is not None and count.is_whole)
        if (
            head not in ("n", "count", "anzahl", "frequency", "häufigkeit")
            or len(whole) < 2
            or len(whole) != len(counts)
        ):
            continue
        total = cell.number
        if total is not None and total.is_whole:
            parts = Parts(whole, _column_of_shares(rows, heads), table.place)
            yield _said(parts, total, Verdict.CONSISTENT if parts.sum == total.count else Verdict.QUESTION)


def _column_of_shares(rows: Sequence[Sequence[Any]], heads: Sequence[str]) -> tuple[Printed, ...]:
    if "%" not in heads:
        return ()
    found = [row[heads.index("%")].number for row in rows]
    return tuple(one for one in found if one is not None) if None not in found else ()
