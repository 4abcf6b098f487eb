"""Likelihood-ratio comparison of mixed models on the same rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import special

from doublecode.analysis.mixed.design import Design, Floats, Ints
from doublecode.analysis.mixed.engine.bare_fit import fit_design
from doublecode.analysis.mixed.fit import KENWARD_ROGER_BELOW
from doublecode.analysis.mixed.generalized.result import GeneralizedResult
from doublecode.analysis.mixed.result import MixedResult
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

Fitted = MixedResult | GeneralizedResult
COUNTS = {"poisson", "negative-binomial"}
"""Families that compare: the first is the second at φ = ∞."""

CHI_BAR_FROM = KENWARD_ROGER_BELOW
"""Number of levels from which the asymptotic mixture for a variance on its boundary is used."""


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonResult(Answer):
    """Models in the order of their number of parameters, each tested against the one before.

    Attributes
    ----------
    frame
        model (formula, and family where they differ), n_parameters, aic, bic, loglik, deviance, statistic, df, p_value,
        reference. `reference` names the null distribution, ``chi2(1)`` or ``½ chi2(0) + ½ chi2(1)``.
    rows
        Labels of the rows that all models share.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("model",)

    def tables(self) -> tuple[Table, ...]:
        """Models from the smallest to the largest, each tested against the one before."""
        columns = (
            column("model", "Model", kind="text"), column("n_parameters", "Parameters", kind="integer"),
            column("aic"), column("bic"), column("loglik"), column("statistic", "χ²"), column("df"),
            column("p_value"),
        )  # fmt: skip
        return (Table("comparison", "Likelihood-ratio comparison", self.frame, columns),)

    def counted(self) -> str:
        """Say the criterion and the rows that all models share."""
        groups = "".join(f", {n} levels of {group}" for group, n in self.design["n_groups"].items())
        return f"{'REML' if self.spec['reml'] else 'ML'}; {len(self.rows)} rows{groups}"


def compare(*models: MixedResult | GeneralizedResult) -> ComparisonResult:
    """Compare nested models by likelihood ratio.

    Models of :func:`fit_mixed` with one another, or those of :func:`fit_generalized` of one family, link and number of
    quadrature nodes. Poisson and negative binomial models of counts compare, too: is there more spread than Poisson's?

    REML fits whose fixed effects differ are refitted by maximum likelihood, and the notes say so;
    with equal fixed effects the restricted likelihoods are compared. Where the larger model has more
    variance parameters in one term, the null value of its variance lies on the boundary: with 50
    or more levels the chi-bar mixture ½χ²(d−1) + ½χ²(d) gives the p value (Self & Liang 1987;
    Stram & Lee 1994), with fewer the ordinary χ²(d), which is conservative. Poisson's φ = ∞ lies on the boundary of the
    negative binomial's dispersion, and the same mixture serves (Lawless 1987): in 2,000 simulated studies each without
    further spread (tests/simulations/dispersion_boundary.py) it rejected at 5 % in 4.0 (22 patients × 9 sessions, by
    Laplace's approximation as by 15 nodes), 3.0 (10 × 6), 3.5 (60 × 8) and 3.6 % (200 × 6), and where φ is 10 in 82 %
    (22 × 9, means near 3). So it is somewhat conservative.

    Raises
    ------
    UsageError
        Fewer than two models, different outcomes, or different rows.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from doublecode.analysis.mixed import fit_mixed
    >>> rng = np.random.default_rng(1)
    >>> data = pd.DataFrame({"g": np.repeat(np.arange(20), 5), "x": rng.normal(size=100)})
    >>> data["y"] = 0.8 * data.x + rng.normal(size=20)[data.g] + rng.normal(size=100)
    >>> small, large = (fit_mixed(f"y ~ {rhs} + (1 | g)", data) for rhs in ("1", "x"))
    >>> compare(small, large).frame["df"].tolist()
    [nan, 1.0]
    """
    _check_same_rows(models)
    notes: list[Note] = []
    fits = _ordered_fits(models, notes)
    rows: list[dict[str, Any]] = []
    for i, model in enumerate(fits):
        row: dict[str, Any] = {
            "model": _name(model, fits), "n_parameters": model.n_parameters, "aic": model.aic,
            "bic": model.bic, "loglik": model.loglik, "deviance": -2.0 * model.loglik,
            "statistic": np.nan, "df": np.nan, "p_value": np.nan, "reference": "",
        }  # fmt: skip
        if i:
            row |= _ratio(fits[i - 1], model, notes, fits)
        rows.append(row)
    unsure = tuple(_name(model, fits) for model in fits if not model.converged)
    if unsure:
        notes.append(Note("compared_not_converged", numbers={"models": unsure}))
    spec = {"models": [_name(m, fits) for m in fits], "reml": isinstance(fits[0], MixedResult) and fits[0].fit.reml}
    return ComparisonResult(spec, pd.DataFrame(rows), fits[-1].design, tuple(notes), fits[-1].rows)


def _name(model: Fitted, among: list[Fitted]) -> str:
    """The formula, with family and thresholds where the models differ in them."""
    name = str(model.spec["formula"])
    for key, more in (("family", ""), ("thresholds", " thresholds")):
        if len({one.spec.get(key) for one in among}) > 1:
            name += f", {model.spec.get(key)}{more}"
    return name


def _ordered_fits(models: tuple[Fitted, ...], notes: list[Note]) -> list[Fitted]:
    """Models from the smallest to the largest, linear ones on a common criterion."""
    linear = sorted((m for m in models if isinstance(m, MixedResult)), key=lambda model: model.n_parameters)
    if linear:
        return [*_refit(linear, notes)]
    generalized = [m for m in models if isinstance(m, GeneralizedResult)]
    for key in ("family", "link", "nagq", "prior_sd"):
        found = list(dict.fromkeys(str(m.spec[key]) for m in generalized))
        if len(found) > 1 and set(found) != COUNTS:
            step = "nagq=1 serves every random part" if key == "nagq" else "fit both alike"
            raise UsageError(
                f"the models differ in {key} ({' and '.join(found)}), so their likelihoods do not compare; {step}"
            )
    if generalized[0].spec["prior_sd"] is not None:
        notes.append(Note("compared_under_prior", numbers={"sd": generalized[0].spec["prior_sd"]}))
    return sorted(generalized, key=lambda model: model.n_parameters)


def _check_same_rows(models: tuple[Fitted, ...]) -> None:
    if len(models) < 2:
        raise UsageError("compare() needs at least two fitted models")
    for given in models:
        if not hasattr(given, "model"):
            raise UsageError(f"compare() takes results of fit_mixed() or fit_generalized(), not {type(given).__name__}")
    if len({isinstance(model, GeneralizedResult) for model in models}) > 1:
        raise UsageError("compare() takes results of fit_mixed() or of fit_generalized(), not some of each")
    first = models[0].model
    for model in models[1:]:
        other = model.model
        if other.formula.response != first.formula.response:
            raise UsageError(
                f"the models have different outcomes, {first.formula.response!r} and {other.formula.response!r}"
            )
        only = first.index.symmetric_difference(other.index)
        if len(only) or len(first.index) != len(other.index):
            shown = ", ".join(map(str, only[:5]))
            raise UsageError(
                f"the models use different rows ({first.nobs} and {other.nobs}; not shared: {shown}"
                f"{', …' if len(only) > 5 else ''}); fit both on the rows complete for all columns"
            )
        order = _order(first, other)
        if not np.array_equal(_outcome(models[0]), _outcome(model)[order]):
            raise UsageError("the models use different values of the outcome in the same rows")
        _check_same_groups(first, other, order)
        known: list[tuple[str, Floats | None, Floats | None]]
        known = [(name, getattr(first, name), getattr(other, name)) for name in ("weights", "offset")]
        trials = _trials(models[0]), _trials(model)
        if trials[0] is not None and trials[1] is not None:  # one of another family is refused as such
            known.append(("trials", *trials))
        for name, own, its in known:
            if not _same_values(own, _ordered(its, order)):
                raise UsageError(f"the models use different {name}, so their likelihoods do not compare; use the same")


def _outcome(model: Fitted) -> Floats:
    return model.outcome.y if isinstance(model, GeneralizedResult) else model.model.y


def _trials(model: Fitted) -> Floats | None:
    """Trials (n,) of a binomial model."""
    return getattr(model.outcome, "trials", None) if isinstance(model, GeneralizedResult) else None


def _order(first: Design, other: Design) -> Ints:
    """(n,) places of the rows of `first` in `other`: rows in another order are the same rows."""
    if first.index.equals(other.index) or not (first.index.is_unique and other.index.is_unique):
        return np.arange(first.nobs)
    return np.asarray(other.index.get_indexer(first.index), dtype=np.int64)


def _ordered(values: Floats | None, order: Ints) -> Floats | None:
    return None if values is None else values[order]


def _check_same_groups(first: Design, other: Design, order: Ints) -> None:
    """Refuse a grouping factor that bears one name and divides the rows in two ways."""
    codes = {term.group: term.codes for term in first.terms}
    for term in other.terms:
        if term.group not in codes:
            continue
        own = codes[term.group]
        pairs = len(set(zip(own.tolist(), term.codes[order].tolist(), strict=True)))
        if not pairs == len(np.unique(own)) == len(np.unique(term.codes)):
            raise UsageError(
                f"the models group the rows by {term.group!r} in different ways, so they stand on different data; "
                "fit both on one frame"
            )


def _same_values(a: Floats | None, b: Floats | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)


def _refit(models: list[MixedResult], notes: list[Note]) -> list[MixedResult]:
    """Models on a common criterion: ML unless all are REML with the same fixed effects."""
    kinds = {model.fit.reml for model in models}
    same = all(_same_fixed(models[0], model) for model in models[1:])
    if kinds == {False} or (kinds == {True} and same):
        if kinds == {True}:
            notes.append(Note("restricted_likelihoods_compared"))
        return models
    out = []
    for model in models:
        if not model.fit.reml:
            out.append(model)
            continue
        whitening = None if model.whitening is None else model.whitening.refit(model.model, reml=False)
        fit = fit_design(model.fit.design if whitening is None else whitening.apply(model.model), reml=False)
        ddf = "satterthwaite" if model.ddf == "kenward-roger" else model.ddf
        out.append(replace(model, fit=fit, ddf=ddf, whitening=whitening, spec=model.spec | {"reml": False, "ddf": ddf}))
    notes.append(Note("refitted_mixed_criteria" if same else "refitted_fixed_effects"))
    return out


def _same_fixed(a: Fitted, b: Fitted) -> bool:
    """Whether two fixed parts have one restricted likelihood: W = XT with |det T| = 1.

    Another coding of the same space adds 2 log|det T| to the REML criterion, so that it does not compare.
    """
    X, W = a.model.X, b.model.X[_order(a.model, b.model)]
    if X.shape != W.shape:
        return False
    change = np.linalg.lstsq(X, W, rcond=None)[0]
    return _inside(W, X) and abs(float(np.linalg.slogdet(change)[1])) < 1e-8


def _inside(W: Floats, X: Floats) -> bool:
    """Whether the columns of W lie in the space of those of X."""
    if not W.shape[1]:
        return True
    scale = np.linalg.norm(X, axis=0)
    left = W - (X / scale) @ np.linalg.lstsq(X / scale, W, rcond=None)[0]
    return bool((np.linalg.norm(left, axis=0) < 1e-8 * np.linalg.norm(W, axis=0)).all())


def _nested(small: Fitted, large: Fitted) -> bool:
    """Whether each part of the smaller model, fixed, random and residual, is a part of the larger one."""
    order = _order(large.model, small.model)
    if not _inside(small.model.X[order], large.model.X):
        return False
    for term in small.model.terms:
        hosts = [one for one in large.model.terms if one.group == term.group]
        if not any(_inside(term.Z[order], one.Z) for one in hosts):
            return False
    return _same_structure(small, large)


def _same_structure(small: Fitted, large: Fitted) -> bool:
    """Whether the larger model has the residual structure, or the thresholds, of the smaller one, or adds to them."""
    keys = ("correlation", "variance_by")
    same = all(small.spec.get(key) in (None, large.spec.get(key)) for key in keys)
    same = same and small.spec.get("thresholds") in (None, "equidistant", large.spec.get("thresholds"))
    return same and (small.spec.get("family") == large.spec.get("family") or _adds_dispersion(small, large))


def _adds_dispersion(small: Fitted, large: Fitted) -> bool:
    return small.spec.get("family") == "poisson" and large.spec.get("family") == "negative-binomial"


def _ratio(small: Fitted, large: Fitted, notes: list[Note], among: list[Fitted]) -> dict[str, Any]:
    both = {"small": _name(small, among), "large": _name(large, among)}
    statistic = max(0.0, 2.0 * (large.loglik - small.loglik))
    df = large.n_parameters - small.n_parameters
    if df == 0:
        notes.append(Note("as_many_parameters", numbers=both))
        return {}
    if not _nested(small, large):
        notes.append(Note("not_nested", numbers=both))
        return {}
    if 2.0 * (large.loglik - small.loglik) < -1e-6:
        notes.append(Note("lower_likelihood", numbers={"large": both["large"]}))
        return {}
    found = {"statistic": statistic, "df": float(df)}
    if _adds_dispersion(small, large):
        # with a new variance, too, there are two boundaries, and χ²(d) is conservative
        same = _covariance_parameters(small.model) == _covariance_parameters(large.model)
        return found | (_chi_bar(statistic, df) if same else _chi_square(statistic, df))
    grown = _grown_variance(small, large)
    if grown is not None and grown[1] == df:
        group, levels = grown[0], large.n_groups[grown[0]]
        if levels >= CHI_BAR_FROM:
            return found | _chi_bar(statistic, df)
        notes.append(Note("variance_on_boundary", numbers={"group": group, "n_levels": levels, "df": df}))
    return found | _chi_square(statistic, df)


def _chi_square(statistic: float, df: int) -> dict[str, Any]:
    return {"p_value": float(special.gammaincc(0.5 * df, 0.5 * statistic)), "reference": f"chi2({df})"}


def _chi_bar(statistic: float, df: int) -> dict[str, Any]:
    """One of `df` parameters on its boundary under the smaller model."""
    lower = _chi_square(statistic, df - 1)["p_value"] if df > 1 else float(statistic <= 0)
    p_value = 0.5 * lower + 0.5 * _chi_square(statistic, df)["p_value"]
    return {"p_value": p_value, "reference": f"½ chi2({df - 1}) + ½ chi2({df})"}


def _grown_variance(small: Fitted, large: Fitted) -> tuple[str, int] | None:
    """Grouping factor and number of new covariance parameters if just one effect was added to one term."""
    if not _same_fixed(small, large):
        return None
    before = {(t.group, c) for t in small.model.terms for c in t.columns}
    after = {(t.group, c) for t in large.model.terms for c in t.columns}
    added = after - before
    if len(added) != 1 or before - after:
        return None
    return next(iter(added))[0], _covariance_parameters(large.model) - _covariance_parameters(small.model)


def _covariance_parameters(model: Design) -> int:
    return sum(term.size * (term.size + 1) // 2 for term in model.terms)
