"""The command `fit`: a mixed model of any file, linear or generalised, with its figure and its tables as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from doublecode.analysis.cli.on_files import AsJson, ConfLevel, Missing, Rows, Sheet
from doublecode.analysis.cli.outcome_words import OutcomeWords
from doublecode.analysis.cli.pictures import check_picture, write_picture
from doublecode.analysis.cli.read_files import bare, names_in, read_columns, with_remarks
from doublecode.analysis.cli.resampling_flags import (
    Draws,
    DrawSeed,
    Jobs,
    Keep,
    Limits,
    LimitsAsked,
    Scheduler,
    Sharing,
)
from doublecode.coding.console import ANY_FILE, say
from doublecode.coding.option_ranges import number
from doublecode.schemas.column_types import Role
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.series_families import offset_column

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.mixed.generalized.result import GeneralizedResult
    from doublecode.analysis.mixed.result import MixedResult
    from doublecode.analysis.rendering.answers import Answer

TABLES = (".docx", ".xlsx", ".tex")
"""Forms in which the tables of an answer are written."""
_WHOSE = {"link": "binomial", "trials": "binomial", "success": "binomial", "failure": "binomial",
          "thresholds": "ordinal", "order": "ordinal"}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("fit", rich_help_panel=ANY_FILE)(fit)


@dataclass(frozen=True)
class _Files:
    """What is written beside the answer: a figure over a predictor, and the tables."""

    plot: Path | None
    over: str | None
    table: Path | None
    overwrite: bool

    def check(self) -> None:
        """Refuse, before any work, a file that cannot be written."""
        if self.overwrite and self.plot is None and self.table is None:
            raise UsageError("--overwrite: there is no file to replace; give --plot or --table with it.")
        if self.plot is not None:
            check_picture("--plot", self.plot, overwrite=self.overwrite)
        elif self.over is not None:
            raise UsageError("--over: it is the predictor of a figure; give --plot FILE.svg with it.")
        if self.table is None:
            return
        if self.table.suffix not in TABLES:
            raise UsageError(f"--table: found {self.table.name!r}, allowed a file that ends in {', '.join(TABLES)}.")
        if self.table.exists() and not self.overwrite:
            raise UsageError(f"{self.table} is there already. Add --overwrite to replace it.")

    def write(self, result: MixedResult | GeneralizedResult, beside: Sequence[Answer]) -> None:
        """Write what was asked for, the tables of the answers beside it in the same file."""
        from doublecode.analysis.mixed.generalized.result import GeneralizedResult
        from doublecode.analysis.rendering.figures import figure_of
        from doublecode.analysis.rendering.predicted_figures import predicted_figure
        from doublecode.analysis.rendering.printed_table import write_docx_of, write_xlsx_of
        from doublecode.analysis.rendering.wording.predicted import predicted_words
        from doublecode.schemas.whole_files import replace_files

        if self.plot is not None and isinstance(result, GeneralizedResult):
            course = result.course(self.over)
            write_picture(figure_of(predicted_figure(course)), self.plot, predicted_words(course))
        elif self.plot is not None:
            words = "Residuals against fitted values, and normal quantiles of residuals and random effects."
            write_picture(figure_of(result.plot()), self.plot, words)
        if self.table is None:
            return
        tables = tuple(table for answer in (result, *beside) for table in answer.printed_tables())
        if self.table.suffix == ".tex":
            replace_files({self.table: "\n".join(table.to_latex() for table in tables).encode()})
        elif self.table.suffix == ".docx":
            write_docx_of(tables, self.table, overwrite=self.overwrite, apart=False)
        else:
            write_xlsx_of(tables, self.table, overwrite=self.overwrite)


def fit(
    formula: Annotated[str, typer.Argument(help='lme4 formula: "phq9 ~ session + (session | patient)"')],
    file: Rows,
    ml: Annotated[bool, typer.Option("--ml", help="Maximum likelihood instead of REML.")] = False,
    ddf: Annotated[str, typer.Option(help="auto, kenward-roger, satterthwaite or z.")] = "auto",
    family: Annotated[
        str | None, typer.Option(help="binomial, poisson, negative-binomial, ordinal; none: linear.")
    ] = None,
    link: Annotated[
        str | None, typer.Option(help="Of binomial: logit, probit or cloglog; of ordinal: logit or probit.")
    ] = None,
    trials: Annotated[str | None, typer.Option(help="Of binomial: column of trials; the outcome is successes.")] = None,
    success: Annotated[
        str | None, typer.Option(help="Of binomial: the words that count as done: yes,partly", show_default=False)
    ] = None,
    failure: Annotated[
        str | None,
        typer.Option(help="Of binomial: the words that do not, where there are several.", show_default=False),
    ] = None,
    order: Annotated[
        str | None, typer.Option(help="Of ordinal: the words in their order, lowest first.", show_default=False)
    ] = None,
    thresholds: Annotated[
        str | None, typer.Option(help="Of ordinal: flexible or equidistant.", show_default="flexible")
    ] = None,
    nagq: Annotated[
        int | None,
        typer.Option(parser=number(1, whole=True), metavar="<from 1 on>", help="Points of quadrature; 1 is Laplace.",
                     show_default="15 where it can be"),
    ] = None,
    prior_sd: Annotated[
        float | None,
        typer.Option(parser=number(0), metavar="<above 0>", help="Declared weak prior, where predictors separate.",
                     show_default=False),
    ] = None,
    offset: Annotated[str | None, typer.Option(help="Column of a known part, or log(minutes).")] = None,
    weights: Annotated[str | None, typer.Option(help="Column of weights.", show_default=False)] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw to FILE.svg or .png: predictions, of a linear model residuals.", show_default=False),
    ] = None,
    over: Annotated[
        str | None, typer.Option(help="Of --plot with a family: the predictor to draw over.", show_default=False)
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="Write the tables to FILE.docx, .xlsx or .tex.", show_default=False)
    ] = None,
    conf_level: ConfLevel = 0.95,
    interval: Limits = None,
    n_boot: Draws = None,
    seed: DrawSeed = None,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    keep: Keep = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier figure or table.")] = False,
    sheet: Sheet = None,
    missing: Missing = "",
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Mixed model with lme4's formulas: linear, with honest df; by --family done or not, counts, ordered categories."""
    own = {"link": link, "trials": trials and bare(trials), "thresholds": thresholds, "nagq": nagq,
           "prior_sd": prior_sd}  # fmt: skip
    said = {"success": success, "failure": failure, "order": order}
    words = OutcomeWords(family, **{option: names_in(given or "") for option, given in said.items()})
    files = _Files(plot, over and bare(over), table, overwrite)
    limits = LimitsAsked(interval, n_boot, seed, Sharing(jobs, scheduler, keep))
    _refuse(family, {**own, **said, "over": over}, ml=ml, ddf=ddf)
    files.check()
    limits.check()
    extra = {"offset": offset and bare(offset), "weights": weights and bare(weights), "conf_level": conf_level}
    given = {**extra, **({} if family is None else {"family": family, **own})}
    _fit(formula, file, given, words, files, limits, {"reml": not ml, "ddf": ddf}, sheet, names_in(missing), as_json)


def _fit(
    formula: str,
    file: Path,
    given: dict[str, Any],
    words: OutcomeWords,
    files: _Files,
    limits: LimitsAsked,
    linear: dict[str, Any],
    sheet: str | None,
    missing: tuple[str, ...],
    as_json: bool,
) -> None:
    from doublecode.analysis.mixed import fit_generalized, fit_mixed
    from doublecode.analysis.mixed.formula import parse_mixed
    from doublecode.analysis.mixed.generalized.predicted_courses import drawn_over
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.records import with_records
    from doublecode.analysis.study.warnings import fit_warnings
    from doublecode.schemas.results import result_record

    parsed = parse_mixed(formula)
    columns = (given.get("trials"), offset_column(given["offset"] or "")[0], given["weights"])
    more = tuple(filter(None, columns))
    outcome = parsed.response.strip("`")
    if "family" in given and files.plot is not None:
        drawn_over(parsed.fixed_columns(parsed.names), files.over, "--over")
    roles = parsed.roles | dict.fromkeys(more, Role.NUMBER)
    if words.given and outcome not in parsed.names:
        raise UsageError(f"--success and --order are of a column; the outcome {outcome!r} is none.")

    def alone(role: Mapping[str, Role]) -> pd.DataFrame:
        return read_columns(file, (outcome,), sheet, role, missing, quiet=True)[0]

    if outcome in parsed.names:
        roles |= words.role(outcome, alone)
    try:
        data, remarks = read_columns(file, (*parsed.names, *more), sheet, roles, missing)
    except ContractError:
        if outcome in parsed.names and not words.given:
            words.refuse_words(outcome, alone)
        raise
    data = _with_logarithm(data, given["offset"])
    told: list[Any] = [*remarks]
    if words.given:
        turned = words.read(data[outcome])
        told.append(words.said(outcome, data[outcome]))
        data[outcome] = turned
        say(told[-1], to_error=True)
    options = {name: value for name, value in given.items() if value is not None}
    result: MixedResult | GeneralizedResult = (
        fit_generalized(parsed, data, **options) if "family" in given else fit_mixed(parsed, data, **options, **linear)
    )
    beside = limits.of(result, float(given["conf_level"]))
    files.write(result, tuple(beside.values()))
    record = {**with_remarks(result_record(result), told), **with_records(beside)} if as_json else None
    print_answer(result, record, beside=tuple(beside.values()), warnings=fit_warnings(result))


def _with_logarithm(data: pd.DataFrame, offset: str | None) -> pd.DataFrame:
    """The data with the column of an offset such as log(minutes), missing where the minutes are."""
    from doublecode.analysis.linking.generalized_models import FamilyAsked

    name, is_log = offset_column(offset or "")
    if offset is None or not is_log:
        return data
    known = FamilyAsked("poisson", offset=offset).with_offset(data[data[name].notna()])
    return data.assign(**{offset: known[offset]})


def _refuse(family: str | None, own: dict[str, Any], *, ml: bool, ddf: str) -> None:
    """Refuse options that the model asked for does not have."""
    if family is not None:
        stray = "--ml" if ml else "--ddf" if ddf != "auto" else None
        if own["trials"] is not None and own["success"] is not None:
            raise UsageError("--success: with --trials the outcome is a number of successes. Leave one of them out.")
        if stray is not None:
            raise UsageError(
                f"{stray}: it belongs to a linear model; one by --family has maximum likelihood and z. Leave it out."
            )
        return
    for name, value in own.items():
        if value is not None:
            option = name.replace("_", "-")
            whose = f"--family {_WHOSE[name]}" if name in _WHOSE else "a model by --family"
            raise UsageError(f"--{option}: found {value!r}; it belongs to {whose}. Give --family as well.")
