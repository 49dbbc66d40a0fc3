"""Writes of this room: a picture asked for with its job, the file of a job. One transaction each, the audit row inside."""

from __future__ import annotations

import hashlib
import re
import secrets
from uuid import UUID, uuid4

from django.db import connection, transaction

from apps.media.jobs import GENERATE
from apps.media.models import Media, MediaFile
from apps.media.rules import catalogue
from apps.media.schemas import LARGEST_SEED, Asked, Drawn, MediaInput
from apps.media.selectors import allowance, is_on
from apps.safety import services as safety
from medassist.accounts.access import Actor, Permission, require, system_actor
from medassist.audit.services import record
from medassist.clinical.case import CaseInput
from medassist.common.database import again_on_deadlock
from medassist.common.errors import InvalidInput, MediaOff, NotFound, QuotaExceeded
from medassist.jobs import services as jobs
from medassist.jobs.quotas import until_midnight
from medassist.jobs.runner import Run
from medassist.tenancy.context import current_schema


def generate(*, actor: Actor, given: MediaInput, idempotency_key: str | None = None) -> Asked:
    """Stores a request for a picture and queues its drawing, in the batch lane of a queue of its own.

    Raises `MediaOff`, `InvalidInput` for a topic or style outside the catalogue and for a title with an identifier or a
    medicine, `QuotaExceeded` for the clinic's allowance of pictures, `IdempotencyConflict`, `TooManyRequests`,
    `Unavailable`.
    """
    require(actor, Permission.MEDIA_GENERATE)
    if not is_on():
        raise MediaOff
    _check(given)
    request_hash = hashlib.sha256(given.model_dump_json().encode()).hexdigest()
    if found := jobs.earlier(idempotency_key=idempotency_key, request_hash=request_hash):
        return _asked(found)
    return _store(actor, given, idempotency_key, request_hash)


def _check(given: MediaInput) -> None:
    wrong = {}
    if given.topic not in catalogue.TOPICS:
        wrong["topic"] = "not in the catalogue; GET /api/v1/media/catalogue lists them"
    if given.style not in catalogue.STYLES:
        wrong["style"] = "not in the catalogue; GET /api/v1/media/catalogue lists them"
    if given.title and (problem := _problem_of(given.title)):
        wrong["title"] = problem
    if wrong:
        raise InvalidInput(fields=wrong)


def _problem_of(title: str) -> str:
    """A title stays here and is no part of a prompt; still it shall name neither a person nor a medicine."""
    if re.search(r"[\x00-\x1f\x7f]", title):
        return "one line of plain text"
    if re.search(r"\d{3,}|[@/\\]", title):
        return "no numbers of people, dates or addresses"
    found = safety.deidentify(CaseInput(presenting_complaint=title))
    if found.tokens or found.case.presenting_complaint != title:
        return "no names, dates or other identifiers of people"
    if safety.names_medicine(title):
        return "no medicines"
    return ""


@again_on_deadlock
@transaction.atomic
def _store(actor: Actor, given: MediaInput, idempotency_key: str | None, request_hash: str) -> Asked:
    _take_turn()
    if allowance().left <= 0:
        # Of two calls with one key, the second gets the first one's picture, whatever that one used up.
        if found := jobs.earlier(idempotency_key=idempotency_key, request_hash=request_hash):
            return _asked(found)
        raise QuotaExceeded(
            "The clinic's allowance of pictures for today is used up; the day ends at midnight UTC",
            fields={"media_per_day": f"{allowance().per_day} pictures a day"},
            retry_after=until_midnight(),
        )
    media_id = uuid4()
    submitted = jobs.submit(
        kind=GENERATE, actor=actor, lane="batch", references={"media": str(media_id)}, idempotency_key=idempotency_key,
        request_hash=request_hash,
    )  # fmt: skip
    if not submitted.created:
        return _asked(submitted)
    Media.objects.create(
        id=media_id, created_by=actor.label or actor.id, topic=given.topic, style=given.style, shape=given.shape,
        seed=given.seed if given.seed is not None else secrets.randbelow(LARGEST_SEED + 1), title=given.title,
        job_id=submitted.job_id,
    )  # fmt: skip
    record(
        actor=actor, action="media.generate", object_type="media", object_id=str(media_id),
        detail={"job": str(submitted.job_id), "topic": given.topic, "style": given.style},
    )  # fmt: skip
    return Asked(media_id, submitted.job_id, created=True)


def _take_turn() -> None:
    """Requests of one clinic count one after the other, so that its allowance is exact."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('medassist.media'), hashtext(%s))", [current_schema()])


def _asked(submitted: jobs.Submitted) -> Asked:
    return Asked(UUID(submitted.references["media"]), submitted.job_id, created=submitted.created)


def cancel(*, actor: Actor, media_id: UUID) -> str:
    """Stops a drawing, on the image server too; raises `NotFound`, `StateConflict` when it has ended."""
    require(actor, Permission.MEDIA_GENERATE)
    row = Media.objects.filter(pk=media_id).first()
    if row is None:
        raise NotFound
    return jobs.cancel(actor=actor, job_id=row.job_id, needs=Permission.MEDIA_GENERATE)


def store(*, run: Run, media_id: UUID, drawn: Drawn) -> None:
    """Ends the job with its one file, in one fenced transaction."""

    def write() -> None:
        digest = hashlib.sha256(drawn.data).hexdigest()
        Media.objects.filter(pk=media_id).update(
            fence=run.job.fence,
            size=len(drawn.data),
            sha256=digest,
            provenance=drawn.provenance.model_dump(mode="json"),
        )
        MediaFile.objects.create(media_id=media_id, data=drawn.data)
        record(
            actor=system_actor(run.job.clinic, "worker-media"), action="media.stored", object_type="media",
            object_id=str(media_id), detail={"job": str(run.job.id), "size": len(drawn.data), "sha256": digest},
        )  # fmt: skip

    run.complete(write)
