"""What rooms say about work: a kind of job, a submitted job, a running job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
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
    admitted: bool = True
    """False: born of work that was admitted already, so no limit of a queue and no allowance holds it up."""
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
    estimated_wait_s: int | None = None
    """A guess while it is queued (`jobs.estimate`); None when it is not, or when nothing is known."""

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
    submitted_by: str = ""
    """`kind:id` of the actor: whom its tokens are counted for."""


@dataclass(frozen=True)
class Tokens:
    """What models were asked and answered within some days."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class UsageDay(Tokens):
    day: date = date.min
    jobs: int = 0


@dataclass(frozen=True)
class UsageOfPerson(Tokens):
    person: str = ""
    jobs: int = 0


@dataclass(frozen=True)
class UsageOfModel(Tokens):
    backbone: str = ""
    model: str = ""
    adapter: str = ""


@dataclass(frozen=True)
class QuotaLeft:
    """One allowance; `person` is "" for the whole clinic, "*" for each person. What is left today is None where
    there is no limit, and for "*", since it differs from person to person."""

    person: str
    jobs_per_day: int | None
    tokens_per_day: int | None
    jobs_left: int | None
    tokens_left: int | None


@dataclass(frozen=True)
class Usage:
    days: tuple[UsageDay, ...]
    people: tuple[UsageOfPerson, ...]
    models: tuple[UsageOfModel, ...]
    quotas: tuple[QuotaLeft, ...]
