"""What the fifth newcomer found said in the wrong words, or of the wrong thing. All data are synthetic."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.report.sections_data import sample_section
from doublecode.analysis.report.sections_scales import reliability_section
from doublecode.analysis.study.declared_process import process_answers
from doublecode.analysis.study.labels import label_term
from doublecode.analysis.study.rater_certification import _not_judged
from doublecode.analysis.study.warnings import run_warnings
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import Item
from doublecode.schemas.process_models import MediationModel
from doublecode.schemas.results import Note
from doublecode.schemas.study_parts import ModerationModel, Variable


@pytest.mark.parametrize(
    ("term", "label"),
    [
        ("medication[T.SSRI]", "Medikation: SSRI"),
        ("C(medication)[T.none]", "Medikation: none"),
        ("C(medication, Treatment('SSRI'))[T.none]", "Medikation: none"),
        ("age:medication[T.a:b]", "Alter × Medikation: a:b"),
        ("age", "Alter"),
        ("site[T.B]", "site: B"),
        ("session_from_2", "Session"),
    ],
)
def test_levels_of_a_category_are_named_by_its_label(term, label):
    assert label_term(term, {"medication": "Medikation", "age": "Alter"}) == label


def test_a_column_of_the_sample_is_not_called_by_the_label_of_one_of_its_values(telephone_run):
    value = Variable(name="female", label="weiblich", column="gender", equals="w")
    plain = Variable(name="old", label="Alter", column="age")
    study = telephone_run.study.model_copy(update={"variables": (value, plain)})
    columns = ["unit", "variable", "level", "n", "percent", "mean", "sd", "min", "max", "n_missing"]
    gap = [np.nan] * 4
    frame = pd.DataFrame(
        [["patients", "gender", "w", 20, 77.0, *gap, 0], ["patients", "age", "", 26, np.nan, *gap, 0]], columns=columns
    )
    sample = replace(telephone_run.sample, frame=frame)
    run = replace(telephone_run, intake=replace(telephone_run.intake, study=study), sample=sample)
    (table,) = [one for one in sample_section(run).blocks if getattr(one, "name", "") == "sample"]
    assert table.frame["label"].tolist() == ["gender: w", "Alter"]


def test_a_note_of_some_items_names_them(telephone_run):
    """The variance between raters is 0 for some items of an instrument and not for others."""
    several = [one for one in telephone_run.reliability.results if len(one[3].estimates.read.keys) > 2]
    instrument, level, phase, found = several[0]
    read = found.estimates.read
    notes = tuple(Note("no_rater_variance", read.name_of(at)) for at in (0, 1))
    results = ((instrument, level, phase, replace(found, notes=notes)),)
    run = replace(telephone_run, reliability=replace(telephone_run.reliability, results=results, notes=()))
    bullets = reliability_section(run).blocks[-1].items
    (said,) = [one for one in bullets if "between raters is estimated as 0" in one]
    book = telephone_run.study.codebooks[instrument]
    for at in (0, 1):
        assert book.item(str(read.keys[at][0])).label in said
    assert book.item(str(read.keys[2][0])).label not in said


def panel():
    rng = np.random.default_rng(3)
    data = pd.DataFrame(
        {"patient": np.repeat([f"P{n}" for n in range(20)], 6), "session": np.tile(np.arange(1, 7), 20)}
    )
    data["x"] = rng.normal(size=120)
    data["m"] = 0.5 * data["x"] + rng.normal(size=120)
    data["y"] = 0.5 * data["m"] + rng.normal(size=120)
    return data


def said_of_order(**variables):
    made = [Variable(name=name, label=name, instrument="i", scale="s", **more) for name, more in variables.items()]
    weg = MediationModel(name="weg", title="Weg", x="x", m="m", y="y")
    study = SimpleNamespace(variables=made, unit="session", rater_corrections=(), cross_lagged=(), mediations=(weg,))
    (found,) = process_answers(study, pd.DataFrame(), panel()).mediations
    kinds = ("mediation_same_row", "mediation_declared_order")
    return next(sentence(note) for note in found.result.notes if note.kind in kinds)


def test_the_order_of_a_mediation_by_declared_lags():
    said = said_of_order(x={"lag": 1}, m={"lag": 1}, y={"refers_to": "since last session"})
    assert "x is of the session before, m is of the session before, y is of the session, since the last one" in said
    assert "Nothing says that x comes before m." in said
    assert "m comes before y" not in said
    whole = said_of_order(x={"lag": 2}, m={"lag": 1}, y={})
    assert "x is of 2 sessions before" in whole
    assert "Nothing says" not in whole
    assert "stand in one row" in said_of_order(x={}, m={}, y={})


def test_a_regression_with_one_row_per_patient_conflates_nothing(telephone_run):
    frame = telephone_run.frame.frame
    model = ModerationModel(name="one", title="One", outcome="phq9", predictor="he")
    study = telephone_run.study.model_copy(update={"moderations": (model,)})
    for rows, n in ((frame.index[frame["session"] == 2], 0), (frame.index, 1)):
        fit = SimpleNamespace(spec={"name": "one"}, rows=rows)
        intake = replace(telephone_run.intake, study=study)
        run = replace(telephone_run, intake=intake, moderations=(fit,), series=(), generalized=())
        assert len([one for one in run_warnings(run) if one.code == "conflated_slope"]) == n


def test_certify_names_codes_without_values_too():
    items = (
        Item(name="f1", label="F1", minimum=1, maximum=7),
        Item(name="module", label="Module", type="nominal", categories={"a": "A", "b": "B"}),
    )
    book = Instrument(name="coach", title="C", version="1", citation="", rights="", items=items)
    rows = pd.DataFrame({"session_id": "T-1", "instrument": "coach", "item": ["f1", "module"]})
    (note,) = _not_judged(rows, rows, [book], "items")
    assert note.numbers == {"named": "module", "n": 1}
    assert "codes have no values (module) are not judged" in sentence(note)
