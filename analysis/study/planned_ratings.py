"""What more raters, or more sessions coded twice, would do to the reliability of a study's scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pandas as pd

from doublecode.analysis.reliability.planned_pairs import plan_pairs
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, bounded_estimate, column
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.reliability.icc_result import ICCResult
    from doublecode.analysis.study.reliability_table import ReliabilityTable

RATERS: Final = (2, 3, 4, 5, 6, 8, 10)
SHARES: Final = (0.4, 1.0)
COMPONENTS: Final = ("target", "rater", "residual")


@dataclass(frozen=True, eq=False, repr=False)
class PlannedRatings(Answer):
    """Expected reliability of each scale by the number of raters and the share of sessions coded twice.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        ``instrument, scale`` and the columns of :func:`doublecode.analysis.reliability.decision.d_study`.
    design : dict
    notes : tuple of Note
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("instrument", "scale", "n_raters", "share")

    def tables(self) -> tuple[Table, ...]:
        """The planned designs of each scale."""
        columns = (
            column("scale", "Scale", kind="text"), column("n_raters", "Raters", kind="integer"),
            column("share", "Double-coded", kind="percent", digits=0),
            column("n_ratings", "Ratings", kind="integer"), column("k_eff", "*k*", kind="number"),
            *bounded_estimate("ICC(A,k_eff)", self.spec["conf_level"]),
        )  # fmt: skip
        title = "Expected reliability by the number of raters"
        return (Table("planned_ratings", title, self.frame, columns, group="instrument"),)

    def counted(self) -> str:
        """Say how many scales and designs there are."""
        return f"{self.design['n_designs']} designs of {self.design['n_scales']} scales."


def planned_ratings(
    table: ReliabilityTable,
    *,
    raters: Sequence[int] = RATERS,
    share: Sequence[float] = SHARES,
    studies: int = 100,
    seed: int = 0,
) -> PlannedRatings:
    """Expected ICC of every scale (item, where an instrument has none) of the main phase, rotating pairs of raters.

    Parameters
    ----------
    table : ReliabilityTable
        Its variance components are built on, as many sessions as it has.
    raters, share
        Numbers of raters, and shares of sessions coded twice, to try.
    studies, seed
        Simulated studies per design, for the expected limits.

    Raises
    ------
    NotEstimable
        No scale has a variance of its raters.
    """
    of_main = [(name, level, result) for name, level, phase, result in table.results if phase == "main"]
    with_scales = {name for name, level, _ in of_main if level == "scale"}
    conf_level = float(table.spec["conf_level"])
    parts = []
    for instrument, level, result in of_main:
        if level == "item" and instrument in with_scales:
            continue
        for entry in result.design["sets"]:
            name, n = str(entry["set"][level]), int(entry["n_targets"])
            variances = _components(result, level, name)
            if variances is not None and n >= 4:
                plan = plan_pairs(
                    variances, raters=raters, share=share, k=2, targets=n, conf_level=conf_level, studies=studies,
                    seed=seed,
                )  # fmt: skip
                parts.append(
                    pd.concat([pd.DataFrame({"instrument": instrument, "scale": name}, plan.index), plan], axis=1)
                )
    if not parts:
        raise NotEstimable("reliability: no scale has a variance between raters to plan with; none is rated two-way.")
    frame = pd.concat(parts, ignore_index=True)
    spec = {
        "raters": list(raters), "share": list(share), "k": 2, "conf_level": conf_level, "studies": studies,
        "seed": seed,
    }  # fmt: skip
    notes = (Note("planned_limits", numbers={"studies": studies, "seed": seed}),)
    return PlannedRatings(spec, frame, {"n_scales": len(parts), "n_designs": len(frame)}, notes, table.rows)


def _components(result: ICCResult, level: str, name: str) -> tuple[float, float, float] | None:
    """Variances of sessions, raters and residual of one set, negative ones as nought; None where raters have none."""
    rows = result.variances[result.variances[level] == name].set_index("component")["variance"].clip(lower=0.0)
    if not set(COMPONENTS) <= set(rows.index) or rows[list(COMPONENTS)].isna().any() or not rows["target"] > 0:
        return None
    target, rater, residual = (float(rows[one]) for one in COMPONENTS)
    return target, rater, residual
