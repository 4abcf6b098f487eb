"""Reliability of many studies in one table: the sites of a trial, the trials of a lab."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.printed_answers import answer_tables
from doublecode.analysis.rendering.printed_table import PrintedTable
from doublecode.analysis.rendering.tables import Column, Table, bounded_estimate, column, frame_of
from doublecode.analysis.results.spread_work import Progress, Workers, spread_work
from doublecode.analysis.study.reliability_of_one import FORMS, ICC, Record, reliability_of_one
from doublecode.analysis.study.study_folders import StudyFolders, state_of, study_folders
from doublecode.schemas.results import Note, distinct

SAME_TAPE: Final = "same tape"
REFUSED: Final = "reliability_refused"
OMEGA: Final = {
    "n_items": "n_items", "n_rows": "n_omega", "omega": "omega", "conf_low": "omega_low", "conf_high": "omega_high",
    "status": "omega_status",
}  # fmt: skip
KEY: Final = ("instrument", "name", "pairing")
COLUMNS: Final = ("study", *ICC[:4], "pairing", *ICC[4:], *OMEGA.values(), "failure")
FAILURES: Final = ("study", "step", "place", "what", "next_step", "of")
OVER: Final = ("instrument", "level", "name", "phase")


@dataclass(frozen=True, eq=False, repr=False)
class ManyReliabilities(Answer):
    """ICC and omega of the scales of many studies, and what went wrong in which.

    Attributes
    ----------
    spec : dict
        ``studies`` (name → folder).
    frame : DataFrame
        A row per study, scale (or item) and phase, as :class:`doublecode.analysis.study.reliability_table` has it
        (``estimate`` is the ICC of the score as used, ``single`` that of one rater), with ``study``, and for scales
        ``omega, omega_low, omega_high, n_omega, n_items``, ``omega_status``. ``pairing`` says of omega whether items
        are of one tape. A study that could not be read has one row, and ``failure`` says why.
    forms : DataFrame
        Every ICC form of every row.
    over_studies : DataFrame
        Per scale (or item) and phase: ``n_studies`` with an ICC, its ``median``, ``low`` and ``high``, median of omega
        in these.
    failures : DataFrame
        What was not read or estimated: ``study, step, place, what, next_step, of`` (problems of that study; the first
        five are named).
    design : dict
        ``n_studies, n_read, n_ratings``.
    notes : tuple of Note
        One of each kind (of what has no coefficient: of each instrument), and in how many studies there is such a one;
        the study by itself has them all.
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    forms: pd.DataFrame
    over_studies: pd.DataFrame
    failures: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("study", "instrument", "name", "phase")

    def tables(self) -> tuple[Table, ...]:
        """Scales by study, scales over studies, and what went wrong."""
        estimated = self.frame[self.frame["failure"] == ""]
        shown = _scales(estimated)
        found = [Table("reliability_of_studies", "Reliability by study", shown, _columns(), group="study")]
        over = _scales(self.over_studies)
        if self.design["n_read"] > 1 and len(over):
            found.append(Table("reliability_over_studies", "Over studies", over, _over_columns()))
        return (*(found if len(estimated) else []), *self._failed())

    def _failed(self) -> list[Table]:
        columns = (
            column("study", "Study", kind="text"), column("step", "At", kind="text"),
            column("place", "Where", kind="text"), column("what", "What", kind="text"),
            column("next_step", "Next step", kind="text"),
        )  # fmt: skip
        return [Table("not_estimated", "What was not estimated", self.failures, columns)] if len(self.failures) else []

    def printed_tables(self) -> tuple[PrintedTable, ...]:
        """The same, items and every ICC form too."""
        forms = Table("forms", "Every form", self.forms, _form_columns(), group="study")
        items = self.frame[self.frame["level"] == "item"]
        more = [Table("items", "Items by study", items, _columns(), group="study")] if len(items) else []
        more += [forms] if len(self.forms) else []
        return answer_tables((*self.tables(), *more), self.counted(), self.note_texts(), type(self).__name__)

    def counted(self) -> str:
        """Studies, how many could not be read, and ratings."""
        n, read = self.design["n_studies"], self.design["n_read"]
        lost = "" if n == read else f"; {n - read} could not be read"
        return f"{read} of {n} studies read{lost}; {self.design['n_ratings']:,} ratings of items."


def reliability_of_studies(
    folders: str | Path | Sequence[str | Path], *, workers: Workers | None = None, progress: Progress | None = None
) -> ManyReliabilities:
    """ICC and omega of every rated scale of many studies; one that is broken stops no other.

    Parameters
    ----------
    folders : path or sequence of path
        Study folders (with a study.toml), or folders that hold some at any depth.
    workers : Workers, optional
        Cores or a cluster, a study each, and where answers are kept; the answer is the same. On a cluster every worker
        sees the folders under the same path.
    progress : callable, optional
        Called with what is done, how many studies, of how many.

    Returns
    -------
    ManyReliabilities
        The numbers of each study are those that it gives by itself.

    Raises
    ------
    UsageError
        A folder is not there or holds no study, or workers are lost.

    Examples
    --------
    >>> from importlib.resources import as_file, files
    >>> with as_file(files("doublecode.data_examples") / "adolescent_cbt") as folder:
    ...     found = reliability_of_studies([folder])
    >>> scales = found.frame[(found.frame["level"] == "scale") & (found.frame["phase"] == "main")]
    >>> scales[["study", "name", "form"]].values.tolist()
    [['adolescent_cbt', 'total', 'ICC(1,k_eff)']]
    """
    workers = workers or Workers()
    places = [folders] if isinstance(folders, str | Path) else list(folders)
    found = study_folders(places, workers.keep)
    keys = {name: _said(name, folder, workers) for name, folder in found.folders.items()}
    pieces = {keys[name]: os.path.realpath(folder) for name, folder in found.folders.items()}
    answers = spread_work(reliability_of_one, pieces, workers, progress, "Reading studies")
    return _gathered(found, {name: answers[key] for name, key in keys.items()})


def _said(name: str, folder: Path, workers: Workers) -> str:
    """All that the answer of a study depends on; files are looked at only where answers are kept."""
    return json.dumps([name, "" if workers.keep is None else state_of(folder, workers.keep)])


def _gathered(found: StudyFolders, answers: Mapping[str, Record]) -> ManyReliabilities:
    rows = [row for name, one in answers.items() for row in _rows_of(name, one)]
    frame = frame_of(rows, COLUMNS)
    forms = [{"study": name, **row} for name, one in answers.items() for row in one["forms"]]
    failures = [{"study": name, **row} for name, one in answers.items() for row in one["failures"]]
    notes = _notes(answers)
    if found.without:
        notes.insert(0, Note("no_study_in_folders", numbers={"folders": list(found.without)}))
    unread = {row["study"] for row in failures if row["step"] == "reading"}
    return ManyReliabilities(
        spec={"studies": {name: str(folder) for name, folder in found.folders.items()}, "conf_level": 0.95},
        frame=frame,
        forms=frame_of(forms, ("study", *ICC[:4], *FORMS)),
        over_studies=_over(frame),
        failures=frame_of(failures, FAILURES),
        design={
            "n_studies": len(answers), "n_read": len(answers) - len(unread),
            "n_ratings": int(frame.loc[frame["level"] == "item", "n_ratings"].sum()),
        },
        notes=distinct(notes),
        rows=frame.index,
    )  # fmt: skip


def _notes(answers: Mapping[str, Record]) -> list[Note]:
    """One note of each kind, that of the first study, which says in how many more there is such a one.

    Of what has no coefficient there is one for each instrument, level and phase.
    """
    found: dict[tuple[str, str], dict[str, Record]] = {}
    for study, answer in answers.items():
        for one in answer["notes"]:
            about = one["subject"] if one["kind"] == REFUSED else ""
            found.setdefault((one["kind"], about), {}).setdefault(study, one)
    return [_note(studies) for studies in found.values()]


def _note(studies: Mapping[str, Record]) -> Note:
    study, one = next(iter(studies.items()))
    more = f" (and such a note in {len(studies) - 1} more)" if len(studies) > 1 else ""
    return Note(one["kind"], ": ".join(filter(None, [f"{study}{more}", one["subject"]])), one["numbers"])


def _rows_of(study: str, answer: Record) -> Iterator[Record]:
    """The rows of a study: its ICCs with omega beside, scales with omega alone, or why there is nothing."""
    omegas = {(row["instrument"], row["scale"], row["pairing"]): row for row in answer["omegas"]}
    for row in answer["rows"]:
        beside = row["level"] == "scale" and row["phase"] == "main"
        own = omegas.pop((row["instrument"], row["name"], SAME_TAPE), None) if beside else None
        yield {"study": study, "pairing": SAME_TAPE, **row, **_omega_beside(own), "failure": ""}
    for (instrument, scale, pairing), row in omegas.items():
        named = {"instrument": instrument, "level": "scale", "name": scale, "phase": "main", "pairing": pairing}
        yield {"study": study, **named, "form": "–", **_omega_beside(row), "failure": ""}
    if not answer["rows"] and not answer["omegas"]:
        first = answer["failures"][0] if answer["failures"] else {"what": "nothing to estimate", "place": ""}
        yield {"study": study, "failure": ": ".join(filter(None, [first["place"], first["what"]]))}


def _omega_beside(row: Record | None) -> Record:
    return {} if row is None else {own: row[name] for name, own in OMEGA.items()}


def _over(frame: pd.DataFrame) -> pd.DataFrame:
    known = frame[frame["estimate"].notna()]
    rows = [
        {
            **dict(zip(OVER, key, strict=True)), "n_studies": part["study"].nunique(),
            "n_targets": int(part["n_targets"].sum()), "median": float(part["estimate"].median()),
            "low": float(part["estimate"].min()), "high": float(part["estimate"].max()),
            "median_omega": _median(part["omega"].dropna()),
        }
        for key, part in known.groupby(list(OVER), sort=False)
    ]  # fmt: skip
    return frame_of(rows, (*OVER, "n_studies", "n_targets", "median", "low", "high", "median_omega"))


def _median(values: pd.Series[float]) -> float:
    return float(values.median()) if len(values) else float("nan")


def _scales(frame: pd.DataFrame) -> pd.DataFrame:
    """Scales, and the items of instruments that have none."""
    scaled = set(frame.loc[frame["level"] == "scale", "instrument"])
    return frame[(frame["level"] == "scale") | ~frame["instrument"].isin(scaled)]


def _columns() -> tuple[Column, ...]:
    return (
        column("name", "Scale or item", kind="text"), column("instrument", "Instrument", kind="text"),
        column("phase", "Phase", kind="text"), column("n_targets", "Sessions", kind="integer"),
        column("n_multiply_coded", "Double-coded", kind="integer"), column("n_raters", "Raters", kind="integer"),
        column("form"), column("k", kind="count"), *bounded_estimate("ICC", 0.95),
        column("single", "One rater", kind="bounded"), column("omega", "ω", kind="bounded"),
        column("omega_low", "95% CI of ω", kind="bounded", upper="omega_high"),
    )  # fmt: skip


def _over_columns() -> tuple[Column, ...]:
    return (
        column("name", "Scale or item", kind="text"), column("instrument", "Instrument", kind="text"),
        column("phase", "Phase", kind="text"), column("n_studies", "Studies", kind="integer"),
        column("n_targets", "Sessions", kind="integer"), column("median", "Median ICC", kind="bounded"),
        column("low", "Lowest to highest", kind="bounded", upper="high"),
        column("median_omega", "Median ω", kind="bounded"),
    )  # fmt: skip


def _form_columns() -> tuple[Column, ...]:
    return (
        column("name", "Scale or item", kind="text"), column("instrument", "Instrument", kind="text"),
        column("phase", "Phase", kind="text"), column("form"), column("shrout_fleiss"), column("k", kind="count"),
        *bounded_estimate("ICC", 0.95),
    )  # fmt: skip
