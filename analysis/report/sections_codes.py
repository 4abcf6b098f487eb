"""The section on codes without a number: how often each was given, and how far two raters gave the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.rendering.document import Section
from doublecode.analysis.rendering.tables import Column, Table, bounded_estimate, column

if TYPE_CHECKING:
    from doublecode.analysis.study.code_counts import CodeCounts

_COUNTED = (
    "Ratings that gave a code, of all ratings with one; double-coded sessions count once for each rater under *n*, "
    "once under Sessions. These items are names without an order: they are in no score and in no ICC."
)
_AGREED = (
    "Equal: the share of pairs of raters of a session who gave the same code; of a single code, that both gave it or "
    "both did not. κ: Fleiss', over the sessions coded more than once, with 95% limits."
)


def codes_section(codes: CodeCounts | None) -> Section | None:
    """Counts and agreement of the nominal items; nothing where there is none."""
    if codes is None:
        return None
    frame = codes.frame
    named = frame["label"] + (", " + frame["phase"] if frame["phase"].nunique() > 1 else "")
    shown = frame.assign(item_of=frame["title"] + ": " + named)
    agreed = bool(frame["agreement"].notna().any())
    columns: tuple[Column, ...] = (
        column("category", "Code", kind="text"), column("n_codes", "*n*", kind="integer"),
        column("percent", "%", kind="number", digits=1), column("n_sessions", "Sessions", kind="integer"),
    )  # fmt: skip
    if agreed:
        shown = shown.rename(columns={"kappa": "estimate"})
        columns += (
            column("n_multiply_coded", "Double-coded", kind="integer"), column("agreement", "Equal", kind="bounded"),
            *bounded_estimate("κ", 0.95),
        )  # fmt: skip
    notes = (_COUNTED, _AGREED) if agreed else (_COUNTED,)
    table = Table("codes", "Codes without a number", shown, columns, notes, "item_of", data=frame)
    return Section("codes", "Codes without a number", (table,))
