"""Commands on any file: long data in, an answer out, no study needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from doublecode.coding.console import ANY_FILE, say
from doublecode.schemas.errors import MissingColumn, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from doublecode.analysis.mixed.fit import Ddf
    from doublecode.analysis.reliability.dyads import DyadResult
    from doublecode.schemas.problems import Problem

File = Annotated[Path, typer.Argument(help="CSV, xlsx or ods in long format: one row per rating.", show_default=False)]
Wide = Annotated[
    Path, typer.Argument(help="CSV, xlsx or ods: a row per session, a column per item.", show_default=False)
]
Rows = Annotated[Path, typer.Argument(help="CSV, xlsx or ods: a row per observation.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
Sheet = Annotated[str | None, typer.Option(help="Sheet of a workbook; the first one without it.", show_default=False)]
Missing = Annotated[str, typer.Option(help="What stands for a missing value: -99,n/a", show_default=False)]
ConfLevel = Annotated[float, typer.Option(min=0.5, max=0.9999, help="Level of the intervals.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for name, command in (("icc", icc), ("agreement", agreement), ("omega", omega), ("fit", fit)):
        app.command(name, rich_help_panel=ANY_FILE)(command)


def names_in(text: str) -> tuple[str, ...]:
    """Split a list typed with commas.

    Examples
    --------
    >>> names_in("a, b,c")
    ('a', 'b', 'c')
    """
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


def icc(
    file: File,
    targets: Annotated[str, typer.Option(help="Column of what is rated, such as the session.")],
    ratings: Annotated[str | None, typer.Option(help="Column of the rating; not in a wide table.")] = None,
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
    by: Annotated[str, typer.Option(help="Columns that split the data into sets: item,phase")] = "",
    k: Annotated[str, typer.Option(help="Means of how many ratings: 1,2,eff")] = "1,2,eff",
    conf_level: ConfLevel = 0.95,
    interval: Annotated[
        Literal["model", "jackknife"],
        typer.Option(help="Limits from normal theory, or from leaving out each target once."),
    ] = "model",
    rule: Annotated[str, typer.Option(help="Cited cut-offs of the sentence's adjective.")] = "koo2016",
    dyads: Annotated[
        bool,
        typer.Option("--dyads", help="Beside it the mean over pairs of raters that papers print, as a reproduction."),
    ] = False,
    sheet: Sheet = None,
    missing: Missing = "",
    as_json: AsJson = False,
) -> None:
    """Intraclass correlations of ratings, whatever the design: complete, rotating pairs, one-way, nested."""
    from doublecode.analysis.reliability.interrater import icc as estimate
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.result_tables import dyad_tables, icc_tables
    from doublecode.analysis.study.warnings import dyad_warnings, icc_warnings
    from doublecode.schemas.results import result_record

    others = tuple(name for name in (clusters, *names_in(by)) if name)
    data, raters, ratings = _read_ratings(file, targets, raters, ratings, others, sheet, names_in(missing))
    result = estimate(
        data, targets=targets, raters=raters, ratings=ratings, clusters=clusters, by=names_in(by) or None,
        k=[_k(part) for part in names_in(k)], conf_level=conf_level, interval=interval,
    )  # fmt: skip
    paired = _dyads(data, targets, raters, ratings, names_in(by), conf_level) if dyads else None
    record = result_record(result) if as_json else None
    tables, warnings = icc_tables(result), icc_warnings(result)
    if paired is not None:
        tables, warnings = tables + dyad_tables(paired), warnings + dyad_warnings(paired)
        record = None if record is None else {**record, "dyads": result_record(paired)}
    sentences = result.sentence(rule).splitlines()
    print_answer(result, tables, record, sentences=sentences, warnings=warnings)


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
    targets: Annotated[str, typer.Option(help="Column of what is rated, such as the session.")],
    ratings: Annotated[str | None, typer.Option(help="Column of the rating; not in a wide table.")] = None,
    raters: Annotated[
        str | None,
        typer.Option(
            help="Column of the rater; leave it out where raters are unknown. Of a wide table, the columns of all "
            "raters: J1,J2,J3"
        ),
    ] = None,
    by: Annotated[str, typer.Option(help="Columns that split the data into sets: item,phase")] = "",
    codes: Annotated[str, typer.Option(help="All codes of the scale: 0,1,2,3,4; without it those seen.")] = "",
    within: Annotated[float, typer.Option(min=0, help="How near counts as near, in scale points.")] = 1.0,
    conf_level: ConfLevel = 0.95,
    sheet: Sheet = None,
    missing: Missing = "",
    as_json: AsJson = False,
) -> None:
    """Agreement beside reliability: % exact, scale points, kappas, Gwet's AC, Krippendorff's alpha."""
    from doublecode.analysis.concordance.coefficients import agreement as estimate
    from doublecode.analysis.rendering.screen import print_result
    from doublecode.analysis.report.result_tables import agreement_tables

    data, raters, ratings = _read_ratings(file, targets, raters, ratings, names_in(by), sheet, names_in(missing))
    result = estimate(
        data, targets=targets, raters=raters, ratings=ratings, by=names_in(by) or None,
        categories=[_number(code, "--codes") for code in names_in(codes)] or None, within=within,
        conf_level=conf_level,
    )  # fmt: skip
    print_result(result, agreement_tables(result), as_json=as_json)


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
    conf_level: ConfLevel = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of resampling, where there is any.")] = 0,
    sheet: Sheet = None,
    missing: Missing = "",
    as_json: AsJson = False,
) -> None:
    """Omega total of a scale with its interval, from a wide file: a row per session, a column per item."""
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.folder import consistency_record
    from doublecode.analysis.report.result_tables import omega_table_tables
    from doublecode.analysis.study.consistency_table import omega_table

    parts = _subscales(subscale or [])
    wanted = [clusters, by, *names_in(items), *(name for part in parts.values() for name in part)]
    numbers = tuple(dict.fromkeys(name for name in wanted[2:] if name))
    data = _read(file, tuple(name for name in wanted if name), sheet, numbers, names_in(missing))
    if by:
        data[by] = _levels(_read(file, (by,), sheet, missing=names_in(missing), quiet=True)[by])
    table = omega_table(
        data, items=names_in(items), clusters=clusters, by=by or None, subscales=parts, conf_level=conf_level, seed=seed
    )
    record = consistency_record(table) if as_json else None
    print_answer(table, omega_table_tables(table), record, sentences=table.sentences)


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


def fit(
    formula: Annotated[str, typer.Argument(help='lme4 formula: "phq9 ~ session + (session | patient)"')],
    file: Rows,
    ml: Annotated[bool, typer.Option("--ml", help="Maximum likelihood instead of REML.")] = False,
    ddf: Annotated[str, typer.Option(help="auto, kenward-roger, satterthwaite or z.")] = "auto",
    sheet: Sheet = None,
    missing: Missing = "",
    as_json: AsJson = False,
) -> None:
    """Linear mixed model with lme4's formulas: coefficients with honest degrees of freedom, variances, fit."""
    from doublecode.analysis.mixed import fit_mixed
    from doublecode.analysis.mixed.model_rows import named_in
    from doublecode.analysis.rendering.screen import print_result
    from doublecode.analysis.report.result_tables import mixed_tables
    from doublecode.analysis.study.warnings import fit_warnings

    result = fit_mixed(
        formula, _read(file, named_in(formula), sheet, missing=names_in(missing)), reml=not ml, ddf=cast("Ddf", ddf)
    )
    fit_line = (
        f"{'ML' if ml else 'REML'}: log-likelihood {result.loglik:.2f}, AIC {result.aic:.1f}, BIC {result.bic:.1f}; "
        f"{result.nobs} rows; " + ", ".join(f"{n} {group}" for group, n in result.n_groups.items())
    )
    print_result(result, mixed_tables(result), as_json=as_json, sentences=(fit_line,), warnings=fit_warnings(result))


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option}: found {text!r}, allowed numbers separated by commas.") from None


def _read_ratings(
    file: Path,
    targets: str,
    raters: str | None,
    ratings: str | None,
    others: tuple[str, ...],
    sheet: str | None,
    missing: tuple[str, ...],
) -> tuple[pd.DataFrame, str | None, str]:
    """Ratings in long form, and the names of the columns of rater and rating; a wide table is turned."""
    from doublecode.coding.reading.long_table import read_wide

    columns = names_in(raters or "")
    if ratings is not None:
        wanted = tuple(name for name in (targets, raters, ratings, *others) if name)
        return _read(file, wanted, sheet, (ratings,), missing), raters, ratings
    if len(columns) < 2:
        raise UsageError("--ratings: name the column of the rating, or for a wide table all raters: --raters J1,J2,J3.")
    try:
        data, remarks = read_wide(file, targets, columns, sheet, others=others, missing=missing)
    except MissingColumn as wrong:
        raise UsageError(str(wrong)) from None
    _say(remarks)
    return data, "rater", "rating"


def _say(remarks: Sequence[Problem]) -> None:
    """Remarks on a table go beside the answer, so that what a program reads stays what it is."""
    for remark in remarks:
        say(str(remark), to_error=True)


def _read(
    file: Path,
    columns: tuple[str, ...],
    sheet: str | None,
    numbers: tuple[str, ...] | None = None,
    missing: tuple[str, ...] = (),
    quiet: bool = False,
) -> pd.DataFrame:
    from doublecode.coding.reading.long_table import read_rows

    wanted = tuple(dict.fromkeys(columns))
    try:
        data, remarks = read_rows(file, wanted, sheet=sheet, numbers=numbers, missing=missing, by_line=True)
    except MissingColumn as wrong:
        # a column that was named on the command line and is not there is wrong use, not wrong data
        raise UsageError(str(wrong)) from None
    _say(() if quiet else remarks)
    return data
