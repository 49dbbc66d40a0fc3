"""Reads of this room. Whatever shows patient data writes its audit row first: no audit row, no answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.notes.models import Note, SummaryRecord
from apps.notes.schemas import NoteContent, NoteSummary
from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.common.errors import NotFound
from medassist.jobs.schemas import JobView
from medassist.jobs.selectors import job_views


@dataclass(frozen=True)
class NoteDetail:
    id: UUID
    created_at: datetime
    text: str
    kind: str
    job: JobView | None
    summary: NoteSummary | None


def note_detail(*, actor: Actor, note_id: UUID) -> NoteDetail:
    """A note with its summary, if there is one yet; raises `NotFound`."""
    require(actor, Permission.NOTE_READ)
    with transaction.atomic():
        note = Note.objects.filter(pk=note_id).first()
        if note is None:
            raise NotFound
        row = SummaryRecord.objects.filter(job_id=note.job_id).first()
        record(actor=actor, action="note.read", object_type="note", object_id=str(note_id))
    return NoteDetail(
        note.id, note.created_at, note.text, note.kind, job_views([note.job_id]).get(note.job_id),
        NoteSummary.model_validate(row.payload) if row else None,
    )  # fmt: skip


def summary_of_own(*, actor: Actor, note_id: UUID, job_id: UUID) -> NoteSummary | None:
    """The summary for who has just sent the note; audited as a reading, like every other."""
    require(actor, Permission.NOTE_READ)
    with transaction.atomic():
        row = SummaryRecord.objects.filter(job_id=job_id, note_id=note_id).first()
        record(actor=actor, action="note.read", object_type="note", object_id=str(note_id))
    return NoteSummary.model_validate(row.payload) if row else None


def content_for_pipeline(note_id: UUID) -> NoteContent:
    """For the run that summarises it; raises `NotFound`."""
    note = Note.objects.filter(pk=note_id).first()
    if note is None:
        raise NotFound
    return NoteContent(id=note.id, text=note.text, kind=note.kind, locale=note.locale)  # type: ignore[arg-type]
