from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from medassist.accounts.models import User
from medassist.common.errors import ClinicNotOpen, ConfigurationError, NotFound
from medassist.tenancy.context import clinic_context, current_clinic, current_schema, public_context
from medassist.tenancy.models import Clinic
from medassist.tenancy.postgres.barrier import clinic_role
from medassist.tenancy.postgres.switch import owner_rights
from medassist.tenancy.selectors import forget_clinics


def _where() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema(), current_user::text")
        schema, role = cursor.fetchone()
    return schema, role


def _role(schema: str) -> str:
    return clinic_role(connection.settings_dict["NAME"], schema)


@pytest.mark.django_db
def test_a_clinic_is_entered_with_its_role_and_left_again() -> None:
    outside = _where()
    with clinic_context("alpha") as clinic:
        assert (clinic.schema_name, current_clinic().name) == ("alpha", "Alpha Clinic")
        assert _where() == ("alpha", _role("alpha"))
        with clinic_context("beta"):
            assert _where() == ("beta", _role("beta"))
            with public_context():
                assert _where() == outside
            assert _where() == ("beta", _role("beta"))
        assert _where() == ("alpha", _role("alpha"))
    assert _where() == outside
    assert outside[0] == "public"


@pytest.mark.django_db
def test_the_clinic_is_left_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), clinic_context("alpha"):
        _ = 1 / 0
    assert current_schema() == "public"


@pytest.mark.django_db
def test_an_unknown_or_closed_clinic_is_not_entered() -> None:
    with pytest.raises(NotFound), clinic_context("gamma"):
        pass
    Clinic.objects.filter(schema_name="beta").update(state="closed")
    forget_clinics()
    with pytest.raises(ClinicNotOpen), clinic_context("beta"):
        pass
    assert current_schema() == "public"


def test_there_is_no_current_clinic_in_public() -> None:
    with pytest.raises(ConfigurationError):
        current_clinic()


@pytest.mark.django_db
def test_path_and_role_survive_rollbacks() -> None:
    with clinic_context("alpha"):
        with suppress(LookupError), transaction.atomic(), clinic_context("beta"):
            User.objects.count()
            raise LookupError
        assert _where() == ("alpha", _role("alpha"))
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")
        assert _where() == ("alpha", _role("alpha"))


def test_a_clinic_without_its_role_fails_instead_of_running_as_owner(
    committed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medassist.tenancy.postgres.barrier.clinic_role", lambda *_: "no_such_role")
    User.objects.count()
    with clinic_context("alpha"):
        # Outside a transaction an error that was passed over would leave the next statement in public, as owner.
        for _ in range(2):
            with pytest.raises(DatabaseError, match="no_such_role"):
                User.objects.count()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM beta.accounts_user",
        "SELECT * FROM public.accounts_user",
        "SELECT * FROM public.tenancy_apikey",
        "SELECT * FROM public.tenancy_clinic",
        "INSERT INTO beta.django_session VALUES ('a', 'b', now())",
        "CREATE TABLE alpha.mine (id int)",
        "DROP TABLE alpha.accounts_user",
        "UPDATE alpha.audit_auditentry SET action = 'x'",
        "DELETE FROM alpha.audit_auditentry",
        "TRUNCATE alpha.accounts_user",
    ],
)
def test_the_role_refuses_what_is_not_the_clinics_own(statement: str, in_alpha: object) -> None:
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.django_db
def test_a_clinic_sees_and_writes_only_its_own_rows_of_a_shared_table(in_alpha: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clinic FROM public.audit_audithead")
        assert cursor.fetchall() == [("alpha",)]
        cursor.execute("UPDATE public.audit_audithead SET seq = seq WHERE clinic = 'beta'")
        assert cursor.rowcount == 0
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("INSERT INTO public.audit_audithead VALUES ('gamma', 0, '', '')")
    with public_context(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM public.audit_audithead WHERE clinic IN ('alpha', 'beta')")
        assert cursor.fetchone() == (2,)


@pytest.mark.django_db
def test_tables_of_the_public_schema_have_no_copies_in_clinics() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'alpha' AND tablename = ANY(%s)",
            [["audit_audithead", "tenancy_apikey", "tenancy_clinic", "django_content_type", "jobs_job"]],
        )
        assert cursor.fetchall() == []


@pytest.mark.django_db
def test_every_table_of_the_public_schema_that_clinics_may_write_has_forced_row_security() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT class.relname FROM information_schema.role_table_grants granted
            JOIN pg_class class ON class.relname = granted.table_name
            JOIN pg_namespace space ON space.oid = class.relnamespace AND space.nspname = 'public'
            WHERE granted.table_schema = 'public' AND granted.grantee LIKE 'clinics_%%'
              AND granted.privilege_type <> 'SELECT' AND NOT (class.relrowsecurity AND class.relforcerowsecurity)
            """
        )
        assert cursor.fetchall() == []


@pytest.mark.django_db
def test_owner_rights_end_with_their_block() -> None:
    with clinic_context("alpha"):
        with owner_rights():
            assert _where()[1] != _role("alpha")
        assert _where()[1] == _role("alpha")


def test_threads_that_alternate_between_clinics_never_meet_the_wrong_one(committed: None) -> None:
    for schema in ("alpha", "beta"):
        with clinic_context(schema):
            User.objects.create_user(f"only-{schema}", role="nurse")
    wrong: list[str] = []
    start = threading.Barrier(16)

    def work(number: int) -> None:
        start.wait()
        try:
            for turn in range(40):
                schema = "alpha" if (number + turn) % 2 else "beta"
                with clinic_context(schema):
                    try:
                        with transaction.atomic():
                            names = [*User.objects.values_list("username", flat=True).iterator()]
                            if turn % 5 == 0:
                                raise LookupError
                    except LookupError:
                        names = [*User.objects.values_list("username", flat=True)]
                    if names != [f"only-{schema}"] or _where() != (schema, _role(schema)):
                        wrong.append(f"{schema}: {names}")
                if turn % 10 == 0:
                    connection.close()
        except Exception as error:  # noqa: BLE001 - a thread's error must fail the test
            wrong.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
