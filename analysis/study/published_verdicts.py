"""What a printed number and ours say to one another: one word each, by a fixed rule."""

from __future__ import annotations

import math
from typing import Final

from doublecode.schemas.published_values import PrintedValue

MATCH: Final = "match"
ROUNDED: Final = "match after rounding"
NEAR: Final = "|z| ≤ 1"
APART: Final = "1 < |z| ≤ 2"
FAR: Final = "|z| > 2"
DIFFERS: Final = "differs"
NOT_COMPUTED: Final = "not computed"
NOT_DERIVABLE: Final = "not derivable"
DECLARED: Final = "declared"
VERDICTS: Final = (MATCH, ROUNDED, NEAR, APART, FAR, DIFFERS, NOT_COMPUTED, NOT_DERIVABLE, DECLARED)
COMPUTED: Final = (MATCH, ROUNDED, NEAR, APART, FAR, DIFFERS)
CALIBRATED: Final = "calibrated"
BY_DESIGN: Final = "by design"
EMERGED: Final = "emerged"
ORIGINS: Final = (EMERGED, CALIBRATED, BY_DESIGN)


def verdict(printed: PrintedValue, ours: float | str, z: float) -> str:
    """How our number stands to a printed one.

    Parameters
    ----------
    printed : PrintedValue
        With a `value`, a `bound`, or `words`.
    ours : float or str
        What our table says; NaN where its cell is empty.
    z : float
        (printed − expected) / SD over seeds; NaN where it is not known.

    Returns
    -------
    str
        ``match``: the same number, the same words, or a bound that holds. ``match after rounding``: the same to the
        printed decimals. Otherwise how far what is *printed* lies from what studies of our design give: ``|z| ≤ 1``,
        ``1 < |z| ≤ 2``, ``|z| > 2``. ``differs`` where no z is known, and where ours is the same in every study of the
        design. ``not computed`` where our cell is empty.

    Examples
    --------
    >>> one = PrintedValue(name="r", printed=".28", value=0.28, quote="r = .28", place="Results", shown_with="Table 3",
    ...                    not_derivable="shown here only")
    >>> verdict(one, 0.2843, float("nan")), verdict(one, 0.31, -0.4), verdict(one, 0.31, float("nan"))
    ('match after rounding', '|z| ≤ 1', 'differs')
    """
    if isinstance(ours, str):
        return MATCH if ours == printed.words else DIFFERS
    if math.isnan(ours) or printed.value is None:
        return NOT_COMPUTED
    if printed.bound is not None:
        holds = ours < printed.value if printed.bound == "<" else ours > printed.value
        return MATCH if holds else _by_distance(z)
    if math.isclose(ours, printed.value, rel_tol=1e-9, abs_tol=1e-12):
        return MATCH
    half = 0.5 * 10.0**-printed.decimals
    if abs(ours - printed.value) <= half * (1 + 1e-9):
        return ROUNDED
    return _by_distance(z)


def _by_distance(z: float) -> str:
    if math.isnan(z):
        return DIFFERS
    return NEAR if abs(z) <= 1 else APART if abs(z) <= 2 else FAR
