"""Signing in and out, and a person's own page: password, second factor, where I am signed in."""

from __future__ import annotations

from typing import Any

from allauth.account import views as allauth_views
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.internal.flows.logout import logout as end_session
from allauth.account.models import Login
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe
from requests import RequestException

from medassist.accounts import sessions
from medassist.accounts.access import actor_for_user
from medassist.accounts.adapters import ProviderAdapter, active_provider
from medassist.accounts.forms import SignInForm
from medassist.accounts.oidc import ProviderDialogue


def _next(request: HttpRequest) -> str:
    """Where to go afterwards: on this same host, or nowhere."""
    wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else ""


def _sign_in_page(request: HttpRequest, form: SignInForm, status: int = 200, told: str = "") -> HttpResponse:
    context = {
        "form": form,
        "next": _next(request),
        "told": told,
        "provider": active_provider(),
        "idle": request.GET.get("idle") == "1",
        "by_email": settings.PASSWORD_RESET_BY_EMAIL,
    }
    response = render(request, "login.html", context, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
@csrf_protect
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """User name and password; what comes after them (a code, a passkey) is asked on a page of its own."""
    after = _next(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(after or resolve_url(settings.LOGIN_REDIRECT_URL))
    if request.method != "POST":
        return _sign_in_page(request, SignInForm(request=request))
    form = SignInForm(request.POST, request=request)
    if not form.is_valid() or form.person is None:
        return _sign_in_page(request, form)
    credentials = {"username": form.cleaned_data["username"]}
    answer: HttpResponse = perform_password_login(
        request, credentials, Login(user=form.person, redirect_url=after or None)
    )
    return answer


def locked_out(request: HttpRequest, response: Any = None, credentials: Any = None) -> HttpResponse:  # noqa: ARG001
    """Too many attempts. The same words for a name that exists and for one that does not."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    told = _(
        "Too many attempts. Signing in with this name is closed from here for %(minutes)d minutes; your clinic's "
        "administrator can open it earlier."
    ) % {"minutes": minutes}
    page = _sign_in_page(request, SignInForm(request=request), status=429, told=told)
    page.headers["Retry-After"] = str(minutes * 60)
    return page


@require_POST
@csrf_protect
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out by POST only; also leaves a sign-in that waits for its second factor."""
    end_session(request, show_message=False)
    return redirect(settings.LOGOUT_REDIRECT_URL)


# --- the person's own page ------------------------------------------------------------------------


@require_safe
@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    kinds: dict[str, int] = {}
    for kind in Authenticator.objects.filter(user=person).values_list("type", flat=True):
        kinds[kind] = kinds.get(kind, 0) + 1
    context = {
        "kinds": kinds,
        "sessions": sessions.sessions_of(person),
        "has_password": person.has_usable_password(),
        "idle_minutes": settings.SESSION_COOKIE_AGE // 60,
    }
    return render(request, "account/account.html", context)


@require_POST
@login_required
def end(request: HttpRequest) -> HttpResponse:
    """Ends one session of mine ("session" names it), or all but this one."""
    person: Any = request.user
    mine = UserSession.objects.filter(user=person)
    wanted = request.POST.get("session", "")
    if wanted.isdigit():
        mine = mine.filter(pk=int(wanted))
    chosen = [one for one in mine if one.session_key != request.session.session_key]
    ended = sessions.end_sessions(person=person, sessions=chosen, reason="ended_elsewhere", by=actor_for_user(person))
    if ended:
        messages.success(request, _("Signed out there."))
    return redirect("account")


@require_POST
def stay(request: HttpRequest) -> HttpResponse:
    """Somebody is there, says the page after a key or a click."""
    return JsonResponse({"left": sessions.remaining(request) if request.user.is_authenticated else 0})


@require_GET
@never_cache
def left(request: HttpRequest) -> HttpResponse:
    """How long the session still lasts; asked in the background, so that another tab's work counts."""
    return JsonResponse({"left": sessions.remaining(request) if request.user.is_authenticated else 0})


@require_safe
@login_required
@never_cache
def second_factor_required(request: HttpRequest) -> HttpResponse:
    return render(request, "account/second_factor_required.html")


class PasswordChange(allauth_views.PasswordChangeView):  # type: ignore[misc]
    """A new password ends every session; one signs in again with it."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not request.user.has_usable_password():
            # Whoever comes through the clinic's identity provider must not open a second way in past it.
            raise Http404
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_success_url(self) -> str:
        return reverse("login")


class PasswordReset(allauth_views.PasswordResetView):  # type: ignore[misc]
    """By e-mail where the operator has set that up; otherwise the page says whom to ask."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.PASSWORD_RESET_BY_EMAIL:
            return render(request, "account/password_reset_ask.html")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response


@method_decorator(sensitive_post_parameters("password1", "password2"), name="dispatch")
class PasswordResetFromKey(allauth_views.PasswordResetFromKeyView):  # type: ignore[misc]
    pass


# --- the clinic's identity provider ---------------------------------------------------------------


def _with_provider(request: HttpRequest, key: str, view: Any) -> HttpResponse:
    provider = None
    try:
        provider = ProviderAdapter(request).get_provider(request, key)
        answer: HttpResponse = view.adapter_view(ProviderDialogue(request, key))(request)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    except (OAuth2Error, RequestException, KeyError, TypeError, ValueError) as error:
        from allauth.socialaccount.helpers import render_authentication_error

        answer = render_authentication_error(request, provider, exception=error)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_GET
def provider_login(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _with_provider(request, provider_id, OAuth2LoginView)


@require_GET
def provider_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _with_provider(request, provider_id, OAuth2CallbackView)
