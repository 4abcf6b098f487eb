"""The answer of :func:`doublecode.analysis.moderation`: a regression with its conditional slopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.tables import Table, column, format_number, format_p
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.regression.interaction_lines import InteractionLines, LineForm
    from doublecode.analysis.regression.linear_fit import LinearFit
    from doublecode.analysis.rendering.figures import Axes
    from doublecode.schemas.results import Note


@dataclass(frozen=True, eq=False, repr=False)
class ModerationResult(Answer):
    """A regression with its conditional slopes.

    Attributes
    ----------
    spec : dict
        Formula, predictor, moderator, conf_level, robust, errors, subset; for declared models also name, title.
    frame : DataFrame
        With the standard errors that ``errors`` names, as all tables of slopes and lines:
        ``term``, ``estimate``, ``std_error``, ``df``, ``statistic``, ``p_value``, ``conf_low``,
        ``conf_high``, ``beta_z``, ``beta_posthoc``, ``vif``.
    least_squares, robust : DataFrame
        The estimate columns with the standard errors of least squares, and with heteroscedasticity-consistent ones.
    standardized : DataFrame
        ``term``, ``beta_z`` with ``std_error``, ``conf_low``, ``conf_high``, and ``beta_posthoc``.
    slopes : DataFrame
        Simple slopes: ``at``, ``moderator``, ``moderator_centred``, estimate columns, ``observed``.
    johnson_neyman : DataFrame
        Regions of the observed range: ``control``, ``low``, ``high``, ``slope_low``, ``slope_high``,
        ``significant``, ``direction``, ``n_rows``, ``share``.
    roots : DataFrame
        Boundaries of significance: ``control``, ``critical_t``, ``moderator``, ``moderator_centred``, ``observed``.
    slope_band : DataFrame
        Slope and bands over the observed range of the moderator, for the figure.
    lines : DataFrame
        Expected outcome at predictor × moderator, covariates at their means, for the figure.
    diagnostics : DataFrame
        ``row``, ``fitted``, ``residual``, ``rstudent``, ``leverage``, ``cooks_d``,
        ``distance2`` and ``distance_p`` (squared Mahalanobis distance over predictors, covariates and
        product, and its chi-square p-value).
    outcome : str
        The outcome as the formula has it.
    linear : LinearFit
        The bare fit, for marginal means.
    points : DataFrame
        Columns of the model on the analysed rows, and the outcome; the index is that of the data.
    design : dict
        Counts, dropped rows, centres, fit of the whole model, ΔR² of the interaction, rows whose
        Mahalanobis distance has p < .001 (``multivariate_outliers``; Tabachnick & Fidell 2013), the row of the
        largest Cook's D with the focal estimate without it (``largest_influence``), the focal estimate without the
        flagged rows (``without_outliers``).
    notes : tuple of Note

    Without an interaction the tables of conditional slopes have no rows.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    least_squares: pd.DataFrame
    robust: pd.DataFrame
    standardized: pd.DataFrame
    slopes: pd.DataFrame
    johnson_neyman: pd.DataFrame
    roots: pd.DataFrame
    slope_band: pd.DataFrame
    lines: pd.DataFrame
    diagnostics: pd.DataFrame
    outcome: str
    linear: LinearFit
    points: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]

    @property
    def rows(self) -> pd.Index[Any]:
        """Labels of the analysed rows."""
        return self.points.index

    @property
    def beside(self) -> tuple[str, pd.DataFrame]:
        """The errors that do not decide, by their name, and the coefficients with them."""
        decided = self.spec["errors"] == "robust"
        return ("least squares", self.least_squares) if decided else (self.spec["robust"], self.robust)

    def tables(self) -> tuple[Table, ...]:
        """Coefficients and, where there is an interaction, simple slopes and Johnson–Neyman regions."""
        optional = (self._slopes_table, self._regions_table)
        return (self._coefficient_table(), *(table for make in optional if (table := make()) is not None))

    def _coefficient_table(self) -> Table:
        level, (kind, other) = self.spec["conf_level"], self.beside
        limits = {"beside_low": other["conf_low"], "beside_high": other["conf_high"]}
        columns = [column("term"), *coefficients(self.frame.drop(columns="df"), level)]
        columns += [column("beta_z", "β")] if self.frame["beta_z"].notna().any() else []
        columns += [column("beside_low", f"{100 * level:g}% CI, {kind}", kind="estimate", upper="beside_high")]
        return Table("coefficients", str(self.spec["formula"]), self.frame.assign(**limits), tuple(columns))

    def _slopes_table(self) -> Table | None:
        if self.slopes.empty:
            return None
        place = (column("at", f"{self.spec['moderator']} at", kind="text"), column("moderator", "Value"))
        columns = (*place, *coefficients(self.slopes, self.spec["conf_level"]))
        return Table("simple_slopes", f"Simple slopes of {self.spec['predictor']}", self.slopes, columns)

    def _regions_table(self) -> Table | None:
        if self.johnson_neyman.empty:
            return None
        found = self.johnson_neyman
        shown = found.assign(reading=found["direction"].where(found["significant"].astype(bool), "not significant"))
        columns = (
            column("control", "Error control", kind="text"), column("low", "From"), column("high", "To"),
            column("reading", "Slope there", kind="text"), column("n_rows", "Rows", kind="integer"),
            column("share", "Share", kind="percent", digits=0),
        )  # fmt: skip
        title = f"Slope of {self.spec['predictor']} over {self.spec['moderator']} (Johnson–Neyman)"
        return Table("johnson_neyman", title, shown, columns)

    def counted(self) -> str:
        """Say the rows and the fit of the whole model."""
        found = self.design
        r2, f = format_number(found["r_squared"], "bounded"), format_number(found["f_statistic"])
        p = format_p(found["p_value"])
        text = f"{found['n_rows']} rows; R² = {r2}, F({found['df1']:g}, {found['df2']:g}) = {f}, p {p}"
        if "delta_r_squared" in found:
            text += f"; ΔR² of the interaction {format_number(found['delta_r_squared'], 'bounded')}"
        return text

    def plot(self, form: LineForm = "spread", *, cut: float | None = None) -> Axes:
        """Draw lines of the interaction with their bands over the observed range of the predictor, and the rows.

        Parameters
        ----------
        form : {"spread", "codes", "median", "cut"}
            At which values of the moderator: see
            :func:`doublecode.analysis.regression.interaction_lines.interaction_lines`.
        cut : float, optional
            Of ``"cut"``.

        Raises
        ------
        UsageError
            There is no interaction, or the form does not fit the moderator.
        """
        from doublecode.analysis.rendering.interaction_figures import interaction

        found = self.drawn(form, cut)
        predictor, moderator = self.spec["predictor"], self.spec["moderator"]
        return interaction(
            self.points, found.lines, predictor=predictor, outcome=self.outcome, moderator=moderator,
            groups=found.groups,
        )  # fmt: skip

    def drawn(self, form: LineForm = "spread", cut: float | None = None) -> InteractionLines:
        """What :meth:`plot` draws: the lines with their bands, and the groups of the rows."""
        from doublecode.analysis.regression.interaction_lines import interaction_lines

        predictor, moderator = self.spec["predictor"], self.spec["moderator"]
        if moderator is None:
            raise UsageError(f"{self.spec['formula']!r} has no interaction to draw.")
        points = dict(zip(self.lines["at"], self.lines["moderator"], strict=True))
        return interaction_lines(self.linear, (predictor, moderator), form, cut=cut, points=points)
