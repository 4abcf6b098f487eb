"""Power beside loops of R that draw and fit by themselves: clmm of ordered categories, lmer of therapists."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import PlannedStudy, power

LOOPS = pd.read_csv(Path(__file__).parents[2] / "reference" / "planning" / "power_loops.csv").set_index("loop")
ORDINAL = PlannedStudy(
    patients=16, sessions=6, dropout=0.2, raters=3, double=0.4, icc_rating=0.6, points=5, family="ordinal",
    base=(0.2, 0.3, 0.3, 0.2),
)  # fmt: skip
THERAPISTS = PlannedStudy(
    patients=24, sessions=6, therapists=6, dropout=0.3, lost=0.1, raters=4, double=0.3, icc_rating=0.6,
    icc_therapist=0.15,
)  # fmt: skip


@pytest.mark.parametrize(("loop", "plan", "asked"), [
    ("ordinal", ORDINAL, {"within": 0.9, "between": 0.8, "studies": 150}),
    ("therapists", THERAPISTS, {"within": 0.35, "between": 0.8, "scale": "sd", "ddf": "satterthwaite",
                                "studies": 1000}),
])  # fmt: skip
def test_power_is_that_of_a_loop_in_r(loop, plan, asked):
    """Power and means of estimates, to three errors of both simulations."""
    found = power(plan, **asked, seed=1).frame.set_index("term")
    for _, theirs in LOOPS.loc[loop].iterrows():
        own, share = found.loc[theirs["term"]], theirs["found"] / theirs["sets"]
        both = 1 / theirs["sets"] + 1 / asked["studies"]
        assert theirs["failed"] == own["failed"] == 0
        assert own["power"] == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) * both))
        assert own["mean_estimate"] == pytest.approx(
            theirs["mean_estimate"], abs=3 * theirs["sd_estimate"] * np.sqrt(both)
        )
