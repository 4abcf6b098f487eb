import json
import math

import pandas as pd
import pytest

from doublecode.analysis.rendering.tables import Column, Table, column, format_interval, format_number, write_csv
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note, Result, plain, result_record, to_json


@pytest.mark.parametrize(
    ("value", "kind", "digits", "text"),
    [
        # APA 7, 6.36: no leading zero where a number cannot exceed 1; p to three decimals; a true minus
        (0.678, "bounded", 2, ".68"),
        (-0.234, "bounded", 2, "−.23"),
        (0.999, "bounded", 2, "1.00"),
        (-0.0004, "bounded", 2, ".00"),
        (0.00049, "p", 2, "< .001"),
        (0.0321, "p", 2, ".032"),
        (1.0, "p", 2, "1.000"),
        (-0.0512, "number", 2, "−0.05"),
        (-0.001, "number", 2, "0.00"),
        (-0.00341, "estimate", 2, "−0.0034"),
        (0.0, "estimate", 2, "0.00"),
        (21.0, "integer", 2, "21"),
        (20.34, "integer", 2, "20.3"),
        (0.924, "percent", 1, "92.4 %"),
        (math.inf, "number", 2, "∞"),
        (math.nan, "p", 2, "–"),
    ],
)
def test_numbers_are_printed_as_apa_asks(value, kind, digits, text):
    assert format_number(value, kind, digits) == text


def test_an_interval_keeps_a_missing_limit_visible():
    assert format_interval(0.1, 0.25, "bounded") == "[.10, .25]"
    assert format_interval(math.nan, 0.97, "bounded") == "[–, .97]"
    assert format_interval(math.nan, math.nan) == "–"


def model_table():
    frame = pd.DataFrame(
        {
            "model": ["A", "A", "B"], "term": ["Intercept", "session", "Intercept"], "estimate": [1.234, -0.5, 2.0],
            "conf_low": [1.0, -1.0, math.nan], "conf_high": [2.0, 0.0, math.nan], "p_value": [1e-9, 0.04, math.nan],
        }
    )  # fmt: skip
    names = ("term", "estimate", "conf_low", "p_value")
    return Table("models", "Models", frame, tuple(column(name) for name in names), group="model")


def test_estimates_by_large_units_keep_their_digits():
    """A slope per unit of a predictor of size 1e8; what is rounding beside no error, an SD of nought, stays 0.00."""
    shared = (column("estimate"), column("std_error"), column("conf_low"))
    rows = pd.DataFrame(
        {
            "estimate": [4.7e-9, 1.9],
            "std_error": [7.44e-10, 0.13],
            "conf_low": [3.17e-9, 1.63],
            "conf_high": [6.23e-9, 2],
        }
    )
    assert Table("t", "T", rows, shared).body() == [
        ("0.00000000470", "0.00000000074", "[0.00000000317, 0.00000000623]"),
        ("1.90", "0.13", "[1.63, 2.00]"),
    ]
    assert column("sd", kind="estimate").render({"sd": 1e-9}) == "0.00"
    assert column("sd", kind="estimate").render({"sd": 7.9e-5}) == "0.000079"


def test_the_body_has_spanner_rows_and_rounded_cells():
    assert model_table().body() == [
        ("A",),
        ("Intercept", "1.23", "[1.00, 2.00]", "< .001"),
        ("session", "−0.50", "[−1.00, 0.00]", ".040"),
        ("B",),
        ("Intercept", "2.00", "–", "–"),
    ]


def test_a_table_refuses_a_column_that_the_frame_lacks():
    with pytest.raises(UsageError, match="table 't': the frame has no column 'b'; it has a"):
        Table("t", "", pd.DataFrame({"a": [1]}), (Column("b", "B"),))


def test_json_has_null_for_nan_and_nothing_that_json_does_not_know():
    value = {"p": math.nan, "n": pd.NA, "k": (1, 2), "x": math.inf, 3: {"b", "a"}, "array": pd.array([1.5, None])}
    back = json.loads(to_json(value))
    assert back == {"p": None, "n": None, "k": [1, 2], "x": None, "3": ["a", "b"], "array": [1.5, None]}


def test_a_result_without_variances_says_null():
    class Answer(Result):
        spec, frame, design, notes = {"a": 1}, pd.DataFrame({"b": [math.nan]}), {"n": 2}, (Note("so"),)

    assert result_record(Answer()) == {
        "spec": {"a": 1}, "frame": [{"b": None}], "variances": None, "design": {"n": 2}, "notes": ["so"],
    }  # fmt: skip


def test_csv_has_full_precision_and_defuses_formulas(tmp_path):
    frame = pd.DataFrame({"x": [1 / 3, math.nan], "found": ["=HYPERLINK(1)", "-0.5"]})
    write_csv(frame, tmp_path / "a.csv")
    write_csv(frame, tmp_path / "b.csv")
    text = (tmp_path / "a.csv").read_bytes()
    assert text == (tmp_path / "b.csv").read_bytes() == b"x,found\n0.3333333333333333,'=HYPERLINK(1)\n,-0.5\n"
    assert frame["found"][0] == "=HYPERLINK(1)"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("-1+cmd", "'-1+cmd"), ("-A1", "'-A1"), ("\r=1", "\"'\n=1\""), ("a\rb", '"a\nb"'), ("a\r\nb", '"a\nb"'),
        ("-1.5", "-1.5"), ("-2e-3", "-2e-3"), ("- a", "'- a"), ("a-b", "a-b"), ("\t1", "'\t1"),
    ],
)  # fmt: skip
def test_csv_escapes_minus_and_carriage_return(text, written, tmp_path):
    write_csv(pd.DataFrame({"id": [text], "n": [1]}), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes().decode() == f"id,n\n{written},1\n"


def test_plain_turns_frames_into_records():
    assert plain(pd.DataFrame({"a": [1]})) == [{"a": 1}]
