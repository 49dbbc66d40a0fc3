"""A clinician's say on the case page: claim by claim, the own impression first, what it turned out to be."""

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
from apps.cases.forms import numbered
from apps.cases.schemas import ClaimVerdict, Diagnosis, claims_of
from apps.cases.services import reviewing
from apps.cases.views.present import Drawer
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import is_htmx, page
from medassist.clinical.parsing import parse_as
from medassist.common.errors import InvalidInput, NotFound


@require_POST
@page(Permission.ASSESSMENT_REVIEW)
def review_claim(request: HttpRequest, actor: Actor, case_id: UUID, assessment_id: UUID, claim_id: str) -> HttpResponse:
    """One verdict; htmx gets the claim anew, everybody else the page at that claim."""
    data = {name: request.POST.get(name, "") for name in ("verdict", "reason", "text")}
    if data["verdict"] != "edit":
        data["text"] = ""
    told: dict[str, str] = {}
    try:
        verdict = parse_as(ClaimVerdict, {"claim": claim_id, **data}, called="review")
        reviewing.review_claims(actor=actor, assessment_id=assessment_id, verdicts=[verdict])
    except InvalidInput as error:
        told = {place.rpartition(".")[2]: words for place, words in error.fields.items()}
    if not is_htmx(request):
        for words in told.values():
            messages.error(request, words)
        return redirect(f"{reverse('cases:detail', args=[case_id])}#claim-{claim_id}")
    return _claim(request, actor, (case_id, assessment_id, claim_id), data if told else {}, told)


def _claim(
    request: HttpRequest, actor: Actor, place: tuple[UUID, UUID, str], typed: dict[str, str], told: dict[str, str]
) -> HttpResponse:
    case_id, assessment_id, claim_id = place
    detail = selectors.case_detail(actor=actor, case_id=case_id)
    if detail.assessment is None or detail.assessment_id != assessment_id:
        raise NotFound
    reviews = selectors.claim_reviews(assessment_id)
    drawer = Drawer(detail.case, case_id, detail.assessment.evidence, reviews)
    claims = {claim.id: claim for claim in claims_of(detail.assessment)}
    if claim_id not in claims:
        raise NotFound
    context: dict[str, Any] = {
        "detail": detail, "claim": drawer.claim(claims[claim_id]), "may_review": True, "typed": typed, "told": told,
        "progress": {"done": len(reviews), "all": len(claims)}, "swapped": True,
    }  # fmt: skip
    # Also with errors: htmx puts only what succeeded in the place of the claim.
    return render(request, "cases/_claim.html", context)


@require_POST
@page(Permission.CASE_READ)
def think(request: HttpRequest, actor: Actor, case_id: UUID) -> HttpResponse:
    """Keeps the own impression, or that it was passed over; then the assessment is shown."""
    text = "" if "skip" in request.POST else request.POST.get("text", "")
    if not text.strip() and "skip" not in request.POST:
        messages.error(request, gettext("Write your impression, or pass it over."))
        return redirect("cases:detail", case_id=case_id)
    reviewing.keep_impression(actor=actor, case_id=case_id, text=text)
    return redirect("cases:detail", case_id=case_id)


@require_POST
@page(Permission.OUTCOME_RECORD)
def outcome(request: HttpRequest, actor: Actor, case_id: UUID) -> HttpResponse:
    lines = [line for _number, line in numbered(request.POST.get("diagnoses", ""))]
    try:
        diagnoses = [parse_as(Diagnosis, {"name": line}, called="diagnosis") for line in lines[:20]]
        if not diagnoses:
            raise InvalidInput(fields={"diagnoses": gettext("Name at least one diagnosis, one a line.")})
        rank = reviewing.record_outcome(actor=actor, case_id=case_id, diagnoses=diagnoses)
    except InvalidInput as error:
        for words in error.fields.values():
            messages.error(request, words)
    else:
        if rank is None:
            messages.success(request, gettext("Kept. The assessment did not name it."))
        else:
            messages.success(request, gettext("Kept. The assessment named it in place %(rank)s.") % {"rank": rank})
    return redirect(f"{reverse('cases:detail', args=[case_id])}#outcome")
