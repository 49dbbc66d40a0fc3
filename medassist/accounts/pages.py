"""What every page of a clinic does first and last: who asks, may they, and how an error becomes a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils.http import urlencode

from medassist.accounts.access import Actor, Permission, actor_of, require_any
from medassist.common.errors import MedAssistError, NotAuthenticated

P = ParamSpec("P")
Inner = Callable[Concatenate[HttpRequest, Actor, P], HttpResponse]
Outer = Callable[Concatenate[HttpRequest, P], HttpResponse]

OWN_PAGES = {400, 403, 404}


def page(permission: Permission | tuple[Permission, ...]) -> Callable[[Inner[P]], Outer[P]]:
    """Signed in and permitted (of several rights one is enough), else no page; nothing of a patient page may stay in a cache."""

    def wrap(view: Inner[P]) -> Outer[P]:
        @wraps(view)
        def inner(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            try:
                actor = actor_of(request)
                require_any(actor, permission)
                response = view(request, actor, *args, **kwargs)
            except NotAuthenticated:
                response = to_login(request)
            except MedAssistError as error:
                response = error_page(request, error)
            response.headers["Cache-Control"] = "no-store"
            return response

        return cast("Outer[P]", inner)

    return wrap


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def to_login(request: HttpRequest) -> HttpResponse:
    """The sign-in page, coming back here. For a fragment the whole page moves, not the fragment."""
    if not is_htmx(request):
        return redirect_to_login(request.get_full_path())
    came_from = urlsplit(request.headers.get("HX-Current-URL", "")).path or "/"
    response = HttpResponse(status=401)
    response.headers["HX-Redirect"] = f"{resolve_url('login')}?{urlencode({'next': came_from})}"
    return response


def error_page(request: HttpRequest, error: MedAssistError) -> HttpResponse:
    template = f"{error.status}.html" if error.status in OWN_PAGES else "error.html"
    context = {"status": error.status, "title": error.title, "detail": error.detail}
    response = render(request, template, context, status=error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response
