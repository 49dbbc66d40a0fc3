"""AES-256-GCM for values at rest, with a key ring: the first key encrypts, every key decrypts.

A stored value is `v1:<key id>:<base64 of nonce, ciphertext and tag>`. The place it belongs to (schema, model,
field) is authenticated with it, so a ciphertext copied elsewhere is refused. Nonces are random; one key is good
for 2**32 values, then rotate (`manage.py in_every_clinic rotate_field_keys`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from medassist.common.errors import ConfigurationError, MedAssistError

_VERSION = "v1"
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")


class UnreadableCiphertext(MedAssistError):
    """A stored value is damaged, was copied from another place, or its key is no longer in the ring."""

    code = "unreadable_ciphertext"
    title = "A stored value cannot be decrypted"


@dataclass(frozen=True)
class KeyRing:
    """Keys by id; `current` encrypts."""

    current: str
    keys: dict[str, AESGCM]
    blind: dict[str, bytes]
    """By key id, a key for blind indexes, derived and never used to encrypt."""

    def encrypt(self, text: str, place: str) -> str:
        return self.encrypt_bytes(text.encode(), place)

    def encrypt_bytes(self, data: bytes, place: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self.keys[self.current].encrypt(nonce, data, place.encode())
        return f"{_VERSION}:{self.current}:{base64.b64encode(nonce + sealed).decode()}"

    def decrypt(self, value: str, place: str) -> str:
        """The text; raises `UnreadableCiphertext` naming the place, never the content."""
        try:
            return self.decrypt_bytes(value, place).decode()
        except UnicodeDecodeError as error:
            raise UnreadableCiphertext(f"The value in {place} is no text") from error

    def decrypt_bytes(self, value: str, place: str) -> bytes:
        """What was encrypted; raises as `decrypt` does."""
        version, _, rest = value.partition(":")
        key_id, _, body = rest.partition(":")
        if version != _VERSION or not body:
            raise UnreadableCiphertext(f"The value in {place} is not encrypted as expected")
        key = self.keys.get(key_id)
        if key is None:
            raise UnreadableCiphertext(
                f"The value in {place} needs the key {key_id[:32]!r}, which is not in FIELD_KEYS"
            )
        try:
            raw = base64.b64decode(body, validate=True)
            return key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode())
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise UnreadableCiphertext(
                f"The value in {place} was not encrypted for this place: it was copied from another clinic or "
                "field, or altered"
            ) from error

    def is_current(self, value: str) -> bool:
        return value.startswith(f"{_VERSION}:{self.current}:")


@lru_cache(maxsize=8)
def key_ring(setting: str) -> KeyRing:
    """The ring out of FIELD_KEYS: `id:base64 of 32 bytes`, comma-separated."""
    keys: dict[str, AESGCM] = {}
    blind: dict[str, bytes] = {}
    first = ""
    for entry in filter(None, (part.strip() for part in setting.split(","))):
        key_id, _, encoded = entry.partition(":")
        if not _KEY_ID.fullmatch(key_id) or key_id in keys:
            raise ConfigurationError("FIELD_KEYS has a key id that is empty, odd or used twice")
        raw = decode_key(encoded, f"FIELD_KEYS ({key_id})")
        keys[key_id] = AESGCM(raw)
        blind[key_id] = hmac.digest(raw, b"medassist blind index", hashlib.sha256)
        first = first or key_id
    if not keys:
        raise ConfigurationError("FIELD_KEYS has no key: id:base64 of 32 bytes, comma-separated")
    return KeyRing(current=first, keys=keys, blind=blind)


def decode_key(encoded: str, name: str) -> bytes:
    """32 bytes out of base64; raises `ConfigurationError` with the setting's name."""
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError(f"{name} is not valid base64") from error
    if len(key) != 32:
        raise ConfigurationError(f"{name} must be 32 bytes in base64, not {len(key)}")
    return key
