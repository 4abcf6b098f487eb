"""What an estimate rests on: its standard errors, outlying rows, its family of tests, a simpler random part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from doublecode.analysis.regression.families import interaction_family
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.document import Block, Section
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, column, frame_of
from doublecode.analysis.rendering.wording.phrases import named
from doublecode.analysis.study.labels import Labels, label_term, term_labels
from doublecode.schemas.marks import code
from doublecode.schemas.results import DASH

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.analysis.study.study_run import StudyRun

_INFLUENCE = (
    "model", "term", "estimate", "p_value", "flagged", "estimate_unflagged", "p_unflagged", "influential", "cooks_d",
    "estimate_without",
)  # fmt: skip


def robustness_section(run: StudyRun) -> Section | None:
    """Whether the findings hold without the outlier rule, without single rows, as one family, and in a simpler fit."""
    results, labels = run.moderations, term_labels(run.labels)
    blocks: list[Block] = []
    for series in run.series:
        blocks += simpler_fits(series, term_labels(run.labels, series.spec["split"]))
    if results and run.moderations_untouched:
        blocks.append(_focal_both(results, run.moderations_untouched, labels))
    blocks += [influence_table(results, labels)] if results else []
    blocks += [family_table(results, labels)] if n_interactions(results) > 1 else []
    return Section("robustness", "Robustness", tuple(blocks)) if blocks else None


def errors_in_words(result: ModerationResult) -> str:
    """Name the standard errors that a regression's tests and limits stand on."""
    return f"{result.spec['robust']} standard errors" if result.spec["errors"] == "robust" else "least-squares errors"


def n_interactions(results: Sequence[ModerationResult]) -> int:
    """How many of the regressions have an interaction."""
    return sum(result.spec["moderator"] is not None for result in results)


def influence_table(results: Sequence[ModerationResult], labels: Labels) -> Table:
    """Flagged rows and the row of the largest Cook's D of each regression, and what the focal estimate is without."""
    nan = float("nan")
    rows = []
    for result in results:
        most, without = result.design["largest_influence"], result.design["without_outliers"]
        term = most.get("term", "")
        focal = result.frame[result.frame["term"] == term]
        values = (
            result.spec["title"], label_term(term, labels) if term else DASH,
            float(focal["estimate"].iloc[0]) if len(focal) else nan,
            float(focal["p_value"].iloc[0]) if len(focal) else nan,
            named(result.design["multivariate_outliers"]) or DASH,
            without.get("estimate", nan), without.get("p_value", nan),
            most.get("row", DASH), most.get("cooks_d", nan), most.get("without", nan),
        )  # fmt: skip
        rows.append(dict(zip(_INFLUENCE, values, strict=True)))
    columns = (
        column("term", "Term", kind="text"), column("estimate"), column("p_value"),
        column("flagged", "Flagged rows", kind="text"), column("estimate_unflagged", "*b* without", kind="estimate"),
        column("p_unflagged", "*p* without", kind="p"), column("influential", "Most influential", kind="text"),
        column("cooks_d", "Cook's *D*"), column("estimate_without", "*b* without", kind="estimate"),
    )  # fmt: skip
    notes = (
        "Flagged: squared Mahalanobis distance over predictors, covariates and product with *p* < .001 (Tabachnick & "
        "Fidell, 2013). Most influential: the row of the largest Cook's *D*. Nothing was left out of the analyses.",
    )
    return Table("influence", "Outlying and influential rows", frame_of(rows, _INFLUENCE), columns, notes, "model")


def family_table(results: Sequence[ModerationResult], labels: Labels) -> Table:
    """All interactions as one family of tests."""
    family = interaction_family(results)
    titles = {str(result.spec["name"]): str(result.spec["title"]) for result in results}
    shown = family.frame.assign(
        model=[titles[name] for name in family.frame["model"]],
        term=[label_term(term, labels) for term in family.frame["term"]],
    )
    columns = (
        column("model", "Model", kind="text"), column("term"), column("estimate"), column("p_value"),
        column("p_holm", "*p*, Holm", kind="p"), column("p_bh", "*p*, FDR", kind="p"),
    )  # fmt: skip
    notes = (*map(sentence, family.notes), f"On {errors_in_words(results[0])}.")
    return Table(
        "interaction_family", "The interactions as one family of tests", shown, columns, notes, data=family.frame
    )


def simpler_fits(result: SeriesResult, labels: Labels) -> list[Block]:
    """Fixed effects of the simpler fits beside the singular ones; nothing where no fit is singular."""
    frame = result.siblings
    if frame.empty:
        return []
    heads = [
        f"Beside {label}: {code(formula)}" for label, formula in zip(frame["label"], frame["formula"], strict=True)
    ]
    shown = frame.assign(model=heads, term=[label_term(term, labels) for term in frame["term"]])
    note = "Singular fits once more with the next simpler random part; where both agree, the choice does not matter."
    columns = (column("term"), *coefficients(shown))
    title = "Fixed effects of the simpler fits beside singular ones"
    return [Table(f"{result.spec['name']}_simpler", title, shown, columns, (note,), "model", data=frame)]


def focal_row(result: ModerationResult) -> pd.Series[Any]:
    """The row of the interaction, or of the predictor where there is none."""
    pair = (result.spec["predictor"], result.spec["moderator"])
    wanted = ":".join(pair) if all(pair) else None
    rows = result.frame[result.frame["term"] == wanted] if wanted else result.frame.iloc[1:2]
    return rows.iloc[0]


def _focal_both(results: Sequence[ModerationResult], untouched: Sequence[ModerationResult], labels: Labels) -> Table:
    import pandas as pd

    rows = []
    found = {before.spec["name"]: before for before in untouched}
    for after in results:
        if after.spec["name"] not in found:
            continue  # not estimable without the rule: said among what was not estimated
        one, other = focal_row(after), focal_row(found[after.spec["name"]])
        rows.append(
            {
                "model": after.spec["title"], "label": label_term(str(one["term"]), labels),
                "estimate": one["estimate"], "p_value": one["p_value"],
                "estimate_untouched": other["estimate"], "p_untouched": other["p_value"],
            }
        )  # fmt: skip
    columns = (
        column("model", "Model", kind="text"), column("label", "Term", kind="text"),
        column("estimate", "*b*, winsorised"), column("p_value", "*p*"),
        column("estimate_untouched", "*b*, as found", kind="estimate"), column("p_untouched", "*p*", kind="p"),
    )  # fmt: skip
    return Table("moderations_both", "With and without the outlier rule", pd.DataFrame(rows), columns)
