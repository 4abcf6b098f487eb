"""Published values are declared soundly, or refused with the entry that is wrong."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from doublecode.schemas import load_published
from doublecode.schemas.errors import UsageError
from doublecode.schemas.published_values import PrintedValue

STUDIES = Path(str(files("doublecode.data_examples")))
SOUND: dict[str, Any] = {
    "name": "r", "printed": "−.31", "value": -0.31, "quote": "( r = −.31, p = .03)", "place": "Results",
    "shown_with": "Table 2", "ours": {"table": "correlations", "rows": {"x": "a"}, "column": "r"},
}  # fmt: skip


def write(folder: Path, *values: dict[str, Any]) -> Path:
    file = folder / "published_values.json"
    file.write_text(json.dumps({"citation": "A paper", "values": values}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": -0.32}, "printed '−.31' says -0.31, value is -0.32"),
        ({"printed": "−.41", "value": -0.41}, "does not stand in the quote"),
        ({"quote": "( r = −.13, p = .03)"}, "does not stand in the quote"),
        ({"declared": "somewhere"}, "exactly one of ours, declared, not_derivable"),
        ({"ours": None}, "exactly one of ours, declared, not_derivable"),
        ({"value": None}, "neither value nor words"),
        ({"ours": {"table": "t", "column": "r", "take": "largest"}}, "take"),
        ({"ours": {"table": "t"}}, "found no column"),
        ({"ours": {"table": "t", "column": "r", "rows": {"x": {}}}}, "ours.rows.x: is of the wrong kind"),
        ({"ours": {"table": "t", "colum": "r"}}, "colum"),
        ({"qoute": "x"}, "qoute"),
    ],
)
def test_a_wrong_entry_is_refused_and_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    assert load_published(write(tmp_path, SOUND)).values[0].label == "r"
    with pytest.raises(UsageError, match=r"published_values\.json: 1 wrong entry") as wrong:
        load_published(write(tmp_path, SOUND | change))
    assert said in str(wrong.value)


def test_two_values_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two values are called 'r'"):
        load_published(write(tmp_path, SOUND, SOUND))


def test_a_folder_without_published_values_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no such file. Published values stand in published_values\.json"):
        load_published(tmp_path)


@pytest.mark.parametrize(
    ("printed", "value", "decimals"),
    [("2.70", 2.7, 2), ("25%", 0.25, 2), ("25%", 25, 0), ("14.8%", 0.148, 3), ("7", 7, 0)],
)
def test_decimals_are_those_that_are_printed(printed: str, value: float, decimals: int) -> None:
    one = PrintedValue(
        name="x", printed=printed, value=value, quote=printed, place="p", shown_with="t", not_derivable="shown only"
    )
    assert one.decimals == decimals


@pytest.mark.parametrize(("study", "n"), [("adolescent_cbt", 124), ("telephone_cbt", 151), ("classics", 43)])
def test_the_shipped_values_are_those_that_the_papers_print(study: str, n: int) -> None:
    """Against a second copy: whoever alters a value or a quote alters one of two files."""
    kept = json.loads((Path(__file__).parents[1] / "reference" / "published_values.json").read_text(encoding="utf-8"))
    shipped = load_published(STUDIES / study).values
    assert len(shipped) == len(kept[study]) == n
    for one, (name, part, value, quote) in zip(shipped, kept[study], strict=True):
        assert one.quote == quote, one.label
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            assert one.value is not None, one.label
            assert abs(one.value) == abs(value), (one.label, name, part)
