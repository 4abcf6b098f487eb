"""The answer of an audit: every check, and the questions in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from doublecode.analysis.auditing.findings import Verdict
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.rendering.wording.auditing import CHECKS, REASONS

if TYPE_CHECKING:
    from doublecode.schemas.results import Note


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult(Answer):
    """Every check of a text.

    Attributes
    ----------
    spec : dict
        ``source`` (name of the file, if any), ``letters``, ``every`` (whether every check is shown, or the questions).
    frame : DataFrame
        One row per check, in the order of the text: ``place`` (line, paragraph or page), ``statement`` (as printed,
        blanks joined), ``check`` (a value of :class:`doublecode.analysis.auditing.findings.Check`), ``printed`` (the
        number that was held against the others), ``recomputed`` (what the others give), ``low, high`` (what their
        rounding permits), ``verdict`` (*consistent*, *question*, *not checked*), ``reason`` (why it was not checked, or
        how a question is meant: :class:`doublecode.analysis.auditing.findings.Reason`; else empty).
    design : dict
        ``n_checks, n_consistent, n_questions, n_not_checked``.
    notes : tuple of Note
        A question each, with its smallest repair.
    rows : Index
        Rows of the frame.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("place", "check")

    @property
    def questions(self) -> pd.DataFrame:
        """The rows whose verdict is a question."""
        return self.frame[self.frame["verdict"] == Verdict.QUESTION.value]

    def every(self) -> AuditResult:
        """The same answer, showing every check."""
        return replace(self, spec={**self.spec, "every": True})

    def tables(self) -> tuple[Table, ...]:
        """The questions; every check where there is none or all are asked for."""
        asked = self.questions if not self.spec["every"] else self.frame
        columns = (
            column("place", "Place", kind="text"), column("check", "Check", kind="text"),
            column("printed", "Printed", kind="text"), column("recomputed", "Recomputed", kind="count", digits=3),
            column("verdict", "Verdict", kind="text"), column("reason", "Remark", kind="text"),
        )  # fmt: skip
        shown = asked if len(asked) else self.frame
        words = {"check": shown["check"].map(CHECKS), "reason": shown["reason"].map(REASONS)}
        title = "Questions" if len(asked) and not self.spec["every"] else "Every check"
        return (Table("audit", title, shown.assign(**words).reset_index(drop=True), columns, data=self.frame),)

    def counted(self) -> str:
        """Checks by verdict."""
        design = self.design
        return (
            f"{design['n_checks']} check(s): {design['n_consistent']} consistent, {design['n_questions']} question(s), "
            f"{design['n_not_checked']} not checked."
        )
