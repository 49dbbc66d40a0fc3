"""The safety room's front desk: one function per thing that other rooms may ask of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from apps.safety.rules import abnormal as _abnormal
from apps.safety.rules import authored as _authored
from apps.safety.rules import conflicts as _conflicts
from apps.safety.rules import deidentify as _deidentify
from apps.safety.rules import grounding as _grounding
from apps.safety.rules import guard_draft as _guard_draft
from apps.safety.rules import screen as _screen
from apps.safety.rules import triage as _triage
from apps.safety.rules.grounding_text import sentence_spans
from apps.safety.rules.guard import GUARD_VERSION, check_text
from apps.safety.rules.triage import RULE_SET_VERSION
from apps.safety.schemas import (
    AbnormalFinding,
    Conflict,
    Deidentified,
    GuardedDraft,
    Screened,
    Statement,
    VerifiedDraft,
)
from medassist.clinical.assessment import Escalation
from medassist.clinical.case import Audience, CaseInput
from medassist.clinical.draft import Draft, Source
from medassist.clinical.triage import TriageFloor, TriageLevel

__all__ = [
    "GUARD_VERSION",
    "RULE_SET_VERSION",
    "abnormal_findings",
    "check_text",
    "deidentify",
    "disclaimers",
    "escalation",
    "find_conflicts",
    "guard_draft",
    "may_quote",
    "screen_text",
    "sentence_spans",
    "triage_floor",
    "verify_draft",
]


def deidentify(case: CaseInput, also: Sequence[str] = ()) -> Deidentified:
    """The case, and texts that belong to it, without direct identifiers, and what each placeholder stands for."""
    return _deidentify.deidentify(case, also)


def screen_text(text: str) -> Screened:
    """The text without instruction-like spans, safe to be put into a prompt as data."""
    return _screen.screen_text(text)


def verify_draft(*, draft: Draft, sources: Sequence[Source], audience: Audience) -> VerifiedDraft:
    """The draft with only those claims that their sources support."""
    return _grounding.verify_draft(draft=draft, sources=sources, audience=audience)


def guard_draft(*, verified: VerifiedDraft, record_text: str, audience: Audience) -> GuardedDraft:
    """The draft without what prescribes; raises `AnswerWithheld` when the guard itself fails."""
    return _guard_draft.guard_draft(verified=verified, record_text=record_text, audience=audience)


def find_conflicts(statements: Sequence[Statement]) -> tuple[Conflict, ...]:
    """Statements of different guidelines that contradict each other about the same thing."""
    return _conflicts.find_conflicts(statements)


def may_quote(
    *, quote: str, kind: Literal["record", "guideline"], record_text: str, audience: Audience
) -> bool:  # fmt: skip
    """Whether a source's own words may be shown: they name no dose and give no order."""
    return _guard_draft.may_quote(quote, kind=kind, record_text=record_text, audience=audience)


def triage_floor(case: CaseInput) -> TriageFloor:
    """The level that the rules alone give, with every rule that fired and NEWS2; milliseconds, no model."""
    return _triage.triage_floor(case)


def escalation(
    *, level: TriageLevel, locale: str, emergency_number: str, audience: Audience = "clinician"
) -> Escalation:
    """Authored advice for a triage level, with the clinic's emergency number."""
    return _authored.escalation(level=level, locale=locale, emergency_number=emergency_number, audience=audience)


def disclaimers(*, locale: str, audience: Audience, language_model: bool) -> tuple[str, ...]:
    """What an answer says about itself; names the extractive engine where no language model wrote the draft."""
    return _authored.disclaimers(locale=locale, audience=audience, language_model=language_model)


def abnormal_findings(case: CaseInput) -> tuple[AbnormalFinding, ...]:
    """Vital signs and laboratory values outside their limits, by their path in the case."""
    return _abnormal.abnormal_findings(case)
