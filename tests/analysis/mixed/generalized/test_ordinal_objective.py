"""The plain objective gives the log-likelihoods of R's clmm at clmm's estimates."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import linalg

from doublecode.analysis.mixed.generalized.cumulative_rows import OrdinalRows
from doublecode.analysis.mixed.generalized.thresholds import Thresholds

HERE = Path(__file__).parent
PLAIN = runpy.run_path(str(HERE / "ordinal_objective.py"))
CUMULATIVE = runpy.run_path(str(HERE / "test_cumulative.py"))
MODELS = [(name, i) for name, models in CUMULATIVE["reference"]()["mixed"].items() for i in range(len(models))]


def at_reference(name, i):
    """Rows, ψ, fixed part, Z and covariance at clmm's estimates."""
    wanted, d = CUMULATIVE["reference"]()["mixed"][name][i], CUMULATIVE["reference_sets"]()[name]
    category = pd.factorize(d.y, sort=True)[0].astype(np.int64)
    thresholds = Thresholds(int(category.max()) + 1, wanted["threshold"])
    k, estimate = thresholds.size, np.array(wanted["estimate"])
    plain = estimate[:k]
    psi = np.array([plain[0], np.log(plain[1])]) if thresholds.kind == "equidistant" else thresholds.internal(plain)
    columns = {n: d[n].to_numpy(float) for n in ("x", "w")}
    columns |= {f"h{level}": (d.h == level).to_numpy(float) for level in set(d.h)}
    eta = sum(b * columns[n] for n, b in zip(wanted["names"][k:], estimate[k:], strict=True))
    parts, covariances = [], []
    slope = "(1 + x | g)" in wanted["formula"]
    for position, (group, V) in enumerate(wanted["covariance"].items()):
        codes = pd.factorize(d[group.split(".")[0]], sort=True)[0]
        V = np.array(V, dtype=float).reshape(len(V), -1) if slope else np.array(V, dtype=float).reshape(1, 1)
        Zc = (
            np.column_stack([np.ones(len(d)), d.x])
            if slope
            else d[["x"]].to_numpy()
            if "(0 + x" in wanted["formula"] and position
            else None
        )
        parts.append(PLAIN["dense"](codes, Zc))
        covariances.append(np.kron(np.eye(codes.max() + 1), V))
    rows = OrdinalRows(category, thresholds, wanted["link"])
    return wanted, (rows, psi, eta, np.hstack(parts), linalg.block_diag(*covariances), wanted["nAGQ"])


@pytest.mark.parametrize(("name", "i"), MODELS)
def test_the_log_likelihood_is_clmms(name, i) -> None:
    wanted, arguments = at_reference(name, i)
    # clmm's inner search stops at a gradient of 1e-9, which Laplace's determinant sees at about 1e-8
    assert -PLAIN["minus_loglik"](*arguments) == pytest.approx(wanted["logLik"], abs=1e-6)
