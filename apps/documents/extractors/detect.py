"""What a file is, by its content alone. A name can only make a file suspicious, never readable."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from io import BytesIO, StringIO
from itertools import pairwise

from apps.documents.extractors.refusal import Refused

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
HTML = "text/html"
MARKDOWN = "text/markdown"
PLAIN = "text/plain"
CSV = "text/csv"
ZIP = "application/zip"
OLE = "application/x-ole-storage"
BINARY = "application/octet-stream"
READABLE = frozenset({PDF, DOCX, HTML, MARKDOWN, PLAIN, CSV})

_SIGNATURES = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"{\\rtf", "application/rtf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x7fELF", "application/x-executable"),
    (b"\xca\xfe\xba\xbe", "application/x-executable"),
    (b"\xce\xfa\xed\xfe", "application/x-executable"),
    (b"\xcf\xfa\xed\xfe", "application/x-executable"),
    (b"\x00asm", "application/wasm"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"%!PS", "application/postscript"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"RIFF", "application/x-riff"),
    (b"!BDN", "application/vnd.ms-outlook"),
    (b"#!", "text/x-script"),
)
_LATER_SIGNATURES = (
    (257, b"ustar", "application/x-tar"),
    (128, b"DICM", "application/dicom"),
    (4, b"ftyp", "video/mp4"),
)
_BINARY_SIGNATURES = ((b"MZ", "application/x-executable"), (b"BM", "image/bmp"), (b"\xff\xfb", "audio/mpeg"))
"""So short that a text may begin with them."""

_CLAIMS = {
    ".pdf": PDF, ".docx": DOCX, ".dotx": DOCX, ".html": HTML, ".htm": HTML, ".xhtml": HTML, ".md": MARKDOWN,
    ".markdown": MARKDOWN, ".txt": PLAIN, ".text": PLAIN, ".csv": CSV, ".tsv": CSV,
}  # fmt: skip

_HTML_START = re.compile(
    r"<(?:!doctype\s+html|html|head|body|title|meta|link|style|script|h[1-6]|p|div|table|ul|ol|article|section|main|"
    r"header|span|b|i|a|br|img|form|center|font|iframe)\b",
    re.IGNORECASE,
)
_XML_START = re.compile(r"\s*(?:<\?xml|<svg\b|<!doctype\b|<!--)", re.IGNORECASE)
_MAIL = re.compile(r"\A(?:[A-Za-z-]{2,40}: .*\n(?:[ \t].*\n)*){1,60}", re.MULTILINE)

_ATX = re.compile(r"^ {0,3}#{1,6}[ \t]+\S", re.MULTILINE)
_MARKS = (
    re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE),
    re.compile(r"\[[^\]\n]{1,200}\]\([^)\s]{1,500}\)"),
    re.compile(r"(?<!\*)\*\*[^\s*][^*\n]{0,200}\*\*(?!\*)"),
    re.compile(r"^ {0,3}> \S", re.MULTILINE),
    re.compile(r"^ {0,3}[-*+] \S", re.MULTILINE),
    re.compile(r"^[^\n]{1,200}\n(?:={3,}|-{3,})[ \t]*$", re.MULTILINE),
    re.compile(r"(?<![`\w])`[^`\n]{1,100}`(?![`\w])"),
)
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-{3,}:?[ \t]*(?:\|[ \t]*:?-{3,}:?[ \t]*)*\|?[ \t]*")

_SAMPLE = 60_000
_LONGEST_SAMPLE = 2_000_000
DELIMITERS = ",;\t|"


def by_bytes(data: bytes) -> str | None:
    """The type that the bytes show, None for what may be text. Raises `Refused` for what can be told and not read."""
    for start, media_type in _SIGNATURES:
        if data.startswith(start):
            return media_type
    for place, signature, media_type in _LATER_SIGNATURES:
        if data[place : place + len(signature)] == signature:
            return media_type
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return ZIP
    if is_pdf(data):
        return PDF
    for start, media_type in _BINARY_SIGNATURES:
        if data.startswith(start) and looks_binary(data):
            return media_type
    return None


def is_pdf(data: bytes) -> bool:
    """Readers of PDF accept other bytes before the header; so does this one, where an object follows."""
    place = data[:1024].find(b"%PDF-")
    return place == 0 or (place > 0 and re.search(rb"\d\s+\d+\s+obj\b", data[place : place + 200_000]) is not None)


def looks_binary(data: bytes) -> bool:
    sample = data[:4096] + data[len(data) // 2 : len(data) // 2 + 4096]
    strange = sum(byte < 9 or 13 < byte < 32 for byte in sample)
    return strange > 0.02 * len(sample)


def of_archive(data: bytes) -> str:
    """DOCX or what else a zip file is. Raises `Refused` for a DOCX that is damaged, encrypted or holds macros."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = {member.filename: member for member in archive.infolist()}
            kinds = members.get("[Content_Types].xml")
            if kinds is None:
                return _other_archive(archive, members)
            if any(member.flag_bits & 1 for member in members.values()):
                raise Refused("encrypted")
            with archive.open(kinds) as opened:
                content = opened.read(1_000_000).decode("utf-8", "replace")
    except Refused:
        raise
    except Exception as error:
        # Cut short or broken: what the first member is still tells whether it was meant as a document.
        if re.search(rb"\A.{26}..(?:\[Content_Types\]|_rels/|word/|docProps/)", data[:200], re.DOTALL):
            raise Refused("unreadable") from error
        return ZIP
    return _office(content, members)


def _office(content: str, members: dict[str, zipfile.ZipInfo]) -> str:
    macros = any(name.lower().endswith(("vbaproject.bin", "vbadata.xml")) for name in members)
    if "wordprocessingml" in content and (macros or "macroEnabled" in content):
        raise Refused("macro_document")
    if "ms-word.document.macroEnabled" in content or "ms-word.template.macroEnabled" in content:
        raise Refused("macro_document")
    if re.search(r"wordprocessingml\.(?:document|template)\.main\+xml", content):
        return DOCX
    for mark, kind in (("spreadsheetml", "spreadsheetml.sheet"), ("presentationml", "presentationml.presentation")):
        if mark in content:
            return f"application/vnd.openxmlformats-officedocument.{kind}"
    return ZIP


def _other_archive(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> str:
    if "META-INF/MANIFEST.MF" in members:
        return "application/java-archive"
    kind = members.get("mimetype")
    if kind is None or kind.flag_bits & 1:
        return ZIP
    with archive.open(kind) as opened:
        name = opened.read(200).decode("ascii", "replace").strip()
    return name if re.fullmatch(r"[a-z]+/[a-z0-9.+-]{1,90}", name) else ZIP


def ole_reason(data: bytes) -> tuple[str, bool]:
    """Of an OLE file: its type, and whether it is a newer document behind a password."""
    if "EncryptedPackage".encode("utf-16-le") in data:
        return DOCX, True
    if "WordDocument".encode("utf-16-le") in data:
        return "application/msword", False
    return OLE, False


def of_text(text: str) -> str:
    """The type of a text by its shape."""
    start = text[:_SAMPLE]
    if _HTML_START.match(start, _after_comments(start)) or re.search(r"<html[\s>]", start[:4096], re.IGNORECASE):
        return HTML
    if _XML_START.match(start):
        return "image/svg+xml" if re.search(r"<svg\b", start, re.IGNORECASE) else "application/xml"
    if start.lstrip()[:1] in ("{", "[") and _is_json(text):
        return "application/json"
    if re.search(r"^MIME-Version:", start[:8000], re.MULTILINE) and _MAIL.match(start.lstrip()):
        return "message/rfc822"
    if _is_markdown(start):
        return MARKDOWN
    return CSV if delimiter_of(text) else PLAIN


def _after_comments(text: str) -> int:
    """Place of the first that is neither blank, nor a comment, nor an XML declaration."""
    place = 0
    while True:
        while place < len(text) and text[place].isspace():
            place += 1
        closing = "-->" if text.startswith("<!--", place) else "?>" if text.startswith("<?xml", place) else ""
        end = text.find(closing, place) if closing else -1
        if end < 0:
            return place
        place = end + len(closing)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_markdown(text: str) -> bool:
    lines = text.split("\n")
    if any("|" in line and "|" in rule and _TABLE_RULE.fullmatch(rule) for line, rule in pairwise(lines)):
        return True
    headings = len(_ATX.findall(text))
    if headings >= 2 or (headings and _ATX.match(text.lstrip())):
        return True
    return headings + sum(bool(mark.search(text)) for mark in _MARKS) >= 2


def delimiter_of(text: str) -> str | None:
    """The delimiter when nearly all rows have as many cells as the first, and the cells are not prose."""
    sample = _whole_lines(text)
    best: tuple[int, str] | None = None
    for delimiter in DELIMITERS:
        columns = _columns(sample, delimiter)
        if columns and (best is None or columns > best[0]):
            best = (columns, delimiter)
    return best[1] if best else None


def _whole_lines(text: str) -> str:
    """The beginning of a text: at least a few lines, also when they are very long."""
    end = 0
    for _ in range(5):
        end = text.find("\n", end) + 1
        if not end:
            return text[:_LONGEST_SAMPLE]
    last = text.rfind("\n", 0, _SAMPLE) + 1
    return text[: min(max(end, last), _LONGEST_SAMPLE)] if len(text) > _SAMPLE else text


def _columns(sample: str, delimiter: str) -> int:
    try:
        rows = [row for row in csv.reader(StringIO(sample, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error:
        return 0
    if len(rows) < 2 or len(rows[0]) < 2:
        return 0
    same = sum(len(row) == len(rows[0]) for row in rows)
    if same < max(2, 0.9 * len(rows)):
        return 0
    if not _is_heading_row(rows[0]):
        return 0
    cells = [cell.strip() for row in rows for cell in row if cell.strip()]
    prose = sum(len(cell.split()) > 12 for cell in cells)
    spaced = sum(cell[:1] == " " for row in rows for cell in row[1:])
    # "first, second and third": a comma and a space in nearly every place is how sentences look, not tables.
    sentences = len(rows) < 4 and spaced > 0.5 * sum(len(row) - 1 for row in rows)
    return 0 if prose > 0.34 * len(cells) or sentences else len(rows[0])


def _is_heading_row(row: list[str]) -> bool:
    return all(len(cell.split()) <= 12 for cell in row) and sum(bool(cell.strip()) for cell in row) >= 2


def is_mismatch(name: str, media_type: str) -> bool:
    """A name that promises a document where the content is something else: an executable called `.pdf`, a web page
    (often an error message that was saved) called `.docx`."""
    claimed = _CLAIMS.get(name[name.rfind(".") :].lower()) if "." in name else None
    if claimed is None or claimed == media_type:
        return False
    if media_type not in READABLE:
        return True
    return claimed in {PDF, DOCX} and media_type not in {PDF, DOCX}
