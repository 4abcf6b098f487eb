"""Text as tokens: numbers with their rounding, words, signs, brackets, stops."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

from doublecode.analysis.auditing.number_words import NUMBER_WORDS
from doublecode.analysis.auditing.printed_numbers import Printed


class Kind(StrEnum):
    """What a token is."""

    NUMBER = "number"
    WORD = "word"
    SIGN = "sign"
    OPEN = "open"
    CLOSE = "close"
    COMMA = "comma"
    SEMICOLON = "semicolon"
    COLON = "colon"
    STOP = "stop"
    PERCENT = "percent"
    SLASH = "slash"
    DASH = "dash"
    BAR = "bar"
    BREAK = "break"
    OTHER = "other"


class Token(NamedTuple):
    """One token; `word` is in small letters and empty for other kinds, `number` also stands for number words."""

    kind: Kind
    text: str
    start: int
    end: int
    number: Printed | None = None
    word: str = ""


_MARKS: Final = {
    "=": Kind.SIGN, "<": Kind.SIGN, ">": Kind.SIGN, "≤": Kind.SIGN, "≥": Kind.SIGN, "≈": Kind.SIGN,
    "(": Kind.OPEN, "[": Kind.OPEN, "{": Kind.OPEN, ")": Kind.CLOSE, "]": Kind.CLOSE, "}": Kind.CLOSE,
    ",": Kind.COMMA, ";": Kind.SEMICOLON, ":": Kind.COLON, "%": Kind.PERCENT, "/": Kind.SLASH, "-": Kind.DASH,
    "|": Kind.BAR, "!": Kind.STOP, "?": Kind.STOP, "\f": Kind.BREAK,
}  # fmt: skip
_WORD: Final = (
    r"n\.\s?s\.|[Ss]\.\s?[EeDd]\.|[χΧΞ]\s?\^?\s?[2²]|[Xx](?:\^2|²)|[Cc]hi\s?(?:\^2|²)"
    r"|t\d+,\d+(?=\s?=)|[^\W\d_](?:\w*\d\.\d+|[\w']*(?:-(?=[^\W\d_])[\w']+)*)"
)
_POINT: Final = r"(?<!F\()(?<!F \()(?<!F  \()\d{1,3}(?:,\d{3})+(?![\d,.]\d|\d)|\d+\.\d+|(?<![\d.])\.\d+|\d+"
_COMMA: Final = r"\d{1,3}(?:\.\d{3})+(?=,\d)(?:,\d+)|\d+[,.]\d+|(?<![\d,])[,.]\d+|\d+"
_REST: Final = r"(?P<run>[^\w\s])(?P=run){3,}|\n[ \t]*\n\s*|<=|>=|[=<>≤≥≈()\[\]{},;:%/|!?\f-]|\.|[^\s\w]"
_ENGLISH: Final = re.compile(rf"(?P<word>{_WORD})|(?P<number>{_POINT})|(?P<rest>{_REST})")
_GERMAN: Final = re.compile(rf"(?P<word>{_WORD})|(?P<number>{_COMMA})|(?P<rest>{_REST})")
_DECIMAL_COMMA: Final = re.compile(
    r"(?<!df)(?<!df )(?<!df  )[=<>≤≥]\s?-?\s?(?!\d{1,3}(?:,\d{3})+\.\d)\d*,\d|(?<![\d,.])0,\d|"
    r"\d,\d+\s?(?:%|Prozent)|\d,\d+\s?;|F\s?\(\d+;"
)
_WITHOUT_ZERO: Final = re.compile(r"(?:^|[\t|\s(\[])-?,\d{1,3}(?![\d,])", re.MULTILINE)
_GERMAN_WORDS: Final = re.compile(r"\b(?:der|die|das|und|mit|wurden?|betrug|waren?|nicht|Jahre)\b")
_IN_GERMAN: Final = re.compile(r"(?<![\d([,.])\d+,\d{1,2}(?!\d|[,.]\d)")
_DECIMAL_POINT: Final = re.compile(r"[=<>≤≥]\s?-?\s?\d*\.\d|(?<![\d,.])0\.\d|\d\.\d+\s?%")
_THOUSANDS: Final = re.compile(r"[Nn]\s{0,2}=\s?[1-9]\d{0,2}(?:,\d{3})+(?![\d,])")
_A_PAGE: Final = 5000
_ABBREVIATED: Final = frozenset(
    [
        "e.g",
        "i.e",
        "vs",
        "cf",
        "al",
        "fig",
        "figs",
        "tab",
        "ca",
        "bzw",
        "nr",
        "no",
        "approx",
        "resp",
        "vgl",
        "dr",
        "st",
        "s",
        "z.b",
        "d.h",
        "u.a",
        "sog",
        "inkl",
        "bspw",
        "ref",
        "eq",
    ]
)
_TURNS: Final = frozenset(["to", "bis", "and", "und", "of", "von", "was", "is", "betrug", "war", "ist"])


def has_decimal_comma(text: str) -> bool:
    """Whether a text writes 0,05 for a twentieth.

    Examples
    --------
    >>> has_decimal_comma("t(20) = 2,31; p = 0,032"), has_decimal_comma("F(2,45) = 3.11, N = 1,204")
    (True, False)
    """
    commas = len(_DECIMAL_COMMA.findall(text)) + len(_WITHOUT_ZERO.findall(text)) - len(_THOUSANDS.findall(text))
    if commas <= 0 and len(_GERMAN_WORDS.findall(text, 0, _A_PAGE)) > 1:
        commas = len(_IN_GERMAN.findall(text))
    return commas > 0 and commas * 2 >= len(_DECIMAL_POINT.findall(text))


def tokens_of(text: str, comma: bool | None = None, offset: int = 0) -> list[Token]:
    """Return the tokens of a text with plain characters.

    Parameters
    ----------
    text : str
    comma : bool, optional
        Whether numbers have a decimal comma; found out by itself if left out.
    offset : int
        Where the text begins in a larger one.

    Examples
    --------
    >>> [token.text for token in tokens_of("t(20) = -2.31, p < .05")]
    ['t', '(', '20', ')', '=', '-2.31', ',', 'p', '<', '.05']
    """
    german = has_decimal_comma(text) if comma is None else comma
    found: list[Token] = []
    for match in (_GERMAN if german else _ENGLISH).finditer(text):
        start, end, piece = match.start() + offset, match.end() + offset, match[0]
        if match.lastgroup == "number":
            _add_number(found, Printed(_digits(piece, german), start, end), piece, text, offset)
        elif match.lastgroup == "word":
            small = piece.lower()
            spelled = NUMBER_WORDS.get(small)
            number = None if spelled is None else Printed(str(spelled), start, end, spelled=True)
            found.append(Token(Kind.WORD, piece, start, end, number, small))
        else:
            found.append(Token(_kind_of(piece, found, text, match.end()), piece, start, end))
    return found


def _digits(piece: str, german: bool) -> str:
    if german:
        piece = (
            piece.replace(".", "").replace(",", ".") if "," in piece and "." in piece[1:] else piece.replace(",", ".")
        )
    else:
        piece = piece.replace(",", "")
    return f"0{piece}" if piece.startswith(".") else piece


def _kind_of(piece: str, before: list[Token], text: str, end: int) -> Kind:
    if piece == ".":
        return Kind.STOP if _ends_sentence(before, text[end : end + 3]) else Kind.OTHER
    if piece in ("<=", ">="):
        return Kind.SIGN
    return Kind.BREAK if piece.startswith("\n") else _MARKS.get(piece, Kind.OTHER)


def _ends_sentence(before: list[Token], after: str) -> bool:
    if after and not after[0].isspace():
        return after[0] in ")]\"'"
    return not before or before[-1].word not in _ABBREVIATED


def _add_number(found: list[Token], number: Printed, piece: str, text: str, offset: int) -> None:
    """Add a number, with the dash before it where that is a minus, glued where it is part of a name."""
    dash = found[-1] if found and found[-1].kind is Kind.DASH else None
    if dash is None:
        found.append(Token(Kind.NUMBER, piece, number.start, number.end, number))
        return
    before = found[-2] if len(found) > 1 else None
    spaced = dash.start == offset or text[dash.start - 1 - offset].isspace()
    if _is_minus(before, spaced, dash.end == number.start):
        found.pop()
        signed = Printed(f"-{number.text}", dash.start, number.end)
        found.append(Token(Kind.NUMBER, f"-{piece}", dash.start, number.end, signed))
        return
    glued = before is not None and before.kind is Kind.WORD and not spaced
    found.append(
        Token(Kind.NUMBER, piece, number.start, number.end, Printed(number.text, number.start, number.end, glued=glued))
    )


def _is_minus(before: Token | None, spaced: bool, close: bool) -> bool:
    """Whether a dash before a number is a minus: 14-18 and PHQ-9 have none, *= - 4* and *to -4* have one."""
    if before is None or before.kind in (
        Kind.SIGN, Kind.OPEN, Kind.COMMA, Kind.SEMICOLON, Kind.COLON, Kind.BAR, Kind.BREAK
    ):  # fmt: skip
        return True
    if before.kind is Kind.WORD and before.word in _TURNS:
        return spaced
    return spaced and close
