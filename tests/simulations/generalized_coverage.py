"""Coverage of limits of fixed effects in logistic mixed models: 2,000 sets of 22 patients × 9 sessions.

``python generalized_coverage.py > generalized_coverage.txt``; seeds fixed beforehand. Done or not with a predictor that
differs within patients and one that differs between them, intercept SD 1.2, 15 quadrature points, nominal .95.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from doublecode.analysis import fit_generalized
from doublecode.schemas.errors import NotEstimable

PATIENTS, ROWS = 22, 9
TRUE = {"Intercept": 0.3, "within": 0.6, "between": 0.5}
SD = 1.2


def draw(number: int) -> pd.DataFrame:
    rng = np.random.default_rng([20261128, 19, number])
    data = pd.DataFrame({"patient": np.repeat(np.arange(PATIENTS), ROWS)})
    data["within"] = rng.normal(size=len(data))
    data["between"] = rng.normal(size=PATIENTS)[data["patient"]]
    eta = TRUE["Intercept"] + TRUE["within"] * data["within"] + TRUE["between"] * data["between"]
    eta += SD * rng.normal(size=PATIENTS)[data["patient"]]
    data["done"] = (rng.uniform(size=len(data)) < 1 / (1 + np.exp(-eta))).astype(int)
    return data


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    hits = {method: np.zeros(3) for method in ("profile", "wald")}
    variances, refused, states, used = [], 0, {}, 0
    truth = np.array(list(TRUE.values()))
    for number in range(n):
        try:
            fit = fit_generalized("done ~ within + between + (1 | patient)", draw(number), family="binomial")
        except NotEstimable:
            refused += 1
            continue
        used += 1
        states[str(fit.state)] = states.get(str(fit.state), 0) + 1
        variances.append(float(fit.variances["variance"][0]))
        for method, count in hits.items():
            limits = fit.confint(method)
            count += ((limits["conf_low"] <= truth) & (truth <= limits["conf_high"])).to_numpy()
    error = np.sqrt(0.95 * 0.05 / used)
    print(f"{used} of {n} sets fitted ({states}), {refused} refused; simulation error of .95 is {error:.4f}")
    print(f"variance: true {SD**2:.2f}, mean {np.mean(variances):.3f}, median {np.median(variances):.3f}")
    for method, count in hits.items():
        print(f"{method:8s}" + "  ".join(f"{name} {share:.4f}" for name, share in zip(TRUE, count / used, strict=True)))


if __name__ == "__main__":
    main()
