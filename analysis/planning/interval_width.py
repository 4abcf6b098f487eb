"""How wide the interval of an ICC will be: the planned design, assumed variances, simulated studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd

from doublecode.analysis.ratings.design import Layout
from doublecode.analysis.reliability.forms import spearman_brown
from doublecode.analysis.reliability.planned_pairs import simulated_limits
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

ASSUMED: Final[Mapping[str, float]] = {"target": 0.5, "rater": 0.1, "error": 0.4}
"""Variances that are assumed where none are given: ICC(A,1) = .50, ICC(A,2) = .67."""
_COLUMNS: Final = (
    column("form", "Form", kind="text"),
    column("true", "Assumed", kind="bounded"),
    column("conf_low", "Expected CI", kind="bounded", upper="conf_high"),
    column("width", "Width", kind="bounded"),
    column("width_high", "Width, 90 %", kind="bounded"),
)


@dataclass(frozen=True, eq=False, repr=False)
class PrecisionResult(Answer):
    """How wide the interval of an ICC is expected to be.

    Attributes
    ----------
    spec : dict
        targets, raters, variances, k, conf_level, studies, seed.
    frame : DataFrame
        One row per k: form, k, true (the coefficient that was assumed), conf_low, conf_high (medians of the limits),
        width (median), width_high (in nine of ten studies it is at most this).
    design : dict
        n_targets, n_raters, n_ratings, k_eff, n_double (targets with two ratings or more).
    notes : tuple of Note
    rows : Index
        Rows of the plan.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("form",)

    def tables(self) -> tuple[Table, ...]:
        """The expected limits of each form."""
        return (Table("precision", "Expected interval of the ICC", self.frame, _COLUMNS),)

    def counted(self) -> str:
        """Say the design and the assumptions."""
        design, assumed = self.design, self.spec["variances"]
        parts = ", ".join(f"{name} {value:g}" for name, value in assumed.items())
        return (
            f"{design['n_targets']} targets, {design['n_double']} of them rated twice or more, {design['n_raters']} "
            f"raters; variances assumed: {parts}; {self.spec['studies']} simulated studies"
        )


def precision(
    data: pd.DataFrame | IntoDataFrame,
    *,
    targets: str = "session_id",
    raters: str = "rater",
    variances: Mapping[str, float] = ASSUMED,
    k: Sequence[int] = (1, 2),
    conf_level: float = 0.95,
    studies: int = 100,
    seed: int = 0,
) -> PrecisionResult:
    r"""How wide the interval of ICC(A,k) will be under a plan of who rates what.

    Parameters
    ----------
    data : DataFrame
        The plan, one row per target and rater, such as ``assignments`` of :func:`doublecode.coding.allocate` for one
        instrument. No ratings are needed.
    targets, raters : str
        Columns of what is rated and by whom.
    variances : mapping
        Assumed variances in any unit: ``target``, ``rater``, ``error``.
    k : sequence of int
        Means of how many ratings the coefficient is of.
    conf_level : float
        Between 0 and 1.
    studies : int
        How many studies are simulated, 5 or more.
    seed : int
        The same seed gives the same studies.

    Returns
    -------
    PrecisionResult

    Raises
    ------
    UsageError
        A column is missing, a variance is negative or all are nothing, `studies` is too small.
    NotEstimable
        The raters fall into groups that share no target, or nothing is rated twice.

    Notes
    -----
    In each study ratings are drawn as :math:`y_{tr} = u_t + v_r + e_{tr}`, normal, on exactly the targets and raters of
    the plan, all studies are fitted at once by REML, and limits are those of :func:`doublecode.analysis.icc` for
    incomplete designs: profile likelihood. What is printed is their median. With fewer than ten raters the width is
    for the most part the raters' (their variance has n − 1 degrees of freedom).

    Examples
    --------
    >>> plan = pd.DataFrame({"session_id": [*range(40), *range(40)], "rater": ["R1"] * 20 + ["R2"] * 40 + ["R3"] * 20})
    >>> result = precision(plan, k=[2], studies=40)
    >>> result.frame[["form", "true"]].round(2).to_dict("split")["data"]
    [['ICC(A,2)', 0.67]]
    """
    check_conf_level(conf_level, "precision")
    own = _checked(variances, studies, k)
    frame = as_pandas(data)
    layout = _layout(frame, targets, raters)
    low, high = simulated_limits(layout, own, conf_level, studies, np.random.default_rng(seed))
    single = np.array([own[0] / sum(own)])
    rows = []
    for size in k:
        lows, highs = (np.asarray(spearman_brown(part, float(size))) for part in (low, high))
        rows.append(
            {
                "form": f"ICC(A,{size})", "k": size, "true": float(spearman_brown(single, float(size))[0]),
                "conf_low": float(np.nanmedian(lows)), "conf_high": float(np.nanmedian(highs)),
                "width": float(np.nanmedian(highs - lows)), "width_high": float(np.nanquantile(highs - lows, 0.9)),
            }
        )  # fmt: skip
    spec = {
        "targets": targets, "raters": raters, "variances": dict(zip(ASSUMED, own, strict=True)), "k": list(k),
        "conf_level": conf_level, "studies": studies, "seed": seed,
    }  # fmt: skip
    design = {
        "n_targets": layout.n_targets, "n_raters": layout.n_raters, "n_ratings": layout.n_obs, "k_eff": layout.k_eff,
        "n_double": int((layout.per_target > 1).sum()),
    }  # fmt: skip
    return PrecisionResult(spec, pd.DataFrame(rows), design, (), frame.index)


def _checked(variances: Mapping[str, float], studies: int, k: Sequence[int]) -> tuple[float, float, float]:
    if set(variances) != set(ASSUMED):
        raise UsageError(f"precision: variances: found {sorted(variances)}, allowed {sorted(ASSUMED)}, each once.")
    own = (float(variances["target"]), float(variances["rater"]), float(variances["error"]))
    if not all(value >= 0 and np.isfinite(value) for value in own) or own[2] <= 0:
        raise UsageError(
            f"precision: variances: found {dict(variances)}; none is negative, and that of error is above 0."
        )
    if studies < 5:
        raise UsageError(f"precision: studies: found {studies}, allowed 5 or more.")
    if not k or min(k) < 1:
        raise UsageError(f"precision: k: found {list(k)}, allowed numbers of ratings from 1 on.")
    return own


def _layout(frame: pd.DataFrame, targets: str, raters: str) -> Layout:
    for name in (targets, raters):
        if name not in frame.columns:
            raise UsageError(f"precision: there is no column {name!r}; allowed: {', '.join(map(str, frame.columns))}.")
    pairs = frame[[targets, raters]].drop_duplicates()
    target, _ = pd.factorize(pairs[targets], sort=True)
    rater, names = pd.factorize(pairs[raters], sort=True)
    order = np.lexsort((rater, target))
    layout = Layout(target[order].astype(np.int64), rater[order].astype(np.int64), None, tuple(names), True)
    if layout.kind not in ("complete", "incomplete") or layout.n_raters < 2:
        raise NotEstimable(
            f"precision: {layout.n_raters} raters, {layout.kind}: they share no targets along which "
            "they could be compared. Give pairs of raters some targets in common."
        )
    return layout
