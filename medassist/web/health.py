"""Whether this process lives, and whether it can do its work; no secrets, no clinic needed."""

from __future__ import annotations

import redis
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from medassist.jobs import progress, runner
from medassist.tenancy.context import public_context


@require_safe
def live(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    return JsonResponse({"status": "alive"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """200 when cases can be taken (the database answers); Redis and workers are told but do not close the door."""
    database = _database()
    workers = {f"worker_{queue}": runner.worker_is_alive(queue) for queue in ("llm", "ingest", "hooks")}
    found = {"database": database, "redis": _redis(), **workers}
    return JsonResponse({"status": "ready" if database else "not_ready", **found}, status=200 if database else 503)


def _database() -> bool:
    try:
        with public_context(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM tenancy_clinic LIMIT 1")
    except DatabaseError:
        return False
    return True


def _redis() -> bool:
    try:
        return bool(progress.client().ping())
    except redis.RedisError:
        return False
