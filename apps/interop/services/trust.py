"""Who calls: the signed token of an EHR that this clinic trusts. One use, one address, a few minutes."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

import jwt
import redis
from django.core.cache import cache

from apps.interop.models import CdsClient
from medassist.accounts.access import Actor, Permission
from medassist.common import outside
from medassist.common.errors import NotAuthenticated
from medassist.jobs.progress import client as redis_client
from medassist.tenancy.context import current_schema

logger = logging.getLogger(__name__)

# Signatures of a public key only: `none` and every shared secret are outside of this list, whatever a header says.
ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA")
LONGEST_LIFE_S = 900
LEEWAY_S = 30
KEYS_KEPT_S = 600
MOST_KEY_BYTES = 100_000
LONGEST_TOKEN = 8_000
_ASKED_AGAIN_S = 60
SCOPES = frozenset({Permission.CASE_SUBMIT, Permission.CASE_READ, Permission.JOB_READ})


def actor_of_token(token: str, *, audience: str) -> Actor:
    """The EHR behind a token for this address; raises `NotAuthenticated`, which never says what was wrong with it."""
    if len(token) > LONGEST_TOKEN:
        raise NotAuthenticated
    try:
        header = jwt.get_unverified_header(token)
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except jwt.InvalidTokenError:
        raise NotAuthenticated from None
    row = CdsClient.objects.filter(issuer=issuer, is_active=True).first() if isinstance(issuer, str) else None
    kid = header.get("kid")
    if row is None or header.get("alg") not in ALGORITHMS or not isinstance(kid, str):
        raise _refused("issuer" if row is None else "header")
    if header.get("jku") not in (None, row.jwks_url):
        # Keys come from where the clinic said, never from where a token says.
        raise _refused("jku")
    key = _key(row, kid)
    if key is None:
        raise _refused("kid")
    try:
        claims = jwt.decode(
            token, key, algorithms=list(ALGORITHMS), audience=audience, issuer=row.issuer, leeway=LEEWAY_S,
            options={"require": ["iss", "aud", "exp", "iat", "jti"]},
        )  # fmt: skip
    except (jwt.InvalidTokenError, jwt.InvalidKeyError, ValueError, TypeError) as error:
        raise _refused(type(error).__name__) from None
    if not isinstance(claims["jti"], str) or claims["exp"] - claims["iat"] > LONGEST_LIFE_S:
        raise _refused("life")
    _once(row, claims["jti"])
    return Actor(kind="api_key", id=f"cds-{row.pk}", clinic=current_schema(), scopes=SCOPES, label=row.name)


def _refused(why: str) -> NotAuthenticated:
    logger.warning("A CDS Hooks token was refused", extra={"clinic": current_schema(), "code": why})
    return NotAuthenticated("The token is not valid for this service")


def _once(row: CdsClient, jti: str) -> None:
    """A token works once. Without Redis nobody can tell, so nobody is let in: a hook may fail, a replay may not pass."""
    named = hashlib.sha256(f"{row.issuer} {jti}".encode()).hexdigest()
    try:
        fresh = redis_client().set(
            f"cds:jti:{current_schema()}:{named}", "1", nx=True, ex=LONGEST_LIFE_S + 2 * LEEWAY_S
        )
    except redis.RedisError:
        raise _refused("redis") from None
    if not fresh:
        raise _refused("replay")


def _key(row: CdsClient, kid: str) -> Any:
    if row.jwks:
        return _in_set(row.jwks, kid)
    where = f"cds:jwks:{row.pk}:{hashlib.sha256(row.jwks_url.encode()).hexdigest()[:16]}"
    found = _in_set(cache.get(where), kid)
    # A key that is new since the last look is fetched once a minute at most: made-up names cannot make us ask.
    if found is None and cache.add(f"{where}:asked", "1", timeout=_ASKED_AGAIN_S):
        answer = outside.get(row.jwks_url, most_bytes=MOST_KEY_BYTES)
        try:
            keys = json.loads(answer.body) if answer.taken else None
        except ValueError:
            keys = None
        if isinstance(keys, dict):
            cache.set(where, keys, timeout=KEYS_KEPT_S)
            found = _in_set(keys, kid)
        else:
            logger.warning(
                "Keys could not be fetched", extra={"clinic": current_schema(), "code": answer.problem or "json"}
            )
    return found


def _in_set(keys: Any, kid: str) -> Any:
    """The public key of that name; a shared secret is no public key."""
    listed = keys.get("keys") if isinstance(keys, dict) else None
    for one in listed if isinstance(listed, list) else ():
        if (
            isinstance(one, dict)
            and one.get("kid") == kid
            and one.get("kty") in {"EC", "RSA", "OKP"}
            and one.get("use") in (None, "sig")
        ):
            try:
                return jwt.PyJWK(one, algorithm=one.get("alg") or _algorithm(one)).key
            except (jwt.PyJWKError, jwt.InvalidKeyError, ValueError, TypeError, KeyError):
                return None
    return None


def _algorithm(key: dict[str, Any]) -> str | None:
    return {"RSA": "RS256"}.get(str(key.get("kty")))
