"""The safety room's front desk: one function per thing that other rooms may ask of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Literal

from django.conf import settings
from django.db import transaction

from apps.safety import selectors
from apps.safety.models import Calibration
from apps.safety.pipeline import checking as _checking
from apps.safety.rules import abnormal as _abnormal
from apps.safety.rules import abstention as _abstention
from apps.safety.rules import authored as _authored
from apps.safety.rules import conflicts as _conflicts
from apps.safety.rules import deidentify as _deidentify
from apps.safety.rules import grounding as _grounding
from apps.safety.rules import guard_draft as _guard_draft
from apps.safety.rules import screen as _screen
from apps.safety.rules import triage as _triage
from apps.safety.rules import uncertainty as _uncertainty
from apps.safety.rules.grounding_text import sentence_spans
from apps.safety.rules.guard import GUARD_VERSION, check_text
from apps.safety.rules.triage import RULE_SET_VERSION
from apps.safety.schemas import (
    AbnormalFinding,
    Abstention,
    Answer,
    CalibrationReport,
    Conflict,
    Deidentified,
    GuardedDraft,
    ModelVersion,
    Pair,
    Screened,
    Statement,
    VerifiedDraft,
)
from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.clinical.assessment import Escalation
from medassist.clinical.case import Audience, CaseInput
from medassist.clinical.draft import Draft, Source
from medassist.clinical.triage import TriageFloor, TriageLevel
from medassist.common.errors import InvalidInput
from medassist.tenancy.context import public_context

__all__ = [
    "GUARD_VERSION",
    "RULE_SET_VERSION",
    "abnormal_findings",
    "abstention",
    "agreement",
    "calibrate",
    "check_text",
    "deidentify",
    "disclaimers",
    "escalation",
    "find_conflicts",
    "guard_draft",
    "may_quote",
    "screen_text",
    "second_look",
    "sentence_spans",
    "triage_floor",
    "verify_draft",
]


def deidentify(case: CaseInput, also: Sequence[str] = ()) -> Deidentified:
    """The case, and texts that belong to it, without direct identifiers, and what each placeholder stands for."""
    return _deidentify.deidentify(case, also)


def abstention(case: CaseInput) -> Abstention:
    """What the record lacks, contradicts or asks that keeps an answer back or limits it; milliseconds, no model."""
    return _abstention.abstention(case)


def screen_text(text: str) -> Screened:
    """The text without instruction-like spans, safe to be put into a prompt as data."""
    return _screen.screen_text(text)


def verify_draft(*, draft: Draft, sources: Sequence[Source], audience: Audience) -> VerifiedDraft:
    """The draft with only those claims that their sources support."""
    return _grounding.verify_draft(draft=draft, sources=sources, audience=audience)


def second_look(
    *, verified: VerifiedDraft, sources: Sequence[Source], audience: Audience, ask: Callable[..., Answer]
) -> VerifiedDraft:
    """The draft as the optional model checker leaves it (`CLAIM_CHECKER`); unchanged while it is off.

    `ask` is `gateway.ask` for the job at hand. Any failure of the checker marks or removes, never confirms.
    """
    checker: _checking.Checker = _checking.NoChecker()
    if settings.CLAIM_CHECKER == "backbone":
        checker = _checking.BackboneChecker(ask)
    return _checking.second_look(draft=verified, sources=sources, audience=audience, checker=checker)


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


def agreement(condition: str, samples: Sequence[Sequence[str]]) -> int:
    """In how many of the samples (condition names of a draft) the condition is named."""
    return _uncertainty.agreement(condition, samples)


def abnormal_findings(case: CaseInput) -> tuple[AbnormalFinding, ...]:
    """Vital signs and laboratory values outside their limits, by their path in the case."""
    return _abnormal.abnormal_findings(case)


def calibrate(*, actor: Actor, version: ModelVersion, pairs: Sequence[Pair], keep: bool = True) -> CalibrationReport:
    """Fits a version's map on adjudicated cases and, with `keep`, makes it the one that counts.

    Raises `InvalidInput` for too few pairs, for outcomes that are all alike, and for a map that does worse on
    held-out cases than the scores themselves.
    """
    if len(pairs) < _uncertainty.FEWEST_PAIRS:
        raise InvalidInput(fields={"pairs": f"{len(pairs)}; at least {_uncertainty.FEWEST_PAIRS} are needed"})
    if len({pair.correct for pair in pairs}) < 2:
        raise InvalidInput(fields={"pairs": "every outcome is the same: nothing can be learnt from them"})
    report = _uncertainty.report(pairs)
    if report.brier > report.brier_raw:
        raise InvalidInput(fields={"pairs": "the map does worse on held-out cases than the scores themselves"})
    if keep:
        source = json.dumps([pair.model_dump() for pair in pairs], sort_keys=True)
        with public_context(), transaction.atomic():
            require(actor, Permission.CLINIC_MANAGE)
            row = Calibration.objects.create(
                **version.model_dump(), created_by=actor.label or actor.id, report=report.model_dump(mode="json"),
                source_hash=hashlib.sha256(source.encode()).hexdigest(),
            )  # fmt: skip
            record(
                actor=actor, action="calibration.store", object_type="calibration", object_id=str(row.pk),
                detail={"backbone": version.backbone, "model": version.model, "pairs": len(pairs)},
            )  # fmt: skip
        selectors.forget_calibrations()
    return report


def switch_calibration(*, actor: Actor, calibration_id: int, active: bool) -> None:
    """Lets a map count or not; a version without one shows no numbers."""
    with public_context(), transaction.atomic():
        require(actor, Permission.CLINIC_MANAGE)
        Calibration.objects.filter(pk=calibration_id).update(active=active)
        record(
            actor=actor, action="calibration.switch", object_type="calibration", object_id=str(calibration_id),
            detail={"active": active},
        )  # fmt: skip
    selectors.forget_calibrations()
