"""The beginning of a text for a patient: what a clinician has accepted, in plain words. Nothing unreviewed goes into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from apps.cases.schemas import ReviewedClaim
from apps.safety import services as safety
from medassist.clinical.assessment import Assessment, Claim

BANDS = ("cannot_miss", "likely", "possible")


def draft_for(
    assessment: Assessment, *, reviews: Mapping[str, ReviewedClaim], record: str, advice: str, locale: str
) -> str:  # fmt: skip
    """Blocks with a heading each: accepted facts, conditions with an accepted claim for them, the authored advice, the
    authored disclaimers. What the guard keeps from patients is left out, and a fixed sentence says whom to ask."""
    facts = list(_said(assessment.summary.claims, reviews))
    conditions = [
        item.condition
        for band in BANDS
        for item in assessment.differential
        if item.band == band and any(_said(item.claims_for, reviews))
    ]
    blocks: list[tuple[str, Sequence[str]]] = [
        ("What was recorded", [safety.plain_words(text) for text in facts]),
        ("What your clinician is thinking about", [f"{safety.plain_words(name)}." for name in conditions]),
    ]
    written, left_out = [], False
    for heading, lines in blocks:
        allowed = [line for line in lines if safety.check_text(line, record=record, audience="patient").allowed]
        left_out = left_out or len(allowed) < len(lines)
        if allowed:
            written.append("\n".join([heading, *(f"- {line}" for line in allowed)]))
    if left_out:
        written.append(safety.ABOUT_MEDICINES)
    notes = safety.disclaimers(locale=locale, audience="patient", language_model=True)
    return "\n\n".join([*written, advice, "\n".join(notes[:2])])


def _said(claims: Sequence[Claim], reviews: Mapping[str, ReviewedClaim]) -> Iterator[str]:
    for claim in claims:
        found = reviews.get(claim.id)
        if found is not None and found.verdict == "accept":
            yield claim.text
        elif found is not None and found.verdict == "edit":
            yield found.text
