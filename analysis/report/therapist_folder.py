"""The folder of therapists' pages: a page and a Word file each, and apart from them what only the laboratory sees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from doublecode.analysis.rendering.tables import write_csv
from doublecode.analysis.report.target_folder import checked_target
from doublecode.analysis.report.therapist_page import therapist_document
from doublecode.schemas.letters import written_out
from doublecode.schemas.whole_files import replace_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doublecode.analysis.study.therapist_facts import TherapistResult
    from doublecode.schemas.study import Study

FOLDER: Final = "therapists"
LAB: Final = "for_the_lab"
OF_THE_LAB: Final = ("hear_again_key.csv", "pages.csv", "README.txt")
_PAGE: Final = re.compile(r"therapist_[A-Za-z0-9_-]+\.(html|docx)")
_README: Final = (
    "For the laboratory only: these tables say which recording and whose page is meant, with ids of patients and\n"
    "sessions. Keep this folder where the ids are kept, and never send it with a page.\n"
)


def is_of_therapists(path: str) -> bool:
    """Whether therapists' pages have a file of this path within the study folder.

    Examples
    --------
    >>> is_of_therapists("therapists/therapist_T1.html"), is_of_therapists("therapists/letter.docx")
    (True, False)
    """
    first, _, rest = path.partition("/")
    return first == FOLDER and (bool(_PAGE.fullmatch(rest)) or rest in [f"{LAB}/{name}" for name in OF_THE_LAB])


def check_therapists_target(folder: Path, *, overwrite: bool) -> Path:
    """Refuse, before any work, to write over earlier pages or over what are none; return the folder."""
    return checked_target(folder, FOLDER, "page of a therapist", is_of_therapists, overwrite=overwrite)


def page_names(therapists: Sequence[str]) -> dict[str, str]:
    """Name of each therapist's files, without ending: letters and digits that every disk takes, each name once.

    Examples
    --------
    >>> list(page_names(["T1", "t1", "Jörg/Ö", "../x", "?"]).values())
    ['therapist_T1', 'therapist_t1_2', 'therapist_joerg_oe', 'therapist_x', 'therapist_5']
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for at, therapist in enumerate(therapists, 1):
        plain = therapist if therapist.isascii() else written_out(therapist)
        stem = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")[:60] or str(at)
        name, more = f"therapist_{stem}", 2
        while name.lower() in taken:  # a disk may take T1 and t1 for one
            name, more = f"therapist_{stem}_{more}", more + 1
        taken.add(name.lower())
        found[therapist] = name
    return found


def write_therapists(found: TherapistResult, study: Study, folder: Path, *, overwrite: bool = False) -> Path:
    """Write ``therapists/`` into `folder`: a page and a Word file per therapist, and ``for_the_lab/``.

    Raises
    ------
    UsageError
        It is there already and `overwrite` is False, or holds other files.
    """
    from doublecode.analysis.rendering.docx import write_docx
    from doublecode.analysis.rendering.page import render_page

    target = check_therapists_target(folder, overwrite=overwrite)
    names = page_names(found.spec["therapists"])

    def fill(fresh: Path) -> None:
        for therapist, name in names.items():
            document = therapist_document(found, study, therapist)
            (fresh / f"{name}.html").write_text(render_page(document), encoding="utf-8", newline="\n")
            write_docx(document, fresh / f"{name}.docx")
        lab = fresh / LAB
        lab.mkdir()
        pages = pd.DataFrame({"page": list(names.values()), "therapist": list(names)})
        write_csv(pages, lab / "pages.csv")
        key = found.recordings.assign(page=found.recordings["therapist"].map(names))
        write_csv(key[["page", *found.recordings.columns]], lab / "hear_again_key.csv")
        (lab / "README.txt").write_text(_README, encoding="utf-8", newline="\n")

    replace_folder(target, fill)
    return target
