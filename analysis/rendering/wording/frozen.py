"""Sentences on a frozen plan, and on a report that was made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.wording.phrases import Wording

if TYPE_CHECKING:
    from doublecode.analysis.study.frozen_plan import Deviation, PlanState, PlanVersion

SENTENCES: Final[dict[str, Wording]] = {
    "reproduce_changed": "{subject} is not as it was when the report was made",
    "reproduce_missing": "{subject} was read for the report, and is not there now",
    "reproduce_new": "{subject} is there now, and was not read for the report",
    "reproduce_seed": "the seed was {was} and is {now}",
    "reproduce_codebook": "the codes of the codebook {subject} do not mean what they meant",
    "reproduce_version": "{subject} was {was} and is {now}",
}


def frozen_sentence(plan: PlanState) -> str:
    """Say when the analysis was frozen, before or after what, and whether it is still the planned one."""
    first, *amended = plan.versions
    parts = [f"The analysis was frozen {first.at}, {_with(first)}."]
    parts += [f"The plan was amended {one.at}, {_with(one)}: {one.reason.rstrip('.')}." for one in amended]
    n = len(plan.deviations)
    if not n:
        return " ".join([*parts, "What is declared now is what was planned."])
    entries = "entry departs" if n == 1 else "entries depart"
    named = ", ".join(f"`{one.entry}`" for one in plan.deviations[:5])
    more = f" and {n - 5} more" if n > 5 else ""
    return " ".join([*parts, f"{n} {entries} from the plan: {named}{more}."])


def deviation_sentence(deviation: Deviation) -> str:
    """Say what was planned for an entry, and what is declared."""
    planned, now = (f"`{one}`" if one is not None else "" for one in (deviation.planned, deviation.now))
    if not planned:
        return f"`{deviation.entry}` was not planned; declared: {now}."
    if not now:
        return f"`{deviation.entry}` was planned as {planned}, and is not declared."
    return f"`{deviation.entry}`: planned {planned}, declared {now}."


def _with(version: PlanVersion) -> str:
    if not version.n_ratings:
        return "before any rating was at hand"
    return f"when {version.n_ratings} rating{'' if version.n_ratings == 1 else 's'} were at hand"
