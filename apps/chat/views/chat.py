"""Asking about a case: the conversations, one of them with its live answer, its export."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.chat import selectors, services
from apps.chat.schemas import MOST_QUESTION, ChatAnswer, ChatInput, ConversationView
from medassist.accounts.access import Actor, Permission, is_allowed
from medassist.accounts.pages import is_htmx, page
from medassist.clinical.assessment import Cite
from medassist.clinical.parsing import parse_as
from medassist.common.errors import InvalidInput, MedAssistError, StateConflict
from medassist.jobs.schemas import TERMINAL, JobView

STEPS = {
    "gather": _("Read the record"), "deidentify": _("Remove identifiers"), "retrieve": _("Search the guidelines"),
    "draft": _("Draft with citations"), "guard": _("Check every statement"), "release": _("Release"),
}  # fmt: skip
REASONS = {
    "nothing_found": _("Neither the record nor the guidelines answer this."),
    "about_medicines": _("MedAssist names no medicines and gives no doses. Ask your formulary and your colleagues."),
    "retrieval_unavailable": _("The guideline search was not available; only the record was read."),
    "backbone_output_unusable": _("The model's answer could not be used."),
    "backbone_rejected": _("The model refused the request."),
    "prompt_too_long": _("The case and its evidence are too long for the model."),
    "guard_failed": _("A safety check did not finish, so nothing unchecked was released."),
}


@require_safe
@page(Permission.CHAT_READ)
def about_case(request: HttpRequest, actor: Actor, case_id: UUID) -> HttpResponse:
    """The conversations about a case, and the field for a new one."""
    context = {
        "case_id": case_id, "conversations": selectors.conversations_of(actor=actor, case_id=case_id),
        "may_ask": is_allowed(actor, Permission.CHAT_ASK), "key": str(uuid4()), "most": MOST_QUESTION,
    }  # fmt: skip
    return render(request, "chat/case.html", context)


@require_POST
@page(Permission.CHAT_ASK)
def ask(request: HttpRequest, actor: Actor, case_id: UUID) -> HttpResponse:
    data: dict[str, Any] = {"case": str(case_id), "question": request.POST.get("question", "")}
    if conversation := request.POST.get("conversation"):
        data["conversation"] = conversation
    try:
        given = parse_as(ChatInput, data, called="question")
        asked = services.ask(actor=actor, given=given, idempotency_key=f"page-{request.POST.get('key', '')[:60]}")
    except InvalidInput as error:
        messages.error(request, "; ".join(error.fields.values()) or error.detail)
    except StateConflict as error:
        messages.info(request, error.detail)
    except MedAssistError as error:
        if error.status < 429:
            raise
        messages.error(request, error.detail)
    else:
        return redirect("chat:conversation", conversation_id=asked.conversation_id)
    if conversation:
        return redirect("chat:conversation", conversation_id=conversation)
    return redirect("chat:case", case_id=case_id)


@require_safe
@page(Permission.CHAT_READ)
def conversation(request: HttpRequest, actor: Actor, conversation_id: UUID) -> HttpResponse:
    context = _context(selectors.conversation(actor=actor, conversation_id=conversation_id), actor)
    if context["working"]:
        context["events_url"] = selectors.events_of(actor=actor, job_id=context["job"].id)
    return render(request, "chat/conversation.html", context)


@require_safe
@page(Permission.CHAT_READ)
def progress(request: HttpRequest, actor: Actor, conversation_id: UUID) -> HttpResponse:
    """What htmx asks for while an answer is written: the steps, or at the end the conversation anew."""
    if not is_htmx(request):
        return redirect("chat:conversation", conversation_id=conversation_id)
    job = selectors.latest_job(actor=actor, conversation_id=conversation_id)
    if job is not None and job.state not in TERMINAL:
        return render(request, "chat/_steps.html", {"job": job, "steps": steps_of(job)})
    context = _context(selectors.conversation(actor=actor, conversation_id=conversation_id), actor)
    response = HttpResponse(render_to_string("chat/_live.html", context, request=request))
    response.headers["HX-Retarget"] = "#live"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


@require_POST
@page(Permission.CHAT_ASK)
def stop(request: HttpRequest, actor: Actor, conversation_id: UUID) -> HttpResponse:
    try:
        services.stop(actor=actor, conversation_id=conversation_id)
    except StateConflict:
        messages.info(request, gettext("The answer had already ended."))
    return redirect("chat:conversation", conversation_id=conversation_id)


@require_http_methods(["GET", "HEAD"])
@page(Permission.CHAT_READ)
def export(_request: HttpRequest, actor: Actor, conversation_id: UUID) -> HttpResponse:
    found = selectors.export(actor=actor, conversation_id=conversation_id)
    response = JsonResponse(found, json_dumps_params={"ensure_ascii": False, "indent": 2})
    response.headers["Content-Disposition"] = f'attachment; filename="conversation-{conversation_id}.json"'
    return response


def _context(found: ConversationView, actor: Actor) -> dict[str, Any]:
    last = found.turns[-1] if found.turns else None
    job = last.job if last else None
    working = job is not None and job.state not in TERMINAL
    return {
        "found": found,
        "turns": [
            {"item": one, "answer": one.answer, "claims": _claims(one.answer, found.case_id) if one.answer else (),
             "reasons": [str(REASONS.get(code, code)) for code in one.answer.status_reasons] if one.answer else (),
             "ended": one.job.state if one.job and one.job.state in TERMINAL else ""}
            for one in found.turns
        ],
        "job": job, "working": working, "steps": steps_of(job) if working and job else (),
        "may_ask": is_allowed(actor, Permission.CHAT_ASK), "key": str(uuid4()), "most": MOST_QUESTION,
    }  # fmt: skip


def _claims(answer: ChatAnswer, case_id: UUID) -> list[dict[str, Any]]:
    evidence = {item.id: (number, item) for number, item in enumerate(answer.evidence, start=1)}

    def chip(cite: Cite) -> dict[str, str]:
        if cite.kind == "record" or cite.ref not in evidence:
            place = f"{reverse('cases:detail', args=[case_id])}#record-title"
            label = cite.ref.replace("_", " ").partition(".")[0]
            return {"label": label, "href": place, "quote": cite.quote, "kind": "record"}
        number, item = evidence[cite.ref]
        where = {"start": str(cite.start), "end": str(cite.end)}
        if item.kind == "case_document":
            where["case"] = str(case_id)
        address = f"{reverse('cases:passage', args=[item.passage_id])}?{urlencode(where)}"
        return {
            "label": f"{number} {item.source or item.title}", "href": address, "quote": cite.quote, "kind": "guideline",
        }  # fmt: skip

    return [
        {"text": claim.text, "kind": claim.kind, "chips": [chip(cite) for cite in claim.cites]}
        for claim in answer.claims
    ]


def steps_of(job: JobView) -> list[dict[str, str]]:
    names = list(STEPS)
    at = names.index(job.step) if job.state == "running" and job.step in names else -1
    return [
        {"key": name, "label": str(STEPS[name]),
         "state": "finished" if index < at else "started" if index == at else "waiting"}
        for index, name in enumerate(names)
    ]  # fmt: skip
