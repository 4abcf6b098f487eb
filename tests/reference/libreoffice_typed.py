"""Types codes into German workbooks with LibreOffice itself; run by hand where soffice is installed. Synthetic.

A template of the THABS is written by doublecode in German. A Basic macro opens it in LibreOffice, types into cells as
a rater does, and saves it as .xlsx and as .ods. The tests hold what LibreOffice saved against what was typed.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

from doublecode.coding.workbooks.content import Sheet
from doublecode.coding.workbooks.layout import HEADER_ROW, Stamp, rate_columns
from doublecode.coding.workbooks.save import save_fixed
from doublecode.coding.workbooks.write import make_workbook
from doublecode.schemas.codebook_hash import coding_hash
from doublecode.schemas.instrument import load_instrument
from doublecode.schemas.workbook_texts import shipped_texts

HERE = Path(__file__).parent
IDS = ("S-7KQ2", "S-8LR3", "001", "1E5", "S-NA")
ITEMS = tuple(item.name for item in load_instrument("thabs").columns)
TYPED: dict[tuple[str, str], str] = {
    (session, item): str((row + column) % 5) for row, session in enumerate(IDS[:4]) for column, item in enumerate(ITEMS)
}
TYPED |= {(IDS[0], "time_assigning"): "7200", (IDS[1], "time_assigning"): "0", (IDS[3], "rationale"): "NR"}
TYPED |= {(IDS[2], "time_assigning"): "IN", (IDS[1], "notes"): "Straßenlärm; 2-3 Sätze fehlen"}
TYPED |= {(IDS[4], "status"): "schlechter Ton"}
PLANTED = {
    (IDS[0], "praise"): ("7", "out_of_range"),
    (IDS[1], "rationale"): ("2.5", "half_point"),
    (IDS[2], "review"): ("", "missing_rating"),
    (IDS[3], "time_assigning"): ("7201", "out_of_range"),
}
MACRO = """
Sub Main(task As String)
  Dim n As Integer, line As String, source As String, x As String, o As String, parts, doc
  n = FreeFile
  Open task For Input As #n
  Line Input #n, source
  Line Input #n, x
  Line Input #n, o
  Dim how(0) As New com.sun.star.beans.PropertyValue
  how(0).Name = "Hidden"
  how(0).Value = True
  doc = StarDesktop.loadComponentFromURL(ConvertToURL(source), "_blank", 0, how())
  While Not EOF(n)
    Line Input #n, line
    parts = Split(line, Chr(9))
    doc.Sheets.getByIndex(1).getCellByPosition(CInt(parts(1)), CInt(parts(0))).setFormula(parts(2))
  Wend
  Close #n
  how(0).Name = "FilterName"
  how(0).Value = "Calc MS Excel 2007 XML"
  doc.storeToURL(ConvertToURL(x), how())
  how(0).Value = "calc8"
  doc.storeToURL(ConvertToURL(o), how())
  doc.close(True)
End Sub
"""
MODULE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Module1" '
    f'script:language="StarBasic">{escape(MACRO)}</script:module>'
)
LIBRARY = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard" '
    'library:readonly="false" library:passwordprotected="false"><library:element library:name="Module1"/>'
    "</library:library>"
)
LIBRARIES = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<library:libraries xmlns:library="http://openoffice.org/2000/library" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<library:library library:name="Standard" xlink:href="$(USER)/basic/Standard/script.xlb/" xlink:type="simple" '
    'library:link="false"/></library:libraries>'
)


def main() -> None:
    """Write ``libreoffice_thabs_de.xlsx`` and ``.ods`` beside this script."""
    book = load_instrument("thabs")
    stamp = Stamp("synthetic", "thabs", book.version, coding_hash(book), "R1", "batch01")
    rows = [{"session_id": session, "recording": f"{n}.mp3"} for n, session in enumerate(IDS)]
    cells = TYPED | {place: typed for place, (typed, _) in PLANTED.items()}
    names = rate_columns(book)
    lines = [f"{HEADER_ROW + IDS.index(row)}\t{names.index(column)}\t{text}" for (row, column), text in cells.items()]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        program = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--norestore"]
        subprocess.run([*program, "--terminate_after_init"], check=True, capture_output=True, timeout=120)
        basic = folder / "profile" / "user" / "basic"
        (basic / "Standard").mkdir(parents=True, exist_ok=True)
        (basic / "Standard" / "Module1.xba").write_text(MODULE, encoding="utf-8")
        (basic / "Standard" / "script.xlb").write_text(LIBRARY, encoding="utf-8")
        (basic / "script.xlc").write_text(LIBRARIES, encoding="utf-8")
        source = save_fixed(make_workbook(Sheet(stamp, book, rows, shipped_texts("de"))), folder / "empty.xlsx")
        saved = [HERE / f"libreoffice_thabs_de.{kind}" for kind in ("xlsx", "ods")]
        task = folder / "task.txt"
        task.write_text("\n".join([str(source), *map(str, saved), *lines]) + "\n", encoding="utf-8")
        macro = f'macro:///Standard.Module1.Main("{task}")'
        subprocess.run([*program, macro], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main()
