"""[allocation] of study.toml: what is declared acts, or is refused with its reason."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.schemas.allocation import Limit, Restriction
from doublecode.schemas.errors import StudyError
from doublecode.schemas.study import load_study

TOML = (
    'name = "toy"\ntitle = "Toy"\nraters = [{ id = "R1" }, { id = "R2" }]\n'
    '[[instruments]]\nname = "ghes"\n[allocation]\n'
)
PATIENTS = "patient,status,site\nP0,completed,north\nP1,completed,south\n"
RULE = '[[allocation.restrictions]]\nrater = "R1"\ncolumn = "site"\n'
LIMIT = '[[allocation.limits]]\nrater = "R1"\n'


def write(folder, text):
    (folder / "study.toml").write_text(TOML + text, encoding="utf-8")
    (folder / "patients.csv").write_text(
        "patient,status,site\nP0,completed,north\nP1,completed,south\n", encoding="utf-8"
    )
    rows = "".join(f"S-{p}{n},P{p},{n}\n" for p in (0, 1) for n in range(1, 7))
    (folder / "sessions.csv").write_text("session_id,patient,session\n" + rows, encoding="utf-8")
    return folder


def test_every_key_is_read(tmp_path):
    study = load_study(
        write(
            tmp_path,
            'share = 1\nstrata = ["site", "stage"]\nstages = [2]\nbatches = 2\nrecodes = 1\nanchors = ["S-01"]\n'
            'anchor_times = 2\ntraining = ["S-02"]\nconnected = false\nminutes_per_rating = 90\n'
            '[[allocation.shares]]\ncolumn = "site"\nvalue = "north"\nshare = 0.5\n'
            '[[allocation.limits]]\nrater = "R1"\nhours = 12\n'
            '[[allocation.limits]]\nrater = "R2"\nsessions = 0\nsince = 2026-03-01\nuntil = 2026-03-31\n'
            '[[allocation.restrictions]]\nrater = "R2"\ncolumn = "site"\nonly = ["south"]\n',
        )
    )
    demands = study.allocation
    assert demands.share == 1
    assert demands.limits[0].most(90) == 8
    assert demands.limits[1].covers("2026-03-31")
    assert not demands.limits[1].covers("2026-04-01")
    assert not demands.limits[1].covers(None)
    assert demands.columns == ("site",)


def test_a_study_without_it_is_planned_as_ever(tmp_path):
    demands = load_study(write(tmp_path, "")).allocation
    assert (demands.share, demands.strata, demands.stages) == (0.4, ("therapist", "patient", "stage"), (4,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("share = 1.4", "share"),
        ('strata = ["site", "site"]', "name 'site' twice"),
        ('[[allocation.limits]]\nrater = "R9"\nsessions = 4', "rater 'R9' is not declared; allowed: R1, R2"),
        ('[[allocation.limits]]\nrater = "R1"', "exactly one of sessions, hours, left = true is needed; found none"),
        (LIMIT + "hours = 4", "need minutes_per_rating"),
        ("minutes_per_rating = 60", "has no effect without a limit in hours"),
        (LIMIT + "sessions = 4\nbatch = 2", "batches is 1; raise it"),
        (LIMIT + "sessions = 4\nbatch = 1\nsince = 2026-01-01", "two kinds of periods"),
        (LIMIT + "left = true\nbatch = 1", "who has left is absent for good"),
        (
            '[[allocation.limits]]\nrater = "R1"\nsessions = 1\nsince = 2026-02-01\nuntil = 2026-01-01',
            "lies after until",
        ),
        (RULE, "exactly one of never and only"),
        ('[[allocation.separations]]\ninstruments = ["ghes", "sthar"]', "no instrument of raters is called 'sthar'"),
        ("anchor_times = 2", "has no effect without anchors"),
        ('strata = ["patient"]\nstages = [2]', "stages has no effect"),
        ("loads = 4", "there is no such entry"),
    ],
)
def test_what_cannot_act_is_refused(tmp_path, text, message):
    with pytest.raises(StudyError, match=message):
        load_study(write(tmp_path, text + "\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[[allocation.restrictions]]\nrater = "R1"\ncolumn = "site"\nnever = ["nroth"]',
            "no session has site 'nroth'",
        ),
        ('strata = ["clinic"]', "there is no column 'clinic' in sessions.csv, patients.csv or therapists.csv"),
        ('training = ["S-99"]', "training: no session is called 'S-99'"),
        ('anchors = ["S-99"]', "anchors: no session is called 'S-99'"),
    ],
)
def test_what_the_tables_do_not_have_is_named(tmp_path, text, message):
    told = CliRunner().invoke(app, ["allocate", str(write(tmp_path, text + "\n"))])
    assert message in str(told.exception)
    assert not (tmp_path / "assignments.csv").exists()


def test_entries_say_what_they_are_of():
    assert str(Limit(rater="R1", sessions=3, batch=2)) == "R1 in batch 2"
    rule = Restriction(rater="R1", column="site", never=("north", "south"))
    assert rule.forbids("north")
    assert rule.without("north") == Restriction(rater="R1", column="site", never=("south",))
    assert Restriction(rater="R1", column="site", never=("north",)).without("north") is None
    assert Restriction(rater="R1", column="site", only=("north",)).without("south").only == ("north", "south")
