"""Examples of the principal bodies, for the API's description. Tests send every one of them (tests/test_examples.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_ID = "9c472c64-5a75-4fd4-bec6-333aeb5dd6c1"
_CASE = {
    "patient": {"age": {"value": 54, "unit": "years"}, "sex": "female"},
    "presenting_complaint": "Chest pain for 25 minutes, spreading to the left arm, with sweating",
    "vitals": {
        "heart_rate": 108, "systolic_bp": 96, "diastolic_bp": 60, "respiratory_rate": 22, "spo2": 94,
        "on_oxygen": False, "temperature_c": 36.8, "consciousness": "A",
    },
}  # fmt: skip
_SHORT = {"presenting_complaint": "Cough for two days, no fever"}
_BUNDLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {"fullUrl": f"urn:uuid:{_ID}", "resource": {"resourceType": "Patient", "gender": "female", "birthDate": "1972-03-14"}},
        {"resource": {
            "resourceType": "Condition", "subject": {"reference": f"urn:uuid:{_ID}"}, "code": {"text": "Asthma"},
            "clinicalStatus": {"coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"},
            ]},
        }},
    ],
}  # fmt: skip
_RECORD = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "record", "resource": _BUNDLE},
        {"name": "presenting_complaint", "valueString": "Wheeze and cough since this morning"},
        {"name": "as_of", "valueDateTime": "2026-11-24T09:00:00Z"},
    ],
}

REQUESTS: Mapping[str, tuple[str, str, Any]] = {
    "cases_analyze": ("application/json", "Chest pain in the emergency department", _CASE),
    "cases_bulk": ("application/x-ndjson", "Two cases, one a line", "\n".join(json.dumps(one) for one in (_CASE, _SHORT))),
    "cases_outcome": (
        "application/json", "What it turned out to be", {"diagnoses": [{"name": "Pulmonary embolism", "icd10": "I26.9"}]},
    ),
    "assessments_review": (
        "application/json", "One claim accepted, one rejected",
        {"reviews": [
            {"claim": "c1", "verdict": "accept"},
            {"claim": "c2", "verdict": "reject", "reason": "The pain began yesterday, not today."},
        ]},
    ),
    "assessments_release": (
        "application/json", "A text for the patient",
        {"text": "Your chest pain was looked at today. Your clinician will talk with you about what was found."},
    ),
    "notes_summarize": (
        "application/json", "A short note",
        {"text": "54-year-old woman presents with chest pain since this morning. She denies fever. Heart rate 112."},
    ),
    "chat_ask": ("application/json", "A question about a case", {"case": _ID, "question": "Which findings speak against sepsis?"}),
    "documents_search": (
        "application/json", "A question to guidelines",
        {"query": "When is a chest x-ray advised in pneumonia?", "limit": 5},
    ),
    "documents_ingest": (
        "application/json", "One text", {"title": "Discharge letter", "text": "Admitted with cough and fever for three days."},
    ),
    "fhir_cases": ("application/fhir+json", "A record, and words beside it", _RECORD),
    "keys_issue": (
        "application/json", "A key for a submitting system",
        {"name": "Hospital EHR", "scopes": ["case.submit", "case.read", "job.read"], "days": 90},
    ),
    "cds_call": (
        "application/json", "A record is opened",
        {
            "hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {"userId": "Practitioner/example", "patientId": "1288992"},
            "prefetch": {
                "patient": {"resourceType": "Patient", "id": "1288992", "gender": "female", "birthDate": "1951-06-04"},
            },
        },
    ),
    "cds_feedback": (
        "application/json", "A card was dismissed",
        {
            "feedback": [
                {
                    "card": "f6b95768-b1c8-40dc-8385-bf3504b82ffb", "outcome": "overridden",
                    "outcomeTimestamp": "2020-12-11T00:00:00Z",
                }
            ]
        },
    ),
    "webhooks_add": (
        "application/json", "Emergencies and results to an automation",
        {"url": "https://automation.example.org/hooks/medassist", "events": ["case.emergency", "case.assessed"]},
    ),
    "webhooks_change": ("application/json", "Switched on again", {"active": True}),
    "keys_rotate": ("application/json", "The secret before works a day more", {"overlap_seconds": 86400}),
    "keys_current_rotate": ("application/json", "The secret before works an hour more", {"overlap_seconds": 3600}),
}  # fmt: skip
"""operationId -> content type, title, value of an example request."""

_MADE = {
    "key": "ma_2585b5a4fd4d_" + "x" * 43, "prefix": "2585b5a4fd4d", "name": "Hospital EHR", "scopes": ["case.read"],
    "expires_at": "2027-11-24T09:00:00Z", "previous_secret_until": "2026-11-25T09:00:00Z",
}  # fmt: skip
RESPONSES: Mapping[tuple[str, str], tuple[str, str, Any]] = {
    ("cases_bulk", "200"): (
        "application/x-ndjson", "A line that was wrong",
        {"line": 2, "status": 400, "problem": {
            "type": "about:blank", "title": "The input is not valid", "status": 400, "code": "invalid_input",
            "detail": "The case is not valid; see fields.",
            "errors": {"vitals.heart_rate": "Input should be less than or equal to 350"},
        }},
    ),
    ("keys_rotate", "201"): ("application/json", "The new secret, shown once", _MADE),
    ("keys_current_rotate", "201"): ("application/json", "The new secret, shown once", _MADE),
    ("keys_usage", "200"): (
        "application/json", "Two days of a key",
        {"prefix": "2585b5a4fd4d", "days": [
            {"day": "2026-11-24", "requests": 311, "refused": 0, "jobs": 96},
            {"day": "2026-11-23", "requests": 1840, "refused": 12, "jobs": 402},
        ]},
    ),
}  # fmt: skip
"""(operationId, status) -> content type, title, value of an example answer."""

PROBLEM = {
    "type": "about:blank", "title": "The input is not valid", "status": 400, "code": "invalid_input",
    "detail": "The case is not valid; see fields.",
    "errors": {"vitals.heart_rate": "Input should be less than or equal to 350", "vital": "unknown field"},
}  # fmt: skip


def add(operation: dict[str, Any]) -> None:
    """Puts the examples of one operation of the description where OpenAPI wants them."""
    name = operation.get("operationId", "")
    if name in REQUESTS:
        _put(operation.get("requestBody", {}).get("content", {}), *REQUESTS[name])
    for status, response in operation.get("responses", {}).items():
        if (name, status) in RESPONSES:
            _put(response.get("content", {}), *RESPONSES[name, status])


def _put(content: dict[str, Any], media_type: str, title: str, value: Any) -> None:
    content[media_type]["examples"] = {"example": {"summary": title, "value": value}}
