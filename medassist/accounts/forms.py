"""The forms of signing in and of the second factor."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ResetPasswordForm
from allauth.core import context
from allauth.mfa.adapter import get_adapter as second_factor_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm as AllauthActivateTOTPForm
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.models import SocialAccount
from axes.handlers.proxy import AxesProxyHandler
from django import forms
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from medassist.accounts.models import User

logger = logging.getLogger(__name__)

WRONG = _("User name and password do not fit together. Capitals and small letters count in both.")


class SignInForm(forms.Form):
    """User name and password of one person of this clinic. `person` is who they belong to."""

    username = forms.CharField(
        label=_("Username"),
        max_length=150,
        widget=forms.TextInput(
            attrs={"autocomplete": "username webauthn", "autofocus": True, "autocapitalize": "none"}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, request: Any, **kwargs: Any) -> None:
        self.request = request
        self.person: User | None = None
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors:
            self.person = get_adapter(self.request).authenticate(
                self.request, username=given["username"], password=given["password"]
            )
            if self.person is None:
                raise ValidationError(WRONG, code="wrong")
        return given


class AskForLinkForm(ResetPasswordForm):  # type: ignore[misc]
    """Sends the link to whoever has a password here, or was given none yet; the page says the same in any case."""

    def clean_email(self) -> str:
        email: str = super().clean_email()
        # Whoever comes through the clinic's identity provider must not open a second way in past it.
        through_provider = set(SocialAccount.objects.values_list("user_id", flat=True))
        self.users: list[User] = [
            one for one in list(self.users) if one.has_usable_password() or one.pk not in through_provider
        ]
        return email

    def save(self, request: Any, **kwargs: Any) -> str:
        try:
            return str(super().save(request, **kwargs))
        except (SMTPException, OSError):
            # An error page would tell that the address belongs to somebody.
            logger.exception("A link for a new password could not be sent", extra={"code": "mail_failed"})
            return str(self.cleaned_data["email"])


class _CountedCode:
    """A code is tried as seldom as a password: failures count towards the same lock-out, and none works twice."""

    user: User
    cleaned_data: dict[str, Any]
    authenticator: Authenticator

    def clean_code(self) -> str:
        request = context.request
        if not AxesProxyHandler.is_allowed(request, {"username": self.user.get_username()}):
            request.axes_locked_out = True
            raise ValidationError(second_factor_adapter().error_messages["incorrect_code"], code="locked")
        try:
            code: str = super().clean_code()  # type: ignore[misc]
            self._spend(code)
        except RedisError as error:
            raise ValidationError(
                _("Codes cannot be checked at the moment. Please try again in a minute."), code="unavailable"
            ) from error
        return code

    def _spend(self, code: str) -> None:
        if self.authenticator.type != Authenticator.Type.TOTP:
            return
        # A code is good for as many periods as are tolerated: it stays spent for all of them.
        seconds = settings.MFA_TOTP_TOLERANCE * 2 * 30 + 60
        if not cache.add(f"spent-code:{self.user.pk}:{''.join(code.split())}", "y", timeout=seconds):
            raise second_factor_adapter().validation_error("incorrect_code")


class CodeForm(_CountedCode, AuthenticateForm):  # type: ignore[misc]
    pass


class CodeAgainForm(_CountedCode, ReauthenticateForm):  # type: ignore[misc]
    pass


class ActivateTOTPForm(AllauthActivateTOTPForm):  # type: ignore[misc]
    """Keeps the secret that is being set up encrypted in the session as well."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.user = kwargs.pop("user")
        forms.Form.__init__(self, *args, **kwargs)
        self.secret = self._pending()

    def _pending(self) -> str:
        session, adapter = context.request.session, second_factor_adapter()
        kept = session.get(totp.SECRET_SESSION_KEY) if self.is_bound else None
        if kept:
            return str(adapter.decrypt(kept))
        secret: str = totp.generate_totp_secret()
        session[totp.SECRET_SESSION_KEY] = adapter.encrypt(secret)
        return secret
