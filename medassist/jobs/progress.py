"""Progress of a job as events in a Redis stream, read by the events process. Best effort; patient text only sealed."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from medassist.common.sealed import seal

logger = logging.getLogger(__name__)

MAX_EVENTS = 200
KEEP_S = 3600
TIMEOUT_S = 0.5
PAUSE_S = 2.0
"""After a failure nothing is published for so long: a frozen Redis costs one wait, not one an event."""

_silent_until = 0.0
_held = threading.local()


@cache
def client() -> redis.Redis:
    """One bounded pool a process; it waits for a free connection instead of raising."""
    pool = redis.BlockingConnectionPool.from_url(
        settings.REDIS_URL, max_connections=32, timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    return redis.Redis(connection_pool=pool)


def stream_key(clinic: str, job_id: UUID) -> str:
    return f"events:{clinic}:job:{job_id}"


def publish(clinic: str, job_id: UUID, event: str, data: dict[str, Any]) -> None:
    """An event without patient data."""
    _add(stream_key(clinic, job_id), job_id, {"event": event, "data": json.dumps(data)})


def publish_sealed(clinic: str, job_id: UUID, event: str, data: dict[str, Any]) -> None:
    """An event with patient text: Redis holds it encrypted, the events process opens it for who has a ticket."""
    key = stream_key(clinic, job_id)
    value = seal(json.dumps(data), stream=key, key=settings.TICKET_KEY)
    _add(key, job_id, {"event": event, "sealed": value})


@contextmanager
def held() -> Iterator[None]:
    """Events of this thread are sent together at the end: for work that nobody can watch before it is done."""
    _held.events = []
    try:
        yield
    finally:
        events, _held.events = _held.events, None
        if events:
            _send(events)


def _add(key: str, job_id: UUID, fields: dict[Any, Any]) -> None:
    waiting = getattr(_held, "events", None)
    if waiting is None:
        _send([(key, job_id, fields)])
    else:
        waiting.append((key, job_id, fields))


def _send(events: list[tuple[str, UUID, dict[Any, Any]]]) -> None:
    global _silent_until  # noqa: PLW0603 - one Redis a process
    if time.monotonic() < _silent_until:
        return
    try:
        pipe = client().pipeline(transaction=False)
        for key, _, fields in events:
            pipe.xadd(key, fields, maxlen=MAX_EVENTS, approximate=True)
        for key in {key for key, _, _ in events}:
            pipe.expire(key, KEEP_S)
        pipe.execute()
    except redis.RedisError:
        _silent_until = time.monotonic() + PAUSE_S
        logger.warning("Progress events could not be published", extra={"job": events[0][1]})
