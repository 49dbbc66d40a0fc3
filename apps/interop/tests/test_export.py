"""FHIR R4 out: valid, labelled, without a medicine, an order or a dose."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from apps.cases.tests import samples
from apps.interop.extractors.validation import require_valid
from apps.interop.rules.exporting import AI_LABEL, export_assessment
from apps.interop.tests.records import Json
from apps.safety.services import may_quote
from medassist.clinical.assessment import Agreement, Assessment, Claim, Interval, RedFlag, Summary

ID, CASE = UUID(int=7), UUID(int=8)
MADE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def may_show(text: str) -> bool:
    return may_quote(quote=text, kind="record", record_text="", audience="clinician")


def exported(assessment: Assessment, patient: str | None = "Patient/p1") -> Json:
    bundle = export_assessment(
        assessment, assessment_id=ID, case_id=CASE, made_at=MADE, patient=patient, may_show=may_show
    )  # fmt: skip
    require_valid(bundle)
    return bundle


def of_kind(bundle: Json, kind: str) -> list[Json]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def document_of(bundle: Json) -> str:
    (document,) = of_kind(bundle, "DocumentReference")
    return base64.b64decode(document["content"][0]["attachment"]["data"]).decode()


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("make", [samples.full, samples.abstained, samples.withheld], ids=lambda make: make.__name__)
@pytest.mark.parametrize("patient", ["Patient/p1", "A-1182", "Patient/../x y", None])
def test_every_assessment_is_a_valid_bundle_whose_references_resolve(make: Any, patient: str | None) -> None:
    bundle = exported(make(), patient)
    addresses = {entry["fullUrl"] for entry in bundle["entry"]}
    assert len(addresses) == len(bundle["entry"])
    assert {name for name in references(bundle) if name.startswith("urn:uuid:")} <= addresses
    assert references(bundle) - addresses <= {"Patient/p1"}
    assert bundle == exported(make(), patient)


def test_it_survives_being_written_and_read() -> None:
    from fhir.resources.R4B.bundle import Bundle

    once = Bundle.model_validate(exported(samples.full()))
    assert Bundle.model_validate_json(once.model_dump_json()) == once


def test_what_software_asserted_says_so_and_names_its_maker() -> None:
    bundle = exported(samples.full())
    (device,) = of_kind(bundle, "Device")
    for entry in bundle["entry"]:
        if entry["resource"] is not device:
            assert entry["resource"]["meta"]["security"] == [AI_LABEL], entry["resource"]["resourceType"]
    assert (AI_LABEL["system"], AI_LABEL["code"]) == (
        "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
        "AIAST",
    )
    assert device["type"]["coding"][0]["code"] == "Artificial-Intelligence"
    assert "no language model" in device["note"][0]["text"]
    assert {item["type"]["text"]: item["value"] for item in device["version"]}["rules"] == "2026.11"
    (provenance,) = of_kind(bundle, "Provenance")
    device_url = next(entry["fullUrl"] for entry in bundle["entry"] if entry["resource"] is device)
    assert provenance["agent"][0]["who"]["reference"] == device_url
    others = {entry["fullUrl"] for entry in bundle["entry"] if entry["resource"] not in (device, provenance)}
    assert {item["reference"] for item in provenance["target"]} == others
    assert [item["what"]["identifier"]["value"] for item in provenance["entity"]] == ["medquad/1", "medquad/2"]


def test_a_language_model_is_called_one() -> None:
    assessment = samples.full()
    assessment = assessment.model_copy(
        update={"provenance": assessment.provenance.model_copy(update={"language_model": True})}
    )
    (device,) = of_kind(exported(assessment), "Device")
    assert device["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "Large-Language-Models"


def test_a_number_is_given_only_where_there_is_an_interval() -> None:
    (risk,) = of_kind(exported(samples.full()), "RiskAssessment")
    cannot, possible, less = risk["prediction"]
    assert "probabilityRange" not in cannot
    assert [item["code"] for item in cannot["qualitativeRisk"]["coding"]] == ["cannot_miss"]
    assert "not_calibrated" in cannot["rationale"]
    span = possible["probabilityRange"]
    assert (span["low"]["value"], span["high"]["value"], span["low"]["code"]) == (8.0, 21.0, "%")
    assert possible["extension"][0]["valueRange"] == span
    assert [item["code"] for item in less["qualitativeRisk"]["coding"]] == ["low", "less_likely"]
    assert possible["outcome"] == {
        "coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I26.9"}], "text": "Pulmonary embolism",
    }  # fmt: skip


def test_agreement_of_drafts_is_told() -> None:
    first, *_ = samples.differential()
    counted = first.model_copy(update={"probability": Interval(low=0.1, high=0.2), "probability_withheld": None,
                                       "agreement": Agreement(named=3, samples=5)})  # fmt: skip
    (risk,) = of_kind(exported(samples.full(differential=(counted,))), "RiskAssessment")
    assert risk["prediction"][0]["rationale"] == "Named by 3 of 5 drafts."


def test_each_red_flag_is_an_issue_of_its_severity() -> None:
    rule, model = of_kind(exported(samples.full()), "DetectedIssue")
    assert (rule["status"], rule["severity"], rule["code"]["coding"][0]["code"]) == ("final", "high", "acs")
    assert (model["status"], "severity" in model) == ("preliminary", False)


@pytest.mark.parametrize("make", [samples.abstained, samples.withheld], ids=lambda make: make.__name__)
def test_without_an_answer_there_is_no_impression_but_flags_and_advice(make: Any) -> None:
    bundle = exported(make())
    (impression,) = of_kind(bundle, "ClinicalImpression")
    assert impression["status"] == "in-progress"
    assert "finding" not in impression
    assert of_kind(bundle, "RiskAssessment") == []
    assert of_kind(bundle, "DetectedIssue")
    assert "Call the emergency team" in document_of(bundle)


ORDERS = (
    "Give aspirin 300 mg now.", "Start metformin 500 mg twice daily.", "She takes ramipril 5 mg once daily.",
    "Amoxicillin 500 mg three times a day for seven days.",
)  # fmt: skip


@pytest.mark.parametrize("text", ORDERS)
def test_no_dose_and_no_order_leaves_whatever_was_stored(text: str) -> None:
    claim = Claim(id="c9", text=text, kind="patient_fact")
    first, *rest = samples.differential()
    bad = first.model_copy(update={"claims_for": (claim,), "claims_missing": (text,)})
    assessment = samples.full(
        summary=Summary(headline=text, claims=(claim,)), differential=(bad, *rest), missing_information=(text,),
        red_flags=(RedFlag(id="m1", name=text, origin="model", claim=claim, evidence=(text,)),),
    )  # fmt: skip
    bundle = exported(assessment)
    told = json.dumps(bundle) + document_of(bundle)
    assert text not in told
    assert " mg" not in told
    assert "they are in MedAssist" in document_of(bundle)


def test_no_resource_of_a_medicine_is_ever_written() -> None:
    kinds = {entry["resource"]["resourceType"] for entry in exported(samples.full())["entry"]}
    assert kinds == {
        "Device", "ClinicalImpression", "RiskAssessment", "DetectedIssue", "DocumentReference", "Provenance",
    }  # fmt: skip
    assert "metformin" not in json.dumps(exported(samples.full()))
