"""Platform staff's page of a recall, in the public site: ids and counts of every clinic, no patient's text."""

from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods

from apps.cases.schemas import ClinicRecall
from apps.cases.services import MOST_REASON, recall_in_clinics
from apps.rag.selectors import recalled
from medassist.accounts.access import Permission, actor_of, is_allowed
from medassist.common.errors import NotFound


@require_http_methods(["GET", "HEAD", "POST"])
def _recall(request: HttpRequest, guideline: str) -> HttpResponse:
    actor = actor_of(request)
    if not is_allowed(actor, Permission.GUIDELINE_MANAGE):
        raise PermissionDenied
    try:
        versions = recalled(work=guideline)
    except NotFound:
        raise Http404 from None
    by = f"admin: {actor.label}"
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip()
        if not reason or len(reason) > MOST_REASON:
            messages.error(request, gettext("Say in at most 300 characters why; clinicians will read it."))
        else:
            done = list(recall_in_clinics(by=by, versions=versions, reopen_for=reason))
            count = sum(item.reopened for item in done)
            said = ngettext("%(count)d assessment was reopened", "%(count)d assessments were reopened", count)
            messages.success(request, said % {"count": count})
        return redirect("guideline-recall", guideline=guideline)
    found = list(recall_in_clinics(by=by, versions=versions))
    context = {
        **admin.site.each_context(request),
        "title": gettext("Assessments that cite %(name)s") % {"name": guideline},
        "versions": versions,
        "clinics": [_counted(item) for item in found],
        "total": sum(len(item.assessments) for item in found),
        "most_reason": MOST_REASON,
    }
    return render(request, "cases/admin_recall.html", context)


def _counted(found: ClinicRecall) -> dict[str, object]:
    counts = {state: sum(item.state == state for item in found.assessments) for state in ("reopened", "reviewed")}
    return {"found": found, "count": len(found.assessments), **counts}


recall = admin.site.admin_view(_recall)
