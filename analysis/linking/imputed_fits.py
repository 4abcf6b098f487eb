"""Fits of completed data sets put together by Rubin's rules: the door, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from doublecode.analysis.linking.imputation_pooling import rubin
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note, Result, check_conf_level

NEEDED = ("term", "estimate", "std_error", "df")


@dataclass(frozen=True, eq=False, repr=False)
class PooledImputations(Answer):
    """Coefficients over several imputations.

    Attributes
    ----------
    spec : dict
        ``m``, ``conf_level``.
    frame : DataFrame
        One row per coefficient: ``term`` and the columns of
        :func:`doublecode.analysis.linking.imputation_pooling.rubin`.
    design : dict
        ``n_rows``: (smallest, largest) of the fits, where they tell.
    notes : tuple of Note
    rows : Index
        Terms.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("term",)

    def tables(self) -> tuple[Table, ...]:
        """Coefficients with limits, and what imputing cost."""
        columns = (
            column("term", "Term", kind="text"), column("estimate"), column("std_error"), column("conf_low"),
            column("df"), column("p_value"), column("fmi", "FMI", kind="bounded"),
            column("efficiency", "Efficiency", kind="bounded", digits=3),
            column("mc_error", "Monte-Carlo error", kind="estimate"),
        )  # fmt: skip
        notes = ("FMI: fraction of missing information. Monte-Carlo error: of the estimate, from drawing m times.",)
        return (Table("pooled_imputations", "Pooled over imputations", self.frame, columns, notes),)

    def counted(self) -> str:
        """Say how many imputations there are."""
        return f"{self.spec['m']} imputations"


def pool_imputed(fits: Sequence[Result | pd.DataFrame], *, conf_level: float = 0.95) -> PooledImputations:
    """Pool the fits of one model to several completed data sets by Rubin's rules, with Barnard and Rubin's df.

    Parameters
    ----------
    fits : sequence of results or frames
        Two or more, each with ``term``, ``estimate``, ``std_error``, ``df`` in its frame, of the same terms: what
        ``fit_mixed`` and ``fit_linear`` give. The df of each fit (Kenward–Roger, Satterthwaite, residual) are those
        of complete data.
    conf_level : float

    Returns
    -------
    PooledImputations
        Formulas: :func:`doublecode.analysis.linking.imputation_pooling.rubin`.

    Raises
    ------
    UsageError
        Fewer than two fits, fits of different terms, or one without standard errors or df.

    References
    ----------
    Rubin (1987), Multiple Imputation for Nonresponse in Surveys. Barnard & Rubin (1999), Biometrika, 86, 948–955.

    Examples
    --------
    >>> from doublecode.analysis import fit_mixed, impute, within_between
    >>> rng = np.random.default_rng(5)
    >>> patient = np.repeat(np.arange(30), 6)
    >>> data = pd.DataFrame({"patient": patient, "session": np.tile(np.arange(1.0, 7), 30)})
    >>> data["he"] = rng.normal(size=30)[patient] + rng.normal(size=180)
    >>> data["phq9"] = 10 - data["he"] + 2 * rng.normal(size=30)[patient] + rng.normal(size=180)
    >>> data.loc[::5, "he"] = np.nan
    >>> completed = impute(data, ["phq9", "he"], m=4, burn_in=50, thin=10).frames
    >>> model = "phq9 ~ session + he_within + he_between + (1 | patient)"
    >>> pooled = pool_imputed([fit_mixed(model, within_between(one, "he")) for one in completed])
    >>> pooled.frame["term"].tolist()
    ['Intercept', 'session', 'he_within', 'he_between']
    """
    check_conf_level(conf_level, "pool_imputed")
    tables = [fit if isinstance(fit, pd.DataFrame) else fit.frame for fit in fits]
    if len(tables) < 2:
        raise UsageError(f"pool_imputed: found {len(tables)} fit; Rubin's rules need two or more. Impute with m = 20.")
    for place, table in enumerate(tables):
        lacks = [name for name in NEEDED if name not in table.columns]
        if lacks:
            raise UsageError(f"pool_imputed: fit {place + 1} has no column {lacks[0]!r}; give results of fit_mixed.")
        if list(table["term"]) != list(tables[0]["term"]):
            raise UsageError(
                f"pool_imputed: fit {place + 1} has the terms {', '.join(table['term'])}, the first "
                f"{', '.join(tables[0]['term'])}; fit one model to every imputation."
            )
    stacked = [np.array([table[name].to_numpy(dtype=float) for table in tables]) for name in NEEDED[1:]]
    pooled = rubin(stacked[0], stacked[1], stacked[2], conf_level)
    pooled.insert(0, "term", tables[0]["term"].to_numpy())
    counts = [len(fit.rows) for fit in fits if isinstance(fit, Result)]
    return PooledImputations(
        spec={"m": len(tables), "conf_level": conf_level}, frame=pooled,
        design={"n_rows": (min(counts), max(counts))} if counts else {},
        notes=_not_converged(fits), rows=pd.Index(pooled["term"]),
    )  # fmt: skip


def _not_converged(fits: Sequence[Any]) -> tuple[Note, ...]:
    n = sum(not getattr(fit, "converged", True) for fit in fits)
    return (Note("imputed_fits_not_converged", numbers={"n": n, "m": len(fits)}),) if n else ()
