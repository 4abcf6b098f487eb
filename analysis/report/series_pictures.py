"""The figures that a declared series asks for, as the report shows them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from doublecode.analysis.linking.series_pictures import draw, drawn_model
from doublecode.analysis.rendering.document import Block, Paragraph
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.study.labels import Labels, label_term, short_labels, term_labels
from doublecode.schemas.errors import NotEstimable, UsageError

if TYPE_CHECKING:
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.schemas.model_series import SeriesFigure

_TITLES: Final = {
    "course": "Course", "caterpillar": "Patients' effects", "residuals": "Residuals",
    "influence": "What leaving one patient out changes",
}  # fmt: skip
CATERPILLAR: Final = (
    "Conditional modes of the random effects in their order, with 95% limits; filled where these leave 0 out."
)
_SAID: Final = {
    "course": "Thin lines: one per patient. Thick: mean of the model, with a pointwise 95% band.",
    "caterpillar": CATERPILLAR,
    "residuals": (
        "Standardised residuals against fitted values; normal quantiles of residuals and random effects; by session, "
        "with mean and SD; against the residual of the session before."
    ),
    "influence": (
        "Left: Cook's distance of the patients who move the fixed effects most. Right: by how many standard errors "
        "each coefficient moves without the patient."
    ),
}


def series_picture(result: SeriesResult, kind: SeriesFigure, labels: Labels) -> Block:
    """Draw one figure of a series, or say why there is none.

    Parameters
    ----------
    result : SeriesResult
    kind : {"course", "caterpillar", "residuals", "influence"}
    labels : mapping
        Name of a variable → its label.
    """
    title = f"{_TITLES[kind]}: {result.spec['title']}"
    named = partial(label_term, labels=term_labels(short_labels(labels), result.spec["split"]))
    try:
        model, fit = drawn_model(result.models, result.times, kind)
        if kind == "caterpillar" and not fit.random()["estimate"].abs().gt(0).any():
            return Paragraph(f"{title}: no figure, since the random effects of model {model.label} have no variance.")
        axes = draw(result.models, result.times, kind, model.label, named)
    except (UsageError, NotEstimable) as reason:
        return Paragraph(f"{title}: no figure. {reason}")
    name = f"{result.spec['name']}_{kind}"
    return picture(axes, name, f"{title}, model {model.label}", _SAID[kind])
