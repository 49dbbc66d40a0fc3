from __future__ import annotations

import io
import random
import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from medassist.accounts.access import Actor, system_actor
from medassist.audit import chain
from medassist.audit.models import AuditEntry, AuditHead
from medassist.audit.services import record, verify_chain
from medassist.audit.verification import values_of
from medassist.common import trail
from medassist.common.errors import ConfigurationError, InvalidInput, StateConflict
from medassist.tenancy.context import clinic_context, public_context
from medassist.tenancy.postgres.switch import owner_rights


def _record(number: int, clinic: str = "alpha") -> None:
    record(
        actor=system_actor(clinic, "tests"), action="case.read", object_type="case", object_id=str(number),
        detail={"number": number, "whole": True, "note": "ü", "nothing": None},
    )  # fmt: skip


@pytest.fixture
def ten(in_alpha: object) -> list[int]:
    """Ten entries in alpha; their numbers."""
    for number in range(10):
        _record(number)
    return list(AuditEntry.objects.order_by("seq").values_list("seq", flat=True))


def _tamper(*statements: str) -> None:
    """As somebody with the owner's rights in the database, but without the key."""
    with owner_rights(), connection.cursor() as cursor:
        # Deferred checks of the test's transaction would forbid ALTER TABLE.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE audit_auditentry DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement)


def _kinds(schema: str = "alpha") -> set[str]:
    return {problem.kind for problem in verify_chain(schema)}


@pytest.mark.django_db
def test_a_trail_that_was_left_alone_verifies(ten: list[int]) -> None:
    assert verify_chain("alpha") == verify_chain("beta") == verify_chain("public") == []
    assert len(ten) >= 11
    assert ten == list(range(1, len(ten) + 1))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statements", "kinds"),
    [
        (["UPDATE audit_auditentry SET action = 'case.written' WHERE seq = 5"], {"altered"}),
        (["UPDATE audit_auditentry SET at = at + interval '1 microsecond' WHERE seq = 5"], {"altered"}),
        (["UPDATE audit_auditentry SET detail = jsonb_set(detail, '{number}', '99') WHERE seq = 5"], {"altered"}),
        (["UPDATE audit_auditentry SET mac = repeat('0', 64) WHERE seq = 5"], {"altered"}),
        (["DELETE FROM audit_auditentry WHERE seq = 5"], {"missing"}),
        (["DELETE FROM audit_auditentry WHERE seq = 1"], {"missing"}),
        (["DELETE FROM audit_auditentry WHERE seq > 9"], {"cut_off"}),
        (["DELETE FROM audit_auditentry"], {"cut_off"}),
        (
            ["DELETE FROM audit_auditentry", "DELETE FROM public.audit_audithead WHERE clinic = 'alpha'"],
            {"head_missing"},
        ),
        (
            [
                "DELETE FROM audit_auditentry WHERE seq > 9",
                "UPDATE public.audit_audithead SET seq = 9, mac = (SELECT mac FROM audit_auditentry WHERE seq = 9) "
                "WHERE clinic = 'alpha'",
            ],
            {"head_forged"},
        ),
        (["DELETE FROM public.audit_audithead WHERE clinic = 'alpha'"], {"head_missing"}),
        (
            [
                "UPDATE audit_auditentry SET seq = -1 WHERE seq = 4",
                "UPDATE audit_auditentry SET seq = 4 WHERE seq = 5",
                "UPDATE audit_auditentry SET seq = 5 WHERE seq = -1",
            ],
            {"altered"},
        ),
        (
            [
                "INSERT INTO audit_auditentry SELECT id + 100, 12, at, actor_kind, actor_id, actor_label, action, "
                "object_type, object_id, detail, trace, mac FROM audit_auditentry WHERE seq = 11"
            ],
            {"altered", "unexpected"},
        ),
        (
            [
                "UPDATE audit_auditentry SET seq = seq + 100 WHERE seq > 5",
                "UPDATE audit_auditentry SET seq = seq - 99 WHERE seq > 100",
                "INSERT INTO audit_auditentry SELECT id + 100, 6, at, actor_kind, actor_id, actor_label, action, "
                "object_type, object_id, detail, trace, mac FROM audit_auditentry WHERE seq = 5",
            ],
            {"altered", "unexpected"},
        ),
    ],
)
def test_each_kind_of_tampering_is_found(ten: list[int], statements: list[str], kinds: set[str]) -> None:
    _tamper(*statements)
    assert _kinds() == kinds


@pytest.mark.django_db
def test_random_tampering_is_always_found(ten: list[int]) -> None:
    chance = random.Random(7)
    columns = ["actor_kind", "actor_id", "actor_label", "action", "object_type", "object_id", "trace", "mac"]
    for _ in range(60):
        savepoint = transaction.savepoint()
        seq = chance.choice(ten)
        _tamper(
            chance.choice(
                [
                    f"DELETE FROM audit_auditentry WHERE seq = {seq}",
                    f"DELETE FROM audit_auditentry WHERE seq >= {seq}",
                    f"UPDATE audit_auditentry SET {chance.choice(columns)} = 'x' WHERE seq = {seq}",
                    f"UPDATE audit_auditentry SET seq = seq + 1000 WHERE seq = {seq}",
                ]
            )
        )
        assert verify_chain("alpha") != []
        transaction.savepoint_rollback(savepoint)
    assert verify_chain("alpha") == []


@pytest.mark.django_db
def test_an_entry_of_one_clinic_does_not_verify_in_another(in_alpha: object, settings: Any) -> None:
    _record(1)
    entry = AuditEntry.objects.order_by("-seq")[0]
    keys = [chain.chain_key(settings.AUDIT_KEY, schema) for schema in ("alpha", "beta")]
    previous = AuditEntry.objects.get(seq=entry.seq - 1).mac
    assert [chain.entry_mac(key, previous, values_of(entry)) == entry.mac for key in keys] == [True, False]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_auditentry SET action = 'x'", "DELETE FROM audit_auditentry", "TRUNCATE audit_auditentry"],
)
def test_the_database_refuses_changes_even_to_the_owner(statement: str, ten: list[int]) -> None:
    with (
        owner_rights(),
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert verify_chain("alpha") == []


@pytest.mark.django_db
def test_the_model_refuses_changes(ten: list[int]) -> None:
    entry = AuditEntry.objects.get(seq=3)
    for change in (entry.save, entry.delete, AuditEntry.objects.all().delete, lambda: AuditEntry.objects.update(seq=1)):
        with pytest.raises(StateConflict):
            change()


@pytest.mark.django_db
def test_wrong_details_actors_and_keys_are_refused(in_alpha: object, settings: Any) -> None:
    before = AuditEntry.objects.count()
    for detail in ({"a": 1.5}, {"a": {"nested": 1}}, {"a": "x" * 5000}):
        with pytest.raises(InvalidInput):
            record(actor=system_actor("alpha", "t"), action="a", object_type="o", object_id="1", detail=detail)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        _record(1, clinic="beta")
    settings.AUDIT_KEY = "A" * 43 + "="
    with pytest.raises(ConfigurationError):
        _record(1)
    assert AuditEntry.objects.count() == before


def test_an_entry_needs_a_transaction_and_goes_with_it(committed: None) -> None:
    with clinic_context("alpha"):
        with pytest.raises(ConfigurationError):
            _record(1)
        before = AuditEntry.objects.count()
        with pytest.raises(LookupError), transaction.atomic():
            _fail_after_recording()
        assert AuditEntry.objects.count() == before
    assert verify_chain("alpha") == []


def _fail_after_recording() -> None:
    _record(1)
    raise LookupError


def test_writers_of_two_clinics_at_once_keep_both_chains_whole(committed: None) -> None:
    errors: list[str] = []

    def write(number: int) -> None:
        clinic = "alpha" if number % 2 else "beta"
        try:
            for turn in range(15):
                with clinic_context(clinic), transaction.atomic():
                    _record(turn, clinic)
                if number == 0 and turn % 5 == 0 and (problems := verify_chain("alpha")):
                    errors.append(str(problems))
        except Exception as error:  # noqa: BLE001 - a thread's error must fail the test
            errors.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    for clinic in ("alpha", "beta"):
        assert verify_chain(clinic) == []
        with clinic_context(clinic):
            assert AuditEntry.objects.filter(action="case.read").count() == 60


@pytest.mark.django_db
def test_the_lower_floors_write_through_the_trail(in_alpha: object) -> None:
    trail.note(actor="housekeeping", action="x.done", object_type="x", object_id="1")
    trail.note(actor=Actor(kind="user", id="7", clinic="alpha"), action="x.seen", object_type="x", object_id="1")
    newest = list(AuditEntry.objects.values_list("actor_kind", "actor_id", "action")[:2])
    assert newest == [("user", "7", "x.seen"), ("system", "housekeeping", "x.done")]


@pytest.mark.django_db
def test_the_command_names_what_is_wrong(ten: list[int]) -> None:
    out, err = io.StringIO(), io.StringIO()
    call_command("verify_audit", stdout=out)
    assert out.getvalue().splitlines() == ["public: ok", "alpha: ok", "beta: ok"]
    _tamper("DELETE FROM audit_auditentry WHERE seq = 5")
    with pytest.raises(CommandError, match="alpha"):
        call_command("verify_audit", "alpha", stdout=out, stderr=err)
    assert "missing" in err.getvalue()


@pytest.mark.django_db
def test_heads_live_in_the_public_schema_only() -> None:
    with public_context():
        assert set(AuditHead.objects.values_list("clinic", flat=True)) == {"public", "alpha", "beta"}
