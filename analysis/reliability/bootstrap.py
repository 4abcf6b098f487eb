"""Bootstrap of ICCs over targets: raters stay as they are, so it speaks of these raters only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import RatingData, RatingSets
from doublecode.analysis.reliability.anova import MeanSquares, point_estimates
from doublecode.analysis.reliability.forms import Form, requested, spearman_brown
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, bounded_estimate, column
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class BootstrapResult(Answer):
    """Percentile intervals over resampled targets, labelled *raters fixed*.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        Per set and form: ``form, shrout_fleiss, k, estimate, std_error, conf_low, conf_high, n_undefined, method``.
    draws : ndarray, shape (n_draws, n_sets, n_forms)
    design : dict
    notes : tuple of Note
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    draws: Floats
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("form",)

    def tables(self) -> tuple[Table, ...]:
        """Estimates with percentile limits."""
        columns = (
            *(column(name, kind="text") for name in self.spec["by"]), column("form"), column("shrout_fleiss"),
            column("k", kind="count"), column("estimate", "ICC", kind="bounded"),
            column("std_error", kind="bounded"), *bounded_estimate("ICC", self.spec["conf_level"])[1:],
        )  # fmt: skip
        return (Table("icc_bootstrap", "Bootstrap over targets, raters fixed", self.frame, columns),)

    def counted(self) -> str:
        """Count resamples and sets."""
        sets = f" of {self.design['n_sets']} sets" if self.design["n_sets"] > 1 else ""
        return f"{self.design['n_draws']} resamples{sets} (seed {self.spec['seed']})"


def bootstrapped(read: RatingData, question: Mapping[str, Any], *, draws: int = 2000, seed: int = 0) -> BootstrapResult:
    """Bootstrap the six ICCs of complete designs over targets (raters fixed).

    Parameters
    ----------
    read : RatingData
        Complete: every rater rated every target of a set. Sets share the resampled targets where their layouts agree.
    question : mapping
        ``spec`` of the ICC: ``targets, raters, ratings, by, conf_level``.
    draws : int
        Resamples, at least 100.
    seed : int

    Raises
    ------
    NotEstimable
        A set is not complete.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from doublecode.analysis import icc
    >>> rng = np.random.default_rng(0)
    >>> rows = [(s, r, s % 5 + rng.normal()) for s in range(20) for r in "AB"]
    >>> long = pd.DataFrame(rows, columns=["session", "rater", "y"])
    >>> found = icc(long, targets="session", raters="rater", ratings="y").bootstrap(draws=200)
    >>> found.notes[0].kind
    'bootstrap_raters_fixed'
    """
    if draws < 100:
        raise UsageError(f"bootstrap: draws is {draws}; at least 100, usually 2000.")
    rng = np.random.default_rng(seed)
    parts, forms = np.empty((draws, read.n_sets, 6)), np.empty((read.n_sets, 6), dtype=object)
    estimates = np.empty((read.n_sets, 6))
    for group in read.groups:
        layout = group.layout
        if not layout.complete or not layout.known_raters or layout.n_targets < 2 or layout.n_raters < 2:
            raise NotEstimable(
                "bootstrap: a set is not complete (every rater on every target, two of each at least); use the limits "
                "of icc(), whose profile-likelihood interval holds for incomplete designs."
            )
        parts[:, group.index], estimates[group.index], own = _resample(group, draws, rng)
        forms[group.index] = own
    conf_level = question["conf_level"]
    frame = _frame(read.keys, read.by, forms, estimates, parts, conf_level)
    asked = {name: question[name] for name in ("targets", "raters", "ratings", "by")}
    spec = {**asked, "draws": draws, "conf_level": conf_level, "seed": seed}
    design = {"n_sets": read.n_sets, "n_draws": draws}
    return BootstrapResult(spec, frame, parts, design, (Note("bootstrap_raters_fixed"),), read.rows)


def _resample(group: RatingSets, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats, list[Form]]:
    """Draws (n_draws, n_sets, 6) and estimates (n_sets, 6) of the sets of one complete layout."""
    n, k = group.layout.n_targets, group.layout.n_raters
    tables = group.values.reshape(-1, n, k)
    tables = tables - tables.mean(axis=(1, 2), keepdims=True)
    weights = np.concatenate([np.ones((1, n)), rng.multinomial(n, np.full(n, 1.0 / n), size=draws)])
    rows = tables.sum(axis=2)
    features = np.concatenate([rows[:, :, None] ** 2, (tables**2).sum(axis=2, keepdims=True), tables], axis=2)
    sums = (weights @ features.transpose(1, 0, 2).reshape(n, -1)).reshape(len(weights), len(tables), k + 2)
    ms = _mean_squares(sums, n, k)
    forms, columns = [], []
    found = point_estimates(ms).items()
    for entry in requested((1, "eff"), float(k), "k"):
        for name, single in found:
            forms.append(Form(name, *entry))
            columns.append(single if entry[0] == 1.0 else spearman_brown(single, entry[0]))
    values = np.stack(columns, axis=2)
    return values[1:], values[0], forms


def _mean_squares(sums: Floats, n: int, k: int) -> MeanSquares:
    """Mean squares from weighted sums (…, k + 2): squared row sums, squares, column sums."""
    columns = sums[..., 2:]
    mean = columns.sum(axis=-1) ** 2 / (n * k)
    between = sums[..., 0] / k - mean
    raters = (columns**2).sum(axis=-1) / n - mean
    total = sums[..., 1] - mean
    error = np.maximum(total - between - raters, 0.0)
    return MeanSquares(
        n=n,
        k=k,
        targets=np.maximum(between, 0.0) / (n - 1),
        within=np.maximum(total - between, 0.0) / (n * (k - 1)),
        raters=np.maximum(raters, 0.0) / (k - 1),
        error=error / ((n - 1) * (k - 1)),
    )


def _frame(
    keys: Sequence[tuple[Any, ...]],
    names: tuple[str, ...],
    forms: NDArray[np.object_],
    estimates: Floats,
    parts: Floats,
    conf_level: float,
) -> pd.DataFrame:
    alpha = 1.0 - conf_level
    lost = np.isnan(parts).sum(axis=0)
    if lost.any():
        low, high = np.nanquantile(parts, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0)
        error = np.nanstd(parts, axis=0, ddof=1)
    else:
        low, high = np.quantile(parts, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0)
        error = parts.std(axis=0, ddof=1)
    n_forms = forms.shape[1]
    table: dict[str, Any] = {
        name: np.repeat(np.array([key[i] for key in keys], dtype=object), n_forms) for i, name in enumerate(names)
    }
    table |= {
        "form": [form.name for form in forms.ravel()],
        "shrout_fleiss": [form.shrout_fleiss for form in forms.ravel()],
        "k": [form.k for form in forms.ravel()],
        "estimate": estimates.ravel(),
        "std_error": error.ravel(),
        "conf_low": low.ravel(),
        "conf_high": high.ravel(),
        "n_undefined": lost.ravel(),
        "method": "percentile bootstrap over targets, raters fixed",
    }
    return pd.DataFrame(table)
