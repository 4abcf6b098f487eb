"""Power by simulation: studies drawn from a plan, each fitted as the study will be, significant ones counted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.formula import parse_mixed
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.mixed.hypotheses import quantile
from doublecode.analysis.mixed.many import ManyDdf, fit_many
from doublecode.analysis.mixed.many_result import ManyGeneralizedResult, ManyResult
from doublecode.analysis.planning.effect_scales import Scale, slope_of
from doublecode.analysis.planning.planned_study import CALLER, PARTS, PlannedStudy, check_alpha, check_seed, is_whole
from doublecode.analysis.planning.power_result import PowerResult
from doublecode.analysis.planning.simulated_study import draw, plan_rows
from doublecode.analysis.reliability.planned_pairs import rotating_layout, simulated_limits
from doublecode.analysis.results.proportions import wilson_limits
from doublecode.analysis.results.spread_work import Progress, Workers, spread_work
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed
from doublecode.schemas.results import Note

LATER: Final = ("family", "base", "dispersion")
"""Parts that a plan had not always: without them its studies are those that they were."""
BATCH: Final = 500
"""Studies that are drawn together; a simulation that stops early stops after such a batch."""
SLOW_BATCH: Final = 100
"""Of those that are fitted one by one."""
PREDICTORS: Final = ("within", "between")
EFFECTS: Final = (*PREDICTORS, "trend")
COLUMNS: Final = {"within": "within", "between": "between", "trend": "session"}
"""Effects, and the column of the model that has each."""
LEAST: Final = 100
MOST_VARIED: Final = 4
ICC_STUDIES: Final = 100
"""Studies by which the width of an ICC's interval is told: its median is good to two digits."""
Floats = npt.NDArray[np.float64]


def power(
    plan: PlannedStudy,
    *,
    within: float | None = None,
    between: float | None = None,
    trend: float | None = None,
    scale: Scale | None = None,
    vary: Mapping[str, Sequence[float]] | None = None,
    formula: str | None = None,
    ddf: ManyDdf = None,
    alpha: float = 0.05,
    studies: int = 1000,
    half_width: float | None = None,
    seed: int = 0,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> PowerResult:
    r"""Power of a planned study of sessions within patients, by simulating it as it will be rated and analysed.

    Parameters
    ----------
    plan : PlannedStudy
        Patients, sessions, therapists, who leaves, what is lost, raters and their reliability, variances.
    within, between : float, optional
        The effects, of true scores: of sessions within patients, and of patients. An effect of 0 gives the type I
        error. One effect at least is stated; none is ever taken from an estimate.
    trend : float, optional
        Change from session to session, in standard deviations of the outcome within patients, with a family on the
        scale of its link, whatever `scale` says.
    scale : {"r", "sd", "f2", "link"}, optional
        Scale of `within` and `between`: a correlation at that level (the default), a slope in its standard deviations,
        or Cohen's f². With a family ``"link"`` alone: log odds, or log of the rate, per standard deviation of true
        scores of that level.
    vary : mapping of one to four names to values, optional
        Parts of the plan, ``"within"`` or ``"between"``: every combination is simulated. With 0 raters the predictor is
        a questionnaire, and what is said of raters falls away.
    formula : str, optional
        The model, of ``outcome, within, between, session, patient, therapist``; by default
        ``outcome ~ within + between + session + (1 | patient)``, with therapists ``+ (1 | therapist)``.
    ddf : {"kenward-roger", "satterthwaite", "z"}, optional
        Kenward–Roger by default; with a family Wald's z alone.
    alpha : float
        Two-sided level; widths are of intervals at 1 − alpha.
    studies : int
        Studies of each combination, 100 or more.
    half_width : float, optional
        Stop a combination when the limits of each of its powers lie within this, and say so.
    seed : int
        Draws depend on it and on the combination alone, so that one combination can be repeated by itself.
    workers : Workers, optional
        Cores or a cluster for the combinations of a grid, and where to keep them as they come; the answer is the same.
    progress : callable, optional
        Called with what is done and of how many.

    Returns
    -------
    PowerResult

    Raises
    ------
    UsageError
        Something does not exist, cannot be, or would not act; the message says what is allowed.

    Notes
    -----
    Studies are drawn as :mod:`doublecode.analysis.planning.simulated_study` says, and fitted by REML, with a family as
    :func:`doublecode.analysis.fit_generalized` does, all of a batch at once (:func:`doublecode.analysis.fit_many`);
    with a family random parts other than ``(1 | patient)``, and ordered categories, are fitted one by one, which takes
    long: `half_width` and `workers` help. A study that cannot be fitted counts as one without a finding. Limits are
    those of a share (Wilson 1927). Rating error in a predictor makes slopes smaller: compare ``mean_estimate`` with
    ``slope`` (Raudenbush & Bryk 2002; Lüdtke et al. 2008 for patients' means).

    References
    ----------
    Green & MacLeod (2016), *Methods in Ecology and Evolution* 7; Arend & Schäfer (2019), *Psychological Methods* 24.

    Examples
    --------
    >>> plan = PlannedStudy(patients=22, sessions=9, raters=5, double=0.4, icc_rating=0.6)
    >>> found = power(plan, within=-0.3, studies=200, seed=1)
    >>> found.frame[["term", "hours"]].round().values.tolist()
    [['within', 277.0]]
    """
    check_alpha(alpha, CALLER)
    scale, ddf = _resolved(plan, scale, ddf)
    given = {"within": within, "between": between, "trend": trend}
    stated = {name: value for name, value in given.items() if value is not None}
    varied = _checked_variation(vary or {}, stated, plan)
    _check_counts(studies, half_width)
    check_seed(seed, CALLER)
    text = formula or _usual_formula(plan, varied)
    asked = tuple(name for name in EFFECTS if name in stated or name in varied)
    if not asked:
        raise UsageError(f"{CALLER}: no effect is stated; give within=, between= or trend=, 0 for the type I error.")
    cells = [
        _Cell.of(plan, stated, dict(zip(varied, values, strict=True)), scale, asked)
        for values in product(*varied.values())
    ]
    _refuse_formula(text, plan_rows(cells[0].plan), asked)
    made = _Making(text, ddf, alpha, studies, half_width, seed)
    pieces = {_said(cell, made): (cell, made) for cell in cells}
    answers = spread_work(_rows_of, pieces, workers or Workers(), progress, "Simulating")
    frame = pd.DataFrame([row for answer in answers.values() for row in answer])
    spec = {"plan": asdict(plan), "within": within, "between": between, "trend": trend, "scale": scale,
            "vary": varied, "formula": text, "ddf": ddf, "alpha": alpha,
            "conf_level": 1 - alpha, "studies": studies, "half_width": half_width, "seed": seed}  # fmt: skip
    rows = plan_rows(plan)
    drawn = int(frame.drop_duplicates(list(varied))["studies"].sum()) if varied else int(frame["studies"].iloc[0])
    counts = {"n_cells": len(cells), "n_studies": drawn, "n_rows": len(rows)}
    return PowerResult(spec, frame, counts, _notes(frame, cells, plan, text, studies, varied), rows.index)


@dataclass(frozen=True)
class _Making:
    """How every cell is made."""

    formula: str
    ddf: ManyDdf
    alpha: float
    studies: int
    half_width: float | None
    seed: int


@dataclass(frozen=True)
class _Cell:
    """One combination: a plan with its effects, stated and as slopes."""

    plan: PlannedStudy
    values: dict[str, float]
    stated: dict[str, float]
    slopes: dict[str, float]

    @classmethod
    def of(
        cls,
        plan: PlannedStudy,
        stated: dict[str, float],
        values: dict[str, float],
        scale: Scale,
        asked: tuple[str, ...],
    ) -> _Cell:
        own = plan.at({name: value for name, value in values.items() if name not in EFFECTS})
        effects = {name: float(values.get(name, stated.get(name, 0.0))) for name in asked}
        if effects.get("between") and not ((own.icc_outcome or own.family) and own.icc_predictor):
            raise UsageError(f"{CALLER}: an effect between patients needs icc_outcome and icc_predictor above 0.")
        scales: dict[str, Scale] = {name: "sd" if name == "trend" else scale for name in effects}
        slopes = {name: slope_of(value, scales[name], name, CALLER) for name, value in effects.items()}
        return cls(own, values, effects, slopes)

    def seeds(self, seed: int) -> np.random.SeedSequence:
        """Seeds of this combination, whatever else is simulated."""
        plan = {name: value for name, value in asdict(self.plan).items() if value is not None or name not in LATER}
        said = json.dumps([plan, self.slopes], sort_keys=True)
        return np.random.SeedSequence([seed, int.from_bytes(hashlib.sha256(said.encode()).digest()[:8], "little")])

    def units(self, term: str) -> float:
        """What makes a coefficient of the model a slope in standard deviations of true scores."""
        share = self.plan.icc_predictor
        if term == "trend":
            return 1.0
        if term == "within":
            return float(np.sqrt(1 - share))
        if self.plan.family is not None:
            return float(np.sqrt(share))
        return float(np.sqrt(share / self.plan.patient_variance)) if self.plan.icc_outcome else float("nan")


def _checked_variation(
    vary: Mapping[str, Sequence[float]], stated: Mapping[str, float], plan: PlannedStudy
) -> dict[str, list[float]]:
    if "base" in vary and plan.family == "ordinal":
        raise UsageError(f"{CALLER}: vary: base of ordered categories is one list of probabilities; call it for each.")
    if len(vary) > MOST_VARIED:
        raise UsageError(f"{CALLER}: vary names {len(vary)} parts ({', '.join(vary)}); allowed: one to {MOST_VARIED}.")
    for name, values in vary.items():
        if name not in (*PARTS, *EFFECTS):
            raise UsageError(f"{CALLER}: vary: {name!r} is no part of a plan; {allowed(name, (*PARTS, *EFFECTS))}.")
        if name in stated:
            raise UsageError(f"{CALLER}: {name} is stated and varied; take one of them.")
        if isinstance(values, (str, float, int)) or not len(values) or len(set(values)) < len(values):
            raise UsageError(f"{CALLER}: vary: {name} has {values!r}; allowed: a list of different values.")
    return {name: [one.item() if isinstance(one, np.generic) else one for one in values]
            for name, values in vary.items()}  # fmt: skip


def _resolved(plan: PlannedStudy, scale: Scale | None, ddf: ManyDdf) -> tuple[Scale, ManyDdf]:
    """Scale and test, where nothing is said those of the kind of outcome."""
    if plan.family is None:
        if scale == "link":
            raise UsageError(f"{CALLER}: scale is 'link' without a family; allowed: 'r', 'sd', 'f2'.")
        return scale or "r", ddf or "kenward-roger"
    if scale not in (None, "link"):
        raise UsageError(f"{CALLER}: scale is {scale!r} with family {plan.family!r}; allowed: 'link', log odds or "
                         "log of the rate per standard deviation of true scores.")  # fmt: skip
    if ddf not in (None, "z"):
        raise UsageError(f"{CALLER}: ddf is {ddf!r} with family {plan.family!r}; allowed: 'z', Wald's test.")
    return "link", "z"


def _check_counts(studies: int, half_width: float | None) -> None:
    if not is_whole(studies) or studies < LEAST:
        raise UsageError(f"{CALLER}: studies is {studies!r}; allowed: a whole number from {LEAST} on.")
    if half_width is not None and not 0 < half_width < 0.5:
        raise UsageError(f"{CALLER}: half_width is {half_width!r}; allowed: above 0 and below .5, as .02.")


def _usual_formula(plan: PlannedStudy, varied: Mapping[str, Sequence[float]]) -> str:
    above = " + (1 | therapist)" if plan.therapists or "therapists" in varied else ""
    return f"outcome ~ within + between + session + (1 | patient){above}"


def _refuse_formula(formula: str, rows: pd.DataFrame, asked: tuple[str, ...]) -> None:
    parsed = parse_mixed(formula)
    if parsed.response != "outcome":
        raise UsageError(f"{CALLER}: the formula has the outcome {parsed.response!r}; it is called outcome.")
    used = variables_of(parsed.fixed, rows.columns)
    for name in asked:
        if COLUMNS[name] not in used:
            raise UsageError(
                f"{CALLER}: an effect {name!r} is stated, and {formula!r} does not have {COLUMNS[name]!r}."
            )


def _said(cell: _Cell, made: _Making) -> str:
    """All that the answer of a combination depends on."""
    return json.dumps([asdict(cell), asdict(made)], sort_keys=True)


def _rows_of(piece: tuple[_Cell, _Making]) -> list[dict[str, Any]]:
    cell, made = piece
    rows = plan_rows(cell.plan)
    own = [name for name in PREDICTORS if name in variables_of(made.formula, rows.columns)]
    counted = {name: _Counted() for name in cell.slopes}
    done = failed = singular = separated = 0
    batch = SLOW_BATCH if cell.plan.family == "ordinal" else BATCH
    seeds = cell.seeds(made.seed)
    while done < made.studies:
        n = min(batch, made.studies - done)
        drawn = draw(cell.plan, cell.slopes.get("within", 0.0), cell.slopes.get("between", 0.0), n,
                     np.random.default_rng(seeds.spawn(1)[0]), cell.slopes.get("trend", 0.0))  # fmt: skip
        many = fit_many(made.formula, rows, drawn.outcome, predictors={name: getattr(drawn, name) for name in own},
                        ddf=made.ddf, family=cell.plan.family)  # fmt: skip
        done, failed = done + n, failed + int((~(many.fitted & many.converged)).sum())
        singular += int((many.singular & many.fitted).sum())
        if isinstance(many, ManyGeneralizedResult):
            separated += int(many.separated.sum())
        for name, one in counted.items():
            one.add(many, COLUMNS[name], made.alpha, cell.units(name))
        ends = [wilson_limits(one.found, done) for one in counted.values()]
        if made.half_width is not None and max(high - low for low, high in ends) / 2 <= made.half_width:
            break
    width = _icc_width(cell.plan, 1 - made.alpha, np.random.default_rng(seeds.spawn(1)[0]))
    return [
        {
            **cell.values, "term": name, "effect": cell.stated[name], "slope": cell.slopes[name],
            "power": one.found / done, "power_low": low, "power_high": high,
            "mean_estimate": float(np.mean(one.estimates())),
            "width": float(np.median(one.widths())), "failed": failed / done, "singular": singular / done,
            "separated": separated / done, "studies": done, "hours": cell.plan.hours, "icc_width": width,
        }
        for (name, one), (low, high) in zip(counted.items(), ends, strict=True)
    ]  # fmt: skip


def _icc_width(plan: PlannedStudy, conf_level: float, rng: np.random.Generator) -> float:
    """Median width of the interval of ICC(A,1) that the sessions coded twice will give, on a continuous scale.

    NaN where none are, where pairs do not connect the raters, and where ratings have no error of their own.
    """
    n, (severity, error) = round(plan.recordings), plan.error_variances
    if not round(plan.double * n) or not error:
        return float("nan")
    layout = rotating_layout(n, plan.raters, plan.double, 2)
    if layout.kind == "disconnected":
        return float("nan")
    low, high = simulated_limits(layout, (1.0, severity, error), conf_level, ICC_STUDIES, rng)
    return float(np.nanmedian(high - low))


class _Counted:
    """What the studies of one combination found of one effect."""

    def __init__(self) -> None:
        self.found = 0
        self._estimates: list[Floats] = []
        self._widths: list[Floats] = []

    def add(self, many: ManyResult, term: str, alpha: float, unit: float) -> None:
        """Count those that converged and were significant; failed ones found nothing."""
        at, held = many.terms.index(term), many.fitted & many.converged
        reach = quantile(1 - alpha, many.df[at, held])
        self.found += int((many.p_value[at, held] < alpha).sum())
        self._estimates.append(many.estimate[at, held] * unit)
        self._widths.append(2 * reach * many.std_error[at, held] * unit)

    def estimates(self) -> Floats:
        """Estimates of the studies that could be fitted; NaN if none could."""
        return np.concatenate(self._estimates) if any(map(len, self._estimates)) else np.array([np.nan])

    def widths(self) -> Floats:
        """Widths of their intervals."""
        return np.concatenate(self._widths) if any(map(len, self._widths)) else np.array([np.nan])


def _notes(
    frame: pd.DataFrame,
    cells: Sequence[_Cell],
    plan: PlannedStudy,
    formula: str,
    studies: int,
    varied: Mapping[str, Any],
) -> tuple[Note, ...]:
    early = frame[frame["studies"] < studies]
    slopes = parse_mixed(formula).terms
    told = {
        "power_no_effect": bool((frame["effect"] == 0).any()),
        "power_stopped": len(early) > 0,
        "power_attenuated": any(cell.plan.is_rated_with_error for cell in cells),
        "power_no_raters": bool(plan.raters) and 0 in varied.get("raters", ()),
        "power_patient_means": bool(((frame["term"] == "between") & (frame["effect"] != 0)).any()),
        "power_slopes_unmodelled": bool(plan.slope_sd or "slope_sd" in varied) and not any(
            "within" in variables_of(term.expression, ["within"]) for term in slopes
        ),
        "power_trend": bool((frame["term"] == "trend").any()),
        "power_family": plan.family is not None,
        "power_failed": bool((frame["failed"] > 0.01).any()),
        "power_separated": bool((frame["separated"] > 0).any()),
    }  # fmt: skip
    numbers = {"n": int(early["studies"].min()) if len(early) else studies, "all": studies,
               "failed": float(frame["failed"].max()), "separated": float(frame["separated"].max())}  # fmt: skip
    return tuple(Note(kind, numbers=numbers) for kind, holds in told.items() if holds)
