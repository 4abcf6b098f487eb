"""The synthetic adolescent study as frames, for any seed and any number of adolescents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.data_examples.adolescent_model import (
    BEHAVIORS,
    PANEL,
    UNCLEAR_2,
    UNCLEAR_3,
    AdolescentPlan,
    AdolescentTruth,
    draw_adolescents,
)
from doublecode.data_examples.adolescent_people import adolescents_table, held_sessions, therapists_table
from doublecode.data_examples.adolescent_ratings import (
    RESISTANCE_ITEMS,
    Rated,
    RaterPlan,
    code_adherence,
    code_behavior,
    code_resistance,
    code_seconds,
)
from doublecode.data_examples.pair_rotation import rotating_pairs
from doublecode.data_examples.streams import blind_ids
from doublecode.data_examples.telephone_study import RATING_COLUMNS

SEED = 1081  # chosen by rule: see printed_values.py and tests/simulations/recovery_adolescent.txt
STUDY = "adolescent_cbt"
# instrument: raters, sessions in which it is rated, how many of a panel's ratings are double
RATER_SETS = {
    "thabs": (("C1", "C2", "C3"), (1, 2), 19),
    "homework_adherence": (("H1", "H2", "H3"), (2, 3), 25),
    "initial_resistance": (("V1", "V2", "V3"), (1,), 12),
}


@dataclass(frozen=True)
class AdolescentStudy:
    """Everything a study folder is made of; `ratings` as a reader of the workbooks finds them."""

    seed: int
    truth: AdolescentTruth
    sessions: pd.DataFrame
    patients: pd.DataFrame
    therapists: pd.DataFrame
    assignments: pd.DataFrame
    ratings: pd.DataFrame


def adolescent_study(
    seed: int = SEED, n: int = PANEL, *, plan: AdolescentPlan | None = None, raters: RaterPlan | None = None
) -> AdolescentStudy:
    """Draw one synthetic study (or, with more than 50 adolescents, several side by side)."""
    plan = plan or AdolescentPlan()
    truth = draw_adolescents(seed, n, plan)
    sessions = held_sessions(seed, truth, np.array(blind_ids(seed, 3 * n)))
    person = np.repeat(np.arange(n), sessions.groupby("patient", sort=False).size().to_numpy())
    assignments = pd.concat(
        [_assignments(seed, name, sessions, truth, person) for name in RATER_SETS], ignore_index=True
    )
    return AdolescentStudy(
        seed,
        truth,
        sessions,
        adolescents_table(seed, truth),
        therapists_table(seed, n),
        assignments,
        _ratings(Source(seed, truth, plan, raters or RaterPlan()), sessions, person, assignments),
    )


def rater_names(instrument: str, panel: int) -> list[str]:
    """Raters of one construct in one panel: C1–C3, and in further panels C1.2–C3.2 and so on."""
    return [name + (f".{panel + 1}" if panel else "") for name in RATER_SETS[instrument][0]]


def _unclear(truth: AdolescentTruth, person: NDArray[np.int64], session: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Sessions whose tape says too little about the homework."""
    place = truth.place[person]
    unclear: NDArray[np.bool_] = ((session == 2) & np.isin(place, UNCLEAR_2)) | (
        (session == 3) & np.isin(place, UNCLEAR_3)
    )
    return unclear


def _assignments(
    seed: int, instrument: str, sessions: pd.DataFrame, truth: AdolescentTruth, person: NDArray[np.int64]
) -> pd.DataFrame:
    """Rotating pairs of the instrument's own raters; unclear tapes go to one rater, who finds that out."""
    _, numbers, double = RATER_SETS[instrument]
    number = sessions["session"].to_numpy()
    here = np.isin(number, numbers) & (sessions["status"] == "held").to_numpy()
    unclear = _unclear(truth, person, number) & here & (instrument == "homework_adherence")
    parts = []
    for panel in range(int(truth.panel.max()) + 1):
        of_panel = truth.panel[person] == panel
        clear = sessions[here & ~unclear & of_panel]
        raters = rater_names(instrument, panel)
        share = min(1.0, round(double * truth.panel.tolist().count(panel) / PANEL) / len(clear))
        drawn = rotating_pairs(clear, raters, instrument=instrument, share=share, stages=(1, 2), seed=seed)
        ids = sessions.loc[unclear & of_panel, "session_id"]
        extra = pd.DataFrame(
            {"session_id": ids, "rater": [raters[i % len(raters)] for i in range(len(ids))],
             "instrument": instrument, "role": "primary", "batch": "batch01"}
        )  # fmt: skip
        parts += [drawn, extra]
    return pd.concat(parts, ignore_index=True)


def _ratings(
    source: Source,
    sessions: pd.DataFrame,
    person: NDArray[np.int64],
    assignments: pd.DataFrame,
) -> pd.DataFrame:
    panels = range(int(source.truth.panel.max()) + 1)
    parts = []
    for instrument in RATER_SETS:
        own = assignments[assignments["instrument"] == instrument].reset_index(drop=True)
        row = pd.Index(sessions["session_id"]).get_indexer(pd.Index(own["session_id"]))
        everyone = pd.Index([name for panel in panels for name in rater_names(instrument, panel)])
        number = sessions["session"].to_numpy()[row]
        rated = Rated(person[row], number, everyone.get_indexer(pd.Index(own["rater"])))
        names, values, codes = CODERS[instrument](source, rated)
        parts.append(_long(_head(sessions, own, row), instrument, names, values, codes))
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class Source:
    """What codes are drawn from."""

    seed: int
    truth: AdolescentTruth
    plan: AdolescentPlan
    raters: RaterPlan


Coded = tuple[Sequence[str], NDArray[np.float64], NDArray[np.object_]]


def _code_thabs(source: Source, rated: Rated) -> Coded:
    seed, truth, plan = source.seed, source.truth, source.plan
    first = (rated.session == 1)[:, None]
    levels = np.where(first, truth.behaviors1[rated.person], truth.behaviors2[rated.person])
    values = np.column_stack(
        [
            code_seconds(seed, levels[:, j], rated, source.raters)
            if name == "time_assigning"
            else code_behavior(seed, name, levels[:, j], rated, source.raters)
            for j, name in enumerate(BEHAVIORS)
        ]
    )
    nothing_done = truth.adherence2[rated.person] < plan.praise_possible
    values[nothing_done, BEHAVIORS.index("praise")] = np.nan
    return BEHAVIORS, values, _missing_codes(values, "NA")


def _missing_codes(values: NDArray[np.float64], code: str) -> NDArray[np.object_]:
    codes = np.full(values.shape, None, dtype=object)
    codes[np.isnan(values)] = code
    return codes


def _code_adherence(source: Source, rated: Rated) -> Coded:
    seed, truth = source.seed, source.truth
    second = rated.session == 2
    level = np.where(second, truth.adherence2[rated.person], truth.adherence3[rated.person])
    values = code_adherence(seed, level, rated, source.raters)
    values[_unclear(truth, rated.person, rated.session)] = np.nan
    return ("adherence",), values[:, None], _missing_codes(values[:, None], "IN")


def _code_resistance(source: Source, rated: Rated) -> Coded:
    seed, truth = source.seed, source.truth
    values = code_resistance(seed, truth.resistance[rated.person], rated.person, source.raters)
    return RESISTANCE_ITEMS, values, _missing_codes(values, "IN")


CODERS = {"thabs": _code_thabs, "homework_adherence": _code_adherence, "initial_resistance": _code_resistance}


def _head(sessions: pd.DataFrame, own: pd.DataFrame, row: NDArray[np.int64]) -> pd.DataFrame:
    held = sessions.iloc[row].reset_index(drop=True)
    return pd.DataFrame(
        {"study": STUDY, "patient": held["patient"], "therapist": held["therapist"], "session": held["session"],
         "session_id": held["session_id"], "rater": own["rater"], "role": own["role"], "phase": held["phase"]}
    )  # fmt: skip


def _long(
    head: pd.DataFrame, instrument: str, names: Sequence[str], values: NDArray[np.float64], codes: NDArray[np.object_]
) -> pd.DataFrame:
    repeated = head.loc[head.index.repeat(len(names))].reset_index(drop=True)
    return repeated.assign(
        instrument=instrument, item=list(names) * len(head), value=values.ravel(), text=None,
        missing_code=codes.ravel(), source_file="synthetic", source_sheet="synthetic", source_cell="synthetic",
    )[list(RATING_COLUMNS)]  # fmt: skip
