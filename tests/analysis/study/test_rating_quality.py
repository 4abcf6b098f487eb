"""What stands beside the ICCs: agreement, analysed scores, codes of raters, pairs, severity."""

from itertools import combinations
from types import SimpleNamespace

import pytest

from doublecode.analysis import agreement
from doublecode.analysis.report.sections_raters import FEWEST, analysed_table, rater_tables
from doublecode.analysis.report.sections_scales import reliability_frame, reliability_section


def tables_of(section):
    return {block.name: block for block in section.blocks if hasattr(block, "csv_frame")}


def by_hand(ratings, instrument, item):
    """Shares of equal codes and of codes within a point, over pairs of raters of a session."""
    rows = ratings[(ratings["instrument"] == instrument) & (ratings["item"] == item) & (ratings["phase"] == "main")]
    rows = rows[rows["value"].notna()]
    apart = [
        abs(a - b)
        for _, own in rows.groupby("session_id")
        for a, b in combinations(own["value"].tolist(), 2)
    ]  # fmt: skip
    return sum(d == 0 for d in apart) / len(apart), sum(d <= 1 for d in apart) / len(apart), len(apart)


def test_agreement_stands_beside_every_icc_of_an_item_with_codes(telephone_run, adolescent_run):
    for run in (telephone_run, adolescent_run):
        frame = reliability_frame(run, "main")
        items = frame[frame["level"] == "item"]
        for row in items.to_dict("records"):
            if row["name"] == "time_assigning":
                assert row["within_one"] != row["within_one"]  # seconds have no points
                continue
            equal, near, n = by_hand(run.intake.ratings, row["instrument"], row["name"])
            assert (row["equal"], row["within_one"]) == pytest.approx((equal, near), rel=1e-12)
            assert row["n_multiply_coded"] == n
            assert row["ac"] == row["ac"]


def test_ac2_is_gwets_over_all_codes_of_the_item(adolescent_run):
    rows = adolescent_run.intake.ratings
    rows = rows[(rows["item"] == "adherence") & rows["value"].notna()]
    found = agreement(rows, targets="session_id", raters="rater", ratings="value", categories=range(7),
                      weights=["ordinal"], levels=[], single_coded="drop").frame  # fmt: skip
    wanted = found[found["coefficient"] == "Gwet's AC2"].iloc[0]
    own = adolescent_run.quality.agreement.set_index("name").loc["adherence"]
    for part in ("estimate", "conf_low", "conf_high"):
        assert own[part] == pytest.approx(wanted[part], rel=1e-12)


def test_two_codes_have_kappa_and_ac1(adolescent_run):
    from doublecode.analysis.study.rating_quality import rating_quality

    ratings = adolescent_run.intake.ratings.copy()
    at = (ratings["instrument"] == "thabs") & (ratings["item"] == "review")
    ratings.loc[at, "value"] = (ratings.loc[at, "value"] > 2).astype(float).where(ratings.loc[at, "value"].notna())
    study = adolescent_run.study
    book = study.codebooks["thabs"]
    items = tuple(
        one.model_copy(update={"type": "yes_no", "minimum": 0, "maximum": 1, "anchors": {}})
        if one.name == "review"
        else one
        for one in book.items
    )
    turned = book.model_copy(update={"items": items})
    turned.__dict__.pop("columns", None)  # kept of the items as they were
    books = {**study.codebooks, "thabs": turned}
    study = SimpleNamespace(codebooks=books, use=study.use, variables=study.variables, name=study.name)
    intake = adolescent_run.intake
    found = rating_quality(study, ratings, intake.files, intake.sessions).agreement.set_index("name")
    assert found.loc["review", "coefficient"] == "AC1"
    assert found.loc["review", "kappa"] <= found.loc["review", "equal"] <= 1
    assert found.loc["review", "within_one"] != found.loc["review", "within_one"]
    assert found.loc["praise", "coefficient"] == "AC2"


def test_the_lagged_composite_has_its_own_reliability(telephone_run, adolescent_run):
    (block,) = analysed_table(telephone_run, "koo2016")
    assert block.frame["variable"].tolist() == ["he", "tbh"]
    tbh = block.frame.iloc[1]
    assert tbh["form"] == "joins two tapes"
    assert tbh["n_targets"] == 161
    halves = telephone_run.reliability.frame.set_index(["name", "phase"])["estimate"]
    low, high = sorted(halves[name, "main"] for name in ("assigning", "reviewing"))
    assert low - 0.05 < tbh["estimate"] < high + 0.05
    assert tbh["conf_low"] < tbh["estimate"] < tbh["conf_high"]
    (other,) = analysed_table(adolescent_run, "koo2016")
    assert len(other.frame) == 12


def test_three_tapes_are_too_few_and_say_so(telephone_run):
    tables = tables_of(reliability_section(telephone_run))
    pilot = tables["reliability_pilot"]
    assert {column.name for column in pilot.columns}.isdisjoint({"estimate", "conf_low", "single", "ac"})
    assert any(str(FEWEST) in note for note in pilot.notes)
    assert pilot.csv_frame["estimate"].notna().all()
    assert all(row[1:3] == ("3", "3") for row in pilot.body() if len(row) > 1)


def test_raters_pairs_and_severity_are_counted_from_the_ratings(telephone_run):
    tables = {block.name: block for block in rater_tables(telephone_run) if hasattr(block, "csv_frame")}
    assert set(tables) == {"raters", "pairs", "severity"}
    main = telephone_run.intake.ratings.query("phase == 'main' and instrument == 'ghes'")
    held = {rater: set(own["session_id"]) for rater, own in main.groupby("rater")}
    pairs = telephone_run.reported.pairs.query("instrument == 'ghes' and phase == 'main'")
    for row in pairs.to_dict("records"):
        assert row["n_sessions"] == len(held[row["rater_1"]] & held[row["rater_2"]])
    for row in telephone_run.quality.raters.query("instrument == 'ghes'").to_dict("records"):
        own = main[(main["rater"] == row["rater"]) & main["value"].notna()]["value"]
        assert (row["n_sessions"], row["n_codes"]) == (len(held[row["rater"]]), len(own))
        assert row["mean"] == pytest.approx(own.mean(), rel=1e-12)
        assert row["highest"] == pytest.approx((own == 4).mean(), rel=1e-12)
    severity = telephone_run.quality.severity.query("scale == 'he'")
    assert severity["estimate"].sum() == pytest.approx(0, abs=1e-8)
    assert severity["change"].notna().all()
