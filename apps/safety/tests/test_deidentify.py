"""Identifiers leave the case before a model sees it, and come back afterwards exactly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.safety.rules.deidentify import deidentify_text
from apps.safety.services import deidentify
from medassist.clinical.case import CaseInput, Patient, Symptom

CASE = CaseInput(
    patient=Patient(reference="HOSP-99812"),
    presenting_complaint="Mrs Jane Whitlock (DOB 12/03/1961) has had chest pain for 25 minutes.",
    history="Whitlock takes metformin 500 mg BD. NHS number 943 476 5919. Phone 020 7946 0958, jane.w@example.org.",
    examination="Murphy's sign negative, Glasgow Coma Scale 15. BP 148/92.",
    social_history="Lives at 14 Acacia Avenue, Leeds. Her husband Robert Whitlock called the ambulance.",
    symptoms=(Symptom(name="chest pain", onset="as Mrs Whitlock woke"),),
    past_history=("Parkinson's disease", "Seen by Dr Anil Mehta in 2019"),
)
IDENTIFIERS = (
    "Jane",
    "Whitlock",
    "12/03/1961",
    "943 476 5919",
    "7946 0958",
    "example.org",
    "Acacia",
    "Robert",
    "Mehta",
    "HOSP-99812",
)


def test_no_identifier_is_left_anywhere_in_the_case() -> None:
    text = deidentify(CASE).case.model_dump_json()
    assert [word for word in IDENTIFIERS if word in text] == []


def test_what_carries_the_case_stays() -> None:
    text = deidentify(CASE).case.model_dump_json()
    for word in (
        "25 minutes",
        "metformin 500 mg BD",
        "Murphy's sign",
        "Glasgow Coma Scale 15",
        "148/92",
        "Parkinson's disease",
        "2019",
    ):
        assert word in text


def test_every_text_comes_back_exactly() -> None:
    hidden = deidentify(CASE)
    for name in ("presenting_complaint", "history", "examination", "social_history"):
        assert hidden.restore(getattr(hidden.case, name)) == getattr(CASE, name)
    assert tuple(map(hidden.restore, hidden.case.past_history)) == CASE.past_history
    assert hidden.restore(hidden.case.symptoms[0].onset) == CASE.symptoms[0].onset


def test_one_person_keeps_one_number_in_every_form_of_the_name() -> None:
    text, tokens = deidentify_text("Mrs Jane Whitlock attended. Mrs Whitlock has pain. Dr Anil Mehta saw Whitlock.")
    numbers = {token[6:].rstrip("]").rstrip("BC") for token, original in tokens.items() if "Whitlock" in original}
    assert len(numbers) == 1
    assert "Mehta" not in text


def test_a_placeholder_that_stood_in_the_text_before_is_not_taken_for_ours() -> None:
    text = "[NAME-1] was written by hand. Mrs Jane Whitlock agrees."
    hidden, tokens = deidentify_text(text)
    assert "[NAME-1]" not in tokens
    for token, original in tokens.items():
        hidden = hidden.replace(token, original)
    assert hidden == text


def test_the_placeholders_meaning_is_not_shown_by_repr() -> None:
    assert "Whitlock" not in repr(deidentify(CASE))


def test_a_case_without_identifiers_stays_as_it_is() -> None:
    case = CaseInput(history="Takes warfarin 3 mg nocte. Crohn's disease. Bell's palsy in 2012. INR 2.4. Denies fever.")
    hidden = deidentify(case)
    assert hidden.case == case
    assert (hidden.count, hidden.tokens) == (0, {})


@pytest.mark.parametrize(
    "text", ["Dr", "Mr ", "NHS number", "", "[", "Mrs O'Neil-\u0160m\u00edd", "from Paris", "Hodgkin Hodgkin"]
)
def test_fragments_do_not_upset_it(text: str) -> None:
    deidentify_text(text)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*IDENTIFIERS, "Mrs ", "Dr ", ", ", ". ", " called ", " on ", "[NAME-1]", "[ID-1]", " pain", "\n"]
        ),
        max_size=14,
    )
)
def test_restoring_undoes_hiding_for_any_mixture(pieces: list[str]) -> None:
    text = "".join(pieces)
    hidden, tokens = deidentify_text(text)
    for token, original in tokens.items():
        hidden = hidden.replace(token, original)
    assert hidden == text
    json.dumps(tokens)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Badge QT55120 seen in bay 2.", "QT55120"),
        ("Sample 24-B-110293 was haemolysed.", "24-B-110293"),
        ("Ring 0161 496 0882 after six.", "0161 496 0882"),
        ("Message from @jo.walks.dogs: rash again.", "@jo.walks.dogs"),
        ("Car is KN21 XTB.", "KN21 XTB"),
        ("Works at Harlow Brickworks Ltd and lifts all day.", "Harlow Brickworks"),
        ("Lives at 9 Tanner Wharf, Gloucester.", "Tanner Wharf"),
        ("Wohnt Ahornstraße 12, 50667 Köln.", "Ahornstraße"),
        ("His wife Constance found him.", "Constance"),
        ("Dr Bell reviewed; Bell's palsy on the left.", "Dr Bell"),
        ("Sarah Crohn has Crohn's disease.", "Sarah Crohn"),
        ("Pieter van den Berg felt faint.", "van den Berg"),
    ],
)
def test_identifiers_go_by_shape_and_place(text: str, gone: str) -> None:
    hidden, tokens = deidentify_text(text)
    assert gone not in hidden
    for token, original in tokens.items():
        hidden = hidden.replace(token, original)
    assert hidden == text


@pytest.mark.parametrize(
    "text",
    [
        "Murphy's sign positive, Wells score 3, Glasgow 15/15, Child-Pugh B.",
        "BP 138/80, SpO2 96, hCG 45,000 IU/L, platelets 12 x10^9/L, BNP 3500 ng/L.",
        "HLA-B27 positive; BRCA2 c.5946delT; T2aN1M0; L4/5 disc.",
        "Takes Madopar and Ventolin. Grew Listeria and Campylobacter.",
        "Epstein-Barr positive, Kernig negative, Addison's since 2010.",
        "Pain for 3/52, worse since 12:30, 4 of 5 on Tuesday.",
    ],
)
def test_clinical_words_and_numbers_stay(text: str) -> None:
    assert deidentify_text(text)[0] == text
