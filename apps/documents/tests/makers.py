"""Writes small documents of each format, byte for byte the same each time."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
MACRO_MAIN = "application/vnd.ms-word.document.macroEnabled.main+xml"


# --- PDF ------------------------------------------------------------------------------------------


@dataclass
class Pdf:
    """Objects by number; `built` writes them with their table of places."""

    objects: list[bytes] = field(default_factory=list)

    def add(self, content: bytes | str) -> int:
        self.objects.append(content.encode("latin-1") if isinstance(content, str) else content)
        return len(self.objects)

    def stream(self, data: bytes, extra: str = "", *, flate: bool = False, length: str = "") -> int:
        if flate:
            data, extra = zlib.compress(data, 9), f"/Filter /FlateDecode {extra}"
        head = f"<< /Length {length or len(data)} {extra} >>\nstream\n".encode("latin-1")
        return self.add(head + data + b"\nendstream")

    def set(self, number: int, content: str) -> None:
        self.objects[number - 1] = content.encode("latin-1")

    def built(self, root: int, trailer: str = "") -> bytes:
        out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        places = []
        for number, content in enumerate(self.objects, start=1):
            places.append(len(out))
            out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        out += b"".join(b"%010d 00000 n \n" % place for place in places)
        out += f"trailer\n<< /Size {len(places) + 1} /Root {root} 0 R {trailer} >>\n".encode("latin-1")
        return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


@dataclass(frozen=True)
class Ink:
    """A text at its place on a page."""

    text: str
    x: float
    y: float
    size: float = 10
    bold: bool = False


def pdf_text(pieces: Iterable[Ink]) -> bytes:
    lines = []
    for ink in pieces:
        escaped = ink.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        lines.append(f"BT /F{2 if ink.bold else 1} {ink.size} Tf {ink.x} {ink.y} Td ({escaped}) Tj ET")
    return "\n".join(lines).encode("cp1252")


def make_pdf(pages: Sequence[Sequence[Ink]], *, title: str = "", contents: Mapping[int, bytes] | None = None) -> bytes:
    """`contents` replaces what a page (from 0) draws."""
    pdf = Pdf()
    root, tree = pdf.add(""), pdf.add("")
    fonts = [
        pdf.add(f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>")
        for name in ("Helvetica", "Helvetica-Bold")
    ]
    kids = []
    for number, inks in enumerate(pages):
        drawn = pdf.stream((contents or {}).get(number, pdf_text(inks)), flate=True)
        kids.append(
            pdf.add(
                f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 595 842] /Contents {drawn} 0 R "
                f"/Resources << /Font << /F1 {fonts[0]} 0 R /F2 {fonts[1]} 0 R >> >> >>"
            )
        )
    pdf.set(tree, f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>")
    pdf.set(root, f"<< /Type /Catalog /Pages {tree} 0 R >>")
    info = pdf.add(f"<< /Title ({title}) >>") if title else 0
    return pdf.built(root, f"/Info {info} 0 R" if info else "")


def written_page(heading: str, paragraphs: Sequence[str], *, top: float = 780) -> list[Ink]:
    """A heading and paragraphs of one line each, as far apart as paragraphs are."""
    inks = [Ink(heading, 60, top, 16, bold=True)] if heading else []
    return inks + [Ink(text, 60, top - 30 - 24 * number) for number, text in enumerate(paragraphs)]


_PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


def make_locked_pdf(password: str) -> bytes:
    """Standard security handler, revision 2: 40-bit RC4, as old as it is refused by its password."""
    key = (password.encode("latin-1") + _PAD)[:32]
    owner = _rc4(hashlib.md5(key).digest()[:5], key)
    identity = b"0123456789abcdef"
    secret = hashlib.md5(key + owner + (0xFFFFFFFC).to_bytes(4, "little") + identity).digest()[:5]
    user = _rc4(secret, _PAD)
    pdf = Pdf()
    root, tree = pdf.add(""), pdf.add("")
    page = pdf.add(f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 595 842] >>")
    pdf.set(tree, f"<< /Type /Pages /Count 1 /Kids [{page} 0 R] >>")
    pdf.set(root, f"<< /Type /Catalog /Pages {tree} 0 R >>")
    lock = pdf.add(f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{owner.hex()}> /U <{user.hex()}> >>")
    return pdf.built(root, f"/Encrypt {lock} 0 R /ID [<{identity.hex()}> <{identity.hex()}>]")


def _rc4(key: bytes, data: bytes) -> bytes:
    state, at = list(range(256)), 0
    for place in range(256):
        at = (at + state[place] + key[place % len(key)]) % 256
        state[place], state[at] = state[at], state[place]
    out, one, two = bytearray(), 0, 0
    for byte in data:
        one = (one + 1) % 256
        two = (two + state[one]) % 256
        state[one], state[two] = state[two], state[one]
        out.append(byte ^ state[(state[one] + state[two]) % 256])
    return bytes(out)


# --- DOCX -----------------------------------------------------------------------------------------

STYLES = f"""<?xml version="1.0"?><w:styles xmlns:w="{W}">
<w:style w:type="paragraph" w:styleId="Normal"><w:name w:val="Normal"/></w:style>
<w:style w:type="paragraph" w:styleId="Titel"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="Uberschrift1"><w:name w:val="heading 1"/>
<w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Uberschrift2"><w:name w:val="heading 2"/><w:basedOn w:val="Uberschrift1"/></w:style>
<w:style w:type="paragraph" w:styleId="Ward"><w:name w:val="Ward heading"/><w:basedOn w:val="Uberschrift2"/></w:style>
<w:style w:type="paragraph" w:styleId="TOC1"><w:name w:val="toc 1"/></w:style>
<w:style w:type="paragraph" w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop"/></w:style>
<w:style w:type="character" w:styleId="Secret"><w:name w:val="Secret"/><w:rPr><w:vanish/></w:rPr></w:style>
</w:styles>"""


def paragraph(text: str, style: str = "", properties: str = "") -> str:
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def item(text: str, depth: int = 0) -> str:
    return paragraph(text, properties=f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="1"/></w:numPr>')


def word_table(rows: Sequence[Sequence[str]], *, header_rows: int = 0, look: str = "") -> str:
    lines = []
    for number, cells in enumerate(rows):
        mark = "<w:trPr><w:tblHeader/></w:trPr>" if number < header_rows else ""
        lines.append(f"<w:tr>{mark}" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in cells) + "</w:tr>")
    return f"<w:tbl><w:tblPr>{look}</w:tblPr>{''.join(lines)}</w:tbl>"


def word(body: str) -> str:
    return f'<?xml version="1.0"?><w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'


def footnotes(notes: Mapping[int, str]) -> str:
    lines = "".join(f'<w:footnote w:id="{number}">{paragraph(text)}</w:footnote>' for number, text in notes.items())
    return f'<?xml version="1.0"?><w:footnotes xmlns:w="{W}">{lines}</w:footnotes>'


def make_docx(document: str, more: Mapping[str, str | bytes] | None = None, *, main: str = MAIN) -> bytes:
    """`more`: further members by name, those that are there replaced."""
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": '<?xml version="1.0"?><Types '
        'xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>',
        "_rels/.rels": '<?xml version="1.0"?><Relationships '
        'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        'Target="word/document.xml"/></Relationships>',
        "word/document.xml": document,
        "word/styles.xml": STYLES,
        **(more or {}),
    }
    return make_zip(members)


def make_zip(members: Mapping[str, str | bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()


# --- one good file of each format -----------------------------------------------------------------

SENTENCES = (
    "Patients with suspected sepsis are seen by a senior clinician within one hour.",
    "Take two blood cultures before the first dose of the antibiotic.",
    "The lactate is measured again after the first litre of fluid.",
    "Escalate to the outreach team when the systolic pressure stays below ninety.",
)
DRUGS = (("Drug", "Route", "Review"), ("Amoxicillin", "oral", "48 hours"), ("Ceftriaxone", "intravenous", "24 hours"))


def good_files() -> dict[str, bytes]:
    """By ending. Each has a heading, paragraphs, and a table where the format knows tables."""
    table = [
        Ink(cell, 60 + 150 * column, 500 - 20 * row)
        for row, cells in enumerate(DRUGS)
        for column, cell in enumerate(cells)
    ]
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>" for cells in DRUGS)
    return {
        "pdf": make_pdf([written_page("Sepsis", SENTENCES) + table, written_page("Review", SENTENCES[::-1])]),
        "docx": make_docx(
            word(
                paragraph("Sepsis", "Uberschrift1")
                + "".join(map(paragraph, SENTENCES))
                + item("Chest pain")
                + word_table(DRUGS, header_rows=1)
                + paragraph("Review", "Uberschrift2")
                + paragraph(SENTENCES[0])
            )
        ),
        "html": (
            f"<!doctype html><html><head><title>Sepsis</title></head><body><h1>Sepsis</h1><p>{'</p><p>'.join(SENTENCES)}"
            f"</p><ul><li>Chest pain<li>Fever</ul><table>{rows}</table></body></html>"
        ).encode(),
        "md": (
            "# Sepsis\n\n" + "\n\n".join(SENTENCES) + "\n\n- Chest pain\n- Fever\n\n"
            "| " + " | ".join(DRUGS[0]) + " |\n|---|---|---|\n| " + " | ".join(DRUGS[1]) + " |\n\n## Review\n\nDone.\n"
        ).encode(),
        "txt": ("SEPSIS PROTOCOL\n\n" + "\n\n".join(SENTENCES) + "\n\n- Chest pain\n- Fever ≥ 38 °C\n").encode(),
        "csv": "\r\n".join(",".join(row) for row in DRUGS * 3).encode(),
    }
