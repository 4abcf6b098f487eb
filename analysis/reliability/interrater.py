"""Inter-rater reliability: the ICC of every design, found from the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import RatingData, RatingSets, rows_without_rating
from doublecode.analysis.ratings.frames import as_names, rated_rows, read_ratings, require_columns
from doublecode.analysis.reliability.anova import complete_block
from doublecode.analysis.reliability.design_notes import design_notes, impossible
from doublecode.analysis.reliability.form_tables import Estimates, form_table
from doublecode.analysis.reliability.forms import IccBlock, requested
from doublecode.analysis.reliability.icc_result import ICCResult
from doublecode.analysis.reliability.lack_of_spread import spread_remarks
from doublecode.analysis.reliability.recodes import interval_notes
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.wording.phrases import plural
from doublecode.schemas.dates import read_dates
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.odd_columns import refuse_doubled_names
from doublecode.schemas.results import Note, check_conf_level, distinct

Floats = NDArray[np.float64]
DEFAULT_K: tuple[int | str, ...] = (1, 2, "eff")
Interval = Literal["model", "jackknife"]


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
    if isinstance(data, pd.DataFrame):
        refuse_doubled_names(data)
    else:
        data = as_pandas(data)
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
    notes = [*read.missing_notes]
    refused: dict[int, Note] = {}
    usable = []
    for group in read.groups:
        problem = impossible(group.layout, targets, raters)
        if problem is None:
            usable.append(group)
        else:
            refused |= {int(s): problem for s in group.index}
            notes.append(replace(problem, subject=_about(read, group)))
    if not usable:
        raise NotEstimable("icc: " + "; ".join(map(sentence, distinct(refused.values()))))
    blocks = list(zip(usable, _estimate(usable, k, conf_level, targets, clusters), strict=True))
    if interval == "jackknife":
        from doublecode.analysis.reliability.jackknife import jackknifed

        blocks = [(group, jackknifed(group, block, conf_level)) for group, block in blocks]
        notes.append(Note("jackknife_raters_fixed"))
    for group, block in blocks:
        notes += _group_notes(group, block, read, spec)
    return _assemble(spec, Estimates(read, blocks, refused), notes)


def _check_interval(interval: str, clusters: str | None) -> None:
    if interval not in ("model", "jackknife"):
        raise UsageError(f"icc: found interval = {interval!r}; allowed: 'model', 'jackknife'.")
    if interval == "jackknife" and clusters is not None:
        raise UsageError(
            f"icc: the jackknife leaves out targets one by one, but those of one {clusters} belong together; leave out "
            "`clusters`, or take interval = 'model'."
        )


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


def _about(read: RatingData, group: RatingSets) -> str:
    """Name the sets of a layout for a note; empty where it holds for all of them."""
    return "" if len(group.index) == read.n_sets else read.names_of(group.index)


def _group_notes(group: RatingSets, block: IccBlock, read: RatingData, spec: dict[str, Any]) -> list[Note]:
    of_all = design_notes(group.layout, spec["targets"], spec["raters"], spec["conf_level"])
    about = _about(read, group) if of_all else ""
    notes = [replace(note, subject=about) for note in of_all] if about else of_all
    for position, note in (*block.notes, *spread_remarks(group, block)):
        notes.append(replace(note, subject=read.name_of(int(group.index[position]))))
    return notes


def _assemble(
    spec: dict[str, Any],
    estimates: Estimates,
    notes: list[Note],
) -> ICCResult:
    read = estimates.read
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
        frame=form_table(estimates, spec["targets"]),
        design=design,
        notes=distinct(notes),
        estimates=estimates,
    )


def _design_of_sets(read: RatingData) -> list[dict[str, Any]]:
    sets: list[dict[str, Any]] = [{} for _ in range(read.n_sets)]
    for group in read.groups:
        counts = group.layout.counts()
        for s in group.index.tolist():
            sets[s] = {"set": read.key_of(s), **counts}
    return sets


def intra_rater(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str,
    occasions: str,
    ratings: str,
    by: str | Sequence[str] | None = None,
    days: str | None = None,
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
    days : str, optional
        Column of the day of coding, dates or ``2021-04-03``: the interval between codes is then a note, with a warning
        where it is short (below two weeks).
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
    data = as_pandas(data)
    names = as_names(by)
    require_columns(data, [targets, raters, occasions, ratings, *names], "intra_rater")
    held, _ = rated_rows(data, ratings, "intra_rater")
    times = held.groupby([*names, raters, targets], observed=True)[ratings].transform("size")
    recoded = held[times > 1]
    if not len(recoded):
        raise UsageError(
            f"intra_rater: no {raters} coded a {targets} on two {plural(occasions)}; there are no recodes. "
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
    left, n_missing = len(held) - len(recoded), len(data) - len(held)
    design = {**found.design, "dropped": {"missing rating": n_missing, "coded once only": left}}
    between = () if days is None else interval_notes(_days_between(recoded, [*names, raters, targets], days))
    notes = (*rows_without_rating(n_missing), Note("recodes"), *between, *map(_of_occasions, found.notes))
    return replace(found, spec={**found.spec, "intra_rater": raters}, design=design, notes=notes)


def _days_between(recoded: pd.DataFrame, keys: Sequence[str], days: str) -> pd.Series[float]:
    """Days of each recode since the coding of the same target before it; NaN of the first ones."""
    require_columns(recoded, [days], "intra_rater")
    read = recoded[days]
    if read.dtype.kind != "M":
        texts = read.astype(object).where(read.notna(), None)
        read = read_dates(texts, None, [f"row {label}" for label in recoded.index], days, "YYYY-MM-DD")
    ordered = recoded.assign(**{days: read}).sort_values(days, kind="stable")
    between: pd.Series[float] = ordered.groupby(list(keys), observed=True)[days].diff().dt.days
    return between


def _of_occasions(note: Note) -> Note:
    """Of recodes it is the occasions that are few, not the raters."""
    return replace(note, kind="few_occasions") if note.kind == "few_raters" else note
