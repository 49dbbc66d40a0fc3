"""Reads of this room. Whatever shows patient data writes its audit row first: no audit row, no answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery

from apps.notes.models import HandOut, Note, NoteTemplate, SummaryRecord
from apps.notes.schemas import BUILT_IN, STANDARD, NoteContent, NoteSummary, Template
from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.common import cursors
from medassist.common.errors import NotFound
from medassist.jobs.schemas import JobView
from medassist.jobs.selectors import events_address, job_views

MOST_ROWS = 100
OPENING = 140


@dataclass(frozen=True)
class NoteDetail:
    id: UUID
    created_at: datetime
    text: str
    kind: str
    job: JobView | None
    summary: NoteSummary | None
    created_by: str = ""
    template: str = STANDARD


@dataclass(frozen=True)
class NoteRow:
    id: UUID
    created_at: datetime
    created_by: str
    kind: str
    opening: str
    status: str
    """Of the summary; empty while there is none."""
    job_state: str


@dataclass(frozen=True)
class NotePage:
    items: tuple[NoteRow, ...]
    next_cursor: str | None


def list_notes(*, actor: Actor, limit: int = 25, cursor: str | None = None) -> NotePage:
    """The newest notes of the clinic; `next_cursor` continues where the page ended."""
    require(actor, Permission.NOTE_READ)
    limit = max(1, min(limit, MOST_ROWS))
    latest = SummaryRecord.objects.filter(note=OuterRef("pk")).order_by("-created_at")
    rows = Note.objects.annotate(last_status=Subquery(latest.values("status")[:1]))
    if cursor:
        at, note_id = cursors.read(cursor)
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=note_id))
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    page = found[:limit]
    states = job_views(note.job_id for note in page)
    with transaction.atomic():
        record(actor=actor, action="note.list", object_type="note", object_id="*", detail={"count": len(page)})
    items = tuple(
        NoteRow(
            id=note.id, created_at=note.created_at, created_by=note.created_by, kind=note.kind,
            opening=" ".join(note.text[:300].split())[:OPENING], status=note.last_status or "",
            job_state=states[note.job_id].state if note.job_id in states else "",
        )
        for note in page
    )  # fmt: skip
    return NotePage(items, cursors.make(page[-1].created_at, page[-1].id) if len(found) > limit else None)


@dataclass(frozen=True)
class HandOutView:
    text: str
    grade: float
    created_at: datetime
    created_by: str


def handout_of(note_id: UUID) -> HandOutView | None:
    """What the patient has been given, if it was not withdrawn; for who has just read the note."""
    row = HandOut.objects.filter(note_id=note_id, withdrawn_at__isnull=True).first()
    return HandOutView(row.text, row.grade, row.created_at, row.created_by) if row else None


def templates() -> tuple[Template, ...]:
    """Those that come with the product, then the clinic's own by title."""
    own = (_template(row) for row in NoteTemplate.objects.order_by("title", "name"))
    return (*BUILT_IN.values(), *own)


def template_named(name: str) -> Template | None:
    if name in BUILT_IN:
        return BUILT_IN[name]
    row = NoteTemplate.objects.filter(name=name).first()
    return _template(row) if row else None


def _template(row: NoteTemplate) -> Template:
    return Template.model_validate({"name": row.name, "title": row.title, "parts": row.parts, "own": True})


def progress_ticket(*, actor: Actor, job_id: UUID) -> str:
    """Address of the job's live events for a page; empty when no events process is configured."""
    return events_address(actor=actor, job_id=job_id)


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
        NoteSummary.model_validate(row.payload) if row else None, note.created_by, note.template,
    )  # fmt: skip


def note_job(*, actor: Actor, note_id: UUID) -> JobView | None:
    """How far a note is, without its text; raises `NotFound`."""
    require(actor, Permission.NOTE_READ)
    job_id = Note.objects.filter(pk=note_id).values_list("job_id", flat=True).first()
    if job_id is None:
        raise NotFound
    return job_views([job_id]).get(job_id)


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
    return NoteContent(
        id=note.id, text=note.text, kind=note.kind, locale=note.locale, template=note.template,  # type: ignore[arg-type]
        layout=(template_named(note.template) or BUILT_IN[STANDARD]).parts,
    )  # fmt: skip
