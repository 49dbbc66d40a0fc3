"""A second reading of FHIR records, written straight over the JSON and sharing no code with the import.

It knows only what a reader of docs/integrators/fhir.md would: which codes are which vital signs, that the latest value
counts, the windows, and that errors, refutations and stopped medicines do not. It says what a case must hold; the tests
compare.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

MEASURES = {
    "9279-1": "respiratory_rate", "59408-5": "spo2", "2708-6": "spo2", "8480-6": "systolic_bp", "8462-4": "diastolic_bp",
    "8867-4": "heart_rate", "8310-5": "temperature_c", "8331-1": "temperature_c", "29463-7": "weight_kg",
}  # fmt: skip
IN_OUR_UNIT = {"mm[Hg]", "/min", "{beats}/min", "{Beats}/min", "%", "Cel", "kg"}


def moment(text: str) -> datetime:
    text += {4: "-01-01", 7: "-01"}.get(len(text), "")
    if len(text) == 10:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    return datetime.fromisoformat(text).astimezone(UTC)


def resources(data: dict[str, Any]) -> list[dict[str, Any]]:
    if data["resourceType"] == "Bundle":
        return [entry["resource"] for entry in data.get("entry", [])]
    return [data]


def code_of(concept: dict[str, Any]) -> set[str]:
    return {item.get("code", "") for item in concept.get("coding", [])}


def dated(item: dict[str, Any]) -> str:
    period = item.get("effectivePeriod", {})
    return str(item.get("effectiveDateTime") or period.get("end") or period.get("start") or item.get("issued") or "")


def expected(data: dict[str, Any], as_of: datetime | None = None) -> dict[str, Any]:
    """Vital signs, results, conditions, medicines and allergies that the case must hold."""
    found = resources(data)
    observations = [
        item for item in found
        if item["resourceType"] == "Observation" and item["status"] not in {"entered-in-error", "cancelled", "registered"}
    ]  # fmt: skip
    times = [moment(dated(item)) for item in observations if dated(item)]
    times += [
        moment(item["period"]["start"]) for item in found if item["resourceType"] == "Encounter" and "period" in item
    ]
    times += [
        moment(item["recordedDate"]) for item in found if item["resourceType"] == "Condition" and "recordedDate" in item
    ]
    for item in found:
        if item["resourceType"] == "DiagnosticReport":
            times += [moment(dated(item))] if dated(item) else []
        elif item["resourceType"] in {"DocumentReference", "Composition"} and "date" in item:
            times.append(moment(item["date"]))
    now = as_of or max(times, default=datetime.now(UTC))
    return {
        "vitals": vital_signs(observations, now),
        "labs": results(observations, now),
        "conditions": [name for item in found if (name := condition(item))],
        "medications": [name for item in found if (name := medicine(item, found))],
        "allergies": [name for item in found if (name := allergy(item))],
    }


def vital_signs(observations: list[dict[str, Any]], now: datetime) -> dict[str, float]:
    latest: dict[str, tuple[datetime, float]] = {}
    for item in observations:
        for part in (item, *item.get("component", [])):
            slots = {MEASURES[code] for code in code_of(part.get("code", {})) if code in MEASURES}
            value = part.get("valueQuantity", {})
            if not slots or "value" not in value:
                continue
            assert value["code"] in IN_OUR_UNIT, value
            (slot,) = slots
            window = timedelta(days=365) if slot == "weight_kg" else timedelta(hours=24)
            at = moment(dated(item))
            # A day without a time lasts until its end.
            lasts = at + timedelta(days=1) if len(dated(item)) == 10 else at
            if lasts < now - window:
                continue
            if slot not in latest or at > latest[slot][0]:
                latest[slot] = (at, value["value"])
    return {slot: value for slot, (_, value) in latest.items()}


def results(observations: list[dict[str, Any]], now: datetime) -> dict[str, tuple[Any, str]]:
    """First code -> (value, UCUM code) of the latest laboratory result within 90 days."""
    latest: dict[str, tuple[datetime, Any, str]] = {}
    for item in observations:
        if not any("laboratory" in code_of(category) for category in item.get("category", [])):
            continue
        for part in (item, *item.get("component", [])):
            if "valueQuantity" in part:
                quantity = part["valueQuantity"]
                value, unit = quantity["value"], quantity.get("code", quantity.get("unit", ""))
            elif "valueCodeableConcept" in part or "valueString" in part:
                value, unit = "words", ""
            else:
                continue
            at = moment(dated(item))
            if at + (timedelta(days=1) if len(dated(item)) == 10 else timedelta()) < now - timedelta(days=90):
                continue
            code = part["code"]["coding"][0]["code"]
            if code not in latest or at > latest[code][0]:
                latest[code] = (at, value, unit)
    return {code: (value, unit) for code, (_, value, unit) in latest.items()}


def condition(item: dict[str, Any]) -> str:
    if item["resourceType"] != "Condition":
        return ""
    if code_of(item.get("verificationStatus", {})) & {"refuted", "entered-in-error"}:
        return ""
    return words(item["code"])


def medicine(item: dict[str, Any], found: list[dict[str, Any]]) -> str:
    if item["resourceType"] not in {"MedicationRequest", "MedicationStatement"} or item["status"] != "active":
        return ""
    if "medicationCodeableConcept" in item:
        return words(item["medicationCodeableConcept"])
    wanted = item["medicationReference"]["reference"].lstrip("#").split("/")[-1]
    inside = [drug for drug in (*found, *item.get("contained", [])) if drug.get("id") == wanted]
    return words(inside[0]["code"]) if inside else ""


def allergy(item: dict[str, Any]) -> str:
    if item["resourceType"] != "AllergyIntolerance":
        return ""
    over = code_of(item.get("clinicalStatus", {})) & {"resolved", "inactive"}
    wrong = code_of(item.get("verificationStatus", {})) & {"refuted", "entered-in-error"}
    return "" if over or wrong else words(item["code"])


def words(concept: dict[str, Any]) -> str:
    text = concept.get("text") or concept["coding"][0].get("display", "")
    return re.sub(r"\s+\((disorder|finding|situation|product|substance)\)$", "", text)
