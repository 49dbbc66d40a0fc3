"""Migration operations for the tables that clinics share in the public schema.

A room that keeps such a table adds, after its CreateModel:

    operations = [
        ...,
        clinic_row_security("jobs_job", column="clinic", rights="SELECT, INSERT, UPDATE"),
        grant_shared_table("rag_passage", rights="SELECT"),
    ]
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

from medassist.tenancy.postgres import barrier
from medassist.tenancy.schemas import PUBLIC_SCHEMA


def clinic_row_security(
    table: str, *, column: str = "clinic", rights: str = "SELECT, INSERT, UPDATE, DELETE"
) -> migrations.RunPython:
    """Each clinic's role reads and writes only rows whose `column` is its schema name; the owner sees all."""

    def forwards(_apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.schema_name == PUBLIC_SCHEMA:
            barrier.secure_rows(schema_editor.connection, table, column)
            barrier.grant_shared_table(schema_editor.connection, table, rights)

    def backwards(_apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.schema_name == PUBLIC_SCHEMA:
            barrier.unsecure_rows(schema_editor.connection, table)

    return migrations.RunPython(forwards, backwards, elidable=False)


def grant_shared_table(table: str, *, rights: str = "SELECT") -> migrations.RunPython:
    """Every clinic has `rights` on all rows of a public table: for what is the same for everybody (guidelines)."""

    def forwards(_apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.schema_name == PUBLIC_SCHEMA:
            barrier.grant_shared_table(schema_editor.connection, table, rights)

    return migrations.RunPython(forwards, migrations.RunPython.noop, elidable=False)
