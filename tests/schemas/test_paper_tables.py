"""What may stand under [[papers.tables]]: every slip is refused with the entry, what was found and what is allowed."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from doublecode.schemas import load_study
from doublecode.schemas.errors import StudyError
from doublecode.schemas.paper_tables import KEYS_OF, NEEDED, STATISTICS, USUAL, PaperTable

STUDIES = Path(str(files("doublecode.data_examples") / "telephone_cbt")).parent


@pytest.fixture(scope="module", params=["telephone_cbt", "adolescent_cbt"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp(request.param)
    for path in (STUDIES / request.param).iterdir():
        if path.suffix in (".toml", ".csv"):
            shutil.copy(path, made)
    return made


def refused(folder: Path, lines: str) -> str:
    """What is said of the study with one more table."""
    path = folder / "study.toml"
    before = path.read_text(encoding="utf-8")
    try:
        path.write_text(f'{before}\n[[papers.tables]]\nnumber = 9\ntitle = "T"\n{lines}\n', encoding="utf-8")
        with pytest.raises(StudyError) as wrong:
            load_study(folder)
    finally:
        path.write_text(before, encoding="utf-8")
    return str(wrong.value)


SLIPS = {
    'kind = "item"': ("kind", "item", "did you mean 'items'"),
    'kind = "items"\ninstrumnts = ["x"]': ("no such entry", "did you mean 'instruments'"),
    'kind = "items"': ("needs instruments", "instruments = […]"),
    'kind = "items"\ninstruments = ["x"]\nmodels = ["x"]': ("'models'", "for regressions", "allowed here"),
    'kind = "items"\ninstruments = ["thabz"]': ("no instrument is called 'thabz'", "allowed"),
    'kind = "items"\ninstruments = ["x"]\nsessions = [0]': ("sessions", "1 or more"),
    'kind = "items"\ninstruments = ["x"]\nstatistics = ["iccs"]': ("'iccs' is not known", "did you mean 'icc'"),
    'kind = "regressions"\nmodels = ["nothing"]': ("no moderation is called 'nothing'", "allowed"),
    'kind = "regressions"\nmodels = ["a", "b"]\nheads = ["A"]': ("1 heads for 2 models",),
    'kind = "regressions"\nmodels = ["a", "a"]': ("models", "'a'", "twice"),
    'kind = "series"\nseries = ["nothing"]': ("no series is called 'nothing'", "allowed"),
    'kind = "by_session"\nscores = ["he"]': ("no score is called 'he'", "allowed"),
    'kind = "correlations"\nvariables = ["heh", "x"]': ("no variable of [correlations] is called 'heh'", "allowed"),
    'kind = "descriptives"\nvariables = ["heh"]': ("no variable is called 'heh'", "allowed"),
    'kind = "sample"\nvariables = ["agee"]': ("no sample column is called 'agee'", "did you mean 'age'"),
}  # fmt: skip


@pytest.mark.parametrize("lines", SLIPS)
def test_a_slip_is_refused_when_the_study_is_loaded(folder: Path, lines: str) -> None:
    said = refused(folder, lines)
    assert [piece for piece in SLIPS[lines] if piece not in said] == [], said


def test_numbers_that_differ_by_a_capital_only_are_refused_for_the_names_of_their_files(folder: Path) -> None:
    assert "'s1'" in refused(folder, 'kind = "sample"\n[[papers.tables]]\nnumber = "s1"\ntitle = "T"\nkind = "sample"')


def test_a_number_stands_once(folder: Path) -> None:
    assert "'1'" in refused(folder, 'kind = "sample"\n[[papers.tables]]\nnumber = 1\ntitle = "T"\nkind = "sample"')


def test_what_the_other_study_declares_is_refused_by_its_unit() -> None:
    with_patients = {"kind": "correlations", "level": "within patients"}
    assert table(**with_patients).level == "within patients"
    study = load_study(STUDIES / "adolescent_cbt")
    from doublecode.schemas.paper_checks import check_papers
    from doublecode.schemas.paper_tables import Papers

    for wrong, said in (
        (table(**with_patients), "a row is a patient here"),
        (table(kind="homework"), "no instrument of the study is a homework log"),
    ):
        with pytest.raises(StudyError, match=said):
            check_papers(study.model_copy(update={"papers": Papers(tables=(wrong,))}))
    other = load_study(STUDIES / "telephone_cbt")
    for wrong, said in (
        (table(kind="series", series=("phq9",), steps=(5,)), "step 5 of 'phq9', which has 4"),
        (table(kind="series", series=("he_course",), split=True), "splits nothing"),
        (table(kind="series", series=("he_course",), heads=("A",)), "1 heads for 2 models"),
        (table(kind="correlations", variables=("he",)), "at least two"),
    ):
        with pytest.raises(StudyError, match=said):
            check_papers(other.model_copy(update={"papers": Papers(tables=(wrong,))}))


def table(**keys: Any) -> PaperTable:
    return PaperTable(**{"number": "1", "title": "T", **keys})


def test_every_kind_says_its_keys_and_its_usual_statistics() -> None:
    for kind, keys in KEYS_OF.items():
        assert {*keys} <= {*PaperTable.model_fields}
        assert {*NEEDED.get(kind, ())} <= {*keys}
        assert ("statistics" in keys) == (kind in STATISTICS)
        assert {*USUAL.get(kind, ())} <= {*STATISTICS.get(kind, ())}
    assert {key for keys in KEYS_OF.values() for key in keys} | {"number", "title", "kind", "note"} == {
        *PaperTable.model_fields
    }
