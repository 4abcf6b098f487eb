"""Within and between: predictors split into the patient's mean and the deviation from it, in data and in formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from doublecode.analysis.linking.within_products import products_in, with_products
from doublecode.analysis.mixed.formula import ModelFormula, parse_formula
from doublecode.analysis.mixed.formula_names import Mention, mentions, quoted
from doublecode.analysis.mixed.model_rows import require_columns
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import as_pandas

if TYPE_CHECKING:
    import pandas as pd

Centre = Literal["grand"] | None


def within_between(
    data: pd.DataFrame, columns: str | Sequence[str], *, by: str = "patient", centre: Centre = "grand"
) -> pd.DataFrame:
    """Split predictors into the mean of each patient and the deviation from it.

    ``x_within`` is x minus the mean of x over the patient's rows *of these data*; ``x_between`` is that mean, less
    the mean of the patients' means unless `centre` is None. So restrict the data to the rows of the model first.

    Parameters
    ----------
    data : DataFrame
        One row per session, complete in `columns`.
    columns : str or sequence of str
        Numeric, time-varying predictors.
    by : str
        Column of the patients.
    centre : {"grand", None}
        Whether the means are centred at the mean of the patients' means, each patient counting once however many
        rows there are, so that an intercept belongs to an average patient. Slopes are the same either way, but for
        those of terms that stand in an interaction with the mean.

    Returns
    -------
    DataFrame
        A copy with two more columns for each of `columns`.

    Raises
    ------
    UsageError
        A column is absent, is no number or has empty cells, or the new names are taken.

    References
    ----------
    Curran & Bauer (2011), Annual Review of Psychology, 62, 583–619. Enders & Tofighi (2007), Psychological
    Methods, 12, 121–138.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"patient": ["P1", "P1", "P2", "P2"], "he": [1.0, 3.0, 2.0, 4.0]})
    >>> within_between(data, "he")[["he_within", "he_between"]].to_numpy().tolist()
    [[-1.0, -0.5], [1.0, -0.5], [-1.0, 0.5], [1.0, 0.5]]
    >>> within_between(data, "he", centre=None)["he_between"].tolist()
    [2.0, 2.0, 3.0, 3.0]
    """
    data = as_pandas(data)
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    if centre not in ("grand", None):
        raise UsageError(
            f"within_between: centre is {centre!r}; allowed: 'grand' (the mean of the patients' means) and None."
        )
    require_columns(data, (by, *names), "within_between")
    out = data.copy()
    for name in names:
        _refuse_unfit(data, name)
        patients = data.groupby(by, sort=False, observed=True)[name]
        mean = patients.transform("mean")
        out[f"{name}_between"] = mean if centre is None else mean - patients.mean().mean()
        out[f"{name}_within"] = data[name] - mean
    return out


def _refuse_unfit(data: pd.DataFrame, name: str) -> None:
    if data[name].dtype.kind not in "if":
        raise UsageError(f"within_between: {name!r} must hold numbers, found {data[name].dtype}.")
    if data[name].isna().any():
        raise UsageError(
            f"within_between: {name!r} is empty in {int(data[name].isna().sum())} rows. Means must "
            "come from the rows of the model: keep the complete rows first."
        )
    taken = [new for new in (f"{name}_between", f"{name}_within") if new in data.columns]
    if taken:
        raise UsageError(f"within_between: the column {taken[0]!r} is there already; rename it.")


@dataclass(frozen=True)
class SplitFormula:
    """A formula with its predictors split.

    Attributes
    ----------
    version
        None where none of the columns is a predictor, or where the split has no meaning.
    inside_call
        Predictors that stand inside a function, which cannot be split.
    products
        Predictors that multiply one another, for which ``version`` has a double-centred column each; see
        :mod:`doublecode.analysis.linking.within_products`.
    """

    version: ModelFormula | None
    inside_call: tuple[str, ...] = ()
    products: tuple[tuple[str, ...], ...] = ()


def split_formula(formula: str | ModelFormula, columns: Sequence[str]) -> SplitFormula:
    """Put ``(x_within + x_between)`` for each of `columns` in the fixed part, ``x_within`` in the random part.

    Where two of them multiply one another the fixed part is written term by term, with a double-centred column for the
    product of the deviations.

    Examples
    --------
    >>> str(split_formula("phq9 ~ session + he * tbh + (session | patient)", ["he"]).version)
    'phq9 ~ session + (he_within + he_between) * tbh + (session | patient)'
    >>> split_formula("he ~ session + (1 | patient)", ["he"])
    SplitFormula(version=None, inside_call=(), products=())
    """
    parsed = parse_formula(formula)
    places = [(one, _column(one)) for part in parsed.expressions for one in mentions(part)]
    wrapped = {name for one, name in places if one.in_call or one.called}
    present = [name for name in columns if any(name == found for _, found in places)]
    if not present or wrapped.intersection(present):
        return SplitFormula(None, tuple(name for name in present if name in wrapped))
    new = {name: (quoted(f"{name}_within"), quoted(f"{name}_between")) for name in present}
    fixed = in_place(parsed.fixed, {name: f"({within} + {between})" for name, (within, between) in new.items()})
    own = {name: within for name, (within, _) in new.items()}
    terms = [replace(term, expression=in_place(term.expression, own)) for term in parsed.terms]
    products = tuple(dict.fromkeys(one for part in parsed.expressions for one in products_in(part, present)))
    if products:
        fixed = with_products(parsed.fixed, present)
        terms = [
            replace(term, expression=with_products(term.expression, present, between=False))
            if products_in(term.expression, present)
            else simple
            for term, simple in zip(parsed.terms, terms, strict=True)
        ]
    return SplitFormula(parsed.with_parts(fixed, terms), products=products)


def _column(one: Mention) -> str:
    return one.name.partition(".")[0] if one.called else one.name


def in_place(text: str, new: Mapping[str, str]) -> str:
    """Put the text of `new` in the place of each of its names in a part of a formula."""
    for one in reversed(mentions(text)):
        if one.name in new:
            text = text[: one.start] + new[one.name] + text[one.end :]
    return text
