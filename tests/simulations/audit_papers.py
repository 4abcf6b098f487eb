"""The audit of the two papers: which of the known questions are asked, and what else is.

The texts of the papers belong to their publishers and do not stand here; this is run by hand on a folder that has them:

    python tests/simulations/audit_papers.py FOLDER      haller_watzke_2021.txt and jungbluth_shirk_2013.txt
"""

from __future__ import annotations

import sys
from pathlib import Path

from doublecode.analysis.auditing.audited_text import audit_file

KNOWN = {
    "haller_watzke_2021.txt": (
        ("1 homework types", "parts", "138 → 128 repairs the sum and the printed 31 %"),
        (
            "2 sessions rated",
            "printed_twice",
            "197 rated sessions in one place, 194 in another. The 3 sessions of the",
        ),
        ("3 age", "printed_twice", "56 (18.1) here and 54.1 (18.8)"),
        ("4 parameters", "model_name", "give 5 parameters"),
        ("4 model 2 twice", "printed_twice", "5 and 7 parameters"),
        ("5 rows", "model_rows", "171 to 172 rows, which fits 194 less one for each of 22 patients and not 197"),
        ("6 HE on TBH", "coefficient_p", "p = .032 only at 3 to 4 df"),
        ("7 by a hair", "coefficient_p", "by a hair, p = .015"),
        ("8 likelihood ratio", "likelihood_ratio", "6.64 on 1 df"),
        ("9 loads", "loads", "45 to 60 % coded twice; printed 40 %. The pilot (3 sessions × 5 raters)"),
        ("10 main loads", "loads", "160 to 190 ratings, of 194 or 197 sessions"),
    ),
    "jungbluth_shirk_2013.txt": (
        ("14 share coded twice", "percent", "19 of 93 (50 + 48 held − 5 lost) is 20.4 %"),
        ("14 ICC model", "icc_model", "one-way mixed"),
        ("14 list of adjusted", "adjusted", "Initial Resistance"),
    ),
}


def main(folder: Path) -> None:
    for name, known in KNOWN.items():
        found = audit_file(folder / name)
        said = [(note.kind, text) for note, text in zip(found.notes, found.note_texts(), strict=True)]
        expected = set()
        print(f"{name}: {found.counted()}")
        for title, kind, words in known:
            match = next((text for one, text in said if one == kind and words in text), None)
            expected.add(match)
            print(f"  {title:<22}{'asked' if match else 'NOT ASKED'}")
        others = [text for _, text in said if text not in expected]
        print(f"  other questions: {len(others)}", *others, sep="\n    ")
        consistent = found.frame[found.frame["verdict"] == "consistent"]
        print(f"  consistent: {'; '.join(consistent['check'] + ' ' + consistent['printed'])}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
