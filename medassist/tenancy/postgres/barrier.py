"""The second barrier between clinics: a database role each, grants, and row security on shared tables.

A clinic's role is `clinic_<8 hex of the database's name>_<schema>`: unique in a server that several databases
share, and the schema can be read back from `current_user` by a row policy without a lookup. Rights on shared
(public) tables are given once to a group role that every clinic's role is a member of.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from psycopg import sql

from medassist.common.errors import ConfigurationError
from medassist.tenancy.schemas import PUBLIC_SCHEMA, is_schema_name

_ROLE_PREFIX_LENGTH = len("clinic_01234567_")

CURRENT_CLINIC = f"substr(current_user::text, {_ROLE_PREFIX_LENGTH + 1})"
"""SQL: the schema of the clinic whose role is active."""

READ_ONLY_TABLES = ("django_migrations",)
APPEND_ONLY_TABLES = ("audit_auditentry",)
"""Tables of a clinic's schema in which its role may not change what is written."""


def _database_mark(database: str) -> str:
    return hashlib.sha256(database.encode()).hexdigest()[:8]


@lru_cache(maxsize=4096)
def clinic_role(database: str, schema_name: str) -> str:
    if not is_schema_name(schema_name):
        raise ConfigurationError("This is not the schema of a clinic")
    return f"clinic_{_database_mark(database)}_{schema_name}"


def clinics_role(database: str) -> str:
    """The group of all clinic roles of one database."""
    return f"clinics_{_database_mark(database)}"


def _database_name(connection: Any) -> str:
    return str(connection.settings_dict["NAME"])


def _ensure_role(cursor: Any, role: str) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))


def ensure_clinics_role(connection: Any) -> str:
    """Makes the group role and gives it what every clinic reads in the public schema."""
    group = clinics_role(_database_name(connection))
    with connection.cursor() as cursor:
        _ensure_role(cursor, group)
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(group)))
        cursor.execute("SELECT to_regclass('public.django_content_type') IS NOT NULL")
        if cursor.fetchone()[0]:
            cursor.execute(sql.SQL("GRANT SELECT ON public.django_content_type TO {}").format(sql.Identifier(group)))
    return group


def apply_clinic_grants(connection: Any, schema_name: str) -> str:
    """Makes the clinic's role and gives it rights on its own tables; run after each migration. Returns the role."""
    role = clinic_role(_database_name(connection), schema_name)
    group = ensure_clinics_role(connection)
    schema, name = sql.Identifier(schema_name), sql.Identifier(role)
    with connection.cursor() as cursor:
        _ensure_role(cursor, role)
        # INHERIT FALSE: the application's own user must switch to the role, it does not silently have its rights.
        cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE").format(name))
        cursor.execute(sql.SQL("GRANT {} TO {} WITH INHERIT TRUE").format(sql.Identifier(group), name))
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, name))
        cursor.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}").format(schema, name)
        )
        cursor.execute(sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {} TO {}").format(schema, name))
        for tables, rights in ((READ_ONLY_TABLES, "INSERT, UPDATE, DELETE"), (APPEND_ONLY_TABLES, "UPDATE, DELETE")):
            for table in tables:
                cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f'"{schema_name}"."{table}"'])
                if cursor.fetchone()[0]:
                    cursor.execute(
                        sql.SQL("REVOKE {} ON {} FROM {}").format(
                            sql.SQL(rights), sql.Identifier(schema_name, table), name
                        )
                    )
    return role


def grant_shared_table(connection: Any, table: str, rights: str) -> None:
    """Gives every clinic `rights` ("SELECT, INSERT") on a table of the public schema."""
    group = ensure_clinics_role(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("GRANT {} ON {} TO {}").format(
                sql.SQL(rights), sql.Identifier(PUBLIC_SCHEMA, table), sql.Identifier(group)
            )
        )


def secure_rows(connection: Any, table: str, column: str) -> None:
    """Forced row security on a public table: a clinic's role sees and writes its own rows only, by `column`."""
    group = sql.Identifier(ensure_clinics_role(connection))
    name, own = sql.Identifier(PUBLIC_SCHEMA, table), sql.Identifier(column)
    clinic_policy, owner_policy = sql.Identifier(f"{table}_clinic"[:63]), sql.Identifier(f"{table}_owner"[:63])
    mine = sql.SQL("{} = {}").format(own, sql.SQL(CURRENT_CLINIC))
    with connection.cursor() as cursor:
        for action in ("ENABLE", "FORCE"):
            cursor.execute(sql.SQL("ALTER TABLE {} {} ROW LEVEL SECURITY").format(name, sql.SQL(action)))
        for policy in (clinic_policy, owner_policy):
            cursor.execute(sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(policy, name))
        cursor.execute(
            sql.SQL("CREATE POLICY {} ON {} TO {} USING ({}) WITH CHECK ({})").format(
                clinic_policy, name, group, mine, mine
            )
        )
        # The owner works for all clinics: fair claims, sweeping, platform staff. Forced security needs it said.
        cursor.execute(
            sql.SQL("CREATE POLICY {} ON {} TO CURRENT_USER USING (true) WITH CHECK (true)").format(owner_policy, name)
        )


def unsecure_rows(connection: Any, table: str) -> None:
    name = sql.Identifier(PUBLIC_SCHEMA, table)
    with connection.cursor() as cursor:
        for suffix in ("clinic", "owner"):
            policy = sql.Identifier(f"{table}_{suffix}"[:63])
            cursor.execute(sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(policy, name))
        for action in ("NO FORCE", "DISABLE"):
            cursor.execute(sql.SQL("ALTER TABLE {} {} ROW LEVEL SECURITY").format(name, sql.SQL(action)))


def drop_clinic_role(connection: Any, schema_name: str) -> None:
    """Removes the role of a clinic whose schema is gone (its remaining grants first)."""
    role = clinic_role(_database_name(connection), schema_name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is not None:
            cursor.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
