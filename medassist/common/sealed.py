"""Events that hold patient text are sealed before they reach Redis, and opened by the events process alone.

AES-256-GCM under a key derived from TICKET_KEY (HKDF-SHA256); the stream's name is associated data, so that a value
copied to another clinic's stream does not open. Form: base64 of nonce (12 bytes) and ciphertext.
"""

from __future__ import annotations

import base64
import binascii
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from medassist.common.tickets import key_bytes

_PURPOSE = b"medassist-sealed-event-v1"
_NONCE = 12


class SealBroken(ValueError):
    """Altered, made with another key, or meant for another stream."""


def seal(text: str, *, stream: str, key: str) -> str:
    """`text` as only holders of `key` (TICKET_KEY) can read it, and only in `stream`."""
    nonce = os.urandom(_NONCE)
    return base64.b64encode(nonce + _cipher(key).encrypt(nonce, text.encode(), stream.encode())).decode()


def unseal(value: str | bytes, *, stream: str, key: str) -> str:
    """Raises `SealBroken`."""
    try:
        raw = base64.b64decode(value, validate=True)
        return _cipher(key).decrypt(raw[:_NONCE], raw[_NONCE:], stream.encode()).decode()
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise SealBroken("A sealed event could not be opened") from error


@lru_cache(maxsize=4)
def _cipher(key: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key_bytes(key))
    return AESGCM(derived)
