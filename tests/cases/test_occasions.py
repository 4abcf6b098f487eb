"""A session rated again by the same rater is a recode, no duplicate: from the workbook to the report."""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from doublecode.analysis.report.folder import run_study
from doublecode.analysis.study.recodes import recode_table
from doublecode.analysis.study.run import read_study
from doublecode.coding import Ledger, score, write_workbooks
from doublecode.coding.intake.ledger_values import columns_by_file, digest_of
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.schemas.errors import ContractError, DuplicateError
from doublecode.schemas.frames import ASSIGNMENTS
from doublecode.schemas.study import load_study
from doublecode.schemas.table_files import read_table

pytestmark = pytest.mark.usefixtures("undrawn")
HERE = Path(__file__).parent
BOOK = (HERE / "study_before_store" / "warmth.toml").read_text(encoding="utf-8")
STUDY = """name = "recoded"
title = "Recoded (synthetic)"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }]
[[instruments]]
name = "warmth.toml"
raters = ["R1", "R2"]
[[variables]]
name = "warm"
instrument = "warmth"
scale = "total"
"""
FIRST = {("S-1", "smiles"): 1, ("S-2", "smiles"): 3, ("S-3", "smiles"): 4, ("S-4", "smiles"): 0,
         ("S-1", "nods"): 2, ("S-2", "nods"): 2, ("S-3", "nods"): 4, ("S-4", "nods"): 1}  # fmt: skip
AGAIN = FIRST | {("S-1", "smiles"): 2, ("S-4", "nods"): 0}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "incoming").mkdir()
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "warmth.toml").write_text(BOOK, encoding="utf-8")
    rows = [f"S-{n},P{n % 2},T1,{n},2021-04-0{n},30,main,held,,\n" for n in (1, 2, 3, 4)]
    head = "session_id,patient,therapist,session,date,minutes,phase,status,reason,recording\n"
    (tmp_path / "sessions.csv").write_text(head + "".join(rows), encoding="utf-8")
    (tmp_path / "patients.csv").write_text("patient,status,reason\nP0,completed,\nP1,completed,\n", encoding="utf-8")
    (tmp_path / "therapists.csv").write_text("therapist\nT1\n", encoding="utf-8")
    assigned = [f"S-{n},R1,warmth,primary,b1,{occasion}\n" for occasion in ("", 2) for n in (1, 2, 3, 4)]
    assigned += [f"S-{n},R2,warmth,second,b1,1\n" for n in (1, 2, 3, 4)]
    head = "session_id,rater,instrument,role,batch,occasion\n"
    (tmp_path / "assignments.csv").write_text(head + "".join(assigned), encoding="utf-8")
    study = load_study(tmp_path)
    write_workbooks(study, read_table(tmp_path / "assignments.csv", ASSIGNMENTS), tmp_path / "outgoing")
    for name, cells in (("R1_warmth_b1", FIRST), ("R1_warmth_b1_occasion2", AGAIN), ("R2_warmth_b1", FIRST)):
        fill_workbook(tmp_path / "outgoing" / f"{name}.xlsx", tmp_path / "incoming" / f"{name}.xlsx", cells)
    return tmp_path


def stamp(path: Path) -> dict[str, str]:
    return {row[0]: row[1] for row in openpyxl.load_workbook(path)["Stamp"].iter_rows(values_only=True)}


def test_a_recode_has_its_workbook_and_an_old_stamp_is_occasion_one(folder):
    names = sorted(path.name for path in (folder / "outgoing").iterdir())
    assert names == ["R1_warmth_b1.xlsx", "R1_warmth_b1_occasion2.xlsx", "R2_warmth_b1.xlsx"]
    assert "occasion" not in stamp(folder / "outgoing" / names[0])  # as it was before there were occasions
    assert stamp(folder / "outgoing" / names[1])["occasion"] == "2"


def test_scores_stand_on_occasion_one_and_the_report_compares_both(folder):
    done = run_study(folder)
    assert set(done.scores["value"]) == {3.0, 5.0, 8.0, 1.0}
    assert set(done.scores["n_raters"]) == {2.0}
    found = done.recodes.frame.set_index("part")
    assert found["rater"].tolist() == ["R1"] * 3
    assert found["n_sessions"].tolist() == [4, 4, 4]
    assert found.loc[["smiles", "nods", "total"], "percent_equal"].tolist() == [75.0, 75.0, 50.0]
    assert found.loc[["smiles", "nods", "total"], "mean_change"].tolist() == [0.25, -0.25, 0.0]
    # ICC(A,1) from the mean squares of smiles on both occasions (McGraw & Wong 1996)
    first, again = pd.Series([1, 3, 4, 0]), pd.Series([2, 3, 4, 0])
    rows, both = (first + again) / 2, pd.concat([first, again])
    msr = 2 * rows.var()
    msc = 4 * pd.Series([first.mean(), again.mean()]).var()
    mse = (((both - both.mean()) ** 2).sum() - 3 * msr - msc) / 3
    expected = (msr - mse) / (msr + mse + 2 * (msc - mse) / 4)
    assert found.loc["smiles", "estimate"] == pytest.approx(expected, abs=1e-10)
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    section = page[page.index("Raters against their own earlier codes") :]
    assert "75.0" in section
    assert "7500" not in section
    labels = [section.index(f">{label}<") for label in ("Smiles", "Nods", "Warmth")]
    assert labels == sorted(labels)  # the codebook's order


def test_the_ledger_holds_both_and_neither_replaces_the_other(folder):
    run_study(folder)
    with Ledger(folder / "ledger.sqlite") as ledger:
        held = ledger.ratings()
        assert held.groupby(["rater", "occasion"]).size().to_dict() == {("R1", 1): 8, ("R1", 2): 8, ("R2", 1): 8}
        assert ledger.files()["holds"].all()
        assert ledger.verify() == ()
        assert len(ledger.history(session_id="S-1", rater="R1", item="smiles")) == 2
    run_study(folder, overwrite=True)  # the same files once more change nothing
    with Ledger(folder / "ledger.sqlite") as ledger:
        assert len(ledger.files()) == 3


def test_what_is_twice_on_one_occasion_stays_a_duplicate(folder):
    text = (folder / "assignments.csv").read_text(encoding="utf-8")
    (folder / "assignments.csv").write_text(text + "S-1,R1,warmth,primary,b1,2\n", encoding="utf-8")
    with pytest.raises(DuplicateError, match="occasion = 2"):
        read_table(folder / "assignments.csv", ASSIGNMENTS)
    (folder / "assignments.csv").write_text(text.replace(",b1,2", ",b1,0"), encoding="utf-8")
    with pytest.raises(ContractError, match="recode is 2"):
        read_table(folder / "assignments.csv", ASSIGNMENTS)


def test_plain_frames_with_occasions_are_scored_by_the_first(folder):
    rows = [{"session": "S", "item": name, "value": value, "occasion": time}
            for time, value in ((1, 1.0), (2, 4.0)) for name in ("smiles", "nods")]  # fmt: skip
    scored = score(pd.DataFrame(rows), load_study(folder).codebooks["warmth"])
    assert scored["value"].tolist() == [2.0]


def digests(ratings):
    return {file: digest_of(columns) for file, columns in columns_by_file(ratings).items()}


def test_a_ledger_of_an_earlier_version_opens_and_means_occasion_one(tmp_path):
    """The file was made by the code before there were occasions; its data are synthetic."""
    path = tmp_path / "ledger.sqlite"
    shutil.copy(HERE / "ledger_before_occasions.sqlite", path)
    with Ledger(path) as ledger:
        old = ledger.ratings()
        assert "occasion" not in old
        assert old["value"].tolist() == [1.0, 2.0]
        assert ledger.verify() == ()
        assert len(ledger.history(rater="R1")) == 2
        assert digests(old) == digests(old.assign(occasion=1))
    heads = sqlite3.connect(path).execute("select * from ratings").description
    assert "occasion" not in [head[0] for head in heads]  # reading changed nothing
    again = old.assign(occasion=2, source_file="again.xlsx", value=3.0)
    files = pd.DataFrame(
        [["again.xlsx", "b" * 64, "toy", "ghes", "1.0", "R1", "b1", 2, 2]],
        columns=["file", "sha256", "study", "instrument", "version", "rater", "batch", "n_rows", "occasion"],
    )
    with Ledger(path) as ledger:
        taken = ledger.take_in(again, files, now=dt.datetime(2026, 12, 1, tzinfo=dt.UTC))
        assert (taken.n_rows, taken.superseded) == (2, ())
        assert ledger.ratings()["occasion"].tolist() == [1, 1, 2, 2]
        assert ledger.verify() == ()
    with Ledger(path) as ledger:
        assert ledger.files()["holds"].tolist() == [True, True]
        assert ledger.verify() == ()


def test_recodes_without_a_first_code_in_the_numbers_are_compared_with_nothing(folder):
    study = load_study(folder)
    codes = [("S-1", 1, 2.0), ("S-1", 2, 3.0), ("S-2", 1, 1.0), ("S-2", 2, 1.0), ("S-3", 2, 0.0), ("S-3", 3, 4.0)]
    rows = pd.DataFrame(
        [
            {"session_id": session, "patient": "P1", "therapist": "T1", "session": int(session[-1]), "rater": "R1",
             "instrument": "warmth", "item": item, "value": value, "occasion": time, "study": "recoded"}
            for session, time, value in codes for item in ("smiles", "nods")
        ]
    )  # fmt: skip
    first, later = rows[rows["occasion"] == 1].drop(columns="occasion"), rows[rows["occasion"] > 1]
    found = recode_table(study, first, later)
    assert found is not None
    smiles = found.frame.set_index("part").loc["smiles"]
    assert (smiles["n_sessions"], smiles["percent_equal"], smiles["mean_change"]) == (2, 50.0, 0.5)
    assert 0 < smiles["estimate"] < 1  # S-3, an excluded patient's, would turn it over
    assert smiles["estimate"] == pytest.approx(by_hand([[2, 3], [1, 1]]))


def by_hand(table: list[list[float]]) -> float:
    """ICC(A,1) of targets × occasions, by mean squares (McGraw & Wong 1996)."""
    values = np.array(table)
    n, k = values.shape
    rows = k * values.mean(axis=1).var(ddof=1)
    columns = n * values.mean(axis=0).var(ddof=1)
    left = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    error = (left**2).sum() / ((n - 1) * (k - 1))
    return (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)


def test_recodes_of_who_is_in_no_number_are_kept_out_with_the_first_codes(folder):
    (folder / "patients.csv").write_text("patient,status,reason\nP0,excluded,moved\nP1,completed,\n", encoding="utf-8")
    counts = read_study(folder).rating_counts
    assert counts == {"read": 24, "in_numbers": 8, "rated_again": 4, "kept_out": 12}
