"""Mediation: does x work on y by way of m, in time order, within and between patients."""

from __future__ import annotations

from itertools import combinations
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from doublecode.analysis.linking.indirect_effect_result import Mediation
from doublecode.analysis.linking.mediation_paths import (
    Floats,
    Paths,
    one_one_one,
    single_level,
    two_one_one,
    varying_slopes,
)
from doublecode.analysis.mixed.model_rows import CommonRows, common_rows, require_columns
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from collections.abc import Sequence

Slopes = Literal["fixed", "random"]
CALLER: Final = "mediation"
DRAWS: Final = 20_000
FEWEST_ROWS, FEWEST_CLUSTERS, FEW_CLUSTERS = 6, 10, 50
EXACT: Final = 1e-7
"""Standard deviations that a variable may lie off the others and still be theirs."""
COLUMNS = (
    "level", "term", "path", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high", "delta_low",
    "delta_high",
)  # fmt: skip


def mediation(
    data: pd.DataFrame,
    x: str,
    m: str,
    y: str,
    *,
    clusters: str | None = None,
    session: str | None = None,
    lags: tuple[int, int] = (0, 0),
    slopes: Slopes = "fixed",
    conf_level: float = 0.95,
    seed: int = 0,
) -> Mediation:
    """Estimate the indirect effect of x on y by way of m, with a Monte-Carlo interval.

    Paths: a is the slope of m on x, b that of y on m given x, c′ (direct) that of y on x given m; the indirect effect
    is a·b, the total a·b + c′. Its limits are quantiles of a·b over draws of (a, b) from their normal distribution
    (MacKinnon, Lockwood & Williams 2004; Preacher & Selig 2012), since a product is skewed; the delta method's stand
    beside. What the design asks for is found from the data:

    - without `clusters`: two regressions, variances with divisor n (maximum likelihood);
    - 1-1-1, all three vary within clusters: a·b within, and apart from it between clusters, whose means are latent
      (Preacher, Zyphur & Zhang 2010), from one two-level model with free covariances at both levels by maximum
      likelihood. With ``slopes="random"`` a and b vary between clusters, and the indirect effect within is a·b +
      Cov(a_j, b_j) (Bauer, Preacher & Gil 2006);
    - 2-1-1, x is of the cluster: the indirect effect is one between clusters only, since what does not vary within a
      patient cannot work within; the slope of y on m within stands apart.

    Parameters
    ----------
    data : DataFrame
        One row per session, or per patient without `clusters`.
    x, m, y : str
        Numeric columns.
    clusters : str, optional
        Column of the patients.
    session : str, optional
        Column of session numbers; needed for `lags`.
    lags : tuple of int
        By how many sessions m follows x, and y follows m: (1, 0) takes x of the session before. By number,
        never by row.
    slopes : {"fixed", "random"}
        Whether a and b vary between clusters (1-1-1 only).
    conf_level : float
        Between 0 and 1.
    seed : int
        Of the 20,000 draws.

    Returns
    -------
    Mediation
        ``.frame``: ``level`` (single, within, between), ``term`` (a, b, direct, indirect, total; covariance of slopes),
        ``estimate``, ``std_error`` and so on.

    Raises
    ------
    UsageError, ContractError
        Columns or options that cannot be; m or y that do not vary within clusters.
    NotEstimable
        Fewer than six rows or ten clusters; no variance; a variable that follows from the others
        without error; a likelihood without a maximum.

    References
    ----------
    MacKinnon, Lockwood & Williams (2004), *Multivariate Behavioral Research* 39. Preacher & Selig (2012),
    *Communication Methods and Measures* 6. Preacher, Zyphur & Zhang (2010), *Psychological Methods* 15. Bauer, Preacher
    & Gil (2006), *Psychological Methods* 11.

    Examples
    --------
    >>> rng = np.random.default_rng(6)
    >>> x = rng.normal(size=150)
    >>> m = 0.5 * x + rng.normal(size=150)
    >>> data = pd.DataFrame({"tbh": x, "he": m, "phq9": 10 - m + rng.normal(size=150)})
    >>> mediation(data, "tbh", "he", "phq9").frame[["term", "estimate"]].round(1).values.tolist()
    [['a', 0.4], ['b', -0.9], ['direct', 0.0], ['indirect', -0.4], ['total', -0.3]]
    """
    check_conf_level(conf_level, CALLER)
    data = as_pandas(data)
    _check_options(x, m, y, clusters, session, lags, slopes, seed)
    require_columns(data, [name for name in (x, m, y, clusters, session) if name is not None], CALLER)
    for name in (x, m, y):
        if data[name].dtype.kind not in "iuf":
            raise ContractError(f"{CALLER}: {name!r} must hold numbers, found {data[name].dtype}.")
    ordered = data if session is None else _in_order(data, (x, m, y), str(clusters), session, lags)
    keys = [name for name in (clusters, session) if name is not None]
    rows = common_rows(ordered, [x, m, y, *keys], keys)
    spec = {"x": x, "m": m, "y": y, "clusters": clusters, "session": session, "lags": lags, "slopes": slopes,
            "conf_level": conf_level, "seed": seed, "draws": DRAWS}  # fmt: skip
    _refuse_alike(rows, (x, m, y), clusters)
    design, found, apart, notes = _estimated(rows, spec)
    rng = np.random.default_rng(seed)
    lines = [line for one in found for line in _lines(one, conf_level, rng)]
    lines += [_line("within", "b", *one, float(ndtri(0.5 + conf_level / 2))) for one in apart]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    frame["path"] = [_PATH.get(term, "").format(x=x, m=m, y=y) for term in frame["term"]]
    counts = {"kind": design, "n_given": len(data), "n_rows": len(rows.data), "lost": rows.lost_records,
              "n_clusters": None if clusters is None else int(rows.data[clusters].nunique())}  # fmt: skip
    return Mediation(
        spec=spec, frame=frame, design=counts, notes=_notes(spec, design, counts, notes), rows=rows.data.index,
    )  # fmt: skip


def _check_options(
    x: str, m: str, y: str, clusters: str | None, session: str | None, lags: tuple[int, int], slopes: str, seed: int
) -> None:
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise UsageError(f"{CALLER}: seed is {seed!r}; a whole number from 0 on.")
    if len({x, m, y}) < 3:
        raise UsageError(f"{CALLER}: x, m and y are {x!r}, {m!r} and {y!r}; name three variables.")
    if slopes not in ("fixed", "random"):
        raise UsageError(f"{CALLER}: slopes is {slopes!r}; allowed: 'fixed' and 'random'.")
    if slopes == "random" and clusters is None:
        raise UsageError(f"{CALLER}: slopes vary between clusters, and none are named. Give clusters=.")
    two = isinstance(lags, tuple | list) and len(lags) == 2
    if not two or any(isinstance(lag, bool) or not isinstance(lag, int) or lag < 0 for lag in lags):
        raise UsageError(f"{CALLER}: lags are {lags!r}; two whole numbers from 0 on, as in (1, 0).")
    if any(lags) and (session is None or clusters is None):
        raise UsageError(f"{CALLER}: lags go by session number within patients. Give clusters= and session=.")
    if session is not None and clusters is None:
        raise UsageError(f"{CALLER}: sessions are those of patients. Give clusters=.")


def _in_order(
    data: pd.DataFrame, names: tuple[str, str, str], clusters: str, session: str, lags: tuple[int, int]
) -> pd.DataFrame:
    """Rows of the sessions of y, with m and x of the sessions before, by number."""
    keys = [clusters, session]
    if any(lags) and data[session].dtype.kind not in "iuf":
        raise ContractError(f"{CALLER}: lags go by {session!r}, which must hold numbers, found {data[session].dtype}.")
    twice = data[data.duplicated(keys)]
    if len(twice):
        one = twice.iloc[0]
        raise ContractError(f"{CALLER}: {one[clusters]} session {one[session]} stands twice; keep one row.")
    x, m, y = names
    out = data[[*keys, y]]
    for name, lag in ((m, lags[1]), (x, lags[0] + lags[1])):
        held = data.set_index(keys)[name]
        wanted = pd.MultiIndex.from_arrays([data[clusters], data[session] - lag])
        out = out.assign(**{name: held.reindex(wanted).to_numpy()})
    return out


def _refuse_alike(rows: CommonRows, names: Sequence[str], clusters: str | None) -> None:
    if len(rows.data) < FEWEST_ROWS:
        raise NotEstimable(f"{CALLER}: {len(rows.data)} rows have all three variables; {FEWEST_ROWS} are the least.")
    for name in names:
        if rows.data[name].nunique() < 2:
            raise NotEstimable(f"{CALLER}: {name} has the same value in all rows; nothing can go by way of it.")
    values = rows.data[[*names]].astype(float)
    _refuse_collinear(values, names, "")
    if clusters is not None:
        means = values.groupby(rows.data[clusters], observed=True).transform("mean")
        _refuse_collinear(values - means, names, f" within {clusters}")


def _refuse_collinear(values: pd.DataFrame, names: Sequence[str], where: str) -> None:
    """Refuse variables of which one follows from the others without error."""
    off = values - values.mean()
    sd = np.sqrt((off**2).mean())
    own = [name for name in names if sd[name] > 0]
    for several in (*combinations(own, 2), own):
        held = (off[list(several)] / sd[list(several)]).to_numpy()
        if len(several) > 1 and np.linalg.svd(held, compute_uv=False)[-1] < EXACT * np.sqrt(len(held)):
            raise NotEstimable(
                f"{CALLER}: {' and '.join(several)} follow from one another without error{where}, so that paths "
                "between them are not told apart. Take variables that are measured apart."
            )


Found = tuple[str, list[Paths], list[tuple[float, float]], list[Note]]
"""The design, the paths of each level, slope and error of y on m within a 2-1-1 design, what was found on the way."""


def _estimated(rows: CommonRows, spec: dict[str, Any]) -> Found:
    names = [spec["x"], spec["m"], spec["y"]]
    values = rows.data[names].to_numpy(dtype=float)
    if spec["clusters"] is None:
        return "single", [single_level(*values.T)], [], []
    code = pd.factorize(rows.data[spec["clusters"]], sort=True)[0]
    J = int(code.max()) + 1
    if J < FEWEST_CLUSTERS:
        raise NotEstimable(f"{CALLER}: {J} clusters; {FEWEST_CLUSTERS} are the least for a two-level model.")
    varies = rows.data.groupby(spec["clusters"], observed=True)[names].nunique().max() > 1
    for name in names[1:]:
        if not varies[name]:
            raise UsageError(
                f"{CALLER}: {name} does not vary within {spec['clusters']}. Take one row per {spec['clusters']} and "
                "leave clusters= out."
            )
    if not varies[spec["x"]]:
        return _two_one_one(values, code, spec)
    within, between = one_one_one(values, code)
    if spec["slopes"] == "fixed":
        return "1-1-1", [within, between], [], []
    varying, fit = varying_slopes(values, code)
    notes = [Note("mediation_slopes_singular")] if fit.singular else []
    return "1-1-1", [varying, between], [], notes


def _two_one_one(values: Floats, code: Any, spec: dict[str, Any]) -> Found:
    if spec["slopes"] == "random":
        raise UsageError(f"{CALLER}: {spec['x']} does not vary within {spec['clusters']}, so its slope a cannot vary.")
    first = np.unique(code, return_index=True)[1]
    between, b_within, error = two_one_one(values[first, 0], values[:, 1:], code)
    return "2-1-1", [between], [(b_within, error)], []


def _lines(paths: Paths, conf_level: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Rows of one level."""
    z = float(ndtri(0.5 + conf_level / 2))
    a, b, direct = paths.a, paths.b, paths.direct
    extra = paths.covariance or 0.0
    more = [] if paths.covariance is None else [1.0]
    ways: dict[str, tuple[float, list[float]]] = {
        "a": (a, [1, 0, 0]), "b": (b, [0, 1, 0]), "direct": (direct, [0, 0, 1]),
        "indirect": (a * b + extra, [b, a, 0]), "total": (a * b + extra + direct, [b, a, 1]),
    }  # fmt: skip
    pads = {name: more if name in ("indirect", "total") else [0.0] * len(more) for name in ways}
    draws = _drawn(paths, rng)
    product = draws[:, 0] * draws[:, 1] + (draws[:, 3] if more else 0.0)
    drawn = {"indirect": product, "total": product + draws[:, 2]}
    out = []
    for name, (estimate, weights) in ways.items():
        slope = np.array(weights + pads[name])
        error = float(np.sqrt(slope @ paths.vcov @ slope))
        row = _line(paths.level, name, estimate, error, z)
        if name in drawn:
            low, high = np.quantile(drawn[name], [0.5 - conf_level / 2, 0.5 + conf_level / 2])
            row |= {"conf_low": float(low), "conf_high": float(high)}
        out.append(row)
    if more:
        out.append(_line(paths.level, "covariance of slopes", extra, float(np.sqrt(paths.vcov[3, 3])), z))
    return out


def _drawn(paths: Paths, rng: np.random.Generator) -> Floats:
    """Draws (20,000, k) of the paths: the same ones in standard errors, whatever units the variables have."""
    sd = np.sqrt(np.diag(paths.vcov))
    unit = np.where(sd > 0, sd, 1.0)
    values, vectors = np.linalg.eigh(paths.vcov / np.outer(unit, unit))
    root = vectors * np.sqrt(np.clip(values, 0.0, None)) @ vectors.T
    return np.asarray(paths.values + rng.standard_normal((DRAWS, len(sd))) @ root * sd)


_PATH: Final = {
    "a": "{x} → {m}", "b": "{m} → {y}", "direct": "{x} → {y}", "indirect": "{x} → {m} → {y}",
    "total": "{x} → {y}, both ways",
}  # fmt: skip


def _line(level: str, term: str, estimate: float, error: float, z: float) -> dict[str, Any]:
    t = estimate / error if error > 0 else float("nan")
    low, high = estimate - z * error, estimate + z * error
    return {"level": level, "term": term, "estimate": estimate, "std_error": error,
            "statistic": t, "p_value": float(2 * ndtr(-abs(t))), "conf_low": low, "conf_high": high,
            "delta_low": low, "delta_high": high}  # fmt: skip


def _notes(spec: dict[str, Any], design: str, counts: dict[str, Any], more: list[Note]) -> tuple[Note, ...]:
    notes = [Note("mediation_monte_carlo", numbers={"draws": DRAWS, "seed": spec["seed"]})]
    if design != "single":
        notes.append(Note("mediation_levels", numbers={"kind": design, "clusters": spec["clusters"]}))
    if counts["n_clusters"] is not None and counts["n_clusters"] < FEW_CLUSTERS:
        notes.append(Note("mediation_few_clusters", numbers={"n": counts["n_clusters"]}))
    if design == "1-1-1" and spec["slopes"] == "random":
        notes.append(Note("mediation_varying_slopes"))
    named = {name: spec[name] for name in ("x", "m", "y")}
    order = "mediation_order" if any(spec["lags"]) else "mediation_same_row"
    notes.append(Note(order, numbers={**named, "lags": spec["lags"]}))
    return (*notes, *more)
