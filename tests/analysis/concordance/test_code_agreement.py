import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from doublecode.analysis.concordance.coefficients import agreement
from doublecode.schemas.errors import ContractError, UsageError


def multi():
    rng = np.random.default_rng(0)
    rows = []
    for s in range(40):
        truth = rng.random(3) < [0.5, 0.3, 0.1]
        rows += [(s, r, *np.where(rng.random(3) < 0.12, ~truth, truth).astype(float)) for r in "AB"]
    return pd.DataFrame(rows, columns=["session", "rater", "diary", "reading", "exposure"])


NAMES = {"targets": "session", "raters": "rater"}


def test_each_category_is_its_own_kappa():
    data = multi()
    found = agreement(data, **NAMES, ratings=["diary", "reading", "exposure"]).frame
    kappa = found[found["coefficient"] == "Cohen's kappa"].set_index("category")
    for name in ("diary", "reading", "exposure"):
        wide = data.pivot_table(index="session", columns="rater", values=name).astype(int)
        theirs = cohens_kappa(pd.crosstab(wide["A"], wide["B"]).reindex(index=[0, 1], columns=[0, 1], fill_value=0))
        assert kappa.loc[name, "estimate"] == pytest.approx(theirs.kappa, abs=1e-12)
        assert kappa.loc[name, "std_error"] == pytest.approx(theirs.std_kappa, abs=1e-12)
    share = found[found["coefficient"] == "prevalence"].set_index("category")["estimate"]
    assert share["diary"] == pytest.approx(data["diary"].mean())


def test_text_with_separator_is_the_same():
    data = multi()
    names = ["diary", "reading", "exposure"]
    text = data[names].apply(lambda row: "; ".join(name for name in names if row[name] == 1.0), axis=1)
    first = agreement(data, **NAMES, ratings=names).frame
    second = agreement(data.assign(types=text), **NAMES, ratings="types", separator=";").frame
    pd.testing.assert_frame_equal(first, second)


def test_categories_of_a_nominal_code():
    wide = [("a", "a"), ("b", "b"), ("a", "c"), ("c", "c"), ("b", "b")]
    data = pd.DataFrame(
        [(s, r, code) for s, pair in enumerate(wide) for r, code in zip("AB", pair, strict=True)],
        columns=["session", "rater", "type"],
    )
    found = agreement(data, **NAMES, ratings="type").categories
    exact = found[found["coefficient"] == "exact agreement"].set_index("category")["estimate"]
    assert exact.to_dict() == {"a": 0.8, "b": 1.0, "c": 0.8}


def test_a_nominal_code_as_a_whole():
    codes = {"a": 0.0, "b": 1.0, "c": 2.0}
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 30)
    rows = [
        (s, r, list(codes)[x if rng.random() < 0.8 else rng.integers(0, 3)]) for s, x in enumerate(truth) for r in "AB"
    ]
    data = pd.DataFrame(rows, columns=["session", "rater", "kind"])
    found = agreement(data, **NAMES, ratings="kind")
    assert found.frame["coefficient"].tolist() == [
        "exact agreement", "Cohen's kappa", "Fleiss' kappa", "Gwet's AC1", "Brennan–Prediger", "Krippendorff's alpha",
    ]  # fmt: skip
    numbers = agreement(
        data.assign(kind=data["kind"].map(codes)), **NAMES, ratings="kind", weights=["unweighted"], levels=["nominal"]
    ).frame
    same = numbers[numbers["coefficient"].isin(found.frame["coefficient"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.frame, same)
    assert len(found.rows) == 60
    more = agreement(data, **NAMES, ratings="kind", categories=["a", "b", "c", "never"])
    gain = more.frame.set_index("coefficient")["estimate"] - found.frame.set_index("coefficient")["estimate"]
    assert gain[gain > 1e-9].index.tolist() == ["Gwet's AC1", "Brennan–Prediger"]


def test_texts_that_are_no_codes_are_refused():
    data = multi()
    stray = data["diary"].astype(str).where(data.index != 3, "x")
    with pytest.raises(ContractError, match="must hold numbers"):
        agreement(data.assign(diary=stray), **NAMES, ratings="diary")
    kinds = data.assign(kind=np.where(data["diary"] == 1.0, "yes", "no"))
    with pytest.raises(UsageError, match="codes have no order; weights is"):
        agreement(kinds, **NAMES, ratings="kind", weights=["linear"])
    with pytest.raises(ContractError, match="'yes' is none of the categories no"):
        agreement(kinds, **NAMES, ratings="kind", categories=["no"])


def test_refusals():
    with pytest.raises(ContractError, match=r"column 'diary' holds 2 in row 0"):
        agreement(multi().assign(diary=2.0), **NAMES, ratings=["diary", "reading"])
    with pytest.raises(UsageError, match="separator"):
        agreement(multi(), **NAMES, ratings=["diary", "reading"], separator=";")
