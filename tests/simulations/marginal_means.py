"""Coverage of marginal means and family-wise error of their contrasts, 22 patients × 9 sessions.

Synthetic data. Run: ``python tests/simulations/marginal_means.py [SETS]`` (2,000 sets by default, some minutes on one
core). The printed answer is kept in ``marginal_means.txt``. Model: ``y ~ phase * arm + he + (session | patient)`` with
three phases (early, middle, late) within patients and two arms between them, 15 % of the sessions missing;
Kenward–Roger df. Means are compared with the truth; under no difference every contrast that is called significant is an
error, and a family errs where one of its three does.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from scipy.stats import studentized_range

from doublecode.analysis import fit_linear, fit_mixed, marginal_means
from doublecode.analysis.mixed.hypotheses import two_sided
from doublecode.analysis.results.multiplicity import adjust_p

PATIENTS, SESSIONS = 22, 9
INTERCEPT_SD, SLOPE_SD, RESIDUAL_SD = 0.6, 0.1, 0.8
PHASES, ARMS = ("early", "middle", "late"), ("cbt", "dyn")
TRUTH = {"early": 4.0, "middle": 3.5, "late": 3.0}
METHODS = ("none", "bonferroni", "holm", "bh", "tukey")


def design(rng: np.random.Generator) -> pd.DataFrame:
    """Patients, sessions, phase, arm and a covariate; every patient has session 1."""
    patient, session = np.divmod(np.arange(PATIENTS * SESSIONS), SESSIONS)
    keep = (rng.random(len(patient)) < 0.85) | (session == 0)
    frame = pd.DataFrame({"patient": patient, "session": session - 4.0, "he": rng.standard_normal(len(patient))})
    frame["phase"] = np.array(PHASES)[session // 3]
    frame["arm"] = np.array(ARMS)[patient % 2]
    return frame[keep].reset_index(drop=True)


def outcome(frame: pd.DataFrame, rng: np.random.Generator, effect: bool) -> np.ndarray:
    """Random intercept and slope, residual; with the means of TRUTH, or 4 in every phase."""
    who = frame["patient"].to_numpy()
    mean = frame["phase"].map(TRUTH).to_numpy() if effect else np.full(len(frame), 4.0)
    random = INTERCEPT_SD * rng.standard_normal(PATIENTS)[who]
    slope = SLOPE_SD * rng.standard_normal(PATIENTS)[who] * frame["session"].to_numpy()
    return mean + 0.3 * frame["he"].to_numpy() + random + slope + RESIDUAL_SD * rng.standard_normal(len(frame))


def inside(frame: pd.DataFrame, truth: np.ndarray, low: str = "conf_low", high: str = "conf_high") -> np.ndarray:
    """Whether the limits hold the truth."""
    return (frame[low].to_numpy() <= truth) & (truth <= frame[high].to_numpy())


def errors(contrasts: pd.DataFrame, k: int) -> dict[str, bool]:
    """Whether any pair of k means is called significant by each adjustment; limits err where these tests do."""
    t, df = contrasts["statistic"].to_numpy(), contrasts["df"].to_numpy()
    raw = two_sided(t, df)
    adjusted = {
        "none": raw,
        "tukey": studentized_range.sf(np.sqrt(2) * np.abs(t), k, df),
    }
    adjusted |= {method: adjust_p(raw, method) for method in ("bonferroni", "holm", "bh")}
    return {method: bool((p < 0.05).any()) for method, p in adjusted.items()}


def main(n_sets: int) -> None:
    """Print coverage and error rates."""
    began = time.time()
    cover = {"mean": [], "difference": [], "all three, Tukey": [], "all three, Bonferroni": []}
    family, arms = dict.fromkeys(METHODS, 0), 0
    plain = dict.fromkeys(METHODS, 0)
    singular = 0
    for number in range(n_sets):
        rng = np.random.default_rng([20261127, number])
        frame = design(rng)
        frame["y"] = outcome(frame, rng, effect=True)
        fit = fit_mixed("y ~ phase * arm + he + (session | patient)", frame)
        singular += fit.singular
        found = marginal_means(fit, "phase", at={"he": 0}, adjust="none")
        means = np.array([TRUTH[phase] for phase in found.frame["phase"]])
        pairs = np.array([TRUTH[a] - TRUTH[b] for a, b in (text.split(" − ") for text in found.contrasts["contrast"])])
        cover["mean"].append(inside(found.frame, means))
        cover["difference"].append(inside(found.contrasts, pairs))
        off = found.contrasts.assign(statistic=lambda d, truth=pairs: (d["estimate"] - truth) / d["std_error"])
        hit = errors(off, len(means))
        cover["all three, Tukey"].append(not hit["tukey"])
        cover["all three, Bonferroni"].append(not hit["bonferroni"])
        frame["y"] = outcome(frame, rng, effect=False)
        null = fit_mixed("y ~ phase * arm + he + (session | patient)", frame)
        for method, error in errors(marginal_means(null, "phase", adjust="none").contrasts, 3).items():
            family[method] += error
        arms += bool((marginal_means(null, "arm", adjust="none").contrasts["p_value"] < 0.05).any())
        first = frame[frame["session"] == -4.0].assign(y=rng.standard_normal(PATIENTS))
        group = fit_linear("y ~ site + he", first.assign(site=np.array(list("abcd"))[np.arange(len(first)) % 4]))
        for method, error in errors(marginal_means(group, "site", adjust="none").contrasts, 4).items():
            plain[method] += error
    error = np.sqrt(0.05 * 0.95 / n_sets)
    print(f"Synthetic data; {n_sets} sets of 22 patients x 9 sessions, 15 % missing; singular {singular / n_sets:.3f}; "
          f"{time.time() - began:.0f} s; Monte-Carlo SE at .05 is {error:.4f}")  # fmt: skip
    print("\nCoverage of nominal .95 (y ~ phase * arm + he + (session | patient), Kenward-Roger)")
    for name, hits in cover.items():
        print(f"  {name:24s}{np.mean(hits):.4f}")
    print(f"\nType I error of the difference of two arms (between patients), nominal .05: {arms / n_sets:.4f}")
    print("\nFamily-wise error of three pairs of phases (mixed) and of six pairs of four sites (22 rows), nominal .05")
    for method in METHODS:
        print(f"  {method:12s}{family[method] / n_sets:8.4f}{plain[method] / n_sets:8.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
