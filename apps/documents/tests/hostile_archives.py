"""Zip files and DOCX: bombs, entities, macros, members that want out of their archive, things that are no documents."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from io import BytesIO

from apps.documents.tests.hostile import READ, SECRET, HostileFile
from apps.documents.tests.makers import (
    MACRO_MAIN,
    STYLES,
    footnotes,
    good_files,
    make_docx,
    make_zip,
    paragraph,
    word,
    word_table,
)

REFUSED_XML = frozenset({"unreadable"})
ENTITIES = {
    "file": ('<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
    "parameter": ('<!DOCTYPE d [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd">%x;]>', "text"),
    "laughs": (
        "<!DOCTYPE d [<!ENTITY a0 'lol'>"
        + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
        + "]>",
        "&a11;",
    ),
    "quadratic": (f"<!DOCTYPE d [<!ENTITY a '{'x' * 50_000}'>]>", "&a;" * 10_000),
}
SIGNATURES = {
    "exe": b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00" + b"\x00" * 200,
    "elf": b"\x7fELF\x02\x01\x01" + b"\x00" * 200,
    "png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"\x00" * 100,
    "gif": b"GIF89a" + b"\x01\x00" * 50,
    "tiff": b"II*\x00" + b"\x08\x00" * 50,
    "bmp": b"BM" + b"\x00\x01\x02" * 60,
    "gz": b"\x1f\x8b\x08\x00" + b"\x00" * 60,
    "bz2": b"BZh91AY&SY" + b"\x00" * 60,
    "xz": b"\xfd7zXZ\x00" + b"\x00" * 60,
    "7z": b"7z\xbc\xaf\x27\x1c" + b"\x00" * 60,
    "rar": b"Rar!\x1a\x07\x01\x00" + b"\x00" * 60,
    "tar": b"x".ljust(257, b"\x00") + b"ustar\x0000" + b"\x00" * 300,
    "dicom": b"\x00" * 128 + b"DICM" + b"\x02\x00" * 60,
    "mp3": b"ID3\x03\x00" + b"\x00" * 60,
    "mp4": b"\x00\x00\x00\x18ftypisom" + b"\x00" * 60,
    "wav": b"RIFF\x00\x00\x00\x00WAVEfmt ",
    "ogg": b"OggS\x00\x02" + b"\x00" * 60,
    "wasm": b"\x00asm\x01\x00\x00\x00",
    "sqlite": b"SQLite format 3\x00" + b"\x00" * 90,
    "rtf": b"{\\rtf1\\ansi{\\object\\objupdate}Hello}",
    "ps": b"%!PS-Adobe-3.0\n(hello) show\n",
    "sh": b"#!/bin/sh\nrm -rf /\n",
    "doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 500 + "WordDocument".encode("utf-16-le") + b"\x00" * 500,
    "xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 500 + "Workbook".encode("utf-16-le") + b"\x00" * 500,
    "java": b"\xca\xfe\xba\xbe\x00\x00\x00\x34" + b"\x00" * 60,
    "noise": bytes((n * 197 + 13) % 256 for n in range(4000)),
}


def files() -> Iterator[HostileFile]:
    yield from _bombs()
    yield from _entities()
    yield from _macros()
    yield from _members()
    yield from _locked()
    yield from _wrong_names()
    yield from _word_shapes()


def _bombs() -> Iterator[HostileFile]:
    limit = frozenset({"limits_exceeded", "too_long"})
    for megabytes in (60, 200):
        size = megabytes * 1_000_000
        yield HostileFile(
            "zip bomb",
            f"document-{megabytes}.docx",
            partial(lambda size: make_docx(word(paragraph("a" * size))), size),
            limit,
        )
        yield HostileFile(
            "zip bomb",
            f"styles-{megabytes}.docx",
            partial(lambda size: make_docx(word(paragraph("a")), {"word/styles.xml": STYLES + " " * size}), size),
            limit,
        )
        yield HostileFile(
            "zip bomb",
            f"unused-{megabytes}.docx",
            # A member that nobody reads costs nothing.
            partial(
                lambda size: make_docx(word(paragraph("Only this is read.")), {"word/media/image.bin": b"\x00" * size}),
                size,
            ),
            READ,
        )
    yield HostileFile("zip bomb", "kinds.docx", lambda: make_zip({"[Content_Types].xml": " " * 200_000_000}))
    yield HostileFile(
        "zip bomb",
        "notes.docx",
        lambda: make_docx(
            word(paragraph("a")), {"word/footnotes.xml": footnotes(dict.fromkeys(range(300_000), "note"))}
        ),
        limit | READ,
    )
    yield HostileFile("zip bomb", "elements.docx", lambda: make_docx(word("<w:p/>" * 4_000_000)))
    yield HostileFile(
        "zip bomb",
        "deep.docx",
        lambda: make_docx(word("<w:x>" * 500_000 + "</w:x>" * 500_000)),
        frozenset({"limits_exceeded"}),
    )
    yield HostileFile(
        "zip bomb",
        "attributes.docx",
        lambda: make_docx(word("<w:p " + " ".join(f'a{n}="{n}"' for n in range(300_000)) + "/>")),
    )
    yield HostileFile(
        "zip bomb",
        "members.docx",
        lambda: make_docx(word(paragraph("a")), {f"word/m{n}": b"" for n in range(20_000)}),
        frozenset({"limits_exceeded"}),
    )
    yield HostileFile("zip bomb", "nested.zip", lambda: _nested(12))
    yield HostileFile(
        "zip bomb",
        "nested-inside.docx",
        lambda: make_docx(word(paragraph("Outer text only.")), {"word/embeddings/a.zip": _nested(8)}),
        READ,
    )
    yield HostileFile("zip bomb", "lying-sizes.docx", lambda: _lying(good_files()["docx"], 10))
    yield HostileFile("zip bomb", "lying-sizes-large.docx", lambda: _lying(good_files()["docx"], 0xFFFFFFF0))
    yield HostileFile("zip bomb", "overlapping.docx", _overlapping)


def _nested(depth: int) -> bytes:
    data = b"\x00" * 10_000_000
    for level in range(depth):
        data = make_zip({f"{n}-{level}.zip": data for n in range(3)})
    return data


def _lying(data: bytes, size: int) -> bytes:
    """Says another unpacked size than it has, in both directories."""
    out = bytearray(data)
    for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = out.find(mark)
        while at >= 0:
            out[at + place : at + place + 4] = struct.pack("<I", size)
            at = out.find(mark, at + 4)
    return bytes(out)


def _overlapping() -> bytes:
    """Every entry of the directory points to one large member."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = b"<x>" + b"a" * 20_000_000
    data = packed.compress(content) + packed.flush()
    sums = zlib.crc32(content)
    local = (
        struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0x21, sums, len(data), len(content), 1, 0) + b"a" + data
    )
    names = [
        b"[Content_Types].xml",
        b"_rels/.rels",
        b"word/document.xml",
        b"word/styles.xml",
        *(b"m%d" % n for n in range(500)),
    ]
    directory = b"".join(
        struct.pack(
            "<4s6H3I5H2I",
            b"PK\x01\x02",
            20,
            20,
            0,
            8,
            0,
            0x21,
            sums,
            len(data),
            len(content),
            len(name),
            0,
            0,
            0,
            0,
            0,
            0,
        )
        + name
        for name in names
    )
    return (
        local
        + directory
        + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(names), len(names), len(directory), len(local), 0)
    )


def _entities() -> Iterator[HostileFile]:
    for what, (doctype, use) in ENTITIES.items():
        body = word(paragraph(use)).replace("?>", f"?>{doctype}", 1)
        never = (SECRET, "root:x:0", "lollol")
        yield HostileFile("entities", f"{what}-document.docx", partial(make_docx, body), REFUSED_XML, never)
        for part in ("word/styles.xml", "word/footnotes.xml", "_rels/.rels"):
            yield HostileFile(
                "entities",
                f"{what}-{part.replace('/', '-')}.docx",
                partial(lambda body, part: make_docx(word(paragraph("Text.")), {part: body}), body, part),
                REFUSED_XML,
                never,
            )
        yield HostileFile(
            "entities",
            f"{what}.html",
            partial(
                lambda doctype, use: f"{doctype}<html><body><p>Text {use} here.</p></body></html>".encode(),
                doctype,
                use,
            ),
            never=never,
        )


def _macros() -> Iterator[HostileFile]:
    macro = frozenset({"macro_document"})
    text = word(paragraph("Enable the content, please."))
    yield HostileFile(
        "macros", "project.docx", lambda: make_docx(text, {"word/vbaProject.bin": b"\xd0\xcf\x11\xe0"}), macro
    )
    yield HostileFile("macros", "project-capitals.docx", lambda: make_docx(text, {"word/VBAPROJECT.BIN": b""}), macro)
    yield HostileFile("macros", "elsewhere.docx", lambda: make_docx(text, {"customUI/vbaProject.bin": b"x"}), macro)
    yield HostileFile("macros", "document.docm", lambda: make_docx(text, main=MACRO_MAIN), macro)
    yield HostileFile("macros", "renamed.docx", lambda: make_docx(text, main=MACRO_MAIN), macro)
    yield HostileFile(
        "macros", "template.dotm", lambda: make_docx(text, main=MACRO_MAIN.replace("document", "template", 1)), macro
    )


def _members() -> Iterator[HostileFile]:
    text = word(paragraph("Text of the document."))
    for number, name in enumerate(
        (
            "../../etc/passwd",
            "/etc/passwd",
            "word/../../../tmp/x",
            "..\\..\\windows\\x",
            "C:\\x",
            "word/\u202efdp.exe",
            "~/x",
            "x" * 60_000,
            "word/./document.xml",
            "CON",
            "a\nb",
        )
    ):
        yield HostileFile(
            "path tricks", f"member-{number}.docx", partial(lambda name: make_docx(text, {name: "x"}), name), READ
        )
    yield HostileFile(
        "path tricks",
        "nul-in-member.docx",
        lambda: make_docx(text, {"word/docXment.xml.exe": "x"}).replace(b"docXment", b"doc\x00ment"),
    )
    yield HostileFile("path tricks", "link.docx", _with_link, READ, ("root:x:0",))
    for number, target in enumerate(
        (
            "../../../etc/passwd",
            "file:///etc/passwd",
            "http://127.0.0.1:9/x",
            "/etc/passwd",
            "",
            "..",
            "word/document.xml/../../../x",
        )
    ):
        relation = (
            '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
            'Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
            f'Target="{target}" TargetMode="External"/></Relationships>'
        )
        yield HostileFile(
            "path tricks",
            f"relation-{number}.docx",
            partial(lambda relation: make_docx(text, {"_rels/.rels": relation}), relation),
            READ,
            ("root:x:0",),
        )
    for number, name in enumerate(
        (
            "../../etc/passwd.txt",
            "/etc/shadow.txt",
            "a\x00b.txt",
            "cod\u202etxt.exe",
            "x" * 4000 + ".txt",
            "..",
            "",
            "a\nb.txt",
            "$(reboot).txt",
            "-rf.txt",
            "nul.txt",
        )
    ):
        yield HostileFile(
            "path tricks",
            name or f"empty-{number}",
            partial(lambda number: f"A plain note, number {number}.".encode(), number),
            READ,
        )


def _with_link() -> bytes:
    out = BytesIO(make_docx(word(paragraph("Text of the document."))))
    with zipfile.ZipFile(out, "a") as archive:
        link = zipfile.ZipInfo("word/media/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return out.getvalue()


def _locked() -> Iterator[HostileFile]:
    locked = frozenset({"encrypted"})
    package = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + b"\x00" * 1500
        + "EncryptionInfo".encode("utf-16-le")
        + b"\x00" * 100
        + "EncryptedPackage".encode("utf-16-le")
        + b"\x00" * 2000
    )
    yield HostileFile("encrypted", "word.docx", lambda: package, locked)
    yield HostileFile("encrypted", "no-name", lambda: package, locked)
    yield HostileFile("encrypted", "members.docx", lambda: _flagged(good_files()["docx"]), locked)


def _flagged(data: bytes) -> bytes:
    out = bytearray(data)
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = out.find(mark)
        while at >= 0:
            out[at + place] |= 1
            at = out.find(mark, at + 4)
    return bytes(out)


def _wrong_names() -> Iterator[HostileFile]:
    for what, data in SIGNATURES.items():
        yield HostileFile(
            "wrong extension", f"{what}-called.pdf", partial(lambda data: data, data), frozenset({"type_mismatch"})
        )
        yield HostileFile(
            "wrong extension", f"{what}-called.docx", partial(lambda data: data, data), frozenset({"type_mismatch"})
        )
        yield HostileFile(
            "unsupported", f"honest.{what}", partial(lambda data: data, data), frozenset({"unsupported_type"})
        )
    good = good_files()
    mismatch = frozenset({"type_mismatch"})
    yield HostileFile("wrong extension", "zip.pdf", lambda: make_zip({"a.txt": "a"}), mismatch)
    yield HostileFile("wrong extension", "zip.docx", lambda: make_zip({"a.txt": "a"}), mismatch)
    yield HostileFile("wrong extension", "page.pdf", lambda: good["html"], mismatch)
    yield HostileFile("wrong extension", "page.docx", lambda: good["html"], mismatch)
    yield HostileFile("wrong extension", "pdf.txt", lambda: good["pdf"], READ)
    yield HostileFile("wrong extension", "pdf.exe", lambda: good["pdf"], READ)
    yield HostileFile("wrong extension", "docx.pdf", lambda: good["docx"], READ)
    sheet = '<Types><Override ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
    yield HostileFile(
        "unsupported", "sheet.xlsx", lambda: make_zip({"[Content_Types].xml": sheet}), frozenset({"unsupported_type"})
    )
    yield HostileFile(
        "unsupported",
        "text.odt",
        lambda: make_zip({"mimetype": "application/vnd.oasis.opendocument.text"}),
        frozenset({"unsupported_type"}),
    )
    yield HostileFile(
        "unsupported", "code.jar", lambda: make_zip({"META-INF/MANIFEST.MF": "x"}), frozenset({"unsupported_type"})
    )


def _word_shapes() -> Iterator[HostileFile]:
    long = frozenset({"too_long", "limits_exceeded"})
    yield HostileFile(
        "huge tables",
        "cells.docx",
        lambda: make_docx(word("<w:tbl>" + ("<w:tr>" + "<w:tc><w:p/></w:tc>" * 100 + "</w:tr>") * 1_000 + "</w:tbl>")),
        long,
    )
    yield HostileFile(
        "huge tables",
        "spans.docx",
        lambda: make_docx(
            word(
                word_table([["a", "b"]] * 3).replace("<w:tc>", '<w:tc><w:tcPr><w:gridSpan w:val="99999999"/></w:tcPr>')
            )
        ),
    )
    yield HostileFile(
        "huge tables",
        "header.docx",
        lambda: make_docx(word(word_table([["h" * 100_000, "i"]] + [["a", "b"]] * 2_000, header_rows=1))),
    )
    yield HostileFile(
        "huge tables",
        "nested.docx",
        lambda: make_docx(word("<w:tbl><w:tr><w:tc>" * 400 + paragraph("inner") + "</w:tc></w:tr></w:tbl>" * 400)),
    )
    yield HostileFile(
        "deep nesting",
        "paragraphs.docx",
        lambda: make_docx(word("<w:p><w:r>" * 900 + "<w:t>x</w:t>" + "</w:r></w:p>" * 900)),
    )
    yield HostileFile(
        "deep nesting", "style-loop.docx", lambda: make_docx(word(paragraph("Looping style.", "Loop"))), READ
    )
    hidden = f"<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>{SECRET}</w:t></w:r><w:r><w:t>Seen.</w:t></w:r></w:p>"
    deleted = f"<w:p><w:del><w:r><w:delText>{SECRET}</w:delText></w:r></w:del><w:r><w:t>Kept.</w:t></w:r></w:p>"
    moved = f"<w:p><w:moveFrom><w:r><w:t>{SECRET}</w:t></w:r></w:moveFrom><w:r><w:t>Kept.</w:t></w:r></w:p>"
    styled = (
        f'<w:p><w:r><w:rPr><w:rStyle w:val="Secret"/></w:rPr><w:t>{SECRET}</w:t></w:r><w:r><w:t>Seen.</w:t></w:r></w:p>'
    )
    tiny = f'<w:p><w:r><w:rPr><w:sz w:val="1"/></w:rPr><w:t>{SECRET}</w:t></w:r><w:r><w:t>Seen.</w:t></w:r></w:p>'
    field = f'<w:p><w:r><w:instrText>INCLUDETEXT "/etc/passwd" {SECRET}</w:instrText></w:r><w:r><w:t>Seen.</w:t></w:r></w:p>'
    for name, shape in {
        "vanish": hidden,
        "deleted": deleted,
        "moved": moved,
        "style": styled,
        "tiny": tiny,
        "field": field,
    }.items():
        yield HostileFile("hidden text", f"{name}.docx", partial(lambda shape: make_docx(word(shape)), shape), READ)
    yield HostileFile("broken XML", "not-xml.docx", lambda: make_docx("no xml at all"), REFUSED_XML)
    yield HostileFile("broken XML", "empty-part.docx", lambda: make_docx(""), REFUSED_XML)
    yield HostileFile(
        "broken XML",
        "no-main.docx",
        lambda: make_zip({"[Content_Types].xml": "wordprocessingml.document.main+xml"}),
        REFUSED_XML,
    )
    yield HostileFile("broken XML", "nothing.docx", lambda: make_docx(word("<w:p/>")), frozenset({"nothing_extracted"}))
    yield HostileFile(
        "broken XML",
        "utf-16.docx",
        lambda: make_docx(
            word("x"),
            {
                "word/document.xml": word(paragraph("Wide text."))
                .replace("?>", ' encoding="utf-16"?>', 1)
                .encode("utf-16")
            },
        ),
        READ,
    )
    yield HostileFile(
        "broken XML",
        "unknown-encoding.docx",
        lambda: make_docx(word(paragraph("x")).replace("?>", ' encoding="utf-7"?>', 1)),
    )
