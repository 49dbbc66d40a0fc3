"""`POST /api/v1/documents/search` and `GET /api/v1/documents/searches/{id}`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.documents import selectors, services
from apps.documents.api.shapes import SearchAnswer, SearchBody
from apps.documents.schemas import SearchInput
from medassist.accounts.access import Permission, actor_of
from medassist.clinical.parsing import parse_as
from medassist.jobs.api import job_document
from medassist.jobs.waiting import wait_until_finished

PATIENCE_S = 5.0


class DocumentsSearch(APIView):
    required_permission = Permission.DOCUMENT_SEARCH

    @extend_schema(
        operation_id="documents_search", request=SearchBody, responses={200: SearchAnswer, 202: SearchAnswer}
    )
    def post(self, request: Request) -> Response:
        """Searches guidelines, the clinic's protocols and, with `case`, that case's documents. 200 with the passages,
        or 202 with the job when the search takes longer than a few seconds."""
        actor = actor_of(request)
        search = parse_as(SearchInput, request.data, called="search")
        asked = services.request_search(actor=actor, search=search)
        wait_until_finished(asked.job_id, PATIENCE_S)
        return _answer(selectors.search_view(actor=actor, search_id=asked.search_id))


class SearchesItem(APIView):
    required_permission = Permission.DOCUMENT_SEARCH

    @extend_schema(operation_id="documents_search_read", responses={200: SearchAnswer, 202: SearchAnswer})
    def get(self, request: Request, search_id: UUID) -> Response:
        """A search of one's own and what it found; 202 while it is still running."""
        return _answer(selectors.search_view(actor=actor_of(request), search_id=search_id))


def _answer(view: selectors.SearchView) -> Response:
    body: dict[str, Any] = {
        "search": str(view.id),
        "job": job_document(view.job) if view.job else None,
        "result": view.found.model_dump(mode="json") if view.found else None,
        "links": {"self": f"/api/v1/documents/searches/{view.id}"},
    }
    if view.job:
        body["links"]["job"] = f"/api/v1/jobs/{view.job.id}"
    return Response(body, status=200 if view.found or (view.job and view.job.finished) else 202)
