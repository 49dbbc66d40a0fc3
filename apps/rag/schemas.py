"""What retrieval takes and gives. A search cannot be expressed without a `Scope`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

Mode = Literal["fused", "dense", "sparse"]
TextKind = Literal["guideline", "protocol", "case_document"]
"""A shared guideline, a clinic's own protocol, or a document of one case."""
TextState = Literal["current", "superseded", "withdrawn"]
BlockKind = Literal["heading", "paragraph", "list_item", "table_row"]


@dataclass(frozen=True)
class Scope:
    """Who may see: the shared guidelines plus one clinic's own texts, plus one case's when given."""

    clinic: str
    case_id: UUID | None = None

    def __post_init__(self) -> None:
        if not self.clinic:
            raise ValueError("A scope names a clinic")


@dataclass(frozen=True)
class Filters:
    """What a passage must be to be found; an empty tuple or None asks nothing."""

    kinds: tuple[TextKind, ...] = ()
    sources: tuple[str, ...] = ()
    grades: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    specialties: tuple[str, ...] = ()
    published_from: date | None = None
    published_to: date | None = None


@dataclass(frozen=True)
class Block:
    """A piece of a body, in reading order; blocks do not overlap. Offsets are characters of `Body.text`."""

    kind: BlockKind
    start: int
    end: int
    page: int | None = None
    """1-based; None for formats without pages."""
    level: int = 0
    """Of a heading, 1 to 6."""
    header: str = ""
    """Of a table row: the table's header cells, joined as the row's own are."""


@dataclass(frozen=True)
class Body:
    """A document as text, with what its format tells about the text's structure."""

    text: str
    blocks: tuple[Block, ...]
    language: str = "en"


@dataclass(frozen=True)
class OwnTextInput:
    """A clinic's own text as it goes into the index. A `case_document` names its case, a `protocol` has none."""

    id: UUID
    kind: TextKind
    title: str
    case_id: UUID | None = None
    publisher: str = ""
    version: str = ""
    published: date | None = None
    grade: str = ""
    specialty: str = ""
    language: str = "en"


@dataclass(frozen=True)
class Staged:
    passages: int
    embedded: int
    """Of them, embedded in this run; the others were there from an earlier one."""


@dataclass(frozen=True)
class Withdrawn:
    passages: int
    points_left: int


@dataclass(frozen=True)
class Query:
    text: str
    weight: float = 1.0
    mode: Mode = "fused"


@dataclass(frozen=True)
class Passage:
    """A citable piece of a text: `text` is the full text from `start` to `end`."""

    id: str
    guideline_id: str
    """Of a clinic's own text: its document's id."""
    title: str
    heading: tuple[str, ...]
    text: str
    start: int
    end: int
    source: str
    publisher: str
    version: str
    published: date | None
    grade: str
    url: str
    licence: str
    language: str
    kind: TextKind = "guideline"
    page: int | None = None
    header: str = ""
    """Of table rows: the table's header cells."""
    specialty: str = ""
    jurisdiction: str = ""
    review_due: date | None = None


@dataclass(frozen=True)
class FoundBy:
    """One way in which a passage was found: by which query, in which mode, at which 1-based rank, with which score."""

    query: str
    mode: Mode
    rank: int
    score: float


@dataclass(frozen=True)
class Hit:
    """`query` is the text that found it best; ranks are 1-based within that query, None when not found that way."""

    passage: Passage
    score: float
    rank: int
    query: str
    similarity: float | None
    """Cosine of the best dense match, None when only words matched."""
    found_by: tuple[FoundBy, ...] = ()


@dataclass(frozen=True)
class Retrieval:
    hits: tuple[Hit, ...]
    snapshot: str
    embedder: str
    weak: bool
    queries: tuple[Query, ...]


@dataclass(frozen=True)
class Successor:
    """The text that stands where a superseded one stood: the newest of the line, and its passage that says most of
    the same words."""

    guideline_id: str
    title: str
    publisher: str
    version: str
    published: date | None
    state: TextState
    passage_id: str | None


@dataclass(frozen=True)
class PassageView:
    """A citation opened at its place: the passage and what stands around it, and whether its text still holds."""

    passage: Passage
    before: str
    after: str
    attribution: str
    state: TextState = "current"
    superseded_at: datetime | None = None
    superseded_reason: str = ""
    superseded_by: Successor | None = None
    review_overdue: bool = False


@dataclass(frozen=True)
class RecalledVersion:
    """A version of a guideline that no longer holds, with the ids by which assessments cite it."""

    guideline_id: str
    work: str
    title: str
    version: str
    state: TextState
    superseded_at: datetime | None
    superseded_by: str
    """Id of the version that came in its place; empty when none did."""
    superseded_by_title: str
    reason: str
    passages: tuple[str, ...]


@dataclass(frozen=True)
class Ingested:
    guidelines: int
    """Versions stored."""
    unchanged: int
    passages: int
    embedded: int
    problems: tuple[str, ...] = ()
    older: int = 0
    """Of the versions stored, those that were superseded already when they came."""
    amended: int = 0
    """Known versions of which only a note was corrected (review date, licence, address, ...)."""
    superseded: tuple[str, ...] = ()
    """Ids of versions that were current before."""
    withdrawn: tuple[str, ...] = ()
