"""Codes that a rater never uses, and rows of one and the same code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from doublecode.analysis.screening.code_tables import CodeTable
from doublecode.analysis.screening.findings import Finding, Screen
from doublecode.analysis.screening.severity_mixture import at_least, none_of

FEWEST_ROWS: Final = 10
FEWEST_ITEMS: Final = 3


def unused_codes(table: CodeTable) -> Iterator[Finding]:
    """Test the code of each item that colleagues gave most often and the rater never; counted once for every code."""
    for rater in range(len(table.raters)):
        own = table.rater == rater
        for j, item in enumerate(table.items):
            here, others = (table.codes[rows, j] for rows in (own, ~own))
            here, others = here[np.isfinite(here)], others[np.isfinite(others)]
            if min(len(here), len(others)) < FEWEST_ROWS:
                continue
            codes, counts = np.unique(others, return_counts=True)
            unused = ~np.isin(codes, here)
            at = int(np.where(unused, counts, 0).argmax())
            share = counts[at] / len(others)
            yield Finding(
                Screen.UNUSED_CODE, table.instrument, table.raters[rater],
                part=f"{item} = {codes[at]:g}" if unused[at] else item, n=len(here), n_found=0 if unused[at] else -1,
                expected=float(share * len(here)),
                p_value=min(1.0, len(codes) * none_of(len(here), float(share))) if unused[at] else 1.0,
            )  # fmt: skip


def halo(table: CodeTable) -> Iterator[Finding]:
    """Test how many rows of a rater hold one code alone, against colleagues; the commonest row is no halo."""
    known = np.isfinite(table.codes)
    several = known.sum(axis=1) >= FEWEST_ITEMS
    low = np.where(known, table.codes, np.inf).min(axis=1, initial=np.inf)
    high = np.where(known, table.codes, -np.inf).max(axis=1, initial=-np.inf)
    flat = several & (low == high)
    if not several.any():
        return
    codes, counts = np.unique(low[flat], return_counts=True)
    if len(codes):
        commonest = codes[counts.argmax()]
        flat &= low != commonest
        several &= ~((low == high) & (low == commonest))
    for rater in range(len(table.raters)):
        own, others = several & (table.rater == rater), several & (table.rater != rater)
        n, n_others = int(own.sum()), int(others.sum())
        if min(n, n_others) < FEWEST_ROWS:
            continue
        found, share = int((flat & own).sum()), float((flat[others].sum() + 1.0) / (n_others + 2.0))
        yield Finding(
            Screen.HALO, table.instrument, table.raters[rater], n=n, n_found=found, expected=share * n,
            statistic=float(found), p_value=at_least(found, n, share),
            sessions=tuple(table.sessions[one] for one in table.session[flat & own]),
        )  # fmt: skip
