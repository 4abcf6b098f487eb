"""Coverage of limits in generalised mixed models: 2,000 sets each of 22 patients × 9 sessions, nominal .95.

``python generalized_coverage.py > generalized_coverage.txt`` (the name of an outcome runs it alone, a number that many
sets); seeds fixed beforehand. One predictor differs within patients, one between them; 15 quadrature points. Outcomes:
done or not, counts, and ratings of 0 to 4. Limits of fixed effects and of the standard deviation between patients by
profile likelihood and Wald's (a variance of zero has none and counts as missed); thresholds by Wald's.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from doublecode.analysis import fit_generalized
from doublecode.schemas.errors import NotEstimable

PATIENTS, ROWS = 22, 9
OUTCOMES = {
    "binary": ("binomial", {"Intercept": 0.3, "within": 0.6, "between": 0.5}, 1.2),
    "count": ("poisson", {"Intercept": 0.5, "within": 0.25, "between": 0.3}, 0.6),
    "ordinal": ("ordinal", {"within": 0.6, "between": 0.5}, 1.2),
}
"""Family, true fixed effects, true standard deviation between patients."""
THRESHOLDS = {"0|1": -2.0, "1|2": -0.7, "2|3": 0.5, "3|4": 2.0}


def draw(outcome: str, number: int) -> pd.DataFrame:
    """One set; the binary ones are those of the first run of this script."""
    seed = [20261128, 19, number] if outcome == "binary" else [20261128, 19, number, list(OUTCOMES).index(outcome)]
    rng = np.random.default_rng(seed)
    _, true, sd = OUTCOMES[outcome]
    data = pd.DataFrame({"patient": np.repeat(np.arange(PATIENTS), ROWS)})
    data["within"] = rng.normal(size=len(data))
    data["between"] = rng.normal(size=PATIENTS)[data["patient"]]
    eta = true.get("Intercept", 0.0) + true["within"] * data["within"] + true["between"] * data["between"]
    eta = (eta + sd * rng.normal(size=PATIENTS)[data["patient"]]).to_numpy()
    if outcome == "binary":
        data["y"] = (rng.uniform(size=len(data)) < 1 / (1 + np.exp(-eta))).astype(int)
    elif outcome == "count":
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
    parts = [fit.confint("profile", parameters=which) for which in ("fixed", "variances")]
    for limits in (*parts, fit.confint("wald")):
        names = np.where(limits["parameter"] == "sd", "sd", limits["term"])
        for name, one in zip(names, limits.itertuples(), strict=True):
            found[one.method, name] = one.conf_low <= truth[name] <= one.conf_high
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
