"""The section on recodes: each rater against her own earlier codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.rendering.document import Section
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, bounded_estimate, column
from doublecode.analysis.study.recodes import TOGETHER

if TYPE_CHECKING:
    from doublecode.analysis.study.recodes import RecodeTable
    from doublecode.schemas.results import Note

_TOGETHER = (
    "All raters: their recodes added up. The ICC pools mean squares within raters, so that differences between raters "
    "are neither differences of sessions nor error; its limits are a jackknife over the sessions rated again."
)
_NO_DAYS = (
    "How many days lie between first codes and recodes is not known: study.toml names no [due] day of both batches."
)

_MANY = 10
_FEW = (
    f"Fewer than {_MANY} sessions rated again by a rater say next to nothing of that rater: its ICC has intervals "
    "so wide that their formula leaves the range from −1 to 1, and none is printed here (results.json has them). Read "
    "the share of equal codes and the change."
)


def in_full(note: Note) -> str:
    """A note as a sentence that stands by itself."""
    text = sentence(note)
    return f"{text[:1].upper()}{text[1:]}."


def recode_section(recodes: RecodeTable | None) -> Section | None:
    """Intra-rater agreement, and the ICC where enough sessions were rated again; nothing where none was."""
    if recodes is None:
        return None
    known = "days_median" in recodes.frame and recodes.frame["days_median"].notna().any()
    columns = (
        column("label", "Item or scale", kind="text"), column("rater", "Rater", kind="text"),
        column("n_sessions", "Sessions rated again", kind="integer"), *bounded_estimate("ICC(A,1)", 0.95),
        column("percent_equal", "Equal (%)", kind="number", digits=1),
        column("mean_change", "Mean change", kind="number"),
        *([column("days_median", "Days between", kind="integer")] if known else []),
    )  # fmt: skip
    notes = (
        "Each rater's later occasions against her first, absolute agreement of single ratings; scores, reliability "
        "between raters and models stand on occasion 1. Change: the later value less the first.",
        *([_FEW] if (recodes.frame["n_sessions"] < _MANY).any() else []),
        *([_TOGETHER] if (recodes.frame["rater"] == TOGETHER).any() else []),
        *(map(in_full, recodes.notes) if known else [_NO_DAYS]),
    )
    few = recodes.frame["n_sessions"] < _MANY
    shown = recodes.frame.assign(
        **{name: recodes.frame[name].mask(few) for name in ("estimate", "conf_low", "conf_high")}
    )
    table = Table("recodes", "Raters against their own earlier codes", shown, columns, notes, "title", recodes.frame)
    return Section("recodes", "Intra-rater reliability", (table,))
