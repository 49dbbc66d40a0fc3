"""The search page: asked once, found by a worker, with why each passage was found."""

from __future__ import annotations

import re
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_http_methods, require_safe

from apps.documents import selectors, services
from apps.documents.forms import SearchForm
from apps.documents.schemas import FoundPassage, SearchInput
from apps.documents.views import words
from apps.documents.views.words import say
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import is_htmx, page
from medassist.clinical.parsing import parse_as
from medassist.common.errors import InvalidInput, TooManyRequests, Unavailable
from medassist.jobs.waiting import wait_until_finished

PATIENCE_S = 2.0
_WORD = re.compile(r"\w{4,}")


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.DOCUMENT_SEARCH)
def search(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The question travels by POST only: an address would keep it in logs and histories."""
    if request.method != "POST":
        form = SearchForm(initial={"mode": "fused", "case": request.GET.get("case")})
        return render(request, "documents/search.html", {"form": form})
    form = SearchForm(request.POST)
    if not form.is_valid():
        return render(request, "documents/search.html", {"form": form}, status=400)
    try:
        asked = services.request_search(actor=actor, search=parse_as(SearchInput, form.asked(), called="search"))
    except (InvalidInput, TooManyRequests, Unavailable) as error:
        form.add_error(None, "; ".join(error.fields.values()) or error.detail)
        return render(request, "documents/search.html", {"form": form}, status=error.status)
    wait_until_finished(asked.job_id, PATIENCE_S)
    return redirect("documents:found", search_id=asked.search_id)


@require_safe
@page(Permission.DOCUMENT_SEARCH)
def found(request: HttpRequest, actor: Actor, search_id: UUID) -> HttpResponse:
    view = selectors.search_view(actor=actor, search_id=search_id)
    initial = view.asked.model_dump()
    context = {
        "form": SearchForm(initial={**initial, "kinds": list(view.asked.kinds)}),
        "view": view,
        "waiting": view.found is None and view.job is not None and not view.job.finished,
        "failed": view.found is None and (view.job is None or view.job.finished),
        "hits": [_hit(item, view.asked.query) for item in view.found.passages] if view.found else [],
    }
    template = "documents/_found.html" if is_htmx(request) else "documents/search.html"
    return render(request, template, context)


def _hit(item: FoundPassage, query: str) -> dict[str, object]:
    return {
        "item": item,
        "kind_name": say(words.KINDS, item.kind),
        "text": _lit(item.text, query),
        "ways": [{**way, "mode_name": say(words.MODES, str(way["mode"]))} for way in item.found_by],
    }


def _lit(text: str, query: str) -> SafeString:
    """The passage with the words of the question marked; everything is escaped piece by piece."""
    wanted = {word.lower() for word in _WORD.findall(query)}
    pieces, at = [], 0
    for match in _WORD.finditer(text):
        if match.group().lower() in wanted:
            pieces += [escape(text[at : match.start()]), "<mark>", escape(match.group()), "</mark>"]
            at = match.end()
    return mark_safe("".join([*pieces, escape(text[at:])]))  # noqa: S308  every piece is escaped above
