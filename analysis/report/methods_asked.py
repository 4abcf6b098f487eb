"""What was asked beyond the models, one sentence of the methods for each kind that was fitted, with its source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.wording.phrases import named
from doublecode.analysis.report.robustness import n_interactions

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import StudyRun

_THERAPISTS: Final = {
    "CR2": "CR2 standard errors, patients of one therapist together (Pustejovsky & Tipton, 2018)",
    "fixed": "therapists as fixed effects",
    "ignored": "patients of one therapist taken as independent",
}
_ADJUSTED: Final = {
    "holm": "Holm (1979)",
    "bonferroni": "Bonferroni",
    "bh": "Benjamini & Hochberg (1995)",
    "tukey": "Tukey's studentized range (Kramer, 1956)",
}
_LINES: Final = {
    "spread": "values of the moderator inside the data",
    "codes": "its codes",
    "median": "the means of both halves at its median",
    "cut": "the means below and from a cut on",
}


def asked_paragraph(run: StudyRun) -> str:
    """Say what was done with outcomes of patients, process, marginal means, families of tests, and figures."""
    said = (
        _patients(run),
        *_changes(run),
        *_process(run),
        _marginal(run),
        _families(run),
        _fidelity(run),
        _figures(run),
    )
    return " ".join(filter(None, said))


def _patients(run: StudyRun) -> str:
    if not run.patient_outcomes:
        return ""
    specs = [one.spec for one in run.patient_outcomes]
    ways = named(_in_words(_THERAPISTS, (str(spec["therapists"]) for spec in specs)))
    baseline = " and the baseline" if any(spec["baseline"] for spec in specs) else ""
    return f"Outcomes of patients were regressed by least squares on a mean over sessions{baseline}, with {ways}."


def _changes(run: StudyRun) -> Iterable[str]:
    if not run.patient_changes:
        return
    yield (
        "Patients were sorted by reliable and clinically significant change (Jacobson & Truax, 1991), with Wilson's "
        "(1927) limits of the shares."
    )
    own = dict.fromkeys(name for one in run.patient_changes for name in one.asked.from_sample)
    if own:
        words = {"sd": "standard deviation", "reliability": "reliability"}
        yield f"The {named([words[name] for name in own])} was that of these patients themselves, not a published one."
    if any(one.gains is not None for one in run.patient_changes):
        yield (
            "Sudden gains and losses were found by the three criteria of Tang and DeRubeis (1999), with *t* of the "
            "sessions present (Lutz et al., 2013)."
        )
    if any(one.before_gains is not None for one in run.patient_changes):
        yield "Homework before a sudden gain was compared with other sessions within patients."
    compared = [one.by_change for one in run.patient_changes if one.by_change is not None]
    if compared:
        means = " on their means over sessions" if any(one.is_over_sessions for one in compared) else ""
        yield (
            f"Patients who improved reliably were compared with others{means} by *d* with limits of the noncentral *t* "
            "(Cumming & Finch, 2001)."
        )


def _process(run: StudyRun) -> Iterable[str]:
    if run.process is None:
        return
    if any(one.result is not None for one in run.process.rater_corrections):
        yield (
            "Slopes were corrected for the error of raters, estimated from sessions coded twice, by moments, with a "
            "jackknife over patients and Fieller's limits (Fuller, 1987; Carroll et al., 2006)."
        )
    if any(one.result is not None for one in run.process.cross_lagged):
        yield (
            "Cross-lagged effects are those of a random-intercept cross-lagged panel model (Hamaker, Kuiper & Grasman, "
            "2015), beside a dynamic panel model (Allison, Williams & Moral-Benito, 2017)."
        )
    yield _mediations([one.result.design["kind"] for one in run.process.mediations if one.result is not None])


def _mediations(kinds: Sequence[str]) -> str:
    if not kinds:
        return ""
    levels = [kind for kind in dict.fromkeys(kinds) if kind != "single"]
    two = f"; {named(levels)} of sessions in patients with latent means (Preacher, Zyphur & Zhang, 2010)"
    return (
        "Indirect effects are products of paths with Monte Carlo limits (MacKinnon, Lockwood & Williams, 2004)"
        f"{two if levels else ''}."
    )


def _marginal(run: StudyRun) -> str:
    if not run.marginals:
        return ""
    ways = named(_in_words(_ADJUSTED, (str(one.spec["adjust"]) for one in run.marginals if one.design["tests"] > 1)))
    kinds = dict.fromkeys("slopes" if one.spec["slope"] else "means" for one in run.marginals)
    text = f"Marginal {' and '.join(kinds)} stand on a reference grid of the model (Searle, Speed & Milliken, 1980)"
    return f"{text}; their contrasts are adjusted by {ways}." if ways else f"{text}."


def _fidelity(run: StudyRun) -> str:
    if run.fidelity is None:
        return ""
    unit = "sessions" if run.fidelity.spec["therapist"] is None else "therapists"
    return f"Fidelity is the share of the components that were delivered, with limits of clusters ({unit})."


def _families(run: StudyRun) -> str:
    methods = [str(one.spec["method"]) for one in run.families]
    ways = [f"adjusted by {way}" for way in _in_words(_ADJUSTED, methods)]
    if "fixed" in methods:
        ways.append("held to a limit that was set and not computed")
    declared = f"Declared families of tests are {named(ways)}." if ways else ""
    if n_interactions(run.moderations) < 2:
        return declared
    return (
        "The interactions of the regressions are one family of tests, adjusted by Bonferroni, Holm (1979) and "
        f"Benjamini & Hochberg (1995). {declared}"
    ).strip()


def _figures(run: StudyRun) -> str:
    drawn = {one.spec["name"] for one in run.moderations if len(one.lines)}
    if not drawn:
        return ""
    asked = {one.model: one.form for one in run.study.interaction_figures}
    forms = named(_in_words(_LINES, (asked.get(str(name), "spread") for name in sorted(drawn))))
    return f"Figures of interactions draw the expected outcome at {forms} (Aiken & West, 1991)."


def _in_words(words: dict[str, str], found: Iterable[str]) -> list[str]:
    """Each of `found` once, in words; those without words are left out."""
    return [words[one] for one in dict.fromkeys(found) if one in words]
