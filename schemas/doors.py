"""The doors of a package: names that are imported from where they live once they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def doors(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package (PEP 562) from the module below it in which each name lives.

    Examples
    --------
    >>> doors("doublecode.schemas", {"Study": "study"})("Study").__module__
    'doublecode.schemas.study'
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return find
