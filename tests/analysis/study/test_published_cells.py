"""What is taken of a table: by hand."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import pandas as pd
import pytest

from doublecode.analysis.study.published_cells import value_of
from doublecode.analysis.study.published_verdicts import verdict
from doublecode.schemas.errors import UsageError
from doublecode.schemas.published_values import Cell, PrintedValue

FRAME = pd.DataFrame(
    {
        "who": ["a", "a", "b", "b", "c"],
        "session": ["1", "2", "1", "2", "all"],
        "n": [1, 2, 3, 4, 10],
        "r": [-0.5, 0.2, 0.1, -0.3, float("nan")],
        "kinds": ["x;y", "x", "xy; z", "none", "x; y; z"],
        "sound": [True, False, True, True, True],
    }
)


class Answered:
    frame = FRAME
    design: ClassVar[dict[str, float]] = {"alpha": 0.05}


TABLES = {"t": FRAME, "answered": Answered()}


def cell(**given: Any) -> Cell:
    return Cell.model_validate_json(__import__("json").dumps({"table": "t", **given}))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"column": "n", "rows": {"who": "a", "session": "2"}}, 2),
        ({"column": "n", "rows": {"n": 10}}, 10),
        ({"column": "sound", "rows": {"n": 2}}, "no"),
        ({"column": "kinds", "rows": {"n": 4}}, "none"),
        ({"column": "r", "rows": {"n": 1}, "size": True}, 0.5),
        ({"take": "count"}, 5),
        ({"take": "count", "rows": {"session": ["1", "2"]}}, 4),
        ({"take": "count", "rows": {"n": [1, 10]}}, 2),
        ({"take": "count", "rows": {"who": {"not": "a"}}}, 3),
        ({"take": "count", "rows": {"n": {"from": 2, "to": 4}}}, 3),
        ({"take": "count", "rows": {"kinds": {"has": "x"}}}, 3),
        ({"take": "count", "rows": {"kinds": {"entries": 2}}}, 3),
        ({"take": "count", "rows": {"kinds": {"begins": "x"}}}, 4),
        ({"take": "distinct", "column": "who"}, 3),
        ({"take": "sum", "column": "n"}, 20),
        ({"take": "mean", "column": "n"}, 4),
        ({"take": "median", "column": "n"}, 3),
        ({"take": "min", "column": "r"}, -0.5),
        ({"take": "max", "column": "r", "size": True}, 0.5),
        ({"take": "weakest", "column": "r"}, 0.1),
        ({"take": "strongest", "column": "r"}, -0.5),
        ({"take": "sd", "column": "n", "rows": {"who": "a"}}, math.sqrt(0.5)),
        ({"take": "min", "column": "session", "per": "who"}, 1),
        ({"take": "max", "column": "session", "per": "who"}, 2),
        ({"take": "count", "rows": {"who": "a"}, "of": {"table": "t", "take": "count"}}, 40),
        ({"take": "sum", "column": "n", "rows": {"who": "a"}, "of": {"table": "t", "take": "sum", "column": "n"},
          "unit": "share"}, 0.15),
        ({"table": "answered", "take": "count"}, 5),
        ({"table": "answered.design", "column": "alpha"}, 0.05),
    ],
)  # fmt: skip
def test_a_cell_is_what_it_says(given: dict[str, Any], found: float | str) -> None:
    value = value_of(cell(**given), TABLES)
    assert value == found if isinstance(found, str) else value == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"table": "answerd", "take": "count"}, "no table 'answerd' .*Did you mean 'answered'"),
        ({"table": "answered.stray", "take": "count"}, "'answered' has no table 'stray'"),
        ({"column": "m", "take": "mean"}, "no column 'm'; allowed: who"),
        ({"column": "n", "rows": {"whoo": "a"}}, "no column 'whoo'.*did you mean 'who'"),
        ({"column": "n", "rows": {"who": "a"}}, "has 2 rows with who = a; one is wanted"),
        ({"column": "n", "rows": {"who": "z"}}, "has 0 rows with who = z"),
        ({"column": "who", "take": "mean"}, "'who' holds texts; mean needs numbers"),
    ],
)
def test_what_is_not_there_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        value_of(cell(**given), TABLES)


def test_an_empty_cell_is_no_number() -> None:
    assert math.isnan(value_of(cell(column="r", rows={"who": "c"}), TABLES))  # type: ignore[arg-type]


NAN = float("nan")


@pytest.mark.parametrize(
    ("printed", "ours", "z", "said"),
    [
        ({"printed": "33", "value": 33}, 33.0, NAN, "match"),
        ({"printed": "5.9", "value": 5.9}, 5.8999999999999995, NAN, "match"),
        ({"printed": ".28", "value": 0.28}, 0.2849, NAN, "match after rounding"),
        ({"printed": ".28", "value": 0.28}, 0.2851, NAN, "differs"),
        ({"printed": "2.70", "value": 2.7}, 2.74, 0.2, "|z| ≤ 1"),
        ({"printed": "2.7", "value": 2.7}, 2.74, 0.2, "match after rounding"),
        ({"printed": ".28", "value": 0.28}, 0.5, -1.0, "|z| ≤ 1"),
        ({"printed": ".28", "value": 0.28}, 0.5, -1.5, "1 < |z| ≤ 2"),
        ({"printed": ".28", "value": 0.28}, 0.5, 2.01, "|z| > 2"),
        ({"printed": ".28", "value": 0.28}, NAN, 0.1, "not computed"),
        ({"printed": "< .05", "value": 0.05, "bound": "<"}, 0.049, NAN, "match"),
        ({"printed": "< .05", "value": 0.05, "bound": "<"}, 0.051, NAN, "differs"),
        ({"printed": "> .4", "value": 0.4, "bound": ">"}, 0.41, NAN, "match"),
        ({"printed": "did not converge", "words": "no"}, "no", NAN, "match"),
        ({"printed": "did not converge", "words": "no"}, "yes", NAN, "differs"),
    ],
)
def test_a_verdict_follows_its_rule(printed: dict[str, Any], ours: float | str, z: float, said: str) -> None:
    one = PrintedValue(
        name="x", quote=printed["printed"], place="p", shown_with="t", not_derivable="shown only", **printed
    )
    assert verdict(one, ours, z) == said
