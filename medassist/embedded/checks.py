"""System checks that ask real servers; tagged `database`: they run in `check --database default` and in `up` only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.db.utils import OperationalError

from medassist.embedded.environment import is_embedded

_BROKERS = {"redis", "rediss", "amqp", "amqps"}


def _start_hint(server: str) -> str:
    return "Start it with: make up" if is_embedded() else f"Start {server}, or correct its URL in the environment."


@register(Tags.database)
def database_answers(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """medassist.E101."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        try:
            connections[alias].ensure_connection()
        except OperationalError:
            found.append(
                Error(f"The database '{alias}' cannot be reached.", hint=_start_hint("Postgres"), id="medassist.E101")
            )
    return found


@register(Tags.database)
def broker_is_supported(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """medassist.E102."""
    scheme = urlsplit(settings.CELERY_BROKER_URL).scheme
    if not databases or scheme in _BROKERS:
        return []
    message = f"CELERY_BROKER_URL starts with '{scheme}://', which is no broker that MedAssist works with."
    return [Error(message, hint=f"Use one of {', '.join(sorted(_BROKERS))}.", id="medassist.E102")]


@register(Tags.database)
def redis_answers(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """medassist.W001: a warning, since cases are still taken and triaged without it."""
    if not databases:
        return []
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            client.ping()
    except redis.RedisError:
        message = "Redis cannot be reached: no live progress, and work starts only when the sweeper finds it."
        return [Warning(message, hint=_start_hint("Redis"), id="medassist.W001")]
    return []


@register(Tags.database)
def backbone_is_named(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """medassist.W002."""
    if not databases or settings.LLM_BASE_URL:
        return []
    message = "LLM_BASE_URL is empty: cases are triaged by rules, but no assessment can be drafted."
    return [
        Warning(message, hint="Name an OpenAI-compatible server, for example http://host:8000/v1", id="medassist.W002")
    ]
