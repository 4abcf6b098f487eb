"""Sets whose first search ends in a higher valley: the ladder finds the lower one."""

import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from doublecode.analysis.mixed import fit_mixed

SCRIPT = Path(__file__).parents[3] / "simulations" / "extra_starts.py"
# design, batch, set of the script, and by how much the deviance of the first end is higher
SETS = [
    (7, 0, 20, 0.1238),
    (7, 0, 58, 1.6720),
    (8, 0, 27, 8.1048),
    (8, 1, 66, 9.1119),
    (9, 0, 43, 18.6784),
    (9, 1, 72, 0.0211),
]


@cache
def script():
    return runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize(("design", "batch", "number", "higher"), SETS)
def test_the_lower_of_two_valleys_is_found(design, batch, number, higher):
    model = script()["models"]()[design]
    data = model.rows.assign(y=script()["outcomes"](model, batch)[:, number])
    fit = fit_mixed(model.formula, data, reml=batch % 2 == 0, ddf="z")
    assert fit.converged
    first = fit.log.iloc[0]
    assert first.start == "moments"
    assert first.deviance + 2.0 * fit.loglik == pytest.approx(higher, abs=1e-3)


def test_an_inner_end_near_its_start_is_not_searched_for_again():
    model = script()["models"]()[0]
    data = model.rows.assign(y=script()["outcomes"](model, 0)[:, 0])
    rng = np.random.default_rng(1)
    data["y"] = rng.normal(size=22)[data.patient] + rng.normal(size=len(data))
    assert len(fit_mixed(model.formula, data).log) == 1
