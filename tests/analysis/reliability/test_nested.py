"""Sessions nested in patients: components against the engine, limits against its own profile."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_mixed
from doublecode.analysis.reliability.interrater import icc
from doublecode.schemas.errors import ContractError, NotEstimable


def study(seed=3, patients=8, sessions=4, raters=4):
    """Synthetic ratings: two of four raters per session."""
    rng = np.random.default_rng(seed)
    patient, severity = rng.normal(0, 0.7, patients), rng.normal(0, 0.4, raters)
    habit = rng.normal(0, 0.3, (raters, patients))
    rows = []
    for p in range(patients):
        for s in range(sessions):
            true = patient[p] + rng.normal(0, 0.7)
            for r in rng.permutation(raters)[:2]:
                score = true + severity[r] + habit[r, p] + rng.normal(0, 0.5)
                rows.append((f"p{p}", f"p{p}s{s}", f"R{r}", score))
    return pd.DataFrame(rows, columns=["patient", "session", "rater", "score"])


NAMES = {"targets": "session", "raters": "rater", "ratings": "score", "clusters": "patient"}


@pytest.fixture(scope="module")
def found():
    return icc(study(), **NAMES)


@pytest.fixture(scope="module")
def parts(found):
    return found.variances.set_index("component")["variance"]


def test_components_are_the_mixed_models(parts):
    formula = "score ~ 1 + (1 | patient) + (1 | patient:session) + (1 | rater) + (1 | rater:patient)"
    theirs = fit_mixed(formula, study()).variances.set_index("group")["variance"]
    pairs = {
        "cluster": "patient",
        "target": "patient:session",
        "rater": "rater",
        "rater:cluster": "rater:patient",
        "residual": "Residual",
    }
    for ours, name in pairs.items():
        assert parts[ours] == pytest.approx(theirs[name], rel=1e-5, abs=1e-7)


def test_every_level_is_its_formula(found, parts):
    v = parts
    k = found.design["k_eff"]
    expected = {
        ("session", "ICC(A,1)"): (v["cluster"] + v["target"]) / v.sum(),
        ("session", "ICC(C,2)"): (v["cluster"] + v["target"])
        / (v["cluster"] + v["target"] + (v["rater:cluster"] + v["residual"]) / 2),
        ("session within patient", "ICC(A,1)"): v["target"] / (v.sum() - v["cluster"]),
        ("session within patient", "ICC(C,1)"): v["target"] / (v["target"] + v["residual"]),
        ("patient", "ICC(A,k_eff)"): v["cluster"] / (v["cluster"] + (v["rater"] + v["rater:cluster"]) / k),
        ("patient, sessions as error", "ICC(A,k_eff)"): v["cluster"]
        / (v["cluster"] + v["target"] / 4 + (v["rater"] + v["rater:cluster"]) / k + v["residual"] / (4 * k)),
    }
    table = found.frame.set_index(["level", "form"])["estimate"]
    for key, value in expected.items():
        assert table[key] == pytest.approx(value, rel=1e-9), key
    assert any("counts them as error (mean of 4.0 sessions)" in note for note in found.note_texts())


def test_limits_equal_the_engines_profile(found):
    from doublecode.analysis.mixed.engine.profiles import Target, profile_limits

    formula = "score ~ 1 + (1 | patient) + (1 | patient:session) + (1 | rater) + (1 | rater:patient)"
    fit = fit_mixed(formula, study()).fit

    def session(parts, residual):
        above = parts[0][:, 0, 0] + parts[1][:, 0, 0]
        return above / (above + parts[2][:, 0, 0] + parts[3][:, 0, 0] + residual)

    limits = profile_limits(
        fit.moments,
        fit.theta[None],
        np.zeros(1, dtype=int),
        [Target(session, 0.0, 1.0)],
        reml=True,
        chi2=3.841458820694124,
    )
    row = found.frame.set_index(["level", "form"]).loc[("session", "ICC(A,1)")]
    # Ours stops at .00003 of the root of the rise.
    assert row["conf_low"] == pytest.approx(limits.low[0, 0], abs=1e-4)
    assert row["conf_high"] == pytest.approx(limits.high[0, 0], abs=1e-4)


def test_unknown_raters_leave_two_levels():
    levels = set(icc(study(), **{**NAMES, "raters": None}, k=(1, "eff")).frame["level"])
    assert levels == {"session", "session within patient", "patient, sessions as error"}


def test_a_session_in_two_patients_is_refused():
    wrong = study()
    wrong.loc[1, "patient"] = "p7"
    with pytest.raises(ContractError, match=r"target 'p0s0' lies in two clusters.*nested in 'patient'"):
        icc(wrong, **NAMES)


def test_one_session_per_patient_is_no_nesting():
    flat = study(patients=24, sessions=1)
    with pytest.raises(NotEstimable, match="every patient has one session"):
        icc(flat, **NAMES)


def test_one_patient():
    with pytest.raises(NotEstimable, match="one patient only"):
        icc(study(patients=1, sessions=12), **NAMES)


def test_the_table_does_not_depend_on_how_the_engine_lays_the_model_out(monkeypatch):
    """Raters of a patient as columns of the patient, in the dense block, and in a sparse one.

    The last refused several parameter sets at once, so that 300 patients with 6 sessions and 2 of 6 raters ended in
    a ValueError.
    """
    from doublecode.analysis.mixed.engine import moments, nesting

    data = study(seed=5, patients=30)
    first = icc(data, **NAMES)
    monkeypatch.setattr(nesting, "MOST_COPIES", 0)
    monkeypatch.setattr(nesting, "MOST_CELLS", 0)
    dense = icc(data, **NAMES)
    monkeypatch.setattr(moments, "SPARSE_SIZE", 0)
    monkeypatch.setattr(moments, "SPARSE_SHARE", 1e9)
    sparse = icc(data, **NAMES)
    for other in (dense, sparse):
        columns = ["estimate", "conf_low", "conf_high"]
        np.testing.assert_allclose(first.frame[columns], other.frame[columns], rtol=0, atol=2e-7)
