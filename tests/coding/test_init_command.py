"""``doublecode init``: asks at a terminal, never hangs without one, shows what it understood."""

from __future__ import annotations

import sys

import pytest
import typer

from doublecode.analysis.cli import app as cli

LIST = "Pat.-Nr.;Sitzung;Datum;Therapeut\nK1;1;03.04.2023;T1\nK1;2;10.04.2023;T1\nK2;1;05.04.2023;T2\n"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "liste.csv").write_text(LIST, encoding="utf-8")

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["doublecode", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code or 0, out, err

    return call


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        ((), "--sessions"),
        (("--sessions", "liste.csv"), "--raters"),
        (("--sessions", "liste.csv", "--raters", "a"), "--instruments"),
    ],
)
def test_without_a_terminal_the_missing_option_is_named(run, given, lacking):
    code, _, err = run("init", "study", *given)
    assert (code, f"init: {lacking} is missing" in err) == (2, True)


def test_without_yes_the_guess_is_shown_and_nothing_is_written(run, tmp_path):
    code, out, err = run("init", "study", "--sessions", "liste.csv", "--raters", "a,b", "--instruments", "ghes")
    assert code == 2
    assert "Pat.-Nr." in out
    assert "session number" in out
    assert "nothing was written" in err
    assert not (tmp_path / "study").exists()


def test_from_a_list_to_workbooks(run, tmp_path):
    code, out, _ = run("init", "study", "--sessions", "liste.csv", "--raters", "a,b", "--instruments", "ghes", "--yes")
    assert (code, "3 sessions of 2 patients, 2 therapists" in out) == (0, True)
    assert run("allocate", "study", "--share", "0.4")[0] == 0
    assert run("template", "study")[0] == 0
    assert len(list((tmp_path / "study" / "outgoing").glob("*.xlsx"))) == 2
    again = run("init", "study", "--sessions", "liste.csv", "--raters", "a,b", "--instruments", "ghes", "--yes")
    assert (again[0], "study.toml is there already" in again[2]) == (2, True)


def test_at_a_terminal_it_asks_and_takes_no_for_an_answer(run, monkeypatch, tmp_path):
    answers = iter(["liste.csv", "a, b", "ghes", ""])
    monkeypatch.setattr("doublecode.coding.init_command.is_terminal", lambda: True)
    monkeypatch.setattr(typer, "prompt", lambda *words, **how: next(answers))
    monkeypatch.setattr(typer, "confirm", lambda *words, **how: False)
    code, _, err = run("init", "study")
    assert (code, "nothing was written" in err) == (2, True)
    answers = iter(["liste.csv", "a, b", "ghes", ""])
    monkeypatch.setattr(typer, "confirm", lambda *words, **how: True)
    assert run("init", "study")[0] == 0
    assert 'id = "b"' in (tmp_path / "study" / "study.toml").read_text(encoding="utf-8")


def test_a_mistyped_head_or_instrument_or_rater_is_named(run):
    known = ("init", "study", "--sessions", "liste.csv", "--yes", "--raters", "a,b", "--instruments")
    assert "did you mean 'Sitzung'" in run(*known, "ghes", "--map", "Sitzug=session")[2]
    assert "did you mean 'ghes'" in run(*known, "gehs")[2]
    wrong = ("init", "study", "--sessions", "liste.csv", "--yes", "--raters", "Anna Müller", "--instruments", "ghes")
    assert "an id begins with a letter or digit" in run(*wrong)[2]
