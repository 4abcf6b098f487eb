"""Random slopes of what is the same in all rows of each group: fitted as lme4 does, and never without a word."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_generalized, fit_many, fit_mixed

KINDS = {"slopes_not_identified", "slopes_between"}


@pytest.fixture(scope="module")
def data():
    """Twenty patients of two arms, three clinics and any age, six sessions each; four patients a therapist."""
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(20), 6)
    frame = pd.DataFrame({"patient": patient, "therapist": patient // 4, "x": rng.normal(size=120)})
    frame["arm"] = patient % 2
    frame["control"] = 1 - frame.arm
    frame["clinic"] = np.array(list("abc"))[patient % 3]
    frame["age"] = rng.normal(40, 10, 20).round()[patient]
    frame["since"] = 1e9 + frame.age  # seconds
    eta = (1.0 + frame.arm) * rng.normal(size=20)[patient] + 0.5 * frame.x
    frame["y"] = eta + rng.normal(size=120)
    frame["done"] = (frame.y > 0).astype(int)
    frame["item"] = np.digitize(frame.y, [-1, 0, 1])
    return frame


def notes(fit):
    return [(note.kind, note.numbers["columns"]) for note in fit.notes if note.kind in KINDS]


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("(arm | patient)", ("slopes_not_identified", ("arm",))),
        ("(arm + x | patient)", ("slopes_not_identified", ("arm",))),
        ("(0 + clinic | patient)", ("slopes_not_identified", ("clinic[a]", "clinic[b]", "clinic[c]"))),
        ("(age | patient)", ("slopes_between", ("age",))),
        ("(since | patient)", ("slopes_between", ("since",))),
        ("(x | patient)", None),
        ("(1 | patient) + (arm | therapist)", None),
        ("(arm || patient)", None),
        ("(1 | therapist) + (0 + arm | patient)", None),
    ],
)
def test_what_is_noted_of_a_random_part(data, term, found):
    many = fit_many(f"y ~ arm + x + {term}", data, data[["y"]].to_numpy())
    assert notes(many) == ([] if found is None else [found])


def test_a_slope_of_the_arm_is_a_variance_for_each_arm(data):
    """Likelihood and coefficients are those of one variance per arm, which has one parameter less."""
    fit = fit_mixed("y ~ arm + (arm | patient)", data)
    of_arms = fit_mixed("y ~ arm + (0 + control + arm || patient)", data)
    assert fit.loglik == pytest.approx(of_arms.loglik, abs=1e-7)
    assert fit.n_parameters == of_arms.n_parameters + 1
    numbers = ["estimate", "std_error"]
    np.testing.assert_allclose(fit.fixed[numbers], of_arms.fixed[numbers], rtol=1e-5)
    assert not notes(of_arms)
    (said,) = [text for text in fit.note_texts() if "slope" in text]
    assert said.startswith("arm is the same in all rows of a patient, so that no patient has a slope of its own; ")
    assert "variances and correlations of (arm | patient) are not identified" in said
    assert said.endswith("Write (1 | patient)")


def test_every_family_says_so(data):
    wanted = [("slopes_not_identified", ("arm",))]
    assert notes(fit_generalized("done ~ arm + (arm | patient)", data, family="binomial")) == wanted
    assert notes(fit_generalized("item ~ arm + (arm | patient)", data, family="ordinal")) == wanted
    sets = data[["done"]].to_numpy(dtype=float)
    assert notes(fit_many("done ~ arm + (arm | patient)", data, sets, family="binomial")) == wanted
    (age,) = [text for text in fit_mixed("y ~ age + (age | patient)", data).note_texts() if "slope" in text]
    assert "(age | patient) describes how the spread between the levels of patient changes along it" in age
