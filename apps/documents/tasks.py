"""Binds the work of this room to its kinds of job."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from apps.documents import selectors, services
from apps.documents.jobs import DELETE, INGEST, SEARCH
from apps.documents.pipeline import ingesting, searching
from apps.rag import services as rag
from medassist.common.errors import CallAborted
from medassist.jobs.registry import bind
from medassist.jobs.runner import Run


def run_ingest(run: Run) -> None:
    document_id = UUID(run.job.references["document"])
    try:
        _ingest(run, document_id)
    except CallAborted:
        if not run.lost:
            # Cancelled by a person: another worker that took the job over speaks for the document itself.
            services.tell_state(document_id=document_id, state="cancelled", reason="cancelled", ended_at=timezone.now())
        raise


def _ingest(run: Run, document_id: UUID) -> None:
    document = selectors.content_for_pipeline(document_id)
    body = document.body
    if body is None:
        services.tell_state(document_id=document_id, state="reading")
        extracted = ingesting.read(
            run, selectors.file_for_pipeline(document_id), document.filename, services.PagesTold(document_id)
        )
        if extracted.body is None:
            services.store_refusal(run=run, document_id=document_id, extracted=extracted)
            return
        services.keep_body(document_id=document_id, extracted=extracted)
        body = extracted.body
    else:
        services.tell_state(document_id=document_id, state="indexing")
    staged = ingesting.index(run, document, body)
    services.store_ready(
        run=run, document_id=document_id, passages=staged.passages, supersedes=document.about.supersedes
    )


def run_delete(run: Run) -> None:
    document_id = UUID(run.job.references["document"])
    gone = rag.withdraw(text_id=document_id)
    services.store_deleted(run=run, document_id=document_id, passages=gone.passages, points_left=gone.points_left)


def run_search(run: Run) -> None:
    search_id = UUID(run.job.references["search"])
    result = searching.search(run, selectors.search_for_pipeline(search_id))
    services.store_search(run=run, search_id=search_id, result=result)
    services.forget_old_searches()


bind(DELETE, run_delete)
bind(INGEST, run_ingest)
bind(SEARCH, run_search)
