"""Writes about clinics: opening, changing state, keys. Each with its audit entry."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from django_tenants.utils import quote_schema_name

from medassist.common import trail
from medassist.common.errors import InvalidInput, NotFound, StateConflict
from medassist.tenancy import migrating
from medassist.tenancy.context import clinic_context, public_context
from medassist.tenancy.keys import key_text, new_key
from medassist.tenancy.models import ApiKey, ApiKeyUse, Clinic, Domain
from medassist.tenancy.postgres.switch import owner_rights
from medassist.tenancy.schemas import ClinicRef, ClinicState, StoredKey, is_schema_name

logger = logging.getLogger(__name__)

_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_NEXT_STATES: dict[str, frozenset[str]] = {
    "open": frozenset({"closing"}),
    "closing": frozenset({"open", "closed"}),
}
_KEY_USE_NOTED_EVERY = timedelta(minutes=1)


def open_clinic(
    *,
    schema_name: str,
    name: str,
    hosts: Sequence[str],
    locale: str = "en-GB",
    emergency_number: str = "999",
    languages: Sequence[str] = (),
    by: str,
) -> ClinicRef:
    """A clinic with schema, role, tables and host names, ready for requests.

    Each step can be repeated: after a kill, calling it again carries on where it stopped; for a clinic that
    is already open it only adds missing host names. Raises `InvalidInput`, or `StateConflict` when a host name
    belongs to another clinic or the clinic is closing or closed.
    """
    hosts = _checked_names(schema_name, hosts)
    with public_context(), _alone(schema_name):
        clinic = _clinic_row(schema_name, name, hosts, locale, emergency_number, languages)
        if clinic.state == Clinic.States.OPEN and clinic.migrated_to == migrating.migration_target():
            return clinic.as_ref()
        with owner_rights(), connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quote_schema_name(schema_name)}")
        role = migrating.migrate_clinic(schema_name)
        with transaction.atomic():
            newly_open = clinic.state == Clinic.States.PROVISIONING
            clinic.db_role, clinic.migrated_to, clinic.state = role, migrating.migration_target(), Clinic.States.OPEN
            clinic.save(update_fields=["db_role", "migrated_to", "state"])
            if newly_open:
                _note_in_both(schema_name, action="clinic.opened", by=by)
    logger.info("A clinic is open", extra={"clinic": schema_name})
    return clinic.as_ref()


def _checked_names(schema_name: str, hosts: Sequence[str]) -> list[str]:
    if not is_schema_name(schema_name):
        raise InvalidInput(
            "The schema name has lower-case letters, digits and underscores, begins with a letter, at most 40 long",
            fields={"schema_name": "not allowed"},
        )
    lowered = [host.strip().lower().rstrip(".") for host in hosts]
    wrong = [host for host in lowered if not _HOST.fullmatch(host)]
    if wrong:
        raise InvalidInput("These are not host names", fields=dict.fromkeys(wrong, "not a host name"))
    return lowered


@contextmanager
def _alone(schema_name: str) -> Iterator[None]:
    """One process at a time provisions a clinic; the lock goes with the connection if the process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('medassist.open_clinic'), hashtext(%s))", [schema_name])
    try:
        yield
    finally:
        # After an error inside a caller's transaction nothing can be executed; the lock ends with the session.
        if not connection.needs_rollback:
            with public_context(), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_advisory_unlock(hashtext('medassist.open_clinic'), hashtext(%s))", [schema_name]
                )


def _clinic_row(
    schema_name: str, name: str, hosts: Sequence[str], locale: str, emergency_number: str, languages: Sequence[str]
) -> Clinic:
    with transaction.atomic():
        clinic: Clinic | None = Clinic.objects.filter(schema_name=schema_name).first()
        if clinic is None:
            if not name.strip():
                raise InvalidInput("A new clinic needs a name", fields={"name": "required"})
            clinic = Clinic(
                schema_name=schema_name, name=name, locale=locale, emergency_number=emergency_number,
                languages=list(languages) or [locale.split("-", maxsplit=1)[0]],
            )  # fmt: skip
            clinic.save()
        if clinic.state in {Clinic.States.CLOSING, Clinic.States.CLOSED}:
            raise StateConflict(f"Clinic {schema_name} is {clinic.state}")
        for host in hosts:
            owner = Domain.objects.select_related("tenant").filter(domain=host).first()
            if owner is None:
                Domain(domain=host, tenant=clinic, is_primary=not clinic.domains.exists()).save()
            elif owner.tenant_id != clinic.pk:
                raise StateConflict(f"The host name {host} belongs to another clinic")
        return clinic


def _note_in_both(schema_name: str, *, action: str, by: str) -> None:
    """Platform staff see it in the public trail, the clinic in its own; inside the caller's transaction."""
    with public_context():
        trail.note(actor=by, action=action, object_type="clinic", object_id=schema_name)
    with clinic_context(schema_name, states=("provisioning", "open", "closing", "closed")):
        trail.note(actor=by, action=action, object_type="clinic", object_id=schema_name)


def change_state(*, schema_name: str, to: ClinicState, by: str) -> ClinicRef:
    """open -> closing -> closed, or back from closing; other processes notice within seconds."""
    with public_context(), transaction.atomic():
        clinic: Clinic | None = Clinic.objects.select_for_update().filter(schema_name=schema_name).first()
        if clinic is None:
            raise NotFound("There is no such clinic")
        if to not in _NEXT_STATES.get(clinic.state, frozenset()):
            raise StateConflict(f"A clinic that is {clinic.state} cannot become {to}")
        clinic.state = to
        clinic.save(update_fields=["state"])
        _note_in_both(schema_name, action=f"clinic.{to}", by=by)
        return clinic.as_ref()


def require_second_factor(*, schema_name: str, required: bool, by: str) -> ClinicRef:
    """Clinicians and administrators of the clinic need a second factor from now on, or no longer. Raises `NotFound`."""
    with public_context(), transaction.atomic():
        clinic: Clinic | None = Clinic.objects.select_for_update().filter(schema_name=schema_name).first()
        if clinic is None:
            raise NotFound("There is no such clinic")
        if clinic.second_factor_required != required:
            clinic.second_factor_required = required
            clinic.save(update_fields=["second_factor_required"])
            _note_in_both(schema_name, action=f"clinic.second_factor.{'required' if required else 'optional'}", by=by)
        return clinic.as_ref()


def store_key(
    *, schema_name: str, name: str, scopes: Sequence[str], expires_at: datetime | None, created_by: str
) -> tuple[str, StoredKey]:
    """A new API key of a clinic: its text, which is not kept, and what is stored. The caller audits."""
    text, prefix, key_digest = new_key()
    with public_context():
        clinic = Clinic.objects.filter(schema_name=schema_name).first()
        if clinic is None:
            raise NotFound("There is no such clinic")
        key = ApiKey.objects.create(
            clinic=clinic, prefix=prefix, digest=key_digest, name=name, scopes=list(scopes), expires_at=expires_at,
            created_by=created_by[:160],
        )  # fmt: skip
        return text, key.as_stored()


def revoke_key(*, schema_name: str, prefix: str) -> bool:
    """Ends a key at once; False when it had ended before. The caller audits. Raises `NotFound`."""
    with public_context():
        keys = ApiKey.objects.filter(prefix=prefix, clinic__schema_name=schema_name)
        if keys.filter(revoked_at__isnull=True).update(revoked_at=timezone.now()):
            return True
        if not keys.exists():
            raise NotFound("There is no such key")
        return False


def rotate_key(*, schema_name: str, prefix: str, overlap: timedelta) -> tuple[str, StoredKey]:
    """A new secret for a key that works; the present one works on for `overlap`, any older one no longer.

    The caller audits. Raises `NotFound`, or `StateConflict` for a key that was revoked or has expired.
    """
    with public_context(), transaction.atomic():
        now = timezone.now()
        key = ApiKey.objects.select_for_update(of=("self",)).filter(prefix=prefix, clinic__schema_name=schema_name)
        found = key.select_related("clinic").first()
        if found is None:
            raise NotFound("There is no such key")
        if found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now):
            raise StateConflict("A key that was revoked or has expired cannot be rotated")
        text, key_digest = key_text(prefix)
        found.previous_digest, found.digest = (found.digest, key_digest) if overlap else ("", key_digest)
        found.previous_until = now + overlap if overlap else None
        found.save(update_fields=["digest", "previous_digest", "previous_until"])
        return text, found.as_stored()


def set_rates(*, schema_name: str, reads: int | None, writes: int | None, by: str) -> ClinicRef:
    """Requests a minute of one caller of the clinic's API (None: the installation's default). Raises `NotFound`."""
    with public_context(), transaction.atomic():
        clinic: Clinic | None = Clinic.objects.select_for_update().filter(schema_name=schema_name).first()
        if clinic is None:
            raise NotFound("There is no such clinic")
        clinic.reads_per_minute, clinic.writes_per_minute = reads, writes
        clinic.save(update_fields=["reads_per_minute", "writes_per_minute"])
        _note_in_both(schema_name, action="clinic.rates", by=by)
        return clinic.as_ref()


def add_key_use(*, prefix: str, day: date, requests: int, refused: int) -> None:
    """Adds to what a key did on a UTC day."""
    with public_context():
        ApiKeyUse.objects.get_or_create(prefix=prefix, day=day)
        ApiKeyUse.objects.filter(prefix=prefix, day=day).update(
            requests=F("requests") + requests, refused=F("refused") + refused
        )


def note_key_use(key: StoredKey) -> bool:
    """Remembers that a key was used, at most once a minute; True when this call did."""
    now = timezone.now()
    if key.last_used_at is not None and now - key.last_used_at < _KEY_USE_NOTED_EVERY:
        return False
    with public_context():
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - _KEY_USE_NOTED_EVERY)
        return bool(ApiKey.objects.filter(stale, prefix=key.prefix).update(last_used_at=now))


def clinics_to_migrate(*, target: str) -> tuple[str, ...]:
    """Schemas of clinics whose recorded state is not `target` (an empty target: all of them), by name."""
    with public_context():
        clinics = Clinic.objects.exclude(state__in=[Clinic.States.CLOSED, Clinic.States.PROVISIONING])
        return tuple(clinics.exclude(migrated_to=target or "-").values_list("schema_name", flat=True))


def migrate_one(*, schema_name: str) -> None:
    """Brings one clinic's schema to the newest migrations, renews its role's rights and remembers the state."""
    with public_context(), _alone(schema_name):
        role = migrating.migrate_clinic(schema_name)
        Clinic.objects.filter(schema_name=schema_name).update(db_role=role, migrated_to=migrating.migration_target())
