"""What keeps an answer back, what limits it, and the language gate."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.safety.rules.abstention import LIMITS, STOPS, abstention
from apps.safety.rules.language import language_of, share_unreadable
from apps.safety.rules.words import words
from medassist.clinical.parsing import parse_case

WELL_DESCRIBED: dict[str, Any] = {
    "patient": {"age": {"value": 54, "unit": "years"}, "sex": "male"},
    "presenting_complaint": "Chest pain for two hours",
    "history": "Came on at rest. No fever. Denies cough.",
    "vitals": {"heart_rate": 96},
}


def of(**changes: Any) -> Any:
    return abstention(parse_case({**WELL_DESCRIBED, **changes}))


def test_a_well_described_case_is_neither_stopped_nor_limited() -> None:
    assert of() == of().model_copy(update={"stops": (), "limits": (), "notes": ()})


@pytest.mark.parametrize(
    "text",
    [
        "Paciente de 54 años con dolor torácico desde hace dos horas, sin fiebre ni tos.",
        "Der Patient klagt über Schmerzen seit drei Tagen und hat Fieber.",
        "Il a mal à la tête depuis trois jours et ne mange pas.",
        "Mujhe do din se bukhar hai aur sar dard bahut hai.",
        "У пациента боль в груди два часа.",
        "胸痛两小时，无发热",
        "ألم في الصدر منذ ساعتين",
    ],
)
def test_a_record_in_another_language_stops_with_words_that_say_so(text: str) -> None:
    found = of(presenting_complaint=text, history="")
    assert "unsupported_language" in found.stops
    assert any("not in English" in note for note in found.notes)


@pytest.mark.parametrize(
    "text",
    [
        "SOBOE, PND, O/E JVP raised, bibasal creps",
        "L THR 2/52 ago, NAD, status post appendectomy in situ, per os, post cibum",
        "Angina pectoris, diabetes mellitus, cor pulmonale, pes planus, genu valgum",
        "Hb 79 MCV 118 B12 68 CRP 3",
        "chest pain",
        "α-fetoprotein 4 µg/L, β-hCG negative",
        "Café-au-lait spots, Guillain-Barré in 2011, Ménière's",
        "",
    ],
)
def test_shorthand_latin_names_and_short_texts_are_not_another_language(text: str) -> None:
    assert language_of(text) != "other"


SAID = words("pain in the left leg since Monday and no fever was found on examination")


@given(st.lists(st.sampled_from(SAID), min_size=1))
def test_english_words_in_any_order_never_trip_the_gate(said: list[str]) -> None:
    assert share_unreadable(" ".join(said)) == 0.0


def test_one_foreign_sentence_is_named_and_does_not_stop() -> None:
    found = of(
        history="She came by ambulance with her daughter who interprets. The pain came on at rest and has not eased since then. "
        "She has had two such episodes before and was seen by her own doctor. "
        "Me duele mucho el pecho desde hace dos horas."
    )
    assert not found.stops
    assert any("Part of the text" in note for note in found.notes)


@pytest.mark.parametrize(
    "question",
    [
        "Can you interpret the attached ECG?",
        "What does this chest x-ray show?",
        "Please look at the photo of his rash.",
        "Is there a fracture on the attached radiograph?",
    ],
)
def test_a_question_about_an_image_or_a_signal_is_not_answered(question: str) -> None:
    assert "image_or_signal" in of(question=question).stops


@pytest.mark.parametrize(
    "question",
    [
        "ECG shows ST elevation: what is the differential?",
        "Does she need a CT?",
        "What would explain the raised troponin?",
    ],
)
def test_a_question_that_only_names_a_test_is_answered(question: str) -> None:
    assert "image_or_signal" not in of(question=question).stops


@pytest.mark.parametrize(
    "changes",
    [
        {"presenting_complaint": "7-year-old boy with chest pain for two hours"},
        {"presenting_complaint": "54-year-old woman with chest pain for two hours"},
        {"presenting_complaint": "54F chest pain for two hours"},
        {"patient": {"age": {"value": 54, "unit": "years"}, "sex": "male", "pregnancy": "pregnant"}},
    ],
)
def test_a_record_of_two_people_stops(changes: dict[str, Any]) -> None:
    assert "contradictory_input" in of(**changes).stops


@pytest.mark.parametrize(
    "history",
    [
        "He walks 900 m. Temperature 101 F at home.",
        "Well until today. His father died of a heart attack, a 50-year-old man. Appendicectomy as a 7 year old boy.",
    ],
)
def test_units_relatives_and_the_past_are_no_contradiction(history: str) -> None:
    assert not of(history=history).stops


def test_a_symptom_that_is_there_and_is_not_is_named_only() -> None:
    found = of(symptoms=[{"name": "Fever", "present": True}, {"name": "fever", "present": False}])
    assert not found.stops
    assert any("present and as absent" in note for note in found.notes)


def test_one_missing_fact_limits_and_all_three_stop() -> None:
    one = of(patient={}, presenting_complaint="Chest pain for two hours")
    assert one.limits == ("missing_age",)
    assert not one.stops
    bare = abstention(parse_case({"presenting_complaint": "headache"}))
    assert set(bare.limits) == LIMITS
    assert bare.stops == ("key_facts_missing",)


@given(st.text(max_size=200).filter(lambda text: text.strip() and "\x00" not in text))
def test_whatever_the_text_every_code_is_known_and_has_words(text: str) -> None:
    try:
        case = parse_case({"presenting_complaint": text})
    except Exception:  # noqa: BLE001 - texts that intake refuses are not for this stage
        return
    found = abstention(case)
    assert set(found.stops) <= STOPS
    assert set(found.limits) <= LIMITS
    assert len(found.notes) >= bool(found.stops)
