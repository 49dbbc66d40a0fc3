"""One answer, top to bottom: gather -> de-identify -> retrieve -> draft -> verify and guard -> release.

The checks are those of assessments. Claims are told to whoever watches only when they have passed them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from apps.chat.schemas import ChatAnswer, ChatDraft, ChatProvenance, Status, TurnContent, chat_json_schema
from apps.rag import services as rag
from apps.rag.schemas import Filters, Hit, Query, Retrieval, Scope
from apps.safety import gateway
from apps.safety import services as safety
from apps.safety.schemas import Answer, Deidentified
from medassist.clinical import records
from medassist.clinical.assessment import Claim
from medassist.clinical.case import Audience, CaseInput
from medassist.clinical.citing import Citations
from medassist.clinical.draft import Draft, Source
from medassist.common.database import hand_back_connection
from medassist.common.errors import (
    AnswerWithheld,
    BackboneRejected,
    BackboneTimeout,
    BadModelOutput,
    RetrievalUnavailable,
)
from medassist.jobs import progress
from medassist.jobs.runner import Run
from medassist.tenancy.context import current_clinic

PROMPT_VERSION = "chat.v1"
ANSWER_TOKENS = 1_200
MOST_PASSAGES = 8
MOST_DOCUMENT_PASSAGES = 6
GUIDANCE = Filters(kinds=("guideline", "protocol"))
OF_THE_CASE = Filters(kinds=("case_document",))
_PROMPTS = Path(__file__).resolve().parent.parent / "prompts"
_OWN_TAGS = re.compile(r"<(?=\s*/?\s*(?:task|record|part|passages|passage|earlier|turn|question)\b)", re.IGNORECASE)
# A question about treatment is told whose it is to decide; what the answer may hold is the guard's to say.
_ABOUT_MEDICINES = re.compile(
    r"\b(?:dos(?:e|es|ing|age)|mg|prescri\w+|medicat\w+|medicines?|drugs?|treat(?:ment|ed|ing)?|antibiotic\w*|tablets?|start|stop|titrate|"
    r"switch|give)\b",
    re.IGNORECASE,
)


@dataclass
class _Working:
    run: Run
    content: TurnContent
    case: CaseInput
    headline: str
    judged_as: Audience
    hidden: Deidentified | None = None
    parts: tuple[Source, ...] = ()
    question: str = ""
    earlier: list[tuple[str, str]] = field(default_factory=list)
    document_hits: tuple[Hit, ...] = ()
    retrieval: Retrieval | None = None
    hits: tuple[Hit, ...] = ()
    passages: tuple[Source, ...] = ()
    answer: Answer | None = None
    book: Citations | None = None
    claims: tuple[Claim, ...] = ()
    removed: int = 0
    reasons: list[str] = field(default_factory=list)


def answer(run: Run, load: Callable[[], TurnContent]) -> ChatAnswer:
    """The answer to one question. Raises the retryable errors of what is away; everything else that goes wrong becomes an
    abstained or withheld answer."""
    with run.step("gather"):
        content = load()
        reader = records.reader()
        case, _assessment = reader.read(content.case_id)
        working = _Working(run, content, case, reader.headline(case), judged_as=safety.judged_as("clinician"))
    try:
        with run.step("deidentify"):
            _hide(working)
        with run.step("retrieve"):
            _retrieve(working)
        with run.step("draft"):
            draft = _draft(working)
        with run.step("guard"):
            _check(working, draft)
        if not working.claims:
            working.reasons.append("nothing_found")
    except BadModelOutput:
        working.reasons.append("backbone_output_unusable")
    except BackboneRejected as error:
        working.reasons.append(error.code)
    except AnswerWithheld:
        working.claims = ()
        working.reasons.append("guard_failed")
    with run.step("release"):
        return _released(working)


def _hide(working: _Working) -> None:
    """Identifiers leave record, documents, question and earlier turns together, so that one name has one placeholder; spans
    that read like instructions leave all of them."""
    said = [text for turn in working.content.earlier for text in (turn.question, " ".join(turn.answer))]
    texts = [hit.passage.text for hit in working.document_hits]
    hidden = safety.deidentify(working.case, [*texts, working.content.question, *said])
    clean = [_neutral(safety.screen_text(text).text) for text in hidden.also]
    documents, (question, *rest) = clean[: len(texts)], clean[len(texts) :]
    working.hidden, working.question = hidden, question
    working.earlier = list(zip(rest[::2], rest[1::2], strict=True))
    own = [
        part.model_copy(update={"text": _neutral(safety.screen_text(part.text).text)})
        for part in records.reader().parts(hidden.case)
    ]
    read = [
        Source(id=f"d{number}", kind="record", label=f"documents.{hit.passage.guideline_id}", text=text, passage_id=hit.passage.id)
        for number, (hit, text) in enumerate(zip(working.document_hits, documents, strict=True), start=1)
    ]  # fmt: skip
    working.parts = (*own, *read)


def _neutral(text: str) -> str:
    return _OWN_TAGS.sub("‹", text)


def _retrieve(working: _Working) -> None:
    scope = Scope(clinic=current_clinic().schema_name, case_id=working.content.case_id)
    asked = working.question
    last = working.earlier[-1][0] if working.earlier else ""
    # "And in pregnancy?" is searched with what was asked before it.
    context = next((part.text for part in working.parts if part.label == "presenting_complaint"), "")
    queries = [
        Query(text=asked[:600]),
        Query(text=f"{last} {asked}"[:600]),
        Query(text=f"{context} {asked}"[:600], weight=0.5),
    ]
    try:
        found = rag.retrieve(scope=scope, queries=queries, limit=MOST_PASSAGES, filters=GUIDANCE)
        working.document_hits = rag.retrieve(
            scope=scope, queries=queries, limit=MOST_DOCUMENT_PASSAGES, filters=OF_THE_CASE
        ).hits
    except RetrievalUnavailable:
        working.reasons.append("retrieval_unavailable")
        return
    if working.document_hits:
        _hide(working)
    working.retrieval, working.hits = found, found.hits
    working.passages = tuple(
        Source(
            id=f"g{number}", kind="guideline", label=hit.passage.title, text=_neutral(safety.screen_text(hit.passage.text).text),
            passage_id=hit.passage.id,
        )
        for number, hit in enumerate(found.hits, start=1)
    )  # fmt: skip


def _draft(working: _Working) -> ChatDraft:
    run = working.run
    if run.deadline_left_s <= 0:
        raise BackboneTimeout("No time was left for the language model.")
    sources = (*working.parts, *working.passages)
    # A model thinks for seconds: the database connection goes back first.
    hand_back_connection()
    working.answer = gateway.ask(
        task="chat",
        messages=[("system", _system_prompt()), ("user", _prompt(working))],
        schema=chat_json_schema([source.id for source in sources]),
        schema_name="chat_answer",
        tier="heavy" if run.job.tier == "heavy" else "light",
        deadline_s=run.deadline_left_s,
        abort=run.abort,
        max_tokens=ANSWER_TOKENS,
        trace_id=run.job.trace_id or str(run.job.id),
        clinic=run.job.clinic,
        kind=run.job.kind,
        lane=run.job.lane,
        subject=str(run.job.id),
        person=run.job.submitted_by,
    )
    try:
        return ChatDraft.model_validate(working.answer.data)
    except ValidationError:
        raise BadModelOutput from None


@cache
def _system_prompt() -> str:
    return (_PROMPTS / "chat.v1.md").read_text(encoding="utf-8")


def _prompt(working: _Working) -> str:
    lines = ["<task>chat</task>", "<record>"]
    lines += [f'<part id="{part.id}" path="{part.label}">{part.text}</part>' for part in working.parts]
    lines += ["</record>", "<passages>"]
    for source, hit in zip(working.passages, working.hits, strict=True):
        passage = hit.passage
        lines.append(
            f'<passage id="{source.id}" title="{_attribute(passage.title)}" heading="{_attribute(" > ".join(passage.heading))}" '
            f'source="{_attribute(passage.publisher)}" grade="{_attribute(passage.grade)}">{source.text}</passage>'
        )
    lines.append("</passages>")
    if working.earlier:
        lines.append("<earlier>")
        lines += [f"<turn>Asked: {asked}\nAnswered: {said}</turn>" for asked, said in working.earlier]
        lines.append("</earlier>")
    return "\n".join([*lines, f"<question>{working.question}</question>"])


def _attribute(value: str) -> str:
    return _neutral(value).replace('"', "'").replace("\n", " ")


def _check(working: _Working, draft: ChatDraft) -> None:
    """Verifies and guards the claims as an assessment's are, and tells those that are left."""
    sources = (*working.parts, *working.passages)
    verified = safety.verify_draft(
        draft=Draft(triage_level="routine", summary=draft.claims), sources=sources, audience="clinician"
    )
    guarded = safety.guard_draft(
        verified=verified, record_text="\n".join(part.text for part in working.parts), audience=working.judged_as
    )
    working.removed = len(draft.claims) - len(guarded.summary)
    read = [part for part in working.parts if part.passage_id]
    working.book = Citations(
        sources=sources,
        passages={source.id: hit.passage for source, hit in zip(working.passages, working.hits, strict=True)},
        documents={source.id: hit.passage for source, hit in zip(read, working.document_hits, strict=True)},
        original={part.label: part.text for part in records.reader().parts(working.case)},
        restore=working.hidden.restore if working.hidden else str,
    )
    working.claims = working.book.claims(guarded.summary)
    if working.claims:
        job = working.run.job
        told = {"attempt": job.attempt, "claims": [claim.model_dump(mode="json") for claim in working.claims]}
        progress.publish_sealed(job.clinic, job.id, "section", told)


def _released(working: _Working) -> ChatAnswer:
    run, said, book = working.run, working.answer, working.book
    reasons = list(dict.fromkeys(working.reasons))
    status: Status = "released"
    if "guard_failed" in reasons:
        status = "withheld"
    elif not working.claims:
        status = "abstained"
    if _ABOUT_MEDICINES.search(working.content.question):
        reasons.append("about_medicines")
    return ChatAnswer(
        status=status,
        status_reasons=tuple(reasons),
        claims=working.claims,
        evidence=book.evidence if book and working.claims else (),
        removed=working.removed,
        disclaimers=safety.disclaimers(
            locale=working.case.locale, audience="clinician", language_model=bool(said and said.language_model)
        ),
        provenance=ChatProvenance(
            backbone=said.backbone if said else None,
            model=said.model if said else None,
            adapter=said.adapter if said else None,
            language_model=bool(said and said.language_model),
            prompt_version=PROMPT_VERSION,
            guard_version=safety.GUARD_VERSION,
            index_snapshot=working.retrieval.snapshot if working.retrieval else None,
            prompt_tokens=said.prompt_tokens if said else 0,
            completion_tokens=said.completion_tokens if said else 0,
            timings_ms=dict(run.timings_ms),
            job_id=str(run.job.id),
            created_at=datetime.now(UTC),
        ),
    )
