"""Sign-in, sign-out, the start address and the error pages."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


class SignIn(LoginView):
    """Sign in with user name and password; `next` may only lead to this same host."""

    template_name = "login.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response


class SignOut(LogoutView):
    """Sign out by POST only."""

    http_method_names = ["post", "options"]


login = SignIn.as_view()
logout = SignOut.as_view()


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Leads to the work list, or to the sign-in page."""
    return redirect("cases:list" if request.user.is_authenticated else "login")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Drawn without the database: it may be what failed."""
    return render(request, "500.html", status=500)
