"""What integrators write and what they are sent."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class WebhookInput(BaseModel):
    """An address and the events that it is told of; `*` is every event, those of later versions too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(min_length=1, max_length=2_000, description="https; never shown in a log.")
    events: tuple[str, ...] = Field(min_length=1, max_length=50)
    description: str = Field(default="", max_length=200)
    active: bool = True


class WebhookChange(BaseModel):
    """What shall be different; a member that is not there stays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = Field(default=None, min_length=1, max_length=2_000)
    events: tuple[str, ...] | None = Field(default=None, min_length=1, max_length=50)
    description: str | None = Field(default=None, max_length=200)
    active: bool | None = None


class StoredWebhook(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: UUID
    url: str
    host: str
    description: str
    events: tuple[str, ...]
    active: bool
    off_reason: str
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_at: datetime
    secret: str = ""
    """Set in the answer that makes it, and nowhere else."""


class StoredDelivery(BaseModel):
    """`state`: waiting, delivered or dead. `body`: what was or will be sent, byte for byte the same at each try."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    webhook: UUID
    event: UUID
    type: str
    state: str
    tries: int
    last_try_at: datetime | None
    last_status: int | None
    last_problem: str
    delivered_at: datetime | None
    created_at: datetime
    body: dict[str, object]
