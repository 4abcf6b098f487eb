"""The lines of an interaction's figure, against predictions of the model and in all four forms."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_linear, moderation
from doublecode.schemas.errors import UsageError


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.integers(1, 8, 40).astype(float), "z": rng.integers(0, 8, 40).astype(float)})
    frame["site"] = np.where(rng.random(40) < 0.5, "a", "b")
    frame["code"] = (frame["z"] > 3).astype(int)
    frame["y"] = 3 + 0.4 * frame.z + 0.5 * frame.x - 0.12 * frame.x * frame.z + rng.normal(size=40)
    return frame


@pytest.fixture(scope="module")
def fit(data):
    return moderation("y ~ x * z + site", data)


def test_a_line_and_its_band_are_the_models(data, fit):
    """The same model uncentred, at z = 5 and the share of site b: estimate and limits of each point of the line."""
    found = fit.drawn("cut", 5)
    above = found.lines[found.lines["label"].str.startswith("≥")]
    z, share = data.loc[data.z >= 5, "z"].mean(), (data.site == "b").mean()
    plain = fit_linear("y ~ x * z + site", data)
    terms = {"Intercept": 1.0, "z": z, "site[T.b]": share}
    for row in above.iloc[[0, 20, 40]].to_dict("records"):
        here = terms | {"x": row["x"], "x:z": row["x"] * z}
        weights = np.array([here[term] for term in plain.frame["term"]])
        error = np.sqrt(weights @ plain.covariance @ weights)
        assert row["y"] == pytest.approx(weights @ plain.beta)
        assert (row["high"] - row["low"]) / 2 == pytest.approx(error * 2.0301079, rel=1e-6)  # t(35)


def test_the_four_forms_name_their_values(data, fit):
    labels = {form: list(dict.fromkeys(fit.drawn(form, cut).lines["label"]))
              for form, cut in (("spread", None), ("median", None), ("cut", 5))}  # fmt: skip
    assert [text.split(" (")[1] for text in labels["spread"]] == ["mean − SD)", "mean)", "mean + SD)"]
    low = data.z <= data.z.median()
    assert labels["median"][0] == f"≤ {data.z.median():g} (M = {data.z[low].mean():.2f}, n = {low.sum()})"
    assert labels["cut"][1] == f"≥ 5 (M = {data.z[data.z >= 5].mean():.2f}, n = {(data.z >= 5).sum()})"
    codes = moderation("y ~ x * code", data).drawn("codes")
    assert list(dict.fromkeys(codes.lines["label"])) == ["0", "1"]


def test_no_line_leaves_the_data(data, fit):
    skewed = data.assign(z=np.where(data.z > 5, data.z**2, 6.0))
    lines = moderation("y ~ x * z", skewed).drawn().lines
    assert lines["x"].min() == data.x.min()
    assert lines["x"].max() == data.x.max()
    assert all("percentile" in label for label in lines["label"])


def test_points_go_with_their_group(data, fit):
    found = fit.drawn("cut", 5)
    assert [str(one).startswith("≥") for one in found.groups] == (data.z >= 5).tolist()
    axes = fit.plot("cut", cut=5)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(dict.fromkeys(found.lines["label"]))
    assert len(axes.collections) == 2  # bands


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"form": "tertiles"}, "found form = 'tertiles'"),
        ({"form": "cut"}, "needed there"),
        ({"form": "median", "cut": 5}, "cut= belongs"),
        ({"form": "cut", "cut": 99}, "leaves one group without rows"),
        ({"form": "codes"}, "more than 5 codes"),
    ],
)
def test_refusals(fit, asked, says):
    with pytest.raises(UsageError, match=says):
        fit.drawn(**asked)


def test_without_an_interaction_there_is_nothing_to_draw(data):
    with pytest.raises(UsageError, match="no interaction"):
        moderation("y ~ x + z", data).plot()
