"""Models of process as a study declares them: they act, or are refused, or leave a row with their reason."""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.resources import as_file, files

import pytest

from doublecode.analysis import read_study
from doublecode.analysis.rendering.document import Picture
from doublecode.analysis.rendering.tables import Table
from doublecode.analysis.report.headlines import headlines
from doublecode.analysis.report.sections_data import rows_section
from doublecode.analysis.report.sections_patients import patients_section
from doublecode.analysis.report.sections_process import process_sections
from doublecode.analysis.report.traced_tables import TracedTables
from doublecode.analysis.study.declared_process import process_answers
from doublecode.analysis.study.rater_scores import coded_variables, rater_scores
from doublecode.analysis.study.run import analyse, frame_of, score_study
from doublecode.analysis.study.trace.source_cells import How
from doublecode.schemas import load_study
from doublecode.schemas.errors import StudyError

DECLARED = """
[[rater_corrections]]
name = "phq9_on_he"
title = "Symptoms on engagement"
formula = "phq9 ~ session + he + (1 | patient)"
split = ["he"]

[[rater_corrections]]
name = "nothing_coded"
title = "Symptoms over sessions"
formula = "phq9 ~ session + (1 | patient)"

[[cross_lagged]]
name = "he_phq9"
title = "Engagement and symptoms"
x = "he"
y = "phq9"
time = "trend"

[[mediations]]
name = "by_he"
title = "Behaviors, engagement, symptoms"
x = "tbh"
m = "he"
y = "phq9"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("process") / "study"
    with as_file(files("doublecode.data_examples") / "telephone_cbt") as source:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("report"))
    return target


def declare(folder, text, change=lambda toml: toml):
    path = folder / "study.toml"
    original = path.read_text(encoding="utf-8")
    path.write_text(change(original) + text, encoding="utf-8")
    try:
        return load_study(folder)
    finally:
        path.write_text(original, encoding="utf-8")


def with_interval(toml):
    return toml.replace('scale = "he"\n', 'scale = "he"\nrefers_to = "since last session"\n').replace(
        'scale = "total"\n', 'scale = "total"\nrefers_to = "this session"\n'
    )


@pytest.fixture(scope="module")
def taken_in(folder):
    intake = read_study(folder)
    items, scores = score_study(intake)
    return intake, frame_of(intake, scores, items).frame


PATIENTS = """
[[variables]]
name = "end"
instrument = "phq9"
scale = "total"
session = 9

[[patient_outcomes]]
name = "end_on_he"
title = "The last session on early engagement"
outcome = "end"
predictor = "he"
sessions = [2, 3]
"""


@pytest.fixture(scope="module")
def whole(folder, taken_in):
    """Everything declared, analysed."""
    return analyse(replace(taken_in[0], study=declare(folder, DECLARED + PATIENTS, with_interval)))


def test_the_ledger_keeps_the_rows_of_every_model(whole):
    ledger, frame = whole.frame.ledger, whole.frame.frame
    kept = ledger[ledger["status"] == "kept"].groupby("stage")
    process = whole.process
    for one in (process.rater_corrections[0], process.cross_lagged[0], process.mediations[0]):
        rows = kept.get_group(f"in the model: {one.name}")
        assert set(rows["session_id"]) == set(frame.loc[one.result.rows, "session_id"])
    patients = whole.patient_outcomes[0].rows
    assert set(kept.get_group("in the model: end_on_he")["patient"]) == set(patients)
    lost = ledger[(ledger["stage"] == "in the model: end_on_he") & (ledger["status"] == "lost")]
    assert len(lost) + len(patients) == frame["patient"].nunique()
    assert set(lost["reason"]) == {"end: session 9 was not held"}
    shown = rows_section(whole).blocks[0].frame["stage"].tolist()
    assert "in the model: The last session on early engagement" in shown
    assert headlines(whole)[1].value.startswith("210 → 194 → 161")


def test_every_number_of_them_is_traced(whole):
    traced = TracedTables(whole)
    sections = [*process_sections(whole.process, {}), patients_section(whole.patient_outcomes, {})]
    blocks = [block for section in sections for block in section.blocks]
    tables = [one for one in blocks if isinstance(one, Table) and not one.name.endswith("_not_run")]
    assert {one.name for one in tables} <= set(traced.tables)
    assert [one.name for one in blocks if isinstance(one, Picture) and one.name not in traced.figures] == []
    basis = traced.tables["end_on_he_patients"]({}, "estimate")
    cells = traced.origins.cells.cells
    behind = {(cells[at].instrument, cells[at].session) for at, role in basis if role.of == "he"}
    frame = whole.frame.frame
    used = frame[frame["patient"].isin(whole.patient_outcomes[0].rows) & frame["session"].isin([2, 3])]
    assert behind == {("ghes", one) for one in used.loc[used["he"].notna(), "session_id"]}
    compared = [role for _, role in traced.tables["phq9_on_he_errors"]({}, "residual") if How.COMPARED in role.how]
    assert len(compared) > 77 * 2 * 7  # every rating of the sessions coded twice, and of those coded once
    assert not any(How.COMPARED in role.how for _, role in traced.tables["by_he_mediation"]({}, "estimate"))


def test_one_name_is_of_one_model(folder):
    twice = DECLARED.replace('name = "by_he"', 'name = "he_phq9"')
    with pytest.raises(StudyError, match="model 'he_phq9' stands twice"):
        declare(folder, twice, with_interval)


@pytest.fixture(scope="module")
def answers(folder, taken_in):
    intake, frame = taken_in
    return process_answers(declare(folder, DECLARED, with_interval), intake.ratings, frame)


def test_a_declared_correction_is_that_of_the_raters_scores(answers):
    one = answers.rater_corrections[0].result
    assert one.spec["formula"] == "phq9 ~ session + (he_within + he_between) + (1 | patient)"
    slopes = one.frame[one.frame["term"] == "he_within"].set_index("model")["estimate"]
    assert slopes["corrected"] < slopes["naive"] < 0  # the planted slope is -1.1
    assert one.design["n_double"]["he"] == 77


def test_what_cannot_run_is_a_row_with_its_reason(answers):
    lost = answers.rater_corrections[1]
    assert lost.result is None
    assert [note.subject for note in answers.refused] == ["Symptoms over sessions"]
    sections = [one for one in process_sections(answers, {"he": "Engagement"}) if one is not None]
    assert [one.anchor for one in sections] == ["rater-corrections", "cross-lagged", "mediations"]
    tables = [block for block in sections[0].blocks if hasattr(block, "frame")]
    assert tables[-1].frame["reason"].tolist() == [lost.reason]
    assert "names no variable that raters coded" in lost.reason


def test_the_interval_and_the_raters_error_act(answers):
    one = answers.cross_lagged[0].result
    assert one.spec["refers_to"] == {"he": "since last session", "phq9": "this session"}
    assert 0 < one.spec["error_variance"]["he"] < 0.3
    assert one.frame["reason"].iloc[0] == "the two speak of different intervals"


def test_a_mediation_of_sessions_is_of_two_levels(answers):
    assert answers.mediations[0].result.design["kind"] == "1-1-1"


def test_a_scale_of_two_tapes_is_two_halves(folder, taken_in):
    study = declare(folder, "")
    tbh = next(one for one in coded_variables(study) if one.name == "tbh")
    scores, coded = rater_scores(study, taken_in[0].ratings, [tbh])
    assert [(part.lag, round(part.weight, 3)) for part in coded["tbh"]] == [(1, 0.625), (0, 0.375)]
    assert set(scores["instrument"]) == {"tbh, before", "tbh, now"}


@pytest.mark.parametrize(("text", "change", "said"), [
    ('[[cross_lagged]]\nname = "a"\ntitle = "A"\nx = "he"\ny = "he"\n', str, "twice"),
    ('[[cross_lagged]]\nname = "a"\ntitle = "A"\nx = "he"\ny = "phq"\n', str, "'phq' is not declared"),
    ('[[mediations]]\nname = "a"\ntitle = "A"\nx = "he"\nm = "mood"\ny = "phq9"\n', str, "'mood' is not declared"),
    ('[[rater_corrections]]\nname = "a"\ntitle = "A"\nformula = "phq9 ~ mood + (1 | patient)"\n', str,
     "'mood' is no column"),
    ("", with_interval, "only \\[\\[cross_lagged\\]\\] asks for the interval"),
    (DECLARED, lambda toml: with_interval(toml).replace('refers_to = "this session"\n', ""),
     "Give variable 'phq9' one"),
    ('[[mediations]]\nname = "a"\ntitle = "A"\nx = "tbh"\nm = "he"\ny = "phq9"\nslopes = "free"\n', str, "slopes"),
])  # fmt: skip
def test_what_is_declared_acts_or_is_refused(folder, text, change, said):
    with pytest.raises(StudyError, match=said):
        declare(folder, text, change).check_variables()
