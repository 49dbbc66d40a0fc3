"""The work list: this clinic's cases, newest first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.cases import selectors
from apps.cases.views import words
from apps.cases.views.words import say
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import page
from medassist.clinical.triage import highest

PAGE = 25


@require_safe
@page(Permission.CASE_READ)
def work_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    cursor = request.GET.get("cursor") or None
    reopened = request.GET.get("reopened") == "1"
    found = selectors.list_cases(actor=actor, limit=PAGE, cursor=cursor, reopened_only=reopened)
    rows = [
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
    context = {"rows": rows, "next_cursor": found.next_cursor, "first": cursor is None, "reopened": reopened}
    return render(request, "cases/list.html", context)
