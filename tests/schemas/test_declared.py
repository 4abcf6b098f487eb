from __future__ import annotations

import pytest

from doublecode.schemas.errors import StudyError
from doublecode.schemas.study import load_study

GOOD = """
name = "a"
title = "A"
raters = [{ id = "R1" }]

[[instruments]]
name = "ghes"
raters = ["R1"]

[[variables]]
name = "he"
instrument = "ghes"
scale = "he"

[outliers]
variables = ["he"]
"""


def wrong(folder, old, new):
    """What is said of the study after one entry was replaced."""
    (folder / "study.toml").write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(StudyError) as found:
        load_study(folder)
    return str(found.value).splitlines()


def test_a_rule_between_entries_says_the_entry_and_not_the_whole_file(tmp_path):
    twice = "stands twice; give each a name of its own, or remove one"
    model = '[[moderations]]\nname = "m"\ntitle = "M"\noutcome = "he"\npredictor = "session"\n'
    again = "variable 'session' stands twice among outcome, predictor, moderator and covariates; name each once"
    allowed = "allowed: he, patient, session, therapist"
    for old, new, message in (
        ('["he"]', '["nix"]', f"  line 16: outliers: variable 'nix' is not declared; {allowed}"),
        ('raters = ["R1"]', 'raters = ["R9"]', "  line 8: instrument 'ghes': rater 'R9' is not declared; allowed: R1"),
        ('raters = [{ id = "R1" }]', 'raters = [{ id = "R1" }, { id = "R1" }]', f"  line 4: rater 'R1' {twice}"),
        ("[outliers]", '[[variables]]\nname = "he"\ncolumn = "age"\n[outliers]', f"  line 16: variable 'he' {twice}"),
        ("[outliers]", f"{model}{model}[outliers]", f"  line 21: model 'm' {twice}"),
        ("[outliers]", f"{model}moderator = 'session'\n[outliers]",
         f"  line 15, moderations[1]: moderation 'm': {again}"),
        ('scale = "he"', "", "  line 10, variables[1]: variable 'he' needs exactly one of scale, item, count, "
             "column, time, phase_from; found none"),
    ):  # fmt: skip
        assert wrong(tmp_path, old, new) == ["study.toml: 1 wrong entry.", message]


def test_an_unknown_entry_is_told_what_may_stand_there(tmp_path):
    assert wrong(tmp_path, '["he"]', '["he"]\nmultiplyer = 2')[1] == (
        "  line 17, outliers.multiplyer: there is no such entry (found 2); allowed: multiplier, quantiles, variables; "
        "did you mean 'multiplier'?"
    )
    line = wrong(tmp_path, 'raters = ["R1"]', 'raters = ["R1"]\nreliabilty = "one-way"')[1]
    assert line.startswith("  line 9, instruments[1].reliabilty: there is no such entry")
    assert "reliability, reliability_interval" in line
    assert (
        "; allowed: allocation, certification, citation, correlations,"
        in wrong(tmp_path, 'title = "A"', 'title = "A"\nunti = 3')[1]
    )


def test_values_are_said_with_what_was_found(tmp_path):
    lines = wrong(tmp_path, 'scale = "he"', 'scale = "he"\nsession = "one"')
    said = "is of the wrong kind (found 'one'); allowed: a whole number without quotation marks"
    assert lines[1] == f"  line 14, variables[1].session: {said}"
    line = wrong(tmp_path, 'name = "ghes"', 'name = "ghes"\nreliability_interval = "bootstrap"')[1]
    assert line.endswith("this word is not known (found 'bootstrap'); allowed: model, jackknife")
