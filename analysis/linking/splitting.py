"""Rewrite a formula with its time-varying predictors split within and between patients."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from doublecode.analysis.mixed.formula import parse_formula

if TYPE_CHECKING:
    import pandas as pd

_CALL = re.compile(r"[\w.]+\s*\(")


def split_formula(formula: str, columns: Sequence[str]) -> tuple[str | None, str]:
    """Put ``(x_within + x_between)`` for each of `columns` in the fixed part, ``x_within`` in the random part.

    Returns
    -------
    formula : str or None
        None where none of the columns is a predictor, or where the split has no meaning.
    remark : str
        Why a predictor could not be split; else empty.

    Examples
    --------
    >>> split_formula("phq9 ~ session + he * tbh + (session | patient)", ["he"])[0]
    'phq9 ~ session + (he_within + he_between) * tbh + (session | patient)'
    >>> split_formula("he ~ session + (1 | patient)", ["he"])
    (None, '')
    """
    parsed = parse_formula(formula)
    present = [name for name in columns if any(_names(name, part) for part in (parsed.fixed, *_expressions(parsed)))]
    if not present:
        return None, ""
    wrapped = [name for name in present if any(_inside_call(name, p) for p in (parsed.fixed, *_expressions(parsed)))]
    if wrapped:
        return None, f"{', '.join(wrapped)} stands inside a function, which cannot be split; compute a column first."
    fixed = _replace(parsed.fixed, present, "({0}_within + {0}_between)")
    terms = [f"({_replace(term.expression, present, '{0}_within')} | {term.group})" for term in parsed.terms]
    return " + ".join([f"{parsed.response} ~ {fixed}", *terms]), ""


def varying_within(columns: Iterable[str], data: pd.DataFrame, patient: str) -> tuple[str, ...]:
    """Return those of `columns` that take several values in one patient, whose slope answers two questions unsplit.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"patient": ["P1", "P1", "P2"], "he": [2.0, 3.0, 3.0], "age": [50, 50, 61]})
    >>> varying_within(["he", "age"], data, "patient")
    ('he',)
    """
    return tuple(name for name in columns if data.groupby(patient)[name].nunique().max() > 1)


def _expressions(parsed: object) -> tuple[str, ...]:
    return tuple(term.expression for term in getattr(parsed, "terms", ()))


def _names(name: str, text: str) -> bool:
    return re.search(_word(name), text) is not None


def _word(name: str) -> str:
    return rf"(?<![\w.`]){re.escape(name)}(?![\w.`])"


def _replace(text: str, names: Sequence[str], form: str) -> str:
    pattern = "|".join(_word(name) for name in names)
    return re.sub(pattern, lambda found: form.format(found.group(0)), text)


def _inside_call(name: str, text: str) -> bool:
    for call in _CALL.finditer(text):
        depth, end = 1, call.end()
        while end < len(text) and depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if _names(name, text[call.end() : end]):
            return True
    return False
