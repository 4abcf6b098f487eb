"""Codebooks that labs already have, as declarations: a spreadsheet, a REDCap data dictionary, an XLSForm.

Each field becomes an item with its label, range, anchors or categories; what a codebook cannot hold is passed over and
named with its row and the reason, and so is a column that is not read. A cell that says nothing that is known stops it:
nothing is guessed beyond the words of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from doublecode.coding.reading.codebook_draft import (
    Draft,
    choices,
    ends_in_words,
    is_number,
    is_whole,
    name_of,
    not_choices,
    range_of,
    slug,
    to_number,
    within,
)
from doublecode.coding.reading.codebook_rows import any_case, head_row, heads_at, rows_of
from doublecode.coding.reading.codebook_words import HEADS, TYPES, is_reversed, is_yes, without_reversed_mark
from doublecode.coding.reading.long_table import Table, open_table, sheet_names
from doublecode.schemas.errors import UsageError
from doublecode.schemas.item import REVERSIBLE
from doublecode.schemas.near_names import allowed, ended, nearest

_YES_NO: Final = frozenset({"yes", "no", "ja", "nein", "true", "false", "j", "n", "y"})
_NO_CODE: Final = re.compile(
    r"missing|not applicable|does not apply|n/?a\b|not rat(e|a)ble|not codable|cannot be (coded|rated|heard)|unknown|"
    r"refused|no answer|don.?t know|keine angabe|nicht (zutreffend|beurteilbar|anwendbar)|fehlt|fehlend|weiß nicht",
    re.IGNORECASE,
)
_REDCAP: Final = {
    "name": ("variable / field name", "field_name"),
    "kind": ("field type", "field_type"),
    "label": ("field label", "field_label"),
    "hint": ("field note", "field_note"),
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
_BOUNDS: Final = re.compile(r"\.\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)")
_PLACES: Final = re.compile(r"number(?:_(\d)dp)?(?:_comma_decimal)?")


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
        The file cannot be read, holds no item, or cells in it that say nothing known: all of them are named.
    """
    file = Path(path)
    names = {name.casefold(): name for name in sheet_names(file)}
    if {"survey", "choices"} <= set(names):
        whole, draft = "", _xlsform(open_table(file, (), names["survey"]), open_table(file, (), names["choices"]))
    else:
        table = open_table(file, list(any_case(_REDCAP, HEADS)), None)
        heads = heads_at(table, head_row(table, _REDCAP, HEADS))
        is_redcap = any(one in heads for one in _REDCAP["name"]) and any(one in heads for one in _REDCAP["kind"])
        whole, draft = table.name, _redcap(table) if is_redcap else _spreadsheet(table, score)
    if draft.unread:
        lines = [f"  {place}: {ended(text)}" for place, text in draft.unread]
        of_columns = [text for place, text in draft.passed_over if place == whole]  # the cause may be one of them
        lines += [f"  Look at {whole}: {ended(text)}" for text in of_columns]
        count = f"{len(draft.unread)} cell{'s' if len(draft.unread) > 1 else ''} cannot be read; correct or empty them."
        raise UsageError("\n".join([f"{file.name}: {count}", *lines]))
    if not draft.items:
        why = "; ".join(f"{place}: {reason}" for place, reason in draft.passed_over[:3]) or "no row under the heads"
        raise UsageError(f"{file.name}: no item was found ({why}).")
    return draft


# ---- a spreadsheet of the lab's own ----


def _spreadsheet(table: Table, score: str) -> Draft:
    draft = Draft()
    members: dict[str, list[str]] = {}
    for place, row in rows_of(table, HEADS, draft):
        if not row["name"] and not row["label"]:
            continue
        row |= _marks_taken(row, place, draft)
        item: dict[str, Any] = {
            "name": name_of(row["name"] or row["label"], draft),
            "label": row["label"] or row["name"],
        }
        item |= {key: row[key] for key in ("hint", "definition") if row[key]}
        draft.unread += [(place, text) for text in _unread(row)]
        spoken = ends_in_words(row["codes"]) or ends_in_words(row["range"])
        codes = spoken if range_of(row["codes"]) else choices(row["codes"]) or spoken
        missing = choices(row["missing"]) or {code: "missing" for code in re.split(r"[,;\s]+", row["missing"]) if code}
        ends = _ends(row)
        kept = {code: text for code, text in codes.items() if ends and is_number(code) and within(code, ends)}
        if codes and ends and len(kept) < len(codes):
            missing |= {code: text for code, text in codes.items() if code not in kept}
            codes = kept
        found = TYPES.get(row["type"].casefold(), "")
        decimals = int(row["decimals"]) if is_whole(row["decimals"]) else None
        kind = "decimal" if found == "" and (decimals or 0) > 0 else found
        if kind == "decimal" and ends is None:
            draft.passed_over.append((place, f"{item['name']} is a decimal number and has no range; give it one"))
            continue
        item |= _kind_of(codes, ends, kind, missing) | (
            {"decimals": decimals} if decimals and kind == "decimal" else {}
        )
        if kind in _COUNTED and ends is None and is_whole(row["maximum"]):
            item["maximum"] = int(row["maximum"])
        item |= {key: True for key, says in (("reversed", is_reversed), ("optional", is_yes)) if says(row[key])}
        if item.get("reversed") and item.get("type", "ordinal") not in REVERSIBLE:
            what = f"{item['name']} is to be reversed, and no range was read for it; allowed a range such as 1-7"
            draft.unread.append((place, what))
        if item.get("type") == "text" and found != "text" and not codes:
            draft.passed_over.append((place, f"{item['name']} has neither a range nor codes: taken as open text"))
        draft.add(item, missing)
        for scale in filter(None, (part.strip() for part in re.split(r"[;,]", row["scale"]))):
            members.setdefault(scale, []).append(item["name"])
    _scales(members, score, draft)
    return draft


def _scales(members: Mapping[str, Sequence[str]], score: str, draft: Draft) -> None:
    """The scales of the items that are numbers; others are named."""
    numeric = {item["name"] for item in draft.items if item.get("type", "ordinal") not in ("nominal", "text")}
    for scale, names in members.items():
        kept = [name for name in names if name in numeric]
        others = [name for name in names if name not in numeric]
        if others:
            what = "are no numbers and are not in it" if len(others) > 1 else "is no number and is not in it"
            gone = "" if kept else "; no item of it is left, and it is not made"
            draft.passed_over.append((f"scale {scale!r}", f"{', '.join(others)} {what}{gone}"))
        if kept:
            draft.scales.append({"name": slug(scale), "label": scale, "items": kept, "score": score})


_COUNTED: Final = ("count", "duration", "minutes")
_MARKS: Final = frozenset("-−–+*#°!")
_KINDS: Final = "allowed: rating, decimal, yes/no, minutes, seconds, count, nominal, multiple, text"


def _unread(row: Mapping[str, str]) -> Iterable[str]:
    """What a row says that is not understood: what was found, and what is allowed."""
    if is_reversed(row["reversed"]) is None:
        yield f"reversed: found {row['reversed']!r}, allowed x (it counts from the other end) or an empty cell"
    if is_yes(row["optional"]) is None:
        yield f"optional: found {row['optional']!r}, allowed x or an empty cell"
    if row["type"].casefold() not in TYPES:
        meant = nearest(row["type"].casefold(), TYPES)
        yield f"type: found {row['type']!r}, {_KINDS}" + (f"; did you mean {meant!r}?" if meant else "")
    if row["decimals"] and not is_whole(row["decimals"]):
        yield f"decimals: found {row['decimals']!r}, allowed a whole number"
    if row["range"] and not range_of(row["range"]):
        yield f"range: found {row['range']!r}, allowed two numbers such as 1-7"
    if (ends := _ends(row)) and ends[0] >= ends[1]:
        yield f"range: found {ends[0]:g} to {ends[1]:g}, allowed the lower number first, such as 1-7"
    for key in ("minimum", "maximum"):
        if row[key] and not is_number(row[key]):
            yield f"{key}: found {row[key]!r}, allowed a number"
    one = bool(row["minimum"]) != bool(row["maximum"])
    if one and not row["range"] and TYPES.get(row["type"].casefold()) not in _COUNTED:
        gone = "maximum" if row["minimum"] else "minimum"
        yield f"{gone}: found nothing, and the other end is there; allowed a number"
    if not range_of(row["codes"]):
        yield from _unread_codes(row, has_range=ends is not None)
    if not_choices(row["missing"]) and choices(row["missing"]):
        yield f"missing: found {row['missing']!r}, allowed a code and its words, such as 9 = not heard"


def _unread_codes(row: Mapping[str, str], *, has_range: bool) -> Iterable[str]:
    example = "such as 1 = never; 7 = always"
    for part in not_choices(row["codes"]):
        yield f"codes: found {part!r}, allowed a code and its words, {example}"
    if not has_range and len(choices(row["codes"])) == 1 and TYPES.get(row["type"].casefold()) in ("", "nominal"):
        yield f"codes: found one code alone, {row['codes']!r}; allowed two or more, {example}"


def _marks_taken(row: Mapping[str, str], place: str, draft: Draft) -> dict[str, str]:
    """What changes in a row whose name or label bears the mark of a reversed item in brackets: ``e3 (-)``."""
    bare = {key: text for key in ("name", "label") if (text := without_reversed_mark(row[key])) != row[key]}
    if not bare:
        if row["name"] and (mark := row["name"][-1]) in _MARKS:
            what = f"{slug(row['name'])} was written {row['name']!r}; nothing was made of the {mark!r}"
            draft.passed_over.append((place, what))
        return {}
    key = next(iter(bare))
    if row["reversed"] and is_reversed(row["reversed"]) is False:
        both = f"{row[key]!r} says that it is reversed, and the column of reversed items says {row['reversed']!r}"
        draft.unread.append((place, f"reversed: found a contradiction, {both}; allowed one of them"))
    elif not row["reversed"]:
        draft.passed_over.append((place, f"{bare[key]!r} was written {row[key]!r}: it is taken as reversed"))
    return {**bare, "reversed": "x"}


def _ends(row: Mapping[str, str]) -> tuple[float, float] | None:
    low, high = range_of(row["range"]) or range_of(row["codes"]) or (row["minimum"], row["maximum"])
    return (to_number(low), to_number(high)) if is_number(low) and is_number(high) else None


def _kind_of(
    codes: Mapping[str, str], ends: tuple[float, float] | None, kind: str, missing: dict[str, str]
) -> dict[str, Any]:
    """The type of an item from its codes and its range; codes that say *missing* become missing codes."""
    said = {} if ends else {code: text for code, text in codes.items() if _NO_CODE.search(text)}
    missing |= said
    rest = {code: text for code, text in codes.items() if code not in said}
    if kind == "text":
        return {"type": "text", "optional": True}
    if kind in _COUNTED:
        return {"type": kind, **({"minimum": ends[0], "maximum": ends[1]} if ends else {})}
    if kind in ("nominal", "multiple"):
        return {"type": "nominal", "categories": rest, **({"multiple": True} if kind == "multiple" else {})}
    if kind == "yes_no" or (not kind and set(rest) == {"0", "1"} and {t.casefold() for t in rest.values()} <= _YES_NO):
        named = rest if set(rest.values()) - {"yes", "no"} else {}
        return {"type": "yes_no", **({"anchors": named} if named else {})}
    if ends:
        decimal = kind == "decimal" or not all(float(end).is_integer() for end in ends)
        head = {"type": "decimal"} if decimal else {}
        return {**head, "minimum": ends[0], "maximum": ends[1], **({"anchors": dict(codes)} if codes else {})}
    if len(rest) > 2 and _is_row_of_numbers(rest):
        numbers = sorted(map(int, rest))
        return {"minimum": numbers[0], "maximum": numbers[-1], "anchors": dict(rest)}
    return {"type": "nominal", "categories": dict(rest)} if rest else {"type": "text", "optional": True}


def _is_row_of_numbers(codes: Iterable[str]) -> bool:
    """Whether codes are whole numbers one after another, as those of a rating scale."""
    codes = list(codes)
    if not all(map(is_whole, codes)):
        return False
    numbers = sorted(map(int, codes))
    return numbers == list(range(numbers[0], numbers[-1] + 1))


# ---- REDCap ----


def _redcap(table: Table) -> Draft:
    draft = Draft()
    for at, (place, row) in enumerate(rows_of(table, _REDCAP, draft)):
        if at == 0 and row["kind"] == "text" and row["name"].casefold().endswith(("_id", "id")):
            draft.passed_over.append((place, f"{row['name']} is the record's own id and no item"))
        elif row["name"]:
            _redcap_field(place, row, draft)
    return draft


def _redcap_field(place: str, row: Mapping[str, str], draft: Draft) -> None:
    kind, name = row["kind"].casefold(), row["name"]
    label = re.sub(r"<[^>]+>", "", row["label"]).strip() or name
    head = {"name": name_of(name, draft), "label": label, **({"hint": row["hint"]} if row["hint"] else {})}
    missing: dict[str, str] = {}
    if kind in ("radio", "dropdown"):
        item = head | _kind_of(choices(row["choices"]), None, "", missing)
    elif kind == "checkbox":
        item = head | _kind_of(choices(row["choices"]), None, "multiple", missing)
    elif kind in ("yesno", "truefalse"):
        words = {"1": "yes", "0": "no"} if kind == "yesno" else {"1": "true", "0": "false"}
        item = head | _kind_of(words, None, "yes_no", missing)
    elif kind == "slider":
        item = head | _slider(row)
    elif kind == "notes" or (kind == "text" and not row["validation"]):
        item = head | {"type": "text", **({} if row["required"].casefold() == "y" else {"optional": True})}
    elif kind == "text" and row["validation"].casefold() == "integer":
        item = head | _whole_number(row["minimum"], row["maximum"])
    elif kind == "text" and (places := _PLACES.fullmatch(row["validation"].casefold())) and is_number(row["maximum"]):
        item = head | _decimal(row["minimum"] or "0", row["maximum"], places[1])
    elif kind == "calc" and (score := _SCORE.fullmatch(row["choices"].strip())):
        members = re.findall(r"\[(\w+)\]", score[2])
        draft.scales.append({"name": slug(name), "label": label, "items": members, "score": score[1].lower()})
        return
    else:
        what = f"a field of the type {kind}" + (f" ({row['validation']})" if row["validation"] else "")
        what += " without a maximum" if _PLACES.fullmatch(row["validation"].casefold()) else ""
        draft.passed_over.append((place, f"{name} is {what}; a codebook has no such item"))
        return
    draft.add(item, missing)


def _slider(row: Mapping[str, str]) -> dict[str, Any]:
    """A slider: its labels stand at both ends and in the middle."""
    low, high = int(row["minimum"] or 0), int(row["maximum"] or 100)
    places = (low, (low + high) // 2, high) if (low + high) % 2 == 0 else (low, None, high)
    labels = [part.strip() for part in row["choices"].split("|")]
    if len(labels) == 2:
        labels.insert(1, "")
    anchors = {str(at): label for at, label in zip(places, labels, strict=False) if label and at is not None}
    return {"minimum": low, "maximum": high, **({"anchors": anchors} if anchors else {})}


def _whole_number(low: str, high: str) -> dict[str, Any]:
    if is_whole(low) and is_whole(high):
        return {"minimum": int(low), "maximum": int(high)}
    return {"type": "count", **({"maximum": int(high)} if is_whole(high) else {})}


def _decimal(low: str, high: str, decimals: str | None) -> dict[str, Any]:
    places = {"decimals": int(decimals)} if decimals and decimals != "0" else {}
    return {"type": "decimal", "minimum": to_number(low), "maximum": to_number(high), **places}


# ---- XLSForm ----


def _xlsform(survey: Table, choices: Table) -> Draft:
    lists: dict[str, dict[str, str]] = {}
    draft = Draft()
    heads = {"list": ("list_name", "list name"), "name": ("name", "value"), "label": ("label",)}
    for _, row in rows_of(choices, heads, draft):
        if row["list"]:
            lists.setdefault(row["list"], {})[row["name"]] = row["label"]
    wanted = {name: (name,) for name in ("type", "name", "label", "hint", "constraint", "parameters", "required")}
    for place, row in rows_of(survey, wanted, draft):
        if row["type"]:
            _xlsform_row(place, row, lists, draft)
    return draft


def _xlsform_row(place: str, row: Mapping[str, str], lists: Mapping[str, Mapping[str, str]], draft: Draft) -> None:
    kind, _, of = row["type"].partition(" ")
    missing: dict[str, str] = {}
    bounds = dict(re.findall(r"(start|end|step)\s*=\s*(-?\d+(?:\.\d+)?)", row["parameters"]))
    limits = _limits(row["constraint"], whole=kind != "decimal")
    found: dict[str, Any] | None = None
    if kind in ("select_one", "select_multiple"):
        of, other, _ = of.strip().partition(" or_other")
        if other:
            draft.passed_over.append((place, f"{row['name']} has an open answer 'other' (or_other); it is not kept"))
        if of not in lists:
            draft.unread.append((place, f"type: found the list {of!r} (sheet choices), {allowed(of, lists)}"))
            return
        found = _kind_of(lists[of], None, "multiple" if kind == "select_multiple" else "", missing)
    elif kind == "range" and {"start", "end"} <= set(bounds):
        _, _, places = bounds.get("step", "1").partition(".")
        ends = (to_number(bounds["start"]), to_number(bounds["end"]))
        found = _kind_of({}, ends, "decimal" if places.strip("0") else "", missing)
        found |= {"decimals": len(places)} if found.get("type") == "decimal" and places else {}
    elif kind == "integer":
        found = _whole_number(*limits)
    elif kind == "decimal" and all(map(is_number, limits)):
        found = _decimal(*limits, None)
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
    head = {"name": name_of(row["name"], draft), "label": row["label"] or row["name"]}
    draft.add(head | ({"hint": row["hint"]} if row["hint"] else {}) | found, missing)


def _limits(constraint: str, *, whole: bool) -> tuple[str, str]:
    """Lowest and highest number that a constraint such as ``. >= 0 and . <= 6`` leaves; empty where open.

    A limit that is itself excluded is the next whole number; between decimals there is none, and it is kept.
    """
    low, high = "", ""
    for sign, number in _BOUNDS.findall(constraint):
        step = int(whole and is_whole(number) and sign in "<>")
        if sign.startswith(">"):
            low = f"{to_number(number) + step:g}"
        else:
            high = f"{to_number(number) - step:g}"
    return low, high
