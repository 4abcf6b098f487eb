"""Coverage of limits in generalised mixed models: 2,000 sets each of 22 patients × 9 sessions, nominal .95.

``python generalized_coverage.py > generalized_coverage.txt`` (the name of an outcome runs it alone, a number that
many sets); seeds fixed beforehand. One predictor differs within patients, one between them; 15 quadrature points.
Outcomes: done or not, counts, ratings of 0 to 4, and done or not of 10 patients. Limits of fixed effects and of the
standard deviation between patients by profile likelihood and Wald's (a variance of zero has none and counts as
missed); thresholds by Wald's. Profile limits hold the truth where the profile at the truth lies within the quantile:
that is computed, and in the first 20 sets the limits themselves are held against it.

The printed `few` are the first 1,000 sets.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy.special import ndtri

from doublecode.analysis import fit_generalized
from doublecode.analysis.mixed.generalized.profiled_parameters import coefficient, standard_deviation
from doublecode.analysis.mixed.generalized.profiles import signed_root
from doublecode.schemas.errors import NotEstimable

ROWS, CHECKED, QUANTILE = 9, 20, float(ndtri(0.975))
OUTCOMES = {
    "binary": ("binomial", {"Intercept": 0.3, "within": 0.6, "between": 0.5}, 1.2),
    "count": ("poisson", {"Intercept": 0.5, "within": 0.25, "between": 0.3}, 0.6),
    "ordinal": ("ordinal", {"within": 0.6, "between": 0.5}, 1.2),
    "few": ("binomial", {"Intercept": 0.3, "within": 0.6, "between": 0.5}, 1.2),
}
"""Family, true fixed effects, true standard deviation between patients; `few` are 10 of them, done or not."""
THRESHOLDS = {"0|1": -2.0, "1|2": -0.7, "2|3": 0.5, "3|4": 2.0}


def draw(outcome: str, number: int) -> pd.DataFrame:
    """One set; the binary ones are those of the first run of this script."""
    seed = [20261128, 19, number] if outcome == "binary" else [20261128, 19, number, list(OUTCOMES).index(outcome)]
    rng = np.random.default_rng(seed)
    family, true, sd = OUTCOMES[outcome]
    patients = 10 if outcome == "few" else 22
    data = pd.DataFrame({"patient": np.repeat(np.arange(patients), ROWS)})
    data["within"] = rng.normal(size=len(data))
    data["between"] = rng.normal(size=patients)[data["patient"]]
    eta = true.get("Intercept", 0.0) + true["within"] * data["within"] + true["between"] * data["between"]
    eta = (eta + sd * rng.normal(size=patients)[data["patient"]]).to_numpy()
    if family == "binomial":
        data["y"] = (rng.uniform(size=len(data)) < 1 / (1 + np.exp(-eta))).astype(int)
    elif family == "poisson":
        data["y"] = rng.poisson(np.exp(eta))
    else:
        data["y"] = np.searchsorted(list(THRESHOLDS.values()), eta + rng.logistic(size=len(data)))
    return data


def one_set(outcome: str, number: int) -> dict[object, object] | None:
    """Whether each limit covers, with the state and the variance of the fit; None where it is refused."""
    family, true, sd = OUTCOMES[outcome]
    truth = true | {"sd": sd} | THRESHOLDS
    try:
        fit = fit_generalized("y ~ within + between + (1 | patient)", draw(outcome, number), family=family)
    except NotEstimable:
        return None
    found: dict[object, object] = {"state": str(fit.state), "variance": float(fit.variances["variance"][0])}
    held = {name: coefficient(fit.fit, j) for j, name in enumerate(fit.model.x_names)}
    held["sd"] = standard_deviation(fit.fit, 0, 0)
    for name, parameter in held.items():
        found["profile", name] = abs(signed_root(parameter, truth[name], fit.fit.end.point.value)) <= QUANTILE
    limits = [fit.confint("wald")]
    if number < CHECKED:  # the limits themselves say the same
        profile = fit.confint("profile")
        limits.append(profile[profile["parameter"] != "threshold"].assign(method="limits"))
    for table in limits:
        names = np.where(table["parameter"] == "sd", "sd", table["term"])
        for name, one in zip(names, table.itertuples(), strict=True):
            found[one.method, name] = one.conf_low <= truth[name] <= one.conf_high
    if any(found[key] != found["profile", key[1]] for key in found if key[0] == "limits"):
        raise RuntimeError(f"{outcome} {number}: limits and the profile at the truth disagree: {found}")
    return found


def show(outcome: str, sets: list[dict[object, object] | None]) -> None:
    table = pd.DataFrame([found for found in sets if found is not None])
    used, states = len(table), table["state"].value_counts().to_dict()
    print(f"{outcome}: {used} of {len(sets)} sets fitted ({states}), {len(sets) - used} refused")
    print(f"  simulation error of .95 is {np.sqrt(0.95 * 0.05 / used):.4f}")
    true, variance = OUTCOMES[outcome][2] ** 2, table["variance"]
    print(f"  variance: true {true:.2f}, mean {variance.mean():.3f}, median {variance.median():.3f}")
    for method in ("profile", "wald"):
        shares = {key[1]: table[key].mean() for key in table if key[0] == method}
        print(f"  {method:8s}" + "  ".join(f"{name} {share:.4f}" for name, share in shares.items()), flush=True)


def main() -> None:
    asked = [word for word in sys.argv[1:] if not word.isdigit()] or list(OUTCOMES)
    n = next((int(word) for word in sys.argv[1:] if word.isdigit()), 2000)
    for outcome in asked:
        show(outcome, [one_set(outcome, number) for number in range(n)])


if __name__ == "__main__":
    main()
