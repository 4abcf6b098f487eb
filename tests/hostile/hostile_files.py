"""Eighty files that try to end the process, hang it or fill the memory; the same ones for the same seed.

``hostile_files(seed)`` gives (name, bytes). ``python tests/hostile/hostile_files.py`` reads each in a
process of its own, bounded in 10 seconds of the processor and 500 MB, and prints what became of it.
"""

# ruff: noqa: E501  (a file a line)
from __future__ import annotations

import io
import random
import resource
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

SECONDS, MEGABYTES = 10, 500
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ODS = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)


def xlsx(
    rows: str, *, shared: str = "", before: str = "", workbook: str = "", styles: str = "", **parts: bytes
) -> bytes:
    """A workbook whose sheet *Rate* holds `rows`, written by hand."""
    texts = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": workbook
        or f'<workbook {MAIN} xmlns:r="{R}"><sheets><sheet name="Rate" sheetId="1" r:id="a"/>'
        '<sheet name="Stamp" sheetId="2" r:id="b"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships {RELS}><Relationship Id="a" Type="{R}/worksheet" '
        f'Target="worksheets/sheet1.xml"/><Relationship Id="b" Type="{R}/worksheet" Target="worksheets/sheet2.xml"/>'
        f'<Relationship Id="c" Type="{R}/sharedStrings" Target="sharedStrings.xml"/>'
        f'<Relationship Id="d" Type="{R}/styles" Target="styles.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f"{before}<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>",
        "xl/worksheets/sheet2.xml": f"<worksheet {MAIN}><sheetData>{stamp()}</sheetData></worksheet>",
        "xl/sharedStrings.xml": shared or f"<sst {MAIN}/>",
        "xl/styles.xml": styles or f"<styleSheet {MAIN}/>",
    }
    return zipped({name: text.encode() for name, text in texts.items()} | parts)


def stamp() -> str:
    """The hidden stamp of a workbook of THABS."""
    pairs = {"study": "s", "instrument": "thabs", "version": "1", "hash": "x", "rater": "R1", "batch": "batch01"}
    return "".join(
        f'<row r="{row}"><c r="A{row}" t="str"><v>{key}</v></c><c r="B{row}" t="str"><v>{value}</v></c></row>'
        for row, (key, value) in enumerate(pairs.items(), start=1)
    )


def zipped(parts: dict[str, bytes]) -> bytes:
    """The parts as a zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def ods(table: str, before: str = "") -> bytes:
    """An OpenDocument spreadsheet whose sheet *Rate* holds `table`."""
    content = (
        f"{before}<office:document-content {ODS}><office:body><office:spreadsheet>"
        f'<table:table table:name="Rate">{table}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    return zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": content.encode(),
                   "META-INF/manifest.xml": b"<m/>"})  # fmt: skip


def lying(data: bytes, name: bytes, size: int) -> bytes:
    """The same archive, in which the size of one part is another one than what comes out."""
    spoilt = bytearray(data)
    at = -1
    while (at := spoilt.find(name, at + 1)) >= 0:
        if spoilt[at - 46 : at - 42] == b"PK\x01\x02":
            spoilt[at - 46 + 24 : at - 46 + 28] = struct.pack("<I", size)
        elif spoilt[at - 30 : at - 26] == b"PK\x03\x04":
            spoilt[at - 30 + 22 : at - 30 + 26] = struct.pack("<I", size)
    return bytes(spoilt)


def bomb(megabytes: int) -> bytes:
    """A stream of zeros that unpacks to so many megabytes."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join(squeeze.compress(bytes(1_000_000)) for _ in range(megabytes)) + squeeze.flush()


def in_xlsx(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Workbooks in XML."""
    many = rng.randint(18_000, 22_000)
    names = [
        "xfd1048576",
        "XFD1048576",
        "XFE1",
        "A1048577",
        "A0",
        "A-1",
        "AAAA1",
        "1A",
        "",
        "A9999999999999999999",
        "ZZZZZZZZZZ9",
    ]
    for name in names:
        yield f"cell_{name[:12] or 'nameless'}", xlsx(f'<row r="5"><c r="{name}"><v>1</v></c></row>')
        row = "".join(letter for letter in name if letter.isdigit()) or "1"
        yield f"row_{row[:8]}_{name[:6]}", xlsx(f'<row r="{row}"><c r="{name}"><v>1</v></c></row>')
    yield (
        "two_corners",
        xlsx('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    )
    yield "unclosed_errors", xlsx('<row r="1">' + '<c t="e" ' * 2_000)
    yield "unclosed_comments", xlsx("<!--" * many)
    yield "many_comments", xlsx("<!-- -->" * 400_000)
    yield (
        "formulas",
        xlsx("".join(f'<row r="{n}"><c r="A{n}"><f>B{n}+1</f><v>{n}</v></c></row>' for n in range(1, 2 * many))),
    )
    yield "formulas_unclosed", xlsx('<row r="1"><c r="A1">' + "<f>" * many)
    text = f"<sst {MAIN}><si><t>{'x' * 30_000}</t></si></sst>"
    yield (
        "one_text",
        xlsx("".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 100_001)), shared=text),
    )
    yield "text_not_there", xlsx('<row r="1"><c r="A1" t="s"><v>99999999999</v></c></row>')
    yield "text_negative", xlsx('<row r="1"><c r="A1" t="s"><v>-1</v></c></row>')
    yield (
        "one_text_of_30_MB",
        xlsx('<row r="1"><c r="A1" t="inlineStr"><is><t>' + "x" * 30_000_000 + "</t></is></c></row>"),
    )
    yield "digits", xlsx(f'<row r="1"><c r="A1"><v>{"9" * 2_000_000}</v></c></row>')
    yield (
        "exponent",
        xlsx('<row r="1"><c r="A1"><v>1e999999</v></c><c r="B1"><v>nan</v></c><c r="C1"><v>1_0</v></c></row>'),
    )
    yield "deep", xlsx("<a>" * 200_000)
    yield "deep_cells", xlsx('<row r="1">' + "<c>" * 200_000)
    yield "deep_rows", xlsx("<row>" * 200_000)
    yield "deep_values", xlsx('<row r="1"><c r="A1">' + "<v>" * 200_000)
    yield "empty_elements", xlsx("<a/>" * 6_000_000)
    yield "empty_cells", xlsx('<row r="1">' + '<c r="A1"/>' * 3_000_000 + "</row>")
    yield "empty_rows", xlsx("<row/>" * 2_000_000)
    yield "attributes", xlsx("<row " + " ".join(f'a{n}="1"' for n in range(200_000)) + "/>")
    yield "long_attribute", xlsx(f'<row r="{"1" * 10_000_000}"/>')
    yield "twice", xlsx('<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>')
    yield "merged", xlsx('<row r="1"/>' + '<mergeCell ref="A1:XFD1048576"/>' * many)
    yield "hidden_columns", xlsx('<col min="1" max="9999999" hidden="1"/>' * 1_000)
    entities = "".join(
        f'<!ENTITY {a} "{"&" + b + ";" if b else "x"}{"&" + b + ";" if b else "x"}">'
        for a, b in zip("bcdefghij", ["", *"bcdefghi"], strict=True)
    )
    yield "entities", xlsx("<row>&j;</row>", before=f"<!DOCTYPE worksheet [{entities}]>")
    yield "external", xlsx("<row/>", before='<!DOCTYPE a SYSTEM "file:///etc/hostname">')
    yield (
        "utf16",
        xlsx(
            "",
            before="",
            **{
                "xl/worksheets/sheet1.xml": f'<?xml version="1.0" encoding="UTF-16"?><worksheet {MAIN}><sheetData/></worksheet>'.encode(
                    "utf-16"
                )
            },
        ),
    )
    yield (
        "utf16_entities",
        xlsx("", **{"xl/worksheets/sheet1.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16")}),
    )
    yield "encoding", xlsx("<row/>", before='<?xml version="1.0" encoding="hex"?>')
    yield (
        "styles",
        xlsx(
            '<row r="1"><c r="A1" s="0"><v>1</v></c></row>',
            styles=f'<styleSheet {MAIN}><numFmts><numFmt numFmtId="164" formatCode="{"[" * 200_000}"/></numFmts><cellXfs><xf numFmtId="164"/></cellXfs></styleSheet>',
        ),
    )
    yield (
        "quotes",
        xlsx(
            '<row r="1"><c r="A1" s="0"><v>1</v></c></row>',
            styles=f'<styleSheet {MAIN}><numFmts><numFmt numFmtId="164" formatCode="{"&quot;" * 99_999}"/></numFmts><cellXfs><xf numFmtId="164"/></cellXfs></styleSheet>',
        ),
    )
    yield "control", xlsx('<row r="1"><c r="A1" t="str"><v>\x01</v></c></row>')
    yield "truncated", xlsx('<row r="1"/>')[: rng.randint(200, 400)]
    yield (
        "sheets",
        xlsx(
            "",
            workbook=f'<workbook {MAIN} xmlns:r="{R}"><sheets>'
            + "".join(f'<sheet name="s{n}" r:id="a"/>' for n in range(30_000))
            + '<sheet name="Rate" r:id="a"/><sheet name="Stamp" r:id="b"/></sheets></workbook>',
        ),
    )


def in_zip(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Archives that are not what they say."""
    plain = xlsx('<row r="1"><c r="A1"><v>1</v></c></row>')
    part = b"xl/worksheets/sheet1.xml"
    yield "zip_lies_small", lying(xlsx("<a/>" * 2_000_000), part, rng.randint(10, 100))
    yield "zip_lies_large", lying(plain, part, 4_000_000_000)
    yield "zip_zeros", xlsx("", **{"xl/worksheets/sheet1.xml": bytes(95_000_000)})
    yield "zip_blanks", xlsx("", **{"xl/worksheets/sheet1.xml": b" " * 95_000_000})
    yield "zip_many", zipped({f"xl/{n}.xml": b"" for n in range(5_000)} | {"xl/workbook.xml": b"<a/>"})
    yield "zip_cut", plain[:-30]
    yield "zip_head", plain[:30]
    yield "zip_noise", plain[:200] + rng.randbytes(5_000) + plain[200:]
    yield "zip_bomb", xlsx("").replace(b"", b"", 0)[:4] + bomb(300)
    yield "zip_in_zip", zipped({"xl/workbook.xml": zipped({"a": bytes(10_000_000)})})


def in_ods(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """OpenDocument spreadsheets."""
    cell = '<table:table-cell office:value-type="float" office:value="1"'
    many = rng.randint(10_000, 16_000)
    row = "<table:table-row"
    yield (
        "ods_repeats",
        ods(
            f'{row} table:number-rows-repeated="{many}">{cell} table:number-columns-repeated="{many}"/></table:table-row>'
        ),
    )
    yield (
        "ods_percents",
        ods(
            f'{row} table:number-rows-repeated="999999999"><table:table-cell office:value-type="percentage" table:number-columns-repeated="999999999"/></table:table-row>'
        ),
    )
    yield (
        "ods_far",
        ods(
            f'{row} table:number-rows-repeated="1048575"><table:table-cell table:number-columns-repeated="16383"/></table:table-row>{row}><table:table-cell table:number-columns-repeated="16383"/>{cell}/></table:table-row>'
        ),
    )
    yield (
        "ods_texts",
        ods(
            f'{row} table:number-rows-repeated="100000"><table:table-cell office:value-type="string"><text:p>{"x" * 30_000}</text:p></table:table-cell></table:table-row>'
        ),
    )
    yield (
        "ods_blanks",
        ods(
            f'{row}><table:table-cell office:value-type="string"><text:p>{"<text:s text:c=" + chr(34) + "99999999" + chr(34) + "/>"}</text:p></table:table-cell></table:table-row>'
            * 20_000
        ),
    )
    yield "ods_deep", ods("<table:table>" * 100_000)
    yield "ods_entities", ods(f"{row}/>", before='<!DOCTYPE a [<!ENTITY b "c">]>')
    yield "ods_hidden", ods(f'{row} table:visibility="collapse" table:number-rows-repeated="999999999"/>' * 1_000)
    yield (
        "ods_spans",
        ods(
            f'{row}>{cell} table:number-columns-spanned="999999999" table:number-rows-spanned="999999999"/></table:table-row>'
        ),
    )
    yield "ods_cut", ods(f"{row}>")[: rng.randint(300, 500)]


def others(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Old Office files, web pages, noise."""
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H", 62, 3, 0xFFFE, 9, 6) + bytes(6)
    circle = head + struct.pack("<10I", 0, 1, 0, 0, 4096, 0, 0, 0, 0, 0) + struct.pack("<I", 0) * 108
    yield (
        "xls_circle",
        circle[:512].ljust(512, b"\0") + struct.pack("<128I", *range(128)) + "Workbook".encode("utf-16-le") * 99,
    )
    yield "xls_head", head + "Workbook".encode("utf-16-le")
    yield "xls_noise", head + rng.randbytes(200_000) + "Workbook".encode("utf-16-le")
    yield "xls_locked", head + "EncryptedPackage".encode("utf-16-le")
    yield "xlsb_noise", zipped({"xl/workbook.bin": rng.randbytes(50_000)})
    yield "page", b"<html><body>" + b"<table>" * 100_000
    yield "xml_2003", b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>'
    yield "pdf", b"%PDF-1.7" + rng.randbytes(10_000)
    yield "noise", rng.randbytes(100_000)
    yield "empty", b""


def hostile_files(seed: int = 10) -> list[tuple[str, bytes]]:
    """Name and content of each file."""
    rng = random.Random(seed)
    return [one for kind in (in_xlsx, in_zip, in_ods, others) for one in kind(rng)]


def bound() -> None:
    """Bound this process; what goes beyond is ended by the system."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


CODE = """
import resource, sys, time
from pathlib import Path
from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.reading.long_table import read_rows
from doublecode.schemas.errors import UsageError
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
start = time.process_time()
ratings, problems = read_workbook(sys.argv[1])
assert len(ratings) == 0 and problems
said = problems[0].code
try:
    read_rows(sys.argv[1], ("a",))
except UsageError as wrong:
    said += " / " + str(wrong)[:60].replace(chr(10), " ")
print(f"{{time.process_time() - start:5.1f}} s {{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:5.0f}} MB  {{said}}")
"""


def read_bounded(path: Path) -> tuple[int, str]:
    """Read one file in a process of its own; exit code, and what it said."""
    code = CODE.format(limit=(MEGABYTES + 400) * 1_000_000)  # the libraries alone reserve 400 MB of addresses
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, preexec_fn=bound, check=False
    )
    return done.returncode, done.stdout.strip() or done.stderr.strip()[-200:]


def main() -> None:
    """Read every file and print one line each."""
    files = hostile_files()
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name, data in files:
            suffix = ".ods" if name.startswith("ods") else ".xls" if name.startswith("xls_") else ".xlsx"
            path = Path(scratch) / f"{name.replace('/', '_')}{suffix}"
            path.write_bytes(data)
            code, said = read_bounded(path)
            failed += code != 0
            print(f"{name:<24} {len(data) / 1e3:8.1f} kB  {'' if code == 0 else f'EXIT {code} '}{said}", flush=True)
    print(f"{len(files)} files, {failed} beyond {SECONDS} s of the processor, {MEGABYTES} MB, or with a traceback")


if __name__ == "__main__":
    main()
