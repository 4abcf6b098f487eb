"""Tables of SPSS and Stata: values, dates, declared missing values, damage."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from doublecode.coding.reading.long_table import read_rows
from doublecode.schemas.errors import UsageError

pyreadstat = pytest.importorskip("pyreadstat")
TABLE = pd.DataFrame(
    {
        "pat": ["01", "01", "02", "02"],
        "sess": [1.0, 2.0, 1.0, 2.0],
        "he": [2.0, -99.0, 3.5, None],
        "type": [1.0, 2.0, 9.0, 1.0],
        "day": pd.to_datetime(["2020-01-31", "2020-02-01", None, "2021-03-04"]),
    }
)
LABELS = {"type": {1: "exposure", 2: "diary", 9: "unknown"}}


@pytest.fixture
def sav(tmp_path: Path) -> Path:
    path = tmp_path / "table.sav"
    ranges = {"he": [{"lo": -99, "hi": -90}], "type": [9]}
    pyreadstat.write_sav(TABLE, str(path), variable_value_labels=LABELS, missing_ranges=ranges)
    return path


def test_a_table_of_spss(sav: Path) -> None:
    frame, remarks = read_rows(sav, list(TABLE.columns), texts=["pat"])
    assert frame["pat"].tolist() == ["01", "01", "02", "02"]
    assert frame["he"].tolist()[::2] == [2.0, 3.5]
    assert frame["he"].isna().tolist() == [False, True, False, True]
    assert frame["type"].isna().tolist() == [False, False, True, False]
    assert frame["day"].dropna().tolist() == ["2020-01-31", "2020-02-01", "2021-03-04"]
    said = {(one.subject, one.found) for one in remarks if one.code == "read_as_missing"}
    assert said == {("he", "-99 × 1"), ("type", "9 (unknown) × 1")}


def test_a_table_of_stata(tmp_path: Path) -> None:
    path = tmp_path / "table.dta"
    pyreadstat.write_dta(TABLE, str(path), variable_value_labels=LABELS)
    frame, _ = read_rows(path, list(TABLE.columns), texts=["pat"], missing=["-99"])
    assert frame["he"].isna().tolist() == [False, True, False, True]
    assert frame["type"].tolist() == [1.0, 2.0, 9.0, 1.0]


def test_the_command_reads_it_as_it_reads_csv(sav: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from doublecode.analysis.cli.on_models import fit

    frame, _ = read_rows(sav, list(TABLE.columns), texts=["pat"])
    frame.to_csv(sav.with_suffix(".csv"), index=False)
    answers = []
    for path in (sav, sav.with_suffix(".csv")):
        fit("type ~ sess + (1 | pat)", path, as_json=True)
        answers.append(json.loads(capsys.readouterr().out)["frame"])
    assert answers[0] == answers[1]


def test_a_damaged_file_is_named(sav: Path) -> None:
    sav.write_bytes(sav.read_bytes()[:200])
    with pytest.raises(UsageError, match=r"table\.sav.*unreadable_file"):
        read_rows(sav, ["he"])


def test_without_the_reader_the_way_is_named(sav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyreadstat", None)
    with pytest.raises(UsageError, match=r"SPSS needs pyreadstat.*\.csv or \.xlsx"):
        read_rows(sav, ["he"])
