"""Variables of every source in a random study, against a pandas reference; the frame leaves and returns equal.

The reference knows the study's tables only; nothing of doublecode is in it.
"""

from __future__ import annotations

import csv
import datetime as dt
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.report.frame_file import write_frame
from doublecode.analysis.study.run import analyse, read_study
from doublecode.schemas.frames import RATINGS

ALLIANCE = """name = "bond"
title = "Bond (synthetic)"
version = "1"
citation = "none"
rights = "ours"
[missing_codes]
NR = "not heard"
[[items]]
name = "warm"
label = "Warm"
minimum = 1
maximum = 7
anchors = { 1 = "no" }
anchor_source = "ours"
[[items]]
name = "cold"
label = "Cold"
minimum = 1
maximum = 7
reversed = true
anchors = { 1 = "no" }
anchor_source = "ours"
[[scales]]
name = "mean"
label = "Bond"
items = ["warm", "cold"]
score = "mean"
"""
SOURCES = {
    "bond": 'instrument = "bond"\nscale = "mean"', "bond_before": 'instrument = "bond"\nscale = "mean"\nlag = 1',
    "bond_two": 'instrument = "bond"\nitem = "warm"\nlag = 2',
    "bond_change": 'instrument = "bond"\nscale = "mean"\nchange = "previous"',
    "bond_gain": 'instrument = "bond"\nscale = "mean"\nchange = "first"',
    "weeks": 'time = "weeks"', "days": 'time = "days"', "gap": 'time = "days"\nchange = "previous"',
    "minutes": 'column = "minutes"', "minutes_before": 'column = "minutes"\nlag = 1',
    "late": "phase_from = 4", "by_phone": 'column = "mode"\ntable = "sessions"\nequals = "phone"',
    "experience": 'column = "experience"', "age": 'column = "age"',
    "given": 'instrument = "homework_log"\ncount = "assigned"',
    "done": 'instrument = "homework_log"\ncount = "completed"',
    "given_be": 'instrument = "homework_log"\ncount = "assigned"\nof_type = "BE"',
    "done_before": 'instrument = "homework_log"\ncount = "completed"\nlag = 1',
    "phq": 'instrument = "phq9"\nscale = "total"',
    "phq_base": 'instrument = "phq9"\nscale = "total"\nevent = "baseline"',
    "phq_gain": 'instrument = "phq9"\nscale = "total"\nchange = "baseline"',
}  # fmt: skip
SERIES = """
[[series]]
name = "phq"
title = "PHQ-9"
steps = ["phq ~ weeks + (1 | patient)", "phq ~ weeks + bond_before + minutes + experience + given + phq_base + late + (1 | patient)"]
split = ["bond_before"]
"""  # noqa: E501
BY_PATIENT = {
    "post": 'instrument = "phq9"\nscale = "total"\nevent = "post"',
    "fu6": 'instrument = "phq9"\nscale = "total"\nevent = "fu6"',
    "base": 'instrument = "phq9"\nscale = "total"\nevent = "baseline"',
    "fu6_change": 'instrument = "phq9"\nscale = "total"\nevent = "fu6"\nchange = "baseline"',
    "base_sleep": 'instrument = "phq9"\nitem = "sleep"\nevent = "baseline"',
    "bond3": 'instrument = "bond"\nscale = "mean"\nsession = 3',
    "minutes2": 'column = "minutes"\nsession = 2', "weeks5": 'time = "weeks"\nsession = 5',
    "given2": 'instrument = "homework_log"\ncount = "assigned"\nsession = 2',
    "experience": 'column = "experience"', "age": 'column = "age"',
}  # fmt: skip
REGRESSION = """
[[moderations]]
name = "follow_up"
title = "Follow-up on post, baseline and the bond of session 3"
outcome = "fu6"
predictor = "bond3"
covariates = ["base", "experience"]
"""
ITEMS = ("interest", "mood", "sleep", "energy", "appetite", "self_worth", "concentration", "psychomotor", "self_harm")


class Lab:
    """A random study as plain tables."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.patients = [f"P{n:02}" for n in range(1, 17)]
        self.age = {p: rng.choice([None, *range(20, 60)]) for p in self.patients}
        self.experience = {"T1": 3, "T2": 11, "T3": None}
        self.sessions: list[dict[str, Any]] = []
        self.bond: dict[tuple[str, int], dict[str, int]] = {}
        self.log: dict[tuple[str, int], list[tuple[str, str | None]]] = {}
        self.phq: dict[tuple[str, int | str], list[int] | None] = {}
        for p in self.patients:
            day, therapist = (
                dt.date(2021, 1, 4) + dt.timedelta(rng.randint(0, 90)),
                rng.choice(["T1", "T1", "T2", "T3"]),
            )
            for n in range(1, 8):
                day += dt.timedelta(rng.randint(5, 11))
                if rng.random() < 0.12:
                    continue
                rated = rng.random() > 0.1
                own = "T2" if rng.random() < 0.03 else therapist
                self.sessions.append(
                    {"session_id": f"{p}-{n}", "patient": p, "therapist": own, "session": n,
                     "date": "" if rng.random() < 0.05 else day.isoformat(),
                     "minutes": "" if rng.random() < 0.1 else rng.randint(30, 60), "phase": "main",
                     "status": "held" if rated else "not_rated", "reason": "" if rated else "tape lost",
                     "recording": "", "mode": rng.choice(["phone", "video", ""])}
                )  # fmt: skip
                if rated and rng.random() > 0.08:
                    self.bond[p, n] = {"warm": rng.randint(1, 7), "cold": rng.randint(1, 7)}
                if rated and rng.random() > 0.15:
                    self.log[p, n] = [
                        (rng.choice(["BE", "PE"]), rng.choice(["Y", "Y", "N", None])) for _ in range(rng.randint(1, 3))
                    ]
                if rng.random() > 0.1:
                    self.phq[p, n] = None if rng.random() < 0.05 else [rng.randint(0, 3) for _ in ITEMS]
            for event in ("baseline", "post", "fu6"):
                if rng.random() > 0.15:
                    self.phq[p, event] = [rng.randint(0, 3) for _ in ITEMS]

    def write(self, folder: Path, unit: str) -> Path:
        (folder / "outcomes").mkdir(parents=True)
        (folder / "incoming").mkdir()
        (folder / "bond.toml").write_text(ALLIANCE, encoding="utf-8")
        of = SOURCES if unit == "session" else BY_PATIENT
        variables = "".join(f'[[variables]]\nname = "{name}"\n{text}\n' for name, text in of.items())
        (folder / "study.toml").write_text(
            f'name = "lab"\ntitle = "Random lab"\nsynthetic = true\nunit = "{unit}"\nraters = [{{ id = "R1" }}]\n'
            'events = ["baseline", { name = "post", label = "After treatment" }, { name = "fu6", month = 6 }]\n'
            '[[instruments]]\nname = "bond.toml"\nraters = ["R1"]\n[[instruments]]\nname = "homework_log"\n'
            'raters = ["R1"]\npooling = "primary"\n[[instruments]]\nname = "phq9"\nsource = "outcomes"\n'
            + variables + (SERIES if unit == "session" else REGRESSION),
            encoding="utf-8",
        )  # fmt: skip
        table(folder / "patients.csv", [{"patient": p, "status": "completed", "reason": "", "age": self.age[p]}
                                        for p in self.patients])  # fmt: skip
        table(folder / "therapists.csv", [{"therapist": t, "experience": n} for t, n in self.experience.items()])
        table(folder / "sessions.csv", self.sessions)
        table(folder / "assignments.csv", [
            {"session_id": row["session_id"], "rater": "R1", "instrument": name, "role": "primary", "batch": "b1"}
            for row in self.sessions for name in ("bond", "homework_log")
        ])  # fmt: skip
        table(folder / "outcomes" / "phq9.csv", [
            {"patient": p, "session": at if isinstance(at, int) else "", "event": at if isinstance(at, str) else "",
             **dict(zip(ITEMS, answers or ["NR"] * 9, strict=True))}
            for (p, at), answers in self.phq.items()
        ])  # fmt: skip
        return folder

    def ratings(self) -> pd.DataFrame:
        rows = []
        held = {(row["patient"], row["session"]): row for row in self.sessions}

        def add(key: tuple[str, int], book: str, item: str, value: float, text: str | None) -> None:
            row = held[key]
            rows.append(
                {"study": "lab", "patient": key[0], "therapist": row["therapist"], "session": key[1],
                 "session_id": row["session_id"], "rater": "R1", "role": "primary", "instrument": book, "item": item,
                 "value": value, "text": text, "missing_code": None, "phase": "main", "source_file": f"{book}.xlsx",
                 "source_sheet": "Rate", "source_cell": f"A{len(rows)}"}
            )  # fmt: skip

        for key, values in self.bond.items():
            for item, value in values.items():
                add(key, "bond", item, float(value), None)
        for key, slots in self.log.items():
            for number, (kind, done) in enumerate(slots, start=1):
                add(key, "homework_log", f"type_{number}", np.nan, kind)
                if done is not None:
                    add(key, "homework_log", f"completed_{number}", np.nan, done)
        frame = pd.DataFrame(rows)
        texts = {
            name: pd.Series(frame[name].tolist(), dtype="str") for name, kind in RATINGS.columns.items()
            if kind == "text" and name in frame
        }  # fmt: skip
        return frame.assign(**texts)


def table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)


def plain(lab: Lab) -> pd.DataFrame:
    """The reference's frame of sessions: shifts over the full grid of session numbers, by pandas alone."""
    held = pd.DataFrame(lab.sessions).assign(
        date=lambda t: pd.to_datetime(t["date"].replace("", None)),
        minutes=lambda t: pd.to_numeric(t["minutes"].replace("", None)),
    )
    grid = pd.MultiIndex.from_product([lab.patients, range(1, 8)], names=["patient", "session"])
    t = held.set_index(["patient", "session"]).reindex(grid)
    known = t["session_id"].notna()
    by = t.groupby(level="patient", sort=False)
    t["warm"] = pd.Series({k: v["warm"] for k, v in lab.bond.items()}, dtype=float)
    t["bond"] = pd.Series({k: (v["warm"] + 8 - v["cold"]) / 2 for k, v in lab.bond.items()}, dtype=float)
    t["phq"] = pd.Series({k: float(sum(v)) for k, v in lab.phq.items() if v and isinstance(k[1], int)})
    for name, count in (
        ("given", len),
        ("given_be", lambda s: sum(kind == "BE" for kind, _ in s)),
        ("done", lambda s: np.nan if any(d is None for _, d in s) else sum(d == "Y" for _, d in s)),
    ):
        t[name] = pd.Series({k: float(count(v)) for k, v in lab.log.items()}, dtype=float)
    first = held.groupby("patient")["session"].min()
    opening = pd.MultiIndex.from_arrays([first.index, first])
    began = pd.Series(t["date"].reindex(opening).to_numpy(), index=first.index)
    bond1 = pd.Series(t["bond"].reindex(opening).to_numpy(), index=first.index)
    people = t.index.get_level_values("patient")
    t["days"] = (t["date"] - began.reindex(people).to_numpy()).dt.days.astype(float)
    t["weeks"] = t["days"] / 7
    by = t.groupby(level="patient", sort=False)
    for new, old, n in (("bond_before", "bond", 1), ("bond_two", "warm", 2), ("minutes_before", "minutes", 1),
                        ("done_before", "done", 1)):  # fmt: skip
        t[new] = by[old].shift(n)
    t["bond_change"], t["gap"] = t["bond"] - by["bond"].shift(1), t["days"] - by["days"].shift(1)
    t["bond_gain"] = t["bond"] - bond1.reindex(people).to_numpy()
    t["late"] = (t.index.get_level_values("session") >= 4).astype(float)
    t["by_phone"] = t["mode"].replace("", np.nan).map({"phone": 1.0, "video": 0.0})
    t["experience"] = t["therapist"].map(lab.experience).astype(float)
    t["age"] = pd.Series(lab.age, dtype=float).reindex(people).to_numpy()
    base = {p: float(sum(v)) for (p, at), v in lab.phq.items() if at == "baseline" and v}
    t["phq_base"] = pd.Series(base).reindex(people).to_numpy()
    t["phq_gain"] = t["phq"] - t["phq_base"]
    return t[known]


def patients(lab: Lab, sessions: pd.DataFrame) -> pd.DataFrame:
    """The reference's frame of patients."""
    t = pd.DataFrame(index=pd.Index(sorted(set(sessions.index.get_level_values("patient"))), name="patient"))
    for new, event in (("post", "post"), ("fu6", "fu6"), ("base", "baseline")):
        t[new] = pd.Series({p: float(sum(v)) for (p, at), v in lab.phq.items() if at == event and v})
    t["fu6_change"] = t["fu6"] - t["base"]
    t["base_sleep"] = pd.Series({p: float(v[2]) for (p, at), v in lab.phq.items() if at == "baseline" and v})
    for new, old, number in (("bond3", "bond", 3), ("minutes2", "minutes", 2), ("weeks5", "weeks", 5),
                             ("given2", "given", 2)):  # fmt: skip
        t[new] = sessions.xs(number, level="session")[old]
    own = sessions.groupby(level="patient")["therapist"].agg(lambda s: s.iloc[0] if len(set(s)) == 1 else None)
    t["experience"] = own.map(lab.experience).astype(float)
    t["age"] = pd.Series(lab.age, dtype=float)
    return t


def run(lab: Lab, folder: Path, unit: str) -> Any:
    return analyse(replace(read_study(lab.write(folder, unit)), ratings=lab.ratings()))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_cell_is_that_of_the_reference(tmp_path, seed):
    lab = Lab(seed)
    done = run(lab, tmp_path / "a", "session")
    reference = plain(lab)
    built = done.frame.frame.set_index(["patient", "session"])
    assert built.index.equals(reference.index)
    for name in SOURCES:
        np.testing.assert_allclose(built[name].astype(float), reference[name], rtol=1e-12, err_msg=name)
        assert done.frame.absences[name].notna().to_numpy().tolist() == built[name].isna().tolist(), name
    assert done.series[0].models
    by_patient = run(lab, tmp_path / "b", "patient")
    people = patients(lab, reference)
    built = by_patient.frame.frame.set_index("patient")
    for name in BY_PATIENT:
        np.testing.assert_allclose(built[name].astype(float), people[name], rtol=1e-12, err_msg=name)
    assert len(by_patient.moderations) == 1


def test_the_row_ledger_names_each_lost_row(tmp_path):
    lab = Lab(1)
    done = run(lab, tmp_path / "a", "session")
    reference = plain(lab)
    needed = ["phq", "weeks", "bond_before", "minutes", "experience", "given", "phq_base", "late"]
    ledger = done.frame.ledger
    rows = ledger[ledger["stage"] == "in the model: phq"].set_index(["patient", "session"])
    kept = reference[needed].notna().all(axis=1)
    assert (rows["status"] == "kept").tolist() == kept.tolist()
    for key in reference.index[~kept]:
        lost = [name for name in needed if pd.isna(reference.loc[key, name])]
        assert all(name in rows.loc[key, "reason"] for name in lost)
    for name in SOURCES:
        stage = ledger[ledger["stage"].isin([f"scored: {name}", f"known: {name}"])]
        if name in ("late", "age", "experience"):  # of a patient or therapist, or never missing
            assert stage.empty
        elif name == "phq_base":
            assert len(stage) == len(lab.patients)
        else:
            assert (stage["status"] == "kept").tolist() == reference[name].notna().tolist(), name
            assert stage.loc[stage["status"] == "lost", "reason"].str.len().gt(5).all()
    told = set(ledger["reason"].dropna())
    assert any("of session" in one and "was not held" in one for one in told)
    assert any("session 1 has no session before" in one for one in told)
    assert any("completed of homework" in one and "not entered" in one for one in told)
    assert any("no phq9.total at baseline was read" in one for one in told)


@pytest.mark.parametrize("unit", ["session", "patient"])
def test_the_frame_leaves_and_returns_equal(tmp_path, unit):
    pyreadstat = pytest.importorskip("pyreadstat")
    done = run(Lab(2), tmp_path / "a", unit)
    frame, study = done.frame.frame, done.study
    numbers = [name for name in frame.columns if frame[name].dtype.kind in "if"]
    texts = [name for name in frame.columns if name not in numbers]
    files = write_frame(done.frame, study, tmp_path / "out.csv")
    assert [path.name for path in files] == ["out.csv", "out_codebook.csv", "out_row_ledger.csv"]
    back = pd.read_csv(files[0], dtype="str")
    assert list(back.columns) == list(frame.columns)
    read = np.array([[float(cell) for cell in back[name]] for name in numbers])  # NaN where a cell is empty
    np.testing.assert_array_equal(read.T, frame[numbers].astype(float))
    assert back[texts].fillna("").to_numpy().tolist() == frame[texts].fillna("").to_numpy().tolist()
    codebook = pd.read_csv(files[1]).set_index("name")
    assert list(codebook.index) == list(frame.columns)
    assert codebook["n_missing"].tolist() == frame.isna().sum().tolist()
    sav = write_frame(done.frame, study, tmp_path / "spss.sav")[0]
    cells, about = pyreadstat.read_sav(str(sav))
    np.testing.assert_array_equal(cells[numbers].astype(float), frame[numbers].astype(float))
    assert cells[texts].fillna("").to_numpy().tolist() == frame[texts].fillna("").to_numpy().tolist()
    assert about.column_names_to_labels["age"] == "age"
    assert about.variable_measure["age"] == "scale"
    assert about.variable_measure["patient"] == "nominal"
    if unit == "session":
        assert about.variable_value_labels["by_phone"] == {0.0: "not phone", 1.0: "phone"}
        assert codebook.loc["bond_before", ["source", "lowest", "highest", "lag"]].tolist() == [
            "bond: scale mean, 1 session before", 1, 7, 1,
        ]  # fmt: skip
        assert codebook.loc["phq_base", ["event", "highest"]].tolist() == ["baseline", 27]
    else:
        assert codebook.loc["fu6", "event"] == "fu6 (6 months after the end)"
