"""Many slips of one kind in one file are a line each for the first few, and a count."""

from __future__ import annotations

from doublecode.coding.console import print_problems
from doublecode.schemas.problems import Problem


def test_a_flood_of_one_kind_hides_no_other(capsys):
    flood = [Problem("row_empty", "a.xlsx", "Rate", f"A{row}") for row in range(5, 39)]
    other = Problem("out_of_range", "a.xlsx", "Rate", "F9", "S-1, extent", "9", "0–4")
    print_problems([*flood, other])
    told = capsys.readouterr().err
    assert told.count("row_empty") == 4
    assert "a.xlsx · row_empty: 31 more cells" in told
    assert "F9" in told


def test_few_of_a_kind_are_all_named(capsys):
    print_problems([Problem("row_empty", "a.xlsx", "Rate", f"A{row}") for row in range(5, 13)])
    assert capsys.readouterr().err.count("row_empty") == 8
