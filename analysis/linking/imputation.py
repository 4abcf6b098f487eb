"""Missing session scores drawn several times from a joint multilevel model: the door, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd

from doublecode.analysis.linking.imputation_checks import Asked, check_asked
from doublecode.analysis.linking.imputation_sampler import Draws, Floats, Layout, crude_prior, draw, split_r_hat
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from numpy.typing import NDArray

R_HAT: Final = 1.05
"""Above it chains do not agree."""
CONVERGENCE: Final = ("parameter", "variable", "with", "mean", "sd", "r_hat")


@dataclass(frozen=True, eq=False, repr=False)
class Imputations(Answer):
    """Completed data sets, and what they were drawn from.

    Attributes
    ----------
    spec : dict
        ``variables``, ``groups``, ``time``, ``covariates``, ``slopes``, ``m``, ``chains``, ``burn_in``, ``thin``,
        ``seed``.
    frame : DataFrame
        One row per variable: ``variable``, ``n`` (rows), ``n_missing``, ``share``, ``mean_observed``, ``sd_observed``,
        ``mean_imputed``, ``sd_imputed`` (of the drawn values of all imputations), ``r_hat`` (the largest of the
        parameters that the variable has a part in).
    frames : tuple of DataFrame
        m copies of the data, numbers in the place of the empty cells of `variables`.
    convergence : DataFrame
        One row per parameter of the joint model, in the units of the data: ``parameter`` ("intercept", "slope",
        "within", "between"), ``variable``, ``with`` (the other variable of a covariance; the column of a slope, which
        is per standard deviation of it), ``mean``, ``sd`` over the iterations after burn-in, ``r_hat``.
    design : dict
        ``n_rows``, ``n_groups``, ``n_cells`` (filled).
    notes : tuple of Note
    rows : Index
        Labels of the rows.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    frames: tuple[pd.DataFrame, ...]
    convergence: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("variable",)

    def tables(self) -> tuple[Table, ...]:
        """What was filled in, variable by variable."""
        return (imputed_cells(self.frame),)

    def counted(self) -> str:
        """Say how many cells were filled and how often."""
        return (
            f"{self.spec['m']} imputations of {self.design['n_cells']} empty cells in {self.design['n_rows']} rows of "
            f"{self.design['n_groups']} {self.spec['groups']}s; {self.spec['chains']} chains, burn-in "
            f"{self.spec['burn_in']}, one draw in {self.spec['thin']} kept, seed {self.spec['seed']}"
        )


def imputed_cells(frame: pd.DataFrame) -> Table:
    """Lay out what was filled in, variable by variable."""
    columns = (
        column("variable", "Variable", kind="text"), column("n", "Rows", kind="integer"),
        column("n_missing", "Imputed", kind="integer"), column("mean_observed", "*M* observed"),
        column("sd_observed", "*SD*"), column("mean_imputed", "*M* imputed"), column("sd_imputed", "*SD*"),
        column("r_hat", "*R̂*", digits=3),
    )  # fmt: skip
    notes = ("*R̂*: largest split R-hat of the parameters that the variable has a part in; about 1 where chains agree.",)
    return Table("imputed_cells", "Cells that were imputed", frame, columns, notes)


def impute(
    data: pd.DataFrame,
    variables: Sequence[str],
    *,
    groups: str | None = "patient",
    time: Sequence[str] = ("session",),
    covariates: Sequence[str] = (),
    slopes: Sequence[str] = (),
    m: int = 20,
    chains: int = 2,
    burn_in: int = 1000,
    thin: int = 100,
    seed: int = 0,
) -> Imputations:
    r"""Fill empty cells of rows nested in patients, m times, from a joint model of all variables.

    For row j of patient i the variables are normal together,
    :math:`y_{ij} = B^\top f_{ij} + b_i^\top z_{ij} + e_{ij}`, with :math:`\mathrm{vec}(b_i) \sim N(0, \Psi)` between
    and :math:`e_{ij} \sim N(0, \Sigma)` within patients; f holds an intercept, `time` and `covariates`, z an intercept
    and `slopes`. So each pair of variables may go together between patients in another way than within them: predictors
    are split into the patient's mean and the deviation *after* imputation. Put in the outcome, every predictor and
    covariate of the model, and whatever tells about missing values, before any lag is taken.

    Parameters
    ----------
    data : DataFrame
        One row per session; `groups`, `time` and `covariates` complete.
    variables : sequence of str
        Numbers that vary within patients; two or more, of which at least one has empty cells.
    groups : str
        Column of the patients. None, imputation of rows as if they stood alone, is refused.
    time : sequence of str
        Complete numeric columns.
    covariates : sequence of str
        Complete columns of numbers or texts, of sessions or patients.
    slopes : sequence of str
        Which of `time` and the numeric covariates have a slope of each patient's own.
    m : int
        Imputations, 2 or more.
    chains, burn_in, thin : int
        Each chain keeps every `thin`-th draw after `burn_in`; the chains share the m draws.
    seed : int

    Returns
    -------
    Imputations
        ``.frames`` are the completed copies for :func:`doublecode.analysis.pool_imputed`, ``.convergence`` says whether
        the chains agree.

    Raises
    ------
    UsageError
        `groups` is None; a column is absent, no number, or empty where it must not be; nothing is missing.
    NotEstimable
        Too few patients or rows for the model.

    Notes
    -----
    Missing at random is assumed: given what is observed, whether a value is missing does not depend on the value. The
    priors are inverse Wishart with means at crude components of variance and the least weight that a mean allows,
    see :class:`doublecode.analysis.linking.imputation_sampler.Prior`. A single-level imputation leaves the patients
    out: predictors lose their share between patients, and slopes within and between are drawn together (Lüdtke,
    Robitzsch & Grund 2017).

    References
    ----------
    Schafer & Yucel (2002), Journal of Computational and Graphical Statistics, 11, 437–457. Grund, Lüdtke & Robitzsch
    (2018), Organizational Research Methods, 21, 111–149. Lüdtke, Robitzsch & Grund (2017), Psychological Methods, 22,
    141–165.

    Examples
    --------
    >>> rng = np.random.default_rng(5)
    >>> patient = np.repeat(np.arange(30), 6)
    >>> data = pd.DataFrame({"patient": patient, "session": np.tile(np.arange(1.0, 7), 30)})
    >>> data["he"] = rng.normal(size=30)[patient] + rng.normal(size=180)
    >>> data["phq9"] = 10 - data["he"] + 2 * rng.normal(size=30)[patient] + rng.normal(size=180)
    >>> data.loc[::5, "he"] = np.nan
    >>> found = impute(data, ["phq9", "he"], m=4, burn_in=50, thin=10)
    >>> len(found.frames), found.frame["n_missing"].tolist(), found.frames[0]["he"].isna().sum().item()
    (4, [0, 36], 0)
    """
    data = as_pandas(data)
    named = [(one,) if isinstance(one, str) else tuple(one) for one in (variables, time, covariates, slopes)]
    asked = Asked(named[0], groups, named[1], named[2], named[3], m, chains, burn_in, thin)
    checked = check_asked(data, asked)
    order = np.argsort(checked.codes, kind="stable")
    values = data[list(asked.variables)].to_numpy(dtype=float)[order]
    layout = _layout(checked.fixed[order], 1 + len(asked.slopes), checked.codes[order])
    centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    z = np.repeat(((values - centre) / scale)[None], chains, axis=0)
    drawn = draw(
        z, layout, crude_prior(z, layout), burn_in=burn_in, thin=thin, keep=-(-m // chains),
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    completed = drawn.completed.reshape(-1, *values.shape)[:m] * scale + centre
    back = np.argsort(order)
    frames = tuple(_filled(data, asked.variables, one[back]) for one in completed)
    convergence = _convergence(drawn, asked, checked.fixed_names, (centre, scale))
    table = _cells(data, asked.variables, frames, convergence)
    worst = float(table["r_hat"].max())
    notes = [Note("imputed_at_random", numbers={"m": m, "groups": str(groups)})]
    notes += [Note("imputation_not_converged", numbers={"r_hat": worst})] if worst > R_HAT else []
    return Imputations(
        spec={
            "variables": list(asked.variables), "groups": groups, "time": list(asked.time),
            "covariates": list(asked.covariates), "slopes": list(asked.slopes), "m": m, "chains": chains,
            "burn_in": burn_in, "thin": thin, "seed": seed,
        },
        frame=table, frames=frames, convergence=convergence,
        design={"n_rows": len(data), "n_groups": len(layout.starts), "n_cells": int(table["n_missing"].sum())},
        notes=tuple(notes), rows=data.index,
    )  # fmt: skip


def _layout(fixed: Floats, q: int, codes: NDArray[np.intp]) -> Layout:
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    return Layout(fixed, q, starts, codes)


def _filled(data: pd.DataFrame, variables: Sequence[str], values: Floats) -> pd.DataFrame:
    """A copy with drawn values in the empty cells; what was observed stays to the last digit."""
    return data.assign(**{name: np.where(data[name].isna(), values[:, k], data[name].to_numpy(dtype=float))
                          for k, name in enumerate(variables)})  # fmt: skip


def _cells(
    data: pd.DataFrame, variables: Sequence[str], frames: Sequence[pd.DataFrame], convergence: pd.DataFrame
) -> pd.DataFrame:
    rows = []
    for name in variables:
        gone = data[name].isna().to_numpy()
        drawn = np.concatenate([frame[name].to_numpy()[gone] for frame in frames])
        mine = convergence[(convergence["variable"] == name) | (convergence["with"] == name)]
        rows.append({
            "variable": name, "n": len(data), "n_missing": int(gone.sum()), "share": float(gone.mean()),
            "mean_observed": float(data[name].mean()), "sd_observed": float(data[name].std()),
            "mean_imputed": float(drawn.mean()) if gone.any() else np.nan,
            "sd_imputed": float(drawn.std(ddof=1)) if gone.any() else np.nan, "r_hat": float(mine["r_hat"].max()),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _convergence(drawn: Draws, asked: Asked, fixed: Sequence[str], unit: tuple[Floats, Floats]) -> pd.DataFrame:
    """Mean, spread and split R-hat of every parameter, in the units of the data."""
    names, units = list(asked.variables), dict(zip(asked.variables, unit[1], strict=True))
    labels = [
        ("intercept" if column == "1" else "slope", name, "" if column == "1" else column, units[name])
        for column in fixed
        for name in names
    ]
    effects = [(name, column) for column in ("1", *asked.slopes) for name in names]
    for level, parts in (("within", [(name, "1") for name in names]), ("between", effects)):
        labels += [
            (f"{level}{_slope_of(parts[a][1], parts[b][1])}", parts[a][0], parts[b][0],
             units[parts[a][0]] * units[parts[b][0]])
            for a in range(len(parts)) for b in range(a + 1)
        ]  # fmt: skip
    factor = np.array([one[3] for one in labels])
    rows = pd.DataFrame([one[:3] for one in labels], columns=["parameter", "variable", "with"])
    trace = drawn.trace.reshape(-1, len(labels))
    start = np.r_[unit[0], np.zeros(len(labels) - len(names))]
    return rows.assign(mean=trace.mean(axis=0) * factor + start, sd=trace.std(axis=0, ddof=1) * factor,
                       r_hat=split_r_hat(drawn.trace))[list(CONVERGENCE)]  # fmt: skip


def _slope_of(first: str, second: str) -> str:
    """Which columns the two effects of a covariance between patients belong to; nothing where both are intercepts."""
    named = [one for one in dict.fromkeys((first, second)) if one != "1"]
    return f", slope of {' and '.join(named)}" if named else ""
