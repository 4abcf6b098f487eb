"""The analysis frame as a file for other programs, with its codebook."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doublecode.analysis.study.frame_codebook import frame_codebook
from doublecode.coding.reading.statistics_files import write_sav
from doublecode.coding.workbooks.save import refuse_existing
from doublecode.schemas.errors import UsageError
from doublecode.schemas.whole_files import replace_files

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.schemas.study import Study


def write_frame(built: AnalysisFrame, study: Study, path: str | Path, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write an analysis frame as .csv or .sav, its codebook and its row ledger beside it.

    Parameters
    ----------
    built : AnalysisFrame
    study : Study
        Declares the variables; its codebooks say ranges.
    path : path
        ``NAME.csv`` (UTF-8, commas, empty cells missing, numbers in full precision) or ``NAME.sav`` (labels of
        variables and values, levels of measurement). Beside it ``NAME_codebook.csv`` and ``NAME_row_ledger.csv``.
    overwrite : bool
        Replace files that are there.

    Returns
    -------
    tuple of Path
        The files: the frame, its codebook, its row ledger. They hold ids and no names.

    Raises
    ------
    UsageError
        The ending is neither, a file exists, or pyreadstat is not installed.
    """
    target = Path(path)
    if target.suffix.lower() not in (".csv", ".sav"):
        raise UsageError(f"{target}: found the ending {target.suffix or '(none)'!r}; allowed: .csv, .sav.")
    beside = [target.with_name(f"{target.stem}_{what}.csv") for what in ("codebook", "row_ledger")]
    for one in (target, *beside):
        refuse_existing(one, overwrite=overwrite)
    codebook = frame_codebook(built, study)
    frame = _sav(built.frame, codebook, study) if target.suffix.lower() == ".sav" else _csv(built.frame)
    contents = {target: frame, beside[0]: _csv(codebook), beside[1]: _csv(built.ledger)}
    replace_files(contents)
    return tuple(contents)


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def _sav(frame: pd.DataFrame, codebook: pd.DataFrame, study: Study) -> bytes:
    rows = codebook.set_index("name")
    both = [name for name, low, high in rows[["lowest", "highest"]].itertuples() if (low, high) == (0, 1)]
    yes_no = {one.name: one.equals or f"from session {one.phase_from} on" for one in study.variables}
    values: dict[str, dict[float, str]] = {
        name: {0.0: f"not {yes_no[name]}", 1.0: yes_no[name]}
        for name in both
        if any(one.name == name and (one.equals or one.phase_from) for one in study.variables)
    }
    notes = [f"{study.title}. Data: {'synthetic' if study.synthetic else 'as the study folder holds them'}."]
    notes += [f"{name}: {row['source']}. {_said(row['why_missing'])}" for name, row in rows.iterrows()]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frame.sav"
        write_sav(
            frame.astype({name: object for name in frame.columns if frame[name].dtype.kind not in "if"}), file,
            title=study.title, labels=rows["label"].to_dict(), levels=rows["level"].to_dict(), value_labels=values,
            notes=notes,
        )  # fmt: skip
        return file.read_bytes()


def _said(why: Any) -> str:
    return f"Missing: {why}." if isinstance(why, str) and why else "Nothing is missing."
