"""A restricted case: who may open it, and the way in for who must."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.cases import selectors
from apps.cases.services import restricting
from apps.cases.services.restricting import GLASS_HOURS, MOST_REASON
from medassist.accounts.access import Actor, Permission, is_allowed
from medassist.accounts.pages import page
from medassist.common.errors import InvalidInput, StateConflict


def closed_page(
    request: HttpRequest, actor: Actor, case_id: UUID, *, told: str = "", status: int = 403
) -> HttpResponse:
    """In the place of a case that is not open to the reader: that it is there, and how to get in."""
    context = {
        "case_id": case_id, "may_break": is_allowed(actor, Permission.CASE_BREAK_GLASS), "hours": GLASS_HOURS,
        "most": MOST_REASON, "told": told, "reason": request.POST.get("reason", ""),
    }  # fmt: skip
    return render(request, "cases/restricted.html", context, status=status)


@require_POST
@page(Permission.CASE_BREAK_GLASS)
def break_glass(request: HttpRequest, actor: Actor, case_id: UUID) -> HttpResponse:
    try:
        restricting.break_glass(actor=actor, case_id=case_id, reason=request.POST.get("reason", ""))
    except InvalidInput as error:
        return closed_page(request, actor, case_id, told=error.fields["reason"], status=400)
    except StateConflict as error:
        messages.info(request, error.detail)
    return redirect("cases:detail", case_id=case_id)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.CASE_RESTRICT)
def access(request: HttpRequest, actor: Actor, case_id: UUID) -> HttpResponse:
    told = ""
    if request.method == "POST":
        try:
            told = _change(request, actor, case_id)
        except InvalidInput as error:
            told = "; ".join(error.fields.values())
        except StateConflict as error:
            messages.info(request, error.detail)
        if not told:
            return redirect("cases:access", case_id=case_id)
    restricted, people = selectors.standing_access(actor=actor, case_id=case_id)
    context = {"case_id": case_id, "restricted": restricted, "people": people, "told": told, "hours": GLASS_HOURS}
    return render(request, "cases/access.html", context, status=400 if told else 200)


def _change(request: HttpRequest, actor: Actor, case_id: UUID) -> str:
    match request.POST.get("do"):
        case "restrict":
            restricting.restrict(actor=actor, case_id=case_id)
        case "lift":
            restricting.lift(actor=actor, case_id=case_id)
        case "name":
            restricting.name_colleague(actor=actor, case_id=case_id, username=request.POST.get("username", ""))
        case "end":
            try:
                access_id = UUID(request.POST.get("access", ""))
            except ValueError:
                return gettext("Nobody was chosen.")
            restricting.take_back(actor=actor, case_id=case_id, access_id=access_id)
        case _:
            return gettext("Nothing was chosen.")
    return ""


@require_safe
@page(Permission.AUDIT_READ)
def broken(request: HttpRequest, actor: Actor) -> HttpResponse:
    """For who watches over the clinic: every restricted case that was opened by saying why."""
    return render(request, "cases/broken_glass.html", {"rows": selectors.glass_broken(actor=actor)})
