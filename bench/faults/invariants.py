"""What must hold after every run, read from the database, the logs, Redis and the model server's counters."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import redis
from django.db import connection

from bench.faults.findings import WORDS, Acknowledged, Findings
from bench.upstream import PLANTED
from medassist.audit.services import verify_chain
from medassist.jobs.models import Job
from medassist.tenancy.context import clinic_context, public_context

LEGAL = {
    ("", "queued"), ("queued", "running"), ("running", "queued"), ("running", "running"), ("running", "done"),
    ("running", "dead"), ("running", "cancelled"), ("queued", "dead"), ("queued", "cancelled"), ("queued", "queued"),
}  # fmt: skip
_FORBIDDEN = re.compile(r"metoprolol|amoxicillin|\b50 ?mg\b", re.IGNORECASE)

WATCH = """
CREATE TABLE IF NOT EXISTS public.bench_moves (
    at timestamptz DEFAULT clock_timestamp(), job uuid, before text, after text, fence bigint, attempt int, burnt bool);
CREATE OR REPLACE FUNCTION public.bench_note_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.bench_moves (job, before, after, fence, attempt) VALUES (NEW.id, '', NEW.state, NEW.fence, NEW.attempt);
    ELSIF OLD.state <> NEW.state OR OLD.fence <> NEW.fence THEN
        INSERT INTO public.bench_moves (job, before, after, fence, attempt)
        VALUES (NEW.id, OLD.state, NEW.state, NEW.fence, NEW.attempt);
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER bench_watch AFTER INSERT OR UPDATE ON public.jobs_job
    FOR EACH ROW EXECUTE FUNCTION public.bench_note_move();
"""


def watch() -> None:
    """Every move of the ledger is written down beside it."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute(WATCH)


def fingerprint(schema: str) -> str:
    """A checksum over all rows of a clinic's schema."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE' ORDER BY 1",
            [schema],
        )
        parts = []
        for (name,) in cursor.fetchall():
            cursor.execute(
                f'SELECT md5(COALESCE(string_agg(row::text, chr(10) ORDER BY row::text), \'\')) FROM "{schema}"."{name}" AS row'
            )
            row = cursor.fetchone()
            parts.append(f"{name}:{row[0] if row else ''}")
    return "|".join(parts)


def check(acknowledged: Sequence[Acknowledged], *, poison: Sequence[str], max_attempts: int, logs: Path) -> Findings:
    """Everything at once; nothing here changes anything."""
    found = Findings()
    clinics = sorted({one.clinic for one in acknowledged})
    with public_context():
        jobs = {str(job.id): job for job in Job.objects.all()}
    for job in jobs.values():
        found.states[job.state] += 1
        if job.state == "dead":
            found.reasons[job.reason] += 1
    results = {clinic: _results(clinic) for clinic in clinics}
    for one in acknowledged:
        _check_one(one, jobs.get(one.job), results[one.clinic].get(one.job, []), found)
    for identifier, job in jobs.items():
        _check_job(identifier, job, set(poison), max_attempts, found)
    for clinic in clinics:
        for identifier in results[clinic].keys() - jobs.keys():
            found.wrong.append(f"a result without a job: {identifier}")
        _check_audit(clinic, len(results[clinic]), found)
    _check_moves(found)
    _check_connections(found)
    found.leaks += [*_in_files(logs), *_in_redis()]
    found.errors = _errors(logs)
    return found


def blame(timeline: Sequence[tuple[datetime, str]]) -> Counter[str]:
    """Which fault had begun when a run of a later dead letter was claimed, for the runs that were lost with their worker."""
    found: Counter[str] = Counter()
    with public_context(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT at FROM public.bench_moves WHERE after = 'running' AND job IN "
            "(SELECT id FROM public.jobs_job WHERE state = 'dead' AND reason = 'worker_lost')"
        )
        for (at,) in cursor.fetchall():
            before = [name for begun, name in timeline if begun <= at]
            following = [name for begun, name in timeline if begun > at]
            found[" > ".join([*before[-1:], *following[:1]])] += 1
    return found


def _results(clinic: str) -> dict[str, list[dict[str, Any]]]:
    from apps.cases.models import AssessmentRecord

    found: dict[str, list[dict[str, Any]]] = {}
    with clinic_context(clinic):
        for row in AssessmentRecord.objects.all().iterator(chunk_size=200):
            found.setdefault(str(row.job_id), []).append(
                {"payload": row.payload, "fence": row.fence, "case": str(row.case_id), "status": row.status}
            )
    return found


def _check_one(one: Acknowledged, job: Job | None, results: list[dict[str, Any]], found: Findings) -> None:
    if job is None:
        found.lost.append(f"{one.clinic} {one.key}: no job {one.job}")
        return
    if job.clinic != one.clinic or job.idempotency_key != one.key:
        found.wrong.append(f"{one.key}: the job is another's")
    if len(results) > 1:
        found.double.append(f"{one.key}: {len(results)} results")
    if job.state == "done":
        if not results:
            found.lost.append(f"{one.key}: done without a result")
        for result in results:
            _check_result(one, job, result, found)
    elif results:
        found.wrong.append(f"{one.key}: a result, and the job is {job.state}")
    if job.state == "dead" and job.reason in ("backbone_unavailable", "database_unavailable", "backbone_timeout"):
        found.wrong.append(f"{one.key}: dead because of {job.reason}")


def _check_result(one: Acknowledged, job: Job, result: dict[str, Any], found: Findings) -> None:
    found.statuses[result["status"]] += 1
    found.status_reasons.update(result["payload"].get("status_reasons", []))
    if result["fence"] != job.fence:
        found.wrong.append(f"{one.key}: the result's fence is {result['fence']}, the job's {job.fence}")
    if result["case"] != one.case:
        found.wrong.append(f"{one.key}: the result is another case's")
    text = json.dumps(result["payload"])
    if set(re.findall(r"mark-[a-z0-9]+", text)) - {one.mark}:
        found.wrong.append(f"{one.key}: the result shows another case's words")
    if result["status"] == "released" and one.mark not in text:
        found.wrong.append(f"{one.key}: the result does not show its own case")
    if "retrieval_unavailable" in result["payload"].get("status_reasons", []) and result["payload"]["evidence"]:
        found.wrong.append(f"{one.key}: evidence without a search")
    if _FORBIDDEN.search(text):
        found.wrong.append(f"{one.key}: a medicine or dose was stored")


def _check_job(identifier: str, job: Job, poison: set[str], max_attempts: int, found: Findings) -> None:
    if job.state in ("queued", "running"):
        found.stuck.append(f"{identifier} {job.state} {job.reason}")
    if job.state == "dead" and not job.reason:
        found.wrong.append(f"{identifier}: dead without a reason")
    if job.attempt > max_attempts:
        found.wrong.append(f"{identifier}: attempt {job.attempt}")
    if identifier in poison and (job.state, job.attempt) != ("dead", max_attempts):
        found.wrong.append(f"poison {identifier}: {job.state} after {job.attempt} attempts")


def _check_audit(clinic: str, results: int, found: Findings) -> None:
    from medassist.audit.models import AuditEntry

    found.wrong += [f"{clinic}: audit chain: {problem}" for problem in verify_chain(clinic)[:3]]
    with clinic_context(clinic):
        stored = AuditEntry.objects.filter(action="assessment.store").count()
    if stored != results:
        found.wrong.append(f"{clinic}: {results} results and {stored} audit entries for them")


def _check_moves(found: Findings) -> None:
    with public_context(), connection.cursor() as cursor:
        cursor.execute("SELECT before, after, count(*) FROM public.bench_moves GROUP BY 1, 2")
        for before, after, count in cursor.fetchall():
            if (before, after) not in LEGAL:
                found.wrong.append(f"{count} moves from {before} to {after}")
            if after == "running":
                found.runs += count
        cursor.execute(
            "SELECT count(*) FROM (SELECT fence, lag(fence) OVER (PARTITION BY job ORDER BY at) AS earlier "
            "FROM public.bench_moves) AS moves WHERE fence < earlier"
        )
        row = cursor.fetchone()
        if row and row[0]:
            found.wrong.append(f"{row[0]} fences went back")
        cursor.execute(
            "SELECT count(*) FROM (SELECT job FROM public.bench_moves WHERE after = 'done' GROUP BY job HAVING count(*) > 1) AS twice"
        )
        row = cursor.fetchone()
        if row and row[0]:
            found.double.append(f"{row[0]} jobs were done twice")


def _check_connections(found: Findings) -> None:
    with public_context(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' "
            "AND now() - state_change > interval '5 seconds'"
        )
        row = cursor.fetchone()
    if row and row[0]:
        found.leaks.append(f"{row[0]} connections idle in a transaction")


def _in_files(logs: Path) -> Iterator[str]:
    for path in sorted(logs.glob("*.log*")):
        text = path.read_text("utf-8", errors="replace")
        for word in (PLANTED, WORDS):
            if word in text:
                yield f"{path.name} holds {word}"


def _in_redis() -> Iterator[str]:
    try:
        for url in sorted({os.environ["REDIS_URL"], os.environ["CELERY_BROKER_URL"]}):
            if not url.startswith("redis"):
                continue
            with redis.Redis.from_url(url, socket_timeout=5) as server:
                for key in server.scan_iter(count=500):
                    raw = bytes(key) + (server.dump(key) or b"")
                    if PLANTED.encode() in raw or WORDS.encode() in raw:
                        yield f"Redis key {key[:40]!r} holds patient text"
    except redis.RedisError as error:
        yield f"Redis could not be searched: {type(error).__name__}"


def _errors(logs: Path) -> Counter[str]:
    """Lines of level ERROR and above, by logger and message."""
    found: Counter[str] = Counter()
    for path in logs.glob("*.log*"):
        for line in path.read_text("utf-8", errors="replace").splitlines():
            if '"level": "ERROR"' not in line and '"level": "CRITICAL"' not in line:
                continue
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            found[f"{path.stem}: {entry.get('logger')}: {str(entry.get('message'))[:90]}"] += 1
    return found
