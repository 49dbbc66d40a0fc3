"""What a patient does: accepts an invitation, answers questions, asks, objects, takes the consent back."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.cases import selectors
from apps.cases.models import Case, Intake, PatientLink, PatientMessage, Release
from apps.cases.pipeline import intake as guided
from apps.safety import services as safety
from medassist.accounts.access import Actor, Permission, Role, require, system_actor
from medassist.accounts.services import create_person
from medassist.audit.services import record
from medassist.clinical.case import CaseInput
from medassist.common.errors import InvalidInput, NotFound, StateConflict
from medassist.tenancy.context import current_schema

INVITATION_DAYS = 14
MOST_MESSAGE = 4000
MOST_OPEN_MESSAGES = 20
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_CODE_LETTERS = 16
"""78 bits: nobody guesses one."""


def invite(*, actor: Actor, case_id: UUID) -> str:
    """A code with which the patient opens the way to this case; told once, stored as a hash. Earlier codes that were not
    used end. Raises `NotFound`."""
    require(actor, Permission.PATIENT_INVITE)
    code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS))
    with transaction.atomic():
        case = Case.objects.filter(pk=case_id).first()
        if case is None:
            raise NotFound
        selectors.require_let_in(actor, case)
        now = timezone.now()
        PatientLink.objects.filter(case=case, accepted_at__isnull=True).update(expires_at=now)
        link = PatientLink.objects.create(
            case=case, code_hash=_hash(code), invited_by=actor.label or actor.id,
            expires_at=now + timedelta(days=INVITATION_DAYS),
        )  # fmt: skip
        record(
            actor=actor,
            action="patient.invite",
            object_type="case",
            object_id=str(case_id),
            detail={"link": str(link.id)},
        )
    return "-".join(code[at : at + 4] for at in range(0, _CODE_LETTERS, 4))


def accept_with_new_account(*, code: str, username: str, full_name: str, password: str) -> str:
    """Opens the way for a patient without an account here; returns the account's id. Raises `InvalidInput`."""
    with transaction.atomic():
        link = _invited(code)
        by = system_actor(current_schema(), "invitation", scopes=frozenset({Permission.PEOPLE_MANAGE}))
        person = create_person(username=username, full_name=full_name, role=Role.PATIENT, password=password, by=by)
        _accept(link, person.id, by)
    return person.id


def accept(*, actor: Actor, code: str) -> None:
    """Opens the way to one more case for a patient who is signed in. Raises `InvalidInput`."""
    require(actor, Permission.PORTAL_USE)
    with transaction.atomic():
        _accept(_invited(code), actor.id, actor)


def _invited(code: str) -> PatientLink:
    plain = "".join(letter for letter in code.upper() if letter.isalnum())
    rows = PatientLink.objects.select_for_update(no_key=True)
    link = rows.filter(code_hash=_hash(plain), accepted_at__isnull=True, expires_at__gt=timezone.now()).first()
    if link is None:
        raise InvalidInput(fields={"code": "This code is not valid, or no longer. Ask your clinic for a new one."})
    return link


def _accept(link: PatientLink, person: str, actor: Actor) -> None:
    link.person, link.accepted_at = person, timezone.now()
    link.save(update_fields=["person", "accepted_at"])
    record(
        actor=actor, action="patient.accept", object_type="case", object_id=str(link.case_id),
        detail={"link": str(link.id), "person": person},
    )  # fmt: skip


def _hash(code: str) -> str:
    return hashlib.sha256(f"{current_schema()}/{code}".encode()).hexdigest()


def own_link(*, actor: Actor, link_id: UUID, consented: bool = True) -> PatientLink:
    """The patient's own way to a case; raises `NotFound` for anybody else's, and after the consent was withdrawn."""
    require(actor, Permission.PORTAL_USE)
    link = PatientLink.objects.select_related("case").filter(pk=link_id, person=actor.id).first()
    if link is None or (consented and link.consent_withdrawn_at is not None):
        raise NotFound
    return link


def send_message(*, actor: Actor, link_id: UUID, kind: str, text: str) -> None:
    """A question, or that something is wrong; the clinic finds it at the case."""
    link = own_link(actor=actor, link_id=link_id)
    if kind not in {"wrong", "question"}:
        raise InvalidInput(fields={"kind": "wrong or question"})
    if not text.strip() or len(text) > MOST_MESSAGE:
        raise InvalidInput(fields={"text": f"1 to {MOST_MESSAGE} characters"})
    with transaction.atomic():
        if link.messages.filter(replied_at__isnull=True).count() >= MOST_OPEN_MESSAGES:
            raise InvalidInput(
                fields={"text": "Your clinic has not answered your earlier messages yet. Please call it."}
            )
        made = PatientMessage.objects.create(link=link, kind=kind, text=text.strip())
        record(
            actor=actor, action="patient.message", object_type="case", object_id=str(link.case_id),
            detail={"message": str(made.id), "kind": kind},
        )  # fmt: skip


def reply(*, actor: Actor, message_id: UUID, text: str) -> UUID:
    """Answers a patient's message, within what a patient may be told; returns the case. Raises `NotFound`,
    `StateConflict` when it was answered, `InvalidInput` naming `text`."""
    require(actor, Permission.PATIENT_INVITE)
    if not text.strip() or len(text) > MOST_MESSAGE:
        raise InvalidInput(fields={"text": f"1 to {MOST_MESSAGE} characters"})
    with transaction.atomic():
        rows = PatientMessage.objects.select_for_update(of=("self",), no_key=True).select_related("link")
        message = rows.filter(pk=message_id).first()
        if message is None:
            raise NotFound
        if message.replied_at is not None:
            raise StateConflict("This message has been answered")
        checked = safety.check_for_patient(text, record="")
        if checked.blocked:
            told = checked.problems(accept_hard=True, accept_numbers=True)
            raise InvalidInput("The answer was not sent; see fields.", fields=told)
        message.reply, message.replied_by, message.replied_at = text.strip(), actor.label or actor.id, timezone.now()
        message.save(update_fields=["reply", "replied_by", "replied_at"])
        record(
            actor=actor, action="patient.reply", object_type="case", object_id=str(message.link.case_id),
            detail={"message": str(message_id)},
        )  # fmt: skip
    return message.link.case_id


def withdraw_consent(*, actor: Actor, link_id: UUID) -> None:
    """Closes the way: nothing is shown to the patient any more, what was released is taken back. The record stays, as the
    law on records asks; the clinic sees that the consent was withdrawn."""
    link = own_link(actor=actor, link_id=link_id)
    with transaction.atomic():
        now = timezone.now()
        PatientLink.objects.filter(pk=link.pk).update(consent_withdrawn_at=now)
        Release.objects.filter(assessment__case_id=link.case_id, withdrawn_at__isnull=True).update(
            withdrawn_at=now, withdrawn_by=actor.label or actor.id
        )
        record(
            actor=actor, action="patient.consent.withdraw", object_type="case", object_id=str(link.case_id),
            detail={"link": str(link.id)},
        )  # fmt: skip


def answer(*, actor: Actor, link_id: UUID, question: str, text: str) -> Intake:
    """Keeps one answer of the open intake (begun with the first one) and judges all of them by the triage rules.

    It ends when no question is left, or stopped at an emergency. Raises `InvalidInput` naming `answer`.
    """
    link = own_link(actor=actor, link_id=link_id)
    known = CaseInput.model_validate(link.case.payload)
    with transaction.atomic():
        PatientLink.objects.select_for_update(no_key=True).get(pk=link.pk)
        row = link.intakes.filter(ended_at__isnull=True).first() or Intake(link=link, answers={})
        expected = guided.next_question(row.answers, known)
        if expected is None or expected.id != question:
            raise StateConflict("This question has been answered; go on with the next one")
        if told := guided.problem_with(expected, text):
            raise InvalidInput(fields={"answer": told})
        row.answers = {**row.answers, question: text.strip()}
        row.level = guided.floor_of(row.answers, known).level
        if row.level == "emergency_now" or guided.next_question(row.answers, known) is None:
            row.ended_at = timezone.now()
        row.save()
        if row.ended_at is not None:
            record(
                actor=actor, action="patient.intake", object_type="case", object_id=str(link.case_id),
                detail={"intake": str(row.id), "level": row.level},
            )  # fmt: skip
    return row


def intake_case(*, actor: Actor, intake_id: UUID) -> CaseInput:
    """The record with what the patient answered, for a form that a clinician confirms; audited. Raises `NotFound`."""
    row = Intake.objects.select_related("link__case").filter(pk=intake_id, ended_at__isnull=False).first()
    if row is None:
        raise NotFound
    selectors.require_case(actor=actor, case_id=row.link.case_id)
    case = row.link.case
    with transaction.atomic():
        record(actor=actor, action="case.read", object_type="case", object_id=str(case.pk))
    known = CaseInput.model_validate(case.payload)
    said = guided.case_of(row.answers, known)
    lines = [f"From the patient, {row.begun_at:%Y-%m-%d}: {said.presenting_complaint}", said.history]
    return known.model_copy(
        update={
            "history": "\n".join(part for part in (known.history, *lines) if part),
            "symptoms": (*known.symptoms, *said.symptoms),
            "medications": tuple(dict.fromkeys((*known.medications, *said.medications))),
            "allergies": tuple(dict.fromkeys((*known.allergies, *said.allergies))),
        }
    )
