"""How a declaration in TOML becomes a frozen model, and how a wrong one is reported."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

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
        raise error(describe(path.name, wrong, model)) from None


def describe(name: str, wrong: ValidationError, model: type[BaseModel] | None = None) -> str:
    """Say every wrong entry of a declaration of `model`: where, what was found, what is allowed."""
    lines = [f"{name}: {wrong.error_count()} wrong entr{'y' if wrong.error_count() == 1 else 'ies'}."]
    for entry in wrong.errors(include_url=False):
        place = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in entry["loc"]).lstrip(".")
        # a rule between entries fails on a whole table: its message says which entry, the table would hide it
        silent = entry["type"] == "missing" or isinstance(entry["input"], (dict, list, tuple))
        found = "" if silent else f" (found {entry['input']!r})"
        keys = sorted(_keys(model, entry["loc"][:-1])) if model and entry["type"] == "extra_forbidden" else []
        allowed = f"; allowed: {', '.join(keys)}" if keys else ""
        lines.append(f"  {place or 'file'}: {entry['msg'].removeprefix('Value error, ')}{found}{allowed}")
    return "\n".join(lines)


def _keys(model: type[BaseModel], place: Sequence[int | str]) -> Iterator[str]:
    """Names that may stand in the table at `place`."""
    for part in place:
        if isinstance(part, str):
            field = model.model_fields.get(part)
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
