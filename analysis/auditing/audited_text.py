"""The door: a text in, its checks out."""

from __future__ import annotations

import bisect
import re
from pathlib import Path
from typing import Any, Final

import pandas as pd

from doublecode.analysis.auditing.audit_result import AuditResult
from doublecode.analysis.auditing.beta_bounds import checked_betas
from doublecode.analysis.auditing.coefficients import checked_coefficients
from doublecode.analysis.auditing.correlation_tables import checked_matrices
from doublecode.analysis.auditing.findings import Finding, Verdict
from doublecode.analysis.auditing.information_criteria import checked_models
from doublecode.analysis.auditing.manuscripts import Manuscript, read_manuscript
from doublecode.analysis.auditing.paper import Paper
from doublecode.analysis.auditing.parts_and_totals import checked_parts
from doublecode.analysis.auditing.percentages import checked_percentages
from doublecode.analysis.auditing.repeated_ages import checked_ages
from doublecode.analysis.auditing.session_counts import checked_sessions
from doublecode.analysis.auditing.statistics_and_p import checked_tests
from doublecode.analysis.auditing.whole_number_means import checked_means
from doublecode.analysis.auditing.worded_claims import checked_claims
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

_CHECKS: Final = (
    checked_tests, checked_coefficients, checked_models, checked_parts, checked_percentages, checked_means,
    checked_ages, checked_sessions, checked_matrices, checked_betas, checked_claims,
)  # fmt: skip
_COLUMNS: Final = ("place", "statement", "check", "printed", "recomputed", "low", "high", "verdict", "reason")
_MOST_SHOWN: Final = 400


def audit(text: str) -> AuditResult:
    """Recompute the printed numbers of a text from one another, and ask where they do not add up.

    A printed number stands for all numbers that round to it: .07 for .065 to .075. A statement is *consistent* where
    the numbers can be had together, a *question* where they cannot, *not checked* where the text does not decide.
    Read are English and German prose, decimal points and commas, all minus signs, and tables of bars, tabs or blanks.

    Checked are t, F, χ², z and r with their df against p; b, SE and t, p or interval; log-likelihood, AIC and BIC
    against whole numbers of parameters and rows; likelihood ratios; parts and totals; counts and percentages; means of
    whole numbers (GRIM); a mean age, a number of sessions or a model's log-likelihood that is printed twice; loads of
    raters against the share that is coded twice; tables of correlations that are not positive definite; β of two
    predictors against their correlations.

    Parameters
    ----------
    text : str
        A sentence, a paragraph or a paper. Files are read by :func:`read_manuscript` and the command
        ``doublecode audit FILE``.

    Returns
    -------
    AuditResult
        ``.frame``: place, statement, check, printed, recomputed, low, high, verdict, reason; ``.notes``: the questions
        in words, with the smallest repair.

    Raises
    ------
    UsageError
        `text` is no text.

    Notes
    -----
    p of t, z and r is two-sided but where the sentence words a one-tailed test. Whole degrees of freedom are exact but
    where the text names an estimate of them (Satterthwaite, Kenward–Roger, Welch, mixed models). Without df, b, SE and
    p are consistent where any df of five or more give them. A question is a question: the tables may hold the answer.

    References
    ----------
    Brown, N. J. L., & Heathers, J. A. J. (2017). The GRIM test. *Social Psychological and Personality Science, 8*,
    363–369. Nuijten, M. B., et al. (2016). The prevalence of statistical reporting errors in psychology. *Behavior
    Research Methods, 48*, 1205–1226.

    Examples
    --------
    >>> found = audit("Sessions differed, t(20) = 2.31, p = .032, and raters, t(20) = 2.31, p = .023.")
    >>> found.frame[["printed", "verdict"]].values.tolist()
    [['p = .032', 'consistent'], ['p = .023', 'question']]
    >>> round(float(found.frame["recomputed"][1]), 4)
    0.0317
    """
    if not isinstance(text, str):
        raise UsageError(
            f"audit: text is a {type(text).__name__}; it takes a text. Files are read by: doublecode audit FILE."
        )
    return _audited(Manuscript(text), "")


def audit_file(path: str | Path) -> AuditResult:
    """Audit a .txt, .md, .docx, .pdf or a TOML list of statements; see :func:`audit`.

    Raises
    ------
    UsageError
        The file cannot be read.
    """
    return _audited(read_manuscript(Path(path)), Path(path).name)


def _audited(manuscript: Manuscript, source: str) -> AuditResult:
    paper = Paper(manuscript.text)
    findings = sorted({_key(one): one for check in _CHECKS for one in check(paper)}.values(), key=lambda one: one.start)
    places = _Places(manuscript)
    rows = [_row(one, places, paper.text) for one in findings]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    verdicts = frame["verdict"].value_counts()
    design = {
        "n_checks": len(frame), "n_consistent": int(verdicts.get(Verdict.CONSISTENT.value, 0)),
        "n_questions": int(verdicts.get(Verdict.QUESTION.value, 0)),
        "n_not_checked": int(verdicts.get(Verdict.NOT_CHECKED.value, 0)),
    }  # fmt: skip
    notes = tuple(_note(one, places) for one in findings if one.verdict is Verdict.QUESTION)
    return AuditResult(
        {"source": source, "letters": len(manuscript.text), "every": False}, frame, design, notes, frame.index
    )


def _key(finding: Finding) -> tuple[Any, ...]:
    return finding.check, finding.start, finding.end, finding.printed, finding.verdict


def _row(finding: Finding, places: _Places, text: str) -> tuple[Any, ...]:
    statement = " ".join(text[finding.start : finding.end].split())
    shown = statement if len(statement) <= _MOST_SHOWN else f"{statement[:_MOST_SHOWN]}…"
    return (
        places.name(finding.start), shown, finding.check.value, finding.printed, finding.recomputed, *finding.permitted,
        finding.verdict.value, "" if finding.reason is None else finding.reason.value,
    )  # fmt: skip


def _note(finding: Finding, places: _Places) -> Note:
    low, high = finding.permitted
    facts = {
        "printed": finding.printed, "recomputed": finding.recomputed, "low": low, "high": high,
        "reason": None if finding.reason is None else finding.reason.value,
    }  # fmt: skip
    more = {"line_of": places.name(finding.facts["line_of"])} if "line_of" in finding.facts else {}
    return Note(finding.check.value, places.name(finding.start), {**facts, "facts": {**finding.facts, **more}})


class _Places:
    """Names of places: lines, paragraphs, or pages with their lines."""

    def __init__(self, manuscript: Manuscript) -> None:
        self._manuscript = manuscript
        text = manuscript.text
        self._lines = _starts(text, r"\n")
        self._paragraphs = _starts(text, r"\n[ \t\r]*\n\s*") if manuscript.unit == "paragraph" else []
        self._pages = _starts(text, "\f") if manuscript.unit == "page" else []

    def name(self, at: int) -> str:
        """The place of a character."""
        if self._manuscript.unit == "paragraph":
            number = bisect.bisect_right(self._paragraphs, at)
            names = self._manuscript.names
            return names[min(number, len(names)) - 1] if names else f"paragraph {number}"
        line = bisect.bisect_right(self._lines, at)
        if self._manuscript.unit == "line":
            return f"line {line}"
        page = bisect.bisect_right(self._pages, at)
        first = bisect.bisect_right(self._lines, self._pages[page - 1])
        return f"page {page}, line {line - first + 1}"


def _starts(text: str, gap: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer(gap, text))]
