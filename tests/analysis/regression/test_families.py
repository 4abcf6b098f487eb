"""Interaction tests of several regressions as one family."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.regression.families import interaction_family
from doublecode.analysis.regression.moderated import moderation
from doublecode.schemas.errors import UsageError


def test_family_of_interactions():
    rng = np.random.default_rng(3)
    data = pd.DataFrame(rng.normal(size=(50, 4)), columns=["y", "a", "b", "z"])
    results = [moderation(f, data) for f in ("y ~ a * z", "y ~ b * z", "y ~ a + b")]
    family = interaction_family(results)
    p_values = [result.frame.set_index("term")["p_value"].iloc[-1] for result in results[:2]]
    assert family.frame["p_value"].tolist() == p_values
    assert family.frame["p_bonferroni"].tolist() == pytest.approx([min(2 * p, 1) for p in p_values])
    assert family.design == {"n_tests": 2, "bonferroni_alpha": 0.025}
    with pytest.raises(UsageError, match="no model has an interaction"):
        interaction_family(results[2:])
