from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from medassist.audit.services import verify_chain
from medassist.common.errors import InvalidInput, StateConflict
from medassist.tenancy import migrating
from medassist.tenancy.checks import check_database, check_settings
from medassist.tenancy.context import clinic_context
from medassist.tenancy.models import Clinic
from medassist.tenancy.postgres import barrier
from medassist.tenancy.services import change_state, clinics_to_migrate, open_clinic


def _run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def gamma(committed: None) -> Iterator[str]:
    """The name of a clinic that the test opens; schema, role and row go afterwards."""
    yield "gamma"
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS gamma CASCADE")
        cursor.execute("DELETE FROM tenancy_domain WHERE domain LIKE 'gamma%'")
        cursor.execute("DELETE FROM tenancy_clinic WHERE schema_name = 'gamma'")
    barrier.drop_clinic_role(connection, "gamma")


def test_open_clinic_makes_a_clinic_that_works_and_is_on_record(gamma: str) -> None:
    assert "is open" in _run(
        "open_clinic", gamma, "--name", "Gamma", "--host", "gamma.localhost", "--host", "GAMMA2.localhost"
    )
    clinic = Clinic.objects.get(schema_name=gamma)
    assert (clinic.state, sorted(clinic.domains.values_list("domain", flat=True))) == (
        "open",
        ["gamma.localhost", "gamma2.localhost"],
    )
    assert clinic.domains.filter(is_primary=True).count() == 1
    with clinic_context(gamma):
        from medassist.accounts.models import User

        assert User.objects.create_user("first", role="nurse").pk
    assert verify_chain(gamma) == verify_chain("public") == []


def test_opening_again_changes_nothing_and_adds_host_names(gamma: str) -> None:
    _run("open_clinic", gamma, "--name", "Gamma", "--host", "gamma.localhost")
    _run("open_clinic", gamma, "--host", "gamma3.localhost")
    clinic = Clinic.objects.get(schema_name=gamma)
    assert (clinic.name, clinic.domains.count()) == ("Gamma", 2)


def test_opening_carries_on_after_a_kill(gamma: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any) -> str:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("medassist.tenancy.postgres.barrier.apply_clinic_grants", killed)
        with pytest.raises(Killed):
            open_clinic(schema_name=gamma, name="Gamma", hosts=["gamma.localhost"], by="tests")
    assert Clinic.objects.get(schema_name=gamma).state == "provisioning"
    assert open_clinic(schema_name=gamma, name="Gamma", hosts=["gamma.localhost"], by="tests").state == "open"
    assert verify_chain(gamma) == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["public", "Alpha", "1st", "pg_own", "a-b", "x" * 41, 'a"; DROP', ""])
def test_schema_names_that_would_not_do_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        open_clinic(schema_name=name, name="X", hosts=["x.localhost"], by="tests")


@pytest.mark.django_db
def test_a_host_name_belongs_to_one_clinic() -> None:
    with pytest.raises(StateConflict):
        open_clinic(schema_name="alpha", name="", hosts=["beta.localhost"], by="tests")
    with pytest.raises(InvalidInput):
        open_clinic(schema_name="alpha", name="", hosts=["no host"], by="tests")


@pytest.mark.django_db
def test_a_clinic_closes_in_order_and_stays_closed() -> None:
    change_state(schema_name="beta", to="closing", by="tests")
    change_state(schema_name="beta", to="open", by="tests")
    with pytest.raises(StateConflict):
        change_state(schema_name="beta", to="closed", by="tests")
    change_state(schema_name="beta", to="closing", by="tests")
    change_state(schema_name="beta", to="closed", by="tests")
    with pytest.raises(StateConflict):
        change_state(schema_name="beta", to="open", by="tests")


def test_migrating_skips_clinics_that_are_current_and_renews_the_others(committed: None) -> None:
    assert "0 of 2 to migrate" in _run("migrate_clinics")
    Clinic.objects.filter(schema_name="beta").update(migrated_to="older", db_role="")
    assert clinics_to_migrate(target=migrating.migration_target()) == ("beta",)
    output = _run("migrate_clinics")
    assert "1 of 2 to migrate" in output
    assert "beta" in output
    beta = Clinic.objects.get(schema_name="beta")
    assert (beta.migrated_to, beta.db_role != "") == (migrating.migration_target(), True)
    with clinic_context("beta"), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_user")


@pytest.mark.django_db
def test_a_command_runs_in_every_clinic_and_one_failure_does_not_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "2 of 2 clinics done" in _run("in_every_clinic", "clearsessions")
    seen: list[str] = []

    def work(self: Any, **_: Any) -> None:
        seen.append(connection.schema_name)  # type: ignore[attr-defined]
        if seen == ["alpha"]:
            raise RuntimeError("broken")

    monkeypatch.setattr("django.contrib.sessions.management.commands.clearsessions.Command.handle", work)
    with pytest.raises(CommandError, match="Failed in: alpha"):
        _run("in_every_clinic", "clearsessions")
    assert seen == ["alpha", "beta"]


@pytest.mark.django_db
def test_the_checks_are_silent_on_a_right_set_up_and_speak_on_a_wrong_one(settings: Any) -> None:
    assert [*check_settings(), *check_database(databases=["default"])] == []
    Clinic.objects.filter(schema_name="alpha").update(db_role="somebody_else")
    settings.DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
    ids = [message.id for message in [*check_settings(), *check_database(databases=["default"])]]
    assert ids == ["medassist.E002", "medassist.E008"]
