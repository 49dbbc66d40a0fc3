"""A FHIR file becomes a case: what was read, what was not and why; nothing is sent before the form was checked."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from apps.interop import services
from apps.interop.forms import FhirFileForm
from apps.interop.schemas import Imported
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import page
from medassist.clinical.parsing import parse_json
from medassist.common.errors import InvalidInput, MedAssistError

MOST_SHOWN = 200


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.CASE_SUBMIT)
def from_file(request: HttpRequest, actor: Actor) -> HttpResponse:
    form = FhirFileForm(request.POST or None, request.FILES or None)
    if request.method != "POST":
        return _page(request, FhirFileForm())
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        data: Any = parse_json(form.cleaned_data["record"])
        if said := form.cleaned_data["presenting_complaint"].strip():
            words = [
                {"name": "record", "resource": data},
                {"name": "presenting_complaint", "valueString": said},
            ]
            data = {"resourceType": "Parameters", "parameter": words}
        imported = services.map_record(actor=actor, data=data)
    except InvalidInput as error:
        form.add_error("record", list(error.fields.values()) or error.detail)
        return _page(request, form, status=400)
    except MedAssistError as error:
        if error.status >= 429 or error.status in {401, 403}:
            raise
        form.add_error("record", error.detail)
        return _page(request, form, status=error.status)
    return _page(request, form, imported=imported, status=200 if imported.case else 422)


def _page(
    request: HttpRequest, form: FhirFileForm, *, imported: Imported | None = None, status: int = 200
) -> HttpResponse:
    problems = sorted(imported.problems, key=lambda one: one.outcome != "quarantined") if imported else []
    context = {
        "form": form, "mode": "fhir", "problems": form.problems() if form.is_bound else [], "imported": imported,
        "told": problems[:MOST_SHOWN], "more": max(0, len(problems) - MOST_SHOWN),
        "case_json": imported.case.model_dump_json(exclude_defaults=True) if imported and imported.case else "",
    }  # fmt: skip
    return render(request, "interop/file.html", context, status=status)
