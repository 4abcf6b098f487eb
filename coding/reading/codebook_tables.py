"""Codebooks that labs already have, as declarations: a spreadsheet, a REDCap data dictionary, an XLSForm.

Each field becomes an item with its label, range, anchors or categories; what a codebook cannot hold is passed over and
named with its row and the reason. Nothing is guessed beyond the words of the file: the declaration is checked like any
other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from doublecode.coding.reading.long_table import Table, cell_text, open_table, sheet_names
from doublecode.schemas.errors import UsageError
from doublecode.schemas.item import TAKEN_NAMES

HEADS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("item", "name", "variable", "variable name", "variablenname", "kürzel", "code"),
    "label": (
        "label",
        "text",
        "question",
        "description",
        "item text",
        "wording",
        "bezeichnung",
        "beschreibung",
        "frage",
    ),
    "type": ("type", "typ", "kind", "art"),
    "minimum": ("min", "minimum", "from", "low", "von"),
    "maximum": ("max", "maximum", "to", "high", "bis"),
    "range": ("range", "scale range", "bereich", "wertebereich"),
    "codes": ("anchors", "codes", "categories", "values", "choices", "anker", "kategorien", "werte", "stufen"),
    "missing": ("missing", "missing codes", "fehlend", "fehlende werte"),
    "reversed": ("reversed", "reverse", "recode", "inverted", "umgepolt", "invertiert", "rekodiert"),
    "scale": ("scale", "subscale", "factor", "skala", "subskala"),
    "optional": ("optional",),
}
"""What the columns of a spreadsheet codebook may be called, in any case."""

_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_NO_CODE: Final = re.compile(
    r"missing|not applicable|does not apply|n/?a\b|not rat(e|a)ble|not codable|cannot be (coded|rated|heard)|unknown|"
    r"refused|no answer|don.?t know|keine angabe|nicht (zutreffend|beurteilbar|anwendbar)|fehlt|fehlend|weiß nicht",
    re.IGNORECASE,
)
_YES: Final = ("x", "y", "yes", "1", "true", "j", "ja", "r", "(r)", "reversed")
_REDCAP: Final = {
    "name": ("variable / field name", "field_name"),
    "kind": ("field type", "field_type"),
    "label": ("field label", "field_label"),
    "choices": ("choices, calculations, or slider labels", "select_choices_or_calculations"),
    "validation": (
        "text validation type or show slider number",
        "text_validation_type_or_show_slider_number",
    ),
    "minimum": ("text validation min", "text_validation_min"),
    "maximum": ("text validation max", "text_validation_max"),
    "required": ("required field?", "required_field"),
}
_SCORE: Final = re.compile(r"(sum|mean)\(\s*(\[\w+\](?:\s*,\s*\[\w+\])*)\s*\)", re.IGNORECASE)
_BOUNDS: Final = re.compile(r"\.\s*(>=|<=|>|<)\s*(-?\d+)")


@dataclass
class Draft:
    """A codebook in the making.

    Attributes
    ----------
    items, scales : list of dict
        As :class:`doublecode.schemas.Instrument` takes them.
    missing_codes : dict of str to str
    passed_over : list of (str, str)
        Place in the file and reason.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    scales: list[dict[str, Any]] = field(default_factory=list)
    missing_codes: dict[str, str] = field(default_factory=dict)
    passed_over: list[tuple[str, str]] = field(default_factory=list)

    def add(self, item: dict[str, Any], missing: Mapping[str, str]) -> None:
        """Add an item, with the missing codes that it has of its own."""
        self.missing_codes |= missing
        self.items.append({**item, "missing": [*missing]})

    def declaration(self, name: str, title: str, citation: str, rights: str) -> dict[str, Any]:
        """The whole codebook, in the order in which a person reads it."""
        head = {"name": name, "title": title, "version": "1.0", "citation": citation, "rights": rights}
        if all(item.get("missing") == [*self.missing_codes] for item in self.items):  # then it need not be said
            for item in self.items:
                del item["missing"]
        parts = {"missing_codes": self.missing_codes, "items": self.items, "scales": self.scales}
        return head | {key: part for key, part in parts.items() if part}


def read_codebook(path: str | Path, *, score: str = "mean") -> Draft:
    """Read a codebook from a spreadsheet, a REDCap data dictionary or an XLSForm.

    Parameters
    ----------
    path : path
        csv, xlsx or ods. A REDCap dictionary is known by its heads, an XLSForm by its sheets *survey* and *choices*.
    score : {"mean", "sum"}
        How the scales of a spreadsheet are put together.

    Raises
    ------
    UsageError
        The file cannot be read, or holds no item.
    """
    file = Path(path)
    names = {name.casefold(): name for name in sheet_names(file)}
    if {"survey", "choices"} <= set(names):
        draft = _xlsform(open_table(file, (), names["survey"]), open_table(file, (), names["choices"]))
    else:
        table = open_table(file, [*_REDCAP["name"], *HEADS["name"]], None)
        heads = _heads(table)
        is_redcap = any(one in heads for one in _REDCAP["name"]) and any(one in heads for one in _REDCAP["kind"])
        draft = _redcap(table) if is_redcap else _spreadsheet(table, score)
    if not draft.items:
        why = "; ".join(f"{place}: {reason}" for place, reason in draft.passed_over[:3]) or "no row under the heads"
        raise UsageError(f"{file.name}: no item was found ({why}).")
    return draft


# ---- a spreadsheet of the lab's own ----


def _spreadsheet(table: Table, score: str) -> Draft:
    draft = Draft()
    members: dict[str, list[str]] = {}
    for place, row in _rows(table, HEADS):
        if not row["name"] and not row["label"]:
            continue
        item: dict[str, Any] = {"name": _name(row["name"] or row["label"], draft), "label": row["label"] or row["name"]}
        codes = _choices(row["codes"])
        missing = _choices(row["missing"]) or {code: "missing" for code in re.split(r"[,;\s]+", row["missing"]) if code}
        ends = _ends(row)
        if codes and ends and not all(_is_whole(code) and ends[0] <= int(code) <= ends[1] for code in codes):
            kept = {code: text for code, text in codes.items() if _is_whole(code) and ends[0] <= int(code) <= ends[1]}
            missing |= {code: text for code, text in codes.items() if code not in kept}
            codes = kept
        item |= _kind_of(codes, ends, row["type"], missing)
        if row["reversed"].casefold() in _YES:
            item["reversed"] = True
        if row["optional"].casefold() in _YES:
            item["optional"] = True
        if item.get("type") == "text" and not row["type"] and not codes:
            draft.passed_over.append((place, f"{item['name']} has neither a range nor codes: taken as open text"))
        draft.add(item, missing)
        for scale in filter(None, (part.strip() for part in re.split(r"[;,]", row["scale"]))):
            members.setdefault(scale, []).append(item["name"])
    numeric = {item["name"] for item in draft.items if item.get("type", "ordinal") not in ("nominal", "text")}
    for scale, names in members.items():
        kept_names = [name for name in names if name in numeric]
        if kept_names:
            draft.scales.append({"name": _slug(scale), "label": scale, "items": kept_names, "score": score})
    return draft


def _ends(row: Mapping[str, str]) -> tuple[int, int] | None:
    found = re.fullmatch(r"(-?\d+)\s*(?:-|–|—|to|bis|\.\.)\s*(-?\d+)", row["range"])
    low, high = found.groups() if found else (row["minimum"], row["maximum"])
    return (int(low), int(high)) if _is_whole(low) and _is_whole(high) else None


def _kind_of(
    codes: Mapping[str, str], ends: tuple[int, int] | None, kind: str, missing: dict[str, str]
) -> dict[str, Any]:
    """The type of an item from its codes and its range; codes that say *missing* become missing codes."""
    word = kind.casefold()
    if word in ("text", "open", "notes", "freitext", "string"):
        return {"type": "text", "optional": True}
    if word in ("count", "duration", "nominal"):
        more = {"maximum": ends[1]} if ends and word != "nominal" else {}
        return {"type": word, **more, **({"categories": dict(codes)} if word == "nominal" else {})}
    if ends:
        return {"minimum": ends[0], "maximum": ends[1], **({"anchors": dict(codes)} if codes else {})}
    said = {code: text for code, text in codes.items() if _NO_CODE.search(text)}
    missing |= said
    rest = {code: text for code, text in codes.items() if code not in said}
    if len(rest) > 2 and _is_row_of_numbers(rest):
        numbers = sorted(map(int, rest))
        return {"minimum": numbers[0], "maximum": numbers[-1], "anchors": dict(rest)}
    return {"type": "nominal", "categories": dict(rest)} if rest else {"type": "text", "optional": True}


def _is_row_of_numbers(codes: Iterable[str]) -> bool:
    """Whether codes are whole numbers one after another, as those of a rating scale."""
    codes = list(codes)
    if not all(map(_is_whole, codes)):
        return False
    numbers = sorted(map(int, codes))
    return numbers == list(range(numbers[0], numbers[-1] + 1))


# ---- REDCap ----


def _redcap(table: Table) -> Draft:
    draft = Draft()
    for place, row in _rows(table, _REDCAP):
        if row["name"]:
            _redcap_field(place, row, draft)
    return draft


def _redcap_field(place: str, row: Mapping[str, str], draft: Draft) -> None:
    kind, name = row["kind"].casefold(), row["name"]
    label = re.sub(r"<[^>]+>", "", row["label"]).strip() or name
    head = {"name": _name(name, draft), "label": label}
    missing: dict[str, str] = {}
    if kind in ("radio", "dropdown"):
        item = head | _kind_of(_choices(row["choices"]), None, "", missing)
    elif kind == "checkbox":
        item = head | {"type": "nominal", "categories": _choices(row["choices"]), "multiple": True}
    elif kind in ("yesno", "truefalse"):
        words = ("yes", "no") if kind == "yesno" else ("true", "false")
        item = head | {"type": "nominal", "categories": {"1": words[0], "0": words[1]}}
    elif kind == "slider":
        item = head | {"minimum": int(row["minimum"] or 0), "maximum": int(row["maximum"] or 100)}
    elif kind == "notes" or (kind == "text" and not row["validation"]):
        item = head | {"type": "text", **({} if row["required"].casefold() == "y" else {"optional": True})}
    elif kind == "text" and row["validation"].casefold() == "integer":
        item = head | _whole_number(row["minimum"], row["maximum"])
    elif kind == "calc" and (score := _SCORE.fullmatch(row["choices"].strip())):
        members = re.findall(r"\[(\w+)\]", score[2])
        draft.scales.append({"name": _slug(name), "label": label, "items": members, "score": score[1].lower()})
        return
    else:
        what = f"a field of the type {kind}" + (f" ({row['validation']})" if row["validation"] else "")
        draft.passed_over.append((place, f"{name} is {what}; a codebook has no such item"))
        return
    draft.add(item, missing)


def _whole_number(low: str, high: str) -> dict[str, Any]:
    if _is_whole(low) and _is_whole(high):
        return {"minimum": int(low), "maximum": int(high)}
    return {"type": "count", **({"maximum": int(high)} if _is_whole(high) else {})}


# ---- XLSForm ----


def _xlsform(survey: Table, choices: Table) -> Draft:
    lists: dict[str, dict[str, str]] = {}
    for _, row in _rows(choices, {"list": ("list_name", "list name"), "name": ("name",), "label": ("label",)}):
        if row["list"]:
            lists.setdefault(row["list"], {})[row["name"]] = row["label"]
    draft = Draft()
    wanted = {name: (name,) for name in ("type", "name", "label", "constraint", "parameters", "required")}
    for place, row in _rows(survey, wanted):
        if row["type"]:
            _xlsform_row(place, row, lists, draft)
    return draft


def _xlsform_row(place: str, row: Mapping[str, str], lists: Mapping[str, Mapping[str, str]], draft: Draft) -> None:
    kind, _, of = row["type"].partition(" ")
    missing: dict[str, str] = {}
    bounds = dict(re.findall(r"(start|end)\s*=\s*(-?\d+)", row["parameters"]))
    found: dict[str, Any] | None = None
    if kind == "select_one":
        found = _kind_of(lists.get(of, {}), None, "", missing)
    elif kind == "select_multiple":
        found = {"type": "nominal", "categories": dict(lists.get(of, {})), "multiple": True}
    elif kind == "range" and len(bounds) == 2:
        found = {"minimum": int(bounds["start"]), "maximum": int(bounds["end"])}
    elif kind == "integer":
        found = _whole_number(*_limits(row["constraint"]))
    elif kind == "text":
        found = {
            "type": "text",
            **({} if row["required"].casefold() in ("yes", "true()", "true") else {"optional": True}),
        }
    elif kind in ("begin_group", "end_group", "begin", "end", "note"):
        return
    if found is None:
        draft.passed_over.append(
            (place, f"{row['name']} is a question of the type {row['type']}; a codebook has no such item")
        )
        return
    draft.add({"name": _name(row["name"], draft), "label": row["label"] or row["name"], **found}, missing)


def _limits(constraint: str) -> tuple[str, str]:
    """Lowest and highest whole number that a constraint such as ``. >= 0 and . <= 6`` leaves; empty where open."""
    low, high = "", ""
    for sign, number in _BOUNDS.findall(constraint):
        if sign.startswith(">"):
            low = str(int(number) + (sign == ">"))
        else:
            high = str(int(number) - (sign == "<"))
    return low, high


# ---- tables, choices, names ----


def _heads(table: Table) -> dict[str, int]:
    first = next((row for row in table.rows if any(map(cell_text, row))), [])
    return {re.sub(r"\s+", " ", cell_text(cell)).casefold(): place for place, cell in enumerate(first)}


def _rows(table: Table, wanted: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, dict[str, str]]]:
    """Each filled row below the heads: its place, and its cells by what they are called here."""
    filled = [at for at, row in enumerate(table.rows) if any(map(cell_text, row))]
    heads = _heads(table)
    places = {key: next((heads[name] for name in names if name in heads), None) for key, names in wanted.items()}
    for at in filled[1:]:
        cells = table.rows[at]
        yield (
            f"{table.name}, {table.place(at, 0)}",
            {
                key: cell_text(cells[place]) if place is not None and place < len(cells) else ""
                for key, place in places.items()
            },
        )


def _choices(text: str) -> dict[str, str]:
    """Codes and labels of ``1, never | 2, often`` (REDCap) and of ``0 = never; 4 = always`` (spreadsheets).

    Examples
    --------
    >>> _choices("0, never | 4, always"), _choices("0 = never; 4 = always")
    ({'0': 'never', '4': 'always'}, {'0': 'never', '4': 'always'})
    """
    parts = re.split(r"\s*\|\s*|\s*;\s*|\n+", text)
    if len(parts) == 1 and text.count("=") > 1:
        parts = re.split(r",\s*(?=[^,=]+=)", text)
    pairs = [re.fullmatch(r"\s*([^=,:\s]+)\s*[=,:]\s*(.+?)\s*", part) for part in parts]
    return {pair[1]: pair[2] for pair in pairs if pair}


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"-?\d{1,6}", text.strip()) is not None


def _name(text: str, draft: Draft) -> str:
    """A name for an item that no other bears, and no column of a workbook."""
    base = name = _slug(text)
    taken = {*TAKEN_NAMES, *(item["name"] for item in draft.items)}
    count = 2
    while name in taken:
        name, count = f"{base}_{count}", count + 1
    return name


def _slug(text: str) -> str:
    """A name as frames take it: lower case, digits, underscores.

    Examples
    --------
    >>> _slug("Pat.-Nr. (früher)"), _slug("3 Ziele")
    ('pat_nr_frueher', 'i_3_ziele')
    """
    text = text.casefold().translate(_UMLAUTS)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "item"
    return name if name[0].isalpha() else f"i_{name}"
