"""Agreement beside reliability: how often, and by how many points, do raters differ; for numbers and for codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from doublecode.analysis.concordance.code_agreement import agree_on_categories, agree_on_codes
from doublecode.analysis.concordance.rating_agreement import AgreementResult, agree_on_ratings
from doublecode.analysis.ratings.frames import require_columns
from doublecode.schemas.column_types import missing_in
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import check_conf_level

if TYPE_CHECKING:
    import pandas as pd


def agreement(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str | None,
    ratings: str | Sequence[str],
    separator: str | None = None,
    by: str | Sequence[str] | None = None,
    categories: Sequence[Any] | None = None,
    nominal: bool = False,
    weights: Sequence[str] = ("unweighted", "linear", "quadratic"),
    levels: Sequence[str] = ("nominal", "ordinal", "interval", "ratio"),
    within: float = 1.0,
    single_coded: str = "count",
    conf_level: float = 0.95,
) -> AgreementResult:
    """Agreement of ratings: shares, scale points and chance-corrected coefficients.

    Parameters
    ----------
    data : DataFrame
        Long: one row per target × rater (× `by`). Missing ratings are allowed.
    targets : str
    raters : str or None
        None: raters unknown; coefficients that need each rater's marginals are left out.
    ratings : str or sequence of str
        A column of numbers. A column of text holds nominal codes. With `separator` a cell may hold several codes;
        so do several columns of 0/1, one per category (homework types, difficulties): then each category is a set
        of its own, with the column ``category``.
    separator : str, optional
        What stands between the codes of a cell, for example ``";"``. An empty text means that none applies.
    by : str or sequence of str, optional
    categories : sequence, optional
        The allowed codes of the scale. By default those seen in a set; AC1 and AC2 depend on
        their number, so name them when some were never used.
    nominal : bool
        The codes of a column are names without an order, also where they are numbers.
    weights : sequence of str
        Of ``unweighted, linear, quadratic, ordinal``, for kappa, Fleiss, AC and Brennan–Prediger. Codes that are
        texts have no order: of them only ``unweighted`` is computed.
    levels : sequence of str
        Levels of Krippendorff's alpha; ``nominal`` alone for texts.
    within : float
        Tolerance of *within … point(s)*, in scale points.
    single_coded : {"count", "drop"}
        Targets with one rating: ``count`` lets them speak for chance agreement, and standard errors also
        hold the chance of being double-coded (Gwet 2014); ``drop`` leaves them out, so that intervals speak
        of the double-coded targets.
    conf_level : float

    Returns
    -------
    AgreementResult
        Coefficients: ``exact agreement``, ``within 1 point``, ``SEM``, ``SDC``, ``Cohen's kappa``
        (two raters) or ``Conger's kappa`` (more), ``Fleiss' kappa``, ``Gwet's AC1/AC2``,
        ``Brennan–Prediger``, ``Krippendorff's alpha`` (its level stands under ``weights``). Of codes, ``.categories``
        holds each category against all others, and its prevalence: the share of ratings that name it.

    Raises
    ------
    ContractError, DuplicateError, UsageError
    NotEstimable
        No target has two ratings.

    Notes
    -----
    Standard errors treat targets as the sample and raters as fixed: Gwet (2014), with t(n − 1)
    limits; Cohen's kappa has Fleiss, Cohen & Everitt's (1969) error and normal limits where both raters rated every
    target; single-coded targets, if they count, enter each rater's marginals and with them chance agreement, and the
    error and t limits are then Gwet's, as in irrCAC (``conger.kappa.raw``); Krippendorff's alpha has the error of Gwet
    (2014) and irrCAC 1.0, from which later versions of irrCAC differ by up to 2e-4 where ratings are missing, and whose
    ordinal weights are not Krippendorff's ordinal distance; Fleiss'
    plain kappa of complete tables is tested by Fleiss, Nee & Landis's (1979) z. SEM is the root of
    the mean square within targets (raters' severity counts), SDC = 1.96·√2·SEM, limits by chi-square.
    With single-coded targets Gwet's error also counts the chance of being double-coded. A rare category has a low
    kappa even where raters agree almost always: read AC1 and the prevalence beside it.

    Examples
    --------
    Gwet's twelve units and four raters (2014; unit 12 has one rating):

    >>> import pandas as pd
    >>> codes = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    >>> long = pd.DataFrame(
    ...     [(u, g, float(c)) for g, row in enumerate(codes) for u, c in enumerate(row) if c != "."],
    ...     columns=["unit", "rater", "code"],
    ... )
    >>> found = agreement(long, targets="unit", raters="rater", ratings="code").frame
    >>> alpha = found[found["coefficient"] == "Krippendorff's alpha"].set_index("weights")
    >>> alpha["estimate"].round(3).to_dict()
    {'nominal': 0.743, 'ordinal': 0.815, 'interval': 0.849, 'ratio': 0.797}

    Nominal codes, and several codes in a cell:

    >>> kinds = pd.DataFrame({"tape": [1, 1, 2, 2, 3, 3], "rater": list("ABABAB"), "kind": list("xxyyxz")})
    >>> agreement(kinds, targets="tape", raters="rater", ratings="kind").frame["coefficient"].tolist()
    ['exact agreement', "Cohen's kappa", "Fleiss' kappa", "Gwet's AC1", 'Brennan–Prediger', "Krippendorff's alpha"]
    >>> long = pd.DataFrame(
    ...     {
    ...         "session": [1, 1, 2, 2, 3, 3, 4, 4],
    ...         "rater": list("ABABABAB"),
    ...         "types": ["diary;reading", "diary", "reading", "reading", "", "diary", "diary", "diary"],
    ...     }
    ... )
    >>> found = agreement(long, targets="session", raters="rater", ratings="types", separator=";").frame
    >>> exact = found[found["coefficient"] == "exact agreement"].set_index("category")["estimate"]
    >>> exact.to_dict()
    {'diary': 0.75, 'reading': 0.75}
    """
    data = as_pandas(data)
    check_conf_level(conf_level, "agreement")
    columns = [ratings] if isinstance(ratings, str) else list(ratings)
    if len(columns) > 1 and separator is not None:
        raise UsageError("agreement: `separator` belongs to one column of text, not to several columns.")
    if separator == "":
        raise UsageError(
            "agreement: the separator is empty; give what stands between the codes of a cell, such as ';'."
        )
    several = len(columns) > 1 or separator is not None
    if several and categories is not None:
        raise UsageError(
            "agreement: the codes of a scale are of cells with one code; with several they are those seen."
        )
    require_columns(data, [targets, raters, *columns], "agreement")
    asked: dict[str, Any] = {
        "targets": targets, "raters": raters, "by": by, "single_coded": single_coded, "conf_level": conf_level,
    }  # fmt: skip
    of_names = several or nominal or _holds_codes(data[columns[0]])
    if of_names and within != 1.0:
        raise UsageError("agreement: names have no scale points, so that none are near; leave `within` out.")
    if several:
        return agree_on_categories(data, columns, separator, asked)
    if of_names:
        return agree_on_codes(data, columns[0], categories, weights, levels, asked)
    return agree_on_ratings(
        data, **asked, ratings=columns[0], categories=categories, weights=weights, levels=levels, within=within
    )


def _holds_codes(cells: pd.Series[Any]) -> bool:
    """Whether a column holds texts none of which is a number: a stray letter among numbers is a mistake, no code."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_bool_dtype(cells):
        return False
    held = cells[~missing_in(cells)]
    return bool(len(held)) and bool(pd.to_numeric(held.astype(str), errors="coerce").isna().all())
