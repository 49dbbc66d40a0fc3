"""The kinds of work of this room."""

from __future__ import annotations

from medassist.jobs.registry import declare
from medassist.jobs.schemas import JobKind

# Queued and not direct: a turn searches, and the web process never loads what embeds.
TURN = declare(
    JobKind(
        name="chat.turn",
        queue="llm",
        tier="light",
        streaming=True,
        result_address=lambda references: f"/api/v1/chat/{references['conversation']}",
    )
)
