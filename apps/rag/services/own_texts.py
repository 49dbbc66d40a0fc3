"""A clinic's own texts as Postgres knows them: searchable in one step, hidden in one step, given to a case.

What embeds and speaks to the index is in `staging`: the web process loads this module only.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection
from django.db.models import Max

from apps.rag.models import OwnText
from medassist.common.errors import StateConflict
from medassist.tenancy.context import current_schema


def publish(*, text_id: UUID, supersedes: UUID | None = None) -> None:
    """Makes a staged text searchable, and what it supersedes unsearchable. Called inside the caller's transaction."""
    number = next_generation()
    if not OwnText.objects.filter(pk=text_id, state="staged").update(state="searchable", generation=number):
        raise StateConflict("This text is not waiting to be made searchable")
    if supersedes is not None:
        OwnText.objects.filter(pk=supersedes, state="searchable").update(
            state="superseded", superseded_by=text_id, generation=number
        )


def assign_case(*, text_id: UUID, case_id: UUID) -> None:
    """Gives a case document to its case. It is staged again: its points carry the case, so they are written anew by
    whoever stages and publishes it next. In the caller's transaction."""
    OwnText.objects.filter(pk=text_id, kind="case_document", case_id=None).update(
        case_id=case_id, state="staged", generation=next_generation()
    )


def hide(*, text_id: UUID) -> None:
    """Nobody finds or opens the text from the end of the caller's transaction on; `withdraw` deletes it."""
    OwnText.objects.filter(pk=text_id).update(state="withdrawn", generation=next_generation())


def next_generation() -> int:
    """One after another within a clinic: the lock is held until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"rag_owntext:{current_schema()}"])
    return (OwnText.objects.aggregate(last=Max("generation"))["last"] or 0) + 1
