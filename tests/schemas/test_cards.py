"""Instruments and studies print as readable cards."""

from importlib.resources import files
from pathlib import Path

import pytest

from doublecode.schemas import Study, load_instrument, load_study
from doublecode.schemas.cards import Card, table_of
from doublecode.schemas.instrument import shipped_instruments

STUDIES = Path(str(files("doublecode.data_examples") / "telephone_cbt")).parent


def test_an_instrument_says_what_is_coded_and_how_it_is_scored():
    lines = str(load_instrument("sthar")).splitlines()
    assert lines[0] == "Scale for Therapeutic Homework Assignment and Review (StHAR)"
    assert lines[1].split() == ["Name", "sthar,", "version", "1.0"]
    words = [" ".join(line.split()) for line in lines]
    assert "a_rationale Assigning: rationale ordinal 0–4 or IN/NR" in words
    assert "r_discussing Reviewing: homework discussed ordinal 0–4 or NA/IN/NR NA only in session 1" in words
    (lagged,) = [line for line in lines if line.startswith("tbh ")]
    assert "mean of 8" in lagged
    assert lagged.count("a_rationale") == 2, "the item stands among its items and among those of the session before"


def test_what_is_said_of_an_item():
    assert "0–4 or NA/IN/NR   reversed" in str(load_instrument("ghes"))
    log = str(load_instrument("homework_log"))
    assert "4 times, may stay empty" in log
    assert "Scales" not in log, "an instrument without scales has no table of them"
    assert "To be heard  minutes 5 to 20" in str(load_instrument("initial_resistance"))


@pytest.mark.parametrize("name", shipped_instruments())
@pytest.mark.parametrize("width", [80, 100, 120])
def test_cards_stay_within_the_width_and_lose_no_word(name, width):
    book = load_instrument(name)
    text = book.card.text(width)
    assert max(map(len, text.splitlines())) <= width
    flat = "".join(text.split())
    for item in book.items:
        words = [item.name, *item.meanings.values()]
        assert all("".join(word.split()) in flat for word in words if len(word) < 8)
        assert item.hint == "" or item.hint.split()[0] in text
    assert all("".join(line.split()) in flat for line in (*book.citation.splitlines(), book.rights, book.notes))


def test_several_sources_stand_on_lines_of_their_own_and_bands_are_shown():
    lines = [line.strip() for line in str(load_instrument("homework_quantity_quality")).splitlines()]
    assert any(line.startswith("The development of the Homework Adherence") for line in lines)
    assert any(line.split() == ["total", "moderate", "10–14"] for line in str(load_instrument("phq9")).splitlines())


def test_a_study_says_what_it_has_and_what_it_declares():
    text = str(load_study(STUDIES / "telephone_cbt"))
    lines = text.splitlines()
    assert lines[0] == "Homework engagement in telephone CBT (synthetic study)"
    assert "Patients     152 (22 completed, 130 not_included)" in lines
    assert "Raters       R1, R2, R3, R4, R5, A1" in lines
    assert any(line.startswith("phq9 ") and "outcome" in line for line in lines)
    assert any(line.split()[:3] == ["he_course", "series", "Course"] for line in lines)


def test_regressions_and_comparisons_are_shown_as_formulas():
    text = str(load_study(STUDIES / "adolescent_cbt"))
    assert "hw2 ~ rationale_s1 * ir + hispanic" in text
    assert "hw3 ~ therapist" in text


def test_a_study_without_a_folder_counts_nothing():
    study = Study.model_validate({"name": "toy", "title": "Toy", "instruments": ({"name": "phq9"},)})
    assert "Patients" not in str(study)
    assert "Declared models" not in str(study)


def test_a_wrong_table_is_said_and_not_raised(tmp_path):
    (tmp_path / "study.toml").write_text('name = "toy"\ntitle = "Toy"\ninstruments = [{ name = "phq9" }]\n')
    (tmp_path / "patients.csv").write_text("patient\nP1\n")
    assert "the table is wrong: patients.csv" in " ".join(str(load_study(tmp_path)).split())


@pytest.mark.parametrize("name", shipped_instruments())
def test_no_card_is_wider_than_a_hundred_columns(name):
    book = load_instrument(name)
    assert max(map(len, str(book).splitlines())) <= 100
    assert book._repr_html_().count("<table>") == 1 + sum(bool(table.rows) for table in book.card.tables)


@pytest.mark.parametrize("name", ["telephone_cbt", "adolescent_cbt"])
def test_a_notebook_shows_the_same_card(name):
    study = load_study(STUDIES / name)
    assert max(map(len, str(study).splitlines())) <= 100
    html = study._repr_html_()
    assert html.startswith(f"<p><b>{study.title}</b></p>")
    assert html.count("<caption>") == 2


def test_a_card_escapes_what_looks_like_markup():
    card = Card("A < B", (("Name", "a&b"), ("Nothing", "")), (table_of("T", ("x", "y"), [("<i>", "")]),))
    assert card.html() == (
        '<p><b>A &lt; B</b></p><table><tbody><tr><th style="text-align:left">Name</th>'
        '<td style="text-align:left">a&amp;b</td></tr></tbody></table>'
        '<table><caption>T</caption><thead><tr><th style="text-align:left">x</th></tr></thead>'
        '<tbody><tr><td style="text-align:left">&lt;i&gt;</td></tr></tbody></table>'
    )
