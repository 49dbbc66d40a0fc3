"""The test house: two clinics made once a session, a cast that everybody knows, and no network but the loopback.

Alice (clinician), Nora (nurse), Pat (patient), Ada (clinic administrator) and Audrey (auditor) belong to clinic
`alpha`, Bob (clinician) to `beta`. The stranger is not signed in, or holds a key of `beta`. Each test is rolled
back; one that must commit uses the `committed` fixture (or `django_db(transaction=True)`), after which the
clinics' tables are emptied again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection as django_connection
from django.test import TransactionTestCase
from django.test.client import Client
from rest_framework.test import APIClient

connection: Any = django_connection

PASSWORD = "correct horse battery staple"
HOSTS = {"alpha": "alpha.localhost", "beta": "beta.localhost", "public": "localhost"}


@dataclass(frozen=True)
class Member:
    """One of the cast: the stored person (`user`), and as whom they act (`actor`) in which clinic."""

    user: Any
    actor: Any
    clinic: str
    host: str
    password: str = PASSWORD


@pytest.fixture(autouse=True)
def _fresh_process_state() -> Iterator[None]:
    """What a process remembers about clinics must not outlive a rolled-back test."""
    from django.core.cache import cache

    from medassist.jobs.estimate import forget_estimates
    from medassist.llm.table import forget_all
    from medassist.tenancy.postgres.switch import reset_to_public
    from medassist.tenancy.selectors import forget_clinics

    cache.clear()
    forget_clinics()
    forget_all()
    forget_estimates()
    reset_to_public()
    yield
    reset_to_public()


# --- the database ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any, django_db_modify_db_settings: None
) -> Iterator[None]:
    from medassist.tenancy.services import open_clinic

    with django_db_blocker.unblock():
        original = connection.settings_dict["NAME"]
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        open_clinic(schema_name="alpha", name="Alpha Clinic", hosts=[HOSTS["alpha"]], by="tests")
        open_clinic(schema_name="beta", name="Beta Hospital", hosts=[HOSTS["beta"]], emergency_number="112", by="tests")
        _house.remember()
    yield
    with django_db_blocker.unblock():
        _house.clear_away(original)


class _House:
    """What stays when the tables are emptied: the clinics, and the first entries of their trails."""

    schemas = ("public", "alpha", "beta")
    kept = frozenset(
        {"django_migrations", "django_content_type", "auth_permission", "tenancy_clinic", "tenancy_domain"}
        | {"audit_auditentry", "audit_audithead"}
    )

    def __init__(self) -> None:
        self._heads: list[tuple[Any, ...]] = []

    def remember(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clinic, seq, mac, signature FROM audit_audithead")
            self._heads = cursor.fetchall()

    def empty(self) -> None:
        from medassist.tenancy.context import public_context

        connection.set_tenant(connection.tenant)
        with public_context(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s)", [list(self.schemas)]
            )
            tables = [f'"{schema}"."{table}"' for schema, table in cursor.fetchall() if table not in self.kept]
            cursor.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY")
            cursor.execute("DELETE FROM tenancy_clinic WHERE schema_name <> ALL(%s)", [list(self.schemas)])
            cursor.execute("DELETE FROM audit_audithead")
            for clinic, seq, mac, signature in self._heads:
                cursor.execute("INSERT INTO audit_audithead VALUES (%s, %s, %s, %s)", [clinic, seq, mac, signature])
                trail = f'"{clinic}".audit_auditentry'
                cursor.execute(f"ALTER TABLE {trail} DISABLE TRIGGER USER")
                cursor.execute(f"DELETE FROM {trail} WHERE seq > %s", [seq])
                cursor.execute(f"ALTER TABLE {trail} ENABLE TRIGGER USER")

    def clear_away(self, original: str) -> None:
        from medassist.tenancy.postgres.barrier import clinics_role

        name = connection.settings_dict["NAME"]
        mark = clinics_role(name).removeprefix("clinics_")
        connection.creation.destroy_test_db(original, verbosity=0)
        with connection.creation._nodb_cursor() as cursor:
            # Roles belong to the server, not to the database that has just been dropped.
            cursor.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s", [f"^clinics?_{mark}"])
            for (role,) in cursor.fetchall():
                cursor.execute(f'DROP ROLE "{role}"')


_house = _House()


def _empty_after_commit(self: TransactionTestCase) -> None:
    _house.empty()


# Django would flush the public schema alone, and with it the clinics' rows and the content types.
TransactionTestCase._fixture_teardown = _empty_after_commit  # type: ignore[attr-defined]


@pytest.fixture
def committed(transactional_db: None) -> None:
    """For tests whose other threads, processes or connections must see what was written."""


# --- the clinics ----------------------------------------------------------------------------------


@pytest.fixture
def in_alpha(db: None) -> Iterator[Any]:
    """Works inside clinic alpha for the whole test."""
    from medassist.tenancy.context import clinic_context

    with clinic_context("alpha") as clinic:
        yield clinic


@pytest.fixture
def in_beta(db: None) -> Iterator[Any]:
    """Works inside clinic beta for the whole test."""
    from medassist.tenancy.context import clinic_context

    with clinic_context("beta") as clinic:
        yield clinic


# --- the cast -------------------------------------------------------------------------------------


@pytest.fixture
def member(db: None) -> Callable[..., Member]:
    """Makes a person: `member("eve", Role.NURSE, clinic="beta")`."""

    def make(username: str, role: Any, *, clinic: str = "alpha", full_name: str = "") -> Member:
        from medassist.accounts.access import Permission, actor_for_user, system_actor
        from medassist.accounts.models import User
        from medassist.accounts.services import create_person
        from medassist.tenancy.context import clinic_context, public_context

        with public_context() if clinic == "public" else clinic_context(clinic):
            person = create_person(
                username=username, full_name=full_name or username.title(), role=role, password=PASSWORD,
                by=system_actor(clinic, "tests", scopes=frozenset(Permission)),
            )  # fmt: skip
            user = User.objects.get(pk=person.id)
            return Member(user=user, actor=actor_for_user(user), clinic=clinic, host=HOSTS[clinic])

    return make


@pytest.fixture
def alice(member: Callable[..., Member]) -> Member:
    from medassist.accounts.access import Role

    return member("alice", Role.CLINICIAN, full_name="Alice Adams")


@pytest.fixture
def nora(member: Callable[..., Member]) -> Member:
    from medassist.accounts.access import Role

    return member("nora", Role.NURSE, full_name="Nora Nash")


@pytest.fixture
def pat(member: Callable[..., Member]) -> Member:
    from medassist.accounts.access import Role

    return member("pat", Role.PATIENT, full_name="Pat Porter")


@pytest.fixture
def ada(member: Callable[..., Member]) -> Member:
    from medassist.accounts.access import Role

    return member("ada", Role.CLINIC_ADMIN, full_name="Ada Archer")


@pytest.fixture
def audrey(member: Callable[..., Member]) -> Member:
    from medassist.accounts.access import Role

    return member("audrey", Role.AUDITOR, full_name="Audrey Ames")


@pytest.fixture
def bob(member: Callable[..., Member]) -> Member:
    from medassist.accounts.access import Role

    return member("bob", Role.CLINICIAN, clinic="beta", full_name="Bob Brown")


@pytest.fixture
def staff(member: Callable[..., Member]) -> Member:
    """Platform staff, in the public schema."""
    from medassist.accounts.access import Role

    return member("sam", Role.PLATFORM_STAFF, clinic="public", full_name="Sam Stone")


@pytest.fixture
def key_of(db: None) -> Callable[..., str]:
    """Makes an API key and gives its text: `key_of("alpha")`, `key_of("beta", Permission.CASE_READ)`."""

    def make(clinic: str, *scopes: Any, expires_at: Any = None) -> str:
        from medassist.accounts.access import SCOPES, Permission, system_actor
        from medassist.accounts.services import issue_api_key

        return issue_api_key(
            clinic=clinic, name=f"{clinic} system", scopes=scopes or SCOPES, expires_at=expires_at,
            by=system_actor(clinic if _is_current(clinic) else "public", "tests", scopes=frozenset(Permission)),
        ).key  # fmt: skip

    return make


def _is_current(clinic: str) -> bool:
    from medassist.tenancy.context import current_schema

    return current_schema() == clinic


@pytest.fixture
def stranger_key(key_of: Callable[..., str]) -> str:
    """A valid key of the other clinic, with every scope."""
    return key_of("beta")


# --- the doors ------------------------------------------------------------------------------------


class _StaysInClinic:
    """A request ends in the public schema; the test that made it goes on where it was."""

    def request(self, **request: Any) -> Any:
        tenant = connection.tenant
        try:
            response: Any = super().request(**request)  # type: ignore[misc]
            if response.streaming:
                # Whatever is still to come is produced in the request's clinic.
                response.streaming_content = _to_the_end(response.streaming_content, connection.tenant)
            return response
        finally:
            connection.set_tenant(tenant)


def _to_the_end(content: Iterator[bytes], tenant: Any) -> Iterator[bytes]:
    with _tenant(tenant):
        yield from content


@contextmanager
def _tenant(tenant: Any) -> Iterator[None]:
    previous = connection.tenant
    connection.set_tenant(tenant)
    try:
        yield
    finally:
        connection.set_tenant(previous)


class DoorClient(_StaysInClinic, APIClient):
    """DRF's client; it serves for pages as well."""


class PageClient(_StaysInClinic, Client):
    pass


@pytest.fixture
def client() -> Client:
    """Django's client, for nobody in particular: give the host (`HTTP_HOST="alpha.localhost"`)."""
    return PageClient()


@pytest.fixture
def api(db: None) -> Callable[..., APIClient]:
    """A client for a member of the cast, a key, or (without either) a stranger: `api(alice)`, `api(key=…)`.

    `host` is the member's clinic, or alpha; give another one to knock at the wrong door. `csrf=True` enforces
    the CSRF token as a browser would meet it.
    """

    def make(
        person: Member | None = None, *, key: str | None = None, host: str | None = None, csrf: bool = False
    ) -> APIClient:
        from medassist.tenancy.context import clinic_context, public_context

        address = host or (person.host if person else HOSTS["alpha"])
        client = DoorClient(enforce_csrf_checks=csrf, HTTP_HOST=address)
        if person is not None:
            with public_context() if person.clinic == "public" else clinic_context(person.clinic):
                client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
        if key is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
        return client

    return make
