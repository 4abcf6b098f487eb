"""What papers print of the coding as plain records, with full precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doublecode.schemas.results import plain, result_record

if TYPE_CHECKING:
    from doublecode.analysis.study.reported import ReportedFacts

FRAMES = ("loads", "pairs", "coding", "icc_summary", "dyads", "variables", "distances")


def reported_record(facts: ReportedFacts) -> dict[str, Any]:
    """Every frame, drop rule and flow."""
    found: dict[str, Any] = {name: plain(getattr(facts, name)) for name in FRAMES}
    found["drops"] = {name: result_record(result) for name, result in facts.drops}
    found["double_coded"] = None if facts.double_coded is None else result_record(facts.double_coded)
    if facts.flow is not None:
        found["flow"] = {unit: plain(facts.flow.frame(unit)) for unit in ("patients", "sessions")}
    return found
