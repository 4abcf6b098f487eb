"""Printed values beside ours: from the tables of a report, against the generator's own facts."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from doublecode.analysis import compare_published
from doublecode.analysis.report.published_comparison import PublishedResult
from doublecode.schemas.errors import UsageError

ROOT = Path(__file__).parents[3]
RUNS = ROOT / "tests" / "reference" / "runs"
STUDIES = ("adolescent_cbt", "telephone_cbt")
SHIPPED = Path(str(files("doublecode.data_examples")))


def packed(study: str) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("compare_runs", ROOT / "tests" / "compare_runs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.read_run(RUNS / f"{study}.json.xz")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both studies with the tables of their kept runs as a report: nothing is computed."""
    found = {}
    for study in STUDIES:
        folder = tmp_path_factory.mktemp(study) / study
        tables = folder / "report" / "tables"
        tables.mkdir(parents=True)
        for file in (SHIPPED / study).iterdir():
            if file.suffix in (".csv", ".json"):
                shutil.copy(file, folder)
        for name, columns in packed(study).items():
            if name.startswith("tables/"):
                pd.DataFrame(columns).to_csv(tables.parent / name, index=False)
        found[study] = folder
    return found


@pytest.fixture(scope="module")
def beside(folders: dict[str, Path]) -> dict[str, PublishedResult]:
    return {study: compare_published(folder) for study, folder in folders.items()}


@pytest.mark.parametrize(("study", "n", "at_least"), [("adolescent_cbt", 124, 91), ("telephone_cbt", 151, 94)])
def test_every_value_has_a_verdict(beside: dict[str, PublishedResult], study: str, n: int, at_least: int) -> None:
    """What the notebooks hand over beside (dyads, rank correlations …) is not computed here, and says so."""
    result = beside[study]
    assert result.design["n_values"] == n
    assert result.design["n_computed"] >= at_least
    assert result.frame["verdict"].ne("").all()
    alone = result.frame[result.frame["verdict"] == "not computed"]
    assert alone["remark"].str.contains("there is no table").all()
    assert int(result.counts["n"].sum()) == n


@pytest.mark.parametrize("study", STUDIES)
def test_ours_is_what_the_generator_says_of_the_shipped_study(
    beside: dict[str, PublishedResult], folders: dict[str, Path], study: str
) -> None:
    """The tables of the report against facts.py of the generators, which share no code with them."""
    own = (
        pd.read_csv(folders[study] / "printed_values.csv").drop_duplicates("quantity").set_index("quantity")["shipped"]
    )
    named = json.loads((folders[study] / "published_values.json").read_text(encoding="utf-8"))["values"]
    frame = beside[study].frame
    compared = 0
    for one, (ours, state) in zip(named, zip(frame["ours"], frame["verdict"], strict=True), strict=True):
        if "quantity" in one and state != "not computed":
            wanted = 1 - own[one["quantity"]] if one.get("complement") else own[one["quantity"]]
            assert ours == pytest.approx(wanted, rel=2e-3, abs=2e-4), one["name"]
            compared += 1
    assert compared >= 85


def test_an_altered_value_moves_a_verdict(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = folders["adolescent_cbt"]
    text = (folder / "published_values.json").read_text(encoding="utf-8")
    before = compare_published(folder).counts
    altered = tmp_path / "altered.json"
    quote = "50 referred adolescents (33 females)"
    altered.write_text(
        text.replace(
            f'"printed": "33", "value": 33, "quote": "{quote}"', f'"printed": "34", "value": 34, "quote": "{quote}"'
        ),
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match="printed '34' does not stand in the quote"):
        compare_published(folder, published=altered)
    altered.write_text(altered.read_text(encoding="utf-8").replace(quote, quote.replace("33", "34")), encoding="utf-8")
    after = compare_published(folder, published=altered).counts
    matches = [counts.set_index("verdict")["n"] for counts in (before, after)]
    assert matches[1]["match"] == matches[0]["match"] - 1
    assert matches[1]["differs"] == matches[0]["differs"] + 1


def test_a_part_is_shown_by_the_table_it_belongs_to(beside: dict[str, PublishedResult]) -> None:
    part = beside["adolescent_cbt"].of("Table 3")
    assert set(part.frame["shown_with"]) == {"Table 3"}
    assert [table.name for table in part.tables()] == ["published_values", "published_remarks", "published_quotes"]
    assert (
        "| rationale × resistance: beta | .31 | 0.302 | 0.299 | 0.166 | 0.07 | calibrated | \\|z\\| ≤ 1 |"
        in part.to_markdown()
    )
    with pytest.raises(UsageError, match=r"shown with 'Tabel 3'.*did you mean 'Table 3'"):
        beside["adolescent_cbt"].of("Tabel 3")


def test_a_result_that_is_handed_over_answers(folders: dict[str, Path]) -> None:
    folder = folders["adolescent_cbt"]
    power = pd.DataFrame({"n": [33, 41], "power": [0.5736, 0.6749]})
    shown = compare_published(folder, tables={"power": power}).of("Power").frame.set_index("value")
    assert shown.loc["power for medium effects: highest", "verdict"] == "match after rounding"
    assert shown.loc["power for medium effects: lowest", "verdict"] == "differs"
    assert shown.loc["Bonferroni’s limit", "verdict"] == "not computed"


def test_a_laboratory_without_twins_has_no_z_and_no_origin(folders: dict[str, Path], tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(folders["adolescent_cbt"], own, ignore=shutil.ignore_patterns("printed_values.csv"))
    frame = compare_published(own).frame
    assert frame["z"].isna().all()
    assert set(frame["origin"]) == {""}
    assert set(frame["verdict"]) == {
        "match",
        "match after rounding",
        "differs",
        "not computed",
        "declared",
        "not derivable",
    }


def test_a_folder_without_a_report_says_what_to_run(tmp_path: Path) -> None:
    shutil.copy(SHIPPED / "adolescent_cbt" / "published_values.json", tmp_path)
    with pytest.raises(UsageError, match=r"there is no report in it\. Run the study first: doublecode run"):
        compare_published(tmp_path)
