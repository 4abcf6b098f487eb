"""Named random streams, blind ids, agreement by moments."""

import numpy as np
import pandas as pd
import pytest

from doublecode.data_examples.moments import agreement
from doublecode.data_examples.streams import blind_ids, shuffled_per_block, stream


def test_streams_are_told_apart_by_seed_and_name():
    drawn = {(seed, name): stream(seed, name).normal() for seed in (1, 2) for name in ("a", "b")}
    assert len(set(drawn.values())) == 4
    assert stream(1, "a").normal() == drawn[1, "a"]


def test_blind_ids_are_different_and_readable():
    ids = blind_ids(3, 500)
    assert len(set(ids)) == 500
    assert all(len(one) == 6 and one.startswith("S-") and not set(one[2:]) & set("01IO") for one in ids)
    assert len(set(blind_ids(3, 200_000))) == 200_000


def test_blocks_hold_every_value():
    dealt = shuffled_per_block(np.random.default_rng(1), np.array([5, 5, 7]), 8)
    assert sorted(dealt[:3]) == sorted(dealt[3:6]) == [5, 5, 7]
    assert len(dealt) == 8


def test_agreement_by_moments():
    """Variances 1 (sessions), .2 (raters), .5 (residual): ICC(A,1) = 1 / 1.7, ICC(A,2) = 1 / 1.35."""
    rng = np.random.default_rng(4)
    panels, sessions, raters = 400, 30, 5
    severity = rng.normal(0, np.sqrt(0.2), (panels, raters))
    level = rng.normal(0, 1, (panels, sessions))
    rows = []
    for panel in range(panels):
        for session in range(sessions):
            for rater in rng.choice(raters, size=2, replace=False):
                y = level[panel, session] + severity[panel, rater] + rng.normal(0, np.sqrt(0.5))
                rows.append((panel, f"{panel}-{session}", y))
    data = pd.DataFrame(rows, columns=["panel", "session_id", "value"])
    for k, expected in ((1, 1 / 1.7), (2, 1 / 1.35)):
        value, se = agreement(data, data["panel"].to_numpy(), k)
        assert 0.001 < se < 0.02
        assert value == pytest.approx(expected, abs=4 * se)
