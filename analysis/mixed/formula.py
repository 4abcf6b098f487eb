"""lme4's formula language: fixed part for formulaic, random terms for us.

Syntax after Bates, Mächler, Bolker & Walker (2015, Journal of Statistical
Software 67(1), Table 2): ``(1 | g)``, ``(x | g)``, ``(0 + x | g)``,
``(x || g)``, ``(1 | a/b)``, ``(1 | a:b)`` and any sum of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from doublecode.schemas.errors import FormulaError

_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "\"'`"
_NAME = re.compile(r"[^\W\d]\w*(\.\w+)*|`[^`]+`")


@dataclass(frozen=True)
class RandomTerm:
    """One random-effects term: `expression` varies by the levels of `group`.

    Attributes
    ----------
    expression
        Right-hand side that formulaic reads, intercept implied unless ``0`` or ``-1`` is in it.
    factors
        Columns whose combination makes the grouping factor; one, or several for ``a:b``.
    """

    expression: str
    factors: tuple[str, ...]

    @property
    def group(self) -> str:
        """Name of the grouping factor, ``a`` or ``a:b``."""
        return ":".join(self.factors)

    @property
    def label(self) -> str:
        """The term as one writes it, ``(x | g)``."""
        return f"({self.expression} | {self.group})"


@dataclass(frozen=True)
class MixedFormula:
    """A parsed mixed-model formula.

    Attributes
    ----------
    source
        The formula as given, white space normalised.
    response
        Left-hand side.
    fixed
        Right-hand side without the random terms, for formulaic.
    terms
        Random terms in the order written; ``||`` and ``/`` are already expanded.
    notes
        Remarks on the reading, e.g. on a ``||``.
    """

    source: str
    response: str
    fixed: str
    terms: tuple[RandomTerm, ...]
    notes: tuple[str, ...] = ()


def parse_formula(formula: str) -> MixedFormula:
    """Read an lme4 formula.

    Raises
    ------
    FormulaError
        Without a ``~``, a response or a random term, with unbalanced
        parentheses, or with a bar where lme4 does not allow one.

    Examples
    --------
    >>> parsed = parse_formula("y ~ x + (1 + x || g) + (1 | a/b)")
    >>> parsed.response, parsed.fixed
    ('y', 'x')
    >>> [term.label for term in parsed.terms]
    ['(1 | g)', '(0 + x | g)', '(1 | a)', '(1 | a:b)']
    """
    if not isinstance(formula, str):
        raise FormulaError(f"the formula must be a string such as 'y ~ x + (1 | g)', not {formula!r}")
    source = " ".join(formula.split())
    _check_balanced(source)
    refuse_caret_in_call(source)
    sides = _split(source, "~")
    if len(sides) != 2 or not sides[0].strip() or not sides[1].strip():
        raise FormulaError(f"formula {source!r} needs one '~' with a response before and terms after it")
    fixed: list[str] = []
    terms: list[RandomTerm] = []
    notes: list[str] = []
    for sign, piece in _signed_pieces(sides[1]):
        body = _bar_body(piece)
        if body is None:
            _refuse_stray_bar(piece, source)
            fixed.append(f"{sign} {piece}")
        elif sign == "-":
            raise FormulaError(f"in {source!r} the random term {piece} is subtracted; leave it out instead")
        else:
            terms.extend(_random_terms(body, piece, source, notes))
    if not terms:
        raise FormulaError(
            f"formula {source!r} has no random term; add one such as (1 | patient), or use an ordinary regression"
        )
    _refuse_repeats(terms, source)
    rhs = " ".join(fixed).removeprefix("+ ") or "1"
    return MixedFormula(source, sides[0].strip(), rhs, tuple(terms), tuple(notes))


def _random_terms(body: str, piece: str, source: str, notes: list[str]) -> list[RandomTerm]:
    """Expand the inside of one pair of parentheses to independent terms."""
    double = len(_split(body, "||")) == 2
    parts = _split(body, "||" if double else "|")
    if len(parts) != 2 or not all(part.strip() for part in parts):
        raise FormulaError(f"random term {piece} of {source!r} must read (terms | group), with one bar")
    expression, group = (part.strip() for part in parts)
    expressions = _independent(expression) if double else [expression]
    if double and len(expressions) > 1:
        notes.append(f"{piece} stands for " + " + ".join(f"({e} | {group})" for e in expressions))
    return [RandomTerm(e, factors) for factors in _groupings(group, piece, source) for e in expressions]


def _independent(expression: str) -> list[str]:
    """``1 + x + z`` of a double bar → ``1``, ``0 + x``, ``0 + z``, as lme4 expands it."""
    pieces = _signed_pieces(expression)
    intercept = not any((s, p) in {("+", "0"), ("-", "1")} for s, p in pieces)
    columns = [p for s, p in pieces if s == "+" and p not in {"0", "1"}]
    return (["1"] if intercept else []) + [f"0 + {column}" for column in columns]


def _groupings(group: str, piece: str, source: str) -> list[tuple[str, ...]]:
    """``a/b/c`` → ``a``, ``a:b``, ``a:b:c``; ``a:b`` → itself."""
    levels = [part.strip() for part in _split(_strip_parentheses(group), "/")]
    names = [tuple(part.strip() for part in _split(level, ":")) for level in levels]
    for name in (n for level in names for n in level):
        if not _NAME.fullmatch(name):
            raise FormulaError(
                f"grouping factor {group!r} of {piece} in {source!r} must be a column, a:b or a/b; "
                f"{name!r} is none of them (write crossed factors as two terms)"
            )
    clean = [tuple(name.strip("`") for name in level) for level in names]
    return [sum(clean[: i + 1], ()) for i in range(len(clean))]


def refuse_caret_in_call(source: str) -> None:
    """Refuse ``I(x^2)``: inside a call formulaic evaluates Python, where ``^`` is no power."""
    bare = re.sub(r"`[^`]*`|\"[^\"]*\"|'[^']*'", lambda found: "_" * len(found.group()), source)
    calls: list[bool] = []
    for i, char in enumerate(bare):
        if char in _OPEN:
            calls.append(char != "(" or bool(re.search(r"[\w.]\s*$", bare[:i])))
        elif char in _CLOSE:
            calls.pop()
        elif char == "^" and any(calls):
            raise FormulaError(
                f"in {source!r} a '^' stands inside a function call, where Python reads it as exclusive or; "
                "write powers with '**', as in I(x ** 2)"
            )


def _refuse_repeats(terms: list[RandomTerm], source: str) -> None:
    seen: set[tuple[str, frozenset[str]]] = set()
    for term in terms:
        key = (term.expression, frozenset(term.factors))
        if key in seen:
            raise FormulaError(f"random term {term.label} stands twice in {source!r}; keep one")
        seen.add(key)


def _refuse_stray_bar(piece: str, source: str) -> None:
    if "|" in re.sub(r"`[^`]*`|\"[^\"]*\"|'[^']*'", "", piece):
        raise FormulaError(
            f"in {source!r} the part {piece!r} has a bar outside a random term; "
            "random terms stand in parentheses and are only added: y ~ x + (x | g)"
        )


def _bar_body(piece: str) -> str | None:
    """Return the inside of ``( … | … )``, or None if `piece` is not such a term."""
    inside = _strip_parentheses(piece)
    return inside if inside != piece and len(_split(inside, "|", doubled=True)) > 1 else None


def _strip_parentheses(text: str) -> str:
    text = text.strip()
    if text.startswith("(") and _matching(text) == len(text) - 1:
        return _strip_parentheses(text[1:-1])
    return text


def _matching(text: str) -> int:
    depth = 0
    for i, char in enumerate(text):
        depth += (char in _OPEN) - (char in _CLOSE)
        if depth == 0:
            return i
    return -1


def _signed_pieces(text: str) -> list[tuple[str, str]]:
    """Split a sum at its top-level signs: ``a - b`` → ``[("+", "a"), ("-", "b")]``."""
    pieces: list[tuple[str, str]] = []
    sign, start = "+", 0
    for i in (*_positions(text, "+-"), len(text)):
        chunk = text[start:i].strip()
        if chunk and chunk[-1] in "*:/^~":
            continue
        if chunk:
            pieces.append((sign, chunk))
        if i < len(text):
            sign, start = text[i], i + 1
    return pieces


def _split(text: str, separator: str, *, doubled: bool = False) -> list[str]:
    """Split at a top-level separator; a single ``|`` does not split ``||`` unless `doubled`."""
    parts, start = [], 0
    width = len(separator)
    for i in _positions(text, separator[0]):
        if i < start or text[i : i + width] != separator:
            continue
        lone = text[i + 1 : i + 2] != "|" and (i == 0 or text[i - 1] != "|")
        if separator == "|" and not doubled and not lone:
            continue
        parts.append(text[start:i])
        start = i + width
    return [*parts, text[start:]]


def _positions(text: str, chars: str) -> list[int]:
    """Places of `chars` outside parentheses and quotes."""
    depth, quote, found = 0, "", []
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in _QUOTES:
            quote = char
        elif char in _OPEN or char in _CLOSE:
            depth += 1 if char in _OPEN else -1
        elif depth == 0 and char in chars:
            found.append(i)
    return found


def _check_balanced(source: str) -> None:
    bare = re.sub(r"`[^`]*`|\"[^\"]*\"|'[^']*'", "", source)
    for left, right in zip(_OPEN, _CLOSE, strict=True):
        if bare.count(left) != bare.count(right):
            raise FormulaError(f"formula {source!r} has {bare.count(left)} {left!r} but {bare.count(right)} {right!r}")
