"""The work list: this clinic's cases, newest first, filtered by address, searched by form."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from apps.cases import selectors
from apps.cases.schemas import CaseFilter, CasePage
from apps.cases.views import words
from apps.cases.views.words import say
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import page
from medassist.clinical.parsing import parse_as
from medassist.clinical.triage import highest
from medassist.common.errors import InvalidInput

PAGE = 25
MOST_FOUND = 100


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.CASE_READ)
def work_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What is searched for is sent as a form: no word of a record may stand in an address or a log of addresses."""
    wanted = _filter(request)
    cursor = request.GET.get("cursor") or None
    limit = MOST_FOUND if wanted.words else PAGE
    found = selectors.list_cases(actor=actor, limit=limit, cursor=cursor, wanted=wanted)
    kept = _kept(wanted)
    context: dict[str, Any] = {
        "rows": _rows(found),
        "next": urlencode({**kept, "cursor": found.next_cursor}) if found.next_cursor and not wanted.words else "",
        "more_found": bool(found.next_cursor and wanted.words),
        "newest": urlencode(kept),
        "first": cursor is None,
        "wanted": wanted,
        "filtered": bool(kept or wanted.words),
        "levels": [(key, say(words.LEVELS, key)) for key in words.LEVELS],
        "statuses": [(key, say(words.FILTER_STATUSES, key)) for key in words.FILTER_STATUSES],
    }
    return render(request, "cases/list.html", context)


def _filter(request: HttpRequest) -> CaseFilter:
    given = request.POST if request.method == "POST" else request.GET
    data: dict[str, Any] = {name: given[name] for name in ("level", "status") if given.get(name)}
    data |= {name: True for name in ("mine", "reopened") if given.get(name) == "1"}
    if request.method == "POST":
        data["words"] = given.get("words", "")
    try:
        return parse_as(CaseFilter, data, called="filter")
    except InvalidInput:
        # An address that somebody mended by hand still leads to the list.
        return CaseFilter()


def _kept(wanted: CaseFilter) -> dict[str, str]:
    found: dict[str, str] = {"level": wanted.level or "", "status": wanted.status or ""}
    found |= {"mine": "1" if wanted.mine else "", "reopened": "1" if wanted.reopened else ""}
    return {name: value for name, value in found.items() if value}


def _rows(found: CasePage) -> list[dict[str, Any]]:
    return [
        {
            "case": row,
            "level": highest(row.floor, row.level or row.floor),
            "level_name": say(words.LEVELS, highest(row.floor, row.level or row.floor)),
            "assessed": row.level is not None,
            "state": say(words.STATUSES, row.status) if row.status else say(words.JOB_STATES, row.job_state),
            "state_code": row.status or row.job_state,
        }
        for row in found.items
    ]
