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
    assert "a.xlsx · row_empty: 31 more" in told
    assert "F9" in told


def test_few_of_a_kind_are_all_named(capsys):
    print_problems([Problem("row_empty", "a.xlsx", "Rate", f"A{row}") for row in range(5, 13)])
    assert capsys.readouterr().err.count("row_empty") == 8


def test_a_site_whose_sessions_are_not_listed_yet_is_said_in_few_lines(capsys):
    """Ratings of a ledger have no cell in incoming/; warnings of variables, which have no file, are all named."""
    sessions = [Problem("unknown_session", "b/a.xlsx", subject=f"b:S-{n}", found=f"b:S-{n}") for n in range(40)]
    print_problems([*sessions, *(Problem("no_spread", subject=f"variable {n}") for n in range(12))])
    told = capsys.readouterr().err
    assert "b/a.xlsx · unknown_session: 37 more" in told
    assert told.count("b:S-") // 2 == 3
    assert "variable 11" in told
