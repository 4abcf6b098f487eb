"""The analysis frame as a file for other programs, with its codebook."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from doublecode.analysis.study.frame_codebook import frame_codebook
from doublecode.coding.reading.statistics_files import write_sav
from doublecode.coding.workbooks.save import refuse_existing
from doublecode.schemas.csv_rows import without_formulas
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
        Replace files that are there. A codebook and a ledger that say the same already are no hindrance: ``NAME.csv``
        and ``NAME.sav`` lie side by side.

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
    codebook = frame_codebook(built, study)
    told = dict(zip(beside, (_csv(codebook), _csv(built.ledger)), strict=True))
    refuse_existing(target, overwrite=overwrite)
    for one, content in told.items():
        if not (one.is_file() and one.read_bytes() == content):  # frame.csv and frame.sav share them
            refuse_existing(one, overwrite=overwrite)
    frame = _sav(built.frame, codebook, study) if target.suffix.lower() == ".sav" else _csv(built.frame)
    contents = {target: frame, **told}
    replace_files(contents)
    return tuple(contents)


def _csv(table: pd.DataFrame) -> bytes:
    return without_formulas(table).to_csv(index=False, lineterminator="\n").encode()


def _sav(frame: pd.DataFrame, codebook: pd.DataFrame, study: Study) -> bytes:
    names = codebook["name"].tolist()
    labels = dict(zip(names, codebook["label"], strict=True))
    levels = dict(zip(names, codebook["level"], strict=True))
    values: dict[str, dict[float, str]] = {}
    for one in study.variables:
        if one.equals is not None:
            values[one.name] = {0.0: f"not {one.equals}", 1.0: one.equals}
        elif one.phase_from is not None:
            values[one.name] = {0.0: f"before session {one.phase_from}", 1.0: f"from session {one.phase_from} on"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frame.sav"
        write_sav(
            frame.astype({name: object for name in frame.columns if frame[name].dtype.kind not in "if"}), file,
            title=f"{'Synthetic data: ' if study.synthetic else ''}{study.title}", labels=labels, levels=levels,
            value_labels=values,
        )  # fmt: skip
        return file.read_bytes()
