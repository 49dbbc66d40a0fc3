"""An assessment that is to be reviewed again, because a guideline that it cites no longer holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from apps.cases import services
from apps.cases.schemas import Reopened
from apps.cases.selectors import CaseDetail
from apps.cases.views.present import address
from apps.rag import selectors as rag
from apps.rag.schemas import PassageView, RecalledVersion, Scope
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import page
from medassist.clinical.assessment import Assessment
from medassist.common.errors import NotFound, StateConflict


@dataclass(frozen=True)
class ReasonView:
    title: str
    version: str
    withdrawn: bool
    when: datetime | None
    by: str
    reason: str
    why: str
    """What the publisher or the platform said when it was withdrawn."""
    old: str
    """Address of the passage as it was cited, empty when none is known."""
    new: str
    """Address of the passage in its place, empty when there is none."""


@dataclass(frozen=True)
class ReviewView:
    assessment_id: UUID
    assessed_at: datetime
    shown: bool
    """It is the assessment that the page shows."""
    reasons: tuple[ReasonView, ...]


@require_POST
@page(Permission.CASE_SUBMIT)
def reviewed(request: HttpRequest, actor: Actor, case_id: UUID, assessment_id: UUID) -> HttpResponse:
    try:
        services.close_reopened(actor=actor, case_id=case_id, assessment_id=assessment_id)
    except StateConflict:
        messages.info(request, gettext("Somebody had reviewed it already."))
    else:
        messages.success(request, gettext("Noted: you have reviewed this assessment again."))
    return redirect("cases:detail", case_id=case_id)


def reviews_of(detail: CaseDetail, clinic: str) -> tuple[ReviewView, ...]:
    names = [reason.guideline for item in detail.reopened for reason in item.reasons]
    versions = rag.ended_versions(names) if names else {}
    return tuple(
        ReviewView(
            assessment_id=item.assessment_id, assessed_at=item.assessed_at,
            shown=item.assessment_id == detail.assessment_id,
            reasons=tuple(_reasons(item, versions, detail.assessment, Scope(clinic=clinic))),
        )
        for item in detail.reopened
    )  # fmt: skip


def _reasons(
    item: Reopened, versions: dict[str, RecalledVersion], assessment: Assessment | None, scope: Scope
) -> Iterator[ReasonView]:
    spans = {cited.passage_id: (cited.start, cited.end) for cited in (assessment.evidence if assessment else ())}
    for reason in item.reasons:
        version = versions.get(reason.guideline)
        view = _opened(reason.passages, scope)
        following = view.superseded_by if view else None
        old = view.passage.id if view else ""
        yield ReasonView(
            title=version.title if version else reason.guideline,
            version=version.version if version else "",
            withdrawn=version is not None and version.state == "withdrawn",
            when=version.superseded_at if version else None,
            by=gettext("%(title)s, version %(version)s") % {"title": following.title, "version": following.version}
            if following
            else "",
            reason=reason.reason,
            why=version.reason if version else "",
            old=address(old, *spans.get(old, (0, 0))) if old else "",
            new=reverse("cases:passage", args=[following.passage_id]) if following and following.passage_id else "",
        )


def _opened(passages: tuple[str, ...], scope: Scope) -> PassageView | None:
    try:
        return rag.passage(scope=scope, passage_id=passages[0]) if passages else None
    except NotFound:
        return None
