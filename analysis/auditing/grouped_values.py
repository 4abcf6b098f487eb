"""Which labelled values belong together: those that stand side by side, until a quantity comes again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from doublecode.analysis.auditing.labelled_values import Labelled
from doublecode.analysis.auditing.tokens import Kind, Token
from doublecode.analysis.auditing.vocabulary import ESTIMATES, STATISTICS, Quantity

_BETWEEN: Final = frozenset([Kind.COMMA, Kind.SEMICOLON, Kind.OPEN, Kind.CLOSE])
_JOINING: Final = frozenset(["and", "und", "with", "mit"])


@dataclass(frozen=True)
class Group:
    """Values of one result.

    Parameters
    ----------
    values : tuple of Labelled
    start, end : int
        Its characters.
    in_table : bool
        A row of a table.
    """

    values: tuple[Labelled, ...]
    start: int
    end: int
    in_table: bool = False

    def one(self, *quantities: Quantity) -> Labelled | None:
        """Return the first value of some quantities."""
        return next((value for value in self.values if value.quantity in quantities), None)

    @property
    def statistic(self) -> Labelled | None:
        """The test statistic."""
        return self.one(*STATISTICS)

    @property
    def estimate(self) -> Labelled | None:
        """The coefficient: b where both b and β are printed."""
        return self.one(Quantity.B) or self.one(Quantity.BETA)

    @property
    def place(self) -> tuple[int, int]:
        """Start and end."""
        return self.start, self.end


def groups_of(tokens: Sequence[Token], values: Sequence[Labelled]) -> list[Group]:
    """Return the groups of the values of a text."""
    runs: list[list[Labelled]] = []
    for value in values:
        if runs and _side_by_side(tokens, runs[-1][-1], value):
            runs[-1].append(value)
        else:
            runs.append([value])
    return [_group(tokens, part) for run in runs for part in _parts(run)]


def _group(tokens: Sequence[Token], values: Sequence[Labelled]) -> Group:
    return Group(tuple(values), tokens[values[0].first].start, values[-1].end)


def _side_by_side(tokens: Sequence[Token], one: Labelled, other: Labelled) -> bool:
    between = tokens[one.last + 1 : other.first]
    kinds = {token.kind for token in between if token.word not in _JOINING}
    joined = any(token.word in _JOINING for token in between)
    return kinds <= _BETWEEN and not (joined and Kind.CLOSE in kinds)


def _role(value: Labelled) -> str:
    if value.quantity in STATISTICS:
        return "statistic"
    return value.quantity.value


def _parts(run: Sequence[Labelled]) -> Iterator[list[Labelled]]:
    """Cut a run where a quantity comes again."""
    part: list[Labelled] = []
    seen: set[str] = set()
    for value in run:
        role = _role(value)
        if role and role in seen:
            yield part
            part, seen = [], set()
        part.append(value)
        seen.add(role)
    yield part


def owner_of_interval(group: Group) -> Labelled | None:
    """Return the estimate that an interval stands behind; None where another effect size stands nearer."""
    owner: Labelled | None = None
    for value in group.values:
        if value.quantity is Quantity.CI:
            return owner
        if value.quantity in ESTIMATES:
            owner = value
        elif value.quantity in (Quantity.OTHER, Quantity.R, Quantity.M):
            owner = None
    return owner
