"""A service that the database chose as a deadlock's victim runs once more."""

from __future__ import annotations

import pytest
from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected

from medassist.common.database import again_on_deadlock


def victim(times: int, cause: Exception | None) -> list[int]:
    calls: list[int] = []

    @again_on_deadlock
    def work() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise OperationalError("deadlock detected") from cause
        return "done"

    assert work() == "done"
    return calls


@pytest.mark.django_db(transaction=True)
def test_a_victim_runs_again_twice_at_most() -> None:
    assert len(victim(0, None)) == 1
    assert len(victim(2, DeadlockDetected())) == 3
    with pytest.raises(OperationalError):
        victim(3, DeadlockDetected())


@pytest.mark.django_db(transaction=True)
def test_other_failures_and_those_inside_a_transaction_go_to_the_caller() -> None:
    with pytest.raises(OperationalError):
        victim(1, ConnectionError())
    with pytest.raises(OperationalError), transaction.atomic():
        victim(1, DeadlockDetected())
