"""Makes the workbooks that went through LibreOffice; run by hand where soffice is installed. Synthetic.

A template of the GHES is filled in and saved once by doublecode, then opened and saved by LibreOffice
as .xlsx and as .ods. The tests hold what LibreOffice wrote against what was filled in.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from doublecode.coding.workbooks.content import Sheet
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.layout import Stamp
from doublecode.coding.workbooks.save import save_fixed
from doublecode.coding.workbooks.write import make_workbook
from doublecode.schemas.codebook_hash import coding_hash
from doublecode.schemas.instrument import load_instrument

HERE = Path(__file__).parent
IDS = ("S-7KQ2", "001", "1E5", "S-NA")
CELLS = {
    (session, item): (row + column) % 5
    for row, session in enumerate(IDS)
    for column, item in enumerate(
        ("extent", "as_agreed", "applied", "intensity", "difficulties", "benefit", "time_spent")
    )
}
CELLS |= {(session, "homework_done"): "mood diary, 2-3 times" for session in IDS}
CELLS |= {("001", "applied"): "IN", ("1E5", "applied"): "NR", ("S-NA", "extent"): "3 "}


def main() -> None:
    """Write ``libreoffice_ghes.xlsx`` and ``.ods`` beside this script."""
    book = load_instrument("ghes")
    stamp = Stamp("synthetic", "ghes", book.version, coding_hash(book), "R1", "batch01")
    rows = [
        {"session_id": session, "recording": f"{n}.mp3", "homework_given": "diary"} for n, session in enumerate(IDS)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        empty = save_fixed(make_workbook(Sheet(stamp, book, rows)), folder / "empty.xlsx")
        fill_workbook(empty, folder / "libreoffice_ghes.xlsx", CELLS, comments={("001", "benefit"): "hard to hear"})
        for kind in ("xlsx", "ods"):
            command = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", kind]
            source = str(folder / "libreoffice_ghes.xlsx")
            subprocess.run([*command, "--outdir", str(folder / kind), source], check=True, capture_output=True)
            shutil.copyfile(folder / kind / f"libreoffice_ghes.{kind}", HERE / f"libreoffice_ghes.{kind}")


if __name__ == "__main__":
    main()
