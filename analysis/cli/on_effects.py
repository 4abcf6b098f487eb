"""The command on a file of published effects: ``pool``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from doublecode.analysis.cli.on_files import AsJson, ConfLevel, Missing, Sheet
from doublecode.analysis.cli.pictures import check_picture, write_picture
from doublecode.analysis.cli.read_files import bare, names_in, read_columns, with_remarks
from doublecode.coding.console import ANY_FILE
from doublecode.schemas.column_types import Role
from doublecode.schemas.errors import ContractError, FormulaError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.meta_analysis.pool_result import PoolResult
    from doublecode.analysis.meta_analysis.pooled_check import PooledCheck

Effects = Annotated[Path, typer.Argument(help="CSV, xlsx, ods or sav: a row per study.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("pool", rich_help_panel=ANY_FILE)(pool)


def pool(
    file: Effects,
    estimate: Annotated[
        str | None, typer.Option(help="Column of the effect: d, g, Fisher's z, log odds ratio.", show_default=False)
    ] = None,
    variance: Annotated[str | None, typer.Option(help="Column of its sampling variance.", show_default=False)] = None,
    se: Annotated[
        str | None,
        typer.Option("--se", help="Column of its standard error, in place of --variance.", show_default=False),
    ] = None,
    r: Annotated[
        str | None,
        typer.Option("--r", help="Column of correlations, with --n; pooled as Fisher's z.", show_default=False),
    ] = None,
    n: Annotated[str | None, typer.Option("--n", help="Column of sample sizes, for --r.", show_default=False)] = None,
    labels: Annotated[
        str | None, typer.Option(help="Column of the studies' names, each of them once.", show_default=False)
    ] = None,
    studies: Annotated[
        str | None,
        typer.Option(help="Column of the study, where it has several effects: three levels, CR2.", show_default=False),
    ] = None,
    moderators: Annotated[
        str | None, typer.Option(help='Meta-regression: "age + C(setting)"', show_default=False)
    ] = None,
    method: Annotated[
        Literal["REML", "DL", "PM", "ML", "FE"], typer.Option(help="How τ² is estimated; FE: one true effect.")
    ] = "REML",
    test: Annotated[
        Literal["hksj", "hksj-adhoc", "z", "CR2", "t"] | None,
        typer.Option(
            help="Hartung–Knapp, the same never narrower than z, or z; with --studies CR2, t or z.",
            show_default="hksj; z with FE; CR2 with --studies",
        ),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(help="Scale to bring results back to: r of z, odds_ratio of logarithms.", show_default=False),
    ] = None,
    small_studies: Annotated[
        bool, typer.Option("--small-studies", help="Beside it Egger's regression, rank test, trim and fill.")
    ] = False,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="Beside it the pooled effect without each study.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the forest of studies: FILE.svg or .png.", show_default=False)
    ] = None,
    funnel: Annotated[Path | None, typer.Option(help="Draw the funnel: FILE.svg or .png.", show_default=False)] = None,
    conf_level: ConfLevel = 0.95,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier pictures.")] = False,
    sheet: Sheet = None,
    missing: Missing = "",
    as_json: AsJson = False,
) -> None:
    """Meta-analysis of published effects: pooled effect, prediction interval, heterogeneity, moderators."""
    from doublecode.analysis.meta_analysis.random_effects import pool as estimate_pooled
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.records import pool_record, with_records

    pictures = {name: path for name, path in (("forest", plot), ("funnel", funnel)) if path is not None}
    _check_pictures(pictures, moderators, overwrite)
    given = tuple(one and bare(one) for one in (estimate, variance, se, r, n))
    roles = _roles(given) | _moderator_roles(moderators)
    names = {one: one and bare(one) for one in (labels, studies)}
    wanted = (*filter(None, names.values()), *roles)
    data, remarks = read_columns(file, wanted, sheet, roles, names_in(missing))
    effects, y, v = _with_effects(data, given)
    result = estimate_pooled(
        y, v, data=effects, labels=names[labels], studies=names[studies],
        moderators=moderators, method=method, test=test, measure="r" if r else measure, conf_level=conf_level,
    )  # fmt: skip
    beside = _beside(result, small_studies, leave_one_out)
    _draw(result, pictures)
    record = {**with_remarks(pool_record(result), remarks), **with_records(beside)} if as_json else None
    print_answer(result, record, beside=tuple(beside.values()), sentences=() if moderators else [result.sentence()])


def _roles(given: tuple[str | None, ...]) -> dict[str, Role]:
    """The columns that hold the effects, all numbers; refuses what is neither one way of giving them nor the other."""
    estimate, variance, se, r, n = given
    from doublecode.analysis.meta_analysis.pooled_inputs import ALREADY_POOLED

    if ALREADY_POOLED in given:
        raise UsageError(
            f"pool: {ALREADY_POOLED!r} holds pooled results of meta-analyses, which share studies with one another; "
            "they are not pooled."
        )
    asked = {
        "--estimate": estimate, "--variance": variance, "--se": se, "--r": r, "--n": n,
    }  # fmt: skip
    found = tuple(option for option, name in asked.items() if name)
    if found not in (("--estimate", "--variance"), ("--estimate", "--se"), ("--r", "--n")):
        raise UsageError(
            f"pool: found {' '.join(found) or 'no column'}; allowed --estimate with --variance, --estimate with --se, "
            "or --r with --n."
        )
    return {name: Role.NUMBER for name in asked.values() if name}


def _moderator_roles(moderators: str | None) -> dict[str, Role]:
    from doublecode.analysis.mixed.formula import parse_formula

    if moderators is None:
        return {}
    if "~" in moderators:
        raise FormulaError(
            f"--moderators: found {moderators!r}; only what stands after ~ is wanted, as in age + C(arm)."
        )
    parsed = parse_formula(f"effect ~ {moderators}")
    if parsed.terms:
        raise FormulaError(f"--moderators: {moderators!r} has a random term; studies are random already.")
    return {name: role for name, role in parsed.roles.items() if name != "effect"}


def _with_effects(data: pd.DataFrame, given: tuple[str | None, ...]) -> tuple[pd.DataFrame, str, str]:
    """The frame with its effects, and the columns of effect and variance, whichever way they were given."""
    import numpy as np

    estimate, variance, se, r, n = given
    if r and n:
        _refuse(data, r, data[r].abs() >= 1, "a correlation lies between −1 and 1, without these")
        _refuse(data, n, data[n] <= 3, "the variance of Fisher's z is 1/(n − 3), so n is 4 or more")
        effect, error = f"Fisher's z of {r}", f"1/({n} − 3)"
        return data.assign(**{effect: np.arctanh(data[r]), error: 1.0 / (data[n] - 3.0)}), effect, error
    if se:
        _refuse(data, se, data[se] <= 0, "a standard error is above 0")
        return data.assign(**{f"{se}²": data[se] ** 2}), str(estimate), f"{se}²"
    _refuse(data, str(variance), data[str(variance)] <= 0, "a sampling variance is above 0")
    return data, str(estimate), str(variance)


def _refuse(data: pd.DataFrame, column: str, wrong: pd.Series[bool], why: str) -> None:
    rows = data.index[wrong.fillna(value=False).to_numpy(bool)]
    if len(rows):
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        raise ContractError(f"row {rows[0]}, column {column!r}: found {data.loc[rows[0], column]:g}{more}; {why}.")


def _beside(result: PoolResult, small_studies: bool, leave_one_out: bool) -> dict[str, PooledCheck]:
    found: dict[str, PooledCheck] = {}
    if small_studies:
        found |= {"egger": result.egger(), "rank_test": result.rank_test(), "trim_and_fill": result.trim_and_fill()}
    if leave_one_out:
        found["leave_one_out"] = result.leave_one_out()
    return found


def _check_pictures(pictures: dict[str, Path], moderators: str | None, overwrite: bool) -> None:
    """Refuse, before any work, a picture that cannot be drawn."""
    for name, path in pictures.items():
        if moderators is not None:
            raise UsageError(f"{name}: it is drawn of one pooled effect; leave out --moderators.")
        check_picture(name, path, overwrite=overwrite)


def _draw(result: PoolResult, pictures: dict[str, Path]) -> None:
    from doublecode.analysis.rendering.figures import figure_of

    words = {"forest": "Effects of studies with their intervals, and below them the pooled effect.",
             "funnel": "Effects of studies against their standard errors."}  # fmt: skip
    for name, path in pictures.items():
        write_picture(figure_of(result.plot("forest" if name == "forest" else "funnel")), path, words[name])
