"""What this room takes and gives: a document as it was sent, what was read out of it, how far it got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, field_validator

from apps.rag.schemas import Body, Mode, TextKind
from medassist.clinical.case import Frozen

DocumentKind = Literal["protocol", "case_document"]
State = Literal["queued", "reading", "indexing", "ready", "partly", "failed", "cancelled", "deleting", "deleted"]
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
    "worker_lost",
    "deadline_exceeded",
    "index_unavailable",
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
    "worker_lost": "The work broke off several times. Begin it again; if it ends the same way, tell whoever runs this service.",
    "deadline_exceeded": "The document could not be worked on in time. Begin it again.",
    "index_unavailable": "The search index was away for too long. Begin it again.",
    "recognised": "The words of this page were recognised from a picture and may be wrong.",
    "no_text_layer": "This page is a picture without text, so its words could not be read.",
}
"""For people: a sentence for every `Reason` and for every code of a `PageProblem`."""


PENDING: frozenset[State] = frozenset({"queued", "reading", "indexing"})
READABLE: frozenset[State] = frozenset({"ready", "partly"})
RETRYABLE: frozenset[State] = frozenset({"failed", "cancelled"})


@dataclass(frozen=True)
class DocumentBrief:
    """A document of a case, as the pipeline and the case page see it."""

    id: UUID
    title: str
    state: State
    reason: str
    created_at: datetime

    @property
    def pending(self) -> bool:
        return self.state in PENDING

    @property
    def readable(self) -> bool:
        return self.state in READABLE


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


@dataclass(frozen=True)
class Upload:
    """One file as a door received it, or a text that was typed."""

    name: str
    data: bytes
    title: str = ""


class About(Frozen):
    """What the sender says of a document. For a protocol; a case document needs none of it."""

    publisher: str = Field(default="", max_length=200)
    version: str = Field(default="", max_length=60)
    published: date | None = None
    grade: str = Field(default="", max_length=40)
    specialty: str = Field(default="", max_length=60)
    language: str = Field(default="", max_length=10, pattern=r"^([a-zA-Z]{2,3}(-[A-Za-z0-9]{2,8})*)?$")
    supersedes: UUID | None = None
    """The protocol that this one replaces: once this one is searchable, that one is no longer found."""


class TextInput(Frozen):
    """A document sent as text in JSON."""

    title: str = Field(min_length=1, max_length=300)
    text: str = Field(min_length=1)
    kind: DocumentKind = "case_document"
    case: UUID | None = None
    about: About = About()


class SearchInput(Frozen):
    """A question to the index: shared guidelines, the clinic's protocols and, with `case`, that case's documents."""

    query: str = Field(min_length=1, max_length=1_000)
    case: UUID | None = None
    kinds: tuple[TextKind, ...] = ()
    sources: tuple[str, ...] = Field(default=(), max_length=20)
    grades: tuple[str, ...] = Field(default=(), max_length=20)
    languages: tuple[str, ...] = Field(default=(), max_length=20)
    specialties: tuple[str, ...] = Field(default=(), max_length=20)
    published_from: date | None = None
    published_to: date | None = None
    mode: Mode = "fused"
    limit: int = Field(default=10, ge=1, le=50)

    @field_validator("query")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must not be blank")
        return value


class FoundPassage(Frozen):
    """A passage of a search's result. `found_by` tells why: which query, in which mode, at which rank, with which score."""

    passage: str
    text: str
    title: str
    heading: tuple[str, ...] = ()
    kind: TextKind
    document: UUID | None = None
    page: int | None = None
    header: str = ""
    source: str = ""
    publisher: str = ""
    version: str = ""
    published: date | None = None
    grade: str = ""
    language: str = ""
    licence: str = ""
    rank: int
    score: float
    similarity: float | None = None
    found_by: tuple[dict[str, Any], ...] = ()


class SearchResult(Frozen):
    """`weak`: nothing in the index speaks about the question well enough to be relied on."""

    passages: tuple[FoundPassage, ...] = ()
    weak: bool
    snapshot: str
    embedder: str


@dataclass(frozen=True)
class DocumentView:
    """A document and how far it got; without its content."""

    id: UUID
    created_at: datetime
    created_by: str
    kind: DocumentKind
    case_id: UUID | None
    title: str
    filename: str
    media_type: str
    size: int
    state: State
    reason: str
    pages: int | None
    pages_read: int
    page_problems: tuple[PageProblem, ...]
    passages: int
    about: About
    job_id: UUID | None
    ended_at: datetime | None
    retry: bool
    """True when its ingestion may be begun again."""

    @property
    def explanation(self) -> str:
        return EXPLANATIONS.get(self.reason, "")

    @property
    def pending(self) -> bool:
        return self.state in PENDING

    @property
    def readable(self) -> bool:
        return self.state in READABLE


@dataclass(frozen=True)
class DocumentPage:
    items: tuple[DocumentView, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class DocumentText:
    """The whole text, as it was read, with its structure; `mark` are the characters to show first."""

    view: DocumentView
    body: Body
    mark: tuple[int, int] | None = None


@dataclass(frozen=True)
class Ingest:
    """What a worker needs to read and index one document."""

    id: UUID
    kind: DocumentKind
    case_id: UUID | None
    title: str
    filename: str
    about: About
    body: Body | None
    """There when the file was read in an earlier run."""
    state: State
    page_problems: tuple[PageProblem, ...]
