"""What the patient may read about a case: drafted, mended, checked, released, taken back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from apps.cases import selectors
from apps.cases.forms import ReleaseForm
from apps.cases.schemas import claims_of
from apps.cases.services import releasing
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import page
from medassist.clinical.readability import TARGET_GRADE, readability
from medassist.common.errors import InvalidInput, NotFound, StateConflict


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.ASSESSMENT_RELEASE)
def release(request: HttpRequest, actor: Actor, case_id: UUID, assessment_id: UUID) -> HttpResponse:
    detail = selectors.case_detail(actor=actor, case_id=case_id)
    if detail.assessment is None or detail.assessment_id != assessment_id:
        raise NotFound
    released = selectors.release_of(case_id)
    status = 200
    if request.method == "POST":
        form = ReleaseForm(request.POST)
        status = 400
        if form.is_valid():
            try:
                releasing.release(actor=actor, assessment_id=assessment_id, **form.cleaned_data)
            except InvalidInput as error:
                for name, told in error.fields.items():
                    form.add_error(name, told)
            except StateConflict as error:
                form.add_error(None, error.detail)
                status = error.status
            else:
                messages.success(request, gettext("Released. The patient may read it now."))
                return redirect("cases:release", case_id=case_id, assessment_id=assessment_id)
    else:
        form = ReleaseForm(
            initial={
                "text": released.text if released else releasing.release_draft(actor=actor, assessment_id=assessment_id)
            }
        )
    reading = readability(str(form["text"].value() or ""))
    context: dict[str, Any] = {
        "detail": detail, "form": form, "released": released, "reading": reading, "target": TARGET_GRADE,
        "hard": reading.hard[:5], "assessment_id": assessment_id,
        "reviewed": len(selectors.claim_reviews(assessment_id)), "claims": len(claims_of(detail.assessment)),
    }  # fmt: skip
    return render(request, "cases/release.html", context, status=status)


@require_POST
@page(Permission.ASSESSMENT_RELEASE)
def withdraw(request: HttpRequest, actor: Actor, case_id: UUID, assessment_id: UUID) -> HttpResponse:
    releasing.withdraw(actor=actor, assessment_id=assessment_id)
    messages.success(request, gettext("Withdrawn. The patient can no longer read it."))
    return redirect("cases:detail", case_id=case_id)
