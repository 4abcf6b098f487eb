"""A model formula, parsed once: lme4's language, the fixed part for formulaic, random terms for us.

Syntax after Bates, Mächler, Bolker & Walker (2015, Journal of Statistical
Software 67(1), Table 2): ``(1 | g)``, ``(x | g)``, ``(0 + x | g)``,
``(x || g)``, ``(1 | a/b)``, ``(1 | a:b)`` and any sum of them. A formula
without random terms is one of an ordinary regression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from doublecode.analysis.mixed.formula_limits import refuse_monstrous
from doublecode.analysis.mixed.formula_names import (
    IDENTIFIER,
    SumOfNames,
    columns_among,
    has_call,
    mentions,
    quoted,
    refuse_caret_in_call,
    sum_of_names,
    variables_of,
)
from doublecode.analysis.mixed.r_words import read_r_words, refuse_unknown_calls
from doublecode.schemas.column_types import Role
from doublecode.schemas.errors import FormulaError
from doublecode.schemas.near_names import nearest
from doublecode.schemas.results import Note

_CATEGORY = re.compile(r"(?<![\w.])C\(\s*(`[^`]+`|[^\W\d][\w.]*)\s*[,)]")
_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "\"'`"


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
        return f"({self.expression} | {':'.join(map(quoted, self.factors))})"

    @cached_property
    def sum(self) -> SumOfNames | None:
        """The expression where it is a sum of bare names."""
        return sum_of_names(self.expression)


@dataclass(frozen=True)
class ModelFormula:
    """A parsed formula; every function that takes a formula takes one of these too.

    Attributes
    ----------
    text
        The formula as given, white space normalised; ``str()`` gives it.
    response
        Left-hand side.
    fixed
        Right-hand side without the random terms, for formulaic.
    terms
        Random terms in the order written; ``||`` and ``/`` are already expanded.
    notes
        What is to be said of the reading, e.g. of a ``||``.
    """

    text: str
    response: str
    fixed: str
    terms: tuple[RandomTerm, ...]
    notes: tuple[Note, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return self.text

    def with_parts(self, fixed: str, terms: Iterable[RandomTerm]) -> ModelFormula:
        """Return the formula of the same response with another right-hand side."""
        random = tuple(terms)
        text = " + ".join([f"{self.response} ~ {fixed}", *(term.label for term in random)])
        return ModelFormula(text, self.response, fixed, random)

    @property
    def expressions(self) -> tuple[str, ...]:
        """The fixed part and the expressions of the random terms: all that makes columns of numbers."""
        return (self.fixed, *(term.expression for term in self.terms))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Everything that may be a column, in the order of its first place."""
        return tuple(dict.fromkeys(one.name for one in mentions(self.text) if not (one.called or one.of_module)))

    @cached_property
    def roles(self) -> dict[str, Role]:
        """What each name is used as: what groups rows is text, a term numbers or a factor, the rest numbers."""
        found = dict.fromkeys(self.factors, Role.TEXT)
        categories = [one for part in self.expressions for one in _CATEGORY.findall(part)]
        found |= dict.fromkeys((name.strip("`") for name in categories), Role.FACTOR)
        for part in self.expressions:
            for one in mentions(part):
                if one.called or one.of_module or found.get(one.name) is Role.FACTOR:
                    continue
                found[one.name] = Role.TERM
        return found | {one.name: Role.NUMBER for one in mentions(self.response) if not one.called}

    @cached_property
    def calls(self) -> bool:
        """Whether a function is called somewhere."""
        return has_call(self.text)

    @cached_property
    def factors(self) -> frozenset[str]:
        """Columns of the grouping factors."""
        return frozenset(factor for term in self.terms for factor in term.factors)

    @cached_property
    def sum(self) -> SumOfNames | None:
        """The fixed part where it is a sum of bare names."""
        return sum_of_names(self.fixed)

    @cached_property
    def bare_predictors(self) -> frozenset[str] | None:
        """Predictors of a formula that holds sums of bare names only; None of any other, which formulaic reads."""
        sums = (self.sum, *(term.sum for term in self.terms))
        read = [one.names for one in sums if one is not None]
        return frozenset().union(*read) if len(read) == len(sums) else None

    def columns(self, known: Iterable[object]) -> tuple[str, ...]:
        """Return the columns that the formula names, in the order of appearance.

        Raises
        ------
        FormulaError
            It names something that is no column.

        Examples
        --------
        >>> formula = parse_formula("phq9 ~ session * np.log(he) + (1 | patient)")
        >>> formula.columns(["patient", "session", "he", "phq9"])
        ('phq9', 'session', 'he', 'patient')
        """
        return self._checked(self.text, known)

    def fixed_columns(self, known: Iterable[object]) -> tuple[str, ...]:
        """Return the columns that the fixed part names; refuse as :meth:`columns` does."""
        return self._checked(self.fixed, known)

    def _checked(self, part: str, known: Iterable[object]) -> tuple[str, ...]:
        allowed = list(map(str, known))
        found, strays = columns_among(mentions(part), set(allowed))
        if strays:
            none = "is no column" if len(strays) == 1 else "are no columns"
            meant = nearest(strays[0], allowed)
            asked = "" if meant is None else f" Did you mean {meant!r}?"
            raise FormulaError(
                f"formula {self.text!r}: {', '.join(map(repr, strays))} {none} of the frame; allowed: "
                f"{', '.join(allowed)}.{asked}"
            )
        return found

    def predictors(self, known: Iterable[object]) -> frozenset[str]:
        """Columns among `known` that the fixed part or a random term names, inside functions too."""
        if self.bare_predictors is not None:
            return self.bare_predictors.intersection(map(str, known))
        return frozenset(variables_of(" ".join(self.expressions), known))


def parse_formula(formula: str | ModelFormula) -> ModelFormula:
    """Read a formula; what is read already passes.

    Raises
    ------
    FormulaError
        Without a ``~`` or a response, with unbalanced parentheses, or with a bar where lme4 does not
        allow one.

    Examples
    --------
    >>> parsed = parse_formula("y ~ x + (1 + x || g) + (1 | a/b)")
    >>> parsed.response, parsed.fixed
    ('y', 'x')
    >>> [term.label for term in parsed.terms]
    ['(1 | g)', '(0 + x | g)', '(1 | a)', '(1 | a:b)']
    """
    if isinstance(formula, ModelFormula):
        return formula
    if not isinstance(formula, str):
        raise FormulaError(f"the formula must be a string such as 'y ~ x + (1 | g)', not {formula!r}")
    return _read(formula)


@lru_cache(maxsize=512)
def _read(formula: str) -> ModelFormula:
    return _parse(read_r_words(" ".join(formula.split())))


def parse_mixed(formula: str | ModelFormula) -> ModelFormula:
    """Read a formula that must have a random term."""
    parsed = parse_formula(formula)
    if not parsed.terms:
        raise FormulaError(
            f"formula {parsed.text!r} has no random term; add one such as (1 | patient), or use an ordinary regression"
        )
    return parsed


@lru_cache(maxsize=512)
def _parse(source: str) -> ModelFormula:
    refuse_monstrous(source)
    _check_balanced(source)
    refuse_caret_in_call(source)
    sides = _split(source, "~")
    if len(sides) != 2 or not sides[0].strip() or not sides[1].strip():
        raise FormulaError(f"formula {source!r} needs one '~' with a response before and terms after it")
    if sides[1].rstrip()[-1] in "+-*:/^~":
        raise FormulaError(f"formula {source!r} cannot be read: nothing stands after its last sign")
    refuse_unknown_calls(source, source)
    fixed: list[str] = []
    terms: list[RandomTerm] = []
    notes: list[Note] = []
    for sign, piece in _signed_pieces(sides[1]):
        body = _bar_body(piece)
        if body is None:
            _refuse_stray_bar(piece, source)
            fixed.append(f"{sign} {piece}")
        elif sign == "-":
            raise FormulaError(f"in {source!r} the random term {piece} is subtracted; leave it out instead")
        else:
            terms.extend(_random_terms(body, piece, source, notes))
    _refuse_repeats(terms, source)
    rhs = " ".join(fixed).removeprefix("+ ") or "1"
    return ModelFormula(source, sides[0].strip(), rhs, tuple(terms), tuple(notes))


def _random_terms(body: str, piece: str, source: str, notes: list[Note]) -> list[RandomTerm]:
    """Expand the inside of one pair of parentheses to independent terms."""
    double = len(_split(body, "||")) == 2
    parts = _split(body, "||" if double else "|")
    if len(parts) != 2 or not all(part.strip() for part in parts):
        raise FormulaError(f"random term {piece} of {source!r} must read (terms | group), with one bar")
    expression, group = (part.strip() for part in parts)
    if _is_nothing(expression):
        raise FormulaError(f"random term {piece} of {source!r} lets nothing vary; leave it out, or write (1 | {group})")
    expressions = _independent(expression) if double else [expression]
    if double and len(expressions) > 1:
        stands_for = tuple(f"({e} | {group})" for e in expressions)
        notes.append(Note("double_bar", numbers={"written": piece, "stands_for": stands_for}))
    return [RandomTerm(e, factors) for factors in _groupings(group, piece, source) for e in expressions]


def _is_nothing(expression: str) -> bool:
    """Whether ``0``, ``-1`` or ``1 - 1`` leaves neither an intercept nor a column."""
    pieces = _signed_pieces(expression)
    bare = all(piece in {"0", "1"} for _, piece in pieces)
    return bare and any((sign, piece) in {("+", "0"), ("-", "1")} for sign, piece in pieces)


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
        if not _is_name(name):
            raise FormulaError(
                f"grouping factor {group!r} of {piece} in {source!r} must be a column, a:b or a/b; "
                f"{name!r} is none of them (write crossed factors as two terms)"
            )
    clean = [tuple(name.strip("`") for name in level) for level in names]
    return [sum(clean[: i + 1], ()) for i in range(len(clean))]


def _is_name(text: str) -> bool:
    inside = text[1:-1] if text[:1] == "`" == text[-1:] else ""
    return bool(inside and "`" not in inside) or IDENTIFIER.fullmatch(text) is not None


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
            raise FormulaError(
                f"formula {source!r} has {bare.count(left)} {left!r} but {bare.count(right)} {right!r}. "
                "Close every bracket."
            )
