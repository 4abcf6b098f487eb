"""The frequencies that the notebook prints are those that the simulation of 2,000 studies found."""

from __future__ import annotations

import json
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROWS = {
    "rationale × resistance, session 1 (printed)": "rationale_s1 × resistance (printed)",
    "time × resistance, session 1 (printed)": "time_s1 × resistance (printed)",
    "rationale × earlier adherence, session 2 (printed)": "rationale_s2 × adherence (printed)",
    "reactions × earlier adherence, session 2 (printed)": "reactions_s2 × adherence (printed)",
    "task specified × resistance, session 1": "specification_s1 × resistance (not printed)",
    "reactions × resistance, session 1": "reactions_s1 × resistance (not printed)",
    "task specified × earlier adherence, session 2": "specification_s2 × adherence (not printed)",
    "time × earlier adherence, session 2": "time_s2 × adherence (not printed)",
    "all four that are printed": "all four that are printed",
    "the paper's pattern: these four and no other": "the paper's pattern: all four and no other",
}


def test_the_notebook_prints_what_the_simulation_found():
    found = (TESTS / "simulations" / "recovery_adolescent.txt").read_text(encoding="utf-8")
    shares = {
        name.strip(): tuple(round(100 * float(share)) for share in (usual, robust))
        for name, usual, robust in re.findall(r"^ *(\S.*?) +(0\.\d+) (0\.\d+)$", found, re.MULTILINE)
    }
    cells = json.loads((TESTS.parent / "notebooks" / "jungbluth_shirk_2013.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    printed = {
        name: (int(usual), int(robust))
        for name, usual, robust in re.findall(r"^\| (.+?) \| (\d+) % \| (\d+) % \|$", text, re.MULTILINE)
    }
    assert printed == {name: shares[line] for name, line in ROWS.items()}
