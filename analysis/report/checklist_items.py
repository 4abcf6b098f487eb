"""Items of three reporting checklists in our own short words, and where a report answers them.

The lists belong to their authors and are cited; an item here is a pointer to theirs by its number or topic, not a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Item:
    """An item of a checklist.

    Attributes
    ----------
    number : str
        As its list numbers it, else its heading.
    topic : str
    at : tuple of str
        Anchors of sections that answer it, as :func:`doublecode.analysis.report.checklists.checklists_document` knows
        them.
    write : str
        What is left to write where a section answers it in part; empty where it is answered.
    """

    number: str
    topic: str
    at: tuple[str, ...] = ()
    write: str = ""


@dataclass(frozen=True)
class Source:
    """A checklist: its short name, what it is, its source, its items."""

    name: str
    title: str
    citation: str
    items: tuple[Item, ...]


GRRAS: Final = Source(
    "grras",
    "GRRAS: reliability and agreement",
    "Kottner, J., Audigé, L., Brorson, S., Donner, A., Gajewski, B. J., Hróbjartsson, A., Roberts, C., Shoukri, M., & "
    "Streiner, D. L. (2011). Guidelines for Reporting Reliability and Agreement Studies (GRRAS) were proposed. Journal "
    "of Clinical Epidemiology, 64(1), 96–106. https://doi.org/10.1016/j.jclinepi.2010.03.002",
    (
        Item("1", "Title or abstract say that reliability or agreement was studied"),
        Item("2", "The instrument: name, what it measures", ("methods",), "what it measures, and its version in use"),
        Item("3", "Patients and sessions that the result is meant for", ("sample",), "whom it is to hold for"),
        Item("4", "Raters that the result is meant for", ("raters",), "whom they stand for"),
        Item("5", "What is known of its reliability, and why it was studied again"),
        Item(
            "6",
            "How the numbers of sessions, raters and repeated ratings were chosen",
        ),
        Item("7", "How sessions and raters were sampled", ("rows",), "how they were chosen"),
        Item("8", "How ratings were made: time between them, what raters knew, blinding"),
        Item("9", "Whether ratings were made independently"),
        Item("10", "Statistical analysis", ("methods",)),
        Item("11", "Numbers of raters, sessions and repeated ratings that were reached", ("reliability", "rows")),
        Item("12", "Who raters and patients were", ("sample", "raters"), "training and experience of the raters"),
        Item("13", "Estimates of reliability and agreement with their uncertainty", ("reliability",)),
        Item("14", "What the result means in practice"),
        Item("15", "Results in detail, for those who want to use them", ("details",)),
    ),
)
MIXED: Final = Source(
    "mixed-models",
    "Mixed models",
    "Meteyard, L., & Davies, R. A. I. (2020). Best practice guidance for linear mixed-effects models in psychological "
    "science. Journal of Memory and Language, 112, 104092. https://doi.org/10.1016/j.jml.2020.104092",
    (
        Item("Before", "Hypotheses, and which models answer them"),
        Item(
            "Before",
            "Sample size: patients, sessions, and the power or precision aimed at",
            ("rows",),
            "how it was chosen",
        ),
        Item("Data", "What was left out and why, before and after a look at the data", ("rows",)),
        Item("Data", "Transformations, coding and centring of predictors", ("methods", "outliers")),
        Item("Model", "Software, packages, versions", ("methods",)),
        Item("Model", "Every formula, fixed and random part", ("methods",)),
        Item(
            "Model", "How the random part was chosen", ("deviations",), "why intercepts and slopes vary by what they do"
        ),
        Item("Model", "Steps of model building, and by what models were compared", ("methods", "series")),
        Item("Model", "Estimation, and how *p* and degrees of freedom were found", ("methods",)),
        Item(
            "Model",
            "Fits that did not converge or are singular, and what was done",
            ("robustness", "warnings", "series"),
        ),
        Item(
            "Model",
            "Assumptions: residuals, random effects, influential rows",
            ("series",),
            "what you conclude from them",
        ),
        Item("Results", "All fixed effects: estimate, standard error, interval, test", ("series",)),
        Item("Results", "Random effects: variances and correlations", ("series",)),
        Item("Results", "Fit and comparisons of models", ("series",)),
        Item("Results", "Share of variance between and within patients", ("results", "series")),
        Item("Sharing", "Data and code, or why not", ("details",), "where they can be had"),
    ),
)
JARS: Final = Source(
    "jars-quant",
    "JARS–Quant: quantitative studies",
    "Appelbaum, M., Cooper, H., Kline, R. B., Mayo-Wilson, E., Nezu, A. M., & Rao, S. M. (2018). Journal article "
    "reporting standards for quantitative research in psychology. American Psychologist, 73(1), 3–25. "
    "https://doi.org/10.1037/amp0000191",
    (
        Item("Front", "Title, author note, abstract"),
        Item("Introduction", "Problem, earlier work, aims"),
        Item("Introduction", "Hypotheses: primary, secondary, planned", ("plan",), "the hypotheses themselves"),
        Item("Method", "Who could take part, who was left out", ("rows",), "the criteria"),
        Item("Method", "Patients, therapists: demographic and clinical facts", ("sample",)),
        Item("Method", "Sampling, setting, dates, consent, ethics board"),
        Item("Method", "Sample size aimed at, power or precision", ("rows",), "how it was chosen"),
        Item("Method", "Measures, with their sources", ("methods",), "what each measures"),
        Item("Method", "Who collected and rated, their training", ("raters",), "the training"),
        Item("Method", "Quality of measurement: double coding, checks", ("reliability", "screens", "data")),
        Item("Method", "Masking of raters, patients, therapists"),
        Item("Method", "Psychometrics: reliability in these data", ("reliability", "consistency", "recodes")),
        Item("Method", "Design, conditions, treatment and its delivery", ("fidelity",), "design and treatment"),
        Item("Method", "Checks of the data: outliers, missing values", ("outliers", "covariates", "rows")),
        Item("Method", "Analytic strategy, error rates, families of tests", ("methods",)),
        Item("Results", "Flow of patients and sessions", ("rows",)),
        Item("Results", "Missing data: how much, why, how treated", ("rows", "covariates", "methods")),
        Item("Results", "Means, standard deviations, numbers, correlations", ("descriptives", "correlations")),
        Item("Results", "Tests: exact *p*, df, estimate, interval", ("results", "series", "moderation")),
        Item("Results", "Complex models, problems in fitting them", ("series", "warnings", "not-estimated")),
        Item("Results", "Software", ("methods",)),
        Item("Results", "Deviations from the plan", ("plan",)),
        Item("Discussion", "Which hypotheses hold, other explanations, limits, to whom it applies"),
    ),
)  # fmt: skip
