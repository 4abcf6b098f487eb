"""What a study asks of its models beyond their coefficients: marginal means, families of tests, who is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Name, Reference, Title
from doublecode.schemas.paper_tables import Papers
from doublecode.schemas.patient_changes import PatientChange
from doublecode.schemas.reported_parts import Reported
from doublecode.schemas.sensitivity import Sensitivity
from doublecode.schemas.study_parts import Correlations, name_or_table, refuse_twice
from doublecode.schemas.therapist_page import TherapistPage


def _several(given: object) -> object:
    """A bare name is one of one."""
    return (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else given


class MarginalMeans(Declared):
    """Marginal means of a declared model, and their contrasts.

    Attributes
    ----------
    name : str
        What the table is called.
    title : str
        Its heading in the report.
    model : str
        Name of a series or of a moderation.
    step : int
        Of a series: the number of the step; without it the last one. Where the step is split within and between
        patients, that version is asked.
    of : tuple of str
        Variables of the model whose levels get a mean each: ``"phase"`` or ``["phase", "arm"]``.
    by : tuple of str
        Variables within whose levels contrasts are taken.
    at : dict
        Values of the reference grid: ``{session = [1, 9]}``.
    slope : str
        A variable whose slope is estimated instead of the mean.
    contrasts : dict
        Weights of your own by name, ``{"late - early" = {late = 1, early = -1}}``; without it all pairs.
    adjust : {"holm", "bonferroni", "bh", "tukey", "none"}
        For the tests of one family.
    """

    name: Name
    title: Title
    model: Reference
    step: int | None = Field(default=None, ge=1)
    of: tuple[Reference, ...] = ()
    by: tuple[Reference, ...] = ()
    at: dict[Reference, float | str | tuple[float | str, ...]] = Field(default_factory=dict)
    slope: Reference | None = None
    contrasts: dict[str, tuple[float, ...] | dict[str, float]] = Field(default_factory=dict)
    adjust: Literal["holm", "bonferroni", "bh", "tukey", "none"] = "holm"

    _names = field_validator("of", "by", mode="before")(_several)

    @model_validator(mode="after")
    def _acts(self) -> Self:
        refuse_twice(f"marginal means {self.name!r}: of and by", (*self.of, *self.by))
        if not (self.of or self.slope):
            raise ValueError(f"marginal means {self.name!r}: name variables in of, or one in slope")
        if self.adjust == "tukey" and self.contrasts:
            raise ValueError(
                f"marginal means {self.name!r}: tukey is for all pairs; with contrasts of your own use holm"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Every variable that it names."""
        return (*self.of, *self.by, *self.at, *((self.slope,) if self.slope else ()))


class FamilyTest(Declared):
    """One test of a family: a coefficient of a model, or contrasts of marginal means.

    Attributes
    ----------
    model : str
        Name of a moderation or a series.
    term : str
        The coefficient, ``"praise"`` or ``"praise:ir"``. Of a moderation the interaction, or the predictor where it
        has none, needs no naming.
    step : int
        Of a series: the number of the step; without it the last one.
    means : str
        In the place of a model: name of declared marginal means, whose contrasts are tests of the family with their
        raw p.
    contrast : str
        One of these contrasts, ``"late - early"``; without it all of them.
    """

    model: Reference | None = None
    term: str | None = Field(default=None, min_length=1)
    step: int | None = Field(default=None, ge=1)
    means: Reference | None = None
    contrast: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.model is None) == (self.means is None):
            raise ValueError("a test of a family names either a model or means; give one of them")
        stray = ("term", "step") if self.means else ("contrast",)
        idle = next((key for key in stray if getattr(self, key) is not None), None)
        if idle is not None:
            raise ValueError(f"a test of a family: {idle} belongs to {'a model' if self.means else 'means'}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: object) -> object:
        """A bare name is the focal test of that moderation."""
        return {"model": given} if isinstance(given, str) else given

    def __str__(self) -> str:
        if self.means is not None:
            return f"{self.means}{'' if self.contrast is None else f': {self.contrast}'}"
        step = "" if self.step is None else f" step {self.step}"
        return f"{self.model}{step}{'' if self.term is None else f': {self.term}'}"


class Family(Declared):
    """Tests that are judged together.

    Attributes
    ----------
    name : str
        What the family is called.
    title : str
        Its heading in the report.
    tests : tuple of FamilyTest
        Names of moderations, ``["rationale_s1", "time_s1"]``, or tables with model, term and step, or with means and
        contrast.
    method : {"holm", "bonferroni", "bh", "fixed"}
        How p is adjusted; ``"fixed"`` leaves it and holds the raw p to `alpha`, as in a paper's .05/12 = .004.
    alpha : float
        Below which an adjusted p counts as significant.
    """

    name: Name
    title: Title
    tests: tuple[FamilyTest, ...] = Field(min_length=1, json_schema_extra=name_or_table)
    method: Literal["holm", "bonferroni", "bh", "fixed"] = "holm"
    alpha: float = Field(default=0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice(f"family {self.name!r}: tests", tuple(map(str, self.tests)))
        alone = len(self.tests) < 2 and (self.tests[0].means is None or self.tests[0].contrast is not None)
        if self.method != "fixed" and alone:
            raise ValueError(f"family {self.name!r}: one test is no family; name several, or leave the family out")
        if self.method == "fixed" and "alpha" not in self.model_fields_set:
            raise ValueError(f"family {self.name!r}: method = 'fixed' needs alpha, such as alpha = 0.004")
        return self


class InteractionFigure(Declared):
    """At which values of the moderator the lines of a moderation's figure stand.

    Attributes
    ----------
    model : str
        Name of a moderation with a moderator.
    form : {"spread", "codes", "median", "cut"}
        Mean and one SD around it, or percentiles where those leave the data (as without an entry); the values of a
        code; the means of both halves at the median; the means below and from `cut` on.
    cut : float
        Of ``"cut"``: 5 makes groups < 5 and ≥ 5.
    """

    model: Name
    form: Literal["spread", "codes", "median", "cut"]
    cut: float | None = None

    @model_validator(mode="after")
    def _acts(self) -> Self:
        if (self.form == "cut") != (self.cut is not None):
            raise ValueError(f"interaction figure of {self.model!r}: cut belongs to form = 'cut', and is needed there")
        return self


class CovariateScreen(Declared):
    """Which covariates go with an outcome, by rank correlation; those that do are candidates for control.

    Attributes
    ----------
    outcomes, covariates : tuple of str
        Variables of the frame.
    alpha : float
        Below which a raw p is marked; Holm's stands beside it.
    """

    outcomes: tuple[Reference, ...] = Field(min_length=1)
    covariates: tuple[Reference, ...] = Field(min_length=1)
    alpha: float = Field(default=0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice("covariate_screen: outcomes and covariates", (*self.outcomes, *self.covariates))
        return self


class MissingComparison(Declared):
    """Whether patients without complete data differ from the others.

    Attributes
    ----------
    complete : tuple of str
        Variables that a patient must have to count as complete.
    compare : tuple of str
        Variables on which both groups are compared.
    """

    complete: tuple[Reference, ...] = Field(min_length=1)
    compare: tuple[Reference, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice("missing_comparison: complete and compare", (*self.complete, *self.compare))
        return self


class FidelityTable(Declared):
    """Which components of a manual were delivered, as shares of the sessions in which they applied.

    Attributes
    ----------
    components : tuple of str
        Variables that are 1 (delivered), 0 (not) or empty (did not apply).
    by_therapist : bool
        Shares of each therapist beside those of all, and therapists as the unit of the limits; else sessions are.
    """

    components: tuple[Reference, ...] = Field(min_length=1)
    by_therapist: bool = True

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice("fidelity: components", self.components)
        return self


class CorrelationTable(Correlations):
    """Variables whose correlations are tabulated, and how the table is printed.

    Attributes
    ----------
    variables : tuple of str
        At least two.
    method : {"pearson", "spearman"}
        Of values or of ranks.
    stars : {"raw", "holm"}
        Stars at p < .05, .01, .001, of the raw p or of Holm's; without it none.
    counts : bool
        The rows of each pair behind its r.
    """

    stars: Literal["raw", "holm"] | None = None
    counts: bool = False


class Findings(Reported):
    """What a study asks beyond its models.

    Attributes
    ----------
    correlations : CorrelationTable
        The table of correlations.
    marginal_means : tuple of MarginalMeans
        Means, slopes and contrasts of declared models.
    families : tuple of Family
        Tests that are judged together.
    interaction_figures : tuple of InteractionFigure
        How the figures of moderations are drawn.
    covariate_screen : CovariateScreen
        Rank correlations of covariates with outcomes.
    missing_comparison : MissingComparison
        Patients with and without complete data.
    fidelity : FidelityTable
        Components of a manual that were delivered.
    patient_changes : tuple of PatientChange
        Reliable and clinically significant change of patients, and sudden gains.
    papers : Papers
        Tables as the paper prints them: ``[[papers.tables]]``.
    sensitivity : Sensitivity
        How far one finding depends on single patients, raters and therapists, and on rules that could be others.
    therapist_page : TherapistPage
        What stands on the page of each therapist.
    """

    correlations: CorrelationTable | None = None
    marginal_means: tuple[MarginalMeans, ...] = ()
    families: tuple[Family, ...] = ()
    interaction_figures: tuple[InteractionFigure, ...] = ()
    covariate_screen: CovariateScreen | None = None
    missing_comparison: MissingComparison | None = None
    fidelity: FidelityTable | None = None
    patient_changes: tuple[PatientChange, ...] = ()
    papers: Papers = Papers()
    sensitivity: Sensitivity | None = None
    therapist_page: TherapistPage | None = None

    @model_validator(mode="after")
    def _asked_once(self) -> Self:
        refuse_twice("marginal_means: name", [one.name for one in self.marginal_means])
        refuse_twice("interaction_figures: model", [one.model for one in self.interaction_figures])
        refuse_twice("families: name", [one.name for one in self.families])
        refuse_twice("patient_changes: name", [one.name for one in self.patient_changes])
        return self

    @property
    def named_variables(self) -> Mapping[str, tuple[str, ...]]:
        """Variables that they name, by the place."""
        screen, missing = self.covariate_screen, self.missing_comparison
        return {
            "covariate_screen": () if screen is None else (*screen.outcomes, *screen.covariates),
            "missing_comparison": () if missing is None else (*missing.complete, *missing.compare),
            "fidelity": () if self.fidelity is None else self.fidelity.components,
            **{f"patient change {one.name!r}": one.variables for one in self.patient_changes},
        }
