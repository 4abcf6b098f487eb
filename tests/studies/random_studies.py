"""Three hundred random studies held against the reference cell by cell, twenty of them through workbooks.

``python tests/studies/random_studies.py`` prints the counts, and per declared key in how many studies it stands and
whether taking it out changes anything; what it printed stands in ``random_studies.txt``.
"""

from __future__ import annotations

import copy
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from comparison import differences, run_long
from openpyxl import load_workbook
from random_study import Lab, random_study

from doublecode.analysis.description.bands import band_counts
from doublecode.analysis.report.records import results_record
from doublecode.analysis.study.run import StudyProblems
from doublecode.coding import write_workbooks
from doublecode.coding.scoring import flagged_answers
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import ASSIGNMENTS
from doublecode.schemas.study import load_study
from doublecode.schemas.table_files import read_table

STUDIES, WORKBOOKS, WHOLE_EACH = 300, 20, 20
TRIES = 6
USUAL = {"regression_errors": "HC3"}
KEYS = {
    "item": (
        "minimum", "maximum", "categories", "multiple", "reversed", "flag_from", "anchors", "repeat", "optional",
        "missing", "not_applicable_when", "given", "anchor_source",
    ),
    "scale": ("minimum_valid", "prorate", "lagged", "bands", "label"),
    "instrument": ("segment", "homework_log", "missing_codes", "notes"),
    "use": ("sessions", "reverse", "pooling", "reliability", "reliability_interval", "raters"),
    "variable": ("session", "label"),
    "study": ("sample_columns", "seed", "outliers", "correlations", "series", "moderations", "group_comparisons",
              "regression_errors", "citation"),
    "moderation": ("moderator", "covariates", "subset"),
    "series": ("split", "intercept_at"),
    "outliers": ("multiplier", "quantiles"),
    "correlations": ("method",),
}  # fmt: skip


def parts(lab: Lab, kind: str) -> list[dict[str, Any]]:
    """The tables of a declaration in which a kind of key stands."""
    several: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "item": lambda: [item for book in lab.books for item in book["items"]],
        "scale": lambda: [scale for book in lab.books for scale in book["scales"]],
        "instrument": lambda: lab.books, "use": lambda: lab.uses, "variable": lambda: lab.variables,
        "study": lambda: [lab.analyses], "moderation": lambda: lab.analyses.get("moderations", []),
        "series": lambda: lab.analyses.get("series", []),
    }  # fmt: skip
    if kind in several:
        return several[kind]()
    return [lab.analyses[kind]] if kind in lab.analyses else []


def holders(lab: Lab, kind: str, key: str) -> list[dict[str, Any]]:
    """Where a key stands with another value than the one it has without being written."""
    return [part for part in parts(lab, kind) if part.get(key) and part[key] != USUAL.get(key)]


def without(lab: Lab, kind: str, key: str) -> Lab:
    """The same study without a key, wherever it stands."""
    other = copy.deepcopy(lab)
    for part in holders(other, kind, key):
        del part[key]
    return other


def answers(lab: Lab, folder: Path) -> tuple[str, str]:
    """What the study computes, and what its raters get, as texts."""
    run = run_long(lab, folder, whole=False)
    record = {key: value for key, value in results_record(run).items() if key != "study"}
    labels = [
        run.labels,
        run.scores.get("scale", []).tolist(),
        [scale.label for book in run.study.codebooks.values() for scale in book.scales],
    ]
    flags = flagged_answers(run.items, run.study.codebooks).to_dict("records")
    bands = band_counts(run.scores, run.study.codebooks.values()).to_dict("records")
    card = str(run.study.card).replace(str(folder), "")
    labels.append([str(book) for book in run.study.codebooks.values()])  # what instrument show prints
    return json.dumps([record, labels, flags, bands, card], default=str), sheets(folder)


def sheets(folder: Path) -> str:
    write_workbooks(load_study(folder), read_table(folder / "assignments.csv", ASSIGNMENTS), folder / "outgoing")
    cells = [
        [path.name, [cell for row in sheet.iter_rows() for cell in (*row, *(one.comment for one in row))]]
        for path in sorted((folder / "outgoing").iterdir())
        for sheet in load_workbook(path).worksheets
    ]
    return str([[name, [getattr(one, "value", getattr(one, "text", None)) for one in held]] for name, held in cells])


def acts(labs: list[Lab], kind: str, key: str) -> str:
    """What becomes of the first studies that declare a key when it is taken out."""
    for tried, lab in enumerate(labs[:TRIES], start=1):
        with tempfile.TemporaryDirectory() as name:
            try:
                one = answers(lab, Path(name) / "with")
                other = answers(without(lab, kind, key), Path(name) / "without")
            except UsageError:
                return "required: refused without it"
            except StudyProblems:
                return "acts on reading (cells are problems without it)"
        if one[0] != other[0]:
            return f"acts on results (study {tried} tried)"
        if one[1] != other[1]:
            return f"acts on workbooks (study {tried} tried)"
    return f"NO EFFECT in {min(TRIES, len(labs))} studies"


def compared(seeds: range, *, workbooks: bool) -> Iterator[str]:
    """The disagreements of some studies, in words; a crash is one."""
    for seed in seeds:
        with tempfile.TemporaryDirectory() as name:
            try:
                found = differences(seed, Path(name) / "lab", workbooks=workbooks, whole=seed % WHOLE_EACH == 0)
                yield from (f"study {seed}: {one}" for one in found)
            except Exception as crash:
                yield f"study {seed}: {type(crash).__name__}: {crash}"


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES
    whole = len(range(0, n, WHOLE_EACH))
    for what, seeds, workbooks in (
        (f"{n} studies, ratings as a long table ({whole} with the report; alpha and omega of all)", range(n), False),
        (f"{WORKBOOKS} studies through template, fill and run", range(1000, 1000 + WORKBOOKS), True),
    ):
        found = list(compared(seeds, workbooks=workbooks))
        print(f"{what}: {len(found)} disagreements and crashes", *found, sep="\n    ", flush=True)
    print("\ndeclared key                        studies   without it")
    labs = [random_study(seed) for seed in range(n)]
    for kind, keys in KEYS.items():
        for key in keys:
            holding = [lab for lab in labs if holders(lab, kind, key)]
            print(f"{kind + '.' + key:<36}{len(holding):>7}   {acts(holding, kind, key)}", flush=True)


if __name__ == "__main__":
    main()
