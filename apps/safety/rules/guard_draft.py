"""Takes out of a verified draft every sentence that the medicine guard refuses; fails closed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from apps.safety.rules.closed import fails_closed
from apps.safety.rules.guard import check_text
from apps.safety.rules.guard.lexicon import mentions
from apps.safety.rules.guard.sentences import sentences
from apps.safety.rules.guard_views import clean
from apps.safety.schemas import GuardedDraft, VerifiedCite, VerifiedClaim, VerifiedCondition, VerifiedDraft
from medassist.clinical.case import Audience

MOST_REMOVED = 2
GRAVE = frozenset({"B5", "B7"})


@fails_closed("medicine guard")
def guard_draft(*, verified: VerifiedDraft, record_text: str, audience: Audience = "clinician") -> GuardedDraft:
    """The draft without what prescribes; raises `AnswerWithheld` when the guard itself fails.

    More than two removed sentences, an altered restatement (B5) or a hidden form (B7) set `must_regenerate`.
    """
    return _Guard(record_text, audience).draft(verified)


@fails_closed("medicine guard")
def may_quote(quote: str, *, kind: Literal["record", "guideline"], record_text: str, audience: Audience) -> bool:
    """A dose or an order in a source must not reach the reader inside a quote either.

    A quote is attributed by the place where it is shown, so it is judged as reported speech of the
    record or of the guideline.
    """
    said_by = "The record states: " if kind == "record" else "The cited guideline states that "
    return check_text(said_by + " ".join(quote.split()), record=record_text, audience=audience).allowed


class _Guard:
    def __init__(self, record_text: str, audience: Audience) -> None:
        self.record, self.audience = record_text, audience
        self.removed = 0
        self.withheld_quotes = 0
        self.codes: list[str] = []
        self.markers: list[str] = []

    def draft(self, verified: VerifiedDraft) -> GuardedDraft:
        reason = self.text(verified.triage_reason, "triage_reason")
        summary = self.claims(verified.summary, "summary")
        red_flags = self.claims(verified.red_flags, "red_flags")
        missing = self.notes(verified.missing_information, "missing_information")
        conditions = tuple(
            kept
            for i, item in enumerate(verified.differential)
            if (kept := self.condition(item, f"differential.{i}")) is not None
        )
        return GuardedDraft(
            triage_level=verified.triage_level,
            triage_reason=reason,
            summary=summary,
            differential=conditions,
            red_flags=red_flags,
            missing_information=missing,
            grounding=verified.grounding,
            removed_sentences=self.removed,
            codes=tuple(dict.fromkeys(self.codes)),
            must_regenerate=self.removed > MOST_REMOVED or bool(GRAVE & set(self.codes)),
            markers=tuple(self.markers),
            withheld_quotes=self.withheld_quotes,
        )

    def _note(self, codes: Iterable[str], place: str, count: int = 1) -> None:
        self.removed += count
        self.codes += codes
        self.markers.append(place)

    def text(self, text: str, place: str) -> str:
        """The text without its failing sentences; all of it goes when only its whole fails."""
        if not text or (verdict := check_text(text, record=self.record, audience=self.audience)).allowed:
            return text
        cleaned = clean(text)
        spans = [cleaned.span(start, end) for start, end in sentences(cleaned.text)]
        kept = [text[s:e] for s, e in spans if not any(f.start < e and s < f.end for f in verdict.findings)]
        result = " ".join(kept)
        if result and not check_text(result, record=self.record, audience=self.audience).allowed:
            result, kept = "", []
        self._note(verdict.codes, place, max(1, len(spans) - len(kept)))
        return result

    def claims(self, items: Iterable[VerifiedClaim], place: str) -> tuple[VerifiedClaim, ...]:
        kept = []
        for index, item in enumerate(items):
            verdict = check_text(item.text, record=self.record, audience=self.audience)
            if not verdict.allowed:
                self._note(verdict.codes, f"{place}.{index}")
            elif all(self.may_quote(cite) for cite in item.cites):
                kept.append(item)
            else:
                self.withheld_quotes += 1
                self.markers.append(f"{place}.{index}")
        return tuple(kept)

    def may_quote(self, cite: VerifiedCite) -> bool:
        return may_quote(cite.quote, kind=cite.kind, record_text=self.record, audience=self.audience)

    def notes(self, items: Iterable[str], place: str) -> tuple[str, ...]:
        kept = (self.text(item, f"{place}.{index}") for index, item in enumerate(items))
        return tuple(item for item in kept if item)

    def condition(self, item: VerifiedCondition, place: str) -> VerifiedCondition | None:
        verdict = check_text(item.condition, record=self.record, audience=self.audience)
        if not verdict.allowed or self._is_medicine(item.condition):
            self._note(verdict.codes or ("B3",), place)
            return None
        return item.model_copy(
            update={
                "claims_for": self.claims(item.claims_for, f"{place}.claims_for"),
                "claims_against": self.claims(item.claims_against, f"{place}.claims_against"),
                "claims_missing": self.notes(item.claims_missing, f"{place}.claims_missing"),
            }
        )

    @staticmethod
    def _is_medicine(name: str) -> bool:
        """True for a condition that is nothing but a medicine's name; "opioid toxicity" is a condition."""
        text = clean(name).text
        found = mentions(text)
        return (
            bool(found)
            and found[0].kind in "NCG"
            and len(found) == 1
            and found[0].end - found[0].start >= len(text.strip()) - 1
        )
