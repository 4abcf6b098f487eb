"""Marginal means, slopes and contrasts against R's emmeans, and against formulas.

tests/reference/marginal_means.R makes the numbers: emmeans 1.8.4 on lm, and on lmer fits sharpened to the optimum with
Kenward–Roger (pbkrtest) and Satterthwaite (lmerTest) degrees of freedom.
"""

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_linear, fit_mixed, marginal_means, moderation
from doublecode.schemas.errors import FormulaError, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
STORED = json.loads((REFERENCE / "marginal_means.json").read_text())
# Both sides are exact for lm. Of lmer models the optimum is sharpened on R's side to a gradient of 1e-6 or better; the
# numeric derivatives of lmerTest leave five digits of Satterthwaite's df.
PLAIN = {"rel": 1e-8, "abs": 1e-8}
MIXED = {"estimate": 1e-7, "std_error": 1e-6, "df": 1e-5, "limits": 1e-6, "p": 1e-6}
# emmeans takes whole df into ptukey, which moves a p by up to 5e-5 where df are broken; ptukey itself holds 1e-6, and
# qtukey stops at 1e-4 of its own scale. Ours is scipy's studentized range, which takes df as they are.
TUKEY = {"lmer": {"p": 5e-5, "limits": 1e-5}, "lm": {"p": 1e-6, "limits": 1e-5}}
ADJUST = {"BH": "bh"}


def frames():
    hw = pd.read_csv(REFERENCE / "hw229_a.csv")
    hw["phase"] = np.select([hw.session <= 3, hw.session <= 6], ["early", "middle"], "late")
    hw["late"] = (hw.session > 5).astype(int)
    low = pd.read_csv(REFERENCE / "data" / "lm_a.csv")
    low["old"] = np.where(low.age > 40, "old", "young")
    sets = {"hw": hw, "hole": hw[~((hw.phase == "middle") & (hw.therapist == "T2"))], "low": low}
    sleep = pd.read_csv(REFERENCE / "sleepstudy.csv")
    return sets | {"sleep": sleep, "ortho": pd.read_csv(REFERENCE / "Orthodont.csv")}


FRAMES = frames()
OF_LOW = {"moderation", "group"}
# These stand on orthogonal polynomials or splines of a number; emtrends takes a two-point difference there.
QUOTIENT = {"curve_slope": 1e-6}


@cache
def ours(kind, name):
    case = STORED[kind][name]
    key = (
        name.split("_", maxsplit=1)[0]
        if name.startswith(("hole", "sleep", "ortho"))
        else "low"
        if name in OF_LOW
        else "hw"
    )
    of = [one for one in case["of"] if one != "1"]
    at = case["at"] or None
    fit = (
        fit_linear(case["formula"], FRAMES[key])
        if kind == "lm"
        else fit_mixed(case["formula"], FRAMES[key], ddf=case["df"])
    )
    return lambda **how: marginal_means(fit, of, by=case["by"] or None, at=at, slope=case["slope"] or None, **how)


def columns(table, case):
    """R's columns under our names, and the levels as keys."""
    value = next(name for name in table if name in ("emmean", "estimate") or name.endswith(".trend"))
    names = {value: "estimate", "SE": "std_error", "df": "df", "lower.CL": "low", "upper.CL": "high", "t.ratio": "t",
             "p.value": "p"}  # fmt: skip
    rows = pd.DataFrame({k: np.atleast_1d(np.array(v, dtype=object)) for k, v in table.items()}).rename(columns=names)
    numbers = list(dict.fromkeys(names.values()))
    return rows.astype(dict.fromkeys(numbers, float))


def same_levels(ours_, theirs, names):
    for name in names:
        mine, other = ours_[name].to_numpy(), theirs[name].to_numpy()
        assert [str(one) if isinstance(one, str) else float(one) for one in mine] == [
            str(one) if isinstance(one, str) else float(one) for one in other
        ]


def order(frame, names):
    return frame.sort_values(names, kind="stable", ignore_index=True) if names else frame


def named(level, of):
    """A level without the name of its variable, which R puts before numbers."""
    return re.sub(rf"^(?:{'|'.join(of)})(?=\d)", "", level)


def by_pair(frame, names, of):
    """Pairs of means in one order and direction: ours run through the last variable first, R's through the first."""
    rows = frame.copy()
    for place, text in enumerate(rows["contrast"]):
        first, second = (
            tuple(named(one, of) for one in re.findall(r"[\w.]+", side)) for side in re.split(r" [-−] ", text)
        )
        if first > second:
            low, high = rows.loc[place, "low"], rows.loc[place, "high"]
            rows.loc[place, ["low", "high"]] = -high, -low
            for column in ("estimate", "statistic" if "statistic" in rows else "t"):
                rows.loc[place, column] = -rows.loc[place, column]
        rows.loc[place, "pair"] = " | ".join(" ".join(side) for side in sorted((first, second)))
    return order(rows, [*names, "pair"])


def compare(mine, other, kind, name, looser=None):
    what = {"estimate": "estimate", "std_error": "std_error", "df": "df"}
    for column, group in what.items():
        close(mine[column], other[column], kind, group, name)
    close(mine["conf_low"] if "low" not in mine else mine["low"], other["low"], kind, "limits", name, looser)
    close(mine["conf_high"] if "high" not in mine else mine["high"], other["high"], kind, "limits", name, looser)
    close(mine["statistic"], other["t"], kind, "limits", name)


def close(mine, other, kind, group, name, looser=None):
    tolerance = PLAIN if kind == "lm" else {"rel": MIXED[group], "abs": MIXED[group]}
    least = max(QUOTIENT.get(name, 0.0), (looser or {}).get(group, 0.0))
    tolerance = {key: max(value, least) for key, value in tolerance.items()}
    assert mine.tolist() == pytest.approx(other.tolist(), nan_ok=True, **tolerance)


CASES = [(kind, name) for kind in ("lmer", "lm") for name in STORED[kind]]


@pytest.mark.parametrize(("kind", "name"), CASES)
class TestAgainstEmmeans:
    def test_means_and_slopes(self, kind, name):
        case = STORED[kind][name]
        found = ours(kind, name)(adjust="none")
        names = [one for one in case["of"] if one != "1"] + case["by"]
        mine, other = order(found.frame, names), order(columns(case["means"], case), names)
        same_levels(mine, other, names)
        compare(mine, other, kind, name)
        close(mine["p_value"], other["p"], kind, "p", name)

    def test_pairs_with_every_adjustment(self, kind, name):
        case = STORED[kind][name]
        ask = ours(kind, name)
        for how, table in case.get("pairs", {}).items():
            mine = ask(adjust=ADJUST.get(how, how)).contrasts
            other = columns(table, case)
            mine = by_pair(mine.assign(low=mine["family_low"], high=mine["family_high"]), case["by"], case["of"])
            other = by_pair(other, case["by"], case["of"])
            assert mine["pair"].tolist() == other["pair"].tolist()
            tukey = TUKEY[kind] if how == "tukey" else {}
            compare(mine, other, kind, name, tukey)
            close(mine["p_adjusted"], other["p"], kind, "p", name, tukey)

    def test_contrasts_of_our_own(self, kind, name):
        case = STORED[kind][name]
        if "own" not in case:
            return
        weights = {"late over others": [-0.5, 1, -0.5], "middle over early": {"early": -1, "middle": 1}}
        mine = ours(kind, name)(contrasts=weights).contrasts
        other = columns(case["own"], case)
        assert mine["contrast"].tolist() == other["contrast"].tolist()
        compare(mine.assign(low=mine["family_low"], high=mine["family_high"]), other, kind, name)
        close(mine["p_adjusted"], other["p"], kind, "p", name)


class TestByFormula:
    def test_a_mean_is_that_of_the_design_row(self):
        """Balanced two-way data: marginal means are means of cell means, whatever the counts."""
        rng = np.random.default_rng(3)
        data = pd.DataFrame({"a": list("ppqqqpq") * 6, "b": list("xyxyyxy") * 6})
        data["y"] = rng.normal(size=42) + (data.a == "q")
        cells = data.pivot_table("y", "a", "b", aggfunc="mean")
        found = marginal_means(fit_linear("y ~ a * b", data), "a").frame
        assert found["estimate"].tolist() == pytest.approx(cells.mean(axis=1).tolist(), abs=1e-12)

    def test_slope_of_a_quartic_is_exact(self):
        x = np.linspace(0, 2, 40)
        data = pd.DataFrame({"x": x, "y": x**4 - 3 * x + np.where(np.arange(40) % 2, 1e-3, -1e-3)})
        fit = fit_linear("y ~ x + I(x**2) + I(x**3) + I(x**4)", data)
        found = marginal_means(fit, "x", at={"x": [0.0, 0.7, 2.0]}, slope="x").frame["estimate"].to_numpy()
        b = fit.beta
        wanted = [b[1] + 2 * b[2] * v + 3 * b[3] * v**2 + 4 * b[4] * v**3 for v in (0.0, 0.7, 2.0)]
        assert found.tolist() == pytest.approx(wanted, abs=1e-9)

    def test_slope_without_interaction_has_no_difference_to_test(self):
        fit = fit_linear("homework ~ phase + poly(beh_cw, 2)", FRAMES["hw"])
        found = marginal_means(fit, "phase", slope="beh_cw")
        assert found.contrasts["std_error"].tolist() == [0.0] * 3
        assert found.contrasts["p_value"].isna().all()
        assert "marginal_same_by_model" in [note.kind for note in found.notes]

    def test_moderation_gives_its_own_simple_slopes(self):
        fit = moderation("homework ~ behaviour * alliance + age", FRAMES["low"], errors="robust")
        at = fit.slopes["moderator"].tolist()
        found = marginal_means(fit, "alliance", slope="behaviour", at={"alliance": at}).frame
        for name in ("estimate", "std_error", "df", "conf_low"):
            assert found[name].tolist() == pytest.approx(fit.slopes[name].tolist(), rel=1e-9)

    def test_offset_stands_in_means_and_not_in_differences(self):
        hw = FRAMES["hw"].assign(shift=lambda d: 5 + 0.1 * d.session)
        plain = fit_mixed("I(homework - shift) ~ phase + (1 | patient)", hw)
        moved = fit_mixed("homework ~ phase + (1 | patient)", hw, offset="shift")
        one, two = marginal_means(plain, "phase"), marginal_means(moved, "phase")
        gap = (two.frame["estimate"] - one.frame["estimate"]).tolist()
        assert gap == pytest.approx([hw["shift"].mean()] * 3, abs=1e-8)
        assert two.contrasts["estimate"].tolist() == pytest.approx(one.contrasts["estimate"].tolist(), abs=1e-8)

    def test_within_and_between_and_backticks(self):
        hw = FRAMES["hw"].rename(columns={"phase": "phase of treatment", "beh_cw": "he_within", "beh_pm": "he_between"})
        fit = fit_mixed("homework ~ `phase of treatment` * he_within + he_between + (1 | patient)", hw)
        found = marginal_means(fit, "phase of treatment", at={"he_within": 0})
        written = marginal_means(fit, "`phase of treatment`", at={"`he_within`": [0]})
        assert found.frame.equals(written.frame)
        assert found.grid.set_index("variable").loc["he_between", "source"] == "mean over the rows"

    def test_vcov_is_that_of_the_estimates(self):
        found = marginal_means(fit_mixed("homework ~ phase * beh_cw + (1 | patient)", FRAMES["hw"]), "phase")
        assert np.sqrt(np.diag(found.vcov)).tolist() == pytest.approx(found.frame["std_error"].tolist())


FIT = fit_linear("homework ~ phase * beh_cw + late", FRAMES["hw"])


class TestRefusals:
    @pytest.mark.parametrize(
        ("asked", "says"),
        [
            ({"of": "phse"}, "did you mean 'phase'"),
            ({"of": "phase", "by": "phase"}, "stands twice"),
            ({"of": "phase", "at": {"phase": "lat"}}, "at\\['phase'\\] is 'lat'"),
            ({"of": "phase", "at": {"beh_cw": "high"}}, "holds numbers"),
            ({"of": "phase", "at": {"beh_cw": []}}, "holds no value"),
            ({"of": "phase", "at": {"nobody": 1}}, "no predictor"),
            ({"of": "phase", "adjust": "scheffe"}, "adjust = 'scheffe'"),
            ({"of": "phase", "adjust": "tukey", "contrasts": {"a": [1, -1, 0]}}, "all pairs"),
            ({"of": "phase", "contrasts": {"a": [1, -1]}}, "2 weights; there are 3 means"),
            ({"of": "phase", "contrasts": {"a": {"lte": 1}}}, "did you mean 'late'"),
            ({"of": "phase", "contrasts": {"a": [0, 0, 0]}}, "not zero"),
            ({"of": "phase", "contrasts": {"a": [1, float("nan"), 0]}}, "finite numbers"),
            ({"of": "phase", "slope": "phase"}, "factor and has no slope"),
            ({"of": "phase", "slope": "x"}, "no predictor"),
            ({"of": "phase", "conf_level": 95}, "between 0 and 1"),
        ],
    )
    def test_says_what_is_wrong(self, asked, says):
        with pytest.raises(UsageError, match=says):
            marginal_means(FIT, asked.pop("of"), **asked)

    def test_refuses_what_is_no_model(self):
        with pytest.raises(UsageError, match="found DataFrame"):
            marginal_means(FRAMES["hw"], "phase")

    def test_a_grid_too_large_is_refused(self):
        at = {"beh_cw": list(range(20_000))}
        with pytest.raises(UsageError, match="reference grid has"):
            marginal_means(FIT, "phase", at=at)

    def test_random_terms_belong_to_mixed(self):
        with pytest.raises(FormulaError, match="fit_mixed"):
            fit_linear("homework ~ phase + (1 | patient)", FRAMES["hw"])


def test_prints_and_draws():
    found = marginal_means(FIT, "phase", by="late")
    assert "p Holm" in str(found)
    assert "Reference grid" in str(found)
    axes = found.plot()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0", "1"]
    assert marginal_means(FIT, slope="beh_cw").frame.shape[0] == 1
    with pytest.raises(UsageError, match="drawn over one variable"):
        marginal_means(FIT).plot()
