"""The text of a manuscript: .txt, .md, .docx, .pdf, or a TOML list of statements.

python-docx reads Word files; pypdf reads PDF files and is an extra (``pip install doublecode[pdf]``).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from doublecode.schemas.csv_rows import decoded
from doublecode.schemas.declared import Declared, load_toml
from doublecode.schemas.errors import UsageError

Unit = Literal["line", "paragraph", "page"]
KINDS: Final = (".txt", ".md", ".docx", ".pdf", ".toml")
MOST_BYTES: Final = 50_000_000
MOST_LETTERS: Final = 20_000_000
_SAVE_AS: Final = "Save it as .txt, .md or .docx."
_NOT_TEXT: Final = 0.02


class AuditStatement(Declared):
    """A statement to be audited.

    Attributes
    ----------
    text
        The sentence or paragraph, as printed.
    place
        Where it stands, for the answer: *p. 231*.
    """

    text: str
    place: str = ""


class AuditList(Declared):
    """A list of statements of one paper.

    Attributes
    ----------
    statements
        ``[[statements]]``, in the order of the paper.
    """

    statements: list[AuditStatement] = Field(min_length=1)


@dataclass(frozen=True)
class Manuscript:
    """A text and how its places are named.

    Parameters
    ----------
    text : str
    unit : {"line", "paragraph", "page"}
        Lines of a text; paragraphs, which blank lines part; pages, which form feeds part, with their lines.
    names : tuple of str
        Names of the paragraphs, where they have any.
    """

    text: str
    unit: Unit = "line"
    names: tuple[str, ...] = ()


def read_manuscript(path: Path) -> Manuscript:
    """Read the text of a file.

    Raises
    ------
    UsageError
        There is no such file, it is of another kind, too large, damaged, encrypted, no text, or pypdf is not installed.
    """
    kind = path.suffix.lower()
    if path.is_dir():
        raise UsageError(f"{path}: this is a folder. Name one file: {', '.join(KINDS)}.")
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file. Check the path.")
    if kind not in KINDS:
        raise UsageError(
            f"{path.name}: files that end on {kind or 'nothing'} are not read; allowed: {', '.join(KINDS)}. {_SAVE_AS}"
        )
    if path.stat().st_size > MOST_BYTES:
        raise UsageError(f"{path.name}: {path.stat().st_size / 1e6:.0f} MB are more than a paper. Name the right file.")
    if kind == ".toml":
        return _of_list(path)
    found = {".docx": _of_word, ".pdf": _of_pdf}.get(kind, _of_text)(path)
    if len(found.text) > MOST_LETTERS:
        raise UsageError(f"{path.name}: {len(found.text) / 1e6:.0f} million letters are more than a paper. Cut it.")
    return found


def _of_text(path: Path) -> Manuscript:
    text = decoded(path.read_bytes())
    odd = 0 if text is None else sum(text.count(chr(code)) for code in range(9))
    if text is None or odd > _NOT_TEXT * max(1, len(text)):
        raise UsageError(f"{path.name}: this is no text. {_SAVE_AS}")
    return Manuscript(text)


def _of_list(path: Path) -> Manuscript:
    held = load_toml(path, AuditList, UsageError).statements
    texts = ["\n".join(line for line in one.text.splitlines() if line.strip()) or "-" for one in held]
    names = tuple(one.place or f"statement {number}" for number, one in enumerate(held, start=1))
    return Manuscript("\n\n".join(texts), "paragraph", names)


def _of_word(path: Path) -> Manuscript:
    """Paragraphs, and rows of tables as lines with tabs."""
    import docx
    from docx.opc.exceptions import PackageNotFoundError

    try:
        file = docx.Document(str(path))
        parts = list(_blocks(file))
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, SyntaxError, OSError) as wrong:
        what = type(wrong).__name__
        raise UsageError(f"{path.name}: this is no Word file (.docx), or it is damaged ({what}). {_SAVE_AS}") from None
    return Manuscript("\n\n".join(parts), "paragraph")


def _blocks(file: Any) -> Iterator[str]:
    from docx.table import Table

    for block in file.iter_inner_content():
        if isinstance(block, Table):
            rows = ["\t".join(" ".join(cell.text.split()) for cell in row.cells) for row in block.rows]
            yield "\n".join(row for row in rows if row.strip()) or "-"
        elif block.text.strip():
            yield "\n".join(line for line in block.text.splitlines() if line.strip())


def _of_pdf(path: Path) -> Manuscript:
    try:
        import pypdf
        from pypdf.errors import PyPdfError
    except ModuleNotFoundError:
        raise UsageError(
            f"{path.name}: PDF files need pypdf. Install it: python -m pip install 'doublecode[pdf]'; or save the "
            "text as .txt or .docx."
        ) from None
    try:
        file = pypdf.PdfReader(path)
        if file.is_encrypted and not file.decrypt(""):
            raise UsageError(f"{path.name}: the PDF asks for a password. {_SAVE_AS}")
        pages = [page.extract_text() or "" for page in file.pages]
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError, ImportError) as wrong:
        if isinstance(wrong, UsageError):
            raise
        raise UsageError(f"{path.name}: the PDF cannot be read ({type(wrong).__name__}). {_SAVE_AS}") from None
    if not any(page.strip() for page in pages):
        raise UsageError(f"{path.name}: the PDF holds pictures and no text. {_SAVE_AS}")
    return Manuscript("\f".join(pages), "page")
