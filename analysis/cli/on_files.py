"""Commands on any file: long data in, an answer out, no study needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from doublecode.analysis.cli.read_files import bare, names_in, read_codes, read_columns, read_ratings, with_remarks
from doublecode.analysis.cli.resampling_flags import Jobs, Keep, Scheduler, Sharing, helped_by, refuse_first
from doublecode.coding.console import ANY_FILE, progress_bar
from doublecode.coding.option_ranges import number
from doublecode.schemas.column_types import Role
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.consistency.alpha_omega_results import OmegaResult
    from doublecode.analysis.consistency.omega_kinds import Kind
    from doublecode.analysis.reliability.decision import DStudyResult
    from doublecode.analysis.reliability.dyads import DyadResult
    from doublecode.analysis.reliability.icc_result import ICCResult
    from doublecode.analysis.rendering.answers import Answer
    from doublecode.analysis.study.scale_consistency import ConsistencyTable

File = Annotated[Path, typer.Argument(help="CSV, xlsx or ods in long format: one row per rating.", show_default=False)]
Wide = Annotated[
    Path, typer.Argument(help="CSV, xlsx or ods: a row per session, a column per item.", show_default=False)
]
Rows = Annotated[Path, typer.Argument(help="CSV, xlsx or ods: a row per observation.", show_default=False)]
Targets = Annotated[str, typer.Option(help="Column of what is rated, such as the session.")]
Ratings = Annotated[str | None, typer.Option(help="Column of the rating; not in a wide table.")]
By = Annotated[str, typer.Option(help="Columns that split the data into sets: item,phase")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
Sheet = Annotated[str | None, typer.Option(help="Sheet of a workbook; the first one without it.", show_default=False)]
Seed = Annotated[
    int, typer.Option(parser=number(whole=True), metavar="<int>", help="Seed of resampling, where there is any.")
]
Missing = Annotated[str, typer.Option(help="What stands for a missing value: -99,n/a", show_default=False)]
ConfLevel = Annotated[
    float,
    typer.Option(
        parser=number(0.5, 0.9999, such_as="95 % is 0.95"), metavar="<0.5 to 0.9999>", help="Level of the intervals."
    ),
]


DRAWN: Final = ("total", "categorical", "hierarchical")
"""Kinds of omega with limits from resamples."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for name, command in (("icc", icc), ("agreement", agreement), ("omega", omega)):
        app.command(name, rich_help_panel=ANY_FILE)(command)


def icc(
    file: File,
    targets: Targets,
    ratings: Ratings = None,
    raters: Annotated[
        str | None,
        typer.Option(
            help="Column of the rater; leave it out where raters are unknown (one-way). Of a wide table, the "
            "columns of all raters: J1,J2,J3"
        ),
    ] = None,
    clusters: Annotated[
        str | None, typer.Option(help="Column that targets are nested in, such as the patient.")
    ] = None,
    by: By = "",
    k: Annotated[str, typer.Option(help="Means of how many ratings: 1,2,eff")] = "1,2,eff",
    conf_level: ConfLevel = 0.95,
    interval: Annotated[
        Literal["model", "jackknife", "bootstrap"],
        typer.Option(
            help="Limits from normal theory, from leaving out each target once, or beside them from resampled targets."
        ),
    ] = "model",
    rule: Annotated[str, typer.Option(help="Cited cut-offs of the sentence's adjective.")] = "koo2016",
    dyads: Annotated[
        bool,
        typer.Option("--dyads", help="Beside it the mean over pairs of raters that papers print, as a reproduction."),
    ] = False,
    d_study: Annotated[
        bool, typer.Option("--d-study", help="Beside it what to expect of more raters and more targets coded twice.")
    ] = False,
    intra: Annotated[
        str | None,
        typer.Option(
            help="Column of the occasion, 1, 2 …: each rater against her own earlier codes instead of the others.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        str | None,
        typer.Option(help="Of --intra: column of the day of coding, 2021-04-03.", show_default=False),
    ] = None,
    seed: Seed = 0,
    sheet: Sheet = None,
    missing: Missing = "",
    as_json: AsJson = False,
) -> None:
    """Intraclass correlations of ratings, whatever the design: complete, rotating pairs, one-way, nested."""
    from doublecode.analysis.reliability.interrater import icc as estimate
    from doublecode.analysis.reliability.interrater import intra_rater
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.records import with_records
    from doublecode.analysis.study.warnings import dyad_warnings, icc_warnings
    from doublecode.schemas.results import result_record

    targets, ratings, clusters = bare(targets), ratings and bare(ratings), clusters and bare(clusters)
    idle = {"--clusters": clusters, "--dyads": dyads, "--d-study": d_study, "--interval": interval != "model",
            "--k": k != "1,2,eff"}  # fmt: skip
    again: dict[str, Any] = _recodes(intra, days, raters, idle)
    others = tuple(name for name in (clusters, *again.values(), *names_in(by)) if name)
    data, raters, ratings, remarks = read_ratings(file, targets, raters, ratings, others, sheet, names_in(missing))
    common: dict[str, Any] = {"targets": targets, "ratings": ratings, "by": names_in(by) or None, "seed": seed,
                              "conf_level": conf_level}  # fmt: skip
    result = intra_rater(data, raters=str(raters), **common, **again) if again else estimate(
        data, raters=raters, clusters=clusters, k=[_k(part) for part in names_in(k)],
        interval="model" if interval == "bootstrap" else interval, **common,
    )  # fmt: skip
    beside: dict[str, Answer] = {}
    warnings = icc_warnings(result)
    if dyads:
        paired = _dyads(data, targets, raters, ratings, names_in(by), conf_level)
        beside["dyads"], warnings = paired, warnings + dyad_warnings(paired)
    if interval == "bootstrap":
        beside["bootstrap"] = result.bootstrap(seed=seed)
    if d_study:
        beside["d_study"] = _planned(result, seed)
    record = {**with_remarks(result_record(result), remarks), **with_records(beside)} if as_json else None
    sentences = result.sentence(rule).splitlines()
    print_answer(result, record, beside=tuple(beside.values()), sentences=sentences, warnings=warnings)


def _recodes(intra: str | None, days: str | None, raters: str | None, idle: dict[str, Any]) -> dict[str, str]:
    """The columns of occasion and day where raters are held against themselves; what then has no effect is refused."""
    if intra is None:
        if days is not None:
            raise UsageError("--days: belongs to --intra; name the column of the occasion there.")
        return {}
    if raters is None:
        raise UsageError("--intra: each rater is held against her own codes; name the column of the rater in --raters.")
    given = next((name for name, value in idle.items() if value), None)
    if given is not None:
        raise UsageError(f"--intra: {given} has no effect on recodes; leave it out.")
    return {"occasions": bare(intra), **({} if days is None else {"days": bare(days)})}


def _planned(result: ICCResult, seed: int) -> DStudyResult:
    from doublecode.analysis.reliability.decision import d_study

    return d_study(result, conf_level=float(result.spec["conf_level"]), seed=seed)


def _dyads(
    data: pd.DataFrame, targets: str, raters: str | None, ratings: str, by: tuple[str, ...], conf_level: float
) -> DyadResult:
    from doublecode.analysis.reliability.dyads import dyad_icc

    if raters is None:
        raise UsageError("--dyads: pairs of raters need --raters; name the column of the rater.")
    return dyad_icc(data, targets=targets, raters=raters, ratings=ratings, by=by or None, conf_level=conf_level)


def _k(text: str) -> float | str:
    if text == "eff":
        return text
    number = _number(text, "--k")
    return int(number) if number.is_integer() else number


def agreement(
    file: File,
    targets: Targets,
    ratings: Ratings = None,
    raters: Annotated[
        str | None,
        typer.Option(
            help="Column of the rater; leave it out where raters are unknown. Of a wide table, the columns of all "
            "raters: J1,J2,J3"
        ),
    ] = None,
    by: By = "",
    codes: Annotated[str, typer.Option(help="All codes of the scale: 0,1,2,3,4; without it those seen.")] = "",
    nominal: Annotated[
        bool, typer.Option("--nominal", help="Codes are names without an order, also where they are numbers.")
    ] = False,
    separator: Annotated[
        str | None, typer.Option(help="What stands between several codes of a cell, such as ';'.", show_default=False)
    ] = None,
    within: Annotated[
        float,
        typer.Option(parser=number(0), metavar="<from 0 on>", help="How near counts as near, in scale points."),
    ] = 1.0,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw differences against means (Bland–Altman): FILE.svg or .png.", show_default=False),
    ] = None,
    conf_level: ConfLevel = 0.95,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier picture.")] = False,
    sheet: Sheet = None,
    missing: Missing = "",
    as_json: AsJson = False,
) -> None:
    """Agreement beside reliability: % exact, scale points, kappas, Gwet's AC, Krippendorff's alpha."""
    from doublecode.analysis.concordance.coefficients import agreement as estimate
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.schemas.results import result_record

    targets, ratings = bare(targets), ratings and bare(ratings)
    columns = (targets, raters, ratings, names_in(by), sheet, names_in(missing))
    data, raters, ratings, remarks = read_codes(file, *columns, as_text=nominal or separator is not None)
    as_text = data[ratings].dtype.kind != "f"
    if plot is not None:
        _check_picture(plot, as_text, raters, names_in(by), overwrite)
    named = names_in(codes) if as_text else [_number(code, "--codes") for code in names_in(codes)]
    result = estimate(
        data, targets=targets, raters=raters, ratings=ratings, by=names_in(by) or None, categories=named or None,
        nominal=nominal, separator=separator, within=within, conf_level=conf_level,
    )  # fmt: skip
    if plot is not None and raters is not None:
        _draw_differences(data, targets, raters, ratings, conf_level, plot)
    print_answer(result, with_remarks(result_record(result), remarks) if as_json else None)


def _check_picture(plot: Path, as_text: bool, raters: str | None, by: tuple[str, ...], overwrite: bool) -> None:
    """Refuse, before any work, a picture that cannot be drawn."""
    if plot.suffix not in (".svg", ".png"):
        raise UsageError(f"--plot: found {plot.name!r}, allowed a file that ends in .svg or .png.")
    if as_text or raters is None or by:
        raise UsageError(
            "--plot: differences are drawn of one set of numbers by two raters who are told apart; name the column "
            "with --raters, and leave out --by, --nominal and --separator."
        )
    if plot.exists() and not overwrite:
        raise UsageError(f"{plot} is there already. Add --overwrite to replace it.")


def _draw_differences(
    data: pd.DataFrame, targets: str, raters: str, ratings: str, conf_level: float, plot: Path
) -> None:
    from doublecode.analysis.concordance.limits_of_agreement import bland_altman
    from doublecode.analysis.rendering.figures import figure_of, render_png, render_svg
    from doublecode.schemas.whole_files import replace_files

    found = bland_altman(data, targets=targets, raters=raters, ratings=ratings, conf_level=conf_level)
    figure = figure_of(found.plot())
    if plot.suffix == ".png":
        replace_files({plot: render_png(figure)})
    else:
        words = f"Differences of {ratings} against means, by {raters}, with bias and limits of agreement."
        replace_files({plot: render_svg(figure, plot.stem, words).encode()})


def omega(
    file: Wide,
    items: Annotated[str, typer.Option(help="Item columns of a wide file: a,b,c")],
    clusters: Annotated[
        str | None, typer.Option(help="Column of the patient, whose sessions belong together.", show_default=False)
    ] = None,
    by: Annotated[str, typer.Option(help="Column that splits the data into sets, such as the session.")] = "",
    subscale: Annotated[
        list[str] | None, typer.Option(help="A subscale, again for each: first=a,b,c", show_default=False)
    ] = None,
    kind: Annotated[
        Literal["total", "categorical", "hierarchical", "multilevel", "psych_default"],
        typer.Option(help="Of one factor, of ordered codes, of a general factor, within and between, as psych prints."),
    ] = "total",
    interval: Annotated[
        Literal["jackknife", "bootstrap", "percentile", "bca"] | None,
        typer.Option(help="How limits are made, over patients or rows.", show_default="jackknife"),
    ] = None,
    n_boot: Annotated[
        int | None,
        typer.Option("--n-boot", parser=number(100, whole=True), metavar="<from 100 on>",
                     help="Resamples of a bootstrap.", show_default="2000; hierarchical 500, categorical 200"),
    ] = None,
    conf_level: ConfLevel = 0.95,
    seed: Seed = 0,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    keep: Keep = None,
    sheet: Sheet = None,
    missing: Missing = "",
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Omega of a scale with its interval, from a wide file: a row per session, a column per item."""
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.records import consistency_record
    from doublecode.schemas.results import result_record

    parts, sharing = _subscales(subscale or []), Sharing(jobs, scheduler, keep)
    _refuse_idle(kind, interval, n_boot, sharing)
    clusters, by = clusters and bare(clusters), bare(by)
    numbers = dict.fromkeys((*names_in(items), *(name for part in parts.values() for name in part)), Role.NUMBER)
    wanted = tuple(name for name in (clusters, by, *numbers) if name)
    data, remarks = read_columns(file, wanted, sheet, {by: Role.LABEL} | numbers, names_in(missing))
    if by:
        data[by] = _levels(data[by])
    asked = {"interval": interval, "n_boot": n_boot}
    limits: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    common: dict[str, Any] = {"items": names_in(items), "clusters": clusters, "conf_level": conf_level, "seed": seed}
    with progress_bar() as show:
        if any(sharing.given.values()) or interval:
            limits |= {**helped_by(sharing), "progress": show}
        if kind != "total":
            found = _omega_of_kind(data, kind, bool(by or parts), {**common, **limits})
        else:
            table = _omega_table(data, by, parts, {**common, **limits})
    if kind != "total":
        print_answer(found, with_remarks(result_record(found), remarks) if as_json else None)
        return
    record = with_remarks(consistency_record(table), remarks) if as_json else None
    print_answer(table, record, sentences=table.statements())


def _omega_of_kind(data: pd.DataFrame, kind: Kind, is_split: bool, asked: dict[str, Any]) -> OmegaResult:
    from doublecode.analysis.consistency.alpha_omega import omega as estimate

    if is_split:
        raise UsageError(f"omega: --kind {kind} is of all items and all rows; leave out --by and --subscale.")
    return estimate(data, kind=kind, **asked)


def _omega_table(
    data: pd.DataFrame, by: str, parts: dict[str, tuple[str, ...]], asked: dict[str, Any]
) -> ConsistencyTable:
    from doublecode.analysis.study.scale_consistency import omega_table

    return omega_table(data, by=by or None, subscales=parts, **asked)


def _refuse_idle(kind: Kind, interval: str | None, n_boot: int | None, sharing: Sharing) -> None:
    """Refuse flags of resamples where there are none."""
    given = {"--interval": interval is not None, "--n-boot": n_boot is not None, **sharing.given}
    if kind not in DRAWN:
        refuse_first(given, f"omega: {{}} has no effect for --kind {kind}; leave it out.")
    if interval in (None, "jackknife"):
        refuse_first({"--n-boot": n_boot is not None}, "omega: {} belongs to --interval bootstrap, percentile or bca.")


def _levels(values: pd.Series[Any]) -> pd.Series[Any]:
    """Session numbers as whole numbers, so that 10 follows 9; everything else as it was read."""
    whole = values.dtype.kind == "f" and values.notna().all() and (values == values.round()).all()
    return values.astype(int) if whole else values


def _subscales(texts: list[str]) -> dict[str, tuple[str, ...]]:
    parts = {}
    for text in texts:
        name, equals, items = text.partition("=")
        if not (name.strip() and equals and names_in(items)):
            raise UsageError(f"--subscale: found {text!r}, allowed a name and its items, such as first=a,b,c.")
        parts[name.strip()] = names_in(items)
    return parts


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option}: found {text!r}, allowed numbers separated by commas.") from None
