"""The hand-out of a note: drafted in plain words, mended by a clinician, checked, printed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from apps.notes import selectors, services
from apps.notes.forms import HandOutForm
from medassist.accounts.access import Actor, Permission, is_allowed, require
from medassist.accounts.pages import page
from medassist.clinical.readability import TARGET_GRADE, readability
from medassist.common.errors import InvalidInput, NotFound


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.NOTE_READ)
def handout(request: HttpRequest, actor: Actor, note_id: UUID) -> HttpResponse:
    detail = selectors.note_detail(actor=actor, note_id=note_id)
    if detail.summary is None or detail.summary.status != "released":
        raise NotFound
    released = selectors.handout_of(note_id)
    may_release = is_allowed(actor, Permission.NOTE_RELEASE)
    status = 200
    if request.method == "POST":
        require(actor, Permission.NOTE_RELEASE)
        form = HandOutForm(request.POST)
        status = 400
        if form.is_valid():
            try:
                services.release_handout(actor=actor, note_id=note_id, **form.cleaned_data)
            except InvalidInput as error:
                for name, told in error.fields.items():
                    form.add_error(name, told)
            else:
                messages.success(request, gettext("The hand-out is released. Print this page for the patient."))
                return redirect("notes:handout", note_id=note_id)
    else:
        text = released.text if released else services.handout_draft(summary=detail.summary, note=detail.text)
        form = HandOutForm(initial={"text": text})
    reading = readability(str(form["text"].value() or ""))
    context: dict[str, Any] = {
        "detail": detail, "form": form if may_release else None, "released": released, "reading": reading,
        "target": TARGET_GRADE, "hard": reading.hard[:5],
    }  # fmt: skip
    return render(request, "notes/handout.html", context, status=status)


@require_POST
@page(Permission.NOTE_RELEASE)
def withdraw(request: HttpRequest, actor: Actor, note_id: UUID) -> HttpResponse:
    services.withdraw_handout(actor=actor, note_id=note_id)
    messages.success(request, gettext("The hand-out was withdrawn."))
    return redirect("notes:handout", note_id=note_id)
