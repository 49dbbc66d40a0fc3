"""Which events a clinic's systems may be told of, and which entry of the audit trail each one comes from.

An event is born in the transaction that writes the trail, so what is told has happened and what has happened is told.
It carries ids, states and counts, never a word about a patient: whoever wants more asks the API with a key of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | bool | None


@dataclass(frozen=True)
class EventType:
    """`action`: the trail's entry it comes from; `names`: key of the entry -> key of the event's data; `subject`: what the
    entry's object is called there; `only`: values that the entry must have; `link`: the record's address in the API."""

    name: str
    what: str
    action: str
    subject: str
    names: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, Value] = field(default_factory=dict)
    link: str = ""


ANY = "*"
TEST = "webhook.test"
JOB_FAILED = "job.failed"
_CASE, _ASSESSMENT = "/api/v1/cases/{case}", "/api/v1/cases/{case}/assessments"

EVENTS: dict[str, EventType] = {
    event.name: event
    for event in (
        EventType(
            "case.submitted", "A case was submitted; the rules have set its least triage level.", "case.submit", "case",
            {"job": "job", "floor": "triage_floor"}, link=_CASE,
        ),
        EventType(
            "case.emergency", "The rules call a case just submitted an emergency, before any model was asked.", "case.submit",
            "case", {"job": "job", "floor": "triage_floor"}, {"floor": "emergency_now"}, link=_CASE,
        ),
        EventType(
            "case.assessed", "An assessment is there: released, withheld or abstained.", "assessment.store", "assessment",
            {"job": "job", "case": "case", "status": "status", "level": "triage_level"}, link=_ASSESSMENT,
        ),
        EventType(
            "case.outcome_recorded", "Somebody recorded what the patient turned out to have.", "outcome.record", "case",
            {"assessment": "assessment", "diagnoses": "diagnoses"}, link=_CASE,
        ),
        EventType(
            "case.glass_broken", "Somebody opened a restricted case in an emergency.", "case.break_glass", "case",
            {"access": "access", "until": "until"},
        ),
        EventType(
            "assessment.reviewed", "A clinician judged claims of an assessment.", "assessment.review", "assessment",
            {"case": "case", "accept": "accepted", "reject": "rejected", "edit": "edited"}, link=_ASSESSMENT,
        ),
        EventType(
            "assessment.released", "A text was released to the patient.", "assessment.release", "assessment",
            {"case": "case"}, link=_ASSESSMENT,
        ),
        EventType("assessment.withdrawn", "What was released to the patient was withdrawn.", "assessment.withdraw", "assessment"),
        EventType(
            "assessment.reopened", "A guideline that an assessment cites was superseded or withdrawn.", "assessment.reopen",
            "assessment", {"case": "case", "reason": "reason"}, link=_ASSESSMENT,
        ),
        EventType(
            "guideline.superseded", "A recall was run for a guideline in this clinic.", "guideline.recall", "guideline",
            {"versions": "versions", "assessments": "assessments", "reopened": "reopened"},
        ),
        EventType(
            "patient.message_received", "A patient wrote, contested or corrected something.", "patient.message", "case",
            {"message": "message", "kind": "kind"}, link=_CASE,
        ),
        EventType(
            "note.summarized", "The summary of a note is there.", "note.summary.store", "summary",
            {"job": "job", "note": "note", "status": "status"}, link="/api/v1/notes/{note}",
        ),
        EventType(
            "chat.answered", "A question about a case is answered.", "chat.answer.store", "case",
            {"job": "job", "turn": "turn", "status": "status"}, link=_CASE,
        ),
        EventType(
            "document.ingested", "A document was read, or could not be.", "document.ingested", "document",
            {"job": "job", "state": "state", "passages": "passages"}, link="/api/v1/documents/{document}",
        ),
        EventType(
            "media.stored", "A picture is there.", "media.stored", "media", {"job": "job"}, link="/api/v1/media/{media}",
        ),
        EventType(
            JOB_FAILED, "A job ended as a dead letter; `reason` is stable and holds no text.", "", "job",
            {"kind": "kind", "reason": "reason"}, link="/api/v1/jobs/{job}",
        ),
    )
}  # fmt: skip

BY_ACTION: dict[str, tuple[EventType, ...]] = {}
for _event in EVENTS.values():
    if _event.action:
        BY_ACTION[_event.action] = (*BY_ACTION.get(_event.action, ()), _event)


def data_of(event: EventType, object_id: str, detail: Mapping[str, Value]) -> dict[str, Value]:
    """The data of an event out of an entry of the trail: what the catalogue lists, and nothing else."""
    return {event.subject: object_id} | {
        name: detail[key] for key, name in event.names.items() if detail.get(key) is not None
    }


def link_of(event: EventType, data: Mapping[str, Value]) -> str:
    try:
        return event.link.format(**data)
    except KeyError:
        return ""
