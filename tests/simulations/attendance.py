"""Pattern mixture: is a planted effect of the number of sessions attended found again?

Synthetic data. Run: ``python tests/simulations/attendance.py [SETS]`` (1,000 sets by default, a few minutes on one
core). The printed answer is kept in ``attendance.txt``. Patients come to 4 to 14 sessions; the more they come, the
slower they improve and the weaker the slope of the predictor within them, as planted, or neither. Beside the terms of
attendance stands what the declared model says without them: with the course it mixes patients by their rows.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd

from doublecode.analysis.linking.attendance import Model, attendance_models

SEED, MEAN = 20261129, 9.0
MODEL = Model("y ~ session + x + (1 | patient)", "x_within", split=("x",))


def planted(
    rng: np.random.Generator, n_patients: int, of_time: float, of_slope: float
) -> tuple[pd.DataFrame, dict[int, int]]:
    """One set, and how often each patient came."""
    n = rng.integers(4, 15, size=n_patients)
    patient = np.repeat(np.arange(n_patients), n)
    session = np.concatenate([np.arange(1.0, k + 1) for k in n])
    own, deviation = rng.standard_normal(n_patients), rng.standard_normal(len(patient))
    deviation -= (np.bincount(patient, deviation) / n)[patient]
    more = n[patient] - MEAN
    y = 12 - 0.1 * more + (-0.4 + of_time * more) * session + (-0.75 + of_slope * more) * deviation
    y += -1.0 * own[patient] + 1.5 * rng.standard_normal(n_patients)[patient] + 2 * rng.standard_normal(len(patient))
    return pd.DataFrame({"patient": patient, "session": session, "x": own[patient] + deviation, "y": y}), dict(
        enumerate(n)
    )


def run(n_sets: int, n_patients: int, of_time: float, of_slope: float) -> None:
    """Print bias, coverage and rejections of the terms of attendance and of the finding."""
    began, rows = time.time(), []
    for number in range(n_sets):
        rng = np.random.default_rng([SEED, n_patients, int(1000 * of_time), number])
        data, attended = planted(rng, n_patients, of_time, of_slope)
        found = attendance_models(data, attended, MODEL)
        shift = np.mean(list(attended.values())) - MEAN
        last = found.terms[found.terms["model"] == "predictor"].set_index("role")
        head = found.headline.set_index("model")
        for name, row, truth in (
            ("attendance x time", last.loc["time"], of_time),
            ("attendance x predictor", last.loc["predictor"], of_slope),
            ("slope within, declared", head.loc["declared"], -0.75 + of_slope * shift),
            ("slope within, with attendance", head.loc["predictor"], -0.75 + of_slope * shift),
        ):
            rows.append(
                (name, truth, row["estimate"], row["conf_low"] <= truth <= row["conf_high"], row["p_value"] < 0.05)
            )
    table = pd.DataFrame(rows, columns=["what", "truth", "b", "covered", "rejected"])
    print(f"\n{n_patients} patients, planted: x time {of_time}, x predictor {of_slope}; {n_sets} sets "
          f"({time.time() - began:.0f} s)")  # fmt: skip
    print(f"{'':31s}  truth   mean b     bias  coverage  p < .05")
    for name, part in table.groupby("what", sort=False):
        truth, b = part["truth"].mean(), part["b"].mean()
        print(f"{name:31s} {truth:6.3f} {b:8.4f} {b - truth:8.4f} {part['covered'].mean():9.3f} "
              f"{part['rejected'].mean():8.3f}", flush=True)  # fmt: skip


def main(n_sets: int) -> None:
    """Run every condition."""
    print(f"Synthetic data; seed {SEED}; nominal .95 and .05; Monte-Carlo SE {np.sqrt(0.05 * 0.95 / n_sets):.4f}")
    for n_patients in (60, 22):
        for of_time, of_slope in ((0.05, 0.06), (0.0, 0.0)):
            run(n_sets, n_patients, of_time, of_slope)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
