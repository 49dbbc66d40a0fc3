"""A guideline passage with the quoted words marked: in the side panel, or as a page without JavaScript."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.cases.selectors import require_case
from apps.rag import selectors
from apps.rag.schemas import Scope
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import is_htmx, page
from medassist.common.errors import NotFound


@require_safe
@page(Permission.GUIDELINE_READ)
def passage(request: HttpRequest, actor: Actor, passage_id: str) -> HttpResponse:
    found = selectors.passage(scope=_scope(request, actor), passage_id=passage_id)
    text = found.passage.text
    start, end = _span(request, len(text))
    context = {
        "view": found,
        "following": found.superseded_by,
        "passage": found.passage,
        "heading": " › ".join(found.passage.heading),
        "ahead": text[:start],
        "quote": text[start:end],
        "after": text[end:],
        "document": found.passage.guideline_id if found.passage.kind != "guideline" else None,
    }
    return render(request, "cases/_passage.html" if is_htmx(request) else "cases/passage.html", context)


def _scope(request: HttpRequest, actor: Actor) -> Scope:
    """With `case` also that case's documents, for who may read the case."""
    try:
        case_id = UUID(request.GET["case"]) if "case" in request.GET else None
    except ValueError:
        raise NotFound from None
    if case_id is not None:
        require_case(actor=actor, case_id=case_id)
    return Scope(clinic=actor.clinic, case_id=case_id)


def _span(request: HttpRequest, length: int) -> tuple[int, int]:
    """The quoted characters; a span that does not fit the text marks nothing."""
    numbers = [request.GET.get(name, "") for name in ("start", "end")]
    if not all(number.isascii() and number.isdigit() and len(number) < 9 for number in numbers):
        return 0, 0
    start, end = map(int, numbers)
    return (start, end) if start < end <= length else (0, 0)
