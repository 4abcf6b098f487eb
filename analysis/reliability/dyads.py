"""The ICC of rater dyads, as papers print it: a labelled reproduction, never the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd

from doublecode.analysis.ratings.design import RatingSets
from doublecode.analysis.ratings.frames import as_names, read_ratings, require_columns
from doublecode.analysis.reliability.anova import agreement_single, consistency_single, mean_squares, one_way_single
from doublecode.analysis.reliability.forms import SHROUT_FLEISS, spearman_brown
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.rendering.wording.icc_sentence import MODEL
from doublecode.analysis.rendering.wording.phrases import plural
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from doublecode.analysis.reliability.icc_result import ICCResult
    from doublecode.analysis.rendering.figures import Axes

SINGLES: Final = {"1": one_way_single, "A": agreement_single, "C": consistency_single}


@dataclass(frozen=True, eq=False, repr=False)
class DyadResult(Answer):
    """ICCs of rater dyads and what papers make of them.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        Per set (and overall): ``statistic`` (mean, median, minimum, maximum), ``estimate``, ``n_dyads``.
    dyads : DataFrame
        Per set and dyad: ``rater_1, rater_2, n_targets, estimate, conf_low, conf_high, method``.
    pooled : ICCResult
        The right numbers: :func:`doublecode.analysis.reliability.interrater.icc` of the same data.
    design : dict
    notes : tuple of Note
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    dyads: pd.DataFrame
    pooled: ICCResult
    design: dict[str, Any]
    notes: tuple[Note, ...]

    label_columns: ClassVar[tuple[str, ...]] = ("statistic",)

    @property
    def rows(self) -> pd.Index[Any]:
        """Labels of the rows that hold a rating."""
        return self.pooled.rows

    def tables(self) -> tuple[Table, ...]:
        """Mean, median and range over pairs of raters, labelled as what it is; beside it the pooled coefficient."""
        by = tuple(column(name, kind="text") for name in self.spec["by"])
        form = self.spec["form"]
        columns = (
            *by, column("statistic", "Over pairs", kind="text"), column("estimate", form, kind="bounded"),
            column("n_dyads", "Pairs", kind="integer"),
        )  # fmt: skip
        title = f"{form} of pairs of raters, a reproduction of what papers print"
        return (Table("icc_dyads", title, self.frame, columns),)

    def counted(self) -> str:
        """Count pairs of raters and what they share."""
        shared = self.dyads["n_targets"]
        low, high = int(shared.min()), int(shared.max())
        sets = f" in {self.design['n_sets']} sets" if self.design["n_sets"] > 1 else ""
        return f"{len(self.dyads)} pairs of raters{sets}, {low if low == high else f'{low} to {high}'} targets shared"

    def plot(self, value: str = "n_targets", label: str = "Targets shared", *, ax: Axes | None = None) -> Axes:
        """Draw a map of the pairs of raters: what each two share, or how well they agree.

        Parameters
        ----------
        value : str
            Column of ``.dyads``: ``n_targets``, ``estimate`` …
        label : str
            Name of the colour bar.
        ax : matplotlib Axes, optional
        """
        from doublecode.analysis.rendering.reliability_figures import pair_heat_map

        return pair_heat_map(self.dyads, value=value, label=label, ax=ax)


def dyad_icc(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str,
    ratings: str,
    by: str | Sequence[str] | None = None,
    stack: str | None = None,
    definition: str = "A",
    k: float = 2,
    conf_level: float = 0.95,
) -> DyadResult:
    """Mean, median and range of the ICC over all pairs of raters, as a labelled reproduction.

    Parameters
    ----------
    data : DataFrame
        Long: one row per target × rater (× `by` × `stack`).
    targets, raters, ratings : str
    by : str or sequence of str, optional
        Sets that are summarised apart, for example the item.
    stack : str, optional
        Column whose levels are stacked as further targets before the ICC (items stacked: every
        session × item counts as a target).
    definition : {"A", "C", "1"}
        Absolute agreement, consistency or one-way.
    k : float
        Mean of how many ratings; 2 is the ICC(2,2) that papers print.
    conf_level : float

    Returns
    -------
    DyadResult

    Raises
    ------
    NotEstimable
        No two raters share two targets.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> rows = [(s, r, s % 5 + rng.normal()) for s in range(30) for r in ("ab", "bc", "ac")[s % 3]]
    >>> long = pd.DataFrame(rows, columns=["session", "rater", "score"])
    >>> found = dyad_icc(long, targets="session", raters="rater", ratings="score")
    >>> found.frame["statistic"].tolist(), int(found.frame["n_dyads"][0])
    (['mean', 'median', 'minimum', 'maximum'], 3)
    """
    data = as_pandas(data)
    found = dyad_estimates(
        data, targets=targets, raters=raters, ratings=ratings, by=by, stack=stack, definition=definition, k=k,
        conf_level=conf_level,
    )  # fmt: skip
    names, dyads = as_names(by), found.dyads
    spec = {
        "targets": targets, "raters": raters, "ratings": ratings, "by": list(names), "stack": stack,
        "form": found.form,
        "shrout_fleiss": f"ICC({SHROUT_FLEISS[definition]},{k:g})", "model": MODEL[definition],
        "conf_level": conf_level,
    }  # fmt: skip
    from doublecode.analysis.reliability.interrater import icc

    pooled = icc(
        data, targets=targets, raters=raters, ratings=ratings, by=[*names, *([stack] if stack else [])] or None,
        k=(1, k, "eff"), conf_level=conf_level,
    )  # fmt: skip
    return DyadResult(spec, found.frame, dyads, pooled, {"n_dyads": len(dyads), "n_sets": found.n_sets}, _notes(dyads))


@dataclass(frozen=True, eq=False)
class DyadEstimates:
    """The ICCs of rater dyads by themselves: ``frame`` and ``dyads`` as of :class:`DyadResult`, and the ``form``."""

    frame: pd.DataFrame
    dyads: pd.DataFrame
    form: str
    n_sets: int


def dyad_estimates(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str,
    ratings: str,
    by: str | Sequence[str] | None = None,
    stack: str | None = None,
    definition: str = "A",
    k: float = 2,
    conf_level: float = 0.95,
) -> DyadEstimates:
    """Do what :func:`dyad_icc` does, without the pooled coefficient beside it; parameters and errors are its."""
    check_conf_level(conf_level, "dyad_icc")
    if definition not in SINGLES:
        raise UsageError(f"dyad_icc: definition is {definition!r}; allowed are 'A', 'C' and '1'.")
    names = as_names(by)
    if stack in names:
        raise UsageError(f"dyad_icc: column {stack!r} is named in `by` and in `stack`; it can be only one of them.")
    rows, column = (data, targets) if stack is None else _stacked(data, targets, stack)
    read = read_ratings(rows, targets=column, raters=raters, ratings=ratings, by=names or None, caller="dyad_icc")
    parts = [pair for group in read.groups for pair in _pairs(group, definition, float(k), 1.0 - conf_level)]
    if not parts:
        raise NotEstimable(
            f"dyad_icc: no two {plural(raters)} share two {plural(targets)}, so there is no dyad to compute."
        )
    dyads = pd.DataFrame(parts).sort_values("_set", kind="stable")
    for position, name in reversed(list(enumerate(names))):
        dyads.insert(0, name, [read.keys[s][position] for s in dyads["_set"]])
    dyads = dyads.drop(columns="_set").reset_index(drop=True)
    return DyadEstimates(_summary(dyads, names), dyads, f"ICC({definition},{k:g})", read.n_sets)


def _stacked(data: pd.DataFrame, targets: str, stack: str) -> tuple[pd.DataFrame, str]:
    """Make every level of `stack` a target of its own."""
    require_columns(data, [targets, stack], "dyad_icc")
    name = f"{targets} × {stack}"
    return data.assign(**{name: data[targets].astype(str) + " × " + data[stack].astype(str)}), name


def _pairs(group: RatingSets, definition: str, k: float, alpha: float) -> list[dict[str, Any]]:
    layout = group.layout
    found = []
    at = np.full((layout.n_targets, layout.n_raters), -1, dtype=np.int64)
    at[layout.target, layout.rater] = np.arange(layout.n_obs)
    for one, two in combinations(range(layout.n_raters), 2):
        both: NDArray[np.bool_] = (at[:, one] >= 0) & (at[:, two] >= 0)
        if both.sum() < 2:
            continue
        tables = group.values[:, at[both][:, [one, two]]]
        numbers = [spearman_brown(part, k) for part in SINGLES[definition](mean_squares(tables), alpha)]
        for s, index in enumerate(group.index.tolist()):
            found.append(
                {
                    "_set": index,
                    "rater_1": layout.rater_names[one],
                    "rater_2": layout.rater_names[two],
                    "n_targets": int(both.sum()),
                    "estimate": float(numbers[0][s]),
                    "conf_low": float(numbers[1][s]),
                    "conf_high": float(numbers[2][s]),
                    "method": "anova" if np.isfinite(numbers[0][s]) else "undefined: no variance between targets",
                }
            )
    return found


def _summary(dyads: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    statistics = {"mean": "mean", "median": "median", "minimum": "min", "maximum": "max"}
    rows = []
    groups = dyads.groupby(list(names), sort=False, observed=True) if names else [((), dyads)]
    for key, part in groups:
        values = part["estimate"].dropna()
        for label, function in statistics.items():
            row = dict(zip(names, key, strict=True))
            row |= {"statistic": label, "estimate": float(values.agg(function)), "n_dyads": len(values)}
            rows.append(row)
    return pd.DataFrame(rows)


def _notes(dyads: pd.DataFrame) -> tuple[Note, ...]:
    undefined = int(dyads["estimate"].isna().sum())
    smallest = Note("smallest_dyad", numbers={"n_targets": int(dyads["n_targets"].min())})
    lost = (Note("dyads_without_variance", numbers={"n": undefined}),) if undefined else ()
    return (Note("dyad_average"), smallest, *lost)
