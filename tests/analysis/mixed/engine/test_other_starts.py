"""Sets whose first search ends in a higher valley: the ladder finds the lower one."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_mixed

KEPT = Path(__file__).parents[3] / "reference" / "other_starts.json"
SETS = json.loads(KEPT.read_text(encoding="utf-8"))["sets"]


@pytest.mark.parametrize("kept", SETS, ids=[f"{one['design']}-{one['batch']}-{one['number']}" for one in SETS])
def test_the_lower_of_two_valleys_is_found(kept):
    fit = fit_mixed(kept["formula"], pd.DataFrame(kept["rows"]), reml=kept["reml"], ddf="z")
    assert fit.converged
    first = fit.log.iloc[0]
    assert first.start == "moments"
    # without further starts it would have ended there, higher by so much
    assert first.deviance + 2.0 * fit.loglik == pytest.approx(kept["higher"], abs=1e-3)


def test_an_inner_end_near_its_start_is_not_searched_for_again():
    rng = np.random.default_rng(1)
    patient, time = np.divmod(np.arange(22 * 9), 9)
    data = pd.DataFrame({"patient": patient, "time": time - 4.0})
    data["y"] = (
        rng.normal(size=22)[patient] + 0.3 * rng.normal(size=22)[patient] * data.time + rng.normal(size=len(data))
    )
    assert len(fit_mixed("y ~ time + (time | patient)", data).log) == 1
