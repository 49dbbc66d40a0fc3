"""Writes of this room: a note with its job, the result of a job. One transaction each, the audit row inside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from apps.notes.jobs import SUMMARY
from apps.notes.models import Note, SummaryRecord
from apps.notes.schemas import NoteInput, NoteSummary
from apps.safety import services as safety
from apps.safety.schemas import Event
from medassist.accounts.access import Actor, Permission, require, system_actor
from medassist.audit.services import record
from medassist.common.database import again_on_deadlock
from medassist.jobs import direct
from medassist.jobs import services as jobs
from medassist.jobs.runner import Run


@dataclass(frozen=True)
class Requested:
    note_id: UUID
    job_id: UUID


def request_summary(*, actor: Actor, note: NoteInput, idempotency_key: str | None = None) -> Requested:
    """Stores the note and has it summarised: a short one at once by this process, within `NOTES_DIRECT_SECONDS` and
    as long as a place is free; everything else by a worker. With `note.stream` the call returns before the work is done.

    How far it got is in the ledger. Raises `IdempotencyConflict`, `TooManyRequests`, `QuotaExceeded`, `Unavailable`.
    """
    require(actor, Permission.NOTE_SUMMARIZE)
    request_hash = hashlib.sha256(note.model_dump_json(exclude={"stream"}).encode()).hexdigest()
    if found := jobs.earlier(idempotency_key=idempotency_key, request_hash=request_hash):
        return Requested(UUID(found.references["note"]), found.job_id)
    place = direct.take_place() if len(note.text) <= settings.NOTES_DIRECT_CHARS else None
    try:
        submitted = _store(actor, note, idempotency_key, request_hash, place.worker if place else "")
    except BaseException:
        if place is not None:
            place.leave()
        raise
    if place is not None and submitted.leased is not None:
        begin = direct.run_aside if note.stream else direct.run
        begin(place, submitted.leased, budget_s=settings.NOTES_DIRECT_SECONDS)
    elif place is not None:
        place.leave()
    return Requested(UUID(submitted.references["note"]), submitted.job_id)


@again_on_deadlock
@transaction.atomic
def _store(
    actor: Actor, note: NoteInput, idempotency_key: str | None, request_hash: str, claim_as: str
) -> jobs.Submitted:
    note_id = uuid4()
    submitted = jobs.submit(
        kind=SUMMARY,
        actor=actor,
        lane="interactive",
        references={"note": str(note_id)},
        idempotency_key=idempotency_key,
        request_hash=request_hash,
        claim_as=claim_as,
    )
    if submitted.created:
        Note.objects.create(
            id=note_id, created_by=actor.label or actor.id, kind=note.kind, locale=note.locale, text=note.text,
            job_id=submitted.job_id,
        )  # fmt: skip
        record(
            actor=actor, action="note.submit", object_type="note", object_id=str(note_id),
            detail={"job": str(submitted.job_id), "direct": bool(claim_as)},
        )  # fmt: skip
    return submitted


def store_summary(*, run: Run, note_id: UUID, summary: NoteSummary) -> None:
    """Ends the job with its one result, in one fenced transaction."""

    def store() -> None:
        row = SummaryRecord.objects.create(
            note_id=note_id,
            job_id=run.job.id,
            fence=run.job.fence,
            status=summary.status,
            payload=summary.model_dump(mode="json"),
        )
        record(
            actor=system_actor(run.job.clinic, "worker-llm"),
            action="note.summary.store",
            object_type="note_summary",
            object_id=str(row.id),
            detail={
                "job": str(run.job.id), "note": str(note_id), "status": summary.status, "removed": summary.removed,
            },
        )  # fmt: skip

        made_by = summary.provenance
        safety.record_events(
            events=tuple(_events(summary)), object_type="note_summary", object_id=str(row.id), job_id=run.job.id,
            answer=summary.model_dump_json(),
            versions={
                "note": str(note_id), "backbone": made_by.backbone or "", "model": made_by.model or "",
                "adapter": made_by.adapter or "", "prompt": made_by.prompt_version, "guard": made_by.guard_version,
            },
        )  # fmt: skip

    run.complete(store)


def _events(summary: NoteSummary) -> Iterator[Event]:
    if summary.removed:
        yield Event(code="sentences_removed", count=summary.removed)
    if summary.status != "released":
        yield Event(code=summary.status, rules=summary.status_reasons)
