"""What a claim and its sentence must agree in, one principle a test; sentences are this file's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.safety.rules.grounding import check_claim
from apps.safety.rules.grounding_reading import read, unit_of
from apps.safety.rules.grounding_text import locate
from apps.safety.rules.words import words
from medassist.clinical.draft import DraftClaim, Source

NOTE = (
    "62F. Right hip pain for 3 weeks, worse on stairs. No fever, rash or night sweats. BP 150/85, CRP 12 mg/L, Hb 131. "
    "Left knee replaced 2019. Father: gout at 50. Sister says she limps. ?septic arthritis. MRI awaited. Urine dip negative. "
    "Takes exercise 3x/week. Ex-smoker."
)
RULE = (
    "Gout: uric acid over 360 micromol/L is usual. Urate is repeated 2 to 4 weeks after a flare. "
    "Joint aspiration is done within 24 hours when the temperature is 38 or more. Some people have tophi. "
    "Fluid is kept at half an hour in 0.5 g portions."
)


def reason(text: str, *, kind: Any = "patient_fact", note: str = NOTE, rule: str = RULE, label: str = "history") -> str:
    sources = [
        Source(id="r1", kind="record", label=label, text=note),
        Source(id="g1", kind="guideline", label="x", text=rule, passage_id="p"),
    ]
    found = check_claim(DraftClaim(text=text, kind=kind), sources)
    if found.claim is not None:
        for cite in found.claim.cites:
            source = next(s.text for s in sources if s.id == cite.source)
            assert source[cite.start : cite.end] == cite.quote
            assert locate(cite.quote, source) is not None
    return found.reason


@pytest.mark.parametrize(
    "text",
    [
        "She has had pain in the right hip for three weeks.",
        "Blood pressure was 150/85.",
        "Blood pressure 150/85 mmHg.",
        "Haemoglobin is 131.",
        "CRP was 12000 mcg/L.",
        "She has no fever.",
        "There is neither rash nor fever.",
        "Her father had gout.",
        "Urinalysis was negative.",
        "She exercises three times per week.",
        "She is a former smoker.",
        "Septic arthritis is suspected.",
        "The left knee was replaced in 2019.",
    ],
)
def test_other_words_for_the_same_are_kept(text: str) -> None:
    assert reason(text) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("She has had pain in the left hip for three weeks.", "side"),
        ("Right knee replaced 2019.", "side"),
        ("She has fever.", "denial"),
        ("She has night sweats.", "denial behind a list"),
        ("She has no hip pain.", "denial the other way"),
        ("Urine dip positive.", "opposite"),
        ("She has had right hip pain for 5 weeks.", "number"),
        ("She has had right hip pain for 3 months.", "unit"),
        ("CRP 12 g/L.", "unit of mass"),
        ("CRP 131.", "another finding's number"),
        ("Blood pressure 85/150.", "order of a pair"),
        ("CRP is over 12 mg/L.", "comparator"),
        ("She had gout at 50.", "a relative's illness"),
        ("Her brother had gout.", "another relative"),
        ("Her sister limps on stairs.", "who tells is not who is ill"),
        ("She has septic arthritis.", "certainty"),
        ("She had an MRI.", "awaited is not done"),
        ("She smokes.", "past is not now"),
        ("Right shoulder pain for 3 weeks.", "entity"),
        ("Right hip pain with stiffness.", "not mentioned"),
    ],
)
def test_what_the_record_does_not_say_falls(text: str, why: str) -> None:
    assert reason(text) != "", why


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Uric acid above 360 micromol/L is usual.", True),
        ("Uric acid above 0.36 mmol/L is usual.", True),
        ("Uric acid under 360 micromol/L is usual.", False),
        ("Uric acid of 360 micromol/L is usual.", False),
        ("Urate is repeated 2-4 weeks after a flare.", True),
        ("Urate is repeated 2-6 weeks after a flare.", False),
        ("Urate is repeated 4 weeks before a flare.", False),
        ("Aspiration of the joint is done within 24 hours when temperature is at least 38.", True),
        ("Aspiration of the joint is done within 1 day when temperature is at least 38.", True),
        ("Aspiration of the joint is done within 24 hours when temperature is at most 38.", False),
        ("Some people have tophi.", True),
        ("All people have tophi.", False),
        ("People have tophi.", False),
    ],
)
def test_guideline_statements_keep_amount_comparator_range_and_quantity(text: str, kept: bool) -> None:
    assert (reason(text, kind="guideline") == "") is kept


def test_the_family_history_of_a_form_is_the_familys() -> None:
    assert reason("She has breast cancer.", note="breast cancer", label="family_history.0") == "person"
    assert reason("She has breast cancer.", note="breast cancer", label="past_history.0") == ""


def test_a_claim_may_be_said_by_two_sentences_each_part_by_one() -> None:
    assert reason("She has right hip pain, and her father had gout.") == ""
    assert reason("Her father has right hip pain.") != ""


def test_an_inference_may_not_turn_its_facts_round() -> None:
    assert (
        reason("Right hip pain with a raised CRP of 12 mg/L makes septic arthritis possible.", kind="inference") == ""
    )
    assert reason("Right hip pain with a CRP of 90 mg/L makes septic arthritis possible.", kind="inference") == "number"


SAID = words("pain in the right hip since Monday")


@given(
    st.sampled_from(("fever", "cough", "wheeze", "jaundice", "syncope")),
    st.sampled_from(("No {}.", "Denies {}.", "{}: none.", "{} absent.")),
)
def test_what_is_denied_is_never_a_finding(finding: str, form: str) -> None:
    note = form.format(finding)
    assert reason(f"She has {finding}.", note=note) != ""
    assert reason(f"No {finding}.", note=note) == ""


@given(st.integers(2, 400), st.integers(2, 400))
def test_a_number_is_kept_only_as_it_stands(said: int, recorded: int) -> None:
    found = reason(f"Sodium {said} mmol/L.", note=f"Sodium {recorded} mmol/L.")
    assert (found == "") is (said == recorded)


@given(st.sampled_from(("left", "right")), st.sampled_from(("left", "right")), st.sampled_from(("arm", "eye", "flank")))
def test_a_side_is_kept_only_as_it_stands(said: str, recorded: str, part: str) -> None:
    assert (reason(f"Swollen {said} {part}.", note=f"{recorded.title()} {part} swollen.") == "") is (said == recorded)


@given(st.lists(st.sampled_from(SAID), min_size=3, max_size=8))
def test_a_sentence_supports_itself(said: list[str]) -> None:
    note = " ".join(said)
    if read(note).words:
        assert reason(note, note=note) == ""


def test_units_have_a_dimension_and_a_factor() -> None:
    assert unit_of("mcg") == ("mass", 0.001)
    assert unit_of("g/l") == ("mass/volume", 1.0)
    assert unit_of("hours") == ("time", 60.0)
    assert unit_of("") == ("", 1.0)
