"""The faults. Each function makes one, holds it for a while, and lifts it; what heals afterwards is the product's doing.

Numbers are the rows of the reliability table (docs/operators/faults.md).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psutil
import psycopg
import redis

from bench.stand import Stand, case, postgres_connection, wait_until


@dataclass
class Context:
    """What an injection may use, and where it notes a promise that was broken beside the ledger's."""

    stand: Stand
    random: random.Random
    lease_s: float
    calls: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    """Promises about time that were missed: a verdict on an idle machine only, so the short form just tells them."""
    submit_ms: dict[str, list[float]] = field(default_factory=dict)

    def breaks(self, words: str) -> None:
        self.broken.append(words)

    def comes_late(self, words: str) -> None:
        self.late.append(words)

    def note_calls(self) -> None:
        """Takes over what the model server counted before its memory goes away with it."""
        with contextlib.suppress(OSError):
            found = self.stand.upstream("/calls")
            self.calls["answered"] = self.calls.get("answered", 0) + sum(found["answered"].values())
            self.calls["faulty"] = self.calls.get("faulty", 0) + sum(found["faulty"].values())
            self.calls["planted"] = self.calls.get("planted", 0) + found["planted"]


@dataclass(frozen=True)
class Fault:
    name: str
    row: str
    inject: Callable[[Context], None]
    short: bool = True
    """Part of the short form."""
    everywhere: bool = True
    """False: needs something that not every stand has."""


def _signal(pid: int, number: signal.Signals) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _workers(context: Context) -> list[int]:
    names = ["worker-llm", *(name for name in context.stand.kept if name.startswith("worker-"))]
    return [pid for name in names if (pid := context.stand.pid_of(name))]


def worker_killed(context: Context) -> None:
    workers = _workers(context)
    if workers:
        _signal(context.random.choice(workers), signal.SIGKILL)


def pool_child_killed(context: Context) -> None:
    """A child of the prefork pool dies as for want of memory; its parent must live."""
    parent = context.stand.pid_of("worker-prefork")
    if not parent:
        return
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(parent).children()
        if children:
            context.random.choice(children).kill()
    time.sleep(1)
    if context.stand.pid_of("worker-prefork") != parent:
        context.breaks("the prefork worker died with its child")


def worker_frozen(context: Context) -> None:
    pid = context.random.choice(_workers(context) or [0])
    _signal(pid, signal.SIGSTOP)
    time.sleep(context.lease_s + context.random.uniform(0.5, 2.0))
    _signal(pid, signal.SIGCONT)


def all_workers_killed(context: Context) -> None:
    for pid in _workers(context):
        _signal(pid, signal.SIGKILL)


def sweeper_killed(context: Context) -> None:
    """The leader goes; another must lead within ten seconds."""
    from medassist.jobs.sweeper import LEADER_LOCK

    def leader() -> int:
        with psycopg.connect(**postgres_connection(), connect_timeout=3) as connection:
            row = connection.execute(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32) + objid = %s",
                [LEADER_LOCK],
            ).fetchone()
        return int(row[0]) if row else 0

    try:
        before = leader()
    except psycopg.Error:
        return
    names = [name for name in ("beat", "beat-standby") if context.stand.pid_of(name)]
    for name in names[: 1 + context.random.randrange(2)]:
        _signal(context.stand.pid_of(name), signal.SIGKILL)

    def led_again() -> bool:
        try:
            now = leader()
        except psycopg.Error:
            return False
        return now not in (0, before) or (now == before and len(names) > 1)

    if not wait_until(led_again, seconds=10):
        context.comes_late("no sweeper led within 10 s")


def web_killed(context: Context) -> None:
    _signal(context.stand.pid_of("web"), signal.SIGKILL)


def llm_frozen(context: Context) -> None:
    pid = context.stand.pid_of("upstream")
    _signal(pid, signal.SIGSTOP)
    time.sleep(context.random.uniform(2.0, 5.0))
    _signal(pid, signal.SIGCONT)


def llm_killed(context: Context) -> None:
    context.note_calls()
    _signal(context.stand.pid_of("upstream"), signal.SIGKILL)
    time.sleep(context.random.uniform(1.0, 2.0))


def answers_badly(
    fault: str, *, share: float = 1.0, seconds: tuple[float, float] = (1.0, 2.5)
) -> Callable[[Context], None]:
    def inject(context: Context) -> None:
        with contextlib.suppress(OSError):
            context.stand.upstream("/faults", {"fault": fault, "share": share, "retry_after": 1})
        time.sleep(context.random.uniform(*seconds))
        with contextlib.suppress(OSError):
            context.stand.upstream("/faults", {"fault": ""})

    return inject


def _redis() -> redis.Redis:
    return redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=3, socket_connect_timeout=2)


def redis_killed(context: Context) -> None:
    _signal(context.stand.pid_of("redis"), signal.SIGKILL)
    time.sleep(1)


def redis_flushed(context: Context) -> None:
    with contextlib.suppress(redis.RedisError), _redis() as client:
        client.flushall()


def redis_frozen(context: Context) -> None:
    pid = context.stand.pid_of("redis")
    _signal(pid, signal.SIGSTOP)
    try:
        _submits_within(context, "redis frozen", 1.0)
        time.sleep(1.5)
    finally:
        _signal(pid, signal.SIGCONT)


def redis_full(context: Context) -> None:
    with contextlib.suppress(redis.RedisError), _redis() as client:
        client.config_set("maxmemory", "1mb")
    _submits_within(context, "redis full", 1.0)
    time.sleep(1.5)
    with contextlib.suppress(redis.RedisError), _redis() as client:
        client.config_set("maxmemory", "0")


def _submits_within(context: Context, name: str, seconds: float) -> None:
    """A submission that meets the fault itself must be answered in time: taken, or refused with a reason."""
    door = next(iter(context.stand.doors))
    caller = context.stand.caller(door)
    times = []
    for _ in range(3):
        answer = caller.call(
            "POST", "/api/v1/cases/analyze", case(f"mark-f{uuid4().hex[:10]}"), {"Idempotency-Key": f"f-{uuid4()}"}
        )
        if answer.status:
            times.append(answer.seconds)
    caller.close()
    context.submit_ms.setdefault(name, []).extend(value * 1000 for value in times)
    if times and sorted(times)[len(times) // 2] > seconds:
        context.comes_late(f"{name}: a submission took {max(times):.1f} s")


def broker_killed(context: Context) -> None:
    """RabbitMQ, where it is the broker; the stand starts it again, and the doorbell must be heard again."""
    _signal(context.stand.pid_of("rabbitmq"), signal.SIGKILL)
    time.sleep(3)


def postgres_killed(context: Context) -> None:
    _signal(context.stand.pid_of("postgres"), signal.SIGKILL)
    time.sleep(2)


def connections_exhausted(context: Context) -> None:
    """Somebody else takes every connection that is left."""
    held: list[Any] = []
    try:
        while len(held) < 300:
            held += [psycopg.connect(**postgres_connection(), connect_timeout=2)]
    except psycopg.Error:
        pass
    time.sleep(2.0)
    for connection in held:
        connection.close()


def deadlock(context: Context) -> None:
    """Takes the audit head first and a running job second: the other order of what stores a result."""
    door = context.random.choice(list(context.stand.doors))
    deadline = time.monotonic() + 3

    def once() -> bool:
        with psycopg.connect(**postgres_connection(), connect_timeout=2) as connection:
            connection.execute("SELECT 1 FROM public.audit_audithead WHERE clinic = %s FOR UPDATE", [door])
            # Long enough for some worker to have taken its job and to wait for the head.
            time.sleep(0.4)
            row = connection.execute(
                "SELECT count(*) FROM (SELECT 1 FROM public.jobs_job WHERE clinic = %s AND state = 'running' FOR UPDATE) AS held",
                [door],
            ).fetchone()
            return bool(row and row[0])

    while time.monotonic() < deadline:
        with contextlib.suppress(psycopg.Error):
            once()


def clock_ahead(context: Context) -> None:
    """A worker whose clock is an hour ahead joins for a while."""
    kept = context.stand.kept.get("worker-ahead")
    if kept is None:
        context.stand.worker(
            "worker-ahead", "llm", threads=4, PYTHONPATH=f"{planted_folder()}", BENCH_CLOCK_AHEAD_S="3600"
        )
    time.sleep(1.0)


def no_search(context: Context) -> None:
    """A worker whose Qdrant server is away joins for a while: what it assesses is labelled, never cited."""
    name = "worker-blind"
    if name not in context.stand.kept:
        context.stand.worker(name, "llm", threads=4, QDRANT_URL="http://127.0.0.1:9")
    time.sleep(6.0)
    context.stand.kept.pop(name).stop()


def no_room_for_audit(context: Context) -> None:
    """The audit trail cannot grow, as on a full disk: nothing may be taken or shown without it."""
    names = list(context.stand.doors)
    try:
        with psycopg.connect(**postgres_connection(), connect_timeout=3, autocommit=True) as connection:
            connection.execute(_FULL)
            for name in names:
                connection.execute(
                    f'CREATE OR REPLACE TRIGGER bench_full BEFORE INSERT ON "{name}".audit_auditentry '
                    "EXECUTE FUNCTION public.bench_full()"
                )
            _refuses(context)
            time.sleep(1.5)
    except psycopg.Error:
        pass
    finally:
        _lift(names)


_FULL = """
CREATE OR REPLACE FUNCTION public.bench_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$
"""


def _refuses(context: Context) -> None:
    caller = context.stand.caller(next(iter(context.stand.doors)))
    answer = caller.call(
        "POST", "/api/v1/cases/analyze", case(f"mark-g{uuid4().hex[:10]}"), {"Idempotency-Key": f"g-{uuid4()}"}
    )
    if answer.status in (200, 202):
        context.breaks("a case was taken without its audit entry")
    if caller.call("GET", "/api/v1/cases").status == 200:
        context.breaks("cases were shown without an audit entry")
    caller.close()


def _lift(names: list[str]) -> None:
    def lifted() -> bool:
        try:
            with psycopg.connect(**postgres_connection(), connect_timeout=3, autocommit=True) as connection:
                for name in names:
                    connection.execute(f'DROP TRIGGER IF EXISTS bench_full ON "{name}".audit_auditentry')
            return True
        except psycopg.Error:
            return False

    wait_until(lifted, seconds=60)


def planted_folder() -> str:
    from pathlib import Path

    return str(Path(__file__).parent / "planted")


def duplicates(context: Context) -> None:
    """Fifty calls at once with one key make one job; the same key with another body is refused."""
    clinic = context.random.choice(list(context.stand.doors))
    word = uuid4().hex[:10]
    jobs: list[str] = []
    refused: list[int] = []

    def submit(body: dict[str, Any]) -> None:
        caller = context.stand.caller(clinic)
        for _ in range(20):
            answer = caller.call("POST", "/api/v1/cases/analyze", body, {"Idempotency-Key": f"same-{word}"})
            if answer.status in (202, 200):
                jobs.append(
                    answer.body["job"]["id"] if isinstance(answer.body.get("job"), dict) else str(answer.body["job"])
                )
                break
            if answer.status in (409, 422):
                refused.append(answer.status)
                break
            time.sleep(0.5)
        caller.close()

    threads = [threading.Thread(target=submit, args=[case(f"mark-d{word}")]) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(set(jobs)) != 1:
        context.breaks(f"50 calls with one key made {len(set(jobs))} jobs")
    submit(case(f"mark-e{word}"))
    if not refused:
        context.breaks("a key was accepted with another body")


def clinic_closed(context: Context) -> None:
    """A clinic is closed while its jobs run: they end, and nothing is written anywhere else."""
    from django.db import connection

    from medassist.tenancy.selectors import CACHE_SECONDS
    from medassist.tenancy.services import change_state

    clinic = f"closing{uuid4().hex[:6]}"
    try:
        context.stand.open(clinic)
        caller = context.stand.caller(clinic)
        for number in range(4):
            caller.call(
                "POST", "/api/v1/cases/analyze", case(f"mark-c{number}{clinic[-6:]}"), {"Idempotency-Key": f"c{number}"}
            )
        change_state(schema_name=clinic, to="closing", by="bench")
        # Each process remembers a clinic for a few seconds.
        time.sleep(CACHE_SECONDS + 0.5)
        answer = caller.call("GET", "/api/v1/cases")
        if answer.status == 200:
            context.breaks("a closed clinic still answers")
    except Exception as error:  # noqa: BLE001 another fault may meet this one
        context.calls["clinic_closed_skipped"] = context.calls.get("clinic_closed_skipped", 0) + 1
        del error
    finally:
        context.stand.doors.pop(clinic, None)
        connection.close()

    if not wait_until(lambda: _all_ended(clinic), seconds=context.lease_s + 20):
        context.breaks("jobs of a closed clinic went on")


def _all_ended(clinic: str) -> bool:
    from django.db import DatabaseError, connection

    from medassist.jobs.models import Job
    from medassist.tenancy.context import public_context

    try:
        with public_context():
            return not Job.objects.filter(clinic=clinic, state__in=("queued", "running")).exists()
    except DatabaseError:
        return False
    finally:
        connection.close()


FAULTS: tuple[Fault, ...] = (
    Fault("worker killed", "1", worker_killed),
    Fault("pool child killed", "2", pool_child_killed),
    Fault("worker frozen past its lease", "3", worker_frozen),
    Fault("all workers killed", "4", all_workers_killed),
    Fault("sweeper killed", "5", sweeper_killed),
    Fault("model frozen", "6", llm_frozen),
    Fault("model killed", "7", llm_killed),
    Fault("model: storm of 500", "8", answers_badly("500")),
    Fault("model: long storm of 500", "8", answers_badly("500", seconds=(12.0, 15.0)), short=False),
    Fault("model: 429 with Retry-After", "9", answers_badly("429")),
    Fault("model: garbage", "10", answers_badly("garbage", share=0.3)),
    Fault("model: wrong schema", "10", answers_badly("wrong_schema", share=0.3), short=False),
    Fault("model: empty answer", "10", answers_badly("empty", share=0.3), short=False),
    Fault("model: half an answer", "11", answers_badly("half", share=0.5)),
    Fault("model: one byte a second", "11", answers_badly("drip", share=0.05), short=False),
    Fault("model obeys and prescribes", "12", answers_badly("obeys")),
    Fault("Redis killed", "13", redis_killed),
    Fault("Redis flushed", "14", redis_flushed),
    Fault("Redis frozen", "15", redis_frozen),
    Fault("Redis full", "16", redis_full),
    Fault("broker killed", "13", broker_killed, everywhere=False),
    Fault("Postgres killed", "17", postgres_killed),
    Fault("connections exhausted", "18", connections_exhausted),
    Fault("deadlock", "19", deadlock),
    Fault("search server away", "20", no_search, short=False),
    Fault("no room for the audit trail", "21", no_room_for_audit),
    Fault("clock an hour ahead", "22", clock_ahead, short=False),
    Fault("50 duplicates", "26", duplicates),
    Fault("clinic closed in mid-job", "27", clinic_closed, short=False),
    Fault("web killed", "30", web_killed),
)
