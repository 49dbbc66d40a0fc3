"""Reads of this room."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, date, timedelta

import redis
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from apps.safety.models import Calibration, ClinicPolicy, RuleDecision, SafetyEvent, SuiteRun
from apps.safety.rules import triage, uncertainty
from apps.safety.schemas import Block, CalibrationReport, DecisionView, ModelVersion, Policy, RuleView
from medassist.clinical.assessment import Differential, Interval
from medassist.clinical.triage import RuleDecision as Decision
from medassist.common.errors import NotFound
from medassist.jobs import progress
from medassist.llm.schemas import Served
from medassist.tenancy.context import public_context

logger = logging.getLogger(__name__)

KEEP_S = 30.0
EVENT_TOTALS = "safety:events"
"""Redis: how many of each code there were, over all clinics, for /metrics."""
_kept: dict[ModelVersion, tuple[float, tuple[Block, ...]]] = {}
_lock = threading.Lock()


def probability(*, version: ModelVersion, item: Differential) -> Interval | None:
    """How often a condition with this score was the diagnosis; None while the version has no calibration."""
    blocks = _blocks(version)
    return uncertainty.interval(blocks, uncertainty.score_of(item)) if blocks else None


def calibrations() -> Sequence[tuple[Calibration, CalibrationReport]]:
    """All of them, newest first."""
    return [(row, CalibrationReport.model_validate(row.report)) for row in Calibration.objects.all()]


def forget_calibrations() -> None:
    """This process asks anew; others do within KEEP_S."""
    with _lock:
        _kept.clear()


def _blocks(version: ModelVersion) -> tuple[Block, ...]:
    now = time.monotonic()
    with _lock:
        at, blocks = _kept.get(version, (0.0, ()))
        if now - at < KEEP_S:
            return blocks
    row = Calibration.objects.filter(
        backbone=version.backbone, model=version.model, adapter=version.adapter, prompt=version.prompt, active=True
    ).first()
    blocks = CalibrationReport.model_validate(row.report).blocks if row else ()
    with _lock:
        _kept[version] = (now, blocks)
    return blocks


def newest_run(version: Served) -> SuiteRun | None:
    """The newest stored run of the suite in which this version was asked."""
    with public_context():
        return SuiteRun.objects.filter(
            backbone=version.backbone, model=version.model, adapter=version.adapter
        ).first()  # fmt: skip


def run_before(run: SuiteRun) -> SuiteRun | None:
    """The one before it of the same kind: with a model, or without."""
    earlier = SuiteRun.objects.filter(pk__lt=run.pk)
    return (earlier.exclude(backbone="") if run.backbone else earlier.filter(backbone="")).order_by("-pk").first()


def rule_decisions() -> tuple[Decision, ...]:
    """What counts in the current clinic: of every rule that was decided upon, the newest decision not withdrawn."""
    newest = RuleDecision.objects.order_by("rule", "-id").distinct("rule")
    return tuple(
        Decision.model_validate(
            {
                "rule": row.rule,
                "version": row.version,
                "state": row.state,
                "by": row.by,
                "on": row.at.date(),
                "reason": row.reason,
            }
        )
        for row in newest
        if row.state != RuleDecision.States.WITHDRAWN
    )


def rules() -> tuple[RuleView, ...]:
    """Every triage rule with its standing in the current clinic, in the order of the file."""
    held = {decision.rule: decision for decision in rule_decisions()}
    return tuple(_view(rule, held.get(rule.id)) for rule in triage.rule_set())


def rule(rule_id: str) -> RuleView:
    """One rule with its history, newest first; raises `NotFound`."""
    found = next((rule for rule in triage.rule_set() if rule.id == rule_id), None)
    if found is None:
        raise NotFound("There is no such rule")
    held = {decision.rule: decision for decision in rule_decisions()}
    history = tuple(
        DecisionView(
            at=row.at, state=row.state, by=row.by, reason=row.reason, of_this_version=row.version == found.version
        )
        for row in RuleDecision.objects.filter(rule=rule_id)
    )
    return _view(found, held.get(rule_id)).model_copy(update={"history": history, "words": triage.words_of(found)})


def _view(rule: triage.Rule, decision: Decision | None) -> RuleView:
    standing = triage.standing(rule, decision)
    return RuleView(
        id=rule.id, name=rule.name, version=rule.version, triggers=rule.triggers, source=rule.source, hard=rule.hard,
        conditions=rule.conditions, signed_off=rule.signed_off, decision=standing,
        state=standing.state if standing else "undecided",
    )  # fmt: skip


def policy() -> Policy:
    """What the current clinic tightened."""
    row = ClinicPolicy.objects.first()
    if row is None:
        return Policy()
    return Policy(
        strict_medicines=row.strict_medicines, patient_audience=row.patient_audience, locales=tuple(row.locales.split())
    )  # fmt: skip


def counts_by_code(rows: QuerySet[SafetyEvent]) -> list[tuple[str, int, int]]:
    """Code, answers with it, and how often in all; the most frequent first."""
    found = rows.order_by().values("code").annotate(total=Sum("count"), answers=Count("pk")).order_by("-total", "code")
    return [(item["code"], item["answers"], item["total"]) for item in found]


def event_totals() -> dict[str, int]:
    """How many of each code since Redis was set up, over all clinics; empty while Redis is away."""
    try:
        found = progress.client().hgetall(EVENT_TOTALS)
    except redis.RedisError as error:
        logger.warning("The totals of safety events could not be read", extra={"code": type(error).__name__})
        return {}
    return {_text(code): int(_text(count)) for code, count in dict(found).items()}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def events_by_day(days: int) -> list[tuple[date, int]]:
    """Safety events of the clinic that one is in, a UTC day each, for its administrators' overview."""
    since = timezone.now() - timedelta(days=days)
    rows = SafetyEvent.objects.filter(at__gte=since).annotate(day=TruncDate("at", tzinfo=UTC)).values("day")
    return [(row["day"], row["many"]) for row in rows.annotate(many=Sum("count")).order_by("day")]
