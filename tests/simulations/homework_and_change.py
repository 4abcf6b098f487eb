"""Limits of homework before a sudden gain, and of d between patients, where the truth is planted.

    python tests/simulations/homework_and_change.py [sets]          # 500 by default; writes to standard output

Half of the patients have one sudden gain, at a session drawn at random; nine sessions each. Homework differs between
patients by an SD of 1 and between sessions by an SD of 1; patients with a gain have .8 more of it in every session, and
none or .5 more of it in the session before the gain. Beside ours stands a t test over all sessions, taken as
independent: it finds the difference between patients where there is none within them. Of d, two groups of patients
differ by 0 or .8 SD. Courses are drawn 50 times, homework in every set; seeds are fixed beforehand.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from doublecode.analysis.linking.homework_and_change import homework_before_gains
from doublecode.analysis.linking.mean_differences import cohens_d
from doublecode.analysis.linking.sudden_gain_criteria import SuddenGains, sudden_gains

SEED, SESSIONS, MORE, COURSES = 1118, 9, 0.8, 50
SIZES = (10, 20, 60)


def course(n_patients: int, rng: np.random.Generator) -> tuple[SuddenGains, np.ndarray]:
    """Sudden gains of the first half of the patients, and which of their sessions is before one."""
    outcome = 20.0 + rng.integers(0, 2, size=(n_patients, SESSIONS))
    before = np.zeros((n_patients, SESSIONS), dtype=bool)
    for patient in range(n_patients // 2):
        at = int(rng.integers(1, SESSIONS - 2))  # with two sessions around the step on each side
        outcome[patient, at + 1 :] -= 12
        before[patient, at] = True
    gains = sudden_gains(rows(n_patients).assign(phq9=outcome.ravel()), "phq9", cutoff=7)
    if gains.design["n_gains"] != before.sum():
        raise ValueError("a planted gain was not found, or one that is none")
    return gains, before


def rows(n_patients: int) -> pd.DataFrame:
    """Patients and sessions."""
    names = np.repeat([f"P{n:02}" for n in range(n_patients)], SESSIONS)
    return pd.DataFrame({"patient": names, "session": np.tile(np.arange(1, SESSIONS + 1), n_patients)})


def of_gains(n_patients: int, within: float, n_sets: int) -> dict[str, float]:
    """Mean difference, coverage of its limits, and how often each way rejects no difference."""
    from scipy.stats import ttest_ind

    rng = np.random.default_rng((SEED, n_patients, int(10 * within)))
    courses = [course(n_patients, rng) for _ in range(COURSES)]
    more = MORE * (np.arange(n_patients) < n_patients // 2)[:, None]
    found = []
    for one in range(n_sets):
        gains, before = courses[one % COURSES]
        homework = rng.normal(size=(n_patients, 1)) + more + rng.normal(size=before.shape) + within * before
        data = rows(n_patients).assign(he=homework.ravel())
        row = homework_before_gains(gains, data, ["he"]).frame.iloc[0]
        p = ttest_ind(homework[before], homework[~before]).pvalue
        found.append((float(row["difference"]), float(row["conf_low"]), float(row["conf_high"]), bool(p < 0.05)))
    mean, low, high, rejects = np.array(found).T
    return {
        "mean": mean.mean(), "covered": np.mean((low <= within) & (within <= high)),
        "rejected": np.mean((low > 0) | (high < 0)), "rejected_over_sessions": rejects.mean(),
    }  # fmt: skip


def of_d(n_one: int, n_other: int, truth: float, n_sets: int) -> float:
    """Coverage of the limits of d."""
    rng = np.random.default_rng((SEED, n_one, int(10 * truth)))
    covered = 0
    for _ in range(n_sets):
        found = cohens_d(rng.normal(truth, 1, n_one), rng.normal(0, 1, n_other))
        covered += found["conf_low"] <= truth <= found["conf_high"]
    return covered / n_sets


def main(n_sets: int = 500) -> None:
    print(f"{n_sets} sets, seed {SEED}\n\nHomework before a sudden gain, 95% limits")
    print("patients  planted    mean  coverage  rejects 0  t over sessions rejects 0")
    for n_patients in SIZES:
        for within in (0.0, 0.5):
            found = of_gains(n_patients, within, n_sets)
            print(
                f"{n_patients:>8} {within:>8.1f} {found['mean']:>7.3f} {found['covered']:>9.3f} "
                f"{found['rejected']:>10.3f} {found['rejected_over_sessions']:>26.3f}"
            )
    print("\nd between patients, 95% limits\nimproved  others  planted  coverage")
    for n_one, n_other in ((4, 18), (10, 12), (30, 30)):
        for truth in (0.0, 0.8):
            print(f"{n_one:>8} {n_other:>7} {truth:>8.1f} {of_d(n_one, n_other, truth, n_sets):>9.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
