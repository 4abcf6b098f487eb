"""Homework of the synthetic telephone study: what was assigned, what was done, what got in the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.data_examples.streams import shuffled_per_block, stream
from doublecode.data_examples.telephone_model import Integers, Truth

# how many assignments a session discusses; 194 sessions make 411
ASSIGNMENTS_PER_SESSION = np.repeat(np.array([1, 2, 3, 4]), [40, 98, 49, 7])
TYPES = ("PE", "BE", "CO", "SM", "RP")
# printed: 142, 138 (read as 128, as its 31 % says), 76, 36, 29 of 411
TYPE_COUNTS = np.array([142, 128, 76, 36, 29])
COMPLETED = 0.925
WITH_DIFFICULTIES = 0.75
DIFFICULTIES = ("NE", "DS", "LS", "LT", "TD", "OT")
DIFFICULTY_SHARES = np.array([34.1, 29.7, 13.7, 8.2, 8.2, 6.0])
SECOND_DIFFICULTY = 0.25
# one task per slot, so that a session never gives the same one twice
TASKS = {
    "PE": ("read the chapter", "read the case vignette", "read the summary", "read the chapter again"),
    "BE": ("plan two pleasant activities", "take up one activity again", "walk three times", "call a friend"),
    "CO": ("write down a thought and a kinder one", "test one prediction", "collect counter-evidence", "rate a belief"),
    "SM": ("keep the mood diary", "note thoughts and feelings", "note sleep", "note the best hour of the day"),
    "RP": ("list the warning signs", "write the emergency plan", "name two helpers", "plan the next months"),
}


@dataclass(frozen=True)
class HomeworkLog:
    """Assignments discussed in rated sessions, one entry each, in order of session and slot.

    Attributes
    ----------
    row : array of int
        Row of the session in the truth.
    slot : array of int
        1 to 4 within the session.
    type, task, difficulties : array of str
        `difficulties` joins several with a comma; empty where none was met.
    completed : array of bool
    """

    row: Integers
    slot: Integers
    type: NDArray[np.str_]
    task: NDArray[np.str_]
    completed: NDArray[np.bool_]
    difficulties: NDArray[np.str_]


def draw_log(seed: int, truth: Truth) -> HomeworkLog:
    """Draw the homework log of all rated sessions of the main phase.

    Psychoeducation comes early, relapse prevention late; the counts of 194 sessions are the
    printed ones. Completion and difficulties are drawn at random at the printed rates.
    """
    rng = stream(seed, "homework log")
    rated = np.flatnonzero(truth.rated)
    numbers = shuffled_per_block(rng, ASSIGNMENTS_PER_SESSION, len(rated))
    row = np.repeat(rated, numbers)
    slot = np.concatenate([np.arange(1, number + 1) for number in numbers])
    kind = _types(rng, truth.session[row])
    task = np.array([TASKS[TYPES[k]][place - 1] for k, place in zip(kind, slot, strict=True)])
    completed = rng.random(len(row)) < COMPLETED
    return HomeworkLog(
        row, slot, np.array(TYPES)[kind], task, completed, _difficulties(rng, row, slot, int(rated[-1]) + 1)
    )


def _types(rng: np.random.Generator, session: Integers) -> Integers:
    """Types in the printed numbers, dealt out so that each has its time in treatment."""
    share = TYPE_COUNTS / TYPE_COUNTS.sum()
    edges = np.rint(np.cumsum(share) * len(session)).astype(np.int64)
    kinds = np.searchsorted(edges, np.arange(len(session)), side="right")
    usual_time = np.array([3.0, 5.5, 6.5, 3.5, 10.5])[kinds] + rng.normal(0, 2.0, len(kinds))
    dealt = np.empty(len(session), dtype=np.int64)
    dealt[np.lexsort((rng.random(len(session)), session))] = kinds[np.argsort(usual_time)]
    return dealt


def _difficulties(rng: np.random.Generator, row: Integers, slot: Integers, n_rows: int) -> NDArray[np.str_]:
    """Three of four sessions meet a difficulty, with one assignment; a quarter of these meet two."""
    met = rng.random(n_rows) < WITH_DIFFICULTIES
    which = rng.integers(1, np.bincount(row, minlength=n_rows).clip(1) + 1)
    here = met[row] & (slot == which[row])
    shares = DIFFICULTY_SHARES / DIFFICULTY_SHARES.sum()
    texts = np.full(len(row), "", dtype="<U8")
    for place in np.flatnonzero(here):
        number = 1 + int(rng.random() < SECOND_DIFFICULTY)
        kinds = rng.choice(len(DIFFICULTIES), size=number, replace=False, p=shares)
        texts[place] = ",".join(DIFFICULTIES[k] for k in sorted(kinds))
    return texts


def given_texts(log: HomeworkLog, session_ids: NDArray[np.str_]) -> pd.DataFrame:
    """What an assistant enters for the raters beforehand: columns session_id, item, text."""
    lines = pd.DataFrame({"row": log.row, "text": np.char.add(np.char.add(log.type, ": "), log.task)})
    texts = lines.groupby("row")["text"].agg("; ".join)
    ids = session_ids[texts.index.to_numpy()]
    return pd.DataFrame({"session_id": ids, "item": "homework_given", "text": texts.to_numpy()})


def done_texts(log: HomeworkLog) -> dict[int, str]:
    """Per session row, what a rater notes as reported done."""
    lines = pd.DataFrame({"row": log.row, "task": log.task, "done": log.completed})
    texts = lines[lines["done"]].groupby("row")["task"].agg("; ".join)
    return {int(row): texts.get(row, "none") for row in np.unique(log.row)}
