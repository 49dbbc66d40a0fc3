"""Reads about clinics, with a small cache per process so that a request usually costs no extra query."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from datetime import date

from medassist.common.errors import NotFound
from medassist.tenancy.models import ApiKey, ApiKeyUse, Clinic, Domain
from medassist.tenancy.postgres.switch import PUBLIC, switched
from medassist.tenancy.schemas import ClinicRef, StoredKey

CACHE_SECONDS = 5.0
"""How long another process may still see a clinic as open after it was closed."""
_CACHE_LIMIT = 10_000

_cache: dict[tuple[str, str], tuple[float, ClinicRef | None]] = {}
_cache_lock = threading.Lock()
_generation = 0


def _cached(key: tuple[str, str], load: Callable[[], ClinicRef | None]) -> ClinicRef | None:
    now = time.monotonic()
    found = _cache.get(key)
    if found is not None and found[0] > now:
        return found[1]
    generation = _generation
    value = load()
    with _cache_lock:
        # What was read before somebody changed a clinic must not be remembered after it.
        if generation == _generation:
            if len(_cache) >= _CACHE_LIMIT:
                _cache.clear()
            _cache[key] = (now + CACHE_SECONDS, value)
    return value


def forget_clinics() -> None:
    """Empties this process's cache; called whenever a clinic or a host name is saved."""
    global _generation  # noqa: PLW0603 - one counter a process, guarded by the lock
    with _cache_lock:
        _generation += 1
        _cache.clear()


def clinic_by_host(host: str) -> ClinicRef | None:
    """The clinic that answers at `host` (without port), whatever its state; None when there is none."""

    def load() -> ClinicRef | None:
        with switched(PUBLIC):
            domain = Domain.objects.select_related("tenant").filter(domain=host).first()
            return None if domain is None else domain.tenant.as_ref()

    return _cached(("host", host), load)


def clinic_by_schema(schema_name: str) -> ClinicRef:
    """The clinic with this schema, whatever its state; raises `NotFound`."""

    def load() -> ClinicRef | None:
        with switched(PUBLIC):
            clinic = Clinic.objects.filter(schema_name=schema_name).first()
            return None if clinic is None else clinic.as_ref()

    found = _cached(("schema", schema_name), load)
    if found is None:
        raise NotFound("There is no such clinic")
    return found


def open_clinics() -> tuple[ClinicRef, ...]:
    """Every open clinic by schema name; never cached."""
    with switched(PUBLIC):
        return tuple(clinic.as_ref() for clinic in Clinic.objects.filter(state=Clinic.States.OPEN))


def all_clinics() -> tuple[ClinicRef, ...]:
    """Every clinic that has a schema: those being set up and those closing as well."""
    with switched(PUBLIC):
        return tuple(clinic.as_ref() for clinic in Clinic.objects.exclude(state=Clinic.States.CLOSED))


def key_by_prefix(prefix: str) -> StoredKey | None:
    """The stored API key, never cached: a revoked key must stop working at once."""
    with switched(PUBLIC):
        key = ApiKey.objects.select_related("clinic").filter(prefix=prefix).first()
        return None if key is None else key.as_stored()


def keys_of(schema_name: str) -> tuple[StoredKey, ...]:
    """The API keys of one clinic, newest first."""
    with switched(PUBLIC):
        return tuple(
            key.as_stored() for key in ApiKey.objects.select_related("clinic").filter(clinic__schema_name=schema_name)
        )


def key_use(prefixes: Collection[str], *, since: date) -> dict[tuple[str, date], tuple[int, int]]:
    """(prefix, UTC day) -> (requests, refused) from `since` on, as far as they were carried over."""
    with switched(PUBLIC):
        rows = ApiKeyUse.objects.filter(prefix__in=list(prefixes), day__gte=since)
        return {(row.prefix, row.day): (row.requests, row.refused) for row in rows}
