"""What icc() answers: coefficients with their variances, a sentence, a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, bounded_estimate, column
from doublecode.analysis.rendering.wording.set_counts import sets_words
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.reliability.bootstrap import BootstrapResult
    from doublecode.analysis.reliability.form_tables import Estimates
    from doublecode.analysis.rendering.figures import Axes
    from doublecode.analysis.rendering.tables import Column
    from doublecode.analysis.results.rules import Rule


@dataclass(frozen=True, eq=False, repr=False)
class ICCResult(Answer):
    """Intraclass correlations that remember their question.

    Attributes
    ----------
    spec : dict
        The arguments.
    frame : DataFrame
        One row per set, level and form: grouping columns, ``level, form, shrout_fleiss, k, estimate,
        conf_low, conf_high, statistic, df1, df2, p_value, method``.
    design : dict
        ``kind``, counts, dropped rows, and the same per set under ``sets``.
    notes : tuple of Note
        Warnings with numbers.
    estimates : Estimates
        The numbers behind the tables.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    estimates: Estimates = field(repr=False)

    label_columns: ClassVar[tuple[str, ...]] = ("level", "form")

    @property
    def rows(self) -> pd.Index[Any]:
        """Labels of the rows that hold a rating."""
        return self.estimates.read.rows

    @cached_property
    def variances(self) -> pd.DataFrame:
        """Variance components: grouping columns, ``component, variance, sd, share``."""
        from doublecode.analysis.reliability.form_tables import variance_table

        return variance_table(self.estimates.read, self.estimates.blocks)

    @cached_property
    def rater_bias(self) -> pd.DataFrame:
        """Test that raters do not differ: grouping columns, ``statistic, df1, df2, p_value``; may be empty."""
        from doublecode.analysis.reliability.form_tables import bias_table

        return bias_table(self.estimates.read, self.estimates.blocks)

    def sentence(self, rule: str | Rule = "koo2016", form: str | None = None) -> str:
        """Return the sentence to paste, one line per set.

        Parameters
        ----------
        rule : str or Rule
            Cut-offs for the adjective, which is taken from the interval.
        form : str, optional
            Which coefficient, for example ``"ICC(A,1)"``; by default the one of the
            scores as the design yields them.
        """
        from doublecode.analysis.reliability.reported_form import sentence_facts
        from doublecode.analysis.rendering.wording.icc_sentence import icc_sentence
        from doublecode.analysis.results.rules import rule_named

        chosen = rule_named(rule) if isinstance(rule, str) else rule
        if form is not None and form not in set(self.frame["form"]):
            forms = ", ".join(dict.fromkeys(self.frame["form"]))
            raise UsageError(f"sentence: the result holds no form {form!r}; it holds {forms}.")
        every = (sentence_facts(self.frame, self.estimates, self.spec, one, form) for one in self.design["sets"])
        return "\n".join(icc_sentence(facts, chosen) for facts in every)

    def tables(self) -> tuple[Table, ...]:
        """Coefficients, variance components, test of rater bias."""
        groups = tuple(column(name, kind="text") for name in self.spec["by"])
        parts = (*groups, column("component", "Component", kind="text"), column("variance", "Variance", digits=3),
                 column("sd"), column("share", "Share", kind="percent", digits=1))  # fmt: skip
        test = (*groups, *_test_columns())
        return (
            Table("icc", "Intraclass correlations", self.frame, self._form_columns(groups)),
            Table("icc_variances", "Variance components", self._named_parts(), parts, data=self.variances),
            *([Table("icc_rater_bias", self._asked_of_raters(), self.rater_bias, test)]
              if len(self.rater_bias) else []),
        )  # fmt: skip

    def _named_parts(self) -> pd.DataFrame:
        """Variance components; of recodes the occasions stand where the raters stand elsewhere."""
        if not self.spec.get("intra_rater"):
            return self.variances
        return self.variances.assign(component=self.variances["component"].replace("rater", "occasion"))

    def _asked_of_raters(self) -> str:
        recodes = self.spec.get("intra_rater")
        return "Do codes shift between the occasions?" if recodes else "Do raters differ in severity?"

    def _form_columns(self, groups: tuple[Column, ...]) -> tuple[Column, ...]:
        level = (column("level"),) if self.spec["clusters"] else ()
        tested = self.frame["statistic"].notna().any()
        return (
            *groups, *level, column("form"), column("shrout_fleiss"), column("k", kind="count"),
            *bounded_estimate("ICC", self.spec["conf_level"]), *(_test_columns() if tested else ()),
        )  # fmt: skip

    def counted(self) -> str:
        """Count targets, raters and ratings."""
        judges = "occasions" if self.spec.get("intra_rater") else "raters"
        return sets_words(self.design["sets"], self.spec["targets"], judges)

    def plot(self, rule: str | Rule = "koo2016", *, ax: Axes | None = None) -> Axes:
        """Draw the coefficient of the scores as the design yields them, one row per set.

        Parameters
        ----------
        rule : str or Rule
            Its cut-offs are drawn as thin lines.
        ax : matplotlib Axes, optional
            Where to draw; a figure of its own by default.
        """
        from doublecode.analysis.reliability.reported_form import forest_rows
        from doublecode.analysis.rendering.reliability_figures import icc_forest

        return icc_forest(forest_rows(self.frame, self.design["sets"]), rule, ax=ax)

    def bootstrap(self, *, draws: int = 2000, seed: int = 0) -> BootstrapResult:
        """Resample the targets and take the raters as they are: percentile intervals, labelled *raters fixed*.

        See :func:`doublecode.analysis.reliability.bootstrap.bootstrapped`.
        """
        from doublecode.analysis.reliability.bootstrap import bootstrapped

        return bootstrapped(self.estimates.read, self.spec, draws=draws, seed=seed)

    def _labelled(self, columns: list[str]) -> pd.DataFrame:
        table = super()._labelled(columns)
        return table if self.spec["clusters"] else table.droplevel("level")


def _test_columns() -> tuple[Column, ...]:
    return (column("statistic", "*F*"), column("df1"), column("df2"), column("p_value"))
