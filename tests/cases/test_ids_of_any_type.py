"""Answers that carry ids carry the right ones, whatever type the column has and however the rows lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import polars as pl
import pytest

from doublecode.analysis import agreement, bland_altman, drift, dyad_icc, icc

SESSIONS = [f"S{i:02d}" for i in range(18)]
LONG = {"targets": "s", "raters": "rater", "ratings": "y"}
Back = dict[object, str]


def ratings() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = [
        (SESSIONS[i], "ABCD"[j], ["before", "after"][i % 2], item, round(float(i * 0.7 + j * 0.3 + rng.normal()), 2))
        for item in ("x", "y")
        for i in range(18)
        for j in ((0, 1, 2, 3) if i % 3 else (0, 1, 2))
    ]
    return pd.DataFrame(rows, columns=["s", "rater", "period", "item", "y"])


def variants() -> Iterator[tuple[str, object, Back]]:
    """Frames that say the same, with the way back from their ids to the names of the sessions."""
    order = np.random.default_rng(7).permutation(18)
    names = [SESSIONS[i] for i in order]
    same: Back = {name: name for name in SESSIONS}
    numbers = {name: 100 - int(order[i]) for i, name in enumerate(SESSIONS)}
    mixed = {name: int(order[i]) if i % 2 else f"m{order[i]}" for i, name in enumerate(SESSIONS)}
    for shuffled in (False, True):
        rows = ratings().sample(frac=1, random_state=3) if shuffled else ratings()
        yield "text", rows, same
        yield "whole numbers", rows.assign(s=rows["s"].map(numbers)), {v: k for k, v in numbers.items()}
        yield "mixed", rows.assign(s=rows["s"].map(mixed)), {v: k for k, v in mixed.items()}
        unordered = pd.Categorical(rows["s"], categories=[*names, "unused"])
        raters = pd.Categorical(rows["rater"], categories=list("DBAC"))
        yield "category", rows.assign(s=unordered, rater=raters, item=pd.Categorical(rows["item"], ["y", "x"])), same
        yield "ordered", rows.assign(s=pd.Categorical(rows["s"], categories=names, ordered=True)), same
        yield "polars", pl.DataFrame({name: rows[name].tolist() for name in rows}), same


def points(data: object, back: Back) -> dict[object, object]:
    cloud = bland_altman(data, **LONG, by="item").points
    out = {}
    for row in cloud.itertuples():
        sign = 1 if row.rater_1 < row.rater_2 else -1
        pair = frozenset((row.rater_1, row.rater_2))
        out[row.item, pair, back[row.target]] = (row.mean, sign * row.difference)
    return out


def heard(data: object, back: Back) -> dict[object, object]:
    found = drift(data, **LONG, periods="period", by="item")
    sessions = {
        (row.item, back[row.target], frozenset((row.rater_1, row.rater_2))): abs(row.difference)
        for row in found.sessions.itertuples()
    }
    return sessions | {(row.item, row.rater): row.estimate for row in found.frame.itertuples()}


def dyads(data: object, back: Back) -> dict[object, object]:
    found = dyad_icc(data, **LONG, by="item").dyads
    return {(row.item, frozenset((row.rater_1, row.rater_2))): row.estimate for row in found.itertuples()}


def forms(data: object, back: Back) -> dict[object, object]:
    found = icc(data, **LONG, by="item", interval="jackknife").frame
    return {(row.item, row.form): (row.estimate, row.conf_low) for row in found.itertuples()}


def coefficients(data: object, back: Back) -> dict[object, object]:
    found = agreement(data, **LONG, by="item").frame
    return {(row.item, row.coefficient, row.weights): row.estimate for row in found.itertuples()}


@pytest.mark.parametrize("answer", [points, heard, dyads, forms, coefficients])
def test_ids_of_any_type_carry_their_own_numbers(answer: Callable[[object, Back], dict[object, object]]) -> None:
    (_, first, same), *others = variants()
    expected = answer(first, same)
    for name, data, back in others:
        found = answer(data, back)
        assert found.keys() == expected.keys(), name
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, rtol=1e-6, atol=1e-9, err_msg=f"{name}: {key}")


def test_bland_altman_points_are_the_ratings_of_their_session() -> None:
    """The case of the report: a category whose order is not that of the alphabet."""
    rows = ratings()
    data = rows.assign(s=pd.Categorical(rows["s"], categories=SESSIONS[::-1]))
    cloud = bland_altman(data, **LONG, by="item").points
    values = rows.set_index(["item", "s", "rater"])["y"]
    for row in cloud.itertuples():
        one, other = (values[row.item, row.target, rater] for rater in (row.rater_1, row.rater_2))
        assert row.difference == pytest.approx(one - other)


def test_periods_of_a_category_keep_their_order() -> None:
    """*before* stands after *after* in the alphabet: as text and as an ordered category drift has two signs."""
    text = ratings()
    ordered = text.assign(period=pd.Categorical(text["period"], categories=["before", "after"], ordered=True))
    first, second = (drift(data, **LONG, periods="period", by="item").drifts for data in (text, ordered))
    np.testing.assert_allclose(second["estimate"], -first["estimate"], rtol=1e-6)
