r"""Power of terms of a linear regression, in closed form: noncentral F (Cohen 1988)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd
from scipy.special import fdtri

from doublecode.analysis.planning.planned_study import check_alpha, is_whole
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

CALLER: Final = "regression_power"
MOST: Final = 1_000_000


@dataclass(frozen=True, eq=False, repr=False)
class RegressionPower(Answer):
    """Power of terms of a regression, a row per sample size.

    Attributes
    ----------
    spec : dict
        Every argument.
    frame : DataFrame
        ``n, predictors, terms, f2, f2_observed`` (what rating error leaves of it), ``df2, power``.
    design : dict
        ``n_needed``: the smallest sample with power .80.
    notes : tuple of Note
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ()

    def tables(self) -> tuple[Table, ...]:
        """Power by sample size."""
        columns = (
            column("n", "Patients", kind="count"), column("predictors", "Predictors", kind="count"),
            column("terms", "Tested", kind="count"), column("f2", "*f*²", kind="number"),
            *([column("f2_observed", "*f*² seen", kind="number")] if self.spec["reliability"] < 1 else []),
            column("df2", "*df*", kind="count"), column("power", "Power", kind="bounded"),
        )  # fmt: skip
        return (Table("power", f"Power at α = {self.spec['alpha']:g}, linear regression", self.frame, columns),)

    def counted(self) -> str:
        """Say the smallest sample with power .80."""
        needed = self.design["n_needed"]
        return f"power .80 needs {'more than a million' if needed is None else needed} patients"


def regression_power(
    n: int | Sequence[int],
    *,
    predictors: int,
    f2: float,
    terms: int = 1,
    reliability: float = 1.0,
    alpha: float = 0.05,
) -> RegressionPower:
    r"""Power of the joint test of some terms of a linear regression with one value per patient.

    Parameters
    ----------
    n : int or sequence of int
        Patients.
    predictors : int
        Columns of the regression without the intercept; an interaction is one of them.
    f2 : float
        Cohen's f² of the tested terms: what they add to R², divided by 1 − R² of the whole model.
    terms : int
        How many of the columns are tested together.
    reliability : float
        Of the tested scores times that of the outcome, where `f2` is of true scores; of a product of two independent
        scores it is the product of theirs (Busemeyer & Jones 1983).
    alpha : float

    Returns
    -------
    RegressionPower

    Raises
    ------
    UsageError
        No residual degrees of freedom, more terms than predictors, f² that is not above 0, a reliability that is none.

    Notes
    -----
    F is noncentral with :math:`λ = f^2 n` and terms, n − predictors − 1 degrees of freedom (Cohen 1988, chapter 9; the
    convention of G*Power), predictors taken as fixed. Error in the scores makes the partial correlation smaller by the
    root of their reliabilities, :math:`r^2 = \frac{f^2}{1 + f^2} ρ`, and f² with it; errors of what is held constant
    are not thought of.

    Examples
    --------
    >>> regression_power([41], predictors=4, f2=0.15).frame["power"].round(2).tolist()
    [0.67]
    """
    check_alpha(alpha, CALLER)
    sizes = np.atleast_1d(n).tolist()
    if predictors < 1:
        raise UsageError(f"{CALLER}: predictors is {predictors}; allowed: 1 or more, the intercept not counted.")
    if not 1 <= terms <= predictors:
        raise UsageError(f"{CALLER}: terms is {terms} of {predictors} predictors; allowed: 1 to {predictors}.")
    if not (np.isfinite(f2) and f2 > 0):
        raise UsageError(f"{CALLER}: f2 is {f2!r}; allowed: above 0, as .15.")
    if not 0 < reliability <= 1:
        raise UsageError(f"{CALLER}: reliability is {reliability!r}; allowed: above 0 and up to 1.")
    left = f2 / (1 + f2) * reliability
    seen = f2 if reliability == 1 else left / (1 - left)
    for size in sizes:
        if not is_whole(size) or size < predictors + 2:
            raise UsageError(f"{CALLER}: n is {size!r} with {predictors} predictors; allowed: whole numbers from "
                             f"{predictors + 2} on.")  # fmt: skip
    frame = pd.DataFrame({
        "n": sizes, "predictors": predictors, "terms": terms, "f2": f2, "f2_observed": seen,
        "df2": [size - predictors - 1 for size in sizes],
        "power": [_power(size, predictors, terms, seen, alpha) for size in sizes],
    })  # fmt: skip
    spec = {"n": sizes, "predictors": predictors, "terms": terms, "f2": f2, "reliability": reliability,
            "alpha": alpha}  # fmt: skip
    needed = {"n_needed": _needed(predictors, terms, seen, alpha)}
    return RegressionPower(spec, frame, needed, (), frame.index)


def _power(n: int, predictors: int, terms: int, f2: float, alpha: float) -> float:
    from scipy.stats import ncf  # scipy.special's own is good to four digits before scipy 1.15

    df2 = n - predictors - 1
    with np.errstate(divide="ignore"):  # scipy 1.11 divides by 0 on its way to the right value
        return float(ncf.sf(fdtri(terms, df2, 1 - alpha), terms, df2, f2 * n))


def _needed(predictors: int, terms: int, f2: float, alpha: float, asked: float = 0.8) -> int | None:
    """The smallest sample with the power asked for, by halving; None beyond a million."""
    low, high = predictors + 1, predictors + 2
    while _power(high, predictors, terms, f2, alpha) < asked:
        low, high = high, 2 * high
        if high > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if _power(middle, predictors, terms, f2, alpha) < asked:
            low = middle
        else:
            high = middle
    return high
