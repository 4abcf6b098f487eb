"""Random studies as labs declare them: codebooks, raters, sessions with gaps, ratings; all of it from one seed.

A :class:`Lab` is plain data (dicts and lists). ``write_study.py`` makes a folder of it, ``brute_force.py`` says what
must come out.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Any

Cell = tuple[str, Any]
"""("number", 3), ("text", "B") or ("code", "NA")."""

CODES = {
    "NA": "not applicable in this session", "IN": "insufficient information", "NR": "cannot be heard",
    "KA": "keine Angabe",
}  # fmt: skip
NOT_CODABLE = ("no_recording", "poor_sound", "incomplete", "off_manual")
STATUSES = ("completed", "completed", "completed", "completed", "dropped_out", "excluded", "consent_withdrawn")
WORDS = ("warm", "clear", "task", "goals", "pace", "focus", "rapport", "review", "plan", "trust")


@dataclass
class Lab:
    """One study: what it declares, and what its raters sent.

    Attributes
    ----------
    books, uses : list of dict
        Codebooks and how the study uses them, in the same order.
    ratings : {(session_id, rater, instrument): {column: Cell}}
        Under "status" stands why a session could not be coded.
    absent : set of (rater, instrument, batch)
        Workbooks that never came back.
    outcomes : {instrument: [(patient, session, {column: Cell})]}
    conditions : {model: [(variable, operator, number)]}
        The subset of a model, in parts.
    """

    seed: int
    unit: str = "session"
    raters: list[str] = field(default_factory=list)
    books: list[dict[str, Any]] = field(default_factory=list)
    uses: list[dict[str, Any]] = field(default_factory=list)
    patients: list[dict[str, Any]] = field(default_factory=list)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    therapists: list[str] = field(default_factory=list)
    assignments: list[dict[str, str]] = field(default_factory=list)
    ratings: dict[tuple[str, str, str], dict[str, Cell]] = field(default_factory=dict)
    absent: set[tuple[str, str, str]] = field(default_factory=set)
    outcomes: dict[str, list[tuple[str, int, dict[str, Cell]]]] = field(default_factory=dict)
    given: dict[tuple[str, str], str] = field(default_factory=dict)
    variables: list[dict[str, Any]] = field(default_factory=list)
    analyses: dict[str, Any] = field(default_factory=dict)
    conditions: dict[str, list[tuple[str, str, float]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"lab_{self.seed}"


def columns_of(book: dict[str, Any]) -> list[dict[str, Any]]:
    """The columns of a codebook: a repeated item is one per slot, ``name_1``, ``name_2``, …, slot by slot."""
    single = [item for item in book["items"] if item.get("repeat", 1) == 1]
    most = max(item.get("repeat", 1) for item in book["items"])
    slots = [
        {**item, "name": f"{item['name']}_{slot}", "base": item["name"], "slot": slot}
        for slot in range(1, most + 1)
        for item in book["items"]
        if item.get("repeat", 1) > 1 and slot <= item["repeat"]
    ]
    return single + slots


def is_number(item: dict[str, Any]) -> bool:
    return item.get("type", "ordinal") in ("ordinal", "duration", "count")


def codes_of(book: dict[str, Any], item: dict[str, Any], session: int) -> list[str]:
    """Missing codes that a rater may type: NA only where the item permits it, and then in the first session only
    if that is the only condition."""
    allowed = item.get("missing", list(book["missing_codes"]))
    conditions = item.get("not_applicable_when", [])
    na = bool(conditions) and (conditions != ["first_session"] or session == 1)
    return [code for code in allowed if code != "NA" or na]


def sent(lab: Lab) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """Assignments whose workbook came back, with what the rater typed."""
    return [
        (row, lab.ratings[row["session_id"], row["rater"], row["instrument"]])
        for row in lab.assignments
        if (row["rater"], row["instrument"], row["batch"]) not in lab.absent
    ]


def random_study(seed: int) -> Lab:
    """Draw the study of a seed; the same seed, the same study."""
    rng = random.Random(seed)
    lab = Lab(seed, unit="patient" if rng.random() < 0.3 else "session")
    lab.raters = [f"R{n}" for n in range(1, rng.randint(2, 4))] if rng.random() < 0.9 else ["R1"]
    lab.therapists = [f"T{n}" for n in range(1, rng.randint(2, 4))]
    _people(lab, rng)
    for n in range(rng.randint(1, 3)):
        _instrument(lab, rng, n, "raters")
    if rng.random() < 0.6:
        _instrument(lab, rng, len(lab.books), "outcomes")
    if rng.random() < 0.2:
        _log(lab, rng)
    for book, use in zip(lab.books, lab.uses, strict=True):
        _rate(lab, rng, book, use) if use["source"] == "raters" else _measure(lab, rng, book, use)
    _lose_workbooks(lab, rng)
    _variables(lab, rng)
    _analyses(lab, rng)
    if seed % 4 == 3:
        _without_therapists(lab)
    return lab


def _without_therapists(lab: Lab) -> None:
    """Some studies have none: no table, no column, no comparison of them."""
    lab.therapists = []
    for session in lab.sessions:
        del session["therapist"]
    if "group_comparisons" in lab.analyses:
        del lab.analyses["group_comparisons"]


def _people(lab: Lab, rng: random.Random) -> None:
    last = rng.randint(2, 6)
    for n in range(1, rng.randint(4, 11)):
        status = rng.choice(STATUSES) if n > 1 else "completed"  # somebody is left to analyse
        patient: dict[str, Any] = {
            "patient": f"P{n:02}", "status": status,
            "reason": "" if status == "completed" else rng.choice(["moved away", "found work", "no longer wished to"]),
            "age": "" if rng.random() < 0.1 else rng.randint(18, 70), "sex": rng.choice(["f", "m"]),
            "arm": rng.choice(["A", "B"]), "weight": round(rng.uniform(-2, 2), 2),
        }  # fmt: skip
        lab.patients.append(patient)
        end = rng.randint(1, last) if status == "dropped_out" else last
        for number in range(1, end + 1):
            if rng.random() < 0.12:  # a gap: the session was not held
                continue
            lab.sessions.append(_session(rng, patient["patient"], number, rng.choice(lab.therapists[:2]), "main"))
    for status in ("not_included", "completed"):
        if rng.random() < 0.2:
            name = f"X{len(lab.patients):02}"
            row = {"age": 40, "sex": "f", "arm": "A", "weight": 0.5}
            lab.patients.append({"patient": name, "status": status, "reason": "too ill", **row})
            if status == "completed":  # a case of the pilot only
                lab.sessions += [_session(rng, name, 1, "T1", "pilot"), _session(rng, name, 2, "T1", "pilot")]
    if not any(row["phase"] == "main" for row in lab.sessions):
        lab.sessions.append(_session(rng, "P01", 1, "T1", "main"))
    rng.shuffle(lab.sessions)


def _session(rng: random.Random, patient: str, number: int, therapist: str, phase: str) -> dict[str, Any]:
    lost = rng.random() < 0.1
    return {
        "session_id": f"S-{patient}{number}", "patient": patient, "therapist": therapist, "session": number,
        "date": f"2020-0{1 + number % 8}-{10 + number}", "minutes": rng.randint(20, 60), "phase": phase,
        "status": "not_rated" if lost else "held", "reason": rng.choice(["tape lost", ""]) if lost else "",
        "recording": f"{patient}_{number}.mp3",
    }  # fmt: skip


def _instrument(lab: Lab, rng: random.Random, number: int, source: str) -> None:
    codes = dict(rng.sample(sorted(CODES.items()), rng.randint(0, 4)))
    names = rng.sample(WORDS, rng.randint(2, 6))
    items = [_item(rng, name, codes, source, first=place == 0) for place, name in enumerate(names)]
    used = {code for item in items for code in item.get("missing", codes)}
    if not any(item.get("not_applicable_when") for item in items):
        used.discard("NA")
    codes = {code: meaning for code, meaning in codes.items() if code in used}
    book: dict[str, Any] = {
        "name": f"inst{number}", "title": f"Instrument {number}", "version": "1.0", "citation": "Nobody (2020).",
        "rights": "Made up.", "missing_codes": codes, "items": items,
    }  # fmt: skip
    if rng.random() < 0.3:
        book["segment"] = {"start_minute": 5, "minutes": 15}
    if rng.random() < 0.3:
        book["notes"] = "Rate what you hear."
    numeric = [item["name"] for item in columns_of(book) if is_number(item)]
    book["scales"] = [_scale(rng, f"scale{n}", numeric, book) for n in range(rng.choice((0, 1, 1, 2, 3)))]
    lab.books.append(book)
    lab.uses.append(_use(lab, rng, book, source))


def _item(rng: random.Random, name: str, codes: dict[str, str], source: str, *, first: bool) -> dict[str, Any]:
    kinds = ("ordinal",) if first else ("ordinal", "ordinal", "ordinal", "ordinal", "duration", "count")
    kinds = kinds if first or source == "outcomes" else (*kinds, "nominal", "text")
    kind = rng.choice(kinds)
    item: dict[str, Any] = {"name": name, "label": name.capitalize(), "type": kind}
    if kind == "ordinal":
        item["minimum"] = rng.choice((-2, 0, 0, 0, 1))
        item["maximum"] = item["minimum"] + rng.choice((1, 3, 4, 6))
        item["reversed"] = rng.random() < 0.25
        if rng.random() < 0.2:
            item["flag_from"] = item["maximum"]
        if rng.random() < 0.3:
            item["anchors"] = {str(item["minimum"]): "not at all", str(item["maximum"]): "very much"}
    elif kind in ("duration", "count"):
        item["minimum"] = 0
        item |= {"maximum": rng.choice((60, 3600))} if rng.random() < 0.6 else {}
    elif kind == "nominal":
        item["categories"] = {"A": "alone", "B": "both", "C": "with company"}
        item["multiple"] = rng.random() < 0.3
    if source == "raters" and rng.random() < 0.12:
        item["repeat"] = rng.randint(2, 3)
    if rng.random() < 0.2:
        item["optional"] = True
    if codes and rng.random() < 0.2:
        item["missing"] = rng.sample(sorted(codes), rng.randint(0, len(codes)))
    if "NA" in item.get("missing", codes) and ("missing" in item or rng.random() < 0.6):
        choices = (["first_session"], ["no_homework_done"], ["first_session", "no_homework_done"])
        item["not_applicable_when"] = list(rng.choice(choices))
    if kind == "text" and not item.get("repeat") and rng.random() < 0.4:
        item["given"] = True
        item.pop("optional", None)
    return item


def _scale(rng: random.Random, name: str, numeric: list[str], book: dict[str, Any]) -> dict[str, Any]:
    items = rng.sample(numeric, rng.randint(1, len(numeric)))
    scale: dict[str, Any] = {
        "name": name,
        "label": name.capitalize(),
        "items": items,
        "score": rng.choice(("mean", "sum")),
    }
    if len(items) > 1 and rng.random() < 0.5:
        scale["minimum_valid"] = rng.randint(1, len(items))
        if scale["score"] == "sum" and scale["minimum_valid"] < len(items):
            scale["prorate"] = True  # fewer items without it would count missing as zero: refused
    if len(items) > 1 and rng.random() < 0.35:
        scale["lagged"] = rng.sample(items, rng.randint(1, len(items) - 1))
    if rng.random() < 0.3:
        least = sum(_least(book, name) for name in items)
        least = least if scale["score"] == "sum" else least / len(items)
        scale["bands"] = [
            {"label": "low", "low": least, "high": least + 0.6},
            {"label": "high", "low": least + 0.8, "high": least + 900},
        ]  # fmt: skip
    return scale


def _least(book: dict[str, Any], name: str) -> int:
    return int(next(item["minimum"] for item in columns_of(book) if item["name"] == name))


def _use(lab: Lab, rng: random.Random, book: dict[str, Any], source: str) -> dict[str, Any]:
    use: dict[str, Any] = {"name": f"{book['name']}.toml", "source": source}
    if rng.random() < 0.3:
        use["sessions"] = sorted(rng.sample(range(1, 5), rng.randint(1, 3)))
    if rng.random() < 0.3:
        ordinal = [item["name"] for item in book["items"] if item["type"] == "ordinal"]
        use["reverse"] = rng.sample(ordinal, rng.randint(0, len(ordinal)))
    if source == "raters":
        use["raters"] = rng.sample(lab.raters, rng.randint(1, len(lab.raters)))
        if rng.random() < 0.3:
            use["reliability"] = "one-way"
        if rng.random() < 0.2:
            use["reliability_interval"] = "jackknife"
        use["pooling"] = rng.choice(("mean", "primary"))
    return use


def _log(lab: Lab, rng: random.Random) -> None:
    """A homework log in the codes of its lab: done or not, or by degrees; with a code for no difficulty, or without."""
    done = rng.choice(({"J": 1, "N": 0}, {"not": 0, "partly": 0.5, "fully": 1}))
    of = {"label": "A part of the log", "type": "nominal", "optional": True, "repeat": rng.randint(2, 4)}
    log: dict[str, Any] = {"type": "kind", "completed": "made", "done": done}
    book: dict[str, Any] = {
        "name": "hlog", "title": "Log", "version": "1.0", "citation": "Nobody (2020).", "rights": "Made up.",
        "missing_codes": {"IN": CODES["IN"]}, "scales": [], "homework_log": log,
        "items": [
            {"name": "kind", **of, "categories": {"AA": "read", "BB": "write"}},
            {"name": "made", **of, "categories": {code: f"{code}, in words" for code in done}},
        ],
    }  # fmt: skip
    if rng.random() < 0.7:
        hurdles = {"LT": "time", "TD": "too hard", "NO": "none"}
        book["items"].append({"name": "hurdles", **of, "multiple": True, "categories": hurdles})
        log |= {"difficulties": "hurdles", "no_difficulty": rng.choice((["NO"], []))}
    if rng.random() < 0.5:
        book["items"].append(
            {"name": "ease", "label": "Ease", "minimum": 0, "maximum": 4, "type": "ordinal", "repeat": 2}
        )
    lab.books.append(book)
    lab.uses.append({"name": "hlog.toml", "source": "raters", "raters": list(lab.raters), "pooling": "primary"})


def _value(rng: random.Random, item: dict[str, Any]) -> Cell:
    kind = item["type"]
    if kind == "ordinal":
        return "number", rng.randint(item["minimum"], item["maximum"])
    if kind in ("duration", "count"):
        return "number", rng.randint(0, min(item.get("maximum", 50), 500))
    if kind == "text":
        return "text", rng.choice(("said little", "spoke of work", "none"))
    codes = list(item["categories"])
    return "text", ",".join(sorted(rng.sample(codes, rng.randint(1, 2)))) if item.get("multiple") else rng.choice(codes)


def _cells(rng: random.Random, book: dict[str, Any], session: int, *, holes: float) -> dict[str, Cell]:
    """One rating of a session: every item a value, a missing code, or nothing where it may stay empty."""
    cells: dict[str, Cell] = {}
    used = {slot: rng.random() < 0.6 for slot in range(1, 21)}
    for item in columns_of(book):
        if item.get("given"):
            continue
        codes = codes_of(book, item, session)
        if "slot" in item and item.get("optional"):
            if used[item["slot"]] and not (item.get("multiple") and rng.random() < 0.5):
                cells[item["name"]] = _value(rng, item)
        elif item.get("optional") and rng.random() < 0.4:
            continue
        elif codes and rng.random() < holes:
            cells[item["name"]] = ("code", rng.choice(codes))
        else:
            cells[item["name"]] = _value(rng, item)
    return _whole_slots(rng, book, cells)


def _whole_slots(rng: random.Random, book: dict[str, Any], cells: dict[str, Cell]) -> dict[str, Cell]:
    """A slot that was begun is complete, but for its multi-response items."""
    columns = columns_of(book)
    for slot in {item["slot"] for item in columns if "slot" in item}:
        own = [item for item in columns if item.get("slot") == slot]
        if any(item["name"] in cells for item in own):
            for item in own:
                if not item.get("multiple") and item["name"] not in cells:
                    cells[item["name"]] = _value(rng, item)
    return cells


def _rate(lab: Lab, rng: random.Random, book: dict[str, Any], use: dict[str, Any]) -> None:
    strict = rng.random() < 0.7  # others rate sessions that the study does not use, too
    double, holes = rng.choice((0.0, 0.4, 1.0)), rng.choice((0.0, 0.1, 0.3))
    for row in lab.sessions:
        number, name = row["session"], row["session_id"]
        for item in book["items"]:
            if item.get("given"):
                lab.given[name, item["name"]] = f"read chapter {number}"
        unused = strict and number not in use.get("sessions", [number])
        if row["status"] == "not_rated" or unused or rng.random() < 0.05:
            continue
        several = row["phase"] == "pilot" or rng.random() < double
        raters = rng.sample(use["raters"], min(len(use["raters"]), rng.randint(2, 3) if several else 1))
        for place, rater in enumerate(raters):
            role = "pilot" if row["phase"] == "pilot" else "primary" if place == 0 else "second"
            batch = "pilot" if role == "pilot" else f"batch{1 + number // 3:02}"
            lab.assignments.append(
                {"session_id": name, "rater": rater, "instrument": book["name"], "role": role, "batch": batch}
            )
            cells = _cells(rng, book, number, holes=holes)
            if rng.random() < 0.05:
                cells = {"status": ("code", rng.choice(NOT_CODABLE))}
            lab.ratings[name, rater, book["name"]] = cells


def _measure(lab: Lab, rng: random.Random, book: dict[str, Any], use: dict[str, Any]) -> None:
    rows = lab.outcomes.setdefault(book["name"], [])
    for row in lab.sessions:
        if rng.random() < 0.85 and (row["session"] in use.get("sessions", [row["session"]]) or rng.random() < 0.3):
            rows.append((row["patient"], row["session"], _cells(rng, book, row["session"], holes=0.08)))


def _lose_workbooks(lab: Lab, rng: random.Random) -> None:
    sent = sorted({(row["rater"], row["instrument"], row["batch"]) for row in lab.assignments})
    lab.absent = {key for key in sent if rng.random() < 0.08}


def _variables(lab: Lab, rng: random.Random) -> None:
    for book, use in zip(lab.books, lab.uses, strict=True):
        wanted = [("scale", scale["name"]) for scale in book["scales"]]
        numeric = [item["name"] for item in columns_of(book) if is_number(item)]
        wanted += [("item", name) for name in rng.sample(numeric, min(2, len(numeric)))]
        for kind, name in wanted:
            if rng.random() < 0.25:
                continue
            numbers = use.get("sessions", [1, 2, 3])
            for session in rng.sample(numbers, 1 if lab.unit == "session" else min(2, len(numbers))):
                one: dict[str, Any] = {"name": f"v{len(lab.variables)}", "instrument": book["name"], kind: name}
                if lab.unit == "patient" or rng.random() < 0.1:
                    one["session"] = session
                if lab.unit == "patient" and len(numbers) == 1 and rng.random() < 0.5:
                    del one["session"]  # the only session of its instrument
                if rng.random() < 0.5:
                    one["label"] = f"Variable {one['name'][1:]}"
                lab.variables.append(one)
    for column in ("age", "sex", "weight"):
        if rng.random() < 0.5:
            lab.variables.append({"name": column, "column": column})


def _analyses(lab: Lab, rng: random.Random) -> None:
    numbers = [one["name"] for one in lab.variables if one.get("column") != "sex"]
    asked = lab.analyses
    asked["sample_columns"] = rng.sample(("age", "sex", "arm", "weight"), rng.randint(0, 3))
    if rng.random() < 0.2:
        asked["seed"] = rng.randint(1, 10_000)
    if len(numbers) < 3:
        return
    if rng.random() < 0.4:
        asked["outliers"] = {
            "variables": rng.sample(numbers, 2), "multiplier": rng.choice((1.5, 3.0)),
            "quantiles": rng.choice(("linear", "weibull", "hazen")),
        }  # fmt: skip
    if rng.random() < 0.5:
        asked["correlations"] = {"variables": rng.sample(numbers, 3), "method": rng.choice(("pearson", "spearman"))}
    if lab.unit == "session" and rng.random() < 0.5:
        y, x = rng.sample(numbers, 2)
        steps = [f"{y} ~ 1 + (1 | patient)", f"{y} ~ session + (1 | patient)", f"{y} ~ session + {x} + (1 | patient)"]
        asked["series"] = [{"name": "course", "title": "Course", "steps": steps[: rng.randint(1, 3)]}]
        if len(asked["series"][0]["steps"]) == 3 and x in _varying(lab) and rng.random() < 0.7:
            asked["series"][0]["split"] = [x]
    asked["moderations"] = [_moderation(lab, rng, numbers, n) for n in range(rng.choice((0, 0, 1, 2)))]
    if rng.random() < 0.3:
        asked["group_comparisons"] = [{"outcome": rng.choice(numbers), "group": "therapist"}]
    _extras(lab, random.Random(lab.seed + 1_000_000))


def _extras(lab: Lab, rng: random.Random) -> None:
    """Keys with draws of their own, so that the studies of older seeds stay what they are."""
    asked = lab.analyses
    if rng.random() < 0.3:
        kind = rng.choice(("HC3", "least-squares"))
        asked |= {"regression_errors": kind} if asked.get("moderations") else {}
    for item in (item for book in lab.books for item in book["items"]):
        if rng.random() < 0.15 and (item.get("anchors") or item.get("categories")):
            item["anchor_source"] = "the manual"
    for one in asked.get("series", []):
        if rng.random() < 0.5:
            one["intercept_at"] = rng.randint(0, 3)
    if rng.random() < 0.3:
        asked["citation"] = f"Nobody & Noone (20{rng.randint(10, 25)})."
    if "outliers" in asked:  # a rule for what stands in a series only is refused
        models = asked["moderations"]
        acted_on = {str(model.get(key)) for model in models for key in ("outcome", "predictor", "moderator")}
        acted_on |= {name for model in models for name in model.get("covariates", [])}
        acted_on |= set(asked.get("correlations", {}).get("variables", []))
        acted_on |= {one["outcome"] for one in asked.get("group_comparisons", [])}
        words = {word for one in asked.get("series", []) for step in one["steps"] for word in re.findall(r"\w+", step)}
        rule = asked["outliers"]
        rule["variables"] = [name for name in rule["variables"] if name in acted_on or name not in words]
        if not rule["variables"]:
            del asked["outliers"]


def _varying(lab: Lab) -> list[str]:
    """Variables with values of several sessions; only these can be split."""
    several = {
        book["name"] for book, use in zip(lab.books, lab.uses, strict=True) if len(use.get("sessions", (1, 2))) > 1
    }
    return [one["name"] for one in lab.variables if one.get("instrument") in several and "session" not in one]


def _moderation(lab: Lab, rng: random.Random, numbers: list[str], n: int) -> dict[str, Any]:
    names = rng.sample(numbers, min(len(numbers), 5))
    model: dict[str, Any] = {"name": f"model{n}", "title": f"Model {n}", "outcome": names[0], "predictor": names[1]}
    if rng.random() < 0.6:
        model["moderator"] = names[2]
    elif rng.random() < 0.5:
        model["covariates"] = names[2:3]
    if len(names) > 3 and rng.random() < 0.5:
        parts = [(rng.choice(names[2:]), rng.choice((">", "<=", "!=")), float(rng.randint(0, 3)))]
        if rng.random() < 0.3:
            parts.append((names[0], ">=", 1.0))
        lab.conditions[model["name"]] = parts
        model["subset"] = " and ".join(f"{name} {sign} {number:g}" for name, sign, number in parts)
    return model
