"""The patient's pages: what was released, guided questions, messages, who looked, the consent; and the invitation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth import login as sign_in
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.cases import selectors
from apps.cases.forms import InvitationForm
from apps.cases.pipeline import intake as guided
from apps.cases.schemas import IntakeView
from apps.cases.services import portal
from apps.safety.services import escalation
from medassist.accounts.access import Actor, Permission, actor_of, is_allowed
from medassist.accounts.pages import page
from medassist.clinical.case import CaseInput
from medassist.common.errors import InvalidInput, NotAuthenticated, StateConflict
from medassist.tenancy.context import current_clinic

DONE = {
    "case.read": _("read your case"), "case.list": _("opened the work list"), "assessment.read": _("read the assessment"),
    "assessment.list": _("read the assessments"), "assessment.review": _("reviewed the assessment"),
    "assessment.release": _("released a text to you"), "assessment.withdraw": _("took a text back"),
    "assessment.store": _("wrote an assessment (computer)"), "case.submit": _("entered your case"),
    "case.reanalyse": _("asked for a new assessment"), "outcome.record": _("recorded what it turned out to be"),
    "patient.invite": _("invited you"), "patient.accept": _("accepted the invitation"),
    "patient.message": _("sent a message"), "patient.reply": _("answered your message"),
    "patient.intake": _("answered the questions"), "portal.read": _("opened this page"),
    "patient.consent.withdraw": _("withdrew the consent"), "impression.keep": _("wrote down an own impression"),
}  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("password", "code")
def invitation(request: HttpRequest) -> HttpResponse:
    """A code opens the way to a case: for a new account, or for the patient who is signed in."""
    try:
        actor: Actor | None = actor_of(request)
    except NotAuthenticated:
        actor = None
    known = actor is not None and is_allowed(actor, Permission.PORTAL_USE)
    form = InvitationForm(request.POST if request.method == "POST" else None, known=known)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                if known and actor is not None:
                    portal.accept(actor=actor, code=form.cleaned_data["code"])
                else:
                    portal.accept_with_new_account(**form.cleaned_data)
                    person = authenticate(
                        request, username=form.cleaned_data["username"], password=form.cleaned_data["password"]
                    )
                    if person is not None:
                        sign_in(request, person)
            except InvalidInput as error:
                for name, told in error.fields.items():
                    form.add_error(name if name in form.fields else None, told)
            else:
                return redirect("cases:portal")
    return render(request, "cases/portal/invitation.html", {"form": form, "known": known}, status=status)


@require_safe
@page(Permission.PORTAL_USE)
def own_cases(request: HttpRequest, actor: Actor) -> HttpResponse:
    return render(request, "cases/portal/list.html", {"links": selectors.patient_links(actor=actor)})


@require_safe
@page(Permission.PORTAL_USE)
def own_case(request: HttpRequest, actor: Actor, link_id: UUID) -> HttpResponse:
    link = selectors.patient_link(actor=actor, link_id=link_id)
    running = next((one for one in link.intakes if one.ended_at is None), None)
    context = {"link": link, "running": running, "last": _last(link.intakes), "emergency": _emergency(link.intakes)}
    return render(request, "cases/portal/case.html", context)


def _last(intakes: tuple[IntakeView, ...]) -> IntakeView | None:
    return next((one for one in intakes if one.ended_at is not None), None)


def _emergency(intakes: tuple[IntakeView, ...]) -> Any:
    """The authored words for an emergency, while the last answers say that there is one."""
    last = _last(intakes)
    if last is None or last.level != "emergency_now":
        return None
    clinic = current_clinic()
    return escalation(
        level="emergency_now", locale=clinic.locale, emergency_number=clinic.emergency_number, audience="patient"
    )


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.PORTAL_USE)
def intake(request: HttpRequest, actor: Actor, link_id: UUID) -> HttpResponse:
    """One question at a time; an answer that the rules call an emergency ends them with what to do now."""
    link = portal.own_link(actor=actor, link_id=link_id)
    told = ""
    if request.method == "POST":
        question = request.POST.get("question", "")[:40]
        try:
            row = portal.answer(actor=actor, link_id=link_id, question=question, text=request.POST.get("answer", ""))
        except InvalidInput as error:
            told = error.fields.get("answer", error.detail)
        except StateConflict:
            return redirect("cases:portal-intake", link_id=link_id)
        else:
            if row.ended_at is None:
                return redirect("cases:portal-intake", link_id=link_id)
            if row.level != "emergency_now":
                messages.success(request, gettext("Thank you. Your clinic has your answers."))
            return redirect("cases:portal-case", link_id=link_id)
    running = link.intakes.filter(ended_at__isnull=True).first()
    asked = guided.next_question(running.answers if running else {}, CaseInput.model_validate(link.case.payload))
    if asked is None:
        return redirect("cases:portal-case", link_id=link_id)
    context = {
        "link_id": link_id, "asked": asked, "told": told, "typed": request.POST.get("answer", "") if told else "",
        "number": len(running.answers) + 1 if running else 1, "emergency_number": current_clinic().emergency_number,
    }  # fmt: skip
    return render(request, "cases/portal/intake.html", context, status=400 if told else 200)


@require_POST
@page(Permission.PORTAL_USE)
def message(request: HttpRequest, actor: Actor, link_id: UUID) -> HttpResponse:
    try:
        portal.send_message(
            actor=actor, link_id=link_id, kind=request.POST.get("kind", ""), text=request.POST.get("text", "")
        )
    except InvalidInput as error:
        for told in error.fields.values():
            messages.error(request, told)
    else:
        messages.success(
            request, gettext("Sent. Your clinic will read it; it is not read at once. In an emergency, call.")
        )
    return redirect("cases:portal-case", link_id=link_id)


@require_safe
@page(Permission.PORTAL_USE)
def seen_by(request: HttpRequest, actor: Actor, link_id: UUID) -> HttpResponse:
    rows = [
        {"at": row.at, "who": gettext("you") if row.actor_id == actor.id else row.label,
         "what": DONE.get(row.action, row.action)}
        for row in selectors.accesses_of(actor=actor, link_id=link_id)
    ]  # fmt: skip
    return render(request, "cases/portal/seen.html", {"rows": rows, "link_id": link_id})


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.PORTAL_USE)
def consent(request: HttpRequest, actor: Actor, link_id: UUID) -> HttpResponse:
    portal.own_link(actor=actor, link_id=link_id)
    if request.method == "POST":
        portal.withdraw_consent(actor=actor, link_id=link_id)
        messages.success(
            request, gettext("You have withdrawn your consent. Nothing of this case is shown here any more.")
        )
        return redirect("cases:portal")
    return render(request, "cases/portal/consent.html", {"link_id": link_id})
