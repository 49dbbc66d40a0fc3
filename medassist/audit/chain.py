"""The arithmetic of the chain: canonical text of an entry, its HMAC, the head's signature. No database."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from medassist.common.crypto import decode_key

START = "0" * 64
"""The `mac` before the first entry."""


@dataclass(frozen=True)
class EntryValues:
    """What an entry's mac covers."""

    seq: int
    at: datetime
    actor_kind: str
    actor_id: str
    actor_label: str
    action: str
    object_type: str
    object_id: str
    detail: Mapping[str, str | int | bool | None]
    trace: str

    def canonical(self) -> bytes:
        return json.dumps(
            [
                self.seq, self.at.astimezone(UTC).isoformat(timespec="microseconds"), self.actor_kind, self.actor_id,
                self.actor_label, self.action, self.object_type, self.object_id, dict(self.detail), self.trace,
            ],
            ensure_ascii=True, sort_keys=True, separators=(",", ":"),
        ).encode()  # fmt: skip


@lru_cache(maxsize=4096)
def chain_key(audit_key: str, schema: str) -> bytes:
    """A key for one schema's chain, so that an entry of one clinic never verifies in another's."""
    return hmac.digest(decode_key(audit_key, "AUDIT_KEY"), f"medassist audit chain/{schema}".encode(), hashlib.sha256)


def entry_mac(key: bytes, previous: str, values: EntryValues) -> str:
    return hmac.digest(key, b"entry\0" + previous.encode() + b"\0" + values.canonical(), hashlib.sha256).hex()


def head_signature(key: bytes, seq: int, mac: str) -> str:
    return hmac.digest(key, f"head\0{seq}\0{mac}".encode(), hashlib.sha256).hex()


def same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())
