"""One summary, top to bottom: gather -> de-identify -> draft -> verify and guard by section -> release.

A section is told to whoever watches as soon as it is verified and guarded; nothing else of a draft is ever shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from apps.notes.pipeline.lines import Line, Lines, lines_of
from apps.notes.pipeline.omissions import omissions_of
from apps.notes.schemas import (
    SECTIONS,
    DraftSection,
    NoteContent,
    NoteDraft,
    NoteProvenance,
    NoteSummary,
    Place,
    Section,
    Sentence,
    Status,
    note_json_schema,
)
from apps.safety import gateway
from apps.safety import services as safety
from apps.safety.schemas import Answer, VerifiedClaim
from medassist.clinical.case import Audience
from medassist.clinical.draft import Draft
from medassist.common.database import hand_back_connection
from medassist.common.errors import AnswerWithheld, BackboneRejected, BackboneTimeout, BadModelOutput
from medassist.jobs import progress
from medassist.jobs.runner import Run

PROMPT_VERSION = "note_summary.v1"
SUMMARY_TOKENS = 2_000
_PROMPTS = Path(__file__).resolve().parent.parent / "prompts"


@dataclass
class _Working:
    run: Run
    content: NoteContent
    lines: Lines
    judged_as: Audience
    """For whom the guard judges in this clinic."""
    answer: Answer | None = None
    sections: list[Section] = field(default_factory=list)
    removed: int = 0
    reasons: list[str] = field(default_factory=list)


def summarize(run: Run, load: Callable[[], NoteContent]) -> NoteSummary:
    """The summary of one note. Raises the retryable errors of what is away; a draft that cannot be used becomes an
    abstained or withheld summary that still lists what of weight the note holds."""
    with run.step("gather"):
        content = load()
    with run.step("deidentify"):
        working = _Working(run, content, lines_of(content.text), judged_as=safety.judged_as("clinician"))
    try:
        with run.step("draft"):
            draft = _draft(working)
        with run.step("guard"):
            for section in _in_order(draft):
                _check(working, section)
        if not working.sections:
            working.reasons.append("too_few_verified_claims")
    except BadModelOutput:
        working.reasons.append("backbone_output_unusable")
    except BackboneRejected as error:
        working.reasons.append(error.code)
    except AnswerWithheld:
        working.sections.clear()
        working.reasons.append("guard_failed")
    with run.step("release"):
        return _released(working)


def _draft(working: _Working) -> NoteDraft:
    run, sources = working.run, working.lines.sources
    if run.deadline_left_s <= 0:
        raise BackboneTimeout("No time was left for the language model.")
    parts = "\n".join(f'<part id="{source.id}" path="{source.label}">{source.text}</part>' for source in sources)
    # A model thinks for seconds: the database connection goes back first.
    hand_back_connection()
    working.answer = gateway.ask(
        task="note_summary",
        messages=[
            ("system", _system_prompt()),
            ("user", f"<task>note_summary</task>\n<record>\n{parts}\n</record>"),
        ],
        schema=note_json_schema([source.id for source in sources]),
        schema_name="note_summary",
        tier="heavy" if run.job.tier == "heavy" else "light",
        deadline_s=run.deadline_left_s,
        abort=run.abort,
        max_tokens=SUMMARY_TOKENS,
        trace_id=run.job.trace_id or str(run.job.id),
        clinic=run.job.clinic,
        kind=run.job.kind,
        lane=run.job.lane,
        subject=str(run.job.id),
        person=run.job.submitted_by,
    )
    try:
        return NoteDraft.model_validate(working.answer.data)
    except ValidationError:
        raise BadModelOutput from None


@cache
def _system_prompt() -> str:
    return (_PROMPTS / "note_summary.v1.md").read_text(encoding="utf-8")


def _in_order(draft: NoteDraft) -> list[DraftSection]:
    """One section a name, in the order of a note; a name given twice is put together."""
    return [
        DraftSection(name=name, sentences=sentences)
        for name in SECTIONS
        if (
            sentences := tuple(item for section in draft.sections if section.name == name for item in section.sentences)
        )
    ]


def _check(working: _Working, section: DraftSection) -> None:
    """Verifies and guards one section as the assessment's claims are, and tells it when something is left of it."""
    facts = tuple(claim.model_copy(update={"kind": "patient_fact"}) for claim in section.sentences)
    verified = safety.verify_draft(
        draft=Draft(triage_level="routine", summary=facts), sources=working.lines.sources, audience="clinician"
    )
    guarded = safety.guard_draft(
        verified=verified,
        record_text="\n".join(source.text for source in working.lines.sources),
        audience=working.judged_as,
    )
    sentences = tuple(_sentence(working.lines, claim) for claim in guarded.summary if _is_a_line(working.lines, claim))
    working.removed += len(section.sentences) - len(sentences)
    if sentences:
        done = Section(name=section.name, sentences=sentences)
        working.sections.append(done)
        job = working.run.job
        progress.publish_sealed(job.clinic, job.id, "section", {"attempt": job.attempt, **done.model_dump(mode="json")})


def _is_a_line(lines: Lines, claim: VerifiedClaim) -> bool:
    """Whether the sentence is, word for word, a whole line that it cites: half of a line may leave out its denial,
    whose mother it was, or that a medicine was stopped."""
    by_id = lines.by_id
    return any(
        _bare(claim.text) == _bare(by_id[cite.source].source.text) and not by_id[cite.source].screened
        for cite in claim.cites
    )


def _bare(text: str) -> str:
    return " ".join(text.split()).rstrip(" .!?;,").casefold()


def _sentence(lines: Lines, claim: VerifiedClaim) -> Sentence:
    by_id = lines.by_id
    return Sentence(
        text=lines.hidden.restore(claim.text),
        source=tuple(_place(lines, by_id[cite.source], cite.quote) for cite in claim.cites),
    )


def _place(lines: Lines, line: Line, quote: str) -> Place:
    """The quote's place in the note itself; the whole line where a hidden span keeps the words from being found."""
    words = lines.hidden.restore(quote)
    at = lines.text.find(words, line.start, line.end)
    start, end = (at, at + len(words)) if at >= 0 else (line.start, line.end)
    return Place(start=start, end=end, quote=lines.text[start:end])


def _released(working: _Working) -> NoteSummary:
    run, answer = working.run, working.answer
    status: Status = "released"
    if working.reasons:
        status = "withheld" if "guard_failed" in working.reasons else "abstained"
    sections = tuple(working.sections) if status == "released" else ()
    return NoteSummary(
        status=status,
        status_reasons=tuple(working.reasons),
        sections=sections,
        layout=working.content.layout,
        omissions=omissions_of(working.lines, sections),
        removed=working.removed,
        disclaimers=safety.disclaimers(
            locale=working.content.locale,
            audience="clinician",
            language_model=bool(answer and answer.language_model),
        ),
        provenance=NoteProvenance(
            backbone=answer.backbone if answer else None,
            model=answer.model if answer else None,
            adapter=answer.adapter if answer else None,
            language_model=bool(answer and answer.language_model),
            prompt_version=PROMPT_VERSION,
            guard_version=safety.GUARD_VERSION,
            prompt_tokens=answer.prompt_tokens if answer else 0,
            completion_tokens=answer.completion_tokens if answer else 0,
            timings_ms=dict(run.timings_ms),
            job_id=str(run.job.id),
            created_at=datetime.now(UTC),
        ),
    )
