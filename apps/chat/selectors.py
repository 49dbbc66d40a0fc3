"""Reads of this room. Whatever shows patient data writes its audit row first: no audit row, no answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from apps.chat.models import Conversation, Turn
from apps.chat.schemas import ChatAnswer, ConversationBrief, ConversationView, Earlier, TurnContent, TurnView
from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.clinical import records
from medassist.common.errors import NotFound
from medassist.jobs.schemas import JobView
from medassist.jobs.selectors import events_address, job_views

EARLIER_TURNS = 6
"""How many released turns a model is shown: a question like "and in pregnancy?" rests on them."""


def conversation(*, actor: Actor, conversation_id: UUID) -> ConversationView:
    """One conversation with its turns, first to last; audited at its case. Raises `NotFound`."""
    require(actor, Permission.CHAT_READ)
    row = Conversation.objects.filter(pk=conversation_id).first()
    if row is None:
        raise NotFound
    records.reader().require(actor=actor, case_id=row.case_id)
    turns = list(row.turns.order_by("number"))
    with transaction.atomic():
        record(
            actor=actor, action="chat.read", object_type="case", object_id=str(row.case_id),
            detail={"conversation": str(row.id), "turns": len(turns)},
        )  # fmt: skip
    jobs = job_views(turn.job_id for turn in turns)
    return ConversationView(
        row.id, row.case_id, row.begun_at, row.begun_by, tuple(_turn(one, jobs.get(one.job_id)) for one in turns)
    )


def _turn(row: Turn, job: JobView | None) -> TurnView:
    answer = ChatAnswer.model_validate(row.answer) if row.answer else None
    return TurnView(row.id, row.number, row.asked_at, row.asked_by, row.question, answer, job)


def conversations_of(*, actor: Actor, case_id: UUID) -> tuple[ConversationBrief, ...]:
    """The conversations about a case, newest first, without their words. Raises `NotFound`."""
    require(actor, Permission.CHAT_READ)
    records.reader().require(actor=actor, case_id=case_id)
    rows = Conversation.objects.filter(case_id=case_id).annotate(many=Count("turns")).order_by("-begun_at")
    return tuple(ConversationBrief(row.id, row.begun_at, row.begun_by, row.many) for row in rows)


def latest_job(*, actor: Actor, conversation_id: UUID) -> JobView | None:
    """Of the last question: how far its answer is. Raises `NotFound`."""
    require(actor, Permission.CHAT_READ)
    case_id = Conversation.objects.filter(pk=conversation_id).values_list("case_id", flat=True).first()
    if case_id is None:
        raise NotFound
    records.reader().require(actor=actor, case_id=case_id)
    job_id = (
        Turn.objects.filter(conversation_id=conversation_id)
        .order_by("-number")
        .values_list("job_id", flat=True)
        .first()
    )
    if job_id is None:
        raise NotFound
    return job_views([job_id]).get(job_id)


def events_of(*, actor: Actor, job_id: UUID) -> str:
    """Address of the answer's live events; empty when no events process is configured."""
    return events_address(actor=actor, job_id=job_id)


def content_for_pipeline(turn_id: UUID) -> TurnContent:
    """For the run that answers it, with the released turns before it; raises `NotFound`."""
    row = Turn.objects.select_related("conversation").filter(pk=turn_id).first()
    if row is None:
        raise NotFound
    before = row.conversation.turns.filter(number__lt=row.number, status="released").order_by("-number")[:EARLIER_TURNS]
    earlier = tuple(
        Earlier(one.question, tuple(claim["text"] for claim in (one.answer or {}).get("claims", ())))
        for one in reversed(list(before))
    )
    return TurnContent(row.id, row.conversation.case_id, row.question, earlier)


def export(*, actor: Actor, conversation_id: UUID) -> dict[str, Any]:
    """A conversation as JSON-ready values, to be kept elsewhere; audited as an export. Raises `NotFound`."""
    found = conversation(actor=actor, conversation_id=conversation_id)
    with transaction.atomic():
        record(
            actor=actor, action="chat.export", object_type="case", object_id=str(found.case_id),
            detail={"conversation": str(found.id)},
        )  # fmt: skip
    return {
        "schema_version": "1.0", "id": str(found.id), "case": str(found.case_id), "begun_at": found.begun_at.isoformat(),
        "begun_by": found.begun_by,
        "turns": [
            {
                "number": one.number, "asked_at": one.asked_at.isoformat(), "asked_by": one.asked_by,
                "question": one.question, "answer": one.answer.model_dump(mode="json") if one.answer else None,
            }
            for one in found.turns
        ],
    }  # fmt: skip
