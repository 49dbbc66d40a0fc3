"""What must happen around requests, migrations and changes of a clinic's row."""

from __future__ import annotations

from typing import Any

from django.core.signals import request_finished, request_started
from django.db.models.signals import post_delete, post_save
from django_tenants.signals import schema_migrated, schema_pre_migration

from medassist.tenancy.models import Clinic, Domain
from medassist.tenancy.postgres import barrier
from medassist.tenancy.postgres.switch import connection, owner_rights, reset_to_public, switched
from medassist.tenancy.schemas import PUBLIC_SCHEMA, ClinicRef
from medassist.tenancy.selectors import forget_clinics

_UID = "medassist.tenancy"


def connect() -> None:
    request_started.connect(_leave_clinic, dispatch_uid=_UID)
    request_finished.connect(_leave_clinic, dispatch_uid=_UID)
    for model in (Clinic, Domain):
        for signal in (post_save, post_delete):
            signal.connect(_forget, sender=model, dispatch_uid=f"{_UID}.{model.__name__}")
    schema_pre_migration.connect(_before_migrating, dispatch_uid=_UID)
    schema_migrated.connect(_after_migrating, dispatch_uid=_UID)


def _leave_clinic(**_: Any) -> None:
    reset_to_public()


def _forget(**_: Any) -> None:
    forget_clinics()


def _before_migrating(**_: Any) -> None:
    # django-tenants' own `migrate_schemas`: tables belong to the application's user, not to the clinic's role.
    connection.set_owner_rights(True)


def _after_migrating(schema_name: str, **_: Any) -> None:
    connection.set_owner_rights(False)
    if schema_name != PUBLIC_SCHEMA:
        with owner_rights(), switched(ClinicRef(schema_name, schema_name)):
            barrier.apply_clinic_grants(connection, schema_name)
