"""Invented patients, therapists and calendar of the synthetic telephone study.

The printed marginals are kept (152 screened, 54 randomised, 24 treated, 22 analysed; 77 % women;
three therapists, all women, their age and training); everything else is made up, and nothing here
is related to the ratings.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.data_examples.streams import shuffled_per_block, stream
from doublecode.data_examples.telephone_model import PANEL, THERAPISTS, Integers, Truth

SCREENED, RANDOMISED = 152, 54
# three therapists: printed 34 (5.9) years of age and 4.3 (1.5) of training
THERAPIST_AGES = ("28.1", "34.0", "39.9")
TRAINING_YEARS = ("2.8", "4.3", "5.8")
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
    """Draw the table of patients; with `flow`, all who were screened stand in it, with what became of them."""
    rng = stream(seed, "people")
    n = n_patients + 2
    table = pd.DataFrame({"patient": patient_ids(n_patients), "status": "completed", "reason": None}, dtype=object)
    table.loc[n_patients:, ["status", "reason"]] = ["not_included", "most sessions were not recorded"]
    table["randomised"], table["arm"] = "yes", "telephone CBT"
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
        others = _not_followed(RANDOMISED - n, n, "yes", "control group, or treatment not completed")
        screened = _not_followed(SCREENED - RANDOMISED, RANDOMISED, "no", "not eligible, or no consent")
        table = pd.concat([table, others, screened], ignore_index=True)
    return table


def _not_followed(count: int, after: int, randomised: str, reason: str) -> pd.DataFrame:
    """The rest of the trial, not in the process study; the paper does not say who was where."""
    numbers = np.arange(after, after + count)
    return pd.DataFrame(
        {"patient": names("P", numbers, 2), "status": "not_included", "reason": reason, "randomised": randomised,
         "arm": None},
        dtype=object,
    )  # fmt: skip


def therapists(seed: int, n_patients: int) -> pd.DataFrame:
    """Draw the table of therapists."""
    rng = stream(seed, "therapists' table")
    n = -(-n_patients // PANEL) * THERAPISTS
    return pd.DataFrame(
        {
            "therapist": names("T", np.arange(n), 1),
            "gender": "female",
            "age": np.array(THERAPIST_AGES)[shuffled_per_block(rng, np.arange(THERAPISTS), n)],
            "training_years": np.array(TRAINING_YEARS)[shuffled_per_block(rng, np.arange(THERAPISTS), n)],
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
