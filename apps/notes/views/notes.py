"""Notes: sent, watched while they are summarised, read beside the lines that each sentence comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods, require_safe

from apps.notes import selectors, services
from apps.notes.forms import NoteForm
from apps.notes.schemas import NoteInput, NoteSummary, Place, written
from apps.notes.views import words
from apps.notes.views.words import say
from medassist.accounts.access import Actor, Permission, is_allowed
from medassist.accounts.pages import is_htmx, page
from medassist.clinical.parsing import parse_as
from medassist.common.errors import InvalidInput, MedAssistError
from medassist.jobs.schemas import TERMINAL, JobView

PAGE = 25


@dataclass(frozen=True)
class Piece:
    """A stretch of the note; `ids` are the marks that sentences and omissions lead to."""

    text: str
    ids: tuple[str, ...] = ()
    cited: bool = False
    omitted: bool = False


@require_safe
@page(Permission.NOTE_READ)
def all_notes(request: HttpRequest, actor: Actor) -> HttpResponse:
    cursor = request.GET.get("cursor") or None
    found = selectors.list_notes(actor=actor, limit=PAGE, cursor=cursor)
    rows = [
        {"item": row, "kind": row.kind, "state": say(words.STATUSES, row.status or row.job_state),
         "badge": words.BADGES.get(row.status or row.job_state, "")}
        for row in found.items
    ]  # fmt: skip
    context = {
        "rows": rows, "next_cursor": found.next_cursor, "first": cursor is None,
        "may_send": is_allowed(actor, Permission.NOTE_SUMMARIZE),
        "may_arrange": is_allowed(actor, Permission.NOTE_TEMPLATE),
    }  # fmt: skip
    return render(request, "notes/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.NOTE_SUMMARIZE)
def new_note(request: HttpRequest, actor: Actor) -> HttpResponse:
    templates = selectors.templates()
    if request.method != "POST":
        form = NoteForm(templates=templates, initial={"idempotency_key": str(uuid4())})
        return render(request, "notes/new.html", {"form": form})
    form = NoteForm(request.POST, templates=templates)
    status = 400
    if form.is_valid():
        try:
            given = {name: form.cleaned_data[name] for name in ("text", "kind", "template")}
            # The page does not wait for a model: a short note goes on beside it.
            note = parse_as(NoteInput, {**given, "stream": True}, called="note")
            key = f"page-{form.cleaned_data['idempotency_key']}"
            requested = services.request_summary(actor=actor, note=note, idempotency_key=key)
        except InvalidInput as error:
            for name, told in error.fields.items():
                form.add_error(name if name in form.fields else None, told)
        except MedAssistError as error:
            form.add_error(None, error.detail)
            status = error.status
        else:
            return redirect("notes:detail", note_id=requested.note_id)
    return render(request, "notes/new.html", {"form": form}, status=status)


@require_safe
@page(Permission.NOTE_READ)
def one_note(request: HttpRequest, actor: Actor, note_id: UUID) -> HttpResponse:
    detail = selectors.note_detail(actor=actor, note_id=note_id)
    context = context_of(detail, actor)
    if context["working"] and detail.job is not None:
        context["events_url"] = selectors.progress_ticket(actor=actor, job_id=detail.job.id)
    return render(request, "notes/detail.html", context)


@require_safe
@page(Permission.NOTE_READ)
def progress(request: HttpRequest, actor: Actor, note_id: UUID) -> HttpResponse:
    """What htmx asks for while the note is worked on: the steps, or at the end the page anew."""
    if not is_htmx(request):
        return redirect("notes:detail", note_id=note_id)
    job = selectors.note_job(actor=actor, note_id=note_id)
    if job is not None and job.state not in TERMINAL:
        return render(request, "notes/_steps.html", {"job": job, "steps": steps_of(job)})
    context = context_of(selectors.note_detail(actor=actor, note_id=note_id), actor)
    response = HttpResponse(render_to_string("notes/_live.html", context, request=request))
    response.headers["HX-Retarget"] = "#live"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def context_of(detail: selectors.NoteDetail, actor: Actor) -> dict[str, Any]:
    job, summary = detail.job, detail.summary
    working = job is not None and job.state not in TERMINAL
    context: dict[str, Any] = {
        "detail": detail,
        "job": job,
        "working": working,
        "summary": summary,
        "pieces": list(pieces_of(detail.text, summary)),
        "state": say(words.STATUSES, summary.status if summary else job.state if job else ""),
        "badge": words.BADGES.get(summary.status if summary else job.state if job else "", ""),
        "may_release": is_allowed(actor, Permission.NOTE_RELEASE),
        "handout": selectors.handout_of(detail.id),
    }
    if summary is not None:
        context["parts"] = [
            {"heading": say(words.HEADINGS, part.heading),
             "sentences": [
                 {"text": sentence.text, "lead": mark_of(sentence.source[0]) if sentence.source else ""}
                 for section in part.sections for sentence in section.sentences
             ]}
            for part in written(summary)
        ]  # fmt: skip
        context["omissions"] = [
            {"kind": say(words.OMISSIONS, item.kind), "quote": item.place.quote, "lead": mark_of(item.place)}
            for item in summary.omissions
        ]
        context["reasons"] = [say(words.REASONS, code) for code in summary.status_reasons]
    if working and job is not None:
        context["steps"] = steps_of(job)
    return context


def steps_of(job: JobView) -> list[dict[str, str]]:
    names = list(words.STEPS)
    at = names.index(job.step) if job.state == "running" and job.step in names else -1
    return [
        {"key": name, "label": say(words.STEPS, name),
         "state": "finished" if index < at else "started" if index == at else "waiting"}
        for index, name in enumerate(names)
    ]  # fmt: skip


def mark_of(place: Place) -> str:
    return f"at-{place.start}-{place.end}"


def pieces_of(text: str, summary: NoteSummary | None) -> Iterator[Piece]:
    """The note cut where a sentence or an omission begins or ends, so that each leads to its own words."""
    cited = [p for s in summary.sections for one in s.sentences for p in one.source] if summary else []
    omitted = [item.place for item in summary.omissions] if summary else []
    cuts = sorted({0, len(text), *(edge for place in (*cited, *omitted) for edge in (place.start, place.end))})
    for start, end in pairwise(cuts):
        inside = [p for p in cited if p.start <= start and end <= p.end]
        left = [p for p in omitted if p.start <= start and end <= p.end]
        begins = dict.fromkeys(mark_of(p) for p in (*inside, *left) if p.start == start)
        yield Piece(text[start:end], tuple(begins), bool(inside), bool(left))
