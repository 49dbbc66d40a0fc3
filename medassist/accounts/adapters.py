"""Where allauth asks the house: who may come in, how secrets are kept, which identity provider a clinic has.

Nobody signs themselves up: people are made by an administrator, by an invitation, or by the clinic's own identity
provider where the clinic has said so.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from medassist.accounts import oidc
from medassist.accounts.addresses import client_ip
from medassist.accounts.models import IdentityProvider, User
from medassist.common.errors import ConfigurationError
from medassist.common.fields import ring
from medassist.tenancy.context import current_clinic, current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA

# Each page says by itself that one has come in or gone out.
_UNSAID = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def is_safe_url(self, url: str | None) -> bool:
        """Only this same host: another clinic's address is another house."""
        request = context.request
        return url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_ip(request) or "0.0.0.0"  # noqa: S104 - says "unknown", nothing listens there

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in _UNSAID:
            super().add_message(request, level, message_template, *args, **kwargs)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:  # noqa: ARG002
        return refused(request, _("This account is not in use. Please ask your clinic's administrator."))


def refused(request: HttpRequest, text: str) -> HttpResponse:
    response = render(request, "account/refused.html", {"text": text}, status=403)
    response.headers["Cache-Control"] = "no-store"
    return response


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of authenticator apps and of recovery codes are encrypted for their clinic's table."""

    def encrypt(self, text: str) -> str:
        return ring().encrypt(text, secret_place())

    def decrypt(self, encrypted_text: str) -> str:
        return ring().decrypt(encrypted_text, secret_place())

    def get_totp_label(self, user: User) -> str:
        return user.get_username()

    def get_totp_issuer(self) -> str:
        return f"MedAssist {self._get_site_name()}"

    def generate_authenticator_name(self, user: User, type: str) -> str:
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return _("Passkey %(number)d") % {"number": number}

    def _get_site_name(self) -> str:
        try:
            return current_clinic().name
        except ConfigurationError:
            return _("Platform")


def secret_place() -> str:
    """What the ciphertext of a second factor's secret is bound to; one of another clinic does not open."""
    return f"{current_schema()}/mfa.authenticator/data"


def rotate_second_factors() -> int:
    """Re-encrypts secrets of second factors that do not use the current key; the number of them."""
    keys, place, done = ring(), secret_place(), 0
    for pk in Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).values_list("pk", flat=True):
        with transaction.atomic():
            # Locked: a recovery code that is being used must not come back.
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            if row is None:
                continue
            names = [name for name in ("secret", "seed") if name in row.data and not keys.is_current(row.data[name])]
            if not names:
                continue
            for name in names:
                row.data[name] = keys.encrypt(keys.decrypt(row.data[name], place), place)
            row.save(update_fields=["data"])
            done += 1
    return done


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """The clinic's one identity provider, out of the clinic's own table; none in the public schema."""

    def list_apps(
        self,
        request: HttpRequest,  # noqa: ARG002
        provider: str | None = None,
        client_id: str | None = None,  # noqa: ARG002
    ) -> list[SocialApp]:
        stored = active_provider()
        if stored is None or provider not in {None, "openid_connect", stored.key}:
            return []
        return [
            SocialApp(
                provider="openid_connect",
                provider_id=stored.key,
                name=stored.name,
                client_id=stored.client_id,
                secret=stored.client_secret,
                settings={"server_url": stored.issuer, "oauth_pkce_enabled": True, "fetch_userinfo": True},
            )
        ]

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        found = super().get_provider(request, provider, client_id)
        found.oauth2_adapter_class = oidc.ProviderDialogue
        return found

    def get_requests_session(self) -> oidc.GuardedSession:
        return oidc.GuardedSession()

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:  # noqa: ARG002
        return False

    def on_authentication_error(self, request: HttpRequest, provider: Any, error: Any = None, **kwargs: Any) -> None:
        oidc.note_refusal(f"dialogue_{error or 'unknown'}"[:60])
        text = _("Signing in through %(name)s did not work. Please try again, or sign in with your password.")
        raise ImmediateHttpResponse(refused(request, text % {"name": getattr(provider, "name", "")}))

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """The subject is known, or becomes so by a verified address; else nobody comes in."""
        stored = active_provider()
        if stored is None or stored.key != sociallogin.account.provider:
            raise ImmediateHttpResponse(refused(request, _("This way of signing in is not open.")))
        sociallogin.state["process"] = "login"
        if sociallogin.is_existing:
            return
        try:
            person = oidc.person_of(stored, sociallogin)
        except oidc.NotLetIn as error:
            oidc.note_refusal(error.reason)
            raise ImmediateHttpResponse(refused(request, error.detail)) from error
        sociallogin.user = person
        sociallogin.account.user = person


def active_provider() -> IdentityProvider | None:
    """The identity provider of the clinic that this thread works for, when there is one and it is switched on."""
    if current_schema() == PUBLIC_SCHEMA:
        return None
    return IdentityProvider.objects.filter(is_active=True).first()
