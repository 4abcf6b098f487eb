"""``doublecode power --for icc``: widths of intervals of the raters' ICC, by sessions, raters and double coding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from doublecode.analysis.study.design_of_study import StudyDesign

USED: Final = ("patients", "sessions", "dropout", "lost", "raters", "double", "icc_rating", "severity", "minutes")
LISTS: Final = ("patients", "sessions", "raters", "double")
USUAL: Final = {"dropout": 0.0, "lost": 0.0, "severity": 0.2, "minutes": 60.0}


def widths_of_designs(
    design: StudyDesign | None,
    lists: Mapping[str, Sequence[float]],
    idle: Mapping[str, object],
    asked: Mapping[str, Any],
    each: Sequence[float],
    icc_width: float | None,
    *,
    as_json: bool,
) -> None:
    """Simulate the designs and print them, or the cheapest of them.

    Raises
    ------
    UsageError
        Something is missing, or would not act.
    """
    from doublecode.analysis.planning.icc_designs import icc_widths
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.schemas.results import result_record

    _refuse_idle(lists, idle, each)
    values = _values(design, lists)
    kept = (1 - values["dropout"][0] / 2) * (1 - values["lost"][0])
    targets = {round(p * s * kept): None for p in values["patients"] for s in values["sessions"]}
    result = icc_widths(
        list(targets), [int(one) for one in values["raters"]], list(values["double"]), icc=values["icc_rating"][0],
        severity=values["severity"][0], minutes=values["minutes"][0], each=int(each[0]), **asked,
    )  # fmt: skip
    if icc_width is not None:
        result = result.cheapest(icc_width)
    record = result_record(result) if as_json else None
    if record is not None and design is not None:
        record["design"]["planned"] = result_record(design)
    elif design is not None:
        print_answer(design, None)
    print_answer(result, record)


def _refuse_idle(lists: Mapping[str, Sequence[float]], idle: Mapping[str, object], each: Sequence[float]) -> None:
    names = [name for name in lists if name not in USED] + [name for name, value in idle.items() if value is not None]
    if names:
        raise UsageError(
            f"--for icc: --{names[0].replace('_', '-')} would not act on the width of an ICC; leave it out."
        )
    for name, values in (*lists.items(), ("each", each)):
        if len(values) > 1 and name not in LISTS:
            raise UsageError(f"--for icc: --{name.replace('_', '-')} has {len(values)} values; lists are {_options()}.")


def _options() -> str:
    return ", ".join(f"--{name}" for name in LISTS)


def _values(design: StudyDesign | None, lists: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """Every number, as stated, else of the study folder, else as usual."""
    planned = {} if design is None else dict(zip(design.frame["part"], design.frame["value"], strict=True))
    values: dict[str, Sequence[float]] = {name: [value] for name, value in USUAL.items()}
    values |= {str(name): [float(value)] for name, value in planned.items()}
    values |= lists
    missing = [name for name in ("raters", "double", "icc_rating") if name not in values]
    if missing:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        verb = "are" if len(missing) > 1 else "is"
        raise UsageError(
            f"--for icc: {named} {verb} missing. Say how many raters there are, which share of the sessions several "
            "code, and the ICC(A,1) that is assumed: --raters 3,5 --double .4,1 --icc-rating .6."
        )
    if 0 in values["raters"]:
        raise UsageError("--for icc: without raters there is no ICC; allowed: 2 raters or more.")
    return values
