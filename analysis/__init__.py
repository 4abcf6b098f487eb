"""The researcher's room: every function takes a frame and gives a result that prints itself.

``print(result)`` shows tables, counts and notes; ``result.frame`` holds the numbers with full precision,
``result.spec`` the question, ``result.design`` the counts, ``result.notes`` the facts to read it with. A result is a
table in a notebook, ``to_markdown()`` makes it text, and ``plot()`` draws it where a figure exists,
and ``to_docx()``, ``to_xlsx()`` and ``to_latex()`` write it for a manuscript.

Do raters tell targets apart? (reliability)
    icc             intraclass correlations of any design: complete, rotating pairs, one-way, nested
    intra_rater     the same for one rater's recodes
    dyad_icc        mean over pairs of raters, a reproduction of what papers print
    g_study         variance components of any facets, generalizability and dependability
    d_study         expected reliability of other numbers of raters, items, sessions
    drift           severity of raters and its change over time
    ordinal_severity  severity of raters on the latent scale of ordinal ratings, with fair averages

Do they say the same? (agreement)
    agreement       per cent, scale points, kappas, Gwet's AC, Krippendorff's alpha; nominal and multiple codes
    certify         trainees against an expert key and a pass mark, and what to hear again
    bland_altman    bias and limits of agreement, with the picture

Was it coded honestly? (screening)
    screen_ratings  copied rows, straight lines, slipped columns, reversed codes, and what else no single cell shows

Do items measure one thing? (consistency)
    alpha           Cronbach's alpha with limits, items and what happens without each
    omega           omega of five kinds: total, categorical, hierarchical, multilevel, psych_default

What does a sample look like? (description)
    describe        moments, missing values, shape, by group
    sample_table    the sample as papers print it
    compare_missing  people without complete data beside the others
    correlate       correlations, within and between patients too
    winsorise       values beyond the fences, brought to the fence, every change listed
    fidelity        components of a manual that were delivered
    screen_covariates  which covariates go with an outcome, by ranks
    mahalanobis     distances of rows from the middle of several variables
    log_counts      homework logs: counts, completion, difficulties

From codes to findings (linking)
    build_frame     one row per session or patient, with the ledger of every row
    within_between  a predictor as the patient's mean and the deviation from it
    fit_series      models step by step on one common set of rows, as declared and split
    fit_generalized_series  the same of outcomes that are done or not, counted, or in ordered categories
    reliable_change  who changed reliably and crossed the cut-off, by Jacobson and Truax
    sudden_gains    large, lasting improvements between sessions, by Tang and DeRubeis
    patient_outcome  outcome of patients on their mean over sessions, adjusted for the baseline
    impute          missing session scores drawn several times, patients and sessions kept apart
    pool_imputed    one model fitted to each of them, by Rubin's rules
    correct_for_raters  the slope that codes without error would show, beside the naive one
    cross_lagged    which of two variables leads, stable differences removed
    mediation       indirect effects: one level, within and between patients

Multilevel models (mixed)
    fit_mixed       linear mixed model with lme4's formulas
    fit_generalized  the same for outcomes done or not, and counts
    fit_many        one model, many outcomes at once
    fit_ladder      the richest random part that the data carry
    compare         likelihood-ratio tests on the same rows
    confint         limits by Wald, profile likelihood or bootstrap
    profile_function  the profile of one parameter

Regression and groups
    fit_linear      plain regression with factors and any interactions
    marginal_means  means, slopes and contrasts of any fitted model, as emmeans
    moderation      moderated regression, simple slopes, Johnson–Neyman regions
    family_of_tests  tests of any models judged together, raw and adjusted
    interaction_family  several interactions as one family of tests
    group_anova     one-way analysis of variance

Before the data (planning)
    power           power and expected widths of a planned study, simulated as it will be rated and analysed
    PlannedStudy    patients, sessions, raters, losses and variances of a study that is planned
    regression_power  power of terms of a linear regression, in closed form
    precision       expected width of an ICC's interval under a plan of who rates what
    icc_widths      the same for numbers of sessions, raters and shares, closed forms beside
    study_design    the planned study that a study folder declares, each part with its origin
    patient_design  the same of a regression with one value per patient

Beside other studies (meta_analysis)
    pool            one effect over studies: random effects, Hartung–Knapp, prediction interval, meta-regression
    published_effects  what meta-analyses of homework printed, with their disagreements
    beside_published  an own correlation between patients beside them
    convert_effect  d, g, r, odds ratio, U3 and common language, one into another

Before a paper goes out (auditing)
    audit           printed numbers recomputed from one another; what does not add up, as a question

A whole study
    read_study      what lies in a study folder: ratings, outcomes, tables, and what is wrong with them
    study_frame     its analysis frame: one row per session or patient, with the ledger of every row
    declared_frame  the same from tables that were read and scored
    consistency_table  item–total correlations, alpha and omega of every scale of some instruments
    side_by_side    models in one table, a column for each, as papers print them
    study_sensitivity  findings without each patient, rater, therapist, under other rules and with CR2
    therapist_pages  each therapist's coded behaviors against team and threshold, with a small-cell rule
    reliability_of_studies  ICC and omega of many studies in one table, the broken ones named
    study_status    how far the coding is: done, late, pace, pairs, hours left
    Workers         cores or a Dask cluster for long work, and where answers are kept as they come
    run_study       read a study folder, analyse what it declares, write its report
    compare_published  every number that a paper prints beside ours, with a verdict
    printed_tables  the tables of the paper that a study declares, in every form

Each name's ``help()`` has its parameters, formulas, sources and an example. Instruments and studies are loaded from
``doublecode.schemas``; allocation, workbooks, ledger and scores stand in ``doublecode.coding``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.schemas.doors import doors

if TYPE_CHECKING:
    from doublecode.analysis.auditing.audited_text import audit as audit
    from doublecode.analysis.concordance.coefficients import agreement as agreement
    from doublecode.analysis.concordance.limits_of_agreement import bland_altman as bland_altman
    from doublecode.analysis.consistency.alpha_omega import alpha as alpha
    from doublecode.analysis.consistency.alpha_omega import omega as omega
    from doublecode.analysis.description.correlations import correlate as correlate
    from doublecode.analysis.description.covariate_screen import screen_covariates as screen_covariates
    from doublecode.analysis.description.descriptives import describe as describe
    from doublecode.analysis.description.homework import log_counts as log_counts
    from doublecode.analysis.description.manual_fidelity import fidelity as fidelity
    from doublecode.analysis.description.missing_comparison import compare_missing as compare_missing
    from doublecode.analysis.description.outliers import mahalanobis as mahalanobis
    from doublecode.analysis.description.outliers import winsorise as winsorise
    from doublecode.analysis.description.sample import sample_table as sample_table
    from doublecode.analysis.linking.frame import build_frame as build_frame
    from doublecode.analysis.linking.generalized_series import fit_generalized_series as fit_generalized_series
    from doublecode.analysis.linking.imputation import impute as impute
    from doublecode.analysis.linking.imputed_fits import pool_imputed as pool_imputed
    from doublecode.analysis.linking.indirect_effect import mediation as mediation
    from doublecode.analysis.linking.lead_and_lag import cross_lagged as cross_lagged
    from doublecode.analysis.linking.patient_change import reliable_change as reliable_change
    from doublecode.analysis.linking.patient_outcomes import patient_outcome as patient_outcome
    from doublecode.analysis.linking.rater_correction import correct_for_raters as correct_for_raters
    from doublecode.analysis.linking.series import fit_series as fit_series
    from doublecode.analysis.linking.splitting import within_between as within_between
    from doublecode.analysis.linking.sudden_gain_criteria import sudden_gains as sudden_gains
    from doublecode.analysis.meta_analysis.effect_conversion import convert_effect as convert_effect
    from doublecode.analysis.meta_analysis.published import beside_published as beside_published
    from doublecode.analysis.meta_analysis.published import published_effects as published_effects
    from doublecode.analysis.meta_analysis.random_effects import pool as pool
    from doublecode.analysis.mixed import compare as compare
    from doublecode.analysis.mixed import confint as confint
    from doublecode.analysis.mixed import fit_generalized as fit_generalized
    from doublecode.analysis.mixed import fit_ladder as fit_ladder
    from doublecode.analysis.mixed import fit_many as fit_many
    from doublecode.analysis.mixed import fit_mixed as fit_mixed
    from doublecode.analysis.mixed import profile_function as profile_function
    from doublecode.analysis.planning.icc_designs import icc_widths as icc_widths
    from doublecode.analysis.planning.interval_width import precision as precision
    from doublecode.analysis.planning.planned_study import PlannedStudy as PlannedStudy
    from doublecode.analysis.planning.regression_terms import regression_power as regression_power
    from doublecode.analysis.planning.simulated_power import power as power
    from doublecode.analysis.regression.estimated_means import marginal_means as marginal_means
    from doublecode.analysis.regression.families import family_of_tests as family_of_tests
    from doublecode.analysis.regression.families import interaction_family as interaction_family
    from doublecode.analysis.regression.group_differences import group_anova as group_anova
    from doublecode.analysis.regression.linear_regression import fit_linear as fit_linear
    from doublecode.analysis.regression.moderated import moderation as moderation
    from doublecode.analysis.reliability.decision import d_study as d_study
    from doublecode.analysis.reliability.dyads import dyad_icc as dyad_icc
    from doublecode.analysis.reliability.generalizability import g_study as g_study
    from doublecode.analysis.reliability.interrater import icc as icc
    from doublecode.analysis.reliability.interrater import intra_rater as intra_rater
    from doublecode.analysis.reliability.latent_severity import ordinal_severity as ordinal_severity
    from doublecode.analysis.reliability.severity import drift as drift
    from doublecode.analysis.report.folder import run_study as run_study
    from doublecode.analysis.report.paper_printing import printed_tables as printed_tables
    from doublecode.analysis.report.published_comparison import compare_published as compare_published
    from doublecode.analysis.results.spread_work import Workers as Workers
    from doublecode.analysis.screening.rating_screens import screen_ratings as screen_ratings
    from doublecode.analysis.study.coding_status import study_status as study_status
    from doublecode.analysis.study.declared_models import declared_frame as declared_frame
    from doublecode.analysis.study.design_of_patients import patient_design as patient_design
    from doublecode.analysis.study.design_of_study import study_design as study_design
    from doublecode.analysis.study.frame_of_study import study_frame as study_frame
    from doublecode.analysis.study.model_columns import side_by_side as side_by_side
    from doublecode.analysis.study.reliability_of_many import reliability_of_studies as reliability_of_studies
    from doublecode.analysis.study.run import read_study as read_study
    from doublecode.analysis.study.scale_consistency import consistency_table as consistency_table
    from doublecode.analysis.study.sensitivity_of_study import study_sensitivity as study_sensitivity
    from doublecode.analysis.study.therapist_facts import therapist_pages as therapist_pages
    from doublecode.analysis.training.certification import certify as certify

_HOME = {
    "PlannedStudy": "planning.planned_study",
    "Workers": "results.spread_work",
    "agreement": "concordance.coefficients",
    "alpha": "consistency.alpha_omega",
    "audit": "auditing.audited_text",
    "beside_published": "meta_analysis.published",
    "bland_altman": "concordance.limits_of_agreement",
    "build_frame": "linking.frame",
    "certify": "training.certification",
    "compare": "mixed",
    "compare_missing": "description.missing_comparison",
    "confint": "mixed",
    "consistency_table": "study.scale_consistency",
    "convert_effect": "meta_analysis.effect_conversion",
    "correct_for_raters": "linking.rater_correction",
    "correlate": "description.correlations",
    "cross_lagged": "linking.lead_and_lag",
    "d_study": "reliability.decision",
    "declared_frame": "study.declared_models",
    "drift": "reliability.severity",
    "describe": "description.descriptives",
    "dyad_icc": "reliability.dyads",
    "family_of_tests": "regression.families",
    "fidelity": "description.manual_fidelity",
    "fit_generalized": "mixed",
    "fit_generalized_series": "linking.generalized_series",
    "fit_ladder": "mixed",
    "fit_linear": "regression.linear_regression",
    "fit_many": "mixed",
    "fit_mixed": "mixed",
    "fit_series": "linking.series",
    "g_study": "reliability.generalizability",
    "group_anova": "regression.group_differences",
    "icc": "reliability.interrater",
    "impute": "linking.imputation",
    "interaction_family": "regression.families",
    "intra_rater": "reliability.interrater",
    "log_counts": "description.homework",
    "mahalanobis": "description.outliers",
    "marginal_means": "regression.estimated_means",
    "moderation": "regression.moderated",
    "mediation": "linking.indirect_effect",
    "omega": "consistency.alpha_omega",
    "ordinal_severity": "reliability.latent_severity",
    "patient_outcome": "linking.patient_outcomes",
    "pool": "meta_analysis.random_effects",
    "pool_imputed": "linking.imputed_fits",
    "power": "planning.simulated_power",
    "precision": "planning.interval_width",
    "icc_widths": "planning.icc_designs",
    "printed_tables": "report.paper_printing",
    "profile_function": "mixed",
    "published_effects": "meta_analysis.published",
    "read_study": "study.run",
    "reliability_of_studies": "study.reliability_of_many",
    "regression_power": "planning.regression_terms",
    "reliable_change": "linking.patient_change",
    "run_study": "report.folder",
    "compare_published": "report.published_comparison",
    "sample_table": "description.sample",
    "screen_covariates": "description.covariate_screen",
    "screen_ratings": "screening.rating_screens",
    "side_by_side": "study.model_columns",
    "study_frame": "study.frame_of_study",
    "patient_design": "study.design_of_patients",
    "study_design": "study.design_of_study",
    "study_sensitivity": "study.sensitivity_of_study",
    "therapist_pages": "study.therapist_facts",
    "study_status": "study.coding_status",
    "sudden_gains": "linking.sudden_gain_criteria",
    "winsorise": "description.outliers",
    "within_between": "linking.splitting",
}
__all__ = sorted(_HOME)
__getattr__ = doors(__name__, _HOME)
