"""FHIR R4 in: what becomes of each kind of resource, and what is refused."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from apps.interop.rules import ucum, vocabulary
from apps.interop.rules.values import words_of_html
from apps.interop.tests.records import (
    LOINC,
    NOW,
    PATIENT,
    SNOMED,
    TERMINOLOGY,
    Json,
    allergy,
    bundle,
    coded,
    condition,
    encounter,
    imported,
    medicine,
    observation,
    of,
    order,
    patient,
    pressure,
    problem,
    problems,
    quantity,
    record,
)
from apps.safety.rules.labs import analyte_of
from apps.safety.services import triage_floor
from medassist.clinical.case import CaseInput


def case_of(*resources: Json, **more: Any) -> CaseInput:
    found = of(*resources, **more)
    assert found.case is not None, found.refusal
    return found.case


# --- vital signs ------------------------------------------------------------------------------------


def test_a_set_of_vital_signs_arrives_in_our_units() -> None:
    case = case_of(
        pressure(12.8, 8.0, unit="kPa"),
        observation("8310-5", quantity(101.3, "[degF]")),
        observation("8867-4", quantity(112, "{beats}/min")),
        observation("9279-1", quantity(24, "/min")),
        observation("59408-5", quantity(93, "%")),
        observation("29463-7", quantity(154, "[lb_av]")),
        observation("3151-8", quantity(2, "L/min")),
        observation("9269-2", quantity(14, "{score}")),
        observation("80288-4") | {"valueCodeableConcept": coded(SNOMED, "130987000", "Acute confusion")},
    )
    vitals = case.vitals
    assert vitals.systolic_bp == pytest.approx(96.01, abs=0.01)
    assert vitals.diastolic_bp == pytest.approx(60.0, abs=0.01)
    assert vitals.temperature_c == pytest.approx(38.5, abs=0.001)
    assert vitals.weight_kg == pytest.approx(69.8532, abs=0.0001)
    assert (vitals.heart_rate, vitals.respiratory_rate, vitals.spo2) == (112, 24, 93)
    assert (vitals.on_oxygen, vitals.gcs, vitals.consciousness) == (True, 14, "C")
    assert vitals.taken_at is not None
    assert vitals.taken_at.isoformat() == "2026-11-24T08:30:00+00:00"


@pytest.mark.parametrize(
    "value",
    [
        {"value": 80}, {"value": 80, "unit": "splorg"}, quantity(80, "kg"), quantity(80, "%"),
        {"value": 80, "system": "urn:own", "code": "/min", "unit": "/min"},
        quantity(80, "Cel"), {"value": 80, "unit": "Beats"}, quantity(80, "MIN-1"),
    ],
    ids=lambda value: f"{value.get('code', '')}{value.get('unit', '')}",
)  # fmt: skip
def test_a_unit_that_is_unknown_or_of_another_kind_is_a_problem_and_no_guess(value: Json) -> None:
    found = of(observation("8867-4", value))
    assert found.case is not None
    assert found.case.vitals.heart_rate is None
    assert problem(found, "unknown_unit").about == f"{LOINC}|8867-4"
    assert problem(found, "unknown_unit").outcome == "quarantined"


def test_a_written_unit_is_read_where_there_is_no_code() -> None:
    case = case_of(
        observation("8867-4", {"value": 80, "unit": "beats/minute"}),
        observation("8310-5", {"value": 37.2, "unit": "°C"}),
    )
    assert (case.vitals.heart_rate, case.vitals.temperature_c) == (80, 37.2)


def test_the_latest_value_wins_and_the_others_are_told() -> None:
    found = of(
        observation("8867-4", quantity(70, "/min"), at="2026-11-24T08:00:00Z"),
        observation("8867-4", quantity(130, "/min"), at="2026-11-24T10:30:00+02:00"),
        observation("8867-4", quantity(90, "/min"), at="2026-11-24T08:15:00Z"),
    )
    assert found.case is not None
    assert found.case.vitals.heart_rate == 130
    assert [item.entry for item in found.problems if item.code == "superseded"] == [2, 4]


def test_an_unreadable_latest_value_lets_the_earlier_one_through_and_is_told() -> None:
    found = of(
        observation("59408-5", quantity(84, "%"), at="2026-11-24T08:00:00Z"), observation("59408-5", quantity(970, "%"))
    )
    assert found.case is not None
    assert found.case.vitals.spo2 == 84
    assert problem(found, "implausible").entry == 3


def test_yesterdays_pressure_is_no_vital_sign_of_today() -> None:
    found = of(pressure(82, 40, at="2025-11-24T08:30:00Z"))
    assert found.case is not None
    assert found.case.vitals.systolic_bp is None
    assert problem(found, "older_than_case").entry == 2
    assert found.as_of_from == "newest_entry"


def test_the_bundles_own_time_decides_what_is_recent() -> None:
    sent = record(observation("8867-4", quantity(80, "/min"), at="2026-11-20T08:00:00Z"), timestamp=NOW.isoformat())
    assert "older_than_case" in problems(imported(sent))
    del sent["entry"][1], sent["timestamp"]
    sent["entry"].append({"resource": condition("Cough", encounter={"reference": "Encounter/e1"})})
    sent["entry"].append({"resource": encounter(start="2026-11-20T07:00:00Z")})
    found = imported(sent)
    assert found.case is not None
    assert found.case.vitals.heart_rate == 80
    assert found.as_of.isoformat() == "2026-11-20T08:00:00+00:00"


def test_pressures_of_two_readings_are_not_mixed() -> None:
    found = of(
        observation("8480-6", quantity(90, "mm[Hg]"), at="2026-11-24T08:30:00Z"),
        observation("8462-4", quantity(95, "mm[Hg]"), at="2026-11-24T04:00:00Z"),
    )
    assert found.case is not None
    assert (found.case.vitals.systolic_bp, found.case.vitals.diastolic_bp) == (90, None)
    assert "other_reading" in problems(found)


def test_a_limit_instead_of_a_number_stays_as_words() -> None:
    found = of(observation("59408-5", quantity(70, "%", comparator="<")))
    assert found.case is not None
    assert found.case.vitals.spo2 is None
    assert "Oxygen saturation: <70 %" in found.case.examination
    assert problem(found, "comparator").outcome == "note"


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "registered"])
def test_an_observation_that_does_not_count_is_left_out_and_told(status: str) -> None:
    found = of(observation("8867-4", quantity(180, "/min"), status=status))
    assert found.case is not None
    assert found.case.vitals.heart_rate is None
    assert problem(found, "status").outcome == "left_out"


def test_a_component_without_a_value_leaves_the_other_one() -> None:
    sent = pressure(120, 80)
    del sent["component"][1]["valueQuantity"]
    sent["component"][1]["dataAbsentReason"] = coded(TERMINOLOGY + "data-absent-reason", "not-performed")
    found = of(sent)
    assert found.case is not None
    assert (found.case.vitals.systolic_bp, found.case.vitals.diastolic_bp) == (120, None)
    assert problem(found, "data_absent").about == f"{LOINC}|8462-4"


def test_air_is_no_oxygen() -> None:
    assert case_of(observation("3150-6", quantity(21, "%"))).vitals.on_oxygen is False
    assert case_of(observation("3150-6", quantity(28, "%"))).vitals.on_oxygen is True
    none, some = observation("3151-8", quantity(0, "L/min")), observation("3150-6", quantity(28, "%"))
    assert case_of(none).vitals.on_oxygen is False
    assert case_of(none, some).vitals.on_oxygen is True
    assert case_of(some, none).vitals.on_oxygen is True


def test_an_observation_inside_a_report_is_read() -> None:
    report = {
        "resourceType": "DiagnosticReport", "status": "final", "subject": PATIENT, "code": {"text": "Bloods"},
        "effectiveDateTime": "2026-11-24T08:00:00Z", "result": [{"reference": "#k"}],
        "contained": [
            observation("2823-3", quantity(6.9, "mmol/L"), category="laboratory", id="k", display="Potassium [Moles/volume]")
        ],
    }  # fmt: skip
    case = case_of(report)
    assert [(lab.name, lab.value, lab.unit) for lab in case.labs] == [("Potassium", 6.9, "mmol/L")]


# --- results ----------------------------------------------------------------------------------------


def test_a_result_keeps_value_unit_range_and_time() -> None:
    sent = observation("2823-3", quantity(6.8, "mmol/L"), category="laboratory") | {
        "referenceRange": [{"low": quantity(3.5, "mmol/L"), "high": quantity(5.1, "mmol/L")}]
    }
    (lab,) = case_of(sent).labs
    assert (lab.name, lab.value, lab.unit, lab.reference_low, lab.reference_high) == (
        "Potassium",
        6.8,
        "mmol/L",
        3.5,
        5.1,
    )
    assert lab.taken_at is not None


def test_a_range_in_another_unit_is_not_used() -> None:
    sent = observation("2823-3", quantity(6.8, "mmol/L"), category="laboratory") | {
        "referenceRange": [{"high": quantity(19.9, "mg/dL")}]
    }
    found = of(sent)
    assert found.case is not None
    assert found.case.labs[0].reference_high is None
    assert "range_unit" in problems(found)


def test_words_and_limits_of_a_laboratory_are_kept() -> None:
    case = case_of(
        observation("5778-6", category="laboratory", display="Color of Urine") | {"valueString": "red"},
        observation("67151-1", quantity(5, "ng/L", comparator="<"), category="laboratory"),
    )
    assert [(lab.name, lab.value, lab.unit) for lab in case.labs] == [
        ("Color of Urine", "red", ""),
        ("hs-Troponin T", "<5", "ng/L"),
    ]


def test_the_names_given_to_tests_are_those_that_the_rules_know() -> None:
    assert {name for name in vocabulary.LABS.values() if analyte_of(name) is None} == set()


def test_a_urine_result_keeps_its_own_name() -> None:
    (lab,) = case_of(
        observation("2828-2", quantity(90, "mmol/L"), category="laboratory", display="Potassium in Urine")
    ).labs
    assert lab.name == "Potassium in Urine"
    assert analyte_of(lab.name) is None


# --- lists ------------------------------------------------------------------------------------------


def test_conditions_go_to_the_past_history_with_what_is_known_of_them() -> None:
    case = case_of(
        condition("Type 2 diabetes", onsetDateTime="2012-04-01"),
        condition("Pneumonia", "resolved", onsetDateTime="2019-01-02", abatementDateTime="2019-02-03"),
        condition("Lupus", verification="provisional"),
    )
    assert case.past_history == (
        "Type 2 diabetes (active, since 2012-04-01)",
        "Pneumonia (resolved, since 2019-01-02, until 2019-02-03)",
        "Lupus (active, provisional)",
    )


@pytest.mark.parametrize("verification", ["refuted", "entered-in-error"])
def test_a_refuted_condition_is_left_out_and_told(verification: str) -> None:
    found = of(condition("Heart attack", verification=verification))
    assert found.case is not None
    assert found.case.past_history == ()
    assert problem(found, "status").entry == 2


def test_a_status_outside_the_value_set_is_quarantined() -> None:
    found = of(
        condition("Asthma", "kind of active"), observation("8867-4", quantity(80, "/min"), status="done"),
        order("Ramipril", intent="wish"), medicine("Aspirin", status="swallowed"),
    )  # fmt: skip
    assert [item.entry for item in found.problems if item.code == "unknown_status"] == [2, 3, 4, 5]
    assert found.entries.quarantined == 4


def test_diagnoses_of_this_encounter_are_present_not_past() -> None:
    case = case_of(condition("Unstable angina", encounter={"reference": "Encounter/e1"}))
    assert case.past_history == ()
    assert "Present diagnoses: Unstable angina." in case.history


def test_what_began_this_week_is_present_and_reaches_the_triage_rules() -> None:
    case = case_of(
        condition("Septic shock", onsetDateTime="2026-11-24"),
        condition("Hypertension", onsetDateTime="2012", recordedDate="2026-11-24"),
    )
    assert case.past_history == ("Hypertension (active, since 2012)",)
    assert "Septic shock" in case.history
    assert triage_floor(case.model_copy(update={"presenting_complaint": "Unwell"})).level == "emergency_now"


def test_medicines_stand_as_recorded_and_those_not_taken_are_left_out() -> None:
    found = of(
        medicine("Metformin 500 mg", dosage=[{"text": "one tablet twice daily"}]),
        order(
            "Ramipril 5 mg",
            dosageInstruction=[{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}],
        ),
        medicine("Bisoprolol", status="on-hold"),
        order("Naproxen", status="stopped"),
        order("Warfarin", intent="proposal"),
        order("Penicillin", doNotPerform=True),
        medicine("Ibuprofen", status="not-taken"),
    )
    assert found.case is not None
    assert found.case.medications == (
        "Metformin 500 mg, one tablet twice daily", "Ramipril 5 mg, 1 in 1 days", "Bisoprolol (on hold)",
    )  # fmt: skip
    assert {item.entry for item in found.problems if item.outcome == "left_out"} == {5, 6, 7, 8}


def test_a_medicine_that_is_referred_to_is_found_or_missed() -> None:
    drug = {"resourceType": "Medication", "id": "m1", "code": {"text": "Amlodipine 5 mg"}}
    sent = order("", medicationReference={"reference": "Medication/m1"})
    lost = order("", medicationReference={"reference": "Medication/m9"})
    for item in (sent, lost):
        del item["medicationCodeableConcept"]
    found = of(drug, sent, lost)
    assert found.case is not None
    assert found.case.medications == ("Amlodipine 5 mg",)
    assert problem(found, "medicine_missing").entry == 4


def test_allergies_with_reaction_and_those_that_are_over() -> None:
    found = of(
        allergy("Penicillin", criticality="high", reaction=[{"manifestation": [{"text": "Anaphylaxis"}]}]),
        allergy("Egg", clinicalStatus=coded(TERMINOLOGY + "allergyintolerance-clinical", "resolved")),
        allergy("Latex", verificationStatus=coded(TERMINOLOGY + "allergyintolerance-verification", "refuted")),
    )
    assert found.case is not None
    assert found.case.allergies == ("Penicillin (high criticality; Anaphylaxis)",)
    assert [item.entry for item in found.problems if item.code == "status"] == [3, 4]


def test_codes_are_kept_beside_the_case() -> None:
    found = of(condition("Diabetes") | {"code": coded(SNOMED, "44054006", "Diabetes mellitus type 2 (disorder)")})
    assert found.case is not None
    assert found.case.past_history == ("Diabetes mellitus type 2 (active)",)
    (kept,) = [item for item in found.codes if item.system == SNOMED]
    assert (kept.entry, kept.code, kept.display) == (2, "44054006", "Diabetes mellitus type 2 (disorder)")
    assert kept.where == "past_history.0"


def test_a_bare_code_is_not_translated() -> None:
    found = of(condition("x") | {"code": coded(SNOMED, "44054006")})
    assert problem(found, "no_name").outcome == "quarantined"


# --- the patient --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "age"),
    [
        ("1972-11-25", (53.0, "years")), ("1972-11-24", (54.0, "years")), ("2026-11-14", (10.0, "days")),
        ("2026-05-25", (5.0, "months")), ("2025-01", None), ("1960", (66.0, "years")), ("2030-01-01", None),
    ],
)  # fmt: skip
def test_the_age_is_that_of_the_moment(born: str, age: tuple[float, str] | None) -> None:
    found = imported(bundle(patient(birthDate=born), encounter()))
    assert found.case is not None
    given = found.case.patient.age
    assert (given and (given.value, given.unit)) == age


def test_pregnancy_and_weeks_are_read() -> None:
    case = case_of(
        observation("82810-3", category="social-history")
        | {"valueCodeableConcept": coded(SNOMED, "77386006", "Pregnant")},
        observation("11884-4", quantity(219, "d"), category="exam"),
    )
    assert case.patient.pregnancy == "pregnant"
    assert case.patient.gestation_weeks == pytest.approx(31.29, abs=0.01)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (bundle(patient(), patient(id="p2"), encounter()), "several_patients"),
        (bundle(patient(deceasedBoolean=True), encounter()), "patient_deceased"),
        (bundle(patient(deceasedDateTime="2020"), encounter()), "patient_deceased"),
        (bundle(patient(link=[{"type": "replaced-by", "other": {"reference": "Patient/2"}}]), encounter()), "patient_replaced"),
        (bundle(patient(birthDate="yesterday"), encounter()), "patient_not_valid"),
        (bundle(condition("A"), condition("B", subject={"reference": "Patient/other"})), "several_patients"),
        (
            bundle(condition("A", subject={"reference": "#p"}), condition("B", subject={"reference": "#p"})),
            "several_patients",
        ),
        (bundle(patient(), condition("Asthma")), "complaint_missing"),
        (record() | {"type": "history"}, "bundle_type"),
        (bundle(), "empty"),
        ({}, "not_fhir"), ([], "not_fhir"), ("text", "not_fhir"), (None, "not_fhir"), ({"resourceType": 3}, "not_fhir"),
    ],
)  # fmt: skip
def test_what_makes_no_case_is_refused_with_the_reason(sent: object, code: str) -> None:
    found = imported(sent)
    assert found.refusal is not None
    assert found.refusal.code == code


def test_what_is_about_somebody_else_does_not_reach_the_case() -> None:
    mother = condition("Eclampsia", subject={"reference": "Patient/mother"})
    nobody = observation("8867-4", quantity(180, "/min"))
    del nobody["subject"]
    fetus = observation("8867-4", quantity(150, "/min"), focus=[{"reference": "#fetus"}])
    same = condition("Asthma", subject={"identifier": {"system": "urn:hospital", "value": "A-1"}})
    found = of(mother, nobody, fetus, same)
    assert found.case is not None
    assert found.case.past_history == ("Asthma (active)",)
    assert found.case.vitals.heart_rate is None
    told = {item.entry: item.code for item in found.problems if item.outcome == "quarantined"}
    assert told == {2: "other_patient", 3: "subject_unknown", 4: "other_focus"}


def test_absolute_and_versioned_references_find_their_patient() -> None:
    sent = record(condition("Asthma", subject={"reference": "https://ehr.example/fhir/Patient/p1/_history/3"}))
    sent["entry"][0]["fullUrl"] = "https://ehr.example/fhir/Patient/p1"
    found = imported(sent)
    assert found.case is not None
    assert found.case.past_history == ("Asthma (active)",)
    sent["entry"][2]["resource"]["subject"]["reference"] = "https://elsewhere.example/fhir/Patient/p1"
    assert "other_patient" in problems(imported(sent))


# --- why the patient is here --------------------------------------------------------------------------


def test_the_complaint_is_taken_where_it_is_said_most_plainly() -> None:
    chief = observation("8661-1", category="survey") | {"valueString": "My chest hurts"}
    assert (of().case or CaseInput(history="x")).presenting_complaint == "Chest pain"
    assert of(chief).complaint_from == "observation"
    beside = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "record", "resource": record(chief)},
            {"name": "presenting_complaint", "valueString": "Sent by the GP for tightness"},
            {"name": "question", "valueString": "Can she go home?"},
        ],
    }
    found = imported(beside)
    assert found.case is not None
    assert (found.complaint_from, found.case.presenting_complaint) == ("given", "Sent by the GP for tightness")
    assert found.case.question == "Can she go home?"
    assert "Chief complaint as recorded: My chest hurts." in found.case.history
    assert "Reason of the encounter: Chest pain." in found.case.history


def test_an_encounter_speaks_by_reference_diagnosis_and_kind() -> None:
    pain = condition("Abdominal pain", id="c1")
    by_reference = bundle(patient(), pain, encounter("", reasonReference=[{"reference": "Condition/c1"}]))
    assert imported(by_reference).complaint_from == "encounter_reason"
    role = {"condition": {"reference": "Condition/c1"}, "use": coded(TERMINOLOGY + "diagnosis-role", "CC")}
    assert imported(bundle(patient(), pain, encounter("", diagnosis=[role]))).complaint_from == "encounter_reason"
    here = condition("Abdominal pain", encounter={"reference": "Encounter/e1"})
    assert imported(bundle(patient(), here, encounter(""))).complaint_from == "encounter_diagnosis"
    visit = imported(bundle(patient(), encounter("", type=[{"text": "Check-up"}])))
    assert visit.complaint_from == "encounter_type"
    assert "complaint_from_visit" in problems(visit)


def test_the_reason_of_an_old_encounter_is_not_todays() -> None:
    old = encounter(
        "Chest pain", "finished", "2020-01-01T08:00:00Z", period={"start": "2020-01-01", "end": "2020-01-02"}
    )
    found = imported(bundle(patient(), old, timestamp=NOW.isoformat()))
    assert found.refusal is not None
    assert found.refusal.code == "complaint_missing"
    assert "older_than_case" in problems(found)


# --- texts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><p>b &amp; c</p>", "a\nb & c"), ("a < b, b > c", "a < b, b > c"), ("x<!-- <b>no</b> > -->y", "xy"),
        ("<script>if (a<b) {}</script>z<style>p</style>", "z"), ("<table><tr><td>1</td><td>2</td></tr></table>", "1 2"),
        ("no end <!-- ever", "no end"), ("<b>bold</b> and <i class='x'>slanted</i>", "bold and slanted"),
    ],
)  # fmt: skip
def test_the_words_of_a_page_are_read(html: str, text: str) -> None:
    assert words_of_html(html) == text


@pytest.mark.parametrize("piece", ["<", "</", "<!", "<!--", "<a ", "&", "<script>", "<p>", "<?", "<a b='"])
def test_a_megabyte_of_nonsense_is_read_at_once(piece: str) -> None:
    begun = time.perf_counter()
    words_of_html(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - begun < 5


def attachment(text: str, kind: str = "text/plain") -> Json:
    return {"attachment": {"contentType": kind, "data": base64.b64encode(text.encode()).decode()}}


def document(*content: Json, **more: Any) -> Json:
    return {
        "resourceType": "DocumentReference", "status": "current", "subject": PATIENT, "date": "2026-11-23T10:00:00Z",
        "type": {"text": "Referral letter"}, "content": list(content), **more,
    }  # fmt: skip


def test_texts_sent_along_become_history() -> None:
    case = case_of(
        document(attachment("Pain since noon.")),
        document(attachment("<p>Seen <b>today</b></p><script>x</script><p>No rash</p>", "text/html")),
    )
    assert "Referral letter (2026-11-23):\nPain since noon." in case.history
    assert "Seen today\nNo rash" in case.history


def test_attachments_that_cannot_be_read_are_told_and_never_fetched() -> None:
    found = of(
        document({"attachment": {"contentType": "text/plain", "url": "http://169.254.169.254/latest"}}),
        document(attachment("%PDF", "application/pdf")),
        document({"attachment": {"contentType": "text/plain", "data": "////"}}),
        document(attachment("old"), date="2020-01-01T00:00:00Z"),
    )
    told = [item.code for item in found.problems]
    assert told == ["attachment_not_sent", "attachment_not_text", "attachment_unreadable", "older_than_case"]


def test_one_endless_document_does_not_cost_the_record() -> None:
    found = of(document(attachment("x" * 300_000)), document(attachment("Pain since noon.")))
    assert found.case is not None
    assert "Pain since noon." in found.case.history
    assert (problem(found, "too_long").entry, problem(found, "too_long").outcome) == (2, "quarantined")


def test_a_reports_conclusion_is_history() -> None:
    report = {
        "resourceType": "DiagnosticReport", "status": "final", "subject": PATIENT, "code": {"text": "Chest X-ray"},
        "effectiveDateTime": "2026-11-24T08:00:00Z", "conclusion": "Left basal consolidation.",
    }  # fmt: skip
    assert "Chest X-ray (2026-11-24): Left basal consolidation." in case_of(report).history


def section(code: str, text: str) -> Json:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'
    return {"code": coded(LOINC, code), "text": {"status": "generated", "div": div}}


def test_a_document_bundle_tells_its_complaint() -> None:
    composition = {
        "resourceType": "Composition", "status": "final", "subject": PATIENT, "date": "2026-11-24T08:00:00Z",
        "type": {"text": "Note"}, "title": "Note", "author": [{"display": "A"}],
        "section": [
            section("10154-3", "Dizzy"),
            section("10164-2", "Since May"),
        ],
    }  # fmt: skip
    found = imported(bundle(composition, patient(), type="document"))
    assert found.case is not None
    assert (found.case.presenting_complaint, found.case.history) == ("Dizzy", "Since May")


# --- entries ----------------------------------------------------------------------------------------


def test_each_entry_that_is_wrong_is_quarantined_alone() -> None:
    sent = record(
        {"resourceType": "Observation", "status": "final"},
        {"resourceType": "Wishes"},
        condition("Asthma", modifierExtension=[{"url": "urn:x", "valueBoolean": True}]),
        condition("Bad\x00text"),
        condition("Lone \ud800 surrogate"),
        condition("Extra", colour="red"),
        {"resourceType": "Procedure", "status": "completed", "subject": PATIENT},
        condition("Epilepsy"),
    )
    sent["entry"] += [
        {},
        None,
        7,
        {"resource": {"resourceType": "Condition", "id": "x"}, "request": {"method": "DELETE", "url": "x"}},
    ]
    found = imported(sent)
    assert found.case is not None
    assert found.case.past_history == ("Epilepsy (active)",)
    told = {item.entry: item.code for item in found.problems}
    assert told == {
        2: "not_valid", 3: "type_not_read", 4: "modifier", 5: "unwritable_text", 6: "unwritable_text", 7: "not_valid",
        8: "type_not_read", 10: "no_resource", 11: "no_resource", 12: "no_resource", 13: "deletion",
    }  # fmt: skip
    assert found.entries.total == 14


def test_no_reason_repeats_a_value() -> None:
    found = of(condition("Secretitis", colour="SECRET"), observation("8867-4", {"value": "SECRET", "code": "SECRET"}))
    assert "SECRET" not in json.dumps([item.model_dump() for item in found.problems])
    assert "colour: unknown element" in problem(found, "not_valid").reason


def test_of_two_versions_the_newer_counts() -> None:
    older = condition("Asthma", id="c", meta={"lastUpdated": "2024-01-01T00:00:00Z"})
    newer = condition("No longer asthma", id="c", meta={"lastUpdated": "2025-01-01T00:00:00Z"})
    for pair in ((older, newer), (newer, older)):
        found = of(*pair)
        assert found.case is not None
        assert found.case.past_history == ("No longer asthma (active)",)
        assert "older_version" in problems(found)


def test_a_page_of_a_search_says_that_it_is_one() -> None:
    assert "more_pages" in problems(
        imported(record(link=[{"relation": "next", "url": "http://x"}]) | {"type": "searchset"})
    )


def test_lists_that_overflow_are_told_line_by_line() -> None:
    found = of(*(condition(f"Condition {number}") for number in range(205)))
    assert found.case is not None
    assert len(found.case.past_history) == 200
    assert sum(item.code == "list_full" for item in found.problems) == 5


def test_units_of_the_table_convert_as_ucum_says() -> None:
    def to(kind: str, value: float, code: str) -> float | None:
        return ucum.convert(kind, value, system=ucum.UCUM, code=code, unit="")

    assert to("temperature", 98.6, "[degF]") == pytest.approx(37.0)
    assert to("temperature", 310.15, "K") == pytest.approx(37.0)
    assert to("mass", 176.37, "[oz_av]") == pytest.approx(5.0, abs=0.0001)
    assert to("mass", 4200, "g") == pytest.approx(4.2)
    assert to("rate", 1.5, "Hz") == pytest.approx(90)
    assert to("share", 0.97, "1") == pytest.approx(97)
    assert to("pressure", 16, "kPa") == pytest.approx(120.01, abs=0.01)
    assert to("mass", 70, "KG") is None
