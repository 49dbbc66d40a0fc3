"""Writes about people and keys: permission, change and audit entry in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from medassist.accounts.access import SCOPES, Actor, Permission, Role, require
from medassist.accounts.models import User
from medassist.accounts.schemas import IssuedKey, Person
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


def _check_reach(by: Actor, clinic: str) -> None:
    # A clinic's administrator reaches that clinic's keys only; to them other clinics do not exist.
    if by.clinic not in {PUBLIC_SCHEMA, clinic}:
        raise NotFound("There is no such clinic")


def _note_key(clinic: str, prefix: str, action: str, by: Actor, **detail: Any) -> None:
    """In the clinic's own trail, also when platform staff did it."""
    actor = by if by.clinic == clinic else replace(by, clinic=clinic, label=f"platform: {by.label}")
    with clinic_context(clinic, states=("open", "closing", "provisioning")):
        trail.note(actor=actor, action=action, object_type="api_key", object_id=prefix, detail=detail)
