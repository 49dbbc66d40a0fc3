"""How many requests one caller may send in a minute, and how many an API key sent in a day.

Both are counted in Redis with one round trip. When Redis is away nobody is refused and nothing is counted: a limit
protects the neighbours, it must never be what keeps a case out (docs/decisions/0024).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import redis
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from medassist.accounts.access import Actor, actor_of
from medassist.common.errors import MedAssistError, RateLimited
from medassist.jobs.progress import client
from medassist.tenancy import selectors as tenancy
from medassist.tenancy.context import current_schema
from medassist.tenancy.services import add_key_use

logger = logging.getLogger(__name__)

WINDOW_S = 60
PAUSE_S = 5.0
"""After a failure Redis is not asked for so long: a frozen one costs one wait, not one a request."""
_KEEP_DAYS = 8
_READS = frozenset({"GET", "HEAD", "OPTIONS"})

_silent_until = 0.0


@dataclass(frozen=True)
class Rate:
    """Where a caller stands: `limit` requests in `WINDOW_S`, `left` of them, `reset_s` until the window ends."""

    policy: str
    limit: int
    left: int
    reset_s: int
    exceeded: bool = False

    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-10: structured lists, names as strings."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"{self.policy}";r={self.left};t={self.reset_s}',
        }


class CallerRate(BaseThrottle):
    """DRF's door to the limit; reads and writes are counted apart, so that polling never uses up what a case needs."""

    def allow_request(self, request: Request, view: Any) -> bool:  # noqa: ARG002
        """True, or raises `RateLimited`. What was found is left on the request for `ApiEdge` to tell."""
        try:
            actor = actor_of(request)
        except MedAssistError:
            # Pages that need no caller (the description, its two readers).
            return True
        rate = count(actor, reads=request.method in _READS)
        if rate is None:
            return True
        request._request.rate = rate  # type: ignore[attr-defined]
        if rate.exceeded:
            raise RateLimited(
                f"More than {rate.limit} requests of this kind in {WINDOW_S} seconds", retry_after=rate.reset_s
            )
        return True


def count(actor: Actor, *, reads: bool) -> Rate | None:
    """Counts one request; None when there is no limit, or nobody can tell because Redis is away."""
    global _silent_until  # noqa: PLW0603 - one Redis a process
    policy = "read" if reads else "write"
    limit = _limit(reads)
    now = time.time()
    if time.monotonic() < _silent_until:
        return None
    window = f"rate:{current_schema()}:{actor.kind}:{actor.id}:{policy}:{int(now // WINDOW_S)}"
    reset_s = WINDOW_S - int(now % WINDOW_S)
    try:
        pipe = client().pipeline(transaction=False)
        if limit:
            pipe.incr(window)
            pipe.expire(window, 2 * WINDOW_S)
        if actor.kind == "api_key":
            _count_use(pipe, actor.id, "requests")
        found = pipe.execute() if limit or actor.kind == "api_key" else []
        if not limit:
            return None
        sent = int(found[0])
        if sent > limit and actor.kind == "api_key":
            pipe = client().pipeline(transaction=False)
            _count_use(pipe, actor.id, "refused")
            pipe.execute()
    except (redis.RedisError, OSError) as error:
        _silent_until = time.monotonic() + PAUSE_S
        logger.warning("Requests are not counted at the moment", extra={"code": type(error).__name__})
        return None
    return Rate(policy, limit, max(0, limit - sent), reset_s, exceeded=sent > limit)


def _limit(reads: bool) -> int:
    clinic = tenancy.clinic_by_schema(current_schema())
    own = clinic.reads_per_minute if reads else clinic.writes_per_minute
    default: int = settings.API_READS_PER_MINUTE if reads else settings.API_WRITES_PER_MINUTE
    return default if own is None else own


# --- what a key did in a day ------------------------------------------------------------------------------------


def _use_key(prefix: str, day: date) -> str:
    return f"keyuse:{prefix}:{day.isoformat()}"


def _count_use(pipe: Any, prefix: str, what: str) -> None:
    name = _use_key(prefix, _today())
    pipe.hincrby(name, what, 1)
    pipe.expire(name, _KEEP_DAYS * 86_400)


def _today() -> date:
    return datetime.now(UTC).date()


def carry_over(prefix: str) -> None:
    """Moves what Redis counted for a key into the database: a restarted Redis then loses a minute, not a week.

    Called at most once a minute and key, after its answer was made. Between the two steps a crash loses the counts of that
    minute; the other order would count them twice.
    """
    today = _today()
    try:
        for day in (today - timedelta(days=1), today):
            pipe = client().pipeline(transaction=True)
            pipe.hgetall(_use_key(prefix, day))
            pipe.delete(_use_key(prefix, day))
            counted = pipe.execute()[0]
            if counted:
                add_key_use(prefix=prefix, day=day, **_numbers(counted))
    except (redis.RedisError, OSError) as error:
        logger.warning("Requests could not be carried over", extra={"code": type(error).__name__})


def _numbers(counted: dict[bytes, bytes]) -> dict[str, int]:
    return {name: int(counted.get(name.encode(), 0)) for name in ("requests", "refused")}


def use_of(prefixes: list[str], *, days: int) -> dict[tuple[str, date], tuple[int, int]]:
    """(prefix, UTC day) -> (requests, refused) of the last `days` days, today included."""
    since = _today() - timedelta(days=days - 1)
    found = tenancy.key_use(prefixes, since=since)
    asked = [(prefix, _today() - timedelta(days=ago)) for prefix in prefixes for ago in range(min(days, _KEEP_DAYS))]
    try:
        pipe = client().pipeline(transaction=False)
        for prefix, day in asked:
            pipe.hgetall(_use_key(prefix, day))
        answers = pipe.execute() if asked else []
    except (redis.RedisError, OSError):
        return found
    for place, counted in zip(asked, answers, strict=True):
        if counted:
            more, before = _numbers(counted), found.get(place, (0, 0))
            found[place] = (before[0] + more["requests"], before[1] + more["refused"])
    return found
