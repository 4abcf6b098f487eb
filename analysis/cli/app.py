"""The command ``doublecode``: both rooms' commands, help by person.

Everything heavy is imported inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

import gc
import sys
from io import TextIOWrapper
from typing import Annotated, Final

import typer

from doublecode.analysis.cli import (
    on_effects,
    on_files,
    on_frozen_plans,
    on_models,
    on_plans,
    on_power,
    on_raters,
    on_reliability,
    on_sensitivity,
    on_study,
    on_texts,
    on_therapists,
    on_traces,
)
from doublecode.analysis.cli.help import HelpByPerson
from doublecode.coding import cli as coordinator
from doublecode.coding import init_command, ledger_commands, table_commands
from doublecode.coding.console import Shell, say

app = typer.Typer(
    name="doublecode",
    cls=HelpByPerson,
    help="From rater workbooks to a publishable report: reliability, consistency, multilevel models.",
    epilog="Start with: doublecode demo. Exit codes: 0 clean, 1 problems in the data, 2 wrong use, 3 internal fault.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

SELDOM: Final = 50_000
"""New objects between two searches for unreachable ones: a command ends soon, and they were a tenth of a run's time."""


def _version(wanted: bool) -> None:
    if wanted:
        from doublecode.analysis.results.versions import version_of

        say(f"doublecode {version_of('doublecode')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Declare what every command shares."""


on_study.register(app)
on_reliability.register(app)
on_sensitivity.register(app)
on_therapists.register(app)
init_command.register(app)
on_plans.register(app)
on_power.register(app)
coordinator.register(app)
table_commands.register(app)
on_raters.register(app)
ledger_commands.register(app)
on_traces.register(app)
on_frozen_plans.register(app)
on_files.register(app)
on_models.register(app)
on_effects.register(app)
on_texts.register(app)


def main() -> None:
    """Run the command line; every end of it is one of the declared exit codes."""
    for stream in (sys.stdout, sys.stderr):
        # a pipe on Windows speaks cp1252, which has neither → nor ω; a name from an old archive may be no UTF-8 at all
        if isinstance(stream, TextIOWrapper):
            is_utf8 = stream.encoding.lower().replace("-", "") == "utf8"
            stream.reconfigure(encoding=None if is_utf8 else "utf-8", errors="backslashreplace")
    gc.set_threshold(SELDOM)
    with Shell() as shell:
        app()
    sys.exit(shell.code)
