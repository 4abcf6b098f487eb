from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doublecode.coding.allocation.plan import allocate
from doublecode.coding.allocation.proof import check_connected
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import ASSIGNMENTS, SESSIONS, check_frame
from doublecode.schemas.results import Note


def held(n_patients: int, n_sessions: int, n_pilot: int = 0) -> pd.DataFrame:
    rows = [
        (f"S-{patient:02d}{number:02d}", f"P{patient}", f"T{patient % 3}", number, "", 50.0, "main", "held", "", "")
        for patient in range(n_patients)
        for number in range(1, n_sessions + 1)
    ]
    rows += [(f"S-X{n}", "PX", "T1", n + 1, "", 50.0, "pilot", "held", "", "") for n in range(n_pilot)]
    return pd.DataFrame(rows, columns=list(SESSIONS.columns))


def table(plan, name):
    return plan.frame[plan.frame["table"] == name]


def test_the_design_of_haller_and_watzke():
    """194 sessions, five raters, 40 % coded twice: 32–38 primary sessions each is what the paper prints for 160–190."""
    sessions = held(22, 9, 3).drop(index=[5, 44, 90, 150])
    plan = allocate(sessions, ["R1", "R2", "R3", "R4", "R5"], instruments=["ghes", "sthar"], share=0.4)
    assert plan.design["sessions"] == 194
    assert plan.design["double_coded"] == round(0.4 * 194)
    assert table(plan, "load")["sessions"].sum() == 194 + 78
    assert table(plan, "load")["sessions"].max() - table(plan, "load")["sessions"].min() <= 1
    assert table(plan, "pair")["sessions"].between(7, 8).all()
    rated = plan.assignments[(plan.assignments["instrument"] == "ghes") & (plan.assignments["role"] != "pilot")]
    twice = rated.groupby("session_id").size().gt(1).rename("twice")
    known = sessions.set_index("session_id").join(twice, how="inner").assign(phase=lambda f: f["session"] > 4)
    cells = known.groupby(["patient", "phase"])["twice"].agg(["size", "sum"])
    assert len(cells) == 44
    assert (cells["sum"] >= np.floor(0.4 * cells["size"] + 1e-9)).all()
    assert (cells["sum"] <= np.ceil(0.4 * cells["size"] - 1e-9)).all()
    shares = known.groupby(["therapist", "phase"])["twice"].mean()
    assert len(shares) == 6
    assert shares.between(0.35, 0.45).all()
    main = plan.assignments[(plan.assignments["role"] != "pilot") & (plan.assignments["instrument"] == "ghes")]
    primary = main[main["role"] == "primary"].groupby("rater").size()
    assert primary.max() - primary.min() <= 2
    pilot = plan.assignments[(plan.assignments["role"] == "pilot") & (plan.assignments["instrument"] == "sthar")]
    assert pilot.groupby("session_id")["rater"].nunique().tolist() == [5, 5, 5]
    assert check_connected(plan.assignments) == []
    per_instrument = plan.assignments.groupby("instrument")[["session_id", "rater", "role", "batch"]]
    ghes, sthar = (group.to_numpy().tolist() for _, group in per_instrument)
    assert ghes == sthar


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 8), st.integers(2, 9), st.integers(2, 6), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.integers(0, 99)
)
def test_every_session_has_its_raters_whatever_the_seed(n_patients, n_sessions, n_raters, share, seed):
    sessions = held(n_patients, n_sessions)
    raters = [f"R{n}" for n in range(n_raters)]
    n_double = round(share * len(sessions))
    if 0 < n_double < n_raters - 1:
        return
    plan = allocate(sessions, raters, instruments=["ghes"], share=share, seed=seed)
    check_frame(plan.assignments, ASSIGNMENTS)
    counts = plan.assignments.groupby("session_id").size()
    assert set(counts.index) == set(sessions["session_id"])
    assert (counts == 2).sum() == n_double
    assert counts.max() <= 2
    assert (plan.assignments[plan.assignments["role"] == "primary"].groupby("session_id").size() == 1).all()
    loads = table(plan, "load")["sessions"]
    pairs = table(plan, "pair")["sessions"]
    assert loads.max() - loads.min() <= n_raters
    assert pairs.max() - pairs.min() <= 1
    assert len(pairs) == len(list(combinations(raters, 2)))
    if n_double:
        assert check_connected(plan.assignments) == []


def test_same_seed_same_plan_other_seed_another():
    sessions = held(6, 5)
    one, two, three = (
        allocate(sessions, ["R1", "R2", "R3"], instruments=["ghes"], seed=seed).assignments for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(three)


def test_batches_split_a_load_evenly_and_hide_the_doubles():
    plan = allocate(held(6, 8), ["R1", "R2", "R3"], instruments=["ghes"], batches=3, share=0.5)
    sizes = plan.assignments.groupby(["rater", "batch"]).size()
    assert sizes.max() - sizes.min() <= 2
    assert plan.assignments.groupby("rater")["batch"].nunique().tolist() == [3, 3, 3]
    assert (plan.assignments.groupby(["rater", "batch"])["role"].nunique() == 2).all()


def test_sessions_that_cannot_be_rated_are_left_out_with_their_reason():
    sessions = held(4, 5)
    sessions.loc[3, ["status", "reason"]] = ["not_rated", "no recording"]
    plan = allocate(sessions, ["R1", "R2"], instruments=["ghes"])
    assert plan.design["left_out"] == {"S-0004": "no recording"}
    assert "S-0004" not in set(plan.assignments["session_id"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 24), min_size=2, max_size=5), st.sampled_from([0.2, 0.5, 1.0]), st.integers(0, 9))
def test_loads_that_suffice_in_sum_are_enough(limits, share, seed):
    sessions = held(4, 5)
    loads = {f"R{n}": limit for n, limit in enumerate(limits)}
    wanted = 20 + round(20 * share)
    if sum(min(limit, 20) for limit in limits) < wanted:
        with pytest.raises(UsageError, match="allocation_impossible"):
            allocate(sessions, list(loads), instruments=["ghes"], share=share, loads=loads, seed=seed)
        return
    plan = allocate(sessions, list(loads), instruments=["ghes"], share=share, loads=loads, seed=seed)
    assert len(plan.assignments) == wanted
    assert all(row.sessions <= loads[row.name] for row in table(plan, "load").itertuples(index=False))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loads": {"R1": 5, "R2": 5, "R3": 5}}, r"Raise the limit of R\d from 5 to 18 sessions\.$"),
        (
            {"loads": {"R1": 8, "R2": 8, "R3": 8}},
            r"limit of R\d from 8 to 12 sessions, or lower share from 0\.4 to 0\.2\.",
        ),
        (
            {"loads": {"R1": 40, "R2": 2, "R3": 2}},
            r"limit of R\d from 2 to 6 sessions, or lower share from 0\.4 to 0\.2\.",
        ),
        ({"share": 0.05}, r"cannot connect 3 raters\. Raise share from 0\.05 to 0\.1\."),
        ({"raters": ["R1"]}, "two raters are needed .* Lower share from 0\\.4 to 0, or add a rater\\."),
        ({"share": 1.5}, r"share: found 1\.5, allowed 0 to 1"),
        ({"loads": {"R9": 5}}, "rater 'R9' is not among the raters; allowed: R1, R2, R3"),
        ({"raters": ["R1", "R1"]}, "each once"),
    ],
)
def test_an_impossible_wish_names_the_smallest_change(arguments, message):
    wishes = {"raters": ["R1", "R2", "R3"], "share": 0.4, **arguments}
    with pytest.raises(UsageError, match=message):
        allocate(held(4, 5), wishes.pop("raters"), instruments=["ghes"], **wishes)


def test_the_smallest_change_is_enough():
    plan = allocate(held(4, 5), ["R1", "R2", "R3"], instruments=["ghes"], share=0.2, loads={"R1": 8, "R2": 8, "R3": 8})
    assert table(plan, "load")["sessions"].tolist() == [8, 8, 8]
    plan = allocate(held(4, 5), ["R1", "R2", "R3"], instruments=["ghes"], share=0.1)
    assert check_connected(plan.assignments) == []


def test_uneven_loads_are_used_to_the_last_place():
    """Pairing R2 with R3 would use up their room; only pairs with R1 reach eight double-coded sessions."""
    loads = {"R1": 20, "R2": 4, "R3": 4}
    for seed in range(10):
        plan = allocate(held(4, 5), ["R1", "R2", "R3"], instruments=["ghes"], share=0.4, loads=loads, seed=seed)
        assert table(plan, "load")["sessions"].tolist() == [20, 4, 4]
        assert table(plan, "load")["double"].tolist() == [8, 4, 4]


def test_groups_that_share_nothing_are_named():
    rows = [("S-1", "R1"), ("S-1", "R2"), ("S-2", "R3"), ("S-2", "R4"), ("S-3", "R1")]
    assignments = pd.DataFrame(
        [(session, rater, "ghes", "primary", "b") for session, rater in rows], columns=list(ASSIGNMENTS.columns)
    )
    (note,) = check_connected(assignments)
    assert note == Note("raters_apart", "ghes", {"groups": (("R1", "R2"), ("R3", "R4"))})
    apart = replace(allocate(held(4, 5), ["R1", "R2"], instruments=["ghes"], share=0.4), notes=(note,))
    assert apart.note_texts()[0].endswith("into groups that share nothing: R1+R2 | R3+R4. Double-code one session "
                                          "across the groups.")  # fmt: skip
