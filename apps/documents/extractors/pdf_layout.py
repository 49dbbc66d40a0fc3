"""From lines with places to headings, paragraphs, list items and tables. A page's text stays on its page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from apps.documents.extractors.pdf_lines import Area, Line
from apps.documents.extractors.pdf_tables import split_cells, table_at, written_by_columns
from apps.documents.extractors.tables import with_guessed_header, write_table
from apps.documents.extractors.writing import BodyWriter, one_line

_BULLETS = "•‣▪◦·●○■□–\uf0b7\uf0a7\uf0d8"
_ITEM = re.compile(rf"(?:[{_BULLETS}*-]|\(?\d{{1,2}}[.)]|\(?[a-z][.)])\s+(?=\S)")
_LONE_MARK = re.compile(rf"(?:[{_BULLETS}*-]|\(?\d{{1,2}}[.)]|\(?[a-z][.)])\Z")
_SECTION = re.compile(
    r"(?:\d{1,2}(?:\.\d{1,2}){0,4}\.?|[A-Z]\.|(?:chapter|appendix|annex|section)\s+\w{1,4}[.:]?)\s+\S", re.IGNORECASE
)
_DIGITS = re.compile(r"\d+")
_SENTENCE_ENDS = tuple(".!?:;\"'”)")
_HEADING_WORDS = 20
_EDGE = 0.08
"""Of a page's height, at its top and at its bottom."""


@dataclass
class PageLines:
    number: int
    lines: list[Line]
    shown: Area = (0, 0, 0, 0)
    ocr: str = ""


@dataclass(frozen=True)
class _Sizes:
    """The size of running text, and each larger size's level."""

    body: float
    levels: dict[float, int]

    def level(self, line: Line) -> int:
        """1 to 6, 0 for text; bold lines of the text's size rank below every larger one."""
        words = len(line.words)
        if words > _HEADING_WORDS or not any(map(str.isalpha, line.text)):
            return 0
        if level := self.levels.get(_rounded(line.size)):
            return level
        stands = line.is_bold and words <= 12 and line.size >= 0.95 * self.body
        return min(len(self.levels) + 1, 6) if stands and not line.text.endswith((".", ",", ";", ":")) else 0


def write_pages(writer: BodyWriter, pages: Sequence[PageLines]) -> None:
    sizes = _sizes(pages)
    repeated = _repeated(pages, sizes.body)
    seen: set[str] = set()
    for page in pages:
        _PageWriter(writer, page, sizes, repeated, seen).write()


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _sizes(pages: Sequence[PageLines]) -> _Sizes:
    letters: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            letters[_rounded(line.size)] += len(line.text)
    if not letters:
        return _Sizes(0, {})
    body = max(letters, key=lambda size: (letters[size], -size))
    total = sum(letters.values())
    # A size that carries much of the text is running text too, in a leaflet that is set in two sizes.
    larger = sorted((size for size in letters if size >= 1.12 * body and letters[size] < 0.3 * total), reverse=True)
    return _Sizes(body, {size: min(place, 6) for place, size in enumerate(larger, start=1)})


def _repeated(pages: Sequence[PageLines], body: float) -> frozenset[str]:
    """Running titles and page numbers: lines at the edges that come back at their place on most pages."""
    found: Counter[str] = Counter()
    for page in pages:
        found.update({key for line in page.lines if (key := _key(line, page, body))})
    least = max(3, 0.5 * len(pages))
    return frozenset(key for key, count in found.items() if count >= least)


def _key(line: Line, page: PageLines, body: float) -> str:
    """Empty for a line that is not at an edge. The page's own number counts as the same on every page, except in large
    type: "Part 3" above its text is a heading."""
    _, bottom, _, top = page.shown
    edge = _EDGE * (top - bottom)
    if bottom + edge < line.baseline < top - edge:
        return ""
    text = line.text if line.size >= 1.12 * body else _DIGITS.sub("0", line.text)
    return f"{round(line.baseline / 4)} {text}"


class _PageWriter:
    def __init__(
        self, writer: BodyWriter, page: PageLines, sizes: _Sizes, repeated: frozenset[str], seen: set[str]
    ) -> None:
        self._writer = writer
        self._page = page
        self._sizes = sizes
        self._repeated = repeated
        self._seen = seen
        self._open: list[Line] = []
        self._is_item = False
        self._last_was_item = False

    def write(self) -> None:
        lines = self._marks_joined(split_cells(self._page.lines))
        at = 0
        while at < len(lines):
            line = lines[at]
            if self._is_running(line):
                at += 1
                continue
            table = table_at(lines, at)
            if table is not None:
                self._flush()
                if table.is_prose:
                    for column in written_by_columns(lines[at : table.end]):
                        for piece in column:
                            self._take(piece)
                    self._flush()
                else:
                    write_table(self._writer, with_guessed_header(table.rows), page=self._page.number)
                    self._last_was_item = False
                at = table.end
                continue
            self._take(line)
            at += 1
        self._flush()
        for paragraph in re.split(r"\n\s*\n", self._page.ocr):
            self._writer.add("paragraph", one_line(paragraph), page=self._page.number)

    def _is_running(self, line: Line) -> bool:
        """Repeated lines are searched once and only shown afterwards."""
        key = _key(line, self._page, self._sizes.body)
        if key not in self._repeated:
            return False
        self._flush()
        if key in self._seen or not any(map(str.isalpha, line.text)):
            self._writer.aside(line.text)
        else:
            self._writer.add("paragraph", line.text, page=self._page.number)
        self._seen.add(key)
        return True

    def _marks_joined(self, lines: list[Line]) -> list[Line]:
        """A bullet that is drawn apart from its text goes back in front of it."""
        joined: list[Line] = []
        for line in lines:
            mark = joined[-1] if joined else None
            if mark and _LONE_MARK.match(mark.text) and abs(mark.baseline - line.baseline) < 0.6 * line.size:
                joined[-1] = Line([*mark.words, *line.words], line.baseline, line.size, line.is_bold, line.is_broken)
            else:
                joined.append(line)
        return joined

    def _take(self, line: Line) -> None:
        level = self._sizes.level(line)
        is_item = (line.is_marked or _ITEM.match(line.text) is not None) and not (level and _SECTION.match(line.text))
        if level and not is_item:
            if not (self._open and self._continues_heading(line, level)):
                self._flush()
            self._open.append(line)
            return
        if self._open and (is_item or not self._continues(line)):
            self._flush()
        if not self._open:
            self._is_item = is_item
        self._open.append(line)

    def _continues_heading(self, line: Line, level: int) -> bool:
        last = self._open[-1]
        return (
            self._sizes.level(last) == level
            and not self._is_item
            and 0 < last.baseline - line.baseline <= 1.6 * line.size
            and not _SECTION.match(line.text)
            and sum(len(other.words) for other in self._open) + len(line.words) <= _HEADING_WORDS
        )

    def _continues(self, line: Line) -> bool:
        """Whether the line goes on with the open paragraph."""
        last = self._open[-1]
        if self._sizes.level(last) and not self._is_item:
            return False
        if abs(last.size - line.size) > 0.15 * max(last.size, line.size):
            return False
        step = last.baseline - line.baseline
        finished = last.text.endswith(_SENTENCE_ENDS)
        if step < -0.5 * line.size:
            # Up again: the next column.
            return not finished
        if step > 1.7 * line.size:
            return False
        indented = line.left - last.left > 0.8 * line.size
        if self._is_item:
            # The second line of an item stands below its words where its mark stands apart, else below the mark.
            first = self._open[0]
            hangs = first.is_marked and len(first.words) > 1
            return line.left >= (first.words[1].left if hangs else first.left) - 0.5 * line.size
        return not (indented and finished and len(self._open) > 1)

    def _flush(self) -> None:
        if not self._open:
            return
        text = _joined(self._open)
        level = 0 if self._is_item else self._sizes.level(self._open[0])
        page = self._page.number
        if level:
            self._writer.add("heading", text, page=page, level=level)
        elif self._is_item:
            mark = _ITEM.match(text)
            cut = mark.end() if mark else len(self._open[0].words[0].text) + 1
            sign = text[:cut].strip()
            marker = f"{'•' if sign in _BULLETS else sign} " if sign else ""
            self._writer.add("list_item", text[cut:], page=page, marker=marker, tight=self._last_was_item)
        else:
            self._writer.add("paragraph", text, page=page)
        self._last_was_item = self._is_item and not level
        self._open, self._is_item = [], False


def _joined(lines: Sequence[Line]) -> str:
    """One text; a word that the line break cut is whole again."""
    text = ""
    for number, line in enumerate(lines):
        text += ("" if number == 0 or lines[number - 1].is_broken else " ") + line.text
    return text
