"""The process that reads one file: standard input is the file, standard output JSON lines, nothing else is open.

Started by `sandbox`. No Django, no settings, no secrets: what a hostile file makes of this process cannot reach any.
"""

from __future__ import annotations

import heapq  # noqa: F401  (collections.Counter loads it when it is first needed, and then it cannot)
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from apps.documents.extractors import barriers, detect, encoding
from apps.documents.extractors.refusal import Refused
from apps.documents.schemas import Limits, PageProblem, Reason
from apps.rag.schemas import BlockKind, Body

NOT_INSTALLED = 70

KINDS: tuple[str, ...] = get_args(BlockKind)


@dataclass
class Order:
    """What the parent asks: the ending of the name as it was sent (only to compare), pages that ended an earlier run
    and how, the OCR program."""

    limits: Limits
    suffix: str = ""
    skip: Mapping[int, str] = field(default_factory=dict)
    tesseract: str | None = None


@dataclass
class Read:
    media_type: str = detect.BINARY
    reason: Reason | None = None
    body: Body | None = None
    pages: int | None = None
    problems: tuple[PageProblem, ...] = ()
    claims: dict[str, str] = field(default_factory=dict)


def main(argument: str) -> None:
    asked = json.loads(argument)
    order = Order(Limits(**asked["limits"]), asked["suffix"], dict(asked["skip"]), asked["tesseract"])
    programs = order.tesseract is not None
    barriers.limit_resources(order.limits, programs=programs)
    found = Read()
    try:
        data = _input(order.limits.file_bytes)
        reader = _load(data)
        barriers.close_off(programs=programs)
        read(data, order, found, reader)
    except ImportError:
        # A part of this program is missing: not the file's fault, and no answer about it.
        os._exit(NOT_INSTALLED)
    except Refused as refusal:
        found.reason, found.body = refusal.reason, None
    except MemoryError:
        found.reason, found.body = "limits_exceeded", None
    except RecursionError:
        found.reason, found.body = "limits_exceeded", None
    except Exception:  # noqa: BLE001
        # Whatever a library does not expect of a file is the file's fault.
        found.reason, found.body = "unreadable", None
    try:
        _say({"done": encoded(found)})
    except MemoryError:
        _say({"done": encoded(Read(found.media_type, "limits_exceeded"))})


def _input(most: int) -> bytes:
    parts, size = [], 0
    while chunk := os.read(0, 1 << 20):
        parts.append(chunk)
        size += len(chunk)
        if size > most:
            raise Refused("too_large")
    return b"".join(parts)


Reader = Callable[[bytes, Order, Read], None]


def _load(data: bytes) -> Reader:
    """Imports what this file may need while files can still be opened."""
    encoding.preload()
    if detect.is_pdf(data):
        from apps.documents.extractors import pdf

        def read_pdf(data: bytes, order: Order, found: Read) -> None:
            try:
                done = pdf.read(data, order.limits, skip=order.skip, tesseract=order.tesseract, begins=_page)
            except pdf.NothingRead as nothing:
                found.pages, found.problems = nothing.pages, nothing.problems
                raise
            found.body, found.pages, found.problems, found.claims = done.body, done.pages, done.problems, done.claims

        return read_pdf
    if data.startswith(b"PK"):
        from apps.documents.extractors import docx

        def read_docx(data: bytes, order: Order, found: Read) -> None:
            found.body, found.claims = docx.read(data, order.limits)

        return read_docx
    from apps.documents.extractors import texts

    def read_text(data: bytes, order: Order, found: Read) -> None:
        found.body, found.claims = texts.read(found.media_type, data, order.limits)

    return read_text


def read(data: bytes, order: Order, found: Read, reader: Reader) -> None:
    """Fills `found`: the type before anything can go wrong with the content."""
    found.media_type = detect.by_bytes(data) or detect.BINARY
    if found.media_type == detect.OLE:
        found.media_type, locked = detect.ole_reason(data)
        if locked:
            raise Refused("encrypted")
    elif found.media_type == detect.ZIP:
        found.media_type = detect.DOCX
        found.media_type = detect.of_archive(data)
    elif found.media_type == detect.BINARY:
        if not data.strip():
            found.media_type = "application/x-empty"
            raise Refused("nothing_extracted")
        text = encoding.decode(data)
        if text is not None:
            found.media_type = detect.of_text(text)
    if detect.is_mismatch(order.suffix, found.media_type):
        raise Refused("type_mismatch")
    if found.media_type not in detect.READABLE:
        raise Refused("unsupported_type")
    _say({"media_type": found.media_type})
    reader(data, order, found)


def _page(number: int, of: int) -> None:
    _say({"page": number, "of": of})


def encoded(found: Read) -> dict[str, Any]:
    """As JSON. Headers are told once: every row of a table has the same."""
    body = found.body
    headers = list(dict.fromkeys(block.header for block in body.blocks)) if body else []
    places = {header: place for place, header in enumerate(headers)}
    return {
        "media_type": found.media_type,
        "reason": found.reason,
        "text": body.text if body else None,
        "language": body.language if body else None,
        "headers": headers,
        "blocks": [
            [KINDS.index(block.kind), block.start, block.end, block.page, block.level, places[block.header]]
            for block in (body.blocks if body else ())
        ],
        "pages": found.pages,
        "problems": [[problem.page, problem.code] for problem in found.problems],
        "claims": found.claims,
    }


def _say(line: dict[str, Any]) -> None:
    data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    main(sys.argv[1])
