"""The text of a new ``study.toml``: what is declared, and as comments what else may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from doublecode.coding.new_study.variable_examples import Use, further_variables, quoted

_KEYS: Final = ("name", "label", "instrument", "scale", "event")


def declaration(
    name: str,
    title: str,
    seed: int,
    raters: Sequence[str],
    uses: Sequence[Use],
    columns: Mapping[str, Sequence[str]],
    events: Mapping[str, str],
) -> str:
    """Write ``study.toml``.

    Parameters
    ----------
    columns : mapping of str to sequence of str
        Further columns of ``patients.csv`` ("patients"), offered for the table of the sample and as variables, and all
        of ``sessions.csv`` ("sessions").
    events : mapping of str to str
        Events of outcomes beyond the sessions: name → as the lab's file writes it.
    """
    variables = _variables(uses)
    parts = [
        _head(name, title, seed, columns.get("patients", ())) + _events(events),
        _raters(raters),
        "# ---- what is measured: codebooks that come with doublecode by their name, your own by their file ----\n",
        *(_use(use, raters) for use in uses),
        _variable_part(variables, columns.get("patients", ())),
        further_variables(uses, [one["name"] for one in variables], columns.get("sessions", ())),
        _models(variables),
    ]
    return "\n".join(parts)


def _head(name: str, title: str, seed: int, columns: Sequence[str]) -> str:
    shown = ", ".join(map(quoted, columns)) or '"age", "gender"'
    return f"""\
# Everything about this study is declared here. A line that begins with # is a comment: take the # away and it counts.
# Every key with its choices: docs, "Every key of study.toml". doublecode run checks this file before anything else.

name = {quoted(name)} # stands in every workbook; do not change it once workbooks are out
title = {quoted(title)} # the heading of the report
# citation = "What the study is to be cited as"
# language = "de" # of the raters' workbooks; without the line they are in English
unit = "session" # one row of the analysis is a "session" or a "patient"
seed = {seed} # where random numbers start; the same seed gives the same study
# sample_columns = [{shown}] # columns of the tables of patients and therapists for the table of the sample
"""


def _events(events: Mapping[str, str]) -> str:
    if not events:
        return ""
    listed = ", ".join(
        quoted(name) if name == text else f"{{ name = {quoted(name)}, label = {quoted(text)} }}"
        for name, text in events.items()
    )
    return f"events = [{listed}] # beyond the sessions: what the column event of an outcome may say\n"


def _raters(raters: Sequence[str]) -> str:
    lines = "".join(f'    {{ id = {quoted(rater)}, description = "" }},\n' for rater in raters)
    return f"""\
# ---- who codes: ids, no real names; the description is printed, such as "doctoral candidate, 20 h of training" ----

raters = [
{lines}]
"""


def _use(use: Use, raters: Sequence[str]) -> str:
    numeric = [item.name for item in use.book.items if item.type == "ordinal"]
    some = ", ".join(map(quoted, numeric[:1]))
    head = f"[[instruments]] # {use.book.title}\nname = {quoted(use.named)}\n"
    if use.is_outcome:
        days = "days: a row with a date and no session number is of the patient's next session, if it is so near"
        mark, within = ("# ", 7) if use.within is None else ("", use.within)
        rule = f"{mark}next_session_within = {within} # {days}"
        return (
            f'{head}source = "outcomes" # the answers lie in outcomes/{use.book.name}.csv: patient, session, a column '
            f"per item\n{rule}\n# sessions = [1, 2, 3] # only in these sessions; without the line in all\n"
        )
    listed = ", ".join(map(quoted, raters))
    pooled = "a session coded twice counts with the"
    pooling = f'pooling = "mean" # {pooled} "mean" of its raters, or with its "primary" rater alone'
    if use.book.homework_log is not None:
        pooling = f"# of a log, {pooled} log of its primary rater"
    return f"""\
{head}raters = [{listed}]
{pooling}
# sessions = [1, 2, 3] # only in these sessions; without the line in all
# reverse = [{some}] # exactly these items are reversed, whatever the codebook says
# reliability = "one-way" # "two-way", or "one-way" where it is not known which rater is which
# reliability_interval = "jackknife" # "model", or "jackknife" for scores that pile up on a floor
"""


def _variables(uses: Sequence[Use]) -> list[dict[str, Any]]:
    """A variable for each scale, outcomes last; each with a name of its own."""
    scales = [(use, scale) for use in uses for scale in use.book.scales]
    seen = [scale.name for _, scale in scales]
    made = []
    for use, scale in scales:
        is_plain = seen.count(scale.name) == 1 and scale.name != "total"
        name = (
            scale.name if is_plain else use.book.name if len(use.book.scales) == 1 else f"{use.book.name}_{scale.name}"
        )
        own = {"name": name, "label": scale.label, "instrument": use.book.name, "scale": scale.name,
               "is_outcome": use.is_outcome, "shown": True}  # fmt: skip
        made += [own] if use.of_sessions else []
        made += [
            own | {"name": f"{name}_{event}", "label": f"{scale.label} ({text})", "event": event,
                   "shown": not use.of_sessions}
            for event, text in use.events.items()
        ]  # fmt: skip
    return made


def _variable_part(variables: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    lines = ["# ---- the columns of the analysis, from scales, items, and columns of your tables ----\n"]
    for one in sorted(variables, key=lambda one: not one["shown"]):
        keys = ("[[variables]]", *(f"{key} = {quoted(one[key])}" for key in _KEYS if key in one))
        mark = "" if one["shown"] else "# "
        lines.append("".join(f"{mark}{key}\n" for key in keys))
    column, added = (columns[0], "") if columns else ("age", ", once you have added it there")
    told = f"# name = {quoted(column)}\n# label = {quoted(column)}\n# column = {quoted(column)}"
    lines.append(f"# [[variables]]\n{told} # of patients.csv{added}; numbers\n")
    return "\n".join(lines)


def _models(variables: Sequence[Mapping[str, Any]]) -> str:
    variables = sorted((one for one in variables if one["shown"]), key=lambda one: "event" in one)
    names = [one["name"] for one in variables]
    if not names:
        return "# ---- what is asked: declare variables first ----\n"
    outcome = next((one["name"] for one in variables if one["is_outcome"]), names[-1])
    predictor = next((name for name in names if name != outcome), None)
    course = [f"{outcome} ~ 1 + (1 | patient)", f"{outcome} ~ session + (session | patient)"]
    steps = course if predictor is None else [*course, f"{outcome} ~ session + {predictor} + (session | patient)"]
    listed = "".join(f"#     {quoted(step)},\n" for step in steps)
    split = f"# split = [{quoted(predictor or '')}] # is entered as the patient's mean and the deviation from it\n"
    return f"""\
# ---- what is asked; nothing is run that does not stand here ----

{"" if predictor is None else _correlations(predictor, outcome)}\
# [[series]] # multilevel models, step by step on the same rows; (session | patient): a course for each patient
# name = "m_{outcome}"
# title = {quoted(f"{outcome} on {predictor}" if predictor else f"Course of {outcome}")}
# steps = [
{listed}# ]
{"" if predictor is None else split}\

# [[papers.tables]] # as your paper prints it, for Word, Excel and LaTeX: docs, "Tables as the paper prints them"
# number = 1
# title = {quoted(f"Multilevel models of {outcome}")}
# kind = "series"
# series = ["m_{outcome}"]
{"" if predictor is None else _outliers(outcome)}"""


def _outliers(outcome: str) -> str:
    """The rule for values far out; it acts on correlations and regressions, not on what stands in series alone."""
    return f"""\

# [outliers] # values far from the others are drawn in to the fence in correlations and regressions; all are listed
# variables = [{quoted(outcome)}]
# multiplier = 1.5
"""


def _correlations(one: str, other: str) -> str:
    return f"""\
# [correlations]
# variables = [{quoted(one)}, {quoted(other)}]
# method = "pearson" # or "spearman"

"""
