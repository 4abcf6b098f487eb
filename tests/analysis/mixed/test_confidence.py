"""One door to the limits of every result."""

from pathlib import Path

import pandas as pd
import pytest

from doublecode.analysis import confint, fit_mixed, group_anova, moderation
from doublecode.schemas.errors import UsageError

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(REFERENCE / "sleepstudy.csv", dtype={"Subject": str})


@pytest.mark.parametrize("method", ["wald", "profile"])
def test_function_and_method_mean_the_same(data, method):
    fit = fit_mixed("Reaction ~ Days + (1 | Subject)", data)
    pd.testing.assert_frame_equal(confint(fit, method), fit.confint(method))
    pd.testing.assert_frame_equal(confint(fit), fit.confint())


def test_the_level_of_the_fit_is_the_default(data):
    wide, narrow = (fit_mixed("Reaction ~ Days + (1 | Subject)", data, conf_level=level) for level in (0.99, 0.8))
    assert (confint(wide)["conf_low"] < confint(narrow)["conf_low"]).all()
    pd.testing.assert_frame_equal(confint(wide, conf_level=0.8), confint(narrow))
    fixed = confint(narrow, parameters="fixed")
    pd.testing.assert_series_equal(fixed["conf_low"], narrow.frame["conf_low"], rtol=1e-12)


def test_other_results_give_their_own_limits(data):
    result = moderation("Reaction ~ Days", data)
    pd.testing.assert_frame_equal(confint(result), result.frame[["term", "estimate", "conf_low", "conf_high"]])
    pd.testing.assert_frame_equal(confint(result, conf_level=0.95), confint(result))
    with pytest.raises(UsageError, match=r"limits of this ModerationResult stand at 0.95; compute it anew"):
        confint(result, conf_level=0.9)
    with pytest.raises(UsageError, match="method='profile' is for mixed models"):
        confint(result, "profile")
    with pytest.raises(UsageError, match="no column 'conf_low'"):
        confint(group_anova(data, "Reaction", "Subject"))
