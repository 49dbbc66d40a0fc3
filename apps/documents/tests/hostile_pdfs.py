"""PDF: bombs, cycles, lies about sizes and counts, locks, pictures, two formats in one file."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial

from apps.documents.tests.hostile import READ, SECRET, HostileFile
from apps.documents.tests.makers import (
    SENTENCES,
    Ink,
    Pdf,
    good_files,
    make_locked_pdf,
    make_pdf,
    make_zip,
    pdf_text,
    written_page,
)

FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
TEXT = b"BT /F1 12 Tf 60 700 Td (Some text that can be read.) Tj ET"


def files() -> Iterator[HostileFile]:
    yield from _bombs()
    yield from _cycles()
    yield from _lies()
    yield from _active()
    yield from _locked()
    yield from _polyglots()
    yield from _pages()
    yield from _hidden()


def one_page(
    contents: Callable[[Pdf], str], *, page: str = "", resources: str = "", catalog: str = "", tree: str = ""
) -> bytes:
    """A document whose page draws `contents` (a reference, or several in brackets)."""
    pdf = Pdf()
    root, top = pdf.add(""), pdf.add("")
    font = pdf.add(FONT)
    drawn = contents(pdf)
    leaf = pdf.add(
        f"<< /Type /Page /Parent {top} 0 R /MediaBox [0 0 595 842] /Contents {drawn} "
        f"/Resources << /Font << /F1 {font} 0 R >> {resources} >> {page} >>"
    )
    pdf.set(
        top,
        tree.replace("LEAF", f"{leaf} 0 R").replace("TOP", f"{top} 0 R")
        or f"<< /Type /Pages /Count 1 /Kids [{leaf} 0 R] >>",
    )
    pdf.set(root, f"<< /Type /Catalog /Pages {top} 0 R {catalog} >>")
    return pdf.built(root)


def drawing(data: bytes, extra: str = "", *, flate: bool = False, length: str = "") -> Callable[[Pdf], str]:
    return lambda pdf: f"{pdf.stream(data, extra, flate=flate, length=length)} 0 R"


def _packed(data: bytes, times: int) -> bytes:
    for _ in range(times):
        data = zlib.compress(data, 9)
    return data


def _bombs() -> Iterator[HostileFile]:
    kind = "PDF bombs"
    for megabytes in (50, 300):
        yield HostileFile(
            kind,
            f"flate-{megabytes}.pdf",
            partial(lambda megabytes: one_page(drawing(b" " * (megabytes * 1_000_000) + TEXT, flate=True)), megabytes),
        )
    for times in (2, 4, 8):
        filters = "/Filter [" + "/FlateDecode " * times + "]"
        yield HostileFile(
            kind,
            f"flate-{times}-fold.pdf",
            partial(
                lambda times, filters: one_page(drawing(_packed(b"\x00" * 100_000_000, times), filters)), times, filters
            ),
        )
    yield HostileFile(
        kind, "many-filters.pdf", lambda: one_page(drawing(TEXT, "/Filter [" + "/ASCIIHexDecode " * 10_000 + "]"))
    )
    yield HostileFile(
        kind,
        "predictor.pdf",
        lambda: one_page(
            drawing(
                b"\x00" * 5_000_000,
                "/DecodeParms << /Predictor 15 /Columns 2147483647 /Colors 32 /BitsPerComponent 16 >>",
                flate=True,
            )
        ),
    )
    yield HostileFile(
        kind, "run-length.pdf", lambda: one_page(drawing(b"\x81\x41" * 2_000_000, "/Filter /RunLengthDecode"))
    )
    yield HostileFile(kind, "lzw.pdf", lambda: one_page(drawing(bytes(range(256)) * 4_000, "/Filter /LZWDecode")))
    yield HostileFile(kind, "object-stream.pdf", _object_stream)
    yield HostileFile(
        kind, "many-contents.pdf", lambda: one_page(lambda pdf: f"[{' '.join([f'{pdf.stream(TEXT)} 0 R'] * 200_000)}]")
    )
    yield HostileFile(kind, "operators.pdf", lambda: one_page(drawing(b"q " * 10_000_000, flate=True)))
    yield HostileFile(kind, "paths.pdf", lambda: one_page(drawing(b"0 0 m 1 1 l S " * 2_000_000, flate=True)))
    yield HostileFile(
        kind,
        "letters.pdf",
        lambda: one_page(drawing(b"BT /F1 12 Tf 60 700 Td (" + b"abcdefghi " * 2_000_000 + b") Tj ET", flate=True)),
        READ | {"too_long", "limits_exceeded", "time_exceeded"},
    )
    yield HostileFile(
        kind,
        "texts.pdf",
        lambda: one_page(drawing(TEXT * 100_000, flate=True)),
        frozenset({"too_long", "limits_exceeded", "time_exceeded"}),
    )
    yield HostileFile(kind, "array.pdf", lambda: one_page(drawing(b"[" * 500_000 + TEXT)))
    yield HostileFile(
        kind, "dictionaries.pdf", lambda: one_page(drawing(TEXT), page="/X " + "<</A " * 200_000 + "1" + ">>" * 200_000)
    )
    yield HostileFile(
        kind, "nested-arrays.pdf", lambda: one_page(drawing(TEXT), page="/X " + "[" * 300_000 + "]" * 300_000)
    )
    yield HostileFile(kind, "objects.pdf", _objects)
    yield HostileFile(kind, "string.pdf", lambda: one_page(drawing(TEXT), page=f"/X ({'(' * 200_000}{')' * 200_000})"))
    yield HostileFile(kind, "name.pdf", lambda: one_page(drawing(TEXT), page="/" + "N" * 2_000_000 + " 1"))
    yield HostileFile(
        kind, "picture.pdf", lambda: _picture("/Width 65535 /Height 65535 /BitsPerComponent 8 /ColorSpace /DeviceRGB")
    )
    yield HostileFile(
        kind,
        "picture-negative.pdf",
        lambda: _picture("/Width -1 /Height 2147483647 /BitsPerComponent 8 /ColorSpace /DeviceRGB"),
    )
    yield HostileFile(kind, "letters-map.pdf", _letters_map)
    yield HostileFile(
        kind,
        "inline-picture.pdf",
        lambda: one_page(drawing(b"BI /W 65535 /H 65535 /BPC 8 /CS /RGB ID " + b"\x00" * 1000 + b" EI " + TEXT)),
    )


def _object_stream() -> bytes:
    pdf = Pdf()
    pdf.add("<< /Type /Catalog /Pages 2 0 R >>")
    inner = b" ".join(b"%d 0" % (n + 10) for n in range(200_000))
    pdf.stream(inner + b" " * 50_000_000, f"/Type /ObjStm /N 200000 /First {len(inner)}", flate=True)
    return pdf.built(1)


def _objects() -> bytes:
    return make_pdf([written_page("Many", SENTENCES)]) + b"".join(
        b"%d 0 obj\n<<>>\nendobj\n" % n for n in range(20, 400_000)
    )


def _picture(shape: str) -> bytes:
    def draw(pdf: Pdf) -> str:
        pdf.stream(zlib.compress(b"\x00" * 1_000_000), f"/Type /XObject /Subtype /Image {shape} /Filter /FlateDecode")
        return f"{pdf.stream(b'q 500 0 0 700 40 40 cm /I Do Q')} 0 R"

    return one_page(draw, resources="/XObject << /I 4 0 R >>")


def _letters_map() -> bytes:
    """A font that says of every code that it stands for a very long text."""
    pdf = Pdf()
    root, tree = pdf.add(""), pdf.add("")
    target = "0041" * 500
    lines = "\n".join(f"<{code:02x}> <{code:02x}> <{target}>" for code in range(256))
    table = pdf.stream(
        b"/CIDInit /ProcSet findresource begin 1 begincodespacerange <00> <ff> endcodespacerange "
        + f"256 beginbfrange {lines} endbfrange".encode(),
        flate=True,
    )
    font = pdf.add(f"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode {table} 0 R >>")
    drawn = pdf.stream(b"BT /F1 12 Tf 60 700 Td (" + b"abcdefgh" * 5_000 + b") Tj ET", flate=True)
    page = pdf.add(
        f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 595 842] /Contents {drawn} 0 R /Resources << /Font << /F1 {font} 0 R >> >> >>"
    )
    pdf.set(tree, f"<< /Type /Pages /Count 1 /Kids [{page} 0 R] >>")
    pdf.set(root, f"<< /Type /Catalog /Pages {tree} 0 R >>")
    return pdf.built(root)


def _cycles() -> Iterator[HostileFile]:
    kind = "PDF cycles"
    trees = {
        "own-child": "<< /Type /Pages /Count 5 /Kids [TOP] >>",
        "own-child-too": "<< /Type /Pages /Count 3 /Kids [LEAF TOP LEAF] >>",
        "own-parent": "<< /Type /Pages /Count 1 /Parent TOP /Kids [LEAF] >>",
        "thrice": "<< /Type /Pages /Count 3 /Kids [LEAF LEAF LEAF] >>",
        "catalog-child": "<< /Type /Pages /Count 2 /Kids [1 0 R LEAF] >>",
        "null-child": "<< /Type /Pages /Count 2 /Kids [null LEAF] >>",
        "no-kids": "<< /Type /Pages /Count 1 >>",
        "kids-number": "<< /Type /Pages /Count 1 /Kids 7 >>",
        "kids-themselves": "<< /Type /Pages /Count 1 /Kids TOP >>",
        "missing": "<< /Type /Pages /Count 2 /Kids [999 0 R LEAF] >>",
    }
    for name, tree in trees.items():
        yield HostileFile(kind, f"tree-{name}.pdf", partial(lambda tree: one_page(drawing(TEXT), tree=tree), tree))
    yield HostileFile(kind, "length.pdf", lambda: one_page(drawing(TEXT, length="4 0 R")))
    yield HostileFile(kind, "contents.pdf", lambda: one_page(lambda pdf: f"{pdf.add('[4 0 R 4 0 R]')} 0 R"))
    yield HostileFile(kind, "reference.pdf", lambda: one_page(lambda pdf: f"{pdf.add('4 0 R')} 0 R"))
    yield HostileFile(kind, "form.pdf", _form_loop)
    yield HostileFile(kind, "forms-doubling.pdf", _forms_doubling)
    yield HostileFile(
        kind,
        "outlines.pdf",
        lambda: one_page(drawing(TEXT), catalog="/Outlines << /First 1 0 R /Last 1 0 R /Next 1 0 R >>"),
    )
    yield HostileFile(kind, "previous.pdf", lambda: _previous(9))
    yield HostileFile(kind, "previous-itself.pdf", lambda: _previous(None))
    yield HostileFile(kind, "resources.pdf", lambda: one_page(drawing(TEXT), page="/Resources 5 0 R /Parent 5 0 R"))
    yield HostileFile(kind, "deep-tree.pdf", _deep_tree)


def _form_loop() -> bytes:
    def draw(pdf: Pdf) -> str:
        pdf.stream(
            b"/X Do " * 10, "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 4 0 R >> >>"
        )
        return f"{pdf.stream(b'/X Do ' + TEXT)} 0 R"

    return one_page(draw, resources="/XObject << /X 4 0 R >>")


def _forms_doubling() -> bytes:
    """Each form draws the next twice: 2 to the power of 30 drawings."""

    def draw(pdf: Pdf) -> str:
        for number in range(4, 34):
            pdf.stream(
                b"/X Do /X Do " + TEXT,
                f"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X {number + 1} 0 R >> /Font << /F1 3 0 R >> >>",
            )
        pdf.stream(TEXT, "/Type /XObject /Subtype /Form /BBox [0 0 9 9]")
        return f"{pdf.stream(b'/X Do')} 0 R"

    return one_page(draw, resources="/XObject << /X 4 0 R >>")


def _previous(place: int | None) -> bytes:
    good = good_files()["pdf"]
    start = good.rindex(b"xref\n0")
    return good.replace(b"/Root", b"/Prev %d /Root" % (start if place is None else place))


def _deep_tree() -> bytes:
    pdf = Pdf()
    pdf.add("<< /Type /Catalog /Pages 2 0 R >>")
    for number in range(2, 3_000):
        pdf.add(f"<< /Type /Pages /Count 1 /Kids [{number + 1} 0 R] >>")
    pdf.add("<< /Type /Page /MediaBox [0 0 9 9] >>")
    return pdf.built(1)


def _lies() -> Iterator[HostileFile]:
    kind = "PDF lies"
    for number, count in enumerate(("2147483647", "-1", "0", "99999999999999999999", "1.5", "true", "5001", "(x)")):
        tree = f"<< /Type /Pages /Count {count} /Kids [LEAF] >>"
        yield HostileFile(kind, f"count-{number}.pdf", partial(lambda tree: one_page(drawing(TEXT), tree=tree), tree))
    for number, length in enumerate(("0", "-5", "99999999", "2147483648", "nothing", "1")):
        yield HostileFile(
            kind, f"length-{number}.pdf", partial(lambda length: one_page(drawing(TEXT, length=length)), length)
        )
    for number, box in enumerate(
        ("[0 0 1e30 1e30]", "[0 0 0 0]", "[595 842 0 0]", "[nan nan]", "7", "[0 0 14400000 14400000]")
    ):
        yield HostileFile(
            kind, f"box-{number}.pdf", partial(lambda box: one_page(drawing(TEXT), page=f"/MediaBox {box}"), box)
        )
    good = good_files()["pdf"]
    yield HostileFile(kind, "table-of-places.pdf", lambda: good.replace(b"0000000", b"9999999"))
    yield HostileFile(kind, "start.pdf", lambda: good.replace(b"startxref", b"startxref\n99999999\n"))
    yield HostileFile(kind, "size.pdf", lambda: good.replace(b"/Size ", b"/Size 99999999"))
    yield HostileFile(kind, "header-only.pdf", lambda: b"%PDF-1.7\n", frozenset({"unreadable"}))
    yield HostileFile(kind, "end-only.pdf", lambda: b"%PDF-1.7\n%%EOF", frozenset({"unreadable"}))
    yield HostileFile(kind, "version.pdf", lambda: good.replace(b"%PDF-1.7", b"%PDF-9.9"), READ)
    yield HostileFile(kind, "ends.pdf", lambda: good + b"\n%%EOF" * 200_000)
    yield HostileFile(kind, "blanks.pdf", lambda: good + b" " * 20_000_000)
    yield HostileFile(kind, "updates.pdf", lambda: good + good[9:] * 200)


def _active() -> Iterator[HostileFile]:
    actions = {
        "script": "/OpenAction << /S /JavaScript /JS (while\\(true\\){}) >>",
        "launch": "/OpenAction << /S /Launch /F (/bin/sh) >>",
        "address": "/OpenAction << /S /URI /URI (http://127.0.0.1:9/x) >>",
        "form": "/AcroForm << /XFA (x) /Fields [1 0 R] >>",
        "names": "/Names << /JavaScript << /Names [(a) << /S /JavaScript /JS (x) >>] >> /EmbeddedFiles << /Names [(x.exe) 1 0 R] >> >>",
        "far-file": "/OpenAction << /S /GoToR /F (\\\\\\\\127.0.0.1\\\\x) >>",
    }
    for name, action in actions.items():
        yield HostileFile(
            "PDF actions", f"{name}.pdf", partial(lambda action: one_page(drawing(TEXT), catalog=action), action), READ
        )
    yield HostileFile(
        "PDF actions",
        "outside-stream.pdf",
        lambda: one_page(drawing(b"", "/F (/etc/passwd)")),
        never=(SECRET, "root:x:0"),
    )


def _locked() -> Iterator[HostileFile]:
    locked = frozenset({"encrypted"})
    yield HostileFile("encrypted", "password.pdf", lambda: make_locked_pdf("secret"), locked)
    yield HostileFile("encrypted", "password-called.docx", lambda: make_locked_pdf("other"), locked)
    good = good_files()["pdf"]
    handler = b"/Encrypt << /Filter /Unknown.Handler /V 4 /R 4 /P -4 /O <00> /U <00> >> /Root"
    yield HostileFile(
        "encrypted", "handler.pdf", lambda: good.replace(b"/Root", handler), frozenset({"encrypted", "unreadable"})
    )
    newer = b"/Encrypt << /Filter /Standard /V 5 /R 6 /Length 256 /P -4 /O <%s> /U <%s> >> /Root" % (
        b"11" * 48,
        b"22" * 48,
    )
    yield HostileFile(
        "encrypted", "newer.pdf", lambda: good.replace(b"/Root", newer), frozenset({"encrypted", "unreadable"})
    )


def _polyglots() -> Iterator[HostileFile]:
    good = good_files()
    archive = make_zip({"payload.txt": SECRET})
    page = f"<html><body><p>{SECRET}</p></body></html>".encode()
    other = frozenset({"unsupported_type", "type_mismatch"})
    made = {
        "pdf-zip.pdf": (good["pdf"] + archive, READ),
        "zip-pdf.pdf": (archive + good["pdf"], other | READ),
        "zip-pdf.docx": (archive + good["pdf"], other | READ),
        "docx-pdf.docx": (good["docx"] + good["pdf"], READ | {"unreadable"}),
        "pdf-docx.pdf": (good["pdf"] + good["docx"], READ),
        "gif-pdf.pdf": (b"GIF89a" + good["pdf"], other),
        "jpeg-pdf.pdf": (b"\xff\xd8\xff\xe0" + good["pdf"], other),
        "exe-pdf.pdf": (b"MZ\x90\x00" + b"\x00" * 100 + good["pdf"], READ | other),
        "script-pdf.pdf": (b"#!/bin/sh\nexit\n" + good["pdf"], other),
        "pdf-html.html": (good["pdf"] + page, READ),
        "html-comment-pdf.pdf": (b"<html><!--\n" + good["pdf"] + b"--><p>text</p></html>", READ | other),
        "mark-pdf.pdf": (b"\xef\xbb\xbf\n" + good["pdf"], READ),
        "late-header.pdf": (b"x" * 1000 + b"\n" + good["pdf"], READ | other),
        "too-late-header.pdf": (b"x" * 3000 + good["pdf"], READ | other),
        "csv-html.csv": (b"a,b\n<script>" + SECRET.encode()[:0] + b"x</script>,2\n=cmd|' /C calc'!A0,3\n", READ),
        "docx-html.html": (good["docx"] + page, READ | other | {"unreadable"}),
    }
    for name, (data, right) in made.items():
        yield HostileFile("polyglots", name, partial(lambda data: data, data), frozenset(right))


def _pages() -> Iterator[HostileFile]:
    yield HostileFile(
        "many pages", "5000.pdf", lambda: make_pdf([written_page("", ["One line."])] * 5_000), frozenset({"too_long"})
    )
    yield HostileFile("many pages", "1500.pdf", lambda: make_pdf([written_page("", ["One line."])] * 1_500), READ)
    yield HostileFile("many pages", "5000-empty.pdf", lambda: make_pdf([[]] * 5_000), frozenset({"too_long"}))
    yield HostileFile(
        "scans",
        "pictures.pdf",
        lambda: _picture("/Width 10 /Height 10 /BitsPerComponent 8 /ColorSpace /DeviceGray"),
        frozenset({"nothing_extracted"}),
    )
    yield HostileFile("scans", "empty.pdf", lambda: make_pdf([[], []]), frozenset({"nothing_extracted"}))
    yield HostileFile(
        "scans", "bad-operators.pdf", lambda: make_pdf([[]], contents={0: b"Tj ( ET >> BT ] /F9 -1e99 Tf 1 0 0 Tm (a"})
    )
    yield HostileFile("scans", "broken-page.pdf", _one_bad_page, READ)


def _one_bad_page() -> bytes:
    """The second page's object is no page."""
    good = make_pdf([written_page("One", SENTENCES), written_page("Two", SENTENCES), written_page("Three", SENTENCES)])
    first = good.index(b"/Type /Page /Parent")
    second = good.index(b"/Type /Page /Parent", first + 1)
    return good[:second] + b"/Type /Nope/Parent".ljust(19) + good[second + 19 :]


def _hidden() -> Iterator[HostileFile]:
    seen = Ink("What a reader sees.", 60, 700)
    tricks = {
        "tiny": [seen, Ink(SECRET, 60, 600, size=0.5)],
        "outside": [seen, Ink(SECRET, 5_000, 600)],
        "above": [seen, Ink(SECRET, 60, 5_000)],
        "below": [seen, Ink(SECRET, 60, -500)],
    }
    for name, inks in tricks.items():
        yield HostileFile("hidden text", f"{name}.pdf", partial(lambda inks: make_pdf([inks]), inks), READ)
    white = pdf_text([seen]) + f"\n1 1 1 rg BT /F1 12 Tf 60 600 Td ({SECRET}) Tj ET".encode()
    yield HostileFile("hidden text", "white.pdf", lambda: make_pdf([[]], contents={0: white}), READ)
    unseen = pdf_text([seen]) + f"\nBT 3 Tr /F1 12 Tf 60 600 Td ({SECRET}) Tj ET".encode()
    yield HostileFile("hidden text", "invisible.pdf", lambda: make_pdf([[]], contents={0: unseen}), READ)
    scaled = pdf_text([seen]) + f"\nq 0.01 0 0 0.01 60 600 cm BT /F1 20 Tf ({SECRET}) Tj ET Q".encode()
    yield HostileFile("hidden text", "scaled.pdf", lambda: make_pdf([[]], contents={0: scaled}), READ)
