"""The safety room's front desk: one function per thing that other rooms may ask of it."""

from __future__ import annotations

from collections.abc import Sequence

from apps.safety.rules import deidentify as _deidentify
from apps.safety.rules import grounding as _grounding
from apps.safety.rules import guard_draft as _guard_draft
from apps.safety.rules import screen as _screen
from apps.safety.rules.guard import GUARD_VERSION, check_text
from apps.safety.schemas import Deidentified, GuardedDraft, Screened, VerifiedDraft
from medassist.clinical.case import Audience, CaseInput
from medassist.clinical.draft import Draft, Source

__all__ = ["GUARD_VERSION", "check_text", "deidentify", "guard_draft", "screen_text", "verify_draft"]


def deidentify(case: CaseInput) -> Deidentified:
    """The case without direct identifiers, and what each placeholder stands for."""
    return _deidentify.deidentify(case)


def screen_text(text: str) -> Screened:
    """The text without instruction-like spans, safe to be put into a prompt as data."""
    return _screen.screen_text(text)


def verify_draft(*, draft: Draft, sources: Sequence[Source], audience: Audience) -> VerifiedDraft:
    """The draft with only those claims that their sources support."""
    return _grounding.verify_draft(draft=draft, sources=sources, audience=audience)


def guard_draft(*, verified: VerifiedDraft, record_text: str, audience: Audience) -> GuardedDraft:
    """The draft without what prescribes; raises `AnswerWithheld` when the guard itself fails."""
    return _guard_draft.guard_draft(verified=verified, record_text=record_text, audience=audience)
