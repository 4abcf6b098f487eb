"""The methods paragraphs as a paper would print them, written from what was done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from platform import python_version
from typing import TYPE_CHECKING, Final

from doublecode.analysis.report.generalized_words import generalized_methods
from doublecode.analysis.report.methods_asked import asked_paragraph
from doublecode.analysis.report.robustness import errors_in_words, n_interactions
from doublecode.analysis.report.sections_models import DDF_WORDS
from doublecode.analysis.results.states import Estimator
from doublecode.analysis.results.versions import version_of
from doublecode.analysis.study.labels import short_title
from doublecode.schemas.marks import code

if TYPE_CHECKING:
    from doublecode.analysis.description.correlations import CorrelationResult
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.analysis.study.reliability_table import ReliabilityTable
    from doublecode.analysis.study.study_run import StudyRun

_PACKAGES = ("numpy", "scipy", "pandas", "formulaic")


def methods_paragraphs(run: StudyRun) -> list[str]:
    """Write the paragraphs: coding and scoring, reliability, models, software."""
    parts = [
        _coding(run),
        _reliability(run),
        _consistency(run),
        _series(run),
        generalized_methods(run),
        _regressions(run),
        asked_paragraph(run),
        _software(run),
        _instruments(run),
    ]
    return [part for part in parts if part]


def _coding(run: StudyRun) -> str:
    design = run.frame.design
    head = (
        f"Of {design['n_held']} sessions held with {design['n_patients']} patients, {design['n_rated']} were rated "
        f"({design['n_rated'] / design['n_held']:.1%})."
    )
    rated = [_rating(run, name) for name in run.study.codebooks if run.study.use(name).source == "raters"]
    lags = []
    if any(scale.lagged for book in run.study.codebooks.values() for scale in book.scales):
        lags = ["Scores that join two sessions do so by session number, never by row."]
    return " ".join([head, *rated, *lags])


def _rating(run: StudyRun, name: str) -> str:
    """Who rated one instrument, how double-coded sessions are pooled, what is reversed."""
    import pandas as pd

    book, use = run.study.codebooks[name], run.study.use(name)
    ratings, who = run.intake.ratings, ["session_id", "rater"]
    rows = ratings.loc[(ratings["instrument"] == name) & (ratings["phase"] == "main"), who].drop_duplicates()
    empty = run.intake.empty_logs
    unsaid = rows.iloc[:0] if empty is None else empty.loc[empty["instrument"] == name, who]
    per = pd.concat([rows, unsaid]).groupby("session_id")["rater"].nunique()
    n_raters, without = rows["rater"].nunique(), len(set(unsaid["session_id"]) - set(rows["session_id"]))
    text = f"{book.title} (version {book.version}) was filled in by {n_raters} rater{'s' if n_raters > 1 else ''} "
    text += f"for {len(per)} sessions" + (f", {without} of them without any homework" if without else "")
    if len(per) and (per > 1).any():
        rule = "the mean of the raters, item by item" if use.pooling == "mean" else "the primary rater's rating"
        rule = "the primary rater's log" if book.homework_log is not None else rule
        text += f", {(per > 1).mean():.0%} of them by more than one; these enter the analyses as {rule}"
        text += _agreed(run, name)
    turned = [item.label for item in book.columns if item.reversed]
    kept = run.study.left_unreversed(name)
    text += f". The codebook reverses {', '.join(kept)}, which the study does not" if kept else ""
    if turned:
        return f"{text}. Reversed before scoring: {', '.join(turned)}."
    return f"{text}. No item is reversed." if use.reverse is not None else f"{text}."


def _agreed(run: StudyRun, name: str) -> str:
    """That scores stand on what was agreed on, where they do."""
    decided = run.intake.decided
    n_cells = 0 if decided is None else int((decided["instrument"] == name).sum())
    if not (run.study.use(name).consensus and n_cells):
        return ""
    return f", or as the code that was agreed on afterwards ({n_cells} cells; reliability stands on the first codes)"


def _instruments(run: StudyRun) -> str:
    sources: dict[str, list[str]] = {}
    for book in run.study.codebooks.values():
        sources.setdefault(book.citation.rstrip("."), []).append(short_title(book.title))
    return " ".join(["Instruments.", *(f"{', '.join(names)}: {source}." for source, names in sources.items())])


def _reliability(run: StudyRun) -> str:
    if run.reliability is None:
        return ""
    used = _designs(run.reliability)
    ways = [words for key, words in _WAYS.items() if key in used]
    text = f"Inter-rater reliability was estimated as the intraclass correlation of the design at hand: {_all(ways)}."
    if len({phase for _, _, phase, _ in run.reliability.results}) > 1:
        text += " Pilot and main phase are kept apart."
    text += " Adjectives are taken from the interval (Koo & Li, 2016)."
    named = [run.study.codebooks[name].title for name in run.reliability.spec["jackknife"]]
    if named:
        text += (
            f" As the study declares, the limits of {' and '.join(named)} come from leaving out each session once "
            "(Arvesen & Schmitz, 1970), which does not take scores as normal."
        )
    return " ".join([text, *_beside_reliability(run)])


def _beside_reliability(run: StudyRun) -> Iterator[str]:
    """What stands beside the intraclass correlations: composites, agreement, severity."""
    quality = run.quality
    joined = quality.composites[quality.composites["estimate"].notna()]
    if len(joined):
        named = _all([run.labels.get(name, name) for name in joined["variable"]])
        yield (
            f"The error of {named}, which joins two tapes, was put together from the errors of its halves in tapes "
            "coded twice (Brennan, 2001), with a jackknife over patients."
        )
    found = set(quality.agreement.loc[quality.agreement["phase"] == "main", "coefficient"])
    if found:
        ways = {"AC2": "AC2 with ordinal weights", "AC1": "AC1 where an item has two codes"}
        named = _all([words for name, words in ways.items() if name in found])
        yield f"Agreement is given as shares of pairs of raters and as Gwet's (2014) {named}."
    if len(quality.severity):
        changed = ", and its change from the first batch of workbooks to the last" if _drifts(run) else ""
        yield f"Severity of raters{changed} was estimated by a mixed model with raters fixed and sessions random."
    if quality.latent is not None:
        titles = [run.study.codebooks[name].title for name in dict.fromkeys(quality.latent.frame["instrument"])]
        yield (
            f"For the ordinal items of {' and '.join(titles)}, severity was also estimated on the latent scale by "
            "cumulative logit mixed models with raters fixed and sessions random (Linacre, 1989)."
        )


def _drifts(run: StudyRun) -> bool:
    return bool(run.quality.severity["change"].notna().any())


_WAYS: Final = {
    (True, Estimator.MEAN_SQUARES): (
        "for complete designs from mean squares with exact limits (Shrout & Fleiss, 1979; McGraw & Wong, 1996)"
    ),
    (True, Estimator.REML): (
        "for rotating pairs from crossed random effects of sessions and raters by REML with profile-likelihood "
        "intervals (ten Hove, Jorgensen & van der Ark, 2022)"
    ),
    (False, Estimator.MEAN_SQUARES): "one-way, from mean squares, where raters are not told apart",
    (False, Estimator.REML): "one-way, by REML, where raters are not told apart",
}
"""How an intraclass correlation is estimated: are raters told apart, and by which estimator."""


def _designs(table: ReliabilityTable) -> set[tuple[bool, Estimator]]:
    """What was used in this study."""
    return {
        (result.spec["raters"] is not None, block.estimator)
        for _, _, _, result in table.results
        for _, block in result.estimates.blocks
    }


def _all(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"


def _consistency(run: StudyRun) -> str:
    if run.consistency is None or not run.consistency.frame["omega"].notna().any():
        return ""
    return (
        "Internal consistency is ω total of a one-factor maximum-likelihood model; its 95% interval takes "
        "patients, not sessions, as the unit (jackknife on the logit scale). Corrected item–total "
        "correlations are given beside it."
    )


def _series(run: StudyRun) -> str:
    if not run.series:
        return ""
    fits = [model.result for result in run.series for model in result.models if model.result is not None]
    df = " and ".join(sorted({DDF_WORDS.get(fit.ddf, fit.ddf) for fit in fits}))
    rows = "; ".join(f"{result.spec['title']}: {result.design['n_rows']} rows" for result in run.series)
    declared = [series for series in run.study.series if series.family is None]
    split = sorted({name for series in declared for name in series.split})
    text = (
        f"Linear mixed models were estimated by REML with {df}; models of a series stand on one common set of rows "
        f"({rows})"
    )
    compared = any((result.frame["compared_with"] != "").any() for result in run.series)
    text += " and are compared after refitting by maximum likelihood." if compared else "."
    if split:
        names = ", ".join(run.labels.get(name, name) for name in split)
        text += (
            f" Time-varying predictors ({names}) are entered as declared, which mixes the slope within patients with "
            "the slope between them (labelled conflated), and split into patient mean and deviation over these rows, "
            "the means centred at the mean of the patients' means (Curran & Bauer, 2011)."
        )
    origins = sorted({result.spec["intercept_at"] for result in run.series} - {None})
    if origins:
        text += f" Sessions are counted from session {' or '.join(map(str, origins))}, where intercepts are given."
    if any(not result.siblings.empty for result in run.series):
        text += " Beside a singular fit stands the one with the next simpler random part (Matuschek et al., 2017)."
    text += " Every model takes the rows that have all variables of its series."
    text += _series_choices(run)
    steps = dict.fromkeys(step for series in declared for step in series.steps)
    formulas = "; ".join(map(code, steps))
    return f"{text} Formulas: {formulas}."


def _series_choices(run: StudyRun) -> str:
    """What was chosen beside steps and splits: tests of slopes, latent means, residuals, limits."""
    specs = [result.spec for result in run.series]
    said = []
    if any(len(result.hypotheses) for result in run.series):
        said.append(
            "Differences of slopes are contrasts of the fixed effects with the degrees of freedom of the model."
        )
    if any(spec["latent_means"] for spec in specs):
        said.append("Latent patient means (Lüdtke et al., 2008) by maximum likelihood stand beside the manifest ones.")
    structures = dict.fromkeys(
        text
        for spec in specs
        for text in (spec["correlation"], spec["variance_by"] and f"a variance for each level of {spec['variance_by']}")
        if text
    )
    if structures:
        said.append(f"Residuals: {'; '.join(structures)} (Pinheiro & Bates, 2000).")
    limits = sorted({spec["interval"] for spec in specs} - {"wald"})
    if limits:
        said.append(f"Limits of all parameters: {' and '.join(limits)}.")
    return "".join(f" {one}" for one in said)


def _regressions(run: StudyRun) -> str:
    parts = []
    if run.study.outliers is not None:
        rule = run.study.outliers
        parts.append(
            f"Values beyond {rule.multiplier:g} interquartile ranges from the quartiles (quantile definition "
            f"{rule.quantiles}; Hyndman & Fan, 1996) were winsorised to that fence"
            + ("; the regressions without this rule are printed beside them." if run.moderations_untouched else ".")
            + (" The multilevel models take the values as observed." if run.series or run.generalized else "")
        )
    if run.correlations is not None:
        parts.append(_correlations(run.correlations))
    if run.moderations:
        parts.append(_moderations(run.moderations))
    if run.comparisons:
        parts.append("Groups were compared by one-way analysis of variance.")
    return " ".join(parts)


def _correlations(result: CorrelationResult) -> str:
    text = f"Correlations are {result.spec.get('method', 'pearson').capitalize()}'s, pairwise"
    levels = [words for level, words in _LEVELS.items() if level in set(result.frame["level"])]
    return f"{text}: {_all(levels)}." if len(levels) > 1 else f"{text}."


_LEVELS: Final = {
    "pooled": "over all sessions",
    "within patients": "within patients (Bakdash & Marusich, 2017)",
    "between patients": "between the patients' means",
    "mean over sessions": "averaged over sessions on Fisher's scale",
}
"""Levels of correlations where patients have several sessions."""


def _moderations(results: Sequence[ModerationResult]) -> str:
    """What the declared regressions did: centring and slopes only where there is an interaction."""
    parts = []
    if n_interactions(results):
        drawn = any(len(one.johnson_neyman) for one in results)
        regions = ", and Johnson–Neyman regions stay inside it (Bauer & Curran, 2005)" if drawn else ""
        parts.append(
            "Moderated regressions centre predictor and moderator at their means before the product is formed "
            f"(Aiken & West, 1991); simple slopes beyond what was observed are named as such{regions}."
        )
    rule, beside = errors_in_words(results[0]), results[0].beside[0]
    cited = " (Long & Ervin, 2000)" if results[0].spec["errors"] == "robust" else ""
    parts.append(f"Tests and limits of the regressions stand on {rule}{cited}; those of {beside} stand beside them.")
    return " ".join(parts)


def _software(run: StudyRun) -> str:
    used = [f"{name} {version_of(name)}" for name in packages_used(run)]
    return (
        f"All analyses were run with doublecode {version_of('doublecode')} in Python {python_version()} "
        f"({', '.join(used)}); seed {run.study.seed}."
    )


def packages_used(run: StudyRun) -> tuple[str, ...]:
    """Names of the libraries whose numbers are in the report."""
    return (*_PACKAGES, *(["statsmodels"] if run.moderations else []))
