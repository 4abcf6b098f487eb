"""The report as a paper: its order, its sentences bound to numbers, its page for eyes, keys and paper."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from types import SimpleNamespace

import pytest

from doublecode.analysis.rendering.document import Bullets, Paragraph
from doublecode.analysis.rendering.page import render_page
from doublecode.analysis.report.checklists import YOU, checklists_document, fitting
from doublecode.analysis.report.effect_words import Kind, Way, effect_sentence, estimate_in_words, kind_of, way_of
from doublecode.analysis.report.findings_text import findings_section
from doublecode.analysis.report.methods_text import methods_paragraphs

ROW = {"estimate": 0.5, "conf_low": 0.2, "conf_high": 0.8, "df": 20.0, "statistic": 3.2, "p_value": 0.004}
TURNED = {"estimate": -0.5, "conf_low": -0.8, "conf_high": -0.2, "df": 20.0, "statistic": -3.2, "p_value": 0.004}
OPEN = {"estimate": 0.1, "conf_low": -0.2, "conf_high": 0.4, "df": 20.0, "statistic": 0.6, "p_value": 0.55}
PARTS = ["What was found", "How sure it is", "Data and flow", "The analyses in full", "Methods and checklists",
         "Log of reading"]  # fmt: skip


class Headings(HTMLParser):
    """Levels of headings, links of the contents, and heads of tables, in order."""

    def __init__(self, text):
        super().__init__()
        self.levels, self.links, self.heads, self.ids, self.tables, self.captions = [], [], [], set(), 0, 0
        self.in_nav = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        self.in_nav = tag == "nav" or (self.in_nav and tag != "main")
        if tag == "a" and self.in_nav:
            self.links.append(found["href"])
        if tag == "th":
            self.heads.append(found)
        self.tables += tag == "table"
        self.captions += tag == "caption" or ("aria-labelledby" in found and tag == "table")
        if "id" in found:
            self.ids.add(found["id"])


@pytest.fixture(scope="module")
def documents(telephone_document, adolescent_document):
    return telephone_document, adolescent_document


def test_parts_stand_in_the_order_of_a_paper(documents):
    for document in documents:
        assert [part.title for part in document.parts()] == PARTS
        assert document.sections[0].anchor == "results"
        assert document.sections[-1].anchor == "data"
        assert document.headlines[-1].label.endswith("read")


def test_contents_lead_to_every_section_and_headings_skip_no_level(documents):
    for document in documents:
        page = Headings(render_page(document))
        inside = [link for link in page.links if link.startswith("#")]  # beside them the page of the paper's tables
        assert inside == [
            link for part in document.parts()
            for link in (f"#{part.anchor}", *(f"#{section.anchor}" for section in part.sections))
        ]  # fmt: skip
        assert {link[1:] for link in inside} <= page.ids
        assert page.levels[0] == 1
        assert page.levels.count(1) == 1
        assert all(after - before <= 1 for before, after in zip(page.levels, page.levels[1:], strict=False))
        assert all("scope" in head for head in page.heads)
        assert page.tables == page.captions > 10


def test_what_a_sentence_sees_is_there(documents):
    for document in documents:
        numbers = document.numbers()
        (section,) = [one for one in document.sections if one.anchor == "results"]
        seen = [name for block in section.blocks if isinstance(block, Paragraph) for name in block.see]
        assert len(seen) > 4
        assert [name for name in seen if name not in numbers] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_ink_of_the_palette_stands_out_from_every_paper(theme):
    """WCAG 2.2, 1.4.3: text at least 4.5 to 1 (relative luminance of sRGB)."""
    css = (resources.files("doublecode.analysis.rendering") / "report.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[theme == "dark"]))

    def light(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for ink in ("ink", "soft", "accent"):
        for paper in ("paper", "wash", "warn"):
            if (ink, paper) in (("soft", "warn"), ("accent", "warn")):
                continue  # no such text
            low, high = sorted((light(colours[ink]), light(colours[paper])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper)


def declared(rules, selector):
    """Declarations of a selector in a block of css, also where it stands in a list."""
    found = re.findall(r"([^{}]+)\{([^{}]*)\}", rules)
    return " ".join(body for names, body in found if selector in [name.strip() for name in names.split(",")])


def test_the_page_on_paper_repeats_its_heads_and_parts_no_row():
    css = (resources.files("doublecode.analysis.rendering") / "report.css").read_text(encoding="utf-8")
    rules = css[css.index("@media print {") + len("@media print {") :]
    assert "display: contents" in declared(rules, "button.sort")  # a button is not printed again in a repeated head
    assert "overflow: visible" in declared(rules, ".scroll")
    for part in ("tr", "thead", ".picture"):
        assert "break-inside: avoid" in declared(rules, part)
    # either would hold figures together from both sides: a chain that no page holds is cut through a row
    assert "break-before" not in declared(rules, "caption")
    assert "break-after" not in declared(rules, "figcaption")
    # rules for a narrow screen must not reach a sheet: a head that sticks is not printed again
    assert re.findall(r"@media \(max-width", css) == []


def test_a_direction_is_said_only_where_the_interval_leaves_zero_out():
    assert [way_of(row) for row in (ROW, TURNED, OPEN)] == [Way.UP, Way.DOWN, Way.OPEN]
    for kind in Kind:
        said = [
            effect_sentence(kind, row, "Y", ("X", "Z")[: 1 + (kind is Kind.PRODUCT)]) for row in (ROW, TURNED, OPEN)
        ]
        assert len(set(said)) == 3
        assert "was shown" not in said[0] + said[1]
        assert "shown" in said[2]
        assert all(estimate_in_words(row) in text for row, text in zip((ROW, TURNED, OPEN), said, strict=True))
    assert effect_sentence(Kind.WITHIN, TURNED, "Y", ("X",)).startswith("within patients, higher X went with lower Y (")
    assert "no interval" in effect_sentence(Kind.PLAIN, ROW | {"conf_low": float("nan")}, "Y", ("X",))


def test_terms_are_told_apart():
    labels = {"he": "HE", "age": "Age"}
    found = {
        term: kind_of(term, ("he",), labels)
        for term in (
            "he_within",
            "he_between",
            "session_from_1",
            "age",
            "arm[T.b]",
            "age:session",
            "a:b:c",
            "I(age ** 2)",
        )
    }
    assert list(found.values()) == [
        Kind.WITHIN, Kind.BETWEEN, Kind.TIME, Kind.PLAIN, Kind.LEVEL, Kind.PRODUCT, Kind.OTHER, Kind.OTHER,
    ]  # fmt: skip


def said_of(run):
    section = findings_section(run)
    texts = []
    for block in () if section is None else section.blocks:
        texts += block.items if isinstance(block, Bullets) else [block.text]
    return texts


def test_each_declared_model_has_its_sentence_with_its_numbers(telephone_run, adolescent_run):
    texts = said_of(telephone_run)
    last = telephone_run.series[-1]
    (model,) = [one for one in last.models if one.label == "3 within/between"]
    row = model.result.frame.set_index("term").loc["he_within"].to_dict()
    (own,) = [text for text in texts if "Within patients, higher Homework engagement" in text]
    assert own.startswith("Within patients, higher Homework engagement went with lower Depressive symptoms (")
    assert estimate_in_words(row) in own
    assert sum(", 161 sessions of 22 patients" in text for text in texts) == 4
    regressions = said_of(adolescent_run)
    for result in adolescent_run.moderations:
        pair = [result.spec["predictor"], result.spec["moderator"]]
        at = result.frame["term"] == ":".join(map(str, pair)) if all(pair) else result.frame.index == 1
        found = result.frame[at].iloc[0].to_dict()
        assert sum(estimate_in_words(found) in text for text in regressions) == 1
    assert "Of 8 interactions, 1 had *p* < .05 by itself, none after Holm's adjustment." in regressions


def test_sentences_turn_with_the_numbers(telephone_run):
    last = telephone_run.series[-1]
    turned = []
    for model in last.models:
        fixed = model.result.frame.copy()
        fixed[["estimate", "statistic"]] *= -1
        fixed[["conf_low", "conf_high"]] = -fixed[["conf_high", "conf_low"]].to_numpy()
        result = SimpleNamespace(frame=fixed, fixed=fixed, converged=True, singular=False)
        turned.append(model if model.step == 1 else replace(model, result=result))
    text = " ".join(said_of(replace(telephone_run, series=(replace(last, models=tuple(turned)),))))
    assert "higher Homework engagement went with higher Depressive symptoms" in text
    assert "Depressive symptoms rose over the sessions" in text


def test_only_checklists_that_fit_are_filled_in(telephone_run, adolescent_run, documents):
    assert [one.name for one in fitting(telephone_run)] == ["grras", "mixed-models", "jars-quant"]
    assert [one.name for one in fitting(adolescent_run)] == ["grras", "mixed-models", "jars-quant"]
    without = replace(adolescent_run, reliability=None, generalized=())
    assert [one.name for one in fitting(without)] == ["jars-quant"]
    for run, document in zip((telephone_run, adolescent_run), documents, strict=True):
        lists = checklists_document(run, document)
        rows = [row for section in lists.sections for row in section.blocks[1].rows]
        assert all(row.links or row.to_write.startswith(YOU) for row in rows)
        anchors = {one.anchor for one in document.sections}
        targets = [link.address for row in rows for link in row.links]
        assert {one.partition("#")[2] for one in targets if "#" in one} <= anchors
        page = Headings(render_page(lists))
        assert page.tables == len(lists.sections)


def test_methods_say_what_was_done_and_nothing_else(telephone_run, adolescent_run):
    telephone, adolescent = (" ".join(methods_paragraphs(run)) for run in (telephone_run, adolescent_run))
    for words in ("joins two tapes", "within patients (Bakdash", "Linear mixed models", "first batch of workbooks"):
        assert words in telephone
        assert words not in adolescent
    for words in (
        "winsorised",
        "Moderated regressions",
        "one-way analysis of variance",
        "leaving out each session once",
    ):
        assert words in adolescent
        assert words not in telephone
    bare = replace(telephone_run, series=(), generalized=(), correlations=None, reliability=None, consistency=None)
    short = " ".join(methods_paragraphs(bare))
    assert not [words for words in ("mixed models", "Correlations", "ω", "intraclass") if words in short]
