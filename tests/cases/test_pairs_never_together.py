"""Items that no row holds together, and the maximum among several: no coefficient from where a search stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from doublecode.analysis import alpha, omega
from doublecode.analysis.consistency.factor import fit_factors
from doublecode.analysis.consistency.factor_missing import fit_one_factor_fiml
from doublecode.analysis.consistency.item_moments import all_units, read_items
from doublecode.analysis.study.scale_consistency import consistency_table
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.instrument import load_instrument

HERE = Path(__file__).parent
ITEMS = [f"i{j}" for j in range(1, 7)]
KINDS = [("total", "fiml"), ("total", "pairwise"), ("total", "listwise"), ("hierarchical", "fiml"),
         ("categorical", None), ("multilevel", None)]  # fmt: skip


def ratings(seed: int = 3) -> pd.DataFrame:
    """Codes 1–5 of 200 rows of 40 patients, six items of one factor."""
    rng = np.random.default_rng(seed)
    scores = 0.7 * rng.normal(size=(200, 1)) + np.sqrt(0.51) * rng.normal(size=(200, 6))
    frame = pd.DataFrame(np.clip(np.round(scores * 1.2 + 3), 1, 5), columns=ITEMS)
    return frame.assign(patient=np.arange(200) // 5, phase=np.where(np.arange(200) < 120, "early", "late"))


def in_blocks(frame: pd.DataFrame, *blocks: list[str]) -> pd.DataFrame:
    """Each row carries the items of one block."""
    out = frame.copy()
    for which, own in enumerate(blocks):
        out.loc[out.index % len(blocks) == which, [item for item in ITEMS if item not in own]] = np.nan
    return out


def asked(data: pd.DataFrame, kind: str, missing: str | None, **more: object):
    options = {"missing": missing} if missing else {}
    if kind == "hierarchical":
        options["n_factors"] = 2
    return omega(data, items=ITEMS, kind=kind, clusters="patient", **options, **more)


@pytest.mark.parametrize(("kind", "missing"), KINDS)
def test_every_kind_of_omega_names_the_pair(kind: str, missing: str | None) -> None:
    data = in_blocks(ratings(), ITEMS[:3], ITEMS[3:])
    with pytest.raises(NotEstimable, match=r"No row holds both 'i1' and 'i4', .*, and 6 more pair\(s\)"):
        asked(data, kind, missing)


@pytest.mark.parametrize("missing", ["fiml", "pairwise", "listwise"])
def test_alpha_and_one_single_pair(missing: str) -> None:
    data = ratings()
    data.loc[::2, "i2"] = np.nan
    data.loc[1::2, "i5"] = np.nan
    with pytest.raises(NotEstimable, match=r"No row holds both 'i2' and 'i5': nothing"):
        alpha(data, items=ITEMS, missing=missing)
    assert alpha(data, items=["i1", "i2", "i3"]).frame["estimate"].notna().all()


def test_the_comparison_of_factors_names_the_pair() -> None:
    complete = omega(ratings(), items=ITEMS)
    assert complete.compare_factors({"A": ITEMS[:3], "B": ITEMS[3:]}).frame["chisq"].notna().all()
    planned = omega(in_blocks(ratings(), ITEMS[:4], ITEMS[2:], [*ITEMS[:2], *ITEMS[4:]]), items=ITEMS)
    assert planned.compare_factors({"A": ITEMS[:3], "B": ITEMS[3:]}).frame["converged"].all()


def test_the_file() -> None:
    data = pd.read_csv(HERE / "om_blocks.csv")
    with pytest.raises(NotEstimable, match="No row holds both 'a1' and 'a4'"):
        omega(data, items=[f"a{j}" for j in range(1, 7)])


def test_a_level_without_the_pair_is_a_row_with_its_reason() -> None:
    data = ratings()
    late = data["phase"] == "late"
    data.loc[late & (data.index % 2 == 0), "i2"] = np.nan
    data.loc[late & (data.index % 2 == 1), "i5"] = np.nan
    frame = omega(data, items=ITEMS, by="phase").frame.set_index("level")
    assert "No row holds both 'i2' and 'i5'" in frame.loc["late", "status"]
    assert frame.loc["early", "estimate"].notna().all()


def test_a_unit_without_which_the_pair_is_gone_leaves_no_interval() -> None:
    data = ratings()
    data.loc[::2, "i2"] = np.nan
    data.loc[1::2, "i5"] = np.nan
    data.loc[data["patient"] == 0, ["i2", "i5"]] = ratings().loc[data["patient"] == 0, ["i2", "i5"]]
    for found, kind in (
        (alpha(data, items=ITEMS, clusters="patient", missing="pairwise"), "alpha_not_without_each"),
        (asked(data, "categorical", None), None),
    ):
        limits = found.frame["conf_low"].iloc[-1]
        assert np.isnan(limits)
        assert "pairs_seldom_together" in {note.kind for note in found.notes}
        assert kind is None or kind in {note.kind for note in found.notes}
    (note,) = [note for note in found.notes if note.kind == "pairs_seldom_together"]
    assert note.numbers == {"pairs": (("i2", "i5"),), "n_pairs": 1, "least": 5}


@pytest.mark.parametrize(("kind", "missing"), [KINDS[0], KINDS[1], KINDS[3], KINDS[4]])
def test_planned_missing_items_are_estimated(kind: str, missing: str | None) -> None:
    complete = asked(ratings(), kind, missing).frame["estimate"].iloc[0]
    data = in_blocks(ratings(), ITEMS[:4], ITEMS[2:], [*ITEMS[:2], *ITEMS[4:]])
    row = asked(data, kind, missing).frame.iloc[0]
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    assert row["estimate"] == pytest.approx(complete, abs=0.2 if kind == "hierarchical" else 0.05)


def test_what_needs_complete_rows_says_that_there_are_none_or_few() -> None:
    data = in_blocks(ratings(), ITEMS[:4], ITEMS[2:], [*ITEMS[:2], *ITEMS[4:]])
    for call in (lambda: alpha(data, items=ITEMS, missing="listwise"), lambda: asked(data, "multilevel", None)):
        with pytest.raises(NotEstimable, match="None of the 200 rows holds all of i1, i2, i3, i4, i5, i6"):
            call()
    data.loc[:1] = ratings().loc[:1]
    with pytest.raises(NotEstimable, match="2 complete rows for 6 items"):
        alpha(data, items=ITEMS, missing="listwise")


def test_a_correlation_that_runs_to_one_names_the_rare_pair() -> None:
    data = in_blocks(ratings(), ITEMS[:3], ITEMS[3:])
    data.loc[0, ITEMS] = ratings().loc[0, ITEMS]
    with pytest.raises(NotEstimable, match=r"'i1' and 'i4', 1 rows"):
        omega(data, items=ITEMS)


def loglik(theta: np.ndarray, scores: np.ndarray) -> float:
    """Written out: normal density of the observed items under one factor; uniquenesses on the log scale."""
    mean, loadings, psi = np.split(theta, 3)
    sigma = np.outer(loadings, loadings) + np.diag(np.exp(psi))
    total = 0.0
    for seen in np.unique(~np.isnan(scores), axis=0):
        rows = scores[(np.isnan(scores) != seen).all(axis=1)][:, seen] - mean[seen]
        part = sigma[np.ix_(seen, seen)]
        quadratic = (rows @ np.linalg.inv(part) * rows).sum()
        total -= 0.5 * (quadratic + len(rows) * (np.linalg.slogdet(part)[1] + seen.sum() * np.log(2 * np.pi)))
    return total


def test_the_highest_of_several_maxima_counts() -> None:
    """One start ended at −344.3 with omega .10; scipy's searches from random starts reach −342.1 and no more."""
    data = read_items(pd.read_csv(HERE / "two_maxima.csv"))
    fit = fit_one_factor_fiml(data, all_units(data.n_units))
    assert fit.fit.converged.all()
    rng, sd = np.random.default_rng(0), np.nanstd(data.scores, axis=0)
    floor = np.log(0.005 * np.nanvar(data.scores, axis=0))
    best = -np.inf
    for _ in range(8):
        start = np.concatenate([np.nanmean(data.scores, axis=0), rng.uniform(-0.9, 0.9, 4) * sd, np.log(0.5 * sd**2)])
        bounds = [(None, None)] * 8 + [(low, None) for low in floor]
        found = optimize.minimize(lambda x: -loglik(x, data.scores), start, method="L-BFGS-B", bounds=bounds)
        best = max(best, -float(found.fun))
    assert float(fit.loglik[0]) > best - 0.05  # the floor of uniquenesses is a share of slightly different variances
    assert float(fit.loglik[0]) == pytest.approx(best, abs=0.1)


# Rows of two random studies; their omega by the highest of 60 searches of the likelihood from random starts (BFGS).
NO = np.nan
TURNED = [
    [NO, 2, NO], [NO, 19, 51], [3, 45, NO], [4, NO, 1], [2, 23, NO], [NO, 25, 45], [0, NO, NO], [4, NO, 46],
    [4, 51, 39],
    [0, 34, 44], [NO, 2, NO], [1, 59, 48], [4, NO, 48],
]  # fmt: skip
FROM_ITS_SOLUTION = [
    [1, 3, 0, 3, -1], [1, 0, 1, 0, -2], [-2, NO, 0, 0, 1], [1, 3, 1, 5, 1], [-2, 3, 1, 5, -2], [-2, NO, 1, 0, 1],
    [-1, NO, 1, 1, 2], [-2, 3, 0, 5, -2], [-2, 2, 1, 6, -2], [-1, 1, 1, 0, -2], [0, 3, 1, 4, 0], [1, 3, 1, 4, -2],
    [0, 4, 1, 6, 0], [1, NO, 1, 3, 2], [0, 2, 1, 5, -1],
]  # fmt: skip


@pytest.mark.parametrize(("rows", "likeliest"), [(TURNED, 0.0932318), (FROM_ITS_SOLUTION, 0.6671190)])
def test_omega_of_incomplete_items_is_that_of_the_highest_maximum(rows, likeliest):
    data = pd.DataFrame(rows, columns=list("abcde")[: len(rows[0])], dtype=float)
    found = omega(data).frame.set_index("term")["estimate"]
    assert found["omega"] == pytest.approx(likeliest, abs=2e-6)
    read = read_items(data)
    first = fit_one_factor_fiml(read, all_units(read.n_units))
    again = fit_one_factor_fiml(read, all_units(read.n_units), start=first.fit)
    assert again.loglik[0] == pytest.approx(first.loglik[0], abs=1e-9)  # a solution that is the start stays one


FOUR = [[2, 1, 1, 4], [1, 1, 1, 2], [1, 2, np.nan, 0], [1, 2, 0, 2], [1, 2, 1, 3], [1, 2, 0, 3]]
THIN = [[0, 1], [np.nan, 2], [3, 3], [0, 4]]


@pytest.mark.parametrize(
    "rows", [THIN, [[2, 1, 1, 4], [1, 1, 1, 2], [1, 2, np.nan, 0], [1, 2, 0, 2], [1, 2, 1, 3], [1, 2, 0, 3]]]
)
def test_an_estimate_stands_where_nothing_can_be_said_without_each_patient(rows, recwarn):
    data = pd.DataFrame(rows).rename(columns="i{}".format)
    plain = alpha(data).frame.set_index("term")["estimate"]["alpha"]
    found = alpha(data.assign(patient=[1, 1, *range(2, len(rows))]), clusters="patient").frame
    assert found.loc[found["term"] == "alpha", "estimate"].tolist() == pytest.approx([plain, plain])
    assert np.isfinite(plain)
    assert not recwarn.list


def test_two_items_without_alpha_say_why_in_the_consistency_table():
    book = load_instrument("phq9")
    pair = book.model_copy(update={"scales": (book.scales[0].model_copy(update={"items": ("interest", "mood")}),)})
    rows = [
        {"patient": "P1", "session": 1, "instrument": "phq9", "item": item, "value": 1.0}
        for item in ("interest", "mood")
    ]
    answer = consistency_table(pd.DataFrame(rows), [pair])
    assert answer.frame["status"].tolist()[0].startswith("1 row for 2 items: a covariance matrix")


def test_the_maximum_of_complete_items_is_the_highest_of_several():
    """Twelve rows of noise: a search from multiple correlations alone stops at F = .235 (omega .31), not at .179."""
    rng = np.random.default_rng(31)
    data = pd.DataFrame(rng.integers(0, 5, (12, 4)).astype(float), columns=list("abcd"))
    found = omega(data).frame.set_index("term")["estimate"]["omega"]
    assert found == pytest.approx(_by_random_starts(data), abs=1e-4)


def _by_random_starts(data: pd.DataFrame) -> float:
    """Omega of the lowest of 40 searches of the discrepancy of one factor of the correlations, on the items' scale."""
    S = np.cov(data.to_numpy(), rowvar=False)
    d = np.sqrt(np.diag(S))
    R, p, rng = S / np.outer(d, d), len(d), np.random.default_rng(1)

    def discrepancy(theta):
        C = np.outer(theta[:p], theta[:p]) + np.diag(theta[p:])
        return float(np.linalg.slogdet(C)[1] + np.trace(np.linalg.solve(C, R)))

    bounds = [(None, None)] * p + [(0.005, None)] * p
    starts = [np.concatenate([rng.uniform(-1, 1, p), rng.uniform(0.01, 1, p)]) for _ in range(40)]
    ends = [optimize.minimize(discrepancy, one, method="L-BFGS-B", bounds=bounds, tol=1e-14) for one in starts]
    best = min(ends, key=lambda end: end.fun).x
    load, psi = (best[:p] * d).sum(), (best[p:] * d**2).sum()
    return float(load**2 / (load**2 + psi))


def test_equal_roots_do_not_end_the_search():
    S = np.full((3, 3), -0.25) + 1.25 * np.eye(3)  # two roots are alike
    fit = fit_factors(S[None])
    assert np.isfinite(fit.first).all()
    assert np.isfinite(fit_factors(np.eye(4)[None]).discrepancy).all()
    assert np.isfinite(fit_factors(S[None], method="minres").first).all()
