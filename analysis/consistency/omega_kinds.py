"""The kinds of omega: which options each understands, and the coefficients of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from doublecode.analysis.consistency.categorical_omega import categorical_omega, draw_one_rater
from doublecode.analysis.consistency.estimable_items import seldom_together
from doublecode.analysis.consistency.hierarchical_omega import (
    correlation_matrix,
    hierarchical_omega,
    psych_default_omega,
)
from doublecode.analysis.consistency.item_moments import ItemData, kept_rows, read_items
from doublecode.analysis.consistency.kind_answers import KindAnswer
from doublecode.analysis.consistency.multilevel_omega import multilevel_omega
from doublecode.analysis.consistency.omega_estimates import omega_level
from doublecode.analysis.consistency.scale_levels import LevelTables, common_notes, levels_of, missing_counts
from doublecode.analysis.consistency.unit_resampling import Helpers, Resampling, check_interval, interval_name
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.results import Note

Kind = Literal["total", "categorical", "hierarchical", "multilevel", "psych_default"]
_SAMPLE: Final = ("clusters", "conf_level", "seed")
_DRAWN: Final = (*_SAMPLE, "interval", "n_boot", "workers", "progress")
UNDERSTOOD: Final[Mapping[str, tuple[str, ...]]] = {
    "total": (*_DRAWN, "missing", "by"),
    "categorical": (*_DRAWN, "targets", "raters"),
    "hierarchical": (*_DRAWN, "missing", "n_factors"),
    "multilevel": _SAMPLE,
    "psych_default": ("n_factors",),
}
_DEFAULTS: Final[Mapping[str, Any]] = {"conf_level": 0.95, "seed": 0}
_N_BOOT: Final[Mapping[str, int]] = {"categorical": 200, "hierarchical": 500}
_N_FACTORS: Final = 3


@dataclass(frozen=True)
class Options:
    """What was asked of a kind, its own defaults filled in."""

    kind: Kind
    how: Resampling
    clusters: str | None
    by: str | None
    n_factors: int
    targets: tuple[str, ...]
    raters: str | None

    def spec(self) -> dict[str, Any]:
        """The options that the kind understands, as they were used."""
        values: dict[str, Any] = {
            "clusters": self.clusters,
            "by": self.by,
            "conf_level": self.how.conf_level,
            "seed": self.how.seed,
        }
        values |= {"interval": self.how.interval, "n_boot": self.how.n_boot, "missing": self.how.missing}
        values |= {"n_factors": self.n_factors, "targets": list(self.targets), "raters": self.raters}
        understood = {name: value for name, value in values.items() if name in UNDERSTOOD[self.kind]}
        return {"conf_level": self.how.conf_level, "clusters": self.clusters, **understood}


@dataclass(frozen=True)
class KindParts:
    """Everything an `OmegaResult` is made of, besides its question."""

    items: tuple[str, ...]
    frame: pd.DataFrame
    parts: Mapping[str, pd.DataFrame]
    design: dict[str, Any]
    notes: Sequence[Note]
    method: str
    rows: pd.Index[Any]
    scores: ItemData | None


def options_of(kind: Kind, **given: Any) -> Options:
    """Check the options of a kind; one that it does not understand is refused.

    Raises
    ------
    UsageError
        An unknown kind, or an option without effect for it.

    Examples
    --------
    >>> options_of("hierarchical", n_factors=2).how.n_boot
    500
    """
    if kind not in UNDERSTOOD:
        raise UsageError(f"omega: kind={kind!r} is not known; allowed are {', '.join(UNDERSTOOD)}.")
    asked = {name: value for name, value in given.items() if value != _DEFAULTS.get(name)}
    for name in asked:
        if name not in UNDERSTOOD[kind]:
            homes = ", ".join(one for one, names in UNDERSTOOD.items() if name in names)
            raise UsageError(
                f"omega: {name}= has no effect for kind={kind!r}, which understands "
                f"{', '.join(UNDERSTOOD[kind])}; {name}= belongs to kind {homes}."
            )
    if kind == "multilevel" and asked.get("clusters") is None:
        raise UsageError("omega: kind='multilevel' needs clusters=, the column of the patient.")
    if ("targets" in asked) != ("raters" in asked):
        raise UsageError("omega: targets= and raters= belong together: what was rated, and who rated it.")
    how = _resampling(kind, asked)
    return Options(
        kind, how, asked.get("clusters"), asked.get("by"), asked.get("n_factors", _N_FACTORS),
        tuple(asked.get("targets", ())), asked.get("raters"),
    )  # fmt: skip


def _resampling(kind: Kind, asked: Mapping[str, Any]) -> Resampling:
    interval, n_boot = asked.get("interval", "jackknife"), asked.get("n_boot", _N_BOOT.get(kind, 2000))
    level, seed = asked.get("conf_level", _DEFAULTS["conf_level"]), asked.get("seed", _DEFAULTS["seed"])
    check_interval(interval, level, n_boot)
    if "n_boot" in asked and interval == "jackknife":
        raise UsageError("omega: n_boot= has no effect on the jackknife; it belongs to interval='bootstrap'.")
    helpers = Helpers(asked.get("workers"), asked.get("progress"))
    return Resampling(level, interval, n_boot, seed, asked.get("missing", "fiml"), helpers)


def parts_of(data: pd.DataFrame, items: Sequence[str] | str | None, options: Options) -> KindParts:
    """Read the items and estimate the coefficients of a kind.

    Raises
    ------
    UsageError, ContractError, NotEstimable
        See `doublecode.analysis.omega`.
    """
    if options.kind == "psych_default" and items is None and hasattr(data, "columns"):
        matrix = correlation_matrix(data)
        if matrix is not None:
            answer = psych_default_omega(matrix, options.n_factors)
            return _gathered(answer, matrix.items, dict(answer.design), answer.notes, data.index[:0], None)
    if options.raters is not None:
        data = draw_one_rater(data, options.targets, options.raters, options.how.seed)
        items = [str(c) for c in data.columns if c not in _keys(options)] if items is None else items
    read = read_items(data, items, options.clusters, options.by, least=3)
    rows = data.index[kept_rows(data, read.items)]
    if options.kind == "total":
        return _total(data, read, rows, options)
    answer = _one_level(read, options)
    rule = {"categorical": "pairwise", "hierarchical": options.how.missing}.get(options.kind, "listwise")
    design = missing_counts(read, rule) | dict(answer.design)
    seldom = seldom_together(read) if rule in ("fiml", "pairwise") else []
    return _gathered(answer, read.items, design, [*seldom, *answer.notes], rows, read)


def _keys(options: Options) -> tuple[str | None, ...]:
    return (*options.targets, options.raters, options.clusters)


def _one_level(read: ItemData, options: Options) -> KindAnswer:
    if options.kind == "categorical":
        return categorical_omega(read, options.how)
    if options.kind == "hierarchical":
        return hierarchical_omega(read, options.how, options.n_factors)
    if options.kind == "multilevel":
        return multilevel_omega(read, options.how)
    return psych_default_omega(read, options.n_factors)


def _total(data: pd.DataFrame, read: ItemData, rows: pd.Index[Any], options: Options) -> KindParts:
    """One factor: the pooled rows, then each level of `by`."""
    how, found = options.how, LevelTables()
    for level, part in levels_of(data, read, options.by):
        found.add(level, partial(omega_level, level, part, how))
    notes = [*common_notes(read, options.clusters, how.missing, options.by, data), *found.notes]
    names = ("items", "formulas", "fit", "residuals")
    parts = {name: found.frame(k) for k, name in enumerate(names, 1)}
    method = interval_name(how.interval, read.unit_name, n_units=read.n_units)
    answer = KindAnswer(found.frame(0), parts, read.counts, notes, method)
    return _gathered(answer, read.items, read.counts | missing_counts(read, how.missing), notes, rows, read)


def _gathered(
    answer: KindAnswer, items: tuple[str, ...], design: dict[str, Any], notes: Sequence[Note],
    rows: pd.Index[Any], scores: ItemData | None,
) -> KindParts:  # fmt: skip
    return KindParts(items, answer.frame, answer.parts, design, notes, answer.method, rows, scores)
