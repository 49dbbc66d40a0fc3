"""What other rooms see of people and keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Person:
    id: str
    username: str
    full_name: str
    role: str
    is_active: bool


@dataclass(frozen=True)
class IssuedKey:
    """A key just made. `key` is shown once and stored nowhere."""

    key: str = field(repr=False)
    prefix: str
    clinic: str
    name: str
    scopes: tuple[str, ...]
    expires_at: datetime | None
