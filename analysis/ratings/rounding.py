"""What counts as nought beside ratings: the one rule by which 0/0 and x/0 are told from small numbers.

Ratings are known to their own rounding, some multiple of the machine's epsilon times the largest of them. A
difference below that is nought: so it stays under another unit and another origin of the scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_EPS = float(np.finfo(np.float64).eps)
_ROUNDINGS = 8.0
"""Roundings that a difference of ratings may have gone through: means of targets, of raters, of all."""


def rounding_noise(values: Floats) -> Floats:
    """Largest difference that rounding makes of equal ratings.

    Parameters
    ----------
    values : ndarray, shape (n_sets, n_obs)
        Ratings as they were given, not centred.

    Returns
    -------
    ndarray, shape (n_sets, 1)

    Examples
    --------
    >>> import numpy as np
    >>> bool(abs(0.1 + 0.2 - 0.3) <= rounding_noise(np.array([[0.3, 0.1]]))[0, 0])
    True
    """
    return np.asarray(_ROUNDINGS * _EPS * np.abs(values).max(axis=1, keepdims=True))


def sum_of_squares(rest: Floats, noise: Floats) -> Floats:
    """Sums of squares (n_sets,) of differences (n_sets, n); nought where these are rounding `noise` (n_sets, 1)."""
    square = np.einsum("so,so->s", rest, rest)
    return np.where(square <= noise[:, 0] ** 2 * rest.shape[1], 0.0, square)
