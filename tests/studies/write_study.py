"""A random study as a folder, and its ratings as they reach the analysis: a long table, or workbooks filled in."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from random_study import Lab, columns_of, sent

from doublecode.coding import write_workbooks
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.schemas.frames import ASSIGNMENTS, RATINGS
from doublecode.schemas.study import load_study
from doublecode.schemas.table_files import read_table


def toml(value: Any) -> str:
    """One value in TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(str(key))} = {toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {toml(value)}\n" for key, value in table.items())


def write_folder(lab: Lab, folder: Path) -> Path:
    """Write study.toml, codebooks and tables; the workbooks are not filled in."""
    for inside in ("incoming", "outcomes"):
        (folder / inside).mkdir(parents=True, exist_ok=True)
    for book in lab.books:
        (folder / f"{book['name']}.toml").write_text(lines(book), encoding="utf-8")
    (folder / "study.toml").write_text(declaration(lab), encoding="utf-8")
    write_csv(folder / "patients.csv", list(lab.patients[0]), lab.patients)
    write_csv(folder / "sessions.csv", list(lab.sessions[0]), lab.sessions)
    if lab.therapists:
        write_csv(folder / "therapists.csv", ["therapist"], [{"therapist": name} for name in lab.therapists])
    write_csv(folder / "assignments.csv", list(ASSIGNMENTS.columns), lab.assignments)
    if lab.given:
        rows = [{"session_id": session, "item": item, "text": text} for (session, item), text in lab.given.items()]
        write_csv(folder / "given.csv", ["session_id", "item", "text"], rows)
    for name, measured in lab.outcomes.items():
        book = next(book for book in lab.books if book["name"] == name)
        heads = ["patient", "session", *(item["name"] for item in columns_of(book))]
        cells = [
            {"patient": patient, "session": session, **{name: value for name, (_, value) in answers.items()}}
            for patient, session, answers in measured
        ]
        write_csv(folder / "outcomes" / f"{name}.csv", heads, cells)
    return folder


def declaration(lab: Lab) -> str:
    head = {"name": lab.name, "title": f"Random study {lab.seed}", "synthetic": True, "unit": lab.unit}
    head |= {name: value for name, value in lab.analyses.items() if name in ("seed", "sample_columns")}
    parts: dict[str, Any] = {**head, "raters": [{"id": rater} for rater in lab.raters], "instruments": lab.uses}
    parts["variables"] = lab.variables
    return lines(parts | {name: value for name, value in lab.analyses.items() if name not in head})


def write_csv(path: Path, heads: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, heads, restval="")
        table.writeheader()
        table.writerows(rows)


def long_ratings(lab: Lab) -> pd.DataFrame:
    """The ratings as the reader of workbooks hands them on: contract RATINGS."""
    held = {row["session_id"]: row for row in lab.sessions}
    books = {book["name"]: book for book in lab.books}
    rows = []
    for place, (row, cells) in enumerate(sent(lab)):
        columns = list(columns_of(books[row["instrument"]]))
        if "status" in cells:
            typed = {item["name"]: cells["status"] for item in columns if not item.get("given")}
        else:
            typed = dict(cells)
            texts = {
                item["name"]: lab.given.get((row["session_id"], item["name"])) for item in columns if item.get("given")
            }
            typed |= {name: ("text", text) for name, text in texts.items() if text}
        session = held[row["session_id"]]
        for name, (kind, value) in typed.items():
            rows.append(
                {
                    "study": lab.name, "patient": session["patient"], "therapist": session.get("therapist"),
                    "session": session["session"], "session_id": row["session_id"], "rater": row["rater"],
                    "role": row["role"], "instrument": row["instrument"], "item": name,
                    "value": float(value) if kind == "number" else float("nan"),
                    "text": value if kind == "text" else None, "missing_code": value if kind == "code" else None,
                    "phase": session["phase"], "source_file": f"{row['rater']}_{row['instrument']}_{row['batch']}.xlsx",
                    "source_sheet": "Rate", "source_cell": f"A{place}",
                }
            )  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(RATINGS.columns))
    kinds = {"session": "int64", "value": "float64"}
    columns = {
        name: frame[name].astype(kinds[name]) if name in kinds else pd.Series(frame[name].tolist(), dtype="str")
        for name in RATINGS.columns
    }  # the constructor leaves what is missing alone; astype of older pandas makes it the text "None"
    return pd.DataFrame(columns)


def write_as_sent(folder: Path) -> None:
    """Write the workbooks as they were before anybody left the study; those of now are without her sessions."""
    path = folder / "patients.csv"
    now = path.read_bytes() if path.is_file() else None
    if now is not None:
        rows = list(csv.DictReader(now.decode("utf-8").splitlines()))
        write_csv(path, list(rows[0]), [row | {"status": "completed"} for row in rows])
    write_workbooks(load_study(folder), read_table(folder / "assignments.csv", ASSIGNMENTS), folder / "outgoing")
    if now is not None:
        path.write_bytes(now)


def fill_workbooks(lab: Lab, folder: Path) -> None:
    """Write the workbooks of a folder, fill them in as the raters did, and put them into incoming/."""
    write_as_sent(folder)
    by_file: dict[str, dict[tuple[str, str], Any]] = {}
    for row, cells in sent(lab):
        file = by_file.setdefault(f"{row['rater']}_{row['instrument']}_{row['batch']}.xlsx", {})
        file |= {(row["session_id"], name): value for name, (_, value) in cells.items()}
    for name, typed in by_file.items():
        fill_workbook(folder / "outgoing" / name, folder / "incoming" / name, typed)
