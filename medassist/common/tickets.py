"""Short signed tickets: how `web` lets a browser read one event stream without a session, a database or a cookie.

Form: base64url(JSON) "." base64url(HMAC-SHA256 of the first part). A ticket names one stream of one clinic and
a time; it is no secret beyond that time and gives no other right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass

from medassist.common.errors import ConfigurationError, NotAuthenticated

_PURPOSE = b"medassist-event-ticket-v1:"
_MAX_LENGTH = 1024
_CLINIC = re.compile(r"[a-z0-9_]{1,63}")
_NAME = re.compile(r"[a-z0-9][a-z0-9:._-]{0,127}")


@dataclass(frozen=True)
class Channel:
    """One event stream: `Channel("demo", "job:<id>")` is the Redis stream `events:demo:job:<id>`."""

    clinic: str
    name: str

    def __post_init__(self) -> None:
        # A clinic's name has no colon, so that no channel of one clinic can spell a stream of another.
        if not _CLINIC.fullmatch(self.clinic) or not _NAME.fullmatch(self.name):
            raise ValueError("A channel needs a clinic's schema name and a name of letters, digits and : . _ -")

    @property
    def stream(self) -> str:
        return f"events:{self.clinic}:{self.name}"


class TicketInvalid(NotAuthenticated):
    """Forged, damaged or meant for something else."""

    code = "ticket_invalid"
    title = "This event ticket is not valid"


class TicketExpired(NotAuthenticated):
    """Genuine but too old: the page asks for a new one."""

    code = "ticket_expired"
    title = "This event ticket has expired"


def sign(channel: Channel, key: str, ttl: int, *, now: float | None = None) -> str:
    """A ticket for `channel`, valid for `ttl` seconds; `key` is TICKET_KEY (base64 of at least 32 bytes)."""
    expires = int((time.time() if now is None else now) + ttl)
    content = json.dumps({"channel": channel.name, "clinic": channel.clinic, "exp": expires}, separators=(",", ":"))
    payload = _encode(content.encode())
    return f"{payload}.{_signature(payload, key)}"


def read(ticket: str, key: str, now: float | None = None) -> Channel:
    """The channel that the ticket opens. Raises `TicketInvalid` or `TicketExpired`."""
    if len(ticket) > _MAX_LENGTH or not ticket.isascii():
        raise TicketInvalid
    payload, _, signature = ticket.partition(".")
    if not hmac.compare_digest(signature, _signature(payload, key)):
        raise TicketInvalid
    try:
        content = json.loads(_decode(payload))
        channel, expires = Channel(content["clinic"], content["channel"]), int(content["exp"])
    except (ValueError, KeyError, TypeError) as error:
        raise TicketInvalid from error
    if (time.time() if now is None else now) >= expires:
        raise TicketExpired
    return channel


def key_bytes(key: str) -> bytes:
    """The raw key; raises `ConfigurationError` for one that is not base64 of at least 32 bytes."""
    try:
        raw = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError("TICKET_KEY must be base64") from error
    if len(raw) < 32:
        raise ConfigurationError("TICKET_KEY must be base64 of at least 32 bytes")
    return raw


def _signature(payload: str, key: str) -> str:
    return _encode(hmac.digest(key_bytes(key), _PURPOSE + payload.encode(), hashlib.sha256))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
