"""What rooms say about work: a kind of job, a submitted job, a running job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

Lane = Literal["emergency", "interactive", "batch"]
State = Literal["queued", "running", "done", "dead", "cancelled"]

LANES: dict[Lane, int] = {"emergency": 0, "interactive": 1, "batch": 2}
TERMINAL: frozenset[State] = frozenset({"done", "dead", "cancelled"})


@dataclass(frozen=True)
class JobKind:
    """A declaration in a room's `jobs.py`: what the work is called and the limits that it runs under."""

    name: str
    queue: str
    tier: Literal["light", "heavy"] = "light"
    streaming: bool = False
    max_attempts: int | None = None
    """None: settings.JOB_MAX_ATTEMPTS."""
    deadline_s: int | None = None
    result_address: Callable[[Mapping[str, str]], str] = field(default=lambda _: "")
    """Address of the result under the clinic's host, out of the job's references."""


@dataclass(frozen=True)
class JobView:
    id: UUID
    kind: str
    clinic: str
    state: State
    lane: Lane
    queue: str
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline_at: datetime
    reason: str
    step: str
    references: Mapping[str, str]
    result_address: str
    tier: str
    streaming: bool
    fence: int
    idempotency_key: str | None
    trace_id: str

    @property
    def finished(self) -> bool:
        return self.state in TERMINAL


@dataclass(frozen=True)
class Leased:
    """A claimed job: what a worker needs to run it and to prove that it still owns it (`fence`)."""

    id: UUID
    kind: str
    clinic: str
    queue: str
    lane: Lane
    tier: str
    attempt: int
    fence: int
    deadline_at: datetime
    deadline_left_s: float
    trace_id: str
    references: Mapping[str, str]
