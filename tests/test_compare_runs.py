"""Both example studies give the numbers that they gave before; tests/compare_runs.py says which moved."""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
REFERENCE = HERE / "reference" / "runs"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare_runs", HERE / "compare_runs.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules["compare_runs"] = module
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


runs = script()
# The reference was made with the newest versions; older ones of numpy and scipy sum, factorise and invert in their own
# way: closed forms differ by less than 1e-9, and where an iteration stops by less than 1e-6.
ACROSS_VERSIONS = runs.Tolerance(closed=1e-9, iterated=1e-6, limits=1e-6)


def moved(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [str(one) for one in runs.compare(before, after, ACROSS_VERSIONS) if not one.added]


def test_no_number_of_the_telephone_study_moved(telephone_demo: Any) -> None:
    assert moved(runs.read_run(REFERENCE / "telephone_cbt.json.xz"), runs.read_run(telephone_demo.report)) == []


def test_no_number_of_the_adolescent_study_moved(adolescent_run: Any) -> None:
    from doublecode.analysis.report.folder import results_record
    from doublecode.schemas.results import to_json

    before = {"results.json": runs.read_run(REFERENCE / "adolescent_cbt.json.xz")["results.json"]}
    assert moved(before, {"results.json": json.loads(to_json(results_record(adolescent_run)))}) == []


RUN = {
    "results.json": {"versions": {"numpy": "1"}, "series": {"m": [{"term": "x", "estimate": 1.0, "p_value": 1e-9}]}},
    "tables/flow.csv": {"stage": ["rated", "kept"], "kept": [194.0, 192.0]},
    "tables/m_models.csv": {"estimate": [1.0], "conf_low": [0.5]},
}


@pytest.mark.parametrize(
    ("path", "value", "seen"),
    [
        (("results.json", "versions", "numpy"), "2", False),
        (("results.json", "series", "m", 0, "estimate"), 1.0 + 2e-8, True),
        (("results.json", "series", "m", 0, "estimate"), 1.0 + 5e-9, False),
        (("results.json", "series", "m", 0, "p_value"), 1.5e-9, False),
        (("results.json", "series", "m", 0, "term"), "z", True),
        (("tables/flow.csv", "kept", 1), 192.0 + 1e-9, True),
        (("tables/flow.csv", "stage"), ["rated"], True),
        (("tables/m_models.csv", "conf_low", 0), 0.5 + 4e-7, False),
        (("tables/m_models.csv", "conf_low", 0), 0.5 + 2e-6, True),
        (("tables/m_models.csv", "estimate", 0), float("nan"), True),
    ],
)
def test_what_the_script_sees(path: tuple[Any, ...], value: Any, seen: bool) -> None:
    after: Any = copy.deepcopy(RUN)
    inner = after
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert bool(list(runs.compare(RUN, after, runs.Tolerance()))) is seen


def test_what_is_new_is_listed_and_what_is_lost_is_a_difference() -> None:
    more = RUN | {"tables/new.csv": {"a": [1.0]}}
    assert [one.added for one in runs.compare(RUN, more, runs.Tolerance())] == [True]
    assert [one.added for one in runs.compare(more, RUN, runs.Tolerance())] == [False]


def test_the_command_packs_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report" / "tables").mkdir(parents=True)
    (tmp_path / "report" / "results.json").write_text(json.dumps({"n": 3}), encoding="utf-8")
    (tmp_path / "report" / "row_ledger.csv").write_text("stage,session\nrated,1\n", encoding="utf-8")
    assert runs.main(["--pack", str(tmp_path / "report"), str(tmp_path / "kept.json.xz")]) == 0
    assert runs.main([str(tmp_path / "kept.json.xz"), str(tmp_path / "report")]) == 0
    (tmp_path / "report" / "results.json").write_text(json.dumps({"n": 4}), encoding="utf-8")
    assert runs.main([str(tmp_path / "kept.json.xz"), str(tmp_path / "report")]) == 1
    printed = capsys.readouterr().out
    assert "0 difference(s), 0 new: no number moved" in printed
    assert "DIFF results.json › n: 3 → 4" in printed
    assert runs.main([]) == 2
