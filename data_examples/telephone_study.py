"""The synthetic telephone study as frames, for any seed and any number of patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.data_examples.pair_rotation import rotating_pairs
from doublecode.data_examples.streams import blind_ids, stream
from doublecode.data_examples.telephone_log import HomeworkLog, done_texts, draw_log, given_texts
from doublecode.data_examples.telephone_model import PANEL, TelephonePlan, Truth, draw_truth
from doublecode.data_examples.telephone_people import patient_ids, people, sessions_table, therapists
from doublecode.data_examples.telephone_ratings import (
    DOUBLE_CODED,
    GHES,
    PHQ_ITEMS,
    RATERS,
    STHAR,
    Assigned,
    draw_codes,
    draw_halos,
    draw_phq_items,
    ghes_levels,
    sthar_levels,
)

RATING_COLUMNS = (
    "study", "patient", "therapist", "session", "session_id", "rater", "role", "instrument", "item", "value", "text",
    "missing_code", "phase", "source_file", "source_sheet", "source_cell",
)  # fmt: skip
SEED = 805  # chosen by rule: see printed_values.py and tests/simulations/recovery_telephone.txt
STUDY = "telephone_cbt"
ASSISTANT = "A1"
# one rating in eighty leaves one GHES item open: the tape does not tell
INSUFFICIENT = 0.0125


@dataclass(frozen=True)
class TelephoneStudy:
    """Everything a study folder is made of.

    Attributes
    ----------
    ratings : DataFrame
        Contract ``RATINGS``; numbers, missing codes and texts as a reader of the workbooks finds them.
    outcomes : DataFrame
        patient, session, nine PHQ-9 items.
    given : DataFrame
        session_id, item, text: the homework that an assistant enters for the raters.
    """

    seed: int
    truth: Truth
    sessions: pd.DataFrame
    patients: pd.DataFrame
    therapists: pd.DataFrame
    assignments: pd.DataFrame
    ratings: pd.DataFrame
    outcomes: pd.DataFrame
    given: pd.DataFrame


def telephone_study(
    seed: int = SEED,
    n_patients: int = PANEL,
    *,
    plan: TelephonePlan | None = None,
    pilot: bool = True,
    texts: bool = True,
) -> TelephoneStudy:
    """Draw one synthetic study (or, with more than 22 patients, several side by side).

    Parameters
    ----------
    pilot : bool
        With the pilot phase: three sessions of two patients who were not included, rated by all five raters.
    texts : bool
        With the homework log and the raters' notes of what was done; simulations do without.
    """
    truth = draw_truth(seed, n_patients, plan or TelephonePlan(), pilot=pilot)
    ids = np.array(blind_ids(seed, len(truth.patient)))
    patients = patient_ids(n_patients)
    sessions = sessions_table(seed, truth, patients, ids)
    assignments = _assignments(sessions, truth, seed)
    log = draw_log(seed, truth)
    ratings = _ratings(seed, truth, sessions, assignments, log if texts else None)
    items = draw_phq_items(seed, truth)[~truth.pilot]
    main = sessions.loc[~truth.pilot, ["patient", "session"]].reset_index(drop=True)
    return TelephoneStudy(
        seed,
        truth,
        sessions,
        people(seed, n_patients, flow=n_patients == PANEL),
        therapists(seed, n_patients),
        assignments,
        ratings,
        pd.concat([main, pd.DataFrame(items, columns=list(PHQ_ITEMS))], axis=1),
        given_texts(log, ids),
    )


def _assignments(sessions: pd.DataFrame, truth: Truth, seed: int) -> pd.DataFrame:
    """Rotating pairs, panel by panel, and the assistant's log."""
    panel = np.where(truth.pilot, 0, truth.panel)
    parts = []
    for number in range(int(panel.max()) + 1):
        own = sessions[panel == number]
        parts.append(
            rotating_pairs(own, rater_names(number), instrument="ghes", share=DOUBLE_CODED, batches=2, seed=seed)
        )
    ghes = pd.concat(parts, ignore_index=True)
    log = sessions.loc[truth.rated, ["session_id"]].assign(
        rater=ASSISTANT, instrument="homework_log", role="primary", batch="batch01"
    )
    return pd.concat([ghes, ghes.assign(instrument="sthar"), log], ignore_index=True)


def rater_names(panel: int) -> list[str]:
    """Raters of one panel: R1–R5, and in further panels R1.2–R5.2 and so on."""
    return [f"R{number}" + (f".{panel + 1}" if panel else "") for number in range(1, RATERS + 1)]


def _ratings(
    seed: int, truth: Truth, sessions: pd.DataFrame, assignments: pd.DataFrame, log: HomeworkLog | None
) -> pd.DataFrame:
    own = assignments[assignments["instrument"] == "ghes"].reset_index(drop=True)
    row = pd.Index(sessions["session_id"]).get_indexer(pd.Index(own["session_id"]))
    n_panels = int(truth.panel[~truth.pilot].max()) + 1
    everyone = pd.Index([name for panel in range(n_panels) for name in rater_names(panel)])
    assigned = Assigned(row, everyone.get_indexer(pd.Index(own["rater"])))
    halos = draw_halos(seed, len(row))
    ghes = draw_codes(seed, "ghes", GHES, ghes_levels(truth), assigned, halos[0])
    ghes[:, GHES.items.index("difficulties")] = 4 - ghes[:, GHES.items.index("difficulties")]  # as it is coded
    sthar = draw_codes(seed, "sthar", STHAR, sthar_levels(truth), assigned, halos[1])
    head = _head(sessions, own, row)
    parts = [
        _long(head, "ghes", GHES.items, ghes, _left_open(seed, ghes.shape)),
        _long(head, "sthar", STHAR.items, sthar, np.zeros(sthar.shape, dtype=bool)),
    ]
    if log is not None:
        parts += [_done(seed, head, row, log), _log_ratings(sessions, log)]
    return pd.concat(parts, ignore_index=True)


def _left_open(seed: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rng = stream(seed, "left open")
    marks = np.zeros(shape, dtype=bool)
    here = np.flatnonzero(rng.random(shape[0]) < INSUFFICIENT)
    marks[here, rng.choice([2, 5, 6], size=len(here))] = True  # applied, benefit, time spent
    return marks


def _head(sessions: pd.DataFrame, own: pd.DataFrame, row: NDArray[np.int64]) -> pd.DataFrame:
    """Identity of each rating, the columns that all its items share."""
    held = sessions.iloc[row].reset_index(drop=True)
    return pd.DataFrame(
        {
            "study": STUDY, "patient": held["patient"], "therapist": held["therapist"], "session": held["session"],
            "session_id": held["session_id"], "rater": own["rater"], "role": own["role"], "phase": held["phase"],
        }
    )  # fmt: skip


def _long(
    head: pd.DataFrame, instrument: str, items: Sequence[str], codes: NDArray[np.int64], left_open: NDArray[np.bool_]
) -> pd.DataFrame:
    """One row per rating and item."""
    n = len(items)
    values = np.where(left_open, np.nan, codes).ravel()
    return _with_source(head.loc[head.index.repeat(n)].reset_index(drop=True)).assign(
        instrument=instrument,
        item=list(items) * len(head),
        value=values,
        text=None,
        missing_code=pd.Series("IN", index=range(len(values)), dtype=object).where(np.isnan(values), None),
    )[list(RATING_COLUMNS)]


def _with_source(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(source_file="synthetic", source_sheet="synthetic", source_cell="synthetic")


def _done(seed: int, head: pd.DataFrame, row: NDArray[np.int64], log: HomeworkLog) -> pd.DataFrame:
    """The raters' own note of the homework done; one in ten leaves out the last thing."""
    done = done_texts(log)
    forgets = stream(seed, "notes").random(len(row)) < 0.1
    notes = [done.get(int(r), "mood diary") for r in row]
    notes = [
        note.rsplit("; ", 1)[0] if forgot and "; " in note else note
        for note, forgot in zip(notes, forgets, strict=True)
    ]
    frame: pd.DataFrame = _with_source(head).assign(
        instrument="ghes", item="homework_done", value=np.nan, text=notes, missing_code=None
    )
    return frame[list(RATING_COLUMNS)]


def _log_ratings(sessions: pd.DataFrame, log: HomeworkLog) -> pd.DataFrame:
    """The assistant's log in the raters' columns; unused slots have no rows."""
    own = pd.DataFrame({"rater": ASSISTANT, "role": "primary"}, index=range(len(log.row)))
    head = _with_source(_head(sessions, own, log.row))
    parts: list[pd.DataFrame] = []
    columns = {"type": log.type, "completed": np.where(log.completed, "Y", "N"), "difficulties": log.difficulties}
    for item, texts in columns.items():
        names = np.char.add(f"{item}_", log.slot.astype(str))
        part = head.assign(instrument="homework_log", item=names, value=np.nan, text=texts, missing_code=None)
        parts.append(part.loc[texts != "", list(RATING_COLUMNS)])
    return pd.concat(parts, ignore_index=True)
