"""Outcomes of a generalised model: read, checked, and turned into densities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.formula_columns import formula_columns
from doublecode.analysis.mixed.generalized.binomial import BinomialRows
from doublecode.analysis.mixed.generalized.counts import NegativeBinomialRows, PoissonRows
from doublecode.analysis.mixed.generalized.density import RowDensity
from doublecode.analysis.mixed.generalized.links import Link
from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable, UsageError
from doublecode.schemas.near_names import nearest
from doublecode.schemas.results import Note
from doublecode.schemas.series_families import LINKS, SeriesFamily

Floats = npt.NDArray[np.float64]
FamilyName = SeriesFamily
POSITIVE = ("1", "yes", "y", "true", "done", "ja", "j", "wahr", "erledigt", "success")
"""Words that a success is called by."""
NUMERIC = ("integer", "floating", "boolean", "mixed-integer-float")
"""Kinds of categories that are numbers."""
WHOLE = 1e-6
"""How far from a whole number a count, or a proportion times its trials, may lie by rounding."""
MOST_CODED = 4
"""Words that an advice names."""
WIDEST = 1000.0
"""Exposures of one study hardly differ by a greater factor."""


@dataclass(frozen=True)
class Outcome:
    """The outcome in the rows in use.

    Attributes
    ----------
    y
        (n,) successes, counts.
    trials
        (n,) trials of each row; ones for 0/1, None for counts.
    proportion
        Whether it was given as a proportion of the trials.
    """

    family: FamilyName
    link: Link
    y: Floats
    trials: Floats | None
    proportion: bool = False

    @property
    def binary(self) -> bool:
        """Whether every row is a single 0 or 1, which says nothing of dispersion."""
        return self.trials is not None and bool((self.trials == 1.0).all())

    def density(self, y: Floats | None = None) -> RowDensity:
        """The density of these outcomes, or of others `y` (n,) in their place."""
        values = self.y if y is None else y
        if self.trials is not None:
            return BinomialRows(values, self.trials, self.link)
        return PoissonRows(values) if self.family == "poisson" else NegativeBinomialRows(values)

    @property
    def shown(self) -> Floats:
        """(n,) as it was given: proportions where it was one."""
        return self.y / self.trials if self.proportion and self.trials is not None else self.y


def check_family(family: str, link: str | None, caller: str = "fit_generalized") -> tuple[FamilyName, Link]:
    """Return family and link; refuse unknown ones by name."""
    if family not in get_args(FamilyName):
        meant = nearest(str(family), list(LINKS))
        asked = "" if meant is None else f". Did you mean {meant!r}?"
        raise UsageError(f"{caller}: family={family!r}; allowed: {', '.join(map(repr, LINKS))}{asked}")
    allowed = LINKS[family]
    chosen = allowed[0] if link is None else link
    if chosen not in allowed:
        raise UsageError(
            f"{caller}: link={link!r} is none of family {family!r}; allowed: {', '.join(map(repr, allowed))}"
        )
    return family, chosen  # type: ignore[return-value]


def read_outcome(
    design: Design, family: FamilyName, link: Link, trials: Floats | None, trials_name: str = "trials"
) -> Outcome:
    """Take the outcome (n,) out of the design's columns and check it for the family, with the trials (n,) of a column.

    Raises
    ------
    FormulaError, ContractError, NotEstimable
        Text; values that the family cannot have; nothing that varies.
    """
    name = design.formula.response
    y = _numbers(design, family)
    if family == "binomial":
        return _binomial(y, trials, (name, trials_name), link, design.index)
    if trials is not None:
        raise UsageError(f"fit_generalized: trials= belongs to family 'binomial', not {family!r}; leave it out")
    _refuse_rows(y < 0.0, y, name, design.index, "counts cannot be negative", "correct these rows or set them missing")
    whole = np.abs(y - np.round(y)) > WHOLE
    _refuse_rows(
        whole, y, name, design.index, f"family {family!r} needs whole counts, 0, 1, 2, …",
        "a rate is modelled by its count with offset = log of the exposure; a mean of ratings by a linear model "
        "(fit_mixed; in study.toml a series without a family)",
    )  # fmt: skip
    if not y.any():
        raise NotEstimable(
            f"the outcome {name!r} is 0 in all {len(y)} rows; allowed: counts some of which are positive. There is "
            "nothing to model: report the zero count, or take a longer period of counting"
        )
    return Outcome(family, link, np.round(y), None)


def offset_notes(offset: Floats | None, link: Link, name: str | None) -> tuple[Note, ...]:
    """Note an offset (n,) of counts, link ``"log"``, that looks like an exposure and not like its logarithm.

    Whole numbers of three values or more, or exposures that would differ by more than `WIDEST`.
    """
    if offset is None or link != "log":
        return ()
    low, high = float(offset.min()), float(offset.max())
    whole = bool((np.abs(offset - np.round(offset)) < WHOLE).all()) and len(np.unique(offset)) > 2
    if not whole and high - low < np.log(WIDEST):
        return ()
    return (Note("offset_is_no_log", numbers={"offset": name, "low": low, "high": high}),)


def _numbers(design: Design, family: FamilyName) -> Floats:
    name = design.formula.response
    column = design.columns.get(name.strip("`"))
    if column is None:
        values, recipe = formula_columns(f"0 + {name}", design.frame)
        if values.shape[1] != 1:
            raise FormulaError(
                f"the outcome {name!r} gives {values.shape[1]} columns ({', '.join(recipe.names)}); one is needed. For "
                "successes and trials write the column of successes as outcome and give trials="
            )
        return np.asarray(values[:, 0], dtype=float)
    column = _plain(column)
    if pd.api.types.is_bool_dtype(column.dtype):
        return np.asarray(column.to_numpy(dtype=float), dtype=float)
    if not pd.api.types.is_numeric_dtype(column.dtype):
        found = list(dict.fromkeys(map(str, column)))
        shown = ", ".join(map(repr, found[:3])) + (", …" if len(found) > 3 else "")
        step = _to_numbers(name, found, family)
        allowed = (
            "0 and 1, True and False, or successes with trials=" if family == "binomial" else "whole numbers from 0"
        )
        raise FormulaError(f"outcome column {name!r} holds text ({shown}); allowed: {allowed}. Next: {step}")
    return np.asarray(column.to_numpy(dtype=float), dtype=float)


def _plain(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers and True/False that stand in a column of objects or categories, as what they are."""
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.categories.inferred_type in NUMERIC:
        return pd.Series(column.to_numpy(), index=column.index).infer_objects()
    return column.infer_objects()


def _to_numbers(name: str, found: list[str], family: FamilyName) -> str:
    """Say how text becomes what the family needs."""
    if family != "binomial" or set(found) <= {"0", "1"}:
        return f"convert it: data[{name!r}] = pandas.to_numeric(data[{name!r}])"
    success = next((value for value in found if value.casefold() in POSITIVE), found[-1])
    coded = {success: 1} | {value: 0 for value in found[:MOST_CODED] if value != success}
    return (
        f"say which value counts as success, and leave out what stands for missing: data[{name!r}] = "
        f"data[{name!r}].map({coded}); of a "
        f'variable of study.toml, equals = "{success}"'
    )


def _binomial(y: Floats, trials: Floats | None, names: tuple[str, str], link: Link, index: pd.Index[Any]) -> Outcome:
    name, of_trials = names
    if trials is None:
        other = ~np.isin(y, (0.0, 1.0))
        _refuse_rows(
            other, y, name, index, "family 'binomial' needs 0 and 1, or True and False",
            "for successes in several trials give trials=, for counts family='poisson', for ordered categories "
            "keep the scale and do not cut it in two: family='ordinal'",
        )  # fmt: skip
        _refuse_one_category(y, np.ones_like(y), name)
        return Outcome("binomial", link, y, np.ones_like(y))
    bad = (trials < 1.0) | (np.abs(trials - np.round(trials)) > WHOLE)
    _refuse_rows(bad, trials, of_trials, index, "trials must be whole numbers from 1", "leave out rows without a trial")
    proportion = bool((np.abs(y - np.round(y)) > WHOLE).any())
    successes = y * trials if proportion else y
    what = f"{name} × {of_trials}" if proportion else name
    _refuse_rows(successes < 0.0, successes, what, index, "successes cannot be negative", "correct these rows")
    _refuse_rows(
        successes > trials + WHOLE, successes, what, index, "there cannot be more successes than trials",
        "check that trials= names the right column",
    )  # fmt: skip
    _refuse_rows(
        np.abs(successes - np.round(successes)) > WHOLE * np.maximum(1.0, trials), successes, what, index,
        "successes must be whole numbers", "give the count of successes, or proportions that are not rounded",
    )  # fmt: skip
    successes = np.round(successes)
    _refuse_one_category(successes, trials, name)
    return Outcome("binomial", link, successes, np.asarray(trials, dtype=float), proportion)


def zero_one_notes(y: Floats, trials: Floats | None, name: str) -> tuple[Note, ...]:
    """Ask whether 1 is one success, as it was read, where outcomes y (n, …) are 0 and 1 and trials (n,) are several."""
    if trials is None or not (trials > 1.0).any() or not np.isin(y[~np.isnan(y)], (0.0, 1.0)).all():
        return ()
    return (Note("zero_one_of_trials", numbers={"outcome": name, "most": int(trials.max())}),)


def _refuse_one_category(y: Floats, trials: Floats, name: str) -> None:
    for value, none in ((0.0, not y.any()), (1.0, bool((y == trials).all()))):
        if none:
            raise NotEstimable(
                f"the outcome {name!r} is {value:g} in all {len(y)} rows: one category only; allowed: both 0 and 1. "
                "There is nothing to model: report the proportion, or check how the column was coded"
            )


def _refuse_rows(
    bad: npt.NDArray[np.bool_], values: Floats, name: str, index: pd.Index[Any], rule: str, step: str
) -> None:
    if bad.any():
        rows = ", ".join(f"{label}: {value:g}" for label, value in zip(index[bad][:5], values[bad][:5], strict=True))
        more = ", …" if bad.sum() > 5 else ""
        raise ContractError(
            f"column {name!r}: {rule}; {int(bad.sum())} rows have others (row {rows}{more}). Next: {step}"
        )
