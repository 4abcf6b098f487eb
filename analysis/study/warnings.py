"""What results are to be read with, as coded warnings: few pairs, singular fits, conflated slopes.

A warning changes no number and stops nothing. It rests on a fact that the result itself carries among its notes, or
that is seen only in the study as a whole; here the fact gets a stable code and a subject.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from doublecode.analysis.linking.series_models import Version
from doublecode.analysis.reliability.design_notes import few_pairs
from doublecode.analysis.reliability.lack_of_spread import spread_remarks
from doublecode.analysis.rendering.wording.phrases import named
from doublecode.analysis.results.coded_warnings import CodedWarning
from doublecode.analysis.results.row_levels import varying_within
from doublecode.analysis.results.rules import FEW_THERAPISTS
from doublecode.analysis.study.study_screens import screen_warnings
from doublecode.analysis.study.therapist_variables import therapist_warnings
from doublecode.schemas.results import Note
from doublecode.schemas.to_be_written import NOT_NAMED

if TYPE_CHECKING:
    from doublecode.analysis.description.sample import SampleResult
    from doublecode.analysis.linking.generalized_models import GeneralizedModel
    from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
    from doublecode.analysis.linking.series_models import LabelledModel
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.analysis.mixed.generalized.result import GeneralizedResult
    from doublecode.analysis.mixed.result import MixedResult
    from doublecode.analysis.regression.group_differences import AnovaResult
    from doublecode.analysis.reliability.dyads import DyadResult
    from doublecode.analysis.reliability.icc_result import ICCResult
    from doublecode.analysis.study.reliability_table import ReliabilityTable
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.study import Study

    AnySeries = SeriesResult | GeneralizedSeriesResult

THERAPIST: Final = "therapist"


def run_warnings(run: StudyRun) -> tuple[CodedWarning, ...]:
    """Return the warnings of a whole study, in the order of its report."""
    return (
        *sample_warnings(run.sample),
        *(() if run.reliability is None else reliability_warnings(run.reliability)),
        *(warning for result in run.all_series for warning in series_warnings(result)),
        *(warning for result in run.comparisons for warning in group_warnings(result)),
        *unequal_rows(run.all_series),
        *_conflated_regressions(run),
        *_dependent_rows(run),
        *therapist_warnings(run),
        *screen_warnings(run.screens),
        *citations(run.study),
    )


def citations(study: Study) -> Iterator[CodedWarning]:
    """Warn of codebooks whose citation is still to be written."""
    for name, book in study.codebooks.items():
        if book.citation == NOT_NAMED:
            yield CodedWarning("citation_missing", name, Note("citation_missing", numbers={"file": f"{name}.toml"}))


def icc_warnings(result: ICCResult, subject: str = "") -> tuple[CodedWarning, ...]:
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
    >>> (found,) = icc_warnings(icc(data, targets="tape", raters="rater", ratings="score"))
    >>> found.code, found.subject, found.note.numbers["n_pairs"]
    ('too_few_pairs', 'score', 8)
    """
    about = subject or str(result.spec["ratings"])
    pairs = [CodedWarning("too_few_pairs", _of(about, names), note) for names, note in _few_pairs(result)]
    spread = [CodedWarning("no_spread", _of(about, [name]), note) for name, note in _no_spread(result)]
    return (*pairs, *spread)


def reliability_warnings(result: ReliabilityTable) -> tuple[CodedWarning, ...]:
    """Warn of few pairs and lack of spread by instrument and phase; items are named where not all are meant."""
    n_names: dict[str, int] = {}
    few: list[tuple[str, Note, list[str]]] = []
    spread = []
    for instrument, _, phase, found in result.results:
        about = f"{instrument}, {phase}"
        n_names[about] = n_names.get(about, 0) + len(found.design["sets"])
        for names, note in _few_pairs(found):
            known = [listed for subject, fact, listed in few if (subject, fact) == (about, note)]
            if known:
                known[0].extend(names)
            else:
                few.append((about, note, names))
        spread += [CodedWarning("no_spread", _of(about, [name]), note) for name, note in _no_spread(found)]
    pairs = [
        CodedWarning("too_few_pairs", _of(about, names if len(names) < n_names[about] else ()), note)
        for about, note, names in few
    ]
    return (*pairs, *spread)


def dyad_warnings(result: DyadResult, subject: str = "") -> tuple[CodedWarning, ...]:
    """Warn of the mean over pairs of raters, wherever it is printed."""
    about = subject or str(result.spec["ratings"])
    means = result.frame[(result.frame["statistic"] == "mean") & (result.frame["n_dyads"] > 0)].to_dict("records")
    return tuple(
        CodedWarning(
            "dyad_average",
            _of(about, [", ".join(str(row[name]) for name in result.spec["by"])]),
            Note(
                "mean_of_dyads",
                numbers={"form": result.spec["form"], "n_dyads": row["n_dyads"], "mean": row["estimate"]},
            ),
        )
        for row in means
    )


def fit_warnings(result: MixedResult | GeneralizedResult, subject: str = "") -> tuple[CodedWarning, ...]:
    """Warn of a singular fit, of one that did not converge, and of a level of few therapists."""
    about = subject or str(result.spec["formula"])
    failed = () if result.converged else (CodedWarning("not_converged", about, Note("not_converged")),)
    return (*_singular(result, about), *failed, *_few_therapists(result.n_groups.get(THERAPIST), about))


def series_warnings(result: AnySeries) -> tuple[CodedWarning, ...]:
    """Warn of what holds for each estimated model of a series, and of conflated slopes."""
    found = list(_singular_alike(result))
    alike = bool(found)
    for model in result.models:
        if model.result is None:
            continue
        about = f"{result.spec['name']}, {model.label}"
        if model.conflated:
            versions = {other.version for other in result.models if other.step == model.step}
            found.append(_conflated(model.conflated, about, _way_to_split(model.version, versions)))
        found += () if alike else _singular(model.result, about)
        if not model.converged:
            found.append(CodedWarning("not_converged", about, _not_converged(model)))
        found += _few_therapists(model.result.n_groups.get(THERAPIST), about)
    return tuple(found)


def group_warnings(result: AnovaResult) -> tuple[CodedWarning, ...]:
    """Warn of few therapists where these are the groups."""
    outcome, group = result.spec["outcome"], result.spec["group"]
    n = result.design["n_groups"] if group == THERAPIST else None
    return tuple(_few_therapists(n, f"{outcome} by {group}"))


def sample_warnings(sample: SampleResult) -> tuple[CodedWarning, ...]:
    """Warn of few therapists where the sample table describes them."""
    described = bool(len(sample.frame)) and (sample.frame["unit"] == "therapists").any()
    return tuple(_few_therapists(sample.design["n_therapists"] if described else None, "sample"))


def unequal_rows(series: Sequence[AnySeries]) -> tuple[CodedWarning, ...]:
    """Warn of series whose models of one outcome stand on different rows: their criteria do not compare.

    All series stand on one frame; within a series the rows are one common set already.
    """
    by_outcome: dict[str, dict[str, frozenset[object]]] = {}
    for result in series:
        for model in result.models:
            if model.result is not None:
                rows = by_outcome.setdefault(model.formula.response, {})
                rows[str(result.spec["name"])] = frozenset(model.result.model.index)
    return tuple(
        CodedWarning(
            "unequal_rows",
            ", ".join(rows),
            Note(
                "models_on_unequal_rows",
                numbers={"outcome": outcome, "n_rows": {name: len(used) for name, used in rows.items()}},
            ),
        )
        for outcome, rows in by_outcome.items()
        if len(set(rows.values())) > 1
    )


def _of(about: str, names: Sequence[str]) -> str:
    """Name the subject with its parts: ``"ghes, pilot (effort, extent)"``."""
    listed = named([name for name in names if name])
    return f"{about} ({listed})" if listed else about


def _few_pairs(result: ICCResult) -> Iterator[tuple[list[str], Note]]:
    """Names of the sets that share a layout with few pairs, and what is said of it."""
    read = result.estimates.read
    for group, _ in result.estimates.blocks:
        note = few_pairs(group.layout, result.spec["targets"])
        if note is not None:
            yield [_name(read.keys[s]) for s in group.index.tolist()], note


def _no_spread(result: ICCResult) -> Iterator[tuple[str, Note]]:
    """Name of each set whose targets hardly differ, and what is said of it."""
    read = result.estimates.read
    for group, block in result.estimates.blocks:
        for position, note in spread_remarks(group, block):
            yield _name(read.keys[int(group.index[position])]), note


def _name(key: Sequence[object]) -> str:
    return ", ".join(map(str, key))


def _singular(fit: MixedResult | GeneralizedResult, about: str) -> Iterator[CodedWarning]:
    for one in fit.singularities:
        yield CodedWarning("singular_fit", about, one.note)


def _singular_alike(result: AnySeries) -> Iterator[CodedWarning]:
    """Warn once of a series whose models, two or more, are all singular in the same way; of others model by model."""
    fits = [model.result for model in result.models if model.result is not None]
    notes = [[one.note for one in fit.singularities] for fit in fits]
    if len(fits) > 1 and all(one == notes[0] for one in notes):
        yield from _singular(fits[0], f"{result.spec['name']}, every model")


def _not_converged(model: LabelledModel | GeneralizedModel) -> Note:
    if model.result is model.ml:  # there is one fit only, by maximum likelihood
        return Note("fits_not_converged", numbers={"fits": ["ML"]})
    fits = [name for name, fit in (("REML", model.result), ("ML", model.ml)) if fit is None or not fit.converged]
    return Note("fits_not_converged", numbers={"fits": fits})


def _conflated_regressions(run: StudyRun) -> Iterator[CodedWarning]:
    """Warn of regressions over sessions: patients come in several rows, and no predictor is split there."""
    rows = {str(result.spec["name"]): result.rows for result in run.moderations}
    known = ("session", *run.study.times)
    for model in run.study.moderations if run.study.unit == "session" else ():
        moderator = (model.moderator,) if model.moderator else ()
        names = [name for name in (model.predictor, *moderator, *model.covariates) if name not in known]
        used = run.frame.frame.loc[rows.get(model.name, [])]
        mixed = varying_within(names, used, "patient") if len(used) else ()
        if mixed:
            yield _conflated(mixed, model.name, "declare_series")


def _dependent_rows(run: StudyRun) -> Iterator[CodedWarning]:
    """Warn of regressions and comparisons of groups whose rows are sessions of the same patients."""
    fits = [(str(one.spec["name"]), one.rows) for one in run.moderations]
    fits += [(f"{one.spec['outcome']} by {one.spec['group']}", one.rows) for one in run.comparisons]
    for about, rows in fits:
        n_rows, n_patients = len(rows), int(run.frame.frame.loc[rows, "patient"].nunique())
        if n_patients < n_rows:
            numbers = {"n_rows": n_rows, "n_patients": n_patients}
            yield CodedWarning("dependent_rows", about, Note("dependent_rows", numbers=numbers))


def _way_to_split(version: Version, versions: Collection[Version]) -> str:
    """What parts the slopes of a model: the split model beside it, or more variables in the split of its series."""
    return "read_split" if Version.SPLIT in versions and version is not Version.SPLIT else "add_to_split"


def _conflated(names: Sequence[str], about: str, way: str) -> CodedWarning:
    numbers = {"names": tuple(names), "way": way}
    return CodedWarning("conflated_slope", about, Note("conflated_slope", numbers=numbers))


def _few_therapists(n: int | None, about: str) -> Iterator[CodedWarning]:
    if n is not None and n <= FEW_THERAPISTS:
        yield CodedWarning("few_therapists", about, Note("few_therapists", numbers={"n": n}))
