"""Reading a whole trail against its chain and its signed head."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

from django.conf import settings

from medassist.audit import chain
from medassist.audit.chain import EntryValues
from medassist.audit.models import AuditEntry, AuditHead
from medassist.audit.schemas import ChainProblem
from medassist.tenancy.context import clinic_context, public_context
from medassist.tenancy.schemas import PUBLIC_SCHEMA

_CHUNK = 1_000
_MAX_PROBLEMS = 100


def problems_of(schema: str) -> list[ChainProblem]:
    """The first hundred problems of a trail.

    Entries and head change together, so with writers at work the last entry read lies between the head before
    and the head after; an end outside of that was cut off or added by somebody without the key.
    """
    key = chain.chain_key(settings.AUDIT_KEY, schema)
    with _inside(schema):
        before, problems = _head(schema, key)
        count, last = 0, chain.START
        for entry in _entries():
            count += 1
            found = _entry_problems(entry, count, last, key)
            problems += found
            if found and found[0].kind == "unexpected":
                count -= 1
            else:
                count, last = entry.seq, entry.mac
            if len(problems) >= _MAX_PROBLEMS:
                return problems[:_MAX_PROBLEMS]
        after, forged = _head(schema, key)
    if forged:
        return problems or forged
    return problems + _end_problems(schema, count, last, before, after)


def _inside(schema: str) -> AbstractContextManager[object]:
    if schema == PUBLIC_SCHEMA:
        return public_context()
    return clinic_context(schema, states=("open", "closing", "provisioning"))


def _entries() -> Iterator[AuditEntry]:
    position = (0, 0)
    # By number and id, so that a second entry under the same number is read too.
    while chunk := list(
        AuditEntry.objects.extra(where=["(seq, id) > (%s, %s)"], params=list(position)).order_by("seq", "id")[:_CHUNK]
    ):
        yield from chunk
        position = (chunk[-1].seq, chunk[-1].pk)


def _head(schema: str, key: bytes) -> tuple[AuditHead | None, list[ChainProblem]]:
    head = AuditHead.objects.filter(pk=schema).first()
    if head is not None and not chain.same(head.signature, chain.head_signature(key, head.seq, head.mac)):
        return None, [ChainProblem("head_forged", 0, "The head of the chain is not signed with this AUDIT_KEY")]
    return head, []


def _entry_problems(entry: AuditEntry, expected: int, previous: str, key: bytes) -> list[ChainProblem]:
    if entry.seq > expected:
        return [ChainProblem("missing", expected, f"Entries {expected} to {entry.seq - 1} are missing")]
    if entry.seq < expected:
        return [ChainProblem("unexpected", entry.seq, f"Entry {entry.seq} occurs twice or has no place in the chain")]
    if not chain.same(entry.mac, chain.entry_mac(key, previous, values_of(entry))):
        return [ChainProblem("altered", entry.seq, f"Entry {entry.seq} was altered, added or moved")]
    return []


def values_of(entry: AuditEntry) -> EntryValues:
    return EntryValues(
        seq=entry.seq, at=entry.at, actor_kind=entry.actor_kind, actor_id=entry.actor_id,
        actor_label=entry.actor_label, action=entry.action, object_type=entry.object_type,
        object_id=entry.object_id, detail=entry.detail, trace=entry.trace,
    )  # fmt: skip


def _end_problems(
    schema: str, count: int, last: str, before: AuditHead | None, after: AuditHead | None
) -> list[ChainProblem]:
    if after is None:
        # A clinic's trail begins when it is opened; only the public one may still be empty.
        if count == 0 and schema == PUBLIC_SCHEMA:
            return []
        return [ChainProblem("head_missing", 0, "The chain has no head")]
    lowest = before.seq if before is not None else 0
    if count < lowest:
        return [ChainProblem("cut_off", count + 1, f"Entries {count + 1} to {lowest} were cut off the end")]
    if count > after.seq:
        return [ChainProblem("unexpected", after.seq + 1, f"There are entries after the head ({after.seq})")]
    for head in (before, after):
        if head is not None and head.seq == count and not chain.same(head.mac, last):
            return [ChainProblem("altered", count, f"Entry {count} is not the one that the head names")]
    return []
