"""The same ratings as workbooks, long csv, wide xlsx, sav and an export of REDCap, in any order: the same numbers.

A small synthetic study, drawn from a seed: a scale 1–7 with a reversed item, minutes with a missing code of its own, a
nominal item, half of the sessions coded twice; an outcome with a missing code; decimal commas.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from doublecode.analysis.report.folder import write_report
from doublecode.analysis.study.run import analyse, read_study, store
from doublecode.coding.allocation.plan import allocate
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.layout import HEADER_ROW, RATE
from doublecode.coding.workbooks.write import write_workbooks
from doublecode.schemas.frames import SESSIONS
from doublecode.schemas.study import load_study

ITEMS = ("warm", "calm", "cold", "clear")
RATERS = ("J1", "J2", "J3")
SCALE = """
name = "own"
title = "A scale of a lab (synthetic)"
version = "1.0"
citation = "none"
rights = "none"
[missing_codes]
NR = "not ratable"
IN = "insufficient information"
"""
STUDY = """
name = "tables"
title = "A study of tables (synthetic)"
synthetic = true
sample_columns = ["age"]
raters = [{ id = "J1" }, { id = "J2" }, { id = "J3" }]
[[instruments]]
name = "own.toml"
[[instruments]]
name = "mood.toml"
source = "outcomes"
[[variables]]
name = "own"
instrument = "own"
scale = "total"
[[variables]]
name = "mood"
instrument = "mood"
scale = "total"
[[variables]]
name = "age"
column = "age"
[[series]]
name = "mood"
title = "Mood"
steps = ["mood ~ 1 + (1 | patient)", "mood ~ own + age + (1 | patient)"]
"""


def _item(name: str, more: str) -> str:
    return f'[[items]]\nname = "{name}"\nlabel = "{name.title()}"\n{more}\n'


def _codebooks(folder: Path) -> None:
    reversed_ = {"cold": "\nreversed = true"}
    own = SCALE + "".join(_item(name, f"minimum = 1\nmaximum = 7{reversed_.get(name, '')}") for name in ITEMS)
    own += _item("minutes", 'type = "count"\nmaximum = 60')
    own += _item("kind", 'type = "nominal"\ncategories = { task = "task", talk = "talk" }')
    own += '[[scales]]\nname = "total"\nlabel = "Total"\nscore = "mean"\nminimum_valid = 3\n'
    own += f"items = {json.dumps(ITEMS)}\n"
    (folder / "own.toml").write_text(own, encoding="utf-8")
    mood = SCALE.replace('"own"', '"mood"') + "".join(_item(f"m{i}", "minimum = 0\nmaximum = 3") for i in (1, 2, 3))
    mood += '[[scales]]\nname = "total"\nlabel = "Total"\nscore = "sum"\nminimum_valid = 2\nprorate = true\n'
    mood += 'items = ["m1", "m2", "m3"]\n'
    (folder / "mood.toml").write_text(mood, encoding="utf-8")


def _rated(rng: random.Random, session: int) -> dict[str, object]:
    level = rng.gauss(4 + 0.3 * session, 1.2)
    rated: dict[str, object] = {
        name: min(7, max(1, round((8 - level if name == "cold" else level) + rng.gauss(0, 0.7)))) for name in ITEMS
    }
    rated |= {"minutes": rng.randint(0, 60), "kind": rng.choice(["task", "talk"])}
    return {name: rng.choice(["NR", "IN"]) if rng.random() < 0.06 else value for name, value in rated.items()}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Workbooks filled in, and plain csv tables with our heads."""
    folder = tmp_path_factory.mktemp("base") / "study"
    (folder / "outcomes").mkdir(parents=True)
    (folder / "incoming").mkdir()
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    _codebooks(folder)
    rng = random.Random(20260)
    patients = [f"0{number}" for number in range(10, 26)]
    rows = [
        (f"S-{patient}{number}", patient, f"T{int(patient) % 4}", number, f"2021-0{number}-1{int(patient) % 10}",
         40 + rng.randint(0, 20) / 2, "main", "held", "", "")
        for patient in patients for number in (1, 2, 3)
    ]  # fmt: skip
    sessions = pd.DataFrame(rows, columns=list(SESSIONS.columns))
    sessions.to_csv(folder / "sessions.csv", index=False)
    people = [(patient, "completed", "", round(rng.uniform(18, 65), 1)) for patient in patients]
    pd.DataFrame(people, columns=["patient", "status", "reason", "age"]).to_csv(folder / "patients.csv", index=False)
    (folder / "therapists.csv").write_text("therapist\nT0\nT1\nT2\nT3\n")
    mood = [
        (patient, number, *(rng.choice(["0", "1", "2", "3", "3", "NR"]) for _ in "123"))
        for patient in patients for number in (1, 2, 3)
    ]  # fmt: skip
    heads = ["patient", "session", "m1", "m2", "m3"]
    pd.DataFrame(mood, columns=heads).to_csv(folder / "outcomes" / "mood.csv", index=False)
    plan = allocate(sessions, RATERS, instruments=["own"], share=0.5, seed=1)
    plan.assignments.to_csv(folder / "assignments.csv", index=False)
    rated = {
        (row.session_id, row.rater): _rated(rng, int(str(row.session_id)[-1]))
        for row in plan.assignments.itertuples()
    }  # fmt: skip
    for path in write_workbooks(load_study(folder), plan.assignments, folder / "outgoing"):
        rater = path.name.split("_")[0]
        cells = {(one, item): value for (one, who), own in rated.items() if who == rater for item, value in own.items()}
        fill_workbook(path, folder / "incoming" / path.name, cells)
    shutil.rmtree(folder / "outgoing")
    (folder / "rated.json").write_text(json.dumps([[*key, own] for key, own in rated.items()]))
    return folder


def _run(folder: Path) -> Path:
    intake = read_study(folder)
    assert [str(one) for one in intake.errors] == []
    store(intake)
    return write_report(analyse(intake), folder)


CODES = {"NR": -99, "IN": -98}
MISSING = 'missing = { "-99" = "NR", "-98" = "IN" }'


def _long(base: Path) -> pd.DataFrame:
    rated = json.loads((base / "rated.json").read_text())
    rows = [(one, rater, item, CODES.get(value, value)) for one, rater, own in rated for item, value in own.items()]
    frame = pd.DataFrame(rows, columns=["session_id", "rater", "item", "value"])
    held = pd.read_csv(base / "sessions.csv", dtype=str).set_index("session_id")
    return frame.assign(
        patient=frame["session_id"].map(held["patient"]), session=frame["session_id"].map(held["session"])
    )


def _mapped(base: Path, folder: Path, tables: str) -> Path:
    """A copy of the study without its workbooks, and with tables as a lab has them."""
    shutil.copytree(base, folder)
    shutil.rmtree(folder / "incoming")
    declared = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(declared + tables, encoding="utf-8")
    return folder


def _long_csv(base: Path, folder: Path) -> Path:
    """German heads, semicolons, cp1252, decimal commas in all tables."""
    folder = _mapped(base, folder, f"""
[tables.ratings]
file = "ratings.csv"
map = {{ "Pat.-Nr." = "patient", "Sitzung" = "session", "Rater" = "rater", "Skala" = "item", "Wert" = "value" }}
{MISSING}
[tables.sessions]
file = "Sitzungsübersicht.csv"
map = {{ "Pat.-Nr." = "patient", "Nr" = "session", "Dauer (Min.)" = "minutes", "Datum" = "date" }}
dates = "dd.mm.yyyy"
[tables.patients]
map = {{ "Pat.-Nr." = "patient", "Alter" = "age" }}
missing = [-99]
""")  # fmt: skip
    long = _long(base).drop(columns="session_id")
    names = {"patient": "Pat.-Nr.", "session": "Sitzung", "rater": "Rater", "item": "Skala", "value": "Wert"}
    long.sample(frac=1, random_state=1).rename(columns=names).to_csv(folder / "ratings.csv", index=False, sep=";")
    sessions = pd.read_csv(folder / "sessions.csv", dtype={"patient": str})
    days = pd.to_datetime(sessions["date"]).dt.strftime("%d.%m.%Y")
    heads = {"patient": "Pat.-Nr.", "session": "Nr", "minutes": "Dauer (Min.)", "date": "Datum"}
    text = sessions.assign(date=days).rename(columns=heads).to_csv(index=False, sep=";", decimal=",")
    (folder / "Sitzungsübersicht.csv").write_bytes(f"sep=;\n{text}".encode("cp1252"))
    (folder / "sessions.csv").unlink()
    patients = pd.read_csv(folder / "patients.csv", dtype={"patient": str})
    heads = {"patient": "Pat.-Nr.", "age": "Alter"}
    patients.rename(columns=heads).to_csv(folder / "patients.csv", index=False, sep=";", decimal=",")
    return folder


def _wide(base: Path, made: str) -> pd.DataFrame:
    long = _long(base)
    long["head"] = [
        made.format(item=item, rater=rater) for item, rater in zip(long["item"], long["rater"], strict=True)
    ]
    return long.pivot(index=["patient", "session"], columns="head", values="value").reset_index()  # noqa: PD010


def _wide_xlsx(base: Path, folder: Path) -> Path:
    """A column per item and rater; sessions and outcome as xlsx found by their names."""
    folder = _mapped(base, folder, f"""
[tables.ratings]
file = "own/ratings.xlsx"
sheet = "Daten"
{MISSING}
[tables.mood]
file = "BDI.xlsx"
map = {{ "Pat.-Nr." = "patient", "Sitzung" = "session", "Item 1" = "m1" }}
missing = {{ "-99" = "NR" }}
""")  # fmt: skip
    (folder / "own").mkdir()
    with pd.ExcelWriter(folder / "own" / "ratings.xlsx") as book:
        pd.DataFrame({"a": [1]}).to_excel(book, sheet_name="Info", index=False)
        _wide(base, "{item}_{rater}").to_excel(book, sheet_name="Daten", index=False)
    sessions = pd.read_csv(folder / "sessions.csv", dtype={"patient": str})
    sessions.assign(date=pd.to_datetime(sessions["date"])).to_excel(folder / "sessions.xlsx", index=False)
    (folder / "sessions.csv").unlink()
    mood = pd.read_csv(folder / "outcomes" / "mood.csv", dtype={"patient": str}).replace("NR", "-99")
    mood[["m1", "m2", "m3"]] = mood[["m1", "m2", "m3"]].astype(int)
    heads = {"patient": "Pat.-Nr.", "session": "Sitzung", "m1": "Item 1"}
    mood.rename(columns=heads).to_excel(folder / "BDI.xlsx", index=False)
    (folder / "outcomes" / "mood.csv").unlink()
    return folder


def _sav(base: Path, folder: Path) -> Path:
    """A column per item; the missing codes are declared in the file, with labels; the nominal item is a text."""
    pyreadstat = pytest.importorskip("pyreadstat")
    folder = _mapped(base, folder, f'[tables.ratings]\nfile = "ratings.sav"\n{MISSING}\n')
    long = _long(base).rename(columns={"session_id": "tape"})
    wide = long.pivot(index=["tape", "rater"], columns="item", values="value").reset_index()  # noqa: PD010
    kind = wide["kind"].astype(str)
    wide = wide.astype(dict.fromkeys((*ITEMS, "minutes"), float)).assign(kind=kind)
    pyreadstat.write_sav(
        wide, str(folder / "ratings.sav"), missing_ranges={name: [-99, -98] for name in (*ITEMS, "minutes")},
        variable_value_labels={"warm": {1: "not at all", 7: "very much", -99: "not ratable"}},
    )  # fmt: skip
    declared = (folder / "study.toml").read_text()
    mapped = declared.replace('file = "ratings.sav"\n', 'file = "ratings.sav"\nmap = { tape = "session_id" }\n')
    (folder / "study.toml").write_text(mapped, encoding="utf-8")
    return folder


def _redcap(base: Path, folder: Path) -> Path:
    """Forms in one file: a row per record, instance of the rating form (the session), and other forms between."""
    folder = _mapped(base, folder, f"""
[tables.ratings]
file = "DATA_2021.csv"
{MISSING}
[tables.mood]
file = "DATA_2021.csv"
missing = {{ "-99" = "NR" }}
""")  # fmt: skip
    wide = _wide(base, "{rater}_{item}").rename(columns={"patient": "record_id", "session": "redcap_repeat_instance"})
    mood = pd.read_csv(folder / "outcomes" / "mood.csv", dtype={"patient": str}).replace("NR", -99)
    mood = mood.rename(columns={"patient": "record_id", "session": "redcap_repeat_instance"})
    parts = [wide.assign(redcap_repeat_instrument="own_scale"), mood.assign(redcap_repeat_instrument="mood_scale")]
    first = pd.DataFrame({"record_id": wide["record_id"].unique(), "sex": 1})
    pd.concat([first, *parts]).to_csv(folder / "DATA_2021.csv", index=False)
    (folder / "outcomes" / "mood.csv").unlink()
    return folder


@pytest.fixture(scope="module")
def expected(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workbooks") / "study"
    shutil.copytree(base, folder)
    return _run(folder)


READING = {"files.csv", "problems.csv"}


def _numbers(report: Path) -> dict[str, object]:
    """What a run estimated, without the log of what was read."""
    record = json.loads((report / "results.json").read_text(encoding="utf-8"))
    return {key: value for key, value in record.items() if key not in ("files", "problems", "study", "headlines")}


def _same(report: Path, expected: Path) -> None:
    """Every number and every table but the log of what was read."""
    assert _numbers(report) == _numbers(expected)
    tables = sorted(path.name for path in (expected / "tables").glob("*.csv") if path.name not in READING)
    assert tables == sorted(path.name for path in (report / "tables").glob("*.csv") if path.name not in READING)
    for name in tables:
        assert (report / "tables" / name).read_text() == (expected / "tables" / name).read_text(), name
    assert (report / "row_ledger.csv").read_text() == (expected / "row_ledger.csv").read_text()


MAKERS = [_long_csv, _wide_xlsx, _sav, _redcap]


@pytest.mark.parametrize("make", MAKERS)
def test_the_same_numbers_whatever_the_file(make, base: Path, expected: Path, tmp_path: Path, undrawn: None):
    report = _run(make(base, tmp_path / "study"))
    _same(report, expected)
    said = pd.read_csv(report / "tables" / "problems.csv")
    assert "layout_read" in set(said["code"])
    files = pd.read_csv(report / "tables" / "files.csv")
    assert len(files) == 1
    assert files["file"][0] in ("ratings.csv", "ratings.xlsx", "ratings.sav", "DATA_2021.csv")


def _shuffle_csv(path: Path, seed: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    first = 2 if lines[0].startswith(b"sep=") else 1
    body = lines[first:]
    random.Random(seed).shuffle(body)
    path.write_bytes(b"".join([*lines[:first], *body]))


def _shuffle_sheet(path: Path, name: str, head: int, seed: int) -> None:
    """Other rows first, as after sorting by a column in Excel."""
    book = openpyxl.load_workbook(path)
    sheet = book[name]
    body = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=head + 1)]
    filled = [row for row in body if row[0] is not None]
    random.Random(seed).shuffle(filled)
    for place, row in enumerate(filled, start=head + 1):
        for column, value in enumerate(row, start=1):
            sheet.cell(place, column).value = value
    book.save(path)


def _shuffle_sav(path: Path, seed: int) -> None:
    pyreadstat = pytest.importorskip("pyreadstat")
    frame, meta = pyreadstat.read_sav(str(path), user_missing=True)
    ranges = {name: meta.missing_ranges[name] for name in meta.missing_ranges}
    pyreadstat.write_sav(frame.sample(frac=1, random_state=seed), str(path), missing_ranges=ranges)


@pytest.mark.parametrize(("make", "seed"), [(None, 1), (None, 2), *((make, 1) for make in MAKERS)])
def test_the_same_numbers_in_whatever_order_of_rows(
    make, seed: int, base: Path, expected: Path, tmp_path: Path, undrawn: None
):
    """Ratings, answers, sessions and patients; two orders of workbooks, one of each table (more seeds by hand)."""
    if make is None:
        folder = tmp_path / "study"
        shutil.copytree(base, folder)
        for number, path in enumerate(sorted((folder / "incoming").glob("*.xlsx"))):
            _shuffle_sheet(path, RATE, HEADER_ROW, seed)
            path.rename(path.with_name(f"{9 - number} mine.xlsx"))
    else:
        folder = make(base, tmp_path / "study")
    for path in sorted([*folder.glob("*.csv"), *(folder / "outcomes").glob("*.csv")]):
        _shuffle_csv(path, seed)
    for path in folder.glob("*.sav"):
        _shuffle_sav(path, seed)
    for path, name in (("own/ratings.xlsx", "Daten"), ("sessions.xlsx", "Sheet1"), ("BDI.xlsx", "Sheet1")):
        if (folder / path).is_file():
            _shuffle_sheet(folder / path, name, 1, seed)
    _same(_run(folder), expected)


def test_the_same_numbers_from_a_workbook_and_a_table_side_by_side(
    base: Path, expected: Path, tmp_path: Path, undrawn: None
):
    """One rater sent a workbook, what the others rated stands in a table that was imported."""
    folder = _long_csv(base, tmp_path / "study")
    (folder / "incoming").mkdir()
    shutil.copy(base / "incoming" / "J2_own_batch01.xlsx", folder / "incoming" / "J2_own_batch01.xlsx")
    table = pd.read_csv(folder / "ratings.csv", sep=";", dtype=str)
    table[table["Rater"] != "J2"].to_csv(folder / "ratings.csv", index=False, sep=";")
    _same(_run(folder), expected)
