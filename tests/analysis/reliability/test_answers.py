"""Results show their numbers, counts and notes; what they say is what they hold."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import agreement, bland_altman, d_study, drift, dyad_icc, g_study, icc, intra_rater
from doublecode.analysis.rendering.notes import sentence
from doublecode.schemas.plain_table import WIDTH

NAMES = {"targets": "session", "raters": "rater", "ratings": "score"}


def rotating(n=60, seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for s in range(n):
        true = rng.normal(2, 1)
        rows += [
            (s, s % 12, s // (n / 2), r, round(true + rng.normal(0, 0.6))) for r in ("AB", "BC", "AC", "A", "B")[s % 5]
        ]
    return pd.DataFrame(rows, columns=["session", "patient", "half", "rater", "score"])


def items():
    one_rater = rotating(20, 2).query("rater == 'A'")
    return pd.concat(
        [rotating(60, 0).assign(item="effort"), rotating(60, 1).assign(item="extent"), one_rater.assign(item="alone")],
        ignore_index=True,
    )


def answers():
    data = rotating()
    both = data.query("rater != 'C'").groupby("session").filter(lambda own: len(own) == 2)
    recodes = pd.concat([data.assign(time=1), data.assign(time=2)])
    study = g_study("score ~ (1 | session) + (1 | rater)", data)
    kinds = data.assign(kind=data["score"].map(lambda score: "low" if score < 2 else "high"))
    return {
        "complete": icc(both, **NAMES),
        "incomplete": icc(data, **NAMES),
        "clusters": icc(data, **NAMES, clusters="patient"),
        "items": icc(items(), **NAMES, by="item"),
        "jackknife": icc(both, **NAMES, interval="jackknife"),
        "recodes": intra_rater(recodes, **NAMES, occasions="time"),
        "bootstrap": icc(both, **NAMES).bootstrap(draws=100),
        "dyads": dyad_icc(data, **NAMES),
        "drift": drift(data, **NAMES, periods="half"),
        "drift of items": drift(items().query("item != 'alone'"), **NAMES, by="item"),
        "g study": study,
        "d study": d_study(study, n={"rater": [1, 2, 4]}),
        "planned pairs": d_study(icc(data, **NAMES), raters=(3, 5), share=(0.4, 1.0), studies=20),
        "agreement": agreement(data, **NAMES),
        "nominal": agreement(kinds, targets="session", raters="rater", ratings="kind"),
        "bland altman": bland_altman(data, **NAMES),
    }


@pytest.fixture(scope="module")
def found():
    return answers()


NAMED = (
    "complete", "incomplete", "clusters", "items", "jackknife", "recodes", "bootstrap", "dyads", "drift",
    "drift of items", "g study", "d study", "planned pairs", "agreement", "nominal", "bland altman",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_a_page_of_the_terminal_holds_it(found, name):
    text = str(found[name])
    assert max(map(len, text.splitlines())) <= WIDTH
    assert found[name].counted() in " ".join(line.strip() for line in text.splitlines())
    html, markdown = found[name]._repr_html_(), found[name].to_markdown()
    for note in found[name].notes:
        assert sentence(note) in markdown
    assert html.count("<table>") == len(found[name].tables())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("complete", "12 sessions, 2 raters, 24 ratings"),
        ("incomplete", "60 sessions, 3 raters, 96 ratings, 60% coded more than once"),
        ("bootstrap", "100 resamples (seed 0)"),
        ("dyads", "3 pairs of raters, 12 targets shared"),
        ("g study", "96 scores, 60 sessions, 3 raters; coefficients of means over 3 raters"),
        ("planned pairs", "4 planned designs"),
        ("bland altman", "3 pair(s) of raters, 60 sessions"),
        ("drift", "3 raters, 96 ratings"),
    ],
)
def test_counts(found, name, said):
    assert found[name].counted() == said


def test_the_table_of_forms_is_that_of_the_papers(found):
    assert str(found["incomplete"]).splitlines()[1:4] == [
        "Form          Shrout & Fleiss     k  ICC      95% CI     F  df₁  df₂       p",
        "────────────  ───────────────  ────  ───  ──────────  ────  ───  ───  ──────",
        "ICC(1,1)      ICC(1,1)            1  .74  [.55, .85]  5.49   59   36  < .001",
    ]


def test_a_set_that_is_not_estimable_keeps_its_row_and_says_why(found):
    result = found["items"]
    assert "alone" in str(result)
    (note,) = [note for note in result.notes if note.kind == "one_rater"]
    assert (note.subject, note.numbers["rater"]) == ("item = alone", "A")
    row = result.frame[result.frame["item"] == "alone"].iloc[0]
    assert row["method"] == "not estimable: one rater only ('A')"


def test_rows_are_those_that_hold_a_rating():
    data = rotating().set_index(pd.Index(range(100, 196)))
    data.loc[[105, 190], "score"] = np.nan
    used = data.index[data["score"].notna()]
    study = g_study("score ~ (1 | session) + (1 | rater)", data)
    for result in (
        icc(data, **NAMES), dyad_icc(data, **NAMES), drift(data, **NAMES), agreement(data, **NAMES),
        bland_altman(data, **NAMES), study, d_study(study, n={"rater": [2]}),
    ):  # fmt: skip
        pd.testing.assert_index_equal(result.rows, used)


def test_labels(found):
    assert found["incomplete"].params["ICC(A,1)"] == pytest.approx(found["incomplete"].frame["estimate"].iloc[1])
    assert found["clusters"].params.index.names == ["level", "form"]
    assert found["items"].conf_int().loc[("effort", "ICC(A,1)"), "conf_low"] < 0.8
    assert found["drift"].params.index.tolist() == ["A", "B", "C"]
