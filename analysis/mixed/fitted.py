"""What intervals and influence ask of a fitted model, and its result answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.bare_fit import Fit
from doublecode.analysis.mixed.inference import Method
from doublecode.analysis.mixed.residuals.whitening import Whitening

Floats = npt.NDArray[np.float64]


class FittedModel(Protocol):
    """A fitted linear mixed model, as the modules below its result see it."""

    @property
    def spec(self) -> Mapping[str, Any]:
        """The question: formula, conf_level and every other argument."""

    @property
    def model(self) -> Design:
        """What was fitted: y, X, random terms, rows."""

    @property
    def fit(self) -> Fit:
        """The bare fit, of the whitened design where there is a residual structure."""

    @property
    def whitening(self) -> Whitening | None:
        """Residual structure."""

    @property
    def ddf(self) -> Method:
        """Method of the tests of fixed effects."""

    @property
    def beta(self) -> Floats:
        """(p,) estimates of the fixed effects."""

    @property
    def fixed(self) -> pd.DataFrame:
        """Table of the fixed effects."""

    @property
    def sigma(self) -> float:
        """Residual standard deviation."""

    def residual_parameters(self, conf_level: float | None = None) -> pd.DataFrame:
        """Parameters of the residual structure with Wald limits: term, level, estimate, conf_low, conf_high."""

    def simulate(self, n: int = 1, *, seed: int = 0) -> Floats:
        """Draw outcomes from the model, (rows in use, n)."""
