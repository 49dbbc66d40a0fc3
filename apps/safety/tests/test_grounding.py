"""The grounding check: a claim stands only on a literal quote that says the same."""

from __future__ import annotations

from typing import Any

import pytest

from apps.safety.rules.grounding import check_claim, verify_draft
from apps.safety.rules.grounding_text import locate, measured, numbers_of
from medassist.clinical.draft import Draft, DraftCite, DraftClaim, DraftCondition, Source

PASSAGE = (
    "Pulmonary embolism often causes sudden shortness of breath. The risk is increased for 3 months after surgery. "
    "A D-dimer below 500 ng/mL makes the diagnosis unlikely in people at low risk. "
    "Fever is not a common sign. Pain in the left calf may come before the acute episode."
)
NOTE = "Short of breath since 06:00, heart rate 118 /min. Denies chest pain. Right hip replaced 12 days ago."
SOURCES = [
    Source(id="r1", kind="record", label="history", text=NOTE),
    Source(id="g1", kind="guideline", label="Pulmonary embolism", text=PASSAGE, passage_id="p1"),
    Source(id="g2", kind="guideline", label="Gout", text="Gout causes sudden pain in one joint.", passage_id="p2"),
]


def check(
    text: str, quote: str | None = None, *, kind: Any = "guideline", source: str = "g1", audience: Any = "clinician"
) -> Any:
    cites = () if quote is None else (DraftCite(source=source, quote=quote),)
    return check_claim(DraftClaim(text=text, kind=kind, cites=cites), SOURCES, audience)


def test_a_literal_quote_supports_its_claim_with_offsets_in_the_source() -> None:
    quote = "Pulmonary embolism often causes sudden shortness of breath"
    result = check(f"{quote}.", quote)
    cite = result.claim.cites[0]
    assert PASSAGE[cite.start : cite.end] == cite.quote == quote
    assert not cite.rebound


def test_quotes_match_over_typography_space_and_case() -> None:
    source = "The patient\u2019s  D\u2011dimer\nwas raised."
    span = locate("the patient's d-dimer was RAISED", source)
    assert span is not None
    assert source[slice(*span)] == source.rstrip(".")


@pytest.mark.parametrize(
    ("quote", "source"),
    [("5 mg", "Takes 25 mg."), ("1.5", "1.52 units"), ("art", "heart"), ("3", "38.5 C"), ("12", "12,500")],
)
def test_a_quote_does_not_begin_or_end_inside_a_number_or_word(quote: str, source: str) -> None:
    assert locate(quote, source) is None


@pytest.mark.parametrize(
    ("claim", "quote", "reason"),
    [
        (
            "The risk is increased for 6 months after surgery.",
            "The risk is increased for 3 months after surgery.",
            "number",
        ),
        (
            "The risk is increased for 3 weeks after surgery.",
            "The risk is increased for 3 months after surgery.",
            "unit",
        ),
        (
            "The risk is decreased for 3 months after surgery.",
            "The risk is increased for 3 months after surgery.",
            "opposite",
        ),
        (
            "The risk is not increased for 3 months after surgery.",
            "The risk is increased for 3 months after surgery.",
            "negation",
        ),
        ("Fever is a common sign.", "Fever is not a common sign.", "negation"),
        (
            "A D-dimer above 500 ng/mL makes the diagnosis unlikely in people at low risk.",
            "A D-dimer below 500 ng/mL makes the diagnosis unlikely in people at low risk.",
            "opposite|comparator",
        ),
        (
            "Pain in the right calf may come before the acute episode.",
            "Pain in the left calf may come before the acute episode.",
            "opposite",
        ),
        (
            "Pain in the left calf may come before the chronic episode.",
            "Pain in the left calf may come before the acute episode.",
            "opposite",
        ),
        (
            "Sarcoidosis leads to raised calcium and skin lesions.",
            "The risk is increased for 3 months after surgery.",
            "content",
        ),
    ],
)
def test_a_claim_that_says_something_else_than_its_quote_falls(claim: str, quote: str, reason: str) -> None:
    result = check(claim, quote)
    assert result.claim is None
    assert result.reason in reason.split("|")


def test_a_contradicted_claim_is_not_saved_by_a_vaguer_place() -> None:
    sources = [
        *SOURCES,
        Source(
            id="g3", kind="guideline", label="x", text="The risk after surgery for 3 months is known.", passage_id="p3"
        ),
    ]
    claim = DraftClaim(
        text="The risk is decreased for 3 months after surgery.",
        kind="guideline",
        cites=(DraftCite(source="g1", quote="The risk is increased for 3 months after surgery."),),
    )
    assert check_claim(claim, sources).claim is None


def test_a_swap_is_seen_when_the_sentence_holds_both_words() -> None:
    text = "The higher the pressure, the lower the flow."
    sources = [Source(id="g1", kind="guideline", label="x", text=text, passage_id="p")]
    swapped = DraftClaim(
        text="The lower the pressure, the lower the flow.",
        kind="guideline",
        cites=(DraftCite(source="g1", quote=text),),
    )
    assert check_claim(swapped, sources).reason == "opposite"


@pytest.mark.parametrize("quote", [None, "words that stand in no source", "Gout causes sudden pain in one joint."])
def test_a_missing_or_wrong_cite_is_bound_anew_by_the_server(quote: str | None) -> None:
    result = check("Pulmonary embolism often causes sudden shortness of breath.", quote, source="g2")
    assert [(cite.source, cite.rebound) for cite in result.claim.cites] == [("g1", True)]


def test_a_claim_without_any_support_falls_with_or_without_a_cite() -> None:
    assert check("Sarcoidosis often leads to skin lesions.").reason == "no_quote"


def test_a_patient_fact_stands_on_the_record_only() -> None:
    assert check("Heart rate 118 /min.", "heart rate 118 /min", kind="patient_fact", source="r1").claim is not None
    assert check("Heart rate 128 /min.", "heart rate 118 /min", kind="patient_fact", source="r1").claim is None
    assert check("Pulmonary embolism often causes sudden shortness of breath.", kind="patient_fact").claim is None


@pytest.mark.parametrize(
    "text", ["She has chest pain.", "Left hip replaced 12 days ago.", "Right hip replaced 21 days ago."]
)
def test_a_fact_that_turns_the_record_round_falls(text: str) -> None:
    assert (
        check(text, "Denies chest pain. Right hip replaced 12 days ago.", kind="patient_fact", source="r1").claim
        is None
    )


def test_an_inference_rests_on_the_record_and_is_not_for_patients() -> None:
    text = "Shortness of breath after hip replacement raises the question of pulmonary embolism."
    quote = "Short of breath since 06:00"
    assert check(text, quote, kind="inference", source="r1").claim.verification == "inference"
    assert check(text, quote, kind="inference", source="r1", audience="patient").reason == "inference_for_patient"


def test_an_inference_that_rests_on_guidelines_alone_falls() -> None:
    claim = DraftClaim(
        text="Fever is not a common sign.",
        kind="inference",
        cites=(DraftCite(source="g1", quote="Fever is not a common sign."),),
    )
    assert check_claim(claim, SOURCES[1:]).reason == "inference_without_record"


def test_numbers_are_read_in_digits_and_words_with_unit_and_direction() -> None:
    assert numbers_of("Three doses, 2.5 mg and 1,200 steps") == {3.0, 2.5, 1200.0}
    assert measured("less than 500 ng/ml for two weeks") == ((500.0, "ng/ml", "<"), (2.0, "week", ""))


def test_notes_and_conditions_with_numbers_of_their_own_are_removed_and_counted() -> None:
    draft = Draft(
        triage_level="same_day",
        triage_reason="Heart rate 140.",
        missing_information=("D-dimer result.", "Oxygen saturation was 82 %."),
        differential=(
            DraftCondition(condition="Pulmonary embolism", band="possible"),
            DraftCondition(condition="Embolism 7412", band="possible"),
        ),
    )
    verified = verify_draft(draft=draft, sources=SOURCES)
    assert verified.triage_reason == ""
    assert verified.missing_information == ("D-dimer result.",)
    assert [item.condition for item in verified.differential] == ["Pulmonary embolism"]
    assert verified.grounding.notes_removed == 3
