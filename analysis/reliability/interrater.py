"""Inter-rater reliability: the ICC of every design, found from the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import Layout, RatingData, RatingSets
from doublecode.analysis.ratings.frames import as_names, read_ratings, require_columns
from doublecode.analysis.reliability.anova import complete_block
from doublecode.analysis.reliability.forms import IccBlock, requested
from doublecode.analysis.reliability.lack_of_spread import spread_remarks
from doublecode.analysis.reliability.notes import design_notes, disconnected_note
from doublecode.analysis.rendering.answers import Answer
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import check_conf_level

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.reliability.form_tables import Estimates
    from doublecode.analysis.results.rules import Rule

Floats = NDArray[np.float64]
DEFAULT_K: tuple[int | str, ...] = (1, 2, "eff")
Interval = Literal["model", "jackknife"]


@dataclass(frozen=True, eq=False, repr=False)
class ICCResult(Answer):
    """Intraclass correlations that remember their question.

    Attributes
    ----------
    spec : dict
        The arguments.
    frame : DataFrame
        One row per set, level and form: grouping columns, ``level, form, shrout_fleiss, k, estimate,
        conf_low, conf_high, statistic, df1, df2, p_value, method``.
    design : dict
        ``kind``, counts, dropped rows, and the same per set under ``sets``.
    notes : tuple of str
        Warnings with numbers.
    estimates : Estimates
        The numbers behind the tables.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]
    estimates: Estimates = field(repr=False)

    @cached_property
    def variances(self) -> pd.DataFrame:
        """Variance components: grouping columns, ``component, variance, sd, share``."""
        from doublecode.analysis.reliability.form_tables import variance_table

        return variance_table(self.estimates.read, self.estimates.blocks)

    @cached_property
    def rater_bias(self) -> pd.DataFrame:
        """Test that raters do not differ: grouping columns, ``statistic, df1, df2, p_value``; may be empty."""
        from doublecode.analysis.reliability.form_tables import bias_table

        return bias_table(self.estimates.read, self.estimates.blocks)

    def sentence(self, rule: str | Rule = "koo2016", form: str | None = None) -> str:
        """Return the sentence to paste, one line per set.

        Parameters
        ----------
        rule : str or Rule
            Cut-offs for the adjective, which is taken from the interval.
        form : str, optional
            Which coefficient, for example ``"ICC(A,1)"``; by default the one of the
            scores as the design yields them.
        """
        from doublecode.analysis.reliability.sentence import sentences

        return "\n".join(sentences(self, rule, form))


def icc(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str | None,
    ratings: str,
    clusters: str | None = None,
    by: str | Sequence[str] | None = None,
    k: Sequence[int | float | str] | int | float | str = (1, 2, "eff"),
    conf_level: float = 0.95,
    interval: Interval = "model",
    seed: int = 0,
) -> ICCResult:
    """Intraclass correlations of ratings, whatever the design.

    The design is found from the data. *Complete* (every rater rated every
    target): six forms from mean squares, with exact F limits. *Incomplete but
    connected* (rotating pairs, some targets single-coded): crossed random effects
    by REML, with profile-likelihood limits, and ICC(Q,k_eff). *Nested* raters and
    *one-way* (``raters=None``): ICC(1,·). With `clusters`: session-level and
    patient-level coefficients from one model.

    Parameters
    ----------
    data : DataFrame
        Long: one row per target × rater (× the columns of `by`). Rows without a
        rating are left out and counted in ``.design``.
    targets, ratings : str
        Columns of what is rated, and of the rating (numbers).
    raters : str or None
        Column of the rater; None where raters are unknown or all different.
    clusters : str, optional
        Column in which targets are nested, for example the patient of a session.
    by : str or sequence of str, optional
        Columns that split the data into sets, for example item and phase.
    k : sequence
        Means of how many ratings: numbers ≥ 1 and ``"eff"``, the harmonic mean of the
        ratings per target. On a complete design the default gives the six forms,
        ICC(·,1) and ICC(·,k) with k the number of raters; other numbers are added if named.
    conf_level : float
        Between 0 and 1.
    interval : {"model", "jackknife"}
        ``"model"``: exact F or profile likelihood, which take scores as normal. ``"jackknife"``: every target left
        out once, on Fisher's z with t(m − 1), m the targets rated twice or more; for scores that pile up on a floor
        or have a few sessions far from the rest. It takes the raters as they are, and says little of low ICCs; where
        it says nothing (two targets, an ICC of 0 or 1), the model's limits stay and a note says so.
    seed : int
        Kept in ``.spec``; no interval draws random numbers.

    Returns
    -------
    ICCResult

    Raises
    ------
    ContractError, DuplicateError
        The frame is not what it should be; a rater rated a target twice.
    UsageError
        Unknown `interval`, or the jackknife together with `clusters`.
    NotEstimable
        No set can be estimated: one rater, one target, no target with two ratings.

    Notes
    -----
    With components σ²_t (target), σ²_r (rater), σ²_e (residual):
    ICC(A,k) = σ²_t / (σ²_t + (σ²_r + σ²_e)/k), ICC(C,k) = σ²_t / (σ²_t + σ²_e/k),
    ICC(Q,k) = σ²_t / (σ²_t + q σ²_r + σ²_e/k), q the rater weight of the actual design.
    ICC(1,k) comes from the one-way model. The rater-bias test is MS_rater/MS_error.

    References
    ----------
    Shrout & Fleiss (1979) Psychol Bull 86:420. McGraw & Wong (1996) Psychol Methods 1:30.
    Putka, Le, McCloy & Diaz (2008) J Appl Psychol 93:959. ten Hove, Jorgensen & van der Ark
    (2022) Psychol Methods, doi 10.1037/met0000391 and 10.1037/met0000516. Jackknife: Arvesen
    (1969) Ann Math Stat 40:2076; Arvesen & Schmitz (1970) Biometrics 26:677.

    Examples
    --------
    Shrout and Fleiss's six targets and four judges:

    >>> import pandas as pd
    >>> table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> long = pd.DataFrame(
    ...     [(s, j, y) for s, row in enumerate(table) for j, y in enumerate(row)],
    ...     columns=["target", "judge", "rating"],
    ... )
    >>> result = icc(long, targets="target", raters="judge", ratings="rating")
    >>> result.frame[["form", "shrout_fleiss", "estimate", "conf_low", "conf_high"]].round(2)
           form shrout_fleiss  estimate  conf_low  conf_high
    0  ICC(1,1)      ICC(1,1)      0.17     -0.13       0.72
    1  ICC(A,1)      ICC(2,1)      0.29      0.02       0.76
    2  ICC(C,1)      ICC(3,1)      0.71      0.34       0.95
    3  ICC(1,k)      ICC(1,k)      0.44     -0.88       0.91
    4  ICC(A,k)      ICC(2,k)      0.62      0.07       0.93
    5  ICC(C,k)      ICC(3,k)      0.91      0.68       0.99
    """
    check_conf_level(conf_level, "icc")
    _check_interval(interval, clusters)
    if isinstance(k, str | int | float):
        k = (k,)
    read = read_ratings(
        data, targets=targets, raters=raters, ratings=ratings, clusters=clusters, by=by, sort_targets=False
    )
    spec = {
        "targets": targets,
        "raters": raters,
        "ratings": ratings,
        "clusters": clusters,
        "by": list(as_names(by)),
        "k": list(k),
        "conf_level": conf_level,
        "interval": interval,
        "seed": seed,
    }
    notes: list[str] = []
    if read.n_missing:
        notes.append(f"{read.n_missing} row(s) without a rating were left out")
    refused: dict[int, str] = {}
    usable = []
    for group in read.groups:
        problem = _impossible(group.layout, targets, raters)
        if problem is None:
            usable.append(group)
        else:
            refused |= {int(s): problem for s in group.index}
            notes.append(_prefixed(read, group, problem))
    blocks = list(zip(usable, _estimate(usable, k, conf_level, targets, clusters), strict=True))
    if interval == "jackknife":
        from doublecode.analysis.reliability.jackknife import RATERS_FIXED, jackknifed

        blocks = [(group, jackknifed(group, block, conf_level)) for group, block in blocks]
        notes.append(RATERS_FIXED)
    for group, block in blocks:
        notes += _group_notes(group, block, read, targets, raters, conf_level)
    if not blocks:
        raise NotEstimable("icc: " + "; ".join(dict.fromkeys(refused.values())))
    return _assemble(spec, read, blocks, refused, notes)


def _check_interval(interval: str, clusters: str | None) -> None:
    if interval not in ("model", "jackknife"):
        raise UsageError(f"icc: found interval = {interval!r}; allowed: 'model', 'jackknife'.")
    if interval == "jackknife" and clusters is not None:
        raise UsageError(
            f"icc: the jackknife leaves out targets one by one, but those of one {clusters} belong together; leave out "
            "`clusters`, or take interval = 'model'."
        )


def _impossible(layout: Layout, targets: str, raters: str | None) -> str | None:
    """Say why no ICC at all exists in this layout, or None."""
    if layout.n_targets == 1:
        return (
            f"one {targets} only: reliability is about telling {targets}s apart; at least two {targets}s "
            "with two ratings each are needed"
        )
    if layout.known_raters and layout.n_raters == 1:
        return (
            f"one {raters} only ({layout.rater_names[0]!r}): inter-rater reliability needs at least two "
            f"{raters}s on the same {targets}s; for one rater's recodes use intra_rater()"
        )
    if int(layout.per_target.max()) == 1:
        return (
            f"no {targets} carries two ratings ({layout.n_obs} ratings of {layout.n_targets} {targets}s): let a "
            f"second rater code some of them, at least 20"
        )
    return None


def _estimate(
    groups: Sequence[RatingSets],
    k: Sequence[int | float | str],
    conf_level: float,
    targets: str,
    clusters: str | None,
) -> list[IccBlock]:
    """Estimate each group by the method of its design; incomplete ones go through the engine together."""
    if clusters is not None:
        from doublecode.analysis.reliability.nested import clustered_block

        wanted = [requested(k, group.layout.k_eff, "k_eff") for group in groups]
        return [
            clustered_block(group, forms, conf_level, (targets, clusters))
            for group, forms in zip(groups, wanted, strict=True)
        ]
    blocks: dict[int, IccBlock] = {}
    given = (1, "eff") if tuple(k) == DEFAULT_K else k
    for i, group in enumerate(groups):
        layout = group.layout
        if layout.complete:
            tables = group.values.reshape(len(group.values), layout.n_targets, layout.n_raters)
            forms = requested(given, float(layout.n_raters), "k")
            blocks[i] = complete_block(tables, forms, conf_level, known_raters=layout.known_raters)
    rest = [i for i in range(len(groups)) if i not in blocks]
    if rest:
        from doublecode.analysis.reliability.crossed import incomplete_blocks

        wanted = [requested(k, groups[i].layout.k_eff, "k_eff") for i in rest]
        found = incomplete_blocks([groups[i] for i in rest], wanted, conf_level)
        blocks |= dict(zip(rest, found, strict=True))
    return [blocks[i] for i in range(len(groups))]


def _prefixed(read: RatingData, group: RatingSets, text: str) -> str:
    """Put the names of the sets before a note, unless it holds for all of them."""
    if len(group.index) == read.n_sets:
        return text
    shown = [_set_name(read, int(s)) for s in group.index[:3]]
    more = f" and {len(group.index) - 3} more" if len(group.index) > 3 else ""
    return f"{'; '.join(shown)}{more}: {text}"


def _set_name(read: RatingData, s: int) -> str:
    return ", ".join(f"{name} = {value}" for name, value in zip(read.by, read.keys[s], strict=True))


def _group_notes(
    group: RatingSets,
    block: IccBlock,
    read: RatingData,
    targets: str,
    raters: str | None,
    conf_level: float,
) -> list[str]:
    layout = group.layout
    texts = design_notes(layout, targets, raters, conf_level)
    if layout.kind == "disconnected":
        texts.append(disconnected_note(layout, targets, raters))
    notes = [_prefixed(read, group, text) for text in texts]
    for position, text in (*block.notes, *spread_remarks(group, block)):
        name = _set_name(read, int(group.index[position]))
        notes.append(f"{name}: {text}" if name else text)
    return notes


def _assemble(
    spec: dict[str, Any],
    read: RatingData,
    blocks: list[tuple[RatingSets, IccBlock]],
    refused: dict[int, str],
    notes: list[str],
) -> ICCResult:
    from doublecode.analysis.reliability.form_tables import Estimates, form_table

    sets = _design_of_sets(read)
    kinds = sorted({entry["kind"] for entry in sets})
    design: dict[str, Any] = {
        "kind": kinds[0] if len(kinds) == 1 else "mixed",
        "n_sets": read.n_sets,
        "n_ratings": sum(entry["n_ratings"] for entry in sets),
        "dropped": {"missing rating": read.n_missing},
    }
    if read.n_sets == 1:
        design |= {name: value for name, value in sets[0].items() if name != "set"}
    design["sets"] = sets
    return ICCResult(
        spec=spec,
        frame=form_table(read, blocks, refused, spec["targets"]),
        design=design,
        notes=tuple(dict.fromkeys(notes)),
        estimates=Estimates(read, blocks),
    )


def _design_of_sets(read: RatingData) -> list[dict[str, Any]]:
    sets: list[dict[str, Any]] = [{} for _ in range(read.n_sets)]
    for group in read.groups:
        counts = group.layout.counts()
        for s in group.index.tolist():
            sets[s] = {"set": dict(zip(read.by, read.keys[s], strict=True)), **counts}
    return sets


def intra_rater(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str,
    occasions: str,
    ratings: str,
    by: str | Sequence[str] | None = None,
    conf_level: float = 0.95,
    seed: int = 0,
) -> ICCResult:
    """Intra-rater (recode) reliability: each rater against her own earlier codes.

    One set per rater (× `by`): occasions take the place of raters, so ICC(A,1) says
    how well one rater reproduces her codes, constant change of severity included.

    Parameters
    ----------
    data : DataFrame
        Long: one row per target × rater × occasion.
    targets, raters, occasions, ratings : str
        Columns. Targets that a rater coded once only take no part in her set.
    by, conf_level, seed
        As in :func:`icc`.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(s, "R1", t, (s % 4) + (t == 2 and s == 3)) for s in range(8) for t in (1, 2)]
    >>> long = pd.DataFrame(rows, columns=["session", "rater", "time", "y"])
    >>> found = intra_rater(long, targets="session", raters="rater", occasions="time", ratings="y")
    >>> single = found.frame.set_index("form").loc["ICC(A,1)"]
    >>> single["rater"], round(float(single["estimate"]), 2)
    ('R1', 0.96)
    """
    names = as_names(by)
    require_columns(data, [targets, raters, occasions, ratings, *names], "intra_rater")
    held = data[data[ratings].notna()]
    times = held.groupby([*names, raters, targets], observed=True)[ratings].transform("size")
    recoded = held[times > 1]
    if not len(recoded):
        raise UsageError(
            f"intra_rater: no {raters} coded a {targets} on two {occasions}s; there are no recodes. "
            "Let each rater code some sessions again, blind to the first codes."
        )
    found = icc(
        recoded,
        targets=targets,
        raters=occasions,
        ratings=ratings,
        by=[*names, raters],
        conf_level=conf_level,
        seed=seed,
    )
    left = len(held) - len(recoded)
    design = {**found.design, "dropped": {**found.design["dropped"], "coded once only": left}}
    notes = ("intra-rater: occasions stand where raters stand in the forms", *found.notes)
    return replace(found, spec={**found.spec, "intra_rater": raters}, design=design, notes=notes)
