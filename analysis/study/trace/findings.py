"""Cells behind the numbers of models of process, and of regressions over patients."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from doublecode.analysis.linking.coded_model import ENDINGS
from doublecode.analysis.study.rater_scores import coded_variables
from doublecode.analysis.study.trace.modelled import FrameBases
from doublecode.analysis.study.trace.origins import Origins, gathered, with_how
from doublecode.analysis.study.trace.source_cells import MISSING, Basis, How, Role

if TYPE_CHECKING:
    from doublecode.analysis.linking.indirect_effect_result import Mediation
    from doublecode.analysis.linking.lead_and_lag_result import CrossLagged
    from doublecode.analysis.linking.patient_outcomes import PatientOutcomeResult
    from doublecode.analysis.linking.rater_correction_result import RaterCorrection


class FindingBases:
    """What models of process and regressions over patients stand on.

    Parameters
    ----------
    origins : Origins
    frames : FrameBases
    """

    def __init__(self, origins: Origins, frames: FrameBases) -> None:
        self.origins, self.frames = origins, frames

    def patients(self, result: PatientOutcomeResult) -> Basis:
        """Outcome, baseline and covariates of the analysed patients, and their sessions behind the mean."""
        spec, frame = result.spec, self.frames.frame
        mine = frame["patient"].isin(list(result.rows))
        names = [spec["outcome"], *filter(None, [spec["baseline"]]), *spec["covariates"]]
        names += [] if spec["therapists"] == "ignored" else ["therapist"]
        inside = mine & frame[spec["predictor"]].notna()
        if spec["sessions"] is not None:
            inside &= frame["session"].isin(spec["sessions"])
        return gathered(
            found
            for chosen, columns in ((mine, names), (inside, [spec["predictor"]]))
            for name in columns
            for found in self.frames.variable(name, chosen.to_numpy().nonzero()[0].tolist())
        )

    def correction(self, result: RaterCorrection) -> Basis:
        """The variables in the rows of the model, and every rating of them by which raters are compared."""
        columns = list(map(str, self.frames.frame.columns))
        made = {f"{name}{end}": name for name in result.model.parts for end in ENDINGS}
        named = result.model.formula.columns([*columns, *(one for one in made if one not in columns)])
        names = list(dict.fromkeys(made.get(name, name) for name in named))
        return gathered([*self.frames.rows(names, result.rows), *self._rated(list(result.model.parts), result.rows)])

    def direction(self, result: CrossLagged) -> Basis:
        """Both variables, and the ratings that a known error variance stands on."""
        names = [result.spec["x"], result.spec["y"]]
        known = [name for name in names if name in result.spec["error_variance"]]
        keys = ["patient", "session"]
        return gathered([*self.frames.rows([*names, *keys], result.rows), *self._rated(known, result.rows)])

    def mediation(self, result: Mediation) -> Basis:
        """The three variables in the rows of the model."""
        return self.frames.rows([result.spec[name] for name in ("x", "m", "y")], result.rows)

    def _rated(self, names: Sequence[str], rows: Collection[object]) -> Iterator[tuple[int, Role]]:
        """Every rating of what variables are made of, of the patients of some rows: in all of their sessions."""
        frame = self.frames.frame
        patients = set(frame.loc[frame.index.isin(list(rows)), "patient"].astype(str))
        for variable in coded_variables(self.origins.study):
            if variable.name not in names:
                continue
            book = self.origins.study.codebooks[str(variable.instrument)]
            items = [variable.item] if variable.scale is None else book.scale(variable.scale).items
            for name, patient, session, item in self.origins.pooled:
                if name == book.name and item in items and patient in patients:
                    cells = self.origins.item(name, patient, session, item)
                    yield from with_how((one for one in cells if one[1] is not MISSING), How.COMPARED, of=variable.name)
