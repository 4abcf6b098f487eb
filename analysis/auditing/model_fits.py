"""Log-likelihood, AIC and BIC of the models of a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from doublecode.analysis.auditing.labelled_values import Labelled
from doublecode.analysis.auditing.paper import Paper, Sentence
from doublecode.analysis.auditing.printed_numbers import Printed, Span
from doublecode.analysis.auditing.tokens import Kind
from doublecode.analysis.auditing.vocabulary import Quantity

_CRITERIA: Final = (Quantity.LOGLIK, Quantity.DEVIANCE, Quantity.AIC, Quantity.BIC)
_ROWS: Final = frozenset(["observations", "beobachtungen", "rows", "zeilen", "messungen", "datenpunkte"])
_MODELS: Final = frozenset(["model", "modell", "step", "schritt"])


@dataclass
class ModelFit:
    """What a sentence prints of one model.

    Attributes
    ----------
    name : str
        Its number; empty where the sentence has one model.
    values : dict of Quantity to Printed
    rows : Printed, optional
        The number of rows that is printed beside it.
    """

    name: str
    values: dict[Quantity, Printed] = field(default_factory=dict)
    rows: Printed | None = None

    @property
    def deviance(self) -> Span | None:
        """−2 log-likelihood."""
        given = self.values.get(Quantity.DEVIANCE)
        if given is not None:
            return given.span
        loglik = self.values.get(Quantity.LOGLIK)
        return None if loglik is None else Span(-2.0 * loglik.span.high, -2.0 * loglik.span.low)

    @property
    def parameters(self) -> Span | None:
        """(AIC + 2 logLik) / 2."""
        deviance, aic = self.deviance, self.values.get(Quantity.AIC)
        if deviance is None or aic is None:
            return None
        return Span((aic.span.low - deviance.high) / 2.0, (aic.span.high - deviance.low) / 2.0)

    @property
    def whole_parameters(self) -> int | None:
        """The one whole number that this permits; None if there is none or more than one."""
        from math import ceil, floor

        span = self.parameters
        if span is None:
            return None
        low, high = ceil(span.low - 1e-9), floor(span.high + 1e-9)
        return low if low == high and low > 0 else None


@dataclass(frozen=True)
class Block:
    """The models of a sentence, in the order in which they are named."""

    sentence: Sentence
    models: tuple[ModelFit, ...]
    ps: tuple[Labelled, ...]
    tests: tuple[Labelled, ...]
    dfs: tuple[Printed, ...]


def blocks_of(paper: Paper) -> Iterator[Block]:
    """Return the sentences (and rows of tables) that print criteria of models."""
    by_sentence: dict[int, list[Labelled]] = {}
    for group in paper.groups:
        if group.in_table:
            fit = _fit_of_row(group.values)
            if fit is not None:
                yield Block(paper.sentence_at(group.start), (fit,), (), (), ())
            continue
        at = paper.sentence_at(group.start).first
        by_sentence.setdefault(at, []).extend(group.values)
    for first, values in by_sentence.items():
        if any(value.quantity in _CRITERIA for value in values):
            yield _block(paper, paper.sentence_at(paper.tokens[first].start), values)


def _fit_of_row(values: tuple[Labelled, ...]) -> ModelFit | None:
    fit = ModelFit("")
    for value in values:
        if value.quantity in _CRITERIA:
            fit.values[value.quantity] = value.number
        elif value.quantity is Quantity.N:
            fit.rows = value.number
    return fit if len(fit.values) > 1 else None


def _block(paper: Paper, sentence: Sentence, values: list[Labelled]) -> Block:
    models: dict[str, ModelFit] = {}
    for value in values:
        if value.quantity in _CRITERIA:
            name = value.model or _name_before(paper, sentence, value)
            fit = models.setdefault(name, ModelFit(name))
            fit.values.setdefault(value.quantity, value.number)
        elif value.quantity is Quantity.N and len(models) <= 1:
            models.setdefault("", ModelFit("")).rows = value.number
    fits = _joined(list(models.values()))
    if len(fits) == 1 and fits[0].rows is None:
        fits[0].rows = _counted_rows(paper, sentence)
    ps = tuple(value for value in values if value.quantity is Quantity.P)
    tests = tuple(value for value in values if value.quantity is Quantity.CHI2)
    dfs = [df for value in values if value.quantity is Quantity.DF for df in value.dfs]
    dfs += [df for value in tests for df in value.dfs[:1]]
    return Block(sentence, tuple(fits), ps, tests, tuple(dfs or _worded_df(paper, sentence)))


def _joined(fits: list[ModelFit]) -> list[ModelFit]:
    """A nameless entry that holds nothing but rows belongs to the only model."""
    named = [fit for fit in fits if fit.values]
    rows = next((fit.rows for fit in fits if fit.rows is not None), None)
    if len(named) == 1 and named[0].rows is None:
        named[0].rows = rows
    return named


def _name_before(paper: Paper, sentence: Sentence, value: Labelled) -> str:
    """The model that is named last before a value in its sentence."""
    for at in range(value.first - 1, sentence.first, -1):
        before = paper.tokens[at - 1].word
        if (
            before in _MODELS
            and paper.tokens[at].kind in (Kind.NUMBER, Kind.WORD)
            and paper.tokens[at].text[0].isalnum()
        ):
            return paper.tokens[at].text if paper.tokens[at].number else ""
    return ""


def _counted_rows(paper: Paper, sentence: Sentence) -> Printed | None:
    """``172 observations``."""
    tokens = paper.tokens_in(sentence)
    for one, other in pairwise(tokens):
        if one.number is not None and other.word in _ROWS and one.number.is_whole:
            return one.number
    return None


def _worded_df(paper: Paper, sentence: Sentence) -> list[Printed]:
    """``on 1 df``, ``mit 1 Freiheitsgrad``, ``with one degree of freedom``."""
    tokens = paper.tokens_in(sentence)
    return [
        one.number
        for one, other in pairwise(tokens)
        if one.number is not None and other.word in ("df", "degree", "degrees", "freiheitsgrad", "freiheitsgrade")
    ]
