"""A few addresses that show what the doors let through; the URLconf of the access and middleware tests."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from medassist.accounts.access import Permission, actor_of
from medassist.accounts.models import User
from medassist.tenancy.context import current_schema


class CaseProbe(APIView):
    required_permission = Permission.CASE_READ

    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        return Response({"kind": actor.kind, "id": actor.id, "clinic": actor.clinic, "label": actor.label})

    post = get


class UnnamedProbe(APIView):
    """Forgot to say which right it needs."""

    def get(self, request: Request) -> Response:
        return Response({"reached": True})


def where(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        schema = cursor.fetchone()[0]
    return JsonResponse({"schema": schema, "clinic": getattr(request.clinic, "schema_name", None)})  # type: ignore[attr-defined]


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def lines() -> Iterator[str]:
        for _ in range(3):
            yield f"{current_schema()} {','.join(User.objects.values_list('username', flat=True))}\n"

    return StreamingHttpResponse(lines())


urlpatterns = [
    path("case", CaseProbe.as_view()),
    path("unnamed", UnnamedProbe.as_view()),
    path("where", where),
    path("stream", stream),
]
