"""python -m bench faults                      5,000 jobs, 150 faults, 3 seeds, then every planted defect
    python -m bench faults --short              about two minutes
    python -m bench faults --jobs 600 --faults 30 --seeds 7
    python -m bench faults --plants             planted defects alone

Exits with 1 when an acknowledged job was lost, is stuck, has two results or a wrong one, when something leaked, or when
a planted defect was not caught.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from bench.faults.findings import WORDS, Acknowledged, Findings
from bench.faults.injections import FAULTS, Context, planted_folder
from bench.figures import last_line, say, table
from bench.rabbit import Rabbit
from bench.stand import Stand, case, wait_until
from bench.upstream import PLANTED

LEASE_S = 4
CLINICS = ("north", "south", "east", "west")
BYSTANDER = "bystander"
SUBMITTERS = 8
EXTRA_CALLS = 0.10
"""The most good model answers beyond what was needed, at the density of the full run: a fault in 33 jobs."""
CALLS_PER_JOB = 2
"""The pipeline asks twice: for candidates, then for the draft."""


@dataclass
class Course:
    """One run: so many jobs and faults from one seed."""

    seed: int
    jobs: int
    faults: Sequence[str]
    """Names, in order."""
    latency_s: float = 0.15
    plant: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    broker: str = ""
    short: bool = False
    patience_s: float = 45.0


@dataclass
class Outcome:
    course: Course
    findings: Findings
    acknowledged: int
    answers: Counter[str]
    calls: dict[str, int]
    broken: list[str]
    seconds: float
    kinds: Counter[str]
    submit_ms: dict[str, list[float]]
    late: list[str] = field(default_factory=list)

    @property
    def extra_calls(self) -> float:
        """Share of good model answers beyond what the finished jobs needed."""
        needed = CALLS_PER_JOB * max(1, self.findings.states["done"])
        return max(0.0, round(self.calls.get("answered", 0) / needed - 1, 4))

    @property
    def clean(self) -> bool:
        """Time and cost are judged by the full run, on a machine that does nothing else."""
        on_time = self.course.short or (not self.late and self.extra_calls <= EXTRA_CALLS)
        return self.findings.clean and not self.broken and on_time


class Submitters:
    """Threads that submit as hospital systems do: one key a case, again with the same key until it is acknowledged."""

    def __init__(self, stand: Stand, course: Course) -> None:
        self._stand, self.course = stand, course
        self._lock = threading.Lock()
        self._next = 0
        self._allowed = 0
        self.acknowledged: list[Acknowledged] = []
        self.answers: Counter[str] = Counter()
        self.unexpected: list[str] = []
        self._given_up = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(SUBMITTERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def allow(self, count: int) -> None:
        """How many cases may have been submitted by now: the load is spread over the faults."""
        self._allowed = max(self._allowed, min(count, self.course.jobs))

    def finish(self, seconds: float) -> None:
        self.allow(self.course.jobs)
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(timeout=max(0.1, end - time.monotonic()))
        self._given_up.set()

    def _run(self) -> None:
        callers = {clinic: self._stand.caller(clinic) for clinic in CLINICS}
        while True:
            with self._lock:
                number = self._next
                if number >= self.course.jobs:
                    return
                waits = number >= self._allowed
                if not waits:
                    self._next += 1
            if waits:
                if self._given_up.wait(0.05):
                    return
                continue
            self._submit(callers[CLINICS[number % len(CLINICS)]], CLINICS[number % len(CLINICS)], number)

    def _submit(self, caller: Any, clinic: str, number: int) -> None:
        # The same keys in every clinic: a key belongs to one clinic.
        key = f"case-{number // len(CLINICS)}"
        mark = f"mark-{self.course.seed}x{number}"
        body = case(mark, words=WORDS, reference=f"{PLANTED}-{number}")
        while not self._given_up.is_set():
            answer = caller.call("POST", "/api/v1/cases/analyze", body, {"Idempotency-Key": key})
            with self._lock:
                self.answers[str(answer.status)] += 1
            if answer.status in (200, 202):
                found = answer.body
                with self._lock:
                    self.acknowledged.append(Acknowledged(clinic, key, found["job"]["id"], found["case"], mark))
                return
            if answer.status in (429, 503):
                if not any(name.lower() == "retry-after" for name in answer.headers):
                    self.unexpected.append(f"{answer.status} without Retry-After")
                time.sleep(0.3)
            elif answer.status == 0:
                time.sleep(0.3)
            else:
                self.unexpected.append(f"{answer.status} {answer.body.get('code')}")
                time.sleep(0.5)


def one_course(course: Course) -> Outcome:
    """Runs it in a process of its own: Django's settings are those of one stand."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_on_a_stand, course).result()


def _on_a_stand(course: Course) -> Outcome:
    settings = {
        "JOB_LEASE_SECONDS": str(LEASE_S),
        "JOB_CLINIC_CAP": "16",
        "DATABASE_CONNECT_TIMEOUT": "2",
        "SWEEP_SECONDS": "0.5",
        **course.settings,
    }
    if course.plant:
        settings |= {"PYTHONPATH": planted_folder(), "BENCH_PLANT": course.plant}
    before = None
    if course.broker == "rabbitmq":
        rabbit = Rabbit()
        settings["CELERY_BROKER_URL"], before = rabbit.url, rabbit.start
    elif course.broker:
        settings["CELERY_BROKER_URL"] = course.broker
    with Stand(clinics=(*CLINICS, BYSTANDER), latency_s=course.latency_s, settings=settings, before=before) as stand:
        bystander = stand.doors.pop(BYSTANDER)
        return _on(stand, course, bystander.clinic)


def _on(stand: Stand, course: Course, bystander: str) -> Outcome:
    from django.db import connection

    from bench.faults import invariants

    invariants.watch()
    if course.plant == "no_fence":
        _drop_the_unique_result()
    stand.keep("beat-standby", "manage.py", "beat")
    stand.worker("worker-prefork", "llm", threads=2, pool="prefork")
    stand.worker("worker-second", "llm", threads=8)
    untouched = invariants.fingerprint(bystander)
    poison = _poison()
    connection.close()
    context = Context(stand, random.Random(course.seed), float(LEASE_S))
    submitters = Submitters(stand, course)
    started = time.monotonic()
    timeline = _strike(context, submitters)
    submitters.finish(60 + course.jobs / 4)
    _drain(course.patience_s)
    seconds = time.monotonic() - started
    context.note_calls()
    findings = invariants.check(submitters.acknowledged, poison=poison, max_attempts=3, logs=stand.logs)
    findings.blamed = invariants.blame(timeline)
    if invariants.fingerprint(bystander) != untouched:
        findings.wrong.append("a clinic that took no part was written to")
    if context.calls.get("planted"):
        findings.leaks.append(f"{context.calls['planted']} prompts held an identifier")
    if len(submitters.acknowledged) < course.jobs:
        context.breaks(f"{course.jobs - len(submitters.acknowledged)} cases were never acknowledged")
    context.broken += sorted(set(submitters.unexpected))
    return Outcome(
        course, findings, len(submitters.acknowledged), submitters.answers, context.calls, context.broken, seconds,
        Counter(name for _, name in timeline), context.submit_ms, context.late,
    )  # fmt: skip


def _strike(context: Context, submitters: Submitters) -> list[tuple[datetime, str]]:
    """One fault after another while the load goes on; when each began."""
    course = submitters.course
    timeline: list[tuple[datetime, str]] = []
    inject = {fault.name: fault.inject for fault in FAULTS}
    submitters.allow(20)
    submitters.start()
    for number, fault in enumerate(course.faults, start=1):
        _wait_for_work()
        timeline.append((datetime.now(UTC), fault))
        inject[fault](context)
        submitters.allow(20 + course.jobs * number // len(course.faults))
        time.sleep(context.random.uniform(0.2, 1.2))
    return timeline


def _wait_for_work() -> None:
    """A fault strikes work that runs; where nothing runs within ten seconds, what is left of the work."""
    from django.db import DatabaseError, connection

    from medassist.jobs.models import Job
    from medassist.tenancy.context import public_context

    def running() -> bool:
        try:
            with public_context():
                return Job.objects.filter(state="running").exists()
        except DatabaseError:
            return False
        finally:
            connection.close()

    wait_until(running, seconds=10)


def _drain(patience_s: float) -> None:
    """Waits while work goes on; a backlog that does not move for `patience_s` is stuck."""
    from django.db import DatabaseError, connection

    from medassist.jobs.models import Job
    from medassist.tenancy.context import public_context

    left, moved = -1, time.monotonic()
    while left and time.monotonic() - moved < patience_s:
        try:
            with public_context():
                now = Job.objects.filter(state__in=("queued", "running")).count()
        except DatabaseError:
            now = left
        finally:
            connection.close()
        if now != left:
            left, moved = now, time.monotonic()
        time.sleep(0.3)


def _poison() -> list[str]:
    """Jobs that no handler can ever finish: a kind that no room binds."""
    from django.db import transaction

    from medassist.accounts.access import system_actor
    from medassist.jobs import services
    from medassist.jobs.schemas import JobKind
    from medassist.tenancy.context import clinic_context

    made = []
    for clinic in CLINICS:
        with clinic_context(clinic), transaction.atomic():
            submitted = services.submit(
                kind=JobKind("bench.poison", "llm"), actor=system_actor(clinic, "bench"), lane="batch",
                references={"case": str(uuid4())},
            )  # fmt: skip
            made.append(str(submitted.job_id))
    return made


def _drop_the_unique_result() -> None:
    """Without its fence the plant would still be stopped by the table; both barriers are taken away."""
    from django.db import connection

    from medassist.tenancy.context import public_context

    with public_context(), connection.cursor() as cursor:
        for clinic in CLINICS:
            cursor.execute(
                "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'u'",
                [f"{clinic}.cases_assessmentrecord"],
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f'ALTER TABLE "{clinic}".cases_assessmentrecord DROP CONSTRAINT "{name}"')


def schedule(seed: int, count: int, *, short: bool = False) -> list[str]:
    """Each kind once in a seeded order, then again, so that a short run meets as many kinds as it can."""
    chooser = random.Random(seed)
    kinds = [fault.name for fault in FAULTS if (fault.short or not short) and fault.everywhere]
    found: list[str] = []
    while len(found) < count:
        chooser.shuffle(kinds)
        found += kinds
    return found[:count]


def short_schedule(broker: str) -> list[str]:
    """Every kind of the short form once, and with a broker of its own that one's death."""
    found = schedule(1, 21, short=True)
    return [*found[:10], "broker killed", *found[10:]] if broker == "rabbitmq" else found


def plant_courses() -> list[tuple[Course, str]]:
    """Each planted defect with the faults that bring it to light, and the findings that would name it."""

    def course(plant: str, *faults: str, latency_s: float = 0.15) -> Course:
        return Course(99, 60, faults, plant=plant, latency_s=latency_s, patience_s=20.0)

    return [
        (course("no_fence", *["worker frozen past its lease"] * 3, latency_s=1.0), "double wrong"),
        (course("no_heartbeat", latency_s=3.0), "extra wrong"),
        (course("infrastructure_burns_attempts", *["model: long storm of 500"] * 2), "wrong"),
        (course("endless_attempts"), "stuck wrong"),
        (course("acknowledged_before_commit"), "lost"),
        (course("no_sweeper", *["all workers killed"] * 3, latency_s=1.0), "stuck"),
        (course("another_case"), "wrong"),
        (course("patient_text_in_log"), "leaks"),
        (course("unaudited_results"), "wrong"),
        (course("identifier_to_model"), "leaks"),
    ]


def caught_by(outcome: Outcome) -> list[str]:
    found = [name for name, count in outcome.findings.counts().items() if count]
    if outcome.extra_calls > EXTRA_CALLS:
        found.append("extra")
    return found


def show(outcome: Outcome) -> None:
    findings, counts = outcome.findings, outcome.findings.counts()
    table(
        f"seed {outcome.course.seed}: {outcome.acknowledged} acknowledged jobs, {sum(outcome.kinds.values())} faults of "
        f"{len(outcome.kinds)} kinds, {outcome.seconds:.0f} s",
        ["", "count"],
        [
            *[[name, count] for name, count in counts.items()],
            ["runs", findings.runs],
            ["extra model answers, %", round(outcome.extra_calls * 100, 2)],
            *[[f"job {name}", count] for name, count in sorted(findings.states.items())],
            *[[f"dead: {name}", count] for name, count in sorted(findings.reasons.items())],
            *[[f"attempt lost around: {name}", count] for name, count in findings.blamed.most_common()],
            *[[f"result {name}", count] for name, count in sorted(findings.statuses.items())],
            *[[f"because {name}", count] for name, count in sorted(findings.status_reasons.items())],
            *[[f"answered {name}", count] for name, count in sorted(outcome.answers.items())],
            *[
                [f"slowest submission, {name}, ms", round(max(times))]
                for name, times in outcome.submit_ms.items()
                if times
            ],
        ],
    )
    for name in counts:
        for example in getattr(findings, name)[:5]:
            say(f"  {name}: {example}")
    for words in outcome.broken[:10]:
        say(f"  broken: {words}")
    for words in outcome.late:
        say(f"  late: {words}")
    for message, count in findings.errors.most_common(12):
        say(f"  log {count:>5} x {message}")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="one seed, few jobs, about two minutes")
    parser.add_argument(
        "--plants", nargs="*", default=None, metavar="NAME", help="planted defects alone (all, or these)"
    )
    parser.add_argument("--jobs", type=int, default=5_100, help="over all seeds")
    parser.add_argument("--faults", type=int, default=156, help="over all seeds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--broker", default="", help="rabbitmq (one is started, where it is installed) or a broker's URL"
    )
    parser.add_argument("--only", nargs="+", default=[], help="only these kinds of fault, by name")
    options = parser.parse_args(arguments)
    courses: list[Course] = []
    if options.plants is None:
        if options.short:
            courses = [Course(1, 240, short_schedule(options.broker), broker=options.broker, short=True)]
        else:
            each, faults = options.jobs // len(options.seeds), options.faults // len(options.seeds)
            courses = [
                Course(
                    seed,
                    each,
                    (options.only * faults)[:faults] if options.only else schedule(seed, faults),
                    broker=options.broker,
                )
                for seed in options.seeds
            ]
    outcomes = []
    for course in courses:
        outcomes.append(one_course(course))
        show(outcomes[-1])
    plants = {} if options.short else _plants(options.plants)
    return _conclude(outcomes, plants)


def _plants(names: Sequence[str] | None) -> dict[str, list[str]]:
    """Name -> by what it was caught."""
    caught: dict[str, list[str]] = {}
    for course, expected in plant_courses():
        if names and course.plant not in names:
            continue
        outcome = one_course(course)
        by = caught_by(outcome)
        caught[course.plant] = sorted(set(by) & set(expected.split()))
        verdict = "caught" if caught[course.plant] else "NOT CAUGHT"
        say(f"planted {course.plant}: {verdict} ({outcome.findings.counts()}, extra {outcome.extra_calls:.2f})")
    return caught


def _conclude(outcomes: Sequence[Outcome], plants: dict[str, list[str]]) -> int:
    totals: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for outcome in outcomes:
        totals.update(outcome.findings.counts())
        kinds.update(outcome.kinds)
    jobs = sum(outcome.acknowledged for outcome in outcomes)
    missed = sorted(name for name, by in plants.items() if not by)
    good = all(outcome.clean for outcome in outcomes) and not missed
    last_line(
        {
            "bench": "faults",
            "ok": good,
            "seeds": len(outcomes),
            "jobs": jobs,
            "faults": sum(kinds.values()),
            "kinds": len(kinds),
            **{name: totals[name] for name in ("lost", "stuck", "double", "wrong", "leaks")},
            "extra_calls": round(max((outcome.extra_calls for outcome in outcomes), default=0.0), 4),
            "broken": sorted({words for outcome in outcomes for words in outcome.broken}),
            "late": sorted({words for outcome in outcomes for words in outcome.late}),
            "planted": len(plants),
            "not_caught": missed,
            "seconds": round(sum(outcome.seconds for outcome in outcomes)),
        }
    )
    return 0 if good else 1
