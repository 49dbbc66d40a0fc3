"""The kinds of work of this room."""

from __future__ import annotations

from medassist.jobs.registry import declare
from medassist.jobs.schemas import JobKind

SUMMARY = declare(
    JobKind(
        name="notes.summary",
        queue="llm",
        tier="light",
        streaming=True,
        result_address=lambda references: f"/api/v1/notes/{references['note']}",
    )
)
