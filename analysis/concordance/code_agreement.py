"""Agreement on codes: nominal ones, several in a cell, and each category by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from doublecode.analysis.concordance.rating_agreement import IN_POINTS, AgreementResult, agree_on_ratings
from doublecode.analysis.ratings.frames import as_names, require_columns
from doublecode.schemas.column_types import missing_in
from doublecode.schemas.errors import ContractError, UsageError

CODE = "_code"


def agree_on_codes(
    data: pd.DataFrame,
    column: str,
    categories: Sequence[Any] | None,
    weights: Sequence[str],
    levels: Sequence[str],
    asked: Mapping[str, Any],
) -> AgreementResult:
    """Agreement on nominal codes as a whole, and on each category by itself.

    Parameters
    ----------
    data : DataFrame
    column : str
        Texts; blank where nothing was coded.
    categories : sequence of str, optional
        All codes of the scale; those seen by default.
    weights, levels : sequence of str
        Must hold ``unweighted`` and ``nominal``, the only ones that codes without an order have.
    asked : mapping
        ``targets, raters, by, single_coded, conf_level``.
    """
    for name, given, allowed in (("weights", weights, "unweighted"), ("levels", levels, "nominal")):
        if allowed not in given:
            raise UsageError(f"agreement: codes have no order; {name} is {list(given)}, allowed is {allowed!r}.")
    cells = data[column].mask(missing_in(data[column])).map(_written, na_action="ignore").astype(object)
    data = data.assign(**{column: cells})
    seen = sorted(cells.dropna().unique())
    codes = seen if categories is None else [_written(code) for code in categories]
    odd = [code for code in seen if code not in codes]
    if odd:
        raise ContractError(
            f"agreement: {odd[0]!r} is none of the categories {', '.join(codes)}. Correct the code or name all codes."
        )
    places = {code: float(i) for i, code in enumerate(codes)}
    whole = _without_points(
        data.assign(**{CODE: cells.map(places).astype(np.float64)}), asked,
        None if categories is None else list(places.values()),
    )  # fmt: skip
    each = agree_on_categories(data, [column], None, asked)
    spec = {**whole.spec, "ratings": column, "categories": None if categories is None else codes}
    return replace(whole, spec=spec, categories=each.frame)


def agree_on_categories(
    data: pd.DataFrame, columns: Sequence[str], separator: str | None, asked: Mapping[str, Any]
) -> AgreementResult:
    """Kappa, AC1 and percent agreement of each category against all others (Fleiss 1971; Gwet 2014).

    Parameters
    ----------
    data : DataFrame
    columns : sequence of str
        Several columns of 0/1, or one that holds a category, or with `separator` several categories in one cell.
    separator : str, optional
    asked : mapping
        ``targets, raters, by, single_coded, conf_level``.

    Returns
    -------
    AgreementResult
        One set per category (column ``category``), with a row ``prevalence``: the share of ratings that name it.

    Raises
    ------
    ContractError
        A 0/1 column holds something else.
    """
    names = as_names(asked["by"])
    keys = [name for name in (*names, asked["targets"], asked["raters"]) if name]
    require_columns(data, [*keys, *columns], "agreement")
    wide = _indicators(data, columns[0], separator) if len(columns) == 1 else _whole(data, columns)
    long = pd.concat([data[keys].assign(category=name, **{CODE: wide[name]}) for name in wide.columns])
    found = _without_points(long, {**asked, "by": [*names, "category"]}, (0.0, 1.0))
    share = long.groupby([*names, "category"], observed=True)[CODE].mean().rename("estimate").reset_index()
    share = share.assign(coefficient="prevalence", weights="–", method="share of ratings")
    frame = pd.concat([share, found.frame]).sort_values([*names, "category"], kind="stable")
    frame = frame[found.frame.columns].reset_index(drop=True)
    ratings = columns[0] if len(columns) == 1 else list(columns)
    spec = {**found.spec, "ratings": ratings, "separator": separator}
    rows = data.index[wide.notna().any(axis=1).to_numpy()]
    return replace(found, spec=spec, frame=frame, categories=frame, rows=rows)


def _written(code: Any) -> str:
    """A code as a text; a whole number without its decimals, as a table with gaps has them."""
    whole = isinstance(code, float | np.floating) and float(code).is_integer()
    return f"{code:.0f}" if whole else str(code)


def _without_points(
    data: pd.DataFrame, asked: Mapping[str, Any], categories: Sequence[float] | None
) -> AgreementResult:
    """Agreement on numbers that stand for codes: nothing that needs an order or a distance."""
    found = agree_on_ratings(
        data, **asked, ratings=CODE, categories=categories, weights=("unweighted",), levels=("nominal",), within=0.0
    )
    needless = found.frame["coefficient"].isin([*IN_POINTS, "within 0 points"])
    return replace(found, frame=found.frame[~needless].reset_index(drop=True))


def _whole(data: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Columns of 0/1 as numbers; anything else is refused."""
    wide = data[list(columns)].astype(np.float64)
    for column in columns:
        odd = wide.loc[~wide[column].isin([0.0, 1.0]) & wide[column].notna(), column]
        if len(odd):
            raise ContractError(
                f"agreement: column {column!r} holds {odd.iloc[0]:g} in row {odd.index.tolist()[0]!r}; "
                "allowed are 0 (does not apply), 1 (applies) and blank (not rated)."
            )
    return wide


def _indicators(data: pd.DataFrame, column: str, separator: str | None) -> pd.DataFrame:
    """One 0/1 column per category of a column of text; blank cells stay blank."""
    cells = data[column]
    sets = cells.map(lambda value: frozenset() if pd.isna(value) else frozenset(_codes_in(str(value), separator)))
    names = sorted(frozenset().union(*sets))
    if not names:
        raise ContractError(f"agreement: column {column!r} names no category at all.")
    wide = pd.DataFrame({name: [float(name in one) for one in sets] for name in names}, index=data.index)
    wide[cells.isna()] = np.nan
    return wide


def _codes_in(text: str, separator: str | None) -> list[str]:
    if separator is None:
        return [text]
    return [part.strip() for part in text.split(separator) if part.strip()]
