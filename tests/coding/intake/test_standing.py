"""`allocate --replan`: what is done or given out stays, whatever happens. Small synthetic study."""

from __future__ import annotations

import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.schemas.study import load_study

TOML = (
    'name = "toy"\ntitle = "Toy"\nraters = [{ id = "R1" }, { id = "R2" }, { id = "R3" }]\n'
    '[[instruments]]\nname = "ghes"\n[allocation]\nshare = 0.5\nbatches = 2\n'
)
LEFT = '[[allocation.limits]]\nrater = "R1"\nleft = true\n'


def session_rows(patients):
    return "".join(f"S-{p}{n},P{p},{n}\n" for p in patients for n in range(1, 7))


@pytest.fixture
def study(tmp_path):
    (tmp_path / "study.toml").write_text(TOML, encoding="utf-8")
    (tmp_path / "patients.csv").write_text("patient,status\nP0,completed\nP1,completed\n", encoding="utf-8")
    (tmp_path / "sessions.csv").write_text("session_id,patient,session\n" + session_rows((0, 1)), encoding="utf-8")
    for name in ("incoming", "outgoing"):
        (tmp_path / name).mkdir()
    assert run("allocate", tmp_path).exit_code == 0
    assert run("template", tmp_path).exit_code == 0
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def plan(study):
    return pd.read_csv(study / "assignments.csv", dtype=str)


def hand_in(study, name):
    """Fill in one workbook as its rater would; the assignments that are done by it."""
    rater, _, batch = name.removesuffix(".xlsx").split("_")
    rows = plan(study)
    own = rows[(rows["rater"] == rater) & (rows["batch"] == batch)]
    items = [item.name for item in load_study(study).codebooks["ghes"].columns if not item.given]
    cells = {(session, item): 1 for session in own["session_id"] for item in items}
    fill_workbook(study / "outgoing" / name, study / "incoming" / name, cells)
    return {tuple(row) for row in own[["session_id", "rater", "batch"]].to_numpy()}


def keys(rows):
    return {tuple(row) for row in rows[["session_id", "rater", "batch"]].to_numpy()}


def test_nothing_changes_where_all_is_given_out(study):
    before = plan(study)
    told = run("allocate", study, "--replan")
    assert f"{len(before)} assignments stand, 0 are new, 0 are taken back" in told.output
    assert keys(plan(study)) == keys(before)


def test_what_stands_is_asked_of_a_new_plan_only(study):
    before = plan(study)
    told = run("allocate", study, "--overwrite", "--keep", "done")
    assert "give --replan too" in str(told.exception)
    assert keys(plan(study)) == keys(before)


def test_sessions_that_come_go_into_a_new_batch(study):
    before = plan(study)
    with (study / "patients.csv").open("a", encoding="utf-8") as file:
        file.write("P2,completed\n")
    with (study / "sessions.csv").open("a", encoding="utf-8") as file:
        file.write(session_rows((2,)))
    assert run("allocate", study, "--replan").exit_code == 0
    after = plan(study)
    assert keys(before) <= keys(after)
    new = after[after["session_id"].str.startswith("S-2")]
    assert new["session_id"].nunique() == 6
    assert set(new["batch"]) == {"batch03"}
    loads = after.groupby("rater").size()
    assert loads.max() - loads.min() <= 1


def test_who_leaves_keeps_what_is_done_and_the_rest_is_given_to_others(study):
    done = hand_in(study, "R1_ghes_batch01.xlsx")
    (study / "study.toml").write_text(TOML + LEFT, encoding="utf-8")
    told = run("allocate", study, "--replan")
    assert told.exit_code == 0, told.output
    after = plan(study)
    assert keys(after[after["rater"] == "R1"]) == done
    assert after["session_id"].nunique() == 12
    assert (after["role"] == "primary").sum() == 12


def test_what_is_only_given_out_is_planned_anew_if_asked(study):
    done, before = hand_in(study, "R2_ghes_batch02.xlsx"), keys(plan(study))
    told = run("allocate", study, "--replan", "--keep", "done", "--seed", "5")
    after = plan(study)
    assert done <= keys(after)
    same = {key[:2] for key in before} & {key[:2] for key in keys(after)}  # those drawn again by chance, too
    assert f"{len(same)} assignments stand" in told.output
    assert set(after.loc[~after["batch"].isin(["batch02"]), "batch"]) <= {"batch03"}


def test_a_tape_that_fails_is_taken_back(study):
    text = (
        (study / "sessions.csv")
        .read_text(encoding="utf-8")
        .replace("patient,session\n", "patient,session,status,reason\n")
    )
    lines = [line if n == 0 else f"{line},held," for n, line in enumerate(text.splitlines())]
    lines[1] = lines[1].replace("held,", "not_rated,no sound")
    (study / "sessions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run("allocate", study, "--replan", "--keep", "done").exit_code == 0
    assert "S-01" not in set(plan(study)["session_id"])


def test_there_has_to_be_a_plan(study):
    (study / "assignments.csv").unlink()
    assert "there is no plan yet" in str(run("allocate", study, "--replan").exception)
    assert run("allocate", study).exit_code == 0
    assert "--replan keeps what is given out" in str(run("allocate", study).exception)
