"""The table of a paper: scales, pairings, sessions, sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.consistency.alpha_omega import alpha, omega
from doublecode.analysis.study.scale_consistency import consistency_table, omega_table
from doublecode.coding.scoring import scored_items
from doublecode.schemas.errors import ContractError, DuplicateError, UsageError
from doublecode.schemas.instrument import load_instrument

STHAR = load_instrument("sthar")
ASSIGNING = [item.name for item in STHAR.items if item.name.startswith("a_")]
REVIEWING = [item.name for item in STHAR.items if item.name.startswith("r_")]


def ratings(seed: int = 1, patients: int = 22, sessions: int = 6) -> pd.DataFrame:
    """Synthetic pooled StHAR ratings; reviewing is not applicable in session 1, two tapes are lost."""
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(patients):
        level = 0.5 * rng.normal()
        for session in range(1, sessions + 1):
            factor = level + 0.87 * rng.normal()
            for item in [*ASSIGNING, *REVIEWING]:
                score = float(np.clip(np.round(2 * (2 + 0.7 * factor + 0.8 * rng.normal())) / 2, 0, 4))
                if not (session == 1 and item in REVIEWING) and (patient, session) not in {(0, 3), (5, 4)}:
                    rows.append((f"P{patient:02d}", session, "sthar", item, score))
    return pd.DataFrame(rows, columns=["patient", "session", "instrument", "item", "value"])


def wide_of(long: pd.DataFrame) -> pd.DataFrame:
    wide = long.pivot_table(index=["patient", "session"], columns="item", values="value")
    return wide.rename_axis(columns=None).reset_index()


def lagged_pairing(wide: pd.DataFrame, lagged: list[str]) -> pd.DataFrame:
    """Take some items from the session whose number is one less, the long way."""
    before = wide[["patient", "session", *lagged]].assign(session=wide["session"] + 1)
    return wide.drop(columns=lagged).merge(before, on=["patient", "session"], how="left")[list(wide.columns)]


@pytest.fixture(scope="module")
def table():  # type: ignore[no-untyped-def]
    return consistency_table(ratings(), [STHAR], phases={"early": (1, 3), "late": (4, 6)})


def test_one_row_per_scale_and_pairing(table) -> None:  # type: ignore[no-untyped-def]
    assert table.frame[["scale", "pairing", "n_items"]].to_numpy().tolist() == [
        ["assigning", "same tape", 5],
        ["reviewing", "same tape", 3],
        ["tbh", "lagged", 8],
        ["same_tape", "same tape", 8],
    ]
    assert (table.frame["status"] == "ok").all()


def test_lagged_and_same_tape_are_different_numbers_of_the_right_rows(table) -> None:  # type: ignore[no-untyped-def]
    wide = wide_of(ratings())
    shifted = scored_items(ratings(), STHAR, STHAR.scale("tbh"))
    rows = table.frame.set_index("pairing")
    lagged = omega(shifted, items=[*ASSIGNING, *REVIEWING], clusters="patient").frame.iloc[0]
    assert rows.loc["lagged", "omega"] == pytest.approx(lagged["estimate"], abs=1e-9)
    assert rows.loc["lagged", "conf_low"] == pytest.approx(lagged["conf_low"], abs=1e-7)
    same = omega(wide, items=[*ASSIGNING, *REVIEWING], clusters="patient").frame.iloc[0]
    of_tape = table.frame.set_index("scale").loc["same_tape"]
    assert of_tape["omega"] == pytest.approx(same["estimate"], abs=1e-9)
    assert abs(of_tape["omega"] - rows.loc["lagged", "omega"]) > 0.01


def test_item_total_range_and_sessions(table) -> None:  # type: ignore[no-untyped-def]
    wide = wide_of(ratings())
    row = table.frame.set_index("scale").loc["assigning"]
    classical = alpha(wide, items=ASSIGNING, clusters="patient")
    assert row["r_drop_min"] == pytest.approx(classical.items["r_drop"].min(), abs=1e-10)
    assert row["r_drop_max"] == pytest.approx(classical.items["r_drop"].max(), abs=1e-10)
    assert row["alpha"] == pytest.approx(classical.totals["raw_alpha"].iloc[0], abs=1e-10)
    levels = table.levels[(table.levels["scale"] == "assigning") & (table.levels["by"] == "session")]
    assert levels["level"].tolist() == [1, 2, 3, 4, 5, 6]
    assert row["session_min"] == levels["estimate"].min()
    assert row["session_max"] == levels["estimate"].max()
    assert row["n_sessions"] == 6
    phases = table.levels[(table.levels["scale"] == "assigning") & (table.levels["by"] == "phase")]
    early = omega(wide[wide["session"] <= 3], items=ASSIGNING, clusters="patient").frame.iloc[0]
    assert phases["level"].tolist() == ["early", "late"]
    assert phases["estimate"].iloc[0] == pytest.approx(early["estimate"], abs=1e-9)


def test_sentence_prints_the_numbers(table) -> None:  # type: ignore[no-untyped-def]
    row = table.frame.iloc[0]
    omega_text = f"{row['omega']:.2f}"[1:]
    assert f"ω = {omega_text}, 95% CI [" in table.statements()[0]
    assert f"{row['n_rows']} sessions of 22 patients" in table.statements()[0]
    assert "by session from" in table.statements()[0]
    assert "(lagged)" in table.statements()[2]
    assert table.facts[0].numbers["omega"] == row["omega"]


def test_scale_without_omega_stays_in_the_table_with_its_reason() -> None:
    long = ratings(patients=4, sessions=2)
    found = consistency_table(long, [STHAR])
    rows = found.frame.set_index("scale")
    assert np.isnan(rows.loc["tbh", "omega"])
    assert "rows for 8 items" in rows.loc["tbh", "status"]
    assert rows.loc["tbh", "n_rows"] == 4
    assert "sthar tbh (lagged), 4 rows: not estimable" in found.statements()[2]
    assert found.design["not_estimable"] >= 1
    assert any("not estimable" in sentence or "Omega:" in sentence for sentence in found.statements())


def test_wide_file_with_subscales() -> None:
    wide = wide_of(ratings())
    found = omega_table(
        wide, items=ASSIGNING, clusters="patient", by="session", subscales={"two": ASSIGNING[:2], "four": ASSIGNING[:4]}
    )
    assert found.frame["scale"].tolist() == ["all items", "two", "four"]
    assert found.frame["omega"].iloc[0] == pytest.approx(
        omega(wide, items=ASSIGNING, clusters="patient").frame["estimate"].iloc[0], abs=1e-9
    )
    assert "two items" in found.frame["status"].iloc[1]
    assert np.isfinite(found.frame["alpha"].iloc[1])
    assert "α = " in found.statements()[1]


def test_wrong_input_is_refused() -> None:
    long = ratings()
    with pytest.raises(ContractError, match="lack value"):
        consistency_table(long.drop(columns="value"), [STHAR])
    with pytest.raises(DuplicateError, match="pool the raters"):
        consistency_table(pd.concat([long, long.head(1)]), [STHAR])
    with pytest.raises(UsageError, match="nothing to estimate"):
        consistency_table(long.assign(instrument="other"), [STHAR])


def test_notes_name_scale_pairing_and_level() -> None:
    long = ratings()
    long.loc[(long["session"] == 2) & (long["item"] == ASSIGNING[0]), "value"] = 1.0
    found = consistency_table(long, [STHAR])
    note = next(note for note in found.notes if note.kind == "level_not_estimable")
    assert note.subject == "sthar assigning: 2"
    named = [note.numbers[name] for name in ("instrument", "scale", "pairing", "level")]
    assert named == ["sthar", "assigning", "same tape", 2]
    assert any(text.startswith("sthar assigning: 2: not estimable. No spread in") for text in found.note_texts())


def test_statements_by_other_names(table) -> None:  # type: ignore[no-untyped-def]
    called = table.statements(["one", "two", "three", "four"], sessions=True)
    assert called[0].startswith("one, ")
    assert "sessions of 22 patients" in called[0]


def test_tables_of_a_study_and_of_a_wide_file(table) -> None:  # type: ignore[no-untyped-def]
    assert [one.name for one in table.tables()] == ["consistency", "consistency_sessions"]
    wide = omega_table(wide_of(ratings()), items=ASSIGNING, clusters="patient", by="session")
    assert [one.name for one in wide.tables()] == ["omega", "omega_levels", "omega_items"]
    for found in (table, wide):
        assert max(map(len, str(found).splitlines())) <= 100
    assert len(table.rows) == len(ratings())
