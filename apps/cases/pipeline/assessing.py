"""One assessment, top to bottom: gather -> de-identify -> retrieve -> draft -> verify -> guard -> release.

The worker's database connection is handed back before every model call; nothing here is inside a transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from django.conf import settings
from pydantic import ValidationError

from apps.cases.pipeline import assemble, prompting, querying
from apps.cases.pipeline.record import parts_of, record_text
from apps.cases.schemas import CaseContent
from apps.rag import services as rag
from apps.rag.schemas import Filters, Hit, Retrieval, Scope
from apps.safety import gateway
from apps.safety import services as safety
from apps.safety.schemas import Abstention, Answer, Deidentified, GuardedDraft, VerifiedDraft
from medassist.clinical.assessment import Assessment
from medassist.clinical.case import Audience
from medassist.clinical.draft import Candidates, Draft, Source, candidates_json_schema, draft_json_schema
from medassist.common.database import hand_back_connection
from medassist.common.errors import (
    AnswerWithheld,
    BackboneRejected,
    BadModelOutput,
    DocumentsNotReady,
    RetrievalUnavailable,
)
from medassist.jobs.runner import Run
from medassist.tenancy.context import current_clinic
from medassist.tenancy.schemas import ClinicRef

logger = logging.getLogger(__name__)

STEPS = ("gather", "deidentify", "retrieve", "draft", "verify", "guard", "release")
MOST_PASSAGES = 16
DOCUMENT_PASSAGES = 10
DOCUMENTS_WAIT_S = 300
EMERGENCY_WAIT_S = 15
SAMPLE_RESERVE_S = 30.0
"""A further draft is asked for only when so much time stays for checking the first."""
GUIDANCE = Filters(kinds=("guideline", "protocol"))
OF_THE_CASE = Filters(kinds=("case_document",))
FIRST_PASS = 24
DRAFT_TOKENS = 3000
Message = tuple[Literal["system", "user", "assistant"], str]
CANDIDATE_TOKENS = 300


@dataclass
class Working:
    """What the steps hand on; each field is written by one step."""

    run: Run
    clinic: ClinicRef
    content: CaseContent
    hidden: Deidentified | None = None
    parts: tuple[Source, ...] = ()
    """The record: the case's own parts, then passages of its documents."""
    document_hits: tuple[Hit, ...] = ()
    abstention: Abstention = field(default_factory=Abstention)
    injection_spans: int = 0
    retrieval: Retrieval | None = None
    hits: tuple[Hit, ...] = ()
    passages: tuple[Source, ...] = ()
    answers: list[Answer] = field(default_factory=list)
    draft: Draft | None = None
    samples: tuple[tuple[str, ...], ...] = ()
    """Condition names of each draft that was asked for; empty when one was."""
    verified: VerifiedDraft | None = None
    guarded: GuardedDraft | None = None
    judged_as: Audience = "patient"
    """For whom the guard judges: the clinic's policy may ask for more than the audience does."""
    regenerated: bool = False
    reasons: list[str] = field(default_factory=list)

    @property
    def sources(self) -> tuple[Source, ...]:
        return (*self.parts, *self.passages)


def assess(run: Run, load: Callable[[], CaseContent]) -> Assessment:
    """The assessment of one case. Raises the retryable errors of what is away; everything else that goes wrong
    becomes an abstained or withheld assessment that still shows red flags, missing information and escalation."""
    with run.step("gather"):
        working = Working(run, current_clinic(), load())
        _wait_for_documents(working)
    try:
        with run.step("deidentify"):
            _hide(working)
        working.abstention = safety.abstention(working.content.case)
        working.reasons += working.abstention.stops
        if not working.abstention.stops:
            with run.step("retrieve"):
                _retrieve(working)
            _draft_verify_guard(working)
    except BadModelOutput:
        working.reasons.append("backbone_output_unusable")
    except BackboneRejected as error:
        working.reasons.append(error.code)
    except AnswerWithheld:
        working.guarded = None
        working.reasons.append("guard_failed")
    with run.step("release"):
        return assemble.release(working)


def _wait_for_documents(working: Working) -> None:
    """A case waits for its documents, an emergency only for a moment: what was not read by then is named as missing."""
    longest = EMERGENCY_WAIT_S if working.run.job.lane == "emergency" else DOCUMENTS_WAIT_S
    now = datetime.now(UTC)
    for document in working.content.documents:
        if document.pending and (now - document.created_at).total_seconds() < longest:
            raise DocumentsNotReady(retry_after=2)


def _hide(working: Working) -> None:
    """Identifiers leave the record, and so do spans that read like instructions to a model."""
    hidden = safety.deidentify(working.content.case, [hit.passage.text for hit in working.document_hits])
    passages = [
        Source(id=f"d{index}", kind="record", label=f"documents.{hit.passage.guideline_id}", text=text, passage_id=hit.passage.id)
        for index, (hit, text) in enumerate(zip(working.document_hits, hidden.also, strict=True), start=1)
    ]  # fmt: skip
    parts = []
    working.injection_spans = 0
    for part in (*parts_of(hidden.case), *passages):
        screened = safety.screen_text(part.text)
        working.injection_spans += len(screened.spans)
        parts.append(part.model_copy(update={"text": prompting.neutral(screened.text)}))
    working.hidden, working.parts = hidden, tuple(parts)


def _retrieve(working: Working) -> None:
    """Twice: with the presentation, then once per condition that the rules or the first pass name."""
    scope = Scope(clinic=working.clinic.schema_name, case_id=working.content.id)
    floor = working.content.floor
    hidden = working.hidden.case if working.hidden else working.content.case
    queries = querying.presentation(hidden, working.parts)
    try:
        if working.content.documents:
            own = rag.retrieve(scope=scope, queries=queries, limit=DOCUMENT_PASSAGES, filters=OF_THE_CASE)
            working.document_hits = own.hits
            _hide(working)
        first = rag.retrieve(scope=scope, queries=queries, limit=FIRST_PASS, filters=GUIDANCE)
        named = querying.merged(
            [name for rule in floor.rules for name in rule.conditions], _candidates(working, first.hits)
        )
        second = (
            rag.retrieve(scope=scope, queries=querying.of_conditions(named), limit=MOST_PASSAGES, filters=GUIDANCE)
            if named
            else first
        )
    except RetrievalUnavailable:
        logger.warning(
            "Retrieval is away: the case is assessed without guideline evidence", extra={"job": working.run.job.id}
        )
        working.reasons.append("retrieval_unavailable")
        return
    working.retrieval = second if named else first
    working.hits = querying.combined(second.hits, first.hits, most=MOST_PASSAGES)
    working.passages = prompting.passage_sources(working.hits)
    if first.weak and second.weak:
        working.reasons.append("weak_retrieval")


def _candidates(working: Working, hits: tuple[Hit, ...]) -> tuple[str, ...]:
    """Condition names from the model; none when its answer cannot be used (the rules' names remain)."""
    sources = prompting.passage_sources(hits)
    prompt = prompting.user_prompt("candidates", working.parts, working.content.floor, sources, hits)
    try:
        answer = _ask(working, "candidates", prompt, candidates_json_schema(), "candidates", CANDIDATE_TOKENS)
        return Candidates.model_validate(answer.data).conditions
    except (BadModelOutput, BackboneRejected, ValidationError):
        return ()


def _draft_verify_guard(working: Working) -> None:
    """Draft, verify, guard; once more with the reason when the guard asks for it, then abstain."""
    note = ""
    working.judged_as = safety.judged_as(working.content.case.audience)
    for attempt in (1, 2):
        with working.run.step("draft"):
            working.draft = _draft(working, note)
            if attempt == 1:
                _sample(working)
        with working.run.step("verify"):
            working.verified = safety.verify_draft(
                draft=working.draft, sources=working.sources, audience=working.content.case.audience
            )
            if working.answers and working.answers[-1].language_model:
                working.verified = safety.second_look(
                    verified=working.verified, sources=working.sources, audience=working.content.case.audience,
                    ask=partial(_call, working),
                )  # fmt: skip
        with working.run.step("guard"):
            guarded = safety.guard_draft(
                verified=working.verified,
                record_text=record_text(working.parts),
                audience=working.judged_as,
            )
        working.guarded = guarded
        if not guarded.must_regenerate:
            return
        if attempt == 1:
            working.regenerated = True
            note = prompting.REGENERATE_NOTE
    working.reasons.append("guard_removed_too_much")


def _sample(working: Working) -> None:
    """Further drafts of a language model, for what they agree on; none is shown. One that fails says nothing."""
    wanted = settings.DRAFT_SAMPLES
    if wanted < 2 or working.draft is None or working.run.job.lane == "emergency":
        return
    if not working.answers[-1].language_model:
        return
    found = [tuple(item.condition for item in working.draft.differential)]
    for seed in range(1, wanted):
        if working.run.deadline_left_s < SAMPLE_RESERVE_S:
            break
        try:
            named = _draft(working, "", seed=seed).differential
        except (BadModelOutput, BackboneRejected):
            continue
        found.append(tuple(item.condition for item in named))
    working.samples = tuple(found) if len(found) > 1 else ()


def _draft(working: Working, note: str, *, seed: int | None = None) -> Draft:
    schema = draft_json_schema([source.id for source in working.sources])
    prompt = prompting.user_prompt(
        "assessment", working.parts, working.content.floor, working.passages, working.hits, note=note
    )
    for attempt in (1, 2):
        try:
            answer = _ask(working, "assessment", prompt, schema, "assessment_draft", DRAFT_TOKENS, seed=seed)
            return Draft.model_validate(answer.data)
        except (BadModelOutput, ValidationError):
            if attempt == 2:
                raise BadModelOutput from None
    raise BadModelOutput


def _ask(
    working: Working, task: str, prompt: str, schema: dict[str, Any], schema_name: str, max_tokens: int,
    seed: int | None = None,
) -> Answer:  # fmt: skip
    messages: list[Message] = [("system", prompting.system_prompt(task)), ("user", prompt)]
    answer = _call(
        working, task=task, messages=messages, schema=schema, schema_name=schema_name, max_tokens=max_tokens, seed=seed
    )
    working.answers.append(answer)
    return answer


def _call(
    working: Working, *, task: str, messages: Sequence[Message], schema: dict[str, Any], schema_name: str, max_tokens: int,
    seed: int | None = None,
) -> Answer:  # fmt: skip
    # A model thinks for seconds: the database connection goes back first.
    hand_back_connection()
    run = working.run
    return gateway.ask(
        task=task,
        messages=messages,
        schema=schema,
        schema_name=schema_name,
        tier="heavy" if run.job.tier == "heavy" else "light",
        deadline_s=max(1.0, run.deadline_left_s),
        abort=run.abort,
        max_tokens=max_tokens,
        trace_id=run.job.trace_id or str(run.job.id),
        clinic=run.job.clinic,
        kind=run.job.kind,
        lane=run.job.lane,
        subject=str(run.job.id),
        person=run.job.submitted_by,
        seed=seed,
    )
