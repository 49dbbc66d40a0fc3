"""Reads of this room, and the system checks that keep media apart from language-model work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connection, transaction
from django.db.models import Q

from apps.media.models import Media, MediaFile
from apps.media.rules import workflows
from apps.media.schemas import Allowance, MediaPage, MediaView, Order, State
from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.common import cursors
from medassist.common.errors import NotFound
from medassist.jobs import registry
from medassist.jobs.schemas import JobView
from medassist.jobs.selectors import events_of_own, job_views
from medassist.tenancy.context import current_schema

MOST_ROWS = 100

_STATES: dict[str, State] = {
    "queued": "queued", "running": "running", "dead": "failed", "cancelled": "cancelled",
}  # fmt: skip


def is_on() -> bool:
    """Whether the current clinic may ask for pictures."""
    return settings.MEDIA_ENABLED and (not settings.MEDIA_CLINICS or current_schema() in settings.MEDIA_CLINICS)


def list_media(*, actor: Actor, limit: int = 24, cursor: str | None = None) -> MediaPage:
    """The clinic's pictures, newest first; audited."""
    require(actor, Permission.MEDIA_READ)
    limit = max(1, min(limit, MOST_ROWS))
    rows = Media.objects.all()
    if cursor:
        at, media_id = cursors.read(cursor)
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=media_id))
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    page = found[:limit]
    jobs = job_views(row.job_id for row in page)
    with transaction.atomic():
        record(actor=actor, action="media.list", object_type="media", object_id="*", detail={"count": len(page)})
    items = tuple(_view(row, jobs.get(row.job_id)) for row in page)
    return MediaPage(items, cursors.make(page[-1].created_at, page[-1].id) if len(found) > limit else None)


def media_view(*, actor: Actor, media_id: UUID) -> MediaView:
    """One picture and how far it is; raises `NotFound`."""
    require(actor, Permission.MEDIA_READ)
    row = _row(media_id)
    return _view(row, job_views([row.job_id]).get(row.job_id))


def file_of(*, actor: Actor, media_id: UUID) -> bytes:
    """The labelled PNG file; audited. Raises `NotFound`, also while it is not drawn."""
    require(actor, Permission.MEDIA_READ)
    file = MediaFile.objects.filter(pk=media_id).first()
    if file is None:
        raise NotFound
    with transaction.atomic():
        record(actor=actor, action="media.download", object_type="media", object_id=str(media_id))
    return bytes(file.data)


def events_of(*, actor: Actor, job_id: UUID) -> str:
    """Address of the drawing's live events; empty when no events process is configured."""
    return events_of_own(actor=actor, job_id=job_id)


def order_for_pipeline(media_id: UUID) -> Order:
    """For the run that draws it; raises `NotFound`."""
    row = _row(media_id)
    return Order(row.id, row.topic, row.style, row.shape, row.seed)


def allowance() -> Allowance:
    """What the clinic asked for today counts, drawn or not, unless it was cancelled."""
    with connection.cursor() as cursor:
        cursor.execute(_TODAY)
        row = cursor.fetchone()
    used = int(row[0]) if row else 0
    return Allowance(settings.MEDIA_JOBS_PER_DAY, max(0, settings.MEDIA_JOBS_PER_DAY - used))


# The row's own clock is the web process's; a day is the database's, as with other quotas.
_TODAY = "SELECT count(*) FROM media_media WHERE created_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"


def _row(media_id: UUID) -> Media:
    row = Media.objects.filter(pk=media_id).first()
    if row is None:
        raise NotFound
    return row


def _view(row: Media, job: JobView | None) -> MediaView:
    state: State = "ready" if row.provenance else _STATES.get(job.state, "failed") if job else "failed"
    reason = (
        ""
        if state in ("ready", "queued", "running")
        else "cancelled"
        if state == "cancelled"
        else job.reason
        if job
        else ""
    )
    return MediaView(
        id=row.id, created_at=row.created_at, created_by=row.created_by, topic=row.topic, style=row.style, shape=row.shape,
        seed=row.seed, title=row.title, state=state, reason=reason, size=row.size, sha256=row.sha256,
        provenance=row.provenance, job=job,
    )  # fmt: skip


# --- system checks ---------------------------------------------------------------------------------------------------


def register_checks() -> None:
    register(media_stands_apart)


def media_stands_apart(**_: Any) -> list[CheckMessage]:
    """medassist.E201 to E204: what would let media slow clinical work down; W201: on without a server."""
    return [*_queue(), *_cards(), *_server(), *_drawing()]


def _queue() -> Iterable[CheckMessage]:
    taken = registry.queues_of_others("media.")
    if settings.MEDIA_QUEUE in taken | {"llm", "ingest", "control"}:
        yield Error(
            f"MEDIA_QUEUE is '{settings.MEDIA_QUEUE}', a queue of clinical work.",
            hint="Give media a queue of its own: MEDIA_QUEUE=media.",
            id="medassist.E201",
        )


def _cards() -> Iterable[CheckMessage]:
    shared = {label.lower() for label in settings.MEDIA_GPU_LABELS} & {
        label.lower() for label in settings.LLM_GPU_LABELS
    }
    if shared:
        yield Error(
            f"Media and language models share a GPU label: {', '.join(sorted(shared))}.",
            hint="Pools of their own: MEDIA_GPU_LABELS and LLM_GPU_LABELS may have no label in common.",
            id="medassist.E202",
        )


def _server() -> Iterable[CheckMessage]:
    media = _place(settings.COMFYUI_URL)
    models = {_place(url) for url in (settings.LLM_BASE_URL, settings.LLM_HEAVY_BASE_URL, settings.EMBEDDER_URL) if url}
    models |= {_place(one.base_url) for one in settings.LLM_FALLBACKS}
    if media is not None and media in models:
        yield Error(
            "COMFYUI_URL and a language model's address are the same server.",
            hint="ComfyUI runs apart, on its own GPU pool.",
            id="medassist.E203",
        )
    if settings.MEDIA_ENABLED and media is None:
        yield Error(
            "MEDIA_ENABLED is on, and COMFYUI_URL names no server.",
            hint="COMFYUI_URL=http://comfyui:8188",
            id="medassist.E204",
        )


def _drawing() -> Iterable[CheckMessage]:
    if not settings.MEDIA_ENABLED:
        return
    try:
        workflows.named(settings.MEDIA_WORKFLOW)
    except (KeyError, ValueError) as error:
        yield Error(
            f"MEDIA_WORKFLOW cannot be used: {error}.",
            hint="Name a file of apps/media/data/workflows, without .json.",
            id="medassist.E205",
        )
    if not settings.MEDIA_GPU_LABELS or not settings.LLM_GPU_LABELS:
        yield Warning(
            "MEDIA_GPU_LABELS or LLM_GPU_LABELS is empty: nobody can check that media and language models are on other cards.",
            hint="Name the pools, for example MEDIA_GPU_LABELS=media and LLM_GPU_LABELS=llm-light,llm-heavy.",
            id="medassist.W201",
        )


def _place(url: str) -> tuple[str, int] | None:
    parts = urlsplit(url)
    if not parts.hostname:
        return None
    return parts.hostname.lower(), parts.port or (443 if parts.scheme == "https" else 80)
