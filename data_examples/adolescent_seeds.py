"""The adolescent study of many seeds: what is drawn and coded of each, kept so that it is drawn only once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.data_examples.adolescent_analysis import (
    alpha_of_resistance,
    quick_columns,
    reliabilities,
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
    p_values, facts : DataFrame
        One row per seed: the therapists' ANOVAs; the sample and the counts.
    """

    seeds: tuple[int, ...]
    columns: Mapping[str, Floats]
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
    columns = quick_columns(study, declared)
    p_values = therapist_p_values(therapists_frame(study, columns), declared)
    found = sample_facts(study) | {"ir: alpha": alpha_of_resistance(study)[1]}
    return AdolescentSeeds((study.seed,), columns, pd.DataFrame([p_values]), pd.DataFrame([found]))


def therapists_frame(study: AdolescentStudy, columns: Mapping[str, Floats]) -> pd.DataFrame:
    """Each adolescent's therapist and adherence."""
    own = study.sessions.drop_duplicates("patient").set_index("patient")["therapist"]
    names = study.patients["patient"]
    return pd.DataFrame({"therapist": own.loc[names].to_numpy(), **{n: columns[n][0] for n in ("hw2", "hw3")}})


def agreement_of(seed: int) -> pd.DataFrame:
    """Agreement of raters in the study of one seed: quantity, estimate, conf_low, conf_high, seed."""
    rows = reliabilities(adolescent_study(seed), declared())
    return pd.DataFrame(rows, columns=["quantity", "estimate", "conf_low", "conf_high"]).assign(seed=seed)


def together(studies: Iterable[AdolescentSeeds]) -> AdolescentSeeds:
    """Many studies as one set of arrays."""
    every = list(studies)
    return AdolescentSeeds(
        tuple(seed for one in every for seed in one.seeds),
        {name: np.concatenate([one.columns[name] for one in every]) for name in every[0].columns},
        *(pd.concat([getattr(one, part) for one in every], ignore_index=True) for part in ("p_values", "facts")),
    )


def many_seeds(n_seeds: int, cache_file: Path) -> AdolescentSeeds:
    """The studies of seeds 1 to `n_seeds`; those in `cache_file` are not drawn again."""
    return together(extend(cache_file, n_seeds, one_seed))


def many_agreements(n_seeds: int, cache_file: Path) -> pd.DataFrame:
    """The agreement of raters in those studies, which takes much longer."""
    return pd.concat(extend(cache_file, n_seeds, agreement_of), ignore_index=True)
