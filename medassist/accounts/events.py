"""What happens at the door goes into the trail: signing in and out, failures, lock-outs, second factors."""

from __future__ import annotations

import logging
import time
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa import signals as second_factor
from allauth.usersessions.models import UserSession
from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.db.models.signals import post_save

from medassist.accounts import sessions
from medassist.accounts.access import Actor, actor_for_user, system_actor
from medassist.accounts.adapters import active_provider
from medassist.accounts.addresses import client_ip
from medassist.accounts.models import User
from medassist.common import trail
from medassist.tenancy.context import current_schema

logger = logging.getLogger(__name__)

_UID = "medassist.accounts"


def connect() -> None:
    for signal, receiver in (
        (user_logged_in, signed_in),
        (user_logged_out, signed_out),
        (user_login_failed, refused),
        (user_locked_out, locked_out),
        (second_factor.authentication_failed, code_refused),
        (second_factor.authenticator_added, factor_added),
        (second_factor.authenticator_reset, factor_added),
        (second_factor.authenticator_removed, factor_removed),
    ):
        signal.connect(receiver, dispatch_uid=f"{_UID}.{receiver.__name__}")
    post_save.connect(person_saved, sender=User, dispatch_uid=_UID)


def _door() -> Actor:
    """Who acts before it is known who asks."""
    return system_actor(current_schema(), "sign-in")


def _who() -> Actor:
    """Who is signed in to the request at work, the person or an administrator; the door where there is none."""
    person = getattr(context.request, "user", None)
    return actor_for_user(person) if getattr(person, "is_authenticated", False) else _door()


def _note(action: str, *, actor: Actor, object_id: str, **detail: Any) -> None:
    with transaction.atomic():
        trail.note(actor=actor, action=action, object_type="person", object_id=object_id, detail=detail)


def signed_in(*, request: Any, user: User, **_: Any) -> None:
    request.session[sessions.ACTIVE_AT] = int(time.time())
    methods = get_authentication_records(request, user)
    used = [str(one.get("type") or one.get("method")) for one in methods if not one.get("reauthenticated")]
    if "socialaccount" in used:
        provider = active_provider()
        if provider is not None and provider.second_factor_there:
            request.session[sessions.SECOND_FACTOR] = user.pk
    address = client_ip(request)
    if address is None:
        # A session made by a program, not from the network: there is no browser to list.
        return
    UserSession.objects.create_from_request(request)
    _note(
        "session.started",
        actor=actor_for_user(user),
        object_id=str(user.pk),
        method=",".join(used) or "password",
        address=address,
    )


def signed_out(*, request: Any, user: User | None, **_: Any) -> None:
    key = request.session.session_key
    if user is None or not UserSession.objects.filter(session_key=key).delete()[0]:
        return
    _note(
        "session.ended",
        actor=actor_for_user(user),
        object_id=str(user.pk),
        reason=getattr(request, sessions.REASON, "signed_out"),
        sessions=1,
    )


def refused(*, credentials: dict[str, Any], request: Any = None, **more: Any) -> None:
    """Each failure counts once; what is tried while locked out does not, or a stranger could fill the trail."""
    if request is None or (getattr(request, "axes_locked_out", False) and request.axes_failures_since_start is None):
        return
    person = User.objects.filter(username=credentials.get("username")).first()
    if person is None and not _few_strangers():
        # The name may be a password typed into the wrong field: it is kept nowhere but with axes' count.
        logger.warning("A sign-in failed", extra={"code": "unknown_name", "clinic": current_schema()})
        return
    _note(
        "session.refused",
        actor=_door(),
        object_id=str(person.pk) if person else "-",
        method=str(more.get("method", "password")),
        address=client_ip(request),
    )


_STRANGERS_A_MINUTE = 20
_strangers: dict[str, tuple[int, int]] = {}


def _few_strangers() -> bool:
    """Names that nobody has are written a few times a minute: made-up ones have no end, and each entry of the trail
    waits for the one before."""
    minute, schema = int(time.time() // 60), current_schema()
    since, count = _strangers.get(schema, (minute, 0))
    count = count + 1 if since == minute else 1
    _strangers[schema] = (minute, count)
    return count <= _STRANGERS_A_MINUTE


def locked_out(*, request: Any, username: str | None, ip_address: str | None, **_: Any) -> None:
    if request.axes_failures_since_start is None:
        return
    person = User.objects.filter(username=username).first()
    _note(
        "person.locked_out",
        actor=_door(),
        object_id=str(person.pk) if person else "-",
        address=ip_address,
        failures=request.axes_failures_since_start,
    )


def code_refused(*, request: Any, user: User, **_: Any) -> None:
    """Counts towards the same lock-out as a wrong password."""
    user_login_failed.send(
        sender=__name__, credentials={"username": user.get_username()}, request=request, method="code"
    )


def factor_added(*, user: User, authenticator: Any, **_: Any) -> None:
    _note("second_factor.added", actor=actor_for_user(user), object_id=str(user.pk), kind=str(authenticator.type))


def factor_removed(*, request: Any, user: User, authenticator: Any, **_: Any) -> None:
    request.session.pop(sessions.SECOND_FACTOR, None)
    _note("second_factor.removed", actor=actor_for_user(user), object_id=str(user.pk), kind=str(authenticator.type))
    others = [one for one in UserSession.objects.filter(user=user) if one.session_key != request.session.session_key]
    sessions.end_sessions(person=user, sessions=others, reason="second_factor", by=actor_for_user(user))


def person_saved(*, instance: User, created: bool, **_: Any) -> None:
    """A new password, or being taken out of use, ends every session."""
    if created:
        return
    by = _who()
    # Django keeps the raw password here from `set_password` until the save is over.
    changed = getattr(instance, "_password", None) is not None
    if changed:
        _note("person.password_changed", actor=by, object_id=str(instance.pk))
    if changed or not instance.is_active:
        reason = "password_changed" if changed else "deactivated"
        sessions.end_sessions(person=instance, reason=reason, by=by)
