"""Outcomes that a file holds as words: which of them is a success, or in which order they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doublecode.schemas.column_types import Role, is_date
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.near_names import allowed, ended

if TYPE_CHECKING:
    import pandas as pd

MOST_WORDS = 12
"""More different words than these are no categories of an outcome."""
MISSING = ("k.a.", "k. a.", "keine angabe", "n/a", "na", "n.a.", "missing", "fehlt", "fehlend", "unknown", "unbekannt",
           "weiß nicht", "weiss nicht", "?", "-", ".")  # fmt: skip
"""Words that stand for a missing value where nothing else is said."""


@dataclass(frozen=True)
class OutcomeWords:
    """What is said of the words of an outcome.

    Attributes
    ----------
    family
        Of the model, or None.
    success
        Words that count as 1.
    failure
        Words that count as 0; without them the one other word.
    order
        Words from the lowest category to the highest.
    """

    family: str | None
    success: tuple[str, ...] = ()
    failure: tuple[str, ...] = ()
    order: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is not of the family, and a word that is said twice."""
        for option, words, whose in (
            ("success", self.success, "binomial"), ("failure", self.failure, "binomial"),
            ("order", self.order, "ordinal"),
        ):  # fmt: skip
            if words and self.family is not None and self.family != whose:
                raise UsageError(f"--{option}: it belongs to --family {whose}, not {self.family}. Leave it out.")
        if self.failure and not self.success:
            raise UsageError("--failure: it goes with --success; say there which words count as 1.")
        said = (*self.success, *self.failure, *self.order)
        twice = next((word for word in said if said.count(word) > 1), None)
        if twice is not None:
            options = "--order" if self.order else "--success and --failure"
            raise UsageError(f"{options}: {twice!r} stands twice; give each word one place.")

    @property
    def given(self) -> bool:
        """Whether words are to be turned."""
        return bool(self.success or self.order)

    def role(self, outcome: str, read: Callable[[Mapping[str, Role]], pd.DataFrame]) -> dict[str, Role]:
        """How the outcome is read; `read` reads it alone.

        Raises
        ------
        UsageError
            It holds words, and nothing is said of them.
        """
        if self.given:
            return {outcome: Role.LABEL}
        if self.family in ("binomial", "ordinal"):
            self.refuse_words(outcome, read)
        return {}

    def refuse_words(self, outcome: str, read: Callable[[Mapping[str, Role]], pd.DataFrame]) -> None:
        """Refuse an outcome of words of which nothing is said, with the options that say it; `read` reads it alone.

        Raises
        ------
        UsageError
        """
        try:
            column = read({outcome: Role.TERM})[outcome]
        except ContractError:
            return  # words beside numbers: reading names the cell
        found = list(dict.fromkeys(map(str, column.dropna())))
        if column.dtype.kind in "biufc" or not 1 < len(found) <= MOST_WORDS or any(map(is_date, found)):
            return
        holds = f"the outcome {outcome!r} holds words ({', '.join(found)})"
        none = [word for word in found if word.strip().casefold() in MISSING]
        found = [word for word in found if word not in none] or found
        order = f"--order {_typed(found)}{_as_missing(none)}"
        if self.family == "ordinal":
            raise UsageError(f"{holds}, which have no order. Say it, lowest first: {order}")
        if self.family == "binomial":
            raise UsageError(f"{holds}. Say which count as a success: {_as_success(found, none)}")
        way = f"binomial {_as_success(found, none)}" if len(found) == 2 else f"ordinal {order} (lowest first)"
        model = "a linear model" if self.family is None else f"family {self.family!r}"
        raise UsageError(f"{holds}, and {model} needs numbers. A model of words: --family {way}")

    def said(self, outcome: str, column: pd.Series[Any]) -> str:
        """Say what the words were turned into."""
        if self.order:
            return f"{outcome}: categories in the order {', '.join(self.order)}"
        others = [word for word in _words_of(column) if word not in self.success]
        return f"{outcome}: 1 is {', '.join(self.success)}; 0 is {', '.join(others)}"

    def read(self, column: pd.Series[Any]) -> pd.Series[Any]:
        """The words as 0 and 1, or as ordered categories; a missing one stays missing.

        Raises
        ------
        UsageError
            A word that nobody wrote, or one of which nothing is said.
        """
        import pandas as pd

        texts, found = column.map(_text, na_action="ignore"), _words_of(column)
        for option, words in (("success", self.success), ("failure", self.failure)):
            stray = next((word for word in words if word not in found), None)
            if stray is not None:
                raise UsageError(f"--{option}: found {stray!r}; {ended(allowed(stray, found))}")
        unsaid = [word for word in found if word not in (*self.success, *self.failure, *self.order)]
        if self.success:
            if len(unsaid) > 1 or (unsaid and self.failure):
                also = ", ".join(map(repr, unsaid[:MOST_WORDS])) + (", …" if len(unsaid) > MOST_WORDS else "")
                raise UsageError(
                    f"--success: {column.name!r} also holds {also}. Name those that count as 0: --failure "
                    f"{_typed((*self.failure, *unsaid[:MOST_WORDS]))}; what stands for a missing value goes into "
                    "--missing instead."
                )
            return texts.isin(self.success).astype(float).where(texts.notna())
        if unsaid:
            raise UsageError(f"--order: {column.name!r} also holds {unsaid[0]!r}; say where it stands, or --missing.")
        return pd.Series(pd.Categorical(texts, categories=list(self.order), ordered=True), index=texts.index)


def _as_missing(none: Sequence[str]) -> str:
    """The option that takes words for missing values, where there are any."""
    return f" --missing {_typed(none)}" if none else ""


def _as_success(found: Sequence[str], none: Sequence[str]) -> str:
    """The options that make one of the words a success, the likeliest one; `none` stand for missing values."""
    from doublecode.analysis.mixed.generalized.response import POSITIVE

    meant = next((word for word in found if word.casefold() in POSITIVE), found[0])
    others = [word for word in found if word != meant]
    if none:
        return f"--success {_typed([meant])} --failure {_typed(others)}{_as_missing(none)}"
    rest = f" --failure {_typed(others)}, and --missing for what stands for a missing value" if len(others) > 1 else ""
    return f"--success {_typed([meant])}{rest}"


def _typed(words: Sequence[str]) -> str:
    """Words as one option is typed: a word with a comma in backticks, which some shells run within double ones."""
    listed = ",".join(f"`{word}`" if "," in word else word for word in words)
    return f"'{listed}'" if "`" in listed else f'"{listed}"'


def _words_of(column: pd.Series[Any]) -> list[str]:
    return sorted(set(column.dropna().map(_text)))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
