"""Plans that broke in other people's hands: who left in the middle of a tape, absences, restrictions, second rounds."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from doublecode.coding.allocation import solving
from doublecode.coding.allocation.blinding import alias
from doublecode.coding.allocation.plan import allocate, plan_streams, planned_apart, stream_of
from doublecode.schemas.allocation import Demands, Limit, Restriction, Separation
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import SESSIONS

sys.path.insert(0, str(Path(__file__).parents[1] / "coding" / "allocation"))
import check_plan

BOTH = ["ghes", "sthar"]


def held(n_patients, n_sessions, pilot=0):
    """Synthetic sessions; the first `pilot` of the first patient are of the pilot."""
    rows = [
        (f"S-{p}{n:02d}", f"P{p}", f"T{p % 3}", n, None, 50.0, "pilot" if not p and n <= pilot else "main", "held",
         None, None)
        for p in range(n_patients)
        for n in range(1, n_sessions + 1)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(SESSIONS.columns))


def test_who_left_in_the_middle_of_a_tape_gets_nothing_more_and_others_take_over():
    sessions, raters, demands = held(3, 6), ["ann", "ben", "cem", "dora"], Demands(share=0.5)
    before = allocate(sessions, raters, instruments=BOTH, demands=demands).assignments
    done = before[(before["rater"] != "ann") | (before["instrument"] == "ghes")]  # ann rated one of two instruments
    left = demands.model_copy(update={"limits": (Limit(rater="ann", left=True),)})
    after = allocate(sessions, raters, instruments=BOTH, demands=left, kept=done).assignments
    assert len(after[after["rater"] == "ann"]) == len(done[done["rater"] == "ann"])
    for instrument in BOTH:
        own = after[after["instrument"] == instrument]
        assert set(own["session_id"]) == set(sessions["session_id"])
        assert own.groupby("session_id").size().ge(2).sum() == 9
        assert (own[own["role"] == "primary"].groupby("session_id").size() == 1).all()
    assert not planned_apart(after, BOTH, left)
    again = allocate(sessions, raters, instruments=BOTH, demands=left, kept=after).assignments
    assert len(again) == len(after)


def test_an_instrument_whose_only_rater_has_left_asks_for_another():
    sessions, left = held(2, 4), Demands(share=0.0, limits=(Limit(rater="ann", left=True),))
    with pytest.raises(UsageError, match=r"all raters of ghes have left\. Give ghes a rater who has not left"):
        allocate(sessions, ["ann"], instruments=["ghes"], demands=left)
    assert len(allocate(sessions, ["ann", "ben"], instruments=["ghes"], demands=left).assignments) == len(sessions)


def test_an_absence_leaves_the_other_batches_even_and_recodes_in_the_last():
    demands = Demands(share=0.4, batches=3, recodes=2, limits=(Limit(rater="ben", batch=2, sessions=0),))
    plan = allocate(held(6, 8), ["ann", "ben", "cem"], instruments=["ghes"], demands=demands)
    own = plan.assignments[plan.assignments["rater"] == "ben"]
    sizes = Counter(own["batch"])
    assert set(sizes) == {"batch01", "batch03"}
    assert abs(sizes["batch01"] - sizes["batch03"]) <= 1
    assert set(own.loc[own["occasion"] == 2, "batch"]) == {"batch03"}
    assert not any("coded again in the batch" in text for text in plan.note_texts())


def test_a_therapist_whom_one_may_not_rate_is_shared_evenly_by_the_others():
    barred = Restriction(rater="ann", column="therapist", never=("T2",))
    demands = Demands(share=0.4, restrictions=(barred,))
    plan = allocate(held(9, 6), ["ann", "ben", "cem", "dora"], instruments=["ghes"], demands=demands)
    met = plan.frame[plan.frame["table"] == "therapist"].set_index("name")["sessions"]
    own = [met[f"T2 · {rater}"] for rater in ("ben", "cem", "dora")]
    assert met["T2 · ann"] == 0
    assert max(own) - min(own) <= 1


def test_a_second_round_of_the_pilot_is_a_batch_of_its_own():
    raters = ["ann", "ben"]
    before = allocate(held(3, 6, pilot=2), raters, instruments=["ghes"]).assignments
    after = allocate(held(3, 6, pilot=4), raters, instruments=["ghes"], kept=before).assignments
    pilot = after[after["role"] == "pilot"].groupby("batch")["session_id"].agg(set)
    assert pilot["pilot"] == {"S-001", "S-002"}
    assert pilot["pilot02"] == {"S-003", "S-004"}


def test_a_batch_that_is_out_for_withdrawn_sessions_alone_is_not_filled_anew():
    sessions = held(3, 6)
    kept = pd.DataFrame([("S-001", "ann", "ghes", "primary", "batch02")], columns=["session_id", "rater", "instrument",
                        "role", "batch"])  # fmt: skip
    gone = sessions.assign(
        status=sessions["status"].mask(sessions["session_id"] == "S-001", "not_rated"), reason="lost"
    )
    after = allocate(gone, ["ann", "ben"], instruments=["ghes"], demands=Demands(batches=1), kept=kept).assignments
    assert set(after["batch"]) == {"batch03"}


def test_an_anchor_whose_tape_fails_stops_nothing_and_a_slip_is_refused():
    sessions, demands = held(2, 6), Demands(share=0.5, anchors=("S-001", "S-101"))
    failed = sessions.assign(status=sessions["status"].mask(sessions["session_id"] == "S-101", "not_rated"), reason="x")
    plan = allocate(failed, ["ann", "ben", "cem"], instruments=["ghes"], demands=demands)
    assert plan.design["anchors"] == ["S-001"]
    assert any("1 anchor(s) are rated no more (S-101)" in text for text in plan.note_texts())
    with pytest.raises(UsageError, match="anchors: no session is called 'S-999'"):
        allocate(sessions, ["ann", "ben"], instruments=["ghes"], demands=Demands(anchors=("S-999",)))
    with pytest.raises(UsageError, match="S-001 is of the pilot"):
        allocate(held(2, 6, pilot=1), ["ann", "ben"], instruments=["ghes"], demands=Demands(anchors=("S-001",)))


def test_teams_of_separated_instruments_are_found_where_drawn_ones_fail(monkeypatch):
    monkeypatch.setattr(solving, "TURNS", 0)  # as if no drawn division had a plan
    demands = Demands(share=0.5, separations=(Separation(instruments=tuple(BOTH)),), strata=("patient",))
    sessions, raters = held(4, 4), ("ann", "ben", "cem", "dora")
    streams = [stream_of(sessions, raters, [name], demands) for name in BOTH]
    rows = pd.concat([plan.assignments for plan in plan_streams(streams, demands, 1)], ignore_index=True)
    found = check_plan.breaches(
        check_plan.rows_of(rows.to_csv(index=False)), sessions.to_dict("records"), raters, demands
    )
    assert found == []


@pytest.mark.parametrize(
    ("name", "blind"),
    [
        ("Meier 1.3.2024", "S-1"),
        ("12.03.Maya", "S-1"),
        ("Meier.MP3", "S-1.MP3"),
        ("D:\\a.b\\x.wav", "S-1.wav"),
        ("", ""),
    ],
)
def test_no_date_or_name_is_taken_for_a_kind_of_recording(name, blind):
    assert alias("S-1", name) == blind
