"""`POST /api/v1/chat` and what follows from it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.chat import selectors, services
from apps.chat.api.documents import AskedDocument, ChatBody, ConversationDocument
from apps.chat.schemas import ChatInput, ConversationView
from medassist.accounts.access import Permission, actor_of
from medassist.clinical.parsing import parse_as
from medassist.common.errors import NotFound, Unavailable
from medassist.jobs.api import idempotency_key, idempotency_parameter, job_document
from medassist.jobs.selectors import job_views


class ChatAsk(APIView):
    required_permission = Permission.CHAT_ASK

    @extend_schema(
        operation_id="chat_ask",
        request=ChatBody,
        responses={202: AskedDocument},
        parameters=[idempotency_parameter("turn")],
    )
    def post(self, request: Request) -> Response:
        """A question about a case; the answer comes with the job, claim by claim checked, or from `links.conversation`."""
        actor = actor_of(request)
        key = idempotency_key(request)
        asked = services.ask(
            actor=actor, given=parse_as(ChatInput, request.data, called="question"), idempotency_key=key
        )
        job = job_views([asked.job_id])[asked.job_id]
        address = f"/api/v1/chat/{asked.conversation_id}"
        links = {"conversation": address, "events": f"{address}/events", "job": f"/api/v1/jobs/{job.id}"}
        body = {
            "conversation": str(asked.conversation_id),
            "turn": str(asked.turn_id),
            "job": job_document(job),
            "links": links,
        }
        return Response(body, status=202, headers={"Location": links["job"]})


class ChatItem(APIView):
    required_permission = Permission.CHAT_READ

    @extend_schema(operation_id="chat_read", responses=ConversationDocument)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """A conversation, first question to last, each with its answer once there is one."""
        found = selectors.conversation(actor=actor_of(request), conversation_id=conversation_id)
        return Response(_document(found))


def _document(found: ConversationView) -> dict[str, object]:
    return {
        "id": str(found.id), "case": str(found.case_id), "begun_at": found.begun_at, "begun_by": found.begun_by,
        "turns": [
            {
                "id": str(one.id), "number": one.number, "asked_at": one.asked_at, "asked_by": one.asked_by,
                "question": one.question, "answer": one.answer.model_dump(mode="json") if one.answer else None,
                "job": job_document(one.job) if one.job else None,
            }
            for one in found.turns
        ],
    }  # fmt: skip


class ChatEvents(APIView):
    required_permission = Permission.CHAT_READ

    @extend_schema(
        operation_id="chat_events",
        responses={
            307: OpenApiResponse(description="The address of the event stream (text/event-stream), with a ticket.")
        },
    )
    def get(self, request: Request, conversation_id: UUID) -> HttpResponse:
        """Leads to the live events of the last question; `section` events hold checked claims only."""
        actor = actor_of(request)
        job = selectors.latest_job(actor=actor, conversation_id=conversation_id)
        if job is None:
            raise NotFound
        address = selectors.events_of(actor=actor, job_id=job.id)
        if not address:
            raise Unavailable("No events process is configured")
        response = HttpResponseRedirect(address)
        response.status_code = 307
        return response


class ChatCancel(APIView):
    required_permission = Permission.CHAT_ASK

    @extend_schema(operation_id="chat_cancel", request=None, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Stops the answer that is being written."""
        return Response({"state": services.stop(actor=actor_of(request), conversation_id=conversation_id)})


class ChatExport(APIView):
    required_permission = Permission.CHAT_READ

    @extend_schema(operation_id="chat_export", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """The whole conversation as one document, to be kept elsewhere."""
        found = selectors.export(actor=actor_of(request), conversation_id=conversation_id)
        name = f"conversation-{conversation_id}.json"
        return Response(found, headers={"Content-Disposition": f'attachment; filename="{name}"'})
