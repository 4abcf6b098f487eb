"""What an outcome cannot be: each message says what was found, what is allowed and the next step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_generalized
from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable, UsageError


def frame(n_groups: int = 22, n: int = 9, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"patient": np.repeat(np.arange(n_groups), n), "x": rng.normal(size=n_groups * n)})
    data["done"] = (rng.uniform(size=len(data)) < 1 / (1 + np.exp(-data["x"]))).astype(int)
    data["count"] = rng.poisson(2.0, len(data))
    return data


def changed(column: str, values: Any) -> pd.DataFrame:
    return frame().assign(**{column: values})


B, P, N = {"family": "binomial"}, {"family": "poisson"}, {"family": "negative-binomial"}
CASES: list[tuple[str, dict[str, Any], Any, type[Exception], list[str]]] = [
    ("done", B, 0, NotEstimable, ["0 in all 198 rows", "one category", "report the proportion"]),
    ("done", B, 1, NotEstimable, ["1 in all 198 rows", "both 0 and 1"]),
    ("done", B, "no", FormulaError, ["text ('no')", "0 and 1", "which value counts as success"]),
    ("done", B, np.arange(198) % 3, ContractError, ["0 and 1", "66 rows", "row 2: 2", "trials="]),
    ("count", P, 0, NotEstimable, ["0 in all 198 rows", "longer period"]),
    ("count", N, np.where(np.arange(198) == 4, -2, 1), ContractError, ["negative", "row 4: -2"]),
    ("count", P, np.where(np.arange(198) == 4, 1.5, 1), ContractError, ["whole counts", "row 4: 1.5", "offset"]),
    ("count", P, "many", FormulaError, ["text ('many')", "whole numbers", "pandas.to_numeric"]),
    ("count", B | {"trials": np.full(198, 1.0)}, 2, ContractError, ["more successes than trials", "row 0: 2"]),
    ("count", B | {"trials": np.full(198, 2.5)}, 2, ContractError, ["trials must be whole", "row 0: 2.5"]),
    ("count", B | {"trials": np.full(198, 7.0)}, 0.3, ContractError, ["successes must be whole", "not rounded"]),
    ("count", P | {"trials": np.full(198, 7.0)}, 3, UsageError, ["trials= belongs to family 'binomial'"]),
    ("done", {"family": "binomal"}, 0, UsageError, ["'binomal'", "Did you mean 'binomial'"]),
    ("done", B | {"link": "log"}, 0, UsageError, ["'log'", "'logit', 'probit', 'cloglog'"]),
    ("done", B | {"nagq": 0}, np.arange(198) % 2, UsageError, ["nagq=0", "from 1 to 100"]),
    ("done", B | {"prior_sd": -1.0}, np.arange(198) % 2, UsageError, ["prior_sd=-1.0", "positive"]),
]


@pytest.mark.parametrize(("column", "arguments", "values", "kind", "parts"), CASES)
def test_an_outcome_that_cannot_be(
    column: str, arguments: dict[str, Any], values: Any, kind: type[Exception], parts: list[str]
) -> None:
    with pytest.raises(kind) as caught:
        fit_generalized(f"{column} ~ x + (1 | patient)", changed(column, values), **arguments)
    for part in parts:
        assert part in str(caught.value)


def test_an_outcome_that_is_no_column() -> None:
    with pytest.raises(ContractError, match="'dome' is not a column"):
        fit_generalized("dome ~ x + (1 | patient)", frame(), family="binomial")


def test_quadrature_of_two_terms_is_refused() -> None:
    with pytest.raises(UsageError, match="one scalar random term"):
        fit_generalized("done ~ x + (x | patient)", frame(), family="binomial", nagq=5)


def test_a_level_per_row_is_for_counts_only() -> None:
    data = frame().assign(row=np.arange(198))
    assert fit_generalized("count ~ x + (1 | row)", data, family="poisson").n_groups == {"row": 198}
    with pytest.raises(NotEstimable, match="198 random effects for 198 rows of 0 and 1"):
        fit_generalized("done ~ x + (1 | row)", data, family="binomial")


@pytest.mark.parametrize("seed", range(5))
def test_complete_separation_is_named_and_a_prior_is_the_way_on(seed: int) -> None:
    data = frame(seed=seed)
    data["done"] = (data["x"] > 0.1).astype(int)
    with pytest.raises(NotEstimable, match="complete separation: x tells 198 of 198 rows") as caught:
        fit_generalized("done ~ x + (1 | patient)", data, family="binomial")
    assert "prior_sd=2.5" in str(caught.value)
    fit = fit_generalized("done ~ x + (1 | patient)", data, family="binomial", prior_sd=2.5)
    assert fit.converged
    assert "weak normal prior with mean 0 and standard deviation 2.5" in str(fit)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_quasi_separation_by_a_category_is_named(seed: int, link: str) -> None:
    data = frame(seed=seed)
    data["arm"] = np.where(np.arange(198) % 9 == 0, "rare", "usual")
    data.loc[data["arm"] == "rare", "done"] = 1
    with pytest.raises(NotEstimable, match=r"quasi-complete separation: arm\[T.usual\] tells 22 of 198"):
        fit_generalized("done ~ x + arm + (1 | patient)", data, family="binomial", link=link)


@pytest.mark.parametrize("family", ["poisson", "negative-binomial"])
def test_separation_of_counts_is_named(family: str) -> None:
    data = frame()
    data["arm"] = np.where(np.arange(198) % 9 == 0, "a", "b")
    data.loc[data["arm"] == "a", "count"] = 0
    with pytest.raises(NotEstimable, match=r"quasi-complete separation: arm\[T.b\]"):
        fit_generalized("count ~ x + arm + (1 | patient)", data, family=family)


@pytest.mark.parametrize("nagq", [1, "auto"])
def test_groups_that_have_one_outcome_each_are_named(nagq: Any) -> None:
    data = frame()
    data["done"] = (data["patient"] % 2 == 0).astype(int)
    with pytest.raises(NotEstimable, match="separation by 'patient'"):
        fit_generalized("done ~ 1 + (1 | patient)", data, family="binomial", nagq=nagq)


def test_no_separation_is_seen_where_there_is_none() -> None:
    """One contrary row is enough: estimates are large and finite."""
    data = frame()
    data["done"] = (data["x"] > 0.1).astype(int)
    data.loc[data["x"].sort_values().index[[5, 190]], "done"] = [1, 0]
    assert fit_generalized("done ~ x + (1 | patient)", data, family="binomial").converged
