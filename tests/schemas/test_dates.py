"""Dates are never guessed."""

from __future__ import annotations

import pandas as pd
import pytest

from doublecode.schemas.dates import read_dates
from doublecode.schemas.errors import ContractError, UsageError


def read(text, form=None):
    return str(read_dates(pd.Series([text]), form, ["line 2"], "date").dt.date[0])


@pytest.mark.parametrize(
    ("text", "form", "right"),
    [
        ("2021-04-03", None, "2021-04-03"), ("2021-04-03 00:00:00", None, "2021-04-03"),
        ("2021-04-03T10:15", "dd.mm.yyyy", "2021-04-03"), ("03.04.2021", "dd.mm.yyyy", "2021-04-03"),
        ("3.4.2021", "dd.mm.yyyy", "2021-04-03"), ("03/04/2021", "mm/dd/yyyy", "2021-03-04"),
        ("03.04.21", "dd.mm.yy", "2021-04-03"), ("03.04.69", "dd.mm.yy", "1969-04-03"),
        ("21-4-3", "yy-mm-dd", "2021-04-03"),
        ("31.12.1999", "DD.MM.YYYY", "1999-12-31"), ("29.02.2024", "dd.mm.yyyy", "2024-02-29"),
    ],
)  # fmt: skip
def test_a_date_is_read_by_its_form(text, form, right):
    assert read(text, form) == right


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        ("03.04.2021", None, "may be 2021-04-03 or 2021-03-04"),
        ("13.04.2021", None, "may be 2021-04-13;"),
        ("03/04/21", None, "may be 2021-04-03 or 2021-03-04 or 2003-04-21"),
        ("44289", None, "2021-04-03 (days from 1900) or 2025-04-04 (days from 1904)"),
        ("03/04/2021", "dd.mm.yyyy", "may be 2021-04-03 or 2021-03-04; allowed year-month-day"),
        ("30.02.2021", "dd.mm.yyyy", "found '30.02.2021', allowed"),
        ("04.13.2021", "dd.mm.yyyy", "may be 2021-04-13"),
        ("03.04.21", "dd.mm.yyyy", "allowed year-month-day such as 2021-04-03, or dd.mm.yyyy"),
        ("April", None, "found 'April', allowed"),
    ],
)
def test_what_is_not_said_is_refused_with_every_reading(text, form, said):
    with pytest.raises(ContractError) as told:
        read(text, form)
    assert said in str(told.value)
    assert str(told.value).startswith("line 2: date: found")


def test_missing_stays_missing_and_forms_may_be_mixed_with_iso():
    found = read_dates(pd.Series(["", None, "2021-04-03", "04.04.2021"]), "dd.mm.yyyy", list("abcd"), "date")
    assert found.isna().tolist() == [True, True, False, False]
    assert found.max() - found.min() == pd.Timedelta(days=1)
    assert read_dates(pd.Series([None, None], dtype=object), None, list("ab"), "date").isna().all()


@pytest.mark.parametrize("form", ["dd.mm", "dd.dd.yyyy", "%d.%m.%Y", "dd.mm/yyyy", ""])
def test_a_form_that_is_none(form):
    with pytest.raises(UsageError, match=r"such as dd\.mm\.yyyy"):
        read("03.04.2021", form)
