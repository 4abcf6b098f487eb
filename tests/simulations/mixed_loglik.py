"""Is the log-likelihood ever below another program's, or below the best of ten random starts?

1,000 simulated unbalanced sets of 22 patients × 9 sessions (synthetic; ``tests/reference/mixed_sets.py``), random
intercept and slope, slope SD 0 to .6, correlations −.9 to .8, REML and ML. Peers: lme4 (best of bobyqa, nloptwrap and
Newton steps, stored in ``tests/reference/mixed_sets_loglik.csv.xz``), mixedlm (PyPI, if installed) and our own
minimiser from ten random starts. Run: ``python tests/simulations/mixed_loglik.py``; answer in ``mixed_loglik.txt``.
"""

from __future__ import annotations

import runpy
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.analysis.mixed import fit_many, fit_mixed
from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.engine.moments import make_moments
from doublecode.analysis.mixed.engine.optimise import default_start, minimise

REFERENCE = Path(__file__).parent.parent / "reference"
SETS = runpy.run_path(str(REFERENCE / "mixed_sets.py"))
TOLERANCE = 1e-7


def best_of_random(data: pd.DataFrame, *, reml: bool, seed: int, n: int = 10) -> float:
    """Highest log-likelihood that our minimiser reaches from n random starts."""
    rng = np.random.default_rng(seed)
    moments = make_moments(build_design(SETS["FORMULA"], data))
    base = default_start(moments)
    starts = base * rng.lognormal(0.0, 1.5, (n, len(base))) + (base == 0) * rng.normal(0.0, 1.0, (n, len(base)))
    return float(-0.5 * minimise(moments, starts, np.zeros(n, dtype=np.intp), reml=reml).deviance.min())


def mixedlm_loglik(data: pd.DataFrame, *, reml: bool) -> float:
    """mixedlm's log-likelihood; NaN if it is not installed or fails."""
    try:
        import mixedlm
    except ImportError:
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = mixedlm.lmer(SETS["FORMULA"], data, REML=reml)
    value = fit.logLik()
    return float(getattr(value, "value", value))


def main(n_sets: int = 1000, n_mixedlm: int = 1000) -> None:
    """Print the largest shortfall against every peer."""
    lme4 = pd.read_csv(REFERENCE / "mixed_sets_loglik.csv.xz").head(n_sets)
    rows = []
    began = time.time()
    for i in range(n_sets):
        data = SETS["simulated_set"](i)
        for name, reml in (("REML", True), ("ML", False)):
            fit = fit_mixed(SETS["FORMULA"], data, reml=reml, ddf="z")
            many = fit_many(SETS["FORMULA"], data, data[["y"]].to_numpy(), reml=reml)
            peers = {
                "lme4's best": float(lme4[name.lower()].iloc[i]),
                "lme4's default": float(lme4[name.lower() + "_default"].iloc[i]),
                "ten random starts": best_of_random(data, reml=reml, seed=i),
                "mixedlm": mixedlm_loglik(data, reml=reml) if i < n_mixedlm else float("nan"),
                "fit_many": float(many.loglik[0]),
            }
            gap = {peer: value - fit.loglik for peer, value in peers.items()}
            rows.append({"criterion": name, "converged": fit.converged, "singular": fit.singular, **gap})
    table = pd.DataFrame(rows)
    print(
        f"{n_sets} sets, {time.time() - began:.0f} s; peer minus ours, log-likelihood units (above {TOLERANCE:g} fails)"
    )
    for name, part in table.groupby("criterion"):
        gaps = part.drop(columns=["criterion", "converged", "singular"]).dropna(axis="columns", how="all")
        print(
            f"\n{name}: {int(part['converged'].sum())} of {len(part)} converged, {int(part['singular'].sum())} singular"
        )
        print(
            pd.DataFrame(
                {
                    "compared": gaps.notna().sum(),
                    "largest peer - ours": gaps.max(),
                    "largest ours - peer": (-gaps).max(),
                    f"ours lower by > {TOLERANCE:g}": (gaps > TOLERANCE).sum(),
                    f"peer lower by > {TOLERANCE:g}": (gaps < -TOLERANCE).sum(),
                }
            ).to_string(float_format=lambda v: f"{v:.2e}")
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
