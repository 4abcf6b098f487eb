"""Tests of several models as one family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, format_number
from doublecode.analysis.results.multiplicity import adjust_p, adjusted_columns
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.regression.moderation_result import ModerationResult


FamilyMethod = Literal["holm", "bonferroni", "bh", "fixed"]
_KEYS = ("model", "term", "estimate", "p_value")
METHODS = {"holm": "Holm", "bonferroni": "Bonferroni", "bh": "Benjamini–Hochberg", "fixed": "fixed limit"}


@dataclass(frozen=True, eq=False, repr=False)
class FamilyResult(Answer):
    """One family of tests.

    Attributes
    ----------
    spec : dict
        What the family is.
    frame : DataFrame
        ``model``, ``term``, ``estimate``, ``p_value``, ``p_bonferroni``, ``p_holm``, ``p_bh``; of a family with a
        method of its own also ``p_adjusted`` (the raw p where the limit is fixed) and ``significant``.
    design : dict
        ``n_tests`` (those that have a p-value), ``bonferroni_alpha``.
    notes : tuple of Note
    rows : Index
        Labels of the rows that any of the models stands on.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("model", "term")

    def tables(self) -> tuple[Table, ...]:
        """Every test with its raw and its adjusted p-values."""
        if "p_adjusted" in self.frame.columns:
            return (self._judged(),)
        columns = (
            column("model", "Model", kind="text"), column("term"), column("estimate"), column("p_value"),
            column("p_bonferroni", "Bonferroni", kind="p"), column("p_holm", "Holm", kind="p"),
            column("p_bh", "Benjamini–Hochberg", kind="p"),
        )  # fmt: skip
        return (Table("family", "Interactions as one family of tests", self.frame, columns),)

    def _judged(self) -> Table:
        """Raw p, p by the method of the family, and what is called significant."""
        method = self.spec["method"]
        adjusted = () if method == "fixed" else (column("p_adjusted", f"*p* {METHODS[method]}", kind="p"),)
        columns = (
            column("model", "Model", kind="text"), column("term"), column("estimate"), column("p_value"), *adjusted,
            column("significant", f"Below {format_number(self.spec['alpha'], 'p')}", kind="text"),
        )  # fmt: skip
        return Table("family", "A family of tests", self.frame, columns)

    def counted(self) -> str:
        """Say how many tests the family has."""
        return f"{self.design['n_tests']} tests"


def family_of_tests(
    tests: Sequence[Mapping[str, Any]], *, method: FamilyMethod = "holm", alpha: float = 0.05
) -> FamilyResult:
    """Judge several tests together: raw and adjusted p, and which are below `alpha`.

    Parameters
    ----------
    tests : sequence of mapping
        ``model``, ``term``, ``estimate``, ``p_value``; ``rows`` (Index) where known, other keys become columns. A test
        without a p-value (NaN) stands in the table and does not count in the family.
    method : {"holm", "bonferroni", "bh", "fixed"}
        Holm (1979) and Bonferroni hold the chance of any false positive, Benjamini & Hochberg (1995) the expected
        share of false ones among the positives. ``"fixed"`` holds raw p to a limit that was set otherwise, such as
        .05/12 = .004.
    alpha : float
        In (0, 1).

    Raises
    ------
    UsageError
        No test, one that lacks a key or whose p is no number in [0, 1], an unknown method, or `alpha` outside (0, 1).

    Examples
    --------
    >>> tests = [{"model": "a", "term": "x", "estimate": 1.0, "p_value": p} for p in (0.01, 0.04, 0.03)]
    >>> family_of_tests(tests, method="holm").frame["p_adjusted"].round(2).tolist()
    [0.03, 0.06, 0.06]
    >>> family_of_tests(tests, method="fixed", alpha=0.035).frame["significant"].tolist()
    [True, False, True]
    """
    import pandas as pd

    check_tests(tests)
    if method not in METHODS:
        raise UsageError(f"family_of_tests: found method = {method!r}; {allowed(str(method), METHODS)}.")
    if not 0 < alpha < 1:
        raise UsageError(f"family_of_tests: found alpha = {alpha!r}; it lies between 0 and 1.")
    table = pd.DataFrame([{key: value for key, value in one.items() if key != "rows"} for one in tests])
    raw = table["p_value"].to_numpy(dtype=np.float64)
    rows = pd.Index([])
    for one in tests:
        rows = rows.union(one["rows"]) if "rows" in one else rows
    adjusted = raw if method == "fixed" else adjust_p(raw, method)
    n_tests = int(np.isfinite(raw).sum())
    numbers = {"n_tests": n_tests, "n_without": len(raw) - n_tests, "method": method, "alpha": alpha}
    return FamilyResult(
        spec={"method": method, "alpha": alpha},
        frame=table.assign(**adjusted_columns(raw), p_adjusted=adjusted, significant=adjusted < alpha),
        design={"n_tests": n_tests, "bonferroni_alpha": alpha / n_tests if n_tests else np.nan},
        notes=(Note("family_of_tests", numbers=numbers),),
        rows=rows,
    )


def check_tests(tests: object) -> None:
    """Refuse what is no list of tests, a test that lacks a key, and a p that is no number in [0, 1]."""
    if isinstance(tests, str) or not isinstance(tests, Sequence):
        raise UsageError(
            f"family_of_tests: found a {type(tests).__name__}; give a list of mappings, of a frame its "
            "frame.to_dict('records')."
        )
    if not tests:
        raise UsageError("family_of_tests: found no test; give at least one.")
    for number, one in enumerate(tests, 1):
        lacking = [key for key in _KEYS if not isinstance(one, Mapping) or key not in one]
        if lacking:
            raise UsageError(f"family_of_tests: test {number} lacks {', '.join(lacking)}; give {', '.join(_KEYS)}.")
        p = one["p_value"]
        if not (p is None or (isinstance(p, Real) and (np.isnan(float(p)) or 0 <= float(p) <= 1))):
            raise UsageError(
                f"family_of_tests: test {number} has p_value = {p!r}; allowed: a number from 0 to 1, or NaN."
            )


def interaction_family(results: Sequence[ModerationResult]) -> FamilyResult:
    """Adjust the interaction tests of several moderated regressions as one family.

    Models without an interaction are left out.

    Raises
    ------
    UsageError
        No model has an interaction.

    Examples
    --------
    >>> import pandas as pd
    >>> from doublecode.analysis import moderation
    >>> rng = np.random.default_rng(0)
    >>> data = pd.DataFrame(rng.normal(size=(30, 4)), columns=["y", "a", "b", "z"])
    >>> family = interaction_family([moderation("y ~ a * z", data), moderation("y ~ b * z", data)])
    >>> family.frame["term"].tolist()
    ['a:z', 'b:z']
    """
    import pandas as pd

    found = [result for result in results if result.spec["moderator"] is not None]
    if not found:
        raise UsageError("interaction_family: no model has an interaction; give moderated regressions.")
    table = pd.DataFrame(map(_test, found))
    rows = found[0].rows
    for result in found[1:]:
        rows = rows.union(result.rows)
    return FamilyResult(
        spec={"family": "interactions of the declared moderated regressions"},
        frame=table.assign(**adjusted_columns(table["p_value"].to_numpy(dtype=np.float64))),
        design={"n_tests": len(table), "bonferroni_alpha": 0.05 / len(table)},
        notes=(Note("family_of_interactions", numbers={"n_tests": len(table)}),),
        rows=rows,
    )


def _test(result: ModerationResult) -> dict[str, Any]:
    """The interaction of one model: model, term, estimate, p_value."""
    term = f"{result.spec['predictor']}:{result.spec['moderator']}"
    row = result.frame[result.frame["term"] == term].iloc[0]
    name = result.spec.get("name", result.spec["formula"])
    return {"model": name, "term": term, "estimate": row["estimate"], "p_value": row["p_value"]}
