"""cross_lagged: RI-CLPM and ML-SEM against lavaan, directions, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import cross_lagged, fit_mixed, within_between
from doublecode.analysis.linking.panel_data import nickell
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
LAVAAN = json.loads((REFERENCE / "cross_lagged.json").read_text(encoding="utf-8"))
NAMES = {"xx": ("he", "he"), "yx": ("phq9", "he"), "yy": ("phq9", "phq9"), "xy": ("he", "phq9")}
PARTS = {"b": "between patients", "f": "first session", "w": "later sessions"}


def panel(name):
    return pd.read_csv(REFERENCE / f"panel_{name}.csv")


def path(result, predictor, outcome, model="RI-CLPM"):
    rows = result.frame.query("interval == 'next' and model == @model")
    return rows[(rows["predictor"] == predictor) & (rows["outcome"] == outcome)].iloc[0]


def check(result, lavaan):
    """Estimates and standard errors of paths and variances, and the log-likelihood: 1e-5."""
    variances = result.variances.set_index(["group", "first", "second"])
    for label, estimate in lavaan["estimate"].items():
        if label in NAMES:
            row = path(result, *NAMES[label])
        else:
            pair = {"xx": ("he", "he"), "xy": ("he", "phq9"), "yy": ("phq9", "phq9")}[label[1:]]
            row = variances.loc[(PARTS[label[0]], *pair)]
        assert row["estimate"] == pytest.approx(estimate, abs=2e-5), label
        assert row["std_error"] == pytest.approx(lavaan["se"][label], abs=1e-5), label
    assert result.design["loglik"] == pytest.approx(lavaan["loglik"], abs=1e-6)


def test_ri_clpm_with_session_means_is_lavaans():
    check(cross_lagged(panel("means"), "he", "phq9"), LAVAAN["means"]["ri_clpm"])
    check(cross_lagged(panel("trend"), "he", "phq9"), LAVAAN["trend"]["ri_clpm_means"])


def test_ri_clpm_with_a_line_and_known_error_is_lavaans():
    result = cross_lagged(panel("trend"), "he", "phq9", time="trend", error_variance={"he": 0.25})
    check(result, LAVAAN["trend"]["ri_clpm"])


def test_ri_clpm_with_the_earlier_variable_first_is_lavaans():
    refers_to = {"he": "this session", "phq9": "since last session"}
    result = cross_lagged(panel("means"), "he", "phq9", refers_to=refers_to)
    check(result, LAVAAN["means"]["ri_clpm_y_first"])
    turned = cross_lagged(panel("means"), "phq9", "he", refers_to=refers_to)
    assert path(turned, "phq9", "he")["estimate"] == pytest.approx(path(result, "phq9", "he")["estimate"], abs=1e-7)
    assert turned.frame["reason"].iloc[0] == "the two speak of different intervals"


@pytest.mark.parametrize(("data", "name", "pair"), [
    ("means", "ml_sem_y", ("he", "phq9")), ("means", "ml_sem_x", ("phq9", "he")), ("trend", "ml_sem_y", ("he", "phq9")),
])  # fmt: skip
def test_ml_sem_is_lavaans(data, name, pair):
    row = path(cross_lagged(panel(data), "he", "phq9"), *pair, model="ML-SEM")
    assert row["estimate"] == pytest.approx(LAVAAN[data][name]["estimate"]["xy"], abs=1e-5)
    assert row["std_error"] == pytest.approx(LAVAAN[data][name]["se"]["xy"], abs=1e-5)


def test_units_and_order_of_rows_make_no_difference():
    data = panel("means")
    result = cross_lagged(data, "he", "phq9")
    other = cross_lagged(data.sample(frac=1, random_state=1).assign(he=data["he"] * 10 - 4), "he", "phq9")
    assert path(other, "he", "phq9")["estimate"] * 10 == pytest.approx(path(result, "he", "phq9")["estimate"], rel=1e-6)
    assert other.frame["standardized"].to_numpy() == pytest.approx(result.frame["standardized"].to_numpy(), rel=1e-6)


def test_turned_round_it_is_the_same_model():
    one, two = cross_lagged(panel("means"), "he", "phq9"), cross_lagged(panel("means"), "phq9", "he")
    for pair in NAMES.values():
        assert path(two, *pair)["estimate"] == pytest.approx(path(one, *pair)["estimate"], abs=1e-7)


def test_same_interval_is_the_mixed_model_of_the_papers():
    data = panel("means")
    row = cross_lagged(data, "he", "phq9").frame.query("model == 'mixed model'").iloc[0]
    both = within_between(data.dropna(), "he")
    fit = fit_mixed("phq9 ~ C(session) + he_within + he_between + (1 | patient)", both).frame
    assert row["estimate"] == pytest.approx(fit.set_index("term").loc["he_within", "estimate"], rel=1e-9)


def test_lags_go_by_number_and_a_centred_outcome_carries_its_bias_by_name():
    data = panel("means")
    result = cross_lagged(data, "he", "phq9")
    note = next(note for note in result.notes if note.kind == "nickell_bias")
    assert note.numbers["tends_to"] < note.numbers["carry"]
    assert "Nickell's bias" in str(result)
    assert nickell(0.3, 8) == pytest.approx(0.13, abs=0.005)  # nine sessions: .3 is estimated .13
    gap = cross_lagged(data[(data["patient"] % 3 > 0) | (data["session"] != 3)], "he", "phq9")
    assert gap.design["n_rows"] < 336
    assert gap.design["n_sessions"] == 6


def test_paths_by_session_need_as_many_patients_as_parameters():
    data = panel("means")
    result = cross_lagged(data, "he", "phq9", time="trend", paths="by session")
    assert result.frame.query("model == 'RI-CLPM' and interval == 'next'")["session"].tolist() == [2, 3, 4, 5, 6] * 4
    with pytest.raises(NotEstimable, match="41 parameters, and there are 22 patients"):
        cross_lagged(data[data["patient"] <= 22], "he", "phq9", paths="by session")


def test_what_cannot_run_is_a_row_with_its_reason():
    result = cross_lagged(panel("means").query("patient <= 22"), "he", "phq9")
    rows = result.frame.query("model == 'ML-SEM'")
    assert rows["estimate"].isna().all()
    assert rows["reason"].str.contains("22 patients").all()
    assert {note.kind for note in result.notes} >= {"cross_lagged_few", "cross_lagged_error_neglected"}
    assert "Not run" in str(result)
    assert "<table" in result._repr_html_()
    assert "|" in result.to_markdown()
    assert len(result.plot().get_yticks()) > 4


@pytest.mark.parametrize(("change", "options", "error", "said"), [
    (lambda d: d, {"time": "weeks"}, UsageError, "allowed: 'means'"),
    (lambda d: d, {"paths": "free"}, UsageError, "allowed: 'constant'"),
    (lambda d: d, {"refers_to": {"he": "yesterday"}}, UsageError, "since last session"),
    (lambda d: d, {"error_variance": {"x": 1}}, UsageError, "allowed: 'he' and 'phq9'"),
    (lambda d: d, {"error_variance": {"he": 99.0}}, UsageError, "between 0 and Var"),
    (lambda d: pd.concat([d, d.head(1)]), {}, ContractError, "stands twice"),
    (lambda d: d.assign(session=d["session"] + 0.5), {}, ContractError, "whole numbers"),
    (lambda d: d[d["session"] < 3], {}, NotEstimable, "3 sessions are the least"),
    (lambda d: d.assign(he=1.0), {}, NotEstimable, "same value"),
    (lambda d: d.assign(he=d["he"].where(d["patient"] != 1, np.inf)), {}, ContractError, "infinite"),
])  # fmt: skip
def test_refusals_say_what_to_do(change, options, error, said):
    with pytest.raises(error, match=said):
        cross_lagged(change(panel("means")), "he", "phq9", **options)
