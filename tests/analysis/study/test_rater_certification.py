"""The raters of a study against its declared key: a rater, a wide table, a long one; versions, gaps, refusals."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from doublecode.analysis.cli import app as cli
from doublecode.analysis.study.rater_certification import certify_raters
from doublecode.coding.intake.ledger import Ledger
from doublecode.coding.reading.incoming import read_incoming
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.schemas import load_study
from doublecode.schemas.errors import DoublecodeError, StudyError


@pytest.fixture(scope="module")
def made(training: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = training.make_training(tmp_path_factory.mktemp("training") / "study", 4)
    return folder


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "study"))


def declare(folder: Path, old: str, new: str) -> Any:
    toml = folder / "study.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return load_study(folder)


def key_table(folder: Path) -> pd.DataFrame:
    """What the expert rated: session_id, item, value."""
    ratings = read_incoming(load_study(folder))[0]
    rows = ratings[ratings["rater"] == "expert"]
    return rows.assign(value=rows["value"].where(rows["value"].notna(), rows["text"]))[["session_id", "item", "value"]]


def test_the_planted_trainees_get_the_right_verdicts(made: Path, training: Any) -> None:
    found, problems = certify_raters(load_study(made))
    assert dict(zip(found.verdicts["rater"], found.verdicts["verdict"], strict=True)) == training.RIGHT
    assert problems == []
    assert set(found.departures.columns) == {"rater", "instrument", "item", "target", "key", "rating", "departure"}
    assert "expert" not in set(found.frame["rater"])


def test_a_table_as_the_key_says_the_same_as_the_rater(made: Path, own: Path) -> None:
    want = certify_raters(load_study(made))[0]
    key = key_table(own)
    wide = key.pivot_table(index="session_id", columns="item", values="value", aggfunc="first").reset_index()
    wide.drop(columns="homework_given", errors="ignore").to_csv(own / "key.csv", index=False)
    key[key["item"] != "homework_given"].to_csv(own / "long.csv", index=False)
    for name in ("key.csv", "long.csv"):
        study = declare(own, 'key = "expert"' if name == "key.csv" else 'key = "key.csv"', f'key = "{name}"')
        found = certify_raters(study)[0]
        assert "expert" in set(found.frame["rater"])  # she is a rater like any other now, and agrees with herself
        mine = found.frame[found.frame["rater"] != "expert"].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, want.frame)


def test_a_workbook_of_the_expert_as_a_file_says_the_same(made: Path, own: Path) -> None:
    want = certify_raters(load_study(made))[0].frame
    (own / "incoming" / "expert_ghes_pilot.xlsx").rename(own / "key.xlsx")
    found, problems = certify_raters(declare(own, 'key = "expert"', 'key = "key.xlsx"'))
    pd.testing.assert_frame_equal(found.frame, want)
    assert problems == []


def test_heads_of_the_key_may_be_mapped(made: Path, own: Path) -> None:
    wide = key_table(own).pivot_table(index="session_id", columns="item", values="value", aggfunc="first")
    table = wide.drop(columns="homework_given", errors="ignore").rename_axis("Band").reset_index()
    table.to_csv(own / "key.csv", index=False, sep=";")
    with pytest.raises(DoublecodeError, match="no column says which session a row is of"):
        certify_raters(declare(own, 'key = "expert"', 'key = "key.csv"'))
    found = certify_raters(declare(own, 'key = "key.csv"', 'key = "key.csv"\nmap = { Band = "session_id" }'))[0]
    mine = found.frame[found.frame["rater"] != "expert"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, certify_raters(load_study(made))[0].frame)


def test_items_may_be_judged_instead_of_scales(own: Path) -> None:
    found = certify_raters(declare(own, "icc = 0.7", 'icc = 0.7\nlevel = "items"'))[0]
    assert found.frame["scale"].nunique() == 7
    assert found.verdicts.set_index("rater")["verdict"]["lenient"] == "fail"


def test_a_wrong_cell_of_the_key_is_refused_with_its_place(own: Path) -> None:
    key = key_table(own)
    wide = key.pivot_table(index="session_id", columns="item", values="value", aggfunc="first").reset_index()
    wide.loc[2, "extent"] = 9
    wide.drop(columns="homework_given", errors="ignore").to_csv(own / "key.csv", index=False)
    study = declare(own, 'key = "expert"', 'key = "key.csv"')
    with pytest.raises(StudyError, match=r"1 problem\(s\) in key\.csv:\n.*key\.csv.*extent.*found 9"):
        certify_raters(study)


def test_ratings_of_another_version_of_the_codebook_are_compared_with_nothing(own: Path) -> None:
    study = load_study(own)
    ratings, _, files = read_incoming(study)
    older = files.assign(version=[("0.9" if rater == "good" else one) for rater, one in
                                  zip(files["rater"], files["version"], strict=True)])  # fmt: skip
    with Ledger(own / "ledger.sqlite") as ledger:
        ledger.take_in(ratings, older)
    shutil.rmtree(own / "incoming")
    found = certify_raters(study)[0]
    good = found.verdicts.set_index("rater").loc["good"]
    assert (good["verdict"], good["tapes"], good["unclear"]) == ("undecided", 0, "version 0.9 of the codebook")
    assert found.verdicts.set_index("rater")["verdict"].drop("good").tolist() == ["fail", "fail"]
    version = study.codebooks["ghes"].version
    said = f"good, ghes: 12 session(s) were rated with version 0.9 of the codebook, the key with {version}"
    assert any(text.startswith(said) for text in found.note_texts())


def test_the_ledger_says_the_same_as_incoming(made: Path, own: Path) -> None:
    study = load_study(own)
    ratings, _, files = read_incoming(study)
    with Ledger(own / "ledger.sqlite") as ledger:
        ledger.take_in(ratings, files)
    want = certify_raters(load_study(made))[0].frame
    pd.testing.assert_frame_equal(certify_raters(study)[0].frame, want)
    shutil.rmtree(own / "incoming")
    pd.testing.assert_frame_equal(certify_raters(study)[0].frame, want)


def test_a_workbook_that_is_half_done_has_no_verdict(own: Path) -> None:
    name = "good_ghes_pilot.xlsx"
    book = load_study(own).codebooks["ghes"]
    cells: dict[tuple[str, str], Any] = {
        (f"S-T{tape:02d}", item.name): 2 if item.codes else "a diary"
        for tape in range(5)
        for item in book.columns
        if not item.given
    }
    fill_workbook(own / "outgoing" / name, own / "incoming" / name, cells, overwrite=True)
    found, problems = certify_raters(load_study(own))
    good = found.verdicts.set_index("rater").loc["good"]
    assert (good["verdict"], good["unclear"]) == ("undecided", "tapes still to be rated")
    assert {one.code for one in problems} == {"row_empty"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('key = "expert"', 'key = "expret"', r"found 'expret', allowed the id of a rater \(expert, good"),
        ("icc = 0.7", "icc = 0.7\nmissing = [-99]", "missing has no effect where a rater is the key"),
        ('key = "expert"', 'key = "../key.csv"', "leads out of the study folder"),
        ("bias = 0.5\nwithin_one = 0.8\nicc = 0.7\n", "", "no mark is declared"),
        ("icc = 0.7", "icc = 70", "icc"),
        ("icc = 0.7", 'icc = 0.7\njudge = "lower"', "judge"),
    ],
)
def test_a_wrong_declaration_is_refused_when_the_study_is_loaded(own: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        declare(own, old, new)


def test_what_is_not_there_yet_is_said(own: Path) -> None:
    for path in (own / "incoming").glob("expert*"):
        path.unlink()
    with pytest.raises(StudyError, match="the rater 'expert' has rated nothing yet"):
        certify_raters(load_study(own))
    toml = (own / "study.toml").read_text(encoding="utf-8")
    without = toml[: toml.index("[certification]")] + toml[toml.index("[[instruments]]") :]
    (own / "study.toml").write_text(without, encoding="utf-8")
    with pytest.raises(DoublecodeError, match="declares no training"):
        certify_raters(load_study(own))


def test_the_command_prints_verdicts_and_json(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["doublecode", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return int(left.value.code or 0), capsys.readouterr().out

    code, out = call("certify", made, "--json", "--top", 2)
    record = json.loads(out)
    assert code == 0
    assert {row["rater"]: row["verdict"] for row in record["verdicts"]} == {
        "good": "pass", "lenient": "fail", "random": "fail",
    }  # fmt: skip
    assert max(pd.DataFrame(record["departures"])["rater"].value_counts()) == 2
    code, out = call("certify", made)
    assert code == 0
    assert out.startswith("Verdicts by the estimate: Bias ±0.5, Within 1 ≥ 0.8, ICC(A,1) ≥ 0.7")


def newer(folder: Path) -> Any:
    """The study with the next version of its codebook."""
    from importlib.resources import files

    text = (files("doublecode.schemas") / "instruments" / "ghes.toml").read_text(encoding="utf-8")
    (folder / "ghes.toml").write_text(text.replace('version = "1.0"', 'version = "9.1"'), encoding="utf-8")
    return declare(folder, 'name = "ghes"', 'name = "ghes.toml"')


def test_training_workbooks_of_an_older_codebook_are_named_by_a_run_and_read_by_certify(made: Path, own: Path) -> None:
    want = certify_raters(load_study(made))[0]
    study = newer(own)
    ratings, problems, files = read_incoming(study)
    assert len(ratings) == len(files) == 0
    assert {(one.code, one.severity, one.found, one.allowed) for one in problems} == {
        ("training_version", "info", "1.0", "9.1")
    }
    found, problems = certify_raters(study)
    pd.testing.assert_frame_equal(found.frame, want.frame)
    assert problems == []
    assert any(text.startswith("the key of ghes was made with version 1.0") for text in found.note_texts())


def test_the_ledgers_training_ratings_of_an_older_codebook_stop_no_run(made: Path, own: Path) -> None:
    from doublecode.coding.intake.imports import import_study
    from doublecode.coding.intake.study_ratings import read_study_ratings

    import_study(load_study(own))
    study = newer(own)
    for emptied in (False, True):
        if emptied:
            shutil.rmtree(own / "incoming")
            (own / "incoming").mkdir()
        rated = read_study_ratings(study)
        assert len(rated.ratings) == 0
        assert {one.code for one in rated.problems} == {"training_version"}
        assert len(rated.problems) == 4
        assert certify_raters(study)[0].verdicts["verdict"].tolist() == ["pass", "fail", "fail"]


def test_a_table_says_of_which_version_its_key_is(made: Path, own: Path) -> None:
    key = key_table(own)
    key[key["item"] != "homework_given"].to_csv(own / "key.csv", index=False)
    declare(own, 'key = "expert"', 'key = "key.csv"')
    study = newer(own)
    with pytest.raises(DoublecodeError, match="no rater has rated a session of the key with its version"):
        certify_raters(study)
    study = declare(own, 'key = "key.csv"', 'key = "key.csv"\nversions = { ghes = "1.0" }')
    assert certify_raters(study)[0].verdicts.set_index("rater")["verdict"]["good"] == "pass"
    with pytest.raises(StudyError, match="versions: the study does not use 'ghse'"):
        declare(own, "{ ghes =", "{ ghse =")


def test_a_table_of_the_expert_may_come_later(own: Path) -> None:
    study = declare(own, 'key = "expert"', 'key = "later.csv"')
    with pytest.raises(StudyError, match="there is no such file"):
        certify_raters(study)
