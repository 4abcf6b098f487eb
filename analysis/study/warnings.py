"""What results are to be read with, as coded warnings: few pairs, singular fits, conflated slopes.

A warning changes no number and stops nothing. Its sentence is the one that the result itself carries in its
notes; here it gets a stable code, a subject and the next step of the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from doublecode.analysis.linking.splitting import varying_within
from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.reliability.lack_of_spread import spread_remarks
from doublecode.analysis.reliability.notes import few_pairs
from doublecode.analysis.results.rules import FEW_THERAPISTS
from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    from doublecode.analysis.description.sample import SampleResult
    from doublecode.analysis.linking.series import SeriesResult
    from doublecode.analysis.mixed.result import MixedResult
    from doublecode.analysis.regression.group_differences import AnovaResult
    from doublecode.analysis.reliability.dyads import DyadResult
    from doublecode.analysis.reliability.interrater import ICCResult
    from doublecode.analysis.study.reliability_table import ReliabilityTable
    from doublecode.analysis.study.run import StudyRun

THERAPIST: Final = "therapist"


def run_warnings(run: StudyRun) -> tuple[Problem, ...]:
    """Return the warnings of a whole study, in the order of its report."""
    return (
        *sample_warnings(run.sample),
        *(() if run.reliability is None else reliability_warnings(run.reliability)),
        *(warning for result in run.series for warning in series_warnings(result)),
        *(warning for result in run.comparisons for warning in group_warnings(result)),
        *unequal_rows(run.series),
        *_conflated_regressions(run),
    )


def icc_warnings(result: ICCResult, subject: str = "") -> tuple[Problem, ...]:
    """Warn of few pairs, and of a low ICC where the targets hardly differ.

    Parameters
    ----------
    result : ICCResult
    subject : str
        What was rated, in the reader's words; without it the name of the ratings' column.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from doublecode.analysis import icc
    >>> rng = np.random.default_rng(1)
    >>> data = pd.DataFrame({"tape": np.repeat(range(8), 2), "rater": ["A", "B"] * 8, "score": rng.normal(size=16)})
    >>> print(*icc_warnings(icc(data, targets="tape", raters="rater", ratings="score")))
    too_few_pairs · score: only 8 tape(s) carry more than one rating (below 20). Read the interval before the estimate.
    """
    about = subject or str(result.spec["ratings"])
    pairs = [Problem("too_few_pairs", subject=_of(about, names), found=text) for names, text in _few_pairs(result)]
    spread = [Problem("no_spread", subject=_of(about, [name]), found=text) for name, text in _no_spread(result)]
    return (*pairs, *spread)


def reliability_warnings(result: ReliabilityTable) -> tuple[Problem, ...]:
    """Warn of few pairs and lack of spread by instrument and phase; items are named where not all are meant."""
    few: dict[tuple[str, str], list[str]] = {}
    n_names: dict[str, int] = {}
    spread = []
    for instrument, _, phase, found in result.results:
        about = f"{instrument}, {phase}"
        n_names[about] = n_names.get(about, 0) + len(found.design["sets"])
        for names, text in _few_pairs(found):
            few.setdefault((about, text), []).extend(names)
        spread += [Problem("no_spread", subject=_of(about, [name]), found=text) for name, text in _no_spread(found)]
    pairs = [
        Problem("too_few_pairs", subject=_of(about, names if len(names) < n_names[about] else ()), found=text)
        for (about, text), names in few.items()
    ]
    return (*pairs, *spread)


def dyad_warnings(result: DyadResult, subject: str = "") -> tuple[Problem, ...]:
    """Warn of the mean over pairs of raters, wherever it is printed."""
    about = subject or str(result.spec["ratings"])
    means = result.frame[(result.frame["statistic"] == "mean") & (result.frame["n_dyads"] > 0)].to_dict("records")
    return tuple(
        Problem(
            "dyad_average",
            subject=_of(about, [", ".join(str(row[name]) for name in result.spec["by"])]),
            found=f"mean {result.spec['form']} of {row['n_dyads']} dyads: {row['estimate']:.2f}",
        )
        for row in means
    )


def fit_warnings(result: MixedResult, subject: str = "") -> tuple[Problem, ...]:
    """Warn of a singular fit, of one that did not converge, and of a level of few therapists."""
    about = subject or str(result.spec["formula"])
    failed = () if result.converged else (Problem("not_converged", subject=about, found="did not converge"),)
    return (*_singular(result, about), *failed, *_few_therapists(result.n_groups.get(THERAPIST), about))


def series_warnings(result: SeriesResult) -> tuple[Problem, ...]:
    """Warn of what holds for each estimated model of a series, and of conflated slopes."""
    found: list[Problem] = []
    for model in result.models:
        if model.result is None:
            continue
        about = f"{result.spec['name']}, {model.label}"
        if model.conflated:
            found.append(_conflated(model.conflated, about))
        found += _singular(model.result, about)
        if not model.converged:
            found.append(Problem("not_converged", subject=about, found=model.remark))
        found += _few_therapists(model.result.n_groups.get(THERAPIST), about)
    return tuple(found)


def group_warnings(result: AnovaResult) -> tuple[Problem, ...]:
    """Warn of few therapists where these are the groups."""
    outcome, group = result.spec["outcome"], result.spec["group"]
    n = result.design["n_groups"] if group == THERAPIST else None
    return tuple(_few_therapists(n, f"{outcome} by {group}"))


def sample_warnings(sample: SampleResult) -> tuple[Problem, ...]:
    """Warn of few therapists where the sample table describes them."""
    described = bool(len(sample.frame)) and (sample.frame["unit"] == "therapists").any()
    return tuple(_few_therapists(sample.design["n_therapists"] if described else None, "sample"))


def joined(warnings: Sequence[Problem]) -> tuple[Problem, ...]:
    """Join the warnings that say the same of several subjects, for the eye."""
    subjects: dict[tuple[str, str], list[str]] = {}
    for one in warnings:
        subjects.setdefault((one.code, one.found), []).append(one.subject)
    return tuple(Problem(code, subject="; ".join(names), found=found) for (code, found), names in subjects.items())


def unequal_rows(series: Sequence[SeriesResult]) -> tuple[Problem, ...]:
    """Warn of series whose models of one outcome stand on different rows: their criteria do not compare.

    All series stand on one frame; within a series the rows are one common set already.
    """
    by_outcome: dict[str, dict[str, frozenset[object]]] = {}
    for result in series:
        for model in result.models:
            if model.result is not None:
                rows = by_outcome.setdefault(parse_formula(model.formula).response, {})
                rows[str(result.spec["name"])] = frozenset(model.result.model.index)
    return tuple(
        Problem(
            "unequal_rows",
            subject=", ".join(rows),
            found=f"models of {outcome} stand on different rows ("
            + ", ".join(f"{len(used)} in {name}" for name, used in rows.items())
            + "), so their likelihoods, AIC and BIC do not compare across these series",
        )
        for outcome, rows in by_outcome.items()
        if len(set(rows.values())) > 1
    )


def _of(about: str, names: Sequence[str]) -> str:
    """Name the subject with its parts: ``"ghes, pilot (effort, extent)"``."""
    listed = ", ".join(filter(None, names))
    return f"{about} ({listed})" if listed else about


def _few_pairs(result: ICCResult) -> Iterator[tuple[list[str], str]]:
    """Names of the sets that share a layout with few pairs, and what is said of it."""
    read = result.estimates.read
    for group, _ in result.estimates.blocks:
        text = few_pairs(group.layout, result.spec["targets"])
        if text:
            yield [_name(read.keys[s]) for s in group.index.tolist()], text


def _no_spread(result: ICCResult) -> Iterator[tuple[str, str]]:
    """Name of each set whose targets hardly differ, and what is said of it."""
    read = result.estimates.read
    for group, block in result.estimates.blocks:
        for position, text in spread_remarks(group, block):
            yield _name(read.keys[int(group.index[position])]), text


def _name(key: Sequence[object]) -> str:
    return ", ".join(map(str, key))


def _singular(fit: MixedResult, about: str) -> Iterator[Problem]:
    for one in fit.singularities:
        yield Problem("singular_fit", subject=about, found=one.sentence.removeprefix("singular: "))


def _conflated_regressions(run: StudyRun) -> Iterator[Problem]:
    """Warn of regressions over sessions: patients come in several rows, and no predictor is split there."""
    estimated = {str(result.spec["name"]) for result in run.moderations}
    for model in run.study.moderations if run.study.unit == "session" else ():
        moderator = (model.moderator,) if model.moderator else ()
        names = [name for name in (model.predictor, *moderator, *model.covariates) if name != "session"]
        mixed = varying_within(names, run.frame.frame, "patient")
        if mixed and model.name in estimated:
            yield _conflated(mixed, model.name)


def _conflated(names: Sequence[str], about: str) -> Problem:
    return Problem("conflated_slope", subject=about, found=f"the slope of {' and of '.join(names)}")


def _few_therapists(n: int | None, about: str) -> Iterator[Problem]:
    if n is not None and n <= FEW_THERAPISTS:
        yield Problem("few_therapists", subject=about, found=f"{n} therapists")
