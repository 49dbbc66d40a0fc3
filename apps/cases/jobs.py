"""The kinds of work of this room."""

from __future__ import annotations

from medassist.jobs.registry import declare
from medassist.jobs.schemas import JobKind

ASSESSMENT = declare(
    JobKind(
        name="cases.assessment",
        queue="llm",
        tier="heavy",
        result_address=lambda references: f"/api/v1/cases/{references['case']}",
    )
)
