"""DOCX: a zip file of XML. Members are read by name and counted while they are unpacked; nothing is written to disk.

XML with a document type declaration is refused, so entities do not exist. Of relations only the one that names the
main part is looked at, and only inside the file.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from xml.parsers import expat

from apps.documents.extractors.docx_body import DocumentReader, Note, Style
from apps.documents.extractors.refusal import Refused
from apps.documents.schemas import Limits
from apps.rag.schemas import Body

MOST_MEMBERS = 10_000
DEEPEST = 2_000
_CHUNK = 65_536
_SIDE_CHARACTERS = 300

WORD = "w"
_NAMESPACES = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main": WORD,
    "http://purl.oclc.org/ooxml/wordprocessingml/main": WORD,
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc",
    "http://schemas.openxmlformats.org/officeDocument/2006/math": "m",
    "http://purl.oclc.org/ooxml/officeDocument/math": "m",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
}

Start = Callable[[str, Mapping[str, str]], None]
End = Callable[[str], None]


@dataclass
class _Unpacked:
    limit: int
    read: int = 0

    def count(self, size: int) -> None:
        self.read += size
        if self.read > self.limit:
            raise Refused("limits_exceeded")


def read(data: bytes, limits: Limits) -> tuple[Body, dict[str, str]]:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return _Package(archive, limits).read()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, KeyError, OSError) as error:
        raise Refused("unreadable") from error
    except (expat.ExpatError, RuntimeError, ValueError) as error:
        raise Refused("unreadable") from error


class _Package:
    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive = archive
        self._limits = limits
        self._unpacked = _Unpacked(limits.unpacked_bytes)
        self._names = set(archive.namelist())
        if len(archive.infolist()) > MOST_MEMBERS:
            raise Refused("limits_exceeded")

    def read(self) -> tuple[Body, dict[str, str]]:
        main = self._main_part()
        folder = posixpath.dirname(main)
        styles = self._styles(f"{folder}/styles.xml")
        notes = {
            **self._notes(f"{folder}/footnotes.xml", "footnote", styles),
            **self._notes(f"{folder}/endnotes.xml", "endnote", styles),
        }
        reader = DocumentReader(self._limits, styles, notes)
        self._parse(main, reader.start, reader.end, reader.data)
        return reader.finish(), self._claims()

    def _main_part(self) -> str:
        found: list[str] = []

        def start(_: str, attributes: Mapping[str, str]) -> None:
            if attributes.get("Type", "").endswith("/officeDocument"):
                found.append(attributes.get("Target", ""))

        if "_rels/.rels" in self._names:
            self._parse("_rels/.rels", start, lambda _: None, lambda _: None)
        for target in [*found, "word/document.xml"]:
            name = posixpath.normpath(target.lstrip("/"))
            if name in self._names and not name.startswith(".."):
                return name
        raise Refused("unreadable")

    def _styles(self, name: str) -> dict[str, Style]:
        styles: dict[str, Style] = {}
        current: list[Style] = []

        def start(tag: str, attributes: Mapping[str, str]) -> None:
            value = attributes.get("w:val", "")
            if tag == "w:style":
                current[:] = [Style()]
                styles[attributes.get("w:styleId", "")] = current[0]
            elif current:
                current[0].take(tag, value)

        def end(tag: str) -> None:
            if tag == "w:style":
                current.clear()

        if name in self._names:
            self._parse(name, start, end, lambda _: None)
        return styles

    def _notes(self, name: str, kind: str, styles: Mapping[str, Style]) -> dict[tuple[str, str], Note]:
        """Footnotes and endnotes by their number; the text is that of their paragraphs."""
        notes: dict[tuple[str, str], Note] = {}
        if name not in self._names:
            return notes
        open_notes: list[DocumentReader] = []
        keys: list[str] = []

        def start(tag: str, attributes: Mapping[str, str]) -> None:
            if tag == f"w:{kind}" and not open_notes:
                keys.append(attributes.get("w:id", "") if attributes.get("w:type", "normal") == "normal" else "")
                open_notes.append(DocumentReader(self._limits, styles, {}))
            elif open_notes:
                open_notes[0].start(tag, attributes)

        def end(tag: str) -> None:
            if tag == f"w:{kind}" and open_notes:
                reader, key = open_notes.pop(), keys.pop()
                if key:
                    notes[kind, key] = Note(reader.plain_text())
            elif open_notes:
                open_notes[0].end(tag)

        def data(text: str) -> None:
            if open_notes:
                open_notes[0].data(text)

        self._parse(name, start, end, data)
        return notes

    def _claims(self) -> dict[str, str]:
        wanted = {"dc:title": "title", "dc:creator": "author", "dcterms:modified": "date"}
        found: dict[str, str] = {}
        inside: list[str] = []

        def data(text: str) -> None:
            if inside and inside[-1] in wanted:
                name = wanted[inside[-1]]
                found[name] = (found.get(name, "") + text)[:_SIDE_CHARACTERS]

        if "docProps/core.xml" in self._names:
            try:
                self._parse("docProps/core.xml", lambda tag, _: inside.append(tag), lambda _: _pop(inside), data)
            except expat.ExpatError:
                return {}
        return {name: value.strip() for name, value in found.items() if value.strip()}

    def _parse(self, name: str, start: Start, end: End, data: Callable[[str], None]) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        depth = 0

        def on_start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > DEEPEST:
                raise Refused("limits_exceeded")
            start(_short(tag), {_short(key): value for key, value in attributes.items()})

        def on_end(tag: str) -> None:
            nonlocal depth
            depth -= 1
            end(_short(tag))

        def on_doctype(*_: object) -> None:
            raise Refused("unreadable")

        parser.StartElementHandler = on_start
        parser.EndElementHandler = on_end
        parser.CharacterDataHandler = data
        parser.StartDoctypeDeclHandler = on_doctype
        parser.EntityDeclHandler = on_doctype
        with self._archive.open(name) as member:
            while chunk := member.read(_CHUNK):
                self._unpacked.count(len(chunk))
                parser.Parse(chunk)
        parser.Parse(b"", True)


def _short(name: str) -> str:
    space, _, local = name.rpartition(" ")
    return f"{_NAMESPACES.get(space, '?')}:{local}" if space else local


def _pop(inside: list[str]) -> None:
    inside.pop()
