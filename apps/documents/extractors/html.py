"""Web pages: what a person would see of them, with headings, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from apps.documents.extractors.hiding import HidingRules, hides
from apps.documents.extractors.refusal import Refused
from apps.documents.extractors.tables import Row, with_guessed_header, write_table
from apps.documents.extractors.writing import BodyWriter, one_line
from apps.documents.schemas import Limits
from apps.rag.schemas import BlockKind, Body

BREAK = "\x0b"
"""Stands for <br> while text is gathered; cannot come from the page itself."""
MOST_SPAN = 200
DEEPEST = 100_000


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NEVER_SEEN = _names(
    "script style template noscript iframe frame frameset object embed applet audio video canvas svg select datalist "
    "textarea button head map noframes noembed dialog input optgroup option progress meter"
)
_VOID = _names("area base br col embed hr img input link meta param source track wbr")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = _names(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre search section summary table "
    "tbody td tfoot th thead title tr ul"
)


@dataclass
class _Cell:
    is_header: bool
    columns: int = 1
    rows: int = 1
    parts: list[str] = field(default_factory=list)


@dataclass
class _Table:
    rows: list[list[_Cell]] = field(default_factory=list)
    header_rows: set[int] = field(default_factory=set)
    in_head: bool = False
    in_caption: bool = False
    is_layout: bool = False
    """A table that holds tables or headings arranges a page; its cells are read one after the other."""

    @property
    def cell(self) -> _Cell | None:
        return self.rows[-1][-1] if self.rows and self.rows[-1] else None


@dataclass
class _List:
    ordered: bool
    number: int = 1


class PageReader:
    """Target of lxml's event parser: no tree is built, so depth and size cost little."""

    def __init__(self, limits: Limits) -> None:
        self._writer = BodyWriter(limits)
        self._limits = limits
        self._rules = HidingRules()
        self._text: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self._hidden = 0
        self._gathers: list[str] | None = None
        """Of <style> and <title>: their own text."""
        self._heading = 0
        self._items: list[bool] = []
        """Of each open list item, whether its first text was written."""
        self._lists: list[_List] = []
        self._tables: list[_Table] = []
        self._preformatted = 0
        self._cells = 0
        self._last_kind: BlockKind | None = None
        self.title = ""

    # --- events -------------------------------------------------------------------------------

    def start(self, tag: object, attributes: Mapping[str, str]) -> None:
        name = str(tag).lower()
        hidden = self._is_hidden(name, attributes)
        self._open.append((name, hidden))
        if len(self._open) > DEEPEST:
            raise Refused("limits_exceeded")
        if name in {"style", "title"}:
            self._gathers = []
        if hidden:
            self._hidden += 1
        if self._hidden:
            return
        if name == "br":
            self._text.append(BREAK)
        elif name in _BLOCKS:
            self._flush()
            self._enter(name, attributes)

    def end(self, tag: object) -> None:
        name = str(tag).lower()
        while self._open:
            opened, hidden = self._open.pop()
            if not self._hidden and opened in _BLOCKS:
                self._flush()
                self._leave(opened)
            if hidden:
                self._hidden -= 1
            if opened == name:
                break
        if name in {"style", "title"} and self._gathers is not None:
            gathered, self._gathers = "".join(self._gathers), None
            if name == "style":
                self._rules.read(gathered)
            elif not self.title:
                self.title = one_line(gathered)

    def data(self, text: str) -> None:
        if self._gathers is not None:
            self._gathers.append(text)
        elif not self._hidden:
            self._text.append(text.replace(BREAK, " "))

    def comment(self, text: str) -> None:
        """Nobody sees comments."""

    def pi(self, target: str, text: str | None = None) -> None:
        """Nor processing instructions."""

    def close(self) -> Body:
        self._flush()
        while self._tables:
            self._end_table()
        return self._writer.body()

    # --- structure ----------------------------------------------------------------------------

    def _is_hidden(self, name: str, attributes: Mapping[str, str]) -> bool:
        if name in _VOID:
            return False
        if name in _NEVER_SEEN:
            return not (name == "dialog" and "open" in attributes)
        hidden = attributes.get("hidden")
        if hidden is not None and hidden.lower() != "false":
            return True
        if "style" in attributes and hides(attributes["style"]):
            return True
        return self._rules.hide(name, attributes.get("class", "").split(), attributes.get("id", ""))

    def _enter(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in _HEADINGS:
            if self._tables and (cell := self._tables[-1].cell) and not cell.is_header:
                self._as_layout(self._tables[-1])
            self._heading = _HEADINGS[name]
        elif name in {"ul", "ol", "menu", "dir", "dl"}:
            self._lists.append(_List(name == "ol", _number(attributes.get("start"), 1, 0, 1_000_000)))
        elif name in {"li", "dt", "dd"}:
            self._items.append(False)
        elif name == "pre":
            self._preformatted += 1
        else:
            self._enter_table(name, attributes)

    def _enter_table(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "table":
            if self._tables:
                self._as_layout(self._tables[-1])
            self._tables.append(_Table())
            return
        if not self._tables:
            return
        table = self._tables[-1]
        if name == "thead":
            table.in_head = True
        elif name == "caption":
            table.in_caption = True
        elif name == "tr":
            table.rows.append([])
            if table.in_head:
                table.header_rows.add(len(table.rows) - 1)
        elif name in {"td", "th"}:
            if not table.rows:
                table.rows.append([])
            columns = _number(attributes.get("colspan"), 1, 1, MOST_SPAN)
            rows = _number(attributes.get("rowspan"), 1, 1, MOST_SPAN)
            table.rows[-1].append(_Cell(name == "th", columns, rows))
            self._count(columns * rows)

    def _leave(self, name: str) -> None:
        if name in _HEADINGS:
            self._heading = 0
        elif name in {"ul", "ol", "menu", "dir", "dl"} and self._lists:
            self._lists.pop()
        elif name in {"li", "dt", "dd"} and self._items:
            self._items.pop()
        elif name == "pre":
            self._preformatted = max(0, self._preformatted - 1)
        elif self._tables:
            if name == "table":
                self._end_table()
            elif name == "thead":
                self._tables[-1].in_head = False
            elif name == "caption":
                self._tables[-1].in_caption = False

    def _count(self, cells: int) -> None:
        self._cells += cells
        if self._cells > self._limits.table_cells:
            raise Refused("too_long")

    # --- text ---------------------------------------------------------------------------------

    def _flush(self) -> None:
        text = self._gathered()
        if not text:
            return
        table = self._tables[-1] if self._tables else None
        if table and not table.is_layout and not table.in_caption and (cell := table.cell):
            cell.parts.append(one_line(text))
            return
        if self._heading:
            self._put("heading", one_line(text), level=self._heading)
        elif self._items:
            marker = "" if self._items[-1] else self._marker()
            self._items[-1] = True
            self._put("list_item", text, marker=marker)
        else:
            self._put("paragraph", text)

    def _gathered(self) -> str:
        text = "".join(self._text)
        self._text.clear()
        if self._preformatted:
            return text.replace(BREAK, "\n").strip("\n").rstrip()
        return "\n".join(one_line(line) for line in text.split(BREAK)).strip()

    def _marker(self) -> str:
        depth = "  " * max(0, min(len(self._items), 10) - 1)
        if not self._lists or not self._lists[-1].ordered:
            return f"{depth}- "
        number = self._lists[-1].number
        self._lists[-1].number += 1
        return f"{depth}{number}. "

    def _put(self, kind: BlockKind, text: str, *, level: int = 0, marker: str = "") -> None:
        tight = kind == "list_item" and self._last_kind == "list_item" and bool(self._lists)
        self._writer.add(kind, text, level=level, marker=marker, tight=tight)
        self._last_kind = kind

    def _as_layout(self, table: _Table) -> None:
        if table.is_layout:
            return
        table.is_layout = True
        for cell in (cell for row in table.rows for cell in row):
            for part in cell.parts:
                self._put("paragraph", part)
        table.rows.clear()

    def _end_table(self) -> None:
        table = self._tables.pop()
        if table.is_layout or not table.rows:
            return
        write_table(self._writer, _grid(table))
        self._last_kind = "table_row"


def _number(value: str | None, default: int, least: int, most: int) -> int:
    return max(least, min(most, int(value))) if value and re.fullmatch(r"\s*\d{1,7}\s*", value) else default


def _grid(table: _Table) -> list[Row]:
    """Cells that span rows or columns are repeated, so that each row can be understood alone."""
    hanging: dict[int, tuple[int, str]] = {}
    rows = []
    for number, cells in enumerate(table.rows):
        line: list[str] = []
        waiting = list(reversed(cells))
        while waiting or len(line) in hanging:
            column = len(line)
            if column in hanging:
                left, text = hanging[column]
                line.append(text)
                if left > 1:
                    hanging[column] = (left - 1, text)
                else:
                    del hanging[column]
                continue
            cell = waiting.pop()
            text = " ".join(cell.parts)
            for offset in range(cell.columns):
                line.append(text if offset == 0 or cell.is_header else "")
                if cell.rows > 1:
                    hanging[column + offset] = (cell.rows - 1, line[-1])
        named = number in table.header_rows or (bool(cells) and all(cell.is_header for cell in cells))
        rows.append(Row(tuple(line), is_header=named))
    has_names = any(cell.is_header for cells in table.rows for cell in cells)
    return rows if has_names else with_guessed_header(rows)


def read(text: str, limits: Limits) -> tuple[Body, dict[str, str]]:
    reader = PageReader(limits)
    parser = etree.HTMLParser(target=reader, encoding="utf-8", no_network=True, huge_tree=True)
    # The parser keeps no tree: `huge_tree` only lifts its limit on depth, which would cut a page silently.
    try:
        parser.feed(text.replace("\x00", "").encode("utf-8", "replace"))
        body = parser.close()
    except etree.LxmlError as error:
        raise Refused("unreadable") from error
    return body, {"title": reader.title[:300]} if reader.title else {}
