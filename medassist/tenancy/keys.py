"""The text form of an API key, `ma_<prefix>_<secret>`, and finding the stored key behind it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone

from medassist.common.errors import KeyExpired, KeyRevoked
from medassist.tenancy.schemas import StoredKey
from medassist.tenancy.selectors import key_by_prefix

_KEY = re.compile(r"ma_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_SCHEMES = frozenset({"api-key", "bearer"})


def new_key() -> tuple[str, str, str]:
    """(whole key, prefix, digest) with a 256-bit secret."""
    prefix = secrets.token_hex(6)
    text, key_digest = key_text(prefix)
    return text, prefix, key_digest


def digest(secret: str) -> str:
    # The secret is random and long: a slow password hash would add nothing but time to each request.
    return hashlib.sha256(secret.encode()).hexdigest()


def sent_credential(request: HttpRequest) -> str | None:
    """What follows `Authorization: Api-Key` or `Bearer`; None when the request has no such header."""
    scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return value.strip() if scheme.lower() in _SCHEMES else None


def find_key(text: str) -> StoredKey | None:
    """The stored key whose secret was sent, whatever its state; None for anything else."""
    matched = _KEY.fullmatch(text)
    if matched is None:
        return None
    stored = key_by_prefix(matched[1])
    # Compared also when there is no such prefix, so that the answer takes as long.
    sent, nothing = digest(matched[2]), "0" * 64
    now_valid = hmac.compare_digest(stored.digest if stored is not None else nothing, sent)
    before_valid = hmac.compare_digest((stored.previous_digest if stored is not None else "") or nothing, sent)
    if stored is None or now_valid:
        return stored if now_valid else None
    in_overlap = stored.previous_until is not None and timezone.now() < stored.previous_until
    return stored if before_valid and in_overlap else None


def key_text(prefix: str) -> tuple[str, str]:
    """(whole key, digest) with a new secret for a key that keeps its prefix."""
    secret = secrets.token_urlsafe(32)
    return f"ma_{prefix}_{secret}", digest(secret)


def check_usable(key: StoredKey, now: datetime) -> None:
    """Raises `KeyRevoked` or `KeyExpired`."""
    if key.revoked_at is not None:
        raise KeyRevoked
    if key.expires_at is not None and key.expires_at <= now:
        raise KeyExpired
