"""Writing the audit trail. One entry costs two round trips and holds the clinic's head until the caller commits,
so record last in a transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, timedelta
from typing import Protocol

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from medassist.accounts.access import Actor, system_actor
from medassist.audit import chain
from medassist.audit.chain import EntryValues
from medassist.audit.models import AuditEntry
from medassist.audit.schemas import Access, ChainProblem
from medassist.audit.verification import problems_of
from medassist.common.errors import ConfigurationError, InvalidInput
from medassist.common.logs import trace_id
from medassist.tenancy.context import current_schema

Detail = Mapping[str, str | int | bool | None]

_MAX_DETAIL = 4_000


class Listener(Protocol):
    def __call__(self, *, action: str, object_id: str, detail: Detail) -> None: ...


_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Lets a floor above hear of each entry, within the transaction that writes it."""
    if listener not in _listeners:
        _listeners.append(listener)


_LOCK_HEAD = """
SELECT seq, mac, signature, clock_timestamp() FROM public.audit_audithead WHERE clinic = %s FOR UPDATE
"""
_FIRST_HEAD = """
INSERT INTO public.audit_audithead (clinic, seq, mac, signature) VALUES (%s, 0, %s, %s) ON CONFLICT DO NOTHING
"""
_APPEND = """
WITH entry AS (
    INSERT INTO audit_auditentry
        (seq, at, actor_kind, actor_id, actor_label, action, object_type, object_id, detail, trace, mac)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s)
    RETURNING seq, mac
)
UPDATE public.audit_audithead SET seq = entry.seq, mac = entry.mac, signature = %s FROM entry WHERE clinic = %s
"""


def record(*, actor: Actor, action: str, object_type: str, object_id: str, detail: Detail | None = None) -> None:
    """Appends one entry to the current schema's trail, in the caller's transaction: both happen or neither.

    `detail` holds ids, codes and counts, never patient text. Raises `ConfigurationError` outside a transaction,
    when the actor acts for another schema, or when the chain's head was not signed with this AUDIT_KEY.
    """
    if not connection.in_atomic_block:
        raise ConfigurationError("An audit entry is written inside the transaction of what it tells about")
    schema = current_schema()
    if actor.clinic != schema:
        raise ConfigurationError("The actor of an audit entry belongs to another schema than the one written to")
    checked = _checked(detail or {})
    key = chain.chain_key(settings.AUDIT_KEY, schema)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_HEAD, [schema])
        head = cursor.fetchone()
        if head is None:
            cursor.execute(_FIRST_HEAD, [schema, chain.START, chain.head_signature(key, 0, chain.START)])
            cursor.execute(_LOCK_HEAD, [schema])
            head = cursor.fetchone()
        seq, mac, signature, now = head
        if not chain.same(signature, chain.head_signature(key, seq, mac)):
            raise ConfigurationError("The head of the audit chain was not signed with this AUDIT_KEY")
        values = EntryValues(
            seq=seq + 1, at=now, actor_kind=actor.kind, actor_id=actor.id[:100], actor_label=actor.label[:160],
            action=action, object_type=object_type, object_id=object_id, detail=checked, trace=trace_id.get()[:64],
        )  # fmt: skip
        new_mac = chain.entry_mac(key, mac, values)
        cursor.execute(
            _APPEND,
            [
                values.seq, values.at, values.actor_kind, values.actor_id, values.actor_label, action, object_type,
                object_id, json.dumps(checked), values.trace, new_mac, chain.head_signature(key, values.seq, new_mac),
                schema,
            ],
        )  # fmt: skip
        if cursor.rowcount != 1:
            raise ConfigurationError("The audit entry was not written")
    for listener in _listeners:
        listener(action=action, object_id=object_id, detail=checked)


def record_for(
    *, actor: Actor | str, action: str, object_type: str, object_id: str, detail: Detail | None = None
) -> None:
    """`record` for the floors below (common/trail.py); a plain name acts as that part of the system."""
    if isinstance(actor, str):
        actor = system_actor(current_schema(), actor)
    record(actor=actor, action=action, object_type=object_type, object_id=object_id, detail=detail)


def _checked(detail: Detail) -> dict[str, str | int | bool | None]:
    # Floats have no single text form, and nested values invite whole records: neither belongs here.
    wrong = [name for name, value in detail.items() if not isinstance(value, str | int | bool | None)]
    if wrong:
        raise InvalidInput(
            "Audit details are text, whole numbers, booleans or nothing", fields=dict.fromkeys(wrong, "")
        )
    checked = dict(detail)
    if len(json.dumps(checked)) > _MAX_DETAIL:
        raise InvalidInput("Audit details are too long")
    return checked


def verify_chain(schema: str) -> list[ChainProblem]:
    """Everything wrong with the trail of `schema` ("public" or a clinic's): edits, deletions, insertions,
    reordering, a cut-off end. Empty means that the trail is as it was written."""
    return problems_of(schema)


def accesses(object_ids: Collection[str], *, most: int = 200) -> list[Access]:
    """Who did something with one of these objects, newest first: for the person whom they are about."""
    rows = AuditEntry.objects.filter(object_id__in=list(object_ids))[:most]
    return [Access(row.at, row.actor_kind, row.actor_id, row.actor_label or row.actor_id, row.action) for row in rows]


def entries_by_day(days: int) -> list[tuple[date, int]]:
    """How many entries the current schema's trail got, a UTC day each: counts alone, for the overview of who may read it."""
    since = timezone.now() - timedelta(days=days)
    rows = AuditEntry.objects.filter(at__gte=since).annotate(day=TruncDate("at", tzinfo=UTC)).values("day")
    return [(row["day"], row["many"]) for row in rows.annotate(many=Count("id")).order_by("day")]


def export_entries(*, actor: Actor, entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """The entries as JSON lines, oldest first, in the form that they were signed in; the export is an entry of its own."""
    with transaction.atomic():
        record(
            actor=actor, action="audit.export", object_type="audit", object_id=current_schema(),
            detail={"entries": entries.count()},
        )  # fmt: skip
    return _lines(entries.order_by("seq"))


def _lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    for row in entries.iterator(chunk_size=1_000):
        yield json.dumps(
            {
                "seq": row.seq, "at": row.at.isoformat(), "actor_kind": row.actor_kind, "actor_id": row.actor_id,
                "actor_label": row.actor_label, "action": row.action, "object_type": row.object_type,
                "object_id": row.object_id, "detail": row.detail, "trace": row.trace, "mac": row.mac,
            },
            ensure_ascii=False,
        ) + "\n"  # fmt: skip
