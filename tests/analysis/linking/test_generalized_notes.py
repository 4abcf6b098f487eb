"""What is said of generalised series: more spread or other zeros than the model has, no variance, which likelihood."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.linking.generalized_notes import check_notes, fit_notes, variance_notes
from doublecode.analysis.linking.generalized_series import fit_generalized_series
from doublecode.analysis.rendering.notes import sentence
from doublecode.schemas.errors import ContractError
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


def homework() -> pd.DataFrame:
    """Ten patients with six sessions: tasks given (none in every fifth row), done, and how well they were reviewed."""
    rows = np.arange(60)
    given = np.where(rows % 5 == 2, 0, 1 + rows % 4)
    review = (rows * 37 % 61) / 20
    done = np.minimum(given, (review + rows // 6 % 3 + rows * 7 % 3 / 2).astype(int) // 2)
    return pd.DataFrame(
        {"patient": rows // 6, "session": 1.0 + rows % 6, "given": given, "done": done, "review": review}
    )


def test_a_row_without_a_trial_is_in_no_model_and_said_to_be_so() -> None:
    data = homework()
    steps = ["done ~ 1 + (1 | patient)", "done ~ session + review + (1 | patient)"]
    found = fit_generalized_series(steps, data, family="binomial", trials="given", split=["review"], intercept_at=1)
    plain = fit_generalized_series(
        steps, data[data["given"] > 0], family="binomial", trials="given", split=["review"], intercept_at=1
    )
    assert found.rows.equals(plain.rows)
    pd.testing.assert_frame_equal(found.coefficients, plain.coefficients)
    (note,) = [one for one in found.notes if one.kind == "rows_without_trial"]
    assert sentence(note) == "12 rows with 0 as given are in no model: 0 of 0 says nothing of a probability."
    assert not [one for one in plain.notes if one.kind == "rows_without_trial"]


def test_trials_that_are_means_of_two_raters_are_refused_with_what_a_study_can_do() -> None:
    data = homework().astype({"given": float})
    data.loc[4, "given"] = 2.5
    with pytest.raises(
        ContractError, match=r"trials 'given' is 2\.5 in row 4 \(1 rows in all\).*pooling = \"primary\""
    ):
        fit_generalized_series(["done ~ review + (1 | patient)"], data, family="binomial", trials="given")
