"""What this room takes and gives: a document as it was sent, what was read out of it, how far it got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from apps.rag.schemas import Body

DocumentKind = Literal["protocol", "case_document"]
State = Literal["queued", "reading", "indexing", "ready", "partly", "failed", "cancelled"]
"""`partly`: searchable, but some pages could not be read (`page_problems` says which)."""

Reason = Literal[
    "unreadable",
    "encrypted",
    "too_large",
    "too_long",
    "nothing_extracted",
    "unsupported_type",
    "type_mismatch",
    "macro_document",
    "limits_exceeded",
    "time_exceeded",
    "cancelled",
]
"""Why a document was not read; `EXPLANATIONS` has a sentence for each."""

EXPLANATIONS: Mapping[str, str] = {
    "unreadable": "The file is damaged or cut short, so nothing could be read from it.",
    "encrypted": "The file is protected with a password. Save it without one and send it again.",
    "too_large": "The file is larger than this service accepts.",
    "too_long": "The document has more pages, text or table cells than this service reads. Send it in parts.",
    "nothing_extracted": "The file could be opened, but it holds no text that can be read. It may be a scan.",
    "unsupported_type": "Files of this type are not read. Send PDF, DOCX, HTML, Markdown, plain text or CSV.",
    "type_mismatch": "The content of the file is not what its name says, so it was not read.",
    "macro_document": "The document holds macros (programs). Save it without macros and send it again.",
    "limits_exceeded": "Reading the file took more memory than one document may use.",
    "time_exceeded": "Reading the file took longer than one document may take.",
    "cancelled": "The work was cancelled before the document was read.",
    "no_text_layer": "This page is a picture without text, so its words could not be read.",
}
"""For people: a sentence for every `Reason` and for every code of a `PageProblem`."""


@dataclass(frozen=True)
class Limits:
    """What one extraction may use. Sizes in bytes, times in seconds."""

    file_bytes: int = 50_000_000
    memory_bytes: int = 1_000_000_000
    cpu_s: int = 240
    wall_s: int = 600
    pages: int = 2_000
    characters: int = 5_000_000
    unpacked_bytes: int = 300_000_000
    """Of an archive's members (DOCX is a zip file), counted while they are unpacked."""
    table_cells: int = 200_000


@dataclass(frozen=True)
class PageProblem:
    page: int
    code: str
    """A `Reason`, or "no_text_layer" for a scanned page that nothing could read."""


@dataclass(frozen=True)
class Extracted:
    """What came out of a file. `body` is None exactly when `reason` says why nothing did."""

    media_type: str
    """Detected from the content, never from the name."""
    body: Body | None
    reason: Reason | None = None
    pages: int | None = None
    page_problems: tuple[PageProblem, ...] = ()
    metadata: Mapping[str, str] | None = None
    """Title, author, date as the file itself claims them: for display, trusted for nothing. `ocr_pages` names the pages
    whose words were recognised from a picture, and may be wrong."""
