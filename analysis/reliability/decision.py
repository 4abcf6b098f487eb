"""Decision studies: how reliable other numbers of raters, items or occasions would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd

from doublecode.analysis.reliability.generalizability import GStudyResult, error_weights
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.rendering.wording.phrases import plural
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from doublecode.analysis.reliability.icc_result import ICCResult
    from doublecode.analysis.rendering.figures import Axes


_OF_FACETS: Final = (
    column("relative", "Eρ²", kind="bounded"),
    column("absolute", "Φ", kind="bounded"),
    column("sem_relative", "*SEM* relative"),
    column("sem_absolute", "*SEM* absolute"),
)
_OF_PAIRS: Final = (
    column("n_raters", "Raters", kind="integer"),
    column("share", "Double-coded", kind="percent", digits=0),
    column("n_targets", "Targets", kind="integer"),
    column("n_ratings", "Ratings", kind="integer"),
    column("k_eff", "*k*", kind="number"),
    column("estimate", "ICC(A,k_eff)", kind="bounded"),
    column("conf_low", "Expected CI", kind="bounded", upper="conf_high"),
    column("width", "Width", kind="bounded"),
    column("ranking", "ICC(Q,k_eff)", kind="bounded"),
)


@dataclass(frozen=True, eq=False, repr=False)
class DStudyResult(Answer):
    """Expected reliability of designs not yet run.

    Attributes
    ----------
    spec : dict
        ``of``: the question of the result that it stands on.
    frame : DataFrame
        One row per planned design.
    design : dict
        ``n_designs``; of a G study ``objects`` and the levels of facets that are not varied (``fixed``).
    notes : tuple of Note
    rows : Index
        Those of the result that it stands on.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("n_raters", "share")

    def tables(self) -> tuple[Table, ...]:
        """The planned designs, with what is expected of them."""
        facets = tuple(column(name, name, kind="integer") for name in self.spec.get("n", ()))
        columns = (*facets, *_OF_FACETS) if facets else _OF_PAIRS
        return (Table("d_study", "Expected reliability of planned designs", self.frame, columns),)

    def counted(self) -> str:
        """Count designs, and the levels of facets that are not varied."""
        kept = {name: count for name, count in self.design.get("fixed", {}).items() if name not in self.spec["n"]}
        held = "".join(f"; {count:.4g} {plural(facet)}" for facet, count in kept.items())
        return f"{len(self.frame)} planned designs{held}"

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the curve of expected reliability.

        By share of double-coded targets and raters for planned pairs; along the facet with most levels tried for
        a G study.
        """
        from doublecode.analysis.rendering.reliability_figures import facets_curve, planned_pairs_curve

        if "share" in self.frame.columns:
            return planned_pairs_curve(self.frame, ax=ax)
        return facets_curve(self.frame, self.spec["n"], ax=ax)


def d_study(
    result: GStudyResult | ICCResult,
    *,
    n: Mapping[str, Sequence[int]] | None = None,
    raters: Sequence[int] = (2, 3, 4, 5, 6, 8, 10),
    share: Sequence[float] = (0.2, 0.4, 0.6, 0.8, 1.0),
    k: int = 2,
    targets: int | None = None,
    conf_level: float = 0.95,
    studies: int = 200,
    seed: int = 0,
) -> DStudyResult:
    """Decision study: expected reliability of other designs.

    Parameters
    ----------
    result : GStudyResult or ICCResult
        The variance components to build on.
    n : mapping
        For a G study: numbers of levels to try, ``{"rater": range(1, 6), "item": [5, 8]}``; all combinations.
    raters, share, k
        For an ICC: raters in the pool, share of targets coded by `k` raters (the rest by one), rotating.
    targets : int, optional
        Targets of the planned study; as many as in `result` by default.
    conf_level, studies, seed
        The expected interval is the median of the profile-likelihood limits of `studies` simulated ones.

    Returns
    -------
    DStudyResult
        ``.frame`` for an ICC: ``n_raters, share, n_targets, k_eff, q, estimate`` (ICC(A,k_eff)), ``conf_low,
        conf_high, width, ranking`` (ICC(Q,k_eff)); for a G study: a column per facet, ``relative, absolute,
        sem_relative, sem_absolute``.

    Examples
    --------
    >>> import pandas as pd
    >>> table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> long = pd.DataFrame(
    ...     [(s, j, y) for s, row in enumerate(table) for j, y in enumerate(row)], columns=["s", "j", "y"]
    ... )
    >>> from doublecode.analysis import g_study
    >>> d_study(g_study("y ~ (1 | s) + (1 | j)", long), n={"j": [1, 4]}).frame["absolute"].round(2).tolist()
    [0.29, 0.62]
    """
    check_conf_level(conf_level, "d_study")
    if isinstance(result, GStudyResult):
        return _decide_facets(result, n)
    from doublecode.analysis.reliability.planned_pairs import plan_pairs

    variances = components(result)
    n_targets = targets if targets is not None else int(result.design["n_targets"])
    frame = plan_pairs(
        variances, raters=raters, share=share, k=k, targets=n_targets, conf_level=conf_level, studies=studies, seed=seed
    )
    spec = {
        "of": result.spec, "raters": list(raters), "share": list(share), "k": k, "n_targets": n_targets,
        "conf_level": conf_level, "studies": studies, "seed": seed,
    }  # fmt: skip
    notes = (
        Note("planned_components", numbers=dict(zip(("target", "rater", "residual"), variances, strict=True))),
        Note("planned_limits", numbers={"studies": studies, "seed": seed}),
    )
    return DStudyResult(spec, frame, {"n_designs": len(frame)}, notes, result.rows)


def components(result: ICCResult) -> tuple[float, float, float]:
    """Variances of target, rater and residual of a result of one set; negative ones count as nought."""
    if result.design["n_sets"] != 1 or "rater" not in set(result.variances["component"]):
        raise NotEstimable(
            "d_study: the result must hold one set with target, rater and residual variance; call icc() for one "
            "item with its raters."
        )
    parts = result.variances.set_index("component")["variance"].clip(lower=0.0)
    if set(parts.index) != {"target", "rater", "residual"}:
        raise NotEstimable("d_study: use icc() without `clusters`, or g_study() with patients as a facet.")
    return float(parts["target"]), float(parts["rater"]), float(parts["residual"])


def _decide_facets(result: GStudyResult, n: Mapping[str, Sequence[int]] | None) -> DStudyResult:
    target = result.spec["objects"]
    averaged: dict[str, float] = result.spec["n"]
    tried = {facet: list(counts) if np.iterable(counts) else [counts] for facet, counts in (n or {}).items()}
    wrong = [facet for facet in tried if facet not in averaged]
    if wrong or not tried:
        raise UsageError(
            f"d_study: n names {', '.join(map(repr, wrong)) or 'no facet'}; name numbers to try for one or more of "
            f"{', '.join(averaged)}."
        )
    for facet, counts in tried.items():
        if not counts or not all(isinstance(count, int | np.integer) and count >= 1 for count in counts):
            raise UsageError(f"d_study: n[{facet!r}] is {counts!r}; give one or more whole numbers, each at least 1.")
    grid = pd.MultiIndex.from_product(list(tried.values()), names=list(tried)).to_frame(index=False)
    variance = result.variances.set_index("source")["variance"].clip(lower=0.0)
    own = next(source.name for source in result.sources if source.facets == frozenset({target}))
    columns: dict[str, list[float]] = {"relative": [], "absolute": [], "sem_relative": [], "sem_absolute": []}
    for row in grid.itertuples(index=False):
        numbers = averaged | {facet: float(count) for facet, count in zip(grid.columns, row, strict=True)}
        for name, parts in error_weights(result.sources, target, numbers).items():
            error = float(sum(weight * variance[source] for source, weight in parts.items()))
            columns[name].append(float(variance[own]) / (float(variance[own]) + error))
            columns[f"sem_{name}"].append(float(np.sqrt(error)))
    spec = {"of": result.spec, "n": tried}
    design = {"n_designs": len(grid), "objects": target, "fixed": averaged}
    return DStudyResult(spec, grid.assign(**columns), design, result.notes, result.rows)
