"""Which clinic the thread's connection works for. Used by `tenancy.context`; nothing else switches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection as django_connection

from medassist.tenancy.schemas import PUBLIC_SCHEMA, ClinicRef

connection: Any = django_connection
"""The thread's connection, with what our backend adds to Django's type (`set_tenant`, `schema_name`, …)."""


@dataclass(frozen=True)
class PublicSchema:
    """Stands for "no clinic": the schema of platform staff, keys and the job ledger."""

    schema_name: str = PUBLIC_SCHEMA


PUBLIC = PublicSchema()


@contextmanager
def switched(tenant: ClinicRef | PublicSchema) -> Iterator[None]:
    """The connection works for `tenant` inside the block and for whoever it did before after it."""
    previous: Any = connection.tenant
    if _same(previous, tenant):
        yield
        return
    connection.set_tenant(tenant)
    try:
        yield
    finally:
        connection.set_tenant(previous if previous is not None else PUBLIC)


def _same(previous: Any, tenant: ClinicRef | PublicSchema) -> bool:
    # Also type: django-tenants' own commands leave a stand-in that knows nothing but the schema's name.
    return type(previous) is type(tenant) and previous == tenant


def reset_to_public() -> None:
    """Forgets any clinic; the next statement of this connection sets path and role anew."""
    connection.set_tenant(PUBLIC)


@contextmanager
def owner_rights() -> Iterator[None]:
    """Statements run as the tables' owner instead of the clinic's role: for migrations and grants only."""
    previous: bool = connection.as_owner
    connection.set_owner_rights(True)
    try:
        yield
    finally:
        connection.set_owner_rights(previous)
