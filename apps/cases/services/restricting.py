"""Who may open a restricted case: named by a colleague, or let in for a while by saying why (break-glass)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from apps.cases import selectors
from apps.cases.models import Case, CaseAccess
from medassist.accounts.access import Actor, Permission, Role, require
from medassist.audit.services import record
from medassist.common.errors import InvalidInput, NotFound, StateConflict

GLASS_HOURS = 8
"""How long who said why may look: a shift."""
FEWEST_WORDS, MOST_REASON = 2, 500
_MAY_BE_NAMED = frozenset({Role.CLINICIAN.value, Role.NURSE.value})


def restrict(*, actor: Actor, case_id: UUID) -> None:
    """From now on only named people open the case, first of all who restricts it. Raises `NotFound`, `StateConflict`."""
    require(actor, Permission.CASE_RESTRICT)
    with transaction.atomic():
        case = _case(actor, case_id)
        if case.restricted:
            raise StateConflict("This case is restricted already")
        Case.objects.filter(pk=case.pk).update(restricted=True)
        _let_in(case, person=selectors.person_of(actor), name=actor.label or actor.id, by=actor.label or actor.id)
        record(actor=actor, action="case.restrict", object_type="case", object_id=str(case_id))


def lift(*, actor: Actor, case_id: UUID) -> None:
    """Opens the case to the whole care team again. Raises `NotFound`, `RecordRestricted`, `StateConflict`."""
    require(actor, Permission.CASE_RESTRICT)
    with transaction.atomic():
        case = _case(actor, case_id)
        if not case.restricted:
            raise StateConflict("This case is not restricted")
        Case.objects.filter(pk=case.pk).update(restricted=False)
        case.accesses.filter(ended_at__isnull=True).update(ended_at=timezone.now())
        record(actor=actor, action="case.restrict.lift", object_type="case", object_id=str(case_id))


def name_colleague(*, actor: Actor, case_id: UUID, username: str) -> None:
    """Lets a clinician or nurse of the clinic open the case. Raises `InvalidInput` naming `username`."""
    require(actor, Permission.CASE_RESTRICT)
    person = get_user_model().objects.filter(username=username.strip(), is_active=True).first()
    if person is None or person.role not in _MAY_BE_NAMED:
        raise InvalidInput(fields={"username": "no clinician or nurse of this clinic has this user name"})
    with transaction.atomic():
        case = _case(actor, case_id)
        if not case.restricted:
            raise StateConflict("This case is open to the whole care team")
        standing = case.accesses.filter(person=str(person.pk), ended_at__isnull=True, until__isnull=True)
        if not standing.exists():
            _let_in(case, person=str(person.pk), name=person.get_username(), by=actor.label or actor.id)
        record(
            actor=actor, action="case.access.name", object_type="case", object_id=str(case_id),
            detail={"person": str(person.pk)},
        )  # fmt: skip


def take_back(*, actor: Actor, case_id: UUID, access_id: UUID) -> None:
    """Ends somebody's access; the last standing one stays. Raises `NotFound`, `StateConflict`."""
    require(actor, Permission.CASE_RESTRICT)
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).filter(pk=_case(actor, case_id).pk).get()
        row = case.accesses.filter(pk=access_id, ended_at__isnull=True).first()
        if row is None:
            raise NotFound
        others = case.accesses.filter(ended_at__isnull=True, until__isnull=True).exclude(pk=row.pk)
        if row.until is None and not others.exists():
            raise StateConflict("Somebody must be left who may open the case; lift the restriction instead")
        CaseAccess.objects.filter(pk=row.pk).update(ended_at=timezone.now())
        record(
            actor=actor, action="case.access.end", object_type="case", object_id=str(case_id),
            detail={"person": row.person},
        )  # fmt: skip


def break_glass(*, actor: Actor, case_id: UUID, reason: str) -> None:
    """Lets the actor in for `GLASS_HOURS`, on record with the reason. Raises `InvalidInput` naming `reason`."""
    require(actor, Permission.CASE_BREAK_GLASS)
    said = " ".join(reason.split())
    if len(said.split()) < FEWEST_WORDS or len(said) > MOST_REASON:
        raise InvalidInput(
            fields={"reason": f"say why you must see this case now: at least {FEWEST_WORDS} words, at most {MOST_REASON} characters"}
        )  # fmt: skip
    with transaction.atomic():
        case = Case.objects.filter(pk=case_id).first()
        if case is None:
            raise NotFound
        if not case.restricted:
            raise StateConflict("This case is not restricted")
        until = timezone.now() + timedelta(hours=GLASS_HOURS)
        row = CaseAccess.objects.create(
            case=case, person=selectors.person_of(actor), name=actor.label or actor.id, by=actor.label or actor.id,
            until=until, broke_glass=True, reason=said,
        )  # fmt: skip
        record(
            actor=actor, action="case.break_glass", object_type="case", object_id=str(case_id),
            detail={"access": str(row.id), "until": until.isoformat()},
        )  # fmt: skip


def _case(actor: Actor, case_id: UUID) -> Case:
    case = Case.objects.filter(pk=case_id).first()
    if case is None:
        raise NotFound
    selectors.require_let_in(actor, case)
    return case


def _let_in(case: Case, *, person: str, name: str, by: str) -> None:
    CaseAccess.objects.create(case=case, person=person, name=name, by=by)
