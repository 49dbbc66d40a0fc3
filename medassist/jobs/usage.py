"""Tokens per clinic, day, person and model: counted when a model answered, read by the clinic's administrators."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import Any

from django.db import Error as AnyDatabaseError
from django.db import connection, transaction

from medassist.accounts.access import Actor, Permission, require
from medassist.jobs import quotas
from medassist.jobs.schemas import Usage, UsageDay, UsageOfModel, UsageOfPerson
from medassist.tenancy.context import current_schema, public_context

logger = logging.getLogger(__name__)

MOST_DAYS = 92
MOST_LINES = 500

_ADD = """
INSERT INTO jobs_tokenusage
    (clinic, day, person, backbone, model, adapter, calls, prompt_tokens, completion_tokens)
VALUES (%s, (now() AT TIME ZONE 'UTC')::date, %s, %s, %s, %s, 1, %s, %s)
ON CONFLICT (clinic, day, person, backbone, model, adapter) DO UPDATE SET
    calls = jobs_tokenusage.calls + 1,
    prompt_tokens = jobs_tokenusage.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = jobs_tokenusage.completion_tokens + excluded.completion_tokens
"""


def add(
    *, clinic: str, person: str, backbone: str, model: str, adapter: str, prompt_tokens: int, completion_tokens: int
) -> None:
    """Counts one call. An answer is not lost because it could not be counted: that is logged, not raised."""
    names = [clinic, person[:80], backbone[:60], model[:200], adapter[:100]]
    values: list[str | int] = [*names, max(0, prompt_tokens), max(0, completion_tokens)]
    try:
        # Clinics may read this table and not write it: the count is the platform's.
        with (
            public_context(),
            transaction.atomic() if connection.in_atomic_block else nullcontext(),
            connection.cursor() as cursor,
        ):
            cursor.execute(_ADD, values)
    except AnyDatabaseError as error:
        logger.warning("Tokens could not be counted", extra={"clinic": clinic, "code": type(error).__name__})


_FROM = "(now() AT TIME ZONE 'UTC')::date - %s"
_SUMS = "sum(calls)::bigint, sum(prompt_tokens)::bigint, sum(completion_tokens)::bigint"
_JOBS = (
    "FROM jobs_job WHERE clinic = %s AND kind NOT LIKE 'webhook.%%' "
    "AND created_at >= ((now() AT TIME ZONE 'UTC')::date - %s) AT TIME ZONE 'UTC'"
)


def usage_of(*, actor: Actor, days: int = 30) -> Usage:
    """The current clinic's last `days` UTC days, today included; people and models are the busiest first."""
    require(actor, Permission.USAGE_READ)
    clinic = current_schema()
    given = [clinic, days - 1]
    used = f"FROM jobs_tokenusage WHERE clinic = %s AND day >= {_FROM}"
    tokens: dict[Any, tuple[int, int, int]] = {
        row[0]: row[1:] for row in _rows(f"SELECT day, {_SUMS} {used} GROUP BY day", given)
    }
    jobs = dict(_rows(f"SELECT (created_at AT TIME ZONE 'UTC')::date, count(*) {_JOBS} GROUP BY 1", given))
    people: dict[str, tuple[int, int, int]] = {
        row[0]: row[1:] for row in _rows(f"SELECT person, {_SUMS} {used} GROUP BY person", given)
    }
    submitted = dict(_rows(f"SELECT submitted_by, count(*) {_JOBS} GROUP BY 1", given))
    models = _rows(
        f"SELECT {_SUMS}, backbone, model, adapter {used} GROUP BY backbone, model, adapter ORDER BY 2 DESC, 4, 5, 6 "
        f"LIMIT {MOST_LINES}",
        given,
    )
    lines = [UsageOfPerson(*people.get(one, (0, 0, 0)), one, submitted.get(one, 0)) for one in {*people, *submitted}]
    return Usage(
        days=tuple(
            UsageDay(*tokens.get(day, (0, 0, 0)), day, jobs.get(day, 0))
            for day in sorted({*tokens, *jobs}, reverse=True)
        ),
        people=tuple(sorted(lines, key=lambda line: (-line.prompt_tokens, -line.jobs, line.person))[:MOST_LINES]),
        models=tuple(UsageOfModel(*row) for row in models),
        quotas=quotas.left_in(clinic),
    )


def _rows(query: str, values: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())
