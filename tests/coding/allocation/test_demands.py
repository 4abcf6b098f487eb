"""Random demands: every plan keeps them by a check of its own, every refusal names a change that then succeeds."""

from __future__ import annotations

import datetime as dt
import os
import random
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doublecode.coding.allocation import relaxation
from doublecode.coding.allocation.plan import plan_streams, planned_apart, stream_of
from doublecode.coding.allocation.relaxation import AllocationImpossible
from doublecode.coding.allocation.study_plan import all_assignments
from doublecode.schemas.allocation import Demands, Limit, Restriction, Separation, StratumShare
from doublecode.schemas.frames import SESSIONS

sys.path.insert(0, str(Path(__file__).parent))
import check_plan

breaches, rows_of = check_plan.breaches, check_plan.rows_of
RATERS = ("ann", "ben", "cem", "dora", "eli", "fay")
STRATA = (("therapist", "patient", "stage"), ("site",), ("patient", "stage"), ("site", "stage"))
KEYS = ["session_id", "rater", "instrument"]
EXAMPLES = int(os.environ.get("DOUBLECODE_DEMAND_SETS", "20"))


def held(n_patients, n_sessions):
    rows = [
        (
            f"S-{patient:02d}{number:02d}", f"P{patient}", f"T{patient % 3}", number,
            str(dt.date(2026, 1, 1) + dt.timedelta(days=7 * number + patient)), 50.0, "main", "held", "", "",
            "north" if patient % 2 else "south",
        )
        for patient in range(n_patients)
        for number in range(1, n_sessions + 1)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=[*SESSIONS.columns, "site"])


@st.composite
def demand_sets(draw):
    n_patients, n_sessions = draw(st.integers(2, 7)), draw(st.integers(2, 8))
    raters = RATERS[: draw(st.integers(2, 6))]
    n, batches = n_patients * n_sessions, draw(st.integers(1, 3))
    whole = st.builds(lambda rater, most: Limit(rater=rater, sessions=most), st.sampled_from(raters), st.integers(0, n))
    batch = st.builds(
        lambda rater, most, place: Limit(rater=rater, sessions=most, batch=place),
        st.sampled_from(raters), st.integers(0, n // 2), st.integers(1, batches),
    )  # fmt: skip
    dated = st.builds(
        lambda rater, most, day: Limit(rater=rater, sessions=most, since=dt.date(2026, 1, day)),
        st.sampled_from(raters), st.integers(0, n // 2), st.integers(1, 28),
    )  # fmt: skip
    hours = st.builds(lambda rater, most: Limit(rater=rater, hours=most), st.sampled_from(raters), st.integers(1, n))
    limits = draw(st.lists(whole | batch | dated | hours, max_size=4))
    never = st.builds(
        lambda rater, value: Restriction(rater=rater, column="therapist", never=(value,)),
        st.sampled_from(raters), st.sampled_from(["T0", "T1", "T2"]),
    )  # fmt: skip
    only = st.builds(
        lambda rater, value: Restriction(rater=rater, column="site", only=(value,)),
        st.sampled_from(raters), st.sampled_from(["north", "south"]),
    )  # fmt: skip
    named = st.sampled_from(["", "patient", "therapist"])
    within = draw(named)
    shares = st.builds(
        lambda column, value, share: StratumShare(column=column, value=value, share=share),
        st.just("site"), st.sampled_from(["north", "south"]), st.sampled_from([0.0, 0.5, 1.0]),
    )  # fmt: skip
    anchors = draw(st.sampled_from([0, 0, ("S-0001",), ("S-0001", "S-0102")]))
    demands = Demands(
        share=draw(st.sampled_from([0.0, 0.2, 0.4, 0.5, 1.0])),
        shares=tuple(draw(st.lists(shares, max_size=1))),
        strata=draw(st.sampled_from(STRATA)),
        batches=batches,
        limits=tuple(limits),
        restrictions=tuple(draw(st.lists(never | only, max_size=3))),
        separations=(Separation(instruments=("ghes", "sthar"), within=within),) if within else (),
        recodes=draw(st.sampled_from([0, 0, 1, 3])),
        anchors=anchors,
        anchor_times=draw(st.integers(1, 2)) if anchors else 1,
        training=draw(st.sampled_from([(), ("S-0101",)])),
        connected=draw(st.booleans()),
        minutes_per_rating=60.0 if any(one.hours is not None for one in limits) else None,
    )
    return held(n_patients, n_sessions), raters, demands, draw(st.integers(0, 99))


def planned(sessions, raters, demands, seed, kept=None):
    apart = {name for one in demands.separations for name in one.instruments}
    both = ["ghes", "sthar"]
    sets = [["ghes"], ["sthar"]] if apart or planned_apart(kept, both, demands) else [both]
    streams = [stream_of(sessions, raters, names, demands, kept=kept) for names in sets]
    return all_assignments(plan_streams(streams, demands, seed), kept)


def checked(rows, sessions, raters, demands, kept=None):
    text = rows.to_csv(index=False)
    keep = [] if kept is None else rows_of(kept.to_csv(index=False))
    return breaches(rows_of(text), sessions.to_dict("records"), raters, demands, keep)


def planned_or_mended(sessions, raters, demands, seed, kept=None):
    """A plan, if need be of the demands as a refusal would change them: that has to succeed."""
    try:
        return planned(sessions, raters, demands, seed, kept), demands
    except AllocationImpossible as refusal:
        mended = refusal.mended
    assert mended != demands
    return planned(sessions, raters, mended, seed, kept), mended


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES <= 20)
@given(demand_sets())
def test_every_plan_keeps_every_demand_and_every_refusal_names_a_change_that_succeeds(case):
    sessions, raters, demands, seed = case
    rows, demands = planned_or_mended(sessions, raters, demands, seed)
    assert checked(rows, sessions, raters, demands) == []
    again = planned(sessions, raters, demands, seed)
    assert again.to_csv() == rows.to_csv()


@settings(
    max_examples=max(EXAMPLES // 5, 1),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=EXAMPLES <= 20,
)
@given(demand_sets(), st.integers(0, 10**6), st.sampled_from(["leaves", "fails", "comes"]))
def test_replanning_keeps_what_is_finished_whatever_happens(case, chance, event):
    """A random part is done; then a rater leaves, a tape fails, or sessions come."""
    sessions, raters, demands, seed = case
    rows, demands = planned_or_mended(sessions, raters, demands, seed)
    rng = random.Random(chance)
    done = rows[[rng.random() < 0.4 for _ in range(len(rows))]]
    if "occasion" in done.columns:  # nobody recodes what she has not coded
        coded = {tuple(key) for key in done.loc[done["occasion"] == 1, KEYS].to_numpy()}
        able = [tuple(key) in coded for key in done[KEYS].to_numpy()]
        done = done[(done["occasion"] == 1) | pd.Series(able, done.index, dtype=bool)]
    if event == "leaves" and len(raters) > 2:
        demands = demands.model_copy(update={"limits": (*demands.limits, Limit(rater=raters[0], left=True))})
    elif event == "fails" and len(sessions) > 2:
        sessions = sessions.copy()
        sessions.loc[sessions.index[-1], ["status", "reason"]] = ["not_rated", "tape failed"]
    elif event == "comes":
        new = held(2, 2).assign(session_id=lambda f: "N" + f["session_id"], patient=lambda f: "N" + f["patient"])
        sessions = pd.concat([sessions, new], ignore_index=True)
    after, demands = planned_or_mended(sessions, raters, demands, seed, done)
    rated = sessions[sessions["status"] == "held"]
    found = checked(after, rated, raters, demands, done)
    gone = set(sessions["session_id"]) - set(rated["session_id"])
    found = [one for one in found if not any(name in one for name in gone)]
    assert found == [], found


def test_anchors_alone_have_to_join_the_raters_too():
    """Nothing is coded twice but an anchor, and one rater may not hear it: found among 200 drawn sets of demands."""
    never = (Restriction(rater="ann", column="therapist", never=("T0",)),)
    demands = Demands(share=0.0, restrictions=never, anchors=("S-0001",), connected=True)
    sessions, raters = held(2, 2), ("ann", "ben", "cem", "dora")
    with pytest.raises(AllocationImpossible):
        planned(sessions, raters, demands, 0)
    rows, mended = planned_or_mended(sessions, raters, demands, 0)
    assert checked(rows, sessions, raters, mended) == []
    free = demands.model_copy(update={"restrictions": ()})
    assert checked(planned(sessions, raters, free, 0), sessions, raters, free) == []


def test_who_alone_rates_an_anchor_has_to_hang_together_with_the_others():
    """Of separated instruments a team of one rated an anchor; she was forgotten: found among 200 drawn sets."""
    never = tuple(Restriction(rater=rater, column="therapist", never=(value,)) for rater, value in (
        ("ann", "T0"), ("eli", "T1"), ("ann", "T1")))  # fmt: skip
    demands = Demands(
        share=0.0, restrictions=never, separations=(Separation(instruments=("ghes", "sthar"), within="therapist"),),
        anchors=("S-0001", "S-0102"), training=("S-0101",), connected=True,
    )  # fmt: skip
    sessions, raters = held(2, 2), RATERS[:5]
    rows, mended = planned_or_mended(sessions, raters, demands, 0)
    assert checked(rows, sessions, raters, mended) == []


def test_instruments_whose_raters_differ_stay_apart_when_their_separation_is_given_up():
    """They were joined: every session that had been given out got the raters of both, four in all."""
    demands = Demands(share=1.0, separations=(Separation(instruments=("ghes", "sthar"), within="patient"),))
    sessions, raters = held(2, 4), ("ann", "ben", "cem", "dora")
    before = planned(sessions, raters, demands, 0)
    assert planned_apart(before, ["ghes", "sthar"], demands)
    given_up = demands.model_copy(update={"separations": ()})
    after = planned(sessions, raters, given_up, 0, before.iloc[::2])
    assert checked(after, sessions, raters, given_up, before.iloc[::2]) == []
    assert not planned_apart(planned(sessions, raters, given_up, 0), ["ghes", "sthar"], given_up)


def test_where_no_least_change_is_found_all_that_is_given_up_makes_a_plan(monkeypatch):
    monkeypatch.setattr(relaxation, "_left_demands", lambda *_: None)
    demands = Demands(
        share=0.0, shares=(StratumShare(column="site", value="north", share=1.0),), minutes_per_rating=60.0,
        limits=(Limit(rater="ann", hours=1.0), Limit(rater="ben", sessions=1)), recodes=2,
        restrictions=(Restriction(rater="ann", column="therapist", never=("T0", "T1")),),
    )  # fmt: skip
    sessions, raters = held(3, 4), ("ann", "ben")
    with pytest.raises(AllocationImpossible, match=r"Raise the limit of .* from 1 to \d+ .*give up the shares") as said:
        planned(sessions, raters, demands, 0)
    for one in said.value.changes:  # and each of them is needed
        others = [change for change in said.value.changes if change != one]
        with pytest.raises(AllocationImpossible):
            planned(sessions, raters, relaxation._changed(demands, others), 0)
    mended = said.value.mended
    assert checked(planned(sessions, raters, mended, 0), sessions, raters, mended) == []


def test_anchors_that_nobody_is_there_for_are_said():
    """A replanning left the anchor of a rater out who is absent from every batch that is left, and said nothing."""
    demands = Demands(share=0.5, anchors=("S-0001",), batches=1)
    sessions, raters = held(2, 4), ("ann", "ben", "cem")
    done = planned(sessions, raters, demands, 0)
    done = done[(done["rater"] != "ann") | (done["occasion"] == 1)]
    absent = demands.model_copy(update={"batches": 2, "limits": (Limit(rater="ann", sessions=0, batch=2),)})
    streams = [stream_of(sessions, raters, ["ghes", "sthar"], absent, kept=done)]
    (plan,) = plan_streams(streams, absent, 0)
    assert not len(plan.assignments[(plan.assignments["rater"] == "ann") & (plan.assignments["occasion"] > 1)])
    (told,) = [text for text in plan.note_texts() if "anchors" in text]
    assert told.startswith("1 later rating(s) of anchors are left out (ann)")
    here = planned(sessions, raters, demands, 0)
    assert not any("anchors" in text for text in plan_streams([stream_of(
        sessions, raters, ["ghes", "sthar"], demands, kept=here)], demands, 0)[0].note_texts())  # fmt: skip


def test_recodes_that_were_written_by_hand_are_not_spread_to_other_instruments():
    """A replanning of a finished study gave twenty new ones out: recodes of one instrument by the other as well."""
    demands, raters, sessions = Demands(share=0.5), ("ann", "ben", "cem"), held(2, 4)
    before = planned(sessions, raters, demands, 0)
    again = before[before["instrument"] == "ghes"].groupby("rater").head(1).assign(occasion=2, batch="batch02")
    plan = pd.concat([before.assign(occasion=1), again], ignore_index=True)
    assert len(planned(sessions, raters, demands, 0, plan)) == len(plan)
    asked = demands.model_copy(update={"recodes": 1})
    assert len(planned(sessions, raters, asked, 0, plan)) == len(plan) + len(again)
