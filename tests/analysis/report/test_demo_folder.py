"""The demo removes what it made, and nothing of anybody else."""

from __future__ import annotations

import json

import pytest

from doublecode.analysis.report.demo_folder import MANIFEST, copy_example
from doublecode.schemas.errors import UsageError


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "demo"
    copy_example("adolescent_cbt", folder)
    return folder


def test_a_copy_knows_its_files_and_is_replaced(shipped):
    hashes = json.loads((shipped / MANIFEST).read_text(encoding="utf-8"))
    assert {"study.toml", "sessions.csv"} <= set(hashes)
    with pytest.raises(UsageError, match="--overwrite"):
        copy_example("adolescent_cbt", shipped)
    (shipped / "report" / "tables").mkdir(parents=True)
    (shipped / "report" / "index.html").write_text("x")
    (shipped / "report" / "tables" / "a.csv").write_text("x")
    copy_example("adolescent_cbt", shipped, overwrite=True)
    assert not (shipped / "report").exists()


@pytest.mark.parametrize(
    "path", ["mine.txt", "study.toml", "incoming/R9_thabs_batch01.xlsx", "report/notes.txt", "report/tables/a.xlsx"]
)
def test_what_somebody_added_or_changed_is_named_and_kept(shipped, path):
    copy_example("adolescent_cbt", shipped, overwrite=True)
    (shipped / path).parent.mkdir(parents=True, exist_ok=True)
    before = (shipped / path).read_bytes() if (shipped / path).exists() else None
    (shipped / path).write_text("mine")
    with pytest.raises(UsageError) as told:
        copy_example("adolescent_cbt", shipped, overwrite=True)
    assert path in str(told.value)
    assert (shipped / path).read_text() == "mine"
    if before is None:
        (shipped / path).unlink()
    else:
        (shipped / path).write_bytes(before)


@pytest.mark.parametrize("manifest", [None, "", "[]", "{"])
def test_a_folder_that_merely_mentions_the_demo_is_left_alone(tmp_path, manifest):
    (tmp_path / "study.toml").write_text('name = "telephone_cbt"')
    if manifest is not None:
        (tmp_path / MANIFEST).write_text(manifest)
    with pytest.raises(UsageError, match="is no copy of the example study and is left alone"):
        copy_example("telephone_cbt", tmp_path, overwrite=True)
    assert (tmp_path / "study.toml").is_file()


def test_an_empty_folder_has_nothing_to_lose(tmp_path):
    copy_example("adolescent_cbt", tmp_path / "new")
    (tmp_path / "empty").mkdir()
    copy_example("adolescent_cbt", tmp_path / "empty")
    assert (tmp_path / "empty" / "study.toml").is_file()
