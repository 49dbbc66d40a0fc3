"""Writes of this room: a document with its job, what was read out of it, a search. The audit row is inside each."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.documents.jobs import DELETE, INGEST, SEARCH
from apps.documents.models import Document, DocumentFile, SearchRecord
from apps.documents.schemas import (
    PENDING,
    READABLE,
    RETRYABLE,
    About,
    DocumentKind,
    Extracted,
    PageProblem,
    Reason,
    SearchInput,
    SearchResult,
    Upload,
)
from apps.documents.selectors import case_exists, effective
from apps.rag import services as rag
from medassist.accounts.access import Actor, Permission, require, system_actor
from medassist.accounts.confidential import require_open
from medassist.audit.services import record
from medassist.common.database import again_on_deadlock, hand_back_connection
from medassist.common.errors import InvalidInput, NotFound, StateConflict, TooLarge
from medassist.jobs import services as jobs
from medassist.jobs.runner import Run
from medassist.jobs.schemas import Lane

MOST_FILES = 50
LONGEST_TITLE = 300
TOLD_EVERY_S = 2.0
RECOGNISED = "recognised"


@dataclass(frozen=True)
class Accepted:
    """`created` is False for content that is there already: then this is the document that holds it."""

    document_id: UUID
    job_id: UUID | None
    created: bool


@dataclass(frozen=True)
class Asked:
    search_id: UUID
    job_id: UUID


def right_for(kind: str) -> Permission:
    """Documents of a case are care; a protocol speaks for the clinic."""
    return Permission.PROTOCOL_MANAGE if kind == "protocol" else Permission.DOCUMENT_INGEST


def ingest(
    *,
    actor: Actor,
    uploads: Sequence[Upload],
    kind: DocumentKind,
    case_id: UUID | None = None,
    about: About = About(),  # noqa: B008
    idempotency_key: str | None = None,
    lane: Lane = "interactive",
) -> tuple[Accepted, ...]:
    """Stores files and queues their reading, each with a job of its own; nothing is opened here.

    Raises `InvalidInput` naming the file, `TooLarge`, `IdempotencyConflict`, `TooManyRequests`, `Unavailable`; then
    none of the files is stored.
    """
    require(actor, right_for(kind))
    _check(uploads, kind, case_id, about)
    require_open(actor, case_id)
    return tuple(_store_all(actor, uploads, kind, case_id, about, idempotency_key, lane))


def _check(uploads: Sequence[Upload], kind: DocumentKind, case_id: UUID | None, about: About) -> None:
    if not uploads:
        raise InvalidInput(fields={"files": "at least one file is needed"})
    if len(uploads) > MOST_FILES:
        raise InvalidInput(fields={"files": f"at most {MOST_FILES} files at once"})
    if kind == "protocol" and case_id is not None:
        raise InvalidInput(fields={"case": "a protocol belongs to no case"})
    if kind == "case_document" and about.supersedes is not None:
        raise InvalidInput(fields={"about.supersedes": "only a protocol replaces another"})
    if case_id is not None and not case_exists(case_id):
        raise InvalidInput(fields={"case": "no such case in this clinic"})
    if about.supersedes is not None and not _is_protocol(about.supersedes):
        raise InvalidInput(fields={"about.supersedes": "no such protocol in this clinic"})
    for number, upload in enumerate(uploads):
        if not upload.data:
            raise InvalidInput(fields={f"files.{number}": "the file is empty"})
        if len(upload.data) > settings.MAX_DOCUMENT_BYTES:
            most = f"A document may have at most {settings.MAX_DOCUMENT_BYTES} bytes"
            raise TooLarge(most, fields={f"files.{number}": "too large"})


def _is_protocol(document_id: UUID) -> bool:
    return Document.objects.filter(pk=document_id, kind="protocol", state__in=READABLE).exists()


@again_on_deadlock
@transaction.atomic
def _store_all(
    actor: Actor, uploads: Sequence[Upload], kind: DocumentKind, case_id: UUID | None, about: About,
    key: str | None, lane: Lane,
) -> list[Accepted]:  # fmt: skip
    accepted = []
    for number, upload in enumerate(uploads):
        own_key = f"{key}:{number}"[-200:] if key else None
        accepted.append(_store(actor, upload, kind, case_id, about, own_key, lane))
    return accepted


def _store(
    actor: Actor, upload: Upload, kind: DocumentKind, case_id: UUID | None, about: About, key: str | None, lane: Lane
) -> Accepted:
    digest = hashlib.sha256(upload.data).hexdigest()
    body = f"{digest}\n{kind}\n{case_id}\n{about.model_dump_json()}"
    request_hash = hashlib.sha256(body.encode()).hexdigest()
    if found := jobs.earlier(idempotency_key=key, request_hash=request_hash):
        return Accepted(UUID(found.references["document"]), found.job_id, created=False)
    same = _same(digest, kind, case_id, actor)
    if same is not None:
        if effective(same).state in RETRYABLE:
            return Accepted(same.id, _again(actor, same, lane), created=False)
        return Accepted(same.id, same.latest_job_id, created=False)
    document_id = uuid4()
    submitted = jobs.submit(
        kind=INGEST, actor=actor, lane=lane, references={"document": str(document_id)}, idempotency_key=key,
        request_hash=request_hash,
    )  # fmt: skip
    if not submitted.created:
        return Accepted(UUID(submitted.references["document"]), submitted.job_id, created=False)
    document = Document.objects.create(
        id=document_id, created_by=actor.label or actor.id, kind=kind, case_id=case_id,
        title=(upload.title.strip() or upload.name.strip() or "Untitled")[:LONGEST_TITLE],
        filename=upload.name[:LONGEST_TITLE], about=about.model_dump(mode="json"), size=len(upload.data), sha256=digest,
        latest_job_id=submitted.job_id,
    )  # fmt: skip
    DocumentFile.objects.create(document=document, data=upload.data)
    record(
        actor=actor, action="document.ingest", object_type="document", object_id=str(document_id),
        detail={"job": str(submitted.job_id), "kind": kind, "size": len(upload.data)},
    )  # fmt: skip
    return Accepted(document_id, submitted.job_id, created=True)


def _same(digest: str, kind: str, case_id: UUID | None, actor: Actor) -> Document | None:
    """The same content in the same place. What no case has taken yet is its sender's alone."""
    rows = Document.objects.filter(sha256=digest, kind=kind).exclude(state__in=("deleting", "deleted"))
    rows = rows.filter(case_id=case_id) if case_id else rows.filter(case_id__isnull=True)
    if kind == "case_document" and case_id is None:
        rows = rows.filter(created_by=actor.label or actor.id)
    return rows.defer("body").order_by("-created_at").first()


def resume(*, actor: Actor, document_id: UUID) -> UUID:
    """Begins again what was cancelled or failed, without reading twice what was read; returns the new job.

    Raises `NotFound`, and `StateConflict` for a document that is being worked on or is ready.
    """
    with transaction.atomic():
        document = _locked(document_id)
        require(actor, right_for(document.kind))
        require_open(actor, document.case_id)
        if effective(document).state not in RETRYABLE:
            raise StateConflict("Only a document that failed or was cancelled can be begun again")
        return _again(actor, document, "interactive")


def _again(actor: Actor, document: Document, lane: Lane) -> UUID:
    submitted = jobs.submit(kind=INGEST, actor=actor, lane=lane, references={"document": str(document.id)})
    Document.objects.filter(pk=document.id).update(
        state="queued", reason="", latest_job_id=submitted.job_id, ended_at=None
    )
    record(
        actor=actor, action="document.resume", object_type="document", object_id=str(document.id),
        detail={"job": str(submitted.job_id)},
    )  # fmt: skip
    return submitted.job_id


def cancel(*, actor: Actor, document_id: UUID) -> str:
    """Stops the work on a document; returns the job's state. What was read so far is kept for `resume`."""
    document = _found(document_id)
    require(actor, right_for(document.kind))
    require_open(actor, document.case_id)
    if document.latest_job_id is None or not effective(document).pending:
        raise StateConflict("This document is not being worked on")
    state = jobs.cancel(actor=actor, job_id=document.latest_job_id, needs=right_for(document.kind))
    if state == "cancelled":
        Document.objects.filter(pk=document_id, state__in=PENDING).update(
            state="cancelled", reason="cancelled", ended_at=timezone.now()
        )
    return state


@again_on_deadlock
@transaction.atomic
def delete(*, actor: Actor, document_id: UUID) -> UUID:
    """From now on nobody finds or opens the document; a job deletes points, passages, text and file, and proves it.

    Returns the job. Raises `StateConflict` while it is being worked on.
    """
    document = _locked(document_id)
    require(actor, right_for(document.kind))
    require_open(actor, document.case_id)
    if document.state == "deleting":
        raise StateConflict("This document is being deleted")
    if effective(document).pending:
        raise StateConflict("This document is being worked on: cancel that first")
    submitted = jobs.submit(kind=DELETE, actor=actor, lane="interactive", references={"document": str(document_id)})
    rag.hide(text_id=document_id)
    Document.objects.filter(pk=document_id).update(state="deleting", latest_job_id=submitted.job_id)
    record(
        actor=actor, action="document.delete", object_type="document", object_id=str(document_id),
        detail={"job": str(submitted.job_id)},
    )  # fmt: skip
    return submitted.job_id


def attach_to_case(*, actor: Actor, document_ids: Sequence[UUID], case_id: UUID) -> None:
    """Gives documents that no case has taken yet to a case, in the caller's transaction.

    Raises `InvalidInput` naming `documents.<number>`.
    """
    require(actor, Permission.DOCUMENT_INGEST)
    for number, document_id in enumerate(document_ids):
        row = Document.objects.select_for_update(no_key=True).defer("body").filter(pk=document_id).first()
        place = f"documents.{number}"
        if row is None or row.kind != "case_document" or row.state in ("deleting", "deleted"):
            raise InvalidInput("No such document in this clinic.", fields={place: "unknown document"})
        if row.case_id not in (None, case_id):
            raise InvalidInput("A document belongs to one case.", fields={place: "belongs to another case"})
        if row.case_id == case_id:
            continue
        Document.objects.filter(pk=row.id).update(case_id=case_id)
        rag.assign_case(text_id=row.id, case_id=case_id)
        if row.state in READABLE:
            # Its points carry the case: the work is done once more, from what was read and embedded.
            _again(actor, row, "interactive")


def _found(document_id: UUID) -> Document:
    document = Document.objects.defer("body").filter(pk=document_id).exclude(state="deleted").first()
    if document is None:
        raise NotFound
    return document


def _locked(document_id: UUID) -> Document:
    rows = Document.objects.select_for_update(no_key=True).defer("body")
    document = rows.filter(pk=document_id).exclude(state="deleted").first()
    if document is None:
        raise NotFound
    return document


# --- what the worker writes ------------------------------------------------------------------------------------------


def tell_state(*, document_id: UUID, state: str, **more: Any) -> None:
    """How far the work is, for who looks at the document; the ledger stays the truth."""
    Document.objects.filter(pk=document_id).exclude(state="deleted").update(state=state, **more)


class PagesTold:
    """Writes the pages that were read now and then, so that the page of the document tells it without events."""

    def __init__(self, document_id: UUID) -> None:
        self._document_id, self._at = document_id, 0.0

    def __call__(self, page: int, pages: int | None) -> None:
        if time.monotonic() - self._at >= TOLD_EVERY_S:
            self._at = time.monotonic()
            tell_state(document_id=self._document_id, state="reading", pages=pages, pages_read=page)
            hand_back_connection()


def keep_body(*, document_id: UUID, extracted: Extracted) -> None:
    """Stores what was read, so that it is not read again."""
    assert extracted.body is not None
    tell_state(
        document_id=document_id, state="indexing", media_type=extracted.media_type[:100], pages=extracted.pages,
        pages_read=extracted.pages or 0, body=asdict(extracted.body),
        page_problems=[[item.page, item.code] for item in (*extracted.page_problems, *_recognised(extracted))],
    )  # fmt: skip


def _recognised(extracted: Extracted) -> list[PageProblem]:
    """Pages whose words came from a picture."""
    told = (extracted.metadata or {}).get("ocr_pages", "")
    return [PageProblem(int(page), RECOGNISED) for page in re.findall(r"[0-9]+", told)]


def store_refusal(*, run: Run, document_id: UUID, extracted: Extracted) -> None:
    """Ends the job of a file that cannot be read: trying again would change nothing."""

    def store() -> None:
        reason: Reason = extracted.reason or "unreadable"
        tell_state(
            document_id=document_id, state="failed", reason=reason, media_type=extracted.media_type[:100],
            pages=extracted.pages, ended_at=timezone.now(),
            page_problems=[[item.page, item.code] for item in extracted.page_problems],
        )  # fmt: skip
        _record_end(run, document_id, {"state": "failed", "reason": reason})

    run.complete(store)


def store_ready(*, run: Run, document_id: UUID, passages: int, supersedes: UUID | None) -> None:
    """Makes the text searchable and ends the job, in one fenced transaction."""

    def store() -> None:
        document = _locked(document_id)
        rag.publish(text_id=document_id, supersedes=supersedes)
        unread = [code for _, code in document.page_problems if code != RECOGNISED]
        state = "partly" if unread else "ready"
        tell_state(document_id=document_id, state=state, reason="", passages=passages, ended_at=timezone.now())
        _record_end(run, document_id, {"state": state, "passages": passages})

    run.complete(store)


def store_deleted(*, run: Run, document_id: UUID, passages: int, points_left: int) -> None:
    """Nothing is left but the row that says that there was a document, and when it went."""

    def store() -> None:
        Document.objects.filter(pk=document_id).update(
            state="deleted", title="", filename="", about={}, body=None, page_problems=[], ended_at=timezone.now()
        )
        DocumentFile.objects.filter(pk=document_id).delete()
        record(
            actor=system_actor(run.job.clinic, "worker-ingest"), action="document.deleted", object_type="document",
            object_id=str(document_id),
            detail={"job": str(run.job.id), "passages": passages, "points_left": points_left},
        )  # fmt: skip

    run.complete(store)


def _record_end(run: Run, document_id: UUID, detail: dict[str, str | int | bool | None]) -> None:
    record(
        actor=system_actor(run.job.clinic, "worker-ingest"), action="document.ingested", object_type="document",
        object_id=str(document_id), detail={"job": str(run.job.id), **detail},
    )  # fmt: skip


# --- searching -------------------------------------------------------------------------------------------------------


@again_on_deadlock
@transaction.atomic
def request_search(*, actor: Actor, search: SearchInput) -> Asked:
    """Queues a search. With a case the actor must be allowed to read cases."""
    require(actor, Permission.DOCUMENT_SEARCH)
    if search.case is not None:
        require(actor, Permission.CASE_READ)
        if not case_exists(search.case):
            raise InvalidInput(fields={"case": "no such case in this clinic"})
        require_open(actor, search.case)
    search_id = uuid4()
    submitted = jobs.submit(kind=SEARCH, actor=actor, lane="interactive", references={"search": str(search_id)})
    SearchRecord.objects.create(
        id=search_id, created_by=actor.label or actor.id, job_id=submitted.job_id, asked=search.model_dump(mode="json")
    )
    record(
        actor=actor, action="document.search", object_type="search", object_id=str(search_id),
        detail={"job": str(submitted.job_id), "case": str(search.case) if search.case else None},
    )  # fmt: skip
    return Asked(search_id, submitted.job_id)


def store_search(*, run: Run, search_id: UUID, result: SearchResult) -> None:
    def store() -> None:
        SearchRecord.objects.filter(pk=search_id).update(found=result.model_dump(mode="json"))

    run.complete(store)


def forget_old_searches() -> int:
    """Housekeeping of one clinic: searches older than SEARCH_KEEP_DAYS go."""
    before = timezone.now() - timedelta(days=settings.SEARCH_KEEP_DAYS)
    count, _ = SearchRecord.objects.filter(created_at__lt=before).delete()
    return count
