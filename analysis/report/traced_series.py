"""What the numbers of series stand on, of whichever family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.report.series_blocks import model_head

if TYPE_CHECKING:
    from doublecode.analysis.report.series_blocks import AnySeries
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.analysis.study.trace.modelled import FrameBases
    from doublecode.analysis.study.trace.source_cells import Basis

OfRow = Callable[[Mapping[str, Any], str], "Basis"]
_BY_LABEL: Final = (
    "variances", "thresholds", "proportional", "dispersion", "slopes", "limits", "explained", "checks", "simpler",
    "residuals", "latent", "printed",
)  # fmt: skip


class TracedSeries:
    """The cells behind tables and figures of series.

    Parameters
    ----------
    run : StudyRun
    frames : FrameBases
    """

    def __init__(self, run: StudyRun, frames: FrameBases) -> None:
        self.run = run
        self.frames = frames
        self._bases: dict[tuple[str, ...], Basis] = {}

    @cached_property
    def tables(self) -> dict[str, OfRow]:
        """Per name of a table what its numbers stand on."""
        found: dict[str, OfRow] = {}
        for one in self.run.all_series:
            name = str(one.spec["name"])
            found |= dict.fromkeys((f"{name}_models", f"{name}_split"), self._by_head(one))
            found |= dict.fromkeys((f"{name}_{part}" for part in _BY_LABEL), self._by_label(one))
            found[f"{name}_comparison"] = self._compared(one)
        return found

    @cached_property
    def figures(self) -> dict[str, Basis]:
        """Per name of a figure the cells of what it draws."""
        drawn: dict[str, Basis] = {}
        for one in self.run.series:
            last = self.of_model(one, one.models[-1].label)
            kinds = ("diagnostics", "course", "caterpillar", "residuals", "influence")
            drawn |= dict.fromkeys((f"{one.spec['name']}_{kind}" for kind in kinds), last)
        for other in self.run.generalized:
            model = other.drawn()
            if model is not None:
                cells = self.of_model(other, model.label)
                drawn |= dict.fromkeys((f"{other.spec['name']}_{kind}" for kind in ("predicted", "caterpillar")), cells)
        return drawn

    def of_model(self, result: AnySeries, *labels: str) -> Basis:
        """The cells of some models of a series."""
        key = (str(result.spec["name"]), *labels)
        if key not in self._bases:
            models = [model for model in result.models if model.label in labels]
            self._bases[key] = self.frames.series(result, models)
        return self._bases[key]

    def whole(self, name: str) -> Basis | None:
        """The cells of all models of a series; None where no series is called so."""
        for one in self.run.all_series:
            if one.spec["name"] == name:
                return self.of_model(one, *(model.label for model in one.models))
        return None

    def _by_head(self, result: AnySeries) -> OfRow:
        heads = {model_head(model): self.of_model(result, model.label) for model in result.models}
        return lambda row, column: heads[row["model"]]

    def _by_label(self, result: AnySeries) -> OfRow:
        return lambda row, column: self.of_model(result, row["label"])

    def _compared(self, result: AnySeries) -> OfRow:
        def of_row(row: Mapping[str, Any], column: str) -> Basis:
            both = column in ("chi2", "df", "p_value") and row["compared_with"]
            return self.of_model(result, row["label"], *([row["compared_with"]] if both else []))

        return of_row
