"""Sessions as people see them: where I am signed in, ending them, and what counts as being there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

from medassist.accounts.access import Actor
from medassist.common import trail

ACTIVE_AT = "active_at"
SECOND_FACTOR = "second_factor"
REASON = "_session_ends"
BACKGROUND = "X-Background"
"""Header of requests that a page makes by itself (polling); they show that a page is open, not that somebody is there."""


def is_background(request: HttpRequest) -> bool:
    if BACKGROUND in request.headers:
        return True
    # A page's script that reads the API by session asks again and again, as polling does.
    return request.method in {"GET", "HEAD", "OPTIONS"} and request.path.startswith("/api/")


def remaining(request: HttpRequest) -> int:
    """Seconds until the session ends if nobody does anything."""
    last = request.session.get(ACTIVE_AT, 0)
    return max(0, int(settings.SESSION_COOKIE_AGE - (time.time() - last)))


def touch(request: HttpRequest) -> None:
    """Somebody is there. Stored at most once in a twentieth of the time allowed: a page is not one more write."""
    now = int(time.time())
    if now - request.session.get(ACTIVE_AT, 0) >= min(60, settings.SESSION_COOKIE_AGE // 20):
        request.session[ACTIVE_AT] = now


def sessions_of(person: Any) -> list[UserSession]:
    """The person's living sessions, the newest first; dead ones are cleared away."""
    found: list[UserSession] = UserSession.objects.purge_and_list(person)
    return sorted(found, key=lambda one: one.created_at, reverse=True)


def end_sessions(*, person: Any, sessions: Sequence[UserSession] | None = None, reason: str, by: Actor) -> int:
    """Ends the given sessions of a person, or all; what was open in them asks to sign in again."""
    with transaction.atomic():
        rows = list(UserSession.objects.filter(user_id=person.pk)) if sessions is None else list(sessions)
        keys = [row.session_key for row in rows if row.user_id == person.pk]
        _delete(keys)
        if keys:
            trail.note(
                actor=by,
                action="session.ended",
                object_type="person",
                object_id=str(person.pk),
                detail={"reason": reason, "sessions": len(keys)},
            )
    return len(keys)


def _delete(keys: Iterable[str]) -> None:
    chosen = list(keys)
    Session.objects.filter(session_key__in=chosen).delete()
    UserSession.objects.filter(session_key__in=chosen).delete()
