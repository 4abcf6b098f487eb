"""Whether the sensitivity page of a study is there, and made of the same declaration, tables and ratings as a run."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.document import Link, Links, Paragraph, Section
from doublecode.analysis.report.manifest import manifest_of

if TYPE_CHECKING:
    from doublecode.analysis.rendering.document import Block
    from doublecode.analysis.study.study_run import Intake, StudyRun

FOLDER: Final = "sensitivity"
PAGE: Final = "index.html"
_STANDS_ON: Final = ("set_aside", "inputs", "ratings", "codebooks")
_STALE: Final = (
    '<p class="callout" role="note" id="stale">This page is of an earlier state: study.toml, a table or a workbook has '
    "changed since it was made. Make it anew: doublecode sensitivity {study} --overwrite</p>"
)
_BEFORE: Final = '<dl class="headlines">'


class State(StrEnum):
    """What there is of a sensitivity analysis."""

    ABSENT = "absent"
    SAME = "same"
    STALE = "stale"


def sensitivity_state(intake: Intake) -> State:
    """Whether the page in the study folder is there and of what was read now.

    Changed are its declaration, its own codebooks, a table, or which workbooks count and what is in them.
    """
    path = intake.study.folder / FOLDER / "manifest.json"
    try:
        then = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return State.STALE if (path.parent / PAGE).is_file() else State.ABSENT
    now = manifest_of(intake, ())
    return State.SAME if all(_read(now[name]) == then.get(name) for name in _STANDS_ON) else State.STALE


def _read(value: Any) -> Any:
    """As it would be read back."""
    return json.loads(json.dumps(value))


def sensitivity_section(run: StudyRun) -> Section | None:
    """Where the declared findings are held against single units and other rules, or how to do it."""
    asked, study = run.study.sensitivity, run.study
    if asked is None:
        return None
    n = len(asked.each)
    what = "One finding is" if n == 1 else f"{n} findings are"
    declared = (
        f"{what} declared to be held against single patients, raters and therapists, other rules and other standard "
        f"errors (`[sensitivity]` of study.toml)"
    )
    state = sensitivity_state(run.intake)
    block: Block
    if state is State.SAME:
        text = f"{declared}; computed of the same declaration and ratings as this report."
        block = Links(text, (Link("Sensitivity page", f"../{FOLDER}/{PAGE}"),))
    else:
        why = "" if state is State.ABSENT else " The page that is there is of an earlier state."
        more = "" if state is State.ABSENT else " --overwrite"
        block = Paragraph(f"{declared}.{why} A run does not compute it: `doublecode sensitivity {study.name}{more}`.")
    return Section("sensitivity", "How far the findings hold", (block,))


def mark_stale(intake: Intake) -> bool:
    """Say on the sensitivity page of the study folder that it is of an earlier state, where it is.

    Returns
    -------
    bool
        Whether the page was marked now; False also where the folder can only be read.
    """
    page = intake.study.folder / FOLDER / PAGE
    if sensitivity_state(intake) is not State.STALE:
        return False
    try:
        text = page.read_text(encoding="utf-8")
        if 'id="stale"' in text or _BEFORE not in text:
            return False
        marked = text.replace(_BEFORE, f"{_STALE.format(study=intake.study.name)}\n{_BEFORE}", 1)
        page.write_text(marked, encoding="utf-8", newline="\n")
    except OSError:
        return False
    return True
