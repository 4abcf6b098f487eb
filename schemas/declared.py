"""How a declaration in TOML becomes a frozen model, and how a wrong one is reported."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from doublecode.schemas.csv_rows import decoded
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed, nearest

MOST_BYTES, MOST_DIGITS = 5_000_000, 300
MOST_SHOWN = 80  # letters of what was found
_DIGITS = re.compile(r"\d{20,}")
Model = TypeVar("Model", bound="Declared")


class Declared(BaseModel):
    """Frozen, strictly typed, nothing unknown: the settings of every declaration."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def load_toml(path: Path, model: type[Model], error: type[UsageError]) -> Model:
    """Read one TOML file into `model`; a wrong entry raises `error` naming it.

    The text goes through JSON on its way, where strict types still let an array
    be a tuple.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise error(f"{path}: there is no such file. Check the path.") from None
    except OSError as wrong:
        raise error(f"{path}: cannot be read ({wrong.strerror or type(wrong).__name__}). Check the path.") from None
    text = _decode(data, path.name, error)
    try:
        declared = tomllib.loads(text)
    except RecursionError:
        raise error(f"{path.name}: brackets lie too deep in one another. Close them.") from None
    except ValueError as wrong:  # TOMLDecodeError, and a number of more digits than Python takes
        what = str(wrong) if isinstance(wrong, tomllib.TOMLDecodeError) else "a number has thousands of digits"
        raise error(f"{path.name}: not valid TOML: {what}. Mend that line.") from None
    _refuse_commands(declared, path.name, error)
    try:
        return model.model_validate_json(json.dumps(declared, default=str))
    except ValidationError as wrong:
        raise error(describe(path.name, wrong, model)) from None
    except RecursionError:
        raise error(f"{path.name}: brackets lie too deep in one another. Close them.") from None


def save_toml(path: Path, declared: dict[str, Any], model: type[Model], error: type[UsageError]) -> Model:
    """Write a declaration as a TOML file; one that `model` refuses raises `error`, and nothing is written."""
    import tomli_w

    try:
        made = model.model_validate_json(json.dumps(declared))
    except ValidationError as wrong:
        raise error(describe(path.name, wrong, model)) from None
    path.write_text(tomli_w.dumps(declared), encoding="utf-8")
    return made


def _decode(data: bytes, name: str, error: type[UsageError]) -> str:
    """The text of a declaration, as editors on Windows save it too: with a mark before it, UTF-16 or ANSI."""
    if len(data) > MOST_BYTES:
        raise error(f"{name}: {len(data) / 1e6:.0f} MB are no declaration. Name the right file.")
    text = decoded(data)
    if text is None or "\0" in text:
        raise error(f"{name}: the text is in an encoding that is not known here. Save it as UTF-8.")
    for number, line in enumerate(text.split("\n"), start=1):
        longest = max(map(len, _DIGITS.findall(line)), default=0)
        if longest > MOST_DIGITS:
            raise error(f"{name}: line {number} holds a number of {longest} digits. Mend that line.")
    return text


def _refuse_commands(declared: object, name: str, error: type[UsageError], place: str = "") -> None:
    """Refuse control characters, which a terminal, Word and Excel obey or refuse."""
    if isinstance(declared, dict):
        for key, value in declared.items():
            _refuse_commands(key, name, error, place)
            _refuse_commands(value, name, error, f"{place}.{key}".lstrip("."))
    elif isinstance(declared, list):
        for number, value in enumerate(declared, start=1):
            _refuse_commands(value, name, error, f"{place}[{number}]")
    elif isinstance(declared, str):
        odd = [letter for letter in declared if (letter < " " and letter not in "\t\r\n") or "\x7f" <= letter < "\xa0"]
        if odd:
            raise error(f"{name}: {place}: found the control character U+{ord(odd[0]):04X}. Take it out.")


def describe(name: str, wrong: ValidationError, model: type[BaseModel] | None = None) -> str:
    """Say every wrong entry of a declaration of `model`: where, what was found, what is allowed."""
    lines = [f"{name}: {wrong.error_count()} wrong entr{'y' if wrong.error_count() == 1 else 'ies'}."]
    for entry in wrong.errors(include_url=False):
        place = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in entry["loc"]).lstrip(".")
        # a rule between entries fails on a whole table: its message says which entry, the table would hide it
        silent = entry["type"] == "missing" or isinstance(entry["input"], (dict, list, tuple))
        shown = repr(entry["input"])
        found = "" if silent else f" (found {shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + '…'})"
        said = entry["msg"].removeprefix("Value error, ")
        choices = ""
        if entry["type"] == "extra_forbidden":
            keys = sorted(_keys(model, entry["loc"][:-1])) if model else []
            said, choices = "there is no such entry", f"; {allowed(entry['loc'][-1], keys)}" if keys else ""
        elif entry["type"] == "too_short":
            said = f"has too few entries; allowed: at least {entry['ctx']['min_length']}"
        elif entry["type"] == "literal_error":
            meant = nearest(str(entry["input"]), re.findall("'([^']*)'", entry["ctx"]["expected"]))
            choices = "" if meant is None else f"; did you mean {meant!r}?"
        lines.append(f"  {place or 'file'}: {said}{found}{choices}")
    return "\n".join(lines)


def _keys(model: type[BaseModel], place: Sequence[int | str]) -> Iterator[str]:
    """Names that may stand in the table at `place`."""
    named_freely = False  # the names in a table of tables, such as [tables.sessions]
    for part in place:
        if named_freely:
            named_freely = False
        elif isinstance(part, str):
            field = model.model_fields.get(part)
            named_freely = field is not None and get_origin(field.annotation) is dict
            inner = next(_models_in(field.annotation), None) if field is not None else None
            if inner is None:
                return
            model = inner
    yield from model.model_fields


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Models that an annotation names, such as that of ``tuple[Variable, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
