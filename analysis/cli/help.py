"""The first page of help, commands grouped by person.

Drawn here because typer's own renderer loads Markdown, syntax and traceback
rendering first, which takes longer than everything else that `--help` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from doublecode.coding.console import explain
from doublecode.schemas.errors import UsageError


class HelpByPerson(TyperGroup):
    """A group whose own help is drawn with three pieces of rich; its commands keep typer's."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; Ctrl-C is explained before the library says no more than *Aborted*."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            raise SystemExit(explain(stopped)) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, and refuse an option of it that is given twice, of which the library takes the last."""
        refuse_repeated(self, ctx, args)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print usage, commands by panel, options and exit codes."""
        from rich.console import Console, Group
        from rich.padding import Padding
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        def grid(rows: list[tuple[str, str]]) -> Table:
            table = Table.grid(padding=(0, 2))
            table.add_column(style="bold cyan", no_wrap=True, min_width=12)
            table.add_column()
            for name, text in rows:
                table.add_row(Text(name), Text(text))
            return table

        parts: list[Any] = [Text(f"{ctx.command_path} [OPTIONS] COMMAND …", style="bold"), Text(self.help or "")]
        screen = Console(highlight=False)
        for head, rows in self._panels(ctx).items():
            parts.append(Panel(grid(rows), title=head, title_align="left", border_style="dim"))
        options = [(", ".join(one.opts), str(getattr(one, "help", ""))) for one in self.get_params(ctx)]
        parts.append(Panel(grid(options), title="Options", title_align="left", border_style="dim"))
        parts.append(Text(f"{ctx.command_path} COMMAND --help says more about a command. {self.epilog or ''}"))
        screen.print(Padding(Group(*parts), (0, 1)))

    def _panels(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            head = str(getattr(command, "rich_help_panel", None) or "Commands")
            panels.setdefault(head, []).append((name, command.get_short_help_str(limit=110)))
        return panels


def refuse_repeated(group: Any, ctx: Any, words: Sequence[str]) -> None:
    """Refuse an option with one value that is given more than once, of the command that `words` name.

    Raises
    ------
    UsageError
    """
    command = group.get_command(ctx, words[0]) if words else None
    if command is None:
        return  # the library says that there is none
    own = command.context_class(command, info_name=words[0], parent=ctx, resilient_parsing=True)
    _, rest, order = command.make_parser(own).parse_args(args=list(words[1:]))
    if hasattr(command, "get_command"):
        refuse_repeated(command, own, rest)
    for one, times in Counter(order).items():
        takes_one = one.param_type_name == "option" and not (one.multiple or one.count)
        if times > 1 and takes_one and (not one.is_flag or one.secondary_opts):
            raise UsageError(
                f"{one.opts[0]} is given {times} times, and takes one value. Give it once; of an option that takes "
                "several, commas stand between them."
            )
