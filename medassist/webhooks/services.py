"""Webhooks: who is told, what is told, and each try. Told in the transaction of what happened; sent by a worker."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from medassist.accounts.access import Actor, Permission, require, system_actor
from medassist.audit.services import record
from medassist.common import outside
from medassist.common.database import hand_back_connection
from medassist.common.errors import (
    DeliveryFailed,
    InvalidInput,
    MedAssistError,
    NotFound,
    ReceiverAway,
    StateConflict,
    TooManyRequests,
    WebhookOff,
)
from medassist.jobs import services as jobs
from medassist.jobs.models import Job
from medassist.jobs.runner import Run
from medassist.tenancy.context import clinic_context, current_schema, public_context
from medassist.tenancy.schemas import PUBLIC_SCHEMA
from medassist.webhooks import catalogue, signing
from medassist.webhooks.catalogue import ANY, EVENTS, JOB_FAILED, TEST, Value
from medassist.webhooks.jobs import BACK_OFF_S, DELIVER
from medassist.webhooks.models import Delivery, Endpoint
from medassist.webhooks.schemas import StoredDelivery, StoredWebhook, WebhookChange, WebhookInput

logger = logging.getLogger(__name__)

MOST_ENDPOINTS = 20
OVERLAP = timedelta(days=1)
GIVE_UP_AFTER = timedelta(days=5)
"""An address that has taken nothing for so long is switched off."""
KEEP = timedelta(days=30)
LONGEST_WAIT_S = 1_800
_TOLD_AT_ONCE = 200
_FORGET_EVERY_S = 3_600
_forgotten = [float("-inf")]
VERSION = "1"


# --- who is told -----------------------------------------------------------------------------------------------------


def add(*, actor: Actor, given: WebhookInput) -> StoredWebhook:
    """A new webhook; its secret is in this answer and nowhere else. Raises `InvalidInput`, `TooManyRequests`."""
    require(actor, Permission.WEBHOOK_MANAGE)
    host = outside.check_url(given.url).hostname or ""
    _check_events(given.events)
    with transaction.atomic():
        if Endpoint.objects.filter(clinic=current_schema()).count() >= MOST_ENDPOINTS:
            raise TooManyRequests(f"A clinic has at most {MOST_ENDPOINTS} webhooks")
        row = Endpoint.objects.create(
            clinic=current_schema(), url=given.url, host=host[:255], description=given.description,
            events=list(dict.fromkeys(given.events)), active=given.active, secret=signing.new_secret(),
        )  # fmt: skip
        _note(actor, "webhook.add", row)
    return _stored(row).model_copy(update={"secret": row.secret})


def change(*, actor: Actor, webhook_id: UUID, given: WebhookChange) -> StoredWebhook:
    """Changes what is given; switching on again clears what was wrong. Raises `InvalidInput`, `NotFound`."""
    require(actor, Permission.WEBHOOK_MANAGE)
    with transaction.atomic():
        row = _endpoint(webhook_id)
        if given.url is not None:
            row.host = (outside.check_url(given.url).hostname or "")[:255]
            row.url = given.url
        if given.events is not None:
            _check_events(given.events)
            row.events = list(dict.fromkeys(given.events))
        if given.description is not None:
            row.description = given.description
        if given.active is not None:
            row.active = given.active
        if given.active or given.url is not None:
            row.failures, row.failing_since, row.retry_at, row.off_reason = 0, None, None, ""
        row.save()
        _note(actor, "webhook.change", row)
    return _stored(row)


def remove(*, actor: Actor, webhook_id: UUID) -> None:
    """Deletes a webhook with its list of deliveries; what was on its way is not sent any more."""
    require(actor, Permission.WEBHOOK_MANAGE)
    with transaction.atomic():
        row = _endpoint(webhook_id)
        _note(actor, "webhook.remove", row)
        row.delete()


def rotate(*, actor: Actor, webhook_id: UUID) -> StoredWebhook:
    """A new secret; for a day each message is signed with both, so that a receiver may change over when it likes."""
    require(actor, Permission.WEBHOOK_MANAGE)
    with transaction.atomic():
        row = _endpoint(webhook_id)
        row.previous_secret, row.previous_until = row.secret, timezone.now() + OVERLAP
        row.secret = signing.new_secret()
        row.save(update_fields=["secret", "previous_secret", "previous_until"])
        _note(actor, "webhook.rotate", row)
    return _stored(row).model_copy(update={"secret": row.secret})


def webhooks(*, actor: Actor) -> tuple[StoredWebhook, ...]:
    require(actor, Permission.WEBHOOK_MANAGE)
    return tuple(_stored(row) for row in Endpoint.objects.filter(clinic=current_schema()))


def webhook(*, actor: Actor, webhook_id: UUID) -> StoredWebhook:
    require(actor, Permission.WEBHOOK_MANAGE)
    row = Endpoint.objects.filter(pk=webhook_id, clinic=current_schema()).first()
    if row is None:
        raise NotFound
    return _stored(row)


def _endpoint(webhook_id: UUID) -> Endpoint:
    row = Endpoint.objects.select_for_update().filter(pk=webhook_id, clinic=current_schema()).first()
    if row is None:
        raise NotFound
    return row


def _check_events(events: Sequence[str]) -> None:
    if wrong := {f"events.{place}": "not an event" for place, name in enumerate(events) if name not in {*EVENTS, ANY}}:
        raise InvalidInput("There are no such events", fields=wrong)


def _note(actor: Actor, action: str, row: Endpoint) -> None:
    record(
        actor=actor, action=action, object_type="webhook", object_id=str(row.pk),
        detail={"host": row.host[:200], "events": ",".join(row.events)[:500], "active": row.active},
    )  # fmt: skip


def _stored(row: Endpoint) -> StoredWebhook:
    overlap = row.previous_until if row.previous_until and row.previous_until > timezone.now() else None
    return StoredWebhook(
        id=row.pk, url=row.url, host=row.host, description=row.description, events=tuple(row.events), active=row.active,
        off_reason=row.off_reason, failing_since=row.failing_since, previous_secret_until=overlap, created_at=row.created_at,
    )  # fmt: skip


# --- what is told ----------------------------------------------------------------------------------------------------


def hear(*, action: str, object_id: str, detail: Mapping[str, Value]) -> None:
    """An entry of the trail was written in this transaction: tells whoever asked for it."""
    wanted = catalogue.BY_ACTION.get(action, ())
    if not wanted or current_schema() == PUBLIC_SCHEMA:
        return
    endpoints = list(_active().only("pk", "clinic", "events"))
    for event in wanted if endpoints else ():
        if any(detail.get(name) != value for name, value in event.only.items()):
            continue
        data = catalogue.data_of(event, object_id, detail)
        _tell(event.name, data, catalogue.link_of(event, data), [row for row in endpoints if _asked(row, event.name)])


def send_test(*, actor: Actor, webhook_id: UUID) -> StoredDelivery:
    """Tells one webhook of nothing, to see whether it listens. Raises `NotFound`."""
    require(actor, Permission.WEBHOOK_MANAGE)
    with transaction.atomic():
        row = _endpoint(webhook_id)
        _note(actor, "webhook.test", row)
        (made,) = _tell(TEST, {"webhook": str(row.pk)}, "", [row])
    return delivery(actor=actor, delivery_id=made)


def _active() -> Any:
    return Endpoint.objects.filter(clinic=current_schema(), active=True)


def _asked(row: Endpoint, event: str) -> bool:
    return ANY in row.events or event in row.events


def _tell(event: str, data: Mapping[str, Value], link: str, rows: Sequence[Endpoint], key: str = "") -> list[UUID]:
    """Writes one delivery and one job for each endpoint; one event has one id wherever it goes."""
    clinic, event_id, made = current_schema(), uuid4(), []
    for row in rows:
        body = {
            "id": str(event_id), "type": event, "version": VERSION, "clinic": clinic,
            "created_at": timezone.now().isoformat(timespec="milliseconds"), "data": dict(data),
            "links": {"self": link} if link else {},
        }  # fmt: skip
        delivery_id = uuid4()
        submitted = jobs.submit(
            kind=DELIVER,
            actor=system_actor(clinic, "webhooks"),
            lane="batch",
            references={"delivery": str(delivery_id)},
        )
        Delivery.objects.create(
            id=delivery_id, clinic=clinic, endpoint=row, event_id=event_id, event_key=key or str(event_id), type=event,
            body=body, job_id=submitted.job_id,
        )  # fmt: skip
        made.append(delivery_id)
    return made


_FAILED = """
SELECT job.id, job.clinic, job.kind, job.reason, job.fence, array_agg(hook.id) FROM jobs_job job
JOIN webhooks_endpoint hook ON hook.clinic = job.clinic AND hook.active AND hook.created_at < job.finished_at
    AND (hook.events ? %(event)s OR hook.events ? '*')
WHERE job.state = 'dead' AND job.finished_at > now() - interval '1 day' AND job.kind <> %(ours)s
    AND NOT EXISTS (SELECT 1 FROM webhooks_delivery made WHERE made.endpoint_id = hook.id
                    AND made.event_key = %(event)s || ':' || job.id || ':' || job.fence)
GROUP BY job.id ORDER BY job.finished_at LIMIT %(most)s
"""


def tell_failed_jobs() -> int:
    """Dead letters that nobody was told of. They end in many ways, a dead worker's among them, so the ledger is asked."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute(_FAILED, {"event": JOB_FAILED, "ours": DELIVER.name, "most": _TOLD_AT_ONCE})
        rows = cursor.fetchall()
    for job_id, clinic, kind, reason, fence, hooks in rows:
        data: dict[str, Value] = {"job": str(job_id), "kind": kind, "reason": reason}
        try:
            with clinic_context(clinic), transaction.atomic():
                found = list(_active().filter(pk__in=hooks))
                link = catalogue.link_of(EVENTS[JOB_FAILED], data)
                _tell(JOB_FAILED, data, link, found, key=f"{JOB_FAILED}:{job_id}:{fence}")
        except MedAssistError as error:
            logger.warning(
                "A dead letter could not be told", extra={"clinic": clinic, "job": job_id, "code": error.code}
            )
    return len(rows)


def housekeep() -> None:
    """For the sweeper: dead letters each time, the old list once an hour."""
    tell_failed_jobs()
    now = time.monotonic()
    if now - _forgotten[0] >= _FORGET_EVERY_S:
        _forgotten[0] = now
        forget_old()


def forget_old() -> int:
    """Deletes deliveries whose end is a month ago; the ledger keeps their jobs as long as any."""
    with public_context():
        return int(Delivery.objects.filter(created_at__lt=timezone.now() - KEEP).delete()[0])


# --- each try --------------------------------------------------------------------------------------------------------


def deliver(*, run: Run, delivery_id: UUID) -> None:
    """One try. Raises `DeliveryFailed` when the receiver did not take it, with the pause until the next."""
    row = Delivery.objects.select_related("endpoint").filter(pk=delivery_id, clinic=run.job.clinic).first()
    if row is None:
        # The webhook was removed meanwhile: nobody waits for this any more.
        run.complete(lambda: None)
        return
    hook = row.endpoint
    if not hook.active:
        raise WebhookOff
    now = timezone.now()
    if hook.retry_at and hook.retry_at > now:
        # Another message has just found it away: this one waits without using up a try.
        raise ReceiverAway(retry_after=int((hook.retry_at - now).total_seconds()) + 1)
    with run.step("send"):
        body = json.dumps(row.body, separators=(",", ":"), sort_keys=True).encode()
        valid = [hook.secret]
        if hook.previous_secret and hook.previous_until and hook.previous_until > now:
            valid.append(hook.previous_secret)
        headers = {
            "Content-Type": "application/json", "User-Agent": "MedAssist-Webhooks/1",
            **signing.headers(valid, str(row.event_id), int(time.time()), body),
        }  # fmt: skip
        url, tries = hook.url, row.tries + 1
        hand_back_connection()
        answer = outside.post(url, body, headers)
    seen = {"tries": tries, "last_try_at": timezone.now(), "last_status": answer.status, "last_problem": answer.problem}
    if answer.taken:

        def store() -> None:
            Delivery.objects.filter(pk=delivery_id).update(**seen, delivered_at=timezone.now())
            Endpoint.objects.filter(pk=hook.pk).update(failures=0, failing_since=None, retry_at=None)

        run.complete(store)
        return
    wait = _after_failure(hook, answer, run.job.attempt)
    Delivery.objects.filter(pk=delivery_id).update(**seen)
    if answer.status == 410:
        # The receiver says that the address is gone for good.
        raise WebhookOff
    raise DeliveryFailed(retry_after=wait)


def _after_failure(hook: Endpoint, answer: outside.Answer, attempt: int) -> int:
    """Counts a failure of the address; returns the seconds until this message is tried again."""
    now = timezone.now()
    own = BACK_OFF_S[min(attempt, len(BACK_OFF_S)) - 1]
    wait = max(own, min(answer.retry_after_s or 0, BACK_OFF_S[-1]))
    # A refusal may be about this message; only an address that does not answer keeps the others waiting.
    away = answer.status is None or answer.status >= 500 or answer.status == 429
    pause = min(BACK_OFF_S[min(hook.failures, len(BACK_OFF_S) - 1)], LONGEST_WAIT_S) if away else 0
    Endpoint.objects.filter(pk=hook.pk).update(
        failures=F("failures") + 1, failing_since=hook.failing_since or now,
        retry_at=now + timedelta(seconds=pause) if pause else None,
    )  # fmt: skip
    gone = answer.status == 410
    if gone or (hook.failing_since and now - hook.failing_since > GIVE_UP_AFTER):
        with transaction.atomic():
            Endpoint.objects.filter(pk=hook.pk).update(active=False, off_reason="gone" if gone else "failing")
            _note(system_actor(hook.clinic, "webhooks"), "webhook.off", hook)
    return wait


# --- what became of it -----------------------------------------------------------------------------------------------


def deliveries(
    *, actor: Actor, webhook_id: UUID | None = None, state: str = "", limit: int = 50
) -> tuple[StoredDelivery, ...]:
    """The newest first; `state` is "", waiting, delivered or dead."""
    require(actor, Permission.WEBHOOK_MANAGE)
    rows = Delivery.objects.filter(clinic=current_schema())
    if webhook_id is not None:
        rows = rows.filter(endpoint_id=webhook_id)
    dead = Job.objects.filter(clinic=current_schema(), kind=DELIVER.name, state__in=["dead", "cancelled"])
    if state == "delivered":
        rows = rows.filter(delivered_at__isnull=False)
    elif state:
        lost = Q(job_id__in=dead.values("pk"))
        rows = rows.filter(lost if state == "dead" else ~lost, delivered_at__isnull=True)
    found = list(rows[:limit])
    lost_jobs = set(dead.filter(pk__in=[row.job_id for row in found]).values_list("pk", flat=True))
    return tuple(_told(row, row.job_id in lost_jobs) for row in found)


def delivery(*, actor: Actor, delivery_id: UUID) -> StoredDelivery:
    require(actor, Permission.WEBHOOK_MANAGE)
    row = Delivery.objects.filter(pk=delivery_id, clinic=current_schema()).first()
    if row is None:
        raise NotFound
    return _told(row, Job.objects.filter(pk=row.job_id, state__in=["dead", "cancelled"]).exists())


def redeliver(*, actor: Actor, delivery_id: UUID) -> StoredDelivery:
    """Sends an event again, with the same id, so that a receiver that has it already can tell. Raises `NotFound`, and
    `StateConflict` while it is still on its way or its webhook is switched off."""
    require(actor, Permission.WEBHOOK_MANAGE)
    with transaction.atomic():
        row = (
            Delivery.objects.select_for_update(of=("self",)).select_related("endpoint")
            .filter(pk=delivery_id, clinic=current_schema()).first()
        )  # fmt: skip
        if row is None:
            raise NotFound
        if not row.endpoint.active:
            raise StateConflict("The webhook is switched off")
        if Job.objects.filter(pk=row.job_id, state__in=["queued", "running"]).exists():
            raise StateConflict("It is still on its way")
        submitted = jobs.submit(kind=DELIVER, actor=actor, lane="batch", references={"delivery": str(delivery_id)})
        row.job_id, row.delivered_at = submitted.job_id, None
        row.save(update_fields=["job_id", "delivered_at"])
        record(
            actor=actor, action="webhook.redeliver", object_type="webhook", object_id=str(row.endpoint_id),
            detail={"delivery": str(delivery_id)},
        )  # fmt: skip
    return delivery(actor=actor, delivery_id=delivery_id)


def _told(row: Delivery, lost: bool) -> StoredDelivery:
    state = "delivered" if row.delivered_at else "dead" if lost else "waiting"
    return StoredDelivery(
        id=row.pk, webhook=row.endpoint_id, event=row.event_id, type=row.type, state=state, tries=row.tries,
        last_try_at=row.last_try_at, last_status=row.last_status, last_problem=row.last_problem,
        delivered_at=row.delivered_at, created_at=row.created_at, body=row.body,
    )  # fmt: skip
