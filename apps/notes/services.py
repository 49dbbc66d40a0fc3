"""Writes of this room: a note with its job, the result of a job. One transaction each, the audit row inside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.notes.jobs import SUMMARY
from apps.notes.models import HandOut, Note, NoteTemplate, SummaryRecord
from apps.notes.pipeline import handout
from apps.notes.schemas import BUILT_IN, STANDARD, NoteInput, NoteSummary, Template
from apps.notes.selectors import template_named
from apps.safety import services as safety
from apps.safety.schemas import Event, PatientCheck
from medassist.accounts.access import Actor, Permission, require, system_actor
from medassist.audit.services import record
from medassist.common.database import again_on_deadlock
from medassist.common.errors import InvalidInput, NotFound
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
    if template_named(note.template) is None:
        raise InvalidInput(fields={"template": "no template of this name"})
    request_hash = hashlib.sha256(note.model_dump_json(exclude=_hash_leaves_out(note)).encode()).hexdigest()
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


def _hash_leaves_out(note: NoteInput) -> set[str]:
    # A key that was used before there were templates must still find its job.
    return {"stream", "template"} if note.template == STANDARD else {"stream"}


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
            template=note.template, job_id=submitted.job_id,
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


def save_template(*, actor: Actor, template: Template) -> None:
    """Makes or changes one of the clinic's own templates; raises `InvalidInput` for the name of a built-in one."""
    require(actor, Permission.NOTE_TEMPLATE)
    if template.name in BUILT_IN:
        raise InvalidInput(fields={"name": "this name belongs to a template that comes with the product"})
    with transaction.atomic():
        NoteTemplate.objects.update_or_create(
            name=template.name,
            defaults={
                "title": template.title, "changed_by": actor.label or actor.id,
                "parts": [part.model_dump(mode="json") for part in template.parts],
            },
        )  # fmt: skip
        record(
            actor=actor, action="note.template.save", object_type="note_template", object_id=template.name,
            detail={"parts": len(template.parts)},
        )  # fmt: skip


def delete_template(*, actor: Actor, name: str) -> None:
    """Takes a template of the clinic away; summaries made with it keep its headings. Raises `NotFound`."""
    require(actor, Permission.NOTE_TEMPLATE)
    with transaction.atomic():
        deleted, _ = NoteTemplate.objects.filter(name=name).delete()
        if not deleted:
            raise NotFound
        record(actor=actor, action="note.template.delete", object_type="note_template", object_id=name, detail={})


def handout_draft(*, summary: NoteSummary, note: str) -> str:
    """A text to begin a hand-out with; see `pipeline.handout.draft_of`."""
    return handout.draft_of(summary, note=note)


def release_handout(
    *, actor: Actor, note_id: UUID, text: str, accept_hard: bool = False, accept_numbers: bool = False
) -> UUID:
    """Stores what the patient is given; a new text takes the place of the one before. Raises `NotFound`, and
    `InvalidInput` naming `text` for what the guard keeps from patients, `accept_hard` for a text above the reading
    target and `accept_numbers` for numbers that the note does not hold, unless they are accepted."""
    require(actor, Permission.NOTE_RELEASE)
    note = Note.objects.filter(pk=note_id).first()
    if note is None:
        raise NotFound
    checked = _allowed_handout(note, text, accept_hard=accept_hard, accept_numbers=accept_numbers)
    with transaction.atomic():
        HandOut.objects.filter(note=note, withdrawn_at__isnull=True).update(withdrawn_at=timezone.now())
        row = HandOut.objects.create(
            note=note, created_by=actor.label or actor.id, text=text.strip(), grade=checked.grade
        )
        record(
            actor=actor, action="note.handout.release", object_type="note", object_id=str(note_id),
            detail={"handout": str(row.id), "grade": f"{checked.grade:g}", "numbers": len(checked.strange_numbers)},
        )  # fmt: skip
    return row.id


def _allowed_handout(note: Note, text: str, *, accept_hard: bool, accept_numbers: bool) -> PatientCheck:
    if not text.strip() or len(text) > safety.MOST_PATIENT_CHARS:
        raise InvalidInput(fields={"text": f"1 to {safety.MOST_PATIENT_CHARS} characters"})
    checked = safety.check_for_patient(text, record=note.text)
    if fields := checked.problems(accept_hard=accept_hard, accept_numbers=accept_numbers):
        raise InvalidInput("The hand-out was not released; see fields.", fields=fields)
    return checked


def withdraw_handout(*, actor: Actor, note_id: UUID) -> None:
    """Takes back what the patient was given; raises `NotFound` when nothing is out."""
    require(actor, Permission.NOTE_RELEASE)
    with transaction.atomic():
        taken = HandOut.objects.filter(note_id=note_id, withdrawn_at__isnull=True).update(withdrawn_at=timezone.now())
        if not taken:
            raise NotFound
        record(actor=actor, action="note.handout.withdraw", object_type="note", object_id=str(note_id), detail={})
