"""From a part of a formula to columns of numbers: the one door to formulaic.

formulaic evaluates Python, so that a column whose name is no plain name of Python (dots, blanks, umlauts, a leading
digit, ``Intercept``) goes in under another one and comes out under its own. A column that the others determine on the
rows in use is left out, as lme4 does, and remembered, so that what cannot be estimated is NaN and not a number.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.formula_names import BARE_NAME, columns_among, mentions, quoted, variables_of
from doublecode.analysis.mixed.plain_columns import Categories, PlainColumns
from doublecode.analysis.mixed.r_words import FUNCTIONS, KNOWN, SMOOTH, ns
from doublecode.analysis.results.complete_rows import has_all
from doublecode.schemas.errors import FormulaError

if TYPE_CHECKING:
    from formulaic import ModelSpec

Floats = npt.NDArray[np.float64]

_ALIAS = re.compile(r"_column(\d+)_")
_TAKEN = KNOWN | {"Intercept", "np"} | set(dir(builtins))
NOT_ESTIMABLE = 1e-8
"""Share of a row's length in the directions without information, from which it cannot be estimated."""


@dataclass(frozen=True)
class FormulaColumns:
    """The recipe of a model matrix that formulaic makes.

    Attributes
    ----------
    spec
        formulaic's recipe, over the names of `aliases`.
    aliases
        Names of columns that go in under another one, in the order of the numbers of these.
    kept
        Positions of the columns in use among those of `spec`; None for all.
    blind
        (p, d) directions of the coefficients of `spec` on which the rows in use say nothing.
    """

    spec: ModelSpec
    aliases: tuple[str, ...]
    kept: tuple[int, ...] | None = None
    blind: Floats | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the names of the data."""
        every = [self.own(_whole_levels(str(name), self._numbered)) for name in self.spec.column_names]
        return tuple(every if self.kept is None else [every[place] for place in self.kept])

    @property
    def _numbered(self) -> list[str]:
        """Factors whose levels are numbers, in formulaic's names."""
        states = self.spec.encoder_state.items()
        levels = {str(factor): state.get("categories", ()) for factor, (_, state) in states}
        return [factor for factor, found in levels.items() if found and all(isinstance(one, float) for one in found)]

    @property
    def required_variables(self) -> set[str]:
        """Columns that the data must have."""
        return set(variables_of(self.own(str(self.spec.formula), True), self.aliases)) | {
            str(one) for one in self.spec.required_variables if not _ALIAS.fullmatch(str(one))
        }

    @cached_property
    def term_indices(self) -> dict[str, list[int]]:
        """Positions of the columns of each term, ``"1"`` for the intercept; a term without columns has none."""
        every = range(len(self.spec.column_names))
        now = {place: new for new, place in enumerate(every if self.kept is None else self.kept)}
        return {
            self.own(str(term)): [now[place] for place in places if place in now]
            for term, places in self.spec.term_indices.items()
        }

    @cached_property
    def factors(self) -> dict[str, tuple[str, ...]]:
        """The factors of each term, as a formula writes them."""
        return {
            self.own(str(term)): tuple(self.own(str(one), True) for one in term.factors)
            for term in self.spec.term_indices
        }

    @cached_property
    def categories(self) -> dict[str, Categories]:
        """Each categorical factor, by the factor as a formula writes it."""
        return {
            self.own(str(factor), True): Categories(
                self.own(_inside_coding(str(factor)), True), tuple(state.get("categories", ()))
            )
            for factor, (kind, state) in self.spec.encoder_state.items()
            if "categorical" in str(kind).lower()
        }

    def get_model_matrix(self, data: pd.DataFrame) -> pd.DataFrame:
        """Evaluate the columns on `data`; a row that cannot be estimated is NaN."""
        X = self.every_column(data)
        out = X if self.kept is None else X[:, list(self.kept)]
        if self.blind is not None:
            lost = np.linalg.norm(X @ self.blind, axis=1) > NOT_ESTIMABLE * np.linalg.norm(X, axis=1)
            out = np.where(lost[:, None], np.nan, out)
        return pd.DataFrame(out, index=data.index, columns=list(self.names))

    def every_column(self, data: pd.DataFrame) -> Floats:
        """Evaluate all columns on `data`, (n, p), those that are not in use among them."""
        renamed = renamed_columns(data, self.aliases)
        X = np.asarray(_evaluated(self.spec, renamed, str(self.spec.formula), self), dtype=float)
        return X.reshape(len(data), -1)

    def without(self, X: Floats, gone: tuple[int, ...]) -> FormulaColumns:
        """The recipe without the columns `gone` of X, which is (n, p) on the rows in use."""
        kept = tuple(place for place in range(X.shape[1]) if place not in gone)
        scale = np.where(np.linalg.norm(X, axis=0) > 0, np.linalg.norm(X, axis=0), 1.0)
        blind = np.zeros((X.shape[1], len(gone)))
        weights = np.linalg.lstsq(X[:, kept] / scale[list(kept)], X[:, gone], rcond=None)[0]
        blind[list(kept)] = weights / scale[list(kept), None]
        blind[list(gone), range(len(gone))] = -1.0
        return replace(self, kept=kept, blind=np.linalg.qr(blind)[0])

    def partly(self, place: int) -> bool:
        """Whether the column stands for a level or a product, so that leaving it out leaves its term what it is."""
        term = next(term for term, places in self.spec.term_indices.items() if place in places)
        return len(term.factors) > 1 or len(list(self.spec.term_indices[term])) > 1

    def own(self, text: str, in_formula: bool = False) -> str:
        """A text in formulaic's names in the names of the data."""

        def name(found: re.Match[str]) -> str:
            column = self.aliases[int(found[1])]
            before = text[: found.start()]
            inside = in_formula or before.count("(") > before.count(")") or column == "Intercept"
            return (
                f"`{column}`"
                if inside and (column == "Intercept" or quoted(column) != column or in_formula)
                else column
            )

        return _ALIAS.sub(name, text)


def _inside_coding(factor: str) -> str:
    """The first argument of ``C(…)``; any other expression, which formulaic has read as Python, as it stands."""
    called = ast.parse(factor.strip(), mode="eval").body
    if isinstance(called, ast.Call) and isinstance(called.func, ast.Name) and called.func.id == "C" and called.args:
        return ast.unparse(called.args[0])
    return factor


def _whole_levels(name: str, numbered: Iterable[str]) -> str:
    """A column's name with whole numbers as levels written as R writes them: ``C(session)[T.2]``."""
    for factor in numbered:
        name = re.sub(rf"({re.escape(factor)}\[(?:\w+\.)?-?\d+)\.0\]", r"\1]", name)
    return name


Recipe = FormulaColumns | PlainColumns
"""How the columns of a model matrix are made, for other rows too."""


def formula_columns(text: str, data: pd.DataFrame, given: pd.DataFrame | None = None) -> tuple[Floats, FormulaColumns]:
    """Evaluate one side of a formula.

    Parameters
    ----------
    text
        A sum of terms, without random ones.
    data
        The rows in use.
    given
        The rows before those that lack a value were left out: ``scale``, ``poly`` and splines take their means and
        knots from every row that has their own columns, as R does, which evaluates before it drops.

    Returns
    -------
    X
        (n, p) columns.
    recipe
        To evaluate them on other rows.

    Raises
    ------
    FormulaError
        A part cannot be read or computed.
    """
    from formulaic import Formula, ModelSpec

    aliased, aliases = aliased_columns(text, data.columns)
    try:
        formula = Formula(aliased)
    except _failures() as wrong:
        raise _unreadable(text) from wrong
    empty = FormulaColumns(ModelSpec(formula=formula), aliases)
    state: dict[str, Any] = {}
    if given is not None and len(given) > len(data):
        state = _states(formula, renamed_columns(given, aliases), empty)
    spec = ModelSpec(formula=formula, transform_state=state)
    matrix = _evaluated(spec, renamed_columns(data, aliases), text, empty)
    X = np.asarray(matrix, dtype=float).reshape(len(data), -1)
    return X, FormulaColumns(matrix.model_spec, aliases)


def terms_of(text: str, columns: Iterable[object] | None = None) -> list[tuple[str, ...]]:
    """The terms of one side of a formula, each as its factors, the intercept as ``("1",)``.

    Examples
    --------
    >>> terms_of("x * `a b`")
    [('1',), ('x',), ('`a b`',), ('x', '`a b`')]
    """
    from formulaic import Formula, ModelSpec

    known = [one.name for one in mentions(text)] if columns is None else columns
    aliased, aliases = aliased_columns(text, known)
    try:
        formula: Any = Formula(aliased)
    except _failures() as wrong:
        raise _unreadable(text) from wrong
    names = FormulaColumns(ModelSpec(formula=formula), aliases)
    return [tuple(names.own(str(factor), True) for factor in term.factors) for term in formula]


def _states(formula: Any, given: pd.DataFrame, names: FormulaColumns) -> dict[str, Any]:
    """What functions of whole columns learn from the rows that have these columns."""
    from formulaic import Formula, ModelSpec

    found: dict[str, Any] = {}
    for factor in dict.fromkeys(str(factor) for term in formula for factor in term.factors):
        if not re.search(rf"\b(?:{'|'.join(SMOOTH)})\s*\(", factor):
            continue
        used = [name for name in given.columns if str(name) in variables_of(factor, given.columns)]
        rows = given[has_all(given, used, len(given))]
        found |= _evaluated(ModelSpec(formula=Formula(f"0 + {factor}")), rows, factor, names).model_spec.transform_state
    return found


def _evaluated(spec: ModelSpec, data: pd.DataFrame, text: str, names: FormulaColumns) -> Any:
    from formulaic.transforms import stateful_transform

    context = {**FUNCTIONS, "ns": stateful_transform(ns)}
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused by name
            return spec.get_model_matrix(data, context=context, na_action="ignore")
    except _failures() as wrong:
        part = _culprit(spec, data, context)
        raise _unreadable(names.own(text, True), None if part is None else names.own(part, True)) from wrong


def _failures() -> tuple[type[Exception], ...]:
    """What evaluating a formula as Python may raise; none of its texts is for a person."""
    from formulaic.errors import FormulaicError

    usual = (SyntaxError, NameError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError)
    return (FormulaicError, *usual)


def _culprit(spec: ModelSpec, data: pd.DataFrame, context: Mapping[str, Any]) -> str | None:
    """The first part of a formula that cannot be computed."""
    from formulaic import Formula

    for factor in dict.fromkeys(str(factor) for term in spec.formula for factor in term.factors):
        try:
            Formula(f"0 + {factor}").get_model_matrix(data, context=dict(context), na_action="ignore")
        except _failures():
            return factor
    return None


def _unreadable(text: str, part: str | None = None) -> FormulaError:
    if part is not None:
        return FormulaError(
            f"formula {text!r}: the part {part!r} cannot be computed from these columns. Check its names and "
            "arguments, or compute it as a column of its own."
        )
    return FormulaError(
        f"formula {text!r} cannot be read. Write names of columns, with + - * : / and parentheses between them, "
        "functions such as log(x) or C(x), and odd names in backticks."
    )


def aliased_columns(text: str, columns: Iterable[object]) -> tuple[str, tuple[str, ...]]:
    """The text with other names for columns that formulaic could not or would wrongly read."""
    known = set(map(str, columns))
    aliases: dict[str, int] = {}
    for one in reversed(mentions(text)):
        if one.name not in known:
            if one.quoted:
                found, _ = columns_among((one,), known)
                if not found:
                    raise FormulaError(f"formula {text!r}: {one.name!r} is no column of the frame.")
            continue
        plain = BARE_NAME.fullmatch(one.name) and one.name.isascii() and not iskeyword(one.name)
        if one.called or (plain and one.name not in _TAKEN and not one.quoted):
            continue
        is_read = plain and one.name not in _TAKEN
        new = one.name if is_read else f"_column{aliases.setdefault(one.name, len(aliases))}_"
        text = text[: one.start] + new + text[one.end :]
    return text, tuple(aliases)


def renamed_columns(data: pd.DataFrame, aliases: tuple[str, ...]) -> pd.DataFrame:
    """The frame with the names that :func:`aliased_columns` put into a formula."""
    return data.rename(columns={name: f"_column{place}_" for place, name in enumerate(aliases)}) if aliases else data
