"""The outermost layer of a request: its trace id, its size limit, its last line of defence."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from medassist.common.errors import TooLarge
from medassist.common.logs import trace_id
from medassist.web import problems

logger = logging.getLogger("medassist.access")

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestScope:
    """Names the request (X-Request-ID), refuses bodies that are too large before reading them, logs one line,
    and turns what escapes an API view into a problem document."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        name = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
        token = trace_id.set(name)
        start = time.monotonic()
        try:
            response = self._answer(request)
            response["X-Request-ID"] = name
            if request.path.startswith("/api/"):
                response.setdefault("Cache-Control", "no-store")
            logger.info(
                "request",
                extra={
                    "method": request.method, "route": _route(request), "status": response.status_code,
                    "ms": int((time.monotonic() - start) * 1000), "clinic": _clinic(request),
                },
            )  # fmt: skip
            return response
        finally:
            trace_id.reset(token)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        length = request.headers.get("Content-Length", "")
        if not length and "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            # WSGI hands on no body of unknown length: it would read as empty, and what was sent would be lost.
            return problems.plain_response(problems.LengthRequired())
        most, told = settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.MAX_CASE_BYTES
        if request.path in settings.UPLOAD_PATHS and request.content_type == "multipart/form-data":
            most = told = settings.MAX_UPLOAD_BYTES
        elif request.path in settings.BULK_PATHS:
            most = told = settings.MAX_BULK_BYTES
        if length.isdigit() and int(length) > most:
            return problems.plain_response(TooLarge(f"A body may have at most {told} bytes"))
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not request.path.startswith("/api/"):
            return None
        error = problems.translate(exception)
        if error.status >= 500:
            logger.error("A request failed", extra={"code": error.code, "route": _route(request)}, exc_info=exception)
        return problems.plain_response(error)


def _route(request: HttpRequest) -> str:
    # The pattern, not the path: a path could carry anything.
    match = getattr(request, "resolver_match", None)
    return match.route if match else "-"


def _clinic(request: HttpRequest) -> str:
    clinic = getattr(request, "clinic", None)
    return clinic.schema_name if clinic else "-"
