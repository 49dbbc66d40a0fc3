"""Signatures after Standard Webhooks (https://www.standardwebhooks.com, version 1.0.0): HMAC-SHA256 over
`<id>.<timestamp>.<body>`, so that neither the body nor the time can be changed and a copy is recognised by its id."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"


def new_secret() -> str:
    """256 random bits in the form that receivers' libraries expect."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64>` of one secret."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(secrets_now: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; during a rotation each valid secret has its signature, and one that fits is enough."""
    signatures = " ".join(signature(secret, message_id, timestamp, body) for secret in secrets_now)
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": signatures}
