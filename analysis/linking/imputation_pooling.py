"""Rubin's rules with the degrees of freedom of Barnard and Rubin: what several completed data sets say together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
POOLED: Final = (
    "estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high", "within", "between", "riv", "fmi",
    "efficiency", "mc_error",
)  # fmt: skip


def rubin(estimates: Floats, std_errors: Floats, df_complete: Floats, conf_level: float = 0.95) -> pd.DataFrame:
    r"""Pool m estimates of each of k coefficients.

    With the mean :math:`\bar q` of the estimates, the mean :math:`\bar u` of their squared standard errors and their
    variance b: :math:`t = \bar u + (1 + 1/m) b`, the relative increase of variance :math:`r = (1 + 1/m) b / \bar u` and
    :math:`\lambda = (1 + 1/m) b / t`,

    .. math:: \nu = \left(\frac{1}{\nu_m} + \frac{1}{\nu_{obs}}\right)^{-1}, \quad \nu_m = \frac{m - 1}{\lambda^2},
        \quad \nu_{obs} = \frac{\nu_{com} + 1}{\nu_{com} + 3}\, \nu_{com} (1 - \lambda)

    with the df :math:`\nu_{com}` that the coefficient has in complete data, the mean over the completed sets. The
    fraction of missing information is :math:`(r + 2 / (\nu + 3)) / (r + 1)`, the efficiency beside infinitely many
    imputations :math:`1 / (1 + fmi / m)`, the Monte-Carlo error of the pooled estimate :math:`\sqrt{b / m}`.

    Parameters
    ----------
    estimates, std_errors : array, shape (m, k)
    df_complete : array, shape (m, k)
        Degrees of freedom of each fit; infinite where its test is one of z.
    conf_level : float

    Returns
    -------
    DataFrame
        k rows: ``estimate``, ``std_error`` (root of t), ``df``, ``statistic``, ``p_value``, ``conf_low``,
        ``conf_high``, ``within`` (mean of the squared standard errors), ``between`` (b), ``riv``, ``fmi``,
        ``efficiency``, ``mc_error``.

    Raises
    ------
    UsageError
        Fewer than two imputations.

    References
    ----------
    Rubin (1987), Multiple Imputation for Nonresponse in Surveys. Barnard & Rubin (1999), Biometrika, 86, 948–955.

    Examples
    --------
    >>> b, se = np.array([[1.0], [1.2], [0.9]]), np.array([[0.4], [0.5], [0.4]])
    >>> found = rubin(b, se, np.full((3, 1), 57.0))
    >>> found[["estimate", "std_error", "df", "fmi"]].round(3).to_numpy().tolist()
    [[1.033, 0.47, 32.238, 0.189]]
    """
    import pandas as pd
    from scipy.special import stdtr, stdtrit

    m = len(estimates)
    if m < 2:
        raise UsageError("Rubin's rules need two imputations or more; found 1. Impute with m = 20.")
    mean, within = estimates.mean(axis=0), (std_errors**2).mean(axis=0)
    between = estimates.var(axis=0, ddof=1)
    added = (1 + 1 / m) * between
    total = within + added
    share = added / total
    df = _barnard_rubin(share, df_complete.mean(axis=0), m)
    std_error, riv = np.sqrt(total), added / within
    fmi = (riv + 2 / (df + 3)) / (riv + 1)
    known = np.where(np.isinf(df), 1e12, df)
    reach = stdtrit(known, (1 + conf_level) / 2) * std_error
    statistic = mean / std_error
    values = (
        mean, std_error, df, statistic, 2 * stdtr(known, -np.abs(statistic)), mean - reach, mean + reach, within,
        between, riv, fmi, 1 / (1 + fmi / m), np.sqrt(between / m),
    )  # fmt: skip
    return pd.DataFrame(dict(zip(POOLED, values, strict=True)))


def _barnard_rubin(share: Floats, complete: Floats, m: int) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        of_imputations = np.where(share > 0, (m - 1) / share**2, np.inf)
        observed = np.where(np.isinf(complete), np.inf, (complete + 1) / (complete + 3) * complete * (1 - share))
        return np.asarray(1 / (1 / of_imputations + 1 / observed))
