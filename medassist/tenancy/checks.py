"""System checks that explain a wrong database set-up before it shows as an odd error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError, connection

from medassist.tenancy.postgres import barrier

ENGINE = "medassist.tenancy.postgres"
MINIMUM_VERSION = 160000


def register_checks() -> None:
    register(check_settings, Tags.security)
    register(check_database, Tags.database)


def check_settings(**_: Any) -> Iterable[CheckMessage]:
    """What can be said without a connection."""
    default = settings.DATABASES["default"]
    if default["ENGINE"] != ENGINE:
        yield Error(
            "The database engine is not MedAssist's own, so clinics would not be kept apart by roles.",
            hint=f"Set ENGINE to {ENGINE!r}.",
            id="medassist.E001",
        )
    if not settings.DATABASE_ROUTERS or settings.DATABASE_ROUTERS[0] != "medassist.tenancy.routers.PublicTables":
        yield Error(
            "Tables of the public schema would also be made in clinics and hide the real ones.",
            hint="Put medassist.tenancy.routers.PublicTables first in DATABASE_ROUTERS.",
            id="medassist.E002",
        )
    if default.get("OPTIONS", {}).get("pool") and default.get("CONN_MAX_AGE"):
        yield Error("A connection pool needs CONN_MAX_AGE=0.", id="medassist.E003")


def check_database(databases: Iterable[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The server's version, the user's rights and the clinics' roles. `manage.py check --database default`."""
    if not databases or "default" not in databases or settings.DATABASES["default"]["ENGINE"] != ENGINE:
        return []
    try:
        return [*_check_server(), *_check_roles()]
    except DatabaseError as error:
        return [
            Error(
                f"The database cannot be used: {type(error).__name__}.",
                hint="Check DATABASE_URL, and that the server is running and accepts this user.",
                id="medassist.E004",
            )
        ]


def _check_server() -> Iterable[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
        number, version = cursor.fetchone()
        cursor.execute("SELECT rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = session_user")
        superuser, create_role, bypass = cursor.fetchone()
        cursor.execute("SELECT has_database_privilege(current_database(), 'CREATE')")
        may_create = cursor.fetchone()[0]
    if number < MINIMUM_VERSION:
        yield Error(f"Postgres {version} is too old: 16 is the oldest with the grants used here.", id="medassist.E005")
    if not (superuser or create_role):
        yield Error(
            "The database user may not create roles, so no clinic can be opened.",
            hint="As a superuser: ALTER ROLE <user> CREATEROLE.",
            id="medassist.E006",
        )
    if not may_create:
        yield Error(
            "The database user may not create schemas in this database.",
            hint="As a superuser: GRANT CREATE ON DATABASE <name> TO <user>, or make it the owner.",
            id="medassist.E007",
        )
    if superuser or bypass:
        yield Warning(
            "The database user is a superuser or bypasses row security.",
            hint="Clinics' own roles are still bound, but a plain user with CREATEROLE is enough.",
            id="medassist.W003",
        )


def _check_roles() -> Iterable[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.tenancy_clinic') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return
        cursor.execute(
            "SELECT clinic.schema_name, clinic.db_role, clinic.db_role IN (SELECT rolname FROM pg_roles) "
            "FROM public.tenancy_clinic clinic WHERE clinic.state = 'open'"
        )
        clinics = cursor.fetchall()
    for schema_name, role, exists in clinics:
        expected = barrier.clinic_role(str(connection.settings_dict["NAME"]), schema_name)
        if role != expected or not exists:
            yield Error(
                f"The database role of clinic {schema_name} is missing or belongs to another database.",
                hint="After a restore or a rename run `manage.py migrate_clinics --all`: it makes the roles again.",
                id="medassist.E008",
            )
