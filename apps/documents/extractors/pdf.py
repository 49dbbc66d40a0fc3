"""PDF by PDFium, page by page: a page that cannot be read is named, the others are read."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import pypdfium2 as pdfium
from pypdfium2 import raw

from apps.documents.extractors.pdf_layout import PageLines, write_pages
from apps.documents.extractors.pdf_lines import Sight, lines_of_page, shown_area
from apps.documents.extractors.refusal import Refused
from apps.documents.extractors.writing import BodyWriter, clean
from apps.documents.schemas import Limits, PageProblem, Reason
from apps.rag.schemas import Body

OCR_DPI = 200
OCR_PIXELS = 25_000_000
OCR_SECONDS = 90
OCR_SHARE = 0.6
"""Of the time that the whole file has: pages after that are named, not read."""
_PASSWORD_ERROR = 4
_SECURITY_ERROR = 5
_FEW_WORDS = 20
_CLAIMS = {"Title": "title", "Author": "author", "CreationDate": "date"}


@dataclass(frozen=True)
class ReadPdf:
    body: Body
    pages: int
    problems: tuple[PageProblem, ...]
    claims: dict[str, str]


class NothingRead(Refused):
    """No page gave text; which page had which problem is still worth telling."""

    def __init__(self, reason: Reason, pages: int, problems: tuple[PageProblem, ...]) -> None:
        super().__init__(reason)
        self.pages = pages
        self.problems = problems


def read(
    data: bytes,
    limits: Limits,
    *,
    skip: Mapping[int, str] | None = None,
    tesseract: str | None = None,
    begins: Callable[[int, int], None] = lambda _page, _of: None,
) -> ReadPdf:
    """`skip`: pages that ended an earlier run, and how. `begins` hears of each page (from 1) before it is read."""
    document = _opened(data)
    count = len(document)
    if count > limits.pages:
        raise Refused("too_long")
    pages: list[PageLines] = []
    problems: list[PageProblem] = []
    characters = 0
    ocr_ends = time.monotonic() + OCR_SHARE * limits.wall_s
    for number in range(1, count + 1):
        begins(number, count)
        if skip and number in skip:
            problems.append(PageProblem(number, skip[number]))
            continue
        page, problem = _read_page(
            document, number, limits.characters - characters, tesseract if time.monotonic() < ocr_ends else None
        )
        characters += sum(len(line.text) for line in page.lines)
        pages.append(page)
        if problem:
            problems.append(PageProblem(number, problem))
    if not count:
        raise Refused("unreadable")
    writer = BodyWriter(limits)
    write_pages(writer, pages)
    try:
        body = writer.body()
    except Refused:
        raise NothingRead(_overall(problems), count, tuple(problems)) from None
    by_ocr = ", ".join(str(page.number) for page in pages if page.ocr)
    claims = _claims(document) | ({"ocr_pages": by_ocr[:300]} if by_ocr else {})
    return ReadPdf(body, count, tuple(problems), claims)


def _overall(problems: list[PageProblem]) -> Reason:
    codes = {problem.code for problem in problems}
    if codes == {"unreadable"}:
        return "unreadable"
    return "limits_exceeded" if "limits_exceeded" in codes else "nothing_extracted"


def _opened(data: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        code = getattr(error, "err_code", None)
        raise Refused("encrypted" if code in {_PASSWORD_ERROR, _SECURITY_ERROR} else "unreadable") from error


def _read_page(
    document: pdfium.PdfDocument, number: int, characters: int, tesseract: str | None
) -> tuple[PageLines, str | None]:
    try:
        page = document[number - 1]
    except (pdfium.PdfiumError, IndexError):
        return PageLines(number, []), "unreadable"
    try:
        if raw.FPDFPage_GetAnnotCount(page) > 0:
            # What was filled into a form stands beside the page's own content until it is drawn into it.
            raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
            page.close()
            page = document[number - 1]
        sight = Sight(page, shown_area(page))
        text_page = page.get_textpage()
        try:
            if raw.FPDFText_CountChars(text_page) > max(0, characters) + 1_000:
                raise Refused("too_long")
            lines = lines_of_page(text_page, sight)
        finally:
            text_page.close()
        words = sum(len(line.words) for line in lines)
        # A page that shows something and has no text, or a picture over most of it and hardly any.
        is_picture = sight.is_covered_by_picture if words else raw.FPDFPage_CountObjects(page) > 0
        if words >= _FEW_WORDS or not is_picture:
            return PageLines(number, lines, sight.shown), None
        read = _by_ocr(page, tesseract) if tesseract else None
        if read is None:
            return PageLines(number, lines, sight.shown), "no_text_layer"
        return PageLines(number, lines, sight.shown, ocr=read), None
    except pdfium.PdfiumError:
        return PageLines(number, []), "unreadable"
    finally:
        page.close()


def _by_ocr(page: pdfium.PdfPage, tesseract: str) -> str | None:
    """The page's picture through tesseract; None when nothing came of it."""
    width, height = page.get_size()
    scale = OCR_DPI / 72
    pixels = width * height * scale * scale
    if not pixels > 0:
        return None
    scale *= min(1.0, (OCR_PIXELS / pixels) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True, may_draw_forms=False)
    try:
        rows = bytes(bitmap.buffer)
        stride, wide, high = bitmap.stride, bitmap.width, bitmap.height
    finally:
        bitmap.close()
    picture = b"P5 %d %d 255\n" % (wide, high) + b"".join(rows[y * stride : y * stride + wide] for y in range(high))
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603
            [tesseract, "stdin", "stdout", "--dpi", str(round(scale * 72))],
            input=picture, capture_output=True, timeout=OCR_SECONDS, check=False,
        )  # fmt: skip
        text = clean(done.stdout[:1_000_000].decode("utf-8", "replace")).strip()
        return text or None
    return None


def _claims(document: pdfium.PdfDocument) -> dict[str, str]:
    found: dict[str, str] = {}
    with suppress(pdfium.PdfiumError, UnicodeError):
        said = document.get_metadata_dict()
        for key, name in _CLAIMS.items():
            value = " ".join(clean(str(said.get(key) or "")).split())[:300]
            if value:
                found[name] = value
    return found
