"""The ledger in a real server of PostgreSQL, where its programs are installed (Debian: apt-get install postgresql)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from doublecode.analysis.study.run import read_study, store
from doublecode.coding import Ledger
from doublecode.coding.intake.ledger_merge import merge_ledgers
from doublecode.schemas.study import load_study

KEPT = Path(__file__).parents[2] / "cases" / "study_before_store"
BIN = next((path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]), None)
SERVANT = "nobody"
"""Whom the server runs as where the tests run as root, whom it refuses."""
pytest.importorskip("psycopg", reason="the extra postgres is not installed")
pytestmark = pytest.mark.skipif(BIN is None or os.name == "nt", reason="no server of PostgreSQL is installed here")
IMPORT = """
import sys
import tempfile
from doublecode.coding.intake.imports import import_study
from doublecode.schemas.study import load_study
print(len(import_study(load_study(sys.argv[1])).taken.new))
"""


def call(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, **user())
    assert done.returncode == 0, done.stdout + done.stderr


def user() -> dict[str, str]:
    return {"user": SERVANT} if os.geteuid() == 0 else {}


@pytest.fixture(scope="module")
def server():
    place = Path(tempfile.mkdtemp(prefix="pg"))  # the path of a socket is short, and pytest's folders are nobody's
    data = place / "data"
    data.mkdir()
    for path in (place, data) if os.geteuid() == 0 else ():
        shutil.chown(path, SERVANT)
    call(str(BIN / "initdb"), "-D", str(data), "-A", "trust", "-U", "doublecode", "-E", "UTF8", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={place} -c fsync=off"
    call(str(BIN / "pg_ctl"), "-D", str(data), "-w", "-l", str(place / "log"), "-o", options, "start")
    yield place
    call(str(BIN / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
    shutil.rmtree(place)


@pytest.fixture
def address(server, request):
    name = request.node.name.replace("[", "_").replace("]", "")[-40:]
    call(str(BIN / "createdb"), "-h", str(server), "-U", "doublecode", name)
    return f"postgresql://doublecode@/{name}?host={server}"


@pytest.fixture
def folder(tmp_path, address):
    study = Path(shutil.copytree(KEPT, tmp_path / "study"))
    (study / "ledger.sqlite").unlink()
    told = (study / "study.toml").read_text(encoding="utf-8")
    (study / "study.toml").write_text(f'ledger = "{address}"\n{told}', encoding="utf-8")
    return study


def test_a_study_keeps_its_ledger_in_a_server(folder, address, tmp_path):
    intake = read_study(folder)
    store(intake)
    store(read_study(folder))
    with Ledger(address) as ledger:
        assert ledger.verify() == ()
        assert len(ledger.files()) == 3
        assert ledger.history(session="1", rater="R2")["value"].notna().all()
    (folder / "incoming" / "R1_warmth_b2.xlsx").rename(tmp_path / "away.xlsx")
    again = read_study(folder)
    assert again.absent == ("R1_warmth_b2.xlsx",)
    assert again.ratings.equals(intake.ratings)
    assert "ledger" not in load_study(folder).model_dump()  # an address may hold a name
    with Ledger(address) as ledger:
        ledger.withdraw("R1_warmth_b2.xlsx", "taken back")
        ledger.erase("P1", "withdrew consent")
        assert ledger.verify() == ()
        assert "P1" not in set(ledger.history()["patient"])
        with Ledger(KEPT / "ledger.sqlite") as other:
            assert merge_ledgers(ledger, other, "berlin").n_files == 5
        assert ledger.verify() == ()
    assert not (folder / "ledger.sqlite").exists()


def test_several_imports_at_once_store_each_file_once(folder, address):
    command = [sys.executable, "-c", IMPORT, str(folder)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [one.communicate(timeout=240) for one in running]
    assert [one.returncode for one in running] == [0, 0, 0], answers
    assert sorted(int(out) for out, _ in answers) == [0, 0, 3]
    with Ledger(address) as ledger:
        assert ledger.verify() == ()
        assert len(ledger.files()) == 3


def test_readers_do_not_wait_for_a_writer(folder, address):
    store(read_study(folder))
    with Ledger(address) as one, Ledger(address) as other, one._transaction(writes=True) as connection:
        connection.execute(one.tables.tables["schema_version"].delete())
        connection.execute(one.tables.tables["files"].select())
        assert len(other.ratings()) == 60
        with other._transaction(), Ledger(address) as third:
            assert len(third.files()) == 3
