"""The released `Assessment`: what survived verification and the guard, plus what rules and authored text add."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from apps.cases.pipeline import prompting
from apps.cases.pipeline.disagreement import conflicts_of
from apps.cases.pipeline.record import headline_of, parts_of, record_text
from apps.documents.schemas import DocumentBrief
from apps.safety import services as safety
from apps.safety.schemas import GuardedDraft, ModelVersion, VerifiedCondition
from apps.safety.selectors import probability
from medassist.clinical.assessment import (
    Agreement,
    Assessment,
    Claim,
    Differential,
    Grounding,
    Omission,
    Provenance,
    RedFlag,
    SafetyReport,
    Status,
    Summary,
    Triage,
)
from medassist.clinical.citing import Citations
from medassist.clinical.coding import icd10_for
from medassist.clinical.draft import Band
from medassist.clinical.triage import SEVERITY, highest

if TYPE_CHECKING:
    from apps.cases.pipeline.assessing import Working

FEWEST_GUIDELINE_CLAIMS = 2
ABSTAINING = {
    "weak_retrieval", "retrieval_unavailable", "backbone_output_unusable", "guard_removed_too_much",
    "too_few_verified_claims", "backbone_rejected", "prompt_too_long", "unsupported_language", "contradictory_input",
    "image_or_signal", "key_facts_missing",
}  # fmt: skip


def _citations(working: Working) -> Citations:
    own = [part for part in working.parts if part.passage_id]
    return Citations(
        sources=working.sources,
        passages={source.id: hit.passage for source, hit in zip(working.passages, working.hits, strict=True)},
        documents={source.id: hit.passage for source, hit in zip(own, working.document_hits, strict=True)},
        original={part.label: part.text for part in parts_of(working.content.case)},
        restore=working.hidden.restore if working.hidden else str,
    )


def release(working: Working) -> Assessment:
    """Never an empty page: without a usable draft, triage, red flags, missing information and escalation remain."""
    case, floor = working.content.case, working.content.floor
    draft = working.guarded
    reasons = list(dict.fromkeys(working.reasons))
    if draft is not None and not reasons and _guideline_claims(draft) < FEWEST_GUIDELINE_CLAIMS:
        reasons.append("too_few_verified_claims")
    reasons += [code for code in working.abstention.limits if code not in reasons]
    status: Status = "released"
    if draft is None and "guard_failed" in reasons:
        status = "withheld"
    elif draft is None or ABSTAINING & set(reasons):
        status = "abstained"
    book = _citations(working)
    shown = draft if status == "released" else None
    summary = book.claims(draft.summary) if draft is not None and "guard_removed_too_much" not in reasons else ()
    differential = tuple(_condition(working, book, item) for item in shown.differential) if shown else ()
    model_flags = book.claims(shown.red_flags) if shown else ()
    model_level = shown.triage_level if shown else floor.level
    level = highest(floor.level, model_level)
    raised = SEVERITY[level] > SEVERITY[floor.level]
    return Assessment(
        status=status,
        status_reasons=tuple(reasons),
        audience=case.audience,
        locale=case.locale,
        triage=Triage(
            level=level, floor=floor.level, rules=floor.rules, switched_off=floor.switched_off, news2=floor.news2,
            raised_by="model" if raised else "rules",
            reason=book.restore(shown.triage_reason) if shown and raised else "",
        ),
        summary=Summary(headline=headline_of(case), claims=summary, record_refs=_record_refs(working)),
        differential=differential,
        red_flags=tuple(_red_flags(working, model_flags)),
        missing_information=_missing(working, draft, book.restore),
        omissions=tuple(_omissions(working, book, differential)),
        escalation=safety.escalation(
            level=level,
            locale=case.locale,
            emergency_number=working.clinic.emergency_number,
            audience=case.audience,
        ),
        disclaimers=safety.disclaimers(
            locale=case.locale, audience=case.audience, language_model=_language_model(working)
        ),
        evidence=book.evidence,
        conflicts=conflicts_of(
            working.hits, evidence=book.evidence, record_text=record_text(working.parts),
            audience=working.judged_as,
        ) if shown else (),
        grounding=_grounding(working),
        safety=SafetyReport(
            removed_sentences=working.guarded.removed_sentences if working.guarded else 0,
            codes=working.guarded.codes if working.guarded else (),
            regenerated=working.regenerated,
            withheld_quotes=working.guarded.withheld_quotes if working.guarded else 0,
            injection_spans=working.injection_spans,
        ),
        provenance=_provenance(working),
    )  # fmt: skip


def _guideline_claims(draft: GuardedDraft) -> int:
    return sum(
        claim.kind == "guideline" and claim.verification == "verified"
        for item in draft.differential
        for claim in (*item.claims_for, *item.claims_against)
    )


def _condition(working: Working, book: Citations, item: VerifiedCondition) -> Differential:
    samples = working.samples
    found = Differential(
        condition=book.restore(item.condition), icd10=icd10_for(item.condition), band=_band(working, item), probability=None,
        probability_withheld="not_calibrated", claims_for=book.claims(item.claims_for),
        claims_against=book.claims(item.claims_against), claims_missing=tuple(map(book.restore, item.claims_missing)),
        agreement=Agreement(named=safety.agreement(item.condition, samples), samples=len(samples)) if samples else None,
    )  # fmt: skip
    last = working.answers[-1]
    version = ModelVersion(
        backbone=last.backbone, model=last.model, adapter=last.adapter or "", prompt=prompting.PROMPT_VERSION
    )
    likely = probability(version=version, item=found)
    if likely is None:
        return found
    return found.model_copy(update={"probability": likely, "probability_withheld": None})


def _band(working: Working, item: VerifiedCondition) -> Band:
    """Without an age nothing is called likely."""
    return "possible" if item.band == "likely" and "missing_age" in working.abstention.limits else item.band


def _red_flags(working: Working, model_flags: tuple[Claim, ...]) -> Iterator[RedFlag]:
    for rule in working.content.floor.rules:
        yield RedFlag(
            id=rule.id, name=rule.name, level=rule.level, origin="rule", source=rule.source,
            signed_off=rule.is_signed_off, evidence=rule.evidence,
        )  # fmt: skip
    for index, claim in enumerate(model_flags, start=1):
        yield RedFlag(id=f"m{index}", name=claim.text, origin="model", claim=claim)


def _record_refs(working: Working) -> tuple[str, ...]:
    case = working.content.case
    return tuple(name for name in ("medications", "allergies") if getattr(case, name))


def _missing(working: Working, draft: GuardedDraft | None, restore: Callable[[str], str]) -> tuple[str, ...]:
    news2 = working.content.floor.news2
    found = list(working.abstention.notes)
    found += [restore(item) for item in draft.missing_information] if draft else []
    if news2.missing and news2.applicable:
        names = ", ".join(name.replace("_", " ") for name in news2.missing)
        found.append(f"Not measured for the early warning score: {names}.")
    found += [_not_read(document) for document in working.content.documents if not document.readable]
    return tuple(dict.fromkeys(found))


def _not_read(document: DocumentBrief) -> str:
    state = "is still being read" if document.pending else "could not be read"
    return f"The document “{document.title}” {state}: nothing of it was considered."


def _omissions(working: Working, book: Citations, differential: tuple[Differential, ...]) -> Iterator[Omission]:
    for finding in safety.abnormal_findings(working.content.case):
        if finding.ref not in book.cited_parts:
            yield Omission(kind="abnormal_value", item=finding.text, ref=finding.ref)
    named = [_plain(item.condition) for item in differential]
    said = _plain(" ".join(_all_said(working)))
    for rule in working.content.floor.rules:
        if not rule.conditions and rule.evidence and not any(_plain(words) in said for words in rule.evidence):
            yield Omission(kind="red_flag", item=rule.name, ref=rule.id)
        if rule.conditions and not any(_same(_plain(name), other) for name in rule.conditions for other in named):
            yield Omission(kind="cannot_miss", item=" / ".join(rule.conditions), ref=rule.id)


def _all_said(working: Working) -> Iterator[str]:
    """Every released claim with its quotes: what a red flag without a condition of its own may be addressed by."""
    draft = working.guarded
    if draft is None or working.hidden is None:
        return
    of_conditions = (claim for item in draft.differential for claim in (*item.claims_for, *item.claims_against))
    for claim in (*draft.summary, *draft.red_flags, *of_conditions):
        yield working.hidden.restore(" ".join((claim.text, *(cite.quote for cite in claim.cites))))


def _plain(name: str) -> str:
    return " ".join(name.lower().split())


def _same(one: str, other: str) -> bool:
    return one in other or other in one


def _grounding(working: Working) -> Grounding:
    verified = working.verified
    if verified is None:
        return Grounding(claims=0, supported=0, removed=0)
    return Grounding(
        claims=verified.grounding.claims, supported=verified.grounding.supported, removed=verified.grounding.removed,
        quotes_matched=verified.grounding.quotes_matched,
    )  # fmt: skip


def _language_model(working: Working) -> bool:
    return any(answer.language_model for answer in working.answers)


def _provenance(working: Working) -> Provenance:
    last = working.answers[-1] if working.answers else None
    return Provenance(
        backbone=last.backbone if last else None,
        model=last.model if last else None,
        adapter=last.adapter if last else None,
        language_model=_language_model(working),
        prompt_version=prompting.PROMPT_VERSION,
        index_snapshot=working.retrieval.snapshot if working.retrieval else None,
        embedder=working.retrieval.embedder if working.retrieval else None,
        rule_set_version=working.content.floor.rule_set_version,
        guard_version=safety.GUARD_VERSION,
        prompt_tokens=sum(answer.prompt_tokens for answer in working.answers),
        completion_tokens=sum(answer.completion_tokens for answer in working.answers),
        timings_ms=dict(working.run.timings_ms),
        job_id=str(working.run.job.id),
        created_at=datetime.now(UTC),
    )
