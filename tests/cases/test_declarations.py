"""Declared and acted on, or refused when the study is loaded: one test per kind, on small synthetic studies."""

from __future__ import annotations

import codecs
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.description.bands import OUTSIDE, band_counts
from doublecode.analysis.description.homework import log_counts
from doublecode.analysis.regression.regression_design import rows_inside
from doublecode.analysis.study.declared_models import declared_frame, declared_series
from doublecode.analysis.study.run import analyse, read_study, score_study, store
from doublecode.analysis.study.study_scales import reliability_of
from doublecode.coding import Ledger
from doublecode.coding.reading.cells import make_codec, read_cell
from doublecode.coding.scoring import band_of, pool_ratings, score, scored_items
from doublecode.schemas.errors import ContractError, InstrumentError, NotEstimable, StudyError
from doublecode.schemas.frames import PATIENTS, RATINGS, SESSIONS
from doublecode.schemas.instrument import load_instrument
from doublecode.schemas.study import load_study
from doublecode.schemas.table_files import read_table

BOOK = """
name = "warmth"
title = "Warmth"
version = "1.0"
citation = "none"
rights = "none"
[missing_codes]
NA = "not applicable"
IN = "insufficient information"
[[items]]
name = "smiles"
label = "Smiles"
minimum = 0
maximum = 4
[[items]]
name = "nods"
label = "Nods"
minimum = 0
maximum = 4
[[items]]
name = "task"
label = "Task"
minimum = 0
maximum = 4
reversed = true
repeat = 2
not_applicable_when = ["first_session"]
[[items]]
name = "mood"
label = "Mood"
type = "nominal"
categories = { G = "good", B = "bad" }
optional = true
[[scales]]
name = "total"
label = "Total"
items = ["smiles", "nods"]
score = "sum"
[[scales]]
name = "both"
label = "Both sessions"
items = ["smiles", "nods"]
score = "mean"
minimum_valid = 1
lagged = ["smiles"]
[[scales]]
name = "tasks"
label = "Tasks"
items = ["task_1", "task_2"]
score = "mean"
"""
STUDY = """
name = "toy"
title = "Toy study (synthetic)"
raters = [{ id = "R1" }, { id = "R2" }]
[[instruments]]
name = "warmth.toml"
[[variables]]
name = "warm"
instrument = "warmth"
scale = "total"
[[variables]]
name = "joined"
instrument = "warmth"
scale = "both"
[[variables]]
name = "age"
column = "age"
[[series]]
name = "course"
title = "Course"
steps = ["joined ~ session + warm + (1 | patient)"]
split = ["warm"]
[[moderations]]
name = "m"
title = "M"
outcome = "joined"
predictor = "age"
subset = "warm > 2"
"""
PEOPLE = "patient,status,reason,age\nP1,completed,,40\nP2,dropped_out,moved away,50\nP3,excluded,too ill,60\n"


def write_study(folder, study=STUDY, book=BOOK, people=PEOPLE, numbers=(1, 2, 3)):
    """A folder without workbooks: the ratings of a test are put in by :func:`rated`."""
    (folder / "incoming").mkdir(exist_ok=True)
    lines = [f"S-{p}{s},{p},T1,{s},,50,main,held,," for p in ("P1", "P2", "P3") for s in numbers]
    heads = "session_id,patient,therapist,session,date,minutes,phase,status,reason,recording"
    for name, text in (
        ("study.toml", study), ("warmth.toml", book), ("patients.csv", people),
        ("sessions.csv", "\n".join([heads, *lines])), ("therapists.csv", "therapist\nT1\n"),
    ):  # fmt: skip
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def one(patient, session, item, value=np.nan, *, rater="R1", role="primary", **other):
    row = dict.fromkeys(RATINGS.columns, None) | {
        "study": "toy", "patient": patient, "therapist": "T1", "session": session, "rater": rater, "role": role,
        "session_id": f"S-{patient}{session}", "instrument": "warmth", "item": item, "value": value, "phase": "main",
        "source_file": f"{rater}.xlsx", "source_sheet": "Rate", "source_cell": f"{patient}{session}{item}",
    }  # fmt: skip
    return row | other


def ratings_of(values, **other):
    """Ratings of {(patient, session): {item: value}}."""
    return [one(p, s, item, value, **other) for (p, s), items in values.items() for item, value in items.items()]


def rated(folder, rows):
    return replace(read_study(folder), ratings=pd.DataFrame(rows))


def framed(folder, rows):
    from doublecode.analysis.study.run import in_the_numbers

    intake = in_the_numbers(rated(folder, rows))
    items, scores = score_study(intake)
    return declared_frame(intake.study, scores, items, intake.sessions, intake.patients, intake.ratings), items, scores


def refused(folder, old, new, text=STUDY, error=StudyError):
    assert old in text
    write_study(folder, text.replace(old, new, 1))
    with pytest.raises(error) as found:
        load_study(folder)
    return str(found.value)


class TestStatus:
    def test_another_word_is_refused_with_the_allowed_ones(self, tmp_path):
        path = tmp_path / "patients.csv"
        for word, meant in (("dropout", "dropped_out"), ("Excluded", "excluded"), ("withdrawn", "consent_withdrawn")):
            path.write_text(f"patient,status,reason\nP1,completed,\nP2,{word},\n", encoding="utf-8")
            with pytest.raises(ContractError) as found:
                read_table(path, PATIENTS)
            text = str(found.value)
            assert f"found '{word}', allowed completed or dropped_out or not_included or excluded" in text
            assert text.endswith(f"Did you mean {meant!r}?")

    def test_sessions_are_numbered_from_one(self, tmp_path):
        for numbers in ((0, 1), (-1, 1)):
            write_study(tmp_path, numbers=numbers)
            with pytest.raises(ContractError, match=r"column 'session'.*allowed whole numbers from 1\. Number the ses"):
                read_table(tmp_path / "sessions.csv", SESSIONS)

    def test_whoever_withdrew_is_in_no_number_and_in_the_flow(self, telephone, telephone_run):
        path = telephone / "patients.csv"
        text = path.read_text(encoding="utf-8")
        for old, new in (("P01,completed,,", "P01,consent_withdrawn,,"), ("P02,completed,,", "P02,dropped_out,tired,"),
                         ("P03,completed,,", "P03,excluded,PHQ-9 above 20,")):  # fmt: skip
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        intake, whole = read_study(telephone), telephone_run
        gone = ["P01", "P03"]
        assert set(intake.kept_out["patient"]) == set(gone)
        for name in ("ratings", "outcomes"):
            before = getattr(whole.intake, name)
            rest = before[~before["patient"].isin(gone)]
            pd.testing.assert_frame_equal(getattr(intake, name).reset_index(drop=True), rest.reset_index(drop=True))
        items, scores = score_study(intake)
        frame = declared_frame(intake.study, scores, items, intake.sessions, intake.patients, intake.ratings)
        kept = whole.frame.frame[~whole.frame.frame["patient"].isin(gone)].reset_index(drop=True)
        pd.testing.assert_frame_equal(frame.frame, kept)  # P02 dropped out, and every number stays
        told = frame.ledger[frame.ledger["patient"] == "P03"]
        assert set(told["status"]) == {"lost"}
        assert set(told["reason"]) == {"excluded, in no number: PHQ-9 above 20"}
        assert {"held", "rated", "scored: he", "in the model: phq9"} < set(told["stage"])
        flow = frame.flow.set_index("stage")
        assert flow.loc["patients: dropped_out", ["kept", "lost"]].tolist() == [1, 0]
        assert flow.loc["patients: consent_withdrawn", "reasons"] == "1 × consent_withdrawn, in no number"
        assert [problem.code for problem in intake.problems if problem.code == "kept_out"] == ["kept_out"] * 2
        icc = reliability_of(intake.study, intake.ratings)
        rows = whole.intake.ratings
        pd.testing.assert_frame_equal(icc.frame, reliability_of(intake.study, rows[~rows["patient"].isin(gone)]).frame)
        store(intake)
        with Ledger(telephone / "ledger.sqlite") as ledger:
            assert len(ledger.ratings()) == len(
                whole.intake.ratings
            )  # what raters sent is kept, whatever it is used for


class TestRefusedWhenLoaded:
    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('split = ["warm"]', 'split = ["joined"]', "split: 'joined' is a predictor in no step. Put it into a step"),
            ("+ warm + (1", "+ (1", "split: 'warm' is a predictor in no step"),
            ("warm + (1", "log_warm + (1", "'log_warm' is no column of the frame"),
            ('+ warm + (1 | patient)"]\nsplit = ["warm"]', '+ age + (1 | patient)"]\nsplit = ["age"]',
             "split: 'age' has one value for each patient, so that nothing varies within patients"),
            ('name = "warm"\ninstrument', 'name = "warm"\nsession = 1\ninstrument', "'warm' has one value for each"),
            ("[[series]]", '[[variables]]\nname = "warm_within"\ncolumn = "age"\n[[series]]',
             "makes a column 'warm_within', as a variable is called"),
            ('name = "warmth.toml"', 'name = "warmth.toml"\nsessions = [2]', "'warm' has one value for each patient"),
            ('name = "warmth.toml"', 'name = "warmth.toml"\nsessions = [0, 1]',
             "is out of range (found 0); allowed: 1 or more"),
            ('name = "warmth.toml"', 'name = "warmth.toml"\nsessions = []',
             "sessions: has too few entries; allowed: at least 1"),
            ('name = "warmth.toml"', 'name = "warmth.toml"\nsessions = [1, 1]', "sessions name 1 twice; name it once"),
            ('name = "warmth.toml"', 'name = "warmth.toml"\nsource = "outcomes"\npooling = "primary"',
             "pooling has no effect on an outcome, which nobody rates"),
            ('scale = "total"', 'item = "mood"',
             "the item 'mood' is nominal, and a variable is a number; allowed: smiles"),
            ('scale = "total"', 'scale = "totl"',
             "there is no scale 'totl'; allowed: total, both, tasks; did you mean 'total'?"),
            ('instrument = "warmth"', 'instrument = "warmt"',
             "does not use 'warmt'; allowed: warmth; did you mean 'warmth'?"),
            ('column = "age"', 'column = "age"\nsession = 1',
             "a column of patients.csv has no session; leave session out"),
            ("[[series]]", '[[variables]]\nname = "session"\ncolumn = "age"\n[[series]]',
             "this name is taken by the frame itself"),
            ('name = "age"', 'name = "Age (years)"',
             "a name begins with a small letter a-z and holds only a-z, 0-9 and _, such as 'age_years'"),
            ('name = "age"', 'name = "lambda"', "this word has a meaning of its own in formulas"),
            ('name = "toy"', 'name = "toy"\ncolor = 1', "(found 1); allowed: allocation, certification, ci"),
            ('scale = "total"', 'scale = "total"\nsesion = 1', "did you mean 'session'?"),
            ('split = ["warm"]', 'split = ["warm", "warm"]', "series 'course': split name 'warm' twice; name it once"),
            ('name = "toy"', 'name = "toy"\nsample_columns = ["age", "age"]', "sample_columns name 'age' twice"),
            ('instrument = "warmth"', 'instrument = "warmth.toml"', "did you mean 'warmth'?"),
            ('title = "Course"', 'title = " "', "is empty; write what is to be printed"),
            ('title = "Course"', 'title = "Cou\\u0007rse"',
             "series[1].title: found the control character U+0007. Take it out."),
        ],
    )  # fmt: skip
    def test_an_entry_without_effect_or_sense(self, tmp_path, old, new, message):
        text = refused(tmp_path, old, new, error=(StudyError, InstrumentError))
        assert message in text
        assert "^[" not in text  # no pattern is shown

    def test_title_of_255_letters_is_read_and_of_256_is_not(self, tmp_path):
        title = 'title = "Toy study (synthetic)"'
        load_study(write_study(tmp_path, STUDY.replace(title, f'title = "{"T" * 255}"')))
        assert "256 letters are too many for a title; allowed: 255" in refused(
            tmp_path, title, f'title = "{"T" * 256}"'
        )

    def test_reversal_names_whole_items(self, tmp_path):
        line = 'name = "warmth.toml"'
        text = refused(tmp_path, line, f'{line}\nreverse = ["task_1"]', error=InstrumentError)
        assert "'task_1', one slot of a repeated item; write 'task', which reverses all of its slots" in text
        text = refused(tmp_path, line, f'{line}\nreverse = ["smile"]', error=InstrumentError)
        assert "'smile', which is no item" in text
        assert "did you mean 'smiles'?" in text
        assert "only ordinal" in refused(tmp_path, line, f'{line}\nreverse = ["mood"]', error=InstrumentError)

    def test_two_instruments_of_one_inner_name(self, tmp_path):
        (tmp_path / "other.toml").write_text(BOOK.replace('"Warmth"', '"Other"'), encoding="utf-8")
        second = 'name = "warmth.toml"\n[[instruments]]\nname = "other.toml"'
        text = refused(tmp_path, 'name = "warmth.toml"', second)
        assert "'warmth.toml' and 'other.toml' are both called 'warmth'; give one of them another name" in text

    def test_what_does_not_vary_in_the_data_is_a_reason(self, tmp_path):
        series = load_study(write_study(tmp_path)).series[0]
        data = pd.DataFrame({"patient": np.repeat(["P1", "P2", "P3"], 4), "session": np.tile(np.arange(1.0, 5), 3)})
        data["joined"] = np.arange(12.0) % 5
        for warm, where in ((np.repeat([1.0, 2, 3], 4), "within"), (np.tile([1.0, 2, 3, 4], 3), "between")):
            with pytest.raises(NotEstimable, match=f"warm is to be split.*does not vary {where} patients"):
                declared_series(series, data.assign(warm=warm))


ITEM = 'name = "nods"\nlabel = "Nods"\nminimum = 0\nmaximum = 4'
TOTAL = 'items = ["smiles", "nods"]\nscore = "sum"'


class TestInstrumentCheck:
    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('name = "nods"', 'name = "notes"', "item 'notes': this name is taken; no item may be called session_id"),
            ('name = "nods"', 'name = "session_id"', "this name is taken"),
            ('name = "nods"', 'name = "patient"', "this name is taken"),
            ('name = "nods"', 'name = "Nods"', "such as 'nods'"),
            ('name = "nods"', 'name = "2nd"', "such as 'nd'"),
            ('name = "nods"', 'name = "task_1"', "item 'task_1' stands twice"),
            ('IN = "ins', '3 = "ins',
             "item 'smiles': missing code '3' is also a value of the item; choose one outside"),
            ('IN = "insufficient information"', 'IN = "a"\nin = "b"',
             "missing codes 'IN' and 'in' differ only in case"),
            ('IN = "insufficient information"', 'IN = " "', "missing code 'IN': the code or its meaning is empty"),
            ('label = "Nods"', 'label = ""', "items[2].label: is empty; write what is to be printed"),
            (ITEM, ITEM + "\nanchors = { 5 = 'often' }", "anchor '5' is no code of the item; allowed: 0, 1, 2, 3, 4"),
            (ITEM, ITEM + "\nanchors = { 4 = '' }", "a category or anchor is empty"),
            (ITEM, ITEM + "\nflag_from = 9", "flag_from is 9, which is no code of the item"),
            (ITEM, ITEM + '\nmissing = ["NA"]', "NA is among its missing codes, but nothing says when"),
            (ITEM, ITEM + '\nmissing = ["IN"]\nnot_applicable_when = ["first_session"]',
             "not_applicable_when has no effect"),
            (ITEM, ITEM + '\nnot_applicable_when = ["frist_session"]', "did you mean 'first_session'?"),
            ('not_applicable_when = ["first_session"]\n', "",
             "line 8, missing_codes.NA: missing code 'NA' is allowed by no item; it counts only"),
            (ITEM, 'name = "nods"\nlabel = "Nods"\ntype = "duration"\nminimum = -5', "a duration cannot be below 0"),
            ('type = "nominal"', 'type = "nominal"\nminimum = 0', "minimum and maximum belong to ordinal items"),
            ('{ G = "good", B = "bad" }', '{ G = "good", g = "bad" }', "categories 'G' and 'g' differ only in case"),
            ('{ G = "good", B = "bad" }', '{ G = "good", in = "bad" }', "category 'in' is also a missing code"),
            (TOTAL, 'items = ["smiles", "smiles"]\nscore = "sum"', "items name 'smiles' twice; name it once"),
            (TOTAL, 'items = []\nscore = "sum"', "scales[1].items: has too few entries; allowed: at least 1"),
            ('name = "both"', 'name = "total"', "scale 'total' stands twice"),
            ('lagged = ["smiles"]', 'lagged = ["mood"]',
             "lagged item 'mood' is not among its items; allowed: smiles, nods"),
            ('lagged = ["smiles"]', 'lagged = ["smiles", "smiles"]', "lagged name 'smiles' twice"),
            (TOTAL, TOTAL + "\nprorate = true",
             "prorate has no effect while all 2 items are required; set minimum_valid"),
            (TOTAL, TOTAL + "\nbands = [{ label = 'a', low = 5, high = 2 }]",
             "band 'a': low is 5 and high 2; exchange"),
            (TOTAL, TOTAL + "\nbands = [{ label = 'a', low = 0, high = 4 }, { label = 'b', low = 4, high = 8 }]",
             "bands 'a' and 'b' overlap at 4; let 'a' end below 4, or 'b' begin above 4"),
            (TOTAL, TOTAL + "\nbands = [{ label = 'a', low = 5, high = 8 }, { label = 'b', low = 0, high = 6 }]",
             "bands 'b' and 'a' overlap from 5 to 6"),
            (TOTAL, TOTAL + "\nbands = [{ label = 'a', low = 0, high = 4 }, { label = 'a', low = 5, high = 8 }]",
             "two bands are called 'a'"),
            (TOTAL, TOTAL + "\nbands = [{ label = 'a', low = 9, high = 12 }]",
             "no score reaches the band 'a'; scores run from 0 to 8"),
            (TOTAL, TOTAL + "\nbands = [{ label = 'a', low = nan, high = 12 }]", "finite number"),
        ],
    )  # fmt: skip
    def test_a_codebook_is_refused_before_anyone_rates(self, tmp_path, old, new, message):
        assert old in BOOK
        path = tmp_path / "warmth.toml"
        path.write_text(BOOK.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(InstrumentError) as found:
            load_instrument(path)
        assert message in str(found.value)
        assert "^[" not in str(found.value)

    def test_a_missing_code_that_no_rater_could_type_is_refused(self, tmp_path):
        path = tmp_path / "warmth.toml"
        text = BOOK.replace("optional = true", 'optional = true\nmissing = ["XX"]')
        path.write_text(text.replace("[missing_codes]", '[missing_codes]\nXX = "no"'), encoding="utf-8")
        assert load_instrument(path).missing_for(load_instrument(path).item("mood")) == ("XX",)
        every = BOOK.replace("maximum = 4", 'maximum = 4\nmissing = ["IN"]').replace('\nNA = "not applicable"', "")
        every = every.replace('not_applicable_when = ["first_session"]\n', "")
        path.write_text(every.replace("optional = true", 'optional = true\nmissing = ["IN"]'), encoding="utf-8")
        assert load_instrument(path).name == "warmth"
        idle = every.replace("optional = true", 'optional = true\nmissing = ["IN"]')
        path.write_text(idle.replace("[missing_codes]", '[missing_codes]\nXX = "no"'), encoding="utf-8")
        with pytest.raises(InstrumentError, match="missing code 'XX' is allowed by no item; add it to the missing"):
            load_instrument(path)

    def test_any_encoding_of_an_editor(self, tmp_path):
        text = BOOK.replace('"Smiles"', '"Lächeln"')
        for name, data in (
            ("bom", codecs.BOM_UTF8 + text.encode()), ("ansi", text.encode("cp1252")),
            ("utf-16", text.encode("utf-16")), ("utf-16 BE", codecs.BOM_UTF16_BE + text.encode("utf-16-be")),
            ("crlf", text.replace("\n", "\r\n").encode()),
        ):  # fmt: skip
            path = tmp_path / f"{name}.toml"
            path.write_bytes(data)
            assert load_instrument(path).item("smiles").label == "Lächeln", name
        path.write_bytes(text.encode("utf-16-le"))  # without its mark
        with pytest.raises(InstrumentError, match=r"an encoding that is not known here\. Save it as UTF-8\."):
            load_instrument(path)

    def test_a_missing_code_may_be_a_number_outside_the_range(self, tmp_path):
        path = tmp_path / "warmth.toml"
        path.write_text(BOOK.replace("IN =", '"-9" ='), encoding="utf-8")
        book = load_instrument(path)
        codec = make_codec(book, book.item("nods"))
        for cell in (-9.0, "-9"):  # as a spreadsheet keeps it, and as a text
            assert (read_cell(cell, codec).missing, read_cell(cell, codec).problem) == ("-9", "")
        assert read_cell(-8.0, codec).problem == "out_of_range"


LOG = """
name = "hausaufgaben"
title = "Hausaufgaben"
version = "1.0"
citation = "none"
rights = "none"
[missing_codes]
IN = "unclear"
[homework_log]
type = "art"
completed = "gemacht"
done = { J = 1, N = 0 }
difficulties = "probleme"
no_difficulty = ["KE"]
[[items]]
name = "art"
label = "Art"
type = "nominal"
categories = { L = "lesen", S = "schreiben" }
optional = true
repeat = 2
[[items]]
name = "gemacht"
label = "Gemacht"
type = "nominal"
categories = { J = "ja", N = "nein" }
optional = true
repeat = 2
[[items]]
name = "probleme"
label = "Probleme"
type = "nominal"
multiple = true
categories = { KE = "keine", ZT = "Zeit", SW = "zu schwer" }
optional = true
repeat = 2
"""
# Synthetic: patient, session, slot, type, completed, difficulties
ENTRIES = [
    ("P1", 1, 1, "L", "J", "KE"), ("P1", 1, 2, "S", "N", "ZT,SW"), ("P1", 2, 1, "L", "J", "KE"),
    ("P2", 1, 1, "L", "N", "KE,ZT"), ("P2", 2, 1, "S", "J", None),
]  # fmt: skip


def log_of(folder, text, entries=ENTRIES):
    path = folder / "log.toml"
    path.write_text(text, encoding="utf-8")
    book = load_instrument(path)
    rows = [
        one(p, s, f"{item}_{slot}", text=cell, instrument=book.name)
        for p, s, slot, *cells in entries
        for item, cell in zip(("art", "gemacht", "probleme"), cells, strict=True)
    ]
    return log_counts(pd.DataFrame(rows), book)


class TestHomeworkLog:
    def test_the_codebook_says_what_done_means(self, tmp_path):
        result = log_of(tmp_path, LOG)
        assert result.by_type[["type", "n", "n_completed"]].to_numpy().tolist() == [["L", 3, 2], ["S", 2, 1]]
        completed = result.frame[result.frame["table"] == "completed"].set_index("code")["n"].to_dict()
        assert completed == {"J": 3, "N": 2}
        assert result.by_type["n_completed"].sum() == result.per_session["n_completed"].sum() == completed["J"]

    def test_the_base_of_completion_has_its_own_head(self, tmp_path):
        entries = [*ENTRIES[:2], ("P1", 2, 1, "L", None, "KE")]  # one of three without an entry of completion
        result = log_of(tmp_path, LOG, entries)
        assert result.by_type["n"].tolist() == [1, 1]
        assert "With an entry" in str(result)

    def test_none_is_no_difficulty(self, tmp_path):
        result = log_of(tmp_path, LOG)
        rows = result.frame[result.frame["table"] == "difficulties"]
        sessions = rows[rows["base"] == "sessions with homework"].set_index("code")["n"].to_dict()
        assert sessions == {"any": 2, "KE": 3, "ZT": 2, "SW": 1}
        mentions = rows[rows["base"] == "mentions"].set_index("code")
        assert mentions["n"].to_dict() == {"ZT": 2, "SW": 1}
        assert (mentions["n_base"] == 3).all()
        assert result.per_session["n_difficulties"].tolist() == [2, 0, 1, 0]
        assert [note.numbers for note in result.notes if note.kind == "none_beside_difficulty"] == [{"n": 1}]

    def test_degrees(self, tmp_path):
        text = LOG.replace('{ J = "ja", N = "nein" }', '{ V = "fully", M = "modified", T = "partly", N = "not" }')
        text = text.replace("{ J = 1, N = 0 }", "{ V = 1, M = 0.75, T = 0.5, N = 0 }")
        degrees = ["V", "T", "M", "N", "V"]
        entries = [(*row[:4], degree, row[5]) for row, degree in zip(ENTRIES, degrees, strict=True)]
        by_type = log_of(tmp_path, text, entries).by_type.set_index("type")
        assert by_type["n_completed"].to_dict() == {"L": 1, "S": 1}
        assert by_type["mean_degree"].to_dict() == pytest.approx({"L": 1.75 / 3, "S": 0.75})
        assert log_of(tmp_path, text, entries).per_session["sum_degrees"].tolist() == [1.5, 0.75, 0.0, 1.0]

    def test_a_log_without_difficulties_and_without_slots(self, tmp_path):
        text = LOG.replace('difficulties = "probleme"\nno_difficulty = ["KE"]\n', "").replace("repeat = 2\n", "")
        path = tmp_path / "log.toml"
        path.write_text(text, encoding="utf-8")
        book = load_instrument(path)
        rows = [
            one("P1", 1, "art", text="L", instrument=book.name),
            one("P1", 1, "gemacht", text="J", instrument=book.name),
        ]
        result = log_counts(pd.DataFrame(rows), book)
        assert result.per_session.to_dict("list") == {
            "patient": ["P1"], "session": [1], "n_assignments": [1], "n_completed": [1],
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("done = { J = 1, N = 0 }", "done = { Y = 1, N = 0 }",
             "done names 'Y', no code of the item; allowed: J, N"),
            ("done = { J = 1, N = 0 }", "done = { J = 1 }", "done does not say how far 'N' means done"),
            ("done = { J = 1, N = 0 }", "done = { J = 2, N = 0 }", "'J' counts 2; allowed: from 0 to 1"),
            ("done = { J = 1, N = 0 }", "done = { J = 0, N = 0 }", "no code counts 1; say which code means done"),
            ('completed = "gemacht"', 'completed = "gemach"', "'gemach' is no nominal item; allowed: art, gemacht"),
            ('completed = "gemacht"', 'completed = "art"', "must be items of their own"),
            ('no_difficulty = ["KE"]', "", "difficulties and no_difficulty belong together; write no_difficulty = []"),
            ('no_difficulty = ["KE"]', 'no_difficulty = ["NO"]', "no_difficulty names 'NO'; allowed: KE, ZT, SW"),
            ("repeat = 2", "repeat = 3", "its items must have the same repeat; found art 3, gemacht 2"),
        ],
    )  # fmt: skip
    def test_a_log_that_does_not_fit_its_items(self, tmp_path, old, new, message):
        path = tmp_path / "log.toml"
        path.write_text(LOG.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(InstrumentError) as found:
            load_instrument(path)
        assert message in str(found.value)

    def test_a_repeated_item_is_no_log_by_itself(self, tmp_path):
        values = {
            (p, s): {"smiles": 1.0, "nods": s, "task_1": 2.0, "task_2": 3.0} for p in ("P1", "P2") for s in (1, 2, 3)
        }
        study = STUDY.partition("[[series]]")[0]
        run = analyse(rated(write_study(tmp_path, study), ratings_of(values)))
        assert run.logs == ()
        assert run.scores.loc[run.scores["scale"] == "tasks", "value"].tolist() == [1.5] * 6


class TestScoring:
    @pytest.fixture
    def book(self, tmp_path):
        return load_study(write_study(tmp_path)).codebooks["warmth"]

    def scores(self, book, values, scale="both"):
        rows = [
            {"patient": p, "session": s, "item": item, "value": value, "reason": None if value == value else "IN: no"}
            for (p, s), items in values.items()
            for item, value in items.items()
        ]
        found = score(pd.DataFrame(rows), [book])
        return found[found["scale"] == scale].set_index("session")

    def test_a_lagged_score_needs_both_sessions(self, book):
        nan = np.nan
        values = {("P1", 1): {"smiles": 2.0, "nods": 1.0}, ("P1", 2): {"smiles": nan, "nods": nan},
                  ("P1", 3): {"smiles": 1.0, "nods": 4.0}, ("P1", 4): {"smiles": 0.0, "nods": 3.0}}  # fmt: skip
        found = self.scores(book, values)
        # session 2 has smiles of session 1 but no nods of its own; session 3 nods, but no smiles of session 2
        assert found["value"].fillna(-1).to_dict() == {1: -1, 2: -1, 3: -1, 4: 2.0}
        assert found.loc[2, "reason"] == "needs 1 of 2 items, some of each session; missing: nods (IN: no)"
        assert found.loc[3, "reason"] == (
            "needs 1 of 2 items, some of each session; missing: smiles of session 2 (IN: no)"
        )
        assert found["n_valid"].to_dict() == {1: 1, 2: 1, 3: 1, 4: 2}

    def test_before_the_first_session_there_is_none(self, book):
        for number in (1, 0, -3):
            found = self.scores(book, {("P1", number): {"smiles": 2.0, "nods": 1.0}})
            said = f"session {number}: there is no session before, so the score does not exist"
            assert found.loc[number, "reason"] == said

    def test_reversal_of_a_repeated_item(self, tmp_path):
        values = {("P1", 1): {"task_1": 1.0, "task_2": 0.0}}
        line = 'name = "warmth.toml"'
        for reverse, value in (
            ("", 3.5), ('\nreverse = ["task"]', 3.5), ("\nreverse = []", 0.5), ('\nreverse = ["smiles"]', 0.5),
        ):  # fmt: skip
            study = load_study(write_study(tmp_path, STUDY.replace(line, line + reverse)))
            assert self.scores(study.codebooks["warmth"], values, "tasks").loc[1, "value"] == value
            assert study.left_unreversed("warmth") == (("Task",) if value == 0.5 else ())

    def test_items_of_a_lagged_scale_side_by_side(self, book):
        rows = ratings_of({("P1", 1): {"smiles": 2.0, "nods": 1.0}, ("P1", 2): {"smiles": 3.0, "nods": 4.0}})
        wide = scored_items(pd.DataFrame(rows), book, book.scale("both"))
        assert wide.to_dict("records") == [{"patient": "P1", "session": 2, "smiles": 2.0, "nods": 4.0}]

    def test_the_primary_rule_says_whose_rating_is_not_there(self, tmp_path):
        line = 'name = "warmth.toml"'
        study = load_study(write_study(tmp_path, STUDY.replace(line, f'{line}\npooling = "primary"')))
        both = {"smiles": 2.0, "nods": 1.0}
        rows = ratings_of({("P1", 1): both}) + ratings_of({("P1", 1): {"smiles": 4.0}}, rater="R2", role="second")
        rows += ratings_of({("P1", 2): both}, rater="R2", role="second")
        items = pool_ratings(pd.DataFrame(rows), study)
        first = items[items["session"] == 1].set_index("item")
        assert first["value"].to_dict() == {"nods": 1.0, "smiles": 2.0}  # the second's 4 does not count
        lost = items[items["session"] == 2]
        assert lost["value"].isna().all()
        assert (lost["n_raters"] == 0).all()
        assert set(lost["reason"]) == {"the primary rater's is not there, and that of R2 does not count"}
        built, _, _ = framed(tmp_path, rows)
        told = built.ledger.set_index(["stage", "session_id"])
        assert told.loc[("rated", "S-P12"), "status"] == "kept"
        why = lost["reason"].iloc[0]
        assert told.loc[("scored: warm", "S-P12"), "reason"] == f"needs 2 of 2 items; missing: smiles, nods ({why})"


class TestFrame:
    def test_sessions_of_an_instrument_restrict(self, tmp_path):
        values = {(p, s): {"smiles": 1.0, "nods": s} for p in ("P1", "P2") for s in (1, 2, 3)}
        line = 'name = "warmth.toml"'
        write_study(tmp_path, STUDY.replace(line, f"{line}\nsessions = [1, 2]"))
        built, items, scores = framed(tmp_path, ratings_of(values))
        assert set(items["session"]) == set(scores["session"]) == {1, 2}
        third = built.frame[built.frame["session"] == 3]
        assert third["warm"].isna().all()
        reasons = built.reasons.loc[third.index, "warm"]
        assert set(reasons) == {"warmth is used in session 1, 2 only"}
        from doublecode.analysis.study.run import in_the_numbers

        found = [
            p.sentence for p in in_the_numbers(rated(tmp_path, ratings_of(values))).problems if p.code == "kept_out"
        ]
        assert found == ["4 ratings of warmth in session 3 are in no number (warmth is used in session 1, 2)"]

    def test_a_missing_variable_of_a_subset_is_missing(self, tmp_path):
        values = {("P1", s): {"smiles": 1.0, "nods": s} for s in (1, 2, 3)}
        values[("P1", 3)]["smiles"] = np.nan
        built, _, _ = framed(write_study(tmp_path), ratings_of(values))
        model = built.ledger[built.ledger["stage"] == "in the model: m"].set_index("session_id")["reason"]
        assert model["S-P12"] is None or model.isna()["S-P12"]  # warm 3, joined (1 + 2) / 2
        # warm, which only the subset names, is missing in session 3; joined is there
        assert model["S-P13"].startswith("warm: needs 2 of 2 items; missing: smiles")
        assert model["S-P11"].startswith("joined: session 1: there is no session before")

    @pytest.mark.parametrize(
        ("subset", "inside"),
        [
            ("x != 2", [True, False, False]), ("not x > 2", [True, True, False]),
            ("x > 0 or y > 2", [True, True, True]),
            ("x > 0 and y > 2", [False, False, False]), ("g != 'a'", [False, True, False]),
            ("x.isna()", [False, False, True]), ("g.isna()", [False, False, True]),
        ],
    )  # fmt: skip
    def test_a_comparison_with_a_missing_value_is_undecided(self, subset, inside):
        frame = pd.DataFrame({"x": [1.0, 2.0, np.nan], "y": [1.0, np.nan, 3.0], "g": ["a", "b", None]})
        assert rows_inside(subset, frame, "m").tolist() == inside

    def test_a_session_of_which_only_categories_were_coded_was_read(self, tmp_path):
        rows = [one("P1", 1, "mood", text="G"), one("P1", 2, "mood", missing_code="IN")]
        rows += ratings_of({("P2", 1): {"smiles": 1.0, "nods": 1.0}})
        built, _, _ = framed(write_study(tmp_path), rows)
        told = built.ledger.set_index(["stage", "session_id"])
        assert told.loc[("rated", "S-P11"), "status"] == told.loc[("rated", "S-P12"), "status"] == "kept"
        assert told.loc[("rated", "S-P13"), "reason"] == "held, but no rating was read"
        assert told.loc[("scored: warm", "S-P11"), "reason"] == "no warmth.total of session 1 was read"

    def test_regressions_on_sessions_of_the_same_patients_say_so(self, tmp_path):
        people = PEOPLE + "".join(f"P{n},completed,,{20 + n * n}\n" for n in range(4, 9))
        write_study(tmp_path, people=people)
        names = ["P1", "P2", *(f"P{n}" for n in range(4, 9))]
        heads = (tmp_path / "sessions.csv").read_text(encoding="utf-8")
        more = [f"S-{p}{s},{p},T1,{s},,50,main,held,," for p in names[2:] for s in (1, 2, 3)]
        (tmp_path / "sessions.csv").write_text("\n".join([heads, *more]), encoding="utf-8")
        rng = np.random.default_rng(5)
        values = {
            (p, s): {"smiles": float(rng.integers(2, 5)), "nods": float(rng.integers(1, 5))}
            for p in names
            for s in (1, 2, 3)
        }
        run = analyse(rated(tmp_path, ratings_of(values)))
        (found,) = [warning for warning in run.warnings if warning.code == "dependent_rows"]
        assert found.subject == "m"
        assert found.note.numbers == {"n_rows": len(run.moderations[0].rows), "n_patients": 7}


class TestBands:
    def test_scores_are_counted_in_their_bands(self, tmp_path):
        path = tmp_path / "warmth.toml"
        bands = "bands = [{ label = 'high', low = 5, high = 7 }, { label = 'low', low = 0, high = 4 }]"
        path.write_text(BOOK.replace(TOTAL, f"{TOTAL}\n{bands}"), encoding="utf-8")
        book = load_instrument(path)
        scale = book.scale("total")
        assert [band_of(scale, value) for value in (0, 4, 4.5, 5, 7, 8, -1, np.nan)] == [
            "low", "low", "low", "high", "high", "", "", "",
        ]  # fmt: skip
        values = {("P1", 1): (1, 1), ("P1", 2): (3, 3), ("P2", 1): (4, 4), ("P2", 2): (0, 1)}
        rows = ratings_of({key: {"smiles": float(a), "nods": float(b)} for key, (a, b) in values.items()})
        counts = band_counts(score(pd.DataFrame(rows), [book]), [book])
        every = counts[counts["session"] == "all"].set_index("band")["n"].to_dict()
        assert every == {"low": 2, "high": 1, OUTSIDE: 1}
        assert counts[(counts["session"] == "1") & (counts["band"] == "low")]["percent"].tolist() == [50.0]


class TestLedgerPlace:
    def test_a_folder_called_with_signs_of_a_url(self, tmp_path):
        folder = tmp_path / "was?nun %20#1"
        folder.mkdir()
        with Ledger(folder / "ledger.sqlite") as ledger:
            assert len(ledger.ratings()) == 0
        assert (folder / "ledger.sqlite").is_file()
        assert [path.name for path in tmp_path.iterdir()] == [folder.name]

    def test_two_readers_at_once(self, tmp_path, telephone_run):
        from doublecode.coding.intake.study_ledger import LEDGER

        with Ledger(tmp_path / LEDGER) as ledger:
            ledger.take_in(telephone_run.intake.ratings, telephone_run.intake.files)
        together, found = threading.Barrier(2), []

        def read():
            with Ledger(tmp_path / LEDGER) as mine:
                together.wait(timeout=60)
                found.append(len(mine.ratings()))

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(timeout=120)
        assert found == [len(telephone_run.intake.ratings)] * 2


@pytest.mark.parametrize(
    ("rater", "item", "why"),
    [
        ("R1", "smiles", "no instrument was rated by two raters in the same phase"),
        ("R2", "mood", "no item that was rat"),
    ],
)
def test_why_nothing_is_said_of_reliability(tmp_path, rater, item, why):
    rows = [one("P1", 1, item, 2.0, text="G"), one("P1", 1, item, 2.0, text="G", rater=rater, role="second")]
    intake = rated(write_study(tmp_path), rows if rater == "R2" else rows[:1])
    with pytest.raises(NotEstimable, match=why):
        reliability_of(intake.study, intake.ratings)


def test_steps_of_a_series_have_one_outcome(tmp_path):
    text = refused(tmp_path, '+ (1 | patient)"]', '+ (1 | patient)", "warm ~ session + (1 | patient)"]')
    assert "its steps have the outcomes 'joined', 'warm', allowed one" in text


def test_errors_of_regressions_without_a_regression(tmp_path):
    cut = STUDY[: STUDY.index("[[moderations]]")]
    text = refused(tmp_path, 'title = "Toy study (synthetic)"', 'title = "Toy"\nregression_errors = "HC3"', cut)
    assert "only [[moderations]] stand on them, and none is declared" in text


def test_events_and_due_dates_without_effect_are_named(tmp_path):
    from doublecode.coding.reading.study_remarks import remarks_on_tables

    unused = STUDY.replace("[[instruments]]", 'events = ["post"]\n[due]\nbatch77 = 2026-01-01\n[[instruments]]', 1)
    found = remarks_on_tables(load_study(write_study(tmp_path, unused)))
    assert [(one.code, one.subject, one.found) for one in found if one.code == "declared_unused"] == [
        ("declared_unused", "events", "events post"), ("declared_unused", "due", "batch77"),
    ]  # fmt: skip
