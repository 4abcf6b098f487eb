"""What a series of a family may declare; what would not act there is refused with the reason when it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from doublecode.schemas import load_study
from doublecode.schemas.errors import StudyError
from doublecode.schemas.model_series import ModelSeries

STUDY = """name = "own"
title = "Own (synthetic)"
raters = [{ id = "R1" }]
[[instruments]]
name = "phq9"
source = "outcomes"
[[variables]]
name = "phq9"
instrument = "phq9"
scale = "total"
"""
COLUMNS = ("done", "tasks", "parts", "quality", "review", "minutes")
SERIES = """[[series]]
name = "s"
title = "S"
steps = ["done ~ 1 + (1 | patient)", "done ~ review + (1 | patient)"]
"""


def declared(folder: Path, series: str, more: str = "") -> Path:
    variables = "".join(f'[[variables]]\nname = "{name}"\ncolumn = "{name}"\ntable = "sessions"\n' for name in COLUMNS)
    (folder / "study.toml").write_text(f"{STUDY}{variables}{SERIES}{series}\n{more}", encoding="utf-8")
    heads = ["session_id", "patient", "therapist", "session", "date", "phase", "status", "reason", *COLUMNS]
    (folder / "sessions.csv").write_text(",".join(heads) + "\n", encoding="utf-8")
    (folder / "patients.csv").write_text("patient,status,reason\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("series", "parts"),
    [
        ('family = "binomal"', ["family", "found 'binomal'", "negative-binomial", "did you mean 'binomial'"]),
        ('family = "binomial"\ntrials = "part"', ["'part' is not declared", "did you mean 'parts'"]),
        ('family = "poisson"\noffset = "log(minuts)"', ["'minuts' is not declared", "did you mean 'minutes'"]),
        ('family = "poisson"\noffset = "minutes + 1"', ["offset", "found 'minutes + 1'"]),
        ('family = "poisson"\ntrials = "parts"', ["trials belong to family 'binomial'", "Take trials out"]),
        ('family = "binomial"\nthresholds = "equidistant"', ["thresholds belong to family 'ordinal'"]),
        ('family = "ordinal"\nprior_sd = 2.5', ["prior_sd is not for family 'ordinal'"]),
        ('family = "poisson"\nprior_sd = 0.0', ["prior_sd", "more than 0"]),
        ('family = "poisson"\nlink = "logit"', ["link 'logit' is none of family 'poisson'", "allowed: 'log'"]),
        ('family = "binomial"\nlink = "cloglock"', ["found 'cloglock'", "did you mean 'cloglog'"]),
        ('family = "binomial"\nnagq = 0', ["nagq", "1 or more"]),
        ('family = "binomial"\ncorrelation = "ar1(session | patient)"', ["correlation is of linear series"]),
        ('family = "binomial"\nvariance_by = "session"', ["variance_by is of linear series"]),
        ('family = "binomial"\nsplit = ["review"]\nlatent_means = true', ["latent_means is of linear series"]),
        ('family = "binomial"\nreproduces = "A (2020)"', ["reproduces is of linear series"]),
        ('family = "binomial"\nexplained = true', ["explained is of linear series", "in the report anyway"]),
        ('family = "binomial"\nfigures = ["course"]', ["'course' is drawn of linear models only", "'caterpillar'"]),
        *((f"{key} = {value}", [f"{key} is of generalised models", 'family = "binomial"']) for key, value in (
            ("link", '"probit"'), ("nagq", 1), ("trials", '"parts"'), ("offset", '"minutes"'), ("prior_sd", 2.5),
            ("thresholds", '"equidistant"'),
        )),
    ],
)  # fmt: skip
def test_what_would_not_act_is_refused_with_the_reason(series: str, parts: list[str], tmp_path: Path) -> None:
    with pytest.raises(StudyError) as refused:
        load_study(declared(tmp_path, series))
    assert [part for part in parts if part not in str(refused.value)] == [], str(refused.value)


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        (
            '[sensitivity]\nheadline = { model = "s", term = "review" }\nleave_out = ["patient"]',
            ["headline", "its family is 'binomial'", "the multiverse takes linear series only"],
        ),
        (
            '[[papers.tables]]\nnumber = 1\ntitle = "T"\nkind = "series"\nseries = ["s"]',
            ["papers.tables '1'", "series 's'", "its family is 'binomial'", "as CSV and in Word"],
        ),
    ],
)
def test_what_takes_linear_series_only_says_so(more: str, parts: list[str], tmp_path: Path) -> None:
    with pytest.raises(StudyError) as refused:
        load_study(declared(tmp_path, 'family = "binomial"', more))
    assert [part for part in parts if part not in str(refused.value)] == [], str(refused.value)


def test_all_that_is_wrong_with_a_series_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="3 wrong entries"):
        load_study(declared(tmp_path, 'family = "ordinal"\ntrials = "parts"\nlink = "log"\nexplained = true'))


def test_points_of_quadrature_need_one_scalar_term_in_every_step() -> None:
    asked = {"name": "s", "title": "S", "family": "binomial", "nagq": 9}
    assert ModelSeries(steps=("y ~ x + (1 | patient)",), **asked).nagq == 9
    with pytest.raises(ValueError, match=r"needs one scalar random term .* 'y ~ x \+ \(x \| patient\)'"):
        ModelSeries(steps=("y ~ 1 + (1 | patient)", "y ~ x + (x | patient)"), **asked)
    with pytest.raises(ValueError, match="needs one scalar random term"):
        ModelSeries(steps=("y ~ x + (1 | patient) + (0 + x | patient)",), **asked)


def test_rows_must_have_trials_and_exposure_too() -> None:
    one = ModelSeries(
        name="s", title="S", steps=("y ~ x + (1 | patient)",), family="binomial", trials="n", offset="log(t)"
    )
    assert one.formulas == ("y ~ x + (1 | patient)", "y ~ n + t")
    assert one.mentioned == ("n", "t")
    assert one.kind == "binomial"
