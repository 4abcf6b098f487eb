"""What sets of ratings hold, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from doublecode.analysis.rendering.wording.phrases import plural

Counts = Mapping[str, Any]


def count_words(counts: Counts, targets: str, judges: str = "raters") -> str:
    """Say what a set holds.

    Parameters
    ----------
    counts : mapping
        ``n_targets, n_raters`` (None where unknown), ``n_ratings, n_single_coded, n_multiply_coded``.
    targets : str
        Name of what was rated.
    judges : str
        What stands in the place of raters: of recodes, occasions.

    Examples
    --------
    >>> held = {"n_targets": 40, "n_raters": 5, "n_ratings": 60, "n_single_coded": 20, "n_multiply_coded": 20}
    >>> count_words(held, "tape")
    '40 tapes, 5 raters, 60 ratings, 50% coded more than once'
    """
    words = [f"{counts['n_targets']} {plural(targets)}"]
    if counts["n_raters"] is not None:
        words.append(f"{counts['n_raters']} {judges}")
    words.append(f"{counts['n_ratings']} ratings")
    if counts["n_single_coded"]:
        words.append(f"{_share(counts):.0%} coded more than once")
    return ", ".join(words)


def sets_words(sets: Sequence[Counts], targets: str, judges: str = "raters") -> str:
    """Say what all sets of a result hold: in full where it is one, or where all are alike, else from … to.

    Examples
    --------
    >>> held = {"n_targets": 40, "n_raters": 5, "n_ratings": 60, "n_single_coded": 20, "n_multiply_coded": 20}
    >>> other = {"n_targets": 30, "n_raters": 5, "n_ratings": 60, "n_single_coded": 0, "n_multiply_coded": 30}
    >>> sets_words([held, other], "tape")
    '2 sets, 120 ratings in all; each: 30 to 40 tapes, 5 raters, 60 ratings, 50% to 100% coded more than once'
    """
    first = count_words(sets[0], targets, judges)
    if len(sets) == 1:
        return first
    n_ratings = sum(one["n_ratings"] for one in sets)
    head = f"{len(sets)} sets, {n_ratings} ratings in all; each: "
    if all(count_words(one, targets, judges) == first for one in sets):
        return head + first
    words = [f"{_range(sets, lambda one: one['n_targets'])} {plural(targets)}"]
    if all(one["n_raters"] is not None for one in sets):
        words.append(f"{_range(sets, lambda one: one['n_raters'])} {judges}")
    words.append(f"{_range(sets, lambda one: one['n_ratings'])} ratings")
    if any(one["n_single_coded"] for one in sets):
        words.append(f"{_range(sets, _share, '.0%')} coded more than once")
    return head + ", ".join(words)


def _share(counts: Counts) -> float:
    return float(counts["n_multiply_coded"] / counts["n_targets"])


def _range(sets: Sequence[Counts], number: Callable[[Counts], float], form: str = "") -> str:
    low, high = (format(end(map(number, sets)), form) for end in (min, max))
    return low if low == high else f"{low} to {high}"
