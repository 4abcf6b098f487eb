"""Pieces of work on one core, on two, with workers lost, and after an interruption: the same answers."""

import os
import signal
import time
from pathlib import Path

import pytest

from doublecode.analysis.results import spread_work as module
from doublecode.analysis.results.spread_work import Workers, spread_work
from doublecode.schemas.errors import UsageError
from tests.conftest import script

PIECES = {f"piece {i}": i for i in range(9)}


@pytest.fixture(autouse=True)
def found_by_other_processes(monkeypatch):
    """The functions of this file are imported by name there, from the folder that pytest names it by."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))


def squared(number):
    return {"square": number**2, "share": number / 3, "none": float("nan")}


def interrupted(number):
    if number == 5:
        raise KeyboardInterrupt
    return number


def counted(piece):
    number, folder = piece
    (Path(folder) / f"{number}-{os.getpid()}-{len(os.listdir(folder))}").touch()
    return number


def lost_once(piece):
    number, folder = piece
    mark = Path(folder) / "lost"
    if number == 4 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def always_lost(_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_two_cores_give_what_one_gives():
    one, two = (spread_work(squared, PIECES, Workers(jobs=n)) for n in (1, 2))
    assert repr(one) == repr(two)
    assert list(two) == list(PIECES)
    assert two["piece 7"]["share"] == 7 / 3


def test_a_repeat_does_what_is_left(tmp_path):
    kept, marks = tmp_path / "kept", tmp_path / "marks"
    marks.mkdir()
    with pytest.raises(KeyboardInterrupt):
        spread_work(interrupted, PIECES, Workers(keep=kept))
    assert len(list(kept.iterdir())) == 5
    pieces = {str(i): (i, str(marks)) for i in range(6)}
    some = dict(list(pieces.items())[:4])
    assert spread_work(counted, some, Workers(keep=kept)) == {str(i): i for i in range(4)}
    assert spread_work(counted, pieces, Workers(keep=kept)) == {str(i): i for i in range(6)}
    assert len(list(marks.iterdir())) == 6
    seen = []
    spread_work(counted, pieces, Workers(keep=kept), lambda *now: seen.append(now), "Counting")
    assert seen == [("Counting", 6, 6)]


def test_what_is_kept_and_cannot_be_read_is_named(tmp_path):
    spread_work(squared, PIECES, Workers(keep=tmp_path))
    place = next(tmp_path.iterdir())
    place.write_text('{"piece": "other", "answer": 1}', encoding="utf-8")
    with pytest.raises(UsageError, match=rf"{place.name}: what an earlier run kept cannot be read"):
        spread_work(squared, PIECES, Workers(keep=tmp_path))


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_a_lost_worker_is_replaced(tmp_path, monkeypatch):
    pieces = {str(i): (i, str(tmp_path)) for i in range(8)}
    assert spread_work(lost_once, pieces, Workers(jobs=2)) == {str(i): i for i in range(8)}
    monkeypatch.setattr(module, "MOST_LOST", 2)
    with pytest.raises(UsageError, match=r"workers were lost again and again.*2 of 2 pieces are left"):
        spread_work(always_lost, {"a": 1, "b": 2}, Workers(jobs=2))


def test_a_worker_that_leaves_while_work_comes_is_replaced(monkeypatch):
    """joblib warns of it in a thread of its own; as an error, which it is here, that would be waited for in vain."""
    monkeypatch.setattr(module, "IDLE", 0.02)
    for _ in range(6):
        assert spread_work(squared, PIECES, Workers(jobs=2))["piece 2"]["square"] == 4
        time.sleep(0.02)


@pytest.mark.parametrize(("given", "message"), [
    ({"jobs": 0}, "jobs is 0; allowed: a whole number from 1 on"),
    ({"jobs": 2, "scheduler": "tcp://a:1"}, "take one of them"),
    ({"keep": Path(__file__)}, "is a file; allowed: a folder"),
])  # fmt: skip
def test_what_cannot_be(given, message):
    with pytest.raises(UsageError, match=message):
        Workers(**given)


def test_no_scheduler_is_said():
    pytest.importorskip("distributed")
    with pytest.raises(UsageError, match="no Dask scheduler answers at nowhere"):
        spread_work(squared, PIECES, Workers(scheduler="nowhere://x:1"))


def test_a_cluster_gives_what_one_core_gives():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        found = spread_work(squared, PIECES, Workers(scheduler=cluster.scheduler_address))
    assert repr(found) == repr(spread_work(squared, PIECES, Workers()))


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_a_cluster_that_loses_its_workers_says_so():
    distributed, dask = pytest.importorskip("distributed"), pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        pytest.raises(UsageError, match=r"workers were lost again and again.*1 of 1 pieces are left"),
    ):
        spread_work(always_lost, {"a": 1}, Workers(scheduler=cluster.scheduler_address))


def says(name, number):
    print(f"{name}: {number**2}")


def test_conditions_of_a_simulation_print_in_their_order(tmp_path, capsys):
    spread = script("simulations/spread.py")
    words = ["name.py", "--jobs", "2", "500", "--keep", str(tmp_path / "kept")]
    workers = spread.taken_out(words)
    assert (words, workers) == (["name.py", "500"], Workers(2, None, tmp_path / "kept"))
    conditions = [(says, "first", 3), (says, "second", 2), (says, "third", 1)]
    spread.run_conditions(conditions, Workers())
    plain = capsys.readouterr().out
    assert plain == "first: 9\nsecond: 4\nthird: 1\n"
    for told in (["1 of 3", "2 of 3", "3 of 3"], []):
        spread.run_conditions(conditions, Workers(keep=tmp_path / "kept"))
        out, err = capsys.readouterr()
        assert out == plain
        assert err.split("\n")[1:-1] == told


def test_conditions_of_a_script_that_was_changed_are_run_again(tmp_path):
    spread, found = script("simulations/spread.py"), []
    for number in (1, 1, 2):
        (tmp_path / "one.py").write_text(f"def tells():\n    print({number})\n")
        space: dict = {}
        exec(compile((tmp_path / "one.py").read_text(), tmp_path / "one.py", "exec"), space)
        found.append(spread.written(space["tells"]))
    assert found[0] == found[1] != found[2]
