"""Handing the thread's connection back before something slow, and beginning anew after a deadlock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection
from psycopg.errors import DeadlockDetected, SerializationFailure

_P = ParamSpec("_P")
_T = TypeVar("_T")
_ATTEMPTS = 3


def hand_back_connection() -> None:
    """Closes the connection, which returns it to the pool when there is one; the next query takes another.

    Inside a transaction nothing happens: the transaction's owner still needs it (a test that rolls back, for one).
    """
    if not connection.in_atomic_block:
        connection.close()


def again_on_deadlock(work: Callable[_P, _T]) -> Callable[_P, _T]:
    """For a service that is one transaction: when the database chose it as the victim of a deadlock it runs once more,
    twice at most. Inside somebody else's transaction the error goes to them: only the outermost can begin anew."""

    @wraps(work)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return work(*args, **kwargs)
            except OperationalError as error:
                if (
                    attempt == _ATTEMPTS
                    or connection.in_atomic_block
                    or not isinstance(error.__cause__, DeadlockDetected | SerializationFailure)
                ):
                    raise
                time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 - spreads the rivals, hides nothing
        raise AssertionError("not reached")

    return run
