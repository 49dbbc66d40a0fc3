"""The clinic's side of a patient: the invitation, what the patient said, answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from apps.cases import selectors
from apps.cases.pipeline import intake as guided
from apps.cases.services import portal
from apps.cases.views import words
from apps.cases.views.words import say
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import page
from medassist.common.errors import InvalidInput, StateConflict


def side_of(case_id: UUID) -> dict[str, Any]:
    """What the case page shows of its patient."""
    side = selectors.from_patient(case_id)
    asked = {question.id: question.text for question in guided.questions()}
    return {
        "side": side,
        "open": sum(one.replied_at is None for one in side.messages),
        "intakes": [
            {"item": one, "level_name": say(words.LEVELS, one.level),
             "said": [(asked.get(name, name), answer) for name, answer in one.said]}
            for one in side.intakes
        ],
    }  # fmt: skip


@require_POST
@page(Permission.PATIENT_INVITE)
def invite(request: HttpRequest, actor: Actor, case_id: UUID) -> HttpResponse:
    """The code is shown once, on a page to be printed; it stands in no address and no log."""
    code = portal.invite(actor=actor, case_id=case_id)
    address = request.build_absolute_uri(reverse("cases:invitation"))
    return render(
        request, "cases/invite.html",
        {"code": code, "address": address, "case_id": case_id, "days": portal.INVITATION_DAYS},
    )  # fmt: skip


@require_POST
@page(Permission.PATIENT_INVITE)
def reply(request: HttpRequest, actor: Actor, case_id: UUID, message_id: UUID) -> HttpResponse:
    try:
        portal.reply(actor=actor, message_id=message_id, text=request.POST.get("text", ""))
    except InvalidInput as error:
        for told in error.fields.values():
            messages.error(request, told)
    except StateConflict as error:
        messages.info(request, error.detail)
    else:
        messages.success(request, gettext("Sent to the patient."))
    return redirect(f"{reverse('cases:detail', args=[case_id])}#patient")
