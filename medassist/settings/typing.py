"""`base` with placeholder values, for tools that only import the settings (mypy, makemigrations --check)."""

from __future__ import annotations

import base64
import os

_KEY = base64.b64encode(bytes(32)).decode()
for _name, _value in {
    "SECRET_KEY": "placeholder-for-tools-only-" + "x" * 40,
    "FIELD_KEYS": f"placeholder:{_KEY}",
    "AUDIT_KEY": _KEY,
    "TICKET_KEY": _KEY,
    "DATABASE_URL": "postgresql://placeholder@127.0.0.1:1/placeholder",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}.items():
    os.environ.setdefault(_name, _value)

from medassist.settings.base import *  # noqa: E402, F403
