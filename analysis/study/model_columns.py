"""Models side by side, as papers print them: one column per model, a row per term, then what each stands on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pandas as pd

from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
from doublecode.analysis.linking.patient_outcomes import PatientOutcomeResult
from doublecode.analysis.linking.series_result import SeriesResult
from doublecode.analysis.mixed.result import MixedResult
from doublecode.analysis.regression.moderation_result import ModerationResult
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Column, Kind, Table, column, format_number
from doublecode.analysis.study.labels import label_term, short_labels, term_labels
from doublecode.analysis.study.series_columns import (
    LEVELS,
    PATIENTS,
    Line,
    fixed_lines,
    line_of,
    mixed_lines,
    ratio_line,
    series_lines,
)
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import DASH, Note, distinct, is_missing

if TYPE_CHECKING:
    from doublecode.analysis.study.labels import Labels
    from doublecode.analysis.study.study_run import Intake

_LONG: Final = ("table", "model", "part", "row", "estimate", "std_error", "df", "p_value")
_OF_PATIENTS: Final = {"Rows": "n_rows", "Reliability of the mean": "reliability", "R²": "r_squared"}
_COUNTS: Final = ("Parameters", "Rows", "df", PATIENTS)


@dataclass(frozen=True, eq=False, repr=False)
class ModelColumns(Answer):
    """Models side by side.

    Attributes
    ----------
    spec : dict
        ``models``: the title of each table and the labels of its models.
    frame : DataFrame
        One row per table, model and line: ``table``, ``model``, ``part`` ("fixed", "random" and
        "residual": standard deviations, "fit"), ``row`` (term, effect or measure), ``estimate``, ``std_error``,
        ``df``, ``p_value``. A model that could not be estimated has the part "not estimated", and why in ``row``.
    design : dict
        ``n_rows``: label of a model to its rows, with the title of its table before it where several tables have
        that label; ``n_models``, ``n_refused``.
    notes : tuple of Note
    rows : Index
        Labels of the rows that some model stands on.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("table", "model", "row")

    def tables(self) -> tuple[Table, ...]:
        """One table per series or family of regressions, a column per model, then what could not be estimated."""
        shown = self.frame[self.frame["part"] != "not estimated"]
        found = [_wide(str(title), part) for title, part in shown.groupby("table", sort=False)]
        refused = self.frame[self.frame["part"] == "not estimated"]
        if len(refused):
            columns = (column("model", "Analysis", kind="text"), column("row", "Reason", kind="text"))
            found.append(Table("not_estimated", "Not estimated", refused, columns))
        return tuple(found)

    def counted(self) -> str:
        """Say how many models there are."""
        refused = f", {self.design['n_refused']} not estimated" if self.design["n_refused"] else ""
        return f"{self.design['n_models']} models{refused}"


def side_by_side(
    *results: SeriesResult | GeneralizedSeriesResult | MixedResult | ModerationResult | PatientOutcomeResult,
    labels: Labels | None = None,
    refused: Sequence[Note] = (),
) -> ModelColumns:
    """Put models into one table per series or family of regressions, a column for each.

    Parameters
    ----------
    *results : SeriesResult, GeneralizedSeriesResult, MixedResult, ModerationResult or PatientOutcomeResult
        A series is a table of its own; mixed models, and regressions of one outcome, share one. Of two with the same
        name the second is numbered, ``he (2)``.
    labels : mapping of variable to label, optional
        What terms are called.
    refused : sequence of Note
        Analyses that could not be run.

    Returns
    -------
    ModelColumns
        Cells hold *b* (*SE*), *p*; at the foot of each column stand its rows, patients, parameters and criteria.

    Raises
    ------
    UsageError
        There is nothing to show, or something else than a fitted model.

    Examples
    --------
    >>> import numpy as np
    >>> from doublecode.analysis import fit_mixed
    >>> rng = np.random.default_rng(7)
    >>> data = pd.DataFrame({"patient": np.repeat(np.arange(10), 5), "he": rng.normal(size=50)})
    >>> data["phq9"] = 9 - data["he"] + rng.normal(size=10)[data["patient"]] + rng.normal(size=50)
    >>> steps = ("phq9 ~ 1 + (1 | patient)", "phq9 ~ he + (1 | patient)")
    >>> beside = side_by_side(*(fit_mixed(step, data) for step in steps))
    >>> beside.design["n_rows"]
    {'phq9 ~ 1 + (1 | patient)': 50, 'phq9 ~ he + (1 | patient)': 50}
    """
    if not results and not refused:
        raise UsageError("side_by_side: there is no model; give at least one result of a fit.")
    if not (labels is None or isinstance(labels, Mapping)) or not all(isinstance(note, Note) for note in refused):
        raise UsageError("side_by_side: labels is a mapping of variable to label, refused a list of Note.")
    known = dict(labels or {})
    lines: list[Line] = []
    for result in results:
        lines += _apart(_lines_of(result, known, {line["table"] for line in lines}), lines)
    lines += [line_of("", note.subject, "not estimated", str(note.numbers["reason"])) for note in refused]
    frame = pd.DataFrame(lines, columns=list(_LONG))
    counts = frame[frame["row"] == "Rows"]
    index = pd.Index(dict.fromkeys(label for result in results for label in result.rows))
    n_rows = {name: int(n) for name, n in zip(_names(counts), counts["estimate"], strict=True)}
    models = {str(t): list(dict.fromkeys(part["model"])) for t, part in frame.groupby("table", sort=False)}
    failed = frame[frame["part"] == "not estimated"]
    return ModelColumns(
        spec={"models": models},
        frame=frame,
        design={"n_rows": n_rows, "n_models": len(counts), "n_refused": len(failed)},
        notes=_notes(results),
        rows=index,
    )


def study_models(intake: Intake) -> ModelColumns:
    """Fit the series and regressions that a study declares, and nothing else, side by side.

    A declared analysis that cannot be run is a row with its reason; the others run.

    Parameters
    ----------
    intake : Intake
        As :func:`doublecode.analysis.read_study` gives it.

    Raises
    ------
    StudyProblems
        The data hold error-level problems.
    UsageError
        The study declares no model.
    """
    from doublecode.analysis.study.declared_generalized import fit_declared
    from doublecode.analysis.study.frame_of_study import study_frame
    from doublecode.analysis.study.run import attempt, regressions_of

    study = intake.study
    if not (study.series or study.moderations or study.patient_outcomes):
        known = "[[series]], [[moderations]] or [[patient_outcomes]]"
        raise UsageError(f"{study.name}: no model is declared; add {known} to study.toml.")
    frame = study_frame(intake).frame
    refused: list[Note] = []
    fits = [attempt(one.title, partial(fit_declared, one, frame, study), refused) for one in study.series]
    found = regressions_of(study, frame, refused)
    fits += [*found["patient_outcomes"], *found["moderations"]]
    labels = {variable.name: variable.label or variable.name for variable in study.variables}
    kinds = SeriesResult | GeneralizedSeriesResult | ModerationResult | PatientOutcomeResult
    shown = [one for one in fits if isinstance(one, kinds)]
    return side_by_side(*shown, labels=labels, refused=refused)


def _free(name: str, taken: Iterable[str]) -> str:
    """The name, numbered from 2 where it is taken."""
    known = set(taken)
    numbered = (f"{name} ({number})" for number in count(2))
    return next(one for one in chain([name], numbered) if one not in known)


def _apart(lines: list[Line], before: Sequence[Line]) -> list[Line]:
    """The lines of one result, its columns numbered where the table has one of that name."""
    taken = {(one["table"], one["model"]) for one in before}
    names = {
        (table, model): _free(model, (name for title, name in taken if title == table))
        for table, model in {(one["table"], one["model"]) for one in lines}
    }
    return [one | {"model": names[one["table"], one["model"]]} for one in lines]


def _names(counts: pd.DataFrame) -> list[str]:
    """Label of each model, after the title of its table where it stands in several."""
    several = counts["model"].duplicated(keep=False)
    rows = zip(counts["table"], counts["model"], several, strict=True)
    return [f"{table}: {model}" if twice else str(model) for table, model, twice in rows]


def _notes(results: Sequence[object]) -> tuple[Note, ...]:
    """The notes of the series, each under its title where the series stand on different rows."""
    titles: list[str] = []
    notes: list[Note] = []
    all_series = [one for one in results if isinstance(one, SeriesResult | GeneralizedSeriesResult)]
    differ = any(set(one.rows) != set(all_series[0].rows) for one in all_series)
    for one in all_series:
        titles.append(_free(_title(one), titles))
        notes += [replace(note, subject=note.subject or titles[-1]) if differ else note for note in one.notes]
    return distinct(notes)


def _title(series: SeriesResult | GeneralizedSeriesResult) -> str:
    title, source = str(series.spec["title"] or series.spec["name"]), series.spec.get("reproduces")
    return f"{title} (labelled reproduction: {source})" if source else title


def _lines_of(result: object, labels: Labels, tables: Iterable[str]) -> list[Line]:
    """What one result has to say, model by model."""
    if isinstance(result, SeriesResult | GeneralizedSeriesResult):
        named = term_labels(short_labels(labels), result.spec["split"])
        title = _free(_title(result), tables)
        printed = _printed_lines(title, result) if isinstance(result, SeriesResult) else []
        return [*series_lines(title, result, named), *printed]
    if isinstance(result, MixedResult):
        title, label = f"Mixed models of {result.model.formula.response}", str(result.spec["formula"])
        return list(mixed_lines(title, label, result, term_labels(labels)))
    if isinstance(result, ModerationResult):
        return _regression_lines(result, labels)
    if isinstance(result, PatientOutcomeResult):
        return _patient_lines(result, labels)
    kind = type(result).__name__
    raise UsageError(
        f"side_by_side: found a {kind}, allowed: results of fit_series, fit_generalized_series, fit_mixed, "
        "moderation and patient_outcome."
    )


def _printed_lines(title: str, series: SeriesResult) -> list[Line]:
    """Ratios of the REML fits, as the paper prints them that the series reproduces."""
    rows = series.printed.to_dict("records") if series.spec["reproduces"] else []
    return [ratio_line(title, str(row["label"]), "χ² (REML, as printed)", row) for row in rows if row["df"] > 0]


def _regression_lines(result: ModerationResult, labels: Labels) -> list[Line]:
    """A moderated regression by the roles of its terms, so that regressions of one outcome share their rows."""
    predictor, moderator = result.spec["predictor"], result.spec["moderator"]
    outcome = labels.get(result.outcome, result.outcome)
    terms = list(result.frame["term"])
    focal = predictor if predictor else terms[1]
    roles = {focal: "Predictor"} | ({f"{predictor}:{moderator}": "Predictor × moderator"} if moderator else {})
    title, label = f"Regressions of {outcome}", labels.get(focal, str(result.spec.get("title") or focal))
    lines = fixed_lines(
        title, label, result.frame, lambda one: roles.get(str(one["term"]), label_term(str(one["term"]), labels))
    )
    measures = {"Rows": result.design["n_rows"], "df": result.frame["df"].iloc[0], "R²": result.design["r_squared"]}
    return lines + [line_of(title, label, "fit", name, estimate=float(value)) for name, value in measures.items()]


def _patient_lines(result: PatientOutcomeResult, labels: Labels) -> list[Line]:
    outcome, predictor = (str(result.spec[key]) for key in ("outcome", "predictor"))
    named = {**labels, f"{predictor}_mean": f"{labels.get(predictor, predictor)}, patient mean"}
    title, label = f"{labels.get(outcome, outcome)} over patients", str(result.spec["title"] or result.heading)
    lines = fixed_lines(title, label, result.frame, lambda one: label_term(str(one["term"]), named))
    measures = {name: float(result.design[key]) for name, key in _OF_PATIENTS.items()}
    return lines + [line_of(title, label, "fit", name, estimate=value) for name, value in measures.items()]


def _wide(title: str, lines: pd.DataFrame) -> Table:
    """One table: rows in the order of their first place, fixed effects first, measures of fit last."""
    models = list(dict.fromkeys(lines["model"]))
    parts = [lines.loc[lines["part"] == part, "row"] for part in ("fixed", "random", "residual", "fit")]
    order = dict.fromkeys(row for part in parts for row in part)
    cells = {(one["row"], one["model"]): _cell(one) for one in lines.to_dict("records")}
    rows = [{"row": row, **{model: cells.get((row, model), DASH) for model in models}} for row in order]
    columns = [Column("row", "Term", "text"), *(Column(model, model, "text") for model in models)]
    notes = ("Cells: *b* (*SE*), *p*. χ² and its *p*: likelihood ratio with the model of the step before.",)
    return Table("models", title, pd.DataFrame(rows), tuple(columns), notes, data=lines)


def _cell(line: Mapping[Any, Any]) -> str:
    """*b* (*SE*), *p*, or a measure of fit."""
    text = format_number(line["estimate"], _kind(line))
    if not is_missing(line["std_error"]):
        text += f" ({format_number(line['std_error'], 'estimate')})"
    if not is_missing(line["df"]):
        text += f" ({line['df']:g} df)"
    return text if is_missing(line["p_value"]) else f"{text}, {format_number(line['p_value'], 'p')}"


def _kind(line: Mapping[Any, Any]) -> Kind:
    """How the number of a line is written."""
    if line["part"] == "fixed":
        return "estimate"
    if line["row"] in ("R²", "Reliability of the mean"):
        return "bounded"
    is_count = line["row"] in _COUNTS or (line["part"] == "fit" and str(line["row"]).startswith(LEVELS))
    return "integer" if is_count else "number"
