"""Pasted text: every field that a heading or a number names, nothing lost, nothing concluded, nothing sent unconfirmed."""

from __future__ import annotations

from typing import Any

import pytest

from apps.cases.models import Case
from apps.cases.pipeline.pasted import case_of
from medassist.clinical.case import CaseInput
from medassist.tenancy.context import clinic_context

LETTER = """Dear colleague, thank you for seeing this 54 yo female.
PC: chest pain for 2 hours
HPC: central, pressing, radiating to the left arm. No fever.
PMH: type 2 diabetes, hypertension; appendicectomy 1999
DH: metformin 500 mg BD, ramipril 2,5 mg OD
Allergies: penicillin (rash)
FH: father MI at 52
SH: smokes 10 a day
O/E: BP 98/60, HR 112, RR 24, sats 94% on air, temp 37.9. Lungs clear.
Bloods: K 5.9 mmol/L, Hb 92 g/L
Impression: ?ACS"""


def test_headings_and_numbers_go_to_their_fields() -> None:
    case = case_of(LETTER, locale="en-GB")
    assert case.presenting_complaint == "chest pain for 2 hours"
    assert "radiating" in case.history
    assert "Dear colleague" in case.history
    assert case.past_history == ("type 2 diabetes", "hypertension", "appendicectomy 1999")
    assert case.medications == ("metformin 500 mg BD", "ramipril 2,5 mg OD")
    assert case.allergies == ("penicillin (rash)",)
    assert case.family_history == ("father MI at 52",)
    assert case.own_impression == "?ACS"
    assert (case.patient.sex, case.patient.age.value if case.patient.age else None) == ("female", 54)
    vitals = case.vitals
    assert (vitals.systolic_bp, vitals.diastolic_bp, vitals.heart_rate) == (98, 60, 112)
    assert (vitals.respiratory_rate, vitals.spo2, vitals.on_oxygen, vitals.temperature_c) == (24, 94, False, 37.9)
    assert {(lab.name, lab.value, lab.unit) for lab in case.labs} == {
        ("Potassium", 5.9, "mmol/l"),
        ("Hemoglobin", 92, "g/l"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "Fever and cough since Monday. No rash. Previously well.",
        "pmh: asthma\n\ncough",
        "History - cough\nHistory - worse at night",
        "A note with a colon: nothing else.\nBP 120/80",
        "Medications: none\nAllergies: NKDA\nsore throat",
        LETTER,
    ],
)
def test_no_word_is_lost(text: str) -> None:
    kept = " ".join(words_of(case_of(text, locale="en-GB")))
    for word in text.replace(";", " ").replace(",", " ").split():
        bare = word.strip(".:-?").lower()
        if bare and bare not in HEADS:
            assert bare in kept.lower(), word


HEADS = {
    "pc",
    "hpc",
    "pmh",
    "dh",
    "allergies",
    "fh",
    "sh",
    "o/e",
    "bloods",
    "impression",
    "history",
    "medications",
    "none",
}


def words_of(case: CaseInput) -> list[str]:
    texts = [
        case.presenting_complaint,
        case.history,
        case.examination,
        case.social_history,
        case.question,
        case.own_impression,
    ]
    return [*texts, *case.medications, *case.allergies, *case.past_history, *case.family_history]


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        ("54 yo female with cough", "female"),
        ("A man with cough", "male"),
        ("Woman brought by her husband, a man of 60, with cough", "unknown"),
        ("Cough", "unknown"),
    ],
)
def test_sex_is_taken_only_where_the_text_tells_one(text: str, sex: str) -> None:
    assert case_of(text, locale="en-GB").patient.sex == sex


@pytest.mark.django_db
def test_the_page_fills_the_form_and_sends_nothing(api: Any, alice: Any) -> None:
    browser = api(alice)
    answer = browser.post("/cases/new/text/", {"text": LETTER})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert 'name="heart_rate" value="112' in page
    assert "metformin 500 mg BD" in page
    with clinic_context("alpha"):
        assert not Case.objects.exists()
    empty = browser.post("/cases/new/text/", {"text": "  "})
    assert empty.status_code == 400
    assert "presenting complaint or a history" in empty.content.decode()


@pytest.mark.django_db
def test_who_may_not_submit_may_not_paste(api: Any, ada: Any, pat: Any) -> None:
    for stranger in (ada, pat):
        assert api(stranger).get("/cases/new/text/").status_code == 403
