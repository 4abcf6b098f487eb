"""Change of patients as a study declares it: ends, the sample's own norms, tables of the report, cells behind them."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.rendering.document import Picture
from doublecode.analysis.report.records import change_record
from doublecode.analysis.report.sections_change import change_section, change_words
from doublecode.analysis.report.traced_change import TracedChange
from doublecode.analysis.study.declared_change import declared_changes, patients_ends
from doublecode.analysis.study.trace.modelled import FrameBases
from doublecode.analysis.study.trace.origins import Origins
from doublecode.schemas import load_study
from doublecode.schemas.patient_changes import PatientChange

ITEMS = ("interest", "mood", "sleep", "energy", "appetite", "self_worth", "concentration", "psychomotor", "self_harm")
STUDY = """
name = "small"
title = "Small"
raters = [{ id = "R1" }]
[[instruments]]
name = "phq9"
source = "outcomes"
[[instruments]]
name = "ghes"
[[variables]]
name = "phq9"
label = "Depression"
instrument = "phq9"
scale = "total"
[[variables]]
name = "he"
label = "Engagement"
instrument = "ghes"
scale = "he"
[[patient_changes]]
name = "mood"
title = "Mood"
outcome = "phq9"
"""
NAN = np.nan


def frame(others=()):
    """A recovered, B has one value only, C none at all, D got worse; A has a sudden gain after session 3."""
    values = {"A": (20, 19, 21, 8, 7, 6, 5), "B": (NAN, 15), "C": (NAN, NAN), "D": (8, 9, NAN, 20)}
    values |= dict.fromkeys(others, (12, 11))
    rows = [
        {
            "session_id": f"{name}{n}",
            "patient": name,
            "therapist": "T1",
            "session": n,
            "phq9": float(value),
            "he": n / 2,
        }
        for name, scores in values.items()
        for n, value in enumerate(scores, 1)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=3)  # rows in no order


def found(folder, more="", items=None, others=()):
    (folder / "study.toml").write_text(STUDY + more, encoding="utf-8")
    none = pd.DataFrame({"patient": [], "session": [], "instrument": [], "item": [], "value": []})
    return declared_changes(load_study(folder), frame(others), None, none if items is None else items)


def test_first_and_last_are_of_sessions_with_a_value_and_who_has_one_has_no_last():
    ends = patients_ends(PatientChange(name="m", title="M", outcome="phq9"), frame()).set_index("patient")
    shown = ends.loc[["A", "B", "C", "D"], ["before", "after", "session_before", "session_after"]].to_numpy()
    np.testing.assert_array_equal(shown, [[20, 5, 1, 7], [15, NAN, 2, NAN], [NAN] * 4, [8, 20, 1, 4]])
    rows = frame().reset_index(drop=True)
    assert rows.loc[ends["row_after"]["D"], "session_id"] == "D4"
    assert ends["row_after"]["B"] == -1


def test_everybody_is_counted_and_a_gain_is_found_by_the_smallest_reliable_change(tmp_path):
    (one,), refused = found(tmp_path, 'sudden_gains = true\nhomework = ["he"]\n')
    assert refused == ()
    counts = dict(zip(one.change.frame["category"], one.change.frame["n"], strict=True))
    assert counts == {
        "recovered": 1, "improved": 0, "unchanged": 0, "deteriorated": 1, "no value before": 1, "no value after": 1,
    }  # fmt: skip
    assert one.gains.spec["cutoff"] == one.change.design["smallest"] == pytest.approx(1.959964 * 6.1 * 0.22**0.5)
    assert one.gains.frame[["patient", "session"]].values.tolist() == [["A", 3]]
    assert one.before_gains.frame.loc[0, "difference"] == pytest.approx(1.5 - np.mean([1, 2, 2.5]))
    assert one.by_change.frame.loc[0, ["mean_improved", "mean_other"]].tolist() == [2.0, 1.25]
    assert one.measure["source"].str.contains("Kroenke").sum() == 3
    seven, _ = found(tmp_path, 'sudden_gains = true\nsmallest_gain = { value = 14, source = "made up" }\n')
    assert seven[0].gains.frame.empty  # 13 points
    said = list(change_words(one))
    assert said[0] == (
        "of 2 patients with both values 1 improved reliably (1 recovered, 0 improved, 0 unchanged, 1 deteriorated)"
    )
    (drawn,) = (block.description for block in change_section([one], {}).blocks if isinstance(block, Picture))
    assert drawn.startswith("Each mark is a patient: 1 recovered, 0 improved, 0 unchanged, 1 deteriorated. Between")
    assert said[1] == "1 of 3 patients had a sudden gain (1 in 4 steps that could be checked)"


def test_the_sample_s_own_norms_are_labelled_wherever_they_are_printed(tmp_path):
    """Alpha of the items before, of the session in which each patient begins: k/(k − 1) (1 − Σ var / var of sum)."""
    others = [f"E{n}" for n in range(9)]
    answers = {
        (name, n): [(7 * at + 3 * n + 5 * item * item + at * item) % 4 if item else at % 4 for item in range(9)]
        for at, name in enumerate(("A", "B", "C", "D", *others))
        for n in (1, 2, 3)
    }
    answers |= {(name, 1): [min(one, at % 4) for one in answers[name, 1]] for at, name in enumerate(others)}
    items = pd.DataFrame(
        [
            {"patient": name, "session": n, "instrument": "phq9", "item": item, "value": float(value)}
            for (name, n), values in answers.items()
            for item, value in zip(ITEMS, values, strict=True)
        ]
    )
    (one,), _ = found(tmp_path, 'from_sample = ["sd", "reliability"]\n', items, others)
    began = np.array([answers["A", 1], answers["B", 2], answers["D", 1], *(answers[name, 1] for name in others)])
    k = len(ITEMS)
    alpha = k / (k - 1) * (1 - began.var(axis=0, ddof=1).sum() / began.sum(axis=1).var(ddof=1))
    assert one.change.spec["reliability"] == pytest.approx(alpha, rel=1e-6)
    assert one.change.spec["sd"] == pytest.approx(np.std([20, 8, *[12] * 9], ddof=1))
    measure = one.measure.set_index("part")["source"]
    assert "not a norm" in measure["Standard deviation"]
    assert "not a published one" in measure["Reliability"]
    section = change_section([one], {})
    bullets = [text for block in section.blocks for text in getattr(block, "items", ())]
    assert any("the SD is that of" in text for text in bullets)
    assert any("Cronbach's alpha of 12 of these patients" in text for text in bullets)
    assert "not a norm" in one.change.spec["source"]


def test_where_a_row_is_a_patient_nothing_is_said_of_sessions(tmp_path):
    score = '[[variables]]\nname = "{name}"\ninstrument = "{book}"\nscale = "{scale}"\nsession = {session}\n'
    asked = (("start", "phq9", "total", 1), ("end", "phq9", "total", 9), ("he2", "ghes", "he", 2))
    named = ("name", "book", "scale", "session")
    variables = "".join(score.format(**dict(zip(named, one, strict=True))) for one in asked)
    change = '[[patient_changes]]\nname = "mood"\ntitle = "Mood"\npre = "start"\npost = "end"\nhomework = ["he2"]\n'
    head = STUDY.partition("[[variables]]")[0].replace("raters =", 'unit = "patient"\nraters =', 1)
    (tmp_path / "study.toml").write_text(head + variables + change, encoding="utf-8")
    rows = {"A": (20, 5, 3.0), "B": (18, 17, 1.0), "C": (15, 14, 2.0), "D": (19, 4, 2.5), "E": (12, NAN, 2.0)}
    patients = pd.DataFrame([[name, *of] for name, of in rows.items()], columns=["patient", "start", "end", "he2"])
    (one,), refused = declared_changes(load_study(tmp_path), patients, None, pd.DataFrame())
    assert refused == ()
    assert one.by_change.frame.loc[0, ["mean_improved", "mean_other"]].tolist() == [2.75, 1.5]
    tables = {block.name: block for block in change_section([one], {}).blocks if hasattr(block, "columns")}
    heads = [head.heading for head in tables["mood_patients"].columns]
    assert not any("session" in head.lower() for head in heads)
    assert tables["mood_patients"].frame["category"].tolist()[-1] == "no value after"
    (note,) = tables["mood_homework_by_change"].notes
    assert note.startswith("One value per patient; *d*")


def test_what_cannot_be_computed_is_named(tmp_path):
    few, refused = found(tmp_path, 'from_sample = ["reliability"]\n')
    assert few == ()
    assert "too few patients for Cronbach's alpha" in refused[0].numbers["reason"]


@pytest.fixture(scope="module")
def traced(telephone_run):
    return TracedChange(telephone_run, FrameBases(Origins(telephone_run.intake, telephone_run.items,
                                                          telephone_run.scores), telephone_run))  # fmt: skip


def values(traced, basis):
    cells = traced.frames.origins.cells.cells
    return sum(cells[number].value for number, _ in basis)


def test_the_telephone_study_by_its_own_frame(telephone_run):
    (one,) = telephone_run.patient_changes
    course = telephone_run.frame.frame.dropna(subset=["phq9"]).sort_values(["patient", "session"])
    ends = course.groupby("patient", observed=True)["phq9"].agg(["first", "last"])
    points = 1.959964 * 2**0.5 * 6.1 * 0.11**0.5
    better = ends["first"] - ends["last"] > points
    recovered = better & (ends["first"] >= 10) & (ends["last"] < 10)
    counts = one.change.frame.set_index("category")["n"]
    assert counts["recovered"] == recovered.sum()
    assert counts["recovered"] + counts["improved"] == better.sum()
    assert counts["deteriorated"] == (ends["last"] - ends["first"] > points).sum()
    assert len(one.gains.frame) == 2


def test_tables_stand_on_the_cells_of_the_right_patients(telephone_run, traced):
    (one,) = telephone_run.patient_changes
    rows = one.change.patients.set_index("patient")
    of = traced.tables["phq9_change_patients"]
    assert values(traced, of({"patient": "P03"}, "change")) == rows.loc["P03", ["before", "after"]].sum()
    counts = traced.tables["phq9_change_reliable_change"]
    mine = rows[rows["category"] == "recovered"]
    assert values(traced, counts({"category": "recovered"}, "n")) == mine[["before", "after"]].to_numpy().sum()
    everybody = rows[["before", "after"]].to_numpy().sum()
    assert values(traced, counts({"category": "recovered"}, "conf_low")) == everybody
    assert values(traced, traced.figures["phq9_change_before_after"]) == everybody
    gain = one.gains.frame.iloc[0]
    step = traced.tables["phq9_change_sudden_steps"](gain, "gain")
    assert values(traced, step) == 3 * (gain["mean_before"] + gain["mean_after"])  # six sessions
    assert len(traced.tables["phq9_change_sudden_steps"](gain, "reversed_at")) > len(step)
    assert "phq9_change_measure" not in traced.tables  # norms are of no cell
    files = {traced.frames.origins.cells.cells[number].file for number, _ in
             traced.tables["phq9_change_homework_by_change"]({"variable": "he"}, "d")}  # fmt: skip
    assert "outcomes/phq9.csv" in files
    assert any(name.endswith(".xlsx") for name in files)


def test_every_table_has_its_place_and_its_record(telephone_run, undrawn):
    section = change_section(telephone_run.patient_changes, telephone_run.labels)
    tables = [block.name for block in section.blocks if hasattr(block, "columns")]
    assert tables == [
        f"phq9_change_{name}"
        for name in ("reliable_change", "measure", "patients", "sudden", "sudden_steps", "homework_before_gains",
                     "homework_by_change")
    ]  # fmt: skip
    record = change_record(telephone_run.patient_changes[0])
    assert record["change"]["frame"][0]["category"] == "recovered"
    assert len(record["change"]["patients"]) == 22
    assert record["homework_by_change"]["frame"][0]["variable"] == "he"
