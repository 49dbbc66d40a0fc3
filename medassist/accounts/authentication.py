"""How the API learns who asks: an API key or the session of the site."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from medassist.accounts.access import SCOPES, Actor, KeyHolder, Permission
from medassist.common.errors import NotAuthenticated, PermissionDenied, WrongClinic
from medassist.tenancy import keys
from medassist.tenancy.context import current_schema
from medassist.tenancy.schemas import StoredKey
from medassist.tenancy.services import note_key_use

_KNOWN = {permission.code: permission for permission in SCOPES}


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key ma_…` or `Bearer ma_…`; `request.auth` is then the stored key.

    Raises `NotAuthenticated`, `WrongClinic`, `KeyRevoked` or `KeyExpired`.
    """

    def authenticate(self, request: Request) -> tuple[KeyHolder, StoredKey] | None:
        credential = keys.sent_credential(request._request)
        if credential is None:
            return None
        # The middleware has usually read the key already.
        stored: StoredKey | None = getattr(request._request, "stored_key", None) or keys.find_key(credential)
        if stored is None:
            raise NotAuthenticated
        if stored.clinic != current_schema():
            raise WrongClinic
        keys.check_usable(stored, timezone.now())
        if note_key_use(stored):
            # Whoever noted it also carries over what was counted, once the answer is made (web/edge.py).
            request._request.key_use_due = stored.prefix  # type: ignore[attr-defined]
        return KeyHolder(actor_for_key(stored)), stored

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        return "Api-Key"


def actor_for_key(stored: StoredKey) -> Actor:
    scopes: frozenset[Permission] = frozenset(_KNOWN[code] for code in stored.scopes if code in _KNOWN)
    return Actor(kind="api_key", id=stored.prefix, clinic=stored.clinic, scopes=scopes, label=stored.name)


class ClinicSessionAuthentication(BaseAuthentication):
    """The signed-in person of the current clinic's site; unsafe methods need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        user = getattr(request._request, "user", None)
        if user is None or not user.is_authenticated or not user.is_active:
            return None
        check = CSRFCheck(lambda _: None)  # type: ignore[arg-type]
        check.process_request(request._request)
        if check.process_view(request._request, None, (), {}):  # type: ignore[arg-type]
            raise PermissionDenied("The CSRF token is missing or wrong")
        return user, None
