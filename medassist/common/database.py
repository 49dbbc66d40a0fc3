"""Handing the thread's database connection back before something slow."""

from __future__ import annotations

from django.db import connection


def hand_back_connection() -> None:
    """Closes the connection, which returns it to the pool when there is one; the next query takes another.

    Inside a transaction nothing happens: the transaction's owner still needs it (a test that rolls back, for one).
    """
    if not connection.in_atomic_block:
        connection.close()
