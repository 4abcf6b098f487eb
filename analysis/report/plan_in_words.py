"""The frozen plan of an analysis, and what departs from it, as a report says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.rendering.document import Bullets, Section

if TYPE_CHECKING:
    from doublecode.analysis.study.frozen_plan import Deviation, PlanState, PlanVersion


def plan_section(plan: PlanState | None) -> Section | None:
    """What is declared otherwise than it was frozen, entry by entry."""
    if plan is None or not plan.deviations:
        return None
    said = Bullets(tuple(map(_deviation, plan.deviations)), "Entries of study.toml")
    return Section("deviations", "Deviations from the frozen plan", (said,))


def plan_sentence(plan: PlanState) -> str:
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


def _deviation(deviation: Deviation) -> str:
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
