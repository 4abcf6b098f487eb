"""Agreement beside reliability: how often, and by how many points, do raters differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from doublecode.analysis.concordance.chance_corrected import (
    Coefficient,
    Counts,
    agreement_weights,
    brennan_prediger,
    cohen_kappa,
    conger_kappa,
    count_categories,
    fleiss_kappa,
    gwet_ac,
    percent_agreement,
)
from doublecode.analysis.concordance.krippendorff_alpha import LEVELS, krippendorff_alpha
from doublecode.analysis.ratings.design import RatingData, RatingSets
from doublecode.analysis.ratings.frames import as_names, read_ratings
from doublecode.analysis.rendering.answers import Answer
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError
from doublecode.schemas.results import check_conf_level

if TYPE_CHECKING:
    from collections.abc import Iterator

Floats = NDArray[np.float64]
WEIGHTS: Final[tuple[str, ...]] = ("unweighted", "linear", "quadratic", "ordinal")
MANY_CATEGORIES = 200
Row = tuple[str, str, Coefficient, str]


@dataclass(frozen=True, eq=False, repr=False)
class AgreementResult(Answer):
    """Agreement coefficients that remember their question.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        One row per set and coefficient: grouping columns, ``coefficient, weights, estimate, std_error,
        df, statistic, p_value, conf_low, conf_high, method``. Shares lie between 0 and 1; SEM and
        smallest detectable change are in scale points.
    design : dict
        Counts per set and dropped rows.
    notes : tuple of str
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def agreement(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str | None,
    ratings: str,
    by: str | Sequence[str] | None = None,
    categories: Sequence[float] | None = None,
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
    targets, ratings : str
    raters : str or None
        None: raters unknown; coefficients that need each rater's marginals are left out.
    by : str or sequence of str, optional
    categories : sequence of float, optional
        The allowed codes of the scale. By default those seen in a set; AC1 and AC2 depend on
        their number, so name them when some were never used.
    weights : sequence of str
        Of ``unweighted, linear, quadratic, ordinal``, for kappa, Fleiss, AC and Brennan–Prediger.
    levels : sequence of str
        Levels of Krippendorff's alpha.
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
        ``Brennan–Prediger``, ``Krippendorff's alpha`` (its level stands under ``weights``).

    Raises
    ------
    ContractError, DuplicateError, UsageError
    NotEstimable
        No target has two ratings.

    Notes
    -----
    Standard errors treat targets as the sample and raters as fixed: Gwet (2014), with t(n − 1)
    limits; Cohen's kappa has Fleiss, Cohen & Everitt's (1969) error and normal limits; Fleiss'
    plain kappa of complete tables is tested by Fleiss, Nee & Landis's (1979) z. SEM is the root of
    the mean square within targets (raters' severity counts), SDC = 1.96·√2·SEM, limits by chi-square.
    With single-coded targets Gwet's error also counts the chance of being double-coded.

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
    """
    check_conf_level(conf_level, "agreement")
    _check_words(weights, WEIGHTS, "weights")
    _check_words(levels, LEVELS, "levels")
    _check_words([single_coded], ("count", "drop"), "single_coded")
    read = read_ratings(data, targets=targets, raters=raters, ratings=ratings, by=by, caller="agreement")
    notes = [f"{read.n_missing} row(s) without a rating were left out"] if read.n_missing else []
    if single_coded == "drop":
        held = data[data[ratings].notna()]
        shared = held.groupby([*as_names(by), targets], observed=True)[ratings].transform("size") > 1
        if shared.any():
            read = read_ratings(
                held[shared], targets=targets, raters=raters, ratings=ratings, by=by, caller="agreement"
            )
            notes.append(f"{int((~shared).sum())} rating(s) of single-coded targets were left out as asked")
    parts, sets = [], []
    for group in read.groups:
        several = int((group.layout.per_target > 1).sum())
        sets += _counts_of(read, group)
        if several < 2:
            notes.append(_few(read, group, several, targets))
            continue
        notes += _singles(group, targets)
        rows = list(_rows(group, categories, weights, levels, within, notes))
        parts.append(_tidy(read, group, rows, conf_level))
    if not parts:
        raise NotEstimable(f"agreement: {'; '.join(notes)}")
    frame = pd.concat(parts, ignore_index=True).sort_values("_set", kind="stable").drop(columns="_set")
    spec = {
        "targets": targets,
        "raters": raters,
        "ratings": ratings,
        "by": list(as_names(by)),
        "categories": None if categories is None else list(categories),
        "weights": list(weights),
        "levels": list(levels),
        "within": within,
        "single_coded": single_coded,
        "conf_level": conf_level,
    }
    design = {
        "n_sets": read.n_sets,
        "n_ratings": sum(entry["n_ratings"] for entry in sets),
        "dropped": {"missing rating": read.n_missing},
        "sets": sets,
    }
    return AgreementResult(spec, frame.reset_index(drop=True), design, tuple(dict.fromkeys(notes)))


def _check_words(given: Sequence[str], allowed: tuple[str, ...], name: str) -> None:
    words = [given] if isinstance(given, str) else list(given)
    wrong = [word for word in words if word not in allowed]
    if wrong:
        raise UsageError(f"agreement: {name} holds {wrong[0]!r}; allowed are {', '.join(allowed)}.")


def _counts_of(read: RatingData, group: RatingSets) -> list[dict[str, Any]]:
    return [
        {"set": dict(zip(read.by, read.keys[s], strict=True)), **group.layout.counts()} for s in group.index.tolist()
    ]


def _few(read: RatingData, group: RatingSets, several: int, targets: str) -> str:
    names = "; ".join(
        ", ".join(f"{key} = {value}" for key, value in zip(read.by, read.keys[int(s)], strict=True))
        for s in group.index[:3]
    )
    return (
        f"{names + ': ' if names else ''}{several} {targets}(s) with two ratings; agreement needs at least two "
        f"such {targets}s"
    )


def _singles(group: RatingSets, targets: str) -> list[str]:
    share = float(np.mean(group.layout.per_target == 1))
    if share <= 0.20:
        return []
    return [
        f"{share:.0%} of the {targets}s carry one rating; standard errors also hold the chance of being double-coded "
        "(single_coded='drop' leaves them out)"
    ]


def _rows(
    group: RatingSets,
    categories: Sequence[float] | None,
    weights: Sequence[str],
    levels: Sequence[str],
    within: float,
    notes: list[str],
) -> Iterator[Row]:
    """Yield (coefficient, weights, numbers, method) for the sets of one layout."""
    counts = _categorise(group, categories)
    yield "exact agreement", "–", percent_agreement(counts, _near(counts, 0.0)), "t"
    name = f"within {within:g} point{'' if within == 1 else 's'}"
    yield name, "–", percent_agreement(counts, _near(counts, within)), "t"
    yield from _scale_points(group)
    if len(counts.values) > MANY_CATEGORIES:
        notes.append(
            f"{len(counts.values)} different ratings: too many for categories, chance-corrected coefficients "
            "are left out (use icc())"
        )
        return
    two = group.layout.known_raters and group.layout.n_raters == 2
    for kind in weights:
        weight = agreement_weights(counts.values, counts.used, kind)
        if two:
            yield "Cohen's kappa", kind, cohen_kappa(counts, weight), "z"
        elif group.layout.known_raters:
            yield "Conger's kappa", kind, conger_kappa(counts, weight), "t"
        yield "Fleiss' kappa", kind, fleiss_kappa(counts, weight), "t"
        yield f"Gwet's AC{1 if kind == 'unweighted' else 2}", kind, gwet_ac(counts, weight), "t"
        yield "Brennan–Prediger", kind, brennan_prediger(counts, weight), "t"
    for level in levels:
        if level == "ratio" and counts.values[0] < 0.0:
            notes.append("Krippendorff's alpha for ratios is left out: there are negative ratings")
            continue
        yield "Krippendorff's alpha", level, krippendorff_alpha(counts, level), "t"


def _categorise(group: RatingSets, categories: Sequence[float] | None) -> Counts:
    values = np.unique(group.values)
    if categories is not None:
        allowed = np.unique(np.asarray(categories, dtype=np.float64))
        odd = values[~np.isin(values, allowed)]
        if len(odd):
            raise ContractError(
                f"agreement: rating {odd[0]:g} is none of the categories {', '.join(f'{c:g}' for c in allowed)}. "
                "Correct the rating or name all codes of the scale."
            )
        values = allowed
    code = np.searchsorted(values, group.values).astype(np.int64)
    used = np.ones((len(group.values), len(values)), dtype=bool)
    if categories is None and len(group.values) > 1:
        used = np.stack([np.bincount(row, minlength=len(values)) > 0 for row in code])
    return count_categories(group.layout, code, values, used)


def _near(counts: Counts, tolerance: float) -> Floats:
    near = np.abs(counts.values[:, None] - counts.values[None, :]) <= tolerance + 1e-9
    return np.broadcast_to(near.astype(np.float64), (len(counts.table), *near.shape))


def _scale_points(group: RatingSets) -> Iterator[Row]:
    """Standard error of measurement and smallest detectable change, in scale points."""
    layout = group.layout
    per = layout.per_target
    starts = np.searchsorted(layout.target, np.arange(layout.n_targets))
    means = np.add.reduceat(group.values, starts, axis=1) / per
    rest = group.values - means[:, layout.target]
    df = float(layout.n_obs - layout.n_targets)
    sem = np.sqrt(np.einsum("so,so->s", rest, rest) / df)
    # On the log scale the error of a standard deviation is about 1/sqrt(2 df); limits are by chi-square.
    error = sem / np.sqrt(2.0 * df)
    degrees = np.full(len(sem), df)
    yield "SEM", "–", Coefficient(sem, error, degrees), "chi-square"
    factor = 1.959963984540054 * np.sqrt(2.0)
    yield "SDC", "–", Coefficient(factor * sem, factor * error, degrees), "chi-square"


def _tidy(read: RatingData, group: RatingSets, rows: list[Row], conf_level: float) -> pd.DataFrame:
    pieces = []
    for coefficient, kind, numbers, method in rows:
        low, high, statistic, p_value = _limits(numbers, method, conf_level)
        marked = np.where(
            np.isnan(numbers.estimate), "undefined: all ratings fall into one category", _method_name(method)
        )
        pieces.append(
            pd.DataFrame(
                {
                    "_set": group.index,
                    "coefficient": coefficient,
                    "weights": kind,
                    "estimate": numbers.estimate,
                    "std_error": numbers.std_error,
                    "df": numbers.df,
                    "statistic": statistic,
                    "p_value": p_value,
                    "conf_low": low,
                    "conf_high": high,
                    "method": marked,
                }
            )
        )
    frame = pd.concat(pieces, ignore_index=True)
    for position, name in reversed(list(enumerate(read.by))):
        frame.insert(0, name, [read.keys[s][position] for s in frame["_set"]])
    return frame


def _method_name(method: str) -> str:
    return {
        "t": "linearised error, t limits",
        "z": "asymptotic error, normal limits",
        "chi-square": "mean square within targets, chi-square limits",
    }[method]


def _limits(numbers: Coefficient, method: str, conf_level: float) -> tuple[Floats, Floats, Floats, Floats]:
    alpha = 1.0 - conf_level
    nothing = np.full(len(numbers.estimate), np.nan)
    if method == "chi-square":
        low = numbers.estimate * np.sqrt(numbers.df / special.chdtri(numbers.df, alpha / 2.0))
        high = numbers.estimate * np.sqrt(numbers.df / special.chdtri(numbers.df, 1.0 - alpha / 2.0))
        return low, high, nothing, nothing
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = numbers.estimate / numbers.std_error
    if method == "z":
        reach: Floats = np.full(len(statistic), float(special.ndtri(1.0 - alpha / 2.0)))
        p_value = 2.0 * special.ndtr(-np.abs(statistic))
    else:
        reach = np.asarray(special.stdtrit(numbers.df, 1.0 - alpha / 2.0), dtype=np.float64)
        p_value = 2.0 * special.stdtr(numbers.df, -np.abs(statistic))
    low = np.maximum(numbers.estimate - reach * numbers.std_error, -1.0)
    high = np.minimum(numbers.estimate + reach * numbers.std_error, 1.0)
    if numbers.z is not None:
        statistic, p_value = numbers.z, 2.0 * special.ndtr(-np.abs(numbers.z))
    return low, high, statistic, np.asarray(p_value, dtype=np.float64)
