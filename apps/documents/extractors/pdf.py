"""PDF by PDFium, page by page: a page that cannot be read is named, the others are read."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import pypdfium2 as pdfium
from pypdfium2 import raw

from apps.documents.extractors.pdf_layout import PageLines, write_pages
from apps.documents.extractors.pdf_lines import lines_of_page, shown_area
from apps.documents.extractors.refusal import Refused
from apps.documents.extractors.writing import BodyWriter, clean
from apps.documents.schemas import Limits, PageProblem, Reason
from apps.rag.schemas import Body

OCR_DPI = 200
OCR_PIXELS = 25_000_000
OCR_SECONDS = 90
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
    for number in range(1, count + 1):
        begins(number, count)
        if skip and number in skip:
            problems.append(PageProblem(number, skip[number]))
            continue
        page, problem = _read_page(document, number, limits.characters - characters, tesseract)
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
    return ReadPdf(body, count, tuple(problems), _claims(document))


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
        text_page = page.get_textpage()
        try:
            if raw.FPDFText_CountChars(text_page) > max(0, characters) + 1_000:
                raise Refused("too_long")
            shown = shown_area(page)
            lines = lines_of_page(text_page, shown)
        finally:
            text_page.close()
        words = sum(len(line.words) for line in lines)
        if words >= _FEW_WORDS or not _is_picture(page, words):
            return PageLines(number, lines, shown), None
        read = _by_ocr(page, tesseract) if tesseract else None
        if read is None:
            return PageLines(number, lines, shown), "no_text_layer"
        return PageLines(number, lines, shown, ocr=read), None
    except pdfium.PdfiumError:
        return PageLines(number, []), "unreadable"
    finally:
        page.close()


def _is_picture(page: pdfium.PdfPage, words: int) -> bool:
    """A page that shows something and has no text, or an image over most of it and hardly any."""
    width, height = page.get_size()
    shown = False
    for place in range(min(raw.FPDFPage_CountObjects(page), 1_000)):
        thing = raw.FPDFPage_GetObject(page, place)
        kind = raw.FPDFPageObj_GetType(thing)
        shown = True
        if words and kind == raw.FPDF_PAGEOBJ_IMAGE and _covers(thing, width, height):
            return True
    return shown and not words


def _covers(thing: object, width: float, height: float) -> bool:
    from ctypes import byref, c_float

    left, bottom, right, top = c_float(), c_float(), c_float(), c_float()
    if not raw.FPDFPageObj_GetBounds(thing, byref(left), byref(bottom), byref(right), byref(top)):
        return False
    return (right.value - left.value) * (top.value - bottom.value) > 0.5 * width * height


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
