import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from doublecode.analysis.concordance.code_agreement import code_agreement
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
    found = code_agreement(data, **NAMES, codes=["diary", "reading", "exposure"]).frame
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
    first = code_agreement(data, **NAMES, codes=names).frame
    second = code_agreement(data.assign(types=text), **NAMES, codes="types", separator=";").frame
    pd.testing.assert_frame_equal(first, second)


def test_categories_of_a_nominal_code():
    wide = [("a", "a"), ("b", "b"), ("a", "c"), ("c", "c"), ("b", "b")]
    data = pd.DataFrame(
        [(s, r, code) for s, pair in enumerate(wide) for r, code in zip("AB", pair, strict=True)],
        columns=["session", "rater", "type"],
    )
    found = code_agreement(data, **NAMES, codes="type").frame
    exact = found[found["coefficient"] == "exact agreement"].set_index("category")["estimate"]
    assert exact.to_dict() == {"a": 0.8, "b": 1.0, "c": 0.8}


def test_refusals():
    with pytest.raises(ContractError, match=r"column 'diary' holds 2 in row 0"):
        code_agreement(multi().assign(diary=2.0), **NAMES, codes=["diary", "reading"])
    with pytest.raises(UsageError, match="separator"):
        code_agreement(multi(), **NAMES, codes=["diary", "reading"], separator=";")
