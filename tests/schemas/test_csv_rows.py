from __future__ import annotations

import pytest

from doublecode.schemas.csv_rows import read_csv_rows
from doublecode.schemas.errors import ContractError, DuplicateError
from doublecode.schemas.frames import SESSIONS, THERAPISTS
from doublecode.schemas.table_files import read_table

HEADS = "session_id,patient,therapist,session,date,minutes,phase,status,reason,recording"


def table(tmp_path, text, encoding="utf-8", contract=THERAPISTS):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return read_table(path, contract)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheet_programs_save_as_csv_is_read_alike(tmp_path, encoding, delimiter):
    text = "name,therapist\r\nMüller,T1\r\n,,\r\n\r\nWeiß,T2\r\nshort\r\n".replace(",", delimiter)
    frame = table(tmp_path, text.replace("short\r\n", ""), encoding)
    assert frame.to_dict("list") == {"name": ["Müller", "Weiß"], "therapist": ["T1", "T2"]}
    with pytest.raises(ContractError, match="line 6: the row has 1 cells, the heads 2"):
        table(tmp_path, text, encoding)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", r"t\.csv: the file is empty. Columns: therapist"),
        (b"\n\n", "the file is empty"),
        (b"therapist\nT1,2,3\nT2\n", r"line 2: found '2' under no head; the row has 3 cells, the heads 1. Put"),
        (b"therapist,x\n\nT1,1\nT2,2,3\n", r"line 4: found '3' under no head"),
        (b'therapist,x\nT1,1\n"T2,2\nT3,3\n', r"from line 3 on: the quotation marks do not match"),
        (b"therapist,therapist\nT1,T2\n", "the column 'therapist' stands twice"),
        (
            b"PK\x03\x04\0\0therapist",
            r"t\.csv: is a workbook under the name of a text file\. Call it by its own ending",
        ),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rtherapist", "is no text but another kind of file"),
        (b"therapist\n\x81\n", "in an encoding that is not known here"),
    ],
)
def test_a_table_that_cannot_be_read_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(ContractError, match=message):
        table(tmp_path, text)


def test_an_unnamed_index_column_is_passed_over(tmp_path):
    assert table(tmp_path, ",therapist\n0,T1\n1,T2\n")["therapist"].tolist() == ["T1", "T2"]


@pytest.mark.parametrize("minutes", ["1,250", "inf", "fifty"])
def test_a_number_is_named_with_the_line_on_which_it_stands(tmp_path, minutes):
    rows = f'{HEADS}\n\nS-1,P1,T1,1,,50,main,held,"two\nlines",\nS-2,P1,T1,2,,"{minutes}",main,held,,\n'
    with pytest.raises(ContractError, match=rf"'minutes', line 5: found '{minutes}', allowed a number"):
        table(tmp_path, rows, contract=SESSIONS)


def test_a_decimal_comma_beyond_doubt_is_one(tmp_path):
    rows = f'{HEADS}\nS-1,P1,T1,1,,"45,5",main,held,,\nS-2,P1,T1,2,,50,main,held,,\n'
    assert table(tmp_path, rows, contract=SESSIONS)["minutes"].tolist() == [45.5, 50.0]


def test_two_sessions_never_share_an_id(tmp_path):
    rows = f"{HEADS}\nS-1,P1,T1,1,,50,main,held,,\nS-1,P2,T1,1,,50,main,held,,\n"
    with pytest.raises(DuplicateError, match="session_id = S-1 stands in lines 2 and 3"):
        table(tmp_path, rows, contract=SESSIONS)


def test_very_long_cells_are_no_obstacle():
    rows = read_csv_rows(b'id,text\n1,"' + b"x" * 200_000 + b'"\n', ["id"], "a.csv").rows
    assert len(rows[1][1]) == 200_000


@pytest.mark.parametrize(
    ("phase", "status", "message"),
    [
        ("Main", "held", "column 'phase', line 3: found 'Main', allowed main or pilot. Correct it."),
        ("training", "held", "found 'training', allowed main or pilot"),
        ("main", "not rated", "column 'status', line 3: found 'not rated', allowed held or not_rated"),
    ],
)
def test_a_word_that_no_analysis_knows_does_not_drop_a_session(tmp_path, phase, status, message):
    rows = f"{HEADS}\nS-1,P1,T1,1,,50,main,held,,\nS-2,P1,T1,2,,50,{phase},{status},,\n"
    with pytest.raises(ContractError, match=message):
        table(tmp_path, rows, contract=SESSIONS)
