"""The mixed-model engine against lme4, lmerTest, pbkrtest and the Rust package glmm in the same run.

``python tests/benchmarks/bench_mixed.py [--rounds 5] [--skip insteval,20000x20]``. Synthetic data, except InstEval.
Each round times R and us one after the other; the table has the median of the ratios within rounds. CPU seconds of one
thread on both sides (elapsed time means little on a shared machine). Without R the peer is statsmodels, for
the single models of up to 2,000 groups; glmm (PyPI, no dependency of ours) is timed where it is installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from doublecode.analysis.mixed import fit_many, fit_mixed  # noqa: E402
from doublecode.analysis.mixed.intervals import profile_function  # noqa: E402

HERE = Path(__file__).parent
SLOPES = "y ~ within + time + between + (time | patient)"
NESTED = {
    "nested": "y ~ x + (1 | patient / session)",
    "nested_slopes": "y ~ x + (x | patient) + (1 | patient:session)",
    "nested_therapists": "y ~ x + (1 | therapist / patient / session)",
    "nested_20000": "y ~ x + (1 | patient / session)",
}
FORMULAS = {
    "22x9": SLOPES, "2000x20": SLOPES, "20000x20": SLOPES, "crossed": "y ~ 1 + (1 | target) + (1 | rater)",
    "large_crossed": "y ~ x + (1 | a) + (1 | b)", "nested": NESTED["nested"],
    "insteval": "y ~ 1 + service + (1 | s) + (1 | d) + (1 | dept:service)",
}  # fmt: skip
# demand and goal of performance.md, as multiples of the peer's speed
DEMANDS = {
    "large_crossed": (1, 5),
    "22x9": (5, 10), "2000x20": (10, 25), "20000x20": (10, 25), "crossed": (1, 5), "crossed_profile": (0.1, 0.1),
    "nested": (1, 5), "nested_slopes": (1, 5), "nested_therapists": (1, 5), "nested_20000": (1, 5),
    "insteval": (0.5, 2), "refits": (30, 100), "refits_satterthwaite": (80, 160), "refits_kenward_roger": (200, 400),
}  # fmt: skip


def growth_data(groups: int, sessions: int, seed: int = 1) -> pd.DataFrame:
    """Unbalanced sets with random intercept and slope."""
    rng = np.random.default_rng(seed)
    patient, session = np.divmod(np.arange(groups * sessions), sessions)
    keep = (rng.random(len(patient)) < 0.85) | (session == 0)
    data = pd.DataFrame(
        {"patient": patient, "time": session - (sessions - 1) / 2.0, "within": rng.normal(size=len(patient))}
    )
    data["between"] = rng.normal(size=groups)[patient]
    u = rng.normal(size=(groups, 2)) * [0.6, 0.15]
    data["y"] = 4 + 0.3 * data.within + u[patient, 0] + u[patient, 1] * data.time + 0.8 * rng.normal(size=len(data))
    return data[keep].reset_index(drop=True)


def crossed_data(targets: int = 800, raters: int = 5, seed: int = 2) -> pd.DataFrame:
    """Forty per cent of the targets double-coded, the others once."""
    rng = np.random.default_rng(seed)
    rows = [(t, r) for t in range(targets) for r in rng.permutation(raters)[: 2 if rng.random() < 0.4 else 1]]
    data = pd.DataFrame(rows, columns=["target", "rater"])
    y = (
        rng.normal(size=targets)[data.target]
        + 0.5 * rng.normal(size=raters)[data.rater]
        + 0.8 * rng.normal(size=len(data))
    )
    return data.assign(y=y)


def large_crossed_data(rows: int = 40_000, first: int = 2000, second: int = 800, seed: int = 3) -> pd.DataFrame:
    """Two crossed factors, few of their cells filled."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"a": rng.integers(0, first, rows), "b": rng.integers(0, second, rows)})
    data["x"] = rng.normal(size=rows)
    effects = rng.normal(size=first)[data.a] + 0.5 * rng.normal(size=second)[data.b]
    return data.assign(y=0.3 * data.x + effects + rng.normal(size=rows))


def nested_data(patients: int, sessions: int, ratings: int, seed: int = 3) -> pd.DataFrame:
    """Ratings in sessions in patients, twenty patients a therapist, a tenth of the ratings missing."""
    rng = np.random.default_rng(seed)
    patient, session, _ = (a.ravel() for a in np.indices((patients, sessions, ratings)))
    data = pd.DataFrame({"therapist": patient // 20, "patient": patient, "session": session})
    data["x"] = rng.normal(size=len(data))
    u = rng.normal(size=(patients, 2)) * [1.0, 0.2]
    data["y"] = (
        1 + 0.3 * data.x + u[patient, 0] + u[patient, 1] * data.x + 0.4 * rng.normal(size=patients)[data.therapist]
        + 0.7 * rng.normal(size=(patients, sessions))[patient, session] + rng.normal(size=len(data))
    )  # fmt: skip
    return data[rng.random(len(data)) < 0.9].reset_index(drop=True)


def cpu(call: Callable[[], object], times: int = 1) -> float:
    """CPU seconds per call."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def our_tasks(
    data: dict[str, pd.DataFrame], Y: np.ndarray, logliks: dict[str, float]
) -> dict[str, Callable[[], float]]:
    """Name → a function that returns CPU seconds per fit; nested fits leave their log-likelihood."""

    def single(name: str, formula: str, times: int = 1) -> float:
        if times > 1:
            fit_mixed(formula, data[name], ddf="z")  # imports are not the fit
        return cpu(lambda: fit_mixed(formula, data[name], ddf="z").loglik, times)

    def nested(name: str) -> float:
        began = time.process_time()
        logliks[name] = fit_mixed(NESTED[name], data[name], ddf="z").loglik
        return time.process_time() - began

    def many(ddf: str | None) -> float:
        return cpu(lambda: fit_many(SLOPES, data["22x9"], Y, ddf=ddf)) / Y.shape[1]  # type: ignore[arg-type]

    def profile() -> float:
        fit = fit_mixed(FORMULAS["crossed"], data["crossed"], ddf="z")
        return cpu(
            lambda: profile_function(
                fit, lambda V, s2: V[0][:, 0, 0] / (V[0][:, 0, 0] + V[1][:, 0, 0] + s2), low=0.0, high=1.0
            )
        )

    return {
        "22x9": lambda: single("22x9", SLOPES, 20), "2000x20": lambda: single("2000x20", SLOPES),
        "20000x20": lambda: single("20000x20", SLOPES),
        "crossed": lambda: single("crossed", FORMULAS["crossed"], 5), "crossed_profile": profile,
        "large_crossed": lambda: single("large_crossed", FORMULAS["large_crossed"]),
        **{name: partial(nested, name) for name in NESTED},
        "insteval": lambda: single("insteval", FORMULAS["insteval"]),
        "refits": lambda: many(None), "refits_satterthwaite": lambda: many("satterthwaite"),
        "refits_kenward_roger": lambda: many("kenward-roger"),
    }  # fmt: skip


def r_times(folder: str, tasks: list[str]) -> dict[str, float]:
    """Seconds per fit that R measured."""
    command = ["Rscript", str(HERE / "bench_mixed.R"), folder, *tasks]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = {name: float(value) for name, value in (line.split() for line in lines)}
    return found | ({"crossed_profile": found["crossed"]} if "crossed" in found else {})


def glmm_times(data: dict[str, pd.DataFrame], tasks: Iterable[str]) -> dict[str, float]:
    """Seconds per fit of the Rust package glmm; empty where it is not installed. It has no fits in batches."""
    try:
        import glmm
    except ImportError:
        return {}
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in tasks:
            if name in FORMULAS:
                found[name] = cpu(partial(glmm.fit, data[name], FORMULAS[name]), 20 if name == "22x9" else 1)
    return found | ({"refits": found["22x9"]} if "22x9" in found else {})


def statsmodels_times(data: dict[str, pd.DataFrame]) -> dict[str, float]:
    """The peer where R is absent."""
    import statsmodels.formula.api as smf

    def one(name: str) -> float:
        model = smf.mixedlm("y ~ within + time + between", data[name], groups="patient", re_formula="~time")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cpu(model.fit)

    return {name: one(name) for name in ("22x9", "2000x20") if name in data}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sets", type=int, default=10_000)
    parser.add_argument("--skip", default="")
    options = parser.parse_args()
    skip = set(options.skip.split(","))
    data = {"22x9": growth_data(22, 9), "2000x20": growth_data(2000, 20), "20000x20": growth_data(20_000, 20)}
    data |= {"crossed": crossed_data(), "nested": nested_data(1000, 10, 3), "nested_20000": nested_data(20_000, 5, 2)}
    data |= {"nested_slopes": data["nested"], "nested_therapists": data["nested"]}
    data["insteval"] = pd.read_csv(HERE.parent / "reference" / "InstEval.csv.xz", dtype={"dept": str}).astype(
        {"service": "category"}
    )
    data["large_crossed"] = large_crossed_data()
    base = data["22x9"]
    rng = np.random.default_rng(9)
    u = rng.normal(size=(22, options.sets, 2)) * [0.6, 0.15]
    who = base["patient"].to_numpy()
    Y = u[who, :, 0] + u[who, :, 1] * base[["time"]].to_numpy() + 0.8 * rng.normal(size=(len(base), options.sets))
    has_r = shutil.which("Rscript") is not None
    logliks: dict[str, float] = {}
    ours = {name: task for name, task in our_tasks(data, Y, logliks).items() if name not in skip}
    above: dict[str, float] = {}
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in ours}
    rust: dict[str, list[tuple[float, float]]] = {name: [] for name in ours}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("22x9", "2000x20", "20000x20", "crossed", "large_crossed", *NESTED):
            data[name].to_csv(Path(folder) / f"{name}.csv", index=False)
        pd.DataFrame(Y[:, :100]).to_csv(Path(folder) / "responses.csv", index=False)
        for _ in range(options.rounds):
            wanted = [n for n in ours if not n.startswith(("refits_", "crossed_"))]
            peer = r_times(folder, wanted) if has_r else statsmodels_times(data)
            other = glmm_times(data, ours)
            for name, task in ours.items():
                seconds = task()
                if name in other:
                    rust[name].append((other[name], seconds))
                if name in peer:
                    rows[name].append((peer[name], seconds))
                if f"{name}_loglik" in peer:
                    above[name] = logliks[name] - peer[f"{name}_loglik"]
    peers = "lme4, lmerTest, pbkrtest" if has_r else "statsmodels"
    load = os.getloadavg()[0]
    print(f"peer: {peers}; {options.rounds} rounds, CPU ms per fit, medians, one thread; load average {load:.1f}")
    for name, pairs in rows.items():
        if not pairs:
            continue
        them, us = (np.median([p[i] for p in pairs]) * 1e3 for i in (0, 1))
        ratio = float(np.median([a / b for a, b in pairs]))
        demand, goal = DEMANDS[name]
        verdict = "goal" if ratio >= goal else "demand" if ratio >= demand else "BELOW"
        times = f"{name:22s} peer {them:10.3f}  ours {us:10.3f}  ratio {ratio:8.2f}"
        print(f"{times}  demand {demand:g}  goal {goal:g}  {verdict}")
    for name, pairs in rust.items():
        if pairs:
            them, us = (np.median([p[i] for p in pairs]) * 1e3 for i in (0, 1))
            ratio = float(np.median([a / b for a, b in pairs]))
            print(f"{name:22s} glmm {them:10.3f}  ours {us:10.3f}  ratio {ratio:8.2f}")
    for name, difference in above.items():
        print(f"{name:22s} our log-likelihood is the peer's {difference:+.1e}")


if __name__ == "__main__":
    main()
