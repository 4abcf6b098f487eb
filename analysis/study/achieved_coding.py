"""Who rated how many sessions, and how many any two raters share: what the plan of the coding came to."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.study import Study

LOADS: Final = ("instrument", "phase", "rater", "n_sessions", "n_alone", "n_shared")
PAIRS: Final = ("instrument", "phase", "rater_1", "rater_2", "n_sessions")
CODING: Final = (
    "instrument", "phase", "n_sessions", "n_double", "percent_double", "n_raters", "load_min", "load_max", "n_pairs",
    "pair_min", "pair_max",
)  # fmt: skip


def coded_rows(study: Study, ratings: pd.DataFrame) -> pd.DataFrame:
    """The ratings that are a coding: neither a missing code nor a remark in an item of free text."""
    import pandas as pd

    remarks = [
        (name, item.name) for name, book in study.codebooks.items() for item in book.columns if item.type == "text"
    ]
    coded = ratings[ratings["value"].notna() | ratings["text"].notna()]
    return coded[~pd.MultiIndex.from_frame(coded[["instrument", "item"]]).isin(remarks)] if remarks else coded


def achieved_coding(study: Study, ratings: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Count sessions by rater and by pair of raters, for each instrument and phase.

    Parameters
    ----------
    study : Study
    ratings : DataFrame
        Contract RATINGS, of occasion 1. A session counts for a rater who coded any item of it.

    Returns
    -------
    loads : DataFrame
        Per rater: ``n_sessions``, ``n_alone`` (coded by nobody else), ``n_shared``.
    pairs : DataFrame
        Per two raters: ``n_sessions`` that both coded.
    coding : DataFrame
        Per instrument and phase: ``n_sessions``, ``n_double`` and ``percent_double`` (0 to 100) coded by two or more,
        ``n_raters``, ``load_min``, ``load_max``, ``n_pairs`` that share a session, ``pair_min``, ``pair_max`` of these.
    """
    import pandas as pd

    coded = coded_rows(study, ratings)
    keys = coded[["instrument", "phase", "rater", "session_id"]].drop_duplicates()
    loads, pairs, coding = [], [], []
    for (instrument, phase), part in keys.groupby(["instrument", "phase"], sort=False, observed=True):
        held = {str(rater): set(rows["session_id"]) for rater, rows in part.groupby("rater", observed=True)}
        listed = [one.id for one in study.raters if one.id in held]
        order = [*listed, *sorted(set(held) - set(listed))]
        n_raters = part.groupby("session_id", observed=True).size()
        alone = set(n_raters.index[n_raters == 1])
        sizes = [len(held[rater]) for rater in order]
        for rater, n in zip(order, sizes, strict=True):
            n_alone = len(held[rater] & alone)
            loads.append((instrument, phase, rater, n, n_alone, n - n_alone))
        shared = {(one, two): len(held[one] & held[two]) for one, two in combinations(order, 2)}
        pairs += [(instrument, phase, *both, n) for both, n in shared.items()]
        n, n_double, some = len(n_raters), int((n_raters > 1).sum()), [n for n in shared.values() if n]
        coding.append((
            instrument, phase, n, n_double, 100 * n_double / n, len(order), min(sizes), max(sizes), len(some),
            min(some, default=None), max(some, default=None),
        ))  # fmt: skip
    return (
        pd.DataFrame(loads, columns=list(LOADS)),
        pd.DataFrame(pairs, columns=list(PAIRS)),
        pd.DataFrame(coding, columns=list(CODING)).astype({"pair_min": float, "pair_max": float}),
    )
