"""Who may do what: an actor has a role or scopes, a permission names its roles, everything else is denied."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Literal

from django.contrib.auth import get_user_model
from django.db.models import Model
from guardian.core import ObjectPermissionChecker

from medassist.common.errors import NotAuthenticated, NotFound, PermissionDenied
from medassist.tenancy.context import current_clinic, current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA


class Role(StrEnum):
    """What a person is. Platform staff live in the public schema, everybody else in one clinic's."""

    CLINICIAN = "clinician"
    NURSE = "nurse"
    PATIENT = "patient"
    CLINIC_ADMIN = "clinic_admin"
    AUDITOR = "auditor"
    PLATFORM_STAFF = "platform_staff"


_ROLES: dict[str, Role] = {role.value: role for role in Role}
_CARE = frozenset({Role.CLINICIAN, Role.NURSE})


class Permission(Enum):
    """One right: its name, the roles that have it clinic-wide, whether an API key may carry it as a scope,
    and the object right (guardian's `view` or `change`) that grants it on a single record."""

    CASE_SUBMIT = ("case.submit", _CARE, True, None)
    CASE_READ = ("case.read", _CARE, True, "view")
    CASE_CANCEL = ("case.cancel", _CARE, True, "change")
    CASE_RESTRICT = ("case.restrict", frozenset({Role.CLINICIAN}), False, None)
    CASE_BREAK_GLASS = ("case.break_glass", _CARE, False, None)
    ASSESSMENT_REVIEW = ("assessment.review", frozenset({Role.CLINICIAN}), True, None)
    ASSESSMENT_RELEASE = ("assessment.release", frozenset({Role.CLINICIAN}), False, None)
    OUTCOME_RECORD = ("outcome.record", frozenset({Role.CLINICIAN}), True, None)
    PATIENT_INVITE = ("patient.invite", _CARE, False, None)
    PORTAL_USE = ("portal.use", frozenset({Role.PATIENT}), False, None)
    JOB_READ = ("job.read", _CARE | {Role.CLINIC_ADMIN}, True, None)
    NOTE_SUMMARIZE = ("note.summarize", _CARE, True, None)
    NOTE_READ = ("note.read", _CARE, True, None)
    NOTE_TEMPLATE = ("note.template", frozenset({Role.CLINIC_ADMIN}), False, None)
    NOTE_RELEASE = ("note.release", frozenset({Role.CLINICIAN}), False, None)
    CHAT_ASK = ("chat.ask", _CARE, True, None)
    CHAT_READ = ("chat.read", _CARE, True, None)
    MEDIA_GENERATE = ("media.generate", _CARE | {Role.CLINIC_ADMIN}, True, None)
    MEDIA_READ = ("media.read", _CARE | {Role.CLINIC_ADMIN}, True, None)
    GUIDELINE_READ = ("guideline.read", _CARE, True, None)
    GUIDELINE_MANAGE = ("guideline.manage", frozenset({Role.PLATFORM_STAFF}), False, None)
    DOCUMENT_INGEST = ("document.ingest", _CARE, True, None)
    DOCUMENT_READ = ("document.read", _CARE, True, None)
    DOCUMENT_SEARCH = ("document.search", _CARE, True, None)
    PROTOCOL_MANAGE = ("protocol.manage", frozenset({Role.CLINIC_ADMIN}), True, None)
    RULE_DECIDE = ("rule.decide", frozenset({Role.CLINICIAN}), False, None)
    AUDIT_READ = ("audit.read", frozenset({Role.AUDITOR, Role.CLINIC_ADMIN, Role.PLATFORM_STAFF}), True, None)
    USAGE_READ = ("usage.read", frozenset({Role.AUDITOR, Role.CLINIC_ADMIN}), True, None)
    PEOPLE_MANAGE = ("people.manage", frozenset({Role.CLINIC_ADMIN, Role.PLATFORM_STAFF}), False, None)
    KEY_MANAGE = ("key.manage", frozenset({Role.CLINIC_ADMIN, Role.PLATFORM_STAFF}), False, None)
    WEBHOOK_MANAGE = ("webhook.manage", frozenset({Role.CLINIC_ADMIN}), True, None)
    CLINIC_MANAGE = ("clinic.manage", frozenset({Role.PLATFORM_STAFF}), False, None)

    def __init__(self, code: str, roles: frozenset[Role], for_keys: bool, object_right: str | None) -> None:
        self.code = code
        self.roles = roles
        self.for_keys = for_keys
        self.object_right = object_right

    @classmethod
    def from_code(cls, code: str) -> Permission:
        """The permission called `code` ("case.read"); raises `KeyError`."""
        return _BY_CODE[code]


_BY_CODE = {permission.code: permission for permission in Permission}
SCOPES = frozenset(permission for permission in Permission if permission.for_keys)
"""What an API key may be allowed to do."""


@dataclass(frozen=True)
class Actor:
    """Who acts: a person, an API key, or the system itself; always within one schema (`clinic`)."""

    kind: Literal["user", "api_key", "system"]
    id: str
    clinic: str
    role: Role | None = None
    scopes: frozenset[Permission] = field(default_factory=frozenset)
    label: str = ""


_FEATURES = {
    "chat": "chat", "note": "notes", "document": "documents", "protocol": "documents", "portal": "portal", "patient": "portal",
    "media": "media",
}  # fmt: skip


def feature_of(permission: Permission) -> str:
    """The feature that a right belongs to, "" for what no clinic can be without."""
    return _FEATURES.get(permission.code.partition(".")[0], "")


def is_switched_off(feature: str) -> bool:
    """Whether the platform has switched a feature off for the clinic that one is in."""
    return bool(feature) and current_schema() != PUBLIC_SCHEMA and feature in current_clinic().features_off


def is_allowed(actor: Actor, permission: Permission) -> bool:
    """Whether the actor has the right for everything in the schema that it acts in, and the clinic has the feature."""
    if actor.clinic != current_schema():
        return False
    # What was begun ends: the system itself goes on with work of a feature that was switched off meanwhile.
    if actor.kind != "system" and is_switched_off(feature_of(permission)):
        return False
    if actor.kind != "user":
        return permission in actor.scopes
    if actor.role is None or (actor.role is Role.PLATFORM_STAFF) != (actor.clinic == PUBLIC_SCHEMA):
        return False
    return actor.role in permission.roles


def require(actor: Actor, permission: Permission) -> None:
    """Raises `PermissionDenied` unless the actor has the right."""
    if not is_allowed(actor, permission):
        feature = feature_of(permission)
        if is_switched_off(feature):
            raise PermissionDenied(f"The platform has switched {feature} off for this clinic")
        raise PermissionDenied(f"This needs the right {permission.code}")


def require_any(actor: Actor, permission: Permission | tuple[Permission, ...]) -> None:
    """Raises `PermissionDenied` unless the actor has one of the rights."""
    rights = (permission,) if isinstance(permission, Permission) else permission
    if not any(is_allowed(actor, one) for one in rights):
        require(actor, rights[0])


def require_object(actor: Actor, permission: Permission, obj: Model) -> None:
    """Raises `NotFound` unless the actor has the right clinic-wide or was granted it on this record."""
    if is_allowed(actor, permission):
        return
    if actor.kind == "user" and permission.object_right and actor.clinic == current_schema():
        user = get_user_model().objects.filter(pk=actor.id, is_active=True).first()
        codename = f"{permission.object_right}_{obj._meta.model_name}"
        if user is not None and not user.is_superuser and ObjectPermissionChecker(user).has_perm(codename, obj):
            return
    raise NotFound


def actor_of(request: Any) -> Actor:
    """The actor behind a Django or DRF request; raises `NotAuthenticated` for nobody."""
    user = getattr(request, "user", None)
    if isinstance(user, KeyHolder):
        return user.actor
    if user is not None and user.is_authenticated and user.is_active:
        return actor_for_user(user)
    raise NotAuthenticated


def actor_for_user(user: Any) -> Actor:
    return Actor(
        kind="user", id=str(user.pk), clinic=current_schema(), role=_ROLES.get(user.role), label=user.get_username()
    )


def system_actor(clinic: str, name: str, *, scopes: frozenset[Permission] = SCOPES) -> Actor:
    """The server itself at work (a worker, a command): allowed what keys may be allowed, unless told otherwise."""
    return Actor(kind="system", id=name, clinic=clinic, scopes=scopes, label=name)


@dataclass(frozen=True)
class KeyHolder:
    """Stands where DRF expects a user when an API key was sent."""

    actor: Actor

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_staff = False
    is_superuser = False

    @property
    def pk(self) -> str:
        return self.actor.id

    def __str__(self) -> str:
        return self.actor.label
