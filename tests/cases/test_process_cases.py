"""Models of process on data that once broke them; synthetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import cross_lagged
from doublecode.analysis.linking.two_level_normal import fit_two_level_normal, two_level_moments
from doublecode.schemas.errors import NotEstimable

CASES = Path(__file__).parent


def test_a_panel_without_a_maximum_is_refused_in_words():
    data = pd.read_csv(CASES / "panel_without_maximum.csv")
    with pytest.raises(NotEstimable, match="22 patients do not carry it"):
        cross_lagged(data, "he", "phq9")


def test_a_flat_direction_between_patients_has_a_maximum():
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(15), 4)
    values = rng.normal(size=(60, 2)) + rng.normal(size=(15, 2))[cluster]
    fit = fit_two_level_normal(two_level_moments(values[None], np.ones((60, 1)), cluster))
    assert fit.converged[0]
    assert np.isfinite(fit.covariance).all()
