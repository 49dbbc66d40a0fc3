"""`/api/v1/documents`: ingest, list, read, resume, cancel, delete."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.documents import selectors, services
from apps.documents.api.shapes import (
    CancelAnswer,
    DeleteAnswer,
    DocumentList,
    DocumentShape,
    IngestAnswer,
    ResumeAnswer,
    TextBody,
    UploadBody,
)
from apps.documents.schemas import EXPLANATIONS, About, DocumentKind, DocumentView, TextInput, Upload
from medassist.accounts.access import Permission, actor_of
from medassist.clinical.parsing import parse_as, parse_json
from medassist.common.errors import InvalidInput, TooLarge
from medassist.jobs.api import idempotency_key, idempotency_parameter

KINDS: dict[str, DocumentKind] = {"case_document": "case_document", "protocol": "protocol"}


class DocumentsIngest(APIView):
    required_permission = (Permission.DOCUMENT_INGEST, Permission.PROTOCOL_MANAGE)
    parser_classes = (MultiPartParser, *APIView.parser_classes)

    @extend_schema(
        operation_id="documents_ingest",
        request={"multipart/form-data": UploadBody, "application/json": TextBody},
        responses={202: IngestAnswer},
        parameters=[
            idempotency_parameter("documents")
        ],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Takes files, or one text. Answers 202 as soon as they are stored; each is read by a job of its own."""
        actor = actor_of(request)
        key = idempotency_key(request, 190)
        sent = _files(request) if request.content_type.startswith("multipart/") else _text(request)
        accepted = services.ingest(actor=actor, idempotency_key=key, **sent)
        views = [selectors.document_view(actor=actor, document_id=item.document_id) for item in accepted]
        return Response({"documents": [document(view) for view in views]}, status=202)


def _files(request: Request) -> dict[str, Any]:
    known = {"file", "files", "kind", "case", "about", "title"}
    given: Any = request.data
    if unknown := sorted(set(given) - known):
        raise InvalidInput(fields=dict.fromkeys(unknown, "unknown field"))
    # One file is most often sent under the singular.
    files = [*request.FILES.getlist("file"), *request.FILES.getlist("files")]
    for number, file in enumerate(files):
        if (file.size or 0) > settings.MAX_DOCUMENT_BYTES:
            most = f"A document may have at most {settings.MAX_DOCUMENT_BYTES} bytes"
            raise TooLarge(most, fields={f"files.{number}": "too large"})
    kind = str(given.get("kind", "case_document"))
    if kind not in KINDS:
        raise InvalidInput(fields={"kind": "case_document or protocol"})
    title = str(given.get("title", ""))
    return {
        "uploads": [Upload(name=str(file.name or ""), data=file.read(), title=title if len(files) == 1 else "") for file in files],
        "kind": KINDS[kind],
        "case_id": _uuid("case", given.get("case")),
        "about": _about(given.get("about")),
    }  # fmt: skip


def _text(request: Request) -> dict[str, Any]:
    sent = parse_as(TextInput, request.data, called="document")
    upload = Upload(name=f"{sent.title}.md", data=sent.text.encode(), title=sent.title)
    return {"uploads": [upload], "kind": sent.kind, "case_id": sent.case, "about": sent.about}


def _about(given: Any) -> About:
    if not given:
        return About()
    try:
        return parse_as(About, parse_json(str(given)), called="about")
    except InvalidInput as error:
        raise InvalidInput(fields={f"about.{name}".rstrip("."): text for name, text in error.fields.items()}) from None


def _uuid(name: str, given: Any) -> UUID | None:
    try:
        return UUID(str(given)) if given else None
    except ValueError:
        raise InvalidInput(fields={name: "must be a UUID"}) from None


class DocumentsList(APIView):
    required_permission = (Permission.DOCUMENT_READ, Permission.PROTOCOL_MANAGE)

    @extend_schema(
        operation_id="documents_list",
        responses=DocumentList,
        parameters=[
            OpenApiParameter("limit", OpenApiTypes.INT),
            OpenApiParameter("cursor", OpenApiTypes.STR),
            OpenApiParameter("kind", OpenApiTypes.STR, enum=list(KINDS)),
            OpenApiParameter("state", OpenApiTypes.STR),
            OpenApiParameter("case", OpenApiTypes.UUID),
        ],
    )
    def get(self, request: Request) -> Response:
        """The clinic's documents, newest first."""
        given = request.query_params
        limit = given.get("limit", "25")
        if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= selectors.MOST_ROWS:
            raise InvalidInput(fields={"limit": f"a number from 1 to {selectors.MOST_ROWS}"})
        found = selectors.list_documents(
            actor=actor_of(request), limit=int(limit), cursor=given.get("cursor"), kind=given.get("kind", ""),
            state=given.get("state", ""), case_id=_uuid("case", given.get("case")),
        )  # fmt: skip
        return Response({"items": [document(item) for item in found.items], "next_cursor": found.next_cursor})


class DocumentsItem(APIView):
    required_permission = (Permission.DOCUMENT_READ, Permission.PROTOCOL_MANAGE)

    @extend_schema(operation_id="documents_read", responses=DocumentShape)
    def get(self, request: Request, document_id: UUID) -> Response:
        """A document and how far it got."""
        return Response(document(selectors.document_view(actor=actor_of(request), document_id=document_id)))

    @extend_schema(operation_id="documents_delete", responses={202: DeleteAnswer})
    def delete(self, request: Request, document_id: UUID) -> Response:
        """From now on nobody finds or opens it; the job deletes file, text, passages and index points, and is done
        when nothing of them is left."""
        job_id = services.delete(actor=actor_of(request), document_id=document_id)
        return Response({"job": str(job_id), "links": {"job": f"/api/v1/jobs/{job_id}"}}, status=202)


class DocumentsResume(APIView):
    required_permission = (Permission.DOCUMENT_INGEST, Permission.PROTOCOL_MANAGE)

    @extend_schema(operation_id="documents_resume", request=None, responses={202: ResumeAnswer})
    def post(self, request: Request, document_id: UUID) -> Response:
        """Begins again what failed or was cancelled; what was read is not read again."""
        actor = actor_of(request)
        services.resume(actor=actor, document_id=document_id)
        view = selectors.document_view(actor=actor, document_id=document_id)
        return Response({"document": document(view)}, status=202)


class DocumentsCancel(APIView):
    required_permission = (Permission.DOCUMENT_INGEST, Permission.PROTOCOL_MANAGE)

    @extend_schema(operation_id="documents_cancel", request=None, responses={200: CancelAnswer})
    def post(self, request: Request, document_id: UUID) -> Response:
        """Stops the work on a document; nothing of it is searchable."""
        return Response({"state": services.cancel(actor=actor_of(request), document_id=document_id)})


def document(view: DocumentView) -> dict[str, Any]:
    """A document as the API shows it."""
    here = f"/api/v1/documents/{view.id}"
    links = {"self": here, "page": f"/documents/{view.id}/"}
    if view.job_id:
        links["job"] = f"/api/v1/jobs/{view.job_id}"
    return {
        "id": str(view.id), "created_at": view.created_at, "created_by": view.created_by, "kind": view.kind,
        "case": str(view.case_id) if view.case_id else None, "title": view.title, "filename": view.filename,
        "media_type": view.media_type, "size": view.size, "state": view.state, "reason": view.reason,
        "explanation": view.explanation, "pages": view.pages, "pages_read": view.pages_read,
        "page_problems": [
            {"page": item.page, "code": item.code, "explanation": EXPLANATIONS.get(item.code, "")}
            for item in view.page_problems
        ],
        "passages": view.passages, "about": view.about.model_dump(mode="json"),
        "job": str(view.job_id) if view.job_id else None, "links": links,
    }  # fmt: skip
