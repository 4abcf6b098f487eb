"""Severity of a study's raters on the latent scale: declared, asked for, refused; what was planted is found."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis import ordinal_severity
from doublecode.analysis.cli.app import app
from doublecode.analysis.report.records import latent_severity_record
from doublecode.analysis.report.sections_raters import rater_tables
from doublecode.analysis.report.traced_raters import TracedRaters
from doublecode.analysis.study.ordinal_raters import declared_latent_severity, latent_severity_of
from doublecode.analysis.study.rating_quality import rating_quality
from doublecode.schemas.errors import NotEstimable, StudyError
from doublecode.schemas.study_parts import InstrumentUse

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.fixture(scope="module")
def declared(adolescent_run):
    """The adolescent study as it would be with severity = "latent" for one instrument."""
    study = adolescent_run.study
    uses = {name: study.use(name) for name in study.codebooks}
    uses["thabs"] = uses["thabs"].model_copy(update={"severity": "latent"})
    return SimpleNamespace(
        codebooks=study.codebooks, use=uses.__getitem__, variables=study.variables, name=study.name, folder=study.folder
    )


@pytest.fixture(scope="module")
def found(declared, adolescent_run):
    return declared_latent_severity(declared, adolescent_run.intake.ratings)


def test_each_item_is_that_of_ordinal_severity(found, adolescent_run):
    ratings = adolescent_run.intake.ratings
    rows = ratings[(ratings["item"] == "praise") & (ratings["phase"] == "main") & ratings["value"].notna()]
    alone = ordinal_severity(rows, targets="session_id", raters="rater", ratings="value")
    own = found.frame[found.frame["scale"] == "praise"]
    for column in ("rater", "n_ratings", "estimate", "conf_low", "fair_average", "linear"):
        assert own[column].tolist() == alone.frame[column].tolist()
    item = found.items.set_index("scale").loc["praise"]
    single = alone.icc.query("form == 'ICC(A,1)'").set_index("scale")["estimate"]
    assert (item["latent"], item["ordinary"]) == (single["latent"], single["ratings"])
    assert (item["statistic"], item["df"]) == (alone.tests.loc[0, "statistic"], 2)
    assert item["n_multiply_coded"] == (rows.groupby("session_id").size() > 1).sum()
    assert set(found.frame["instrument"]) == {"thabs"}


def test_the_report_has_both_tables_and_the_caution(declared, adolescent_run, found):
    intake = adolescent_run.intake
    quality = rating_quality(declared, intake.ratings, intake.files, intake.sessions)
    run = SimpleNamespace(quality=quality, study=declared, reported=adolescent_run.reported, intake=intake)
    blocks = {block.name: block for block in rater_tables(run) if hasattr(block, "csv_frame")}
    assert len(blocks["latent_severity"].frame) == len(found.frame)
    assert "Linacre" in blocks["latent_severity"].notes[0]
    assert "cut-offs made for ordinary ICCs do not apply" in blocks["latent_icc"].notes[0]
    assert blocks["latent_icc"].frame["label"].iloc[0] == "Task was specified"
    assert "latent_severity" not in {block.name for block in rater_tables(adolescent_run) if hasattr(block, "name")}
    traced = TracedRaters(run, SimpleNamespace(ratings={label: label for label in intake.ratings.index}), None)
    assert traced.tables["latent_severity"] == traced.tables["severity"]
    assert traced.tables["latent_icc"] == traced.tables["severity"]


def test_the_answer_prints_and_is_a_record(found):
    text = str(found)
    assert "Fair average" in text
    assert "allotted at random" in text
    record = latent_severity_record(found)
    assert len(record["items"]) == 5
    json.dumps(record)


def test_nothing_is_declared_and_nothing_is_computed(adolescent_run):
    assert declared_latent_severity(adolescent_run.study, adolescent_run.intake.ratings) is None
    assert adolescent_run.quality.latent is None


def test_asked_for_every_instrument_whose_raters_are_told_apart(adolescent_run):
    everything = latent_severity_of(adolescent_run.study, adolescent_run.intake.ratings)
    assert set(everything.frame["instrument"]) == {"thabs", "homework_adherence"}  # resistance is one-way
    effort = next(note for note in everything.notes if note.kind == "ordinal_categories_empty")
    assert effort.subject == "Effort put into the last homework"


def test_two_raters_are_named_and_left_out(declared, adolescent_run):
    ratings = adolescent_run.intake.ratings
    two = ratings[(ratings["rater"] != "C3") & (ratings["instrument"] == "thabs")]
    with pytest.raises(NotEstimable, match=r"Task was specified.*2 rater\(s\); .*from three raters on"):
        latent_severity_of(declared, two)
    refused = declared_latent_severity(declared, two)
    assert isinstance(refused, NotEstimable)
    intake = adolescent_run.intake
    quality = rating_quality(declared, two, intake.files, intake.sessions)
    assert quality.latent is None
    assert any(note.kind == "not_estimated" for note in quality.notes)


def test_items_that_are_left_out_are_named_beside_those_that_are_not(declared, adolescent_run):
    ratings = adolescent_run.intake.ratings
    of_third = (ratings["rater"] == "C3") & ~ratings["item"].isin(["specification", "rationale"])
    found = latent_severity_of(declared, ratings[~of_third], ["thabs"])
    assert len(found.items) == 2
    named = next(note.subject for note in found.notes if note.kind == "latent_severity_two_raters")
    assert named.count(", ") == 2


def test_planted_severity_is_found_where_points_hit_the_ceiling(declared):
    rng = np.random.default_rng(11)
    level, shift = rng.normal(2.0, 1.5, 150), {"C1": 1.0, "C2": 0.0, "C3": -1.0}
    rows = [
        ("thabs", item, f"S{s}", r, "main", float(np.searchsorted([-3, -1.5, 0, 1.5], u + shift[r] + rng.logistic())))
        for item in ("specification", "rationale") for s, u in enumerate(level) for r in ("C1C2", "C2C3", "C1C3")[s % 3]
        .replace("C", " C").split()
    ]  # fmt: skip
    ratings = pd.DataFrame(rows, columns=["instrument", "item", "session_id", "rater", "phase", "value"])
    frame = latent_severity_of(declared, ratings).frame
    assert (np.abs(frame["estimate"] - [1.0, 0.0, -1.0] * 2) < 3 * frame["std_error"]).all()
    assert (frame["linear"].abs() < 0.8 * frame["estimate"].abs()).iloc[[0, 2, 3, 5]].all()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"source": "outcomes", "severity": "latent"}, "severity has no effect on an outcome"),
        ({"severity": "latent", "reliability": "one-way"}, "raters who are told apart"),
        ({"severity": "latent", "raters": ("R1", "R2")}, "three raters or more"),
        ({"severity": "logits"}, "points"),
    ],
)
def test_what_cannot_act_is_refused(keys, said):
    with pytest.raises(ValueError, match=said):
        InstrumentUse(name="x", **keys)


def test_an_instrument_without_ordinal_items_is_refused(adolescent_run):
    from doublecode.schemas.as_used import as_used

    book = adolescent_run.study.codebooks["thabs"]
    yes_no = [
        item.model_copy(update={"type": "yes_no", "minimum": 0, "maximum": 1, "anchors": {}}) for item in book.items
    ]
    turned = book.model_copy(update={"items": tuple(yes_no)})
    turned.__dict__.pop("columns", None)
    with pytest.raises(StudyError, match=r"3 to 7 ordered codes \(found specification: 2 codes"):
        as_used(turned, InstrumentUse(name="thabs", severity="latent"))


def test_of_a_file_on_the_command_line(tmp_path):
    long = pd.read_csv(REFERENCE / "ordinal.csv").query("set == 'crossed'")
    long[["g", "h", "y"]].set_axis(["Band", "Wer", "Note"], axis=1).to_csv(tmp_path / "codes.csv", index=False)
    call = ["drift", str(tmp_path / "codes.csv"), "--targets", "Band", "--raters", "Wer", "--ratings", "Note"]
    answer = CliRunner().invoke(app, [*call, "--latent", "--json"])
    assert answer.exit_code == 0, answer.output
    wanted = ordinal_severity(long, targets="g", raters="h", ratings="y").frame["estimate"]
    np.testing.assert_allclose([row["estimate"] for row in json.loads(answer.output)["frame"]], wanted)
    assert CliRunner().invoke(app, [*call, "--latent", "--periods", "Band"]).exit_code != 0
