"""Every API error as an RFC 9457 problem document with a stable code; the one translation of the API door."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from medassist.common import errors
from medassist.common.errors import MedAssistError

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


class MethodNotAllowed(MedAssistError):
    code = "method_not_allowed"
    status = 405
    title = "This method is not allowed here"


class LengthRequired(MedAssistError):
    code = "length_required"
    status = 411
    title = "Send a Content-Length; chunked bodies are not read here"


class NotAcceptable(MedAssistError):
    code = "not_acceptable"
    status = 406
    title = "None of the accepted content types can be produced"


def document(error: MedAssistError) -> dict[str, Any]:
    """The problem document; `errors` maps a field's dotted path to what is wrong there."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
    }
    if error.fields:
        body["errors"] = error.fields
    body.update(error.more)
    return body


def headers(error: MedAssistError) -> dict[str, str]:
    found: dict[str, str] = {}
    if error.retry_after is not None:
        found["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        found["WWW-Authenticate"] = "Api-Key"
    return found


def plain_response(error: MedAssistError) -> JsonResponse:
    """For what fails outside a DRF view."""
    return JsonResponse(document(error), status=error.status, content_type=CONTENT_TYPE, headers=headers(error))


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER: never lets an exception through, and never shows one."""
    error = translate(exception)
    if error.status >= 500:
        view = context.get("view")
        logger.error(
            "A request failed",
            extra={"code": error.code, "route": type(view).__name__},
            exc_info=exception if error.code == "internal_error" else None,
        )
    response = Response(document(error), status=error.status, headers=headers(error))
    response.content_type = CONTENT_TYPE
    if isinstance(exception, exceptions.MethodNotAllowed):
        view = context.get("view")
        response["Allow"] = ", ".join(view.allowed_methods) if view is not None else ""
    return response


def translate(exception: Exception) -> MedAssistError:
    """Our error for any exception."""
    match exception:
        case MedAssistError():
            return exception
        case Http404() | exceptions.NotFound():
            return errors.NotFound()
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return errors.NotAuthenticated()
        case exceptions.PermissionDenied() | DjangoPermissionDenied():
            return errors.PermissionDenied()
        case exceptions.UnsupportedMediaType():
            return errors.UnsupportedMedia("Send application/json")
        case exceptions.MethodNotAllowed():
            return MethodNotAllowed()
        case exceptions.NotAcceptable():
            return NotAcceptable()
        case exceptions.Throttled():
            return errors.TooManyRequests(retry_after=int(getattr(exception, "wait", None) or 1))
        case RequestDataTooBig():
            return errors.TooLarge()
        case exceptions.ParseError():
            return errors.NotJson()
        case OperationalError() | InterfaceError():
            return errors.Unavailable("The database is not available at the moment", retry_after=5)
        case _:
            return MedAssistError()
