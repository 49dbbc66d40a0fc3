"""The main part of a DOCX as events of its XML: paragraphs, headings, lists, tables, notes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.documents.extractors.refusal import Refused
from apps.documents.extractors.tables import Row, with_guessed_header, write_table
from apps.documents.extractors.writing import BodyWriter, one_line
from apps.documents.schemas import Limits
from apps.rag.schemas import Body

_HEADING = re.compile(r"heading ([1-9])\Z", re.IGNORECASE)
_CONTENTS = re.compile(r"(?:toc \d|table of figures|index \d)\Z", re.IGNORECASE)
_OFF = frozenset({"0", "false", "off", "none"})
_TINY_HALF_POINTS = 4
MOST_SPAN = 200

# Text that a reader of the document does not see: deleted, moved away, instructions of fields, the second form of
# what is there already.
_UNSEEN = frozenset({"w:del", "w:moveFrom", "w:instrText", "w:delText", "w:delInstrText", "mc:Fallback", "w:rt"})


@dataclass
class Style:
    name: str = ""
    parent: str = ""
    outline: int | None = None
    numbered: bool | None = None
    hidden: bool = False

    def take(self, tag: str, value: str) -> None:
        if tag == "w:name":
            self.name = value
        elif tag == "w:basedOn":
            self.parent = value
        elif tag == "w:outlineLvl" and value.isdecimal():
            self.outline = int(value)
        elif tag == "w:numId":
            self.numbered = value != "0"
        elif tag in {"w:vanish", "w:specVanish"}:
            self.hidden = value.lower() not in _OFF


@dataclass(frozen=True)
class Note:
    text: str


@dataclass
class _Paragraph:
    style: str = ""
    outline: int | None = None
    numbered: bool | None = None
    depth: int = 0
    parts: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@dataclass
class _Cell:
    parts: list[str] = field(default_factory=list)
    columns: int = 1
    merged: bool = False
    """Continues the cell above."""


@dataclass
class _Table:
    rows: list[list[_Cell]] = field(default_factory=list)
    header_rows: set[int] = field(default_factory=set)
    first_row_named: bool | None = None
    before: int = 0
    """Columns that the open row leaves out at its left."""


class DocumentReader:
    """Gathers events; tables inside cells become the text of the outer cell."""

    def __init__(self, limits: Limits, styles: Mapping[str, Style], notes: Mapping[tuple[str, str], Note]) -> None:
        self._limits = limits
        self._styles = styles
        self._notes = notes
        self._writer = BodyWriter(limits)
        self._paragraphs: list[_Paragraph] = []
        self._tables: list[_Table] = []
        self._run_hidden = False
        self._in_run = 0
        self._in_text = 0
        self._unseen = 0
        self._cells = 0
        self._last_is_item = False
        self._pending_notes: list[Note] = []
        self._plain: list[str] = []

    def finish(self) -> Body:
        while self._paragraphs:
            self._end_paragraph()
        while self._tables:
            self._end_table()
        return self._writer.body()

    def plain_text(self) -> str:
        """Of a note: its paragraphs as one."""
        while self._paragraphs:
            self._end_paragraph()
        return one_line(" ".join(self._plain))

    # --- events -------------------------------------------------------------------------------

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "w:p":
            self._paragraphs.append(_Paragraph())
        elif tag == "w:tbl":
            self._tables.append(_Table())
        elif tag == "w:r":
            self._in_run += 1
            self._run_hidden = False
        elif tag in {"w:t", "m:t"}:
            self._in_text += 1
        elif self._tables and self._in_table(tag, attributes):
            pass
        elif self._paragraphs:
            self._in_paragraph(tag, attributes)

    def end(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen -= 1
        elif tag == "w:p":
            self._end_paragraph()
        elif tag == "w:tbl":
            self._end_table()
        elif tag == "w:r":
            self._in_run -= 1
            self._run_hidden = False
        elif tag in {"w:t", "m:t"}:
            self._in_text -= 1

    def data(self, text: str) -> None:
        if self._in_text:
            self._put(text)

    # --- paragraphs ---------------------------------------------------------------------------

    def _put(self, text: str) -> None:
        if self._paragraphs and not self._unseen and not self._run_hidden:
            self._paragraphs[-1].parts.append(text)

    def _in_paragraph(self, tag: str, attributes: Mapping[str, str]) -> None:
        value = attributes.get("w:val", "")
        paragraph = self._paragraphs[-1]
        match tag:
            case "w:tab" | "w:br" | "w:cr" | "w:noBreakHyphen" | "w:sym":
                self._sign(tag, attributes)
            case "w:footnoteReference" | "w:endnoteReference":
                note = self._notes.get((tag[2:].removesuffix("Reference"), attributes.get("w:id", "")))
                if note and not self._unseen:
                    paragraph.notes.append(note)
            case "w:vanish" | "w:specVanish" | "w:rStyle" | "w:sz" if self._in_run:
                self._run_hidden = self._run_hidden or self._hides(tag, value)
            case "w:pStyle":
                paragraph.style = value
            case "w:outlineLvl" if value.isdecimal():
                paragraph.outline = int(value)
            case "w:numId":
                paragraph.numbered = value != "0"
            case "w:ilvl" if value.isdecimal():
                paragraph.depth = min(int(value), 9)

    def _sign(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "w:sym":
            self._put(_symbol(attributes.get("w:char", "")))
        elif tag != "w:tab" or self._in_run:
            self._put({"w:tab": " ", "w:noBreakHyphen": "-"}.get(tag, "\n"))

    def _hides(self, tag: str, value: str) -> bool:
        if tag == "w:rStyle":
            return self._styles.get(value, Style()).hidden
        if tag == "w:sz":
            return value.isdecimal() and int(value) <= _TINY_HALF_POINTS
        return value.lower() not in _OFF

    def _end_paragraph(self) -> None:
        if not self._paragraphs:
            return
        paragraph = self._paragraphs.pop()
        text = "\n".join(one_line(line) for line in "".join(paragraph.parts).split("\n")).strip()
        style = _resolved(self._styles, paragraph.style)
        if not text or style.hidden or _CONTENTS.match(style.name):
            self._pending_notes += paragraph.notes
            return
        self._plain.append(text)
        if self._tables:
            table = self._tables[-1]
            if table.rows and table.rows[-1]:
                table.rows[-1][-1].parts.append(one_line(text))
            self._pending_notes += paragraph.notes
            return
        self._write(paragraph, style, text)
        self._write_notes(paragraph.notes)

    def _write(self, paragraph: _Paragraph, style: Style, text: str) -> None:
        level = _level(style, paragraph.outline)
        numbered = style.numbered if paragraph.numbered is None else paragraph.numbered
        if level:
            self._writer.add("heading", one_line(text), level=level)
        elif numbered or (numbered is None and style.name.lower().startswith("list ")):
            marker = "  " * paragraph.depth + "- "
            self._writer.add("list_item", text, marker=marker, tight=self._last_is_item)
        else:
            self._writer.add("paragraph", text)
        self._last_is_item = not level and bool(numbered)

    def _write_notes(self, notes: list[Note]) -> None:
        for note in [*self._pending_notes, *notes]:
            self._writer.add("paragraph", note.text, marker="Note: ")
            self._last_is_item = False
        self._pending_notes = []

    # --- tables -------------------------------------------------------------------------------

    def _in_table(self, tag: str, attributes: Mapping[str, str]) -> bool:
        table, value = self._tables[-1], attributes.get("w:val", "")
        match tag:
            case "w:tr":
                table.rows.append([])
                table.before = 0
            case "w:gridBefore" if value.isdecimal():
                table.before = min(int(value), MOST_SPAN)
            case "w:tblHeader" if table.rows and value.lower() not in _OFF:
                table.header_rows.add(len(table.rows) - 1)
            case "w:tblLook":
                table.first_row_named = _first_row(attributes)
            case "w:tc" if table.rows:
                row = table.rows[-1]
                row.extend(_Cell() for _ in range(table.before))
                table.before = 0
                row.append(_Cell())
                self._count(1)
            case "w:gridSpan" if value.isdecimal() and table.rows and table.rows[-1]:
                table.rows[-1][-1].columns = min(int(value), MOST_SPAN)
                self._count(table.rows[-1][-1].columns)
            case "w:vMerge" if table.rows and table.rows[-1]:
                table.rows[-1][-1].merged = value != "restart"
            case _:
                return False
        return True

    def _count(self, cells: int) -> None:
        self._cells += cells
        if self._cells > self._limits.table_cells:
            raise Refused("too_long")

    def _end_table(self) -> None:
        if not self._tables:
            return
        table = self._tables.pop()
        rows = _grid(table)
        if self._tables:
            outer = self._tables[-1]
            if outer.rows and outer.rows[-1]:
                outer.rows[-1][-1].parts.extend(" ".join(cell for cell in row.cells if cell) for row in rows)
            return
        self._last_is_item = False
        if sum(bool(cell) for row in rows for cell in row.cells) == 1:
            # A box around a text is no table.
            for part in (part for row in table.rows for cell in row for part in cell.parts):
                self._writer.add("paragraph", part)
        else:
            write_table(self._writer, rows)
        self._write_notes([])


def _grid(table: _Table) -> list[Row]:
    """Merged cells are repeated downwards, so that each row can be understood alone."""
    above: dict[int, str] = {}
    rows = []
    for number, cells in enumerate(table.rows):
        line: list[str] = []
        for cell in cells:
            column = len(line)
            text = above.get(column, "") if cell.merged else " ".join(cell.parts)
            above[column] = text
            is_header = number in table.header_rows
            line += [text, *[text if is_header else ""] * (cell.columns - 1)]
        rows.append(Row(tuple(line), is_header=number in table.header_rows))
    if not table.header_rows and table.first_row_named is not False:
        return with_guessed_header(rows)
    return rows


def _first_row(attributes: Mapping[str, str]) -> bool | None:
    if "w:firstRow" in attributes:
        return attributes["w:firstRow"].lower() not in _OFF
    value = attributes.get("w:val", "")
    return bool(int(value, 16) & 0x20) if re.fullmatch(r"[0-9A-Fa-f]{1,8}", value) else None


def _resolved(styles: Mapping[str, Style], name: str) -> Style:
    """A style with what it takes over from those it is based on; a cycle ends where it closes."""
    found, seen = Style(), set()
    while name in styles and name not in seen:
        seen.add(name)
        style = styles[name]
        known = _HEADING.match(found.name) or _CONTENTS.match(found.name)
        found = Style(
            name=found.name if known or (not _HEADING.match(style.name) and found.name) else style.name,
            outline=style.outline if found.outline is None else found.outline,
            numbered=style.numbered if found.numbered is None else found.numbered,
            hidden=found.hidden or style.hidden,
        )
        name = style.parent
    return found


def _level(style: Style, own: int | None) -> int:
    """1 to 6, 0 for text. Outline level 9 says "body text"."""
    if own is not None:
        return min(own + 1, 6) if own < 9 else 0
    if match := _HEADING.match(style.name):
        return min(int(match[1]), 6)
    if style.name.lower() == "title":
        return 1
    return min(style.outline + 1, 6) if style.outline is not None and style.outline < 9 else 0


def _symbol(code: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{1,4}", code):
        return ""
    number = int(code, 16)
    # Symbol fonts put their signs into the private area; which sign it is only the font knows.
    return "•" if 0xE000 <= number <= 0xF8FF else chr(number)
