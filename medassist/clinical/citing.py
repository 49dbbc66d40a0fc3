"""Turns what verified claims cite into what a reader can open: claims and evidence get their ids, quotes their places.

A model saw placeholders where identifiers stood; the reader's record and documents have the words themselves, at other
offsets. So words are restored first and found again in the text as the reader has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import count
from typing import Literal, Protocol

from medassist.clinical.assessment import Cite, Claim, Evidence
from medassist.clinical.draft import ClaimKind, Source


class CitedPassage(Protocol):
    """A passage of the index, as a citation names it."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def heading(self) -> tuple[str, ...]: ...
    @property
    def publisher(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def published(self) -> date | None: ...
    @property
    def grade(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def kind(self) -> Literal["guideline", "protocol", "case_document"]: ...
    @property
    def page(self) -> int | None: ...
    @property
    def guideline_id(self) -> str: ...
    @property
    def text(self) -> str: ...


class VerifiedCite(Protocol):
    @property
    def source(self) -> str: ...
    @property
    def quote(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class VerifiedClaim(Protocol):
    @property
    def text(self) -> str: ...
    @property
    def kind(self) -> ClaimKind: ...
    @property
    def verification(self) -> Literal["verified", "not_verified", "inference"]: ...
    @property
    def cites(self) -> Sequence[VerifiedCite]: ...


class Citations:
    """The claims of one answer with what they rest on.

    `passages` are those of guidelines by source id, `documents` those of the case's own documents; `original` is the record
    as the reader has it, by label; `restore` puts identifiers back.
    """

    def __init__(
        self,
        *,
        sources: Iterable[Source],
        passages: Mapping[str, CitedPassage],
        documents: Mapping[str, CitedPassage],
        original: Mapping[str, str],
        restore: Callable[[str], str],
    ) -> None:
        self.sources = {source.id: source for source in sources}
        self.restore = restore
        self.cited_parts: set[str] = set()
        self._passages, self._documents, self._original = passages, documents, original
        self._evidence: dict[tuple[str, int, int], Evidence] = {}
        self._numbers = count(1)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(self._evidence.values())

    def claim(self, verified: VerifiedClaim) -> Claim:
        return Claim(
            id=f"c{next(self._numbers)}",
            text=self.restore(verified.text),
            kind=verified.kind,
            cites=tuple(self._cites(verified)),
            verification="inference" if verified.kind == "inference" else verified.verification,
        )

    def claims(self, verified: Iterable[VerifiedClaim]) -> tuple[Claim, ...]:
        return tuple(self.claim(item) for item in verified)

    def _cites(self, verified: VerifiedClaim) -> Iterator[Cite]:
        for cite in verified.cites:
            source = self.sources[cite.source]
            if source.id in self._documents:
                yield self._document_cite(source, cite.quote)
            elif source.kind == "record":
                self.cited_parts.add(source.label)
                yield self._record_cite(source, cite.quote)
            else:
                found = self.evidence_at(self._passages[cite.source], cite.quote, cite.start, cite.end)
                yield Cite(kind="guideline", ref=found.id, quote=cite.quote, start=cite.start, end=cite.end)

    def _record_cite(self, source: Source, quote: str) -> Cite:
        words, text = self.restore(quote), self._original.get(source.label, source.text)
        start = text.find(words)
        # Words that stand across a span kept from the model cannot be marked: the cite names the whole part.
        span = (start, start + len(words)) if start >= 0 else (0, 0)
        return Cite(kind="record", ref=source.label, quote=words, start=span[0], end=span[1])

    def _document_cite(self, source: Source, quote: str) -> Cite:
        passage = self._documents[source.id]
        words = self.restore(quote)
        start = passage.text.find(words)
        span = (start, start + len(words)) if start >= 0 else (0, len(passage.text))
        found = self.evidence_at(passage, words, *span)
        return Cite(kind="document", ref=found.id, quote=words, start=span[0], end=span[1])

    def evidence_at(self, passage: CitedPassage, quote: str, start: int, end: int) -> Evidence:
        """The evidence of these characters of a passage: one however often it is cited."""
        key = (passage.id, start, end)
        if key not in self._evidence:
            self._evidence[key] = Evidence(
                id=f"e{len(self._evidence) + 1}", passage_id=passage.id, title=passage.title,
                heading=" > ".join(passage.heading), source=passage.publisher, version=passage.version,
                published=passage.published, grade=passage.grade, url=passage.url, licence=passage.licence,
                quote=quote, start=start, end=end, kind=passage.kind, page=passage.page,
                document=passage.guideline_id if passage.kind != "guideline" else None,
            )  # fmt: skip
        return self._evidence[key]
