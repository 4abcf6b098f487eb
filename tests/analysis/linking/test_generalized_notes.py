"""What is said of generalised series: more spread or other zeros than the model has, no variance, which likelihood."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from doublecode.analysis.linking.generalized_notes import check_notes, fit_notes, variance_notes
from doublecode.schemas.results import Note


def model(label: str, *kinds: str, bare: bool = False, fitted: bool = True) -> SimpleNamespace:
    terms = [SimpleNamespace(group="patient")]
    result = SimpleNamespace(notes=[Note(kind, "y ~ x") for kind in kinds], model=SimpleNamespace(terms=terms))
    return SimpleNamespace(label=label, without_variance=bare, result=result if fitted else None)


def asked(nagq: int | None) -> SimpleNamespace:
    return SimpleNamespace(family="poisson", link="log", nagq=nagq, prior_sd=None)


def test_checks_speak_from_the_level_on_and_say_which_way() -> None:
    rows = [
        {"label": "1", "check": "dispersion", "ratio": 1.8, "p_value": 0.01},
        {"label": "2", "check": "zeros", "ratio": 0.6, "p_value": 0.04},
        {"label": "3", "check": "zeros", "ratio": 1.4, "p_value": 0.06},
    ]
    found = list(check_notes(pd.DataFrame(rows), "poisson"))
    assert [(note.kind, note.subject, note.numbers["more"]) for note in found] == [
        ("series_dispersion", "1", "more"), ("series_zeros", "2", "fewer"),
    ]  # fmt: skip


def test_models_without_variance_are_named_unless_all_are() -> None:
    some = list(variance_notes([model("1", bare=True), model("2"), model("3", bare=True, fitted=False)]))
    assert [note.numbers for note in some] == [{"groups": ("patient",), "models": ("1",)}]
    (every,) = variance_notes([model("1", bare=True), model("2", bare=True), model("3", fitted=False)])
    assert every.numbers["models"] == ()
    assert list(variance_notes([model("1")])) == []


@pytest.mark.parametrize(
    ("nagq", "nodes", "way"), [(9, 9, "asked"), (1, 1, "asked"), (None, 15, "scalar"), (None, 1, "wide")]
)
def test_the_likelihood_is_named_and_notes_of_fits_are_said_once(nagq: int | None, nodes: int, way: str) -> None:
    kinds = ("generalized_no_overdispersion", "sets_converged")
    head, kept = fit_notes([model("1", *kinds), model("2", *kinds), model("3", fitted=False)], asked(nagq), nodes)
    assert (head.kind, head.numbers["way"], head.numbers["nagq"]) == ("series_likelihood", way, nodes)
    assert kept.kind == "series_no_overdispersion"
