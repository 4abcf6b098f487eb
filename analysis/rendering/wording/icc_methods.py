"""The column ``method`` of intraclass correlations: how a number came about, or why there is none."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.results.states import Estimator, IccState, Limits

_ESTIMATED: Final = {
    (Estimator.MEAN_SQUARES, Limits.EXACT_F): "anova",
    (Estimator.REML, Limits.PROFILE): "reml, profile likelihood",
    (Estimator.MEAN_SQUARES, Limits.JACKKNIFE): "anova, jackknife over targets",
    (Estimator.REML, Limits.JACKKNIFE): "reml, jackknife over targets",
}
_ADDED: Final = {
    IccState.PERFECT_AGREEMENT: "perfect agreement",
    IccState.TARGETS_ALIKE: "targets do not differ",
    IccState.NO_RESIDUAL: "no residual",
    IccState.NOT_CONVERGED: "did not converge",
}
_NO_NUMBER: Final = {
    IccState.ALL_EQUAL: "undefined: all ratings are equal",
    IccState.BELOW_LEAST: "undefined: raters agree less than is possible for a mean of k ratings",
    IccState.NOT_CONNECTED: "not estimable: raters and targets are not connected",
    IccState.NOUGHT_OF_NOUGHT: "undefined: every variance in it is estimated as 0",
    IccState.SATURATED: "not estimable: no rating is left for the residual",
}
_WITHOUT_RESIDUAL: Final = (IccState.NO_RESIDUAL, IccState.TARGETS_ALIKE)
_HOW: Final = {
    (Estimator.MEAN_SQUARES, Limits.EXACT_F): "from mean squares, exact F limits",
    (Estimator.REML, Limits.PROFILE): "by REML, profile-likelihood limits",
    (Estimator.MEAN_SQUARES, Limits.JACKKNIFE): "from mean squares, limits by leaving out each target once",
    (Estimator.REML, Limits.JACKKNIFE): "by REML, limits by leaving out each target once",
}


def method_words(estimator: Estimator, limits: Limits, state: IccState) -> str:
    """Return the entry of the column ``method``.

    Examples
    --------
    >>> method_words(Estimator.REML, Limits.JACKKNIFE, IccState.NO_LOWER_LIMIT)
    'reml, jackknife over targets, no lower limit'
    """
    if state in _NO_NUMBER:
        return _NO_NUMBER[state]
    if state in _ADDED:
        return f"{_name(estimator, state)}, {_ADDED[state]}"
    text = _ESTIMATED[estimator, limits]
    return f"{text}, no lower limit" if state is IccState.NO_LOWER_LIMIT else text


def how_words(estimator: Estimator, limits: Limits, state: IccState) -> str:
    """Say in a sentence how a number was found."""
    if estimator is Estimator.REML and state in _WITHOUT_RESIDUAL:
        return method_words(estimator, limits, state)
    return _HOW[estimator, limits]


def _name(estimator: Estimator, state: IccState) -> str:
    # where no residual is left the likelihood has no maximum, and effects are fitted by least squares
    if estimator is Estimator.REML and state in _WITHOUT_RESIDUAL:
        return "least squares"
    return estimator.value
