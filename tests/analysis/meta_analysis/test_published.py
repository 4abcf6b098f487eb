"""Printed results of meta-analyses: as printed, with their disagreements, beside an own result, never pooled."""

import sys
from importlib.resources import as_file, files

import numpy as np
import pytest

from doublecode.analysis import beside_published, pool, published_effects
from doublecode.analysis.cli import app as cli
from doublecode.schemas.errors import UsageError

NONE = np.nan
PRINTED = [
    ("r", 2000, 0.36, NONE, NONE, 27, 1702, NONE, 1327),
    ("r", 2000, 0.22, NONE, NONE, 27, 1702, 16, 1327),
    ("r", 2000, 0.22, NONE, NONE, NONE, NONE, NONE, NONE),
    ("r", 2000, 0.24, NONE, NONE, NONE, NONE, NONE, NONE),
    ("r", 2010, 0.26, 0.19, 0.33, 23, 2183, NONE, NONE),
    ("d", 2010, 0.48, NONE, NONE, 46, 1072, 14, NONE),
    ("d", 2010, 0.63, NONE, NONE, NONE, NONE, NONE, NONE),
    ("d", 2010, 1.08, NONE, NONE, NONE, NONE, NONE, NONE),
    ("g", 2016, 0.79, 0.57, 1.02, 15, 1537, NONE, NONE),
    ("g", 2016, 0.78, 0.03, 1.53, 3, 417, NONE, NONE),
    ("g", 2016, 0.51, 0.28, 0.74, 7, 1291, NONE, NONE),
    ("g", 2016, 1.07, 0.06, 2.08, 3, 417, NONE, NONE),
]


def test_every_row_is_as_it_is_printed():
    frame = published_effects().frame
    numbers = ["year", "pooled_estimate", "conf_low", "conf_high", "k", "n", "k_also", "n_also"]
    assert frame["measure"].tolist() == [row[0] for row in PRINTED]
    np.testing.assert_array_equal(frame[numbers].to_numpy(float), np.array([row[1:] for row in PRINTED], dtype=float))
    assert frame["printed_in"].notna().all()


def test_prints_that_differ_are_said_and_choices_checked():
    text = " ".join(str(published_effects(question="compliance", measure="r")).split())
    assert "N is 1702 in its own abstract and 1327 subjects" in text
    assert "never to be pooled" in text
    assert [note.kind for note in published_effects(measure="g").notes] == ["published_not_pooled"]
    with pytest.raises(UsageError, match="question is 'quality'; allowed: 'use', 'compliance', 'pre-post'"):
        published_effects(question="quality")
    with pytest.raises(UsageError, match="no common axis"):
        published_effects(question="compliance").plot()


def test_an_own_correlation_between_patients_stands_beside_them():
    found = beside_published(0.31, 22, level="between patients", label="Telephone CBT")
    row = found.frame.iloc[-1]
    ends = np.tanh(np.arctanh(0.31) + np.array([-1, 1]) * 1.959963984540054 / np.sqrt(19))
    assert row[["conf_low", "conf_high"]].tolist() == pytest.approx(ends.tolist(), rel=1e-12)
    axes = found.plot()
    assert len(axes.get_yticklabels()) == 5
    assert axes.texts[0].get_text() == ".22"  # no interval was printed, none is drawn
    assert axes.texts[-1].get_text() == ".31 [−.13, .65]"
    markers = [line.get_marker() for line in axes.lines if line.get_marker() not in ("None", None)]
    assert markers == ["o"] * 4 + ["D"]


@pytest.mark.parametrize(
    ("level", "said"),
    [("within", "another quantity"), ("within patients", "may have the other sign"), ("pooled", "mixes what differs"),
     ("session", "allowed: 'between'")],
)  # fmt: skip
def test_what_is_not_between_patients_is_refused(level, said):
    with pytest.raises(UsageError, match=said):
        beside_published(0.31, 22, level=level)
    with pytest.raises(UsageError, match="4 or more"):
        beside_published(0.31, 3, level="between")


def test_they_are_never_pooled(monkeypatch, capsys):
    with pytest.raises(UsageError, match="share studies with one another"):
        pool("pooled_estimate", "n", data=published_effects().frame)
    place = files("doublecode.data_examples") / "published_effects" / "homework_meta_analyses.csv"
    with as_file(place) as path:
        monkeypatch.setattr(sys, "argv", ["doublecode", "pool", str(path), "--r", "pooled_estimate", "--n", "n"])
        with pytest.raises(SystemExit) as left:
            cli.main()
    assert left.value.code == 2
    assert "share studies with one another" in " ".join(capsys.readouterr().err.split())
