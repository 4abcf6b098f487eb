"""Invented patients, therapists and calendar of the synthetic telephone study.

The printed marginals are kept (77 % women, three therapists, all women); everything else
is made up, and nothing here is related to the ratings.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.data_examples.streams import stream
from doublecode.data_examples.telephone_model import PANEL, THERAPISTS, Integers, Truth

RANDOMISED = 54
_CATEGORIES = {
    "diagnosis": (("F32.0", "F32.1", "F33.0", "F33.1"), (0.14, 0.27, 0.18, 0.41)),
    "family_status": (("single", "partnered", "separated", "widowed"), (0.23, 0.45, 0.23, 0.09)),
    "previous_psychotherapy": (("yes", "no"), (0.73, 0.27)),
}
_COMORBID = ("anxiety", "somatoform", "eating", "substance use")


def names(kind: str, numbers: Integers, width: int) -> NDArray[np.str_]:
    """Turn numbers from 0 into ids such as P07."""
    return np.array([f"{kind}{number + 1:0{width}d}" for number in numbers], dtype=np.str_)


def patient_ids(n_patients: int) -> NDArray[np.str_]:
    """Ids of the patients, and of two more who were not included and lent their tapes to the pilot."""
    return names("P", np.arange(n_patients + 2), max(2, len(str(n_patients + 2))))


def people(seed: int, n_patients: int, *, flow: bool) -> pd.DataFrame:
    """Draw the table of patients; with `flow`, all who were randomised stand in it, with what became of them."""
    rng = stream(seed, "people")
    n = n_patients + 2
    table = pd.DataFrame({"patient": patient_ids(n_patients), "status": "completed", "reason": None}, dtype=object)
    table.loc[n_patients:, ["status", "reason"]] = ["not_included", "most sessions were not recorded"]
    table["arm"] = "telephone CBT"
    women = np.arange(n_patients) < round(0.77 * n_patients)
    table["gender"] = np.where(np.concatenate([rng.permutation(women), [True, True]]), "female", "male")
    age = np.clip(np.rint(rng.normal(55.5, 18.5, n)), 19, 86).astype(int)
    table["age"] = age.astype(str)
    working = np.where(rng.random(n) < 0.7, "employed", "not employed")
    table["employment"] = np.where(age > 65, "retired", np.where(age < 26, "in education", working))
    for column, (values, shares) in _CATEGORIES.items():
        table[column] = rng.choice(values, size=n, p=shares)
    table["comorbidity"] = [
        "; ".join(np.array(_COMORBID)[marks]) or "none" for marks in rng.random((n, 4)) < (0.35, 0.2, 0.08, 0.08)
    ]
    table["previous_episodes"] = rng.poisson(2.2, n).astype(str)
    if flow:
        table = pd.concat([table, _not_followed(RANDOMISED - n, n)], ignore_index=True)
    return table


def _not_followed(count: int, after: int) -> pd.DataFrame:
    """The rest of the trial: randomised, but not in the process study; the paper does not say who was where."""
    return pd.DataFrame(
        {
            "patient": names("P", np.arange(after, after + count), 2),
            "status": "not_included",
            "reason": "control group, or treatment not completed",
            "arm": None,
        },
        dtype=object,
    )


def therapists(seed: int, n_patients: int) -> pd.DataFrame:
    """Draw the table of therapists."""
    rng = stream(seed, "therapists' table")
    n = -(-n_patients // PANEL) * THERAPISTS
    return pd.DataFrame(
        {
            "therapist": names("T", np.arange(n), 1),
            "gender": "female",
            "age": np.clip(np.rint(rng.normal(34, 5.9, n)), 26, 60).astype(int).astype(str),
            "training_years": np.clip(np.round(rng.normal(4.3, 1.5, n), 1), 1, 12).astype(str),
        }
    )


def sessions_table(seed: int, truth: Truth, patients: NDArray[np.str_], ids: NDArray[np.str_]) -> pd.DataFrame:
    """The table of sessions held (contract ``SESSIONS``): weekly calls of about 43 minutes."""
    rng = stream(seed, "calendar")
    start = rng.integers(0, 300, len(patients))
    days = start[truth.patient] + 7 * truth.session + rng.integers(-1, 2, len(truth.session))
    first = date(2016, 3, 7)
    unrated = truth.lost != ""
    return pd.DataFrame(
        {
            "session_id": ids,
            "patient": patients[truth.patient],
            "therapist": names("T", truth.therapist, 1),
            "session": truth.session,
            "date": [(first + timedelta(days=int(day))).isoformat() for day in days],
            "minutes": np.clip(np.round(rng.normal(43, 9.6, len(ids))), 15, 80),
            "phase": np.where(truth.pilot, "pilot", "main"),
            "status": np.where(unrated, "not_rated", "held"),
            "reason": pd.Series(truth.lost, dtype=object).where(unrated, None),
            "recording": pd.Series(np.char.add(ids, ".mp3"), dtype=object).where(~unrated, None),
        }
    )
