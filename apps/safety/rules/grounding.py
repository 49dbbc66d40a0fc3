"""Checks every claim of a draft against its sources; what they do not say is removed and counted.

Similarity alone accepts changed numbers and flipped negations, so every word of a claim that carries meaning must stand in
one sentence of a source, and the two must agree in denial, numbers, units, comparators, side, person and certainty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from apps.safety.rules.closed import fails_closed
from apps.safety.rules.grounding_reading import Reading, read
from apps.safety.rules.grounding_support import covers, disagreement, holds_number, parts, turned_round, uncovered
from apps.safety.rules.grounding_text import (
    content_words,
    known_numbers,
    locate,
    numbers_of,
    sentence_spans,
    swapped,
)
from apps.safety.schemas import GroundingCount, VerifiedCite, VerifiedClaim, VerifiedCondition, VerifiedDraft
from medassist.clinical.case import Audience
from medassist.clinical.draft import Draft, DraftClaim, DraftCondition, Source

MIN_SHARE_INFERENCE = 0.25
FEWEST_SHARED = 2
CLASHES = frozenset({"negation", "opposite", "person"})
_MOST_PLACES = 3


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """The outcome for one claim: the verified claim, or None with the reason it fell."""

    claim: VerifiedClaim | None
    reason: str
    quotes_matched: int = 0


class _Tally:
    def __init__(self) -> None:
        self.claims = self.supported = self.quotes = self.notes = 0

    def take(self, check: ClaimCheck) -> VerifiedClaim | None:
        self.claims += 1
        self.quotes += check.quotes_matched
        if check.claim is not None:
            self.supported += 1
        return check.claim

    def count(self) -> GroundingCount:
        return GroundingCount(
            claims=self.claims,
            supported=self.supported,
            removed=self.claims - self.supported,
            quotes_matched=self.quotes,
            notes_removed=self.notes,
        )


@fails_closed("check of the claims")
def verify_draft(*, draft: Draft, sources: Sequence[Source], audience: Audience = "clinician") -> VerifiedDraft:
    """The draft with only supported claims; inferences are left out for patients.

    Raises `AnswerWithheld` when the check itself fails.
    """
    tally = _Tally()
    known = known_numbers(source.text for source in sources)

    def claims(items: Iterable[DraftClaim]) -> tuple[VerifiedClaim, ...]:
        kept = (tally.take(check_claim(item, sources, audience)) for item in items)
        return tuple(item for item in kept if item is not None)

    def notes(items: Iterable[str]) -> tuple[str, ...]:
        kept = tuple(item for item in items if numbers_of(item) <= known)
        tally.notes += len(tuple(items)) - len(kept)
        return kept

    def condition(item: DraftCondition) -> VerifiedCondition | None:
        if numbers_of(item.condition) - known - _NUMBERS_IN_NAMES:
            tally.notes += 1
            return None
        return VerifiedCondition(
            condition=item.condition,
            band=item.band,
            claims_for=claims(item.claims_for),
            claims_against=claims(item.claims_against),
            claims_missing=notes(item.claims_missing),
        )

    reason = notes((draft.triage_reason,) if draft.triage_reason else ())
    conditions = tuple(found for item in draft.differential if (found := condition(item)) is not None)
    summary, red_flags, missing = claims(draft.summary), claims(draft.red_flags), notes(draft.missing_information)
    return VerifiedDraft(
        triage_level=draft.triage_level,
        triage_reason=reason[0] if reason else "",
        summary=summary,
        differential=conditions,
        red_flags=red_flags,
        missing_information=missing,
        grounding=tally.count(),
    )


_NUMBERS_IN_NAMES = frozenset({1.0, 2.0, 3.0, 4.0, 5.0, 19.0})
"""Type 1 diabetes, covid-19, factor V and the like: numbers that belong to names of conditions."""


def check_claim(claim: DraftClaim, sources: Sequence[Source], audience: Audience = "clinician") -> ClaimCheck:
    """One claim against the sources of its kind: kept with the sentences that say it, or refused with the reason.

    A quote of the model's own is kept where it stands in such a sentence; else the server cites the sentence itself.
    """
    allowed = [source for source in sources if _fits(claim.kind, source)]
    by_id = {source.id: source for source in allowed}
    quoted: list[VerifiedCite] = []
    for cite in claim.cites:
        found = _match(cite.quote, by_id.get(cite.source), allowed)
        if found is not None and found not in quoted:
            quoted.append(found)
    places = [place for source in allowed for place in _places(source)]
    if claim.kind == "inference":
        reason, evidence = _rests_on(claim.text, places)
    else:
        reason, evidence = _said_by(claim.text, places)
    if reason == "" and audience == "patient" and claim.kind == "inference":
        reason = "inference_for_patient"
    if reason != "":
        return ClaimCheck(None, "no_quote" if reason == "content" and not quoted else reason, 0)
    cites = _bound(quoted, evidence)
    kept = VerifiedClaim(
        text=claim.text,
        kind=claim.kind,
        cites=cites,
        verification="inference" if claim.kind == "inference" else "verified",
    )
    return ClaimCheck(kept, "", len(cites))


@dataclass(frozen=True, slots=True)
class _Place:
    """A sentence of a source; `heading` are the stems of what the source says that it is about."""

    source: Source
    start: int
    end: int
    reading: Reading
    heading: frozenset[str]
    family: bool

    @property
    def quote(self) -> str:
        return self.source.text[self.start : self.end]


@lru_cache(maxsize=256)
def _places(source: Source) -> tuple[_Place, ...]:
    family = source.kind == "record" and source.label.startswith("family_history")
    heading = _heading(source)
    return tuple(
        _Place(source, start, end, read(source.text[start:end]), heading, family)
        for start, end in sentence_spans(source.text)
    )


def _heading(source: Source) -> frozenset[str]:
    label = re.sub(r"[._\d]+", " ", source.label)
    first = re.match(r"[^.;:\n]{3,80}(?=:)", source.text) if source.kind == "guideline" else None
    return read(label).stems | (read(first.group()).stems | _initials(first.group()) if first else frozenset())


def _initials(heading: str) -> frozenset[str]:
    """ "FIT" for "Faecal immunochemical testing"."""
    first = [word[0].lower() for word in re.findall(r"[A-Za-z]+", heading)]
    return frozenset("".join(first[at : at + size]) for size in (3, 4, 5) for at in range(len(first) - size + 1))


def _said_by(text: str, places: Sequence[_Place]) -> tuple[str, list[_Place]]:
    """Empty reason and the sentences that say the claim; it may be said in parts, each by one sentence."""
    whole = read(text)
    if not whole.words and not whole.numbers:
        return "content", []
    reason, place = _said_once(text, whole, places)
    if place is not None:
        return "", [place]
    pieces = _pieces(text)
    if reason != "content" or len(pieces) < 2:
        return reason, []
    evidence = []
    for piece in pieces:
        reason, place = _said_once(piece, whole, places)
        if place is None:
            return reason, []
        evidence.append(place)
    return "", list(dict.fromkeys(evidence))


def _said_once(text: str, whole: Reading, places: Sequence[_Place]) -> tuple[str, _Place | None]:
    claim, reason = read(text), "content"
    for place in places:
        if missing := uncovered(claim, place.reading, place.heading):
            reason = (
                "opposite"
                if reason == "content" and len(missing) <= 2 and turned_round(missing, place.reading)
                else reason
            )
            continue
        clash = _clash(text, claim, whole, place)
        if clash == "":
            return "", place
        reason = clash
    return reason, None


def _clash(text: str, claim: Reading, whole: Reading, place: _Place) -> str:
    if place.family and not (whole.relatives or "family" in whole.text):
        return "person"
    about_people = place.source.kind == "record"
    return disagreement(claim, place.reading, whole, about_people=about_people) or swapped(text, place.quote)


def _pieces(text: str) -> list[str]:
    """The parts of a claim, those without words of their own joined to the one before."""
    pieces: list[str] = []
    for part in parts(text):
        if pieces and not read(part).words:
            pieces[-1] += f", {part}"
        else:
            pieces.append(part)
    return pieces


def _rests_on(text: str, places: Sequence[_Place]) -> tuple[str, list[_Place]]:
    """An inference goes beyond its facts, so some of its words must be the record's, and none of those turned round."""
    whole = read(text)
    if not all(any(holds_number(number, whole, place.reading) for place in places) for number in whole.numbers):
        return "number", []
    rests: dict[_Place, int] = {}
    held: set[str] = set()
    reason = "inference_without_record"
    for place in (place for place in places if place.source.kind == "record"):
        clash = disagreement(_only(whole, place.reading), place.reading, whole, about_people=True, guess=True)
        missing = {word.stem for word in uncovered(whole, place.reading)}
        shared = {word.stem for word in whole.words} - missing
        if clash in CLASHES and shared:
            reason = clash
        elif clash == "" and shared:
            held |= shared
            rests[place] = len(shared)
    contradicted = reason in CLASHES and not rests
    stems = {word.stem for word in whole.words}
    if (
        contradicted
        or len(held) < min(FEWEST_SHARED, len(stems))
        or len(held) < MIN_SHARE_INFERENCE * len(stems)
        or not held
    ):
        return reason, []
    best = sorted(rests, key=lambda place: -rests[place])
    return "", best[:_MOST_PLACES]


def _only(whole: Reading, given: Reading) -> Reading:
    """The part of an inference that a sentence speaks of; its numbers were looked for in all sources."""
    return replace(
        whole, words=tuple(w for w in whole.words if any(covers(w.stem, g.stem) for g in given.words)), numbers=()
    )


def _bound(quoted: Sequence[VerifiedCite], evidence: Sequence[_Place]) -> tuple[VerifiedCite, ...]:
    cites: list[VerifiedCite] = []
    for place in evidence:
        own = [c for c in quoted if c.source == place.source.id and place.start <= c.start < place.end]
        cites += own or [
            VerifiedCite(
                source=place.source.id, kind=place.source.kind, quote=place.quote, start=place.start, end=place.end,
                rebound=True,
            )
        ]  # fmt: skip
    return tuple(dict.fromkeys(cites))


def _fits(kind: str, source: Source) -> bool:
    return kind == "inference" or source.kind == ("record" if kind == "patient_fact" else "guideline")


def _match(quote: str, cited: Source | None, allowed: Sequence[Source]) -> VerifiedCite | None:
    """The quote's place in the cited source, else in any other fitting one (rebound)."""
    if not content_words(quote) and not numbers_of(quote):
        return None
    order = [cited, *(s for s in allowed if s is not cited)] if cited else list(allowed)
    for source in order:
        if source is not None and (span := locate(quote, source.text)) is not None:
            return VerifiedCite(
                source=source.id,
                kind=source.kind,
                quote=source.text[span[0] : span[1]],
                start=span[0],
                end=span[1],
                rebound=source is not cited,
            )
    return None


def is_note(text: str) -> bool:
    """True for a free-text item that says something beyond punctuation."""
    return bool(re.search(r"\w", text))
