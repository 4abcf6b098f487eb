"""The command that simulates a planned study: ``power``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from doublecode.analysis.cli.on_files import AsJson
from doublecode.analysis.cli.rating_widths import widths_of_designs
from doublecode.analysis.cli.regression_plans import is_of_patients, power_of_patients
from doublecode.coding.console import COORDINATOR, progress_bar, say
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from doublecode.analysis.planning.power_result import PowerResult
    from doublecode.analysis.results.spread_work import Workers
    from doublecode.analysis.study.design_of_study import StudyDesign

WHOLE: Final = ("patients", "sessions", "therapists", "raters", "points")
STUDY, EFFECT, RATERS, VARIANCES, MODEL, SIMULATION, ANSWER = (
    "The study", "The effect, stated", "Who rates", "Variances", "The model", "The simulation", "What is asked",
)  # fmt: skip
EFFECTS: Final = ("within", "between", "trend")


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("power", rich_help_panel=COORDINATOR)(power)


def _part(told: str, default: str | bool = False, *, panel: str) -> Any:
    return typer.Option(help=told, show_default=default, rich_help_panel=panel)


def power(
    study: Annotated[
        Path | None,
        typer.Argument(help="A study folder: what is not stated is taken from it, and said.", show_default=False),
    ] = None,
    patients: Annotated[str | None, _part("Patients: 22, or 20,30,40 for a curve.", panel=STUDY)] = None,
    sessions: Annotated[str | None, _part("Sessions of each that are analysed.", panel=STUDY)] = None,
    purpose: Annotated[
        Literal["effect", "icc"],
        typer.Option(
            "--for",
            help="Power for an effect, or the width of the interval of the raters' ICC.",
            rich_help_panel=ANSWER,
        ),
    ] = "effect",
    within: Annotated[str | None, _part("Effect of sessions within patients; 0: type I error.", panel=EFFECT)] = None,
    between: Annotated[str | None, _part("Effect of patients' levels.", panel=EFFECT)] = None,
    trend: Annotated[str | None, _part("Change from session to session.", panel=EFFECT)] = None,
    scale: Annotated[
        Literal["r", "sd", "f2", "link"] | None,
        _part(
            "Scale of within and between: correlation at that level, slope in standard deviations, Cohen's f²; link: "
            "log odds or log rate, with --family.",
            "r; link with --family",
            panel=EFFECT,
        ),
    ] = None,
    family: Annotated[
        Literal["binomial", "poisson"] | None, _part("Outcome done or not, or counted.", "continuous", panel=EFFECT)
    ] = None,
    base: Annotated[
        str | None, _part("With --family: probability, or mean count, of a patient in the middle.", panel=EFFECT)
    ] = None,
    raters: Annotated[str | None, _part("Raters; 0: the predictor has no rating error.", "0", panel=RATERS)] = None,
    double: Annotated[str | None, _part("Share of sessions that two raters code.", "0", panel=RATERS)] = None,
    icc_rating: Annotated[str | None, _part("ICC(A,1) of one rating, with --raters.", panel=RATERS)] = None,
    severity: Annotated[
        str | None, _part("Share of a rating's error that is severity.", ".2 with --raters", panel=RATERS)
    ] = None,
    points: Annotated[str | None, _part("Points of the rating scale; 0: continuous.", "0", panel=RATERS)] = None,
    therapists: Annotated[str | None, _part("Therapists, in whom patients lie; 0: none.", "0", panel=STUDY)] = None,
    dropout: Annotated[str | None, _part("Share of patients who leave before the end.", "0", panel=STUDY)] = None,
    lost: Annotated[str | None, _part("Share of sessions lost at random.", "0", panel=STUDY)] = None,
    icc_outcome: Annotated[
        str | None, _part("Share of the outcome's variance between patients.", ".4", panel=VARIANCES)
    ] = None,
    icc_predictor: Annotated[
        str | None, _part("Share of the predictor's variance between patients.", ".25", panel=VARIANCES)
    ] = None,
    icc_therapist: Annotated[
        str | None, _part("Share of the outcome's variance between therapists.", "0", panel=VARIANCES)
    ] = None,
    slope_sd: Annotated[str | None, _part("SD of slopes within patients, between them.", "0", panel=VARIANCES)] = None,
    minutes: Annotated[str | None, _part("Minutes that rating one session takes.", "60", panel=STUDY)] = None,
    formula: Annotated[
        str | None, _part("The model.", "outcome ~ within + between + session + (1 | patient)", panel=MODEL)
    ] = None,
    each: Annotated[
        str | None, _part("With --for icc: raters of a session coded several times.", "2", panel=RATERS)
    ] = None,
    items: Annotated[
        int, typer.Option(help="With --for icc and --omega: items of the scale.", rich_help_panel=RATERS)
    ] = 0,
    omega: Annotated[
        float | None, _part("With --items: its omega; the width of that interval, too.", panel=RATERS)
    ] = None,
    model: Annotated[
        str | None, _part("With STUDY: which declared model.", "the headline's, else one that is named", panel=MODEL)
    ] = None,
    predictor: Annotated[
        str | None, _part("With STUDY: whose effect is to be found.", "the headline's", panel=MODEL)
    ] = None,
    ddf: Annotated[
        Literal["kenward-roger", "satterthwaite", "z"] | None,
        _part("Degrees of freedom of the tests.", "kenward-roger; z with --family", panel=MODEL),
    ] = None,
    alpha: Annotated[float, typer.Option(help="Two-sided level.", rich_help_panel=MODEL)] = 0.05,
    studies: Annotated[
        int | None, _part("Simulated studies of each combination.", "1000; --for icc: 200", panel=SIMULATION)
    ] = None,
    half_width: Annotated[float | None, _part("Stop when limits of the power are this near.", panel=SIMULATION)] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same studies.", rich_help_panel=SIMULATION)] = 0,
    cheapest: Annotated[
        float | None, _part("Only the cheapest with this power, as .8, of those varied.", panel=ANSWER)
    ] = None,
    icc_width: Annotated[
        float | None, _part("Most width of the ICC's interval: of --cheapest, or --for icc.", panel=ANSWER)
    ] = None,
    jobs: Annotated[
        int, typer.Option(help="Processes for the combinations of a grid.", rich_help_panel=SIMULATION)
    ] = 1,
    scheduler: Annotated[str | None, _part("A Dask cluster in their place: tcp://host:8786.", panel=SIMULATION)] = None,
    keep: Annotated[
        Path | None, _part("Folder for answers as they come; a repeat goes on from there.", panel=SIMULATION)
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            "--figure",
            "--plot",
            help="Draw it with its caption: FILE.png, .pdf, .svg; .docx with the text.",
            show_default=False,
            rich_help_panel=ANSWER,
        ),
    ] = None,
    shape: Annotated[
        Literal["lines", "map"] | None, _part("Of a figure over two parts.", "lines", panel=ANSWER)
    ] = None,
    text: Annotated[
        bool, typer.Option("--text", help="Print the paragraph for a proposal, too.", rich_help_panel=ANSWER)
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier picture.", rich_help_panel=ANSWER)
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Power of a planned study: simulated as it will be rated and analysed. A list (20,30,40) makes a curve."""
    parts = {
        "patients": patients, "sessions": sessions, "therapists": therapists, "dropout": dropout, "lost": lost,
        "raters": raters, "double": double, "icc_rating": icc_rating, "severity": severity, "points": points,
        "icc_outcome": icc_outcome, "icc_therapist": icc_therapist, "icc_predictor": icc_predictor,
        "slope_sd": slope_sd, "minutes": minutes, "base": base, "within": within, "between": between, "trend": trend,
    }  # fmt: skip
    lists = {name: _numbers(name, given) for name, given in parts.items() if given is not None}
    idle = {"formula": formula, "half-width": half_width, "cheapest": cheapest, "figure": figure, "shape": shape,
            "overwrite": overwrite or None, "text": text or None, "keep": keep, "scheduler": scheduler,
            "jobs": None if jobs == 1 else jobs, "ddf": ddf, "family": family}  # fmt: skip
    if purpose == "icc":
        asked = {"items": items, "omega": omega, "studies": 200 if studies is None else studies, "seed": seed}
        design = _design(study, lists, model, predictor, for_effect=False)
        several = _numbers("each", each or "2")
        widths_of_designs(
            design,
            lists,
            idle | {"scale": scale},
            asked | {"conf_level": 1 - alpha},
            several,
            icc_width,
            as_json=as_json,
        )
        return
    if each is not None or items or omega is not None:
        raise UsageError("--each, --items and --omega are of --for icc; add it, or leave them out.")
    if study is not None and is_of_patients(study, model, predictor):
        idle |= {"icc-width": icc_width, "base": base, "trend": trend, "studies": studies, "seed": seed or None}
        power_of_patients(study, lists, model, idle, scale or "r", alpha, as_json=as_json)
        return
    if figure is None and (shape is not None or overwrite):
        raise UsageError("--shape and --overwrite are of a figure; give --figure FILE with them.")
    if "minutes" in lists and study is None and not any(lists.get("raters", ())):
        raise UsageError("--minutes: nobody rates, so that it would not act; say how many raters.")
    from doublecode.analysis.results.spread_work import Workers

    _check(lists, figure, cheapest, icc_width, overwrite=overwrite)
    n = 1000 if studies is None else studies
    made = {"scale": scale, "ddf": ddf, "alpha": alpha, "studies": n, "half_width": half_width, "seed": seed}
    design = _design(study, lists, model, predictor)
    if family is not None and design is not None:
        raise UsageError("--family: a study folder says itself what its outcome is; give the plan by flags instead.")
    workers = Workers(jobs, scheduler, keep)
    result = _simulated(design, lists, formula, made | {"family": family}, workers)
    written = None if figure is None else result.write_figure(figure, shape=shape or "lines", overwrite=overwrite)
    words = result.text() if text else ""
    if cheapest is not None:
        result = _cheapest(result, cheapest, icc_width, workers)
    _print(design, result, words, written, as_json=as_json)


def _check(
    lists: dict[str, list[float]], figure: Path | None, cheapest: float | None, icc_width: float | None, *,
    overwrite: bool,
) -> None:  # fmt: skip
    """Refuse before any work what could not be answered after it."""
    from doublecode.analysis.rendering.power_file import check_figure_file

    varied = [name for name, values in lists.items() if len(values) > 1]
    if figure is not None:
        check_figure_file("--figure", figure, overwrite=overwrite)
        if not 1 <= len(varied) <= 2:
            raise UsageError(
                f"--figure: {', '.join(varied) or 'nothing'} is varied; give one or two lists, as --patients 20,30,40."
            )
        if len([name for name in EFFECTS if name in lists]) > 1:
            raise UsageError("--figure: two effects are two figures; give one of --within, --between and --trend.")
    if icc_width is not None and cheapest is None:
        raise UsageError("--icc-width: it is asked of the cheapest design; give --cheapest .8 with it.")
    if cheapest is not None and not varied:
        raise UsageError("--cheapest: nothing is varied; give a list, as --patients 20,30,40.")


def _design(
    study: Path | None,
    lists: dict[str, list[float]],
    model: str | None,
    predictor: str | None,
    *,
    for_effect: bool = True,
) -> StudyDesign | None:
    """The plan that a study folder declares, with what was stated in its place; None without a study."""
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
        return None
    from doublecode.analysis.study.design_of_study import study_design

    return study_design(study, model=model, predictor=predictor).stating(_base(lists))


def _base(lists: dict[str, list[float]]) -> dict[str, float]:
    """One value of each part that was stated: the first; of raters the most, since a plan without them has no ICC."""
    return {
        name: max(values) if name == "raters" else values[0] for name, values in lists.items() if name not in EFFECTS
    }


def _simulated(
    design: StudyDesign | None, lists: dict[str, list[float]], formula: str | None, made: dict[str, Any],
    workers: Workers,
) -> PowerResult:  # fmt: skip
    from doublecode.analysis.planning.planned_study import PlannedStudy
    from doublecode.analysis.planning.simulated_power import power as simulated

    family = made.pop("family")
    plan = PlannedStudy(**_base(lists), family=family) if design is None else design.plan  # type: ignore[arg-type]
    varied = {name: values for name, values in lists.items() if len(values) > 1}
    stated: dict[str, Any] = {name: lists[name][0] for name in EFFECTS if name in lists and name not in varied}
    declared = None if design is None else str(design.spec["formula"])
    with progress_bar() as show:
        return simulated(
            plan, **stated, vary=varied, formula=formula or declared, workers=workers, progress=show, **made
        )


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


def _numbers(name: str, text: str) -> list[float]:
    """Numbers of an option: one, or several with commas between."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        option = "--" + name.replace("_", "-")
        raise UsageError(
            f"{option}: found {text!r}, allowed a number with a point (a share as .4, not 40%), or several as 20,30,40."
        ) from None
    return [int(value) if name in WHOLE and value == int(value) else value for value in values]
