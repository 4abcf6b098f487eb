"""Log-likelihood ↔ AIC ↔ BIC: parameters and rows; likelihood ratios; one model printed twice."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from doublecode.analysis.auditing.findings import Check, Finding, Reason, Verdict, held, undecided
from doublecode.analysis.auditing.model_fits import Block, ModelFit, blocks_of
from doublecode.analysis.auditing.p_values import p_permitted, p_span, p_text, p_value
from doublecode.analysis.auditing.paper import Paper
from doublecode.analysis.auditing.printed_numbers import Span
from doublecode.analysis.auditing.vocabulary import Quantity

_RANDOM_SLOPE: Final = re.compile(r"random[- ]slope|zufällige\w* steigung")
LEAST_OF_SLOPES: Final = 6
"""Intercept, slope, two variances, their covariance, residual variance."""
_MOST_ROWS: Final = 1e9


def checked_models(paper: Paper) -> Iterator[Finding]:
    """Hold criteria of models against one another."""
    blocks = list(blocks_of(paper))
    for block in blocks:
        place = paper.place_of(block.sentence)
        for fit in block.models:
            yield from _of_one(fit, place)
        yield from _ratio(block, place)
        yield from _names(paper, block, place)
    yield from _twice(paper, blocks)


def _of_one(fit: ModelFit, place: tuple[int, int]) -> Iterator[Finding]:
    parameters = fit.parameters
    if parameters is None:
        return
    printed = f"AIC {fit.values[Quantity.AIC].text}"
    aic = fit.values[Quantity.AIC]
    facts = {"model": fit.name, "loglik": _loglik_text(fit), "aic": aic.value, "decimals": aic.decimals}
    whole = math.floor(parameters.high + 1e-9) - math.ceil(parameters.low - 1e-9)
    if parameters.high - parameters.low >= 1.0:
        yield undecided(Check.PARAMETERS, place, printed, Reason.TOO_COARSE)
    elif whole < 0 or parameters.high < 1.0:
        middle = (parameters.low + parameters.high) / 2.0
        yield Finding(Check.PARAMETERS, Verdict.QUESTION, *place, printed, middle, parameters, None, facts)
    else:
        k = math.ceil(parameters.low - 1e-9)
        yield Finding(Check.PARAMETERS, Verdict.CONSISTENT, *place, printed, float(k), parameters, None, facts)
        yield from _rows(fit, place)


def _loglik_text(fit: ModelFit) -> str:
    given = fit.values.get(Quantity.LOGLIK) or fit.values.get(Quantity.DEVIANCE)
    return "" if given is None else given.text


def rows_of(fit: ModelFit) -> Span | None:
    """The rows that BIC implies: exp((BIC + 2 logLik) / k)."""
    deviance, bic, k = fit.deviance, fit.values.get(Quantity.BIC), fit.whole_parameters
    if deviance is None or bic is None or k is None:
        return None
    low, high = (bic.span.low - deviance.high) / k, (bic.span.high - deviance.low) / k
    return Span(math.exp(min(low, 21.0)), math.exp(min(high, 21.0)))


def _rows(fit: ModelFit, place: tuple[int, int]) -> Iterator[Finding]:
    implied = rows_of(fit)
    if implied is None:
        return
    middle = math.sqrt(implied.low * implied.high)
    printed = f"BIC {fit.values[Quantity.BIC].text}"
    facts = {"model": fit.name, "parameters": fit.whole_parameters, "n": "" if fit.rows is None else fit.rows.text}
    if fit.rows is None:
        if math.ceil(implied.low) > math.floor(implied.high):
            yield Finding(Check.MODEL_ROWS, Verdict.QUESTION, *place, printed, middle, implied, None, facts)
        elif implied.high < _MOST_ROWS:
            yield Finding(Check.MODEL_ROWS, Verdict.CONSISTENT, *place, printed, middle, implied, None, facts)
        return
    exact = Span(fit.rows.value, fit.rows.value)
    yield held(Check.MODEL_ROWS, place, (f"{printed}, n {fit.rows.text}", exact), middle, implied, 0.5, facts)


def _ratio(block: Block, place: tuple[int, int]) -> Iterator[Finding]:
    """2 × the difference of two log-likelihoods on the difference of parameters, against p."""
    fits = [fit for fit in block.models if fit.deviance is not None]
    if len(fits) != 2 or not block.ps:
        return
    if len(block.ps) > 1:
        yield undecided(Check.LIKELIHOOD_RATIO, place, p_text(block.ps[0]), Reason.SEVERAL_P)
        return
    p = block.ps[0]
    printed, df = p_span(p), _difference_of_parameters(block, fits)
    gain = _gain(fits)
    if df is None or printed is None or gain.high <= 0.0:
        yield undecided(Check.LIKELIHOOD_RATIO, place, p_text(p), Reason.NO_PARAMETERS)
        return
    permitted = p_permitted(Quantity.CHI2, gain, [Span(df, df)])
    best = (gain.low + gain.high) / 2.0
    facts = {"ratio": best, "df": df, "number": p.number.value, "decimals": p.number.decimals}
    half_unit = p.number.half_unit if p.sign == "=" else 0.0005
    central = p_value(Quantity.CHI2, best, (float(df),))
    yield held(Check.LIKELIHOOD_RATIO, place, (p_text(p), printed), central, permitted, half_unit, facts)


def _gain(fits: Sequence[ModelFit]) -> Span:
    first, second = fits[0].deviance, fits[1].deviance
    if first is None or second is None:
        return Span(0.0, 0.0)
    smaller, larger = sorted((first, second))
    return Span(max(0.0, larger.low - smaller.high), larger.high - smaller.low)


def _difference_of_parameters(block: Block, fits: Sequence[ModelFit]) -> int | None:
    ks = [fit.whole_parameters for fit in fits]
    if ks[0] is not None and ks[1] is not None and ks[0] != ks[1]:
        return abs(ks[1] - ks[0])
    whole = [df.count for df in block.dfs if df.is_whole and df.count > 0]
    return whole[0] if len(set(whole)) == 1 else None


def _names(paper: Paper, block: Block, place: tuple[int, int]) -> Iterator[Finding]:
    """A model with a random slope has at least six parameters."""
    if _RANDOM_SLOPE.search(paper.words_of(block.sentence)) is None:
        return
    ks = [(fit.whole_parameters, fit) for fit in block.models]
    known = [(k, fit) for k, fit in ks if k is not None]
    if not known:
        return
    k, fit = max(known, key=lambda one: one[0])
    verdict = Verdict.QUESTION if k < LEAST_OF_SLOPES else Verdict.CONSISTENT
    facts = {"model": fit.name, "parameters": k, "least": LEAST_OF_SLOPES}
    yield Finding(
        Check.MODEL_NAME, verdict, *place, f"AIC {fit.values[Quantity.AIC].text}", float(k),
        Span(float(LEAST_OF_SLOPES), math.inf), None, facts,
    )  # fmt: skip


def _twice(paper: Paper, blocks: Sequence[Block]) -> Iterator[Finding]:
    """A model of one name with two log-likelihoods, in neighbouring comparisons."""
    last: dict[str, tuple[ModelFit, Block]] = {}
    for block in blocks:
        for fit in block.models:
            if not fit.name or fit.deviance is None:
                continue
            known = last.get(fit.name)
            if known is not None and known[1].sentence.paragraph == block.sentence.paragraph:
                yield _against_before(paper, fit, known[0], block)
            last[fit.name] = (fit, block)


def _against_before(paper: Paper, fit: ModelFit, before: ModelFit, block: Block) -> Finding:
    first, second = before.deviance or Span(0.0, 0.0), fit.deviance or Span(0.0, 0.0)
    verdict = Verdict.CONSISTENT if first.meets(second) else Verdict.QUESTION
    facts = {
        "model": fit.name, "first": _loglik_text(before), "second": _loglik_text(fit),
        "parameters_first": before.whole_parameters, "parameters_second": fit.whole_parameters, "what": "model",
    }  # fmt: skip
    return Finding(
        Check.PRINTED_TWICE, verdict, *paper.place_of(block.sentence), f"logLik {_loglik_text(fit)}",
        -(first.low + first.high) / 4.0, Span(-first.high / 2.0, -first.low / 2.0), None, facts,
    )  # fmt: skip


def implied_rows(paper: Paper) -> list[tuple[Block, Span, int]]:
    """Rows that the BICs of each block imply together, with how many models say so."""
    found = []
    for block in blocks_of(paper):
        spans = [span for fit in block.models if (span := rows_of(fit)) is not None]
        if spans:
            found.append((block, Span(max(one.low for one in spans), min(one.high for one in spans)), len(spans)))
    return found
