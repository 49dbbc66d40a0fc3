"""Finds the clinic of a request, by its host name or its API key, and enters it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.http.request import split_domain_port
from django.utils import timezone

from medassist.common.errors import MedAssistError, NotAuthenticated, Unavailable, WrongClinic
from medassist.tenancy import keys, selectors
from medassist.tenancy.postgres.switch import connection, reset_to_public
from medassist.tenancy.schemas import ClinicRef, StoredKey

logger = logging.getLogger(__name__)


def problem(error: MedAssistError) -> HttpResponse:
    """The RFC 9457 document of an error that happens before any view is chosen."""
    response = JsonResponse(
        {
            "type": "about:blank",
            "title": error.title,
            "status": error.status,
            "code": error.code,
            "detail": error.detail,
        },
        status=error.status,
        content_type="application/problem+json",
    )
    if error.status == 401:
        response["WWW-Authenticate"] = "Api-Key"
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


class ClinicFromRequest:
    """Sets `request.clinic` (a `ClinicRef`, None in the public site), `request.stored_key`, and the schema.

    The schema is left by the `request_finished` signal (tenancy/lifecycle.py), not here: a streaming response
    is still being produced when this returns.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        reset_to_public()
        try:
            clinic, stored_key = _resolve(request)
        except MedAssistError as error:
            return problem(error)
        except (DisallowedHost, _UnknownHost):
            return HttpResponseNotFound("Not found\n", content_type="text/plain")
        except (OperationalError, InterfaceError):
            logger.warning("The database did not answer", extra={"code": Unavailable.code})
            return problem(Unavailable("The database is not available at the moment", retry_after=5))
        request.clinic = clinic  # type: ignore[attr-defined]
        request.stored_key = stored_key  # type: ignore[attr-defined]
        if clinic is None:
            request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
        else:
            connection.set_tenant(clinic)
        return self.get_response(request)


class _UnknownHost(Exception):
    """No clinic answers here; also for one that is not open."""


def _resolve(request: HttpRequest) -> tuple[ClinicRef | None, StoredKey | None]:
    host = split_domain_port(request.get_host())[0].rstrip(".")
    # A scraper's bearer token is the metrics page's own, not a clinic's key.
    credential = None if request.path == "/metrics" else keys.sent_credential(request)
    if host in {settings.PUBLIC_DOMAIN, "127.0.0.1", "[::1]"}:
        return (None, None) if credential is None else _by_key(credential)
    clinic = selectors.clinic_by_host(host)
    if clinic is None or clinic.state != "open":
        raise _UnknownHost
    stored_key = None if credential is None else keys.find_key(credential)
    if stored_key is not None and stored_key.clinic != clinic.schema_name:
        raise WrongClinic
    # A key that is unknown, expired or revoked is refused by the view's authentication.
    return clinic, stored_key


def _by_key(credential: str) -> tuple[ClinicRef, StoredKey]:
    """On a host that belongs to no clinic the key alone says which one is meant."""
    stored_key = keys.find_key(credential)
    if stored_key is None:
        raise NotAuthenticated
    keys.check_usable(stored_key, timezone.now())
    clinic = selectors.clinic_by_schema(stored_key.clinic)
    if clinic.state != "open":
        raise NotAuthenticated
    return clinic, stored_key
