"""Sections of the sensitivity page on missing data: who is lost, attendance, imputations, and how it was done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from doublecode.analysis.linking.imputation import R_HAT
from doublecode.analysis.rendering.document import Block, Headline, Paragraph, Section
from doublecode.analysis.rendering.tables import format_interval, format_number, format_p
from doublecode.analysis.study.missing_tables import attendance_tables, imputed_tables, lost_tables

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.attendance import Attendance
    from doublecode.analysis.study.imputed_headline import ImputedHeadline
    from doublecode.analysis.study.labels import Labels
    from doublecode.analysis.study.lost_units import LostUnits
    from doublecode.analysis.study.missing_data import MissingAnswer


def missing_headlines(answer: MissingAnswer) -> Iterator[Headline]:
    """The finding over imputations, beside the other headlines."""
    if answer.imputed is not None:
        row, spec = answer.imputed.frame.iloc[1], answer.imputed.spec
        yield Headline(
            f"Over {spec['m']} imputations", f"*b* = {b_of(row['estimate'])} {limits_of(row)}",
            f"missing scores drawn from a multilevel model; *p* {format_p(row['p_value'])}, {row['n_rows']:.0f} rows",
        )  # fmt: skip


def missing_sections(answer: MissingAnswer, labels: Labels) -> Iterator[Section]:
    """Who is lost, attendance, imputations."""
    yield Section("lost", "Who and what is missing", tuple(_lost(answer.lost, labels)))
    attendance = [] if answer.attendance is None else [*_attendance(answer.attendance, labels)]
    imputed = [] if answer.imputed is None else [*_imputed(answer.imputed, labels)]
    for name, title, blocks in (
        ("attendance", "How often patients came", attendance),
        ("imputed", "Missing scores imputed", imputed),
    ):
        if name in answer.refusals:
            blocks = [Paragraph(f"There is no answer: {answer.refusals[name]}")]
        if blocks:
            yield Section(name, title, tuple(blocks))


def _lost(lost: LostUnits, labels: Labels) -> Iterator[Block]:
    counts = {(row["unit"], row["stage"]): int(row["n"]) for row in lost.flow.to_dict("records")}
    said = f"{counts['patients', 'analysed']} of {counts['patients', 'declared']} patients in patients.csv are analysed"
    if ("sessions", "analysed") in counts:
        said += f", with {counts['sessions', 'analysed']} of {counts['sessions', 'held']} sessions"
    yield Paragraph(f"{said}.")
    yield from lost_tables(lost, labels)
    nested = ("sessions", "analysed") in counts
    for unit, rows in (("patients", lost.patients), ("sessions", lost.sessions)):
        if len(rows):
            yield Paragraph(_differing(unit, rows, labels, nested=nested))


def _differing(unit: str, rows: pd.DataFrame, labels: Labels, *, nested: bool) -> str:
    """Which intervals do not hold zero; of whom nothing is known."""
    known = rows[rows["d"].notna()]
    if known.empty:
        return f"No value of lost {unit} is known, so that nothing can be compared."
    apart = known[(known["conf_low"] > 0) | (known["conf_high"] < 0)]
    if apart.empty:
        return (
            f"No standardised difference between analysed and lost {unit} has an interval without 0; with few lost "
            f"{unit} intervals are wide, and no difference is shown by that."
        )
    most = apart.iloc[int(apart["d"].abs().argmax())]
    names = dict.fromkeys(labels.get(str(one), str(one)) for one in apart["variable"])
    return (
        f"Analysed and lost {unit} differ in {', '.join(names)} (intervals without 0), most by *d* = "
        f"{format_number(most['d'])} {format_interval(most['conf_low'], most['conf_high'])}. What they differ in "
        f"belongs into the model{' or among the auxiliary variables of an imputation' if nested else ''}, unless it "
        "stands there."
    )


def _attendance(found: Attendance, labels: Labels) -> Iterator[Block]:
    yield Paragraph(
        f"{found.n_patients} patients came to {found.low:g} to {found.high:g} sessions (*M* = "
        f"{format_number(found.mean)}, *SD* = {format_number(found.sd)}). With the number of sessions attended between "
        "patients, alone and multiplied by time and by the predictor, the model says whether the finding is one of "
        "those who stayed (pattern mixture; Hedeker & Gibbons, 1997)."
    )
    yield from attendance_tables(found, labels)
    last = found.terms[found.terms["model"] == found.terms["model"].iloc[-1]]
    tests = [
        f"{what} {b_of(row['estimate'])} {limits_of(row)}, *p* {format_p(row['p_value'])}"
        for role, what in (("time", "with each session more the course differs by"),
                           ("predictor", "the finding by"))
        for row in last[last["role"] == role].to_dict("records")[-1:]
    ]  # fmt: skip
    first, end = found.headline.iloc[0], found.headline.iloc[-1]
    yield Paragraph(
        f"{_capital('; '.join(tests))}. The finding itself is *b* = {b_of(first['estimate'])} without and "
        f"{b_of(end['estimate'])} {limits_of(end)} with attendance, for a patient who came to the mean number of "
        "sessions."
    )


def _imputed(found: ImputedHeadline, labels: Labels) -> Iterator[Block]:
    complete, pooled = found.frame.iloc[0], found.frame.iloc[1]
    spec, worst = found.spec, float(found.convergence["r_hat"].max())
    yield Paragraph(
        f"By complete rows *b* = {b_of(complete['estimate'])} {limits_of(complete)}; over {spec['m']} imputations "
        f"*b* = {b_of(pooled['estimate'])} {limits_of(pooled)}, a change of "
        f"{format_number(abs(pooled['estimate'] - complete['estimate']) / complete['std_error'])} of its standard "
        "error."
    )
    yield from imputed_tables(found, labels)
    agree = "agree" if worst <= R_HAT else "do not agree: raise burn_in and thin, or impute fewer variables"
    yield Paragraph(
        f"The {spec['chains']} chains {agree} (largest split *R̂* {format_number(worst, digits=4)}; below {R_HAT:g} "
        f"they do), each with {spec['burn_in']} draws before the first and then one in {spec['thin']} kept, seed "
        f"{spec['seed']}."
    )
    if found.n_not_converged:
        yield Paragraph(f"{found.n_not_converged} of {spec['m']} fits to imputed data did not converge.")


def missing_methods(answer: MissingAnswer) -> Iterator[Block]:
    """How it was done."""
    if answer.imputed is None:
        return
    spec = answer.imputed.spec
    slopes = f" and slopes of {', '.join(spec['slopes'])}" if spec["slopes"] else ""
    outcome = (
        f" {answer.imputed.n_outcome} rows without an outcome helped to impute and were left out of the model (von "
        "Hippel, 2007)." if answer.imputed.n_outcome else ""
    )  # fmt: skip
    yield Paragraph(
        f"Imputation: the scores {', '.join(f'`{one}`' for one in spec['variables'])} of a session are jointly normal "
        f"within and between patients, with patient intercepts{slopes} (Schafer & Yucel, 2002). They were drawn before "
        "any lag was taken and before predictors were split into patient mean and deviation; cells that could have "
        f"had no value stay empty.{outcome} Pooled by Rubin's (1987) rules with the df of Barnard and Rubin (1999). "
        "All of it stands on missing at random: given what was observed, whether a score is missing does not depend on "
        "the score."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def b_of(value: Any) -> str:
    """A coefficient as the page prints it."""
    return format_number(float(value), "estimate")


def limits_of(row: Any) -> str:
    """The limits of a coefficient as the page prints them."""
    return format_interval(float(row["conf_low"]), float(row["conf_high"]), "estimate")
