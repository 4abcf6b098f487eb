import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.rendering import figures
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.rendering.interaction_figures import interaction


@pytest.fixture
def course():
    rng = np.random.default_rng(1)
    rows = [(p, s, 3 - 0.1 * s + rng.normal()) for p in range(8) for s in range(1, 7)]
    frame = pd.DataFrame(rows, columns=["patient", "session", "he"])
    return pd.concat([frame, pd.DataFrame({"patient": [0], "session": [7], "he": [0.0]})])


def estimates():
    return pd.DataFrame(
        {
            "label": ["extent", "benefit", "rationale"], "instrument": ["GHES", "GHES", "StHAR"],
            "estimate": [0.6, 0.7, 0.8], "conf_low": [0.4, 0.5, 0.7], "conf_high": [0.7, 0.8, 0.9],
        }
    )  # fmt: skip


def test_words_of_cut_offs_do_not_run_into_each_other():
    cuts = [(0.5, "moderate"), (0.75, "good"), (0.9, "excellent")]
    long = estimates().assign(label="Negative reactions to the therapist")
    for low in (0.0, -0.5):
        axes = figures.forest(long, references=cuts, limits=(low, 1.02))
        axes.figure.canvas.draw()
        boxes = [text.get_window_extent() for text in axes.texts if text.get_text() in dict(map(reversed, cuts))]
        assert len(boxes) == 3
        assert not any(one.overlaps(other) for n, one in enumerate(boxes) for other in boxes[n + 1 :])


def test_the_forest_draws_each_interval_at_its_place():
    axes = figures.forest(estimates(), group="instrument", references=[(0.5, "moderate")])
    lines = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "None"]
    # rows: heading, two items, heading, one item
    assert lines[:3] == [[[0.4, 1], [0.7, 1]], [[0.5, 2], [0.8, 2]], [[0.7, 4], [0.9, 4]]]
    assert [text.get_text() for text in axes.texts] == ["GHES", "StHAR", "moderate"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["", "extent", "benefit", "", "rationale"]


def test_trajectories_leave_out_means_of_few_and_draw_the_model_line(course):
    axes = figures.trajectories(course, "he", line=(3.0, -0.1))
    by_label = {line.get_label(): line for line in axes.lines}
    mean = by_label["mean of the session"]
    assert mean.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    assert mean.get_ydata()[0] == pytest.approx(course.loc[course["session"] == 1, "he"].mean(), abs=1e-12)
    assert by_label["model"].get_xydata() == pytest.approx(np.array([[1, 2.9], [7, 2.3]]), abs=1e-12)


def test_interaction_lines_have_one_style_each():
    points = pd.DataFrame({"x": [0.0, 1, 2], "y": [1.0, 2, 3]})
    lines = pd.DataFrame({"label": ["low", "low", "high", "high"], "x": [0, 2, 0, 2], "y": [1, 1, 0, 4]})
    axes = interaction(points, lines, predictor="x", outcome="y", moderator="z")
    drawn = [line for line in axes.lines if line.get_label() in ("low", "high")]
    assert [line.get_ydata().tolist() for line in drawn] == [[1, 1], [0, 4]]
    assert axes.get_legend().get_title().get_text() == "z"
    assert len({line.get_linestyle() for line in drawn}) == 2
    assert len({line.get_color() for line in drawn}) == 2


def test_omega_by_session_has_a_panel_per_scale():
    frame = pd.DataFrame(
        {"scale": ["a", "a", "b"], "session": [1, 2, 1], "estimate": [0.7, 0.8, 0.6], "conf_low": 0.5, "conf_high": 0.9}
    )
    first = figures.by_session(frame, series="scale")
    panels = figures.figure_of(first).axes
    assert [axes.get_title(loc="left") for axes in panels] == ["a", "b"]
    assert panels[1].lines[0].get_ydata().tolist() == [0.6]


def test_diagnostics_standardise_every_set():
    effects = pd.DataFrame({"term": ["Intercept"] * 3, "estimate": [-2.0, 0.0, 2.0]})
    left = figures.diagnostics([1.0, 2.0, 3.0], [0.1, -0.2, 0.1], effects)
    right = figures.figure_of(left).axes[1]
    values = {line.get_label(): line.get_ydata() for line in right.lines if len(line.get_ydata()) == 3}
    assert values["Intercept"] == pytest.approx(np.array([-(1.5**0.5), 0, 1.5**0.5]), abs=1e-12)  # population SD


def test_the_same_figure_gives_the_same_text_with_its_own_ids(course):
    one = picture(figures.trajectories(course, "he"), "he", "Course", "Lines & means")
    again = picture(figures.trajectories(course, "he"), "he", "Course", "Lines & means")
    assert one.svg == again.svg
    assert one.png == again.png
    ids = re.findall(r'\bid="([^"]+)"', one.svg)
    assert ids
    assert all(name.startswith("he-") for name in ids)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", one.svg)) <= set(ids)
    root = ET.fromstring(one.svg.replace("xlink:href", "href"))
    assert root.get("role") == "img"
    assert "Lines & means" in root[0].text
    assert "<metadata" not in one.svg
    assert "20" + "26-" not in one.svg


def test_global_settings_of_matplotlib_stay_as_they_are(course):
    before = dict(mpl.rcParams)
    picture(figures.trajectories(course, "he"), "he", "Course", "")
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", ['a & b "c"', "my power (final)", "<1>", "None"])
def test_a_drawing_named_after_any_file_is_whole_and_the_same_each_time(name):
    axes = figures.diagnostics(np.arange(9.0), np.array([1.0, -1, 0, 2, -2, 0, 1, -1, 0]))
    drawn = figures.render_svg(figures.figure_of(axes), name, "Residuals")
    tree = ET.fromstring(drawn)
    ids = {one.get("id") for one in tree.iter() if one.get("id")}
    assert not [one for one in ids if re.search(r"[^\w.-]", one)]
    wanted = set(re.findall(r"url\(#([^)]*)\)", drawn)) | set(re.findall(r'href="#([^"]*)"', drawn))
    assert wanted
    assert wanted <= ids
    assert drawn == figures.render_svg(figures.figure_of(axes), name, "Residuals")
