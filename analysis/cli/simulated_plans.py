"""``doublecode power`` of sessions within patients: the plan, its simulation, and the answer that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from doublecode.coding.console import progress_bar, say
from doublecode.schemas.errors import NotEstimable, UsageError

if TYPE_CHECKING:
    from doublecode.analysis.planning.power_result import PowerResult
    from doublecode.analysis.results.spread_work import Workers
    from doublecode.analysis.study.design_of_study import StudyDesign

EFFECTS: Final = ("within", "between", "trend")
Lists = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class AskedAnswer:
    """What is to be made of the simulated studies: options of the command, by their names."""

    figure: Path | None
    shape: Literal["lines", "map"] | None
    overwrite: bool
    text: bool
    cheapest: float | None
    icc_width: float | None
    as_json: bool

    def check(self, lists: Lists) -> None:
        """Refuse before any work what could not be answered after it.

        Raises
        ------
        UsageError
        """
        from doublecode.analysis.rendering.power_file import check_figure_file

        varied = [name for name, values in lists.items() if len(values) > 1]
        if self.figure is not None:
            check_figure_file("--figure", self.figure, overwrite=self.overwrite)
            if not 1 <= len(varied) <= 2:
                raise UsageError(
                    f"--figure: {', '.join(varied) or 'nothing'} is varied; give one or two lists, as "
                    "--patients 20,30,40."
                )
            if len([name for name in EFFECTS if name in lists]) > 1:
                raise UsageError("--figure: two effects are two figures; give one of --within, --between and --trend.")
        elif self.shape is not None or self.overwrite:
            raise UsageError("--shape and --overwrite are of a figure; give --figure FILE with them.")
        if self.icc_width is not None and self.cheapest is None:
            raise UsageError("--icc-width: it is asked of the cheapest design; give --cheapest .8 with it.")
        if self.cheapest is not None and not varied:
            raise UsageError("--cheapest: nothing is varied; give a list, as --patients 20,30,40.")


def planned_design(
    study: Path | None, lists: Lists, model: str | None, predictor: str | None, *, for_effect: bool = False
) -> StudyDesign | None:
    """The plan that a study folder declares, with what was stated in its place; None without a study.

    Raises
    ------
    UsageError
        Something is missing.
    """
    if for_effect and not any(name in lists for name in EFFECTS):
        raise UsageError(
            "power: no effect is stated; give --within, --between or --trend, 0 for the type I error: the smallest "
            "that would matter. What the study has found is not taken: its power would only repeat its p value."
        )
    if study is None:
        if model is not None or predictor is not None:
            raise UsageError("--model and --predictor are of a study folder; give it: doublecode power STUDY …")
        missing = [f"--{name}" for name in ("patients", "sessions") if name not in lists]
        if missing:
            verb = "are" if len(missing) > 1 else "is"
            raise UsageError(
                f"power: {' and '.join(missing)} {verb} missing. Give it, or a study folder to take it from."
            )
        if for_effect and "minutes" in lists and not any(lists.get("raters", ())):
            raise UsageError("--minutes: nobody rates, so that it would not act; say how many raters.")
        return None
    from doublecode.analysis.study.design_of_study import study_design

    varied = [name for name, values in lists.items() if len(values) > 1]
    return study_design(study, model=model, predictor=predictor).stating(_base(lists), varied)


def family_of(study: Path, model: str | None, predictor: str | None) -> str | None:
    """The family of the outcome of the model that a study folder declares; None of a continuous one."""
    from doublecode.analysis.study.planned_model import planned_model
    from doublecode.coding.reading.declared_heads import open_study

    return planned_model(open_study(study), model, predictor).family


def with_one_base(lists: Lists, family: str | None) -> Lists:
    """The same, shares of ordered categories taken together: ``--base .2,.3,.3,.2`` is one value, and no curve.

    Examples
    --------
    >>> with_one_base({"base": [0.2, 0.3, 0.5]}, "ordinal")
    {'base': [(0.2, 0.3, 0.5)]}
    """
    if family != "ordinal" or "base" not in lists:
        return lists
    return {**lists, "base": [tuple(lists["base"])]}


def power_of_sessions(
    design: StudyDesign | None,
    lists: Lists,
    family: str | None,
    made: Mapping[str, Any],
    asked: AskedAnswer,
    shared: tuple[int, str | None, Path | None],
) -> None:
    """Simulate the plan, or each of a grid, and print what is asked for.

    Parameters
    ----------
    design : StudyDesign, optional
        That of a study folder; else the plan is in `lists` and `family`.
    lists : mapping
        Values of the parts that were stated.
    family : str, optional
    made : mapping
        Further arguments of :func:`doublecode.analysis.power`.
    asked : AskedAnswer
    shared : tuple
        Jobs, scheduler and folder of :class:`~doublecode.analysis.results.spread_work.Workers`.
    """
    from doublecode.analysis.results.spread_work import Workers

    twice = any(lists.get("raters", ())) and any(lists.get("double", ()))
    if asked.icc_width is not None and design is None and not twice:
        raise UsageError("--icc-width: no session is coded twice, and there is no ICC; give --raters and --double.")
    workers = Workers(*shared)
    result = _simulated(design, lists, family, made, workers)
    try:
        answer = result if asked.cheapest is None else _cheapest(result, asked.cheapest, asked.icc_width, workers)
    except NotEstimable:
        _draw(result, result, asked)  # the figure shows how far the designs are from what is asked for
        raise
    written = _draw(result, answer, asked)
    _print(design, answer, answer.text() if asked.text else "", written, as_json=asked.as_json)


def _draw(result: PowerResult, answer: PowerResult, asked: AskedAnswer) -> Path | None:
    """The figure of all designs, in Word above the text of the answer."""
    if asked.figure is None:
        return None
    return result.write_figure(
        asked.figure, shape=asked.shape or "lines", text=answer.text(), overwrite=asked.overwrite
    )


def _base(lists: Lists) -> dict[str, Any]:
    """One value of each part that was stated: the first; of raters the most, since a plan without them has no ICC."""
    return {
        name: max(values) if name == "raters" else values[0] for name, values in lists.items() if name not in EFFECTS
    }


def _simulated(
    design: StudyDesign | None, lists: Lists, family: str | None, made: Mapping[str, Any], workers: Workers
) -> PowerResult:
    from doublecode.analysis.planning.planned_study import PlannedStudy
    from doublecode.analysis.planning.simulated_power import power as simulated

    plan = PlannedStudy(**_base(lists), family=family) if design is None else design.plan
    varied = {name: values for name, values in lists.items() if len(values) > 1}
    stated: dict[str, Any] = {name: lists[name][0] for name in EFFECTS if name in lists and name not in varied}
    declared = None if design is None else str(design.spec["formula"])
    with progress_bar() as show:
        return simulated(
            plan, **stated, vary=varied, workers=workers, progress=show,
            **{**made, "formula": made["formula"] or declared},
        )  # fmt: skip


def _cheapest(result: PowerResult, asked: float, icc_width: float | None, workers: Workers) -> PowerResult:
    from doublecode.analysis.planning.fresh_draws import cheapest_again

    with progress_bar() as show:
        return cheapest_again(result, asked, icc_width, workers=workers, progress=show)


def _print(design: StudyDesign | None, result: PowerResult, words: str, written: Path | None, *, as_json: bool) -> None:
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.schemas.results import result_record

    record = result_record(result) if as_json else None
    if record is not None:
        if design is not None:
            record["design"]["planned"] = result_record(design)
        if words:
            record["design"]["text"] = words
    elif design is not None:
        print_answer(design, None)
        say("")
    print_answer(result, record)
    if words and not as_json:
        say(f"\n{words.replace('*', '')}")
    if written is not None and not as_json:
        say(f"\nFigure: {written}")
