"""The page of the status: whole by itself, the counts of the result, no name of a patient."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from doublecode.analysis import study_status
from doublecode.analysis.report.status_page import write_status_page
from doublecode.schemas import load_study


def test_the_page_is_whole_by_itself_and_names_no_patient(half_finished: Path, half: Any, tmp_path: Path) -> None:
    study = load_study(half_finished)
    found = study_status(study, today=half.TODAY)
    text = write_status_page(found, study, tmp_path / "status.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:href|src)="([^"]*)"', re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL))
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert not re.search(r"\bP[1-9]\b", text)
    design = found.design
    assert f"{design['n_done']} of {design['n_to_rate']}" in text
    assert f"{design['n_pairs_complete']} of {design['n_pairs']}" in text
    assert f"{design['n_late']} assignments are late" in text
    assert text == write_status_page(found, study, tmp_path / "again.html").read_text(encoding="utf-8")
