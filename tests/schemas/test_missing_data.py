"""[sensitivity.missing] of study.toml: what would change nothing, or mislead, is refused with the reason."""

import pytest

from doublecode.schemas.errors import StudyError

NEXT = """
[[variables]]
name = "next"
instrument = "phq9"
scale = "total"
lag = 1
[sensitivity]
headline = { model = "course", term = "he_within" }
[sensitivity.missing]
"""
PLAIN = NEXT.replace('model = "course", term = "he_within"', 'model = "plain"')


def test_what_is_declared_is_read(load_small):
    text = 'compare = ["age", "phq9"]\nattendance = true\nimputations = 30\nauxiliary = ["next"]\nthin = 40\nseed = 5'
    asked = load_small(NEXT + text).sensitivity.missing
    assert (asked.compare, asked.imputations, asked.auxiliary) == (("age", "phq9"), 30, ("next",))
    assert (asked.attendance, asked.thin, asked.burn_in, asked.seed) == (True, 40, 1000, 5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing is asked"),
        ('imputations = 20\nimputation = "single-level"', "lose their share between patients.*multilevel"),
        ('imputations = 20\nimputation = "single level"', "did you mean 'single-level'"),
        ("imputations = 1", "greater than or equal to 2|2 or more|at least 2"),
        ("attendance = true\nseed = 3", "seed is of imputations"),
        ('attendance = true\nauxiliary = ["next"]', "auxiliary is of imputations"),
        ('imputations = 5\nauxiliary = ["nxt"]', "did you mean 'next'"),
        ('imputations = 5\nauxiliary = ["he"]', "'he' stands in the headline's model already"),
        ('compare = ["age", "age"]', "'age' twice"),
        ('comparing = ["age"]', "compare"),
    ],
)
def test_what_says_nothing_is_refused(load_small, text, said):
    with pytest.raises(StudyError, match=f"(?s){said}"):
        load_small(NEXT + text)


@pytest.mark.parametrize("key", ["attendance = true", "imputations = 20"])
def test_a_regression_over_patients_has_neither_attendance_nor_nested_rows(load_small, key):
    with pytest.raises(StudyError, match=f"{key.split()[0]} is of series.*one row per patient"):
        load_small(PLAIN + key)
    assert load_small(PLAIN + 'compare = ["age"]').sensitivity.missing.compare == ("age",)
