"""Plans of the sizes that were asked for, each with the time that it took.

Run by hand: ``python tests/benchmarks/bench_allocation.py``; what it printed stands beside it.
"""

from __future__ import annotations

import time

import pandas as pd

from doublecode.coding import allocate
from doublecode.schemas.allocation import Demands, Restriction
from doublecode.schemas.frames import SESSIONS


def held(n_patients: int, n_sessions: int, n_therapists: int = 3, n_sites: int = 1) -> pd.DataFrame:
    """Sessions of so many patients, therapists and sites."""
    rows = [
        (f"S-{p:03d}{n:02d}", f"P{p}", f"T{p % n_therapists}", n, None, 50.0, "main", "held", None, None,
         f"site{p % n_therapists % n_sites}")
        for p in range(n_patients)
        for n in range(1, n_sessions + 1)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=[*SESSIONS.columns, "site"])


def two_sites(n_raters: int) -> tuple[Restriction, ...]:
    """Each rater rates sessions of her own site and of the next."""
    return tuple(
        Restriction(rater=f"R{i}", column="site", only=(f"site{i % 6}", f"site{(i + 1) % 6}")) for i in range(n_raters)
    )


def main() -> None:
    """Print a line per plan."""
    by_site = Demands(strata=("site", "patient", "stage"))
    cases = (
        ("Haller & Watzke: 194 sessions, 5 raters", held(22, 9).drop(index=[5, 44, 90, 150]), 5, Demands()),
        ("600 sessions, 200 raters", held(60, 10), 200, Demands()),
        ("5,000 sessions, 40 raters, 6 sites", held(500, 10, 30, 6), 40, by_site),
        (
            "the same, each rater at two sites", held(500, 10, 30, 6), 40,
            by_site.model_copy(update={"restrictions": two_sites(40)}),
        ),
    )  # fmt: skip
    for name, sessions, n_raters, demands in cases:
        start = time.perf_counter()
        plan = allocate(sessions, [f"R{i}" for i in range(n_raters)], instruments=["ghes"], demands=demands)
        seconds = time.perf_counter() - start
        loads, pairs = (plan.frame.loc[plan.frame["table"] == one, "sessions"] for one in ("load", "pair"))
        print(
            f"{name}: {seconds:.1f} s; loads {loads.min()} to {loads.max()}, pairs {pairs.min()} to {pairs.max()}, "
            f"{plan.design['double_coded']} coded twice"
        )


if __name__ == "__main__":
    main()
