"""Fidelity to a manual: the share of its components that were delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from doublecode.analysis.mixed.model_rows import require_columns
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    import pandas as pd

OVERALL = "all sessions"


@dataclass(frozen=True, eq=False, repr=False)
class FidelityResult(Answer):
    """Shares of components that were delivered.

    Attributes
    ----------
    spec : dict
        ``components``, ``therapist``, ``n_held``, ``conf_level``.
    frame : DataFrame
        Rows *all sessions*, each component, and each therapist: ``level``, ``name``, ``n_sessions``, ``delivered``,
        ``applicable`` (counts), ``share``, ``conf_low``, ``conf_high``.
    design : dict
        ``n_sessions`` reviewed, ``n_clusters``, ``reviewed`` (share of the sessions held; NaN where not said).
    notes : tuple of Note
    rows : Index
        Labels of the sessions with any component.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("level", "name")

    def tables(self) -> tuple[Table, ...]:
        """Every share with its limits."""
        columns = (
            column("level"), column("name", "Of", kind="text"), column("n_sessions", "Sessions", kind="integer"),
            column("delivered", "Delivered", kind="integer"), column("applicable", "Applicable", kind="integer"),
            column("share", "%", kind="percent", digits=0),
            column("conf_low", f"{100 * self.spec['conf_level']:g}% CI", kind="percent", digits=0),
        )  # fmt: skip
        return (Table("fidelity", "Components delivered", self.frame, columns),)


def fidelity(
    frame: pd.DataFrame,
    components: Sequence[str],
    *,
    therapist: str | None = None,
    n_held: int | None = None,
    conf_level: float = 0.95,
) -> FidelityResult:
    """Count the components of a manual that were delivered, of those that applied.

    The share is p = ΣD / ΣA over the sessions (D delivered, A applicable). Sessions of a therapist are alike, so that
    its standard error is that of a ratio of clusters, SE² = C/(C − 1) · Σ_c (D_c − p·A_c)² / (ΣA)², with C therapists
    (sessions where no column names therapists); limits on the logit scale with t on C − 1 df (Cochran 1977, chapter 6).

    Parameters
    ----------
    frame : DataFrame
        One row per reviewed session.
    components : sequence of str
        Columns of 1 (delivered) and 0; missing where a component did not apply.
    therapist : str, optional
        Column of the therapists.
    n_held : int, optional
        Sessions that were held: the share that was reviewed is said, too.
    conf_level : float
        Between 0 and 1.

    Raises
    ------
    UsageError
        A column is not there, or fewer sessions held than reviewed.
    ContractError
        A component holds another value than 0 and 1.
    NotEstimable
        No component applied anywhere.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"agenda": [1, 1, 0, 1], "homework": [1, None, 1, 1], "therapist": list("AABB")})
    >>> found = fidelity(frame, ["agenda", "homework"], therapist="therapist", n_held=16)
    >>> found.frame[["name", "share"]].round(2).head(3).to_dict("records")
    [{'name': 'all sessions', 'share': 0.86}, {'name': 'agenda', 'share': 0.75}, {'name': 'homework', 'share': 1.0}]
    """
    import pandas as pd

    frame = as_pandas(frame)
    check_conf_level(conf_level, "fidelity")
    names = list(components)
    require_columns(frame, (*names, *([therapist] if therapist else [])), "fidelity")
    _check_codes(frame, names)
    rows = frame[frame[names].notna().any(axis=1) & (True if therapist is None else frame[therapist].notna())]
    if rows.empty:
        raise NotEstimable(f"fidelity: none of {', '.join(names)} applied in any of {len(frame)} sessions.")
    if n_held is not None and n_held < len(rows):
        raise UsageError(
            f"fidelity: n_held is {n_held}, and {len(rows)} sessions were reviewed; give all that were held."
        )
    clusters = rows.index.to_series() if therapist is None else rows[therapist]
    parts = [("overall", OVERALL, names, rows, clusters)]
    parts += [("component", name, [name], rows, clusters) for name in names]
    if therapist is not None:
        parts += [
            ("therapist", str(who), names, one, one.index.to_series())
            for who, one in rows.groupby(therapist, observed=True)
        ]
    n = int(clusters.nunique())
    return FidelityResult(
        spec={"components": names, "therapist": therapist, "n_held": n_held, "conf_level": conf_level},
        frame=pd.DataFrame([_share(*one, conf_level) for one in parts]),
        design={"n_sessions": len(rows), "n_clusters": n, "reviewed": len(rows) / n_held if n_held else np.nan},
        notes=_notes(n, len(rows), therapist, n_held),
        rows=rows.index,
    )


def _check_codes(frame: pd.DataFrame, names: Sequence[str]) -> None:
    for name in names:
        stray = [value for value in frame[name].dropna().unique().tolist() if value not in (0, 1)]
        if stray:
            raise ContractError(
                f"fidelity: {name!r} holds {stray[0]!r}; allowed: 1 (delivered), 0 (not), empty (did not apply)."
            )


def _share(
    level: str, name: Any, names: Sequence[str], rows: pd.DataFrame, clusters: pd.Series[Any], conf_level: float
) -> dict[str, Any]:
    """One share with the limits of its clusters; none with fewer than two, or where all or nothing was delivered."""
    from scipy.special import expit, logit, stdtrit

    values = rows[list(names)].astype(float)
    delivered, applicable = values.sum(axis=1), values.notna().sum(axis=1)
    d, a = (one.groupby(clusters, observed=True).sum().to_numpy(dtype=float) for one in (delivered, applicable))
    d, a = d[a > 0], a[a > 0]
    found = {"level": level, "name": str(name), "n_sessions": int((applicable > 0).sum()), "delivered": int(d.sum()),
             "applicable": int(a.sum()), "share": np.nan, "conf_low": np.nan, "conf_high": np.nan}  # fmt: skip
    if not len(a):
        return found
    p, c = d.sum() / a.sum(), len(a)
    found["share"] = float(p)
    if c < 2 or not 0 < p < 1:
        return found
    error = np.sqrt(c / (c - 1) * ((d - p * a) ** 2).sum()) / a.sum()
    reach = stdtrit(c - 1, 0.5 + conf_level / 2) * error / (p * (1 - p))
    return found | {"conf_low": float(expit(logit(p) - reach)), "conf_high": float(expit(logit(p) + reach))}


def _notes(n: int, reviewed: int, therapist: str | None, n_held: int | None) -> tuple[Note, ...]:
    unit = "sessions" if therapist is None else "therapists"
    return (Note("fidelity_shares", numbers={"n": n, "unit": unit, "reviewed": reviewed, "n_held": n_held}),)
