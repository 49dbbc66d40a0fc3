"""Which version of a guideline holds. Works on the database alone, so that the web process can withdraw one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.rag.extractors.guideline_lines import GuidelineText
from apps.rag.models import Guideline, IndexGeneration
from apps.rag.models import Passage as PassageRow
from apps.rag.schemas import Ingested
from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.common.errors import InvalidInput, NotFound, StateConflict
from medassist.tenancy.context import public_context

Outcome = Literal["new", "newer", "older", "amended", "unchanged"]

READ = ("title", "heading", "publisher", "collection", "version", "published", "grade", "text")
"""What a reader of a citation sees of a text: a change of these makes a new version."""
NOTED = ("specialty", "language", "url", "licence", "attribution", "jurisdiction", "review_due")
"""What is corrected in the version that is there."""
MOST_REASON = 300
_PENDING = "w"
_ONE_WRITER = "SELECT pg_advisory_xact_lock(hashtext('medassist.guidelines'))"


@dataclass
class Placed:
    """Where one text went; `guideline` is its row, stored anew when the outcome says so."""

    guideline: Guideline
    outcome: Outcome
    superseded: list[Guideline] = field(default_factory=list)
    withdrawn: list[Guideline] = field(default_factory=list)

    @property
    def is_stored(self) -> bool:
        return self.outcome in {"new", "newer", "older"}


def one_writer() -> None:
    """Versions are compared and placed by one transaction at a time."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE_WRITER)


def same_version(item: GuidelineText, versions: Sequence[Guideline]) -> Guideline | None:
    """The stored version that this text is, whatever became of it since."""
    for row in versions:
        if row.content_hash == item.content_hash:
            return row
    return next((row for row in versions if all(getattr(row, name) == getattr(item, name) for name in READ)), None)


def is_settled(item: GuidelineText, row: Guideline) -> bool:
    """Whether ingesting this text again would change nothing about the version that is there."""
    return (
        row.content_hash == item.content_hash
        and row.review_due == item.review_due
        and tuple(row.replaces) == item.supersedes
        and not (item.withdrawn and row.state != "withdrawn")
    )


def place(item: GuidelineText) -> Placed:
    """Puts one text into the line of its versions: unchanged, amended, or a new row, and supersedes what it replaces.

    Newer is what was published later; where a date is missing or the same, what came later. Call it in a
    transaction after `one_writer`.
    """
    now = timezone.now()
    versions = list(Guideline.objects.filter(work=item.id).order_by("added_at", "pk"))
    known = same_version(item, versions)
    if known is not None:
        return _again(item, known, now)
    row = row_of(item)
    row.pk = _free_id(item)
    head = _head(versions)
    covering = _covering(row)
    placed = Placed(row, "new" if head is None else "newer")
    if head is not None and _published_before(row, head):
        placed.outcome = "older"
        _end(row, "superseded", now, by=head)
    elif covering is not None:
        placed.outcome = "older"
        _end(row, "superseded", now, by=covering)
    if item.withdrawn:
        _end(row, "withdrawn", now, reason=item.withdrawn_reason)
        placed.withdrawn.append(row)
    row.save(force_insert=True)
    if head is not None and placed.outcome == "newer" and _give_way(head, row, now):
        placed.superseded.append(head)
    placed.superseded += _replace(row, now)
    return placed


def row_of(item: GuidelineText) -> Guideline:
    """The text as a row that is not stored yet, under the id of a first version."""
    return Guideline(
        id=item.id, work=item.id, title=item.title, heading=item.heading, publisher=item.publisher,
        collection=item.collection, version=item.version, published=item.published, grade=item.grade,
        specialty=item.specialty, language=item.language, url=item.url, licence=item.licence,
        attribution=item.attribution, text=item.text, content_hash=item.content_hash, review_due=item.review_due,
        jurisdiction=item.jurisdiction, replaces=list(item.supersedes),
    )  # fmt: skip


def _again(item: GuidelineText, row: Guideline, now: datetime) -> Placed:
    if is_settled(item, row):
        return Placed(row, "unchanged")
    placed = Placed(row, "amended")
    for name in NOTED:
        setattr(row, name, getattr(item, name))
    row.content_hash, row.replaces = item.content_hash, list(item.supersedes)
    if item.withdrawn and row.state != "withdrawn":
        _end(row, "withdrawn", now, reason=item.withdrawn_reason)
        placed.withdrawn.append(row)
    row.save()
    placed.superseded += _replace(row, now)
    return placed


def _free_id(item: GuidelineText) -> str:
    """The work's own name for its first version, work@version for a later one, with a digest for a correction."""
    names = (item.id, f"{item.id}@{item.version}", f"{item.id}@{item.version}~{item.content_hash[:8]}")
    taken = set(Guideline.objects.filter(pk__in=names).values_list("pk", flat=True))
    return next(name for name in names if name not in taken)


def _head(versions: Sequence[Guideline]) -> Guideline | None:
    """The version that a new one is compared with: the current one, else the last that no version of its own
    work took the place of."""
    current = [row for row in versions if row.state == "current"]
    own = {row.pk for row in versions}
    last = [row for row in versions if row.superseded_by_id not in own]
    found = current or last
    return found[-1] if found else None


def _published_before(one: Guideline, other: Guideline) -> bool:
    return one.published is not None and other.published is not None and one.published < other.published


def _covering(row: Guideline) -> Guideline | None:
    """The stored text that says that it replaces this one."""
    names = [row.work, f"{row.work}@{row.version}"]
    found = Guideline.objects.filter(replaces__has_any_keys=names).exclude(state="withdrawn").exclude(work=row.work)
    return next((other for other in found.order_by("-added_at") if _covers(other, row)), None)


def _covers(new: Guideline, old: Guideline) -> bool:
    """A version that is named is replaced; of a whole work that is named, what was published later is not."""
    if f"{old.work}@{old.version}" in new.replaces:
        return True
    return old.work in new.replaces and not _published_before(new, old)


def _replace(row: Guideline, now: datetime) -> list[Guideline]:
    """Supersedes the versions of other works that this one names."""
    if not row.replaces or row.state == "withdrawn":
        return []
    works = set(row.replaces) | {name.rpartition("@")[0] for name in row.replaces}
    found = Guideline.objects.filter(work__in=works).exclude(pk__in=[row.pk, row.superseded_by_id or row.pk])
    return [other for other in found if _covers(row, other) and _give_way(other, row, now)]


def _give_way(old: Guideline, new: Guideline, now: datetime) -> bool:
    """True when `old` was current; a withdrawn one learns what came in its place."""
    was_current = old.state == "current"
    if was_current:
        _end(old, "superseded", now, by=new)
    elif old.superseded_by_id is None:
        old.superseded_by = new
    old.save(update_fields=["state", "superseded_at", "superseded_by", "superseded_reason"])
    return was_current


def _end(
    row: Guideline, state: str, now: datetime, *, by: Guideline | None = None, reason: str = ""
) -> None:  # fmt: skip
    row.state, row.superseded_at = state, row.superseded_at or now
    row.superseded_by = by or row.superseded_by
    row.superseded_reason = reason or row.superseded_reason


def note_endings(actor: Actor, placed: Iterable[Placed]) -> None:
    """One audit entry for each version that stopped being current; in the caller's transaction."""
    for item in placed:
        for old in item.superseded:
            _note(actor, "guideline.supersede", old, {"by": item.guideline.pk})
        for old in item.withdrawn:
            _note(actor, "guideline.withdraw", old, {"reason": old.superseded_reason})


def _note(actor: Actor, action: str, row: Guideline, detail: dict[str, str]) -> None:
    record(
        actor=actor, action=action, object_type="guideline", object_id=row.pk[:100],
        detail={"guideline": row.pk, "work": row.work, "version": row.version, **detail},
    )  # fmt: skip


def preview_guidelines(*, texts: Iterable[GuidelineText]) -> Ingested:
    """What `ingest_guidelines` would do: the same steps, taken back at the end. Nothing is embedded."""
    with public_context(), transaction.atomic():
        one_writer()
        done = counted([place(item) for item in texts])
        transaction.set_rollback(True)
    return done


def counted(placed: Sequence[Placed], *, unchanged: int = 0, passages: int = 0, embedded: int = 0) -> Ingested:
    return Ingested(
        guidelines=sum(item.is_stored for item in placed),
        unchanged=unchanged + sum(item.outcome == "unchanged" for item in placed),
        passages=passages,
        embedded=embedded,
        older=sum(item.outcome == "older" for item in placed),
        amended=sum(item.outcome == "amended" for item in placed),
        superseded=tuple(old.pk for item in placed for old in item.superseded),
        withdrawn=tuple(old.pk for item in placed for old in item.withdrawn),
    )


def withdraw_guideline(*, actor: Actor, guideline_id: str, reason: str) -> None:
    """Takes a version out of every search at once; what cited it opens it and is told why.

    Raises `PermissionDenied`, `NotFound`, `InvalidInput` without a reason, `StateConflict` when it is withdrawn already.
    """
    with public_context():
        require(actor, Permission.GUIDELINE_MANAGE)
        reason = " ".join(reason.replace("\x00", "").split())
        if not reason or len(reason) > MOST_REASON:
            raise InvalidInput(fields={"reason": f"1 to {MOST_REASON} characters"})
        with transaction.atomic():
            one_writer()
            row = Guideline.objects.filter(pk=guideline_id).first()
            if row is None:
                raise NotFound
            if row.state == "withdrawn":
                raise StateConflict("This version has been withdrawn already")
            was_current = row.state == "current"
            _end(row, "withdrawn", timezone.now(), reason=reason)
            row.save(update_fields=["state", "superseded_at", "superseded_by", "superseded_reason"])
            if was_current:
                name_generation(pending=bool(settings.QDRANT_URL))
            _note(actor, "guideline.withdraw", row, {"reason": reason})


def digest_of_passages(embedder_id: str) -> tuple[str, int]:
    """A name for what is searchable, with what searches are filtered by; and how many passages that is."""
    rows = PassageRow.objects.filter(guideline__state="current", embedder=embedder_id).order_by("pk")
    lines = ["\t".join(row) for row in rows.values_list("pk", "guideline__language", "guideline__specialty")]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12], len(lines)


def name_generation(*, embedder_id: str | None = None, pending: bool = False) -> None:
    """Moves the generation on to what is stored. `pending`: a server's collection has not been told yet, so the
    next ingest tells it; until then the passages are kept out of answers where they are read."""
    row = IndexGeneration.objects.select_for_update().order_by("pk").first() or IndexGeneration()
    row.embedder = row.embedder if embedder_id is None else embedder_id
    digest, row.passages = digest_of_passages(row.embedder)
    row.number += 1
    row.snapshot = f"g{row.number}-{digest}{_PENDING if pending else ''}"
    row.save()
