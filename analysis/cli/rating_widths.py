"""``doublecode power --for icc``: widths of intervals of the raters' ICC, by sessions, raters and double coding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.cli.given_flags import refuse_idle
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from doublecode.analysis.study.design_of_study import StudyDesign

USED: Final = ("patients", "sessions", "dropout", "lost", "raters", "double", "icc_rating", "severity", "minutes")
OTHERS: Final = (
    "study", "purpose", "model", "predictor", "each", "items", "omega", "alpha", "studies", "seed", "icc_width",
    "as_json",
)  # fmt: skip
"""Further flags that act."""
LISTS: Final = ("patients", "sessions", "raters", "double")
USUAL: Final = {"dropout": 0.0, "lost": 0.0, "severity": 0.2, "minutes": 60.0}


def check_flags_of_widths(lists: Mapping[str, Sequence[float]], flags: Mapping[str, str]) -> None:
    """Refuse flags that would not act on the width of an ICC, and lists of what is not varied.

    Raises
    ------
    UsageError
    """
    idle = set(flags) - {*USED, *OTHERS}
    refuse_idle(flags, idle, "--for icc: {} would not act on the width of an ICC; leave it out.")
    varied = ", ".join(f"--{name}" for name in LISTS)
    for name, several in lists.items():
        if len(several) > 1 and name not in LISTS:
            raise UsageError(f"--for icc: {flags[name]} has {len(several)} values; lists are {varied}.")


def widths_of_designs(
    plan: StudyDesign | None,
    lists: Mapping[str, Sequence[float]],
    asked: Mapping[str, Any],
    icc_width: float | None,
    *,
    as_json: bool,
) -> None:
    """Simulate the designs and print them, or the cheapest of them.

    Raises
    ------
    UsageError
        Something is missing.
    """
    from doublecode.analysis.planning.icc_designs import icc_widths
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.schemas.results import result_record

    design = None if plan is None else plan.of_ratings(USED)
    values = _values(design, lists)
    kept = (1 - values["dropout"][0] / 2) * (1 - values["lost"][0])
    targets = {round(p * s * kept): None for p in values["patients"] for s in values["sessions"]}
    result = icc_widths(
        list(targets), [int(one) for one in values["raters"]], list(values["double"]), icc=values["icc_rating"][0],
        severity=values["severity"][0], minutes=values["minutes"][0], **asked,
    )  # fmt: skip
    if icc_width is not None:
        result = result.cheapest(icc_width)
    record = result_record(result) if as_json else None
    if record is not None and design is not None:
        record["design"]["planned"] = result_record(design)
    elif design is not None:
        print_answer(design, None)
    print_answer(result, record)


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
