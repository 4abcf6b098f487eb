"""What a report says and how it looks: words about what there is, and a report of any size. All data are synthetic."""

import io
import re
import struct
from dataclasses import replace
from itertools import pairwise

import docx
import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_series, icc, moderation
from doublecode.analysis.rendering import figures
from doublecode.analysis.rendering.document import Document, Paragraph, Section
from doublecode.analysis.rendering.docx import write_docx
from doublecode.analysis.rendering.page import render_page
from doublecode.analysis.rendering.tables import format_interval
from doublecode.analysis.rendering.wording.phrases import named
from doublecode.analysis.report.folder import build_document
from doublecode.analysis.report.headlines import headlines
from doublecode.analysis.report.methods_text import methods_paragraphs
from doublecode.data_examples.telephone_analysis import scores_of
from doublecode.data_examples.telephone_study import telephone_study
from doublecode.schemas.errors import ContractError
from doublecode.schemas.frames import SESSIONS, THERAPISTS, check_frame
from doublecode.schemas.table_files import read_table

FORMULA = "phq9 ~ he * bond + a*b + c*d + I(x ** 2)"


class TestAsterisks:
    document = Document("T", "", (), (), (Section("s", "S", (Paragraph(f"The *b* of {FORMULA}."),)),), "")

    def test_page_and_word_keep_those_of_a_formula(self, tmp_path):
        assert f"The <i>b</i> of {FORMULA}." in render_page(self.document)
        write_docx(self.document, tmp_path / "r.docx")
        assert f"The b of {FORMULA}." in [one.text for one in docx.Document(tmp_path / "r.docx").paragraphs]

    def test_markdown_and_notebooks_keep_them(self):
        rng = np.random.default_rng(1)
        data = pd.DataFrame(rng.normal(size=(30, 3)), columns=["y", "a", "b"])
        found = moderation("y ~ a*b", data)
        assert r"**y ~ a\*b**" in found.to_markdown()
        assert "<caption>y ~ a*b</caption>" in found._repr_html_()


class TestPlurals:
    def test_the_nouns_of_a_user_are_left_alone(self):
        rng = np.random.default_rng(3)
        frame = pd.DataFrame(
            {"Sitzung": np.repeat(range(12), 2), "Beurteiler": ["A", "B"] * 12, "y": rng.normal(size=24)}
        )
        said = str(icc(frame, targets="Sitzung", raters="Beurteiler", ratings="y"))
        assert "12 Sitzung" in said
        assert "Sitzungs" not in said
        assert "Beurteilers" not in said


class TestPlaces:
    def test_all_missing_columns_are_named_at_once(self, tmp_path):
        (tmp_path / "sessions.csv").write_text("session_id,phase\nS-1,main\n", encoding="utf-8")
        with pytest.raises(ContractError, match=r"the columns 'patient', 'session' are missing; found: session_id"):
            read_table(tmp_path / "sessions.csv", SESSIONS)

    def test_a_row_of_a_file_is_its_line_also_after_empty_ones(self, tmp_path):
        (tmp_path / "t.csv").write_text("therapist\nT1\n\nT2\nT1\n", encoding="utf-8")
        with pytest.raises(ContractError, match="therapist = T1 stands in lines 2 and 5"):
            read_table(tmp_path / "t.csv", THERAPISTS)

    def test_a_row_of_a_frame_is_its_label(self):
        frame = pd.DataFrame({"therapist": ["T1", "T1"]}, index=["a", "b"])
        with pytest.raises(ContractError, match="stands in rows a and b"):
            check_frame(frame, THERAPISTS)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-0.0012, 0.0121, "[−0.001, 0.012]"), (0.0034, 12.3, "[0.00, 12.30]"), (-0.0045, -0.0004, "[−0.0045, −0.0004]"),
     (0.123, 0.216, "[0.12, 0.22]"), (float("nan"), 0.5, "[–, 0.50]"), (1.0, 1.0, "[1.00, 1.00]")],
)  # fmt: skip
def test_both_limits_have_the_same_decimals(low, high, said):
    assert format_interval(low, high, "estimate") == said


class TestWhatWasDone:
    def test_nobodys_own_study_was_published(self, adolescent_document, telephone_document):
        for written in (adolescent_document, telephone_document):
            assert "as published" not in render_page(written)

    def test_methods_speak_of_what_was_fitted(self, adolescent_run, telephone_run):
        teens, calls = (" ".join(methods_paragraphs(run)) for run in (adolescent_run, telephone_run))
        assert "Linear mixed models" not in teens
        assert "moderated" not in calls.lower()
        assert "one-way" in teens
        assert "one-way, " not in calls
        assert "Johnson–Neyman" not in calls

    def test_intercepts_and_simpler_fits_are_on_the_page(self, telephone_run, telephone_document, undrawn):
        page = render_page(telephone_document)
        assert "Intercepts are those of session 1." in page
        assert 'id="table-phq9_simpler"' not in page  # no fit of this study is singular
        declared = next(one for one in telephone_run.study.series if one.name == "phq9")
        other = scores_of(telephone_study(5, texts=False), telephone_run.study).frame  # synthetic; singular there
        singular = fit_series(
            declared.steps, other, split=declared.split, intercept_at=1, name="phq9", title=declared.title
        )
        others = [one for one in telephone_run.series if one.spec["name"] != "phq9"]
        run = replace(telephone_run, series=[*others, singular])
        assert 'id="table-phq9_simpler"' in render_page(build_document(run))
        assert "singular fit, with a simpler random part *b*" in headlines(run)[-1].detail

    def test_outlying_rows_and_the_family_of_tests_are_on_the_page(self, adolescent_document):
        tables = {table.name: table for table in adolescent_document.tables()}
        rows = tables["influence"].frame
        assert rows["flagged"].tolist() == ["–", "–", "–", "A43", "–", "A41", "A41", "–", "–"]
        assert rows["influential"].tolist()[:4] == ["A43", "A09", "A40", "A41"]
        assert len(tables["interaction_family"].frame) == 8
        assert all("HC3" in tables[name].notes[-1] for name in ("simple_slopes", "johnson_neyman"))

    def test_a_range_over_sessions_says_on_how_many(self, telephone_run):
        assert re.search(
            r"by session from \.\d\d to \.\d\d \(10 of 12 sessions\)", telephone_run.consistency.statements()[0]
        )


def many(n=3600, seed=5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n), rng.normal(size=n)


class TestSize:
    def test_a_cloud_of_points_has_a_bounded_size(self):
        fitted, residuals = many()
        axes = figures.diagnostics(fitted, residuals)
        svg = figures.render_svg(figures.figure_of(axes), "d", "")
        assert len(svg) < 400_000
        assert "data:image/png" in svg

    def test_no_forest_is_longer_than_a_page_and_no_label_lies_over_another(self):
        labels = [f"{i}. explores what stands between sessions" for i in range(40)]
        frame = pd.DataFrame({"label": labels, "group": "B", "estimate": 0.6, "conf_low": 0.5, "conf_high": 0.7})
        parts = figures.forest_parts(frame, group="group")
        assert pd.concat(parts).equals(frame)
        for part in parts:
            axes = figures.forest(part, group="group")
            figure = figures.figure_of(axes)
            assert figure.get_size_inches()[1] <= figures.LONGEST_IN + 0.01
            figure.canvas.draw()
            boxes = [text.get_window_extent() for text in axes.get_yticklabels() if text.get_text()]
            assert not any(a.overlaps(b) for a, b in pairwise(boxes))

    def test_a_short_forest_is_one_picture(self):
        frame = pd.DataFrame({"label": ["a", "b"], "estimate": 0.6, "conf_low": 0.5, "conf_high": 0.7})
        assert len(figures.forest_parts(frame)) == 1
        assert len(figures.forest_parts(frame.head(0))) == 1

    def test_word_shrinks_a_picture_that_is_higher_than_a_page(self, tmp_path):
        frame = pd.DataFrame(
            {"label": [f"i{i}" for i in range(60)], "estimate": 0.6, "conf_low": 0.5, "conf_high": 0.7}
        )
        drawn = figures.picture(figures.forest(frame), "f", "F", "")
        write_docx(Document("T", "", (), (), (Section("s", "S", (drawn,)),), ""), tmp_path / "r.docx")
        (shape,) = docx.Document(tmp_path / "r.docx").inline_shapes
        width, height = struct.unpack(">II", io.BytesIO(drawn.png).read()[16:24])
        assert shape.height.cm <= 21.01
        assert shape.width / shape.height == pytest.approx(width / height, rel=1e-3)

    def test_long_lists_of_names_are_counted(self):
        assert named([f"P{i}" for i in range(300)]).endswith("P9 and 290 more")
