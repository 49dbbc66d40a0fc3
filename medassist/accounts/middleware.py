"""Two rules of every page: a session that nobody uses ends, and a clinic may ask for a second factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve

from medassist.accounts import sessions
from medassist.accounts.access import Role
from medassist.accounts.pages import is_htmx
from medassist.common.errors import SecondFactorRequired
from medassist.tenancy.context import current_schema
from medassist.tenancy.middleware import problem
from medassist.tenancy.schemas import PUBLIC_SCHEMA

Next = Callable[[HttpRequest], HttpResponse]

_BOUND_ROLES = frozenset({Role.CLINICIAN, Role.CLINIC_ADMIN})
_OPEN_ROUTES = frozenset({"login", "logout", "account", "second-factor-required", "session-stay", "session-left"})
_OPEN_PREFIXES = ("account_", "mfa_")


def _signed_in(request: HttpRequest) -> Any:
    """The signed-in person; without the cookie the session is not even looked for."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return None
    return request.user if request.user.is_authenticated else None


class IdleLogOff:
    """Ends a session after SESSION_IDLE_SECONDS without an action of the person; polling is none."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _signed_in(request) is not None:
            if sessions.ACTIVE_AT in request.session and not sessions.remaining(request):
                setattr(request, sessions.REASON, "idle")
                logout(request)
            elif not sessions.is_background(request):
                sessions.touch(request)
        return self.get_response(request)


class SecondFactorRule:
    """Where the clinic requires a second factor, clinicians and administrators without one come no further than to
    the page that sets it up. Platform staff: PLATFORM_SECOND_FACTOR."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        person = _signed_in(request)
        if person is None or not _is_bound(request, person) or _has_one(request, person) or _is_open(request):
            return self.get_response(request)
        if request.path.startswith("/api/"):
            return problem(SecondFactorRequired())
        response = redirect("second-factor-required")
        if is_htmx(request):
            target = response.headers["Location"]
            response = HttpResponse(status=401)  # type: ignore[assignment]
            response.headers["HX-Redirect"] = target
        return response


def _is_bound(request: HttpRequest, person: Any) -> bool:
    if current_schema() == PUBLIC_SCHEMA:
        return bool(settings.PLATFORM_SECOND_FACTOR)
    clinic = getattr(request, "clinic", None)
    return bool(clinic and clinic.second_factor_required and person.role in _BOUND_ROLES)


def _has_one(request: HttpRequest, person: Any) -> bool:
    if request.session.get(sessions.SECOND_FACTOR) == person.pk:
        return True
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    if not Authenticator.objects.filter(user_id=person.pk, type__in=kinds).exists():
        return False
    # Asked once a session: who has one cannot have signed in without it, and losing it takes the mark away.
    request.session[sessions.SECOND_FACTOR] = person.pk
    return True


def _is_open(request: HttpRequest) -> bool:
    try:
        name = resolve(request.path_info, urlconf=getattr(request, "urlconf", None)).url_name or ""
    except Resolver404:
        return False
    return name in _OPEN_ROUTES or name.startswith(_OPEN_PREFIXES)
