"""Gives the claims of an answer their ids, and turns what they cite into what a reader can open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from apps.rag.schemas import Hit, Passage
from apps.safety.schemas import VerifiedClaim
from medassist.clinical.assessment import Cite, Claim, Evidence
from medassist.clinical.draft import Source


class Book:
    def __init__(
        self, *, sources: Sequence[Source], hits: Mapping[str, Hit], original: Mapping[str, str], restore: Callable[[str], str]
    ) -> None:  # fmt: skip
        self._sources = {source.id: source for source in sources}
        self._hits, self._original, self._restore = hits, original, restore
        self.evidence: dict[tuple[str, int, int], Evidence] = {}
        self.claims: tuple[Claim, ...] = ()

    def take(self, verified: Iterable[VerifiedClaim]) -> None:
        self.claims = tuple(
            Claim(
                id=f"c{number}", text=self._restore(one.text), kind=one.kind, cites=tuple(self._cites(one)),
                verification="inference" if one.kind == "inference" else one.verification,
            )
            for number, one in enumerate(verified, start=1)
        )  # fmt: skip

    def _cites(self, verified: VerifiedClaim) -> Iterator[Cite]:
        for cite in verified.cites:
            source = self._sources[cite.source]
            if source.kind == "record":
                words, text = self._restore(cite.quote), self._original.get(source.label, source.text)
                at = text.find(words)
                start, end = (at, at + len(words)) if at >= 0 else (0, 0)
                yield Cite(kind="record", ref=source.label, quote=words, start=start, end=end)
                continue
            found = self._evidence(self._hits[cite.source].passage, cite.quote, cite.start, cite.end)
            kind = "document" if found.kind == "case_document" else "guideline"
            yield Cite(kind=kind, ref=found.id, quote=cite.quote, start=cite.start, end=cite.end)  # type: ignore[arg-type]

    def _evidence(self, passage: Passage, quote: str, start: int, end: int) -> Evidence:
        key = (passage.id, start, end)
        if key not in self.evidence:
            self.evidence[key] = Evidence(
                id=f"e{len(self.evidence) + 1}", passage_id=passage.id, title=passage.title,
                heading=" > ".join(passage.heading), source=passage.publisher, version=passage.version,
                published=passage.published, grade=passage.grade, url=passage.url, licence=passage.licence,
                quote=quote, start=start, end=end, kind=passage.kind, page=passage.page,
                document=passage.guideline_id if passage.kind != "guideline" else None,
            )  # fmt: skip
        return self.evidence[key]
