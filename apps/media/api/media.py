"""`/api/v1/media`: ask for a picture, list, read, fetch, cancel."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.media import selectors, services
from apps.media.rules import catalogue
from apps.media.schemas import LARGEST_SEED, MOST_TITLE, MediaInput, MediaView
from medassist.accounts.access import Permission, actor_of
from medassist.clinical.parsing import parse_as
from medassist.common.errors import InvalidInput
from medassist.jobs.api import JobDocument, idempotency_key, idempotency_parameter, job_document

STATES = ["queued", "running", "ready", "failed", "cancelled"]


class MediaBody(serializers.Serializer[Any]):
    """A picture of the catalogue; there is no free prompt, and no picture can be sent."""

    topic = serializers.ChoiceField(choices=list(catalogue.TOPICS))
    style = serializers.ChoiceField(choices=list(catalogue.STYLES), default="line_drawing")  # type: ignore[assignment]
    shape = serializers.ChoiceField(choices=list(catalogue.SHAPES), default="square")
    seed = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=LARGEST_SEED)
    title = serializers.CharField(
        required=False, max_length=MOST_TITLE, help_text="For people to find it by; never part of a prompt."
    )


class MediaDocument(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    topic = serializers.CharField()
    style = serializers.CharField()  # type: ignore[assignment]
    shape = serializers.ChoiceField(choices=list(catalogue.SHAPES))
    seed = serializers.IntegerField()
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    reason = serializers.CharField()
    explanation = serializers.CharField()
    ai_generated = serializers.BooleanField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    provenance = serializers.DictField(allow_null=True)
    job = JobDocument(allow_null=True)
    links = serializers.DictField(child=serializers.CharField())


class MediaList(serializers.Serializer[Any]):
    items = MediaDocument(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class NamedDocument(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    group = serializers.CharField()


class CatalogueDocument(serializers.Serializer[Any]):
    enabled = serializers.BooleanField()
    version = serializers.CharField()
    topics = NamedDocument(many=True)
    styles = NamedDocument(many=True)
    shapes = serializers.ListField(child=serializers.CharField())
    per_day = serializers.IntegerField()
    left_today = serializers.IntegerField()


class MediaGenerate(APIView):
    required_permission = Permission.MEDIA_GENERATE

    @extend_schema(
        operation_id="media_generate", request=MediaBody, responses={202: MediaDocument},
        parameters=[idempotency_parameter("picture")],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Asks for a picture for teaching; it is drawn by a job of its own and labelled as made by a machine."""
        actor = actor_of(request)
        key = idempotency_key(request)
        asked = services.generate(
            actor=actor, given=parse_as(MediaInput, request.data, called="picture"), idempotency_key=key
        )
        found = selectors.media_view(actor=actor, media_id=asked.media_id)
        return Response(document(found), status=202, headers={"Location": f"/api/v1/media/{asked.media_id}"})


class MediaCatalogue(APIView):
    required_permission = Permission.MEDIA_READ

    @extend_schema(operation_id="media_catalogue", responses=CatalogueDocument)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """What may be drawn, and how many pictures are left today."""
        left = selectors.allowance()
        return Response(
            {
                "enabled": selectors.is_on(), "version": catalogue.VERSION,
                "topics": [_named(one) for one in catalogue.TOPICS.values()],
                "styles": [_named(one) for one in catalogue.STYLES.values()], "shapes": list(catalogue.SHAPES),
                "per_day": left.per_day, "left_today": left.left,
            }
        )  # fmt: skip


def _named(one: catalogue.Subject) -> dict[str, str]:
    return {"name": one.name, "title": one.title, "group": one.group}


class MediaItems(APIView):
    required_permission = Permission.MEDIA_READ

    @extend_schema(
        operation_id="media_list", responses=MediaList,
        parameters=[OpenApiParameter("limit", OpenApiTypes.INT), OpenApiParameter("cursor", OpenApiTypes.STR)],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """The clinic's pictures, newest first."""
        limit = request.query_params.get("limit", "24")
        if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= selectors.MOST_ROWS:
            raise InvalidInput(fields={"limit": f"a number from 1 to {selectors.MOST_ROWS}"})
        found = selectors.list_media(
            actor=actor_of(request), limit=int(limit), cursor=request.query_params.get("cursor")
        )
        return Response({"items": [document(item) for item in found.items], "next_cursor": found.next_cursor})


class MediaItem(APIView):
    required_permission = Permission.MEDIA_READ

    @extend_schema(operation_id="media_read", responses=MediaDocument)
    def get(self, request: Request, media_id: UUID) -> Response:
        """A picture and how far it is."""
        return Response(document(selectors.media_view(actor=actor_of(request), media_id=media_id)))


class MediaFileItem(APIView):
    required_permission = Permission.MEDIA_READ

    @extend_schema(
        operation_id="media_file",
        responses={(200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY, description="The labelled PNG file.")},
    )
    def get(self, request: Request, media_id: UUID) -> HttpResponse:
        """The file: a PNG with its caption and its provenance in it."""
        return png_response(selectors.file_of(actor=actor_of(request), media_id=media_id), media_id)


def png_response(data: bytes, media_id: UUID) -> HttpResponse:
    name = f"ai-generated-{media_id}.png"
    return HttpResponse(data, content_type="image/png", headers={"Content-Disposition": f'inline; filename="{name}"'})


class MediaCancelAnswer(serializers.Serializer[Any]):
    state = serializers.CharField()


class MediaCancel(APIView):
    required_permission = Permission.MEDIA_GENERATE

    @extend_schema(operation_id="media_cancel", request=None, responses={200: MediaCancelAnswer})
    def post(self, request: Request, media_id: UUID) -> Response:
        """Stops the drawing, on the image server too."""
        return Response({"state": services.cancel(actor=actor_of(request), media_id=media_id)})


def document(found: MediaView) -> dict[str, Any]:
    """A picture as the API shows it."""
    here = f"/api/v1/media/{found.id}"
    links = {"self": here, "page": f"/media/{found.id}/"}
    if found.state == "ready":
        links["file"] = f"{here}/file"
    elif found.pending:
        links["cancel"] = f"{here}/cancel"
    return {
        "id": str(found.id), "created_at": found.created_at, "created_by": found.created_by, "topic": found.topic,
        "style": found.style, "shape": found.shape, "seed": found.seed, "title": found.title, "state": found.state,
        "reason": found.reason, "explanation": found.explanation, "ai_generated": True, "size": found.size,
        "sha256": found.sha256, "provenance": found.provenance, "job": job_document(found.job) if found.job else None,
        "links": links,
    }  # fmt: skip
