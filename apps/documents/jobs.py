"""The kinds of work of this room."""

from __future__ import annotations

from medassist.jobs.registry import declare
from medassist.jobs.schemas import JobKind

INGEST = declare(
    JobKind(
        name="documents.ingest",
        queue="ingest",
        deadline_s=3_600,
        result_address=lambda references: f"/api/v1/documents/{references['document']}",
    )
)
DELETE = declare(JobKind(name="documents.delete", queue="ingest", deadline_s=86_400, max_attempts=20))
SEARCH = declare(
    JobKind(
        name="documents.search",
        queue="llm",
        deadline_s=60,
        result_address=lambda references: f"/api/v1/documents/searches/{references['search']}",
    )
)
