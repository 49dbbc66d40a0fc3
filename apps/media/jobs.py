"""The kind of work of this room: its own queue, which no other kind may use (system check medassist.E201)."""

from __future__ import annotations

from django.conf import settings

from medassist.jobs.registry import declare
from medassist.jobs.schemas import JobKind

GENERATE = declare(
    JobKind(
        name="media.generate",
        queue=settings.MEDIA_QUEUE,
        deadline_s=settings.MEDIA_DEADLINE_SECONDS,
        result_address=lambda references: f"/api/v1/media/{references['media']}",
    )
)
