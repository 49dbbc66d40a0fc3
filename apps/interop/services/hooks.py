"""CDS Hooks: a call becomes cards by rules alone; the analysis is queued and is there at the next call."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.cases import selectors as cases
from apps.cases import services as submitting
from apps.interop.models import CdsCard, CdsClient, CdsFeedback
from apps.interop.rules import cds
from apps.interop.services import read_record
from apps.safety import services as safety
from apps.safety.selectors import rule_decisions
from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
from medassist.clinical.parsing import parse_case
from medassist.common.errors import InvalidInput, MedAssistError, NotFound, PreconditionFailed
from medassist.tenancy.context import current_clinic

logger = logging.getLogger(__name__)

NO_WORDS = "Not recorded"


def require_service(service: str) -> None:
    if service not in cds.HOOKS:
        raise NotFound


def cards(*, actor: Actor, service: str, call: cds.HookCall, site: str) -> list[dict[str, Any]]:
    """The cards of one call. `site`: the clinic's own address, for links.

    Nothing waits for a model: the rules answer, and an assessment is shown when an earlier call's has ended. Raises
    `InvalidInput`, `PreconditionFailed` (412) without the patient, `NotFound` for an unknown service.
    """
    require(actor, Permission.CASE_SUBMIT)
    require_service(service)
    if wrong := cds.problems_of(service, call):
        raise InvalidInput("This call does not fit the service", fields=wrong)
    if missing := cds.missing_prefetch(call):
        raise PreconditionFailed(fields={f"prefetch.{name}": "is needed" for name in missing})
    imported = read_record(cds.resources_of(service, call))
    case = imported.case or _without_words(imported.draft)
    if case is None:
        # There is nothing in it that could be judged: no card, and no alarm about that.
        return []
    case_id, assessment = None, None
    if imported.case is not None:
        case_id, assessment = _analysis(actor, service, call, imported.case)
    floor = safety.triage_floor(case, decisions=rule_decisions())
    source = {"label": "MedAssist", "url": site}
    link = f"{site}/cases/{case_id}/" if case_id else ""
    escalation = safety.escalation(
        level=floor.level,
        locale=case.locale,
        audience="clinician",
        emergency_number=current_clinic().emergency_number,
    )
    made = [
        (kind, card)
        for kind, card in (
            ("rules", cds.rule_card(floor, escalation, source, link)),
            ("assessment", cds.assessment_card(assessment, source, link) if assessment else None),
        )
        if card is not None and _may_show(card)
    ]
    with transaction.atomic():
        CdsCard.objects.bulk_create(
            CdsCard(
                id=card["uuid"], service=service, kind=kind, level=floor.level, case_id=case_id,
                rules=[rule.id for rule in floor.rules], shown_to=actor.label[:100],
            )
            for kind, card in made
        )  # fmt: skip
        record(
            actor=actor, action="cds.call", object_type="case" if case_id else "cds",
            object_id=str(case_id or call.hookInstance),
            detail={"service": service, "floor": floor.level, "cards": len(made), "hook": str(call.hookInstance)},
        )  # fmt: skip
    return [card for _, card in made]


def _without_words(draft: Mapping[str, Any]) -> CaseInput | None:
    """The rules read values and codes too: a record without a complaint is judged, though no analysis is made of it."""
    try:
        return parse_case({**draft, "presenting_complaint": NO_WORDS})
    except MedAssistError:
        return None


def _analysis(actor: Actor, service: str, call: cds.HookCall, case: CaseInput) -> tuple[Any, Assessment | None]:
    """The case of this very record, submitted now or by an earlier call, and its assessment if that has ended."""
    # Opening a record ten times asks once: the same patient with the same facts is the same work.
    said = f"{actor.id} {call.context['patientId']} {case.model_dump_json()}"
    key = "cds-" + hashlib.sha256(said.encode()).hexdigest()
    try:
        requested = submitting.request_assessment(actor=actor, case=case, idempotency_key=key)
    except InvalidInput:
        raise
    except MedAssistError as error:
        # A full queue or a used-up allowance takes the analysis away, never the warning.
        logger.warning("No analysis for a hook", extra={"clinic": actor.clinic, "code": error.code, "kind": service})
        return None, None
    if requested.created:
        return requested.case_id, None
    return requested.case_id, cases.case_detail(actor=actor, case_id=requested.case_id).assessment


def _may_show(card: Mapping[str, Any]) -> bool:
    """Whatever a card is made of, it goes through the guard once more before it leaves."""
    return safety.may_quote(
        quote=f"{card['summary']}\n{card['detail']}", kind="record", record_text="", audience="clinician"
    )


def keep_feedback(*, actor: Actor, service: str, given: cds.Feedback) -> int:
    """Stores what was done with cards; returns how many. Raises `NotFound` for a card that this clinic did not show."""
    require(actor, Permission.CASE_SUBMIT)
    require_service(service)
    with transaction.atomic():
        wanted = {item.card for item in given.feedback}
        known = set(CdsCard.objects.filter(pk__in=wanted, service=service).values_list("pk", flat=True))
        if wanted - known:
            raise NotFound("There is no such card")
        CdsFeedback.objects.bulk_create(_feedback(item) for item in given.feedback)
        record(
            actor=actor, action="cds.feedback", object_type="cds", object_id=service,
            detail={"cards": len(wanted), "overridden": sum(item.outcome == "overridden" for item in given.feedback)},
        )  # fmt: skip
    return len(given.feedback)


def _feedback(item: cds.FeedbackItem) -> CdsFeedback:
    why = item.overrideReason
    at = item.outcomeTimestamp
    return CdsFeedback(
        card_id=item.card, outcome=item.outcome, comment=why.userComment if why else "",
        reason=why.reason.code if why and why.reason else "", at=at if at.tzinfo else timezone.make_aware(at),
    )  # fmt: skip


def feedback_lines(*, actor: Actor) -> Iterator[dict[str, Any]]:
    """What evaluation needs of the clinic's feedback, oldest first: no patient, no comment."""
    require(actor, Permission.AUDIT_READ)
    for row in CdsFeedback.objects.select_related("card").iterator():
        yield {
            "card": str(row.card_id), "service": row.card.service, "kind": row.card.kind, "level": row.card.level,
            "rules": row.card.rules, "outcome": row.outcome, "reason": row.reason, "at": row.at.isoformat(),
            "case": str(row.card.case_id) if row.card.case_id else None,
        }  # fmt: skip


def store_client(*, actor: Actor, row: CdsClient, created: bool) -> None:
    """Saves a checked client, with its audit entry."""
    require(actor, Permission.KEY_MANAGE)
    with transaction.atomic():
        row.save()
        record(
            actor=actor, action="cds.client.add" if created else "cds.client.change", object_type="cds_client",
            object_id=str(row.pk), detail={"issuer": row.issuer, "active": row.is_active},
        )  # fmt: skip
