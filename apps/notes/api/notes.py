"""`POST /api/v1/notes/summarize` and `GET /api/v1/notes/{id}`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.notes import selectors, services
from apps.notes.api.documents import NoteBody, NoteDocument, SummarizeAnswer
from apps.notes.schemas import NoteInput
from medassist.accounts.access import Permission, actor_of, is_allowed
from medassist.clinical.parsing import parse_as
from medassist.jobs.api import idempotency_key, idempotency_parameter, job_document
from medassist.jobs.selectors import events_of_own, job_views


class SummarizeNote(APIView):
    required_permission = Permission.NOTE_SUMMARIZE

    @extend_schema(
        operation_id="notes_summarize",
        request=NoteBody,
        responses={200: SummarizeAnswer, 202: SummarizeAnswer},
        parameters=[idempotency_parameter()],
    )
    def post(self, request: Request) -> Response:
        """A note in, its summary out: 200 for a short one, 202 with the job for a long one or when time runs out.

        With `stream` 202 comes at once, and `links.events` leads to the sections as they are validated."""
        actor = actor_of(request)
        key = idempotency_key(request)
        note = parse_as(NoteInput, request.data, called="note")
        requested = services.request_summary(actor=actor, note=note, idempotency_key=key)
        job = job_views([requested.job_id])[requested.job_id]
        links = {"note": f"/api/v1/notes/{requested.note_id}", "job": f"/api/v1/jobs/{job.id}"}
        if note.stream and not job.finished and (events := events_of_own(actor=actor, job_id=job.id)):
            links["events"] = events
        body: dict[str, Any] = {
            "note": str(requested.note_id), "job": job_document(job), "summary": None, "links": links,
        }  # fmt: skip
        if job.state == "done" and is_allowed(actor, Permission.NOTE_READ):
            summary = selectors.summary_of_own(actor=actor, note_id=requested.note_id, job_id=job.id)
            body["summary"] = summary.model_dump(mode="json") if summary else None
        return Response(body, status=200 if job.finished else 202, headers={"Location": links["job"]})


class NotesItem(APIView):
    required_permission = Permission.NOTE_READ

    @extend_schema(operation_id="notes_read", responses=NoteDocument)
    def get(self, request: Request, note_id: UUID) -> Response:
        """The note as it was sent, and its summary when there is one."""
        detail = selectors.note_detail(actor=actor_of(request), note_id=note_id)
        return Response(
            {
                "id": str(detail.id), "created_at": detail.created_at, "kind": detail.kind, "text": detail.text,
                "job": job_document(detail.job) if detail.job else None,
                "summary": detail.summary.model_dump(mode="json") if detail.summary else None,
            }
        )  # fmt: skip
