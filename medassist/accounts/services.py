"""Writes about people and keys: permission, change and audit entry in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from medassist.accounts.access import SCOPES, Actor, Permission, Role, require
from medassist.accounts.models import IdentityProvider, User
from medassist.accounts.schemas import IssuedKey, Person
from medassist.accounts.sessions import end_sessions
from medassist.common import trail
from medassist.common.errors import InvalidInput, NotFound
from medassist.tenancy import services as tenancy
from medassist.tenancy.context import clinic_context, current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA


def create_person(
    *, username: str, full_name: str, role: Role, by: Actor, password: str | None = None, email: str = ""
) -> Person:
    """A person of the current schema; without a password they cannot sign in until one is set.

    Raises `InvalidInput` for a taken name, a weak password or a role that has no place in this schema.
    """
    person = User(username=User.normalize_username(username), full_name=full_name, role=role, email=email)
    if password is None:
        person.set_unusable_password()
    else:
        _check_password(password, person)
        person.set_password(password)
    try:
        person.full_clean(exclude=["password"])
    except ValidationError as error:
        raise InvalidInput(
            "The person cannot be stored", fields={name: " ".join(texts) for name, texts in error.message_dict.items()}
        ) from error
    return store_person(person=person, by=by, created=True)


def store_person(*, person: User, by: Actor, created: bool, changed: Sequence[str] = ()) -> Person:
    """Saves a checked person, new or changed, with its audit entry; `changed` names the fields."""
    require(by, Permission.PEOPLE_MANAGE)
    role = _role_for_schema(person.role)
    with transaction.atomic():
        person.save()
        trail.note(
            actor=by,
            action="person.created" if created else "person.changed",
            object_type="person",
            object_id=str(person.pk),
            detail={"role": role.value, "active": person.is_active, "changed": ",".join(changed)},
        )
    return as_person(person)


def as_person(person: User) -> Person:
    return Person(
        id=str(person.pk), username=person.username, full_name=person.full_name, role=person.role,
        is_active=person.is_active,
    )  # fmt: skip


def _check_password(password: str, person: User) -> None:
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise InvalidInput("The password is too weak", fields={"password": " ".join(error.messages)}) from error


def _role_for_schema(value: str) -> Role:
    try:
        role = Role(value)
    except ValueError as error:
        raise InvalidInput("There is no such role", fields={"role": "unknown"}) from error
    if (role is Role.PLATFORM_STAFF) != (current_schema() == PUBLIC_SCHEMA):
        raise InvalidInput(
            "Platform staff live in the public schema, everybody else in a clinic's", fields={"role": "not here"}
        )
    return role


def unlock_person(*, username: str, by: Actor) -> int:
    """Takes back the lock-outs of a name in the current schema, from every address; the number of them.

    Raises `NotFound` when nobody has the name.
    """
    require(by, Permission.PEOPLE_MANAGE)
    person = _person_named(username)
    with transaction.atomic():
        count: int = AccessAttempt.objects.filter(username=person.username).count()
        AccessAttempt.objects.filter(username=person.username).delete()
        _note_person("person.unlocked", person, by, attempts=count)
    return count


def reset_second_factor(*, username: str, by: Actor) -> int:
    """Takes app, passkeys and recovery codes of a person away (the phone is lost) and ends the sessions; the number.

    Raises `NotFound` when nobody has the name.
    """
    require(by, Permission.PEOPLE_MANAGE)
    person = _person_named(username)
    with transaction.atomic():
        count: int = Authenticator.objects.filter(user=person).count()
        Authenticator.objects.filter(user=person).delete()
        _note_person("second_factor.reset", person, by, factors=count)
        end_sessions(person=person, reason="second_factor", by=by)
    return count


def end_all_sessions(*, username: str, by: Actor) -> int:
    """Signs a person out everywhere; the number of sessions. Raises `NotFound` when nobody has the name."""
    require(by, Permission.PEOPLE_MANAGE)
    return end_sessions(person=_person_named(username), reason="ended_by_administrator", by=by)


def store_identity_provider(*, provider: IdentityProvider, by: Actor, changed: Sequence[str] = ()) -> None:
    """Saves the clinic's identity provider, with its audit entry; `changed` names the fields, never the secret's text.

    Raises `InvalidInput` for an issuer that the operator has not listed.
    """
    require(by, Permission.PEOPLE_MANAGE)
    if current_schema() == PUBLIC_SCHEMA:
        raise InvalidInput("Platform staff have no identity provider")
    try:
        provider.full_clean(exclude=["client_secret"])
    except ValidationError as error:
        raise InvalidInput(
            "The identity provider cannot be stored",
            fields={name: " ".join(texts) for name, texts in error.message_dict.items()},
        ) from error
    with transaction.atomic():
        provider.save()
        trail.note(
            actor=by,
            action="identity_provider.stored",
            object_type="identity_provider",
            object_id=str(provider.pk),
            detail={
                "active": provider.is_active, "creates_people": provider.creates_people,
                "changed": ",".join(changed),
            },
        )  # fmt: skip


def _person_named(username: str) -> User:
    person = User.objects.filter(username=username).first()
    if person is None:
        raise NotFound("There is no such person")
    return person


def _note_person(action: str, person: User, by: Actor, **detail: int) -> None:
    trail.note(actor=by, action=action, object_type="person", object_id=str(person.pk), detail=detail)


def issue_api_key(
    *, clinic: str, name: str, scopes: Collection[Permission], expires_at: datetime | None, by: Actor
) -> IssuedKey:
    """A key for one clinic; its text is in the answer and nowhere else.

    Raises `InvalidInput` without a name or scopes, for scopes that no key may have, and for an expiry in the past.
    """
    require(by, Permission.KEY_MANAGE)
    _check_reach(by, clinic)
    wrong = [scope.code for scope in scopes if scope not in SCOPES]
    if not name.strip() or not scopes or wrong:
        raise InvalidInput(
            "A key needs a name and scopes that keys may have", fields=dict.fromkeys(wrong, "not a scope for keys")
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInput("The expiry is in the past", fields={"expires_at": "in the past"})
    codes = sorted(scope.code for scope in scopes)
    with transaction.atomic():
        text, stored = tenancy.store_key(
            schema_name=clinic, name=name.strip(), scopes=codes, expires_at=expires_at, created_by=by.label
        )
        _note_key(clinic, stored.prefix, "api_key.issued", by, scopes=",".join(codes))
    return IssuedKey(
        key=text, prefix=stored.prefix, clinic=clinic, name=stored.name, scopes=stored.scopes, expires_at=expires_at
    )


def revoke_api_key(*, clinic: str, prefix: str, by: Actor) -> None:
    """The key stops working with the next request. Raises `NotFound`; revoking twice is no error."""
    require(by, Permission.KEY_MANAGE)
    _check_reach(by, clinic)
    with transaction.atomic():
        if tenancy.revoke_key(schema_name=clinic, prefix=prefix):
            _note_key(clinic, prefix, "api_key.revoked", by)


LONGEST_OVERLAP = timedelta(days=30)


def rotate_api_key(*, clinic: str, prefix: str, overlap: timedelta, by: Actor) -> IssuedKey:
    """A new secret for a key; the one before works on for `overlap` (0 s to 30 days), its scopes and expiry stay.

    A key may rotate itself. Raises `NotFound`, `StateConflict` for one that no longer works, `InvalidInput`.
    """
    if not (by.kind == "api_key" and by.id == prefix and by.clinic == clinic == current_schema()):
        require(by, Permission.KEY_MANAGE)
    _check_reach(by, clinic)
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise InvalidInput(fields={"overlap": f"from 0 to {LONGEST_OVERLAP.days} days"})
    with transaction.atomic():
        text, stored = tenancy.rotate_key(schema_name=clinic, prefix=prefix, overlap=overlap)
        _note_key(clinic, prefix, "api_key.rotated", by, overlap_s=int(overlap.total_seconds()))
    return IssuedKey(
        key=text, prefix=prefix, clinic=clinic, name=stored.name, scopes=stored.scopes, expires_at=stored.expires_at
    )


def _check_reach(by: Actor, clinic: str) -> None:
    # A clinic's administrator reaches that clinic's keys only; to them other clinics do not exist.
    if by.clinic not in {PUBLIC_SCHEMA, clinic}:
        raise NotFound("There is no such clinic")


def _note_key(clinic: str, prefix: str, action: str, by: Actor, **detail: Any) -> None:
    """In the clinic's own trail, also when platform staff did it."""
    actor = by if by.clinic == clinic else replace(by, clinic=clinic, label=f"platform: {by.label}")
    with clinic_context(clinic, states=("open", "closing", "provisioning")):
        trail.note(actor=actor, action=action, object_type="api_key", object_id=prefix, detail=detail)
