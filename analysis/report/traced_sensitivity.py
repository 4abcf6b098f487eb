"""What each number of a sensitivity analysis stands on, so that its page and ``doublecode trace`` lead to the cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.description.outliers import winsorise
from doublecode.analysis.report.traced_missing import TracedMissing
from doublecode.analysis.report.traced_tables import OfRow, Row
from doublecode.analysis.study.trace.modelled import FrameBases
from doublecode.analysis.study.trace.origins import Origins, gathered

if TYPE_CHECKING:
    from doublecode.analysis.description.outliers import OutlierResult
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.study.sensitivity_answer import SensitivityResult
    from doublecode.analysis.study.sensitivity_of_study import StudySensitivity
    from doublecode.analysis.study.sensitivity_standing import Made, Standing
    from doublecode.analysis.study.trace.source_cells import Basis

    Levels = Callable[[str, str | None], list[Standing | None]]

MOST_LEVELS: Final = 400
"""Of more units than these what is left out is not led back one by one: the file would be larger than the ratings."""


@dataclass(frozen=True, eq=False)
class _Framed:
    """A frame and its outlier rule, as :class:`FrameBases` asks for them."""

    frame: AnalysisFrame
    outliers: OutlierResult | None


class TracedSensitivity:
    """The cells behind the tables and figures of a sensitivity analysis.

    Parameters
    ----------
    found : StudySensitivity
    """

    def __init__(self, found: StudySensitivity) -> None:
        self.found = found
        made = found.made
        self.origins = Origins(made.intake, made.items, made.scores)
        self._origins: dict[int, Origins] = {id(made.items): self.origins}
        self._frames: dict[tuple[Any, ...], FrameBases] = {}
        self._bases: dict[tuple[Any, ...], Basis] = {}

    @cached_property
    def tables(self) -> dict[str, OfRow]:
        """Per name of a table what its numbers stand on."""
        named: dict[str, OfRow] = {"findings": self._of_finding}
        for number, one in enumerate(self.found.findings, start=1):
            end = self.found.suffix(number)
            levels = self._levels(one)
            named |= {
                f"cluster_robust{end}": _always(self.basis(one.standing)),
                f"left_out{end}": partial(self._of_unit, levels),
                f"left_out_levels{end}": partial(self._of_level, levels),
                f"moves{end}": partial(self._of_choice, one),
                f"specifications{end}": partial(self._of_number, one),
            }
            if one.missing is not None:
                traced = TracedMissing(one.missing, self._declared, one.standing, self.basis(one.standing))
                named |= {f"{name}{end}": of_row for name, of_row in traced.tables.items()}
        return named

    @cached_property
    def _declared(self) -> FrameBases:
        """The cells of the declared frame, whatever an outlier rule made of it."""
        return FrameBases(self.origins, _Framed(self.found.made.built, None))

    @cached_property
    def figures(self) -> dict[str, Basis]:
        """Per name of a figure the cells of what it draws."""
        drawn: dict[str, Basis] = {}
        for number, one in enumerate(self.found.findings, start=1):
            end, levels = self.found.suffix(number), self._levels(one)
            drawn |= {f"left_out_{unit}{end}": self._union(levels(unit, None)) for unit in one.spec["leave_out"]}
            drawn[f"specification_curve{end}"] = self._union(one.standings)
        return drawn

    def _of_finding(self, row: Row, column: str) -> Basis:
        one = self.found.findings[int(row["number"]) - 1]
        if column in ("same_sign", "significant", "n_specifications"):
            return self._union(one.standings)
        if column in ("low_without", "high_without"):
            return self._union(one.standings_left_out)
        return self.basis(one.standing)

    def _of_unit(self, levels: Levels, row: Row, column: str) -> Basis:
        return self._union(levels(row["unit"], None))

    def _of_level(self, levels: Levels, row: Row, column: str) -> Basis:
        return self._union(levels(row["unit"], row["level"]))

    def _of_choice(self, one: SensitivityResult, row: Row, column: str) -> Basis:
        return self._union(_either(one, row))

    def _of_number(self, one: SensitivityResult, row: Row, column: str) -> Basis:
        return self.basis(_numbered(one, row["specification"]))

    def _levels(self, one: SensitivityResult) -> Levels:
        """What stands behind one level of a unit, or behind all of them."""
        units, levels = one.left_out["unit"].tolist(), one.left_out["level"].tolist()

        def of(unit: str, level: str | None) -> list[Standing | None]:
            chosen = [
                standing
                for at, standing in enumerate(one.standings_left_out)
                if units[at] == unit and level in (None, levels[at])
            ]
            return chosen if len(units) <= MOST_LEVELS else [one.standing]

        return of

    def basis(self, standing: Standing | None) -> Basis:
        """The cells behind one estimate; none where there is no estimate."""
        if standing is None:
            return ()
        frames, adjusted = self._frames_of(standing)
        key = (id(frames), standing.names, tuple(standing.labels))
        if key not in self._bases:
            self._bases[key] = frames.rows(standing.names, standing.labels, adjusted=adjusted)
        return self._bases[key]

    def _frames_of(self, standing: Standing) -> tuple[FrameBases, bool]:
        """The cells of a frame, and whether an outlier rule acts: without a patient it finds other fences."""
        made, rule = standing.made, standing.study.outliers
        adjusted = rule is not None and standing.is_regression
        key = (id(made), str(rule), standing.without) if adjusted else (id(made),)
        if key not in self._frames:
            built = standing.built if adjusted else made.built
            outliers = winsorise(built.frame, rule) if adjusted and rule is not None else None
            self._frames[key] = FrameBases(self._origins_of(made), _Framed(built, outliers))
        return self._frames[key], adjusted

    def _origins_of(self, made: Made) -> Origins:
        if id(made.items) not in self._origins:
            self._origins[id(made.items)] = self.origins.under(made.intake, made.items, made.scores)
        return self._origins[id(made.items)]

    def _union(self, standings: Iterable[Standing | None]) -> Basis:
        bases = {id(basis): basis for basis in map(self.basis, standings)}
        return gathered(chain.from_iterable(bases.values()))


def _always(basis: Basis) -> OfRow:
    return lambda row, column: basis


def _either(found: SensitivityResult, row: Row) -> list[Standing | None]:
    """What stands behind the specifications with the declared value of a choice, and with the other one."""
    values = found.frame[str(row["choice"])].tolist()
    return [
        one for one, value in zip(found.standings, values, strict=True) if value in {row["declared"], row["instead"]}
    ]


def _numbered(found: SensitivityResult, number: Any) -> Standing | None:
    return found.standings[found.frame["specification"].tolist().index(int(number))]
