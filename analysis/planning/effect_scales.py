r"""Effects of a planned study: on which scale they are stated, and what slope that is.

=========  ======================================================================================================
``"sd"``   outcome's standard deviations per standard deviation of true scores, both of one level
``"r"``    correlation at that level, what else is in the model held: :math:`β = r/\sqrt{1 − r^2}`
``"f2"``   Cohen's :math:`f^2` at that level: :math:`β = f`, its sign to be taken as positive
``"link"`` of an outcome with a family: log odds, or log of the rate, per standard deviation of true scores of one level
=========  ======================================================================================================

Within patients the divisors are the residual of the outcome and sessions about the patient's mean; between patients,
patients' levels.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed

Scale = Literal["sd", "r", "f2", "link"]
SCALES: Final[tuple[Scale, ...]] = ("sd", "r", "f2", "link")


def slope_of(effect: float, scale: Scale, level: str, caller: str) -> float:
    """The standardised slope of an effect.

    Raises
    ------
    UsageError
        No such scale, or no such effect on it.

    Examples
    --------
    >>> round(slope_of(0.3, "r", "within", "power"), 4)
    0.3145
    """
    if scale not in SCALES:
        raise UsageError(f"{caller}: scale is {scale!r}; {allowed(scale, SCALES)}.")
    if not math.isfinite(effect) or (scale == "r" and abs(effect) >= 1) or (scale == "f2" and effect < 0):
        said = {"r": "a correlation between −1 and 1", "f2": "0 or more"}.get(scale, "a number")
        raise UsageError(
            f"{caller}: the effect {level} patients is {effect!r}; allowed on the scale {scale!r}: {said}."
        )
    if scale == "r":
        return effect / math.sqrt(1 - effect * effect)
    return math.sqrt(effect) if scale == "f2" else effect
