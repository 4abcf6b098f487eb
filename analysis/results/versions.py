"""Versions that stand in a report."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def version_of(package: str) -> str:
    """Return the version of an installed package; a source tree that is not installed says so.

    Examples
    --------
    >>> version_of("no-such-package")
    '(not installed)'
    """
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
