"""``C(…)`` around more than a plain name: tests of terms and predictions. Data synthetic, made here."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_mixed
from doublecode.schemas.errors import ContractError


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"g": np.repeat(range(20), 10), "x": rng.normal(size=200), "arm": rng.choice(list("uvw"), 200)}
    )
    frame["half"] = np.where(frame["x"] > 0, "hi", "lo")
    frame["a, b"] = frame["half"]
    return frame.assign(y=rng.normal(size=200) + rng.normal(size=20)[frame["g"]])


@pytest.mark.parametrize("coded", ["C(np.where(x > 0, 'hi', 'lo'))", "C(`a, b`)", "C(half, contr.helmert)", "`a, b`"])
def test_type_three_of_a_coded_expression_is_that_of_its_column(data: pd.DataFrame, coded: str) -> None:
    wanted = fit_mixed("y ~ C(arm) * half + (1 | g)", data).anova()
    found = fit_mixed(f"y ~ C(arm) * {coded} + (1 | g)", data).anova()
    numbers = ["df_num", "df_den", "statistic", "p_value"]
    np.testing.assert_allclose(found[numbers].astype(float), wanted[numbers].astype(float), rtol=1e-6)
    assert set(found["hypothesis"]) == {"type III"}


def test_a_computed_category_that_the_fit_has_not_seen_is_refused(data: pd.DataFrame) -> None:
    fit = fit_mixed("y ~ C(arm + half) + (1 | g)", data)
    assert fit.predict(data.head(3), random="none").notna().all()
    new = data.head(3).assign(arm="q")
    with pytest.raises(ContractError, match=r"part 'C\(arm \+ half\)' of the new data has 'qhi'.*has not seen"):
        fit.predict(new, random="none")
