"""The adolescent study of many seeds: what is drawn and coded of each, kept so that it is drawn only once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.data_examples.adolescent_analysis import (
    columns_of,
    patient_frame,
    reliabilities,
    therapist_p_values,
)
from doublecode.data_examples.adolescent_study import AdolescentStudy, adolescent_study
from doublecode.data_examples.generate_adolescent_cbt import SHIPPED
from doublecode.data_examples.least_squares import Floats
from doublecode.schemas.study import Study, load_study


@dataclass(frozen=True)
class AdolescentSeeds:
    """Studies of several seeds.

    Attributes
    ----------
    columns : mapping
        The analysis frames before the outlier rule, arrays of shape (n_seeds, 50).
    agreement : DataFrame
        quantity, estimate, conf_low, conf_high, seed.
    p_values, facts : DataFrame
        One row per seed: the therapists' ANOVAs; the sample and the counts.
    """

    seeds: tuple[int, ...]
    columns: Mapping[str, Floats]
    agreement: pd.DataFrame
    p_values: pd.DataFrame
    facts: pd.DataFrame


def sample_facts(study: AdolescentStudy) -> dict[str, float]:
    """The sample and the counts of one study, as the paper gives them."""
    people = study.patients
    disorders = people["comorbidity"].where(people["comorbidity"] != "none", "").str.split(";")
    marks = disorders.map(lambda names: len([name for name in names if name]))
    ethnic = people["ethnicity"].str.split(";").explode().value_counts()
    held = study.sessions.groupby("session").size()
    lost = study.sessions[study.sessions["status"] == "not_rated"].groupby(["session", "reason"]).size()
    age, hollingshead = people["age"].astype(float), people["hollingshead"].astype(float)
    coded = study.ratings.dropna(subset=["value"]).groupby(["instrument", "session_id"])["rater"].nunique()
    adherence = study.ratings.loc[study.ratings["item"] == "adherence", "value"]
    found = {
        "adolescents": float(len(people)),
        "female": float((people["gender"] == "female").sum()),
        "age: mean": float(age.mean()),
        "age: lowest": float(age.min()),
        "age: highest": float(age.max()),
        "major depression": float((people["diagnosis"] == "major depression").sum()),
        "dysthymia": float((people["diagnosis"] == "dysthymia").sum()),
        "depressive disorder NOS": float((people["diagnosis"] == "depressive disorder NOS").sum()),
        "comorbid, %": 100 * float((marks > 0).mean()),
        "three or more disorders, %": 100 * float((marks > 1).mean()),
        "suicide attempt, %": 100 * float((people["suicide_attempt"] == "yes").mean()),
        "ethnic minority, %": 100 * float((people["ethnicity"] != "White").mean()),
        "hollingshead: mean": float(hollingshead.mean()),
        "hollingshead: SD": float(hollingshead.std()),
        "therapists": float(study.sessions["therapist"].nunique()),
        "left before session 2": float(held[1] - held[2]),
        "left before session 3": float(held[2] - held[3]),
        "sessions 2 and 3 held": float(held[2] + held[3]),
        "session 1 tapes lost, mechanical": float(lost.get((1, "mechanical tape failure"), 0)),
        "session 1 tapes lost, not taped": float(lost.get((1, "therapist did not record the session"), 0)),
        "session 2 tapes lost": float(lost.get((2, "therapist did not record the session"), 0)),
        "adherence: lowest code": float(adherence.min()),
        "adherence: highest code": float(adherence.max()),
    }
    for name in ("generalized anxiety", "conduct", "social phobia", "ADHD"):
        found[f"{name}, %"] = 100 * float(disorders.map(lambda names, name=name: name in names).mean())
    for name in ("African American/Black", "Hispanic/Latino", "Native American", "Biracial", "Other"):
        found[name] = float(ethnic[name])
    for instrument, per_session in coded.groupby(level=0):
        found[f"{instrument}: sessions coded"] = float(len(per_session))
        found[f"{instrument}: sessions coded twice"] = float((per_session == 2).sum())
        found[f"{instrument}: coded twice, %"] = 100 * float((per_session == 2).mean())
    return found


declared = cache(lambda: load_study(SHIPPED))


def one_seed(seed: int) -> AdolescentSeeds:
    """The study of one seed."""
    return of_study(adolescent_study(seed), declared())


def of_study(study: AdolescentStudy, declared: Study) -> AdolescentSeeds:
    """What is kept of one study."""
    frame = patient_frame(study, declared)
    rows = pd.DataFrame(reliabilities(study, declared), columns=["quantity", "estimate", "conf_low", "conf_high"])
    return AdolescentSeeds(
        (study.seed,),
        columns_of(frame, declared),
        rows.assign(seed=study.seed),
        pd.DataFrame([therapist_p_values(frame, declared)]),
        pd.DataFrame([sample_facts(study)]),
    )


def together(studies: Iterable[AdolescentSeeds]) -> AdolescentSeeds:
    """Many studies as one set of arrays."""
    every = list(studies)
    return AdolescentSeeds(
        tuple(seed for one in every for seed in one.seeds),
        {name: np.concatenate([one.columns[name] for one in every]) for name in every[0].columns},
        *(
            pd.concat([getattr(one, part) for one in every], ignore_index=True)
            for part in ("agreement", "p_values", "facts")
        ),
    )


def many_seeds(n_seeds: int, cache_file: Path) -> AdolescentSeeds:
    """The studies of seeds 1 to `n_seeds`; those in `cache_file` are not drawn again."""
    from doublecode.data_examples.seed_cache import extend

    return together(extend(cache_file, n_seeds, one_seed))
