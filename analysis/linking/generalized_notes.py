"""What a series of generalised models is to be read with, as facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from doublecode.schemas.results import Note, distinct

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.generalized_models import FamilyAsked, GeneralizedModel

ALPHA: Final = 0.05
_CHECKED: Final = {"dispersion": "series_dispersion", "zeros": "series_zeros"}
_KEPT: Final = {
    "ordinal_categories_empty": "series_categories_empty",
    "generalized_no_overdispersion": "series_no_overdispersion",
    "generalized_prior": "series_prior",
    "offset_is_no_log": "series_offset_is_no_log",
    "zero_one_of_trials": "series_zero_one_of_trials",
}
"""Notes of a fit that hold for the series; others are said of it in its own way."""


def fit_notes(models: Sequence[GeneralizedModel], asked: FamilyAsked, nodes: int) -> tuple[Note, ...]:
    """Note by which likelihood models are fitted and compared, and what their fits say."""
    way = "asked" if asked.nagq is not None else "scalar" if nodes > 1 else "wide"
    known = {"family": asked.family, "link": asked.link, "nagq": nodes, "way": way, "prior": asked.prior_sd is not None}
    head = Note("series_likelihood", numbers=known)
    fits = [one.result for one in models if one.result is not None]
    kept = [replace(note, kind=_KEPT[note.kind]) for fit in fits for note in fit.notes if note.kind in _KEPT]
    return distinct([head, *kept])


def variance_notes(models: Sequence[GeneralizedModel]) -> Iterator[Note]:
    """Note models in which nothing is left between the groups, and what their numbers then are."""
    bare = [one for one in models if one.without_variance and one.result is not None]
    if bare:
        groups = tuple(dict.fromkeys(term.group for one in bare if one.result for term in one.result.model.terms))
        n_fits = sum(one.result is not None for one in models)
        labels = () if len(bare) == n_fits else tuple(one.label for one in bare)
        yield Note("series_no_variance", numbers={"groups": groups, "models": labels})


def check_notes(checks: pd.DataFrame, family: str) -> Iterator[Note]:
    """Note more spread, or other zeros, than the model says, where the simulated check finds them."""
    for row in checks.to_dict("records"):
        if row["p_value"] < ALPHA:
            numbers = {"family": family, **{name: row[name] for name in ("ratio", "p_value")}}
            more = "more" if row["ratio"] > 1 else "fewer"
            yield Note(_CHECKED[row["check"]], str(row["label"]), numbers | {"more": more})
