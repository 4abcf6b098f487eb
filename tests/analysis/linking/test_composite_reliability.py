"""Reliability of scores that join two tapes."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import icc
from doublecode.analysis.linking.coded_columns import CodedPart
from doublecode.analysis.linking.composite_reliability import composite_reliability
from doublecode.schemas.errors import NotEstimable

HALVES = [CodedPart("before", 1, 0.625), CodedPart("now", 0, 0.375)]


def rated(error=0.3, patients=120, sessions=8, seed=3, severity=0.0):
    rng = np.random.default_rng(seed)
    severe = {part: rng.normal(0, severity**0.5, 5) for part in ("before", "now")}
    rows = []
    for patient in range(patients):
        for session in range(1, sessions + 1):
            raters = rng.permutation(5)[: 1 + session % 2]
            for part in ("before", "now"):
                true = rng.normal(0, 0.8**0.5)
                for rater in raters:
                    value = true + severe[part][rater] + rng.normal(0, error**0.5)
                    rows.append((patient, session, f"R{rater}", part, value))
    return pd.DataFrame(rows, columns=["patient", "session", "rater", "instrument", "value"])


def test_the_planted_reliability_is_found():
    found = composite_reliability(rated(), HALVES)
    # sessions 1, 3, 5, 7 have two raters: of the seven tapes before, four; of the seven of now, three
    share = 0.625**2 * (4 * 0.5 + 3) / 7 + 0.375**2 * (3 * 0.5 + 4) / 7
    true = (0.625**2 + 0.375**2) * 0.8
    assert found.estimate == pytest.approx(true / (true + share * 0.3), abs=0.03)
    assert found.conf_low < true / (true + share * 0.3) < found.conf_high
    assert found.single == pytest.approx(0.8 / 1.1, abs=0.03)
    assert (found.n_rows, found.n_double, found.n_patients) == (840, 840, 120)
    assert found.k == pytest.approx((0.625**2 + 0.375**2) / share, rel=1e-9)


def test_of_one_tape_it_is_close_to_the_icc_by_reml():
    """The same quantity by other estimators: moments here, restricted likelihood there."""
    for severity in (0.0, 0.05):
        data = rated(severity=severity, seed=8).query("instrument == 'now'")
        data = data.assign(target=data["patient"].astype(str) + "/" + data["session"].astype(str))
        frame = icc(data, targets="target", raters="rater", ratings="value").frame.set_index("form")
        found = composite_reliability(data, [CodedPart("now")])
        assert found.estimate == pytest.approx(frame.loc["ICC(A,k_eff)", "estimate"], abs=0.01)
        assert found.single == pytest.approx(frame.loc["ICC(A,1)", "estimate"], abs=0.01)


def test_what_cannot_be_estimated_is_refused():
    with pytest.raises(NotEstimable, match="4 patients have such a score"):
        composite_reliability(rated(patients=4), HALVES)
    single = rated().drop_duplicates(["patient", "session", "instrument"])
    with pytest.raises(NotEstimable, match="by two raters"):
        composite_reliability(single, HALVES)
    noise = rated(patients=8, seed=2)
    noise = noise.assign(value=np.random.default_rng(4).normal(size=len(noise)))
    with pytest.raises(NotEstimable, match="as large as the variance"):
        composite_reliability(noise, HALVES)
