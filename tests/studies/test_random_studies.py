"""A sample of the random studies; random_studies.txt holds what all of them gave."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import Item
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.scale import Scale
from doublecode.schemas.study import Study
from doublecode.schemas.study_parts import (
    Correlations,
    InstrumentUse,
    ModerationModel,
    OutlierRule,
    Variable,
)

sys.path.insert(0, str(Path(__file__).parent))

import comparison
import random_studies
import random_study


# 309 takes as long as ten others, in items that are missing and its reference alike: by hand, with the 300 of the file
@pytest.mark.parametrize("seed", [*range(300, 309), *range(310, 320)])
def test_every_cell_is_that_of_the_reference(tmp_path, seed):
    assert comparison.differences(seed, tmp_path / "lab", whole=False) == []


@pytest.mark.parametrize("seed", [1014, 1019])
def test_through_template_fill_and_run(tmp_path, seed):
    assert comparison.differences(seed, tmp_path / "lab", workbooks=True) == []


def test_the_same_seed_gives_the_same_study():
    assert random_study.random_study(5) == random_study.random_study(5)


MODELS = {
    "item": Item, "scale": Scale, "instrument": Instrument, "use": InstrumentUse, "variable": Variable, "study": Study,
    "moderation": ModerationModel, "series": ModelSeries, "outliers": OutlierRule, "correlations": Correlations,
}  # fmt: skip
OF_EVERY_STUDY = {
    "item": {"name", "label", "type"}, "scale": {"name", "items", "score"},
    "instrument": {"name", "title", "version", "citation", "rights", "items", "scales"}, "use": {"name", "source"},
    "variable": {"name", "instrument", "scale", "item", "column"},
    "study": {"name", "title", "synthetic", "unit", "raters", "instruments", "variables"},
    "moderation": {"name", "title", "outcome", "predictor"}, "series": {"name", "title", "steps"},
    "outliers": {"variables"}, "correlations": {"variables"},
}  # fmt: skip
"""Keys that cannot be taken out of a study to see what they do: they say what it is."""
WITH_TESTS_OF_THEIR_OWN = {
    "scale": {"norms"},  # schemas/test_patient_changes, analysis/study/test_declared_change
    "item": {"values", "decimals", "one_column_per_code", "hint", "definition", "crosswalk"},  # cases/test_item_kinds
    # coding/intake/test_consensus, analysis/study/test_settled; cases/test_fifth_newcomers_outcomes;
    # schemas/test_sensitivity and analysis/study/test_sensitivity
    "use": {"consensus", "next_session_within", "minimum_valid", "severity"},  # analysis/study/test_ordinal_raters
    "variable": {
        "count", "of_type", "equals", "event", "lag", "change", "table", "time", "phase_from",
        "refers_to",  # analysis/study/test_declared_process
    },
    # analysis/linking/test_series_forms, analysis/study/test_declared_series
    "series": {
        "differences", "latent_means", "correlation", "variance_by", "interval", "reproduces",
        "explained", "figures",  # analysis/report/test_series_pictures
        # schemas/test_series_families, studies/test_generalized_study
        "family", "link", "nagq", "trials", "offset", "prior_sd", "thresholds",
    },
    "study": {
        "events",
        "tables",  # test_declared_variables, cases/test_tables_of_labs
        "papers",  # schemas/test_paper_tables, analysis/report/test_paper_printing
        "patient_outcomes",  # analysis/study/test_declared_series
        # analysis/study/test_declared_findings
        "drop_rules", "sample_rows", "flow",  # analysis/study/test_reported, test_flow, test_reported_parts
        "marginal_means", "families", "interaction_figures", "covariate_screen", "missing_comparison", "fidelity",
        "rater_corrections", "cross_lagged", "mediations",  # analysis/study/test_declared_process
        "patient_changes",  # schemas/test_patient_changes, analysis/study/test_declared_change
        "sensitivity",  # schemas/test_sensitivity, test_missing_data; the same in analysis/study
        "therapist_page",  # schemas/test_therapist_page, analysis/report/test_therapist_page
        "allocation",
        "certification",
        "due",
        "language",
        "ledger",  # who rates what, how far, and where it is kept
    },
}  # fmt: skip
"""Keys that the random studies do not draw; each file named checks them against a reference of its own."""


def test_no_key_of_the_models_is_left_out():
    assert MODELS.keys() == random_studies.KEYS.keys()
    for kind, model in MODELS.items():
        apart = OF_EVERY_STUDY[kind] | WITH_TESTS_OF_THEIR_OWN.get(kind, set())
        assert {*random_studies.KEYS[kind]} | apart == {*model.model_fields}, kind


def test_the_sample_declares_every_key():
    labs = [random_study.random_study(seed) for seed in range(100)]
    idle = [
        (kind, key)
        for kind, keys in random_studies.KEYS.items()
        for key in keys
        if not any(random_studies.holders(lab, kind, key) for lab in labs)
    ]
    assert idle == []
