"""[sensitivity] of study.toml: what is no model, variable or rule of the study is refused, with what was meant."""

import pytest

from doublecode.schemas import load_study
from doublecode.schemas.errors import StudyError

HEAD = '\n[sensitivity]\nheadline = { model = "course", term = "he_within" }\nleave_out = ["patient"]\n'
PLAIN = '\n[sensitivity]\nheadline = { model = "plain" }\nleave_out = ["patient"]\n'
CHOICES = f"{HEAD}[sensitivity.choices]\n"
FURTHER = '[[sensitivity.further]]\nmodel = "{}"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD.replace("course", "corse"), "did you mean 'course'"),
        (HEAD.replace("he_within", "hee_within"), "did you mean 'he_within'"),
        (HEAD.replace(', term = "he_within"', ""), "a model of a series has several tests"),
        (HEAD.replace('leave_out = ["patient"]', ""), "nothing is asked"),
        (HEAD.replace('"patient"]', '"patients"]'), "did you mean 'patient'"),
        (HEAD.replace('"patient"]', '"patient", "patient"]'), "'patient' twice"),
        (f'{HEAD}leaveout = ["rater"]', "leave_out"),
        (f'{CHOICES}pooling = ["median"]', "did you mean 'mean'"),
        (f'{CHOICES}poling = ["mean"]', "did you mean 'pooling'"),
        (f'{CHOICES}pooling = ["mean", "mean"]', "'mean' twice"),
        (f'{CHOICES}outliers = ["no"]', "allowed: 'none', or a number above 0"),
        (f"{CHOICES}outliers = [1.5]", "outliers is of moderations"),
        (f'{CHOICES}regression_errors = ["HC3"]', "regression_errors is of moderations"),
        (f'{PLAIN}[sensitivity.choices]\ncentring = ["none"]', "centring is of series"),
        (f'{PLAIN}[sensitivity.choices]\noutliers = ["none"]', "outlier rule holds no variable"),
        (f'{PLAIN}[sensitivity.choices]\npooling = ["primary"]', "pooling is of what raters code"),
        (PLAIN.replace('["patient"]', '["rater"]'), "'rater' is of what raters code"),
        (f'{CHOICES}covariates = [["sesion"]]', "did you mean 'session'"),
        (f'{CHOICES}covariates = [["he"]]', "'he' is no variable that can stand beside he"),
        (f'{CHOICES}random = ["(sesion | patient)"]', "did you mean 'session'"),
        (f'{CHOICES}random = ["session"]', "allowed: one or more terms in brackets"),
        (f'{CHOICES}random = ["1 | patient"]', "write '(1 | patient)' (found '1 | patient')"),
        (f"{CHOICES}lag = {{ before = [1] }}", "'before' is no variable of the headline's model"),
        (f"{CHOICES}lag = {{ he = [-1] }}", "lag"),
        (f"{CHOICES}lag = {{ he = [] }}", "lag of 'he' is empty"),
        (f"{CHOICES}minimum_valid = {{ ehe = [5] }}", "did you mean 'he'"),
        (f"{CHOICES}minimum_valid = {{ he = [8] }}", "allowed: 1 to 7"),
        (f'{CHOICES}reverse = {{ ghs = [["difficulties"]] }}', "did you mean 'ghes'"),
        (f'{CHOICES}reverse = {{ ghes = [["difficulty"]] }}', "did you mean 'difficulties'"),
        (HEAD + FURTHER.format("plane"), "sensitivity: further 1: no series or moderation is called 'plane'"),
        (f'{HEAD}{FURTHER.format("plain")}leave_out = ["rater"]', "1: leave_out: 'rater' is of what raters code"),
        (f'{HEAD}{FURTHER.format("plain")}choices = {{ centring = ["none"] }}', "1: choices: centring is of series"),
        (f'{HEAD}{FURTHER.format("plain")}choice = {{ }}', "did you mean 'choices'"),
        (f"{HEAD}{FURTHER.format('plain')}leave_out = []", "further 1: nothing is asked of it"),
        (HEAD + FURTHER.format("plain") * 2, "twice"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused(load_small, text, said):
    with pytest.raises(StudyError) as refused:
        load_small(text)
    assert said in str(refused.value)


def test_two_wrong_entries_are_said_at_once(load_small):
    text = f"{CHOICES}lag = {{ hee = [1] }}\nminimum_valid = {{ he = [9] }}\n{FURTHER.format('plane')}"
    with pytest.raises(StudyError) as refused:
        load_small(text)
    for said in ("3 wrong entries", "did you mean 'he'", "allowed: 1 to 7", "did you mean 'plain'"):
        assert said in str(refused.value)


def test_each_finding_has_its_own_or_the_common_questions(load_small):
    own = (
        '[[sensitivity.further]]\nmodel = "course"\nterm = "session"\nchoices = { random = ["(session | patient)"] }\n'
    )
    text = f"{HEAD}{FURTHER.format('plain')}{own}"
    first, second, third = load_small(text).sensitivity.each
    assert [one.leave_out for one in (first, second, third)] == [("patient",)] * 3
    assert (second.headline.model, second.choices.asked) == ("plain", False)
    assert third.choices.random == ("(session | patient)",)
    assert not first.further


def test_what_is_there_passes(load_small):
    text = (
        f'{CHOICES}pooling = ["primary"]\nreverse = {{ ghes = [["difficulties"], []] }}\n'
        "minimum_valid = { he = [5] }\n"
        'lag = { he = [0, 1] }\ncentring = ["none"]\nrandom = ["(session | patient) + (1 | therapist)"]\n'
        'covariates = [["session"], []]\n'
    )
    assert load_small(text).sensitivity.choices.lag == {"he": (0, 1)}


def test_the_fewest_items_of_a_study_take_the_place_of_the_codebook(tmp_path):
    use = '[[instruments]]\nname = "{}"\nminimum_valid = {{ {} }}\n'
    base = 'name = "s"\ntitle = "S"\nraters = [{ id = "R1" }]\n'
    (tmp_path / "study.toml").write_text(
        base + use.format("ghes", "he = 5") + use.format("phq9", "total = 7") + 'source = "outcomes"\n',
        encoding="utf-8",
    )
    books = load_study(tmp_path).codebooks
    he, total = books["ghes"].scale("he"), books["phq9"].scale("total")
    assert (he.required, he.prorate, total.required, total.prorate) == (5, False, 7, True)
    for text, said in (("hee = 5", "did you mean 'he'"), ("he = 9", "allowed: 1 to 7")):
        (tmp_path / "study.toml").write_text(base + use.format("ghes", text), encoding="utf-8")
        with pytest.raises(StudyError, match=said):
            load_study(tmp_path)
