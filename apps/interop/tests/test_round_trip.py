"""What we use of FHIR is lossless: a case written as FHIR by a writer of the tests' own comes back as the same case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.interop.rules.importing import import_resources
from apps.interop.tests.records import (
    SNOMED,
    Json,
    allergy,
    bundle,
    coded,
    condition,
    encounter,
    medicine,
    observation,
    patient,
    quantity,
)
from medassist.clinical.case import CaseInput

VITALS = {
    "respiratory_rate": ("9279-1", "/min"), "spo2": ("59408-5", "%"), "systolic_bp": ("8480-6", "mm[Hg]"),
    "diastolic_bp": ("8462-4", "mm[Hg]"), "heart_rate": ("8867-4", "/min"), "temperature_c": ("8310-5", "Cel"),
    "weight_kg": ("29463-7", "kg"), "gcs": ("9269-2", "{score}"),
}  # fmt: skip
CONSCIOUS = {"A": "248234008", "C": "130987000", "V": "300202002", "P": "450847001", "U": "422768004"}
AT = "2026-11-24T08:30:00Z"
words = st.text("abcdefghij klmno", min_size=3, max_size=20).map(lambda text: " ".join(text.split())).filter(bool)
numbers = st.floats(0, 9000, allow_nan=False).map(lambda value: round(value, 3))


@st.composite
def cases(draw: st.DrawFn) -> CaseInput:
    low = draw(st.integers(30, 100))
    vitals: dict[str, Any] = {
        "respiratory_rate": draw(st.none() | st.integers(0, 120)), "spo2": draw(st.none() | st.integers(20, 100)),
        "systolic_bp": draw(st.none() | st.integers(100, 320)), "diastolic_bp": draw(st.none() | st.just(low)),
        "heart_rate": draw(st.none() | st.integers(0, 350)), "gcs": draw(st.none() | st.integers(3, 15)),
        "temperature_c": draw(st.none() | st.floats(20, 46).map(lambda value: round(value, 1))),
        "consciousness": draw(st.none() | st.sampled_from("ACVPU")), "on_oxygen": draw(st.none() | st.booleans()),
    }  # fmt: skip
    if any(value is not None for value in vitals.values()):
        vitals["taken_at"] = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
    vitals["weight_kg"] = draw(st.none() | st.integers(1, 300))
    labs = [
        {"name": name, "value": draw(numbers | words), "unit": unit, "taken_at": vitals_at()}
        for name, unit in draw(
            st.lists(st.tuples(words, st.sampled_from(["mmol/L", "g/dL"])), max_size=4, unique_by=lambda one: one[0])
        )
    ]
    for lab in labs:
        if isinstance(lab["value"], str):
            lab["unit"] = ""
    names = st.lists(words, max_size=4, unique=True)
    return CaseInput.model_validate(
        {
            "patient": {"age": {"value": 54}, "sex": draw(st.sampled_from(["female", "male", "other", "unknown"])),
                        "reference": "Patient/p1", "pregnancy": draw(st.sampled_from(["unknown", "pregnant", "not_pregnant"]))},
            "presenting_complaint": draw(words), "vitals": vitals, "labs": labs, "medications": draw(names),
            "allergies": draw(names), "past_history": [f"{name} (active)" for name in draw(names)],
        }
    )  # fmt: skip


def vitals_at() -> datetime:
    return datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def as_fhir(case: CaseInput) -> Json:
    resources = [patient(birthDate="1972-03-05", gender=case.patient.sex), encounter(case.presenting_complaint)]
    for name, (code, unit) in VITALS.items():
        if (value := getattr(case.vitals, name)) is not None:
            resources.append(observation(code, quantity(value, unit)))
    if case.vitals.consciousness:
        known = coded(SNOMED, CONSCIOUS[case.vitals.consciousness], "level")
        resources.append(observation("80288-4") | {"valueCodeableConcept": known})
    if case.vitals.on_oxygen is not None:
        resources.append(observation("3151-8", quantity(4 if case.vitals.on_oxygen else 0, "L/min")))
    if case.patient.pregnancy != "unknown":
        answer = coded(SNOMED, "77386006" if case.patient.pregnancy == "pregnant" else "60001007", "status")
        resources.append(observation("82810-3", category="social-history") | {"valueCodeableConcept": answer})
    for lab in case.labs:
        sent = observation("x", category="laboratory") | {"code": {"text": lab.name}}
        value = (
            {"valueString": lab.value}
            if isinstance(lab.value, str)
            else {"valueQuantity": quantity(lab.value, lab.unit)}
        )
        resources.append(sent | value)
    resources += [medicine(text) for text in case.medications]
    resources += [allergy(text) for text in case.allergies]
    resources += [condition(text.removesuffix(" (active)")) for text in case.past_history]
    return bundle(*resources)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_a_case_that_went_through_fhir_is_the_same_case(case: CaseInput) -> None:
    from apps.interop.extractors.validation import why_not_valid

    found = import_resources(as_fhir(case), now=datetime(2026, 11, 24, 9, tzinfo=UTC), validate=why_not_valid)
    assert found.problems == ()
    assert found.case == case
