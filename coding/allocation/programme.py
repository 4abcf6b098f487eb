"""A mixed integer programme, built row by row and solved by HiGHS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NODES: Final = 400
"""Branches of the search: more never changed a plan that was tried, and the clock may not decide what comes out."""


class Programme:
    """Rows and columns of a mixed integer programme, built one by one."""

    def __init__(self) -> None:
        self._cost: list[float] = []
        self._low: list[float] = []
        self._high: list[float] = []
        self._whole: list[bool] = []
        self._rows: list[int] = []
        self._columns: list[int] = []
        self._values: list[float] = []
        self._bounds: list[tuple[float, float]] = []

    def variable(self, low: float = 0, high: float = np.inf, cost: float = 0, whole: bool = True) -> int:
        """A new column; its number."""
        self._low.append(low)
        self._high.append(high)
        self._cost.append(cost)
        self._whole.append(whole)
        return len(self._cost) - 1

    def row(self, terms: Iterable[tuple[int, float]], low: float = -np.inf, high: float = np.inf) -> None:
        """``low ≤ Σ value · column ≤ high``."""
        for column, value in terms:
            self._rows.append(len(self._bounds))
            self._columns.append(column)
            self._values.append(value)
        self._bounds.append((low, high))

    def near(self, terms: Sequence[tuple[int, float]], low: float, high: float, cost: float, worst: int | None) -> None:
        """Pay for every unit by which a sum leaves ``low … high``, and for the worst of several sums."""
        off = self.variable(cost=cost, whole=False)
        self.row([*terms, (off, -1.0)], high=high)
        self.row([*terms, (off, 1.0)], low=low)
        if worst is not None:
            self.row([(off, 1.0), (worst, -1.0)], high=0)

    def solve(self) -> Floats | None:
        """The best values found, or None where there are none."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import coo_array

        shape = (len(self._bounds), len(self._cost))
        places = (np.array(self._rows, dtype=np.int32), np.array(self._columns, dtype=np.int32))  # HiGHS counts so
        matrix = coo_array((self._values, places), shape=shape).tocsc()
        low, high = np.array(self._bounds).T
        answer = milp(
            np.array(self._cost), integrality=np.array(self._whole, dtype=np.int64),
            bounds=Bounds(np.array(self._low), np.array(self._high)), constraints=LinearConstraint(matrix, low, high),
            options={"node_limit": NODES, "mip_rel_gap": 1e-3},
        )  # fmt: skip
        return None if answer.x is None else np.where(self._whole, np.round(answer.x), answer.x)
