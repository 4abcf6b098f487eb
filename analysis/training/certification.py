"""Are raters trained? Bias, share within one point, weighted kappa and ICC(A,1) of each trainee against a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from doublecode.analysis.ratings.frames import as_names, numeric_column, require_columns
from doublecode.analysis.training.certification_result import CertificationResult
from doublecode.analysis.training.key_statistics import key_statistics
from doublecode.analysis.training.pass_marks import LEAST_TAPES, PassMarks, Reached, judge_rows, verdicts_of
from doublecode.schemas.errors import DuplicateError, NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

_OWN: Final = (
    "n", "n_missing", "n_absent", "criterion", "estimate", "conf_low", "conf_high", "mark", "reached", "key", "rating",
    "target", "departure", "row", "there", "span", "set", "tapes", "verdict", "missed", "unclear",
)  # fmt: skip
"""Columns of the answer: those of the user that split the ratings have other names."""


def certify(
    data: pd.DataFrame,
    key: pd.DataFrame | str,
    *,
    targets: str,
    raters: str,
    ratings: str,
    by: str | Sequence[str] | None = None,
    verdict_by: str | Sequence[str] | None = None,
    bias: float | None = None,
    within_one: float | None = None,
    kappa: float | None = None,
    icc: float | None = None,
    judge: str = "estimate",
    top: int = 10,
    conf_level: float = 0.95,
) -> CertificationResult:
    r"""Hold the ratings of trainees to an expert key, and to a pass mark.

    Parameters
    ----------
    data : DataFrame
        Long: one row per target × rater (× `by`). A row whose rating is missing is one that the trainee could not
        give; a row that is not there is one she has not given yet.
    key : DataFrame or str
        Long: one row per target (× `by`), with the columns `targets`, `ratings` and `by`. Or the name of the rater
        in `data` whose ratings are the key.
    targets, raters, ratings : str
        Ratings are in points of the scale.
    by : str or sequence of str, optional
        Columns that split the ratings into sets (scales, items), each of which is judged by itself.
    verdict_by : str or sequence of str, optional
        Columns of `by` (such as the instrument) for each of which a trainee has a verdict of its own; without it she
        has one, and passes if every set does.
    bias : float, optional
        Pass mark: the mean of rating − key lies within ±`bias` points.
    within_one, kappa, icc : float, optional
        Pass marks, at least so high: the share of ratings within one point of the key (0–1), weighted kappa, ICC(A,1).
    judge : {"estimate", "limit"}
        Whether the estimate has to reach the mark, or the limit of its interval that is nearer to failing: the lower
        one, for the bias the one further from zero.
    top : int
        How many ratings to list for hearing again, per trainee and value of `verdict_by`.
    conf_level : float

    Returns
    -------
    CertificationResult

    Raises
    ------
    ContractError, UsageError
        A column is missing or holds no numbers, a mark is out of its range.
    DuplicateError
        The key, or a trainee, rated a target twice.
    NotEstimable
        No trainee rated anything that the key holds.

    Notes
    -----
    Of the pairs (rating x, key y) of a set, n of them, d = x − y:

    - bias: mean of d, limits by t(n − 1);
    - within one point: share with \|d\| ≤ 1, limits by Wilson (1927), which keep their level at small n and at shares
      near 1 (Brown, Cai & DasGupta 2001, 10.1214/ss/1009213286);
    - kappa: Cohen's (1968) with linear weights, limits by Fleiss, Cohen & Everitt (1969): with quadratic ones it would
      nearly repeat the ICC (Fleiss & Cohen 1973, 10.1177/001316447303300309);
    - ICC(A,1): absolute agreement of a single rating, limits by F (McGraw & Wong 1996, 10.1037/1082-989X.1.1.30).

    Below ten tapes only bias and the share within one point decide: intervals of kappa and ICC are then so wide that
    neither a pass nor a failure means anything. Where all ratings of a set lie within a point of one another (codes 0
    and 1), every rating is within one point of the key whatever it is, and that mark is not judged. A trainee is
    *undecided* where tapes are still to be rated, where her missing codes leave fewer than ten of ten or more tapes, or
    less than half of them, where no mark can be judged in a set, or where what is to be judged
    is not defined (a key without spread has no ICC) and nothing else fails. With many sets the chance grows that a good
    trainee misses one mark by accident: judge scales rather than items, or choose milder marks.

    Examples
    --------
    >>> import pandas as pd
    >>> key = pd.DataFrame({"tape": range(12), "score": [0, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5]})
    >>> good = key.assign(rater="Ann", score=key["score"] + [0, 0, 1, 0, -1, 0, 0, 0, 1, 0, 0, -1])
    >>> mild = key.assign(rater="Ben", score=key["score"] + [1, 1, 2, 1, 2, 1, 1, 1, 2, 1, 2, 1])
    >>> found = certify(
    ...     pd.concat([good, mild]), key, targets="tape", raters="rater", ratings="score", bias=0.5, within_one=0.8
    ... )
    >>> found.verdicts[["rater", "verdict", "missed"]].values.tolist()
    [['Ann', 'pass', ''], ['Ben', 'fail', 'bias, within 1']]
    >>> found.departures[["rater", "target", "key", "rating"]].head(2).values.tolist()
    [['Ben', 2, 2.0, 4.0], ['Ben', 4, 4.0, 6.0]]
    """
    check_conf_level(conf_level, "certify")
    names, apart = as_names(by), as_names(verdict_by)
    stray = next((name for name in apart if name not in names), None)
    if stray is not None:
        raise UsageError(f"certify: verdict_by names {stray!r}, which is none of `by` ({', '.join(names) or 'none'}).")
    taken = next((name for name in (raters, *names) if name in _OWN), None)
    if taken is not None:
        raise UsageError(f"certify: the answer has a column {taken!r} of its own; rename yours.")
    marks = PassMarks(bias=bias, within_one=within_one, kappa=kappa, icc=icc, judge=judge)
    data = as_pandas(data)
    require_columns(data, [targets, raters, ratings, *names], "certify")
    pairs = _pairs(data, key, targets, raters, ratings, names)
    statistics = key_statistics(pairs.matched, [raters, *names], conf_level)
    counts = pairs.counts
    frame = judge_rows(counts.merge(statistics, on=[raters, *names], how="left"), marks, [raters, *names])
    departures, n_beyond = _departures(pairs.matched, raters, names, apart, top)
    design = {
        "n_trainees": counts[raters].nunique(), "n_targets": pairs.n_targets, "n_pairs": len(pairs.matched),
        "n_beyond": n_beyond, "n_unkeyed": pairs.n_unkeyed,
    }  # fmt: skip
    spec = {
        "targets": targets, "raters": raters, "ratings": ratings, "by": list(names), "verdict_by": list(apart),
        "marks": marks.declared, "judge": judge, "top": top, "conf_level": conf_level,
    }  # fmt: skip
    verdicts = verdicts_of(frame, raters, names, apart)
    notes = tuple(_notes(frame, [raters, *names], design, marks, targets, conf_level))
    return CertificationResult(spec, frame, verdicts, departures, design, notes, pairs.rows)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Ratings beside their key, what is missing, and what the key does not hold."""

    matched: pd.DataFrame
    counts: pd.DataFrame
    n_targets: int
    n_unkeyed: int
    rows: pd.Index[Any]


def _pairs(
    data: pd.DataFrame, key: pd.DataFrame | str, targets: str, raters: str, ratings: str, names: tuple[str, ...]
) -> _Pairs:
    """Match every rating of a trainee to the key of its target and set."""
    if isinstance(key, str):
        if key not in set(data[raters]):
            raise UsageError(f"certify: the key is to be the rater {key!r}, and no row of {raters!r} says so.")
        key, data = data[data[raters] == key], data[data[raters] != key]
    key = as_pandas(key)
    require_columns(key, [targets, ratings, *names], "certify: key")
    _refuse_twice(key, [targets, *names], "the key")
    _refuse_twice(data, [targets, raters, *names], "the ratings")
    held = key[[targets, *names]].assign(key=numeric_column(key, ratings, "certify: key")).dropna(subset=["key"])
    given = data[[targets, raters, *names]].assign(rating=numeric_column(data, ratings, "certify"), row=data.index)
    seen = given.merge(held, on=[targets, *names], how="inner")
    if len(seen) and not seen["rating"].notna().any():
        raise NotEstimable(
            f"certify: all {len(seen)} ratings of what the key holds are missing codes; there is nothing to compare."
        )
    if not len(seen):
        raise NotEstimable("certify: no trainee rated anything that the key holds. Look at the ids of both.")
    matched = seen[seen["rating"].notna()].reset_index(drop=True)
    asked = held.merge(seen[[raters]].drop_duplicates(), how="cross")
    asked = asked.merge(seen[[targets, raters, *names, "rating"]].assign(there=True), how="left",
                        on=[targets, raters, *names])  # fmt: skip
    asked = asked.assign(n=asked["rating"].notna(), there=asked["there"].eq(True))
    asked = asked.assign(n_missing=asked["there"] & ~asked["n"], n_absent=~asked["there"])
    counts = (
        asked.groupby([raters, *names], sort=True, observed=True)[["n", "n_missing", "n_absent"]]
        .sum()
        .astype(int)
        .reset_index()
    )
    matched = matched.rename(columns={targets: "target"})
    rows = pd.Index(matched["row"])
    return _Pairs(matched, counts, held[targets].nunique(), len(given) - len(seen), rows)


def _refuse_twice(rows: pd.DataFrame, columns: list[str], what: str) -> None:
    again = rows.duplicated(columns).to_numpy()
    if again.any():
        row = rows.iloc[int(again.argmax())]
        said = ", ".join(f"{name} = {row[name]}" for name in columns)
        raise DuplicateError(f"certify: {what} hold{'s' if what == 'the key' else ''} {said} twice; keep one row.")


def _departures(
    matched: pd.DataFrame, raters: str, names: tuple[str, ...], apart: tuple[str, ...], top: int
) -> tuple[pd.DataFrame, int]:
    """The ratings furthest from the key; of equal ones those of sessions in which the trainee is further off."""
    rows = matched.assign(departure=matched["rating"] - matched["key"])
    size = rows["departure"].abs()
    whole = size.groupby([rows[raters], rows["target"]], observed=True).transform("mean")
    beyond = size > 1.0 + 1e-9
    order = rows.assign(_size=-size, _whole=-whole)[beyond].sort_values(
        [raters, *apart, "_size", "_whole", "target", *names], kind="stable"
    )
    kept = order.groupby([raters, *apart], sort=False, observed=True).head(top)
    return kept[[raters, *names, "target", "key", "rating", "departure"]].reset_index(drop=True), int(beyond.sum())


def _notes(
    frame: pd.DataFrame,
    keys: list[str],
    design: Mapping[str, Any],
    marks: PassMarks,
    targets: str,
    conf_level: float,
) -> list[Note]:
    """What the verdicts are to be read with."""
    sets = frame.drop_duplicates(keys)
    few = int((sets["n"] < LEAST_TAPES).sum())
    narrow = frame[(frame["criterion"] == "within_one") & (frame["reached"] == Reached.CANNOT_FAIL)]
    undefined = frame[frame["reached"] == Reached.UNDEFINED]
    found = []
    if few and (marks.kappa is not None or marks.icc is not None):
        found.append(Note("few_tapes", numbers={"n": few, "of": len(sets), "least": LEAST_TAPES, "targets": targets}))
    numbers = {
        "within_cannot_fail": len(narrow), "mark_undefined": len(undefined),
        "tapes_to_rate": int(sets["n_absent"].sum()), "key_without_rating": int(sets["n_missing"].sum()),
        "ratings_without_key": int(design["n_unkeyed"]),
    }  # fmt: skip
    shortest = marks.tapes_for_limit(conf_level)
    if sets["n"].min() < shortest:
        found.append(
            Note("mark_out_of_reach", numbers={"mark": marks.within_one, "least": shortest, "targets": targets})
        )
    found += [Note(kind, numbers={"n": n}) for kind, n in numbers.items() if n]
    return found if marks.declared else [*found, Note("no_pass_mark")]
