"""The optional model checker: it can only lower, and a failure confirms nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from apps.safety import services
from apps.safety.gateway import check_shape
from apps.safety.pipeline.checking import BATCH, BackboneChecker, NoChecker, second_look, verdicts_schema
from apps.safety.rules.grounding import verify_draft
from apps.safety.schemas import Answer, CheckItem, VerifiedDraft
from medassist.clinical.draft import Draft, DraftClaim, DraftCondition, Source
from medassist.common.errors import BackboneUnavailable, BadModelOutput, CallAborted

SOURCES = [
    Source(id="r1", kind="record", label="history", text="Short of breath since 06:00. Right calf swollen."),
    Source(
        id="g1",
        kind="guideline",
        label="Pulmonary embolism",
        text="Pulmonary embolism causes sudden shortness of breath.",
    ),
]


def verified() -> VerifiedDraft:
    draft = Draft(
        triage_level="same_day",
        summary=(DraftClaim(text="Right calf swollen.", kind="patient_fact"),),
        differential=(
            DraftCondition(
                condition="Pulmonary embolism",
                band="possible",
                claims_for=(
                    DraftClaim(text="Pulmonary embolism causes sudden shortness of breath.", kind="guideline"),
                    DraftClaim(
                        text="Short of breath with a swollen right calf fits pulmonary embolism.", kind="inference"
                    ),
                ),
            ),
        ),
    )
    found = verify_draft(draft=draft, sources=SOURCES)
    assert found.grounding.supported == 3
    return found


def answering(*verdicts: tuple[str, str]) -> Any:
    def ask(**_: Any) -> Answer:
        return Answer(data={"verdicts": [{"id": i, "verdict": v} for i, v in verdicts]}, backbone="b", model="m")

    return ask


def look(ask: Any, audience: Any = "clinician") -> VerifiedDraft:
    return second_look(draft=verified(), sources=SOURCES, audience=audience, checker=BackboneChecker(ask))


def states(draft: VerifiedDraft) -> list[str]:
    claims = [*draft.summary, *(c for item in draft.differential for c in item.claims_for)]
    return [claim.verification for claim in claims]


def test_what_the_checker_supports_stays_as_it_was() -> None:
    assert look(answering(("c1", "supported"), ("c2", "supported"))) == verified()


def test_what_it_does_not_support_is_marked_for_clinicians() -> None:
    found = look(answering(("c1", "supported"), ("c2", "not_supported")))
    assert states(found) == ["verified", "not_verified", "inference"]
    assert (found.grounding.supported, found.grounding.removed) == (2, 0)


def test_what_it_does_not_support_leaves_a_patients_text_and_is_counted() -> None:
    found = look(answering(("c1", "not_supported"), ("c2", "supported")), audience="patient")
    assert found.summary == ()
    assert found.grounding.removed == 1


@pytest.mark.parametrize(
    "verdicts",
    [
        (),
        (("c1", "supported"),),
        (("c1", "supported"), ("c2", "supported"), ("c2", "not_supported")),
        (("c9", "supported"),),
    ],
)
def test_a_missing_double_or_foreign_verdict_supports_nothing(verdicts: tuple[tuple[str, str], ...]) -> None:
    assert "not_verified" in states(look(answering(*verdicts)))


@pytest.mark.parametrize("error", [BackboneUnavailable(), BadModelOutput("no"), TimeoutError(), KeyError("verdicts")])
def test_an_error_of_the_checker_confirms_nothing(error: Exception) -> None:
    def ask(**_: Any) -> Answer:
        raise error

    assert states(look(ask)) == ["not_verified", "not_verified", "inference"]


def test_a_cancelled_job_stays_cancelled() -> None:
    def ask(**_: Any) -> Answer:
        raise CallAborted

    with pytest.raises(CallAborted):
        look(ask)


def test_an_answer_of_another_shape_supports_nothing() -> None:
    def ask(**_: Any) -> Answer:
        return Answer(data={"verdicts": "all supported"}, backbone="b", model="m")

    assert states(look(ask)) == ["not_verified", "not_verified", "inference"]


def test_the_model_is_given_the_statement_and_the_very_words_of_its_source() -> None:
    asked: list[Any] = []

    def ask(*, messages: Sequence[tuple[str, str]], schema: dict[str, Any], **_: Any) -> Answer:
        asked.extend(json.loads(messages[1][1]))
        data = {"verdicts": [{"id": item["id"], "verdict": "supported"} for item in asked]}
        check_shape(data, schema)
        return Answer(data=data, backbone="b", model="m")

    look(ask)
    assert asked[0] == {"id": "c1", "statement": "Right calf swollen.", "sentences": ["Right calf swollen."]}
    assert len(asked) == 2  # inferences are not asked about


def test_many_claims_go_in_batches_and_a_batch_that_fails_costs_only_its_own() -> None:
    items = [CheckItem(id=f"c{n}", statement="x", sentences=("x",)) for n in range(BATCH + 5)]
    calls: list[int] = []

    def ask(*, messages: Sequence[tuple[str, str]], **_: Any) -> Answer:
        given = json.loads(messages[1][1])
        calls.append(len(given))
        if len(calls) == 1:
            raise BackboneUnavailable
        return Answer(
            data={"verdicts": [{"id": i["id"], "verdict": "supported"} for i in given]}, backbone="b", model="m"
        )

    assert BackboneChecker(ask).supported(items) == {f"c{n}" for n in range(BATCH, BATCH + 5)}
    assert calls == [BATCH, 5]


def test_an_id_cannot_be_invented() -> None:
    with pytest.raises(BadModelOutput):
        check_shape({"verdicts": [{"id": "c7", "verdict": "supported"}]}, verdicts_schema(["c1"]))


def test_it_is_off_unless_a_setting_turns_it_on(settings: Any) -> None:
    def ask(**_: Any) -> Answer:
        raise AssertionError("nobody asks a checker that is off")

    given: dict[str, Any] = {"verified": verified(), "sources": SOURCES, "audience": "clinician", "ask": ask}
    assert settings.CLAIM_CHECKER == "off"
    assert services.second_look(**given) == verified()
    settings.CLAIM_CHECKER = "backbone"
    assert states(services.second_look(**given)) == ["not_verified", "not_verified", "inference"]
    assert NoChecker().supported([CheckItem(id="c1", statement="x", sentences=())]) == {"c1"}
