r"""Products of two predictors within patients, double-centred: in formulas and in data.

The product of two deviations is no deviation: its mean differs from patient to patient, by the covariance of the two in
that patient, so that its slope takes in what differs between patients. Centred once more within patients,

.. math::
   (xz)_{ij}^{w} = x_{ij}^{w} z_{ij}^{w} − \frac{1}{n_i} \sum_k x_{ik}^{w} z_{ik}^{w}, \quad
   x_{ij}^{w} = x_{ij} − \bar x_i,

it is free of that. The products of a mean and a deviation, and of two means, need no second centring.

References
----------
Giesselmann & Schmidt-Catran (2022), Sociological Methods & Research, 51, 1100–1127.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Final

from doublecode.analysis.mixed.formula_columns import terms_of
from doublecode.analysis.mixed.formula_names import quoted
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

_BY: Final = "_by_"
_MULTIPLIES: Final = re.compile(r"[*:/^%]")
"""What stands in every formula that has a product of terms."""


def product_name(names: Sequence[str]) -> str:
    """Name of the column of a double-centred product.

    Examples
    --------
    >>> product_name(["he", "tbh"])
    'he_by_tbh_within'
    """
    return f"{_BY.join(names)}_within"


def products_in(part: str, split: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return which of `split` multiply one another in a part of a formula.

    Examples
    --------
    >>> products_in("session + he * tbh", ["he", "tbh"])
    (('he', 'tbh'),)
    """
    wanted = tuple(split)
    if not _MULTIPLIES.search(part):
        return ()
    found = (tuple(name for name in wanted if name in map(_bare, term)) for term in terms_of(part))
    return tuple(dict.fromkeys(one for one in found if len(one) > 1))


def open_products(part: str, split: Iterable[str], varying: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the products of one of `split` with one of `varying`, which varies within patients and is not split.

    Examples
    --------
    >>> open_products("session * he", ["he"], ["session"])
    (('he', 'session'),)
    """
    ours, others = tuple(split), tuple(varying)
    if not _MULTIPLIES.search(part):
        return ()
    pairs = (
        (one, other)
        for term in ([_bare(factor) for factor in found] for found in terms_of(part))
        for one in term
        for other in term
        if one in ours and other in others
    )
    return tuple(dict.fromkeys(pairs))


def with_products(part: str, split: Sequence[str], *, between: bool = True) -> str:
    """Write a part of a formula term by term, each predictor of `split` by its two parts.

    Where several of them multiply one another, the product of their deviations is the double-centred column.

    Parameters
    ----------
    part : str
        The fixed part of a formula, or the expression of a random term.
    split : sequence of str
    between : bool
        Whether patient means stand in it, too; in a random term they do not.

    Examples
    --------
    >>> for term in with_products("he * tbh", ["he", "tbh"]).split(" + "):
    ...     print(term)
    he_within
    he_between
    tbh_within
    tbh_between
    he_by_tbh_within
    he_within:tbh_between
    he_between:tbh_within
    he_between:tbh_between
    >>> with_products("0 + he:tbh", ["he", "tbh"], between=False)
    '0 + he_by_tbh_within'
    """
    terms = terms_of(part)
    written = [] if ("1",) in terms else ["0"]
    for term in terms:
        if term != ("1",):
            written += _parts(term, split, between=between)
    return " + ".join(dict.fromkeys(written)) or "1"


def _parts(term: Sequence[str], split: Sequence[str], *, between: bool) -> list[str]:
    """One term by the parts of its predictors, deviations first."""
    ours = [name for name in split if name in map(_bare, term)]
    others = [factor for factor in term if _bare(factor) not in split]
    sides = ("within", "between") if between else ("within",)
    out = []
    for chosen in product(sides, repeat=len(ours)):
        if len(ours) > 1 and set(chosen) == {"within"}:
            named = [quoted(product_name(ours))]
        else:
            named = [quoted(f"{name}_{side}") for name, side in zip(ours, chosen, strict=True)]
        out.append(":".join([*named, *others]))
    return out


def double_centred(data: pd.DataFrame, names: Sequence[str], *, by: str = "patient") -> pd.DataFrame:
    """Add the double-centred product of predictors that are split already.

    Parameters
    ----------
    data : DataFrame
        With ``<name>_within`` of each of `names`, as
        :func:`doublecode.analysis.linking.splitting.within_between` gives them.
    names : sequence of str
        Predictors that multiply one another.
    by : str
        Column of the patients.

    Returns
    -------
    DataFrame
        A copy with the column ``product_name(names)``; its mean is 0 in every patient.

    Raises
    ------
    UsageError
        The name of the column is taken.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"patient": ["P1"] * 3, "a_within": [-1.0, 0, 1], "b_within": [-2.0, 0, 2]})
    >>> double_centred(data, ["a", "b"])["a_by_b_within"].round(3).tolist()
    [0.667, -1.333, 0.667]
    """
    name = product_name(names)
    if name in data.columns:
        raise UsageError(f"the column {name!r}, a product within patients, is there already; rename it.")
    multiplied = data[[f"{one}_within" for one in names]].prod(axis=1)
    return data.assign(**{name: multiplied - multiplied.groupby(data[by], observed=True).transform("mean")})


def _bare(factor: str) -> str:
    return factor.strip("`")
