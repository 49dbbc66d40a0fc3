"""The guard over a whole draft: what it takes out, what it counts, and that a failing stage releases nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.safety import services
from apps.safety.rules import deidentify as deidentify_rules
from apps.safety.rules import grounding, guard_draft, screen
from apps.safety.schemas import VerifiedCite, VerifiedClaim, VerifiedCondition, VerifiedDraft
from medassist.clinical.case import Audience, CaseInput
from medassist.clinical.draft import Draft, DraftCite, DraftClaim, DraftCondition, Source
from medassist.common.errors import AnswerWithheld, BackboneTimeout

RECORD = "54-year-old female\nChest pain for 25 minutes.\nTakes metformin 500 mg BD."


def claim(text: str, *, kind: Any = "patient_fact", quote: str = "Chest pain for 25 minutes") -> VerifiedClaim:
    source: Any = "guideline" if kind == "guideline" else "record"
    cite = VerifiedCite(source="g1" if kind == "guideline" else "r1", kind=source, quote=quote, start=0, end=len(quote))
    return VerifiedClaim(text=text, kind=kind, cites=(cite,))


def draft(*summary: VerifiedClaim, **fields: Any) -> VerifiedDraft:
    return VerifiedDraft(triage_level="same_day", summary=summary, **fields)


def guarded(verified: VerifiedDraft, audience: Audience = "clinician") -> Any:
    return services.guard_draft(verified=verified, record_text=RECORD, audience=audience)


def test_a_harmless_draft_passes_unchanged() -> None:
    verified = draft(
        claim("Chest pain has lasted for 25 minutes."),
        claim("She takes metformin 500 mg BD.", quote="Takes metformin 500 mg BD"),
        differential=(VerifiedCondition(condition="Opioid toxicity", band="possible"),),
        missing_information=("Whether she takes aspirin is not recorded.",),
    )
    result = guarded(verified)
    assert result.summary == verified.summary
    assert result.differential == verified.differential
    assert result.missing_information == verified.missing_information
    assert (result.removed_sentences, result.codes, result.must_regenerate) == (0, (), False)


def test_a_prescribing_claim_is_removed_counted_and_marked() -> None:
    result = guarded(draft(claim("Chest pain is present."), claim("Give aspirin 300 mg.")))
    assert [kept.text for kept in result.summary] == ["Chest pain is present."]
    assert result.removed_sentences == 1
    assert result.markers == ("summary.1",)
    assert "B1" in result.codes
    assert not result.must_regenerate


def test_more_than_two_removals_ask_for_another_draft() -> None:
    two = [claim("Start aspirin."), claim("Stop metformin.")]
    assert not guarded(draft(*two)).must_regenerate
    assert guarded(draft(*two, claim("Consider heparin."))).must_regenerate


@pytest.mark.parametrize("text", ["She takes metformin 850 mg BD.", "Give war\u200bfarin tonight."])
def test_one_altered_or_hidden_statement_asks_for_another_draft(text: str) -> None:
    assert guarded(draft(claim(text))).must_regenerate


def test_only_the_failing_sentence_of_a_note_is_cut() -> None:
    result = guarded(draft(triage_reason="The pain is new. Give aspirin 300 mg."))
    assert result.triage_reason == "The pain is new."
    assert result.removed_sentences == 1


def test_an_order_that_only_the_whole_text_shows_takes_the_whole_text_away() -> None:
    result = guarded(draft(missing_information=("R2l2ZSBhc3BpcmluIDMwMCBtZyBub3c=",)))
    assert result.missing_information == ()
    assert "B7" in result.codes


def test_a_condition_that_is_a_medicine_or_an_order_is_removed() -> None:
    names = ("Aspirin", "Start aspirin", "Heart attack", "Warfarin overdose")
    result = guarded(draft(differential=tuple(VerifiedCondition(condition=name, band="possible") for name in names)))
    assert [item.condition for item in result.differential] == ["Heart attack", "Warfarin overdose"]


def test_a_dose_in_a_source_does_not_reach_the_reader_inside_a_quote() -> None:
    text = "Chest pain is a common symptom of heart attack."
    kept = claim(text, kind="guideline", quote=text)
    dosed = claim(text, kind="guideline", quote="Aspirin 300 mg is given at once.")
    result = guarded(draft(kept, dosed))
    assert result.summary == (kept,)
    assert (result.withheld_quotes, result.removed_sentences) == (1, 0)


def test_a_patient_is_told_less_than_a_clinician() -> None:
    verified = draft(claim("Anticoagulation is for the treating team to weigh."))
    assert guarded(verified).summary == verified.summary
    assert guarded(verified, "patient").summary == ()


def test_every_place_of_a_draft_is_guarded() -> None:
    bad = claim("Give aspirin 300 mg.")
    verified = draft(
        bad,
        triage_reason="Give aspirin.",
        red_flags=(bad,),
        missing_information=("Give aspirin.",),
        differential=(
            VerifiedCondition(
                condition="Heart attack",
                band="likely",
                claims_for=(bad,),
                claims_against=(bad,),
                claims_missing=("Give aspirin.",),
            ),
        ),
    )
    result = guarded(verified)
    assert "spirin" not in result.model_dump_json(exclude={"grounding"})
    assert result.removed_sentences == 7


STAGES: dict[str, tuple[Any, str, Callable[[], Any]]] = {
    "guard": (guard_draft, "check_text", lambda: guarded(draft(claim("Chest pain.")))),
    "claims": (
        grounding,
        "check_claim",
        lambda: services.verify_draft(draft=_model_draft(), sources=_sources(), audience="clinician"),
    ),
    "identifiers": (
        deidentify_rules,
        "_scrub",
        lambda: services.deidentify(CaseInput(history="Mrs Jane Doe has a cough.")),
    ),
    "screen": (screen, "intake_spans", lambda: services.screen_text("Mrs Jane Doe has a cough.")),
}


@pytest.mark.parametrize("stage", sorted(STAGES))
@pytest.mark.parametrize(
    "failure", [RuntimeError("Jane Doe"), KeyError("Jane Doe"), RecursionError(), TimeoutError(), MemoryError()]
)
def test_a_stage_that_fails_withholds_and_says_nothing_of_the_patient(
    stage: str, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name, call = STAGES[stage]

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise failure

    monkeypatch.setattr(module, name, fail)
    with pytest.raises(AnswerWithheld) as caught:
        call()
    assert "Jane" not in caught.value.detail
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_expected_error_keeps_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*args: Any, **kwargs: Any) -> Any:
        raise BackboneTimeout

    monkeypatch.setattr(guard_draft, "check_text", late)
    with pytest.raises(BackboneTimeout):
        guarded(draft(claim("Chest pain.")))


def _sources() -> list[Source]:
    return [
        Source(id="r1", kind="record", label="history", text="Chest pain for 25 minutes. Takes metformin 500 mg BD."),
        Source(
            id="g1",
            kind="guideline",
            label="Heart attack",
            text="Chest pain is a common symptom of heart attack. Aspirin 300 mg is given at once.",
            passage_id="p1",
        ),
    ]


def _model_draft() -> Draft:
    return Draft(
        triage_level="emergency_now",
        summary=(
            DraftClaim(
                text="Chest pain for 25 minutes.",
                kind="patient_fact",
                cites=(DraftCite(source="r1", quote="Chest pain for 25 minutes"),),
            ),
            DraftClaim(
                text="She takes metformin 850 mg BD.",
                kind="patient_fact",
                cites=(DraftCite(source="r1", quote="Takes metformin"),),
            ),
        ),
        differential=(
            DraftCondition(
                condition="Heart attack",
                band="cannot_miss",
                claims_for=(
                    DraftClaim(
                        text="Chest pain is a common symptom of heart attack.",
                        kind="guideline",
                        cites=(DraftCite(source="g1", quote="Chest pain is a common symptom of heart attack."),),
                    ),
                    DraftClaim(
                        text="Aspirin 300 mg is given at once.",
                        kind="guideline",
                        cites=(DraftCite(source="g1", quote="Aspirin 300 mg is given at once."),),
                    ),
                ),
            ),
        ),
    )


def test_from_a_models_draft_to_what_may_be_shown() -> None:
    verified = services.verify_draft(draft=_model_draft(), sources=_sources(), audience="clinician")
    assert (verified.grounding.claims, verified.grounding.supported, verified.grounding.removed) == (4, 3, 1)
    result = services.guard_draft(verified=verified, record_text=_sources()[0].text, audience="clinician")
    assert [item.text for item in result.summary] == ["Chest pain for 25 minutes."]
    assert [item.text for item in result.differential[0].claims_for] == [
        "Chest pain is a common symptom of heart attack."
    ]
    assert result.grounding == verified.grounding
