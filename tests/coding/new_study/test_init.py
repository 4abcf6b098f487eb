"""A study folder from a list of sessions: heads of labs, in any format, to a study that loads and can be allocated."""

from __future__ import annotations

import csv
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from doublecode.analysis.study.run import read_study
from doublecode.coding.new_study.folder import Wishes, plan_study, write_study
from doublecode.coding.new_study.heads import Meaning, guess_meanings, plain_name
from doublecode.coding.reading.outcomes import read_outcomes
from doublecode.schemas.errors import DoublecodeError, UsageError
from doublecode.schemas.study import load_study

GERMAN = "Pat.-Nr.;Sitzung;Datum;Therapeut;Dauer (min);Alter;Stimmung\n"
ROWS = "K1;1;03.04.2023;T1;50,5;30;2,5\nK1;2;10.04.2023;T1;48;30;3\nK2;1;20.04.2023;T2;51;41;1,5\n"


def made(tmp_path: Path, text: str, **wishes: object) -> Path:
    file = tmp_path / "liste.csv"
    file.write_bytes(text.encode("cp1252"))
    given = {"sessions": file, "raters": ("anna", "ben"), "instruments": ("ghes",)} | wishes
    return write_study(plan_study(tmp_path / "study", Wishes(**given)))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (["Pat.-Nr.", "Sitzung", "Therapeut/in"], ["patient", "session", "therapist"]),
        (["Klient", "Nr", "Länge"], ["patient", "session", "minutes"]),
        (["Client ID", "Session no.", "Date", "Clinician"], ["patient", "session", "date", "therapist"]),
        (["Code", "Sitzungsnr.", "Datum", "Dauer in Min"], ["patient", "session", "date", "minutes"]),
        (["VP", "Stunde", "Audiodatei", "Name"], ["patient", "session", "recording", "leave_out"]),
        (["participant_id", "visit", "duration_min", "age"], ["patient", "session", "minutes", "keep"]),
    ],
)
def test_heads_are_guessed(heads, expected):
    assert list(guess_meanings(heads, {}, "list.csv").values()) == [Meaning(word) for word in expected]


def test_an_ambiguous_head_is_refused_with_the_option_that_settles_it():
    with pytest.raises(UsageError, match=r"'Patient' and 'Klient' may both be the patient.*--map \"Patient=patient\""):
        guess_meanings(["Patient", "Klient", "Sitzung"], {}, "list.csv")
    told = {"Patient": "patient", "Klient": "keep"}
    assert guess_meanings(["Patient", "Klient"], told, "list.csv")["Klient"] is Meaning.KEEP
    with pytest.raises(UsageError, match=r"found 'pateint', allowed: .*did you mean 'patient'"):
        guess_meanings(["X"], {"X": "pateint"}, "list.csv")


def test_a_german_list_becomes_tables_with_points_and_iso_dates(tmp_path):
    folder = made(tmp_path, GERMAN + ROWS)
    sessions = rows_of(folder / "sessions.csv")
    assert [row["date"] for row in sessions] == ["2023-04-03", "2023-04-10", "2023-04-20"]
    assert [row["minutes"] for row in sessions] == ["50.5", "48", "51"]
    assert {row["status"] for row in sessions} == {"held"}
    assert [row["stimmung"] for row in sessions] == ["2.5", "3", "1.5"]  # it varies: a column of sessions
    assert [row["alter"] for row in rows_of(folder / "patients.csv")] == ["30", "41"]  # one value each: of patients
    assert rows_of(folder / "therapists.csv") == [{"therapist": "T1"}, {"therapist": "T2"}]
    assert all(re.fullmatch(r"S-[2-9A-Z]{4}", row["session_id"]) for row in sessions)
    assert {path.name for path in folder.iterdir()} >= {"incoming", "outgoing", "outcomes", "keys", "README.md"}


def test_with_dates_only_sessions_are_numbered_within_each_patient_and_it_is_said(tmp_path):
    text = "Klient;Datum\nA;10.04.2023\nA;03.04.2023\nB;20.04.2023\n"
    file = tmp_path / "liste.csv"
    file.write_text(text)
    study = plan_study(tmp_path / "study", Wishes(file, ("anna",), ("ghes",)))
    assert study.said == ("Sessions were numbered by date within each patient, from 1.",)
    write_study(study)
    sessions = rows_of(tmp_path / "study" / "sessions.csv")
    assert [(row["patient"], row["session"], row["date"]) for row in sessions] == [
        ("A", "1", "2023-04-03"), ("A", "2", "2023-04-10"), ("B", "1", "2023-04-20"),
    ]  # fmt: skip
    assert "therapist" not in sessions[0]
    assert not (tmp_path / "study" / "therapists.csv").exists()


@pytest.mark.parametrize("kind", ["xlsx", "sav", "tsv"])
def test_every_format_gives_the_same_tables(tmp_path, kind):
    expected = made(tmp_path, GERMAN + ROWS)
    frame = pd.DataFrame(
        {"pat_nr": ["K1", "K1", "K2"], "sitzung": [1, 2, 1], "datum": ["2023-04-03", "2023-04-10", "2023-04-20"],
         "therapeut": ["T1", "T1", "T2"], "dauer": [50.5, 48, 51], "alter": [30, 30, 41], "stimmung": [2.5, 3, 1.5]}
    )  # fmt: skip
    file = tmp_path / f"list.{kind}"
    if kind == "sav":
        pytest.importorskip("pyreadstat").write_sav(frame, str(file))
    elif kind == "tsv":
        frame.to_csv(file, sep="\t", index=False, encoding="utf-16")
    else:
        frame.to_excel(file, index=False)
    folder = write_study(plan_study(tmp_path / "other", Wishes(file, ("anna", "ben"), ("ghes",))))
    for name in ("sessions.csv", "patients.csv", "therapists.csv"):
        assert (folder / name).read_text() == (expected / name).read_text(), name


def test_recordings_are_blinded_and_names_stay_out(tmp_path):
    folder = made(tmp_path, "Patient,Session,File,Surname\nP1,1,P1_first.mp4,Miller\n")
    (row,), (key,) = rows_of(folder / "sessions.csv"), rows_of(folder / "keys" / "recordings.csv")
    assert row["recording"] == f"{row['session_id']}.mp4" == key["recording"]
    assert key["original"] == "P1_first.mp4"
    assert all("Miller" not in path.read_text() for path in folder.rglob("*.csv"))


def outcome_of(tmp_path: Path, text: str, **wishes: object) -> Path:
    (tmp_path / "bdi.csv").write_bytes(text.encode("cp1252"))
    return made(tmp_path, GERMAN + ROWS, outcomes=(tmp_path / "bdi.csv",), **wishes)


def test_an_outcome_with_a_total_gets_a_codebook_and_is_read(tmp_path):
    folder = outcome_of(tmp_path, "sep=;\nPat.-Nr.;Sitzung;BDI-II Summe\nK1;1;30\nK1;2;27\nK2;1;\n")
    study = load_study(folder)
    items, problems = read_outcomes(study)
    assert [(row.patient, row.session, row.value) for row in items.itertuples()] == [("K1", 1, 30), ("K1", 2, 27)]
    assert [one for one in problems if one.severity == "error"] == []
    assert study.use("bdi").source == "outcomes"
    assert (folder / "outcomes" / "source" / "bdi.csv").is_file()


def test_numbered_columns_are_items_and_their_range_is_said_to_be_what_was_found(tmp_path):
    text = "Pat.-Nr.;Sitzung;bdi1;bdi2\nK1;1;0;3\nK1;2;1;2\n"
    (tmp_path / "bdi.csv").write_text(text)
    file = tmp_path / "liste.csv"
    file.write_bytes((GERMAN + ROWS).encode("cp1252"))
    study = plan_study(tmp_path / "study", Wishes(file, ("anna",), ("ghes",), (tmp_path / "bdi.csv",)))
    assert any(
        "2 items and their sum, range 0 to 3 as found. Write the true range, which items are" in line
        for line in study.said
    )
    made_up = tomllib.loads(study.files["bdi.toml"].decode())
    assert [(item["name"], item["minimum"], item["maximum"]) for item in made_up["items"]] == [
        ("bdi1", 0, 3),
        ("bdi2", 0, 3),
    ]


def test_a_shipped_outcome_is_known_by_its_items(tmp_path):
    items = "interest,mood,sleep,energy,appetite,self_worth,concentration,psychomotor,self_harm"
    folder = outcome_of(tmp_path, f"Patient,Datum,{items}\nK1,2023-04-10,0,1,2,3,0,1,2,3,0\n")
    assert rows_of(folder / "outcomes" / "phq9.csv")[0]["session"] == "2"  # by the date of the session
    assert load_study(folder).use("phq9").source == "outcomes"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Pat.-Nr.;Sitzung\nK1;1\nK1;1\n", r"patient K1, session 1 stands in line 2 and line 3"),
        ("Pat.-Nr.;Sitzung\nK1;0\n", r"line 2: Sitzung: found '0', allowed a session number: whole, from 1"),
        ("Pat.-Nr.;Sitzung\n;1\n", r"line 2: Pat.-Nr.: the patient is empty"),
        ("Pat.-Nr.;Alter\nK1;30\n", r"no column was understood as the number or the date of the session"),
        ("Alter;Ort\n30;Ulm\n", r"as the patient \(patient\) nor as the number or the date of the session"),
        ("Patient;Datum\nK1;03/04/2023\n", r"may be read in two ways. Add --dates dd/mm/yyyy or --dates mm/dd/yyyy"),
        ("Patient;Datum\nK1;morgen\n", r"found 'morgen'"),
        ("Patient;Sitzung;Dauer\nK1;1;lang\n", r"found 'lang', allowed minutes as a number"),
        ("Patient;Datum\nK1;2023-04-03\nK1;2023-04-03\n", r"K1 has two sessions on 2023-04-03"),
        ("Patient;Sitzung;session_id\nK1;1;S-1\nK1;2;S-1\n", r"the session id 'S-1' stands twice"),
        ("Patient;Sitzung\n", r"the table is empty"),
    ],
)
def test_what_is_wrong_in_a_list_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(DoublecodeError, match=message):
        made(tmp_path, text)
    assert not (tmp_path / "study").exists()


def test_nothing_is_overwritten(tmp_path):
    folder = made(tmp_path, GERMAN + ROWS)
    before = (folder / "study.toml").read_bytes()
    with pytest.raises(UsageError, match=r"are there already.*--overwrite"):
        made(tmp_path, GERMAN + ROWS, raters=("clara",))
    assert (folder / "study.toml").read_bytes() == before


@pytest.mark.parametrize("outcome", [False, True])
def test_every_comment_of_the_declaration_may_be_uncommented(tmp_path, outcome):
    text = "Pat.-Nr.;Sitzung;BDI Summe\nK1;1;30\nK1;2;27\n"
    folder = outcome_of(tmp_path, text) if outcome else made(tmp_path, GERMAN + ROWS)
    declared = (folder / "study.toml").read_text(encoding="utf-8")
    live = re.sub(r"(?m)^# (?=\[|\]|    |[a-z_]+ = )", "", declared)
    assert (live.count("[[series]]"), live.count("# [[series]]")) == (1, 0)
    (folder / "study.toml").write_text(live, encoding="utf-8")
    study = load_study(folder)
    assert study.series
    assert study.sample_columns


def test_names_of_columns_are_plain():
    assert [plain_name(head) for head in ("Größe (cm)", "2. Diagnose", "—")] == ["groesse_cm", "c_2_diagnose", "column"]


def test_further_variables_stand_there_as_examples_that_load(tmp_path):
    """Weeks, the session before, an item, minutes, a count of the log, a therapist's column: none was shown."""
    folder = made(tmp_path, GERMAN + ROWS, instruments=("ghes", "homework_log"))
    text = (folder / "study.toml").read_text(encoding="utf-8")
    before, examples, rest = re.split(r"(?=# ---- more columns, as examples|# ---- what is asked)", text)
    lines = [re.sub(r"^# (?=\[\[|[a-z]+ = )", "", line) for line in examples.splitlines()]
    (folder / "study.toml").write_text("\n".join([before, *lines, rest]), encoding="utf-8")
    (folder / "therapists.csv").write_text("therapist,training_years\nT1,3\nT2,9\n", encoding="utf-8")
    made_of = {one.name: one.origin for one in read_study(folder).study.variables}
    assert list(made_of)[-6:] == ["weeks", "he_before", "extent", "minutes", "given", "training"]
    assert made_of["he_before"] == "ghes: scale he, 1 session before"
    assert made_of["given"] == "homework_log: count assigned"
    assert made_of["training"] == "therapists.csv: training_years"


def test_examples_are_of_what_the_list_has(tmp_path):
    folder = made(tmp_path, "Patient;Sitzung\nK1;1\nK1;2\n")
    text = (folder / "study.toml").read_text(encoding="utf-8")
    assert not re.findall(r"time = |training_years|count = |minutes", text)
    assert "# lag = 1 # the value of the session before" in text
