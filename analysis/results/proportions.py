"""Limits of a share."""

from __future__ import annotations

import math


def wilson_limits(n_yes: int, n: int, conf_level: float = 0.95) -> tuple[float, float]:
    r"""Limits of a share by Wilson's score test.

    :math:`\bigl(x + z^2/2 \pm z\sqrt{x(n − x)/n + z^2/4}\bigr) / (n + z^2)`: they stay between 0 and 1, and have a
    width also where nobody or everybody says yes.

    Parameters
    ----------
    n_yes, n : int
        Of how many, above 0, how many.
    conf_level : float

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association, 22, 209–212.

    Examples
    --------
    R's ``prop.test(4, 22, correct = FALSE)$conf.int``:

    >>> low, high = wilson_limits(4, 22)
    >>> round(low, 4), round(high, 4)
    (0.0731, 0.3852)
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + conf_level / 2))
    middle = (n_yes + z**2 / 2) / (n + z**2)
    reach = z / (n + z**2) * math.sqrt(n_yes * (n - n_yes) / n + z**2 / 4)
    return 0.0 if n_yes == 0 else middle - reach, 1.0 if n_yes == n else middle + reach
