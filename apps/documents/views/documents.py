"""The clinic's documents: sent, watched, read at a passage, stopped, begun again, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.documents import selectors, services
from apps.documents.forms import AboutForm
from apps.documents.schemas import EXPLANATIONS, About, DocumentView, Upload
from apps.documents.views import words
from apps.documents.views.words import say
from apps.rag.schemas import Block, Body
from medassist.accounts.access import Actor, Permission, is_allowed, require
from medassist.accounts.pages import is_htmx, page
from medassist.common.errors import InvalidInput, NotFound, StateConflict, TooLarge, TooManyRequests, Unavailable

PAGE = 25
EITHER = (Permission.DOCUMENT_READ, Permission.PROTOCOL_MANAGE)
ACTIONS = {"cancel", "resume", "delete"}


@dataclass(frozen=True)
class Row:
    item: DocumentView
    state_name: str
    badge: str
    kind_name: str
    may_change: bool


@require_http_methods(["GET", "HEAD", "POST"])
@page(EITHER)
def documents(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The list, and on POST the files that were sent; nothing that was accepted is lost by a file that was not."""
    if request.method != "POST":
        return _list(request, actor, AboutForm())
    form = AboutForm(request.POST)
    kind: Any = "protocol" if request.POST.get("kind") == "protocol" else "case_document"
    files = request.FILES.getlist("files")
    if not form.is_valid():
        return _list(request, actor, form, status=400)
    about = About(**{name: value for name, value in form.cleaned_data.items() if value})
    uploads = [Upload(name=str(file.name or ""), data=file.read()) for file in files]
    try:
        accepted = services.ingest(
            actor=actor, uploads=uploads, kind=kind, about=about if kind == "protocol" else About()
        )
    except (InvalidInput, TooLarge, TooManyRequests, Unavailable) as error:
        told = "; ".join(_told(place, text, files) for place, text in error.fields.items()) or error.detail
        form.add_error(None, told)
        return _list(request, actor, form, status=error.status)
    known = sum(not item.created for item in accepted)
    messages.success(
        request, gettext("%(count)s documents are being read.") % {"count": len(accepted) - known}
    ) if known < len(accepted) else None
    if known:
        messages.info(request, gettext("%(count)s documents were here already.") % {"count": known})
    if len(accepted) == 1:
        return redirect("documents:detail", document_id=accepted[0].document_id)
    return redirect("documents:list")


def _told(place: str, text: str, files: list[Any]) -> str:
    name, _, number = place.partition(".")
    if name == "files" and number.isdigit() and int(number) < len(files):
        return f"{files[int(number)].name}: {text}"
    return text


def _list(request: HttpRequest, actor: Actor, form: AboutForm, status: int = 200) -> HttpResponse:
    cursor = request.GET.get("cursor") or None
    kind = request.GET.get("kind", "")
    found = selectors.list_documents(actor=actor, limit=PAGE, cursor=cursor, kind=kind)
    context = {
        "rows": [row_of(item, actor) for item in found.items],
        "next_cursor": found.next_cursor,
        "first": cursor is None,
        "kind": kind,
        "form": form,
        "may_send": is_allowed(actor, Permission.DOCUMENT_INGEST),
        "may_manage": is_allowed(actor, Permission.PROTOCOL_MANAGE),
        "working": any(item.pending for item in found.items),
    }
    return render(request, "documents/list.html", context, status=status)


def row_of(item: DocumentView, actor: Actor) -> Row:
    return Row(
        item, say(words.STATES, item.state), words.BADGES.get(item.state, ""), say(words.KINDS, item.kind),
        is_allowed(actor, services.right_for(item.kind)),
    )  # fmt: skip


@require_safe
@page(EITHER)
def document(request: HttpRequest, actor: Actor, document_id: UUID) -> HttpResponse:
    """What was read, with its structure, opened at `?passage=`; or how far the reading is."""
    view = selectors.document_view(actor=actor, document_id=document_id)
    context = _context(view, actor)
    if view.readable:
        found = selectors.document_text(
            actor=actor, document_id=document_id, passage_id=request.GET.get("passage", "")[:60]
        )
        context["parts"] = list(parts_of(found.body, found.mark))
        context["marked"] = found.mark is not None
    return render(request, "documents/detail.html", context)


def _context(view: DocumentView, actor: Actor) -> dict[str, Any]:
    context: dict[str, Any] = {
        "row": row_of(view, actor),
        "view": view,
        "problems": [(item.page, EXPLANATIONS.get(item.code, item.code)) for item in view.page_problems],
    }
    if view.pending and view.job_id:
        context["events_url"] = selectors.progress_address(actor=actor, job_id=view.job_id)
    return context


@require_safe
@page(EITHER)
def progress(request: HttpRequest, actor: Actor, document_id: UUID) -> HttpResponse:
    """What htmx asks for while the document is worked on; at the end the page shows itself anew."""
    view = selectors.document_view(actor=actor, document_id=document_id)
    if not is_htmx(request):
        return redirect("documents:detail", document_id=document_id)
    if not view.pending:
        response = HttpResponse(status=200)
        response.headers["HX-Refresh"] = "true"
        return response
    return render(request, "documents/_progress.html", _context(view, actor))


@require_safe
@page(EITHER)
def file(request: HttpRequest, actor: Actor, document_id: UUID) -> HttpResponse:  # noqa: ARG001
    """The file as it was sent. Always as a download, never shown: it is a stranger's."""
    name, data = selectors.file_of(actor=actor, document_id=document_id)
    response = HttpResponse(data, content_type="application/octet-stream")
    plain = "".join(letter if letter.isascii() and letter.isprintable() and letter not in '"\\/' else "_" for letter in name)  # fmt: skip
    response.headers["Content-Disposition"] = f'attachment; filename="{plain or "document"}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
@page(EITHER)
def act(request: HttpRequest, actor: Actor, document_id: UUID, action: str) -> HttpResponse:
    if action not in ACTIONS:
        raise NotFound
    view = selectors.document_view(actor=actor, document_id=document_id)
    require(actor, services.right_for(view.kind))
    try:
        if action == "cancel":
            services.cancel(actor=actor, document_id=document_id)
            messages.success(request, gettext("The work is being stopped."))
        elif action == "resume":
            services.resume(actor=actor, document_id=document_id)
        else:
            services.delete(actor=actor, document_id=document_id)
            messages.success(request, gettext("The document is being deleted; nobody finds it any more."))
            return redirect("documents:list")
    except StateConflict as error:
        messages.info(request, gettext(error.detail))
    return redirect("documents:detail", document_id=document_id)


@dataclass
class Part:
    """A piece of the text as it is drawn: a heading, a paragraph, a list or a table, with the marked words apart."""

    kind: str
    level: int = 0
    page: int | None = None
    """Set where a page begins."""
    header: tuple[str, ...] = ()
    pieces: list[tuple[str, str, str]] = field(default_factory=list)
    """(before, marked, after) of each paragraph, list item or row."""


def parts_of(body: Body, mark: tuple[int, int] | None) -> Iterator[Part]:
    last: Part | None = None
    page = None
    last_start = last_end = 0
    for block in body.blocks:
        begins = block.page if block.page != page else None
        page = block.page
        header = tuple(block.header.split(CELL)) if block.header else ()
        piece = _piece(body.text, block, mark)
        joins = block.kind in ("list_item", "table_row") and begins is None
        if last is not None and joins and (last.kind, last.header) == (block.kind, header):
            last.pieces.append(piece)
            continue
        if (
            last is not None
            and last.kind == "table_row"
            and header == tuple(body.text[last_start:last_end].split(CELL))
        ):
            # The row that is the header of those below it is drawn as their header.
            last = None
        if last is not None:
            yield last
        last_start, last_end = block.start, block.end
        last = Part(block.kind, min(6, max(2, block.level + 1)), begins, header, [piece])
    if last is not None:
        yield last


CELL = " | "


def _piece(text: str, block: Block, mark: tuple[int, int] | None) -> tuple[str, str, str]:
    if mark is None or mark[1] <= block.start or mark[0] >= block.end:
        return text[block.start : block.end], "", ""
    start, end = max(block.start, mark[0]), min(block.end, mark[1])
    return text[block.start : start], text[start:end], text[end : block.end]
