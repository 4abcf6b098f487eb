"""R's words in a formula: read as what they are in R, or refused with what stands for them here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.formula_names import inside_call
from doublecode.schemas.errors import FormulaError

SMOOTH: Final = frozenset({"scale", "center", "standardize", "poly", "bs", "ns", "cs", "cr", "cc"})
"""Functions whose values in a row depend on the other rows."""
_OTHERS: Final = frozenset({"C", "I", "Q", "contr", "Treatment", "Sum", "Helmert", "Diff", "Poly"})
_SUBSTITUTES: Final = {
    "offset": "give the column as offset='…' to fit_mixed, or subtract it from the outcome: I(y - z) ~ …",
    "relevel": 'write relevel(x, ref = "b") with a column and the name of a level, or C(x, contr.treatment("b"))',
    "as.numeric": "write the numbers in a column of their own",
    "as.integer": "write the numbers in a column of their own",
    "ordered": "write C(x, contr.poly) for the contrasts of an ordered factor",
    "interaction": "write a:b",
    "cut": "make the classes in a column of their own",
    "is.na": "make 0 and 1 in a column of their own",
    "lag": "make the value of the earlier session in a column of its own, patient by patient",
    "s": "write bs(x, df = 4) or ns(x, df = 4)",
    "mono": "write C(x, contr.poly)",
}
_TEXTS = r"\"[^\"]*\"|'[^']*'|`[^`]*`"
_FACTOR = re.compile(rf"({_TEXTS})|(?<![\w.])(?:as\.)?factor\s*\(")
_TRUTH = re.compile(rf"({_TEXTS})|(?<![\w.])(TRUE|FALSE)(?![\w.(])")
_RELEVEL = re.compile(
    r"(?<![\w.])relevel\s*\(\s*(?:C\s*\(\s*)?(`[^`]*`|[^\W\d][\w.]*)\s*\)?\s*,"
    r"\s*(?:ref\s*=\s*)?(\"[^\"]*\"|'[^']*'|-?[\d.]+)\s*\)"
)
_CALL = re.compile(rf"(?:{_TEXTS})|(?<![\w.])([^\W\d][\w.]*)\s*\(")
_LONE_DOT = re.compile(rf"(?:{_TEXTS})|(?<![\w.)\]`])(\.)(?![\w.])")
_CONTRASTS = re.compile(rf"(?:{_TEXTS})|(?<![\w.])C\s*\([^()]*,\s*(Sum|Treatment|Helmert|Diff|Poly)\s*\)")
_NO_FACTOR = re.compile(r"\s*(?:[\"'\d]|c\s*\()")
_IN = re.compile(rf"(?:{_TEXTS})|(%[^%\s]*%)")


def ifelse(condition: Any, yes: Any, no: Any) -> Any:
    """R's ``ifelse``: `yes` where a condition holds, else `no`."""
    return np.where(np.asarray(condition, dtype=bool), yes, no)


def ns(x: Any, df: int = 1, knots: Any = None, _state: dict[str, Any] | None = None) -> npt.NDArray[np.float64]:
    """R's natural cubic splines: cubic between knots at quantiles, linear beyond the outer ones, no intercept."""
    from scipy.interpolate import BSpline

    state = {} if _state is None else _state
    values = np.asarray(x, dtype=float)
    if "outer" not in state:
        state["outer"] = (float(values.min()), float(values.max()))
        inner = np.quantile(values, np.linspace(0, 1, df + 1)[1:-1]) if knots is None else np.sort(np.ravel(knots))
        state["inner"] = np.asarray(inner, dtype=float)
    low, high = state["outer"]
    grid = np.concatenate([[low] * 4, state["inner"], [high] * 4])
    spline = BSpline(grid, np.eye(len(grid) - 4), 3)
    curved = spline.derivative(2)(np.array([low, high]))[:, 1:]
    free = np.linalg.qr(curved.T, mode="complete")[0][:, 2:]
    inside = np.clip(values, low, high)
    beyond = (values - inside)[:, None] * spline.derivative(1)(inside)
    return np.asarray((spline(inside) + beyond)[:, 1:] @ free, dtype=float)


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "sqrt": np.sqrt, "abs": np.abs, "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p,
    "exp": np.exp, "expm1": np.expm1, "sin": np.sin, "cos": np.cos, "tan": np.tan, "floor": np.floor,
    "ceiling": np.ceil, "round": np.round, "sign": np.sign, "pmin": np.minimum, "pmax": np.maximum,
    "ifelse": ifelse,
}  # fmt: skip
"""Functions of R that work in a formula as they do there, row by row."""

KNOWN: Final = frozenset(FUNCTIONS) | SMOOTH | _OTHERS | {"exp10", "exp2", "hashed"}


def read_r_words(source: str) -> str:
    """Put R's words into the words that are evaluated here; refuse those that have none, with a substitute.

    Raises
    ------
    FormulaError
        A function or a sign that is not known.

    Examples
    --------
    >>> read_r_words('y ~ factor(arm) + relevel(site, ref = "b") + (1 | g)')
    'y ~ C(arm) + C(site, contr.treatment("b")) + (1 | g)'
    """
    text = _FACTOR.sub(lambda found: found[1] or "C(", source)
    for found in _CONTRASTS.finditer(text):
        if found[1] is not None:
            kind = found[1].lower()
            raise FormulaError(
                f"formula {source!r}: found {found[0]!r}; contrasts are written C(x, contr.{kind}), with one of "
                "contr.treatment, contr.sum, contr.helmert, contr.diff, contr.poly, as in R."
            )
    text = _RELEVEL.sub(lambda found: f"C({found[1]}, contr.treatment({found[2]}))", text)
    text = _TRUTH.sub(lambda found: found[1] or found[2].capitalize(), text)
    text = _nested(text, source)
    if any(found[1] for found in _LONE_DOT.finditer(text)):
        raise FormulaError(f"formula {source!r}: '.' stands for all other columns in R; name the columns: a + b + c.")
    return text


def refuse_unknown_calls(text: str, source: str) -> None:
    """Refuse functions that nobody knows, with what stands for them."""
    for found in _CALL.finditer(text):
        name = found[1]
        if name is not None and name not in KNOWN and (name in _SUBSTITUTES or "." not in name):
            _refuse_function(name, source)


def _nested(text: str, source: str) -> str:
    """``b %in% a`` of a formula is ``b:a``; inside a call, and any other such sign, is refused."""
    for found in reversed(list(_IN.finditer(text))):
        if found[1] is None:
            continue
        if found[1] != "%in%" or inside_call(text, found.start()):
            raise FormulaError(
                f"formula {source!r}: {found[1]} inside a function has no meaning here; "
                'write comparisons, as in ifelse((x == "a") | (x == "b"), 1, 0), or make a column of its own.'
            )
        if _NO_FACTOR.match(text, found.end()) or text[: found.start()].rstrip()[-1:] in ("'", '"'):
            raise FormulaError(
                f"formula {source!r}: %in% nests a factor in a factor here, b %in% a, as in R's formulas; whether x is "
                'one of several values is ifelse((x == "a") | (x == "b"), 1, 0), or a column of its own.'
            )
        text = f"{text[: found.start()].rstrip()}:{text[found.end() :].lstrip()}"
    return text


def _refuse_function(name: str, source: str) -> None:
    instead = _SUBSTITUTES.get(name)
    if instead is None:
        instead = f"functions that are known: {', '.join(sorted(KNOWN - {'hashed', 'Q'}, key=str.lower))}, and np.…"
    raise FormulaError(f"formula {source!r}: {name}() is not known here; {instead}.")
