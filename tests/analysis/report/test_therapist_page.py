"""Pages of therapists: nothing on them depends on who the patients, raters and colleagues are, or on a date."""

import re
import zipfile
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from doublecode.analysis import read_study, therapist_pages
from doublecode.analysis.rendering.therapist_figures import behaviour_strips
from doublecode.analysis.report.therapist_folder import page_names, write_therapists
from doublecode.analysis.report.therapist_page import therapist_document
from doublecode.schemas.errors import UsageError
from doublecode.schemas.problems import Problem

TABLES = ("ratings", "outcomes", "sessions", "patients", "therapists")
STUDIES = Path(str(files("doublecode.data_examples")))


@pytest.fixture(scope="module")
def intake():
    found = read_study(STUDIES / "adolescent_cbt")
    row = found.ratings[found.ratings["therapist"] == "T1"].iloc[0]
    told = Problem("note_found", "x.xlsx", "Rate", "K9", row["session_id"], f'"{row["patient"]}: hard to hear"')
    return replace(found, problems=(*found.problems, told))


def renamed(intake, change):
    """The same study with other ids, which sort as before, and other dates; T1 keeps its name."""

    def ids(values):
        return values.map(lambda value: value if pd.isna(value) or value == "T1" else change(value))

    def table(rows):
        names = [name for name in ("patient", "therapist", "session_id", "rater", "recording") if name in rows]
        fresh = rows.assign(**{name: ids(rows[name]) for name in names})
        return fresh.assign(date="1999-09-09") if "date" in rows else fresh

    raters = tuple(rater.model_copy(update={"id": change(rater.id)}) for rater in intake.study.raters)
    told = [
        replace(one, subject=change(one.subject), found=re.sub("A[0-9]+", lambda hit: change(hit[0]), one.found))
        if one.code == "note_found" else one
        for one in intake.problems
    ]  # fmt: skip
    return replace(
        intake, study=intake.study.model_copy(update={"raters": raters}), problems=tuple(told),
        **{name: table(getattr(intake, name)) for name in TABLES},
    )  # fmt: skip


def contents(folder):
    """Every part of the pages of a folder, text and pictures, also inside the Word file."""
    found = {path.name: path.read_bytes() for path in folder.glob("*.html")}
    for path in folder.glob("*.docx"):
        with zipfile.ZipFile(path) as parts:
            found |= {f"{path.name}/{name}": parts.read(name) for name in parts.namelist()}
    return found


def pages(intake, folder):
    folder.mkdir()
    return contents(write_therapists(therapist_pages(intake, therapist="T1"), intake.study, folder))


@pytest.fixture(scope="module")
def as_it_is(intake, tmp_path_factory):
    return pages(intake, tmp_path_factory.mktemp("pages") / "study")


class TestNobodyIsOnAPage:
    def test_other_ids_and_dates_make_the_same_pages_to_the_last_byte(self, intake, as_it_is, tmp_path):
        found = pages(renamed(intake, lambda name: f"QXZ{name}"), tmp_path / "study")
        assert any("document.xml" in name for name in found)
        assert [name for name, content in found.items() if b"QXZ" in content or b"1999-09" in content] == []
        assert any("[…]: hard to hear".encode() in content for content in found.values())
        assert {name for name in as_it_is if as_it_is[name] != found.get(name)} == set()

    def test_nor_do_numbers_as_ids_of_which_any_page_has_some(self, intake, as_it_is, tmp_path):
        numbers = {name: str(at) for at, name in enumerate(sorted(every_id(intake)), 100)}
        found = pages(renamed(intake, numbers.__getitem__), tmp_path / "study")
        assert {name for name in as_it_is if as_it_is[name] != found.get(name)} == set()

    def test_nor_a_value_of_a_single_session(self, as_it_is):
        page = as_it_is["therapist_T1.html"].decode()
        table = page[page.index('id="table-hear_again"') :].partition("</table>")[0]
        assert set(re.findall(r">\s*([\d.]+)\s*<", table)) <= set("123456789")


def every_id(intake):
    names = ("patient", "therapist", "session_id", "rater", "recording")
    tables = [getattr(intake, name) for name in TABLES]
    found = {str(one) for rows in tables for name in names if name in rows for one in rows[name].dropna()}
    return found | {rater.id for rater in intake.study.raters}


class TestFolder:
    def test_holds_pages_and_apart_from_them_the_key(self, intake, tmp_path):
        found = therapist_pages(intake, therapist="T2")
        folder = write_therapists(found, intake.study, tmp_path)
        assert sorted(path.name for path in folder.iterdir()) == [
            "for_the_lab",
            "therapist_T2.docx",
            "therapist_T2.html",
        ]
        key = pd.read_csv(folder / "for_the_lab" / "hear_again_key.csv")
        assert set(key["session_id"]) <= set(intake.sessions["session_id"])
        with pytest.raises(UsageError, match="there already"):
            write_therapists(found, intake.study, tmp_path)
        (folder / "letter.docx").write_text("mine")
        with pytest.raises(UsageError, match=r"letter\.docx is a file which no page of a therapist writes"):
            write_therapists(found, intake.study, tmp_path, overwrite=True)
        assert (folder / "letter.docx").read_text() == "mine"

    def test_names_are_such_as_every_disk_takes(self):
        odd = ["Dr. Ö/..", "Dr. oe", "con", "a" * 300, "T1", "t1", "t1_2", "王", "\u200b", "x\n"]
        names = list(page_names(odd).values())
        assert len({name.lower() for name in names}) == len(odd)
        assert all(re.fullmatch(r"therapist_[A-Za-z0-9_]{1,70}", name) for name in names)


def texts(document):
    """Every sentence and note of a page, and the heads of its tables."""
    for section in document.sections:
        for block in section.blocks:
            yield from getattr(block, "items", ())
            yield getattr(block, "text", "")
            yield from getattr(block, "notes", ())
            yield from (one.heading for one in getattr(block, "columns", ()))


class TestOtherStudies:
    def test_of_one_rater_nothing_is_said_to_be_held_equal(self, intake):
        first = intake.ratings["rater"].iloc[0]
        alone = replace(intake, ratings=intake.ratings.assign(rater=first).drop_duplicates(["session_id", "item"]))
        page = " ".join(map(str, texts(therapist_document(therapist_pages(alone, therapist="T1"), intake.study, "T1"))))
        assert "severity could not be held equal (one rater alone" in page
        assert "raters equal" not in page
        assert "must hold" not in page
        assert "both intervals" not in page

    def test_of_one_therapist_no_team_is_said_to_be_hidden(self, intake):
        alone = replace(intake, ratings=intake.ratings[intake.ratings["therapist"] == "T1"])
        document = therapist_document(therapist_pages(alone), intake.study, "T1")
        assert [one.label for one in document.headlines] == ["Rests on", "Against the declared threshold"]
        page = " ".join(map(str, texts(document)))
        assert "No session of another therapist was coded." in page
        assert "The team is not shown" not in page


def test_a_scale_and_an_item_of_one_name_have_each_its_own_course():
    numbers = dict.fromkeys(("team", "team_low", "team_high", "threshold", "slope"), float("nan"))
    limits = {"mean": 2.0, "mean_low": 1.0, "mean_high": 3.0, "low": 0.0, "high": 4.0}
    rows = pd.DataFrame(
        [{"level": one, "name": "praise", "label": one, **numbers, **limits} for one in ("scale", "item")]
    )
    courses = pd.DataFrame(
        [("scale", "praise", 1, 1.5), ("scale", "praise", 2, 2.5), ("item", "praise", 1, 3.5)],
        columns=["level", "name", "session", "mean"],
    )
    panels = behaviour_strips(rows, courses).figure.axes
    drawn = [list(panel.lines[0].get_ydata()) for panel in panels if panel.lines and len(panel.get_yticks())]
    assert drawn == [[1.5, 2.5], [3.5]]
