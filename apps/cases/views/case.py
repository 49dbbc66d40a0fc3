"""One case: triage at once, progress while it is assessed, the assessment, the record as entered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from apps.cases import selectors, services
from apps.cases.pipeline.record import headline_of
from apps.cases.schemas import cited_passages, claims_of
from apps.cases.views import words
from apps.cases.views.patients import side_of
from apps.cases.views.present import assessment_of, triage_of
from apps.cases.views.record import sections
from apps.cases.views.restricted import closed_page
from apps.cases.views.review import reviews_of
from apps.cases.views.words import say
from apps.rag.selectors import ended_passages
from apps.safety.services import escalation
from medassist.accounts.access import Actor, Permission, is_allowed
from medassist.accounts.pages import is_htmx, page
from medassist.clinical.assessment import Escalation
from medassist.common.errors import NotFound, RecordRestricted, StateConflict
from medassist.jobs.schemas import TERMINAL, JobView
from medassist.jobs.selectors import job_view
from medassist.tenancy.context import current_clinic

DELAYED_AFTER = timedelta(seconds=30)


@dataclass(frozen=True)
class Step:
    key: str
    label: str
    state: str
    """"waiting", "started" or "finished"."""


@require_safe
@page(Permission.CASE_READ)
def case_page(request: HttpRequest, actor: Actor, case_id: UUID) -> HttpResponse:
    try:
        detail = selectors.case_detail(actor=actor, case_id=case_id)
    except RecordRestricted:
        return closed_page(request, actor, case_id)
    context = _context(detail, actor)
    if context["working"]:
        context["events_url"] = selectors.progress_ticket(actor=actor, job_id=detail.job.id) if detail.job else ""
    context["sections"] = sections(detail.case)
    return render(request, "cases/detail.html", context)


@require_safe
@page(Permission.CASE_READ)
def progress(request: HttpRequest, actor: Actor, case_id: UUID, job_id: UUID) -> HttpResponse:
    """What htmx asks for while a job runs: the steps, or at the end the whole answer in their place."""
    job = job_view(actor=actor, job_id=job_id)
    if str(case_id) not in job.references.values():
        raise NotFound
    if not is_htmx(request):
        return redirect("cases:detail", case_id=case_id)
    if job.state not in TERMINAL:
        return render(request, "cases/_steps.html", progress_context(job))
    context = _context(selectors.case_detail(actor=actor, case_id=case_id), actor)
    response = HttpResponse(render_to_string("cases/_live.html", context, request=request))
    response.headers["HX-Retarget"] = "#live"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


@require_POST
@page(Permission.CASE_SUBMIT)
def reanalyse(_request: HttpRequest, actor: Actor, case_id: UUID) -> HttpResponse:
    services.reanalyse(actor=actor, case_id=case_id)
    return redirect("cases:detail", case_id=case_id)


@require_POST
@page(Permission.CASE_CANCEL)
def cancel(request: HttpRequest, actor: Actor, case_id: UUID, job_id: UUID) -> HttpResponse:
    try:
        state = services.cancel_assessment(actor=actor, job_id=job_id)
    except StateConflict:
        messages.info(request, gettext("The analysis had already ended."))
    else:
        gone, going = gettext("The analysis was cancelled."), gettext("The analysis is being stopped.")
        messages.success(request, gone if state == "cancelled" else going)
    return redirect("cases:detail", case_id=case_id)


def _context(detail: selectors.CaseDetail, actor: Actor) -> dict[str, Any]:
    job, assessment = detail.job, detail.assessment
    reviews = selectors.claim_reviews(detail.assessment_id) if detail.assessment_id else {}
    impression = selectors.impression_of(actor=actor, case_id=detail.id)
    released = assessment is not None and assessment.status == "released"
    hidden = assessment is not None and impression is None and selectors.thinks_first(detail.id)
    ended = ended_passages(cited_passages(assessment)) if assessment else {}
    context: dict[str, Any] = {
        "detail": detail,
        "case": detail.case,
        "headline": headline_of(detail.case),
        "job": job,
        "working": job is not None and job.state not in TERMINAL,
        "triage": triage_of(detail.floor, assessment, detail.case, detail.id, reviews),
        "escalation": assessment.escalation if assessment else _escalation(detail),
        "assessment": assessment_of(assessment, detail.case, detail.id, ended, reviews)
        if assessment and not hidden
        else None,
        "think_first": hidden,
        "impression": impression,
        "may_review": released and is_allowed(actor, Permission.ASSESSMENT_REVIEW),
        "may_release": released and is_allowed(actor, Permission.ASSESSMENT_RELEASE),
        "may_conclude": is_allowed(actor, Permission.OUTCOME_RECORD),
        "progress": {"done": len(reviews), "all": len(claims_of(assessment))} if assessment else None,
        "outcome": selectors.outcome_of(detail.id),
        "patient": side_of(detail.id),
        "may_restrict": is_allowed(actor, Permission.CASE_RESTRICT),
        "may_chat": is_allowed(actor, Permission.CHAT_READ),
        "may_invite": is_allowed(actor, Permission.PATIENT_INVITE),
        "released": selectors.release_of(detail.id),
        "reviews": reviews_of(detail, actor.clinic),
        "may_submit": is_allowed(actor, Permission.CASE_SUBMIT),
        "job_reason": say(words.JOB_REASONS, job.reason.partition(":")[0]) if job and job.reason else "",
    }
    if job is not None and context["working"]:
        context.update(progress_context(job))
    return context


def progress_context(job: JobView) -> dict[str, Any]:
    return {"job": job, "steps": steps_of(job), "delayed": _delayed(job, timezone.now())}


def steps_of(job: JobView) -> list[Step]:
    """The pipeline's steps; those before the one that the ledger names are finished."""
    names = list(words.STEPS)
    at = names.index(job.step) if job.state == "running" and job.step in names else -1
    return [
        Step(name, say(words.STEPS, name), "finished" if index < at else "started" if index == at else "waiting")
        for index, name in enumerate(names)
    ]


def _delayed(job: JobView, now: datetime) -> bool:
    return now - (job.started_at or job.created_at) > DELAYED_AFTER


def _escalation(detail: selectors.CaseDetail) -> Escalation:
    clinic = current_clinic()
    case = detail.case
    return escalation(
        level=detail.floor.level,
        locale=case.locale,
        emergency_number=clinic.emergency_number,
        audience=case.audience,
    )
