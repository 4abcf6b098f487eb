"""The way down from a maximal random part, in words and rows."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import compare, fit_ladder, fit_mixed
from doublecode.analysis.mixed.ladder import Verdict
from doublecode.analysis.rendering.notes import sentence

REFERENCE = Path(__file__).parents[2] / "reference"


def test_a_model_that_fits_is_kept_as_written():
    data = pd.read_csv(REFERENCE / "sleepstudy.csv")
    ladder = fit_ladder("Reaction ~ Days + (Days | Subject)", data)
    assert list(ladder.frame.verdict) == ["kept"]
    assert ladder.kept.loglik == fit_mixed("Reaction ~ Days + (Days | Subject)", data).loglik
    assert "the model as written converged and is not singular" in ladder.note_texts()


def test_correlation_goes_first_then_the_effect_without_variance():
    data = pd.read_csv(REFERENCE / "hw229_singular.csv")
    ladder = fit_ladder("homework ~ beh_cw + sess_c + (sess_c | patient)", data)
    assert [fit.spec["formula"].split("sess_c + ", 1)[1] for fit in ladder.fits] == [
        "(sess_c | patient)",
        "(1 | patient) + (0 + sess_c | patient)",
        "(1 | patient)",
    ]
    assert list(ladder.frame.singular) == [True, True, False]
    assert ladder.kept is ladder.fits[2]
    assert list(ladder.frame.verdict) == [Verdict.CORRELATIONS_OUT, Verdict.TERM_OUT, Verdict.KEPT]
    assert list(ladder.frame.term) == ["(sess_c | patient)", "(0 + sess_c | patient)", ""]
    first, second, last = (sentence(step.note) for step in ladder.steps)
    assert "correlations of (sess_c | patient) left out" in first
    assert "correlation of Intercept and sess_c is 1" in first
    assert second.startswith("(0 + sess_c | patient) left out")
    assert last == "kept"
    ratio = compare(ladder.fits[1], ladder.fits[0]).frame.iloc[1]
    assert ladder.frame.statistic[1] == pytest.approx(ratio.statistic)
    assert "| kept |" in ladder.to_markdown()


def test_the_last_term_of_a_factor_stays_and_the_row_says_so():
    ladder = fit_ladder("Yield ~ 1 + (1 | Batch)", pd.read_csv(REFERENCE / "Dyestuff2.csv"))
    assert len(ladder.frame) == 1
    assert ladder.kept.singular
    assert sentence(ladder.steps[0].note).startswith("kept although singular")


def test_only_the_term_at_fault_is_simplified():
    rng = np.random.default_rng(8)
    patient, session = np.divmod(np.arange(200), 10)
    item = np.tile(np.arange(10), 20)
    data = pd.DataFrame({"patient": patient, "item": item, "x": session - 4.5})
    u = rng.normal(size=(20, 2)) * [1.0, 0.5]
    data["y"] = u[patient, 0] + u[patient, 1] * data.x + rng.normal(size=10)[item] + rng.normal(size=200)
    data["z"] = rng.normal(size=200)
    ladder = fit_ladder("y ~ x + (x | patient) + (z | item)", data)
    assert list(ladder.frame.singular) == [True, True, False]
    assert ladder.kept.spec["formula"] == "y ~ x + (x | patient) + (1 | item)"


def test_the_model_that_did_not_converge_in_print_fits_on_the_telephone_example():
    """Random intercept and slope with HE × TBH (Haller & Watzke); the log says how, the ladder what went and why."""
    from doublecode.data_examples.telephone_analysis import scores_of
    from doublecode.data_examples.telephone_study import telephone_study
    from doublecode.schemas import load_study

    declared = load_study(Path(str(files("doublecode.data_examples") / "telephone_cbt")))
    frame = scores_of(telephone_study(), declared).frame
    formula = "phq9 ~ session + he * tbh + (session | patient)"
    fit = fit_mixed(formula, frame)
    assert fit.converged
    assert fit.n_groups == {"patient": 22}
    assert fit.fixed.std_error.notna().all()
    assert (fit.log.remark == "kept").sum() == 1
    assert fit.log.converged.all()  # every start of the ladder ends at the same optimum
    assert fit.log.deviance.max() - fit.log.deviance.min() < 1e-6
    ladder = fit_ladder(formula, frame)
    assert ladder.kept.converged
    assert not ladder.kept.singular
    assert fit.singular == (len(ladder.frame) > 1)
