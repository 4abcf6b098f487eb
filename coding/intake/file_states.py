"""The files of a ledger beside those in ``incoming/`` and ``consensus/``: the same bytes, others, or none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from doublecode.coding.intake.ledger_values import SEVERAL
from doublecode.coding.reading.incoming import workbook_paths
from doublecode.coding.reading.mended_copies import please_fix_path
from doublecode.schemas.study import Study


def file_states(study: Study, files: pd.DataFrame) -> pd.DataFrame:
    """Hash what lies in ``incoming/`` and ``consensus/`` again and hold it against the entries that count.

    Parameters
    ----------
    study : Study
    files : DataFrame
        As :meth:`doublecode.coding.intake.ledger.Ledger.files` returns it.

    Returns
    -------
    DataFrame
        file, sha256, state: *as it was taken in*, *changed since it was taken in*, *not in incoming/, counted from the
        ledger*, *of tables or other sites*, *withdrawn*, *replaced by its marked copy*, *not taken in yet*.
    """
    there, agreed = (_hashes(study.folder / name) for name in ("incoming", "consensus"))
    held = set(files["sha256"])
    rows = []
    for entry in files.to_dict("records"):
        known = entry["sha256"] in {*there.values(), *agreed.values()}
        if entry["withdrawn"] is not None and entry["withdrawn"] == entry["withdrawn"]:
            state = "withdrawn"
        elif not entry["holds"]:
            continue
        elif entry["rater"] == SEVERAL or entry["site"]:
            state = "of tables or other sites"
        elif known:
            state = "as it was taken in"
        elif there.get(entry["file"], agreed.get(entry["file"])) not in {None, *held}:
            state = "changed since it was taken in"
        else:
            state = "not in incoming/, counted from the ledger"
        rows.append((entry["file"], entry["sha256"], state))
    names = {row[0] for row in rows}
    for name, digest in there.items():
        if digest not in held and name not in names:
            copy = please_fix_path(name).name
            replaced = copy != name and copy in there
            rows.append((name, digest, "replaced by its marked copy" if replaced else "not taken in yet"))
    return pd.DataFrame(rows, columns=["file", "sha256", "state"])


def _hashes(folder: Path) -> dict[str, str]:
    """The workbooks of a folder: name → hash; none where there is no such folder."""
    paths = workbook_paths(folder) if folder.is_dir() else []
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
