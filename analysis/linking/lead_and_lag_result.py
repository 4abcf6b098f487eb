"""The answer of :func:`doublecode.analysis.cross_lagged`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.tables import Table, column

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.rendering.figures import Axes
    from doublecode.schemas.results import Note


class Model(StrEnum):
    """What an association is estimated with."""

    RI_CLPM = "RI-CLPM"
    ML_SEM = "ML-SEM"
    MIXED = "mixed model"
    CENTRED = "centred lagged outcome"


@dataclass(frozen=True, eq=False, repr=False)
class CrossLagged(Answer):
    """Two variables over sessions: the same interval, and both directions.

    Attributes
    ----------
    spec : dict
        Every argument.
    frame : DataFrame
        One row per question and model: ``interval`` ("same", "next"), ``predictor``, ``outcome``, ``model``,
        ``session`` (of the outcome, with paths by session), the estimate columns, ``standardized`` with its limits (in
        standard deviations within patients), ``reason`` where a model could not be run.
    variances : DataFrame
        Of the RI-CLPM: ``group`` (between patients, first session, later sessions), ``first``, ``second``,
        ``estimate``, ``std_error``.
    design : dict
        ``n_given``, ``n_rows``, ``n_patients``, ``n_sessions``, ``sessions_per_patient``, ``n_values``,
        ``n_parameters`` and ``loglik`` of the RI-CLPM.
    notes : tuple of Note
    rows : Index
        Labels of the rows with a value of x or y.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    variances: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("interval", "predictor", "outcome", "model", "session")

    def shown(self) -> pd.DataFrame:
        """The rows with the question in words: ``question``."""
        words = {"same": "same interval: {} and {}", "next": "{} → next {}"}
        rows = self.frame.to_dict("records")
        said = [words[row["interval"]].format(row["predictor"], row["outcome"]) for row in rows]
        return self.frame.assign(question=said)

    def tables(self) -> tuple[Table, ...]:
        """Associations by question, then the variances of the RI-CLPM."""
        frame = self.shown()
        places = (column("session"),) if frame["session"].notna().any() else ()
        associations = (
            column("model", "Model", kind="text"), *places, *coefficients(frame, self.spec["conf_level"]),
            column("standardized", "β"), column("reason", "Not run", kind="text"),
        )  # fmt: skip
        parts = (
            column("group", "Of", kind="text"), column("first", "Variable", kind="text"),
            column("second", "with", kind="text"), column("estimate", "(Co)variance"), column("std_error"),
        )  # fmt: skip
        title = f"{self.spec['x']} and {self.spec['y']}: which goes first"
        return (
            Table("cross_lagged", title, frame, associations, group="question"),
            Table("cross_lagged_variances", "Variances and covariances of the RI-CLPM", self.variances, parts),
        )

    def counted(self) -> str:
        """Say patients, sessions and parameters."""
        found = self.design
        low, high = found["sessions_per_patient"]
        return (
            f"{found['n_rows']} of {found['n_given']} rows, of {found['n_patients']} patients with {low} to {high} of "
            f"{found['n_sessions']} sessions; {found['n_parameters']} parameters of the RI-CLPM"
        )

    def plot(self) -> Axes:
        """Draw the associations in standard deviations within patients, with their intervals."""
        from doublecode.analysis.rendering.figures import forest

        drawn = self.shown()
        drawn = drawn[drawn["estimate"].notna() & (drawn["predictor"] != drawn["outcome"])]
        if drawn["session"].notna().any():
            at = drawn["session"].map(lambda t: f", session {t:g}" if t == t else "")
            drawn = drawn.assign(model=drawn["model"] + at)
        return forest(
            drawn, labels="model", estimate="standardized", low="standardized_low", high="standardized_high",
            group="question", x_label="Standard deviations of the outcome within patients", references=((0.0, ""),),
        )  # fmt: skip
