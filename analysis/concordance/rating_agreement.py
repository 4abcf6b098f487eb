"""Agreement of ratings that are numbers: shares, scale points, chance-corrected coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from doublecode.analysis.concordance.agreement_rows import Row, undefined_notes
from doublecode.analysis.concordance.chance_corrected import (
    Coefficient,
    Counts,
    agreement_weights,
    brennan_prediger,
    cohen_kappa,
    conger_kappa,
    count_categories,
    fleiss_kappa,
    gwet_ac,
    percent_agreement,
)
from doublecode.analysis.concordance.krippendorff_alpha import LEVELS, krippendorff_alpha
from doublecode.analysis.ratings.design import RatingData, RatingSets
from doublecode.analysis.ratings.frames import as_names, rated_rows, read_ratings
from doublecode.analysis.ratings.rounding import rounding_noise
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Column, Table, bounded_estimate, column, level_heading
from doublecode.analysis.rendering.wording.set_counts import sets_words
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError
from doublecode.schemas.results import Note, check_conf_level, distinct

if TYPE_CHECKING:
    from collections.abc import Iterator

Floats = NDArray[np.float64]
WEIGHTS: Final[tuple[str, ...]] = ("unweighted", "linear", "quadratic", "ordinal")
MANY_CATEGORIES = 200
IN_POINTS: Final[tuple[str, ...]] = ("SEM", "SDC")
FIGURES: Final[tuple[str, ...]] = (
    "estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high",
)  # fmt: skip
METHODS: Final = {
    "t": "linearised error, t limits",
    "z": "asymptotic error, normal limits",
    "chi-square": "mean square within targets, chi-square limits",
}
OF_CATEGORIES: Final[tuple[str, ...]] = (
    "prevalence", "exact agreement", "Cohen's kappa", "Conger's kappa", "Gwet's AC1",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class AgreementResult(Answer):
    """Agreement coefficients that remember their question.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        One row per set and coefficient: grouping columns, ``coefficient, weights, estimate, std_error,
        df, statistic, p_value, conf_low, conf_high, method``. Shares lie between 0 and 1; SEM and
        smallest detectable change are in scale points.
    design : dict
        Counts per set and dropped rows.
    notes : tuple of Note
    rows : Index
    categories : DataFrame
        Of codes: each category against all others, as in `frame`, with its ``prevalence``. Empty for numbers.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]
    categories: pd.DataFrame

    label_columns: ClassVar[tuple[str, ...]] = ("coefficient", "weights")

    def tables(self) -> tuple[Table, ...]:
        """Coefficients, scale points, and for codes each category by itself."""
        level, by = self.spec["conf_level"], tuple(column(name, kind="text") for name in self.spec["by"])
        names = (column("coefficient", "Coefficient", kind="text"), column("weights", "Weights", kind="text"))
        shares = (*names, *bounded_estimate("Estimate", level))
        points = (*by, names[0], column("estimate", "Points"), column("conf_low", level_heading(level)))
        in_points = self.frame["coefficient"].isin(IN_POINTS)
        found = [Table("agreement", "Agreement", self.frame[~in_points], (*by, *shares))]
        if in_points.any():
            found.append(Table("agreement_points", "In scale points", self.frame[in_points], points))
        if len(self.categories) and "category" not in self.spec["by"]:
            found.append(self._category_table(by))
        return tuple(found)

    def _category_table(self, by: tuple[Column, ...]) -> Table:
        """One row per category: how often it was named, and how well raters agree on it."""
        keys = [*self.spec["by"], "category"]
        rows = self.categories.set_index(keys)[["coefficient", "estimate", "conf_low", "conf_high"]]
        wide = pd.concat([rows[rows["coefficient"] == name].add_prefix(f"{name} ") for name in OF_CATEGORIES], axis=1)
        columns = [column(f"{name} estimate", name.capitalize(), kind="bounded") for name in OF_CATEGORIES[:2]]
        level = level_heading(self.spec["conf_level"])
        for name in (one for one in OF_CATEGORIES[2:] if wide[f"{one} estimate"].notna().any()):
            columns.append(column(f"{name} estimate", name, kind="bounded"))
            columns.append(column(f"{name} conf_low", level, kind="bounded", upper=f"{name} conf_high"))
        shown = (*by, column("category", "Category", kind="text"), *columns)
        title = "Each category against all others"
        return Table("agreement_categories", title, wide.reset_index(), shown, data=self.categories)

    def counted(self) -> str:
        """Count targets, raters and ratings."""
        return sets_words(self.design["sets"], self.spec["targets"])


def agree_on_ratings(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str | None,
    ratings: str,
    by: str | Sequence[str] | None,
    categories: Sequence[float] | None,
    weights: Sequence[str],
    levels: Sequence[str],
    within: float,
    single_coded: str,
    conf_level: float,
) -> AgreementResult:
    """Agreement of ratings that are numbers; see :func:`doublecode.analysis.concordance.coefficients.agreement`."""
    check_conf_level(conf_level, "agreement")
    _check_words(weights, WEIGHTS, "weights")
    _check_words(levels, LEVELS, "levels")
    _check_words([single_coded], ("count", "drop"), "single_coded")
    read = read_ratings(data, targets=targets, raters=raters, ratings=ratings, by=by, caller="agreement")
    notes, n_missing = [*read.missing_notes], read.n_missing
    if single_coded == "drop":
        held, _ = rated_rows(data, ratings, "agreement")
        shared = held.groupby([*as_names(by), targets], observed=True)[ratings].transform("size") > 1
        if shared.any():
            read = read_ratings(
                held[shared], targets=targets, raters=raters, ratings=ratings, by=by, caller="agreement"
            )
            notes.append(Note("single_coded_left_out", numbers={"n": int((~shared).sum())}))
    found, sets = [], []
    for group in read.groups:
        several = int((group.layout.per_target > 1).sum())
        sets += _counts_of(read, group)
        if several < 2:
            notes.append(_few(read, group, several, targets))
            continue
        notes += _singles(group, targets)
        rows = list(_rows(group, categories, weights, levels, within, notes))
        notes += undefined_notes(read, group, rows)
        found.append((group, rows))
    if not found:
        raise NotEstimable(f"agreement: {'; '.join(map(sentence, notes))}")
    spec = {
        "targets": targets,
        "raters": raters,
        "ratings": ratings,
        "by": list(as_names(by)),
        "categories": None if categories is None else list(categories),
        "weights": list(weights),
        "levels": list(levels),
        "within": within,
        "single_coded": single_coded,
        "conf_level": conf_level,
    }
    design = {
        "n_sets": read.n_sets,
        "n_ratings": sum(entry["n_ratings"] for entry in sets),
        "dropped": {"missing rating": n_missing},
        "sets": sets,
    }
    return AgreementResult(spec, _tidy(read, found, conf_level), design, distinct(notes), read.rows, pd.DataFrame())


def _check_words(given: Sequence[str], allowed: tuple[str, ...], name: str) -> None:
    words = [given] if isinstance(given, str) else list(given)
    wrong = [word for word in words if word not in allowed]
    if wrong:
        raise UsageError(f"agreement: {name} holds {wrong[0]!r}; allowed are {', '.join(allowed)}.")


def _counts_of(read: RatingData, group: RatingSets) -> list[dict[str, Any]]:
    return [{"set": read.key_of(s), **group.layout.counts()} for s in group.index.tolist()]


def _few(read: RatingData, group: RatingSets, several: int, targets: str) -> Note:
    return Note("too_few_double_coded", read.names_of(group.index), {"n": several, "targets": targets})


def _singles(group: RatingSets, targets: str) -> list[Note]:
    share = float(np.mean(group.layout.per_target == 1))
    return [Note("many_single_coded", numbers={"share": share, "targets": targets})] if share > 0.20 else []


def _rows(
    group: RatingSets,
    categories: Sequence[float] | None,
    weights: Sequence[str],
    levels: Sequence[str],
    within: float,
    notes: list[Note],
) -> Iterator[Row]:
    """Yield (coefficient, weights, numbers, method) for the sets of one layout."""
    counts = _categorise(group, categories)
    yield "exact agreement", "–", percent_agreement(counts, _near(counts, 0.0)), "t"
    name = f"within {within:g} point{'' if within == 1 else 's'}"
    yield name, "–", percent_agreement(counts, _near(counts, within)), "t"
    yield from _scale_points(group)
    if len(counts.values) > MANY_CATEGORIES:
        notes.append(Note("too_many_categories", numbers={"n": len(counts.values)}))
        return
    two = group.layout.known_raters and group.layout.n_raters == 2
    single = bool((group.layout.per_target == 1).any())
    if two and single:
        notes.append(Note("kappa_counts_single_coded"))
    for kind in weights:
        weight = agreement_weights(counts.values, counts.used, kind)
        if two and single:
            yield "Cohen's kappa", kind, conger_kappa(counts, weight), "t"
        elif two:
            yield "Cohen's kappa", kind, cohen_kappa(counts, weight), "z"
        elif group.layout.known_raters:
            yield "Conger's kappa", kind, conger_kappa(counts, weight), "t"
        yield "Fleiss' kappa", kind, fleiss_kappa(counts, weight), "t"
        yield f"Gwet's AC{1 if kind == 'unweighted' else 2}", kind, gwet_ac(counts, weight), "t"
        yield "Brennan–Prediger", kind, brennan_prediger(counts, weight), "t"
    for level in levels:
        if level == "ratio" and counts.values[0] < 0.0:
            notes.append(Note("no_ratio_alpha"))
            continue
        yield "Krippendorff's alpha", level, krippendorff_alpha(counts, level), "t"


def _categorise(group: RatingSets, categories: Sequence[float] | None) -> Counts:
    noise = float(rounding_noise(group.values).max())
    values = np.unique(group.values)
    values = values[np.append(True, np.diff(values) > noise)]  # what differs by rounding is one category
    if categories is not None:
        allowed = np.unique(np.asarray(categories, dtype=np.float64))
        odd = values[np.abs(values[:, None] - allowed).min(axis=1) > noise]
        if len(odd):
            raise ContractError(
                f"agreement: rating {odd[0]:g} is none of the categories {', '.join(f'{c:g}' for c in allowed)}. "
                "Correct the rating or name all codes of the scale."
            )
        values = allowed
    code = (np.searchsorted(values, group.values + noise, side="right") - 1).astype(np.int64)
    used = np.ones((len(group.values), len(values)), dtype=bool)
    if categories is None and len(group.values) > 1:
        used = np.stack([np.bincount(row, minlength=len(values)) > 0 for row in code])
    return count_categories(group.layout, code, values, used)


def _near(counts: Counts, tolerance: float) -> Floats:
    noise = float(rounding_noise(counts.values[None, :]).max())
    near = np.abs(counts.values[:, None] - counts.values[None, :]) <= tolerance * (1.0 + 1e-9) + noise
    return np.broadcast_to(near.astype(np.float64), (len(counts.table), *near.shape))


def _scale_points(group: RatingSets) -> Iterator[Row]:
    """Standard error of measurement and smallest detectable change, in scale points."""
    layout = group.layout
    per = layout.per_target
    starts = np.searchsorted(layout.target, np.arange(layout.n_targets))
    means = np.add.reduceat(group.values, starts, axis=1) / per
    rest = group.values - means[:, layout.target]
    df = float(layout.n_obs - layout.n_targets)
    sem = np.sqrt(np.einsum("so,so->s", rest, rest) / df)
    # On the log scale the error of a standard deviation is about 1/sqrt(2 df); limits are by chi-square.
    error = sem / np.sqrt(2.0 * df)
    degrees = np.full(len(sem), df)
    yield "SEM", "–", Coefficient(sem, error, degrees), "chi-square"
    factor = 1.959963984540054 * np.sqrt(2.0)
    yield "SDC", "–", Coefficient(factor * sem, factor * error, degrees), "chi-square"


def _tidy(read: RatingData, found: Sequence[tuple[RatingSets, list[Row]]], conf_level: float) -> pd.DataFrame:
    """One row per set and coefficient, sets in their order."""
    of_sets = [(group.index, *row) for group, rows in found for row in rows]
    owner = np.concatenate([index for index, *_ in of_sets])
    order = np.argsort(owner, kind="stable")
    size = [len(index) for index, *_ in of_sets]
    figures = np.concatenate([_figures(numbers, method, conf_level) for *_, numbers, method in of_sets], axis=1)
    texts = np.array([(name, kind, METHODS[method]) for _, name, kind, _, method in of_sets], dtype=object)
    coefficient, kind, method = np.repeat(texts, size, axis=0).T
    method[np.isnan(figures[0])] = "undefined: all ratings fall into one category"
    keys = [read.keys[s] for s in owner[order].tolist()]
    return pd.DataFrame(
        {name: [key[place] for key in keys] for place, name in enumerate(read.by)}
        | {"coefficient": coefficient[order], "weights": kind[order]}
        | dict(zip(FIGURES, figures[:, order], strict=True))
        | {"method": method[order]},
        copy=False,
    )


def _figures(numbers: Coefficient, method: str, conf_level: float) -> Floats:
    """Columns of numbers of a coefficient, shape (FIGURES, n_sets)."""
    low, high, statistic, p_value = _limits(numbers, method, conf_level)
    return np.array([numbers.estimate, numbers.std_error, numbers.df, statistic, p_value, low, high])


def _limits(numbers: Coefficient, method: str, conf_level: float) -> tuple[Floats, Floats, Floats, Floats]:
    alpha = 1.0 - conf_level
    nothing = np.full(len(numbers.estimate), np.nan)
    if method == "chi-square":
        low = numbers.estimate * np.sqrt(numbers.df / special.chdtri(numbers.df, alpha / 2.0))
        high = numbers.estimate * np.sqrt(numbers.df / special.chdtri(numbers.df, 1.0 - alpha / 2.0))
        return low, high, nothing, nothing
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = numbers.estimate / numbers.std_error
    if method == "z":
        reach: Floats = np.full(len(statistic), float(special.ndtri(1.0 - alpha / 2.0)))
        p_value = 2.0 * special.ndtr(-np.abs(statistic))
    else:
        reach = np.asarray(special.stdtrit(numbers.df, 1.0 - alpha / 2.0), dtype=np.float64)
        p_value = 2.0 * special.stdtr(numbers.df, -np.abs(statistic))
    low = np.maximum(numbers.estimate - reach * numbers.std_error, numbers.lowest)
    high = np.minimum(numbers.estimate + reach * numbers.std_error, 1.0)
    if numbers.z is not None:
        statistic, p_value = numbers.z, 2.0 * special.ndtr(-np.abs(numbers.z))
    return low, high, statistic, np.asarray(p_value, dtype=np.float64)
