"""Invented adolescents, therapists and calendar of the synthetic adolescent study.

The printed counts are kept (33 of 50 female, diagnoses, ethnicity, drop-outs and lost
tapes); everything else is made up, and of it only Hispanic/Latino is related to the ratings.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.data_examples.adolescent_model import (
    DROPOUT_2,
    DROPOUT_3,
    PANEL,
    TAPE_1_FORGOTTEN,
    TAPE_1_MECHANICAL,
    TAPE_2_FORGOTTEN,
    TAPE_3_FORGOTTEN,
    TAPE_3_MECHANICAL,
    THERAPISTS,
    AdolescentTruth,
)
from doublecode.data_examples.streams import shuffled_per_block, stream

_MECHANICAL, _FORGOTTEN = "mechanical tape failure", "therapist did not record the session"
_LOST = {
    (1, _MECHANICAL): TAPE_1_MECHANICAL, (1, _FORGOTTEN): TAPE_1_FORGOTTEN, (2, _FORGOTTEN): TAPE_2_FORGOTTEN,
    (3, _MECHANICAL): TAPE_3_MECHANICAL, (3, _FORGOTTEN): TAPE_3_FORGOTTEN,
}  # fmt: skip
# printed: 42, 34, 22 and 12 %; 66 % have one or more of them, 28 % two or more (three disorders with the depression)
_ANXIETY, _CONDUCT, _PHOBIA, _ADHD = "generalized anxiety", "conduct", "social phobia", "ADHD"
_COMORBID = (
    [";".join((_ANXIETY, _CONDUCT, _PHOBIA, _ADHD))] + [";".join((_ANXIETY, _CONDUCT, _PHOBIA))] * 4
    + [";".join((_ANXIETY, _CONDUCT, _ADHD)), ";".join((_ANXIETY, _PHOBIA, _ADHD))]
    + [";".join((_ANXIETY, _CONDUCT))] * 4 + [";".join((_ANXIETY, _PHOBIA))] * 2 + [";".join((_CONDUCT, _ADHD))]
    + [_ANXIETY] * 8 + [_CONDUCT] * 6 + [_PHOBIA] * 3 + [_ADHD] * 2 + ["none"] * 17
)  # fmt: skip
# of the 39 who are not Hispanic/Latino: printed 11, 2, 2, 2; one of them names two
_OTHER_ETHNICITY = ["African American/Black"] * 10 + ["African American/Black;Biracial", "Biracial"]
_OTHER_ETHNICITY += ["Native American"] * 2 + ["Other"] * 2 + ["White"] * 23


def adolescent_ids(n: int) -> NDArray[np.str_]:
    """Ids of the adolescents."""
    return np.array([f"A{number + 1:0{max(2, len(str(n)))}d}" for number in range(n)])


def adolescents_table(seed: int, truth: AdolescentTruth) -> pd.DataFrame:
    """The table of patients, with what became of them."""
    rng = stream(seed, "people")
    n = len(truth.place)

    def dealt(values: list[str]) -> NDArray[np.str_]:
        return np.array(values)[shuffled_per_block(rng, np.arange(len(values)), n)]

    ethnicity = np.where(truth.hispanic, "Hispanic/Latino", "")
    others = np.flatnonzero(~truth.hispanic)
    ethnicity = ethnicity.astype(object)
    ethnicity[others] = np.array(_OTHER_ETHNICITY)[
        shuffled_per_block(rng, np.arange(len(_OTHER_ETHNICITY)), len(others))
    ]
    left_2, left_3 = np.isin(truth.place, DROPOUT_2), np.isin(truth.place, DROPOUT_3)
    reason = pd.Series(None, index=range(n), dtype=object)
    reason[left_2], reason[left_3] = "before session 2", "before session 3"
    return pd.DataFrame(
        {
            "patient": adolescent_ids(n),
            "status": np.where(left_2 | left_3, "dropped_out", "completed"),
            "reason": reason,
            "gender": dealt(["female"] * 33 + ["male"] * 17),
            "age": rng.choice([14, 15, 16, 17, 18], size=n, p=[0.16, 0.24, 0.27, 0.20, 0.13]).astype(str),
            "diagnosis": dealt(["major depression"] * 37 + ["dysthymia"] * 10 + ["depressive disorder NOS"] * 3),
            "comorbidity": dealt(_COMORBID),
            "ethnicity": ethnicity,
            "hispanic": truth.hispanic.astype(int).astype(str),
            # symptoms endorsed in the modules of the interview (C-DISC); related to nothing
            "cdisc_severity": np.clip(np.rint(rng.normal(14, 3.5, n)), 5, 22).astype(int).astype(str),
            "suicide_attempt": dealt(["yes"] * 20 + ["no"] * 30),
            "hollingshead": np.clip(np.rint(rng.normal(4.1, 2.1, n)), 1, 9).astype(int).astype(str),
        }
    )


def therapists_table(seed: int, n: int) -> pd.DataFrame:
    """The table of therapists: all with a doctoral degree."""
    rng = stream(seed, "therapists' table")
    count = -(-n // PANEL) * THERAPISTS
    return pd.DataFrame(
        {
            "therapist": [f"T{number + 1}" for number in range(count)],
            "degree": "doctoral",
            "therapist_age": np.clip(np.rint(rng.normal(36, 6, count)), 27, 60).astype(int).astype(str),
        }
    )


def held_sessions(seed: int, truth: AdolescentTruth, ids: NDArray[np.str_]) -> pd.DataFrame:
    """The table of sessions held (contract ``SESSIONS``), by patient and number; `ids` are long enough for 3 each."""
    n = len(truth.place)
    numbers = 3 - np.isin(truth.place, DROPOUT_3) - 2 * np.isin(truth.place, DROPOUT_2)
    person = np.repeat(np.arange(n), numbers)
    session = np.concatenate([np.arange(1, number + 1) for number in numbers])
    rng = stream(seed, "calendar")
    days = rng.integers(0, 500, n)[person] + 7 * session + rng.integers(-1, 3, len(person))
    reason = np.full(len(person), None, dtype=object)
    for (number, why), places in _LOST.items():
        reason[(session == number) & np.isin(truth.place[person], places)] = why
    heard = pd.Series(reason).isna().to_numpy()
    own = ids[: len(person)]
    return pd.DataFrame(
        {
            "session_id": own,
            "patient": adolescent_ids(n)[person],
            "therapist": np.char.add("T", (truth.therapist[person] + 1).astype(str)),
            "session": session,
            "date": [(date(2006, 9, 4) + timedelta(days=int(day))).isoformat() for day in days],
            "minutes": np.clip(np.rint(rng.normal(50, 6, len(person))), 30, 75),
            "phase": "main",
            "status": np.where(heard, "held", "not_rated"),
            "reason": reason,
            "recording": pd.Series(np.char.add(own, ".mp3"), dtype=object).where(heard, None),
        }
    )
