"""Warnings of the analysis in words: a problem of the catalogue, with code, sentence and next step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from doublecode.analysis.rendering.notes import CATALOGUE, sentence
from doublecode.analysis.rendering.wording.warnings import FOUND, next_step
from doublecode.analysis.results.coded_warnings import CodedWarning
from doublecode.schemas.problems import Problem


def problem_of(warning: CodedWarning) -> Problem:
    """Say a warning as a problem.

    Examples
    --------
    >>> from doublecode.schemas.results import Note
    >>> print(problem_of(CodedWarning("not_converged", "phq9, 2", Note("not_converged"))))
    not_converged · phq9, 2: the fit did not converge. Read the log of the fit.
    """
    note = replace(warning.note, subject="")
    found = sentence(note, {**CATALOGUE, **FOUND})
    return Problem(warning.code, subject=warning.subject, found=found, allowed=next_step(note))


def joined(warnings: Sequence[CodedWarning]) -> tuple[CodedWarning, ...]:
    """Join the warnings that say the same of several subjects, for the eye."""
    kept: list[tuple[CodedWarning, list[str]]] = []
    for one in warnings:
        for first, subjects in kept:
            if first.code == one.code and first.says(one.note):
                subjects.append(one.subject)
                break
        else:
            kept.append((one, [one.subject]))
    return tuple(replace(first, subject="; ".join(subjects)) for first, subjects in kept)
