"""The linear mixed model engine: lme4's numbers in numpy and scipy, for one model or ten thousand.

::

    formula ─► design ─► moments ─► likelihood ─► optimise ─► fitted ─► result
    (text)     (y X Z)   (sums)     derivatives   (Newton,              inference (Satterthwaite, Kenward–Roger)
                         layout                    ladder)              variances, prediction, rsquared,
                         contraction                                    hypotheses, contrasts, intervals, influence
                                        └──► many (thousands of outcomes)

`residuals.whitening` is the seam for residual structures, which the other modules of `residuals` fill in. `intervals`
and `influence` see the fit as `fitted` describes it; on the result stand `confidence`, `comparison` and `ladder`, the
way down from a random part that is too much for the data. `generalized` is the engine of outcomes that are done or not,
or counted, on the same formulas and designs. Sources: Bates, Mächler, Bolker & Walker (2015) for the
model, its criterion and the formula language; Lindstrom & Bates (1988) for derivatives; Kenward &
Roger (1997), Fai & Cornelius (1996) and Kuznetsova, Brockhoff & Christensen (2017) for tests;
Self & Liang (1987) for variances on the boundary; Nakagawa & Schielzeth (2013), Johnson (2014) and
Rights & Sterba (2019) for explained variance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.schemas.doors import doors

if TYPE_CHECKING:
    from doublecode.analysis.mixed.comparison import compare as compare
    from doublecode.analysis.mixed.confidence import confint as confint
    from doublecode.analysis.mixed.fit import fit_mixed as fit_mixed
    from doublecode.analysis.mixed.generalized.fit import fit_generalized as fit_generalized
    from doublecode.analysis.mixed.generalized.result import GeneralizedResult as GeneralizedResult
    from doublecode.analysis.mixed.intervals import profile_function as profile_function
    from doublecode.analysis.mixed.ladder import fit_ladder as fit_ladder
    from doublecode.analysis.mixed.many import fit_many as fit_many
    from doublecode.analysis.mixed.many_result import ManyGeneralizedResult as ManyGeneralizedResult
    from doublecode.analysis.mixed.many_result import ManyOrdinalResult as ManyOrdinalResult
    from doublecode.analysis.mixed.many_result import ManyResult as ManyResult
    from doublecode.analysis.mixed.result import MixedResult as MixedResult

_HOME = {
    "GeneralizedResult": "generalized.result",
    "ManyGeneralizedResult": "many_result",
    "ManyOrdinalResult": "many_result",
    "ManyResult": "many_result",
    "MixedResult": "result",
    "compare": "comparison",
    "confint": "confidence",
    "fit_generalized": "generalized.fit",
    "fit_ladder": "ladder",
    "fit_many": "many",
    "fit_mixed": "fit",
    "profile_function": "intervals",
}
__all__ = sorted(_HOME)
__getattr__ = doors(__name__, _HOME)
