"""The coordinator's command for ratings that exist already as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from doublecode.coding.cli import AsJson, print_problems_json
from doublecode.coding.console import CLEAN, COORDINATOR, PROBLEMS, print_problems, say
from doublecode.schemas.errors import UsageError
from doublecode.schemas.letters import as_typed


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("import-ratings", rich_help_panel=COORDINATOR)(import_ratings)


def import_ratings(
    file: Annotated[Path, typer.Argument(help="csv, xlsx, ods, sav or dta, long or wide.", show_default=False)],
    study: Annotated[Path, typer.Option(help="The study folder, with its study.toml.", show_default=False)],
    layout: Annotated[
        Literal["long", "wide"] | None,
        typer.Option(help="A row per rating, or columns of items or raters; the heads tell.", show_default=False),
    ] = None,
    map: Annotated[  # noqa: A002
        list[str] | None,
        typer.Option("--map", help='What a head is here, again for each: "Pat.-Nr.=patient"', show_default=False),
    ] = None,
    missing: Annotated[str, typer.Option(help="What stands for a missing value: -99,-98=NR", show_default=False)] = "",
    empty: Annotated[
        bool, typer.Option("--empty-is-missing", help="Empty cells are missing, without a reason.")
    ] = False,
    pattern: Annotated[
        str | None, typer.Option(help='How heads of item and rater are made: "{item}_{rater}"', show_default=False)
    ] = None,
    instrument: Annotated[
        str | None, typer.Option(help="The instrument, where the items do not tell.", show_default=False)
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of a workbook; the first without it.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a table of ratings that you have and take it into the ledger; `run` reads it from there."""
    from doublecode.coding.intake.rating_tables import import_ratings as take_in
    from doublecode.coding.reading.declared_heads import open_study
    from doublecode.schemas.table_source import TableSource

    declared = open_study(study)
    source = TableSource(
        sheet=sheet, map=_pairs(map or []), missing=_codes(missing, empty), layout=layout, pattern=pattern,
        instrument=instrument,
    )  # fmt: skip
    taken, ratings, problems = take_in(declared, file, source)
    errors = sum(one.severity == "error" for one in problems)
    if as_json:
        print_problems_json(problems, {"command": "import-ratings", "file": str(file), "n_ratings": len(ratings)})
        raise typer.Exit(PROBLEMS if errors else CLEAN)
    print_problems(problems, most=200, severities=("error", "warning", "info"))
    say(f"{file.name}: {len(ratings)} ratings, {errors} error(s), {len(problems) - errors} other remark(s).")
    if taken is None:
        say("Nothing was stored. Mend the table, or map its heads (--map), and import it again.", to_error=True)
    elif taken.known:
        say("The ledger holds this file already, with these ratings; nothing was changed.")
    else:
        replaced = f", in place of {', '.join(taken.superseded)} as it was taken in before" if taken.superseded else ""
        say(f"Stored in the ledger{replaced}. Next: doublecode run {as_typed(declared.folder)}")
    raise typer.Exit(PROBLEMS if errors else CLEAN)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        head, equals, column = text.rpartition("=")
        if not (head.strip() and equals and column.strip()):
            raise UsageError(f'--map: found {text!r}, allowed a head and our column, such as "Pat.-Nr.=patient".')
        pairs[head.strip()] = column.strip()
    return pairs


def _codes(text: str, empty: bool) -> dict[str, str]:
    from doublecode.schemas.table_source import NO_REASON

    codes = {}
    for part in filter(None, map(str.strip, text.split(","))):
        code, _, kept = part.partition("=")
        codes[code.strip()] = kept.strip() or code.strip()
    return codes | ({"": NO_REASON} if empty else {})
