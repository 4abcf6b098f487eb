"""Alpha and omega against R (psych, lavaan) and against themselves computed the long way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.consistency.alpha_omega import alpha, omega
from doublecode.analysis.consistency.factor import fit_factors
from doublecode.schemas.errors import ContractError, InstrumentError, NotEstimable, UsageError
from doublecode.schemas.instrument import Instrument, load_instrument
from doublecode.schemas.item import Item
from doublecode.schemas.results import Note
from doublecode.schemas.scale import Scale

REFERENCE = Path(__file__).parents[2] / "reference"
RELIABILITY = json.loads((REFERENCE / "reliability.json").read_text())
SETS = ("rel_bfi_agree", "rel_sim8", "rel_sim9x3")
ITEMS = list("abcdefg")


def load(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / f"{name}.csv")


def study(seed: int = 1, patients: int = 22, sessions: int = 9) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), sessions)
    factor = 0.5 * rng.normal(size=patients)[patient] + 0.87 * rng.normal(size=len(patient))
    loadings = np.array([0.8, 0.7, 0.6, 0.75, 0.65, 0.7, 0.5])
    scores = factor[:, None] * loadings + rng.normal(size=(len(patient), 7)) * np.sqrt(1 - loadings**2)
    frame = pd.DataFrame(scores, columns=ITEMS)
    return frame.assign(patient=patient, session=np.tile(np.arange(1, sessions + 1), patients))


def holes(frame: pd.DataFrame, share: float, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return frame.assign(**{item: frame[item].mask(rng.random(len(frame)) < share) for item in ITEMS})


# --------------------------------------------------------------------- alpha


def test_alpha_of_pairwise_covariances_is_psychs() -> None:
    """Each covariance over its own n − 1 (alpha_pairwise.R): 1e-10."""
    expected = json.loads((REFERENCE / "alpha_pairwise.json").read_text())
    found = alpha(load("rel_sim8_missing"), missing="pairwise")
    totals = found.totals.iloc[0]
    assert totals["raw_alpha"] == pytest.approx(expected["raw_alpha"], abs=1e-10)
    assert totals["std_alpha"] == pytest.approx(expected["std_alpha"], abs=1e-10)
    np.testing.assert_allclose(found.items["alpha_if_dropped"], expected["alpha_if_dropped"], atol=1e-10)


@pytest.mark.parametrize("name", SETS)
def test_alpha_is_psychs(name: str) -> None:
    """psych::alpha, closed forms: 1e-10."""
    expected, found = RELIABILITY[name], alpha(load(name))
    totals = found.totals.iloc[0]
    names = {"raw_alpha": "raw_alpha", "std_alpha": "std.alpha", "lambda6": "G6(smc)", "average_r": "average_r"}
    names |= {"signal_noise": "S/N", "ase": "ase", "mean": "mean", "sd": "sd", "median_r": "median_r"}
    for ours, theirs in names.items():
        assert totals[ours] == pytest.approx(expected["alpha"][theirs], abs=1e-10), ours
    row = found.frame.iloc[0]
    assert row["method"].startswith("Feldt")
    assert row["conf_low"] == pytest.approx(expected["feldt_ci"]["low"], abs=1e-10)
    assert row["conf_high"] == pytest.approx(expected["feldt_ci"]["high"], abs=1e-10)
    assert row["df"] == expected["n"] - 1


@pytest.mark.parametrize("name", SETS)
def test_items_are_psychs(name: str) -> None:
    expected, items = RELIABILITY[name], alpha(load(name)).items.set_index("item")
    stats = {"raw_r": "raw.r", "std_r": "std.r", "r_cor": "r.cor", "r_drop": "r.drop", "mean": "mean", "sd": "sd"}
    dropped = {"alpha_if_dropped": "raw_alpha", "std_alpha_if_dropped": "std.alpha", "lambda6_if_dropped": "G6(smc)"}
    dropped |= {"average_r_if_dropped": "average_r", "signal_noise_if_dropped": "S/N", "median_r_if_dropped": "med.r"}
    dropped |= {"alpha_se_if_dropped": "alpha se", "var_r_if_dropped": "var.r"}
    for item in items.index:
        for ours, theirs in stats.items():
            assert items.loc[item, ours] == pytest.approx(expected["item_stats"][item][theirs], abs=1e-10), ours
        for ours, theirs in dropped.items():
            assert items.loc[item, ours] == pytest.approx(expected["alpha_if_dropped"][item][theirs], abs=1e-10), ours


def test_alpha_adds_the_jackknife_over_patients() -> None:
    data = study()
    found = alpha(data, items=ITEMS, clusters="patient")
    y = []
    for patient in data["patient"].unique():
        S = data.loc[data["patient"] != patient, ITEMS].cov().to_numpy()
        y.append(-np.log(1 - 7 / 6 * (1 - np.trace(S) / S.sum())))
    error = np.sqrt(21 / 22 * ((y - np.mean(y)) ** 2).sum())
    row = found.frame.iloc[2]
    t21 = 2.0796138447276626  # qt(.975, 21)
    value = -np.log(1 - row["estimate"])
    assert row["df"] == 21
    assert row["conf_low"] == pytest.approx(1 - np.exp(-(value - t21 * error)), abs=1e-10)
    assert row["conf_high"] == pytest.approx(1 - np.exp(-(value + t21 * error)), abs=1e-10)
    assert found.notes[-1] == Note("feldt_and_jackknife", numbers={"clusters": "patient"})
    assert "Feldt's limits take rows as independent" in found.note_texts()[-1]


def test_alpha_of_two_items_and_negative_alpha() -> None:
    turned = pd.DataFrame({"x": [1.0, 2, 3, 4, 5], "y": [5.0, 4, 3, 2, 2]})
    found = alpha(turned)
    assert found.frame["estimate"].iloc[0] < -10
    assert [note.numbers["item"] for note in found.notes if note.kind == "negative_item_total"] == ["x", "y"]
    assert "want reversing" in found.note_texts()[-1]


# --------------------------------------------------------------------- omega


@pytest.mark.parametrize("name", SETS)
def test_one_factor_omegas(name: str) -> None:
    """lavaan's ML and psych's minres, both sharpened by Newton in R: 1e-6 (ours are at 1e-9)."""
    expected, found = RELIABILITY[name], omega(load(name))
    by_name = found.formulas.set_index("term")["estimate"]
    assert by_name["omega"] == pytest.approx(expected["cfa_ml_raw"]["omega"], abs=1e-8)
    assert by_name["omega_observed"] == pytest.approx(expected["cfa_ml_raw"]["omega_obs_var"], abs=1e-8)
    minres = expected["minres_1factor"]
    assert by_name["omega_minres"] == pytest.approx(minres["omega_total_polished"], abs=1e-8)
    assert by_name["omega_minres_residual"] == pytest.approx(minres["omega_total_obs_var_polished"], abs=1e-8)
    items = found.items.set_index("item")
    for item, loading in expected["cfa_ml_raw"]["loadings"].items():
        assert items.loc[item, "loading"] == pytest.approx(loading, abs=1e-8)


@pytest.mark.parametrize("name", SETS)
def test_fit_of_one_factor_is_lavaans(name: str) -> None:
    expected, row = RELIABILITY[name]["cfa_ml_raw"], omega(load(name)).fit.iloc[0]
    for index in ("chisq", "df", "cfi", "rmsea", "srmr"):
        assert row[index] == pytest.approx(expected[index], abs=1e-6), index


def test_each_omega_names_its_formula() -> None:
    formulas = omega(load("rel_sim8")).formulas
    assert len(formulas) == 9
    assert set(formulas["matrix"]) == {"covariances", "correlations"}
    assert set(formulas["below_line"]) == {"model-implied", "observed"}
    assert formulas[["estimator", "matrix", "formula"]].drop_duplicates().shape[0] == 9
    assert (formulas["conf_low"] < formulas["estimate"]).all()
    assert (formulas["estimate"] < formulas["conf_high"]).all()


def test_jackknife_interval_the_long_way() -> None:
    """Refit without each patient; logit scale, t with P − 1 degrees of freedom."""
    data = study(3)
    row = omega(data, items=ITEMS, clusters="patient").frame.iloc[0]
    y = []
    for patient in data["patient"].unique():
        fit = fit_factors(data.loc[data["patient"] != patient, ITEMS].cov().to_numpy()[None])
        part = fit.first.sum() ** 2 / (fit.first.sum() ** 2 + fit.uniqueness.sum())
        y.append(np.log(part / (1 - part)))
    error = np.sqrt(21 / 22 * ((y - np.mean(y)) ** 2).sum())
    centre = np.log(row["estimate"] / (1 - row["estimate"]))
    t21 = 2.0796138447276626
    assert row["df"] == 21
    assert row["std_error"] == pytest.approx(error * row["estimate"] * (1 - row["estimate"]), abs=1e-9)
    assert row["conf_low"] == pytest.approx(1 / (1 + np.exp(-(centre - t21 * error))), abs=1e-9)
    assert row["conf_high"] == pytest.approx(1 / (1 + np.exp(-(centre + t21 * error))), abs=1e-9)


def test_patients_as_unit_widen_the_interval() -> None:
    data = study(5)
    by_patient = omega(data, items=ITEMS, clusters="patient").frame.iloc[0]
    by_row = omega(data, items=ITEMS).frame.iloc[0]
    # the same matrix, summed in another order where linear algebra runs on several threads
    assert by_patient["estimate"] == pytest.approx(by_row["estimate"], rel=1e-12)
    assert by_patient["n_units"] == 22
    assert by_row["n_units"] == 198


@pytest.mark.parametrize("interval", ["bootstrap", "percentile", "bca"])
def test_bootstrap_intervals_are_seeded_and_near_the_jackknife(interval: str) -> None:
    data = study(4)
    first = omega(data, items=ITEMS, clusters="patient", interval=interval, n_boot=400, seed=7)
    again = omega(data, items=ITEMS, clusters="patient", interval=interval, n_boot=400, seed=7)
    other = omega(data, items=ITEMS, clusters="patient", interval=interval, n_boot=400, seed=8)
    jackknife = omega(data, items=ITEMS, clusters="patient").frame.iloc[0]
    pd.testing.assert_frame_equal(first.frame, again.frame)
    assert first.frame["conf_low"].iloc[0] != other.frame["conf_low"].iloc[0]
    assert first.frame["conf_low"].iloc[0] == pytest.approx(jackknife["conf_low"], abs=0.03)
    assert first.frame["conf_high"].iloc[0] == pytest.approx(jackknife["conf_high"], abs=0.03)


def test_levels_are_what_the_rows_alone_give() -> None:
    data = study(6)
    found = omega(data, items=ITEMS, clusters="patient", by="session")
    rows = found.frame[found.frame["term"] == "omega"].set_index("level")
    assert rows.index.tolist() == ["all", *range(1, 10)]
    alone = omega(data[data["session"] == 4], items=ITEMS, clusters="patient").frame.iloc[0]
    assert rows.loc[4, "estimate"] == pytest.approx(alone["estimate"], abs=1e-9)
    assert rows.loc[4, "conf_low"] == pytest.approx(alone["conf_low"], abs=1e-7)
    assert rows.loc[4, "n_rows"] == 22


def test_a_level_that_fails_is_a_row_with_its_reason() -> None:
    data = study(6)
    data.loc[data["session"] == 2, "c"] = 1.0
    data = data[~((data["session"] == 3) & (data["patient"] > 4))]
    found = omega(data, items=ITEMS, clusters="patient", by="session")
    rows = found.frame.drop_duplicates("level").set_index("level")
    assert np.isnan(rows.loc[2, "estimate"])
    assert "No spread in c" in rows.loc[2, "status"]
    assert "5 rows for 7 items" in rows.loc[3, "status"]
    assert rows.loc["all", "status"] == "ok"
    lost = [note.numbers["level"] for note in found.notes if note.kind == "level_not_estimable"]
    assert lost == [2, 3]
    assert any(text.startswith("2: not estimable. No spread in c") for text in found.note_texts())


def test_omega_is_free_of_unit_and_order() -> None:
    data = study(8)
    plain = omega(data, items=ITEMS, clusters="patient").frame["estimate"].to_numpy()
    scaled = data.assign(**{item: 100 * data[item] - 3 for item in ITEMS})
    turned = data.sample(frac=1, random_state=0)
    assert omega(scaled, items=ITEMS, clusters="patient").frame["estimate"].to_numpy() == pytest.approx(plain, abs=1e-9)
    assert omega(turned, items=ITEMS[::-1], clusters="patient").frame["estimate"].to_numpy() == pytest.approx(
        plain, abs=1e-9
    )


def test_if_dropped_is_the_omega_without_the_item() -> None:
    data = load("rel_sim8")
    items = omega(data).items.set_index("item")
    assert items.loc["I3", "omega_if_dropped"] == pytest.approx(
        omega(data.drop(columns="I3")).frame["estimate"].iloc[0], abs=1e-9
    )
    assert items.loc["I3", "alpha_if_dropped"] == pytest.approx(
        RELIABILITY["rel_sim8"]["alpha_if_dropped"]["I3"]["raw_alpha"], abs=1e-10
    )


def test_missing_items_are_named_and_close_to_complete() -> None:
    data = study(9)
    gaps = holes(data, 0.04)
    complete = omega(data, items=ITEMS, clusters="patient").frame["estimate"].iloc[0]
    for missing, words in (("fiml", "full-information"), ("pairwise", "pairwise"), ("listwise", "complete rows")):
        found = omega(gaps, items=ITEMS, clusters="patient", missing=missing)
        assert found.frame["estimate"].iloc[0] == pytest.approx(complete, abs=0.02)
        assert np.isfinite(found.frame["conf_low"]).all()
        note = next(note for note in found.notes if note.kind == "items_missing")
        assert note.numbers == {"n": found.design["n_missing"], "rule": missing}
        assert any(words in text for text in found.note_texts())
        assert found.design["missing_rule"] == missing
        assert found.design["rows_incomplete"] == len(gaps) - len(gaps.dropna())
    listwise = omega(gaps, items=ITEMS, clusters="patient", missing="listwise").frame["estimate"].iloc[0]
    dropped = omega(gaps.dropna(), items=ITEMS, clusters="patient").frame["estimate"].iloc[0]
    assert listwise == pytest.approx(dropped, abs=1e-9)


def test_rows_without_any_item_are_counted() -> None:
    data = study(9)
    data.loc[[3, 8], ITEMS] = np.nan
    found = omega(data, items=ITEMS, clusters="patient")
    assert found.design["rows_dropped"] == 2
    assert found.design["reason"] == "no item rated"
    assert found.frame["n_rows"].iloc[0] == 196


def test_heywood_negative_loading_and_poor_fit_are_said() -> None:
    rng = np.random.default_rng(3)
    R = np.array([[1, 0.9, 0.7, 0.6], [0.9, 1, 0.5, 0.4], [0.7, 0.5, 1, 0.3], [0.6, 0.4, 0.3, 1.0]])
    plain = rng.normal(size=(40, 4))
    exact = np.linalg.qr(plain - plain.mean(axis=0))[0] @ np.linalg.cholesky(R).T
    found = omega(pd.DataFrame(exact, columns=list("wxyz")))
    assert found.items["heywood"].any()
    held = next(note for note in found.notes if note.kind == "heywood_case")
    assert held.numbers["level"] == "all"
    assert set(held.numbers["items"]) == set(found.items.loc[found.items["heywood"], "item"])
    turned = study(2).assign(b=lambda d: -d["b"])
    found = omega(turned, items=ITEMS, clusters="patient")
    assert [note.numbers["item"] for note in found.notes if note.kind == "negative_loading"] == ["b"]
    assert any("'b' loads negatively" in text for text in found.note_texts())
    two = pd.DataFrame(
        np.repeat(rng.normal(size=(200, 2)), 3, axis=1) + rng.normal(size=(200, 6)), columns=list("abcdef")
    )
    found = omega(two)
    note = next(note for note in found.notes if note.kind == "poor_one_factor_fit")
    assert note.numbers["cfi"] == found.fit["cfi"].iloc[0]
    assert any("does not reproduce the correlations" in text for text in found.note_texts())


def test_three_items_cannot_be_tested() -> None:
    found = omega(study(2)[["a", "b", "c"]])
    assert found.fit["df"].iloc[0] == 0
    assert np.isnan(found.fit["cfi"].iloc[0])
    assert "three_items" in {note.kind for note in found.notes}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"items": ["a", "b"]}, UsageError, "at least 3"),
        ({"items": ["a", "b", "zz"]}, UsageError, "Not in the frame: zz"),
        ({"items": ["a", "b", "b"]}, UsageError, "Named twice"),
        ({"items": "abc"}, UsageError, "list of column names"),
        ({"clusters": "who"}, UsageError, "Not in the frame: who"),
        ({"conf_level": 95}, UsageError, "between 0 and 1"),
        ({"interval": "wald"}, UsageError, "jackknife, bootstrap, percentile, bca"),
        ({"missing": "zero"}, UsageError, "fiml, pairwise, listwise"),
        ({"n_boot": 5}, UsageError, "too few"),
    ],
)
def test_wrong_use_is_refused(change: dict[str, object], error: type[Exception], words: str) -> None:
    arguments: dict[str, object] = {"items": ITEMS, "clusters": "patient"} | change
    with pytest.raises(error, match=words):
        omega(holes(study(), 0.02), **arguments)  # type: ignore[arg-type]


def test_alpha_of_dependent_or_cancelling_items() -> None:
    data = study()
    found = alpha(data.assign(g=data["a"] + data["b"]), items=ITEMS)
    assert np.isfinite(found.frame["estimate"]).all()
    assert np.isnan(found.totals["lambda6"].iloc[0])
    assert any("lambda 6" in text for text in found.note_texts())
    with pytest.raises(NotEstimable, match="cancel one another"):
        alpha(pd.DataFrame({"x": [1.0, 2, 3], "y": [3.0, 2, 1]}))


def test_wrong_data_are_refused() -> None:
    data = study()
    with pytest.raises(ContractError, match="'three', which is not a number"):
        omega(data.assign(a=["three"] * len(data)), items=ITEMS)
    with pytest.raises(ContractError, match="truth values"):
        omega(data.assign(a=data["a"] > 0), items=ITEMS)
    with pytest.raises(ContractError, match="infinite"):
        omega(data.assign(a=np.inf), items=ITEMS)
    with pytest.raises(ContractError, match="have no 'patient'"):
        omega(data.assign(patient=data["patient"].where(data["patient"] > 2)), items=ITEMS, clusters="patient")
    with pytest.raises(NotEstimable, match="No spread in a"):
        omega(data.assign(a=2.0), items=ITEMS)
    with pytest.raises(NotEstimable, match="not positive definite"):
        omega(data.assign(g=data["a"] + data["b"]), items=ITEMS)
    with pytest.raises(NotEstimable, match="6 rows for 7 items"):
        omega(data.head(6), items=ITEMS)


def test_few_patients_and_missing_clusters_are_said() -> None:
    few = omega(study(1, patients=6), items=ITEMS, clusters="patient")
    assert Note("few_units", numbers={"n": 6, "clusters": "patient"}) in few.notes
    assert any("Only 6 patients" in text for text in few.note_texts())
    assert any("name the patient with clusters=" in text for text in omega(study(), items=ITEMS).note_texts())


def test_result_remembers_its_question() -> None:
    found = omega(study(), items=ITEMS, clusters="patient", conf_level=0.9, seed=5)
    assert found.spec["items"] == ITEMS
    assert found.spec["seed"] == 5
    assert found.spec["method"].startswith("jackknife over patients")
    assert found.rows.tolist() == list(range(198))
    assert found.conf_int().loc[("all", "omega"), "conf_low"] == found.frame["conf_low"].iloc[0]
    assert found.params[("all", "omega")] == found.frame["estimate"].iloc[0]


def test_one_patient_gives_no_interval_and_says_so() -> None:
    found = omega(study().assign(patient="P1"), items=ITEMS, clusters="patient")
    assert np.isfinite(found.frame["estimate"]).all()
    assert found.frame["conf_low"].isna().all()
    assert "one_unit" in {note.kind for note in found.notes}


def test_column_kinds_do_not_matter() -> None:
    data = (2 * study()[ITEMS]).round()
    data.loc[3, "a"] = np.nan
    plain = omega(data).frame["estimate"].tolist()
    nullable = data.astype("Int64")
    unnamed = data.set_axis(range(7), axis=1)
    objects = data.astype(object).where(data.notna(), None)
    for other in (nullable, unnamed, objects):
        assert omega(other).frame["estimate"].tolist() == pytest.approx(plain, abs=1e-12)


@pytest.mark.parametrize("function", [alpha, omega])
def test_an_array_is_no_frame(function) -> None:
    with pytest.raises(UsageError, match="found a ndarray, allowed a frame of pandas"):
        function(np.eye(4))


# ------------------------------------------------------------ kinds, codebooks, display


@pytest.mark.parametrize(
    ("kind", "option", "home"),
    [
        ("total", {"n_factors": 2}, "hierarchical, psych_default"),
        ("total", {"raters": "rater"}, "categorical"),
        ("categorical", {"missing": "fiml"}, "total, hierarchical"),
        ("categorical", {"by": "session"}, "total"),
        ("hierarchical", {"targets": ["session"]}, "categorical"),
        ("multilevel", {"interval": "bootstrap"}, "total, categorical, hierarchical"),
        ("psych_default", {"clusters": "patient"}, "total, categorical, hierarchical, multilevel"),
        ("psych_default", {"conf_level": 0.9}, "total, categorical, hierarchical, multilevel"),
    ],
)
def test_an_option_without_effect_is_refused(kind: str, option: dict[str, object], home: str) -> None:
    name = next(iter(option))
    with pytest.raises(UsageError, match=f"{name}= has no effect for kind='{kind}'.*belongs to kind {home}"):
        omega(study(), items=ITEMS, kind=kind, **option)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "beta"}, "total, categorical, hierarchical, multilevel, psych_default"),
        ({"kind": "multilevel"}, "needs clusters="),
        ({"kind": "categorical", "raters": "rater"}, "belong together"),
        ({"n_boot": 400}, "no effect on the jackknife"),
    ],
)
def test_kinds_say_what_they_need(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        omega(study(), items=ITEMS, **options)  # type: ignore[arg-type]


def test_every_kind_shares_its_columns_and_names_its_tables() -> None:
    data = study(3).round().clip(-2, 2)
    shared = ["level", "term", "estimate", "std_error", "df", "conf_low", "conf_high", "formula"]
    shared += ["n_items", "n_rows", "n_units"]
    clusters = {"total": "patient", "categorical": "patient", "hierarchical": "patient", "multilevel": "patient"}
    for kind in ("total", "categorical", "hierarchical", "multilevel", "psych_default"):
        options = {"clusters": clusters[kind]} if kind in clusters else {}
        options |= {"n_factors": 2} if kind in ("hierarchical", "psych_default") else {}
        found = omega(data, items=ITEMS, kind=kind, **options)
        assert set(shared) <= set(found.frame.columns), kind
        assert found.spec["kind"] == kind
        assert max(map(len, str(found).splitlines())) <= 100
        assert found.to_markdown()
    with pytest.raises(UsageError, match=r"kind='psych_default' has no .polychoric; it has .frame, .loadings"):
        _ = found.polychoric


def codebook(*names: str) -> Instrument:
    columns = tuple(
        Item(name=name, label=f"Item {name}", minimum=0, maximum=4, reversed=name == "c") for name in "abcdefg"
    )
    scales = [
        Scale(name=name, label=name, items=tuple("abcdefg"[: 4 + i]), score="mean") for i, name in enumerate(names)
    ]
    return Instrument(
        name="toy", title="Toy", version="1.0", citation="none", rights="none", items=columns, scales=tuple(scales)
    )


@pytest.mark.parametrize("function", [alpha, omega])
def test_a_codebook_names_and_reverses_the_items(function) -> None:
    data = (study() + 2).assign(c=lambda d: 4 - d["c"])
    book = codebook("whole")
    found = function(data, instrument=book, clusters="patient")
    right_way = function(data.assign(c=4 - data["c"]), items=list("abcd"), clusters="patient")
    assert found.frame["estimate"].tolist() == pytest.approx(right_way.frame["estimate"].tolist(), abs=1e-12)
    assert found.spec["items"] == list("abcd")
    assert (found.spec["instrument"], found.spec["scale"], found.spec["reversed"]) == ("toy", "whole", ["c"])
    assert Note("items_reversed", numbers={"items": ("c",), "instrument": "toy"}) in found.notes
    assert "Item c" in str(found)
    two = codebook("short", "long")
    assert function(data, instrument=two, items="long").spec["items"] == list("abcde")
    assert function(data, instrument=two, items=["a", "b", "g"]).spec["scale"] == ""
    with pytest.raises(UsageError, match=r"2 scales \(short, long\); name one with items='short'"):
        function(data, instrument=two)
    with pytest.raises(InstrumentError, match="no scale 'wide'"):
        function(data, instrument=two, items="wide")


def test_a_shipped_codebook_by_name() -> None:
    rng = np.random.default_rng(4)
    scale = load_instrument("phq9").scale("total")
    scores = rng.normal(size=(60, 1)) + rng.normal(size=(60, len(scale.items)))
    data = pd.DataFrame(scores, columns=list(scale.items)).assign(note="x")
    assert omega(data, instrument="phq9").spec["items"] == list(scale.items)
    lagged = load_instrument("sthar").scale("tbh")
    wide = pd.DataFrame(rng.normal(size=(60, 1)) + rng.normal(size=(60, len(lagged.items))), columns=list(lagged.items))
    found = omega(wide, instrument="sthar", items="tbh")
    assert any("from the session before" in text for text in found.note_texts())


def test_factors_are_compared_on_the_rows_of_omega() -> None:
    data = study(5)
    data.loc[2, ["a", "b", "c", "d"]] = np.nan
    found = omega(data, items=ITEMS, clusters="patient")
    compared = found.compare_factors({"first": ["a", "b"], "second": ["c", "d"]})
    assert compared.design["n_rows"] == 197
    assert 2 not in compared.rows
    assert compared.spec["clusters"] == "patient"
    with pytest.raises(UsageError, match="'z' is no item of omega"):
        found.compare_factors({"first": ["a", "b"], "second": ["c", "z"]})
    R = data[ITEMS].corr()
    with pytest.raises(UsageError, match="correlation matrix has no rows"):
        omega(R, kind="psych_default").compare_factors({"first": ["a", "b"], "second": ["c", "d"]})


def test_results_print_themselves() -> None:
    for found in (omega(study(), items=ITEMS, clusters="patient", by="session"), alpha(study(), items=ITEMS)):
        text = str(found)
        assert max(map(len, text.splitlines())) <= 100
        assert "95% CI" in text
        assert "7 items, 198 rows" in text
        assert "<table>" in found._repr_html_()
