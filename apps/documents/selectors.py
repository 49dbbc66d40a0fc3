"""Reads of this room. Whatever shows what a document says writes its audit row first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from apps.documents.models import Document, DocumentFile, SearchRecord
from apps.documents.schemas import (
    PENDING,
    RETRYABLE,
    About,
    DocumentBrief,
    DocumentPage,
    DocumentText,
    DocumentView,
    Ingest,
    PageProblem,
    SearchInput,
    SearchResult,
)
from apps.rag import selectors as rag
from apps.rag.schemas import Block, Body, Scope
from medassist.accounts.access import Actor, Permission, is_allowed, require
from medassist.accounts.confidential import closed_among, require_open
from medassist.audit.services import record
from medassist.common import cursors
from medassist.common.errors import NotFound
from medassist.jobs.schemas import JobView
from medassist.jobs.selectors import events_of_own, job_views

MOST_ROWS = 100


@dataclass(frozen=True)
class SearchView:
    id: UUID
    created_at: datetime
    asked: SearchInput
    found: SearchResult | None
    job: JobView | None


def case_exists(case_id: UUID) -> bool:
    """Whether this clinic has the case; the cases' room stands above this one, the foreign key leads there."""
    cases: Any = Document._meta.get_field("case").related_model
    return bool(cases.objects.filter(pk=case_id).exists())


def effective(document: Document, job: JobView | None = None) -> DocumentView:
    """The document as it is: work that ended without it being told (cancelled in the queue, a dead letter) shows."""
    state, reason = document.state, document.reason
    if state in PENDING and document.latest_job_id:
        job = job or job_views([document.latest_job_id]).get(document.latest_job_id)
        if job is not None and job.state == "cancelled":
            state, reason = "cancelled", "cancelled"
        elif job is not None and job.state == "dead":
            state, reason = "failed", "index_unavailable" if job.reason == "retrieval_unavailable" else job.reason
    return DocumentView(
        id=document.id, created_at=document.created_at, created_by=document.created_by, kind=document.kind,  # type: ignore[arg-type]
        case_id=document.case_id, title=document.title, filename=document.filename, media_type=document.media_type,
        size=document.size, state=state, reason=reason, pages=document.pages, pages_read=document.pages_read,  # type: ignore[arg-type]
        page_problems=tuple(PageProblem(page, code) for page, code in document.page_problems),
        passages=document.passages, about=About.model_validate(document.about or {}), job_id=document.latest_job_id,
        ended_at=document.ended_at, retry=state in RETRYABLE,
    )  # fmt: skip


def list_documents(
    *, actor: Actor, limit: int = 25, cursor: str | None = None, kind: str = "", state: str = "", case_id: UUID | None = None
) -> DocumentPage:  # fmt: skip
    """The clinic's documents, newest first. Who manages protocols only sees protocols only."""
    _may_see(actor)
    limit = max(1, min(limit, MOST_ROWS))
    rows = Document.objects.defer("body").exclude(state="deleted")
    if not is_allowed(actor, Permission.DOCUMENT_READ):
        rows = rows.filter(kind="protocol")
    if kind:
        rows = rows.filter(kind=kind)
    if state:
        rows = rows.filter(state=state)
    if case_id is not None:
        require_open(actor, case_id)
        rows = rows.filter(case_id=case_id)
    if cursor:
        at, document_id = cursors.read(cursor)
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=document_id))
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    page = found[:limit]
    states = job_views(row.latest_job_id for row in page if row.latest_job_id and row.state in PENDING)
    with transaction.atomic():
        record(actor=actor, action="document.list", object_type="document", object_id="*", detail={"count": len(page)})
    closed = closed_among(actor, (row.case_id for row in page))
    items = tuple(
        effective(row, states.get(row.latest_job_id) if row.latest_job_id else None)
        for row in page
        if row.case_id not in closed
    )
    return DocumentPage(items, cursors.make(page[-1].created_at, page[-1].id) if len(found) > limit else None)


def _may_see(actor: Actor) -> None:
    if not is_allowed(actor, Permission.PROTOCOL_MANAGE):
        require(actor, Permission.DOCUMENT_READ)


def document_view(*, actor: Actor, document_id: UUID) -> DocumentView:
    """One document and how far it got; raises `NotFound`."""
    return effective(_visible(actor, document_id))


def document_text(*, actor: Actor, document_id: UUID, passage_id: str = "") -> DocumentText:
    """What was read, opened at a passage; audited. Raises `NotFound` for a document that was not read."""
    document = _visible(actor, document_id)
    if document.body is None or document.state == "deleting":
        raise NotFound
    mark = None
    if passage_id:
        scope = Scope(clinic=actor.clinic, case_id=document.case_id)
        passage = rag.passage(scope=scope, passage_id=passage_id).passage
        if passage.guideline_id != str(document_id):
            raise NotFound
        mark = (passage.start, passage.end)
    with transaction.atomic():
        record(actor=actor, action="document.read", object_type="document", object_id=str(document_id))
    return DocumentText(effective(document), body_of(document.body), mark)


def _visible(actor: Actor, document_id: UUID) -> Document:
    _may_see(actor)
    document = Document.objects.filter(pk=document_id).exclude(state="deleted").first()
    if document is None or (document.kind != "protocol" and not is_allowed(actor, Permission.DOCUMENT_READ)):
        raise NotFound
    require_open(actor, document.case_id)
    return document


def body_of(stored: Any) -> Body:
    return Body(
        text=stored["text"], blocks=tuple(Block(**block) for block in stored["blocks"]), language=stored["language"]
    )


def file_of(*, actor: Actor, document_id: UUID) -> tuple[str, bytes]:
    """The file as it was sent: name and bytes; audited."""
    document = _visible(actor, document_id)
    with transaction.atomic():
        record(actor=actor, action="document.download", object_type="document", object_id=str(document_id))
    return document.filename or document.title, bytes(DocumentFile.objects.get(pk=document_id).data)


def for_case(case_id: UUID) -> tuple[DocumentBrief, ...]:
    """The documents of a case, oldest first; for who may read the case already."""
    rows = list(
        Document.objects.defer("body").filter(case_id=case_id).exclude(state="deleted").order_by("created_at", "id")
    )
    states = job_views(row.latest_job_id for row in rows if row.latest_job_id and row.state in PENDING)
    found = []
    for row in rows:
        view = effective(row, states.get(row.latest_job_id) if row.latest_job_id else None)
        found.append(DocumentBrief(view.id, view.title, view.state, view.reason, view.created_at))
    return tuple(found)


def content_for_pipeline(document_id: UUID) -> Ingest:
    """For the run that ingests it; raises `NotFound`."""
    row = Document.objects.filter(pk=document_id).exclude(state="deleted").first()
    if row is None:
        raise NotFound
    view = effective(row)
    return Ingest(
        id=row.id, kind=view.kind, case_id=row.case_id, title=row.title, filename=row.filename, about=view.about,
        body=body_of(row.body) if row.body else None, state=view.state, page_problems=view.page_problems,
    )  # fmt: skip


def file_for_pipeline(document_id: UUID) -> bytes:
    return bytes(DocumentFile.objects.get(pk=document_id).data)


def search_for_pipeline(search_id: UUID) -> SearchInput:
    row = SearchRecord.objects.filter(pk=search_id).first()
    if row is None:
        raise NotFound
    return SearchInput.model_validate(row.asked)


def search_view(*, actor: Actor, search_id: UUID) -> SearchView:
    """A search and what it found, for who asked it; audited."""
    require(actor, Permission.DOCUMENT_SEARCH)
    row = SearchRecord.objects.filter(pk=search_id, created_by=actor.label or actor.id).first()
    if row is None:
        raise NotFound
    with transaction.atomic():
        record(actor=actor, action="document.search.read", object_type="search", object_id=str(search_id))
    return SearchView(
        row.id, row.created_at, SearchInput.model_validate(row.asked),
        SearchResult.model_validate(row.found) if row.found is not None else None, job_views([row.job_id]).get(row.job_id),
    )  # fmt: skip


def progress_address(*, actor: Actor, job_id: UUID) -> str:
    """Address of the job's live events for a page; empty when no events process is configured."""
    return events_of_own(actor=actor, job_id=job_id)
