"""Codes that decide where something goes, and the value sets that we rely on.

Sources: HL7 FHIR R4 (4.0.1) required bindings; LOINC (https://loinc.org) for observations; SNOMED CT for the same things
where a record is kept in it. `fhir.resources` does not enforce value sets, so they are checked here.
"""

from __future__ import annotations

from collections.abc import Mapping

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
CATEGORY = _TERMINOLOGY + "observation-category"
CONDITION_CATEGORY = _TERMINOLOGY + "condition-category"
CONDITION_CLINICAL = _TERMINOLOGY + "condition-clinical"
CONDITION_VERIFICATION = _TERMINOLOGY + "condition-ver-status"
ALLERGY_CLINICAL = _TERMINOLOGY + "allergyintolerance-clinical"
ALLERGY_VERIFICATION = _TERMINOLOGY + "allergyintolerance-verification"
DIAGNOSIS_ROLE = _TERMINOLOGY + "diagnosis-role"

# --- required value sets: (those that are read, those that are left out) ---------------------------

_S = frozenset[str]
STATUS: Mapping[str, tuple[_S, _S]] = {
    "Observation": (
        frozenset({"preliminary", "final", "amended", "corrected", "unknown"}),
        frozenset({"registered", "cancelled", "entered-in-error"}),
    ),
    "DiagnosticReport": (
        frozenset({"partial", "preliminary", "final", "amended", "corrected", "appended", "unknown"}),
        frozenset({"registered", "cancelled", "entered-in-error"}),
    ),
    "MedicationStatement": (
        frozenset({"active", "on-hold", "unknown"}),
        frozenset({"completed", "entered-in-error", "intended", "stopped", "not-taken"}),
    ),
    "MedicationRequest": (
        frozenset({"active", "on-hold", "unknown"}),
        frozenset({"cancelled", "completed", "entered-in-error", "stopped", "draft"}),
    ),
    "Encounter": (
        frozenset({"arrived", "triaged", "in-progress", "onleave", "finished", "unknown"}),
        frozenset({"planned", "cancelled", "entered-in-error"}),
    ),
    "DocumentReference": (frozenset({"current"}), frozenset({"superseded", "entered-in-error"})),
    "Composition": (frozenset({"preliminary", "final", "amended"}), frozenset({"entered-in-error"})),
    "FamilyMemberHistory": (
        frozenset({"partial", "completed"}),
        frozenset({"entered-in-error", "health-unknown"}),
    ),
}
INTENTS = (
    frozenset({"plan", "order", "original-order", "reflex-order", "filler-order", "instance-order"}),
    frozenset({"proposal", "option"}),
)
DOC_STATUS = (frozenset({"preliminary", "final", "amended"}), frozenset({"entered-in-error"}))
CLINICAL = frozenset({"active", "recurrence", "relapse", "inactive", "remission", "resolved"})
OVER = frozenset({"inactive", "remission", "resolved"})
VERIFICATION = frozenset({"unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"})
GENDERS = frozenset({"male", "female", "other", "unknown"})
BUNDLES = frozenset(
    {"document", "message", "transaction", "transaction-response", "batch", "batch-response", "searchset", "collection"}
)

# --- vital signs: slot of the case and kind of quantity ---------------------------------------------

VITALS: Mapping[tuple[str, str], tuple[str, str]] = {
    (LOINC, "9279-1"): ("respiratory_rate", "rate"),
    (SNOMED, "86290005"): ("respiratory_rate", "rate"),
    (LOINC, "59408-5"): ("spo2", "share"),
    (LOINC, "2708-6"): ("spo2", "share"),
    (SNOMED, "431314004"): ("spo2", "share"),
    (LOINC, "8480-6"): ("systolic_bp", "pressure"),
    (SNOMED, "271649006"): ("systolic_bp", "pressure"),
    (LOINC, "8462-4"): ("diastolic_bp", "pressure"),
    (SNOMED, "271650006"): ("diastolic_bp", "pressure"),
    (LOINC, "8867-4"): ("heart_rate", "rate"),
    (LOINC, "8889-8"): ("heart_rate", "rate"),
    (LOINC, "8893-0"): ("heart_rate", "rate"),
    (SNOMED, "364075005"): ("heart_rate", "rate"),
    (SNOMED, "78564009"): ("heart_rate", "rate"),
    **{
        (LOINC, code): ("temperature_c", "temperature")
        for code in ("8310-5", "8328-7", "8329-5", "8330-2", "8331-1", "8332-9", "8333-7", "8334-5")
    },
    (SNOMED, "386725007"): ("temperature_c", "temperature"),
    (LOINC, "29463-7"): ("weight_kg", "mass"),
    (LOINC, "3141-9"): ("weight_kg", "mass"),
    (SNOMED, "27113001"): ("weight_kg", "mass"),
    (LOINC, "9269-2"): ("gcs", "score"),
    (SNOMED, "248241002"): ("gcs", "score"),
    (LOINC, "67775-7"): ("consciousness", ""),
    (LOINC, "80288-4"): ("consciousness", ""),
    (SNOMED, "1104441000000107"): ("consciousness", ""),
    (LOINC, "3151-8"): ("oxygen_flow", "flow"),
    (LOINC, "3150-6"): ("oxygen_share", "share"),
}
NAMES = {
    "respiratory_rate": "Respiratory rate", "spo2": "Oxygen saturation", "systolic_bp": "Systolic blood pressure",
    "diastolic_bp": "Diastolic blood pressure", "heart_rate": "Heart rate", "temperature_c": "Body temperature",
    "weight_kg": "Body weight", "gcs": "Glasgow coma score", "oxygen_flow": "Oxygen flow", "oxygen_share": "Inhaled oxygen",
}  # fmt: skip
PANELS = frozenset({(LOINC, "85353-1"), (LOINC, "85354-9"), (LOINC, "55284-4"), (SNOMED, "75367002")})

CONSCIOUSNESS: Mapping[str, str] = {
    "248234008": "A", "130987000": "C", "300202002": "V", "450847001": "P", "422768004": "U",
}  # fmt: skip
CONSCIOUSNESS_WORDS: Mapping[str, str] = {
    "a": "A", "alert": "A", "mentally alert": "A", "c": "C", "confused": "C", "new confusion": "C", "acute confusion": "C",
    "acutely confused": "C", "v": "V", "voice": "V", "verbal": "V", "responds to voice": "V", "p": "P", "pain": "P",
    "responds to pain": "P", "u": "U", "unresponsive": "U",
}  # fmt: skip

PREGNANCY_STATUS = frozenset({(LOINC, "82810-3")})
PREGNANCY: Mapping[str, str] = {"77386006": "pregnant", "60001007": "not_pregnant", "86569001": "postpartum"}
PREGNANCY_WORDS: Mapping[str, str] = {
    "pregnant": "pregnant", "not pregnant": "not_pregnant", "postpartum": "postpartum", "unknown": "unknown",
    "possible pregnancy": "unknown", "pregnancy status unknown": "unknown",
}  # fmt: skip
PREGNANT_CONDITIONS = frozenset({"77386006", "72892002"})
GESTATION = frozenset({(LOINC, "11884-4"), (LOINC, "18185-9"), (LOINC, "49051-6"), (LOINC, "11885-1")})

# Tobacco, alcohol, occupation: social history whatever category they are filed under.
SOCIAL = frozenset(
    {(LOINC, code) for code in ("72166-2", "11367-0", "8663-7", "8664-5", "74013-4", "11331-6", "11341-5")}
)

# --- presenting complaint and sections of documents -------------------------------------------------

COMPLAINT = frozenset({"8661-1", "10154-3", "46239-0", "29299-5"})
HISTORY_OF_ILLNESS = frozenset({"10164-2"})
SECTIONS: Mapping[str, str] = {
    **dict.fromkeys(COMPLAINT, "presenting_complaint"),
    **dict.fromkeys(HISTORY_OF_ILLNESS, "history"),
    "29545-1": "examination",
    "29544-3": "examination",
    "29762-2": "social_history",
}

# --- laboratory: names by which the triage rules know a test ----------------------------------------

LABS: Mapping[str, str] = {
    code: name
    for name, listed in {
        "Potassium": "2823-3 6298-4 75940-7",
        "Sodium": "2951-2 2947-0",
        "Calcium": "17861-6 49765-1 2000-8",
        "Glucose": "2339-0 2345-7 41653-7 1558-6 14749-6 15074-8 2340-8 14743-9",
        "Hemoglobin": "718-7 30313-1 59260-0",
        "White blood cells": "6690-2 26464-8",
        "Platelets": "777-3 26515-7",
        "Neutrophils": "751-8 26499-4",
        "Creatinine": "2160-0 38483-4 14682-9",
        "BUN": "3094-0 6299-2 14937-7",
        "Urea": "22664-7",
        "eGFR": "33914-3 62238-1 98979-8 48642-3 48643-1 88293-6",
        "CRP": "1988-5 30522-7",
        "Lactate": "2524-7 32693-4 2518-9 2519-7",
        "INR": "6301-6 34714-6",
        "pH": "2744-1 2746-6 11558-4",
        "Bicarbonate": "1963-8 1959-6 1960-4",
        "tCO2": "2028-9",
        "Total bilirubin": "1975-2 14631-6",
        "D-dimer": "48065-7 48058-2 48066-5",
        "Troponin I": "10839-9 49563-0 42757-5",
        "Troponin T": "6598-7",
        "hs-Troponin T": "67151-1",
        "hs-Troponin I": "89579-7",
        "BNP": "30934-4",
        "NT-proBNP": "33762-6",
        "Lithium": "14334-7",
        "Digoxin": "10535-3",
        "Paracetamol level": "3298-7",
        "Osmolality": "2692-2",
    }.items()
    for code in listed.split()
}
