"""A new case: the structured form, or a whole case as JSON. Nothing that was typed is lost on an error."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.http import require_http_methods

from apps.cases import services
from apps.cases.forms import BLANK_ROWS, SAID, CaseEntry, CaseJsonForm, PastedForm, initial_of
from apps.cases.pipeline.pasted import case_of
from apps.cases.services.portal import intake_case
from apps.documents import services as documents
from apps.documents.schemas import DocumentView, Upload
from apps.documents.selectors import document_view
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import page
from medassist.clinical.case import CaseInput
from medassist.common.errors import (
    IdempotencyConflict,
    InvalidInput,
    MedAssistError,
    NotFound,
    TooManyRequests,
    Unavailable,
)
from medassist.tenancy.context import current_clinic

ALREADY_SENT = gettext_noop("This form was already sent with other content. Send it again for a new case.")
ROW_GROUPS = ("symptoms", "labs")


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.CASE_SUBMIT)
def new_case(request: HttpRequest, actor: Actor) -> HttpResponse:
    if request.method != "POST" and request.GET.get("intake"):
        return _from_patient(request, actor, request.GET["intake"])
    if request.method != "POST":
        return _form(request, CaseEntry(locales=_locales(), initial={"locale": current_clinic().locale}))
    if request.POST.get("more_rows") in ROW_GROUPS:
        return _with_more_rows(request, request.POST["more_rows"])
    posted, refused = _with_files(request, actor)
    entry = CaseEntry(posted, locales=_locales())
    if not entry.is_valid() or entry.case is None or refused:
        if refused:
            entry.form.add_error(None, refused)
        return _form(request, entry, status=400, attached=_attached(actor, posted))
    case = entry.case.model_copy(update={"documents": _chosen(posted)})
    try:
        return _submit(
            request, actor, case, request.POST.get("idempotency_key", ""),
            think_first=bool(entry.form.cleaned_data["think_first"]),
        )  # fmt: skip
    except IdempotencyConflict:
        entry = CaseEntry(_with_new_key(posted), locales=_locales())
        entry.is_valid()
        entry.form.add_error(None, gettext(ALREADY_SENT))
        return _form(request, entry, status=409, attached=_attached(actor, posted))
    except (InvalidInput, TooManyRequests, Unavailable) as error:
        entry.place(error)
        return _with_retry(_form(request, entry, status=error.status, attached=_attached(actor, posted)), error)


def _from_patient(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """The record with what its patient answered, to be confirmed in the form."""
    try:
        intake_id = UUID(name)
    except ValueError:
        raise NotFound from None
    case = intake_case(actor=actor, intake_id=intake_id)
    messages.info(
        request, gettext("The record and the patient's answers were read into the form. Check it, then send it.")
    )
    return _form(request, CaseEntry(locales=(*_locales(), case.locale), initial=initial_of(case)))


def _with_files(request: HttpRequest, actor: Actor) -> tuple[QueryDict, str]:
    """The form with its files stored as documents, named by id: a form that comes back has not lost them."""
    posted = request.POST.copy()
    files = request.FILES.getlist("files")
    if not files:
        return posted, ""
    uploads = [Upload(name=str(file.name or ""), data=file.read()) for file in files]
    try:
        accepted = documents.ingest(actor=actor, uploads=uploads, kind="case_document")
    except MedAssistError as error:
        return posted, "; ".join(_of_file(place, text, files) for place, text in error.fields.items()) or error.detail
    for item in accepted:
        posted.appendlist("documents", str(item.document_id))
    return posted, ""


def _of_file(place: str, text: str, files: list[Any]) -> str:
    number = place.partition(".")[2]
    return f"{files[int(number)].name}: {text}" if number.isdigit() and int(number) < len(files) else text


def _chosen(posted: QueryDict) -> tuple[UUID, ...]:
    found: list[UUID] = []
    for given in posted.getlist("documents"):
        with suppress(ValueError):
            found.append(UUID(given))
    return tuple(dict.fromkeys(found))


def _attached(actor: Actor, posted: QueryDict) -> list[DocumentView]:
    found: list[DocumentView] = []
    for document_id in _chosen(posted):
        with suppress(NotFound):
            found.append(document_view(actor=actor, document_id=document_id))
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.CASE_SUBMIT)
def new_case_json(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Sends the pasted case, or with `fill` puts it into the structured form to be checked first."""
    if request.method != "POST":
        return _json_form(request, CaseJsonForm())
    form = CaseJsonForm(request.POST)
    if not form.is_valid() or form.case is None:
        return _json_form(request, form, status=400)
    if "fill" in request.POST:
        messages.info(request, gettext("The case was read into the form. Check it, then send it."))
        locales = (*_locales(), form.case.locale)
        return _form(request, CaseEntry(locales=locales, initial=initial_of(form.case)))
    try:
        return _submit(request, actor, form.case, request.POST.get("idempotency_key", ""))
    except IdempotencyConflict:
        form = CaseJsonForm(_with_new_key(request.POST))
        form.add_error(None, gettext(ALREADY_SENT))
        return _json_form(request, form, status=409)
    except (InvalidInput, TooManyRequests, Unavailable) as error:
        form.add_error("case_json", [f"{path}: {text}" for path, text in error.fields.items()] or error.detail)
        return _with_retry(_json_form(request, form, status=error.status), error)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.CASE_SUBMIT)
def new_case_text(request: HttpRequest, _actor: Actor) -> HttpResponse:
    """Reads pasted text into the structured form. Nothing is sent before a clinician has confirmed it there."""
    form = PastedForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            case = case_of(form.cleaned_data["text"], locale=current_clinic().locale)
        except InvalidInput as error:
            form.add_error("text", [f"{path}: {SAID.get(text, text)}" for path, text in error.fields.items()])
        else:
            messages.info(request, gettext("The text was read into the form. Check every field, then send it."))
            return _form(request, CaseEntry(locales=_locales(), initial=initial_of(case)))
    context = {"form": form, "problems": form.problems() if form.is_bound else [], "mode": "text"}
    return render(request, "cases/new_text.html", context, status=400 if form.is_bound else 200)


def _submit(
    request: HttpRequest, actor: Actor, case: CaseInput, key: str, *, think_first: bool = False
) -> HttpResponse:  # fmt: skip
    requested = services.request_assessment(
        actor=actor, case=case, idempotency_key=key[:64] or None, think_first=think_first
    )
    if not requested.created:
        messages.info(request, gettext("This case had already been sent; here it is."))
    return redirect("cases:detail", case_id=requested.case_id)


def _form(
    request: HttpRequest, entry: CaseEntry, status: int = 200, attached: Sequence[DocumentView] = ()
) -> HttpResponse:
    form = entry.form
    context = {
        "entry": entry,
        "form": form,
        "problems": entry.problems(),
        "attached": attached,
        "vitals": [(form[name], unit) for name, unit in VITAL_INPUTS],
        "mode": "form",
    }
    return render(request, "cases/new.html", context, status=status)


VITAL_INPUTS = (
    ("respiratory_rate", "/min"),
    ("spo2", "%"),
    ("spo2_scale", ""),
    ("on_oxygen", ""),
    ("systolic_bp", "mmHg"),
    ("diastolic_bp", "mmHg"),
    ("heart_rate", "/min"),
    ("consciousness", ""),
    ("temperature_c", "°C"),
    ("gcs", "/15"),
    ("weight_kg", "kg"),
    ("taken_at", ""),
)
"""In the order of a bedside chart."""


def _json_form(request: HttpRequest, form: CaseJsonForm, status: int = 200) -> HttpResponse:
    context = {"form": form, "problems": form.problems(), "mode": "json"}
    return render(request, "cases/new_json.html", context, status=status)


def _with_more_rows(request: HttpRequest, group: str) -> HttpResponse:
    data = request.POST.copy()
    name = f"{group}-TOTAL_FORMS"
    total = data.get(name, "0")
    data[name] = str((int(total) if total.isdigit() and len(total) < 4 else 0) + BLANK_ROWS)
    return _form(request, CaseEntry(data, locales=_locales()))


def _with_new_key(posted: QueryDict) -> QueryDict:
    data = posted.copy()
    data["idempotency_key"] = str(uuid.uuid4())
    return data


def _with_retry(response: HttpResponse, error: MedAssistError) -> HttpResponse:
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _locales() -> tuple[str, ...]:
    clinic = current_clinic()
    own = clinic.locale.partition("-")[0]
    return (clinic.locale, *(language for language in clinic.languages if language not in {own, clinic.locale}))
