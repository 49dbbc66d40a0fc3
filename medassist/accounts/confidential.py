"""Cases that only some may open. The room of cases says which; every door that leads to one asks here.

The doors stand on several floors (jobs, documents, cases), so the question is asked below all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from medassist.accounts.access import Actor
from medassist.common.errors import RecordRestricted

Check = Callable[[Actor, frozenset[UUID]], frozenset[UUID]]
"""`check(actor, case_ids)`: those of them that are restricted and not open to the actor."""

_checks: list[Check] = []


def watch(check: Check) -> None:
    """Asked from now on, once however often it is registered."""
    if check not in _checks:
        _checks.append(check)


def closed_among(actor: Actor, case_ids: Iterable[UUID | None]) -> frozenset[UUID]:
    """Those of the cases that the actor may not open."""
    wanted = frozenset(case_id for case_id in case_ids if case_id is not None)
    if not wanted:
        return frozenset()
    return frozenset[UUID]().union(*(check(actor, wanted) for check in _checks))


def require_open(actor: Actor, case_id: UUID | str | None) -> None:
    """Raises `RecordRestricted` when the case is restricted and the actor is not let in; nothing for no case."""
    if case_id and closed_among(actor, [UUID(str(case_id))]):
        raise RecordRestricted
