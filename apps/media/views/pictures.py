"""Pictures for teaching: the list with its form, one picture with its progress, its file."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.media import selectors, services
from apps.media.forms import PictureForm
from apps.media.rules import catalogue
from apps.media.schemas import MediaInput, MediaView
from medassist.accounts.access import Actor, Permission, is_allowed
from medassist.accounts.pages import is_htmx, page
from medassist.common.errors import InvalidInput, MedAssistError, StateConflict

STATES = {
    "queued": _("waiting"), "running": _("being drawn"), "ready": _("ready"), "failed": _("failed"),
    "cancelled": _("cancelled"),
}  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.MEDIA_READ)
def pictures(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The clinic's pictures, and on POST another one."""
    if request.method != "POST":
        return _list(request, actor, PictureForm(), 200)
    form = PictureForm(request.POST)
    if not form.is_valid():
        return _list(request, actor, form, 400)
    try:
        asked = services.generate(
            actor=actor, given=MediaInput(**form.cleaned_data),
            idempotency_key=f"page-{request.POST.get('key', '')[:60]}",
        )  # fmt: skip
    except InvalidInput as error:
        for name, text in error.fields.items():
            form.add_error(name if name in form.fields else None, text)
        return _list(request, actor, form, 400)
    except MedAssistError as error:
        if error.status < 409:
            raise
        form.add_error(None, error.detail)
        return _list(request, actor, form, error.status)
    return redirect("media:detail", media_id=asked.media_id)


def _list(request: HttpRequest, actor: Actor, form: PictureForm, status: int) -> HttpResponse:
    found = selectors.list_media(actor=actor, cursor=request.GET.get("cursor") or None)
    context = {
        "items": [_shown(item) for item in found.items], "next_cursor": found.next_cursor, "form": form,
        "on": selectors.is_on(), "may_ask": is_allowed(actor, Permission.MEDIA_GENERATE),
        "allowance": selectors.allowance(), "key": str(uuid4()),
    }  # fmt: skip
    return render(request, "media/list.html", context, status=status)


def _shown(item: MediaView) -> dict[str, Any]:
    topic, style = catalogue.TOPICS.get(item.topic), catalogue.STYLES.get(item.style)
    return {
        "item": item, "name": item.title or (topic.title if topic else item.topic),
        "topic": topic.title if topic else item.topic, "style": style.title if style else item.style,
        "state": STATES[item.state],
    }  # fmt: skip


@require_safe
@page(Permission.MEDIA_READ)
def picture(request: HttpRequest, actor: Actor, media_id: UUID) -> HttpResponse:
    return render(request, "media/detail.html", _context(request, actor, media_id))


def _context(request: HttpRequest, actor: Actor, media_id: UUID) -> dict[str, Any]:
    item = selectors.media_view(actor=actor, media_id=media_id)
    context = {"shown": _shown(item), "item": item, "may_ask": is_allowed(actor, Permission.MEDIA_GENERATE)}
    if item.pending and item.job and not is_htmx(request):
        context["events_url"] = selectors.events_of(actor=actor, job_id=item.job.id)
    return context


@require_safe
@page(Permission.MEDIA_READ)
def progress(request: HttpRequest, actor: Actor, media_id: UUID) -> HttpResponse:
    """What htmx asks for while a picture is drawn; at the end the page shows itself anew."""
    if not is_htmx(request):
        return redirect("media:detail", media_id=media_id)
    context = _context(request, actor, media_id)
    if not context["item"].pending:
        response = HttpResponse(status=200)
        response.headers["HX-Refresh"] = "true"
        return response
    return render(request, "media/_progress.html", context)


@require_safe
@page(Permission.MEDIA_READ)
def file(_request: HttpRequest, actor: Actor, media_id: UUID) -> HttpResponse:
    name = f"ai-generated-{media_id}.png"
    return HttpResponse(
        selectors.file_of(actor=actor, media_id=media_id), content_type="image/png",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )  # fmt: skip


@require_POST
@page(Permission.MEDIA_GENERATE)
def cancel(request: HttpRequest, actor: Actor, media_id: UUID) -> HttpResponse:
    try:
        services.cancel(actor=actor, media_id=media_id)
    except StateConflict:
        messages.info(request, gettext("The drawing had already ended."))
    return redirect("media:detail", media_id=media_id)
