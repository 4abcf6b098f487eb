"""Variables of the therapist in models that know no therapists: too many degrees of freedom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.results.coded_warnings import CodedWarning
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.generalized_models import GeneralizedModel
    from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
    from doublecode.analysis.linking.series_models import LabelledModel
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.analysis.study.study_run import StudyRun

THERAPIST: Final = "therapist"
PATIENT: Final = "patient"


def therapist_warnings(run: StudyRun) -> Iterator[CodedWarning]:
    """Warn of each model with a variable of the therapist that takes the patients of a therapist as independent."""
    frame = run.frame.frame
    for series in run.all_series:
        rows = frame.loc[series.rows]
        for model in series.models:
            if model.result is not None and THERAPIST not in model.result.n_groups:
                names = _fixed_variables(model, series, frame)
                yield from _of_therapists(names, rows, f"{series.spec['name']}, {model.label}", "random_part")
    declared = {one.name: one for one in run.study.moderations}
    for fit in run.moderations:
        asked = declared[str(fit.spec["name"])]
        names = [asked.predictor, *filter(None, [asked.moderator]), *asked.covariates]
        yield from _of_therapists(names, frame.loc[fit.rows], asked.name, "declare_series")
    for about, used in _correlated(run):
        yield from _of_therapists(used, frame, about, "declare_series")
    for groups in run.comparisons:
        about = f"{groups.spec['outcome']} by {groups.spec['group']}"
        yield from _of_therapists([groups.spec["group"]], frame.loc[groups.rows], about, "declare_series")


def _correlated(run: StudyRun) -> Iterator[tuple[str, list[str]]]:
    """What was correlated, under the name of its table."""
    if run.correlations is not None:
        yield "correlations", list(run.correlations.spec["variables"])
    if run.covariate_screen is not None:
        asked = run.covariate_screen.spec
        yield "covariate_screen", [*asked["outcomes"], *asked["covariates"]]


def _fixed_variables(
    model: LabelledModel | GeneralizedModel, series: SeriesResult | GeneralizedSeriesResult, frame: pd.DataFrame
) -> list[str]:
    """Variables of the fixed part; of one that is split, that it is there between patients."""
    between = {f"{name}_between": name for name in series.spec["split"]}
    used = variables_of(model.formula.fixed, [*frame.columns, *between])
    return [name for name in map(str, frame.columns) if name in used or name in {between.get(one) for one in used}]


def _of_therapists(names: Sequence[str], rows: pd.DataFrame, about: str, way: str) -> Iterator[CodedWarning]:
    found = constant_in_therapist(names, rows)
    if found:
        counts = {"n_therapists": int(rows[THERAPIST].nunique()), "n_patients": int(rows[PATIENT].nunique())}
        note = Note("therapist_variable", numbers={"names": found, **counts, "way": way})
        yield CodedWarning("therapist_variable", about, note)


def constant_in_therapist(names: Iterable[str], rows: pd.DataFrame) -> tuple[str, ...]:
    """Return the variables that differ between therapists and have one value in all rows of a therapist.

    Where therapists have fewer than two patients on average nothing is returned: a variable of patients may look so.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"patient": ["P1", "P2", "P3", "P4"], "therapist": ["T1", "T1", "T2", "T2"],
    ...     "years": [2.0, 2.0, 9.0, 9.0], "age": [30, 41, 30, 52]})
    >>> constant_in_therapist(["years", "age"], rows)
    ('years',)
    """
    if THERAPIST in names or THERAPIST not in rows or rows[THERAPIST].isna().any():
        return ()
    of = rows.groupby(THERAPIST, observed=True)
    if rows[PATIENT].nunique() < 2 * of.ngroups:
        return ()
    return tuple(name for name in names if len(rows[name].dropna().unique()) > 1 and int(of[name].nunique().max()) == 1)
