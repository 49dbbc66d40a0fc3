"""Writes of this room: a question with its job, the answer of a job. One transaction each, the audit row inside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import UUID, uuid4

from django.db import transaction

from apps.chat.jobs import TURN
from apps.chat.models import Conversation, Turn
from apps.chat.schemas import Asked, ChatAnswer, ChatInput
from apps.safety import services as safety
from apps.safety.schemas import Event
from medassist.accounts.access import Actor, Permission, require, system_actor
from medassist.audit.services import record
from medassist.clinical import records
from medassist.common.database import again_on_deadlock
from medassist.common.errors import InvalidInput, NotFound, StateConflict
from medassist.jobs import services as jobs
from medassist.jobs.runner import Run
from medassist.jobs.selectors import job_views

MOST_TURNS = 100


def ask(*, actor: Actor, given: ChatInput, idempotency_key: str | None = None) -> Asked:
    """Stores a question and queues its answer; in one conversation one after the other.

    Raises `NotFound` for a case or a conversation that is not there, `StateConflict` while the last question is being
    answered, `IdempotencyConflict`, `TooManyRequests`, `QuotaExceeded`, `Unavailable`.
    """
    require(actor, Permission.CHAT_ASK)
    request_hash = hashlib.sha256(given.model_dump_json().encode()).hexdigest()
    if found := jobs.earlier(idempotency_key=idempotency_key, request_hash=request_hash):
        return _asked(found)
    records.reader().require(actor=actor, case_id=given.case)
    return _store(actor, given, idempotency_key, request_hash)


@again_on_deadlock
@transaction.atomic
def _store(actor: Actor, given: ChatInput, idempotency_key: str | None, request_hash: str) -> Asked:
    conversation, number = _conversation(actor, given)
    turn_id = uuid4()
    submitted = jobs.submit(
        kind=TURN,
        actor=actor,
        lane="interactive",
        references={"case": str(given.case), "conversation": str(conversation.id), "turn": str(turn_id)},
        idempotency_key=idempotency_key,
        request_hash=request_hash,
    )
    if not submitted.created:
        return _asked(submitted)
    if number == 1:
        conversation.save(force_insert=True)
    Turn.objects.create(
        id=turn_id, conversation=conversation, number=number, asked_by=actor.label or actor.id,
        question=given.question, job_id=submitted.job_id,
    )  # fmt: skip
    record(
        actor=actor, action="chat.ask", object_type="case", object_id=str(given.case),
        detail={"conversation": str(conversation.id), "turn": str(turn_id), "job": str(submitted.job_id)},
    )  # fmt: skip
    return Asked(conversation.id, turn_id, submitted.job_id)


def _conversation(actor: Actor, given: ChatInput) -> tuple[Conversation, int]:
    if given.conversation is None:
        return Conversation(case_id=given.case, begun_by=actor.label or actor.id), 1
    # One at a time: the number of a turn is its place, and an answer knows the turns before it.
    rows = Conversation.objects.select_for_update(no_key=True)
    conversation = rows.filter(pk=given.conversation, case_id=given.case).first()
    if conversation is None:
        raise NotFound
    last = conversation.turns.order_by("-number").first()
    if last is not None and last.answer is None:
        job = job_views([last.job_id]).get(last.job_id)
        if job is not None and not job.finished:
            raise StateConflict("The last question is still being answered")
    number = last.number + 1 if last else 1
    if number > MOST_TURNS:
        raise InvalidInput(fields={"conversation": f"at most {MOST_TURNS} questions; begin a new one"})
    return conversation, number


def _asked(submitted: jobs.Submitted) -> Asked:
    return Asked(
        UUID(submitted.references["conversation"]), UUID(submitted.references["turn"]), submitted.job_id
    )  # fmt: skip


def stop(*, actor: Actor, conversation_id: UUID) -> str:
    """Stops the answer that is being written; raises `NotFound`, `StateConflict` when there is none."""
    require(actor, Permission.CHAT_ASK)
    turn = Turn.objects.select_related("conversation").filter(conversation=conversation_id).order_by("-number").first()
    if turn is None:
        raise NotFound
    records.reader().require(actor=actor, case_id=turn.conversation.case_id)
    return jobs.cancel(actor=actor, job_id=turn.job_id)


def store_answer(*, run: Run, turn_id: UUID, answer: ChatAnswer) -> None:
    """Ends the job with its one result, in one fenced transaction."""

    def store() -> None:
        turn = Turn.objects.select_for_update(of=("self",), no_key=True).select_related("conversation").get(pk=turn_id)
        turn.fence, turn.status = run.job.fence, answer.status
        turn.answer = answer.model_dump(mode="json")
        turn.save(update_fields=["fence", "status", "answer"])
        record(
            actor=system_actor(run.job.clinic, "worker-llm"), action="chat.answer.store", object_type="case",
            object_id=str(turn.conversation.case_id),
            detail={
                "job": str(run.job.id), "turn": str(turn_id), "status": answer.status, "claims": len(answer.claims),
                "removed": answer.removed,
            },
        )  # fmt: skip
        made_by = answer.provenance
        safety.record_events(
            events=tuple(_events(answer)), object_type="chat_turn", object_id=str(turn_id), job_id=run.job.id,
            answer=answer.model_dump_json(),
            versions={
                "backbone": made_by.backbone or "", "model": made_by.model or "", "adapter": made_by.adapter or "",
                "prompt": made_by.prompt_version, "guard": made_by.guard_version,
            },
        )  # fmt: skip

    run.complete(store)


def _events(answer: ChatAnswer) -> Iterator[Event]:
    if answer.removed:
        yield Event(code="claims_removed", count=answer.removed)
    if answer.status != "released":
        yield Event(code=answer.status, rules=answer.status_reasons)
