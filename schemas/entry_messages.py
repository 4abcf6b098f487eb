"""What is said of a wrong entry of a declaration: what was found, what may stand there, what to do; in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel

from doublecode.schemas.near_names import allowed
from doublecode.schemas.union_entries import SEVERAL

MOST_SHOWN = 80  # letters of what was found
_KINDS: Final[Mapping[str, str]] = {
    "string_type": "a text in quotation marks",
    "int_type": "a whole number without quotation marks",
    "int_parsing": "a whole number without quotation marks",
    "int_from_float": "a whole number",
    "float_type": "a number without quotation marks",
    "float_parsing": "a number without quotation marks",
    "finite_number": "a finite number",
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
        "a day without quotation marks, such as 2026-03-31",
    ),
    "bool_type": "true or false, without quotation marks",
    "bool_parsing": "true or false, without quotation marks",
    "tuple_type": 'a list in square brackets, such as ["a", "b"]',
    "list_type": 'a list in square brackets, such as ["a", "b"]',
    "dict_type": 'a table in braces, such as { a = "text" }',
    "model_type": "a table of keys",
    "model_attributes_type": "a table of keys",
}
"""Kinds of values that an entry may have to be, by pydantic's names of the errors."""
_LIMITS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("ge", "{} or more"),
    "less_than_equal": ("le", "{} or less"),
    "greater_than": ("gt", "more than {}"),
    "less_than": ("lt", "less than {}"),
}


def said(entry: Mapping[str, Any], model: type[BaseModel] | None) -> str:
    """Say what is wrong with one entry.

    Parameters
    ----------
    entry : mapping
        One error of pydantic: ``type``, ``loc``, ``input``, ``msg``, ``ctx``.
    model : type of BaseModel or None
        The declaration, whose keys are named where one is unknown.
    """
    kind, key, context = entry["type"], entry["loc"][-1] if entry["loc"] else "", entry.get("ctx", {})
    found = _found(entry["input"])
    if kind == "missing":
        return f"is missing; add the line {key} = …"
    if kind == "extra_forbidden":
        return f"there is no such entry{found}{_known(entry, model)}"
    if kind == "literal_error":
        words = re.findall("'([^']*)'", context["expected"])
        return f"this word is not known{found}; {allowed(entry['input'], words)}"
    if kind in _KINDS:
        return f"is of the wrong kind{found}; allowed: {_KINDS[kind]}{_meant(kind, key, entry['input'])}"
    if kind == SEVERAL:
        return f"is of the wrong kind{found}; allowed: {_of_several(context['kinds'], key, entry['input'])}"
    if kind in _LIMITS:
        limit, of = _LIMITS[kind]
        return f"is out of range{found}; allowed: {of.format(context[limit])}"
    if kind == "too_short":
        return f"has too few entries; allowed: at least {context['min_length']}"
    return f"{entry['msg'].removeprefix('Value error, ')}{'' if _is_table(entry['input']) else found}"


def _of_several(kinds: Sequence[str], key: int | str, value: Any) -> str:
    """What may stand where several types may; a lone value is shown as the list that was probably meant."""
    numbers = {"int_type", "float_type"} <= {*kinds}
    words = [_KINDS.get(kind, "another value") for kind in kinds if not (numbers and kind == "int_type")]
    is_lone = "tuple_type" in kinds and isinstance(value, (str, int, float)) and not isinstance(value, bool)
    meant = f"; write {key} = [{json.dumps(value)}]" if is_lone and value != "" else ""
    return " or ".join(dict.fromkeys(words)) + meant


def _is_table(value: object) -> bool:
    return isinstance(value, (dict, list, tuple))


def _found(value: Any) -> str:
    """What stands there, as TOML writes it; a table or a list by its name."""
    if isinstance(value, dict):
        return " (found a table)"
    shown = "true" if value is True else "false" if value is False else repr(value)
    return f" (found {shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + '…'})"


def _meant(kind: str, key: object, value: Any) -> str:
    """The line as it was probably meant, where that is plain."""
    if isinstance(key, int):
        return ""
    if kind == "string_type" and isinstance(value, (int, float, bool)):
        return f"; write {key} = {json.dumps(json.dumps(value))}"
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?|true|false", value):
        return f"; write {key} = {value}"
    if kind == "tuple_type" and isinstance(value, dict):
        return f"; above its keys write [[{key}]], with two brackets: there may be several"
    return f"; write {key} = [{json.dumps(value)}]" if kind == "tuple_type" and isinstance(value, str) else ""


def _known(entry: Mapping[str, Any], model: type[BaseModel] | None) -> str:
    """The keys that may stand there, and where an unknown one belongs if another table has it."""
    if model is None:
        return ""
    *place, key = entry["loc"]
    keys = sorted(_keys(model, place))
    if not keys:
        return ""
    elsewhere = [at for at, one in _tables(model) if key in one.model_fields]
    if elsewhere and not (len(elsewhere) > 1 and key in model.model_fields):  # a key of many tables belongs to none
        return f"; it belongs {elsewhere[0]}; allowed here: {', '.join(keys)}"
    return f"; {allowed(key, keys)}"


def _tables(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The declaration itself and the tables in it, each with where it stands."""
    yield "at the top of the file", model
    for name, field in model.model_fields.items():
        inner = next(models_in(field.annotation), None)
        if inner is not None:
            is_list = "tuple" in str(field.annotation)
            yield f"under [[{name}]]" if is_list else f"under [{name}]", inner


def _keys(model: type[BaseModel], place: Sequence[int | str]) -> Iterator[str]:
    """Names that may stand in the table at `place`."""
    named_freely = False  # the names in a table of tables, such as [tables.sessions]
    for part in place:
        if named_freely:
            named_freely = False
        elif isinstance(part, str):
            field = model.model_fields.get(part)
            named_freely = field is not None and get_origin(field.annotation) is dict
            inner = next(models_in(field.annotation), None) if field is not None else None
            if inner is None:
                return
            model = inner
    yield from model.model_fields


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Models that an annotation names, such as that of ``tuple[Variable, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)
