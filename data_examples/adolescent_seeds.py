"""The adolescent study of many seeds: what is drawn and coded of each, kept so that it is drawn only once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.data_examples.adolescent_analysis import (
    agreements,
    jackknifed_adherence,
    quick_columns,
    therapist_p_values,
)
from doublecode.data_examples.adolescent_study import AdolescentStudy, adolescent_study
from doublecode.data_examples.generate_adolescent_cbt import SHIPPED
from doublecode.data_examples.least_squares import Floats
from doublecode.data_examples.seed_cache import extend
from doublecode.schemas.study import Study, load_study


@dataclass(frozen=True)
class AdolescentSeeds:
    """Studies of several seeds.

    Attributes
    ----------
    columns : mapping
        The analysis frames before the outlier rule, arrays of shape (n_seeds, 50).
    agreement : DataFrame
        quantity, estimate, conf_low, conf_high, seed; without the limits of the agreement on adherence.
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


BLOCK = 50
declared = cache(lambda: load_study(SHIPPED))


def block_of_seeds(block: int) -> AdolescentSeeds:
    """The studies of 50 seeds; the first block are those of 1 to 50."""
    seeds = range(BLOCK * (block - 1) + 1, BLOCK * block + 1)
    return of_studies([adolescent_study(seed) for seed in seeds], declared())


def of_studies(studies: Sequence[AdolescentStudy], declared: Study) -> AdolescentSeeds:
    """What is kept of studies."""
    columns = [quick_columns(study, declared) for study in studies]
    p_values = [therapist_p_values(therapists_frame(*one), declared) for one in zip(studies, columns, strict=True)]
    return AdolescentSeeds(
        tuple(study.seed for study in studies),
        {name: np.concatenate([one[name] for one in columns]) for name in columns[0]},
        agreements(studies),
        pd.DataFrame(p_values),
        pd.DataFrame([sample_facts(study) for study in studies]),
    )


def therapists_frame(study: AdolescentStudy, columns: Mapping[str, Floats]) -> pd.DataFrame:
    """Each adolescent's therapist and adherence."""
    own = study.sessions.drop_duplicates("patient").set_index("patient")["therapist"]
    names = study.patients["patient"]
    return pd.DataFrame({"therapist": own.loc[names].to_numpy(), **{n: columns[n][0] for n in ("hw2", "hw3")}})


def jackknife_of(block: int) -> pd.DataFrame:
    """The agreement on adherence in the studies of 50 seeds with the limits of the report, which take long."""
    seeds = range(BLOCK * (block - 1) + 1, BLOCK * block + 1)
    return jackknifed_adherence([adolescent_study(seed) for seed in seeds])


def many_seeds(n_seeds: int, cache_file: Path) -> AdolescentSeeds:
    """The studies of seeds 1 to `n_seeds` (a multiple of 50); those in `cache_file` are not drawn again."""
    every = extend(cache_file, n_seeds // BLOCK, block_of_seeds)
    return AdolescentSeeds(
        tuple(seed for one in every for seed in one.seeds),
        {name: np.concatenate([one.columns[name] for one in every]) for name in every[0].columns},
        *(
            pd.concat([getattr(one, part) for one in every], ignore_index=True)
            for part in ("agreement", "p_values", "facts")
        ),
    )


def many_jackknives(n_seeds: int, cache_file: Path) -> pd.DataFrame:
    """The limits of the agreement on adherence in those studies."""
    return pd.concat(extend(cache_file, n_seeds // BLOCK, jackknife_of), ignore_index=True)
