"""Agreement coefficients against vcd, psych, written-out formulas (R), Gwet's and Fleiss's prints, and packages."""

import json
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doublecode.analysis.concordance.coefficients import agreement
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
EXPECTED = json.loads((REFERENCE / "agreement_outliers.json").read_text())
NAMES = {"targets": "unit", "raters": "rater", "ratings": "code"}


def long_of(table):
    table = np.asarray(table, dtype=float)
    n, k = table.shape
    return pd.DataFrame(
        {"unit": np.repeat(range(n), k), "rater": np.tile([f"R{j}" for j in range(k)], n), "code": table.ravel()}
    )


def run(table, **options):
    return agreement(long_of(table), **NAMES, **options).frame.set_index(["coefficient", "weights"])


def units_by_raters(name):
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv").to_numpy(dtype=float)


@pytest.mark.parametrize("name", ["kripp_published", "kripp_a"])
@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_krippendorff_equals_the_written_out_formula_and_the_package(name, level):
    table = units_by_raters(name)
    row = run(table.T).loc[("Krippendorff's alpha", level)]
    assert row["estimate"] == pytest.approx(EXPECTED[name][level], abs=1e-10)
    theirs = krippendorff.alpha(reliability_data=table, level_of_measurement=level)
    assert row["estimate"] == pytest.approx(theirs, abs=1e-10)
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_weighted_kappas_equal_vcd():
    frame = run(units_by_raters("pair_a"))
    expected = EXPECTED["pair_a"]
    for kind in ("unweighted", "linear", "quadratic"):
        row = frame.loc[("Cohen's kappa", kind)]
        assert row["estimate"] == pytest.approx(expected["vcd"][kind]["value"], abs=1e-10)
        assert row["std_error"] == pytest.approx(expected["vcd"][kind]["ASE"], abs=1e-10)
    row = frame.loc[("Cohen's kappa", "unweighted")]
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(expected["kappa_ci"], abs=1e-10)
    assert frame.loc[("exact agreement", "–"), "estimate"] == pytest.approx(expected["percent_agreement"], abs=1e-10)
    assert frame.loc[("within 1 point", "–"), "estimate"] == pytest.approx(expected["within1"], abs=1e-10)


def test_kappa_equals_statsmodels():
    from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa, to_table

    pair = units_by_raters("pair_a").astype(int)
    table = to_table(pair)[0]
    frame = run(pair)
    for kind, theirs in (("linear", "linear"), ("quadratic", "quadratic")):
        kappa = cohens_kappa(table, wt=theirs)
        row = frame.loc[("Cohen's kappa", kind)]
        assert row["estimate"] == pytest.approx(kappa.kappa, abs=1e-12)
        assert row["std_error"] == pytest.approx(kappa.std_kappa, abs=1e-12)
    counts = np.stack([np.bincount(row, minlength=6) for row in units_by_raters("fleiss_a").astype(int)])
    ours = run(units_by_raters("fleiss_a")).loc[("Fleiss' kappa", "unweighted"), "estimate"]
    assert ours == pytest.approx(fleiss_kappa(counts), abs=1e-12)


def test_fleiss_kappa_with_its_test():
    row = run(units_by_raters("fleiss_a")).loc[("Fleiss' kappa", "unweighted")]
    assert row["estimate"] == pytest.approx(EXPECTED["fleiss_a"]["kappa"], abs=1e-10)
    assert row["statistic"] == pytest.approx(EXPECTED["fleiss_a"]["z"], abs=1e-10)
    assert row["p_value"] == pytest.approx(EXPECTED["fleiss_a"]["p"], abs=1e-10)


def test_fleiss_1971():
    # Printed: kappa .4302445, z 17.65 (30 patients, 6 psychiatrists, 5 diagnoses).
    wide = pd.read_csv(REFERENCE / "classics" / "fleiss_1971_diagnoses.csv")
    codes = wide.apply(lambda column: column.str[0].astype(int))
    row = run(codes.to_numpy()).loc[("Fleiss' kappa", "unweighted")]
    assert row["estimate"] == pytest.approx(0.4302445, abs=5e-8)
    assert row["statistic"] == pytest.approx(17.65, abs=0.005)


def test_gwet_four_raters_twelve_units():
    # Gwet (2014) and his irrCAC: raw ratings with gaps; printed to five digits.
    frame = run(units_by_raters("kripp_published").T)
    printed = {
        ("exact agreement", "–"): (0.8181818, 0.12561),
        ("Gwet's AC1", "unweighted"): (0.77544, 0.14295),
        ("Fleiss' kappa", "unweighted"): (0.76117, 0.15302),
        ("Krippendorff's alpha", "nominal"): (0.74342, 0.14557),
        ("Brennan–Prediger", "unweighted"): (0.77273, 0.14472),
    }
    for key, (estimate, error) in printed.items():
        assert frame.loc[key, "estimate"] == pytest.approx(estimate, abs=6e-6), key
        assert frame.loc[key, "std_error"] == pytest.approx(error, abs=6e-6), key
    ac1 = frame.loc[("Gwet's AC1", "unweighted")]
    assert ac1["conf_low"] == pytest.approx(0.46081, abs=1e-5)
    assert ac1["conf_high"] == 1.0
    assert ac1["p_value"] == pytest.approx(0.000208721, abs=1e-8)


def test_gwet_two_abstractors():
    # Gwet's 3 × 3 table; his two-rater errors divide by n where the raw-data formula divides by n − 1.
    counts = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]
    table = [(i, j) for i in range(3) for j in range(3) for _ in range(counts[i][j])]
    frame = run(table, weights=("unweighted", "linear", "quadratic", "ordinal"))
    to_table = np.sqrt(99 / 100)
    printed = {
        ("Cohen's kappa", "unweighted"): (0.7964094, 0.05891072, 1.0),
        ("Fleiss' kappa", "unweighted"): (0.7962397, 0.05905473, to_table),
        ("Gwet's AC1", "unweighted"): (0.8493305, 0.04321747, to_table),
        ("Brennan–Prediger", "unweighted"): (0.835, 0.04693346, to_table),
        ("Krippendorff's alpha", "nominal"): (0.7972585, 0.05905473, to_table),
    }
    for key, (estimate, error, factor) in printed.items():
        assert frame.loc[key, "estimate"] == pytest.approx(estimate, abs=1e-7), key
        assert frame.loc[key, "std_error"] * factor == pytest.approx(error, abs=1e-7), key
    for kind, limits in {"linear": (0.900, 0.842, 0.958), "quadratic": (0.940, 0.905, 0.976)}.items():
        row = frame.loc[("Gwet's AC2", kind), ["estimate", "conf_low", "conf_high"]]
        assert row.tolist() == pytest.approx(limits, abs=0.0011)  # three digits, n against n − 1
    assert frame.loc[("Gwet's AC2", "ordinal"), "estimate"] == pytest.approx(0.925, abs=5e-4)


def test_gwet_distribution_of_six_raters():
    # Gwet's 15 patients of Fleiss (1971).
    wide = pd.read_csv(REFERENCE / "classics" / "fleiss_1971_diagnoses.csv").iloc[:15]
    frame = run(wide.apply(lambda column: column.str[0].astype(int)).to_numpy())
    for key, (estimate, error) in {
        ("Gwet's AC1", "unweighted"): (0.4448007, 0.08418757),
        ("Fleiss' kappa", "unweighted"): (0.4139265, 0.08119291),
        ("Brennan–Prediger", "unweighted"): (0.4388889, 0.08312142),
    }.items():
        assert frame.loc[key, "estimate"] == pytest.approx(estimate, abs=1e-7), key
        assert frame.loc[key, "std_error"] == pytest.approx(error, abs=1e-7), key
    # His error of alpha from distributions (.0824) differs from his own from raw ratings; only the value is a witness.
    assert frame.loc[("Krippendorff's alpha", "nominal"), "estimate"] == pytest.approx(0.4204384, abs=1e-7)


def test_conger_of_two_raters_is_cohen():
    from doublecode.analysis.concordance.chance_corrected import agreement_weights, conger_kappa, count_categories
    from doublecode.analysis.ratings.frames import read_ratings

    table = units_by_raters("pair_a")
    group = read_ratings(long_of(table), targets="unit", raters="rater", ratings="code").groups[0]
    values = np.unique(table)
    counts = count_categories(
        group.layout, np.searchsorted(values, group.values), values, np.ones((1, len(values)), dtype=bool)
    )
    for kind in ("unweighted", "linear", "quadratic"):
        conger = conger_kappa(counts, agreement_weights(values, counts.used, kind)).estimate[0]
        assert conger == pytest.approx(EXPECTED["pair_a"]["vcd"][kind]["value"], abs=1e-12)


def test_sem_and_sdc_are_the_mean_square_within():
    frame = run([[1, 2, 3], [2, 2, 2], [5, 4, 3], [1, 1, 2]])
    within = np.array([[1, 2, 3], [2, 2, 2], [5, 4, 3], [1, 1, 2]]).var(axis=1, ddof=1).mean()
    row = frame.loc[("SEM", "–")]
    assert row["estimate"] == pytest.approx(np.sqrt(within))
    assert frame.loc[("SDC", "–"), "estimate"] == pytest.approx(1.959964 * np.sqrt(2 * within), rel=1e-6)
    from scipy import stats

    assert row["conf_low"] == pytest.approx(np.sqrt(within * 8 / stats.chi2.ppf(0.975, 8)))


def test_sets_equal_each_alone_even_with_other_categories():
    first, second = units_by_raters("pair_a"), np.clip(units_by_raters("pair_a"), 2, 4)
    data = pd.concat([long_of(first).assign(item="a"), long_of(second).assign(item="b")])
    both = agreement(data, **NAMES, by="item").frame
    for item, table in (("a", first), ("b", second)):
        mine = both[both["item"] == item].set_index(["coefficient", "weights"])
        alone = run(table)
        for column in ("estimate", "std_error", "conf_low", "conf_high"):
            np.testing.assert_allclose(mine[column], alone[column], rtol=1e-10)


def test_named_categories_change_ac1():
    table = [[1, 1], [2, 2], [1, 2], [2, 2], [1, 1]]
    seen = run(table).loc[("Gwet's AC1", "unweighted"), "estimate"]
    assert run(table, categories=(0, 1, 2, 3, 4)).loc[("Gwet's AC1", "unweighted"), "estimate"] > seen
    with pytest.raises(ContractError, match=r"rating 2 is none of the categories 0, 1"):
        run(table, categories=(0, 1))


def test_perfect_and_single_category():
    perfect = run([[1, 1], [2, 2], [3, 3]])
    shares = perfect[~perfect.index.get_level_values(0).isin(["SEM", "SDC"])]
    assert (shares["estimate"] == 1.0).all()
    flat = run([[2, 2], [2, 2], [2, 2]])
    kappa = flat.loc[("Cohen's kappa", "unweighted")]
    assert np.isnan(kappa["estimate"])
    assert kappa["method"] == "undefined: all ratings fall into one category"
    assert flat.loc[("exact agreement", "–"), "estimate"] == 1.0


def test_ratio_needs_values_above_nought():
    result = agreement(long_of([[-1, 1], [2, 2], [0, 1]]), **NAMES)
    assert "ratio" not in set(result.frame["weights"])
    assert any("negative ratings" in note for note in result.note_texts())


def test_single_coded_targets_counted_or_dropped():
    rng = np.random.default_rng(0)
    pairs = rng.integers(1, 4, (40, 2)).astype(float)
    pairs[20:, 1] = np.nan
    counted, dropped = (agreement(long_of(pairs), **NAMES, single_coded=word) for word in ("count", "drop"))
    alone = run(pairs[:20])
    found = dropped.frame.set_index(["coefficient", "weights"])
    for column in ("estimate", "std_error", "conf_low"):
        np.testing.assert_allclose(found[column], alone[column], rtol=1e-12)
    exact = counted.frame.iloc[0]
    assert exact["estimate"] == pytest.approx(alone.iloc[0]["estimate"])
    assert exact["std_error"] > alone.iloc[0]["std_error"]
    assert any(note.startswith("50% of the units carry one rating") for note in counted.note_texts())
    assert any("20 rating(s) of single-coded targets were left out" in note for note in dropped.note_texts())
    with pytest.raises(UsageError, match="single_coded holds 'keep'"):
        run(pairs, single_coded="keep")


def test_refusals():
    with pytest.raises(UsageError, match="weights holds 'square'"):
        run([[1, 1], [2, 2]], weights=("square",))
    with pytest.raises(UsageError, match="levels holds 'rank'"):
        run([[1, 1], [2, 2]], levels=("rank",))
    with pytest.raises(NotEstimable, match=r"1 units with two ratings|two ratings on 1 of the units"):
        run([[1, 1], [2, np.nan]])


codes = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).integers(0, 4, (12, 3)))


@settings(max_examples=20, deadline=None)
@given(codes, st.randoms(use_true_random=False))
def test_order_of_targets_and_raters_does_not_matter(table, chance):
    rows, columns = list(range(12)), list(range(3))
    chance.shuffle(rows)
    chance.shuffle(columns)
    first, second = run(table), run(table[np.ix_(rows, columns)])
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    np.testing.assert_allclose(second[numbers].to_numpy(float), first[numbers].to_numpy(float), rtol=1e-9, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(codes, st.floats(0.5, 20), st.floats(-5, 5))
def test_interval_alpha_ignores_origin_and_unit(table, unit, origin):
    first = run(table, levels=("interval",)).loc[("Krippendorff's alpha", "interval")]
    second = run(origin + unit * table, levels=("interval",)).loc[("Krippendorff's alpha", "interval")]
    assert second["estimate"] == pytest.approx(first["estimate"], rel=1e-8, abs=1e-10)
    assert second["std_error"] == pytest.approx(first["std_error"], rel=1e-7, abs=1e-10)


BEN_AND_GERRY = [tuple(pair) for pair in ("ab", "aa", "bb", "bb", "db", "cc", "cc", "cc", "ee", "d.", "dd", "ad")]


def two_raters_with_a_gap():
    table = [[np.nan if code == "." else "abcde".index(code) for code in pair] for pair in BEN_AND_GERRY]
    return np.array(table, dtype=float)


def test_cohens_kappa_counts_single_coded_units_as_gwet_does():
    """Gwet's Ben and Gerry (irrCAC's cac.ben.gerry); values of irrCAC 0.4.4 for Python."""
    result = agreement(long_of(two_raters_with_a_gap()), **NAMES)
    frame = result.frame.set_index(["coefficient", "weights"])
    printed = {
        "Cohen's kappa": (0.657143, 0.17943, 0.262219),
        "Fleiss' kappa": (0.649351, 0.191296, 0.228312),
        "Gwet's AC1": (0.661442, 0.183962, 0.256544),
        "Brennan–Prediger": (0.659091, 0.185272, 0.25131),
    }
    for name, (estimate, error, low) in printed.items():
        row = frame.loc[(name, "unweighted")]
        assert [row["estimate"], row["std_error"], row["conf_low"]] == pytest.approx([estimate, error, low], abs=1e-6)
    assert "kappa_counts_single_coded" in {note.kind for note in result.notes}
    dropped = agreement(long_of(two_raters_with_a_gap()), **NAMES, single_coded="drop")
    both = two_raters_with_a_gap()[~np.isnan(two_raters_with_a_gap()).any(axis=1)]
    alone = run(both).loc[("Cohen's kappa", "unweighted"), "estimate"]
    assert dropped.frame.set_index(["coefficient", "weights"]).loc[("Cohen's kappa", "unweighted"), "estimate"] == alone
    assert alone != pytest.approx(0.657143, abs=1e-4)
    assert "kappa_counts_single_coded" not in {note.kind for note in dropped.notes}


def written_out_alpha_error(table, factor):
    """Gwet's linearised error of nominal alpha; `factor`: the small-sample factor stands in the centring."""
    kept = table[(~np.isnan(table)).sum(axis=1) > 1]
    counts = np.stack([(kept == code).sum(axis=1) for code in np.unique(kept[~np.isnan(kept)])], axis=1).astype(float)
    per = counts.sum(axis=1)
    n, mean, small = len(per), per.mean(), 1 / per.sum()
    own = (counts * (counts - 1)).sum(axis=1) / (mean * (per - 1))
    observed = own.mean()
    share = counts.mean(axis=0) / mean
    chance = (share**2).sum()
    centre = (1 - small) * observed + small if factor else observed
    alpha = (observed - chance) / (1 - chance)
    each = (own - centre * (per - mean) / mean - chance) / (1 - chance)
    expected = counts @ share / mean - chance * (per - mean) / mean
    each = each - 2 * (1 - alpha) * (expected - chance) / (1 - chance)
    return np.sqrt(((each - alpha) ** 2).sum() / (n * (n - 1)))


def test_the_error_of_alpha_is_the_printed_one_and_the_difference_to_later_irrcac_is_known():
    table = units_by_raters("kripp_published").T
    ours = run(table).loc[("Krippendorff's alpha", "nominal"), "std_error"]
    assert ours == pytest.approx(written_out_alpha_error(table, factor=True), abs=1e-12)
    assert ours == pytest.approx(0.14557389, abs=5e-9)  # irrCAC 0.4.4 for Python; Gwet (2014) prints .14557
    assert written_out_alpha_error(table, factor=False) == pytest.approx(0.14547872, abs=5e-9)  # irrCAC for R after 1.0
    rng = np.random.default_rng(0)
    for _ in range(20):
        table = np.where(rng.random((30, 3)) < 0.2, np.nan, rng.integers(1, 5, (30, 3)))
        ours = run(table).loc[("Krippendorff's alpha", "nominal"), "std_error"]
        assert ours == pytest.approx(written_out_alpha_error(table, factor=True), abs=1e-12)
        assert abs(ours - written_out_alpha_error(table, factor=False)) < 2.5e-4
