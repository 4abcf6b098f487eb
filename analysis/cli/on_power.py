"""The command that simulates a planned study: ``power``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from doublecode.analysis.cli.given_flags import number_list, refuse_idle, stated_flags
from doublecode.analysis.cli.on_files import AsJson
from doublecode.analysis.cli.rating_widths import check_flags_of_widths, widths_of_designs
from doublecode.analysis.cli.regression_plans import is_of_patients, power_of_patients
from doublecode.analysis.cli.simulated_plans import (
    AskedAnswer,
    Lists,
    family_of,
    planned_design,
    power_of_sessions,
    with_one_base,
)
from doublecode.coding.console import COORDINATOR
from doublecode.schemas.errors import UsageError

LISTS: Final[tuple[str, ...]] = (
    "patients", "sessions", "therapists", "dropout", "lost", "raters", "double", "icc_rating", "severity", "points",
    "icc_outcome", "icc_therapist", "icc_predictor", "slope_sd", "minutes", "base", "dispersion", "within", "between",
    "trend",
)  # fmt: skip
"""Options that take several numbers."""
OF_WIDTHS: Final = ("each", "items", "omega")
STUDY, EFFECT, RATERS, VARIANCES, MODEL, SIMULATION, ANSWER = (
    "The study", "The effect, stated", "Who rates", "Variances", "The model", "The simulation", "What is asked",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("power", rich_help_panel=COORDINATOR)(power)


def _part(told: str, default: str | bool = False, *, panel: str) -> Any:
    return typer.Option(help=told, show_default=default, rich_help_panel=panel)


def power(
    ctx: typer.Context,
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
        Literal["binomial", "poisson", "negative-binomial", "ordinal"] | None,
        _part("Outcome done or not, counted, or in ordered categories.", "continuous", panel=EFFECT),
    ] = None,
    base: Annotated[
        str | None,
        _part(
            "With --family: probability, or mean count, of a patient in the middle; ordinal: of each category, "
            ".2,.3,.3,.2.",
            panel=EFFECT,
        ),
    ] = None,
    dispersion: Annotated[
        str | None, _part("φ of negative binomial counts: variance mean + mean²/φ.", panel=EFFECT)
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
        int, typer.Option(help="With --for icc: raters of a session coded several times.", rich_help_panel=RATERS)
    ] = 2,
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
    flags = stated_flags(ctx)
    lists: Lists = {name: number_list(flags[name], ctx.params[name]) for name in LISTS if name in flags}
    if purpose == "icc":
        asked = {"items": items, "omega": omega, "each": each, "seed": seed, "conf_level": 1 - alpha}
        if studies is not None:
            asked["studies"] = studies
        check_flags_of_widths(lists, flags)
        design = planned_design(study, lists, model, predictor)
        widths_of_designs(design, lists, asked, icc_width, as_json=as_json)
        return
    refuse_idle(flags, OF_WIDTHS, "{}: --each, --items and --omega are of --for icc; add it, or leave them out.")
    if study is not None and is_of_patients(study, model, predictor):
        power_of_patients(study, lists, flags, model, scale or "r", alpha, as_json=as_json)
        return
    if family is not None and study is not None:
        raise UsageError("--family: a study folder says itself what its outcome is; give the plan by flags instead.")
    lists = with_one_base(lists, family if study is None else family_of(study, model, predictor))
    made = {"scale": scale, "ddf": ddf, "alpha": alpha, "half_width": half_width, "seed": seed, "formula": formula}
    if studies is not None:
        made["studies"] = studies
    answer = AskedAnswer(figure, shape, overwrite, text, cheapest, icc_width, as_json)
    answer.check(lists)
    design = planned_design(study, lists, model, predictor, for_effect=True)
    power_of_sessions(design, lists, family, made, answer, (jobs, scheduler, keep))
