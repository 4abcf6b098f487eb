"""The command that simulates a planned study: ``power``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from doublecode.analysis.cli.on_files import AsJson
from doublecode.analysis.cli.pictures import check_picture, write_picture
from doublecode.coding.console import COORDINATOR, progress_bar
from doublecode.schemas.errors import UsageError

WHOLE: Final = ("patients", "sessions", "therapists", "raters", "points")


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("power", rich_help_panel=COORDINATOR)(power)


def power(
    patients: Annotated[str, typer.Option(help="Patients: 22, or 20,30,40 for a curve.", show_default=False)],
    sessions: Annotated[str, typer.Option(help="Sessions of each that are analysed.", show_default=False)],
    within: Annotated[
        str | None, typer.Option(help="Effect of sessions within patients; 0: type I error.", show_default=False)
    ] = None,
    between: Annotated[str | None, typer.Option(help="Effect of patients' levels.", show_default=False)] = None,
    scale: Annotated[
        Literal["r", "sd", "f2"],
        typer.Option(help="Scale of both: correlation at that level, slope in standard deviations, Cohen's f²."),
    ] = "r",
    raters: Annotated[str, typer.Option(help="Raters; 0: the predictor has no rating error.")] = "0",
    double: Annotated[str, typer.Option(help="Share of sessions that two raters code.")] = "0",
    icc_rating: Annotated[
        str | None, typer.Option(help="ICC(A,1) of one rating, with --raters.", show_default=False)
    ] = None,
    severity: Annotated[
        str | None, typer.Option(help="Share of a rating's error that is severity.", show_default=".2 with --raters")
    ] = None,
    points: Annotated[str, typer.Option(help="Points of the rating scale; 0: continuous.")] = "0",
    therapists: Annotated[str, typer.Option(help="Therapists, in whom patients lie; 0: none.")] = "0",
    dropout: Annotated[str, typer.Option(help="Share of patients who leave before the end.")] = "0",
    lost: Annotated[str, typer.Option(help="Share of sessions lost at random.")] = "0",
    icc_outcome: Annotated[str, typer.Option(help="Share of the outcome's variance between patients.")] = ".4",
    icc_predictor: Annotated[str, typer.Option(help="Share of the predictor's variance between patients.")] = ".25",
    icc_therapist: Annotated[str, typer.Option(help="Share of the outcome's variance between therapists.")] = "0",
    slope_sd: Annotated[str, typer.Option(help="SD of slopes within patients, between them.")] = "0",
    minutes: Annotated[str, typer.Option(help="Minutes that rating one session takes.")] = "60",
    formula: Annotated[
        str | None,
        typer.Option(help="The model.", show_default="outcome ~ within + between + session + (1 | patient)"),
    ] = None,
    ddf: Annotated[
        Literal["kenward-roger", "satterthwaite", "z"], typer.Option(help="Degrees of freedom of the tests.")
    ] = "kenward-roger",
    alpha: Annotated[float, typer.Option(help="Two-sided level.")] = 0.05,
    studies: Annotated[int, typer.Option(help="Simulated studies of each combination.")] = 1000,
    half_width: Annotated[
        float | None, typer.Option(help="Stop when limits of the power are this near.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same studies.")] = 0,
    cheapest: Annotated[
        float | None,
        typer.Option(help="Only the cheapest design with this power, as .8, of those varied.", show_default=False),
    ] = None,
    icc_width: Annotated[
        float | None, typer.Option(help="With --cheapest: most width of the ICC's interval.", show_default=False)
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes for the combinations of a grid.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask cluster in their place: tcp://host:8786.", show_default=False)
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Folder for answers as they come; a repeat goes on from there.", show_default=False),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve: FILE.svg or .png.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier picture.")] = False,
    as_json: AsJson = False,
) -> None:
    """Power of a planned study: simulated as it will be rated and analysed. A list (20,30,40) makes a curve."""
    from doublecode.analysis.planning.planned_study import PlannedStudy
    from doublecode.analysis.planning.simulated_power import power as simulated
    from doublecode.analysis.rendering.figures import figure_of
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.results.spread_work import Workers
    from doublecode.schemas.results import result_record

    given = {
        "patients": patients, "sessions": sessions, "therapists": therapists, "dropout": dropout, "lost": lost,
        "raters": raters, "double": double, "icc_rating": icc_rating, "severity": severity, "points": points,
        "icc_outcome": icc_outcome, "icc_therapist": icc_therapist, "icc_predictor": icc_predictor,
        "slope_sd": slope_sd, "minutes": minutes, "within": within, "between": between,
    }  # fmt: skip
    lists = {name: _numbers(name, text) for name, text in given.items() if text is not None}
    varied = {name: values for name, values in lists.items() if len(values) > 1}
    first = {name: values[0] for name, values in lists.items()}
    if plot is not None:
        check_picture("--plot", plot, overwrite=overwrite)
        if not varied:
            raise UsageError("--plot: nothing is varied; give a list, as --patients 20,30,40.")
    if icc_width is not None and cheapest is None:
        raise UsageError("--icc-width: it is asked of the cheapest design; give --cheapest .8 with it.")
    effects: dict[str, Any] = {name: first.pop(name) for name in ("within", "between") if name in first}
    plan = PlannedStudy(**first)  # type: ignore[arg-type]
    stated = {name: value for name, value in effects.items() if name not in varied}
    with progress_bar() as show:
        result = simulated(
            plan, **stated, scale=scale, vary=varied, formula=formula, ddf=ddf, alpha=alpha, studies=studies,
            half_width=half_width, seed=seed, workers=Workers(jobs, scheduler, keep), progress=show,
        )  # fmt: skip
    if plot is not None:
        write_picture(figure_of(result.plot()), plot, "Power over what was varied, with limits of the simulation.")
    if cheapest is not None:
        result = result.cheapest(cheapest, icc_width)
    print_answer(result, result_record(result) if as_json else None)


def _numbers(name: str, text: str) -> list[float]:
    """Numbers of an option: one, or several with commas between."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        option = "--" + name.replace("_", "-")
        raise UsageError(f"{option}: found {text!r}, allowed a number, or several as 20,30,40.") from None
    return [int(value) if name in WHOLE and value == int(value) else value for value in values]
