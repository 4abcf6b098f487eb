"""What must come out of a random study, by loops over dicts: pooling, reversal, missing rule, lags, frame, ledger.

Written from the contract (design.md, methods.md, docstrings of the declarations), not from the code: nothing of
doublecode is imported here. A reason is a tuple: its kind, then what it stands on.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

from random_study import Lab, columns_of, is_number, sent

Reason = tuple[Any, ...]
Key = tuple[str, int]
IN_NO_NUMBER = ("excluded", "consent_withdrawn")
SIGNS = {">": operator.gt, "<=": operator.le, ">=": operator.ge, "!=": operator.ne}


@dataclass
class Value:
    """A number with how many ratings it stands on, or the reason why there is none."""

    value: float | None
    n_raters: float | None = None
    codes: tuple[str, ...] = ()


@dataclass
class Score:
    """A score, how many items it stands on, the codes of each missing one; `before`: the session before that is not
    there, if it was needed."""

    value: float | None
    n_valid: int
    n_items: int
    n_raters: float | None
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    before: int | None = None


@dataclass
class Truth:
    """Everything that is compared, cell by cell."""

    items: dict[tuple[Key, str, str], Value]
    scores: dict[tuple[Key, str, str], Score]
    units: list[Any]
    cells: dict[tuple[Any, str], tuple[Any, Reason | None]]
    ledger: dict[tuple[str, str, int | None], Reason | None]
    log: dict[str, int] | None
    done: tuple[str, ...] = ()


class Reference:
    """The study once more, by hand."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.books = {book["name"]: book for book in lab.books}
        self.uses = {book["name"]: use for book, use in zip(lab.books, lab.uses, strict=True)}
        self.out = {row["patient"] for row in lab.patients if row["status"] in IN_NO_NUMBER}
        self.people = {row["patient"]: row for row in lab.patients}
        self.by_id = {row["session_id"]: row for row in lab.sessions}
        main = [row for row in lab.sessions if row["phase"] == "main"]
        self.everybody = {(row["patient"], row["session"]): row for row in sorted(main, key=_place)}
        self.held = {key: row for key, row in self.everybody.items() if key[0] not in self.out}
        self.items = self._items()
        self.scores = self._scores()

    def in_use(self, book: str, number: int) -> bool:
        """Whether the study uses an instrument in this session."""
        return number in self.uses[book].get("sessions", [number])

    # ---- ratings → items

    def _ratings(self) -> dict[tuple[Key, str, str], list[tuple[str, Any]]]:
        """All ratings of the main phase: (session, instrument, item) → [(role, cell)]."""
        found: dict[tuple[Key, str, str], list[tuple[str, Any]]] = {}
        for row, cells in sent(self.lab):
            session = self.by_id[row["session_id"]]
            key = (session["patient"], session["session"])
            if key not in self.held or not self.in_use(row["instrument"], key[1]):
                continue
            names = [item["name"] for item in columns_of(self.books[row["instrument"]]) if not item.get("given")]
            typed = dict.fromkeys(names, cells["status"]) if "status" in cells else cells
            for name, cell in typed.items():
                found.setdefault((key, row["instrument"], name), []).append((row["role"], cell))
        return found

    def _items(self) -> dict[tuple[Key, str, str], Value]:
        self.ratings = self._ratings()
        items = {}
        for (key, book, name), given in self.ratings.items():
            item = next(one for one in columns_of(self.books[book]) if one["name"] == name)
            if not is_number(item):
                continue
            if self.uses[book]["pooling"] == "primary":
                counted = [cell for role, cell in given if role == "primary"]
            else:
                counted = [cell for _, cell in given]
            numbers = [value for kind, value in counted if kind == "number"]
            codes = tuple(dict.fromkeys(value for kind, value in counted if kind == "code"))
            if numbers:
                items[key, book, name] = Value(sum(numbers) / len(numbers), len(numbers))
            else:
                items[key, book, name] = Value(None, 0, codes if counted else ("the primary rater's is not there",))
        for book, measured in self.lab.outcomes.items():
            for patient, number, cells in measured:
                if (patient, number) in self.held and self.in_use(book, number):
                    for name, (kind, value) in cells.items():
                        one = Value(float(value)) if kind == "number" else Value(None, None, (value,))
                        items[(patient, number), book, name] = one
        return items

    # ---- items → scores

    def is_reversed(self, book: str, item: dict[str, Any]) -> bool:
        chosen = self.uses[book].get("reverse")
        return bool(item.get("reversed")) if chosen is None else item.get("base", item["name"]) in chosen

    def turned(self, book: str, item: dict[str, Any], value: float) -> float:
        return item["minimum"] + item["maximum"] - value if self.is_reversed(book, item) else value

    def _scores(self) -> dict[tuple[Key, str, str], Score]:
        scores = {}
        for name, book in self.books.items():
            of_items = {item["name"]: item for item in columns_of(book)}
            sessions = {key for key, instrument, _ in self.items if instrument == name}
            for scale in book["scales"]:
                for key in sessions:
                    scores[key, name, scale["name"]] = self._score(name, of_items, scale, key)
        return scores

    def _score(self, book: str, of_items: dict[str, Any], scale: dict[str, Any], key: Key) -> Score:
        lagged = scale.get("lagged", [])
        values: dict[str, float] = {}
        raters: list[float] = []
        missing: dict[str, tuple[str, ...]] = {}
        for name in scale["items"]:
            number = key[1] - 1 if name in lagged else key[1]
            found = self.items.get(((key[0], number), book, name))
            if found is not None and found.value is not None:
                values[name] = self.turned(book, of_items[name], found.value)
                raters += [] if found.n_raters is None else [found.n_raters]
            else:
                missing[name] = () if found is None else found.codes
        n, required = len(scale["items"]), scale.get("minimum_valid", len(scale["items"]))
        halves = [set(lagged), set(scale["items"]) - set(lagged)]
        enough = len(values) >= required and all(not half or half & set(values) for half in halves)
        mean_raters = sum(raters) / len(raters) if raters else None
        if not enough:
            return Score(None, len(values), n, mean_raters, missing, self._before(book, lagged, key))
        mean = sum(values.values()) / len(values)
        value = mean if scale["score"] == "mean" else mean * n if scale.get("prorate") else sum(values.values())
        return Score(value, len(values), n, mean_raters, missing)

    def _before(self, book: str, lagged: list[str], key: Key) -> int | None:
        there = any(at == (key[0], key[1] - 1) and of == book for at, of, _ in self.items)
        return None if there or not lagged else key[1] - 1

    # ---- the frame

    def rated(self, key: Key) -> Reason | None:
        """Whether somebody sent a rating of a session: a missing code is one, and so is a nominal one."""
        if any(at == key for at, _, _ in self.ratings):
            return None
        row = self.held[key]
        return ("not read",) if row["status"] == "held" else ("not rated", row["reason"])

    def cell(self, variable: dict[str, Any], patient: str, number: int | None) -> tuple[Any, Reason | None]:
        if "column" in variable:
            value = self.people[patient][variable["column"]]
            return (None, ("empty", variable["column"])) if value == "" else (value, None)
        book = variable["instrument"]
        key = (patient, self.session_of(variable, number))
        if not self.in_use(book, key[1]):
            return None, ("not used", book)
        if key not in self.held:
            if all(number != key[1] for _, number in self.held):
                return None, ("no such session", key[1])
            return None, ("not held", key[1], self.people[patient]["reason"])
        source = variable.get("scale") or variable["item"]
        found = (self.scores if "scale" in variable else self.items).get((key, book, source))
        if found is not None and found.value is not None:
            return found.value, None
        if self.uses[book]["source"] == "raters" and (why := self.rated(key)) is not None:
            return None, why
        if found is None:
            return None, ("no value", book, source, key[1])
        if isinstance(found, Score):
            return None, ("incomplete", found)
        return None, ("code", found.codes)

    def session_of(self, variable: dict[str, Any], number: int | None) -> int:
        if "session" in variable:
            return int(variable["session"])
        return number if number is not None else int(self.uses[variable["instrument"]]["sessions"][0])

    # ---- the ledger

    def ledger(self, cells: dict[tuple[Any, str], tuple[Any, Reason | None]]) -> dict[Any, Reason | None]:
        rows: dict[tuple[str, str, int | None], Reason | None] = {}
        for patient, row in self.people.items():
            there = any(patient == at for at, _ in self.held)
            lost = ("left out", row["status"]) if patient in self.out else ("no session", row["status"])
            rows[f"patients: {row['status']}", patient, None] = None if there else lost
        for key in self.everybody:
            gone = self._left(key[0])
            rows["held", *key] = gone
            rows["rated", *key] = gone or self.rated(key)
        for variable in self.lab.variables:
            if "column" not in variable:
                for key in self.everybody:
                    if key[1] == variable.get("session", key[1]) and self.in_use(variable["instrument"], key[1]):
                        at = {**variable, "session": key[1]}
                        rows[f"scored: {variable['name']}", *key] = self._left(key[0]) or self.cell(at, *key)[1]
        gone_units = [key if self.lab.unit == "session" else key[0] for key in self.everybody if key[0] in self.out]
        for name, needed in self.models().items():
            for unit in self.units:
                rows[f"in the model: {name}", *_named(unit)] = self._lost(name, needed, unit, cells)
            for unit in gone_units:
                rows[f"in the model: {name}", *_named(unit)] = self._left(_named(unit)[0])
        return rows

    def _left(self, patient: str) -> Reason | None:
        return ("left out", self.people[patient]["status"]) if patient in self.out else None

    def models(self) -> dict[str, list[str]]:
        """The variables that each model needs, its subset's among them."""
        names = [one["name"] for one in self.lab.variables]
        asked = self.lab.analyses
        found = {}
        for series in asked.get("series", ()):
            words = " ".join(series["steps"]).replace("(", " ").replace(")", " ").split()
            found[series["name"]] = [name for name in names if name in words]
        for model in asked.get("moderations", ()):
            used = [model["outcome"], model["predictor"], model.get("moderator"), *model.get("covariates", ())]
            used += [name for name, _, _ in self.lab.conditions.get(model["name"], ())]
            found[model["name"]] = [name for name in names if name in used]
        return found

    def _lost(self, name: str, needed: list[str], unit: Any, cells: Any) -> Reason | None:
        why = {one: cells[unit, one][1] for one in needed if cells[unit, one][0] is None}
        if why:
            return ("missing", why)
        for one, sign, number in self.lab.conditions.get(name, ()):
            if not SIGNS[sign](cells[unit, one][0], number):
                return ("outside",)
        return None

    # ---- the log

    def log(self) -> dict[str, int] | None:
        """Homework of each session, as the primary rater logged it (the first, where there is none)."""
        if "hlog" not in self.books:
            return None
        log = self.books["hlog"]["homework_log"]
        counts = dict.fromkeys(("n_assignments", "n_sessions_with_homework", "n_completed", "n_hindered"), 0)
        logged: dict[Key, list[tuple[int, str, dict[str, Any]]]] = {}
        for row, cells in sent(self.lab):
            session = self.by_id[row["session_id"]]
            key = (session["patient"], session["session"])
            if row["instrument"] == "hlog" and key in self.held and cells:
                logged.setdefault(key, []).append((row["role"] != "primary", row["rater"], cells))
        for several in logged.values():
            cells = sorted(several, key=lambda one: one[:2])[0][2]
            slots = [name[5:] for name, (kind, _) in cells.items() if name.startswith("kind_") and kind == "text"]
            counts["n_assignments"] += len(slots)
            counts["n_sessions_with_homework"] += bool(slots)
            counts["n_completed"] += sum(log["done"].get(cells.get(f"made_{slot}", ("", ""))[1]) == 1 for slot in slots)
            hurdles = {code for slot in slots for code in cells.get(f"hurdles_{slot}", ("", ""))[1].split(",") if code}
            counts["n_hindered"] += bool(hurdles - set(log.get("no_difficulty", ())))
        return {"n_sessions_logged": len(logged), **counts}

    @property
    def units(self) -> list[Any]:
        return list(self.held) if self.lab.unit == "session" else sorted({patient for patient, _ in self.held})

    def truth(self) -> Truth:
        cells = {}
        for unit in self.units:
            patient, number = _named(unit)
            for variable in self.lab.variables:
                cells[unit, variable["name"]] = self.cell(variable, patient, number)
        done = self.books["hlog"]["homework_log"]["done"] if "hlog" in self.books else {}
        codes = tuple(code for code, degree in done.items() if degree == 1)
        return Truth(self.items, self.scores, self.units, cells, self.ledger(cells), self.log(), codes)


def _place(row: dict[str, Any]) -> tuple[str, int]:
    return row["patient"], row["session"]


def _named(unit: Any) -> tuple[str, int | None]:
    return unit if isinstance(unit, tuple) else (unit, None)
