"""The names in a formula: the one reader of them.

A name is a column unless it is called (``log(x)``), belongs to something (``np.pi``), names an argument
(``df=4``) or is a word of Python; a name in backticks is a column whatever it is made of, and one with dots
(R's ``phq.9``) is the column of that name where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from keyword import iskeyword
from typing import Final

from doublecode.schemas.errors import FormulaError

IDENTIFIER: Final = re.compile(r"[^\W\d]\w*(\.\w+)*")
BARE_NAME: Final = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(
    r"\"[^\"]*\"|'[^']*'|\.\w[\w.]*|\d[\w.]*"  # texts, attributes of a value, numbers: no names
    r"|`(?P<quoted>[^`]+)`|(?P<name>[^\W\d]\w*(?:\.\w+)*)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<caret>\^)"
)
_CALLED = re.compile(r"\s*\(")
_ARGUMENT = re.compile(r"\s*=(?!=)")
_SUM = re.compile(r"\s*[+-]?\s*(?:[^\W\d]\w*|[01])(?:\s*(?:\+\s*(?:[^\W\d]\w*|[01])|-\s*1))*\s*")
_PIECE = re.compile(r"([+-]?)\s*([^\W\d]\w*|[01])")
_MODULES = frozenset({"np", "contr"})
"""Names that formulaic knows as modules; what follows their dot is a function of theirs."""


@dataclass(frozen=True)
class Mention:
    """One place where a formula names something that may be a column.

    Attributes
    ----------
    name
        Without backticks; with its dots.
    start, end
        Where it stands, backticks included.
    in_call
        Whether it stands inside a function, an index or a quotation of Python.
    quoted
        Whether it stands in backticks.
    called
        Whether it is called: then only what stands before its first dot can be a column (``x.clip(0)``).
    """

    name: str
    start: int
    end: int
    in_call: bool
    quoted: bool = False
    called: bool = False

    @property
    def of_module(self) -> bool:
        """Whether it is a thing of formulaic's or numpy's, such as ``contr.sum``."""
        head, dot, _ = self.name.partition(".")
        return bool(dot) and self.in_call and not self.quoted and head in _MODULES


def mentions(text: str) -> tuple[Mention, ...]:
    """Return the names in a formula or a part of one that may be columns, in order.

    Examples
    --------
    >>> [one.name for one in mentions("y ~ C(arm) * np.log(dose, base=e) + `a b` + (1 + day | ward/bed)")]
    ['y', 'arm', 'np.log', 'dose', 'e', 'a b', 'day', 'ward', 'bed']
    """
    out = []
    for found, in_call in _tokens(text):
        if found.lastgroup == "quoted":
            out.append(Mention(found["quoted"], *found.span(), in_call, quoted=True))
        elif found.lastgroup == "name":
            called = _CALLED.match(text, found.end()) is not None
            argument = in_call and _ARGUMENT.match(text, found.end()) is not None
            if not argument and not (called and "." not in found["name"]):
                out.append(Mention(found["name"], *found.span(), in_call, called=called))
    return tuple(out)


def _tokens(text: str) -> Iterator[tuple[re.Match[str], bool]]:
    """Names, brackets and carets in order, each with whether it stands inside a call."""
    calls: list[bool] = []
    for found in _TOKEN.finditer(text):
        if found.lastgroup == "close" and calls:
            calls.pop()
        yield found, any(calls)
        if found.lastgroup == "open":
            before = text[: found.start()].rstrip()[-1:]
            calls.append(found.group() != "(" or before.isalnum() or before in {"_", ".", "`"})


def inside_call(text: str, at: int) -> bool:
    """Whether a place of a formula stands inside a function."""
    calls: list[bool] = []
    for found in _TOKEN.finditer(text[:at]):
        if found.lastgroup == "close" and calls:
            calls.pop()
        elif found.lastgroup == "open":
            before = text[: found.start()].rstrip()[-1:]
            calls.append(before.isalnum() or before in {"_", "."})
    return any(calls)


def columns_among(found: Iterable[Mention], known: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sort mentions into columns of `known` and names that are none, each once and in order.

    Examples
    --------
    >>> columns_among(mentions("phq.9 ~ np.log(he) + he.clip(0) + hh"), {"phq.9", "he", "np"})
    (('phq.9', 'he'), ('hh',))
    """
    columns: dict[str, None] = {}
    strays: dict[str, None] = {}
    for one in found:
        head = one.name.partition(".")[0]
        if one.name in known and not one.called:
            columns[one.name] = None
        elif one.quoted or head == one.name:
            strays |= {} if iskeyword(one.name) and not one.quoted else {one.name: None}
        elif head in known and head not in _MODULES:
            columns[head] = None
    return tuple(columns), tuple(strays)


def has_call(text: str) -> bool:
    """Whether a formula calls a function."""
    return any(found.lastgroup == "name" and _CALLED.match(text, found.end()) for found, _ in _tokens(text))


def variables_of(text: str, columns: Iterable[object]) -> set[str]:
    """Return the columns that an expression names, inside function calls too."""
    return set(columns_among(mentions(text), set(map(str, columns)))[0])


def quoted(name: str) -> str:
    """Write a column's name as a formula does: in backticks where it is no plain name."""
    return name if IDENTIFIER.fullmatch(name) else f"`{name}`"


def term_of(*names: str) -> str:
    """What the term of a column, or of a product of columns, is called in a result.

    Examples
    --------
    >>> term_of("phq.9", "a b"), term_of("Intercept")
    ('phq.9:a b', '`Intercept`')
    """
    return ":".join("`Intercept`" if name == "Intercept" else name for name in names)


@dataclass(frozen=True)
class SumOfNames:
    """A part of a formula that is a sum of bare names, ``1``, ``0`` and ``-1``, each name once."""

    intercept: bool
    names: tuple[str, ...]


def sum_of_names(text: str) -> SumOfNames | None:
    """Read a sum of bare names; None if `text` is more than that.

    Examples
    --------
    >>> sum_of_names("x + z - 1")
    SumOfNames(intercept=False, names=('x', 'z'))
    >>> sum_of_names("x * z") is None
    True
    """
    if _SUM.fullmatch(text) is None or text.lstrip().startswith("-"):
        return None
    intercept, names = True, dict[str, None]()
    for sign, name in _PIECE.findall(text):
        if name in "01":
            intercept = (name == "1") == (sign != "-")
        else:
            names[name] = None
    return SumOfNames(intercept, tuple(names))


def refuse_caret_in_call(source: str) -> None:
    """Refuse ``I(x^2)``: inside a call formulaic evaluates Python, where ``^`` is no power."""
    if "^" in source and any(found.lastgroup == "caret" and in_call for found, in_call in _tokens(source)):
        raise FormulaError(
            f"in {source!r} a '^' stands inside a function call, where Python reads it as exclusive or; "
            "write powers with '**', as in I(x ** 2)"
        )
