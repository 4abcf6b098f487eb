"""Saving workbooks so that the same content gives the same bytes, and never half a file."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from doublecode.schemas.errors import UsageError
from doublecode.schemas.whole_files import replace_files

if TYPE_CHECKING:
    from openpyxl import Workbook

_WHEN = datetime(2021, 5, 1)
_MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")


def save_fixed(workbook: Workbook, path: Path, *, overwrite: bool = False) -> Path:
    """Save with fixed metadata, in one step: either the whole file stands there or none.

    Raises
    ------
    UsageError
        The file exists and `overwrite` is off, or it cannot be written.
    """
    refuse_existing(path, overwrite=overwrite)
    replace_files({path: fixed_bytes(workbook)})
    return path


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Refuse to write over a file that nobody asked to replace."""
    if path.exists() and not overwrite:
        raise UsageError(f"{path}: the file exists and is not overwritten. Move it away, or ask for --overwrite.")


def fixed_bytes(workbook: Workbook) -> bytes:
    """The file of a workbook, with fixed metadata: the same content gives the same bytes."""
    workbook.properties.creator = "doublecode"
    workbook.properties.lastModifiedBy = "doublecode"
    workbook.properties.created = _WHEN
    buffer = io.BytesIO()
    workbook.save(buffer)
    return _fixed(buffer.getvalue())


def _fixed(data: bytes) -> bytes:
    """The same package with fixed dates inside and outside its parts."""
    out = io.BytesIO()
    stamp = _WHEN.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "docProps/core.xml":
                part = _MODIFIED.sub(rb"\g<1>" + stamp, part)
            entry = zipfile.ZipInfo(name, date_time=_WHEN.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, part)
    return out.getvalue()
