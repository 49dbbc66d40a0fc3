"""What a clinic and its people may use a day (UTC), held before a job is written.

Jobs are counted exactly: submissions of a clinic that has such a quota take turns from the count to their commit.
Tokens are known only after a model answered, so jobs that already wait or run may carry the day beyond its limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.common.errors import QuotaExceeded
from medassist.jobs.models import Quota
from medassist.jobs.schemas import QuotaLeft

LONGEST_RETRY_S = 3600

_TURN = "SELECT pg_advisory_xact_lock(hashtext('medassist.quota'), hashtext(%s))"
_JOBS = """
SELECT count(*) FROM jobs_job WHERE clinic = %s AND (%s = '' OR submitted_by = %s) AND kind NOT LIKE ALL (ARRAY['media.%%', 'webhook.%%'])
    AND created_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
"""
_TOKENS = """
SELECT coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint FROM jobs_tokenusage
WHERE clinic = %s AND day = (now() AT TIME ZONE 'UTC')::date AND (%s = '' OR person = %s)
"""
_MIDNIGHT = """
SELECT ceil(extract(epoch FROM date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') + interval '1 day'
    - clock_timestamp() AT TIME ZONE 'UTC'))::int
"""


def check(*, clinic: str, person: str) -> None:
    """Raises `QuotaExceeded` when one more job of `person` is beyond the clinic's or the person's day. Call it in the
    transaction that writes the job."""
    rows = {row.person: row for row in Quota.objects.filter(clinic=clinic, person__in=["", "*", person])}
    limits = [(who, row) for who, row in (("", rows.get("")), (person, rows.get(person) or rows.get("*"))) if row]
    if any(row.jobs_per_day is not None for _, row in limits):
        _one(_TURN, [clinic])
    for who, row in limits:
        whose = "this person" if who else "this clinic"
        if row.jobs_per_day is not None and _one(_JOBS, [clinic, who, who]) >= row.jobs_per_day:
            raise _exceeded("jobs_per_day", f"{row.jobs_per_day} jobs a day for {whose}")
        if row.tokens_per_day is not None and _one(_TOKENS, [clinic, who, who]) >= row.tokens_per_day:
            raise _exceeded("tokens_per_day", f"{row.tokens_per_day} tokens a day for {whose}")


def until_midnight() -> int:
    """Seconds for `Retry-After` until the day (UTC) ends, an hour at most."""
    return max(1, min(LONGEST_RETRY_S, int(_one(_MIDNIGHT, []))))


def _exceeded(field: str, what: str) -> QuotaExceeded:
    return QuotaExceeded(
        "The allowance for today is used up; the day ends at midnight UTC",
        fields={field: what},
        retry_after=until_midnight(),
    )


def left_in(clinic: str) -> tuple[QuotaLeft, ...]:
    """The allowances of the current clinic and what is left of them today."""
    return tuple(_left(row) for row in Quota.objects.filter(clinic=clinic).order_by("person"))


def _left(row: Quota) -> QuotaLeft:
    def left(limit: int | None, query: str) -> int | None:
        if limit is None or row.person == "*":
            return None
        return max(0, limit - int(_one(query, [row.clinic, row.person, row.person])))

    return QuotaLeft(
        row.person, row.jobs_per_day, row.tokens_per_day, left(row.jobs_per_day, _JOBS), left(row.tokens_per_day, _TOKENS)
    )  # fmt: skip


def _one(query: str, values: list[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return row[0] if row else 0


def store(*, row: Quota, by: Actor, created: bool, changed: Sequence[str] = ()) -> None:
    """Saves a checked quota, with its audit entry; `changed` names the fields. It holds from the next job on."""
    require(by, Permission.CLINIC_MANAGE)
    with transaction.atomic():
        row.save()
        _note(row, by, "quota.created" if created else "quota.changed", changed)


def remove(*, row: Quota, by: Actor) -> None:
    """Deletes a quota, with its audit entry: from then on there is no limit."""
    require(by, Permission.CLINIC_MANAGE)
    with transaction.atomic():
        key = row.pk
        row.delete()
        row.pk = key
        _note(row, by, "quota.deleted", ())


def _note(row: Quota, by: Actor, action: str, changed: Sequence[str]) -> None:
    record(
        actor=by, action=action, object_type="quota", object_id=str(row.pk),
        detail={
            "clinic": row.clinic, "person": row.person, "jobs_per_day": row.jobs_per_day,
            "tokens_per_day": row.tokens_per_day, "changed": ",".join(changed),
        },
    )  # fmt: skip
