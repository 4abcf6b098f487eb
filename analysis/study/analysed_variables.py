"""The variables as they are analysed: their moments after the outlier rule, and rows far from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.description.descriptives import MOMENTS, moments
from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from doublecode.analysis.description.outliers import OutlierResult
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.schemas.study import Study

DISTANCES: Final = ("name", "n_rows", "df", "cutoff", "largest", "who", "n_flagged", "flagged", "reason")


def analysed_variables(study: Study, frame: pd.DataFrame, outliers: OutlierResult | None) -> pd.DataFrame:
    """Moments of each declared variable that is a number, as the regressions take it.

    Parameters
    ----------
    study : Study
    frame : DataFrame
        The analysis frame.
    outliers : OutlierResult or None
        The outlier rule applied; without one the variables stand as they are.

    Returns
    -------
    DataFrame
        ``variable, label``, the moments, ``n_changed`` (values that the rule moved) and ``skew_before``,
        ``kurtosis_before`` of the values as observed, empty where the rule moved none.
    """
    import pandas as pd

    data = frame if outliers is None else outliers.data
    changed = {} if outliers is None else outliers.frame["variable"].value_counts().to_dict()
    rows: list[dict[str, Any]] = []
    for variable in study.variables:
        name = variable.name
        if name not in data.columns or data[name].dtype.kind not in "iuf":
            continue
        n_changed = int(changed.get(name, 0))
        before = moments(frame[name].to_numpy(dtype=float)) if n_changed else {}
        rows.append({
            "variable": name, "label": variable.label or name, **moments(data[name].to_numpy(dtype=float)),
            "n_changed": n_changed, "skew_before": before.get("skew"), "kurtosis_before": before.get("kurtosis"),
        })  # fmt: skip
    columns = ["variable", "label", *MOMENTS, "n_changed", "skew_before", "kurtosis_before"]
    table = pd.DataFrame(rows, columns=columns)
    whole = {"n": int, "n_missing": int, "n_changed": int}
    return table.astype({**whole, "skew_before": float, "kurtosis_before": float}) if rows else table


def model_distances(study: Study, moderations: Sequence[ModerationResult], data: pd.DataFrame) -> pd.DataFrame:
    """Mahalanobis distances of the variables of each moderated regression, on its rows.

    Parameters
    ----------
    study : Study
    moderations : sequence of ModerationResult
    data : DataFrame
        The analysis frame after the outlier rule.

    Returns
    -------
    DataFrame
        Per model: ``name, n_rows, df, cutoff`` (chi-square at .001), ``largest`` d² and ``who`` has it, ``n_flagged``
        rows beyond the cut-off and who they are, ``reason`` where it cannot be computed.
    """
    import pandas as pd

    from doublecode.analysis.description.outliers import mahalanobis

    keys = [name for name in ("patient", "session") if name in data.columns]
    rows: list[dict[str, Any]] = []
    declared = {one.name: one for one in study.moderations}
    for result in moderations:
        model = declared[str(result.spec["name"])]
        names = [model.outcome, model.predictor, *filter(None, [model.moderator]), *model.covariates]
        numbers = [name for name in names if data[name].dtype.kind in "iuf"]
        try:
            found = mahalanobis(data.loc[result.rows], numbers, keys=keys)
        except NotEstimable as reason:
            rows.append({"name": model.name, "reason": str(reason)})
            continue
        far, known = found.frame, found.design
        most = int(far["distance2"].to_numpy().argmax())
        rows.append({
            "name": model.name, "n_rows": known["n_rows"], "df": known["df"], "cutoff": known["cutoff"],
            "largest": float(far["distance2"].max()), "who": str(far["row"].iloc[most]),
            "n_flagged": known["n_flagged"], "flagged": "; ".join(map(str, far.loc[far["flagged"], "row"])),
            "reason": "",
        })  # fmt: skip
    return pd.DataFrame(rows, columns=list(DISTANCES))
