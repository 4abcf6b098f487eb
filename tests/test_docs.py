"""The examples in docstrings and README run and print what they say."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module
from types import ModuleType

import pytest


def modules() -> list[str]:
    found = []
    for package in ("schemas", "coding", "analysis"):
        name = f"doublecode.{package}"
        found += [entry.name for entry in pkgutil.walk_packages(import_module(name).__path__, f"{name}.")]
    return sorted(found)


@pytest.mark.parametrize("name", modules())
def test_docstring_examples(name: str) -> None:
    module: ModuleType = import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert failed == 0
