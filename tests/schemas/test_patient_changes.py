"""Norms of a codebook and [[patient_changes]] of study.toml: each acts, or is refused with what is allowed."""

import pytest

from doublecode.schemas import load_instrument, load_study
from doublecode.schemas.errors import InstrumentError, StudyError
from doublecode.schemas.patient_changes import norms_of

MOOD = """
name = "mood"
title = "Mood scale"
version = "1.0"
citation = "None"
rights = "None"
[[items]]
name = "low"
label = "Low"
minimum = 0
maximum = 10
[[items]]
name = "tired"
label = "Tired"
minimum = 0
maximum = 10
[[scales]]
name = "total"
label = "Total"
items = ["low", "tired"]
score = "sum"
[[scales]]
name = "one"
label = "One item"
items = ["low"]
score = "sum"
"""
STUDY = """
name = "small"
title = "Small"
raters = [{ id = "R1" }]
events = ["baseline", "post", { name = "fu12", month = 12 }, { name = "fu6", month = 6 }]
[[instruments]]
name = "mood.toml"
source = "outcomes"
[[instruments]]
name = "phq9"
source = "outcomes"
[[instruments]]
name = "ghes"
[[variables]]
name = "mood"
instrument = "mood"
scale = "total"
[[variables]]
name = "mood_end"
instrument = "mood"
scale = "total"
event = "post"
[[variables]]
name = "mood_start"
instrument = "mood"
scale = "total"
event = "baseline"
[[variables]]
name = "mood_end2"
instrument = "mood"
scale = "total"
event = "post"
[[variables]]
name = "mood_6m"
instrument = "mood"
scale = "total"
event = "fu6"
[[variables]]
name = "mood_12m"
instrument = "mood"
scale = "total"
event = "fu12"
[[variables]]
name = "mood_3"
instrument = "mood"
scale = "total"
session = 3
[[variables]]
name = "mood_9"
instrument = "mood"
scale = "total"
session = 9
[[variables]]
name = "low"
instrument = "mood"
scale = "one"
[[variables]]
name = "phq9"
instrument = "phq9"
scale = "total"
[[variables]]
name = "tired"
instrument = "mood"
item = "tired"
[[variables]]
name = "he"
instrument = "ghes"
scale = "he"
"""
NORMS = """
[patient_changes.norms]
reliability = { value = 0.8, source = "a manual" }
sd = { value = 4, source = "a manual" }
"""
SWAPPED = """
patients = { mean = 3, sd = 2, source = "a manual" }
others = { mean = 12, sd = 4, source = "a manual" }
"""
CHANGE = '\n[[patient_changes]]\nname = "better"\ntitle = "Better"\n'
MOODY = f'{CHANGE}outcome = "mood"\n'


def load(folder, text, mood=MOOD, study=STUDY):
    (folder / "mood.toml").write_text(mood, encoding="utf-8")
    (folder / "study.toml").write_text(study + text, encoding="utf-8")
    return load_study(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{CHANGE}outcome = "moood"\n{NORMS}', "did you mean 'mood'"),
        (f"{MOODY}", "there is no reliability of mood, scale total. Write reliability = { value = 0.89"),
        (f'{MOODY}from_sample = ["reliability"]\n', "there is no sd of mood, scale total"),
        (MOODY + NORMS.replace(', source = "a manual"', "", 1), "source"),
        (MOODY + NORMS.replace('"a manual"', '" "', 1), "is empty"),
        (MOODY + NORMS.replace("0.8", "1.2"), "less than 1"),
        (MOODY + NORMS.replace("reliability =", "reliabilty ="), "did you mean 'reliability'"),
        (f"{MOODY}[patient_changes.norms]\nbetter = 'lower'", "nothing is given"),
        (f'{MOODY}from_sample = ["sd"]\n{NORMS}', "sd stands under norms and in from_sample"),
        (f'{MOODY}from_sample = ["cutoff"]\n{NORMS}', "sd, reliability"),
        (f'{MOODY}pre = "last"\n{NORMS}', "an earlier and a later value"),
        (f"{CHANGE}{NORMS}", "first and last need outcome"),
        (f'{MOODY}pre = "mood"\n{NORMS}', "'mood' differs from session to session; allowed: first, last"),
        (f'{MOODY}post = "mood_9"\n{NORMS}', "in both pre and post"),
        (f'{MOODY}pre = "mood_9"\npost = "mood_3"\n{NORMS}', "exchange the two"),
        (f'{CHANGE}pre = "mood_end"\npost = "mood_start"\n{NORMS}', "'baseline', which is not later by events"),
        (f'{CHANGE}pre = "mood_end"\npost = "mood_end2"\n{NORMS}', "write events in the order of time"),
        (f'{CHANGE}pre = "mood_12m"\npost = "mood_6m"\n{NORMS}', "'fu6', which is not later by events"),
        (f'{CHANGE}pre = "mood_6m"\npost = "mood_9"\n{NORMS}', "6 months after the end of treatment, and post of a se"),
        (f'{MOODY}pre = "mood_6m"\n{NORMS}', "6 months after the end of treatment, and post of a session"),
        (f"{MOODY}{NORMS}cutoff = {{ value = 30, source = 'x' }}", "cutoff is 30, and scores run from 0 to 20"),
        (f"{MOODY}{NORMS}{SWAPPED}", "lower is better, and the mean of patients is 3, that of others 12"),
        (f'{CHANGE}outcome = "mood_3"\n{NORMS}', "the same in all sessions"),
        (f'{CHANGE}outcome = "tired"\n{NORMS}', "'tired' is no score of a scale"),
        (f'{CHANGE}outcome = "phq9"\npost = "mood_end"\n', "different scales"),
        (f'{MOODY}homework = ["mood_3"]\n{NORMS}', "the same in all sessions"),
        (f'{MOODY}homework = ["hee"]\n{NORMS}', "'hee' is not declared"),
        (f"{MOODY}gain_share = 0.5\n{NORMS}", "no effect without sudden_gains"),
        (f'{CHANGE}outcome = "low"\nfrom_sample = ["sd", "reliability"]', "one item has no Cronbach's alpha"),
        (f"{MOODY}{NORMS}{MOODY}{NORMS}", "'better' twice"),
        (f"{MOODY}suddengains = true\n{NORMS}", "did you mean 'sudden_gains'"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, text, said):
    with pytest.raises(StudyError) as wrong:
        load(tmp_path, text)
    assert said in str(wrong.value)


@pytest.mark.parametrize(("key", "slip"), [("scale", "totl"), ("instrument", "mod")])
def test_a_slip_in_a_variable_is_said_once(tmp_path, key, slip):
    plain = {"instrument": "mood", "scale": "total"}
    text = 'name = "mood"\ninstrument = "{instrument}"\nscale = "{scale}"'
    slipped = STUDY.replace(text.format(**plain), text.format(**plain | {key: slip}), 1)
    with pytest.raises(StudyError) as said:
        load(tmp_path, MOODY + NORMS, study=slipped)
    assert slip in str(said.value)
    assert "patient change" not in str(said.value)


@pytest.mark.parametrize(("pre", "post"), [("mood_start", "mood_end"), ("mood_6m", "mood_12m"), ("mood_3", "mood_6m")])
def test_what_is_earlier_goes_before(tmp_path, pre, post):
    (asked,) = load(tmp_path, f'{CHANGE}pre = "{pre}"\npost = "{post}"\n{NORMS}').patient_changes
    assert asked.measured == pre


def test_the_order_is_held_where_a_row_is_a_patient(tmp_path):
    kept = STUDY.partition('[[variables]]\nname = "mood"\n')
    at_once = kept[0] + kept[2].partition("[[variables]]\n")[1] + kept[2].partition("[[variables]]\n")[2]
    plain = at_once.partition('[[variables]]\nname = "low"')[0].replace("raters =", 'unit = "patient"\nraters =', 1)
    with pytest.raises(StudyError, match="pre is of session 9 and post of session 3; exchange the two"):
        load(tmp_path, f'{CHANGE}pre = "mood_9"\npost = "mood_3"\n{NORMS}', study=plain)
    assert load(tmp_path, f'{CHANGE}pre = "mood_3"\npost = "mood_9"\n{NORMS}', study=plain).patient_changes


def test_a_row_that_is_a_patient_has_no_sessions(tmp_path):
    plain = STUDY.replace('title = "Small"', 'title = "Small"\nunit = "patient"', 1)
    with pytest.raises(StudyError, match="'first' needs sessions, and a row is a patient"):
        load(tmp_path, f'{CHANGE}outcome = "mood_3"\n{NORMS}', study=plain)


@pytest.mark.parametrize(
    ("norms", "said"),
    [
        ('cutoff = { value = 30, source = "x" }', "cutoff is 30, and scores run from 0 to 20"),
        ('others = { mean = -1, sd = 2, source = "x" }', "mean of others is -1"),
        ('cutoff = { value = 9, source = "x" }\nothers = { mean = 1, sd = 2, source = "x" }', "Keep one way"),
        ('sd = { value = 0, source = "x" }', "allowed: more than 0"),
        ("sd = 4", "sd"),
    ],
)
def test_norms_of_a_codebook_are_held_to_its_scores(tmp_path, norms, said):
    book = MOOD.replace('score = "sum"\n', f'score = "sum"\n[scales.norms]\n{norms}\n', 1)
    (tmp_path / "mood.toml").write_text(book, encoding="utf-8")
    with pytest.raises(InstrumentError) as wrong:
        load_instrument(tmp_path / "mood.toml")
    assert said in str(wrong.value)


def test_the_study_goes_before_the_codebook_piece_by_piece(tmp_path):
    more = '[patient_changes.norms]\nothers = { mean = 3.3, sd = 3.8, source = "here" }\nbetter = "higher"\n'
    study = load(tmp_path, f'{CHANGE}outcome = "phq9"\n{more}')
    (asked,) = study.patient_changes
    uses = {name: (book, study.use(name)) for name, book in study.codebooks.items()}
    found = norms_of(asked, next(one for one in study.variables if one.name == "phq9"), uses)
    assert (found.reliability.value, found.sd.value, found.better) == (0.89, 6.1, "higher")
    assert found.cutoff is None  # a cut-off b of the study's group takes its place
    assert (found.others.mean, found.lacking) == (3.3, ())


def test_the_card_of_a_codebook_shows_norms_with_their_source():
    text = load_instrument("phq9").card.text()
    assert "Norms" in text
    assert "total  sd           6.1    Kroenke et al. (2001)" in text
