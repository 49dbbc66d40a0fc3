"""What other rooms see of a clinic and of a credential: frozen values, never model instances."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ClinicState = Literal["provisioning", "open", "closing", "closed"]

PUBLIC_SCHEMA = "public"

SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""Lower case, at most 40 characters: the role's name (tenancy/postgres/barrier.py) must fit in Postgres' 63."""

RESERVED_SCHEMAS = frozenset({PUBLIC_SCHEMA, "information_schema"})


def is_schema_name(name: str) -> bool:
    return bool(SCHEMA_NAME.fullmatch(name)) and name not in RESERVED_SCHEMAS and not name.startswith("pg_")


FEATURES = ("chat", "notes", "documents", "media", "portal")
"""What the platform can switch off for a clinic. Cases, triage and the audit trail cannot be."""


@dataclass(frozen=True)
class ClinicRef:
    """One clinic. `schema_name` names it everywhere: schema, job rows, events, logs."""

    schema_name: str
    name: str
    locale: str = "en-GB"
    emergency_number: str = "999"
    languages: tuple[str, ...] = ("en",)
    state: ClinicState = "open"
    second_factor_required: bool = False
    features_off: tuple[str, ...] = ()
    reads_per_minute: int | None = None
    """Requests of one caller a minute; None: what the installation says, 0: no limit. So for writes."""
    writes_per_minute: int | None = None


@dataclass(frozen=True)
class StoredKey:
    """An API key as stored: everything but the secret, of which only the SHA-256 is kept."""

    prefix: str
    digest: str
    clinic: str
    name: str
    scopes: tuple[str, ...]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    previous_digest: str = ""
    """Of the secret before the last rotation, which works until `previous_until`."""
    previous_until: datetime | None = None
