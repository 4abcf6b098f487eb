"""What alpha and omega answer: coefficients with limits, the items, and the tables of each kind of omega."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Column, Table, bounded_estimate, column, level_heading
from doublecode.analysis.rendering.wording.consistency import TERM_NAMES
from doublecode.analysis.rendering.wording.phrases import plural
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.consistency.factor_comparison import FactorComparison
    from doublecode.analysis.consistency.item_moments import ItemData
    from doublecode.schemas.results import Note

_COUNTED = ("n_rows", "n_units")


@dataclass(frozen=True, eq=False, repr=False)
class AlphaResult(Answer):
    """Answer of `alpha`.

    `frame`: level, term (alpha, alpha_standardised), estimate, std_error, df, conf_low, conf_high,
    method, n_rows, n_units, status. `items`: level, item, n, mean, sd, r_drop with conf_low and
    conf_high, raw_r, std_r, r_cor, and the coefficients if the item is dropped. `totals`: one row
    per level with raw_alpha, std_alpha, lambda6, average_r, median_r, signal_noise, ase, mean, sd.
    `rows`: labels of the rows that carry an item.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    items: pd.DataFrame
    totals: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("level", "term", "method")

    def tables(self) -> tuple[Table, ...]:
        """Coefficients with both kinds of limits, and the items of the pooled rows."""
        conf_level = self.spec["conf_level"]
        shown = (
            *_level_column(self.frame), column("term", "Coefficient", kind="text"),
            *bounded_estimate("α", conf_level), column("method", "Limits", kind="text"), column("n_rows", "*n*"),
        )  # fmt: skip
        items = column("alpha_if_dropped", "α if dropped", kind="bounded")
        return (
            Table("alpha", "Cronbach's alpha", _named(self.frame), _whole(shown), data=self.frame),
            *_item_tables(self, "alpha_items", conf_level, items),
        )

    def counted(self) -> str:
        """Rows, units and items."""
        return _counted(self.spec, self.design)


@dataclass(frozen=True, eq=False, repr=False)
class OmegaResult(Answer):
    """Answer of `omega`, of whichever kind.

    `frame` has for every kind: level, term, estimate, std_error, df, conf_low, conf_high, formula, n_items, n_rows,
    n_units; `total` and `categorical` add estimator, matrix and below_line, `total` status, `multilevel` model,
    meaning, admissible, reason and unrestricted. The other tables of a kind are attributes of that name:

    ============================  =====================================================================
    kind                          tables beside `frame`
    ============================  =====================================================================
    total                         `items`, `formulas` (the nine coefficients called omega), `fit`, `residuals`
    categorical                   `items` (loading, thresholds), `polychoric` (item, with_item, polychoric)
    hierarchical, psych_default   `loadings` (Schmid–Leiman), `groups` (subscales), `factors` (correlations)
    multilevel                    `loadings` and `fit` of both models
    ============================  =====================================================================

    A table that the kind does not have is refused with the names of those it has. :meth:`compare_factors` asks
    whether subscales measure one thing. `rows`: labels of the rows that carry an item.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    parts: Mapping[str, pd.DataFrame]
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]
    scores: ItemData | None

    label_columns: ClassVar[tuple[str, ...]] = ("level", "model", "term")

    @property
    def items(self) -> pd.DataFrame:
        """Items: their moments, item–total correlations and loadings."""
        return self._part("items")

    @property
    def formulas(self) -> pd.DataFrame:
        """The nine coefficients called omega, pooled rows."""
        return self._part("formulas")

    @property
    def fit(self) -> pd.DataFrame:
        """Fit of the factor model (`total`), of both two-level models (`multilevel`)."""
        return self._part("fit")

    @property
    def residuals(self) -> pd.DataFrame:
        """Residual correlations of the one-factor model, largest first."""
        return self._part("residuals")

    @property
    def loadings(self) -> pd.DataFrame:
        """Schmid–Leiman loadings (`hierarchical`), loadings of both levels (`multilevel`)."""
        return self._part("loadings")

    @property
    def groups(self) -> pd.DataFrame:
        """Group factors: their items, and what the sum of them measures."""
        return self._part("groups")

    @property
    def factors(self) -> pd.DataFrame:
        """Correlations of the oblique factors."""
        return self._part("factors")

    @property
    def polychoric(self) -> pd.DataFrame:
        """Polychoric correlation of every pair of items."""
        return self._part("polychoric")

    def _part(self, name: str) -> pd.DataFrame:
        if name not in self.parts:
            allowed = ", ".join(f".{one}" for one in ("frame", *self.parts))
            raise UsageError(f"omega: kind={self.spec['kind']!r} has no .{name}; it has {allowed}.")
        return self.parts[name]

    def compare_factors(
        self,
        subscales: Mapping[str, Sequence[str]],
        *,
        conf_level: float | None = None,
        missing: Literal["fiml", "listwise"] = "fiml",
    ) -> FactorComparison:
        """Do the subscales measure one thing? Correlated factors against one factor, on the same rows.

        Parameters
        ----------
        subscales
            Name of each factor and its items, e.g. ``{"StH-A": [...], "StH-R": [...]}``; no item twice.
        conf_level
            Level of the interval of the factor correlations; that of omega when not given.
        missing
            ``"fiml"`` or ``"listwise"``.

        Raises
        ------
        UsageError
            Fewer than two subscales, one of a single item, an item twice or unknown; omega of a correlation matrix.
        NotEstimable
            A model without a maximum, or too few rows.

        See Also
        --------
        doublecode.analysis.consistency.factor_comparison.factor_comparison : the models and their fit

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> from doublecode.analysis import omega
        >>> rng = np.random.default_rng(6)
        >>> a, b = rng.normal(size=(2, 200, 1))
        >>> ratings = pd.DataFrame(np.hstack([a + rng.normal(size=(200, 3)), a + b + rng.normal(size=(200, 3))]),
        ...                        columns=["a1", "a2", "a3", "r1", "r2", "r3"])
        >>> answer = omega(ratings).compare_factors({"assigning": ["a1", "a2", "a3"], "reviewing": ["r1", "r2", "r3"]})
        >>> answer.frame[["model", "df"]].to_numpy().tolist()
        [['one factor', 9.0], ['2 correlated factors', 8.0], ['difference', 1.0]]
        """
        from doublecode.analysis.consistency.factor_comparison import factor_comparison

        if self.scores is None:
            raise UsageError("compare_factors: a correlation matrix has no rows; call omega() on the item scores.")
        level = self.spec["conf_level"] if conf_level is None else conf_level
        return factor_comparison(self.scores, self.rows, subscales, conf_level=level, missing=missing)

    def tables(self) -> tuple[Table, ...]:
        """Coefficients with their interval, and the items or loadings of the kind."""
        conf_level = self.spec["conf_level"]
        model = [column("model", "Model", kind="text")] if "model" in self.frame.columns else []
        shown = (
            *_level_column(self.frame), *model, column("term", "Coefficient", kind="text"),
            *bounded_estimate("ω", conf_level), column("n_rows", "*n*"),
            *([column("n_units", "Units")] if self.spec.get("clusters") else []),
        )  # fmt: skip
        main = Table("omega", _KINDS[self.spec["kind"]], _named(self.frame), _whole(shown), data=self.frame)
        if self.spec["kind"] == "total":
            dropped = column("omega_if_dropped", "ω if dropped", kind="bounded")
            return (main, *_item_tables(self, "omega_items", conf_level, dropped))
        return (main, *_part_tables(self.parts, self.spec.get("labels") or {}))

    def counted(self) -> str:
        """Rows, units and items, and how often these were drawn."""
        return _counted(self.spec, self.design) + resampled(self.spec)


def resampled(spec: Mapping[str, Any]) -> str:
    """How the limits of an omega were made, if not by the jackknife."""
    if spec.get("interval", "jackknife") == "jackknife":
        return ""
    return f" Intervals of omega: {spec['method']}, {spec['n_boot']} resamples, seed {spec['seed']}."


def item_columns(items: pd.DataFrame, conf_level: float, dropped: Column | None = None) -> tuple[Column, ...]:
    """Columns of an item table: moments, corrected item–total r with interval, loading, the coefficient if dropped."""
    wanted = (
        column("item", "Item", kind="text"),
        column("n"),
        column("mean"),
        column("sd"),
        column("r_drop", "*r* item–total", kind="bounded"),
        column("conf_low", level_heading(conf_level), kind="bounded"),
        column("loading_std", "Loading", kind="bounded"),
        column("omega_if_dropped", "ω if dropped", kind="bounded") if dropped is None else dropped,
    )
    return tuple(one for one in wanted if one.name in items.columns)


_KINDS = {
    "total": "Omega total",
    "categorical": "Omega of ordered categories",
    "hierarchical": "Omega hierarchical",
    "multilevel": "Omega within and between",
    "psych_default": "Omega as psych prints it",
}


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with its terms in words."""
    return frame.assign(term=[TERM_NAMES.get(term, str(term)) for term in frame["term"]])


def _level_column(frame: pd.DataFrame) -> list[Column]:
    return [column("level", kind="text")] if len(frame["level"].unique()) > 1 else []


def _whole(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Counts as whole numbers."""
    from dataclasses import replace

    return tuple(replace(one, kind="integer") if one.name in _COUNTED else one for one in columns)


def _item_tables(result: AlphaResult | OmegaResult, name: str, conf_level: float, dropped: Column) -> tuple[Table, ...]:
    """Items of the pooled rows, by their labels where a codebook gives some."""
    labels = result.spec.get("labels") or {}
    items = result.items[result.items["level"] == result.items["level"].iloc[0]]
    shown = items.assign(item=[labels.get(item, item) for item in items["item"]])
    return (Table(name, "Items", shown, item_columns(shown, conf_level, dropped)),)


_TITLES = {
    "items": "Items",
    "loadings": "Loadings",
    "groups": "Subscales",
    "fit": "Fit of the models",
}
_WHOLE_NUMBERS = ("n_parameters", "df")


def _part_tables(parts: Mapping[str, pd.DataFrame], labels: Mapping[str, str]) -> list[Table]:
    """The tables of a kind that are read first: items, loadings, subscales, fit."""
    tables = []
    for name in (name for name in _TITLES if name in parts):
        frame = parts[name]
        if "item" in frame.columns:
            frame = frame.assign(item=[labels.get(item, item) for item in frame["item"]])
        tables.append(Table(f"omega_{name}", _TITLES[name], frame, tuple(map(_part_column, *_kinds(frame)))))
    return tables


def _kinds(frame: pd.DataFrame) -> tuple[list[str], list[bool]]:
    return [str(name) for name in frame.columns], [frame[name].dtype.kind in "iuf" for name in frame.columns]


_PART_HEADINGS = {"p_value": "*p*", "chisq": "χ²", "df": "*df*", "loglik": "log *L*", "n_parameters": "Parameters"}
_PART_HEADINGS |= {"h2": "*h*²", "u2": "*u*²", "p2": "*p*²", "g": "*g*", "general": "General", "group": "Group"}
_PART_HEADINGS |= {"omega_total": "ω total", "heywood": "Heywood case", "converged": "Converged"}
_UNBOUNDED = ("chisq", "loglik", "residual_within", "residual_between", "loading_within", "loading_between")


def _part_column(name: str, number: bool) -> Column:
    heading = _PART_HEADINGS.get(name, name.replace("_", " ").capitalize())
    if not number:
        return column(name, heading, kind="text")
    if name == "p_value":
        return column(name, heading, kind="p")
    if name in _WHOLE_NUMBERS:
        return column(name, heading, kind="integer")
    plain = name in _UNBOUNDED or name.startswith("threshold")
    return column(name, heading, kind="number" if plain else "bounded")


def _counted(spec: Mapping[str, Any], design: Mapping[str, Any]) -> str:
    """What the coefficients stand on, in one line."""
    if "n_rows" not in design:
        return f"{len(spec['items'])} items, from their correlations."
    of = f" of {design['n_units']} {plural(spec['clusters'])}" if spec.get("clusters") else ""
    parts = [f"{len(spec['items'])} items, {design['n_rows']} rows{of}"]
    parts += [f"{design['n_missing']} item scores missing"] if design.get("n_missing") else []
    return "; ".join(parts) + "."
