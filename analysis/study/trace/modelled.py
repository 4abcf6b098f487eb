"""Cells behind the numbers of correlations, models, regressions and outlier rules: those of rows of the frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from doublecode.analysis.linking.time_origin import SESSION, is_time
from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.mixed.formula_names import mentions, variables_of
from doublecode.analysis.results.complete_rows import has_all
from doublecode.analysis.study.trace.origins import Origins, gathered, with_how
from doublecode.analysis.study.trace.source_cells import Basis, How, Role
from doublecode.schemas.series_families import offset_column

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.description.correlations import CorrelationResult
    from doublecode.analysis.description.outliers import OutlierResult
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.linking.generalized_models import GeneralizedModel
    from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
    from doublecode.analysis.linking.series_models import LabelledModel
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.analysis.regression.group_differences import AnovaResult
    from doublecode.analysis.regression.moderation_result import ModerationResult


_KEYS = ("patient", "therapist", SESSION, "session_id")


class Framed(Protocol):
    """A frame, and what the outlier rule made of it."""

    @property
    def frame(self) -> AnalysisFrame:
        """One row per session or patient."""

    @property
    def outliers(self) -> OutlierResult | None:
        """The values after the rule; None without one."""


class FrameBases:
    """What rows and columns of the analysis frame stand on."""

    def __init__(self, origins: Origins, run: Framed) -> None:
        self.origins = origins
        self.built, self.frame = run.frame, run.frame.frame
        outliers = run.outliers
        self.adjusted = None if outliers is None else outliers.data
        self._cells: dict[tuple[int, str], Basis] = {}
        self._variables: dict[tuple[str, tuple[int, ...], bool], Basis] = {}

    def cell(self, at: int, name: str) -> Basis:
        """The cells behind one cell of the frame, by the place of its row."""
        key = (at, name)
        if key not in self._cells:
            self._cells[key] = gathered(self._looked_up(at, name))
        return self._cells[key]

    def _looked_up(self, at: int, name: str) -> Iterator[tuple[int, Role]]:
        if name in _KEYS:
            for key in self._sessions_of[at]:
                yield from with_how(self.origins.column("sessions", name, key), How.KEY, of=name)
            return
        for place in self.built.places[name].iloc[at]:
            yield from with_how(self.origins.place(place), of=name)

    @cached_property
    def _sessions_of(self) -> list[list[tuple[str, int]]]:
        """Per row of the frame the sessions that its keys are of."""
        frame, sessions = self.frame, self.origins.intake.sessions
        if SESSION in frame.columns:
            return [[(str(p), int(s))] for p, s in zip(frame["patient"], frame[SESSION], strict=True)]
        main = sessions[sessions["phase"] == "main"]
        own: dict[str, list[tuple[str, int]]] = {}
        for patient, number in zip(main["patient"], main["session"], strict=True):
            own.setdefault(str(patient), []).append((str(patient), int(number)))
        return [own.get(str(patient), []) for patient in frame["patient"]]

    def known(self, name: str) -> list[int]:
        """Places of the rows that have a value of a variable."""
        return [at for at, there in enumerate(self.frame[name].notna()) if there]

    def changed(self, name: str) -> frozenset[int]:
        """Places of the rows whose value the outlier rule changed."""
        if self.adjusted is None or name not in self.adjusted.columns or self.adjusted is self.frame:
            return frozenset()
        before, after = self.frame[name], self.adjusted[name]
        differs = (before != after) & before.notna()
        return frozenset(at for at, is_other in enumerate(differs) if is_other)

    def variable(self, name: str, rows: Iterable[int], *, adjusted: bool = False) -> Basis:
        """The cells of a variable in some rows; after the outlier rule also those that its fences stand on."""
        key = (name, tuple(rows), adjusted)
        if key not in self._variables:
            self._variables[key] = tuple(self._variable(name, key[1], adjusted))
        return self._variables[key]

    def _variable(self, name: str, used: Sequence[int], adjusted: bool) -> Iterator[tuple[int, Role]]:
        changed = self.changed(name) if adjusted else frozenset()
        for at in used:
            yield from with_how(self.cell(at, name), How.WINSORISED) if at in changed else iter(self.cell(at, name))
        if changed & set(used):
            for at in sorted(set(self.known(name)) - set(used)):
                yield from with_how(self.cell(at, name), How.FENCE)

    def places(self, labels: pd.Index) -> list[int]:
        """Places of rows of the frame by their labels."""
        return [int(at) for at in self.frame.index.get_indexer(labels)]

    def rows(self, names: Sequence[str], labels: pd.Index, *, adjusted: bool = False) -> Basis:
        """The cells of some columns in the rows of a result."""
        at = self.places(labels)
        return gathered(chain.from_iterable(self.variable(name, at, adjusted=adjusted) for name in names))

    def values(self, name: str, *, adjusted: bool = False) -> Basis:
        """The cells of every value of a variable."""
        return gathered(self.variable(name, self.known(name), adjusted=adjusted))

    def series(
        self, result: SeriesResult | GeneralizedSeriesResult, models: Sequence[LabelledModel | GeneralizedModel]
    ) -> Basis:
        """The cells of some models of a series: their columns in the rows that all of its models have."""
        split = {f"{name}_{part}": name for name in result.spec["split"] for part in ("within", "between")}
        names: dict[str, None] = {}
        for model in models:
            known = [*map(str, self.frame.columns), *split, *(one for one in _times(model))]
            for name in model.formula.columns(known):
                names[SESSION if is_time(name) else split.get(name, name)] = None
        names |= dict.fromkeys(_beside(result) if models else ())
        return self.rows(list(names), result.rows)

    def regression(self, result: ModerationResult, *, adjusted: bool) -> Basis:
        """The cells of a declared regression: outcome, predictors and covariates of its rows."""
        names = list(parse_formula(result.spec["formula"]).columns(self.frame.columns))
        if result.spec["subset"] is not None:
            chosen_by = variables_of(result.spec["subset"], self.frame.columns)
            names += [name for name in map(str, self.frame.columns) if name in chosen_by]
        return self.rows(list(dict.fromkeys(names)), result.rows, adjusted=adjusted)

    def groups(self, result: AnovaResult) -> Basis:
        """The cells of a comparison of groups."""
        return self.rows([result.spec["outcome"], result.spec["group"]], result.rows, adjusted=True)

    def correlation(self, result: CorrelationResult, x: str, y: str) -> Basis:
        """The cells of the pairs of two variables."""
        keys = [name for name in (result.spec["patient"], result.spec["session"]) if name is not None]
        both = has_all(self.frame, [x, y, *keys], len(self.frame)).nonzero()[0].tolist()
        return gathered(found for name in (x, y, *keys) for found in self.variable(name, both, adjusted=True))

    def unit(self, called: str, name: str) -> Basis:
        """The cells of a variable in one row, by what the outlier rule calls the row."""
        keys = [key for key in ("patient", SESSION) if key in self.frame.columns]
        rows = enumerate(self.frame[keys].itertuples(index=False, name=None))
        return gathered(found for at, row in rows if " ".join(map(str, row)) == called for found in self.cell(at, name))


def _beside(result: SeriesResult | GeneralizedSeriesResult) -> Iterator[str]:
    """Trials and exposure of a generalised series, which all of its models stand on."""
    if result.spec.get("trials"):
        yield str(result.spec["trials"])
    if result.spec.get("offset"):
        yield offset_column(str(result.spec["offset"]))[0]


def _times(model: LabelledModel | GeneralizedModel) -> Iterator[str]:
    yield from (one.name for one in mentions(model.formula.text) if is_time(one.name))
