"""The only schema switch of the code base: generator-based, nested, one thread's connection at a time.

Django-tenants' own context managers keep their state on an object that threads share, and leak; ruff bans them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from medassist.common.errors import ClinicNotOpen, ConfigurationError
from medassist.tenancy import selectors
from medassist.tenancy.postgres.switch import PUBLIC, connection, switched
from medassist.tenancy.schemas import PUBLIC_SCHEMA, ClinicRef, ClinicState

_OPEN: frozenset[ClinicState] = frozenset({"open"})


@contextmanager
def clinic_context(schema_name: str, *, states: Collection[ClinicState] = _OPEN) -> Iterator[ClinicRef]:
    """Works inside one clinic's schema under its role; the previous schema comes back afterwards.

    Raises `NotFound` for an unknown clinic and `ClinicNotOpen` for one whose state is not in `states`;
    it never falls back to the public schema.
    """
    clinic = selectors.clinic_by_schema(schema_name)
    if clinic.state not in states:
        raise ClinicNotOpen(f"Clinic {schema_name} is {clinic.state}")
    with switched(clinic):
        yield clinic


@contextmanager
def public_context() -> Iterator[None]:
    """Works in the public schema with the application's own rights."""
    with switched(PUBLIC):
        yield


def current_schema() -> str:
    """The schema that this thread's connection works in: a clinic's, or "public"."""
    return str(connection.schema_name or PUBLIC_SCHEMA)


def current_clinic() -> ClinicRef:
    """The clinic that this thread works for; raises `ConfigurationError` in the public schema."""
    tenant = connection.tenant
    if isinstance(tenant, ClinicRef):
        return tenant
    schema_name = current_schema()
    if schema_name == PUBLIC_SCHEMA:
        raise ConfigurationError("This needs a clinic, and no clinic has been entered")
    return selectors.clinic_by_schema(schema_name)
