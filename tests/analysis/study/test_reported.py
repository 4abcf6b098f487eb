"""What papers print of the coding, against pandas and scipy on the raw ratings."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from doublecode.analysis.study.achieved_coding import achieved_coding


def rated(run, instrument, phase="main"):
    rows = run.intake.ratings
    return rows[(rows["instrument"] == instrument) & (rows["phase"] == phase) & rows["value"].notna()]


@pytest.mark.parametrize(("study", "instrument"), [("telephone_run", "ghes"), ("adolescent_run", "thabs")])
def test_loads_pairs_and_the_share_coded_twice(study, instrument, request):
    run = request.getfixturevalue(study)
    wide = rated(run, instrument).pivot_table(index="session_id", columns="rater", values="value").notna()
    facts = run.reported
    loads = facts.loads[(facts.loads["instrument"] == instrument) & (facts.loads["phase"] == "main")]
    assert dict(zip(loads["rater"], loads["n_sessions"], strict=True)) == wide.sum().to_dict()
    assert (loads["n_alone"] + loads["n_shared"] == loads["n_sessions"]).all()
    pairs = facts.pairs[(facts.pairs["instrument"] == instrument) & (facts.pairs["phase"] == "main")]
    found = {(a, b): n for _, _, a, b, n in pairs.itertuples(index=False)}
    assert found == {(a, b): int((wide[a] & wide[b]).sum()) for a, b in combinations(wide.columns, 2)}
    row = facts.coding[(facts.coding["instrument"] == instrument) & (facts.coding["phase"] == "main")].iloc[0]
    assert row["n_double"] == (wide.sum(axis=1) > 1).sum()
    assert row["percent_double"] == pytest.approx(100 * (wide.sum(axis=1) > 1).mean(), abs=1e-12)


def test_a_missing_code_is_no_coding(adolescent_run):
    """84 of 91 sessions have a code of homework adherence, 25 of them two; four were heard and could not be coded."""
    coding = adolescent_run.reported.coding.set_index(["instrument", "phase"])
    assert coding.loc[("homework_adherence", "main"), ["n_sessions", "n_double"]].tolist() == [84, 25]
    empty = achieved_coding(adolescent_run.study, adolescent_run.intake.ratings.iloc[:0])
    assert [len(frame) for frame in empty] == [0, 0, 0]


def two_way(table):
    """ICC(A,1) of a complete table, targets × raters, from its mean squares (McGraw & Wong 1996, case 2A)."""
    n, k = table.shape
    ms_t = k * table.mean(axis=1).var(ddof=1)
    ms_r = n * table.mean(axis=0).var(ddof=1)
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    ms_e = (rest**2).sum() / ((n - 1) * (k - 1))
    return (ms_t - ms_e) / (ms_t + (k - 1) * ms_e + k * (ms_r - ms_e) / n)


def test_pilot_mean_and_median_of_the_icc_of_two_raters(telephone_run):
    """Every rater coded every tape of the pilot, so that the ICC of each item is one of mean squares."""
    rows = rated(telephone_run, "sthar", "pilot")
    singles = [
        two_way(part.pivot_table(index="session_id", columns="rater", values="value").to_numpy())
        for _, part in rows.groupby("item")
    ]
    twos = 2 * np.array(singles) / (1 + np.array(singles))
    summary = telephone_run.reported.icc_summary
    row = summary[(summary["instrument"] == "sthar") & (summary["phase"] == "pilot") & (summary["k"] == 2)].iloc[0]
    found = row[["mean", "median", "min", "max"]].to_numpy(dtype=float)
    assert found == pytest.approx([twos.mean(), np.median(twos), twos.min(), twos.max()], abs=1e-10)


@pytest.mark.parametrize(("study", "instrument", "scale"), [("telephone_run", "sthar", "same_tape")])
def test_pairs_of_raters_stacked_and_of_scores(study, instrument, scale, request):
    run = request.getfixturevalue(study)
    rows = rated(run, instrument)
    scores = rows.groupby(["session_id", "rater"])["value"].mean().reset_index().assign(item=scale)
    for level, frame in (("items stacked", rows), ("score", scores)):
        wide = frame.pivot_table(index=["session_id", "item"], columns="rater", values="value")
        singles = np.array([two_way(wide[list(two)].dropna().to_numpy()) for two in combinations(wide.columns, 2)])
        twos = 2 * singles / (1 + singles)
        facts = run.reported.dyads
        mine = facts[(facts["instrument"] == instrument) & (facts["level"] == level)]
        mine = mine[mine["name"].isin([instrument, scale])].set_index("statistic")["estimate"]
        expected = [twos.mean(), np.median(twos), twos.min(), twos.max()]
        assert mine[["mean", "median", "minimum", "maximum"]].to_numpy() == pytest.approx(expected, abs=1e-10)


def test_items_in_seconds_are_not_stacked_with_points(adolescent_run):
    dyads = adolescent_run.reported.dyads
    stacked = dyads[(dyads["instrument"] == "thabs") & (dyads["level"] == "items stacked")]
    assert set(stacked["n_items"]) == {5}
    assert stacked["estimate"].max() < 0.97  # with the seconds it was .997: seconds are not points


def test_sessions_coded_twice_alone(adolescent_run):
    """One-way, so that the ICC of complete pairs is that of mean squares between and within sessions."""
    rows = rated(adolescent_run, "initial_resistance")
    totals = rows.groupby(["session_id", "rater"])["value"].sum()
    pairs = np.array([part.to_numpy() for _, part in totals.groupby("session_id") if len(part) == 2])
    between, within = 2 * pairs.mean(axis=1).var(ddof=1), pairs.var(axis=1, ddof=1).mean()
    frame = adolescent_run.reported.double_coded.frame
    row = frame[(frame["instrument"] == "initial_resistance") & (frame["name"] == "total")].iloc[0]
    assert row["n_targets"] == row["n_multiply_coded"] == len(pairs)
    assert row["single"] == pytest.approx((between - within) / (between + within), abs=1e-8)


def test_the_declared_rule_drops_and_is_counted_with_and_without(adolescent_run):
    ((instrument, drops),) = adolescent_run.reported.drops
    assert (instrument, drops.dropped) == ("thabs", ("review",))
    assert drops.spec["below"] == 0.4
    singles = adolescent_run.reliability.frame.query("instrument == 'thabs' and level == 'item'").set_index("name")
    summary = adolescent_run.reported.icc_summary.query("instrument == 'thabs' and k == 1").set_index("over")
    assert summary.loc["all", "mean"] == pytest.approx(singles["single"].mean(), abs=1e-12)
    assert summary.loc["kept", "mean"] == pytest.approx(singles["single"].drop("review").mean(), abs=1e-12)
    assert summary["n_items"].tolist() == [6, 5]


def test_skew_and_kurtosis_as_analysed_against_scipy(adolescent_run):
    data, observed = adolescent_run.outliers.data, adolescent_run.frame.frame
    for row in adolescent_run.reported.variables.to_dict("records"):
        values = data[row["variable"]].dropna()
        assert row["skew"] == pytest.approx(stats.skew(values, bias=False), abs=1e-10)
        assert row["kurtosis"] == pytest.approx(stats.kurtosis(values, bias=False), abs=1e-10)
        n_changed = int((data[row["variable"]] - observed[row["variable"]]).abs().gt(1e-12).sum())
        assert row["n_changed"] == n_changed
        if n_changed:
            before = observed[row["variable"]].dropna()
            assert row["skew_before"] == pytest.approx(stats.skew(before, bias=False), abs=1e-10)


def test_mahalanobis_of_the_rows_of_each_model(adolescent_run):
    declared = {one.name: one for one in adolescent_run.study.moderations}
    found = adolescent_run.reported.distances.set_index("name")
    assert list(found.index) == list(declared)
    model = declared["praise_s2"]  # the one with a subset
    names = [model.outcome, model.predictor, *model.covariates]
    data = adolescent_run.outliers.data
    rows = data[adolescent_run.frame.frame["hw2"] > 0][names].dropna()
    centred = (rows - rows.mean()).to_numpy()
    d2 = np.einsum("ij,jk,ik->i", centred, np.linalg.inv(np.cov(rows.T)), centred)
    row = found.loc["praise_s2"]
    assert (row["n_rows"], row["df"]) == (len(rows), 4 + 1)
    assert row["largest"] == pytest.approx(d2.max(), rel=1e-9)
    assert row["cutoff"] == pytest.approx(stats.chi2.ppf(0.999, len(names)), rel=1e-9)
    assert row["n_flagged"] == (d2 > row["cutoff"]).sum()


def test_rows_of_the_sample_that_are_counted_from_columns(adolescent_run):
    people = pd.read_csv(adolescent_run.study.folder / "patients.csv", dtype=str)
    rows = adolescent_run.sample.frame.set_index("variable")
    n_disorders = 1 + people["comorbidity"].map(lambda cell: 0 if cell == "none" else len(cell.split(";")))
    three = rows.loc["Three or more disorders, the depression included"]
    assert three["n"] == (n_disorders >= 3).sum()
    assert three["percent"] == pytest.approx(100 * (n_disorders >= 3).mean(), abs=1e-9)
    minority = people["ethnicity"].map(lambda cell: set(cell.split(";")) != {"White"})
    assert rows.loc["Ethnic minority", "n"] == minority.sum()
    minutes = pd.read_csv(adolescent_run.study.folder / "sessions.csv").query("phase == 'main'")["minutes"]
    assert rows.loc["minutes", ["mean", "sd"]].tolist() == pytest.approx([minutes.mean(), minutes.std()], abs=1e-10)
    assert rows.loc["minutes", "unit"] == "sessions"
