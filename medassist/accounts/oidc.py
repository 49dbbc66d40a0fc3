"""The dialogue with a clinic's identity provider: authorisation code with PKCE, everything checked, closed by default.

The ID token's signature, issuer, audience, expiry and algorithm are checked even though it came over TLS, and the
user information must speak of the same subject (OpenID Connect Core 1.0, 3.1.3.7 and 5.3.2). Only hosts that the
operator listed are asked, without following redirects.
"""

from __future__ import annotations

from typing import Any

import jwt
import requests
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from medassist.accounts.access import Permission, Role, system_actor
from medassist.accounts.addresses import issuer_problem
from medassist.accounts.models import IdentityProvider, User
from medassist.accounts.services import create_person
from medassist.common import trail
from medassist.common.errors import PermissionDenied
from medassist.tenancy.context import current_schema

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
_MOST_BYTES = 1_000_000


class GuardedSession(requests.Session):
    """Asks listed hosts only, with a time limit, and goes nowhere else when told to."""

    def __init__(self) -> None:
        super().__init__()
        # Neither a proxy nor credentials out of the environment: what is asked is what was checked.
        self.trust_env = False

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        if issuer_problem(str(url)):
            raise requests.exceptions.InvalidURL("This host is not listed in OIDC_HOSTS")
        kwargs["allow_redirects"] = False
        kwargs["timeout"] = settings.SOCIALACCOUNT_REQUESTS_TIMEOUT
        response = super().request(str(method), str(url), *args, **kwargs)
        if 300 <= response.status_code < 400:
            raise requests.exceptions.TooManyRedirects("An identity provider's address must not lead elsewhere")
        if len(response.content) > _MOST_BYTES:
            raise requests.exceptions.ContentDecodingError("The answer is too long")
        return response


class ProviderDialogue(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's own description, once it is what the clinic's row says."""
        config = super().openid_config
        provider = self.get_provider()
        if not isinstance(config, dict) or str(config.get("issuer", "")).rstrip("/") != provider.app.settings[
            "server_url"
        ].rstrip("/"):
            raise OAuth2Error("The provider names another issuer")
        for name in _ENDPOINTS:
            if issuer_problem(str(config.get(name, ""))):
                raise OAuth2Error(f"The provider's {name} is not at a listed host")
        return config

    def complete_login(self, request: Any, app: Any, token: Any, **kwargs: Any) -> Any:
        raw = kwargs["response"].get("id_token")
        if not isinstance(raw, str):
            raise OAuth2Error("The provider sent no ID token")
        claims = self._decode_id_token(app, raw)
        subject = claims.get("sub")
        info = self._fetch_user_info(token.token)
        if not isinstance(info, dict) or not isinstance(subject, str) or not subject or info.get("sub") != subject:
            raise OAuth2Error("The user information is about somebody else")
        told = {**info, **claims}
        login = self.get_provider().sociallogin_from_response(request, {"userinfo": told})
        # Names and addresses of people stay with the provider; the subject is enough to know them again.
        login.account.extra_data = {}
        login.told = told
        return login

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        try:
            if jwt.get_unverified_header(id_token).get("alg") not in ALGORITHMS:
                raise OAuth2Error("The ID token is signed in a way that proves nothing")
            decoded: dict[str, Any] = jwtkit.verify_and_decode(
                credential=id_token,
                keys_url=self.openid_config["jwks_uri"],
                issuer=self.openid_config["issuer"],
                audience=app.client_id,
                lookup_kid=jwtkit.lookup_kid_jwk,
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise OAuth2Error("The ID token cannot be read") from error
        if "exp" not in decoded or decoded.get("azp", app.client_id) != app.client_id:
            raise OAuth2Error("The ID token was made for somebody else")
        return decoded


def person_of(provider: IdentityProvider, login: Any) -> User:
    """The person a subject not seen before belongs to, linked from now on.

    By an address that the provider says is verified and that one active person of the clinic has; otherwise a new
    person where the clinic wants that. Raises `NotLetIn`, whose text may be shown.
    """
    told: dict[str, Any] = getattr(login, "told", {})
    email = str(told.get("email") or "").strip()
    verified = told.get("email_verified") is True and bool(email)
    with transaction.atomic():
        known = list(User.objects.filter(email__iexact=email)[:2]) if email else []
        if len(known) == 1 and verified:
            person = known[0]
            if not person.is_active or SocialAccount.objects.filter(user=person, provider=provider.key).exists():
                raise NotLetIn("linked_otherwise")
        elif known:
            raise NotLetIn("address_not_verified" if not verified else "address_of_several")
        elif provider.creates_people and verified:
            person = _new_person(provider, told, email)
        else:
            raise NotLetIn("not_known")
        login.account.user = person
        login.account.save()
        trail.note(
            actor=system_actor(current_schema(), "identity provider"),
            action="identity.linked",
            object_type="person",
            object_id=str(person.pk),
            detail={"provider": provider.key},
        )
    return person


class NotLetIn(PermissionDenied):
    """The provider knows them, the clinic does not. `reason` is for the trail; people read one text for all."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            _(
                "Nobody of this clinic is known by this account. Please ask your clinic's administrator, who can "
                "enter your address with your account here."
            )
        )
        self.reason = reason


def note_refusal(reason: str) -> None:
    """In the trail that somebody came from the identity provider and was not let in."""
    actor = system_actor(current_schema(), "identity provider")
    with transaction.atomic():
        trail.note(
            actor=actor,
            action="session.refused",
            object_type="person",
            object_id="-",
            detail={"method": "provider", "reason": reason},
        )


def _new_person(provider: IdentityProvider, told: dict[str, Any], email: str) -> User:
    actor = system_actor(current_schema(), "identity provider", scopes=frozenset({Permission.PEOPLE_MANAGE}))
    if User.objects.filter(username=email[:150]).exists():
        raise NotLetIn("name_taken")
    made = create_person(
        username=email[:150],
        full_name=str(told.get("name") or "")[:150],
        role=Role(provider.default_role),
        email=email,
        by=actor,
    )
    return User.objects.get(pk=made.id)
