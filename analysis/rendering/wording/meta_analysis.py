"""Sentences of the notes of ``analysis/meta_analysis``."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording
from doublecode.schemas.results import Note

EFFECTS: Final[dict[str, Wording]] = {
    "effect_equal_groups": "between d and r: two groups of one size, cut from one normal variable or given as such; "
    "with other sizes give n1 and n2 (Borenstein et al. 2009)",
    "effect_group_sizes": "between d and r: two groups of {n1} and {n2}, and r is the point-biserial correlation with "
    "membership (Borenstein et al. 2009)",
    "effect_small_samples": "between d and g: Hedges' exact correction J of groups with one standard deviation "
    "(Hedges 1981)",
    "effect_normal_u3": "U3: both groups are normal with one standard deviation (Cohen 1988)",
    "effect_normal_cl": "common language: both groups are normal with one standard deviation (McGraw & Wong 1992; "
    "Ruscio's A needs no such thing, but the raw data)",
    "effect_logistic": "between d and the odds ratio: the outcome is logistic with one standard deviation in both "
    "groups, and the odds are those of a cut of it, wherever it lies (Hasselblad & Hedges 1995)",
}


def _dropped(note: Note) -> str:
    lost = note.numbers["lost"]
    said = [f"row {one['row']} ({one['label']}): {' and '.join(one['missing'])}" for one in lost]
    return f"{len(lost)} row{'' if len(lost) == 1 else 's'} not pooled, for want of a value: {'; '.join(said)}"


def _filled(note: Note) -> str:
    n, side = note.numbers["n"], note.numbers["side"]
    if not n:
        return f"{note.numbers['estimator']} finds no study missing on the {side}"
    return (
        f"{note.numbers['estimator']} finds {n} {'study' if n == 1 else 'studies'} missing on the {side}; the second "
        "row is what would be found if the funnel were symmetric, a sensitivity analysis and no correction"
    )


POOLING: Final[dict[str, Wording]] = {
    "pool_dropped": _dropped,
    "pool_several": "sampling errors of one study's effects are taken as independent, which they are not where the "
    'same people are in them; test="CR2" needs no such thing',
    "pool_cr2": "standard errors are CR2 with Satterthwaite degrees of freedom, which hold whatever the sampling "
    "errors of one study have in common (Pustejovsky & Tipton 2018, 2022)",
    "pool_cr2_few": "with {df:.1f} degrees of freedom, below 4, p-values of CR2 are not to be trusted (Tipton 2015)",
    "pool_cr2_joint": "CR2 has no joint test of several moderators here; read them one by one",
    "pool_narrower_than_z": "Hartung and Knapp's factor is {scale:.2f}, below 1, so standard errors are smaller "
    'than those of z; test="hksj-adhoc" never lets them be (Röver, Knapp & Friede 2015)',
    "pool_few_studies": "with {k} effects τ² is hardly known and the limits are wide; both say how little there is",
    "pool_z_of_few": "z takes τ² for known: with {k} effects that differ its limits hold the true mean less often "
    'than they say (IntHout, Ioannidis & Borm 2014); test="hksj" is for that',
    "pool_fixed_effect": "a fixed effect is the mean of these studies; it says nothing of others",
    "pool_no_variance": "τ² is estimated as 0, which is not evidence that effects are alike: its limits reach "
    "{high:.3g}",
    "pool_moderators": "what goes with moderators over studies is observed, not randomised, and need not hold within a "
    "study",
    "pool_r2_undefined": "τ² without moderators is 0, so there is nothing that they could explain and no R²",
    "few_for_funnel": "{k} effects: below {least}, tests of funnel asymmetry can hardly tell chance from bias "
    "(Sterne et al. 2011)",
    "rank_test_ties": "some variances or effects are the same, so the p-value is that of the normal approximation",
    "trim_and_fill": _filled,
    "left_out_range": "without one of {n} studies the pooled effect lies between {low:.3f} and {high:.3f}",
}
PUBLISHED: Final[dict[str, Wording]] = {
    "published_disagree": lambda note: f"prints differ: {'; '.join(note.numbers['said'])}",
    "published_not_pooled": "these results share studies with one another: lines to hold a result against, never to be "
    "pooled",
    "published_beside": "one's own is a correlation over {n} patients; a slope or correlation within patients is "
    "another quantity and would not stand here",
}
SENTENCES: Final[dict[str, Wording]] = {**EFFECTS, **POOLING, **PUBLISHED}
