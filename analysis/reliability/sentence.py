"""The sentence to paste: both notations, model, k, n, interval, adjective from a cited rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from doublecode.analysis.reliability.forms import MODEL
from doublecode.analysis.results.rules import Rule, judge, rule_named
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from doublecode.analysis.reliability.interrater import ICCResult

HOW = {
    "anova": "from mean squares, exact F limits",
    "reml": "by REML, profile-likelihood limits",
    "anova, jackknife over targets": "from mean squares, limits by leaving out each target once",
    "reml, jackknife over targets": "by REML, limits by leaving out each target once",
}


def sentences(result: ICCResult, rule: str | Rule, form: str | None) -> list[str]:
    """Return one sentence per set of the result."""
    chosen = rule_named(rule) if isinstance(rule, str) else rule
    if form is not None and form not in set(result.frame["form"]):
        raise UsageError(
            f"sentence: the result holds no form {form!r}; it holds {', '.join(dict.fromkeys(result.frame['form']))}."
        )
    by = result.spec["by"]
    lines = []
    for entry in result.design["sets"]:
        rows = result.frame
        for name in by:
            rows = rows[rows[name] == entry["set"][name]]
        lines.append(_sentence(result, entry, rows, chosen, form))
    return lines


def used_form(rows: pd.DataFrame) -> pd.Series[Any]:
    """Row of the score as the design yields it: ICC(A,·) of the effective k, else ICC(1,·).

    `rows` are the rows of one set.
    """
    for name in ("ICC(A,k_eff)", "ICC(A,k)", "ICC(1,k_eff)", "ICC(1,k)", "ICC(A,1)", "ICC(1,1)"):
        found = rows[(rows["form"] == name) & rows["estimate"].notna()]
        if len(found):
            return found.iloc[0]
    return rows.iloc[0]


def _sentence(result: ICCResult, entry: dict[str, Any], rows: pd.DataFrame, rule: Rule, form: str | None) -> str:
    targets = result.spec["targets"]
    name = ", ".join(f"{key} {value}" for key, value in entry["set"].items())
    head = f"Inter-rater reliability of {targets} scores{f' ({name})' if name else ''}"
    row = used_form(rows) if form is None else rows[rows["form"] == form].iloc[0]
    if pd.isna(row["estimate"]):
        return f"{head} could not be estimated ({row['method']})."
    definition = row["form"][4]
    both = row["form"] if row["shrout_fleiss"] == "–" else f"{row['form']} (Shrout & Fleiss: {row['shrout_fleiss']})"
    limits = f"{result.spec['conf_level']:.0%} CI [{_number(row['conf_low'])}, {_number(row['conf_high'])}]"
    method = str(row["method"])
    how = max((word for word in HOW if method.startswith(word)), key=len, default="")
    return (
        f"{head}: {both} = {_number(row['estimate'])}, {limits}; {MODEL[definition]}, {_k_words(row)}, "
        f"{_counts(entry, targets)}, {HOW.get(how, method)}. {_verdict(row, rule)}"
    )


def _verdict(row: pd.Series[Any], rule: Rule) -> str:
    if pd.isna(row["conf_low"]) or pd.isna(row["conf_high"]):
        return "One of its limits does not exist, so it is not judged."
    return f"By its interval it is {judge(row['conf_low'], row['conf_high'], rule)} ({rule.short})."


def _number(value: float) -> str:
    """Two decimals without a leading zero, as reliability is printed; a dash where there is none."""
    if pd.isna(value):
        return "–"
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 1.0 and not text.endswith("1.00") else text


def _k_words(row: pd.Series[Any]) -> str:
    if row["k"] == 1.0:
        return "single rating (k = 1)"
    if row["form"].endswith("k_eff)"):
        return f"mean of k = {row['k']:.2f} ratings per target (harmonic mean)"
    return f"mean of k = {row['k']:g} ratings"


def _counts(entry: dict[str, Any], targets: str) -> str:
    words = [f"n = {entry['n_targets']} {targets}s"]
    if entry["n_raters"] is not None:
        words.append(f"{entry['n_raters']} raters")
    words.append(f"{entry['n_ratings']} ratings")
    if entry["n_single_coded"]:
        words.append(f"{entry['n_multiply_coded'] / entry['n_targets']:.0%} coded more than once")
    return ", ".join(words)
