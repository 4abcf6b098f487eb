"""An offset in marginal means: where it is held is said, and it can be held elsewhere; beside R's emmeans."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_generalized, fit_mixed, marginal_means
from doublecode.analysis.mixed.generalized.result import GeneralizedResult
from doublecode.schemas.errors import UsageError

ROW = np.arange(96)
DATA = pd.DataFrame({
    "patient": ROW // 8 + 1, "arm": np.where((ROW // 8) % 2, "b", "a"), "lm": np.round(np.log(20 + (ROW * 7) % 41), 6),
    "n": (ROW * ROW * 5 + ROW * 3) % 11 + (ROW // 8) % 4,
})  # fmt: skip
# glmer(n ~ arm + (1|patient), d, poisson, offset = lm, nAGQ = 15): emmeans(m, ~arm), and with offset = 0;
# glmer's estimates are 7e-6 off the optimum
AT_MEAN, AT_ZERO, ERRORS = [1.5346730, 1.7628958], [-2.0906590, -1.8624362], [0.08991213, 0.08598277]


@pytest.fixture(scope="module")
def fit() -> GeneralizedResult:
    return fit_generalized("n ~ arm + (1 | patient)", DATA, family="poisson", offset="lm")


@pytest.mark.parametrize(
    ("at", "wanted", "said", "source"),
    [
        (None, AT_MEAN, "is held at its mean over the rows, 3.625, an exposure of 37.54;", "mean over the rows"),
        ({"offset": 0}, AT_ZERO, "is held at 0, as asked, an exposure of 1.", "given"),
        ({"`lm`": 0.0}, AT_ZERO, "is held at 0, as asked, an exposure of 1.", "given"),
    ],
)
def test_means_are_those_of_emmeans_and_say_where_the_offset_is_held(
    fit: GeneralizedResult, at: dict[str, Any] | None, wanted: list[float], said: str, source: str
) -> None:
    found = marginal_means(fit, "arm", at=at)
    np.testing.assert_allclose(found.frame["estimate"], wanted, atol=2e-5)
    np.testing.assert_allclose(found.frame["std_error"], ERRORS, atol=2e-5)
    assert f"The offset (lm) {said}" in " ".join(str(found).split())
    assert found.grid.set_index("variable").loc["offset: lm", "source"] == source
    assert found.contrasts["estimate"].iloc[0] == pytest.approx(-0.2282228, abs=2e-5)


def test_no_exposure_is_told_where_the_offset_is_no_logarithm(fit: GeneralizedResult) -> None:
    linear = marginal_means(fit_mixed("n ~ arm + (1 | patient)", DATA, offset="lm"), "arm")
    minutes = fit_generalized(
        "n ~ arm + (1 | patient)", DATA.assign(lm=20 + (ROW * 7) % 41), family="poisson", offset="lm"
    )
    for found in (linear, marginal_means(minutes, "arm")):
        held = next(note for note in found.notes if note.kind == "marginal_offset")
        assert held.numbers["exposure"] is None
    assert "marginal_offset" not in [note.kind for note in marginal_means(fit_mixed(
        "n ~ arm + lm + (1 | patient)", DATA, offset="lm"), "arm", slope="lm").notes]  # fmt: skip


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ({"offset": "high"}, "one finite number"),
        ({"offset": [0, 1]}, "one finite number"),
        ({"offset": float("nan")}, "one finite number"),
        ({"offset": 0, "lm": 1}, "names the offset twice"),
        ({"ofset": 0}, "no predictor"),
    ],
)
def test_what_is_no_value_of_an_offset_is_refused(fit: GeneralizedResult, at: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        marginal_means(fit, "arm", at=at)


def test_an_offset_that_the_model_lacks_is_refused() -> None:
    bare = fit_mixed("n ~ arm + (1 | patient)", DATA)
    with pytest.raises(UsageError, match="fitted without one"):
        marginal_means(bare, "arm", at={"offset": 0})


def test_a_predictor_called_offset_is_a_predictor() -> None:
    named = fit_mixed("n ~ arm + offset + (1 | patient)", DATA.rename(columns={"lm": "offset"}))
    found = marginal_means(named, "arm", at={"offset": 3.0})
    assert found.grid.set_index("variable").loc["offset", "source"] == "given"
