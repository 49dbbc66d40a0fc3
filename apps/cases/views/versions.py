"""The assessments of a case in time, and what two of them say differently."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.cases import selectors
from apps.cases.schemas import StoredAssessment
from apps.cases.views import words
from apps.cases.views.words import say
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import page
from medassist.clinical.assessment import Assessment
from medassist.clinical.coding import key


@dataclass(frozen=True)
class Change:
    what: str
    """"added", "removed" or "moved"."""
    part: str
    text: str
    was: str = ""
    now: str = ""


@require_safe
@page(Permission.CASE_READ)
def versions(request: HttpRequest, actor: Actor, case_id: UUID) -> HttpResponse:
    """All assessments of a case; the two that are named, or else the two newest, side by side."""
    stored = selectors.assessments_of(actor=actor, case_id=case_id)
    new = _named(stored, request.GET.get("new", "")) or (stored[0] if stored else None)
    later = list(stored[stored.index(new) + 1 :]) if new else []
    old = _named(stored, request.GET.get("old", "")) or (later[0] if later else None)
    context: dict[str, Any] = {
        "case_id": case_id,
        "rows": [
            {"item": item, "status": say(words.STATUSES, item.assessment.status), "level": item.assessment.triage.level,
             "level_name": say(words.LEVELS, item.assessment.triage.level)}
            for item in stored
        ],
        "old": old, "new": new,
        "changes": changes(old.assessment, new.assessment) if old and new and old is not new else None,
    }  # fmt: skip
    return render(request, "cases/versions.html", context)


def _named(stored: Iterable[StoredAssessment], name: str) -> StoredAssessment | None:
    return next((item for item in stored if str(item.id) == name), None)


def changes(old: Assessment, new: Assessment) -> list[Change]:
    """What the newer says differently: level, status, conditions by name, claims by their words, what is missing."""
    found: list[Change] = []
    if old.status != new.status:
        found.append(Change("moved", "status", "", say(words.STATUSES, old.status), say(words.STATUSES, new.status)))
    if old.triage.level != new.triage.level:
        was, now = say(words.LEVELS, old.triage.level), say(words.LEVELS, new.triage.level)
        found.append(Change("moved", "triage", "", was, now))
    bands_before = {key(item.condition): item for item in old.differential}
    bands_after = {key(item.condition): item for item in new.differential}
    for name, item in bands_after.items():
        before = bands_before.get(name)
        if before is None:
            found.append(Change("added", "differential", item.condition, now=say(words.BANDS, item.band)))
        elif before.band != item.band:
            was, now = say(words.BANDS, before.band), say(words.BANDS, item.band)
            found.append(Change("moved", "differential", item.condition, was, now))
    found += [
        Change("removed", "differential", item.condition, was=say(words.BANDS, item.band))
        for name, item in bands_before.items()
        if name not in bands_after
    ]
    for part, before_texts, after_texts in (
        ("red_flags", [flag.name for flag in old.red_flags], [flag.name for flag in new.red_flags]),
        ("summary", [claim.text for claim in old.summary.claims], [claim.text for claim in new.summary.claims]),
        ("for", _sides(old, "claims_for"), _sides(new, "claims_for")),
        ("against", _sides(old, "claims_against"), _sides(new, "claims_against")),
        ("missing", list(old.missing_information), list(new.missing_information)),
    ):
        found += [Change("added", part, text) for text in dict.fromkeys(after_texts) if text not in before_texts]
        found += [Change("removed", part, text) for text in dict.fromkeys(before_texts) if text not in after_texts]
    return found


def _sides(assessment: Assessment, side: str) -> list[str]:
    return [f"{item.condition}: {claim.text}" for item in assessment.differential for claim in getattr(item, side)]
