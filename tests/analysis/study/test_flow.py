"""The flow of patients and sessions against counts of the csv files, and declared numbers against one another."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from doublecode.analysis.rendering.figures import figure_of, render_svg
from doublecode.analysis.rendering.flow_figures import Box, flow_chart, flow_parts
from doublecode.analysis.study.flow import study_flow
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.reported_parts import FlowLoss, FlowStep

PATIENTS = pd.DataFrame(
    [("P1", "completed", None), ("P2", "dropped_out", "moved away"), ("P3", "not_included", "no consent"),
     ("P4", "consent_withdrawn", "told in confidence"), ("P5", "completed", None)],
    columns=["patient", "status", "reason"],
)  # fmt: skip
SESSIONS = pd.DataFrame(
    [("P1", 1, "held", None), ("P1", 2, "not_rated", "tape lost"), ("P2", 1, "held", None), ("P4", 1, "held", None),
     ("P5", 1, "held", None), ("P5", 2, "held", None)],
    columns=["patient", "session", "status", "reason"],
).assign(phase="main", session_id=lambda frame: frame["patient"] + "-" + frame["session"].astype(str))  # fmt: skip


def flow_of(*steps, sessions=None, code=None):
    book = SimpleNamespace(title="Style (STY)", missing_codes={"IN": "not to be heard"}, columns=())
    use = SimpleNamespace(source="raters", sessions=sessions)
    study = SimpleNamespace(flow=steps, codebooks={"style": book}, use=lambda name: use)
    given = SESSIONS[SESSIONS["status"] == "held"]
    ratings = given.assign(instrument="style", value=1.0, text=None, missing_code=None)[
        ["session_id", "instrument", "value", "text", "missing_code"]
    ].astype({"text": object, "missing_code": object})
    if code is not None:
        ratings.loc[ratings["session_id"] == code, ["value", "missing_code"]] = [float("nan"), "IN"]
    return study_flow(study, PATIENTS, SESSIONS, ratings)


def rows(flow, unit):
    return list(flow.frame(unit)[["step", "kind", "label", "n"]].itertuples(index=False, name=None))


def test_without_a_declaration_the_statuses_make_the_flow():
    found = rows(flow_of(), "patients")
    assert found[0] == (1, "kept", "Patients", 5)
    assert sorted(found[1:3]) == [(1, "lost", "consent withdrawn", 1), (1, "lost", "no consent", 1)]
    assert found[3] == (2, "kept", "In the analysis", 3)
    assert "told in confidence" not in str(found)


def test_declared_boxes_counted_from_reasons_and_from_sessions():
    steps = (FlowStep(label="All"), FlowStep(label="Began", without=("no consent",)), FlowStep(label="Came", session=2))
    found = rows(flow_of(*steps), "patients")
    assert found == [
        (1, "kept", "All", 5), (1, "lost", "no consent", 1), (2, "kept", "Began", 4), (2, "lost", "moved away", 1),
        (2, "lost", "consent withdrawn", 1), (3, "kept", "Came", 2),
    ]  # fmt: skip


def test_numbers_of_before_the_table_and_a_remainder_without_a_reason():
    screened = FlowStep(label="Screened", n=20, lost=(FlowLoss(reason="not eligible", n=12),))
    found = rows(flow_of(screened, FlowStep(label="Listed")), "patients")
    assert found[:4] == [
        (1, "kept", "Screened", 20), (1, "lost", "not eligible", 12), (1, "lost", "no reason given", 3),
        (2, "kept", "Listed", 5),
    ]  # fmt: skip
    with pytest.raises(NotEstimable, match="'Screened' holds 4, of whom 0 are declared as lost, and 'Listed' holds 5"):
        flow_of(FlowStep(label="Screened", n=4), FlowStep(label="Listed"))


def test_sessions_of_an_instrument_with_what_was_lost():
    assert rows(flow_of(), "sessions") == [
        (1, "kept", "Sessions held", 5), (1, "lost", "tape lost", 1), (2, "kept", "Sessions rated", 4),
    ]  # fmt: skip
    found = rows(flow_of(sessions=(2,), code="P5-2"), "sessions")
    assert found[0][3] == 2
    assert sorted(found[1:]) == [(1, "lost", "not to be heard", 1), (1, "lost", "tape lost", 1),
                                 (2, "kept", "Sessions rated", 0)]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n": 3, "without": ("a",)}, "at most one of n, without and session"),
        ({"lost": (FlowLoss(reason="a", n=1),)}, "lost belongs to n"),
        ({"n": 3, "lost": (FlowLoss(reason="a", n=4),)}, "adds up to more than n = 3"),
    ],
)
def test_a_box_that_contradicts_itself_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        FlowStep(label="Box", **wrong)


def test_both_studies_against_their_csv_files(telephone_run, adolescent_run):
    for run in (telephone_run, adolescent_run):
        people = pd.read_csv(run.study.folder / "patients.csv", dtype=str)
        sessions = pd.read_csv(run.study.folder / "sessions.csv", dtype=str)
        main = sessions[sessions["phase"] == "main"]
        boxes = run.reported.flow.patients
        assert boxes[0].n == len(people)
        assert sum(n for box in boxes for _, n, _ in box.lost) == len(people) - boxes[-1].n
        for _, (held, rated) in run.reported.flow.sessions:
            assert held.n - sum(n for _, n, _ in held.lost) == rated.n
            assert len(set(held.members)) == held.n
            lost = main[main["session_id"].isin(set(held.members)) & (main["status"] == "not_rated")]
            counts = lost["reason"].value_counts()
            told = {why: n for why, n, _ in held.lost}
            assert {why: told[why] for why in counts.index} == counts.to_dict()
    assert [box.n for box in telephone_run.reported.flow.patients] == [152, 54, 24, 22]
    assert [box.n for box in adolescent_run.reported.flow.patients] == [50, 48, 43]
    (lane,) = telephone_run.reported.flow.sessions
    assert [box.n for box in lane[1]] == [210, 194]
    lanes = {title: [box.n for box in boxes] for title, boxes in adolescent_run.reported.flow.sessions}
    assert lanes == {"THABS": [98, 93], "Homework adherence": [91, 84], "Initial resistance": [50, 46]}


def test_every_word_of_the_figure_stays_inside_its_box():
    lanes = [("A scale", [Box("Sessions held in the first half of the treatment", 1234, (
        ("the recording is missing because the therapist forgot to start it", 17), ("protocol deviation", 4))),
        Box("Sessions rated", 1213)])]  # fmt: skip
    axes = flow_chart(lanes, "sessions")
    renderer = figure_of(axes).canvas.get_renderer()
    boxes = [patch.get_window_extent(renderer) for patch in axes.patches if patch.get_width() > 1]
    inside = [text.get_window_extent(renderer) for text in axes.texts if text.get_text() and "scale" not in
              text.get_text()]  # fmt: skip
    assert len(inside) == len(boxes) == 3
    for words in inside:
        assert any(box.x0 <= words.x0 and words.x1 <= box.x1 and box.y0 <= words.y0 and words.y1 <= box.y1
                   for box in boxes)  # fmt: skip
    assert "17" in render_svg(figure_of(axes), "flow", "Sessions")


def test_a_flow_longer_than_a_page_is_cut():
    lanes = [(f"Scale {at}", [Box("Held", 10, (("lost", 1),)), Box("Rated", 9)]) for at in range(12)]
    parts = flow_parts(lanes, "sessions")
    assert len(parts) > 1
    assert [lane for part in parts for lane in part] == lanes


def test_a_session_that_nobody_held_is_no_step():
    with pytest.raises(NotEstimable, match="flow 'Came to session 99': found session 99, allowed 1 to"):
        flow_of(FlowStep(label="Came to session 99", session=99))


def test_a_reason_that_no_patient_has_is_refused_and_none_told_in_confidence_is_named():
    with pytest.raises(
        NotEstimable, match=r"no patient has the reason 'moved awya'; .*did you mean 'moved away'\?"
    ) as met:
        flow_of(FlowStep(label="All"), FlowStep(label="Began", without=("moved awya",)))
    assert "told in confidence" not in str(met.value)
