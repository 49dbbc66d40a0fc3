"""The start address and the error pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from medassist.accounts.access import Role
from medassist.common.errors import InvalidInput, MedAssistError, NotFound, PermissionDenied
from medassist.web.problems import plain_response


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Leads to the work list, a patient to the own cases, who administers to the admin site, nobody to the sign-in page."""
    if not request.user.is_authenticated:
        return redirect("login")
    return redirect(_FIRST_PAGES.get(getattr(request.user, "role", ""), "cases:list"))


_FIRST_PAGES = {
    Role.PATIENT.value: "cases:portal",
    Role.CLINIC_ADMIN.value: "admin:index",
    Role.AUDITOR.value: "admin:index",
}


def _error(request: HttpRequest, error: MedAssistError) -> HttpResponse:
    """A page for people, a problem document under the API."""
    if request.path.startswith("/api/"):
        return plain_response(error)
    return render(request, f"{error.status}.html", status=error.status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _error(request, InvalidInput("The request cannot be read"))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _error(request, PermissionDenied())


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _error(request, NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Drawn without the database: it may be what failed."""
    return _error(request, MedAssistError())
