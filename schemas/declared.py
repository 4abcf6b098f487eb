"""How a declaration in TOML becomes a frozen model, and how a wrong one is reported."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from doublecode.schemas.errors import UsageError

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
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(f"{path}: there is no such file. Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise error(f"{path.name}: not valid TOML: {wrong}. Mend that line.") from None
    try:
        return model.model_validate_json(json.dumps(declared, default=str))
    except ValidationError as wrong:
        raise error(describe(path.name, wrong)) from None


def describe(name: str, wrong: ValidationError) -> str:
    """Say every wrong entry of a declaration: where, what was found, what is allowed."""
    lines = [f"{name}: {wrong.error_count()} wrong entr{'y' if wrong.error_count() == 1 else 'ies'}."]
    for entry in wrong.errors(include_url=False):
        place = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in entry["loc"]).lstrip(".")
        found = "" if entry["type"] == "missing" else f" (found {entry['input']!r})"
        lines.append(f"  {place or 'file'}: {entry['msg'].removeprefix('Value error, ')}{found}")
    return "\n".join(lines)
