"""Which coefficient a sentence, a picture or a study's table reports of a set, and the facts of the sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from doublecode.analysis.reliability.form_tables import Estimates
from doublecode.analysis.rendering.wording.icc_sentence import IccFacts

if TYPE_CHECKING:
    import pandas as pd


def used_form(rows: pd.DataFrame) -> pd.Series[Any]:
    """Row of the score as the design yields it: ICC(A,·) of the effective k, else ICC(1,·).

    `rows` are the rows of one set.
    """
    for name in ("ICC(A,k_eff)", "ICC(A,k)", "ICC(1,k_eff)", "ICC(1,k)", "ICC(A,1)", "ICC(1,1)"):
        found = rows[(rows["form"] == name) & rows["estimate"].notna()]
        if len(found):
            return found.iloc[0]
    return rows.iloc[0]


def rows_of(frame: pd.DataFrame, key: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of the set with these labels."""
    for name, value in key.items():
        frame = frame[frame[name] == value]
    return frame


def sentence_facts(
    frame: pd.DataFrame, estimates: Estimates, spec: Mapping[str, Any], counts: Mapping[str, Any], form: str | None
) -> IccFacts:
    """Facts of the sentence of one set.

    Parameters
    ----------
    frame : DataFrame
        Of the whole result, its index the position of the row.
    estimates : Estimates
    spec : mapping
    counts : mapping
        Entry of the set in ``design["sets"]``.
    form : str or None
        Which coefficient; the one of the scores as the design yields them by default.
    """
    rows = rows_of(frame, counts["set"])
    again = bool(spec.get("intra_rater"))  # a score stands on one coding, whoever codes some sessions again
    wanted = "ICC(A,1)" if again and form is None else form
    row = used_form(rows) if wanted is None else rows[rows["form"] == wanted].iloc[0]
    origin = estimates.origins[cast("int", row.name)]
    return IccFacts(
        targets=spec["targets"],
        counts=counts,
        definition=origin.definition,
        form=row["form"],
        shrout_fleiss=row["shrout_fleiss"],
        k=float(row["k"]),
        harmonic=origin.harmonic,
        estimate=float(row["estimate"]),
        conf_low=float(row["conf_low"]),
        conf_high=float(row["conf_high"]),
        conf_level=spec["conf_level"],
        method=row["method"],
        how=origin.how,
        recodes=again,
    )


def forest_rows(frame: pd.DataFrame, sets: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of a forest plot: ``label, phase, estimate, conf_low, conf_high``, one per set."""
    import pandas as pd

    rows = []
    for entry in sets:
        row = used_form(rows_of(frame, entry["set"]))
        parts = {name: str(value) for name, value in entry["set"].items()}
        phase = parts.pop("phase", "")
        label = ", ".join(parts.values()) or row["form"]
        rows.append({"label": label, "phase": phase, **{c: row[c] for c in ("estimate", "conf_low", "conf_high")}})
    return pd.DataFrame(rows).sort_values("phase", kind="stable").reset_index(drop=True)
