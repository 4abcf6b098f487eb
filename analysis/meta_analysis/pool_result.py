"""The answer of :func:`doublecode.analysis.pool`, and what can be asked of it afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from doublecode.analysis.meta_analysis.effect_measures import MEASURES, back
from doublecode.analysis.meta_analysis.pooled_check import PooledCheck
from doublecode.analysis.meta_analysis.pooled_prediction import predicted_at
from doublecode.analysis.meta_analysis.small_study_effects import (
    Estimator,
    Filled,
    Side,
    coefficient_lines,
    egger_lines,
    left_out,
    rank_correlation,
    trim_and_fill,
)
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.tables import (
    Column,
    Kind,
    Table,
    column,
    format_interval,
    format_number,
    format_p,
    level_heading,
)
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from doublecode.analysis.meta_analysis.heterogeneity import Effects
    from doublecode.analysis.meta_analysis.pooled_fit import PooledFit
    from doublecode.analysis.mixed.formula_columns import FormulaColumns

FEW_FOR_FUNNEL: Final = 10


@dataclass(frozen=True, eq=False, repr=False)
class PoolResult(Answer):
    """A pooled effect, or a meta-regression.

    Attributes
    ----------
    spec : dict
        Every argument: method, test, moderators, measure, conf_level, …
    frame : DataFrame
        One row per coefficient: ``term`` (``"pooled"`` without moderators), ``estimate``, ``std_error``, ``df``,
        ``statistic`` (t, or z), ``p_value``, ``conf_low``, ``conf_high``; with `measure` also ``effect, effect_low,
        effect_high`` on its scale.
    variances : DataFrame
        How much true effects differ: ``component``, ``variance`` (τ²), ``sd``, ``std_error``, ``conf_low``,
        ``conf_high`` (Q-profile), ``i2`` with ``i2_low``, ``i2_high``; no row for a fixed effect.
    studies : DataFrame
        One row per effect: ``label``, ``study``, ``estimate``, ``variance``, ``std_error``, ``conf_low``,
        ``conf_high``, ``weight`` (per cent).
    tau2, se_tau2 : float
        Variance of true effects between studies, squared units of the effects, and its standard error.
    tau2_within : float
        Variance of true effects of one study, where it has several; NaN else.
    i2, h2 : float
        I² in per cent, τ²/(τ² + v̄), for a fixed effect (Q − df)/Q; H² = 1/(1 − I²).
    q, q_p : float
        Cochran's Q of what moderators leave, and its p-value by χ² with k − p degrees of freedom.
    prediction : (low, high)
        Where the true effect of a new study lies; NaN for a fixed effect and with moderators.
    omnibus : dict
        Test of all moderators: ``statistic, df1, df2, p_value``; empty without.
    r2 : float
        Per cent of τ² that moderators explain; NaN without.
    loglik : float
        Log-likelihood, restricted for REML.
    design : dict
        ``k``, ``n_studies``, ``n_given``, ``dropped`` (row, label, missing).
    notes : tuple of Note
    rows : Index
        Labels of the rows in use.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    variances: pd.DataFrame
    studies: pd.DataFrame
    tau2: float
    se_tau2: float
    tau2_within: float
    i2: float
    h2: float
    q: float
    q_p: float
    prediction: tuple[float, float]
    omnibus: dict[str, float]
    r2: float
    loglik: float
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]
    effects: Effects
    fit: PooledFit
    formula: str
    recipe: FormulaColumns | None

    def tables(self) -> tuple[Table, ...]:
        """The pooled effect or coefficients, how much effects differ, and the studies."""
        level = self.spec["conf_level"]
        statistic = "*z*" if self.spec["test"] == "z" else "*t*"
        shown = self.frame.assign(pi_low=self.prediction[0], pi_high=self.prediction[1])
        columns = [column("term", ""), *coefficients(self.frame, level, statistic)]
        if not math.isnan(self.prediction[0]):
            columns.append(Column("pi_low", f"{100 * level:g}% PI", "estimate", upper="pi_high"))
        if self.measure is not None:
            kind, heading = ("bounded" if self.measure.bounded else "number"), self.measure.heading
            columns += [
                Column("effect", heading, kind),  # type: ignore[arg-type]
                Column("effect_low", level_heading(level), kind, upper="effect_high"),  # type: ignore[arg-type]
            ]
        found = [Table("pooled", self.heading, shown, tuple(columns))]
        if len(self.variances):
            found.append(
                Table("heterogeneity", "How much true effects differ", self.variances, self._component_columns())
            )
        return (*found, Table("studies", "Studies", self.studies, self._study_columns(), folded=True))

    @property
    def measure(self) -> Any:
        """The measure on whose scale effects are shown too, if one was named."""
        name = self.spec["measure"]
        return None if name is None else MEASURES[name]

    @property
    def heading(self) -> str:
        """Model and test in one line."""
        names = {"hksj": "Hartung–Knapp", "hksj-adhoc": "Hartung–Knapp, never below z", "CR2": "CR2"}
        levels = "Three levels" if self.spec["several"] else "Random effects"
        kind = "Fixed effect" if self.spec["method"] == "FE" else f"{levels} ({self.spec['method']}"
        tail = "" if self.spec["method"] == "FE" else f"; {names.get(self.spec['test'], self.spec['test'])})"
        return f"{kind}{tail}" + (f", {self.spec['moderators']}" if self.omnibus else "")

    def _component_columns(self) -> tuple[Column, ...]:
        level = level_heading(self.spec["conf_level"])
        return (
            column("component", "Component", kind="text"), column("variance", "τ²", kind="estimate", digits=3),
            column("conf_low", level, kind="estimate", digits=3, upper="conf_high"),
            column("sd", "τ", kind="estimate", digits=3),
            column("i2", "I², %", kind="number", digits=1),
            Column("i2_low", level, "number", 1, upper="i2_high"),
        )  # fmt: skip

    def _study_columns(self) -> tuple[Column, ...]:
        return (
            column("label", "Study", kind="text"), column("estimate", "Effect", kind="estimate"),
            column("std_error"), column("conf_low", level_heading(self.spec["conf_level"])),
            column("weight", "Weight, %", kind="number", digits=1),
        )  # fmt: skip

    def counted(self) -> str:
        """Say studies, heterogeneity, and the test of moderators."""
        k, n, df = self.design["k"], self.design["n_studies"], self.effects.df
        lines = [f"{k} studies" if n == k else f"{k} effects of {n} studies"]
        lines.append(f"Q({df}) = {format_number(self.q)}, p {format_p(self.q_p)}")
        if self.omnibus and not math.isnan(self.omnibus["p_value"]):
            one = self.omnibus
            name = "χ²" if math.isnan(one["df2"]) else "F"
            df2 = "" if math.isnan(one["df2"]) else f", {format_number(one['df2'], 'integer')}"
            tested = f"{format_number(one['statistic'])}, p {format_p(one['p_value'])}"
            lines.append(f"moderators {name}({one['df1']:g}{df2}) = {tested}")
            if not math.isnan(self.r2):
                lines.append(f"R² = {format_number(self.r2, 'number', 1)} %")
        return "; ".join(lines)

    def sentence(self) -> str:
        """The result as a paper says it.

        Raises
        ------
        UsageError
            A meta-regression has no one effect.
        """
        if self.omnibus:
            raise UsageError("sentence(): a meta-regression has no one pooled effect; read its coefficients.")
        row, level = self.frame.iloc[0], 100 * self.spec["conf_level"]
        kind = "number"
        value, low, high, symbol = row["estimate"], row["conf_low"], row["conf_high"], "effect"
        ends = self.prediction
        if self.measure is not None:
            kind = "bounded" if self.measure.bounded else "number"
            value, low, high = row["effect"], row["effect_low"], row["effect_high"]
            symbol, ends = self.measure.heading.replace("*", ""), self._shown(ends)
        n = self.design["n_studies"]
        text = (
            f"Over {n} studies the pooled {symbol} was {format_number(value, kind)}, {level:g}% CI "  # type: ignore[arg-type]
            f"{format_interval(low, high, kind)}"  # type: ignore[arg-type]
        )
        if math.isnan(ends[0]):
            return f"{text} (fixed effect; Q({self.effects.df}) = {format_number(self.q)}, p {format_p(self.q_p)})."
        return (
            f"{text}; the true {symbol} of a new study is expected within {format_interval(*ends, kind)} "  # type: ignore[arg-type]
            f"(τ = {format_number(math.sqrt(self.fit.tau2), 'estimate')}, I² = {self.i2:.0f} %)."
        )

    def _shown(self, ends: tuple[float, float]) -> tuple[float, float]:
        low, high = back(self.spec["measure"], np.asarray(ends))
        return float(low), float(high)

    # ---- what can be asked afterwards ----

    def egger(self) -> PooledCheck:
        """Egger's regression on the standard error, as weighted regression and within the model that pooled.

        The slope says whether smaller studies find other effects; ``effect at standard error 0`` is the limit of large
        ones. ``.frame``: ``form``, ``term``, estimate, standard error, test and limits.

        Raises
        ------
        NotEstimable
            Fewer than three effects, or the same standard error in all.
        """
        self._refuse_moderators("egger")
        lines = egger_lines(self.effects, self.spec["method"], self.spec["test"], self.spec["conf_level"])
        frame = pd.DataFrame(lines)
        shown = (column("form", "Form", kind="text"), column("term"), *coefficients(frame, self.spec["conf_level"]))
        return self._check("egger", "Egger’s regression", frame, shown, self._few())

    def rank_test(self) -> PooledCheck:
        """Begg and Mazumdar's rank test: Kendall's τ of standardised effects and variances."""
        self._refuse_moderators("rank_test")
        found = rank_correlation(self.effects)
        frame = pd.DataFrame([{"term": "rank correlation", **found}])
        shown = (column("term", ""), column("estimate", "Kendall’s τ", kind="bounded"), column("p_value"))
        ties = () if found["exact"] else (Note("rank_test_ties"),)
        return self._check("rank_test", "Rank test of funnel asymmetry", frame, shown, (*ties, *self._few()))

    def trim_and_fill(self, estimator: Estimator = "L0", side: Side | None = None) -> PooledCheck:
        """Trim and fill: how many studies seem missing, and the pooled effect with as many mirrored ones.

        Parameters
        ----------
        estimator : {"L0", "R0"}
        side : {"left", "right"}, optional
            Where they may be missing; by default away from where small studies lie.

        Returns
        -------
        PooledCheck
            ``.frame``: the pooled effect as found and with the mirrored studies; ``.design``: ``n_missing``, its
            ``std_error``, ``side``, ``p_value`` (R0 only), and the ``filled`` effects.
        """
        self._refuse_moderators("trim_and_fill")
        found = self._filled(estimator, side)
        frame = pd.DataFrame(
            [self._line("as found", self.fit, self.effects.k), self._line("filled", found.fit, found.effects.k)]
        )
        shown = (column("term", ""), column("k"), *coefficients(frame, self.spec["conf_level"]))
        new = slice(self.effects.k, None)
        design = {
            "n_missing": found.n_missing, "std_error": found.std_error, "side": found.side, "p_value": found.p_value,
            "tau2": found.fit.tau2, "filled": found.effects.y[new].tolist(), "filled_v": found.effects.v[new].tolist(),
        }  # fmt: skip
        told = Note("trim_and_fill", numbers={"n": found.n_missing, "side": found.side, "estimator": estimator})
        return self._check("trim_and_fill", "Trim and fill", frame, shown, (told, *self._few()), design)

    def leave_one_out(self) -> PooledCheck:
        """The pooled effect without each study in turn.

        Raises
        ------
        NotEstimable
            With two studies nothing is left to pool.
        """
        self._refuse_moderators("leave_one_out")
        if self.effects.k < 3:
            raise NotEstimable("leave_one_out: without one of two studies nothing is left to pool.")
        labels = self.studies["label"].tolist()
        frame = left_out(self.effects, labels, self.spec["method"], self.spec["test"], self.spec["conf_level"])
        shown = (
            column("left_out", "Left out", kind="text"), *coefficients(frame, self.spec["conf_level"]),
            column("tau2", "τ²", kind="estimate"), column("i2", "I², %", kind="number", digits=1),
        )  # fmt: skip
        low, high = frame["estimate"].min(), frame["estimate"].max()
        told = Note("left_out_range", numbers={"low": float(low), "high": float(high), "n": len(frame)})
        return self._check("leave_one_out", "Each study left out", frame, shown, (told,))

    def predict(self, moderators: pd.DataFrame) -> PooledCheck:
        """Pooled effects of a meta-regression at values of its moderators, one row each, as :func:`predicted_at` says.

        Raises
        ------
        UsageError
            There are no moderators, whose answer is `.frame` and `.prediction`; or a column is absent.
        ContractError
            A category that no study had.
        """
        if self.recipe is None:
            raise UsageError(
                "predict(): there are no moderators; .frame has the pooled effect, .prediction its interval."
            )
        frame = predicted_at(self.fit, self.recipe, self.formula, moderators, self.spec)
        level = self.spec["conf_level"]
        kind: Kind = "bounded" if self.measure is not None and self.measure.bounded else "estimate"
        shown = (
            *(column(str(name), str(name), kind="text") for name in frame.columns[: frame.columns.get_loc("estimate")]),
            column("estimate", "Effect", kind=kind),
            column("conf_low", level_heading(level), kind=kind, upper="conf_high"),
            column("pi_low", f"{100 * level:g}% PI", kind=kind, upper="pi_high"),
        )  # fmt: skip
        return self._check("predict", "Effects at values of moderators", frame, shown, ())

    def plot(self, kind: Literal["forest", "funnel"] = "forest", ax: Axes | None = None) -> Axes:
        """Draw the studies with the pooled effect (forest), or effects against standard errors (funnel).

        A funnel shows the studies that trim and fill adds as open circles.
        """
        from doublecode.analysis.rendering.meta_figures import forest_of_studies, funnel

        if kind not in ("forest", "funnel"):
            raise UsageError(f"plot: kind is {kind!r}; allowed: 'forest' and 'funnel'.")
        self._refuse_moderators("plot")
        if kind == "forest":
            return forest_of_studies(self.forest_rows(), **self.scale_shown(), ax=ax)
        mirrored = None
        if self.effects.k > 2 and not self.spec["several"]:
            found, new = self._filled("L0", None), slice(self.effects.k, None)
            added = {"estimate": found.effects.y[new], "std_error": np.sqrt(found.effects.v[new])}
            mirrored = pd.DataFrame(added)
        label = "Effect" if self.measure is None else MEASURES[self.measure.natural].heading.replace("*", "")
        level, centre = self.spec["conf_level"], float(self.frame["estimate"].iloc[0])
        return funnel(self.studies, centre, x_label=label, conf_level=level, filled=mirrored, ax=ax)

    def forest_rows(self) -> pd.DataFrame:
        """What a forest shows, on the scale that is shown: studies, the pooled effect, the prediction interval."""
        rows = self.studies[["label", "estimate", "conf_low", "conf_high", "weight"]].assign(kind="study")
        row = self.frame.iloc[0]
        more = [{"label": "Pooled", "estimate": row["estimate"], "conf_low": row["conf_low"],
                 "conf_high": row["conf_high"], "weight": math.nan, "kind": "pooled"}]  # fmt: skip
        low, high = self.prediction
        if not math.isnan(low):
            level = f"{100 * self.spec['conf_level']:g}"
            more.append({"label": f"{level}% prediction interval", "estimate": math.nan, "conf_low": low,
                         "conf_high": high, "weight": math.nan, "kind": "prediction"})  # fmt: skip
        rows = pd.concat([rows, pd.DataFrame(more)], ignore_index=True)
        if self.measure is not None:
            for name in ("estimate", "conf_low", "conf_high"):
                rows[name] = back(self.measure.name, rows[name].to_numpy(float))
        return rows

    def scale_shown(self) -> dict[str, Any]:
        """How the axis of a forest is: its label, the place of no effect, how numbers are written."""
        if self.measure is None:
            return {"x_label": "Effect", "null": 0.0, "kind": "number", "log": False}
        ratio = self.measure.name == "odds_ratio"
        halves = self.measure.name in ("u3", "common_language")
        return {"x_label": self.measure.heading.replace("*", ""), "null": 1.0 if ratio else 0.5 if halves else 0.0,
                "kind": "bounded" if self.measure.bounded else "number", "log": ratio}  # fmt: skip

    def _filled(self, estimator: Estimator, side: Side | None) -> Filled:
        return trim_and_fill(self.effects, self.spec["method"], self.spec["test"], estimator, side)

    def _line(self, term: str, fit: PooledFit, k: int) -> dict[str, Any]:
        return {"k": k, **coefficient_lines(fit, (term,), self.spec["conf_level"])[0]}

    def _few(self) -> tuple[Note, ...]:
        k = self.effects.k
        return (Note("few_for_funnel", numbers={"k": k, "least": FEW_FOR_FUNNEL}),) if k < FEW_FOR_FUNNEL else ()

    def _refuse_moderators(self, asked: str) -> None:
        if self.effects.X.shape[1] > 1:
            raise UsageError(f"{asked}: this is of one pooled effect; pool without moderators first.")
        if self.spec["several"] and asked != "plot":
            raise UsageError(
                f"{asked}: effects of one study are not independent, which this takes for granted; pool one effect "
                "per study first."
            )

    def _check(
        self,
        name: str,
        title: str,
        frame: pd.DataFrame,
        columns: tuple[Column, ...],
        notes: tuple[Note, ...],
        design: dict[str, Any] | None = None,
    ) -> PooledCheck:
        spec = {**self.spec, "asked": name}
        return PooledCheck(spec, frame, {"k": self.effects.k, **(design or {})}, notes, self.rows, name, title, columns)
