"""Models of process on data that once broke them; synthetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import cross_lagged
from doublecode.analysis.linking.two_level_normal import cluster_sums, fit_two_level_normal, loglik, pack
from doublecode.schemas.errors import NotEstimable

CASES = Path(__file__).parent


def test_a_panel_without_a_maximum_is_refused_in_words():
    data = pd.read_csv(CASES / "panel_without_maximum.csv")
    with pytest.raises(NotEstimable, match="22 patients do not carry it"):
        cross_lagged(data, "he", "phq9")


def test_a_singular_trial_of_the_two_level_model_has_no_likelihood():
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(15), 4)
    sums = cluster_sums(rng.normal(size=(60, 2)) + rng.normal(size=(15, 2))[cluster], cluster, np.ones((15, 1)))
    assert loglik(sums, pack(np.zeros((1, 2)), np.ones((2, 2)), np.zeros((2, 2)))) == -np.inf
    assert fit_two_level_normal(sums).converged
