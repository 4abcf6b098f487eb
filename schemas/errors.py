"""The error tree: every exception that doublecode raises on purpose.

Two kinds of trouble exist. Something wrong *in the data* is a record, a
:class:`doublecode.schemas.problems.Problem`, collected and handed back.
Something wrong *in the use* raises one of the errors below; its message names
the thing, what was found, what is allowed and the next step.
"""

from __future__ import annotations


class DoublecodeError(Exception):
    """Base of all errors that doublecode raises on purpose."""


class UsageError(DoublecodeError, ValueError):
    """A call, a command or a declaration that cannot be carried out as written."""


class ContractError(UsageError):
    """A frame lacks a column, or a column breaks the contract of its frame."""


class MissingColumn(ContractError):
    """A table has no column of a name that was asked for."""


class DuplicateError(ContractError):
    """Rows that must be unique are not; nothing is averaged in silence."""


class InstrumentError(UsageError):
    """An instrument file is wrong; the message names the entry and what is allowed."""


class StudyError(UsageError):
    """A study folder or its ``study.toml`` is wrong; the message names the entry."""


class FormulaError(UsageError):
    """A model formula cannot be read; the message points at the place."""


class NotEstimable(DoublecodeError):
    """The data do not identify what was asked for; the message says why."""
