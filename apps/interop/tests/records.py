"""Small FHIR R4 resources for tests; invented, no real patient."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from apps.interop.extractors.validation import why_not_valid
from apps.interop.rules.importing import import_resources
from apps.interop.schemas import EntryProblem, Imported

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
AT = "2026-11-24T08:30:00Z"
PATIENT = {"reference": "Patient/p1"}
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"

Json = dict[str, Any]


def coded(system: str, code: str, display: str = "", text: str = "") -> Json:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]} | ({"text": text} if text else {})


def patient(**changes: Any) -> Json:
    return {
        "resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1972-03-05",
        "identifier": [{"system": "urn:hospital", "value": "A-1"}], **changes,
    }  # fmt: skip


def quantity(value: float, code: str, unit: str = "", **more: Any) -> Json:
    return {"value": value, "unit": unit or code, "system": UCUM, "code": code, **more}


def observation(
    code: str, value: Json | None = None, *, at: str = AT, category: str = "vital-signs", **more: Any
) -> Json:
    found = {
        "resourceType": "Observation", "status": "final", "subject": PATIENT, "effectiveDateTime": at,
        "category": [coded(TERMINOLOGY + "observation-category", category)],
        "code": coded(LOINC, code, display=more.pop("display", f"Test {code}")), **more,
    }  # fmt: skip
    return found | ({"valueQuantity": value} if value is not None else {})


def pressure(systolic: float, diastolic: float, *, at: str = AT, unit: str = "mm[Hg]") -> Json:
    return observation("85354-9", at=at) | {
        "component": [
            {"code": coded(LOINC, "8480-6", "Systolic"), "valueQuantity": quantity(systolic, unit)},
            {"code": coded(LOINC, "8462-4", "Diastolic"), "valueQuantity": quantity(diastolic, unit)},
        ]
    }


def condition(text: str, clinical: str = "active", verification: str = "confirmed", **more: Any) -> Json:
    return {
        "resourceType": "Condition", "subject": PATIENT, "code": {"text": text},
        "clinicalStatus": coded(TERMINOLOGY + "condition-clinical", clinical),
        "verificationStatus": coded(TERMINOLOGY + "condition-ver-status", verification), **more,
    }  # fmt: skip


def encounter(reason: str = "Chest pain", status: str = "in-progress", start: str = AT, **more: Any) -> Json:
    return {
        "resourceType": "Encounter", "id": "e1", "status": status, "subject": PATIENT, "period": {"start": start},
        "class": {"system": TERMINOLOGY + "v3-ActCode", "code": "EMER"},
        **({"reasonCode": [{"text": reason}]} if reason else {}), **more,
    }  # fmt: skip


def medicine(text: str, **more: Any) -> Json:
    return {
        "resourceType": "MedicationStatement", "status": "active", "subject": PATIENT,
        "medicationCodeableConcept": {"text": text}, **more,
    }  # fmt: skip


def order(text: str, **more: Any) -> Json:
    return {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": PATIENT,
        "medicationCodeableConcept": {"text": text}, **more,
    }  # fmt: skip


def allergy(text: str, **more: Any) -> Json:
    return {
        "resourceType": "AllergyIntolerance", "patient": PATIENT, "code": {"text": text},
        "clinicalStatus": coded(TERMINOLOGY + "allergyintolerance-clinical", "active"), **more,
    }  # fmt: skip


def bundle(*resources: Json, **more: Any) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": item} for item in resources], **more}


def record(*resources: Json, **more: Any) -> Json:
    """A bundle with a patient and an encounter for chest pain before the given resources."""
    return bundle(patient(), encounter(), *resources, **more)


def imported(data: object) -> Imported:
    """The import, with what holds for every import asserted."""
    found = import_resources(data, now=NOW, validate=why_not_valid)
    counts = found.entries
    assert counts.total == counts.used + counts.left_out + counts.quarantined
    assert (found.case is None) == (found.refusal is not None)
    return found


def of(*resources: Json, **more: Any) -> Imported:
    return imported(record(*resources, **more))


def problems(found: Imported) -> set[str]:
    return {problem.code for problem in found.problems}


def problem(found: Imported, code: str) -> EntryProblem:
    return next(item for item in found.problems if item.code == code)
