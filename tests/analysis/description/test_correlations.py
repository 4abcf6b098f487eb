"""Correlations against R's cor.test and an ANCOVA, and against closed forms."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats import pearsonr

from doublecode.analysis.description.correlations import correlate
from doublecode.schemas.errors import ContractError, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.fixture(scope="module")
def reference():
    return json.loads((REFERENCE / "descriptives.json").read_text())


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(REFERENCE / "data" / "lm_a.csv")


@pytest.fixture(scope="module")
def nested():
    """Synthetic sessions: a slope of +1 within patients, -2 between them."""
    rng = np.random.default_rng(6)
    mean = np.repeat(rng.normal(size=8), 7)
    x = rng.normal(size=56) + mean
    y = (x - mean) - 2 * mean + rng.normal(0, 0.5, 56)
    return pd.DataFrame({"patient": np.repeat([f"P{i}" for i in range(8)], 7), "x": x, "y": y})


class TestAgainstR:
    @pytest.mark.parametrize("pair", ["behaviour_alliance", "homework_age"])
    def test_pearson(self, reference, data, pair):
        expected = reference[pair]
        row = correlate(data, pair.split("_")).frame.iloc[0]
        found = (row["r"], row["conf_low"], row["conf_high"], row["p_value"])
        # 1e-10: sums of 120 products
        assert found == pytest.approx(tuple(expected[name] for name in ("r", "low", "high", "p")), rel=1e-10)
        assert (row["n"], row["df"]) == (120, 118)

    @pytest.mark.parametrize("pair", ["behaviour_alliance", "homework_age"])
    def test_spearman(self, reference, data, pair):
        row = correlate(data, pair.split("_"), method="spearman").frame.iloc[0]
        assert row["r"] == pytest.approx(reference[pair]["rho"], rel=1e-10)
        assert row["p_value"] == pytest.approx(reference[pair]["rho_p"], rel=1e-9)
        half = np.arctanh(row["conf_high"]) - np.arctanh(row["r"])
        assert half == pytest.approx(1.959963984540054 * np.sqrt((1 + row["r"] ** 2 / 2) / 117))

    def test_within(self, reference):
        sleep = pd.read_csv(REFERENCE / "sleepstudy.csv").astype({"Days": float})
        row = correlate(sleep, ["Days", "Reaction"], patient="Subject").frame.set_index("level").loc["within patients"]
        expected = reference["within_sleep"]
        found = (row["r"], row["df"], row["conf_low"], row["conf_high"])
        assert found == pytest.approx(tuple(expected[name] for name in ("r", "df", "low", "high")), rel=1e-10)
        assert row["p_value"] == pytest.approx(expected["p"], rel=1e-8)


class TestLevels:
    def test_within_is_the_r_of_deviations(self, nested):
        rows = correlate(nested, ["x", "y"], patient="patient").frame.set_index("level")
        deviations = nested[["x", "y"]] - nested.groupby("patient")[["x", "y"]].transform("mean")
        means = nested.groupby("patient")[["x", "y"]].mean()
        assert rows.loc["within patients", "r"] == pytest.approx(np.corrcoef(deviations.T)[0, 1])
        assert rows.loc["between patients", "r"] == pytest.approx(np.corrcoef(means.T)[0, 1])
        assert rows.loc["pooled", "r"] == pytest.approx(np.corrcoef(nested[["x", "y"]].T)[0, 1])
        assert rows["r"]["within patients"] > 0 > rows["r"]["between patients"]
        assert rows.loc["within patients", ["n", "n_patients", "df"]].tolist() == [56, 8, 47]
        assert rows.loc["between patients", "n"] == 8

    def test_pooled_is_warned_of(self, nested):
        found = correlate(nested, ["x", "y"], patient="patient")
        assert [note.kind for note in found.notes] == ["pairs_differ_in_n", "pooled_r_mixes_levels"]
        assert "too narrow" in found.note_texts()[1]
        ranks = correlate(nested, ["x", "y"], patient="patient", method="spearman")
        assert "Pearson's kind" in ranks.note_texts()[2]

    def test_within_is_pingouins_repeated_measures_r(self, nested):
        import pingouin

        theirs = pingouin.rm_corr(nested, x="x", y="y", subject="patient")
        names = {"".join(c for c in str(one).lower() if c.isalnum()): one for one in theirs.columns}
        row = correlate(nested, ["x", "y"], patient="patient").frame.set_index("level").loc["within patients"]
        wanted = [float(theirs[names[one]].iloc[0]) for one in ("r", "dof", "pval")]
        assert row[["r", "df", "p_value"]].tolist() == pytest.approx(wanted, abs=1e-10)

    @pytest.mark.parametrize("method", ["pearson", "spearman"])
    @pytest.mark.parametrize("shape", ["plain", "tied", "large", "three"])
    def test_pairs_are_scipys(self, method, shape):
        rng = np.random.default_rng(6)
        x = rng.normal(size=3 if shape == "three" else 40)
        y = 0.4 * x + rng.normal(size=len(x))
        if shape == "tied":
            x, y = x.round(), y.round()
        if shape == "large":
            y = 1e9 + y
        row = correlate(pd.DataFrame({"x": x, "y": y}), ["x", "y"], method=method).frame.iloc[0]
        theirs = (stats.pearsonr if method == "pearson" else stats.spearmanr)(x, y)
        assert [row["r"], row["p_value"]] == pytest.approx(list(theirs), rel=1e-11)

    def test_patient_means_use_the_rows_of_the_pair(self, nested):
        holes = nested.copy()
        holes.loc[holes.index % 3 == 0, "y"] = np.nan
        row = correlate(holes, ["x", "y"], patient="patient").frame.set_index("level").loc["between patients"]
        means = holes.dropna().groupby("patient")[["x", "y"]].mean()
        assert row["r"] == pytest.approx(np.corrcoef(means.T)[0, 1])


class TestSessions:
    def test_fishers_mean(self, nested):
        frame = nested.assign(session=np.tile(np.arange(7), 8))
        result = correlate(frame, ["x", "y"], patient="patient", session="session")
        each = [np.corrcoef(part["x"], part["y"])[0, 1] for _, part in frame.groupby("session")]
        row = result.frame.set_index("level").loc["mean over sessions"]
        assert row["r"] == pytest.approx(np.tanh(np.mean(np.arctanh(each))))  # eight rows in each session
        assert row[["n", "df"]].tolist() == [56, 35]
        assert row["conf_low"] < row["r"] < row["conf_high"]
        assert 0 < row["p_value"] < 1
        assert result.by_session["r"].tolist() == pytest.approx(each)
        assert result.by_session["session"].tolist() == list(range(7))
        assert any("Fisher's" in text for text in result.note_texts())

    def test_sessions_are_weighted_by_n_and_small_ones_left_out(self, data):
        frame = data.assign(session=np.repeat([1, 2, 3], [80, 37, 3]))
        rows = correlate(frame, ["behaviour", "alliance"], session="session").frame.set_index("level")
        r1, r2 = (np.corrcoef(frame[frame["session"] == s][["behaviour", "alliance"]].T)[0, 1] for s in (1, 2))
        expected = np.tanh((77 * np.arctanh(r1) + 34 * np.arctanh(r2)) / 111)
        assert rows.loc["mean over sessions", "r"] == pytest.approx(expected)
        assert rows.loc["mean over sessions", "n"] == 117

    @pytest.mark.parametrize("method", ["pearson", "spearman"])
    def test_interval_of_the_mean_by_drawing_patients_one_by_one(self, nested, method):
        """The same samples by hand: frames of drawn patients, r of each session by scipy, Fisher's mean."""
        frame = nested.assign(session=np.tile(np.arange(7), 8)).drop(index=[3, 11, 30])
        result = correlate(frame, ["x", "y"], patient="patient", session="session", method=method, n_boot=200, seed=4)
        people = list(dict.fromkeys(frame["patient"]))
        counts = np.random.default_rng(4).multinomial(8, np.full(8, 1 / 8), size=200)
        means = [by_hand(frame, people, row, method) for row in counts]
        spread, z = np.nanstd(means, ddof=1), by_hand(frame, people, np.ones(8, dtype=int), method)
        row = result.frame.set_index("level").loc["mean over sessions"]
        reach = stats.t.ppf(0.975, 7) * spread
        assert row["r"] == pytest.approx(np.tanh(z))
        assert row[["conf_low", "conf_high"]].tolist() == pytest.approx([np.tanh(z - reach), np.tanh(z + reach)])
        assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(z) / spread, 7))

    def test_without_a_column_of_patients_the_mean_has_no_interval(self, data):
        frame = data.assign(session=np.repeat([1, 2, 3], 40))
        result = correlate(frame, ["behaviour", "alliance"], session="session")
        row = result.frame.set_index("level").loc["mean over sessions"]
        assert row[["conf_low", "conf_high", "p_value"]].isna().all()
        assert any("no column names them" in text for text in result.note_texts())

    def test_few_samples_are_refused(self, nested):
        with pytest.raises(UsageError, match="n_boot = 10"):
            correlate(nested, ["x", "y"], patient="patient", n_boot=10)

    def test_without_sessions_the_table_is_empty(self, data):
        assert len(correlate(data, ["behaviour", "age"]).by_session) == 0


class TestMomentsOfLevels:
    """Each level prints the moments of what it correlates: deviations within, means between."""

    @pytest.fixture
    def frame(self):
        x = [1.0, 3.0, 2.0, 6.0, 4.0, 8.0, np.nan]  # patients' means 2, 4, 8
        return pd.DataFrame(
            {"patient": list("aabbbcc"), "x": x, "y": [1.0, 2, 4, 3, 5, 6, 7], "session": [1, 2] * 3 + [1]}
        )

    def test_sd_within_and_between_are_not_those_of_the_rows(self, frame):
        moments = correlate(frame, ["x", "y"], patient="patient", session="session").descriptives
        own = moments[moments["variable"] == "x"].set_index("level")
        assert own["n"].tolist() == [6, 6, 3, 6]
        assert own.loc["pooled", ["mean", "sd"]].tolist() == pytest.approx([4.0, np.std(frame["x"].dropna(), ddof=1)])
        assert own.loc["within patients", "sd"] == pytest.approx(np.sqrt((1 + 1 + 4 + 4) / (6 - 3)))
        assert own.loc["between patients", ["mean", "sd"]].tolist() == pytest.approx(
            [14 / 3, np.std([2, 4, 8], ddof=1)]
        )
        assert own.loc[["within patients", "mean over sessions"], "mean"].isna().all()

    def test_a_variable_of_patients_has_no_spread_within(self, frame):
        moments = correlate(
            frame.assign(age=[30, 30, 41, 41, 41, 50, 50]), ["x", "age"], patient="patient"
        ).descriptives
        spread = moments[moments["variable"] == "age"].set_index("level")["sd"]
        assert spread["within patients"] == 0
        assert spread["between patients"] == pytest.approx(np.std([30, 41, 50], ddof=1))

    def test_rows_that_are_patients_have_one_level(self, frame):
        assert correlate(frame, ["x", "y"]).descriptives["level"].unique().tolist() == ["pooled"]


def by_hand(frame, people, counts, method):
    """Fisher's mean of a sample in which each patient stands as often as `counts` says."""
    parts = [frame[frame["patient"] == one] for one, n in zip(people, counts, strict=True) for _ in range(n)]
    total = weight = 0.0
    for _, part in pd.concat(parts).groupby("session"):
        r = getattr(stats, f"{method}r")(part["x"], part["y"]).statistic if np.ptp(part["x"]) else np.nan
        if len(part) > 3 and abs(r) < 1 - 1e-12:
            total, weight = total + (len(part) - 3) * np.arctanh(r), weight + len(part) - 3
    return total / weight if weight else np.nan


class TestTables:
    def test_triangle_with_stars_and_counts(self, data):
        holes = data.copy()
        holes.loc[:9, "age"] = np.nan
        result = correlate(holes, ["behaviour", "alliance", "age"])
        plain, starred = result.triangle(), result.triangle(stars="raw", counts=True)
        assert plain.loc["behaviour", "alliance"] == ""
        p = result.frame.set_index(["x", "y"])["p_value"]
        stars = "*" * sum(p["behaviour", "alliance"] < limit for limit in (0.05, 0.01, 0.001))
        assert starred.loc["alliance", "behaviour"] == f"{plain.loc['alliance', 'behaviour']}{stars} (120)"
        assert starred.loc["age", "behaviour"].endswith("(110)")
        with pytest.raises(UsageError, match="stars = 'bh'"):
            result.triangle(stars="bh")
        with pytest.raises(UsageError, match="no level"):
            result.triangle("within patients")

    def test_largest_r(self, data):
        result = correlate(data, ["behaviour", "alliance", "age"])
        best = result.frame.loc[result.frame["r"].abs().idxmax()]
        assert result.largest[["x", "y", "r"]].iloc[0].tolist() == [best["x"], best["y"], best["r"]]

    def test_pairwise_n(self, data):
        holes = data.copy()
        holes.loc[:9, "age"] = np.nan
        result = correlate(holes, ["behaviour", "alliance", "age"])
        assert result.frame["n"].tolist() == [120, 110, 110]
        assert result.design["missing"] == {"behaviour": 0, "alliance": 0, "age": 10}
        assert result.design["missing_rule"] == "each pair on the rows that have both"
        assert len(result.rows) == 120
        assert result.params[("pooled", "behaviour", "age")] == result.frame["r"].iloc[1]
        assert max(map(len, str(result).splitlines())) <= 100
        assert result.descriptives.set_index("variable").loc["age", "n"] == 110
        assert result.descriptives["mean"].tolist() == pytest.approx(
            holes[["behaviour", "alliance", "age"]].mean().tolist()
        )

    def test_matrix_is_square_and_symmetric(self, data):
        names = ["behaviour", "alliance", "age", "homework"]
        matrix = correlate(data, names).matrix()
        np.testing.assert_allclose(matrix, np.corrcoef(data[names].T), rtol=1e-10)
        assert matrix.index.tolist() == matrix.columns.tolist() == names
        with pytest.raises(UsageError, match="no level 'within patients'; allowed: pooled"):
            correlate(data, names).matrix("within patients")

    def test_holm_over_the_pairs(self, data):
        names = ["behaviour", "alliance", "age", "homework"]
        p_values = [pearsonr(data[x], data[y]).pvalue for x, y in combinations(names, 2)]
        ranks = np.argsort(np.argsort(p_values))
        stepped = np.maximum.accumulate([p * (6 - i) for i, p in enumerate(sorted(p_values))])
        np.testing.assert_allclose(correlate(data, names).frame["p_holm"], np.minimum(stepped, 1)[ranks], rtol=1e-8)


class TestUndefined:
    def test_no_spread_or_too_few_rows_is_marked(self):
        frame = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [2.0, 2, 2, 2], "c": [1.0, 2, np.nan, np.nan]})
        result = correlate(frame, ["a", "b", "c"])
        assert result.frame["r"].isna().all()
        assert result.notes[-1].numbers["pairs"][0] == ("a", "b", "pooled", 4)
        assert "a with b (pooled, n = 4)" in result.note_texts()[-1]

    def test_three_rows_have_no_interval(self):
        row = correlate(pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, 3, 2]}), ["a", "b"]).frame.iloc[0]
        assert row["r"] == pytest.approx(0.5)
        assert np.isnan(row["conf_low"])

    def test_perfect_correlation(self):
        row = correlate(pd.DataFrame({"a": [1.0, 2, 3, 4, 5], "b": [2.0, 4, 6, 8, 10]}), ["a", "b"]).frame.iloc[0]
        assert (row["r"], row["conf_low"], row["conf_high"]) == pytest.approx((1, 1, 1))

    def test_no_change_within_patients(self):
        frame = pd.DataFrame(
            {"patient": list("AABBCCDD"), "x": [1.0, 1, 2, 2, 3, 3, 5, 5], "y": [1.0, 2, 1, 3, 2, 5, 4, 6]}
        )
        rows = correlate(frame, ["x", "y"], patient="patient").frame.set_index("level")
        assert np.isnan(rows.loc["within patients", "r"])
        assert rows.loc["between patients", "r"] > 0


@pytest.mark.parametrize(
    ("variables", "options", "error", "message"),
    [
        (["behaviour"], {}, UsageError, "two or more variables"),
        (["behaviour", "behaviour"], {}, UsageError, "each once"),
        (["behaviour", "age"], {"method": "kendall"}, UsageError, "'pearson' or 'spearman'"),
        (["behaviour", "weight"], {}, UsageError, "no column 'weight'"),
        (["behaviour", "site"], {}, ContractError, "must hold numbers"),
    ],
)
def test_misuse(data, variables, options, error, message):
    with pytest.raises(error, match=message):
        correlate(data.assign(site="A"), variables, **options)
