"""How a declaration in TOML becomes a frozen model, and how a wrong one is reported."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from doublecode.schemas.csv_rows import decoded
from doublecode.schemas.entry_messages import MOST_SHOWN, said
from doublecode.schemas.errors import UsageError
from doublecode.schemas.gathered import Several
from doublecode.schemas.toml_lines import entry_of, slip_in, syntax_said, without_echoes
from doublecode.schemas.union_entries import joined_unions

MOST_BYTES, MOST_DIGITS = 5_000_000, 300
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
        hidden = path.with_name(f"{path.name}.txt")
        told = f"A file {hidden.name} is: take .txt off its name." if hidden.is_file() else "Check the path."
        raise error(f"{path}: there is no such file. {told}") from None
    except OSError as wrong:
        raise error(f"{path}: cannot be read ({wrong.strerror or type(wrong).__name__}). Check the path.") from None
    text = _decode(data, path.name, error)
    try:
        declared = tomllib.loads(text)
    except RecursionError:
        raise error(f"{path.name}: brackets lie too deep in one another. Close them.") from None
    except ValueError as wrong:  # TOMLDecodeError, and a number of more digits than Python takes
        what = (
            syntax_said(str(wrong))
            if isinstance(wrong, tomllib.TOMLDecodeError)
            else "a number has thousands of digits"
        )
        raise error(f"{path.name}: not valid TOML: {what}{_line_of(what, text)}") from None
    _refuse_commands(declared, path.name, error)
    try:
        return model.model_validate_json(json.dumps(declared, default=str))
    except ValidationError as wrong:
        raise error(describe(path.name, wrong, model, text)) from None
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


def _line_of(what: str, text: str) -> str:
    """The line that the parser names, and how lines are written."""
    named = re.search(r"at line (\d+)", what)
    lines = text.split("\n")
    if named is None or int(named[1]) > len(lines) or len(line := lines[int(named[1]) - 1].strip()) > MOST_SHOWN:
        return ". Mend that line."
    written = "allowed: key = value, a text in quotation marks, [[name]] in brackets that are closed"
    slip = slip_in(line)
    return f"; found {line!r}, {written}. Mend that line{f': {slip}' if slip else ''}."


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


def describe(name: str, wrong: ValidationError, model: type[BaseModel] | None = None, text: str = "") -> str:
    """Say every wrong entry of a declaration of `model`: where, what was found, what is allowed."""
    found = wrong.errors(include_url=False)
    entries = _apart(without_echoes(found if model is None else joined_unions(found, model)))
    lines = [f"{name}: {len(entries)} wrong entr{'y' if len(entries) == 1 else 'ies'}."]
    for entry in entries:
        place = entry_of(entry, text)
        lines.append(f"  {place or 'file'}: {said(entry, model)}")
    return "\n".join(lines)


def _apart(entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Entries in which several rules between others are broken, one for each of the rules."""
    apart: list[Mapping[str, Any]] = []
    for entry in entries:
        broken = entry.get("ctx", {}).get("error")
        several = broken.found if isinstance(broken, Several) else ()
        apart += [{**entry, "msg": str(one), "ctx": {"error": one}} for one in several] or [entry]
    return apart
