"""What goes into the media room and what leaves it: frozen, and without a field for a free prompt or an image."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from medassist.clinical.case import Frozen
from medassist.jobs.schemas import JobView

MOST_TITLE = 120
LARGEST_SEED = 2**32 - 1
Shape = Literal["square", "wide", "tall"]
State = Literal["queued", "running", "ready", "failed", "cancelled"]
PENDING: frozenset[State] = frozenset({"queued", "running"})

REASONS = {
    "media_unavailable": "The image server cannot be reached at the moment.",
    "media_failed": "The image server could not draw this picture.",
    "media_timeout": "The picture took longer than allowed.",
    "media_off": "Pictures were switched off before this one was drawn.",
    "deadline_exceeded": "The picture waited too long for a free place.",
    "worker_lost": "The worker that drew it was lost, several times.",
    "lease_lost": "The worker that drew it was lost, several times.",
    "cancelled": "It was cancelled.",
}


class MediaInput(Frozen):
    """A picture as it is asked for. Topic and style are names of the catalogue; unknown keys are refused by name."""

    topic: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
    style: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")] = "line_drawing"
    shape: Shape = "square"
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | None = None
    """The same seed, topic and style on the same model give the same picture; left out: any."""
    title: Annotated[str, StringConstraints(max_length=MOST_TITLE, strip_whitespace=True)] = ""
    """A name to find it by, for people only: it is never part of a prompt."""


class MediaProvenance(Frozen):
    """How a picture came to be; it stands in the file itself as well."""

    generator: Literal["ComfyUI"] = "ComfyUI"
    model: str
    workflow: str
    catalogue: str
    topic: str
    style: str
    seed: int
    width: int
    height: int
    prompt_sha256: str
    job: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """A stored request as the pipeline needs it."""

    id: UUID
    topic: str
    style: str
    shape: str
    seed: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A labelled picture, ready to be stored."""

    data: bytes
    provenance: MediaProvenance
    prompt_id: str


@dataclass(frozen=True, slots=True)
class MediaView:
    id: UUID
    created_at: datetime
    created_by: str
    topic: str
    style: str
    shape: str
    seed: int
    title: str
    state: State
    reason: str
    size: int
    sha256: str
    provenance: dict[str, Any] | None
    job: JobView | None

    @property
    def pending(self) -> bool:
        return self.state in PENDING

    @property
    def explanation(self) -> str:
        return REASONS.get(self.reason, "It could not be drawn.") if self.reason else ""


@dataclass(frozen=True, slots=True)
class MediaPage:
    items: tuple[MediaView, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the clinic may still ask for today (UTC)."""

    per_day: int
    left: int


@dataclass(frozen=True, slots=True)
class Asked:
    """`created` is False when the idempotency key was seen before."""

    media_id: UUID
    job_id: UUID
    created: bool
