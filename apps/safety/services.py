"""The safety room's front desk: one function per thing that other rooms may ask of it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.safety import selectors
from apps.safety.models import Calibration, ClinicPolicy, SafetyEvent, SuiteRun
from apps.safety.models import RuleDecision as RuleRow
from apps.safety.pipeline import checking as _checking
from apps.safety.pipeline.bars import lowered, words_of
from apps.safety.pipeline.canaries import Canary, canary
from apps.safety.pipeline.suites import SuiteResult, as_json, from_json
from apps.safety.rules import abnormal as _abnormal
from apps.safety.rules import abstention as _abstention
from apps.safety.rules import authored as _authored
from apps.safety.rules import conflicts as _conflicts
from apps.safety.rules import deidentify as _deidentify
from apps.safety.rules import grounding as _grounding
from apps.safety.rules import guard_draft as _guard_draft
from apps.safety.rules import screen as _screen
from apps.safety.rules import triage as _triage
from apps.safety.rules import uncertainty as _uncertainty
from apps.safety.rules.grounding_text import sentence_spans
from apps.safety.rules.guard import GUARD_VERSION, check_text
from apps.safety.rules.guard.abstract import skeleton
from apps.safety.rules.guard_views import clean
from apps.safety.rules.patient_text import MEDICINES as ABOUT_MEDICINES
from apps.safety.rules.patient_text import MOST_CHARS as MOST_PATIENT_CHARS
from apps.safety.rules.patient_text import check_for_patient, plain_words
from apps.safety.rules.readings import labs_as_written
from apps.safety.rules.readings import readings as read_measures
from apps.safety.rules.triage import RULE_SET_VERSION
from apps.safety.rules.uncertainty import same_condition
from apps.safety.schemas import (
    AbnormalFinding,
    Abstention,
    Answer,
    CalibrationReport,
    Conflict,
    Deidentified,
    Event,
    GuardedDraft,
    ModelVersion,
    Pair,
    Screened,
    Statement,
    Trial,
    VerifiedDraft,
)
from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.clinical.assessment import Escalation
from medassist.clinical.case import Age, Audience, CaseInput, Vitals
from medassist.clinical.draft import Draft, Source
from medassist.clinical.triage import FiredRule, RuleDecision, TriageFloor, TriageLevel
from medassist.common.errors import ActivationRefused, InvalidInput, StateConflict
from medassist.jobs import progress
from medassist.llm.schemas import Activation
from medassist.tenancy.context import public_context

__all__ = [
    "ABOUT_MEDICINES",
    "GUARD_VERSION",
    "MOST_PATIENT_CHARS",
    "RULE_SET_VERSION",
    "Canary",
    "SuiteResult",
    "abnormal_findings",
    "abstention",
    "agreement",
    "calibrate",
    "canary",
    "check_for_patient",
    "check_text",
    "deidentify",
    "disclaimers",
    "escalation",
    "find_conflicts",
    "forget_old_events",
    "guard_draft",
    "judged_as",
    "may_quote",
    "measured_in",
    "names_medicine",
    "plain_words",
    "record_events",
    "refuse_lowered",
    "require_allowed",
    "same_condition",
    "screen_text",
    "second_look",
    "sentence_spans",
    "store_policy",
    "store_suite_run",
    "triage_floor",
    "trials",
    "verify_draft",
]

logger = logging.getLogger(__name__)
REASON_CHARS = 1000

trials: list[Callable[[str, str, Sequence[dict[str, Any]]], Trial]] = []
"""How the room above sends cases of a clinic (schema name, adapter, lines of vignettes) through its pipeline; it adds its own
when it starts."""


def deidentify(case: CaseInput, also: Sequence[str] = ()) -> Deidentified:
    """The case, and texts that belong to it, without direct identifiers, and what each placeholder stands for."""
    return _deidentify.deidentify(case, also)


def abstention(case: CaseInput) -> Abstention:
    """What the record lacks, contradicts or asks that keeps an answer back or limits it; milliseconds, no model."""
    return _abstention.abstention(case)


def screen_text(text: str) -> Screened:
    """The text without instruction-like spans, safe to be put into a prompt as data."""
    return _screen.screen_text(text)


def names_medicine(text: str) -> bool:
    """Whether a medicine, a vaccine or a class of medicines is named, whatever is said of it."""
    return any(mention.kind in "NC" for mention in skeleton(clean(text).text).mentions.values())


def measured_in(case: CaseInput) -> tuple[Vitals, Age | None, tuple[tuple[str, float, str], ...]]:
    """What the free text of a case measures: vital signs (the graver of several), the patient's age, and results as
    (test, value, unit as written). For a form that a clinician confirms."""
    found = read_measures(case)
    labs = [one for text in (case.history, case.examination) for one in labs_as_written(text)]
    return found.vitals, found.age, tuple(dict.fromkeys(labs))


def verify_draft(*, draft: Draft, sources: Sequence[Source], audience: Audience) -> VerifiedDraft:
    """The draft with only those claims that their sources support."""
    return _grounding.verify_draft(draft=draft, sources=sources, audience=audience)


def second_look(
    *, verified: VerifiedDraft, sources: Sequence[Source], audience: Audience, ask: Callable[..., Answer]
) -> VerifiedDraft:
    """The draft as the optional model checker leaves it (`CLAIM_CHECKER`); unchanged while it is off.

    `ask` is `gateway.ask` for the job at hand. Any failure of the checker marks or removes, never confirms.
    """
    checker: _checking.Checker = _checking.NoChecker()
    if settings.CLAIM_CHECKER == "backbone":
        checker = _checking.BackboneChecker(ask)
    return _checking.second_look(draft=verified, sources=sources, audience=audience, checker=checker)


def guard_draft(*, verified: VerifiedDraft, record_text: str, audience: Audience) -> GuardedDraft:
    """The draft without what prescribes; raises `AnswerWithheld` when the guard itself fails."""
    return _guard_draft.guard_draft(verified=verified, record_text=record_text, audience=audience)


def find_conflicts(statements: Sequence[Statement]) -> tuple[Conflict, ...]:
    """Statements of different guidelines that contradict each other about the same thing."""
    return _conflicts.find_conflicts(statements)


def may_quote(
    *, quote: str, kind: Literal["record", "guideline"], record_text: str, audience: Audience
) -> bool:  # fmt: skip
    """Whether a source's own words may be shown: they name no dose and give no order."""
    return _guard_draft.may_quote(quote, kind=kind, record_text=record_text, audience=audience)


def triage_floor(case: CaseInput, *, decisions: Sequence[RuleDecision] = ()) -> TriageFloor:
    """The level that the rules alone give, with every rule that fired and NEWS2; milliseconds, no model.

    `decisions` are those of the clinic (`selectors.rule_decisions`).
    """
    floor = _triage.triage_floor(case, decisions=decisions)
    return floor.model_copy(
        update={"rules": _shown(floor.rules), "switched_off": _shown(floor.switched_off)},
    )


def _shown(rules: Sequence[FiredRule]) -> tuple[FiredRule, ...]:
    return tuple(
        rule.model_copy(update={"evidence": tuple(words for words in rule.evidence if _may_show(words))})
        for rule in rules
    )


@lru_cache(maxsize=4096)
def _may_show(evidence: str) -> bool:
    """Whether a rule may show these words of the record beside its name: a medicine's name may, an amount or an order may
    not, since whoever wrote into the record would prescribe by way of the rule."""
    try:
        return set(check_text(evidence, record=evidence).codes) <= {"B3"}
    except Exception:  # noqa: BLE001 - the rule fires whatever becomes of its words
        return False


def escalation(
    *, level: TriageLevel, locale: str, emergency_number: str, audience: Audience = "clinician"
) -> Escalation:
    """Authored advice for a triage level, with the clinic's emergency number."""
    return _authored.escalation(level=level, locale=locale, emergency_number=emergency_number, audience=audience)


def disclaimers(*, locale: str, audience: Audience, language_model: bool) -> tuple[str, ...]:
    """What an answer says about itself; names the extractive engine where no language model wrote the draft."""
    return _authored.disclaimers(locale=locale, audience=audience, language_model=language_model)


def agreement(condition: str, samples: Sequence[Sequence[str]]) -> int:
    """In how many of the samples (condition names of a draft) the condition is named."""
    return _uncertainty.agreement(condition, samples)


def abnormal_findings(case: CaseInput) -> tuple[AbnormalFinding, ...]:
    """Vital signs and laboratory values outside their limits, by their path in the case."""
    return _abnormal.abnormal_findings(case)


def calibrate(*, actor: Actor, version: ModelVersion, pairs: Sequence[Pair], keep: bool = True) -> CalibrationReport:
    """Fits a version's map on adjudicated cases and, with `keep`, makes it the one that counts.

    Raises `InvalidInput` for too few pairs, for outcomes that are all alike, and for a map that does worse on
    held-out cases than the scores themselves.
    """
    if len(pairs) < _uncertainty.FEWEST_PAIRS:
        raise InvalidInput(fields={"pairs": f"{len(pairs)}; at least {_uncertainty.FEWEST_PAIRS} are needed"})
    if len({pair.correct for pair in pairs}) < 2:
        raise InvalidInput(fields={"pairs": "every outcome is the same: nothing can be learnt from them"})
    report = _uncertainty.report(pairs)
    if report.brier > report.brier_raw:
        raise InvalidInput(fields={"pairs": "the map does worse on held-out cases than the scores themselves"})
    if keep:
        source = json.dumps([pair.model_dump() for pair in pairs], sort_keys=True)
        with public_context(), transaction.atomic():
            require(actor, Permission.CLINIC_MANAGE)
            row = Calibration.objects.create(
                **version.model_dump(), created_by=actor.label or actor.id, report=report.model_dump(mode="json"),
                source_hash=hashlib.sha256(source.encode()).hexdigest(),
            )  # fmt: skip
            record(
                actor=actor, action="calibration.store", object_type="calibration", object_id=str(row.pk),
                detail={"backbone": version.backbone, "model": version.model, "pairs": len(pairs)},
            )  # fmt: skip
        selectors.forget_calibrations()
    return report


def switch_calibration(*, actor: Actor, calibration_id: int, active: bool) -> None:
    """Lets a map count or not; a version without one shows no numbers."""
    with public_context(), transaction.atomic():
        require(actor, Permission.CLINIC_MANAGE)
        Calibration.objects.filter(pk=calibration_id).update(active=active)
        record(
            actor=actor, action="calibration.switch", object_type="calibration", object_id=str(calibration_id),
            detail={"active": active},
        )  # fmt: skip
    selectors.forget_calibrations()


# --- the safety suite and the release gate ---------------------------------------------------------------------------


def store_suite_run(
    *, actor: Actor, result: SuiteResult, floors_broken: Sequence[str], trial: Trial | None = None
) -> int:
    """Keeps a run, with the versions that it speaks of; returns its id."""
    with public_context(), transaction.atomic():
        require(actor, Permission.CLINIC_MANAGE)
        row = SuiteRun.objects.create(
            created_by=actor.label or actor.id,
            backbone=trial.backbone if trial else "", model=trial.model if trial else "",
            adapter=trial.adapter if trial else "", prompt=trial.prompt if trial else "",
            index=trial.index if trial else "", guard=GUARD_VERSION, rules=RULE_SET_VERSION, sets=dict(result.sets),
            figures={name: as_json(figure) for name, figure in result.figures.items()}, lowered=list(floors_broken),
        )  # fmt: skip
        record(
            actor=actor, action="suite.store", object_type="suite_run", object_id=str(row.pk),
            detail={"backbone": row.backbone, "model": row.model, "adapter": row.adapter, "lowered": len(floors_broken)},
        )  # fmt: skip
    return row.pk


def refuse_lowered(activation: Activation) -> None:
    """The release gate: raises `ActivationRefused` unless a stored run of the version is not worse than that of the version
    in use. The first version of all, when calls meet nobody yet, is let through."""
    if activation.instead_of is None:
        return
    run = selectors.newest_run(activation.version)
    if run is None:
        raise ActivationRefused(
            f"No run of the safety suite is stored for {activation.version}. Run: manage.py run_safety_suite "
            f"--backbone {activation.version.backbone}"
            + (f" --adapter {activation.version.adapter}" if activation.version.adapter else "")
            + " --store"
        )
    if run.lowered:
        raise ActivationRefused(
            f"{activation.version} is under the floor on record: {'; '.join(map(words_of, run.lowered))}."
        )
    before = selectors.newest_run(activation.instead_of)
    found = tuple(lowered(from_json(run.figures), from_json(before.figures) if before else {}))
    if found:
        raise ActivationRefused(
            f"{activation.version} lowers a bar against {activation.instead_of}: {'; '.join(map(words_of, found))}."
        )


# --- safety events ---------------------------------------------------------------------------------------------------


def record_events(
    *, events: Sequence[Event], object_type: str, object_id: str, job_id: UUID | None, answer: str, versions: dict[str, str]
) -> None:  # fmt: skip
    """Writes what the checks did to an answer, in the caller's transaction; `answer` is hashed and not kept.

    Events older than SAFETY_EVENTS_KEEP_DAYS go at the same time.
    """
    if not events:
        return
    digest = hashlib.sha256(answer.encode()).hexdigest()
    SafetyEvent.objects.bulk_create(
        SafetyEvent(
            code=event.code, rules=" ".join(event.rules)[:120], count=event.count, object_type=object_type,
            object_id=object_id, job_id=job_id, answer_hash=digest, versions=versions,
        )
        for event in events
    )  # fmt: skip
    forget_old_events()
    transaction.on_commit(lambda: _tell_totals(events))


def forget_old_events() -> int:
    """Housekeeping of one clinic: events older than SAFETY_EVENTS_KEEP_DAYS go."""
    before = timezone.now() - timedelta(days=settings.SAFETY_EVENTS_KEEP_DAYS)
    return SafetyEvent.objects.filter(at__lt=before).delete()[0]


def _tell_totals(events: Sequence[Event]) -> None:
    # Best effort: the rows are the record, the totals only raise an alarm.
    try:
        with progress.client().pipeline(transaction=False) as pipe:
            for event in events:
                pipe.hincrby(selectors.EVENT_TOTALS, event.code, event.count)
            pipe.execute()
    except redis.RedisError as error:
        logger.warning("The totals of safety events could not be told", extra={"code": type(error).__name__})


# --- what a clinic decides about triage rules -------------------------------------------------------------------------


def decide_rule(*, actor: Actor, rule_id: str, version: str, state: str, reason: str) -> None:
    """Keeps a clinician's decision about a rule as they saw it; audited, from the next case on.

    Raises `NotFound` for an unknown rule, `StateConflict` when the rule is another version than the one that was shown,
    `InvalidInput` for a state that is none, a missing reason, or a hard rule that is to be switched off.
    """
    require(actor, Permission.RULE_DECIDE)
    seen = selectors.rule(rule_id)
    if version != seen.version:
        raise StateConflict("The rule has changed since it was shown: read it again before you decide")
    refused = {}
    if state not in RuleRow.States.values:
        refused["state"] = f"one of {', '.join(RuleRow.States.values)}"
    if state == RuleRow.States.SWITCHED_OFF and seen.hard:
        refused["state"] = "this rule may not be switched off"
    if state == RuleRow.States.WITHDRAWN and seen.decision is None:
        refused["state"] = "there is no decision to withdraw"
    if state != RuleRow.States.SIGNED_OFF and not reason.strip():
        refused["reason"] = "a reason is needed"
    if len(reason) > REASON_CHARS:
        refused["reason"] = f"at most {REASON_CHARS} characters"
    if refused:
        raise InvalidInput(fields=refused)
    with transaction.atomic():
        RuleRow.objects.create(
            rule=rule_id, version=version, state=state, by=actor.label or actor.id, reason=reason.strip()
        )  # fmt: skip
        record(
            actor=actor, action="rule.decide", object_type="triage_rule", object_id=rule_id,
            detail={"state": state, "version": version, "rule_set": RULE_SET_VERSION},
        )  # fmt: skip


# --- what a clinic tightens ------------------------------------------------------------------------------------------


def judged_as(audience: Audience) -> Audience:
    """For whom the guard judges in this clinic: never more than the audience may read."""
    return "patient" if selectors.policy().strict_medicines else audience


def require_allowed(case: CaseInput) -> None:
    """Raises `InvalidInput` for a case that the clinic's policy does not take."""
    policy = selectors.policy()
    refused = {}
    if case.audience == "patient" and not policy.patient_audience:
        refused["audience"] = "this clinic has switched off answers for patients"
    if policy.locales and case.locale not in policy.locales:
        refused["locale"] = f"this clinic takes {', '.join(policy.locales)}"
    if refused:
        raise InvalidInput(fields=refused)


def store_policy(*, actor: Actor, row: ClinicPolicy) -> None:
    """Keeps what a clinic tightens, from the next answer on; audited with its values."""
    require(actor, Permission.PROTOCOL_MANAGE)
    with transaction.atomic():
        row.pk = 1
        row.save()
        record(
            actor=actor, action="safety_policy.store", object_type="safety_policy", object_id="1",
            detail={
                "strict_medicines": row.strict_medicines, "patient_audience": row.patient_audience, "locales": row.locales,
            },
        )  # fmt: skip
