"""Checks every claim of a draft against its sources; what they do not say is removed and counted.

Similarity alone accepts changed numbers and flipped negations, so a claim must agree with its quotes in
numbers, units, comparators, negation and opposites, and share their content words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.safety.rules.closed import fails_closed
from apps.safety.rules.grounding_text import (
    content_words,
    contradicts,
    known_numbers,
    locate,
    numbers_of,
    overlap,
    sentence_spans,
)
from apps.safety.schemas import GroundingCount, VerifiedCite, VerifiedClaim, VerifiedCondition, VerifiedDraft
from medassist.clinical.case import Audience
from medassist.clinical.draft import Draft, DraftClaim, DraftCondition, Source

MIN_OVERLAP = 0.6
MIN_OVERLAP_INFERENCE = 0.34
CLASHES = frozenset({"negation", "opposite", "unit", "comparator", "changed_number"})
_REBIND_TRIES = 3


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
    """One claim against its cited sources; a cite that does not hold is bound anew to the best sentence that there is."""
    allowed = [source for source in sources if _fits(claim.kind, source)]
    by_id = {source.id: source for source in allowed}
    cites: list[VerifiedCite] = []
    for cite in claim.cites:
        found = _match(cite.quote, by_id.get(cite.source), allowed)
        if found is not None and found not in cites:
            cites.append(found)
    matched = len(cites)
    verdict = _supported(claim, cites, by_id)
    if verdict not in {"", *CLASHES}:
        for bound in _candidates(claim.text, allowed):
            trial = [bound] if claim.kind != "inference" else [*cites, bound]
            verdict = _supported(claim, trial, by_id)
            if verdict == "":
                cites, matched = trial, max(matched, 1)
            if verdict in {"", *CLASHES}:
                # What the best place contradicts must not be saved by a vaguer one.
                break
    if verdict == "" and audience == "patient" and claim.kind == "inference":
        verdict = "inference_for_patient"
    if verdict != "":
        return ClaimCheck(None, verdict, 0)
    kept = VerifiedClaim(
        text=claim.text,
        kind=claim.kind,
        cites=tuple(cites),
        verification="inference" if claim.kind == "inference" else "verified",
    )
    return ClaimCheck(kept, "", matched)


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


def _candidates(text: str, allowed: Sequence[Source]) -> list[VerifiedCite]:
    """The sentences of the sources that share most with the claim, best first."""
    scored: list[tuple[float, int, VerifiedCite]] = []
    for rank, source in enumerate(allowed):
        for start, end in sentence_spans(source.text):
            quote = source.text[start:end]
            score = overlap(text, quote)
            if score >= MIN_OVERLAP_INFERENCE:
                cite = VerifiedCite(source=source.id, kind=source.kind, quote=quote, start=start, end=end, rebound=True)
                scored.append((score, -rank, cite))
    scored.sort(key=lambda item: (item[0], item[1]), reverse=True)
    return [cite for _, _, cite in scored[:_REBIND_TRIES]]


def _supported(claim: DraftClaim, cites: Sequence[VerifiedCite], by_id: dict[str, Source]) -> str:
    """Empty when the cites support the claim, else the reason why not."""
    if not cites:
        return "no_quote"
    if claim.kind == "inference" and not any(cite.kind == "record" for cite in cites):
        return "inference_without_record"
    quotes = " \n ".join(_context(cite, by_id) for cite in cites)
    if not numbers_of(claim.text) <= numbers_of(quotes):
        return "number"
    for cite in cites:
        if (clash := contradicts(claim.text, cite.quote)) != "" and overlap(
            claim.text, cite.quote
        ) >= MIN_OVERLAP_INFERENCE:
            return clash
    needed = MIN_OVERLAP_INFERENCE if claim.kind == "inference" else MIN_OVERLAP
    return "" if overlap(claim.text, quotes) >= needed else "content"


def _context(cite: VerifiedCite, by_id: dict[str, Source]) -> str:
    """The quote, with its whole sentence: a model often quotes the half that it needs."""
    source = by_id.get(cite.source)
    if source is None:
        return cite.quote
    for start, end in sentence_spans(source.text):
        if start <= cite.start < end:
            return source.text[start : max(end, cite.end)]
    return cite.quote


def is_note(text: str) -> bool:
    """True for a free-text item that says something beyond punctuation."""
    return bool(re.search(r"\w", text))
