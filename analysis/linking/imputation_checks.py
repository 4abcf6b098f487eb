"""What an imputation is asked of, and whether a joint multilevel model can be drawn for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from doublecode.analysis.mixed.model_rows import refuse_infinite, require_columns
from doublecode.schemas.errors import NotEstimable, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NESTED = (
    "impute: groups is None, and {n} of {rows} rows are of a patient with other rows ({patient!r} has {most}). To "
    "impute them as if each row stood alone takes the patients out of what is drawn: values lose their share between "
    "patients, and slopes within and between patients are mixed (Lüdtke, Robitzsch & Grund 2017). Name the column of "
    "the patients: groups='patient'."
)
_ALONE = (
    "impute: groups is None; this imputes rows that are nested in patients, and needs to know whose they are. Name the "
    "column of the patients: groups='patient'."
)


FEWEST_DRAWS: Final = 20
"""Of each chain after burn-in: fewer say nothing about convergence."""


@dataclass(frozen=True)
class Asked:
    """The arguments of :func:`doublecode.analysis.impute`."""

    variables: tuple[str, ...]
    groups: str | None
    time: tuple[str, ...]
    covariates: tuple[str, ...]
    slopes: tuple[str, ...]
    m: int
    chains: int
    burn_in: int
    thin: int


@dataclass(frozen=True)
class Checked:
    """What the sampler needs of the complete columns.

    Attributes
    ----------
    codes : array, shape (n,)
        Number of each row's patient.
    fixed : array, shape (n, p)
        Intercept, slopes, then the other complete columns, each with mean 0 and SD 1.
    fixed_names : tuple of str
        ``"1"`` is the intercept.
    """

    codes: NDArray[np.intp]
    fixed: NDArray[np.float64]
    fixed_names: tuple[str, ...]


def check_asked(data: pd.DataFrame, asked: Asked) -> Checked:
    """Refuse what cannot be imputed, each with its reason, and lay out the complete columns.

    Raises
    ------
    UsageError, NotEstimable
    """
    if asked.groups is None:
        raise UsageError(_single_level(data))
    _check_numbers(asked)
    complete = (asked.groups, *asked.time, *asked.covariates)
    require_columns(data, (*complete, *asked.variables), "impute")
    refuse_infinite(data, [*asked.variables, *asked.time], "impute")
    for name in complete:
        if data[name].isna().any():
            raise UsageError(
                f"impute: {name!r} is empty in {int(data[name].isna().sum())} rows; groups, time and covariates must "
                "be complete. Leave these rows out, or put a column that varies within patients among the variables."
            )
    _check_variables(data, asked)
    columns = dict(_columns(data, asked))
    stray = [name for name in asked.slopes if name not in columns]
    if stray:
        raise UsageError(f"impute: slopes: {stray[0]!r} is no numeric column of time or covariates; name one of them.")
    order = ["1", *asked.slopes, *(name for name in columns if name not in ("1", *asked.slopes))]
    fixed = np.column_stack([columns[name] for name in order])
    codes, levels = pd.factorize(data[asked.groups])
    _check_size(asked, fixed, len(levels), len(data))
    return Checked(codes.astype(np.intp), fixed, tuple(order))


def _single_level(data: pd.DataFrame) -> str:
    counts = data["patient"].value_counts() if "patient" in data.columns else pd.Series(dtype=int)
    if not (counts > 1).any():
        return _ALONE
    repeated = counts[counts > 1]
    return _NESTED.format(n=int(repeated.sum()), rows=len(data), patient=repeated.index[0], most=int(repeated.iloc[0]))


def _check_numbers(asked: Asked) -> None:
    least = {"m": 2, "chains": 2, "burn_in": 1, "thin": 1}
    for name, low in least.items():
        value: Any = getattr(asked, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise UsageError(f"impute: {name} is {value!r}; allowed: a whole number, {low} or more.")
    n_draws = asked.thin * -(-asked.m // asked.chains)
    if n_draws < FEWEST_DRAWS:
        raise UsageError(
            f"impute: {n_draws} draws of each chain after burn-in do not show whether chains agree; allowed: "
            f"{FEWEST_DRAWS} or more. Raise thin (found {asked.thin})."
        )


def _check_variables(data: pd.DataFrame, asked: Asked) -> None:
    names = (*asked.variables, *asked.time, *asked.covariates, str(asked.groups))
    twice = [name for at, name in enumerate(names) if name in names[:at]]
    if twice:
        raise UsageError(f"impute: {twice[0]!r} is named twice; a column is a variable, time, covariate or the groups.")
    if len(asked.variables) < 2:
        raise UsageError(
            "impute: there are fewer than two variables; name the outcome and every predictor of the model."
        )
    for name in asked.variables:
        values = data[name]
        if values.dtype.kind not in "iuf":
            raise UsageError(f"impute: {name!r} must hold numbers, found {values.dtype}.")
        if values.notna().sum() < 3 or values.nunique() < 2:
            raise NotEstimable(f"{name} has {int(values.notna().sum())} values; too few, or all alike, to impute it.")
        if data.groupby(asked.groups, observed=True)[name].nunique().max() < 2:
            raise UsageError(
                f"impute: {name!r} does not vary within any {asked.groups}: it belongs to the patients. Name it among "
                "covariates, where it must be complete."
            )
    if not data[list(asked.variables)].isna().any(axis=None):
        raise UsageError(f"impute: nothing is missing in {', '.join(asked.variables)}; fit the model as it is.")


def _columns(data: pd.DataFrame, asked: Asked) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Intercept, then every complete column with mean 0 and SD 1; texts as one column per level but the first."""
    yield "1", np.ones(len(data))
    for name in (*asked.time, *asked.covariates):
        values = data[name]
        if values.dtype.kind in "iufb":
            yield from _scaled(name, values.to_numpy(dtype=float))
        elif name in asked.time:
            raise UsageError(f"impute: time {name!r} must hold numbers, found {values.dtype}.")
        else:
            for level in sorted(values.unique(), key=str)[1:]:
                yield from _scaled(f"{name}={level}", (values == level).to_numpy(dtype=float))


def _scaled(name: str, values: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    if values.std() > 0:
        yield name, (values - values.mean()) / values.std()


def _check_size(asked: Asked, fixed: NDArray[np.float64], n_groups: int, n_rows: int) -> None:
    effects = len(asked.variables) * (1 + len(asked.slopes))
    if n_groups <= effects + 1:
        raise NotEstimable(
            f"{n_groups} {asked.groups}s for {effects} patient effects ({', '.join(asked.variables)}); a joint "
            "model needs more patients than that. Impute fewer variables."
        )
    if n_rows < 2 * n_groups:
        raise NotEstimable(f"{n_rows} rows of {n_groups} {asked.groups}s: too few rows of each to tell them apart.")
    if np.linalg.matrix_rank(fixed) < fixed.shape[1]:
        raise UsageError("impute: time and covariates say the same twice (they are collinear); leave one of them out.")
