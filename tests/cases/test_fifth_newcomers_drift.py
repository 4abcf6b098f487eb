"""A rater who has a period to herself, as `allocate --replan` leaves a newcomer, ends no drift. Data are synthetic."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import drift
from doublecode.schemas.errors import NotEstimable


def ratings(alone=True):
    """R1, R2 and R3 in batches 1 and 2; R3 has batch 3 for herself (sessions that R1 rated in batch 1)."""
    rng = np.random.default_rng(4)
    quality = rng.normal(5, 1, 60)
    severity = {"R1": 0.0, "R2": 0.8, "R3": -0.4}
    rows = [
        (t, r, "batch01" if t < 30 else "batch02", quality[t] + severity[r] + rng.normal(0, 0.3))
        for t in range(60)
        for r in ("R1", "R2", "R3")
        if (t + ["R1", "R2", "R3"].index(r)) % 3
    ]
    taken = {(t, r) for t, r, *_ in rows}
    more = [(t, "R3", "batch03", quality[t] + rng.normal(0, 0.3)) for t in range(60) if (t, "R3") not in taken]
    columns = ["session_id", "rater", "batch", "value"]
    return pd.DataFrame(rows + (more if alone else []), columns=columns)


HOW = {"targets": "session_id", "raters": "rater", "ratings": "value", "periods": "batch"}


def test_the_others_are_given_and_what_is_alone_is_said():
    found = drift(ratings(), **HOW)
    cells = found.periods.set_index(["rater", "period"])["estimate"]
    assert np.isnan(cells["R3", "batch03"])
    assert cells.drop(("R3", "batch03")).notna().all()
    assert cells["R2", "batch01"] == pytest.approx(0.67, abs=0.25)
    assert sorted(found.drifts["rater"]) == ["R1", "R2", "R3"]
    (note,) = [one for one in found.notes if one.kind == "rater_alone_in_period"]
    assert note.numbers == {"rater": "R3", "period": "batch03"}
    assert "R3 is the only rater of batch03" in " ".join(found.note_texts())
    assert found.sessions["difference"].notna().all()


def test_the_change_of_a_rater_leaves_the_period_alone_out():
    both = drift(ratings(), **HOW).drifts.set_index("rater")["estimate"]
    without = drift(ratings(alone=False), **HOW).drifts.set_index("rater")["estimate"]
    assert both.to_numpy() == pytest.approx(without.to_numpy(), abs=0.1)


def test_each_rater_with_periods_of_her_own_is_refused_in_words():
    rows = ratings(alone=False)
    with pytest.raises(NotEstimable, match="no period has two raters"):
        drift(rows.assign(batch=rows["rater"]), **HOW)
