"""One bad declaration does not take the whole report: it is a row with its reason, or refused when the study is read.

A synthetic study of six patients by six sessions; each case changes one thing.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.report.folder import write_report
from doublecode.analysis.study.run import analyse, read_study
from doublecode.coding.console import exit_code_of
from doublecode.schemas.errors import DoublecodeError, StudyError
from doublecode.schemas.frames import RATINGS

BOOK = """
name = "warmth"
title = "Warmth"
version = "1.0"
citation = "Synthetic."
rights = "Made up."
missing_codes = { IN = "insufficient information" }
items = [
    { name = "a", label = "A", minimum = 0, maximum = 4 },
    { name = "b", label = "B", minimum = 0, maximum = 4 },
    { name = "c", label = "C", minimum = 0, maximum = 4 },
    { name = "kind", label = "Kind", type = "nominal", categories = { X = "x", Y = "y" } },
]
"""
SCALES = """
scales = [
    { name = "he", label = "HE", items = ["a", "b", "c"], score = "mean", minimum_valid = 2 },
    { name = "late", label = "Late", items = ["a", "b"], score = "mean", lagged = ["a"] },
]
"""
MOOD = """
name = "mood"
title = "Mood"
version = "1.0"
citation = "Synthetic."
rights = "Made up."
items = [{ name = "low", label = "Low", type = "count", minimum = 0, maximum = 90 }]
scales = [{ name = "low", label = "Low mood", items = ["low"], score = "sum" }]
"""
HEAD = """
name = "toy"
title = "Toy"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }]
unit = "UNIT"
sample_columns = ["age", "sex"]
"""
INSTRUMENTS = """
[[instruments]]
name = "warmth.toml"
raters = ["R1", "R2"]

[[instruments]]
name = "mood.toml"
source = "outcomes"
"""
VARIABLES = """
[[variables]]
name = "he"
instrument = "warmth"
scale = "he"
AT

[[variables]]
name = "mood"
instrument = "mood"
scale = "low"
AT

[[variables]]
name = "age"
column = "age"

[[variables]]
name = "sex"
column = "sex"

[[variables]]
name = "never"
column = "never"

[[variables]]
name = "same"
column = "same"
"""
GOOD = """
[correlations]
variables = ["he", "mood", "age"]

[[moderations]]
name = "good"
title = "Good model"
outcome = "mood"
predictor = "he"
covariates = ["age"]
"""


class Toy:
    """The study folder, part by part; a case changes a part before it is written."""

    def __init__(self, unit: str = "session") -> None:
        self.book, self.scales, self.extra, self.unit = BOOK, SCALES, "", unit
        self.variables, self.good = VARIABLES, GOOD
        self.patients, self.sessions, self.raters = 6, 6, ("R1", "R2")
        self.items: tuple[str, ...] = ("a", "b", "c", "kind")
        self.gaps = 0.1
        self.phase = "main"

    def write(self, folder: Path) -> Path:
        at = "session = 2" if self.unit == "patient" else ""
        text = HEAD.replace("UNIT", self.unit) + INSTRUMENTS + self.variables.replace("AT", at) + self.good + self.extra
        (folder / "incoming").mkdir(parents=True)
        (folder / "outcomes").mkdir()
        (folder / "study.toml").write_text(text, encoding="utf-8")
        (folder / "warmth.toml").write_text(self.book + self.scales, encoding="utf-8")
        (folder / "mood.toml").write_text(MOOD, encoding="utf-8")
        rng = random.Random(7)
        people = [f"P{n}" for n in range(1, self.patients + 1)]
        rows = [[p, "completed", "", 20 + 3 * n, "fm"[n % 2], "", 5] for n, p in enumerate(people)]
        table(folder / "patients.csv", ["patient", "status", "reason", "age", "sex", "never", "same"], rows)
        table(folder / "therapists.csv", ["therapist"], [["T1"], ["T2"]])
        held = [(p, n) for p in people for n in range(1, self.sessions + 1)]
        heads = [
            "session_id",
            "patient",
            "therapist",
            "session",
            "date",
            "minutes",
            "phase",
            "status",
            "reason",
            "recording",
        ]
        rows = [[f"S-{p}{n}", p, f"T{1 + n % 2}", n, "", "", self.phase, "held", "", ""] for p, n in held]
        table(folder / "sessions.csv", heads, rows)
        table(
            folder / "outcomes" / "mood.csv",
            ["patient", "session", "low"],
            [[p, n, rng.randint(0, 27)] for p, n in held],
        )
        return folder

    def ratings(self):
        import pandas as pd

        rng = random.Random(8)
        rows = []
        for p in range(1, self.patients + 1):
            for n in range(1, self.sessions + 1):
                for rater in self.raters:
                    for item in self.items:
                        gone = item != "kind" and rng.random() < self.gaps
                        rows.append(
                            ["toy", f"P{p}", f"T{1 + n % 2}", n, f"S-P{p}{n}", rater,
                             "primary" if rater == "R1" else "second", "warmth", item,
                             float("nan") if gone or item == "kind" else float(rng.randint(0, 4)),
                             rng.choice("XY") if item == "kind" else None, "IN" if gone else None, self.phase,
                             f"{rater}.xlsx", "Rate", "A1"]
                        )  # fmt: skip
        kinds = {"session": "int64", "value": "float64"}
        frame = pd.DataFrame(rows, columns=list(RATINGS.columns))
        return frame.astype({name: kinds.get(name, "str") for name in RATINGS.columns})


def table(path: Path, heads, rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([heads, *rows])


def report(toy: Toy, folder: Path):
    """Run and write the report; say what could not be estimated, as the report says it."""
    from dataclasses import replace

    toy.write(folder)
    run = analyse(replace(read_study(folder), ratings=toy.ratings()))
    write_report(run, folder)
    return run, json.loads((folder / "report" / "results.json").read_text(encoding="utf-8"))


def model(**parts: str) -> str:
    lines = {"name": "bad", "title": "Bad model", "outcome": "mood", "predictor": "he", **parts}
    return "\n[[moderations]]\n" + "".join(
        f"{key} = {value if value[0] == '[' else json.dumps(value)}\n" for key, value in lines.items()
    )


def series(name: str, *steps: str) -> str:
    return f'\n[[series]]\nname = "{name}"\ntitle = "Bad series"\nsteps = {json.dumps(list(steps))}\n'


def with_extra(text: str, unit: str = "session") -> Callable[[], Toy]:
    def make() -> Toy:
        toy = Toy(unit)
        toy.extra = text
        return toy

    return make


def changed(**parts: object) -> Callable[[], Toy]:
    def make() -> Toy:
        toy = Toy()
        for name, value in parts.items():
            setattr(toy, name, value)
        return toy

    return make


BAD = {
    "subset": (model(name="subset", subset="he > 99"), "leaves no row"),
    "constant_outcome": (model(name="constant_outcome", outcome="same"), "the same in all"),
    "no_predictor": (model(name="no_predictor", predictor="never"), "no row"),
    "constant_moderator": (model(name="constant_moderator", moderator="same"), "constant"),
    "no_outcome": (model(name="no_outcome", outcome="never"), "no row"),
    "few_rows": (model(name="few_rows", covariates='["sex"]', subset="he > 3 and age > 30", moderator="age"), "rows"),
    "groups": ('\n[[group_comparisons]]\noutcome = "same"\ngroup = "therapist"\n', "do not vary"),
    "no_groups": ('\n[[group_comparisons]]\noutcome = "never"\ngroup = "therapist"\n', "no row"),
    "no_series": (series("no_series", "never ~ 1 + (1 | patient)"), "no row"),
    "flat_series": (series("flat_series", "same ~ session + (1 | patient)"), "not estimable"),
    "wide_series": (series("wide_series", "mood ~ he * session * age + (he * session | patient)"), "wide_series"),
}  # fmt: skip


def test_the_rest_of_the_report_comes(tmp_path):
    """A dozen bad declarations beside a good model: each has its reason, and the good model is there."""
    run, record = report(with_extra("".join(text for text, _ in BAD.values()))(), tmp_path / "toy")
    assert [one.spec["name"] for one in run.moderations] == ["good"]
    said = " ".join([*record["not_estimated"], json.dumps(record["series"])])
    for case, (_, reason) in BAD.items():
        assert reason in said, case
    page = (tmp_path / "toy" / "report" / "index.html").read_text(encoding="utf-8")
    assert "could not be estimated" in page
    assert len(record["not_estimated"]) >= len(BAD) - 2


def test_a_series_between_patients_that_are_rows(tmp_path):
    """KeyError: 'term', then 'session', took the report."""
    extra = series("bad", "mood ~ age + (1 | patient)")
    run, record = report(with_extra(extra, "patient")(), tmp_path / "toy")
    assert "bad" in record["series"] or "Bad series" in " ".join(record["not_estimated"])
    assert len(run.moderations) == 1


WHOLE = {
    "one patient": changed(patients=1),
    "two patients with gaps": changed(patients=2, sessions=3, gaps=0.5),
    "three patients with many gaps": changed(patients=3, sessions=4, gaps=0.6),
    "one session each": changed(sessions=1),
    "one rater": changed(raters=("R1",)),
    "no rater": changed(raters=()),
    "only nominal ratings": changed(items=("kind",)),
    "only one item is ever rated": changed(items=("a",)),
    "no scale": changed(scales="", variables=VARIABLES.replace('scale = "he"', 'item = "a"')),
    "everything is missing": changed(gaps=1.0),
    "nothing is declared": changed(variables="", good=""),
}


@pytest.mark.parametrize("case", WHOLE)
def test_thin_data_leave_a_report(tmp_path, case):
    run, record = report(WHOLE[case](), tmp_path / "toy")
    assert (tmp_path / "toy" / "report" / "report.docx").stat().st_size
    flow = {row["stage"]: row["kept"] for row in record["rows"]["flow"]}
    assert flow["held"] == len(run.intake.sessions)


REFUSED = {
    "a text among outliers": ('\n[outliers]\nvariables = ["sex"]\n', "outliers: 'sex' must be a number"),
    "a text as outcome": (model(outcome="sex"), "outcome: 'sex' must be a number"),
    "a text as moderator": (model(moderator="sex"), "moderator: 'sex' must be a number"),
    "groups of a text": ('\n[[group_comparisons]]\noutcome = "sex"\ngroup = "therapist"\n', "'sex' must be a number"),
    "a patient as outcome": (model(outcome="patient"), "'patient' must be a number"),
    "a step of an unknown variable": (series("bad", "mood ~ hee + (1 | patient)"), "'hee' is no column"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_act_is_refused_when_the_study_is_read(tmp_path, case):
    text, message = REFUSED[case]
    toy = Toy()
    toy.extra = text
    with pytest.raises(StudyError, match=message):
        read_study(toy.write(tmp_path / "toy"))


def test_a_text_among_correlations_is_refused(tmp_path):
    toy = Toy()
    toy.good = '\n[correlations]\nvariables = ["he", "sex"]\n'
    with pytest.raises(StudyError, match=r"correlations: 'sex' must be a number, and is text \('f'\)"):
        read_study(toy.write(tmp_path / "toy"))


def test_a_series_over_sessions_needs_sessions(tmp_path):
    toy = with_extra(series("bad", "mood ~ session + (1 | patient)"), "patient")()
    with pytest.raises(StudyError, match='a series over sessions needs unit = "session"'):
        read_study(toy.write(tmp_path / "toy"))


def test_an_unknown_column_of_the_sample_is_refused(tmp_path):
    folder = Toy().write(tmp_path / "toy")
    text = (folder / "study.toml").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(text.replace('"age", "sex"]', '"agee"]', 1), encoding="utf-8")
    with pytest.raises(StudyError, match=r"no column 'agee'.*did you mean 'age'"):
        read_study(folder)


def test_a_pilot_alone_is_refused_in_words(tmp_path):
    toy = Toy()
    toy.phase = "pilot"
    with pytest.raises(DoublecodeError, match="no session has the phase 'main'"):
        report(toy, tmp_path / "toy")


def test_an_empty_incoming_leaves_a_report(tmp_path):
    """The workbooks have not come yet: the outcomes are analysed all the same."""
    folder = Toy().write(tmp_path / "toy")
    run = analyse(read_study(folder))
    write_report(run, folder)
    assert run.unread
    assert run.frame.frame["mood"].notna().all()


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("run", 0, ""),
        ("frame", 0, "0 of 36 sessions rated"),
        ("reliability", 1, "there is no rating; take in"),
        ("consistency", 2, "nothing to estimate. Take in ratings first."),
        ("drift", 1, "no instrument was rated by raters who are told apart"),
    ],
)
def test_commands_say_what_an_empty_incoming_means(tmp_path, command, code, said):
    folder = Toy().write(tmp_path / "toy")
    told = CliRunner().invoke(app, [command, str(folder)])
    assert (exit_code_of(told.exception) if isinstance(told.exception, DoublecodeError) else told.exit_code) == code
    assert said in f"{told.output} {told.exception}"


def test_an_undecided_condition_is_not_inside():
    """``he != 3`` was true where he is missing, so that the row was analysed."""
    import pandas as pd

    from doublecode.analysis.regression.regression_design import rows_inside

    frame = pd.DataFrame({"he": [1.0, float("nan"), 3.0], "x": [1.0, 9.0, 1.0], "sex": ["f", None, "m"]})
    for condition, inside in (
        ("he != 3", [True, False, False]), ("not (he > 2)", [True, False, False]),
        ("he > 2 or x > 5", [False, True, True]),
        ("sex != 'm'", [True, False, False]), ("he == he", [True, False, True]),
    ):  # fmt: skip
        assert rows_inside(condition, frame, "model").tolist() == inside
