"""[therapist_page] of study.toml: what no codebook has, or no score can reach, is refused with what was meant."""

import pytest

from doublecode.schemas import load_study
from doublecode.schemas.errors import StudyError
from doublecode.schemas.instrument import load_instrument
from doublecode.schemas.therapist_checks import behaviour_range

STUDY = """
name = "small"
title = "Small"
raters = [{ id = "R1" }, { id = "R2" }]
[[instruments]]
name = "sthar"
[[instruments]]
name = "homework_log"
[[instruments]]
name = "phq9"
source = "outcomes"
"""
PAGE = '\n[therapist_page]\ninstruments = ["sthar"]\n'
CUT = f'{PAGE}thresholds = [{{ instrument = "sthar", scale = "tbh", value = 2, source = "Manual, p. 9" }}]\n'


def load(folder, text):
    (folder / "study.toml").write_text(STUDY + text, encoding="utf-8")
    return load_study(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PAGE.replace("sthar", "sthr"), "did you mean 'sthar'"),
        (PAGE.replace("sthar", "phq9"), "raters of this study do not code 'phq9'"),
        (PAGE.replace("sthar", "homework_log"), "no item of 'homework_log' is a number"),
        (PAGE.replace('"sthar"', '"sthar", "sthar"'), "'sthar' twice"),
        (PAGE.replace('["sthar"]', "[]"), "instruments"),
        (f"{PAGE}fewest_patient = 4", "fewest_patients"),
        (f"{PAGE}fewest_patients = 1", "fewest_patients"),
        (f"{PAGE}fewest_colleagues = 1", "fewest_colleagues"),
        (f"{PAGE}hear_again = -1", "hear_again"),
        (f'{PAGE}comments = "yes"', "comments"),
        (CUT.replace('"tbh"', '"tbb"'), "did you mean 'tbh'"),
        (CUT.replace("scale", "item"), "item 'tbh' of 'sthar'"),
        (CUT.replace("value = 2", "value = 40"), "found 40, allowed 0 to 4"),
        (CUT.replace(', source = "Manual, p. 9"', ""), "source"),
        (CUT.replace('scale = "tbh", ', ""), "one scale or of one item"),
        (CUT.replace('{ instrument = "sthar"', '{ instrument = "ghes"'), "none of the page's instruments"),
    ],
)
def test_is_refused(tmp_path, text, said):
    with pytest.raises(StudyError, match=r".") as refused:
        load(tmp_path, text)
    assert said in str(refused.value)


def test_is_taken_as_declared(tmp_path):
    asked = load(tmp_path, CUT).therapist_page
    assert (asked.fewest_patients, asked.fewest_colleagues, asked.comments) == (3, 3, False)
    assert asked.thresholds[0].name == "tbh"


@pytest.mark.parametrize(
    ("book", "level", "name", "ends"),
    [("sthar", "scale", "tbh", (0, 4)), ("phq9", "scale", "total", (0, 27)), ("thabs", "item", "praise", (0, 4))],
)
def test_range_of_a_score(book, level, name, ends):
    assert behaviour_range(load_instrument(book), level, name) == ends
