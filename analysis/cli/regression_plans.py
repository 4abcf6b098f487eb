"""``doublecode power STUDY`` where patients have one value each: the closed form of a regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.cli.given_flags import refuse_idle
from doublecode.coding.console import say
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from doublecode.analysis.planning.effect_scales import Scale

OTHERS: Final = ("study", "purpose", "model", "predictor", "scale", "alpha", "as_json")
"""Flags that act beside the parts of a plan."""


def is_of_patients(folder: Path, model: str | None, predictor: str | None) -> bool:
    """Whether the model that the study declares is a regression over patients."""
    from doublecode.analysis.study.planned_model import planned_model
    from doublecode.coding.reading.declared_heads import open_study

    return planned_model(open_study(folder), model, predictor).is_of_patients


def power_of_patients(
    folder: Path,
    lists: Mapping[str, Sequence[float]],
    flags: Mapping[str, str],
    model: str | None,
    scale: Scale,
    alpha: float,
    *,
    as_json: bool,
) -> None:
    """Print the planned regression and its power.

    Raises
    ------
    UsageError
        No effect is stated, or something would not act.
    """
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.study.design_of_patients import patient_design
    from doublecode.schemas.results import result_record

    _refuse(lists, flags)
    stated = {name: values[0] for name, values in lists.items() if name != "between"}
    varied = [name for name, values in lists.items() if len(values) > 1]
    design = patient_design(folder, model=model).stating(stated, varied)
    sizes = [int(one) for one in lists["patients"]] if "patients" in lists else None
    result = design.power(lists["between"][0], scale=scale, patients=sizes, alpha=alpha)
    record: dict[str, Any] | None = result_record(result) if as_json else None
    if record is not None:
        record["design"]["planned"] = result_record(design)
    else:
        print_answer(design, None)
        say("")
    print_answer(result, record)


def _refuse(lists: Mapping[str, Sequence[float]], flags: Mapping[str, str]) -> None:
    said = "patients have one value each in this model, and power is a closed form"
    if "within" in lists:
        raise UsageError(f"--within: {said}; state the effect by --between.")
    if "between" not in lists:
        raise UsageError(
            "power: no effect is stated; give --between, the smallest that would matter (--scale f2 for Cohen's f²). "
            "What the study has found is not taken: its power would only repeat its p value."
        )
    refuse_idle(flags, set(flags) - {*lists, *OTHERS}, f"{{}}: {said}; leave it out.")
    for name, values in lists.items():
        if len(values) > 1 and name != "patients":
            raise UsageError(f"{flags[name]}: {said}; a list is of --patients alone.")
