"""The text of a PDF page as lines of words with their places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ctypes import byref, c_double, c_float, c_int, c_uint, create_string_buffer
from dataclasses import dataclass, field

import pypdfium2 as pdfium
from pypdfium2 import raw

SMALLEST_SIZE = 1.5
"""Points. What is smaller is there for machines only."""
_SOFT_HYPHENS = frozenset({0x02, 0xFFFE, 0xAD})


@dataclass
class Word:
    text: str
    left: float
    right: float


@dataclass
class Line:
    words: list[Word]
    baseline: float
    size: float
    is_bold: bool = False
    is_broken: bool = False
    """Ends in the middle of a word."""
    is_marked: bool = False
    """A number or a bullet stands apart before the text."""
    cells: list[Word] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def left(self) -> float:
        return self.words[0].left

    @property
    def right(self) -> float:
        return max(word.right for word in self.words)


@dataclass
class _Gathered:
    letters: list[int]
    first: int
    last: int


Area = tuple[float, float, float, float]
"""Left, bottom, right, top."""


class Sight:
    """Whether a reader of the page sees a word. What is drawn around it is only looked at when it matters."""

    def __init__(self, page: pdfium.PdfPage, shown: Area) -> None:
        self._page = page
        self.shown = shown
        self._drawn: tuple[bool, bool] | None = None

    def sees(self, handle: object, place: int, size: float, left: float, right: float, bottom: float) -> bool:
        if size < SMALLEST_SIZE or not (self.shown[0] - 1 <= right and left <= self.shown[2] + 1):
            return False
        if not self.shown[1] - size <= bottom <= self.shown[3] + size:
            return False
        thing = raw.FPDFText_GetTextObject(handle, place)
        if thing and raw.FPDFTextObj_GetTextRenderMode(thing) == raw.FPDF_TEXTRENDERMODE_INVISIBLE:
            # Over a scan it is the scan's own words; anywhere else nobody is meant to see it.
            return self.is_covered_by_picture
        return not _is_white(handle, place) or self.has_ground

    @property
    def is_covered_by_picture(self) -> bool:
        return self._look()[0]

    @property
    def has_ground(self) -> bool:
        """Something that white letters may stand on."""
        return self._look()[1]

    def _look(self) -> tuple[bool, bool]:
        if self._drawn is None:
            covered = ground = False
            area = (self.shown[2] - self.shown[0]) * (self.shown[3] - self.shown[1])
            for place in range(min(raw.FPDFPage_CountObjects(self._page), 2_000)):
                thing = raw.FPDFPage_GetObject(self._page, place)
                kind = raw.FPDFPageObj_GetType(thing)
                ground = ground or kind != raw.FPDF_PAGEOBJ_TEXT
                covered = covered or (kind == raw.FPDF_PAGEOBJ_IMAGE and _area(thing) > 0.5 * area)
            self._drawn = covered, ground
        return self._drawn


def _area(thing: object) -> float:
    left, bottom, right, top = c_float(), c_float(), c_float(), c_float()
    if not raw.FPDFPageObj_GetBounds(thing, byref(left), byref(bottom), byref(right), byref(top)):
        return 0.0
    return (right.value - left.value) * (top.value - bottom.value)


def _is_white(handle: object, place: int) -> bool:
    red, green, blue, alpha = c_uint(), c_uint(), c_uint(), c_uint()
    if not raw.FPDFText_GetFillColor(handle, place, byref(red), byref(green), byref(blue), byref(alpha)):
        return False
    return alpha.value < 8 or min(red.value, green.value, blue.value) > 250


def lines_of_page(text_page: pdfium.PdfTextPage, sight: Sight) -> list[Line]:
    """In the order in which the page draws them, which is the order of reading for nearly every producer."""
    lines = []
    for pieces, broken in _split(text_page):
        line = _line(text_page, pieces, sight)
        if line:
            line.is_broken = broken
            lines.append(line)
    return lines


def _split(text_page: pdfium.PdfTextPage) -> Iterator[tuple[list[_Gathered], bool]]:
    words: list[_Gathered] = []
    word: _Gathered | None = None
    unicode_of, handle = raw.FPDFText_GetUnicode, text_page.raw
    for place in range(raw.FPDFText_CountChars(handle)):
        code = unicode_of(handle, place)
        if code in {0x0A, 0x0D} or code in _SOFT_HYPHENS:
            broken = code in _SOFT_HYPHENS
            if words:
                yield words, broken
            words, word = [], None
        elif code in {0x20, 0x09, 0xA0, 0}:
            word = None
        elif word is None:
            word = _Gathered([code], place, place)
            words.append(word)
        else:
            word.letters.append(code)
            word.last = place
    if words:
        yield words, False


def _line(text_page: pdfium.PdfTextPage, pieces: list[_Gathered], sight: Sight) -> Line | None:
    handle = text_page.raw
    words = []
    letters: Counter[float] = Counter()
    baseline, first = 0.0, -1
    for piece in pieces:
        size = _size(handle, piece.first)
        left, right, bottom = _box(handle, piece.first, piece.last)
        if not sight.sees(handle, piece.first, size, left, right, bottom):
            continue
        words.append(Word(_decoded(piece.letters), left, right))
        letters[size] += len(piece.letters)
        if first < 0:
            first, baseline = piece.first, _baseline(handle, piece.first, bottom)
    if not words:
        return None
    # A bullet or a raised figure may be of another size than the text.
    return Line(words, baseline, max(letters, key=lambda size: letters[size]), _is_bold(handle, first))


def _decoded(codes: list[int]) -> str:
    """Code points; letters beyond the first plane may come as two halves."""
    units = b"".join((code if code < 0x10000 else 0xFFFD).to_bytes(2, "little") for code in codes)
    if all(code < 0x10000 for code in codes):
        return units.decode("utf-16-le", "replace")
    return "".join(chr(code) if code < 0x110000 else "\ufffd" for code in codes)


def shown_area(page: pdfium.PdfPage) -> Area:
    try:
        left, bottom, right, top = page.get_cropbox()
    except pdfium.PdfiumError:
        left, bottom, (right, top) = 0.0, 0.0, page.get_size()
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def _size(handle: object, place: int) -> float:
    """In points as shown: the font's size times the scale of its matrix."""
    matrix = raw.FS_MATRIX()
    size = float(raw.FPDFText_GetFontSize(handle, place))
    if raw.FPDFText_GetMatrix(handle, place, byref(matrix)):
        scale = float((matrix.c**2 + matrix.d**2) ** 0.5)
        size *= scale
    return abs(size)


def _box(handle: object, first: int, last: int) -> tuple[float, float, float]:
    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    raw.FPDFText_GetCharBox(handle, first, byref(left), byref(right), byref(bottom), byref(top))
    start, low, end = left.value, bottom.value, right.value
    if last != first:
        raw.FPDFText_GetCharBox(handle, last, byref(left), byref(right), byref(bottom), byref(top))
        start, end = min(start, left.value), max(end, right.value)
    return start, end, low


def _baseline(handle: object, place: int, otherwise: float) -> float:
    x, y = c_double(), c_double()
    return y.value if raw.FPDFText_GetCharOrigin(handle, place, byref(x), byref(y)) else otherwise


def _is_bold(handle: object, place: int) -> bool:
    buffer, flags = create_string_buffer(128), c_int()
    length = raw.FPDFText_GetFontInfo(handle, place, buffer, 128, byref(flags))
    name = buffer.raw[: max(0, min(length, 128) - 1)].decode("latin-1").lower()
    return "bold" in name or "black" in name or "heavy" in name or raw.FPDFText_GetFontWeight(handle, place) >= 600
