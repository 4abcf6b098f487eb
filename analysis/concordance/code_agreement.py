"""Agreement on codes one by one: multi-response codes, and the categories of a nominal one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from doublecode.analysis.concordance.coefficients import AgreementResult, agreement
from doublecode.analysis.ratings.frames import as_names, require_columns
from doublecode.schemas.errors import ContractError, UsageError


def code_agreement(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str,
    codes: str | Sequence[str],
    separator: str | None = None,
    by: str | Sequence[str] | None = None,
    conf_level: float = 0.95,
) -> AgreementResult:
    """Kappa, AC1 and percent agreement of each category by itself.

    Parameters
    ----------
    data : DataFrame
        Long: one row per target × rater.
    targets, raters : str
    codes : str or sequence of str
        Several columns of 0/1, one per category (several may be 1: homework types, difficulties); or one
        column that holds a category, or with `separator` several categories in one cell.
    separator : str, optional
        What stands between categories in a cell, for example ``";"``. An empty string means none applies.
    by : str or sequence of str, optional
    conf_level : float

    Returns
    -------
    AgreementResult
        As :func:`doublecode.analysis.concordance.coefficients.agreement`, one set per category (column ``category``),
        with a row ``prevalence``: the share of ratings that name it.

    Raises
    ------
    ContractError
        A 0/1 column holds something else.

    Notes
    -----
    Each category against all others (Fleiss 1971; Gwet 2014). A rare category has a low kappa even where
    raters agree almost always: read AC1 and the prevalence beside it.

    Examples
    --------
    >>> import pandas as pd
    >>> long = pd.DataFrame(
    ...     {
    ...         "session": [1, 1, 2, 2, 3, 3, 4, 4],
    ...         "rater": list("ABABABAB"),
    ...         "types": ["diary;reading", "diary", "reading", "reading", "", "diary", "diary", "diary"],
    ...     }
    ... )
    >>> found = code_agreement(long, targets="session", raters="rater", codes="types", separator=";").frame
    >>> exact = found[found["coefficient"] == "exact agreement"].set_index("category")["estimate"]
    >>> exact.to_dict()
    {'diary': 0.75, 'reading': 0.75}
    """
    names = as_names(by)
    columns = [codes] if isinstance(codes, str) else list(codes)
    if len(columns) > 1 and separator is not None:
        raise UsageError("code_agreement: `separator` belongs to one column of text, not to several columns.")
    require_columns(data, [targets, raters, *columns, *names], "code_agreement")
    keys = [*names, targets, raters]
    if len(columns) == 1:
        wide = _indicators(data, columns[0], separator)
    else:
        wide = data[columns].astype(np.float64)
        for column in columns:
            odd = wide.loc[~wide[column].isin([0.0, 1.0]) & wide[column].notna(), column]
            if len(odd):
                raise ContractError(
                    f"code_agreement: column {column!r} holds {odd.iloc[0]:g} in row {odd.index.tolist()[0]!r}; "
                    "allowed are 0 (does not apply), 1 (applies) and blank (not rated)."
                )
    long = pd.concat([data[keys].assign(category=name, _code=wide[name]) for name in wide.columns])
    found = agreement(
        long, targets=targets, raters=raters, ratings="_code", by=[*names, "category"], categories=(0.0, 1.0),
        weights=("unweighted",), levels=("nominal",), conf_level=conf_level,
    )  # fmt: skip
    unwanted = ["within 1 point", "SEM", "SDC"]
    frame = found.frame[~found.frame["coefficient"].isin(unwanted)]
    share = long.groupby([*names, "category"], observed=True)["_code"].mean().rename("estimate").reset_index()
    share = share.assign(coefficient="prevalence", weights="–", method="share of ratings")
    frame = pd.concat([share, frame]).sort_values([*names, "category"], kind="stable")
    spec = {**found.spec, "codes": columns, "separator": separator}
    return replace(found, spec=spec, frame=frame[found.frame.columns].reset_index(drop=True))


def _indicators(data: pd.DataFrame, column: str, separator: str | None) -> pd.DataFrame:
    """One 0/1 column per category of a column of text; blank cells stay blank."""
    cells = data[column]
    if separator is None:
        sets = cells.map(lambda value: frozenset() if pd.isna(value) else frozenset([str(value)]))
    else:
        sets = cells.map(
            lambda value: (
                frozenset()
                if pd.isna(value)
                else frozenset(part.strip() for part in str(value).split(separator) if part.strip())
            )
        )
    names = sorted(frozenset().union(*sets))
    if not names:
        raise ContractError(f"code_agreement: column {column!r} names no category at all.")
    wide = pd.DataFrame({name: [float(name in one) for one in sets] for name in names}, index=data.index)
    wide[cells.isna()] = np.nan
    return wide
