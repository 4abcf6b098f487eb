"""Reliable change by Jacobson and Truax's own example and by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import reliable_change
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable, UsageError

R = json.loads((Path(__file__).parents[2] / "reference" / "patient_change.json").read_text())
GIVEN = {"reliability": 0.80, "sd": 7.5, "source": "Jacobson & Truax 1991", "better": "higher"}


def people(**columns):
    frame = pd.DataFrame(columns)
    return frame.assign(patient=[f"P{n}" for n in range(len(frame))])


def test_their_own_example():
    """Pre 32.5, post 47.5, SD 7.5, reliability .80: S_E 3.35, S_diff 4.74, RC 3.16; cut-offs a 55, b 45, c 50."""
    data = people(pre=[32.5], post=[47.5])
    groups = {"a": {"clinical": (40, 7.5)}, "b": {"norm": (60, 7.5)}, "c": {"clinical": (40, 7.5), "norm": (60, 7.5)}}
    cuts = {name: reliable_change(data, "pre", "post", **GIVEN, **more) for name, more in groups.items()}
    assert {name: found.spec["cutoff"] for name, found in cuts.items()} == {"a": 55.0, "b": 45.0, "c": 50.0}
    row = cuts["c"].patients.iloc[0]
    assert row["rci"] == pytest.approx(15 / 4.74, abs=0.005)
    assert cuts["c"].design["smallest"] == pytest.approx(1.959964 * 7.5 * math.sqrt(0.4), rel=1e-6)
    assert [found.patients["category"].iloc[0] for found in cuts.values()] == ["improved", "recovered", "improved"]


def test_every_kind_of_change_and_where_lower_is_better():
    """S_diff = √2 · 5 · √.2 = 3.162, so 6.2 points are reliable; cut-off 10."""
    data = people(pre=[20.0, 14, 14, 9, 14, 20], post=[12.0, 7, 9, 2, 21, 20])
    found = reliable_change(data, "pre", "post", reliability=0.8, sd=5.0, source="norms", cutoff=10)
    assert found.patients["category"].tolist() == [
        "improved", "recovered", "unchanged", "improved", "deteriorated", "unchanged",
    ]  # fmt: skip
    assert found.patients["change"].tolist() == [8, 7, 5, 7, -7, 0]
    assert found.frame["n"].tolist() == [1, 2, 2, 1]
    assert found.frame["conf_high"].iloc[0] == pytest.approx(0.5635, abs=5e-5)  # prop.test(1, 6, correct = FALSE)
    assert {note.kind: note.numbers for note in found.notes}["change_healthy_before"] == {"n": 1, "of": 6}
    assert found.frame["proportion"].sum() == pytest.approx(1.0)
    turned = reliable_change(
        data.assign(pre=-data["pre"], post=-data["post"]), "pre", "post", reliability=0.8, sd=5.0, source="norms",
        cutoff=-10, better="higher",
    )  # fmt: skip
    assert turned.patients["category"].tolist() == found.patients["category"].tolist()
    plain = reliable_change(data, "pre", "post", reliability=0.8, sd=5.0, source="norms")
    assert plain.frame["category"].tolist() == ["improved", "unchanged", "deteriorated"]
    assert "change_without_cutoff" in {note.kind for note in plain.notes}
    labels = [text.get_text() for text in found.plot().get_legend().get_texts()]
    assert labels == ["recovered (1)", "improved (2)", "unchanged (2)", "deteriorated (1)"]


def test_base_r_sorts_the_same_patients_and_has_the_same_limits():
    """A score on the cut-off is one of patients, before as after: P09 begins at 10. Tolerance: R's printed digits."""
    pre = [18, 14, 11, 20, 9, 16, 12, 15, 10, 13, 17, np.nan]
    post = [6, 9, 12, 13, 2, 22, np.nan, 15, 4, 10, 8, 7]
    data = people(pre=pre, post=post)
    found = reliable_change(data, "pre", "post", reliability=0.84, sd=6.1, source="Kroenke et al. 2001", cutoff=10)
    assert found.patients["rci"].tolist() == pytest.approx(R["rci"], abs=1e-12)
    assert found.patients["category"].tolist() == R["category"]
    for name in ("sem", "s_diff", "smallest"):
        assert found.design[name] == pytest.approx(R[name], rel=1e-12)
    kinds = found.frame.iloc[:4]
    for name, key in (("n", "n"), ("conf_low", "low"), ("conf_high", "high")):
        assert kinds[name].tolist() == pytest.approx(R[key], abs=1e-12)
    lost = found.frame.iloc[4:]
    assert dict(zip(lost["category"], lost["n"], strict=True)) == {"no value before": 1, "no value after": 1}
    assert lost[["proportion", "conf_low", "conf_high"]].isna().all(axis=None)


def test_who_begins_on_the_cut_off_can_recover_and_who_ends_on_it_has_not():
    found = reliable_change(
        people(pre=[10.0, 20.0], post=[1.0, 10.0]), "pre", "post", reliability=0.9, sd=5, source="norms", cutoff=10
    )
    assert found.patients["category"].tolist() == ["recovered", "improved"]


def test_the_samples_own_spread_is_labelled_and_missing_values_counted():
    data = people(pre=[20.0, 14, 8, 11], post=[12.0, np.nan, 9, 2])
    found = reliable_change(data, "pre", "post", reliability=0.8, sd="sample", source="our pilot")
    assert found.spec["sd"] == pytest.approx(np.std([20, 8, 11], ddof=1))
    assert {"change_sample_sd", "change_lost"} <= {note.kind for note in found.notes}
    assert found.design["lost"] == [{"patient": "P1", "reason": "post is missing"}]
    assert (found.design["n_patients"], found.design["n_given"]) == (3, 4)
    with pytest.raises(NotEstimable, match="no spread"):
        reliable_change(people(pre=[5.0, 5], post=[4.0, 3]), "pre", "post", reliability=0.8, sd="sample", source="x")


@pytest.mark.parametrize(
    ("more", "wrong", "said"),
    [
        ({"reliability": 1.0}, UsageError, "between 0 and 1"),
        ({"sd": 0}, UsageError, "above 0, or 'sample'"),
        ({"source": " "}, UsageError, "say where"),
        ({"better": "less"}, UsageError, "allowed: 'lower' and 'higher'"),
        ({"cutoff": 5, "norm": (3, 1)}, UsageError, "one of them is enough"),
        ({"norm": (3, 0)}, UsageError, "a mean and a standard deviation above 0"),
        ({"patient": "word"}, DuplicateError, "x has two rows"),
    ],
)
def test_what_cannot_be_is_refused(more, wrong, said):
    data = people(pre=[20.0, 14], post=[12.0, 9]).assign(word="x")
    with pytest.raises(wrong, match=said):
        reliable_change(data, "pre", "post", **{"reliability": 0.8, "sd": 5.0, "source": "norms"} | more)
    with pytest.raises(ContractError, match="must hold numbers"):
        reliable_change(data, "word", "post", reliability=0.8, sd=5.0, source="norms")
