"""One error for an entry that may be of several types, where pydantic gives one per type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

SEVERAL: Final = "of_several_types"
"""Type of a joined error; ``ctx["kinds"]`` has pydantic's types of those that were joined."""
Place = tuple[int | str, ...]


def joined_unions(entries: Iterable[Mapping[str, Any]], model: type[BaseModel]) -> list[Mapping[str, Any]]:
    """Errors of pydantic, those of the types of one union joined, with places as they are in the declaration.

    Where the value fits one type from outside (a list, with a wrong value in it), only what is wrong inside is said.
    """
    groups: dict[object, list[Mapping[str, Any]]] = {}
    for number, entry in enumerate(entries):
        place, union = _plain(entry["loc"], model)
        key: object = number if union is None else union
        groups.setdefault(key, []).append({**entry, "loc": place})
    return [one for group in groups.values() for one in _innermost(group)]


def _innermost(group: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    deepest = max(len(entry["loc"]) for entry in group)
    by_place: dict[Place, list[Mapping[str, Any]]] = {}
    for entry in group:
        if len(entry["loc"]) == deepest:
            by_place.setdefault(entry["loc"], []).append(entry)
    return [_joined(entries) for entries in by_place.values()]


def _joined(entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if len(entries) == 1:
        return entries[0]
    kinds = tuple(dict.fromkeys(entry["type"] for entry in entries))
    return {**entries[0], "type": SEVERAL, "ctx": {"kinds": kinds}}


def _plain(place: Sequence[int | str], model: type[BaseModel]) -> tuple[Place, Place | None]:
    """A place without the names of types in it, and the entry of the outermost union on the way, if there is one."""
    kept: list[int | str] = []
    union: Place | None = None
    annotation: Any = model
    for part in place:
        members = _members(annotation)
        if len(members) > 1 and isinstance(part, str):
            union = tuple(kept) if union is None else union
            annotation = next((one for one in members if part.startswith(_name(one))), None)
            continue
        kept.append(part)
        annotation = _inside(members[0] if members else None, part)
    return tuple(kept), union


def _members(annotation: Any) -> list[Any]:
    """The types that a value may be of, beside none."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [one for part in get_args(annotation) if part is not NoneType for one in _members(part)]
    return [annotation]


def _name(annotation: Any) -> str:
    of: Any = get_origin(annotation) or annotation
    return str(getattr(of, "__name__", of))


def _inside(annotation: Any, part: int | str) -> Any:
    """The type of what lies at `part` of a value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return None if field is None else field.annotation
    inner = get_args(annotation)
    return inner[-1 if get_origin(annotation) is dict else 0] if inner else None
