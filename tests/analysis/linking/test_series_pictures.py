"""The figures of a series show what they say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_series
from doublecode.analysis.linking.series_pictures import course
from doublecode.analysis.rendering.figures import figure_of, render_png
from doublecode.schemas.errors import UsageError

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(REFERENCE / "hw229_a.csv")


@pytest.fixture(scope="module")
def series(data):
    steps = ["homework ~ 1 + (1 | patient)", "homework ~ session + (session | patient)",
             "homework ~ session + behaviour + (1 | patient)"]  # fmt: skip
    return fit_series(steps, data, split=["behaviour"], intercept_at=1)


@pytest.mark.parametrize("kind", ["course", "caterpillar", "residuals", "influence", "shares"])
def test_every_kind_is_drawn(series, kind):
    axes = series.plot(kind)
    assert render_png(figure_of(axes)).startswith(b"\x89PNG")


def test_band_of_a_straight_course_is_that_of_the_fixed_effects(series):
    fit = series.model(2).result
    points, curve = course(series.times, fit)
    b, V = fit.beta, fit.vcov.to_numpy()
    at = curve["x"].to_numpy() - 1
    assert curve["x"].tolist() == list(range(1, 10))
    assert curve["estimate"].to_numpy() == pytest.approx(b[0] + b[1] * at)
    half = (curve["conf_high"] - curve["conf_low"]).to_numpy() / 2
    error = np.sqrt(V[0, 0] + 2 * at * V[0, 1] + at**2 * V[1, 1])
    assert (half / error > 1.9).all()
    assert (half / error < 2.4).all()
    assert len(points) == fit.nobs


@pytest.mark.parametrize("time", ["log(session)", "bs(session, df=4)", "C(session)"])
def test_course_of_any_form_of_time(data, time):
    found = fit_series([f"homework ~ {time} + (1 | patient)"], data)
    _, curve = course(found.times, found.model(1).result)
    predicted = found.model(1).result.predict(random="none").groupby(data["session"]).first()
    assert curve["estimate"].to_numpy() == pytest.approx(predicted.to_numpy())


def test_refusals(series):
    with pytest.raises(UsageError, match="kind='pie'"):
        series.plot("pie")
    with pytest.raises(UsageError, match="time alone; found '3 within/between', allowed: '2 as declared'"):
        series.plot("course", "3 within/between")
    with pytest.raises(UsageError, match="allowed: '1 as declared'"):
        series.plot("residuals", "9")
