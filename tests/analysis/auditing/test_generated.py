"""A twentieth of the simulation: no question on right statements, one on nearly every planted slip."""

from __future__ import annotations

from typing import Any

import pytest

NUMBER = 25


@pytest.mark.parametrize("start", [0, 10_000])
def test_a_sample_of_the_simulation(planted_statements: Any, start: int) -> None:
    made = planted_statements
    judged = {
        sort: [made.asked(made.statement(seed, sort)) for seed in range(start, start + NUMBER)]
        for sort in (made.RIGHT, made.OUTSIDE, made.INSIDE)
    }
    assert judged[made.RIGHT] == [False] * NUMBER
    assert sum(judged[made.OUTSIDE]) >= NUMBER - 1
    assert judged[made.INSIDE] == [False] * NUMBER


def test_statements_are_the_same_every_time(planted_statements: Any) -> None:
    made = planted_statements
    assert made.statement(3, made.OUTSIDE) == made.statement(3, made.OUTSIDE)
