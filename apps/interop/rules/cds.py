"""CDS Hooks 2.0 as pure functions: the services, what a call holds, and the cards. No card suggests an order or a medicine.

Source: CDS Hooks 2.0 (HL7, https://cds-hooks.hl7.org/2.0/), and the hooks' own pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field

from medassist.clinical.assessment import Assessment, Escalation
from medassist.clinical.triage import SEVERITY, TriageFloor, TriageLevel

HOOKS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "medassist-patient-view": (
        "patient-view", "Warning signs in the record",
        "Shows warning signs and what to consider when a record is opened.", ("userId", "patientId"),
    ),
    "medassist-encounter-start": (
        "encounter-start", "Warning signs at the start of an encounter",
        "Shows warning signs and what to consider when an encounter begins.", ("userId", "patientId", "encounterId"),
    ),
    "medassist-encounter-discharge": (
        "encounter-discharge", "Warning signs before discharge",
        "Shows warning signs that are in the record when a patient is about to leave.", ("userId", "patientId", "encounterId"),
    ),
    "medassist-problem-list-item-create": (
        "problem-list-item-create", "What else it may be",
        "Shows warning signs and what to consider when a problem is added.", ("userId", "patientId", "conditions"),
    ),
}  # fmt: skip
"""Service id -> hook, title, description, what its context must hold."""

PREFETCH: dict[str, str] = {
    "patient": "Patient/{{context.patientId}}",
    "conditions": "Condition?patient={{context.patientId}}",
    "vitals": "Observation?patient={{context.patientId}}&category=vital-signs&_sort=-date&_count=50",
    "labs": "Observation?patient={{context.patientId}}&category=laboratory&_sort=-date&_count=50",
    "allergies": "AllergyIntolerance?patient={{context.patientId}}",
    "medications": "MedicationRequest?patient={{context.patientId}}&status=active",
    "encounters": "Encounter?patient={{context.patientId}}&_sort=-date&_count=1",
}
NEEDED = frozenset({"patient"})
"""Without these nothing can be judged: 412, as the specification says."""

OVERRIDES = "urn:medassist:cds-override-reason"
REASONS = {
    "known": "Known and being dealt with", "not_relevant": "Does not apply to this patient",
    "wrong_data": "The record is wrong or old", "disagree": "I judge this differently",
}  # fmt: skip
LONGEST_SUMMARY = 139
_INDICATOR = {"emergency_now": "critical", "same_day": "warning", "routine": "info"}
_BANDS = {
    "cannot_miss": "must not be missed", "likely": "likely", "possible": "possible", "less_likely": "less likely",
}  # fmt: skip
_MOST_RULES, _MOST_CONDITIONS = 6, 6


class HookCall(BaseModel):
    """A call as the specification has it. Extensions and what we do not use are let by, never stored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    hook: str = Field(min_length=1, max_length=100)
    hookInstance: UUID  # noqa: N815 - the specification's name
    context: dict[str, Any]
    prefetch: dict[str, Any] = Field(default_factory=dict)


class Coding(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    code: str = Field(min_length=1, max_length=200)
    system: str = Field(default="", max_length=300)


class OverrideReason(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    reason: Coding | None = None
    userComment: str = Field(default="", max_length=2_000)  # noqa: N815 - the specification's name


class FeedbackItem(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    card: UUID
    outcome: Literal["accepted", "overridden"]
    acceptedSuggestions: tuple[dict[str, Any], ...] = ()  # noqa: N815 - the specification's name
    overrideReason: OverrideReason | None = None  # noqa: N815 - the specification's name
    outcomeTimestamp: datetime  # noqa: N815 - the specification's name


class Feedback(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    feedback: tuple[FeedbackItem, ...] = Field(min_length=1, max_length=100)


class CardSource(BaseModel):
    label: str
    url: str


class CardLink(BaseModel):
    label: str
    url: str
    type: Literal["absolute", "smart"]


class OverrideChoice(BaseModel):
    code: str
    system: str
    display: str


class Card(BaseModel):
    """A card: authored text, names of rules and conditions. Never a suggestion to change an order."""

    uuid: UUID
    summary: str = Field(max_length=LONGEST_SUMMARY)
    detail: str
    indicator: Literal["info", "warning", "critical"]
    source: CardSource
    overrideReasons: tuple[OverrideChoice, ...] = ()  # noqa: N815 - the specification's name
    links: tuple[CardLink, ...] = ()


class Cards(BaseModel):
    cards: tuple[Card, ...]


def discovery() -> dict[str, Any]:
    return {
        "services": [
            {"id": service, "hook": hook, "title": title, "description": description, "prefetch": dict(PREFETCH)}
            for service, (hook, title, description, _) in HOOKS.items()
        ]
    }


def problems_of(service: str, call: HookCall) -> dict[str, str]:
    """Field -> what is wrong with it; empty when the call fits its service."""
    hook, _, _, needed = HOOKS[service]
    found = {} if call.hook == hook else {"hook": f"this service answers {hook}"}
    for name in needed:
        value = call.context.get(name)
        if name == "conditions":
            if not isinstance(value, dict) or value.get("resourceType") != "Bundle":
                found[f"context.{name}"] = "a FHIR Bundle"
        elif not isinstance(value, str) or not value.strip() or len(value) > 200:
            found[f"context.{name}"] = "is needed"
    for name, value in call.prefetch.items():
        if value is not None and not (isinstance(value, dict) and isinstance(value.get("resourceType"), str)):
            found[f"prefetch.{name}"[:80]] = "a FHIR resource, a Bundle or null"
    return found


def missing_prefetch(call: HookCall) -> tuple[str, ...]:
    return tuple(sorted(name for name in NEEDED if not call.prefetch.get(name)))


def resources_of(service: str, call: HookCall) -> dict[str, Any]:
    """One Bundle of everything that the call brings, for the same import that files go through."""
    given = [value for value in call.prefetch.values() if value]
    if HOOKS[service][0] == "problem-list-item-create":
        given.append(call.context["conditions"])
    entries: list[Any] = []
    for value in given:
        if value.get("resourceType") == "Bundle":
            inner = value.get("entry")
            entries += inner if isinstance(inner, list) else []
        else:
            entries.append({"resource": value})
    # A search answers with outcomes beside its matches; those are about the server, not about the patient.
    kept = [
        {"resource": entry["resource"]}
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
        and entry["resource"].get("resourceType") != "OperationOutcome"
    ]  # fmt: skip
    return {"resourceType": "Bundle", "type": "collection", "entry": kept}


def rule_card(
    floor: TriageFloor, escalation: Escalation, source: Mapping[str, str], link: str
) -> dict[str, Any] | None:
    """What the rules found, by rules alone and at once; None when they found nothing: a card without news tires."""
    if SEVERITY[floor.level] == 0:
        return None
    at_level = [rule for rule in floor.rules if rule.level == floor.level]
    names = [rule.name for rule in at_level or floor.rules]
    total = floor.news2.total
    lines = [f"- **{_plain(rule.name)}**{_quoted(rule.evidence)}" for rule in floor.rules[:_MOST_RULES]]
    if len(floor.rules) > _MOST_RULES:
        lines.append(f"- and {len(floor.rules) - _MOST_RULES} more")
    if total is not None:
        missing = f" (not measured: {', '.join(floor.news2.missing)})" if floor.news2.missing else ""
        lines.append(f"- NEWS2 {total}{missing}")
    detail = "\n".join([*lines, "", _plain(escalation.text)])
    return _card("rules", _cut(f"{escalation.title}: {', '.join(names)}"), detail, floor.level, source, link)


def assessment_card(assessment: Assessment, source: Mapping[str, str], link: str) -> dict[str, Any] | None:
    """What a released assessment says: names and bands, no word of how to treat. None when there is nothing to show."""
    if assessment.status != "released" or not assessment.differential:
        return None
    ordered = sorted(assessment.differential, key=lambda one: one.band != "cannot_miss")
    lines = [
        f"- **{_plain(one.condition)}**{f' ({one.icd10})' if one.icd10 else ''}: {_BANDS[one.band]}"
        for one in ordered[:_MOST_CONDITIONS]
    ]
    if assessment.omissions:
        lines.append(f"- not addressed yet: {', '.join(_plain(one.item) for one in assessment.omissions[:4])}")
    detail = "\n".join([*lines, "", *(_plain(one) for one in assessment.disclaimers)])
    level: TriageLevel = assessment.triage.level
    summary = _cut("To consider: " + ", ".join(one.condition for one in ordered))
    return _card("assessment", summary, detail, level, source, link)


def _card(
    kind: str, summary: str, detail: str, level: TriageLevel, source: Mapping[str, str], link: str
) -> dict[str, Any]:
    card: dict[str, Any] = {
        "uuid": str(uuid4()), "summary": summary, "detail": detail, "source": dict(source),
        # What to consider is never an alarm by itself: the rules ring, the analysis explains.
        "indicator": _INDICATOR[level] if kind == "rules" else "info",
        "overrideReasons": [
            {"code": code, "system": OVERRIDES, "display": display} for code, display in REASONS.items()
        ],
    }  # fmt: skip
    if link:
        card["links"] = [{"label": "Open in MedAssist", "url": link, "type": "absolute"}]
    return card


def _quoted(evidence: Sequence[str]) -> str:
    return f" ({_plain('; '.join(evidence[:3]))})" if evidence else ""


def _plain(text: str) -> str:
    """Text of a record as Markdown that says nothing but itself: no link, no picture, no markup, one line."""
    flat = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]()<>#|~!" else letter for letter in flat)


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST_SUMMARY else flat[: LONGEST_SUMMARY - 1].rstrip(" ,") + "…"
