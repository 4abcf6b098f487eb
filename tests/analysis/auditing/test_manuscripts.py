"""Files: text, Markdown, Word, PDF, lists of statements, and what is none of these."""

from __future__ import annotations

import sys
from pathlib import Path

import docx
import pytest

from doublecode.analysis.auditing.audited_text import audit_file
from doublecode.schemas.errors import UsageError

WRONG = "Sessions differed, t(20) = 2.31, p = .023."


def test_text_and_markdown(tmp_path: Path) -> None:
    for name, encoding in (("a.txt", "utf-8"), ("b.md", "utf-16"), ("c.txt", "cp1252")):
        path = tmp_path / name
        path.write_text(f"Größe\n{WRONG}\n", encoding=encoding)
        assert audit_file(path).questions["place"].tolist() == ["line 2"]


def test_word_with_a_table(tmp_path: Path) -> None:
    file = docx.Document()
    file.add_paragraph("A heading")
    file.add_paragraph(WRONG)
    table = file.add_table(rows=2, cols=4)
    for row, cells in zip(table.rows, (("Term", "b", "SE", "t"), ("Time", "0.45", "0.11", "4.90")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    file.save(str(tmp_path / "paper.docx"))
    asked = audit_file(tmp_path / "paper.docx").questions
    assert asked[["place", "check"]].values.tolist() == [["paragraph 2", "test_p"], ["paragraph 3", "coefficient_t"]]


def test_a_list_of_statements(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text(f'[[statements]]\ntext = "{WRONG}"\nplace = "p. 231"\n[[statements]]\ntext = "{WRONG}"\n')
    assert audit_file(path).questions["place"].tolist() == ["p. 231", "statement 2"]
    path.write_text('[[statements]]\nwords = "t"\n')
    with pytest.raises(UsageError, match=r"(?s)list\.toml: .*words: there is no such entry"):
        audit_file(path)


def pdf_of(pages: list[str]) -> bytes:
    """A small PDF by hand: a page per text, one line each."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for text in pages:
        stream = f"BT /F1 12 Tf 72 720 Td ({text.replace('(', chr(92) + '(').replace(')', chr(92) + ')')}) Tj ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R "
            f"/Resources << /Font << /F1 {font} >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, places = "%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{one}\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(
        f"{place:010d} 00000 n \n" for place in places
    )
    return (out + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").encode("latin-1")


def test_a_pdf_by_its_pages(tmp_path: Path) -> None:
    pytest.importorskip("pypdf")
    path = tmp_path / "paper.pdf"
    path.write_bytes(pdf_of(["Nothing here.", WRONG]))
    assert audit_file(path).questions["place"].tolist() == ["page 2, line 1"]
    path.write_bytes(b"%PDF-1.4\nrubbish")
    with pytest.raises(UsageError, match=r"paper\.pdf: the PDF cannot be read"):
        audit_file(path)


def test_without_pypdf_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    (tmp_path / "paper.pdf").write_bytes(pdf_of([WRONG]))
    with pytest.raises(UsageError, match=r"need pypdf.*pip install 'doublecode\[pdf\]'"):
        audit_file(tmp_path / "paper.pdf")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.docx", b"PK\x03\x04rubbish", r"a\.docx: this is no Word file"),
        ("a.docx", b"", r"a\.docx: this is no Word file"),
        ("a.txt", bytes(range(256)) * 50, r"a\.txt: this is no text"),
        ("a.xlsx", b"PK", r"a\.xlsx: files that end on \.xlsx are not read; allowed: \.txt"),
        ("a", b"t", r"files that end on nothing"),
    ],
)
def test_what_is_no_manuscript(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=said):
        audit_file(tmp_path / name)


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no such file"):
        audit_file(tmp_path / "none.txt")
    with pytest.raises(UsageError, match=r"this is a folder"):
        audit_file(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"")
    assert audit_file(tmp_path / "a.txt").design["n_checks"] == 0
